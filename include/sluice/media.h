/* Media: audio and video, as RTP that SRTP protects (RFC 3550, RFC 3711).
 *
 * The library carries encoded frames. It has no codecs and no cameras.
 *
 * A track is one stream of frames. A sending track takes them from the app, a receiving one gives them to the app. Tracks belong
 * to a sluice_media: the RTP side of one transport, for an app that has a transport and keys of its own.
 *
 * Times are ns, on the clock of the verbs' `now` where nothing else is said; rates are bit/s, lengths are bytes. What a pointer
 * points to is read or written during the call, and not kept, unless the comment says more.
 *
 * Callbacks run only inside sluice_media_dispatch(). So a callback may call anything, even free the session. A session and its
 * tracks, or a peer and its, are used on one thread at a time; only a player (below) is for a thread of its own. No function
 * blocks. */
#ifndef SLUICE_MEDIA_H
#define SLUICE_MEDIA_H

#include "sluice/env.h"
#include "sluice/trace.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sluice_media sluice_media;
typedef struct sluice_track sluice_track;
typedef struct sluice_player sluice_player;
typedef struct sluice_transceiver sluice_transceiver;

/* ---- codecs ----------------------------------------------------------------------------------------------------- */

enum sluice_media_kind { SLUICE_AUDIO = 1, SLUICE_VIDEO };

enum sluice_codec {
	SLUICE_CODEC_NONE = 0,
	SLUICE_CODEC_OPUS, /* RFC 7587 */
	SLUICE_CODEC_PCMU, /* RFC 3551 */
	SLUICE_CODEC_PCMA,
	SLUICE_CODEC_VP8,  /* RFC 7741 */
	SLUICE_CODEC_VP9,  /* RFC 9628 */
	SLUICE_CODEC_H264, /* RFC 6184 */
	SLUICE_CODEC_AV1,  /* AOM's RTP payload format */
};
/* Its name as descriptions spell it, "opus", "VP8"; "" for any other number. Any thread. */
SLUICE_API const char *sluice_codec_name(enum sluice_codec codec);
/* Audio or video; 0 for any other number. Any thread. */
SLUICE_API enum sluice_media_kind sluice_codec_kind(enum sluice_codec codec);
/* Units of RTP timestamps in a second (RFC 3550, 5.1); 0 for any other number. Any thread. */
SLUICE_API uint32_t sluice_codec_clock_rate(enum sluice_codec codec);

/* One codec as two sides agreed on it. */
typedef struct sluice_codec_config {
	enum sluice_codec codec;
	uint8_t payload_type;
	uint8_t rtx_payload_type; /* RFC 4588; 0: repairs come in the stream itself, with an AEAD profile not at all */
	uint8_t red_payload_type; /* RFC 2198, Opus only; 0: none */
	/* H.264: packetization-mode, 0 or 1. */
	uint8_t packetization_mode;
	/* Feedback that both sides take (RFC 4585, RFC 5104; ccfb: RFC 8888, which is not used beside transport_cc). */
	bool nack, pli, fir, remb, transport_cc, ccfb;
} sluice_codec_config;

/* ---- frames and packets ----------------------------------------------------------------------------------------- */

/* What a decoder takes at once: an access unit of H.264 (Annex B), a temporal unit of AV1, a picture of VP8 or VP9, an audio
 * packet. */
typedef struct sluice_frame {
	const uint8_t *data;
	size_t len;
	/* Media time in ns, which rises within a track. Sending: tracks that are played in time with each other have the same
	 * zero. Received: the time of the first packet's arrival, and from there on what the stream's timestamps say. Sender
	 * reports put tracks of one source (CNAME) on one time line: what was captured at the same moment has the same time. A
	 * track joins it with its first report, within some seconds, by one step forward; later corrections are slow. */
	uint64_t timestamp;
	/* ns; 0: not known. */
	uint64_t duration;
	/* A decoder can start here. When sending, it is found from the bytes as well. */
	bool keyframe;
	/* Layers, where the codec has some. */
	uint8_t temporal, spatial;
	/* Simulcast: which encoding of the track (its index). */
	uint8_t layer;
	/* Received: the codec, which may change between two frames. Sending: one of the track's codecs; 0: as before. */
	enum sluice_codec codec;
	/* Received: the timestamp as it came, and how many packets before this frame were lost for good. */
	uint32_t rtp_timestamp;
	uint32_t lost;
} sluice_frame;

/* One RTP packet, for a forwarder. The header is read; the payload and the elements are slices of the slab. */
typedef struct sluice_rtp {
	const uint8_t *payload;
	size_t len;
	sluice_slab *slab;
	uint64_t number;  /* the sequence number, unwrapped; repairs come with the number of what they repair */
	uint64_t missing; /* bit i: the packet number - 1 - i has not come yet */
	uint32_t ssrc, timestamp;
	uint8_t payload_type;
	bool marker;
	uint8_t layer;
	enum sluice_codec codec;
	/* What the payload says. With both set, a keyframe begins here. */
	bool begins, keyframe;
	uint8_t temporal, spatial;
	/* Extensions that a forwarder hands on as they are; NULL: not in this packet. */
	const uint8_t *audio_level, *video_orientation, *dependency_descriptor;
	uint8_t dependency_descriptor_len;
	uint64_t received; /* the verb's now */
} sluice_rtp;

/* ---- tracks ----------------------------------------------------------------------------------------------------- */

/* The most simulcast layers of a track. */
#define SLUICE_LAYERS_MAX 4

/* Any may be NULL. */
typedef struct sluice_track_callbacks {
	/* ---- receiving ---- */

	/* A whole frame, in order, when it is due. Its bytes live during the call. Frames of a video that a decoder could not use
	 * are dropped: those behind a loss, and the first ones, up to a keyframe, which is asked for. With on_frame NULL and no
	 * player, no frames are put together. */
	void (*on_frame)(sluice_track *t, const sluice_frame *frame, void *user);
	/* Each packet as it came, once, in the order of arrival, repairs included. sluice_slab_ref() keeps its bytes. With RED,
	 * the payloads in it come one by one. */
	void (*on_rtp)(sluice_track *t, const sluice_rtp *packet, void *user);
	/* The same for the packets that have come since the last dispatch, of all layers, in as few runs as they lie in; on_rtp
	 * does not come then. It is for those who forward to many: see sluice_track_send_rtp_run(). */
	void (*on_rtp_run)(sluice_track *t, const sluice_rtp *packets, size_t count, void *user);
	/* The other side stopped sending (a BYE), or sends again. */
	void (*on_mute)(sluice_track *t, bool muted, void *user);

	/* ---- sending ---- */

	/* The other side needs a keyframe of this layer: the next frame should be one. Not more often than each 100 ms. */
	void (*on_keyframe_request)(sluice_track *t, unsigned layer, void *user);
	/* What the path carries for this layer, in bit/s: give it to the encoder. 0: the layer should pause. */
	void (*on_bitrate)(sluice_track *t, unsigned layer, uint64_t bits_per_second, void *user);

	/* The track is over. The last callback, and the last time to read its statistics: the track is freed when it returns. */
	void (*on_ended)(sluice_track *t, void *user);
} sluice_track_callbacks;

/* Replaces callbacks and user pointer from the next callback on; both are copied. Without memory, on_frame, on_rtp or on_rtp_run
 * does not come; each packet tries again. */
SLUICE_API void sluice_track_set_callbacks(sluice_track *t, const sluice_track_callbacks *callbacks, void *user);
/* The pointer that its callbacks get. */
SLUICE_API void *sluice_track_user(const sluice_track *t);
/* Audio or video. */
SLUICE_API enum sluice_media_kind sluice_track_kind(const sluice_track *t);
/* false: it receives. */
SLUICE_API bool sluice_track_is_sender(const sluice_track *t);
/* The transceiver of a peer's track; NULL: the track is a sluice_media's. */
SLUICE_API sluice_transceiver *sluice_track_transceiver(const sluice_track *t);
/* The codec that is sent, or came last; NULL: nothing came yet. It belongs to the track, and may change with the next verb or
 * description. */
SLUICE_API const sluice_codec_config *sluice_track_codec(const sluice_track *t);

/* ---- sending ---- */

/* Sends a frame, in packets as its codec's payload format has them. The bytes are copied. What the path does not carry now waits
 * in the pacer. The frame counts as captured by the latest verb's `now`, or earlier as its timestamp says.
 *
 * Returns 0, or
 *   SLUICE_WOULD_BLOCK  more waits already than leaves within a second: the encoder is too fast. The frame was dropped; if
 *                       other frames refer to it, the next one has to be a keyframe
 *   SLUICE_WRONG_STATE  the track does not send now: it is no sender, its layer is paused, or no verb has run since the keys
 *   SLUICE_MALFORMED    the bytes are not what the codec makes
 *   SLUICE_INVALID      a field is out of range
 *   SLUICE_NO_MEMORY
 *   SLUICE_CLOSED       the track has ended */
SLUICE_API int sluice_track_send_frame(sluice_track *t, const sluice_frame *frame);
/* The same; the bytes are lent, and must not change. The library calls release(ctx) once, when no retransmission needs them any
 * more: inside any later call for the session, or before this one returns. release() must not call the library. On an error the
 * library does not call it.
 *
 * Returns as sluice_track_send_frame(). */
SLUICE_API int sluice_track_lend_frame(sluice_track *t, const sluice_frame *frame, sluice_release_fn release, void *ctx);

/* Forwards a packet that on_rtp gave, of any track of the same environment, also inside that callback. The payload is not copied:
 * its slab is retained. Sequence numbers, timestamps and the picture ids of VP8 and VP9 are rewritten, so that they continue.
 * What was lost before it came to us is a hole, and its repair fills it. What the app leaves out, for instance a layer, is none.
 *
 * A packet with another SSRC than the last one is of another source. It is taken, and the source changes, only where a keyframe
 * begins; others of it are left out. Audio changes with any packet. To change between the layers of a simulcast, hand on both
 * until the new one's keyframe begins, and then the new one alone. RFC 7667, 3.7.
 *
 * Returns 0, also for a packet that is left out; as sluice_track_send_frame(); and
 *   SLUICE_UNSUPPORTED  the track has no such codec
 *   SLUICE_INVALID      the payload is empty
 *   SLUICE_TOO_LARGE    with our header its datagram is larger than the session's MTU by more than 32 bytes. So much is allowed
 *                       because browsers fill 1,200 bytes, and our header may be longer than theirs: 1,232 bytes of UDP go
 *                       over every path of IPv6 (RFC 8200, 5) */
SLUICE_API int sluice_track_send_rtp(sluice_track *t, const sluice_rtp *packet);
/* The same for a run of packets, in their order. With many watchers this costs much less than packet by packet, because what
 * belongs to the track is looked at once. They leave together, as the pacer allows.
 *
 * Returns how many went on or were left out, which are the first ones. The next packet met an error then, which a call that
 * begins with it returns. Without a first one it returns that error. */
SLUICE_API int sluice_track_send_rtp_run(sluice_track *t, const sluice_rtp *packets, size_t count);
/* A hint for those who forward to hundreds of tracks in turn: this sender's call comes soon, behind one or two others. Its memory
 * has left the CPU's cache, and is asked for meanwhile. */
SLUICE_API void sluice_track_prefetch(const sluice_track *t);
/* What comes next is from another source: timestamps and numbers go on where they are, whatever the source's are. Forwarded video
 * begins again with a keyframe. W3C's replaceTrack, without a negotiation. Does nothing for a receiver. */
SLUICE_API void sluice_track_replace(sluice_track *t);

/* W3C's RTCRtpEncodingParameters. */
typedef struct sluice_encoding {
	/* RFC 8851. Up to 15 letters and digits; has to be there when a track has several layers. */
	char rid[16];
	/* The layer does not send. */
	bool paused;
	/* bit/s; 0: no limit. */
	uint64_t max_bitrate;
} sluice_encoding;
/* Changes `paused` and `max_bitrate` of a layer; `rid` is not read. on_bitrate follows where the layer's share changes.
 *
 * Returns 0, or
 *   SLUICE_INVALID  there is no such layer, or the track is a receiver */
SLUICE_API int sluice_track_set_encoding(sluice_track *t, unsigned layer, const sluice_encoding *encoding);
/* What on_bitrate said last for the layer, in bit/s; 0: nothing, or there is no such layer. */
SLUICE_API uint64_t sluice_track_bitrate(const sluice_track *t, unsigned layer);

/* ---- receiving ---- */

/* Asks for a keyframe of a layer, by PLI (RFC 4585, 6.3.1) or FIR (RFC 5104, 4.3.1) as agreed. The request is repeated until one
 * comes, at most once per max(RTT, 300 ms). Does nothing for a sender, or before the layer's SSRC is known. */
SLUICE_API void sluice_track_request_keyframe(sluice_track *t, unsigned layer);
/* How long frames wait for missing packets and for their time, in ns, up to 2 s. SLUICE_NEVER: as the path needs (default).
 *
 * Returns 0, or
 *   SLUICE_INVALID  it is more than 2 s, or the track is a sender */
SLUICE_API int sluice_track_set_delay(sluice_track *t, uint64_t delay);

/* Gives the frames of a layer to another thread: they do not come to on_frame any more. The player lives until
 * sluice_player_close(); close it before the session is freed. Call this on the track's thread.
 *
 * Returns 0, or
 *   SLUICE_EXISTS     the layer has one that is not closed
 *   SLUICE_INVALID    there is no such layer, or the track is a sender or has ended
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_track_open_player(sluice_track *t, unsigned layer, sluice_player **out);

enum sluice_pull {
	SLUICE_PULL_EMPTY = 0, /* ask again at *next; SLUICE_NEVER: later, when something came */
	SLUICE_PULL_FRAME,
	SLUICE_PULL_LOST,  /* frame->lost packets are missing: conceal, or ask for a keyframe */
	SLUICE_PULL_ENDED, /* the track is over */
};
/* The next thing to play; for the player's thread only. It never waits and takes no lock. The frame's bytes are written to
 * `space`. When they may need more than `size`, frame->data is NULL and frame->len says how much; the frame is lost unless the
 * next call brings the space. now: on the clock of the verbs. next may be NULL. */
SLUICE_API enum sluice_pull sluice_player_pull(sluice_player *p, uint64_t now, uint8_t *space, size_t size, sluice_frame *frame,
                                               uint64_t *next);
/* The player's thread is done with it, and must not use it any more. The session frees it later. NULL is allowed. */
SLUICE_API void sluice_player_close(sluice_player *p);

/* ---- statistics, with W3C's names in lower case ------------------------------------------------------------------ */

/* RTCInboundRtpStreamStats, and what the other side says of itself. One for each layer. */
typedef struct sluice_inbound_rtp_stats {
	uint32_t ssrc;
	uint64_t packets_received, bytes_received, header_bytes_received; /* repairs included, padding by RTX not */
	int64_t packets_lost;
	uint64_t jitter; /* ns */
	uint64_t packets_discarded, packets_duplicated;
	uint64_t retransmitted_packets_received, retransmitted_bytes_received;
	uint64_t fec_packets_received; /* lost ones that came in RED */
	uint64_t nack_count, pli_count, fir_count;
	uint64_t frames_received, key_frames_received, frames_dropped, frames_assembled_from_multiple_packets;
	uint64_t jitter_buffer_target_delay; /* ns, now */
	uint64_t last_packet_received;       /* the verb's now; 0: none came */
	/* remote-outbound-rtp: from its SR. */
	uint64_t remote_packets_sent, remote_bytes_sent, remote_reports;
	uint64_t remote_timestamp; /* ns since 1900 */
} sluice_inbound_rtp_stats;

/* RTCOutboundRtpStreamStats, and what the other side says of it. One for each layer. */
typedef struct sluice_outbound_rtp_stats {
	uint32_t ssrc;
	uint64_t packets_sent, bytes_sent, header_bytes_sent;
	uint64_t retransmitted_packets_sent, retransmitted_bytes_sent;
	uint64_t frames_sent, key_frames_sent, frames_dropped;
	uint64_t nack_count, pli_count, fir_count;
	uint64_t target_bitrate;          /* bit/s */
	uint64_t total_packet_send_delay; /* ns, all packets */
	/* remote-inbound-rtp: from its RR. */
	int64_t packets_lost;
	uint64_t remote_jitter, round_trip_time, total_round_trip_time; /* ns */
	uint64_t round_trip_time_measurements;
	double fraction_lost;
} sluice_outbound_rtp_stats;

/* Copy the counters of a receiver's, or a sender's, layer (W3C webrtc-stats). They are not cleared.
 *
 * Return 0, or
 *   SLUICE_INVALID  there is no such layer, or the track goes the other way */
SLUICE_API int sluice_track_inbound_stats(const sluice_track *t, unsigned layer, sluice_inbound_rtp_stats *stats);
SLUICE_API int sluice_track_outbound_stats(const sluice_track *t, unsigned layer, sluice_outbound_rtp_stats *stats);

typedef struct sluice_media_stats {
	uint64_t packets_sent, packets_received, bytes_sent, bytes_received; /* SRTP and SRTCP, without UDP */
	/* By the result of unprotecting. */
	uint64_t replayed, old, forged, malformed;
	uint64_t unknown_ssrc;                                    /* packets that no track could be found for */
	uint64_t available_outgoing_bitrate;                      /* bit/s, the estimate; 0: none yet */
	uint64_t delivered_bitrate, pacer_queue, round_trip_time; /* bit/s, bytes, ns */
} sluice_media_stats;

/* ---- a session without a peer connection ------------------------------------------------------------------------- */

/* RFC 5764, 4.1.2 and RFC 7714, 14.2. */
enum sluice_srtp_profile {
	SLUICE_SRTP_NONE = 0, /* plain RTP: for a transport that is secure by itself, and for tests */
	SLUICE_SRTP_AES128_CM_SHA1_80,
	SLUICE_SRTP_AES128_CM_SHA1_32,
	SLUICE_SRTP_AEAD_AES_128_GCM,
	SLUICE_SRTP_AEAD_AES_256_GCM,
};
/* Master key and salt of one direction: 16 or 32 and 14 or 12 bytes, as the profile has them. */
typedef struct sluice_srtp_key {
	uint8_t key[32], salt[14];
} sluice_srtp_key;

/* Zero in any field but `size` means its default. */
typedef struct sluice_media_config {
	/* sizeof(sluice_media_config) */
	size_t size;
	/* RFC 3550, 6.5.1; up to 64 bytes, which are copied. Default: random */
	const char *cname;
	/* The largest UDP payload, 576 to 65,000 bytes. Default: 1200 */
	uint32_t mtu;
	/* bit/s. The estimate begins at the first and stays between the others. Without feedback of the path (transport-cc or
	 * ccfb) it stays where it began. Default: 300,000; 30,000 and 100,000,000 */
	uint64_t start_bitrate, min_bitrate, max_bitrate;
	/* ns from 1900 (NTP's zero) to the zero of the verbs' clock, for sender reports. Default: 0 */
	uint64_t ntp_offset;
	/* The other side does not take reduced-size RTCP (RFC 5506). */
	bool compound;

	void *user;
	/* Packets came with an SSRC that belongs to no track, and say of no section that they are its. Called once for each of
	 * the last 16 such SSRCs. The first packets are kept, 16 in all, and taken when a track is made for the SSRC. */
	void (*on_unknown_ssrc)(sluice_media *m, uint32_t ssrc, uint8_t payload_type, void *user);
} sluice_media_config;

/* Makes a session, which belongs to the caller and ends before its environment. It sends and takes nothing before it has keys.
 * config may be NULL: all defaults.
 *
 * Returns 0, or
 *   SLUICE_INVALID    a field is outside what its comment allows
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_media_new(sluice_env *env, const sluice_media_config *config, sluice_media **out);
/* Frees it and its tracks, and releases lent frames. No other callback runs, and no BYE is sent. Its players must be closed.
 * Allowed inside a callback. m may be NULL. */
SLUICE_API void sluice_media_free(sluice_media *m);

/* Gives it keys, once; both are copied. They may be NULL with SLUICE_SRTP_NONE. A key is for one session only, and each direction
 * needs its own (RFC 3711, 9.1).
 *
 * Returns 0, or
 *   SLUICE_INVALID      there is no such profile, or a key is missing
 *   SLUICE_WRONG_STATE  it has keys
 *   SLUICE_CRYPTO       OpenSSL refused
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_media_set_keys(sluice_media *m, enum sluice_srtp_profile profile, const sluice_srtp_key *send,
                                     const sluice_srtp_key *receive);

/* Sets the id of a header extension that both sides agreed on (RFC 8285): 1 to 255 and not 15; 0 takes it away. It holds for all
 * tracks. URIs that the library does not know are ignored.
 *
 * Returns 0, or
 *   SLUICE_INVALID  the id is out of range or has another URI, the URI has another id, or the elements of a stream become too
 *                   long */
SLUICE_API int sluice_media_set_extension(sluice_media *m, const char *uri, unsigned id);

/* A track's streams. Zero in a field: its default. */
typedef struct sluice_track_config {
	enum sluice_media_kind kind;
	/* The first one is sent, unless a frame names another; all of them may be received. 1 to SLUICE_TRACK_CODECS_MAX. */
	const sluice_codec_config *codecs;
	size_t codec_count;
	/* RFC 9143: up to 16 bytes. It goes into the first packets, and finds the track of what comes. Default: none */
	const char *mid;
	/* One for each layer, up to SLUICE_LAYERS_MAX. Default: one layer without a rid */
	const sluice_encoding *encodings;
	size_t encoding_count;
	/* SSRCs of the layers and of their RTX. Sending, 0 is a random one. Receiving, 0 is learnt: by mid and rid, or by the
	 * payload type if no other receiver has it (RFC 9143, 9.2). */
	uint32_t ssrcs[SLUICE_LAYERS_MAX], rtx_ssrcs[SLUICE_LAYERS_MAX];
	sluice_track_callbacks callbacks;
	void *user;
} sluice_track_config;
#define SLUICE_TRACK_CODECS_MAX 16

/* Adds a track. It belongs to the session and lives until its removal. config is copied, with what it points to. *out is set on
 * success only.
 *
 * Returns 0, or
 *   SLUICE_INVALID    a field is outside what its comment allows
 *   SLUICE_EXISTS     an SSRC, or a receiver's mid, is in use
 *   SLUICE_LIMIT      the session has 256 streams in this direction
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_media_add_sender(sluice_media *m, const sluice_track_config *config, sluice_track **out);
SLUICE_API int sluice_media_add_receiver(sluice_media *m, const sluice_track_config *config, sluice_track **out);
/* Ends a track; a sender says BYE (RFC 3550, 6.6). on_ended follows, and the track is freed when that returns. Calling it again
 * before does nothing. */
SLUICE_API void sluice_media_remove(sluice_media *m, sluice_track *t);

/* ---- driving a session ------------------------------------------------------------------------------------------- */

/* Takes SRTP and SRTCP datagrams. Their bytes are decrypted in place; a slab is retained where a packet has to wait. What a
 * datagram does wrong is counted (RFC 3711, 3.3).
 *
 * Returns 0, or
 *   SLUICE_WRONG_STATE  it has no keys
 *   SLUICE_NO_MEMORY    for its first verb */
SLUICE_API int sluice_media_input(sluice_media *m, sluice_datagram *datagrams, size_t count, uint64_t now);
/* Runs the timers that are due: reports, repairs, feedback, the estimate. Does nothing without keys. */
SLUICE_API void sluice_media_advance(sluice_media *m, uint64_t now);
/* Fills the batch with datagrams that may leave now, as the pacer allows; see sluice_batch for its slots, which need room for the
 * MTU, headroom and tailroom. The path is not set. Call it until it returns 0.
 *
 * Returns how many datagrams it wrote; 0 when nothing is due, and before there are keys. */
SLUICE_API int sluice_media_output(sluice_media *m, sluice_batch *batch, uint64_t now);
/* A hint for those who serve hundreds of sessions in turn: until the session's next output, `turns` others come before it. Its
 * memory has left the CPU's cache since its last turn; each call asks for the part whose place is known by then. So, before each
 * turn, give it to those that are 5, 4, 3, 2 and 1 turns off. The loop does this for its peers. */
SLUICE_API void sluice_media_prefetch(const sluice_media *m, unsigned turns);
/* When to call advance, dispatch and output next. 0: at once. SLUICE_NEVER: not before another call. */
SLUICE_API uint64_t sluice_media_deadline(const sluice_media *m);
/* Runs the callbacks that are due. Call it after input() and advance(). A callback may have freed the session when it returns.
 *
 * Returns how many ran; 0 inside a callback. */
SLUICE_API int sluice_media_dispatch(sluice_media *m);
/* wake(ctx) is called when a call between two verbs gave the session something to do, at most once until the next output(). It
 * must not call the session. NULL: none. */
SLUICE_API void sluice_media_set_wake(sluice_media *m, void (*wake)(void *ctx), void *ctx);

/* Copies the session's counters. They are not cleared. */
SLUICE_API void sluice_media_stats_get(const sluice_media *m, sluice_media_stats *stats);
/* Gives each RTP and RTCP packet in the clear to fn, sent and received, at the verb's `now`. Its bytes live during that call. fn
 * must not call the session. NULL: none. */
SLUICE_API void sluice_media_set_packet_tap(sluice_media *m, sluice_packet_fn fn, void *ctx);
/* From here on fn gets a line of JSON, as sluice_sctp_set_trace() has them, whenever one of these has changed behind a verb:
 *
 *   media:metrics_updated           those that changed of target_bitrate, delivered_bitrate, pacing_rate, pacer_queue,
 *                                   smoothed_rtt, packets_sent, bytes_sent, packets_received, bytes_received
 *   media:congestion_state_updated  "normal", or "congested": a queue grows on the path, or its loss is put to the test
 *   media:probe_begun               id, rate, packets, bytes
 *   media:packets_lost              count: that the other side has reported as lost; and so with
 *   media:packets_resent            repairs that left; media:packets_asked: that did not come, and were asked for
 *   media:probes_answered           of which the estimate has used the results
 *   media:silences                  times in which no feedback came
 *
 * target_bitrate is what sluice_media_stats calls available_outgoing_bitrate. The header comes within this call. fn must not call
 * the session. fn NULL ends the trace.
 *
 * Returns 0, or
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_media_set_trace(sluice_media *m, sluice_trace_fn fn, void *ctx);

/* ---- transceivers of a peer connection (W3C webrtc-pc, 5.4; RFC 9429) --------------------------------------------- */

typedef struct sluice_peer sluice_peer;

enum sluice_direction {
	SLUICE_SENDRECV = 0,
	SLUICE_SENDONLY,
	SLUICE_RECVONLY,
	SLUICE_INACTIVE,
	SLUICE_STOPPED,
};
/* "sendrecv"; "unknown" for any other number. Any thread. */
SLUICE_API const char *sluice_direction_name(enum sluice_direction direction);

/* A codec that we want, in the order of preference. */
typedef struct sluice_codec_preference {
	enum sluice_codec codec;
	/* H.264: profile-level-id, as "42e01f"; VP9 and AV1: the profile, as "0". NULL: any that the library offers. */
	const char *profile;
	/* H.264. */
	uint8_t packetization_mode;
} sluice_codec_preference;

/* Zero in a field means its default. */
typedef struct sluice_transceiver_config {
	enum sluice_direction direction;
	/* W3C's stream ids: tracks of one stream are played in sync. At most 4; default: none */
	const char *const *streams;
	size_t stream_count;
	/* Our encodings; several: simulcast. */
	const sluice_encoding *encodings;
	size_t encoding_count;
	sluice_track_callbacks sender, receiver;
	void *user;
} sluice_transceiver_config;

/* Adds a transceiver: one audio or video section of the next offer. It belongs to the peer. on_negotiation_needed follows. config
 * is copied, with what it points to; it and out may be NULL. W3C webrtc-pc, 5.1.
 *
 * Returns 0, or
 *   SLUICE_INVALID      a field is outside what its comment allows
 *   SLUICE_WRONG_STATE  the peer is a direct one
 *   SLUICE_LIMIT        the peer has 64
 *   SLUICE_CLOSED       the peer is over
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_peer_add_transceiver(sluice_peer *p, enum sluice_media_kind kind, const sluice_transceiver_config *config,
                                           sluice_transceiver **out);
/* The transceivers, in the order in which they were made; NULL behind the last. Stopped ones leave it when the negotiation is
 * done, and are freed with their tracks. */
SLUICE_API sluice_transceiver *sluice_peer_transceiver(const sluice_peer *p, size_t index);
/* Whose it is. */
SLUICE_API sluice_peer *sluice_transceiver_peer(const sluice_transceiver *t);
/* Audio or video. */
SLUICE_API enum sluice_media_kind sluice_transceiver_kind(const sluice_transceiver *t);
/* The id of its section (RFC 5888), which belongs to the transceiver; NULL before it has one. */
SLUICE_API const char *sluice_transceiver_mid(const sluice_transceiver *t);
/* What we want, and what both sides agreed on (INACTIVE before). Both are STOPPED once it is stopped. RFC 9429, 4.2.4, 4.2.5. */
SLUICE_API enum sluice_direction sluice_transceiver_direction(const sluice_transceiver *t);
SLUICE_API enum sluice_direction sluice_transceiver_current_direction(const sluice_transceiver *t);
/* Says what we want from the next description on; on_negotiation_needed follows if that is news. RFC 9429, 4.2.3.
 *
 * Returns 0, or
 *   SLUICE_WRONG_STATE  it is stopped
 *   SLUICE_INVALID      SLUICE_STOPPED, or no direction */
SLUICE_API int sluice_transceiver_set_direction(sluice_transceiver *t, enum sluice_direction direction);
/* Ends it and its tracks for good; its section is rejected in the next negotiation, and may be used by another one later. Without
 * a section it leaves the peer's list at once. It is freed with its tracks. RFC 9429, 4.2.1. */
SLUICE_API void sluice_transceiver_stop(sluice_transceiver *t);
/* Codecs and their order for the coming descriptions; they are copied. count 0: the default. RFC 9429, 4.2.6.
 *
 * Returns 0, or
 *   SLUICE_INVALID  a codec is not of this kind, or the library does not offer its profile; nothing changes */
SLUICE_API int sluice_transceiver_set_codec_preferences(sluice_transceiver *t, const sluice_codec_preference *codecs,
                                                        size_t count);
/* Puts its sender's track into these streams (W3C's ids) and no others, also where the other side's offer made the transceiver.
 * The ids are copied. The next description says so; on_negotiation_needed follows if the latest one said something else. W3C
 * webrtc-pc, 5.2, setStreams.
 *
 * Returns 0, or
 *   SLUICE_INVALID      there are more than 4, or one is empty, longer than 64 characters, or has a space; nothing changes
 *   SLUICE_WRONG_STATE  it is stopped */
SLUICE_API int sluice_transceiver_set_streams(sluice_transceiver *t, const char *const *streams, size_t count);
/* Its tracks, which live until their on_ended; NULL once it is stopped. */
SLUICE_API sluice_track *sluice_transceiver_sender(const sluice_transceiver *t);
SLUICE_API sluice_track *sluice_transceiver_receiver(const sluice_transceiver *t);
/* The stream ids that the other side's latest description names (RFC 8830), one line of text each; NULL behind the last. They
 * belong to the transceiver, until its next description. */
SLUICE_API const char *sluice_transceiver_remote_stream(const sluice_transceiver *t, size_t index);
/* Copies the counters of all of a peer's media; zeros before its first transceiver. */
SLUICE_API void sluice_peer_media_stats_get(const sluice_peer *p, sluice_media_stats *stats);

#ifdef __cplusplus
}
#endif
#endif
