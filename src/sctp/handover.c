/* handover: a live association as bytes, and back.
 *
 * Each module walks its own struct (base/walk.h); this file calls the walks in their order. What modules keep among themselves
 * (rings, heaps, lists) is not written as it lies but put in again through their own doors, so that a restored association is one
 * that could have come about by itself; numbers that follow from others are counted anew. Absolute times go as they are: the new
 * association has a clock of its own, `a->clock` ahead of the verbs'.
 *
 * The bytes: magic, version, layout, length, CRC32c of what follows, and the walk. */
#include "base/crc32c.h"
#include "sctp/association.h"
#include "sctp/config.h"

#include <string.h>

#define MAGIC 0x6f686c73u /* "slho" */
#define VERSION 12u
#define HEADER 24

/* What is copied whole must be the same on both sides. */
static uint32_t layout(void) {
	return (uint32_t)(sizeof(struct receiver_stats) << 20 ^ sizeof(struct association_counters) << 10 ^ CC_STATE_SIZE << 2 ^
	                  sizeof(struct sender_counters) << 6 ^ (TIMER_COUNT + SENDER_TIMER_COUNT));
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

static void event_read(struct walk *w, sluice_sctp *a, uint8_t type) {
	struct event_node e = {0}, *n;
	WALK(w, e.stream), WALK(w, e.error), WALK(w, e.count);
	n = node_of(a, type, e.stream);
	walk_refuse(w, !n || n->queued);
	if (w->failed)
		return;
	n->type = type;
	n->stream = e.stream;
	n->error = e.error;
	n->count = e.count;
	event_push(&a->events, n);
}

static void event_write(struct walk *w, struct event_node *n) {
	WALK(w, n->stream), WALK(w, n->error), WALK(w, n->count);
}

static void waiting_events(struct walk *w, sluice_sctp *a) {
	struct event_node *n = w->reading ? NULL : a->events.head;
	for (;;) {
		uint8_t type = n ? n->type : 0;
		WALK(w, type);
		if (type == 0 || w->failed)
			return;
		if (receiver_has_event(type))
			receiver_walk_event(&a->rx, type, n, w);
		else if (w->reading)
			event_read(w, a, type);
		else
			event_write(w, n);
		n = n ? n->next : NULL;
	}
}

/* ---- the walk ---- */

static void everything(struct walk *w, sluice_sctp *a) {
	association_walk(a, w);
	sender_walk(&a->tx, w);
	receiver_walk(&a->rx, w);
	reconfig_walk(a, w);
	waiting_events(w, a);
	walk_refuse(w, !w->failed && (w->at != w->size || !association_check(a)));
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
	end_silently(a);
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
	struct walk w = walk_writer(buf, size);
	w.at = HEADER;
	config_walk(&a->config, &w);
	everything(&w, a);
	*len = w.at;
	if (w.at > size)
		return SLUICE_NO_SPACE;
	uint8_t *p = buf;
	uint64_t whole = w.at;
	put32(p, MAGIC);
	put32(p + 4, VERSION);
	put32(p + 8, layout());
	put32(p + 12, crc32c(p + HEADER, w.at - HEADER));
	memcpy(p + 16, &whole, sizeof whole);
	int error = read_back(a, p, w.at);
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

int sluice_sctp_import(sluice_env *env, const void *data, size_t len, uint64_t now, sluice_sctp **out) {
	int error = header_check(data, len);
	if (error)
		return error;
	struct walk w = walk_reader(data, len);
	w.at = HEADER;
	sluice_sctp_config config = {0};
	config_walk(&config, &w);
	sluice_sctp *a;
	error = w.failed ? SLUICE_MALFORMED : sluice_sctp_new(env, &config, &a);
	if (error)
		return error == SLUICE_NO_MEMORY ? error : SLUICE_MALFORMED;
	everything(&w, a);
	if (w.failed) {
		state_enter(a, SLUICE_SCTP_CLOSED);
		sluice_sctp_free(a);
		return w.no_memory ? SLUICE_NO_MEMORY : SLUICE_MALFORMED;
	}
	/* Here the path may be another one: its MTU is searched for anew, and until it is known packets are of the base size. */
	sender_resume(&a->tx);
	a->clock = a->now - now;
	a->latest = now;
	a->dirty = true;
	*out = a;
	return 0;
}
