#include "rtp/playout.h"

#include <string.h>

#include "base/arith.h"

#define SPAN (PLAYOUT_WINDOW / PLAYOUT_SPANS)
#define JUMP ((int64_t)(2 * PLAYOUT_MOST))

/* ---- the percentile ---- */

static uint32_t ninety_seven_percent(uint32_t count) {
	return (count * 97 + 99) / 100;
}

static void forget_oldest(struct playout *p) {
	uint32_t bucket = p->ring[p->first % PLAYOUT_SAMPLES].bucket;
	p->buckets[bucket]--;
	p->below -= bucket < p->quantile;
	p->first++;
	p->count--;
}

/* Returns whether the percentile moved. */
static bool quantile_move(struct playout *p) {
	uint32_t want = ninety_seven_percent(p->count), quantile = p->quantile, below = p->below;
	while (below >= want)
		below -= p->buckets[--quantile];
	while (below + p->buckets[quantile] < want)
		below += p->buckets[quantile++];
	bool moved = quantile != p->quantile;
	p->quantile = quantile;
	p->below = below;
	return moved;
}

static bool count_delay(struct playout *p, uint64_t delay, uint64_t now) {
	while (p->count && (p->count == PLAYOUT_SAMPLES || now - p->ring[p->first % PLAYOUT_SAMPLES].arrival > PLAYOUT_WINDOW))
		forget_oldest(p);
	uint32_t bucket = (uint32_t)min64(delay / PLAYOUT_BUCKET, PLAYOUT_BUCKETS - 1);
	p->ring[(p->first + p->count++) % PLAYOUT_SAMPLES] = (struct playout_sample){.arrival = now, .bucket = bucket};
	p->buckets[bucket]++;
	p->below += bucket < p->quantile;
	return quantile_move(p);
}

/* ---- the smallest difference ---- */

/* A span is over. Those that lie out of the window are forgotten. */
static void next_span(struct playout *p, uint64_t now) {
	if (now - p->span_end > PLAYOUT_WINDOW)
		p->span_end = now - PLAYOUT_WINDOW;
	for (; now >= p->span_end; p->span_end += SPAN) {
		p->span = (p->span + 1) % PLAYOUT_SPANS;
		p->least_of[p->span] = INT64_MAX;
	}
	p->least = INT64_MAX;
	for (int i = 0; i < PLAYOUT_SPANS; i++)
		if (p->least_of[i] < p->least)
			p->least = p->least_of[i];
}

static void note_difference(struct playout *p, int64_t difference, uint64_t now) {
	if (now >= p->span_end)
		next_span(p, now);
	if (difference < p->least_of[p->span])
		p->least_of[p->span] = difference;
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
	p->first = p->count = p->quantile = p->below = p->span = 0;
	memset(p->buckets, 0, sizeof p->buckets);
	for (int i = 0; i < PLAYOUT_SPANS; i++)
		p->least_of[i] = INT64_MAX;
	p->least = INT64_MAX;
	p->gap_at = SLUICE_NEVER;
	p->delay = p->fixed != SLUICE_NEVER ? p->fixed : 0;
}

static bool is_jump(const struct playout *p, int64_t difference) {
	return (uint64_t)(difference - p->least + JUMP) > 2 * JUMP;
}

void playout_sample(struct playout *p, uint64_t timestamp, uint64_t now) {
	int64_t difference = (int64_t)now - playout_media_time(p->tick, timestamp);
	bool fresh = !p->any;
	/* The sender's clock jumped. What was learnt before says nothing about the times after. */
	if (!fresh && is_jump(p, difference)) {
		playout_reset(p);
		fresh = true;
	}
	if (fresh)
		p->span_end = now + SPAN;
	p->any = true;
	note_difference(p, difference, now);
	if (count_delay(p, (uint64_t)(difference - p->least), now) || fresh || p->gap_at != SLUICE_NEVER)
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
	uint32_t sum = 0, below = 0, want = ninety_seven_percent(p->count);
	if (p->delay > PLAYOUT_MOST || p->count > PLAYOUT_SAMPLES || p->quantile >= PLAYOUT_BUCKETS)
		return false;
	for (uint32_t i = 0; i < PLAYOUT_BUCKETS; i++) {
		sum += p->buckets[i];
		below += i < p->quantile ? p->buckets[i] : 0;
	}
	uint32_t last = (p->first + p->count - 1) % PLAYOUT_SAMPLES;
	if (p->count && p->ring[last].arrival - p->ring[p->first % PLAYOUT_SAMPLES].arrival > PLAYOUT_WINDOW)
		return false;
	bool percentile = p->count == 0 || (below < want && below + p->buckets[p->quantile] >= want);
	return sum == p->count && below == p->below && percentile && (p->fixed == SLUICE_NEVER || p->delay == p->fixed);
}
