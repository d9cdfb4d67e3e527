/* Is each lost packet asked for, once a round trip, and a packet that was merely overtaken not at all? */
#include "rtp/nack_generator.h"

#include "base/serial.h"
#include "suite.h"

#define MS SLUICE_MS
#define RTT (80 * MS)

static struct nack_generator g;
static uint64_t numbers[NACK_WINDOW];

static void setup(void) {
	nack_generator_init(&g, RTT);
}

static uint64_t at(uint64_t n) {
	return SERIAL_ORIGIN + 60000 + n;
}

static bool take(uint64_t n, uint64_t now) {
	bool fresh = nack_generator_take(&g, at(n), false, now);
	ck_assert(nack_generator_check(&g));
	return fresh;
}

static size_t ask(uint64_t now) {
	size_t count = nack_generator_output(&g, numbers, NACK_WINDOW, now);
	ck_assert(nack_generator_check(&g));
	return count;
}

static void take_range(uint64_t from, uint64_t to, uint64_t now) {
	for (uint64_t n = from; n < to; n++)
		take(n, now);
}

START_TEST(test_a_stream_in_order_is_never_asked_for) {
	for (unsigned i = 0; i < 5000; i++) {
		ck_assert(take(i, i * MS));
		ck_assert_uint_eq(nack_generator_deadline(&g), SLUICE_NEVER);
	}
}
END_TEST

START_TEST(test_a_hole_is_asked_for_as_soon_as_a_packet_came_behind_it) {
	take_range(0, 10, 0);
	take(13, 5 * MS);
	ck_assert_uint_eq(nack_generator_deadline(&g), 5 * MS);
	ck_assert_uint_eq(ask(5 * MS), 3);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_uint_eq(numbers[i], at(10 + i));
	ck_assert_uint_eq(ask(5 * MS), 0);
}
END_TEST

START_TEST(test_it_is_asked_for_again_each_round_trip_and_a_margin) {
	take(0, 0);
	take(2, 0);
	ck_assert_uint_eq(ask(0), 1);
	ck_assert_uint_eq(nack_generator_deadline(&g), 90 * MS);
	ck_assert_uint_eq(ask(89 * MS), 0);
	ck_assert_uint_eq(ask(90 * MS), 1);
	ck_assert_uint_eq(nack_generator_deadline(&g), 180 * MS);
}
END_TEST

START_TEST(test_ten_times_in_vain_gives_it_up_and_the_stream_is_broken) {
	take(0, 0);
	take(2, 0);
	for (unsigned i = 0; i < NACK_TRIES; i++)
		ck_assert_uint_eq(ask(i * 90 * MS), 1);
	ck_assert(!g.is_broken);
	ck_assert_uint_eq(ask(900 * MS), 0);
	ck_assert(g.is_broken);
	ck_assert_uint_eq(g.asked, NACK_TRIES);
	ck_assert_uint_eq(g.given_up, 1);
	ck_assert_uint_eq(nack_generator_deadline(&g), SLUICE_NEVER);
}
END_TEST

START_TEST(test_what_comes_is_not_asked_for_again) {
	take(0, 0);
	take(3, 0);
	ck_assert_uint_eq(ask(0), 2);
	ck_assert(nack_generator_take(&g, at(1), true, 80 * MS));
	ck_assert_uint_eq(ask(90 * MS), 1);
	ck_assert_uint_eq(numbers[0], at(2));
	ck_assert(take(2, 170 * MS));
	ck_assert_uint_eq(nack_generator_deadline(&g), SLUICE_NEVER);
	ck_assert_uint_eq(g.gap, 1);
}
END_TEST

START_TEST(test_a_duplicate_is_told_from_a_missing_packet) {
	take_range(0, 5, 0);
	ck_assert(!take(3, 0));
	ck_assert(!take(4, 0));
	take(6, 0);
	ck_assert(take(5, 0));
	ck_assert(!take(5, 0));
}
END_TEST

START_TEST(test_an_overtaken_packet_teaches_the_gap) {
	take_range(0, 10, 0);
	take_range(11, 14, 1 * MS);
	ck_assert_uint_eq(ask(1 * MS), 1);
	/* 3 ms after the NACK: no answer comes so soon. */
	ck_assert(take(10, 4 * MS));
	ck_assert_uint_eq(g.gap, 4);
	/* The next one that is three packets late is not asked for. */
	take_range(14, 20, 5 * MS);
	take_range(21, 24, 6 * MS);
	ck_assert_uint_eq(ask(6 * MS), 0);
	ck_assert(take(20, 7 * MS));
	ck_assert_uint_eq(g.asked, 1);
	/* The fourth packet behind a lost one asks for it. */
	take_range(25, 28, 8 * MS);
	ck_assert_uint_eq(nack_generator_deadline(&g), 28 * MS);
	ck_assert_uint_eq(ask(8 * MS), 0);
	take(28, 8 * MS);
	ck_assert_uint_eq(ask(8 * MS), 1);
	ck_assert_uint_eq(numbers[0], at(24));
}
END_TEST

START_TEST(test_a_repair_teaches_nothing_however_soon_it_comes) {
	take(0, 0);
	take_range(2, 9, 0);
	ck_assert_uint_eq(ask(0), 1);
	ck_assert(nack_generator_take(&g, at(1), true, 3 * MS));
	ck_assert_uint_eq(g.gap, 1);
}
END_TEST

/* Loses a packet at `now` and asks for it; returns its number. */
static uint64_t lose(uint64_t now) {
	uint64_t n = g.highest ? g.highest + 1 - at(0) : 0;
	take(n + 1, now);
	ck_assert_uint_eq(ask(now), 1);
	return n;
}

START_TEST(test_an_answer_that_is_late_teaches_how_long_to_wait_for_the_next) {
	for (unsigned is_repair = 0; is_repair < 2; is_repair++) {
		setup();
		take(0, 0);
		uint64_t n = lose(0);
		ck_assert_uint_eq(ask(90 * MS), 1);
		/* No answer to the second NACK can be there yet, and nothing was overtaken. */
		ck_assert(nack_generator_take(&g, at(n), is_repair, 100 * MS));
		ck_assert_uint_eq(g.gap, 1);
		n = lose(1000 * MS);
		ck_assert_uint_eq(nack_generator_deadline(&g), 1100 * MS);
		/* Each answer that comes in a round trip lets that fade, down to the margin. */
		ck_assert(nack_generator_take(&g, at(n), is_repair, 1080 * MS));
		n = lose(2000 * MS);
		ck_assert_uint_eq(nack_generator_deadline(&g), 2100 * MS - 20 * MS / 64);
		for (unsigned s = 2; s < 100; s++) {
			take(n, s * SLUICE_S + RTT);
			n = lose((s + 1) * SLUICE_S);
		}
		ck_assert_uint_eq(nack_generator_deadline(&g), 100 * SLUICE_S + RTT + 10 * MS);
	}
}
END_TEST

START_TEST(test_no_answer_teaches_to_wait_for_more_than_100_ms) {
	take(0, 0);
	uint64_t n = lose(0);
	take(n, 900 * MS);
	lose(901 * MS);
	ck_assert_uint_eq(nack_generator_deadline(&g), 901 * MS + RTT + 100 * MS);
}
END_TEST

START_TEST(test_where_the_stream_pauses_a_quarter_of_the_round_trip_is_waited) {
	g.gap = 20;
	take(0, 0);
	take(2, 10 * MS);
	ck_assert_uint_eq(nack_generator_deadline(&g), 30 * MS);
	ck_assert_uint_eq(ask(29 * MS), 0);
	ck_assert_uint_eq(ask(30 * MS), 1);
}
END_TEST

START_TEST(test_a_packet_that_comes_after_a_deadline_does_not_put_it_off) {
	take(0, 0);
	take(2, 0);
	ck_assert_uint_eq(ask(0), 1);
	take(4, 100 * MS);
	ck_assert_uint_eq(nack_generator_deadline(&g), 90 * MS);
	ck_assert_uint_eq(ask(100 * MS), 2);
}
END_TEST

START_TEST(test_a_thousand_packets_in_order_lower_the_gap_by_one) {
	g.gap = 3;
	take_range(0, 1001, 0);
	ck_assert_uint_eq(g.gap, 2);
	take_range(1001, 4000, 0);
	ck_assert_uint_eq(g.gap, 1);
	/* One that is overtaken begins the count anew. */
	g.gap = 3;
	take_range(4000, 4900, 0);
	take(4901, 0);
	take(4900, 0);
	take_range(4902, 5801, 0);
	ck_assert_uint_eq(g.gap, 3);
}
END_TEST

START_TEST(test_a_hole_of_more_than_a_thousand_is_given_up_at_once) {
	take(0, 0);
	take(1001, 0);
	ck_assert_uint_eq(g.missing, 1000);
	ck_assert(!g.is_broken);
	take(1003, 0);
	ck_assert_uint_eq(g.missing, 0);
	ck_assert_uint_eq(g.given_up, 1001);
	ck_assert(g.is_broken);
	ck_assert_uint_eq(ask(0), 0);
}
END_TEST

START_TEST(test_what_leaves_the_window_is_given_up) {
	take(0, 0);
	take(2, 0);
	take_range(3, 1025, 0);
	ck_assert_uint_eq(g.missing, 1);
	take(1025, 0);
	ck_assert_uint_eq(g.missing, 0);
	ck_assert_uint_eq(g.given_up, 1);
	ck_assert(!take(1, 0));
}
END_TEST

START_TEST(test_a_jump_gives_up_what_it_pushes_out_of_the_window) {
	take(0, 0);
	take(2, 0);
	take_range(3, 900, 0);
	take(1100, 0);
	ck_assert_uint_eq(g.missing, 200);
	ck_assert_uint_eq(g.given_up, 1);
}
END_TEST

START_TEST(test_a_short_list_is_continued_by_the_next_call) {
	take(0, 0);
	take(50, 0);
	ck_assert_uint_eq(nack_generator_output(&g, numbers, 20, 0), 20);
	ck_assert(nack_generator_check(&g));
	ck_assert_uint_eq(nack_generator_output(&g, numbers + 20, 20, 0), 20);
	ck_assert_uint_eq(nack_generator_output(&g, numbers + 40, 20, 0), 9);
	for (unsigned i = 0; i < 49; i++)
		ck_assert_uint_eq(numbers[i], at(1 + i));
}
END_TEST

START_TEST(test_a_hole_behind_a_silence_of_a_second_is_given_up) {
	take(0, 0);
	take(3, 1000 * MS);
	ck_assert_uint_eq(g.missing, 2);
	take(5, 2001 * MS);
	ck_assert_uint_eq(g.missing, 0);
	ck_assert(g.is_broken);
}
END_TEST

START_TEST(test_what_a_keyframe_replaces_is_no_longer_asked_for) {
	take(0, 0);
	take(4, 0);
	take(8, 0);
	nack_generator_pass(&g, at(6));
	ck_assert(nack_generator_check(&g));
	ck_assert_uint_eq(ask(0), 2);
	ck_assert_uint_eq(numbers[0], at(6));
	nack_generator_pass(&g, at(100));
	ck_assert_uint_eq(g.missing, 0);
	ck_assert(!g.is_broken);
}
END_TEST

int main(int argc, char **argv) {
	const TTest *tests[] = {
		test_a_stream_in_order_is_never_asked_for,
		test_a_hole_is_asked_for_as_soon_as_a_packet_came_behind_it,
		test_it_is_asked_for_again_each_round_trip_and_a_margin,
		test_ten_times_in_vain_gives_it_up_and_the_stream_is_broken,
		test_what_comes_is_not_asked_for_again,
		test_a_duplicate_is_told_from_a_missing_packet,
		test_an_overtaken_packet_teaches_the_gap,
		test_a_repair_teaches_nothing_however_soon_it_comes,
		test_an_answer_that_is_late_teaches_how_long_to_wait_for_the_next,
		test_no_answer_teaches_to_wait_for_more_than_100_ms,
		test_where_the_stream_pauses_a_quarter_of_the_round_trip_is_waited,
		test_a_packet_that_comes_after_a_deadline_does_not_put_it_off,
		test_a_thousand_packets_in_order_lower_the_gap_by_one,
		test_a_hole_of_more_than_a_thousand_is_given_up_at_once,
		test_what_leaves_the_window_is_given_up,
		test_a_jump_gives_up_what_it_pushes_out_of_the_window,
		test_a_short_list_is_continued_by_the_next_call,
		test_a_hole_behind_a_silence_of_a_second_is_given_up,
		test_what_a_keyframe_replaces_is_no_longer_asked_for,
	};
	return suite_run_each("nack generator", tests, sizeof tests / sizeof *tests, argc > 1 ? argv[1] : NULL, 60, setup);
}
