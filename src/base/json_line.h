/* json_line: one line of JSON, written into a buffer of the caller without allocation.
 *
 * It sets the commas; the caller has to close the braces that it opens. When the buffer is full the line is marked `full`, and a
 * caller that can do without its last piece goes back to a mark that it took before. `wanted` goes on counting, so that a caller
 * who measures first needs no space. Keys are words of the program, so they are not escaped. */
#ifndef BASE_JSON_LINE_H
#define BASE_JSON_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct json_line {
	char *begin, *at, *end;
	size_t wanted; /* bytes of everything until now, written or not */
	bool comma;    /* something stands before the next member */
	bool full;
};

/* space NULL and size 0: the line is only measured. */
static inline struct json_line json_line_of(char *space, size_t size) {
	return (struct json_line){.begin = space, .at = space, .end = space ? space + size : NULL};
}
static inline size_t json_line_len(const struct json_line *j) {
	return (size_t)(j->at - j->begin);
}

static inline void json_line_raw(struct json_line *j, const char *s, size_t len) {
	j->wanted += len;
	if (j->full || len > (size_t)(j->end - j->at)) {
		j->full = true;
		return;
	}
	if (len == 0)
		return;
	memcpy(j->at, s, len);
	j->at += len;
}
static inline void json_line_text(struct json_line *j, const char *s) {
	json_line_raw(j, s, strlen(s));
}

/* Writes the name of the next member; NULL in an array. */
void json_line_key(struct json_line *j, const char *key);
/* Opens with '{' or '[', and closes. */
void json_line_open(struct json_line *j, const char *key, char bracket);
void json_line_close(struct json_line *j, char bracket);
void json_line_number(struct json_line *j, const char *key, uint64_t value);
/* Writes a string. It is escaped as JSON wants it, and U+FFFD replaces bytes that are not UTF-8. */
void json_line_string(struct json_line *j, const char *key, const char *value);
void json_line_bytes(struct json_line *j, const char *key, const char *value, size_t len);
void json_line_true(struct json_line *j, const char *key);
void json_line_bool(struct json_line *j, const char *key, bool value);
/* Writes nanoseconds as milliseconds or as seconds, with six decimals. */
void json_line_ms(struct json_line *j, const char *key, uint64_t ns);
void json_line_seconds(struct json_line *j, const char *key, uint64_t ns);

#endif
