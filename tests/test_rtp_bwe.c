/* Does the estimator find the rate of a path, hold it without a long queue, and give way? A camera sends over the simulator's
 * links; real TWCC packets come back. All times are virtual, every run has a seed. The figures are printed with
 * SLUICE_FIGURES=1. */
#include "rtp/bwe/bwe.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/arith.h"
#include "base/serial.h"
#include "rtp/pacer.h"
#include "rtp/rtcp_write.h"
#include "sim/assert.h"
#include "sim/memory.h"
#include "sluice/error.h"
#include "suite.h"

#define KBPS UINT64_C(1000)
#define MBPS UINT64_C(1000000)
#define RATE (3 * MBPS)
#define QUEUE_TIME (300 * SLUICE_MS)
#define ONE_WAY (20 * SLUICE_MS) /* 40 ms RTT */
#define MTU 1200
#define PADDING 255
#define FPS 30
#define FEEDBACK (100 * SLUICE_MS)
#define RING 4096
#define BEGIN SLUICE_S /* a clock that begins at 0 would hide mistakes */

/* ---- the camera ---- */

struct camera {
	struct bwe *bwe;
	struct pacer pacer;
	struct rng rng;
	uint64_t number;       /* of the next packet */
	uint64_t frame_at;     /* the next frame is encoded then */
	uint64_t from;         /* nothing is sent before */
	uint64_t encoder_most; /* bit/s that the scene is worth; 0: no limit */
	unsigned keyframe;     /* the next frame is so many times as large; 0: as usual */
	uint64_t sent_bytes;
	/* Whether the target ever rose above 1.5 times what is delivered without a probe. */
	uint64_t target_before, results_before;
	bool jumped;
	uint64_t target_most;
	struct pacer_grant grant;
	bool granted;
};

static void camera_encode(struct camera *c, uint64_t now) {
	uint64_t rate = bwe_target(c->bwe);
	if (c->encoder_most)
		rate = min64(rate, c->encoder_most);
	uint32_t len = (uint32_t)(rate / 8 / FPS * rng_range(&c->rng, 80, 120) / 100), size;
	len *= c->keyframe ? c->keyframe : 1;
	c->keyframe = 0;
	uint32_t count = pacer_split(len, MTU, &size);
	if (count == 0)
		return;
	struct pacer_run run = {.count = count, .size = size, .last = len - (count - 1) * size};
	int error = pacer_push(&c->pacer, PACER_VIDEO, &run, now);
	ck_assert(error == 0 || error == SLUICE_WOULD_BLOCK);
}

static void camera_follow(struct camera *c, uint64_t now) {
	struct bwe_probe probe;
	uint64_t target = bwe_target(c->bwe), results = bwe_stats(c->bwe).results;
	if (results == c->results_before && target > c->target_before && target > bwe_delivered(c->bwe) * 3 / 2 + 1)
		c->jumped = true;
	c->target_most = max64(c->target_most, target);
	c->target_before = target;
	c->results_before = results;
	pacer_set_target(&c->pacer, target);
	if (!pacer_is_probing(&c->pacer) && bwe_take_probe(c->bwe, &probe))
		pacer_probe(&c->pacer, probe.id, probe.rate, probe.packets, probe.bytes, now);
}

static int camera_input(void *node, const sluice_path *from, sluice_datagram *datagrams, size_t count, uint64_t now) {
	struct camera *c = node;
	struct rtcp_packet p;
	(void)from;
	for (size_t i = 0; i < count; i++) {
		struct rtcp_reader r = rtcp_reader_of(datagrams[i].data, datagrams[i].len);
		while (rtcp_next(&r, &p)) {
			if (p.kind == RTCP_TWCC)
				bwe_feedback(c->bwe, &p.twcc, now);
			else if (p.kind == RTCP_REMB)
				bwe_remb(c->bwe, p.remb.bitrate, now);
			camera_follow(c, now);
		}
		ck_assert_uint_eq(r.malformed, 0);
	}
	return 0;
}

static void camera_advance(void *node, uint64_t now) {
	struct camera *c = node;
	if (now < c->from)
		return;
	for (; c->frame_at <= now; c->frame_at += SLUICE_S / FPS)
		camera_encode(c, now);
	bwe_advance(c->bwe, now);
	camera_follow(c, now);
}

static int camera_output(void *node, sluice_batch *batch, uint64_t now) {
	struct camera *c = node;
	struct pacer_grant g;
	if (now < c->from || !pacer_next(&c->pacer, 32, now, &g))
		return 0;
	batch->count = g.count;
	batch->stride = g.size;
	batch->last = g.last;
	batch->path = (sluice_path){.remote_len = 0};
	for (size_t i = 0; i < g.count; i++) {
		uint32_t len = i + 1 == g.count ? g.last : g.size;
		uint8_t *slot = sluice_batch_slot(batch, i);
		memset(slot, 0, len);
		put_be16(slot, (uint16_t)c->number);
		ck_assert_int_eq(bwe_sent(c->bwe, c->number++, len, g.probe, now), 0);
		c->sent_bytes += len;
	}
	camera_follow(c, now);
	return (int)g.count;
}

static uint64_t camera_deadline(void *node) {
	struct camera *c = node;
	uint64_t at = min64(c->frame_at, min64(bwe_deadline(c->bwe), pacer_deadline(&c->pacer)));
	return max64(at, c->from);
}

static bool camera_check(void *node) {
	struct camera *c = node;
	return bwe_check(c->bwe) && pacer_check(&c->pacer);
}

static const struct sim_node_ops camera_ops = {
	.input = camera_input,
	.advance = camera_advance,
	.output = camera_output,
	.deadline = camera_deadline,
	.check = camera_check,
};

/* ---- the viewer: it does nothing but report arrivals ---- */

struct viewer {
	uint64_t arrivals[RING]; /* by number; SLUICE_NEVER: it did not come */
	uint64_t first, next;    /* numbers to report */
	uint64_t feedback_at;
	uint64_t remb; /* bit/s; 0: none is sent */
	uint8_t feedback;
	bool started;
};

static void viewer_arrived(struct viewer *v, uint64_t number, uint64_t now) {
	if (!v->started)
		v->first = v->next = number;
	v->started = true;
	for (; v->next <= number; v->next++)
		v->arrivals[v->next % RING] = SLUICE_NEVER;
	if (number >= v->first)
		v->arrivals[number % RING] = now;
}

static int viewer_input(void *node, const sluice_path *from, sluice_datagram *datagrams, size_t count, uint64_t now) {
	struct viewer *v = node;
	(void)from;
	for (size_t i = 0; i < count; i++) {
		uint64_t number = serial_unwrap16(get_be16(datagrams[i].data), v->started ? v->next : SERIAL_ORIGIN);
		viewer_arrived(v, number, now);
	}
	if (v->feedback_at == SLUICE_NEVER)
		v->feedback_at = now + FEEDBACK;
	return 0;
}

static void viewer_advance(void *node, uint64_t now) {
	(void)node;
	(void)now;
}

/* One TWCC packet a call; a ring's edge begins another one. */
static int viewer_output(void *node, sluice_batch *batch, uint64_t now) {
	struct viewer *v = node;
	if (now < v->feedback_at)
		return 0;
	struct rtcp_writer w = rtcp_writer_of(batch->data, MTU);
	size_t n = (size_t)min64(v->next - v->first, RING - v->first % RING);
	int done = n ? rtcp_write_twcc(&w, 1, 2, v->feedback, v->first, v->arrivals + v->first % RING, n) : 0;
	ck_assert(done >= 0 || done == SLUICE_INVALID);
	v->first += done < 0 ? n : (uint64_t)done; /* invalid: none of them came */
	v->feedback++;
	if (v->first == v->next)
		v->feedback_at = SLUICE_NEVER;
	if (v->remb)
		ck_assert_int_eq(rtcp_write_remb(&w, 1, v->remb, NULL, 0), 0);
	batch->count = w.len > 0;
	batch->stride = batch->last = w.len;
	batch->path = (sluice_path){.remote_len = 0};
	return (int)batch->count;
}

static uint64_t viewer_deadline(void *node) {
	return ((struct viewer *)node)->feedback_at;
}

static const struct sim_node_ops viewer_ops = {
	.input = viewer_input, .advance = viewer_advance, .output = viewer_output, .deadline = viewer_deadline};

/* ---- the world: flows that share a bottleneck ---- */

#define FLOWS 2
#define SEEDS 10

static struct world {
	struct sim sim;
	sluice_env *env;
	struct memory memory;
	struct bottleneck bottleneck;
	struct camera cameras[FLOWS];
	struct viewer viewers[FLOWS];
	struct sim_link *links[FLOWS];
	unsigned flows;
} world;

static void capacity(uint64_t rate) {
	world.bottleneck.rate = rate;
	world.bottleneck.queue = (size_t)(rate / 8 * QUEUE_TIME / SLUICE_S);
}

static void flow_add(const struct link_config *link, uint64_t from, const struct bwe_config *config) {
	unsigned i = world.flows++;
	struct camera *c = &world.cameras[i];
	*c = (struct camera){.rng = rng_of(world.sim.seed, 100 + i), .number = SERIAL_ORIGIN + 65000, .from = from};
	c->frame_at = from;
	ck_assert_int_eq(bwe_new(world.env, config, from, &c->bwe), 0);
	c->target_before = bwe_target(c->bwe);
	ck_assert_int_eq(pacer_open(&c->pacer, world.env, 64, PADDING), 0);
	world.viewers[i] = (struct viewer){.feedback_at = SLUICE_NEVER};
	struct sim_host *a = sim_add_host(&world.sim, i ? "camera 2" : "camera", &camera_ops, c, NULL);
	struct sim_host *b = sim_add_host(&world.sim, i ? "viewer 2" : "viewer", &viewer_ops, &world.viewers[i], NULL);
	sim_join(&world.sim, a, b, link);
	sim_link(&world.sim, b, a)->config = (struct link_config){.delay = link->delay};
	world.links[i] = sim_link(&world.sim, a, b);
	world.links[i]->bottleneck = &world.bottleneck;
}

static void world_begin(uint64_t seed, uint64_t rate) {
	memset(&world, 0, sizeof world);
	sim_init(&world.sim, sim_seed(seed));
	world.sim.now = BEGIN;
	world.memory.plain = true;
	sluice_env_config config = {.allocator = memory_allocator(&world.memory)};
	ck_assert_int_eq(sluice_env_new(&config, &world.env), 0);
	capacity(rate);
}

static void world_end(void) {
	for (unsigned i = 0; i < world.flows; i++) {
		ck_assert_msg(!world.cameras[i].jumped, "the target rose above 1.5 times what was delivered");
		bwe_free(world.cameras[i].bwe);
		pacer_close(&world.cameras[i].pacer);
	}
	sim_close(&world.sim);
	sluice_env_free(world.env);
	ck_assert_uint_eq(world.memory.live, 0);
}

static uint64_t target(void) {
	return bwe_target(world.cameras[0].bwe);
}

static void run(double seconds) {
	sim_run(&world.sim, world.sim.now + (uint64_t)(seconds * 1e9));
}

/* Returns after how many seconds the target was between the two, or 999. */
static double until_within(uint64_t low, uint64_t high, double limit) {
	uint64_t begun = world.sim.now;
	bool reached = SIM_UNTIL(&world.sim, begun + (uint64_t)(limit * 1e9), target() >= low && target() <= high);
	return reached ? (double)(world.sim.now - begun) / 1e9 : 999;
}

/* Runs and returns the share of the rate that was delivered; measures the queue meanwhile. */
static double utilisation(double seconds) {
	uint64_t before = world.links[0]->bytes_delivered;
	bottleneck_measure(&world.bottleneck, world.sim.now);
	run(seconds);
	return (double)(world.links[0]->bytes_delivered - before) * 8 / seconds / (double)world.bottleneck.rate;
}

static double queue_ms(double share) {
	return (double)bottleneck_wait_below(&world.bottleneck, share) / 1e6;
}

__attribute__((format(printf, 1, 2))) static void figure(const char *format, ...) {
	va_list args;
	if (!getenv("SLUICE_FIGURES"))
		return;
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

static const struct link_config clean = {.delay = ONE_WAY};

START_TEST(test_300_kbps_become_3_mbps_in_5_s_and_the_queue_stays_short) {
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		world_begin(seed, RATE);
		flow_add(&clean, BEGIN, NULL);
		double reached = until_within(RATE * 85 / 100, RATE * 115 / 100, 5);
		run(5 - reached);
		uint64_t at_5 = target();
		double used = utilisation(55), p95 = queue_ms(0.95);
		figure("start: seed %d reached after %.2f s, %.2f Mb/s at 5 s; utilisation %.1f%%, queue p50 %.0f p95 %.0f ms, "
		       "drops %d",
		       (int)seed, reached, (double)at_5 / 1e6, 100 * used, queue_ms(0.5), p95, (int)world.bottleneck.drops);
		ck_assert_double_le(reached, 5);
		/* It stays there; a step down is 15% of what is delivered. */
		ck_assert(at_5 >= RATE * 75 / 100 && at_5 <= RATE * 115 / 100);
		ck_assert_double_ge(used, 0.85);
		ck_assert_double_le(p95, 100);
		/* 40 ms of path, a short queue, and no wait for the report: that is of the packet sent last. */
		uint64_t rtt = bwe_rtt(world.cameras[0].bwe);
		ck_assert(rtt >= 2 * ONE_WAY && rtt < 90 * SLUICE_MS);
		world_end();
	}
}
END_TEST

static void with_loss(double loss, double least) {
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct link_config lossy = {.delay = ONE_WAY, .loss = loss};
		world_begin(seed, RATE);
		flow_add(&lossy, BEGIN, NULL);
		run(5);
		double used = utilisation(55);
		figure("loss %.0f%%: seed %d utilisation %.1f%%, queue p95 %.0f ms", 100 * loss, (int)seed, 100 * used,
		       queue_ms(0.95));
		ck_assert_double_ge(used, least);
		world_end();
	}
}

START_TEST(test_5_percent_of_random_loss_leave_80_percent) {
	with_loss(0.05, 0.80);
}
END_TEST

START_TEST(test_20_percent_of_random_loss_leave_50_percent) {
	with_loss(0.20, 0.50);
}
END_TEST

START_TEST(test_a_fall_to_a_fifth_is_followed_in_2_s_and_the_way_back_in_10) {
	static const uint64_t low = 600 * KBPS;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		world_begin(seed, RATE);
		flow_add(&clean, BEGIN, NULL);
		run(20);
		capacity(low);
		double down = until_within(0, low * 115 / 100, 20);
		run(20 - down);
		double used = utilisation(10);
		uint64_t held = target();
		capacity(RATE);
		double up = until_within(RATE * 85 / 100, RATE * 115 / 100, 30);
		run(2);
		figure("fall: seed %d followed in %.2f s, %.2f Mb/s 30 s later (utilisation %.0f%%, queue p95 %.0f ms), back in "
		       "%.2f s",
		       (int)seed, down, (double)held / 1e6, 100 * used, queue_ms(0.95), up);
		ck_assert_double_le(down, 2);
		ck_assert_uint_le(held, low * 130 / 100);
		ck_assert_double_ge(used, 0.80);
		ck_assert_double_le(up, 10);
		world_end();
	}
}
END_TEST

START_TEST(test_two_flows_share_fairly) {
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		uint64_t before[FLOWS];
		world_begin(seed, RATE);
		flow_add(&clean, BEGIN, NULL);
		flow_add(&clean, BEGIN + 5 * SLUICE_S, NULL);
		run(30);
		for (int i = 0; i < FLOWS; i++)
			before[i] = world.links[i]->bytes_delivered;
		bottleneck_measure(&world.bottleneck, world.sim.now);
		run(90);
		double a = (double)(world.links[0]->bytes_delivered - before[0]) * 8 / 90;
		double b = (double)(world.links[1]->bytes_delivered - before[1]) * 8 / 90;
		double jain = (a + b) * (a + b) / (2 * (a * a + b * b));
		figure("two flows: seed %d %.2f and %.2f Mb/s, Jain %.3f, utilisation %.0f%%, queue p95 %.0f ms", (int)seed,
		       a / 1e6, b / 1e6, jain, 100 * (a + b) / (double)RATE, queue_ms(0.95));
		ck_assert_double_ge(jain, 0.9);
		ck_assert_double_ge((a + b) / (double)RATE, 0.75);
		world_end();
	}
}
END_TEST

/* ---- bad paths ---- */

/* A queue of 30 ms holds hardly more than one frame: it is too short for the delay to show it: the loss has to. */
START_TEST(test_a_short_queue_is_held_by_its_loss) {
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		world_begin(seed, RATE);
		world.bottleneck.queue = RATE / 8 * 30 / 1000;
		flow_add(&clean, BEGIN, NULL);
		run(10);
		world.cameras[0].target_most = 0;
		double used = utilisation(50);
		double lost = (double)world.bottleneck.drops / (double)(world.bottleneck.drops + world.bottleneck.datagrams);
		figure("short queue: seed %d utilisation %.1f%%, lost %.2f%%, at most %.2f Mb/s", (int)seed, 100 * used,
		       100 * lost, (double)world.cameras[0].target_most / 1e6);
		ck_assert_double_ge(used, 0.75);
		ck_assert_double_le(lost, 0.05);
		ck_assert_uint_le(world.cameras[0].target_most, RATE * 120 / 100); /* nothing has run away behind the cap */
		world_end();
	}
}
END_TEST

START_TEST(test_jitter_and_reordering_do_not_look_like_a_queue) {
	static const struct link_config wild = {
		.delay = ONE_WAY, .jitter = 20 * SLUICE_MS, .reorder = 0.02, .reorder_delay = 15 * SLUICE_MS, .duplicate = 0.01};
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		world_begin(seed, RATE);
		flow_add(&wild, BEGIN, NULL);
		run(10);
		double used = utilisation(50);
		figure("jitter: seed %d utilisation %.1f%%, queue p95 %.0f ms", (int)seed, 100 * used, queue_ms(0.95));
		ck_assert_double_ge(used, 0.70);
		ck_assert_double_le(queue_ms(0.95), 100);
		world_end();
	}
}
END_TEST

START_TEST(test_an_outage_of_6_s_quiets_the_sender_and_is_forgotten_in_10_s) {
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		world_begin(seed, RATE);
		flow_add(&clean, BEGIN, NULL);
		run(10);
		world.links[0]->config.outage_from = world.sim.now;
		world.links[0]->config.outage_to = world.sim.now + 6 * SLUICE_S;
		run(1.5);
		uint64_t probes = bwe_stats(world.cameras[0].bwe).probes;
		run(4.5);
		uint64_t quiet = target();
		ck_assert_uint_eq(bwe_stats(world.cameras[0].bwe).probes, probes); /* they would have no answer */
		double up = until_within(RATE * 80 / 100, RATE * 115 / 100, 20);
		figure("outage: seed %d %.2f Mb/s at its end, back in %.2f s", (int)seed, (double)quiet / 1e6, up);
		ck_assert_uint_le(quiet, RATE / 3);
		ck_assert_double_le(up, 10);
		world_end();
	}
}
END_TEST

START_TEST(test_lost_feedback_costs_little) {
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		world_begin(seed, RATE);
		flow_add(&clean, BEGIN, NULL);
		sim_link(&world.sim, world.links[0]->to, world.links[0]->from)->config.loss = 0.2;
		run(10);
		double used = utilisation(50);
		figure("feedback lost: seed %d utilisation %.1f%%, queue p95 %.0f ms", (int)seed, 100 * used, queue_ms(0.95));
		ck_assert_double_ge(used, 0.80);
		ck_assert_double_le(queue_ms(0.95), 100);
		world_end();
	}
}
END_TEST

/* ---- bounds ---- */

START_TEST(test_an_app_that_sends_little_learns_by_probes_what_it_could_send) {
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		world_begin(seed, RATE);
		capacity(500 * KBPS);
		flow_add(&clean, BEGIN, NULL);
		world.cameras[0].encoder_most = 150 * KBPS;
		run(10);
		ck_assert_uint_le(target(), 600 * KBPS);
		capacity(RATE);
		double up = until_within(RATE * 70 / 100, RATE * 115 / 100, 40);
		uint64_t sent = world.cameras[0].sent_bytes;
		run(30);
		double rate = (double)(world.cameras[0].sent_bytes - sent) * 8 / 30;
		figure("app-limited: seed %d found after %.2f s, sends %.0f kb/s", (int)seed, up, rate / 1e3);
		ck_assert_double_le(up, 25);
		ck_assert_double_le(rate, 200e3); /* probes and all */
		world_end();
	}
}
END_TEST

/* An app that is limited by itself delivers little, and that is no reason to believe in little when a large frame makes a queue.
 * The scene changes between 140 and 410 kb/s, as layers do that are forwarded; each change is a keyframe. */
START_TEST(test_a_burst_of_an_app_that_sends_little_costs_one_step) {
	static const uint64_t line = 700 * KBPS;
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		world_begin(seed, line);
		flow_add(&clean, BEGIN, NULL);
		struct camera *c = &world.cameras[0];
		c->encoder_most = 140 * KBPS;
		run(10);
		ck_assert_uint_ge(target(), line * 75 / 100);
		uint64_t least = UINT64_MAX;
		for (int change = 0; change < 20; change++) {
			c->encoder_most = change % 2 ? 140 * KBPS : 410 * KBPS;
			c->keyframe = change % 2 ? 6 : 4;
			for (int i = 0; i < 40; i++) {
				run(0.05);
				least = min64(least, target());
			}
		}
		figure("bursts: seed %d at least %.0f kb/s, drops %d", (int)seed, (double)least / 1e3,
		       (int)world.bottleneck.drops);
		/* One step of 15% from what the path carries. */
		ck_assert_uint_ge(least, line * 80 / 100);
		world_end();
	}
}
END_TEST

START_TEST(test_a_remb_is_a_cap_until_the_next_one) {
	world_begin(1, RATE);
	flow_add(&clean, BEGIN, NULL);
	run(5);
	world.viewers[0].remb = 800 * KBPS;
	run(1);
	ck_assert_uint_le(target(), 800 * KBPS);
	uint64_t probes = bwe_stats(world.cameras[0].bwe).probes;
	ck_assert_double_ge(utilisation(10), 0.2);
	ck_assert_uint_eq(bwe_stats(world.cameras[0].bwe).probes, probes);
	ck_assert_uint_le(target(), 800 * KBPS);
	world.viewers[0].remb = 50 * MBPS;
	ck_assert_double_le(until_within(RATE * 75 / 100, RATE * 115 / 100, 15), 15);
	world.viewers[0].remb = 1; /* not below the least rate */
	run(1);
	ck_assert_uint_eq(target(), 30 * KBPS);
	world_end();
}
END_TEST

START_TEST(test_the_target_stays_within_its_bounds) {
	static const struct bwe_config config = {.start_rate = 500 * KBPS, .min_rate = 400 * KBPS, .max_rate = 1200 * KBPS};
	world_begin(1, RATE);
	flow_add(&clean, BEGIN, &config);
	run(10);
	ck_assert_uint_eq(target(), 1200 * KBPS);
	capacity(100 * KBPS);
	run(10);
	ck_assert_uint_eq(target(), 400 * KBPS);
	world_end();
}
END_TEST

START_TEST(test_a_configuration_that_makes_no_sense_is_refused) {
	static const struct bwe_config wrong[] = {
		{.min_rate = 2 * MBPS, .max_rate = MBPS},
		{.start_rate = 10, .min_rate = 20},
		{.start_rate = 200 * MBPS},
		{.history = 100},
		{.history = 65536},
		{.max_rate = BWE_RATE_MOST + 1},
	};
	struct bwe *b = NULL;
	world_begin(1, RATE);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ck_assert_int_eq(bwe_new(world.env, &wrong[i], 0, &b), SLUICE_INVALID);
	world_end();
	for (uint64_t at = 1; at <= 3; at++) {
		world_begin(1, RATE); /* whose pools are empty */
		world.memory.fail_at = at;
		ck_assert_int_eq(bwe_new(world.env, NULL, 0, &b), SLUICE_NO_MEMORY);
		world_end();
	}
}
END_TEST

START_TEST(test_nothing_is_allocated_once_it_runs) {
	world_begin(1, RATE);
	flow_add(&clean, BEGIN, NULL);
	uint64_t before = world.memory.allocations;
	run(60);
	ck_assert_uint_eq(world.memory.allocations, before);
	ck_assert_uint_ge(bwe_stats(world.cameras[0].bwe).packets, 10000);
	world_end();
}
END_TEST

START_TEST(test_an_app_that_stops_sending_is_no_outage) {
	struct bwe *b;
	struct bwe_probe probe;
	world_begin(1, RATE);
	ck_assert_int_eq(bwe_new(world.env, NULL, BEGIN, &b), 0);
	ck_assert_int_eq(bwe_sent(b, SERIAL_ORIGIN, 1000, 0, BEGIN), 0);
	while (bwe_take_probe(b, &probe))
		;
	for (uint64_t s = 1; s < 20; s++)
		bwe_advance(b, BEGIN + s * SLUICE_S);
	ck_assert_uint_eq(bwe_stats(b).silences, 1);
	ck_assert_uint_eq(bwe_target(b), 150 * KBPS);
	ck_assert_uint_eq(bwe_deadline(b), SLUICE_NEVER); /* only feedback wakes it */
	bwe_free(b);
	world_end();
}
END_TEST

/* Another control stands in: it sends what is delivered, and never learns more than a probe says. */
static void follower_init(struct controller_view *v, uint64_t start_rate, uint64_t now) {
	(void)now;
	v->target = start_rate;
}
static void follower_feedback(struct controller_view *v, const struct controller_news *news) {
	v->target = max64(news->probe, 100 * MBPS);
}
static void follower_silence(struct controller_view *v, uint64_t now) {
	(void)now;
	v->target = 0;
}

START_TEST(test_another_control_can_stand_in_and_the_bounds_hold) {
	static const struct controller_ops follower = {"follower", follower_init, follower_feedback, follower_silence, NULL};
	static const struct bwe_config config = {.control = &follower};
	world_begin(1, RATE);
	flow_add(&clean, BEGIN, &config);
	/* Whatever it wants, the target follows what is delivered; world_end() looks at each rise. */
	run(10);
	ck_assert_uint_le(target(), RATE * 18 / 10);
	world.links[0]->config.outage_from = world.sim.now;
	world.links[0]->config.outage_to = SLUICE_NEVER;
	run(3);
	ck_assert_uint_eq(target(), 30 * KBPS);
	world_end();
}
END_TEST

SUITE("rtp_bwe", test_300_kbps_become_3_mbps_in_5_s_and_the_queue_stays_short, test_5_percent_of_random_loss_leave_80_percent,
      test_20_percent_of_random_loss_leave_50_percent, test_a_fall_to_a_fifth_is_followed_in_2_s_and_the_way_back_in_10,
      test_two_flows_share_fairly, test_a_short_queue_is_held_by_its_loss, test_jitter_and_reordering_do_not_look_like_a_queue,
      test_an_outage_of_6_s_quiets_the_sender_and_is_forgotten_in_10_s, test_lost_feedback_costs_little,
      test_an_app_that_sends_little_learns_by_probes_what_it_could_send, test_a_burst_of_an_app_that_sends_little_costs_one_step,
      test_a_remb_is_a_cap_until_the_next_one, test_the_target_stays_within_its_bounds,
      test_a_configuration_that_makes_no_sense_is_refused, test_nothing_is_allocated_once_it_runs,
      test_an_app_that_stops_sending_is_no_outage, test_another_control_can_stand_in_and_the_bounds_hold)
