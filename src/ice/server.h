/* server: which STUN and TURN servers were configured, and what are their addresses? */
#ifndef ICE_SERVER_H
#define ICE_SERVER_H

#include "ice/agent.h"

/* Copies the configured servers. 0, SLUICE_INVALID, SLUICE_NO_MEMORY. */
int server_open_all(struct ice *ice, const struct ice_config *config);
void server_free_all(struct ice *ice);
/* Gathering begins: names have to be looked up, once more where that failed before. */
void server_look_up_all(struct ice *ice);
/* A name to be looked up. */
bool server_poll_request(struct ice *ice, struct ice_request *r);
/* False: the answer is to no question of this file. */
bool server_resolved(struct ice *ice, uint32_t id, const struct sockaddr_storage *addrs, size_t count);
/* True: a name was given up. */
bool server_advance(struct ice *ice, uint64_t now);
uint64_t server_deadline(const struct ice *ice);
/* Is a name still to be looked up? */
bool server_waits(const struct ice *ice);

#endif
