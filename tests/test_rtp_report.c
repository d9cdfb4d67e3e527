/* Which RTCP leaves when, and do both sides learn the round trip? Keyframe requests too. */
#include "rtp/report.h"

#include "rtp/keyframe.h"
#include "rtp/ntp.h"
#include "sluice/error.h"
#include "suite.h"

#define MS SLUICE_MS

static struct report r;
static struct rtp_sender sender;
static struct rtp_receiver receiver;
static struct rtp_sender *senders[1] = {&sender};
static struct rtp_receiver *receivers[1] = {&receiver};
static uint8_t space[1200];
static struct rtcp_writer w;
static struct rtcp_packet packets[16];

static void setup(void) {
	report_init(&r, 99, "alice", NTP_UNIX_EPOCH * SLUICE_S, 1);
	rtp_sender_init(&sender, 7, 48000, 100);
	rtp_receiver_init(&receiver, 8, 90000, 1);
}

static size_t read_all(void) {
	struct rtcp_reader reader = rtcp_reader_of(space, w.len);
	size_t n = 0;
	while (n < 16 && rtcp_next(&reader, &packets[n]))
		n++;
	ck_assert_uint_eq(reader.malformed, 0);
	return n;
}

static size_t output(const struct report_streams *s, uint64_t now) {
	w = rtcp_writer_of(space, sizeof space);
	report_output(&r, s, &w, now);
	ck_assert(report_check(&r));
	return read_all();
}

static void receive(uint16_t sequence, uint64_t now) {
	uint64_t number;
	ck_assert(rtp_receiver_take(&receiver, sequence, 0, now, &number));
}

static const struct report_streams both = {senders, receivers, 1, 1}, only_receiver = {NULL, receivers, 0, 1};

START_TEST(test_an_idle_session_sends_nothing) {
	ck_assert_uint_eq(report_deadline(&both), SLUICE_NEVER);
	ck_assert_uint_eq(output(&both, 1000 * SLUICE_S), 0);
}
END_TEST

START_TEST(test_the_first_packet_is_followed_by_an_sr_and_a_cname) {
	rtp_sender_sent(&sender, 100, 960, 10 * MS, 20 * MS);
	ck_assert_uint_eq(report_deadline(&both), 20 * MS);
	ck_assert_uint_eq(output(&both, 20 * MS), 2);
	ck_assert_int_eq(packets[0].kind, RTCP_SENDER_REPORT);
	ck_assert_uint_eq(packets[0].ssrc, 7);
	ck_assert_uint_eq(packets[0].sender.packets, 1);
	struct rtcp_sdes_iterator it = rtcp_sdes_begin(&packets[1]);
	struct rtcp_cname name;
	ck_assert(rtcp_sdes_next(&it, &name));
	ck_assert_uint_eq(name.name.len, 5);
	ck_assert_mem_eq(name.name.data, "alice", 5);
	ck_assert_uint_ge(report_deadline(&both), 520 * MS);
	ck_assert_uint_lt(report_deadline(&both), 1520 * MS);
}
END_TEST

START_TEST(test_who_only_receives_sends_an_rr_with_an_rrtr) {
	receive(1, 100 * MS);
	ck_assert_uint_eq(report_deadline(&only_receiver), 600 * MS);
	ck_assert_uint_eq(output(&only_receiver, 599 * MS), 0);
	ck_assert_uint_eq(output(&only_receiver, 600 * MS), 3);
	ck_assert_int_eq(packets[0].kind, RTCP_RECEIVER_REPORT);
	ck_assert_uint_eq(rtcp_report_count(&packets[0]), 1);
	ck_assert_uint_eq(rtcp_report_at(&packets[0], 0).ssrc, 8);
	ck_assert_int_eq(packets[2].kind, RTCP_XR);
	/* The next one is due about a second after the next packet. */
	ck_assert_uint_eq(report_deadline(&only_receiver), SLUICE_NEVER);
	receive(2, 700 * MS);
	ck_assert_uint_ge(report_deadline(&only_receiver), 1200 * MS);
	ck_assert_uint_lt(report_deadline(&only_receiver), 2200 * MS);
}
END_TEST

START_TEST(test_an_sr_takes_the_blocks_along) {
	rtp_sender_sent(&sender, 100, 960, 0, 0);
	receive(1, 0);
	output(&both, 0);
	ck_assert_uint_eq(rtcp_report_count(&packets[0]), 0);
	ck_assert_uint_eq(output(&both, 500 * MS), 2);
	ck_assert_int_eq(packets[0].kind, RTCP_RECEIVER_REPORT);
	receive(2, 510 * MS);
	receiver.due = sender.due + 50 * MS;
	ck_assert_uint_eq(output(&both, sender.due), 2);
	ck_assert_int_eq(packets[0].kind, RTCP_SENDER_REPORT);
	ck_assert_uint_eq(rtcp_report_count(&packets[0]), 1);
}
END_TEST

START_TEST(test_forty_streams_are_reported_in_as_many_datagrams_as_it_takes) {
	static struct rtp_receiver many[80];
	struct rtp_receiver *list[80];
	for (unsigned i = 0; i < 80; i++) {
		uint64_t number;
		list[i] = &many[i];
		rtp_receiver_init(&many[i], 1000 + i, 90000, 1);
		ck_assert(rtp_receiver_take(&many[i], 1, 0, 0, &number));
	}
	struct report_streams s = {NULL, list, 0, 80};
	size_t blocks = 0, datagrams = 0;
	for (; report_deadline(&s) <= SLUICE_S; datagrams++) {
		ck_assert_uint_ge(output(&s, SLUICE_S), 3);
		ck_assert_uint_le(w.len, sizeof space);
		for (size_t i = 0; i < rtcp_report_count(&packets[0]); i++)
			ck_assert_uint_eq(rtcp_report_at(&packets[0], i).ssrc, 1000 + blocks + i);
		blocks += rtcp_report_count(&packets[0]);
	}
	ck_assert_uint_eq(blocks, 80);
	ck_assert_uint_eq(datagrams, 3);
}
END_TEST

/* Alice only receives. Bob's SR answers her RRTR 400 ms after it came to him; each way takes 30 ms. */
START_TEST(test_a_receiver_learns_the_round_trip_from_its_rrtr) {
	static struct report bob;
	struct rtcp_xr_block block;
	report_init(&bob, 55, "bob", 12345 * SLUICE_S, 2);
	receive(1, 0);
	ck_assert_uint_eq(output(&only_receiver, 1000 * MS), 3);
	struct rtcp_xr_iterator it = rtcp_xr_begin(&packets[2]);
	ck_assert(rtcp_xr_next(&it, &block));
	ck_assert_uint_eq(block.type, RTCP_XR_RRTR);
	report_rrtr(&bob, packets[2].ssrc, block.ntp, 1030 * MS);
	rtp_sender_sent(&sender, 1, 0, 0, 0);
	w = rtcp_writer_of(space, sizeof space);
	struct report_streams s = {senders, NULL, 1, 0};
	report_output(&bob, &s, &w, 1430 * MS);
	ck_assert_uint_eq(read_all(), 3);
	it = rtcp_xr_begin(&packets[2]);
	ck_assert(rtcp_xr_next(&it, &block));
	ck_assert_uint_eq(rtcp_dlrr_count(&block), 1);
	struct rtcp_dlrr d = rtcp_dlrr_at(&block, 0);
	ck_assert_uint_eq(d.ssrc, 99);
	report_dlrr(&r, &d, 1460 * MS);
	ck_assert_uint_ge(r.round_trip, 59900 * SLUICE_US);
	ck_assert_uint_le(r.round_trip, 60100 * SLUICE_US);
	/* It is answered once. */
	w = rtcp_writer_of(space, sizeof space);
	report_output(&bob, &s, &w, sender.due);
	ck_assert_uint_eq(read_all(), 2);
}
END_TEST

START_TEST(test_an_interval_is_half_to_one_and_a_half_seconds_and_one_on_the_average) {
	static struct report other;
	uint64_t sum = 0, least = SLUICE_NEVER, most = 0, same = 0;
	report_init(&other, 55, "bob", 0, 2);
	for (unsigned i = 0; i < 10000; i++) {
		uint64_t interval = report_interval(&r);
		sum += interval;
		least = interval < least ? interval : least;
		most = interval > most ? interval : most;
		same += interval / MS == report_interval(&other) / MS;
	}
	ck_assert_uint_ge(least, 500 * MS);
	ck_assert_uint_lt(least, 501 * MS);
	ck_assert_uint_lt(most, 1500 * MS);
	ck_assert_uint_ge(most, 1499 * MS);
	ck_assert_uint_ge(sum / 10000, 990 * MS);
	ck_assert_uint_le(sum / 10000, 1010 * MS);
	/* Of another seed there is nothing in common but chance: one in a thousand. */
	ck_assert_uint_le(same, 30);
}
END_TEST

/* What is due at the same time stays together: one interval is drawn for a datagram. */
START_TEST(test_streams_that_are_reported_together_stay_together) {
	static struct rtp_sender second;
	struct rtp_sender *list[2] = {&sender, &second};
	const struct report_streams s = {list, NULL, 2, 0};
	rtp_sender_init(&second, 9, 90000, 1);
	rtp_sender_sent(&sender, 1, 0, 0, 0);
	rtp_sender_sent(&second, 1, 0, 0, 0);
	uint64_t before = 0, last = 0, changes = 0;
	for (unsigned i = 0; i < 20; i++) {
		uint64_t now = report_deadline(&s);
		ck_assert_uint_eq(output(&s, now), 3);
		ck_assert_uint_eq(sender.due, second.due);
		changes += sender.due - now != last;
		last = sender.due - now;
		ck_assert_uint_gt(sender.due, before);
		before = sender.due;
	}
	ck_assert_uint_ge(changes, 19);
}
END_TEST

START_TEST(test_a_peer_that_is_gone_gets_no_answer) {
	for (unsigned i = 0; i < 3; i++)
		report_rrtr(&r, 100 + i, UINT64_C(1) << 32, i * MS);
	report_forget(&r, 100);
	report_forget(&r, 100);
	ck_assert(report_check(&r));
	ck_assert_uint_eq(r.peer_count, 2);
	ck_assert(r.peers[0].ssrc != 100 && r.peers[1].ssrc != 100);
}
END_TEST

START_TEST(test_the_peer_heard_longest_ago_makes_room) {
	for (unsigned i = 0; i <= REPORT_PEERS; i++)
		report_rrtr(&r, 100 + i, UINT64_C(1) << 32, i * MS);
	ck_assert(report_check(&r));
	ck_assert_uint_eq(r.peer_count, REPORT_PEERS);
	ck_assert_uint_eq(r.peers[0].ssrc, 100 + REPORT_PEERS);
	report_rrtr(&r, 103, UINT64_C(2) << 32, 20 * MS);
	ck_assert(report_check(&r));
}
END_TEST

/* ---- keyframes ---- */

static int ask(struct keyframe_request *k, uint64_t round_trip, uint64_t now) {
	w = rtcp_writer_of(space, sizeof space);
	int written = keyframe_output(k, &w, 1, 2, round_trip, now);
	ck_assert(keyframe_request_check(k));
	return written;
}

START_TEST(test_a_keyframe_is_asked_for_once_in_300_ms_until_it_came) {
	struct keyframe_request k = {0};
	ck_assert_uint_eq(keyframe_deadline(&k), SLUICE_NEVER);
	ck_assert_int_eq(ask(&k, 40 * MS, 1000 * MS), 0);
	keyframe_want(&k);
	ck_assert_int_eq(ask(&k, 40 * MS, 1000 * MS), 1);
	keyframe_want(&k);
	ck_assert_int_eq(ask(&k, 40 * MS, 1299 * MS), 0);
	ck_assert_uint_eq(keyframe_deadline(&k), 1300 * MS);
	ck_assert_int_eq(ask(&k, 40 * MS, 1300 * MS), 1);
	keyframe_came(&k);
	ck_assert_int_eq(ask(&k, 40 * MS, 5000 * MS), 0);
	ck_assert_uint_eq(k.sent, 2);
	ck_assert_uint_eq(read_all(), 0);
}
END_TEST

START_TEST(test_on_a_long_way_it_is_once_in_a_round_trip) {
	struct keyframe_request k = {0};
	keyframe_want(&k);
	ck_assert_int_eq(ask(&k, 700 * MS, 0), 1);
	ck_assert_uint_eq(read_all(), 1);
	ck_assert_int_eq(packets[0].kind, RTCP_PLI);
	ck_assert_uint_eq(packets[0].media, 2);
	keyframe_came(&k);
	keyframe_want(&k);
	ck_assert_int_eq(ask(&k, 700 * MS, 699 * MS), 0);
	ck_assert_int_eq(ask(&k, 700 * MS, 700 * MS), 1);
}
END_TEST

START_TEST(test_a_fir_repeated_keeps_its_number_and_a_new_one_counts_up) {
	struct keyframe_request k = {.uses_fir = true};
	struct keyframe_answer answer = {0};
	const uint8_t expected[] = {1, 1, 2};
	for (unsigned i = 0; i < 3; i++) {
		if (i == 2)
			keyframe_came(&k);
		keyframe_want(&k);
		ck_assert_int_eq(ask(&k, 0, i * 300 * MS), 1);
		ck_assert_uint_eq(read_all(), 1);
		ck_assert_uint_eq(rtcp_fir_at(&packets[0], 0).sequence, expected[i]);
		ck_assert_int_eq(keyframe_fir(&answer, expected[i], i * 300 * MS), i != 1);
		ck_assert(keyframe_answer_check(&answer));
	}
}
END_TEST

START_TEST(test_a_burst_of_plis_tells_the_encoder_once) {
	struct keyframe_answer k = {0};
	ck_assert(keyframe_pli(&k, 1000 * MS));
	ck_assert(!keyframe_pli(&k, 1001 * MS));
	ck_assert(!keyframe_fir(&k, 7, 1099 * MS));
	ck_assert(keyframe_pli(&k, 1100 * MS));
	ck_assert_uint_eq(k.told, 2);
}
END_TEST

START_TEST(test_a_full_datagram_leaves_the_request_due) {
	struct keyframe_request k = {0};
	keyframe_want(&k);
	w = rtcp_writer_of(space, 8);
	ck_assert_int_eq(keyframe_output(&k, &w, 1, 2, 0, 0), SLUICE_NO_SPACE);
	ck_assert_int_eq(ask(&k, 0, 0), 1);
}
END_TEST

int main(int argc, char **argv) {
	const TTest *tests[] = {
		test_an_idle_session_sends_nothing,
		test_the_first_packet_is_followed_by_an_sr_and_a_cname,
		test_who_only_receives_sends_an_rr_with_an_rrtr,
		test_an_sr_takes_the_blocks_along,
		test_forty_streams_are_reported_in_as_many_datagrams_as_it_takes,
		test_a_receiver_learns_the_round_trip_from_its_rrtr,
		test_an_interval_is_half_to_one_and_a_half_seconds_and_one_on_the_average,
		test_streams_that_are_reported_together_stay_together,
		test_a_peer_that_is_gone_gets_no_answer,
		test_the_peer_heard_longest_ago_makes_room,
		test_a_keyframe_is_asked_for_once_in_300_ms_until_it_came,
		test_on_a_long_way_it_is_once_in_a_round_trip,
		test_a_fir_repeated_keeps_its_number_and_a_new_one_counts_up,
		test_a_burst_of_plis_tells_the_encoder_once,
		test_a_full_datagram_leaves_the_request_due,
	};
	return suite_run_each("rtp report", tests, sizeof tests / sizeof *tests, argc > 1 ? argv[1] : NULL, 60, setup);
}
