/* wire_kit: helpers for the tests of the codec: chunks from bytes, bytes from writers, and chunks of every length.
 *
 * Input is read from a heap block of exactly its size, so that ASan and valgrind find a read beyond it. */
#ifndef TESTS_WIRE_KIT_H
#define TESTS_WIRE_KIT_H

#include "suite.h"
#include "wire/wire.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static inline uint8_t *exact_copy(const void *data, size_t len) {
	uint8_t *copy = malloc(len ? len : 1);
	ck_assert_ptr_nonnull(copy);
	if (len)
		memcpy(copy, data, len);
	return copy;
}

/* The only chunk in the bytes. It points into them. */
static inline struct wire_chunk chunk_of(const uint8_t *bytes, size_t len) {
	struct reader r = reader_of(bytes, len);
	struct wire_chunk c, none;
	ck_assert_int_eq(wire_chunk_next(&r, &c), 1);
	ck_assert_int_eq(wire_chunk_next(&r, &none), 0);
	return c;
}

/* Asserts that the writer wrote these bytes and did not fail. */
#define ck_assert_wrote(w, expected)                                                                                             \
	do {                                                                                                                     \
		ck_assert(!(w)->failed);                                                                                         \
		ck_assert_uint_eq(writer_len(w), sizeof(expected));                                                              \
		ck_assert_mem_eq((w)->start, expected, sizeof(expected));                                                        \
	} while (0)

/* Makes a writer over the array `buffer`, filled with bytes other than zero: so padding that is not written shows. */
#define dirty_writer(buffer) (memset(buffer, 0xee, sizeof(buffer)), writer_of(buffer, sizeof(buffer)))

typedef int (*chunk_read_fn)(const struct wire_chunk *c);

/* Which lengths of a value a reader accepts: `least`, and every `step`-th from there up to the vector's length. step 0: only the
 * vector's length. */
struct lengths {
	size_t least, step;
};

static inline bool length_is_good(const struct lengths *l, size_t len, size_t whole) {
	if (l->step == 0)
		return len == whole;
	return len >= l->least && (len - l->least) % l->step == 0;
}

/* Reads the chunk's value cut to each length from nothing to all of it, and with up to 8 further bytes. */
static inline void read_at_every_length(const char *name, const uint8_t *bytes, size_t size, chunk_read_fn read,
                                        const struct lengths *good) {
	struct wire_chunk whole = chunk_of(bytes, size);
	uint8_t longer[2048] = {0};
	ck_assert_uint_le(whole.len + 8u, sizeof longer);
	memcpy(longer, whole.value, whole.len);
	for (size_t len = 0; len <= whole.len + 8u; len++) {
		uint8_t *value = exact_copy(longer, len);
		struct wire_chunk c = {.type = whole.type, .flags = whole.flags, .value = value, .len = (uint16_t)len};
		int expected = length_is_good(good, len, whole.len) ? 0 : WIRE_MALFORMED;
		ck_assert_msg(read(&c) == expected, "%s with a value of %zu bytes", name, len);
		free(value);
	}
}

#endif
