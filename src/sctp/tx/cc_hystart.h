/* cc_hystart: when does slow start end? HyStart++, RFC 9406: it ends when the round trip grows, before anything is lost, and
 * gently: first a conservative slow start, which is taken back when the growth was noise. Plain numbers, part of a control's
 * state.
 *
 * RFC 9406 compares the least round trip of a whole round with the one before. The first packets of a round met no queue yet, so
 * a queue that begins in one round is seen in the next but one, when the window has grown to four times the path. A queue of one
 * bandwidth-delay product loses as many packets as the path holds then, most of them one by one. So two things are ours:
 * - Each N_RTT_SAMPLE round trips in a row are looked at by themselves.
 * - The conservative slow start is over, too, when the round trip has grown by as much again. Noise does not grow on. */
#ifndef SCTP_TX_CC_HYSTART_H
#define SCTP_TX_CC_HYSTART_H

#include <stdbool.h>
#include <stdint.h>

struct hystart {
	uint64_t last_min, current_min; /* ns; least round trip of the last round and of this one; UINT64_MAX: none */
	uint64_t group_min;             /* the same of the present N_RTT_SAMPLE samples */
	uint64_t baseline;              /* of the conservative phase; 0: not in it */
	uint32_t samples, rounds;
};

enum hystart_verdict {
	HYSTART_GROW,         /* by everything acknowledged */
	HYSTART_CONSERVATIVE, /* by a quarter of it (CSS_GROWTH_DIVISOR) */
	HYSTART_DONE,         /* slow start is over: ssthresh = cwnd */
};

void cc_hystart_begin(struct hystart *h);
/* One SACK in slow start: `rtt` 0: no sample; `round_start`: a round trip has passed. RFC 9406, 4.2. */
enum hystart_verdict cc_hystart_ack(struct hystart *h, uint64_t rtt, bool round_start);

#endif
