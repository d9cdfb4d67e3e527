/* Media of a peer under hard conditions: clocks that stand still or step back between verbs, a narrow path that media and data
 * fill in both directions, pauses of hours. Frames go on. */
#include <stdio.h>

#include "peer_media_kit.h"
#include "sim/clocks.h"

static struct av k; /* a test runs in a process of its own */

/* ---- clocks ---------------------------------------------------------------------------------------------------------- */

static void call_by_clock(clock_fn kind, bool at_a) {
	struct watch w = {.kind = kind, .rng = rng_of(sim_seed(17), 77)};
	av_begin(&k, NULL);
	struct sim_host *h = at_a ? k.a.caller->host : k.b.caller->host;
	h->clock = watch_read;
	h->clock_ctx = &w;
	k.b.answers = SLUICE_SENDRECV;
	for (unsigned i = 0; i < 2; i++)
		av_send(av_add(&k.a, i ? SLUICE_VIDEO : SLUICE_AUDIO, SLUICE_SENDRECV), i ? 33 * SLUICE_MS : 20 * SLUICE_MS);
	av_settle(&k);
	av_run(&k, 2 * SLUICE_S);
	uint32_t before[2][2];
	for (unsigned i = 0; i < 2; i++) {
		before[0][i] = k.a.flows[i].got;
		before[1][i] = k.b.flows[i].got;
	}
	av_run(&k, 10 * SLUICE_S);
	for (unsigned i = 0; i < 2; i++) {
		uint32_t least = k.a.flows[i].kind == SLUICE_AUDIO ? 480 : 285;
		ck_assert_uint_ge(k.a.flows[i].got - before[0][i], least);
		ck_assert_uint_ge(k.b.flows[i].got - before[1][i], k.b.flows[i].kind == SLUICE_AUDIO ? 480 : 285);
	}
	av_end(&k);
}

START_TEST(test_frames_travel_whatever_the_clock_does_between_verbs) {
	call_by_clock(clock_repeats, _i);
	call_by_clock(clock_steps_back_1ns, _i);
	call_by_clock(clock_steps_back_1s, _i);
}
END_TEST

/* ---- a narrow path --------------------------------------------------------------------------------------------------- */

static bool fills;

static void fill(void *ctx) {
	static const uint8_t bytes[8192];
	struct caller *c = ctx;
	sluice_channel *ch = c->channel;
	while (fills && ch && sluice_channel_state(ch) == SLUICE_CHANNEL_OPEN &&
	       sluice_channel_send(ch, bytes, sizeof bytes) == 0) {
	}
	if (fills)
		sim_at(&k.sim, k.sim.now + 20 * SLUICE_MS, fill, c);
}

static void on_bitrate(sluice_track *t, unsigned layer, uint64_t rate, void *user) {
	struct flow *f = av_flow(user, sluice_track_transceiver(t));
	(void)layer;
	rate = rate < 2000000 ? rate : 2000000;
	f->size = rate / 8 / 30 > 100 ? rate / 8 / 30 : 100;
}

static void follow_rate(struct flow *f) {
	sluice_track_callbacks c = av_sending();
	c.on_bitrate = on_bitrate;
	sluice_track_set_callbacks(sluice_transceiver_sender(f->transceiver), &c, f->end);
	f->size = 1000;
	av_send(f, 33333333);
}

static void follow_in_track(struct av_end *e, struct flow *f) {
	(void)e;
	follow_rate(f);
}

/* Both ends or one of them send media; both fill the path with data. 1 Mb/s each way, a queue of 200 ms. */
START_TEST(test_neither_media_nor_data_starves_on_a_narrow_path) {
	const struct link_config link = {.delay = 30 * SLUICE_MS, .rate = 1000000, .queue = 25000};
	bool both = _i;
	av_begin(&k, &link);
	k.b.answers = both ? SLUICE_SENDRECV : SLUICE_RECVONLY;
	k.b.in_track = both ? follow_in_track : NULL;
	follow_rate(av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDRECV));
	caller_open(k.a.caller, "hello");
	av_settle(&k);
	fills = true;
	fill(k.a.caller);
	fill(k.b.caller);
	av_run(&k, 20 * SLUICE_S);
	uint64_t media[] = {k.a.flows[0].bytes, k.b.flows[0].bytes};
	uint64_t data[] = {k.a.caller->received_bytes, k.b.caller->received_bytes};
	av_run(&k, 20 * SLUICE_S);
	media[0] = k.a.flows[0].bytes - media[0];
	media[1] = k.b.flows[0].bytes - media[1];
	data[0] = k.a.caller->received_bytes - data[0];
	data[1] = k.b.caller->received_bytes - data[1];
	if (getenv("SLUICE_FIGURES"))
		printf("to a: media %.0f, data %.0f; to b: media %.0f, data %.0f kb/s\n", (double)media[0] / 2500,
		       (double)data[0] / 2500, (double)media[1] / 2500, (double)data[1] / 2500);
	/* Of 2.5 MB in 20 s. Headers and what the two measure take a part. */
	ck_assert_uint_gt(media[1], 750000);
	ck_assert_uint_gt(data[1], 60000);
	ck_assert_uint_gt(data[0], both ? 60000 : 1500000);
	if (both)
		ck_assert_uint_gt(media[0], 750000);
	fills = false;
	av_end(&k);
}
END_TEST

/* ---- pauses ---------------------------------------------------------------------------------------------------------- */

START_TEST(test_frames_travel_behind_a_pause_of_hours) {
	av_begin(&k, NULL);
	k.b.answers = SLUICE_SENDRECV;
	struct flow *f = av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDRECV);
	av_send(f, 33 * SLUICE_MS);
	av_settle(&k);
	for (unsigned round = 0; round < 3; round++) {
		av_send(f, 0);
		av_send(&k.b.flows[0], 0);
		av_run(&k, 3600 * SLUICE_S);
		uint32_t before = k.b.flows[0].got, back = k.a.flows[0].got;
		av_send(f, 33 * SLUICE_MS);
		av_send(&k.b.flows[0], 33 * SLUICE_MS);
		av_run(&k, 2 * SLUICE_S);
		ck_assert_uint_ge(k.b.flows[0].got - before, 50);
		ck_assert_uint_ge(k.a.flows[0].got - back, 50);
	}
	av_end(&k);
}
END_TEST

int main(int argc, char **argv) {
	const TTest *tests[] = {test_frames_travel_whatever_the_clock_does_between_verbs,
	                        test_neither_media_nor_data_starves_on_a_narrow_path, test_frames_travel_behind_a_pause_of_hours};
	return suite_run_rounds("media, hard conditions", tests, 3, argc > 1 ? argv[1] : NULL, 300, NULL, 2);
}
