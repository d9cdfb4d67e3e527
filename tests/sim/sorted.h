/* sorted: numbers in order, for medians and other quantiles. */
#ifndef TESTS_SIM_SORTED_H
#define TESTS_SIM_SORTED_H

#include <stdlib.h>

static inline int sorted_by_value(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}
static inline void sorted_doubles(double *values, size_t count) {
	qsort(values, count, sizeof *values, sorted_by_value);
}

#endif
