/* ack: what the peer has: SACKs, the retransmission timer, congestion, and giving up (PR-SCTP).
 * RFC 9260, 6.2.1, 6.3 and 7.2; RFC 3758, 3.5. */
#include "sctp/association.h"
#include "sctp/tx/abandon.h"

#include "base/serial.h"

/* ---- FORWARD-TSN ---- */

/* RFC 3758, 3.5, C3: "If, after step C1 and C2, the "Advanced.Peer.Ack.Point" is greater than the Cumulative TSN ACK carried
 * in the received SACK, the data sender MUST send the data receiver a FORWARD TSN chunk". Once per round trip for the same
 * point is enough, as T3 repeats it anyway. */
static void forward_tsn_due(sluice_sctp *a) {
	if (a->tx.sent.advanced <= a->tx.sent.cum)
		return;
	if (a->tx.sent.advanced == a->tx.forward_tsn_sent && a->now - a->tx.forward_tsn_at < a->tx.rto.srtt)
		return;
	a->pending |= PENDING_FORWARD_TSN;
}

#define FORWARD_STREAMS_MAX 64

struct skipped {
	uint16_t stream;
	bool unordered;
	uint32_t mid;
};

static void forward_note(struct skipped *list, size_t *count, const struct tx_chunk *c) {
	struct skipped this = {c->stream, (c->flags & WIRE_DATA_U) != 0, c->mid};
	size_t i = 0;
	while (i < *count && (list[i].stream != this.stream || list[i].unordered != this.unordered))
		i++;
	/* RFC 3758, 3.2: the field holds "the largest stream sequence number in this stream being skipped": TSNs ascend, so the
	 * later one is. */
	list[i] = this;
	if (i == *count)
		++*count;
}

/* FORWARD-TSN lists ordered messages by SSN; I-FORWARD-TSN unordered ones too, and both by MID: RFC 8260, 2.3.1. */
static void forward_write(const sluice_sctp *a, struct writer *w, uint64_t point, const struct skipped *list, size_t count) {
	uint8_t entries[8 * FORWARD_STREAMS_MAX];
	struct wire_forward f = {.cum_tsn = (uint32_t)point, .count = count, .streams = entries};
	for (size_t i = 0; i < count; i++) {
		uint8_t *entry = entries + (a->interleaving ? 8 : 4) * i;
		put_be16(entry, list[i].stream);
		put_be16(entry + 2, a->interleaving ? list[i].unordered : (uint16_t)list[i].mid);
		if (a->interleaving)
			put_be32(entry + 4, list[i].mid);
	}
	if (a->interleaving)
		wire_i_forward_write(w, &f);
	else
		wire_forward_write(w, &f);
}

void ack_write_forward_tsn(sluice_sctp *a, struct writer *w) {
	struct skipped list[FORWARD_STREAMS_MAX];
	size_t count = 0, max = a->interleaving ? FORWARD_STREAMS_MAX / 2 : FORWARD_STREAMS_MAX;
	if (writer_room(w) < 8 + 4 * FORWARD_STREAMS_MAX)
		return;
	uint64_t point = a->tx.sent.cum;
	/* Should more streams be concerned than the chunk lists, it stops short, and the next one goes on from there. */
	for (; point < a->tx.sent.advanced && count < max; point++) {
		const struct tx_chunk *c = outstanding_at(&a->tx.sent, point + 1);
		if (c->state == CHUNK_ABANDONED && (a->interleaving || !(c->flags & WIRE_DATA_U)))
			forward_note(list, &count, c);
	}
	a->pending &= ~(uint32_t)PENDING_FORWARD_TSN;
	if (point == a->tx.sent.cum)
		return;
	forward_write(a, w, point, list, count);
	a->tx.forward_tsn_sent = point;
	a->tx.forward_tsn_at = a->now;
	/* C5: "If a FORWARD TSN is sent, the sender MUST assure that at least one T3-rtx timer is running." */
	if (!timer_running(a, TIMER_T3))
		timer_start(a, TIMER_T3, a->tx.rto.rto);
}

/* Without FORWARD-TSN on the peer's side, what has a TSN must arrive. */
static void abandon(sluice_sctp *a, struct tx_message *m) {
	if (m->cut == 0 && !m->part)
		outgoing_drop(&a->tx.out, m, true);
	else
		abandon_message(&a->tx.sent, m);
}

void ack_abandon_open(sluice_sctp *a, struct tx_stream *s) {
	if (!s->open)
		return;
	if (s->open->started)
		abandon_open(&a->tx.sent, s);
	outgoing_close(&a->tx.out, s);
	forward_tsn_due(a);
}

void ack_abandon_all_open(sluice_sctp *a) {
	uint32_t id = 0;
	for (struct tx_stream *s; a->tx.out.parts && (s = idmap_next(&a->tx.out.streams, &id)); id++)
		ack_abandon_open(a, s);
}

/* RFC 7496, 3.1, limits retransmissions. A message that an outage or a closed window keeps from being sent once is no
 * retransmission, but who allows none wants what is fresh: on the way out behind two seconds of silence everything would be two
 * seconds late. So each RTO that it has waited counts as one that was in vain. A queue that is long because the path is slow is
 * not touched. */
void ack_held_up(sluice_sctp *a) {
	a->tx.held_up = outgoing_any(&a->tx.out);
	if (a->tx.held_up)
		outgoing_drop_stale(&a->tx.out, rto_plain(&a->tx.rto));
}

void ack_abandon_exhausted(sluice_sctp *a) {
	if (a->peer_forward_tsn && a->tx.sent.exhausted && abandon_exhausted(&a->tx.sent))
		forward_tsn_due(a);
}

void ack_expire_lifetimes(sluice_sctp *a) {
	struct tx_message *m;
	while ((m = outgoing_expired(&a->tx.out, a->now))) {
		if (m->cut > 0 && !a->peer_forward_tsn) {
			outgoing_outlive(&a->tx.out, m);
			continue;
		}
		abandon(a, m);
		/* A peer that is silent after a T3 hears of it by the next one: no packet for each message that is given up
		 * meanwhile. */
		if (!a->tx.recovery.unanswered)
			forward_tsn_due(a);
	}
}

/* ---- SACK ---- */

/* Blocks as 64-bit TSNs; the reading stops at the first one that cannot be: not ascending, or of TSNs that were never sent. */
static size_t read_gaps(const sluice_sctp *a, const struct wire_sack *s, uint64_t cum, struct gap *gaps) {
	size_t count = 0;
	uint64_t above = cum + 1;
	for (size_t i = 0; i < s->gap_count && count < GAPS_KEPT; i++) {
		uint16_t start, end;
		wire_sack_gap(s, i, &start, &end);
		struct gap g = {cum + start, cum + end};
		if (g.start <= above || g.end < g.start || g.end >= a->tx.sent.next)
			break;
		gaps[count++] = g;
		above = g.end + 1;
	}
	return count;
}

/* RFC 9260, 6.3.2, R2 and R3. */
static void t3_update(sluice_sctp *a, bool advanced) {
	if (outstanding_count(&a->tx.sent) == 0)
		timer_stop(a, TIMER_T3);
	else if (advanced || !timer_running(a, TIMER_T3))
		timer_start(a, TIMER_T3, a->tx.rto.rto);
}

static void apply(sluice_sctp *a, uint64_t cum, const struct gap *gaps, size_t count) {
	struct ack ack;
	uint64_t flight_before = a->tx.sent.flight;
	outstanding_sack(&a->tx.sent, cum, gaps, count, recovery_miss_rule(a), a->now, &ack);
	if (ack.rtt_valid)
		rto_measure(&a->tx.rto, ack.rtt);
	if (ack.bytes > 0 || ack.advanced)
		a->error_count = 0; /* RFC 9260, 8.1: reset "each time a DATA chunk sent to that peer endpoint is acknowledged" */
	recovery_sack(a, &ack, flight_before);
	ack_abandon_exhausted(a);
	t3_update(a, ack.advanced);
	if (ack.bytes > 0)
		recovery_arm_probe(a);
	forward_tsn_due(a);
}

void ack_sack(sluice_sctp *a, const struct wire_chunk *c) {
	struct wire_sack s;
	struct gap gaps[GAPS_KEPT];
	if (wire_sack_read(c, &s)) {
		a->stats.chunks_discarded++;
		return;
	}
	a->stats.sacks_received++;
	a->stats.gap_blocks_received += s.gap_count;
	uint64_t cum = serial_unwrap(s.cum_tsn, a->tx.sent.cum);
	/* RFC 9260, 6.2.1, D i: "If Cumulative TSN Ack is less than the Cumulative TSN Ack Point, then drop the SACK chunk": it
	 * is older than one we have seen. One that acknowledges what was never sent is nonsense; answering it would help
	 * nobody. */
	if (cum < a->tx.sent.cum || cum >= a->tx.sent.next) {
		a->stats.chunks_discarded++;
		return;
	}
	size_t count = s.gap_count ? read_gaps(a, &s, cum, gaps) : 0;
	uint32_t chunk = association_payload_max(a);
	bool opened = a->tx.peer_a_rwnd < chunk && s.a_rwnd >= chunk;
	a->tx.peer_a_rwnd = s.a_rwnd;
	if (s.a_rwnd > a->tx.peer_window_max)
		a->tx.peer_window_max = s.a_rwnd;
	/* A peer that answers window probes is alive, whatever it has room for. RFC 9260, 6.1, A: "the unacknowledged window
	 * probes SHOULD NOT increment the error counter" while SACKs come. */
	if (s.a_rwnd < chunk) {
		a->error_count = 0;
		recovery_window_closed(a);
	} else {
		a->tx.probe_interval = 0;
		a->tx.probe_now = false;
		timer_stop(a, TIMER_PROBE);
	}
	apply(a, cum, gaps, count);
	if (opened)
		recovery_window_opened(a);
	for (size_t i = 0; i < s.duplicate_count; i++)
		recovery_duplicate(a, serial_unwrap(wire_sack_duplicate(&s, i), a->tx.sent.cum));
}

void ack_cumulative(sluice_sctp *a, uint32_t cum_tsn) {
	uint64_t cum = serial_unwrap(cum_tsn, a->tx.sent.cum);
	if (cum <= a->tx.sent.cum || cum >= a->tx.sent.next)
		return;
	/* SHUTDOWN says nothing of gaps: what the last SACK said of those above still holds. */
	struct gap gaps[GAPS_KEPT];
	size_t count = 0;
	for (size_t i = 0; i < a->tx.sent.gap_count; i++)
		if (a->tx.sent.gaps[i].start > cum + 1)
			gaps[count++] = a->tx.sent.gaps[i];
	apply(a, cum, gaps, count);
}

/* ---- T3: RFC 9260, 6.3.3 ---- */

void ack_t3_expired(sluice_sctp *a) {
	timer_stop(a, TIMER_T3);
	if (outstanding_count(&a->tx.sent) == 0)
		return;
	if (a->state == SLUICE_SCTP_COOKIE_WAIT || a->state == SLUICE_SCTP_COOKIE_ECHOED) {
		/* The handshake's timer repeats data that rides with it. */
		timer_start(a, TIMER_T3, a->tx.rto.rto);
		return;
	}
	a->stats.t3_expiries++;
	if (association_count_error(a))
		return;
	discovery_black_hole(a);
	recovery_timeout(a);
	rto_back_off(&a->tx.rto);
	a->tx.view.rto = a->tx.rto.rto;
	ack_held_up(a);
	ack_abandon_exhausted(a);
	if (a->tx.sent.advanced > a->tx.sent.cum)
		a->pending |= PENDING_FORWARD_TSN;
	if (outstanding_count(&a->tx.sent) > 0)
		timer_start(a, TIMER_T3, a->tx.rto.rto);
}
