/* settle: which pair is used, and which state is the agent in? Both follow from what happened; every verb ends with it. */
#ifndef ICE_SETTLE_H
#define ICE_SETTLE_H

#include "ice/agent.h"

void settle_all(struct ice *ice, uint64_t now);
/* Gives up when checks never brought a pair, or brought none back. */
void settle_advance(struct ice *ice, uint64_t now);
uint64_t settle_deadline(const struct ice *ice);
/* The first time of something, for the statistics. */
void settle_note_figure(uint64_t *figure, const struct ice *ice, uint64_t now);

#endif
