/* lite: what does an agent do that only answers? RFC 8445, 2.5 and 8.2.
 *
 * A pair is valid when an authenticated check came over it: the full agent on the other side sends data there only after our
 * answer reached it. Data goes to the pair that was nominated last, before that to the best one that was checked. */
#ifndef ICE_LITE_H
#define ICE_LITE_H

#include "ice/agent.h"

/* A check came over this pair. */
void lite_checked(struct ice *ice, struct pair *p, bool nominates, uint64_t now);
/* When the next keepalive is due; SLUICE_NEVER for a full agent. */
uint64_t lite_deadline(const struct ice *ice);
/* Sends a keepalive. As emit_message. */
int lite_output(struct ice *ice, sluice_batch *batch, uint64_t now);

#endif
