/* recovery: what loss does to a sender: when it counts as found, how the window comes down and goes up again, probes of a silent
 * tail, and the undoing of reductions that proved needless. RFC 8985 (RACK-TLP), RFC 6937 (PRR) and RFC 9260, 7.2.4, whichever
 * the configuration chose.
 *
 *   exit          highest TSN outstanding when the recovery began; RFC 9260, 7.2.4
 *   undo_high     0, or: a reduction may still be undone, when all that was sent again of [undo_low, undo_high] arrives twice
 *   undo_pending  chunks of these that were sent again and not yet reported as duplicates
 *   probe_end     0, or: a tail loss probe is out and ended below this TSN; RFC 8985, 7
 *   silent        probes of the path since the T3 after which nothing was acknowledged
 *   resent_at     when the first chunk was sent again after a T3; 0: none was, and acknowledgements are of the time before T3 */
#ifndef SCTP_TX_RECOVERY_H
#define SCTP_TX_RECOVERY_H

#include "sctp/tx/prr.h"
#include "sctp/tx/rack.h"

struct sender;

struct recovery {
	struct rack rack;
	struct prr prr;
	uint64_t exit;
	bool free_packet;    /* the next packet of data goes whatever cwnd and pace allow: RFC 9260, 7.2.4 (3), and probes */
	bool repeated;       /* T3 has expired more than once since */
	bool answered;       /* something was acknowledged since */
	bool unanswered;     /* T3 has expired, and nothing was acknowledged since */
	bool limited;        /* cwnd, and nothing else, held data back in this round, ... */
	bool limited_before; /* ... or in the one before */
	uint64_t resent_at;
	uint64_t round_end;     /* `delivered` at which the round trip is over */
	uint64_t lost_reported; /* bytes lost that were reported to the control */
	uint64_t undo_low, undo_high, undo_pending;
	uint64_t probe_end;
	uint32_t silent;
	bool probe_repeated; /* the probe repeated the last chunk, of ... */
	uint16_t probe_len;  /* ... so many bytes; else it was new data */
};

/* Probes of a path that is silent after a T3: the interval of the first ones, and how many there are until something is
 * acknowledged. */
#define RECOVERY_SILENT_PROBE (400 * SLUICE_MS)
#define RECOVERY_SILENT_PROBES 5

void recovery_reset(struct sender *tx);
/* Does T3 begin anew when the first outstanding chunk is sent again? */
bool recovery_restarts_t3(const struct sender *tx);
/* Bytes that may go, as far as congestion is concerned, in a recovery or behind a T3; in other times cwnd alone says it. */
uint64_t recovery_window_of_loss(const struct sender *tx);
/* A chunk was put into a packet: again, or in a recovery. */
void recovery_note_sent(struct sender *tx, uint64_t tsn, uint32_t len, bool again);
enum miss_rule recovery_miss_rule(const struct sender *tx);
/* A SACK was applied. */
void recovery_sack(struct sender *tx, struct ack *ack, uint64_t flight_before);
/* The peer has received the TSN twice. */
void recovery_duplicate(struct sender *tx, uint64_t tsn);
/* T3 has expired. */
void recovery_timeout(struct sender *tx);
/* Data was sent or acknowledged: the tail loss probe is due later, or not at all. */
void recovery_arm_probe(struct sender *tx);
/* A SACK says that the peer has no room for a packet; and that it has room again. */
void recovery_window_closed(struct sender *tx);
void recovery_window_opened(struct sender *tx);
/* SENDER_RACK and SENDER_TLP have expired. */
void recovery_rack_expired(struct sender *tx);
void recovery_probe_expired(struct sender *tx);

void recovery_walk(struct recovery *r, struct walk *w);

#endif
