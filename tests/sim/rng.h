/* rng: the simulator's dice. xoshiro256**, seeded through splitmix64, so that one 64-bit number names a whole run.
 *
 * Every link and every host has a generator of its own, made from the world's seed and a number of the stream. So when one of
 * them behaves differently, the others still draw the same numbers. */
#ifndef TESTS_SIM_RNG_H
#define TESTS_SIM_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct rng {
	uint64_t s[4];
};

static inline uint64_t rng_splitmix(uint64_t *x) {
	uint64_t z = (*x += UINT64_C(0x9e3779b97f4a7c15));
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Two different (seed, stream) pairs give unrelated sequences. */
static inline struct rng rng_of(uint64_t seed, uint64_t stream) {
	struct rng r;
	uint64_t x = seed;
	x = rng_splitmix(&x) ^ (stream * UINT64_C(0xd1342543de82ef95) + 1);
	for (int i = 0; i < 4; i++)
		r.s[i] = rng_splitmix(&x);
	return r;
}

static inline uint64_t rng_rotate(uint64_t x, int k) {
	return (x << k) | (x >> (64 - k));
}

static inline uint64_t rng_next(struct rng *r) {
	uint64_t *s = r->s, result = rng_rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rng_rotate(s[3], 45);
	return result;
}

/* 0 <= result < n; n >= 1. */
static inline uint64_t rng_below(struct rng *r, uint64_t n) {
	return rng_next(r) % n;
}
static inline uint64_t rng_range(struct rng *r, uint64_t low, uint64_t high) {
	return low + rng_below(r, high - low + 1);
}
static inline bool rng_chance(struct rng *r, double probability) {
	return probability > 0 && (double)(rng_next(r) >> 11) * 0x1.0p-53 < probability;
}
static inline void rng_fill(struct rng *r, void *buf, size_t len) {
	uint8_t *p = buf;
	for (size_t i = 0; i < len; i += 8) {
		uint64_t v = rng_next(r);
		memcpy(p + i, &v, len - i < 8 ? len - i : 8);
	}
}
/* The same, as the entropy function of a sluice_env_config; its entropy_ctx is the rng. */
static inline void rng_entropy(void *rng, void *buf, size_t len) {
	rng_fill(rng, buf, len);
}

#endif
