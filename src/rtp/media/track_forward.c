/* track_forward: a packet of another track becomes a unit that the pacer can send. */
#include <string.h>

#include "base/arith.h"
#include "rtp/media/header.h"
#include "rtp/media/media.h"
#include "rtp/media/sending.h"
#include "rtp/media/unit.h"

#define DESCRIPTOR_MAX 64
/* A browser's packet fills a datagram of 1,200 bytes, which is our MTU, and our header may be longer than its own. RFC 8200, 5
 * wants 1,280 bytes of every link, which are 1,232 of UDP. A packet of a larger datagram would be lost on such a path each time
 * that it is sent. */
#define FORWARD_ROOM 32

/* Where the source begins: its number is behind all that was sent or waits. */
static void begin_source(struct out_layer *l, const sluice_rtp *p, uint32_t clock_rate) {
	struct sluice_media *m = l->track->media;
	uint64_t number = max64(l->reserved, rtp_session_next_number(m->session, l->stream));
	l->forward_begins = true;
	uint32_t timestamp = l->any ? sending_next_timestamp(l, clock_rate, p->received) : l->offset;
	forward_begin(&l->forward, p, number, timestamp);
}

static bool finds_place(struct out_layer *l, const sluice_rtp *p, uint64_t *number, uint32_t *timestamp) {
	struct forward *f = &l->forward;
	if (forward_is_new(f, p)) {
		if (l->track->kind == SLUICE_VIDEO && !(p->begins && p->keyframe))
			return false;
		begin_source(l, p, sluice_codec_clock_rate(p->codec));
	}
	return forward_place(f, p, number, timestamp);
}

/* VP8 and VP9 number their pictures, too. A new source's numbers go on behind the last ones. */
static void begin_pictures(struct out_layer *l, const struct payload_descriptor *d) {
	l->add_picture = (uint16_t)(l->picture_id + 1 - d->picture_id);
	l->add_tl0 = (uint8_t)(l->tl0_index + 1 - d->tl0_index);
	l->add_key = (uint8_t)(l->key_index + 1 - d->key_index);
}

/* What comes late does not turn the numbers back. */
static void note_pictures(struct out_layer *l, const struct payload_descriptor *d) {
	if ((int16_t)((uint16_t)(d->picture_id - l->picture_id) << 1) > 0)
		l->picture_id = d->picture_id & 0x7FFF;
	if ((int8_t)(d->tl0_index - l->tl0_index) > 0)
		l->tl0_index = d->tl0_index;
	l->key_index = d->key_index;
}

/* The descriptor with our numbers stands in the unit, and the rest of the payload in the slab. */
static void rewrite_pictures(struct unit *u, const sluice_rtp *p) {
	const struct payload_format *format = codec_format(p->codec);
	struct out_layer *l = u->layer;
	struct payload_descriptor d;
	if (!format->descriptor_read || format->descriptor_read(p->payload, p->len, &d) || d.len >= PAYLOAD_HEADER)
		return;
	if (l->forward_begins)
		begin_pictures(l, &d);
	l->forward_begins = false;
	d.picture_id = (d.picture_id + l->add_picture) & 0x7FFF;
	d.tl0_index = (uint8_t)(d.tl0_index + l->add_tl0);
	d.key_index = (d.key_index + l->add_key) & 31;
	/* A descriptor alone is no payload: one byte more is copied. */
	size_t len = d.len + 1;
	memcpy(u->piece.header, p->payload, len);
	if (len > p->len || format->descriptor_write(u->piece.header, len, &d))
		return;
	note_pictures(l, &d);
	u->piece.header_len = (uint8_t)len;
	u->piece.offset = len;
	u->piece.len = p->len - len;
}

/* The payload stays in its slab, unless there are so many slabs that their holders have to copy. */
static struct unit *make_forwarded(struct out_layer *l, const sluice_rtp *p) {
	bool copies = !p->slab || p->slab->copy_only;
	size_t descriptor = p->dependency_descriptor_len <= DESCRIPTOR_MAX ? p->dependency_descriptor_len : 0;
	struct unit *u = unit_new(l->track->media->env, l, descriptor + (copies ? p->len : 0));
	if (!u)
		return NULL;
	u->source.data = copies ? u->space + descriptor : p->payload;
	u->source.len = p->len;
	if (copies)
		memcpy(u->space + descriptor, p->payload, p->len);
	else
		slab_ref(u->slab = p->slab);
	if (descriptor)
		memcpy(u->space, p->dependency_descriptor, descriptor);
	u->has_piece = true;
	u->piece.len = p->len;
	u->piece.last = p->marker;
	rewrite_pictures(u, p);
	u->descriptor = u->space;
	u->descriptor_len = (uint8_t)descriptor;
	u->has_level = p->audio_level;
	u->level = p->audio_level ? *p->audio_level : 0;
	u->has_orientation = p->video_orientation;
	u->orientation = p->video_orientation ? *p->video_orientation : 0;
	u->captured = p->received;
	return u;
}

/* Also when RTX sends it once more. */
static bool is_too_large(const struct unit *u) {
	const struct out_layer *l = u->layer;
	const struct sluice_media *m = l->track->media;
	size_t len = header_size(l, u) + u->piece.header_len + u->piece.len + m->rtp_tail + (l->rtx_ssrc ? RTX_OSN : 0);
	return len > m->config.mtu + FORWARD_ROOM;
}

int sluice_track_send_rtp(sluice_track *t, const sluice_rtp *p) {
	int error = sending_check(t, 0);
	uint64_t number;
	uint32_t timestamp;
	if (error)
		return error;
	int codec = sending_find_codec(t, p->codec);
	if (codec < 0)
		return SLUICE_UNSUPPORTED;
	struct out_layer *l = &t->out[0];
	if (p->len == 0)
		return SLUICE_INVALID;
	if (p->len > t->media->config.mtu) /* a header is longer than the room */
		return SLUICE_TOO_LARGE;
	if (sending_is_full(l)) {
		l->stats.frames_dropped += p->marker;
		return SLUICE_WOULD_BLOCK;
	}
	if (!finds_place(l, p, &number, &timestamp))
		return 0;
	struct unit *u = make_forwarded(l, p);
	if (!u)
		return SLUICE_NO_MEMORY;
	if (is_too_large(u)) {
		rtp_source_unref(&u->source);
		return SLUICE_TOO_LARGE;
	}
	t->codec = (uint8_t)codec;
	u->payload_type = t->codecs[codec].payload_type;
	u->number = number;
	u->timestamp = timestamp;
	error = unit_push(u, t->media->clock);
	if (error)
		return error;
	if (p->number == l->forward.last)
		sending_note(l, timestamp, p->received);
	l->stats.frames_sent += p->marker;
	l->stats.key_frames_sent += p->begins && p->keyframe;
	media_wake(t->media);
	return 0;
}
