/* handover: a live association as bytes, and back.
 *
 * One walk over the state serves both directions: each field is named once, and is written or read as `b->reading` says. What
 * modules keep among themselves (rings, heaps, lists) is not written as it lies but put in again through their own doors, so that
 * a restored association is one that could have come about by itself; numbers that follow from others are counted anew. Absolute
 * times go as they are: the new association has a clock of its own, `a->clock` ahead of the verbs'.
 *
 * The bytes: magic, version, layout, length, CRC32c of what follows, and the walk. */
#include "sctp/handover.h"

#include "base/crc32c.h"
#include "base/serial.h"

#include <string.h>

#define MAGIC 0x6f686c73u /* "slho" */
#define VERSION 6u
#define HEADER 24

/* What is copied whole must be the same on both sides. */
static uint32_t layout(void) {
	return (uint32_t)(sizeof(sluice_sctp_config) << 20 ^ sizeof(sluice_sctp_stats) << 10 ^ CC_STATE_SIZE << 2 ^
	                  (TIMER_COUNT + SENDER_TIMER_COUNT));
}

/* ---- plain numbers ---- */

static void association_numbers(struct walk *b, sluice_sctp *a) {
	FIELD(a->state), FIELD(a->pending), FIELD(a->now);
	FLAG(a->refuse), FLAG(a->shutdown_wanted), FLAG(a->announced), FLAG(a->heartbeat_unscheduled);
	FIELD(a->local_tag), FIELD(a->peer_tag), FIELD(a->local_tsn), FIELD(a->tie), FIELD(a->peer_addresses), FIELD(a->secret),
		FIELD(a->outbound);
	FLAG(a->peer_forward_tsn), FLAG(a->peer_reconfig), FLAG(a->peer_pad), FLAG(a->interleaving), FLAG(a->send_zero_checksum);
	FLAG(a->rtt_asked);
	FIELD(a->timers), FIELD(a->t1_rto), FIELD(a->t2_rto);
	FIELD(a->error_count), FIELD(a->heartbeat_nonce);
	walk_refuse(b, (unsigned)a->state > SLUICE_SCTP_SHUTDOWN_ACK_SENT || a->state < SLUICE_SCTP_ESTABLISHED);
	if (!b->reading || b->failed)
		return;
	association_enter(a, a->state);
	sender_clock(&a->tx, a->now);
	sender_negotiate(&a->tx, a->interleaving, a->peer_forward_tsn);
}

static void statistics(struct walk *b, sluice_sctp *a) {
	sluice_sctp_stats s = a->stats;
	s.congestion_control = NULL;
	FIELD(s);
	s.congestion_control = NULL;
	a->stats = s;
}

static void sender_numbers(struct walk *b, struct sender *tx) {
	FIELD(tx->peer_window_max), FIELD(tx->peer_a_rwnd), FIELD(tx->last_data_sent), FIELD(tx->burst_end);
	FIELD(tx->probe_interval), FIELD(tx->forward_tsn_sent), FIELD(tx->forward_tsn_at), FIELD(tx->due), FIELD(tx->timers);
	FIELD(tx->counters);
	FLAG(tx->probe_now), FLAG(tx->held_up);
}

static void congestion(struct walk *b, sluice_sctp *a) {
	struct cc_view *v = &a->tx.view;
	FIELD(v->cwnd), FIELD(v->ssthresh), FIELD(v->pacing_rate), FIELD(v->rto), FIELD(v->srtt), FIELD(v->min_rtt),
		FIELD(v->mtu);
	FLAG(v->in_recovery);
	FIELD(v->state);
	FIELD(a->tx.pace.rate), FIELD(a->tx.pace.tokens), FIELD(a->tx.pace.stamp);
	FLAG(a->tx.pace.blocked);
	FIELD(a->tx.rto.srtt), FIELD(a->tx.rto.rttvar), FIELD(a->tx.rto.rto), FIELD(a->tx.rto.min_rtt);
}

static void recovery(struct walk *b, struct recovery *r) {
	FIELD(r->rack.sent_at), FIELD(r->rack.number), FIELD(r->rack.rtt), FIELD(r->rack.steps), FIELD(r->rack.persist);
	FIELD(r->rack.duplicate_round);
	FLAG(r->rack.reordering_seen);
	FIELD(r->prr.delivered), FIELD(r->prr.out), FIELD(r->prr.flight), FIELD(r->prr.allowed);
	FIELD(r->exit), FIELD(r->resent_at), FIELD(r->round_end), FIELD(r->lost_told);
	FIELD(r->undo_low), FIELD(r->undo_high), FIELD(r->undo_pending), FIELD(r->probe_end), FIELD(r->silent);
	FLAG(r->free_packet), FLAG(r->mending), FLAG(r->repeated), FLAG(r->answered), FLAG(r->unanswered), FLAG(r->limited),
		FLAG(r->limited_before);
	FLAG(r->probe_repeated);
}

/* ---- what we send: messages and chunks ---- */

enum { LIFETIME_NONE, LIFETIME_WAITS, LIFETIME_RUNS, LIFETIME_OVER };

struct message_fields {
	uint16_t stream;
	bool unordered;
	uint8_t reliability, lifetime;
	uint32_t limit, ppid, len, cut, left, first_tsn, mid;
	uint64_t expiry;
};

static struct message_fields message_describe(const struct tx_message *m) {
	struct message_fields f = {
		.stream = m->stream->id,
		.unordered = m->unordered,
		.reliability = m->reliability,
		.limit = m->limit,
		.ppid = m->ppid,
		.len = m->len,
		.cut = m->cut,
		.left = m->left,
		.first_tsn = m->first_tsn,
		.mid = m->mid,
	};
	if (m->timed) {
		bool runs = m->timed->expiry.index != HEAP_OUT;
		f.lifetime = m->timed->unstamped ? LIFETIME_WAITS : runs ? LIFETIME_RUNS : LIFETIME_OVER;
		f.expiry = runs ? m->timed->expiry.key : 0;
	}
	return f;
}

static void message_fields(struct walk *b, struct message_fields *f) {
	FIELD(f->stream), FIELD(f->reliability), FIELD(f->lifetime), FIELD(f->limit), FIELD(f->ppid), FIELD(f->len),
		FIELD(f->cut);
	FIELD(f->left), FIELD(f->first_tsn), FIELD(f->mid), FIELD(f->expiry);
	FLAG(f->unordered);
	walk_refuse(b, f->len == 0 || f->len > UINT32_MAX / 2 || f->cut > f->len || f->left == 0 || f->left > f->len ||
	                       f->len - f->left > f->cut || f->reliability > SLUICE_PRIORITY_DROP);
}

static void message_lifetime(sluice_sctp *a, struct tx_message *m, const struct message_fields *f) {
	if (!m->timed)
		return;
	uint64_t whole = (uint64_t)f->limit * SLUICE_MS;
	outgoing_stamp(&a->tx.out, f->lifetime == LIFETIME_RUNS && f->expiry > whole ? f->expiry - whole : a->now);
	if (f->lifetime == LIFETIME_OVER)
		outgoing_outlive(&a->tx.out, m);
}

/* The message is queued and cut as it was. */
static struct tx_message *message_read(struct walk *b, sluice_sctp *a) {
	struct message_fields f = {0};
	message_fields(b, &f);
	if (b->failed || f.len > b->size - b->at) {
		b->failed = true;
		return NULL;
	}
	sluice_send_info info = {.stream = f.stream,
	                         .unordered = f.unordered,
	                         .reliability = (enum sluice_reliability)f.reliability,
	                         .value = f.limit,
	                         .ppid = f.ppid};
	uint64_t arrivals = a->tx.out.arrivals;
	if (f.cut == 0) /* its turn is by when it came */
		a->tx.out.arrivals = serial_unwrap(f.mid, arrivals);
	int error = outgoing_copy(&a->tx.out, &info, b->in + b->at, f.len);
	a->tx.out.arrivals = arrivals;
	if (error) {
		b->failed = b->no_memory = true;
		return NULL;
	}
	b->at += f.len;
	struct tx_stream *s = outgoing_find(&a->tx.out, f.stream);
	struct tx_message *m = s->tail;
	message_lifetime(a, m, &f);
	if (f.cut > 0)
		outgoing_cut(&a->tx.out, m, f.cut, f.first_tsn);
	m->first_tsn = f.first_tsn;
	m->mid = f.mid;
	m->left = f.left;
	s->buffered -= f.len - f.left;
	a->tx.out.buffered -= f.len - f.left;
	return m;
}

static void message_write(struct walk *b, struct tx_message *m) {
	struct message_fields f = message_describe(m);
	message_fields(b, &f);
	if (b->out && b->at + m->len <= b->size)
		outgoing_gather(m, 0, m->len, b->out + b->at);
	b->at += m->len;
}

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

/* Only the cumulative acknowledgement takes bytes off a message, so the first of its chunks that is here begins where those
 * end. */
static bool chunk_is_first(const struct tx_chunk *c) {
	return c->offset == c->message->len - c->message->left;
}

static void chunk_owner(struct walk *b, sluice_sctp *a, struct owners *o, struct tx_chunk *c) {
	bool first = !b->reading && chunk_is_first(c);
	uint32_t first_tsn = b->reading ? 0 : c->message->first_tsn;
	FLAG(first);
	if (first && !b->reading) {
		message_write(b, c->message);
	} else if (first) {
		struct tx_message *m = message_read(b, a);
		if (!m)
			return;
		struct owner *w = owner_slot(o, m->first_tsn);
		bool twice = w->message != NULL;
		walk_refuse(b, twice);
		if (twice || m->cut == 0) {
			walk_refuse(b, true);
			outgoing_drop(&a->tx.out, m, false);
			return;
		}
		*w = (struct owner){.message = m};
		first_tsn = m->first_tsn;
	} else {
		FIELD(first_tsn);
	}
	if (!b->reading || b->failed)
		return;
	struct owner *w = owner_slot(o, first_tsn);
	walk_refuse(b, !w->message || c->offset != w->message->len - w->message->left + w->seen ||
	                       c->len > w->message->cut - (w->message->len - w->message->left) - w->seen);
	w->seen += c->len;
	c->message = w->message;
}

static void chunk(struct walk *b, sluice_sctp *a, struct owners *o, struct tx_chunk *c) {
	FIELD(c->packet), FIELD(c->offset), FIELD(c->fsn), FIELD(c->len), FIELD(c->flags), FIELD(c->state), FIELD(c->misses);
	FIELD(c->transmissions);
	FLAG(c->fast_retransmitted);
	walk_refuse(b, c->state > CHUNK_ABANDONED || (c->state != CHUNK_ABANDONED && c->len == 0) || c->len > 65520);
	if (c->state != CHUNK_ABANDONED && !b->failed)
		chunk_owner(b, a, o, c);
}

static bool owners_whole(const struct owners *o) {
	for (uint32_t i = 0; i < o->size; i++) {
		const struct tx_message *m = o->slots[i].message;
		if (m && o->slots[i].seen != m->cut - (m->len - m->left))
			return false;
	}
	return true;
}

static uint32_t power_of_two(uint64_t least) {
	uint32_t n = 64;
	while (n < least)
		n *= 2;
	return n;
}

/* Nothing of a ring that could not be read whole stays. */
static void chunks_drop(sluice_sctp *a, struct owners *o) {
	for (uint32_t i = 0; i < o->size; i++)
		if (o->slots[i].message)
			outgoing_drop(&a->tx.out, o->slots[i].message, false);
	a->tx.sent.next = a->tx.sent.cum + 1;
	a->tx.sent.advanced = a->tx.sent.cum;
}

static void chunks_read(struct walk *b, sluice_sctp *a, uint64_t count) {
	struct outstanding *s = &a->tx.sent;
	struct owners o = {.size = power_of_two(2 * count + 1)};
	s->capacity = power_of_two(count + 1 > OUTSTANDING_MAX ? OUTSTANDING_MAX : count + 1);
	s->ring = env_zalloc(a->env, s->capacity * sizeof *s->ring);
	o.slots = env_zalloc(a->env, o.size * sizeof *o.slots);
	if (walk_have(b, s->ring) && walk_have(b, o.slots))
		for (uint64_t t = s->cum + 1; t < s->next && !b->failed; t++)
			chunk(b, a, &o, outstanding_at(s, t));
	walk_refuse(b, b->failed || !owners_whole(&o));
	if (b->failed && o.slots)
		chunks_drop(a, &o);
	else if (b->failed)
		s->next = s->cum + 1;
	env_free(a->env, o.slots);
}

static void chunks(struct walk *b, sluice_sctp *a) {
	struct outstanding *s = &a->tx.sent;
	FIELD(s->cum), FIELD(s->next), FIELD(s->advanced), FIELD(s->passed), FIELD(s->newest_delivered), FIELD(s->rtt_tsn);
	walk_refuse(b, s->cum < SERIAL_ORIGIN / 2 || s->cum > UINT64_MAX / 2 || s->next <= s->cum ||
	                       s->next - s->cum - 1 > OUTSTANDING_MAX || s->advanced < s->cum || s->advanced >= s->next);
	if (b->reading) {
		uint64_t count = b->failed ? 0 : s->next - s->cum - 1;
		if (b->failed)
			s->cum = SERIAL_ORIGIN, s->advanced = s->passed = s->cum, s->next = s->cum + 1;
		s->lost_low = s->cum + 1;
		if (s->passed >= s->next)
			s->passed = s->advanced;
		if (count)
			chunks_read(b, a, count);
		return;
	}
	for (uint64_t t = s->cum + 1; t < s->next; t++)
		chunk(b, a, NULL, outstanding_at(s, t));
}

static void gaps(struct walk *b, sluice_sctp *a) {
	struct outstanding *s = &a->tx.sent;
	uint32_t count = s->gap_count;
	FIELD(count);
	walk_refuse(b, count > GAPS_KEPT);
	if (b->reading && count && !b->failed && walk_have(b, s->gaps = env_alloc(a->env, GAPS_KEPT * sizeof *s->gaps)))
		s->gap_count = count;
	for (uint32_t i = 0; i < count && !b->failed; i++) {
		FIELD(s->gaps[i].start), FIELD(s->gaps[i].end);
		uint64_t above = i ? s->gaps[i - 1].end + 1 : 0;
		walk_refuse(b, s->gaps[i].start < above || s->gaps[i].end < s->gaps[i].start || s->gaps[i].end >= s->next);
	}
	if (b->failed && b->reading)
		s->gap_count = 0;
}

/* Messages that wait, and the one that was begun and of which nothing is in flight any more. */
static void queued(struct walk *b, sluice_sctp *a) {
	uint32_t id = 0;
	for (struct tx_stream *s; !b->reading && (s = idmap_next(&a->tx.out.streams, &id)); id++) {
		for (struct tx_message *m = s->head; m; m = m->next) {
			bool more = true;
			if (m->cut > m->len - m->left)
				continue; /* chunks() had it */
			FLAG(more);
			message_write(b, m);
		}
	}
	bool more = false;
	if (!b->reading)
		FLAG(more);
	while (b->reading && !b->failed) {
		FLAG(more);
		if (!more)
			return;
		struct tx_message *m = message_read(b, a);
		walk_refuse(b, m && (m->cut == m->len || m->cut != m->len - m->left));
		if (b->failed && m)
			outgoing_drop(&a->tx.out, m, false);
	}
}

static void sending_stream(struct walk *b, sluice_sctp *a, struct tx_stream *s) {
	uint16_t priority = s->sched.priority, weight = s->sched.weight;
	FIELD(priority), FIELD(weight);
	if (b->reading)
		outgoing_set_priority(&a->tx.out, s, priority, weight);
	FIELD(s->reset), FIELD(s->next_mid), FIELD(s->next_fsn), FIELD(s->low), FIELD(s->high_water), FIELD(s->lost_messages);
	FLAG(s->above_low), FLAG(s->blocked), FLAG(s->doubtful);
	walk_refuse(b, s->reset > TX_RESET_SENT);
	if (b->reading && (s->next_mid[0] | s->next_mid[1]) && !s->used)
		outgoing_mark_used(&a->tx.out, s);
	a->tx.out.drained += b->reading && s->reset == TX_RESET_WANTED && s->buffered == 0;
}

static void sending_streams(struct walk *b, sluice_sctp *a) {
	uint32_t id = 0;
	for (;; id++) {
		struct tx_stream *s = b->reading ? NULL : idmap_next(&a->tx.out.streams, &id);
		bool more = s != NULL;
		uint16_t number = (uint16_t)id;
		FLAG(more);
		if (!more)
			return;
		FIELD(number);
		if (b->reading && !walk_have(b, s = b->failed ? NULL : outgoing_stream(&a->tx.out, number)))
			return;
		sending_stream(b, a, s);
	}
}

/* ---- packets ---- */

static void packet_record(struct walk *b, struct tx_packet *p) {
	FIELD(p->sent_at), FIELD(p->delivered), FIELD(p->delivered_at), FIELD(p->first_sent_at), FIELD(p->lost),
		FIELD(p->first_tsn);
	FIELD(p->span), FIELD(p->flight), FIELD(p->len);
	FLAG(p->retransmission), FLAG(p->app_limited);
}

/* Chunks and packets find each other again; what is counted is counted. */
static void books(sluice_sctp *a, uint64_t oldest) {
	struct outstanding *s = &a->tx.sent;
	for (uint64_t t = s->cum + 1; t < s->next; t++) {
		struct tx_chunk *c = outstanding_at(s, t);
		uint64_t number;
		struct tx_packet *p = txlog_at(&s->log, c->packet, &number);
		if (!p)
			c->packet = 0;
		if (c->state == CHUNK_IN_FLIGHT) {
			s->flight += c->len;
			if (p)
				p->in_flight++;
		}
		s->lost += c->state == CHUNK_LOST;
		s->exhausted += c->state == CHUNK_LOST && outstanding_final(c);
	}
	struct txlog *l = &s->log;
	for (uint64_t n = oldest; n < l->next; n++) {
		struct tx_packet *p = txlog_record(l, n);
		if (p->in_flight == 0)
			continue;
		p->before = l->tail;
		if (l->tail)
			txlog_record(l, l->tail)->after = n;
		else
			l->head = n;
		l->tail = n;
	}
}

static void packets(struct walk *b, sluice_sctp *a) {
	struct txlog *l = &a->tx.sent.log;
	uint64_t oldest = l->head ? l->head : l->next;
	FIELD(oldest), FIELD(l->next), FIELD(l->delivered), FIELD(l->delivered_at), FIELD(l->first_sent_at), FIELD(l->lost);
	FIELD(l->app_limited);
	walk_refuse(b, oldest == 0 || oldest > l->next || l->next - oldest > TXLOG_MAX || l->next > UINT64_MAX / 2);
	if (b->reading && !b->failed) {
		l->capacity = power_of_two(l->next - oldest + 1 > TXLOG_MAX ? TXLOG_MAX : l->next - oldest + 1);
		if (!walk_have(b, l->ring = env_zalloc(a->env, l->capacity * sizeof *l->ring)))
			l->capacity = 0;
	}
	for (uint64_t n = oldest; n < l->next && !b->failed; n++)
		packet_record(b, txlog_record(l, n));
	if (b->reading && !b->failed)
		books(a, oldest);
}

/* ---- received messages ---- */

static void rx_fields(struct walk *b, sluice_message *m, uint8_t *type) {
	uint64_t len = m->len;
	FIELD(*type), FIELD(m->stream), FIELD(m->ppid), FIELD(m->error), FIELD(m->offset), FIELD(len);
	FLAG(m->unordered), FLAG(m->first), FLAG(m->last);
	m->len = (size_t)len;
}

static void rx_write(struct walk *b, struct rx_message *m) {
	sluice_message f = m->public;
	uint8_t type = m->event.type;
	rx_fields(b, &f, &type);
	for (size_t i = 0; i < f.count; i++)
		walk_bytes(b, f.iov[i].iov_base, f.iov[i].iov_len);
}

static struct rx_message *rx_read(struct walk *b, sluice_sctp *a) {
	sluice_message f = {0};
	uint8_t type = 0, *data;
	rx_fields(b, &f, &type);
	walk_refuse(b, f.len > b->size - b->at || f.len > UINT32_MAX / 2 ||
	                       (type != SLUICE_SCTP_MESSAGE && type != SLUICE_SCTP_MESSAGE_PART));
	struct rx_message *m = b->failed ? NULL : rx_message_new(a->rx.window, f.len > 0, f.len, &data);
	if (b->failed || !walk_have(b, m))
		return NULL;
	f.iov = m->public.iov;
	f.count = m->public.count;
	m->public = f;
	m->event.type = type;
	if (f.len) {
		m->iov[0] = (struct iovec){data, f.len};
		m->backing[0] = (struct backing){0};
		walk_bytes(b, data, f.len);
	}
	a->rx.window->payload += f.len;
	return m;
}

static struct rx_message *rx_pending(const struct pairing_node *n) {
	return (struct rx_message *)((const char *)n - offsetof(struct rx_message, pending));
}

static void receiving_pending(struct walk *b, sluice_sctp *a, struct rx_stream *s) {
	const struct pairing_node *n = b->reading ? NULL : s->pending;
	for (;; n = n ? pairing_next(n) : NULL) {
		bool more = n != NULL;
		uint64_t number = n ? n->key : 0;
		FLAG(more);
		if (!more || b->failed)
			return;
		FIELD(number);
		if (!b->reading) {
			rx_write(b, rx_pending(n));
			continue;
		}
		struct rx_message *m = rx_read(b, a);
		if (!m)
			return;
		walk_refuse(b, number <= s->next);
		if (b->failed)
			sluice_message_release(&m->public);
		else
			pairing_add(&s->pending, &m->pending, number);
	}
}

static void receiving_streams(struct walk *b, sluice_sctp *a) {
	uint32_t id = 0;
	for (;; id++) {
		struct rx_stream *s = b->reading ? NULL : idmap_next(&a->rx.in.to.streams, &id);
		bool more = s != NULL;
		uint16_t number = (uint16_t)id;
		FLAG(more);
		if (!more)
			return;
		FIELD(number);
		if (b->reading && !walk_have(b, s = b->failed ? NULL : delivery_stream(&a->rx.in.to, number)))
			return;
		FIELD(s->next), FIELD(s->unordered_mid), FIELD(s->unordered_next), FIELD(s->partial);
		walk_refuse(b, s->next < SERIAL_ORIGIN || s->next > UINT64_MAX / 2 || s->unordered_mid > UINT64_MAX / 2);
		receiving_pending(b, a, s);
	}
}

/* ---- fragments ---- */

static void fragment_fields(struct walk *b, struct wire_data *d) {
	FIELD(d->stream), FIELD(d->ssn), FIELD(d->mid), FIELD(d->fsn), FIELD(d->ppid), FIELD(d->flags), FIELD(d->len);
	if (!b->reading) {
		walk_bytes(b, (void *)(uintptr_t)d->payload, d->len);
		return;
	}
	walk_refuse(b, d->len == 0 || d->len > b->size - b->at ||
	                       (d->flags & (WIRE_DATA_B | WIRE_DATA_E)) == (WIRE_DATA_B | WIRE_DATA_E));
	if (b->failed)
		return;
	d->payload = b->in + b->at;
	b->at += d->len;
}

static void data_fragments(struct walk *b, sluice_sctp *a) {
	struct reassembly *r = &a->rx.in;
	uint64_t tsn = r->low;
	for (;; tsn++) {
		while (!b->reading && r->fragments && tsn <= r->high && !r->ring[tsn & (r->capacity - 1)].present)
			tsn++;
		bool more = !b->reading && r->fragments && tsn <= r->high;
		struct wire_data d = {0};
		FLAG(more);
		if (!more || b->failed)
			return;
		if (!b->reading) {
			const struct fragment *f = &r->ring[tsn & (r->capacity - 1)];
			d = (struct wire_data){.stream = f->stream,
			                       .ssn = f->ssn,
			                       .ppid = f->ppid,
			                       .flags = f->flags,
			                       .len = f->len,
			                       .payload = f->data};
		}
		FIELD(tsn);
		fragment_fields(b, &d);
		if (!b->reading || b->failed)
			continue;
		walk_refuse(b, tsn > a->rx.map.highest || tsn + 2 * (uint64_t)FRAGMENTS_MAX < a->rx.map.cum);
		if (!b->failed)
			walk_result(b, reassembly_add(r, &d, tsn, NULL));
	}
}

/* The message that DATA is being delivered of in parts. */
static void data_parts(struct walk *b, sluice_sctp *a) {
	struct reassembly *r = &a->rx.in;
	bool any = r->parts.end != NULL;
	uint16_t stream = any ? r->parts.stream->id : 0;
	FLAG(any);
	if (!any || b->failed)
		return;
	FIELD(stream), FIELD(r->parts.next), FIELD(r->parts.offset), FIELD(r->parts.ppid), FIELD(r->parts.number);
	FLAG(r->parts.unordered);
	if (!b->reading || b->failed)
		return;
	r->parts.stream = delivery_stream(&r->to, stream);
	struct rx_message *end = rx_message_new(r->window, 0, 0, NULL);
	if (!walk_have(b, end))
		return;
	if (!walk_have(b, r->parts.stream)) {
		sluice_message_release(&end->public);
		return;
	}
	delivery_reserve_end(end, &(sluice_message){.stream = stream,
	                                            .unordered = r->parts.unordered,
	                                            .ppid = r->parts.ppid,
	                                            .offset = r->parts.offset});
	r->parts.end = end;
}

static void under_way_write(void *ctx, const struct interleaved_state *state, const struct wire_data *d) {
	struct walk *b = ctx;
	struct interleaved_state s = state ? *state : (struct interleaved_state){0};
	struct wire_data copy = d ? *d : (struct wire_data){0};
	uint8_t kind = state ? 1 : 2;
	FIELD(kind);
	if (state) {
		FIELD(s.stream), FIELD(s.mid), FIELD(s.next_fsn), FIELD(s.offset), FIELD(s.ppid);
		FLAG(s.unordered);
	} else {
		fragment_fields(b, &copy);
	}
}

static void under_way_read(struct walk *b, sluice_sctp *a) {
	for (;;) {
		uint8_t kind = 0;
		FIELD(kind);
		if (kind == 0 || b->failed)
			return;
		struct interleaved_state s = {0};
		struct wire_data d = {0};
		if (kind == 1) {
			FIELD(s.stream), FIELD(s.mid), FIELD(s.next_fsn), FIELD(s.offset), FIELD(s.ppid);
			FLAG(s.unordered);
			if (!b->failed)
				walk_result(b, interleaved_resume(&a->rx.in.interleaved, &s));
		} else {
			fragment_fields(b, &d);
			if (!b->failed)
				walk_result(b, interleaved_add(&a->rx.in.interleaved, &d, NULL));
		}
	}
}

static void under_way(struct walk *b, sluice_sctp *a) {
	uint8_t none = 0;
	if (b->reading) {
		under_way_read(b, a);
		return;
	}
	interleaved_each(&a->rx.in.interleaved, under_way_write, b);
	FIELD(none);
}

/* ---- events ---- */

/* The node that such an event stands in; NULL: there is none. */
static struct event_node *node_of(sluice_sctp *a, uint8_t type, uint16_t stream) {
	struct tx_stream *s = outgoing_find(&a->tx.out, stream);
	switch (type) {
	case SLUICE_SCTP_CONNECTED:
		return &a->connected;
	case SLUICE_SCTP_ENDED: /* of an earlier association */
		return &a->ended;
	case SLUICE_SCTP_PEER_RESTARTED:
		return &a->restarted;
	case SLUICE_SCTP_STREAMS_ADDED:
		return &a->streams_added;
	case SLUICE_SCTP_MTU:
		return &a->tx.mtu_changed;
	case SLUICE_SCTP_RENUMBERED:
		return &a->renumbered;
	case SLUICE_SCTP_RESET_IN:
		return &a->rx.reset_all;
	case SLUICE_SCTP_RESET_OUT:
		return stream == SLUICE_SCTP_ALL_STREAMS ? &a->reset_out_all : s ? &s->reset_event : NULL;
	case SLUICE_SCTP_WRITABLE:
		return s ? &s->writable : NULL;
	case SLUICE_SCTP_BUFFERED_LOW:
		return s ? &s->low_event : NULL;
	case SLUICE_SCTP_ABANDONED:
		return s ? &s->abandoned : NULL;
	default:
		return NULL;
	}
}

static bool is_message(uint8_t type) {
	return type == SLUICE_SCTP_MESSAGE || type == SLUICE_SCTP_MESSAGE_PART;
}

static void event_read(struct walk *b, sluice_sctp *a, uint8_t type) {
	struct event_node e = {0}, *n;
	if (is_message(type)) {
		struct rx_message *m = rx_read(b, a);
		if (!m)
			return;
		rx_message_delivered(m);
		event_push(&a->events, &m->event);
		return;
	}
	FIELD(e.stream), FIELD(e.error), FIELD(e.count);
	if (type == SLUICE_SCTP_RESET_IN && e.stream != SLUICE_SCTP_ALL_STREAMS) {
		if (!b->failed)
			walk_result(b, delivery_reset_unused(&a->rx.in.to, e.stream));
		return;
	}
	n = node_of(a, type, e.stream);
	walk_refuse(b, !n || n->queued);
	if (b->failed)
		return;
	n->type = type;
	n->stream = e.stream;
	n->error = e.error;
	n->count = e.count;
	event_push(&a->events, n);
}

static void event_write(struct walk *b, struct event_node *n) {
	if (is_message(n->type)) {
		rx_write(b, rx_message_of_event(n));
		return;
	}
	FIELD(n->stream), FIELD(n->error), FIELD(n->count);
}

static void waiting_events(struct walk *b, sluice_sctp *a) {
	struct event_node *n = b->reading ? NULL : a->events.head;
	for (;;) {
		uint8_t type = n ? n->type : 0;
		FIELD(type);
		if (type == 0 || b->failed)
			return;
		if (b->reading) {
			event_read(b, a, type);
		} else {
			event_write(b, n);
			n = n->next;
		}
	}
}

/* ---- the walk ---- */

static void walk(struct walk *b, sluice_sctp *a) {
	association_numbers(b, a);
	statistics(b, a);
	sender_numbers(b, &a->tx);
	congestion(b, a);
	recovery(b, &a->tx.recovery);
	receiver_walk(&a->rx, b);
	uint64_t high_water = a->tx.out.high_water;
	if (b->reading)
		a->tx.out.high_water = UINT64_MAX; /* what was taken once is taken again */
	FIELD(a->tx.out.arrivals);
	chunks(b, a);
	gaps(b, a);
	queued(b, a);
	sending_streams(b, a);
	packets(b, a);
	FIELD(high_water);
	a->tx.out.high_water = high_water;
	FIELD(a->tx.out.messages), FIELD(a->tx.out.payload), FIELD(a->tx.out.abandoned);
	receiving_streams(b, a);
	data_parts(b, a);
	data_fragments(b, a);
	under_way(b, a);
	FIELD(a->rx.in.to.messages), FIELD(a->rx.in.to.payload);
	handover_reconfig(b, a);
	waiting_events(b, a);
	walk_refuse(b, b->reading && !b->failed && (b->at != b->size || !association_check(a)));
}

/* ---- out ---- */

static void put32(uint8_t *p, uint32_t v) {
	memcpy(p, &v, sizeof v);
}
static uint32_t get32(const uint8_t *p) {
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

/* It is somebody else's now: nothing goes out and nothing is heard, not even an ABORT for packets that still arrive here. */
static void retire(sluice_sctp *a) {
	a->handed_over = true;
	association_vanish(a);
}

/* Are the bytes an association? What export writes and import refuses would be lost for good, so they are read back while there
 * is still one that goes on. A hand-over is rare, and a pause of twice the length is a small price. */
static int read_back(const sluice_sctp *a, const uint8_t *p, size_t len) {
	sluice_sctp *copy;
	int error = sluice_sctp_import(a->env, p, len, a->now - a->clock, &copy);
	if (error)
		return error == SLUICE_NO_MEMORY ? error : SLUICE_WRONG_STATE;
	sluice_sctp_free(copy);
	return 0;
}

int sluice_sctp_export(sluice_sctp *a, void *buf, size_t size, size_t *len) {
	if (a->state < SLUICE_SCTP_ESTABLISHED || a->tx.out.parts)
		return SLUICE_WRONG_STATE;
	struct walk blob = {.out = buf, .size = size, .at = HEADER}, *b = &blob;
	sluice_sctp_config config = a->config;
	FIELD(config);
	walk(b, a);
	*len = b->at;
	if (b->at > size)
		return SLUICE_NO_SPACE;
	uint8_t *p = buf;
	uint64_t whole = b->at;
	put32(p, MAGIC);
	put32(p + 4, VERSION);
	put32(p + 8, layout());
	put32(p + 12, crc32c(p + HEADER, b->at - HEADER));
	memcpy(p + 16, &whole, sizeof whole);
	int error = read_back(a, p, b->at);
	if (!error)
		retire(a);
	return error;
}

/* ---- in ---- */

static int header_check(const uint8_t *p, size_t len) {
	uint64_t whole;
	if (len < HEADER || get32(p) != MAGIC)
		return SLUICE_MALFORMED;
	if (get32(p + 4) != VERSION || get32(p + 8) != layout())
		return SLUICE_UNSUPPORTED;
	memcpy(&whole, p + 16, sizeof whole);
	return whole != len || crc32c(p + HEADER, len - HEADER) != get32(p + 12) ? SLUICE_MALFORMED : 0;
}

static void config_bools(sluice_sctp_config *c) {
	bool *const flags[] = {&c->nagle, &c->no_pr_sctp, &c->no_reconfig, &c->no_interleaving};
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		uint8_t v;
		memcpy(&v, flags[i], 1);
		*flags[i] = v != 0;
	}
}

int sluice_sctp_import(sluice_env *env, const void *data, size_t len, uint64_t now, sluice_sctp **out) {
	int error = header_check(data, len);
	if (error)
		return error;
	struct walk blob = {.reading = true, .in = data, .size = len, .at = HEADER}, *b = &blob;
	sluice_sctp_config config;
	FIELD(config);
	config_bools(&config);
	sluice_sctp *a;
	error = b->failed || config.size != sizeof config ? SLUICE_MALFORMED : sluice_sctp_new(env, &config, &a);
	if (error)
		return error == SLUICE_NO_MEMORY ? error : SLUICE_MALFORMED;
	walk(b, a);
	if (b->failed) {
		association_enter(a, SLUICE_SCTP_CLOSED);
		sluice_sctp_free(a);
		return b->no_memory ? SLUICE_NO_MEMORY : SLUICE_MALFORMED;
	}
	/* Here the path may be another one: its MTU is searched for anew, and until it is known packets are of the base size. */
	sender_resume(&a->tx);
	a->clock = a->now - now;
	a->latest = now;
	a->dirty = true;
	*out = a;
	return 0;
}
