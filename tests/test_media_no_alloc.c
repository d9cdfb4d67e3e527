/* Is nothing allocated once media runs? 10,000 packets and more go each way with 5% of loss, with NACK, RTX, TWCC, keyframes and
 * frames; and a middle forwards 20,000 packets to 20 watchers. Sanitizers see each object, so there the pools are off and there
 * is nothing to count. */
#include "track_kit.h"

#ifdef SLUICE_NOPOOL
#define IS_COUNTED false
#else
#define IS_COUNTED true
#endif

START_TEST(test_10000_packets_each_way_allocate_nothing) {
	const struct link_config link = {.delay = KIT_MEDIA_DELAY, .loss = 0.05};
	struct media_world *w = media_world_up(2, SLUICE_SRTP_AES128_CM_SHA1_80, &link);
	struct media_source sources[4];
	struct media_sink sinks[4] = {{0}};
	for (unsigned i = 0; i < 2; i++) {
		sluice_track_config video = media_track(SLUICE_CODEC_VP8, "v"), audio = media_track(SLUICE_CODEC_OPUS, "a");
		media_source_open(w, &sources[2 * i], &w->ends[i], &video);
		media_source_open(w, &sources[2 * i + 1], &w->ends[i], &audio);
		media_sink_open(&sinks[2 * i], &w->ends[1 - i], &video);
		media_sink_open(&sinks[2 * i + 1], &w->ends[1 - i], &audio);
	}
	/* The pools fill up: for some time there is more under way than later. */
	for (unsigned i = 0; i < 4; i++)
		media_source_run(w, &sources[i], 1000, 10 * SLUICE_MS, i % 2 ? 80 : 1500);
	media_world_run(w, 12 * SLUICE_S);
	for (unsigned i = 0; i < 4; i++)
		media_source_run(w, &sources[i], 6000, 20 * SLUICE_MS, i % 2 ? 80 : 1500);
	media_world_run(w, 40 * SLUICE_S);
	uint64_t before[2] = {w->ends[0].memory.allocations, w->ends[1].memory.allocations};
	sluice_media_stats stats[2];
	for (unsigned i = 0; i < 2; i++)
		sluice_media_stats_get(w->ends[i].media, &stats[i]);
	media_world_run(w, 75 * SLUICE_S);
	for (unsigned i = 0; i < 2; i++) {
		sluice_media_stats now;
		sluice_media_stats_get(w->ends[i].media, &now);
		ck_assert_uint_ge(now.packets_sent - stats[i].packets_sent, 10000);
		ck_assert_uint_ge(now.packets_received - stats[i].packets_received, 9000);
		if (IS_COUNTED)
			ck_assert_uint_eq(w->ends[i].memory.allocations, before[i]);
	}
	ck_assert_uint_gt(sinks[0].got[0], 4000);
	media_world_free(w);
}
END_TEST

/* ---- a forwarder ---- */

#define WATCHERS 20
#define PICTURE 31250 /* 7.5 Mb/s at 30 a second */
#define PAUSE (1500 * SLUICE_MS)

struct forwarding {
	struct memory memory;
	sluice_env *env;
	sluice_media *source, *middle, *watchers[WATCHERS];
	sluice_track *out, *in, *onward[WATCHERS];
	sluice_slab *slab; /* what the middle reads into */
	uint64_t now, sent, forwarded;
};

static sluice_media *make(struct forwarding *f, uint8_t send, uint8_t receive) {
	const sluice_media_config config = {.size = sizeof config, .start_bitrate = 10000000};
	sluice_srtp_key keys[2];
	sluice_media *m;
	memset(&keys[0], send, sizeof keys[0]);
	memset(&keys[1], receive, sizeof keys[1]);
	ck_assert_int_eq(sluice_media_new(f->env, &config, &m), 0);
	ck_assert_int_eq(sluice_media_set_keys(m, SLUICE_SRTP_AEAD_AES_128_GCM, &keys[0], &keys[1]), 0);
	sluice_media_advance(m, f->now);
	return m;
}

static void hand_on(sluice_track *t, const sluice_rtp *packets, size_t count, void *user) {
	struct forwarding *f = user;
	(void)t;
	for (unsigned i = 0; i < WATCHERS; i++)
		ck_assert_int_eq(sluice_track_send_rtp_run(f->onward[i], packets, count), (int)count);
}

static void forwarding_open(struct forwarding *f) {
	f->memory.plain = true;
	f->now = 1000 * SLUICE_S;
	const sluice_env_config env = {.allocator = memory_allocator(&f->memory), .cache_limit = (size_t)16 << 20};
	ck_assert_int_eq(sluice_env_new(&env, &f->env), 0);
	sluice_track_config config = media_track(SLUICE_CODEC_VP8, NULL);
	config.ssrcs[0] = 11;
	config.rtx_ssrcs[0] = 12;
	config.user = f;
	f->source = make(f, 1, 2);
	ck_assert_int_eq(sluice_media_add_sender(f->source, &config, &f->out), 0);
	for (unsigned i = 0; i < WATCHERS; i++) {
		f->watchers[i] = make(f, (uint8_t)(3 + i), 2);
		ck_assert_int_eq(sluice_media_add_sender(f->watchers[i], &config, &f->onward[i]), 0);
	}
	f->middle = make(f, 2, 1);
	config.callbacks.on_rtp_run = hand_on;
	ck_assert_int_eq(sluice_media_add_receiver(f->middle, &config, &f->in), 0);
	f->slab = sluice_slab_get(f->env);
}

static void forwarding_close(struct forwarding *f) {
	sluice_media_free(f->source);
	sluice_media_free(f->middle);
	for (unsigned i = 0; i < WATCHERS; i++)
		sluice_media_free(f->watchers[i]);
	sluice_slab_unref(f->slab);
	sluice_env_free(f->env);
	ck_assert_uint_eq(f->memory.live, 0);
}

static sluice_datagram datagram_of(const sluice_batch *b, size_t i, sluice_slab *slab) {
	return (sluice_datagram){sluice_batch_slot(b, i), sluice_batch_slot_len(b, i), slab};
}

/* A batch of the source's comes to the middle, in a slab of its own. */
static size_t come(struct forwarding *f) {
	sluice_datagram d[64];
	if (!sluice_slab_is_unshared(f->slab)) {
		sluice_slab_unref(f->slab);
		f->slab = sluice_slab_get(f->env);
	}
	sluice_batch b = {.data = sluice_slab_data(f->slab), .capacity = sluice_slab_size(f->slab)};
	int n = sluice_media_output(f->source, &b, f->now);
	for (int i = 0; i < n; i++)
		d[i] = datagram_of(&b, (size_t)i, f->slab);
	ck_assert_int_eq(sluice_media_input(f->middle, d, (size_t)n, f->now), 0);
	sluice_media_dispatch(f->middle);
	f->sent += (uint64_t)n;
	return (size_t)n;
}

static void leave(struct forwarding *f, sluice_media *m) {
	static uint8_t space[65536];
	sluice_batch b = {.data = space, .capacity = sizeof space};
	sluice_media_advance(m, f->now);
	for (int n; (n = sluice_media_output(m, &b, f->now)) > 0;)
		f->forwarded += (uint64_t)n;
}

/* Two seconds of pictures, then a pause: what was kept for repairs is given back all at once, and needed again. */
static void forward_pictures(struct forwarding *f, unsigned count) {
	static uint8_t picture[PICTURE + 64];
	for (unsigned i = 0; i < count; i++) {
		f->now += i % 60 == 59 ? PAUSE : 0;
		sluice_media_advance(f->source, f->now);
		size_t len = media_frame(SLUICE_CODEC_VP8, i, true, PICTURE, picture);
		const sluice_frame frame = {.data = picture, .len = len, .timestamp = f->now};
		ck_assert_int_eq(sluice_track_send_frame(f->out, &frame), 0);
		for (unsigned ms = 0; ms < 33; ms++, f->now += SLUICE_MS) {
			sluice_media_advance(f->source, f->now);
			while (come(f) > 0)
				;
			for (unsigned k = 0; k < WATCHERS; k++)
				leave(f, f->watchers[k]);
			leave(f, f->middle);
		}
	}
}

START_TEST(test_20000_packets_that_come_and_go_to_20_watchers_allocate_nothing) {
	static struct forwarding f;
	forwarding_open(&f);
	forward_pictures(&f, 180);
	uint64_t before = f.memory.allocations, sent = f.sent, forwarded = f.forwarded;
	forward_pictures(&f, IS_COUNTED ? 780 : 20);
	if (IS_COUNTED) {
		ck_assert_uint_ge(f.sent - sent, 20000);
		ck_assert_uint_eq(f.memory.allocations, before);
	}
	ck_assert_uint_ge(f.forwarded - forwarded, WATCHERS * (f.sent - sent) * 99 / 100);
	forwarding_close(&f);
}
END_TEST

SUITE("media_no_alloc", test_10000_packets_each_way_allocate_nothing,
      test_20000_packets_that_come_and_go_to_20_watchers_allocate_nothing)
