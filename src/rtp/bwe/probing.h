/* probing: when is it worth the risk to send faster than the target for a moment, and how fast?
 *
 *   at the start            3 and 6 times the start rate, then twice the result as long as the path carries what is sent.
 *                           Without an answer the second one is tried again, a few times
 *   after a drop            twice the target, from 2 s after a fall below two thirds on, until 85% of the rate before are back.
 *                           A path that shows its limit makes the next probe wait longer, up to 4 s
 *   after others made room  the same, at once, until 85% of what is believed to be there are reached
 *   limited by the app      twice the target, each 5 s, since nothing else would show that the path can carry more
 *
 * None is faster than 5 Mb/s or the second one at the start, whichever is more; after a drop, than the rate before.
 *
 * It knows targets and results, and no packets. Probes wait in a short queue for the pacer.
 *
 *   count <= PROBING_QUEUE
 *   next_id - count == id of the first that waits */
#ifndef RTP_BWE_PROBING_H
#define RTP_BWE_PROBING_H

#include "rtp/bwe/cluster.h"

#define PROBING_QUEUE 2

struct probing {
	struct bwe_probe queue[PROBING_QUEUE];
	unsigned count;
	uint32_t next_id;
	uint64_t max_rate;
	bool started;
	uint64_t start_rate;
	/* The last one was answered by less than was sent, or not at all: nothing is tried before this time. */
	uint64_t quiet_until;
	/* The result above which the last probe is doubled; 0: none is waited for. */
	uint64_t wanted;
	uint64_t last_rate; /* of the last probe; 0: it was answered */
	unsigned again;     /* how often it may still be repeated */
	/* After a drop. */
	uint64_t high;     /* the rate to come back to */
	uint64_t retry_at; /* SLUICE_NEVER: there was no drop */
	uint64_t wait;
	bool recovering; /* the last probe was the first one for that */
	/* Limited by the app. */
	uint64_t idle_at;
};

void probing_init(struct probing *p, uint64_t start_rate, uint64_t max_rate);
/* No probe is faster from now on. */
void probing_bound(struct probing *p, uint64_t max_rate);
/* The first packet leaves. */
void probing_start(struct probing *p, uint64_t now);
/* The target has changed without a probe. */
void probing_target(struct probing *p, uint64_t target, uint64_t now);
/* The path may carry `rate` now, as others made room: as after a drop from there, and the first probe is due now. */
void probing_room(struct probing *p, uint64_t rate, uint64_t target, uint64_t now);
/* A probe has a result. False: it must not raise the target, because the packets of others may have been what slowed it down. */
bool probing_result(struct probing *p, const struct cluster_result *r, uint64_t now);
/* congested: a queue grows on the path, so no probe now. */
void probing_advance(struct probing *p, uint64_t target, bool app_limited, bool congested, uint64_t now);
uint64_t probing_deadline(const struct probing *p, bool app_limited);
/* The next probe for the pacer. False: there is none. */
bool probing_take(struct probing *p, struct bwe_probe *out);
bool probing_check(const struct probing *p);

#endif
