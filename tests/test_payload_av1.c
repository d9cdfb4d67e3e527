/* Is AV1 read from RTP payloads, put together and split as version 1.0 of its payload format says, and what is refused? */
#include "payload_kit.h"
#include "suite.h"

#define F (&payload_av1)

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

#define SH 0x08     /* a sequence header; 0x0A with its size */
#define TD 0x12     /* a temporal delimiter with its size */
#define FRAME 0x30  /* a frame; 0x32 with its size */
#define FRAMEX 0x34 /* with an extension */

static void add(const uint8_t *payload, size_t len) {
	kit_add(&k, payload, len, false);
}

static void expect_assembled(const uint8_t *want, size_t len) {
	ck_assert_int_eq(F->assemble(k.slice, k.n, PAYLOAD_ANNEX_B, space, len), (int)len);
	ck_assert_mem_eq(space, want, len);
	ck_assert_int_eq(F->assemble(k.slice, k.n, PAYLOAD_ANNEX_B, space, len - 1), SLUICE_NO_SPACE);
	kit_free(&k);
}

static void expect_refused(void) {
	ck_assert_int_eq(F->assemble(k.slice, k.n, PAYLOAD_ANNEX_B, space, sizeof space), SLUICE_MALFORMED);
	kit_free(&k);
}

START_TEST(test_aggregation_headers_are_read) {
	const int key = PAYLOAD_BEGINS | PAYLOAD_KEYFRAME;
	ck_assert_int_eq(PARSE(0x18, SH, 1), key);                             /* N, W = 1 */
	ck_assert_int_eq(PARSE(0x10, SH, 1), PAYLOAD_BEGINS);                  /* a sequence header that is repeated */
	ck_assert_int_eq(PARSE(0x10, FRAME, 1), 0);                            /* a frame proves nothing */
	ck_assert_int_eq(PARSE(0x50, FRAME, 1), PAYLOAD_OPEN);                 /* Y */
	ck_assert_int_eq(PARSE(0xD0, 1, 1), PAYLOAD_CONTINUES | PAYLOAD_OPEN); /* Z, Y: no header in it */
	ck_assert_int_eq(PARSE(0x28, 2, SH, 1, FRAME, 1), key);                /* W = 2 */
	ck_assert_int_eq(PARSE(0x08, 2, SH, 1, 2, FRAME, 1), key);             /* W = 0 */
	ck_assert_int_eq(PARSE(0x10, FRAMEX, 0x48, 1), 2 << PAYLOAD_TEMPORAL_SHIFT | 1 << PAYLOAD_SPATIAL_SHIFT);
	ck_assert_int_eq(PARSE(0x20, 0x82, 0, FRAME, 1, FRAME), 0); /* leb128 in two bytes for 2 */
}
END_TEST

START_TEST(test_broken_payloads_are_refused) {
	ck_assert_int_eq(PARSE(0x18), SLUICE_MALFORMED); /* no element */
	ck_assert_int_eq(PARSE(0x00), SLUICE_MALFORMED);
	ck_assert_int_eq(PARSE(0x30, 2, SH, 1), SLUICE_MALFORMED);           /* W = 3 with one OBU */
	ck_assert_int_eq(PARSE(0x30, 2, SH, 1, 1, FRAME), SLUICE_MALFORMED); /* W = 3 with two */
	ck_assert_int_eq(PARSE(0x20, 3, SH, 1), SLUICE_MALFORMED);           /* a length past the end */
	ck_assert_int_eq(PARSE(0x00, 3, SH, 1), SLUICE_MALFORMED);
	ck_assert_int_eq(PARSE(0x00, 2, SH, 1, 5, FRAME), SLUICE_MALFORMED);
	ck_assert_int_eq(PARSE(0x00, 0, 2, SH, 1), SLUICE_MALFORMED);  /* an empty element */
	ck_assert_int_eq(PARSE(0x98, SH, 1), SLUICE_MALFORMED);        /* Z and N */
	ck_assert_int_eq(PARSE(0x10, 0x80 | SH, 1), SLUICE_MALFORMED); /* the forbidden bit */
	ck_assert_int_eq(PARSE(0x10, FRAMEX), SLUICE_MALFORMED);       /* cut before its extension */
	/* leb128: eight bytes are the most, and the value has 32 bits. */
	ck_assert_int_eq(PARSE(0x00, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0, FRAME), 0);
	ck_assert_int_eq(PARSE(0x00, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0, FRAME), SLUICE_MALFORMED);
	ck_assert_int_eq(PARSE(0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, FRAME), SLUICE_MALFORMED);
	ck_assert_int_eq(PARSE(0x00, 0x81), SLUICE_MALFORMED);
}
END_TEST

START_TEST(test_obus_get_their_sizes) {
	add(BYTES(0x28, 3, SH, 1, 2, FRAME, 7, 8, 9));
	expect_assembled(BYTES(0x0A, 2, 1, 2, 0x32, 3, 7, 8, 9));
	/* Fragments over three packets, the last one together with another OBU; a size that was there. */
	add(BYTES(0x50, FRAMEX, 0x48, 1));
	add(BYTES(0xD0, 2));
	add(BYTES(0xA0, 2, 3, 4, 0x32, 1, 5));
	expect_assembled(BYTES(0x36, 0x48, 4, 1, 2, 3, 4, 0x32, 1, 5));
	/* A temporal delimiter is left out. */
	add(BYTES(0x00, 2, TD, 0, 2, FRAME, 1));
	expect_assembled(BYTES(0x32, 1, 1));
	/* 200 bytes need two for the size. */
	uint8_t big[202] = {0x10, FRAME}, want[203] = {0x32, 0xC8, 1};
	add(big, sizeof big);
	expect_assembled(want, sizeof want);
}
END_TEST

START_TEST(test_pieces_that_do_not_fit_are_refused) {
	add(BYTES(0x90, 1, 2)); /* the rest of something */
	expect_refused();
	add(BYTES(0x50, FRAME, 2)); /* no rest */
	expect_refused();
	add(BYTES(0x50, FRAME, 2));
	add(BYTES(0x10, FRAME, 2)); /* another one instead of the rest */
	expect_refused();
	add(BYTES(0x10, 0x32, 5, 1)); /* a size that does not agree */
	expect_refused();
	add(BYTES(0x10, 0x12, 0)); /* nothing that a decoder takes */
	expect_refused();
	add(BYTES(0x50, FRAMEX)); /* a header in two packets */
	add(BYTES(0x90, 0x48, 1));
	expect_refused();
	expect_refused();
}
END_TEST

START_TEST(test_fragments_are_joined_only_when_both_sides_say_so) {
	add(BYTES(0x58, FRAME, 1));
	kit_add(&k, BYTES(0x10, FRAME, 1), true); /* no Z behind a Y */
	ck_assert_int_eq(kit_scan(F, &k, false, &bits), FRAME_BROKEN);
	kit_free(&k);
	add(BYTES(0x18, FRAME, 1));
	kit_add(&k, BYTES(0x90, FRAME, 1), true); /* no Y before a Z */
	ck_assert_int_eq(kit_scan(F, &k, false, &bits), FRAME_BROKEN);
	kit_free(&k);
	kit_add(&k, BYTES(0x10, FRAME, 1), true);
	ck_assert_int_eq(kit_scan(F, &k, false, &bits), FRAME_BROKEN); /* behind a gap */
	ck_assert_int_eq(kit_scan(F, &k, true, &bits), FRAME_WHOLE);   /* behind a marker */
	kit_free(&k);
}
END_TEST

/* ---- splitting ---- */

static uint8_t unit[30000];

static size_t put_obu(size_t at, uint8_t header, size_t len) {
	unit[at++] = header | 2;
	if (header & 4)
		unit[at++] = 0x48;
	size_t left = len;
	for (; left >= 128; left >>= 7)
		unit[at++] = (uint8_t)(left | 128);
	unit[at++] = (uint8_t)left;
	for (size_t i = 0; i < len; i++)
		unit[at + i] = (uint8_t)(i * 31 + i / 256);
	return at + len;
}

static void expect_round_trip(size_t skip, size_t len, size_t room, size_t packets, bool keyframe) {
	struct payload_info info = kit_info();
	info.keyframe = keyframe;
	ck_assert_int_eq(kit_split(F, &k, unit, len, room, info), 0);
	ck_assert_uint_eq(k.n, packets);
	for (size_t i = 0; i < k.n; i++) {
		ck_assert_uint_le(k.slice[i].len, room);
		ck_assert(k.last[i] == (i == k.n - 1));
	}
	ck_assert_int_eq(kit_scan(F, &k, true, &bits), FRAME_WHOLE);
	ck_assert(!(bits & PAYLOAD_KEYFRAME) == !keyframe);
	expect_assembled(unit + skip, len - skip);
}

START_TEST(test_a_keyframe_is_split_and_put_together) {
	size_t skip = put_obu(0, 0x10, 0); /* the temporal delimiter does not travel */
	size_t len = put_obu(put_obu(skip, SH, 11), FRAME, 5000);
	expect_round_trip(skip, len, 1200, 5, true);
	ck_assert_int_eq(kit_split(F, &k, unit, len, 1200, kit_info()), 0);
	/* The sequence header rides with the first bytes of the frame; all but the last packet are equal. */
	ck_assert_mem_eq(k.slice[0].data, ((uint8_t[]){0x60, 12, SH}), 3);
	ck_assert_uint_eq(k.slice[4].data[0], 0x90);
	for (size_t i = 1; i < 4; i++)
		ck_assert_uint_eq(k.slice[i].len, k.slice[0].len);
	ck_assert_uint_le(k.slice[4].len, k.slice[0].len);
	kit_free(&k);
}
END_TEST

START_TEST(test_other_units_are_split_and_put_together) {
	expect_round_trip(0, put_obu(0, FRAME, 1), 1200, 1, false);
	expect_round_trip(0, put_obu(0, FRAME, 1198), 1200, 1, false);
	expect_round_trip(0, put_obu(0, FRAME, 1199), 1200, 2, false);
	expect_round_trip(0, put_obu(0, FRAMEX, 20000), 1200, 17, false);
	/* Two layers: each has packets of its own. */
	expect_round_trip(0, put_obu(put_obu(0, FRAMEX, 2000), FRAMEX, 3000), 1200, 5, true);
	ck_assert_uint_eq(payload_spatial(bits), 1);
	ck_assert_uint_eq(payload_temporal(bits), 2);
	/* More small ones than a count has room for. */
	size_t len = 0;
	for (int i = 0; i < 7; i++)
		len = put_obu(len, 0x28, 20);
	expect_round_trip(0, len, 200, 3, false);
}
END_TEST

START_TEST(test_an_obu_without_a_size_ends_the_unit) {
	const uint8_t in[] = {0x0A, 1, 5, FRAME, 1, 2, 3};
	ck_assert_int_eq(kit_split(F, &k, in, sizeof in, 200, kit_info()), 0);
	ck_assert_uint_eq(k.n, 1);
	expect_assembled(BYTES(0x0A, 1, 5, 0x32, 3, 1, 2, 3));
}
END_TEST

START_TEST(test_what_is_no_temporal_unit_is_not_split) {
	ck_assert_int_eq(kit_split(F, &k, BYTES(0x32, 5, 1), 200, kit_info()), SLUICE_MALFORMED); /* a size past the end */
	ck_assert_int_eq(kit_split(F, &k, BYTES(0xB2, 1, 1), 200, kit_info()), SLUICE_MALFORMED); /* the forbidden bit */
	ck_assert_int_eq(kit_split(F, &k, BYTES(0x36), 200, kit_info()), SLUICE_MALFORMED);       /* cut in the header */
	ck_assert_int_eq(kit_split(F, &k, BYTES(TD, 0), 200, kit_info()), SLUICE_MALFORMED);      /* nothing that travels */
	ck_assert_int_eq(kit_split(F, &k, unit, 0, 200, kit_info()), SLUICE_MALFORMED);
	ck_assert_int_eq(kit_split(F, &k, BYTES(0x32, 1, 1), 127, kit_info()), SLUICE_TOO_LARGE);
	/* A broken second OBU is found before the first one is said to be the last. */
	ck_assert_int_eq(kit_split(F, &k, BYTES(0x32, 1, 1, 0x32, 9), 200, kit_info()), SLUICE_MALFORMED);
}
END_TEST

SUITE("payloads of AV1", test_aggregation_headers_are_read, test_broken_payloads_are_refused, test_obus_get_their_sizes,
      test_pieces_that_do_not_fit_are_refused, test_fragments_are_joined_only_when_both_sides_say_so,
      test_a_keyframe_is_split_and_put_together, test_other_units_are_split_and_put_together,
      test_an_obu_without_a_size_ends_the_unit, test_what_is_no_temporal_unit_is_not_split)
