/* Do the parts of the estimator answer their one question each, at their edges too? */
#include "base/serial.h"
#include "rtp/bwe/aimd.h"
#include "rtp/bwe/app_limit.h"
#include "rtp/bwe/busy.h"
#include "rtp/bwe/cluster.h"
#include "rtp/bwe/delivered.h"
#include "rtp/bwe/feedback.h"
#include "rtp/bwe/loss.h"
#include "rtp/bwe/probing.h"
#include "rtp/bwe/standing.h"
#include "rtp/bwe/trendline.h"
#include "rtp/rtcp_write.h"
#include "sim/memory.h"
#include "sluice/error.h"
#include "suite.h"

#define BEGIN (10 * SLUICE_S)
#define FIRST (SERIAL_ORIGIN + 65530) /* so that the 16 bits of the wire wrap */
#define HISTORY 64

static struct memory memory;
static sluice_env *env;
static struct sent sent;
static struct feedback_packet news[HISTORY];

static void begin(void) {
	memory = (struct memory){.plain = true};
	ck_assert_int_eq(sluice_env_new(&(sluice_env_config){.allocator = memory_allocator(&memory)}, &env), 0);
	ck_assert_int_eq(sent_open(&sent, env, HISTORY), 0);
}

static void end(void) {
	ck_assert(sent_check(&sent));
	sent_close(&sent);
	sluice_env_free(env);
	ck_assert_uint_eq(memory.live, 0);
}

/* ---- sent ---- */

START_TEST(test_the_history_forgets_the_oldest_and_knows_what_was_passed_over) {
	begin();
	for (uint64_t i = 0; i < HISTORY + 10; i++)
		ck_assert_int_eq(sent_add(&sent, FIRST + i, 100 + (uint32_t)i, 0, BEGIN + i), 0);
	ck_assert_ptr_null(sent_find(&sent, FIRST + 9));
	ck_assert_uint_eq(sent_find(&sent, FIRST + 10)->size, 110);
	ck_assert_ptr_null(sent_find(&sent, FIRST + HISTORY + 10));
	ck_assert_int_eq(sent_add(&sent, FIRST + HISTORY + 9, 1, 0, BEGIN), SLUICE_INVALID);
	ck_assert_int_eq(sent_add(&sent, FIRST + HISTORY + 20, 7, 3, BEGIN), 0);
	ck_assert_ptr_null(sent_find(&sent, FIRST + HISTORY + 15));
	ck_assert_uint_eq(sent_find(&sent, FIRST + HISTORY + 20)->probe, 3);
	ck_assert_int_eq(sent_add(&sent, UINT64_MAX / 2, 7, 0, BEGIN), 0); /* and costs no walk */
	ck_assert_ptr_null(sent_find(&sent, FIRST + HISTORY + 20));
	end();
}
END_TEST

/* ---- feedback ---- */

/* Writes and reads one report about FIRST + from onwards. */
static size_t report(struct feedback *f, uint64_t from, const uint64_t *arrivals, size_t n) {
	uint8_t bytes[512];
	struct rtcp_writer w = rtcp_writer_of(bytes, sizeof bytes);
	struct rtcp_packet p;
	ck_assert_int_eq(rtcp_write_twcc(&w, 1, 2, 0, FIRST + from, arrivals, n), (int)n);
	struct rtcp_reader r = rtcp_reader_of(bytes, w.len);
	ck_assert(rtcp_next(&r, &p) && p.kind == RTCP_TWCC);
	return feedback_read(f, &sent, &p.twcc, news);
}

START_TEST(test_a_packet_is_news_once_as_lost_and_once_as_arrived) {
	static const uint64_t some[] = {64 * SLUICE_MS, SLUICE_NEVER, 70 * SLUICE_MS}, late[] = {71 * SLUICE_MS, 72 * SLUICE_MS};
	struct feedback f = {.reference = 0};
	begin();
	for (uint64_t i = 0; i < 8; i++)
		ck_assert_int_eq(sent_add(&sent, FIRST + i, 100, 0, BEGIN + i), 0);
	ck_assert_uint_eq(report(&f, 0, some, 3), 3);
	ck_assert(!news[0].lost && news[1].lost && !news[2].lost && news[2].sent == BEGIN + 2);
	ck_assert_uint_eq(news[2].arrived - news[0].arrived, 6 * SLUICE_MS);
	ck_assert_uint_eq(report(&f, 0, some, 3), 0);
	ck_assert_uint_eq(report(&f, 1, late, 2), 1);
	ck_assert(news[0].late && !news[0].lost && !f.gap);
	ck_assert_uint_eq(report(&f, 1, late, 2), 0);
	/* FIRST + 3 and 4 were reported by a feedback that was lost. Then the numbers of the wire have wrapped. */
	ck_assert_uint_eq(report(&f, 5, some, 3), 3);
	ck_assert(f.gap);
	/* About what was never sent. */
	ck_assert_uint_eq(report(&f, 8, some, 3), 0);
	end();
}
END_TEST

/* Three streams, each in its own order, as RFC 8888 lists them; one packet is called lost and then came. */
START_TEST(test_what_is_told_stream_by_stream_is_put_in_order) {
	struct feedback f = {.reference = 0};
	size_t n = 0;
	begin();
	for (uint64_t i = 0; i < 32; i++)
		ck_assert_int_eq(sent_add(&sent, FIRST + i, 100, 0, BEGIN + i), 0);
	for (unsigned stream = 0; stream < 3; stream++)
		for (uint64_t i = 2 - stream; i < 30; i += 3)
			n += feedback_note(&sent, FIRST + i, i != 7, i, &news[n]);
	n += feedback_note(&sent, FIRST + 7, true, 77, &news[n]);
	n += feedback_note(&sent, FIRST + 7, false, 0, &news[n]);
	n += feedback_note(&sent, FIRST + 40, true, 0, &news[n]);
	ck_assert_uint_eq(n, 31);
	feedback_order(&f, &sent, news, n);
	for (size_t i = 1; i < n; i++)
		ck_assert_uint_ge(news[i].sent, news[i - 1].sent);
	ck_assert(news[7].lost && !news[8].lost && news[8].late && news[8].arrived == 77);
	ck_assert(!f.gap);
	/* The next one leaves a packet out. */
	n = feedback_note(&sent, FIRST + 31, true, 31, &news[0]);
	feedback_order(&f, &sent, news, n);
	ck_assert(f.gap);
	feedback_order(&f, &sent, news, 0);
	ck_assert(!f.gap);
	end();
}
END_TEST

/* The reference time has 24 bits of 64 ms. */
START_TEST(test_the_receivers_clock_is_unwrapped) {
	static const uint64_t before[] = {((UINT64_C(1) << 24) - 1) * 64 * SLUICE_MS},
			      after[] = {(UINT64_C(1) << 24) * 64 * SLUICE_MS};
	struct feedback f = {.reference = 0};
	begin();
	ck_assert_int_eq(sent_add(&sent, FIRST, 100, 0, BEGIN), 0);
	ck_assert_int_eq(sent_add(&sent, FIRST + 1, 100, 0, BEGIN), 0);
	ck_assert_uint_eq(report(&f, 0, before, 1), 1);
	uint64_t first = news[0].arrived;
	ck_assert_uint_eq(report(&f, 1, after, 1), 1);
	ck_assert_uint_eq(news[0].arrived - first, 64 * SLUICE_MS);
	end();
}
END_TEST

/* ---- groups ---- */

START_TEST(test_packets_within_5_ms_are_one_group) {
	struct groups g = {.current = {.any = false}};
	struct group_delta d;
	/* Two packets each 20 ms; the second group arrives 3 ms later than its spacing says. */
	ck_assert(!groups_add(&g, BEGIN, 100 * SLUICE_MS, &d));
	ck_assert(!groups_add(&g, BEGIN + 5 * SLUICE_MS, 106 * SLUICE_MS, &d));
	ck_assert(!groups_add(&g, BEGIN + 20 * SLUICE_MS, 120 * SLUICE_MS, &d));
	ck_assert(!groups_add(&g, BEGIN + 24 * SLUICE_MS, 128 * SLUICE_MS, &d));
	ck_assert(groups_add(&g, BEGIN + 40 * SLUICE_MS, 140 * SLUICE_MS, &d));
	ck_assert_int_eq(d.sent, 19 * (int64_t)SLUICE_MS);
	ck_assert_int_eq(d.arrived, 22 * (int64_t)SLUICE_MS);
	ck_assert_uint_eq(d.at, 128 * SLUICE_MS);
}
END_TEST

/* Sent 10 ms apart, and let go together by a radio. */
START_TEST(test_packets_that_arrive_in_a_burst_are_one_group) {
	struct groups g = {.current = {.any = false}};
	struct group_delta d;
	for (uint64_t i = 0; i < 4; i++)
		ck_assert(!groups_add(&g, BEGIN + 10 * i * SLUICE_MS, (100 + i) * SLUICE_MS, &d));
	ck_assert_uint_eq(g.current.last_sent, BEGIN + 30 * SLUICE_MS);
}
END_TEST

START_TEST(test_a_jump_of_the_clock_begins_anew) {
	struct groups g = {.current = {.any = false}};
	struct group_delta d;
	unsigned deltas = 0;
	for (uint64_t i = 0; i < 10; i++)
		deltas += groups_add(&g, BEGIN + 10 * i * SLUICE_MS, (i < 5 ? 0 : 100 * SLUICE_S) + 10 * i * SLUICE_MS, &d);
	/* Five groups before the jump have four differences. Behind it one group goes with the jump, and the last is not over. */
	ck_assert_uint_eq(deltas, 4 + 2);
}
END_TEST

/* ---- trendline ---- */

/* Groups each 10 ms whose delay grows from one to the next. */
static enum usage usage_after(unsigned groups, int64_t grows_us) {
	struct trendline t;
	trendline_init(&t);
	for (unsigned i = 1; i <= groups; i++) {
		int64_t sent_ns = 10 * (int64_t)SLUICE_MS, arrived = sent_ns + grows_us * 1000;
		trendline_add(&t, &(struct group_delta){sent_ns, arrived, BEGIN + i * (uint64_t)arrived});
		ck_assert(trendline_check(&t));
	}
	return t.usage;
}

START_TEST(test_the_line_tells_growth_from_rest) {
	ck_assert_int_eq(usage_after(60, 0), USAGE_NORMAL);
	ck_assert_int_eq(usage_after(60, 1000), USAGE_OVER);
	ck_assert_int_eq(usage_after(60, -1000), USAGE_UNDER);
	ck_assert_int_eq(usage_after(60, 20), USAGE_NORMAL); /* 0.2% is drift, no queue */
	ck_assert_int_eq(usage_after(5, 1000), USAGE_NORMAL);
}
END_TEST

/* What still grows, but less from group to group, is about to end by itself. */
START_TEST(test_growth_that_slows_down_is_not_believed) {
	struct trendline t;
	const int64_t sent_ns = 10 * (int64_t)SLUICE_MS, grown = sent_ns + 2 * (int64_t)SLUICE_MS;
	uint64_t at = BEGIN;
	trendline_init(&t);
	for (int i = 0; i < 40; i++)
		trendline_add(&t, &(struct group_delta){sent_ns, grown, at += (uint64_t)grown});
	ck_assert_int_eq(t.usage, USAGE_OVER);
	for (int i = 0; i < 20; i++) { /* the smoothed delay still catches up */
		double before = t.slope;
		t.usage = USAGE_NORMAL;
		trendline_add(&t, &(struct group_delta){sent_ns, sent_ns, at += (uint64_t)sent_ns});
		ck_assert(t.slope >= before || t.usage != USAGE_OVER);
	}
}
END_TEST

/* A route that is 300 ms longer is no queue that grows: the threshold stays where it can see one. */
START_TEST(test_a_jump_of_the_delay_does_not_move_the_threshold) {
	struct trendline t;
	uint64_t at = BEGIN;
	trendline_init(&t);
	for (int i = 0; i < 100; i++) {
		int64_t sent_ns = 10 * (int64_t)SLUICE_MS, arrived = sent_ns + (i == 70 ? 300 * (int64_t)SLUICE_MS : 0);
		trendline_add(&t, &(struct group_delta){sent_ns, arrived, at += (uint64_t)arrived});
	}
	ck_assert_double_lt(t.threshold, 20);
}
END_TEST

/* ---- standing ---- */

START_TEST(test_a_full_queue_is_seen_by_its_delay_and_the_best_times_age) {
	struct standing s = {.any = false};
	uint64_t now = BEGIN;
	ck_assert_uint_eq(standing_queue(&s), 0);
	for (int i = 0; i < 10; i++, now += SLUICE_S) {
		standing_begin(&s, now);
		standing_add(&s, now, now + 20 * SLUICE_MS + (uint64_t)i % 2 * SLUICE_MS);
		standing_add(&s, now, now + 90 * SLUICE_MS); /* jitter: the least one counts */
	}
	ck_assert_uint_le(standing_queue(&s), SLUICE_MS);
	standing_begin(&s, now);
	standing_add(&s, now, now + 220 * SLUICE_MS);
	ck_assert_uint_eq(standing_queue(&s), 200 * SLUICE_MS);
	for (int i = 0; i < 40; i++, now += SLUICE_S) {
		standing_begin(&s, now);
		standing_add(&s, now, now + 220 * SLUICE_MS);
	}
	ck_assert_uint_eq(standing_queue(&s), 0); /* the path has become longer */
}
END_TEST

/* ---- busy ---- */

#define LEAST ((int64_t)(20 * SLUICE_MS))

/* Sends `count` packets of 1,000 bytes each ms to a path of 20 ms that takes `each` ns for one, the first from `at` on. Returns
 * when the last one arrived. */
static uint64_t burst(struct busy *b, uint64_t at, int count, uint64_t each) {
	uint64_t arrived = 0;
	for (int i = 0; i < count; i++) {
		arrived = at + (uint64_t)LEAST + (uint64_t)(i + 1) * each;
		busy_add(b, at + (uint64_t)i * SLUICE_MS, arrived, 1000, LEAST);
	}
	return arrived;
}

START_TEST(test_packets_that_wait_show_what_the_path_carries) {
	struct busy b = {.any = false};
	burst(&b, BEGIN, 3, 20 * SLUICE_MS); /* 40 ms, and too few */
	ck_assert_uint_eq(busy_rate(&b), 0);
	b = (struct busy){.any = false};
	burst(&b, BEGIN, 4, 9 * SLUICE_MS); /* 27 ms */
	ck_assert_uint_eq(busy_rate(&b), 0);
	b = (struct busy){.any = false};
	uint64_t arrived = burst(&b, BEGIN, 4, 10 * SLUICE_MS);
	ck_assert_uint_eq(busy_rate(&b), 800000);
	/* An app that sends little: nothing waits, and the rate that was seen is remembered for a while. */
	for (uint64_t at = BEGIN + 100 * SLUICE_MS; at + 25 * SLUICE_MS <= arrived + BUSY_KEPT; at += 50 * SLUICE_MS) {
		busy_add(&b, at, at + 25 * SLUICE_MS, 1000, LEAST);
		ck_assert_uint_eq(busy_rate(&b), 800000);
	}
	busy_add(&b, arrived + BUSY_KEPT, arrived + BUSY_KEPT + 25 * SLUICE_MS, 1000, LEAST);
	ck_assert_uint_eq(busy_rate(&b), 0);
}
END_TEST

START_TEST(test_packets_that_find_the_path_free_show_nothing) {
	struct busy b = {.any = false};
	for (uint64_t i = 0; i < 200; i++) {
		uint64_t at = BEGIN + i * 10 * SLUICE_MS;
		busy_add(&b, at, at + (20 + i % 3 * 5) * SLUICE_MS, 1000, LEAST);
		ck_assert_uint_eq(busy_rate(&b), 0);
	}
}
END_TEST

START_TEST(test_a_path_that_gets_slower_under_a_queue_is_followed) {
	struct busy b = {.any = false};
	uint64_t arrived = burst(&b, BEGIN, 100, 2 * SLUICE_MS);
	ck_assert_uint_eq(busy_rate(&b), 4000000);
	for (uint64_t i = 0; i < 40; i++)
		busy_add(&b, BEGIN + (100 + i) * SLUICE_MS, arrived += 10 * SLUICE_MS, 1000, LEAST);
	ck_assert_uint_eq(busy_rate(&b), 800000);
}
END_TEST

/* ---- delivered ---- */

START_TEST(test_what_is_delivered_is_known_after_half_a_second_and_follows) {
	struct delivered d = {.open = false};
	uint64_t at = BEGIN;
	for (int i = 0; i < 49; i++, at += 10 * SLUICE_MS)
		delivered_add(&d, at, 1250);
	ck_assert_uint_eq(delivered_rate(&d), 0);
	for (int i = 0; i < 5; i++, at += 10 * SLUICE_MS)
		delivered_add(&d, at, 1250);
	ck_assert_uint_eq(delivered_rate(&d), 1000000);
	for (int i = 0; i < 100; i++, at += 10 * SLUICE_MS)
		delivered_add(&d, at, 250);
	ck_assert_uint_lt(delivered_rate(&d), 250000);
	/* A silence of 10 s is no low rate, and neither is a gap among the reports. */
	uint64_t before = delivered_rate(&d);
	delivered_add(&d, at + 10 * SLUICE_S, 250);
	delivered_gap(&d);
	delivered_add(&d, at + 10800 * SLUICE_MS, 250);
	ck_assert_uint_eq(delivered_rate(&d), before);
	delivered_raise(&d, 5000000);
	ck_assert_uint_eq(delivered_rate(&d), 5000000);
	delivered_raise(&d, 1000000);
	ck_assert_uint_eq(delivered_rate(&d), 5000000);
}
END_TEST

START_TEST(test_one_sample_far_off_counts_for_little) {
	struct delivered d = {.open = false};
	uint64_t at = BEGIN;
	for (int i = 0; i < 200; i++, at += 10 * SLUICE_MS)
		delivered_add(&d, at, 1250);
	for (int i = 0; i < 16; i++, at += 10 * SLUICE_MS)
		delivered_add(&d, at, 4 * 1250);
	ck_assert(delivered_rate(&d) > 1000000 && delivered_rate(&d) < 1500000);
}
END_TEST

/* ---- aimd ---- */

static void update(struct aimd *a, enum usage usage, uint64_t carried, uint64_t now) {
	aimd_update(a, &(struct aimd_input){usage, carried, 3000000, 40 * SLUICE_MS, true, now});
	ck_assert(aimd_check(a));
}

START_TEST(test_the_rate_grows_by_8_percent_a_second_and_falls_to_85_percent) {
	struct aimd a;
	uint64_t now = BEGIN;
	aimd_init(&a, 1000000, 30000, now);
	for (int i = 0; i <= 10; i++, now += 100 * SLUICE_MS)
		update(&a, USAGE_NORMAL, 1000000, now);
	ck_assert(a.estimate > 1079000 && a.estimate < 1085000);
	update(&a, USAGE_OVER, 1000000, now);
	ck_assert_double_eq_tol(a.estimate, 850000, 1);
	update(&a, USAGE_OVER, 900000, now + 5 * SLUICE_MS); /* what was sent before the fall is still arriving */
	ck_assert_double_eq_tol(a.estimate, 850000, 1);
	update(&a, USAGE_UNDER, 900000, now + SLUICE_S); /* the queue empties: wait */
	ck_assert_double_eq_tol(a.estimate, 850000, 1);
	/* Near the capacity: about a packet each 140 ms. */
	now += 2 * SLUICE_S;
	update(&a, USAGE_NORMAL, 850000, now);
	update(&a, USAGE_NORMAL, 850000, now + SLUICE_S);
	ck_assert(a.estimate > 890000 && a.estimate < 930000);
	update(&a, USAGE_OVER, 1000, now + 2 * SLUICE_S);
	ck_assert_double_eq(a.estimate, 30000);
}
END_TEST

START_TEST(test_the_rate_does_not_pass_the_ceiling_nor_grow_unseen) {
	struct aimd a;
	aimd_init(&a, 2990000, 30000, BEGIN);
	for (uint64_t s = 1; s < 10; s++)
		update(&a, USAGE_NORMAL, 2900000, BEGIN + s * SLUICE_S);
	ck_assert_double_eq(a.estimate, 3000000);
	aimd_init(&a, 1000000, 30000, BEGIN);
	for (uint64_t s = 1; s < 10; s++)
		aimd_update(&a, &(struct aimd_input){USAGE_NORMAL, 100000, 3000000, 40 * SLUICE_MS, false, BEGIN + s * SLUICE_S});
	ck_assert_double_eq(a.estimate, 1000000);
}
END_TEST

START_TEST(test_a_path_that_carries_more_than_its_capacity_is_found_by_shares_again) {
	struct aimd a;
	uint64_t now = BEGIN;
	aimd_init(&a, 1000000, 30000, now);
	update(&a, USAGE_OVER, 1000000, now += SLUICE_S);
	ck_assert_double_gt(a.capacity, 0);
	update(&a, USAGE_NORMAL, 1090000, now += SLUICE_S); /* 9% more may be the size of frames */
	ck_assert_double_gt(a.capacity, 0);
	update(&a, USAGE_NORMAL, 1110000, now += SLUICE_S);
	ck_assert_double_eq(a.capacity, 0);
}
END_TEST

/* ---- loss ---- */

static uint64_t loss_clock;

/* One window of 100 packets of which so many are lost. */
static void window(struct loss *l, uint32_t lost, bool long_queue) {
	for (uint32_t i = 0; i < 100; i++)
		loss_add(l, loss_clock + SLUICE_MS, i < lost, false);
	loss_clock += 400 * SLUICE_MS;
	loss_update(l, &(struct loss_input){1000000, 800000, 40 * SLUICE_MS, long_queue, loss_clock});
	ck_assert(loss_check(l));
}

static void loss_begin(struct loss *l) {
	loss_clock = BEGIN;
	loss_init(l, BEGIN);
}

START_TEST(test_loss_that_ends_at_the_lower_rate_leaves_a_cap) {
	struct loss l;
	loss_begin(&l);
	window(&l, 20, false);
	ck_assert_uint_eq(loss_limit(&l), LOSS_NO_CAP); /* one window may be chance */
	window(&l, 20, false);
	ck_assert_uint_eq(loss_limit(&l), 600000);
	window(&l, 0, false);
	ck_assert_uint_eq(loss_limit(&l), 800000);
	window(&l, 0, false);
	ck_assert(loss_limit(&l) > 800000 && loss_limit(&l) < 820000);
}
END_TEST

START_TEST(test_loss_that_stays_is_the_paths_own) {
	struct loss l;
	loss_begin(&l);
	for (int i = 0; i < 3; i++)
		window(&l, 20, false);
	ck_assert_uint_eq(loss_limit(&l), LOSS_NO_CAP);
	ck_assert_double_eq_tol(l.own, 0.2, 1e-9);
	for (int i = 0; i < 20; i++)
		window(&l, 20, false);
	ck_assert_uint_eq(loss_limit(&l), LOSS_NO_CAP);
	for (int i = 0; i < 40; i++)
		window(&l, 0, false);
	ck_assert_double_lt(l.own, 0.01);
}
END_TEST

START_TEST(test_a_test_also_shows_that_the_path_loses_less_than_was_believed) {
	struct loss l;
	loss_begin(&l);
	for (int i = 0; i < 3; i++)
		window(&l, 20, false);
	for (int i = 0; i < 2; i++)
		window(&l, 40, false);
	ck_assert(l.testing && l.carried == 800000);
	window(&l, 5, false);
	ck_assert_double_eq_tol(l.own, 0.05, 1e-9);
	ck_assert_uint_eq(loss_limit(&l), 800000);
	ck_assert_uint_eq(l.carried, 800000); /* what is delivered still shows the dip */
	window(&l, 5, false);
	ck_assert_uint_eq(l.carried, 0);
}
END_TEST

START_TEST(test_little_loss_for_long_is_tested_too_and_a_long_queue_is_left_to_the_delay) {
	struct loss l;
	loss_begin(&l);
	for (int i = 0; i < 4; i++)
		window(&l, 5, false);
	ck_assert(!l.testing);
	window(&l, 5, false);
	ck_assert(l.testing);
	window(&l, 5, false); /* 100 packets are too few for a verdict about 5% */
	ck_assert(l.testing);
	loss_begin(&l);
	for (int i = 0; i < 10; i++)
		window(&l, 50, true);
	ck_assert_uint_eq(loss_limit(&l), LOSS_NO_CAP);
}
END_TEST

START_TEST(test_a_packet_that_came_late_is_no_loss) {
	struct loss l;
	loss_begin(&l);
	for (int n = 0; n < 4; n++) {
		for (int i = 0; i < 30; i++)
			loss_add(&l, loss_clock + SLUICE_MS, true, false);
		for (int i = 0; i < 30; i++)
			loss_add(&l, loss_clock + SLUICE_MS, false, true);
		window(&l, 0, false);
		ck_assert(!l.testing && l.own == 0);
	}
}
END_TEST

START_TEST(test_a_cap_far_above_the_rate_is_lifted) {
	struct loss l;
	loss_begin(&l);
	window(&l, 20, false);
	window(&l, 20, false);
	for (int i = 0; i < 60; i++)
		window(&l, 0, false);
	ck_assert_uint_eq(loss_limit(&l), LOSS_NO_CAP);
}
END_TEST

/* ---- probes ---- */

/* n packets of 1,000 bytes, sent each `sent_us`, arriving each `arrived_us`. */
static bool probe_comes(unsigned n, uint64_t sent_us, uint64_t arrived_us, struct cluster_result *r) {
	struct clusters c = {.ring = {{.packets = 0}}};
	bool any = false;
	cluster_begin(&c, &(struct bwe_probe){5, 10, 10000, 4000000});
	for (uint64_t i = 0; i < n; i++) {
		bool now = cluster_add(&c, 5, BEGIN + i * sent_us * SLUICE_US, i * arrived_us * SLUICE_US, 1000, r);
		ck_assert(any <= now);
		any = now;
	}
	ck_assert(!cluster_add(&c, 13, BEGIN, 0, 1000, r) && !cluster_add(&c, 0, BEGIN, 0, 1000, r));
	return any;
}

START_TEST(test_the_spacing_of_a_probe_is_a_rate) {
	struct cluster_result r;
	ck_assert(probe_comes(10, 2000, 2000, &r));
	ck_assert(r.rate == 4000000 && !r.saturated && r.id == 5);
	ck_assert(probe_comes(8, 2000, 2000, &r)); /* four fifths are enough */
	ck_assert(!probe_comes(7, 2000, 2000, &r));
	ck_assert(probe_comes(10, 2000, 4000, &r)); /* 2 Mb/s is all that the path has; less 5% */
	ck_assert(r.rate == 1900000 && r.saturated);
	ck_assert(!probe_comes(10, 2000, 500, &r)); /* something collected them */
	ck_assert(!probe_comes(10, 2000, 0, &r));
	ck_assert(!probe_comes(10, 0, 2000, &r));
}
END_TEST

static uint64_t probe_rate(struct probing *p) {
	struct bwe_probe probe;
	ck_assert(probing_check(p));
	return probing_take(p, &probe) ? probe.rate : 0;
}

START_TEST(test_probes_at_the_start_double_until_the_path_shows_its_limit) {
	struct probing p;
	probing_init(&p, 300000, 100000000);
	ck_assert_uint_eq(probe_rate(&p), 0);
	probing_start(&p, BEGIN);
	probing_start(&p, BEGIN);
	ck_assert_uint_eq(probe_rate(&p), 900000);
	ck_assert_uint_eq(probe_rate(&p), 1800000);
	ck_assert(probing_result(&p, &(struct cluster_result){1, 900000, false}, BEGIN));
	ck_assert_uint_eq(probe_rate(&p), 0);
	ck_assert(probing_result(&p, &(struct cluster_result){2, 1800000, false}, BEGIN));
	ck_assert_uint_eq(probe_rate(&p), 3600000);
	ck_assert(probing_result(&p, &(struct cluster_result){3, 2850000, true}, BEGIN));
	ck_assert_uint_eq(probe_rate(&p), 0);
	ck_assert_uint_eq(probing_deadline(&p, false), SLUICE_NEVER);
}
END_TEST

START_TEST(test_an_unanswered_start_is_tried_again_but_not_for_ever) {
	struct probing p;
	unsigned again = 0;
	probing_init(&p, 300000, 100000000);
	probing_start(&p, BEGIN);
	while (probe_rate(&p))
		;
	for (uint64_t at = BEGIN; (at = probing_deadline(&p, false)) != SLUICE_NEVER;) {
		probing_advance(&p, 300000, false, false, at);
		ck_assert_uint_eq(probe_rate(&p), 1800000);
		ck_assert_uint_le(++again, 8);
	}
	ck_assert_uint_eq(again, 8);
}
END_TEST

START_TEST(test_after_a_drop_a_saturated_probe_does_not_raise_and_waits_longer) {
	struct probing p;
	probing_init(&p, 300000, 100000000);
	p.started = true;
	probing_target(&p, 3000000, BEGIN);
	probing_target(&p, 1000000, BEGIN);
	ck_assert_uint_eq(probing_deadline(&p, false), BEGIN + 2 * SLUICE_S);
	probing_advance(&p, 1000000, false, true, BEGIN + 2 * SLUICE_S); /* congested: later */
	ck_assert_uint_eq(probe_rate(&p), 0);
	uint64_t at = probing_deadline(&p, false);
	ck_assert_uint_gt(at, BEGIN + 2 * SLUICE_S);
	probing_advance(&p, 1000000, false, false, at);
	ck_assert_uint_eq(probe_rate(&p), 2000000);
	ck_assert(!probing_result(&p, &(struct cluster_result){1, 1300000, true}, at));
	uint64_t second = probing_deadline(&p, false);
	probing_advance(&p, 1000000, false, false, second);
	ck_assert_uint_eq(probe_rate(&p), 2000000);
	ck_assert_uint_ge(probing_deadline(&p, false), second + 3 * SLUICE_S);
	/* With room on the path, the next one follows at once. */
	ck_assert(probing_result(&p, &(struct cluster_result){2, 2000000, false}, second));
	ck_assert_uint_eq(probe_rate(&p), 4000000);
	probing_target(&p, 2900000, second);
	p.again = 0;
	ck_assert_uint_eq(probing_deadline(&p, false), SLUICE_NEVER);
}
END_TEST

START_TEST(test_a_path_that_stays_narrow_is_left_alone_one_day) {
	struct probing p;
	uint64_t at = BEGIN;
	uint32_t probes = 0;
	probing_init(&p, 300000, 100000000);
	p.started = true;
	probing_target(&p, 3000000, at);
	for (probing_target(&p, 1000000, at); (at = probing_deadline(&p, false)) != SLUICE_NEVER;
	     probing_target(&p, 1000000, at)) {
		probing_advance(&p, 1000000, false, false, at);
		if (probe_rate(&p))
			probing_result(&p, &(struct cluster_result){++probes, 1000000, true}, at);
		ck_assert_uint_lt(probes, 200);
	}
	ck_assert_uint_gt(probes, 50);
}
END_TEST

START_TEST(test_no_probe_is_faster_than_the_bound) {
	struct probing p;
	probing_init(&p, 300000, 500000);
	probing_start(&p, BEGIN);
	ck_assert_uint_eq(probe_rate(&p), 500000);
	ck_assert_uint_eq(probe_rate(&p), 500000);
	probing_result(&p, &(struct cluster_result){2, 500000, false}, BEGIN);
	ck_assert_uint_eq(probe_rate(&p), 0);
}
END_TEST

START_TEST(test_an_app_that_uses_less_than_65_percent_is_limited_by_itself) {
	struct app_limit a = {.stamp = BEGIN};
	uint64_t now = BEGIN;
	for (int i = 0; i < 100; i++, now += 10 * SLUICE_MS) {
		app_limit_update(&a, 1000000, now);
		app_limit_sent(&a, 1000);
	}
	ck_assert(!a.limited); /* 0.8 Mb/s of 1 */
	for (int i = 0; i < 200; i++, now += 10 * SLUICE_MS) {
		app_limit_update(&a, 1000000, now);
		app_limit_sent(&a, 400);
	}
	ck_assert(a.limited);
	for (int i = 0; i < 100; i++, now += 10 * SLUICE_MS) {
		app_limit_update(&a, 1000000, now);
		app_limit_sent(&a, 1250);
	}
	ck_assert(!a.limited);
}
END_TEST

SUITE("rtp_bwe_parts", test_the_history_forgets_the_oldest_and_knows_what_was_passed_over,
      test_what_is_told_stream_by_stream_is_put_in_order, test_a_packet_is_news_once_as_lost_and_once_as_arrived,
      test_the_receivers_clock_is_unwrapped, test_packets_within_5_ms_are_one_group,
      test_packets_that_arrive_in_a_burst_are_one_group, test_a_jump_of_the_clock_begins_anew,
      test_the_line_tells_growth_from_rest, test_growth_that_slows_down_is_not_believed,
      test_a_jump_of_the_delay_does_not_move_the_threshold, test_a_full_queue_is_seen_by_its_delay_and_the_best_times_age,
      test_packets_that_wait_show_what_the_path_carries, test_packets_that_find_the_path_free_show_nothing,
      test_a_path_that_gets_slower_under_a_queue_is_followed, test_what_is_delivered_is_known_after_half_a_second_and_follows,
      test_one_sample_far_off_counts_for_little, test_the_rate_grows_by_8_percent_a_second_and_falls_to_85_percent,
      test_the_rate_does_not_pass_the_ceiling_nor_grow_unseen,
      test_a_path_that_carries_more_than_its_capacity_is_found_by_shares_again,
      test_loss_that_ends_at_the_lower_rate_leaves_a_cap, test_loss_that_stays_is_the_paths_own,
      test_a_test_also_shows_that_the_path_loses_less_than_was_believed,
      test_little_loss_for_long_is_tested_too_and_a_long_queue_is_left_to_the_delay, test_a_packet_that_came_late_is_no_loss,
      test_a_cap_far_above_the_rate_is_lifted, test_the_spacing_of_a_probe_is_a_rate,
      test_probes_at_the_start_double_until_the_path_shows_its_limit, test_an_unanswered_start_is_tried_again_but_not_for_ever,
      test_after_a_drop_a_saturated_probe_does_not_raise_and_waits_longer, test_a_path_that_stays_narrow_is_left_alone_one_day,
      test_no_probe_is_faster_than_the_bound, test_an_app_that_uses_less_than_65_percent_is_limited_by_itself)
