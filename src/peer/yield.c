#include "peer/yield.h"

#include "base/arith.h"
#include "sluice/env.h"

#define PERIOD (100 * SLUICE_MS)
#define QUIET (1000 * SLUICE_MS) /* an encoder of one frame a second still counts as sending */
#define SMOOTHING 8
#define HUNGRY 85              /* percent of the target; encoders stay a little below it */
#define BACK_OFF 60            /* percent that congestion leaves: media's estimator keeps 85 */
#define HOLD (500 * SLUICE_MS) /* until a back-off shows in media's feedback */
#define FALL 93                /* percent that a hungry period leaves: half of it each second */
#define GROWTH 4               /* percent in a period: twice as much each 1.8 s */
#define GROWTH_NEAR 1          /* the same from NEAR percent of where the path was full on */
#define NEAR 80
#define ASK (2000 * SLUICE_MS)

/* ---- what was sent ---------------------------------------------------------------------------------------------------- */

static uint64_t smooth(uint64_t rate, uint64_t bytes, uint64_t ns) {
	return rate - rate / SMOOTHING + mul_div64(bytes, 8 * SLUICE_S, ns) / SMOOTHING;
}

static void measure(struct yield *y, const struct yield_news *n) {
	uint64_t passed = n->now - (y->next - PERIOD), media = n->media_bytes - y->media_bytes;
	y->media = smooth(y->media, media, passed);
	y->data = smooth(y->data, n->data_bytes - y->data_bytes, passed);
	y->quiet = media ? 0 : y->quiet + passed;
}

static void note(struct yield *y, const struct yield_news *n) {
	y->media_bytes = n->media_bytes;
	y->data_bytes = n->data_bytes;
	y->next = n->now + PERIOD;
}

/* ---- the bound --------------------------------------------------------------------------------------------------------- */

static void bound_set(struct yield *y, const struct yield_news *n, uint64_t rate) {
	y->bound = max64(rate, max64(YIELD_LEAST, n->target / 8 / 10));
}

/* What data has, whatever it may have. */
static uint64_t data_now(const struct yield *y) {
	return y->bound ? min64(y->bound, y->data / 8) : y->data / 8;
}

static bool is_hungry(const struct yield *y, const struct yield_news *n) {
	return n->target < n->most && y->media >= n->target / 100 * HUNGRY;
}

static void back_off(struct yield *y, const struct yield_news *n) {
	y->full = data_now(y);
	bound_set(y, n, y->full / 100 * BACK_OFF);
	y->held_until = n->now + HOLD;
}

/* Where the app has little to send the bound does not run away from what is sent. */
static void grow(struct yield *y) {
	bool is_near = y->full && y->bound >= y->full / 100 * NEAR;
	if (y->data / 8 >= y->bound / 2)
		y->bound += y->bound / 100 * (is_near ? GROWTH_NEAR : GROWTH);
}

/* Both together is what the path carried. */
static uint64_t offer_room(struct yield *y, const struct yield_news *n) {
	if (n->now < y->asked_at + ASK)
		return 0;
	y->asked_at = n->now;
	return y->media + y->data;
}

uint64_t yield_judge(struct yield *y, const struct yield_news *n) {
	uint64_t room = 0;
	if (y->next)
		measure(y, n);
	note(y, n);
	if (y->quiet >= QUIET || n->target == 0) {
		y->bound = y->full = 0;
	} else if (n->congested && n->now >= y->held_until && y->data) {
		back_off(y, n);
	} else if (is_hungry(y, n)) {
		room = offer_room(y, n);
		bound_set(y, n, data_now(y) / 100 * FALL);
	} else if (y->bound && n->now >= y->held_until) {
		grow(y);
	}
	return room;
}
