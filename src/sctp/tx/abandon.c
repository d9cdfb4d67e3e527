#include "sctp/tx/abandon.h"

#include "base/serial.h"

/* Gives up the chunks in the ring that belong to parts of one message. Returns whether the message's last chunk was among
 * them. */
static bool abandon_cut_parts(struct outstanding *o, struct tx_stream *s, uint32_t mid, bool unordered) {
	bool last = false;
	o->passed = o->cum;
	for (uint64_t t = o->cum + 1; t < o->next; t++) {
		struct tx_chunk *c = outstanding_at(o, t);
		struct tx_message *m = c->message;
		if (!m || m->stream != s || m->mid != mid || m->unordered != unordered)
			continue;
		last |= (c->flags & WIRE_DATA_E) != 0;
		outstanding_give_up(o, c, s->id, mid);
		m->cut -= c->len;
		if (m->queued)
			o->out->begun_left += c->len;
		else if (m->cut == m->len - m->left)
			outgoing_discard(o->out, m);
	}
	return last;
}

/* queued: the first of its parts that is still queued; NULL: none. cut: some of the message has TSNs. */
static void abandon_parts(struct outstanding *o, struct tx_stream *s, struct tx_message *queued, bool cut, uint32_t mid,
                          bool unordered) {
	bool ended = cut && abandon_cut_parts(o, s, mid, unordered), last = ended;
	while (queued && !last) {
		struct tx_message *next = queued->next;
		last = queued->last;
		outgoing_discard(o->out, queued);
		queued = next;
	}
	if (cut && !ended)
		outstanding_spend(o, s->id, mid, unordered);
	if (!last && s->open)
		s->open->given_up = true;
	outgoing_count_abandoned(o->out, s);
	outstanding_advance_point(o);
}

void abandon_open(struct outstanding *o, struct tx_stream *s) {
	bool unordered = s->open->info.unordered;
	struct tx_message *queued = s->tail && s->tail->part && !s->tail->last ? outgoing_first_part(s->tail) : NULL;
	bool cut = s->open->started && !(queued && queued->first && !queued->begun);
	if (!s->open->given_up)
		abandon_parts(o, s, queued, cut, s->next_mid[unordered] - 1, unordered);
}

static void abandon_with_part(struct outstanding *o, struct tx_message *m) {
	struct tx_stream *s = m->stream;
	uint32_t current = s->next_mid[m->unordered] - 1;
	if (m->queued) {
		struct tx_message *first = outgoing_first_part(m);
		abandon_parts(o, s, first, !first->first || first->begun, current, m->unordered);
		return;
	}
	/* Parts of the same message may follow in the queue, where this one ended. */
	struct tx_message *head = s->head;
	bool rest = head && head->part && !(head->first && !head->begun) && m->mid == current && head->unordered == m->unordered;
	abandon_parts(o, s, rest ? head : NULL, true, m->mid, m->unordered);
}

void abandon_message(struct outstanding *o, struct tx_message *m) {
	if (m->part) {
		abandon_with_part(o, m);
		return;
	}
	uint16_t stream = m->stream->id;
	uint64_t t = serial_unwrap(m->first_tsn, o->cum);
	if (t <= o->cum)
		t = o->cum + 1;
	if (t <= o->passed)
		o->passed = t - 1;
	/* Chunks of other messages may stand between its own. Its bytes that have TSNs and are not yet acknowledged by cum are
	 * here. */
	for (uint32_t here = m->cut - (m->len - m->left); here > 0; t++) {
		struct tx_chunk *c = outstanding_at(o, t);
		if (c->message != m)
			continue;
		here -= c->len;
		outstanding_give_up(o, c, stream, m->mid);
	}
	/* The rest of the message will never get TSNs. FORWARD-TSN has to pass over the message even when the peer has
	 * acknowledged every fragment sent so far. Otherwise the peer would hold these fragments for ever. */
	if (m->cut < m->len)
		outstanding_spend(o, stream, m->mid, m->unordered);
	outgoing_drop(o->out, m, true);
	outstanding_advance_point(o);
}

size_t abandon_exhausted(struct outstanding *o) {
	size_t abandoned = 0;
	uint64_t end = o->next;
	for (uint64_t t = o->exhausted ? outstanding_first_lost(o) : end; o->exhausted && t < end; t++) {
		struct tx_chunk *c = outstanding_at(o, t);
		if (c->state == CHUNK_LOST && outstanding_final(c)) {
			abandon_message(o, c->message);
			abandoned++;
		}
	}
	return abandoned;
}
