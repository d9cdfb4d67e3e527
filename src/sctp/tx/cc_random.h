/* cc_random: was a packet lost in a full queue, or by chance? The queueing delay of the packets sent beside it says that, and how
 * many were lost. Plain numbers, part of a control's state.
 *
 * A queue that drops its tail has just delayed every packet by all that it holds. So the packets around the lost one come late. A
 * line that loses by chance does so whatever the delay. So a loss counts as chance when the queue was nearly empty: its delay was
 * less than half of the longest one seen lately, and less than a quarter of the round trip.
 *
 * Some overload comes without delay: by policers, queues of a few packets, queues that drop early (CoDel, RFC 8289). What they
 * lose depends on the window. What chance loses does not. So the share that is lost while the window is well below that of the
 * last reduction counts as the line's own. Twice that share is tolerated, and never more than 2 %, as BBR has it
 * (draft-ietf-ccwg-bbr: BBR.LossThresh). When a few packets more are lost, the next loss counts as overload.
 *
 * Where flows share a queue that is too short for them, each takes what the others lose for the line's own. So they lose more
 * than by the RFC's rules: up to 2 % and these few packets.
 *
 * The least round trip ages with reductions, not with time, as a reduction is what empties a queue. After the route has become
 * longer, each loss seems to come with delay and reduces the window. The second of these reductions ends the error. */
#ifndef SCTP_TX_CC_RANDOM_H
#define SCTP_TX_CC_RANDOM_H

#include "sctp/tx/cc.h"

struct cc_random {
	/* ns; of this epoch and of the last one. A reduction begins an epoch. */
	uint64_t least[2], most[2];
	uint64_t epoch; /* when this one began */
	/* The least round trip of this slice of time and of the last one; UINT64_MAX: none was measured. */
	uint64_t low[2];
	uint64_t slice_end;
	uint64_t ambient;    /* what the line loses by itself; of CC_RANDOM_ALL */
	uint64_t sent, lost; /* bytes of the sample of that which is being taken */
	uint64_t excess;     /* bytes lost beyond what is tolerated, times CC_RANDOM_ALL */
};

#define CC_RANDOM_ALL (UINT64_C(1) << 24)

void cc_random_begin(struct cc_random *r);
/* One SACK. last_cut: the window before the last reduction; 0: there was none yet. */
void cc_random_ack(struct cc_random *r, const struct cc_view *v, const struct cc_ack *a, uint64_t last_cut);
/* Bytes were found lost without a SACK. */
void cc_random_more_lost(struct cc_random *r, const struct cc_view *v, uint64_t bytes, uint64_t last_cut);
/* Packets were just found lost, and are counted. By chance? */
bool cc_random_lost(const struct cc_random *r, const struct cc_view *v, uint64_t last_cut);
/* The window is reduced. */
void cc_random_cut(struct cc_random *r, uint64_t now);

#endif
