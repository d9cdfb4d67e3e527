#include "sctp/tx/sender.h"

#include "base/arith.h"

#include <string.h>

/* A message too large for one packet may begin in the rest of a packet if at least this much of it goes there. Less costs more in
 * headers and reassembly than it gains. */
#define MIN_FRAGMENT 16u

struct fill {
	struct writer *w;
	bool whole; /* the packet may use the whole MTU, and not only the length of the batch's first */
	bool has_data;
	struct tx_stream *stream; /* of the last new data in the packet */
};

/* Writes the chunk, for which there is room at p. Returns its length with padding. */
__attribute__((always_inline)) static inline size_t write_chunk(const struct sender *tx, uint8_t *p, const struct tx_chunk *c,
                                                                uint64_t tsn, bool immediate) {
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
	uint8_t *payload = p + tx->data_header;
	if (tx->out.interleaving)
		wire_i_data_header_put(p, &d);
	else
		wire_data_header_put(p, &d);
	outgoing_gather(m, c->offset, c->len, payload);
	if (padded != c->len)
		memset(payload + c->len, 0, padded - c->len);
	return tx->data_header + padded;
}

/* Data of so many bytes, and so many chunks, went out. */
static inline void note_written(struct sender *tx, uint32_t bytes, uint32_t chunks) {
	pace_sent(&tx->pace, bytes);
	tx->counters.data_chunks_sent += chunks;
	tx->last_data_sent = tx->now;
	if (!sender_timer_running(tx, SENDER_T3))
		sender_timer_start(tx, SENDER_T3, tx->rto.rto);
}

static void put_chunk(struct sender *tx, struct fill *f, const struct tx_chunk *c, uint64_t tsn, bool immediate) {
	uint8_t *p = write_space(f->w, tx->data_header + pad4(c->len));
	note_written(tx, (uint32_t)write_chunk(tx, p, c, tsn, immediate), 1);
	f->has_data = true;
}

/* RFC 9260, 6.1, A: "regardless of the value of rwnd (including if it is 0), the data sender can always have one DATA chunk in
 * flight to the receiver if allowed by cwnd". So the retransmission that fills the hole always gets through. */
static bool window_allows_again(const struct sender *tx, uint32_t len) {
	return len <= sender_window_left(tx) || tx->sent.flight == 0;
}

/* New data into a closed window is a probe. RFC 9260, 6.1, A: "the sender SHOULD send the first zero window probe after 1 RTO
 * when it detects that the receiver has closed its window and SHOULD increase the probe interval exponentially afterwards". */
static bool window_allows_new(struct sender *tx, uint32_t len) {
	if (len <= sender_window_left(tx))
		return true;
	if (tx->sent.flight > 0)
		return false;
	if (tx->probe_now) {
		tx->probe_now = false;
		tx->counters.window_probes++;
		return true;
	}
	if (!sender_timer_running(tx, SENDER_PROBE)) {
		uint64_t interval = tx->probe_interval ? 2 * tx->probe_interval : tx->rto.rto;
		tx->probe_interval = interval < tx->config->rto_max ? interval : tx->config->rto_max;
		sender_timer_start(tx, SENDER_PROBE, tx->probe_interval);
	}
	return false;
}

/* Bytes that may go, as far as congestion is concerned. */
static inline uint64_t window_left(const struct sender *tx) {
	if (tx->run.out.stream)
		return tx->view.cwnd > tx->run.flight ? tx->view.cwnd - tx->run.flight : 0;
	if (__builtin_expect(tx->view.in_recovery | tx->recovery.unanswered, 0))
		return recovery_window_of_loss(tx);
	return tx->view.cwnd > tx->sent.flight ? tx->view.cwnd - tx->sent.flight : 0;
}

static inline void note_sent(struct sender *tx, uint64_t tsn, uint32_t len, bool again) {
	if (__builtin_expect(again || tx->view.in_recovery, 0))
		recovery_note_sent(tx, tsn, len, again);
}

/* May data leave now, as far as cwnd and pace are concerned? */
static bool congestion_allows(struct sender *tx) {
	if (tx->recovery.free_packet)
		return true;
	if (window_left(tx) == 0) {
		tx->recovery.limited = true;
		return false;
	}
	return pace_allows(&tx->pace);
}

static bool fill_again(struct sender *tx, struct fill *f) {
	uint64_t tsn;
	while ((tsn = outstanding_first_lost(&tx->sent))) {
		struct tx_chunk *c = outstanding_at(&tx->sent, tsn);
		if (pad4(tx->data_header + c->len) > writer_room(f->w))
			return false;
		if (!congestion_allows(tx) || !window_allows_again(tx, c->len))
			return false;
		/* RFC 9260, 7.2.4, 4: T3 is started anew when the first outstanding chunk is the one that is fast
		 * retransmitted. */
		if (tsn == tx->sent.cum + 1 && recovery_restarts_t3(tx))
			sender_timer_stop(tx, SENDER_T3);
		outstanding_resent(&tx->sent, tsn, tx->now);
		put_chunk(tx, f, c, tsn, tx->recovery.probe_end != 0);
		note_sent(tx, tsn, c->len, true);
		tx->counters.retransmitted_chunks++;
	}
	return true;
}

/* Returns how many bytes of the message go into the rest of the packet; 0: none, the message waits for the next packet.
 * whole_packet: sender_payload_max(). */
static inline uint32_t cut_length(const struct sender *tx, const struct fill *f, const struct tx_message *m,
                                  uint32_t whole_packet) {
	size_t room = writer_room(f->w);
	if (room < tx->data_header + 4)
		return 0;
	uint32_t left = m->len - m->cut, fits = (uint32_t)(room - tx->data_header) & ~3u;
	if (fits >= whole_packet)
		return left < whole_packet ? left : whole_packet;
	if (left <= fits)
		return left;
	/* A message that fits a packet of its own is not split: its receiver would have to put it together. A batch of shorter
	 * packets ends here, as the next batch may use the whole MTU. */
	if (left <= whole_packet || fits < MIN_FRAGMENT || (!f->has_data && !f->whole))
		return 0;
	return fits;
}

/* RFC 9260, 6.1: small packets wait for company while data is in flight. A packet is not small when it is filled: by one chunk as
 * large as chunks are cut, or by several with a header each. */
static bool nagle_holds(const struct sender *tx) {
	if (!tx->config->nagle || tx->sent.flight == 0 || tx->phase != SENDER_OPEN)
		return false;
	uint64_t queued = tx->out.buffered - tx->sent.flight + (tx->out.queued - 1) * tx->data_header;
	return pad4(queued) < sender_payload_max(tx);
}

_Static_assert(WIRE_DATA_E == 1 && WIRE_DATA_B == 2 && WIRE_DATA_U == 4, "the bits of tx_message.wire");

static inline uint8_t fragment_flags(const struct tx_message *m, uint32_t len) {
	if (len == m->len)
		return m->wire;
	int inside = (m->cut ? WIRE_DATA_B : 0) | (m->cut + len != m->len ? WIRE_DATA_E : 0);
	return (uint8_t)(m->wire & ~inside);
}

/* How many chunks may be outstanding? */
static inline uint32_t chunk_limit(const struct sender *tx) {
	/* Other stacks track only some thousand TSNs and drop what is beyond. But a peer that promises room for more full chunks
	 * than that must be able to receive them. */
	uint64_t limit = tx->config->max_outstanding_chunks;
	if (limit == 0)
		limit = tx->peer_window_max / 1024 > 8192 ? tx->peer_window_max / 1024 : 8192;
	return limit < OUTSTANDING_MAX ? (uint32_t)limit : OUTSTANDING_MAX - 1;
}

static bool chunk_reserve(struct sender *tx) {
	if (outstanding_reserve(&tx->sent, chunk_limit(tx)))
		return true;
	/* There is no memory, and nothing is in flight whose answer would bring us back here. */
	if (outstanding_count(&tx->sent) == 0 && !sender_timer_running(tx, SENDER_PROBE))
		sender_timer_start(tx, SENDER_PROBE, tx->rto.rto);
	return false;
}

/* The peer can hand a message up only when it has all of it, and messages that lie there in parts share its window. The window
 * must never fill with parts of which none can be completed. So a message of several fragments is begun only if it fits the
 * window together with the rest of those that were begun before it. A sixteenth more: fragments may cost the peer that much
 * beside their payload. */
static bool fits_beside_begun(const struct sender *tx, const struct tx_message *m, uint64_t window_left) {
	uint64_t parts = tx->out.begun_left + m->len;
	return m->len <= sender_payload_max(tx) || parts + parts / 16 <= window_left;
}

static inline bool may_begin(const struct sender *tx, const struct tx_message *m) {
	if (m->begun)
		return true;
	if (__builtin_expect(tx->hold, 0))
		return false;
	return tx->out.begun_left == 0 || !tx->out.interleaving || fits_beside_begun(tx, m, sender_window_left(tx));
}

/* RFC 9260, 6.1: the I bit is for the sender that waits in SHUTDOWN-PENDING for the last acknowledgement. RFC 7053, 4: and for
 * one that a delayed acknowledgement would hurt: a tail loss probe follows the end of a flight soon. */
static inline bool marks_last(const struct sender *tx) {
	return tx->phase == SENDER_ENDING || tx->config->recovery == SLUICE_RECOVERY_RACK;
}

/* ---- a run ---- */

static bool run_begin(struct sender *tx) {
	struct tx_stream *s = outgoing_run_stream(&tx->out);
	if (!s || tx->sent.lost ||
	    tx->view.in_recovery | tx->recovery.unanswered | tx->recovery.free_packet | tx->held_up | tx->hold | tx->pace.blocked)
		return false;
	tx->run = (struct fill_run){
		.out.stream = s,
		.flight_end = min64(tx->view.cwnd, tx->burst_end),
		.window_end = tx->peer_a_rwnd,
		.flight = tx->sent.flight,
		.tokens = tx->pace.rate ? tx->pace.tokens : INT64_MAX,
		.slots = outstanding_run_room(&tx->sent, chunk_limit(tx)),
		.room = txlog_room(&tx->sent.log),
		.whole = sender_payload_max(tx),
	};
	return true;
}

void fill_settle(struct sender *tx) {
	struct fill_run *r = &tx->run;
	if (r->chunks) {
		outstanding_run_end(&tx->sent, r->chunks, r->flight);
		outgoing_run_end(&tx->out, &r->out);
		note_written(tx, r->written, r->chunks);
	}
	r->chunks = 0;
	r->out.stream = NULL;
}

/* As nagle_holds(). */
static inline bool run_is_held(const struct sender *tx, const struct fill_run *r) {
	uint64_t queued = tx->out.buffered - r->flight;
	if (__builtin_expect(queued >= r->whole || r->flight == 0, 1))
		return false;
	queued += (tx->out.queued - r->out.left - 1) * tx->data_header;
	return tx->config->nagle && tx->phase == SENDER_OPEN && pad4(queued) < r->whole;
}

/* As may_begin(), when a chunk of len bytes fits the window. One that holds a whole message leaves nothing begun. */
static inline bool run_may_begin(const struct sender *tx, const struct fill_run *r, const struct tx_message *m, uint32_t len) {
	return len == m->len || m->begun || tx->out.begun_left == 0 || !tx->out.interleaving ||
	       fits_beside_begun(tx, m, r->window_end - r->flight);
}

__attribute__((always_inline)) static inline void run_put(struct sender *tx, struct fill *f, struct fill_run *r,
                                                          struct tx_message *m, uint32_t len) {
	uint64_t tsn = tx->sent.next + r->chunks++;
	struct tx_chunk *c = outstanding_run_put(&tx->sent, tsn, m, len, fragment_flags(m, len), (uint32_t)tx->sent.log.next);
	c->fsn = outgoing_run_cut(&tx->out, &r->out, len, tsn);
	size_t size = write_chunk(tx, f->w->at, c, tsn, !r->out.stream->head && marks_last(tx));
	f->w->at += size;
	f->has_data = true;
	r->written += (uint32_t)size;
	r->tokens -= (int64_t)size;
	r->flight += len;
}

/* Returns whether the packet is done: it is full, or nothing is left. Otherwise the run is over, and fill_any() looks why the
 * next chunk may not go. */
__attribute__((always_inline)) static inline bool fill_run(struct sender *tx, struct fill *f) {
	struct fill_run *r = &tx->run;
	const uint64_t flight = r->flight;
	const uint32_t chunks = r->chunks;
	struct tx_message *m = r->out.stream->head;
	uint32_t len = 0;
	if (!m)
		return true;
	/* What Nagle holds back is looked at once more by fill_any(): the recovery learns there what else was in the way. */
	if (r->room == 0 || run_is_held(tx, r))
		return false;
	while (m && (len = cut_length(tx, f, m, r->whole))) {
		if (r->flight >= r->flight_end || r->flight + len > r->window_end || r->tokens <= 0 || r->chunks == r->slots ||
		    !run_may_begin(tx, r, m, len))
			break;
		run_put(tx, f, r, m, len);
		m = r->out.stream->head;
	}
	if (r->chunks != chunks) {
		txlog_add(&tx->sent.log, tx->sent.next + chunks, r->chunks - chunks, (uint32_t)(r->flight - flight), flight,
		          tx->now);
		r->room--;
	}
	return !m || len == 0;
}

/* ---- any case ---- */

static void fill_new(struct sender *tx, struct fill *f) {
	struct tx_message *m;
	while (tx->out.aside && may_begin(tx, ((struct tx_stream *)tx->out.aside)->head))
		outgoing_bring_back(&tx->out);
	while ((m = outgoing_next(&tx->out))) {
		if (tx->held_up && outgoing_stale(&tx->out, m, rto_plain(&tx->rto))) {
			outgoing_drop(&tx->out, m, true);
			continue;
		}
		/* RFC 8260, 3.3: a round-robin scheduler per packet bundles chunks of one stream only. */
		if (f->stream && f->stream != m->stream && tx->out.sched.ops->one_stream)
			break;
		if (!may_begin(tx, m)) {
			outgoing_set_aside(&tx->out, m->stream);
			continue;
		}
		/* RFC 9260, 6.1, D: Max.Burst limits the packets that go at once. No more than that much new data follows one
		 * arrival. */
		if (!congestion_allows(tx) || tx->sent.flight >= tx->burst_end || (!f->has_data && nagle_holds(tx)))
			break;
		uint32_t len = cut_length(tx, f, m, sender_payload_max(tx));
		if (len == 0 || !chunk_reserve(tx) || !window_allows_new(tx, len))
			break;
		f->stream = m->stream;
		uint64_t tsn = tx->sent.next;
		struct tx_chunk *c = outstanding_append(&tx->sent, m, len, fragment_flags(m, len), tx->now);
		put_chunk(tx, f, c, tsn, marks_last(tx) && !outgoing_next(&tx->out));
		note_sent(tx, tsn, len, false);
	}
	if (!m)
		tx->held_up = false;
}

static void idle_restart(struct sender *tx) {
	if (tx->sent.flight == 0 && tx->last_data_sent && tx->now - tx->last_data_sent > tx->rto.rto && outgoing_next(&tx->out))
		tx->cc->idle(&tx->view, tx->now - tx->last_data_sent);
}

static void fill_any(struct sender *tx, struct fill *f) {
	if (fill_again(tx, f))
		fill_new(tx, f);
	if (f->stream && tx->out.sched.ops->one_stream)
		outgoing_packet_end(&tx->out, f->stream);
	if (f->has_data)
		tx->recovery.free_packet = false;
}

static bool may_run(struct sender *tx) {
	if (tx->phase == SENDER_CLOSED)
		return false;
	idle_restart(tx);
	return tx->phase != SENDER_EARLY && run_begin(tx);
}

/* The packet is not a run's alone. What a run has put into it is entered into the books first. */
__attribute__((noinline)) static void fill_rest(struct sender *tx, struct fill *f) {
	f->stream = f->has_data ? tx->run.out.stream : NULL;
	sender_settle(tx);
	if (tx->phase != SENDER_CLOSED && (outstanding_count(&tx->sent) > 0 || outgoing_any(&tx->out)))
		fill_any(tx, f);
}

void fill_packet(struct sender *tx, struct writer *w, bool whole) {
	struct fill f = {.w = w, .whole = whole};
	bool run = tx->run.out.stream || may_run(tx);
	if (!run || !fill_run(tx, &f))
		fill_rest(tx, &f);
	txlog_close(&tx->sent.log);
}

bool fill_packets(struct sender *tx, struct fill_slots *s) {
	while (s->count < s->most && tx->run.out.stream) {
		struct writer w = writer_of(s->data + s->count * s->stride, s->size);
		struct fill f = {.w = &w};
		memcpy(w.at, s->header, WIRE_HEADER_SIZE);
		w.at += WIRE_HEADER_SIZE;
		if (!fill_run(tx, &f))
			fill_rest(tx, &f);
		txlog_close(&tx->sent.log);
		if (!f.has_data)
			return false;
		s->count++;
		s->last = writer_len(&w);
		if (s->last < s->size)
			return false;
	}
	return true;
}

/* ---- what the packets' builder asks ---- */

/* On a path that turned out worse than the base size, chunks that were cut for that size before go as they are: the path may yet
 * get better. */
size_t fill_limit(struct sender *tx, size_t room) {
	size_t limit = tx->mtu;
	uint64_t tsn = tx->cut_mtu < tx->discovery.pmtu.base ? outstanding_first_lost(&tx->sent) : 0;
	if (tsn) {
		size_t lost = WIRE_HEADER_SIZE + pad4(tx->data_header + outstanding_at(&tx->sent, tsn)->len);
		limit = lost > limit ? lost : limit;
	}
	return limit < room ? limit : room & ~(size_t)3;
}

static bool data_waits(const struct sender *tx) {
	return tx->sent.lost || outgoing_next(&tx->out);
}

bool fill_wants(const struct sender *tx) {
	return data_waits(tx) && (tx->recovery.free_packet || (window_left(tx) > 0 && pace_allows(&tx->pace)));
}

void fill_idle(struct sender *tx) {
	if (window_left(tx) == 0)
		return;
	if (data_waits(tx) && !pace_allows(&tx->pace))
		tx->timers[SENDER_PACE] = pace_release(&tx->pace, tx->mtu);
	else if (!tx->sent.lost)
		txlog_limited_by_app(&tx->sent.log, tx->sent.flight);
}

uint64_t fill_pacing_rate(const struct sender *tx) {
	uint64_t rate = tx->view.config.pacing && tx->rto.srtt >= PACE_MIN_RTT ? tx->view.pacing_rate : 0;
	return tx->most_rate && (!rate || rate > tx->most_rate) ? tx->most_rate : rate;
}
