/* connection: what the parts of a DTLS connection share: dtls.c (handshake, timers, close), trust.c (the peer's certificate) and
 * datagrams.c (records), early.c (records before their turn). */
#ifndef DTLS_CONNECTION_H
#define DTLS_CONNECTION_H

#include "base/clock.h"
#include "dtls/certificate.h"
#include "dtls/dtls.h"
#include "dtls/record.h"
#include "dtls/transport.h"

/* Application records that came before the connection was ready for them: reordered before the peer's last flight, or
 * before we were told whom to trust. They wait sealed; sixteen cover a first window of data. */
#define DTLS_HELD_MAX 16
/* Encrypted handshake messages that came before the ChangeCipherSpec: there is one, the Finished, and its repetitions. */
#define DTLS_SEALED_EARLY_MAX 4

struct held_record {
	struct held_record *next;
	size_t len;
	uint8_t bytes[];
};

/* count == records from first to last */
struct held_list {
	struct held_record *first, *last;
	unsigned count;
};

/* Invariants:
 *   state == DTLS_CONNECTED implies finished and verified; verified implies remote_count > 0
 *   remotes == NULL exactly when remote_count == 0; all of them have one hash
 *   held.count <= DTLS_HELD_MAX, sealed_early.count <= DTLS_SEALED_EARLY_MAX
 *   deadline and give_up != SLUICE_NEVER only while state == DTLS_HANDSHAKING and not finished */
struct dtls {
	/* What seal and open touch. */
	SSL *ssl;
	enum dtls_state state;
	uint32_t headroom, tailroom;
	size_t plaintext_max; /* of a record */
	size_t write_max;     /* of one that fits OpenSSL's buffer as it is */
	struct transport transport;
	sluice_dtls_stats stats;
	struct held_list held;    /* data; early.c */
	struct held_record *lent; /* opened by the last dtls_open; its caller may still read them */

	/* The handshake. */
	bool client, resume;
	bool finished; /* OpenSSL's handshake is complete */
	bool verified; /* the peer's certificate matched one of `remotes` */
	bool repeated; /* this flight was sent more than once */
	bool change_waits;
	uint8_t change[RECORD_HEADER + 1]; /* a ChangeCipherSpec that came before its turn */
	struct held_list sealed_early;     /* what came before it and is encrypted */
	int error;
	const char *text;
	sluice_env *env;
	sluice_certificate *certificate;
	sluice_fingerprint *remotes; /* of one hash; NULL: not told yet */
	size_t remote_count;
	uint64_t first_timeout, timeout, deadline;
	uint64_t patience, give_up;
	unsigned repetitions, repeated_by_openssl; /* of this flight */
	uint64_t latest;                           /* the latest time of a verb; clock_forward at the door of each */

	/* OpenSSL's record buffers, 18 KB, go when nothing was sealed or opened for a while; see buffers.c. */
	bool buffers_used;     /* since idle_at was set last */
	bool buffers_released; /* they have to be made again before the next record */
	uint64_t idle_at;      /* SLUICE_NEVER: nothing to wait for */
};

/* ---- trust.c ---- */
/* Keeps the fingerprints of the strongest hash. 0, INVALID when no hash is known, LIMIT, NO_MEMORY. */
int trust_set(struct dtls *d, const sluice_fingerprint *f, size_t count);
/* Compares the peer's certificate with them, if both are here and that was not done yet. A certificate that does not fit (or
 * a handshake without one) ends the connection: FINGERPRINT; else 0. */
int trust_check(struct dtls *d);
bool trust_matches(const struct dtls *d, const X509 *peer);
/* Before a record is sealed or opened. False when there is no memory for OpenSSL's buffers. */
bool buffers_make(struct dtls *d);
static inline bool buffers_exist(struct dtls *d) {
	return !d->buffers_released || buffers_make(d);
}
/* The same before a record of data, which puts off the next release. */
static inline bool buffers_ready(struct dtls *d) {
	d->buffers_used = true;
	return buffers_exist(d);
}
/* The caller's clock, whenever it is told. */
/* Its size for packets of an ordinary path. */
void buffers_init(struct dtls *d);
/* Makes the buffer to write from large enough for any record. Not for `size` that fits already: small connections stay small. */
bool buffers_grow(struct dtls *d);
static inline bool buffers_hold(struct dtls *d, size_t size) {
	return size <= d->write_max || buffers_grow(d);
}
void buffers_note_time(struct dtls *d, uint64_t now);
void buffers_advance(struct dtls *d, uint64_t now);

/* OpenSSL's certificate callback; accepts any chain, and then only the fingerprint counts. */
int dtls_verify_peer(X509_STORE_CTX *store, void *unused);

/* ---- sessions.c ---- */
bool sessions_refuse(SSL *ssl);        /* server: neither finds nor leaves a session; with sessions_done */
void sessions_offer(struct dtls *d);   /* client, before its first flight */
void sessions_done(struct dtls *d);    /* CONNECTED */
void sessions_survive(struct dtls *d); /* before SSL_free */

/* ---- early.c ---- */
/* Keeps a record of data, sealed; a record above the bound is dropped and counted. */
void early_hold(struct dtls *d, const uint8_t *record, size_t len);
/* The oldest of them, to be opened; it lives until early_release. NULL when there is none. */
struct held_record *early_lend(struct dtls *d);
void early_release(struct dtls *d);
/* Gives OpenSSL a record that is no data as soon as it can use it: now, with what waited for it, or later. */
void early_take(struct dtls *d, uint8_t *record, size_t len, uint64_t now);
void early_free(struct dtls *d);
bool early_check(const struct dtls *d);

/* ---- dtls.c ---- */
void dtls_fail(struct dtls *d, int error, const char *text);
/* CONNECTED, when the handshake is complete and the certificate the right one. */
void dtls_connect_if_trusted(struct dtls *d);
/* Gives OpenSSL one record that is no application data (or none), and acts on what it says. */
void dtls_take_record(struct dtls *d, uint8_t *record, size_t len, uint64_t now);
/* The peer repeats its last flight although our handshake is over, which means that our last flight was lost. RFC 6347, 4.2.4:
 * "the node that transmits the last flight [...] MUST respond to a retransmit of the peer's last flight with a retransmit of the
 * last flight." It is repeated as it was, since a peer that has it does not ask, and since OpenSSL would end the connection at
 * the thirteenth time. So nothing depends on whether what came is genuine; a forger makes one small flight go to the peer, no
 * more. False: ours was not the last, the copy lacks something, or it is needed no more. */
bool dtls_repeat_last_flight(struct dtls *d);
/* SSL_read or SSL_do_handshake gave nothing: waits it for more, or did the connection end? */
void dtls_settle(struct dtls *d, int result);

#endif
