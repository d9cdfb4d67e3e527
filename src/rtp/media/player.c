#include "rtp/media/player.h"

#include "base/serial.h"
#include "rtp/media/codec.h"

#define G711_RATE 8000
#define TICKS_MOST ((int64_t)1 << 44) /* from the feed's first timestamp; of 8,000 a second, 2^61 ns */

/* ---- the network thread ---- */

sluice_player *player_new(sluice_env *env, enum sluice_media_kind kind, uint8_t layer) {
	sluice_player *p = env_zalloc(env, sizeof *p);
	if (!p)
		return NULL;
	p->env = env;
	p->is_video = p->needs_keyframe = kind == SLUICE_VIDEO;
	p->layer = layer;
	return p;
}

static void free_oldest(sluice_player *p) {
	struct feed *f = p->oldest;
	p->oldest = atomic_load_explicit(&f->next, memory_order_relaxed);
	p->feeds--;
	jitter_free(f->jitter);
	env_free(p->env, f);
}

void player_free(sluice_player *p) {
	if (!p)
		return;
	while (p->oldest)
		free_oldest(p);
	env_free(p->env, p);
}

/* A block that holds one packet is told from a slab by the lowest bit, which is no part of an address. */
static void release_packet(void *ctx, void *owner) {
	if ((uintptr_t)owner & 1)
		env_free(ctx, (uint8_t *)owner - 1);
	else
		sluice_slab_unref(owner);
}

static struct feed *feed_new(sluice_player *p, enum sluice_codec codec, uint32_t timestamp, uint64_t now) {
	const struct jitter_config config = {.format = codec_format(codec), .release = release_packet, .ctx = p->env};
	struct feed *f = env_zalloc(p->env, sizeof *f);
	struct jitter *j = f ? jitter_new(p->env, &config) : NULL;
	if (!j) {
		env_free(p->env, f);
		return NULL;
	}
	f->jitter = j;
	f->codec = codec;
	f->first_timestamp = timestamp;
	f->first_arrival = now;
	return f;
}

struct feed *player_feed(sluice_player *p, enum sluice_codec codec, uint32_t timestamp, uint64_t now) {
	if (p->newest && p->newest->codec == codec && !p->is_new)
		return p->newest;
	player_reap(p);
	struct feed *f = p->feeds < PLAYER_FEEDS ? feed_new(p, codec, timestamp, now) : NULL;
	if (!f)
		return NULL;
	if (p->newest) {
		/* What is known of the stream before holds until an SR says something else. */
		int64_t shift = atomic_load_explicit(&p->newest->shift, memory_order_relaxed);
		atomic_store_explicit(&f->shift, shift, memory_order_relaxed);
		atomic_store_explicit(&p->newest->next, f, memory_order_release);
	} else {
		atomic_store_explicit(&p->first, f, memory_order_release);
	}
	p->oldest = p->oldest ? p->oldest : f;
	p->newest = f;
	p->is_new = false;
	p->feeds++;
	return f;
}

void player_reap(sluice_player *p) {
	while (p->oldest && p->oldest != p->newest && atomic_load_explicit(&p->oldest->left, memory_order_acquire))
		free_oldest(p);
	for (struct feed *f = p->oldest; f; f = atomic_load_explicit(&f->next, memory_order_relaxed))
		jitter_reap(f->jitter);
}

void player_list_add(struct player_list *l, sluice_player *p) {
	p->next = l->first;
	l->first = p;
}

void player_list_reap(struct player_list *l) {
	for (sluice_player **at = &l->first; *at;) {
		sluice_player *p = *at;
		if (atomic_load_explicit(&p->closed, memory_order_acquire)) {
			*at = p->next;
			player_free(p);
		} else {
			player_reap(p);
			at = &p->next;
		}
	}
}

void player_list_free(struct player_list *l) {
	for (sluice_player *p; (p = l->first) != NULL;) {
		l->first = p->next;
		player_free(p);
	}
}

/* ---- the player's thread ---- */

static void player_add(sluice_player *p, enum player_count what) {
	atomic_fetch_add_explicit(&p->counts[what], 1, memory_order_relaxed);
}

static bool move_on(sluice_player *p) {
	struct feed *next = p->at ? atomic_load_explicit(&p->at->next, memory_order_acquire)
	                          : atomic_load_explicit(&p->first, memory_order_acquire);
	if (!next)
		return false;
	if (p->at)
		atomic_store_explicit(&p->at->left, true, memory_order_release);
	p->at = next;
	p->timestamp = SERIAL_ORIGIN + next->first_timestamp;
	p->needs_keyframe = p->is_video;
	return true;
}

static void need_keyframe(sluice_player *p) {
	p->needs_keyframe = true;
	atomic_store(&p->wants_keyframe, true);
}

static void note_lost(sluice_player *p, uint64_t packets) {
	p->lost += (uint32_t)packets;
	if (p->is_video)
		need_keyframe(p);
}

/* The shift of a frame whose time by arrival is `at`. */
static int64_t follow_shift(sluice_player *p, int64_t at) {
	int64_t more = atomic_load_explicit(&p->at->shift, memory_order_relaxed) - p->shift;
	int64_t passed = at > p->shifted_at ? at - p->shifted_at : 0;
	int64_t most = passed / 100;
	p->shifted_at = at;
	if (more < (int64_t)PLAYER_STEP)
		more = more > most ? most : more < -most ? -most : more;
	return p->shift += more;
}

/* A sender whose timestamps only ever jump would move the unwrapped one out of what ns can say. It is unwrapped anew then, which
 * is one more jump. */
static int64_t ticks_of(sluice_player *p) {
	p->timestamp = serial_unwrap(p->unit.timestamp, p->timestamp);
	int64_t ticks = (int64_t)(p->timestamp - SERIAL_ORIGIN - p->at->first_timestamp);
	if (ticks < TICKS_MOST && ticks > -TICKS_MOST)
		return ticks;
	p->timestamp = SERIAL_ORIGIN + p->unit.timestamp;
	return (int64_t)p->unit.timestamp - p->at->first_timestamp;
}

static uint64_t media_time(sluice_player *p) {
	const struct feed *f = p->at;
	int64_t ticks = ticks_of(p);
	int64_t ns = (int64_t)((__int128)ticks * 1000000000 / sluice_codec_clock_rate(f->codec)) + (int64_t)f->first_arrival;
	ns += follow_shift(p, ns);
	return ns > 0 ? (uint64_t)ns : 0;
}

static void describe(sluice_player *p, sluice_frame *frame) {
	*frame = (sluice_frame){
		.timestamp = media_time(p),
		.keyframe = p->unit.keyframe || !p->is_video,
		.temporal = p->unit.temporal,
		.spatial = p->unit.spatial,
		.layer = p->layer,
		.codec = p->at->codec,
		.rtp_timestamp = p->unit.timestamp,
		.lost = p->lost,
	};
}

/* A frame behind a gap is of no use up to the next keyframe. */
static bool is_usable(sluice_player *p) {
	if (!p->is_video || !p->needs_keyframe || p->unit.keyframe)
		return true;
	need_keyframe(p);
	player_add(p, PLAYER_DROPPED);
	return false;
}

enum sluice_pull player_pull(sluice_player *p, uint64_t now, sluice_frame *frame, uint64_t *next) {
	*next = SLUICE_NEVER;
	if (!p->at && !move_on(p))
		return atomic_load_explicit(&p->ended, memory_order_acquire) ? SLUICE_PULL_ENDED : SLUICE_PULL_EMPTY;
	for (;;) {
		bool ended = atomic_load_explicit(&p->ended, memory_order_acquire);
		switch (jitter_pull(p->at->jitter, now, &p->unit)) {
		case JITTER_EMPTY:
			*next = p->unit.next;
			if (*next != SLUICE_NEVER)
				return SLUICE_PULL_EMPTY;
			if (move_on(p))
				break;
			return ended ? SLUICE_PULL_ENDED : SLUICE_PULL_EMPTY;
		case JITTER_LOST:
			note_lost(p, p->unit.lost);
			*frame = (sluice_frame){.layer = p->layer, .codec = p->at->codec, .lost = (uint32_t)p->unit.lost};
			return SLUICE_PULL_LOST;
		case JITTER_UNIT:
			if (!is_usable(p))
				break;
			describe(p, frame);
			return SLUICE_PULL_FRAME;
		}
	}
}

size_t player_bound(const sluice_player *p) {
	return payload_unit_bound(p->unit.bytes, p->unit.count);
}

static uint64_t duration_of(enum sluice_codec codec, const uint8_t *data, size_t len) {
	if (codec == SLUICE_CODEC_OPUS)
		return (uint64_t)payload_opus_samples(data, len) * SLUICE_S / payload_opus.clock_rate;
	return codec == SLUICE_CODEC_PCMU || codec == SLUICE_CODEC_PCMA ? len * SLUICE_S / G711_RATE : 0;
}

bool player_assemble(sluice_player *p, uint8_t *space, size_t size, sluice_frame *frame) {
	int len = jitter_assemble(p->at->jitter, PAYLOAD_ANNEX_B, space, size);
	if (len < 0) {
		player_add(p, PLAYER_DROPPED);
		note_lost(p, p->unit.count);
		return false;
	}
	frame->data = space;
	frame->len = (size_t)len;
	frame->duration = duration_of(frame->codec, space, (size_t)len);
	p->lost = 0;
	p->needs_keyframe = false;
	player_add(p, PLAYER_FRAMES);
	if (frame->keyframe)
		player_add(p, PLAYER_KEYFRAMES);
	if (p->unit.count > 1)
		player_add(p, PLAYER_SEVERAL);
	return true;
}

/* The frame that did not fit is still the jitter buffer's last one. */
enum sluice_pull sluice_player_pull(sluice_player *p, uint64_t now, uint8_t *space, size_t size, sluice_frame *frame,
                                    uint64_t *next) {
	uint64_t unused;
	enum sluice_pull result = SLUICE_PULL_FRAME;
	if (p->holds && size >= player_bound(p))
		describe(p, frame);
	else
		result = player_pull(p, now, frame, next ? next : &unused);
	p->holds = false;
	if (result != SLUICE_PULL_FRAME)
		return result;
	if (size < player_bound(p)) {
		p->holds = true;
		frame->len = player_bound(p);
		/* If the space does not come, the frame is missing. */
		p->needs_keyframe = p->is_video;
		return result;
	}
	if (player_assemble(p, space, size, frame))
		return result;
	*frame = (sluice_frame){.layer = p->layer, .codec = p->at->codec, .lost = p->unit.count};
	return SLUICE_PULL_LOST;
}

void sluice_player_close(sluice_player *p) {
	if (p)
		atomic_store_explicit(&p->closed, true, memory_order_release);
}
