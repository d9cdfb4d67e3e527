/* media: the streams of one transport as tracks: SRTP, session, estimator, pacer and jitter buffers put together.
 *
 *   in:   datagrams -> SRTP -> session -> demux -> layer -> queue for on_rtp, jitter buffer      media_in.c, demux.c, layer_in.c
 *   out:  send_frame, send_rtp -> unit -> pacer -> session -> SRTP -> batch                      unit.c, forward.c, media_out.c
 *   up:   dispatch turns what waits into callbacks                                               dispatch.c
 *
 * Each layer of a track (simulcast: several) is one stream of the session. The session is made by the first verb behind
 * sluice_media_set_keys(), when the profile and the time are known. Layers that are there by then are opened with it, later ones
 * when they are added.
 *
 *   in[s] is the layer whose stream is s, and layer->stream == s; the same for out
 *   in_taken, out_taken <= MEDIA_STREAMS: layers that exist
 *   session != NULL implies keys; estimator exists exactly when session does */
#ifndef RTP_MEDIA_MEDIA_H
#define RTP_MEDIA_MEDIA_H

#include "base/guard.h"
#include "rtp/bwe/bwe.h"
#include "rtp/media/demux.h"
#include "rtp/media/queue.h"
#include "rtp/media/trace.h"
#include "rtp/media/track.h"
#include "rtp/pacer.h"
#include "rtp/report.h"
#include "rtp/session.h"
#include "rtp/srtp.h"
#include "sluice/media.h"

#define MEDIA_STREAMS RTP_SESSION_STREAMS
#define MEDIA_BATCH 64 /* datagrams looked at together; also the most of one UDP_SEGMENT send */
#define MEDIA_MTU 1200
#define MEDIA_MTU_MIN 576
#define MEDIA_MTU_MAX 65000
#define MEDIA_PADDING 256 /* a padding packet's datagram */

/* What each packet that leaves needs stands first: with many sessions every line of it has to come from far away. */
struct sluice_media {
	sluice_env *env;
	struct guard guard;
	uint64_t clock;
	struct rtp_session *session;
	struct bwe *bwe;
	size_t rtp_tail, rtcp_tail; /* bytes that SRTP adds */
	unsigned out_top;           /* no layer of out[] is at it or above: who looks at all of them stops there */
	enum sluice_srtp_profile profile;
	unsigned in_taken, out_taken;
	bool has_keys, woken, share_again;
	bool repair_waits; /* the pacer has a run for a repair */
	bool told_end_of_key;
	uint64_t target; /* as it was shared last */
	sluice_packet_fn tap;
	struct media_trace *trace; /* NULL: none */
	struct pacer_grant grant;  /* what is left of it: grant.count packets */
	struct pacer pacer;
	void (*wake)(void *ctx);
	void *wake_ctx;
	sluice_media_stats stats;
	struct srtp seal, open;
	struct out_layer *out[MEDIA_STREAMS];

	/* ---- what was negotiated ---- */
	sluice_media_config config;
	char cname[REPORT_CNAME + 1];
	struct rtp_extension_map extensions;
	struct rtx_types rtx_in, rtx_out;

	/* ---- tracks ---- */
	struct sluice_track **tracks;
	size_t track_count, track_capacity;
	struct in_layer *in[MEDIA_STREAMS];
	struct demux demux;
	struct player_list orphans; /* players whose track has ended */
	struct queue queue;         /* packets for on_rtp and on_rtp_run */
	sluice_slab *bump;          /* takes copies of payloads */
	size_t bump_used;
	bool is_dense;     /* this input fills much of its slab */
	uint8_t *assembly; /* a frame, for on_frame */
	size_t assembly_size;

	unsigned pad_from;
	int64_t zero; /* `now` of the media time 0, as most tracks see it */
	bool has_zero;
	void *tap_ctx;
};

/* ---- media.c ---- */

void media_destroy(struct sluice_media *m);
bool media_check(const struct sluice_media *m);

/* ---- engine.c ---- */

/* Makes the session when it can be made. False: there is none yet. */
bool media_begin(struct sluice_media *m, uint64_t now);
void media_wake(struct sluice_media *m);
/* Takes what the estimator and the session have for the pacer. Called at the end of each verb, and as packets leave. */
void media_follow(struct sluice_media *m);

/* ---- streams.c ---- */

/* Opens the layer's stream in the session. No session: does nothing. Returns 0 or rtp_session_add_in()'s error. */
int streams_open_in(struct sluice_media *m, struct in_layer *l);
int streams_open_out(struct sluice_media *m, struct out_layer *l);
void streams_close_in(struct sluice_media *m, struct in_layer *l);
void streams_close_out(struct sluice_media *m, struct out_layer *l);
/* The ids of elements have changed. Returns 0, or SLUICE_INVALID: a stream's elements would not fit. */
int streams_set_extensions(struct sluice_media *m);
/* The layer may have other elements than before. Returns 0 or SLUICE_NO_MEMORY. */
int streams_set_elements(struct sluice_media *m, struct out_layer *l);
/* Somebody else uses an SSRC of this stream of ours, or the session's own (-1). */
void streams_change_ssrcs(struct sluice_media *m, int stream);
/* A random SSRC that nobody has. */
uint32_t streams_new_ssrc(struct sluice_media *m);
bool streams_has_ssrc(const struct sluice_media *m, uint32_t ssrc);

/* ---- media_in.c ---- */

/* A packet of RTP in the clear. slab NULL: its bytes live during the call. */
void media_take_rtp(struct sluice_media *m, uint8_t *data, size_t len, sluice_slab *slab, uint64_t now);
/* Takes once more what was held for the SSRC. */
void media_replay(struct sluice_media *m, uint32_t ssrc, uint64_t now);
/* ---- keep.c ---- */

/* A batch comes in: how full is its slab? */
void media_look_at(struct sluice_media *m, const sluice_datagram *datagrams, size_t count);
/* Bytes of a packet that shall live on. Returns where they are, and their slab with a reference; NULL when there is no memory. */
uint8_t *media_keep(struct sluice_media *m, const uint8_t *data, size_t len, sluice_slab *slab, sluice_slab **owner);

/* ---- sync.c ---- */

/* Takes the layer's newest SR, if it was not taken yet. */
void sync_follow(struct in_layer *l);

/* ---- share.c ---- */

/* Shares the estimator's target among the layers that send. */
void share_target(struct sluice_media *m);
/* Has the app to be told of the layer's rate now? */
bool share_is_news(const struct out_layer *l, uint64_t now);
uint64_t share_deadline(const struct sluice_media *m);

#endif
