/* prr: proportional rate reduction, RFC 6937: how a recovery gets from what was in flight down to ssthresh within a round trip,
 * by sending a share of what is delivered, instead of falling silent for half of it and then going on in a burst. Bytes. */
#ifndef SCTP_TX_PRR_H
#define SCTP_TX_PRR_H

#include "base/walk.h"

#include <stdbool.h>
#include <stdint.h>

struct prr {
	uint64_t delivered; /* since the recovery began */
	uint64_t out;       /* sent since then, retransmissions included */
	uint64_t flight;    /* when it began: RecoverFS */
	uint64_t allowed;   /* what may be sent until the next acknowledgement */
};

void prr_begin(struct prr *p, uint64_t flight);
/* Bytes were delivered; `flight` is what is in flight now ("pipe"). RFC 6937, 3. */
void prr_ack(struct prr *p, uint64_t delivered, uint64_t flight, uint64_t ssthresh, uint32_t mtu);
static inline void prr_sent(struct prr *p, uint64_t bytes) {
	p->out += bytes;
	p->allowed -= bytes < p->allowed ? bytes : p->allowed;
}
void prr_walk(struct prr *p, struct walk *w);

#endif
