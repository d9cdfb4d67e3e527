/* history: the packets that one stream sent lately, so that a lost one can be sent again.
 *
 * An entry is not a copy of the packet. It has the header as it was sent and a place in the frame: (source, offset, length). A
 * retransmission gathers the payload from the frame once more, as SCTP's does from its message. So a frame's bytes exist once,
 * however many packets it became, and they are given back when the last of its packets leaves the history.
 *
 * A packet stays for `keep` ns, which the session sets to max(1 s, 3 round trips), and until `capacity` newer ones were sent.
 * What is older goes at the next rtp_history_put() or rtp_history_advance().
 *
 *   next - first <= capacity; numbers first <= n < next lie at n % capacity, those without a packet have source == NULL
 *   source->refs >= entries with this source
 *   header_len + prefix_len <= header_max
 *
 * The header has two parts. `header_len` bytes are RTP's, with the extension; `prefix_len` bytes behind them are the payload
 * format's own (the descriptor of VP8 and VP9, the header of an FU-A). RTX puts two bytes between them. */
#ifndef RTP_HISTORY_H
#define RTP_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arith.h"
#include "sluice/env.h"

#define RTP_HISTORY_PACKETS 1024
#define RTP_HISTORY_KEEP_MIN SLUICE_S

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

struct rtp_history_entry {
	struct rtp_source *source; /* NULL: no packet */
	uint64_t sent, resent;     /* resent: 0 when it never was */
	uint32_t offset;
	uint16_t len; /* of the part of the source */
	uint8_t header_len, prefix_len;
};

struct rtp_history {
	struct rtp_history_entry *entries;
	uint8_t *headers; /* header_max bytes for each entry */
	size_t header_max;
	uint64_t capacity; /* a power of two */
	uint64_t first, next;
	uint64_t keep;
	uint64_t skipped;         /* packets whose header was too long to be kept */
	struct rtp_source filler; /* stands for padding, and has no bytes */
};

/* capacity is a power of two; header_max is at most 510. Returns 0, or
 *   SLUICE_NO_MEMORY */
int rtp_history_open(struct rtp_history *h, sluice_env *env, size_t capacity, size_t header_max);
/* Gives all frames back: the numbers begin anew. h may be all zeros, for these two. */
void rtp_history_clear(struct rtp_history *h);
void rtp_history_close(struct rtp_history *h, sluice_env *env);
bool rtp_history_check(const struct rtp_history *h);

static inline void rtp_history_pop(struct rtp_history *h) {
	struct rtp_history_entry *e = &h->entries[h->first++ & (h->capacity - 1)];
	if (e->source)
		rtp_source_unref(e->source);
	e->source = NULL;
}

/* Drops what is too old at `now`. */
static inline void rtp_history_advance(struct rtp_history *h, uint64_t now) {
	while (h->first < h->next) {
		const struct rtp_history_entry *e = &h->entries[h->first & (h->capacity - 1)];
		if (e->source && (now <= e->sent || now - e->sent <= h->keep))
			break;
		rtp_history_pop(h);
	}
}

/* Makes room for a number that is not next: those between have no packet. */
void rtp_history_skip(struct rtp_history *h, uint64_t number);

/* Takes the place of a late packet: its number is behind the newest one. False: it is too old, or there. */
bool rtp_history_fill(struct rtp_history *h, uint64_t number);

/* Keeps a packet that is sent now. header has header_len + prefix_len bytes. A number below the newest one fills a hole. */
static inline void rtp_history_put(struct rtp_history *h, uint64_t number, const uint8_t *header, size_t header_len,
                                   size_t prefix_len, struct rtp_source *source, size_t offset, size_t len, uint64_t now) {
	rtp_history_advance(h, now);
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
		e->source = NULL;
		return;
	}
	source->refs++;
	*e = (struct rtp_history_entry){
		.source = source,
		.sent = now,
		.offset = (uint32_t)offset,
		.len = (uint16_t)len,
		.header_len = (uint8_t)header_len,
		.prefix_len = (uint8_t)prefix_len,
	};
	memcpy(h->headers + (number & (h->capacity - 1)) * h->header_max, header, header_len + prefix_len);
}

/* Keeps a packet that is a header and `padding` bytes. They are made again when it is asked for. */
static inline void rtp_history_put_filler(struct rtp_history *h, uint64_t number, const uint8_t *header, size_t header_len,
                                          uint8_t padding, uint64_t now) {
	rtp_history_put(h, number, header, header_len, 0, &h->filler, 0, padding, now);
}

/* The packet of this number; NULL when it is gone. */
static inline struct rtp_history_entry *rtp_history_find(struct rtp_history *h, uint64_t number) {
	if (number < h->first || number >= h->next)
		return NULL;
	struct rtp_history_entry *e = &h->entries[number & (h->capacity - 1)];
	return e->source ? e : NULL;
}

static inline size_t rtp_history_packet_len(const struct rtp_history_entry *e) {
	return (size_t)e->header_len + e->prefix_len + e->len;
}

/* Writes the packet again, with `hole` bytes left free between RTP's header and what follows. Returns its length, or
 *   SLUICE_NO_SPACE */
int rtp_history_gather(const struct rtp_history *h, const struct rtp_history_entry *e, size_t hole, uint8_t *space, size_t size);

#endif
