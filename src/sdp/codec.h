/* codec: what does a payload type of a section stand for, and are two of them the same codec?
 *
 * It reads the parameters of a=fmtp that decide this (RFC 6184, 9628 and others) and names the codecs. Encoders, depacketizers
 * and what an application prefers are not its business. */
#ifndef SDP_CODEC_H
#define SDP_CODEC_H

#include "sdp/fmtp.h"

enum sdp_codec_name {
	SDP_CODEC_OTHER, /* a name that this library does not know; such a codec matches nothing */
	SDP_CODEC_OPUS,
	SDP_CODEC_PCMU,
	SDP_CODEC_PCMA,
	SDP_CODEC_G722,
	SDP_CODEC_CN,
	SDP_CODEC_TELEPHONE_EVENT,
	SDP_CODEC_VP8,
	SDP_CODEC_VP9,
	SDP_CODEC_H264,
	SDP_CODEC_AV1,
	SDP_CODEC_RTX,
	SDP_CODEC_RED,
	SDP_CODEC_ULPFEC,
	SDP_CODEC_FLEXFEC, /* flexfec-03 */
	SDP_CODEC_NAMES,
};

/* What a receiver is ready to send back (a=rtcp-fb). */
enum sdp_feedback {
	SDP_FB_NACK = 1,
	SDP_FB_NACK_PLI = 2,
	SDP_FB_CCM_FIR = 4,
	SDP_FB_REMB = 8,          /* goog-remb */
	SDP_FB_TRANSPORT_CC = 16, /* transport-cc */
	SDP_FB_CCFB = 32,         /* ack ccfb: RFC 8888 */
};

struct sdp_codec {
	struct sdp_slice fmtp; /* the parameters behind the payload type */
	uint32_t clock;        /* Hz */
	enum sdp_codec_name name;
	uint8_t type;     /* the payload type */
	uint8_t channels; /* 1 if the description says nothing; video has 1 */
	uint8_t feedback; /* enum sdp_feedback */
	/* Of rtx, the payload type that it repairs; of red, the one of its blocks. Read from fmtp; written as fmtp when that is
	 * absent. */
	uint8_t apt;
	bool has_apt;
};

/* The name as it is written: "opus", "VP8"; "" for SDP_CODEC_OTHER. */
const char *sdp_codec_text(enum sdp_codec_name name);
/* Finds a codec's name; the case of letters does not matter (RFC 4855, 3). */
enum sdp_codec_name sdp_codec_of(struct sdp_slice text);

/* The text of one bit of enum sdp_feedback: "nack pli". */
const char *sdp_feedback_text(enum sdp_feedback bit);
/* Returns the bit of what stands behind the payload type in a=rtcp-fb; 0 when we do not know it. */
unsigned sdp_feedback_of(struct sdp_slice text);
#define SDP_FEEDBACKS 6 /* bits 1 << 0 to 1 << 5 */

/* Do both payload types stand for the same codec, so that an answer may take one for the other? The payload types themselves and
 * the feedback do not matter. Equal have to be: the name, the clock, the channels, and
 *   H264  the profile (RFC 6184, 8.1: the sub-profile, whatever its level) and packetization-mode
 *   VP9   profile-id
 *   AV1   profile
 * Two rtx or red are the same whatever they repair: look at apt for that. */
bool sdp_codecs_match(const struct sdp_codec *a, const struct sdp_codec *b);

#endif
