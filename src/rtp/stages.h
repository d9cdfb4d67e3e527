/* stages: one stream's stages in their order, inline. What happens to a packet of media on its way in and out?
 *
 * The stages of a stream are on or off by the bits of one word, which the session sets when the stream is made. The order is
 * fixed. A stage that is off costs one bit test, one that is on costs its own work: no call goes through a pointer, since the
 * compiler sees all of it. (Five stages by pointers cost 24 to 27 ns a packet, inline 9 to 12.) The app's own stage is the
 * exception; the session calls it, and only if there is one.
 *
 *   in:  TWCC, then the stream's numbers and jitter (RR), then NACK, then RFC 8888
 *   out: abs-send-time and TWCC number, then history, then the counts of the SR */
#ifndef RTP_STAGES_H
#define RTP_STAGES_H

#include "rtp/ccfb.h"
#include "rtp/ccfb_report.h"
#include "rtp/extensions.h"
#include "rtp/history.h"
#include "rtp/keyframe.h"
#include "rtp/nack_generator.h"
#include "rtp/nack_responder.h"
#include "rtp/receiver.h"
#include "rtp/rtx.h"
#include "rtp/sender.h"
#include "rtp/twcc.h"

enum {
	RTP_STAGE_NACK = 1,          /* in: ask for what is missing; out: keep a history and answer */
	RTP_STAGE_TWCC = 2,          /* out only: number each packet. Incoming packets count for the session */
	RTP_STAGE_ABS_SEND_TIME = 4, /* out only */
	RTP_STAGE_KEYFRAME = 8,      /* in: a stream that cannot be repaired asks for a keyframe */
	RTP_STAGE_FIR = 16,          /* in: by FIR instead of PLI */
	RTP_STAGE_CCFB = 32, /* RFC 8888. in: report what came; out: the peer does, so keep which number each packet had */
};

/* A stream that comes in. nack is NULL unless RTP_STAGE_NACK is set. */
struct rtp_in {
	uint32_t flags;
	uint32_t rtx_ssrc; /* 0: none */
	struct rtp_receiver receiver;
	struct rtp_receiver rtx_receiver;
	struct nack_generator *nack;
	struct ccfb_came came, rtx_came; /* closed unless RTP_STAGE_CCFB is set */
	struct keyframe_request keyframe;
	uint64_t duplicates;
	uint64_t repaired; /* packets that came by RTX */
	bool has_bye;
	uint8_t cname_len;
	char cname[UINT8_MAX]; /* as the peer wrote it */
};

/* A stream that goes out. What each packet needs stands first. */
struct rtp_out {
	uint32_t flags, wanted_flags;              /* what is on; what was asked for: an element without an id turns it off */
	uint8_t transport_cc_at, abs_send_time_at; /* places in the packet */
	bool wants_keyframe, has_collision;        /* events for the app */
	struct rtp_sender sender;
	struct rtp_history history; /* closed unless RTP_STAGE_NACK is set */
	struct rtp_extension_block block;
	struct ccfb_sent ccfb, rtx_ccfb; /* closed unless RTP_STAGE_CCFB is set */
	struct nack_responder responder;
	struct rtx_sender rtx;
	struct keyframe_answer keyframe;
	uint64_t first, rtx_first;        /* numbers of the first packets */
	uint64_t layout_from;             /* packets before this number were written with another block */
	struct rtp_extension_item *items; /* what the block is made of, with the values behind them */
	size_t item_count;
};

enum rtp_fate {
	RTP_FATE_NEW,
	RTP_FATE_DUPLICATE, /* it came before, or NACK has given it up */
	RTP_FATE_REFUSED,   /* it is not the stream's: probation, or a jump */
};

/* A packet of the stream's own SSRC. */
static inline enum rtp_fate stages_in(struct rtp_in *in, uint16_t sequence, uint32_t timestamp, uint64_t now, uint64_t *number) {
	if (!rtp_receiver_take(&in->receiver, sequence, timestamp, now, number))
		return RTP_FATE_REFUSED;
	if (!(in->flags & RTP_STAGE_NACK))
		return RTP_FATE_NEW;
	if (!nack_generator_take(in->nack, *number, false, now))
		return RTP_FATE_DUPLICATE;
	return RTP_FATE_NEW;
}

/* A packet that RTX brought. It repairs a hole that is known; anything else came before, or is not of this stream. */
static inline enum rtp_fate stages_in_repair(struct rtp_in *in, uint16_t sequence, uint64_t now, uint64_t *number) {
	if (!in->receiver.started || !(in->flags & RTP_STAGE_NACK))
		return RTP_FATE_REFUSED;
	*number = serial_unwrap16(sequence, in->receiver.highest);
	if (*number > in->receiver.highest || !nack_generator_take(in->nack, *number, true, now))
		return RTP_FATE_DUPLICATE;
	in->repaired++;
	return RTP_FATE_NEW;
}

/* What makes a video unusable is not asked for packet by packet. */
static inline void stages_broken(struct rtp_in *in) {
	in->nack->is_broken = false;
	if (in->flags & RTP_STAGE_KEYFRAME)
		keyframe_want(&in->keyframe);
}

/* A packet as it is about to leave. packet begins with a header of header_len bytes that was written with the stream's block. */
struct rtp_leaving {
	uint8_t *packet;
	size_t header_len, prefix_len;
	struct rtp_owner owner;
	size_t offset, len;
	uint32_t timestamp;
	uint64_t captured;
	uint64_t number;
};

/* Elements that are written when the packet leaves. */
static inline void stages_stamp(const struct rtp_out *out, uint8_t *packet, uint64_t transport_number, uint64_t now) {
	if (out->flags & RTP_STAGE_ABS_SEND_TIME)
		rtp_put_abs_send_time(packet + out->abs_send_time_at, now);
	if (out->flags & RTP_STAGE_TWCC)
		rtp_put_transport_cc(packet + out->transport_cc_at, (uint16_t)transport_number);
}

static inline void stages_out(struct rtp_out *out, const struct rtp_leaving *l, uint64_t transport_number, uint64_t now) {
	stages_stamp(out, l->packet, transport_number, now);
	if (out->flags & RTP_STAGE_NACK)
		rtp_history_put(&out->history, l->number, l->packet, l->header_len, l->prefix_len, l->owner, l->offset, l->len,
		                now);
	rtp_sender_sent(&out->sender, l->prefix_len + l->len, l->timestamp, l->captured, now);
}

#endif
