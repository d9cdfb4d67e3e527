/* A peer connection: ICE, DTLS, an association over it and the channels on that, as one engine without a socket.
 *
 * The same four verbs as the association, over UDP datagrams, plus dispatch(), which runs the callbacks. There are two ways to
 * tell a peer whom to talk to:
 *
 * - By offer and answer, as W3C's RTCPeerConnection does it: leave config.role UNKNOWN, exchange descriptions and candidates.
 *   Names, states and order are W3C's; ICE (RFC 8445) finds the path, the fingerprint comes from the description.
 * - Directly: set config.role, the address and the fingerprint, and call sluice_peer_start(). No ICE, no SDP.
 *
 * A peer belongs to one thread (its loop's). Every function may be called from every callback of the same peer, freeing it
 * included. From other threads, go through sluice_loop_post() of loop.h. */
#ifndef SLUICE_PEER_H
#define SLUICE_PEER_H

#include "sluice/certificate.h"
#include "sluice/channel.h"
#include "sluice/ice.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the peer ---------------------------------------------------------------------------------------------------- */

/* One connection to one other side. */
typedef struct sluice_peer sluice_peer;

enum sluice_peer_state {
	SLUICE_PEER_NEW = 0,
	SLUICE_PEER_CONNECTING, /* ICE checks, DTLS or SCTP handshake under way */
	SLUICE_PEER_CONNECTED,  /* channels can carry data */
	SLUICE_PEER_CLOSING,
	/* Closed by either side: in order, by sluice_peer_abort, or by the other side's close_notify or ABORT on its app's behalf
	 * (cause 12), as when a browser closes its connection. Of each channel on_closed tells whether anything was cut off */
	SLUICE_PEER_CLOSED,
	/* sluice_peer_error tells why. It is over, unless ICE alone has failed (TIMED_OUT while sluice_peer_ice_state is FAILED):
	 * such a peer and its channels stay as they are, without a path, until an ICE restart brings one, or the app closes or
	 * frees it */
	SLUICE_PEER_FAILED,
	SLUICE_PEER_DISCONNECTED, /* by descriptions: the path is silent; CONNECTED comes again, or FAILED */
};
/* W3C's word, "connected"; "unknown" for a number that is none. Any thread. */
SLUICE_API const char *sluice_peer_state_name(enum sluice_peer_state state);

/* ---- by offer and answer: states and descriptions (W3C webrtc-pc, 4.3; RFC 9429) ------------------------------------ */

enum sluice_sdp_type { SLUICE_SDP_OFFER = 1, SLUICE_SDP_ANSWER, SLUICE_SDP_ROLLBACK };

enum sluice_signaling_state {
	SLUICE_SIGNALING_STABLE = 0,
	SLUICE_SIGNALING_HAVE_LOCAL_OFFER,
	SLUICE_SIGNALING_HAVE_REMOTE_OFFER,
	SLUICE_SIGNALING_CLOSED,
};
/* W3C's word, "have-local-offer"; "unknown" for any other number. Any thread. */
SLUICE_API const char *sluice_signaling_state_name(enum sluice_signaling_state state);

typedef struct sluice_peer_config {
	size_t size; /* set by sluice_peer_config_init */

	enum sluice_role role; /* UNKNOWN: by offer and answer. DTLS client or server: directly, and the four below say to whom */
	sluice_certificate *certificate; /* NULL: one is made */
	sluice_fingerprint
		remote_fingerprint; /* hash 0: to be set with sluice_peer_set_remote_fingerprint before any data passes */
	/* Where the other side is; remote_len 0: learnt from the first datagram that looks like DTLS. While the handshake runs,
	 * other addresses are ignored; later the path follows records that authenticate from elsewhere (a NAT rebinding). */
	sluice_path path;
	uint32_t mtu; /* largest UDP payload in bytes before the path is known, 400..16384; 1200. See sctp.mtu_max */
	uint64_t dtls_first_timeout; /* ns before the first flight is repeated; doubles, at most 3 s each; 50 ms */
	/* ns in which the other side says nothing of the handshake, until the peer has FAILED with TIMED_OUT; 30 s; SLUICE_NEVER:
	 * it waits for ever. It counts from the start, for the server with path.remote_len 0 from the first datagram that looks
	 * like DTLS. By offer and answer it means nothing: the handshake goes on while ICE has a live path (ice.failed_after,
	 * ice.check_timeout). */
	uint64_t dtls_timeout;
	const char *dtls_ciphers; /* OpenSSL's list; NULL: AES-GCM before ChaCha20-Poly1305 */
	bool dtls_resume; /* resume DTLS sessions with peers whose certificate this one met before: one round trip less for them. Needs
	                   * the same certificate object and the switch on both sides; else it is a full handshake */

	/* Its mtu is set by the peer; its checksum is SLUICE_CHECKSUM_DTLS from config_init on. Its mtu_max: packets of SCTP may
	 * grow to that where the path carries it, whoever drives the peer; 0: to what a record of DTLS holds when
	 * sluice_peer_discover_mtu was called (as sluice_loop does) and the peer goes without ICE, else they do not; 1: they do
	 * not. By offer and answer its init_max_retransmits and association_max_retransmits 0 mean no limit: INIT and data are
	 * repeated while ICE has a live path, and wait while it has none. Once the peer closes, ten repetitions without an answer
	 * end it. */
	sluice_sctp_config sctp;
	uint64_t remote_max_message_size; /* as in sluice_channels_config; by offer and answer the description replaces it */
	uint32_t max_channels;

	/* Each state at most once, in order; by offer and answer DISCONNECTED and, when ICE fails, FAILED may come in between,
	 * and CONNECTING and CONNECTED again behind them. CLOSED, and FAILED when the peer is over, come when the last packet has
	 * been output, behind every channel's on_closed. The peer may be freed in any of them. */
	void (*on_state)(sluice_peer *p, enum sluice_peer_state state, void *user);
	void (*on_channel)(sluice_peer *p, sluice_channel *ch, void *user);
	void *user;

	/* ---- by offer and answer ---- */
	sluice_ice_config ice;
	const char *ufrag, *pwd;       /* our credentials, RFC 8839's alphabet and lengths; NULL: random */
	bool passive;                  /* answer as DTLS server; default: client, which opens sooner */
	bool offer_snap;               /* offer a=sctp-init (draft-hancke-tsvwg-snap); an offer that has it is always answered */
	bool offer_sped;               /* offer DTLS in STUN (draft-hancke-webrtc-sped); likewise */
	bool refuse_snap, refuse_sped; /* answer neither */

	void (*on_signaling_state)(sluice_peer *p, enum sluice_signaling_state state, void *user);
	void (*on_gathering_state)(sluice_peer *p, enum sluice_gathering_state state, void *user);
	void (*on_ice_state)(sluice_peer *p, enum sluice_ice_state state, void *user);
	/* A local candidate to tell the other side: "candidate:..." and the mid it belongs to; NULL: there are no more (end of
	 * candidates). Only after set_local_description. */
	void (*on_candidate)(sluice_peer *p, const char *candidate, const char *mid, void *user);
	/* An offer is due: a first channel was opened, or ICE has to restart. */
	void (*on_negotiation_needed)(sluice_peer *p, void *user);
	/* The path was found to carry packets of SCTP of that many bytes (statistics: sctp.mtu), or no more than that. */
	void (*on_mtu)(sluice_peer *p, uint32_t mtu, void *user);
} sluice_peer_config;

/* All defaults. Call it before any field is set. */
SLUICE_API void sluice_peer_config_init(sluice_peer_config *config);

/* Makes a peer in state NEW; nothing is sent before start. Returns 0, SLUICE_INVALID (the role is missing, or a field is
 * outside what its comment allows), SLUICE_CRYPTO or SLUICE_NO_MEMORY. */
SLUICE_API int sluice_peer_new(sluice_env *env, const sluice_peer_config *config, sluice_peer **out);
/* Frees it at once, from anywhere, callbacks included; nothing is sent and no callback follows. */
SLUICE_API void sluice_peer_free(sluice_peer *p);

/* Begins: the DTLS client sends its first flight. The server just waits. Returns 0, or SLUICE_WRONG_STATE when it was called
 * before or the peer was closed. */
SLUICE_API int sluice_peer_start(sluice_peer *p);

/* Ends in order: delivers what was accepted on both sides, shuts the association down, then sends close_notify. Pauses of
 * channels end by it. on_state says CLOSED. */
SLUICE_API void sluice_peer_close(sluice_peer *p);
/* Ends at once: ABORT and close_notify are sent by the next output(). */
SLUICE_API void sluice_peer_abort(sluice_peer *p, const char *reason);

/* Whom to trust, once. Allowed until a fingerprint was checked; what the other side sent meanwhile waits for it. Returns 0,
 * SLUICE_FINGERPRINT when a certificate came already and is another (the peer then fails), SLUICE_INVALID for an unknown
 * hash, SLUICE_WRONG_STATE when one was checked already, SLUICE_CLOSED. RFC 8827, 6.5; RFC 8122, 6.2. */
SLUICE_API int sluice_peer_set_remote_fingerprint(sluice_peer *p, const sluice_fingerprint *f);

/* ---- offer and answer -------------------------------------------------------------------------------------------- */

/* Descriptions are text with CR LF, NUL-terminated. The returned ones are malloc-free: they are written into the caller's space;
 * SLUICE_SDP_MAX bytes hold any that this library makes. Each returns its length. */
#define SLUICE_SDP_MAX 32768
/* The longest description of the other side that is taken, in bytes: a browser's offer with video in many codecs and simulcast is
 * some 10 KB a section. */
#define SLUICE_REMOTE_SDP_MAX 262144

/* An offer of one data section, with the candidates known so far. Changes nothing, but that behind a restart_ice it is here that
 * the new credentials are made. SLUICE_CLOSED, SLUICE_NO_SPACE, SLUICE_WRONG_STATE (for a direct peer, or in
 * have-remote-offer). */
SLUICE_API int sluice_peer_create_offer(sluice_peer *p, char *sdp, size_t size);
/* The answer to the remote offer; SLUICE_WRONG_STATE elsewhere than in have-remote-offer. */
SLUICE_API int sluice_peer_create_answer(sluice_peer *p, char *sdp, size_t size);
/* Makes the last created description (sdp NULL: creates the fitting one, as W3C's implicit form) ours: gathering begins, an
 * answer begins the checks. type 0 with sdp NULL: an offer in stable, an answer in have-remote-offer. ROLLBACK returns to stable.
 * A text that differs from what was created is refused: SLUICE_INVALID. SLUICE_WRONG_STATE, SLUICE_CLOSED, SLUICE_NO_MEMORY. */
SLUICE_API int sluice_peer_set_local_description(sluice_peer *p, enum sluice_sdp_type type, const char *sdp);
/* Takes the other side's description. In have-local-offer an offer rolls our own back first (W3C's perfect negotiation: the
 * impolite side does not call this; the polite side does). Returns 0, or
 *   SLUICE_MALFORMED    it is no description, or lacks what a connection needs
 *   SLUICE_LIMIT        it is longer than SLUICE_REMOTE_SDP_MAX, has more than 128 sections (m= lines), or an offer's sections have names so
 *                       long that no answer could repeat them
 *   SLUICE_UNSUPPORTED  a changed DTLS or SCTP identity, or no fingerprint with a hash that this library knows
 *   SLUICE_WRONG_STATE, SLUICE_CLOSED, SLUICE_NO_MEMORY
 * Behind the first three sluice_peer_description_error gives line and reason, and nothing has changed. It is read leniently: a
 * BOM, empty lines, blanks around values, a missing t= line, and '-', '_', '=' and '#' in credentials are no fault, and a
 * candidate line that cannot be read is skipped and counted in sluice_peer_stats. */
SLUICE_API int sluice_peer_set_remote_description(sluice_peer *p, enum sluice_sdp_type type, const char *sdp, size_t len);
/* The descriptions in force, or pending ones when there are; with the candidates gathered so far (local) or added since (remote:
 * as it came). Returns the length, 0 when there is none, SLUICE_NO_SPACE. type may be NULL. */
SLUICE_API int sluice_peer_local_description(const sluice_peer *p, enum sluice_sdp_type *type, char *sdp, size_t size);
SLUICE_API int sluice_peer_remote_description(const sluice_peer *p, enum sluice_sdp_type *type, char *sdp, size_t size);
/* What is wrong with the description that the last call of sluice_peer_set_remote_description, or of set_local_description with
 * an answer, refused: the line, counted from 1, or 0 for the whole, and a text (may be NULL), which is never NULL and lives as
 * long as the program. 0 and "" when that call found no fault in a description. */
SLUICE_API unsigned sluice_peer_description_error(const sluice_peer *p, const char **text);

/* A candidate of the other side, "candidate:..." (with or without "a="); "" or NULL: there are no more. One whose "ufrag" names
 * another generation than the remote description's is ignored, and so is a host name that is not .local unless ice.resolve_hosts
 * is set. Of one description 32 names are looked up.
 *
 * A description may name addresses of somebody who has no part in it. What is sent to addresses that never answer is bounded,
 * therefore: one check for each of 256 pairs, one every ice.pacing behind the first five, and in all 64 repetitions at once and 4
 * a second (RFC 8445, 14 and 19.5.1). A connection of up to ten pairs is not slowed down by that.
 *
 * 200 are remembered, 100 before our answer is set. Any number may come: where there are too many, those that make no pair go
 * first (a family that this machine has not, a .local name that is not resolved), then those whose checks failed, then those of
 * the lowest priority among those not checked yet. One that works stays. Returns 0, also for well-formed ones that are of no use
 * (another transport), or
 *   SLUICE_MALFORMED    the text is no candidate
 *   SLUICE_WRONG_STATE  no remote description is set
 *   SLUICE_LIMIT        those that are there are worth more; nothing has changed
 *   SLUICE_NO_MEMORY, SLUICE_CLOSED */
SLUICE_API int sluice_peer_add_remote_candidate(sluice_peer *p, const char *candidate);

/* The next offer has new ICE credentials and new candidates; the connection goes on over the old path until a new one works.
 * on_negotiation_needed follows. As W3C has it: at any time, while the peer is DISCONNECTED without waiting for more, and when
 * ICE has FAILED; either side may begin, and messages that were accepted meanwhile go out when the path is there. SLUICE_CLOSED
 * when the peer is over, SLUICE_WRONG_STATE for a direct one. RFC 8445, 9. */
SLUICE_API int sluice_peer_restart_ice(sluice_peer *p);

/* The states that were told last, or will be by the next dispatch(). */
SLUICE_API enum sluice_signaling_state sluice_peer_signaling_state(const sluice_peer *p);
SLUICE_API enum sluice_gathering_state sluice_peer_gathering_state(const sluice_peer *p);
SLUICE_API enum sluice_ice_state sluice_peer_ice_state(const sluice_peer *p);
/* May the other side's candidates be sent one by one? Known with the remote description. */
SLUICE_API bool sluice_peer_can_trickle(const sluice_peer *p);

/* ---- offer and answer: for a driver ---- */

enum sluice_transport { SLUICE_UDP = 0, SLUICE_TCP_ACTIVE, SLUICE_TCP_PASSIVE };

/* A socket that the driver opened for the peer: a host candidate. `socket` is a number of the driver's below 2^31 that comes back
 * in paths. preference 0..65535 orders them. mdns_name: the name told instead of the address, or NULL. Returns 0, SLUICE_EXISTS,
 * SLUICE_LIMIT, SLUICE_WRONG_STATE for a direct peer, SLUICE_NO_MEMORY. */
SLUICE_API int sluice_peer_add_local_address(sluice_peer *p, enum sluice_transport transport, uint32_t socket,
                                             const struct sockaddr *addr, socklen_t len, uint16_t preference,
                                             const char *mdns_name);
/* The interface of a socket has no carrier for now, or does not run (running false), or runs again. What was known of the address
 * stays known, on both sides: other pairs are used meanwhile where there are any, and when it runs again its pairs are checked at
 * once. New sockets run. */
SLUICE_API void sluice_peer_set_local_address_running(sluice_peer *p, uint32_t socket, bool running);
/* A socket is gone (its address is). Where the address may come back, bind the same port again: the other side knows it. */
SLUICE_API void sluice_peer_remove_local_address(sluice_peer *p, uint32_t socket);

/* What only the driver can do for the peer. Ask after every verb, dispatch() included, until false. */
enum sluice_request_kind {
	SLUICE_REQUEST_RESOLVE = 1, /* look `name` up; answer with sluice_peer_resolved */
	SLUICE_REQUEST_STREAM,      /* connect a TCP (TLS) stream to addr; answer with sluice_peer_stream_up */
	SLUICE_REQUEST_CLOSE,       /* close stream `socket`; nothing is answered */
};
typedef struct sluice_request {
	enum sluice_request_kind kind;
	uint32_t id;
	const char *name; /* RESOLVE: the host name; STREAM: the name for TLS. Valid until the next call */
	bool mdns;        /* RESOLVE: by multicast DNS */
	bool tls;         /* STREAM */
	bool turn;        /* STREAM: frames are STUN and ChannelData (RFC 8656, 12.5); else 16-bit lengths (RFC 4571) */
	struct sockaddr_storage addr;
	uint32_t socket;
} sluice_request;
SLUICE_API bool sluice_peer_poll_request(sluice_peer *p, sluice_request *r);
/* count 0: it could not be found. */
SLUICE_API void sluice_peer_resolved(sluice_peer *p, uint32_t id, const struct sockaddr_storage *addrs, size_t count);
/* From now on datagrams of this number are the stream's frames. socket UINT32_MAX: it could not be connected. */
SLUICE_API void sluice_peer_stream_up(sluice_peer *p, uint32_t id, uint32_t socket, const struct sockaddr_storage *local);
SLUICE_API void sluice_peer_stream_down(sluice_peer *p, uint32_t socket);
/* The local ICE credentials, by which a driver tells whose a first STUN request is. Valid until the next call. */
SLUICE_API const char *sluice_peer_ufrag(const sluice_peer *p);

/* ---- the verbs; see sctp.h ---------------------------------------------------------------------------------------- */

/* `now` is a monotonic clock's, in ns. It may stand still, repeat and step back between calls, by however much: a time older than
 * what a verb of this peer was told before counts as that. Deadlines are times of the same clock. */

/* UDP payloads that came from `path` (NULL: from where the peer expects them); they are opened in place. What is not for the
 * peer is counted and dropped. Returns 0, or SLUICE_NO_MEMORY when something was dropped for want of memory. */
SLUICE_API int sluice_peer_input(sluice_peer *p, const sluice_path *path, sluice_datagram *datagrams, size_t count, uint64_t now);
SLUICE_API void sluice_peer_advance(sluice_peer *p, uint64_t now);
/* UDP payloads that are due, and in batch->path where they go. Returns how many, 0 when nothing is due (call it until then),
 * or SLUICE_NO_SPACE when the space does not hold one datagram of the mtu. headroom and tailroom have to be 0. */
SLUICE_API int sluice_peer_output(sluice_peer *p, sluice_batch *batch, uint64_t now);
SLUICE_API uint64_t sluice_peer_deadline(const sluice_peer *p);
/* For drivers whose sockets let no datagram be fragmented, whatever the system believes of the path (Linux: IP_PMTUDISC_PROBE):
 * the path's MTU is searched for (RFC 8899), unless sctp.mtu_max says otherwise. Datagrams of up to 16,376 bytes may come out
 * then, if output() is given the space, and have to be read. */
SLUICE_API void sluice_peer_discover_mtu(sluice_peer *p);
/* An ICMP message, or (`sure`) the own machine, says that IP packets to `path` may have `mtu` bytes and no more. See
 * sluice_sctp_mtu_hint: it is not simply believed. */
SLUICE_API void sluice_peer_mtu_hint(sluice_peer *p, const sluice_path *path, uint32_t mtu, bool sure);
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

/* Where it stands; on_state may not have told it yet. */
SLUICE_API enum sluice_peer_state sluice_peer_state(const sluice_peer *p);
/* Why it FAILED; 0 while it lives and when it was closed. What text (may be NULL) then points to is never NULL and lives as long
 * as the peer: one line of UTF-8 without control and format characters, whatever the peer gave as its reason. Of a CLOSED one it
 * says who closed it and why, as far as that was said ("closed by the peer: Close called"), or is empty. */
SLUICE_API int sluice_peer_error(const sluice_peer *p, const char **text);
/* config.user, which may be changed at any time. */
SLUICE_API void *sluice_peer_user(const sluice_peer *p);
SLUICE_API void sluice_peer_set_user(sluice_peer *p, void *user);
/* The fingerprint of its own certificate; see sluice_certificate_fingerprint. */
SLUICE_API int sluice_peer_local_fingerprint(const sluice_peer *p, enum sluice_hash hash, sluice_fingerprint *out);
SLUICE_API const char *sluice_peer_cipher(const sluice_peer *p); /* OpenSSL's name of the suite; "" before DTLS is up */
/* What its association does, as lines of JSON and as its packets before DTLS; see trace.h and sluice_sctp_set_trace(). Returns 0
 * or SLUICE_NO_MEMORY. */
SLUICE_API int sluice_peer_set_trace(sluice_peer *p, sluice_trace_fn fn, void *ctx);
SLUICE_API int sluice_peer_set_packet_tap(sluice_peer *p, sluice_packet_fn fn, void *ctx);
/* A copy of its counters; see stats.h. */
SLUICE_API void sluice_peer_stats_get(const sluice_peer *p, sluice_peer_stats *stats);
/* The same as one JSON object of W3C's RTCStatsReport: "transport", "candidate-pair", "local-candidate", "remote-candidate",
 * "certificate", "data-channel", "peer-connection" and our "sctp-association" entries by id; times in s, as there. Returns the
 * length that the whole has, without its NUL; when that is not below size, the text was cut there. It is valid JSON in UTF-8
 * whatever the peer's labels hold: U+FFFD stands for what is not UTF-8, and a NUL is escaped as JSON wants it. */
SLUICE_API size_t sluice_peer_stats_json(const sluice_peer *p, char *json, size_t size);
/* The certificate that the other side showed: its SHA-256 (or other) fingerprint, and its DER bytes. Returns 0 or the length;
 * SLUICE_WRONG_STATE before it came, SLUICE_NO_SPACE. */
SLUICE_API int sluice_peer_remote_fingerprint(const sluice_peer *p, enum sluice_hash hash, sluice_fingerprint *out);
SLUICE_API int sluice_peer_remote_certificate(const sluice_peer *p, void *der, size_t size);
/* Keying material of the DTLS connection (RFC 5705), for protocols that need it: len bytes under the label, without a context.
 * Returns 0, SLUICE_WRONG_STATE before it is up and after its end, SLUICE_CRYPTO. The library keeps no copy of it; wipe yours
 * when you are done with it. */
SLUICE_API int sluice_peer_export(sluice_peer *p, const char *label, void *out, size_t len);

#ifdef __cplusplus
}
#endif
#endif
