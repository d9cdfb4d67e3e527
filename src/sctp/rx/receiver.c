/* RFC 9260, 6.2; RFC 3758, 3.6; RFC 8260, 2. */
#include "sctp/rx/receiver.h"

#include "base/arith.h"
#include "base/serial.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- the window ---- */

uint64_t receiver_a_rwnd(const struct receiver *r) {
	return rwnd_free(&r->rwnd, r->window->payload, r->window->held, r->window->with_app);
}

/* What a SACK promises. Silly window (RFC 9260, 6.2; RFC 1122, 4.2.3.3): the edge moves on by a packet at least, or by an eighth
 * of a small window, so that a sender who fills what he is offered does not cut his messages ever smaller. */
static uint32_t promise(struct receiver *r) {
	uint64_t now_free = receiver_a_rwnd(r), most = rwnd_free(&r->rwnd, 0, 0, r->window->with_app);
	if (now_free < r->advertised || now_free >= r->advertised + min64(most / 8, r->packet))
		r->advertised = now_free;
	r->advertised_most = most;
	return (uint32_t)min64(r->advertised, UINT32_MAX);
}

/* A release made room, and the sender that waits for room must hear of it (RFC 9260, 6.2); a quarter of the window at a time, so
 * that a slow reader does not cause a SACK for each message (silly window). */
static void window_opened(void *receiver) {
	struct receiver *r = receiver;
	if (r->advertised >= r->advertised_most / 2 || !r->open)
		return;
	uint64_t most = rwnd_free(&r->rwnd, 0, 0, r->window->with_app), step = max64(most / 4, min64(most / 2, r->packet));
	if (receiver_a_rwnd(r) < r->advertised + step)
		return;
	receiver_sack_now(r);
	r->opened(r->owner);
}

/* rwnd.h has the rules. RFC 9260, 6.2: "When the receiver's advertised rwnd is 0, the receiver MUST drop any new incoming DATA
 * chunk with a TSN larger than the largest TSN received so far"; one that fills a hole lets data go and must get in, or
 * everything behind it stays. This is the bound on what a peer can make us hold. */
static inline bool window_takes(const struct receiver *r, enum rwnd_chunk what, bool hole, uint32_t len) {
	struct window *w = r->window;
	if (!hole && w->payload >= r->rwnd.size)
		return false;
	w->limit = rwnd_memory(&r->rwnd, what);
	return w->held + len <= w->limit;
}

/* ---- reports ---- */

/* The association ends, and an ABORT says why: `text` as the cause's information when it is a Protocol Violation. */
__attribute__((format(printf, 4, 5))) static unsigned abort_because(struct receiver *r, int error, uint16_t cause,
                                                                    const char *format, ...) {
	struct receiver_report *report = &r->report;
	va_list args;
	va_start(args, format);
	*report = (struct receiver_report){.abort = true, .cause = cause, .error = error, .info = report->text};
	vsnprintf(report->text, sizeof report->text, format, args);
	va_end(args);
	if (cause == WIRE_CAUSE_PROTOCOL_VIOLATION)
		report->info_len = strlen(report->text);
	return RECEIVER_REPORT;
}

/* RFC 9260, 6.5: the chunk is acknowledged as any other, reported with an ERROR of cause "Invalid Stream Identifier", and
 * discarded. */
static unsigned report_invalid_stream(struct receiver *r, uint16_t stream) {
	struct receiver_report *report = &r->report;
	r->stats.chunks_discarded++;
	*report = (struct receiver_report){.cause = WIRE_CAUSE_INVALID_STREAM, .info = report->bytes, .info_len = 4};
	put_be16(report->bytes, stream);
	return RECEIVER_REPORT;
}

/* RFC 9260, 6.2: a DATA chunk with no user data SHOULD be answered with an ABORT and the cause "No User Data"; 3.3.10.9: the
 * cause names the TSN. */
static unsigned abort_no_user_data(struct receiver *r, uint32_t tsn) {
	struct receiver_report *report = &r->report;
	abort_because(r, SLUICE_PROTOCOL, WIRE_CAUSE_NO_USER_DATA, "a DATA chunk without data");
	put_be32(report->bytes, tsn);
	report->info = report->bytes;
	report->info_len = 4;
	return RECEIVER_REPORT;
}

/* RFC 8260, 2.2.3: where I-DATA was negotiated, a DATA chunk is a violation of its rules, and where it was not, an I-DATA chunk
 * is; the receiver "MUST abort the association", and may say "Protocol Violation". FORWARD-TSN and I-FORWARD-TSN go with them
 * (2.3.1). */
static unsigned abort_mixed(struct receiver *r, uint8_t type) {
	return abort_because(r, SLUICE_PROTOCOL, WIRE_CAUSE_PROTOCOL_VIOLATION, "%s where %s was negotiated",
	                     wire_chunk_name(type), r->interleaving ? "I-DATA" : "DATA");
}

/* All that came before it is here and is no message yet, the app has nothing to release, and there is no room. The peer can make
 * some by giving messages up (FORWARD-TSN); when it has not for so long, neither side would ever move again. */
#define SHUT_PATIENCE (30 * SLUICE_S)

static unsigned window_refuses(struct receiver *r, uint64_t tsn) {
	r->stats.window_drops++;
	if (r->window->with_app > 0)
		r->shut_since = 0;
	else if (r->shut_since == 0 && tsn == r->map.cum + 1)
		r->shut_since = r->now;
	if (r->shut_since == 0 || r->now - r->shut_since < SHUT_PATIENCE)
		return 0;
	return abort_because(r, SLUICE_LIMIT, WIRE_CAUSE_OUT_OF_RESOURCE, "unfinished messages fill the window of %llu bytes",
	                     (unsigned long long)r->rwnd.size);
}

/* Reassembly did not take the chunk: that is the peer's fault and the end, or it must come again. */
static unsigned not_taken(struct receiver *r, uint64_t tsn, int error) {
	const uint16_t cause = WIRE_CAUSE_PROTOCOL_VIOLATION;
	if (error == SLUICE_NO_SPACE)
		return window_refuses(r, tsn);
	if (error == SLUICE_TOO_LARGE)
		return abort_because(r, SLUICE_PROTOCOL, cause, "a message larger than %u bytes",
		                     (unsigned)r->in.max_message_size);
	if (error == SLUICE_PROTOCOL)
		return abort_because(r, SLUICE_PROTOCOL, cause, "a message that does not go on");
	/* Everything before it is here and is still no message; nothing that may come could end that. */
	if (error == SLUICE_LIMIT && (r->interleaving || tsn == r->map.cum + 1))
		return abort_because(r, SLUICE_PROTOCOL, cause, "a message of more than %u fragments", FRAGMENTS_MAX - 1);
	r->stats.memory_drops++;
	return 0;
}

/* ---- DATA ---- */

static void duplicate(struct receiver *r, uint32_t tsn) {
	/* RFC 9260, 6.2: "When a packet arrives with duplicate DATA chunk(s) and with no new DATA chunk(s), the endpoint MUST
	 * immediately send a SACK chunk with no delay." Our last one was lost, or the peer was too early: either way it waits. */
	r->stats.duplicate_tsns_received++;
	if (r->duplicate_count < RECEIVER_DUPLICATES_MAX)
		r->duplicates[r->duplicate_count++] = tsn;
	receiver_sack_now(r);
}

static int add(struct receiver *r, const struct wire_data *d, uint64_t tsn, sluice_slab *slab) {
	if (r->interleaving)
		return reassembly_add_interleaved(&r->in, d, slab);
	r->in.lowest = r->map.cum + 1;
	return reassembly_add(&r->in, d, tsn, slab);
}

/* Stores a new chunk: it is `what` to the window, and in a hole or not. 0 or a result bit; *refused: it must not be
 * acknowledged. */
__attribute__((always_inline)) static inline unsigned store(struct receiver *r, const struct wire_data *d, uint64_t tsn,
                                                            enum rwnd_chunk what, bool hole, sluice_slab *slab, bool *refused) {
	if (d->stream >= r->streams)
		return report_invalid_stream(r, d->stream);
	*refused = true;
	if (!window_takes(r, what, hole, d->len))
		return window_refuses(r, tsn);
	int error = add(r, d, tsn, slab);
	if (error)
		return not_taken(r, tsn, error);
	*refused = false;
	r->batch_payload += d->len;
	r->advertised -= min64(d->len, r->advertised);
	r->shut_since = 0;
	return 0;
}

/* The common case: what comes is what was missing, and nothing is missing behind it. */
static inline unsigned data_next(struct receiver *r, const struct wire_data *d, uint64_t tsn, sluice_slab *slab) {
	bool refused = false;
	unsigned result = store(r, d, tsn, RWND_NEXT, false, slab, &refused);
	if (!refused)
		r->map.cum = r->map.highest = tsn;
	/* RFC 9260, 6.2, of the I bit: "the receiver SHOULD NOT delay the sending of the corresponding SACK chunk". */
	if (refused | ((d->flags & WIRE_DATA_I) != 0))
		receiver_sack_now(r);
	return result;
}

__attribute__((noinline)) static unsigned data_new(struct receiver *r, const struct wire_data *d, uint64_t tsn,
                                                   sluice_slab *slab) {
	/* A hole that is filled is news too: the sender may stop repairing. RFC 9260, 6.7. */
	bool had_gap = tsnmap_has_gap(&r->map), hole = tsn < r->map.highest, refused = false;
	enum rwnd_chunk what = tsn == r->map.cum + 1 ? RWND_NEXT : hole ? RWND_HOLE : RWND_NEW;
	unsigned result = store(r, d, tsn, what, hole, slab, &refused);
	if (refused) {
		receiver_sack_now(r);
		return result;
	}
	tsnmap_add(&r->map, tsn);
	if (had_gap || tsnmap_has_gap(&r->map) || (d->flags & WIRE_DATA_I))
		receiver_sack_now(r);
	return result;
}

unsigned receiver_data(struct receiver *r, const struct wire_chunk *c, sluice_slab *slab) {
	struct wire_data d;
	bool interleaved = c->type == WIRE_I_DATA;
	if (interleaved ? wire_i_data_read(c, &d) : wire_data_read(c, &d)) {
		r->stats.chunks_discarded++;
		return 0;
	}
	if (interleaved != r->interleaving)
		return abort_mixed(r, c->type);
	r->stats.data_chunks_received++;
	if (d.len == 0)
		return abort_no_user_data(r, d.tsn);
	uint64_t tsn = serial_unwrap(d.tsn, r->map.cum);
	if (__builtin_expect(tsnmap_is_next(&r->map, tsn), 1))
		return RECEIVER_ACKNOWLEDGE | data_next(r, &d, tsn, slab);
	switch (tsnmap_test(&r->map, tsn)) {
	case TSNMAP_DUPLICATE:
		duplicate(r, d.tsn);
		return RECEIVER_ACKNOWLEDGE;
	case TSNMAP_BEYOND:
		r->stats.window_drops++;
		receiver_sack_now(r);
		return RECEIVER_ACKNOWLEDGE;
	default:
		return RECEIVER_ACKNOWLEDGE | data_new(r, &d, tsn, slab);
	}
}

/* ---- the end of a packet, and of a batch ---- */

static void sack_written(struct receiver *r) {
	r->acks.unacked = 0;
	r->sack_due = false;
	r->sack_at = SLUICE_NEVER;
}

static uint16_t gather_gaps(const struct receiver *r, uint8_t *out, size_t max) {
	uint64_t start = r->map.cum + 1, end;
	uint16_t count = 0;
	while (count < max && tsnmap_block(&r->map, &start, &end)) {
		put_be16(out + 4 * count, (uint16_t)(start - r->map.cum));
		put_be16(out + 4 * count + 2, (uint16_t)(end - r->map.cum));
		count++;
		start = end + 1;
	}
	return count;
}

/* The state of now, to go out before what follows is said. A SACK that names only some of the blocks would take back the others,
 * so where there are many the last one speaks for all. */
static bool early_add(struct receiver *r) {
	uint8_t gaps[4 * (SACK_EARLY_GAPS + 1)];
	size_t count = tsnmap_has_gap(&r->map) ? gather_gaps(r, gaps, SACK_EARLY_GAPS + 1) : 0;
	struct early_sack *e = count <= SACK_EARLY_GAPS ? sack_early(&r->acks, r->env) : NULL;
	if (!e)
		return false;
	*e = (struct early_sack){.cum_tsn = (uint32_t)r->map.cum, .a_rwnd = promise(r), .gap_count = (uint16_t)count};
	memcpy(e->gaps, gaps, 4 * count);
	return true;
}

void receiver_early_sack(struct receiver *r) {
	if ((r->acks.unacked < 2 && !r->sack_due) || r->duplicate_count > 0 || !r->open)
		return;
	if (early_add(r))
		sack_written(r);
}

/* The window grows with the path. Who only receives has no round trip of its own; asking the peer for one is worth while when
 * there is enough data. */
static bool window_follow(struct receiver *r, const struct receiver_view *v) {
	bool blind = v->least_rtt == 0 && r->rwnd.size < r->rwnd.max && r->in.to.payload > r->rwnd.initial / 16;
	if (rwnd_received(&r->rwnd, r->batch_payload, r->window->charged, r->window->consumed, v->least_rtt, r->now))
		receiver_sack_now(r);
	r->batch_payload = r->window->charged = r->window->consumed = 0;
	return blind;
}

/* RFC 9260, 6.2: "an acknowledgement SHOULD be generated for at least every second packet (not every second DATA chunk) received
 * and SHOULD be generated within 200 ms of the arrival of any unacknowledged DATA chunk". To a peer that makes use of it one SACK
 * says all of a batch: its packets came together. */
static void sack_decide(struct receiver *r, uint32_t packets, const struct receiver_view *v) {
	if (v->at_once) {
		receiver_sack_now(r);
		return;
	}
	if (r->acks.unacked >= 2)
		receiver_sack_now(r);
	else if (!receiver_sack_delayed(r))
		r->sack_at = r->now + sack_delay(r->sack_delay, v->srtt);
	sack_learn(&r->acks, packets, r->now);
}

bool receiver_batch_end(struct receiver *r, uint32_t packets, const struct receiver_view *v) {
	if (!r->open)
		return false;
	bool blind = window_follow(r, v);
	/* Parts are given to the app before they have their size when the window is half full: it may be full of them. */
	if (r->window->held > r->rwnd.size / 2 && receiver_a_rwnd(r) < r->rwnd.size / 2)
		reassembly_relieve(&r->in);
	sack_decide(r, packets, v);
	return blind;
}

void receiver_advance(struct receiver *r) {
	r->sack_at = SLUICE_NEVER;
	receiver_sack_now(r);
}

/* ---- FORWARD-TSN ---- */

static int skip(struct receiver *r, const struct wire_forward *f, size_t i) {
	uint16_t stream, ssn;
	uint32_t mid;
	bool unordered;
	if (r->interleaving) {
		wire_i_forward_stream(f, i, &stream, &unordered, &mid);
		return stream < r->streams ? reassembly_skip_interleaved(&r->in, stream, unordered, mid) : 0;
	}
	wire_forward_stream(f, i, &stream, &ssn);
	return stream < r->streams ? reassembly_skip(&r->in, stream, ssn) : 0;
}

static void forward(struct receiver *r, const struct wire_forward *f) {
	uint64_t cum = serial_unwrap(f->cum_tsn, r->map.cum);
	/* RFC 3758, 3.6: a SACK also for one that is old, "since such a duplicate may indicate the previous SACK was lost in
	 * the network". */
	receiver_sack_now(r);
	if (cum <= r->map.cum)
		return;
	/* Honest peers skip what they sent; a jump beyond what could be outstanding is not that. */
	if (cum - r->map.cum > TSNMAP_MAX) {
		r->stats.chunks_discarded++;
		return;
	}
	reassembly_forward_tsn(&r->in, cum);
	for (size_t i = 0; i < f->count; i++) {
		if (skip(r, f, i)) {
			/* The map has not moved, so the peer will say it again. */
			r->stats.memory_drops++;
			return;
		}
	}
	tsnmap_forward(&r->map, cum);
}

unsigned receiver_forward_tsn(struct receiver *r, const struct wire_chunk *c) {
	struct wire_forward f;
	bool interleaved = c->type == WIRE_I_FORWARD_TSN;
	if (interleaved != r->interleaving)
		return abort_mixed(r, c->type);
	if (!r->forward_tsn || (interleaved ? wire_i_forward_read(c, &f) : wire_forward_read(c, &f)))
		r->stats.chunks_discarded++;
	else
		forward(r, &f);
	return 0;
}

/* ---- SACK ---- */

#define SACK_FIXED 16
#define SACK_GAPS_MAX 512 /* more than fit a SACK of 2 KB */

/* As many blocks as fit the packet, lowest first: RFC 9260, 3.3.4. Duplicates take what is left. */
void receiver_write_sack(struct receiver *r, struct writer *w) {
	uint8_t gaps[4 * SACK_GAPS_MAX], duplicates[4 * RECEIVER_DUPLICATES_MAX];
	size_t room = writer_room(w);
	if (room < SACK_FIXED)
		return;
	size_t max_gaps = min64((room - SACK_FIXED) / 4, SACK_GAPS_MAX);
	struct wire_sack s = {.cum_tsn = (uint32_t)r->map.cum, .a_rwnd = promise(r), .gaps = gaps, .duplicates = duplicates};
	if (tsnmap_has_gap(&r->map))
		s.gap_count = gather_gaps(r, gaps, max_gaps);
	size_t max_duplicates = (room - SACK_FIXED) / 4 - s.gap_count;
	while (s.duplicate_count < r->duplicate_count && s.duplicate_count < max_duplicates) {
		put_be32(duplicates + 4 * s.duplicate_count, r->duplicates[s.duplicate_count]);
		s.duplicate_count++;
	}
	wire_sack_write(w, &s);
	r->duplicate_count = 0;
	r->stats.sacks_sent++;
	sack_written(r);
}

bool receiver_write_early_sack(struct receiver *r, struct writer *w) {
	const struct early_sack *e = &r->acks.early[r->acks.early_sent];
	struct wire_sack s = {.cum_tsn = e->cum_tsn, .a_rwnd = e->a_rwnd, .gaps = e->gaps, .gap_count = e->gap_count};
	if (writer_room(w) < SACK_FIXED + 4u * e->gap_count)
		return false;
	wire_sack_write(w, &s);
	r->acks.early_sent++;
	r->stats.sacks_sent++;
	return true;
}

/* ---- streams ---- */

bool receiver_reset_stream(struct receiver *r, uint16_t stream) {
	return !delivery_resets_wait(&r->in.to) && reassembly_reset_stream(&r->in, stream) == 0;
}

bool receiver_reset_all(struct receiver *r) {
	if (delivery_resets_wait(&r->in.to))
		return false;
	reassembly_reset_all(&r->in);
	event_push(r->events, &r->reset_all);
	return true;
}

/* RFC 6525, 5.2.4, G1: the peer's next TSN "SHOULD be the smallest TSN not acknowledged by the receiver of the request plus
 * 2^31". G4: what is missing below is not waited for. */
void receiver_renumber(struct receiver *r) {
	reassembly_renumber(&r->in);
	tsnmap_forward(&r->map, r->map.cum + (UINT64_C(1) << 31));
	r->duplicate_count = 0;
	r->acks.early_sent = r->acks.early_count;
	r->sack_at = SLUICE_NEVER;
}

int receiver_set_partial(struct receiver *r, uint16_t stream, uint32_t bytes) {
	return reassembly_set_partial(&r->in, stream, bytes);
}

/* ---- events ---- */

sluice_message *receiver_take_event(struct receiver *r, struct event_node *n) {
	if (n->type == SLUICE_SCTP_MESSAGE || n->type == SLUICE_SCTP_MESSAGE_PART)
		return &rx_message_of_event(n)->public;
	/* The event of one stream is all that there is left of the stream. */
	if (n->type == SLUICE_SCTP_RESET_IN && n != &r->reset_all)
		delivery_reset_told(&r->in.to, n);
	return NULL;
}

/* ---- a life ---- */

int receiver_init(struct receiver *r, sluice_env *env, const sluice_sctp_config *config, struct event_queue *events,
                  void (*opened)(void *owner), void *owner) {
	*r = (struct receiver){
		.env = env,
		.packet = config->mtu,
		.sack_at = SLUICE_NEVER,
		.sack_delay = config->sack_delay,
		.sack_rule = config->sack_policy,
		.window = message_window_new(env),
		.events = events,
		.reset_all = {.type = SLUICE_SCTP_RESET_IN, .stream = SLUICE_SCTP_ALL_STREAMS},
		.opened = opened,
		.owner = owner,
	};
	if (!r->window)
		return SLUICE_NO_MEMORY;
	r->window->opened = window_opened;
	r->window->owner = r;
	rwnd_init(&r->rwnd, env, config->receive_window, config->receive_window_max);
	reassembly_init(&r->in, env, r->window, events, config->max_message_size, config->partial_delivery);
	tsnmap_init(&r->map, env, SERIAL_ORIGIN);
	sack_reset(&r->acks, r->sack_rule, false);
	return 0;
}

void receiver_start(struct receiver *r, const struct receiver_terms *terms) {
	tsnmap_free(&r->map);
	tsnmap_init(&r->map, r->env, terms->cum);
	rwnd_reset(&r->rwnd);
	sack_reset(&r->acks, r->sack_rule, terms->believed);
	r->streams = terms->streams;
	r->duplicate_count = 0;
	/* A SACK that is due stays due: the window has grown since our INIT was sent. */
	r->advertised = r->advertised_most = receiver_a_rwnd(r);
	r->open = true;
}

void receiver_restart(struct receiver *r, int error) {
	r->open = false;
	r->sack_due = false;
	r->sack_at = SLUICE_NEVER;
	reassembly_restart(&r->in, error);
}

void receiver_end(struct receiver *r, int error) {
	receiver_restart(r, error);
	sack_free(&r->acks, r->env);
	rwnd_reset(&r->rwnd); /* others may have its share of the budget, also while the app keeps the association */
}

void receiver_free(struct receiver *r) {
	r->window->opened = NULL;
	reassembly_free(&r->in);
	tsnmap_free(&r->map);
	rwnd_reset(&r->rwnd);
	sack_free(&r->acks, r->env);
	message_window_unref(r->window);
}

void receiver_rest(struct receiver *r) {
	reassembly_rest(&r->in);
	tsnmap_rest(&r->map);
	if (!sack_early_waits(&r->acks))
		sack_free(&r->acks, r->env);
}

void receiver_stats_add(const struct receiver *r, sluice_sctp_stats *stats) {
	stats->data_chunks_received += r->stats.data_chunks_received;
	stats->duplicate_tsns_received += r->stats.duplicate_tsns_received;
	stats->window_drops += r->stats.window_drops;
	stats->memory_drops += r->stats.memory_drops;
	stats->chunks_discarded += r->stats.chunks_discarded;
	stats->sacks_sent += r->stats.sacks_sent;
	stats->messages_received = r->in.to.messages;
	stats->payload_received = r->in.to.payload;
	stats->local_window = (uint32_t)receiver_a_rwnd(r);
	stats->held = r->window->held;
	stats->inbound_streams = r->streams;
}

bool receiver_check(const struct receiver *r) {
	return tsnmap_check(&r->map) && reassembly_check(&r->in) && r->duplicate_count <= RECEIVER_DUPLICATES_MAX;
}

void receiver_walk(struct receiver *r, struct walk *w) {
	/* Early SACKs stay behind: one speaks for them all. */
	bool due = r->sack_due || receiver_early_sack_waits(r);
	WALK(w, due);
	if (w->reading)
		r->sack_due = due;
	WALK(w, r->sack_at), WALK(w, r->shut_since), WALK(w, r->advertised), WALK(w, r->advertised_most);
	WALK(w, r->streams), WALK(w, r->duplicate_count);
	walk_bytes(w, r->duplicates, sizeof r->duplicates);
	walk_bytes(w, &r->stats, sizeof r->stats); /* counters and nothing else */
	walk_refuse(w, r->duplicate_count > RECEIVER_DUPLICATES_MAX);
	sack_walk(&r->acks, w);
	rwnd_walk(&r->rwnd, w);
	tsnmap_walk(&r->map, w);
	reassembly_walk(&r->in, r->map.cum, r->map.highest, w);
	if (w->reading)
		r->open = true;
}

bool receiver_has_event(uint8_t type) {
	return type == SLUICE_SCTP_MESSAGE || type == SLUICE_SCTP_MESSAGE_PART || type == SLUICE_SCTP_RESET_IN;
}

static void message_walk(struct receiver *r, struct event_node *n, struct walk *w) {
	struct rx_message *m = rx_message_walk(n ? rx_message_of_event(n) : NULL, r->window, w);
	if (!w->reading || !m)
		return;
	rx_message_delivered(m);
	event_push(r->events, &m->event);
}

static void reset_walk(struct receiver *r, const struct event_node *n, struct walk *w) {
	uint16_t stream = n ? n->stream : 0;
	WALK(w, stream);
	if (!w->reading || w->failed)
		return;
	if (stream != SLUICE_SCTP_ALL_STREAMS)
		walk_result(w, delivery_reset_unused(&r->in.to, stream));
	else
		event_push(r->events, &r->reset_all);
}

void receiver_walk_event(struct receiver *r, uint8_t type, struct event_node *n, struct walk *w) {
	if (type == SLUICE_SCTP_RESET_IN)
		reset_walk(r, n, w);
	else
		message_walk(r, n, w);
}
