/* slice: a piece of a text that somebody else owns. */
#include "sdp/slice.h"

bool sdp_slice_is(struct sdp_slice s, const char *text) {
	return s.s && s.len == strlen(text) && memcmp(s.s, text, s.len) == 0;
}

static char lower(char c) {
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool sdp_slice_is_like(struct sdp_slice s, const char *text) {
	if (!s.s || s.len != strlen(text))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (lower(s.s[i]) != lower(text[i]))
			return false;
	}
	return true;
}

bool sdp_slices_equal(struct sdp_slice a, struct sdp_slice b) {
	return a.s && b.s && a.len == b.len && memcmp(a.s, b.s, a.len) == 0;
}

bool sdp_word(struct sdp_slice *rest, const char *separators, struct sdp_slice *word) {
	size_t start = 0;
	while (start < rest->len && strchr(separators, rest->s[start]))
		start++;
	size_t end = start;
	while (end < rest->len && !strchr(separators, rest->s[end]))
		end++;
	*word = (struct sdp_slice){rest->s + start, end - start};
	*rest = (struct sdp_slice){rest->s + end, rest->len - end};
	return word->len > 0;
}

bool sdp_number(struct sdp_slice s, uint64_t max, uint64_t *n) {
	*n = 0;
	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned char)s.s[i] - (unsigned)'0';
		if (digit > 9 || digit > max || *n > max / 10 || *n * 10 > max - digit)
			return false;
		*n = *n * 10 + digit;
	}
	return true;
}

void sdp_attribute_split(struct sdp_slice attribute, struct sdp_slice *name, struct sdp_slice *value) {
	const char *colon = memchr(attribute.s, ':', attribute.len);
	size_t len = colon ? (size_t)(colon - attribute.s) : attribute.len;
	*name = (struct sdp_slice){attribute.s, len};
	*value = (struct sdp_slice){NULL, 0};
	if (!colon)
		return;
	*value = (struct sdp_slice){colon + 1, attribute.len - len - 1};
	while (value->len && (*value->s == ' ' || *value->s == '\t'))
		*value = (struct sdp_slice){value->s + 1, value->len - 1};
}
