/* Are header extensions read and laid out as RFC 8285 says, and what happens to broken ones? */
#include "rtp/extensions.h"

#include "sluice/error.h"
#include "suite.h"

static struct rtp_extension_map map;

static void setup(void) {
	rtp_extension_map_init(&map);
	ck_assert_int_eq(rtp_extension_map_add(&map, RTP_EXT_ABS_SEND_TIME, 2), 0);
	ck_assert_int_eq(rtp_extension_map_add(&map, RTP_EXT_TRANSPORT_CC, 3), 0);
	ck_assert_int_eq(rtp_extension_map_add(&map, RTP_EXT_MID, 4), 0);
	ck_assert_int_eq(rtp_extension_map_add(&map, RTP_EXT_AUDIO_LEVEL, 1), 0);
}

/* The bytes lie in a block of just their length, so that a sanitizer sees each read beyond it. The caller frees p->extension. */
static int read_of(uint16_t profile, const char *bytes, size_t len, struct rtp_extensions *e) {
	uint8_t *copy = malloc(len ? len : 1);
	memcpy(copy, bytes, len);
	struct rtp_packet p = {.extension_profile = profile, .extension = copy, .extension_len = len};
	memset(e, 0xA5, sizeof *e);
	return rtp_extensions_read(&p, &map, e);
}
#define READ(profile, bytes, e) read_of(profile, bytes, sizeof(bytes) - 1, e)

static void done(struct rtp_extensions *e) {
	free((void *)(uintptr_t)e->base);
}

START_TEST(test_one_byte_elements_are_found) {
	struct rtp_extensions e;
	uint32_t ticks;
	uint16_t sequence;
	uint8_t level;
	bool voice;
	ck_assert_int_eq(READ(0xBEDE, "\x10\x9E\x22\x12\x34\x56\x31\xAB\xCD\x41\x61\x62", &e), 0);
	ck_assert(rtp_extension_abs_send_time(&e, &ticks) && ticks == 0x123456);
	ck_assert(rtp_extension_transport_cc(&e, &sequence) && sequence == 0xABCD);
	ck_assert(rtp_extension_audio_level(&e, &level, &voice) && level == 30 && voice);
	ck_assert_uint_eq(e.len[RTP_EXT_MID], 2);
	ck_assert_mem_eq(rtp_extension_get(&e, RTP_EXT_MID, 2), "ab", 2);
	ck_assert_ptr_null(rtp_extension_get(&e, RTP_EXT_MID, 3));
	ck_assert(!rtp_extension_has(&e, RTP_EXT_RID));
	done(&e);
}
END_TEST

START_TEST(test_two_byte_elements_are_found) {
	struct rtp_extensions e;
	ck_assert_int_eq(rtp_extension_map_add(&map, RTP_EXT_DEPENDENCY_DESCRIPTOR, 200), 0);
	/* The application's bits of the profile are ignored. */
	ck_assert_int_eq(READ(0x100F, "\x03\x02\x00\x07\xC8\x03\x01\x02\x03\x00\x00\x00", &e), 0);
	uint16_t sequence;
	ck_assert(rtp_extension_transport_cc(&e, &sequence) && sequence == 7);
	ck_assert_mem_eq(rtp_extension_get(&e, RTP_EXT_DEPENDENCY_DESCRIPTOR, 3), "\1\2\3", 3);
	done(&e);
}
END_TEST

/* RFC 8285, 4.3: "The value zero (0) indicates that there is no data following." */
START_TEST(test_a_two_byte_element_may_be_empty) {
	struct rtp_extensions e;
	uint16_t sequence;
	ck_assert_int_eq(READ(0x1000, "\x04\x00\x03\x02\x00\x09\x00\x00", &e), 0);
	ck_assert(rtp_extension_has(&e, RTP_EXT_MID));
	ck_assert_uint_eq(e.len[RTP_EXT_MID], 0);
	ck_assert_ptr_nonnull(rtp_extension_get(&e, RTP_EXT_MID, 0));
	ck_assert(rtp_extension_transport_cc(&e, &sequence) && sequence == 9);
	done(&e);
	/* Empty and last. */
	ck_assert_int_eq(READ(0x1000, "\x00\x00\x04\x00", &e), 0);
	ck_assert(rtp_extension_has(&e, RTP_EXT_MID));
	ck_assert(!rtp_extension_transport_cc(&e, &sequence));
	done(&e);
}
END_TEST

START_TEST(test_an_element_that_is_too_short_has_no_value) {
	struct rtp_extensions e;
	uint32_t ticks;
	uint16_t sequence;
	ck_assert_int_eq(READ(0xBEDE, "\x21\x12\x34\x30\xAB\x00\x00\x00", &e), 0);
	ck_assert(rtp_extension_has(&e, RTP_EXT_ABS_SEND_TIME) && !rtp_extension_abs_send_time(&e, &ticks));
	ck_assert(!rtp_extension_transport_cc(&e, &sequence));
	done(&e);
}
END_TEST

START_TEST(test_padding_stands_anywhere) {
	struct rtp_extensions e;
	uint16_t sequence;
	ck_assert_int_eq(READ(0xBEDE, "\x00\x00\x31\x00\x05\x00\x10\x80", &e), 0);
	ck_assert(rtp_extension_transport_cc(&e, &sequence) && sequence == 5);
	ck_assert(rtp_extension_has(&e, RTP_EXT_AUDIO_LEVEL));
	done(&e);
	ck_assert_int_eq(READ(0x1000, "\x00\x03\x02\x00\x05\x00\x00\x00", &e), 0);
	ck_assert(rtp_extension_transport_cc(&e, &sequence) && sequence == 5);
	done(&e);
}
END_TEST

START_TEST(test_id_15_ends_the_one_byte_form) {
	struct rtp_extensions e;
	ck_assert_int_eq(READ(0xBEDE, "\x10\x80\xFF\x31\x00\x05\x00\x00", &e), 0);
	ck_assert(rtp_extension_has(&e, RTP_EXT_AUDIO_LEVEL));
	ck_assert(!rtp_extension_has(&e, RTP_EXT_TRANSPORT_CC));
	done(&e);
	/* In the two-byte form 15 is an id like others, here an unknown one. */
	ck_assert_int_eq(READ(0x1000, "\x0F\x01\xAA\x03\x02\x00\x05\x00", &e), 0);
	ck_assert(rtp_extension_has(&e, RTP_EXT_TRANSPORT_CC));
	done(&e);
}
END_TEST

START_TEST(test_id_0_with_a_length_is_broken) {
	struct rtp_extensions e;
	ck_assert_int_eq(READ(0xBEDE, "\x10\x80\x01\xAA\xBB\x31\x00\x05", &e), SLUICE_MALFORMED);
	ck_assert(rtp_extension_has(&e, RTP_EXT_AUDIO_LEVEL));
	ck_assert(!rtp_extension_has(&e, RTP_EXT_TRANSPORT_CC));
	done(&e);
}
END_TEST

START_TEST(test_an_element_past_the_end_is_broken) {
	struct rtp_extensions e;
	static const struct {
		uint16_t profile;
		const char *bytes;
		size_t len;
	} cases[] = {
		{0xBEDE, "\x10\x80\x31\x00", 4},
		{0xBEDE, "\x10\x80\x00\x30", 4},
		{0xBEDE, "\x10\x80\x0F\x31", 4},
		{0x1000, "\x01\x01\x80\x03", 4},
		{0x1000, "\x01\x01\x80\x03\x04\x05\x06\x07", 8},
		{0x1000, "\x01\x01\x80\x00\x00\x00\x03\x01", 8},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		ck_assert_int_eq(read_of(cases[i].profile, cases[i].bytes, cases[i].len, &e), SLUICE_MALFORMED);
		ck_assert(rtp_extension_has(&e, RTP_EXT_AUDIO_LEVEL));
		ck_assert(!rtp_extension_has(&e, RTP_EXT_TRANSPORT_CC));
		done(&e);
	}
}
END_TEST

START_TEST(test_no_extension_and_other_profiles_have_no_elements) {
	struct rtp_extensions e;
	struct rtp_packet p = {.extension_profile = 0xBEDE};
	e.present = 0xFFFF;
	ck_assert_int_eq(rtp_extensions_read(&p, &map, &e), 0);
	ck_assert_uint_eq(e.present, 0);
	ck_assert_int_eq(READ(0x1234, "\x10\x80\x31\x00", &e), 0);
	ck_assert_uint_eq(e.present, 0);
	done(&e);
	ck_assert_int_eq(READ(0xBEDE, "", &e), 0);
	ck_assert_uint_eq(e.present, 0);
	done(&e);
}
END_TEST

START_TEST(test_unknown_ids_are_passed_and_the_last_of_two_counts) {
	struct rtp_extensions e;
	uint16_t sequence;
	ck_assert_int_eq(READ(0xBEDE, "\x92\x01\x02\x03\x31\x00\x05\x31\x00\x06\x50\x01", &e), 0);
	ck_assert_uint_eq(e.present, 1u << RTP_EXT_TRANSPORT_CC);
	ck_assert(rtp_extension_transport_cc(&e, &sequence) && sequence == 6);
	done(&e);
}
END_TEST

START_TEST(test_the_other_values_are_read) {
	struct rtp_extensions e;
	unsigned degrees;
	bool flip;
	uint64_t min, max;
	int32_t offset;
	ck_assert_int_eq(rtp_extension_map_add(&map, RTP_EXT_VIDEO_ORIENTATION, 5), 0);
	ck_assert_int_eq(rtp_extension_map_add(&map, RTP_EXT_PLAYOUT_DELAY, 6), 0);
	ck_assert_int_eq(rtp_extension_map_add(&map, RTP_EXT_TIMING_OFFSET, 7), 0);
	ck_assert_int_eq(READ(0xBEDE, "\x50\x07\x62\x00\x1F\xFF\x72\xFF\xFF\xFE\x00\x00", &e), 0);
	ck_assert(rtp_extension_video_orientation(&e, &degrees, &flip) && degrees == 270 && flip);
	ck_assert(rtp_extension_playout_delay(&e, &min, &max) && min == 10000000 && max == UINT64_C(40950000000));
	ck_assert(rtp_extension_timing_offset(&e, &offset) && offset == -2);
	done(&e);
	/* A least delay above the largest one is none. */
	ck_assert_int_eq(READ(0xBEDE, "\x62\x00\x20\x01", &e), 0);
	ck_assert(!rtp_extension_playout_delay(&e, &min, &max));
	done(&e);
}
END_TEST

START_TEST(test_the_map_refuses_what_no_section_may_say) {
	ck_assert_int_eq(rtp_extension_map_add(&map, RTP_EXT_RID, 0), SLUICE_INVALID);
	ck_assert_int_eq(rtp_extension_map_add(&map, RTP_EXT_RID, 15), SLUICE_INVALID);
	ck_assert_int_eq(rtp_extension_map_add(&map, RTP_EXT_RID, 256), SLUICE_INVALID);
	ck_assert_int_eq(rtp_extension_map_add(&map, RTP_EXT_UNKNOWN, 9), SLUICE_INVALID);
	ck_assert_int_eq(rtp_extension_map_add(&map, RTP_EXT_RID, 4), SLUICE_EXISTS);
	ck_assert_int_eq(rtp_extension_map_add(&map, RTP_EXT_MID, 5), SLUICE_EXISTS);
	ck_assert_int_eq(rtp_extension_map_add(&map, RTP_EXT_MID, 4), 0);
	ck_assert(rtp_extension_map_check(&map));
	map.kind_of[9] = RTP_EXT_MID;
	ck_assert(!rtp_extension_map_check(&map));
}
END_TEST

START_TEST(test_each_kind_has_one_uri) {
	for (unsigned k = 0; k < RTP_EXT_COUNT; k++) {
		const char *uri = rtp_extension_uri((enum rtp_extension)k);
		ck_assert_ptr_nonnull(uri);
		ck_assert_uint_eq(rtp_extension_of_uri(uri, strlen(uri)), k);
		ck_assert_uint_eq(rtp_extension_of_uri(uri, strlen(uri) - 1), RTP_EXT_UNKNOWN);
	}
	ck_assert_ptr_null(rtp_extension_uri(RTP_EXT_UNKNOWN));
}
END_TEST

/* ---- writing ---- */

static void write_and_read(const struct rtp_extension_block *b, uint8_t *packet, size_t size, struct rtp_packet *p,
                           struct rtp_extensions *e) {
	static uint8_t payload[] = {1, 2, 3}, csrcs[8];
	*p = (struct rtp_packet){.ssrc = 7, .csrc_count = 2, .csrcs = csrcs, .payload = payload, .payload_len = sizeof payload};
	rtp_extension_block_apply(b, p);
	int len = rtp_packet_write(p, packet, size);
	ck_assert_int_gt(len, 0);
	ck_assert_int_eq(rtp_packet_parse(packet, (size_t)len, p), 0);
	ck_assert_int_eq(rtp_extensions_read(p, &map, e), 0);
}

START_TEST(test_a_block_reserves_places_that_are_overwritten_in_the_packet) {
	const struct rtp_extension_item items[] = {
		{RTP_EXT_ABS_SEND_TIME, 3, NULL}, {RTP_EXT_RID, 2, "hi"}, {RTP_EXT_MID, 1, "0"}, {RTP_EXT_TRANSPORT_CC, 2, NULL}};
	struct rtp_extension_block b;
	struct rtp_packet p;
	struct rtp_extensions e;
	uint8_t packet[100];
	ck_assert_int_eq(rtp_extension_block_make(&b, &map, items, 4), 0);
	ck_assert_uint_eq(b.profile, RTP_EXTENSION_ONE_BYTE);
	ck_assert_uint_eq(b.len, 12);                         /* 4 + 2 + 3, padded */
	ck_assert(!rtp_extension_block_has(&b, RTP_EXT_RID)); /* the map has no id for it */
	write_and_read(&b, packet, sizeof packet, &p, &e);
	ck_assert_uint_eq(e.present, b.present);
	ck_assert_mem_eq(rtp_extension_get(&e, RTP_EXT_MID, 1), "0", 1);

	uint8_t *at = packet + rtp_extension_block_place(&b, 2, RTP_EXT_TRANSPORT_CC);
	ck_assert_ptr_eq(at, rtp_extension_get(&e, RTP_EXT_TRANSPORT_CC, 2));
	rtp_put_transport_cc(at, 0x0102);
	rtp_put_abs_send_time(packet + rtp_extension_block_place(&b, 2, RTP_EXT_ABS_SEND_TIME), UINT64_C(1500000000));
	uint32_t ticks;
	uint16_t sequence;
	ck_assert(rtp_extension_transport_cc(&e, &sequence) && sequence == 0x0102);
	ck_assert(rtp_extension_abs_send_time(&e, &ticks) && ticks == (1 << 18) + (1 << 17));
}
END_TEST

/* An id above 14, a value above 16 bytes and an empty one cannot be said in one byte. */
START_TEST(test_a_block_takes_the_two_byte_form_when_it_must) {
	ck_assert_int_eq(rtp_extension_map_add(&map, RTP_EXT_DEPENDENCY_DESCRIPTOR, 8), 0);
	ck_assert_int_eq(rtp_extension_map_add(&map, RTP_EXT_RID, 16), 0);
	const struct rtp_extension_item cases[] = {
		{RTP_EXT_DEPENDENCY_DESCRIPTOR, 17, NULL}, {RTP_EXT_RID, 1, "x"}, {RTP_EXT_DEPENDENCY_DESCRIPTOR, 0, NULL}};
	for (size_t i = 0; i < 3; i++) {
		const struct rtp_extension_item items[] = {{RTP_EXT_MID, 1, "0"}, cases[i]};
		struct rtp_extension_block b;
		struct rtp_packet p;
		struct rtp_extensions e;
		uint8_t packet[100];
		ck_assert_int_eq(rtp_extension_block_make(&b, &map, items, 2), 0);
		ck_assert_uint_eq(b.profile, RTP_EXTENSION_TWO_BYTE);
		write_and_read(&b, packet, sizeof packet, &p, &e);
		ck_assert_uint_eq(e.present, b.present);
		ck_assert_uint_eq(e.len[cases[i].kind], cases[i].len);
		ck_assert_mem_eq(rtp_extension_get(&e, RTP_EXT_MID, 1), "0", 1);
	}
	const struct rtp_extension_item fits = {RTP_EXT_DEPENDENCY_DESCRIPTOR, 16, NULL};
	struct rtp_extension_block b;
	ck_assert_int_eq(rtp_extension_block_make(&b, &map, &fits, 1), 0);
	ck_assert_uint_eq(b.profile, RTP_EXTENSION_ONE_BYTE);
	ck_assert_uint_eq(b.len, 20);
}
END_TEST

START_TEST(test_a_block_has_an_end) {
	const struct rtp_extension_item full = {RTP_EXT_MID, 126, NULL}, over = {RTP_EXT_MID, 127, NULL};
	struct rtp_extension_block b;
	ck_assert_int_eq(rtp_extension_block_make(&b, &map, &full, 1), 0);
	ck_assert_uint_eq(b.len, RTP_EXTENSION_BLOCK);
	ck_assert_int_eq(rtp_extension_block_make(&b, &map, &over, 1), SLUICE_NO_SPACE);
	const struct rtp_extension_item unknown = {RTP_EXT_RID, 4, NULL};
	struct rtp_packet p = {0};
	ck_assert_int_eq(rtp_extension_block_make(&b, &map, &unknown, 1), 0);
	rtp_extension_block_apply(&b, &p);
	ck_assert_ptr_null(p.extension);
}
END_TEST

/* 24 bits of 1 / 2^18 s: the value wraps each 64 s. */
START_TEST(test_the_send_time_is_fixed_point) {
	ck_assert_uint_eq(rtp_abs_send_time(0), 0);
	ck_assert_uint_eq(rtp_abs_send_time(1000000000), 1 << 18);
	ck_assert_uint_eq(rtp_abs_send_time(UINT64_C(63999999999)), 0xFFFFFF);
	ck_assert_uint_eq(rtp_abs_send_time(UINT64_C(64000000000)), 0);
	ck_assert_uint_eq(rtp_abs_send_time(UINT64_MAX - 1) >> 24, 0);
}
END_TEST

int main(int argc, char **argv) {
	const TTest *tests[] = {test_one_byte_elements_are_found,
	                        test_two_byte_elements_are_found,
	                        test_a_two_byte_element_may_be_empty,
	                        test_an_element_that_is_too_short_has_no_value,
	                        test_padding_stands_anywhere,
	                        test_id_15_ends_the_one_byte_form,
	                        test_id_0_with_a_length_is_broken,
	                        test_an_element_past_the_end_is_broken,
	                        test_no_extension_and_other_profiles_have_no_elements,
	                        test_unknown_ids_are_passed_and_the_last_of_two_counts,
	                        test_the_other_values_are_read,
	                        test_the_map_refuses_what_no_section_may_say,
	                        test_each_kind_has_one_uri,
	                        test_a_block_reserves_places_that_are_overwritten_in_the_packet,
	                        test_a_block_takes_the_two_byte_form_when_it_must,
	                        test_a_block_has_an_end,
	                        test_the_send_time_is_fixed_point};
	return suite_run_each("rtp_extensions", tests, sizeof tests / sizeof *tests, argc > 1 ? argv[1] : NULL, 300, setup);
}
