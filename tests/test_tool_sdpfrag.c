/* Are fragments of SDP read and written as RFC 8840 and RFC 9725 have them, refused where they are none, and do they change an
 * offer by what ICE needs and nothing else? */
#include <stdio.h>

#include "suite.h"
#include "tools/sdpfrag.h"
#include "tools/secret.h"

#define UFRAG "a=ice-ufrag:EsAw\r\n"
#define PWD "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n"

/* RFC 9725, figure 3. */
static const char trickle[] =
	"a=group:BUNDLE 0 1\r\n"
	"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
	"a=mid:0\r\n" UFRAG PWD
	"a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r\n"
	"a=candidate:3471623853 1 udp 2122194687 198.51.100.2 61765 typ host generation 0 ufrag EsAw network-id 2\r\n"
	"a=candidate:473322822 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active generation 0 ufrag EsAw network-id 1\r\n"
	"a=candidate:2154773085 1 tcp 1518214911 198.51.100.2 9 typ host tcptype active generation 0 ufrag EsAw network-id 2\r\n"
	"a=end-of-candidates\r\n";

/* RFC 9725, figure 4: the answer to a restart. */
static const char restarted[] = "a=ice-lite\r\n"
				"a=ice-options:trickle ice2\r\n"
				"a=group:BUNDLE 0 1\r\n"
				"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
				"a=mid:0\r\n"
				"a=ice-ufrag:289b31b754eaa438\r\n"
				"a=ice-pwd:0b66f472495ef0ccac7bda653ab6be49ea13114472a5d10a\r\n"
				"a=candidate:1 1 udp 2130706431 198.51.100.1 39132 typ host\r\n"
				"a=end-of-candidates\r\n";

static struct sdpfrag read_good(const char *text) {
	struct sdpfrag f;
	unsigned line = 99;
	const char *wrong = sdpfrag_read(&f, text, strlen(text), &line);
	ck_assert_msg(!wrong, "line %u: %s", line, wrong);
	ck_assert_uint_eq(line, 0);
	return f;
}

START_TEST(test_the_example_of_trickling_is_read) {
	struct sdpfrag f = read_good(trickle);
	ck_assert_str_eq(f.ufrag, "EsAw");
	ck_assert_str_eq(f.pwd, "P2uYro0UCOQ4zxjKXaWCBui1");
	ck_assert_str_eq(f.bundle, "0 1");
	ck_assert_str_eq(f.media, "audio 9 UDP/TLS/RTP/SAVPF 111");
	ck_assert_str_eq(f.mid, "0");
	ck_assert(!f.lite && f.end_of_candidates && !f.options && !f.pacing);
	ck_assert_uint_eq(f.candidate_count, 4);
	ck_assert_uint_eq(strncmp(f.candidates[0].text, "candidate:1387637174 1 udp ", 27), 0);
	ck_assert_str_eq(f.candidates[3].mid, "0");
	ck_assert_uint_eq(f.candidates[3].line, 9);
	sdpfrag_free(&f);
}
END_TEST

START_TEST(test_what_was_read_is_written_as_it_was) {
	const char *const texts[] = {trickle, restarted};
	for (size_t i = 0; i < 2; i++) {
		char out[2048];
		struct sdpfrag f = read_good(texts[i]);
		size_t len = strlen(texts[i]);
		ck_assert_uint_eq(sdpfrag_write(&f, out, sizeof out), len);
		ck_assert_str_eq(out, texts[i]);
		ck_assert_uint_eq(sdpfrag_write(&f, out, len + 1), len);
		ck_assert_uint_eq(sdpfrag_write(&f, out, len), 0);
		sdpfrag_free(&f);
	}
}
END_TEST

START_TEST(test_sections_and_lines_may_end_in_every_way) {
	struct sdpfrag f = read_good("\n\na=ice-pacing:50 \rm=a\nm=b\r\na=candidate:1 1\na=mid:x\r\na=candidate:2 1");
	ck_assert_str_eq(f.pacing, "50");
	ck_assert_str_eq(f.media, "a");
	ck_assert_ptr_null(f.mid);
	ck_assert_uint_eq(f.candidate_count, 2);
	ck_assert_str_eq(f.candidates[0].mid, "x");
	ck_assert_str_eq(f.candidates[1].mid, "x");
	ck_assert_uint_eq(f.candidates[1].section, 2);
	ck_assert_uint_eq(f.candidates[1].line, 8);
	sdpfrag_free(&f);
	f = read_good("a=candidate:1 1 udp 1 192.0.2.1 9 typ host"); /* as some pages send them: no section */
	ck_assert_uint_eq(f.candidate_count, 1);
	ck_assert_ptr_null(f.candidates[0].mid);
	sdpfrag_free(&f);
	f = read_good("");
	ck_assert_uint_eq(f.candidate_count, 0);
	sdpfrag_free(&f);
}
END_TEST

START_TEST(test_what_is_no_fragment_is_refused_with_the_line) {
	static const struct {
		const char *text;
		unsigned line;
		const char *part;
	} rows[] = {
		{"nonsense", 1, "no line"},
		{"m=audio 9 x 0\r\nA=mid:0", 2, "no line"},
		{"a", 1, "no line"},
		{UFRAG, 0, "come together"},
		{PWD, 0, "come together"},
		{"a=ice-ufrag:abc\r\n" PWD, 1, "ice-ufrag"},
		{UFRAG "a=ice-pwd:012345678901234567890", 2, "ice-pwd"},
		{"a=ice-ufrag:a b c d\r\n" PWD, 1, "ice-ufrag"},
		{"a=ice-ufrag:\r\n" PWD, 1, "ice-ufrag"},
		{"m=x\r\n" UFRAG PWD "m=y\r\na=ice-ufrag:EsAx\r\n" PWD, 5, "different"},
		{"m=x\r\n" UFRAG PWD "m=y\r\n" UFRAG "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui2\r\n", 6, "different"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct sdpfrag f;
		unsigned line = 99;
		const char *wrong = sdpfrag_read(&f, rows[i].text, strlen(rows[i].text), &line);
		ck_assert_msg(wrong && strstr(wrong, rows[i].part), "%zu: %s", i, wrong ? wrong : "read");
		ck_assert_msg(line == rows[i].line, "%zu: line %u", i, line);
		ck_assert_ptr_null(f.copy);
	}
	struct sdpfrag f;
	ck_assert_ptr_nonnull(sdpfrag_read(&f, "a=mid:0\0", 8, NULL));
}
END_TEST

START_TEST(test_credentials_have_bounds) {
	struct sdpfrag f;
	char text[1200], credential[258];
	memset(credential, 'x', 257);
	credential[257] = 0;
	for (int extra = 0; extra < 2; extra++) {
		snprintf(text, sizeof text, "a=ice-ufrag:%s\na=ice-pwd:%s\n", credential + 1 - extra, credential + 1);
		ck_assert_int_eq(sdpfrag_read(&f, text, strlen(text), NULL) == NULL, !extra);
		sdpfrag_free(&f);
	}
}
END_TEST

START_TEST(test_candidates_beyond_the_bound_are_counted) {
	static char text[40 * 1000];
	char *at = text;
	for (int i = 0; i < 1000; i++)
		at += sprintf(at, "a=candidate:%d 1\r\n", i);
	struct sdpfrag f = read_good(text);
	ck_assert_uint_eq(f.candidate_count, SDPFRAG_CANDIDATES_MAX);
	ck_assert_uint_eq(f.left_out, 1000 - SDPFRAG_CANDIDATES_MAX);
	sdpfrag_free(&f);
}
END_TEST

START_TEST(test_a_restart_changes_an_offer_in_what_ice_needs) {
	static const char offer[] = "v=0\r\n"
				    "o=- 5228595038118931041 2 IN IP4 127.0.0.1\r\n"
				    "s=-\r\n"
				    "a=group:BUNDLE 0 1\r\n"
				    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
				    "a=candidate:9 1 udp 1 192.0.2.9 9 typ host\r\n"
				    "a=ice-ufrag:EsAw\r\n"
				    "a=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y\r\n"
				    "a=mid:0\r\n"
				    "a=end-of-candidates\r\n"
				    "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n"
				    "a=ice-ufrag:EsAw\r\n"
				    "a=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y\r\n"
				    "a=mid:1\r\n";
	static const char expected[] = "v=0\r\n"
				       "o=- 5228595038118931041 3 IN IP4 127.0.0.1\r\n"
				       "s=-\r\n"
				       "a=group:BUNDLE 0 1\r\n"
				       "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
				       "a=ice-ufrag:289b31b754eaa438\r\n"
				       "a=ice-pwd:0b66f472495ef0ccac7bda653ab6be49ea13114472a5d10a\r\n"
				       "a=mid:0\r\n"
				       "a=candidate:1 1 udp 2130706431 198.51.100.1 39132 typ host\r\n"
				       "a=end-of-candidates\r\n"
				       "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n"
				       "a=ice-ufrag:289b31b754eaa438\r\n"
				       "a=ice-pwd:0b66f472495ef0ccac7bda653ab6be49ea13114472a5d10a\r\n"
				       "a=mid:1\r\n";
	struct sdpfrag f = read_good(restarted);
	size_t len;
	char *text = sdpfrag_apply(&f, offer, strlen(offer), &len);
	ck_assert_str_eq(text, expected);
	ck_assert_uint_eq(len, strlen(expected));
	secret_free(text);
	sdpfrag_free(&f);
}
END_TEST

START_TEST(test_a_version_that_cannot_be_raised_stays) {
	static const char *const lines[][2] = {
		{"o=- 1 9", "o=- 1 10"},
		{"o=- 1 9999999999999999999 IN", "o=- 1 9999999999999999999 IN"},
		{"o=- 1 x IN", "o=- 1 x IN"},
		{"o=-", "o=-"},
	};
	struct sdpfrag f = read_good(UFRAG PWD);
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		size_t len;
		char *text = sdpfrag_apply(&f, lines[i][0], strlen(lines[i][0]), &len);
		ck_assert_uint_eq(strcspn(text, "\r"), strlen(lines[i][1]));
		ck_assert_int_eq(strncmp(text, lines[i][1], strlen(lines[i][1])), 0);
		secret_free(text);
	}
	sdpfrag_free(&f);
}
END_TEST

SUITE("tool_sdpfrag", test_the_example_of_trickling_is_read, test_what_was_read_is_written_as_it_was,
      test_sections_and_lines_may_end_in_every_way, test_what_is_no_fragment_is_refused_with_the_line,
      test_credentials_have_bounds, test_candidates_beyond_the_bound_are_counted,
      test_a_restart_changes_an_offer_in_what_ice_needs, test_a_version_that_cannot_be_raised_stays)
