/* base64: RFC 4648, 4, for what SDP carries in bytes. */
#include "sdp/sdp.h"
#include "sluice/error.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int value_of(char c) {
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

int base64_encode(const void *data, size_t len, char *text, size_t size) {
	const uint8_t *in = data;
	if (len > INT32_MAX / 2 || size < (len + 2) / 3 * 4 + 1)
		return SLUICE_NO_SPACE;
	char *out = text;
	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t group = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) | (left > 2 ? in[i + 2] : 0);
		*out++ = digits[group >> 18];
		*out++ = digits[group >> 12 & 63];
		*out++ = left > 1 ? digits[group >> 6 & 63] : '=';
		*out++ = left > 2 ? digits[group & 63] : '=';
	}
	*out = 0;
	return (int)(out - text);
}

/* Returns how many characters stand before the padding, or -1 when the padding is wrong. */
static int length_without_padding(const char *text, size_t len) {
	size_t bare = len;
	while (bare && text[bare - 1] == '=')
		bare--;
	bool fits = bare == len || (len % 4 == 0 && len - bare <= 2);
	return fits && bare % 4 != 1 && bare <= INT32_MAX ? (int)bare : -1;
}

int base64_decode(const char *text, size_t len, void *data, size_t size) {
	uint8_t *out = data;
	int bare = length_without_padding(text, len);
	if (bare < 0)
		return SLUICE_MALFORMED;
	uint32_t bits = 0;
	unsigned have = 0;
	size_t count = 0;
	for (int i = 0; i < bare; i++) {
		int v = value_of(text[i]);
		if (v < 0)
			return SLUICE_MALFORMED;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		if (count == size)
			return SLUICE_NO_SPACE;
		out[count++] = (uint8_t)(bits >> have);
	}
	/* RFC 4648, 3.5: a decoder may refuse unused bits that are not zero. So each sequence of bytes has exactly one text. */
	return bits & ((UINT32_C(1) << have) - 1) ? SLUICE_MALFORMED : (int)count;
}
