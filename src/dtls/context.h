/* context: which protocol do all connections of one certificate speak?
 *
 * The SSL_CTX: DTLS 1.2 alone, the groups, the default cipher suites, no tickets, no renegotiation, and the key log. What differs
 * between connections (cipher suites that one names, SRTP profiles, MTU, timers) stands in handshake.c. */
#ifndef DTLS_CONTEXT_H
#define DTLS_CONTEXT_H

#include "dtls/certificate.h"

/* Makes the certificate's ctx and its cache of sessions. False when OpenSSL refuses the pair of certificate and key. */
bool context_open(sluice_certificate *c, EVP_PKEY *key);

#endif
