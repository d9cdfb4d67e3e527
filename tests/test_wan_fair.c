/* Several flows share a line: tests/sim/wan_table.c, in virtual time. */
#include "sim/wan_table.h"
#include "suite.h"

START_TEST(test_flows_of_newreno_share_alike) {
	ck_assert(wan_assure("fair", "NewReno"));
}
END_TEST

START_TEST(test_flows_of_cubic_share_alike) {
	ck_assert(wan_assure("fair", "CUBIC"));
}
END_TEST

START_TEST(test_flows_of_bbr_share_alike) {
	ck_assert(wan_assure("fair", "BBR"));
}
END_TEST

START_TEST(test_flows_of_low_delay_share_alike) {
	ck_assert(wan_assure("fair", "low delay"));
}
END_TEST

START_TEST(test_cubic_and_newreno_starve_each_other_not) {
	ck_assert(wan_assure("rivals", "NewReno"));
}
END_TEST

START_TEST(test_cubic_shares_alike_with_rfc_9438) {
	ck_assert(wan_assure("rivals", "RFC 9438"));
}
END_TEST

START_TEST(test_low_delay_yields_to_cubic) {
	ck_assert(wan_assure("rivals", "low delay"));
}
END_TEST

START_TEST(test_bbr_and_flows_that_fill_queues_starve_each_other_not) {
	ck_assert(wan_assure("beside", "BBR"));
}
END_TEST

SUITE("wan_fair", test_flows_of_newreno_share_alike, test_flows_of_cubic_share_alike, test_flows_of_bbr_share_alike,
      test_flows_of_low_delay_share_alike, test_cubic_and_newreno_starve_each_other_not, test_cubic_shares_alike_with_rfc_9438,
      test_low_delay_yields_to_cubic, test_bbr_and_flows_that_fill_queues_starve_each_other_not)
