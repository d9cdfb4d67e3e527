/* controller: what is the target? A table of functions over a view of their own, so that another control can stand in.
 *
 * The estimator (bwe.h) keeps the history, reads feedbacks, measures what is delivered and runs the probes. The control gets the
 * news and says a rate. It sees no sequence numbers, no RTCP and no pacer.
 *
 *   1 <= target; the estimator clamps it to the bounds, to REMB, and to the ceiling */
#ifndef RTP_BWE_CONTROLLER_H
#define RTP_BWE_CONTROLLER_H

#include "rtp/bwe/feedback.h"

#define CONTROLLER_STATE 768

struct controller_view {
	/* set by the control */
	uint64_t target; /* bit/s */
	bool congested;  /* a queue grows on the path: no probe now */
	/* kept up to date by the estimator */
	uint64_t min_rate, max_rate;
	uint64_t delivered; /* bit/s; 0: not known */
	uint64_t ceiling;   /* bit/s; it may not rise above this: 1.5 times what was delivered, or the target if that is higher */
	uint64_t rtt;       /* ns, smoothed */
	bool app_limited;
	/* The control's own: plain numbers. init() begins with zeros. */
	_Alignas(8) unsigned char state[CONTROLLER_STATE];
};

/* What one feedback said. */
struct controller_news {
	const struct feedback_packet *packets;
	size_t count;
	uint64_t probe; /* bit/s that a probe showed; 0: none has a result now */
	uint64_t now;
};

struct controller_ops {
	const char *name;
	void (*init)(struct controller_view *v, uint64_t start_rate, uint64_t now);
	void (*feedback)(struct controller_view *v, const struct controller_news *news);
	/* Packets were sent and nothing has been heard of them for a long time. */
	void (*silence)(struct controller_view *v, uint64_t now);
	bool (*check)(const struct controller_view *v); /* may be NULL */
};

/* Google congestion control: the trendline of delays and the loss, whichever allows less. */
extern const struct controller_ops controller_gcc;

#endif
