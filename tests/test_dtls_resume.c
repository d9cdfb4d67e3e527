/* The same two ends once more: an abbreviated handshake, and everything that must keep it from being one. */
#include "dtls/certificate.h"
#include "dtls_pair.h"

static bool refuses[2];
static struct pair p; /* a test runs in a process of its own */

/* Connects with a delay of 10 ms; returns how long it took until both were up. */
static uint64_t connect_once(void) {
	uint64_t start = p.now;
	p.delay = 10 * SLUICE_MS;
	for (int i = 0; i < 2; i++)
		p.config[i].resume = !refuses[i];
	pair_open(&p);
	pair_start(&p);
	uint64_t end = pair_connect(&p, p.now + 5 * SLUICE_S);
	return end == SLUICE_NEVER ? end : end - start;
}

static void hang_up(bool in_order) {
	if (in_order) {
		dtls_close(p.end[CLIENT]);
		pair_run(&p, p.now + SLUICE_S);
	}
	pair_hang_up(&p);
}

START_TEST(test_the_second_handshake_takes_one_round_trip_less_however_the_first_ended) {
	for (int in_order = 0; in_order < 2; in_order++) {
		pair_init(&p, NULL);
		ck_assert_uint_eq(connect_once(), 40 * SLUICE_MS);
		ck_assert(!dtls_resumed(p.end[CLIENT]) && !dtls_resumed(p.end[SERVER]));
		hang_up(in_order);
		for (int again = 0; again < 3; again++) {
			/* The client is up after one round trip, the server half of one later. */
			ck_assert_uint_eq(connect_once(), 30 * SLUICE_MS);
			ck_assert_uint_eq(p.sent, 3);
			ck_assert(dtls_resumed(p.end[CLIENT]) && dtls_resumed(p.end[SERVER]));
			pair_talk(&p);
			for (int i = 0; i < 2; i++) {
				sluice_fingerprint f;
				ck_assert_int_eq(dtls_remote_fingerprint(p.end[i], SLUICE_SHA256, &f), 0);
				ck_assert_mem_eq(&f, &p.config[i].remote, sizeof f);
			}
			hang_up(in_order);
		}
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_it_is_found_by_any_hash_and_among_several) {
	pair_init(&p, NULL);
	connect_once();
	hang_up(true);
	sluice_fingerprint set[2] = {{.hash = SLUICE_SHA512}};
	ck_assert_int_eq(sluice_certificate_fingerprint(p.certificate[SERVER], SLUICE_SHA512, &set[1]), 0);
	p.config[CLIENT].remotes = set;
	p.config[CLIENT].remote_count = 2;
	ck_assert_uint_eq(connect_once(), 30 * SLUICE_MS);
	pair_free(&p);
}
END_TEST

START_TEST(test_losses_and_turned_datagrams_are_repaired_in_an_abbreviated_handshake_too) {
	for (uint64_t lost = 0; lost < 64; lost++)
		for (int backwards = 0; backwards < 2; backwards++) {
			pair_init(&p, NULL);
			p.config[0].handshake_mtu = p.config[1].handshake_mtu = 256;
			connect_once();
			hang_up(true);
			p.lost = lost;
			p.backwards = backwards;
			ck_assert_uint_ne(connect_once(), SLUICE_NEVER);
			ck_assert(dtls_resumed(p.end[CLIENT]));
			pair_talk(&p);
			pair_free(&p);
		}
}
END_TEST

/* ---- what it must not be ------------------------------------------------------------------------------------------- */

START_TEST(test_a_fingerprint_that_is_not_the_sessions_is_refused_at_either_end) {
	for (int liar = 0; liar < 2; liar++)
		for (int late = 0; late < 2; late++) {
			pair_init(&p, NULL);
			connect_once();
			hang_up(true);
			sluice_fingerprint wrong = p.config[liar].remote;
			wrong.digest[5] ^= 4;
			p.config[liar].remote = wrong;
			if (late)
				p.config[liar].remote.hash = 0;
			connect_once();
			if (late)
				dtls_set_remote(p.end[liar], &wrong);
			ck_assert_int_eq(dtls_state(p.end[liar]), DTLS_FAILED);
			ck_assert_int_eq(dtls_error(p.end[liar], NULL), SLUICE_FINGERPRINT);
			ck_assert_uint_eq(p.data_len[liar], 0);
			pair_free(&p);
		}
}
END_TEST

START_TEST(test_another_certificate_at_either_end_makes_the_handshake_a_full_one) {
	for (int end = 0; end < 2; end++) {
		pair_init(&p, NULL);
		connect_once();
		hang_up(true);
		sluice_certificate_release(p.certificate[end]);
		ck_assert_int_eq(sluice_certificate_generate(&p.certificate[end]), 0);
		p.config[end].certificate = p.certificate[end];
		pair_remote(&p, 1 - end, SLUICE_SHA256);
		ck_assert_uint_eq(connect_once(), 40 * SLUICE_MS);
		ck_assert(!dtls_resumed(p.end[CLIENT]) && !dtls_resumed(p.end[SERVER]));
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_whoever_does_not_want_it_gets_a_full_handshake) {
	for (int end = 0; end < 2; end++)
		for (int from_start = 0; from_start < 2; from_start++) {
			pair_init(&p, NULL);
			refuses[end] = from_start;
			ck_assert_uint_eq(connect_once(), 40 * SLUICE_MS);
			hang_up(true);
			refuses[end] = true;
			for (int i = 0; i < 2; i++) {
				ck_assert_uint_eq(connect_once(), 40 * SLUICE_MS);
				ck_assert(!dtls_resumed(p.end[CLIENT]) && !dtls_resumed(p.end[SERVER]));
				hang_up(true);
			}
			refuses[end] = false;
			pair_free(&p);
		}
}
END_TEST

/* RFC 5246, 7.4.1.2: cipher_suites "MUST include at least the cipher_suite from that session". */
START_TEST(test_a_session_whose_suite_is_not_wanted_any_more_is_not_offered) {
	pair_init(&p, NULL);
	connect_once();
	hang_up(true);
	p.config[CLIENT].ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384";
	ck_assert_uint_eq(connect_once(), 40 * SLUICE_MS);
	ck_assert(!dtls_resumed(p.end[CLIENT]) && !dtls_resumed(p.end[SERVER]));
	pair_free(&p);
}
END_TEST

START_TEST(test_a_server_that_forgot_makes_it_a_full_handshake) {
	pair_init(&p, NULL);
	connect_once();
	hang_up(true);
	struct session_list *list = &p.certificate[SERVER]->as_server;
	ck_assert_uint_eq(list->count, 1);
	while (list->count > 0)
		SSL_SESSION_free(list->of[--list->count]);
	ck_assert_uint_eq(connect_once(), 40 * SLUICE_MS);
	ck_assert(!dtls_resumed(p.end[CLIENT]) && !dtls_resumed(p.end[SERVER]));
	hang_up(true);
	ck_assert_uint_eq(connect_once(), 30 * SLUICE_MS);
	pair_free(&p);
}
END_TEST

START_TEST(test_the_memory_of_peers_is_bounded_and_the_newest_are_kept) {
	pair_init(&p, NULL);
	sluice_certificate *peers[SESSIONS_MAX + 10];
	for (int role = 0; role < 2; role++) { /* the one that meets all of them: client, then server */
		int own = role, other = 1 - role;
		sluice_certificate *first = p.certificate[other];
		for (unsigned i = 0; i < SESSIONS_MAX + 10; i++) {
			ck_assert_int_eq(sluice_certificate_generate(&peers[i]), 0);
			p.certificate[other] = p.config[other].certificate = peers[i];
			pair_remote(&p, own, SLUICE_SHA256);
			ck_assert_uint_eq(connect_once(), 40 * SLUICE_MS);
			hang_up(true);
		}
		ck_assert_uint_le(p.certificate[own]->as_client.count, SESSIONS_MAX);
		ck_assert_uint_le(p.certificate[own]->as_server.count, SESSIONS_MAX);
		ck_assert_int_eq(SSL_CTX_sess_number(p.certificate[own]->ctx), 0); /* OpenSSL's own cache is off */
		ck_assert_uint_eq(connect_once(), 30 * SLUICE_MS);                 /* the last one */
		hang_up(true);
		p.certificate[other] = p.config[other].certificate = peers[0];
		pair_remote(&p, own, SLUICE_SHA256);
		ck_assert_uint_eq(connect_once(), 40 * SLUICE_MS); /* the first was forgotten */
		hang_up(true);
		p.certificate[other] = p.config[other].certificate = first;
		pair_remote(&p, own, SLUICE_SHA256);
		for (unsigned i = 0; i < SESSIONS_MAX + 10; i++)
			sluice_certificate_release(peers[i]);
	}
	pair_free(&p);
}
END_TEST

SUITE("dtls resume", test_the_second_handshake_takes_one_round_trip_less_however_the_first_ended,
      test_it_is_found_by_any_hash_and_among_several,
      test_losses_and_turned_datagrams_are_repaired_in_an_abbreviated_handshake_too,
      test_a_fingerprint_that_is_not_the_sessions_is_refused_at_either_end,
      test_another_certificate_at_either_end_makes_the_handshake_a_full_one, test_whoever_does_not_want_it_gets_a_full_handshake,
      test_a_session_whose_suite_is_not_wanted_any_more_is_not_offered, test_a_server_that_forgot_makes_it_a_full_handshake,
      test_the_memory_of_peers_is_bounded_and_the_newest_are_kept)
