/* latency_pair: how long do messages take from the time at which they were due until they are there?
 *
 * Two processes over loopback, each with a loop, a direct peer and one channel, pinned to two CPUs where there are two. The
 * sender follows an open loop (open_loop.h), and does not sleep: it looks at the clock between two rounds of its loop, so the
 * schedule itself adds no time of waking up. The receiver sleeps in epoll as an app does. Both read the machine's monotonic
 * clock.
 *
 * A message that the channel does not take (SLUICE_WOULD_BLOCK) waits, and so do those behind it; all of them count from the time
 * at which they were due. What is due within the first WARM_UP of a run is sent and not counted. */
#ifndef BENCH_LATENCY_PAIR_H
#define BENCH_LATENCY_PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/histogram.h"

struct latency_run {
	size_t size;    /* bytes of a message, 16 or more */
	double rate;    /* messages a second; 0: as many as the channel takes */
	double seconds; /* during which messages are due; 0.1 of them are not counted */
	bool echo;      /* until the message is back at the sender, rather than at the receiver */
	double stall;   /* the receiver sleeps that many seconds, once, at half of the time */
};

struct latency_result {
	struct histogram times; /* ns, of the messages that counted */
	uint64_t first, last;   /* when the first and the last of those came */
};

/* Runs it. Ends the program when it cannot, or when not every message arrives. */
void latency_pair_run(const struct latency_run *run, struct latency_result *result);

#endif
