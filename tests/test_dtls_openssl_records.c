/* Our records beside OpenSSL's: each end of a connection has either, with every suite, and both must understand the other. */
#include "dtls/connection.h"
#include "dtls_pair.h"

static struct pair p; /* a test runs in a process of its own */

static const char *const suites[] = {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
                                     "ECDHE-ECDSA-CHACHA20-POLY1305"};

/* Bit 0: the client has OpenSSL's records; bit 1: the server has. */
#define MIXES 4

static void mix(unsigned which, const char *suite, uint64_t lost) {
	pair_init(&p, NULL);
	for (int i = 0; i < 2; i++) {
		p.config[i].openssl_records = which >> i & 1;
		p.config[i].ciphers = suite;
	}
	p.delay = 10 * SLUICE_MS;
	p.lost = lost;
	pair_open(&p);
	pair_start(&p);
	ck_assert_uint_ne(pair_connect(&p, 60 * SLUICE_S), SLUICE_NEVER);
}

START_TEST(test_either_end_understands_the_other_with_every_suite) {
	for (unsigned which = 0; which < MIXES; which++)
		for (size_t s = 0; s < sizeof suites / sizeof *suites; s++) {
			mix(which, suites[s], 0);
			for (int i = 0; i < 20; i++)
				pair_talk(&p);
			ck_assert_uint_eq(pair_stats(&p, 0).records_discarded + pair_stats(&p, 1).records_discarded, 0);
			pair_free(&p);
		}
}
END_TEST

START_TEST(test_close_notify_is_understood_and_answered) {
	for (unsigned which = 0; which < MIXES; which++)
		for (int closer = 0; closer < 2; closer++) {
			mix(which, NULL, 0);
			dtls_close(p.end[closer]);
			pair_run(&p, p.now + SLUICE_S);
			ck_assert_int_eq(dtls_state(p.end[1 - closer]), DTLS_CLOSED);
			ck_assert_int_eq(dtls_error(p.end[1 - closer], NULL), SLUICE_CLOSED);
			pair_free(&p);
		}
}
END_TEST

/* The fifth and the sixth flight hold the Finished. */
START_TEST(test_every_loss_mask_of_the_first_eight_datagrams_is_repaired) {
	for (unsigned which = 1; which < MIXES; which++)
		for (uint64_t lost = 0; lost < 256; lost++) {
			mix(which, NULL, lost);
			pair_talk(&p);
			pair_free(&p);
		}
}
END_TEST

START_TEST(test_exported_keys_and_the_suites_name_are_the_same) {
	for (unsigned which = 0; which < MIXES; which++)
		for (size_t s = 0; s < sizeof suites / sizeof *suites; s++) {
			uint8_t keys[2][88];
			mix(which, suites[s], 0);
			for (int i = 0; i < 2; i++)
				ck_assert_int_eq(dtls_export(p.end[i], "EXTRACTOR-dtls_srtp", keys[i], sizeof keys[i]), 0);
			ck_assert_mem_eq(keys[0], keys[1], sizeof keys[0]);
			ck_assert_str_eq(dtls_cipher(p.end[0]), suites[s]);
			ck_assert_str_eq(dtls_cipher(p.end[1]), suites[s]);
			pair_free(&p);
		}
}
END_TEST

/* The exporter of OpenSSL itself, where its object is still there. */
START_TEST(test_the_exporter_agrees_with_openssls) {
	uint8_t ours[60], theirs[60];
	static const char label[] = "EXTRACTOR-dtls_srtp";
	for (size_t s = 0; s < sizeof suites / sizeof *suites; s++) {
		mix(1, suites[s], 0);
		ck_assert_int_eq(dtls_export(p.end[SERVER], label, ours, sizeof ours), 0);
		ck_assert_int_eq(SSL_export_keying_material(p.end[CLIENT]->ssl, theirs, sizeof theirs, label, sizeof label - 1,
		                                            NULL, 0, 0),
		                 1);
		ck_assert_mem_eq(ours, theirs, sizeof ours);
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_openssls_object_goes_with_the_handshake_and_stays_with_openssls_records) {
	mix(2, NULL, 0);
	ck_assert_ptr_null(p.end[CLIENT]->ssl);
	ck_assert_ptr_nonnull(p.end[SERVER]->ssl);
	pair_free(&p);
}
END_TEST

SUITE("dtls with OpenSSL's records", test_either_end_understands_the_other_with_every_suite,
      test_close_notify_is_understood_and_answered, test_every_loss_mask_of_the_first_eight_datagrams_is_repaired,
      test_exported_keys_and_the_suites_name_are_the_same, test_the_exporter_agrees_with_openssls,
      test_openssls_object_goes_with_the_handshake_and_stays_with_openssls_records)
