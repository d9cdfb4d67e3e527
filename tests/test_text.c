/* Do bytes of a stranger become text that JSON, a terminal and a file system can bear? */
#include "base/json_line.h"
#include "base/text.h"
#include "suite.h"

#define FFFD "\xef\xbf\xbd"

struct vector {
	const char *bytes;
	size_t len;
	const char *text;
};
#define V(bytes, text)                                                                                                           \
	{ bytes, sizeof(bytes) - 1, text }

typedef size_t (*text_fn)(const char *s, size_t len, char *out, size_t size);

static void check_vectors(text_fn fn, const struct vector *vectors, size_t count) {
	for (size_t i = 0; i < count; i++) {
		const struct vector *v = &vectors[i];
		char out[256];
		/* Of exactly its size, so that a sanitizer sees a read behind it. */
		char *bytes = malloc(v->len + !v->len);
		memcpy(bytes, v->bytes, v->len);
		size_t len = fn(bytes, v->len, out, sizeof out);
		ck_assert_msg(strcmp(out, v->text) == 0, "vector %zu: \"%s\" is not \"%s\"", i, out, v->text);
		ck_assert_uint_eq(len, strlen(v->text));
		free(bytes);
	}
}
#define CHECK(fn, vectors) check_vectors(fn, vectors, sizeof(vectors) / sizeof *(vectors))

/* Unicode 3.9, tables 3-8 to 3-11, and the borders of table 3-7. */
START_TEST(test_what_is_not_utf_8_becomes_a_replacement_character_for_each_maximal_subpart) {
	static const struct vector vectors[] = {
		V("", ""),
		V("plain", "plain"),
		V("J\xc3\xbcrgen \xe2\x82\xac \xf0\x9f\x98\x80", "J\xc3\xbcrgen \xe2\x82\xac \xf0\x9f\x98\x80"),
		/* overlong forms */
		V("\xc0\xaf", FFFD FFFD),
		V("\xc1\xbf", FFFD FFFD),
		V("\xe0\x80\xaf", FFFD FFFD FFFD),
		V("\xe0\x9f\xbf", FFFD FFFD FFFD),
		V("\xf0\x80\x80\xaf", FFFD FFFD FFFD FFFD),
		V("\xf0\x8f\xbf\xbf", FFFD FFFD FFFD FFFD),
		V("\xc0\xaf\xe0\x80\xbf\xf0\x81\x82\x41", FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A"),
		/* surrogates */
		V("\xed\xa0\x80", FFFD FFFD FFFD),
		V("\xed\xbf\xbf", FFFD FFFD FFFD),
		V("\xed\xa0\x80\xed\xbf\xbf\xed\xaf\x41", FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A"),
		V("\xed\x9f\xbf\xee\x80\x80", "\xed\x9f\xbf\xee\x80\x80"),
		/* above U+10FFFF */
		V("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"),
		V("\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD),
		V("\xf4\x91\x92\x93\xff\x41\x80\xbf\x42", FFFD FFFD FFFD FFFD FFFD "A" FFFD FFFD "B"),
		V("\xf5\xff\xfe", FFFD FFFD FFFD),
		/* cut off at the end, and by what follows */
		V("a\xc3", "a" FFFD),
		V("a\xe2\x82", "a" FFFD),
		V("a\xf0\x9f\x98", "a" FFFD),
		V("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41", FFFD FFFD FFFD FFFD "A"),
		V("\xe2\x82\xe2\x82\xac", FFFD "\xe2\x82\xac"),
		V("\x80", FFFD),
		V("\xff\xfe", FFFD FFFD),
	};
	CHECK(text_valid, vectors);
}
END_TEST

/* Each code point is read as it was written, and each is judged to be UTF-8 exactly when it is a scalar value. */
START_TEST(test_each_code_point_is_read_as_it_was_written) {
	for (uint32_t c = 0; c < 0x120000; c++) {
		char bytes[4];
		size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
		static const uint8_t marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
		for (size_t i = len; i-- > 0;)
			bytes[i] = (char)(i ? 0x80 | (c >> 6 * (len - 1 - i) & 0x3f) : marks[len] | c >> 6 * (len - 1));
		const char *at = bytes;
		bool scalar = c < 0xd800 || (c > 0xdfff && c < 0x110000);
		ck_assert_uint_eq(text_next(&at, bytes + len), scalar ? c : TEXT_REPLACEMENT);
		ck_assert_uint_eq((size_t)(at - bytes), scalar ? len : 1);
	}
}
END_TEST

START_TEST(test_a_line_holds_nothing_that_a_terminal_obeys_or_that_moves_its_neighbours) {
	static const struct vector vectors[] = {
		V("a\0b", "a" FFFD "b"),
		V("\033[2Jgone\r\n\t\177", FFFD "[2Jgone" FFFD FFFD FFFD FFFD),
		V("\xc2\x9b"
	          "31m\xc2\x80\xc2\x9f",
	          FFFD "31m" FFFD FFFD), /* C1: CSI */
		V("\x9b"
	          "31m",
	          FFFD "31m"), /* and as a byte */
		V("fdp.\xe2\x80\xae"
	          "exe",
	          "fdp." FFFD "exe"),                                                       /* RLO */
		V("\xe2\x80\xaa\xe2\x80\xab\xe2\x80\xac\xe2\x80\xad", FFFD FFFD FFFD FFFD), /* LRE RLE PDF LRO */
		V("\xe2\x81\xa6\xe2\x81\xa7\xe2\x81\xa8\xe2\x81\xa9", FFFD FFFD FFFD FFFD), /* LRI RLI FSI PDI */
		V("\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c", FFFD FFFD FFFD),                      /* LRM RLM ALM */
		V("\xe2\x80\xa8\xe2\x80\xa9", FFFD FFFD),                                   /* line, paragraph */
		V("a\xe2\x80\x8b"
	          "b\xef\xbb\xbf\xc2\xad",
	          "a" FFFD "b" FFFD FFFD),                                                         /* ZWSP BOM SHY */
		V("\xf3\xa0\x80\x81\xf3\xa0\x81\x81", FFFD FFFD),                                  /* tags */
		V("\xc2\xa0\xd8\x80", "\xc2\xa0\xd8\x80"),                                         /* NBSP, a number sign */
		V("\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae", "\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xae"), /* ZWNJ */
		V("\xe8\xbe\xbb\xf3\xa0\x84\x80", "\xe8\xbe\xbb\xf3\xa0\x84\x80"),                 /* a variation selector */
	};
	CHECK(text_line, vectors);
}
END_TEST

START_TEST(test_a_name_has_an_underscore_for_what_does_not_print) {
	static const struct vector vectors[] = {
		V("caf\xe9.txt", "caf_.txt"),
		V("caf\xc3\xa9.txt", "caf\xc3\xa9.txt"),
		V("a\033[2J\n\xe2\x80\xae"
	          "b\xef\xbf\xbd",
	          "a_[2J__b_"),
	};
	CHECK(text_name, vectors);
}
END_TEST

START_TEST(test_a_json_string_is_escaped_and_loses_nothing_that_is_utf_8) {
	static const struct vector vectors[] = {
		V("say \"hi\" \\ / ", "say \\\"hi\\\" \\\\ / "),
		V("\0\x1f\n\177", "\\u0000\\u001f\\u000a\\u007f"),
		V("\xc2\x9b\xe2\x80\xa8\xe2\x80\xae", "\\u009b\\u2028\\u202e"),
		V("\xf3\xa0\x80\x81", "\\udb40\\udc01"),
		V("\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"),
		V("\xff\xed\xa0\x80\"", FFFD FFFD FFFD FFFD "\\\""),
	};
	CHECK(text_json, vectors);
}
END_TEST

START_TEST(test_a_text_that_does_not_fit_is_cut_between_characters) {
	static const char bytes[] = "a\xe2\x82\xac\"\xff"
				    "b";
	static const struct {
		size_t size;
		const char *text;
	} cuts[] = {{1, ""},
	            {2, "a"},
	            {4, "a"},
	            {5, "a\xe2\x82\xac"},
	            {6, "a\xe2\x82\xac"},
	            {7, "a\xe2\x82\xac\\\""},
	            {9, "a\xe2\x82\xac\\\""},
	            {10, "a\xe2\x82\xac\\\"" FFFD},
	            {11, "a\xe2\x82\xac\\\"" FFFD "b"}};
	char out[16];
	ck_assert_uint_eq(text_json(bytes, sizeof bytes - 1, NULL, 0), 10);
	for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
		memset(out, '#', sizeof out);
		ck_assert_uint_eq(text_json(bytes, sizeof bytes - 1, out, cuts[i].size), 10);
		ck_assert_str_eq(out, cuts[i].text);
		ck_assert_int_eq(out[cuts[i].size], '#');
	}
	/* A short piece behind a long one that did not fit is not taken either. */
	ck_assert_uint_eq(text_valid("\xe2\x82\xac"
	                             "b",
	                             4, out, 3),
	                  4);
	ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(test_a_line_of_json_escapes_its_strings_or_is_full) {
	char space[64];
	struct json_line j = json_line_of(space, sizeof space);
	json_line_open(&j, NULL, '{');
	json_line_string(&j, "x", "\"\n\xff");
	json_line_close(&j, '}');
	ck_assert(!j.full);
	ck_assert_int_eq((int)json_line_len(&j), 19);
	ck_assert(memcmp(space, "{\"x\":\"\\\"\\u000a" FFFD "\"}", 19) == 0);
	j = json_line_of(space, 12);
	json_line_string(&j, "x", "\xff\xff\xff");
	ck_assert(j.full);
}
END_TEST

SUITE("text", test_what_is_not_utf_8_becomes_a_replacement_character_for_each_maximal_subpart,
      test_each_code_point_is_read_as_it_was_written,
      test_a_line_holds_nothing_that_a_terminal_obeys_or_that_moves_its_neighbours,
      test_a_name_has_an_underscore_for_what_does_not_print, test_a_json_string_is_escaped_and_loses_nothing_that_is_utf_8,
      test_a_text_that_does_not_fit_is_cut_between_characters, test_a_line_of_json_escapes_its_strings_or_is_full)
