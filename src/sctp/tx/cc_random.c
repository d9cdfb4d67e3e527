#include "sctp/tx/cc_random.h"

#include "base/arith.h"

#define SLICES 4                        /* in a round trip */
#define EPOCH_MIN UINT64_C(10000000000) /* ns */
#define NEAR 4                          /* a queue below 1/4 of the round trip may be "nearly empty" */
#define NOISE 128                       /* one below 1/128 is empty */
#define NOISE_AT_FIRST 8                /* the same before the first reduction */
#define PERCENT (CC_RANDOM_ALL / 100)   /* of what was sent */
#define TOLERATED (2 * PERCENT)         /* the most that chance may lose */
#define TOLERATED_ALWAYS (PERCENT / 10) /* beyond twice of what the line loses by itself */
#define SAMPLE 64                       /* packets; that is measured in samples, ... */
#define SAMPLES 32                      /* ... and averaged over so many */
#define EXCESS_MIN 3                    /* packets, on a line that loses nothing by itself, ... */
#define EXCESS_PER_PERCENT 5            /* ... more for each percent that it loses, ... */
#define EXCESS_MAX 8                    /* ... and at most, ... */
#define EXCESS_OF_WINDOW 12             /* ... but never more than 1/12 of the window */

/* A new line may lose 1 %: its first losses come in slow start, where a needless end costs most. */
void cc_random_begin(struct cc_random *r) {
	*r = (struct cc_random){.least = {UINT64_MAX, UINT64_MAX}, .low = {UINT64_MAX, UINT64_MAX}, .ambient = PERCENT};
}

/* ---- how many were lost? ---- */

/* A cumulative sum (E. Page, 1954): it falls back to nothing while losses are rarer than what is tolerated, and climbs soon when
 * they are not. */
static void count_excess(struct cc_random *r, uint64_t sent, uint64_t lost) {
	if (lost == 0 && r->excess == 0)
		return;
	uint64_t share = min64(2 * r->ambient + TOLERATED_ALWAYS, TOLERATED), sum = r->excess + lost * CC_RANDOM_ALL;
	r->excess = sum - min64(sum, share * sent);
}

static void learn_ambient(struct cc_random *r, uint64_t sent, uint64_t lost, uint32_t mtu) {
	r->sent += sent;
	r->lost += lost;
	if (r->sent < (uint64_t)SAMPLE * mtu)
		return;
	r->ambient = (r->ambient * (SAMPLES - 1) + r->lost * CC_RANDOM_ALL / r->sent) / SAMPLES;
	r->sent = r->lost = 0;
}

/* Chance brings some packets more than were due. How many, grows with how many were due. A window of a dozen packets is reduced
 * every few round trips by the RFC's rules. Eight packets for each of these reductions would be a tenth of all that is sent. So
 * the allowance shrinks with the window. */
static bool too_many(const struct cc_random *r, const struct cc_view *v) {
	uint64_t packets = EXCESS_MIN * CC_RANDOM_ALL + EXCESS_PER_PERCENT * 100 * r->ambient;
	uint64_t allowed = min64(packets, EXCESS_MAX * CC_RANDOM_ALL) * v->mtu;
	return r->excess > min64(allowed, v->cwnd / EXCESS_OF_WINDOW * CC_RANDOM_ALL);
}

/* ---- how full was the queue? ---- */

/* One packet may be late by itself, as on a wireless line. So a slice of time counts by its least round trip. */
static void take_rtt(struct cc_random *r, uint64_t rtt, uint64_t srtt, uint64_t now) {
	r->least[0] = min64(r->least[0], rtt);
	if (now >= r->slice_end) {
		if (r->low[0] != UINT64_MAX)
			r->most[0] = max64(r->most[0], r->low[0]);
		r->low[1] = r->low[0];
		r->low[0] = UINT64_MAX;
		r->slice_end = now + srtt / SLICES;
	}
	r->low[0] = min64(r->low[0], rtt);
}

/* Before the first reduction nobody knows how long the queue can be, and a needless end of slow start costs most. So there the
 * delay may be what HyStart++ allows (RFC 9406, 4.2: an eighth of the round trip). */
static bool nearly_empty(const struct cc_random *r, bool first) {
	uint64_t base = min64(r->least[0], r->least[1]), low = min64(r->low[0], r->low[1]);
	if (base == UINT64_MAX || low == UINT64_MAX)
		return false;
	uint64_t delay = low - min64(low, base), most = max64(r->most[0], r->most[1]);
	if (delay <= base / (first ? NOISE_AT_FIRST : NOISE))
		return true;
	return delay < base / NEAR && 2 * delay < most - min64(most, base);
}

/* ---- the whole ---- */

/* What is lost in a recovery, or by a T3, was sent by the window that was too large, or by a line that was out of order. */
static void count(struct cc_random *r, const struct cc_view *v, uint64_t sent, uint64_t lost, uint64_t last_cut) {
	if (v->in_recovery || v->mending)
		return;
	count_excess(r, sent, lost);
	if (v->cwnd < last_cut / 10 * 9)
		learn_ambient(r, sent, lost, v->mtu);
}

void cc_random_more_lost(struct cc_random *r, const struct cc_view *v, uint64_t bytes, uint64_t last_cut) {
	count(r, v, bytes, bytes, last_cut);
}

void cc_random_ack(struct cc_random *r, const struct cc_view *v, const struct cc_ack *a, uint64_t last_cut) {
	count(r, v, a->bytes + a->lost, a->lost, last_cut);
	if (a->rtt > 0)
		take_rtt(r, a->rtt, v->srtt, a->now);
}

bool cc_random_lost(const struct cc_random *r, const struct cc_view *v, uint64_t last_cut) {
	return nearly_empty(r, last_cut == 0) && !too_many(r, v);
}

/* Several reductions may follow each other within a few round trips. An epoch shorter than EPOCH_MIN has not seen the queue empty
 * and full. */
void cc_random_cut(struct cc_random *r, uint64_t now) {
	r->excess = 0;
	if (now - r->epoch < EPOCH_MIN)
		return;
	r->epoch = now;
	r->least[1] = r->least[0];
	r->most[1] = r->most[0];
	r->least[0] = UINT64_MAX;
	r->most[0] = 0;
}
