/* remote: which candidates does the other side have, announced or seen?
 *
 * The public functions ice_add_remote(), ice_remote_done() and ice_remote_count() are here. It knows no passwords. */
#ifndef ICE_REMOTE_H
#define ICE_REMOTE_H

#include "ice/agent.h"

/* The sender of a check, which may be known already. NULL: no memory or room, or not wanted. */
struct remote *remote_add_reflexive(struct ice *ice, struct session *s, const struct local *l, const sluice_path *path,
                                    uint32_t priority);
void remote_free_all(struct ice *ice, struct session *s);
/* A name to be looked up. */
bool remote_poll_request(struct ice *ice, struct ice_request *r);
/* False: the answer is to no question of this file. */
bool remote_resolved(struct ice *ice, uint32_t id, const struct sockaddr_storage *addrs, size_t count);

#endif
