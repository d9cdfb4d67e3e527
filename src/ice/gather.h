/* gather: where do the candidates of this side come from? Host candidates from the driver's sockets, server-reflexive ones from
 * STUN servers, relayed ones from TURN servers. RFC 8445, 5.1.1.
 *
 * Sockets and addresses of servers come in here, and go on to local.c, query.c and relay.c, which do not know this file. The
 * public functions ice_gather(), ice_add_local(), ice_set_local_running() and ice_remove_local() are here. */
#ifndef ICE_GATHER_H
#define ICE_GATHER_H

#include "ice/agent.h"

/* Something may have changed how far gathering is. */
void gather_update(struct ice *ice);
/* A name was looked up. False: it is not the name of a server. */
bool gather_resolved(struct ice *ice, uint32_t id, const struct sockaddr_storage *addrs, size_t count);
void gather_advance(struct ice *ice, uint64_t now);
/* Of servers and queries; relay_deadline() comes on top. */
uint64_t gather_deadline(const struct ice *ice);

#endif
