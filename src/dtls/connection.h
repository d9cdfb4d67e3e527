/* connection: which state is a DTLS connection in, and how does it come to its end?
 *
 * The struct that the files of one connection share. Each file has a question of its own and calls only files that stand above it
 * in this list:
 *
 *   record       what does a record look like from outside?
 *   suite        which cipher suites, and how are their records laid out?
 *   epoch        the keys, and runs of records through the cipher
 *   flight       what does our newest flight consist of, and which datagrams does it make?
 *   transport    where does OpenSSL read records from, and where do those go that it writes?
 *   fingerprint, trust, sessions, context, certificate: who is the peer, who are we?
 *   written      what becomes of the records that OpenSSL wrote?
 *   connection   the states
 *   repeat       when does a flight go again?
 *   records      whose records carry the data: ours or OpenSSL's?
 *   handshake    OpenSSL's handshake, step by step
 *   early        which records came before their turn?
 *   datagrams    records to and from the slots of a batch: open and seal
 *   dtls         the door: life, the other verbs, questions
 *
 * OpenSSL makes and understands the messages of the handshake, and nothing else. When the handshake is over its object is freed;
 * what outlives it stands here: the keys, the secrets for exporters, the certificate that came, and the last flight.
 *
 *   state == DTLS_CONNECTED implies finished and trust.verified
 *   give_up != SLUICE_NEVER only while state == DTLS_HANDSHAKING and not finished; so does `deadline`, see repeat.h
 *   finished implies ssl == NULL, except with OpenSSL's records */
#ifndef DTLS_CONNECTION_H
#define DTLS_CONNECTION_H

#include <openssl/ssl.h>

#include "base/clock.h"
#include "dtls/dtls.h"
#include "dtls/early.h"
#include "dtls/epoch.h"
#include "dtls/flight.h"
#include "dtls/transport.h"
#include "dtls/trust.h"

struct records;

/* What OpenSSL has read of the peer's handshake. Its own state is not asked: the numbers of SSL_get_state are others in OpenSSL
 * 3.0 than in later versions with the same library name. */
struct progress {
	bool any;     /* a message */
	bool hello;   /* client: the ServerHello */
	bool proof;   /* server: the CertificateVerify */
	bool changed; /* the ChangeCipherSpec */
};

struct dtls {
	/* What seal and open touch. */
	const struct records *records;
	enum dtls_state state;
	uint32_t headroom, tailroom;
	size_t plaintext_max; /* of a record */
	struct epoch epoch;
	sluice_dtls_stats stats;
	struct flight flight;
	struct early early;

	/* The handshake. */
	SSL *ssl;
	struct transport transport;
	bool client, resume;
	bool finished; /* OpenSSL's handshake is complete */
	bool closing;  /* close_notify came before the handshake was complete */
	int outcome;   /* of OpenSSL's last step */
	/* How often memory was too short to end that step. It is tried again. */
	unsigned stuck;
	struct progress progress;
	struct trust trust;
	int error;
	const char *text;
	sluice_env *env;
	sluice_certificate *certificate;
	uint64_t patience, give_up;
	uint64_t latest; /* the latest time of a verb; clock_forward at the door of each */

	/* What is known when it is over. */
	struct secrets secrets;
	const char *cipher;   /* OpenSSL's name of the suite */
	bool resumed;         /* it was an abbreviated one */
	uint16_t srtp;        /* the profile's number; 0: none */
	SSL_SESSION *session; /* the reference that may be resumed; NULL without resumption */

	/* repeat.c */
	uint64_t first_timeout, timeout, deadline;
	bool written;             /* OpenSSL wrote a flight since repeat_follow was called last */
	bool repeated;            /* this flight was sent more than once */
	unsigned repetitions;     /* of this flight */
	uint64_t last_not_before; /* when the last flight may be repeated next because a record asks for it */
};

void connection_fail(struct dtls *d, int error, const char *text);
/* A call of OpenSSL returned `result`, which was no success: does it wait for more, or did the connection end? */
void connection_settle(struct dtls *d, int result);
/* An authentic alert of the peer. */
void connection_alert(struct dtls *d, uint8_t level, uint8_t description);
/* CONNECTED, when the handshake is complete and the certificate the right one. A certificate that does not fit (or a complete
 * handshake without one) ends the connection. 0 or SLUICE_FINGERPRINT. */
int connection_trust(struct dtls *d);
/* The peer said close_notify. */
void connection_closed_by_peer(struct dtls *d);
/* Queues close_notify. */
void connection_close(struct dtls *d);

static inline bool connection_is_live(const struct dtls *d) {
	return d->state == DTLS_CONNECTED || d->state == DTLS_HANDSHAKING;
}

#endif
