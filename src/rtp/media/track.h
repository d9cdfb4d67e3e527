/* track: a stream of frames and its layers. What does each side of the engine keep for one?
 *
 * A sending track has out_layers, a receiving one in_layers; a layer is one SSRC with its RTX. A track is freed when its on_ended
 * has returned, or with the session. */
#ifndef RTP_MEDIA_TRACK_H
#define RTP_MEDIA_TRACK_H

#include "rtp/media/codec.h"
#include "rtp/media/forward.h"
#include "rtp/media/player.h"
#include "rtp/red.h"
#include "rtp/session.h"
#include "sluice/media.h"

#define TRACK_MID_MAX 16
#define TRACK_NO_CODEC 0xFF

/* One layer that comes in. */
struct in_layer {
	sluice_track *track;
	uint8_t index;
	int stream; /* of the session; -1: none */
	uint32_t ssrc, rtx_ssrc;
	uint64_t bound_at, rtx_bound_at; /* when the SSRCs were learnt; 0: they were not */
	char rid[17];

	/* Which of the 64 packets before `highest` have come; bit 0 is `highest` itself. */
	uint64_t highest, came;
	uint64_t arrivals[64]; /* of these packets, by number % 64 */
	/* How much longer than its neighbours a repaired packet took, at most; forgotten at repair_until. */
	uint64_t repair_wait, repair_until;

	struct red_taker red; /* of audio */

	sluice_player *player; /* takes frames; NULL: nobody wants them */
	bool is_lent;          /* the player is the app's, on another thread */
	uint64_t pull_at;      /* when the next frame may be due; SLUICE_NEVER: when something came */
	uint64_t rtt;          /* that the jitter buffer was told last */
	bool repairs;          /* lost packets are asked for */

	/* See sync.c. `line`: from NTP to the line's time, in ns; it means something while is_on_line. */
	bool is_on_line;
	int64_t line;
	uint64_t sr_count; /* SRs that were taken */
	/* Of the last one, unwrapped; and in ns since 1900. */
	uint64_t sr_timestamp;
	int64_t ntp;
	sluice_inbound_rtp_stats stats;
};

struct unit;

/* One layer that goes out. What each packet needs stands first. */
struct out_layer {
	sluice_track *track;
	uint8_t index;
	bool paused;
	bool is_refused; /* the other side takes fewer layers */
	bool is_plain;   /* it takes one stream, which does not say its rid */
	bool says_mid;   /* the other side may not know yet what the SSRC is */
	int stream;
	uint32_t ssrc, rtx_ssrc;

	/* Of the packets' headers: how long the extension is without what changes, and in which form; the size of the header of a
	 * packet that brings no elements; the session's extension is that of such a packet. */
	uint8_t fixed_len;
	bool is_two_byte;
	uint8_t bare_size;
	bool is_bare;

	/* ---- what waits ---- */
	struct unit *units; /* in the pacer */
	uint64_t queued;    /* bytes of them */
	uint64_t reserved;  /* behind the numbers of all of them; 0: the session knows */

	/* ---- numbers ---- */
	uint32_t timestamp; /* last sent */
	uint32_t offset;    /* from media time in units of the clock to timestamps */
	uint64_t sent_at;   /* when the last frame came */
	bool any, jumps;    /* something was sent; the next frame is another source's */
	uint16_t picture_id;
	uint8_t tl0_index, key_index;
	/* From a forwarded source's numbers to ours. */
	bool forward_begins;
	uint16_t add_picture;
	uint8_t add_tl0, add_key;
	/* The same of dependency descriptors: the newest frame's number, and behind the ids of the newest structure. */
	bool frames_begin;
	uint8_t template_end, add_template;
	uint16_t frame_number, add_frame;
	bool uses_layers, will_use_layers;

	/* ---- rate ---- */
	uint64_t target, told, told_at;
	uint64_t max_bitrate;
	bool keyframe_wanted; /* on_keyframe_request is due */
	sluice_outbound_rtp_stats stats;
	struct forward forward;
	char rid[17];
};

struct sluice_track {
	sluice_media *media;
	enum sluice_media_kind kind;
	bool is_sender;
	bool ended;  /* no streams any more; on_ended is due */
	bool paused; /* a sender whose direction is not to send */
	bool muted, told_muted;
	uint8_t codec; /* in use; TRACK_NO_CODEC: none */
	uint8_t codec_count, layer_count;
	union {
		struct in_layer *in;
		struct out_layer *out;
	};
	sluice_track_callbacks callbacks;
	sluice_codec_config codecs[SLUICE_TRACK_CODECS_MAX]; /* behind codec_count: codecs of before that may still come */
	void *user;
	sluice_transceiver *transceiver;
	char mid[TRACK_MID_MAX + 1];
	uint16_t elements; /* bit k: packets that it sends may have an element of the kind k (enum rtp_extension) */
	/* Which codec has a payload type: its index; with CODEC_RTX or CODEC_RED for those of RFC 4588 and RFC 2198. */
	uint8_t codec_of[128];

	struct red_sender *red; /* made with the first frame that is sent in RED */
	uint64_t delay;         /* SLUICE_NEVER: as the path needs */
	int64_t zero;           /* `now` of the media time 0 */
	bool has_zero;
};
#define CODEC_RTX 0x40
#define CODEC_RED 0x80
#define CODEC_INDEX 0x3F

/* ---- track.c; also for negotiate.c ---- */

/* Both public functions. config->codec_count may be 0: the track opens no streams yet. */
int track_add(struct sluice_media *m, const sluice_track_config *config, bool is_sender, sluice_track **out);
/* Replaces the codecs of a track after a negotiation. Returns 0 or SLUICE_INVALID. */
int track_set_codecs(sluice_track *t, const sluice_codec_config *codecs, size_t count);
/* A sender sends nothing while it is paused; a receiver is told as muted. */
void track_set_paused(sluice_track *t, bool paused);
/* The codec that is sent, or came last. The track has one. */
static inline const sluice_codec_config *track_codec_of(const sluice_track *t) {
	return &t->codecs[t->codec];
}
static inline bool track_wants_packets(const sluice_track *t) {
	return t->callbacks.on_rtp || t->callbacks.on_rtp_run;
}
/* on_mute becomes due when this is new. */
static inline void track_mute(sluice_track *t, bool muted) {
	t->muted = muted;
}
void track_free(sluice_track *t);
/* Gives up all streams; on_ended becomes due. */
void track_end(sluice_track *t);

/* ---- layer_in.c ---- */

/* A packet of the layer's SSRCs came; is_new: it is media that was not there. */
void layer_in_count(struct in_layer *l, const struct rtp_received *got, bool is_new, uint64_t now);
/* A packet of the layer's stream came. */
void layer_in_take(struct in_layer *l, const struct rtp_received *got, sluice_slab *slab, uint64_t now);
/* Begins or ends putting frames together, as the callbacks and players want it. Returns 0 or SLUICE_NO_MEMORY. */
int layer_in_want_frames(struct in_layer *l);
void layer_in_close(struct in_layer *l);
/* Takes what the player's thread has said. */
void layer_in_listen(struct in_layer *l);

#endif
