/* discovery: path MTU discovery of an association (DPLPMTUD: RFC 8899, 6.2 is SCTP's): when probes go, what their answers and their
 * silence mean, and when larger packets have fallen into a black hole. Which sizes are tried is pmtu's.
 *
 * A probe is a HEARTBEAT and a PAD chunk (RFC 4820) alone in a packet. It is not in flight, has no TSN, waits for no window and its
 * loss is no sign of congestion. At most one is out, and their number is bounded: a peer that does not answer gets six in all. */
#ifndef SCTP_TX_DISCOVERY_H
#define SCTP_TX_DISCOVERY_H

#include "sctp/tx/pmtu.h"

struct discovery {
	struct pmtu pmtu;
	uint64_t nonce;   /* of the probe that is out; 0: none */
	uint64_t control; /* of the small HEARTBEAT that asks whether the path carries anything; 0: none is out */
	uint64_t packet;  /* number of the first packet of data sent after the probe: its acknowledgement is a sign of life too */
	uint64_t data_sent; /* chunks, when the search was complete */
	uint32_t silent;    /* probes in a row while the path was silent altogether */
};

#endif
