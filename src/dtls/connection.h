/* connection: which state is a DTLS connection in, and how does it come to its end?
 *
 * The struct that the files of one connection share. Each file has a question of its own and calls only files that stand above it
 * in this list:
 *
 *   record       what does a record look like from outside?
 *   transport    where does OpenSSL read records from, and where do those go that it writes?
 *   fingerprint, trust, sessions, context, certificate: who is the peer, who are we?
 *   buffers      when does OpenSSL hold memory for records?
 *   connection   the states
 *   flights      when does a flight go again?
 *   handshake    OpenSSL's handshake, step by step
 *   early        which records came before their turn?
 *   datagrams    records to and from the slots of a batch: open and seal
 *   dtls         the door: life, the other verbs, questions
 *
 *   state == DTLS_CONNECTED implies finished and trust.verified
 *   give_up != SLUICE_NEVER only while state == DTLS_HANDSHAKING and not finished; so does `deadline`, see flights.h */
#ifndef DTLS_CONNECTION_H
#define DTLS_CONNECTION_H

#include <openssl/ssl.h>

#include "base/clock.h"
#include "dtls/dtls.h"
#include "dtls/early.h"
#include "dtls/transport.h"
#include "dtls/trust.h"

struct dtls {
	/* What seal and open touch. */
	SSL *ssl;
	enum dtls_state state;
	uint32_t headroom, tailroom;
	size_t plaintext_max; /* of a record */
	size_t write_max;     /* of a record that fits into OpenSSL's write buffer as it is; buffers.c */
	struct transport transport;
	sluice_dtls_stats stats;
	struct early early;

	/* The handshake. */
	bool client, resume;
	bool finished; /* OpenSSL's handshake is complete */
	struct trust trust;
	int error;
	const char *text;
	sluice_env *env;
	sluice_certificate *certificate;
	uint64_t patience, give_up;
	uint64_t latest; /* the latest time of a verb; clock_forward at the door of each */

	/* flights.c */
	uint64_t first_timeout, timeout, deadline;
	bool repeated;                             /* this flight was sent more than once */
	unsigned repetitions, repeated_by_openssl; /* of this flight */

	/* buffers.c */
	bool buffers_used;     /* since idle_at was set last */
	bool buffers_released; /* they have to be made again before the next record */
	uint64_t idle_at;      /* SLUICE_NEVER: nothing to wait for */
};

void connection_fail(struct dtls *d, int error, const char *text);
/* The same, for the reason that OpenSSL's error queue gives, which is emptied. */
void connection_fail_as_openssl_says(struct dtls *d);
/* SSL_read or SSL_do_handshake returned `result`, which was no success: does it wait for more, or did the connection end? */
void connection_settle(struct dtls *d, int result);
/* CONNECTED, when the handshake is complete and the certificate the right one. A certificate that does not fit (or a complete
 * handshake without one) ends the connection. 0 or SLUICE_FINGERPRINT. */
int connection_trust(struct dtls *d);
/* Queues close_notify. */
void connection_close(struct dtls *d);

#endif
