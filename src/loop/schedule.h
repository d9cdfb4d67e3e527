/* schedule: when does which peer get its turn?
 *
 * One timer for all peers. It stands at the earliest deadline, or up to SCHEDULE_STEP before it: deadlines move back with every
 * packet, and the timer follows them in steps. A timer that stayed would fire early, for nothing. Until then its end would come
 * near, and a sleep whose end is near costs more: the kernel may have to program a timer of the CPU for it and to take it back,
 * which in a virtual machine are exits (bench/README.md, Round trips).
 *
 * What an app queues outside of our callbacks marks a peer dirty; dirty peers get their turn before the ev_loop blocks.
 *
 * It knows no peers, only their nodes.
 *
 *   behind schedule_follow(): timer_at <= the earliest deadline <= timer_at + SCHEDULE_STEP
 *   dirty holds exactly the nodes with is_dirty, each once
 *   reserved: the heap has room for each node, so that setting a deadline cannot fail */
#ifndef LOOP_SCHEDULE_H
#define LOOP_SCHEDULE_H

#include "base/heap.h"
#include "loop/ev.h"
#include "loop/spin.h"
#include "sluice/env.h"

/* The timer moves back at most once in so long, however many packets there are. */
#define SCHEDULE_STEP (2 * SLUICE_MS)

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
/* The timer moves with the next schedule_follow(). */
static inline void schedule_set(struct schedule *s, struct schedule_node *n, uint64_t at) {
	if (at != n->deadline.key || n->deadline.index == HEAP_OUT)
		heap_set(&s->heap, &n->deadline, at);
}
/* Behind every event, which may have set deadlines. What answers the event may come soon, so the spin begins anew. */
void schedule_follow(struct schedule *s);

void schedule_mark_dirty(struct schedule *s, struct schedule_node *n);
void schedule_unmark_dirty(struct schedule *s, struct schedule_node *n);

bool schedule_check(const struct schedule *s);

#endif
