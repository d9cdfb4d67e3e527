/* checks: how does a connectivity check go out, how is one answered, and what follows from both? RFC 8445, 7. */
#ifndef ICE_CHECKS_H
#define ICE_CHECKS_H

#include "ice/agent.h"

/* Sends a check over this pair. As emit_message. */
int checks_send(struct ice *ice, struct pair *p, sluice_batch *batch, uint64_t now);
/* d: narrowed to an embedded DTLS datagram when ICE_DTLS is returned. */
enum ice_verdict checks_input(struct ice *ice, const sluice_path *path, sluice_datagram *d, const struct stun_message *m,
                              uint64_t now);
/* A good check came (or had come) from there: its pair, made if need be, and what the check sets off. NULL: no room, or not
 * wanted. */
struct pair *checks_arrived(struct ice *ice, struct session *s, const sluice_path *path, uint32_t priority, bool nominate);

#endif
