/* history: the packets that one stream sent lately, so that a lost one can be sent again.
 *
 * An entry is not a copy of the packet. It has the header as it was sent and a place in the frame: (owner, offset, length). A
 * retransmission gathers the payload from the frame once more, as SCTP's does from its message. So a frame's bytes exist once,
 * however many packets it became, and they are given back when the last of its packets leaves the history. The payload of a
 * forwarded packet stays in the slab in which it came: that is the owner then, for all who send it on.
 *
 * A packet stays for `keep` ns, which the session sets to max(1 s, 3 round trips), and until `capacity` newer ones were sent.
 * What is older goes with the next ones, two for each rtp_history_put(), or with rtp_history_advance().
 *
 *   next - first <= capacity; numbers first <= n < next lie at n % capacity, those without a packet have no owner
 *   the owner's references >= entries with this owner
 *   header_len + prefix_len <= header_max
 *
 * The header has two parts. `header_len` bytes are RTP's, with the extension; `prefix_len` bytes behind them are the payload
 * format's own (the descriptor of VP8 and VP9, the header of an FU-A). RTX puts two bytes between them. Most headers are so short
 * that they stand in the entry: it is one line of the cache, and many streams have theirs in none. */
#ifndef RTP_HISTORY_H
#define RTP_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arith.h"
#include "base/prefetch.h"
#include "pool/env.h"

#define RTP_HISTORY_PACKETS 1024
#define RTP_HISTORY_KEEP_MIN SLUICE_S
#define RTP_HISTORY_AHEAD 8   /* packets whose memory is asked for before their turn */
#define RTP_HISTORY_HEADER 36 /* bytes: RTP's header with three elements and VP8's descriptor */

/* How long packets stay, by the round trip. */
static inline uint64_t rtp_history_keep(uint64_t round_trip) {
	return max64(RTP_HISTORY_KEEP_MIN, 3 * round_trip);
}

/* An encoded frame. Who lends it sets refs to 1, and calls rtp_source_unref() when it has sent all of its packets. */
struct rtp_source {
	const uint8_t *data;
	size_t len;
	uint32_t refs;
	sluice_release_fn release; /* called when refs becomes 0; may be NULL */
	void *ctx;
};

static inline void rtp_source_unref(struct rtp_source *s) {
	if (--s->refs == 0 && s->release)
		s->release(s->ctx);
}

/* Who has the bytes of a payload: a source, or a slab, whose word has the lowest bit set. 0: nobody. */
struct rtp_owner {
	uintptr_t word;
};

static inline struct rtp_owner rtp_owner_source(struct rtp_source *s) {
	return (struct rtp_owner){(uintptr_t)s};
}
static inline struct rtp_owner rtp_owner_slab(sluice_slab *s) {
	return (struct rtp_owner){(uintptr_t)s | 1};
}
/* NULL: it is a source. */
static inline sluice_slab *rtp_owner_as_slab(struct rtp_owner o) {
	return o.word & 1 ? (sluice_slab *)(o.word - 1) : NULL;
}
static inline struct rtp_source *rtp_owner_as_source(struct rtp_owner o) {
	return (struct rtp_source *)o.word;
}
/* What offsets count from. */
static inline const uint8_t *rtp_owner_data(struct rtp_owner o) {
	const sluice_slab *slab = rtp_owner_as_slab(o);
	return slab ? slab->data : rtp_owner_as_source(o)->data;
}
static inline void rtp_owner_ref(struct rtp_owner o) {
	sluice_slab *slab = rtp_owner_as_slab(o);
	if (slab)
		slab_ref(slab);
	else
		rtp_owner_as_source(o)->refs++;
}
static inline void rtp_owner_unref(struct rtp_owner o) {
	sluice_slab *slab = rtp_owner_as_slab(o);
	if (slab)
		slab_unref(slab);
	else
		rtp_source_unref(rtp_owner_as_source(o));
}

struct rtp_history_entry {
	struct rtp_owner owner; /* word 0: no packet */
	uint64_t sent;
	uint32_t resent; /* in us behind `sent`, and 1 more; 0: it never was */
	uint32_t offset;
	uint16_t len; /* of the part of the owner's bytes */
	uint8_t header_len, prefix_len;
	uint8_t header[RTP_HISTORY_HEADER];
};
_Static_assert(sizeof(struct rtp_history_entry) == 64, "a packet that leaves touches one line of the history");

struct rtp_history {
	struct rtp_history_entry *entries;
	uint8_t *long_headers; /* what does not fit into the entry; for each */
	size_t header_max;
	uint64_t capacity; /* a power of two */
	uint64_t first, next;
	uint64_t keep;
	uint64_t skipped;         /* packets whose header was too long to be kept */
	struct rtp_source filler; /* stands for padding, and has no bytes */
};

/* capacity is a power of two; header_max: RTP_HISTORY_HEADER to 510. Returns 0, or
 *   SLUICE_NO_MEMORY */
int rtp_history_open(struct rtp_history *h, sluice_env *env, size_t capacity, size_t header_max);
/* Gives all frames back: the numbers begin anew. h may be all zeros, for these two. */
void rtp_history_clear(struct rtp_history *h);
void rtp_history_close(struct rtp_history *h, sluice_env *env);
bool rtp_history_check(const struct rtp_history *h);

static inline void rtp_history_pop(struct rtp_history *h) {
	struct rtp_history_entry *e = &h->entries[h->first++ & (h->capacity - 1)];
	if (e->owner.word)
		rtp_owner_unref(e->owner);
	e->owner.word = 0;
}

/* Is there a first one, and too old at `now`? */
static inline bool rtp_history_is_over(const struct rtp_history *h, uint64_t now) {
	if (h->first == h->next)
		return false;
	const struct rtp_history_entry *e = &h->entries[h->first & (h->capacity - 1)];
	prefetch(&h->entries[(h->first + RTP_HISTORY_AHEAD) & (h->capacity - 1)], 1);
	return !e->owner.word || (now > e->sent && now - e->sent > h->keep);
}

/* Drops what is too old at `now`. */
static inline void rtp_history_advance(struct rtp_history *h, uint64_t now) {
	while (rtp_history_is_over(h, now))
		rtp_history_pop(h);
}

static inline uint8_t *rtp_history_long_header(const struct rtp_history *h, const struct rtp_history_entry *e) {
	return h->long_headers + (size_t)(e - h->entries) * (h->header_max - RTP_HISTORY_HEADER);
}

/* Makes room for a number that is not next: those between have no packet. */
void rtp_history_skip(struct rtp_history *h, uint64_t number);

/* Takes the place of a late packet: its number is behind the newest one. False: it is too old, or there. */
bool rtp_history_fill(struct rtp_history *h, uint64_t number);

/* Asks for the memory of the next packets, and of those that make room for them. */
static inline void rtp_history_prefetch(const struct rtp_history *h, uint64_t next) {
	for (unsigned i = 0; i < RTP_HISTORY_AHEAD / 2; i++)
		prefetch(&h->entries[(next + i) & (h->capacity - 1)], 1);
	for (unsigned i = 0; i < RTP_HISTORY_AHEAD; i++)
		prefetch(&h->entries[(h->first + i) & (h->capacity - 1)], 1);
}

/* Keeps a packet that is sent now. header has header_len + prefix_len bytes. A number below the newest one fills a hole. */
static inline void rtp_history_put(struct rtp_history *h, uint64_t number, const uint8_t *header, size_t header_len,
                                   size_t prefix_len, struct rtp_owner owner, size_t offset, size_t len, uint64_t now) {
	for (unsigned i = 0; i < 2 && rtp_history_is_over(h, now); i++)
		rtp_history_pop(h);
	prefetch(&h->entries[(number + RTP_HISTORY_AHEAD / 2) & (h->capacity - 1)], 1);
	if (__builtin_expect(number < h->next, 0)) {
		if (!rtp_history_fill(h, number))
			return;
	} else {
		if (__builtin_expect(number != h->next, 0))
			rtp_history_skip(h, number);
		if (h->next - h->first == h->capacity)
			rtp_history_pop(h);
		h->next = number + 1;
	}
	struct rtp_history_entry *e = &h->entries[number & (h->capacity - 1)];
	if (header_len + prefix_len > h->header_max || header_len > 255 || prefix_len > 255) {
		h->skipped++;
		e->owner.word = 0;
		return;
	}
	rtp_owner_ref(owner);
	e->owner = owner;
	e->sent = now;
	e->resent = 0;
	e->offset = (uint32_t)offset;
	e->len = (uint16_t)len;
	e->header_len = (uint8_t)header_len;
	e->prefix_len = (uint8_t)prefix_len;
	size_t all = header_len + prefix_len;
	memcpy(e->header, header, min64(all, RTP_HISTORY_HEADER));
	if (all > RTP_HISTORY_HEADER)
		memcpy(rtp_history_long_header(h, e), header + RTP_HISTORY_HEADER, all - RTP_HISTORY_HEADER);
}

/* Keeps a packet that is a header and `padding` bytes. They are made again when it is asked for. */
static inline void rtp_history_put_filler(struct rtp_history *h, uint64_t number, const uint8_t *header, size_t header_len,
                                          uint8_t padding, uint64_t now) {
	rtp_history_put(h, number, header, header_len, 0, rtp_owner_source(&h->filler), 0, padding, now);
}

/* The packet of this number; NULL when it is gone. */
static inline struct rtp_history_entry *rtp_history_find(struct rtp_history *h, uint64_t number) {
	if (number < h->first || number >= h->next)
		return NULL;
	struct rtp_history_entry *e = &h->entries[number & (h->capacity - 1)];
	return e->owner.word ? e : NULL;
}

static inline bool rtp_history_was_resent(const struct rtp_history_entry *e, uint64_t within, uint64_t now) {
	return e->resent && now - (e->sent + (e->resent - UINT64_C(1)) * 1000) < within;
}
static inline void rtp_history_note_resent(struct rtp_history_entry *e, uint64_t now) {
	e->resent = (uint32_t)min64((now - e->sent) / 1000 + 1, UINT32_MAX);
}
static inline uint8_t rtp_history_payload_type(const struct rtp_history_entry *e) {
	return e->header[1] & 127;
}

static inline size_t rtp_history_packet_len(const struct rtp_history_entry *e) {
	return (size_t)e->header_len + e->prefix_len + e->len;
}

/* Writes the packet again, with `hole` bytes left free between RTP's header and what follows. Returns its length, or
 *   SLUICE_NO_SPACE */
int rtp_history_gather(const struct rtp_history *h, const struct rtp_history_entry *e, size_t hole, uint8_t *space, size_t size);

#endif
