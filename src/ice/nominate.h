/* nominate: when does the controlling side settle on a pair, and what does the controlled side make of it? RFC 8445, 8.1.
 *
 * Data does not wait for any of this: it uses the best valid pair from the first moment. */
#ifndef ICE_NOMINATE_H
#define ICE_NOMINATE_H

#include "ice/agent.h"

/* Controlling: nominates the best pair when waiting longer is not worth it. */
void nominate_settle(struct ice *ice, uint64_t now);
/* Controlled: a check came that nominates this pair. */
void nominate_received(struct ice *ice, struct pair *p);
/* The pair is nominated, as far as this side is concerned. */
void nominate_done(struct ice *ice, struct pair *p);

#endif
