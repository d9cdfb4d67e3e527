#include "sctp/tx/sched.h"

#include <stddef.h>

/* ---- the line and the heap ---- */

static void line_append(struct sched *s, struct sched_entry *e) {
	e->node.below = e->node.next = NULL;
	e->node.prev = s->line_end;
	if (s->line_end)
		s->line_end->next = &e->node;
	else
		s->line = &e->node;
	s->line_end = &e->node;
}

static void line_remove(struct sched *s, struct sched_entry *e) {
	struct pairing_node *next = e->node.next, *prev = e->node.prev;
	if (prev)
		prev->next = next;
	else
		s->line = next;
	if (next)
		next->prev = prev;
	else
		s->line_end = prev;
}

/* The entry has waited for less time than all others, so an equal key is enough for the end of the line. */
static void insert(struct sched *s, struct sched_entry *e) {
	e->turn = ++s->turn;
	e->in_line = !s->line_end || (int64_t)(e->node.key - s->line_end->key) >= 0;
	if (e->in_line)
		line_append(s, e);
	else
		pairing_add_by(&s->root, &e->node, sched_before);
}

static void take_out(struct sched *s, struct sched_entry *e) {
	if (e->in_line)
		line_remove(s, e);
	else
		pairing_remove_by(&s->root, &e->node, sched_before);
}

void sched_enter(struct sched *s, struct sched_entry *e, uint64_t arrival) {
	e->node.key = s->ops->key(s, e, 0, arrival);
	e->in = true;
	s->count++;
	insert(s, e);
}

void sched_leave(struct sched *s, struct sched_entry *e) {
	take_out(s, e);
	e->in = e->in_line = false;
	s->count--;
}

void sched_charge(struct sched *s, struct sched_entry *e, uint64_t bytes, uint64_t arrival) {
	if (s->count == 1) {
		e->node.key = s->ops->key(s, e, bytes, arrival);
		return;
	}
	take_out(s, e);
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
	s->root = s->line = s->line_end = NULL;
	e->in = e->in_line = false;
	s->count = 0;
}

static bool heap_check(const struct sched *s, uint32_t *count) {
	for (const struct pairing_node *n = s->root; n; n = pairing_next(n), ++*count) {
		const struct sched_entry *e = (const struct sched_entry *)n;
		for (const struct pairing_node *c = n->below, *previous = n; c; previous = c, c = c->next)
			if (c->prev != previous || sched_before(c, n))
				return false;
		if (!e->in || e->in_line)
			return false;
	}
	return true;
}

static bool line_check(const struct sched *s, uint32_t *count) {
	const struct pairing_node *previous = NULL;
	for (const struct pairing_node *n = s->line; n; previous = n, n = n->next, ++*count) {
		const struct sched_entry *e = (const struct sched_entry *)n;
		if (n->prev != previous || (previous && sched_before(n, previous)) || !e->in || !e->in_line)
			return false;
	}
	return s->line_end == previous;
}

bool sched_check(const struct sched *s) {
	uint32_t count = 0;
	return heap_check(s, &count) && line_check(s, &count) && count == s->count;
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

static const struct sched_ops first_come = {"first-come", false, false, true, first_come_key};
static const struct sched_ops round_robin = {"round-robin", true, false, false, turn_key};
static const struct sched_ops round_robin_packet = {"round-robin-packet", true, true, false, turn_key};
static const struct sched_ops priority = {"priority", true, false, false, priority_key};
static const struct sched_ops fair_capacity = {"fair", true, false, false, fair_key};
static const struct sched_ops weighted_fair = {"weighted-fair", true, false, false, weighted_key};

const struct sched_ops *sched_by_number(unsigned number) {
	static const struct sched_ops *const schedulers[] = {
		NULL, &first_come, &round_robin, &round_robin_packet, &priority, &fair_capacity, &weighted_fair,
	};
	return number < sizeof schedulers / sizeof *schedulers ? schedulers[number] : NULL;
}
