/* Does the histogram say what the sorted values would say, within the error that its header states, also at the ends of its range
 * and when two are merged? */
#include <stdlib.h>

#include "sim/rng.h"
#include "sim/sorted.h"
#include "suite.h"
#include "tools/histogram.h"

#define VALUES 20000
#define ERROR (1. / 512)

static struct histogram h, other, all;
static struct rng dice;
static const double quantiles[] = {0, .01, .1, .25, .5, .75, .9, .99, .999, .9999, 1};

/* Values of every magnitude from 0 to 2^bits - 1: about as many between 1 and 2 us as between 1 and 2 s. */
static uint64_t any_magnitude(unsigned bits) {
	return rng_next(&dice) >> (64 - bits) >> (rng_next(&dice) % bits);
}

static double exact(const double *sorted, size_t n, double q) {
	size_t rank = (size_t)(q * (double)n);
	return sorted[rank < n ? rank : n - 1];
}

static void assert_near(double got, double want) {
	ck_assert_msg(got >= want * (1 - ERROR) && got <= want * (1 + ERROR), "%.6f, but sorted values say %.6f", got, want);
}

static void check_values(unsigned bits) {
	double *values = calloc(VALUES, sizeof *values);
	ck_assert_ptr_nonnull(values);
	for (size_t i = 0; i < VALUES; i++) {
		uint64_t v = any_magnitude(bits);
		values[i] = (double)v;
		histogram_add(&h, v);
	}
	sorted_doubles(values, VALUES);
	for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++)
		assert_near(histogram_quantile(&h, quantiles[i]), exact(values, VALUES, quantiles[i]));
	ck_assert_uint_eq(h.min, (uint64_t)values[0]);
	ck_assert_uint_eq(h.max, (uint64_t)values[VALUES - 1]);
	free(values);
}

START_TEST(test_percentiles_are_those_of_the_sorted_values_within_the_error) {
	static const unsigned bits[] = {4, 9, 10, 20, 31, 47};
	dice = rng_of(1, 0);
	for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
		memset(&h, 0, sizeof h);
		check_values(bits[i]);
	}
}
END_TEST

START_TEST(test_small_values_are_exact) {
	for (uint64_t v = 0; v < 512; v++)
		histogram_add(&h, v);
	for (uint64_t v = 0; v < 512; v++)
		ck_assert_double_eq(histogram_quantile(&h, ((double)v + .5) / 512), (double)v);
}
END_TEST

START_TEST(test_one_value_is_every_percentile) {
	histogram_add(&h, 123456789);
	for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++)
		ck_assert_double_eq(histogram_quantile(&h, quantiles[i]), 123456789);
}
END_TEST

START_TEST(test_nothing_has_no_percentile) {
	for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++)
		ck_assert_double_eq(histogram_quantile(&h, quantiles[i]), 0);
}
END_TEST

START_TEST(test_the_end_of_the_range_is_near_and_what_is_beyond_counts_as_it) {
	const uint64_t end = UINT64_C(1) << 47;
	histogram_add(&h, end - 1);
	histogram_add(&h, end);
	histogram_add(&h, UINT64_MAX);
	assert_near(histogram_quantile(&h, 0), (double)end);
	assert_near(histogram_quantile(&h, .5), (double)end);
	ck_assert_double_eq(histogram_quantile(&h, 1), (double)UINT64_MAX);
	ck_assert_uint_eq(h.max, UINT64_MAX);
	ck_assert_uint_eq(h.count, 3);
}
END_TEST

START_TEST(test_merged_ones_are_as_one_that_counted_everything) {
	dice = rng_of(1, 0);
	for (size_t i = 0; i < VALUES; i++) {
		uint64_t v = any_magnitude(40) + (i % 3 ? 1000 : 500); /* the smallest is in the one that is merged */
		histogram_add(i % 3 ? &h : &other, v);
		histogram_add(&all, v);
	}
	histogram_merge(&h, &other);
	ck_assert_mem_eq(&h, &all, sizeof all);
}
END_TEST

START_TEST(test_nothing_changes_nothing_when_it_is_merged) {
	histogram_add(&h, 1000);
	struct histogram before = h;
	histogram_merge(&h, &other);
	ck_assert_mem_eq(&h, &before, sizeof h);
	histogram_merge(&other, &h);
	ck_assert_mem_eq(&h, &other, sizeof h);
}
END_TEST

SUITE("histogram", test_percentiles_are_those_of_the_sorted_values_within_the_error, test_small_values_are_exact,
      test_one_value_is_every_percentile, test_nothing_has_no_percentile,
      test_the_end_of_the_range_is_near_and_what_is_beyond_counts_as_it, test_merged_ones_are_as_one_that_counted_everything,
      test_nothing_changes_nothing_when_it_is_merged)
