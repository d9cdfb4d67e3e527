#include "sctp/tx/ack.h"

#include "base/serial.h"
#include "sctp/tx/prsctp.h"

/* ---- SACK ---- */

/* Reads the blocks as 64-bit TSNs. Stops at the first block that cannot be: it does not ascend, or names TSNs that were never
 * sent. */
static size_t read_gaps(const struct sender *tx, const struct wire_sack *s, uint64_t cum, struct gap *gaps) {
	size_t count = 0;
	uint64_t above = cum + 1;
	for (size_t i = 0; i < s->gap_count && count < GAPS_KEPT; i++) {
		uint16_t start, end;
		wire_sack_gap(s, i, &start, &end);
		struct gap g = {cum + start, cum + end};
		if (g.start <= above || g.end < g.start || g.end >= tx->sent.next)
			break;
		gaps[count++] = g;
		above = g.end + 1;
	}
	return count;
}

/* RFC 9260, 6.3.2, R2 and R3. */
static void t3_update(struct sender *tx, bool advanced) {
	if (outstanding_count(&tx->sent) == 0)
		sender_timer_stop(tx, SENDER_T3);
	else if (advanced || !sender_timer_running(tx, SENDER_T3))
		sender_timer_start(tx, SENDER_T3, tx->rto.rto);
}

static unsigned apply_sack(struct sender *tx, uint64_t cum, const struct gap *gaps, size_t count) {
	struct ack ack;
	uint64_t flight_before = tx->sent.flight;
	outstanding_sack(&tx->sent, cum, gaps, count, recovery_miss_rule(tx), tx->now, &ack);
	if (ack.rtt_valid)
		rto_measure(&tx->rto, ack.rtt);
	recovery_sack(tx, &ack, flight_before);
	prsctp_exhausted(tx);
	t3_update(tx, ack.advanced);
	if (ack.bytes > 0)
		recovery_arm_probe(tx);
	prsctp_forward(tx);
	/* RFC 9260, 8.1: errors are counted from 0 "each time a DATA chunk sent to that peer endpoint is acknowledged". */
	return ack.bytes > 0 || ack.advanced ? SENDER_PEER_ALIVE : 0;
}

/* What the SACK says of the peer's window. Returns whether the peer has no room for a packet. */
static bool window_update(struct sender *tx, uint32_t a_rwnd, uint32_t packet) {
	tx->peer_a_rwnd = a_rwnd;
	if (a_rwnd > tx->peer_window_max)
		tx->peer_window_max = a_rwnd;
	if (a_rwnd < packet) {
		recovery_window_closed(tx);
		return true;
	}
	tx->probe_interval = 0;
	tx->probe_now = false;
	sender_timer_stop(tx, SENDER_PROBE);
	return false;
}

static unsigned sack_whole(struct sender *tx, const struct wire_sack *s, uint64_t cum) {
	struct gap gaps[GAPS_KEPT];
	size_t count = s->gap_count ? read_gaps(tx, s, cum, gaps) : 0;
	uint32_t packet = sender_payload_max(tx);
	bool was_closed = tx->peer_a_rwnd < packet, closed = window_update(tx, s->a_rwnd, packet);
	unsigned news = apply_sack(tx, cum, gaps, count);
	if (was_closed && !closed)
		recovery_window_opened(tx);
	for (size_t i = 0; i < s->duplicate_count; i++)
		recovery_duplicate(tx, serial_unwrap(wire_sack_duplicate(s, i), tx->sent.cum));
	/* A peer that answers window probes is alive, even while it has no room. RFC 9260, 6.1, A: "the unacknowledged window
	 * probes SHOULD NOT increment the error counter" while SACKs come. */
	return closed ? SENDER_PEER_ALIVE : news;
}

unsigned ack_sack(struct sender *tx, const struct wire_chunk *c) {
	struct wire_sack s;
	if (wire_sack_read(c, &s))
		return SENDER_DISCARDED;
	tx->counters.sacks_received++;
	tx->counters.gap_blocks_received += s.gap_count;
	uint64_t cum = serial_unwrap(s.cum_tsn, tx->sent.cum);
	/* RFC 9260, 6.2.1, D i: "If Cumulative TSN Ack is less than the Cumulative TSN Ack Point, then drop the SACK chunk": it
	 * is older than one that came before. A SACK that acknowledges TSNs that were never sent is nonsense; an answer to it
	 * would help nobody. */
	if (cum < tx->sent.cum || cum >= tx->sent.next)
		return SENDER_DISCARDED;
	return sack_whole(tx, &s, cum);
}

unsigned ack_cumulative(struct sender *tx, uint32_t cum_tsn) {
	uint64_t cum = serial_unwrap(cum_tsn, tx->sent.cum);
	if (cum <= tx->sent.cum || cum >= tx->sent.next)
		return 0;
	/* SHUTDOWN says nothing of gaps: the last SACK's blocks above cum still hold. */
	struct gap gaps[GAPS_KEPT];
	size_t count = outstanding_gaps_above(&tx->sent, cum, gaps);
	return apply_sack(tx, cum, gaps, count);
}

/* ---- T3: RFC 9260, 6.3.3 ---- */

void ack_timeout(struct sender *tx) {
	sender_timer_stop(tx, SENDER_T3);
	discovery_black_hole(tx);
	outstanding_allow_retractions(&tx->sent);
	recovery_timeout(tx);
	rto_back_off(&tx->rto);
	tx->view.rto = tx->rto.rto;
	prsctp_held_up(tx);
	prsctp_exhausted(tx);
	if (tx->sent.advanced > tx->sent.cum)
		tx->due |= SENDER_FORWARD_TSN;
	if (outstanding_count(&tx->sent) > 0)
		sender_timer_start(tx, SENDER_T3, tx->rto.rto);
}
