/* output: packets out: which chunks are due, in which order they share a packet, and the gathering of payload into the slot.
 *
 * A full packet is always a->tx.mtu bytes long, because fragments are cut to multiples of four; so a bulk transfer fills a batch
 * with equal slots, which is what one UDP_SEGMENT send takes. Where the path carries packets larger than one chunk, they hold
 * several. */
#include "base/arith.h"
#include "sctp/association.h"

#include <string.h>

/* ---- control chunks ---- */

static void write_sack(sluice_sctp *a, struct writer *w) {
	if (reconfig_holds_sack(a))
		a->rx.sack_due = false;
	else
		receiver_write_sack(&a->rx, w);
}

/* Each writer takes its pending bit off when the chunk went in; one that did not fit stays for the next packet. */
static void fill_control(sluice_sctp *a, struct writer *w) {
	if (a->pending & PENDING_COOKIE_ACK && writer_room(w) >= 4) {
		wire_chunk_write(w, WIRE_COOKIE_ACK, 0, NULL, 0);
		a->pending &= ~(uint32_t)PENDING_COOKIE_ACK;
	}
	if (a->rx.sack_due)
		write_sack(a, w);
	if (a->pending & PENDING_RECONFIG_RESPONSE)
		reconfig_write_response(a, w);
	if (a->pending & PENDING_RECONFIG)
		reconfig_write_request(a, w);
	if (a->tx.due & SENDER_FORWARD_TSN)
		sender_write_forward_tsn(&a->tx, w);
	if (a->pending & PENDING_HEARTBEAT)
		heartbeat_write(a, w);
	if (a->tx.due & SENDER_MTU_CONTROL)
		sender_write_mtu_control(&a->tx, w);
	if (a->pending & PENDING_SHUTDOWN && writer_room(w) >= 8) {
		wire_shutdown_write(w, (uint32_t)receiver_cum(&a->rx));
		a->pending &= ~(uint32_t)PENDING_SHUTDOWN;
		shutdown_sent(a);
	}
	if (a->pending & PENDING_SHUTDOWN_ACK && writer_room(w) >= 4) {
		wire_chunk_write(w, WIRE_SHUTDOWN_ACK, 0, NULL, 0);
		a->pending &= ~(uint32_t)PENDING_SHUTDOWN_ACK;
		shutdown_sent(a);
	}
}

/* ---- packets ---- */

struct space {
	uint8_t *data;
	size_t limit; /* bytes this packet may have */
	bool first;   /* of its batch: limit is the MTU */
};

static inline size_t packet_finish(sluice_sctp *a, uint8_t *packet, size_t len, bool checksum) {
	if (len == WIRE_HEADER_SIZE)
		return 0;
	if (checksum)
		wire_packet_seal(packet, len);
	a->stats.packets_sent++;
	a->stats.bytes_sent += len;
	trace_packet(a->trace, true, packet, len);
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
	return packet_finish(a, s->data, writer_len(&w), true);
}

static size_t init_packet(sluice_sctp *a, const struct space *s) {
	struct writer w = writer_of(s->data, s->limit);
	header(a, &w, 0);
	handshake_write_init(a, &w);
	if (w.failed)
		return 0;
	a->pending &= ~(uint32_t)PENDING_INIT;
	return packet_finish(a, s->data, writer_len(&w), true);
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
	sender_fill(&a->tx, &w, s->first);
	return packet_finish(a, s->data, writer_len(&w), true);
}

/* Alone, as the peer may send for each packet that brings one. */
static size_t early_sack_packet(sluice_sctp *a, const struct space *s) {
	struct writer w = writer_of(s->data, s->limit);
	header(a, &w, a->peer_tag);
	if (!receiver_write_early_sack(&a->rx, &w))
		return 0;
	return packet_finish(a, s->data, writer_len(&w), !(a->can & CAN_ZERO_CHECKSUM));
}

static size_t plain_packet(sluice_sctp *a, const struct space *s) {
	/* Not in a packet that is as short as an early SACK: it would leave out blocks. */
	if (!s->first && a->rx.sack_due && receiver_has_gap(&a->rx))
		return 0;
	struct writer w = writer_of(s->data, s->limit);
	header(a, &w, a->peer_tag);
	/* A delayed SACK rides along when a packet goes out anyway. */
	if (receiver_sack_delayed(&a->rx) && sender_wants_packet(&a->tx))
		receiver_sack_now(&a->rx);
	if (a->pending | a->tx.due | a->rx.sack_due) {
		sender_settle(&a->tx);
		fill_control(a, &w);
	}
	sender_fill(&a->tx, &w, s->first);
	return packet_finish(a, s->data, writer_len(&w), !(a->can & CAN_ZERO_CHECKSUM));
}

/* Is nothing due beside DATA, and DATA is in a run? That stays so until the run ends. A run is only in the states of
 * plain_packet(). */
static bool only_data(const sluice_sctp *a) {
	return a->tx.run.out.stream && !(a->pending | a->tx.due | a->rx.sack_due) && !a->replies &&
	       !receiver_sack_delayed(&a->rx) && !receiver_early_sack_waits(&a->rx);
}

/* Writes packets behind those of the batch while the run lasts. Returns whether yet another may follow: all are full. */
static bool data_packets(sluice_sctp *a, sluice_batch *b, size_t most) {
	size_t rooms = b->headroom + b->tailroom, used = b->count * b->stride;
	uint8_t plain[WIRE_HEADER_SIZE];
	struct writer w = writer_of(plain, sizeof plain);
	header(a, &w, a->peer_tag);
	struct fill_slots s = {
		.data = b->data + used + b->headroom,
		.size = b->stride - rooms,
		.stride = b->stride,
		.most = min64(most - b->count, (b->capacity - used) / b->stride),
		.header = plain,
		.last = b->last - rooms,
	};
	bool more = sender_fill_more(&a->tx, &s);
	for (size_t i = 0; i < s.count; i++)
		packet_finish(a, s.data + i * s.stride, i + 1 < s.count ? s.size : s.last, !(a->can & CAN_ZERO_CHECKSUM));
	b->count += s.count;
	b->last = s.last + rooms;
	return more;
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
		return receiver_early_sack_waits(&a->rx) && !(a->pending & PENDING_COOKIE_ACK) ? early_sack_packet(a, s)
		                                                                               : plain_packet(a, s);
	}
}

/* ---- the verb ---- */

/* A batch with nothing but the probe in it, when all else that may go has gone. */
static void probe_output(sluice_sctp *a, sluice_batch *b, size_t rooms) {
	uint32_t size = sender_probe_size(&a->tx, b->capacity - rooms);
	if (size == 0)
		return;
	struct space s = {.data = b->data + b->headroom, .limit = size, .first = true};
	struct writer w = writer_of(s.data, size);
	header(a, &w, a->peer_tag);
	sender_write_probe(&a->tx, &w);
	packet_finish(a, s.data, writer_len(&w), !(a->can & CAN_ZERO_CHECKSUM));
	b->count = 1;
	b->stride = b->last = size + rooms;
}

int sluice_sctp_output(sluice_sctp *a, sluice_batch *b, uint64_t now) {
	size_t rooms = b->headroom + b->tailroom;
	if (b->capacity < a->tx.discovery.pmtu.base + rooms)
		return SLUICE_NO_SPACE;
	association_time(a, now);
	trace_sync(a->trace);
	if (a->heartbeat_unscheduled)
		heartbeat_schedule(a);
	size_t limit = sender_output_begin(&a->tx, b->capacity - rooms, reconfig_holds_data(a));
	size_t most = b->max_datagrams ? b->max_datagrams : SIZE_MAX;
	b->count = b->stride = b->last = 0;
	while (b->count < most && b->capacity - b->count * b->stride >= limit + rooms) {
		struct space s = {.data = b->data + b->count * b->stride + b->headroom, .limit = limit, .first = b->count == 0};
		size_t len = packet_build(a, &s);
		if (len == 0)
			break;
		if (b->count++ == 0) {
			limit = len;
			b->stride = len + rooms;
		}
		b->last = len + rooms;
		if (len < limit || (only_data(a) && !data_packets(a, b, most)))
			break;
	}
	sender_output_end(&a->tx);
	if (b->count == 0)
		probe_output(a, b, rooms);
	if (b->count == 0) {
		a->dirty = false;
		sender_output_idle(&a->tx);
	}
	trace_sync(a->trace);
	return (int)b->count;
}
