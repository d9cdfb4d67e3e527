#include "sctp/tx/prsctp.h"

#include "base/arith.h"
#include "sctp/tx/abandon.h"

/* ---- FORWARD-TSN ---- */

/* RFC 3758, 3.5, C3: "If, after step C1 and C2, the "Advanced.Peer.Ack.Point" is greater than the Cumulative TSN ACK carried
 * in the received SACK, the data sender MUST send the data receiver a FORWARD TSN chunk". Once per round trip for the same
 * point is enough, as T3 repeats it anyway. */
void prsctp_forward(struct sender *tx) {
	if (tx->sent.advanced <= tx->sent.cum)
		return;
	if (tx->sent.advanced == tx->forward_tsn_sent && tx->now - tx->forward_tsn_at < tx->rto.srtt)
		return;
	tx->due |= SENDER_FORWARD_TSN;
}

#define FORWARD_STREAMS_MAX 64
#define FORWARD_TSNS_MAX 16384u /* that one chunk passes over: 40 us */

struct skipped {
	uint16_t stream;
	bool unordered;
	uint32_t mid;
};

/* A hash table of places in the list: a place + 1, or 0. Four times as long as the list, so that a search is short. */
#define FORWARD_SLOTS (4 * FORWARD_STREAMS_MAX)

struct skips {
	size_t count;
	struct skipped list[FORWARD_STREAMS_MAX];
	uint8_t slots[FORWARD_SLOTS];
};

static void forward_note(struct skips *s, const struct tx_chunk *c) {
	struct skipped this = {c->stream, (c->flags & WIRE_DATA_U) != 0, c->mid};
	uint32_t i = (2u * this.stream + this.unordered) % FORWARD_SLOTS, at;
	for (; (at = s->slots[i]); i = (i + 1) % FORWARD_SLOTS)
		if (s->list[at - 1].stream == this.stream && s->list[at - 1].unordered == this.unordered)
			break;
	if (!at)
		s->slots[i] = (uint8_t)(at = (uint32_t)++s->count);
	/* RFC 3758, 3.2: the field holds "the largest stream sequence number in this stream being skipped". TSNs ascend, so that
	 * is the later one. */
	s->list[at - 1] = this;
}

/* FORWARD-TSN lists ordered messages by SSN; I-FORWARD-TSN unordered ones too, and both by MID: RFC 8260, 2.3.1. */
static void forward_write(const struct sender *tx, struct writer *w, uint64_t point, const struct skipped *list, size_t count) {
	uint8_t entries[8 * FORWARD_STREAMS_MAX];
	struct wire_forward f = {.cum_tsn = (uint32_t)point, .count = count, .streams = entries};
	for (size_t i = 0; i < count; i++) {
		uint8_t *entry = entries + (tx->out.interleaving ? 8 : 4) * i;
		put_be16(entry, list[i].stream);
		put_be16(entry + 2, tx->out.interleaving ? list[i].unordered : (uint16_t)list[i].mid);
		if (tx->out.interleaving)
			put_be32(entry + 4, list[i].mid);
	}
	if (tx->out.interleaving)
		wire_i_forward_write(w, &f);
	else
		wire_forward_write(w, &f);
}

void prsctp_write_forward_tsn(struct sender *tx, struct writer *w) {
	struct skips skips = {.count = 0};
	size_t max = tx->out.interleaving ? FORWARD_STREAMS_MAX / 2 : FORWARD_STREAMS_MAX;
	if (writer_room(w) < 8 + 4 * FORWARD_STREAMS_MAX)
		return;
	uint64_t point = tx->sent.cum, end = min64(tx->sent.advanced, point + FORWARD_TSNS_MAX);
	/* When more streams or TSNs are concerned than the chunk names, it stops short, and the next one goes on from there. */
	for (; point < end && skips.count < max; point++) {
		const struct tx_chunk *c = outstanding_at(&tx->sent, point + 1);
		if (c->state == CHUNK_ABANDONED && (tx->out.interleaving || !(c->flags & WIRE_DATA_U)))
			forward_note(&skips, c);
	}
	tx->due &= ~(uint32_t)SENDER_FORWARD_TSN;
	if (point == tx->sent.cum)
		return;
	forward_write(tx, w, point, skips.list, skips.count);
	tx->forward_tsn_sent = point;
	tx->forward_tsn_at = tx->now;
	/* C5: "If a FORWARD TSN is sent, the sender MUST assure that at least one T3-rtx timer is running." */
	if (!sender_timer_running(tx, SENDER_T3))
		sender_timer_start(tx, SENDER_T3, tx->rto.rto);
}

/* ---- what is given up ---- */

void prsctp_cancel(struct sender *tx, struct tx_stream *s) {
	if (!s->open)
		return;
	if (s->open->started)
		abandon_open(&tx->sent, s);
	outgoing_close(&tx->out, s);
	prsctp_forward(tx);
}

/* RFC 7496, 3.1, limits retransmissions. A message that waits behind an outage or a closed window is sent for the first time, and
 * that is no retransmission. But an app that allows few retransmissions wants fresh messages: after two seconds of silence
 * everything would go out two seconds late. So each RTO that such a message has waited counts as a retransmission in vain.
 * Messages that wait only because the path is slow are not touched. */
void prsctp_held_up(struct sender *tx) {
	tx->held_up = outgoing_any(&tx->out);
	if (tx->held_up)
		outgoing_drop_stale(&tx->out, rto_plain(&tx->rto));
}

void prsctp_exhausted(struct sender *tx) {
	if (tx->forward_tsn && tx->sent.exhausted && abandon_exhausted(&tx->sent))
		prsctp_forward(tx);
}

static void lifetime_ended(struct sender *tx, struct tx_message *m) {
	if (m->cut == 0 && !m->part)
		outgoing_drop(&tx->out, m, true);
	else
		abandon_message(&tx->sent, m);
}

void prsctp_expire(struct sender *tx) {
	struct tx_message *m;
	while ((m = outgoing_expired(&tx->out, tx->now))) {
		/* Without FORWARD-TSN on the peer's side, what has a TSN must arrive. */
		if (m->cut > 0 && !tx->forward_tsn) {
			outgoing_outlive(&tx->out, m);
			continue;
		}
		lifetime_ended(tx, m);
		/* A peer that is silent after a T3 learns of it from the FORWARD-TSN of the next T3, and gets no packet for each
		 * message that is given up meanwhile. */
		if (!tx->recovery.unanswered)
			prsctp_forward(tx);
	}
}
