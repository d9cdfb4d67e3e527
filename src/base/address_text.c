/* address_text: the numeric text of an address, written and read. Declared in address.h. */
#include "base/address.h"

#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "sluice/error.h"

/* ---- writing --------------------------------------------------------------------------------------------------------- */

/* RFC 5952, 4.2: the longest run of two zero groups or more is shortened, the first of equal ones. */
static void find_zeros(const uint16_t group[8], int *first, int *len) {
	*first = -1;
	*len = 1;
	for (int i = 0; i < 8; i++) {
		int n = 0;
		while (i + n < 8 && group[i + n] == 0)
			n++;
		if (n > *len) {
			*first = i;
			*len = n;
		}
		i += n ? n - 1 : 0;
	}
}

static void format6(const struct in6_addr *a, char *out, size_t size) {
	uint16_t group[8];
	int first, len;
	size_t at = 0;
	for (int i = 0; i < 8; i++)
		group[i] = (uint16_t)(a->s6_addr[2 * i] << 8 | a->s6_addr[2 * i + 1]);
	find_zeros(group, &first, &len);
	for (int i = 0; i < 8; i++) {
		if (i == first) {
			at += (size_t)snprintf(out + at, size - at, "::");
			i += len - 1;
			continue;
		}
		const char *colon = i == 0 || i == first + len ? "" : ":";
		at += (size_t)snprintf(out + at, size - at, "%s%x", first < 0 && i ? ":" : colon, group[i]);
	}
}

int address_format(const struct sockaddr_storage *addr, char *text, size_t size) {
	char out[ADDRESS_TEXT_MAX];
	if (addr->ss_family == AF_INET) {
		const uint8_t *b = (const uint8_t *)&((const struct sockaddr_in *)addr)->sin_addr;
		snprintf(out, sizeof out, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
	} else if (addr->ss_family == AF_INET6) {
		format6(&((const struct sockaddr_in6 *)addr)->sin6_addr, out, sizeof out);
	} else {
		return SLUICE_INVALID;
	}
	size_t len = strlen(out);
	if (len >= size)
		return SLUICE_NO_SPACE;
	memcpy(text, out, len + 1);
	return (int)len;
}

/* ---- reading --------------------------------------------------------------------------------------------------------- */

/* Four decimal numbers without leading zeros, which some read as octal. */
static bool parse4(const char *s, size_t len, uint8_t out[4]) {
	const char *end = s + len;
	for (int i = 0; i < 4; i++) {
		unsigned value = 0, digits = 0;
		while (s < end && *s >= '0' && *s <= '9' && digits < 3) {
			value = value * 10 + (unsigned)(*s++ - '0');
			digits++;
		}
		if (!digits || value > 255 || (digits > 1 && s[-(int)digits] == '0'))
			return false;
		out[i] = (uint8_t)value;
		if (i < 3 && (s == end || *s++ != '.'))
			return false;
	}
	return s == end;
}

static int hex_digit(char c) {
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Groups of one side of the "::", or all of them; the last may be an IPv4 address. Returns bytes, -1 when it is none. */
static int parse_groups(const char *s, size_t len, bool last, uint8_t out[16]) {
	const char *end = s + len;
	int n = 0;
	while (s < end) {
		const char *colon = memchr(s, ':', (size_t)(end - s));
		const char *stop = colon ? colon : end;
		size_t digits = (size_t)(stop - s);
		if (last && !colon && memchr(s, '.', digits))
			return n <= 12 && parse4(s, digits, out + n) ? n + 4 : -1;
		if (n > 14 || digits < 1 || digits > 4)
			return -1;
		unsigned value = 0;
		for (; s < stop; s++) {
			int d = hex_digit(*s);
			if (d < 0)
				return -1;
			value = value << 4 | (unsigned)d;
		}
		out[n++] = (uint8_t)(value >> 8);
		out[n++] = (uint8_t)value;
		if (colon && ++s == end)
			return -1;
	}
	return n;
}

static bool parse6(const char *s, size_t len, uint8_t out[16]) {
	const char *gap = NULL;
	for (size_t i = 0; !gap && i + 1 < len; i++)
		if (s[i] == ':' && s[i + 1] == ':')
			gap = s + i;
	if (!gap)
		return parse_groups(s, len, true, out) == 16;
	uint8_t head[16], tail[16];
	int before = parse_groups(s, (size_t)(gap - s), false, head);
	int behind = parse_groups(gap + 2, len - (size_t)(gap - s) - 2, true, tail);
	if (before < 0 || behind < 0 || before + behind > 14)
		return false;
	memset(out, 0, 16);
	memcpy(out, head, (size_t)before);
	memcpy(out + 16 - behind, tail, (size_t)behind);
	return true;
}

bool address_parse(const char *text, size_t len, struct sockaddr_storage *out) {
	memset(out, 0, sizeof *out);
	if (len == 0 || len >= ADDRESS_TEXT_MAX)
		return false;
	if (memchr(text, ':', len)) {
		struct sockaddr_in6 *a = (struct sockaddr_in6 *)out;
		a->sin6_family = AF_INET6;
		return parse6(text, len, a->sin6_addr.s6_addr);
	}
	struct sockaddr_in *a = (struct sockaddr_in *)out;
	a->sin_family = AF_INET;
	return parse4(text, len, (uint8_t *)&a->sin_addr);
}
