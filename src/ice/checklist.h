/* checklist: which pairs are made, and which of them is checked next? RFC 8445, 6.1.2 and 6.1.4.
 *
 * It sends nothing and knows no messages. */
#ifndef ICE_CHECKLIST_H
#define ICE_CHECKLIST_H

#include "ice/agent.h"

/* Requests to a pair that never answered. With the default RTO the last one is given up after 10 s. */
#define CHECKLIST_TRIES 8

/* Makes the pair of the two, or finds it. `heard`: the path over which a check came, or NULL. A pair that was heard is worth more
 * than those of which nothing is known, and is made whatever pair_fits() says: RFC 8445, 7.3.1.4 pairs every check that is
 * answered, since the check itself shows that the way is there. NULL: the two do not fit, or there is no room or memory. */
struct pair *checklist_add(struct ice *ice, struct session *s, struct local *l, struct remote *r, const sluice_path *heard);
/* The pairs of a new candidate with all of the other side. */
void checklist_add_local(struct ice *ice, struct session *s, struct local *l);
void checklist_add_remote(struct ice *ice, struct session *s, struct remote *r);

/* The pair whose check is due now, taken out of its queue; NULL. */
struct pair *checklist_next(struct ice *ice, struct session *s, uint64_t now);
/* Pairs whose last try stayed without answer fail, as far as they stand before those that are to be checked; checklist_next()
 * does the rest. */
void checklist_expire(struct ice *ice, struct session *s, uint64_t now);
uint64_t checklist_deadline(const struct ice *ice, const struct session *s);

bool checklist_check(const struct ice *ice, const struct session *s);

#endif
