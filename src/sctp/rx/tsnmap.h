/* tsnmap: which TSNs has the peer sent us?
 *
 * A ring of 64-bit words, one bit a TSN, from the cumulative TSN upwards. It answers three questions: is this TSN new,
 * how far is everything received (cum), and which blocks lie above that (for the SACK). It knows no streams and no
 * messages, and the reassembly does not use it.
 *
 *   highest >= cum, and highest - cum <= capacity (in bits)
 *   the bit of TSN t stands at t mod capacity; bits of TSNs outside (cum, highest] are 0; the bit of cum + 1 is 0
 *
 * Memory: capacity / 8 bytes, none while nothing is missing, grown by doubling up to TSNMAP_MAX; a TSN beyond that is
 * refused, so a stranger cannot make it grow. Gap blocks hold 16-bit offsets, so more could not be reported anyway.
 * Cost: in order, two additions; out of order, one word; blocks are found by counting trailing zeros. */
#ifndef SCTP_RX_TSNMAP_H
#define SCTP_RX_TSNMAP_H

#include "base/walk.h"
#include "pool/env.h"

#define TSNMAP_MAX 65536u

struct tsnmap {
	sluice_env *env;
	uint64_t *words;
	uint32_t capacity; /* bits; a power of two, or 0 */
	uint64_t cum, highest;
};

enum tsnmap_result {
	TSNMAP_NEW,
	TSNMAP_DUPLICATE,
	TSNMAP_BEYOND, /* too far ahead, or no memory to remember it */
};

/* The first TSN that is expected is cum + 1. */
void tsnmap_init(struct tsnmap *m, sluice_env *env, uint64_t cum);
void tsnmap_free(struct tsnmap *m);
/* Nothing has come for a while: gives the ring back when nothing is missing. */
void tsnmap_rest(struct tsnmap *m);

/* Is it the one that is expected, with nothing missing before it? */
static inline bool tsnmap_is_next(const struct tsnmap *m, uint64_t tsn) {
	return tsn == m->cum + 1 && m->highest == m->cum;
}
/* Is it new? Makes room for it, so that tsnmap_add cannot fail; asked first, so that a chunk that cannot be stored is not
 * marked. */
enum tsnmap_result tsnmap_test_any(struct tsnmap *m, uint64_t tsn);
static inline enum tsnmap_result tsnmap_test(struct tsnmap *m, uint64_t tsn) {
	return __builtin_expect(tsnmap_is_next(m, tsn), 1) ? TSNMAP_NEW : tsnmap_test_any(m, tsn);
}
/* Marks a TSN for which tsnmap_test said TSNMAP_NEW. */
void tsnmap_add_any(struct tsnmap *m, uint64_t tsn);
static inline void tsnmap_add(struct tsnmap *m, uint64_t tsn) {
	if (__builtin_expect(tsnmap_is_next(m, tsn), 1))
		m->cum = m->highest = tsn;
	else
		tsnmap_add_any(m, tsn);
}

/* FORWARD-TSN: everything up to cum counts as received. */
void tsnmap_forward(struct tsnmap *m, uint64_t cum);

/* The first block of received TSNs at or above *start and above cum; false when there is none. Iterate with
 * start = end + 1. */
bool tsnmap_block(const struct tsnmap *m, uint64_t *start, uint64_t *end);

static inline bool tsnmap_has_gap(const struct tsnmap *m) {
	return m->highest > m->cum;
}
/* A hand-over: cum, and the blocks above it. The map that is read into was just made. */
void tsnmap_walk(struct tsnmap *m, struct walk *w);
bool tsnmap_check(const struct tsnmap *m);

#endif
