#include "peer/media_lines.h"

#include "peer/connection.h"

static bool has_rtx(const struct codecs_list *l) {
	for (size_t i = 0; i < l->count; i++)
		if (l->of[i].sdp.name == SDP_CODEC_RTX)
			return true;
	return false;
}

static void put_codecs(const struct codecs_list *l, struct media_lines *lines, struct sdp_rtp *out) {
	for (size_t i = 0; i < l->count; i++) {
		lines->codecs[i] = l->of[i].sdp;
		if (*l->of[i].fmtp)
			lines->codecs[i].fmtp = sdp_slice_of(l->of[i].fmtp);
	}
	out->codecs = lines->codecs;
	out->codec_count = l->count;
}

/* RFC 9429, 5.2.1: a line for each stream; without a stream, "-". */
static void put_msids(const sluice_transceiver *t, const struct plan_section *s, struct media_lines *lines, struct sdp_rtp *out) {
	for (size_t i = 0; i < s->media->stream_count; i++)
		lines->msids[i] = (struct sdp_msid){sdp_slice_of(s->media->streams[i]), sdp_slice_of(t->track_id)};
	if (s->media->stream_count == 0)
		lines->msids[0] = (struct sdp_msid){.track = sdp_slice_of(t->track_id)};
	out->msids = lines->msids;
	out->msid_count = s->media->stream_count ? s->media->stream_count : 1;
}

/* Stacks that do not look for the mid in packets find the stream by its SSRC. Layers are found by their rids alone. */
static void put_ssrcs(const sluice_transceiver *t, const struct plan_section *s, struct media_lines *lines, struct sdp_rtp *out) {
	struct sdp_slice cname = sdp_slice_of(t->peer->cname);
	bool rtx = s->media->rtx_ssrc && has_rtx(&s->media->codecs);
	lines->ssrcs[0] = (struct sdp_ssrc){cname, s->media->ssrc};
	lines->ssrcs[1] = (struct sdp_ssrc){cname, s->media->rtx_ssrc};
	out->ssrcs = lines->ssrcs;
	out->ssrc_count = rtx ? 2 : 1;
	if (!rtx)
		return;
	lines->group = (struct sdp_ssrc_group){SDP_FID, 2, {s->media->ssrc, s->media->rtx_ssrc}};
	out->groups = &lines->group;
	out->group_count = 1;
}

static void put_rid(struct media_lines *lines, struct sdp_rtp *out, const char *rid, bool send, bool paused, unsigned layer) {
	lines->rids[out->rid_count++] = (struct sdp_rid){
		.id = sdp_slice_of(rid), .send = send, .paused = paused, .layer = (uint8_t)layer};
}

static void put_layers(const sluice_transceiver *t, const struct plan_section *s, struct media_lines *lines,
                       struct sdp_rtp *out) {
	unsigned layer = 0;
	out->rids = lines->rids;
	for (unsigned k = 0; k < t->encoding_count; k++)
		if (s->media->layers >> k & 1)
			put_rid(lines, out, t->encodings[k].rid, true, t->encodings[k].paused, ++layer);
	for (unsigned k = 0; k < s->media->rid_count; k++)
		put_rid(lines, out, s->media->rids[k], false, false, k + 1);
}

/* What names our track stays once we have sent, also while we do not. Chromium ends the stream of an SSRC that an offer leaves
 * out, and makes another one when it comes back; its track, which still has that SSRC, is then not joined with the new stream,
 * and shows nothing for good. */
static bool names_track(const sluice_transceiver *t, const struct plan_section *s) {
	return s->direction & SDP_SENDONLY || t->has_sent;
}

bool media_lines_put(const sluice_peer *p, const struct plan_section *s, struct media_lines *lines, struct sdp_rtp *out) {
	const sluice_transceiver *t = transceiver_by_number(p, s->transceiver);
	if (!t)
		return false;
	*out = (struct sdp_rtp){
		.extensions = s->media->extensions,
		.extension_count = s->media->extension_count,
		.direction = s->direction,
		.rtcp_mux = true,
		.rtcp_rsize = s->rsize,
		.extmap_allow_mixed = s->mixed,
	};
	put_codecs(&s->media->codecs, lines, out);
	if (names_track(t, s)) {
		put_msids(t, s, lines, out);
		if (!s->media->layers)
			put_ssrcs(t, s, lines, out);
	}
	put_layers(t, s, lines, out);
	return true;
}
