#include "base/json_line.h"

#include "base/text.h"

#define DIGITS_MAX 20

void json_line_key(struct json_line *j, const char *key) {
	if (j->comma)
		json_line_raw(j, ",", 1);
	j->comma = true;
	if (!key)
		return;
	json_line_raw(j, "\"", 1);
	json_line_text(j, key);
	json_line_raw(j, "\":", 2);
}

void json_line_open(struct json_line *j, const char *key, char bracket) {
	json_line_key(j, key);
	json_line_raw(j, &bracket, 1);
	j->comma = false;
}

void json_line_close(struct json_line *j, char bracket) {
	json_line_raw(j, &bracket, 1);
	j->comma = true;
}

/* Puts zeros before the number, up to `width` digits. */
static void digits(struct json_line *j, uint64_t value, size_t width) {
	char text[DIGITS_MAX], *at = text + sizeof text;
	do
		*--at = (char)('0' + value % 10);
	while (value /= 10);
	while ((size_t)(text + sizeof text - at) < width)
		*--at = '0';
	json_line_raw(j, at, (size_t)(text + sizeof text - at));
}

void json_line_number(struct json_line *j, const char *key, uint64_t value) {
	json_line_key(j, key);
	digits(j, value, 1);
}

void json_line_string(struct json_line *j, const char *key, const char *value) {
	json_line_bytes(j, key, value, strlen(value));
}

void json_line_bytes(struct json_line *j, const char *key, const char *value, size_t size) {
	json_line_key(j, key);
	json_line_raw(j, "\"", 1);
	size_t room = j->full ? 0 : (size_t)(j->end - j->at);
	size_t len = text_json(value, size, j->at, room);
	j->wanted += len;
	if (len < room)
		j->at += len;
	else
		j->full = true;
	json_line_raw(j, "\"", 1);
}

void json_line_true(struct json_line *j, const char *key) {
	json_line_bool(j, key, true);
}

void json_line_bool(struct json_line *j, const char *key, bool value) {
	json_line_key(j, key);
	json_line_text(j, value ? "true" : "false");
}

void json_line_ms(struct json_line *j, const char *key, uint64_t ns) {
	json_line_key(j, key);
	digits(j, ns / 1000000, 1);
	json_line_raw(j, ".", 1);
	digits(j, ns % 1000000, 6);
}

void json_line_seconds(struct json_line *j, const char *key, uint64_t ns) {
	uint64_t us = ns / 1000 + (ns % 1000 >= 500);
	json_line_key(j, key);
	digits(j, us / 1000000, 1);
	json_line_raw(j, ".", 1);
	digits(j, us % 1000000, 6);
}
