/* Do two sessions over a bad line get each frame across that can be repaired, once and in order, and at what price? */
#include "rtp/session.h"

#include "rtp/rtcp_write.h"

#include "sim/media_node.h"
#include "sim/memory.h"
#include "sim/sim.h"
#include "suite.h"

#include "sim/assert.h"

#define MS SLUICE_MS
#define ALL (RTP_STAGE_NACK | RTP_STAGE_TWCC | RTP_STAGE_ABS_SEND_TIME | RTP_STAGE_KEYFRAME)
#define DELAY (20 * MS)
#define FRAME (33 * MS)
#define PACKETS 10

static struct memory memory;
static sluice_env *env;
static struct sim sim;
static struct rng entropy; /* of reports' intervals: each run has the same */
static struct media_node alice, bob;
static struct sim_host *a, *b;
static struct rtp_in_stats in;
static struct rtp_out_stats out;

static void open_world(uint64_t seed, const struct link_config *line, uint32_t stages, bool with_rtx) {
	entropy = rng_of(sim_seed(seed), 200);
	sluice_env_config config = {.allocator = memory_allocator(&memory), .entropy = rng_entropy, .entropy_ctx = &entropy};
	ck_assert_int_eq(sluice_env_new(&config, &env), 0);
	sim_init(&sim, sim_seed(seed));
	media_node_open(&alice, env, NULL, 1000, 2000, stages, with_rtx);
	media_node_open(&bob, env, NULL, 2000, 1000, stages, with_rtx);
	a = sim_add_host(&sim, "alice", &media_node_ops, &alice, NULL);
	b = sim_add_host(&sim, "bob", &media_node_ops, &bob, NULL);
	sim_join(&sim, a, b, line);
}

static void close_world(void) {
	sim_close(&sim);
	media_node_close(&alice);
	media_node_close(&bob);
	sluice_env_free(env);
	ck_assert_uint_eq(memory.live, 0);
}

/* Alice sends for `frames` frames; then there is a second for the last repairs. */
static void run(uint32_t frames) {
	media_node_send(&alice, frames, PACKETS, FRAME, sim.now);
	sim_run(&sim, sim.now + frames * FRAME + 1 * SLUICE_S);
	rtp_session_in_stats(bob.session, 0, &in);
	rtp_session_out_stats(alice.session, 0, &out);
}

static uint64_t losses(void) {
	return sim_link(&sim, a, b)->dropped;
}

/* All came; the last of them may have no packet behind it that shows a hole, so two frames are left out. */
static void expect_all(uint32_t frames) {
	ck_assert_uint_ge(bob.got, frames - 2);
	ck_assert_uint_eq(bob.passed, 0);
	ck_assert_uint_eq(in.given_up, 0);
	ck_assert_uint_eq(bob.keys_asked, 0);
}

START_TEST(test_a_clean_line_costs_no_nack_and_both_learn_the_round_trip) {
	struct link_config line = {.delay = DELAY};
	open_world(1, &line, ALL, true);
	run(100);
	expect_all(100);
	ck_assert_uint_eq(bob.got, 100);
	ck_assert_uint_eq(in.nacked, 0);
	ck_assert_uint_eq(out.resent, 0);
	ck_assert_uint_eq(out.packets, 1000);
	ck_assert_uint_eq(out.octets, 1000 * (MEDIA_BODY + 8));
	ck_assert_uint_eq(out.block.lost, 0);
	/* To the second of an NTP time's 65,536th. */
	ck_assert_uint_ge(rtp_session_round_trip(alice.session), 2 * DELAY - 100 * SLUICE_US);
	ck_assert_uint_le(rtp_session_round_trip(alice.session), 2 * DELAY + 100 * SLUICE_US);
	/* Bob sends nothing, so he knows by XR. */
	ck_assert_uint_ge(rtp_session_round_trip(bob.session), 2 * DELAY - 100 * SLUICE_US);
	ck_assert_uint_le(rtp_session_round_trip(bob.session), 2 * DELAY + 100 * SLUICE_US);
	close_world();
}
END_TEST

/* The first frame crosses a clean line: a lost beginning is no packet that NACK can see. */
static void open_bad(uint64_t seed, struct link_config line, uint32_t stages, bool with_rtx) {
	struct link_config clean = {.delay = line.delay};
	open_world(seed, &clean, stages, with_rtx);
	media_node_send(&alice, 1, PACKETS, FRAME, sim.now);
	sim_run(&sim, sim.now + FRAME);
	sim_link(&sim, a, b)->config = line;
	sim_link(&sim, b, a)->config = line;
}

START_TEST(test_five_percent_of_loss_each_way_is_repaired) {
	struct link_config line = {.delay = DELAY, .loss = 0.05};
	for (unsigned rtx = 0; rtx < 2; rtx++)
		for (uint64_t seed = 1; seed <= sim_seeds(4); seed++) {
			open_bad(seed, line, ALL, rtx);
			run(600);
			ck_assert_uint_gt(losses(), 200);
			expect_all(600);
			ck_assert_uint_le(in.nacked * 10, losses() * 12);
			ck_assert_uint_eq(in.repaired > 0, rtx);
			close_world();
		}
}
END_TEST

START_TEST(test_bursts_of_loss_are_repaired) {
	struct link_config line = {.delay = DELAY, .burst_enter = 0.01, .burst_leave = 0.2, .burst_loss = 0.8};
	for (uint64_t seed = 1; seed <= sim_seeds(4); seed++) {
		open_bad(seed, line, ALL, true);
		run(600);
		ck_assert_uint_gt(losses(), 100);
		expect_all(600);
		ck_assert_uint_le(in.nacked * 10, losses() * 12);
		close_world();
	}
}
END_TEST

START_TEST(test_reordering_is_learnt_and_costs_few_nacks) {
	struct link_config line = {.delay = DELAY, .reorder = 0.05, .reorder_delay = 1 * MS, .reorder_jitter = 1 * MS};
	for (uint64_t seed = 1; seed <= sim_seeds(4); seed++) {
		open_bad(seed, line, ALL, true);
		run(600);
		expect_all(600);
		ck_assert_uint_eq(bob.got, 600);
		/* Some 300 packets were overtaken. */
		ck_assert_uint_le(in.nacked, 30);
		close_world();
	}
}
END_TEST

START_TEST(test_loss_and_reordering_and_duplicates_together) {
	struct link_config line = {
		.delay = DELAY,
		.loss = 0.03,
		.duplicate = 0.05,
		.reorder = 0.02,
		.reorder_delay = 1 * MS,
		.reorder_jitter = 1 * MS,
	};
	for (uint64_t seed = 1; seed <= sim_seeds(4); seed++) {
		open_bad(seed, line, ALL, true);
		run(600);
		expect_all(600);
		ck_assert_uint_gt(in.duplicates, 100);
		ck_assert_uint_le(in.nacked * 10, losses() * 12);
		close_world();
	}
}
END_TEST

START_TEST(test_an_outage_of_300_ms_is_repaired_packet_by_packet) {
	struct link_config line = {.delay = DELAY, .outage_from = 2000 * MS, .outage_to = 2300 * MS};
	open_bad(1, line, ALL, true);
	run(200);
	ck_assert_uint_ge(losses(), 80);
	expect_all(200);
	ck_assert_uint_eq(bob.got, 200);
	ck_assert_uint_le(in.nacked * 10, losses() * 12);
	close_world();
}
END_TEST

START_TEST(test_a_long_outage_ends_with_a_keyframe_and_hardly_a_nack) {
	struct link_config line = {.delay = DELAY, .outage_from = 2000 * MS, .outage_to = 5000 * MS};
	open_bad(1, line, ALL, true);
	run(300);
	ck_assert_uint_eq(alice.keys, 2);
	ck_assert_uint_eq(bob.keys_asked, 1);
	/* Three seconds of frames, and those until the keyframe. */
	ck_assert_uint_ge(bob.passed, 90);
	ck_assert_uint_le(bob.passed, 96);
	ck_assert_uint_eq(bob.got + bob.passed, 300);
	ck_assert_uint_le(in.nacked, PACKETS);
	close_world();
}
END_TEST

static void want_again(void *ctx) {
	rtp_session_want_keyframe(bob.session, 0);
	sim_at(&sim, sim.now + 20 * MS, want_again, ctx);
}

/* The player asks fifty times a second, and both the requests and the keyframes are lost now and then. */
START_TEST(test_keyframes_are_asked_for_at_most_once_in_a_round_trip_and_300_ms) {
	for (unsigned long_way = 0; long_way < 2; long_way++) {
		struct link_config line = {.delay = (long_way ? 250 : 20) * MS, .loss = 0.1};
		open_bad(3, line, ALL, true);
		want_again(NULL);
		/* The round trip becomes known. */
		run(150);
		bob.asked_gap = SLUICE_NEVER;
		uint64_t before = bob.keys_asked;
		run(450);
		ck_assert_uint_ge(bob.keys_asked - before, long_way ? 15 : 25);
		ck_assert_uint_ge(bob.asked_gap, long_way ? 499 * MS : 300 * MS);
		ck_assert_uint_ge(alice.keys, 10);
		close_world();
	}
}
END_TEST

START_TEST(test_ten_thousand_packets_each_way_with_loss_allocate_nothing) {
	struct link_config line = {.delay = DELAY, .loss = 0.05};
	open_bad(7, line, ALL, true);
	media_node_send(&bob, 1000, PACKETS, FRAME, sim.now);
	uint64_t before = memory.allocations;
	run(1000);
	ck_assert_uint_eq(memory.allocations, before);
	ck_assert_uint_eq(out.packets, 10000);
	ck_assert_uint_gt(in.repaired, 400);
	ck_assert_uint_ge(bob.got, 998);
	ck_assert_uint_ge(alice.got, 990);
	close_world();
}
END_TEST

START_TEST(test_an_idle_session_is_silent_and_a_stream_small) {
	struct link_config line = {.delay = DELAY};
	open_world(1, &line, ALL | RTP_STAGE_CCFB, true);
	sim_run(&sim, sim.now + 100 * SLUICE_S);
	ck_assert_uint_eq(alice.rtcp + bob.rtcp, 0);
	rtp_session_in_stats(bob.session, 0, &in);
	ck_assert_uint_le(in.memory, 64 * 1024);
	close_world();
}
END_TEST

/* ---- one session alone ---- */

static uint8_t space[1500];

START_TEST(test_the_lists_of_streams_are_bounded_and_ssrcs_differ) {
	open_world(1, NULL, ALL, true);
	struct rtp_in_config c = {.ssrc = 50, .rtx_ssrc = 51, .clock_rate = 90000, .flags = ALL};
	ck_assert_int_eq(rtp_session_add_in(bob.session, &c), 1);
	ck_assert_int_eq(rtp_session_add_in(bob.session, &c), SLUICE_EXISTS);
	c.ssrc = 51;
	c.rtx_ssrc = 0;
	ck_assert_int_eq(rtp_session_add_in(bob.session, &c), SLUICE_EXISTS);
	c.ssrc = 0;
	ck_assert_int_eq(rtp_session_add_in(bob.session, &c), SLUICE_INVALID);
	for (c.ssrc = 60; c.ssrc < 74; c.ssrc++)
		ck_assert_int_ge(rtp_session_add_in(bob.session, &c), 2);
	ck_assert_int_eq(rtp_session_add_in(bob.session, &c), SLUICE_LIMIT);
	ck_assert(rtp_session_check(bob.session));
	close_world();
}
END_TEST

START_TEST(test_failing_memory_leaves_a_session_whole) {
	open_world(1, NULL, ALL, true);
	struct rtp_in_config c = {.ssrc = 50, .clock_rate = 90000, .flags = ALL | RTP_STAGE_CCFB};
	struct rtp_out_config o = {.ssrc = 51, .clock_rate = 90000, .flags = ALL | RTP_STAGE_CCFB, .history = 16384};
	struct rtp_session_config config = {.cname = "x", .ssrc = 1};
	for (unsigned i = 1; i < 40; i++) {
		struct rtp_session *s;
		memory.fail_at = i;
		if (rtp_session_new(env, &config, &s))
			continue;
		(void)rtp_session_add_in(s, &c);
		(void)rtp_session_add_out(s, &o);
		ck_assert(rtp_session_check(s));
		rtp_session_free(s);
	}
	memory.fail_at = 0;
	close_world();
}
END_TEST

START_TEST(test_a_strangers_packet_is_shown_and_its_probe_is_reported) {
	open_world(1, NULL, ALL, true);
	struct rtp_received got;
	int len = rtp_session_pad(alice.session, 0, MEDIA_TYPE, 200, 0, space, sizeof space, 0);
	ck_assert_int_gt(len, 200);
	put_be32(space + 8, 0x12345678);
	ck_assert_int_eq(rtp_session_receive(bob.session, space, (size_t)len, 1 * MS, &got), SLUICE_NOT_FOUND);
	ck_assert_uint_eq(got.packet.ssrc, 0x12345678);
	ck_assert(rtp_extension_has(&got.extensions, RTP_EXT_MID));
	ck_assert_uint_eq(rtp_session_deadline(bob.session), 51 * MS);
	close_world();
}
END_TEST

START_TEST(test_padding_of_the_rtx_stream_takes_no_number_of_the_media) {
	open_world(1, NULL, ALL, true);
	struct rtp_received got;
	for (unsigned i = 0; i < 3; i++) {
		int len = rtp_session_pad(alice.session, 0, MEDIA_TYPE, 255, 0, space, sizeof space, i);
		ck_assert_int_gt(len, 255);
		ck_assert_int_eq(rtp_session_receive(bob.session, space, (size_t)len, i, &got), 0);
	}
	rtp_session_out_stats(alice.session, 0, &out);
	ck_assert_uint_eq(out.packets, 0);
	ck_assert(rtp_session_check(bob.session));
	close_world();
}
END_TEST

/* It holds a number of the stream: the app must hear of it, and a lost one must come again. */
START_TEST(test_padding_of_the_stream_itself_is_shown_and_repaired) {
	static uint8_t first[1500], again[1500];
	const uint64_t numbers[] = {65500, 65501};
	open_world(1, NULL, ALL, false);
	struct rtp_received got;
	for (unsigned i = 0; i < 2; i++) {
		uint8_t padding = i ? 1 : 255;
		int len = rtp_session_pad(alice.session, 0, MEDIA_TYPE, padding, 0, first, sizeof first, i);
		ck_assert_int_gt(len, padding);
		ck_assert(rtp_session_check(alice.session));
		struct rtcp_writer w = rtcp_writer_of(space, sizeof space);
		ck_assert_int_eq(rtcp_write_nack(&w, 2000, 1001, &numbers[i], 1), 1);
		ck_assert_int_eq(rtp_session_receive_rtcp(alice.session, space, w.len, 50), 0);
		ck_assert_int_eq(rtp_session_repair(alice.session, 0, again, sizeof again, 60), len);
		ck_assert_mem_eq(again, first, (size_t)len);
		ck_assert_int_eq(rtp_session_receive(bob.session, again, (size_t)len, 80, &got), 1);
		ck_assert_uint_eq(got.packet.payload_len, 0);
		ck_assert_uint_eq(got.number, SERIAL_ORIGIN + 65500 + i);
		ck_assert_int_eq(rtp_session_receive(bob.session, first, (size_t)len, 90, &got), 0);
	}
	close_world();
}
END_TEST

/* The receiver learns that the way is long, and then waits as long before it asks again; the sender before it answers again. */
START_TEST(test_on_a_long_way_both_wait_for_its_round_trip) {
	struct link_config line = {.delay = 100 * MS, .loss = 0.05};
	open_bad(3, line, ALL, true);
	media_node_send(&alice, 600, PACKETS, FRAME, sim.now);
	sim_run(&sim, sim.now + 60 * FRAME);
	rtp_session_in_stats(bob.session, 0, &in);
	uint64_t nacked = in.nacked, lost = losses(), resent;
	sim_run(&sim, sim.now + 540 * FRAME + 1 * SLUICE_S);
	rtp_session_in_stats(bob.session, 0, &in);
	rtp_session_out_stats(alice.session, 0, &out);
	expect_all(600);
	ck_assert_uint_gt(losses() - lost, 200);
	ck_assert_uint_le((in.nacked - nacked) * 10, (losses() - lost) * 12);
	const uint64_t last = (UINT64_C(1) << 32) + 65500 + out.packets - 1;
	for (unsigned i = 0; i < 3; i++) {
		struct rtcp_writer w = rtcp_writer_of(space, sizeof space);
		ck_assert_int_eq(rtcp_write_nack(&w, 2000, 1001, &last, 1), 1);
		ck_assert_int_eq(rtp_session_receive_rtcp(alice.session, space, w.len, sim.now - 900 * MS + i * 150 * MS), 0);
		resent = out.resent;
		(void)rtp_session_repair(alice.session, 0, space, sizeof space, sim.now);
		rtp_session_out_stats(alice.session, 0, &out);
		ck_assert_uint_eq(out.resent - resent, i != 1);
	}
	close_world();
}
END_TEST

/* max(1 s, 3 round trips): with 600 ms a packet is there for 1.8 s, also one of a stream that came later. */
START_TEST(test_a_packet_can_be_repaired_for_three_round_trips) {
	struct link_config line = {.delay = 300 * MS};
	struct rtp_source frame = {.data = space, .len = 100, .refs = 1};
	struct rtp_sending sending = {.source = &frame, .len = 100, .payload_type = MEDIA_TYPE};
	const struct rtp_out_config c = {.ssrc = 3001, .clock_rate = 90000, .flags = ALL, .first = 65500};
	static uint8_t packet[1500];
	open_world(1, &line, ALL, true);
	run(100);
	ck_assert_uint_ge(rtp_session_round_trip(alice.session), 599 * MS);
	ck_assert_int_eq(rtp_session_add_out(alice.session, &c), 1);
	for (unsigned i = 0; i < 3; i++) {
		uint64_t at = sim.now + i * 1700 * MS;
		ck_assert_int_gt(rtp_session_send(alice.session, 1, &sending, packet, sizeof packet, at), 0);
		if (!i)
			continue;
		/* The first packet is asked for after 1.7 s, and after 3.4 s. */
		const uint64_t first = 65500;
		struct rtcp_writer w = rtcp_writer_of(space, sizeof space);
		ck_assert_int_eq(rtcp_write_nack(&w, 2000, 3001, &first, 1), 1);
		ck_assert_int_eq(rtp_session_receive_rtcp(alice.session, space, w.len, at), 0);
		int len = rtp_session_repair(alice.session, 0, packet, sizeof packet, at);
		ck_assert_int_eq(len > 0, i == 1);
	}
	close_world();
}
END_TEST

START_TEST(test_streams_take_turns_with_their_repairs) {
	struct rtp_source frame = {.data = space, .len = 100, .refs = 1};
	struct rtp_sending sending = {.source = &frame, .len = 100, .payload_type = 50};
	const struct rtp_out_config c = {.ssrc = 3001, .clock_rate = 90000, .flags = ALL, .first = 65500};
	static uint8_t packet[1500];
	const uint64_t numbers[] = {65500, 65501, 65502, 65503};
	open_world(1, NULL, ALL, false);
	ck_assert_int_eq(rtp_session_add_out(alice.session, &c), 1);
	for (unsigned i = 0; i < 8; i++)
		ck_assert_int_gt(rtp_session_send(alice.session, i / 4, &sending, packet, sizeof packet, i), 0);
	struct rtcp_writer w = rtcp_writer_of(space, sizeof space);
	ck_assert_int_eq(rtcp_write_nack(&w, 2000, 1001, numbers, 4), 4);
	ck_assert_int_eq(rtcp_write_nack(&w, 2000, 3001, numbers, 4), 4);
	ck_assert_int_eq(rtp_session_receive_rtcp(alice.session, space, w.len, 50), 0);
	ck_assert(rtp_session_has_repair(alice.session));
	for (unsigned i = 0; i < 8; i++) {
		ck_assert_int_gt(rtp_session_repair(alice.session, 0, packet, sizeof packet, 60), 0);
		ck_assert_uint_eq(get_be32(packet + 8), i % 2 ? 3001 : 1001);
		ck_assert_uint_eq(get_be16(packet + 2), 65500 + i / 2);
	}
	ck_assert_int_eq(rtp_session_repair(alice.session, 0, packet, sizeof packet, 60), 0);
	ck_assert(!rtp_session_has_repair(alice.session));
	close_world();
}
END_TEST

START_TEST(test_without_their_extensions_the_stages_write_nothing_into_a_packet) {
	static uint8_t bytes[100], packet[200];
	struct rtp_source frame = {.data = bytes, .len = 100, .refs = 1};
	struct rtp_sending sending = {.source = &frame, .len = 100};
	const struct rtp_session_config config = {.cname = "x", .ssrc = 1};
	const struct rtp_out_config c = {.ssrc = 60, .clock_rate = 90000, .flags = RTP_STAGE_TWCC | RTP_STAGE_ABS_SEND_TIME};
	struct rtp_session *s;
	open_world(1, NULL, ALL, true);
	memset(bytes, 0xEE, sizeof bytes);
	ck_assert_int_eq(rtp_session_new(env, &config, &s), 0);
	ck_assert_int_eq(rtp_session_add_out(s, &c), 0);
	ck_assert_int_eq(rtp_session_send(s, 0, &sending, packet, sizeof packet, 0), RTP_HEADER + 100);
	ck_assert_mem_eq(packet + RTP_HEADER, bytes, 100);
	rtp_session_free(s);
	close_world();
}
END_TEST

/* A packet of media of stream 1001, or of its RTX 1002 that repairs `repairs`. Returns what the session says of it. */
static int give(struct rtp_session *s, uint16_t sequence, int repairs, uint64_t now) {
	struct rtp_received got;
	uint8_t data[RTP_HEADER + 3] = {0x80, repairs < 0 ? MEDIA_TYPE : MEDIA_RTX_TYPE};
	put_be16(data + 2, sequence);
	put_be32(data + 8, repairs < 0 ? 1001 : 1002);
	put_be16(data + RTP_HEADER, (uint16_t)repairs);
	int result = rtp_session_receive(s, data, sizeof data, now, &got);
	ck_assert(rtp_session_check(s));
	return result;
}

START_TEST(test_what_lies_before_a_keyframe_is_not_asked_for) {
	open_world(1, NULL, ALL, true);
	ck_assert_int_eq(give(bob.session, 10, -1, 0), 1);
	ck_assert_int_eq(give(bob.session, 14, -1, 0), 1);
	ck_assert_int_eq(give(bob.session, 16, -1, 0), 1);
	rtp_session_keyframe_came(bob.session, 0, (UINT64_C(1) << 32) + 14);
	ck_assert_int_gt(rtp_session_rtcp(bob.session, space, sizeof space, 0), 0);
	rtp_session_in_stats(bob.session, 0, &in);
	ck_assert_uint_eq(in.nacked, 1);
	close_world();
}
END_TEST

START_TEST(test_a_repair_of_a_packet_ahead_of_the_stream_is_not_taken) {
	open_world(1, NULL, ALL, true);
	ck_assert_int_eq(give(bob.session, 1, 5, 0), 0);
	ck_assert_int_eq(give(bob.session, 10, -1, 0), 1);
	ck_assert_int_eq(give(bob.session, 2, 11, 0), 0);
	ck_assert_int_eq(give(bob.session, 11, -1, 0), 1);
	ck_assert_int_eq(give(bob.session, 13, -1, 0), 1);
	ck_assert_int_eq(give(bob.session, 3, 12, 0), 1);
	ck_assert_int_eq(give(bob.session, 4, 12, 0), 0);
	rtp_session_in_stats(bob.session, 0, &in);
	ck_assert_uint_eq(in.repaired, 1);
	close_world();
}
END_TEST

/* At the eleventh time there is nothing to ask for, and a report of nothing needs no datagram. */
START_TEST(test_a_head_is_not_sent_alone) {
	const struct rtp_session_config config = {.cname = "x", .ssrc = 1, .compound = true};
	const struct rtp_in_config c = {.ssrc = 1001, .clock_rate = 90000, .flags = RTP_STAGE_NACK};
	struct rtp_session *s;
	unsigned sent = 0;
	open_world(1, NULL, ALL, true);
	ck_assert_int_eq(rtp_session_new(env, &config, &s), 0);
	ck_assert_int_eq(rtp_session_add_in(s, &c), 0);
	give(s, 1, -1, 0);
	give(s, 3, -1, 0);
	for (unsigned i = 0; i < 30; i++)
		sent += rtp_session_rtcp(s, space, sizeof space, i * 100 * MS) > 0;
	/* Ten NACKs, the sixth or so with the one report that is due. */
	ck_assert_uint_ge(sent, 10);
	ck_assert_uint_le(sent, 11);
	rtp_session_in_stats(s, 0, &in);
	ck_assert_uint_eq(in.nacked, 10);
	ck_assert_uint_eq(in.given_up, 1);
	rtp_session_free(s);
	close_world();
}
END_TEST

/* ---- the estimator's place ---- */

struct meter {
	uint64_t next, sent, bytes, arrived, told, remb, reports, last_number, last_arrival;
	uint32_t probes;
};

static void meter_sent(void *ctx, uint64_t number, size_t size, uint32_t probe, uint64_t now) {
	struct meter *m = ctx;
	(void)now;
	if (m->next)
		ck_assert_uint_eq(number, m->next);
	m->next = number + 1;
	m->sent++;
	m->bytes += size;
	m->probes += probe;
}

static void meter_feedback(void *ctx, const struct rtcp_twcc *twcc, uint64_t now) {
	struct meter *m = ctx;
	(void)now;
	m->arrived += twcc->received;
	m->told += twcc->count;
}

static void meter_arrival(void *ctx, uint64_t number, bool came, uint64_t arrived) {
	struct meter *m = ctx;
	ck_assert_uint_lt(number, m->next);
	m->told++;
	m->arrived += came;
	m->last_number = number;
	m->last_arrival = arrived;
}

static void meter_reported(void *ctx, uint64_t now) {
	(void)now;
	((struct meter *)ctx)->reports++;
}

static void meter_remb(void *ctx, uint64_t bitrate, uint64_t now) {
	(void)now;
	((struct meter *)ctx)->remb = bitrate;
}

static void meter_advance(void *ctx, uint64_t now) {
	(void)ctx;
	(void)now;
}

static uint64_t meter_deadline(void *ctx) {
	(void)ctx;
	return SLUICE_NEVER;
}

static const struct rtp_rate_ops meter_ops = {meter_sent, meter_feedback, meter_arrival, meter_reported,
                                              meter_remb, meter_advance,  meter_deadline};

/* Media, repairs and probes have numbers of one row, and TWCC tells of each of them. */
START_TEST(test_the_estimator_sees_each_packet_that_leaves_and_its_fate) {
	static uint8_t packet[1500];
	struct meter meter = {0};
	const struct rtp_session_config config = {.rate = &meter_ops, .rate_ctx = &meter};
	struct link_config line = {.delay = DELAY, .loss = 0.05}, back = {.delay = DELAY};
	open_world(5, &back, ALL, true);
	media_node_close(&alice);
	media_node_open(&alice, env, &config, 1000, 2000, ALL, true);
	media_node_send(&alice, 1, PACKETS, FRAME, sim.now);
	sim_run(&sim, sim.now + FRAME);
	sim_link(&sim, a, b)->config = line;
	run(300);
	ck_assert_uint_eq(meter.sent, 3000 + out.resent);
	ck_assert_uint_gt(out.resent, 100);
	/* Each packet of Alice's but for her reports is media or a repair. What was lost last is not told. */
	ck_assert_uint_le(meter.sent - meter.told, 5);
	ck_assert_uint_le(meter.told - meter.arrived, losses());
	ck_assert_uint_ge(meter.told - meter.arrived + 5, losses());
	int len = rtp_session_pad(alice.session, 0, MEDIA_TYPE, 100, 9, space, sizeof space, sim.now);
	ck_assert_int_gt(len, 100);
	ck_assert_uint_eq(meter.probes, 9);
	/* A repair that leaves within a probe is a part of it. */
	struct rtcp_writer w = rtcp_writer_of(space, sizeof space);
	const uint64_t last = SERIAL_ORIGIN + 65500 + out.packets - 1;
	ck_assert_int_eq(rtcp_write_nack(&w, 2000, 1001, &last, 1), 1);
	ck_assert_int_eq(rtp_session_receive_rtcp(alice.session, space, w.len, sim.now), 0);
	ck_assert_int_gt(rtp_session_repair(alice.session, 7, packet, sizeof packet, sim.now), 0);
	ck_assert_uint_eq(meter.probes, 9 + 7);
	w = rtcp_writer_of(space, sizeof space);
	ck_assert_int_ge(rtcp_write_remb(&w, 2000, 131072, NULL, 0), 0);
	ck_assert_int_eq(rtp_session_receive_rtcp(alice.session, space, w.len, sim.now), 0);
	ck_assert_uint_eq(meter.remb, 131072);
	close_world();
}
END_TEST

/* The peer reports by SSRC and sequence number; the estimator hears of the transport's numbers, in whatever order. */
START_TEST(test_ccfb_is_told_by_the_numbers_of_the_transport) {
	static uint8_t packet[1500];
	struct meter meter = {0};
	const struct rtp_session_config config = {.rate = &meter_ops, .rate_ctx = &meter};
	struct rtp_source frame = {.data = space, .len = 100, .refs = 1};
	struct rtp_sending sending = {.source = &frame, .len = 100, .payload_type = MEDIA_TYPE};
	struct rtcp_ccfb_word words[8] = {
		{.received = true, .offset = 512},
		{.received = false},
		{.received = true, .offset = RTCP_CCFB_OFFSET_UNKNOWN},
		{.received = true, .offset = RTCP_CCFB_OFFSET_OVER},
		{.received = true, .ecn = 3},
		{.received = true}, /* not sent yet */
	};
	struct rtcp_ccfb_run runs[3] = {{2002, 65500, 6, words}, {1002, 65530, 1, words}, {1001, 65500, 6, words}};
	open_world(1, NULL, ALL, true);
	media_node_close(&alice);
	media_node_open(&alice, env, &config, 1000, 2000, (ALL & ~RTP_STAGE_TWCC) | RTP_STAGE_CCFB, true);
	for (unsigned i = 0; i < 5; i++)
		ck_assert_int_gt(rtp_session_send(alice.session, 0, &sending, packet, sizeof packet, i), 100);
	ck_assert_int_gt(rtp_session_pad(alice.session, 0, MEDIA_TYPE, 100, 0, packet, sizeof packet, 6), 100);
	ck_assert_uint_eq(meter.sent, 6);
	/* RTX 65530 is the transport's number 6; of the media 1, 2 and 5 are told. */
	struct rtcp_writer w = rtcp_writer_of(packet, sizeof packet);
	ck_assert_int_eq(rtcp_write_ccfb(&w, 2000, 5 << 16, runs, 3), 3);
	ck_assert_int_eq(rtp_session_receive_rtcp(alice.session, packet, w.len, 7), 0);
	ck_assert_uint_eq(meter.reports, 1);
	ck_assert_uint_eq(meter.told, 4);
	ck_assert_uint_eq(meter.arrived, 3);
	ck_assert_uint_eq(meter.last_number, SERIAL_ORIGIN + 5);
	uint64_t arrival = meter.last_arrival;
	/* A second later on the peer's clock, half a second before that. */
	runs[0] = (struct rtcp_ccfb_run){1001, 65500, 1, words};
	w = rtcp_writer_of(packet, sizeof packet);
	ck_assert_int_eq(rtcp_write_ccfb(&w, 2000, 6 << 16, runs, 1), 1);
	ck_assert_int_eq(rtp_session_receive_rtcp(alice.session, packet, w.len, 8), 0);
	ck_assert_uint_eq(meter.last_number, SERIAL_ORIGIN + 1);
	ck_assert_uint_eq(meter.last_arrival - arrival, SLUICE_S / 2);
	close_world();
}
END_TEST

START_TEST(test_each_packet_carries_its_time_and_number) {
	struct rtp_received got;
	struct rtp_source frame = {.data = space, .len = 100, .refs = 1};
	struct rtp_sending sending = {.source = &frame, .len = 100, .payload_type = MEDIA_TYPE};
	static uint8_t packet[1500];
	open_world(1, NULL, ALL, true);
	for (unsigned i = 1; i <= 3; i++) {
		uint32_t ticks;
		uint16_t number;
		int len = rtp_session_send(alice.session, 0, &sending, packet, sizeof packet, i * 2500 * MS);
		ck_assert_int_gt(len, 100);
		ck_assert_int_eq(rtp_session_receive(bob.session, packet, (size_t)len, i, &got), 1);
		ck_assert(rtp_extension_abs_send_time(&got.extensions, &ticks));
		ck_assert_uint_eq(ticks, i * 5 << 17);
		ck_assert(rtp_extension_transport_cc(&got.extensions, &number));
		ck_assert_uint_eq(number, i);
	}
	ck_assert_int_eq(rtp_session_send(alice.session, 0, &sending, packet, 127, 0), SLUICE_NO_SPACE);
	close_world();
}
END_TEST

/* ---- RTCP ---- */

static unsigned heads_missing, rtcp_seen;

static enum link_verdict look_at_rtcp(void *ctx, struct sim_link *link, uint8_t *packet, size_t *len, uint64_t now) {
	struct rtcp_reader r = rtcp_reader_of(packet, *len);
	struct rtcp_packet first, second;
	(void)ctx;
	(void)link;
	(void)now;
	if (!rtp_packet_is_rtcp(packet, *len))
		return LINK_PASS;
	rtcp_seen++;
	ck_assert(rtcp_next(&r, &first));
	bool is_report = first.kind == RTCP_RECEIVER_REPORT || first.kind == RTCP_SENDER_REPORT;
	heads_missing += !is_report || !rtcp_next(&r, &second) || second.kind != RTCP_SDES;
	return LINK_PASS;
}

/* RFC 3550, 6.1 wants an SR or RR first and a CNAME in each datagram; RFC 5506 lets feedback travel without. */
START_TEST(test_feedback_has_a_report_before_it_only_where_the_peer_wants_that) {
	for (unsigned compound = 0; compound < 2; compound++) {
		const struct rtp_session_config config = {.compound = compound};
		struct link_config line = {.delay = DELAY, .loss = 0.05}, back = {.delay = DELAY};
		open_world(2, &back, ALL, true);
		media_node_close(&bob);
		media_node_open(&bob, env, &config, 2000, 1000, ALL, true);
		link_filter(sim_link(&sim, b, a), look_at_rtcp, NULL);
		rtcp_seen = heads_missing = 0;
		media_node_send(&alice, 1, PACKETS, FRAME, sim.now);
		sim_run(&sim, sim.now + FRAME);
		sim_link(&sim, a, b)->config = line;
		run(100);
		expect_all(100);
		ck_assert_uint_gt(rtcp_seen, 30);
		if (compound)
			ck_assert_uint_eq(heads_missing, 0);
		else
			ck_assert_uint_gt(heads_missing, 30);
		close_world();
	}
}
END_TEST

START_TEST(test_a_bye_is_an_event_of_its_stream) {
	struct rtp_event event;
	struct rtcp_packet p;
	open_world(1, NULL, ALL, true);
	int len = rtp_session_bye(alice.session, space, sizeof space);
	struct rtcp_reader r = rtcp_reader_of(space, (size_t)len);
	ck_assert(rtcp_next(&r, &p) && rtcp_next(&r, &p) && rtcp_next(&r, &p));
	ck_assert_int_eq(p.kind, RTCP_BYE);
	ck_assert_uint_eq(rtcp_bye_count(&p), 2);
	ck_assert_int_eq(rtp_session_receive_rtcp(bob.session, space, (size_t)len, 0), 0);
	ck_assert(rtp_session_poll(bob.session, &event));
	ck_assert_int_eq(event.kind, RTP_EVENT_BYE);
	ck_assert_int_eq(event.stream, 0);
	ck_assert(!rtp_session_poll(bob.session, &event));
	close_world();
}
END_TEST

/* Of each stream 19 of 20 packets are missing: more than 900 numbers each, in lists that need many datagrams of 512 bytes. */
START_TEST(test_long_lists_of_both_streams_go_into_as_many_datagrams_as_it_takes) {
	const struct rtp_in_config c = {.ssrc = 4001, .clock_rate = 90000, .flags = ALL};
	unsigned datagrams = 0, first = 0, second = 0, malformed = 0;
	open_world(1, NULL, ALL, true);
	ck_assert_int_eq(rtp_session_add_in(bob.session, &c), 1);
	for (unsigned i = 0; i <= 48; i++) {
		struct rtp_received got;
		uint8_t data[RTP_HEADER + 1] = {0x80, MEDIA_TYPE};
		put_be16(data + 2, (uint16_t)(65000 + 20 * i));
		for (unsigned stream = 0; stream < 2; stream++) {
			put_be32(data + 8, stream ? 4001 : 1001);
			ck_assert_int_eq(rtp_session_receive(bob.session, data, sizeof data, i, &got), 1);
		}
	}
	for (int len; (len = rtp_session_rtcp(bob.session, space, RTP_SESSION_DATAGRAM_MIN, 50)) > 0; datagrams++) {
		struct rtcp_reader r = rtcp_reader_of(space, (size_t)len);
		struct rtcp_packet p;
		while (rtcp_next(&r, &p)) {
			struct rtcp_nack_iterator it = rtcp_nack_begin(&p);
			uint16_t sequence;
			while (p.kind == RTCP_NACK && rtcp_nack_next(&it, &sequence)) {
				ck_assert_uint_ne((uint16_t)(sequence - 65000) % 20, 0);
				*(p.media == 1001 ? &first : &second) += 1;
			}
		}
		malformed += r.malformed;
		ck_assert_int_le(len, RTP_SESSION_DATAGRAM_MIN);
		ck_assert(rtp_session_check(bob.session));
	}
	ck_assert_uint_eq(first, 48 * 19);
	ck_assert_uint_eq(second, 48 * 19);
	ck_assert_uint_eq(malformed, 0);
	ck_assert_uint_ge(datagrams, 2);
	close_world();
}
END_TEST

/* ---- an app's own stage ---- */

static unsigned stage_calls, stage_sent, stage_advanced;

static void note_stage_send(void *ctx, int stream, const uint8_t *packet, size_t len, uint64_t now) {
	(void)ctx;
	(void)now;
	ck_assert_int_eq(stream, 0);
	ck_assert_uint_eq(get_be32(packet + 8), 60);
	ck_assert_uint_eq(len, RTP_HEADER + 4);
	stage_sent++;
}

static void note_stage_advance(void *ctx, uint64_t now) {
	(void)ctx;
	stage_advanced += now == 77;
}

static bool odd_only(void *ctx, const struct rtp_received *got, uint64_t now) {
	(void)now;
	stage_calls++;
	return got->number % 2 == *(const unsigned *)ctx;
}

START_TEST(test_an_apps_stage_sees_each_packet_and_may_drop_it) {
	static const struct rtp_stage_ops stage = {odd_only, note_stage_send, note_stage_advance};
	unsigned odd = 1;
	struct rtp_session_config config = {.cname = "x", .ssrc = 1, .stage = &stage, .stage_ctx = &odd};
	struct rtp_session *s;
	struct rtp_received got;
	struct rtp_in_config c = {.ssrc = 50, .clock_rate = 90000};
	open_world(1, NULL, ALL, true);
	ck_assert_int_eq(rtp_session_new(env, &config, &s), 0);
	ck_assert_int_eq(rtp_session_add_in(s, &c), 0);
	for (unsigned i = 0; i < 10; i++) {
		uint8_t data[RTP_HEADER + 1] = {0x80, 96, 0, (uint8_t)i, [11] = 50};
		ck_assert_int_eq(rtp_session_receive(s, data, sizeof data, i, &got), i % 2);
	}
	ck_assert_uint_eq(stage_calls, 10);
	/* Without NACK a duplicate is shown as well. */
	uint8_t again[RTP_HEADER + 1] = {0x80, 96, 0, 9, [11] = 50};
	ck_assert_int_eq(rtp_session_receive(s, again, sizeof again, 10, &got), 1);
	struct rtp_out_config o = {.ssrc = 60, .clock_rate = 48000};
	struct rtp_source frame = {.data = space, .len = 4, .refs = 1};
	struct rtp_sending sending = {.source = &frame, .len = 4};
	static uint8_t packet[100];
	ck_assert_int_eq(rtp_session_add_out(s, &o), 0);
	ck_assert_int_eq(rtp_session_send(s, 0, &sending, packet, sizeof packet, 5), RTP_HEADER + 4);
	ck_assert_uint_eq(frame.refs, 1);
	rtp_session_advance(s, 77);
	ck_assert_uint_eq(stage_sent, 1);
	ck_assert_uint_eq(stage_advanced, 1);
	rtp_session_free(s);
	close_world();
}
END_TEST

SUITE("rtp session", test_a_clean_line_costs_no_nack_and_both_learn_the_round_trip,
      test_five_percent_of_loss_each_way_is_repaired, test_bursts_of_loss_are_repaired,
      test_reordering_is_learnt_and_costs_few_nacks, test_loss_and_reordering_and_duplicates_together,
      test_an_outage_of_300_ms_is_repaired_packet_by_packet, test_a_long_outage_ends_with_a_keyframe_and_hardly_a_nack,
      test_keyframes_are_asked_for_at_most_once_in_a_round_trip_and_300_ms,
      test_ten_thousand_packets_each_way_with_loss_allocate_nothing, test_an_idle_session_is_silent_and_a_stream_small,
      test_the_lists_of_streams_are_bounded_and_ssrcs_differ, test_failing_memory_leaves_a_session_whole,
      test_a_strangers_packet_is_shown_and_its_probe_is_reported, test_padding_of_the_rtx_stream_takes_no_number_of_the_media,
      test_padding_of_the_stream_itself_is_shown_and_repaired, test_on_a_long_way_both_wait_for_its_round_trip,
      test_a_packet_can_be_repaired_for_three_round_trips, test_streams_take_turns_with_their_repairs,
      test_without_their_extensions_the_stages_write_nothing_into_a_packet, test_what_lies_before_a_keyframe_is_not_asked_for,
      test_a_repair_of_a_packet_ahead_of_the_stream_is_not_taken, test_a_head_is_not_sent_alone,
      test_the_estimator_sees_each_packet_that_leaves_and_its_fate, test_ccfb_is_told_by_the_numbers_of_the_transport,
      test_each_packet_carries_its_time_and_number, test_feedback_has_a_report_before_it_only_where_the_peer_wants_that,
      test_long_lists_of_both_streams_go_into_as_many_datagrams_as_it_takes, test_a_bye_is_an_event_of_its_stream,
      test_an_apps_stage_sees_each_packet_and_may_drop_it)
