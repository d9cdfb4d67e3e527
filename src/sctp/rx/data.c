/* data: DATA and FORWARD-TSN in, or I-DATA and I-FORWARD-TSN, SACK out, and the window that we promise. RFC 9260, 6.2; RFC 3758,
 * 3.6; RFC 8260, 2. */
#include "sctp/association.h"

#include "base/arith.h"
#include "base/serial.h"

#include <string.h>

/* ---- the window ---- */

uint64_t data_a_rwnd(const sluice_sctp *a) {
	return rwnd_free(&a->rwnd, a->window->payload, a->window->held, a->window->with_app);
}

/* What a SACK promises. Silly window (RFC 9260, 6.2; RFC 1122, 4.2.3.3): the edge moves on by a packet at least, or by an eighth
 * of a small window, so that a sender who fills what he is offered does not cut his messages ever smaller. */
static uint32_t promise(sluice_sctp *a) {
	uint64_t now_free = data_a_rwnd(a), most = rwnd_free(&a->rwnd, 0, 0, a->window->with_app);
	if (now_free < a->advertised || now_free >= a->advertised + min64(most / 8, a->tx.cut_mtu))
		a->advertised = now_free;
	a->advertised_most = most;
	return (uint32_t)min64(a->advertised, UINT32_MAX);
}

/* A release made room, and the sender that waits for it must hear of it (RFC 9260, 6.2); a quarter of the window at a time, so
 * that a slow reader does not cause a SACK for each message (silly window). */
void data_window_opened(void *association) {
	sluice_sctp *a = association;
	if (a->advertised >= a->advertised_most / 2 || a->state == SLUICE_SCTP_CLOSED)
		return;
	uint64_t most = rwnd_free(&a->rwnd, 0, 0, a->window->with_app), step = max64(most / 4, min64(most / 2, a->tx.cut_mtu));
	if (data_a_rwnd(a) < a->advertised + step)
		return;
	a->pending |= PENDING_SACK;
	association_touch(a);
}

/* rwnd.h has the rules. RFC 9260, 6.2: "When the receiver's advertised rwnd is 0, the receiver MUST drop any new incoming DATA
 * chunk with a TSN larger than the largest TSN received so far"; one that fills a hole lets data go and must get in, or
 * everything behind it stays. This is the bound on what a peer can make us hold. */
static bool window_takes(const sluice_sctp *a, uint64_t tsn, uint32_t len) {
	struct window *w = a->window;
	bool hole = tsn < a->map.highest;
	if (!hole && w->payload >= a->rwnd.size)
		return false;
	w->limit = rwnd_memory(&a->rwnd, tsn == a->map.cum + 1 ? RWND_NEXT : hole ? RWND_HOLE : RWND_NEW);
	return w->held + len <= w->limit;
}

/* All that came before it is here and is no message yet, the app has nothing to release, and there is no room. The peer can make
 * some by giving messages up (FORWARD-TSN); when it has not for so long, neither side would ever move again. */
#define SHUT_PATIENCE (30 * SLUICE_S)

static void window_refuses(sluice_sctp *a, struct packet *p, uint64_t tsn) {
	a->stats.window_drops++;
	if (a->window->with_app > 0)
		a->shut_since = 0;
	else if (a->shut_since == 0 && tsn == a->map.cum + 1)
		a->shut_since = a->now;
	if (a->shut_since == 0 || a->now - a->shut_since < SHUT_PATIENCE)
		return;
	association_fail(a, SLUICE_LIMIT, WIRE_CAUSE_OUT_OF_RESOURCE, false, "unfinished messages fill the window of %llu bytes",
	                 (unsigned long long)a->rwnd.size);
	p->stop = true;
}

/* ---- DATA ---- */

static void sack_at_once(sluice_sctp *a) {
	a->pending |= PENDING_SACK;
}

static void duplicate(sluice_sctp *a, uint32_t tsn) {
	/* RFC 9260, 6.2: "When a packet arrives with duplicate DATA chunk(s) and with no new DATA chunk(s), the endpoint MUST
	 * immediately send a SACK chunk with no delay." Our last one was lost, or the peer was too early: either way it waits. */
	a->stats.duplicate_tsns_received++;
	if (a->duplicate_count < DUPLICATES_MAX)
		a->duplicates[a->duplicate_count++] = tsn;
	sack_at_once(a);
}

static void reply_invalid_stream(sluice_sctp *a, uint16_t stream) {
	uint8_t info[4] = {0};
	put_be16(info, stream);
	association_reply_cause(a, a->peer_tag, WIRE_ERROR, WIRE_CAUSE_INVALID_STREAM, info, sizeof info);
}

/* RFC 9260, 6.2: a DATA chunk with no user data SHOULD be answered with an ABORT and the cause "No User Data"; 3.3.10.9: the
 * cause names the TSN. */
static void abort_no_user_data(sluice_sctp *a, uint32_t tsn) {
	uint8_t info[4];
	put_be32(info, tsn);
	association_reply_cause(a, a->peer_tag, WIRE_ABORT, WIRE_CAUSE_NO_USER_DATA, info, sizeof info);
	association_end(a, SLUICE_PROTOCOL, "a DATA chunk without data");
}

/* RFC 8260, 2.2.3: where I-DATA was negotiated, a DATA chunk is a violation of its rules, and where it was not, an I-DATA chunk
 * is; the receiver "MUST abort the association", and may say "Protocol Violation". FORWARD-TSN and I-FORWARD-TSN go with them
 * (2.3.1). */
static bool mixed(sluice_sctp *a, struct packet *p, uint8_t type, bool interleaved) {
	if (interleaved == a->interleaving)
		return false;
	association_fail(a, SLUICE_PROTOCOL, WIRE_CAUSE_PROTOCOL_VIOLATION, true, "%s where %s was negotiated",
	                 wire_chunk_name(type), a->interleaving ? "I-DATA" : "DATA");
	p->stop = true;
	return true;
}

/* Reassembly did not take the chunk: that is the peer's fault and the end, or it must come again. */
static void not_taken(sluice_sctp *a, struct packet *p, uint64_t tsn, int error) {
	const uint16_t cause = WIRE_CAUSE_PROTOCOL_VIOLATION;
	if (error == SLUICE_NO_SPACE)
		window_refuses(a, p, tsn);
	else if (error == SLUICE_TOO_LARGE)
		association_fail(a, SLUICE_PROTOCOL, cause, true, "a message larger than %u bytes",
		                 (unsigned)a->config.max_message_size);
	else if (error == SLUICE_PROTOCOL)
		association_fail(a, SLUICE_PROTOCOL, cause, true, "a message that does not go on");
	else if (error == SLUICE_LIMIT && (a->interleaving || tsn == a->map.cum + 1))
		/* Everything before it is here and is still no message; nothing that may come could end that. */
		association_fail(a, SLUICE_PROTOCOL, cause, true, "a message of more than %u fragments", FRAGMENTS_MAX - 1);
	else
		a->stats.memory_drops++;
	p->stop = a->state == SLUICE_SCTP_CLOSED;
}

static int add(sluice_sctp *a, const struct packet *p, const struct wire_data *d, uint64_t tsn) {
	if (a->interleaving)
		return reassembly_add_interleaved(&a->in, d, p->slab);
	a->in.lowest = a->map.cum + 1;
	return reassembly_add(&a->in, d, tsn, p->slab);
}

/* Stores a new chunk; false when it must not be acknowledged. */
static bool take_new(sluice_sctp *a, struct packet *p, const struct wire_data *d, uint64_t tsn) {
	if (d->stream >= a->inbound) {
		/* RFC 9260, 6.5: the chunk is acknowledged as any other, reported with an ERROR of cause "Invalid Stream
		 * Identifier", and discarded. */
		a->stats.chunks_discarded++;
		reply_invalid_stream(a, d->stream);
		return true;
	}
	if (!window_takes(a, tsn, d->len)) {
		window_refuses(a, p, tsn);
		return false;
	}
	int error = add(a, p, d, tsn);
	if (error) {
		not_taken(a, p, tsn, error);
		return false;
	}
	a->batch_payload += d->len;
	a->advertised -= min64(d->len, a->advertised);
	a->shut_since = 0;
	return true;
}

void data_chunk(sluice_sctp *a, struct packet *p, const struct wire_chunk *c) {
	struct wire_data d;
	bool interleaved = c->type == WIRE_I_DATA;
	if (interleaved ? wire_i_data_read(c, &d) : wire_data_read(c, &d)) {
		a->stats.chunks_discarded++;
		return;
	}
	if (mixed(a, p, c->type, interleaved))
		return;
	a->stats.data_chunks_received++;
	if (d.len == 0) {
		abort_no_user_data(a, d.tsn);
		p->stop = true;
		return;
	}
	p->had_data = true;
	uint64_t tsn = serial_unwrap(d.tsn, a->map.cum);
	switch (tsnmap_test(&a->map, tsn)) {
	case TSNMAP_DUPLICATE:
		duplicate(a, d.tsn);
		return;
	case TSNMAP_BEYOND:
		a->stats.window_drops++;
		sack_at_once(a);
		return;
	case TSNMAP_NEW:
		break;
	}
	/* A hole that is filled is news too: the sender may stop repairing. RFC 9260, 6.7. */
	bool had_gap = tsnmap_has_gap(&a->map);
	if (!take_new(a, p, &d, tsn)) {
		sack_at_once(a);
		return;
	}
	tsnmap_add(&a->map, tsn);
	/* RFC 9260, 6.2, of the I bit: "the receiver SHOULD NOT delay the sending of the corresponding SACK chunk". */
	if (had_gap || tsnmap_has_gap(&a->map) || (d.flags & WIRE_DATA_I))
		sack_at_once(a);
}

/* The window grows with the path. Who only receives has no round trip of its own and asks for one: once, when there is enough
 * data to make it worth while. */
static void window_follow(sluice_sctp *a) {
	uint64_t rtt = rto_least_known(&a->tx.rto);
	if (rtt == 0 && !a->rtt_asked && a->rwnd.size < a->rwnd.max && a->in.to.payload > a->rwnd.initial / 16 &&
	    a->state == SLUICE_SCTP_ESTABLISHED && !timer_running(a, TIMER_HEARTBEAT_ACK)) {
		a->rtt_asked = true;
		a->pending |= PENDING_HEARTBEAT;
	}
	if (rwnd_received(&a->rwnd, a->batch_payload, a->window->charged, a->window->consumed, rtt, a->now))
		sack_at_once(a);
	a->batch_payload = a->window->charged = a->window->consumed = 0;
}

static uint16_t gather_gaps(const sluice_sctp *a, uint8_t *out, size_t max) {
	uint64_t start = a->map.cum + 1, end;
	uint16_t count = 0;
	while (count < max && tsnmap_block(&a->map, &start, &end)) {
		put_be16(out + 4 * count, (uint16_t)(start - a->map.cum));
		put_be16(out + 4 * count + 2, (uint16_t)(end - a->map.cum));
		count++;
		start = end + 1;
	}
	return count;
}

/* The state of now, to go out before what follows is said. A SACK that names but some of the blocks would take back the others,
 * so where there are many the last one speaks for all. */
static bool early_take(sluice_sctp *a) {
	uint8_t gaps[4 * (SACK_EARLY_GAPS + 1)];
	size_t count = tsnmap_has_gap(&a->map) ? gather_gaps(a, gaps, SACK_EARLY_GAPS + 1) : 0;
	struct early_sack *e = count <= SACK_EARLY_GAPS ? sack_early(&a->acks, a->env) : NULL;
	if (!e)
		return false;
	*e = (struct early_sack){.cum_tsn = (uint32_t)a->map.cum, .a_rwnd = promise(a), .gap_count = (uint16_t)count};
	memcpy(e->gaps, gaps, 4 * count);
	return true;
}

void data_packet_end(sluice_sctp *a) {
	if ((a->acks.unacked < 2 && !(a->pending & PENDING_SACK)) || a->duplicate_count > 0 || a->state == SLUICE_SCTP_CLOSED ||
	    !early_take(a))
		return;
	a->acks.unacked = 0;
	a->pending &= ~(uint32_t)PENDING_SACK;
	timer_stop(a, TIMER_SACK);
}

void data_batch_end(sluice_sctp *a, uint32_t packets_with_data) {
	if (a->state == SLUICE_SCTP_CLOSED)
		return;
	struct sack_policy *s = &a->acks;
	window_follow(a);
	/* Parts are given to the app before they have their size when the window is half full: it may be full of them. */
	if (a->window->held > a->rwnd.size / 2 && data_a_rwnd(a) < a->rwnd.size / 2)
		reassembly_relieve(&a->in);
	if (a->state == SLUICE_SCTP_SHUTDOWN_SENT) {
		shutdown_heard_data(a);
		return;
	}
	/* RFC 9260, 6.2: "an acknowledgement SHOULD be generated for at least every second packet (not every second DATA chunk)
	 * received and SHOULD be generated within 200 ms of the arrival of any unacknowledged DATA chunk". To a peer that makes
	 * use of it one SACK says all of a batch: its packets came together. */
	if (s->unacked >= 2)
		sack_at_once(a);
	else if (!timer_running(a, TIMER_SACK))
		timer_start(a, TIMER_SACK, sack_delay(a->config.sack_delay, a->tx.rto.srtt));
	sack_learn(s, packets_with_data, a->now);
}

/* ---- FORWARD-TSN ---- */

static int skip(sluice_sctp *a, const struct wire_forward *f, size_t i) {
	uint16_t stream, ssn;
	uint32_t mid;
	bool unordered;
	if (a->interleaving) {
		wire_i_forward_stream(f, i, &stream, &unordered, &mid);
		return stream < a->inbound ? reassembly_skip_interleaved(&a->in, stream, unordered, mid) : 0;
	}
	wire_forward_stream(f, i, &stream, &ssn);
	return stream < a->inbound ? reassembly_skip(&a->in, stream, ssn) : 0;
}

void data_forward_tsn(sluice_sctp *a, struct packet *p, const struct wire_chunk *c) {
	struct wire_forward f;
	bool interleaved = c->type == WIRE_I_FORWARD_TSN;
	if (mixed(a, p, c->type, interleaved))
		return;
	if (!a->peer_forward_tsn || (interleaved ? wire_i_forward_read(c, &f) : wire_forward_read(c, &f))) {
		a->stats.chunks_discarded++;
		return;
	}
	uint64_t cum = serial_unwrap(f.cum_tsn, a->map.cum);
	/* RFC 3758, 3.6: a SACK also for one that is old, "since such a duplicate may indicate the previous SACK was lost in
	 * the network". */
	sack_at_once(a);
	if (cum <= a->map.cum)
		return;
	/* Honest peers skip what they sent; a jump beyond what could be outstanding is not that. */
	if (cum - a->map.cum > TSNMAP_MAX) {
		a->stats.chunks_discarded++;
		return;
	}
	reassembly_forward_tsn(&a->in, cum);
	for (size_t i = 0; i < f.count; i++) {
		if (skip(a, &f, i)) {
			/* The map has not moved, so the peer will say it again. */
			a->stats.memory_drops++;
			return;
		}
	}
	tsnmap_forward(&a->map, cum);
}

/* ---- SACK ---- */

#define SACK_FIXED 16

/* As many blocks as fit the packet, lowest first: RFC 9260, 3.3.4. Duplicates take what is left. */
void data_write_sack(sluice_sctp *a, struct writer *w) {
	uint8_t gaps[4 * GAPS_KEPT], duplicates[4 * DUPLICATES_MAX];
	size_t room = writer_room(w);
	if (reconfig_holds_sack(a)) {
		a->pending &= ~(uint32_t)PENDING_SACK;
		return;
	}
	if (room < SACK_FIXED)
		return;
	size_t max_gaps = (room - SACK_FIXED) / 4 < GAPS_KEPT ? (room - SACK_FIXED) / 4 : GAPS_KEPT;
	struct wire_sack s = {.cum_tsn = (uint32_t)a->map.cum, .a_rwnd = promise(a), .gaps = gaps, .duplicates = duplicates};
	if (tsnmap_has_gap(&a->map))
		s.gap_count = gather_gaps(a, gaps, max_gaps);
	size_t max_duplicates = (room - SACK_FIXED) / 4 - s.gap_count;
	while (s.duplicate_count < a->duplicate_count && s.duplicate_count < max_duplicates) {
		put_be32(duplicates + 4 * s.duplicate_count, a->duplicates[s.duplicate_count]);
		s.duplicate_count++;
	}
	wire_sack_write(w, &s);
	a->duplicate_count = 0;
	a->acks.unacked = 0;
	a->pending &= ~(uint32_t)PENDING_SACK;
	a->stats.sacks_sent++;
	timer_stop(a, TIMER_SACK);
}

bool data_write_early_sack(sluice_sctp *a, struct writer *w) {
	const struct early_sack *e = &a->acks.early[a->acks.early_sent];
	struct wire_sack s = {.cum_tsn = e->cum_tsn, .a_rwnd = e->a_rwnd, .gaps = e->gaps, .gap_count = e->gap_count};
	if (writer_room(w) < SACK_FIXED + 4u * e->gap_count)
		return false;
	wire_sack_write(w, &s);
	a->acks.early_sent++;
	a->stats.sacks_sent++;
	return true;
}
