#include "peer/tracks.h"

#include <string.h>

#include "peer/connection.h"
#include "rtp/media/negotiate.h"

/* ---- making and ending ------------------------------------------------------------------------------------------------ */

static int make_sender(sluice_transceiver *t, const sluice_transceiver_config *c) {
	sluice_track_config config = {
		.kind = t->kind,
		.encodings = t->encodings,
		.encoding_count = t->encoding_count,
		.callbacks = c->sender,
		.user = c->user,
	};
	memcpy(config.ssrcs, t->ssrcs, sizeof config.ssrcs);
	memcpy(config.rtx_ssrcs, t->rtx_ssrcs, sizeof config.rtx_ssrcs);
	return negotiate_add(t->peer->media, &config, true, t, &t->sender);
}

static int make_receiver(sluice_transceiver *t, const sluice_transceiver_config *c) {
	sluice_encoding layers[SLUICE_LAYERS_MAX] = {{.paused = false}};
	for (size_t i = 0; i < t->receive_count; i++)
		memcpy(layers[i].rid, t->receive_rids[i], sizeof layers[i].rid);
	const sluice_track_config config = {
		.kind = t->kind,
		.encodings = layers,
		.encoding_count = t->receive_count,
		.callbacks = c->receiver,
		.user = c->user,
	};
	return negotiate_add(t->peer->media, &config, false, t, &t->receiver);
}

int tracks_make(sluice_transceiver *t, const sluice_transceiver_config *c) {
	int error = make_sender(t, c);
	if (!error && (error = make_receiver(t, c)))
		negotiate_take_back(t->peer->media, t->sender);
	return error;
}

void tracks_end(sluice_transceiver *t) {
	if (t->sender)
		sluice_media_remove(t->peer->media, t->sender);
	if (t->receiver)
		sluice_media_remove(t->peer->media, t->receiver);
	t->sender = t->receiver = NULL;
}

/* ---- what was agreed --------------------------------------------------------------------------------------------------- */

/* By a=ssrc, where there is one layer; more of them are told apart by their rids (RFC 8852). */
static void read_ssrcs(const sluice_transceiver *t, const struct sdp_rtp *theirs, uint32_t *ssrc, uint32_t *rtx) {
	*ssrc = *rtx = 0;
	if (t->receive_count > 1 || theirs->ssrc_count == 0)
		return;
	*ssrc = theirs->ssrcs[0].ssrc;
	for (size_t i = 0; i < theirs->group_count; i++)
		if (theirs->groups[i].semantics == SDP_FID && theirs->groups[i].count == 2)
			*ssrc = theirs->groups[i].ssrcs[0];
	if (!sdp_rtp_repair_ssrc(theirs, *ssrc, rtx))
		*rtx = 0;
}

static int apply_receiver(sluice_transceiver *t, const struct tracks_terms *terms, const sluice_codec_config *codecs, size_t n) {
	uint32_t ssrc, rtx;
	read_ssrcs(t, terms->theirs, &ssrc, &rtx);
	negotiate_mid(t->receiver, terms->ours->mid);
	negotiate_ssrcs(t->receiver, ssrc, rtx);
	return negotiate_codecs(t->receiver, codecs, n, false);
}

/* RFC 8853, 5.3: an answer may take fewer layers than were offered; one without a=simulcast takes one, which has no rid. */
static unsigned layers_of(const sluice_transceiver *t, const struct tracks_terms *terms) {
	unsigned layers = 0;
	for (size_t k = 0; k < t->encoding_count; k++)
		for (size_t i = 0; i < terms->theirs->rid_count; i++) {
			const struct sdp_rid *r = &terms->theirs->rids[i];
			if (terms->ours->layers >> k & 1 && !r->send && r->layer > 0 && sdp_slice_is(r->id, t->encodings[k].rid))
				layers |= 1u << k;
		}
	return layers;
}

static int apply_sender(sluice_transceiver *t, const struct tracks_terms *terms, const sluice_codec_config *codecs, size_t n) {
	negotiate_mid(t->sender, terms->ours->mid);
	if (t->encoding_count > 1)
		negotiate_layers(t->sender, layers_of(t, terms));
	return negotiate_codecs(t->sender, codecs, n, terms->direction & SDP_SENDONLY);
}

/* One meaning for all sections; what breaks that was left out of the answer, or is the other side's fault. */
static void apply_extensions(sluice_transceiver *t, const struct tracks_terms *terms) {
	for (size_t i = 0; i < terms->ours->extension_count; i++) {
		const struct sdp_extension *ours = &terms->ours->extensions[i];
		char uri[128];
		if (ours->uri.len >= sizeof uri)
			continue;
		memcpy(uri, ours->uri.s, ours->uri.len);
		uri[ours->uri.len] = 0;
		const struct sdp_extension *theirs = sdp_rtp_extension(terms->theirs, uri);
		if (theirs)
			negotiate_extension(t->peer->media, uri, theirs->id);
	}
}

int tracks_apply(sluice_transceiver *t, const struct tracks_terms *terms) {
	sluice_codec_config codecs[SLUICE_TRACK_CODECS_MAX];
	size_t n = codecs_config(&terms->taken, codecs);
	apply_extensions(t, terms);
	if (terms->theirs->rtcp_rsize)
		negotiate_rsize(t->peer->media);
	int error = apply_receiver(t, terms, codecs, n);
	if (!error)
		error = apply_sender(t, terms, codecs, n);
	/* What a stranger's numbers make impossible leaves this track without a codec; it is no reason to end the others. */
	if (error == SLUICE_NO_MEMORY)
		return error;
	if (error)
		env_log(t->peer->env, SLUICE_LOG_INFO, "peer: section %s cannot be carried: %d", t->mid, error);
	return 0;
}

void tracks_follow(sluice_transceiver *t) {
	negotiate_pause(t->sender, !(t->current & SDP_SENDONLY));
	negotiate_pause(t->receiver, !t->receives);
	peer_wake(t->peer);
}
