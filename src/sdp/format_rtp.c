/* format_rtp: how are the lines of our audio and video sections written?
 *
 * All of them come from structs. The order is that of the examples of RFC 9429, 7; a=ssrc and a=ssrc-group, which those do not
 * have, stand behind a=msid. */
#include "sdp/writer.h"

/* A codec that we do not know has no name here. */
static bool is_known(const struct sdp_codec *c) {
	return c->name != SDP_CODEC_OTHER;
}

void sdp_put_types(struct sdp_writer *w, const struct sdp_rtp *rtp) {
	size_t count = 0;
	for (size_t i = 0; i < rtp->codec_count; i++) {
		if (!is_known(&rtp->codecs[i]))
			continue;
		sdp_put(w, " %u", rtp->codecs[i].type);
		count++;
	}
	/* There has to be a format, also where a port of 0 takes its meaning away. */
	if (count == 0)
		sdp_put(w, " 0");
}

/* ---- codecs ---- */

static void put_map(struct sdp_writer *w, const struct sdp_codec *c) {
	sdp_put(w, "a=rtpmap:%u %s/%u", c->type, sdp_codec_text(c->name), c->clock);
	if (c->channels > 1)
		sdp_put(w, "/%u", c->channels);
	sdp_put(w, "\r\n");
}

static void put_fmtp(struct sdp_writer *w, const struct sdp_codec *c) {
	if (c->fmtp.s)
		sdp_put(w, "a=fmtp:%u %.*s\r\n", c->type, SDP_SLICE(c->fmtp));
	else if (c->has_apt && c->name == SDP_CODEC_RTX)
		sdp_put(w, "a=fmtp:%u apt=%u\r\n", c->type, c->apt);
	else if (c->has_apt && c->name == SDP_CODEC_RED)
		sdp_put(w, "a=fmtp:%u %u/%u\r\n", c->type, c->apt, c->apt);
}

/* RFC 8888, 6: "The payload type used with "ccfb" feedback MUST be the wildcard type". */
#define FEEDBACK_OF_ALL SDP_FB_CCFB

static void put_feedback(struct sdp_writer *w, const struct sdp_codec *c) {
	for (unsigned bit = 1; bit < 1u << SDP_FEEDBACKS; bit <<= 1) {
		if (c->feedback & bit & ~(unsigned)FEEDBACK_OF_ALL)
			sdp_put(w, "a=rtcp-fb:%u %s\r\n", c->type, sdp_feedback_text((enum sdp_feedback)bit));
	}
}

static void put_feedback_of_all(struct sdp_writer *w, const struct sdp_rtp *rtp) {
	unsigned bits = 0;
	for (size_t i = 0; i < rtp->codec_count; i++)
		bits |= is_known(&rtp->codecs[i]) ? rtp->codecs[i].feedback : 0;
	if (bits & FEEDBACK_OF_ALL)
		sdp_put(w, "a=rtcp-fb:* %s\r\n", sdp_feedback_text(FEEDBACK_OF_ALL));
}

static void put_each(struct sdp_writer *w, const struct sdp_rtp *rtp,
                     void (*put)(struct sdp_writer *w, const struct sdp_codec *c)) {
	for (size_t i = 0; i < rtp->codec_count; i++) {
		if (is_known(&rtp->codecs[i]))
			put(w, &rtp->codecs[i]);
	}
}

/* ---- extensions ---- */

static const char *direction_text(enum sdp_direction direction) {
	static const char *const words[] = {[SDP_INACTIVE] = "inactive",
	                                    [SDP_SENDONLY] = "sendonly",
	                                    [SDP_RECVONLY] = "recvonly",
	                                    [SDP_SENDRECV] = "sendrecv"};
	return words[direction];
}

static void put_extensions(struct sdp_writer *w, const struct sdp_rtp *rtp) {
	for (size_t i = 0; i < rtp->extension_count; i++) {
		const struct sdp_extension *e = &rtp->extensions[i];
		bool both = e->direction == SDP_SENDRECV;
		sdp_put(w, "a=extmap:%u%s%s %.*s\r\n", e->id, both ? "" : "/", both ? "" : direction_text(e->direction),
		        SDP_SLICE(e->uri));
	}
}

/* ---- streams and sources ---- */

static void put_msids(struct sdp_writer *w, const struct sdp_rtp *rtp) {
	for (size_t i = 0; i < rtp->msid_count; i++) {
		const struct sdp_msid *m = &rtp->msids[i];
		struct sdp_slice stream = m->stream.s ? m->stream : sdp_slice_of("-");
		sdp_put(w, "a=msid:%.*s%s%.*s\r\n", SDP_SLICE(stream), m->track.s ? " " : "", SDP_SLICE(m->track));
	}
}

static void put_ssrcs(struct sdp_writer *w, const struct sdp_rtp *rtp) {
	static const char *const semantics[] = {[SDP_FID] = "FID", [SDP_SIM] = "SIM", [SDP_FEC_FR] = "FEC-FR"};
	for (size_t i = 0; i < rtp->group_count; i++) {
		const struct sdp_ssrc_group *g = &rtp->groups[i];
		sdp_put(w, "a=ssrc-group:%s", semantics[g->semantics]);
		for (size_t k = 0; k < g->count; k++)
			sdp_put(w, " %u", g->ssrcs[k]);
		sdp_put(w, "\r\n");
	}
	for (size_t i = 0; i < rtp->ssrc_count; i++) {
		if (rtp->ssrcs[i].cname.s)
			sdp_put(w, "a=ssrc:%u cname:%.*s\r\n", rtp->ssrcs[i].ssrc, SDP_SLICE(rtp->ssrcs[i].cname));
	}
}

/* ---- simulcast ---- */

static void put_rids(struct sdp_writer *w, const struct sdp_rtp *rtp) {
	for (size_t i = 0; i < rtp->rid_count; i++) {
		const struct sdp_rid *r = &rtp->rids[i];
		sdp_put(w, "a=rid:%.*s %s%s%.*s\r\n", SDP_SLICE(r->id), r->send ? "send" : "recv", r->restrictions.s ? " " : "",
		        SDP_SLICE(r->restrictions));
	}
}

/* NULL: there is none. */
static const struct sdp_rid *rid_at(const struct sdp_rtp *rtp, bool send, unsigned layer, unsigned alternative) {
	for (size_t i = 0; i < rtp->rid_count; i++) {
		const struct sdp_rid *r = &rtp->rids[i];
		if (r->send == send && r->layer == layer && r->alternative == alternative)
			return r;
	}
	return NULL;
}

/* "send 1;2,~3". Returns whether there is a layer. */
static bool put_layers(struct sdp_writer *w, const struct sdp_rtp *rtp, bool send, const char *before) {
	const struct sdp_rid *r;
	unsigned layer = 1;
	for (; rid_at(rtp, send, layer, 0); layer++) {
		sdp_put(w, "%s%s", layer > 1 ? ";" : before, layer > 1 ? "" : send ? "send " : "recv ");
		for (unsigned i = 0; (r = rid_at(rtp, send, layer, i)) != NULL; i++)
			sdp_put(w, "%s%s%.*s", i ? "," : "", r->paused ? "~" : "", SDP_SLICE(r->id));
	}
	return layer > 1;
}

static void put_simulcast(struct sdp_writer *w, const struct sdp_rtp *rtp) {
	bool sends = put_layers(w, rtp, true, "a=simulcast:");
	bool receives = put_layers(w, rtp, false, sends ? " " : "a=simulcast:");
	if (sends || receives)
		sdp_put(w, "\r\n");
}

/* ---- all of it ---- */

static void put_bandwidth(struct sdp_writer *w, const struct sdp_rtp *rtp) {
	if (rtp->bandwidth_as)
		sdp_put(w, "b=AS:%u\r\n", rtp->bandwidth_as);
	if (rtp->bandwidth_tias)
		sdp_put(w, "b=TIAS:%u\r\n", rtp->bandwidth_tias);
}

void sdp_put_rtp(struct sdp_writer *w, const struct sdp_rtp *rtp, struct sdp_slice mid) {
	put_bandwidth(w, rtp);
	if (mid.s)
		sdp_put(w, "a=mid:%.*s\r\n", SDP_SLICE(mid));
	sdp_put(w, "a=%s\r\n", direction_text(rtp->direction));
	put_each(w, rtp, put_map);
	put_each(w, rtp, put_fmtp);
	if (rtp->ptime)
		sdp_put(w, "a=ptime:%u\r\n", rtp->ptime);
	if (rtp->maxptime)
		sdp_put(w, "a=maxptime:%u\r\n", rtp->maxptime);
	if (rtp->extmap_allow_mixed)
		sdp_put(w, "a=extmap-allow-mixed\r\n");
	put_extensions(w, rtp);
	put_each(w, rtp, put_feedback);
	put_feedback_of_all(w, rtp);
	put_msids(w, rtp);
	put_ssrcs(w, rtp);
	put_rids(w, rtp);
	put_simulcast(w, rtp);
}

void sdp_put_rtcp(struct sdp_writer *w, const struct sdp_rtp *rtp) {
	if (rtp->rtcp_mux)
		sdp_put(w, "a=rtcp-mux\r\n");
	if (rtp->rtcp_mux_only)
		sdp_put(w, "a=rtcp-mux-only\r\n");
	if (rtp->rtcp_rsize)
		sdp_put(w, "a=rtcp-rsize\r\n");
}
