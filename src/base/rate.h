/* rate: may this happen once more now? A burst at once, then one event each interval (the generic cell rate algorithm).
 *
 * One number of state, zeroed at first. Time that steps back is harmless: it refuses for a while at most.
 *
 *   due <= the time of the last event that was let through + burst * interval */
#ifndef BASE_RATE_H
#define BASE_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct rate {
	uint64_t due; /* when all events so far would be over, if there were one in each interval */
};

/* Returns true and counts the event when it may happen. interval is in ns and above 0; burst is 1 or more. */
static inline bool rate_take(struct rate *r, uint64_t interval, unsigned burst, uint64_t now) {
	uint64_t due = r->due > now ? r->due : now;
	if (due - now > (burst - 1) * interval)
		return false;
	r->due = due + interval;
	return true;
}

#endif
