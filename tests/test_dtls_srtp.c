/* DTLS-SRTP (RFC 5764): two ends agree on a profile, or on none, and have the same keys. */
#include "dtls_pair.h"
#include "rtp/srtp_kdf.h"

static struct pair p; /* a test runs in a process of its own */

#define GCM "SRTP_AEAD_AES_128_GCM"
#define CM "SRTP_AES128_CM_SHA1_80"
#define BOTH GCM ":" CM

/* Opens the ends with these profiles (NULL: none), and lets data go both ways. */
static void connect_with(const char *client, const char *server) {
	p.config[CLIENT].srtp = client;
	p.config[SERVER].srtp = server;
	pair_open(&p);
	pair_start(&p);
	ck_assert_uint_eq(dtls_srtp_profile(p.end[CLIENT]), 0);
	ck_assert_uint_ne(pair_connect(&p, p.now + 5 * SLUICE_S), SLUICE_NEVER);
	pair_talk(&p);
}

static void assert_profile(uint16_t number) {
	ck_assert_uint_eq(dtls_srtp_profile(p.end[CLIENT]), number);
	ck_assert_uint_eq(dtls_srtp_profile(p.end[SERVER]), number);
}

START_TEST(test_the_server_takes_what_it_likes_best_of_what_the_client_offers) {
	static const struct {
		const char *client, *server;
		uint16_t number;
	} cases[] = {
		{BOTH, BOTH, 7}, {CM ":" GCM, BOTH, 7}, {BOTH, CM ":" GCM, 1}, {CM, BOTH, 1}, {BOTH, CM, 1}, {GCM, GCM, 7},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int openssl = 0; openssl < 2; openssl++) {
			pair_init(&p, NULL);
			p.config[CLIENT].openssl_records = p.config[SERVER].openssl_records = openssl;
			connect_with(cases[i].client, cases[i].server);
			assert_profile(cases[i].number);
			pair_free(&p);
		}
}
END_TEST

START_TEST(test_without_a_common_profile_the_connection_is_up_all_the_same) {
	static const char *const cases[][2] = {{BOTH, NULL}, {NULL, BOTH}, {NULL, NULL}, {GCM, CM}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		pair_init(&p, NULL);
		connect_with(cases[i][0], cases[i][1]);
		assert_profile(0);
		pair_free(&p);
	}
}
END_TEST

static void export_keys(int end, enum srtp_profile profile, struct srtp_master keys[2]) {
	uint8_t material[2 * (SRTP_KEY_MAX + SRTP_SALT_MAX)];
	memset(keys, 0, 2 * sizeof *keys);
	ck_assert_int_eq(dtls_export(p.end[end], SRTP_KDF_LABEL, material, srtp_kdf_material_size(profile)), 0);
	srtp_kdf_split(profile, material, &keys[CLIENT], &keys[SERVER]);
}

START_TEST(test_both_ends_have_the_same_keys_and_each_direction_its_own_also_when_a_session_is_resumed) {
	struct srtp_master client[2], server[2], before[2] = {0};
	pair_init(&p, NULL);
	p.config[CLIENT].resume = p.config[SERVER].resume = true;
	for (int round = 0; round < 3; round++) {
		connect_with(BOTH, BOTH);
		assert_profile(srtp_cipher_profile(SRTP_AEAD_AES_128_GCM)->dtls_id);
		ck_assert_int_eq(dtls_resumed(p.end[SERVER]), round > 0);
		export_keys(CLIENT, SRTP_AEAD_AES_128_GCM, client);
		export_keys(SERVER, SRTP_AEAD_AES_128_GCM, server);
		ck_assert_mem_eq(client, server, sizeof client);
		ck_assert_mem_ne(&client[CLIENT], &client[SERVER], sizeof *client);
		ck_assert_mem_ne(client, before, sizeof client);
		memcpy(before, client, sizeof before);
		pair_hang_up(&p);
	}
	pair_free(&p);
}
END_TEST

START_TEST(test_a_resumed_session_agrees_anew) {
	static const struct {
		const char *client, *server;
		uint16_t number;
	} rounds[] = {{BOTH, BOTH, 7}, {BOTH, CM, 1}, {BOTH, NULL, 0}, {NULL, BOTH, 0}, {BOTH, BOTH, 7}};
	pair_init(&p, NULL);
	p.config[CLIENT].resume = p.config[SERVER].resume = true;
	for (size_t i = 0; i < sizeof rounds / sizeof *rounds; i++) {
		connect_with(rounds[i].client, rounds[i].server);
		ck_assert_int_eq(dtls_resumed(p.end[CLIENT]), i > 0);
		assert_profile(rounds[i].number);
		pair_hang_up(&p);
	}
	pair_free(&p);
}
END_TEST

START_TEST(test_an_unknown_profile_is_refused) {
	pair_init(&p, NULL);
	p.config[CLIENT].srtp = "SRTP_NOBODY_KNOWS";
	struct dtls *d = NULL;
	ck_assert_int_eq(dtls_new(p.env, &p.config[CLIENT], &d), SLUICE_INVALID);
	ck_assert_ptr_null(d);
	pair_free(&p);
}
END_TEST

SUITE("dtls srtp", test_the_server_takes_what_it_likes_best_of_what_the_client_offers,
      test_without_a_common_profile_the_connection_is_up_all_the_same,
      test_both_ends_have_the_same_keys_and_each_direction_its_own_also_when_a_session_is_resumed,
      test_a_resumed_session_agrees_anew, test_an_unknown_profile_is_refused)
