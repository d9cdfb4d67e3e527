/* pace: spreads what the congestion window allows over the round trip.
 *
 * A bucket of bytes that fills at the pacing rate. While the bucket holds any, packets go. Once it is empty, they wait until it
 * holds a quantum, so that a batch fit for one GSO send leaves at once and not a single packet. A late timer is made up for, up
 * to the bucket's depth, which is at least an initial window. More than that never leaves at once, whatever the silence or the
 * recovery before. */
#ifndef SCTP_TX_PACE_H
#define SCTP_TX_PACE_H

#include "base/walk.h"

#include <stdbool.h>
#include <stdint.h>

/* Below this round trip nothing is paced: event loops have timers of a millisecond, and would be too late for every packet. */
#define PACE_MIN_RTT UINT64_C(1000000)

struct pace {
	uint64_t rate;  /* bytes/s; 0: everything may go */
	int64_t tokens; /* bytes */
	uint64_t stamp; /* when they were counted */
	bool blocked;   /* empty, and not yet refilled to a quantum */
};

/* What leaves at once: a millisecond's worth, at least two packets, at most 64 KiB. */
static inline uint64_t pace_quantum(uint64_t rate, uint32_t mtu) {
	uint64_t q = rate / 1000, least = 2 * (uint64_t)mtu, most = least > 65536 ? least : 65536;
	return q < least ? least : q > most ? most : q;
}

/* Time has passed; `rate` holds from now on. */
void pace_refill(struct pace *p, uint64_t rate, uint32_t mtu, uint64_t now);
static inline bool pace_allows(const struct pace *p) {
	return p->rate == 0 || !p->blocked;
}
static inline void pace_sent(struct pace *p, uint32_t bytes) {
	if (p->rate == 0)
		return;
	p->tokens -= bytes;
	p->blocked = p->tokens <= 0;
}
/* When packets may go again, after it was found blocked. */
uint64_t pace_release(const struct pace *p, uint32_t mtu);
void pace_walk(struct pace *p, struct walk *w);

#endif
