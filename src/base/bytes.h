/* bytes: reading and writing big-endian numbers through cursors that cannot leave their buffer.
 *
 * A reader or writer that has reached the end of its buffer is marked `failed` and stays so. Later calls do no harm and return
 * zeros. So a parser reads a whole struct, and asks once at the end whether all of it was there. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t get_be16(const uint8_t *p) {
	uint16_t v;
	memcpy(&v, p, sizeof v);
	return __builtin_bswap16(v);
}
static inline uint32_t get_be32(const uint8_t *p) {
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return __builtin_bswap32(v);
}
static inline uint32_t get_be24(const uint8_t *p) {
	return (uint32_t)p[0] << 16 | get_be16(p + 1);
}
static inline uint64_t get_be64(const uint8_t *p) {
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return __builtin_bswap64(v);
}
static inline void put_be16(uint8_t *p, uint16_t v) {
	v = __builtin_bswap16(v);
	memcpy(p, &v, sizeof v);
}
static inline void put_be24(uint8_t *p, uint32_t v) {
	p[0] = (uint8_t)(v >> 16);
	put_be16(p + 1, (uint16_t)v);
}
static inline void put_be32(uint8_t *p, uint32_t v) {
	v = __builtin_bswap32(v);
	memcpy(p, &v, sizeof v);
}
static inline void put_be64(uint8_t *p, uint64_t v) {
	v = __builtin_bswap64(v);
	memcpy(p, &v, sizeof v);
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the swaps above, and checksums stored by memcpy, suppose this");

struct reader {
	const uint8_t *at, *end;
	bool failed;
};

static inline struct reader reader_of(const void *data, size_t len) {
	return (struct reader){.at = data, .end = (const uint8_t *)data + len};
}
static inline size_t reader_left(const struct reader *r) {
	return (size_t)(r->end - r->at);
}
/* Returns the next n bytes and passes them; NULL when there are fewer. */
static inline const uint8_t *read_bytes(struct reader *r, size_t n) {
	if (r->failed || reader_left(r) < n) {
		r->failed = true;
		return NULL;
	}
	const uint8_t *p = r->at;
	r->at += n;
	return p;
}
static inline uint8_t read_u8(struct reader *r) {
	const uint8_t *p = read_bytes(r, 1);
	return p ? *p : 0;
}
static inline uint16_t read_be16(struct reader *r) {
	const uint8_t *p = read_bytes(r, 2);
	return p ? get_be16(p) : 0;
}
static inline uint32_t read_be24(struct reader *r) {
	const uint8_t *p = read_bytes(r, 3);
	return p ? get_be24(p) : 0;
}
static inline uint32_t read_be32(struct reader *r) {
	const uint8_t *p = read_bytes(r, 4);
	return p ? get_be32(p) : 0;
}
static inline uint64_t read_be64(struct reader *r) {
	const uint8_t *p = read_bytes(r, 8);
	return p ? get_be64(p) : 0;
}

struct writer {
	uint8_t *start, *at, *end;
	bool failed;
};

static inline struct writer writer_of(void *data, size_t size) {
	return (struct writer){.start = data, .at = data, .end = (uint8_t *)data + size};
}
static inline size_t writer_len(const struct writer *w) {
	return (size_t)(w->at - w->start);
}
static inline size_t writer_room(const struct writer *w) {
	return (size_t)(w->end - w->at);
}
/* Returns space for n bytes, which the caller fills; NULL when there is less. */
static inline uint8_t *write_space(struct writer *w, size_t n) {
	if (w->failed || writer_room(w) < n) {
		w->failed = true;
		return NULL;
	}
	uint8_t *p = w->at;
	w->at += n;
	return p;
}
static inline void write_u8(struct writer *w, uint8_t v) {
	uint8_t *p = write_space(w, 1);
	if (p)
		*p = v;
}
static inline void write_be16(struct writer *w, uint16_t v) {
	uint8_t *p = write_space(w, 2);
	if (p)
		put_be16(p, v);
}
static inline void write_be32(struct writer *w, uint32_t v) {
	uint8_t *p = write_space(w, 4);
	if (p)
		put_be32(p, v);
}
static inline void write_bytes(struct writer *w, const void *data, size_t n) {
	uint8_t *p = write_space(w, n);
	if (p && n)
		memcpy(p, data, n);
}

/* The length with the padding that RFC 9260 wants behind chunks and parameters. */
static inline size_t pad4(size_t n) {
	return (n + 3) & ~(size_t)3;
}

#endif
