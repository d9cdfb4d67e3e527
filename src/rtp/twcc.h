/* twcc: when did the packets of the whole transport come, and when is that told?
 * draft-holmer-rmcat-transport-wide-cc-extensions-01.
 *
 * Every packet with the extension counts: media, RTX, and padding that only probes the path. The arrivals lie in a ring by their
 * transport-wide number; a slice of the ring is what the feedback writer takes.
 *
 * Feedback leaves in the rhythm of feedback_interval.h, and at once when half of the ring is not reported. A packet that comes
 * behind its report is reported with all that follows it once more: its sender took it for lost.
 *
 *   next <= highest + 1, and highest - next < TWCC_RING
 *   arrivals[n % TWCC_RING] is SLUICE_NEVER for each n of the ring that did not come
 *   due == SLUICE_NEVER if and only if next == highest + 1 */
#ifndef RTP_TWCC_H
#define RTP_TWCC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/serial.h"
#include "rtp/rtcp_write.h"
#include "sluice/env.h"

#define TWCC_RING 4096

struct twcc {
	uint64_t highest; /* 0: nothing came */
	uint64_t next;    /* the first that is not reported */
	uint64_t due;
	uint64_t interval;
	uint64_t bytes, since; /* what came since the last feedback, and when that was */
	uint8_t feedback;      /* number of the next feedback packet */

	uint64_t late, duplicates, restarts;

	uint64_t arrivals[TWCC_RING];
};

void twcc_init(struct twcc *t);
bool twcc_check(const struct twcc *t);

/* The part of twcc_take() for packets that are not next. */
void twcc_take_other(struct twcc *t, uint16_t sequence, uint64_t now);

/* A packet came whose datagram has size bytes. */
static inline void twcc_take(struct twcc *t, uint16_t sequence, size_t size, uint64_t now) {
	t->bytes += size;
	if (__builtin_expect(sequence == (uint16_t)(t->highest + 1) && t->highest - t->next < TWCC_RING / 2, 1))
		t->arrivals[++t->highest % TWCC_RING] = now;
	else
		twcc_take_other(t, sequence, now);
	if (t->due == SLUICE_NEVER && t->next <= t->highest)
		t->due = now + t->interval;
}

static inline uint64_t twcc_deadline(const struct twcc *t) {
	return t->due;
}

/* Writes the feedback that is due. ssrc: ours; media: of any stream of the transport. Returns 0 when all is told, or
 *   SLUICE_NO_SPACE  the datagram is full; call again with the next one */
int twcc_output(struct twcc *t, struct rtcp_writer *w, uint32_t ssrc, uint32_t media, uint64_t now);

#endif
