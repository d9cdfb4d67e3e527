/* Does a received stream unwrap, validate, count and report as RFC 3550 says? */
#include "rtp/receiver.h"

#include "rtp/ntp.h"
#include "suite.h"

#define MS SLUICE_MS

static struct rtp_receiver r;
static uint64_t number;

static void setup(void) {
	rtp_receiver_init(&r, 0xABCD, 90000, 1);
}

static bool take(unsigned sequence, uint32_t timestamp, uint64_t now) {
	bool taken = rtp_receiver_take(&r, (uint16_t)sequence, timestamp, now, &number);
	ck_assert(rtp_receiver_check(&r));
	return taken;
}

START_TEST(test_numbers_go_on_over_three_wraps) {
	uint64_t expected = SERIAL_ORIGIN + 0xFFF0;
	for (unsigned i = 0; i < 3 * 65536 + 100; i++, expected++) {
		ck_assert(take(0xFFF0 + i, i, i));
		ck_assert_uint_eq(number, expected);
	}
	ck_assert_uint_eq(rtp_receiver_expected(&r), r.received);
}
END_TEST

START_TEST(test_a_packet_that_was_overtaken_by_the_first_keeps_its_own_number) {
	ck_assert(take(0, 0, 0));
	ck_assert(take(0xFFFF, 0, 1));
	ck_assert_uint_eq(number, SERIAL_ORIGIN - 1);
	ck_assert_uint_eq(rtp_receiver_expected(&r), 2);
}
END_TEST

START_TEST(test_a_stranger_must_send_two_packets_in_sequence) {
	rtp_receiver_init(&r, 1, 90000, RTP_MIN_SEQUENTIAL);
	ck_assert(!take(10, 0, 0));
	ck_assert(!take(500, 0, 0));
	ck_assert(!take(502, 0, 0));
	ck_assert(take(503, 0, 0));
	ck_assert_uint_eq(number, SERIAL_ORIGIN + 503);
	ck_assert_uint_eq(r.refused, 3);
	ck_assert_uint_eq(r.received, 1);
}
END_TEST

START_TEST(test_a_single_packet_far_away_is_refused) {
	ck_assert(take(100, 0, 0));
	ck_assert(!take(100 + RTP_MAX_DROPOUT + 1, 0, 0));
	ck_assert(take(101, 0, 0));
	ck_assert(!take(100 + RTP_MAX_DROPOUT + 2, 0, 0));
	ck_assert(take(100 + RTP_MAX_DROPOUT, 0, 0));
	ck_assert_uint_eq(r.refused, 2);
	ck_assert_uint_eq(r.restarts, 0);
}
END_TEST

START_TEST(test_two_packets_far_away_are_a_restart_above_all_numbers) {
	ck_assert(take(40000, 0, 0));
	uint64_t before = number;
	ck_assert(!take(20000, 0, 0));
	ck_assert(take(20001, 0, 0));
	ck_assert_uint_gt(number, before);
	ck_assert_uint_eq((uint16_t)number, 20001);
	ck_assert_uint_eq(r.restarts, 1);
	ck_assert_uint_eq(rtp_receiver_expected(&r), 1);
	ck_assert(take(20002, 0, 0));
	ck_assert_uint_eq(number, r.first + 1);
}
END_TEST

START_TEST(test_a_jump_behind_a_gap_in_sequence_is_not_taken_for_the_next_packet) {
	ck_assert(take(1, 0, 0));
	ck_assert(!take(30000, 0, 0));
	ck_assert(take(2, 0, 0));
	ck_assert(!take(30001, 0, 0));
	ck_assert_uint_eq(r.restarts, 0);
}
END_TEST

/* 25 frames a second on the clock; each second frame comes 8 ms late: 720 ticks. */
START_TEST(test_jitter_is_the_mean_deviation_of_the_transit_time) {
	for (unsigned i = 0; i < 400; i++)
		ck_assert(take(i, 3600 * i, 1 * SLUICE_S + i * 40 * MS + (i & 1) * 8 * MS));
	struct rtcp_report_block block;
	ck_assert(rtp_receiver_block(&r, SLUICE_S, 20 * SLUICE_S, &block));
	ck_assert_uint_ge(block.jitter, 715);
	ck_assert_uint_le(block.jitter, 720);
}
END_TEST

START_TEST(test_a_late_packet_does_not_count_as_jitter) {
	for (unsigned i = 0; i < 100; i++) {
		if (i != 50)
			ck_assert(take(i, 3600 * i, 1 * SLUICE_S + i * 40 * MS));
		if (i == 60)
			ck_assert(take(50, 3600 * 50, 1 * SLUICE_S + i * 40 * MS));
	}
	struct rtcp_report_block block;
	ck_assert(rtp_receiver_block(&r, SLUICE_S, 20 * SLUICE_S, &block));
	ck_assert_uint_le(block.jitter, 1);
	ck_assert_int_eq(block.lost, 0);
}
END_TEST

START_TEST(test_a_duplicate_does_not_count_as_jitter) {
	for (unsigned i = 0; i < 100; i++) {
		ck_assert(take(i, 3600 * i, 1 * SLUICE_S + i * 40 * MS));
		ck_assert(take(i, 3600 * i, 1 * SLUICE_S + i * 40 * MS + 20 * MS));
	}
	ck_assert_uint_le(r.jitter >> 4, 1);
}
END_TEST

START_TEST(test_a_restart_does_not_count_as_jitter) {
	for (unsigned i = 0; i < 100; i++)
		ck_assert(take(i, 3600 * i, 1 * SLUICE_S + i * 40 * MS));
	for (unsigned i = 0; i < 10; i++)
		ck_assert_int_eq(take(30000 + i, 900000 + 3600 * i, 5 * SLUICE_S + i * 40 * MS), i > 0);
	ck_assert_uint_le(r.jitter >> 4, 1);
}
END_TEST

START_TEST(test_nearly_all_lost_is_255_of_256) {
	struct rtcp_report_block block;
	take(0, 0, 0);
	rtp_receiver_block(&r, SLUICE_S, 0, &block);
	take(2999, 0, 0);
	ck_assert(rtp_receiver_block(&r, SLUICE_S, 0, &block));
	ck_assert_uint_eq(block.fraction_lost, 255);
	ck_assert_int_eq(block.lost, 2998);
}
END_TEST

START_TEST(test_a_block_says_what_was_lost_since_the_last_one) {
	struct rtcp_report_block block;
	ck_assert(!rtp_receiver_block(&r, SLUICE_S, 0, &block));
	for (unsigned i = 0; i < 100; i++)
		if (i % 4 != 1)
			take(65500 + i, 0, 0);
	ck_assert(rtp_receiver_block(&r, SLUICE_S, 0, &block));
	ck_assert_uint_eq(block.ssrc, 0xABCD);
	ck_assert_int_eq(block.lost, 25);
	ck_assert_uint_eq(block.fraction_lost, 64);
	/* Above 2^16 once: one cycle. */
	ck_assert_uint_eq(block.highest, 65500 + 99);
	ck_assert_uint_eq(block.last_sr, 0);
	ck_assert_uint_eq(block.delay_since_sr, 0);
	for (unsigned i = 100; i < 200; i++)
		take(65500 + i, 0, 0);
	ck_assert(rtp_receiver_block(&r, SLUICE_S, 0, &block));
	ck_assert_uint_eq(block.fraction_lost, 0);
	ck_assert_int_eq(block.lost, 25);
}
END_TEST

START_TEST(test_duplicates_make_the_loss_negative) {
	struct rtcp_report_block block;
	for (unsigned i = 0; i < 10; i++) {
		take(i, 0, 0);
		take(i, 0, 0);
	}
	ck_assert(rtp_receiver_block(&r, SLUICE_S, 0, &block));
	ck_assert_int_eq(block.lost, -10);
	ck_assert_uint_eq(block.fraction_lost, 0);
}
END_TEST

START_TEST(test_a_block_answers_the_last_sender_report) {
	struct rtcp_sender_info info = {.ntp = UINT64_C(0x1122334455667788)};
	struct rtcp_report_block block;
	take(1, 0, 0);
	rtp_receiver_sender_report(&r, &info, 3 * SLUICE_S);
	ck_assert(rtp_receiver_block(&r, SLUICE_S, 3 * SLUICE_S + 250 * MS, &block));
	ck_assert_uint_eq(block.last_sr, 0x33445566);
	ck_assert_uint_eq(block.delay_since_sr, 16384);
}
END_TEST

/* RFC 3550, figure 2: A = 0xb710:8000, LSR = 0xb705:2000, DLSR = 0x0005:4000; the delay is 6.125 s. */
START_TEST(test_the_round_trip_of_the_example_in_the_rfc) {
	ck_assert_uint_eq(ntp_round_trip(UINT64_C(0xb7108000) << 16, 0xb7052000, 0x00054000), 6125 * MS);
	ck_assert_uint_eq(ntp_round_trip(UINT64_C(0xb7108000) << 16, 0, 0), 0);
	/* The peer held the report longer than it was away. */
	ck_assert_uint_eq(ntp_round_trip(UINT64_C(0xb7108000) << 16, 0xb7052000, 0x00154000), 0);
	/* Rounding may leave less than nothing; that is a very short way. */
	ck_assert_uint_eq(ntp_round_trip(UINT64_C(0x10000) << 16, 0xFFFE, 3), 1000);
}
END_TEST

int main(int argc, char **argv) {
	const TTest *tests[] = {
		test_numbers_go_on_over_three_wraps,
		test_a_packet_that_was_overtaken_by_the_first_keeps_its_own_number,
		test_a_stranger_must_send_two_packets_in_sequence,
		test_a_single_packet_far_away_is_refused,
		test_two_packets_far_away_are_a_restart_above_all_numbers,
		test_a_jump_behind_a_gap_in_sequence_is_not_taken_for_the_next_packet,
		test_jitter_is_the_mean_deviation_of_the_transit_time,
		test_a_late_packet_does_not_count_as_jitter,
		test_a_duplicate_does_not_count_as_jitter,
		test_a_restart_does_not_count_as_jitter,
		test_nearly_all_lost_is_255_of_256,
		test_a_block_says_what_was_lost_since_the_last_one,
		test_duplicates_make_the_loss_negative,
		test_a_block_answers_the_last_sender_report,
		test_the_round_trip_of_the_example_in_the_rfc,
	};
	return suite_run_each("rtp receiver", tests, sizeof tests / sizeof *tests, argc > 1 ? argv[1] : NULL, 60, setup);
}
