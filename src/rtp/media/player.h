/* player: takes the frames of one layer out of its jitter buffers, on another thread or in dispatch().
 *
 * A jitter buffer has one payload format. When the stream's codec changes, it gets another buffer, and the player moves on to
 * that when it has emptied the one before: such a buffer with its codec is a feed. Feeds are made and freed on the network
 * thread. At most PLAYER_FEEDS exist; while there are that many, packets of yet another codec are dropped.
 *
 *   `next` of a feed is set (release) by the network thread, `left` by the player, which does not look at the feed any more
 *   feeds are freed from the oldest on, and only those that were left, or all when the player is closed
 *
 * Media time begins with the first packet's arrival. `shift` of a feed moves it to the time line that tracks of one source share
 * (sync.c): forward at once; back, and by less than PLAYER_STEP, by a hundredth of the time that passes, so that it always rises.
 *
 * Frames of a video that a decoder cannot use are passed: what comes behind a gap, and at first, up to a keyframe. The network
 * thread is told by a flag that one is wanted. */
#ifndef RTP_MEDIA_PLAYER_H
#define RTP_MEDIA_PLAYER_H

#include <stdatomic.h>

#include "rtp/jitter.h"
#include "sluice/media.h"

#define PLAYER_FEEDS 3
#define PLAYER_STEP (5 * SLUICE_MS)

struct feed {
	struct jitter *jitter;
	enum sluice_codec codec;
	uint32_t first_timestamp;
	uint64_t first_arrival;
	_Atomic int64_t shift; /* ns, from media time by arrival to that of the line; the network thread writes it */
	_Atomic(struct feed *) next;
	atomic_bool left;
};

enum player_count {
	PLAYER_FRAMES,
	PLAYER_KEYFRAMES,
	PLAYER_DROPPED,
	PLAYER_SEVERAL, /* frames of more than one packet */
	PLAYER_COUNTS,
};

struct sluice_player {
	/* ---- the network thread ---- */
	sluice_env *env;
	struct feed *oldest, *newest;
	unsigned feeds;
	bool is_new;         /* what comes next is another stream's */
	sluice_player *next; /* in a player_list */

	/* ---- both ---- */
	_Atomic(struct feed *) first;
	atomic_bool ended, closed, wants_keyframe;
	_Atomic uint64_t counts[PLAYER_COUNTS];

	/* ---- the player's thread ---- */
	struct feed *at;
	bool is_video, needs_keyframe;
	bool holds; /* `unit` did not fit; it is given once more */
	uint8_t layer;
	uint32_t lost;      /* since the last frame */
	uint64_t timestamp; /* of the last frame, unwrapped */
	int64_t shift;      /* as the last frame had it */
	int64_t shifted_at; /* media time of that frame by arrival */
	struct jitter_unit unit;
};

/* NULL: no memory. */
sluice_player *player_new(sluice_env *env, enum sluice_media_kind kind, uint8_t layer);
/* Both threads have stopped using it. p may be NULL. */
void player_free(sluice_player *p);

/* ---- the network thread ---- */

/* The feed for this codec, made if it has to be. NULL: no memory, or the player is too slow. */
struct feed *player_feed(sluice_player *p, enum sluice_codec codec, uint32_t timestamp, uint64_t now);
/* What comes from now on is of another SSRC: it gets a feed of its own. */
static inline void player_restart(sluice_player *p) {
	p->is_new = true;
}
/* Frees the feeds that were left, and gives back packets that were played. */
void player_reap(sluice_player *p);
static inline bool player_takes_keyframe_wish(sluice_player *p) {
	return atomic_load_explicit(&p->wants_keyframe, memory_order_relaxed) && atomic_exchange(&p->wants_keyframe, false);
}
static inline uint64_t player_count(const sluice_player *p, enum player_count what) {
	return atomic_load_explicit(&p->counts[what], memory_order_relaxed);
}

/* Players without a track, that wait until their thread has closed them. */
struct player_list {
	sluice_player *first;
};
void player_list_add(struct player_list *l, sluice_player *p);
void player_list_reap(struct player_list *l);
void player_list_free(struct player_list *l);

/* ---- the player's thread ---- */

/* The next frame that is due. FRAME: p->unit says which, and player_assemble() gives its bytes. */
enum sluice_pull player_pull(sluice_player *p, uint64_t now, sluice_frame *frame, uint64_t *next);
/* As many bytes as are enough for player_assemble(). */
size_t player_bound(const sluice_player *p);
/* Writes the frame's bytes and its fields that follow from them. False: they do not fit together, and the frame is lost. */
bool player_assemble(sluice_player *p, uint8_t *space, size_t size, sluice_frame *frame);

#endif
