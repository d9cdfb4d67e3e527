/* histogram: many times in little memory. How long did most of them take, and how long the slowest?
 *
 * Log-linear: 256 equal buckets to each doubling. Values below 512 ns are exact, those up to 2^47 ns (39 hours) are known within
 * 1/512 of their value (0.2 %). A longer one counts as 2^47 ns. min, max and sum are exact. A bucket counts up to 2^32 - 1.
 *
 * It knows no clock and no unit but ns. */
#ifndef TOOLS_HISTOGRAM_H
#define TOOLS_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS 256

struct histogram {
	uint64_t count, sum, min, max;
	uint32_t buckets[40 * HISTOGRAM_STEPS];
};

void histogram_add(struct histogram *h, uint64_t ns);
/* Adds what `from` has counted. The result is as if every value had been added here. */
void histogram_merge(struct histogram *h, const struct histogram *from);
/* Of the n values in order, the one with the number floor(q n), counted from 0; for q = 1 the largest. 0 when there is none. */
double histogram_quantile(const struct histogram *h, double q);

#endif
