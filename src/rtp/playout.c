#include "rtp/playout.h"

#include <string.h>

#include "base/arith.h"

#define PLAYOUT_SPAN (PLAYOUT_WINDOW / (PLAYOUT_SPANS - 1)) /* the span that is not over comes on top */
#define JUMP ((int64_t)(2 * PLAYOUT_MOST))

/* ---- the percentile ---- */

static uint32_t ninety_seven_percent(uint32_t count) {
	return (count * 97 + 99) / 100;
}

/* Returns whether the delay is another one. */
static bool quantile_move(struct playout *p) {
	uint32_t want = ninety_seven_percent(p->count), quantile = p->quantile, below = p->below;
	while (below >= want && quantile > 0)
		below -= p->sum[--quantile];
	while (below + p->sum[quantile] < want)
		below += p->sum[quantile++];
	p->below = below;
	p->quantile = quantile;
	return quantile != p->adapted;
}

static void count_usual(struct playout *p) {
	uint32_t n = (uint32_t)min64(p->usual, PLAYOUT_SAMPLES - p->count);
	p->counts[p->span][p->quantile] += (uint16_t)n;
	p->sum[p->quantile] += (uint16_t)n;
	p->count += n;
	p->usual = 0;
}

static void set_usual(struct playout *p) {
	int64_t least = p->least_of[p->span];
	int64_t from = p->least + (int64_t)(p->quantile * PLAYOUT_BUCKET), to = from + (int64_t)PLAYOUT_BUCKET;
	p->usual_from = least > from ? least : from;
	p->usual_size = p->quantile < p->used_of[p->span] && p->usual_from < to ? (uint64_t)(to - p->usual_from) : 0;
}

static bool count_delay(struct playout *p, uint64_t delay) {
	uint32_t bucket = (uint32_t)min64(delay / PLAYOUT_BUCKET, PLAYOUT_BUCKETS - 1);
	if (p->count < PLAYOUT_SAMPLES) {
		p->counts[p->span][bucket]++;
		if (bucket >= p->used_of[p->span])
			p->used_of[p->span] = bucket + 1;
		p->sum[bucket]++;
		p->count++;
		p->below += bucket < p->quantile;
	}
	return quantile_move(p);
}

/* ---- spans ---- */

/* The percentile is looked for anew from the lowest bucket: it is seldom high. */
static void forget_span(struct playout *p, uint32_t span) {
	for (uint32_t i = 0; i < p->used_of[span]; i++) {
		p->sum[i] -= p->counts[span][i];
		p->count -= p->counts[span][i];
		p->counts[span][i] = 0;
	}
	p->quantile = p->below = 0;
	p->used_of[span] = 0;
	p->least_of[span] = INT64_MAX;
}

/* The last span is over. */
__attribute__((noinline, cold)) static void next_span(struct playout *p, uint64_t now) {
	if (now - p->span_end > PLAYOUT_WINDOW)
		p->span_end = now - PLAYOUT_WINDOW;
	for (; now >= p->span_end; p->span_end += PLAYOUT_SPAN) {
		p->span = (p->span + 1) % PLAYOUT_SPANS;
		forget_span(p, p->span);
	}
	p->least = INT64_MAX;
	for (int i = 0; i < PLAYOUT_SPANS; i++)
		if (p->least_of[i] < p->least)
			p->least = p->least_of[i];
}

static void note_difference(struct playout *p, int64_t difference) {
	if (difference >= p->least_of[p->span])
		return;
	p->least_of[p->span] = difference;
	if (difference < p->least)
		p->least = difference;
}

/* ---- the delay ---- */

static void set_delay(struct playout *p, uint64_t now) {
	p->adapted = p->quantile;
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
	p->tick = (uint64_t)(((unsigned __int128)1000000000 << PLAYOUT_FRACTION) / clock_rate);
	p->fixed = SLUICE_NEVER;
	p->repairs = repairs;
	playout_reset(p);
}

void playout_reset(struct playout *p) {
	p->any = false;
	p->usual = 0;
	p->usual_size = 0;
	p->count = p->quantile = p->below = p->span = 0;
	memset(p->sum, 0, sizeof p->sum);
	memset(p->counts, 0, sizeof p->counts);
	memset(p->used_of, 0, sizeof p->used_of);
	for (int i = 0; i < PLAYOUT_SPANS; i++)
		p->least_of[i] = INT64_MAX;
	p->least = INT64_MAX;
	p->span_end = 0;
	p->gap_at = SLUICE_NEVER;
	p->delay = p->fixed != SLUICE_NEVER ? p->fixed : 0;
}

static bool is_jump(const struct playout *p, int64_t difference) {
	return (uint64_t)(difference - p->least + JUMP) > 2 * JUMP;
}

void playout_sample(struct playout *p, uint64_t timestamp, uint64_t now) {
	int64_t difference = (int64_t)now - playout_media_time(p->tick, timestamp);
	bool fresh = !p->any;
	count_usual(p);
	/* The sender's clock jumped. What was learnt before says nothing about the times after. */
	if (!fresh && is_jump(p, difference)) {
		playout_reset(p);
		fresh = true;
	}
	if (fresh)
		p->span_end = now + PLAYOUT_SPAN;
	else if (now >= p->span_end)
		next_span(p, now);
	p->any = true;
	note_difference(p, difference);
	if (count_delay(p, (uint64_t)(difference - p->least)) || fresh || p->gap_at != SLUICE_NEVER)
		set_delay(p, now);
	set_usual(p);
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

/* Is a sample usual where usual_from and usual_size say so? */
static bool is_usual(const struct playout *p) {
	uint64_t first = (uint64_t)(p->usual_from - p->least), last = first + p->usual_size - 1;
	return p->usual_from >= p->least_of[p->span] && first / PLAYOUT_BUCKET == p->quantile &&
	       last / PLAYOUT_BUCKET == p->quantile && p->quantile < p->used_of[p->span];
}

bool playout_check(const struct playout *p) {
	uint32_t count = 0, below = 0, want = ninety_seven_percent(p->count);
	int64_t least = INT64_MAX;
	if (p->delay > PLAYOUT_MOST || (!p->any && p->usual_size) || p->quantile >= PLAYOUT_BUCKETS || p->span >= PLAYOUT_SPANS)
		return false;
	for (uint32_t i = 0; i < PLAYOUT_SPANS; i++)
		least = p->least_of[i] < least ? p->least_of[i] : least;
	for (uint32_t b = 0; b < PLAYOUT_BUCKETS; b++) {
		uint32_t sum = 0;
		for (uint32_t i = 0; i < PLAYOUT_SPANS; i++) {
			sum += p->counts[i][b];
			if (p->counts[i][b] && b >= p->used_of[i])
				return false;
		}
		if (sum != p->sum[b])
			return false;
		count += sum;
		below += b < p->quantile ? sum : 0;
	}
	bool percentile = p->count == 0 || (below < want && below + p->sum[p->quantile] >= want);
	if (p->usual_size && !is_usual(p))
		return false;
	return count == p->count && below == p->below && least == p->least && percentile &&
	       (p->fixed == SLUICE_NEVER || p->delay == p->fixed);
}
