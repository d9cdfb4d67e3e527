/* track_send: a frame becomes a unit that the pacer can send. */
#include <string.h>

#include "rtp/media/header.h"
#include "rtp/media/media.h"
#include "rtp/media/sending.h"
#include "rtp/media/unit.h"
#include "rtp/red.h"

#define FRAME_MAX (64u << 20)
#define ZERO_NEAR (2 * (int64_t)SLUICE_S) /* clocks that differ by less are one */

/* ---- time ---- */

/* `now` of the media time 0: the least that was seen, because encoders only add to it. Tracks whose zeros are near each other
 * have the same one, so that they are played in time with each other. */
static uint64_t captured_at(sluice_track *t, uint64_t timestamp) {
	struct sluice_media *m = t->media;
	int64_t zero = (int64_t)(m->clock - timestamp);
	bool shares = !m->has_zero || (zero - m->zero <= ZERO_NEAR && m->zero - zero <= ZERO_NEAR);
	int64_t *known = shares ? &m->zero : &t->zero;
	bool *has = shares ? &m->has_zero : &t->has_zero;
	if (!*has || zero < *known || zero - *known > ZERO_NEAR)
		*known = zero;
	*has = true;
	return timestamp + (uint64_t)*known;
}

static uint32_t timestamp_of(struct out_layer *l, uint64_t media_time, uint32_t clock_rate, uint64_t now) {
	uint32_t ticks = sending_ticks(media_time, clock_rate);
	if (l->jumps && l->any)
		l->offset = sending_next_timestamp(l, clock_rate, now) - ticks;
	l->jumps = false;
	return l->offset + ticks;
}

/* ---- frames ---- */

static bool is_picture(enum sluice_codec codec) {
	return codec == SLUICE_CODEC_VP8 || codec == SLUICE_CODEC_VP9;
}

/* The numbers in a picture's descriptor. A receiver that saw no layer numbers yet can take them only at a keyframe. */
static struct payload_info describe(struct out_layer *l, const sluice_frame *f, const sluice_codec_config *c, bool key) {
	struct payload_info info = {.keyframe = key, .picture_id = -1, .tl0_index = -1, .mode = c->packetization_mode};
	if (!is_picture(c->codec))
		return info;
	l->will_use_layers |= f->temporal || f->spatial;
	l->uses_layers |= l->will_use_layers && key;
	if (f->spatial == 0)
		l->picture_id = (l->picture_id + 1) & 0x7FFF;
	info.picture_id = l->picture_id;
	if (!l->uses_layers)
		return info;
	if (f->temporal == 0 && f->spatial == 0)
		l->tl0_index++;
	info.tl0_index = l->tl0_index;
	info.temporal = f->temporal;
	info.spatial = f->spatial;
	return info;
}

/* The payload of a packet: its size and everything around it must stay below the MTU, also when RTX sends it once more. */
static size_t room_of(const struct out_layer *l) {
	const struct sluice_media *m = l->track->media;
	return m->config.mtu - m->rtp_tail - header_size(l, NULL) - (l->rtx_ssrc ? RTX_OSN : 0);
}

static int cut(struct unit *u, const sluice_frame *f, const sluice_codec_config *c, const uint8_t *data) {
	struct out_layer *l = u->layer;
	bool key = f->keyframe || codec_frame_is_key(c->codec, data, f->len);
	u->source.data = data;
	u->source.len = f->len;
	u->format = codec_format(c->codec);
	u->split = payload_split_of(data, f->len, room_of(l), describe(l, f, c, key));
	u->payload_type = c->payload_type;
	u->timestamp = timestamp_of(l, f->timestamp, u->format->clock_rate, l->track->media->clock);
	u->captured = captured_at(l->track, f->timestamp);
	return key;
}

static bool uses_red(const sluice_track *t, const sluice_codec_config *c, size_t len) {
	return t->kind == SLUICE_AUDIO && c->red_payload_type && len <= RED_LEN_MAX;
}

/* The frame with the one before it. Returns the RED unit, or NULL when there is no memory. */
static struct unit *make_red(struct out_layer *l, const sluice_frame *f, const sluice_codec_config *c) {
	sluice_track *t = l->track;
	struct sluice_media *m = t->media;
	size_t size = 2 * RED_LEN_MAX + 8;
	if (!t->red && (t->red = env_alloc(m->env, sizeof *t->red)) != NULL)
		red_sender_init(t->red, 1);
	struct unit *u = t->red ? unit_new(m->env, l, size) : NULL;
	if (!u)
		return NULL;
	cut(u, f, c, f->data);
	u->format = NULL;
	size_t room = room_of(l);
	int len = red_write(t->red, c->payload_type, u->timestamp, f->data, f->len, u->space, room < size ? room : size);
	if (len < 0) {
		rtp_source_unref(&u->source);
		return NULL;
	}
	u->payload_type = c->red_payload_type;
	u->source.data = u->space;
	u->source.len = u->piece.len = (size_t)len;
	u->has_piece = true;
	return u;
}

static struct unit *make_copy(struct out_layer *l, const sluice_frame *f, const sluice_codec_config *c) {
	struct unit *u = unit_new(l->track->media->env, l, f->len);
	if (!u)
		return NULL;
	memcpy(u->space, f->data, f->len);
	cut(u, f, c, u->space);
	return u;
}

static struct unit *make_lent(struct out_layer *l, const sluice_frame *f, const sluice_codec_config *c) {
	struct unit *u = unit_new(l->track->media->env, l, 0);
	if (u)
		cut(u, f, c, f->data);
	return u;
}

static int check_frame(const sluice_track *t, const sluice_frame *f) {
	int error = sending_check(t, f->layer);
	if (error)
		return error;
	if (f->temporal > 7 || f->spatial > 7 || f->len > FRAME_MAX || (f->codec && sending_find_codec(t, f->codec) < 0))
		return SLUICE_INVALID;
	if (f->len == 0 || !f->data)
		return SLUICE_MALFORMED;
	return sending_is_full(&t->out[f->layer], 0) ? SLUICE_WOULD_BLOCK : 0;
}

static int send_frame(sluice_track *t, const sluice_frame *f, sluice_release_fn release, void *ctx) {
	int error = check_frame(t, f);
	if (error) {
		if (error == SLUICE_WOULD_BLOCK)
			t->out[f->layer].stats.frames_dropped++;
		return error;
	}
	struct out_layer *l = &t->out[f->layer];
	struct sluice_media *m = t->media;
	l->jumps = l->jumps || forward_runs(&l->forward);
	if (f->codec)
		t->codec = (uint8_t)sending_find_codec(t, f->codec);
	const sluice_codec_config *c = track_codec_of(t);
	bool red = uses_red(t, c, f->len);
	struct unit *u = red ? make_red(l, f, c) : release ? make_lent(l, f, c) : make_copy(l, f, c);
	if (!u)
		return SLUICE_NO_MEMORY;
	bool key = u->split.info.keyframe;
	uint32_t timestamp = u->timestamp;
	u->release = red ? NULL : release;
	u->release_ctx = ctx;
	error = unit_push(u, m->clock);
	if (error)
		return error;
	/* The frame has the numbers behind the forwarded ones. A packet with one of these would have the same key stream. */
	forward_replace(&l->forward);
	sending_note(l, timestamp, m->clock);
	l->stats.frames_sent++;
	l->stats.key_frames_sent += key;
	if (red && release)
		release(ctx);
	media_wake(m);
	return 0;
}

int sluice_track_send_frame(sluice_track *t, const sluice_frame *frame) {
	return send_frame(t, frame, NULL, NULL);
}

int sluice_track_lend_frame(sluice_track *t, const sluice_frame *frame, sluice_release_fn release, void *ctx) {
	return send_frame(t, frame, release, ctx);
}

void sluice_track_replace(sluice_track *t) {
	for (unsigned k = 0; t->is_sender && k < t->layer_count; k++) {
		t->out[k].jumps = true;
		forward_replace(&t->out[k].forward);
	}
}
