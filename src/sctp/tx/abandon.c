#include "sctp/tx/abandon.h"

#include "base/arith.h"
#include "base/serial.h"

/* Whose is a chunk, as far as one message of a stream is concerned? */
enum owner { OTHER_STREAM, OTHER_MESSAGE, THIS_MESSAGE };

struct parted {
	struct tx_stream *stream;
	uint32_t mid;
	bool unordered;
	uint64_t near; /* a TSN among those of its chunks in the ring, or below; 0: not known, but it is the stream's last one */
};

static enum owner owner_of(const struct tx_chunk *c, const struct parted *p) {
	const struct tx_message *m = c->message;
	if (m ? m->stream != p->stream : c->stream != p->stream->id)
		return OTHER_STREAM;
	return m && m->mid == p->mid && m->unordered == p->unordered ? THIS_MESSAGE : OTHER_MESSAGE;
}

/* The messages of a stream are cut one after the other. So the search for the chunks of one ends at a chunk of another one. */
static uint64_t first_of(const struct outstanding *o, const struct parted *p, uint64_t near) {
	uint64_t first = near;
	for (uint64_t t = near; t > o->cum; t--) {
		const struct tx_chunk *c = outstanding_at(o, t);
		enum owner owner = owner_of(c, p);
		if (owner == OTHER_MESSAGE)
			break;
		if (owner == OTHER_STREAM)
			continue;
		first = t;
		if (c->flags & WIRE_DATA_B)
			break;
	}
	return first;
}

static void give_up_part(struct outstanding *o, struct tx_chunk *c, const struct parted *p) {
	struct tx_message *m = c->message;
	outstanding_give_up(o, c, p->stream->id, p->mid);
	m->cut -= c->len;
	if (m->queued)
		o->out->begun_left += c->len;
	else if (m->cut == m->len - m->left)
		outgoing_discard(o->out, m);
}

/* Gives up the chunks in the ring that belong to parts of one message. Returns whether the message's last chunk was among
 * them. */
static bool abandon_cut_parts(struct outstanding *o, const struct parted *p) {
	if (outstanding_count(o) == 0)
		return false;
	uint64_t near = max64(p->near ? p->near : o->next - 1, o->cum + 1), first = first_of(o, p, near), t = first;
	bool last = false;
	o->passed = min64(o->passed, first - 1);
	for (; t < o->next && !last; t++) {
		struct tx_chunk *c = outstanding_at(o, t);
		enum owner owner = owner_of(c, p);
		if (owner == OTHER_MESSAGE)
			break;
		if (owner == OTHER_STREAM)
			continue;
		last = (c->flags & WIRE_DATA_E) != 0;
		give_up_part(o, c, p);
	}
	outstanding_looked(o, MESSAGE_LOOKS * (t - first));
	return last;
}

/* queued: the first of its parts that is still queued; NULL: none. cut: some of the message has TSNs. */
static void abandon_parts(struct outstanding *o, const struct parted *p, struct tx_message *queued, bool cut) {
	struct tx_stream *s = p->stream;
	bool ended = cut && abandon_cut_parts(o, p), last = ended;
	while (queued && !last) {
		struct tx_message *next = queued->next;
		last = queued->last;
		outgoing_discard(o->out, queued);
		queued = next;
	}
	if (cut && !ended)
		outstanding_spend(o, s->id, p->mid, p->unordered);
	if (!last && s->open)
		s->open->given_up = true;
	outgoing_count_abandoned(o->out, s);
	outstanding_advance_point(o);
}

void abandon_open(struct outstanding *o, struct tx_stream *s) {
	bool unordered = s->open->info.unordered;
	struct tx_message *queued = s->tail && s->tail->part && !s->tail->last ? outgoing_first_part(s->tail) : NULL;
	bool cut = s->open->started && !(queued && queued->first && !queued->begun);
	const struct parted p = {.stream = s, .mid = s->next_mid[unordered] - 1, .unordered = unordered};
	if (!s->open->given_up)
		abandon_parts(o, &p, queued, cut);
}

static void abandon_with_part(struct outstanding *o, struct tx_message *m) {
	struct tx_stream *s = m->stream;
	uint32_t current = s->next_mid[m->unordered] - 1;
	struct parted p = {.stream = s, .mid = current, .unordered = m->unordered};
	if (m->queued) {
		struct tx_message *first = outgoing_first_part(m);
		abandon_parts(o, &p, first, !first->first || first->begun);
		return;
	}
	p.mid = m->mid;
	p.near = serial_unwrap(m->first_tsn, o->cum);
	/* Parts of the same message may follow in the queue, where this one ended. */
	struct tx_message *head = s->head;
	bool rest = head && head->part && !(head->first && !head->begun) && m->mid == current && head->unordered == m->unordered;
	abandon_parts(o, &p, rest ? head : NULL, true);
}

void abandon_message(struct outstanding *o, struct tx_message *m) {
	if (m->part) {
		abandon_with_part(o, m);
		return;
	}
	uint16_t stream = m->stream->id;
	uint64_t first = max64(serial_unwrap(m->first_tsn, o->cum), o->cum + 1), t = first;
	o->passed = min64(o->passed, first - 1);
	/* Chunks of other messages may stand between its own. Its bytes that have TSNs and are not yet acknowledged by cum are
	 * here. */
	for (uint32_t here = m->cut - (m->len - m->left); here > 0; t++) {
		struct tx_chunk *c = outstanding_at(o, t);
		if (c->message != m)
			continue;
		here -= c->len;
		outstanding_give_up(o, c, stream, m->mid);
	}
	outstanding_looked(o, t - first);
	/* The rest of the message will never get TSNs. FORWARD-TSN has to pass over the message even when the peer has
	 * acknowledged every fragment sent so far. Otherwise the peer would hold these fragments for ever. */
	if (m->cut < m->len)
		outstanding_spend(o, stream, m->mid, m->unordered);
	outgoing_drop(o->out, m, true);
	outstanding_advance_point(o);
}

size_t abandon_exhausted(struct outstanding *o) {
	size_t abandoned = 0;
	if (o->exhausted == 0)
		return 0;
	uint64_t from = max64(o->lost_low, o->cum + 1), end = o->next, t = outstanding_first_lost(o);
	for (; o->exhausted && t < end && t - from < o->looks; t++) {
		struct tx_chunk *c = outstanding_at(o, t);
		if (c->state != CHUNK_LOST || !outstanding_final(c))
			continue;
		abandon_message(o, c->message);
		abandoned++;
	}
	outstanding_looked(o, t - from);
	return abandoned;
}
