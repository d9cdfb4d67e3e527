#include "rtp/media/demux.h"

#include <string.h>

#include "base/arith.h"
#include "pool/env.h"
#include "rtp/media/media.h"

/* ---- who is named? ---- */

static bool is_text(const uint8_t *value, size_t len, const char *text) {
	return strlen(text) == len && memcmp(value, text, len) == 0;
}

/* Does the packet's element say this text? */
static bool says(const struct rtp_extensions *e, enum rtp_extension kind, const char *text) {
	return text[0] && is_text(e->base + e->offset[kind], e->len[kind], text);
}

static bool takes(const struct sluice_track *t, uint8_t payload_type) {
	uint8_t codec = t->codec_of[payload_type & 127];
	return !t->is_sender && !t->ended && codec != TRACK_NO_CODEC && (codec & CODEC_INDEX) < t->codec_count;
}

/* RFC 9143, 9.2: "If the packet has a MID and the packet's extended sequence number is greater than that of the last MID update
 * ... the BUNDLE group's 'm=' section" is the one with that MID; without one, the payload type finds it "if it appears in exactly
 * one". NULL: nobody. */
static struct sluice_track *find_track(struct sluice_media *m, const struct rtp_packet *p, const struct rtp_extensions *e) {
	struct sluice_track *found = NULL;
	bool by_mid = rtp_extension_has(e, RTP_EXT_MID);
	for (size_t i = 0; i < m->track_count; i++) {
		struct sluice_track *t = m->tracks[i];
		if (!takes(t, p->payload_type))
			continue;
		if (by_mid && says(e, RTP_EXT_MID, t->mid))
			return t;
		if (!by_mid && found)
			return NULL;
		found = by_mid ? NULL : t;
	}
	return found;
}

struct demux_found demux_find(struct sluice_media *m, const struct rtp_packet *p, const struct rtp_extensions *e) {
	struct sluice_track *t = find_track(m, p, e);
	struct demux_found found = {NULL, false};
	if (!t)
		return found;
	found.is_rtx = t->codec_of[p->payload_type & 127] & CODEC_RTX;
	enum rtp_extension kind = found.is_rtx ? RTP_EXT_REPAIRED_RID : RTP_EXT_RID;
	if (!rtp_extension_has(e, kind)) {
		found.layer = t->layer_count == 1 ? &t->in[0] : NULL;
		return found;
	}
	for (unsigned k = 0; k < t->layer_count; k++)
		if (says(e, kind, t->in[k].rid) || (t->layer_count == 1 && !t->in[k].rid[0]))
			found.layer = &t->in[k];
	return found;
}

/* ---- packets that wait ---- */

static void tell(struct demux *d, uint32_t ssrc, uint8_t payload_type) {
	for (unsigned i = 0; i < DEMUX_HELD; i++)
		if (d->told[i].ssrc == ssrc)
			return;
	d->told[d->next_told++ % DEMUX_HELD] = (struct demux_told){ssrc, payload_type, true};
}

static struct demux_held *oldest(struct demux *d) {
	struct demux_held *found = &d->held[0];
	for (unsigned i = 0; i < DEMUX_HELD && found->data; i++)
		if (!d->held[i].data || d->held[i].order < found->order)
			found = &d->held[i];
	return found;
}

void demux_hold(struct sluice_media *m, const struct rtp_packet *p, const uint8_t *data, size_t len) {
	struct demux *d = &m->demux;
	m->stats.unknown_ssrc++;
	tell(d, p->ssrc, p->payload_type);
	if (len > DEMUX_PACKET)
		return;
	struct demux_held *h = oldest(d);
	env_free(m->env, h->data);
	*h = (struct demux_held){env_alloc(m->env, len), len, p->ssrc, d->order++};
	if (h->data)
		memcpy(h->data, data, len);
}

uint8_t *demux_take(struct demux *d, uint32_t ssrc, size_t *len) {
	struct demux_held *found = NULL;
	for (unsigned i = 0; i < DEMUX_HELD; i++)
		if (d->held[i].data && d->held[i].ssrc == ssrc && (!found || d->held[i].order < found->order))
			found = &d->held[i];
	if (!found)
		return NULL;
	uint8_t *data = found->data;
	*len = found->len;
	found->data = NULL;
	return data;
}

void demux_close(struct demux *d, sluice_env *env) {
	for (unsigned i = 0; i < DEMUX_HELD; i++)
		env_free(env, d->held[i].data);
}
