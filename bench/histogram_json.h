/* histogram_json: a histogram as JSON, for the report's graph of percentiles and for whoever wants to draw another one. */
#ifndef BENCH_HISTOGRAM_JSON_H
#define BENCH_HISTOGRAM_JSON_H

#include <stddef.h>

#include "tools/histogram.h"

/* Enough for any histogram. */
#define HISTOGRAM_JSON_MAX 2048

/* Writes [[share, us], ...]: how long the share of all took at most. The shares are 1 - 10^(-k/8) from 0 on, eight of them to
 * each nine of the percentile, as far as there are values that tell them apart. The last pair is the longest time, with share 1.
 * "[]" when there is nothing. Returns the length. */
size_t histogram_json(const struct histogram *h, char out[HISTOGRAM_JSON_MAX]);

#endif
