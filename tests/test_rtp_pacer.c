/* Does what leaves next come in the right order, at the right rate and in whole bursts? */
#include "rtp/pacer.h"

#include "sim/memory.h"
#include "sluice/error.h"
#include "suite.h"

#define BEGIN (10 * SLUICE_S)
#define TARGET 1000000 /* bit/s: packets leave at 2.5 Mb/s, so that 1,000 bytes take 3.2 ms */
#define PACKET_TIME (3200 * SLUICE_US)

static struct memory memory;
static sluice_env *env;
static struct pacer p;
static struct pacer_grant g;

static void begin(void) {
	memory = (struct memory){.plain = true};
	ck_assert_int_eq(sluice_env_new(&(sluice_env_config){.allocator = memory_allocator(&memory)}, &env), 0);
	ck_assert_int_eq(pacer_open(&p, env, 4, 255), 0);
	pacer_set_target(&p, TARGET);
}

static void end(void) {
	pacer_close(&p);
	sluice_env_free(env);
	ck_assert_uint_eq(memory.live, 0);
}

static void push(enum pacer_kind kind, uint64_t handle, uint32_t count, uint32_t size, uint32_t last) {
	const struct pacer_run run = {handle, count, size, last};
	ck_assert_int_eq(pacer_push(&p, kind, &run, BEGIN), 0);
	ck_assert(pacer_check(&p));
}

static bool next(uint64_t now) {
	bool any = pacer_next(&p, 64, now, &g);
	ck_assert(pacer_check(&p));
	return any;
}

START_TEST(test_audio_goes_before_repairs_and_these_before_video) {
	begin();
	push(PACER_VIDEO, 1, 1, 100, 100);
	push(PACER_RETRANSMISSION, 2, 1, 100, 100);
	push(PACER_AUDIO, 3, 1, 100, 100);
	for (uint64_t handle = 3; handle >= 1; handle--) {
		ck_assert(next(BEGIN));
		ck_assert_uint_eq(g.handle, handle);
		ck_assert(g.is_end && g.count == 1 && g.probe == 0);
	}
	ck_assert(!next(BEGIN + SLUICE_S));
	ck_assert_uint_eq(pacer_deadline(&p), SLUICE_NEVER);
	end();
}
END_TEST

START_TEST(test_a_burst_is_what_5_ms_carry_and_the_next_one_waits_for_its_end) {
	begin();
	push(PACER_VIDEO, 7, 5, 1000, 400);
	ck_assert(next(BEGIN));
	/* Due at 0 and 3.2 ms; the third one at 6.4 ms is not. */
	ck_assert(g.first == 0 && g.count == 2 && g.size == 1000 && g.last == 1000 && !g.is_end);
	ck_assert(!next(BEGIN));
	ck_assert_uint_eq(pacer_deadline(&p), BEGIN + 2 * PACKET_TIME);
	ck_assert(!next(BEGIN + 2 * PACKET_TIME - 1));
	ck_assert(next(BEGIN + 2 * PACKET_TIME));
	ck_assert(g.first == 2 && g.count == 2 && !g.is_end);
	ck_assert(next(BEGIN + 4 * PACKET_TIME));
	ck_assert(g.first == 4 && g.count == 1 && g.last == 400 && g.is_end);
	ck_assert_uint_eq(pacer_queued(&p), 0);
	end();
}
END_TEST

START_TEST(test_a_grant_holds_no_more_than_was_asked_for) {
	begin();
	pacer_set_target(&p, 1000 * (uint64_t)TARGET);
	push(PACER_VIDEO, 7, 100, 1000, 1000);
	ck_assert(pacer_next(&p, 30, BEGIN, &g));
	ck_assert_uint_eq(g.count, 30);
	ck_assert(pacer_next(&p, 64, BEGIN, &g));
	ck_assert(g.first == 30 && g.count == 64);
	end();
}
END_TEST

START_TEST(test_audio_is_not_held_back_but_counts) {
	begin();
	push(PACER_VIDEO, 1, 10, 1000, 1000);
	ck_assert(next(BEGIN) && g.count == 2);
	push(PACER_AUDIO, 2, 1, 500, 500);
	ck_assert_uint_eq(pacer_deadline(&p), BEGIN); /* at once */
	ck_assert(next(BEGIN) && g.kind == PACER_AUDIO);
	ck_assert_uint_eq(pacer_deadline(&p), BEGIN + 2 * PACKET_TIME + PACKET_TIME / 2);
	end();
}
END_TEST

START_TEST(test_a_late_caller_makes_up_for_no_more_than_a_burst) {
	begin();
	push(PACER_VIDEO, 1, 50, 1000, 1000);
	ck_assert(next(BEGIN) && g.count == 2);
	ck_assert(next(BEGIN + SLUICE_S) && g.count == 2);
	ck_assert(!next(BEGIN + SLUICE_S));
	ck_assert(!next(BEGIN)); /* time that steps back grants nothing and breaks nothing */
	end();
}
END_TEST

/* 1 Mb/s and a probe of 4 Mb/s: 255 bytes take 510 us. */
START_TEST(test_a_probe_begins_with_padding_takes_video_and_fills_up_with_padding) {
	begin();
	push(PACER_VIDEO, 1, 2, 1000, 1000);
	pacer_probe(&p, 9, 4000000, 5, 2700, BEGIN);
	ck_assert(next(BEGIN) && g.kind == PACER_PADDING && g.count == 1 && g.size == 255 && g.probe == 9);
	ck_assert(next(BEGIN) && g.kind == PACER_VIDEO && g.count == 1 && g.probe == 9);
	ck_assert(!next(BEGIN));
	ck_assert_uint_eq(pacer_deadline(&p), BEGIN + 2510 * SLUICE_US);
	ck_assert(next(BEGIN + 2510 * SLUICE_US) && g.kind == PACER_VIDEO && g.probe == 9);
	/* 445 bytes and two packets are missing. */
	ck_assert(next(BEGIN + 4510 * SLUICE_US) && g.kind == PACER_PADDING && g.count == 2 && g.probe == 9);
	ck_assert(!pacer_is_probing(&p));
	ck_assert(!next(BEGIN + SLUICE_S));
	end();
}
END_TEST

START_TEST(test_a_probe_starts_at_once_and_takes_no_more_than_it_needs) {
	begin();
	push(PACER_VIDEO, 1, 10, 1000, 1000);
	ck_assert(next(BEGIN) && g.count == 2 && !next(BEGIN));
	pacer_probe(&p, 4, 100000000, 4, 3000, BEGIN);
	ck_assert(next(BEGIN) && g.kind == PACER_PADDING && g.count == 1 && g.probe == 4);
	ck_assert(next(BEGIN) && g.kind == PACER_VIDEO && g.count == 3 && g.probe == 4);
	ck_assert(!pacer_is_probing(&p));
	/* The bytes of the probe took no more time than they take at its rate. */
	ck_assert(next(BEGIN) && g.kind == PACER_VIDEO && g.probe == 0);
	end();
}
END_TEST

START_TEST(test_a_full_queue_and_a_senseless_run_are_refused) {
	static const struct pacer_run good = {0, 1, 100, 100}, empty = {0, 0, 100, 100}, no_bytes = {0, 1, 0, 0},
				      odd = {0, 2, 100, 101};
	begin();
	ck_assert_int_eq(pacer_push(&p, PACER_VIDEO, &empty, BEGIN), SLUICE_INVALID);
	ck_assert_int_eq(pacer_push(&p, PACER_VIDEO, &no_bytes, BEGIN), SLUICE_INVALID);
	ck_assert_int_eq(pacer_push(&p, PACER_VIDEO, &odd, BEGIN), SLUICE_INVALID);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pacer_push(&p, PACER_VIDEO, &good, BEGIN), 0);
	ck_assert_int_eq(pacer_push(&p, PACER_VIDEO, &good, BEGIN), SLUICE_WOULD_BLOCK);
	ck_assert_uint_eq(pacer_queued(&p), 400);
	ck_assert_int_eq(pacer_push(&p, PACER_AUDIO, &good, BEGIN), 0); /* each kind has a queue of its own */
	end();
}
END_TEST

START_TEST(test_a_frame_becomes_packets_of_equal_size) {
	for (uint32_t len = 0; len <= 5000; len++) {
		uint32_t size, count = pacer_split(len, 1200, &size);
		if (len == 0) {
			ck_assert(count == 0 && size == 0);
			continue;
		}
		uint32_t last = len - (count - 1) * size;
		ck_assert(size <= 1200 && last >= 1 && last <= size);
		ck_assert(count == (len + 1199) / 1200 && size - last < count);
	}
	uint32_t size;
	ck_assert_uint_eq(pacer_split(5, 2, &size), 3); /* 2, 2, 1 */
	ck_assert_uint_eq(pacer_split(UINT32_MAX, 1200, &size), 3579140);
}
END_TEST

SUITE("rtp_pacer", test_audio_goes_before_repairs_and_these_before_video,
      test_a_burst_is_what_5_ms_carry_and_the_next_one_waits_for_its_end, test_a_grant_holds_no_more_than_was_asked_for,
      test_audio_is_not_held_back_but_counts, test_a_late_caller_makes_up_for_no_more_than_a_burst,
      test_a_probe_begins_with_padding_takes_video_and_fills_up_with_padding, test_a_full_queue_and_a_senseless_run_are_refused,
      test_a_probe_starts_at_once_and_takes_no_more_than_it_needs, test_a_frame_becomes_packets_of_equal_size)
