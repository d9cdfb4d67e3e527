/* path: is this the address that we talk to, and does what came from it look like DTLS? It knows no peer. */
#ifndef PEER_PATH_H
#define PEER_PATH_H

#include <stdbool.h>

#include "sluice/env.h"

/* The same address and port. The rest of a sockaddr (padding, flow labels) does not matter. */
bool path_equal(const sluice_path *a, const sluice_path *b);

/* Could these bytes be a record of DTLS? They have its first byte (packet_kind.h), and the version 254.x of RFC 6347, 4.1. */
bool path_is_dtls(const sluice_datagram *d);

#endif
