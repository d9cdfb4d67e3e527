/* A player on a thread of its own: does it get each frame that dispatch() would have given, without a race? Most telling with
 * SAN=thread. The network thread runs the simulator; its virtual time is the player's clock. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "track_kit.h"

/* With sanitizers, the thread sanitizer above all, everything takes many times as long. */
#ifdef SLUICE_NOPOOL
#define FRAMES 300
#else
#define FRAMES 2000
#endif

static _Atomic uint64_t clock_now;

struct heard {
	sluice_player *player;
	unsigned frames, lost, small;
	uint32_t last;
};

static void take_frame(struct heard *h, const sluice_frame *f) {
	bool key;
	uint32_t number = media_frame_check(f->codec, f->data, f->len, &key);
	ck_assert(h->frames == 0 || number > h->last);
	h->last = number;
	h->frames++;
}

static void *play(void *arg) {
	static uint8_t space[65536];
	struct heard *h = arg;
	for (;;) {
		sluice_frame f;
		uint64_t next;
		bool small = h->frames % 10 == 5;
		switch (sluice_player_pull(h->player, atomic_load(&clock_now), space, small ? 10 : sizeof space, &f, &next)) {
		case SLUICE_PULL_ENDED:
			sluice_player_close(h->player);
			return NULL;
		case SLUICE_PULL_FRAME:
			if (!f.data) {
				h->small++;
				ck_assert_uint_gt(f.len, 10);
				ck_assert_int_eq(
					sluice_player_pull(h->player, atomic_load(&clock_now), space, sizeof space, &f, NULL),
					SLUICE_PULL_FRAME);
			}
			take_frame(h, &f);
			break;
		case SLUICE_PULL_LOST:
			h->lost++;
			break;
		case SLUICE_PULL_EMPTY:
			sched_yield();
			break;
		}
	}
}

static struct heard run_player(enum sluice_codec codec, const struct link_config *link) {
	struct media_world *w = media_world_up(2, SLUICE_SRTP_AES128_CM_SHA1_80, link);
	struct media_source source;
	struct media_sink sink = {0};
	struct heard h = {0};
	sluice_player *other;
	sluice_track_config config = media_track(codec, "v");
	media_source_open(w, &source, &w->ends[0], &config);
	media_sink_open(&sink, &w->ends[1], &config);
	ck_assert_int_eq(sluice_track_open_player(source.track, 0, &other), SLUICE_INVALID);
	ck_assert_int_eq(sluice_track_open_player(sink.track, 1, &other), SLUICE_INVALID);
	ck_assert_int_eq(sluice_track_open_player(sink.track, 0, &h.player), 0);
	ck_assert_int_eq(sluice_track_open_player(sink.track, 0, &other), SLUICE_EXISTS);
	pthread_t thread;
	atomic_store(&clock_now, w->sim.now);
	ck_assert_int_eq(pthread_create(&thread, NULL, play, &h), 0);
	media_source_run(w, &source, FRAMES, 20 * SLUICE_MS, sluice_codec_kind(codec) == SLUICE_VIDEO ? 1500 : 80);
	for (unsigned i = 0; i < FRAMES * 4 + 400; i++) {
		media_world_run(w, 5 * SLUICE_MS);
		atomic_store(&clock_now, w->sim.now);
		sched_yield();
	}
	ck_assert_uint_eq(sink.got[0], 0);
	sluice_media_remove(w->ends[1].media, sink.track);
	media_world_run(w, SLUICE_MS);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	media_world_run(w, 100 * SLUICE_MS);
	media_world_free(w);
	return h;
}

START_TEST(test_each_frame_reaches_the_player) {
	struct heard h = run_player(SLUICE_CODEC_VP8, NULL);
	/* A player that the machine does not let run loses what is too old. */
	ck_assert(h.lost ? h.frames > FRAMES / 4 : h.frames == FRAMES);
	ck_assert_uint_gt(h.small, 0);
	h = run_player(SLUICE_CODEC_OPUS, NULL);
	ck_assert(h.lost ? h.frames > FRAMES / 4 : h.frames == FRAMES);
}
END_TEST

START_TEST(test_a_player_lives_with_loss) {
	const struct link_config link = {
		.delay = KIT_MEDIA_DELAY, .loss = 0.03, .reorder = 0.03, .reorder_delay = 10 * SLUICE_MS};
	struct heard h = run_player(SLUICE_CODEC_VP8, &link);
	ck_assert_uint_gt(h.frames, FRAMES / 4);
	h = run_player(SLUICE_CODEC_OPUS, &link);
	ck_assert_uint_gt(h.frames, FRAMES / 4);
}
END_TEST

/* What is said once: a closed player gives its frames back to on_frame. */
START_TEST(test_a_closed_player_hands_back) {
	struct media_world *w = media_world_up(2, SLUICE_SRTP_NONE, NULL);
	struct media_source source;
	struct media_sink sink = {0};
	sluice_player *p;
	sluice_track_config config = media_track(SLUICE_CODEC_VP8, "v");
	media_source_open(w, &source, &w->ends[0], &config);
	media_sink_open(&sink, &w->ends[1], &config);
	ck_assert_int_eq(sluice_track_open_player(sink.track, 0, &p), 0);
	media_source_run(w, &source, 100, 20 * SLUICE_MS, 1500);
	media_world_run(w, SLUICE_S);
	ck_assert_uint_eq(sink.got[0], 0);
	sluice_player_close(p);
	sluice_player_close(NULL);
	media_world_run(w, 2 * SLUICE_S);
	ck_assert_uint_gt(sink.got[0], 30);
	media_world_free(w);
}
END_TEST

SUITE("media_player", test_each_frame_reaches_the_player, test_a_player_lives_with_loss, test_a_closed_player_hands_back)
