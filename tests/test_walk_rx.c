/* The hand-over of the receiver, module by module: every field of every struct is carried, or is listed here with the reason why it
 * is not. */
#include "sctp/rx/rwnd.h"
#include "sctp/rx/sack.h"
#include "sctp/rx/tsnmap.h"
#include "suite.h"
#include "walk_kit.h"

#include "base/serial.h"

static sluice_env *env;

static void env_open(void) {
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
}

/* ---- plain structs ---- */

static void walk_rwnd(void *object, struct walk *w) {
	rwnd_walk(object, w);
}

START_TEST(test_the_window_is_carried) {
	env_open();
	struct rwnd r;
	rwnd_init(&r, env, 4096, UINT64_MAX);
	r.size = 8192;
	WALK_KIT_CARRIES(struct rwnd, &r, walk_rwnd, LEFT_OUT(struct rwnd, env, "the new place's"),
	                 LEFT_OUT(struct rwnd, initial, "of the configuration"),
	                 LEFT_OUT(struct rwnd, max, "of the configuration"));
	sluice_env_free(env);
}
END_TEST

START_TEST(test_a_window_that_is_read_takes_its_share_of_the_budget) {
	env_open();
	struct rwnd from, to;
	rwnd_init(&from, env, 4096, 65536);
	rwnd_init(&to, env, 4096, 65536);
	from.size = 16384;
	walk_kit_carry(&from, &to, walk_rwnd);
	ck_assert_uint_eq(env->window_lent, 16384 - 4096);
	rwnd_reset(&to);
	ck_assert_uint_eq(env->window_lent, 0);
	sluice_env_free(env);
}
END_TEST

static void walk_sack(void *object, struct walk *w) {
	sack_walk(object, w);
}

START_TEST(test_the_sack_policy_is_carried) {
	struct sack_policy s = {0};
	const char *early = "the pending SACK speaks for them";
	WALK_KIT_CARRIES(struct sack_policy, &s, walk_sack, LEFT_OUT(struct sack_policy, rule, "of the configuration"),
	                 LEFT_OUT(struct sack_policy, early, early), LEFT_OUT(struct sack_policy, early_count, early),
	                 LEFT_OUT(struct sack_policy, early_sent, early));
}
END_TEST

/* ---- the map of TSNs ---- */

static void walk_tsnmap(void *object, struct walk *w) {
	tsnmap_walk(object, w);
}

/* An empty one, whatever its cum. */
static void walk_empty_tsnmap(void *object, struct walk *w) {
	struct tsnmap *m = object;
	m->highest = m->cum;
	tsnmap_walk(m, w);
}

START_TEST(test_the_map_is_carried_with_its_blocks) {
	env_open();
	struct tsnmap from, to;
	const char *bits = "the blocks are put in again";
	tsnmap_init(&from, env, 3 * SERIAL_ORIGIN + 1000);
	WALK_KIT_CARRIES(struct tsnmap, &from, walk_empty_tsnmap, LEFT_OUT(struct tsnmap, env, "the new place's"),
	                 LEFT_OUT(struct tsnmap, words, bits), LEFT_OUT(struct tsnmap, capacity, bits),
	                 LEFT_OUT(struct tsnmap, highest, bits));
	tsnmap_init(&to, env, SERIAL_ORIGIN);
	for (uint64_t i = 2; i < 5000; i += 1 + i % 7)
		if (tsnmap_test(&from, from.cum + i) == TSNMAP_NEW)
			tsnmap_add(&from, from.cum + i);
	walk_kit_carry(&from, &to, walk_tsnmap);
	ck_assert(tsnmap_check(&to));
	ck_assert_uint_eq(to.highest, from.highest);
	for (uint64_t t = from.cum + 1; t <= from.highest; t++)
		ck_assert_int_eq(tsnmap_test(&to, t), tsnmap_test(&from, t));
	tsnmap_free(&from);
	tsnmap_free(&to);
	sluice_env_free(env);
}
END_TEST

SUITE("walk_rx", test_the_window_is_carried, test_a_window_that_is_read_takes_its_share_of_the_budget,
      test_the_sack_policy_is_carried, test_the_map_is_carried_with_its_blocks)
