/* The DTLS handshake: how it comes up over a bad network, whom it trusts, and how it ends. Virtual time throughout. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "dtls_pair.h"

static struct pair p; /* a test runs in a process of its own */

/* ---- a good network ------------------------------------------------------------------------------------------------ */

START_TEST(test_a_handshake_takes_four_flights_of_one_datagram_each_and_no_time_of_its_own) {
	pair_init(&p, NULL);
	p.delay = 10 * SLUICE_MS;
	pair_open(&p);
	ck_assert_str_eq(dtls_cipher(p.end[CLIENT]), "");
	pair_start(&p);
	ck_assert_uint_eq(pair_connect(&p, SLUICE_S), 40 * SLUICE_MS);
	ck_assert_uint_eq(p.sent, 4);
	ck_assert_str_eq(dtls_cipher(p.end[CLIENT]), "ECDHE-ECDSA-AES128-GCM-SHA256");
	ck_assert_str_eq(dtls_cipher(p.end[SERVER]), "ECDHE-ECDSA-AES128-GCM-SHA256");
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(pair_stats(&p, i).flights_repeated, 0);
		ck_assert_uint_eq(pair_stats(&p, i).records_discarded, 0);
		ck_assert_uint_eq(dtls_deadline(p.end[i]), SLUICE_NEVER);
	}
	pair_talk(&p);
	pair_free(&p);
}
END_TEST

static const struct {
	const char *name;
	size_t headroom, tailroom;
} suites[] = {
	{"ECDHE-ECDSA-AES128-GCM-SHA256", 21, 16},
	{"ECDHE-ECDSA-AES256-GCM-SHA384", 21, 16},
	{"ECDHE-ECDSA-CHACHA20-POLY1305", 13, 16},
};

START_TEST(test_each_suite_has_its_rooms) {
	for (size_t i = 0; i < sizeof suites / sizeof *suites; i++) {
		pair_init(&p, NULL);
		p.config[CLIENT].ciphers = p.config[SERVER].ciphers = suites[i].name;
		pair_open(&p);
		ck_assert_uint_eq(dtls_headroom(p.end[CLIENT]), 21);
		ck_assert_uint_eq(dtls_tailroom(p.end[CLIENT]), 16);
		pair_start(&p);
		ck_assert_uint_ne(pair_connect(&p, SLUICE_S), SLUICE_NEVER);
		for (int e = 0; e < 2; e++) {
			ck_assert_uint_eq(dtls_headroom(p.end[e]), suites[i].headroom);
			ck_assert_uint_eq(dtls_tailroom(p.end[e]), suites[i].tailroom);
		}
		pair_talk(&p);
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_a_server_prefers_aes_gcm_over_a_client_that_names_chacha_first) {
	pair_init(&p, NULL);
	p.config[CLIENT].ciphers = "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256";
	pair_open(&p);
	pair_start(&p);
	ck_assert_uint_ne(pair_connect(&p, SLUICE_S), SLUICE_NEVER);
	ck_assert_str_eq(dtls_cipher(p.end[SERVER]), "ECDHE-ECDSA-AES128-GCM-SHA256");
	pair_free(&p);
}
END_TEST

START_TEST(test_a_configuration_that_cannot_work_is_refused) {
	pair_init(&p, NULL);
	struct dtls *d;
	struct dtls_config c = p.config[CLIENT];
	c.mtu = 255;
	ck_assert_int_eq(dtls_new(p.env, &c, &d), SLUICE_INVALID);
	c = p.config[CLIENT];
	c.certificate = NULL;
	ck_assert_int_eq(dtls_new(p.env, &c, &d), SLUICE_INVALID);
	c = p.config[CLIENT];
	c.ciphers = "no-such-suite";
	ck_assert_int_eq(dtls_new(p.env, &c, &d), SLUICE_INVALID);
	c.ciphers = "ECDHE-ECDSA-AES128-SHA"; /* CBC: the length of its padding depends on the plaintext */
	ck_assert_int_eq(dtls_new(p.env, &c, &d), SLUICE_INVALID);
	c = p.config[CLIENT];
	c.remote.hash = (enum sluice_hash)17;
	ck_assert_int_eq(dtls_new(p.env, &c, &d), SLUICE_INVALID);
	pair_free(&p);
}
END_TEST

/* ---- a bad network ------------------------------------------------------------------------------------------------- */

START_TEST(test_a_lost_first_flight_costs_fifty_milliseconds) {
	pair_init(&p, NULL);
	p.lost = 1;
	pair_open(&p);
	pair_start(&p);
	ck_assert_uint_eq(pair_connect(&p, 200 * SLUICE_MS), 50 * SLUICE_MS);
	ck_assert_uint_eq(pair_stats(&p, CLIENT).flights_repeated, 1);
	pair_talk(&p);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_lost_last_flight_is_answered_again) {
	pair_init(&p, NULL);
	p.lost = 1 << 3;
	pair_open(&p);
	pair_start(&p);
	while (dtls_state(p.end[SERVER]) != DTLS_CONNECTED)
		ck_assert(pair_step(&p, 200 * SLUICE_MS));
	ck_assert_int_eq(dtls_state(p.end[CLIENT]), DTLS_HANDSHAKING);
	ck_assert_uint_eq(dtls_deadline(p.end[SERVER]), 0); /* the flight is due */
	ck_assert_uint_eq(pair_connect(&p, 200 * SLUICE_MS), 50 * SLUICE_MS);
	ck_assert_uint_eq(pair_stats(&p, SERVER).flights_repeated, 1);
	ck_assert_uint_eq(dtls_deadline(p.end[SERVER]), SLUICE_NEVER);
	pair_talk(&p);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_repeated_flight_takes_as_few_datagrams_as_the_first) {
	pair_init(&p, NULL);
	p.lost = 1 << 1; /* the server's: five messages */
	pair_open(&p);
	pair_start(&p);
	ck_assert_uint_eq(pair_connect(&p, SLUICE_S), 50 * SLUICE_MS);
	ck_assert_uint_eq(p.sent, 6); /* four, one of them lost, and both ends repeated theirs */
	pair_free(&p);
}
END_TEST

/* Flights are one datagram each at this MTU, and a repetition counts on: 8 covers every pair of losses. */
#define MASK_BITS 8

static uint64_t connect_with_losses(uint64_t lost, size_t mtu) {
	pair_init(&p, NULL);
	p.config[CLIENT].mtu = p.config[SERVER].mtu = mtu;
	p.lost = lost;
	pair_open(&p);
	pair_start(&p);
	uint64_t took = pair_connect(&p, 10 * SLUICE_S);
	if (took != SLUICE_NEVER)
		pair_talk(&p);
	pair_free(&p);
	return took;
}

START_TEST(test_every_single_lost_datagram_and_every_pair_is_repaired_within_200_ms) {
	for (int i = 0; i < MASK_BITS; i++)
		for (int j = i; j < MASK_BITS; j++) {
			uint64_t took = connect_with_losses(UINT64_C(1) << i | UINT64_C(1) << j, 1200);
			ck_assert_msg(took <= 200 * SLUICE_MS, "lost %d and %d: %lu us", i, j, (unsigned long)(took / 1000));
		}
}
END_TEST

START_TEST(test_every_loss_mask_of_the_first_eight_datagrams_is_repaired) {
	for (uint64_t lost = 0; lost < 256; lost++) {
		uint64_t took = connect_with_losses(lost, 1200);
		ck_assert_msg(took < 10 * SLUICE_S, "lost %02lx: %lu us", (unsigned long)lost, (unsigned long)(took / 1000));
	}
}
END_TEST

START_TEST(test_every_single_lost_fragment_at_the_smallest_mtu_is_repaired_within_200_ms) {
	for (int i = 0; i < 24; i++) {
		uint64_t took = connect_with_losses(UINT64_C(1) << i, 256);
		ck_assert_msg(took <= 200 * SLUICE_MS, "lost %d: %lu us", i, (unsigned long)(took / 1000));
	}
}
END_TEST

START_TEST(test_duplicates_change_nothing) {
	pair_init(&p, NULL);
	p.twice = true;
	pair_open(&p);
	pair_start(&p);
	ck_assert_uint_eq(pair_connect(&p, SLUICE_S), 0);
	pair_run(&p, SLUICE_S);
	pair_talk(&p);
	pair_free(&p);
}
END_TEST

START_TEST(test_flights_that_arrive_backwards_are_put_in_order) {
	pair_init(&p, NULL);
	p.config[CLIENT].mtu = p.config[SERVER].mtu = 256;
	p.backwards = true;
	pair_open(&p);
	pair_start(&p);
	ck_assert_uint_eq(pair_connect(&p, SLUICE_S), 0);
	ck_assert_uint_eq(pair_stats(&p, CLIENT).flights_repeated + pair_stats(&p, SERVER).flights_repeated, 0);
	pair_talk(&p);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_slow_path_is_not_flooded_with_repetitions) {
	pair_init(&p, NULL);
	p.delay = 250 * SLUICE_MS; /* a satellite: every flight is repeated before its answer can come */
	pair_open(&p);
	pair_start(&p);
	ck_assert_uint_eq(pair_connect(&p, 10 * SLUICE_S), SLUICE_S);
	pair_run(&p, 10 * SLUICE_S);
	/* 50, 150, 350 for the first; from then on the value that was reached is kept. */
	ck_assert_uint_le(pair_stats(&p, CLIENT).flights_repeated, 5);
	ck_assert_uint_le(pair_stats(&p, SERVER).flights_repeated, 6);
	pair_talk(&p);
	pair_free(&p);
}
END_TEST

START_TEST(test_repetitions_into_silence_back_off_to_three_seconds) {
	pair_init(&p, NULL);
	p.lost = UINT64_MAX;
	pair_open(&p);
	pair_start(&p);
	uint64_t expected = 0, timeout = 50 * SLUICE_MS;
	for (unsigned i = 0; i < 30; i++) {
		pair_flush(&p);
		expected += timeout;
		ck_assert_uint_eq(dtls_deadline(p.end[CLIENT]), expected);
		p.now = expected;
		dtls_advance(p.end[CLIENT], p.now - 1);
		ck_assert_uint_eq(pair_stats(&p, CLIENT).flights_repeated, i);
		dtls_advance(p.end[CLIENT], p.now);
		ck_assert_uint_eq(pair_stats(&p, CLIENT).flights_repeated, i + 1);
		timeout = timeout * 2 < 3 * SLUICE_S ? timeout * 2 : 3 * SLUICE_S;
	}
	ck_assert_int_eq(dtls_state(p.end[CLIENT]), DTLS_HANDSHAKING);
	pair_free(&p);
}
END_TEST

/* ---- the ClientHello in pieces ------------------------------------------------------------------------------------- */

static uint8_t *put16(uint8_t *at, size_t v) {
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
	return at + 2;
}

static uint8_t *put_extension(uint8_t *at, unsigned type, const void *body, size_t len) {
	at = put16(put16(at, type), len);
	if (len)
		memcpy(at, body, len);
	return at + len;
}

/* The body of a ClientHello as a browser sends it: DTLS 1.3 and 1.2 offered, a key share that the server does not know
 * and that alone is longer than a datagram. Returns its length. */
static size_t browser_hello(uint8_t *hello, size_t total) {
	static const uint8_t versions[] = {4, 0xfe, 0xfc, 0xfe, 0xfd}, groups[] = {0, 6, 0x11, 0xec, 0, 29, 0, 23},
			     algorithms[] = {0, 4, 4, 3, 8, 4}, points[] = {1, 0}, renegotiation[] = {0};
	static const uint8_t suites_offered[] = {0, 12, 0x13, 0x01, 0xc0, 0x2b, 0xc0, 0x2f, 0xcc, 0xa9, 0xcc, 0xa8, 0xc0, 0x0a};
	static uint8_t share[2048];
	uint8_t *at = put16(hello, 0xfefd);
	memset(at, 0x5a, 32);
	at += 32;
	*at++ = 0; /* session id */
	*at++ = 0; /* cookie */
	memcpy(at, suites_offered, sizeof suites_offered);
	at += sizeof suites_offered;
	*at++ = 1; /* compression: none */
	*at++ = 0;
	uint8_t *extensions = at;
	at = put_extension(at + 2, 23, NULL, 0); /* extended master secret */
	at = put_extension(at, 0xff01, renegotiation, sizeof renegotiation);
	at = put_extension(at, 10, groups, sizeof groups);
	at = put_extension(at, 11, points, sizeof points);
	at = put_extension(at, 13, algorithms, sizeof algorithms);
	at = put_extension(at, 43, versions, sizeof versions);
	size_t rest = total - (size_t)(at - hello) - 4;
	size_t entry = rest - 2 - 4;
	put16(put16(put16(share, rest - 2), 0x11ec), entry);
	at = put_extension(at, 51, share, rest);
	put16(extensions, (size_t)(at - extensions) - 2);
	return (size_t)(at - hello);
}

/* One fragment of a ClientHello as a record of its own. */
static size_t hello_fragment(uint8_t *out, const uint8_t *hello, size_t total, size_t offset, size_t len, unsigned sequence) {
	static const uint8_t header[] = {22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0};
	memcpy(out, header, sizeof header);
	out[10] = (uint8_t)sequence;
	uint8_t *at = put16(out + 11, 12 + len);
	*at++ = 1;
	*at++ = 0;
	at = put16(at, total);
	at = put16(at, 0); /* message_seq */
	*at++ = 0;
	at = put16(at, offset);
	*at++ = 0;
	at = put16(at, len);
	memcpy(at, hello + offset, len);
	return 13 + 12 + len;
}

START_TEST(test_a_client_hello_in_fragments_is_put_together_in_either_order) {
	for (size_t cut = 1; cut < 100; cut += 7)
		for (int first = 0; first < 2; first++) {
			uint8_t hello[DATAGRAM_MAX], piece[2][DATAGRAM_MAX];
			sluice_batch b = {.data = hello, .capacity = sizeof hello};
			pair_init(&p, NULL);
			pair_open(&p);
			pair_start(&p);
			ck_assert_int_eq(dtls_output(p.end[CLIENT], &b, 0), 1);
			size_t total = b.last - 25;
			/* The client goes on with record 1; a number ahead of that keeps its later records in the window. */
			size_t len[2] = {hello_fragment(piece[0], hello + 25, total, 0, cut, 0),
			                 hello_fragment(piece[1], hello + 25, total, cut, total - cut, 40)};
			pair_input(&p, SERVER, piece[first], len[first]);
			pair_input(&p, SERVER, piece[1 - first], len[1 - first]);
			ck_assert_uint_eq(pair_connect(&p, SLUICE_S), 0);
			pair_talk(&p);
			pair_free(&p);
		}
}
END_TEST

static const struct {
	size_t total, first;
	bool backwards;
} hellos[] = {
	{1413 - 50, 1150, false}, /* the lengths that Chromium and Firefox send, records and headers included */
	{1413 - 50, 1150, true},  {1461 - 50, 1150, false}, {1461 - 50, 1150, true},
	{1461 - 50, 1, true},     {1461 - 50, 1410, false},
};

START_TEST(test_a_browsers_client_hello_in_two_datagrams_is_answered) {
	for (size_t i = 0; i < sizeof hellos / sizeof *hellos; i++) {
		uint8_t hello[2048], piece[2][2048], space[4096];
		pair_init(&p, NULL);
		pair_open(&p);
		pair_start(&p);
		size_t total = browser_hello(hello, hellos[i].total);
		ck_assert_uint_eq(total, hellos[i].total);
		size_t len[2] = {hello_fragment(piece[0], hello, total, 0, hellos[i].first, 0),
		                 hello_fragment(piece[1], hello, total, hellos[i].first, total - hellos[i].first, 1)};
		int first = hellos[i].backwards;
		pair_input(&p, SERVER, piece[first], len[first]);
		sluice_batch b = {.data = space, .capacity = sizeof space};
		ck_assert_int_eq(dtls_output(p.end[SERVER], &b, 0), 0);
		pair_input(&p, SERVER, piece[1 - first], len[1 - first]);
		ck_assert_int_ge(dtls_output(p.end[SERVER], &b, 0), 1);
		ck_assert_uint_eq(space[0], 22); /* handshake */
		ck_assert_uint_eq(space[13], 2); /* ServerHello */
		ck_assert_uint_eq(pair_stats(&p, SERVER).records_discarded, 0);
		/* In the hello body: version 2, random 32, the session id with its length, and the suite. */
		const uint8_t *suite = space + 25 + 35 + space[25 + 34];
		ck_assert_uint_eq(suite[0] << 8 | suite[1], 0xc02b);
		pair_free(&p);
	}
}
END_TEST

/* ---- whom to trust ------------------------------------------------------------------------------------------------- */

START_TEST(test_each_hash_is_checked) {
	for (int hash = SLUICE_SHA256; hash <= SLUICE_SHA512; hash++) {
		pair_init(&p, NULL);
		pair_remote(&p, CLIENT, (enum sluice_hash)hash);
		pair_remote(&p, SERVER, (enum sluice_hash)hash);
		pair_open(&p);
		pair_start(&p);
		ck_assert_uint_ne(pair_connect(&p, SLUICE_S), SLUICE_NEVER);
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_a_digest_that_differs_in_its_last_byte_fails_both_sides) {
	for (int liar = 0; liar < 2; liar++)
		for (int hash = SLUICE_SHA256; hash <= SLUICE_SHA512; hash++) {
			pair_init(&p, NULL);
			pair_remote(&p, liar, (enum sluice_hash)hash);
			p.config[liar].remote.digest[16 * (hash + 1) - 1] ^= 1;
			pair_open(&p);
			pair_start(&p);
			pair_run(&p, SLUICE_S);
			const char *text;
			ck_assert_int_eq(dtls_state(p.end[liar]), DTLS_FAILED);
			ck_assert_int_eq(dtls_error(p.end[liar], NULL), SLUICE_FINGERPRINT);
			ck_assert_int_eq(dtls_state(p.end[1 - liar]), DTLS_FAILED);
			ck_assert_int_eq(dtls_error(p.end[1 - liar], &text), SLUICE_ABORTED);
			ck_assert_str_eq(text, "bad certificate");
			ck_assert_uint_eq(p.data_len[0] + p.data_len[1], 0);
			pair_free(&p);
		}
}
END_TEST

START_TEST(test_nothing_is_sealed_or_opened_before_the_fingerprint_is_known_and_then_what_waited_comes_out) {
	uint8_t record[DATAGRAM_MAX];
	pair_init(&p, NULL);
	sluice_fingerprint remote = p.config[SERVER].remote;
	p.config[SERVER].remote = (sluice_fingerprint){0};
	pair_open(&p);
	pair_start(&p);
	pair_run(&p, SLUICE_S);
	ck_assert_int_eq(dtls_state(p.end[CLIENT]), DTLS_CONNECTED);
	ck_assert_int_eq(dtls_state(p.end[SERVER]), DTLS_HANDSHAKING);
	ck_assert_uint_eq(dtls_deadline(p.end[SERVER]), SLUICE_NEVER);
	for (uint8_t i = 0; i < 18; i++) { /* two more than are kept */
		size_t len = pair_seal(&p, CLIENT, record, sizeof record, i, 50);
		ck_assert_uint_eq(pair_input(&p, SERVER, record, len), 0);
	}
	sluice_batch b = {.data = record, .count = 1, .headroom = 21, .tailroom = 16, .stride = 100, .last = 100};
	ck_assert_int_eq(dtls_seal(p.end[SERVER], &b), SLUICE_WRONG_STATE);
	ck_assert_int_eq(dtls_export(p.end[SERVER], "x", record, 16), SLUICE_WRONG_STATE);
	ck_assert_uint_eq(pair_stats(&p, SERVER).records_discarded, 2);
	ck_assert_uint_eq(pair_stats(&p, SERVER).records_opened, 0);

	ck_assert_int_eq(dtls_set_remote(p.end[SERVER], &remote), 0);
	ck_assert_int_eq(dtls_state(p.end[SERVER]), DTLS_CONNECTED);
	ck_assert_int_eq(dtls_set_remote(p.end[SERVER], &remote), SLUICE_WRONG_STATE);
	sluice_datagram out[10];
	size_t n = dtls_open(p.end[SERVER], NULL, 0, out, 10, p.now); /* less room than there are: the rest waits */
	ck_assert_uint_eq(n, 10);
	pair_take(&p, SERVER, out, n);
	n = dtls_open(p.end[SERVER], NULL, 0, out, 10, p.now);
	ck_assert_uint_eq(n, 6);
	ck_assert_ptr_null(out[0].slab);
	pair_take(&p, SERVER, out, n);
	for (size_t i = 0; i < 16 * 50; i++)
		ck_assert_uint_eq(p.data[SERVER][i], i / 50);
	pair_talk(&p);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_fingerprint_may_be_told_while_the_handshake_runs) {
	for (int late = 0; late < 2; late++) {
		pair_init(&p, NULL);
		sluice_fingerprint remote = p.config[late].remote;
		p.config[late].remote = (sluice_fingerprint){0};
		pair_open(&p);
		ck_assert_int_eq(dtls_set_remote(p.end[late], &(sluice_fingerprint){0}), SLUICE_INVALID);
		pair_start(&p);
		pair_step(&p, SLUICE_S);
		pair_step(&p, SLUICE_S);
		ck_assert_int_eq(dtls_set_remote(p.end[late], &remote), 0);
		ck_assert_uint_ne(pair_connect(&p, SLUICE_S), SLUICE_NEVER);
		pair_talk(&p);
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_a_wrong_fingerprint_that_comes_late_ends_the_connection) {
	for (int late = 0; late < 2; late++) {
		uint8_t record[DATAGRAM_MAX];
		pair_init(&p, NULL);
		sluice_fingerprint remote = p.config[late].remote;
		p.config[late].remote = (sluice_fingerprint){0};
		pair_open(&p);
		pair_start(&p);
		pair_run(&p, SLUICE_S);
		size_t len = pair_seal(&p, 1 - late, record, sizeof record, 1, 50);
		pair_input(&p, late, record, len);
		remote.digest[0] ^= 0x80;
		ck_assert_int_eq(dtls_set_remote(p.end[late], &remote), SLUICE_FINGERPRINT);
		ck_assert_int_eq(dtls_state(p.end[late]), DTLS_FAILED);
		ck_assert_int_eq(dtls_error(p.end[late], NULL), SLUICE_FINGERPRINT);
		ck_assert_uint_eq(dtls_open(p.end[late], NULL, 0, NULL, 0, p.now), 0);
		pair_run(&p, SLUICE_S);
		ck_assert_int_eq(dtls_error(p.end[1 - late], NULL), SLUICE_ABORTED); /* by bad_certificate */
		ck_assert_uint_eq(p.data_len[late], 0);
		pair_free(&p);
	}
}
END_TEST

/* ---- data that comes early ----------------------------------------------------------------------------------------- */

START_TEST(test_data_that_overtakes_the_last_flight_is_kept) {
	uint8_t record[DATAGRAM_MAX];
	pair_init(&p, NULL);
	p.delay = 10 * SLUICE_MS;
	pair_open(&p);
	pair_start(&p);
	while (dtls_state(p.end[SERVER]) != DTLS_CONNECTED)
		ck_assert(pair_step(&p, SLUICE_S));
	for (uint8_t i = 0; i < 5; i++) { /* long records: together far longer than the flight that releases them */
		size_t len = pair_seal(&p, SERVER, record, sizeof record, i, 1100);
		ck_assert_uint_eq(pair_input(&p, CLIENT, record, len), 0);
	}
	ck_assert_int_eq(dtls_state(p.end[CLIENT]), DTLS_HANDSHAKING);
	pair_run(&p, SLUICE_S);
	ck_assert_int_eq(dtls_state(p.end[CLIENT]), DTLS_CONNECTED);
	ck_assert_uint_eq(p.records[CLIENT], 5);
	for (size_t i = 0; i < 5 * 1100; i++)
		ck_assert_uint_eq(p.data[CLIENT][i], i / 1100);
	ck_assert_uint_eq(pair_stats(&p, CLIENT).records_discarded, 0);
	pair_free(&p);
}
END_TEST

START_TEST(test_data_in_the_datagram_of_the_last_flight_comes_out_at_once) {
	uint8_t both[DATAGRAM_MAX];
	pair_init(&p, NULL);
	p.delay = 10 * SLUICE_MS;
	pair_open(&p);
	pair_start(&p);
	while (dtls_state(p.end[SERVER]) != DTLS_CONNECTED)
		ck_assert(pair_step(&p, SLUICE_S));
	sluice_batch b = {.data = both, .capacity = sizeof both};
	ck_assert_int_eq(dtls_output(p.end[SERVER], &b, p.now), 1);
	size_t len = b.last;
	len += pair_seal(&p, SERVER, both + len, sizeof both - len, 0x77, 10);
	ck_assert_uint_eq(pair_input(&p, CLIENT, both, len), 1);
	ck_assert_uint_eq(p.data[CLIENT][9], 0x77);
	pair_free(&p);
}
END_TEST

/* ---- the end ------------------------------------------------------------------------------------------------------- */

START_TEST(test_close_notify_closes_both_sides_and_is_answered) {
	for (int closer = 0; closer < 2; closer++) {
		pair_make(&p);
		pair_run(&p, SLUICE_S);
		unsigned sent = p.sent;
		dtls_close(p.end[closer]);
		dtls_close(p.end[closer]);
		ck_assert_int_eq(dtls_state(p.end[closer]), DTLS_CLOSED);
		ck_assert_int_eq(dtls_error(p.end[closer], NULL), 0);
		ck_assert_uint_eq(dtls_deadline(p.end[closer]), 0);
		pair_run(&p, SLUICE_S);
		ck_assert_int_eq(dtls_state(p.end[1 - closer]), DTLS_CLOSED);
		ck_assert_int_eq(dtls_error(p.end[1 - closer], NULL), SLUICE_CLOSED);
		ck_assert_uint_eq(p.sent, sent + 2);
		uint8_t record[100];
		sluice_batch b = {.data = record, .count = 1, .headroom = 21, .tailroom = 16, .stride = 100, .last = 100};
		ck_assert_int_eq(dtls_seal(p.end[closer], &b), SLUICE_WRONG_STATE);
		ck_assert_int_eq(dtls_seal(p.end[1 - closer], &b), SLUICE_WRONG_STATE);
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_two_ends_without_a_common_suite_fail_with_an_alert) {
	pair_init(&p, NULL);
	p.config[CLIENT].ciphers = "ECDHE-ECDSA-CHACHA20-POLY1305";
	p.config[SERVER].ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256";
	pair_open(&p);
	pair_start(&p);
	pair_run(&p, SLUICE_S);
	ck_assert_int_eq(dtls_error(p.end[SERVER], NULL), SLUICE_PROTOCOL);
	ck_assert_int_eq(dtls_error(p.end[CLIENT], NULL), SLUICE_ABORTED);
	pair_free(&p);
}
END_TEST

START_TEST(test_closing_before_the_handshake_is_over_says_nothing_and_stops_the_timer) {
	pair_init(&p, NULL);
	pair_open(&p);
	dtls_close(p.end[SERVER]);
	ck_assert_int_eq(dtls_start(p.end[SERVER], 0), SLUICE_WRONG_STATE);
	ck_assert_int_eq(dtls_start(p.end[CLIENT], 0), 0);
	ck_assert_int_eq(dtls_start(p.end[CLIENT], 0), SLUICE_WRONG_STATE);
	pair_flush(&p);
	dtls_close(p.end[CLIENT]);
	ck_assert_uint_eq(dtls_deadline(p.end[CLIENT]), SLUICE_NEVER);
	dtls_advance(p.end[CLIENT], 100 * SLUICE_S);
	pair_run(&p, 100 * SLUICE_S);
	ck_assert_uint_eq(p.sent, 1);
	pair_free(&p);
}
END_TEST

/* ---- keys ---------------------------------------------------------------------------------------------------------- */

START_TEST(test_both_ends_export_the_same_bytes_and_other_labels_other_bytes) {
	uint8_t a[60], b[60], c[60];
	pair_init(&p, NULL);
	pair_open(&p);
	ck_assert_int_eq(dtls_export(p.end[CLIENT], "EXTRACTOR-dtls_srtp", a, sizeof a), SLUICE_WRONG_STATE);
	pair_start(&p);
	ck_assert_uint_ne(pair_connect(&p, SLUICE_S), SLUICE_NEVER);
	ck_assert_int_eq(dtls_export(p.end[CLIENT], "EXTRACTOR-dtls_srtp", a, sizeof a), 0);
	ck_assert_int_eq(dtls_export(p.end[SERVER], "EXTRACTOR-dtls_srtp", b, sizeof b), 0);
	ck_assert_int_eq(dtls_export(p.end[SERVER], "EXTRACTOR-other", c, sizeof c), 0);
	ck_assert_mem_eq(a, b, sizeof a);
	ck_assert_mem_ne(a, c, sizeof a);
	pair_free(&p);
}
END_TEST

START_TEST(test_keys_are_logged_to_the_file_that_the_environment_names_and_appended) {
	char path[] = "/tmp/test_dtls_keys_XXXXXX", text[4096] = "";
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "before\n", 7), 7);
	setenv("SSLKEYLOGFILE", path, 1);
	pair_make(&p);
	pair_free(&p);
	unsetenv("SSLKEYLOGFILE");
	ssize_t n = pread(fd, text, sizeof text - 1, 0);
	close(fd);
	unlink(path);
	ck_assert_int_gt(n, 7);
	ck_assert_mem_eq(text, "before\n", 7);
	/* One line an end, with the same secret: "CLIENT_RANDOM <64 digits> <96 digits>". */
	ck_assert_uint_eq((size_t)n, 7 + 2 * (14 + 64 + 1 + 96 + 1));
	ck_assert_mem_eq(text + 7, "CLIENT_RANDOM ", 14);
	ck_assert_mem_eq(text + 7, text + 7 + 176, 176);
}
END_TEST

/* ---- output -------------------------------------------------------------------------------------------------------- */

START_TEST(test_output_leaves_the_rooms_that_a_layer_below_wants_and_stops_at_the_space) {
	uint8_t space[4096];
	pair_init(&p, NULL);
	p.config[SERVER].mtu = 256;
	pair_open(&p);
	pair_start(&p);
	sluice_batch b = {.data = space, .capacity = sizeof space, .headroom = 5, .tailroom = 7};
	memset(space, 0xee, sizeof space);
	ck_assert_int_eq(dtls_output(p.end[CLIENT], &b, 0), 1);
	ck_assert_uint_eq(space[4], 0xee);
	ck_assert_uint_eq(space[5], 22);
	ck_assert_uint_eq(space[b.last - 7], 0xee);
	pair_input(&p, SERVER, space + 5, b.last - 12);

	/* The server's flight: several datagrams, cut unevenly; whatever comes out, all but the last of a batch are equal. */
	b = (sluice_batch){.data = space, .capacity = 100};
	ck_assert_int_eq(dtls_output(p.end[SERVER], &b, 0), SLUICE_NO_SPACE);
	b = (sluice_batch){.data = space, .capacity = sizeof space, .max_datagrams = 1};
	ck_assert_int_eq(dtls_output(p.end[SERVER], &b, 0), 1);
	unsigned more = 0;
	for (;;) {
		b = (sluice_batch){.data = space, .capacity = sizeof space};
		int n = dtls_output(p.end[SERVER], &b, 0);
		if (n == 0)
			break;
		ck_assert_uint_le(b.last, b.stride);
		more += (unsigned)n;
	}
	ck_assert_uint_ge(more, 2);
	pair_free(&p);
}
END_TEST

SUITE("dtls", test_a_handshake_takes_four_flights_of_one_datagram_each_and_no_time_of_its_own, test_each_suite_has_its_rooms,
      test_a_server_prefers_aes_gcm_over_a_client_that_names_chacha_first, test_a_configuration_that_cannot_work_is_refused,
      test_a_lost_first_flight_costs_fifty_milliseconds, test_a_lost_last_flight_is_answered_again,
      test_a_repeated_flight_takes_as_few_datagrams_as_the_first,
      test_every_single_lost_datagram_and_every_pair_is_repaired_within_200_ms,
      test_every_loss_mask_of_the_first_eight_datagrams_is_repaired,
      test_every_single_lost_fragment_at_the_smallest_mtu_is_repaired_within_200_ms, test_duplicates_change_nothing,
      test_flights_that_arrive_backwards_are_put_in_order, test_a_slow_path_is_not_flooded_with_repetitions,
      test_repetitions_into_silence_back_off_to_three_seconds, test_a_client_hello_in_fragments_is_put_together_in_either_order,
      test_a_browsers_client_hello_in_two_datagrams_is_answered, test_each_hash_is_checked,
      test_a_digest_that_differs_in_its_last_byte_fails_both_sides,
      test_nothing_is_sealed_or_opened_before_the_fingerprint_is_known_and_then_what_waited_comes_out,
      test_a_fingerprint_may_be_told_while_the_handshake_runs, test_a_wrong_fingerprint_that_comes_late_ends_the_connection,
      test_data_that_overtakes_the_last_flight_is_kept, test_data_in_the_datagram_of_the_last_flight_comes_out_at_once,
      test_close_notify_closes_both_sides_and_is_answered, test_two_ends_without_a_common_suite_fail_with_an_alert,
      test_closing_before_the_handshake_is_over_says_nothing_and_stops_the_timer,
      test_both_ends_export_the_same_bytes_and_other_labels_other_bytes,
      test_keys_are_logged_to_the_file_that_the_environment_names_and_appended,
      test_output_leaves_the_rooms_that_a_layer_below_wants_and_stops_at_the_space)
