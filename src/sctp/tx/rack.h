/* rack: which packets are lost, judged by time? RFC 8985, carried over from segments to packets with DATA.
 *
 * A packet is lost when one sent later has been delivered and enough time has passed: when it was sent earlier than the packet
 * delivered most recently, by more than the reordering window. RACK reads the log of packets and marks chunks in `outstanding`.
 * It knows no timers and no congestion. */
#ifndef SCTP_TX_RACK_H
#define SCTP_TX_RACK_H

#include "sctp/tx/outstanding.h"

struct rack {
	uint64_t sent_at, number; /* of the packet sent last among those delivered */
	uint64_t rtt;             /* its round trip */
	uint32_t steps;           /* of min_rtt / 4 in the reordering window; 6.2, step 4 */
	uint32_t persist;         /* recoveries until it is narrowed again */
	uint64_t duplicate_round; /* `delivered` up to which one widening is enough */
	bool reordering_seen;
};

void rack_init(struct rack *r);

/* A SACK was applied. Steps 1 to 3 of RFC 8985, 6.2. */
void rack_ack(struct rack *r, const struct outstanding *o, const struct ack *ack, uint64_t min_rtt, uint64_t now);
/* The peer received something twice: we were too hasty, and the window widens. At most one step in a round trip. */
void rack_duplicate(struct rack *r, const struct outstanding *o);
/* A recovery has ended. */
void rack_recovery_exit(struct rack *r);

/* Step 5: marks what is lost by now. in_recovery: a recovery or a timeout is being mended. Returns the number of chunks;
 * *next is when to look again, SLUICE_NEVER: nothing waits. */
uint64_t rack_detect(struct rack *r, struct outstanding *o, uint64_t min_rtt, uint64_t srtt, bool in_recovery, uint64_t now,
                     uint64_t *next);
/* T3 has expired: RFC 8985, 6.3. The first outstanding chunk is lost, and so is each packet as old as RACK demands. Chunks
 * without a record (the peer took them back, or too many packets were under way) are lost too: T3 is their only judge. Returns
 * the number of chunks. */
uint64_t rack_timeout(struct rack *r, struct outstanding *o, uint64_t rto, uint64_t now);

void rack_walk(struct rack *r, struct walk *w);

#endif
