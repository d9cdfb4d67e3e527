/* layer_in: what happens to a packet of a layer: RED is unpacked, the queue of packets and the jitter buffer get it. */
#include <string.h>

#include "base/arith.h"
#include "rtp/media/media.h"

#define REPAIR_MEMORY (10 * SLUICE_S)
#define REPAIR_EXTRA (100 * SLUICE_MS)

/* ---- which packets came ---- */

/* A packet fills a hole: how long after its neighbour did it come? Frames should wait so long for the next one. */
static void note_repair(struct in_layer *l, uint64_t number, uint64_t now) {
	uint64_t wait = now - l->arrivals[(number - 1) % 64];
	uint64_t most = 3 * rtp_session_round_trip(l->track->media->session) + REPAIR_EXTRA;
	if (wait > most || (wait < l->repair_wait && now < l->repair_until))
		return;
	l->repair_wait = wait;
	l->repair_until = now + REPAIR_MEMORY;
}

/* Notes that the number came. False: it had come before, as far as 64 numbers tell. */
static bool note_came(struct in_layer *l, uint64_t number, uint64_t now) {
	if (l->highest == 0)
		l->came = UINT64_MAX;
	if (number > l->highest) {
		uint64_t moved = l->highest ? number - l->highest : 0;
		l->came = (moved < 64 ? l->came << moved : 0) | 1;
		l->highest = number;
		l->arrivals[number % 64] = now;
		return true;
	}
	uint64_t back = l->highest - number;
	if (back >= 64)
		return true;
	bool is_new = !(l->came >> back & 1);
	if (is_new && back < 63 && l->came >> back >> 1 & 1)
		note_repair(l, number, now);
	l->arrivals[number % 64] = now;
	l->came |= UINT64_C(1) << back;
	return is_new;
}

static uint64_t missing_before(const struct in_layer *l, uint64_t number) {
	uint64_t back = l->highest - number + 1;
	return back < 64 ? ~l->came >> back : 0;
}

/* W3C, webrtc-stats: packetsReceived is the "total number of RTP packets received for this SSRC. This includes retransmissions",
 * and retransmittedPacketsReceived "is a subset of packetsReceived". A repair has the layer's SSRC as soon as it is unwrapped;
 * what else came by RTX, padding, is of another SSRC. */
void layer_in_count(struct in_layer *l, const struct rtp_received *got, bool is_new, uint64_t now) {
	sluice_inbound_rtp_stats *s = &l->stats;
	const struct rtp_packet *p = &got->packet;
	if (p->ssrc != l->ssrc)
		return;
	s->last_packet_received = now;
	s->packets_received++;
	s->bytes_received += p->payload_len;
	s->header_bytes_received += p->header_len + p->padding;
	s->packets_duplicated += !is_new;
	if (got->is_repair) {
		s->retransmitted_packets_received++;
		s->retransmitted_bytes_received += p->payload_len;
	}
}

/* ---- one payload ---- */

/* A payload on its way to the app: as it came, or out of a RED packet. */
struct arrival {
	const struct rtp_received *got;
	struct rtp_packet packet;
	uint64_t number;
	enum sluice_codec codec;
	unsigned bits; /* of the payload */
	bool begins_key;
	sluice_slab *slab;
	uint64_t now;
};

/* Moves the packet to memory that lives on, if it does not lie there yet. Returns the slab, with a reference; NULL: no memory. */
static sluice_slab *keep(struct sluice_media *m, struct arrival *a, ptrdiff_t *moved) {
	sluice_slab *owner;
	const uint8_t *start = a->packet.payload - a->packet.header_len;
	uint8_t *kept = media_keep(m, start, a->packet.header_len + a->packet.payload_len, a->slab, &owner);
	if (!kept)
		return NULL;
	*moved = kept - start;
	a->packet.payload = kept + a->packet.header_len;
	return owner;
}

static const uint8_t *element(const struct arrival *a, enum rtp_extension kind, ptrdiff_t moved) {
	const uint8_t *at = rtp_extension_get(&a->got->extensions, kind, 1);
	return at ? at + moved : NULL;
}

static void queue_packet(struct in_layer *l, const struct arrival *a, sluice_slab *owner, ptrdiff_t moved) {
	struct sluice_media *m = l->track->media;
	const struct rtp_packet *p = &a->packet;
	sluice_rtp packet = {
		.payload = p->payload,
		.len = p->payload_len,
		.slab = owner,
		.number = a->number,
		.missing = missing_before(l, a->number),
		.ssrc = l->ssrc,
		.timestamp = p->timestamp,
		.payload_type = p->payload_type,
		.marker = p->marker,
		.layer = l->index,
		.codec = a->codec,
		.begins = a->bits & PAYLOAD_BEGINS,
		.keyframe = a->begins_key || a->bits & PAYLOAD_KEYFRAME,
		.temporal = (uint8_t)payload_temporal(a->bits),
		.spatial = (uint8_t)payload_spatial(a->bits),
		.audio_level = element(a, RTP_EXT_AUDIO_LEVEL, moved),
		.video_orientation = element(a, RTP_EXT_VIDEO_ORIENTATION, moved),
		.dependency_descriptor = element(a, RTP_EXT_DEPENDENCY_DESCRIPTOR, moved),
		.received = a->now,
	};
	packet.dependency_descriptor_len = packet.dependency_descriptor ? a->got->extensions.len[RTP_EXT_DEPENDENCY_DESCRIPTOR]
	                                                                : 0;
	if (queue_is_full(&m->queue)) {
		l->stats.packets_discarded++;
		return;
	}
	slab_ref(owner);
	queue_push(&m->queue, l, &packet);
}

/* Where many slabs are in use, a packet that waits gets a block of its own. */
static void *owner_of(struct sluice_media *m, struct arrival *a, sluice_slab *slab) {
	if (!slab->copy_only) {
		slab_ref(slab);
		return slab;
	}
	uint8_t *block = env_alloc(m->env, a->packet.payload_len + 1);
	if (!block)
		return NULL;
	memcpy(block, a->packet.payload, a->packet.payload_len);
	a->packet.payload = block;
	return block + 1;
}

static void give_back(struct sluice_media *m, void *owner) {
	if ((uintptr_t)owner & 1)
		env_free(m->env, (uint8_t *)owner - 1);
	else
		sluice_slab_unref(owner);
}

static void follow_path(struct in_layer *l, struct jitter *j, uint64_t now) {
	uint64_t rtt = rtp_session_round_trip(l->track->media->session);
	if (now >= l->repair_until)
		l->repair_wait = 0;
	rtt = max64(rtt, l->repair_wait);
	if (rtt == l->rtt)
		return;
	l->rtt = rtt;
	jitter_set_rtt(j, l->repairs ? rtt : 0, now);
}

static void push_packet(struct in_layer *l, struct arrival *a, sluice_slab *slab) {
	struct sluice_media *m = l->track->media;
	struct feed *before = l->player->newest;
	struct feed *f = player_feed(l->player, a->codec, a->packet.timestamp, a->now);
	if (!f) {
		l->stats.packets_discarded++;
		return;
	}
	if (f != before) {
		l->rtt = 0;
		jitter_set_delay(f->jitter, l->track->delay, a->now);
	}
	follow_path(l, f->jitter, a->now);
	void *owner = owner_of(m, a, slab);
	if (!owner)
		return;
	enum jitter_push result = jitter_push(f->jitter, &a->packet, (int)a->bits, owner, a->now);
	l->pull_at = 0;
	if (result == JITTER_TAKEN)
		return;
	l->stats.packets_discarded += result != JITTER_DUPLICATE;
	give_back(m, owner);
}

/* What the payload says. When a keyframe begins, nobody asks for one any more, nor for what lies before it. */
static bool look(struct in_layer *l, struct arrival *a) {
	const struct rtp_packet *p = &a->packet;
	int bits = p->payload_len ? codec_format(a->codec)->parse(p->payload, p->payload_len) : 0;
	if (bits < 0)
		return false;
	a->bits = (unsigned)bits;
	a->begins_key = l->track->kind == SLUICE_VIDEO && codec_begins_key(a->codec, p->payload, p->payload_len, a->bits);
	if (a->begins_key)
		rtp_session_keyframe_came(l->track->media->session, l->stream, a->number);
	return true;
}

static void take_payload(struct in_layer *l, struct arrival *a) {
	struct sluice_track *t = l->track;
	ptrdiff_t moved;
	if (!look(l, a)) {
		l->stats.packets_discarded++;
		return;
	}
	bool for_app = track_wants_packets(t) && t->media->queue.ring && a->packet.payload_len;
	if (!for_app && !l->player)
		return;
	sluice_slab *owner = keep(t->media, a, &moved);
	if (!owner)
		return;
	if (for_app)
		queue_packet(l, a, owner, moved);
	if (l->player)
		push_packet(l, a, owner);
	sluice_slab_unref(owner);
}

/* ---- packets ---- */

/* RFC 2198: earlier payloads are for packets that got lost. */
static void take_red(struct in_layer *l, struct arrival *a) {
	struct red_reader r;
	struct red_block b;
	const struct rtp_packet whole = a->packet;
	if (red_read(&r, whole.payload, whole.payload_len, whole.timestamp)) {
		l->stats.packets_discarded++;
		return;
	}
	uint64_t newest = a->number;
	while (red_take(&l->red, &r, newest, &b)) {
		uint8_t codec = l->track->codec_of[b.payload_type & 127];
		a->number = newest - b.back;
		if (codec & ~CODEC_INDEX || b.len == 0)
			continue;
		l->stats.fec_packets_received += b.back > 0;
		if (b.back) {
			note_came(l, a->number, a->now);
			rtp_session_repaired(l->track->media->session, l->stream, a->number, a->now);
		}
		a->codec = l->track->codecs[codec].codec;
		a->packet = whole;
		a->packet.payload_type = b.payload_type;
		a->packet.header_len += (size_t)(b.data - whole.payload);
		a->packet.payload = b.data;
		a->packet.payload_len = b.len;
		a->packet.sequence = (uint16_t)a->number;
		a->packet.timestamp = b.timestamp;
		take_payload(l, a);
	}
}

/* What the callbacks want and there was no memory for. */
static void try_again(struct in_layer *l) {
	struct sluice_track *t = l->track;
	if (t->callbacks.on_frame && !l->player)
		layer_in_want_frames(l);
	if (track_wants_packets(t) && !t->media->queue.ring)
		queue_open(&t->media->queue, t->media->env);
}

void layer_in_take(struct in_layer *l, const struct rtp_received *got, sluice_slab *slab, uint64_t now) {
	struct sluice_track *t = l->track;
	uint8_t codec = t->codec_of[got->packet.payload_type & 127];
	struct arrival a = {.got = got, .packet = got->packet, .number = got->number, .slab = slab, .now = now};
	if (!note_came(l, got->number, now)) {
		l->stats.packets_duplicated++;
		return;
	}
	if (t->muted && !t->paused)
		track_mute(t, false);
	if (codec == TRACK_NO_CODEC || codec & CODEC_RTX) {
		l->stats.packets_discarded++;
		return;
	}
	try_again(l);
	t->codec = codec & CODEC_INDEX;
	a.codec = t->codecs[t->codec].codec;
	if (codec & CODEC_RED && a.packet.payload_len) {
		take_red(l, &a);
		return;
	}
	if (t->kind == SLUICE_AUDIO)
		red_came(&l->red, a.number, a.packet.timestamp);
	take_payload(l, &a);
}

/* ---- frames ---- */

int layer_in_want_frames(struct in_layer *l) {
	bool wants = l->track->callbacks.on_frame && !l->track->ended;
	if (l->is_lent)
		return 0;
	if (wants && !l->player) {
		l->player = player_new(l->track->media->env, l->track->kind, l->index);
		l->pull_at = SLUICE_NEVER;
		return l->player ? 0 : SLUICE_NO_MEMORY;
	}
	if (!wants && l->player) {
		player_free(l->player);
		l->player = NULL;
	}
	return 0;
}

void layer_in_close(struct in_layer *l) {
	struct sluice_media *m = l->track->media;
	queue_forget(&m->queue, l);
	if (l->player && l->is_lent) {
		atomic_store_explicit(&l->player->ended, true, memory_order_release);
		player_list_add(&m->orphans, l->player);
	} else {
		player_free(l->player);
	}
	l->player = NULL;
	streams_close_in(m, l);
}

/* A player that is closed makes room for on_frame again. */
void layer_in_listen(struct in_layer *l) {
	if (!l->player)
		return;
	if (player_takes_keyframe_wish(l->player) && l->stream >= 0)
		rtp_session_want_keyframe(l->track->media->session, l->stream);
	player_reap(l->player);
	if (l->is_lent && atomic_load_explicit(&l->player->closed, memory_order_acquire)) {
		player_free(l->player);
		l->player = NULL;
		l->is_lent = false;
		layer_in_want_frames(l);
	}
}
