/* yield: how fast may data be while media shares its path?
 *
 * Two controls that both keep the queue short share a path as they happen to be tuned: media's estimator needs seconds for what
 * a window regains in a round trip. So they are coupled, in the spirit of RFC 8699: both flows have one sender, which knows who
 * wants more. What data may send has a bound, which
 *
 *   is none        while media does not send, or never missed anything
 *   falls          while media is hungry: its encoders use all that the estimator allows
 *   falls at once  when media is congested; by more than media's own estimator falls
 *   stands         until media has recovered from that
 *   grows          while media has what it wants, slower where the path was full the last time
 *
 * It never falls below a tenth of what media may send, nor below some kB/s.
 *
 *   bound == 0 (none), or bound >= YIELD_LEAST
 *
 * It knows neither tracks nor the association, only what they sent. */
#ifndef PEER_YIELD_H
#define PEER_YIELD_H

#include <stdbool.h>
#include <stdint.h>

#define YIELD_LEAST 8000 /* bytes/s */

struct yield {
	uint64_t next;                    /* when to judge again */
	uint64_t media_bytes, data_bytes; /* at the last judgement */
	uint64_t media, data;             /* bit/s, smoothed */
	uint64_t quiet;                   /* ns for which media has sent nothing */
	uint64_t bound;                   /* bytes/s; 0: none */
	uint64_t full;                    /* bytes/s at which media was congested last; 0: it was not */
	uint64_t held_until, asked_at;    /* the bound stands; media was offered the room */
};

struct yield_news {
	uint64_t now;
	uint64_t media_bytes, data_bytes; /* sent so far */
	uint64_t target, most;            /* bit/s of media's estimator, and what it may be at most */
	bool congested;                   /* says the estimator */
};

/* Is it time for yield_judge()? */
static inline bool yield_is_due(const struct yield *y, uint64_t now) {
	return now >= y->next;
}
/* Sets y->bound. Returns bit/s that media may try to have now; 0: nothing new. */
uint64_t yield_judge(struct yield *y, const struct yield_news *n);

#endif
