/* dtls: one DTLS 1.2 connection (RFC 6347) over datagrams that somebody else moves.
 *
 * The door of this folder; the other one, for TURN over TLS, is tls_stream.h. The established path has two calls, seal and open,
 * both in place. The handshake has the four verbs. OpenSSL makes the messages of the handshake; the records, the flights and
 * their repetition are ours (connection.h has the map). It knows no sockets, no SCTP and no ICE. The clock is the caller's; a
 * time that is older than the one before counts as the one before.
 *
 * Nothing is opened or sealed for the layer above before the peer's certificate matched a fingerprint that was announced. */
#ifndef DTLS_DTLS_H
#define DTLS_DTLS_H

#include "sluice/certificate.h"
#include "sluice/env.h"
#include "sluice/stats.h"

struct dtls;

enum dtls_state {
	DTLS_NEW,
	DTLS_HANDSHAKING,
	DTLS_CONNECTED, /* and the fingerprint matched */
	DTLS_CLOSED,    /* close_notify went either way */
	DTLS_FAILED,    /* dtls_error says why */
};

struct dtls_config {
	bool client;
	sluice_certificate *certificate; /* retained */
	/* Whom to trust: one fingerprint, or, with remote_count > 0, any one of several. They are copied. RFC 8122, 5: only those
	 * of the strongest hash that we know count. Without any (hash 0), dtls_set_remotes has to follow; the state stays
	 * HANDSHAKING until then. */
	sluice_fingerprint remote;
	const sluice_fingerprint *remotes;
	size_t remote_count;
	size_t mtu;             /* largest datagram, handshake or sealed; at least 256 */
	size_t handshake_mtu;   /* largest handshake datagram, 256..mtu; 0: mtu */
	uint64_t first_timeout; /* ns; doubles up to 3 s, the most that it can be; 0: 50 ms */
	/* ns without a record from the peer, counted from dtls_start, until the handshake ends with TIMED_OUT, for client and
	 * server alike. 0 or SLUICE_NEVER: it never ends by itself, because somebody else knows whether the peer lives. */
	uint64_t patience;
	/* Two ends that spoke before under the same two certificates need one round trip instead of two (RFC 5246, 7.3). The
	 * certificate is compared with `remotes` all the same. Off unless both sides ask for it; a client resumes only when it
	 * knows `remotes` at dtls_start. */
	bool resume;
	const char *ciphers; /* NULL: default; suites with AES-GCM or ChaCha20-Poly1305 only */
	/* Profiles of SRTP by OpenSSL's names, with colons between them, the most wanted first. The client offers them, the
	 * server chooses one (RFC 5764, 4.1). NULL: neither. */
	const char *srtp;
	/* OpenSSL seals and opens the records of data, and keeps its object for that: some 70 KiB to 120 KiB a connection. For
	 * comparison, and for doubt. */
	bool openssl_records;
};

/* How many fingerprints of one hash may be announced. */
#define DTLS_REMOTES_MAX 16

/* Returns 0, or
 *   SLUICE_INVALID    a field out of bounds, cipher suites that are not all of that kind, an unknown SRTP profile, or no
 *                     fingerprint of a known hash
 *   SLUICE_LIMIT      more than DTLS_REMOTES_MAX fingerprints
 *   SLUICE_NO_MEMORY */
int dtls_new(sluice_env *env, const struct dtls_config *config, struct dtls **out);
void dtls_free(struct dtls *d);
/* Announces whom to trust. Until a certificate came, another set may replace this one. When the connection becomes CONNECTED by
 * this call, the records that waited come out of the next dtls_open, so call dtls_open with count 0. Returns 0, or
 *   SLUICE_WRONG_STATE  a certificate was found good already, or the connection is over
 *   SLUICE_FINGERPRINT  the certificate that came is none of these; the connection has failed
 *   SLUICE_INVALID      the hash of none is known
 *   SLUICE_LIMIT        more than DTLS_REMOTES_MAX fingerprints
 *   SLUICE_NO_MEMORY */
int dtls_set_remotes(struct dtls *d, const sluice_fingerprint *remotes, size_t count);
int dtls_set_remote(struct dtls *d, const sluice_fingerprint *remote);

/* Sends the client's first flight once more, without waiting for its time, because there is reason to believe that the other side
 * could not hear it before. False: the peer has answered, the flight has not left yet, or this is the server. */
bool dtls_repeat_hello(struct dtls *d, uint64_t now);
/* The round trip became known: from the next flight on, none is repeated sooner than this. Never lowers the timeout. */
void dtls_raise_first_timeout(struct dtls *d, uint64_t timeout);
/* Makes the first flight ready (client) or waits for one (server). */
int dtls_start(struct dtls *d, uint64_t now);

/* Opens datagrams in place. Application data comes out as entries in `out`: data and len lie inside the input datagram's bytes,
 * slab as it was. Handshake records are consumed. Returns how many entries. Datagrams usually hold one record each, and then
 * out_size >= count suffices, with 16 more for those that waited; records beyond it are dropped and counted. Records that fail
 * are counted and skipped.
 *
 * Data that came before the handshake was over (up to 16 records) is kept sealed and comes out first, with slab NULL: its bytes
 * are ours and live until the next dtls_open. `out` must not be `in`. */
size_t dtls_open(struct dtls *d, sluice_datagram *in, size_t count, sluice_datagram *out, size_t out_size, uint64_t now);

/* The bytes that seal needs before and behind each datagram of plaintext. Known once connected; before, the largest possible. */
size_t dtls_headroom(const struct dtls *d);
size_t dtls_tailroom(const struct dtls *d);

/* Seals every slot of the batch in place: the plaintext stands at slot + headroom, and the slot becomes one record. `headroom`
 * and `tailroom` of the batch must be dtls_headroom and dtls_tailroom; they become 0. count, stride and last stay true. Returns
 * 0, or
 *   SLUICE_WRONG_STATE  not CONNECTED
 *   SLUICE_INVALID      other rooms than ours, an empty plaintext, or one longer than the mtu or 2^14 bytes
 *   SLUICE_LIMIT        the numbers of records are used up; the connection is closed now
 *   SLUICE_CRYPTO       the library refused; nothing of the batch may leave */
int dtls_seal(struct dtls *d, sluice_batch *batch);

/* Writes handshake and alert datagrams that are due, as one batch: datagrams of one flight and of equal size, the last may be
 * shorter. Call it until it returns 0, also when CLOSED or FAILED: the alert that says so comes out here. Returns how many, or
 *   SLUICE_NO_SPACE  the space does not hold the first one
 *   SLUICE_CRYPTO    the library refused to seal, or no number was left; what waited is dropped */
int dtls_output(struct dtls *d, sluice_batch *batch, uint64_t now);
/* The number of the flight that the datagrams of the last dtls_output belong to; 0 before the first. Each flight, each repetition
 * of one and each alert has another number, from 1. A flight comes out wholly before the next one begins, so a caller who keeps
 * copies of a flight drops them when this number changes. */
uint32_t dtls_flight(const struct dtls *d);
void dtls_advance(struct dtls *d, uint64_t now);
/* When dtls_advance or dtls_output has to be called next. 0: at once. SLUICE_NEVER: not before something comes. */
uint64_t dtls_deadline(const struct dtls *d);

/* Queues close_notify. */
void dtls_close(struct dtls *d);

enum dtls_state dtls_state(const struct dtls *d);
/* Why the connection ended; 0 while it has not, and after dtls_close. *text is static.
 *   SLUICE_FINGERPRINT  the peer's certificate is not the one announced
 *   SLUICE_TIMED_OUT    the peer did not answer the handshake
 *   SLUICE_ABORTED      the peer sent a fatal alert
 *   SLUICE_CLOSED       the peer sent close_notify
 *   SLUICE_LIMIT        the numbers of records are used up
 *   SLUICE_PROTOCOL, SLUICE_CRYPTO, SLUICE_NO_MEMORY */
int dtls_error(const struct dtls *d, const char **text);
void dtls_stats_get(const struct dtls *d, sluice_dtls_stats *stats);
/* Was the handshake an abbreviated one? */
bool dtls_resumed(const struct dtls *d);
/* OpenSSL's name of the negotiated suite; "" before. */
const char *dtls_cipher(const struct dtls *d);
/* The number of the SRTP profile that both sides agreed on (RFC 5764, 4.1.2; RFC 7714, 14.2); 0: none, or not CONNECTED yet. */
uint16_t dtls_srtp_profile(const struct dtls *d);
/* The digest of the certificate that the peer showed. 0, or
 *   SLUICE_WRONG_STATE  no certificate came yet
 *   SLUICE_INVALID      an unknown hash
 *   SLUICE_CRYPTO */
int dtls_remote_fingerprint(const struct dtls *d, enum sluice_hash hash, sluice_fingerprint *out);
/* The same certificate as DER. Returns its length, or
 *   SLUICE_WRONG_STATE  no certificate came yet
 *   SLUICE_NO_SPACE     it is longer than size */
int dtls_remote_der(const struct dtls *d, void *buf, size_t size);
/* Keying material that both sides derive from the handshake and the label (RFC 5705, without a context). 0, or
 *   SLUICE_WRONG_STATE  not CONNECTED
 *   SLUICE_CRYPTO */
int dtls_export(struct dtls *d, const char *label, void *out, size_t len);

/* The invariants of connection.h, epoch.h, flight.h, trust.h, early.h and transport.h, recounted. */
bool dtls_check(const struct dtls *d);

#endif
