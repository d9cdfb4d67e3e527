/* rtp: what does an audio or video section say besides its transport? Here: looking things up in it. */
#include "sdp/rtp.h"

const struct sdp_codec *sdp_rtp_codec(const struct sdp_rtp *rtp, uint8_t type) {
	for (size_t i = 0; i < rtp->codec_count; i++) {
		if (rtp->codecs[i].type == type)
			return &rtp->codecs[i];
	}
	return NULL;
}

const struct sdp_codec *sdp_rtp_rtx(const struct sdp_rtp *rtp, uint8_t type) {
	for (size_t i = 0; i < rtp->codec_count; i++) {
		const struct sdp_codec *c = &rtp->codecs[i];
		if (c->name == SDP_CODEC_RTX && c->has_apt && c->apt == type)
			return c;
	}
	return NULL;
}

const struct sdp_extension *sdp_rtp_extension(const struct sdp_rtp *rtp, const char *uri) {
	for (size_t i = 0; i < rtp->extension_count; i++) {
		if (sdp_slice_is(rtp->extensions[i].uri, uri))
			return &rtp->extensions[i];
	}
	return NULL;
}

bool sdp_rtp_repair_ssrc(const struct sdp_rtp *rtp, uint32_t ssrc, uint32_t *repair) {
	for (size_t i = 0; i < rtp->group_count; i++) {
		const struct sdp_ssrc_group *g = &rtp->groups[i];
		if (g->semantics == SDP_FID && g->count == 2 && g->ssrcs[0] == ssrc) {
			*repair = g->ssrcs[1];
			return true;
		}
	}
	return false;
}

bool sdp_rid_allows(const struct sdp_rid *rid, uint8_t type) {
	struct sdp_slice list, one;
	uint64_t n;
	if (!sdp_fmtp_get(rid->restrictions, "pt", &list))
		return true;
	while (sdp_word(&list, ",", &one)) {
		if (sdp_number(one, 127, &n) && n == type)
			return true;
	}
	return false;
}
