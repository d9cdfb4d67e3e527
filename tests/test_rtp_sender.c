/* Do sender reports say the right times, and when are they due? */
#include "rtp/sender.h"

#include "rtp/ntp.h"
#include "suite.h"

#define MS SLUICE_MS

static struct rtp_sender s;
static struct rtcp_sender_info info;

static void setup(void) {
	rtp_sender_init(&s, 7, 90000, 0xFFFF);
}

START_TEST(test_nothing_is_due_before_the_first_packet_and_then_at_once) {
	ck_assert_uint_eq(s.due, SLUICE_NEVER);
	rtp_sender_sent(&s, 1000, 5, 90 * MS, 100 * MS);
	ck_assert_uint_eq(s.due, 100 * MS);
	ck_assert(rtp_sender_check(&s));
}
END_TEST

START_TEST(test_the_next_report_is_due_a_second_after_the_last) {
	rtp_sender_sent(&s, 1000, 5, 90 * MS, 100 * MS);
	rtp_sender_report(&s, SLUICE_S, 110 * MS, 0, &info);
	ck_assert_uint_eq(s.due, 1110 * MS);
	rtp_sender_sent(&s, 1000, 5, 190 * MS, 200 * MS);
	ck_assert_uint_eq(s.due, 1110 * MS);
	ck_assert(rtp_sender_check(&s));
}
END_TEST

START_TEST(test_the_timestamp_belongs_to_the_time_of_the_report_as_counted_from_the_capture) {
	rtp_sender_sent(&s, 10, 0xFFFFFF00, 2000 * MS, 2300 * MS);
	rtp_sender_report(&s, SLUICE_S, 2500 * MS, 0, &info);
	/* Half a second after the capture. */
	ck_assert_uint_eq(info.timestamp, (uint32_t)(0xFFFFFF00 + 45000));
	ck_assert_uint_eq(info.ntp, UINT64_C(2) << 32 | UINT32_C(1) << 31);
}
END_TEST

START_TEST(test_the_ntp_time_counts_from_1900) {
	rtp_sender_sent(&s, 10, 0, 0, 0);
	rtp_sender_report(&s, SLUICE_S, 1 * SLUICE_S, NTP_UNIX_EPOCH * SLUICE_S, &info);
	ck_assert_uint_eq(info.ntp >> 32, 2208988801);
}
END_TEST

START_TEST(test_packets_and_payload_bytes_are_counted_modulo_2_to_the_32) {
	rtp_sender_sent(&s, 1000, 0, 0, 0);
	rtp_sender_sent(&s, 200, 0, 0, 0);
	rtp_sender_report(&s, SLUICE_S, 0, 0, &info);
	ck_assert_uint_eq(info.packets, 2);
	ck_assert_uint_eq(info.octets, 1200);
	s.octets = UINT64_C(0x100000001);
	rtp_sender_report(&s, SLUICE_S, 0, 0, &info);
	ck_assert_uint_eq(info.octets, 1);
}
END_TEST

START_TEST(test_a_block_gives_the_round_trip) {
	rtp_sender_sent(&s, 10, 0, 0, 0);
	rtp_sender_report(&s, SLUICE_S, 5 * SLUICE_S, 0, &info);
	struct rtcp_report_block block = {.last_sr = ntp_middle(info.ntp), .delay_since_sr = 1 << 15};
	rtp_sender_block(&s, &block, 5 * SLUICE_S + 540 * MS, 0);
	ck_assert_uint_ge(s.round_trip, 39900000);
	ck_assert_uint_le(s.round_trip, 40100000);
	/* A block without an SR behind it leaves the estimate. */
	block.last_sr = 0;
	rtp_sender_block(&s, &block, 9 * SLUICE_S, 0);
	ck_assert_uint_ge(s.round_trip, 39900000);
	ck_assert_uint_eq(s.blocks, 2);
}
END_TEST

int main(int argc, char **argv) {
	const TTest *tests[] = {
		test_nothing_is_due_before_the_first_packet_and_then_at_once,
		test_the_next_report_is_due_a_second_after_the_last,
		test_the_timestamp_belongs_to_the_time_of_the_report_as_counted_from_the_capture,
		test_the_ntp_time_counts_from_1900,
		test_packets_and_payload_bytes_are_counted_modulo_2_to_the_32,
		test_a_block_gives_the_round_trip,
	};
	return suite_run_each("rtp sender", tests, sizeof tests / sizeof *tests, argc > 1 ? argv[1] : NULL, 60, setup);
}
