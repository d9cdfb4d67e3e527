/* Streams that come and go, ids that change, and SSRCs that collide, while a session runs. */
#include "rtp/rtcp_write.h"
#include "rtp/session.h"
#include "sim/memory.h"
#include "sim/rng.h"
#include "suite.h"

#include "sim/assert.h"

#define MS SLUICE_MS
#define ALL (RTP_STAGE_NACK | RTP_STAGE_TWCC | RTP_STAGE_ABS_SEND_TIME | RTP_STAGE_KEYFRAME)
#define TYPE 96
#define RTX_TYPE 97

static struct memory memory;
static struct rng entropy;
static sluice_env *env;
static struct rtp_session *s;
static struct rtp_extension_map map;
static struct rtx_types types;
static uint8_t space[1500], bytes[400];
static struct rtp_source frame;
static unsigned released;

static const struct rtp_extension_item items[] = {
	{RTP_EXT_MID, 1, "m"},
	{RTP_EXT_ABS_SEND_TIME, 3, NULL},
	{RTP_EXT_TRANSPORT_CC, 2, NULL},
	{RTP_EXT_RID, 1, "h"},
};

static void release(void *ctx) {
	(void)ctx;
	released++;
}

static void open_session(void) {
	entropy = rng_of(1, 1);
	const sluice_env_config ec = {.allocator = memory_allocator(&memory), .entropy = rng_entropy, .entropy_ctx = &entropy};
	ck_assert_int_eq(sluice_env_new(&ec, &env), 0);
	rtp_extension_map_init(&map);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(rtp_extension_map_add(&map, items[i].kind, i + 1), 0);
	rtx_types_init(&types);
	ck_assert_int_eq(rtx_types_add(&types, RTX_TYPE, TYPE), 0);
	const struct rtp_session_config config = {
		.cname = "c", .ssrc = 1, .extensions = &map, .rtx = &types, .streams_in = 4, .streams_out = 4};
	ck_assert_int_eq(rtp_session_new(env, &config, &s), 0);
	frame = (struct rtp_source){.data = bytes, .len = sizeof bytes, .refs = 1, .release = release};
	released = 0;
}

static void close_session(void) {
	ck_assert(rtp_session_check(s));
	rtp_session_free(s);
	ck_assert_uint_eq(frame.refs, 1);
	sluice_env_free(env);
	ck_assert_uint_eq(memory.live, 0);
}

static int add_in(uint32_t ssrc, uint32_t rtx) {
	const struct rtp_in_config c = {.ssrc = ssrc, .rtx_ssrc = rtx, .clock_rate = 90000, .flags = ALL};
	int stream = rtp_session_add_in(s, &c);
	ck_assert(rtp_session_check(s));
	return stream;
}

static int add_out(uint32_t ssrc, uint32_t rtx) {
	const struct rtp_out_config c = {
		.ssrc = ssrc,
		.rtx_ssrc = rtx,
		.clock_rate = 90000,
		.flags = ALL,
		.first = 65530,
		.rtx_first = 7,
		.items = items,
		.item_count = 4,
	};
	int stream = rtp_session_add_out(s, &c);
	ck_assert(rtp_session_check(s));
	return stream;
}

/* Returns the packet's length; it is in space. */
static int send_one(int stream, uint64_t now) {
	const struct rtp_sending p = {.source = &frame, .len = 100, .payload_type = TYPE, .captured = now};
	int len = rtp_session_send(s, stream, &p, space, sizeof space, now);
	ck_assert_int_gt(len, 100);
	return len;
}

/* A packet without extension; returns what the session says of it. */
static int give(uint32_t ssrc, uint16_t sequence, uint64_t now, struct rtp_received *got) {
	static uint8_t data[RTP_HEADER + 3];
	memset(data, 0, sizeof data);
	data[0] = 0x80;
	data[1] = TYPE;
	put_be16(data + 2, sequence);
	put_be32(data + 8, ssrc);
	int result = rtp_session_receive(s, data, sizeof data, now, got);
	ck_assert(rtp_session_check(s));
	return result;
}

static void give_nack(uint32_t ssrc, uint16_t sequence, uint64_t now) {
	uint8_t data[64];
	struct rtcp_writer w = rtcp_writer_of(data, sizeof data);
	const uint64_t number = sequence;
	ck_assert_int_eq(rtcp_write_nack(&w, 99, ssrc, &number, 1), 1);
	ck_assert_int_eq(rtp_session_receive_rtcp(s, data, w.len, now), 0);
}

/* Takes all RTCP that is due and returns the SSRCs of its BYEs. Each BYE is in a compound packet. */
static size_t take_byes(uint64_t now, uint32_t *ssrcs) {
	size_t n = 0;
	for (int len; (len = rtp_session_rtcp(s, space, RTP_SESSION_DATAGRAM_MIN, now)) > 0;) {
		struct rtcp_reader r = rtcp_reader_of(space, (size_t)len);
		struct rtcp_packet p;
		while (rtcp_next(&r, &p))
			for (size_t i = 0; p.kind == RTCP_BYE && i < rtcp_bye_count(&p); i++)
				ssrcs[n++] = rtcp_bye_ssrc(&p, i);
		ck_assert(space[1] == RTCP_PT_SR || space[1] == RTCP_PT_RR || n == 0);
		ck_assert(rtp_session_check(s));
	}
	return n;
}

/* ---- removing ---- */

START_TEST(test_a_removed_stream_leaves_its_number_and_nothing_else) {
	struct rtp_received got;
	struct rtp_event event;
	uint32_t byes[16];
	open_session();
	ck_assert_int_eq(add_in(50, 51), 0);
	ck_assert_int_eq(add_in(60, 0), 1);
	ck_assert_int_eq(give(50, 1, 0, &got), 1);
	ck_assert_int_eq(give(50, 9, 1, &got), 1);
	ck_assert_int_eq(give(60, 1, 2, &got), 1);
	/* A BYE of it waits as an event, holes as NACKs, a report block. */
	struct rtcp_writer w = rtcp_writer_of(space, sizeof space);
	const uint32_t ssrc = 50;
	rtcp_write_bye(&w, &ssrc, 1, NULL);
	rtp_session_receive_rtcp(s, space, w.len, 3);
	rtp_session_want_keyframe(s, 0);
	rtp_session_remove_in(s, 0);
	ck_assert(rtp_session_check(s));
	ck_assert(!rtp_session_poll(s, &event));
	ck_assert_int_eq(give(50, 10, 4, &got), SLUICE_NOT_FOUND);
	ck_assert_int_eq(give(51, 10, 4, &got), SLUICE_NOT_FOUND);
	ck_assert_int_eq(give(60, 2, 4, &got), 1);
	ck_assert_int_eq(got.stream, 1);
	int len = rtp_session_rtcp(s, space, sizeof space, 2 * SLUICE_S);
	struct rtcp_reader r = rtcp_reader_of(space, (size_t)len);
	struct rtcp_packet p;
	ck_assert(rtcp_next(&r, &p));
	ck_assert_int_eq(p.kind, RTCP_RECEIVER_REPORT);
	ck_assert_uint_eq(rtcp_report_count(&p), 1);
	ck_assert_uint_eq(rtcp_report_at(&p, 0).ssrc, 60);
	while (rtcp_next(&r, &p))
		ck_assert(p.kind != RTCP_NACK && p.kind != RTCP_PLI);
	ck_assert_uint_eq(take_byes(2 * SLUICE_S, byes), 0);
	/* The number is free, and so are the SSRCs. */
	ck_assert_int_eq(add_in(51, 50), 0);
	ck_assert_int_eq(give(51, 7, 5, &got), 1);
	ck_assert_int_eq(got.stream, 0);
	rtp_session_remove_in(s, 0);
	rtp_session_remove_in(s, 1);
	close_session();
}
END_TEST

START_TEST(test_an_outgoing_stream_that_ends_gives_its_frames_back_and_says_bye) {
	uint32_t byes[16];
	open_session();
	ck_assert_int_eq(add_out(70, 71), 0);
	ck_assert_int_eq(add_out(80, 81), 1);
	for (unsigned i = 0; i < 5; i++)
		send_one(0, i);
	ck_assert_uint_eq(frame.refs, 6);
	/* A repair waits, and one has left by RTX. */
	give_nack(70, 65531, 10);
	ck_assert_int_gt(rtp_session_repair(s, 0, space, sizeof space, 10), 0);
	give_nack(70, 65532, 11);
	ck_assert(rtp_session_has_repair(s));
	rtp_session_remove_out(s, 0);
	ck_assert(rtp_session_check(s));
	ck_assert_uint_eq(frame.refs, 1);
	ck_assert(!rtp_session_has_repair(s));
	ck_assert_int_eq(rtp_session_repair(s, 0, space, sizeof space, 12), 0);
	ck_assert_uint_eq(rtp_session_deadline(s), 0);
	ck_assert_uint_eq(take_byes(12, byes), 2);
	ck_assert(byes[0] == 70 && byes[1] == 71);
	ck_assert_uint_gt(rtp_session_deadline(s), 12);
	/* NACKs of late find nothing; the other stream goes on. */
	give_nack(70, 65533, 13);
	ck_assert_int_eq(rtp_session_repair(s, 0, space, sizeof space, 13), 0);
	send_one(1, 14);
	/* One that never sent says nothing (RFC 3550, 6.3.7). */
	ck_assert_int_eq(add_out(90, 91), 0);
	rtp_session_remove_out(s, 0);
	ck_assert_uint_eq(take_byes(20, byes), 0);
	close_session();
}
END_TEST

START_TEST(test_the_bye_of_an_ssrc_that_is_used_again_is_not_sent) {
	uint32_t byes[16];
	open_session();
	add_out(70, 71);
	send_one(0, 0);
	rtp_session_remove_out(s, 0);
	ck_assert_int_eq(add_in(70, 0), 0);
	ck_assert_uint_eq(take_byes(5, byes), 0);
	close_session();
}
END_TEST

/* More end than the session may have, and no RTCP leaves meanwhile. */
START_TEST(test_byes_that_wait_are_bounded_and_the_oldest_goes) {
	uint32_t byes[64];
	open_session();
	for (uint32_t i = 0; i < 20; i++) {
		ck_assert_int_eq(add_out(1000 + i, 0), 0);
		send_one(0, i);
		rtp_session_remove_out(s, 0);
		ck_assert(rtp_session_check(s));
	}
	ck_assert_uint_eq(take_byes(50, byes), 9);
	for (uint32_t i = 0; i < 9; i++)
		ck_assert_uint_eq(byes[i], 1011 + i);
	close_session();
}
END_TEST

/* 3 of 4 places, in any order, for long: each stream keeps its number and gets its own packets. */
START_TEST(test_streams_come_and_go_and_packets_find_theirs) {
	struct rng rng = rng_of(3, 3);
	uint32_t ssrc_at[4] = {0}, next = 1000, byes[64];
	struct rtp_received got;
	open_session();
	for (unsigned i = 0; i < 2000; i++) {
		unsigned place = (unsigned)rng_below(&rng, 4);
		if (ssrc_at[place] && rng_below(&rng, 3) == 0) {
			rtp_session_remove_in(s, (int)place);
			rtp_session_remove_out(s, (int)place);
			ck_assert_int_eq(give(ssrc_at[place], 1, i, &got), SLUICE_NOT_FOUND);
			ssrc_at[place] = 0;
		} else if (!ssrc_at[place]) {
			int in = add_in(next, next + 1), out = add_out(next + 2, next + 3);
			ck_assert(in == out && in >= 0 && !ssrc_at[in]);
			for (int before = 0; before < in; before++)
				ck_assert_uint_ne(ssrc_at[before], 0);
			ssrc_at[in] = next;
			next += 4;
		} else {
			ck_assert_int_eq(give(ssrc_at[place], (uint16_t)i, i, &got), 1);
			ck_assert_int_eq(got.stream, (int)place);
			send_one((int)place, i);
			ck_assert_uint_eq(get_be32(space + 8), ssrc_at[place] + 2);
		}
		if (i % 7 == 0)
			take_byes(i, byes);
	}
	close_session();
}
END_TEST

/* ---- ids ---- */

static uint16_t transport_number(const uint8_t *packet, int len, const struct rtp_extension_map *m) {
	struct rtp_packet p;
	struct rtp_extensions e;
	uint16_t number;
	ck_assert_int_eq(rtp_packet_parse((uint8_t *)packet, (size_t)len, &p), 0);
	ck_assert_int_eq(rtp_extensions_read(&p, m, &e), 0);
	ck_assert(rtp_extension_transport_cc(&e, &number));
	return number;
}

START_TEST(test_a_map_that_grows_lays_running_streams_out_again) {
	static uint8_t first[1500];
	struct rtp_extension_map wider;
	open_session();
	add_out(70, 71);
	int len = send_one(0, 0);
	memcpy(first, space, (size_t)len);
	ck_assert_uint_eq(transport_number(space, len, &map), 1);
	/* What the app wrote into the block stays. */
	struct rtp_extension_block *b = rtp_session_block(s, 0);
	b->bytes[b->place[RTP_EXT_MID]] = 'x';
	/* MID moves behind an id of the two-byte form; RID and its repaired form come along. */
	rtp_extension_map_init(&wider);
	ck_assert_int_eq(rtp_extension_map_add(&wider, RTP_EXT_MID, 20), 0);
	ck_assert_int_eq(rtp_extension_map_add(&wider, RTP_EXT_TRANSPORT_CC, 3), 0);
	ck_assert_int_eq(rtp_extension_map_add(&wider, RTP_EXT_RID, 4), 0);
	ck_assert_int_eq(rtp_extension_map_add(&wider, RTP_EXT_REPAIRED_RID, 5), 0);
	ck_assert_int_eq(rtp_session_set_extensions(s, &wider), 0);
	ck_assert(rtp_session_check(s));
	int second = send_one(0, 1);
	ck_assert_uint_eq(transport_number(space, second, &wider), 2);
	struct rtp_packet p;
	struct rtp_extensions e;
	ck_assert_int_eq(rtp_packet_parse(space, (size_t)second, &p), 0);
	ck_assert_int_eq(rtp_extensions_read(&p, &wider, &e), 0);
	ck_assert_int_eq(*rtp_extension_get(&e, RTP_EXT_MID, 1), 'x');
	ck_assert_int_eq(*rtp_extension_get(&e, RTP_EXT_RID, 1), 'h');
	ck_assert(!rtp_extension_has(&e, RTP_EXT_ABS_SEND_TIME));
	/* The packet of before is repaired as it was written; the new one gets a number and the repaired RID. */
	give_nack(70, 65530, 20);
	give_nack(70, 65531, 20);
	int repair = rtp_session_repair(s, 0, space, sizeof space, 20);
	ck_assert_int_eq(repair, len + RTX_OSN);
	ck_assert_mem_eq(space + RTP_HEADER, first + RTP_HEADER, (size_t)(len - 100 - RTP_HEADER));
	repair = rtp_session_repair(s, 0, space, sizeof space, 20);
	ck_assert_int_eq(repair, second + RTX_OSN);
	ck_assert_uint_eq(transport_number(space, repair, &wider), 3);
	ck_assert_int_eq(rtp_packet_parse(space, (size_t)repair, &p), 0);
	ck_assert_int_eq(rtp_extensions_read(&p, &wider, &e), 0);
	ck_assert(rtp_extension_has(&e, RTP_EXT_REPAIRED_RID) && !rtp_extension_has(&e, RTP_EXT_RID));
	close_session();
}
END_TEST

START_TEST(test_a_stage_goes_and_comes_back_with_its_id) {
	struct rtp_extension_map none;
	struct rtp_received got;
	open_session();
	add_out(70, 71);
	add_in(50, 0);
	rtp_extension_map_init(&none);
	ck_assert_int_eq(rtp_session_set_extensions(s, &none), 0);
	ck_assert_int_eq(send_one(0, 0), RTP_HEADER + 100);
	ck_assert_int_eq(rtp_session_set_extensions(s, &map), 0);
	int len = send_one(0, 1);
	ck_assert_uint_eq(transport_number(space, len, &map), 1);
	/* Incoming packets are read with the new ids as well: feedback is due for this one. */
	put_be32(space + 8, 50);
	ck_assert_int_eq(rtp_session_receive(s, space, (size_t)len, 2, &got), 1);
	ck_assert_uint_le(rtp_session_deadline(s), 60 * MS);
	close_session();
}
END_TEST

START_TEST(test_a_map_that_leaves_no_room_changes_nothing) {
	static const uint8_t long_value[120];
	const struct rtp_extension_item big[] = {{RTP_EXT_MID, 100, long_value}, {RTP_EXT_RID, 100, long_value}};
	const struct rtp_out_config c = {.ssrc = 70, .clock_rate = 90000, .items = big, .item_count = 2};
	struct rtp_extension_map both = {0};
	open_session();
	ck_assert_int_eq(rtp_session_add_out(s, &c), 0);
	int len = send_one(0, 0);
	both = map;
	ck_assert_int_eq(rtp_extension_map_add(&both, RTP_EXT_RID, 4), 0);
	ck_assert_int_eq(rtp_session_set_extensions(s, &both), SLUICE_NO_SPACE);
	ck_assert_int_eq(send_one(0, 1), len);
	close_session();
}
END_TEST

START_TEST(test_types_of_rtx_may_come_later) {
	struct rtx_types none;
	open_session();
	add_out(70, 71);
	rtx_types_init(&none);
	rtp_session_set_rtx(s, &none, &none);
	int len = send_one(0, 0);
	give_nack(70, 65530, 1);
	ck_assert_int_eq(rtp_session_repair(s, 0, space, sizeof space, 1), len);
	rtp_session_set_rtx(s, &types, &types);
	give_nack(70, 65530, 2 * SLUICE_S / 10);
	ck_assert_int_eq(rtp_session_repair(s, 0, space, sizeof space, 2 * SLUICE_S / 10), len + RTX_OSN);
	ck_assert_uint_eq(get_be32(space + 8), 71);
	close_session();
}
END_TEST

/* ---- collisions ---- */

static unsigned collisions(int stream) {
	struct rtp_event event;
	unsigned n = 0;
	while (rtp_session_poll(s, &event)) {
		ck_assert_int_eq(event.kind, RTP_EVENT_COLLISION);
		ck_assert_int_eq(event.stream, stream);
		n++;
	}
	return n;
}

START_TEST(test_a_packet_with_our_ssrc_is_a_collision_and_a_new_ssrc_ends_it) {
	struct rtp_received got;
	uint32_t byes[16];
	open_session();
	add_out(70, 71);
	add_out(80, 81);
	rtp_session_set_target(s, 1, 1000000);
	send_one(1, 0);
	ck_assert_uint_eq(frame.refs, 2);
	ck_assert_int_eq(give(80, 5, 1, &got), 0);
	ck_assert_uint_eq(collisions(1), 1);
	const struct rtp_out_ssrcs taken = {.ssrc = 70}, same = {.ssrc = 90, .rtx_ssrc = 90}, other = {90, 91, 100, 200};
	ck_assert_int_eq(rtp_session_change_ssrcs(s, 1, &taken), SLUICE_EXISTS);
	ck_assert_int_eq(rtp_session_change_ssrcs(s, 1, &same), SLUICE_INVALID);
	ck_assert_int_eq(rtp_session_change_ssrcs(s, 1, &other), 0);
	ck_assert(rtp_session_check(s));
	ck_assert_uint_eq(frame.refs, 1);
	ck_assert_uint_eq(take_byes(2, byes), 1);
	ck_assert_uint_eq(byes[0], 80);
	send_one(1, 3);
	ck_assert_uint_eq(get_be32(space + 8), 90);
	ck_assert_uint_eq(get_be16(space + 2), 100);
	/* The other end that has 80 may become a stream of ours. */
	ck_assert_int_eq(add_in(80, 81), 0);
	ck_assert_int_eq(give(80, 6, 4, &got), 1);
	ck_assert_uint_eq(collisions(1), 0);
	close_session();
}
END_TEST

/* Whatever is sent comes back, and its owner changes the SSRC each time that it is asked to: once. */
START_TEST(test_a_loop_changes_the_ssrc_once) {
	struct rtp_received got;
	struct rtp_event event;
	unsigned changes = 0;
	open_session();
	add_out(70, 0);
	for (uint32_t i = 0; i < 500; i++) {
		uint64_t now = i * 100 * MS;
		int len = send_one(0, now);
		ck_assert_int_eq(rtp_session_receive(s, space, (size_t)len, now + MS, &got), 0);
		len = rtp_session_rtcp(s, space, sizeof space, now + MS);
		(void)rtp_session_receive_rtcp(s, space, (size_t)len, now + MS);
		while (rtp_session_poll(s, &event)) {
			/* By a change of the stream, or by a new stream in its place. */
			const struct rtp_out_ssrcs c = {.ssrc = 1000 + i};
			ck_assert_int_eq(event.kind, RTP_EVENT_COLLISION);
			if (event.stream >= 0 && changes++ % 2)
				ck_assert_int_eq(rtp_session_change_ssrcs(s, 0, &c), 0);
			else if (event.stream >= 0) {
				rtp_session_remove_out(s, 0);
				ck_assert_int_eq(add_out(1000 + i, 0), 0);
			}
		}
		ck_assert(rtp_session_check(s));
	}
	ck_assert_uint_eq(changes, 1);
	/* The loop is gone for long enough: what comes then is another conflict. */
	(void)send_one(0, 100 * SLUICE_S);
	ck_assert_int_eq(rtp_session_receive(s, space, 100, 100 * SLUICE_S, &got), 0);
	ck_assert_uint_eq(collisions(0), 1);
	close_session();
}
END_TEST

START_TEST(test_a_report_from_our_own_ssrc_is_a_collision) {
	const struct rtcp_sender_info info = {.ntp = 1, .packets = 5};
	uint32_t byes[16];
	struct rtp_received got;
	open_session();
	add_out(70, 71);
	add_in(50, 0);
	/* The session has said its SSRC. */
	give(50, 1, 0, &got);
	ck_assert_uint_eq(take_byes(1600 * MS, byes), 0);
	for (unsigned i = 0; i < 2; i++) {
		struct rtcp_writer w = rtcp_writer_of(space, sizeof space);
		rtcp_write_sender_report(&w, i ? 1 : 70, &info, NULL, 0);
		ck_assert_int_eq(rtp_session_receive_rtcp(s, space, w.len, 1700 * MS), 0);
		ck_assert_uint_eq(collisions(i ? -1 : 0), 1);
		ck_assert_int_eq(rtp_session_receive_rtcp(s, space, w.len, 1800 * MS), 0);
		ck_assert_uint_eq(collisions(0), 0);
	}
	const struct rtp_out_ssrcs own = {.ssrc = 2}, taken = {.ssrc = 50};
	ck_assert_int_eq(rtp_session_change_ssrcs(s, -1, &taken), SLUICE_EXISTS);
	ck_assert_int_eq(rtp_session_change_ssrcs(s, -1, &own), 0);
	ck_assert(rtp_session_check(s));
	ck_assert_uint_eq(take_byes(1900 * MS, byes), 1);
	ck_assert_uint_eq(byes[0], 1);
	int len = rtp_session_bye(s, space, sizeof space);
	ck_assert_int_gt(len, 8);
	ck_assert_uint_eq(get_be32(space + 4), 2);
	close_session();
}
END_TEST

/* ---- repairs by other ways ---- */

START_TEST(test_a_packet_that_came_by_another_way_is_not_asked_for) {
	struct rtp_received got;
	struct rtp_in_stats stats;
	open_session();
	add_in(50, 0);
	ck_assert_int_eq(give(50, 10, 0, &got), 1);
	ck_assert_int_eq(give(50, 13, 0, &got), 1);
	rtp_session_repaired(s, 0, got.number - 1, 1);
	rtp_session_repaired(s, 0, got.number - 2, 1);
	rtp_session_repaired(s, 0, got.number - 2, 1);
	rtp_session_repaired(s, 0, got.number + 5, 1);
	ck_assert(rtp_session_check(s));
	ck_assert_int_gt(rtp_session_rtcp(s, space, sizeof space, SLUICE_S), 0);
	rtp_session_in_stats(s, 0, &stats);
	ck_assert_uint_eq(stats.nacked, 0);
	ck_assert_uint_eq(stats.repaired, 2);
	/* The packet itself, late, is a duplicate then. */
	ck_assert_int_eq(give(50, 11, 2 * SLUICE_S, &got), 0);
	close_session();
}
END_TEST

START_TEST(test_the_ssrc_of_rtx_may_come_later) {
	open_session();
	int in = add_in(100, 0);
	ck_assert_int_eq(rtp_session_set_in_rtx(s, in, 0), SLUICE_INVALID);
	ck_assert_int_eq(rtp_session_set_in_rtx(s, in, 100), SLUICE_EXISTS);
	for (uint32_t rtx = 101; rtx < 103; rtx++) {
		ck_assert_int_eq(rtp_session_set_in_rtx(s, in, rtx), 0);
		ck_assert(rtp_session_check(s));
	}
	/* Padding of the new one is the session's own business; the one before is nobody's. */
	struct rtp_packet p = {.payload_type = RTX_TYPE, .ssrc = 102, .padding = 20};
	struct rtp_received got;
	int len = rtp_packet_write(&p, space, sizeof space);
	ck_assert_int_eq(rtp_session_receive(s, space, (size_t)len, SLUICE_S, &got), 0);
	p.ssrc = 101;
	len = rtp_packet_write(&p, space, sizeof space);
	ck_assert_int_eq(rtp_session_receive(s, space, (size_t)len, SLUICE_S, &got), SLUICE_NOT_FOUND);
	close_session();
}
END_TEST

/* As a forwarder sends: a hole, the packet behind it, and the late one in its place. */
START_TEST(test_a_packet_may_have_a_number_of_its_own) {
	open_session();
	int out = add_out(200, 201);
	uint64_t first = rtp_session_next_number(s, out);
	const uint64_t numbers[] = {first, first + 3, first + 1}, expected[] = {first + 1, first + 4, first + 4};
	for (unsigned i = 0; i < 3; i++) {
		const struct rtp_sending sending = {.source = &frame, .len = 100, .number = numbers[i], .payload_type = TYPE};
		ck_assert_int_gt(rtp_session_send(s, out, &sending, space, sizeof space, SLUICE_S), 0);
		ck_assert_uint_eq((uint16_t)(space[2] << 8 | space[3]), (uint16_t)numbers[i]);
		ck_assert_uint_eq(rtp_session_next_number(s, out), expected[i]);
		ck_assert(rtp_session_check(s));
	}
	ck_assert_uint_eq(frame.refs, 4);
	close_session();
}
END_TEST

SUITE("rtp session changes", test_a_removed_stream_leaves_its_number_and_nothing_else,
      test_an_outgoing_stream_that_ends_gives_its_frames_back_and_says_bye,
      test_the_bye_of_an_ssrc_that_is_used_again_is_not_sent, test_byes_that_wait_are_bounded_and_the_oldest_goes,
      test_streams_come_and_go_and_packets_find_theirs, test_a_map_that_grows_lays_running_streams_out_again,
      test_a_stage_goes_and_comes_back_with_its_id, test_a_map_that_leaves_no_room_changes_nothing,
      test_types_of_rtx_may_come_later, test_a_packet_with_our_ssrc_is_a_collision_and_a_new_ssrc_ends_it,
      test_a_loop_changes_the_ssrc_once, test_a_report_from_our_own_ssrc_is_a_collision,
      test_a_packet_that_came_by_another_way_is_not_asked_for, test_the_ssrc_of_rtx_may_come_later,
      test_a_packet_may_have_a_number_of_its_own)
