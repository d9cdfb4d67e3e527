#include "rtp/media/track.h"

#include <string.h>

#include "pool/env.h"
#include "pool/grow.h"
#include "rtp/media/media.h"
#include "rtp/media/unit.h"

/* ---- codecs ---- */

static bool is_type(unsigned payload_type) {
	return payload_type < 128;
}

static bool is_valid_codec(const sluice_codec_config *c, enum sluice_media_kind kind) {
	return codec_format(c->codec) && sluice_codec_kind(c->codec) == kind && is_type(c->payload_type) &&
	       is_type(c->rtx_payload_type) && is_type(c->red_payload_type) && c->packetization_mode <= 1 &&
	       (!c->red_payload_type || c->codec == SLUICE_CODEC_OPUS);
}

/* A payload type means one thing within a track. */
static bool put_type(uint8_t table[128], unsigned payload_type, unsigned what) {
	if (table[payload_type] != TRACK_NO_CODEC && table[payload_type] != what)
		return false;
	table[payload_type] = (uint8_t)what;
	return true;
}

static bool fill_table(uint8_t table[128], const sluice_codec_config *codecs, size_t count, enum sluice_media_kind kind) {
	memset(table, TRACK_NO_CODEC, 128);
	for (size_t i = 0; i < count; i++) {
		const sluice_codec_config *c = &codecs[i];
		if (!is_valid_codec(c, kind) || !put_type(table, c->payload_type, (unsigned)i))
			return false;
		if (c->rtx_payload_type && !put_type(table, c->rtx_payload_type, (unsigned)i | CODEC_RTX))
			return false;
		/* One RED may be for several formats of Opus; it belongs to the first of them. */
		if (c->red_payload_type && table[c->red_payload_type] == TRACK_NO_CODEC)
			put_type(table, c->red_payload_type, (unsigned)i | CODEC_RED);
	}
	return true;
}

static int add_rtx(struct rtx_types *types, const sluice_codec_config *codecs, size_t count) {
	int error = 0;
	for (size_t i = 0; i < count; i++)
		if (codecs[i].rtx_payload_type && types->rtx_of[codecs[i].payload_type] != codecs[i].rtx_payload_type &&
		    rtx_types_add(types, codecs[i].rtx_payload_type, codecs[i].payload_type))
			error = SLUICE_INVALID;
	return error;
}

/* The repairs' payload types of all tracks of one direction are one table in the session. It is made anew from the tracks that
 * are there: once the tracks that used a number have ended, the other side may use it for something else, and Firefox does. Where
 * tracks contradict each other, what was agreed on last holds. */
static int share_rtx(const sluice_track *t, const sluice_codec_config *codecs, size_t count) {
	struct sluice_media *m = t->media;
	struct rtx_types types;
	rtx_types_init(&types);
	if (add_rtx(&types, codecs, count))
		return SLUICE_INVALID;
	for (size_t i = 0; i < m->track_count; i++)
		if (m->tracks[i] != t && m->tracks[i]->is_sender == t->is_sender && !m->tracks[i]->ended)
			add_rtx(&types, m->tracks[i]->codecs, m->tracks[i]->codec_count);
	*(t->is_sender ? &m->rtx_out : &m->rtx_in) = types;
	if (m->session)
		rtp_session_set_rtx(m->session, &m->rtx_in, &m->rtx_out);
	return 0;
}

/* RFC 3264, 8.3.2: "When an agent ceases using a media format ... the agent will still need to be prepared to receive media with
 * that format for a brief time." So codecs of before whose numbers are free stay behind the new ones, as far as there is room,
 * until the next negotiation. Nothing else looks at them. */
static void keep_old(const sluice_track *t, uint8_t table[128], sluice_codec_config *codecs, size_t count) {
	for (unsigned i = 0; i < t->codec_count && count < SLUICE_TRACK_CODECS_MAX; i++) {
		if (!put_type(table, t->codecs[i].payload_type, (unsigned)count))
			continue;
		codecs[count] = t->codecs[i];
		codecs[count++].red_payload_type = 0;
	}
}

int track_set_codecs(sluice_track *t, const sluice_codec_config *codecs, size_t count) {
	sluice_codec_config all[SLUICE_TRACK_CODECS_MAX] = {{.payload_type = 0}};
	uint8_t table[128];
	if (count > SLUICE_TRACK_CODECS_MAX || !fill_table(table, codecs, count, t->kind))
		return SLUICE_INVALID;
	int error = share_rtx(t, codecs, count);
	if (error)
		return error;
	if (count)
		memcpy(all, codecs, count * sizeof *codecs);
	if (!t->is_sender)
		keep_old(t, table, all, count);
	memcpy(t->codec_of, table, sizeof table);
	memcpy(t->codecs, all, sizeof all);
	t->codec_count = (uint8_t)count;
	t->codec = t->is_sender && count ? 0 : TRACK_NO_CODEC;
	t->media->share_again = true;
	return 0;
}

/* ---- layers ---- */

static bool is_valid_rid(const char rid[16]) {
	size_t len = strnlen(rid, 16);
	for (size_t i = 0; i < len; i++)
		if (!((rid[i] >= '0' && rid[i] <= '9') || (rid[i] >= 'a' && rid[i] <= 'z') || (rid[i] >= 'A' && rid[i] <= 'Z')))
			return false;
	return len < 16;
}

static bool are_valid_encodings(const sluice_track_config *c) {
	for (size_t i = 0; i < c->encoding_count; i++) {
		if (!is_valid_rid(c->encodings[i].rid) || (c->encoding_count > 1 && !c->encodings[i].rid[0]))
			return false;
		for (size_t k = 0; k < i; k++)
			if (strcmp(c->encodings[i].rid, c->encodings[k].rid) == 0)
				return false;
	}
	return true;
}

static bool is_valid(const sluice_track_config *c) {
	return (c->kind == SLUICE_AUDIO || c->kind == SLUICE_VIDEO) && (c->codecs || !c->codec_count) &&
	       c->codec_count <= SLUICE_TRACK_CODECS_MAX && c->encoding_count <= SLUICE_LAYERS_MAX &&
	       (c->encoding_count == 0 || c->encodings) && (!c->mid || strlen(c->mid) <= TRACK_MID_MAX) && are_valid_encodings(c);
}

static size_t layers_of(const sluice_track_config *c) {
	return c->encoding_count ? c->encoding_count : 1;
}

/* Are the SSRCs free, of the session and of each other? */
static bool are_free(const struct sluice_media *m, const sluice_track_config *c) {
	uint32_t seen[2 * SLUICE_LAYERS_MAX];
	size_t n = 0;
	for (size_t i = 0; i < layers_of(c); i++) {
		if (c->ssrcs[i])
			seen[n++] = c->ssrcs[i];
		if (c->rtx_ssrcs[i])
			seen[n++] = c->rtx_ssrcs[i];
	}
	for (size_t i = 0; i < n; i++) {
		if (streams_has_ssrc(m, seen[i]))
			return false;
		for (size_t k = 0; k < i; k++)
			if (seen[i] == seen[k])
				return false;
	}
	return true;
}

static uint32_t free_ssrc(struct sluice_media *m, const sluice_track *t) {
	for (;;) {
		uint32_t ssrc = env_random32(m->env);
		bool taken = ssrc == 0 || streams_has_ssrc(m, ssrc);
		for (unsigned k = 0; k < t->layer_count; k++)
			taken = taken || t->out[k].ssrc == ssrc || t->out[k].rtx_ssrc == ssrc;
		if (!taken)
			return ssrc;
	}
}

static bool has_rtx(const sluice_track *t) {
	for (unsigned i = 0; i < t->codec_count; i++)
		if (t->codecs[i].rtx_payload_type)
			return true;
	return false;
}

static void make_out(struct sluice_media *m, struct sluice_track *t, const sluice_track_config *c) {
	for (unsigned k = 0; k < t->layer_count; k++) {
		struct out_layer *l = &t->out[k];
		l->track = t;
		l->index = (uint8_t)k;
		l->stream = -1;
		l->ssrc = c->ssrcs[k];
		l->rtx_ssrc = c->rtx_ssrcs[k];
		l->offset = env_random32(m->env);
		l->picture_id = (uint16_t)env_random32(m->env) & 0x7FFF;
		if (!c->encoding_count)
			continue;
		memcpy(l->rid, c->encodings[k].rid, sizeof c->encodings[k].rid);
		l->paused = c->encodings[k].paused;
		l->max_bitrate = c->encodings[k].max_bitrate;
	}
	for (unsigned k = 0; k < t->layer_count; k++) {
		struct out_layer *l = &t->out[k];
		l->ssrc = l->ssrc ? l->ssrc : free_ssrc(m, t);
		l->rtx_ssrc = l->rtx_ssrc || !has_rtx(t) ? l->rtx_ssrc : free_ssrc(m, t);
		l->stats.ssrc = l->ssrc;
	}
}

static void make_in(struct sluice_track *t, const sluice_track_config *c) {
	for (unsigned k = 0; k < t->layer_count; k++) {
		struct in_layer *l = &t->in[k];
		l->track = t;
		l->index = (uint8_t)k;
		l->stream = -1;
		l->ssrc = c->ssrcs[k];
		l->rtx_ssrc = c->rtx_ssrcs[k];
		l->pull_at = SLUICE_NEVER;
		if (c->encoding_count)
			memcpy(l->rid, c->encodings[k].rid, sizeof c->encodings[k].rid);
	}
}

/* ---- adding ---- */

static struct sluice_track *make_track(struct sluice_media *m, const sluice_track_config *c, bool is_sender) {
	struct sluice_track *t = env_zalloc(m->env, sizeof *t);
	size_t n = layers_of(c);
	if (!t)
		return NULL;
	t->media = m;
	t->kind = c->kind;
	t->is_sender = is_sender;
	t->delay = SLUICE_NEVER;
	t->elements = UINT16_MAX;
	t->callbacks = c->callbacks;
	t->user = c->user;
	if (c->mid)
		memcpy(t->mid, c->mid, strlen(c->mid));
	void *layers = env_zalloc(m->env, n * (is_sender ? sizeof *t->out : sizeof *t->in));
	if (!layers) {
		env_free(m->env, t);
		return NULL;
	}
	if (is_sender)
		t->out = layers;
	else
		t->in = layers;
	t->layer_count = (uint8_t)n;
	return t;
}

void track_free(sluice_track *t) {
	struct sluice_media *m = t->media;
	env_free(m->env, t->red);
	if (t->is_sender)
		env_free(m->env, t->out);
	else
		env_free(m->env, t->in);
	env_free(m->env, t);
}

static int open_layers(struct sluice_media *m, struct sluice_track *t) {
	int error = t->is_sender || !track_wants_packets(t) ? 0 : queue_open(&m->queue, m->env);
	for (unsigned k = 0; k < t->layer_count && !error; k++) {
		error = t->is_sender ? streams_open_out(m, &t->out[k]) : streams_open_in(m, &t->in[k]);
		if (!error && !t->is_sender)
			error = layer_in_want_frames(&t->in[k]);
	}
	return error;
}

static void close_layers(struct sluice_media *m, struct sluice_track *t) {
	for (unsigned k = 0; k < t->layer_count; k++)
		if (t->is_sender)
			streams_close_out(m, &t->out[k]);
		else
			layer_in_close(&t->in[k]);
	*(t->is_sender ? &m->out_taken : &m->in_taken) -= t->layer_count;
}

/* Is the mid in use by another receiver? */
static bool is_mid_taken(const struct sluice_media *m, const char *mid) {
	for (size_t i = 0; i < m->track_count && mid && mid[0]; i++)
		if (!m->tracks[i]->is_sender && !m->tracks[i]->ended && strcmp(m->tracks[i]->mid, mid) == 0)
			return true;
	return false;
}

static int check_new(const struct sluice_media *m, const sluice_track_config *c, bool is_sender) {
	if (!is_valid(c))
		return SLUICE_INVALID;
	if (!are_free(m, c) || (!is_sender && is_mid_taken(m, c->mid)))
		return SLUICE_EXISTS;
	return (is_sender ? m->out_taken : m->in_taken) + layers_of(c) > MEDIA_STREAMS ? SLUICE_LIMIT : 0;
}

int track_add(struct sluice_media *m, const sluice_track_config *c, bool is_sender, sluice_track **out) {
	int error = check_new(m, c, is_sender);
	if (error)
		return error;
	if (!GROW(m->env, m->tracks, m->track_count, m->track_capacity, 4))
		return SLUICE_NO_MEMORY;
	struct sluice_track *t = make_track(m, c, is_sender);
	if (!t)
		return SLUICE_NO_MEMORY;
	error = track_set_codecs(t, c->codecs, c->codec_count);
	if (error) {
		track_free(t);
		return error;
	}
	if (is_sender)
		make_out(m, t, c);
	else
		make_in(t, c);
	*(is_sender ? &m->out_taken : &m->in_taken) += t->layer_count;
	error = open_layers(m, t);
	if (error) {
		close_layers(m, t);
		track_free(t);
		return error;
	}
	m->tracks[m->track_count++] = t;
	*out = t;
	return 0;
}

int sluice_media_add_sender(sluice_media *m, const sluice_track_config *config, sluice_track **out) {
	return config->codec_count ? track_add(m, config, true, out) : SLUICE_INVALID;
}

int sluice_media_add_receiver(sluice_media *m, const sluice_track_config *config, sluice_track **out) {
	int error = config->codec_count ? track_add(m, config, false, out) : SLUICE_INVALID;
	for (size_t k = 0; !error && k < layers_of(config); k++) {
		media_replay(m, config->ssrcs[k], m->clock);
		media_replay(m, config->rtx_ssrcs[k], m->clock);
	}
	return error;
}

/* ---- ending ---- */

/* The streams go now; their last figures can be read until on_ended returns. */
static void keep_stats(sluice_track *t) {
	for (unsigned k = 0; k < t->layer_count; k++) {
		if (t->is_sender)
			sluice_track_outbound_stats(t, k, &t->out[k].stats);
		else
			sluice_track_inbound_stats(t, k, &t->in[k].stats);
	}
}

void track_end(sluice_track *t) {
	keep_stats(t);
	close_layers(t->media, t);
	t->ended = true;
}

void sluice_media_remove(sluice_media *m, sluice_track *t) {
	if (t->ended)
		return;
	track_end(t);
	media_wake(m);
}

/* The receiver has missed what the pictures behind the pause refer to. */
static void want_keyframes(sluice_track *t) {
	for (unsigned k = 0; k < t->layer_count; k++)
		t->out[k].keyframe_wanted |= t->out[k].any && t->kind == SLUICE_VIDEO;
}

void track_set_paused(sluice_track *t, bool paused) {
	t->paused = paused;
	t->media->share_again = true;
	if (!t->is_sender)
		track_mute(t, paused);
	else if (!paused)
		want_keyframes(t);
}

/* ---- what can be asked and set ---- */

void sluice_track_set_callbacks(sluice_track *t, const sluice_track_callbacks *callbacks, void *user) {
	t->callbacks = *callbacks;
	t->user = user;
	if (t->is_sender || t->ended)
		return;
	if (track_wants_packets(t))
		queue_open(&t->media->queue, t->media->env);
	for (unsigned k = 0; k < t->layer_count; k++)
		layer_in_want_frames(&t->in[k]);
}

void *sluice_track_user(const sluice_track *t) {
	return t->user;
}

enum sluice_media_kind sluice_track_kind(const sluice_track *t) {
	return t->kind;
}

bool sluice_track_is_sender(const sluice_track *t) {
	return t->is_sender;
}

sluice_transceiver *sluice_track_transceiver(const sluice_track *t) {
	return t->transceiver;
}

const sluice_codec_config *sluice_track_codec(const sluice_track *t) {
	return t->codec == TRACK_NO_CODEC ? NULL : track_codec_of(t);
}

int sluice_track_set_encoding(sluice_track *t, unsigned layer, const sluice_encoding *encoding) {
	if (!t->is_sender || layer >= t->layer_count)
		return SLUICE_INVALID;
	t->out[layer].paused = encoding->paused;
	t->out[layer].max_bitrate = encoding->max_bitrate;
	t->media->share_again = true;
	media_wake(t->media);
	return 0;
}

uint64_t sluice_track_bitrate(const sluice_track *t, unsigned layer) {
	return t->is_sender && layer < t->layer_count ? t->out[layer].told : 0;
}

void sluice_track_request_keyframe(sluice_track *t, unsigned layer) {
	if (t->is_sender || layer >= t->layer_count || t->in[layer].stream < 0)
		return;
	rtp_session_want_keyframe(t->media->session, t->in[layer].stream);
	media_wake(t->media);
}

int sluice_track_set_delay(sluice_track *t, uint64_t delay) {
	if (t->is_sender || (delay != SLUICE_NEVER && delay > PLAYOUT_MOST))
		return SLUICE_INVALID;
	t->delay = delay;
	for (unsigned k = 0; k < t->layer_count; k++)
		if (t->in[k].player && t->in[k].player->newest)
			jitter_set_delay(t->in[k].player->newest->jitter, delay, t->media->clock);
	return 0;
}

int sluice_track_open_player(sluice_track *t, unsigned layer, sluice_player **out) {
	if (t->is_sender || t->ended || layer >= t->layer_count)
		return SLUICE_INVALID;
	struct in_layer *l = &t->in[layer];
	if (l->is_lent && !atomic_load_explicit(&l->player->closed, memory_order_acquire))
		return SLUICE_EXISTS;
	sluice_player *p = player_new(t->media->env, t->kind, (uint8_t)layer);
	if (!p)
		return SLUICE_NO_MEMORY;
	player_free(l->player);
	l->player = p;
	l->is_lent = true;
	*out = p;
	return 0;
}
