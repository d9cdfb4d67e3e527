/* Media and data over one bottleneck: does the association yield to media where tracks send, and only there? */
#include <stdio.h>
#include <stdlib.h>

#include "peer_media_kit.h"

static struct av k; /* a test runs in a process of its own */

/* 3 Mb/s with a queue of 300 ms. */
#define RATE 3000000.0
static const struct link_config bottleneck = {.delay = 20 * SLUICE_MS, .rate = RATE, .queue = 112500};

static struct flow *video;
static uint64_t wanted; /* bit/s: an encoder that takes up to 2 Mb/s */

static void on_bitrate(sluice_track *t, unsigned layer, uint64_t bits_per_second, void *user) {
	(void)t, (void)layer, (void)user;
	wanted = bits_per_second < 2000000 ? bits_per_second : 2000000;
	video->size = wanted / 8 / 30;
	video->size = video->size < 100 ? 100 : video->size;
}

static void fill(void *ctx) {
	static const uint8_t bytes[16384];
	(void)ctx;
	sluice_channel *ch = k.a.caller->channel;
	while (ch && sluice_channel_state(ch) == SLUICE_CHANNEL_OPEN && sluice_channel_send(ch, bytes, sizeof bytes) == 0) {
	}
	if (k.sim.now < 60 * SLUICE_S)
		sim_at(&k.sim, k.sim.now + 20 * SLUICE_MS, fill, NULL);
}

struct outcome {
	double media, data; /* Mb/s over the last 20 s */
};

static struct outcome run(enum sluice_cc control) {
	sluice_peer_config c;
	sluice_peer_config_init(&c);
	c.sctp.congestion_control = control;
	av_begin_with(&k, &bottleneck, &c, NULL);
	video = av_add_with(&k.a, SLUICE_VIDEO, &(sluice_transceiver_config){.direction = SLUICE_SENDONLY});
	sluice_track_callbacks callbacks = av_sending();
	callbacks.on_bitrate = on_bitrate;
	sluice_track_set_callbacks(sluice_transceiver_sender(video->transceiver), &callbacks, &k.a);
	video->size = 1000;
	caller_open(k.a.caller, "hello");
	av_send(video, 33333333);
	av_settle(&k);
	fill(NULL);
	av_run(&k, 20 * SLUICE_S);
	uint64_t media = k.b.flows[0].bytes, data = k.b.caller->received_bytes;
	av_run(&k, 20 * SLUICE_S);
	struct outcome o = {(double)(k.b.flows[0].bytes - media) * 8 / 20e6,
	                    (double)(k.b.caller->received_bytes - data) * 8 / 20e6};
	if (getenv("SLUICE_FIGURES"))
		printf("control %d: media %.2f Mb/s, data %.2f Mb/s\n", control, o.media, o.data);
	av_end(&k);
	return o;
}

START_TEST(test_data_yields_to_media_by_default_and_not_when_the_app_chose_a_control) {
	struct outcome yields = run(SLUICE_CC_DEFAULT), fills = run(SLUICE_CC_CUBIC);
	ck_assert_msg(yields.media > 1.1 * fills.media, "media %.2f against %.2f Mb/s", yields.media, fills.media);
	ck_assert_msg(yields.data > 0.1 && yields.media + yields.data > 1.5, "media %.2f, data %.2f", yields.media, yields.data);
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

SUITE("media beside data", test_data_yields_to_media_by_default_and_not_when_the_app_chose_a_control,
      test_the_control_follows_the_direction_of_tracks)
