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

/* NULL: only we have it. */
static const struct sdp_extension *theirs_of(const struct tracks_terms *terms, size_t i, enum rtp_extension *kind) {
	const struct sdp_slice uri = terms->ours->media->extensions[i].uri;
	*kind = rtp_extension_of_uri(uri.s, uri.len);
	return *kind == RTP_EXT_UNKNOWN ? NULL : sdp_rtp_extension(terms->theirs, rtp_extension_uri(*kind));
}

/* One meaning for all sections; what breaks that was left out of the answer, or is the other side's fault. */
void tracks_add_extensions(const struct tracks_terms *terms, struct rtp_extension_map *map) {
	for (size_t i = 0; i < terms->ours->media->extension_count; i++) {
		enum rtp_extension kind;
		const struct sdp_extension *theirs = theirs_of(terms, i, &kind);
		if (theirs)
			rtp_extension_map_add(map, kind, theirs->id);
	}
}

/* What we may send in this section: RFC 8285, 5 gives each extension a direction. */
static uint16_t elements_of(const struct tracks_terms *terms) {
	uint16_t kinds = 0;
	for (size_t i = 0; i < terms->ours->media->extension_count; i++) {
		enum rtp_extension kind;
		const struct sdp_extension *theirs = theirs_of(terms, i, &kind);
		if (theirs && terms->ours->media->extensions[i].direction & SDP_SENDONLY && theirs->direction & SDP_RECVONLY)
			kinds |= (uint16_t)(1u << kind);
	}
	return kinds;
}

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

/* What we receive has our numbers, and what we send has theirs. RFC 3264, 5.1: "the answer might indicate different payload type
 * numbers for the same codecs, in which case, the offerer MUST send with the payload type numbers from the answer." 6.1, of the
 * answerer: "it MUST use the payload type numbers from the offer, even if they differ from those in the answer." */
static int apply_receiver(sluice_transceiver *t, const struct tracks_terms *terms) {
	sluice_codec_config codecs[SLUICE_TRACK_CODECS_MAX];
	struct codecs_list ours;
	uint32_t ssrc, rtx;
	codecs_as_offered(&terms->ours->media->codecs, &terms->taken, &ours);
	read_ssrcs(t, terms->theirs, &ssrc, &rtx);
	negotiate_mid(t->receiver, terms->ours->mid);
	negotiate_ssrcs(t->receiver, ssrc, rtx);
	return negotiate_codecs(t->receiver, codecs, codecs_config(&ours, codecs), false);
}

/* RFC 8853, 5.3: an answer may take fewer layers than were offered; one without a=simulcast takes one, which has no rid. */
static unsigned layers_of(const sluice_transceiver *t, const struct tracks_terms *terms) {
	unsigned layers = 0;
	for (size_t k = 0; k < t->encoding_count; k++)
		for (size_t i = 0; i < terms->theirs->rid_count; i++) {
			const struct sdp_rid *r = &terms->theirs->rids[i];
			bool ours = terms->ours->media->layers >> k & 1;
			if (ours && !r->send && r->layer > 0 && sdp_slice_is(r->id, t->encodings[k].rid))
				layers |= 1u << k;
		}
	return layers;
}

static int apply_sender(sluice_transceiver *t, const struct tracks_terms *terms) {
	sluice_codec_config codecs[SLUICE_TRACK_CODECS_MAX];
	negotiate_mid(t->sender, terms->ours->mid);
	if (t->encoding_count > 1)
		negotiate_layers(t->sender, layers_of(t, terms));
	int error = negotiate_elements(t->sender, elements_of(terms));
	if (error)
		return error;
	return negotiate_codecs(t->sender, codecs, codecs_config(&terms->taken, codecs), terms->direction & SDP_SENDONLY);
}

int tracks_apply(sluice_transceiver *t, const struct tracks_terms *terms) {
	int error = apply_receiver(t, terms);
	if (!error)
		error = apply_sender(t, terms);
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
