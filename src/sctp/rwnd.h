/* rwnd: how large a receive window is promised: what the path needs, within a budget.
 *
 * Dynamic right-sizing: a sender that is not held back by the window fills its congestion window, and in slow start doubles that
 * every round trip; so the window follows at four times what was taken off it in a round trip, half of that for the doubling, and
 * half for what piles up behind a hole while that is mended. A window that the app does not empty does not grow, and one that
 * grew never shrinks: what was promised stays.
 *
 *   initial <= size <= max
 *   size - initial is part of env->window_lent, which is at most env->window_budget */
#ifndef SCTP_RWND_H
#define SCTP_RWND_H

#include "pool/env.h"

struct rwnd {
	sluice_env *env;
	uint64_t size, initial, max;
	uint64_t taken;       /* bytes received since the round began, ... */
	uint64_t held_before; /* ... and what the app had not released then */
	uint64_t round_began; /* 0: not yet */
};

void rwnd_init(struct rwnd *r, sluice_env *env, uint64_t initial, uint64_t max);
/* Gives the budget back; the window is the initial one again. */
void rwnd_reset(struct rwnd *r);
/* Payload came. held: what fills the window now; rtt in ns, the least one known, 0: none. True: the window has grown. */
bool rwnd_received(struct rwnd *r, uint64_t bytes, uint64_t held, uint64_t rtt, uint64_t now);

/* Messages that are not whole fill the window, and the app can take none of them: twice its size. False: that cannot be. */
bool rwnd_grow(struct rwnd *r);

#endif
