/* gather: on which addresses of the machine does one peer have sockets?
 *
 * RFC 8445, 5.1.1.1: a host candidate for each address. What an interface list says and a peer's configuration wants is opened and
 * told to the peer; what vanishes is taken back. */
#ifndef LOOP_GATHER_H
#define LOOP_GATHER_H

#include "loop/driver.h"
#include "loop/interface.h"
#include "loop/stream.h"

struct gather {
	sluice_gather_config config;
	struct sockaddr_storage bind; /* ss_family 0: every address */
	struct stream_trust trust;
};

/* Opens what is missing and closes what is gone. The driver is not busy. */
void gather_follow(struct driver *d, const struct interface_list *list);
void gather_free(struct driver *d);

#endif
