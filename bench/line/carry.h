/* carry: moves packets from one device to the other and back, as the two ways of a line say.
 *
 * One thread. It sleeps until packets come or are due. When it has moved some it pauses for a hundredth of the delay (50 us at
 * least, 200 us at most), and then takes all that has come. A packet may come out that much too late, and never too early.
 * Without the pause it would wake for each packet: 1 Gbit/s of Ethernet's packets is one each 12 us. */
#ifndef BENCH_LINE_CARRY_H
#define BENCH_LINE_CARRY_H

#include <stdbool.h>
#include <stdint.h>

#include "line/ends.h"
#include "line/way.h"

struct line {
	struct line_ends *ends;
	struct line_way ways[2]; /* from A to B, from B to A */
	uint64_t pause;          /* ns */
};

/* Returns false when there is no memory. */
bool line_open(struct line *l, struct line_ends *ends, const struct line_config *config);
void line_close(struct line *l);

/* Puts the thread before all others of the machine where that is allowed: a line that waits for a CPU would be a longer line. At
 * LINE_ENDS it goes before all but the line: what else the machine does would count as a fault of the ends. */
enum line_hurry { LINE_ENDS = 1, LINE_ITSELF };
void line_hurry(enum line_hurry before);

/* Carries until `stop` becomes readable (-1: never), or until that time of CLOCK_MONOTONIC in ns. Returns true for the former. */
bool line_carry(struct line *l, int stop, uint64_t until);

#endif
