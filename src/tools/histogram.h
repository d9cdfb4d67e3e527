/* histogram: many times in little memory. Values in ns are kept within 0.4 %: 256 buckets to each doubling. */
#ifndef TOOLS_HISTOGRAM_H
#define TOOLS_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS 256

struct histogram {
	uint64_t count, sum, min, max;
	uint32_t buckets[40 * HISTOGRAM_STEPS];
};

void histogram_add(struct histogram *h, uint64_t ns);
/* The value that the share `q` (0..1) of all lies at or below. */
double histogram_quantile(const struct histogram *h, double q);

#endif
