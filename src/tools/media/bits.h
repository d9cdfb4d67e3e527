/* bits: reads bits, the highest one of a byte first. Past the end they are 0 and `failed` is set. */
#ifndef TOOLS_MEDIA_BITS_H
#define TOOLS_MEDIA_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bits {
	const uint8_t *data;
	size_t len, at; /* at: in bits */
	bool failed;
};

static inline struct bits bits_of(const uint8_t *data, size_t len) {
	return (struct bits){.data = data, .len = len};
}

/* n: 0 to 32 */
static inline uint32_t bits_read(struct bits *b, unsigned n) {
	uint32_t value = 0;
	if (b->failed || n > 8 * b->len - b->at) {
		b->failed = true;
		return 0;
	}
	for (; n > 0; n--, b->at++)
		value = value << 1 | (b->data[b->at / 8] >> (7 - b->at % 8) & 1);
	return value;
}

static inline bool bits_flag(struct bits *b) {
	return bits_read(b, 1);
}

/* ue(v) of H.264, 9.1, and uvlc() of AV1, 4.10.3: n zeros, a one, n bits. */
static inline uint32_t bits_ue(struct bits *b) {
	unsigned n = 0;
	while (n < 32 && !b->failed && !bits_flag(b))
		n++;
	if (n == 32)
		b->failed = true;
	return b->failed ? 0 : (UINT32_C(1) << n) - 1 + bits_read(b, n);
}

/* se(v) of H.264, 9.1.1. */
static inline int32_t bits_se(struct bits *b) {
	uint32_t value = bits_ue(b);
	return value & 1 ? (int32_t)(value / 2 + 1) : -(int32_t)(value / 2);
}

#endif
