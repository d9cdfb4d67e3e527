/* context.c: how the SSL_CTX is made; what it is for stands in the header. */
#define _GNU_SOURCE /* secure_getenv */
#include "dtls/context.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "dtls/sessions.h"
#include "dtls/trust.h"

/* OpenSSL calls this once for each line. Each line leaves in one writev, so that the lines of several threads and processes do
 * not mix. A key log that cannot be written is no reason to fail a connection. */
static void log_keys(const SSL *ssl, const char *line) {
	sluice_certificate *c = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	struct iovec iov[2] = {{.iov_base = (void *)(uintptr_t)line, .iov_len = strlen(line)},
	                       {.iov_base = (void *)(uintptr_t) "\n", .iov_len = 1}};
	ssize_t written = writev(c->keylog, iov, 2);
	(void)written;
}

/* The secure variant, so that nobody can make a set-user-id program write its keys somewhere. */
static void open_keylog(sluice_certificate *c) {
	const char *path = secure_getenv("SSLKEYLOGFILE");
	if (!path || !*path)
		return;
	c->keylog = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (c->keylog >= 0)
		SSL_CTX_set_keylog_callback(c->ctx, log_keys);
}

/* RFC 8827, 6.5: "All implementations MUST support DTLS 1.2 with the TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 cipher suite".
 * The RSA ones are for peers that bring an RSA certificate. They are set here, because OpenSSL takes 160,000 instructions to read
 * such a list; connections that name suites of their own pay for it again. */
#define DEFAULT_CIPHERS                                                                                                          \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                                                             \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                                                             \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

static bool configure(SSL_CTX *ctx) {
	/* A ticket would be one more message in the last flight; sessions are resumed by their ids. OpenSSL has no socket to ask
	 * for the MTU: handshake.c sets it. Nothing in WebRTC renegotiates. */
	SSL_CTX_set_options(ctx,
	                    SSL_OP_NO_TICKET | SSL_OP_NO_QUERY_MTU | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, trust_verify_peer, NULL);
	/* X25519 is the cheapest group: one derivation took 44 us, against 66 us with P-256, on the machine where this was
	 * written. The list also says which curves a certificate may have (RFC 8422, 5.1), the peer's and our own. That is why
	 * the last two are in it. */
	return SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_max_proto_version(ctx, DTLS1_2_VERSION) == 1 &&
	       SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384:P-521") == 1 &&
	       SSL_CTX_set_cipher_list(ctx, DEFAULT_CIPHERS) == 1;
}

bool context_open(sluice_certificate *c, EVP_PKEY *key) {
	c->ctx = SSL_CTX_new(DTLS_method());
	if (!c->ctx || !configure(c->ctx) || SSL_CTX_use_certificate(c->ctx, c->x509) != 1 ||
	    SSL_CTX_use_PrivateKey(c->ctx, key) != 1)
		return false;
	SSL_CTX_set_app_data(c->ctx, c);
	open_keylog(c);
	return sessions_open(c);
}
