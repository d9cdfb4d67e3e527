/* Does the jitter buffer give units in order and in time, and does it pass what will not come? */
#include "rtp/jitter.h"

#include "sim/memory.h"
#include "sim/rng.h"
#include "sluice/error.h"
#include "suite.h"

#define MS UINT64_C(1000000)
#define START (1000 * MS)

static struct memory memory;
static sluice_env *env;
static struct jitter *j;
static const struct payload_format *format;
static uint64_t released;
static struct jitter_unit unit;

static void release(void *ctx, void *owner) {
	ck_assert_ptr_eq(ctx, &released);
	ck_assert_ptr_nonnull(owner);
	released++;
}

static void open_with(const struct payload_format *f) {
	sluice_env_config config = {.allocator = memory_allocator(&memory)};
	format = f;
	released = 0;
	ck_assert_int_eq(sluice_env_new(&config, &env), 0);
	j = jitter_new(env, &(struct jitter_config){.format = format, .release = release, .ctx = &released});
	ck_assert_ptr_nonnull(j);
}

static void close_all(void) {
	jitter_free(j);
	sluice_env_free(env);
	ck_assert_uint_eq(memory.live, 0);
}

static uint8_t bytes[64];

static enum jitter_push push_payload(uint16_t sequence, uint32_t timestamp, bool marker, const uint8_t *payload, size_t len,
                                     uint64_t now) {
	struct rtp_packet p = {.sequence = sequence, .timestamp = timestamp, .marker = marker, .payload_len = len};
	p.payload = (uint8_t *)payload;
	int said = len ? format->parse(payload, len) : 0;
	enum jitter_push result = jitter_push(j, &p, said, bytes, now);
	ck_assert(jitter_check(j));
	return result;
}

/* An Opus packet of 20 ms. */
static enum jitter_push push_audio(uint16_t sequence, uint64_t now) {
	static const uint8_t opus[] = {0x78, 1, 2, 3};
	return push_payload(sequence, sequence * 960u, false, opus, sizeof opus, now);
}

enum place { FIRST, MIDDLE, LAST, ALONE, KEY_FIRST };

/* A packet of a VP8 frame; frames are 3,000 ticks apart, 33.3 ms. */
static enum jitter_push push_video(uint16_t sequence, uint32_t frame, enum place place, uint64_t now) {
	static uint8_t payloads[65536][3];
	uint8_t *payload = payloads[sequence];
	payload[0] = place == FIRST || place == ALONE || place == KEY_FIRST ? 0x10 : 0;
	payload[1] = place != KEY_FIRST;
	payload[2] = (uint8_t)sequence;
	return push_payload(sequence, frame * 3000, place == LAST || place == ALONE, payload, 3, now);
}

static enum jitter_pull pull(uint64_t now) {
	enum jitter_pull result = jitter_pull(j, now, &unit);
	ck_assert(jitter_check_player(j));
	return result;
}

static void expect_unit(uint64_t now, uint32_t timestamp, uint32_t count) {
	ck_assert_int_eq(pull(now), JITTER_UNIT);
	ck_assert_uint_eq(unit.timestamp, timestamp);
	ck_assert_uint_eq(unit.count, count);
}

static void expect_lost(uint64_t now, uint64_t lost) {
	ck_assert_int_eq(pull(now), JITTER_LOST);
	ck_assert_uint_eq(unit.lost, lost);
}

static void expect_empty(uint64_t now, uint64_t next) {
	ck_assert_int_eq(pull(now), JITTER_EMPTY);
	ck_assert_uint_eq(unit.next, next);
}

/* ---- in order ---- */

START_TEST(test_before_the_first_packet_it_is_empty) {
	open_with(&payload_opus);
	expect_empty(START, SLUICE_NEVER);
	ck_assert_int_eq(pull(0), JITTER_EMPTY);
	close_all();
}
END_TEST

START_TEST(test_audio_in_order_is_due_when_its_delay_is_over) {
	open_with(&payload_opus);
	for (uint16_t i = 0; i < 300; i++) {
		uint64_t now = START + i * 20 * MS;
		ck_assert_int_eq(push_audio((uint16_t)(65500 + i), now), JITTER_TAKEN);
		if (i == 36) /* the timestamps of this test wrap with the sequence numbers */
			break;
		ck_assert_uint_eq(jitter_delay(j), 5 * MS);
		expect_empty(now, now + 5 * MS);
		expect_unit(now + 5 * MS, (uint16_t)(65500 + i) * 960u, 1);
		ck_assert_uint_eq(unit.due, now + 5 * MS);
		ck_assert_uint_eq(unit.bytes, 4);
		expect_empty(now + 6 * MS, SLUICE_NEVER);
	}
	close_all();
}
END_TEST

START_TEST(test_sequence_numbers_wrap) {
	open_with(&payload_vp8);
	for (uint32_t i = 0; i < 70000; i++) {
		struct rtp_packet p = {
			.sequence = (uint16_t)(i + 60000), .timestamp = i * 3000, .marker = true, .payload_len = 3};
		p.payload = (uint8_t[]){0x10, 1, 0};
		int said = payload_vp8.parse(p.payload, p.payload_len);
		ck_assert_int_eq(jitter_push(j, &p, said, bytes, START + i * 33 * MS), JITTER_TAKEN);
		ck_assert_int_eq(jitter_pull(j, START + i * 33 * MS + 3000 * MS, &unit), JITTER_UNIT);
		ck_assert_uint_eq(unit.timestamp, i * 3000);
	}
	ck_assert_uint_eq(jitter_restarts(j), 0);
	close_all();
}
END_TEST

START_TEST(test_packets_stay_in_their_slabs_until_the_next_pull_and_push) {
	open_with(&payload_opus);
	jitter_set_delay(j, 0, START);
	push_audio(1, START);
	expect_unit(START, 960, 1);
	jitter_reap(j);
	ck_assert_uint_eq(released, 0);
	expect_empty(START, SLUICE_NEVER);
	ck_assert_uint_eq(released, 0);
	push_audio(2, START + 20 * MS);
	ck_assert_uint_eq(released, 1);
	close_all();
	ck_assert_uint_eq(released, 2);
}
END_TEST

START_TEST(test_a_frame_is_given_when_it_is_whole) {
	open_with(&payload_vp8);
	uint8_t space[64];
	push_video(10, 1, KEY_FIRST, START);
	expect_empty(START + 3000 * MS, SLUICE_NEVER);
	push_video(12, 1, LAST, START);
	push_video(11, 1, MIDDLE, START);
	expect_unit(START + 5000 * MS, 3000, 3);
	ck_assert(unit.keyframe);
	ck_assert_uint_eq(unit.bytes, 9);
	ck_assert_int_eq(jitter_assemble(j, PAYLOAD_ANNEX_B, space, sizeof space), 6);
	ck_assert_mem_eq(space, ((uint8_t[]){0, 10, 1, 11, 1, 12}), 6);
	ck_assert_int_eq(jitter_assemble(j, PAYLOAD_ANNEX_B, space, 5), SLUICE_NO_SPACE);
	push_video(13, 2, ALONE, START + 33 * MS);
	expect_unit(START + 5000 * MS, 6000, 1);
	ck_assert(!unit.keyframe);
	ck_assert_int_eq(pull(START + 5000 * MS), JITTER_EMPTY);
	ck_assert_int_eq(jitter_assemble(j, PAYLOAD_ANNEX_B, space, sizeof space), SLUICE_WRONG_STATE);
	close_all();
}
END_TEST

/* ---- gaps ---- */

START_TEST(test_a_gap_is_waited_for_until_the_packet_behind_it_is_due) {
	open_with(&payload_vp8);
	jitter_set_delay(j, 100 * MS, START);
	push_video(1, 1, ALONE, START);
	push_video(2, 2, FIRST, START + 33 * MS);
	push_video(4, 2, LAST, START + 33 * MS);
	push_video(5, 3, ALONE, START + 67 * MS);
	expect_unit(START + 100 * MS, 3000, 1);
	ck_assert_int_eq(pull(START + 101 * MS), JITTER_EMPTY);
	uint64_t due = unit.next;
	ck_assert(due > START + 132 * MS && due < START + 134 * MS);
	expect_empty(due - 1, due);
	/* The packet that came and the missing one, then the broken rest in silence. */
	expect_lost(due, 2);
	ck_assert_int_eq(pull(due), JITTER_EMPTY);
	expect_unit(due + 34 * MS, 9000, 1);
	ck_assert_int_eq(push_video(3, 2, MIDDLE, due + 34 * MS), JITTER_LATE);
	ck_assert_uint_eq(jitter_count(j, JITTER_LATE), 1);
	close_all();
}
END_TEST

START_TEST(test_a_packet_that_fills_the_gap_in_time_makes_the_frame_whole) {
	open_with(&payload_vp8);
	jitter_set_delay(j, 100 * MS, START);
	push_video(1, 1, FIRST, START);
	push_video(3, 1, LAST, START);
	expect_empty(START + 99 * MS, START + 100 * MS);
	ck_assert_int_eq(push_video(2, 1, MIDDLE, START + 99 * MS), JITTER_TAKEN);
	ck_assert_int_eq(push_video(2, 1, MIDDLE, START + 99 * MS), JITTER_DUPLICATE);
	expect_unit(START + 100 * MS, 3000, 3);
	close_all();
}
END_TEST

START_TEST(test_missing_audio_is_lost_packet_by_packet_as_it_would_have_been_played) {
	open_with(&payload_opus);
	jitter_set_delay(j, 60 * MS, START);
	push_audio(0, START);
	push_audio(1, START + 20 * MS);
	push_audio(4, START + 80 * MS);
	expect_unit(START + 60 * MS, 0, 1);
	expect_unit(START + 80 * MS, 960, 1);
	ck_assert_int_eq(pull(START + 81 * MS), JITTER_EMPTY);
	ck_assert_uint_le(unit.next - (START + 100 * MS), 1000);
	expect_lost(START + 100 * MS + 1000, 1);
	ck_assert_int_eq(pull(START + 119 * MS), JITTER_EMPTY);
	ck_assert_int_eq(push_audio(2, START + 119 * MS), JITTER_LATE);
	ck_assert_int_eq(push_audio(3, START + 119 * MS), JITTER_TAKEN);
	expect_unit(START + 120 * MS, 3 * 960, 1);
	expect_unit(START + 140 * MS, 4 * 960, 1);
	close_all();
}
END_TEST

START_TEST(test_audio_lost_while_the_player_slept_is_told_at_once) {
	open_with(&payload_opus);
	jitter_set_delay(j, 0, START);
	for (uint16_t i = 0; i < 2; i++)
		push_audio(i, START + i * 20 * MS);
	expect_unit(START + 20 * MS, 0, 1);
	expect_unit(START + 20 * MS, 960, 1);
	push_audio(50, START + 1000 * MS);
	expect_lost(START + 1000 * MS, 48);
	expect_unit(START + 1000 * MS, 50 * 960, 1);
	close_all();
}
END_TEST

START_TEST(test_malformed_payloads_are_counted_and_are_a_gap) {
	open_with(&payload_vp8);
	jitter_set_delay(j, 0, START);
	push_video(1, 1, ALONE, START);
	ck_assert_int_eq(push_payload(2, 6000, true, (uint8_t[]){0x90, 0x80}, 2, START), JITTER_MALFORMED);
	push_video(3, 3, ALONE, START + 66 * MS);
	expect_unit(START + 1000 * MS, 3000, 1);
	expect_lost(START + 1000 * MS, 1);
	expect_unit(START + 1000 * MS, 9000, 1);
	ck_assert_uint_eq(jitter_count(j, JITTER_MALFORMED), 1);
	close_all();
}
END_TEST

START_TEST(test_padding_between_and_in_frames_is_no_gap) {
	open_with(&payload_vp8);
	jitter_set_delay(j, 0, START);
	push_video(1, 1, ALONE, START);
	push_payload(2, 3000, false, bytes, 0, START);
	push_video(3, 2, FIRST, START + 33 * MS);
	push_payload(4, 6000, false, bytes, 0, START + 33 * MS);
	push_video(5, 2, LAST, START + 33 * MS);
	push_payload(6, 6000, false, bytes, 0, START + 33 * MS);
	expect_unit(START + 1000 * MS, 3000, 1);
	expect_unit(START + 1000 * MS, 6000, 3);
	const struct payload_slice *pieces;
	ck_assert_uint_eq(jitter_pieces(j, &pieces), 2);
	expect_empty(START + 1000 * MS, SLUICE_NEVER);
	close_all();
	ck_assert_uint_eq(released, 6);
}
END_TEST

/* ---- where frames begin and end ---- */

START_TEST(test_a_lost_marker_is_made_up_for_by_the_next_frames_begin) {
	open_with(&payload_vp8);
	jitter_set_delay(j, 0, START);
	push_video(1, 1, FIRST, START);
	push_video(2, 1, MIDDLE, START); /* a sender that sets no marker */
	expect_empty(START + 1000 * MS, SLUICE_NEVER);
	push_video(3, 2, ALONE, START + 33 * MS);
	expect_unit(START + 1000 * MS, 3000, 2);
	expect_unit(START + 1000 * MS, 6000, 1);
	close_all();
}
END_TEST

START_TEST(test_a_changed_timestamp_alone_ends_nothing) {
	open_with(&payload_vp8);
	jitter_set_delay(j, 0, START);
	push_video(1, 1, FIRST, START);
	push_video(2, 2, MIDDLE, START + 33 * MS); /* not a first packet: the one before it is not whole, nor is this one */
	push_video(3, 2, LAST, START + 33 * MS);
	push_video(4, 3, ALONE, START + 66 * MS);
	expect_lost(START + 1000 * MS, 1);
	expect_unit(START + 1000 * MS, 9000, 1);
	close_all();
}
END_TEST

START_TEST(test_a_stream_that_is_joined_in_the_middle_begins_with_a_frame) {
	open_with(&payload_vp8);
	jitter_set_delay(j, 0, START);
	push_video(1, 1, MIDDLE, START);
	push_video(2, 1, LAST, START);
	push_video(3, 2, ALONE, START + 33 * MS);
	expect_unit(START + 1000 * MS, 6000, 1);
	close_all();
}
END_TEST

START_TEST(test_behind_a_broken_frame_its_marker_tells_where_the_next_one_begins) {
	static const uint8_t starts[] = {0x5C, 0x81, 0x9A}, ends[] = {0x5C, 0x41, 1}, idr[] = {0x65, 0x88};
	open_with(&payload_h264);
	jitter_set_delay(j, 0, START);
	push_payload(1, 3000, false, starts, sizeof starts, START);
	push_payload(3, 3000, true, ends, sizeof ends, START);
	push_payload(4, 6000, true, idr, sizeof idr, START + 33 * MS); /* proves nothing by itself */
	expect_lost(START + 1000 * MS, 2);
	expect_unit(START + 1000 * MS, 6000, 1);
	ck_assert(unit.keyframe);
	close_all();
}
END_TEST

/* ---- delay ---- */

START_TEST(test_a_frame_is_as_late_as_its_last_packet) {
	open_with(&payload_vp8);
	for (uint16_t i = 0; i < 100; i++) {
		push_video((uint16_t)(2 * i), i, FIRST, START + i * 33 * MS);
		push_video((uint16_t)(2 * i + 1), i, LAST, START + i * 33 * MS + 30 * MS);
	}
	/* The frames are 33.3 ms apart, and come each 33 ms. */
	ck_assert_uint_le(jitter_delay(j), 40 * MS);
	uint64_t before = jitter_delay(j);
	jitter_set_rtt(j, 200 * MS, START + 3300 * MS);
	ck_assert_uint_eq(jitter_delay(j), before);
	push_video(202, 101, ALONE, START + 3333 * MS); /* two are missing */
	ck_assert_uint_eq(jitter_delay(j), 220 * MS);
	close_all();
}
END_TEST

START_TEST(test_a_steady_spread_of_a_frames_packets_is_no_jitter) {
	open_with(&payload_vp8);
	for (uint16_t i = 0; i < 100; i++) {
		uint64_t at = START + i * UINT64_C(33333333);
		push_video((uint16_t)(2 * i), i, FIRST, at);
		push_video((uint16_t)(2 * i + 1), i, LAST, at + (i ? 30 : 0) * MS);
	}
	push_video(200, 100, ALONE, START + 100 * UINT64_C(33333333) + 30 * MS);
	ck_assert_uint_le(jitter_delay(j), 35 * MS);
	for (uint16_t i = 101; i < 250; i++)
		push_video((uint16_t)(100 + i), i, ALONE, START + i * UINT64_C(33333333) + 30 * MS);
	ck_assert_uint_eq(jitter_delay(j), 5 * MS);
	close_all();
}
END_TEST

START_TEST(test_timestamps_that_jump_back_hold_nothing_up) {
	open_with(&payload_opus);
	static const uint8_t opus[] = {0x78, 1};
	push_payload(1, 48000u * 3600, false, opus, sizeof opus, START);
	push_payload(2, 0, false, opus, sizeof opus, START + 20 * MS);
	expect_unit(START + 21 * MS, 48000u * 3600, 1);
	expect_unit(START + 26 * MS, 0, 1);
	close_all();
}
END_TEST

/* Each is as far ahead as a timestamp can be. A sanitizer sees the arithmetic. */
START_TEST(test_timestamps_that_only_ever_jump_stay_in_bounds) {
	open_with(&payload_pcmu);
	uint32_t timestamp = 0;
	for (uint32_t i = 0; i < 100000; i++, timestamp += i < 50000 ? 0x7FFFFFFF : 0x80000001) {
		struct rtp_packet p = {.sequence = (uint16_t)i, .timestamp = timestamp, .payload = bytes, .payload_len = 1};
		ck_assert_int_eq(jitter_push(j, &p, payload_pcmu.parse(bytes, 1), bytes, START + i * 20 * MS), JITTER_TAKEN);
		ck_assert_int_eq(jitter_pull(j, START + i * 20 * MS + 5 * MS, &unit), JITTER_UNIT);
		ck_assert_uint_eq(unit.timestamp, timestamp);
	}
	close_all();
}
END_TEST

/* ---- starting anew ---- */

START_TEST(test_a_new_stream_has_its_own_delay) {
	open_with(&payload_opus);
	for (uint16_t i = 0; i < 50; i++)
		push_audio(i, START + i * 20 * MS + i % 2 * 100 * MS);
	ck_assert_uint_eq(jitter_delay(j), 105 * MS);
	push_payload(3000, 50 * 960, false, (uint8_t[]){0x78, 1}, 2, START + 1000 * MS);
	ck_assert_uint_eq(jitter_restarts(j), 1);
	ck_assert_uint_eq(jitter_delay(j), 5 * MS);
	close_all();
}
END_TEST

START_TEST(test_a_jump_of_more_than_2048_starts_anew) {
	for (uint32_t ahead = 2048; ahead <= 2049; ahead++) {
		open_with(&payload_vp8);
		jitter_set_delay(j, 0, START);
		push_video(1000, 1, ALONE, START);
		expect_unit(START + 100 * MS, 3000, 1);
		push_video((uint16_t)(1000 + ahead), 2, ALONE, START + 200 * MS);
		ck_assert_uint_eq(jitter_restarts(j), ahead > 2048);
		if (ahead > 2048) {
			/* What came before was played; nothing is lost. */
			expect_unit(START + 1000 * MS, 6000, 1);
			ck_assert_uint_eq(jitter_count(j, JITTER_FULL), 0);
		} else {
			ck_assert_uint_eq(jitter_count(j, JITTER_FULL), 1);
			expect_lost(START + 1000 * MS, 2048);
			ck_assert(unit.restarted);
		}
		push_video((uint16_t)(1001 + ahead), 3, ALONE, START + 233 * MS);
		expect_unit(START + 1000 * MS, 9000, 1);
		close_all();
	}
}
END_TEST

/* A packet that neither begins nor continues anything begins a unit directly behind a marker. Behind a jump it does not. */
START_TEST(test_what_follows_a_jump_does_not_follow_what_was_played_before) {
	static uint8_t payload[] = {0, 1, 2};
	struct rtp_packet p = {.sequence = 1000, .timestamp = 3000, .marker = true, .payload = payload, .payload_len = 3};
	open_with(&payload_vp8);
	jitter_set_delay(j, 0, START);
	ck_assert_int_eq(jitter_push(j, &p, PAYLOAD_BEGINS, bytes, START), JITTER_TAKEN);
	expect_unit(START, 3000, 1);
	for (unsigned i = 0; i < 2; i++) {
		p.sequence += i ? 5000 : 1;
		p.timestamp += 3000;
		ck_assert_int_eq(jitter_push(j, &p, 0, bytes, START), JITTER_TAKEN);
		if (i == 0)
			expect_unit(START, 6000, 1);
	}
	ck_assert_uint_eq(jitter_restarts(j), 1);
	expect_lost(START + SLUICE_S, 1);
	close_all();
}
END_TEST

START_TEST(test_ten_in_a_row_behind_the_head_start_anew) {
	open_with(&payload_opus);
	jitter_set_delay(j, 0, START);
	push_audio(30000, START);
	expect_unit(START, 30000u * 960, 1);
	for (uint16_t i = 0; i < 9; i++)
		ck_assert_int_eq(push_audio((uint16_t)(5000 + i), START + i * 20 * MS), JITTER_LATE);
	ck_assert_uint_eq(jitter_restarts(j), 0);
	ck_assert_int_eq(push_audio(5009, START + 180 * MS), JITTER_TAKEN);
	ck_assert_uint_eq(jitter_restarts(j), 1);
	ck_assert_int_eq(push_audio(5010, START + 200 * MS), JITTER_TAKEN);
	expect_unit(START + 200 * MS, 5009u * 960, 1);
	expect_unit(START + 200 * MS, 5010u * 960, 1);
	close_all();
}
END_TEST

START_TEST(test_a_burst_of_late_retransmissions_does_not) {
	open_with(&payload_opus);
	jitter_set_delay(j, 0, START);
	push_audio(1000, START);
	push_audio(1100, START + 2000 * MS);
	expect_unit(START + 2000 * MS, 1000u * 960, 1);
	ck_assert_int_eq(pull(START + 2000 * MS), JITTER_LOST);
	expect_unit(START + 2000 * MS, 1100u * 960, 1);
	pull(START + 2000 * MS);
	for (uint16_t i = 1001; i < 1100; i++)
		ck_assert_int_eq(push_audio(i, START + 2001 * MS), JITTER_LATE);
	ck_assert_int_eq(push_audio(1101, START + 2020 * MS), JITTER_TAKEN);
	ck_assert_uint_eq(jitter_restarts(j), 0);
	expect_unit(START + 2020 * MS, 1101u * 960, 1);
	close_all();
}
END_TEST

START_TEST(test_nine_behind_the_head_and_one_in_order_do_not) {
	open_with(&payload_opus);
	push_audio(30000, START);
	for (int round = 0; round < 3; round++) {
		for (uint16_t i = 0; i < 9; i++)
			ck_assert_int_eq(push_audio((uint16_t)(5000 + i), START), JITTER_LATE);
		ck_assert_int_eq(push_audio((uint16_t)(30001 + round), START + 20 * MS), JITTER_TAKEN);
	}
	ck_assert_uint_eq(jitter_restarts(j), 0);
	close_all();
}
END_TEST

START_TEST(test_unplayed_packets_of_the_old_stream_are_lost) {
	open_with(&payload_opus);
	for (uint16_t i = 0; i < 5; i++)
		push_audio(i, START + i * 20 * MS);
	expect_unit(START + 5 * MS, 0, 1);
	push_audio(20000, START + 100 * MS);
	push_audio(20001, START + 120 * MS);
	ck_assert_int_eq(pull(START + 121 * MS), JITTER_LOST);
	ck_assert(unit.restarted);
	ck_assert_uint_eq(unit.lost, 4);
	expect_unit(START + 200 * MS, 20000u * 960, 1);
	close_all();
}
END_TEST

START_TEST(test_a_player_that_slept_gets_what_is_new) {
	open_with(&payload_vp8);
	jitter_set_delay(j, 0, START);
	push_video(0, 0, ALONE, START);
	expect_unit(START, 0, 1);
	for (uint16_t i = 1; i < JITTER_VIDEO_SLOTS + 100; i++)
		ck_assert_int_eq(push_video(i, i, ALONE, START + i * 33 * MS),
		                 i < JITTER_VIDEO_SLOTS ? JITTER_TAKEN : JITTER_FULL);
	expect_lost(START + 60000 * MS, JITTER_VIDEO_SLOTS + 99);
	ck_assert(unit.restarted);
	push_video(JITTER_VIDEO_SLOTS + 100, JITTER_VIDEO_SLOTS + 100, ALONE, START + 60000 * MS);
	ck_assert_uint_eq(released, JITTER_VIDEO_SLOTS);
	expect_unit(START + 90000 * MS, (JITTER_VIDEO_SLOTS + 100) * 3000, 1);
	ck_assert_uint_eq(jitter_restarts(j), 0);
	close_all();
}
END_TEST

START_TEST(test_units_are_due_at_once_when_the_slots_run_out) {
	open_with(&payload_opus);
	jitter_set_delay(j, 2000 * MS, START);
	for (uint16_t i = 0; i < 96; i++)
		push_audio(i, START + i * 20 * MS);
	ck_assert_int_eq(pull(START + 1920 * MS), JITTER_EMPTY);
	push_audio(96, START + 1920 * MS);
	expect_unit(START + 1920 * MS, 0, 1);
	ck_assert_int_eq(pull(START + 1920 * MS), JITTER_EMPTY);
	close_all();
}
END_TEST

/* ---- against a model: whatever comes in whatever order ---- */

/* Frames of 1 to 6 packets; packets are lost, doubled and late by up to 60 ms. With a delay of 100 ms each frame of which nothing
 * was lost comes whole, once, in order and in time. */
static void play_frames(uint64_t seed) {
	struct rng r = rng_of(7, seed);
	struct event {
		uint64_t at;
		uint16_t sequence;
		uint32_t frame;
		enum place place;
	} late[4096];
	static bool broken[2000], seen[2000];
	size_t n = 0;
	uint16_t sequence = (uint16_t)rng_next(&r);
	memset(broken, 0, sizeof broken);
	memset(seen, 0, sizeof seen);
	open_with(&payload_vp8);
	jitter_set_delay(j, 100 * MS, START);
	uint32_t last = 0, given = 0, whole = 0;
	for (uint64_t now = START; now < START + 40000 * MS; now += MS) {
		if ((now - START) % (33 * MS) == 0 && (now - START) / (33 * MS) < 1150) {
			uint32_t frame = (uint32_t)((now - START) / (33 * MS)) + 1;
			unsigned packets = 1 + (unsigned)(rng_next(&r) % 6);
			for (unsigned i = 0; i < packets; i++, sequence++) {
				enum place place = packets == 1 ? ALONE : i == 0 ? FIRST : i == packets - 1 ? LAST : MIDDLE;
				struct event e = {.at = now, .sequence = sequence, .frame = frame, .place = place};
				if (frame > 1 && rng_next(&r) % 100 < 30)
					e.at += rng_next(&r) % 60 * MS;
				if (frame > 1 && rng_next(&r) % 100 < 3)
					broken[frame] = true;
				else
					late[n++] = e;
				if (n && rng_next(&r) % 100 < 5) {
					late[n] = late[n - 1];
					late[n++].at += 20 * MS;
				}
			}
			whole += !broken[frame];
		}
		for (size_t i = 0; i < n; i++)
			while (i < n && late[i].at <= now) {
				push_video(late[i].sequence, late[i].frame, late[i].place, now);
				memmove(late + i, late + i + 1, (--n - i) * sizeof *late);
			}
		enum jitter_pull result;
		while ((result = pull(now)) != JITTER_EMPTY) {
			if (result != JITTER_UNIT)
				continue;
			uint32_t frame = unit.timestamp / 3000;
			ck_assert_uint_gt(frame, last);
			ck_assert(!broken[frame] && !seen[frame]);
			ck_assert_uint_le(unit.due, now);
			seen[frame] = true;
			last = frame;
			given++;
		}
	}
	ck_assert_uint_eq(given, whole);
	close_all();
}

START_TEST(test_every_frame_that_can_be_whole_is_given_once_and_in_order) {
	for (uint64_t seed = 0; seed < 4; seed++)
		play_frames(seed);
}
END_TEST

static void play_noise(uint64_t seed) {
	struct rng r = rng_of(8, seed);
	uint64_t taken = 0;
	open_with(seed % 2 ? &payload_opus : &payload_vp8);
	uint64_t now = START;
	for (int i = 0; i < 20000; i++) {
		uint16_t sequence = (uint16_t)(rng_next(&r) % 50 ? (unsigned)i / 2 + rng_next(&r) % 300 : rng_next(&r));
		uint32_t timestamp = (uint32_t)(rng_next(&r) % 20 ? sequence * 960u : rng_next(&r));
		uint8_t payload[4] = {(uint8_t)rng_next(&r), (uint8_t)rng_next(&r), (uint8_t)rng_next(&r), 1};
		now += rng_next(&r) % (30 * MS);
		taken += push_payload(sequence, timestamp, rng_next(&r) % 3 == 0, payload, rng_next(&r) % 5, now) == JITTER_TAKEN;
		if (rng_next(&r) % 2)
			(void)pull(now);
	}
	close_all();
	ck_assert_uint_eq(released, taken);
}

/* Anything in any order: nothing leaks, and the equations hold. */
START_TEST(test_noise_is_bounded) {
	for (uint64_t seed = 0; seed < 4; seed++)
		play_noise(seed);
}
END_TEST

START_TEST(test_no_memory_is_no_buffer) {
	sluice_env_config config = {.allocator = memory_allocator(&memory)};
	format = &payload_vp8;
	ck_assert_int_eq(sluice_env_new(&config, &env), 0);
	memory.fail_at = 1;
	ck_assert_ptr_null(jitter_new(env, &(struct jitter_config){.format = &payload_vp8, .release = release}));
	j = jitter_new(env, &(struct jitter_config){.format = &payload_vp8, .release = release, .ctx = &released});
	uint64_t before = memory.allocations;
	ck_assert_uint_le(memory.bytes, 64 * 1024 + 8192);
	for (uint16_t i = 0; i < 1000; i++) {
		push_video(i, i, ALONE, START + i * 33 * MS);
		pull(START + 100000 * MS);
	}
	ck_assert_uint_eq(memory.allocations, before);
	close_all();
}
END_TEST

SUITE("jitter", test_before_the_first_packet_it_is_empty, test_audio_in_order_is_due_when_its_delay_is_over,
      test_sequence_numbers_wrap, test_packets_stay_in_their_slabs_until_the_next_pull_and_push,
      test_a_frame_is_given_when_it_is_whole, test_a_gap_is_waited_for_until_the_packet_behind_it_is_due,
      test_a_packet_that_fills_the_gap_in_time_makes_the_frame_whole,
      test_missing_audio_is_lost_packet_by_packet_as_it_would_have_been_played,
      test_audio_lost_while_the_player_slept_is_told_at_once, test_malformed_payloads_are_counted_and_are_a_gap,
      test_padding_between_and_in_frames_is_no_gap, test_a_lost_marker_is_made_up_for_by_the_next_frames_begin,
      test_a_changed_timestamp_alone_ends_nothing, test_a_stream_that_is_joined_in_the_middle_begins_with_a_frame,
      test_behind_a_broken_frame_its_marker_tells_where_the_next_one_begins, test_a_frame_is_as_late_as_its_last_packet,
      test_a_steady_spread_of_a_frames_packets_is_no_jitter, test_timestamps_that_jump_back_hold_nothing_up,
      test_timestamps_that_only_ever_jump_stay_in_bounds, test_a_new_stream_has_its_own_delay,
      test_a_jump_of_more_than_2048_starts_anew, test_what_follows_a_jump_does_not_follow_what_was_played_before,
      test_ten_in_a_row_behind_the_head_start_anew, test_a_burst_of_late_retransmissions_does_not,
      test_nine_behind_the_head_and_one_in_order_do_not, test_unplayed_packets_of_the_old_stream_are_lost,
      test_a_player_that_slept_gets_what_is_new, test_units_are_due_at_once_when_the_slots_run_out,
      test_every_frame_that_can_be_whole_is_given_once_and_in_order, test_noise_is_bounded, test_no_memory_is_no_buffer)
