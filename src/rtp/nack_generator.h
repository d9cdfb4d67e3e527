/* nack_generator: which packets of a stream are missing, and when is each asked for? RFC 4585, 6.2.1.
 *
 * A window of NACK_WINDOW numbers behind the highest has a bit for each packet that is missing, the time when it is next asked
 * for, and how often it was. A packet in sequence costs one comparison and one bit.
 *
 * Packets may overtake each other. A missing packet is first asked for when `gap` packets came behind it, or when it has been
 * missing for a quarter of the round trip, at most 50 ms, since the stream may pause. The gap is learnt: a packet that comes late
 * by itself raises it to just above its own lateness; a thousand packets in order lower it by one.
 *
 * It is asked for again each round trip, NACK_TRIES times at most. The round trip has a margin of an eighth, at least 5 ms:
 * an answer that is on its way must not be asked for twice. Answers wait in the sender's pacer and in the path's queue, so they
 * take longer than reports do; the longest such wait of late is the margin when it is larger.
 *
 * A packet that leaves the window, or is asked for in vain, is given up. When more than NACK_MISSING are missing, all of them
 * are. Each of these sets `is_broken` once: the session then asks for a keyframe, which repairs a video whatever was lost.
 *
 *   missing == bits set in the window; missing <= NACK_MISSING between calls
 *   a bit is set only for a number n with first < n < highest and highest - n < NACK_WINDOW
 *   next_due <= due of every missing packet that was asked for
 *   oldest_waiting <= each missing packet that was not; SLUICE_NEVER when there is none */
#ifndef RTP_NACK_GENERATOR_H
#define RTP_NACK_GENERATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/env.h"

#define NACK_WINDOW 1024
#define NACK_WORDS (NACK_WINDOW / 64)
#define NACK_MISSING 1000
#define NACK_TRIES 10
#define NACK_GAP_MAX 128
#define NACK_SILENCE SLUICE_S

struct nack_generator {
	uint64_t highest; /* 0: no packet came yet */
	uint64_t latest;  /* when that came */
	uint64_t next_due;
	uint64_t oldest_waiting;
	uint64_t round_trip;
	uint64_t wait; /* how much longer answers take */
	uint32_t missing;
	uint16_t gap;
	uint16_t in_order; /* packets in order since the gap was last changed */
	bool is_broken;

	uint64_t asked;    /* numbers asked for, each time counted */
	uint64_t given_up; /* packets */
	uint64_t came;     /* missing packets that came after all */

	uint64_t bits[NACK_WORDS];
	uint64_t due[NACK_WINDOW];   /* valid where the bit is set */
	uint64_t since[NACK_WINDOW]; /* when it was missed, or last asked for */
	uint8_t tries[NACK_WINDOW];
};

void nack_generator_init(struct nack_generator *g, uint64_t round_trip);
bool nack_generator_check(const struct nack_generator *g);

/* ns, above 0. It is used from the next time that a packet is asked for. */
static inline void nack_generator_round_trip(struct nack_generator *g, uint64_t round_trip) {
	g->round_trip = round_trip;
}

static inline bool nack_generator_is_missing(const struct nack_generator *g, uint64_t number) {
	return g->bits[number % NACK_WINDOW / 64] >> (number % 64) & 1;
}

/* The part of nack_generator_take() for packets that are not next. */
bool nack_generator_take_other(struct nack_generator *g, uint64_t number, bool is_repair, uint64_t now);
/* Gives the packet up that leaves the window. */
void nack_generator_drop(struct nack_generator *g, uint64_t number);

/* A packet came; is_repair says that it came as an RTX packet. Returns false when it was not missing: a duplicate, or older than
 * the window. The caller throws that away or not, as it likes. */
static inline bool nack_generator_take(struct nack_generator *g, uint64_t number, bool is_repair, uint64_t now) {
	if (__builtin_expect(number != g->highest + 1, 0))
		return nack_generator_take_other(g, number, is_repair, now);
	g->highest = number;
	g->latest = now;
	if (g->missing) {
		if (nack_generator_is_missing(g, number))
			nack_generator_drop(g, number - NACK_WINDOW);
		if (number >= g->oldest_waiting && number - g->oldest_waiting >= g->gap && now < g->next_due)
			g->next_due = now;
	}
	if (g->gap > 1 && ++g->in_order == 1000) {
		g->in_order = 0;
		g->gap--;
	}
	return true;
}

/* When nack_generator_output() may have something. SLUICE_NEVER: nothing is missing. */
static inline uint64_t nack_generator_deadline(const struct nack_generator *g) {
	return g->next_due;
}

/* Stores the missing numbers that are due, at most max of them, ascending, and counts them as asked for. Returns how many. Call
 * it again when it returned max. */
size_t nack_generator_output(struct nack_generator *g, uint64_t *numbers, size_t max, uint64_t now);

/* What lies below the number is no longer needed: a keyframe begins there. */
void nack_generator_pass(struct nack_generator *g, uint64_t number);

#endif
