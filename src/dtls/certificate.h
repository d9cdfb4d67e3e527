/* certificate: a certificate with its private key, and the SSL_CTX that every connection made with it shares.
 *
 * An SSL_CTX costs some hundred microseconds and some ten kilobytes to make, so each certificate has one and connections have
 * none of their own. Reference-counted; the count is atomic because a program may share one certificate between its threads. */
#ifndef DTLS_CERTIFICATE_H
#define DTLS_CERTIFICATE_H

#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "sluice/certificate.h"

/* For each role. A session takes some three kilobytes with the peer's certificate. */
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

#endif
