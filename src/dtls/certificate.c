/* certificate: whose key signs our handshake, and what is its fingerprint?
 *
 * Makes a self-signed certificate or takes one from PEM. It knows no connections. Its memory is OpenSSL's, not an
 * environment's, because it may be shared between environments. */
#include "dtls/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <unistd.h>

#include "dtls/context.h"
#include "dtls/fingerprint.h"
#include "dtls/sessions.h"

/* A day backwards forgives a peer's wrong clock. Thirty days forward are the default of browsers. */
#define VALID_BEFORE (-24L * 3600)
#define VALID_AFTER (30L * 24 * 3600)

/* ---- life ---------------------------------------------------------------------------------------------------------- */

static void certificate_free(sluice_certificate *c) {
	sessions_free(c);
	SSL_CTX_free(c->ctx);
	X509_free(c->x509);
	if (c->keylog >= 0)
		close(c->keylog);
	OPENSSL_free(c);
}

/* Takes over the reference on x509, also on failure. */
static int certificate_new(X509 *x509, EVP_PKEY *key, sluice_certificate **out) {
	sluice_certificate *c = OPENSSL_zalloc(sizeof *c);
	if (!c) {
		X509_free(x509);
		return SLUICE_NO_MEMORY;
	}
	atomic_init(&c->refs, 1);
	c->x509 = x509;
	c->keylog = -1;
	if (!context_open(c, key)) {
		certificate_free(c);
		return SLUICE_CRYPTO;
	}
	*out = c;
	return 0;
}

void sluice_certificate_retain(sluice_certificate *c) {
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
}

void sluice_certificate_release(sluice_certificate *c) {
	if (c && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
		certificate_free(c);
}

/* ---- made here ----------------------------------------------------------------------------------------------------- */

static bool set_serial(X509 *x509) {
	uint64_t serial;
	/* RFC 5280, 4.1.2.2: "a positive integer", so the sign bit is cleared. */
	return RAND_bytes((unsigned char *)&serial, sizeof serial) == 1 &&
	       ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), (serial >> 1) | 1);
}

/* The same name for everybody, the one that browsers use: the name does not distinguish users. */
static bool set_names(X509 *x509) {
	X509_NAME *name = X509_NAME_new();
	bool set = name &&
	           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"WebRTC", -1, -1, 0) == 1 &&
	           X509_set_subject_name(x509, name) == 1 && X509_set_issuer_name(x509, name) == 1;
	X509_NAME_free(name);
	return set;
}

static bool fill_and_sign(X509 *x509, EVP_PKEY *key) {
	return X509_set_version(x509, X509_VERSION_3) == 1 && set_serial(x509) &&
	       X509_gmtime_adj(X509_getm_notBefore(x509), VALID_BEFORE) != NULL &&
	       X509_gmtime_adj(X509_getm_notAfter(x509), VALID_AFTER) != NULL && X509_set_pubkey(x509, key) == 1 &&
	       set_names(x509) && X509_sign(x509, key, EVP_sha256()) > 0;
}

int sluice_certificate_generate(sluice_certificate **out) {
	int r = SLUICE_CRYPTO;
	X509 *x509 = NULL;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	if (key)
		x509 = X509_new();
	if (x509 && fill_and_sign(x509, key)) {
		r = certificate_new(x509, key, out);
		x509 = NULL;
	}
	X509_free(x509);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return r;
}

/* ---- from PEM ------------------------------------------------------------------------------------------------------ */

/* Without this OpenSSL would ask the terminal for the passphrase of an encrypted key. */
static int no_passphrase(char *buf, int size, int writing, void *user) {
	(void)buf, (void)size, (void)writing, (void)user;
	return -1;
}

static X509 *read_certificate(const char *pem) {
	BIO *bio = pem ? BIO_new_mem_buf(pem, -1) : NULL;
	X509 *x509 = bio ? PEM_read_bio_X509(bio, NULL, no_passphrase, NULL) : NULL;
	BIO_free(bio);
	return x509;
}

static EVP_PKEY *read_key(const char *pem) {
	BIO *bio = pem ? BIO_new_mem_buf(pem, -1) : NULL;
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
	BIO_free(bio);
	return key;
}

/* The kinds of key that make a handshake in either role and with any other stack: RFC 8422 leaves TLS 1.2 these curves, and RFC
 * 8827 and NIST's SP 800-57 want no RSA key below 2048 bits. */
static bool is_curve_of_ours(const EVP_PKEY *key) {
	static const char *const curves[] = {SN_X9_62_prime256v1, SN_secp384r1, SN_secp521r1};
	char name[64];
	if (EVP_PKEY_get_group_name(key, name, sizeof name, NULL) != 1)
		return false;
	for (size_t i = 0; i < sizeof curves / sizeof *curves; i++)
		if (strcmp(name, curves[i]) == 0)
			return true;
	return false;
}

#define RSA_BITS_MIN 2048

static bool key_is_supported(const EVP_PKEY *key) {
	if (EVP_PKEY_is_a(key, "RSA"))
		return EVP_PKEY_get_bits(key) >= RSA_BITS_MIN;
	return EVP_PKEY_is_a(key, "EC") && is_curve_of_ours(key);
}

/* With every suite of ours the certificate's key signs the handshake. RFC 5280, 4.2.1.3: a certificate with the key usage
 * extension allows only the uses that the extension lists, one without allows all. With a key that may not sign, OpenSSL's server
 * finds no suite, and BoringSSL's client refuses the server. */
static bool may_sign(X509 *x509) {
	return X509_get_key_usage(x509) & KU_DIGITAL_SIGNATURE;
}

/* A certificate whose end cannot be read counts as expired. */
static bool has_expired(const X509 *x509) {
	int days, seconds;
	return ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(x509)) != 1 || days < 0 || seconds < 0;
}

static int judge_pair(X509 *x509, const EVP_PKEY *key) {
	if (!x509 || !key || X509_check_private_key(x509, key) != 1)
		return SLUICE_MALFORMED;
	if (!key_is_supported(key) || !may_sign(x509))
		return SLUICE_UNSUPPORTED;
	/* W3C webrtc-pc, 4.4.1.1: a connection is not made with a certificate that has expired. */
	return has_expired(x509) ? SLUICE_INVALID : 0;
}

int sluice_certificate_from_pem(const char *cert_pem, const char *key_pem, sluice_certificate **out) {
	X509 *x509 = read_certificate(cert_pem);
	if (!x509)
		x509 = read_certificate(key_pem);
	EVP_PKEY *key = read_key(key_pem);
	if (!key)
		key = read_key(cert_pem);
	int r = judge_pair(x509, key);
	if (r == 0) {
		r = certificate_new(x509, key, out);
		x509 = NULL;
	}
	X509_free(x509);
	EVP_PKEY_free(key);
	ERR_clear_error();
	return r;
}

/* ---- to PEM -------------------------------------------------------------------------------------------------------- */

/* Copies what was written, with a NUL behind it. No other copy of a key stays: a memory BIO wipes its own. */
static int give_text(BIO *bio, char *text, size_t size) {
	char *data;
	long len = BIO_get_mem_data(bio, &data);
	if (len <= 0)
		return SLUICE_CRYPTO;
	if ((size_t)len >= size)
		return SLUICE_NO_SPACE;
	memcpy(text, data, (size_t)len);
	text[len] = 0;
	return 0;
}

static int write_certificate(const sluice_certificate *c, char *text, size_t size) {
	BIO *bio = BIO_new(BIO_s_mem());
	int r = SLUICE_CRYPTO;
	if (bio && PEM_write_bio_X509(bio, c->x509) == 1)
		r = give_text(bio, text, size);
	BIO_free(bio);
	return r;
}

static int write_key(const sluice_certificate *c, char *text, size_t size) {
	BIO *bio = BIO_new(BIO_s_secmem());
	int r = SLUICE_CRYPTO;
	if (bio && PEM_write_bio_PKCS8PrivateKey(bio, SSL_CTX_get0_privatekey(c->ctx), NULL, NULL, 0, NULL, NULL) == 1)
		r = give_text(bio, text, size);
	BIO_free(bio);
	return r;
}

int sluice_certificate_to_pem(const sluice_certificate *c, char *cert_pem, size_t cert_size, char *key_pem, size_t key_size) {
	int r = cert_pem ? write_certificate(c, cert_pem, cert_size) : 0;
	if (r == 0 && key_pem)
		r = write_key(c, key_pem, key_size);
	ERR_clear_error();
	return r;
}

/* ---- its fingerprint ------------------------------------------------------------------------------------------------ */

int sluice_certificate_fingerprint(const sluice_certificate *c, enum sluice_hash hash, sluice_fingerprint *out) {
	return fingerprint_of(c->x509, hash, out);
}
