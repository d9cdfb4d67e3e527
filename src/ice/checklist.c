/* checklist.c: which pairs are made, and which of them is next. */
#include "ice/checklist.h"

#include "base/address.h"
#include "base/arith.h"
#include "base/container.h"
#include "ice/consent.h"
#include "ice/crowd.h"
#include "ice/pair.h"
#include "ice/relayed.h"
#include "pool/grow.h"

#define FIRST_PAIRS 4

/* ---- making ---- */

/* Each pair has room in both heaps, so that these cannot fail later. */
static bool reserve(struct ice *ice, struct session *s) {
	return GROW(ice->env, s->pairs, s->pair_count, s->pair_capacity, FIRST_PAIRS) &&
	       grow_heap(ice->env, &s->waiting, s->pair_count + 1, FIRST_PAIRS) &&
	       grow_heap(ice->env, &s->timers, s->pair_count + 1, FIRST_PAIRS);
}

/* A link-local address gets the scope of our address: it says over which interface the address is reached. */
static sluice_path path_of(const struct local *l, const struct remote *r) {
	sluice_path path = {.socket = l->socket, .remote = r->addr, .remote_len = address_len(&r->addr)};
	address_take_scope(&path.remote, &l->c.addr);
	return path;
}

/* Room for one more pair, if need be in place of one that is worth less. */
static bool admit_pair(struct ice *ice, struct session *s, uint64_t priority, bool heard) {
	struct pair *goes;
	if (!crowd_admit_pair(ice, s, priority, heard, &goes))
		return false;
	if (goes)
		pair_remove(ice, goes);
	return true;
}

struct pair *checklist_add(struct ice *ice, struct session *s, struct local *l, struct remote *r, const sluice_path *heard) {
	if (heard ? !pair_is_same_kind(l, r) : !pair_fits(l, r))
		return NULL;
	sluice_path path = heard ? *heard : path_of(l, r);
	struct pair *p = pair_find(s, &path);
	if (p)
		return p;
	uint64_t priority = pair_priority(ice, l, r);
	if (!admit_pair(ice, s, priority, heard != NULL) || !reserve(ice, s))
		return NULL;
	p = env_zalloc(ice->env, sizeof *p);
	if (!p)
		return NULL;
	p->session = s;
	p->local = l;
	p->remote = r;
	p->path = path;
	p->priority = priority;
	p->waiting.index = p->timer.index = HEAP_OUT;
	p->unanswered_since = SLUICE_NEVER;
	p->state = ICE_PAIR_FROZEN;
	s->pairs[s->pair_count++] = p;
	relayed_permit(ice, &p->path, false);
	/* A candidate that comes after the connection was lost comes because the old ones are gone. Its pair does not wait for a
	 * pair of the same foundation: that one may check an old port of the same address in vain for ten seconds. */
	if (ice->lost_since != SLUICE_NEVER || !pair_foundation_is_busy(p))
		pair_state(p, ICE_PAIR_WAITING);
	ice->dirty = true;
	return p;
}

void checklist_add_local(struct ice *ice, struct session *s, struct local *l) {
	for (struct remote *r = s->remotes; r; r = r->next)
		checklist_add(ice, s, l, r, NULL);
}

void checklist_add_remote(struct ice *ice, struct session *s, struct remote *r) {
	for (struct local *l = s->locals; l; l = l->next)
		checklist_add(ice, s, l, r, NULL);
}

/* ---- what is next ---- */

#define PAIR_OF(node, member) CONTAINER_OF(node, struct pair, member)

static bool may_check(const struct ice *ice, const struct session *s) {
	return s->remote_pwd && !ice->config.lite && ice->state != ICE_FAILED && ice->state != ICE_CLOSED;
}

static bool is_spent(const struct ice *ice, const struct pair *p, uint64_t now) {
	return p->state == ICE_PAIR_SUCCEEDED ? consent_expired(ice, p, now) : p->tries >= CHECKLIST_TRIES;
}

void checklist_expire(struct ice *ice, struct session *s, uint64_t now) {
	for (;;) {
		struct heap_node *node = heap_min(&s->timers);
		if (!node || node->key > now)
			return;
		struct pair *p = PAIR_OF(node, timer);
		if (!is_spent(ice, p, now))
			return;
		pair_fail(ice, p);
	}
}

struct pair *checklist_next(struct ice *ice, struct session *s, uint64_t now) {
	if (!may_check(ice, s))
		return NULL;
	if (s->triggered) {
		struct pair *p = s->triggered;
		pair_untrigger(p);
		return p;
	}
	struct heap_node *node;
	while ((node = heap_min(&s->timers)) != NULL && node->key <= now) {
		if (!is_spent(ice, PAIR_OF(node, timer), now))
			return PAIR_OF(node, timer);
		pair_fail(ice, PAIR_OF(node, timer));
	}
	node = s == ice->current ? heap_min(&s->waiting) : NULL;
	if (!node || (s->burst_left == 0 && s->next_check > now))
		return NULL;
	if (s->burst_left)
		s->burst_left--;
	s->next_check = now + ice->config.pacing;
	return PAIR_OF(node, waiting);
}

uint64_t checklist_deadline(const struct ice *ice, const struct session *s) {
	if (!may_check(ice, s))
		return SLUICE_NEVER;
	if (s->triggered)
		return 0;
	const struct heap_node *timer = heap_min(&s->timers);
	uint64_t at = timer ? timer->key : SLUICE_NEVER;
	if (s == ice->current && heap_min(&s->waiting))
		at = min64(at, s->burst_left ? 0 : s->next_check);
	return at;
}

/* ---- the invariants ---- */

bool checklist_check(const struct ice *ice, const struct session *s) {
	size_t triggered = 0, flagged = 0;
	struct pair *const *end = &s->triggered;
	for (struct pair *p = s->triggered; p; p = p->next_triggered, triggered++)
		end = &p->next_triggered;
	for (size_t i = 0; i < s->pair_count; i++) {
		if (!pair_check(ice, s, s->pairs[i]))
			return false;
		flagged += s->pairs[i]->triggered;
	}
	return triggered == flagged && end == s->triggered_end && s->pair_count <= ice->config.max_pairs &&
	       s->pair_count <= s->pair_capacity && heap_check(&s->waiting) && heap_check(&s->timers);
}
