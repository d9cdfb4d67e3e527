/* output: packets out: which chunks are due, in which order they share a packet, and the gathering of payload into the slot.
 *
 * A full packet is always a->tx.mtu bytes long, because fragments are cut to multiples of four; so a bulk transfer fills a batch
 * with equal slots, which is what one UDP_SEGMENT send takes. Where the path carries packets larger than one chunk, they hold
 * several. */
#include "sctp/association.h"

#include <string.h>

/* A message too large for one packet may begin in the rest of a packet if at least this much of it goes there; less costs more
 * in headers and reassembly than it gains. */
#define MIN_FRAGMENT 16u

/* ---- DATA ---- */

struct fill {
	struct writer *w;
	bool full_size; /* the packet may use the whole MTU, not just the length of the batch's first */
	bool has_data;
	struct tx_stream *stream; /* that new data in it is of, the last one */
};

static void put_chunk(sluice_sctp *a, struct fill *f, const struct tx_chunk *c, uint64_t tsn, bool immediate) {
	struct tx_message *m = c->message;
	struct wire_data d = {
		.flags = (uint8_t)(c->flags | (immediate ? WIRE_DATA_I : 0)),
		.tsn = (uint32_t)tsn,
		.stream = m->stream->id,
		.ssn = m->unordered ? 0 : (uint16_t)m->mid,
		.mid = m->mid,
		.fsn = c->fsn,
		.ppid = m->ppid,
		.len = c->len,
	};
	size_t padded = pad4(c->len);
	uint8_t *p = write_space(f->w, a->tx.data_header + padded), *payload = p + a->tx.data_header;
	if (a->interleaving)
		wire_i_data_header_put(p, &d);
	else
		wire_data_header_put(p, &d);
	outgoing_gather(m, c->offset, c->len, payload);
	if (padded != c->len)
		memset(payload + c->len, 0, padded - c->len);
	f->has_data = true;
	pace_sent(&a->tx.pace, (uint32_t)(a->tx.data_header + padded));
	a->stats.data_chunks_sent++;
	a->tx.last_data_sent = a->now;
	if (!timer_running(a, TIMER_T3))
		timer_start(a, TIMER_T3, a->tx.rto.rto);
}

/* RFC 9260, 6.1, A: "regardless of the value of rwnd (including if it is 0), the data sender can always have one DATA chunk in
 * flight to the receiver if allowed by cwnd": so the retransmission that fills the hole always gets through. */
static bool window_allows_again(const sluice_sctp *a, uint32_t len) {
	return len <= ack_window_left(a) || a->tx.sent.flight == 0;
}

/* New data into a closed window is a probe. RFC 9260, 6.1, A: "the sender SHOULD send the first zero window probe after 1 RTO
 * when it detects that the receiver has closed its window and SHOULD increase the probe interval exponentially afterwards". */
static bool window_allows_new(sluice_sctp *a, uint32_t len) {
	if (len <= ack_window_left(a))
		return true;
	if (a->tx.sent.flight > 0)
		return false;
	if (a->tx.probe_now) {
		a->tx.probe_now = false;
		a->stats.window_probes++;
		return true;
	}
	if (!timer_running(a, TIMER_PROBE)) {
		uint64_t interval = a->tx.probe_interval ? 2 * a->tx.probe_interval : a->tx.rto.rto;
		a->tx.probe_interval = interval < a->config.rto_max ? interval : a->config.rto_max;
		timer_start(a, TIMER_PROBE, a->tx.probe_interval);
	}
	return false;
}

/* May data leave now, as far as cwnd and pace are concerned? */
static bool congestion_allows(sluice_sctp *a) {
	if (a->tx.recovery.free_packet)
		return true;
	if (recovery_window_left(a) == 0) {
		a->tx.recovery.limited = true;
		return false;
	}
	return pace_allows(&a->tx.pace);
}

static bool fill_retransmissions(sluice_sctp *a, struct fill *f) {
	uint64_t tsn;
	while ((tsn = outstanding_first_lost(&a->tx.sent))) {
		struct tx_chunk *c = outstanding_at(&a->tx.sent, tsn);
		if (pad4(a->tx.data_header + c->len) > writer_room(f->w))
			return false;
		if (!congestion_allows(a) || !window_allows_again(a, c->len))
			return false;
		/* RFC 9260, 7.2.4, 4: T3 is started anew when the first outstanding chunk is the one that is fast
		 * retransmitted. */
		if (tsn == a->tx.sent.cum + 1 && recovery_restarts_t3(a))
			timer_stop(a, TIMER_T3);
		outstanding_resent(&a->tx.sent, tsn, a->now);
		put_chunk(a, f, c, tsn, a->tx.recovery.probe_end != 0);
		recovery_sent(a, tsn, c->len, true);
		a->stats.retransmitted_chunks++;
	}
	return true;
}

/* How many bytes of the message go into what is left of the packet; 0: none, it waits for the next. */
static uint32_t cut_length(const sluice_sctp *a, const struct fill *f, const struct tx_message *m) {
	size_t room = writer_room(f->w);
	if (room < a->tx.data_header + 4)
		return 0;
	uint32_t left = m->len - m->cut, fits = (uint32_t)(room - a->tx.data_header) & ~3u;
	uint32_t whole_packet = association_payload_max(a);
	if (fits >= whole_packet)
		return left < whole_packet ? left : whole_packet;
	if (left <= fits)
		return left;
	/* A message that fits a packet of its own is not split: its receiver would have to put it together. And a batch of
	 * shorter packets ends here, for the next one may use the whole MTU. */
	if (left <= whole_packet || fits < MIN_FRAGMENT || (!f->has_data && !f->full_size))
		return 0;
	return fits;
}

/* RFC 9260, 6.1: small packets wait for company while data is in flight. Not small is what fills a packet: one chunk as large as
 * chunks are cut, or several with a header each. */
static bool nagle_holds(const sluice_sctp *a) {
	if (!a->config.nagle || a->tx.sent.flight == 0 || a->state != SLUICE_SCTP_ESTABLISHED || a->shutdown_wanted)
		return false;
	uint64_t queued = a->tx.out.buffered - a->tx.sent.flight + (a->tx.out.queued - 1) * a->tx.data_header;
	return pad4(queued) < association_payload_max(a);
}

static uint8_t fragment_flags(const struct tx_message *m, uint32_t len) {
	return (uint8_t)((m->cut == 0 && m->first ? WIRE_DATA_B : 0) | (m->cut + len == m->len && m->last ? WIRE_DATA_E : 0) |
	                 (m->unordered ? WIRE_DATA_U : 0));
}

static bool chunk_reserve(sluice_sctp *a) {
	/* Other stacks track only some thousand TSNs, and drop what is beyond; but one that promises room for more full chunks
	 * than that must be able to receive them. */
	uint64_t limit = a->config.max_outstanding_chunks;
	if (limit == 0)
		limit = a->tx.peer_window_max / 1024 > 8192 ? a->tx.peer_window_max / 1024 : 8192;
	if (outstanding_reserve(&a->tx.sent, limit < OUTSTANDING_MAX ? (uint32_t)limit : OUTSTANDING_MAX - 1))
		return true;
	/* No memory, and nothing in flight whose answer would bring us back here. */
	if (outstanding_count(&a->tx.sent) == 0 && !timer_running(a, TIMER_PROBE))
		timer_start(a, TIMER_PROBE, a->tx.rto.rto);
	return false;
}

/* The peer can hand a message up only when it has all of it, and messages that lie there in parts share its window. So that it
 * never fills with parts of which none can be completed, a message of several fragments is begun only if it fits the window
 * together with what is left of those that were begun before it. A sixteenth more: what fragments may cost the peer beside
 * their payload. */
static bool may_begin(const sluice_sctp *a, const struct tx_message *m) {
	if (__builtin_expect(reconfig_holds_data(a), 0) && !m->begun)
		return false;
	if (!a->interleaving || m->begun || a->tx.out.begun_left == 0 || m->len <= association_payload_max(a))
		return true;
	uint64_t parts = a->tx.out.begun_left + m->len;
	return parts + parts / 16 <= ack_window_left(a);
}

static void fill_new(sluice_sctp *a, struct fill *f) {
	struct tx_message *m;
	while (a->tx.out.aside && may_begin(a, ((struct tx_stream *)a->tx.out.aside)->head))
		outgoing_bring_back(&a->tx.out);
	while ((m = outgoing_next(&a->tx.out))) {
		if (a->tx.held_up && outgoing_stale(&a->tx.out, m, rto_plain(&a->tx.rto))) {
			outgoing_drop(&a->tx.out, m, true);
			continue;
		}
		/* RFC 8260, 3.3: a round-robin scheduler per packet bundles chunks of one stream only. */
		if (f->stream && f->stream != m->stream && a->tx.out.sched.ops->one_stream)
			break;
		if (!may_begin(a, m)) {
			outgoing_set_aside(&a->tx.out, m->stream);
			continue;
		}
		/* RFC 9260, 6.1, D: Max.Burst limits the packets that go at once: no more than that much new data follows one
		 * arrival. */
		if (!congestion_allows(a) || a->tx.sent.flight >= a->tx.burst_end || (!f->has_data && nagle_holds(a)))
			break;
		uint32_t len = cut_length(a, f, m);
		if (len == 0 || !chunk_reserve(a) || !window_allows_new(a, len))
			break;
		f->stream = m->stream;
		uint64_t tsn = a->tx.sent.next;
		struct tx_chunk *c = outstanding_append(&a->tx.sent, m, len, fragment_flags(m, len), a->now);
		/* RFC 9260, 6.1: the I bit is for the sender that waits in SHUTDOWN-PENDING for the last acknowledgement. RFC
		 * 7053, 4: and for one that would be hurt by a delayed one: a tail loss probe is to follow the end of a flight
		 * soon. */
		bool last = (a->state == SLUICE_SCTP_SHUTDOWN_PENDING || a->config.recovery == SLUICE_RECOVERY_RACK) &&
		            !outgoing_next(&a->tx.out);
		put_chunk(a, f, c, tsn, last);
		recovery_sent(a, tsn, len, false);
	}
	if (!m)
		a->tx.held_up = false;
	if (f->stream && a->tx.out.sched.ops->one_stream)
		outgoing_packet_end(&a->tx.out, f->stream);
}

static void idle_restart(sluice_sctp *a) {
	if (a->tx.sent.flight == 0 && a->tx.last_data_sent && a->now - a->tx.last_data_sent > a->tx.rto.rto &&
	    outgoing_next(&a->tx.out))
		a->tx.cc->idle(&a->tx.view, a->now - a->tx.last_data_sent);
}

static void fill_data(sluice_sctp *a, struct fill *f) {
	const uint32_t states = IN(COOKIE_ECHOED) | IN(ESTABLISHED) | IN(SHUTDOWN_PENDING) | IN(SHUTDOWN_RECEIVED);
	if (!input_state_in(a, states) || (outstanding_count(&a->tx.sent) == 0 && !outgoing_any(&a->tx.out)))
		return;
	idle_restart(a);
	if (fill_retransmissions(a, f))
		fill_new(a, f);
	if (f->has_data)
		a->tx.recovery.free_packet = false;
	txlog_close(&a->tx.sent.log);
}

/* ---- control chunks ---- */

/* Each writer takes its pending bit off when the chunk went in; one that did not fit stays for the next packet. */
static void fill_control(sluice_sctp *a, struct writer *w) {
	if (a->pending & PENDING_COOKIE_ACK && writer_room(w) >= 4) {
		wire_chunk_write(w, WIRE_COOKIE_ACK, 0, NULL, 0);
		a->pending &= ~(uint32_t)PENDING_COOKIE_ACK;
	}
	if (a->pending & PENDING_SACK)
		data_write_sack(a, w);
	if (a->pending & PENDING_RECONFIG_RESPONSE)
		reconfig_write_response(a, w);
	if (a->pending & PENDING_RECONFIG)
		reconfig_write_request(a, w);
	if (a->pending & PENDING_FORWARD_TSN)
		ack_write_forward_tsn(a, w);
	if (a->pending & PENDING_HEARTBEAT)
		heartbeat_write(a, w);
	if (a->pending & PENDING_CONTROL)
		discovery_write_control(a, w);
	if (a->pending & PENDING_SHUTDOWN && writer_room(w) >= 8) {
		wire_shutdown_write(w, (uint32_t)a->map.cum);
		a->pending &= ~(uint32_t)PENDING_SHUTDOWN;
		shutdown_sent(a);
	}
	if (a->pending & PENDING_SHUTDOWN_ACK && writer_room(w) >= 4) {
		wire_chunk_write(w, WIRE_SHUTDOWN_ACK, 0, NULL, 0);
		a->pending &= ~(uint32_t)PENDING_SHUTDOWN_ACK;
		shutdown_sent(a);
	}
}

/* A delayed SACK rides along when a packet goes out anyway. */
static bool packet_is_due(const sluice_sctp *a) {
	return (a->tx.sent.lost || outgoing_next(&a->tx.out)) &&
	       (a->tx.recovery.free_packet || (recovery_window_left(a) > 0 && pace_allows(&a->tx.pace)));
}

/* ---- packets ---- */

struct space {
	uint8_t *data;
	size_t limit; /* bytes this packet may have */
	bool first;   /* of its batch: limit is the MTU */
};

static size_t packet_finish(sluice_sctp *a, const struct space *s, size_t len, bool checksum) {
	if (len == WIRE_HEADER_SIZE)
		return 0;
	if (checksum)
		wire_packet_seal(s->data, len);
	a->stats.packets_sent++;
	a->stats.bytes_sent += len;
	trace_packet(a->trace, true, s->data, len);
	return len;
}

static void header(const sluice_sctp *a, struct writer *w, uint32_t tag) {
	wire_header_write(w,
	                  &(struct wire_header){.src_port = a->config.local_port, .dst_port = a->config.remote_port, .tag = tag});
}

static size_t reply_packet(sluice_sctp *a, const struct space *s) {
	struct reply *r = a->replies;
	if (WIRE_HEADER_SIZE + r->len > s->limit && !s->first)
		return 0;
	struct writer w = writer_of(s->data, s->limit);
	header(a, &w, r->tag);
	write_bytes(&w, r->chunks, r->len);
	a->replies = r->next;
	if (!a->replies)
		a->replies_tail = NULL;
	a->reply_count--;
	env_free(a->env, r);
	if (w.failed) { /* packets were larger when it was made */
		a->stats.chunks_discarded++;
		return 0;
	}
	return packet_finish(a, s, writer_len(&w), true);
}

static size_t init_packet(sluice_sctp *a, const struct space *s) {
	struct writer w = writer_of(s->data, s->limit);
	header(a, &w, 0);
	handshake_write_init(a, &w);
	if (w.failed)
		return 0;
	a->pending &= ~(uint32_t)PENDING_INIT;
	return packet_finish(a, s, writer_len(&w), true);
}

/* RFC 9260, 5.1, C: DATA may ride with the COOKIE-ECHO, "but it MUST be the first chunk in the packet", and no other packet
 * may be sent before the COOKIE-ACK comes. */
static size_t cookie_packet(sluice_sctp *a, const struct space *s) {
	struct writer w = writer_of(s->data, s->limit);
	header(a, &w, a->peer_tag);
	write_bytes(&w, a->echo, a->echo_len);
	if (w.failed)
		return 0;
	a->pending &= ~(uint32_t)PENDING_COOKIE_ECHO;
	timer_start(a, TIMER_T1, a->t1_rto);
	fill_data(a, &(struct fill){.w = &w, .full_size = s->first});
	return packet_finish(a, s, writer_len(&w), true);
}

/* Alone, as the peer may send for each packet that brings one. */
static size_t early_sack_packet(sluice_sctp *a, const struct space *s) {
	struct writer w = writer_of(s->data, s->limit);
	header(a, &w, a->peer_tag);
	if (!data_write_early_sack(a, &w))
		return 0;
	return packet_finish(a, s, writer_len(&w), !a->send_zero_checksum);
}

static size_t plain_packet(sluice_sctp *a, const struct space *s) {
	/* Not in a packet that is as short as an early SACK: it would leave out blocks. */
	if (!s->first && a->pending & PENDING_SACK && tsnmap_has_gap(&a->map))
		return 0;
	struct writer w = writer_of(s->data, s->limit);
	header(a, &w, a->peer_tag);
	if (timer_running(a, TIMER_SACK) && packet_is_due(a))
		a->pending |= PENDING_SACK;
	if (a->pending)
		fill_control(a, &w);
	fill_data(a, &(struct fill){.w = &w, .full_size = s->first});
	return packet_finish(a, s, writer_len(&w), !a->send_zero_checksum);
}

/* Writes one packet. Returns its length, 0 when nothing is due or nothing fits. */
static size_t packet_build(sluice_sctp *a, const struct space *s) {
	/* Before the replies: behind one of them it would be cut to its length, and the first messages could not ride along. */
	if (a->state == SLUICE_SCTP_COOKIE_ECHOED && a->pending & PENDING_COOKIE_ECHO)
		return cookie_packet(a, s);
	if (a->replies)
		return reply_packet(a, s);
	switch (a->state) {
	case SLUICE_SCTP_CLOSED:
	case SLUICE_SCTP_COOKIE_ECHOED:
		return 0;
	case SLUICE_SCTP_COOKIE_WAIT:
		return a->pending & PENDING_INIT ? init_packet(a, s) : 0;
	default:
		return sack_early_waits(&a->acks) && !(a->pending & PENDING_COOKIE_ACK) ? early_sack_packet(a, s)
		                                                                        : plain_packet(a, s);
	}
}

/* ---- the verb ---- */

static uint64_t pacing_rate(const sluice_sctp *a) {
	return a->tx.view.config.pacing && a->tx.rto.srtt >= PACE_MIN_RTT ? a->tx.view.pacing_rate : 0;
}

static void nothing_due(sluice_sctp *a) {
	a->dirty = false;
	bool waits = a->tx.sent.lost || outgoing_next(&a->tx.out);
	if (waits && !pace_allows(&a->tx.pace) && recovery_window_left(a) > 0)
		a->timers[TIMER_PACE] = pace_release(&a->tx.pace, a->tx.mtu);
	else if (!a->tx.sent.lost && recovery_window_left(a) > 0)
		txlog_limited_by_app(&a->tx.sent.log, a->tx.sent.flight);
}

/* How large may the first packet of a batch be? On a path that turned out worse than the base size, what was cut for that before
 * goes as it is: it may yet get better. */
static size_t first_limit(sluice_sctp *a, size_t room) {
	size_t limit = a->tx.mtu;
	uint64_t tsn = a->tx.cut_mtu < a->tx.discovery.pmtu.base ? outstanding_first_lost(&a->tx.sent) : 0;
	if (tsn) {
		size_t lost = WIRE_HEADER_SIZE + pad4(a->tx.data_header + outstanding_at(&a->tx.sent, tsn)->len);
		limit = lost > limit ? lost : limit;
	}
	return limit < room ? limit : room & ~(size_t)3;
}

/* A batch with nothing but the probe in it, when all else that may go has gone. */
static void probe_output(sluice_sctp *a, sluice_batch *b, size_t rooms) {
	uint32_t size = discovery_probe_size(a, b->capacity - rooms);
	if (size == 0)
		return;
	struct space s = {.data = b->data + b->headroom, .limit = size, .first = true};
	struct writer w = writer_of(s.data, size);
	header(a, &w, a->peer_tag);
	discovery_write_probe(a, &w);
	packet_finish(a, &s, writer_len(&w), !a->send_zero_checksum);
	b->count = 1;
	b->stride = b->last = size + rooms;
}

int sluice_sctp_output(sluice_sctp *a, sluice_batch *b, uint64_t now) {
	size_t rooms = b->headroom + b->tailroom, used = 0;
	if (b->capacity < a->tx.discovery.pmtu.base + rooms)
		return SLUICE_NO_SPACE;
	size_t limit = first_limit(a, b->capacity - rooms);
	now = association_time(a, now);
	trace_sync(a->trace);
	if (a->heartbeat_unscheduled)
		heartbeat_schedule(a);
	if (a->tx.out.unstamped)
		outgoing_stamp(&a->tx.out, now);
	pace_refill(&a->tx.pace, pacing_rate(a), a->tx.mtu, now);
	uint64_t data_before = a->stats.data_chunks_sent;
	b->count = b->stride = b->last = 0;
	while ((b->max_datagrams == 0 || b->count < b->max_datagrams) && b->capacity - used >= limit + rooms) {
		struct space s = {.data = b->data + used + b->headroom, .limit = limit, .first = b->count == 0};
		size_t len = packet_build(a, &s);
		if (len == 0)
			break;
		if (b->count++ == 0) {
			limit = len;
			b->stride = len + rooms;
		}
		b->last = len + rooms;
		used += b->last;
		if (len < limit)
			break;
	}
	if (a->stats.data_chunks_sent != data_before)
		recovery_arm_probe(a);
	if (b->count == 0)
		probe_output(a, b, rooms);
	if (b->count == 0)
		nothing_due(a);
	trace_sync(a->trace);
	return (int)b->count;
}
