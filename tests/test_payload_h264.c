/* Is H.264 read from RTP payloads, put together and split as RFC 6184 says, and what is refused? */
#include "base/bytes.h"
#include "payload_kit.h"
#include "suite.h"

#define F (&payload_h264)

static struct kit_packets k;
static uint8_t space[100000];
static unsigned bits;

static int parse(const uint8_t *payload, size_t len) {
	uint8_t *copy = malloc(len);
	memcpy(copy, payload, len);
	int result = F->parse(copy, len);
	free(copy);
	return result;
}

#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__})
#define PARSE(...) parse(BYTES(__VA_ARGS__))

static void add(const uint8_t *payload, size_t len) {
	kit_add(&k, payload, len, false);
}

static void expect_assembled(enum payload_form form, const uint8_t *want, size_t len) {
	int got = F->assemble(k.slice, k.n, form, space, len);
	ck_assert_int_eq(got, (int)len);
	ck_assert_mem_eq(space, want, len);
	ck_assert_int_eq(F->assemble(k.slice, k.n, form, space, len - 1), SLUICE_NO_SPACE);
	kit_free(&k);
}

static void expect_refused(void) {
	ck_assert_int_eq(F->assemble(k.slice, k.n, PAYLOAD_ANNEX_B, space, sizeof space), SLUICE_MALFORMED);
	kit_free(&k);
}

/* ---- parsing ---- */

START_TEST(test_what_may_be_first_says_so) {
	ck_assert_int_eq(PARSE(0x67, 1), PAYLOAD_BEGINS);    /* SPS */
	ck_assert_int_eq(PARSE(0x09, 0xF0), PAYLOAD_BEGINS); /* AUD */
	ck_assert_int_eq(PARSE(0x68, 1), 0);                 /* PPS: the SPS may be lost */
	ck_assert_int_eq(PARSE(0x06, 1), 0);                 /* SEI */
	ck_assert_int_eq(PARSE(0x41, 0x9A), PAYLOAD_BEGINS); /* a slice whose first macroblock is 0 */
	ck_assert_int_eq(PARSE(0x41, 0x4A), 0);              /* another slice */
	ck_assert_int_eq(PARSE(0x41), 0);
	ck_assert_int_eq(PARSE(0x65, 0x88), PAYLOAD_KEYFRAME); /* IDR: its parameter sets may be lost */
}
END_TEST

START_TEST(test_stap_a_and_fu_a_say_what_they_hold) {
	ck_assert_int_eq(PARSE(0x78, 0, 2, 0x67, 1, 0, 2, 0x68, 1, 0, 2, 0x65, 0x88), PAYLOAD_BEGINS | PAYLOAD_KEYFRAME);
	ck_assert_int_eq(PARSE(0x78, 0, 2, 0x06, 1, 0, 2, 0x67, 1), 0);
	ck_assert_int_eq(PARSE(0x7C, 0x85, 0x88), PAYLOAD_KEYFRAME | PAYLOAD_OPEN);
	ck_assert_int_eq(PARSE(0x5C, 0x81, 0x9A), PAYLOAD_BEGINS | PAYLOAD_OPEN);
	ck_assert_int_eq(PARSE(0x5C, 0x01, 0x9A), PAYLOAD_CONTINUES | PAYLOAD_OPEN);
	ck_assert_int_eq(PARSE(0x5C, 0x41, 0x9A), PAYLOAD_CONTINUES);
}
END_TEST

START_TEST(test_broken_payloads_are_refused) {
	ck_assert_int_eq(PARSE(0x78), SLUICE_MALFORMED);                /* STAP-A with nothing in it */
	ck_assert_int_eq(PARSE(0x78, 0), SLUICE_MALFORMED);             /* half a length */
	ck_assert_int_eq(PARSE(0x78, 0, 3, 0x67, 1), SLUICE_MALFORMED); /* a length past the end */
	ck_assert_int_eq(PARSE(0x78, 0, 2, 0x67, 1, 0xFF, 0xFF, 1), SLUICE_MALFORMED);
	ck_assert_int_eq(PARSE(0x78, 0, 2, 0x67, 1, 0, 0), SLUICE_MALFORMED); /* an empty NAL unit */
	ck_assert_int_eq(PARSE(0x78, 0, 2, 0x78, 1), SLUICE_MALFORMED);       /* an aggregate in an aggregate */
	ck_assert_int_eq(PARSE(0x7C, 0x85), SLUICE_MALFORMED);                /* a fragment of nothing */
	ck_assert_int_eq(PARSE(0x7C), SLUICE_MALFORMED);
	ck_assert_int_eq(PARSE(0x7C, 0xC5, 1), SLUICE_MALFORMED); /* start and end in one */
	ck_assert_int_eq(PARSE(0x7C, 0x9C, 1), SLUICE_MALFORMED); /* fragments of a fragment */
	ck_assert_int_eq(PARSE(0x60, 1), SLUICE_MALFORMED);       /* type 0 */
	for (uint8_t type = 25; type < 32; type++)
		if (type != 28)
			ck_assert_int_eq(PARSE(0x60 | type, 0x85, 1, 2), SLUICE_MALFORMED); /* STAP-B, MTAP, FU-B, reserved */
}
END_TEST

/* ---- putting together ---- */

START_TEST(test_all_kinds_of_packets_make_one_unit) {
	for (int form = PAYLOAD_ANNEX_B; form <= PAYLOAD_LENGTH_PREFIXED; form++) {
		uint8_t last = form == PAYLOAD_ANNEX_B ? 1 : 0, a = last ? 1 : 2, b = last ? 1 : 3, c = last ? 1 : 4;
		add(BYTES(0x78, 0, 2, 0x67, 1, 0, 3, 0x68, 1, 2));
		add(BYTES(0x06, 5));
		add(BYTES(0x7C, 0x85, 0x88));
		add(BYTES(0x7C, 0x05, 0x89));
		add(BYTES(0x7C, 0x45, 0x8A));
		expect_assembled((enum payload_form)form, BYTES(0, 0, 0, a, 0x67, 1, 0, 0, 0, b, 0x68, 1, 2, 0, 0, 0, a, 0x06, 5,
		                                                0, 0, 0, c, 0x65, 0x88, 0x89, 0x8A));
	}
}
END_TEST

START_TEST(test_fragments_that_do_not_fit_are_refused) {
	add(BYTES(0x7C, 0x05, 1)); /* no start */
	expect_refused();
	add(BYTES(0x7C, 0x85, 1)); /* no end */
	expect_refused();
	add(BYTES(0x7C, 0x85, 1));
	add(BYTES(0x7C, 0x85, 1)); /* a second start */
	expect_refused();
	add(BYTES(0x7C, 0x85, 1));
	add(BYTES(0x7C, 0x41, 1)); /* of another type */
	expect_refused();
	add(BYTES(0x7C, 0x85, 1));
	add(BYTES(0x41, 1)); /* something else before the end */
	expect_refused();
	add(BYTES(0x7C, 0x85, 1));
	add(BYTES(0x7C, 0x85, 1)); /* a second start, with an end */
	add(BYTES(0x7C, 0x45, 1));
	expect_refused();
	add(BYTES(0x7C, 0x85, 1));
	add(BYTES(0x7C, 0x45, 1));
	add(BYTES(0x7C, 0x45, 1)); /* a second end */
	expect_refused();
	expect_refused(); /* nothing at all */
}
END_TEST

START_TEST(test_a_fragment_without_its_start_makes_no_unit) {
	add(BYTES(0x7C, 0x05, 1));
	kit_add(&k, BYTES(0x7C, 0x45, 1), true);
	ck_assert_int_eq(kit_scan(F, &k, true, &bits), FRAME_BROKEN);
	kit_free(&k);
	/* A start is followed by a NAL unit of its own: the rest of the fragments is lost, or never was. */
	add(BYTES(0x5C, 0x81, 0x9A));
	kit_add(&k, BYTES(0x41, 0x4A), true);
	ck_assert_int_eq(kit_scan(F, &k, true, &bits), FRAME_BROKEN);
	kit_free(&k);
	/* The marker on a fragment that is not the last one. */
	kit_add(&k, BYTES(0x5C, 0x81, 0x9A), true);
	ck_assert_int_eq(kit_scan(F, &k, true, &bits), FRAME_BROKEN);
	kit_free(&k);
}
END_TEST

/* ---- splitting ---- */

static uint8_t unit[30000];

static size_t put_nal(size_t at, enum payload_form form, uint8_t header, size_t len) {
	put_be32(unit + at, form == PAYLOAD_ANNEX_B ? 1 : (uint32_t)len);
	unit[at + 4] = header;
	for (size_t i = 1; i < len; i++)
		unit[at + 4 + i] = (uint8_t)(1 + (i * 31) % 255); /* no zeros, so no start codes */
	return at + 4 + len;
}

START_TEST(test_an_access_unit_is_split_and_put_together) {
	for (int form = PAYLOAD_ANNEX_B; form <= PAYLOAD_LENGTH_PREFIXED; form++) {
		struct payload_info info = kit_info();
		info.form = (enum payload_form)form;
		size_t len = put_nal(0, info.form, 0x67, 20);
		len = put_nal(len, info.form, 0x68, 6);
		len = put_nal(len, info.form, 0x65, 5000);
		len = put_nal(len, info.form, 0x65, 300);
		ck_assert_int_eq(kit_split(F, &k, unit, len, 1200, info), 0);
		/* STAP-A, five fragments, a NAL unit. */
		ck_assert_uint_eq(k.n, 7);
		ck_assert_uint_eq(k.slice[0].data[0], 0x78);
		ck_assert_uint_eq(k.slice[0].len, 1 + 2 + 20 + 2 + 6);
		for (size_t i = 1; i < 5; i++) {
			ck_assert_uint_eq(k.slice[i].len, 2 + 1000);
			ck_assert_uint_eq(k.slice[i].data[0], 0x7C);
			ck_assert_uint_eq(k.slice[i].data[1], i == 1 ? 0x85 : 0x05);
		}
		ck_assert_uint_eq(k.slice[5].data[1], 0x45);
		ck_assert_uint_eq(k.slice[6].len, 300);
		for (size_t i = 0; i < 7; i++)
			ck_assert(k.last[i] == (i == 6));
		ck_assert_int_eq(kit_scan(F, &k, false, &bits), FRAME_WHOLE);
		ck_assert(bits & PAYLOAD_KEYFRAME);
		expect_assembled(info.form, unit, len);
	}
}
END_TEST

/* The STAP-A has room for parameter sets as encoders make them; what is longer is a packet of its own. */
START_TEST(test_long_parameter_sets_travel_alone) {
	size_t len = put_nal(0, PAYLOAD_ANNEX_B, 0x67, 300);
	len = put_nal(len, PAYLOAD_ANNEX_B, 0x68, 6);
	len = put_nal(len, PAYLOAD_ANNEX_B, 0x06, 700);
	len = put_nal(len, PAYLOAD_ANNEX_B, 0x65, 1200);
	for (uint8_t mode = 0; mode < 2; mode++) {
		struct payload_info info = kit_info();
		info.mode = mode;
		ck_assert_int_eq(kit_split(F, &k, unit, len, 1200, info), 0);
		ck_assert_uint_eq(k.n, 4);
		for (size_t i = 0; i < 4; i++) {
			ck_assert_uint_eq(k.slice[i].len, ((size_t[]){300, 6, 700, 1200})[i]);
			ck_assert_uint_eq(k.slice[i].data[0], ((uint8_t[]){0x67, 0x68, 0x06, 0x65})[i]);
		}
		ck_assert_int_eq(kit_scan(F, &k, false, &bits), FRAME_WHOLE);
		ck_assert(bits & PAYLOAD_KEYFRAME);
		expect_assembled(PAYLOAD_ANNEX_B, unit, len);
	}
	/* 65 bytes as a STAP-A: one too many. */
	for (size_t sps = 57; sps <= 58; sps++) {
		len = put_nal(put_nal(0, PAYLOAD_ANNEX_B, 0x67, sps), PAYLOAD_ANNEX_B, 0x68, 2);
		ck_assert_int_eq(kit_split(F, &k, unit, len, 1200, kit_info()), 0);
		ck_assert_uint_eq(k.n, sps == 57 ? 1 : 2);
		expect_assembled(PAYLOAD_ANNEX_B, unit, len);
	}
}
END_TEST

START_TEST(test_start_codes_of_three_bytes_and_zeros_behind_are_read) {
	const uint8_t in[] = {0, 0, 1, 0x09, 0xF0, 0, 0, 0, 1, 0x41, 0x9A, 7, 0, 0, 0};
	ck_assert_int_eq(kit_split(F, &k, in, sizeof in, 100, kit_info()), 0);
	ck_assert_uint_eq(k.n, 1);
	ck_assert(k.last[0]);
	expect_assembled(PAYLOAD_ANNEX_B, BYTES(0, 0, 0, 1, 0x09, 0xF0, 0, 0, 0, 1, 0x41, 0x9A, 7));
}
END_TEST

START_TEST(test_mode_0_has_nal_units_only) {
	struct payload_info info = kit_info();
	info.mode = 0;
	size_t len = put_nal(put_nal(put_nal(0, PAYLOAD_ANNEX_B, 0x67, 9), PAYLOAD_ANNEX_B, 0x68, 4), PAYLOAD_ANNEX_B, 0x65,
	                     1200);
	ck_assert_int_eq(kit_split(F, &k, unit, len, 1200, info), 0);
	ck_assert_uint_eq(k.n, 3);
	ck_assert_uint_eq(k.slice[0].data[0], 0x67);
	expect_assembled(PAYLOAD_ANNEX_B, unit, len);
	ck_assert_int_eq(kit_split(F, &k, unit, len, 1199, info), SLUICE_TOO_LARGE);
	kit_free(&k);
}
END_TEST

START_TEST(test_what_is_no_access_unit_is_not_split) {
	struct payload_info info = kit_info();
	ck_assert_int_eq(kit_split(F, &k, BYTES(0x65, 1, 2, 3), 100, info), SLUICE_MALFORMED);    /* no start code */
	ck_assert_int_eq(kit_split(F, &k, BYTES(0, 0, 0, 1), 100, info), SLUICE_MALFORMED);       /* nothing behind it */
	ck_assert_int_eq(kit_split(F, &k, BYTES(0, 0, 1, 0x78, 1), 100, info), SLUICE_MALFORMED); /* not H.264's */
	ck_assert_int_eq(kit_split(F, &k, unit, 0, 100, info), SLUICE_MALFORMED);
	info.form = PAYLOAD_LENGTH_PREFIXED;
	ck_assert_int_eq(kit_split(F, &k, BYTES(0, 0, 0, 3, 0x65, 1), 100, info), SLUICE_MALFORMED); /* past the end */
	ck_assert_int_eq(kit_split(F, &k, BYTES(0, 0, 0, 0, 0x65, 1), 100, info), SLUICE_MALFORMED); /* empty */
	ck_assert_int_eq(kit_split(F, &k, BYTES(0, 0, 0, 1, 0x65, 1), 100, info), SLUICE_MALFORMED); /* a byte too many */
	kit_free(&k);
	ck_assert_int_eq(kit_split(F, &k, BYTES(0, 0, 0, 3, 0x65, 1, 2), 2, info), SLUICE_TOO_LARGE); /* no room for a fragment */
}
END_TEST

SUITE("payloads of H.264", test_what_may_be_first_says_so, test_stap_a_and_fu_a_say_what_they_hold,
      test_broken_payloads_are_refused, test_all_kinds_of_packets_make_one_unit, test_fragments_that_do_not_fit_are_refused,
      test_a_fragment_without_its_start_makes_no_unit, test_an_access_unit_is_split_and_put_together,
      test_long_parameter_sets_travel_alone, test_start_codes_of_three_bytes_and_zeros_behind_are_read,
      test_mode_0_has_nal_units_only, test_what_is_no_access_unit_is_not_split)
