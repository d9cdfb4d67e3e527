/* CUBIC, HyStart++, BBR and low delay, rule by rule, over a path made of plain numbers: a rate, a round trip, a queue, a loss. */
#include "sctp/tx/cc.h"
#include "sctp/tx/cc_hystart.h"
#include "suite.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
#define MTU 1000u

static struct cc_view view(const struct cc_ops *cc) {
	struct cc_view v = {
		.ssthresh = UINT64_MAX,
		.mtu = MTU,
		.min_rtt = UINT64_MAX,
		.config = {.initial_window = 10 * MTU, .min_window = 2 * MTU, .max_window = UINT64_MAX, .pacing = true},
		.rto = 300 * MS,
	};
	cc->init(&v);
	return v;
}

/* ---- a path as a fluid: a step is 10 ms ---- */

#define STEP (10 * MS)

struct path {
	const struct cc_ops *cc;
	struct cc_view v;
	uint64_t rate, base, now; /* bytes/s, ns, ns */
	uint64_t queue;           /* bytes that wait; others' included */
	uint64_t fill;            /* bytes that somebody else keeps in the queue */
	uint64_t late;            /* ns by which each acknowledgement comes later, without a queue */
	uint64_t loss;            /* bytes lost of each million */
	uint64_t delivered, round_at, dues, waited, steps;
};

static struct path path(const struct cc_ops *cc, uint64_t rate, uint64_t base) {
	return (struct path){.cc = cc, .v = view(cc), .rate = rate, .base = base, .now = SECOND};
}

static uint64_t least(uint64_t a, uint64_t b) {
	return a < b ? a : b;
}

/* What is under way is the window, or what the pace puts there; above the bandwidth-delay product it stands in the queue. */
static void step(struct path *p) {
	struct cc_view *v = &p->v;
	uint64_t rtt = p->base + (uint64_t)((double)(p->queue + p->fill) / (double)p->rate * 1e9);
	uint64_t by_window = (uint64_t)((double)v->cwnd / (double)rtt * 1e9);
	uint64_t sent = v->pacing_rate ? least(by_window, v->pacing_rate) : by_window;
	uint64_t got = p->queue > 0 ? p->rate : least(sent, p->rate);
	int64_t queue = (int64_t)p->queue + ((int64_t)sent - (int64_t)p->rate) * 10 / 1000;
	p->queue = queue > 0 ? (uint64_t)queue : 0;
	uint64_t bytes = got / 100, lost = bytes * p->loss / 1000000;
	uint64_t flight = (uint64_t)((double)got * (double)p->base / 1e9) + p->queue;
	p->now += STEP;
	p->delivered += bytes - lost;
	rtt += p->late;
	v->srtt = rtt;
	v->min_rtt = least(v->min_rtt, rtt);
	struct cc_ack a = {
		.now = p->now,
		.bytes = bytes - lost,
		.lost = lost,
		.flight = flight,
		.advanced = true,
		.cwnd_limited = true,
		.round_start = p->now >= p->round_at,
		.rtt = rtt,
		.rate = got * (1000000 - p->loss) / 1000000,
		.delivered = p->delivered,
		.prior_delivered = p->delivered - least(p->delivered - 1, flight),
		.tx_in_flight = flight,
		.lost_since = flight * p->loss / 1000000,
	};
	if (a.round_start)
		p->round_at = p->now + rtt;
	p->cc->ack(v, &a);
	p->waited += rtt - p->base;
	p->steps++;
}

static void run(struct path *p, uint64_t ns) {
	for (uint64_t until = p->now + ns; p->now < until;)
		step(p);
}

/* ---- CUBIC ---- */

/* In congestion avoidance after one loss at `packets`; acknowledgements of a whole window a round trip of 100 ms. */
static struct cc_view cubic_after_loss(uint64_t packets) {
	struct cc_view v = view(&cc_cubic);
	v.srtt = 100 * MS;
	v.cwnd = packets * MTU;
	v.ssthresh = packets * MTU;
	cc_cubic.loss(&v);
	return v;
}

static void cubic_run(struct cc_view *v, uint64_t *now, uint64_t ns, bool limited) {
	for (uint64_t until = *now + ns; *now < until; *now += STEP)
		cc_cubic.ack(v, &(struct cc_ack){.now = *now, .bytes = v->cwnd / 10, .advanced = true, .cwnd_limited = limited});
}

START_TEST(test_cubic_keeps_seven_tenths_at_a_loss) {
	struct cc_view v = cubic_after_loss(1000);
	ck_assert_uint_eq(v.cwnd, 700 * MTU);
	ck_assert_uint_eq(v.ssthresh, 700 * MTU);
}
END_TEST

START_TEST(test_cubic_is_back_where_it_was_after_k_seconds) {
	/* K = cbrt(W_max * (1 - beta) / C) = cbrt(8000 * 0.3 / 0.4) = 18.17 s */
	struct cc_view v = cubic_after_loss(8000);
	uint64_t now = 2 * SECOND;
	cubic_run(&v, &now, 9 * SECOND, true);
	/* W_cubic(9) = 0.4 * (9 - 18.17)^3 + 8000 = 7692 */
	ck_assert_uint_gt(v.cwnd, 7650 * MTU);
	ck_assert_uint_lt(v.cwnd, 7730 * MTU);
	cubic_run(&v, &now, 9170 * MS, true);
	ck_assert_uint_gt(v.cwnd, 7960 * MTU);
	ck_assert_uint_lt(v.cwnd, 8040 * MTU);
	cubic_run(&v, &now, 8 * SECOND, true);
	/* 8 s later: 0.4 * 8^3 = 205 more */
	ck_assert_uint_gt(v.cwnd, 8160 * MTU);
	ck_assert_uint_lt(v.cwnd, 8260 * MTU);
}
END_TEST

START_TEST(test_cubic_is_no_slower_than_reno_on_a_short_path) {
	struct cc_view v = cubic_after_loss(20);
	uint64_t now = 2 * SECOND;
	/* Reno with beta 0.7 adds 3 * 0.3 / 1.7 = 0.53 packets a round: 9 rounds, 4.8 packets */
	cubic_run(&v, &now, 900 * MS, true);
	ck_assert_uint_ge(v.cwnd, 18 * MTU);
	ck_assert_uint_le(v.cwnd, 20 * MTU);
}
END_TEST

START_TEST(test_cubic_leaves_room_when_it_loses_below_the_last_maximum) {
	struct cc_view v = cubic_after_loss(1000);
	uint64_t now = 2 * SECOND;
	cubic_run(&v, &now, SECOND, true);
	uint64_t below = v.cwnd;
	ck_assert_uint_lt(below, 1000 * MTU);
	cc_cubic.loss(&v);
	/* The new plateau is at 0.85 of it: cbrt(0.15 * W / 0.4) s away. For 900 packets: at 7 s it is there, and not at W. */
	cubic_run(&v, &now, 6 * SECOND, true);
	ck_assert_uint_lt(v.cwnd, below * 95 / 100);
}
END_TEST

START_TEST(test_cubic_does_not_count_time_in_which_the_app_was_the_limit) {
	struct cc_view v = cubic_after_loss(8000);
	uint64_t now = 2 * SECOND;
	cubic_run(&v, &now, SECOND, true);
	uint64_t before = v.cwnd;
	cubic_run(&v, &now, 60 * SECOND, false);
	ck_assert_uint_eq(v.cwnd, before);
	cubic_run(&v, &now, 100 * MS, true);
	ck_assert_uint_lt(v.cwnd, before + before / 50);
}
END_TEST

/* The epoch begins with an acknowledgement that comes after a silence, and the app is the limit then. The silence lies before the
 * epoch, so the curve begins at its beginning. */
START_TEST(test_cubic_does_not_count_a_silence_before_its_epoch) {
	struct cc_view v = cubic_after_loss(1000);
	uint64_t now = 2 * SECOND;
	cubic_run(&v, &now, SECOND, true);
	now += 5 * SECOND;
	cc_cubic.idle(&v, 5 * SECOND);
	v.cwnd = v.ssthresh = 500 * MTU;
	cubic_run(&v, &now, STEP, false);
	cubic_run(&v, &now, 200 * MS, true);
	ck_assert_uint_ge(v.cwnd, 500 * MTU);
	ck_assert_uint_lt(v.cwnd, 600 * MTU);
}
END_TEST

START_TEST(test_cubic_undoes_a_reduction_that_had_no_cause) {
	struct cc_view v = view(&cc_cubic);
	v.cwnd = 100 * MTU;
	cc_cubic.loss(&v);
	cc_cubic.undo(&v);
	ck_assert_uint_eq(v.cwnd, 100 * MTU);
	ck_assert_uint_eq(v.ssthresh, UINT64_MAX);
}
END_TEST

/* ---- HyStart++ ---- */

static enum hystart_verdict hystart_round(struct hystart *h, uint64_t rtt) {
	enum hystart_verdict verdict = cc_hystart_ack(h, rtt, true);
	for (int i = 1; i < 8 && verdict != HYSTART_DONE; i++)
		verdict = cc_hystart_ack(h, rtt, false);
	return verdict;
}

START_TEST(test_slow_start_becomes_conservative_when_the_round_trip_grows_by_an_eighth) {
	struct hystart h;
	cc_hystart_begin(&h);
	ck_assert_int_eq(hystart_round(&h, 80 * MS), HYSTART_GROW);
	ck_assert_int_eq(hystart_round(&h, 89 * MS), HYSTART_GROW);
	ck_assert_int_eq(hystart_round(&h, 101 * MS), HYSTART_CONSERVATIVE);
}
END_TEST

/* One round of 80 ms has passed. */
static struct hystart hystart_at_80_ms(void) {
	struct hystart h;
	cc_hystart_begin(&h);
	hystart_round(&h, 80 * MS);
	return h;
}

START_TEST(test_slow_start_goes_on_when_the_growth_was_noise) {
	struct hystart h = hystart_at_80_ms();
	ck_assert_int_eq(hystart_round(&h, 100 * MS), HYSTART_CONSERVATIVE);
	ck_assert_int_eq(hystart_round(&h, 82 * MS), HYSTART_GROW);
}
END_TEST

static enum hystart_verdict hystart_eight(struct hystart *h, uint64_t rtt) {
	enum hystart_verdict verdict = HYSTART_GROW;
	for (int i = 0; i < 8; i++)
		verdict = cc_hystart_ack(h, rtt, false);
	return verdict;
}

START_TEST(test_a_queue_is_seen_in_the_round_in_which_it_begins_to_be_met) {
	struct hystart h = hystart_at_80_ms();
	ck_assert_int_eq(hystart_round(&h, 80 * MS), HYSTART_GROW);
	ck_assert_int_eq(hystart_eight(&h, 89 * MS), HYSTART_GROW);
	ck_assert_int_eq(hystart_eight(&h, 91 * MS), HYSTART_CONSERVATIVE);
	ck_assert_int_eq(hystart_eight(&h, 101 * MS), HYSTART_CONSERVATIVE);
}
END_TEST

START_TEST(test_slow_start_ends_when_the_round_trip_grows_on) {
	struct hystart h = hystart_at_80_ms();
	ck_assert_int_eq(hystart_round(&h, 91 * MS), HYSTART_CONSERVATIVE);
	ck_assert_int_eq(hystart_eight(&h, 102 * MS), HYSTART_CONSERVATIVE);
	ck_assert_int_eq(hystart_eight(&h, 103 * MS), HYSTART_DONE);
}
END_TEST

/* What waited together in a stall is late by less and less. */
START_TEST(test_slow_start_goes_on_after_a_stall) {
	struct hystart h = hystart_at_80_ms();
	ck_assert_int_eq(hystart_round(&h, 110 * MS), HYSTART_CONSERVATIVE);
	ck_assert_int_eq(hystart_eight(&h, 109 * MS), HYSTART_GROW);
}
END_TEST

START_TEST(test_slow_start_ends_after_five_conservative_rounds) {
	struct hystart h = hystart_at_80_ms();
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(hystart_round(&h, 100 * MS), HYSTART_CONSERVATIVE);
	ck_assert_int_eq(hystart_round(&h, 100 * MS), HYSTART_DONE);
}
END_TEST

/* ---- BBR ---- */

START_TEST(test_bbr_finds_the_bandwidth_and_leaves_startup) {
	struct path p = path(&cc_bbr, 10000000, 50 * MS);
	ck_assert_str_eq(cc_bbr.phase(&p.v), "startup");
	run(&p, 3 * SECOND);
	ck_assert_str_ne(cc_bbr.phase(&p.v), "startup");
	ck_assert_uint_gt(p.v.pacing_rate, 8500000);
	ck_assert_uint_lt(p.v.pacing_rate, 12600000);
}
END_TEST

START_TEST(test_bbr_keeps_the_queue_short_and_the_path_busy) {
	struct path p = path(&cc_bbr, 10000000, 50 * MS);
	run(&p, 3 * SECOND);
	p.waited = p.steps = p.delivered = 0;
	run(&p, 20 * SECOND);
	ck_assert_uint_lt(p.waited / p.steps, 15 * MS);
	ck_assert_uint_gt(p.delivered, 180000000);
}
END_TEST

START_TEST(test_bbr_forgives_what_the_path_loses_by_itself) {
	struct path p = path(&cc_bbr, 10000000, 50 * MS);
	p.loss = 30000;
	run(&p, 3 * SECOND);
	p.delivered = 0;
	run(&p, 20 * SECOND);
	ck_assert_uint_gt(p.delivered, 150000000);
}
END_TEST

/* A second beside somebody else's queue, with loss and without: what may be in flight then. */
static uint64_t bbr_beside_a_queue(uint64_t loss) {
	struct path p = path(&cc_bbr, 10000000, 50 * MS);
	run(&p, 4 * SECOND);
	p.fill = 300000;
	p.loss = loss;
	run(&p, 800 * MS);
	return p.v.cwnd;
}

START_TEST(test_bbr_gives_way_to_loss_that_comes_with_a_queue) {
	uint64_t without = bbr_beside_a_queue(0), with = bbr_beside_a_queue(100000);
	ck_assert_uint_lt(with, without * 8 / 10);
}
END_TEST

START_TEST(test_bbr_looks_for_the_least_round_trip_every_ten_seconds) {
	struct path p = path(&cc_bbr, 10000000, 50 * MS);
	bool seen = false;
	run(&p, 3 * SECOND);
	p.base = 60 *
	         MS; /* the route has changed; as long as no shorter round trip comes, the old one is not believed for ever */
	for (int i = 0; i < 1500; i++) {
		step(&p);
		seen |= strcmp(cc_bbr.phase(&p.v), "probe_rtt") == 0;
	}
	ck_assert(seen);
}
END_TEST

/* ---- low delay ---- */

START_TEST(test_low_delay_keeps_the_queue_below_its_target_and_the_path_busy) {
	struct path p = path(&cc_low_delay, 10000000, 50 * MS);
	run(&p, 5 * SECOND);
	p.waited = p.steps = p.delivered = 0;
	run(&p, 20 * SECOND);
	ck_assert_uint_lt(p.waited / p.steps, 10 * MS);
	ck_assert_uint_gt(p.delivered, 180000000);
}
END_TEST

/* Bursts and runs of acknowledgements take as long as 24 packets take at 270 Mbit/s. */
START_TEST(test_low_delay_takes_bursts_for_no_queue) {
	struct path p = path(&cc_low_delay, 125000000, 50 * MS);
	run(&p, 50 * MS);
	p.late = 700000;
	run(&p, 5 * SECOND);
	p.delivered = 0;
	run(&p, 10 * SECOND);
	ck_assert_uint_gt(p.delivered, 1190000000);
}
END_TEST

/* Stalls have bunched the packets: in three fifths of each round trip they wait for 5 ms, in the rest there is no queue. */
START_TEST(test_low_delay_takes_bunches_for_no_queue) {
	struct path p = path(&cc_low_delay, 125000000, 100 * MS);
	run(&p, 5 * SECOND);
	p.delivered = 0;
	for (unsigned i = 0; i < 100; i++) {
		p.late = 5 * MS;
		run(&p, 60 * MS);
		p.late = 0;
		run(&p, 40 * MS);
	}
	ck_assert_uint_gt(p.delivered, 1190000000);
}
END_TEST

/* The same delay without a gap is a queue. */
START_TEST(test_low_delay_takes_a_whole_round_trip_for_a_queue) {
	struct path p = path(&cc_low_delay, 125000000, 100 * MS);
	run(&p, 5 * SECOND);
	uint64_t before = p.v.cwnd;
	p.late = 5 * MS;
	run(&p, 100 * MS);
	ck_assert_uint_gt(p.v.cwnd, before * 98 / 100);
	run(&p, 150 * MS);
	ck_assert_uint_lt(p.v.cwnd, before * 98 / 100);
}
END_TEST

/* One packet that waited for `rtt`. */
static void ack_packet(struct cc_view *v, uint64_t now, uint64_t rtt, bool round_start) {
	v->srtt = 50 * MS;
	cc_low_delay.ack(v, &(struct cc_ack){.now = now,
	                                     .bytes = MTU,
	                                     .rtt = rtt,
	                                     .cwnd_limited = true,
	                                     .round_start = round_start,
	                                     .tx_in_flight = v->cwnd / 2});
}

/* Slow start met a queue, and half of the window was to go. The queue is gone before it went. */
START_TEST(test_low_delay_does_not_grow_by_what_was_to_go) {
	struct cc_view v = view(&cc_low_delay);
	uint64_t now = SECOND;
	for (unsigned i = 0; i < 600; i++)
		ack_packet(&v, now += MS / 10, 50 * MS, i % 100 == 0);
	while (v.ssthresh == UINT64_MAX)
		ack_packet(&v, now += MS, 70 * MS, false);
	ack_packet(&v, now += MS, 50 * MS, true);
	uint64_t before = v.cwnd;
	for (unsigned i = 0; i < 100; i++)
		ack_packet(&v, now += MS / 10, 50 * MS, false);
	ck_assert_uint_lt(v.cwnd, before + 20 * MTU);
}
END_TEST

START_TEST(test_low_delay_finds_a_far_window_again) {
	struct path p = path(&cc_low_delay, 125000000, 50 * MS);
	p.v.ssthresh = p.v.cwnd = 100 * MTU;
	run(&p, 4 * SECOND);
	ck_assert_uint_gt(p.v.cwnd, 6000 * MTU);
}
END_TEST

START_TEST(test_low_delay_goes_slowly_after_a_loss) {
	struct path p = path(&cc_low_delay, 125000000, 50 * MS);
	p.v.cwnd = 8000 * MTU;
	cc_low_delay.loss(&p.v);
	run(&p, 800 * MS);
	ck_assert_uint_lt(p.v.cwnd, 5000 * MTU);
}
END_TEST

/* The queue is empty for a moment every few seconds, so the least round trip stays known beyond the ten of its filter. */
START_TEST(test_low_delay_does_not_take_its_own_queue_for_the_path) {
	struct path p = path(&cc_low_delay, 125000000, 50 * MS);
	run(&p, 60 * SECOND);
	p.waited = p.steps = 0;
	run(&p, 20 * SECOND);
	ck_assert_uint_lt(p.waited / p.steps, 3 * MS);
}
END_TEST

/* One message in six seconds, and the route becomes longer. The periods of the base end sooner than those of the round trips as
 * they are, which need four samples. */
START_TEST(test_low_delay_survives_a_longer_route_of_one_that_sends_rarely) {
	struct cc_view v = view(&cc_low_delay);
	uint64_t now = SECOND;
	v.ssthresh = v.cwnd;
	for (unsigned i = 0; i < 12; i++, now += 6 * SECOND) {
		v.srtt = i < 6 ? 20 * MS : 50 * MS;
		cc_low_delay.ack(
			&v, &(struct cc_ack){.now = now, .bytes = MTU, .rtt = v.srtt, .round_start = true, .tx_in_flight = MTU});
	}
	ck_assert_uint_ge(v.cwnd, 9 * MTU);
}
END_TEST

START_TEST(test_low_delay_yields_to_one_that_fills_the_queue) {
	struct path p = path(&cc_low_delay, 10000000, 50 * MS);
	run(&p, 5 * SECOND);
	uint64_t before = p.v.cwnd;
	p.fill = 400000; /* 40 ms */
	run(&p, 5 * SECOND);
	ck_assert_uint_lt(p.v.cwnd, before / 4);
}
END_TEST

START_TEST(test_low_delay_halves_at_a_loss_and_undoes_it) {
	struct cc_view v = view(&cc_low_delay);
	v.cwnd = 100 * MTU;
	cc_low_delay.loss(&v);
	ck_assert_uint_eq(v.cwnd, 50 * MTU);
	cc_low_delay.undo(&v);
	ck_assert_uint_eq(v.cwnd, 100 * MTU);
}
END_TEST

/* ---- the table ---- */

START_TEST(test_every_control_has_a_name_of_its_own) {
	ck_assert_ptr_null(cc_by_number(0));
	ck_assert_uint_ge(cc_count(), 4);
	for (unsigned n = 1; n <= cc_count(); n++) {
		const struct cc_ops *cc = cc_by_number(n);
		ck_assert(cc->name[0] && cc->init && cc->ack && cc->loss && cc->timeout && cc->undo && cc->idle);
		for (unsigned m = 1; m < n; m++)
			ck_assert_str_ne(cc->name, cc_by_number(m)->name);
	}
}
END_TEST

SUITE("controls", test_every_control_has_a_name_of_its_own, test_cubic_keeps_seven_tenths_at_a_loss,
      test_cubic_is_back_where_it_was_after_k_seconds, test_cubic_is_no_slower_than_reno_on_a_short_path,
      test_cubic_leaves_room_when_it_loses_below_the_last_maximum, test_cubic_does_not_count_time_in_which_the_app_was_the_limit,
      test_cubic_does_not_count_a_silence_before_its_epoch, test_cubic_undoes_a_reduction_that_had_no_cause,
      test_slow_start_becomes_conservative_when_the_round_trip_grows_by_an_eighth,
      test_slow_start_goes_on_when_the_growth_was_noise, test_a_queue_is_seen_in_the_round_in_which_it_begins_to_be_met,
      test_slow_start_ends_when_the_round_trip_grows_on, test_slow_start_goes_on_after_a_stall,
      test_slow_start_ends_after_five_conservative_rounds, test_bbr_finds_the_bandwidth_and_leaves_startup,
      test_bbr_keeps_the_queue_short_and_the_path_busy, test_bbr_forgives_what_the_path_loses_by_itself,
      test_bbr_gives_way_to_loss_that_comes_with_a_queue, test_bbr_looks_for_the_least_round_trip_every_ten_seconds,
      test_low_delay_keeps_the_queue_below_its_target_and_the_path_busy, test_low_delay_yields_to_one_that_fills_the_queue,
      test_low_delay_takes_bursts_for_no_queue, test_low_delay_takes_bunches_for_no_queue,
      test_low_delay_takes_a_whole_round_trip_for_a_queue, test_low_delay_does_not_grow_by_what_was_to_go,
      test_low_delay_finds_a_far_window_again, test_low_delay_goes_slowly_after_a_loss,
      test_low_delay_does_not_take_its_own_queue_for_the_path, test_low_delay_survives_a_longer_route_of_one_that_sends_rarely,
      test_low_delay_halves_at_a_loss_and_undoes_it)
