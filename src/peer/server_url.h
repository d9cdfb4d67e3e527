/* server_url: which server does a "stun:" or "turn:" URL name? RFC 7064, RFC 7065. It knows no agent's state. */
#ifndef PEER_SERVER_URL_H
#define PEER_SERVER_URL_H

#include "ice/ice.h"

#define SERVER_HOST_MAX 256

/* host is filled in and out->host points to it; the credentials are the caller's to add. Returns 0 or SLUICE_INVALID. */
int server_url_parse(const char *url, char host[SERVER_HOST_MAX], struct ice_server *out);

#endif
