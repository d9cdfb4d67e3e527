/* How fast may data be while media shares its path? Judged from figures, without a path. */
#include "peer/yield.h"
#include "sluice/env.h"
#include "suite.h"

static struct yield y;
static struct yield_news n;
static uint64_t room; /* what media was offered last */

/* Both send at these rates for that long, and the app keeps to the bound. */
static void go(uint64_t media, uint64_t data, uint64_t ns) {
	for (uint64_t end = n.now + ns; n.now < end;) {
		n.now += 100 * SLUICE_MS;
		n.media_bytes += media / 80;
		n.data_bytes += y.bound && y.bound < data / 8 ? y.bound / 10 : data / 80;
		ck_assert(yield_is_due(&y, n.now));
		uint64_t offered = yield_judge(&y, &n);
		room = offered ? offered : room;
		ck_assert(!yield_is_due(&y, n.now));
		ck_assert(y.bound == 0 || y.bound >= YIELD_LEAST);
	}
}

static void begin(uint64_t target) {
	y = (struct yield){.next = 0};
	n = (struct yield_news){.now = SLUICE_S, .target = target, .most = 100000000};
	room = 0;
}

START_TEST(test_media_that_misses_nothing_leaves_data_alone) {
	begin(1000000);
	go(50000, 50000000, 10 * SLUICE_S);
	ck_assert_uint_eq(y.bound, 0);
	ck_assert_uint_eq(room, 0);
}
END_TEST

START_TEST(test_hungry_media_gets_all_but_a_tenth_and_is_offered_what_both_have) {
	begin(1000000);
	go(1000000, 2000000, 3 * SLUICE_S);
	ck_assert_uint_lt(y.bound, 2000000 / 8);
	ck_assert_uint_gt(room, 2000000);
	ck_assert_uint_lt(room, 3100000);
	go(1000000, 2000000, 10 * SLUICE_S);
	ck_assert_uint_eq(y.bound, 1000000 / 8 / 10);
}
END_TEST

START_TEST(test_slow_media_leaves_some_kilobytes) {
	begin(30000);
	go(30000, 100000, 20 * SLUICE_S);
	ck_assert_uint_eq(y.bound, YIELD_LEAST);
}
END_TEST

START_TEST(test_media_at_its_most_is_not_hungry) {
	begin(1000000);
	n.most = 1000000;
	go(1000000, 2000000, 10 * SLUICE_S);
	ck_assert_uint_eq(y.bound, 0);
}
END_TEST

START_TEST(test_congestion_takes_more_from_data_than_from_media_and_the_way_back_is_slower_near_it) {
	begin(1000000);
	go(500000, 2000000, 5 * SLUICE_S);
	n.congested = true;
	go(500000, 2000000, 100 * SLUICE_MS);
	n.congested = false;
	uint64_t cut = y.bound;
	ck_assert_uint_lt(cut, 85 * (2000000 / 8) / 100);
	ck_assert_uint_gt(cut, 2000000 / 8 / 2);
	go(500000, 2000000, 400 * SLUICE_MS);
	ck_assert_uint_eq(y.bound, cut);
	go(500000, 2000000, SLUICE_S);
	uint64_t first = y.bound - cut;
	go(500000, 2000000, 2 * SLUICE_S);
	uint64_t before = y.bound;
	go(500000, 2000000, SLUICE_S);
	ck_assert_uint_gt(y.bound, before);
	ck_assert_uint_lt(y.bound - before, first);
}
END_TEST

START_TEST(test_data_that_is_not_sent_does_not_raise_the_bound) {
	begin(1000000);
	go(1000000, 2000000, 10 * SLUICE_S);
	uint64_t least = y.bound;
	go(500000, 0, 20 * SLUICE_S);
	ck_assert_uint_lt(y.bound, 2 * least);
}
END_TEST

START_TEST(test_the_bound_ends_a_second_after_media) {
	begin(1000000);
	go(1000000, 2000000, 10 * SLUICE_S);
	go(0, 2000000, 900 * SLUICE_MS);
	ck_assert_uint_gt(y.bound, 0);
	go(0, 2000000, 200 * SLUICE_MS);
	ck_assert_uint_eq(y.bound, 0);
}
END_TEST

SUITE("yield to media", test_media_that_misses_nothing_leaves_data_alone,
      test_hungry_media_gets_all_but_a_tenth_and_is_offered_what_both_have, test_slow_media_leaves_some_kilobytes,
      test_media_at_its_most_is_not_hungry,
      test_congestion_takes_more_from_data_than_from_media_and_the_way_back_is_slower_near_it,
      test_data_that_is_not_sent_does_not_raise_the_bound, test_the_bound_ends_a_second_after_media)
