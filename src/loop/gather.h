/* gather: on which addresses of the machine does one peer have sockets?
 *
 * RFC 8445, 5.1.1.1: a host candidate for each address. Each address that an interface has and the peer's configuration wants
 * gets a socket, and the peer a candidate; both are taken back when the address vanishes. An address that is of no use for a
 * while (no carrier, not running, tentative again) keeps its socket, which sleeps. An address that vanished and comes back gets
 * the port that it had: the other side knows that port, and when both sides were interrupted nobody could send it another one. */
#ifndef LOOP_GATHER_H
#define LOOP_GATHER_H

#include "loop/driver.h"
#include "loop/interface.h"
#include "loop/stream.h"

#define GATHER_PORTS_MAX 32

struct gather {
	struct driver *driver;
	struct interface_follower follower;
	sluice_gather_config config;
	struct sockaddr_storage bind; /* ss_family 0: every address */
	struct stream_trust trust;
	struct sockaddr_storage ports[GATHER_PORTS_MAX]; /* of sockets that were closed, a ring; ss_family 0: none */
	size_t next_port;
};

#endif
