/* open_loop: when is message i due, whatever became of those before it?
 *
 * A schedule of a constant rate. A sender that waits for one message before it sends the next leaves out the very moments in
 * which the other end stands still (coordinated omission): nothing is sent then, so nothing is late. Here the time of each
 * message is known beforehand, and a message that goes late counts from the time at which it was due.
 *
 *   due(i) == start + i / rate
 *
 * It knows no clock and sends nothing. */
#ifndef BENCH_OPEN_LOOP_H
#define BENCH_OPEN_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct open_loop {
	uint64_t start; /* ns */
	double rate;    /* a second */
	uint64_t next;  /* the number of the next message */
};

static inline uint64_t open_loop_due(const struct open_loop *o, uint64_t i) {
	return o->start + (uint64_t)((double)i * 1e9 / o->rate);
}

/* Takes the next message if it is due by now, and says since when. */
static inline bool open_loop_take(struct open_loop *o, uint64_t now, uint64_t *due) {
	*due = open_loop_due(o, o->next);
	if (*due > now)
		return false;
	o->next++;
	return true;
}

#endif
