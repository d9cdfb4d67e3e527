/* dtls: one DTLS 1.2 connection (RFC 6347) over datagrams that somebody else moves.
 *
 * To the layers above it is two calls on the established path, seal and open, in place; and the four verbs for the
 * handshake. Behind them stand SSL_write and SSL_read; a record layer of our own can take their place without touching
 * any caller. It knows no sockets, no SCTP and no ICE. The clock is the caller's; a time older than the last one counts as that.
 *
 * Nothing is opened for, or sealed by, the layer above before the peer's certificate matched the fingerprint it was told
 * to expect. */
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
	DTLS_FAILED,    /* dtls_error tells why */
};

struct dtls_config {
	bool client;
	sluice_certificate *certificate; /* retained */
	/* Whom to trust: one fingerprint, or, with remote_count > 0, any one of several (copied; RFC 8122, 5: only those of the
	 * strongest hash that we know count). Neither (hash 0): set later with dtls_set_remotes; the state stays HANDSHAKING
	 * until then. */
	sluice_fingerprint remote;
	const sluice_fingerprint *remotes;
	size_t remote_count;
	size_t mtu;             /* largest datagram, handshake or sealed; at least 256 */
	size_t handshake_mtu;   /* largest handshake datagram, 256..mtu; 0: mtu */
	uint64_t first_timeout; /* ns; doubles up to 3 s; 0: 50 ms */
	/* ns without a record from the peer, counted from dtls_start, until the handshake ends with TIMED_OUT, for client and
	 * server alike; 0 or SLUICE_NEVER: it goes on for ever, because somebody else knows whether the peer lives. */
	uint64_t patience;
	/* Two ends that spoke before, under the same two certificates, need one round trip instead of two (RFC 5246, 7.3); the
	 * certificate is compared with `remotes` all the same. Off unless both ask for it; a client resumes only when it knows
	 * `remotes` at dtls_start. */
	bool resume;
	const char *ciphers; /* NULL: default; AEAD suites only */
};

/* Fingerprints of one hash. */
#define DTLS_REMOTES_MAX 16

/* 0, SLUICE_INVALID, SLUICE_LIMIT (too many fingerprints), SLUICE_NO_MEMORY. */
int dtls_new(sluice_env *env, const struct dtls_config *config, struct dtls **out);
void dtls_free(struct dtls *d);
/* 0; SLUICE_WRONG_STATE when one was checked already; SLUICE_FINGERPRINT when the certificate that came is another, which
 * ends the connection; SLUICE_INVALID when the hash of none is known; SLUICE_LIMIT; SLUICE_NO_MEMORY. Until a certificate came
 * the set may be replaced by another. When it becomes CONNECTED by this, the records that waited come out of the next dtls_open,
 * so call that with count 0. */
int dtls_set_remotes(struct dtls *d, const sluice_fingerprint *remotes, size_t count);
int dtls_set_remote(struct dtls *d, const sluice_fingerprint *remote);

/* The client's first flight goes once more, without waiting for its time: there is reason to believe that the other side could
 * not hear it before. False: something was heard, it has not left yet, or this is the server. */
bool dtls_repeat_hello(struct dtls *d, uint64_t now);
/* The round trip became known: no flight is repeated sooner than this from the next one on. Never lowers what was set. */
void dtls_raise_first_timeout(struct dtls *d, uint64_t timeout);
/* Makes the first flight ready (client) or waits for one (server). */
int dtls_start(struct dtls *d, uint64_t now);

/* Opens datagrams in place. Application data comes out as entries in `out` (data and len inside the input datagram's
 * bytes, slab as it was); handshake records are consumed. Returns how many entries; out_size >= count suffices for the
 * usual one record a datagram; records beyond it are dropped and counted. Records that fail are counted and skipped.
 *
 * Data that came before the handshake was over (up to 16 records) is kept sealed and comes out first, with slab NULL: its
 * bytes are ours and live until the next dtls_open. `out` must not be `in`. */
size_t dtls_open(struct dtls *d, sluice_datagram *in, size_t count, sluice_datagram *out, size_t out_size, uint64_t now);

/* The rooms that seal needs around each datagram of plaintext. Known once connected; before, the largest possible. */
size_t dtls_headroom(const struct dtls *d);
size_t dtls_tailroom(const struct dtls *d);

/* Seals every slot of the batch in place: the plaintext stands at slot + headroom, and the slot becomes one record.
 * `headroom` and `tailroom` of the batch are this layer's and are consumed (set to 0); count, stride and last stay true.
 * 0, SLUICE_WRONG_STATE, SLUICE_INVALID (other rooms than ours, an empty plaintext, or a slot above the mtu), SLUICE_CRYPTO. */
int dtls_seal(struct dtls *d, sluice_batch *batch);

/* Handshake and alert datagrams that are due, as a batch (all of one flight that have equal size up to the last). Returns
 * how many datagrams, 0 when none (call it until then, also when CLOSED or FAILED: the alert that says so is here), or
 * SLUICE_NO_SPACE when the space does not hold the first one. */
int dtls_output(struct dtls *d, sluice_batch *batch, uint64_t now);
/* The number of the flight that the datagrams of the last dtls_output belong to: from 1, another one for each flight, each
 * repetition of one and each alert; 0 before. A flight comes wholly before anything of the next one, so who keeps copies of a
 * flight forgets them when this number changes. */
uint32_t dtls_flight(const struct dtls *d);
void dtls_advance(struct dtls *d, uint64_t now);
/* When dtls_advance or dtls_output wants to be called next; 0: at once; SLUICE_NEVER. With OpenSSL 3.2 and later, a flight that
 * ends with Finished is repeated by the system's clock, whatever `now` says. */
uint64_t dtls_deadline(const struct dtls *d);

/* Queues close_notify. */
void dtls_close(struct dtls *d);

enum dtls_state dtls_state(const struct dtls *d);
/* FINGERPRINT, TIMED_OUT, ABORTED (the peer sent a fatal alert), CLOSED (it sent close_notify), PROTOCOL, CRYPTO, NO_MEMORY;
 * 0 while all is well and after dtls_close. text is static. */
int dtls_error(const struct dtls *d, const char **text);
void dtls_stats_get(const struct dtls *d, sluice_dtls_stats *stats);
bool dtls_resumed(const struct dtls *d);       /* was the handshake an abbreviated one? */
const char *dtls_cipher(const struct dtls *d); /* OpenSSL's name of the negotiated suite; "" before */
/* The certificate that the peer showed: its digest, and its DER bytes, of which the length is returned. WRONG_STATE before it
 * came; INVALID for an unknown hash; NO_SPACE. */
int dtls_remote_fingerprint(const struct dtls *d, enum sluice_hash hash, sluice_fingerprint *out);
int dtls_remote_der(const struct dtls *d, void *buf, size_t size);
int dtls_export(struct dtls *d, const char *label, void *out, size_t len);

/* The invariants of connection.h and transport.h, recounted. */
bool dtls_check(const struct dtls *d);

#endif
