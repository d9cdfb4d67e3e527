#include "rtp/bwe/aimd.h"

#include "base/arith.h"
#include "sluice/env.h"

#define BACKOFF 0.85
#define GROWTH 0.08       /* a second */
#define LEAST_GROWTH 4000 /* bit/s each second, near the capacity */
#define SPREAD_LEAST 0.4
#define SPREAD_MOST 2.5
#define SPREAD_GAIN 0.05
#define REACH 3.0 /* standard deviations around the capacity that count as near, */
#define REACH_LEAST                                                                                                              \
	0.1 /* at least this share: frames differ in size, and a flow that grew by shares would stay larger than others */

void aimd_init(struct aimd *a, uint64_t start, uint64_t least, uint64_t now) {
	*a = (struct aimd){
		.state = AIMD_HOLD, .estimate = (double)start, .least = (double)least, .changed = now, .spread = SPREAD_LEAST};
}

/* ---- the capacity ---- */

/* sqrt by Newton, since three steps from a start this close are exact enough for a bound of three deviations. */
static double root(double x) {
	double r = x > 1 ? x : 1;
	for (int i = 0; i < 24; i++)
		r = (r + x / r) / 2;
	return r;
}

static double reach(const struct aimd *a) {
	double deviations = REACH * root(a->spread * a->capacity), least = REACH_LEAST * a->capacity;
	return deviations > least ? deviations : least;
}

static void capacity_seen(struct aimd *a, double kbps) {
	if (a->capacity <= 0) {
		a->capacity = kbps;
		return;
	}
	a->capacity += SPREAD_GAIN * (kbps - a->capacity);
	double off = a->capacity - kbps, norm = a->capacity > 1 ? a->capacity : 1;
	a->spread = (1 - SPREAD_GAIN) * a->spread + SPREAD_GAIN * off * off / norm;
	a->spread = a->spread < SPREAD_LEAST ? SPREAD_LEAST : a->spread > SPREAD_MOST ? SPREAD_MOST : a->spread;
}

static void capacity_forget(struct aimd *a) {
	a->capacity = 0;
	a->spread = SPREAD_LEAST;
}

/* ---- up and down ---- */

static void set(struct aimd *a, double rate) {
	a->estimate = rate > a->least ? rate : a->least;
}

/* About one packet per response time, as TCP grows. */
static double linear_growth(const struct aimd *a, uint64_t rtt) {
	double frame = a->estimate / 30, packets = (double)(uint64_t)(frame / (8 * 1200)) + 1;
	double growth = frame / packets * 1e9 / (double)(rtt + 100 * SLUICE_MS);
	return growth > LEAST_GROWTH ? growth : LEAST_GROWTH;
}

static void increase(struct aimd *a, const struct aimd_input *in) {
	double kbps = (double)in->carried / 1000;
	if (a->capacity > 0 && kbps > a->capacity + reach(a))
		capacity_forget(a);
	double dt = (double)min64(in->now - a->changed, SLUICE_S) / 1e9;
	a->changed = in->now;
	double next = a->estimate + dt * (a->capacity > 0 ? linear_growth(a, in->rtt) : GROWTH * a->estimate);
	if (next > (double)in->ceiling)
		next = (double)in->ceiling;
	if (in->may_rise && next > a->estimate)
		a->estimate = next;
}

/* Once a round trip, because what was sent before the last decrease is still to arrive. */
static bool may_decrease(const struct aimd *a, const struct aimd_input *in) {
	uint64_t wait = max64(10 * SLUICE_MS, min64(in->rtt, 200 * SLUICE_MS));
	return in->now - a->decreased >= wait || (double)in->carried < a->estimate / 2;
}

static void decrease(struct aimd *a, const struct aimd_input *in) {
	double kbps = (double)in->carried / 1000, next = BACKOFF * kbps * 1000;
	a->state = AIMD_HOLD;
	if (in->carried == 0)
		next = a->estimate / 2;
	if (next > a->estimate && a->capacity > 0)
		next = BACKOFF * a->capacity * 1000;
	if (in->carried && a->capacity > 0 && kbps < a->capacity - reach(a))
		capacity_forget(a);
	if (in->carried)
		capacity_seen(a, kbps);
	if (next < a->estimate)
		set(a, next);
	a->changed = a->decreased = in->now;
}

static enum aimd_state next_state(const struct aimd *a, enum usage usage) {
	if (usage == USAGE_OVER)
		return AIMD_DECREASE;
	if (usage == USAGE_UNDER)
		return AIMD_HOLD;
	return a->state == AIMD_HOLD ? AIMD_INCREASE : a->state;
}

void aimd_update(struct aimd *a, const struct aimd_input *in) {
	enum aimd_state before = a->state;
	a->state = next_state(a, in->usage);
	if (a->state == AIMD_INCREASE && before != AIMD_INCREASE)
		a->changed = in->now;
	if (a->state == AIMD_INCREASE)
		increase(a, in);
	else if (a->state == AIMD_DECREASE && may_decrease(a, in))
		decrease(a, in);
}

void aimd_set(struct aimd *a, uint64_t rate, uint64_t now) {
	set(a, (double)rate);
	a->changed = now;
}

bool aimd_check(const struct aimd *a) {
	return a->estimate >= a->least && a->estimate < 1e13 && a->spread >= SPREAD_LEAST && a->spread <= SPREAD_MOST &&
	       a->capacity >= 0;
}
