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

/* The newest first, no two with one peer; sessions.c. */
struct session_list {
	SSL_SESSION *of[SESSIONS_MAX];
	unsigned count;
};

struct sluice_certificate {
	atomic_uint refs;
	X509 *x509;
	SSL_CTX *ctx; /* holds the key */
	int keylog;   /* the file that SSLKEYLOGFILE named, or -1 */

	/* The sessions that a client of this certificate may offer, and those that a server of it takes up again. */
	CRYPTO_RWLOCK *lock;
	struct session_list as_client, as_server;
};

#endif
