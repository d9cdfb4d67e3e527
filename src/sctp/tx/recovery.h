/* recovery: what loss does to an association: when it counts as found, how the window comes down and goes up again, probes of a
 * silent tail, and the undoing of what proved needless. The state; the functions are in association.h, recovery.c.
 *
 *   exit          highest TSN outstanding when the recovery began; RFC 9260, 7.2.4
 *   undo_high     0, or: a reduction may still be undone, when all that was sent again of [undo_low, undo_high] arrives twice
 *   undo_pending  chunks of these that were sent again and not yet reported as duplicates
 *   probe_end     0, or: a tail loss probe is out and ended below this TSN; RFC 8985, 7
 *   silent        probes of the path since the T3 after which nothing was acknowledged
 *   resent_at     when the first chunk was sent again after a T3; 0: none was, and what is acknowledged is of the
 *                 time before it */
#ifndef SCTP_TX_RECOVERY_H
#define SCTP_TX_RECOVERY_H

#include "sctp/tx/prr.h"
#include "sctp/tx/rack.h"

struct recovery {
	struct rack rack;
	struct prr prr;
	uint64_t exit;
	bool free_packet; /* the next packet of data goes whatever cwnd and pace say: RFC 9260, 7.2.4 (3), and probes */
	bool mending;     /* after a T3: what was outstanding then is not yet acknowledged */
	bool repeated;    /* T3 has expired more than once since */
	bool answered;    /* something was acknowledged since */
	bool unanswered;  /* T3 has expired, and nothing was acknowledged since */
	uint64_t resent_at;
	bool limited;        /* cwnd, and nothing else, held data back in this round, ... */
	bool limited_before; /* ... or in the one before */
	uint64_t round_end;  /* `delivered` at which the round trip is over */
	uint64_t lost_told;  /* bytes lost that the control has heard of */
	uint64_t undo_low, undo_high, undo_pending;
	uint64_t probe_end;
	uint32_t silent;
	bool probe_repeated; /* it repeated the last chunk, else it was new data */
};

#endif
