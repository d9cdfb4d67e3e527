/* server_url: URLs of STUN and TURN servers, as RFC 7064 and RFC 7065 write them, and what is none. */
#include <stdio.h>
#include <string.h>

#include "base/server_url.h"
#include "suite.h"

START_TEST(test_urls_are_read) {
	static const struct {
		const char *url, *host;
		unsigned port;
		bool turn;
		enum server_transport transport;
		bool has_transport;
	} rows[] = {
		/* RFC 7064, appendix, and RFC 7065, appendix B */
		{"stun:example.org", "example.org", 3478, false, SERVER_UDP, false},
		{"stun:example.org:8000", "example.org", 8000, false, SERVER_UDP, false},
		{"turn:example.org", "example.org", 3478, true, SERVER_UDP, false},
		{"turns:example.org", "example.org", 5349, true, SERVER_TLS, false},
		{"turn:example.org:8000", "example.org", 8000, true, SERVER_UDP, false},
		{"turn:example.org?transport=udp", "example.org", 3478, true, SERVER_UDP, true},
		{"turn:example.org?transport=tcp", "example.org", 3478, true, SERVER_TCP, true},
		{"turns:example.org?transport=tcp", "example.org", 5349, true, SERVER_TLS, true},
		/* hosts */
		{"stun:192.0.2.1:1", "192.0.2.1", 1, false, SERVER_UDP, false},
		{"stun:[2001:db8::1]:65535", "2001:db8::1", 65535, false, SERVER_UDP, false},
		{"turns:[::1]", "::1", 5349, true, SERVER_TLS, false},
		{"turn:[::ffff:192.0.2.1]?transport=tcp", "::ffff:192.0.2.1", 3478, true, SERVER_TCP, true},
		{"stun:a_b~c-d.example.", "a_b~c-d.example.", 3478, false, SERVER_UDP, false},
		/* letters of either case: RFC 5234, 2.3; the host stays as it is */
		{"STUN:Example.org", "Example.org", 3478, false, SERVER_UDP, false},
		{"Turns:a:443?Transport=TCP", "a", 443, true, SERVER_TLS, true},
		/* *DIGIT has no bound */
		{"turn:a:0003478", "a", 3478, true, SERVER_UDP, false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct server_url u;
		const char *wrong = server_url_parse(rows[i].url, &u);
		ck_assert_msg(!wrong, "%s: %s", rows[i].url, wrong);
		ck_assert_str_eq(u.host, rows[i].host);
		ck_assert_msg(u.port == rows[i].port && u.turn == rows[i].turn && u.transport == rows[i].transport &&
		                      u.has_transport == rows[i].has_transport,
		              "%s", rows[i].url);
	}
}
END_TEST

START_TEST(test_what_is_no_url_of_a_server_is_refused) {
	static const char *const rows[] = {
		"",
		"a",
		"stun",
		"http://a",
		"stuns:a",
		" stun:a",
		/* the host */
		"stun:",
		"stun::1",
		"stun:?transport=udp",
		"turn://a",
		"turn:user@a",
		"turn:a/",
		"turn:a#b",
		"turn:a b",
		"turn:%61",
		"turn:\xc3\xa4",
		"stun:[::1",
		"stun:::1",
		"stun:[]",
		"stun:[a]",
		"stun:[192.0.2.1]",
		"stun:[fe80::1%25eth0]",
		"stun:[v1.a]",
		"stun:[::1]a",
		/* the port */
		"stun:a:",
		"stun:a:0",
		"stun:a:65536",
		"stun:a:4294970774",
		"stun:a:1x",
		"stun:a:-1",
		"stun:a: 1",
		"turn:a:?transport=udp",
		/* the transport */
		"stun:a?transport=udp",
		"turn:a?",
		"turn:a?x",
		"turn:a?transport=",
		"turn:a?transport=sctp",
		"turn:a?transport=udpx",
		"turn:a?transport=tcp&x",
		"turns:a?transport=udp",
	};
	struct server_url u;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		ck_assert_msg(server_url_parse(rows[i], &u) != NULL, "\"%s\" was taken", rows[i]);
	ck_assert_ptr_nonnull(server_url_parse(NULL, &u));
}
END_TEST

START_TEST(test_a_host_has_at_most_255_characters) {
	for (size_t len = 254; len < 258; len++) {
		char url[300] = "turn:";
		struct server_url u;
		memset(url + 5, 'a', len);
		ck_assert_int_eq(server_url_parse(url, &u) == NULL, len < SERVER_URL_HOST_MAX);
	}
}
END_TEST

SUITE("server_url", test_urls_are_read, test_what_is_no_url_of_a_server_is_refused, test_a_host_has_at_most_255_characters)
