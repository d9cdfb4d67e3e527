/* Lossy and reordering lines, deep queues, and what comes to pass on a line: tests/sim/wan_table.c, in virtual time. */
#include "sim/wan_table.h"
#include "suite.h"

START_TEST(test_rfc_9438_keeps_what_theory_promises_under_random_loss) {
	ck_assert(wan_assure("loss", "RFC 9438"));
}
END_TEST

START_TEST(test_cubic_holds_out_against_random_loss) {
	ck_assert(wan_assure("loss", "CUBIC"));
}
END_TEST

START_TEST(test_cubic_overloads_no_policer) {
	ck_assert(wan_assure("policer", "CUBIC"));
}
END_TEST

START_TEST(test_bbr_holds_out_against_random_loss) {
	ck_assert(wan_assure("loss", "BBR"));
}
END_TEST

START_TEST(test_a_deep_queue_stays_short_with_bbr_and_low_delay) {
	ck_assert(wan_assure("queue", ""));
}
END_TEST

START_TEST(test_reordering_costs_no_window) {
	ck_assert(wan_assure("reorder", ""));
}
END_TEST

START_TEST(test_a_burst_of_losses_is_mended_within_a_few_round_trips) {
	ck_assert(wan_assure("events", "burst"));
}
END_TEST

START_TEST(test_an_outage_is_over_soon_after_the_line_is_back) {
	ck_assert(wan_assure("events", "outage"));
}
END_TEST

START_TEST(test_a_request_waits_for_no_timeout) {
	ck_assert(wan_assure("messages", "request"));
}
END_TEST

START_TEST(test_unreliable_messages_do_not_wait_for_lost_ones) {
	ck_assert(wan_assure("messages", "unreliable"));
}
END_TEST

SUITE("wan_loss", test_rfc_9438_keeps_what_theory_promises_under_random_loss, test_cubic_holds_out_against_random_loss,
      test_cubic_overloads_no_policer, test_bbr_holds_out_against_random_loss,
      test_a_deep_queue_stays_short_with_bbr_and_low_delay, test_reordering_costs_no_window,
      test_a_burst_of_losses_is_mended_within_a_few_round_trips, test_an_outage_is_over_soon_after_the_line_is_back,
      test_a_request_waits_for_no_timeout, test_unreliable_messages_do_not_wait_for_lost_ones)
