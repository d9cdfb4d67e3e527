#include "loop/schedule.h"

#include "base/container.h"
#include "base/list.h"
#include "pool/grow.h"
#include "sluice/loop.h"

#define FIRST_NODES 8

/* ---- deadlines --------------------------------------------------------------------------------------------------- */

static void set_timer(struct schedule *s, uint64_t at, uint64_t now) {
	ev_timer_stop(s->ev, &s->timer);
	s->timer_at = at;
	if (at == SLUICE_NEVER)
		return;
	/* libev counts from when its turn began. What took time since then would make the timer come too early, for nothing. */
	ev_now_update(s->ev);
	ev_timer_set(&s->timer, at > now ? (double)(at - now) / 1e9 : 0., 0.);
	ev_timer_start(s->ev, &s->timer);
}

void schedule_follow(struct schedule *s) {
	struct heap_node *first = heap_min(&s->heap);
	if (first && (first->key < s->timer_at || first->key - s->timer_at > SCHEDULE_STEP))
		set_timer(s, first->key, sluice_now());
	spin_prolong(&s->spin);
}

bool schedule_reserve(struct schedule *s, sluice_env *env, size_t nodes) {
	return grow_heap(env, &s->heap, nodes, FIRST_NODES);
}

void schedule_stop(struct schedule *s, struct schedule_node *n) {
	heap_remove(&s->heap, &n->deadline);
	if (!s->heap.count)
		set_timer(s, SLUICE_NEVER, 0);
}

static void on_timer(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	struct schedule *s = w->data;
	uint64_t now = sluice_now();
	s->timer_at = SLUICE_NEVER;
	/* Each node at most once, so that a peer that wants to be called again at once does not keep the others waiting. */
	for (size_t turns = s->heap.count; turns > 0; turns--) {
		struct heap_node *first = heap_min(&s->heap);
		if (!first || first->key > now)
			break;
		s->ops->on_deadline(CONTAINER_OF(first, struct schedule_node, deadline), now);
	}
	schedule_follow(s);
}

/* ---- dirty: something was queued outside of our functions ---------------------------------------------------------- */

void schedule_mark_dirty(struct schedule *s, struct schedule_node *n) {
	if (n->is_dirty)
		return;
	n->is_dirty = true;
	QUEUE_APPEND(s->dirty_end, n, next_dirty);
}

void schedule_unmark_dirty(struct schedule *s, struct schedule_node *n) {
	if (!n->is_dirty)
		return;
	QUEUE_REMOVE(s->dirty, s->dirty_end, n, next_dirty);
	n->is_dirty = false;
}

/* With hundreds of dirty nodes the memory of each has left the cache. What the next ones need is asked for meanwhile. */
#define SOON 5

static void tell_soon(const struct schedule *s) {
	const struct schedule_node *n = s->dirty;
	for (unsigned turns = 1; n && turns <= SOON; turns++, n = n->next_dirty)
		s->ops->on_soon(n, turns);
}

/* The ev_loop is about to block. */
static void on_prepare(struct ev_loop *ev, ev_prepare *w, int events) {
	(void)ev;
	(void)events;
	struct schedule *s = w->data;
	if (!s->dirty)
		return;
	uint64_t now = sluice_now();
	while (s->dirty) {
		struct schedule_node *n = s->dirty;
		schedule_unmark_dirty(s, n);
		tell_soon(s);
		s->ops->on_dirty(n, now);
	}
	schedule_follow(s);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

void schedule_init(struct schedule *s, struct ev_loop *ev, const struct schedule_ops *ops) {
	*s = (struct schedule){.ops = ops, .ev = ev, .timer_at = SLUICE_NEVER};
	s->dirty_end = &s->dirty;
	spin_init(&s->spin, ev);
	ev_init(&s->timer, on_timer);
	s->timer.data = s;
	ev_prepare_init(&s->prepare, on_prepare);
	ev_set_priority(&s->prepare, EV_MINPRI); /* behind those of the app, which may send */
	s->prepare.data = s;
	ev_prepare_start(ev, &s->prepare);
	ev_unref(ev); /* it alone is no reason to go on */
}

void schedule_deinit(struct schedule *s, sluice_env *env) {
	set_timer(s, SLUICE_NEVER, 0);
	spin_deinit(&s->spin);
	ev_ref(s->ev);
	ev_prepare_stop(s->ev, &s->prepare);
	env_free(env, s->heap.slots);
}

/* Between events, and when nothing waits for its turn. */
static bool timer_follows(const struct schedule *s) {
	const struct heap_node *first = heap_min(&s->heap);
	return !first || s->dirty || (s->timer_at <= first->key && first->key - s->timer_at <= SCHEDULE_STEP);
}

bool schedule_check(const struct schedule *s) {
	struct schedule_node *const *end = &s->dirty;
	for (const struct schedule_node *n = s->dirty; n; n = n->next_dirty) {
		if (!n->is_dirty)
			return false;
		end = &n->next_dirty;
	}
	return end == s->dirty_end && timer_follows(s) && s->heap.count <= s->heap.capacity && heap_check(&s->heap);
}
