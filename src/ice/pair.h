/* pair: which state is a pair in, and in which queue of its session does it stand? RFC 8445, 6.1.2.
 *
 * It sends nothing and knows no messages. Which pairs are made, and which is next, is checklist.c's question. */
#ifndef ICE_PAIR_H
#define ICE_PAIR_H

#include "ice/agent.h"

bool pair_same_path(const sluice_path *a, const sluice_path *b);
/* The pair of a socket and a remote address; NULL. */
struct pair *pair_find(const struct session *s, const sluice_path *path);

/* Could the two be a pair at all, by family and transport? */
bool pair_is_same_kind(const struct local *l, const struct remote *r);
/* Are the two worth a check of ours, as far as their addresses show? */
bool pair_fits(const struct local *l, const struct remote *r);
uint64_t pair_priority(const struct ice *ice, const struct local *l, const struct remote *r);
/* Our role has changed, or the priority of a candidate has. */
void pair_prioritise_all(struct ice *ice, struct session *s);

void pair_state(struct pair *p, enum ice_pair_state state);
/* The next check goes over this pair, before all ordinary ones. */
void pair_trigger(struct ice *ice, struct pair *p);
void pair_untrigger(struct pair *p);
/* Does another pair of this one's foundation wait for its check, or for its answer? */
bool pair_foundation_is_busy(const struct pair *p);
/* Unfreezes pairs of this one's foundation: all of them, or the best one. */
void pair_thaw(struct pair *p, bool all);

/* The pair does not work. When it was the selected one, none is selected. */
void pair_fail(struct ice *ice, struct pair *p);
/* Frees it. When it was the selected one, none is selected. */
void pair_remove(struct ice *ice, struct pair *p);

bool pair_check(const struct ice *ice, const struct session *s, const struct pair *p);

#endif
