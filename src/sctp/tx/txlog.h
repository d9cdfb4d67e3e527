/* txlog: the packets with DATA that are under way, in the order in which they were sent: when each left, and how much had been
 * delivered by then. Loss by time, round trips and delivery rates are computed from it.
 *
 * A ring of records by packet number. Records of which something is still in flight are linked, so that a walk over the old ones
 * sees nothing else. The log knows numbers, bytes and times; what the chunks are is for `outstanding`.
 *
 *   head is the oldest linked record, tail the youngest; 0: none is linked
 *   span > 0 in a record; 0 in a slot that had none since the ring has its size
 *   a record is linked exactly while in_flight > 0; next - (head or next) <= capacity
 *
 * Memory: 80 bytes a packet, grown by doubling to TXLOG_MAX. When more packets are under way, the oldest record is forgotten:
 * only T3 then finds its chunks lost. */
#ifndef SCTP_TX_TXLOG_H
#define SCTP_TX_TXLOG_H

#include "base/walk.h"
#include "pool/env.h"

#define TXLOG_MAX 131072u

struct tx_packet {
	uint64_t sent_at;
	uint64_t delivered;     /* bytes delivered before it was sent, ... */
	uint64_t delivered_at;  /* ... when the last of them were, ... */
	uint64_t first_sent_at; /* ... and when the packet that brought that news had been sent */
	uint64_t lost;          /* bytes found lost before it was sent */
	uint64_t before, after; /* its linked neighbours; 0: none */
	uint64_t first_tsn;
	uint32_t span;      /* TSNs from first_tsn to its highest, both included; other packets may own some of them */
	uint32_t in_flight; /* chunks of it that are neither acknowledged nor lost */
	uint32_t flight;    /* bytes in flight with it */
	bool retransmission, app_limited;
	uint16_t len; /* payload */
};

struct txlog {
	sluice_env *env;
	struct tx_packet *ring;
	uint32_t capacity;
	uint64_t next; /* the number that the next packet gets; the first is 1 */
	uint64_t head, tail;
	uint64_t open; /* the packet that is being filled; 0: none */
	uint64_t delivered, delivered_at, first_sent_at;
	uint64_t lost;
	/* Packets with more payload than `large`: the one sent last among those acknowledged, and how many after it were lost. */
	uint32_t large, large_lost;
	uint64_t large_acked;
	/* While `delivered` is below it, the app held back what was sent; 0: the app does not. */
	uint64_t app_limited;
};

void txlog_init(struct txlog *l, sluice_env *env);
void txlog_free(struct txlog *l);
/* Nothing has been sent for a while: gives the ring back when nothing is in flight. Old records are forgotten. */
void txlog_rest(struct txlog *l);

/* Makes room for one more record. False only when there is no memory for the very first ones. */
bool txlog_make_room(struct txlog *l);
static inline bool txlog_reserve(struct txlog *l) {
	return l->next - (l->head ? l->head : l->next) < l->capacity || txlog_make_room(l);
}
/* The datagram is full. */
static inline void txlog_close(struct txlog *l) {
	l->open = 0;
}
/* There is nothing to send although there is room for it. */
static inline void txlog_limited_by_app(struct txlog *l, uint64_t flight) {
	l->app_limited = l->delivered + flight > 0 ? l->delivered + flight : 1;
}

/* The record of a number whose lower 32 bits are given; NULL: it is gone, or the number is 0. */
static inline struct tx_packet *txlog_at(const struct txlog *l, uint32_t number, uint64_t *whole) {
	uint32_t back = (uint32_t)l->next - number; /* 1 is the youngest */
	*whole = l->next - back;
	if (number == 0 || back - 1 >= l->capacity)
		return NULL;
	struct tx_packet *p = &l->ring[number & (l->capacity - 1)];
	return p->span > 0 ? p : NULL;
}
static inline struct tx_packet *txlog_record(const struct txlog *l, uint64_t number) {
	return &l->ring[number & (l->capacity - 1)];
}

void txlog_begin(struct txlog *l, uint64_t tsn, uint64_t flight, bool retransmission, uint64_t now);
/* A record behind all others, which is the open one. There is room; `flight` is without it. */
static inline struct tx_packet *txlog_append(struct txlog *l, uint64_t tsn, uint64_t flight, uint64_t now) {
	uint64_t number = l->next++;
	/* draft-ietf-ccwg-bbr, 4.1.2.2: "if no packets are in flight, then we can start delivery rate sampling from the time of
	 * this transmission", so that the silence before it does not count. */
	if (flight == 0)
		l->first_sent_at = l->delivered_at = now;
	struct tx_packet *p = txlog_record(l, number);
	*p = (struct tx_packet){
		.sent_at = now,
		.delivered = l->delivered,
		.delivered_at = l->delivered_at,
		.first_sent_at = l->first_sent_at,
		.lost = l->lost,
		.before = l->tail,
		.first_tsn = tsn,
		.app_limited = l->app_limited != 0,
	};
	if (l->tail)
		txlog_record(l, l->tail)->after = number;
	else
		l->head = number;
	l->tail = l->open = number;
	return p;
}

/* A chunk goes into a packet, the open one or a new one; `flight` is without it. Returns the packet's number. A packet holds
 * either new chunks or repeated ones; when both share a datagram they are two. */
static inline uint64_t txlog_put(struct txlog *l, uint64_t tsn, uint32_t len, uint64_t flight, bool retransmission,
                                 uint64_t now) {
	const struct tx_packet *open = l->open ? txlog_record(l, l->open) : NULL;
	if (!open || open->retransmission != retransmission || open->sent_at != now)
		txlog_begin(l, tsn, flight, retransmission, now);
	struct tx_packet *p = txlog_record(l, l->open);
	p->span = (uint32_t)(tsn - p->first_tsn) + 1; /* TSNs of one packet ascend */
	p->in_flight++;
	p->flight = (uint32_t)(flight + len);
	p->len = (uint16_t)(p->len + len);
	return l->open;
}

/* Room for so many more records, without growing. */
static inline uint32_t txlog_room(const struct txlog *l) {
	return l->capacity - (uint32_t)(l->next - (l->head ? l->head : l->next));
}
/* A packet of `count` new chunks, the first of which has this TSN, with `len` bytes of payload. `flight` is without it. Its
 * number is the `next` of before; there is room. */
static inline void txlog_add(struct txlog *l, uint64_t tsn, uint32_t count, uint32_t len, uint64_t flight, uint64_t now) {
	struct tx_packet *p = txlog_append(l, tsn, flight, now);
	p->span = p->in_flight = count;
	p->flight = (uint32_t)flight + len;
	p->len = (uint16_t)len;
}

/* One chunk of the packet left the flight. */
void txlog_unlink(struct txlog *l, uint64_t number);
static inline void txlog_take_from(struct txlog *l, uint64_t number) {
	struct tx_packet *p = txlog_record(l, number);
	if (p->in_flight > 0 && --p->in_flight == 0)
		txlog_unlink(l, number);
}
/* Nothing of the linked records before this one is in flight any more; 0: of none. */
static inline void txlog_begin_at(struct txlog *l, uint64_t number) {
	l->head = number;
	if (number)
		txlog_record(l, number)->before = 0;
	else
		l->tail = 0;
}
static inline void txlog_take(struct txlog *l, uint32_t number) {
	uint64_t whole;
	if (txlog_at(l, number, &whole))
		txlog_take_from(l, whole);
}

/* A packet of which something was acknowledged, or that was found lost. */
static inline void txlog_note_acked(struct txlog *l, const struct tx_packet *p, uint64_t number) {
	if (p->len > l->large && number >= l->large_acked) {
		l->large_acked = number;
		l->large_lost = 0;
	}
}
static inline void txlog_note_lost(struct txlog *l, const struct tx_packet *p, uint64_t number) {
	l->large_lost += p->len > l->large && number > l->large_acked;
}

/* What the acknowledgement of a packet says of the path: of the packet sent last among those acknowledged now. */
struct tx_rate {
	uint64_t rate; /* bytes/s; 0: none */
	uint64_t prior_delivered, tx_in_flight, lost_since;
	bool app_limited;
};
/* `delivered` includes already what is acknowledged now. */
void txlog_sample(struct txlog *l, const struct tx_packet *p, uint64_t min_rtt, uint64_t now, struct tx_rate *rate);

/* Hand-over: the records, but not what is counted and linked: their in_flight, head and tail. Returns the number of the oldest.
 * The caller counts in_flight of each and then calls txlog_relink(). */
uint64_t txlog_walk(struct txlog *l, struct walk *w);
void txlog_relink(struct txlog *l, uint64_t oldest);
bool txlog_check(const struct txlog *l);

#endif
