/* handshake: OpenSSL's handshake, step by step.
 *
 * OpenSSL is given one record at a time, and what it wrote then is taken. It makes and reads the messages; which record is next,
 * datagrams.c decides, when a flight goes again, repeat.c. When the handshake is over, everything that outlives it is copied, and
 * OpenSSL's object is freed. This file knows no datagrams. */
#ifndef DTLS_HANDSHAKE_H
#define DTLS_HANDSHAKE_H

#include "dtls/connection.h"

/* The least MTU: a fragment of a message should be longer than what is around it. */
#define HANDSHAKE_MTU_MIN 256

/* Makes the SSL of a connection. 0, SLUICE_INVALID (the cipher suites or SRTP profiles), SLUICE_NO_MEMORY. */
int handshake_open(struct dtls *d, const struct dtls_config *config);
/* Frees the SSL, if it is still there. */
void handshake_close(struct dtls *d);
/* The client writes its first flight, the server begins to wait for one. */
void handshake_start(struct dtls *d, uint64_t now);
/* Gives OpenSSL one record that is no application data, and acts on what OpenSSL says. */
void handshake_input(struct dtls *d, const uint8_t *record, size_t len, uint64_t now);
/* Memory was short in a step: tries again to end it. */
void handshake_resume(struct dtls *d, uint64_t now);

/* Is the peer's ChangeCipherSpec the next that OpenSSL can use? */
bool handshake_awaits_change(const struct dtls *d);
/* Was it used? Then records of epoch 1 can be. */
bool handshake_was_changed(const struct dtls *d);

#endif
