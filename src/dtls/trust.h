/* trust: is the certificate that the peer showed one of those that were announced?
 *
 * A set of fingerprints, which may be given before or after the certificate came. The certificate is kept as DER, which takes
 * some hundred bytes where OpenSSL's object takes some thousand, and outlives OpenSSL's connection. It knows no records, no
 * states and no time: what a certificate that does not fit means for the connection is connection.c's business.
 *
 *   set == NULL exactly when count == 0; all of them have one hash
 *   der == NULL exactly when der_len == 0
 *   verified implies count > 0; verified and refused exclude each other */
#ifndef DTLS_TRUST_H
#define DTLS_TRUST_H

#include <openssl/x509.h>

#include "pool/env.h"
#include "sluice/peer.h"

struct trust {
	sluice_env *env;
	sluice_fingerprint *set; /* NULL: not known yet */
	size_t count;
	uint8_t *der; /* the peer's certificate; NULL: none came yet */
	size_t der_len;
	bool verified; /* the peer's certificate matched one of the set */
	bool refused;  /* it matched none */
};

/* Is there a hash among them that we know? */
bool trust_knows_hash(const sluice_fingerprint *f, size_t count);
/* Keeps the fingerprints of the strongest hash, in place of what was kept before. 0, or
 *   SLUICE_INVALID    no hash among them is known
 *   SLUICE_LIMIT      more than DTLS_REMOTES_MAX of the strongest hash
 *   SLUICE_NO_MEMORY */
int trust_set(struct trust *t, const sluice_fingerprint *f, size_t count);
void trust_free(struct trust *t);

/* Is a certificate in the set? Sets nothing. The set must be known. */
bool trust_matches(const struct trust *t, const X509 *x509);
/* Keeps the certificate that the peer showed. NULL is none. False: no memory. */
bool trust_keep(struct trust *t, const X509 *peer);
/* Compares the kept certificate with the set and keeps the answer in `verified` and `refused`. Nothing when the set is not known
 * yet or the answer is; no certificate is in no set. False: refused. */
bool trust_judge(struct trust *t);

/* OpenSSL's certificate callback, for SSLs whose app data is a struct dtls. It accepts any chain; only the fingerprint counts.
 * Without a set the certificate passes, to be judged when the set is known. */
int trust_verify_peer(X509_STORE_CTX *store, void *unused);

bool trust_check(const struct trust *t);

#endif
