/* consent: does a valid pair still answer, and which of them is used? RFC 7675; RFC 8445, 11 and 12.
 *
 * A valid pair is asked again and again: the selected one for consent, and a few others, so that one is known to work when the
 * selected one falls silent. These requests are the keepalives, too. */
#ifndef ICE_CONSENT_H
#define ICE_CONSENT_H

#include "ice/agent.h"

/* A request left or an answer came on a valid pair: when is the next request? */
void consent_schedule(struct ice *ice, struct pair *p, uint64_t now);
/* Does the pair answer, as far as is known? */
bool consent_alive(const struct ice *ice, const struct pair *p, uint64_t now);
/* Has it been silent for so long that the app has to know? */
bool consent_silent(const struct ice *ice, const struct pair *p, uint64_t now);
/* Is a pair that was valid, and is not in use, given up? */
bool consent_expired(const struct ice *ice, const struct pair *p, uint64_t now);
/* The pair to use; NULL: none works. */
struct pair *consent_choose(struct ice *ice, uint64_t now);
/* Asks the selected pair at once, or a moment after its last answer. */
void consent_doubt(struct ice *ice);
/* The socket of this candidate fell asleep or woke up: its pairs are asked at once. */
void consent_follow_sleep(struct ice *ice, struct session *s, const struct local *l);
void consent_advance(struct ice *ice, uint64_t now);
uint64_t consent_deadline(const struct ice *ice);

#endif
