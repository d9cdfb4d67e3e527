/* Which certificates are taken, and do those that are taken connect: each kind of key in both roles, at each size of datagram. */
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "dtls_pair.h"

static struct pair p; /* a test runs in a process of its own */

/* ---- kinds ----------------------------------------------------------------------------------------------------------- */

struct kind {
	const char *name;
	const char *type, *curve; /* of EVP_PKEY_Q_keygen */
	size_t bits;
	int result;  /* of from_pem */
	bool digest; /* the signature has one of its own choice */
};

static const struct kind kinds[] = {
	{"P-256", "EC", "P-256", 0, 0, true},
	{"P-384", "EC", "P-384", 0, 0, true},
	{"P-521", "EC", "P-521", 0, 0, true},
	{"RSA of 2048 bits", "RSA", NULL, 2048, 0, true},
	{"RSA of 3072 bits", "RSA", NULL, 3072, 0, true},
	{"RSA of 4096 bits", "RSA", NULL, 4096, 0, true},
	{"RSA of 1024 bits", "RSA", NULL, 1024, SLUICE_UNSUPPORTED, true},
	{"RSA of 2040 bits", "RSA", NULL, 2040, SLUICE_UNSUPPORTED, true},
	{"RSA-PSS", "RSA-PSS", NULL, 2048, SLUICE_UNSUPPORTED, true},
	{"secp256k1", "EC", "secp256k1", 0, SLUICE_UNSUPPORTED, true},
	{"P-224", "EC", "P-224", 0, SLUICE_UNSUPPORTED, true},
	{"brainpool", "EC", "brainpoolP256r1", 0, SLUICE_UNSUPPORTED, true},
	{"Ed25519", "ED25519", NULL, 0, SLUICE_UNSUPPORTED, false},
	{"Ed448", "ED448", NULL, 0, SLUICE_UNSUPPORTED, false},
};
#define KINDS (sizeof kinds / sizeof *kinds)

static EVP_PKEY *make_key(const struct kind *k) {
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, k->type, NULL);
	EVP_PKEY *key = NULL;
	ck_assert_ptr_nonnull(ctx);
	ck_assert_int_eq(EVP_PKEY_keygen_init(ctx), 1);
	if (k->curve)
		ck_assert_int_eq(EVP_PKEY_CTX_set_group_name(ctx, k->curve), 1);
	if (k->bits)
		ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int)k->bits), 1);
	ck_assert_int_eq(EVP_PKEY_generate(ctx, &key), 1);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* Valid until `until` s from now. */
static int from_kind_for(const struct kind *k, long until, const char *usage, sluice_certificate **out) {
	static char text[32768];
	EVP_PKEY *key = make_key(k);
	X509 *x = X509_new();
	ck_assert(X509_set_version(x, X509_VERSION_3) && X509_set_pubkey(x, key));
	ck_assert(ASN1_INTEGER_set_int64(X509_get_serialNumber(x), 1));
	ck_assert(X509_gmtime_adj(X509_getm_notBefore(x), -7200) && X509_gmtime_adj(X509_getm_notAfter(x), until));
	X509_EXTENSION *extension = usage ? X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage, usage) : NULL;
	ck_assert(!usage || X509_add_ext(x, extension, -1));
	X509_EXTENSION_free(extension);
	ck_assert_int_gt(X509_sign(x, key, k->digest ? EVP_sha256() : NULL), 0);
	BIO *bio = BIO_new(BIO_s_mem());
	ck_assert(PEM_write_bio_X509(bio, x) && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL));
	int len = BIO_read(bio, text, sizeof text - 1);
	ck_assert_int_gt(len, 0);
	text[len] = 0;
	BIO_free(bio);
	X509_free(x);
	EVP_PKEY_free(key);
	return sluice_certificate_from_pem(text, text, out);
}

static int from_kind(const struct kind *k, long until, sluice_certificate **out) {
	return from_kind_for(k, until, NULL, out);
}

START_TEST(test_a_certificate_that_no_connection_comes_of_is_refused_at_once) {
	for (size_t i = 0; i < KINDS; i++) {
		sluice_certificate *c = NULL;
		int result = from_kind(&kinds[i], 3600, &c);
		ck_assert_msg(result == kinds[i].result, "%s: %d", kinds[i].name, result);
		sluice_certificate_release(c);
	}
}
END_TEST

/* ---- connecting -------------------------------------------------------------------------------------------------------- */

static sluice_certificate *made[KINDS]; /* an RSA key takes seconds */

static void forget_made(void) {
	for (size_t i = 0; i < KINDS; i++)
		sluice_certificate_release(made[i]);
}

static void replace(int end, const struct kind *k) {
	sluice_certificate **c = &made[k - kinds];
	sluice_certificate_release(p.certificate[end]);
	if (!*c)
		ck_assert_int_eq(from_kind(k, 3600, c), 0);
	sluice_certificate_retain(*c);
	p.certificate[end] = *c;
	p.config[end].certificate = p.certificate[end];
	pair_remote(&p, 1 - end, SLUICE_SHA256);
}

static void connect_kinds(const struct kind *client, const struct kind *server, size_t mtu) {
	pair_init(&p, NULL);
	replace(CLIENT, client);
	replace(SERVER, server);
	p.config[CLIENT].mtu = p.config[SERVER].mtu = mtu; /* no datagram exceeds it: pair_flush asserts that */
	pair_open(&p);
	pair_start(&p);
	ck_assert_msg(pair_connect(&p, SLUICE_S) == 0, "%s to %s, %zu bytes", client->name, server->name, mtu);
	pair_talk(&p);
	pair_free(&p);
}

START_TEST(test_each_kind_that_is_taken_connects_to_each_other_one) {
	for (size_t i = 0; i < KINDS; i++)
		for (size_t k = 0; k < KINDS; k++)
			if (!kinds[i].result && !kinds[k].result)
				connect_kinds(&kinds[i], &kinds[k], 1200);
	forget_made();
}
END_TEST

START_TEST(test_no_handshake_datagram_exceeds_the_mtu_whatever_the_certificate) {
	for (size_t i = 0; i < KINDS; i++)
		for (size_t mtu = 256; mtu <= 1500 && !kinds[i].result; mtu += 61) {
			connect_kinds(&kinds[i], &kinds[0], mtu);
			connect_kinds(&kinds[0], &kinds[i], mtu);
		}
	forget_made();
}
END_TEST

/* The certificate's length moves the last record of a flight to each place in a datagram. */
START_TEST(test_no_handshake_datagram_exceeds_any_mtu) {
	for (size_t mtu = 400; mtu < 1200; mtu++)
		connect_kinds(&kinds[0], &kinds[0], mtu);
	forget_made();
}
END_TEST

START_TEST(test_a_certificate_whose_key_must_not_sign_is_refused) {
	for (size_t i = 0; i < KINDS; i++) {
		sluice_certificate *c = NULL;
		if (kinds[i].result)
			continue;
		ck_assert_int_eq(from_kind_for(&kinds[i], 3600, "keyAgreement,keyEncipherment", &c), SLUICE_UNSUPPORTED);
		ck_assert_int_eq(from_kind_for(&kinds[i], 3600, "digitalSignature,keyEncipherment", &c), 0);
		sluice_certificate_release(c);
	}
}
END_TEST

START_TEST(test_an_expired_certificate_is_refused) {
	sluice_certificate *c = NULL;
	ck_assert_int_eq(from_kind(&kinds[0], -3600, &c), SLUICE_INVALID);
	ck_assert_ptr_null(c);
	ck_assert_int_eq(from_kind(&kinds[0], 3600, &c), 0);
	sluice_certificate_release(c);
}
END_TEST

SUITE("kinds of certificates", test_a_certificate_that_no_connection_comes_of_is_refused_at_once,
      test_each_kind_that_is_taken_connects_to_each_other_one,
      test_no_handshake_datagram_exceeds_the_mtu_whatever_the_certificate, test_no_handshake_datagram_exceeds_any_mtu,
      test_a_certificate_whose_key_must_not_sign_is_refused, test_an_expired_certificate_is_refused)
