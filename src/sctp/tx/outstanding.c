#include "sctp/tx/outstanding.h"

#include <string.h>

#include "base/arith.h"
#include "base/serial.h"

#define FIRST_CAPACITY 4u

_Static_assert(sizeof(struct tx_chunk) == 32, "two in a cache line");

void outstanding_init(struct outstanding *o, sluice_env *env, struct outgoing *out, uint64_t first_tsn) {
	*o = (struct outstanding){
		.env = env,
		.out = out,
		.cum = first_tsn - 1,
		.next = first_tsn,
		.advanced = first_tsn - 1,
		.passed = first_tsn - 1,
		.lost_low = first_tsn,
		.retractions_to = (uint32_t)first_tsn,
		.looks = OUTSTANDING_MAX,
	};
	txlog_init(&o->log, env);
}

void outstanding_clear(struct outstanding *o) {
	for (uint64_t t = o->cum + 1; t < o->next; t++) {
		struct tx_chunk *c = outstanding_at(o, t);
		struct tx_message *m = c->message;
		if (!m)
			continue;
		/* The last chunk of a message in the ring frees it: the chunks of several may be mixed. */
		m->cut -= c->len;
		if (m->queued)
			o->out->begun_left += c->len;
		if (m->cut == m->len - m->left)
			outgoing_drop(o->out, m, false);
	}
	o->cum = o->advanced = o->passed = o->next - 1;
	o->flight = o->lost = o->exhausted = 0;
	while (o->log.head) {
		txlog_record(&o->log, o->log.head)->in_flight = 0;
		txlog_unlink(&o->log, o->log.head);
	}
	o->gap_count = 0;
	o->rtt_tsn = 0;
}

void outstanding_free(struct outstanding *o) {
	outstanding_clear(o);
	env_free(o->env, o->ring);
	env_free(o->env, o->gaps);
	txlog_free(&o->log);
	o->ring = NULL;
	o->gaps = NULL;
}

void outstanding_rest(struct outstanding *o) {
	if (outstanding_count(o) > 0)
		return;
	env_free(o->env, o->ring);
	env_free(o->env, o->gaps);
	o->ring = NULL;
	o->gaps = NULL;
	o->capacity = o->gap_count = 0;
	txlog_rest(&o->log);
}

/* ---- sending ---- */

bool outstanding_grow(struct outstanding *o) {
	struct outstanding bigger = *o;
	if (o->capacity >= OUTSTANDING_MAX)
		return false;
	bigger.capacity = o->capacity ? 2 * o->capacity : FIRST_CAPACITY;
	bigger.ring = env_alloc(o->env, bigger.capacity * sizeof *bigger.ring);
	if (!bigger.ring)
		return false;
	for (uint64_t t = o->cum + 1; t < o->next; t++)
		*outstanding_at(&bigger, t) = *outstanding_at(o, t);
	env_free_at_once(o->env, o->ring);
	*o = bigger;
	return true;
}

struct tx_chunk *outstanding_append(struct outstanding *o, struct tx_message *m, uint32_t len, uint8_t flags, uint64_t now) {
	uint64_t tsn = o->next++;
	struct tx_chunk *c = outstanding_at(o, tsn);
	*c = (struct tx_chunk){
		.message = m,
		.packet = (uint32_t)txlog_put(&o->log, tsn, len, o->flight, false, now),
		.offset = m->cut,
		.len = (uint16_t)len,
		.flags = flags,
		.transmissions = 1,
	};
	o->flight += len;
	if (o->rtt_tsn == 0)
		o->rtt_tsn = tsn;
	c->fsn = outgoing_cut(o->out, m, len, tsn);
	return c;
}

uint64_t outstanding_first_lost(struct outstanding *o) {
	if (o->lost == 0)
		return 0;
	if (o->lost_low <= o->cum)
		o->lost_low = o->cum + 1;
	while (outstanding_at(o, o->lost_low)->state != CHUNK_LOST)
		o->lost_low++;
	return o->lost_low;
}

static void leave_flight(struct outstanding *o, const struct tx_chunk *c) {
	if (c->state == CHUNK_IN_FLIGHT) {
		o->flight -= c->len;
		txlog_take(&o->log, c->packet);
	} else if (c->state == CHUNK_LOST) {
		o->lost--;
		o->exhausted -= outstanding_final(c);
	}
}

static void mark_lost(struct outstanding *o, struct tx_chunk *c, uint64_t tsn) {
	leave_flight(o, c);
	c->state = CHUNK_LOST;
	o->log.lost += c->len;
	o->exhausted += outstanding_final(c);
	trace_lost(o->trace, tsn, c->len);
	if (o->lost++ == 0 || tsn < o->lost_low)
		o->lost_low = tsn;
	/* RFC 9260, 6.3.1, C5, Karn's algorithm: a chunk that was retransmitted measures nothing. */
	if (o->rtt_tsn == tsn)
		o->rtt_tsn = 0;
}

void outstanding_resent(struct outstanding *o, uint64_t tsn, uint64_t now) {
	struct tx_chunk *c = outstanding_at(o, tsn);
	leave_flight(o, c);
	c->state = CHUNK_IN_FLIGHT;
	c->misses = 0;
	txlog_reserve(&o->log);
	c->packet = (uint32_t)txlog_put(&o->log, tsn, c->len, o->flight, true, now);
	if (c->transmissions < UINT8_MAX)
		c->transmissions++;
	o->retractions += o->retractions < OUTSTANDING_MAX;
	o->flight += c->len;
}

void outstanding_all_lost(struct outstanding *o) {
	for (uint64_t t = o->cum + 1; t < o->next; t++) {
		struct tx_chunk *c = outstanding_at(o, t);
		c->misses = 0;
		c->fast_retransmitted = false;
		if (c->state == CHUNK_IN_FLIGHT)
			mark_lost(o, c, t);
	}
}

uint32_t outstanding_packet_lost(struct outstanding *o, uint64_t number) {
	const struct tx_packet *p = txlog_record(&o->log, number);
	uint64_t first = p->first_tsn > o->cum ? p->first_tsn : o->cum + 1, end = p->first_tsn + p->span;
	uint32_t chunks = 0, in_flight = p->in_flight;
	for (uint64_t t = first; chunks < in_flight && t < end && t < o->next; t++) {
		struct tx_chunk *c = outstanding_at(o, t);
		if (c->state != CHUNK_IN_FLIGHT || c->packet != (uint32_t)number)
			continue;
		mark_lost(o, c, t);
		chunks++;
	}
	if (chunks)
		txlog_note_lost(&o->log, p, number);
	return chunks;
}

void outstanding_large_lost(struct outstanding *o, uint32_t large, uint64_t before) {
	uint64_t after;
	for (uint64_t n = o->log.head; n && txlog_record(&o->log, n)->sent_at <= before; n = after) {
		after = txlog_record(&o->log, n)->after;
		if (txlog_record(&o->log, n)->len > large)
			outstanding_packet_lost(o, n);
	}
}

uint32_t outstanding_unknown_lost(struct outstanding *o) {
	uint32_t chunks = 0;
	uint64_t number;
	for (uint64_t t = o->cum + 1; t < o->next; t++) {
		struct tx_chunk *c = outstanding_at(o, t);
		if (c->state != CHUNK_IN_FLIGHT || (t > o->cum + 1 && txlog_at(&o->log, c->packet, &number)))
			continue;
		mark_lost(o, c, t);
		chunks++;
	}
	return chunks;
}

void outstanding_send_again(struct outstanding *o, uint64_t tsn) {
	struct tx_chunk *c = outstanding_at(o, tsn);
	mark_lost(o, c, tsn);
	o->log.lost -= c->len; /* the chunk is repeated, and not known to be lost */
}

void outstanding_not_lost(struct outstanding *o, uint64_t now) {
	for (uint64_t t; (t = outstanding_first_lost(o));) {
		struct tx_chunk *c = outstanding_at(o, t);
		leave_flight(o, c);
		c->state = CHUNK_IN_FLIGHT;
		o->log.lost -= c->len;
		txlog_reserve(&o->log);
		c->packet = (uint32_t)txlog_put(&o->log, t, c->len, o->flight, true, now);
		o->flight += c->len;
	}
	txlog_close(&o->log);
}

uint64_t outstanding_last_in_flight(const struct outstanding *o) {
	for (uint64_t t = o->next - 1; o->flight > 0 && t > o->cum; t--)
		if (outstanding_at(o, t)->state == CHUNK_IN_FLIGHT)
			return t;
	return 0;
}

/* ---- acknowledging ---- */

static void note_rtt(struct outstanding *o, const struct tx_packet *p, uint64_t tsn, uint64_t now, struct ack *ack) {
	if (tsn != o->rtt_tsn)
		return;
	o->rtt_tsn = 0;
	if (!p)
		return;
	ack->rtt_valid = true;
	ack->rtt = now - p->sent_at;
}

/* Chunks of one packet come one after the other as a rule, so their packet is looked up once. */
static inline void look_at_packet(struct outstanding *o, const struct tx_chunk *c, struct ack *ack) {
	ack->at = c->packet;
	ack->at_packet = txlog_at(&o->log, c->packet, &ack->at_number);
	ack->at_old = ack->at_packet && ack->at_number < o->newest_delivered;
	if (!ack->at_packet)
		return;
	txlog_note_acked(&o->log, ack->at_packet, ack->at_number);
	if (ack->at_number > ack->newest)
		ack->newest = ack->at_number;
}

/* A chunk in flight, or one that counted as lost, has arrived. */
static inline void acknowledge(struct outstanding *o, struct tx_chunk *c, uint64_t tsn, uint64_t now, struct ack *ack) {
	if (c->packet != ack->at)
		look_at_packet(o, c, ack);
	if (c->state == CHUNK_IN_FLIGHT) {
		o->flight -= c->len;
		if (c->packet && ack->at_packet)
			txlog_take_from(&o->log, ack->at_number);
	} else {
		ack->unsent_lost++;
		leave_flight(o, c);
	}
	ack->bytes += c->len;
	if (c->transmissions == 1 && c->packet)
		ack->reordered |= ack->at_old;
	if (tsn > ack->highest_new)
		ack->highest_new = tsn;
	if (tsn == o->rtt_tsn)
		note_rtt(o, c->packet ? ack->at_packet : NULL, tsn, now, ack);
}

/* Messages of several streams lie all over the memory, and the CPU cannot guess where the next one is. So each is asked for some
 * chunks before its turn. The slots beyond the last chunk hold old pointers, or NULL, which a prefetch may have. */
#define ACK_AHEAD 8

/* The common case: whole packets of new chunks, the oldest ones of the log, of which nothing was acknowledged or lost before. So
 * all their chunks are in flight, and none has to be asked. Returns the first TSN behind them. */
static uint64_t ack_packets(struct outstanding *o, uint64_t t, uint64_t cum, uint64_t now, struct ack *ack,
                            struct outgoing_acks *acks) {
	const uint64_t first = t, oldest = o->log.head;
	uint64_t number = oldest, newest = 0, bytes = 0;
	struct tx_packet *p;
	for (; number; number = p->after) {
		p = txlog_record(&o->log, number);
		if (p->first_tsn != t || p->in_flight != p->span || p->span > cum + 1 - t || p->retransmission)
			break;
		for (uint64_t end = t + p->span; t < end; t++) {
			const struct tx_chunk *c = outstanding_at(o, t);
			bytes += c->len;
			__builtin_prefetch(outstanding_at(o, t + ACK_AHEAD)->message, 1);
			outgoing_acks_add(o->out, acks, c->message, c->len);
		}
		txlog_note_acked(&o->log, p, number);
		p->in_flight = 0;
		newest = number;
	}
	if (t == first)
		return t;
	txlog_begin_at(&o->log, number);
	o->flight -= bytes;
	ack->bytes += bytes;
	ack->newest = max64(ack->newest, newest);
	ack->reordered |= oldest < o->newest_delivered;
	ack->highest_new = t - 1;
	if (o->rtt_tsn >= first && o->rtt_tsn < t)
		note_rtt(o, txlog_at(&o->log, outstanding_at(o, o->rtt_tsn)->packet, &number), o->rtt_tsn, now, ack);
	return t;
}

static void ack_chunk(struct outstanding *o, uint64_t tsn, uint64_t now, struct ack *ack, struct outgoing_acks *acks) {
	struct tx_chunk *c = outstanding_at(o, tsn);
	if (c->state == CHUNK_IN_FLIGHT || c->state == CHUNK_LOST)
		acknowledge(o, c, tsn, now, ack);
	if (c->message)
		outgoing_acks_add(o->out, acks, c->message, c->len);
}

static void ack_cumulative(struct outstanding *o, uint64_t cum, uint64_t now, struct ack *ack) {
	struct outgoing_acks acks = {0};
	uint64_t t = o->cum + 1;
	while ((t = ack_packets(o, t, cum, now, ack, &acks)) <= cum)
		ack_chunk(o, t++, now, ack, &acks);
	outgoing_acks_end(o->out, &acks);
	ack->advanced = cum > o->cum;
	o->cum = cum;
	if (o->rtt_tsn <= cum) /* the chunk may have been abandoned: then nothing was measured */
		o->rtt_tsn = 0;
	if (o->advanced < cum)
		o->advanced = cum;
}

static void ack_range(struct outstanding *o, uint64_t start, uint64_t end, uint64_t now, struct ack *ack) {
	for (uint64_t t = start; t <= end; t++) {
		struct tx_chunk *c = outstanding_at(o, t);
		if (c->state != CHUNK_IN_FLIGHT && c->state != CHUNK_LOST)
			continue;
		acknowledge(o, c, t, now, ack);
		c->state = CHUNK_ACKED;
	}
}

/* RFC 9260, 6.2.1, D iii: a TSN that was acknowledged by a gap block and is missing from this SACK is possibly missing. That is
 * one miss indication, no more. A SACK that was overtaken by a younger one looks the same, and it must not make us send the chunk
 * again, or even give it up. When the peer really dropped the chunk, more misses or T3 will show it. */
static void renege_range(struct outstanding *o, uint64_t start, uint64_t end) {
	if (start <= o->cum)
		start = o->cum + 1;
	for (uint64_t t = start; t <= end && t < o->next; t++) {
		struct tx_chunk *c = outstanding_at(o, t);
		if (c->state != CHUNK_ACKED)
			continue;
		c->state = CHUNK_IN_FLIGHT;
		c->packet = 0; /* its time of sending proves nothing any more; T3 will judge */
		c->misses = 1;
		c->fast_retransmitted = false;
		o->flight += c->len;
		if (t <= o->passed)
			o->passed = t - 1;
	}
}

/* Walks old and new blocks side by side. TSNs that only the new blocks cover are acknowledged; TSNs that only the old blocks
 * covered were reneged. */
static void ack_gaps(struct outstanding *o, const struct gap *gaps, size_t count, uint64_t now, struct ack *ack) {
	size_t old = 0;
	uint64_t from = o->cum + 1;
	for (size_t i = 0; i <= count; i++) {
		uint64_t start = i < count ? gaps[i].start : o->next, end = i < count ? gaps[i].end : o->next;
		/* [from, start) is a hole now: what the old blocks had there was taken back. */
		while (old < o->gap_count && o->gaps[old].start < start) {
			uint64_t low = o->gaps[old].start > from ? o->gaps[old].start : from;
			uint64_t high = o->gaps[old].end < start - 1 ? o->gaps[old].end : start - 1;
			if (low <= high)
				renege_range(o, low, high);
			if (o->gaps[old].end >= start)
				break;
			old++;
		}
		if (i == count)
			break;
		/* [start, end] is a block now: only what no old block covers is new. */
		uint64_t at = start;
		while (old < o->gap_count && o->gaps[old].start <= end) {
			if (o->gaps[old].start > at)
				ack_range(o, at, o->gaps[old].start - 1, now, ack);
			if (o->gaps[old].end + 1 > at)
				at = o->gaps[old].end + 1;
			if (o->gaps[old].end > end)
				break;
			old++;
		}
		if (at <= end)
			ack_range(o, at, end, now, ack);
		from = end + 1;
	}
}

size_t outstanding_gaps_above(const struct outstanding *o, uint64_t cum, struct gap *gaps) {
	size_t count = 0;
	for (size_t i = 0; i < o->gap_count; i++) {
		struct gap g = o->gaps[i];
		g.start = max64(g.start, cum + 2);
		if (g.start <= g.end)
			gaps[count++] = g;
	}
	return count;
}

/* How many TSNs of the last SACK's blocks do these leave out? */
static uint64_t left_out(const struct outstanding *o, const struct gap *gaps, size_t count) {
	uint64_t out = 0;
	for (size_t i = 0, k = 0; i < o->gap_count; i++) {
		uint64_t at = max64(o->gaps[i].start, o->cum + 1), end = o->gaps[i].end;
		while (at <= end) {
			while (k < count && gaps[k].end < at)
				k++;
			bool meets = k < count && gaps[k].start <= end;
			if (!meets || gaps[k].start > at)
				out += (meets ? gaps[k].start : end + 1) - at;
			at = meets ? gaps[k].end + 1 : end + 1;
		}
	}
	return out;
}

/* May the peer take back so many? Then they are counted. */
static bool may_retract(struct outstanding *o, uint64_t count) {
	uint64_t allowed = min64((uint64_t)o->retractions + ((uint32_t)o->next - o->retractions_to), OUTSTANDING_MAX);
	o->retractions_to = (uint32_t)o->next;
	o->retractions = (uint32_t)(count <= allowed ? allowed - count : allowed);
	return count <= allowed;
}

static void keep_gaps(struct outstanding *o, const struct gap *gaps, size_t count) {
	if (count && !o->gaps)
		o->gaps = env_alloc(o->env, GAPS_KEPT * sizeof *o->gaps);
	/* Without memory all blocks of the next SACK are walked, which is slower but not wrong. */
	o->gap_count = o->gaps ? (uint32_t)count : 0;
	if (o->gap_count)
		memcpy(o->gaps, gaps, count * sizeof *gaps);
}

/* RFC 9260, 7.2.4: the third miss indication marks a TSN for fast retransmit, and each TSN only once. */
#define MISSES_FOR_FAST_RETRANSMIT 3

static void count_miss(struct outstanding *o, struct tx_chunk *c, uint64_t tsn, struct ack *ack) {
	if (c->state != CHUNK_IN_FLIGHT || c->fast_retransmitted)
		return;
	if (++c->misses < MISSES_FOR_FAST_RETRANSMIT)
		return;
	c->fast_retransmitted = true;
	mark_lost(o, c, tsn);
	ack->lost_new = true;
	ack->fast_retransmits++;
}

/* RFC 9260, 7.2.4: "miss indications SHOULD follow the HTNA (Highest TSN Newly Acknowledged) algorithm. For each incoming
 * SACK chunk, miss indications are incremented only for missing TSNs prior to the highest TSN newly acknowledged in the SACK
 * chunk." In fast recovery: "If an endpoint is in Fast Recovery and a SACK chunk arrives that advances the Cumulative TSN Ack
 * Point, the miss indications are incremented for all TSNs reported missing in the SACK chunk." */
static void count_misses(struct outstanding *o, const struct gap *gaps, size_t count, enum miss_rule rule, struct ack *ack) {
	uint64_t limit = rule == MISS_ALL && ack->advanced ? gaps[count - 1].start : ack->highest_new;
	uint64_t from = o->cum + 1;
	uint32_t looks = o->looks;
	for (size_t i = 0; i < count && from < limit; i++) {
		for (uint64_t t = from; t < gaps[i].start && t < limit && looks > 0; t++, looks--)
			count_miss(o, outstanding_at(o, t), t, ack);
		from = gaps[i].end + 1;
	}
	o->looks = looks;
}

/* The peer has all of the message. If the peer took that back, the message would be given up. So FORWARD-TSN may pass over it. */
static bool passable(const struct tx_chunk *c) {
	return (c->flags & (WIRE_DATA_B | WIRE_DATA_E)) == (WIRE_DATA_B | WIRE_DATA_E) && outstanding_final(c);
}

static bool may_be_passed(const struct tx_chunk *c) {
	return c->state == CHUNK_ABANDONED || (c->state == CHUNK_ACKED && passable(c));
}

/* RFC 3758, 3.5, C2: the point moves over abandoned chunks. The point also moves over chunks between them that a gap block
 * acknowledged and that may not be sent again anyway. Otherwise it would pass one hole a round trip, and under a loss of several
 * messages a round trip the peer's cumulative TSN would fall behind for ever. */
__attribute__((noinline)) static void advance_over(struct outstanding *o, uint64_t t) {
	const uint64_t first = t, end = min64(o->next, t + o->looks / MESSAGE_LOOKS);
	for (; t < end && may_be_passed(outstanding_at(o, t)); t++)
		if (outstanding_at(o, t)->state == CHUNK_ABANDONED)
			o->advanced = t;
	o->passed = t - 1;
	o->looks -= MESSAGE_LOOKS * (uint32_t)(t - first);
}

void outstanding_advance_point(struct outstanding *o) {
	uint64_t t = (o->passed > o->advanced ? o->passed : o->advanced) + 1;
	o->passed = t - 1;
	if (t < o->next && may_be_passed(outstanding_at(o, t)))
		advance_over(o, t);
}

void outstanding_sack(struct outstanding *o, uint64_t cum, const struct gap *gaps, size_t count, enum miss_rule rule,
                      uint64_t now, struct ack *ack) {
	struct gap stand[GAPS_KEPT];
	*ack = (struct ack){0};
	ack_cumulative(o, cum, now, ack);
	uint64_t retracted = o->gap_count ? left_out(o, gaps, count) : 0;
	if (retracted && !may_retract(o, retracted)) {
		count = outstanding_gaps_above(o, cum, stand);
		gaps = stand;
	}
	if (count || o->gap_count) {
		ack_gaps(o, gaps, count, now, ack);
		keep_gaps(o, gaps, count);
		if (count && rule != MISS_NONE)
			count_misses(o, gaps, count, rule, ack);
	}
	o->log.delivered += ack->bytes;
	if (ack->newest > o->newest_delivered)
		o->newest_delivered = ack->newest;
	outstanding_advance_point(o);
}

/* ---- giving up ---- */

void outstanding_give_up(struct outstanding *o, struct tx_chunk *c, uint16_t stream, uint32_t mid) {
	leave_flight(o, c);
	c->state = CHUNK_ABANDONED;
	c->message = NULL;
	c->stream = stream;
	c->mid = mid;
}

void outstanding_spend(struct outstanding *o, uint16_t stream, uint32_t mid, bool unordered) {
	if (outstanding_reserve(o, OUTSTANDING_MAX))
		*outstanding_at(o, o->next++) = (struct tx_chunk){
			.flags = (uint8_t)(WIRE_DATA_E | (unordered ? WIRE_DATA_U : 0)),
			.state = CHUNK_ABANDONED,
			.stream = stream,
			.mid = mid,
		};
}

/* ---- hand-over ---- */

/* Messages that chunks belong to, by the TSN of their first fragment; and how much of each has been met. */
struct owners {
	struct owner {
		struct tx_message *message;
		uint32_t seen;
	} * slots;
	uint32_t size; /* a power of two */
};

static struct owner *owner_slot(const struct owners *o, uint32_t first_tsn) {
	uint32_t i = first_tsn * 2654435761u;
	while (o->slots[i & (o->size - 1)].message && o->slots[i & (o->size - 1)].message->first_tsn != first_tsn)
		i++;
	return &o->slots[i & (o->size - 1)];
}

static bool owners_whole(const struct owners *o) {
	for (uint32_t i = 0; i < o->size; i++) {
		const struct tx_message *m = o->slots[i].message;
		if (m && o->slots[i].seen != m->cut - (m->len - m->left))
			return false;
	}
	return true;
}

/* Only the cumulative acknowledgement takes bytes off a message. So the first of its chunks that is here begins where those bytes
 * end. */
static bool chunk_is_first(const struct tx_chunk *c) {
	return c->offset == c->message->len - c->message->left;
}

static void owner_write(struct outstanding *o, const struct tx_chunk *c, struct walk *w) {
	bool first = chunk_is_first(c);
	uint32_t first_tsn = c->message->first_tsn;
	WALK(w, first);
	if (first)
		outgoing_walk_message(o->out, c->message, w);
	else
		WALK(w, first_tsn);
}

/* Reads the message and enters it; NULL, and the walk has failed: it is there already, or has no chunks. */
static struct owner *owner_new(struct outstanding *o, struct owners *owners, struct walk *w) {
	struct tx_message *m = outgoing_walk_message(o->out, NULL, w);
	if (!m)
		return NULL;
	struct owner *owner = owner_slot(owners, m->first_tsn);
	walk_refuse(w, owner->message != NULL || m->cut == 0);
	if (w->failed) {
		outgoing_drop(o->out, m, false);
		return NULL;
	}
	owner->message = m;
	return owner;
}

static void owner_read(struct outstanding *o, struct owners *owners, struct tx_chunk *c, struct walk *w) {
	bool first = false;
	uint32_t first_tsn = 0;
	WALK(w, first);
	if (!first)
		WALK(w, first_tsn);
	if (w->failed)
		return;
	struct owner *owner = first ? owner_new(o, owners, w) : owner_slot(owners, first_tsn);
	if (!owner)
		return;
	const struct tx_message *m = owner->message;
	walk_refuse(w, !m || c->offset != m->len - m->left + owner->seen || c->len > m->cut - (m->len - m->left) - owner->seen);
	owner->seen += c->len;
	c->message = owner->message;
}

static void chunk_walk(struct outstanding *o, struct owners *owners, struct tx_chunk *c, struct walk *w) {
	WALK(w, c->packet), WALK(w, c->offset), WALK(w, c->fsn), WALK(w, c->len), WALK(w, c->flags), WALK(w, c->state);
	WALK(w, c->misses), WALK(w, c->transmissions), WALK(w, c->fast_retransmitted);
	walk_refuse(w, c->state > CHUNK_ABANDONED || (c->state != CHUNK_ABANDONED && c->len == 0) || c->len > 65520);
	if (c->state == CHUNK_ABANDONED || w->failed)
		return;
	if (w->reading)
		owner_read(o, owners, c, w);
	else
		owner_write(o, c, w);
}

static uint32_t power_of_two(uint64_t least) {
	uint32_t n = FIRST_CAPACITY;
	while (n < least)
		n *= 2;
	return n;
}

/* Nothing of a ring that could not be read whole stays. */
static void chunks_drop(struct outstanding *o, struct owners *owners) {
	for (uint32_t i = 0; owners->slots && i < owners->size; i++)
		if (owners->slots[i].message)
			outgoing_drop(o->out, owners->slots[i].message, false);
	o->next = o->cum + 1;
	o->advanced = o->cum;
}

static void chunks_read(struct outstanding *o, uint64_t count, struct walk *w) {
	struct owners owners = {.size = power_of_two(2 * count + 1)};
	o->capacity = power_of_two(count + 1 > OUTSTANDING_MAX ? OUTSTANDING_MAX : count + 1);
	o->ring = env_zalloc(o->env, o->capacity * sizeof *o->ring);
	owners.slots = env_zalloc(o->env, owners.size * sizeof *owners.slots);
	if (walk_have(w, o->ring) && walk_have(w, owners.slots))
		for (uint64_t t = o->cum + 1; t < o->next && !w->failed; t++)
			chunk_walk(o, &owners, outstanding_at(o, t), w);
	walk_refuse(w, w->failed || !owners_whole(&owners));
	if (w->failed)
		chunks_drop(o, &owners);
	env_free(o->env, owners.slots);
}

static void chunks_walk(struct outstanding *o, struct walk *w) {
	uint64_t count = w->failed ? 0 : outstanding_count(o);
	if (w->reading && w->failed)
		o->cum = SERIAL_ORIGIN, o->advanced = o->passed = o->cum, o->next = o->cum + 1;
	if (!w->reading) {
		for (uint64_t t = o->cum + 1; t < o->next; t++)
			chunk_walk(o, NULL, outstanding_at(o, t), w);
		return;
	}
	o->lost_low = o->cum + 1;
	if (o->passed >= o->next)
		o->passed = o->advanced;
	if (count)
		chunks_read(o, count, w);
}

static void gaps_walk(struct outstanding *o, struct walk *w) {
	uint32_t count = o->gap_count;
	WALK(w, count);
	walk_refuse(w, count > GAPS_KEPT);
	if (w->reading && count && !w->failed && walk_have(w, o->gaps = env_alloc(o->env, GAPS_KEPT * sizeof *o->gaps)))
		o->gap_count = count;
	for (uint32_t i = 0; i < count && !w->failed; i++) {
		WALK(w, o->gaps[i].start), WALK(w, o->gaps[i].end);
		uint64_t above = i ? o->gaps[i - 1].end + 1 : 0;
		walk_refuse(w, o->gaps[i].start < above || o->gaps[i].end < o->gaps[i].start || o->gaps[i].end >= o->next);
	}
	if (w->reading && w->failed)
		o->gap_count = 0;
}

/* Links chunks and packets again, and counts the numbers that follow from others. */
static void books_count(struct outstanding *o, uint64_t oldest) {
	for (uint64_t t = o->cum + 1; t < o->next; t++) {
		struct tx_chunk *c = outstanding_at(o, t);
		uint64_t number;
		struct tx_packet *p = txlog_at(&o->log, c->packet, &number);
		/* ack_packets() believes a packet that its chunks are among its TSNs. */
		if (p && t - p->first_tsn >= p->span)
			p = NULL;
		if (!p)
			c->packet = 0;
		if (c->state == CHUNK_IN_FLIGHT) {
			o->flight += c->len;
			if (p)
				p->in_flight++;
		}
		o->lost += c->state == CHUNK_LOST;
		o->exhausted += c->state == CHUNK_LOST && outstanding_final(c);
	}
	txlog_relink(&o->log, oldest);
}

void outstanding_walk(struct outstanding *o, struct walk *w) {
	WALK(w, o->cum), WALK(w, o->next), WALK(w, o->advanced), WALK(w, o->passed), WALK(w, o->newest_delivered);
	WALK(w, o->rtt_tsn), WALK(w, o->retractions), WALK(w, o->retractions_to);
	walk_refuse(w, o->retractions > OUTSTANDING_MAX);
	walk_refuse(w, o->cum < SERIAL_ORIGIN / 2 || o->cum > UINT64_MAX / 2 || o->next <= o->cum ||
	                       o->next - o->cum - 1 > OUTSTANDING_MAX || o->advanced < o->cum || o->advanced >= o->next);
	chunks_walk(o, w);
	gaps_walk(o, w);
	uint64_t oldest = txlog_walk(&o->log, w);
	if (w->reading && !w->failed)
		books_count(o, oldest);
}

bool outstanding_check(const struct outstanding *o) {
	uint64_t flight = 0, lost = 0, worn = 0;
	for (uint64_t t = o->cum + 1; t < o->next; t++) {
		const struct tx_chunk *c = outstanding_at(o, t);
		flight += c->state == CHUNK_IN_FLIGHT ? c->len : 0;
		lost += c->state == CHUNK_LOST;
		worn += c->state == CHUNK_LOST && outstanding_final(c);
		if (c->state == CHUNK_LOST && t < o->lost_low)
			return false;
		if ((c->message == NULL) != (c->state == CHUNK_ABANDONED))
			return false;
		if (t <= o->advanced && c->state != CHUNK_ABANDONED && !passable(c))
			return false;
	}
	return flight == o->flight && lost == o->lost && worn == o->exhausted && txlog_check(&o->log) && o->cum <= o->advanced &&
	       o->advanced < o->next;
}
