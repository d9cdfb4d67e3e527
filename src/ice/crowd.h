/* crowd: there are as many candidates or pairs as are remembered, and one more comes: which one goes?
 *
 * RFC 8445, 6.1.2.5 bounds the check list by discarding the candidate pairs of lowest priority. A priority says what an address
 * would be worth if it worked. What is known by now counts more, so a candidate is judged by its standing first, and by its
 * priority among those of one standing. It removes nothing by itself: it answers which one goes. It knows no messages and no
 * time. */
#ifndef ICE_CROWD_H
#define ICE_CROWD_H

#include "ice/agent.h"

/* Is there room for this candidate of the other side? *goes: the one to be removed first, or NULL. False: those that are there
 * are worth more. */
bool crowd_admit_remote(const struct ice *ice, const struct session *s, const struct candidate *c, struct remote **goes);
/* The oldest of the peer-reflexive candidates that nobody speaks from any more. NULL: there are only a few, which may stay. */
struct remote *crowd_stale_reflexive(const struct ice *ice, const struct session *s);
/* The same for a pair of this priority. heard: a check came over it. */
bool crowd_admit_pair(const struct ice *ice, const struct session *s, uint64_t priority, bool heard, struct pair **goes);
/* The same for a candidate of this side. One that the other side saw once, and no pair shows any more, may go. */
bool crowd_admit_local(const struct session *s, struct local **goes);

#endif
