/* Is a candidate read and written as RFC 8839 has it, whoever wrote it, and what is it worth? */
#include <string.h>

#include "base/address.h"
#include "ice/candidate.h"
#include "sluice/error.h"
#include "suite.h"

static int parse(const char *text, struct candidate *c) {
	return candidate_parse(text, strlen(text), c);
}

static struct sockaddr_storage address(const char *text) {
	struct sockaddr_storage a;
	ck_assert(address_parse(text, strlen(text), &a));
	return a;
}

START_TEST(test_addresses_know_their_kind) {
	struct sockaddr_storage a = address("127.1.2.3"), b = address("169.254.0.1"), c = address("::1"), d = address("febf::1");
	ck_assert(address_is_loopback(&a) && address_is_loopback(&c) && !address_is_loopback(&b) && !address_is_loopback(&d));
	ck_assert(address_is_link_local(&b) && address_is_link_local(&d) && !address_is_link_local(&a));
	struct sockaddr_storage e = address("127.1.2.3");
	ck_assert(address_equal(&a, &e));
	address_set_port(&e, 7);
	ck_assert(!address_equal(&a, &e) && address_same_host(&a, &e) && address_port(&e) == 7);
	ck_assert(!address_equal(&a, &c));
	struct sockaddr_storage f = address("::ffff:127.0.0.1"), g = address("::ffff:169.254.7.7"),
				h = address("::ffff:10.0.0.1");
	ck_assert(address_is_loopback(&f) && !address_is_link_local(&f) && !address_is_loopback(&h));
	ck_assert(address_is_link_local(&g) && !address_is_link_local(&h));
	ck_assert(address_is_mapped(&h) && !address_is_ipv6(&h) && address_is_ipv6(&d) && !address_is_mapped(&d));
	ck_assert(!address_is_mapped(&a) && !address_is_ipv6(&a));
}
END_TEST

START_TEST(test_candidates_of_the_browsers_are_read) {
	struct candidate c;
	ck_assert_int_eq(
		parse("candidate:842163049 1 udp 1677729535 192.0.2.1 46154 typ srflx raddr 10.0.17.1 rport 60769 generation 0 "
	              "ufrag EE+u network-id 3 network-cost 10",
	              &c),
		0);
	ck_assert_int_eq(c.type, CANDIDATE_SRFLX);
	ck_assert_int_eq(c.transport, CANDIDATE_UDP);
	ck_assert_uint_eq(c.priority, 1677729535);
	ck_assert_uint_eq(c.port, 46154);
	ck_assert_uint_eq(address_port(&c.addr), 46154);
	ck_assert_uint_eq(address_port(&c.related), 60769);
	ck_assert_str_eq(c.foundation, "842163049");
	ck_assert_str_eq(c.ufrag, "EE+u");
	ck_assert_str_eq(c.name, "");

	ck_assert_int_eq(parse("a=candidate:0 1 UDP 2122252543 8c0a4b5e-5d5f.local 45465 typ host\r\n", &c), 0);
	ck_assert_int_eq(c.addr.ss_family, 0);
	ck_assert_str_eq(c.name, "8c0a4b5e-5d5f.local");
	ck_assert_uint_eq(c.port, 45465);

	ck_assert_int_eq(parse("candidate:1 1 TCP 2105524479 2001:db8::1 9 typ host tcptype active", &c), 0);
	ck_assert_int_eq(c.transport, CANDIDATE_TCP_ACTIVE);
	ck_assert_int_eq(c.addr.ss_family, AF_INET6);
}
END_TEST

START_TEST(test_what_is_written_is_read_again) {
	static const char *const rows[] = {
		"candidate:H1 1 udp 2130706431 10.0.0.1 5000 typ host",
		"candidate:S1 1 udp 1694498815 192.0.2.1 1 typ srflx raddr 10.0.0.1 rport 5000",
		"candidate:R1 1 udp 255 2001:db8::2 65535 typ relay raddr 2001:db8::1 rport 9 ufrag abcd",
		"candidate:T1 1 tcp 1518280447 10.0.0.1 9 typ host tcptype active",
		"candidate:T2 1 tcp 1518214911 10.0.0.1 4000 typ host tcptype passive",
		"candidate:T3 1 tcp 1518149375 10.0.0.1 4000 typ host tcptype so",
		"candidate:M1 1 udp 2130706431 abc.local 5000 typ host",
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct candidate c;
		char text[CANDIDATE_TEXT_MAX];
		ck_assert_int_eq(parse(rows[i], &c), 0);
		ck_assert_int_eq(candidate_format(&c, text, sizeof text), (int)strlen(rows[i]));
		ck_assert_str_eq(text, rows[i]);
		ck_assert_int_eq(candidate_format(&c, text, strlen(rows[i])), SLUICE_NO_SPACE);
	}
}
END_TEST

START_TEST(test_a_name_hides_the_address_and_no_related_address_is_made_up) {
	struct candidate c;
	char text[CANDIDATE_TEXT_MAX];
	ck_assert_int_eq(parse("candidate:H1 1 udp 2130706431 10.0.0.1 5000 typ host", &c), 0);
	strcpy(c.name, "x.local");
	ck_assert_int_gt(candidate_format(&c, text, sizeof text), 0);
	ck_assert_str_eq(text, "candidate:H1 1 udp 2130706431 x.local 5000 typ host");
	ck_assert_int_eq(parse("candidate:S1 1 udp 7 192.0.2.1 5000 typ srflx", &c), 0);
	ck_assert_int_gt(candidate_format(&c, text, sizeof text), 0);
	ck_assert_str_eq(text, "candidate:S1 1 udp 7 192.0.2.1 5000 typ srflx raddr 0.0.0.0 rport 9");
}
END_TEST

START_TEST(test_the_longest_candidate_fits_its_buffer) {
	struct candidate c;
	char text[CANDIDATE_TEXT_MAX];
	ck_assert_int_eq(parse("candidate:1 1 tcp 4294967295 a.local 65535 typ srflx raddr "
	                       "1111:2222:3333:4444:5555:6666:7777:8888 rport 65535 tcptype passive",
	                       &c),
	                 0);
	memset(c.foundation, 'f', sizeof c.foundation - 1);
	memset(c.name, 'n', sizeof c.name - 1);
	memset(c.ufrag, 'u', sizeof c.ufrag - 1);
	ck_assert_int_gt(candidate_format(&c, text, sizeof text), 0);
}
END_TEST

START_TEST(test_malformed_and_useless_candidates_are_told_apart) {
	static const struct {
		const char *text;
		int error;
	} rows[] = {
		{"", SLUICE_MALFORMED},
		{"candidate:", SLUICE_MALFORMED},
		{"candidate:1 1 udp 1 1.2.3.4 5 typ", SLUICE_MALFORMED},
		{"candidate:1 1 udp 1 1.2.3.4 5 host", SLUICE_MALFORMED},
		{"candidate:1 1 udp 1 1.2.3.4 70000 typ host", SLUICE_MALFORMED},
		{"candidate:1 1 udp 4294967296 1.2.3.4 5 typ host", SLUICE_MALFORMED},
		{"candidate:1 1 udp -1 1.2.3.4 5 typ host", SLUICE_MALFORMED},
		{"candidate:! 1 udp 1 1.2.3.4 5 typ host", SLUICE_MALFORMED},
		{"candidate:012345678901234567890123456789012 1 udp 1 1.2.3.4 5 typ host", SLUICE_MALFORMED},
		{"candidate:1 1 udp 1 nodots 5 typ host", SLUICE_MALFORMED},
		{"candidate:1 1 udp 1 bad!.local 5 typ host", SLUICE_MALFORMED},
		{"candidate:1 1 udp 1 1.2.3.4 5 typ host generation", SLUICE_MALFORMED},
		{"candidate:1 1 udp 1 1.2.3.4 5 typ srflx raddr 1.2.3.4 rport x", SLUICE_MALFORMED},
		{"candidate:1 1 udp 1 1.2.3.4 5 typ host ufrag a!b", SLUICE_MALFORMED},
		{"candidate:1 1 tcp 1 1.2.3.4 5 typ host", SLUICE_MALFORMED},
		{"candidate:1 1 tcp 1 1.2.3.4 5 typ host tcptype odd", SLUICE_MALFORMED},
		{"candidate:1 2 udp 1 1.2.3.4 5 typ host", SLUICE_UNSUPPORTED},
		{"candidate:1 1 ssltcp 1 1.2.3.4 5 typ host", SLUICE_UNSUPPORTED},
		{"candidate:1 1 udp 1 1.2.3.4 5 typ token", SLUICE_UNSUPPORTED},
		{"candidate:1 1 udp 1 1.2.3.4 0 typ host", SLUICE_UNSUPPORTED},
		{"CANDIDATE:1 1 Udp 1 1.2.3.4 5 Typ Host", 0},
		{"candidate:1 1 udp 1 1.2.3.4 5 typ srflx raddr abc.local rport 5", 0},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct candidate c;
		ck_assert_msg(parse(rows[i].text, &c) == rows[i].error, "'%s'", rows[i].text);
	}
}
END_TEST

START_TEST(test_priorities_follow_the_formulas) {
	ck_assert_uint_eq(candidate_priority(CANDIDATE_HOST, CANDIDATE_UDP, 65535), 2130706431);
	ck_assert_uint_eq(candidate_priority(CANDIDATE_SRFLX, CANDIDATE_UDP, 65535), 1694498815);
	ck_assert_uint_eq(candidate_priority(CANDIDATE_PRFLX, CANDIDATE_UDP, 65535), 1862270975);
	ck_assert_uint_eq(candidate_priority(CANDIDATE_RELAY, CANDIDATE_UDP, 65535), 16777215);
	/* 2^24 * 90 + 2^8 * (2^13 * direction + 8191) + 255 */
	ck_assert_uint_eq(candidate_priority(CANDIDATE_HOST, CANDIDATE_TCP_ACTIVE, 65535),
	                  (90u << 24) + ((6u << 13) + 8191) * 256 + 255);
	ck_assert_uint_eq(candidate_priority(CANDIDATE_HOST, CANDIDATE_TCP_PASSIVE, 65535),
	                  (90u << 24) + ((4u << 13) + 8191) * 256 + 255);
	ck_assert_uint_eq(candidate_priority(CANDIDATE_SRFLX, CANDIDATE_TCP_SO, 0), (70u << 24) + (6u << 13) * 256 + 255);
}
END_TEST

SUITE("candidate", test_addresses_know_their_kind, test_candidates_of_the_browsers_are_read, test_what_is_written_is_read_again,
      test_a_name_hides_the_address_and_no_related_address_is_made_up, test_the_longest_candidate_fits_its_buffer,
      test_malformed_and_useless_candidates_are_told_apart, test_priorities_follow_the_formulas)
