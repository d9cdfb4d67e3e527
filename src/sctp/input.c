/* input: packets in: which are ours, which chunk may come in which state, and the chunks that are one thought each. */
#include "base/crc32c.h"
#include "base/serial.h"
#include "sctp/association.h"

#include <stdio.h>
#include <string.h>

bool input_state_in(const sluice_sctp *a, uint32_t states) {
	return (states >> a->state) & 1;
}

/* ---- small chunks ---- */

static void abort_chunk(sluice_sctp *a, struct packet *p, const struct wire_chunk *c) {
	p->stop = true;
	/* With the T bit it comes from a side that has no association (any more; RFC 9260, 8.4). In SHUTDOWN-ACK-SENT that is the side whose
	 * SHUTDOWN-COMPLETE was lost: nothing is outstanding, and the end is the one that was agreed on. */
	if (a->state == SLUICE_SCTP_SHUTDOWN_ACK_SENT && c->flags & WIRE_FLAG_T) {
		association_end(a, 0, "shut down");
		return;
	}
	struct reader r = reader_of(c->value, c->len);
	struct wire_param cause;
	char reason[64] = "";
	const char *name = "no cause given";
	if (wire_param_next(&r, &cause) == 1) {
		name = wire_cause_name(cause.type);
		if (cause.type == WIRE_CAUSE_USER_ABORT || cause.type == WIRE_CAUSE_PROTOCOL_VIOLATION)
			snprintf(reason, sizeof reason, ": %.*s", (int)cause.len, (const char *)cause.value);
	}
	association_end(a, SLUICE_ABORTED, "aborted by the peer (%s%s)", name, reason);
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
	ack_sack(a, c);
}

static void heartbeat_entry(sluice_sctp *a, struct packet *p, const struct wire_chunk *c) {
	(void)p;
	heartbeat_chunk(a, c);
}

static void heartbeat_ack_entry(sluice_sctp *a, struct packet *p, const struct wire_chunk *c) {
	(void)p;
	heartbeat_ack_chunk(a, c);
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

static void forward_tsn_entry(sluice_sctp *a, struct packet *p, const struct wire_chunk *c) {
	data_forward_tsn(a, p, c);
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

/* ---- the dispatch table ---- */

#define ALIVE                                                                                                                    \
	(IN(COOKIE_WAIT) | IN(COOKIE_ECHOED) | IN(ESTABLISHED) | IN(SHUTDOWN_PENDING) | IN(SHUTDOWN_SENT) |                      \
	 IN(SHUTDOWN_RECEIVED) | IN(SHUTDOWN_ACK_SENT))
#define OPEN (IN(ESTABLISHED) | IN(SHUTDOWN_PENDING) | IN(SHUTDOWN_SENT) | IN(SHUTDOWN_RECEIVED) | IN(SHUTDOWN_ACK_SENT))

/* In any other state a chunk is counted as discarded and skipped. */
/* clang-format off */
static const struct dispatch {
	uint8_t type;
	uint32_t states;
	void (*handle)(sluice_sctp *a, struct packet *p, const struct wire_chunk *c);
} dispatch[] = {
	/* chunk                  states in which it is taken                                       handler */
	{WIRE_INIT,               IN(CLOSED) | ALIVE,                                               handshake_init},
	{WIRE_INIT_ACK,           IN(COOKIE_WAIT),                                                  handshake_init_ack},
	{WIRE_SACK,               IN(COOKIE_ECHOED) | OPEN,                                         sack_chunk},
	{WIRE_HEARTBEAT,          IN(COOKIE_ECHOED) | OPEN,                                         heartbeat_entry},
	{WIRE_HEARTBEAT_ACK,      OPEN,                                                             heartbeat_ack_entry},
	{WIRE_ABORT,              ALIVE,                                                            abort_chunk},
	{WIRE_SHUTDOWN,           OPEN,                                                             shutdown_entry},
	{WIRE_SHUTDOWN_ACK,       ALIVE,                                                            shutdown_ack_entry},
	{WIRE_ERROR,              ALIVE,                                                            error_chunk},
	{WIRE_COOKIE_ECHO,        IN(CLOSED) | ALIVE,                                               handshake_cookie_echo},
	{WIRE_COOKIE_ACK,         IN(COOKIE_ECHOED),                                                handshake_cookie_ack},
	{WIRE_ECNE,               OPEN,                                                             ignore_entry},
	{WIRE_CWR,                OPEN,                                                             ignore_entry},
	{WIRE_SHUTDOWN_COMPLETE,  IN(SHUTDOWN_ACK_SENT),                                            shutdown_complete_entry},
	{WIRE_RE_CONFIG,          OPEN,                                                             reconfig_entry},
	{WIRE_PAD,                IN(CLOSED) | ALIVE,                                               ignore_entry},
	{WIRE_FORWARD_TSN,        OPEN,                                                             forward_tsn_entry},
	{WIRE_I_FORWARD_TSN,      OPEN,                                                             forward_tsn_entry},
};
/* clang-format on */

/* RFC 9260, 3.2: the two highest bits say what becomes of a chunk that nobody knows. */
static void unknown_chunk(sluice_sctp *a, struct packet *p, const struct wire_chunk *c) {
	a->stats.chunks_discarded++;
	if (wire_unknown_stops(c->type))
		p->stop = true;
	if (!wire_unknown_reports(c->type) || a->peer_tag == 0 || a->state == SLUICE_SCTP_CLOSED)
		return;
	/* The cause holds the chunk with its header; what does not fit is cut, for the report must not become a way to make us send
	 * large packets. */
	association_reply_cause(a, a->peer_tag, WIRE_ERROR, WIRE_CAUSE_UNRECOGNIZED_CHUNK, c->value - 4, 4u + c->len);
}

static void dispatch_chunk(sluice_sctp *a, struct packet *p, const struct wire_chunk *c) {
	/* DATA and I-DATA are nearly everything there is, so they do not wait for the table. */
	if (c->type == WIRE_DATA || c->type == WIRE_I_DATA) {
		data_chunk(a, p, c);
		return;
	}
	for (size_t i = 0; i < sizeof dispatch / sizeof *dispatch; i++) {
		if (dispatch[i].type != c->type)
			continue;
		if (input_state_in(a, dispatch[i].states))
			dispatch[i].handle(a, p, c);
		else
			a->stats.chunks_discarded++;
		return;
	}
	unknown_chunk(a, p, c);
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

static void reply_out_of_the_blue(sluice_sctp *a, const struct packet *p, uint8_t type) {
	/* RFC 9260, 8.4, 8): "the receiver SHOULD respond to the sender of the OOTB packet with an ABORT chunk. When sending the ABORT
	 * chunk, the receiver of the OOTB packet MUST fill in the Verification Tag field of the outbound packet with the value found in
	 * the Verification Tag field of the OOTB packet and set the T bit"; 5) SHUTDOWN ACK is answered with SHUTDOWN COMPLETE. */
	uint8_t bytes[4];
	struct writer w = writer_of(bytes, sizeof bytes);
	wire_chunk_write(&w, type, WIRE_FLAG_T, NULL, 0);
	association_reply(a, p->header.tag, bytes, sizeof bytes);
}

/* A packet with a tag that is not ours, or for an association that is not there. RFC 9260, 8.4. */
static void out_of_the_blue(sluice_sctp *a, const struct packet *p, uint8_t first) {
	a->stats.packets_discarded++;
	/* The peer has our INIT from elsewhere and is ahead of us, who have not got its: it will repeat itself. */
	if (a->described && p->header.tag == a->local_tag)
		return;
	if (first == WIRE_SHUTDOWN_ACK)
		reply_out_of_the_blue(a, p, WIRE_SHUTDOWN_COMPLETE);
	else if (a->state == SLUICE_SCTP_CLOSED && first != WIRE_ABORT && first != WIRE_SHUTDOWN_COMPLETE &&
	         first != WIRE_INIT_ACK && first != WIRE_COOKIE_ACK && first != WIRE_ERROR)
		reply_out_of_the_blue(a, p, WIRE_ABORT);
}

/* RFC 9260, 8.5 and 8.5.1. */
static bool tag_fits(const sluice_sctp *a, const struct packet *p, const struct wire_chunk *first) {
	uint32_t tag = p->header.tag;
	switch (first->type) {
	case WIRE_INIT:
	case WIRE_COOKIE_ECHO: /* compared with the cookie's */
		return true;
	case WIRE_ABORT:
	case WIRE_SHUTDOWN_COMPLETE:
		/* "... if the Verification Tag field of the packet matches its own tag and the T bit is not set OR if it is
		 * set to its Peer's Tag and the T bit is set in the Chunk Flags." */
		return (first->flags & WIRE_FLAG_T) ? a->peer_tag != 0 && tag == a->peer_tag : tag == a->local_tag;
	default:
		return a->state != SLUICE_SCTP_CLOSED && tag == a->local_tag;
	}
}

/* The header, the checksum, the ports and the tag; `chunks` is left at the first chunk. */
static bool packet_open(sluice_sctp *a, const sluice_datagram *d, struct packet *p, struct reader *chunks) {
	*chunks = reader_of(d->data, d->len);
	*p = (struct packet){.data = d->data, .len = d->len, .slab = d->slab};
	struct wire_chunk first;
	if (wire_packet_read(chunks, &p->header))
		return false;
	struct reader peek = *chunks;
	if (wire_chunk_next(&peek, &first) != 1)
		return false;
	p->only_chunk = reader_left(&peek) == 0;
	if (!checksum_fits(a, p, first.type))
		return false;
	if (p->header.dst_port != a->config.local_port || p->header.src_port != a->config.remote_port)
		return false;
	if (!tag_fits(a, p, &first)) {
		out_of_the_blue(a, p, first.type);
		a->stats.packets_discarded--; /* the caller counts it */
		return false;
	}
	return true;
}

/* ---- the verb ---- */

static bool input_packet(sluice_sctp *a, const sluice_datagram *d) {
	struct packet p;
	struct reader chunks;
	a->stats.packets_received++;
	a->stats.bytes_received += d->len;
	trace_packet(a->trace, false, d->data, d->len);
	if (!packet_open(a, d, &p, &chunks)) {
		a->stats.packets_discarded++;
		trace_dropped(a->trace, d->len);
		return false;
	}
	struct wire_chunk c;
	int more;
	while ((more = wire_chunk_next(&chunks, &c)) == 1 && !p.stop)
		dispatch_chunk(a, &p, &c);
	if (more < 0)
		a->stats.chunks_discarded++;
	return p.had_data;
}

int sluice_sctp_input(sluice_sctp *a, const sluice_datagram *datagrams, size_t count, uint64_t now) {
	if (a->handed_over)
		return 0;
	a->now = a->out.now = now += a->clock;
	a->dirty = true;
	trace_sync(a->trace);
	uint32_t with_data = 0;
	uint64_t refused = a->stats.memory_drops;
	a->reconfig.taken = 0;
	outgoing_stamp(&a->out, now);
	for (size_t i = 0; i < count; i++) {
		if (!input_packet(a, &datagrams[i]))
			continue;
		with_data++;
		a->acks.unacked++;
		if (a->acks.apart && i + 1 < count)
			data_packet_end(a);
	}
	trace_sync(a->trace);
	if (with_data)
		data_batch_end(a, with_data);
	burst_open(a);
	reconfig_progress(a);
	shutdown_progress(a);
	trace_sync(a->trace);
	return a->stats.memory_drops != refused ? SLUICE_NO_MEMORY : 0;
}
