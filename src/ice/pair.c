/* pair.c: one pair, its states and its place in the queues. */
#include "ice/pair.h"

#include <string.h>

#include "base/address.h"
#include "base/list.h"
#include "ice/relayed.h"

/* ---- finding ---- */

bool pair_same_path(const sluice_path *a, const sluice_path *b) {
	return a->socket == b->socket && address_equal(&a->remote, &b->remote);
}

struct pair *pair_find(const struct session *s, const sluice_path *path) {
	for (size_t i = 0; i < s->pair_count; i++)
		if (pair_same_path(&s->pairs[i]->path, path))
			return s->pairs[i];
	return NULL;
}

/* ---- what it is worth ---- */

/* RFC 8445, 6.1.2.3: "pair priority = 2^32*MIN(G,D) + 2*MAX(G,D) + (G>D?1:0)", G being the controlling agent's candidate. */
uint64_t pair_priority(const struct ice *ice, const struct local *l, const struct remote *r) {
	uint64_t g = ice->controlling ? l->c.priority : r->priority, d = ice->controlling ? r->priority : l->c.priority;
	return ((g < d ? g : d) << 32) + 2 * (g > d ? g : d) + (g > d);
}

/* RFC 8445, 6.1.2.2: "A local candidate is paired with a remote candidate if and only if the two candidates have the same
 * component ID and have the same IP address version". */
bool pair_is_same_kind(const struct local *l, const struct remote *r) {
	return l->paired && r->addr.ss_family && l->c.addr.ss_family == r->addr.ss_family &&
	       r->transport == candidate_opposite(l->c.transport);
}

/* RFC 8445, 6.1.2.2 pairs link-local IPv6 only with link-local IPv6. Loopback addresses reach only each other. A socket sends
 * either IPv6 or, by mapped addresses, IPv4. */
bool pair_fits(const struct local *l, const struct remote *r) {
	const struct sockaddr_storage *a = &l->c.addr, *b = &r->addr;
	/* RFC 6544, 6.2: a passive candidate sends no checks. Its pairs are made when connections come in, as peer-reflexive. */
	if (!pair_is_same_kind(l, r) || (l->c.transport == CANDIDATE_TCP_PASSIVE && r->type != CANDIDATE_PRFLX))
		return false;
	if (address_is_any(b) || address_is_mapped(a) != address_is_mapped(b) || address_is_loopback(a) != address_is_loopback(b))
		return false;
	return !address_is_ipv6(a) || address_is_link_local(a) == address_is_link_local(b);
}

/* ---- states and queues ---- */

void pair_untrigger(struct pair *p) {
	struct session *s = p->session;
	if (!p->triggered)
		return;
	QUEUE_REMOVE(s->triggered, s->triggered_end, p, next_triggered);
	p->triggered = false;
}

static bool is_queued(const struct pair *p) {
	return p->state == ICE_PAIR_WAITING && !p->triggered;
}

static void requeue(struct pair *p) {
	struct session *s = p->session;
	if (is_queued(p))
		heap_set(&s->waiting, &p->waiting, UINT64_MAX - p->priority);
	else
		heap_remove(&s->waiting, &p->waiting);
	if (p->state == ICE_PAIR_IN_PROGRESS || p->state == ICE_PAIR_SUCCEEDED)
		heap_set(&s->timers, &p->timer, p->timer.index == HEAP_OUT ? SLUICE_NEVER : p->timer.key);
	else
		heap_remove(&s->timers, &p->timer);
}

void pair_state(struct pair *p, enum ice_pair_state state) {
	p->state = state;
	if (state == ICE_PAIR_FAILED || state == ICE_PAIR_FROZEN)
		pair_untrigger(p);
	requeue(p);
}

void pair_trigger(struct ice *ice, struct pair *p) {
	struct session *s = p->session;
	if (p->triggered || !s->remote_pwd || ice->config.lite)
		return;
	if (p->state == ICE_PAIR_FAILED || p->state == ICE_PAIR_FROZEN || p->state == ICE_PAIR_IN_PROGRESS) {
		p->state = ICE_PAIR_WAITING;
		p->tries = 0;
	}
	p->triggered = true;
	QUEUE_APPEND(s->triggered_end, p, next_triggered);
	requeue(p);
}

void pair_prioritise_all(struct ice *ice, struct session *s) {
	for (size_t i = 0; i < s->pair_count; i++) {
		struct pair *p = s->pairs[i];
		p->priority = pair_priority(ice, p->local, p->remote);
		requeue(p);
	}
}

/* RFC 8445, 6.1.2.6: of the pairs with the same foundation one is Waiting. The others stay Frozen until it is known whether that
 * one works. */
static bool same_foundation(const struct pair *a, const struct pair *b) {
	return strcmp(a->local->c.foundation, b->local->c.foundation) == 0 &&
	       strcmp(a->remote->foundation, b->remote->foundation) == 0;
}

bool pair_foundation_is_busy(const struct pair *p) {
	const struct session *s = p->session;
	for (size_t i = 0; i < s->pair_count; i++) {
		const struct pair *q = s->pairs[i];
		if (q != p && (q->state == ICE_PAIR_WAITING || q->state == ICE_PAIR_IN_PROGRESS) && same_foundation(p, q))
			return true;
	}
	return false;
}

void pair_thaw(struct pair *p, bool all) {
	struct session *s = p->session;
	struct pair *best = NULL;
	for (size_t i = 0; i < s->pair_count; i++) {
		struct pair *q = s->pairs[i];
		if (q->state != ICE_PAIR_FROZEN || !same_foundation(p, q))
			continue;
		if (all)
			pair_state(q, ICE_PAIR_WAITING);
		else if (!best || q->priority > best->priority)
			best = q;
	}
	if (best)
		pair_state(best, ICE_PAIR_WAITING);
}

/* ---- failure and end ---- */

void pair_fail(struct ice *ice, struct pair *p) {
	if (p->state == ICE_PAIR_FAILED)
		return;
	relayed_doubt(ice, &p->path);
	p->nominated = p->nominating = false;
	p->tries = 0;
	p->unanswered_since = SLUICE_NEVER;
	pair_state(p, ICE_PAIR_FAILED);
	pair_thaw(p, false);
	if (ice->selected == p) {
		ice->selected = NULL;
		ice->event_route = true;
	}
	ice->dirty = true;
}

void pair_remove(struct ice *ice, struct pair *p) {
	struct session *s = p->session;
	pair_untrigger(p);
	heap_remove(&s->waiting, &p->waiting);
	heap_remove(&s->timers, &p->timer);
	for (size_t i = 0; i < s->pair_count; i++)
		if (s->pairs[i] == p)
			s->pairs[i] = s->pairs[--s->pair_count];
	if (ice->selected == p) {
		ice->selected = NULL;
		ice->event_route = true;
	}
	ice->dirty = true;
	env_free(ice->env, p);
}

/* ---- the invariants ---- */

bool pair_check(const struct ice *ice, const struct session *s, const struct pair *p) {
	bool timed = p->state == ICE_PAIR_IN_PROGRESS || p->state == ICE_PAIR_SUCCEEDED, listed = false;
	for (const struct pair *t = s->triggered; t; t = t->next_triggered)
		listed |= t == p;
	return p->session == s && (p->waiting.index != HEAP_OUT) == is_queued(p) && (p->timer.index != HEAP_OUT) == timed &&
	       listed == p->triggered && p->priority == pair_priority(ice, p->local, p->remote) &&
	       p->path.socket == p->local->socket && (!p->nominated || p->state == ICE_PAIR_SUCCEEDED);
}
