/* The window over the numbers of received records, held against a set that forgets nothing. */
#include "base/replay.h"
#include "suite.h"

START_TEST(test_a_number_is_new_once) {
	struct replay r = {0};
	ck_assert(replay_is_new(&r, 0));
	replay_mark(&r, 0);
	ck_assert(!replay_is_new(&r, 0));
	ck_assert(replay_is_new(&r, 1));
	replay_mark(&r, 5);
	ck_assert(replay_is_new(&r, 3));
	replay_mark(&r, 3);
	ck_assert(!replay_is_new(&r, 3) && !replay_is_new(&r, 5) && replay_is_new(&r, 4));
}
END_TEST

START_TEST(test_what_lies_behind_the_window_counts_as_taken) {
	struct replay r = {0};
	replay_mark(&r, 10000);
	ck_assert(replay_is_new(&r, 10000 - REPLAY_SIZE + 1));
	ck_assert(!replay_is_new(&r, 10000 - REPLAY_SIZE));
	ck_assert(!replay_is_new(&r, 0));
}
END_TEST

/* The NACK window of media: whatever may be asked for again must not count as taken. */
START_TEST(test_the_window_covers_1024_numbers) {
	struct replay r = {0};
	for (uint64_t n = 5000; n < 5064; n++) {
		r = (struct replay){0};
		replay_mark(&r, n);
		ck_assert(replay_is_new(&r, n - 1023) && !replay_is_old(&r, n - 1023));
		replay_mark(&r, n - 1023);
		ck_assert(!replay_is_new(&r, n - 1023) && !replay_is_old(&r, n - 1023));
		ck_assert(!replay_is_old(&r, n) && !replay_is_old(&r, n + 1));
		ck_assert(replay_is_old(&r, n - REPLAY_SIZE) && replay_is_old(&r, 0));
	}
}
END_TEST

START_TEST(test_a_jump_of_any_length_leaves_no_old_bit) {
	for (uint64_t jump = 1; jump < 3 * 64 * REPLAY_WORDS; jump++) {
		struct replay r = {0};
		for (uint64_t n = 0; n < 200; n++)
			replay_mark(&r, n);
		replay_mark(&r, 199 + jump);
		for (uint64_t n = 200; n < 199 + jump; n++)
			ck_assert_msg(replay_is_new(&r, n) == (199 + jump - n < REPLAY_SIZE), "number %d, jump %d", (int)n,
			              (int)jump);
	}
}
END_TEST

START_TEST(test_it_agrees_with_a_set_that_forgets_nothing) {
	static bool taken[20000];
	uint32_t random = 7;
	struct replay r = {0};
	uint64_t highest = 0;
	for (unsigned i = 0; i < 200000; i++) {
		random = random * 1664525u + 1013904223u;
		uint64_t n = highest + (random >> 8) % 1200;
		n = n > 1150 ? n - 1150 : 0;
		if (n >= sizeof taken)
			break;
		bool behind = highest >= REPLAY_SIZE && n <= highest - REPLAY_SIZE;
		bool fresh = !taken[n] && !behind;
		ck_assert_int_eq(replay_is_new(&r, n), fresh);
		if (fresh) {
			replay_mark(&r, n);
			taken[n] = true;
			highest = n > highest ? n : highest;
		}
	}
	ck_assert_uint_gt(highest, 10000);
}
END_TEST

SUITE("replay", test_a_number_is_new_once, test_what_lies_behind_the_window_counts_as_taken, test_the_window_covers_1024_numbers,
      test_a_jump_of_any_length_leaves_no_old_bit, test_it_agrees_with_a_set_that_forgets_nothing)
