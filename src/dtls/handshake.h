/* handshake: OpenSSL's handshake, step by step.
 *
 * OpenSSL runs it over a transport in memory. Here stand what OpenSSL is configured with for one connection, the record that it
 * is given, and what becomes of the connection then. It knows no datagrams: which record is next, datagrams.c decides. */
#ifndef DTLS_HANDSHAKE_H
#define DTLS_HANDSHAKE_H

#include "dtls/connection.h"

/* The least MTU: OpenSSL refuses to fragment below. */
#define HANDSHAKE_MTU_MIN 256

/* Makes the SSL of a connection. 0, SLUICE_INVALID (the cipher suites), SLUICE_NO_MEMORY. */
int handshake_open(struct dtls *d, const struct dtls_config *config);
/* The client writes its first flight, the server begins to wait for one. */
void handshake_start(struct dtls *d, uint64_t now);
/* Gives OpenSSL one record that is no application data, and acts on what OpenSSL says. */
void handshake_input(struct dtls *d, uint8_t *record, size_t len, uint64_t now);

#endif
