/* cc_hystart: when does slow start end? HyStart++, RFC 9406: it ends when the round trip grows, before anything is lost, and
 * gently: first a conservative slow start, which is taken back when the growth was noise. Plain numbers, part of a control's
 * state. */
#ifndef SCTP_TX_CC_HYSTART_H
#define SCTP_TX_CC_HYSTART_H

#include <stdbool.h>
#include <stdint.h>

struct hystart {
	uint64_t last_min, current_min; /* ns; least round trip of the last round and of this one; UINT64_MAX: none */
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
