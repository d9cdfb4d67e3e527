#include "rtp/media/negotiate.h"

#include <string.h>

#include "rtp/media/header.h"
#include "rtp/media/media.h"

int negotiate_add(sluice_media *m, const sluice_track_config *config, bool is_sender, sluice_transceiver *transceiver,
                  sluice_track **out) {
	int error = track_add(m, config, is_sender, out);
	if (error)
		return error;
	(*out)->transceiver = transceiver;
	(*out)->paused = (*out)->muted = (*out)->told_muted = true;
	return 0;
}

void negotiate_take_back(sluice_media *m, sluice_track *t) {
	track_end(t);
	m->track_count--; /* it was the last one */
	track_free(t);
}

void negotiate_rsize(sluice_media *m, bool takes) {
	m->config.compound = !takes;
	if (m->session)
		rtp_session_set_compound(m->session, !takes);
}

int negotiate_extensions(sluice_media *m, const struct rtp_extension_map *map) {
	const struct rtp_extension_map before = m->extensions;
	if (memcmp(&before, map, sizeof before) == 0)
		return 0;
	m->extensions = *map;
	int error = m->session ? streams_set_extensions(m) : 0;
	if (error)
		m->extensions = before;
	return error;
}

int negotiate_elements(sluice_track *t, uint16_t kinds) {
	int error = 0;
	if (t->elements == kinds)
		return 0;
	t->elements = kinds;
	for (unsigned k = 0; k < t->layer_count && !error; k++)
		error = streams_set_elements(t->media, &t->out[k]);
	return error;
}

void negotiate_mid(sluice_track *t, const char *mid) {
	bool fits = strlen(mid) <= TRACK_MID_MAX;
	if (strcmp(t->mid, mid) == 0)
		return;
	memset(t->mid, 0, sizeof t->mid);
	if (fits)
		memcpy(t->mid, mid, strlen(mid));
	for (unsigned k = 0; t->is_sender && k < t->layer_count; k++)
		if (t->out[k].stream >= 0)
			header_open(&t->out[k]);
}

static bool has_rtx(const sluice_codec_config *codecs, size_t count) {
	for (size_t i = 0; i < count; i++)
		if (codecs[i].rtx_payload_type)
			return true;
	return false;
}

/* RTX that was not agreed on has no SSRC. The numbers are fixed once the stream is open. A sender's stream has a history of some
 * hundred KiB: one that never sends has none, or an offer of many sections would cost the memory of as many. */
static int open_streams(sluice_track *t, bool rtx, bool sends) {
	int error = 0;
	for (unsigned k = 0; k < t->layer_count && !error; k++) {
		if (!t->is_sender) {
			error = streams_open_in(t->media, &t->in[k]);
			continue;
		}
		if (!sends)
			continue;
		if (t->out[k].stream < 0 && !rtx)
			t->out[k].rtx_ssrc = 0;
		error = streams_open_out(t->media, &t->out[k]);
	}
	return error;
}

int negotiate_codecs(sluice_track *t, const sluice_codec_config *codecs, size_t count, bool sends) {
	int error = track_set_codecs(t, codecs, count);
	if (error)
		return error;
	return open_streams(t, has_rtx(codecs, count), sends);
}

void negotiate_ssrcs(sluice_track *t, uint32_t ssrc, uint32_t rtx_ssrc) {
	struct in_layer *l = &t->in[0];
	if (!ssrc || (l->ssrc == ssrc && l->rtx_ssrc == rtx_ssrc) || t->layer_count > 1)
		return;
	if ((l->ssrc != ssrc && streams_has_ssrc(t->media, ssrc)) || ssrc == rtx_ssrc)
		return;
	streams_close_in(t->media, l);
	if (l->player && l->ssrc && l->ssrc != ssrc)
		player_restart(l->player);
	l->ssrc = ssrc;
	l->rtx_ssrc = 0;
	if (rtx_ssrc && !streams_has_ssrc(t->media, rtx_ssrc))
		l->rtx_ssrc = rtx_ssrc;
	l->bound_at = l->rtx_bound_at = 0;
}

void negotiate_own_ssrcs(const sluice_track *t, uint32_t *ssrc, uint32_t *rtx_ssrc) {
	*ssrc = t->out[0].ssrc;
	*rtx_ssrc = t->out[0].rtx_ssrc;
}

void negotiate_layers(sluice_track *t, unsigned layers) {
	for (unsigned k = 0; k < t->layer_count; k++) {
		t->out[k].is_refused = layers ? !(layers >> k & 1) : k > 0;
		t->out[k].is_plain = !layers;
		if (t->out[k].stream >= 0)
			header_open(&t->out[k]);
	}
	t->media->share_again = true;
}

void negotiate_pause(sluice_track *t, bool paused) {
	if (t->paused == paused)
		return;
	track_set_paused(t, paused);
	media_wake(t->media);
}
