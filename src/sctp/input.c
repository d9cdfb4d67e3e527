/* input: packets in: which are ours, which chunk may come in which state, and the chunks that are one thought each. */
#include "base/crc32c.h"
#include "base/serial.h"
#include "base/text.h"
#include "sctp/association.h"
#include "sctp/chunks.h"

#include <stdio.h>
#include <string.h>

/* ---- what the receiver and the sender take ---- */

/* What the receiver has to say to the peer. */
static void send_report(sluice_sctp *a, struct packet *p) {
	const struct receiver_report *r = receiver_last_report(&a->rx);
	replies_add_cause(a, a->peer_tag, r->abort ? WIRE_ABORT : WIRE_ERROR, r->cause, r->info, r->info_len);
	if (!r->abort)
		return;
	end_association(a, r->error, "%s", r->text);
	p->stop = true;
}

static inline void data_chunk(sluice_sctp *a, struct packet *p, const struct wire_chunk *c) {
	unsigned result = receiver_data(&a->rx, c, p->slab);
	p->received |= result;
	if (__builtin_expect(result & RECEIVER_REPORT, 0))
		send_report(a, p);
}

static void data_entry(sluice_sctp *a, struct packet *p, const struct wire_chunk *c) {
	data_chunk(a, p, c);
}

static void forward_tsn_chunk(sluice_sctp *a, struct packet *p, const struct wire_chunk *c) {
	if (receiver_forward_tsn(&a->rx, c) & RECEIVER_REPORT)
		send_report(a, p);
}

/* The packets of a batch were taken, `packets` of them with DATA. */
static void data_batch_end(sluice_sctp *a, uint32_t packets) {
	struct receiver_view v = {.least_rtt = rto_least_known(&a->tx.rto),
	                          .srtt = a->tx.rto.srtt,
	                          .at_once = a->state == SLUICE_SCTP_SHUTDOWN_SENT};
	bool blind = receiver_batch_end(&a->rx, packets, &v);
	if (blind && !a->rtt_asked && a->state == SLUICE_SCTP_ESTABLISHED && !timer_running(a, TIMER_HEARTBEAT_ACK)) {
		a->rtt_asked = true;
		a->pending |= PENDING_HEARTBEAT;
	}
	if (v.at_once)
		shutdown_heard_data(a);
}

/* ---- small chunks ---- */

static void abort_chunk(sluice_sctp *a, struct packet *p, const struct wire_chunk *c) {
	p->stop = true;
	/* With the T bit it comes from a side that has no association (any more; RFC 9260, 8.4). In SHUTDOWN-ACK-SENT that is the
	 * side whose SHUTDOWN-COMPLETE was lost: nothing is outstanding, and the end is the one that was agreed on. */
	if (a->state == SLUICE_SCTP_SHUTDOWN_ACK_SENT && c->flags & WIRE_FLAG_T) {
		end_association(a, 0, "shut down");
		return;
	}
	struct reader r = reader_of(c->value, c->len);
	struct wire_param cause = {0};
	char reason[64] = "";
	bool given = wire_param_next(&r, &cause) == 1, by_app = given && cause.type == WIRE_CAUSE_USER_ABORT;
	const char *name = given ? wire_cause_name(cause.type) : "no cause given";
	if (by_app || (given && cause.type == WIRE_CAUSE_PROTOCOL_VIOLATION))
		text_line((const char *)cause.value, cause.len, reason, sizeof reason);
	if (by_app) /* so a browser closes a connection, also one that nothing is wrong with */
		end_association(a, SLUICE_CLOSED, "closed by the peer%s%s", *reason ? ": " : "", reason);
	else
		end_association(a, SLUICE_ABORTED, "aborted by the peer (%s%s%s)", name, *reason ? ": " : "", reason);
}

static void error_chunk(sluice_sctp *a, struct packet *p, const struct wire_chunk *c) {
	(void)p;
	struct reader r = reader_of(c->value, c->len);
	struct wire_param cause;
	while (a->state != SLUICE_SCTP_CLOSED && wire_param_next(&r, &cause) == 1) {
		env_log(a->env, SLUICE_LOG_WARN, "sctp: the peer reports %s", wire_cause_name(cause.type));
		if (cause.type == WIRE_CAUSE_STALE_COOKIE && cause.len == 4)
			handshake_stale_cookie(a, get_be32(cause.value));
	}
}

static void sack_chunk(sluice_sctp *a, struct packet *p, const struct wire_chunk *c) {
	(void)p;
	unsigned news = sender_sack(&a->tx, c);
	if (news & SENDER_PEER_ALIVE)
		a->error_count = 0;
	if (news & SENDER_DISCARDED)
		a->stats.chunks_discarded++;
}

static void heartbeat_entry(sluice_sctp *a, struct packet *p, const struct wire_chunk *c) {
	(void)p;
	heartbeat_chunk(a, c);
}

static void heartbeat_ack_entry(sluice_sctp *a, struct packet *p, const struct wire_chunk *c) {
	(void)p;
	uint64_t nonce = heartbeat_ack_chunk(a, c);
	if (nonce)
		reconfig_heartbeat_answered(a, nonce);
}

static void shutdown_entry(sluice_sctp *a, struct packet *p, const struct wire_chunk *c) {
	(void)p;
	shutdown_chunk(a, c);
}

static void shutdown_ack_entry(sluice_sctp *a, struct packet *p, const struct wire_chunk *c) {
	(void)c;
	shutdown_ack_chunk(a, p);
}

static void shutdown_complete_entry(sluice_sctp *a, struct packet *p, const struct wire_chunk *c) {
	(void)c;
	shutdown_complete_chunk(a);
	p->stop = true;
}

static void reconfig_entry(sluice_sctp *a, struct packet *p, const struct wire_chunk *c) {
	(void)p;
	reconfig_chunk(a, c);
}

static void ignore_entry(sluice_sctp *a, struct packet *p, const struct wire_chunk *c) {
	(void)a;
	(void)p;
	(void)c;
}

/* ---- the doors ---- */

/* Where in a packet the chunk may stand. RFC 9260, 6.10: "An endpoint MUST NOT bundle INIT, INIT ACK, or SHUTDOWN COMPLETE chunks
 * with any other chunks." 5.1, C: a COOKIE ECHO is the first chunk of its packet. */
enum place { ANYWHERE, FIRST, ALONE }; /* ANYWHERE is 0 */

/* Which verification tag its packet must carry. RFC 9260, 8.5 and 8.5.1. */
enum tag_rule {
	OUR_TAG, /* 0 */
	/* "... if the Verification Tag field of the packet matches its own tag and the T bit is not set OR if it is set to its
	 * Peer's Tag and the T bit is set in the Chunk Flags." */
	OUR_TAG_OR_T,
	/* In COOKIE-WAIT and COOKIE-ECHOED the packet is out of the blue, whatever its tag: its sender still shuts down an older
	 * association. */
	OUR_TAG_WHEN_OPEN,
	NO_TAG,
	/* The one that the cookie names, which handshake_cookie_echo() compares. */
	COOKIES_TAG,
};

#define ALIVE                                                                                                                    \
	(IN(COOKIE_WAIT) | IN(COOKIE_ECHOED) | IN(ESTABLISHED) | IN(SHUTDOWN_PENDING) | IN(SHUTDOWN_SENT) |                      \
	 IN(SHUTDOWN_RECEIVED) | IN(SHUTDOWN_ACK_SENT))
#define OPEN (IN(ESTABLISHED) | IN(SHUTDOWN_PENDING) | IN(SHUTDOWN_SENT) | IN(SHUTDOWN_RECEIVED) | IN(SHUTDOWN_ACK_SENT))
/* RFC 9260, 9.2: who has sent a SHUTDOWN sends no more data. */
#define TAKES_DATA (IN(ESTABLISHED) | IN(SHUTDOWN_PENDING) | IN(SHUTDOWN_SENT))
#define ENDING (IN(SHUTDOWN_SENT) | IN(SHUTDOWN_ACK_SENT))

/* Place and tag are compared for all chunks of a packet before any of them is handled; one that does not fit discards the packet.
 * Outside the states a chunk is counted as discarded and skipped. */
#define DOOR(type, place, tag, states, handler, members) [WIRE_##type] = {place, tag, states, handler},
static const struct door {
	uint8_t place, tag;
	uint16_t states;
	void (*handle)(sluice_sctp *a, struct packet *p, const struct wire_chunk *c);
} doors[256] = {CHUNKS(DOOR)};
#undef DOOR

static bool tag_fits(const sluice_sctp *a, const struct packet *p, const struct wire_chunk *c, bool ours) {
	switch (doors[c->type].tag) {
	case OUR_TAG_OR_T:
		if (c->flags & WIRE_FLAG_T)
			return a->state != SLUICE_SCTP_CLOSED && a->peer_tag != 0 && p->header.tag == a->peer_tag;
		return ours;
	case OUR_TAG_WHEN_OPEN:
		return ours && !association_in(a, IN(COOKIE_WAIT) | IN(COOKIE_ECHOED));
	case NO_TAG:
		return p->header.tag == 0;
	case COOKIES_TAG:
		return true;
	default:
		return ours;
	}
}

static inline bool is_data(uint8_t type) {
	return type == WIRE_DATA || type == WIRE_I_DATA;
}

/* The chunks of nearly every packet: they may stand anywhere, under our tag. Nothing else of them is read here. */
static inline bool all_plain(uint8_t type, const struct reader *rest) {
	const uint8_t *at = rest->at;
	for (;;) {
		if (!is_data(type) && (doors[type].place | doors[type].tag))
			return false;
		size_t left = (size_t)(rest->end - at);
		if (left < 4)
			return true;
		type = at[0];
		size_t len = pad4(get_be16(at + 2));
		if (len < 4 || len >= left) /* the last one, or one that is malformed */
			return is_data(type) || !(doors[type].place | doors[type].tag);
		at += len;
	}
}

enum admission { ADMITTED, DISCARDED, OUT_OF_THE_BLUE };

/* rest: behind the first chunk. */
static enum admission admit(const sluice_sctp *a, const struct packet *p, const struct wire_chunk *first, struct reader rest) {
	/* What stands behind a COOKIE ECHO is for the association that the cookie makes, and is not looked at if the cookie is
	 * refused. */
	bool ours = (p->header.tag == a->local_tag && a->state != SLUICE_SCTP_CLOSED) || first->type == WIRE_COOKIE_ECHO;
	if (__builtin_expect(ours && all_plain(first->type, &rest), 1))
		return ADMITTED;
	enum admission result = ADMITTED;
	struct wire_chunk c = *first;
	do {
		const struct door *d = &doors[c.type];
		if (d->place == ALONE ? !p->only_chunk : d->place == FIRST && c.value != first->value)
			return DISCARDED;
		if (!tag_fits(a, p, &c, ours))
			result = OUT_OF_THE_BLUE;
	} while (wire_chunk_next(&rest, &c) == 1);
	return result;
}

/* RFC 9260, 3.2: the two highest bits say what becomes of a chunk that nobody knows. */
static void unknown_chunk(sluice_sctp *a, struct packet *p, const struct wire_chunk *c) {
	a->stats.chunks_discarded++;
	if (wire_unknown_stops(c->type))
		p->stop = true;
	if (!wire_unknown_reports(c->type) || a->peer_tag == 0 || a->state == SLUICE_SCTP_CLOSED)
		return;
	/* The cause holds the chunk with its header; what does not fit is cut, for the report must not become a way to make us
	 * send large packets. */
	replies_add_cause(a, a->peer_tag, WIRE_ERROR, WIRE_CAUSE_UNRECOGNIZED_CHUNK, c->value - 4, 4u + c->len);
}

static void dispatch_chunk(sluice_sctp *a, struct packet *p, const struct wire_chunk *c) {
	const struct door *d = &doors[c->type];
	if (is_data(c->type) && association_in(a, TAKES_DATA)) /* nearly all there is */
		data_chunk(a, p, c);
	else if (!d->handle)
		unknown_chunk(a, p, c);
	else if (association_in(a, d->states))
		d->handle(a, p, c);
	else
		a->stats.chunks_discarded++;
}

/* ---- out of the blue: RFC 9260, 8.4 ---- */

static bool reports_stale_cookie(const struct wire_chunk *c) {
	struct reader r = reader_of(c->value, c->len);
	struct wire_param cause;
	if (c->type != WIRE_ERROR)
		return false;
	while (wire_param_next(&r, &cause) == 1)
		if (cause.type == WIRE_CAUSE_STALE_COOKIE)
			return true;
	return false;
}

/* Points 2 and 5 to 8, which ask what the packet contains, wherever in it: an ABORT is never answered; then a SHUTDOWN ACK is,
 * with SHUTDOWN COMPLETE; then SHUTDOWN COMPLETE, COOKIE ACK and a stale cookie are not; all else is answered with an ABORT.
 * Returns that chunk's type, or -1. */
static int answer_to_stranger(struct reader chunks) {
	bool shutdown_ack = false, silent = false;
	struct wire_chunk c;
	while (wire_chunk_next(&chunks, &c) == 1) {
		if (c.type == WIRE_ABORT)
			return -1;
		shutdown_ack |= c.type == WIRE_SHUTDOWN_ACK;
		silent |= c.type == WIRE_SHUTDOWN_COMPLETE || c.type == WIRE_COOKIE_ACK || reports_stale_cookie(&c);
	}
	return shutdown_ack ? WIRE_SHUTDOWN_COMPLETE : silent ? -1 : WIRE_ABORT;
}

/* A packet with a tag that is not ours, or for an association that is not there. */
static void out_of_the_blue(sluice_sctp *a, const struct packet *p, struct reader chunks) {
	/* 8.5.1, A: what has the tag 0 and is no INIT alone is discarded silently. */
	if (p->header.tag == 0)
		return;
	/* The peer has our INIT from elsewhere and is ahead of us, who have not got its: it will repeat itself. */
	if (a->described && p->header.tag == a->local_tag)
		return;
	int type = answer_to_stranger(chunks);
	/* 8.5: a packet under a wrong tag is discarded silently where an association stands. Where one is being opened, the
	 * exception is the SHUTDOWN ACK. */
	bool answered = type == WIRE_SHUTDOWN_COMPLETE ? association_in(a, IN(CLOSED) | IN(COOKIE_WAIT) | IN(COOKIE_ECHOED))
	                                               : type == WIRE_ABORT && a->state == SLUICE_SCTP_CLOSED;
	if (answered)
		replies_add_reflected(a, p->header.tag, (uint8_t)type);
}

/* ---- is the packet ours? ---- */

/* RFC 9653, 5.3: a zero checksum is taken when we offered that, but packets with an INIT or COOKIE ECHO chunk always carry the
 * CRC32c. It is looked at first: not computing the CRC is what this is for. */
static bool checksum_fits(const sluice_sctp *a, const struct packet *p, uint8_t first) {
	if (p->header.checksum == 0 && a->config.checksum == SLUICE_CHECKSUM_DTLS && first != WIRE_INIT &&
	    first != WIRE_COOKIE_ECHO)
		return true;
	return crc32c_packet(p->data, p->len) == p->header.checksum;
}

/* The header, the checksum, the ports and the doors. Gives the first chunk, and leaves `rest` behind it. */
static bool packet_open(sluice_sctp *a, const sluice_datagram *d, struct packet *p, struct wire_chunk *first,
                        struct reader *rest) {
	*rest = reader_of(d->data, d->len);
	*p = (struct packet){.data = d->data, .len = d->len, .slab = d->slab};
	if (wire_packet_read(rest, &p->header))
		return false;
	struct reader chunks = *rest;
	if (wire_chunk_next(rest, first) != 1)
		return false;
	p->only_chunk = reader_left(rest) == 0;
	if (!checksum_fits(a, p, first->type))
		return false;
	if (p->header.dst_port != a->config.local_port || p->header.src_port != a->config.remote_port)
		return false;
	enum admission admission = admit(a, p, first, *rest);
	if (admission == OUT_OF_THE_BLUE)
		out_of_the_blue(a, p, chunks);
	return admission == ADMITTED;
}

/* ---- the verb ---- */

static bool input_packet(sluice_sctp *a, const sluice_datagram *d) {
	struct packet p;
	struct wire_chunk c;
	struct reader rest;
	a->stats.packets_received++;
	a->stats.bytes_received += d->len;
	trace_packet(a->trace, false, d->data, d->len);
	if (!packet_open(a, d, &p, &c, &rest)) {
		a->stats.packets_discarded++;
		trace_dropped(a->trace, d->len);
		return false;
	}
	int more;
	do
		dispatch_chunk(a, &p, &c);
	while ((more = wire_chunk_next(&rest, &c)) == 1 && !p.stop);
	if (more < 0)
		a->stats.chunks_discarded++;
	return p.received & RECEIVER_ACKNOWLEDGE;
}

int sluice_sctp_input(sluice_sctp *a, const sluice_datagram *datagrams, size_t count, uint64_t now) {
	if (a->handed_over)
		return 0;
	association_time(a, now);
	a->dirty = true;
	trace_sync(a->trace);
	uint32_t with_data = 0;
	uint64_t refused = a->rx.stats.memory_drops;
	a->reconfig.taken = 0;
	sender_stamp(&a->tx);
	receiver_batch_begin(&a->rx, a->now);
	for (size_t i = 0; i < count; i++) {
		if (!input_packet(a, &datagrams[i]))
			continue;
		with_data++;
		receiver_packet_end(&a->rx, i + 1 < count);
	}
	trace_sync(a->trace);
	if (with_data)
		data_batch_end(a, with_data);
	sender_burst(&a->tx);
	reconfig_progress(a);
	shutdown_progress(a);
	trace_sync(a->trace);
	return a->rx.stats.memory_drops != refused ? SLUICE_NO_MEMORY : 0;
}
