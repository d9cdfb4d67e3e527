/* codec: what does a payload type of a section stand for, and are two of them the same codec? */
#include "sdp/codec.h"

#include "sdp/h264.h"

static const char *const names[SDP_CODEC_NAMES] = {
	[SDP_CODEC_OTHER] = "",
	[SDP_CODEC_OPUS] = "opus",
	[SDP_CODEC_PCMU] = "PCMU",
	[SDP_CODEC_PCMA] = "PCMA",
	[SDP_CODEC_G722] = "G722",
	[SDP_CODEC_CN] = "CN",
	[SDP_CODEC_TELEPHONE_EVENT] = "telephone-event",
	[SDP_CODEC_VP8] = "VP8",
	[SDP_CODEC_VP9] = "VP9",
	[SDP_CODEC_H264] = "H264",
	[SDP_CODEC_AV1] = "AV1",
	[SDP_CODEC_RTX] = "rtx",
	[SDP_CODEC_RED] = "red",
	[SDP_CODEC_ULPFEC] = "ulpfec",
	[SDP_CODEC_FLEXFEC] = "flexfec-03", /* "flexfec" of RFC 8627 is another format */
};

const char *sdp_codec_text(enum sdp_codec_name name) {
	return names[name];
}

enum sdp_codec_name sdp_codec_of(struct sdp_slice text) {
	for (size_t i = 1; i < SDP_CODEC_NAMES; i++) {
		if (sdp_slice_is_like(text, names[i]))
			return (enum sdp_codec_name)i;
	}
	return SDP_CODEC_OTHER;
}

/* In the order of the bits. */
static const char *const feedbacks[SDP_FEEDBACKS] = {"nack", "nack pli", "ccm fir", "goog-remb", "transport-cc", "ack ccfb"};

const char *sdp_feedback_text(enum sdp_feedback bit) {
	size_t i = 0;
	while (i < SDP_FEEDBACKS - 1 && bit != (enum sdp_feedback)(1 << i))
		i++;
	return feedbacks[i];
}

unsigned sdp_feedback_of(struct sdp_slice text) {
	for (unsigned i = 0; i < SDP_FEEDBACKS; i++) {
		if (sdp_slice_is_like(text, feedbacks[i]))
			return 1u << i;
	}
	return 0;
}

/* ---- parameters ---- */

/* Do both have the same number for this parameter, which is 0 when it is absent? What is no number equals nothing. */
static bool same_number(const struct sdp_codec *a, const struct sdp_codec *b, const char *name) {
	struct sdp_slice value;
	uint64_t n = 0, m = 0;
	if (sdp_fmtp_get(a->fmtp, name, &value) && !sdp_number(value, UINT32_MAX, &n))
		return false;
	if (sdp_fmtp_get(b->fmtp, name, &value) && !sdp_number(value, UINT32_MAX, &m))
		return false;
	return n == m;
}

static bool same_h264(const struct sdp_codec *a, const struct sdp_codec *b) {
	struct sdp_h264 x, y;
	return sdp_h264_read(a->fmtp, &x) && sdp_h264_read(b->fmtp, &y) && x.profile == y.profile &&
	       x.packetization == y.packetization;
}

bool sdp_codecs_match(const struct sdp_codec *a, const struct sdp_codec *b) {
	if (a->name == SDP_CODEC_OTHER || a->name != b->name || a->clock != b->clock || a->channels != b->channels)
		return false;
	switch (a->name) {
	case SDP_CODEC_H264:
		return same_h264(a, b);
	case SDP_CODEC_VP9:
		return same_number(a, b, "profile-id");
	case SDP_CODEC_AV1:
		return same_number(a, b, "profile");
	default:
		return true;
	}
}
