/* session_state: what the files of a session share. Nobody else includes it.
 *
 *   session.c          making; RTP in and out; questions
 *   session_streams.c  streams come and go, ids and SSRCs change
 *   session_rtcp.c     RTCP in and out
 *
 * Each SSRC of the session has a place: that of an incoming stream is its number, then follow their RTX streams, the outgoing
 * streams, the RTX streams of these, and the session's own SSRC.
 *
 *   in[i] is NULL or a stream, and NULL from in_top on; out[] and out_top alike
 *   the map has each SSRC that is not 0 of each stream, and the session's, at its place
 *   last_ssrc == NO_SSRC, or the map has it at last, which is an incoming stream's place
 *   receivers and senders are those of the streams, in no order
 *   bye_count <= bye_max; no SSRC of `byes` is in the map */
#ifndef RTP_SESSION_STATE_H
#define RTP_SESSION_STATE_H

#include "rtp/report.h"
#include "rtp/session.h"
#include "rtp/ssrc_map.h"

#define NO_SSRC UINT64_MAX

/* What each packet that leaves needs stands first. */
struct rtp_session {
	sluice_env *env;
	unsigned in_max, in_top, out_max, out_top;
	struct rtp_in **in;
	struct rtp_out **out;
	struct rtp_receiver **receivers; /* of those two, for reports; RTX streams among them */
	struct rtp_sender **senders;
	unsigned receiver_count, sender_count;
	unsigned next_in, next_out; /* whose turn it is to write feedback, or repairs */
	unsigned bye_count, bye_max;
	bool compound, has_twcc;
	bool has_spoken;         /* RTCP has left since the session has its SSRC */
	bool has_events;         /* false: rtp_session_poll() need not look */
	bool has_repairs;        /* false: rtp_session_has_repair() need not look */
	bool has_collision;      /* of the session's own SSRC: an event */
	uint64_t transport_next; /* transport-wide number of the next packet that leaves */
	const struct rtp_rate_ops *rate;
	void *rate_ctx;
	const struct rtp_stage_ops *stage;
	void *stage_ctx;
	struct ccfb_report ccfb;
	struct twcc twcc;

	struct ssrc_map map;
	uint64_t last_ssrc; /* of the incoming packet before, and its place: packets come in runs */
	int last;
	uint32_t *byes; /* SSRCs that ended and have not said so */
	/* When a conflict about an outgoing stream's SSRC is over, by its number; that of the session's own is the last. */
	uint64_t *conflict_ends;
	uint64_t round_trip; /* 0: not known */
	uint64_t ccfb_time;  /* of the last CCFB's timestamp, unwrapped */
	uint64_t malformed, unknown, collisions;
	struct rtp_extension_map extensions;
	struct rtx_types rtx_in, rtx_out; /* numbers may differ each way (RFC 3264, 5.1) */
	struct report report;
};

/* 0 is not known; see RTP_ROUND_TRIP_UNKNOWN. */
static inline uint64_t round_trip_of(const struct rtp_session *s) {
	return s->round_trip ? s->round_trip : RTP_ROUND_TRIP_UNKNOWN;
}

/* ---- places ---- */

static inline int place_of_in_rtx(const struct rtp_session *s, unsigned i) {
	return (int)(s->in_max + i);
}
static inline int place_of_out(const struct rtp_session *s, unsigned i) {
	return (int)(2 * s->in_max + i);
}
static inline int place_of_out_rtx(const struct rtp_session *s, unsigned i) {
	return (int)(2 * s->in_max + s->out_max + i);
}
static inline int place_of_own(const struct rtp_session *s) {
	return (int)(2 * (s->in_max + s->out_max));
}

/* The place is an incoming stream's, or its RTX stream's. */
static inline bool is_in_place(const struct rtp_session *s, int place) {
	return place >= 0 && (unsigned)place < 2 * s->in_max;
}

/* The number of the outgoing stream at this place, RTX or not; out_max for the session's own SSRC. */
static inline unsigned out_of_place(const struct rtp_session *s, int place) {
	unsigned i = (unsigned)place - 2 * s->in_max;
	return i < s->out_max ? i : i < 2 * s->out_max ? i - s->out_max : s->out_max;
}

/* The stream with this SSRC, and not one with this RTX SSRC; NULL: there is none. */
static inline struct rtp_in *in_of_ssrc(const struct rtp_session *s, uint32_t ssrc) {
	int place = ssrc_map_find(&s->map, ssrc);
	return place >= 0 && (unsigned)place < s->in_max ? s->in[place] : NULL;
}
static inline struct rtp_out *out_of_ssrc(const struct rtp_session *s, uint32_t ssrc) {
	int place = ssrc_map_find(&s->map, ssrc);
	return place >= place_of_out(s, 0) && place < place_of_out_rtx(s, 0) ? s->out[out_of_place(s, place)] : NULL;
}

/* ---- session_streams.c ---- */

/* Somebody else uses the SSRC at this place, which is one of ours: the owner is told once, and not again while that lasts. */
void session_collision(struct rtp_session *s, int place, uint64_t now);

#endif
