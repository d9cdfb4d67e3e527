#include "sctp/tx/sched.h"

#include <stddef.h>

/* ---- the heap ---- */

static bool before(const struct pairing_node *x, const struct pairing_node *y) {
	const struct sched_entry *a = (const struct sched_entry *)x, *b = (const struct sched_entry *)y;
	int64_t d = (int64_t)(x->key - y->key);
	return d < 0 || (d == 0 && (int64_t)(a->turn - b->turn) < 0);
}

static void insert(struct sched *s, struct sched_entry *e) {
	e->turn = ++s->turn;
	pairing_add_by(&s->root, &e->node, before);
}

void sched_enter(struct sched *s, struct sched_entry *e, uint64_t arrival) {
	e->node.key = s->ops->key(s, e, 0, arrival);
	e->in = true;
	s->count++;
	insert(s, e);
}

void sched_leave(struct sched *s, struct sched_entry *e) {
	pairing_remove_by(&s->root, &e->node, before);
	e->in = false;
	s->count--;
}

void sched_charge(struct sched *s, struct sched_entry *e, uint64_t bytes, uint64_t arrival) {
	if (s->count == 1) {
		e->node.key = s->ops->key(s, e, bytes, arrival);
		return;
	}
	pairing_remove_by(&s->root, &e->node, before);
	e->node.key = s->ops->key(s, e, bytes, arrival);
	insert(s, e);
}

/* The last turn is charged by itself, as the virtual time of the fair ones is that at which it began. */
static void charge_alone(struct sched *s, struct sched_entry *e, uint64_t before, uint64_t bytes, uint64_t arrival) {
	if (before)
		e->node.key = s->ops->key(s, e, before, arrival);
	e->node.key = s->ops->key(s, e, bytes, arrival);
}

void sched_charge_run(struct sched *s, struct sched_entry *e, uint64_t before, uint64_t bytes, uint64_t arrival) {
	charge_alone(s, e, before, bytes, arrival);
}

void sched_leave_run(struct sched *s, struct sched_entry *e, uint64_t before, uint64_t bytes) {
	charge_alone(s, e, before, bytes, 0);
	s->root = NULL;
	e->in = false;
	s->count = 0;
}

bool sched_check(const struct sched *s) {
	uint32_t count = 0;
	for (const struct pairing_node *n = s->root; n; n = pairing_next(n), count++) {
		for (const struct pairing_node *c = n->below, *previous = n; c; previous = c, c = c->next)
			if (c->prev != previous || before(c, n))
				return false;
		if (!((const struct sched_entry *)n)->in)
			return false;
	}
	return count == s->count;
}

/* ---- the policies: RFC 8260, 3 ---- */

/* 3.1: messages go in the order in which the app gave them. */
static uint64_t first_come_key(struct sched *s, struct sched_entry *e, uint64_t bytes, uint64_t arrival) {
	(void)s, (void)e, (void)bytes;
	return arrival;
}

/* 3.2 and 3.3: all are equal, so the stream that has waited longest is next. */
static uint64_t turn_key(struct sched *s, struct sched_entry *e, uint64_t bytes, uint64_t arrival) {
	(void)s, (void)e, (void)bytes, (void)arrival;
	return 0;
}

/* 3.4: strict; streams of equal priority take turns. */
static uint64_t priority_key(struct sched *s, struct sched_entry *e, uint64_t bytes, uint64_t arrival) {
	(void)s, (void)bytes, (void)arrival;
	return UINT16_MAX - (e->priority ? e->priority : SCHED_PRIORITY_DEFAULT);
}

/* Start-time fair queueing. What an entry gets costs it virtual time, the less the more weight it has. Its key is the virtual
 * time at which it has paid. A stream that comes back after a pause gets nothing for having been away, and owes no more than its
 * last turn. */
static uint64_t fair(struct sched *s, struct sched_entry *e, uint64_t bytes, uint64_t weight) {
	if (bytes) {
		s->virtual_time = e->node.key;
		e->finish = e->node.key + (bytes << 16) / weight;
	}
	return (int64_t)(e->finish - s->virtual_time) > 0 ? e->finish : s->virtual_time;
}

/* RFC 8260, 3.5: "A fair capacity distribution between the streams is used." */
static uint64_t fair_key(struct sched *s, struct sched_entry *e, uint64_t bytes, uint64_t arrival) {
	(void)arrival;
	return fair(s, e, bytes, SCHED_PRIORITY_DEFAULT);
}

/* RFC 8260, 3.6: "If the weight of stream S1 is n times the weight of stream S2, the scheduler should assign to stream S1 n times
 * the capacity it assigns to stream S2." */
static uint64_t weighted_key(struct sched *s, struct sched_entry *e, uint64_t bytes, uint64_t arrival) {
	(void)arrival;
	return fair(s, e, bytes, e->weight ? e->weight : SCHED_PRIORITY_DEFAULT);
}

static const struct sched_ops first_come = {"first-come", false, false, first_come_key};
static const struct sched_ops round_robin = {"round-robin", true, false, turn_key};
static const struct sched_ops round_robin_packet = {"round-robin-packet", true, true, turn_key};
static const struct sched_ops priority = {"priority", true, false, priority_key};
static const struct sched_ops fair_capacity = {"fair", true, false, fair_key};
static const struct sched_ops weighted_fair = {"weighted-fair", true, false, weighted_key};

const struct sched_ops *sched_by_number(unsigned number) {
	static const struct sched_ops *const schedulers[] = {
		NULL, &first_come, &round_robin, &round_robin_packet, &priority, &fair_capacity, &weighted_fair,
	};
	return number < sizeof schedulers / sizeof *schedulers ? schedulers[number] : NULL;
}
