/* arith: minimum, maximum, and a product divided without overflow in between. */
#ifndef BASE_ARITH_H
#define BASE_ARITH_H

#include <stdint.h>

static inline uint64_t min64(uint64_t a, uint64_t b) {
	return a < b ? a : b;
}
static inline uint64_t max64(uint64_t a, uint64_t b) {
	return a > b ? a : b;
}
/* a * b / c, rounded down. a * b may need more than 64 bits; the result must not. */
static inline uint64_t mul_div64(uint64_t a, uint64_t b, uint64_t c) {
	return (uint64_t)((unsigned __int128)a * b / c);
}

#endif
