/* local: which candidates does this side have?
 *
 * The public functions ice_local(), ice_local_count() and ice_default_candidate() are here. Where the candidates come from is
 * gather.c's question. */
#ifndef ICE_LOCAL_H
#define ICE_LOCAL_H

#include "ice/agent.h"

struct base *local_base(const struct ice *ice, uint32_t socket);
/* May a request go from there to there? */
bool local_base_reaches(const struct sockaddr_storage *from, const struct sockaddr_storage *to);

/* Adds a candidate to the current session, unless one of the same type, base and address is there. NULL: no memory or room, or
 * the candidate is filtered out. */
struct local *local_add(struct ice *ice, enum candidate_type type, const struct base *base, const struct sockaddr_storage *addr,
                        const struct sockaddr_storage *related, const struct sockaddr_storage *server);
/* The candidate of ours that the other side saw over this pair, a new peer-reflexive one where it is not known. NULL: no memory
 * or room. */
struct local *local_seen(struct ice *ice, struct pair *p, const struct sockaddr_storage *mapped);
/* The candidates of a socket sleep from now on, or do not. */
void local_set_asleep(struct ice *ice, uint32_t socket, bool asleep);
/* The socket is gone: its candidates, pairs and answers go. */
void local_forget_socket(struct ice *ice, uint32_t socket);

#endif
