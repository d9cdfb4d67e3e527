/* Which TSNs came? Sentences about the bitmap, and a long random walk beside a set that cannot be wrong. */
#include "sctp/rx/tsnmap.h"
#include "suite.h"

#define START (UINT64_C(1) << 32)

static struct tsnmap fresh(sluice_env **env) {
	struct tsnmap m;
	ck_assert_int_eq(sluice_env_new(NULL, env), 0);
	tsnmap_init(&m, *env, START);
	return m;
}

static void done(struct tsnmap *m, sluice_env *env) {
	tsnmap_free(m);
	ck_assert_uint_eq(env->blocks.live, 0);
	sluice_env_free(env);
}

static void add(struct tsnmap *m, uint64_t tsn) {
	ck_assert_int_eq(tsnmap_test(m, tsn), TSNMAP_NEW);
	tsnmap_add(m, tsn);
	ck_assert(tsnmap_check(m));
}

START_TEST(test_in_order_tsns_move_cum_and_need_no_memory) {
	sluice_env *env;
	struct tsnmap m = fresh(&env);
	for (uint64_t t = START + 1; t <= START + 1000; t++)
		add(&m, t);
	ck_assert_uint_eq(m.cum, START + 1000);
	ck_assert(!tsnmap_has_gap(&m));
	ck_assert_ptr_null(m.words);
	done(&m, env);
}
END_TEST

START_TEST(test_a_hole_gives_a_block_and_filling_it_closes_it) {
	sluice_env *env;
	struct tsnmap m = fresh(&env);
	add(&m, START + 3);
	add(&m, START + 4);
	add(&m, START + 7);
	uint64_t start = 0, end;
	ck_assert(tsnmap_block(&m, &start, &end));
	ck_assert_uint_eq(start, START + 3);
	ck_assert_uint_eq(end, START + 4);
	start = end + 1;
	ck_assert(tsnmap_block(&m, &start, &end));
	ck_assert_uint_eq(start, START + 7);
	ck_assert_uint_eq(end, START + 7);
	start = end + 1;
	ck_assert(!tsnmap_block(&m, &start, &end));
	add(&m, START + 1);
	ck_assert_uint_eq(m.cum, START + 1);
	add(&m, START + 2);
	ck_assert_uint_eq(m.cum, START + 4);
	done(&m, env);
}
END_TEST

START_TEST(test_a_tsn_that_came_is_a_duplicate) {
	sluice_env *env;
	struct tsnmap m = fresh(&env);
	add(&m, START + 1);
	add(&m, START + 5);
	ck_assert_int_eq(tsnmap_test(&m, START), TSNMAP_DUPLICATE);
	ck_assert_int_eq(tsnmap_test(&m, START + 1), TSNMAP_DUPLICATE);
	ck_assert_int_eq(tsnmap_test(&m, START + 5), TSNMAP_DUPLICATE);
	ck_assert_int_eq(tsnmap_test(&m, START + 4), TSNMAP_NEW);
	done(&m, env);
}
END_TEST

START_TEST(test_a_tsn_too_far_ahead_is_refused_and_costs_nothing) {
	sluice_env *env;
	struct tsnmap m = fresh(&env);
	ck_assert_int_eq(tsnmap_test(&m, START + TSNMAP_MAX), TSNMAP_BEYOND);
	ck_assert_int_eq(tsnmap_test(&m, START + (UINT64_C(1) << 31)), TSNMAP_BEYOND);
	ck_assert_ptr_null(m.words);
	add(&m, START + TSNMAP_MAX - 1);
	ck_assert_uint_eq(m.capacity, TSNMAP_MAX);
	done(&m, env);
}
END_TEST

START_TEST(test_forward_clears_what_it_passes_and_joins_what_follows) {
	sluice_env *env;
	struct tsnmap m = fresh(&env);
	add(&m, START + 3);
	add(&m, START + 6);
	add(&m, START + 7);
	tsnmap_forward(&m, START + 5);
	ck_assert(tsnmap_check(&m));
	ck_assert_uint_eq(m.cum, START + 7);
	tsnmap_forward(&m, START + 100);
	ck_assert(tsnmap_check(&m));
	ck_assert_uint_eq(m.cum, START + 100);
	tsnmap_forward(&m, START + 50);
	ck_assert_uint_eq(m.cum, START + 100);
	done(&m, env);
}
END_TEST

static uint64_t next_random(uint64_t *x) {
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* The set: one byte a TSN. */
#define SPAN 200000
static uint8_t came[SPAN];

static void compare_blocks(struct tsnmap *m, uint64_t cum, uint64_t highest) {
	uint64_t start = 0, end = 0, at = cum + 1;
	while (tsnmap_block(m, &start, &end)) {
		for (; at < start; at++)
			ck_assert(!came[at - START]);
		for (; at <= end; at++)
			ck_assert(came[at - START]);
		start = end + 1;
	}
	ck_assert_uint_eq(at, highest == cum ? cum + 1 : highest + 1);
}

START_TEST(test_a_random_walk_agrees_with_a_plain_set) {
	for (uint64_t seed = 1; seed <= 20; seed++) {
		sluice_env *env;
		struct tsnmap m = fresh(&env);
		uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15), cum = START, highest = START;
		memset(came, 0, sizeof came);
		came[0] = 1;
		for (int i = 0; i < 4000; i++) {
			uint64_t r = next_random(&x), tsn = cum + r % (i % 100 == 0 ? 3000 : 40);
			if (r >> 60 == 0) {
				tsnmap_forward(&m, tsn);
				for (uint64_t t = cum; t <= tsn; t++)
					came[t - START] = 1;
			} else {
				ck_assert_int_eq(tsnmap_test(&m, tsn), came[tsn - START] ? TSNMAP_DUPLICATE : TSNMAP_NEW);
				if (!came[tsn - START])
					tsnmap_add(&m, tsn);
				came[tsn - START] = 1;
			}
			if (tsn > highest)
				highest = tsn;
			while (came[cum + 1 - START])
				cum++;
			ck_assert_uint_eq(m.cum, cum);
			ck_assert_uint_eq(m.highest, highest > cum ? highest : cum);
			if (i % 50 == 0) {
				ck_assert(tsnmap_check(&m));
				compare_blocks(&m, cum, highest > cum ? highest : cum);
			}
		}
		done(&m, env);
	}
}
END_TEST

SUITE("tsnmap", test_in_order_tsns_move_cum_and_need_no_memory, test_a_hole_gives_a_block_and_filling_it_closes_it,
      test_a_tsn_that_came_is_a_duplicate, test_a_tsn_too_far_ahead_is_refused_and_costs_nothing,
      test_forward_clears_what_it_passes_and_joins_what_follows, test_a_random_walk_agrees_with_a_plain_set)
