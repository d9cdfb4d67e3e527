/* certificate: a certificate with its private key, and the SSL_CTX that every connection made with it shares.
 *
 * The SSL_CTX costs some hundred microseconds and some ten kilobytes to make, so there is one a certificate, not one a
 * connection. Reference-counted; the count is atomic because a program may share one certificate between its threads. */
#ifndef DTLS_CERTIFICATE_H
#define DTLS_CERTIFICATE_H

#include <openssl/ssl.h>
#include <stdatomic.h>

#include "sluice/peer.h"

/* Of each role; a session takes some three kilobytes with the peer's certificate. */
#define SESSIONS_MAX 64

struct sluice_certificate {
	atomic_uint refs;
	X509 *x509;
	SSL_CTX *ctx; /* holds the key */
	int keylog;   /* the file that SSLKEYLOGFILE named, or -1 */

	/* Sessions that a client may resume, the newest first, no two with one peer; sessions.c. */
	CRYPTO_RWLOCK *lock;
	SSL_SESSION *sessions[SESSIONS_MAX];
	unsigned session_count;
};

/* Bytes of the hash's digest; 0 when it is none of ours. */
size_t fingerprint_size(enum sluice_hash hash);

/* The digest of any certificate. SLUICE_INVALID for an unknown hash, SLUICE_CRYPTO. */
int certificate_digest(const X509 *x509, enum sluice_hash hash, sluice_fingerprint *out);

/* sessions.c */
bool sessions_open(sluice_certificate *c);
void sessions_free(sluice_certificate *c);

/* Makes the certificate's ctx (context.c). False when OpenSSL refuses the pair. */
bool certificate_open_context(sluice_certificate *c, EVP_PKEY *key);

#endif
