/* track_forward: packets of another track become units that the pacer can send.
 *
 * A run of packets becomes one unit, so that what belongs to the stream is looked at once for all of them. With hundreds of
 * watchers the memory of each has left the CPU's cache when its turn comes again. */
#include <stddef.h>
#include <string.h>

#include "base/arith.h"
#include "base/bytes.h"
#include "base/prefetch.h"
#include "rtp/dependency.h"
#include "rtp/media/header.h"
#include "rtp/media/media.h"
#include "rtp/media/sending.h"
#include "rtp/media/unit.h"

#define DESCRIPTOR_MAX 96 /* the structure of nine targets, as Chromium describes its three layers of three, has 95 */
/* A browser's packet fills a datagram of 1,200 bytes, which is our MTU, and our header may be longer than its own. RFC 8200, 5
 * wants 1,280 bytes of every link, which are 1,232 of UDP. A packet of a larger datagram would be lost on such a path each time
 * that it is sent. */
#define FORWARD_ROOM 32

/* The unit that is being made, and what has to be noted when it is in the pacer. */
struct making {
	struct out_layer *l;
	struct unit *u;
	uint8_t *free; /* the next byte of the unit's space */
	unsigned frames, keys;
	bool has_newest;
	uint32_t timestamp; /* of the newest packet */
	uint64_t received;
};

/* ---- its place in our stream ---- */

/* Where the source begins: its number is behind all that was sent or waits. */
static void begin_source(struct out_layer *l, const sluice_rtp *p, uint32_t clock_rate) {
	struct sluice_media *m = l->track->media;
	uint64_t number = max64(l->reserved, rtp_session_next_number(m->session, l->stream));
	l->forward_begins = l->frames_begin = true;
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

/* ---- numbers of pictures ---- */

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

/* The descriptor with our numbers is written to `at`, and the rest of the payload stays where it is. Returns how many bytes of
 * the payload are replaced. */
static size_t rewrite_pictures(struct out_layer *l, const sluice_rtp *p, uint8_t *at) {
	const struct payload_format *format = codec_format(p->codec);
	struct payload_descriptor d;
	if (!format->descriptor_read || format->descriptor_read(p->payload, p->len, &d) || d.len >= PAYLOAD_HEADER)
		return 0;
	if (l->forward_begins)
		begin_pictures(l, &d);
	l->forward_begins = false;
	d.picture_id = (d.picture_id + l->add_picture) & 0x7FFF;
	d.tl0_index = (uint8_t)(d.tl0_index + l->add_tl0);
	d.key_index = (d.key_index + l->add_key) & 31;
	/* A descriptor alone is no payload: one byte more is copied. */
	size_t len = d.len + 1;
	if (len > p->len)
		return 0;
	memcpy(at, p->payload, len);
	if (format->descriptor_write(at, len, &d))
		return 0;
	note_pictures(l, &d);
	return len;
}

/* ---- numbers of frames ---- */

/* Where the source's structure stands among the ids of templates. AV1 RTP, appendix A wants those of a new structure apart from
 * those of the one before, which packets that come late still mean; two sources know nothing of each other. */
static void begin_frames(struct out_layer *l, const uint8_t *descriptor, size_t len) {
	struct dependency_structure s = {.count = 0};
	struct dependency d;
	if (dependency_read(&s, descriptor, len, &d) || !d.attached)
		return;
	if (l->frames_begin) {
		l->add_frame = (uint16_t)(l->frame_number + 1 - d.number);
		l->add_template = (uint8_t)(l->template_end - s.offset) & 63;
	}
	l->frames_begin = false;
	l->template_end = (uint8_t)(s.offset + l->add_template + s.count) & 63;
}

/* A new source's frames go on behind the last ones. What comes late does not turn the numbers back. */
static void rewrite_frames(struct out_layer *l, const sluice_rtp *p, uint8_t *descriptor, size_t len) {
	if (len < DEPENDENCY_LEAST)
		return;
	if (p->begins && p->keyframe)
		begin_frames(l, descriptor, len);
	uint16_t number = (uint16_t)(get_be16(descriptor + 1) + l->add_frame);
	dependency_rewrite(descriptor, len, number, l->add_template);
	if ((int16_t)(number - l->frame_number) > 0)
		l->frame_number = number;
}

/* ---- one packet ---- */

/* The payload stays in its slab, unless there are so many slabs that their holders have to copy. */
static bool stays(const sluice_rtp *p) {
	if (!p->slab || p->slab->copy_only)
		return false;
	size_t size = p->slab->env->slab_size, at = (size_t)((uintptr_t)p->payload - (uintptr_t)p->slab->data);
	return at <= size && p->len <= size - at;
}

static void set_payload(struct making *k, struct unit_packet *q, const sluice_rtp *p) {
	const uint8_t *base = k->u->source.data, *at = p->payload;
	if (stays(p)) {
		slab_ref(q->slab = p->slab);
		base = p->slab->data;
	} else {
		memcpy(k->free, p->payload, p->len);
		at = k->free;
		k->free += p->len;
	}
	q->offset = (uint32_t)((size_t)(at - base) + q->prefix_len);
	q->len = (uint16_t)(p->len - q->prefix_len);
}

static size_t descriptor_len(const sluice_rtp *p) {
	return p->dependency_descriptor && p->dependency_descriptor_len <= DESCRIPTOR_MAX ? p->dependency_descriptor_len : 0;
}

static struct header_elements elements_of(const sluice_rtp *p) {
	return (struct header_elements){
		.has_level = p->audio_level,
		.has_orientation = p->video_orientation,
		.level = p->audio_level ? *p->audio_level : 0,
		.orientation = p->video_orientation ? *p->video_orientation : 0,
		.descriptor_len = (uint8_t)descriptor_len(p),
		.descriptor = p->dependency_descriptor,
	};
}

static void set_elements(struct making *k, struct header_elements *e, const sluice_rtp *p) {
	*e = elements_of(p);
	e->descriptor = k->free;
	if (e->descriptor_len) {
		memcpy(k->free, p->dependency_descriptor, e->descriptor_len);
		rewrite_frames(k->l, p, k->free, e->descriptor_len);
	}
	k->free += e->descriptor_len;
}

static void add_packet(struct making *k, const sluice_rtp *p, uint64_t number, uint32_t timestamp) {
	struct out_layer *l = k->l;
	struct unit_packet *q = &k->u->packets[k->u->count++];
	*q = (struct unit_packet){
		.number = number, .captured = p->received, .timestamp = timestamp, .marker = p->marker, .prefix = k->free};
	q->prefix_len = (uint8_t)rewrite_pictures(l, p, k->free);
	k->free += q->prefix_len;
	set_payload(k, q, p);
	set_elements(k, &q->elements, p);
	k->u->bytes += (uint32_t)(header_size(l, &q->elements) + p->len + l->track->media->rtp_tail);
	k->u->reserves = max64(k->u->reserves, number + 1);
	k->frames += p->marker;
	k->keys += p->begins && p->keyframe;
	if (p->number != l->forward.last)
		return;
	k->has_newest = true;
	k->timestamp = timestamp;
	k->received = p->received;
}

/* ---- one unit ---- */

static struct unit *make_unit(struct out_layer *l, const sluice_rtp *packets, size_t count) {
	size_t room = count * (sizeof(struct unit_packet) + PAYLOAD_HEADER);
	for (size_t i = 0; i < count; i++)
		room += descriptor_len(&packets[i]) +
		        (stays(&packets[i]) ? 0 : min64(packets[i].len, l->track->media->config.mtu + FORWARD_ROOM));
	struct unit *u = unit_new(l->track->media->env, l, room);
	if (!u)
		return NULL;
	u->packets = (struct unit_packet *)(void *)u->space;
	u->source.data = u->space;
	u->source.len = room;
	return u;
}

static int push_unit(struct making *k) {
	struct sluice_media *m = k->l->track->media;
	if (k->u->count == 0) {
		rtp_source_unref(&k->u->source);
		return 0;
	}
	int error = unit_push(k->u, m->clock);
	if (error)
		return error;
	if (k->has_newest)
		sending_note(k->l, k->timestamp, k->received);
	k->l->stats.frames_sent += k->frames;
	k->l->stats.key_frames_sent += k->keys;
	media_wake(m);
	return 0;
}

/* Also when RTX sends it once more. */
static bool is_too_large(const struct out_layer *l, const sluice_rtp *p) {
	const struct sluice_media *m = l->track->media;
	const struct header_elements e = elements_of(p);
	size_t len = header_size(l, &e) + p->len + m->rtp_tail + (l->rtx_ssrc ? RTX_OSN : 0);
	return len > m->config.mtu + FORWARD_ROOM;
}

/* May the packet go on in this layer now? */
static int check_packet(struct out_layer *l, const sluice_rtp *p, uint64_t more) {
	if (p->len == 0)
		return SLUICE_INVALID;
	if (is_too_large(l, p))
		return SLUICE_TOO_LARGE;
	return sending_is_full(l, more) ? SLUICE_WOULD_BLOCK : 0;
}

/* Makes a unit of the first packets, as far as one codec and one source go. *taken: how many of them; an error is that of the
 * packet behind these. */
static int send_unit(struct out_layer *l, const sluice_rtp *packets, size_t count, size_t *taken) {
	sluice_track *t = l->track;
	int error = 0, codec = sending_find_codec(t, packets[0].codec);
	struct making k = {.l = l, .u = codec >= 0 ? make_unit(l, packets, count) : NULL};
	*taken = 0;
	if (!k.u)
		return codec >= 0 ? SLUICE_NO_MEMORY : SLUICE_UNSUPPORTED;
	k.free = k.u->space + count * sizeof(struct unit_packet);
	k.u->payload_type = t->codecs[codec].payload_type;
	for (size_t i = 0; i < count && !error; i++) {
		const sluice_rtp *p = &packets[i];
		uint64_t number;
		uint32_t timestamp;
		if (i && (p->codec != packets[0].codec || (k.u->count && forward_is_new(&l->forward, p))))
			break;
		error = check_packet(l, p, k.u->bytes);
		if (error)
			break;
		*taken += 1;
		if (finds_place(l, p, &number, &timestamp))
			add_packet(&k, p, number, timestamp);
	}
	if (k.u->count)
		t->codec = (uint8_t)codec;
	int refused = push_unit(&k);
	*taken = refused ? 0 : *taken;
	return refused ? refused : error;
}

void sluice_track_prefetch(const sluice_track *t) {
	prefetch(t->out, offsetof(struct out_layer, forward.segments) + 1);
	prefetch(t->media, offsetof(struct sluice_media, stats));
	prefetch(t->codecs, 1);
}

int sluice_track_send_rtp_run(sluice_track *t, const sluice_rtp *packets, size_t count) {
	int error = sending_check(t, 0);
	size_t done = 0, taken;
	while (!error && done < count) {
		error = send_unit(&t->out[0], packets + done, min64(count - done, UNIT_PACKETS), &taken);
		done += taken;
	}
	if (done)
		return (int)done;
	if (error == SLUICE_WOULD_BLOCK)
		t->out[0].stats.frames_dropped += packets[0].marker;
	return error;
}

int sluice_track_send_rtp(sluice_track *t, const sluice_rtp *p) {
	int result = sluice_track_send_rtp_run(t, p, 1);
	return result < 0 ? result : 0;
}
