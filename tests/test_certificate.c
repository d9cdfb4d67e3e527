/* Certificates and fingerprints: made here, read from PEM, written as text and read back. */
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "sluice/peer.h"
#include "suite.h"

/* ---- a certificate of somebody else, in PEM ------------------------------------------------------------------------ */

struct pem {
	char cert[4096], key[4096];
	unsigned char der[2048];
	int der_len;
};

static void bio_text(BIO *bio, char *text, size_t size) {
	int n = BIO_read(bio, text, (int)size - 1);
	ck_assert_int_gt(n, 0);
	text[n] = 0;
	BIO_free(bio);
}

static void pem_make(struct pem *p, EVP_PKEY *key, const char *passphrase) {
	X509 *x = X509_new();
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	ck_assert_int_gt(X509_sign(x, key, EVP_sha256()), 0);
	unsigned char *der = p->der;
	p->der_len = i2d_X509(x, &der);
	BIO *cert = BIO_new(BIO_s_mem()), *pkey = BIO_new(BIO_s_mem());
	ck_assert(PEM_write_bio_X509(cert, x));
	ck_assert(PEM_write_bio_PrivateKey(pkey, key, passphrase ? EVP_aes_128_cbc() : NULL, (const unsigned char *)passphrase,
	                                   passphrase ? (int)strlen(passphrase) : 0, NULL, NULL));
	bio_text(cert, p->cert, sizeof p->cert);
	bio_text(pkey, p->key, sizeof p->key);
	X509_free(x);
}

static void pem_ec(struct pem *p) {
	EVP_PKEY *key = EVP_EC_gen("P-256");
	pem_make(p, key, NULL);
	EVP_PKEY_free(key);
}

/* ---- generate ------------------------------------------------------------------------------------------------------ */

START_TEST(test_a_generated_certificate_has_three_fingerprints_that_differ) {
	sluice_certificate *c;
	ck_assert_int_eq(sluice_certificate_generate(&c), 0);
	sluice_fingerprint f[3];
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(sluice_certificate_fingerprint(c, (enum sluice_hash)(SLUICE_SHA256 + i), &f[i]), 0);
		ck_assert_int_eq(f[i].hash, SLUICE_SHA256 + i);
	}
	ck_assert(memcmp(f[0].digest, f[1].digest, 32) != 0);
	ck_assert(memcmp(f[1].digest, f[2].digest, 32) != 0);
	sluice_fingerprint none;
	ck_assert_int_eq(sluice_certificate_fingerprint(c, (enum sluice_hash)9, &none), SLUICE_INVALID);
	sluice_certificate_release(c);
}
END_TEST

START_TEST(test_two_generated_certificates_are_never_the_same) {
	sluice_certificate *a, *b;
	sluice_fingerprint fa, fb;
	ck_assert_int_eq(sluice_certificate_generate(&a), 0);
	ck_assert_int_eq(sluice_certificate_generate(&b), 0);
	sluice_certificate_fingerprint(a, SLUICE_SHA256, &fa);
	sluice_certificate_fingerprint(b, SLUICE_SHA256, &fb);
	ck_assert(memcmp(fa.digest, fb.digest, 32) != 0);
	sluice_certificate_release(a);
	sluice_certificate_release(b);
}
END_TEST

START_TEST(test_a_retained_certificate_outlives_its_first_owner) {
	sluice_certificate *c;
	sluice_fingerprint before, after;
	ck_assert_int_eq(sluice_certificate_generate(&c), 0);
	sluice_certificate_fingerprint(c, SLUICE_SHA256, &before);
	sluice_certificate_retain(c);
	sluice_certificate_release(c);
	sluice_certificate_fingerprint(c, SLUICE_SHA256, &after);
	ck_assert_mem_eq(&before, &after, sizeof before);
	sluice_certificate_release(c);
	sluice_certificate_release(NULL);
}
END_TEST

/* ---- PEM ----------------------------------------------------------------------------------------------------------- */

static void check_fingerprint(const sluice_certificate *c, const struct pem *p) {
	sluice_fingerprint f;
	unsigned char expected[64];
	unsigned int len;
	ck_assert_int_eq(sluice_certificate_fingerprint(c, SLUICE_SHA512, &f), 0);
	ck_assert(EVP_Digest(p->der, (size_t)p->der_len, expected, &len, EVP_sha512(), NULL));
	ck_assert_mem_eq(f.digest, expected, 64);
}

START_TEST(test_pem_is_taken_from_two_strings_or_from_one_in_any_order) {
	struct pem p;
	char both[8192];
	sluice_certificate *c;
	pem_ec(&p);

	ck_assert_int_eq(sluice_certificate_from_pem(p.cert, p.key, &c), 0);
	check_fingerprint(c, &p);
	sluice_certificate_release(c);

	snprintf(both, sizeof both, "%s%s", p.cert, p.key);
	ck_assert_int_eq(sluice_certificate_from_pem(both, NULL, &c), 0);
	check_fingerprint(c, &p);
	sluice_certificate_release(c);

	snprintf(both, sizeof both, "%s%s", p.key, p.cert);
	ck_assert_int_eq(sluice_certificate_from_pem(NULL, both, &c), 0);
	check_fingerprint(c, &p);
	sluice_certificate_release(c);
}
END_TEST

START_TEST(test_an_rsa_certificate_is_taken_too) {
	struct pem p;
	sluice_certificate *c;
	EVP_PKEY *key = EVP_RSA_gen(2048);
	pem_make(&p, key, NULL);
	ck_assert_int_eq(sluice_certificate_from_pem(p.cert, p.key, &c), 0);
	check_fingerprint(c, &p);
	sluice_certificate_release(c);
	EVP_PKEY_free(key);
}
END_TEST

START_TEST(test_pem_that_does_not_fit_together_is_malformed) {
	struct pem a, b;
	sluice_certificate *c;
	pem_ec(&a);
	pem_ec(&b);
	ck_assert_int_eq(sluice_certificate_from_pem(a.cert, b.key, &c), SLUICE_MALFORMED);
	ck_assert_int_eq(sluice_certificate_from_pem(a.cert, NULL, &c), SLUICE_MALFORMED);
	ck_assert_int_eq(sluice_certificate_from_pem(NULL, a.key, &c), SLUICE_MALFORMED);
	ck_assert_int_eq(sluice_certificate_from_pem(NULL, NULL, &c), SLUICE_MALFORMED);
	ck_assert_int_eq(sluice_certificate_from_pem("", "", &c), SLUICE_MALFORMED);
	a.cert[100] = '!';
	ck_assert_int_eq(sluice_certificate_from_pem(a.cert, a.key, &c), SLUICE_MALFORMED);
}
END_TEST

START_TEST(test_an_encrypted_key_is_malformed_and_nobody_is_asked_for_a_passphrase) {
	struct pem p;
	sluice_certificate *c;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	pem_make(&p, key, "secret");
	ck_assert_int_eq(sluice_certificate_from_pem(p.cert, p.key, &c), SLUICE_MALFORMED);
	EVP_PKEY_free(key);
}
END_TEST

/* ---- to PEM and back ------------------------------------------------------------------------------------------------- */

START_TEST(test_a_certificate_written_as_pem_and_read_again_is_the_same_and_has_its_key) {
	for (int rsa = 0; rsa < 2; rsa++) {
		struct pem p;
		char cert[4096], key[4096];
		sluice_certificate *c, *again;
		EVP_PKEY *pkey = rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
		pem_make(&p, pkey, NULL);
		ck_assert_int_eq(sluice_certificate_from_pem(p.cert, p.key, &c), 0);
		ck_assert_int_eq(sluice_certificate_to_pem(c, cert, sizeof cert, key, sizeof key), 0);
		ck_assert_ptr_nonnull(strstr(cert, "-----BEGIN CERTIFICATE-----"));
		ck_assert_ptr_nonnull(strstr(key, "-----BEGIN PRIVATE KEY-----"));
		ck_assert_ptr_null(strstr(cert, "KEY"));
		ck_assert_int_eq(sluice_certificate_from_pem(cert, key, &again), 0); /* which compares the two */
		check_fingerprint(again, &p);
		sluice_certificate_release(again);
		sluice_certificate_release(c);
		EVP_PKEY_free(pkey);
	}
}
END_TEST

START_TEST(test_pem_is_never_cut_and_never_written_past_the_space) {
	char cert[4096], key[4096], small[4096];
	sluice_certificate *c;
	ck_assert_int_eq(sluice_certificate_generate(&c), 0);
	ck_assert_int_eq(sluice_certificate_to_pem(c, NULL, 0, NULL, 0), 0);
	ck_assert_int_eq(sluice_certificate_to_pem(c, cert, sizeof cert, NULL, 0), 0);
	ck_assert_int_eq(sluice_certificate_to_pem(c, NULL, 0, key, sizeof key), 0);
	size_t cert_len = strlen(cert), key_len = strlen(key);
	memset(small, '#', sizeof small);
	ck_assert_int_eq(sluice_certificate_to_pem(c, small, cert_len, NULL, 0), SLUICE_NO_SPACE);
	ck_assert_int_eq(sluice_certificate_to_pem(c, NULL, 0, small, key_len), SLUICE_NO_SPACE);
	ck_assert_int_eq(sluice_certificate_to_pem(c, NULL, 0, small, 0), SLUICE_NO_SPACE);
	ck_assert_int_eq(small[0], '#');
	ck_assert_int_eq(sluice_certificate_to_pem(c, NULL, 0, small, key_len + 1), 0);
	ck_assert_str_eq(small, key);
	ck_assert_int_eq(small[key_len + 1], '#');
	sluice_certificate_release(c);
}
END_TEST

/* ---- text ---------------------------------------------------------------------------------------------------------- */

#define HEX16 "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF"
#define HEX16_LOWER "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff"

static const struct {
	const char *text;
	int result; /* of parse; when 0, format gives `canonical` */
	const char *canonical;
} texts[] = {
	{"sha-256 " HEX16 ":" HEX16, 0, "sha-256 " HEX16 ":" HEX16},
	{"SHA-256 " HEX16_LOWER ":" HEX16, 0, "sha-256 " HEX16 ":" HEX16},
	{"sha-256   " HEX16 ":" HEX16 " \r\n", 0, "sha-256 " HEX16 ":" HEX16},
	{"sha-384 " HEX16 ":" HEX16 ":" HEX16, 0, "sha-384 " HEX16 ":" HEX16 ":" HEX16},
	{"sha-512 " HEX16 ":" HEX16 ":" HEX16 ":" HEX16, 0, "sha-512 " HEX16 ":" HEX16 ":" HEX16 ":" HEX16},
	{"sha-1 " HEX16 ":00:11:22:33", SLUICE_UNSUPPORTED, NULL},
	{"sha-25 " HEX16 ":" HEX16, SLUICE_UNSUPPORTED, NULL},
	{"sha-2566 " HEX16 ":" HEX16, SLUICE_UNSUPPORTED, NULL},
	{"", SLUICE_MALFORMED, NULL},
	{" ", SLUICE_MALFORMED, NULL},
	{"sha-256", SLUICE_MALFORMED, NULL},
	{"sha-256 ", SLUICE_MALFORMED, NULL},
	{"sha-256 " HEX16, SLUICE_MALFORMED, NULL},
	{"sha-256 " HEX16 ":" HEX16 ":", SLUICE_MALFORMED, NULL},
	{"sha-256 " HEX16 ":" HEX16 ":00", SLUICE_MALFORMED, NULL},
	{"sha-256 " HEX16 ":" HEX16 " x", SLUICE_MALFORMED, NULL},
	{"sha-256 " HEX16 "-" HEX16, SLUICE_MALFORMED, NULL},
	{"sha-256 0:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:" HEX16, SLUICE_MALFORMED, NULL},
	{"sha-256 G0:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:" HEX16, SLUICE_MALFORMED, NULL},
	{"sha-384 " HEX16 ":" HEX16, SLUICE_MALFORMED, NULL},
};

START_TEST(test_fingerprint_texts) {
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		sluice_fingerprint f;
		char text[SLUICE_FINGERPRINT_MAX];
		ck_assert_msg(sluice_fingerprint_parse(texts[i].text, &f) == texts[i].result, "%s", texts[i].text);
		if (texts[i].result < 0)
			continue;
		int n = sluice_fingerprint_format(&f, text, sizeof text);
		ck_assert_int_eq(n, (int)strlen(texts[i].canonical));
		ck_assert_str_eq(text, texts[i].canonical);
		ck_assert_int_eq(sluice_fingerprint_format(&f, text, (size_t)n), SLUICE_NO_SPACE);
		ck_assert_int_eq(sluice_fingerprint_format(&f, text, (size_t)n + 1), n);
	}
}
END_TEST

START_TEST(test_a_text_cut_anywhere_is_never_taken) {
	const char *whole = "sha-256 " HEX16 ":" HEX16;
	for (size_t len = 0; len < strlen(whole); len++) {
		sluice_fingerprint f;
		char *cut = strndup(whole, len); /* exactly sized, so that a sanitizer sees a read behind it */
		ck_assert_int_lt(sluice_fingerprint_parse(cut, &f), 0);
		free(cut);
	}
}
END_TEST

START_TEST(test_an_unset_fingerprint_has_no_text) {
	sluice_fingerprint f = {0};
	char text[SLUICE_FINGERPRINT_MAX];
	ck_assert_int_eq(sluice_fingerprint_format(&f, text, sizeof text), SLUICE_INVALID);
}
END_TEST

SUITE("certificate", test_a_generated_certificate_has_three_fingerprints_that_differ,
      test_two_generated_certificates_are_never_the_same, test_a_retained_certificate_outlives_its_first_owner,
      test_pem_is_taken_from_two_strings_or_from_one_in_any_order, test_an_rsa_certificate_is_taken_too,
      test_pem_that_does_not_fit_together_is_malformed, test_an_encrypted_key_is_malformed_and_nobody_is_asked_for_a_passphrase,
      test_a_certificate_written_as_pem_and_read_again_is_the_same_and_has_its_key,
      test_pem_is_never_cut_and_never_written_past_the_space, test_fingerprint_texts, test_a_text_cut_anywhere_is_never_taken,
      test_an_unset_fingerprint_has_no_text)
