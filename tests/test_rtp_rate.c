/* Do session, estimator and pacer work as one? A camera sends through all three over the simulator's links; the viewer is a
 * session whose TWCC stage reports, asks for what is lost, and puts the frames together byte for byte. All times are virtual,
 * every run has a seed. The figures are printed with SLUICE_FIGURES=1. */
#include "rtp/rate.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/arith.h"
#include "base/serial.h"
#include "rtp/bwe/bwe.h"
#include "rtp/ntp.h"
#include "rtp/pacer.h"
#include "rtp/rtcp_write.h"
#include "sim/assert.h"
#include "sim/media_node.h"
#include "sim/memory.h"
#include "sim/sim.h"
#include "sluice/error.h"
#include "suite.h"

#define KBPS UINT64_C(1000)
#define MBPS UINT64_C(1000000)
#define RATE (3 * MBPS)
#define QUEUE_TIME (300 * SLUICE_MS)
#define ONE_WAY (20 * SLUICE_MS) /* 40 ms RTT */
#define FPS 30
#define BEGIN SLUICE_S /* a clock that begins at 0 would hide mistakes */
#define SEEDS 4
#define ALL (RTP_STAGE_NACK | RTP_STAGE_TWCC | RTP_STAGE_ABS_SEND_TIME | RTP_STAGE_KEYFRAME)

#define HEADER (RTP_HEADER + 4 + 12) /* with the three elements of the extension */
#define PACKET (HEADER + 8 + MEDIA_BODY)
#define REPAIR (PACKET + RTX_OSN)
#define PADDING 200

/* ---- the camera: a media node whose packets leave when the pacer says so ---- */

struct camera {
	struct media_node node; /* it takes RTCP and writes the packets */
	struct bwe *bwe;
	struct pacer pacer;
	struct rng rng;
	uint64_t frame_at;   /* the next frame is encoded then; SLUICE_NEVER: none */
	uint64_t budget;     /* bytes that the encoder has not used */
	bool repair_waits;   /* the pacer has a run for it */
	bool plain;          /* no RTX */
	uint64_t encoded;    /* frames */
	uint64_t probe_sent; /* packets */
	uint64_t wakes;
};

/* A frame is a number of whole packets; what is left over counts for the next one. */
static void camera_encode(struct camera *c, uint64_t now) {
	c->budget += bwe_target(c->bwe) / 8 / FPS * rng_range(&c->rng, 80, 120) / 100;
	uint32_t count = (uint32_t)min64(c->budget / PACKET, 64);
	if (count == 0)
		return;
	c->budget -= count * PACKET;
	const struct pacer_run run = {.handle = count, .count = count, .size = PACKET, .last = PACKET};
	c->encoded += pacer_push(&c->pacer, PACER_VIDEO, &run, now) == 0;
}

static void camera_follow(struct camera *c, uint64_t now) {
	struct bwe_probe probe;
	pacer_set_target(&c->pacer, bwe_target(c->bwe));
	rtp_session_set_target(c->node.session, c->node.out, bwe_target(c->bwe));
	if (!pacer_is_probing(&c->pacer) && bwe_take_probe(c->bwe, &probe))
		pacer_probe(&c->pacer, probe.id, probe.rate, probe.packets, probe.bytes, now);
	if (c->repair_waits || !rtp_session_has_repair(c->node.session))
		return;
	const uint32_t size = c->plain ? PACKET : REPAIR;
	const struct pacer_run run = {.count = 1, .size = size, .last = size};
	ck_assert_int_eq(pacer_push(&c->pacer, PACER_RETRANSMISSION, &run, now), 0);
	c->repair_waits = true;
}

static int camera_input(void *ctx, const sluice_path *from, sluice_datagram *datagrams, size_t count, uint64_t now) {
	struct camera *c = ctx;
	int error = media_node_ops.input(&c->node, from, datagrams, count, now);
	camera_follow(c, now);
	return error;
}

static void camera_advance(void *ctx, uint64_t now) {
	struct camera *c = ctx;
	c->wakes++;
	for (; c->frame_at <= now; c->frame_at += SLUICE_S / FPS)
		camera_encode(c, now);
	rtp_session_advance(c->node.session, now);
	camera_follow(c, now);
}

static int camera_write(struct camera *c, const struct pacer_grant *g, uint8_t *slot, size_t size, uint64_t now) {
	struct media_node *n = &c->node;
	switch (g->kind) {
	case PACER_RETRANSMISSION:
		c->repair_waits = false;
		return rtp_session_repair(n->session, g->probe, slot, size, now);
	case PACER_PADDING:
		if (c->plain && n->packet)
			return 0;
		return rtp_session_pad(n->session, n->out, MEDIA_TYPE, PADDING, g->probe, slot, size, now);
	default:
		if (n->packet == 0)
			n->packets = (unsigned)g->handle;
		return media_node_packet(n, g->probe, slot, size, now);
	}
}

/* A repair that has left the history meanwhile is no packet, nor is padding within a frame. A repair of padding is short. */
static int camera_output(void *ctx, sluice_batch *batch, uint64_t now) {
	struct camera *c = ctx;
	struct pacer_grant g;
	*batch = (sluice_batch){.data = batch->data};
	int len = rtp_session_rtcp(c->node.session, batch->data, 1200, now);
	if (len > 0) {
		batch->count = 1;
		batch->stride = batch->last = (size_t)len;
		return 1;
	}
	while (batch->count == 0 && pacer_next(&c->pacer, 32, now, &g)) {
		batch->stride = g.size;
		for (uint32_t i = 0; i < g.count; i++) {
			len = camera_write(c, &g, sluice_batch_slot(batch, i), g.size, now);
			ck_assert(len == (int)g.size || (len < (int)g.size && g.kind != PACER_VIDEO));
			batch->count += len > 0;
			c->probe_sent += g.probe && len > 0;
		}
		batch->last = (size_t)len;
		camera_follow(c, now);
	}
	return (int)batch->count;
}

static uint64_t camera_deadline(void *ctx) {
	struct camera *c = ctx;
	return min64(c->frame_at, min64(rtp_session_deadline(c->node.session), pacer_deadline(&c->pacer)));
}

static void camera_dispatch(void *ctx, uint64_t now) {
	struct camera *c = ctx;
	media_node_ops.dispatch(&c->node, now);
}

static bool camera_check(void *ctx) {
	struct camera *c = ctx;
	return rtp_session_check(c->node.session) && bwe_check(c->bwe) && pacer_check(&c->pacer);
}

static const struct sim_node_ops camera_ops = {
	.input = camera_input,
	.advance = camera_advance,
	.output = camera_output,
	.deadline = camera_deadline,
	.dispatch = camera_dispatch,
	.check = camera_check,
};

/* ---- a viewer that reports by RFC 8888 ---- */

#define REPORT_EACH (50 * SLUICE_MS)
#define HEARD 65536

/* What came of one SSRC, and is not reported yet. */
struct heard {
	uint32_t ssrc;
	uint64_t next, highest; /* 0: nothing came */
	uint64_t at[HEARD];
};

struct reporter {
	struct media_node node;
	struct heard heard[2]; /* media and RTX */
	uint64_t due;
	uint64_t reports;
};

static void hear(struct heard *h, uint16_t sequence, uint64_t now) {
	uint64_t n = h->highest ? serial_unwrap16(sequence, h->highest) : SERIAL_ORIGIN + sequence;
	if (!h->highest)
		h->next = h->highest = n;
	for (; h->highest < n; h->highest++)
		h->at[(h->highest + 1) % HEARD] = SLUICE_NEVER;
	h->at[n % HEARD] = now;
}

static int reporter_input(void *ctx, const sluice_path *from, sluice_datagram *d, size_t count, uint64_t now) {
	struct reporter *r = ctx;
	for (size_t i = 0; i < count; i++)
		for (unsigned k = 0; k < 2 && !rtp_packet_is_rtcp(d[i].data, d[i].len); k++)
			if (get_be32(d[i].data + 8) == r->heard[k].ssrc) {
				hear(&r->heard[k], get_be16(d[i].data + 2), now);
				r->due = min64(r->due, now + REPORT_EACH);
			}
	return media_node_ops.input(&r->node, from, d, count, now);
}

static struct rtcp_ccfb_run report_run(struct heard *h, struct rtcp_ccfb_word *words, uint64_t now) {
	struct rtcp_ccfb_run run = {.ssrc = h->ssrc, .base = (uint16_t)h->next, .words = words};
	for (; h->highest && h->next <= h->highest; h->next++) {
		uint64_t at = h->at[h->next % HEARD];
		words[run.count++] = (struct rtcp_ccfb_word){
			.received = at != SLUICE_NEVER,
			.ecn = h->next % 4,
			.offset = at == SLUICE_NEVER ? 0 : (uint16_t)((now - at) * 1024 / SLUICE_S),
		};
	}
	return run;
}

static int reporter_output(void *ctx, sluice_batch *b, uint64_t now) {
	static struct rtcp_ccfb_word words[2][2048];
	struct reporter *r = ctx;
	if (r->due > now)
		return media_node_ops.output(&r->node, b, now);
	/* RTX first: the estimator has to put the packets of both in order. */
	struct rtcp_ccfb_run runs[2] = {report_run(&r->heard[1], words[1], now), report_run(&r->heard[0], words[0], now)};
	struct rtcp_writer w = rtcp_writer_of(b->data, 1200);
	bool has_rtx = runs[0].count > 0;
	int whole = rtcp_write_ccfb(&w, 2000, ntp_middle(ntp_of(now + 1000 * SLUICE_S)), runs + !has_rtx, 1u + has_rtx);
	ck_assert_int_eq(whole, 1 + has_rtx);
	r->due = SLUICE_NEVER;
	r->reports++;
	b->count = 1;
	b->stride = b->last = w.len;
	return 1;
}

static void reporter_advance(void *ctx, uint64_t now) {
	media_node_ops.advance(&((struct reporter *)ctx)->node, now);
}

static uint64_t reporter_deadline(void *ctx) {
	struct reporter *r = ctx;
	return min64(r->due, media_node_ops.deadline(&r->node));
}

static void reporter_dispatch(void *ctx, uint64_t now) {
	media_node_ops.dispatch(&((struct reporter *)ctx)->node, now);
}

static bool reporter_check(void *ctx) {
	return media_node_ops.check(&((struct reporter *)ctx)->node);
}

static const struct sim_node_ops reporter_ops = {
	.input = reporter_input,
	.advance = reporter_advance,
	.output = reporter_output,
	.deadline = reporter_deadline,
	.dispatch = reporter_dispatch,
	.check = reporter_check,
};

/* ---- the world ---- */

static struct memory memory;
static sluice_env *env;
static struct sim sim;
static struct rng entropy; /* of reports' intervals: each run has the same */
static struct camera camera;
static struct reporter reporter;
static struct media_node *const viewer = &reporter.node;
static bool by_ccfb; /* the viewer reports by RFC 8888, and knows no TWCC */
static struct sim_link *line;
static struct bottleneck bottleneck;

static void capacity(uint64_t rate) {
	bottleneck.rate = rate;
	bottleneck.queue = (size_t)(rate / 8 * QUEUE_TIME / SLUICE_S);
}

static void open_world(uint64_t seed, double loss, bool with_rtx) {
	memory = (struct memory){.plain = true};
	entropy = rng_of(sim_seed(seed), 200);
	sluice_env_config config = {.allocator = memory_allocator(&memory), .entropy = rng_entropy, .entropy_ctx = &entropy};
	ck_assert_int_eq(sluice_env_new(&config, &env), 0);
	sim_init(&sim, sim_seed(seed));
	sim.now = BEGIN;
	memset(&camera, 0, sizeof camera);
	ck_assert_int_eq(bwe_new(env, NULL, BEGIN, &camera.bwe), 0);
	ck_assert_int_eq(pacer_open(&camera.pacer, env, 64, HEADER + PADDING), 0);
	const struct rtp_session_config session = {.rate = &rtp_rate_bwe, .rate_ctx = camera.bwe};
	media_node_open(&camera.node, env, &session, 1000, 2000, ALL | (by_ccfb ? RTP_STAGE_CCFB : 0), with_rtx);
	memset(&reporter, 0, sizeof reporter);
	media_node_open(viewer, env, NULL, 2000, 1000, by_ccfb ? ALL & ~RTP_STAGE_TWCC : ALL, with_rtx);
	reporter.heard[0].ssrc = by_ccfb ? 1001 : 0;
	reporter.heard[1].ssrc = by_ccfb ? 1002 : 0;
	reporter.due = SLUICE_NEVER;
	camera.rng = rng_of(sim.seed, 100);
	camera.frame_at = BEGIN;
	camera.plain = !with_rtx;
	struct sim_host *a = sim_add_host(&sim, "camera", &camera_ops, &camera, NULL);
	struct sim_host *b = sim_add_host(&sim, "viewer", &reporter_ops, &reporter, NULL);
	sim_join(&sim, a, b, &(struct link_config){.delay = ONE_WAY});
	line = sim_link(&sim, a, b);
	line->config.loss = loss;
	line->bottleneck = &bottleneck;
	bottleneck = (struct bottleneck){.rate = 0};
	capacity(RATE);
	bottleneck_measure(&bottleneck, BEGIN);
}

static void close_world(void) {
	sim_close(&sim);
	media_node_close(&camera.node);
	media_node_close(viewer);
	pacer_close(&camera.pacer);
	bwe_free(camera.bwe);
	sluice_env_free(env);
	ck_assert_uint_eq(memory.live, 0);
}

static uint64_t target(void) {
	return bwe_target(camera.bwe);
}

static bool is_about(uint64_t rate) {
	return target() >= rate * 80 / 100 && target() <= rate * 120 / 100;
}

static void run(double seconds) {
	sim_run(&sim, sim.now + (uint64_t)(seconds * 1e9));
}

/* The camera stops, and the last frames and repairs arrive. */
static void finish(void) {
	camera.frame_at = SLUICE_NEVER;
	run(3);
	ck_assert_uint_eq(pacer_queued(&camera.pacer), 0);
	ck_assert_uint_eq(camera.node.packet, 0);
	ck_assert_uint_eq(camera.node.frame, camera.encoded);
}

/* Runs and returns the share of the rate that was delivered; measures the queue meanwhile. */
static double utilisation(double seconds) {
	uint64_t before = line->bytes_delivered;
	bottleneck_measure(&bottleneck, sim.now);
	run(seconds);
	return (double)(line->bytes_delivered - before) * 8 / seconds / (double)bottleneck.rate;
}

/* Returns after how many seconds the target was about the rate, or 999. */
static double until_about(uint64_t rate, double limit) {
	uint64_t begun = sim.now;
	bool reached = SIM_UNTIL(&sim, begun + (uint64_t)(limit * 1e9), is_about(rate));
	return reached ? (double)(sim.now - begun) / 1e9 : 999;
}

static double queue_ms(double share) {
	return (double)bottleneck_wait_below(&bottleneck, share) / 1e6;
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

static void expect_start(void) {
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		open_world(seed, 0, true);
		ck_assert_uint_eq(target(), 300 * KBPS);
		double reached = until_about(RATE, 10);
		double used = utilisation(50);
		struct bwe_stats stats = bwe_stats(camera.bwe);
		figure("start: seed %d reached after %.2f s, utilisation %.1f%%, queue p50 %.0f p95 %.0f ms, drops %d, %d "
		       "feedbacks, "
		       "%d of %d probes used",
		       (int)seed, reached, 100 * used, queue_ms(0.5), queue_ms(0.95), (int)bottleneck.drops, (int)stats.feedbacks,
		       (int)stats.results, (int)stats.probes);
		ck_assert_double_le(reached, 5);
		ck_assert_double_ge(used, 0.85);
		ck_assert_double_le(queue_ms(0.95), 100);
		finish();
		ck_assert_uint_eq(viewer->got + viewer->passed, camera.encoded);
		ck_assert_uint_eq(stats.stale, 0);
		close_world();
	}
}

START_TEST(test_300_kbps_become_3_mbps_and_the_queue_stays_short) {
	expect_start();
}
END_TEST

START_TEST(test_ccfb_in_place_of_twcc_reaches_the_same) {
	by_ccfb = true;
	expect_start();
	by_ccfb = false;
}
END_TEST

static void expect_fall(void) {
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		open_world(seed, 0, true);
		run(20);
		capacity(600 * KBPS);
		double down = until_about(600 * KBPS, 20);
		run(10);
		double used = utilisation(10);
		figure("fall: seed %d followed in %.2f s, then utilisation %.0f%%, queue p95 %.0f ms", (int)seed, down,
		       100 * used, queue_ms(0.95));
		ck_assert_double_le(down, 2);
		ck_assert_double_ge(used, 0.70);
		finish();
		close_world();
	}
}

START_TEST(test_a_fall_to_a_fifth_is_followed_in_2_s) {
	expect_fall();
}
END_TEST

START_TEST(test_a_fall_is_followed_by_ccfb_too) {
	by_ccfb = true;
	expect_fall();
	by_ccfb = false;
}
END_TEST

static void with_loss(bool with_rtx) {
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		struct rtp_in_stats in;
		open_world(seed, 0, with_rtx);
		/* A lost beginning is no packet that NACK can see. */
		run(0.05);
		line->config.loss = 0.05;
		double reached = until_about(RATE, 10), used = utilisation(50);
		finish();
		rtp_session_in_stats(viewer->session, 0, &in);
		figure("loss, %s RTX: seed %d reached after %.2f s, utilisation %.1f%%, queue p95 %.0f ms; %d lost, %d NACKs, %d "
		       "came "
		       "twice; %d frames, %d passed",
		       with_rtx ? "with" : "without", (int)seed, reached, 100 * used, queue_ms(0.95), (int)line->dropped,
		       (int)in.nacked, (int)in.duplicates, (int)camera.encoded, (int)viewer->passed);
		ck_assert_double_le(reached, 10);
		ck_assert_double_ge(used, 0.70);
		ck_assert_double_le(queue_ms(0.95), 150);
		/* While a repair waits in the pacer or the queue, it is not asked for again. */
		ck_assert_uint_gt(line->dropped, 500);
		ck_assert_uint_le(in.nacked * 10, line->dropped * 11);
		ck_assert_uint_eq(in.repaired > 0, with_rtx);
		/* The last frames may have no packet behind them that shows a hole. */
		ck_assert_uint_ge(viewer->got + 2, camera.encoded);
		ck_assert_uint_eq(viewer->passed, 0);
		close_world();
	}
}

START_TEST(test_5_percent_of_random_loss_leave_70_percent_and_each_frame_is_repaired) {
	with_loss(true);
}
END_TEST

/* A repair is then the lost packet once more, under its old transport-wide number. */
START_TEST(test_5_percent_of_random_loss_by_ccfb_leaves_70_percent) {
	by_ccfb = true;
	with_loss(true);
	by_ccfb = false;
}
END_TEST

START_TEST(test_without_rtx_5_percent_of_loss_leave_70_percent_too) {
	with_loss(false);
}
END_TEST

/* ---- what holds at any rate ---- */

START_TEST(test_nothing_is_allocated_once_it_runs) {
	open_world(1, 0.05, true);
	uint64_t before = memory.allocations;
	run(40);
	ck_assert_uint_eq(memory.allocations, before);
	ck_assert_uint_ge(bwe_stats(camera.bwe).packets, 10000);
	finish();
	close_world();
}
END_TEST

/* The simulator fails when time stands still. Besides, each wake has a cause: a datagram, a burst, or a timer of some ms. */
START_TEST(test_the_deadlines_go_forward) {
	open_world(1, 0.05, true);
	run(10);
	uint64_t wakes = camera.wakes, offered = line->offered, back = sim_link(&sim, line->to, line->from)->offered;
	run(20);
	wakes = camera.wakes - wakes;
	offered = line->offered - offered;
	back = sim_link(&sim, line->to, line->from)->offered - back;
	figure("wakes: %d for %d datagrams out and %d in", (int)wakes, (int)offered, (int)back);
	ck_assert_uint_le(wakes, offered + back + 20 * (FPS + 20));
	/* An outage: nothing comes back, so only timers are left. */
	line->config.outage_from = sim.now;
	line->config.outage_to = SLUICE_NEVER;
	run(10);
	ck_assert_uint_eq(target(), 30 * KBPS);
	finish();
	wakes = camera.wakes;
	run(60);
	figure("idle: %d wakes in 60 s", (int)(camera.wakes - wakes));
	ck_assert_uint_le(camera.wakes - wakes, 60 * 2);
	ck_assert_uint_gt(camera_deadline(&camera), sim.now);
	close_world();
}
END_TEST

/* One feedback is for 50 to 250 ms, and at a low rate for longer than at a high one. */
START_TEST(test_feedback_comes_by_rate) {
	open_world(1, 0, true);
	run(10);
	uint64_t before = bwe_stats(camera.bwe).feedbacks;
	run(20);
	uint64_t high = bwe_stats(camera.bwe).feedbacks - before;
	capacity(40 * KBPS);
	run(20);
	before = bwe_stats(camera.bwe).feedbacks;
	run(20);
	uint64_t low = bwe_stats(camera.bwe).feedbacks - before;
	figure("feedback: %d in 20 s at 3 Mb/s, %d at 40 kb/s", (int)high, (int)low);
	ck_assert_uint_le(high, 20 * 20);
	ck_assert_uint_ge(high, 20 * 12);
	ck_assert_uint_le(low, 20 * 5);
	ck_assert_uint_ge(low, 20 * 2);
	close_world();
}
END_TEST

START_TEST(test_probes_and_a_remb_pass_the_session) {
	uint8_t space[100];
	struct rtcp_writer w = rtcp_writer_of(space, sizeof space);
	open_world(1, 0, true);
	run(5);
	ck_assert_uint_gt(camera.probe_sent, 0);
	ck_assert_uint_gt(bwe_stats(camera.bwe).results, 0);
	ck_assert_int_eq(rtcp_write_remb(&w, 2000, 800 * KBPS, NULL, 0), 0);
	ck_assert_int_eq(rtp_session_receive_rtcp(camera.node.session, space, w.len, sim.now), 0);
	ck_assert_uint_le(target(), 800 * KBPS);
	run(5);
	ck_assert(target() <= 800 * KBPS && target() >= 600 * KBPS);
	finish();
	close_world();
}
END_TEST

SUITE("rtp_rate", test_300_kbps_become_3_mbps_and_the_queue_stays_short, test_ccfb_in_place_of_twcc_reaches_the_same,
      test_a_fall_to_a_fifth_is_followed_in_2_s, test_a_fall_is_followed_by_ccfb_too,
      test_5_percent_of_random_loss_by_ccfb_leaves_70_percent,
      test_5_percent_of_random_loss_leave_70_percent_and_each_frame_is_repaired,
      test_without_rtx_5_percent_of_loss_leave_70_percent_too, test_nothing_is_allocated_once_it_runs,
      test_the_deadlines_go_forward, test_feedback_comes_by_rate, test_probes_and_a_remb_pass_the_session)
