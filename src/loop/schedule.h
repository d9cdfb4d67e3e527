/* schedule: when does which peer get its turn?
 *
 * One timer for all peers. The timer stands at the earliest deadline or before it. It is set anew only when it fires, or for an
 * earlier deadline: deadlines move backwards with every packet, and a timer that fires early once costs less than one that is set
 * a thousand times.
 *
 * What an app queues outside of our callbacks marks a peer dirty; dirty peers get their turn before the ev_loop blocks.
 *
 * It knows no peers, only their nodes.
 *
 *   dirty holds exactly the nodes with is_dirty, each once
 *   reserved: the heap has room for each node, so that setting a deadline cannot fail */
#ifndef LOOP_SCHEDULE_H
#define LOOP_SCHEDULE_H

#include "base/heap.h"
#include "loop/ev.h"
#include "loop/spin.h"
#include "sluice/env.h"

struct schedule_node {
	struct heap_node deadline; /* HEAP_OUT: it has none */
	struct schedule_node *next_dirty;
	bool is_dirty;
};

struct schedule_ops {
	void (*on_deadline)(struct schedule_node *n, uint64_t now);
	void (*on_dirty)(struct schedule_node *n, uint64_t now);
	/* A dirty node's turn comes soon, behind turns - 1 others. */
	void (*on_soon)(const struct schedule_node *n, unsigned turns);
};

struct schedule {
	const struct schedule_ops *ops;
	struct ev_loop *ev;
	ev_prepare prepare;
	ev_timer timer;
	uint64_t timer_at; /* SLUICE_NEVER while it is not running */
	struct heap heap;  /* of schedule_node.deadline */
	struct spin spin;
	struct schedule_node *dirty, **dirty_end;
};

void schedule_init(struct schedule *s, struct ev_loop *ev, const struct schedule_ops *ops);
/* No node is left. */
void schedule_deinit(struct schedule *s, sluice_env *env);

/* Makes room for that many nodes. False when there is no memory. */
bool schedule_reserve(struct schedule *s, sluice_env *env, size_t nodes);
static inline void schedule_node_init(struct schedule_node *n) {
	*n = (struct schedule_node){.deadline.index = HEAP_OUT};
}
/* The node has no deadline any more. Where no other one has, the timer stops, since it would keep the ev_loop running. */
void schedule_stop(struct schedule *s, struct schedule_node *n);
/* The timer follows with the next schedule_hasten(). */
static inline void schedule_set(struct schedule *s, struct schedule_node *n, uint64_t at) {
	if (at != n->deadline.key || n->deadline.index == HEAP_OUT)
		heap_set(&s->heap, &n->deadline, at);
}
/* Behind every event, which may have set a deadline: sets the timer earlier where one is earlier. What answers the event may come
 * soon, so the spin begins anew. */
void schedule_hasten(struct schedule *s);

void schedule_mark_dirty(struct schedule *s, struct schedule_node *n);
void schedule_unmark_dirty(struct schedule *s, struct schedule_node *n);

bool schedule_check(const struct schedule *s);

#endif
