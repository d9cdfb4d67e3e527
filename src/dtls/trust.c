/* trust.c: the set of fingerprints and the comparison; what they are for stands in the header. */
#include "dtls/trust.h"

#include <openssl/crypto.h>

#include "dtls/connection.h"
#include "dtls/fingerprint.h"

/* ---- the set ------------------------------------------------------------------------------------------------------- */

static enum sluice_hash strongest(const sluice_fingerprint *f, size_t count) {
	enum sluice_hash best = 0;
	for (size_t i = 0; i < count; i++)
		if (fingerprint_size(f[i].hash) > 0 && f[i].hash > best)
			best = f[i].hash;
	return best;
}

bool trust_knows_hash(const sluice_fingerprint *f, size_t count) {
	return strongest(f, count) != 0;
}

static void drop_set(struct trust *t) {
	env_free(t->env, t->set);
	t->set = NULL;
	t->count = 0;
}

int trust_set(struct trust *t, const sluice_fingerprint *f, size_t count) {
	/* RFC 8122, 5: "An endpoint MUST select the set of fingerprints that use its most preferred hash function (out of those
	 * offered by the peer) and verify that each certificate used matches one fingerprint out of that set." */
	enum sluice_hash hash = strongest(f, count);
	if (!hash)
		return SLUICE_INVALID;
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		kept += f[i].hash == hash;
	if (kept > DTLS_REMOTES_MAX)
		return SLUICE_LIMIT;
	sluice_fingerprint *set = env_alloc(t->env, kept * sizeof *set);
	if (!set)
		return SLUICE_NO_MEMORY;
	drop_set(t);
	t->set = set;
	for (size_t i = 0; i < count; i++)
		if (f[i].hash == hash)
			set[t->count++] = f[i];
	return 0;
}

void trust_free(struct trust *t) {
	drop_set(t);
	env_free(t->env, t->der);
}

/* ---- the comparison ------------------------------------------------------------------------------------------------- */

static bool is_in_set(const struct trust *t, const sluice_fingerprint *f) {
	bool found = false;
	for (size_t i = 0; i < t->count; i++)
		found |= CRYPTO_memcmp(f->digest, t->set[i].digest, fingerprint_size(f->hash)) == 0;
	return found;
}

bool trust_matches(const struct trust *t, const X509 *x509) {
	sluice_fingerprint f;
	return fingerprint_of(x509, t->set[0].hash, &f) == 0 && is_in_set(t, &f);
}

bool trust_keep(struct trust *t, const X509 *peer) {
	int len = peer ? i2d_X509(peer, NULL) : 0;
	if (t->der || len <= 0)
		return true;
	t->der = env_alloc(t->env, (size_t)len);
	if (!t->der)
		return false;
	unsigned char *at = t->der;
	if (i2d_X509(peer, &at) == len) {
		t->der_len = (size_t)len;
		return true;
	}
	env_free(t->env, t->der);
	t->der = NULL;
	return false;
}

static bool is_open(const struct trust *t) {
	return t->set && !t->verified && !t->refused;
}

static void decide(struct trust *t, bool matches) {
	t->verified = matches;
	t->refused = !matches;
}

bool trust_judge(struct trust *t) {
	sluice_fingerprint f;
	if (is_open(t))
		decide(t, t->der && fingerprint_of_der(t->der, t->der_len, t->set[0].hash, &f) == 0 && is_in_set(t, &f));
	return !t->refused;
}

int trust_verify_peer(X509_STORE_CTX *store, void *unused) {
	(void)unused;
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct trust *t = &((struct dtls *)SSL_get_app_data(ssl))->trust;
	X509 *peer = X509_STORE_CTX_get0_cert(store);
	trust_keep(t, peer); /* without memory it is kept when the handshake is over */
	if (is_open(t))
		decide(t, trust_matches(t, peer));
	/* RFC 8122, 6.2: an endpoint whose peer's certificate matches no fingerprint ends the connection with bad_certificate.
	 * OpenSSL makes that alert of this error. */
	X509_STORE_CTX_set_error(store, t->refused ? X509_V_ERR_CERT_REJECTED : X509_V_OK);
	return !t->refused;
}

/* ---- invariants ----------------------------------------------------------------------------------------------------- */

bool trust_check(const struct trust *t) {
	if ((t->set == NULL) != (t->count == 0) || (t->der == NULL) != (t->der_len == 0))
		return false;
	if (t->verified && (!t->set || t->refused))
		return false;
	for (size_t i = 1; i < t->count; i++)
		if (t->set[i].hash != t->set[0].hash)
			return false;
	return true;
}
