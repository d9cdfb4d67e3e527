#include "rtp/bwe/loss.h"

#include "base/arith.h"
#include "sluice/env.h"

#define WINDOW (300 * SLUICE_MS)
#define PACKETS_LEAST 50 /* so that 10% is five packets */
#define HIGH 0.10
#define LOW 0.02
#define GROWTH 0.08 /* of the cap, a window without loss */
/* The path's own loss is believed to grow slowly, because a rate that passes a short queue's loses more from window to window. It
 * is believed to shrink at once, and to grow when packets are lost below the cap, which is what the path carried. */
#define OWN_UP 0.1
#define OWN_UP_CAPPED 0.3
#define OWN_DOWN 0.4

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

static void learn_own(struct loss *l, double share) {
	double up = l->cap == LOSS_NO_CAP ? OWN_UP : OWN_UP_CAPPED;
	l->own += (share > l->own ? up : OWN_DOWN) * (share - l->own);
	l->own = l->own < LOSS_OWN_MOST ? l->own : LOSS_OWN_MOST;
}

/* With the delivered rate as floor, loss alone can never starve the flow. */
static void test_begin(struct loss *l, const struct loss_input *in, double share) {
	l->testing = true;
	l->lost_before = share;
	l->test_begun = in->now;
	l->cap = max64(in->carried, in->rate / 2);
}

/* The lower rate either ended the loss or did not. The middle between both tells them apart. */
static void test_end(struct loss *l, double share) {
	l->testing = false;
	if (share <= l->own + (l->lost_before - l->own) / 2)
		return;
	l->own = (share + l->lost_before) / 2;
	l->own = l->own < LOSS_OWN_MOST ? l->own : LOSS_OWN_MOST;
	l->cap = LOSS_NO_CAP;
}

static void raise_cap(struct loss *l, const struct loss_input *in) {
	if (l->cap == LOSS_NO_CAP)
		return;
	l->cap += (uint64_t)((double)l->cap * GROWTH);
	if (l->cap > 2 * in->rate)
		l->cap = LOSS_NO_CAP; /* something else holds the rate */
}

static void judge(struct loss *l, const struct loss_input *in, double share) {
	double above = share - l->own;
	bool again = l->high;
	l->high = above > HIGH && !l->testing;
	if (l->testing) {
		test_end(l, share);
	} else if (l->high) {
		if (again && in->carried)
			test_begin(l, in, share);
	} else {
		learn_own(l, share);
		if (above < LOW)
			raise_cap(l, in);
	}
}

bool loss_is_high(const struct loss *l) {
	return l->packets >= PACKETS_LEAST && (double)l->lost / l->packets - l->own > LOW;
}

void loss_update(struct loss *l, const struct loss_input *in) {
	if (l->packets < PACKETS_LEAST || in->now - l->begun < max64(WINDOW, in->rtt))
		return;
	if (in->long_queue)
		l->testing = false; /* the test has no answer */
	else
		judge(l, in, (double)l->lost / l->packets);
	window_begin(l, in->now);
}

bool loss_check(const struct loss *l) {
	return l->own >= 0 && l->own <= LOSS_OWN_MOST && l->lost <= l->packets && l->cap > 0;
}
