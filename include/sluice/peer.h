/* A peer connection: ICE, DTLS, an association and its channels, audio and video, as one engine without a socket. Transceivers
 * and tracks are in media.h.
 *
 * It has the same four verbs as the association, over UDP datagrams, and dispatch(), which runs the callbacks. There are two ways
 * to connect one:
 *
 * - By offer and answer, like W3C's RTCPeerConnection. Leave config.role UNKNOWN, and exchange descriptions and candidates with
 *   the other side. Names, states and their order are W3C's. ICE (RFC 8445) finds the path; the fingerprint comes with the
 *   description.
 * - Directly, without ICE and SDP. Set config.role, the address and the fingerprint, and call sluice_peer_start().
 *
 * A peer belongs to one thread, that of its loop. Every function may be called from every callback of the same peer, and
 * sluice_peer_free() is no exception. Other threads use sluice_loop_post() of loop.h. */
#ifndef SLUICE_PEER_H
#define SLUICE_PEER_H

#include "sluice/certificate.h"
#include "sluice/channel.h"
#include "sluice/ice.h"
#include "sluice/media.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One connection to one other side. */
typedef struct sluice_peer sluice_peer;

/* ---- states ----------------------------------------------------------------------------------------------------- */

enum sluice_peer_state {
	SLUICE_PEER_NEW = 0,
	/* ICE checks, the DTLS handshake or the SCTP handshake are under way. Media needs only the first two. */
	SLUICE_PEER_CONNECTING,
	/* Channels can carry data. With media alone: tracks can carry frames. */
	SLUICE_PEER_CONNECTED,
	SLUICE_PEER_CLOSING,
	/* Closed by either side: in order, by sluice_peer_abort(), or by the other side's close_notify or an ABORT of its app
	 * (cause 12), which is how a browser closes. Each channel's on_closed says whether messages were lost. */
	SLUICE_PEER_CLOSED,
	/* sluice_peer_error() says why. The peer is over, with one exception: when only ICE has failed (the error is TIMED_OUT
	 * and sluice_peer_ice_state() is FAILED), peer and channels stay as they are, without a path, until an ICE restart brings
	 * one or the app closes or frees the peer. */
	SLUICE_PEER_FAILED,
	/* By offer and answer only: the path is silent. CONNECTED or FAILED follows. */
	SLUICE_PEER_DISCONNECTED,
};
/* W3C's word for a state, "connected"; "unknown" for any other number. Any thread. */
SLUICE_API const char *sluice_peer_state_name(enum sluice_peer_state state);

/* W3C's RTCSignalingState. */
enum sluice_signaling_state {
	SLUICE_SIGNALING_STABLE = 0,
	SLUICE_SIGNALING_HAVE_LOCAL_OFFER,
	SLUICE_SIGNALING_HAVE_REMOTE_OFFER,
	SLUICE_SIGNALING_CLOSED,
};
/* W3C's word for a state, "have-local-offer"; "unknown" for any other number. Any thread. */
SLUICE_API const char *sluice_signaling_state_name(enum sluice_signaling_state state);

/* W3C's RTCSdpType, without pranswer. */
enum sluice_sdp_type { SLUICE_SDP_OFFER = 1, SLUICE_SDP_ANSWER, SLUICE_SDP_ROLLBACK };

/* ---- configuration ---------------------------------------------------------------------------------------------- */

/* Zero in any field but `size` means its default. Times are in ns. */
typedef struct sluice_peer_config {
	/* sizeof(sluice_peer_config), set by sluice_peer_config_init. */
	size_t size;

	/* ---- who we are ---- */

	/* UNKNOWN: connect by offer and answer. CLIENT, SERVER: connect directly, with this DTLS role. */
	enum sluice_role role;
	/* Default: the peer makes one. */
	sluice_certificate *certificate;

	/* ---- the way without ICE: who the other side is ---- */

	/* The fingerprint of its certificate. hash 0: set it later with sluice_peer_set_remote_fingerprint(); no data passes
	 * before. */
	sluice_fingerprint remote_fingerprint;
	/* Its address. remote_len 0: that of the first datagram that looks like DTLS. Datagrams from other addresses are ignored
	 * during the handshake. Later the path follows authentic records that come from a new address (a NAT rebinding). */
	sluice_path path;

	/* ---- by offer and answer ---- */

	sluice_ice_config ice;
	/* Our ICE credentials, with the alphabet and lengths of RFC 8839. Default: random */
	const char *ufrag, *pwd;
	/* Be the DTLS server when we answer. Default: be the client, which opens sooner. */
	bool passive;
	/* Offer a=sctp-init, which saves the SCTP handshake (draft-hancke-tsvwg-snap). An offer that has it is answered in kind,
	 * unless refuse_snap. */
	bool offer_snap, refuse_snap;
	/* Offer DTLS inside the ICE checks (draft-hancke-webrtc-sped). An offer that has it is answered in kind, unless
	 * refuse_sped. */
	bool offer_sped, refuse_sped;

	/* ---- DTLS ---- */

	/* The largest UDP payload in bytes before more is known of the path, 400 to 16384; see sctp.mtu_max. Default: 1200 */
	uint32_t mtu;
	/* Time until the first flight is repeated. It doubles with each repetition, up to 3 s. By offer and answer it is at least
	 * two round trips of the path. Default: 50 ms */
	uint64_t dtls_first_timeout;
	/* Direct peers: the peer has FAILED with TIMED_OUT when the other side said nothing of the handshake for this time. It
	 * counts from the start; for a server with path.remote_len 0, from the first datagram that looks like DTLS. SLUICE_NEVER:
	 * no limit. By offer and answer it has no effect: the handshake lasts as long as ICE has a live path. Default: 30 s */
	uint64_t dtls_timeout;
	/* OpenSSL's cipher list; suites with AES-GCM or ChaCha20-Poly1305 only. Default: AES-GCM before ChaCha20-Poly1305 */
	const char *dtls_ciphers;
	/* Let OpenSSL seal and open the records of data, instead of the library's own record layer. It costs speed, and 70 to 120
	 * KiB a connection; it is there to compare the two. Default: false */
	bool dtls_openssl_records;
	/* Resume the DTLS session with a peer that this certificate met before, which saves one round trip. Both sides need the
	 * switch, and each the certificate object of the earlier connection; otherwise there is a full handshake. */
	bool dtls_resume;

	/* ---- SCTP and channels ---- */

	/* The association's configuration. Some fields differ from what sctp.h says:
	 *
	 *   congestion_control  DEFAULT: LOW_DELAY while a track sends, otherwise CUBIC. Besides, data makes room for media that
	 *                       could use more than the path leaves it, down to a tenth of what media has and at least 8 kB/s
	 *   mtu       the peer sets it
	 *   checksum  sluice_peer_config_init() sets SLUICE_CHECKSUM_DTLS
	 *   mtu_max   0: where the driver called sluice_peer_discover_mtu(), as sluice_loop does, packets of a direct peer may
	 *             grow to what a DTLS record holds. By ICE they may grow to what Ethernet carries, and between two host
	 *             candidates to what our interface carries, or, where both are addresses of this machine, to what a record
	 *             holds. Another number: they may grow to that, whoever drives the peer, but no further than a DTLS record
	 *             holds (2^14 bytes), and over no TCP stream. 1: no search
	 *   init_max_retransmits, association_max_retransmits: 0 by offer and answer means no limit
	 *
	 * Without that limit INIT and data are repeated while ICE has a live path, and wait while it has none. Once the peer
	 * closes, ten repetitions without an answer end it. */
	sluice_sctp_config sctp;
	/* The other side's max-message-size, as in sluice_channels_config. By offer and answer the description says it. */
	uint64_t remote_max_message_size;
	/* Channels open at once, ours and the other side's. Default: 1024 */
	uint32_t max_channels;

	/* ---- media ---- */

	/* Where the estimate of the path begins, and the bounds that it keeps, in bit/s; as in sluice_media_config. When they do
	 * not go together, the first transceiver is refused with SLUICE_INVALID. Default: 300,000; 30,000 and 100,000,000 */
	uint64_t media_start_bitrate, media_min_bitrate, media_max_bitrate;
	/* Offers ask for the feedback of RFC 8888 and not for transport-cc. An offer of the other side that does the same is
	 * answered alike, whatever stands here. Default: false, as browsers have it */
	bool media_ccfb;

	/* ---- callbacks: any may be NULL ---- */

	/* The last argument of each callback. */
	void *user;
	/* Each state is reported at most once, in order. By offer and answer, DISCONNECTED and (when only ICE failed) FAILED may
	 * come in between, and CONNECTING and CONNECTED again after them. The last report is CLOSED, or the FAILED of a peer that
	 * is over; it comes after every channel's on_closed, when the last packet was output. */
	void (*on_state)(sluice_peer *p, enum sluice_peer_state state, void *user);
	/* The other side opened a channel; set its callbacks here. NULL: such channels are closed again. */
	void (*on_channel)(sluice_peer *p, sluice_channel *ch, void *user);
	/* Packets can have this many bytes of SCTP now (as sctp.mtu in the statistics), because the path was found to carry them
	 * or to carry no more. */
	void (*on_mtu)(sluice_peer *p, uint32_t mtu, void *user);

	/* By offer and answer: an offer is due, because a first channel was opened, a transceiver differs from what was
	 * negotiated, or ICE has to restart. */
	void (*on_negotiation_needed)(sluice_peer *p, void *user);
	/* A local candidate for the other side: "candidate:..." and the mid that it belongs to. NULL: there are no more. Comes
	 * only after sluice_peer_set_local_description(). */
	void (*on_candidate)(sluice_peer *p, const char *candidate, const char *mid, void *user);
	void (*on_signaling_state)(sluice_peer *p, enum sluice_signaling_state state, void *user);
	void (*on_gathering_state)(sluice_peer *p, enum sluice_gathering_state state, void *user);
	void (*on_ice_state)(sluice_peer *p, enum sluice_ice_state state, void *user);
	/* By offer and answer: the other side's description says that it sends on this transceiver from now on. Set the callbacks
	 * of its receiver here, and its direction to send as well. Comes before the first packet, and not for a transceiver that
	 * the app has stopped meanwhile.
	 *
	 * An answer that was made before this callback does not have the direction that is set here, and on_negotiation_needed
	 * follows. To send without a second offer, set the direction before the answer: the transceiver is found by
	 * sluice_peer_transceiver() once sluice_peer_set_remote_description() has returned. */
	void (*on_track)(sluice_peer *p, sluice_transceiver *t, void *user);
} sluice_peer_config;

/* Sets all defaults. Call it before you set any field. */
SLUICE_API void sluice_peer_config_init(sluice_peer_config *config);

/* ---- making, starting and ending one ---------------------------------------------------------------------------- */

/* Makes a peer in state NEW. A direct one sends nothing before sluice_peer_start().
 *
 * Returns 0, or
 *   SLUICE_INVALID    config is NULL, or a field is outside what its comment allows
 *   SLUICE_CRYPTO     OpenSSL refused the certificate or the ciphers
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_peer_new(sluice_env *env, const sluice_peer_config *config, sluice_peer **out);

/* Frees the peer at once; callbacks may do it too. Nothing is sent, and no callback follows. */
SLUICE_API void sluice_peer_free(sluice_peer *p);

/* Starts a direct peer. The client sends its first flight, the server waits for one.
 *
 * Returns 0, or
 *   SLUICE_WRONG_STATE  it was started before, is closed, or connects by offer and answer */
SLUICE_API int sluice_peer_start(sluice_peer *p);

/* Ends in order: delivers what both sides accepted, shuts the association down, and sends close_notify. It ends the pauses of
 * channels. A peer that is not CONNECTED, or whose ICE has FAILED, is aborted instead. on_state reports CLOSED. */
SLUICE_API void sluice_peer_close(sluice_peer *p);

/* Ends at once: the next output() calls send ABORT and close_notify. reason may be NULL. */
SLUICE_API void sluice_peer_abort(sluice_peer *p, const char *reason);

/* Sets whom a direct peer trusts. Allowed until a certificate was checked; data that came meanwhile waits for it. RFC 8827, 6.5;
 * RFC 8122, 6.2.
 *
 * Returns 0, or
 *   SLUICE_FINGERPRINT  the certificate that came already is another one; the peer has failed
 *   SLUICE_INVALID      the hash is none of enum sluice_hash
 *   SLUICE_WRONG_STATE  a certificate was checked already, or the peer connects by offer and answer
 *   SLUICE_CLOSED       the peer is over */
SLUICE_API int sluice_peer_set_remote_fingerprint(sluice_peer *p, const sluice_fingerprint *f);

/* ---- offer and answer (W3C webrtc-pc, 4.4; RFC 9429) ------------------------------------------------------------ */

/* Bytes that hold any description of ours. Descriptions are text with CR LF and a NUL. */
#define SLUICE_SDP_MAX 262144
/* The longest description of the other side that is read, in bytes. A browser's offer with video in many codecs and simulcast
 * takes some 10 KB a section. */
#define SLUICE_REMOTE_SDP_MAX 262144

/* Writes an offer with the candidates known so far: the sections that were negotiated before in their places, one for each
 * transceiver that is new, and one for data when a channel was opened or there is nothing else. Nothing else changes, except
 * after sluice_peer_restart_ice(): then this call makes the new credentials.
 *
 * Returns the length, or
 *   SLUICE_WRONG_STATE  the signalling state is have-remote-offer, or the peer is a direct one
 *   SLUICE_CLOSED       the peer is over
 *   SLUICE_NO_SPACE     size is too small
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_peer_create_offer(sluice_peer *p, char *sdp, size_t size);

/* Writes the answer to the remote offer.
 *
 * Returns as sluice_peer_create_offer(), and
 *   SLUICE_WRONG_STATE  the signalling state is not have-remote-offer */
SLUICE_API int sluice_peer_create_answer(sluice_peer *p, char *sdp, size_t size);

/* Takes the description that was created last as ours. Gathering begins; an answer also begins the checks.
 *
 * sdp NULL creates the description first (W3C's implicit form); type 0 with it means an answer in have-remote-offer, otherwise an
 * offer. ROLLBACK returns from have-local-offer to stable.
 *
 * Returns 0, or
 *   SLUICE_INVALID      the text differs from what was created, or a transceiver in it is gone
 *   SLUICE_WRONG_STATE  the type does not fit the signalling state, or the peer is a direct one
 *   SLUICE_CLOSED       the peer is over
 *   SLUICE_NO_MEMORY
 * An answer may also fail as sluice_peer_set_remote_description() does, because only it applies the offer. */
SLUICE_API int sluice_peer_set_local_description(sluice_peer *p, enum sluice_sdp_type type, const char *sdp);

/* Takes the other side's description. An offer makes transceivers for sections of audio and video that are new; on_track follows.
 * All sections share one transport: those that are not in one BUNDLE group are rejected in our answer, and so is what has no
 * codec of ours. An offer in have-local-offer rolls our own back first. So in W3C's perfect negotiation, the polite side makes
 * this call when offers collide, and the impolite side does not.
 *
 * It is read leniently: a BOM, empty lines, blanks around values, a missing t= line, and '-', '_', '=' and '#' in credentials are
 * accepted. A candidate line that cannot be read is skipped, and counted in sluice_peer_stats.
 *
 * Returns 0, or
 *   SLUICE_MALFORMED    the text is no description, lacks what a connection needs, or has other sections than the ones before
 *   SLUICE_LIMIT        it is longer than SLUICE_REMOTE_SDP_MAX, has more than 128 sections (m= lines), or names its sections so
 *                       long that no answer could repeat them
 *   SLUICE_UNSUPPORTED  it changes the DTLS or SCTP identity, or has no fingerprint with a hash of enum sluice_hash
 *   SLUICE_WRONG_STATE  the type does not fit the signalling state, or the peer is a direct one
 *   SLUICE_CLOSED       the peer is over
 *   SLUICE_NO_MEMORY
 * After the first three, nothing has changed, and sluice_peer_description_error() says what is wrong. */
SLUICE_API int sluice_peer_set_remote_description(sluice_peer *p, enum sluice_sdp_type type, const char *sdp, size_t len);

/* Writes our pending description, or the current one when none is pending, with the candidates gathered so far. type may be NULL.
 *
 * Returns the length, 0 when there is none, or
 *   SLUICE_NO_SPACE  size is too small */
SLUICE_API int sluice_peer_local_description(const sluice_peer *p, enum sluice_sdp_type *type, char *sdp, size_t size);

/* Writes the other side's pending or current description, as it came. Returns as sluice_peer_local_description(). */
SLUICE_API int sluice_peer_remote_description(const sluice_peer *p, enum sluice_sdp_type *type, char *sdp, size_t size);

/* Says what is wrong with the description that the last sluice_peer_set_remote_description() refused, or the last
 * sluice_peer_set_local_description() with an answer. *text (text may be NULL) is never NULL and lives as long as the program.
 *
 * Returns the line, counted from 1; 0 for the description as a whole, or (with "") when there was nothing wrong. */
SLUICE_API unsigned sluice_peer_description_error(const sluice_peer *p, const char **text);

/* Takes a candidate of the other side: "candidate:...", with or without "a=". NULL or "" means that there are no more.
 *
 * Ignored are: a candidate whose "ufrag" is not that of the remote description; a host name other than a .local one, unless
 * ice.resolve_hosts is set; .local names beyond the first 32 of a description.
 *
 * 200 candidates are kept, 100 before our answer is set. When more come, others give way in this order: those that make no pair
 * (an address family that this machine lacks, an unresolved .local name), those whose checks failed, those not checked yet with
 * the lowest priority. A candidate that works stays.
 *
 * A description may name addresses of somebody who has no part in it. So what is sent to addresses that never answer is bounded:
 * one check for each of 256 pairs, one every ice.pacing after the first five, and 64 repetitions plus 4 a second in all (RFC
 * 8445, 14 and 19.5.1). Up to ten pairs are not slowed down by that.
 *
 * Returns 0, also for a well-formed candidate of no use (another transport), or
 *   SLUICE_MALFORMED    the text is no candidate
 *   SLUICE_WRONG_STATE  there is no remote description, or the peer is a direct one
 *   SLUICE_LIMIT        the candidates that are kept rank higher; nothing has changed
 *   SLUICE_CLOSED       the peer is over
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_peer_add_remote_candidate(sluice_peer *p, const char *candidate);

/* Restarts ICE: the next offer has new credentials and candidates, and on_negotiation_needed follows. The connection goes on over
 * the old path until a new one works. As W3C has it, either side may restart at any time, also when the peer is DISCONNECTED or
 * its ICE has FAILED; messages that were accepted meanwhile are sent when the path is there. RFC 8445, 9.
 *
 * Returns 0, or
 *   SLUICE_WRONG_STATE  the peer is a direct one
 *   SLUICE_CLOSED       the peer is over */
SLUICE_API int sluice_peer_restart_ice(sluice_peer *p);

/* The states. The next dispatch() runs the callbacks of those that are new. */
SLUICE_API enum sluice_signaling_state sluice_peer_signaling_state(const sluice_peer *p);
SLUICE_API enum sluice_gathering_state sluice_peer_gathering_state(const sluice_peer *p);
SLUICE_API enum sluice_ice_state sluice_peer_ice_state(const sluice_peer *p);

/* Does the other side take candidates one by one? Known once there is a remote description. */
SLUICE_API bool sluice_peer_can_trickle(const sluice_peer *p);

/* ---- the verbs; see sctp.h -------------------------------------------------------------------------------------- */

/* `now` is the time of a monotonic clock, in ns. It may stand still or step back between calls: a time that is older than that of
 * an earlier verb counts as the earlier one. Deadlines are times of the same clock. */

/* Takes UDP payloads that came from `path`; NULL: from where the peer expects them. They are decrypted in place. Those that are
 * not for the peer are counted and dropped.
 *
 * Returns 0, or
 *   SLUICE_NO_MEMORY  something was dropped for want of memory */
SLUICE_API int sluice_peer_input(sluice_peer *p, const sluice_path *path, sluice_datagram *datagrams, size_t count, uint64_t now);

/* Runs the timers that are due. */
SLUICE_API void sluice_peer_advance(sluice_peer *p, uint64_t now);

/* Writes due UDP payloads, and into batch->path where they go. headroom and tailroom have to be 0. Call it until it returns 0.
 *
 * Returns how many it wrote, 0 when nothing is due, or
 *   SLUICE_NO_SPACE  the space does not hold one datagram of the mtu */
SLUICE_API int sluice_peer_output(sluice_peer *p, sluice_batch *batch, uint64_t now);

/* When to call advance(), output() and dispatch() next. 0: at once. SLUICE_NEVER: not before another call. */
SLUICE_API uint64_t sluice_peer_deadline(const sluice_peer *p);

/* Runs the callbacks that are due. Call it after input() and advance(), and output() after it. Returns how many ran. A callback
 * may have freed the peer. */
SLUICE_API int sluice_peer_dispatch(sluice_peer *p);

/* Sets a hook that is called when a call outside the verbs gave dispatch() or output() something to do. It is called at most once
 * until the next one of these. The hook must not call the peer. */
SLUICE_API void sluice_peer_set_wake(sluice_peer *p, void (*wake)(void *ctx), void *ctx);

/* ---- for a driver: what its sockets hold and lose --------------------------------------------------------------- */

/* Says that the peer's socket holds `bytes` bytes of datagrams while nobody reads it, and that `waited` bytes came since it was
 * last found empty; see sluice_sctp_set_receive_room(). Before the first call nothing is known, and nothing bounded by it. */
SLUICE_API void sluice_peer_set_receive_room(sluice_peer *p, uint64_t bytes, uint64_t waited);

/* Reports that so many datagrams came for the peer and did not fit its socket's receive buffer; they are counted as
 * sluice_peer_stats.socket_drops. */
SLUICE_API void sluice_peer_add_socket_drops(sluice_peer *p, uint64_t count);

/* ---- for a driver: the path's MTU ------------------------------------------------------------------------------- */

/* Says that no datagram of the peer's socket gets fragmented, whatever the system believes of the path (Linux:
 * IP_PMTUDISC_PROBE). The peer then searches for the path's MTU (RFC 8899), unless sctp.mtu_max says otherwise. Datagrams of up
 * to 16,376 bytes may come out when output() gets the space, and must be readable.
 *
 * By offer and answer datagrams of up to 1,400 and then 1,452 bytes are tried. Larger ones are tried between two host candidates
 * alone, where sluice_peer_set_local_address_mtu() says that the interface carries them, and between two addresses of this
 * machine, between which no interface lies. Nothing is tried before the other side's consent, nor over a TCP stream, be it to a
 * TURN server (TLS included) or to the other side. A peer that answers no probes gets three, none larger than `mtu`. */
SLUICE_API void sluice_peer_discover_mtu(sluice_peer *p);

/* Reports that IP packets to `path` may have `mtu` bytes and no more: by an ICMP message, or by our own machine (sure). It is not
 * simply believed; see sluice_sctp_mtu_hint(). */
SLUICE_API void sluice_peer_mtu_hint(sluice_peer *p, const sluice_path *path, uint32_t mtu, bool sure);

/* ---- for a driver: sockets by offer and answer ------------------------------------------------------------------ */

enum sluice_transport { SLUICE_UDP = 0, SLUICE_TCP_ACTIVE, SLUICE_TCP_PASSIVE };

/* Announces a socket that the driver opened for the peer; it becomes a host candidate. `socket` is the driver's number for it,
 * below 2^31, and comes back in paths. preference, 0 to 65535, orders the sockets. mdns_name is announced instead of the address;
 * NULL: the address.
 *
 * Returns 0, or
 *   SLUICE_INVALID      an argument is outside these bounds
 *   SLUICE_EXISTS       the peer has this address
 *   SLUICE_LIMIT        the peer has too many
 *   SLUICE_WRONG_STATE  the peer is a direct one
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_peer_add_local_address(sluice_peer *p, enum sluice_transport transport, uint32_t socket,
                                             const struct sockaddr *addr, socklen_t len, uint16_t preference,
                                             const char *mdns_name);

/* Reports that the interface of a socket has no carrier or does not run (running false), or that it runs again. New sockets run.
 * Both sides keep what they know of the address. Other pairs are used meanwhile; when it runs again, its pairs are checked at
 * once. */
SLUICE_API void sluice_peer_set_local_address_running(sluice_peer *p, uint32_t socket, bool running);

/* Says that the interface of a socket carries IP packets of `mtu` bytes. Without it, no datagram above 1,452 bytes is tried; see
 * sluice_peer_discover_mtu(). Call it before the address is in use. */
SLUICE_API void sluice_peer_set_local_address_mtu(sluice_peer *p, uint32_t socket, uint32_t mtu);

/* Reports that a socket is gone, because its address is. If the address comes back, bind the same port again: the other side
 * knows it. */
SLUICE_API void sluice_peer_remove_local_address(sluice_peer *p, uint32_t socket);

/* What only the driver can do for the peer. */
enum sluice_request_kind {
	SLUICE_REQUEST_RESOLVE = 1, /* look up `name`, and answer with sluice_peer_resolved() */
	SLUICE_REQUEST_STREAM,      /* connect a TCP or TLS stream to `addr`, and answer with sluice_peer_stream_up() */
	SLUICE_REQUEST_CLOSE,       /* close the stream `socket`; no answer */
};
typedef struct sluice_request {
	enum sluice_request_kind kind;
	/* To be given with the answer. */
	uint32_t id;
	/* RESOLVE: the host name. STREAM: the name for TLS. Valid until the next call. */
	const char *name;
	/* RESOLVE: by multicast DNS. */
	bool mdns;
	/* STREAM: with TLS. */
	bool tls;
	/* STREAM: frames are STUN messages and ChannelData (RFC 8656, 12.5). Otherwise each frame has a length of 16 bits before
	 * it (RFC 4571). */
	bool turn;
	struct sockaddr_storage addr;
	uint32_t socket;
} sluice_request;

/* Takes the oldest request. Call it after every verb, dispatch() included, until it returns false. */
SLUICE_API bool sluice_peer_poll_request(sluice_peer *p, sluice_request *r);
/* Answers RESOLVE. count 0: the name was not found. */
SLUICE_API void sluice_peer_resolved(sluice_peer *p, uint32_t id, const struct sockaddr_storage *addrs, size_t count);
/* Answers STREAM: from now on datagrams of this number are the stream's frames. socket UINT32_MAX: it could not be connected. */
SLUICE_API void sluice_peer_stream_up(sluice_peer *p, uint32_t id, uint32_t socket);
/* Reports that a stream has ended. */
SLUICE_API void sluice_peer_stream_down(sluice_peer *p, uint32_t socket);
/* The local ICE user name fragment. A driver whose peers share a socket finds by it whose a STUN request is. Valid until the next
 * call. */
SLUICE_API const char *sluice_peer_ufrag(const sluice_peer *p);

/* ---- channels --------------------------------------------------------------------------------------------------- */

/* Opens a channel. Returns as sluice_channel_open(), and SLUICE_CLOSED when the peer is closing or over. */
SLUICE_API int sluice_peer_open_channel(sluice_peer *p, const sluice_channel_config *config, sluice_channel **out);
/* The peer of a channel; NULL when its set has no peer. */
SLUICE_API sluice_peer *sluice_channel_peer(const sluice_channel *ch);

/* ---- what can be asked ------------------------------------------------------------------------------------------ */

/* The state. on_state may not have reported it yet. */
SLUICE_API enum sluice_peer_state sluice_peer_state(const sluice_peer *p);

/* Why it FAILED; 0 while it lives and when it was closed. *text (text may be NULL) is never NULL and lives as long as the peer.
 * It is one line of UTF-8 without control and format characters, whatever the other side gave as its reason. For a CLOSED peer it
 * says who closed it and why, if that is known ("closed by the peer: Close called"); otherwise it is empty. */
SLUICE_API int sluice_peer_error(const sluice_peer *p, const char **text);

/* config.user, and a way to change it at any time. */
SLUICE_API void *sluice_peer_user(const sluice_peer *p);
SLUICE_API void sluice_peer_set_user(sluice_peer *p, void *user);

/* The fingerprint of our own certificate. Returns as sluice_certificate_fingerprint(). */
SLUICE_API int sluice_peer_local_fingerprint(const sluice_peer *p, enum sluice_hash hash, sluice_fingerprint *out);

/* The fingerprint of the certificate that the other side showed.
 *
 * Returns 0, or
 *   SLUICE_WRONG_STATE  it has shown none yet
 *   SLUICE_INVALID      the hash is none of enum sluice_hash */
SLUICE_API int sluice_peer_remote_fingerprint(const sluice_peer *p, enum sluice_hash hash, sluice_fingerprint *out);

/* Writes the certificate that the other side showed, as DER.
 *
 * Returns the length, or
 *   SLUICE_WRONG_STATE  it has shown none yet
 *   SLUICE_NO_SPACE     size is too small */
SLUICE_API int sluice_peer_remote_certificate(const sluice_peer *p, void *der, size_t size);

/* OpenSSL's name of the cipher suite; "" before DTLS is connected. */
SLUICE_API const char *sluice_peer_cipher(const sluice_peer *p);

/* Writes len bytes of keying material of the DTLS connection (RFC 5705), under the label and without a context, for protocols
 * that need some. The library keeps no copy; wipe yours when you are done with it.
 *
 * Returns 0, or
 *   SLUICE_WRONG_STATE  DTLS is not connected, or no longer
 *   SLUICE_CRYPTO       OpenSSL refused */
SLUICE_API int sluice_peer_export(sluice_peer *p, const char *label, void *out, size_t len);

/* ---- statistics and traces -------------------------------------------------------------------------------------- */

/* Copies the counters; see stats.h. */
SLUICE_API void sluice_peer_stats_get(const sluice_peer *p, sluice_peer_stats *stats);

/* Writes them as one JSON object, W3C's RTCStatsReport: "transport", "candidate-pair", "local-candidate", "remote-candidate",
 * "certificate", "data-channel", "peer-connection", "inbound-rtp", "outbound-rtp", "remote-inbound-rtp", "remote-outbound-rtp",
 * "codec" and our own "sctp-association" entries by id. Times are in seconds, as in W3C's. The text is valid UTF-8 and JSON
 * whatever the labels hold: U+FFFD replaces bytes that are not UTF-8, and a NUL is escaped.
 *
 * Returns the length of the whole text without its NUL. If that is not below size, the text was cut at size. */
SLUICE_API size_t sluice_peer_stats_json(const sluice_peer *p, char *json, size_t size);

/* Traces the association's events and packets, the latter before DTLS encrypts them. Both return as sluice_sctp_set_trace(); see
 * trace.h. */
SLUICE_API int sluice_peer_set_trace(sluice_peer *p, sluice_trace_fn fn, void *ctx);
SLUICE_API int sluice_peer_set_packet_tap(sluice_peer *p, sluice_packet_fn fn, void *ctx);
/* Gives each RTP and RTCP packet in the clear to fn, as sluice_media_set_packet_tap() does. NULL: none. */
SLUICE_API void sluice_peer_set_media_tap(sluice_peer *p, sluice_packet_fn fn, void *ctx);
/* Traces estimate, pacer and loss of media, as sluice_media_set_trace() does. Before the first transceiver, the header comes with
 * that one. */
SLUICE_API int sluice_peer_set_media_trace(sluice_peer *p, sluice_trace_fn fn, void *ctx);

#ifdef __cplusplus
}
#endif
#endif
