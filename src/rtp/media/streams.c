/* streams: a layer's stream in the session. With which stages and elements is it opened? */
#include "rtp/media/media.h"

#include "rtp/media/header.h"
#include "rtp/media/unit.h"

static bool any_codec_has(const struct sluice_track *t, bool (*has)(const sluice_codec_config *)) {
	for (unsigned i = 0; i < t->codec_count; i++)
		if (has(&t->codecs[i]))
			return true;
	return false;
}

static bool has_nack(const sluice_codec_config *c) {
	return c->nack;
}
static bool has_pli(const sluice_codec_config *c) {
	return c->pli;
}
static bool has_transport_cc(const sluice_codec_config *c) {
	return c->transport_cc;
}
static bool has_ccfb(const sluice_codec_config *c) {
	return c->ccfb;
}
static bool has_fir(const sluice_codec_config *c) {
	return c->fir;
}

/* Where both sides take both, one of them is enough. */
static uint32_t ccfb_flag(const struct sluice_track *t) {
	return any_codec_has(t, has_ccfb) && !any_codec_has(t, has_transport_cc) ? RTP_STAGE_CCFB : 0;
}

/* RFC 7714, 8.1 has an IV of SSRC and number: the same number twice is fatal for the key. A repair within the stream itself is
 * the same packet, but SRTP's AEAD contexts refuse it all the same, so there is no history to answer from. */
static bool can_repair(const struct sluice_media *m, bool has_rtx) {
	return has_rtx || !m->seal.aead;
}

int streams_open_in(struct sluice_media *m, struct in_layer *l) {
	struct sluice_track *t = l->track;
	if (!m->session || !l->ssrc || l->stream >= 0 || !t->codec_count)
		return 0;
	uint32_t flags = (any_codec_has(t, has_nack) ? RTP_STAGE_NACK : 0) | ccfb_flag(t);
	bool pli = any_codec_has(t, has_pli), fir = any_codec_has(t, has_fir);
	if (t->kind == SLUICE_VIDEO && (pli || fir))
		flags |= RTP_STAGE_KEYFRAME | (pli ? 0 : RTP_STAGE_FIR);
	const sluice_codec_config *c = &t->codecs[t->codec == TRACK_NO_CODEC ? 0 : t->codec];
	const struct rtp_in_config config = {
		.ssrc = l->ssrc,
		.rtx_ssrc = l->rtx_ssrc,
		.clock_rate = sluice_codec_clock_rate(c->codec),
		.flags = flags,
	};
	int stream = rtp_session_add_in(m->session, &config);
	if (stream < 0)
		return stream;
	l->stream = stream;
	l->repairs = flags & RTP_STAGE_NACK;
	l->came = l->highest = 0;
	l->red = (struct red_taker){0};
	l->is_on_line = false;
	l->sr_count = 0;
	m->in[stream] = l;
	return 0;
}

/* The number that a stream begins with: far from a wrap, which a receiver that lost the first packets could not know of. An SSRC
 * that this key has sealed with before goes on behind its numbers: each of them would be the same key stream again. */
static uint16_t first_number(struct sluice_media *m, uint32_t ssrc) {
	uint16_t number;
	if (m->profile != SLUICE_SRTP_NONE && ssrc && srtp_next_sequence(&m->seal, ssrc, &number))
		return number;
	env_entropy(m->env, &number, sizeof number);
	return number & 0x7FFF;
}

int streams_open_out(struct sluice_media *m, struct out_layer *l) {
	struct sluice_track *t = l->track;
	struct rtp_extension_item items[HEADER_ITEMS];
	if (!m->session || l->stream >= 0 || !t->codec_count)
		return 0;
	const struct rtp_out_config config = {
		.ssrc = l->ssrc,
		.rtx_ssrc = l->rtx_ssrc,
		.clock_rate = sluice_codec_clock_rate(t->codecs[0].codec),
		.flags = RTP_STAGE_TWCC | RTP_STAGE_ABS_SEND_TIME | ccfb_flag(t) |
	                 (any_codec_has(t, has_nack) && can_repair(m, l->rtx_ssrc) ? RTP_STAGE_NACK : 0),
		.first = first_number(m, l->ssrc),
		.rtx_first = first_number(m, l->rtx_ssrc),
		.items = items,
		.item_count = header_items(l, items),
		.history = t->kind == SLUICE_AUDIO ? 128 : 0,
		.header_max = 240,
	};
	int stream = rtp_session_add_out(m->session, &config);
	if (stream < 0)
		return stream;
	l->stream = stream;
	m->out[stream] = l;
	if ((unsigned)stream >= m->out_top)
		m->out_top = (unsigned)stream + 1;
	header_open(l);
	m->share_again = true;
	return 0;
}

void streams_close_in(struct sluice_media *m, struct in_layer *l) {
	if (l->stream >= 0) {
		m->in[l->stream] = NULL;
		rtp_session_remove_in(m->session, l->stream);
	}
	l->stream = -1;
}

void streams_close_out(struct sluice_media *m, struct out_layer *l) {
	unit_forget_all(l);
	if (l->stream >= 0) {
		m->out[l->stream] = NULL;
		rtp_session_remove_out(m->session, l->stream);
	}
	while (m->out_top && !m->out[m->out_top - 1])
		m->out_top--;
	l->stream = -1;
	m->share_again = true;
}

static bool has(const struct sluice_track *t, uint32_t ssrc) {
	for (unsigned k = 0; k < t->layer_count; k++) {
		uint32_t a = t->is_sender ? t->out[k].ssrc : t->in[k].ssrc;
		uint32_t b = t->is_sender ? t->out[k].rtx_ssrc : t->in[k].rtx_ssrc;
		if (ssrc == a || ssrc == b)
			return true;
	}
	return false;
}

bool streams_has_ssrc(const struct sluice_media *m, uint32_t ssrc) {
	for (size_t i = 0; i < m->track_count; i++)
		if (!m->tracks[i]->ended && has(m->tracks[i], ssrc))
			return true;
	return false;
}

uint32_t streams_new_ssrc(struct sluice_media *m) {
	uint32_t ssrc;
	do
		ssrc = env_random32(m->env);
	while (ssrc == 0 || streams_has_ssrc(m, ssrc));
	return ssrc;
}

/* ---- changes ---- */

int streams_set_extensions(struct sluice_media *m) {
	if (rtp_session_set_extensions(m->session, &m->extensions))
		return SLUICE_INVALID;
	for (unsigned i = 0; i < MEDIA_STREAMS; i++)
		if (m->out[i])
			header_open(m->out[i]);
	return 0;
}

int streams_set_elements(struct sluice_media *m, struct out_layer *l) {
	struct rtp_extension_item items[HEADER_ITEMS];
	if (l->stream < 0)
		return 0;
	int error = rtp_session_set_items(m->session, l->stream, items, header_items(l, items));
	if (!error)
		header_open(l);
	return error;
}

/* RFC 3550, 8.2: it must "choose another random one". The stream begins anew, so it names its section again. */
void streams_change_ssrcs(struct sluice_media *m, int stream) {
	struct out_layer *l = stream >= 0 ? m->out[stream] : NULL;
	struct rtp_out_ssrcs ssrcs = {
		.ssrc = streams_new_ssrc(m),
		.rtx_ssrc = l && l->rtx_ssrc ? streams_new_ssrc(m) : 0,
	};
	ssrcs.first = first_number(m, ssrcs.ssrc);
	ssrcs.rtx_first = first_number(m, ssrcs.rtx_ssrc);
	if (rtp_session_change_ssrcs(m->session, stream, &ssrcs) || !l)
		return;
	l->ssrc = ssrcs.ssrc;
	l->rtx_ssrc = ssrcs.rtx_ssrc;
	unit_forget_all(l);
	forward_replace(&l->forward);
	header_open(l);
}
