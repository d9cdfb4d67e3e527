/* feedback_interval: how long until the next feedback about each packet?
 *
 * Each 50 to 250 ms, so that feedback takes a twentieth of what comes in, at 68 bytes a packet of feedback, as libwebrtc reckons.
 * At a low rate few packets come between two of them, so the change is smoothed. */
#ifndef RTP_FEEDBACK_INTERVAL_H
#define RTP_FEEDBACK_INTERVAL_H

#include "base/arith.h"
#include "sluice/env.h"

#define FEEDBACK_INTERVAL_MIN (50 * SLUICE_MS)
#define FEEDBACK_INTERVAL_MAX (250 * SLUICE_MS)
#define FEEDBACK_BITS (68 * 8)
#define FEEDBACK_SHARE 20 /* one part in twenty of the received rate */

/* before: the last one; bytes: what came in within `passed` ns, 1 at least. */
static inline uint64_t feedback_interval(uint64_t before, uint64_t bytes, uint64_t passed) {
	uint64_t wanted = bytes ? mul_div64(passed, FEEDBACK_BITS * FEEDBACK_SHARE, 8 * bytes) : FEEDBACK_INTERVAL_MAX;
	return (3 * before + min64(max64(wanted, FEEDBACK_INTERVAL_MIN), FEEDBACK_INTERVAL_MAX)) / 4;
}

#endif
