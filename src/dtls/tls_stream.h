/* tls_stream: the client's end of a TLS connection (1.2 or 1.3) over a byte stream that somebody else moves: TURN over TLS.
 *
 * Ciphertext in, plaintext out; plaintext in, ciphertext out. It knows no sockets, no time and no TURN. Nothing is handed to the
 * server, and nothing of it is handed out, before its certificate was found good. */
#ifndef DTLS_TLS_STREAM_H
#define DTLS_TLS_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "sluice/env.h"

struct tls_stream;

enum tls_stream_state {
	TLS_STREAM_HANDSHAKING,
	TLS_STREAM_OPEN,
	TLS_STREAM_CLOSED, /* close_notify went either way */
	TLS_STREAM_FAILED, /* tls_stream_error tells why */
};

struct tls_stream_config {
	const char *server_name; /* a host name, or an address as text; the certificate must be for it */
	const char *ca_file;     /* PEM; NULL: the system's store of trusted authorities */
	bool no_verify;          /* take any certificate */
};

/* The first flight is ready to be taken then. 0, SLUICE_INVALID, SLUICE_NO_MEMORY, SLUICE_CRYPTO (the ca_file cannot be read). */
int tls_stream_new(sluice_env *env, const struct tls_stream_config *config, struct tls_stream **out);
void tls_stream_free(struct tls_stream *s);

/* Bytes that came from the server. 0, or SLUICE_NO_SPACE: nothing was taken, because TLS_STREAM_BUFFER bytes wait to be read. */
#define TLS_STREAM_BUFFER ((size_t)256 * 1024)
int tls_stream_input(struct tls_stream *s, const void *data, size_t len);
/* Plaintext that came; returns how much, 0 when there is none now. */
size_t tls_stream_read(struct tls_stream *s, void *buf, size_t size);
/* Plaintext to send, also before it is OPEN: it waits then. All or nothing: 0, SLUICE_WOULD_BLOCK (more than TLS_STREAM_BUFFER
 * would wait; take output), SLUICE_CLOSED, SLUICE_NO_MEMORY. */
int tls_stream_write(struct tls_stream *s, const void *data, size_t len);
/* Ciphertext that is due, also when CLOSED or FAILED (an alert); returns how much, 0 when none. */
size_t tls_stream_output(struct tls_stream *s, void *buf, size_t size);
/* Queues close_notify behind what was written. */
void tls_stream_close(struct tls_stream *s);

enum tls_stream_state tls_stream_state(const struct tls_stream *s);
/* 0 while all is well and after an orderly end; SLUICE_REFUSED (the certificate is not good), SLUICE_ABORTED (an alert came),
 * SLUICE_PROTOCOL, SLUICE_CRYPTO, SLUICE_NO_MEMORY. text is never NULL and lives as long as the stream. */
int tls_stream_error(const struct tls_stream *s, const char **text);

#endif
