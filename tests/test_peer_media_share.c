/* Media and data over one bottleneck: does the association yield to media where tracks send, and only there? */
#include <stdio.h>
#include <stdlib.h>

#include "peer_media_kit.h"

static struct av k; /* a test runs in a process of its own */

struct path {
	const char *name;
	struct link_config link;
	uint64_t demand;   /* bit/s that the encoder takes at most */
	double data_least; /* Mb/s beside media */
	double data_alone; /* Mb/s when media has stopped */
};

/* Queues of 300, 300, 100 and 50 ms. */
static const struct path paths[] = {
	{"2.5 of 3 Mb/s", {.delay = 20 * SLUICE_MS, .rate = 3000000, .queue = 112500}, 2500000, 0.1, 2.4},
	{"1 of 3 Mb/s", {.delay = 20 * SLUICE_MS, .rate = 3000000, .queue = 112500}, 1000000, 0.6, 2.4},
	{"2.5 of 3 Mb/s with jitter",
         {.delay = 20 * SLUICE_MS, .rate = 3000000, .queue = 112500, .jitter = 3 * SLUICE_MS},
         2500000,
         0.1,
         2.4},
	{"6 of 10 Mb/s", {.delay = 40 * SLUICE_MS, .rate = 10000000, .queue = 125000, .loss = 0.0002}, 6000000, 0.5, 6},
	{"2 of 20 Mb/s", {.delay = 10 * SLUICE_MS, .rate = 20000000, .queue = 125000}, 2000000, 10, 16},
};
#define PATHS (sizeof paths / sizeof *paths)

static struct flow *video;
static uint64_t demand;
static bool fills;

static void on_bitrate(sluice_track *t, unsigned layer, uint64_t bits_per_second, void *user) {
	(void)t, (void)layer, (void)user;
	uint64_t rate = bits_per_second < demand ? bits_per_second : demand;
	video->size = rate / 8 / 30;
	video->size = video->size < 100 ? 100 : video->size;
}

static void fill(void *ctx) {
	static const uint8_t bytes[16384];
	(void)ctx;
	sluice_channel *ch = k.a.caller->channel;
	while (ch && sluice_channel_state(ch) == SLUICE_CHANNEL_OPEN && sluice_channel_send(ch, bytes, sizeof bytes) == 0) {
	}
	if (fills)
		sim_at(&k.sim, k.sim.now + 20 * SLUICE_MS, fill, NULL);
}

/* ---- figures --------------------------------------------------------------------------------------------------------- */

struct rates {
	double media, data; /* Mb/s */
};

static struct rates rates_over(uint64_t ns) {
	uint64_t media = k.b.flows[0].bytes, data = k.b.caller->received_bytes;
	av_run(&k, ns);
	double us = (double)ns / 1000;
	return (struct rates){(double)(k.b.flows[0].bytes - media) * 8 / us,
	                      (double)(k.b.caller->received_bytes - data) * 8 / us};
}

/* The second half of a run of 35 s, and what data has from 4 s after the end of media on. */
struct outcome {
	struct rates both, after;
};

static void begin(const struct path *path, enum sluice_cc control, uint64_t seed) {
	sluice_peer_config c;
	sluice_peer_config_init(&c);
	c.sctp.congestion_control = control;
	demand = path->demand;
	av_begin_seeded(&k, seed, &path->link, &c, NULL);
	video = av_add_with(&k.a, SLUICE_VIDEO, &(sluice_transceiver_config){.direction = SLUICE_SENDONLY});
	sluice_track_callbacks callbacks = av_sending();
	callbacks.on_bitrate = on_bitrate;
	sluice_track_set_callbacks(sluice_transceiver_sender(video->transceiver), &callbacks, &k.a);
	video->size = 1000;
	caller_open(k.a.caller, "hello");
	av_settle(&k);
}

/* Data has the path alone for 3 s; media joins it, has 15 s to get its share, and stops. */
static struct outcome run(const struct path *path, enum sluice_cc control, uint64_t seed, bool with_data) {
	struct outcome o;
	begin(path, control, seed);
	fills = with_data;
	if (with_data)
		fill(NULL);
	av_run(&k, 3 * SLUICE_S);
	av_send(video, 33333333);
	av_run(&k, 15 * SLUICE_S);
	o.both = rates_over(20 * SLUICE_S);
	av_send(video, 0);
	av_run(&k, 4 * SLUICE_S);
	o.after = rates_over(4 * SLUICE_S);
	if (getenv("SLUICE_FIGURES"))
		printf("%s, seed %d, control %d%s: media %.2f Mb/s, data %.2f Mb/s, then %.2f Mb/s\n", path->name, (int)seed,
		       control, with_data ? "" : ", no data", o.both.media, o.both.data, o.after.data);
	fills = false;
	av_end(&k);
	return o;
}

/* ---- tests ----------------------------------------------------------------------------------------------------------- */

static void check_yields(const struct path *path, uint64_t seed) {
	struct outcome alone = run(path, SLUICE_CC_DEFAULT, seed, false), o = run(path, SLUICE_CC_DEFAULT, seed, true);
	ck_assert_msg(o.both.media > 0.8 * alone.both.media, "%s, seed %d: media %.2f beside data, %.2f Mb/s alone", path->name,
	              (int)seed, o.both.media, alone.both.media);
	ck_assert_msg(o.both.data > path->data_least, "%s, seed %d: data %.2f Mb/s", path->name, (int)seed, o.both.data);
	ck_assert_msg(o.after.data > path->data_alone, "%s, seed %d: data alone %.2f Mb/s", path->name, (int)seed, o.after.data);
}

START_TEST(test_media_has_what_it_wants_and_data_the_rest) {
	for (size_t i = 0; i < PATHS; i++)
		for (unsigned seed = 0; seed < sim_seeds(2); seed++)
			check_yields(&paths[i], sim_seed(17) + seed);
}
END_TEST

START_TEST(test_data_does_not_yield_when_the_app_chose_a_control) {
	struct outcome o = run(&paths[0], SLUICE_CC_CUBIC, sim_seed(17), true);
	ck_assert_msg(o.both.data > 1.5, "media %.2f, data %.2f Mb/s", o.both.media, o.both.data);
}
END_TEST

static const char *control_of(const struct caller *c) {
	sluice_peer_stats s;
	sluice_peer_stats_get(c->peer, &s);
	return s.sctp.congestion_control;
}

START_TEST(test_the_control_follows_the_direction_of_tracks) {
	av_begin(&k, NULL);
	caller_open(k.a.caller, "hello");
	av_settle(&k);
	ck_assert_str_eq(control_of(k.a.caller), "cubic");
	video = av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDONLY);
	av_settle(&k);
	ck_assert_str_eq(control_of(k.a.caller), "low-delay");
	ck_assert_str_eq(control_of(k.b.caller), "cubic");
	ck_assert_int_eq(sluice_transceiver_set_direction(video->transceiver, SLUICE_INACTIVE), 0);
	av_settle(&k);
	ck_assert_str_eq(control_of(k.a.caller), "cubic");
	av_end(&k);
}
END_TEST

SUITE("media beside data", test_media_has_what_it_wants_and_data_the_rest, test_data_does_not_yield_when_the_app_chose_a_control,
      test_the_control_follows_the_direction_of_tracks)
