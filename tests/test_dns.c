/* The messages of multicast DNS, and the frames of streams: is what is written read again, and is what a stranger writes read
 * without harm? */
#include "loop/dns.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "loop/frame.h"
#include "suite.h"

START_TEST(test_a_query_is_read_as_it_was_written) {
	uint8_t message[DNS_MESSAGE_MAX];
	struct dns_reader r;
	struct dns_record q;
	size_t len = dns_write_query(message, "4f6b0f3e.local", DNS_AAAA);
	ck_assert(dns_open(&r, message, len));
	ck_assert(!r.is_response && r.is_plain);
	ck_assert(dns_next(&r, &q));
	ck_assert(q.is_question);
	ck_assert_str_eq(q.name, "4f6b0f3e.local");
	ck_assert_uint_eq(q.type, DNS_AAAA);
	ck_assert_uint_eq(q.class, DNS_IN);
	ck_assert(!dns_next(&r, &q));
}
END_TEST

START_TEST(test_an_answer_is_read_as_it_was_written) {
	uint8_t message[DNS_MESSAGE_MAX];
	struct dns_reader r;
	struct dns_record q;
	struct sockaddr_storage addr = {.ss_family = AF_INET};
	((struct sockaddr_in *)&addr)->sin_addr.s_addr = htonl(0xC0000201);
	struct dns_answer how = {.class = DNS_IN | DNS_TOP_BIT, .ttl = 120};
	size_t len = dns_write_answer(message, "A.local", &addr, &how);
	ck_assert(dns_open(&r, message, len));
	ck_assert(r.is_response);
	ck_assert(dns_next(&r, &q));
	ck_assert(!q.is_question);
	ck_assert_str_eq(q.name, "a.local");
	ck_assert_uint_eq(q.type, DNS_A);
	ck_assert_uint_eq(q.class, DNS_IN | DNS_TOP_BIT);
	ck_assert_mem_eq(q.data, "\xC0\x00\x02\x01", 4);
	how = (struct dns_answer){.id = 77, .class = DNS_IN, .ttl = 10, .with_question = true};
	addr = (struct sockaddr_storage){.ss_family = AF_INET6};
	len = dns_write_answer(message, "a.local", &addr, &how);
	ck_assert(dns_open(&r, message, len));
	ck_assert_uint_eq(r.id, 77);
	ck_assert(dns_next(&r, &q) && q.is_question && q.type == DNS_AAAA);
	ck_assert(dns_next(&r, &q) && !q.is_question && q.len == 16);
	ck_assert(!dns_next(&r, &q));
}
END_TEST

START_TEST(test_names_that_are_none_are_not_written) {
	uint8_t message[DNS_MESSAGE_MAX];
	char name[300];
	memset(name, 'x', sizeof name);
	name[64] = 0;
	ck_assert_uint_eq(dns_write_query(message, name, DNS_A), 0);
	ck_assert_uint_eq(dns_write_query(message, "", DNS_A), 0);
	ck_assert_uint_eq(dns_write_query(message, "a..b", DNS_A), 0);
	for (size_t i = 0; i < 299; i++)
		name[i] = i % 64 == 63 ? '.' : 'x';
	name[299] = 0;
	ck_assert_uint_eq(dns_write_query(message, name, DNS_A), 0);
	name[254] = 0;
	ck_assert_uint_gt(dns_write_query(message, name, DNS_A), 0);
}
END_TEST

static const uint8_t pointed[] = "\0\0\x84\0\0\1\0\2\0\0\0\0"
				 "\5Hello\5local\0\0\1\0\1"                 /* at 12 */
				 "\xC0\x0C\0\1\x80\1\0\0\0\x78\0\4\1\2\3\4" /* the same name */
				 "\3abc\xC0\x12\0\1\0\1\0\0\0\x78\0\4\5\6\7\x08";

START_TEST(test_pointers_backwards_are_followed) {
	struct dns_reader r;
	struct dns_record q;
	ck_assert(dns_open(&r, pointed, sizeof pointed - 1));
	ck_assert(dns_next(&r, &q));
	ck_assert_str_eq(q.name, "hello.local");
	ck_assert(dns_next(&r, &q));
	ck_assert_str_eq(q.name, "hello.local");
	ck_assert_mem_eq(q.data, "\1\2\3\4", 4);
	ck_assert(dns_next(&r, &q));
	ck_assert_str_eq(q.name, "abc.local");
	ck_assert_mem_eq(q.data, "\5\6\7\x08", 4);
	ck_assert(!dns_next(&r, &q));
}
END_TEST

START_TEST(test_a_message_cut_anywhere_ends_early) {
	for (size_t len = 0; len < sizeof pointed - 1; len++) {
		uint8_t copy[sizeof pointed];
		struct dns_reader r;
		struct dns_record q;
		unsigned read = 0;
		memcpy(copy, pointed, len);
		if (!dns_open(&r, copy, len))
			continue;
		while (dns_next(&r, &q))
			read++;
		ck_assert_uint_lt(read, 3);
	}
}
END_TEST

START_TEST(test_pointers_that_go_in_circles_or_forwards_end_the_message) {
	static const uint8_t circle[] = "\0\0\0\0\0\1\0\0\0\0\0\0\1a\xC0\x0C\0\1\0\1",
			     self[] = "\0\0\0\0\0\1\0\0\0\0\0\0\xC0\x0C\0\1\0\1",
			     forwards[] = "\0\0\0\0\0\1\0\0\0\0\0\0\xC0\x10\0\1\0\1\0";
	struct dns_reader r;
	struct dns_record q;
	ck_assert(dns_open(&r, circle, sizeof circle - 1) && !dns_next(&r, &q));
	ck_assert(dns_open(&r, self, sizeof self - 1) && !dns_next(&r, &q));
	ck_assert(dns_open(&r, forwards, sizeof forwards - 1) && !dns_next(&r, &q));
}
END_TEST

START_TEST(test_a_name_that_text_cannot_show_is_skipped_and_the_rest_read) {
	static const uint8_t odd[] = "\0\0\x84\0\0\0\0\2\0\0\0\0"
				     "\3a.b\0\0\1\0\1\0\0\0\0\0\4\1\2\3\4"
				     "\1c\0\0\1\0\1\0\0\0\0\0\4\1\2\3\4";
	struct dns_reader r;
	struct dns_record q;
	ck_assert(dns_open(&r, odd, sizeof odd - 1));
	ck_assert(dns_next(&r, &q));
	ck_assert_str_eq(q.name, "");
	ck_assert(dns_next(&r, &q));
	ck_assert_str_eq(q.name, "c");
}
END_TEST

/* ---- frames ---- */

START_TEST(test_datagrams_pass_through_both_kinds_of_frames) {
	static const uint8_t stun[20] = "\0\1\0\0\x21\x12\xA4\x42", channel[9] = {0x40, 0, 0, 5, 'h', 'e', 'l', 'l', 'o'};
	uint8_t out[64];
	struct frame f;
	for (int turn = 0; turn < 2; turn++) {
		size_t a = frame_write(out, stun, sizeof stun, turn), b = frame_write(out + a, channel, sizeof channel, turn);
		ck_assert_int_eq(frame_look(out, a + b, turn, &f), 1);
		ck_assert_uint_eq(f.size, a);
		ck_assert_uint_eq(f.len, sizeof stun);
		ck_assert_mem_eq(out + f.offset, stun, sizeof stun);
		ck_assert_int_eq(frame_look(out + a, b, turn, &f), 1);
		ck_assert_uint_eq(f.size, b);
		ck_assert_uint_eq(f.len, sizeof channel);
		ck_assert_mem_eq(out + a + f.offset, channel, sizeof channel);
		ck_assert_uint_eq(b, turn ? 12 : 11); /* RFC 8656: padded to four */
		for (size_t i = 0; i < b; i++)
			ck_assert_int_eq(frame_look(out + a, i, turn, &f), i >= (turn ? 4 : 2));
	}
}
END_TEST

START_TEST(test_what_is_neither_stun_nor_channel_data_is_no_turn_frame) {
	struct frame f;
	ck_assert_int_eq(frame_look((const uint8_t *)"\x80\0\0\0", 4, true, &f), -1);
	ck_assert_int_eq(frame_look((const uint8_t *)"HTTP", 4, true, &f), 1); /* channel 0x4854: the agent knows none */
	ck_assert_int_eq(frame_look((const uint8_t *)"\0\1\0\3", 4, true, &f), -1);
}
END_TEST

SUITE("dns", test_a_query_is_read_as_it_was_written, test_an_answer_is_read_as_it_was_written,
      test_names_that_are_none_are_not_written, test_pointers_backwards_are_followed, test_a_message_cut_anywhere_ends_early,
      test_pointers_that_go_in_circles_or_forwards_end_the_message,
      test_a_name_that_text_cannot_show_is_skipped_and_the_rest_read, test_datagrams_pass_through_both_kinds_of_frames,
      test_what_is_neither_stun_nor_channel_data_is_no_turn_frame)
