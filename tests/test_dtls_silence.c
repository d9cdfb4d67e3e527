/* A DTLS handshake and silence: who waits how long for whom, and what is said meanwhile. Virtual time throughout. */
#include <inttypes.h>

#include "dtls_pair.h"

static struct pair p; /* a test runs in a process of its own */

#define AN_HOUR (3600 * SLUICE_S)

/* ---- without an end ------------------------------------------------------------------------------------------------ */

/* Datagram 0 is the ClientHello, 1 the server's flight, 2 the client's second flight, 3 the server's last. */
static const struct {
	const char *what;
	int deaf;
	unsigned from;
} silences[] = {
	{"the ClientHello", SERVER, 0},
	{"the server's first flight", CLIENT, 1},
	{"the client's second flight", SERVER, 2},
	{"the server's last flight", CLIENT, 3},
};

static void one_silence(size_t i, uint64_t length) {
	pair_init(&p, NULL);
	p.delay = 10 * SLUICE_MS;
	p.deaf_from[silences[i].deaf] = silences[i].from;
	p.deaf_until[silences[i].deaf] = length;
	pair_open(&p);
	pair_start(&p);
	uint64_t at = pair_connect(&p, 2 * length);
	ck_assert_msg(at <= length + 3100 * SLUICE_MS, "%s, lost for %" PRIu64 " s: connected at %" PRIu64, silences[i].what,
	              length / SLUICE_S, at);
	pair_talk(&p);
	pair_free(&p);
}

START_TEST(test_a_flight_that_is_lost_for_long_is_repeated_until_it_is_answered) {
	for (size_t i = 0; i < sizeof silences / sizeof *silences; i++)
		for (uint64_t seconds = 10; seconds <= 320; seconds *= 2)
			one_silence(i, seconds * SLUICE_S);
}
END_TEST

START_TEST(test_a_server_that_comes_an_hour_late_is_found) {
	one_silence(0, AN_HOUR);
}
END_TEST

START_TEST(test_a_repetition_has_numbers_of_its_own) {
	uint8_t space[DATAGRAM_MAX];
	uint64_t last = 0;
	pair_init(&p, NULL);
	pair_open(&p);
	ck_assert_int_eq(dtls_start(p.end[CLIENT], 0), 0);
	for (unsigned i = 0; i < 20; i++) {
		sluice_batch b = {.data = space, .capacity = sizeof space};
		ck_assert_int_eq(dtls_output(p.end[CLIENT], &b, p.now), 1);
		uint64_t number = 0;
		for (int k = 3; k < 11; k++)
			number = number << 8 | space[k];
		ck_assert(i == 0 || number > last);
		last = number;
		p.now = dtls_deadline(p.end[CLIENT]);
		dtls_advance(p.end[CLIENT], p.now);
	}
	pair_free(&p);
}
END_TEST

START_TEST(test_a_flight_that_has_not_left_is_not_repeated) {
	uint8_t space[DATAGRAM_MAX];
	pair_init(&p, NULL);
	pair_open(&p);
	ck_assert_int_eq(dtls_start(p.end[CLIENT], 0), 0);
	for (uint64_t now = 0; now < AN_HOUR; now += SLUICE_S)
		dtls_advance(p.end[CLIENT], now);
	ck_assert_uint_eq(pair_stats(&p, CLIENT).flights_repeated, 0);
	sluice_batch b = {.data = space, .capacity = sizeof space};
	ck_assert_int_eq(dtls_output(p.end[CLIENT], &b, AN_HOUR), 1);
	ck_assert_int_eq(dtls_output(p.end[CLIENT], &b, AN_HOUR), 0);
	pair_free(&p);
}
END_TEST

/* The server's flight takes some 800 bytes and the client's second some 600. Each is repeated four times whole. */
START_TEST(test_a_path_that_swallows_long_datagrams_is_passed_with_short_ones) {
	pair_init(&p, NULL);
	p.too_long = 512;
	pair_open(&p);
	pair_start(&p);
	uint64_t at = pair_connect(&p, 10 * SLUICE_S);
	ck_assert_uint_ne(at, SLUICE_NEVER);
	ck_assert_uint_ge(pair_stats(&p, SERVER).flights_repeated, 5);
	ck_assert_uint_le(at, 2 * (50 + 100 + 200 + 400 + 800) * SLUICE_MS + SLUICE_S);
	p.too_long = 0;
	pair_talk(&p);
	pair_free(&p);
}
END_TEST

START_TEST(test_no_first_timeout_is_longer_than_three_seconds) {
	pair_init(&p, NULL);
	p.now = SLUICE_S;
	p.config[CLIENT].first_timeout = SLUICE_NEVER;
	pair_open(&p);
	pair_start(&p);
	p.lost = UINT64_MAX;
	pair_flush(&p);
	ck_assert_uint_eq(dtls_deadline(p.end[CLIENT]), 4 * SLUICE_S);
	pair_free(&p);
}
END_TEST

/* ---- with an end --------------------------------------------------------------------------------------------------- */

static void ck_given_up(int end) {
	const char *text;
	ck_assert_int_eq(dtls_state(p.end[end]), DTLS_FAILED);
	ck_assert_int_eq(dtls_error(p.end[end], &text), SLUICE_TIMED_OUT);
	ck_assert_uint_gt(strlen(text), 0);
	ck_assert_uint_eq(dtls_deadline(p.end[end]), SLUICE_NEVER);
}

START_TEST(test_client_and_server_give_up_after_the_same_silence) {
	pair_init(&p, NULL);
	p.lost = UINT64_MAX;
	p.config[CLIENT].patience = p.config[SERVER].patience = 7 * SLUICE_S;
	pair_open(&p);
	pair_start(&p);
	pair_run(&p, 7 * SLUICE_S - 1);
	ck_assert_int_eq(dtls_state(p.end[CLIENT]), DTLS_HANDSHAKING);
	ck_assert_int_eq(dtls_state(p.end[SERVER]), DTLS_HANDSHAKING);
	pair_run(&p, 7 * SLUICE_S);
	ck_given_up(CLIENT);
	ck_given_up(SERVER);
	pair_free(&p);
}
END_TEST

START_TEST(test_who_is_heard_is_waited_for_anew) {
	pair_init(&p, NULL);
	p.config[CLIENT].patience = p.config[SERVER].patience = 7 * SLUICE_S;
	p.deaf_until[CLIENT] = AN_HOUR;
	pair_open(&p);
	pair_start(&p);
	pair_run(&p, 60 * SLUICE_S);
	ck_given_up(CLIENT); /* at 7 s, having repeated until then */
	ck_given_up(SERVER);
	ck_assert_uint_eq(pair_stats(&p, CLIENT).flights_repeated, 7);
	ck_assert_uint_ge(pair_stats(&p, SERVER).flights_repeated, 7);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_handshake_that_waits_for_its_fingerprint_does_not_time_out) {
	pair_init(&p, NULL);
	sluice_fingerprint f = p.config[CLIENT].remote;
	p.config[CLIENT].remote = (sluice_fingerprint){0};
	p.config[CLIENT].patience = p.config[SERVER].patience = 7 * SLUICE_S;
	pair_open(&p);
	pair_start(&p);
	pair_run(&p, AN_HOUR);
	p.now = AN_HOUR;
	dtls_advance(p.end[CLIENT], p.now);
	ck_assert_int_eq(dtls_state(p.end[CLIENT]), DTLS_HANDSHAKING);
	ck_assert_int_eq(dtls_set_remote(p.end[CLIENT], &f), 0);
	ck_assert(pair_connected(&p));
	pair_free(&p);
}
END_TEST

SUITE("dtls and silence", test_a_flight_that_is_lost_for_long_is_repeated_until_it_is_answered,
      test_a_server_that_comes_an_hour_late_is_found, test_a_repetition_has_numbers_of_its_own,
      test_a_flight_that_has_not_left_is_not_repeated, test_a_path_that_swallows_long_datagrams_is_passed_with_short_ones,
      test_no_first_timeout_is_longer_than_three_seconds, test_client_and_server_give_up_after_the_same_silence,
      test_who_is_heard_is_waited_for_anew, test_a_handshake_that_waits_for_its_fingerprint_does_not_time_out)
