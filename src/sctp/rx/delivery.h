/* delivery: whole messages to the app, in the order that was asked for.
 *
 * Unordered messages leave at once. Ordered ones whose turn has not come wait in their stream, in a heap by number: the SSN
 * of DATA (16 bits) or the MID of I-DATA (32 bits), unwrapped. How a message was put together is not asked here.
 *
 *   every message that waits in a stream has a number >= stream->next */
#ifndef SCTP_RX_DELIVERY_H
#define SCTP_RX_DELIVERY_H

#include "pool/idmap.h"
#include "sctp/rx/message.h"

struct rx_stream {
	uint64_t next;                     /* the number of the ordered message that is delivered next, unwrapped */
	struct pairing_node *pending;      /* messages that wait for their turn */
	struct pairing_node *under_way[2]; /* I-DATA: messages of which fragments are missing, by MID; [1]: unordered ones */
	uint64_t unordered_mid;            /* of the unordered message that came last, unwrapped */
	uint64_t unordered_next;           /* unordered messages below it were skipped */
	struct event_node reset;           /* RESET_IN; queued, the stream is out of the table and waits to be freed */
	uint32_t partial;                  /* bytes of a message from which on it is delivered in parts; 0: whole ones only */
	uint16_t id;
	uint16_t fresh; /* bytes that making it took and nobody was charged yet */
};

struct delivery {
	sluice_env *env;
	struct event_queue *events;
	struct idmap streams;       /* those on which something came since their last reset, or was set */
	uint32_t partial;           /* of new streams */
	uint32_t resets;            /* RESET_IN events that wait for the app */
	uint64_t messages, payload; /* delivered */
};

void delivery_init(struct delivery *d, sluice_env *env, struct event_queue *events);
/* What waits is released, and every stream is forgotten; nothing may be under way. So a restart costs what the peer did since the
 * last one, and not what it ever did. */
void delivery_free(struct delivery *d);

/* The stream, made on first use; NULL when there is no memory. */
struct rx_stream *delivery_stream_make(struct delivery *d, uint16_t id);
static inline struct rx_stream *delivery_stream(struct delivery *d, uint16_t id) {
	struct rx_stream *s = idmap_get(&d->streams, id);
	return __builtin_expect(s != NULL, 1) ? s : delivery_stream_make(d, id);
}

/* What the stream itself takes, once: the first message of a stream is charged for it too, so that a message a stream cannot hold
 * more than the window. The state of a stream whose messages were read is no longer the window's. */
static inline uint16_t delivery_stream_cost(struct rx_stream *s) {
	uint16_t cost = s->fresh;
	s->fresh = 0;
	return cost;
}
static inline void delivery_charge_stream(struct rx_stream *s, struct rx_message *m) {
	if (__builtin_expect(s->fresh, 0))
		rx_message_charge(m, delivery_stream_cost(s));
}

static inline void delivery_unordered(struct delivery *d, struct rx_message *m) {
	d->messages++;
	d->payload += m->public.len;
	rx_message_delivered(m);
	event_push(d->events, &m->event);
}
/* A part of a message whose turn it is. With the last one, delivery_done() follows if it is ordered. */
void delivery_part(struct delivery *d, struct rx_message *m);
/* A message of which parts were delivered may end early. `end` is made with the first part, so that the end needs no memory.
 * delivery_reserve_end() stores which message it belongs to; delivery_cut_off() delivers it as the last part, with the error.
 * With error 0 it is released and the app hears nothing. */
void delivery_reserve_end(struct rx_message *end, const sluice_message *part);
void delivery_cut_off(struct delivery *d, struct rx_message *end, int error);
/* The ordered message that was next has been delivered: the stream goes on to the one behind it. */
void delivery_done(struct delivery *d, struct rx_stream *s, uint64_t number);
/* Delivers the message and all that waited for it, when it is next; lets it wait, when it is ahead; releases it, when its number
 * is over. */
void delivery_ordered_any(struct delivery *d, struct rx_stream *s, struct rx_message *m, uint64_t number);
static inline void delivery_ordered(struct delivery *d, struct rx_stream *s, struct rx_message *m, uint64_t number) {
	if (__builtin_expect(number != s->next || s->pending, 0)) {
		delivery_ordered_any(d, s, m, number);
		return;
	}
	delivery_unordered(d, m);
	s->next++;
}
/* The stream waits no longer for messages up to this number: those that are here are delivered, in order. */
void delivery_skip(struct delivery *d, struct rx_stream *s, uint64_t number);
/* The peer starts the stream anew (RFC 6525): the next number is 0. Nothing is left of the stream but its RESET_IN event, which
 * delivery_reset_told() frees once it was polled. */
void delivery_reset(struct delivery *d, struct rx_stream *s);
/* The same event for a stream that is not in the table. 0 or SLUICE_NO_MEMORY. */
int delivery_reset_unused(struct delivery *d, uint16_t id);
/* RESETS_MAX of these events wait: no further reset is done. A reset costs the peer a few bytes only, because it may reset
 * streams that nothing came on, and may make streams by naming them in a FORWARD-TSN. */
#define RESETS_MAX 4096
static inline bool delivery_resets_wait(const struct delivery *d) {
	return d->resets >= RESETS_MAX;
}
void delivery_reset_told(struct delivery *d, struct event_node *n);
/* The numbers of every stream begin at 0 again: messages that waited for an earlier one are delivered. Streams of which nothing
 * is left to know are forgotten. */
void delivery_renumber(struct delivery *d);

/* A hand-over: the streams, and the messages that wait in them for their turn. Messages that are read are charged to the window.
 * */
void delivery_walk(struct delivery *d, struct window *window, struct walk *w);
/* The charges and the payload of the messages that wait for their turn. */
void delivery_count(const struct delivery *d, uint64_t *charge, uint64_t *payload);

#endif
