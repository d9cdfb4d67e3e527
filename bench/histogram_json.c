/* histogram_json.c: see its header. */
#include "histogram_json.h"

#include <math.h>
#include <stdio.h>

#define STEPS_TO_A_NINE 8
#define NINES 7

size_t histogram_json(const struct histogram *h, char out[HISTOGRAM_JSON_MAX]) {
	size_t n = (size_t)snprintf(out, HISTOGRAM_JSON_MAX, "[");
	for (int k = 0; k <= NINES * STEPS_TO_A_NINE && h->count; k++) {
		double above = pow(10, -(double)k / STEPS_TO_A_NINE);
		if (above * (double)h->count < 1)
			break;
		n += (size_t)snprintf(out + n, HISTOGRAM_JSON_MAX - n, "[%.8g,%.5g],", 1 - above,
		                      histogram_quantile(h, 1 - above) / 1e3);
	}
	if (h->count)
		n += (size_t)snprintf(out + n, HISTOGRAM_JSON_MAX - n, "[1,%.5g]", (double)h->max / 1e3);
	return n + (size_t)snprintf(out + n, HISTOGRAM_JSON_MAX - n, "]");
}
