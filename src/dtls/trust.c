/* trust: is the certificate that the peer showed one of those that were announced?
 *
 * A set of fingerprints, which may be given before or after the certificate came; until both are here nothing is opened or
 * sealed (dtls.c looks at `verified`). It knows no records and no time. */
#include <openssl/err.h>
#include <string.h>

#include "dtls/connection.h"

#define MISMATCH "the peer's certificate is not the one announced"

/* ---- the set ------------------------------------------------------------------------------------------------------- */

static enum sluice_hash strongest(const sluice_fingerprint *f, size_t count) {
	enum sluice_hash best = 0;
	for (size_t i = 0; i < count; i++)
		if (fingerprint_size(f[i].hash) > 0 && f[i].hash > best)
			best = f[i].hash;
	return best;
}

int trust_set(struct dtls *d, const sluice_fingerprint *f, size_t count) {
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
	sluice_fingerprint *set = env_alloc(d->env, kept * sizeof *set);
	if (!set)
		return SLUICE_NO_MEMORY;
	env_free(d->env, d->remotes);
	d->remotes = set;
	d->remote_count = 0;
	for (size_t i = 0; i < count; i++)
		if (f[i].hash == hash)
			set[d->remote_count++] = f[i];
	return 0;
}

bool trust_matches(const struct dtls *d, const X509 *peer) {
	sluice_fingerprint f;
	if (!peer || certificate_digest(peer, d->remotes[0].hash, &f) < 0)
		return false;
	bool found = false;
	for (size_t i = 0; i < d->remote_count; i++)
		found |= CRYPTO_memcmp(f.digest, d->remotes[i].digest, fingerprint_size(f.hash)) == 0;
	return found;
}

/* ---- when the certificate comes -------------------------------------------------------------------------------------- */

int dtls_verify_peer(X509_STORE_CTX *store, void *unused) {
	(void)unused;
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct dtls *d = SSL_get_app_data(ssl);
	X509_STORE_CTX_set_error(store, X509_V_OK);
	if (!d->remotes) /* nobody is trusted yet, and nothing is opened before dtls_set_remotes checks this certificate */
		return 1;
	d->verified = trust_matches(d, X509_STORE_CTX_get0_cert(store));
	if (d->verified)
		return 1;
	/* RFC 8122, 6.2: an endpoint whose peer's certificate matches no fingerprint ends the connection with bad_certificate;
	 * this error is what OpenSSL turns into that alert. */
	X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
	dtls_fail(d, SLUICE_FINGERPRINT, MISMATCH);
	return 0;
}

int trust_check(struct dtls *d) {
	X509 *peer = SSL_get0_peer_certificate(d->ssl);
	if (d->verified || !d->remotes || (!peer && !d->finished))
		return 0;
	d->verified = trust_matches(d, peer);
	if (d->verified)
		return 0;
	/* OpenSSL lets nobody send a fatal alert of their own, so the peer learns by close_notify that this is over. */
	dtls_close(d);
	dtls_fail(d, SLUICE_FINGERPRINT, MISMATCH);
	return SLUICE_FINGERPRINT;
}

int dtls_set_remotes(struct dtls *d, const sluice_fingerprint *remotes, size_t count) {
	if (strongest(remotes, count) == 0)
		return SLUICE_INVALID;
	if (d->verified || (d->state != DTLS_NEW && d->state != DTLS_HANDSHAKING))
		return SLUICE_WRONG_STATE;
	int r = trust_set(d, remotes, count);
	if (r == 0)
		r = trust_check(d);
	if (r == 0)
		dtls_connect_if_trusted(d);
	return r;
}

int dtls_set_remote(struct dtls *d, const sluice_fingerprint *remote) {
	return dtls_set_remotes(d, remote, 1);
}

/* ---- who it is ------------------------------------------------------------------------------------------------------- */

int dtls_remote_fingerprint(const struct dtls *d, enum sluice_hash hash, sluice_fingerprint *out) {
	X509 *peer = SSL_get0_peer_certificate(d->ssl);
	return peer ? certificate_digest(peer, hash, out) : SLUICE_WRONG_STATE;
}

int dtls_remote_der(const struct dtls *d, void *buf, size_t size) {
	X509 *peer = SSL_get0_peer_certificate(d->ssl);
	if (!peer)
		return SLUICE_WRONG_STATE;
	int len = i2d_X509(peer, NULL);
	if (len <= 0)
		return SLUICE_CRYPTO;
	if ((size_t)len > size)
		return SLUICE_NO_SPACE;
	unsigned char *at = buf;
	return i2d_X509(peer, &at);
}
