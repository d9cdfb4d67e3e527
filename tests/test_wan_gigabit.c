/* Long and fast lines: a gigabit is filled whatever the round trip time. tests/sim/wan_table.c, in virtual time. */
#include "sim/wan_table.h"
#include "suite.h"

START_TEST(test_a_gigabit_is_filled_over_short_round_trips) {
	ck_assert(wan_assure("gigabit", "RTT 2 ms"));
	ck_assert(wan_assure("gigabit", "RTT 20 ms"));
}
END_TEST

START_TEST(test_a_gigabit_is_filled_over_long_round_trips) {
	ck_assert(wan_assure("gigabit", "RTT 50 ms"));
	ck_assert(wan_assure("gigabit", "RTT 100 ms"));
}
END_TEST

START_TEST(test_a_gigabit_is_filled_over_a_satellite) {
	ck_assert(wan_assure("gigabit", "RTT 300 ms"));
}
END_TEST

/* Slow start that fills the queue loses a third of what it sends. Then the first seconds are spent on sending that again. */
START_TEST(test_slow_start_ends_before_a_queue_of_one_round_trip_is_full) {
	ck_assert(wan_assure("start", ""));
}
END_TEST

START_TEST(test_low_delay_fills_a_gigabit_and_hardly_a_queue) {
	ck_assert(wan_assure("gigabit, low delay", ""));
}
END_TEST

START_TEST(test_low_delay_fills_a_gigabit_between_ends_that_stall) {
	ck_assert(wan_assure("gigabit, stalls", ""));
}
END_TEST

SUITE("wan_gigabit", test_a_gigabit_is_filled_over_short_round_trips, test_a_gigabit_is_filled_over_long_round_trips,
      test_a_gigabit_is_filled_over_a_satellite, test_slow_start_ends_before_a_queue_of_one_round_trip_is_full,
      test_low_delay_fills_a_gigabit_and_hardly_a_queue, test_low_delay_fills_a_gigabit_between_ends_that_stall)
