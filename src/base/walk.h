/* walk: the fields of a struct as bytes, and back. One function a struct serves both directions: `reading` says which.
 *
 * The owner of a struct names each field once, WALK(w, s->field), in a function <module>_walk(s, w) beside its <module>_check.
 * The cursor writes the field or reads it. A struct that holds others calls their walks; nobody names the fields of another
 * module's struct.
 *
 *   WALK(w, s->field)                  a bool, a number or an enum; the width is that of the field
 *   walk_bytes(w, p, n)                n bytes as they lie
 *   walk_refuse(w, condition)          the value that was just read cannot be right; does nothing while writing
 *
 * A field that is missing or refused makes the walk fail: every field read from there on is 0, so a walk may go on without asking
 * after each field. It must ask before it takes memory by a count that it has read (walk_room, walk_have), and where a loop ends
 * by a field. Numbers are written as they lie: a hand-over stays on one kind of machine.
 *
 *   reading: at <= size. Writing: at is the bytes written so far, and those that did not fit the `size` bytes of `out` too. */
#ifndef BASE_WALK_H
#define BASE_WALK_H

#include "sluice/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct walk {
	bool reading;
	bool failed;
	bool no_memory; /* it failed for want of memory, not because of the bytes */
	uint8_t *out;   /* NULL: bytes are only counted */
	const uint8_t *in;
	size_t at, size;
};

static inline struct walk walk_writer(void *out, size_t size) {
	return (struct walk){.out = out, .size = size};
}

static inline struct walk walk_reader(const void *in, size_t size) {
	return (struct walk){.reading = true, .in = in, .size = size};
}

static inline void walk_refuse(struct walk *w, bool bad) {
	if (bad && w->reading)
		w->failed = true;
}

/* Are there n more bytes to read? Otherwise the walk fails. */
static inline bool walk_room(struct walk *w, uint64_t n) {
	walk_refuse(w, n > w->size - w->at);
	return !w->failed;
}

static inline void walk_bytes(struct walk *w, void *p, size_t n) {
	if (w->reading) {
		if (w->failed || !walk_room(w, n)) {
			memset(p, 0, n);
			return;
		}
		if (n)
			memcpy(p, w->in + w->at, n);
	} else if (n && w->out && w->at + n <= w->size) {
		memcpy(w->out + w->at, p, n);
	}
	w->at += n;
}

/* Writing: n bytes that are not to be changed. */
static inline void walk_put(struct walk *w, const void *p, size_t n) {
	walk_bytes(w, (void *)(uintptr_t)p, n);
}

/* Reading: returns a pointer to the next n bytes. When there are fewer it returns NULL, and the walk fails. */
static inline const uint8_t *walk_view(struct walk *w, uint64_t n) {
	if (w->failed || !walk_room(w, n))
		return NULL;
	const uint8_t *p = w->in + w->at;
	w->at += n;
	return p;
}

/* Returns whether p is not NULL. If it is, memory ran out, and the walk fails. */
static inline bool walk_have(struct walk *w, const void *p) {
	if (!p)
		w->failed = w->no_memory = true;
	return p != NULL;
}

/* Takes the result of a call that stored what was read. If it is an error, the walk fails. */
static inline void walk_result(struct walk *w, int error) {
	if (error == SLUICE_NO_MEMORY)
		w->no_memory = true;
	walk_refuse(w, error != 0);
}

/* A list has no count before it: a true comes before each entry, and a false ends the list. Writing: `more` says whether an entry
 * follows. Returns whether one does. */
static inline bool walk_more(struct walk *w, bool more) {
	uint8_t v = more;
	walk_bytes(w, &v, 1);
	return v != 0 && !w->failed;
}

static inline void walk_bool(struct walk *w, bool *p) {
	uint8_t v = *p;
	walk_bytes(w, &v, 1);
	*p = v != 0;
}
static inline void walk_u8(struct walk *w, uint8_t *p) {
	walk_bytes(w, p, sizeof *p);
}
static inline void walk_u16(struct walk *w, uint16_t *p) {
	walk_bytes(w, p, sizeof *p);
}
static inline void walk_u32(struct walk *w, uint32_t *p) {
	walk_bytes(w, p, sizeof *p);
}
static inline void walk_i32(struct walk *w, int32_t *p) {
	walk_bytes(w, p, sizeof *p);
}
static inline void walk_u64(struct walk *w, uint64_t *p) {
	walk_bytes(w, p, sizeof *p);
}

/* An enum is compatible with uint32_t, or with int32_t when a constant of it is below 0; size_t is uint64_t. */
/* clang-format off */
#define WALK(w, field)                                                                                                           \
	_Generic(&(field),                                                                                                       \
		bool *: walk_bool, uint8_t *: walk_u8, uint16_t *: walk_u16, uint32_t *: walk_u32, int32_t *: walk_i32,          \
		uint64_t *: walk_u64)(w, &(field))
/* clang-format on */

#endif
