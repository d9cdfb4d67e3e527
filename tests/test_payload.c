/* Are Opus, G.711, VP8 and VP9 read from RTP payloads, put together and split as their RFCs say, and what is refused? */
#include "payload_kit.h"
#include "suite.h"

static int parse(const struct payload_format *f, const uint8_t *payload, size_t len) {
	uint8_t *copy = malloc(len);
	memcpy(copy, payload, len);
	int bits = f->parse(copy, len);
	free(copy);
	return bits;
}

#define PARSE(format, ...) parse(format, (uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}))

static uint8_t unit[20000], space[100000];

/* Splits, checks that the pieces are as they must be, and puts them together. */
static void round_trip(const struct payload_format *f, size_t len, size_t room, struct payload_info info, size_t packets) {
	static struct kit_packets k;
	unsigned bits;
	for (size_t i = 0; i < len; i++)
		unit[i] = (uint8_t)(i * 7 + i / 256 * 2);
	unit[0] = info.keyframe || f->audio ? 0 : 1; /* as VP8 says it; one frame of Opus */
	ck_assert_int_eq(kit_split(f, &k, unit, len, room, info), 0);
	ck_assert_uint_eq(k.n, packets);
	for (size_t i = 0; i < k.n; i++) {
		ck_assert_uint_le(k.slice[i].len, room);
		ck_assert(k.last[i] == (i == k.n - 1));
		ck_assert(i == k.n - 1 ? k.slice[i].len <= k.slice[0].len : k.slice[i].len == k.slice[0].len);
	}
	ck_assert_int_eq(kit_scan(f, &k, false, &bits), FRAME_WHOLE);
	ck_assert(!(bits & PAYLOAD_KEYFRAME) == !(info.keyframe || f->audio));
	ck_assert_uint_eq(payload_temporal(bits), info.temporal);
	ck_assert_uint_eq(payload_spatial(bits), info.spatial);
	ck_assert_int_eq(f->assemble(k.slice, k.n, PAYLOAD_ANNEX_B, space, len), (int)len);
	ck_assert_mem_eq(space, unit, len);
	ck_assert_int_eq(f->assemble(k.slice, k.n, PAYLOAD_ANNEX_B, space, len - 1), SLUICE_NO_SPACE);
	kit_free(&k);
}

/* ---- audio ---- */

START_TEST(test_opus_packets_tell_their_samples) {
	static const struct {
		uint8_t bytes[8];
		size_t len;
		unsigned samples;
	} cases[] = {
		{{0x00, 1}, 2, 480},                    /* SILK 10 ms */
		{{0x08, 1}, 2, 960},                    /* 20 ms */
		{{0x18, 1}, 2, 2880},                   /* 60 ms */
		{{0x60, 1}, 2, 480},                    /* hybrid 10 ms */
		{{0x78, 1}, 2, 960},                    /* hybrid 20 ms */
		{{0x80, 1}, 2, 120},                    /* CELT 2.5 ms */
		{{0xF8}, 1, 960},                       /* DTX: no bytes in the frame */
		{{0x79, 1, 2}, 3, 1920},                /* two of equal size */
		{{0x79, 1}, 2, 0},                      /* one byte for two */
		{{0x7A, 1, 9, 9}, 4, 1920},             /* two of different size */
		{{0x7A, 2, 9}, 3, 0},                   /* longer than what is there */
		{{0x7A}, 1, 0},                         /* no length */
		{{0x7A, 252}, 2, 0},                    /* half a length */
		{{0x7A, 252, 0, 1}, 4, 0},              /* 252 bytes */
		{{0x7B, 3, 1, 2, 3}, 5, 2880},          /* three */
		{{0x7B, 6, 1, 2, 3, 4, 5, 6}, 8, 5760}, /* 120 ms */
		{{0x7B, 7, 1, 2, 3, 4, 5, 6}, 8, 0},    /* 140 ms */
		{{0x7B, 0, 1}, 3, 0},                   /* none */
		{{0x7B}, 1, 0},                         /* no count */
		{{0x83, 48, 1}, 3, 5760},               /* 48 of 2.5 ms */
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		ck_assert_msg(payload_opus_samples(cases[i].bytes, cases[i].len) == cases[i].samples, "case %zu", i);
		int bits = parse(&payload_opus, cases[i].bytes, cases[i].len);
		ck_assert_int_eq(bits, cases[i].samples ? PAYLOAD_BEGINS | PAYLOAD_KEYFRAME : SLUICE_MALFORMED);
	}
	ck_assert_uint_eq(payload_opus_samples(NULL, 0), 0);
}
END_TEST

START_TEST(test_an_audio_packet_is_a_unit) {
	const struct payload_format *formats[] = {&payload_opus, &payload_pcmu, &payload_pcma};
	static struct kit_packets k;
	for (int i = 0; i < 3; i++) {
		round_trip(formats[i], 160, 160, kit_info(), 1);
		ck_assert_int_eq(kit_split(formats[i], &k, unit, 161, 160, kit_info()), SLUICE_TOO_LARGE);
		ck_assert_int_eq(kit_split(formats[i], &k, unit, 0, 160, kit_info()), SLUICE_MALFORMED);
	}
	ck_assert_uint_eq(payload_opus.clock_rate, 48000);
	ck_assert_uint_eq(payload_pcmu.clock_rate, 8000);
}
END_TEST

/* ---- VP8 ---- */

START_TEST(test_vp8_descriptors_are_read) {
	ck_assert_int_eq(PARSE(&payload_vp8, 0x10, 0), PAYLOAD_BEGINS | PAYLOAD_KEYFRAME);
	ck_assert_int_eq(PARSE(&payload_vp8, 0x10, 1), PAYLOAD_BEGINS);
	ck_assert_int_eq(PARSE(&payload_vp8, 0x00, 0), PAYLOAD_CONTINUES);
	ck_assert_int_eq(PARSE(&payload_vp8, 0x11, 0), PAYLOAD_CONTINUES); /* another partition */
	/* X with a short and a long picture id, TL0PICIDX, TID 2. */
	ck_assert_int_eq(PARSE(&payload_vp8, 0x90, 0x80, 0x7F, 0), PAYLOAD_BEGINS | PAYLOAD_KEYFRAME);
	ck_assert_int_eq(PARSE(&payload_vp8, 0x90, 0x80, 0x80, 1, 1), PAYLOAD_BEGINS);
	ck_assert_int_eq(PARSE(&payload_vp8, 0x90, 0xE0, 0x80, 1, 9, 0xA0, 1), PAYLOAD_BEGINS | 2 << PAYLOAD_TEMPORAL_SHIFT);
	/* KEYIDX alone: its byte has no TID. */
	ck_assert_int_eq(PARSE(&payload_vp8, 0x90, 0x10, 0xC0, 1), PAYLOAD_BEGINS);
}
END_TEST

START_TEST(test_vp8_payloads_cut_in_the_descriptor_are_refused) {
	const uint8_t full[] = {0x90, 0xF0, 0x80, 1, 9, 0xA0, 1};
	for (size_t len = 1; len < sizeof full; len++)
		ck_assert_int_eq(parse(&payload_vp8, full, len), SLUICE_MALFORMED);
	ck_assert_int_ge(parse(&payload_vp8, full, sizeof full), 0);
	ck_assert_int_eq(PARSE(&payload_vp8, 0x10), SLUICE_MALFORMED);
}
END_TEST

START_TEST(test_vp8_frames_are_split_into_equal_packets) {
	struct payload_info info = kit_info();
	round_trip(&payload_vp8, 1, 100, info, 1);
	round_trip(&payload_vp8, 99, 100, info, 1);
	round_trip(&payload_vp8, 100, 100, info, 2);
	info.keyframe = true;
	info.picture_id = 0x1234;
	info.tl0_index = 7;
	info.temporal = 2;
	info.sync = true;
	round_trip(&payload_vp8, 20000, 1200, info, 17);
	static struct kit_packets k;
	ck_assert_int_eq(kit_split(&payload_vp8, &k, unit, 10, 100, info), 0);
	ck_assert_mem_eq(k.slice[0].data, ((uint8_t[]){0x90, 0xE0, 0x92, 0x34, 7, 0xA0}), 6);
	kit_free(&k);
	ck_assert_int_eq(kit_split(&payload_vp8, &k, unit, 10, 6, info), SLUICE_TOO_LARGE);
	ck_assert_int_eq(kit_split(&payload_vp8, &k, unit, 0, 100, info), SLUICE_MALFORMED);
}
END_TEST

/* ---- VP9 ---- */

START_TEST(test_vp9_descriptors_are_read) {
	const int key = PAYLOAD_BEGINS | PAYLOAD_KEYFRAME;
	ck_assert_int_eq(PARSE(&payload_vp9, 0x0C, 1), key);                /* B, E */
	ck_assert_int_eq(PARSE(&payload_vp9, 0x08, 1), key | PAYLOAD_OPEN); /* B */
	ck_assert_int_eq(PARSE(&payload_vp9, 0x04, 1), PAYLOAD_CONTINUES);  /* E */
	ck_assert_int_eq(PARSE(&payload_vp9, 0x4C, 1), PAYLOAD_BEGINS);     /* P */
	ck_assert_int_eq(PARSE(&payload_vp9, 0x8C, 0x7F, 1), key);          /* short picture id */
	ck_assert_int_eq(PARSE(&payload_vp9, 0x8C, 0x80, 1, 1), key);       /* long */
	ck_assert_int_eq(PARSE(&payload_vp9, 0x2C, 0x40, 9, 1), key | 2 << PAYLOAD_TEMPORAL_SHIFT);
	ck_assert_int_eq(PARSE(&payload_vp9, 0x2C, 0x05, 9, 1), 2 << PAYLOAD_SPATIAL_SHIFT); /* an upper layer proves nothing */
	ck_assert_int_eq(PARSE(&payload_vp9, 0x7C, 0x00, 0x02, 1), PAYLOAD_BEGINS);          /* F, one reference, no TL0PICIDX */
	ck_assert_int_eq(PARSE(&payload_vp9, 0x5C, 0x03, 0x03, 0x02, 1), PAYLOAD_BEGINS);    /* three references */
	/* A structure: two layers with sizes, a group of two pictures with one and with three references. */
	ck_assert_int_eq(PARSE(&payload_vp9, 0x0E, 0x38, 1, 0, 1, 0, 2, 0, 2, 0, 2, 0x04, 1, 0x0C, 1, 2, 3, 9), key);
}
END_TEST

START_TEST(test_vp9_payloads_cut_in_the_descriptor_are_refused) {
	const uint8_t full[] = {0xFE, 0x80, 1, 0x00, 0x03, 0x02, 0x38, 1, 0, 1, 0, 2, 0, 2, 0, 2, 0x04, 1, 0x0C, 1, 2, 3, 9};
	for (size_t len = 1; len < sizeof full; len++)
		ck_assert_int_eq(parse(&payload_vp9, full, len), SLUICE_MALFORMED);
	ck_assert_int_ge(parse(&payload_vp9, full, sizeof full), 0);
	/* Cut in the picture id. */
	ck_assert_int_eq(PARSE(&payload_vp9, 0x8C, 0x80), SLUICE_MALFORMED);
	/* A fourth reference. */
	ck_assert_int_eq(PARSE(&payload_vp9, 0x5C, 0x03, 0x03, 0x03, 0x02, 1), SLUICE_MALFORMED);
}
END_TEST

START_TEST(test_vp9_layers_are_split_one_after_the_other) {
	struct payload_info info = kit_info();
	round_trip(&payload_vp9, 5000, 1000, info, 6);
	info.keyframe = true;
	info.picture_id = 1;
	info.tl0_index = 3;
	info.temporal = 1;
	round_trip(&payload_vp9, 5000, 1005, info, 5);
	/* Two layers make one picture. */
	static struct kit_packets low, high;
	unsigned bits;
	info.layer_follows = true;
	ck_assert_int_eq(kit_split(&payload_vp9, &low, unit, 3000, 1005, info), 0);
	info.layer_follows = false;
	info.spatial = 1;
	ck_assert_int_eq(kit_split(&payload_vp9, &high, unit + 3000, 2000, 1005, info), 0);
	ck_assert(!low.last[2] && high.last[1]);
	ck_assert_int_eq(kit_scan(&payload_vp9, &high, false, &bits), FRAME_BROKEN);
	for (size_t i = 0; i < high.n; i++)
		kit_add(&low, high.slice[i].data, high.slice[i].len, high.last[i]);
	ck_assert_int_eq(kit_scan(&payload_vp9, &low, false, &bits), FRAME_WHOLE);
	ck_assert(bits & PAYLOAD_KEYFRAME);
	ck_assert_uint_eq(payload_spatial(bits), 1);
	ck_assert_int_eq(payload_vp9.assemble(low.slice, low.n, PAYLOAD_ANNEX_B, space, sizeof space), 5000);
	ck_assert_mem_eq(space, unit, 5000);
	/* Without the end of the lower layer it is broken, though the marker comes. */
	free((void *)low.slice[2].data);
	memmove(low.slice + 2, low.slice + 3, (--low.n - 2) * sizeof *low.slice);
	ck_assert_int_eq(kit_scan(&payload_vp9, &low, false, &bits), FRAME_BROKEN);
	kit_free(&low);
	kit_free(&high);
}
END_TEST

/* libwebrtc sends such payloads for layers with any references: flexible mode, one to three references, a structure. */
START_TEST(test_vp9_descriptors_in_flexible_mode_are_read) {
	struct payload_descriptor d;
	const uint8_t one[] = {0xF8, 0x92, 0x34, 0x00, 0x02, 9};
	ck_assert_int_eq(payload_vp9.descriptor_read(one, sizeof one, &d), 0);
	ck_assert(d.picture_bits == 15 && d.picture_id == 0x1234 && !d.has_tl0 && d.inter && d.begins && !d.ends);
	ck_assert(d.references == 1 && d.reference_diffs[0] == 1 && d.len == 5);
	const uint8_t three[] = {0xFC, 0x11, 0x53, 0x03, 0x09, 0xFE, 9};
	ck_assert_int_eq(payload_vp9.descriptor_read(three, sizeof three, &d), 0);
	ck_assert(d.picture_bits == 7 && d.picture_id == 17 && d.temporal == 2 && d.spatial == 1 && d.sync && d.inter_layer);
	ck_assert(d.references == 3 && d.reference_diffs[0] == 1 && d.reference_diffs[1] == 4 && d.reference_diffs[2] == 127);
	ck_assert_int_eq(parse(&payload_vp9, three, sizeof three), 2 << PAYLOAD_TEMPORAL_SHIFT | 1 << PAYLOAD_SPATIAL_SHIFT);
	/* A keyframe of flexible mode has no references; its structure has sizes of three layers and no group of pictures. */
	const uint8_t key[] = {0xBA, 0x92, 0x34, 0x00, 0x50, 1, 64, 0, 180, 2, 128, 1, 104, 5, 0, 2, 208, 9};
	ck_assert_int_eq(payload_vp9.descriptor_read(key, sizeof key, &d), 0);
	ck_assert(!d.inter && d.references == 0 && d.len == sizeof key - 1);
	ck_assert_int_eq(parse(&payload_vp9, key, sizeof key), PAYLOAD_BEGINS | PAYLOAD_KEYFRAME | PAYLOAD_OPEN);
	/* The layer above the keyframe's refers to no other picture: no keyframe by itself. */
	ck_assert_int_eq(PARSE(&payload_vp9, 0xBC, 0x92, 0x34, 0x03, 9), 1 << PAYLOAD_SPATIAL_SHIFT);
}
END_TEST

/* ---- numbers that a forwarder continues ---- */

/* Writes id and indices, and reads them again: the payload is the same but for them. */
static void rewrite(const struct payload_format *f, const uint8_t *payload, size_t len, unsigned bits) {
	uint8_t copy[64];
	struct payload_descriptor before, d;
	ck_assert_int_eq(f->descriptor_read(payload, len, &before), 0);
	ck_assert_uint_eq(before.picture_bits, bits);
	for (unsigned id = (1u << bits) - 2; id < (1u << bits) + 2; id++) {
		memcpy(copy, payload, len);
		d = before;
		d.picture_id = id;
		d.tl0_index = (uint8_t)(id + 250);
		d.key_index = (uint8_t)(id & 63);
		ck_assert_int_eq(f->descriptor_write(copy, len, &d), 0);
		ck_assert_int_eq(f->descriptor_read(copy, len, &d), 0);
		ck_assert_uint_eq(d.picture_bits, bits);
		ck_assert_uint_eq(d.picture_id, bits ? id & ((1u << bits) - 1) : 0);
		ck_assert_uint_eq(d.tl0_index, before.has_tl0 ? (id + 250) & 255 : 0);
		ck_assert_uint_eq(d.key_index, before.has_key ? id & 31 : 0);
		ck_assert_int_eq(f->descriptor_write(copy, len, &before), 0);
		ck_assert_mem_eq(copy, payload, len);
	}
	for (size_t cut = 1; cut <= before.len; cut++) {
		memcpy(copy, payload, cut);
		ck_assert_int_eq(f->descriptor_write(copy, cut, &d), SLUICE_MALFORMED);
		ck_assert_mem_eq(copy, payload, cut);
	}
}

#define REWRITE(format, bits, ...) rewrite(format, (uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}), bits)

START_TEST(test_numbers_are_rewritten_in_their_width) {
	REWRITE(&payload_vp8, 15, 0x90, 0xF0, 0x92, 0x34, 9, 0xA5, 1, 2);
	REWRITE(&payload_vp8, 7, 0x90, 0xF0, 0x12, 9, 0x65, 1);
	REWRITE(&payload_vp8, 15, 0x80, 0x80, 0xFF, 0xFF, 1);
	REWRITE(&payload_vp8, 0, 0x90, 0x40, 255, 1);
	REWRITE(&payload_vp8, 0, 0x90, 0x20, 0xBF, 1); /* what stands in KEYIDX's place is not KEYIDX */
	REWRITE(&payload_vp8, 0, 0x90, 0x10, 0xDF, 1);
	REWRITE(&payload_vp8, 0, 0x10, 1);
	REWRITE(&payload_vp9, 15, 0xAC, 0x92, 0x34, 0x40, 9, 1);
	REWRITE(&payload_vp9, 7, 0xAC, 0x12, 0x40, 9, 1);
	REWRITE(&payload_vp9, 15, 0xF8, 0x92, 0x34, 0x00, 0x02, 9);
	REWRITE(&payload_vp9, 0, 0x0C, 1);
	struct payload_descriptor d;
	const uint8_t full[] = {0x90, 0xF0, 0x92, 0x34, 9, 0xA5, 1};
	ck_assert_int_eq(payload_vp8.descriptor_read(full, sizeof full, &d), 0);
	ck_assert(d.begins && d.temporal == 2 && d.sync && d.key_index == 5 && d.tl0_index == 9 && d.len == 6);
	ck_assert(!payload_h264.descriptor_read && !payload_opus.descriptor_write);
}
END_TEST

SUITE("payloads", test_opus_packets_tell_their_samples, test_an_audio_packet_is_a_unit, test_vp8_descriptors_are_read,
      test_vp8_payloads_cut_in_the_descriptor_are_refused, test_vp8_frames_are_split_into_equal_packets,
      test_vp9_descriptors_are_read, test_vp9_payloads_cut_in_the_descriptor_are_refused,
      test_vp9_layers_are_split_one_after_the_other, test_vp9_descriptors_in_flexible_mode_are_read,
      test_numbers_are_rewritten_in_their_width)
