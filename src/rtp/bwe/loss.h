/* loss: what rate does the loss of packets allow?
 *
 * A queue that is too short for the delay to show it drops what is too much. Radio drops packets at any rate. So a loss is put
 * to the test: for one window the rate falls to three quarters of what the path carried. A short queue then drops next to
 * nothing, and what was carried becomes the cap. When as much is lost as before, the loss is the path's own: it is
 * remembered, and only loss above it counts from then on.
 *
 *   0 <= own <= LOSS_OWN_MOST
 *   cap == LOSS_NO_CAP, or the rate carried when it was set; it is never lower than what was delivered
 *   testing: the rate is at most dip
 *
 * Loss while packets wait in a long queue is left to the delay: the queue is full, and the loss ends when it empties.
 *
 * draft-ietf-rmcat-gcc-02, 6 has the limits of 2% and 10%. */
#ifndef RTP_BWE_LOSS_H
#define RTP_BWE_LOSS_H

#include <stdbool.h>
#include <stdint.h>

#define LOSS_NO_CAP UINT64_MAX
#define LOSS_OWN_MOST 0.5

struct loss {
	uint64_t cap; /* bit/s */
	double own;   /* share of packets that the path loses at any rate */
	/* The window that is being counted. */
	uint64_t begun;
	uint32_t packets, lost;
	unsigned high, some; /* windows in a row that lost more than 10% and 2% beyond the path's own */
	/* The test: what was lost before it, since when the lower rate is sent. */
	bool testing;
	double lost_before;
	uint64_t dip; /* bit/s */
	/* What the path carried before the test, until what is delivered has recovered from it, one window later. 0: it has. */
	uint64_t carried;
	uint64_t test_begun;
};

struct loss_input {
	uint64_t rate;    /* bit/s, the present target */
	uint64_t carried; /* bit/s that the path carries, with its own loss; 0: not known, then nothing is tested */
	uint64_t rtt;
	bool long_queue; /* packets wait on the path */
	uint64_t now;
};

void loss_init(struct loss *l, uint64_t now);
/* One packet's fate. A packet that is `late` was counted as lost before. sent: when it left. */
void loss_add(struct loss *l, uint64_t sent, bool lost, bool late);
/* After each feedback. */
/* True when the window counts more loss than the path's own, by the measure that lets the rate grow. */
bool loss_is_high(const struct loss *l);
void loss_update(struct loss *l, const struct loss_input *in);
/* bit/s that may be sent now. */
static inline uint64_t loss_limit(const struct loss *l) {
	return l->testing ? l->dip : l->cap;
}
bool loss_check(const struct loss *l);

#endif
