/* answers: which requests wait for their answer to leave?
 *
 * An answer is composed when it leaves, so that what was learnt from the request (a DTLS flight) can ride on it. */
#ifndef ICE_ANSWERS_H
#define ICE_ANSWERS_H

#include "ice/agent.h"

/* Without memory or room the answer is dropped, and the sender asks again. */
void answers_add(struct ice *ice, const struct answer *a);
/* Those that a session, or a socket, can no longer send. */
void answers_forget(struct ice *ice, const struct session *s);
void answers_forget_socket(struct ice *ice, uint32_t socket);
void answers_drop(struct ice *ice);
/* Sends the oldest; there must be one. As emit_message. */
int answers_output(struct ice *ice, sluice_batch *batch);

#endif
