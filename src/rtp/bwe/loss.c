#include "rtp/bwe/loss.h"

#include "base/arith.h"
#include "sluice/env.h"

#define WINDOW (300 * SLUICE_MS)
#define PACKETS_LEAST 50 /* so that 10% is five packets */
#define HIGH 0.10
#define LOW 0.02
#define HIGH_WINDOWS 2
#define SOME_WINDOWS 5
#define GROWTH 0.02       /* of the cap, a window without loss */
#define LEAST_GROWTH 1000 /* bit/s */
#define DIP_NUMERATOR 3   /* three quarters: a short queue drops bursts long before the mean rate fills it */
#define DIP_DENOMINATOR 4
#define OWN_DOWN 0.1 /* how fast the path's own loss is believed to have shrunk; only a test lets it grow */

void loss_init(struct loss *l, uint64_t now) {
	*l = (struct loss){.cap = LOSS_NO_CAP, .begun = now};
}

void loss_add(struct loss *l, uint64_t sent, bool lost, bool late) {
	/* What left at the higher rate says nothing about the lower one. */
	if (l->testing && sent < l->test_begun)
		return;
	if (late) {
		l->lost -= l->lost > 0;
		return;
	}
	l->packets++;
	l->lost += lost;
}

static void window_begin(struct loss *l, uint64_t now) {
	l->begun = now;
	l->packets = l->lost = 0;
}

static void own_set(struct loss *l, double share) {
	l->own = share < LOSS_OWN_MOST ? share : LOSS_OWN_MOST;
}

static void learn_own(struct loss *l, double share) {
	if (share < l->own)
		l->own += OWN_DOWN * (share - l->own);
}

/* With the delivered rate as floor, loss alone can never starve the flow. */
static void test_begin(struct loss *l, const struct loss_input *in, double share) {
	l->testing = true;
	l->lost_before = share;
	l->test_begun = in->now;
	l->cap = l->carried = max64(in->carried, in->rate / 2);
	l->dip = l->cap / DIP_DENOMINATOR * DIP_NUMERATOR;
}

/* The lower rate either ended the loss or did not. A third of it tells them apart: chance makes the loss that was suspected
 * larger than it is, and bursts keep a little of it alive. */
static void test_end(struct loss *l, double share) {
	l->testing = false;
	bool ended = share <= l->own + (l->lost_before - l->own) / 3;
	if (!ended)
		l->cap = LOSS_NO_CAP;
	if (!ended || share < l->own)
		own_set(l, share);
}

static void test_give_up(struct loss *l) {
	l->testing = false;
	l->carried = 0;
}

static void raise_cap(struct loss *l, const struct loss_input *in) {
	if (l->cap == LOSS_NO_CAP)
		return;
	l->cap += (uint64_t)((double)l->cap * GROWTH) + LEAST_GROWTH;
	if (l->cap > 2 * in->rate)
		l->cap = LOSS_NO_CAP; /* something else holds the rate */
}

/* One window alone may be chance: two that lose much, or five that lose some, are put to the test. */
static bool is_suspect(struct loss *l, double above) {
	l->high = above > HIGH ? l->high + 1 : 0;
	l->some = above > LOW ? l->some + 1 : 0;
	return l->high >= HIGH_WINDOWS || l->some >= SOME_WINDOWS;
}

static void judge(struct loss *l, const struct loss_input *in, double share) {
	double above = share - l->own;
	if (l->testing) {
		test_end(l, share);
		l->high = l->some = 0;
		return;
	}
	l->carried = 0;
	if (is_suspect(l, above) && in->carried) {
		test_begin(l, in, share);
	} else {
		learn_own(l, share);
		if (above < LOW)
			raise_cap(l, in);
	}
}

/* A test needs as many packets as would have lost ten before. */
static bool is_full(const struct loss *l) {
	return l->packets >= PACKETS_LEAST && (!l->testing || l->packets * l->lost_before >= 10);
}

bool loss_is_high(const struct loss *l) {
	return l->packets >= PACKETS_LEAST && (double)l->lost / l->packets - l->own > LOW;
}

void loss_update(struct loss *l, const struct loss_input *in) {
	if (!is_full(l) || in->now - l->begun < max64(WINDOW, in->rtt))
		return;
	if (in->long_queue)
		test_give_up(l);
	else
		judge(l, in, (double)l->lost / l->packets);
	window_begin(l, in->now);
}

bool loss_check(const struct loss *l) {
	return l->own >= 0 && l->own <= LOSS_OWN_MOST && l->lost <= l->packets && l->cap > 0;
}
