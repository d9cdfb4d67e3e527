/* tls_stream: the client's end of a TLS connection (1.2 or 1.3) over a byte stream that somebody else moves: TURN over TLS.
 *
 * Ciphertext in, plaintext out; plaintext in, ciphertext out. It knows no sockets, no time and no TURN. Before the server's
 * certificate was found good, no plaintext goes to the server and none of the server's comes out. */
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
	TLS_STREAM_FAILED, /* tls_stream_error says why */
};

struct tls_stream_config {
	const char *server_name; /* a host name, or an address as text; the certificate must be valid for it */
	const char *ca_file;     /* PEM; NULL: the system's store of trusted authorities */
	bool no_verify;          /* accept any certificate */
};

/* The first flight is ready in tls_stream_output. Returns 0, or
 *   SLUICE_INVALID    no server name, or not a possible one
 *   SLUICE_CRYPTO     the ca_file cannot be read
 *   SLUICE_NO_MEMORY */
int tls_stream_new(sluice_env *env, const struct tls_stream_config *config, struct tls_stream **out);
void tls_stream_free(struct tls_stream *s);

/* Bytes that came from the server. Returns 0, or
 *   SLUICE_NO_SPACE  TLS_STREAM_BUFFER bytes wait to be read already; nothing was taken */
#define TLS_STREAM_BUFFER ((size_t)256 * 1024)
int tls_stream_input(struct tls_stream *s, const void *data, size_t len);
/* Reads plaintext that came. Returns how many bytes, 0 when there are none now. */
size_t tls_stream_read(struct tls_stream *s, void *buf, size_t size);
/* Plaintext to send, all of it or nothing. Before the stream is OPEN it waits. Returns 0, or
 *   SLUICE_WOULD_BLOCK  more than TLS_STREAM_BUFFER bytes would wait; call tls_stream_output first
 *   SLUICE_CLOSED       the stream is closing, closed or failed
 *   SLUICE_NO_MEMORY
 * or the error with which the stream has just failed. */
int tls_stream_write(struct tls_stream *s, const void *data, size_t len);
/* Gives ciphertext that is due, also when CLOSED or FAILED (an alert). Returns how many bytes, 0 when none are due. */
size_t tls_stream_output(struct tls_stream *s, void *buf, size_t size);
/* Queues close_notify behind the bytes that were written. */
void tls_stream_close(struct tls_stream *s);

enum tls_stream_state tls_stream_state(const struct tls_stream *s);
/* Why the stream failed; 0 while it has not, and after an orderly end. *text is never NULL and lives as long as the stream.
 *   SLUICE_REFUSED  the certificate is not good
 *   SLUICE_ABORTED  the server sent an alert
 *   SLUICE_LIMIT    the server changes its keys all the time
 *   SLUICE_PROTOCOL, SLUICE_CRYPTO, SLUICE_NO_MEMORY */
int tls_stream_error(const struct tls_stream *s, const char **text);

#endif
