/* clocks: bad ones, for tests of verbs that are given their time. A watch is a clock of one host. */
#ifndef SIM_CLOCKS_H
#define SIM_CLOCKS_H

#include "rng.h"
#include "sluice/env.h"

/* What a clock of this kind says at `now`, when it said `last` before. */
typedef uint64_t (*clock_fn)(struct rng *rng, uint64_t last, uint64_t now);

static inline uint64_t clock_repeats(struct rng *rng, uint64_t last, uint64_t now) {
	return last && rng_chance(rng, 0.4) ? last : now;
}
static inline uint64_t clock_steps_back_1ns(struct rng *rng, uint64_t last, uint64_t now) {
	(void)last;
	return now - rng_chance(rng, 0.4);
}
static inline uint64_t clock_steps_back_1s(struct rng *rng, uint64_t last, uint64_t now) {
	(void)last;
	return now - (rng_chance(rng, 0.4) ? SLUICE_S : 0);
}

struct watch {
	clock_fn kind;
	struct rng rng;
	uint64_t last;
};

/* A sim_host's clock, with a watch as its clock_ctx. */
static inline uint64_t watch_read(void *watch, uint64_t now) {
	struct watch *w = watch;
	w->last = w->kind(&w->rng, w->last, now);
	return w->last;
}

#endif
