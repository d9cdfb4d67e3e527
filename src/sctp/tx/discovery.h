/* discovery: path MTU discovery (DPLPMTUD: RFC 8899, 6.2 is SCTP's): when do probes go, what do their answers and their silence
 * mean, and when have larger packets fallen into a black hole? Which sizes are tried is pmtu's question.
 *
 * A probe is a HEARTBEAT and a PAD chunk (RFC 4820) alone in a packet. It is not in flight, has no TSN, waits for no window, and
 * its loss is no sign of congestion. At most one is out, and their number is bounded: a peer that does not answer gets six in
 * all, and three in a cautious search. */
#ifndef SCTP_TX_DISCOVERY_H
#define SCTP_TX_DISCOVERY_H

#include "sctp/tx/pmtu.h"

#include <stddef.h>

struct sender;
struct writer;

struct discovery {
	struct pmtu pmtu;
	uint64_t nonce;   /* of the probe that is out; 0: none */
	uint64_t control; /* of the small HEARTBEAT that asks whether the path carries anything; 0: none is out */
	/* number of the first packet of data sent after the probe: its acknowledgement is a sign of life too */
	uint64_t packet;
	uint64_t data_sent; /* chunks sent until the search was complete */
	uint32_t silent;    /* probes in a row while the path was silent altogether */
};

void discovery_init(struct sender *tx);
/* Nothing is known and no probe is out; nothing is probed before discovery_start(). */
void discovery_reset(struct sender *tx);
/* The association is established, or has another path. */
void discovery_start(struct sender *tx);
/* A probe is due that fits `room` bytes: its size; 0: none is. */
uint32_t discovery_probe_size(struct sender *tx, size_t room);
/* Fills what w has room for, which is the size. */
void discovery_write_probe(struct sender *tx, struct writer *w);
void discovery_write_control(struct sender *tx, struct writer *w);
/* A HEARTBEAT-ACK came. Returns whether it answers one of ours. */
bool discovery_answer(struct sender *tx, uint64_t sent_at, uint64_t nonce);
/* SENDER_PMTU has expired. */
void discovery_expired(struct sender *tx);
/* T3 expired, or large packets were lost and nothing but them. */
void discovery_black_hole(struct sender *tx);
/* The network or the driver says that the path carries `size` and no more; see pmtu_hint(). */
void discovery_hint(struct sender *tx, uint32_t size, bool sure);

#endif
