/* Are sent packets kept as long as they should be, gathered again byte for byte, and resent neither too often nor too much? */
#include "rtp/history.h"

#include "base/serial.h"
#include "rtp/nack_responder.h"
#include "sim/memory.h"
#include "suite.h"

#define MS SLUICE_MS
#define RTT (50 * MS)
#define HEADER 16
#define PREFIX 3
#define BODY 1000

static struct memory memory;
static sluice_env *env;
static struct rtp_history h;
static struct nack_responder r;
static struct rtx_types types;
static struct rtx_sender rtx;
static struct nack_repair repair;
static uint8_t frame[4 * BODY], space[2048];
static int released;

static void note_release(void *ctx) {
	(void)ctx;
	released++;
}
static struct rtp_source source;

static void setup(void) {
	sluice_env_config config = {.allocator = memory_allocator(&memory)};
	ck_assert_int_eq(sluice_env_new(&config, &env), 0);
	ck_assert_int_eq(rtp_history_open(&h, env, 64, 64), 0);
	nack_responder_init(&r, RTT);
	rtx_types_init(&types);
	ck_assert_int_eq(rtx_types_add(&types, 97, 96), 0);
	rtx = (struct rtx_sender){.ssrc = 0xBEEF, .next = SERIAL_ORIGIN + 0xFFFF};
	for (size_t i = 0; i < sizeof frame; i++)
		frame[i] = (uint8_t)(i * 31 >> 3);
	source = (struct rtp_source){.data = frame, .len = sizeof frame, .refs = 1, .release = note_release};
	released = 0;
}

static void done(void) {
	rtp_history_close(&h, env);
	sluice_env_free(env);
	ck_assert_uint_eq(memory.live, 0);
}

/* Packet n: its payload is prefix and a quarter of the frame. */
static void put(uint64_t n, uint64_t now) {
	uint8_t header[HEADER + PREFIX] = {0x90, 96};
	put_be16(header + 2, (uint16_t)n);
	put_be32(header + 8, 0xCAFE);
	header[HEADER] = (uint8_t)n;
	rtp_history_put(&h, SERIAL_ORIGIN + n, header, HEADER, PREFIX, rtp_owner_source(&source), n % 4 * BODY, BODY, now);
	ck_assert(rtp_history_check(&h));
}

static void ask(uint64_t n, uint64_t now) {
	nack_responder_ask(&r, &h, (uint16_t)n, now);
	ck_assert(nack_responder_check(&r));
}

static int output(void) {
	int len = nack_responder_output(&r, &h, &rtx, &types, space, sizeof space, &repair);
	ck_assert(nack_responder_check(&r));
	return len;
}

START_TEST(test_a_packet_is_gathered_again_as_it_was) {
	put(5, 0);
	const struct rtp_history_entry *e = rtp_history_find(&h, SERIAL_ORIGIN + 5);
	ck_assert_ptr_nonnull(e);
	ck_assert_int_eq(rtp_history_gather(&h, e, 0, space, sizeof space), HEADER + PREFIX + BODY);
	ck_assert_uint_eq(get_be16(space + 2), 5);
	ck_assert_uint_eq(space[HEADER], 5);
	ck_assert_mem_eq(space + HEADER + PREFIX, frame + BODY, BODY);
	ck_assert_int_eq(rtp_history_gather(&h, e, 0, space, HEADER + PREFIX + BODY - 1), SLUICE_NO_SPACE);
	done();
}
END_TEST

START_TEST(test_the_frame_is_given_back_when_its_last_packet_leaves) {
	for (unsigned n = 0; n < 4; n++)
		put(n, n * MS);
	rtp_source_unref(&source);
	ck_assert_uint_eq(source.refs, 4);
	rtp_history_advance(&h, 1002 * MS);
	ck_assert_uint_eq(source.refs, 2);
	ck_assert_ptr_null(rtp_history_find(&h, SERIAL_ORIGIN + 1));
	ck_assert_ptr_nonnull(rtp_history_find(&h, SERIAL_ORIGIN + 2));
	ck_assert_int_eq(released, 0);
	rtp_history_advance(&h, 1004 * MS);
	ck_assert_int_eq(released, 1);
	ck_assert(rtp_history_check(&h));
	done();
}
END_TEST

START_TEST(test_the_oldest_leaves_when_the_ring_is_full) {
	for (unsigned n = 0; n < 70; n++)
		put(65500 + n, 0);
	ck_assert_ptr_null(rtp_history_find(&h, SERIAL_ORIGIN + 65505));
	ck_assert_ptr_nonnull(rtp_history_find(&h, SERIAL_ORIGIN + 65506));
	ck_assert_uint_eq(source.refs, 65);
	done();
	ck_assert_uint_eq(source.refs, 1);
}
END_TEST

START_TEST(test_numbers_that_were_passed_have_no_packet) {
	put(1, 0);
	put(4, 0);
	ck_assert_ptr_null(rtp_history_find(&h, SERIAL_ORIGIN + 2));
	ck_assert_ptr_nonnull(rtp_history_find(&h, SERIAL_ORIGIN + 1));
	put(500, 0);
	ck_assert_ptr_null(rtp_history_find(&h, SERIAL_ORIGIN + 4));
	ck_assert_uint_eq(source.refs, 2);
	done();
}
END_TEST

START_TEST(test_a_late_packet_fills_its_hole_once) {
	put(10, 0);
	put(13, 0);
	put(11, MS);
	ck_assert_uint_eq(source.refs, 1 + 3);
	ck_assert_ptr_nonnull(rtp_history_find(&h, SERIAL_ORIGIN + 11));
	ck_assert_ptr_null(rtp_history_find(&h, SERIAL_ORIGIN + 12));
	put(11, MS); /* it is there */
	put(9, MS);  /* older than all */
	ck_assert_uint_eq(h.skipped, 2);
	put(14, MS);
	ck_assert_uint_eq(source.refs, 1 + 4);
	/* In a full ring, too, the oldest stays for a late one. */
	for (uint64_t n = 15; n < 10 + 64; n++)
		put(n, MS);
	put(12, MS);
	ck_assert_ptr_nonnull(rtp_history_find(&h, SERIAL_ORIGIN + 10));
	ck_assert_ptr_nonnull(rtp_history_find(&h, SERIAL_ORIGIN + 12));
	done();
}
END_TEST

START_TEST(test_a_long_header_is_gathered_as_it_was) {
	uint8_t header[60] = {0x90, 96};
	for (size_t i = 2; i < sizeof header; i++)
		header[i] = (uint8_t)(i * 7);
	rtp_history_put(&h, SERIAL_ORIGIN + 5, header, 52, 8, rtp_owner_source(&source), BODY, BODY, 0);
	const struct rtp_history_entry *e = rtp_history_find(&h, SERIAL_ORIGIN + 5);
	ck_assert_ptr_nonnull(e);
	ck_assert_uint_eq(rtp_history_payload_type(e), 96);
	ck_assert_int_eq(rtp_history_gather(&h, e, 2, space, sizeof space), 62 + BODY);
	ck_assert_mem_eq(space, header, 52);
	ck_assert_mem_eq(space + 54, header + 52, 8);
	ck_assert_mem_eq(space + 62, frame + BODY, BODY);
	done();
}
END_TEST

START_TEST(test_a_payload_stays_in_its_slab) {
	uint8_t header[HEADER] = {0x90, 96};
	sluice_slab *slab = sluice_slab_get(env);
	memcpy(slab->data + 100, frame, BODY);
	rtp_history_put(&h, SERIAL_ORIGIN + 5, header, HEADER, 0, rtp_owner_slab(slab), 100, BODY, 0);
	rtp_history_put(&h, SERIAL_ORIGIN + 6, header, HEADER, 0, rtp_owner_slab(slab), 600, 100, MS);
	ck_assert_uint_eq(slab->refs, 3);
	ck_assert(rtp_history_check(&h));
	const struct rtp_history_entry *e = rtp_history_find(&h, SERIAL_ORIGIN + 5);
	ck_assert_int_eq(rtp_history_gather(&h, e, 0, space, sizeof space), HEADER + BODY);
	ck_assert_mem_eq(space + HEADER, frame, BODY);
	rtp_history_advance(&h, SLUICE_S + 1);
	ck_assert_uint_eq(slab->refs, 2);
	sluice_slab_unref(slab);
	done(); /* gives back the last reference */
}
END_TEST

START_TEST(test_a_header_that_is_too_long_is_not_kept) {
	uint8_t header[128] = {0x90, 96};
	rtp_history_put(&h, SERIAL_ORIGIN + 1, header, 60, 5, rtp_owner_source(&source), 0, BODY, 0);
	ck_assert_ptr_null(rtp_history_find(&h, SERIAL_ORIGIN + 1));
	ck_assert_uint_eq(h.skipped, 1);
	ck_assert(rtp_history_check(&h));
	done();
}
END_TEST

START_TEST(test_failing_memory_leaves_nothing_behind) {
	struct rtp_history other;
	for (unsigned i = 1; i <= 2; i++) {
		memory.fail_at = i;
		ck_assert_int_eq(rtp_history_open(&other, env, 8192, 128), SLUICE_NO_MEMORY);
	}
	done();
}
END_TEST

/* RFC 4588, 4: the same header but for SSRC, payload type and number; the first number before the payload. */
START_TEST(test_a_nack_is_answered_by_an_rtx_packet_that_unwraps_to_the_lost_one) {
	put(77, 0);
	ask(77, 20 * MS);
	int len = output();
	ck_assert_int_eq(len, HEADER + RTX_OSN + PREFIX + BODY);
	ck_assert(repair.is_rtx);
	ck_assert_uint_eq(repair.number, SERIAL_ORIGIN + 77);
	space[0] = 0x80; /* the header of this test has no extension behind it; four bytes of payload then */
	struct rtp_packet p;
	ck_assert_int_eq(rtp_packet_parse(space, (size_t)len, &p), 0);
	ck_assert_uint_eq(p.ssrc, 0xBEEF);
	ck_assert_uint_eq(p.payload_type, 97);
	ck_assert_uint_eq(p.sequence, 0xFFFF);
	p.payload += HEADER - RTP_HEADER;
	p.payload_len -= HEADER - RTP_HEADER;
	ck_assert_int_eq(rtx_unwrap(&p, &types, 0xCAFE), 0);
	ck_assert_uint_eq(p.ssrc, 0xCAFE);
	ck_assert_uint_eq(p.payload_type, 96);
	ck_assert_uint_eq(p.sequence, 77);
	ck_assert_uint_eq(p.payload_len, PREFIX + BODY);
	ck_assert_uint_eq(p.payload[0], 77);
	ck_assert_mem_eq(p.payload + PREFIX, frame + BODY, BODY);
	ck_assert_int_eq(output(), 0);
	ck_assert_uint_eq(rtx.next, SERIAL_ORIGIN + 0x10000);
	done();
}
END_TEST

START_TEST(test_without_rtx_the_same_bytes_are_sent_again) {
	static uint8_t first[2048];
	put(9, 0);
	ck_assert_int_gt(rtp_history_gather(&h, rtp_history_find(&h, SERIAL_ORIGIN + 9), 0, first, sizeof first), 0);
	rtx.ssrc = 0;
	ask(9, 0);
	ck_assert_int_eq(output(), HEADER + PREFIX + BODY);
	ck_assert(!repair.is_rtx);
	ck_assert_mem_eq(space, first, HEADER + PREFIX + BODY);
	done();
}
END_TEST

START_TEST(test_a_packet_is_sent_again_once_a_round_trip) {
	put(1, 0);
	ask(1, 10 * MS);
	ask(1, 11 * MS);
	ck_assert_int_gt(output(), 0);
	ask(1, 59 * MS);
	ck_assert_int_eq(output(), 0);
	ck_assert_uint_eq(r.too_soon, 2);
	ask(1, 60 * MS);
	ck_assert_int_gt(output(), 0);
	ck_assert_uint_eq(r.resent, 2);
	done();
}
END_TEST

START_TEST(test_what_is_not_known_is_counted) {
	ask(3, 0);
	put(1, 0);
	ask(2, 0);
	ask(0, 0);
	ck_assert_int_eq(output(), 0);
	ck_assert_uint_eq(r.unknown, 3);
	done();
}
END_TEST

START_TEST(test_a_repair_that_aged_while_it_waited_is_passed) {
	put(1, 0);
	put(2, 900 * MS);
	ask(1, 900 * MS);
	ask(2, 900 * MS);
	rtp_history_advance(&h, 1001 * MS);
	ck_assert_int_gt(output(), 0);
	ck_assert_uint_eq(repair.number, SERIAL_ORIGIN + 2);
	ck_assert_int_eq(output(), 0);
	done();
}
END_TEST

START_TEST(test_what_does_not_fit_still_waits) {
	put(1, 0);
	ask(1, 0);
	ck_assert_int_eq(nack_responder_output(&r, &h, &rtx, &types, space, 100, &repair), SLUICE_NO_SPACE);
	ck_assert_int_gt(output(), 0);
	done();
}
END_TEST

/* 400 kb/s: a fifth are 10,000 bytes a second, and a packet has 1,019. */
START_TEST(test_repair_takes_a_fifth_of_the_target_rate) {
	nack_responder_target(&r, 400000);
	h.keep = 20 * SLUICE_S;
	for (unsigned n = 0; n < 60; n++)
		put(n, 0);
	for (unsigned n = 0; n < 60; n++)
		ask(n, 1 * MS);
	ck_assert_uint_eq(r.queued, 9);
	while (output() > 0)
		;
	for (unsigned i = 1; i <= 100; i++)
		for (unsigned n = 0; n < 60; n++) {
			ask(n, 1 * MS + i * 100 * MS);
			output();
		}
	/* Ten seconds on, and the burst of the first. */
	ck_assert_uint_le(r.resent_bytes, 11 * 10000 + 1100);
	ck_assert_uint_ge(r.resent_bytes, 10 * 10000);
	done();
}
END_TEST

START_TEST(test_rtx_padding_is_no_repair_and_a_single_byte_is_malformed) {
	uint8_t data[RTP_HEADER + 4] = {0xA0, 97, [RTP_HEADER + 3] = 4};
	struct rtp_packet p;
	ck_assert_int_eq(rtp_packet_parse(data, sizeof data, &p), 0);
	ck_assert_int_eq(rtx_unwrap(&p, &types, 1), SLUICE_NOT_FOUND);
	data[0] = 0x80;
	ck_assert_int_eq(rtp_packet_parse(data, RTP_HEADER + 1, &p), 0);
	ck_assert_int_eq(rtx_unwrap(&p, &types, 1), SLUICE_MALFORMED);
	data[1] = 96;
	ck_assert_int_eq(rtp_packet_parse(data, sizeof data, &p), 0);
	ck_assert_int_eq(rtx_unwrap(&p, &types, 1), SLUICE_MALFORMED);
	done();
}
END_TEST

START_TEST(test_payload_types_pair_one_to_one) {
	ck_assert_int_eq(rtx_types_add(&types, 97, 96), 0);
	ck_assert_int_eq(rtx_types_add(&types, 98, 96), SLUICE_EXISTS);
	ck_assert_int_eq(rtx_types_add(&types, 97, 100), SLUICE_EXISTS);
	ck_assert_int_eq(rtx_types_add(&types, 99, 97), SLUICE_EXISTS);
	ck_assert_int_eq(rtx_types_add(&types, 96, 99), SLUICE_EXISTS);
	ck_assert_int_eq(rtx_types_add(&types, 128, 1), SLUICE_INVALID);
	ck_assert_int_eq(rtx_types_add(&types, 5, 5), SLUICE_INVALID);
	ck_assert(rtx_types_check(&types));
	done();
}
END_TEST

START_TEST(test_a_rid_becomes_a_repaired_rid_and_the_marker_stays) {
	uint8_t packet[HEADER + 2] = {0x90, 0x80 | 96, [12] = 0xBE, [13] = 0xDE};
	rtx.rid_at = 14;
	rtx.rid_id = 11;
	packet[14] = 4 << 4 | 2;
	rtx_wrap(&rtx, &types, packet, HEADER);
	ck_assert_uint_eq(packet[14], 4 << 4 | 2);
	rtx_name_rid(&rtx, packet, HEADER);
	ck_assert_uint_eq(packet[14], 11 << 4 | 2);
	/* The marker stays: RFC 4588, 4. */
	ck_assert_uint_eq(packet[1], 0x80 | 97);
	done();
}
END_TEST

int main(int argc, char **argv) {
	const TTest *tests[] = {
		test_a_packet_is_gathered_again_as_it_was,
		test_the_frame_is_given_back_when_its_last_packet_leaves,
		test_the_oldest_leaves_when_the_ring_is_full,
		test_numbers_that_were_passed_have_no_packet,
		test_a_late_packet_fills_its_hole_once,
		test_a_long_header_is_gathered_as_it_was,
		test_a_payload_stays_in_its_slab,
		test_a_header_that_is_too_long_is_not_kept,
		test_failing_memory_leaves_nothing_behind,
		test_a_nack_is_answered_by_an_rtx_packet_that_unwraps_to_the_lost_one,
		test_without_rtx_the_same_bytes_are_sent_again,
		test_a_packet_is_sent_again_once_a_round_trip,
		test_what_is_not_known_is_counted,
		test_a_repair_that_aged_while_it_waited_is_passed,
		test_what_does_not_fit_still_waits,
		test_repair_takes_a_fifth_of_the_target_rate,
		test_rtx_padding_is_no_repair_and_a_single_byte_is_malformed,
		test_payload_types_pair_one_to_one,
		test_a_rid_becomes_a_repaired_rid_and_the_marker_stays,
	};
	return suite_run_each("rtp history", tests, sizeof tests / sizeof *tests, argc > 1 ? argv[1] : NULL, 60, setup);
}
