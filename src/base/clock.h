/* clock: inside an engine, time never runs backwards.
 *
 * A caller's clock may stand still, or step back between two calls: two threads read it, or a reading was kept while another call
 * came first. Engines subtract times, and a negative age would become one of 2^64 - 1 ns and end everything at once. So each
 * engine keeps the latest time that it was given, and replaces an older one by that. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Stores the greater of the two in *latest, and returns it. */
static inline uint64_t clock_forward(uint64_t *latest, uint64_t now) {
	if (now > *latest)
		*latest = now;
	return *latest;
}

#endif
