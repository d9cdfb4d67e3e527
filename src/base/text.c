#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* ---- reading ---- */

/* Unicode, table 3-7: how many bytes follow a lead byte, and in which range the first of them must be. The range is narrower than
 * 80..BF behind E0 and F0 (overlong forms), ED (surrogates) and F4 (numbers above U+10FFFF). */
struct lead {
	uint8_t first, last;
	uint8_t following;
	uint8_t low, high;
};

static const struct lead leads[] = {
	{0xc2, 0xdf, 1, 0x80, 0xbf}, {0xe0, 0xe0, 2, 0xa0, 0xbf}, {0xe1, 0xec, 2, 0x80, 0xbf}, {0xed, 0xed, 2, 0x80, 0x9f},
	{0xee, 0xef, 2, 0x80, 0xbf}, {0xf0, 0xf0, 3, 0x90, 0xbf}, {0xf1, 0xf3, 3, 0x80, 0xbf}, {0xf4, 0xf4, 3, 0x80, 0x8f},
};

static const struct lead *find_lead(uint8_t byte) {
	for (size_t i = 0; i < sizeof leads / sizeof *leads; i++)
		if (byte >= leads[i].first && byte <= leads[i].last)
			return &leads[i];
	return NULL;
}

uint32_t text_next(const char **at, const char *end) {
	uint8_t byte = (uint8_t) * (*at)++;
	if (byte < 0x80)
		return byte;
	const struct lead *lead = find_lead(byte);
	if (!lead)
		return TEXT_REPLACEMENT;
	uint32_t c = byte & (0x3fu >> lead->following);
	uint8_t low = lead->low, high = lead->high;
	for (unsigned i = 0; i < lead->following; i++) {
		byte = *at < end ? (uint8_t) * *at : 0;
		if (byte < low || byte > high)
			return TEXT_REPLACEMENT; /* this byte may begin the next character, so it is not passed */
		c = c << 6 | (byte & 0x3f);
		low = 0x80;
		high = 0xbf;
		(*at)++;
	}
	return c;
}

/* ---- judging ---- */

bool text_is_plain(uint32_t c) {
	/* Cc, Zl, Zp, and Cf of Unicode 16, in order. The joiners and the signs of Cf that print (U+0600..0605, 06DD, 070F,
	 * 0890..0891, 08E2, 110BD, 110CD) are missing on purpose. Ranges that Unicode reserves for more such characters are
	 * included. */
	static const struct {
		uint32_t first, last;
	} ranges[] = {{0x0000, 0x001f},   {0x007f, 0x009f},   {0x00ad, 0x00ad},   {0x061c, 0x061c},
	              {0x180e, 0x180e},   {0x200b, 0x200b},   {0x200e, 0x200f},   {0x2028, 0x202e},
	              {0x2060, 0x206f},   {0xfeff, 0xfeff},   {0xfff0, 0xfffb},   {0x13430, 0x1343f},
	              {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe00ff}, {0xe01f0, 0xe0fff}};
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges && c >= ranges[i].first; i++)
		if (c <= ranges[i].last)
			return false;
	return true;
}

/* ---- writing ---- */

static size_t encode(uint32_t c, char out[4]) {
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	size_t len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = len; i-- > 1; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(0xf00u >> len | c);
	return len;
}

#define PIECE_MAX 13 /* an escaped surrogate pair and a NUL */

static size_t valid_piece(uint32_t c, char out[PIECE_MAX]) {
	return encode(c, out);
}

static size_t line_piece(uint32_t c, char out[PIECE_MAX]) {
	return encode(text_is_plain(c) ? c : TEXT_REPLACEMENT, out);
}

static size_t name_piece(uint32_t c, char out[PIECE_MAX]) {
	return encode(text_is_plain(c) && c != TEXT_REPLACEMENT ? c : '_', out);
}

/* RFC 8259, 7: '"', '\' and U+0000..001F must be escaped, and any character may be; above U+FFFF by "a 12-character sequence,
 * encoding the UTF-16 surrogate pair". Escaping each character that does not print loses nothing, and makes JSON harmless on a
 * terminal. */
static size_t json_piece(uint32_t c, char out[PIECE_MAX]) {
	if (c == '"' || c == '\\') {
		out[0] = '\\';
		out[1] = (char)c;
		return 2;
	}
	if (text_is_plain(c))
		return encode(c, out);
	if (c < 0x10000)
		return (size_t)snprintf(out, PIECE_MAX, "\\u%04x", (unsigned)c);
	c -= 0x10000;
	return (size_t)snprintf(out, PIECE_MAX, "\\u%04x\\u%04x", 0xd800u + (unsigned)(c >> 10), 0xdc00u + (unsigned)(c & 0x3ff));
}

static size_t write_all(const char *s, size_t len, char *out, size_t size, size_t (*write)(uint32_t c, char out[PIECE_MAX])) {
	const char *at = s, *end = s + len;
	size_t whole = 0, written = 0;
	while (at < end) {
		char piece[PIECE_MAX];
		size_t n = write(text_next(&at, end), piece);
		/* After the first piece that does not fit, nothing is written. */
		if (written == whole && n < size - written && size) {
			memcpy(out + written, piece, n);
			written += n;
		}
		whole += n;
	}
	if (size)
		out[written] = 0;
	return whole;
}

size_t text_valid(const char *s, size_t len, char *out, size_t size) {
	return write_all(s, len, out, size, valid_piece);
}

size_t text_line(const char *s, size_t len, char *out, size_t size) {
	return write_all(s, len, out, size, line_piece);
}

size_t text_name(const char *s, size_t len, char *out, size_t size) {
	return write_all(s, len, out, size, name_piece);
}

size_t text_json(const char *s, size_t len, char *out, size_t size) {
	return write_all(s, len, out, size, json_piece);
}
