/* Chance or a full queue? Rule by rule, over round trips that the tests make up. */
#include "sctp/tx/cc_random.h"
#include "suite.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
#define MTU 1000u
#define BASE (50 * MS)
#define PACKETS 400u /* in a round trip */

struct line {
	struct cc_random r;
	struct cc_view v;
	uint64_t now, base, last_cut;
};

static struct line line(void) {
	struct line l = {.v = {.mtu = MTU, .cwnd = PACKETS * MTU, .srtt = BASE}, .now = SECOND, .base = BASE};
	cc_random_begin(&l.r);
	return l;
}

/* One SACK for two packets. */
static void sack(struct line *l, uint64_t delay, uint64_t lost) {
	l->now += BASE / PACKETS * 2;
	struct cc_ack a = {.now = l->now, .bytes = 2 * MTU, .lost = lost * MTU, .rtt = l->base + delay};
	cc_random_ack(&l->r, &l->v, &a, l->last_cut);
}

/* Round trips in which the queue goes evenly from one delay to the other; of 10,000 packets `lost` are lost. */
static void rounds(struct line *l, unsigned count, uint64_t from, uint64_t to, unsigned lost) {
	unsigned steps = count * PACKETS / 2, due = 0;
	for (unsigned i = 0; i < steps; i++) {
		due += 2 * lost;
		sack(l, from + (to - from) * i / steps, due / 10000);
		due %= 10000;
	}
}

static bool forgiven(const struct line *l) {
	return cc_random_lost(&l->r, &l->v, l->last_cut);
}

static void cut(struct line *l) {
	l->last_cut = l->v.cwnd;
	l->v.cwnd = l->v.cwnd * 7 / 10;
	cc_random_cut(&l->r, l->now);
}

START_TEST(test_nothing_is_forgiven_before_a_round_trip_is_known) {
	struct line l = line();
	ck_assert(!forgiven(&l));
}
END_TEST

START_TEST(test_a_loss_at_an_empty_queue_is_forgiven) {
	struct line l = line();
	rounds(&l, 4, 0, 0, 0);
	sack(&l, 0, 1);
	ck_assert(forgiven(&l));
}
END_TEST

START_TEST(test_a_loss_at_a_full_queue_is_not) {
	struct line l = line();
	rounds(&l, 20, 0, 25 * MS, 0);
	sack(&l, 25 * MS, 1);
	ck_assert(!forgiven(&l));
}
END_TEST

/* 3 ms are less than a quarter of the round trip, and all that this queue holds. */
START_TEST(test_nor_at_a_short_queue_that_is_full) {
	struct line l = line();
	cut(&l);
	rounds(&l, 20, 0, 3 * MS, 0);
	rounds(&l, 2, 3 * MS, 3 * MS, 0);
	sack(&l, 3 * MS, 1);
	ck_assert(!forgiven(&l));
}
END_TEST

START_TEST(test_before_the_first_reduction_an_eighth_of_the_round_trip_is_forgiven) {
	struct line l = line();
	rounds(&l, 20, 0, 5 * MS, 0);
	sack(&l, 5 * MS, 1);
	ck_assert(forgiven(&l));
	rounds(&l, 20, 5 * MS, 7 * MS, 0);
	sack(&l, 7 * MS, 1);
	ck_assert(!forgiven(&l));
}
END_TEST

START_TEST(test_a_queue_that_was_seen_longer_is_not_full_at_a_third) {
	struct line l = line();
	rounds(&l, 20, 0, 25 * MS, 0);
	rounds(&l, 4, 8 * MS, 8 * MS, 0);
	sack(&l, 8 * MS, 1);
	ck_assert(forgiven(&l));
}
END_TEST

START_TEST(test_a_quarter_of_the_round_trip_is_a_queue_whatever_was_seen) {
	struct line l = line();
	rounds(&l, 20, 0, 200 * MS, 0);
	rounds(&l, 4, 13 * MS, 13 * MS, 0);
	sack(&l, 13 * MS, 1);
	ck_assert(!forgiven(&l));
}
END_TEST

START_TEST(test_single_late_packets_are_no_queue) {
	struct line l = line();
	for (unsigned i = 0; i < 4 * PACKETS; i++)
		sack(&l, i % 3 ? 20 * MS : 0, 0);
	sack(&l, 20 * MS, 1);
	ck_assert(forgiven(&l));
}
END_TEST

START_TEST(test_one_percent_is_forgiven_and_three_are_not) {
	struct line l = line();
	rounds(&l, 40, 0, 0, 100);
	ck_assert(forgiven(&l));
	rounds(&l, 10, 0, 0, 300);
	ck_assert(!forgiven(&l));
}
END_TEST

/* Half of what is sent is lost, as where slow start meets a policer: eight packets are enough. */
START_TEST(test_overload_without_a_queue_is_found_within_a_few_packets) {
	struct line l = line();
	unsigned lost = 0;
	rounds(&l, 4, 0, 0, 0);
	do
		sack(&l, 0, 2);
	while ((lost += 2) < 100 && forgiven(&l));
	ck_assert_uint_le(lost, 10);
}
END_TEST

/* A twelfth of 24 packets. */
START_TEST(test_a_small_window_forgives_less) {
	struct line l = line();
	l.v.cwnd = 24 * MTU;
	rounds(&l, 4, 0, 0, 0);
	sack(&l, 0, 2);
	ck_assert(forgiven(&l));
	sack(&l, 0, 2);
	ck_assert(!forgiven(&l));
}
END_TEST

/* A line lost nothing while the window was small. */
START_TEST(test_a_clean_line_that_loses_at_the_old_window_is_overloaded) {
	struct line l = line();
	cut(&l);
	rounds(&l, 40, 0, 0, 0);
	l.v.cwnd = l.last_cut;
	sack(&l, 0, 2);
	ck_assert(forgiven(&l));
	sack(&l, 0, 2);
	ck_assert(!forgiven(&l));
}
END_TEST

START_TEST(test_a_line_that_lost_at_the_small_window_too_is_not) {
	struct line l = line();
	cut(&l);
	rounds(&l, 40, 0, 0, 100);
	l.v.cwnd = l.last_cut;
	rounds(&l, 1, 0, 0, 0);
	sack(&l, 0, 2);
	sack(&l, 0, 2);
	ck_assert(forgiven(&l));
}
END_TEST

/* 30 ms more for every packet from now on. */
START_TEST(test_a_longer_route_is_known_after_two_reductions) {
	struct line l = line();
	rounds(&l, 4, 0, 0, 0);
	l.base += 30 * MS;
	for (unsigned i = 0; i < 2; i++) {
		rounds(&l, 220, 0, 0, 0);
		sack(&l, 0, 1);
		ck_assert(!forgiven(&l));
		cut(&l);
	}
	rounds(&l, 4, 0, 0, 0);
	sack(&l, 0, 1);
	ck_assert(forgiven(&l));
}
END_TEST

SUITE("cc_random", test_nothing_is_forgiven_before_a_round_trip_is_known, test_a_loss_at_an_empty_queue_is_forgiven,
      test_a_loss_at_a_full_queue_is_not, test_nor_at_a_short_queue_that_is_full,
      test_before_the_first_reduction_an_eighth_of_the_round_trip_is_forgiven,
      test_a_queue_that_was_seen_longer_is_not_full_at_a_third, test_a_quarter_of_the_round_trip_is_a_queue_whatever_was_seen,
      test_single_late_packets_are_no_queue, test_one_percent_is_forgiven_and_three_are_not,
      test_overload_without_a_queue_is_found_within_a_few_packets, test_a_small_window_forgives_less,
      test_a_clean_line_that_loses_at_the_old_window_is_overloaded, test_a_line_that_lost_at_the_small_window_too_is_not,
      test_a_longer_route_is_known_after_two_reductions)
