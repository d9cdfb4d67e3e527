/* replay: was a record with this number taken already?
 *
 * A ring of 64-bit words, one bit a number, ending at the highest number taken. A number that is further back than the ring
 * reaches counts as taken, because nobody can know. Only records that authenticated may be marked: a stranger who could mark a
 * number would move the window, and the peer's own records would fall out of it.
 *
 *   highest == the highest number marked; any == false before the first
 *   bit n of the ring, for highest - REPLAY_SIZE < n <= highest, is set exactly when n was marked
 *
 * RFC 6347, 4.1.2.6: "A minimum window size of 32 MUST be supported, but a window size of 64 is preferred and SHOULD be employed
 * as the default." RFC 3711, 3.3.2, says the same of SRTP. The receiver may choose a larger one: a path that reorders within a
 * burst of 64 KiB needs it, and so do the 1,024 packets of media that a NACK may ask for. */
#ifndef BASE_REPLAY_H
#define BASE_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#define REPLAY_WORDS 17u
/* The word that the window ends in is part of the ring and may be used up but for one bit. */
#define REPLAY_SIZE (64u * (REPLAY_WORDS - 1))

struct replay {
	uint64_t highest;
	bool any;
	uint64_t words[REPLAY_WORDS];
};

static inline uint64_t *replay_word(struct replay *r, uint64_t number) {
	return &r->words[number / 64 % REPLAY_WORDS];
}

/* Is the number further back than the ring reaches? */
static inline bool replay_is_old(const struct replay *r, uint64_t number) {
	return r->any && number < r->highest && r->highest - number >= REPLAY_SIZE;
}

static inline bool replay_is_new(const struct replay *r, uint64_t number) {
	if (!r->any || number > r->highest)
		return true;
	if (r->highest - number >= REPLAY_SIZE)
		return false;
	return !(r->words[number / 64 % REPLAY_WORDS] >> number % 64 & 1);
}

/* Moves the end of the ring; the words that come into it anew are cleared. Mostly there are none. */
static inline void replay_move(struct replay *r, uint64_t number) {
	uint64_t from = r->highest / 64, to = number / 64;
	r->highest = number;
	if (from == to)
		return;
	for (uint64_t i = to - from < REPLAY_WORDS ? from + 1 : to - REPLAY_WORDS + 1; i <= to; i++)
		r->words[i % REPLAY_WORDS] = 0;
}

/* The record is authentic: marks its number. False: the number was taken already, or lies behind the window. */
static inline bool replay_mark(struct replay *r, uint64_t number) {
	uint64_t bit = UINT64_C(1) << number % 64;
	if (!r->any || number > r->highest) {
		replay_move(r, number);
		r->any = true;
	} else if (r->highest - number >= REPLAY_SIZE || *replay_word(r, number) & bit) {
		return false;
	}
	*replay_word(r, number) |= bit;
	return true;
}

#endif
