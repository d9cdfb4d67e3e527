/* Does a dependency descriptor tell layers, keyframes and decode targets, as appendix A of AV1 RTP says? What is refused? */
#include "rtp/dependency.h"

#include "sluice/error.h"
#include "suite.h"

static struct dependency_structure s;
static struct dependency d;

static int read_bytes_of(const uint8_t *data, size_t len) {
	uint8_t *copy = malloc(len ? len : 1);
	memcpy(copy, data, len);
	int result = dependency_read(&s, copy, len, &d);
	free(copy);
	ck_assert(dependency_structure_check(&s));
	return result;
}

#define READ(...) read_bytes_of((uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}))

/* A stream of Chromium's with three spatial and three temporal layers, as it came from the network: the first packet's. */
static const uint8_t capture[] = {
	0xC1, 0x01, 0x72, 0x80, 0x08, 0x14, 0x85, 0x21, 0x4E, 0xAF, 0xFF, 0xAA, 0xAA, 0x86, 0x3C, 0xF0, 0x43, 0x0C, 0x10,
	0xC3, 0x02, 0xAF, 0xC0, 0xAA, 0xA0, 0x06, 0x3C, 0x00, 0x43, 0x00, 0x10, 0xC0, 0x02, 0xA0, 0x00, 0xA8, 0x00, 0x06,
	0x00, 0x00, 0x40, 0x00, 0x1D, 0x95, 0x49, 0x26, 0xE0, 0x82, 0xB0, 0x4A, 0x09, 0x41, 0xB8, 0x20, 0xAC, 0x12, 0x82,
	0x50, 0x31, 0x57, 0xF9, 0x74, 0x00, 0x0C, 0xA8, 0x64, 0x33, 0x0E, 0x22, 0x22, 0x22, 0xEC, 0xA8, 0x65, 0x53, 0x04,
	0x22, 0x42, 0x30, 0xEC, 0xA8, 0x77, 0x53, 0x00, 0x77, 0x00, 0x42, 0x00, 0xEF, 0x00, 0x86, 0x01, 0xDF, 0x01, 0x0D,
};

/* ---- a writer, for streams that nobody sent ---- */

static uint8_t made[256];
static size_t made_bits;

static void put(unsigned n, unsigned value) {
	for (; n > 0; n--, made_bits++) {
		unsigned bit = n <= 32 ? value >> (n - 1) & 1 : 0;
		made[made_bits / 8] |= (uint8_t)(bit << (7 - made_bits % 8));
	}
}

/* The bytes that are always there, and the five flags. */
static void begin(unsigned id, unsigned number, unsigned flags) {
	memset(made, 0, sizeof made);
	made_bits = 0;
	put(2, 3);
	put(6, id);
	put(16, number);
	put(5, flags);
}

#define ATTACHED 16
#define ACTIVE 8
#define USES 4
#define DIFFS 2
#define CHAINS 1

/* L1T2: targets are T0 and both; a chain of T0; templates: keyframe, T0, T1. */
static void put_two_temporals(unsigned offset) {
	put(6, offset);
	put(5, 2 - 1);
	put(2, 0), put(2, 1), put(2, 3);
	put(4, 0xA), put(4, 0xE), put(4, 0x1); /* SS, RS -> T0 required by target 0; T1: -D */
	put(1, 0);
	put(1, 1), put(4, 2 - 1), put(1, 0);
	put(1, 1), put(4, 1 - 1), put(1, 0);
	put(2, 2), put(0, 0); /* ns(3) of 1 is 10; ns(1) takes no bits */
	put(4, 0), put(4, 2), put(4, 1);
	put(1, 0);
}

static int read_made(void) {
	return read_bytes_of(made, (made_bits + 7) / 8);
}

static int begin_stream(unsigned offset, unsigned number) {
	begin(offset, number, ATTACHED);
	put_two_temporals(offset);
	return read_made();
}

/* ---- tests ---- */

START_TEST(test_a_browsers_stream_is_read) {
	ck_assert_int_eq(read_bytes_of(capture, sizeof capture), 0);
	ck_assert(d.starts && d.ends && d.attached && d.keyframe);
	ck_assert_uint_eq(d.number, 0x172);
	ck_assert_uint_eq(d.template_id, 1);
	ck_assert_uint_eq(d.frame.spatial, 0);
	ck_assert_uint_eq(d.frame.temporal, 0);
	ck_assert_uint_eq(s.targets, 9);
	ck_assert_uint_eq(s.chains, 3);
	ck_assert_uint_eq(s.spatials, 3);
	ck_assert_uint_eq(s.active, 0x1FF);
	ck_assert_uint_eq(d.width + 1, 120);
	ck_assert_uint_eq(d.height + 1, 67);
	for (unsigned t = 0; t < 9; t++)
		ck_assert_uint_eq(s.protected_by[t], t / 3);
	/* The upper layers of the keyframe refer to the ones below. All nine targets are active. */
	ck_assert_int_eq(READ(0x86, 0x01, 0x73, 0x40, 0xFC), 0);
	ck_assert(d.starts && !d.ends && !d.attached && !d.keyframe);
	ck_assert_uint_eq(d.frame.spatial, 1);
	ck_assert_uint_eq(d.frame.diff_count, 1);
	ck_assert_uint_eq(d.frame.diffs[0], 1);
	ck_assert_uint_eq(d.width + 1, 240);
	ck_assert_uint_eq(d.height + 1, 135);
	ck_assert_int_eq(READ(0x46, 0x01, 0x73), 0);
	ck_assert(!d.starts && d.ends);
	/* Nothing of the first spatial layer's targets needs it. */
	ck_assert_int_eq(dependency_use_of(&d.frame, 0), DEPENDENCY_ABSENT);
	ck_assert_int_ne(dependency_use_of(&d.frame, 3), DEPENDENCY_ABSENT);
	ck_assert_int_eq(READ(0xC3, 0x01, 0x75), 0);
	ck_assert_uint_eq(d.frame.spatial, 0);
	ck_assert_uint_eq(d.frame.temporal, 2);
	ck_assert_int_eq(READ(0x8B, 0x01, 0x74), 0);
	ck_assert_uint_eq(d.frame.spatial, 2);
	ck_assert_uint_eq(d.width + 1, 480);
}
END_TEST

START_TEST(test_a_target_is_chosen_by_layers) {
	ck_assert_int_eq(dependency_choose(&s, 3, 7), -1);
	ck_assert_int_eq(read_bytes_of(capture, sizeof capture), 0);
	for (unsigned spatial = 0; spatial < 3; spatial++)
		for (unsigned temporal = 0; temporal < 3; temporal++)
			ck_assert_int_eq(dependency_choose(&s, spatial, temporal), (int)(3 * spatial + temporal));
	ck_assert_int_eq(dependency_choose(&s, 3, 7), 8);
	/* Only the lowest spatial layer is sent any more: bits 0 to 2 of nine. */
	ck_assert_int_eq(READ(0xC3, 0x01, 0x75, 0x40, 0x1C), 0);
	ck_assert_uint_eq(s.active, 7);
	ck_assert_int_eq(dependency_choose(&s, 2, 2), 2);
}
END_TEST

START_TEST(test_a_structure_of_two_layers_is_read) {
	ck_assert_int_eq(begin_stream(60, 7), 0);
	ck_assert(d.keyframe);
	ck_assert_uint_eq(s.count, 3);
	ck_assert_uint_eq(s.chains, 1);
	ck_assert_int_eq(READ(0xC0 | 62, 0, 8), 0);
	ck_assert_uint_eq(d.frame.temporal, 1);
	ck_assert_int_eq(dependency_use_of(&d.frame, 0), DEPENDENCY_ABSENT);
	ck_assert_int_eq(dependency_use_of(&d.frame, 1), DEPENDENCY_DISCARDABLE);
	ck_assert_uint_eq(d.frame.chain_diffs[0], 1);
	ck_assert_int_eq(READ(0xC0 | 63, 0, 8), SLUICE_NOT_FOUND);
	/* Ids wrap: the third of a structure that begins at 62 is 0. */
	ck_assert_int_eq(begin_stream(62, 9), 0);
	ck_assert_int_eq(READ(0xC0, 0, 10), 0);
	ck_assert_uint_eq(d.frame.temporal, 1);
	ck_assert_int_eq(READ(0xC0 | 60, 0, 11), SLUICE_NOT_FOUND);
	ck_assert_uint_eq(d.number, 11);
}
END_TEST

START_TEST(test_a_frame_overrules_its_template) {
	ck_assert_int_eq(begin_stream(0, 7), 0);
	begin(1, 8, ACTIVE | USES | DIFFS | CHAINS);
	put(2, 1);
	put(2, 2), put(2, 1);
	put(2, 1), put(4, 4), put(2, 2), put(8, 200), put(2, 3), put(12, 4095), put(2, 0);
	put(8, 255);
	ck_assert_int_eq(read_made(), 0);
	ck_assert_uint_eq(s.active, 1);
	ck_assert_int_eq(dependency_use_of(&d.frame, 0), DEPENDENCY_SWITCH);
	ck_assert_int_eq(dependency_use_of(&d.frame, 1), DEPENDENCY_DISCARDABLE);
	ck_assert_uint_eq(d.frame.diff_count, 3);
	ck_assert_uint_eq(d.frame.diffs[0], 5);
	ck_assert_uint_eq(d.frame.diffs[1], 201);
	ck_assert_uint_eq(d.frame.diffs[2], 4096);
	ck_assert_uint_eq(d.frame.chain_diffs[0], 255);
	/* The template is what it was. */
	ck_assert_int_eq(READ(0xC1, 0, 9), 0);
	ck_assert_uint_eq(d.frame.diff_count, 1);
	ck_assert_uint_eq(d.frame.diffs[0], 2);
	/* A sequence that begins with a frame which refers to others begins with no keyframe. */
	begin(1, 10, ATTACHED);
	put_two_temporals(0);
	ck_assert_int_eq(read_made(), 0);
	ck_assert(d.attached && !d.keyframe);
}
END_TEST

START_TEST(test_nothing_is_known_before_the_structure) {
	ck_assert_int_eq(READ(0xC1, 0x01, 0x72), SLUICE_NOT_FOUND);
	ck_assert(d.starts && d.ends);
	ck_assert_uint_eq(d.number, 0x172);
	ck_assert_int_eq(READ(0xC1, 0x01, 0x72, 0x40, 0xFC), SLUICE_NOT_FOUND);
	ck_assert_uint_eq(s.active, 0);
}
END_TEST

START_TEST(test_what_is_cut_changes_nothing) {
	ck_assert_int_eq(begin_stream(60, 7), 0);
	struct dependency_structure before = s;
	for (size_t len = 0; len < sizeof capture; len++) {
		if (len == DEPENDENCY_LEAST)
			continue; /* a whole one, of a template that is not there */
		ck_assert_int_eq(read_bytes_of(capture, len), SLUICE_MALFORMED);
		ck_assert_mem_eq(&before, &s, sizeof s);
	}
	/* Active targets without the bits behind them. */
	begin(61, 8, ACTIVE | CHAINS);
	put(2, 1);
	ck_assert_int_eq(read_made(), SLUICE_MALFORMED);
	ck_assert_mem_eq(&before, &s, sizeof s);
}
END_TEST

START_TEST(test_bounds_are_kept) {
	/* A fifth spatial layer, a ninth temporal one, a 65th template. */
	for (unsigned next = 0; next < 3; next++) {
		begin(0, 1, ATTACHED);
		put(6, 0), put(5, 0);
		for (int i = 0; i < 64; i++)
			put(2, next);
		put(2, 3);
		put(1000, 0);
		ck_assert_int_eq(read_made(), SLUICE_MALFORMED);
	}
	/* 64 templates, and four and eight layers, are what there may be. */
	for (unsigned next = 0; next < 3; next++) {
		begin(0, 1, ATTACHED);
		put(6, 0), put(5, 0);
		for (int i = 1; i < (int[]){64, 8, 4}[next]; i++)
			put(2, next);
		put(2, 3);
		put(1000, 0);
		ck_assert_int_eq(read_made(), 0);
		ck_assert_uint_eq(s.count, ((unsigned[]){64, 8, 4})[next]);
		memset(&s, 0, sizeof s);
	}
	/* The frame's own template is not in the structure. */
	begin(59, 1, ATTACHED);
	put_two_temporals(60);
	ck_assert_int_eq(read_made(), SLUICE_MALFORMED);
	/* Nine frames that it refers to. */
	ck_assert_int_eq(begin_stream(0, 7), 0);
	for (int n = DEPENDENCY_DIFFS; n <= DEPENDENCY_DIFFS + 1; n++) {
		begin(1, 8, DIFFS);
		for (int i = 0; i < n; i++)
			put(2, 1), put(4, (unsigned)i);
		put(2, 0);
		ck_assert_int_eq(read_made(), n > DEPENDENCY_DIFFS ? SLUICE_MALFORMED : 0);
	}
}
END_TEST

START_TEST(test_a_structure_that_comes_late_is_not_kept) {
	ck_assert_int_eq(begin_stream(10, 5), 0);
	ck_assert_int_eq(begin_stream(20, 5 - DEPENDENCY_LATE), 0);
	ck_assert(d.keyframe); /* it is one all the same */
	ck_assert_uint_eq(s.offset, 10);
	ck_assert_int_eq(begin_stream(20, 5), 0);
	ck_assert_uint_eq(s.offset, 20);
	/* The sender began anew. */
	ck_assert_int_eq(begin_stream(30, 5 - DEPENDENCY_LATE - 1), 0);
	ck_assert_uint_eq(s.offset, 30);
}
END_TEST

START_TEST(test_numbers_and_ids_are_rewritten_in_place) {
	ck_assert_int_eq(read_bytes_of(capture, sizeof capture), 0);
	uint8_t copy[sizeof capture];
	memcpy(copy, capture, sizeof copy);
	struct dependency_structure before = s;
	dependency_rewrite(copy, sizeof copy, 0xFFFF, 40);
	memset(&s, 0, sizeof s);
	ck_assert_int_eq(read_bytes_of(copy, sizeof copy), 0);
	ck_assert(d.starts && d.ends && d.keyframe);
	ck_assert_uint_eq(d.number, 0xFFFF);
	ck_assert_uint_eq(d.template_id, 41);
	ck_assert_uint_eq(s.offset, (before.offset + 40) % 64);
	ck_assert_mem_eq(s.templates, before.templates, sizeof s.templates);
	/* Back by a wrap, which is all that had changed. */
	dependency_rewrite(copy, sizeof copy, 0x172, 24);
	ck_assert_mem_eq(copy, capture, sizeof copy);
	uint8_t least[] = {0x7F, 0, 9}, active[] = {0xBF, 0, 9, 0x40, 0xFC};
	dependency_rewrite(least, sizeof least, 10, 2);
	ck_assert_mem_eq(least, ((uint8_t[]){0x41, 0, 10}), 3);
	dependency_rewrite(active, sizeof active, 0x100, 1);
	ck_assert_mem_eq(active, ((uint8_t[]){0x80, 1, 0, 0x40, 0xFC}), 5);
}
END_TEST

SUITE("dependency", test_a_browsers_stream_is_read, test_a_target_is_chosen_by_layers, test_a_structure_of_two_layers_is_read,
      test_a_frame_overrules_its_template, test_nothing_is_known_before_the_structure, test_what_is_cut_changes_nothing,
      test_bounds_are_kept, test_a_structure_that_comes_late_is_not_kept, test_numbers_and_ids_are_rewritten_in_place)
