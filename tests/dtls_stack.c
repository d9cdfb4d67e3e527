/* dtls_stack.c: mail, certificates, and the clock that other libraries read; what they are for stands in the header. */
#include "dtls_stack.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "sim/must.h"
#include "suite.h"

/* ---- mail -------------------------------------------------------------------------------------------------------- */

void mail_put(struct mail *m, const void *data, size_t len) {
	ck_assert_uint_lt(m->count, MAIL_MAX);
	ck_assert_uint_le(len, MAIL_BYTES);
	memcpy(m->bytes[m->count], data, len);
	m->len[m->count++] = len;
}

size_t mail_take(struct mail *m, void *data, size_t size) {
	if (m->count == 0)
		return 0;
	size_t len = m->len[0];
	ck_assert_uint_le(len, size);
	memcpy(data, m->bytes[0], len);
	m->count--;
	memmove(m->len, m->len + 1, m->count * sizeof *m->len);
	memmove(m->bytes, m->bytes + 1, m->count * sizeof *m->bytes);
	return len;
}

/* ---- an end ------------------------------------------------------------------------------------------------------ */

void other_fail(struct other *o, const char *text) {
	if (o->state == OTHER_FAILED)
		return;
	o->state = OTHER_FAILED;
	snprintf(o->text, sizeof o->text, "%s", text ? text : "no reason");
}

void other_take(struct other *o, const void *data, size_t len) {
	ck_assert_uint_le(o->data_len + len, sizeof o->data);
	memcpy(o->data + o->data_len, data, len);
	o->data_len += len;
}

/* ---- certificates ------------------------------------------------------------------------------------------------ */

static EVP_PKEY *make_key(enum other_key kind) {
	if (kind == RSA_2048)
		return EVP_RSA_gen(2048);
	return EVP_EC_gen(kind == P_256 ? "P-256" : "P-384");
}

static X509 *make_certificate(EVP_PKEY *key) {
	X509 *x = X509_new();
	MUST(X509_set_version(x, X509_VERSION_3) && X509_set_pubkey(x, key));
	MUST(ASN1_INTEGER_set_int64(X509_get_serialNumber(x), 1));
	MUST(X509_gmtime_adj(X509_getm_notBefore(x), -7200) && X509_gmtime_adj(X509_getm_notAfter(x), 24 * 3600));
	X509_NAME *name = X509_NAME_new();
	MUST(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"another stack", -1, -1, 0));
	MUST(X509_set_subject_name(x, name) && X509_set_issuer_name(x, name));
	X509_NAME_free(name);
	MUST(X509_sign(x, key, EVP_sha256()) > 0);
	return x;
}

static void write_pem(enum other_key kind, char *text, size_t size) {
	EVP_PKEY *key = make_key(kind);
	MUST(key);
	X509 *x = make_certificate(key);
	BIO *bio = BIO_new(BIO_s_mem());
	MUST(PEM_write_bio_X509(bio, x) && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL));
	int len = BIO_read(bio, text, (int)size - 1);
	MUST(len > 0);
	text[len] = 0;
	BIO_free(bio);
	X509_free(x);
	EVP_PKEY_free(key);
}

const char *other_pem(enum other_key kind, bool ours) {
	static char texts[2][OTHER_KEYS][8192];
	char *text = texts[ours][kind];
	if (!*text)
		write_pem(kind, text, sizeof texts[0][0]);
	return text;
}

/* ---- the clock --------------------------------------------------------------------------------------------------- */

static bool is_virtual, is_paused;
static uint64_t virtual_now;             /* ns */
static uint64_t wall_began, since_began; /* what the two kinds of clock showed when virtual time began */

static uint64_t real_time(clockid_t id) {
	struct timespec t = {0};
	syscall(SYS_clock_gettime, id, &t);
	return (uint64_t)t.tv_sec * SLUICE_S + (uint64_t)t.tv_nsec;
}

uint64_t other_time_of(clockid_t id) {
	if (!is_virtual || is_paused)
		return real_time(id);
	return (id == CLOCK_REALTIME ? wall_began : since_began) + virtual_now;
}

void other_set_clock(uint64_t now) {
	if (!is_virtual) {
		wall_began = real_time(CLOCK_REALTIME);
		since_began = real_time(CLOCK_MONOTONIC);
	}
	is_virtual = true;
	virtual_now = now;
}

void other_pause_clock(bool paused) {
	is_paused = paused;
}

uint64_t other_clock(void) {
	return virtual_now;
}
