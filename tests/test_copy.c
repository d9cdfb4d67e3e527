/* copy: every byte of it and none beside it, at any address and length. */
#include "base/copy.h"

#include <stdint.h>

#include "suite.h"

#define SIZE_MOST 34000
#define AROUND 128

static uint8_t from[AROUND + SIZE_MOST], to[AROUND + SIZE_MOST + AROUND];

static uint8_t byte_at(size_t i) {
	return (uint8_t)(i * 7 + i / 251);
}

static void check(size_t to_offset, size_t from_offset, size_t len) {
	memset(to, 0xee, sizeof to);
	copy_bytes(to + to_offset, from + from_offset, len);
	ck_assert_int_eq(memcmp(to + to_offset, from + from_offset, len), 0);
	for (size_t i = 0; i < to_offset; i++)
		ck_assert_uint_eq(to[i], 0xee);
	for (size_t i = to_offset + len; i < to_offset + len + AROUND; i++)
		ck_assert_uint_eq(to[i], 0xee);
}

static void fill(void) {
	for (size_t i = 0; i < sizeof from; i++)
		from[i] = byte_at(i);
}

START_TEST(test_each_length_is_copied_whole) {
	fill();
	for (size_t len = 0; len <= COPY_LONG + 600; len++)
		check(len % 67, len % 31, len);
	for (size_t len = COPY_LONG_MOST - 300; len <= COPY_LONG_MOST + 300; len += 7)
		check(len % 67, len % 31, len);
}
END_TEST

START_TEST(test_any_two_addresses_do) {
	fill();
	for (size_t t = 0; t < 64; t++)
		for (size_t f = 0; f < 64; f++)
			check(t, f, COPY_LONG + (t * 64 + f) % 257);
}
END_TEST

SUITE("copy", test_each_length_is_copied_whole, test_any_two_addresses_do)
