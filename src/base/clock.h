/* clock: time behind the door of a verb never runs backwards.
 *
 * A caller's clock may stand still, repeat or step back a little between two calls: two threads read it, or a reading was kept
 * while another call came first. Behind the door times are subtracted from each other, and an age of 2^64 - 1 ns would end
 * everything at once. So each engine keeps the latest time that it saw, and a call that comes with an older one happens then. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* The greater of the two, which is *latest from here on. */
static inline uint64_t clock_forward(uint64_t *latest, uint64_t now) {
	if (now > *latest)
		*latest = now;
	return *latest;
}

#endif
