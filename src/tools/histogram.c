/* histogram: see its header. */
#include "tools/histogram.h"

static unsigned bucket_of(uint64_t ns) {
	if (ns < HISTOGRAM_STEPS)
		return (unsigned)ns;
	unsigned octave = 63 - (unsigned)__builtin_clzll(ns) - 8; /* ns >> octave is in 256..511 */
	unsigned bucket = octave * HISTOGRAM_STEPS + (unsigned)(ns >> octave);
	unsigned last = sizeof(((struct histogram *)0)->buckets) / sizeof(uint32_t) - 1;
	return bucket < last ? bucket : last;
}

/* The middle of a bucket. */
static double value_of(unsigned bucket) {
	if (bucket < 2 * HISTOGRAM_STEPS)
		return bucket;
	unsigned octave = bucket / HISTOGRAM_STEPS - 1;
	return ((double)(bucket - octave * HISTOGRAM_STEPS) + 0.5) * (double)(UINT64_C(1) << octave);
}

void histogram_add(struct histogram *h, uint64_t ns) {
	if (!h->count || ns < h->min)
		h->min = ns;
	if (ns > h->max)
		h->max = ns;
	h->count++;
	h->sum += ns;
	h->buckets[bucket_of(ns)]++;
}

void histogram_merge(struct histogram *h, const struct histogram *from) {
	if (from->count && (!h->count || from->min < h->min))
		h->min = from->min;
	if (from->max > h->max)
		h->max = from->max;
	h->count += from->count;
	h->sum += from->sum;
	for (unsigned i = 0; i < sizeof h->buckets / sizeof *h->buckets; i++)
		h->buckets[i] += from->buckets[i];
}

double histogram_quantile(const struct histogram *h, double q) {
	uint64_t rank = (uint64_t)(q * (double)h->count), seen = 0;
	if (rank >= h->count)
		return (double)h->max;
	for (unsigned i = 0; i < sizeof h->buckets / sizeof *h->buckets; i++) {
		seen += h->buckets[i];
		if (seen > rank) {
			double v = value_of(i); /* a bucket reaches beyond what was measured */
			return v < (double)h->min ? (double)h->min : v > (double)h->max ? (double)h->max : v;
		}
	}
	return (double)h->max;
}
