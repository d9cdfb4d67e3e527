/* Whom DTLS trusts when several certificates were announced, and what it tells of the one that came. */
#include "dtls_pair.h"

static struct pair p; /* a test runs in a process of its own */

/* A fingerprint of nobody. */
static sluice_fingerprint other(enum sluice_hash hash, uint8_t fill) {
	sluice_fingerprint f = {.hash = hash};
	memset(f.digest, fill, sizeof f.digest);
	return f;
}

/* The digest of the certificate that `end` shows. */
static sluice_fingerprint own(int end, enum sluice_hash hash) {
	sluice_fingerprint f;
	ck_assert_int_eq(sluice_certificate_fingerprint(p.certificate[end], hash, &f), 0);
	return f;
}

/* Which of the two: a set given with the configuration, or while the handshake runs. */
static uint64_t connect_with(const sluice_fingerprint *set, size_t count, int late) {
	if (late) {
		p.config[CLIENT].remote = (sluice_fingerprint){0};
	} else {
		p.config[CLIENT].remotes = set;
		p.config[CLIENT].remote_count = count;
	}
	pair_open(&p);
	pair_start(&p);
	if (late)
		ck_assert_int_eq(dtls_set_remotes(p.end[CLIENT], set, count), 0);
	return pair_connect(&p, SLUICE_S);
}

START_TEST(test_any_one_of_several_fingerprints_suffices) {
	for (int late = 0; late < 2; late++)
		for (size_t at = 0; at < 3; at++) {
			pair_init(&p, NULL);
			sluice_fingerprint set[3] = {other(SLUICE_SHA256, 1), other(SLUICE_SHA256, 2), other(SLUICE_SHA256, 3)};
			set[at] = own(SERVER, SLUICE_SHA256);
			ck_assert_uint_ne(connect_with(set, 3, late), SLUICE_NEVER);
			pair_talk(&p);
			pair_free(&p);
		}
}
END_TEST

START_TEST(test_only_the_strongest_hash_that_was_announced_counts) {
	for (int late = 0; late < 2; late++) {
		pair_init(&p, NULL);
		sluice_fingerprint right[3] = {other(SLUICE_SHA256, 1), own(SERVER, SLUICE_SHA512), other(SLUICE_SHA384, 1)};
		ck_assert_uint_ne(connect_with(right, 3, late), SLUICE_NEVER);
		pair_free(&p);

		pair_init(&p, NULL);
		sluice_fingerprint wrong[3] = {own(SERVER, SLUICE_SHA256), own(SERVER, SLUICE_SHA384), other(SLUICE_SHA512, 1)};
		ck_assert_uint_eq(connect_with(wrong, 3, late), SLUICE_NEVER);
		ck_assert_int_eq(dtls_error(p.end[CLIENT], NULL), SLUICE_FINGERPRINT);
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_a_hash_that_nobody_knows_is_passed_over_and_a_set_of_none_is_refused) {
	pair_init(&p, NULL);
	sluice_fingerprint set[2] = {other((enum sluice_hash)99, 1), own(SERVER, SLUICE_SHA256)};
	ck_assert_uint_ne(connect_with(set, 2, 0), SLUICE_NEVER);
	pair_free(&p);

	pair_init(&p, NULL);
	struct dtls *d;
	p.config[CLIENT].remotes = set;
	p.config[CLIENT].remote_count = 1;
	ck_assert_int_eq(dtls_new(p.env, &p.config[CLIENT], &d), SLUICE_INVALID);
	p.config[CLIENT].remote_count = 0;
	pair_open(&p);
	ck_assert_int_eq(dtls_set_remotes(p.end[CLIENT], set, 1), SLUICE_INVALID);
	ck_assert_int_eq(dtls_set_remotes(p.end[CLIENT], NULL, 0), SLUICE_INVALID);
	pair_free(&p);
}
END_TEST

START_TEST(test_more_fingerprints_than_anybody_has_are_refused) {
	sluice_fingerprint set[DTLS_REMOTES_MAX + 1];
	pair_init(&p, NULL);
	for (size_t i = 0; i <= DTLS_REMOTES_MAX; i++)
		set[i] = other(SLUICE_SHA256, (uint8_t)i);
	pair_open(&p);
	ck_assert_int_eq(dtls_set_remotes(p.end[CLIENT], set, DTLS_REMOTES_MAX + 1), SLUICE_LIMIT);
	ck_assert_int_eq(dtls_set_remotes(p.end[CLIENT], set, DTLS_REMOTES_MAX), 0);
	ck_assert(dtls_check(p.end[CLIENT]));
	pair_free(&p);
}
END_TEST

START_TEST(test_until_a_certificate_came_a_set_may_be_replaced) {
	pair_init(&p, NULL);
	p.config[CLIENT].remote = other(SLUICE_SHA512, 7);
	pair_open(&p);
	sluice_fingerprint right = own(SERVER, SLUICE_SHA256);
	ck_assert_int_eq(dtls_set_remotes(p.end[CLIENT], &right, 1), 0);
	pair_start(&p);
	ck_assert_uint_ne(pair_connect(&p, SLUICE_S), SLUICE_NEVER);
	ck_assert_int_eq(dtls_set_remotes(p.end[CLIENT], &right, 1), SLUICE_WRONG_STATE);
	pair_free(&p);
}
END_TEST

START_TEST(test_the_certificate_that_came_can_be_read_at_both_ends) {
	uint8_t der[2048];
	sluice_fingerprint f;
	pair_init(&p, NULL);
	pair_open(&p);
	pair_start(&p);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(dtls_remote_fingerprint(p.end[i], SLUICE_SHA256, &f), SLUICE_WRONG_STATE);
		ck_assert_int_eq(dtls_remote_der(p.end[i], der, sizeof der), SLUICE_WRONG_STATE);
	}
	ck_assert_uint_ne(pair_connect(&p, SLUICE_S), SLUICE_NEVER);
	for (int i = 0; i < 2; i++) {
		for (int hash = SLUICE_SHA256; hash <= SLUICE_SHA512; hash++) {
			sluice_fingerprint expected = own(1 - i, (enum sluice_hash)hash);
			ck_assert_int_eq(dtls_remote_fingerprint(p.end[i], (enum sluice_hash)hash, &f), 0);
			ck_assert_mem_eq(&f, &expected, sizeof f);
		}
		ck_assert_int_eq(dtls_remote_fingerprint(p.end[i], (enum sluice_hash)9, &f), SLUICE_INVALID);
		int len = dtls_remote_der(p.end[i], der, sizeof der);
		ck_assert_int_gt(len, 100);
		ck_assert_int_eq(dtls_remote_der(p.end[i], der, (size_t)len), len);
		ck_assert_int_eq(dtls_remote_der(p.end[i], der, (size_t)len - 1), SLUICE_NO_SPACE);
		/* One SEQUENCE, just as long as it says. */
		ck_assert_uint_eq(der[0], 0x30);
		ck_assert_uint_eq(der[1], 0x82);
		ck_assert_int_eq(der[2] << 8 | der[3], len - 4);
	}
	pair_free(&p);
}
END_TEST

SUITE("dtls trust", test_any_one_of_several_fingerprints_suffices, test_only_the_strongest_hash_that_was_announced_counts,
      test_a_hash_that_nobody_knows_is_passed_over_and_a_set_of_none_is_refused,
      test_more_fingerprints_than_anybody_has_are_refused, test_until_a_certificate_came_a_set_may_be_replaced,
      test_the_certificate_that_came_can_be_read_at_both_ends)
