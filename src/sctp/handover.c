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
#define VERSION 7u
#define HEADER 24

/* What is copied whole must be the same on both sides. */
static uint32_t layout(void) {
	return (uint32_t)(sizeof(sluice_sctp_config) << 20 ^ sizeof(sluice_sctp_stats) << 10 ^ CC_STATE_SIZE << 2 ^
	                  sizeof(struct sender_counters) << 6 ^ (TIMER_COUNT + SENDER_TIMER_COUNT));
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

static void event_read(struct walk *b, sluice_sctp *a, uint8_t type) {
	struct event_node e = {0}, *n;
	FIELD(e.stream), FIELD(e.error), FIELD(e.count);
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
	FIELD(n->stream), FIELD(n->error), FIELD(n->count);
}

static void waiting_events(struct walk *b, sluice_sctp *a) {
	struct event_node *n = b->reading ? NULL : a->events.head;
	for (;;) {
		uint8_t type = n ? n->type : 0;
		FIELD(type);
		if (type == 0 || b->failed)
			return;
		if (receiver_has_event(type))
			receiver_walk_event(&a->rx, type, n, b);
		else if (b->reading)
			event_read(b, a, type);
		else
			event_write(b, n);
		n = n ? n->next : NULL;
	}
}

/* ---- the walk ---- */

static void walk(struct walk *b, sluice_sctp *a) {
	association_numbers(b, a);
	statistics(b, a);
	sender_walk(&a->tx, b);
	receiver_walk(&a->rx, b);
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
