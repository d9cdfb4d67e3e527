/* playout: when is a unit due, so that late packets can still come in time?
 *
 * A packet's relative delay is its arrival minus its media time, less the smallest such difference of the last 2 s. The delay is
 * the 97th percentile of that over 2 s. Video waits for retransmissions as well: while packets get lost and the session repairs
 * them, the delay is at least RTT + 20 ms. A unit is due at media time + smallest difference + delay.
 *
 * It knows no packets and no threads. Timestamps are unwrapped.
 *
 * Five spans of half a second are kept, the last one not over, so what counts is what came in the last 2 to 2.5 s.
 *
 *   0 <= delay <= PLAYOUT_MOST; fixed != SLUICE_NEVER: delay == fixed
 *   least == min(least_of); sum[b] == sum over spans of counts[span][b]; count == sum of sum
 *   below == sum of sum[b] for b < quantile, the lowest bucket that has 97 % of the samples in or under it
 *
 *   !any: span_end == 0
 *
 * Cost: a sample changes three counters; when it is not as late as most of them are, the percentile moves by few buckets.
 * Memory: 5 KiB. */
#ifndef RTP_PLAYOUT_H
#define RTP_PLAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "sluice/env.h"

#define PLAYOUT_MS UINT64_C(1000000)
#define PLAYOUT_MOST (2000 * PLAYOUT_MS)
#define PLAYOUT_WINDOW (2000 * PLAYOUT_MS)
#define PLAYOUT_REPAIR_MARGIN (20 * PLAYOUT_MS)
#define PLAYOUT_REPAIR_MEMORY (10000 * PLAYOUT_MS) /* so long after a gap, and up to a span more, we expect the next one */

#define PLAYOUT_SPANS 5
#define PLAYOUT_BUCKET (5 * PLAYOUT_MS)
#define PLAYOUT_BUCKETS 400        /* the last one takes longer delays as well */
#define PLAYOUT_SAMPLES UINT16_MAX /* as many as a counter can take: more would say nothing new */

struct playout {
	uint64_t tick; /* ns of one timestamp tick, 24 bits of fraction */
	uint64_t fixed;
	uint64_t rtt; /* 0: nothing is retransmitted */
	uint64_t gap_at;
	bool repairs; /* a video stream */
	bool any;
	uint64_t delay;
	int64_t least; /* the smallest difference of the window */
	uint64_t span_end;
	uint32_t span; /* the one that is not over */
	uint32_t count, quantile, below;
	uint32_t adapted;                /* the quantile that the delay was made of */
	int64_t least_of[PLAYOUT_SPANS]; /* INT64_MAX: none */
	uint32_t used_of[PLAYOUT_SPANS]; /* the span has no samples in this bucket and above */
	uint16_t sum[PLAYOUT_BUCKETS];
	uint16_t counts[PLAYOUT_SPANS][PLAYOUT_BUCKETS];
};

void playout_init(struct playout *p, uint32_t clock_rate, bool repairs);
/* The stream starts anew; what the app has set stays. */
void playout_reset(struct playout *p);
/* A packet is missing. */
void playout_gap(struct playout *p, uint64_t now);
/* rtt 0: no retransmissions, or they come too late to help. */
void playout_set_rtt(struct playout *p, uint64_t rtt, uint64_t now);
/* SLUICE_NEVER: the delay adapts. More than PLAYOUT_MOST is PLAYOUT_MOST. */
void playout_fix(struct playout *p, uint64_t delay, uint64_t now);
bool playout_check(const struct playout *p);

static inline int64_t playout_media_time(uint64_t tick, uint64_t timestamp) {
	return (int64_t)((unsigned __int128)timestamp * tick >> 24);
}
/* What media time is added to, to give the time at which a unit is due. */
static inline int64_t playout_offset(const struct playout *p) {
	return p->least + (int64_t)p->delay;
}

void playout_sample_unusual(struct playout *p, int64_t difference, uint64_t now);

/* A packet arrived. Returns whether playout_offset() may be another one now.
 *
 * The usual packet comes in a span that has others already, is not the fastest of them, and falls into the percentile's bucket.
 * Then one more is in that bucket, and at most one more has to be: the percentile stays. Before the first packet, span_end is
 * 0. */
static inline bool playout_sample(struct playout *p, uint64_t timestamp, uint64_t now) {
	int64_t difference = (int64_t)now - playout_media_time(p->tick, timestamp);
	uint64_t bucket = ((uint64_t)difference - (uint64_t)p->least) / PLAYOUT_BUCKET;
	uint32_t span = p->span;
	if (bucket != p->quantile || bucket >= p->used_of[span] || difference < p->least_of[span] || now >= p->span_end ||
	    p->count >= PLAYOUT_SAMPLES) {
		playout_sample_unusual(p, difference, now);
		return true;
	}
	p->counts[span][bucket]++;
	p->sum[bucket]++;
	p->count++;
	return false;
}

#endif
