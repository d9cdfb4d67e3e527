/* Does the delay follow the 97th percentile of relative delay, repairs and the app? */
#include "rtp/playout.h"

#include "base/serial.h"
#include "sim/rng.h"
#include "suite.h"

#define MS PLAYOUT_MS
#define START (5000 * MS)

static struct playout p;

/* As the jitter buffer does it. */
static void sample(uint64_t timestamp, uint64_t now) {
	if (!playout_sample_usual(&p, timestamp, now))
		playout_sample(&p, timestamp, now);
	ck_assert(playout_check(&p));
}

/* An audio packet of 20 ms, the i-th, that is late by so much. */
static void arrive(uint32_t i, uint64_t late) {
	sample(SERIAL_ORIGIN + i * 960, START + i * 20 * MS + late);
}

static uint64_t due(uint32_t i) {
	return (uint64_t)(playout_media_time(p.tick, SERIAL_ORIGIN + i * 960) + playout_offset(&p));
}

static bool is_about(uint64_t a, uint64_t b) {
	return a < b ? b - a < MS / 10 : a - b < MS / 10;
}

START_TEST(test_without_jitter_the_delay_is_least) {
	playout_init(&p, 48000, false);
	ck_assert_uint_eq(p.delay, 0);
	for (uint32_t i = 0; i < 500; i++) {
		arrive(i, 0);
		ck_assert_uint_eq(p.delay, PLAYOUT_BUCKET);
		ck_assert(is_about(due(i), START + i * 20 * MS + PLAYOUT_BUCKET));
	}
}
END_TEST

START_TEST(test_the_delay_is_the_97th_percentile) {
	playout_init(&p, 48000, false);
	/* 3 of 100 are late by 200 ms, the others by up to 40 ms. */
	for (uint32_t i = 0; i < 1000; i++)
		arrive(i, i % 100 < 3 ? 200 * MS : i % 8 * 5 * MS);
	ck_assert_uint_eq(p.delay, 40 * MS);
	/* 4 of 100. */
	for (uint32_t i = 1000; i < 2000; i++)
		arrive(i, i % 100 < 4 ? 200 * MS : i % 8 * 5 * MS);
	ck_assert_uint_eq(p.delay, 205 * MS);
}
END_TEST

START_TEST(test_what_is_older_than_the_window_is_forgotten) {
	playout_init(&p, 48000, false);
	for (uint32_t i = 0; i < 100; i++)
		arrive(i, i % 2 * 100 * MS);
	ck_assert_uint_eq(p.delay, 105 * MS);
	uint32_t i = 100;
	while (p.delay > 5 * MS)
		arrive(i++, 0);
	/* 97 % of 2 to 2.5 s: the late ones end at packet 99. */
	ck_assert_uint_ge(i - 100, 94);
	ck_assert_uint_le(i - 100, 126);
	/* The way has become longer by 50 ms: soon that is the least, and a window later the delay is as it was. */
	for (uint32_t end = i + 260; i < end; i++)
		arrive(i, 50 * MS);
	ck_assert_uint_eq(p.delay, 5 * MS);
	ck_assert(is_about(due(i), START + i * 20 * MS + 55 * MS));
	/* After a silence longer than the window, nothing is known. */
	arrive(i += 1000, 80 * MS);
	ck_assert_uint_eq(p.delay, 5 * MS);
	ck_assert_uint_eq(p.count, 1);
}
END_TEST

START_TEST(test_the_delay_is_at_most_two_seconds) {
	playout_init(&p, 48000, false);
	for (uint32_t i = 0; i < 300; i++)
		arrive(i, i % 2 * 3500 * MS);
	ck_assert_uint_eq(p.delay, PLAYOUT_MOST);
	playout_fix(&p, 3000 * MS, START);
	ck_assert_uint_eq(p.delay, PLAYOUT_MOST);
}
END_TEST

START_TEST(test_the_app_fixes_the_delay) {
	playout_init(&p, 48000, false);
	playout_fix(&p, 0, START);
	for (uint32_t i = 0; i < 100; i++)
		arrive(i, i % 2 * 100 * MS);
	ck_assert_uint_eq(p.delay, 0);
	playout_fix(&p, 70 * MS, START);
	playout_reset(&p);
	arrive(100, 0);
	ck_assert_uint_eq(p.delay, 70 * MS);
	playout_fix(&p, SLUICE_NEVER, START);
	ck_assert_uint_eq(p.delay, 5 * MS);
}
END_TEST

START_TEST(test_video_waits_for_repairs_while_packets_get_lost) {
	uint64_t now = START + 20 * MS;
	playout_init(&p, 90000, true);
	playout_sample(&p, SERIAL_ORIGIN, START);
	playout_set_rtt(&p, 80 * MS, START);
	ck_assert_uint_eq(p.delay, 5 * MS);
	playout_gap(&p, now);
	ck_assert_uint_eq(p.delay, 100 * MS);
	playout_set_rtt(&p, 0, now);
	playout_sample(&p, SERIAL_ORIGIN, START + 300 * MS); /* more jitter than a repair needs */
	playout_set_rtt(&p, 80 * MS, now);
	ck_assert_uint_eq(p.delay, 305 * MS);
	playout_init(&p, 90000, true);
	playout_sample(&p, SERIAL_ORIGIN, START);
	playout_gap(&p, now);
	playout_set_rtt(&p, 0, now); /* nothing is retransmitted any more */
	ck_assert_uint_eq(p.delay, 5 * MS);
	playout_set_rtt(&p, 1980 * MS, now);
	ck_assert_uint_eq(p.delay, PLAYOUT_MOST);
	playout_set_rtt(&p, 1981 * MS, now); /* would come too late */
	ck_assert_uint_eq(p.delay, 5 * MS);
	playout_set_rtt(&p, 80 * MS, now);
	for (uint64_t t = 33; t < 12000; t += 33) {
		sample(SERIAL_ORIGIN + t * 90, START + t * MS);
		ck_assert_uint_eq(p.delay, START + t * MS - now < PLAYOUT_REPAIR_MEMORY ? 100 * MS : 5 * MS);
	}
	/* Audio conceals instead. */
	playout_init(&p, 48000, false);
	playout_set_rtt(&p, 80 * MS, START);
	playout_gap(&p, START);
	ck_assert_uint_eq(p.delay, 0);
}
END_TEST

START_TEST(test_timestamps_that_jump_start_anew) {
	playout_init(&p, 48000, false);
	for (uint32_t i = 0; i < 100; i++)
		arrive(i, i % 2 * 100 * MS);
	for (int back = 0; back < 2; back++) {
		uint64_t jump = back ? 0 : UINT64_C(48000) * 3600, now = START + 2000 * MS;
		sample(SERIAL_ORIGIN + 100 * 960 + jump, now);
		ck_assert_uint_eq(p.count, 1);
		ck_assert_uint_eq(p.delay, 5 * MS);
		int64_t when = playout_media_time(p.tick, SERIAL_ORIGIN + 100 * 960 + jump) + playout_offset(&p);
		ck_assert(is_about((uint64_t)when, now + 5 * MS));
	}
}
END_TEST

START_TEST(test_any_arrivals_keep_the_equations) {
	struct rng r = rng_of(3, 0);
	uint64_t now = 0, timestamp = SERIAL_ORIGIN;
	playout_init(&p, 90000, true);
	for (int i = 0; i < 20000; i++) {
		now += rng_next(&r) % 200 ? rng_next(&r) % (20 * MS) : rng_next(&r) % (9000 * MS);
		timestamp += rng_next(&r) % 100 ? rng_next(&r) % 2000 : rng_next(&r) % (1 << 20);
		if (rng_next(&r) % 50 == 0)
			playout_gap(&p, now);
		if (rng_next(&r) % 500 == 0)
			playout_set_rtt(&p, rng_next(&r) % (3000 * MS), now);
		sample(timestamp, now);
		/* Whatever came is due within the delay. */
		int64_t when = playout_media_time(p.tick, timestamp) + playout_offset(&p);
		ck_assert_int_le(when, (int64_t)(now + p.delay));
	}
}
END_TEST

/* Samples that are only counted change nothing that one can see from outside: another playout, for which none is usual, says the
 * same. There are more of them in a window than a counter takes. */
START_TEST(test_usual_samples_count_as_others_do) {
	struct playout other;
	struct rng r = rng_of(4, 0);
	uint64_t now = START, timestamp = SERIAL_ORIGIN, usual = 0;
	playout_init(&p, 90000, true);
	playout_init(&other, 90000, true);
	for (int i = 0; i < 200000; i++) {
		uint64_t late = rng_next(&r) % 50 ? rng_next(&r) % (4 * MS) : rng_next(&r) % (60 * MS);
		now += MS / 45;
		timestamp += 2;
		if (playout_sample_usual(&p, timestamp, now + late))
			usual++;
		else
			playout_sample(&p, timestamp, now + late);
		playout_sample(&other, timestamp, now + late);
		ck_assert_uint_eq(p.delay, other.delay);
		ck_assert_int_eq(p.least, other.least);
		if (p.usual == 0)
			ck_assert_uint_eq(p.count, other.count);
	}
	ck_assert(playout_check(&p));
	ck_assert_uint_gt(usual, 100000);
	ck_assert_uint_eq(other.count, PLAYOUT_SAMPLES);
}
END_TEST

SUITE("playout", test_without_jitter_the_delay_is_least, test_the_delay_is_the_97th_percentile,
      test_what_is_older_than_the_window_is_forgotten, test_the_delay_is_at_most_two_seconds, test_the_app_fixes_the_delay,
      test_video_waits_for_repairs_while_packets_get_lost, test_timestamps_that_jump_start_anew,
      test_any_arrivals_keep_the_equations, test_usual_samples_count_as_others_do)
