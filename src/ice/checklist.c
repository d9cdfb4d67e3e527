/* checklist: which pairs are there, and which is checked next? RFC 8445, 6.1.2 and 6.1.4. It sends nothing and knows no
 * messages. */
#include <string.h>

#include "base/address.h"
#include "base/container.h"
#include "base/list.h"
#include "ice/agent.h"
#include "pool/grow.h"

#define FIRST_PAIRS 4

/* ---- finding ---- */

bool path_same(const sluice_path *a, const sluice_path *b) {
	return a->socket == b->socket && address_equal(&a->remote, &b->remote);
}

struct pair *pair_find(const struct session *s, const sluice_path *path) {
	for (size_t i = 0; i < s->pair_count; i++)
		if (path_same(&s->pairs[i]->path, path))
			return s->pairs[i];
	return NULL;
}

/* ---- states and queues ---- */

void pair_untrigger(struct pair *p) {
	struct session *s = p->session;
	if (!p->triggered)
		return;
	QUEUE_REMOVE(s->triggered, s->triggered_end, p, next_triggered);
	p->triggered = false;
}

static bool queued(const struct pair *p) {
	return p->state == ICE_PAIR_WAITING && !p->triggered;
}

static void place(struct pair *p) {
	struct session *s = p->session;
	if (queued(p))
		heap_set(&s->waiting, &p->waiting, UINT64_MAX - p->priority);
	else
		heap_remove(&s->waiting, &p->waiting);
	if (p->state == ICE_PAIR_IN_PROGRESS || p->state == ICE_PAIR_SUCCEEDED)
		heap_set(&s->timers, &p->timer, p->timer.index == HEAP_OUT ? SLUICE_NEVER : p->timer.key);
	else
		heap_remove(&s->timers, &p->timer);
}

void pair_state(struct pair *p, int state) {
	p->state = state;
	if (state == ICE_PAIR_FAILED || state == ICE_PAIR_FROZEN)
		pair_untrigger(p);
	place(p);
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
	place(p);
}

/* RFC 8445, 6.1.2.6: of the pairs with the same foundation one is Waiting, the others are Frozen until it is known whether
 * that way works. */
static bool same_foundation(const struct pair *a, const struct pair *b) {
	return strcmp(a->local->c.foundation, b->local->c.foundation) == 0 &&
	       strcmp(a->remote->foundation, b->remote->foundation) == 0;
}

static bool foundation_is_busy(const struct pair *p) {
	const struct session *s = p->session;
	for (size_t i = 0; i < s->pair_count; i++) {
		const struct pair *q = s->pairs[i];
		if (q != p && (q->state == ICE_PAIR_WAITING || q->state == ICE_PAIR_IN_PROGRESS) && same_foundation(p, q))
			return true;
	}
	return false;
}

void pairs_thaw(struct pair *p, bool all) {
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

/* ---- making and dropping ---- */

/* RFC 8445, 6.1.2.3: "pair priority = 2^32*MIN(G,D) + 2*MAX(G,D) + (G>D?1:0)", G being the controlling agent's candidate. */
static uint64_t pair_priority(const struct ice *ice, const struct local *l, const struct remote *r) {
	uint64_t g = ice->controlling ? l->c.priority : r->priority, d = ice->controlling ? r->priority : l->c.priority;
	return ((g < d ? g : d) << 32) + 2 * (g > d ? g : d) + (g > d);
}

void pairs_prioritise(struct ice *ice, struct session *s) {
	for (size_t i = 0; i < s->pair_count; i++) {
		struct pair *p = s->pairs[i];
		p->priority = pair_priority(ice, p->local, p->remote);
		place(p);
	}
}

/* Each pair has room in both heaps, so that these cannot fail later. */
static bool grow(struct ice *ice, struct session *s) {
	return GROW(ice->env, s->pairs, s->pair_count, s->pair_capacity, FIRST_PAIRS) &&
	       grow_heap(ice->env, &s->waiting, s->pair_count + 1, FIRST_PAIRS) &&
	       grow_heap(ice->env, &s->timers, s->pair_count + 1, FIRST_PAIRS);
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

/* RFC 8445, 6.1.2.2: "A local candidate is paired with a remote candidate if and only if the two candidates have the same
 * component ID and have the same IP address version". */
static bool is_same_kind(const struct local *l, const struct remote *r) {
	return l->paired && r->addr.ss_family && l->c.addr.ss_family == r->addr.ss_family &&
	       r->transport == transport_opposite(l->c.transport);
}

/* RFC 8445, 6.1.2.2 pairs link-local IPv6 only with its like. Loopback is a machine of its own, and a socket either sends IPv6
 * or, by mapped addresses, IPv4. */
bool pair_fits(const struct local *l, const struct remote *r) {
	const struct sockaddr_storage *a = &l->c.addr, *b = &r->addr;
	/* RFC 6544, 6.2: a passive candidate checks nobody. Its pairs come from the connections that come, as peer-reflexive. */
	if (!is_same_kind(l, r) || (l->c.transport == CANDIDATE_TCP_PASSIVE && r->type != CANDIDATE_PRFLX))
		return false;
	if (address_is_any(b) || address_is_mapped(a) != address_is_mapped(b) || address_is_loopback(a) != address_is_loopback(b))
		return false;
	return !address_is_ipv6(a) || address_is_link_local(a) == address_is_link_local(b);
}

/* Which base of ours reaches a link-local address is told by the scope of the local one. */
static sluice_path path_of(const struct local *l, const struct remote *r) {
	sluice_path path = {.socket = l->socket, .remote = r->addr, .remote_len = address_len(&r->addr)};
	address_take_scope(&path.remote, &l->c.addr);
	return path;
}

struct pair *pair_add(struct ice *ice, struct session *s, struct local *l, struct remote *r, const sluice_path *heard) {
	if (heard ? !is_same_kind(l, r) : !pair_fits(l, r))
		return NULL;
	sluice_path path = heard ? *heard : path_of(l, r);
	struct pair *p = pair_find(s, &path);
	if (p)
		return p;
	uint64_t priority = pair_priority(ice, l, r);
	if (!crowd_admit_pair(ice, s, priority, heard != NULL) || !grow(ice, s))
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
	relay_permit(ice, &p->path, false);
	/* What comes after the connection was lost is there because what we had is gone: it does not wait until a check of an old
	 * port has been repeated in vain for ten seconds, only because the address is the same and so the foundation. */
	if (ice->lost_since != SLUICE_NEVER || !foundation_is_busy(p))
		pair_state(p, ICE_PAIR_WAITING);
	ice->dirty = true;
	return p;
}

void pairs_of_local(struct ice *ice, struct session *s, struct local *l) {
	for (struct remote *r = s->remotes; r; r = r->next)
		pair_add(ice, s, l, r, NULL);
}

void pairs_of_remote(struct ice *ice, struct session *s, struct remote *r) {
	for (struct local *l = s->locals; l; l = l->next)
		pair_add(ice, s, l, r, NULL);
}

/* ---- what is next ---- */

#define PAIR_OF(node, member) CONTAINER_OF(node, struct pair, member)

static bool may_check(const struct ice *ice, const struct session *s) {
	return s->remote_pwd && !ice->config.lite && ice->state != ICE_FAILED && ice->state != ICE_CLOSED;
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
		if (!check_is_spent(ice, PAIR_OF(node, timer), now))
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
		at = earlier(at, s->burst_left ? 0 : s->next_check);
	return at;
}

/* ---- the invariants ---- */

static bool pair_check(const struct ice *ice, const struct session *s, const struct pair *p) {
	bool timed = p->state == ICE_PAIR_IN_PROGRESS || p->state == ICE_PAIR_SUCCEEDED, listed = false;
	for (const struct pair *t = s->triggered; t; t = t->next_triggered)
		listed |= t == p;
	return p->session == s && (p->waiting.index != HEAP_OUT) == queued(p) && (p->timer.index != HEAP_OUT) == timed &&
	       listed == p->triggered && p->priority == pair_priority(ice, p->local, p->remote) &&
	       p->path.socket == p->local->socket && (!p->nominated || p->state == ICE_PAIR_SUCCEEDED);
}

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
