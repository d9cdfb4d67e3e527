/* app_limit: does the app send so much less than it may that nothing is learnt about the path?
 *
 * A bucket that fills at 65% of the target and that sent bytes empty. Full means that the app uses less than that: the flow is
 * limited by its app until the bucket is half empty again.
 *
 *   -most <= level <= most, most = what 65% of the target is in half a second */
#ifndef RTP_BWE_APP_LIMIT_H
#define RTP_BWE_APP_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct app_limit {
	double level, most; /* bytes */
	uint64_t stamp, target;
	bool limited;
};

void app_limit_update(struct app_limit *a, uint64_t target, uint64_t now);
static inline void app_limit_sent(struct app_limit *a, uint32_t bytes) {
	a->level -= bytes;
}

#endif
