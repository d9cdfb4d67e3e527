#include "base/json_line.h"

#define DIGITS_MAX 20

void json_key(struct json_line *j, const char *key) {
	if (j->comma)
		json_raw(j, ",", 1);
	j->comma = true;
	if (!key)
		return;
	json_raw(j, "\"", 1);
	json_text(j, key);
	json_raw(j, "\":", 2);
}

void json_open(struct json_line *j, const char *key, char bracket) {
	json_key(j, key);
	json_raw(j, &bracket, 1);
	j->comma = false;
}

void json_close(struct json_line *j, char bracket) {
	json_raw(j, &bracket, 1);
	j->comma = true;
}

/* With zeros in front up to `width`. */
static void digits(struct json_line *j, uint64_t value, size_t width) {
	char text[DIGITS_MAX], *at = text + sizeof text;
	do
		*--at = (char)('0' + value % 10);
	while (value /= 10);
	while ((size_t)(text + sizeof text - at) < width)
		*--at = '0';
	json_raw(j, at, (size_t)(text + sizeof text - at));
}

void json_number(struct json_line *j, const char *key, uint64_t value) {
	json_key(j, key);
	digits(j, value, 1);
}

void json_string(struct json_line *j, const char *key, const char *value) {
	json_key(j, key);
	json_raw(j, "\"", 1);
	json_text(j, value);
	json_raw(j, "\"", 1);
}

void json_true(struct json_line *j, const char *key) {
	json_key(j, key);
	json_text(j, "true");
}

void json_ms(struct json_line *j, const char *key, uint64_t ns) {
	json_key(j, key);
	digits(j, ns / 1000000, 1);
	json_raw(j, ".", 1);
	digits(j, ns % 1000000, 6);
}
