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
	trust_free(t);
	t->set = set;
	for (size_t i = 0; i < count; i++)
		if (f[i].hash == hash)
			set[t->count++] = f[i];
	return 0;
}

void trust_free(struct trust *t) {
	env_free(t->env, t->set);
	t->set = NULL;
	t->count = 0;
}

/* ---- the comparison ------------------------------------------------------------------------------------------------- */

bool trust_matches(const struct trust *t, const X509 *peer) {
	sluice_fingerprint f;
	if (!peer || fingerprint_of(peer, t->set[0].hash, &f) < 0)
		return false;
	bool found = false;
	for (size_t i = 0; i < t->count; i++)
		found |= CRYPTO_memcmp(f.digest, t->set[i].digest, fingerprint_size(f.hash)) == 0;
	return found;
}

bool trust_judge(struct trust *t, const X509 *peer) {
	if (t->set && !t->verified && !t->refused) {
		t->verified = trust_matches(t, peer);
		t->refused = !t->verified;
	}
	return !t->refused;
}

int trust_verify_peer(X509_STORE_CTX *store, void *unused) {
	(void)unused;
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct dtls *d = SSL_get_app_data(ssl);
	bool good = trust_judge(&d->trust, X509_STORE_CTX_get0_cert(store));
	/* RFC 8122, 6.2: an endpoint whose peer's certificate matches no fingerprint ends the connection with bad_certificate.
	 * OpenSSL makes that alert of this error. */
	X509_STORE_CTX_set_error(store, good ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
	return good;
}

/* ---- invariants ----------------------------------------------------------------------------------------------------- */

bool trust_check(const struct trust *t) {
	if ((t->set == NULL) != (t->count == 0) || (t->verified && (!t->set || t->refused)))
		return false;
	for (size_t i = 1; i < t->count; i++)
		if (t->set[i].hash != t->set[0].hash)
			return false;
	return true;
}
