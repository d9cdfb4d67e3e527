#include "rtp/playout.h"

#include <string.h>

#include "base/arith.h"

#define SPAN (PLAYOUT_WINDOW / PLAYOUT_SPANS)

/* ---- the percentile ---- */

static void quantile_move(struct playout *p) {
	/* 97 % of the samples, rounded up. */
	uint32_t want = (p->count * 97 + 99) / 100;
	while (p->below >= want && p->quantile > 0)
		p->below -= p->buckets[--p->quantile];
	while (p->below + p->buckets[p->quantile] < want)
		p->below += p->buckets[p->quantile++];
}

static void forget_oldest(struct playout *p) {
	uint32_t bucket = p->ring[p->first].bucket;
	p->buckets[bucket]--;
	p->below -= bucket < p->quantile;
	p->first = (p->first + 1) % PLAYOUT_SAMPLES;
	p->count--;
}

static void count_delay(struct playout *p, uint64_t delay, uint64_t now) {
	while (p->count == PLAYOUT_SAMPLES || (p->count && now - p->ring[p->first].arrival > PLAYOUT_WINDOW))
		forget_oldest(p);
	uint32_t bucket = (uint32_t)min64(delay / PLAYOUT_BUCKET, PLAYOUT_BUCKETS - 1);
	p->ring[(p->first + p->count++) % PLAYOUT_SAMPLES] = (struct playout_sample){.arrival = now, .bucket = bucket};
	p->buckets[bucket]++;
	p->below += bucket < p->quantile;
	quantile_move(p);
}

/* ---- the smallest difference ---- */

static void forget_spans(struct playout *p, uint64_t span) {
	for (uint64_t i = 0; i < PLAYOUT_SPANS && p->span + i < span; i++)
		p->least_of[(p->span + 1 + i) % PLAYOUT_SPANS] = INT64_MAX;
	p->span = span;
	p->least = p->least_of[0];
	for (int i = 1; i < PLAYOUT_SPANS; i++)
		if (p->least_of[i] < p->least)
			p->least = p->least_of[i];
}

static void note_difference(struct playout *p, int64_t difference, uint64_t now) {
	if (now / SPAN != p->span)
		forget_spans(p, now / SPAN);
	if (difference < p->least_of[p->span % PLAYOUT_SPANS])
		p->least_of[p->span % PLAYOUT_SPANS] = difference;
	if (difference < p->least)
		p->least = difference;
}

/* ---- the delay ---- */

static void set_delay(struct playout *p, uint64_t now) {
	if (p->fixed != SLUICE_NEVER) {
		p->delay = p->fixed;
		return;
	}
	uint64_t delay = p->count ? (p->quantile + 1) * PLAYOUT_BUCKET : 0;
	bool losing = p->gap_at != SLUICE_NEVER && now - p->gap_at < PLAYOUT_REPAIR_MEMORY;
	/* A repair that comes later than the longest delay helps nobody. */
	if (p->repairs && p->rtt && losing && p->rtt + PLAYOUT_REPAIR_MARGIN <= PLAYOUT_MOST)
		delay = max64(delay, p->rtt + PLAYOUT_REPAIR_MARGIN);
	p->delay = min64(delay, PLAYOUT_MOST);
}

void playout_init(struct playout *p, uint32_t clock_rate, bool repairs) {
	memset(p, 0, sizeof *p);
	p->tick = (UINT64_C(1000000000) << 24) / clock_rate;
	p->fixed = SLUICE_NEVER;
	p->repairs = repairs;
	playout_reset(p);
}

void playout_reset(struct playout *p) {
	p->any = false;
	p->first = p->count = p->quantile = p->below = 0;
	memset(p->buckets, 0, sizeof p->buckets);
	for (int i = 0; i < PLAYOUT_SPANS; i++)
		p->least_of[i] = INT64_MAX;
	p->least = INT64_MAX;
	p->gap_at = SLUICE_NEVER;
	p->delay = p->fixed != SLUICE_NEVER ? p->fixed : 0;
}

void playout_sample(struct playout *p, uint64_t timestamp, uint64_t now) {
	int64_t difference = (int64_t)now - playout_media_time(p->tick, timestamp);
	/* The sender's clock jumped. What was learnt before says nothing about the times after. */
	if (p->any && (difference - p->least > 2 * (int64_t)PLAYOUT_MOST || p->least - difference > 2 * (int64_t)PLAYOUT_MOST))
		playout_reset(p);
	if (!p->any)
		p->span = now / SPAN;
	p->any = true;
	note_difference(p, difference, now);
	count_delay(p, (uint64_t)(difference - p->least), now);
	set_delay(p, now);
}

void playout_gap(struct playout *p, uint64_t now) {
	p->gap_at = now;
	set_delay(p, now);
}

void playout_set_rtt(struct playout *p, uint64_t rtt, uint64_t now) {
	p->rtt = rtt;
	set_delay(p, now);
}

void playout_fix(struct playout *p, uint64_t delay, uint64_t now) {
	p->fixed = delay == SLUICE_NEVER ? delay : min64(delay, PLAYOUT_MOST);
	set_delay(p, now);
}

bool playout_check(const struct playout *p) {
	uint32_t sum = 0, below = 0, want = (p->count * 97 + 99) / 100;
	if (p->delay > PLAYOUT_MOST || p->count > PLAYOUT_SAMPLES || p->quantile >= PLAYOUT_BUCKETS)
		return false;
	for (uint32_t i = 0; i < PLAYOUT_BUCKETS; i++) {
		sum += p->buckets[i];
		below += i < p->quantile ? p->buckets[i] : 0;
	}
	uint32_t last = (p->first + p->count + PLAYOUT_SAMPLES - 1) % PLAYOUT_SAMPLES;
	if (p->count && p->ring[last].arrival - p->ring[p->first].arrival > PLAYOUT_WINDOW)
		return false;
	bool percentile = p->count == 0 || (below < want && below + p->buckets[p->quantile] >= want);
	return sum == p->count && below == p->below && percentile && (p->fixed == SLUICE_NEVER || p->delay == p->fixed);
}
