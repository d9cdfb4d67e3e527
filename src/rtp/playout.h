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
 *   usual_size > 0: usual_from >= least_of[span] and, for x in [usual_from, usual_from + usual_size),
 *                   (x - least) / PLAYOUT_BUCKET == quantile < used_of[span]
 *   !any: usual_size == 0
 *
 * The usual sample comes in a span that has others already, is not the fastest of them, and falls into the percentile's bucket.
 * Then one more is in that bucket, and at most one more has to be: the percentile stays. Such samples are only counted, in
 * `usual`; the counters of their bucket, `count` among them, learn of them with the next sample that is not usual.
 *
 * Cost: a usual sample changes one counter; when it is not as late as most of them are, the percentile moves by few buckets.
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

/* Timestamps are below 2^45, and a tick below 2^19 ns: the clock has 2 kHz at least. So their product's upper half is all of it
 * that is wanted: no shift over two words, which has six steps in AMD's processors. */
#define PLAYOUT_FRACTION 45

#define PLAYOUT_SPANS 5
#define PLAYOUT_BUCKET (5 * PLAYOUT_MS)
#define PLAYOUT_BUCKETS 400        /* the last one takes longer delays as well */
#define PLAYOUT_SAMPLES UINT16_MAX /* as many as a counter can take: more would say nothing new */

struct playout {
	uint64_t tick; /* ns of one timestamp tick, PLAYOUT_FRACTION bits of fraction */
	/* What a usual sample reads and writes. */
	int64_t usual_from;
	uint64_t usual_size; /* 0: no sample is usual */
	uint64_t span_end;
	uint32_t usual; /* usual samples that no bucket counts yet */

	uint32_t span; /* the one that is not over */
	uint64_t fixed;
	uint64_t rtt; /* 0: nothing is retransmitted */
	uint64_t gap_at;
	bool repairs; /* a video stream */
	bool any;
	uint64_t delay;
	int64_t least; /* the smallest difference of the window */
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
	return (int64_t)((unsigned __int128)(timestamp << (64 - PLAYOUT_FRACTION)) * tick >> 64);
}
/* What media time is added to, to give the time at which a unit is due. */
static inline int64_t playout_offset(const struct playout *p) {
	return p->least + (int64_t)p->delay;
}

/* A packet arrived. playout_offset() may be another one now. */
void playout_sample(struct playout *p, uint64_t timestamp, uint64_t now);

/* The same for a usual sample, which changes no offset. False: it is not usual, and nothing was done. */
static inline bool playout_sample_usual(struct playout *p, uint64_t timestamp, uint64_t now) {
	uint64_t difference = now - (uint64_t)playout_media_time(p->tick, timestamp);
	if (difference - (uint64_t)p->usual_from >= p->usual_size || now >= p->span_end)
		return false;
	p->usual++;
	return true;
}

#endif
