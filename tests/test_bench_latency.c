/* Does the bench of latencies see what a person at the other end would see? Its schedule, what a receiver that stands still does
 * to the percentiles, and the JSON of a histogram. Only lower bounds of times are asserted, so a busy machine does no harm. */
#include <jansson.h>
#include <stdio.h>

#include "histogram_json.h"
#include "latency_pair.h"
#include "open_loop.h"
#include "sluice/env.h"
#include "suite.h"

/* ---- the schedule ---- */

START_TEST(test_messages_are_due_at_the_rate) {
	struct open_loop o = {.start = 1000 * SLUICE_S, .rate = 3};
	ck_assert_uint_eq(open_loop_due(&o, 0), 1000 * SLUICE_S);
	ck_assert_uint_eq(open_loop_due(&o, 1), 1000 * SLUICE_S + 333333333);
	ck_assert_uint_eq(open_loop_due(&o, 3), 1001 * SLUICE_S);
	ck_assert_uint_eq(open_loop_due(&o, 3000000000), 1000 * SLUICE_S + 1000000000 * SLUICE_S);
}
END_TEST

START_TEST(test_nothing_is_taken_before_it_is_due) {
	struct open_loop o = {.start = SLUICE_S, .rate = 1000};
	uint64_t due;
	ck_assert(!open_loop_take(&o, SLUICE_S - 1, &due));
	ck_assert(open_loop_take(&o, SLUICE_S, &due));
	ck_assert(!open_loop_take(&o, SLUICE_S + SLUICE_MS - 1, &due));
	ck_assert_uint_eq(o.next, 1);
}
END_TEST

START_TEST(test_what_was_due_while_the_sender_was_away_keeps_its_time) {
	struct open_loop o = {.start = SLUICE_S, .rate = 1000};
	uint64_t due, now = SLUICE_S + 50 * SLUICE_MS;
	for (uint64_t i = 0; i <= 50; i++) {
		ck_assert(open_loop_take(&o, now, &due));
		ck_assert_uint_eq(due, SLUICE_S + i * SLUICE_MS);
	}
	ck_assert(!open_loop_take(&o, now, &due));
}
END_TEST

/* ---- two processes ---- */

static double ms_at(const struct latency_result *r, double share) {
	return histogram_quantile(&r->times, share) / 1e6;
}

static struct latency_result result;

/* 900 messages count. 200 of them are due in the 100 ms in which the receiver sleeps, and wait for its end: 45 of them, a
 * twentieth of all, 77 ms and longer, 90 of them 55 ms and longer. */
static void see_a_stall(bool echo) {
	latency_pair_run(&(struct latency_run){.size = 64, .rate = 2000, .seconds = .5, .stall = .1, .echo = echo}, &result);
	ck_assert_uint_eq(result.times.count, 900);
	ck_assert_double_ge((double)result.times.max / 1e6, 100);
	ck_assert_double_ge(ms_at(&result, .99), 95);
	ck_assert_double_ge(ms_at(&result, .95), 77);
	ck_assert_double_ge(ms_at(&result, .9), 54.5);
}

START_TEST(test_a_receiver_that_stands_still_is_seen_in_the_percentiles) {
	see_a_stall(false);
}
END_TEST

START_TEST(test_an_echo_that_stands_still_is_seen_in_them_too) {
	see_a_stall(true);
}
END_TEST

START_TEST(test_a_receiver_that_goes_on_has_each_message_once) {
	latency_pair_run(&(struct latency_run){.size = 1024, .rate = 5000, .seconds = .2}, &result);
	ck_assert_uint_eq(result.times.count, 900);
	ck_assert_uint_gt(result.times.min, 0);
	ck_assert_uint_ge(result.times.max, result.times.min);
}
END_TEST

START_TEST(test_without_a_rate_the_channel_is_kept_full) {
	latency_pair_run(&(struct latency_run){.size = 1024, .seconds = .2}, &result);
	ck_assert_uint_gt(result.times.count, 1); /* a busy machine carried 16 */
	ck_assert_uint_gt(result.last, result.first);
}
END_TEST

/* ---- JSON ---- */

static struct histogram h;

static json_t *json_of_h(void) {
	char text[HISTOGRAM_JSON_MAX];
	size_t len = histogram_json(&h, text);
	ck_assert_uint_eq(len, strlen(text));
	json_t *j = json_loads(text, 0, NULL);
	ck_assert_msg(json_is_array(j), "%s", text);
	return j;
}

static double number(const json_t *j, size_t pair, size_t which) {
	return json_number_value(json_array_get(json_array_get(j, pair), which));
}

START_TEST(test_the_json_of_nothing_is_empty) {
	json_t *j = json_of_h();
	ck_assert_uint_eq(json_array_size(j), 0);
	json_decref(j);
}
END_TEST

START_TEST(test_the_json_goes_from_the_shortest_time_to_the_longest) {
	for (uint64_t i = 1; i <= 100000; i++)
		histogram_add(&h, i * 1000);
	json_t *j = json_of_h();
	size_t n = json_array_size(j);
	ck_assert_uint_eq(n, 5 * 8 + 2); /* five nines, and the longest */
	ck_assert_double_eq(number(j, 0, 0), 0);
	ck_assert_double_eq_tol(number(j, 0, 1), 1, .002);
	ck_assert_double_eq(number(j, n - 1, 0), 1);
	ck_assert_double_eq(number(j, n - 1, 1), 100000);
	for (size_t i = 1; i < n; i++) {
		ck_assert_double_gt(number(j, i, 0), number(j, i - 1, 0));
		ck_assert_double_ge(number(j, i, 1), number(j, i - 1, 1));
		ck_assert_double_eq_tol(number(j, i, 1) / 1e5, number(j, i, 0), .003);
	}
	json_decref(j);
}
END_TEST

START_TEST(test_the_json_of_very_many_times_fits) {
	for (unsigned i = 0; i < 40 * HISTOGRAM_STEPS; i++)
		h.buckets[i] = 1000000;
	h.count = 40 * HISTOGRAM_STEPS * UINT64_C(1000000);
	h.max = UINT64_MAX;
	json_t *j = json_of_h();
	ck_assert_uint_eq(json_array_size(j), 7 * 8 + 2);
	json_decref(j);
}
END_TEST

SUITE("bench latency", test_messages_are_due_at_the_rate, test_nothing_is_taken_before_it_is_due,
      test_what_was_due_while_the_sender_was_away_keeps_its_time, test_a_receiver_that_stands_still_is_seen_in_the_percentiles,
      test_an_echo_that_stands_still_is_seen_in_them_too, test_a_receiver_that_goes_on_has_each_message_once,
      test_without_a_rate_the_channel_is_kept_full, test_the_json_of_nothing_is_empty,
      test_the_json_goes_from_the_shortest_time_to_the_longest, test_the_json_of_very_many_times_fits)
