/* A peer: DTLS, an association over it and the channels on that, as one engine without a socket.
 *
 * The same four verbs as the association, over UDP datagrams, plus dispatch(), which runs the callbacks. This version is
 * given the other side's address and certificate fingerprint by the program; ICE and SDP come on top of it.
 *
 * One thread at a time. */
#ifndef SLUICE_PEER_H
#define SLUICE_PEER_H

#include "sluice/channel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- certificates ------------------------------------------------------------------------------------------------ */

typedef struct sluice_certificate sluice_certificate;

enum sluice_hash { SLUICE_SHA256 = 1, SLUICE_SHA384, SLUICE_SHA512 };

/* A certificate's digest, which RFC 8122 writes as "sha-256 AB:CD:..."; every such text fits in SLUICE_FINGERPRINT_MAX
 * bytes with its NUL. */
#define SLUICE_FINGERPRINT_MAX 200
typedef struct sluice_fingerprint {
	enum sluice_hash hash;
	uint8_t digest[64];
} sluice_fingerprint;

/* A fresh self-signed ECDSA P-256 certificate, valid from a day ago for 30 days. It is reference-counted (any thread
 * may retain and release it) and may serve many peers. Returns 0, SLUICE_CRYPTO, SLUICE_NO_MEMORY. */
SLUICE_API int sluice_certificate_generate(sluice_certificate **out);
/* From PEM text: certificate and private key, each may stand in either string. SLUICE_MALFORMED when they do not fit. */
SLUICE_API int sluice_certificate_from_pem(const char *cert_pem, const char *key_pem, sluice_certificate **out);
SLUICE_API void sluice_certificate_retain(sluice_certificate *c);
SLUICE_API void sluice_certificate_release(sluice_certificate *c);
SLUICE_API int sluice_certificate_fingerprint(const sluice_certificate *c, enum sluice_hash hash, sluice_fingerprint *out);

/* "sha-256 AB:CD:..." into text; returns its length, or SLUICE_NO_SPACE. */
SLUICE_API int sluice_fingerprint_format(const sluice_fingerprint *f, char *text, size_t size);
/* The reverse, case-insensitively; SLUICE_MALFORMED, or SLUICE_UNSUPPORTED for another hash. */
SLUICE_API int sluice_fingerprint_parse(const char *text, sluice_fingerprint *out);

/* ---- the peer ---------------------------------------------------------------------------------------------------- */

typedef struct sluice_peer sluice_peer;

enum sluice_peer_state {
	SLUICE_PEER_NEW = 0,
	SLUICE_PEER_CONNECTING, /* DTLS or SCTP handshake under way */
	SLUICE_PEER_CONNECTED,  /* channels can carry data */
	SLUICE_PEER_CLOSING,
	SLUICE_PEER_CLOSED, /* closed by either side in order */
	SLUICE_PEER_FAILED, /* sluice_peer_error tells why */
};
SLUICE_API const char *sluice_peer_state_name(enum sluice_peer_state state);

typedef struct sluice_peer_config {
	size_t size; /* set by sluice_peer_config_init */

	enum sluice_role role;           /* DTLS client or server; required */
	sluice_certificate *certificate; /* NULL: one is made */
	sluice_fingerprint
		remote_fingerprint; /* hash 0: to be set with sluice_peer_set_remote_fingerprint before any data passes */
	/* Where the other side is; remote_len 0: learnt from the first datagram that looks like DTLS. While the handshake runs,
	 * other addresses are ignored; later the path follows records that authenticate from elsewhere (a NAT rebinding). */
	sluice_path path;
	uint32_t mtu;                /* largest UDP payload in bytes, 400..16384; 1200 */
	uint64_t dtls_first_timeout; /* ns before the first flight is repeated; doubles, at most 3 s each; 50 ms */
	const char *dtls_ciphers;    /* OpenSSL's list; NULL: AES-GCM before ChaCha20-Poly1305 */

	sluice_sctp_config sctp; /* its mtu is set by the peer; its checksum is SLUICE_CHECKSUM_DTLS from config_init on */
	uint64_t remote_max_message_size; /* as in sluice_channels_config */
	uint32_t max_channels;

	/* Each state at most once, in order. CLOSED and FAILED come when the last packet has been output, behind every channel's
	 * on_closed, so the peer may be freed there. */
	void (*on_state)(sluice_peer *p, enum sluice_peer_state state, void *user);
	void (*on_channel)(sluice_peer *p, sluice_channel *ch, void *user);
	void *user;
} sluice_peer_config;

SLUICE_API void sluice_peer_config_init(sluice_peer_config *config);

/* Makes a peer in state NEW; nothing is sent before start. Returns 0, SLUICE_INVALID (the role is missing, or a field is
 * outside what its comment allows), SLUICE_CRYPTO or SLUICE_NO_MEMORY. */
SLUICE_API int sluice_peer_new(sluice_env *env, const sluice_peer_config *config, sluice_peer **out);
/* Frees it at once, from anywhere, callbacks included; nothing is sent and no callback follows. */
SLUICE_API void sluice_peer_free(sluice_peer *p);

/* Begins: the DTLS client sends its first flight. The server just waits. Returns 0, or SLUICE_WRONG_STATE when it was called
 * before or the peer was closed. */
SLUICE_API int sluice_peer_start(sluice_peer *p);

/* Ends in order: delivers what was accepted, shuts the association down, then sends close_notify. on_state says CLOSED. */
SLUICE_API void sluice_peer_close(sluice_peer *p);
/* Ends at once: ABORT and close_notify are sent by the next output(). */
SLUICE_API void sluice_peer_abort(sluice_peer *p, const char *reason);

/* Whom to trust, once. Allowed until a fingerprint was checked; what the other side sent meanwhile waits for it. Returns 0,
 * SLUICE_FINGERPRINT when a certificate came already and is another (the peer then fails), SLUICE_INVALID for an unknown
 * hash, SLUICE_WRONG_STATE when one was checked already, SLUICE_CLOSED. RFC 8827, 6.5; RFC 8122, 6.2. */
SLUICE_API int sluice_peer_set_remote_fingerprint(sluice_peer *p, const sluice_fingerprint *f);

/* ---- the verbs; see sctp.h ---------------------------------------------------------------------------------------- */

/* UDP payloads that came from `path` (NULL: from where the peer expects them); they are opened in place. What is not for the
 * peer is counted and dropped. Returns 0, or SLUICE_NO_MEMORY when something was dropped for want of memory. */
SLUICE_API int sluice_peer_input(sluice_peer *p, const sluice_path *path, sluice_datagram *datagrams, size_t count, uint64_t now);
SLUICE_API void sluice_peer_advance(sluice_peer *p, uint64_t now);
/* UDP payloads that are due, and in batch->path where they go. Returns how many, 0 when nothing is due (call it until then),
 * or SLUICE_NO_SPACE when the space does not hold one datagram of the mtu. headroom and tailroom have to be 0. */
SLUICE_API int sluice_peer_output(sluice_peer *p, sluice_batch *batch, uint64_t now);
SLUICE_API uint64_t sluice_peer_deadline(const sluice_peer *p);
/* Runs the callbacks that are due. Call after input() and advance(), then output(). Returns how many ran. The peer may
 * be gone when this returns, if a callback freed it. */
SLUICE_API int sluice_peer_dispatch(sluice_peer *p);
/* Called (if set) when a call outside the verbs gave dispatch() or output() something to do. At most once until the next
 * one of these. The hook must not call the peer. */
SLUICE_API void sluice_peer_set_wake(sluice_peer *p, void (*wake)(void *ctx), void *ctx);

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

/* Opens a channel; see sluice_channel_open. */
SLUICE_API int sluice_peer_open_channel(sluice_peer *p, const sluice_channel_config *config, sluice_channel **out);
SLUICE_API sluice_peer *sluice_channel_peer(const sluice_channel *ch); /* NULL when the set has no peer */

SLUICE_API enum sluice_peer_state sluice_peer_state(const sluice_peer *p);
/* Why it FAILED; 0 while it lives and after an orderly end. What text (may be NULL) then points to is never NULL and lives
 * as long as the peer. */
SLUICE_API int sluice_peer_error(const sluice_peer *p, const char **text);
SLUICE_API void *sluice_peer_user(const sluice_peer *p);
SLUICE_API int sluice_peer_local_fingerprint(const sluice_peer *p, enum sluice_hash hash, sluice_fingerprint *out);
SLUICE_API const char *sluice_peer_cipher(const sluice_peer *p); /* OpenSSL's name of the suite; "" before DTLS is up */
SLUICE_API void sluice_peer_stats_get(const sluice_peer *p, sluice_peer_stats *stats);
/* Keying material of the DTLS connection (RFC 5705), for protocols that need it: len bytes under the label,
 * without a context. Returns 0, SLUICE_WRONG_STATE before it is up and after its end, SLUICE_CRYPTO. */
SLUICE_API int sluice_peer_export(sluice_peer *p, const char *label, void *out, size_t len);

#ifdef __cplusplus
}
#endif
#endif
