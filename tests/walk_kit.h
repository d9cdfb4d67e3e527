/* walk_kit: does a walk carry every field of its struct?
 *
 * Each byte of the struct is changed in turn, written, and read into a struct in which it was not changed. It must be there
 * again. A field that is not carried must be listed as left out, with the reason. Padding is none of the struct's fields; gcc
 * knows where it lies, and with a compiler that does not nothing is looked at. */
#ifndef WALK_KIT_H
#define WALK_KIT_H

#include <check.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/walk.h"

struct left_out {
	size_t at, size;
	const char *why;
};
#define LEFT_OUT(type, field, why)                                                                                               \
	{ offsetof(type, field), sizeof(((type *)NULL)->field), why }

/* Writes the object to the cursor, or reads the object from it. */
typedef void (*walk_kit_fn)(void *object, struct walk *w);

#if defined(__has_builtin)
#if __has_builtin(__builtin_clear_padding)
#define WALK_KIT_FIELDS(p) __builtin_clear_padding(p)
#endif
#endif
#ifndef WALK_KIT_FIELDS
#define WALK_KIT_FIELDS(p) memset(p, 0, sizeof *(p))
#endif

static inline const struct left_out *walk_kit_left_out(size_t at, const struct left_out *list, size_t count) {
	for (size_t i = 0; i < count; i++)
		if (at >= list[i].at && at < list[i].at + list[i].size)
			return &list[i];
	return NULL;
}

/* Returns the bytes of what was written. */
static inline size_t walk_kit_carry(const void *from, void *to, walk_kit_fn walk) {
	static uint8_t bytes[1 << 20];
	struct walk out = walk_writer(bytes, sizeof bytes);
	walk((void *)(uintptr_t)from, &out);
	ck_assert(!out.failed && out.at <= sizeof bytes);
	struct walk in = walk_reader(bytes, out.at);
	walk(to, &in);
	ck_assert_msg(!in.failed, "what was written is refused");
	ck_assert_uint_eq(in.at, out.at);
	return out.at;
}

/* fields: 0xff where the struct has a field. valid: one that is read without being refused, whatever the lowest bit of a byte. */
static inline void walk_kit_each_byte(const char *type, const uint8_t *fields, size_t size, const void *valid, walk_kit_fn walk,
                                      const struct left_out *list, size_t count) {
	uint8_t *from = malloc(size), *to = malloc(size);
	ck_assert(from && to);
	for (size_t i = 0; i < size; i++) {
		if (!(fields[i] & 1) || walk_kit_left_out(i, list, count))
			continue;
		memcpy(from, valid, size);
		memcpy(to, valid, size);
		from[i] ^= 1;
		walk_kit_carry(from, to, walk);
		ck_assert_msg(to[i] == from[i], "%s: byte %zu is not carried; its walk forgets a field", type, i);
	}
	free(from);
	free(to);
}

/* valid: pointer to the struct; further arguments: the fields that are left out. */
#define WALK_KIT_CARRIES(type, valid, walk, ...)                                                                                 \
	do {                                                                                                                     \
		union {                                                                                                          \
			type object;                                                                                             \
			uint8_t bytes[sizeof(type)];                                                                             \
		} fields;                                                                                                        \
		memset(&fields, 0xff, sizeof fields);                                                                            \
		WALK_KIT_FIELDS(&fields.object);                                                                                 \
		const struct left_out left_out[] = {{SIZE_MAX, 0, NULL}, ##__VA_ARGS__};                                         \
		walk_kit_each_byte(#type, fields.bytes, sizeof(type), valid, walk, left_out,                                     \
		                   sizeof left_out / sizeof *left_out);                                                          \
	} while (0)

#endif
