/* nack_responder: which packets does the peer want again, and which of them does it get?
 *
 * A packet is sent again once a round trip: a second NACK within that time was sent before the first answer could arrive. Repair
 * takes at most a fifth of the target rate, counted over a second. Beyond that a NACK is dropped, and the peer asks again a round
 * trip later; a queue of repairs would only grow older than the frames that they are for.
 *
 * With RTX the answer is a packet of the RTX stream. Without, it is the same packet byte for byte: SRTP takes its key stream from
 * SSRC and number, and two different packets under one number would give the key of AES-GCM's tag away. The session so must
 * not overwrite an element of it.
 *
 *   head - tail == repairs that wait <= NACK_QUEUE
 *   asked == queued + unknown + too_soon + limited */
#ifndef RTP_NACK_RESPONDER_H
#define RTP_NACK_RESPONDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rtp/history.h"
#include "rtp/rtx.h"

#define NACK_QUEUE 256
#define NACK_REPAIR_SHARE 5 /* one part in five of the target rate */

struct nack_responder {
	uint64_t round_trip;
	uint64_t byte_ns;    /* how long a byte of repair lasts at its share of the target; 0: no limit */
	uint64_t busy_until; /* when all that was queued would be over at that rate */
	uint32_t head, tail;
	uint64_t queue[NACK_QUEUE]; /* numbers */

	uint64_t asked, queued, unknown, too_soon, limited;
	uint64_t resent, resent_bytes;
};

void nack_responder_init(struct nack_responder *r, uint64_t round_trip);
bool nack_responder_check(const struct nack_responder *r);
static inline void nack_responder_round_trip(struct nack_responder *r, uint64_t round_trip) {
	r->round_trip = round_trip;
}
/* The target rate of the stream in bit/s; 0: not known. */
void nack_responder_target(struct nack_responder *r, uint64_t bits_per_second);

/* A NACK names the packet of this sequence number. */
void nack_responder_ask(struct nack_responder *r, struct rtp_history *h, uint16_t sequence, uint64_t now);

static inline bool nack_responder_has_output(const struct nack_responder *r) {
	return r->head != r->tail;
}

struct nack_repair {
	uint64_t number;   /* of the lost packet */
	size_t header_len; /* RTP's header in space */
	bool is_rtx;       /* it has a number of its own; extension elements may be overwritten */
};

/* Writes the next repair. Returns its length, 0 when nothing waits, or
 *   SLUICE_NO_SPACE  it does not fit; it still waits */
int nack_responder_output(struct nack_responder *r, struct rtp_history *h, struct rtx_sender *rtx, const struct rtx_types *types,
                          uint8_t *space, size_t size, struct nack_repair *out);

#endif
