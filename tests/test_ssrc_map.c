/* Does each SSRC keep its number, whatever is added and removed around it? */
#include "rtp/ssrc_map.h"

#include "sim/rng.h"
#include "suite.h"

static sluice_env *env;
static struct ssrc_map m;
static uint8_t seed_byte;

static void fixed_entropy(void *ctx, void *buf, size_t len) {
	(void)ctx;
	memset(buf, seed_byte, len);
}

static void open_map(uint32_t capacity, uint8_t seed) {
	const sluice_env_config config = {.entropy = fixed_entropy};
	seed_byte = seed;
	ck_assert_int_eq(sluice_env_new(&config, &env), 0);
	ck_assert_int_eq(ssrc_map_open(&m, env, capacity), 0);
}

static void close_map(void) {
	ssrc_map_close(&m);
	sluice_env_free(env);
}

START_TEST(test_an_empty_map_finds_nothing) {
	open_map(1, 0);
	ck_assert_int_eq(ssrc_map_find(&m, 0), -1);
	ck_assert_int_eq(ssrc_map_find(&m, 1), -1);
	ck_assert(ssrc_map_check(&m));
	close_map();
}
END_TEST

/* 513 SSRCs of 700 at a time, against a plain list. */
START_TEST(test_a_map_agrees_with_a_list_through_a_hundred_thousand_changes) {
	static int number_of[700];
	static uint32_t ssrcs[700];
	struct rng rng = rng_of(1, 1);
	unsigned count = 0;
	open_map(513, 7);
	for (unsigned i = 0; i < 700; i++) {
		/* Half of them lie side by side, as a peer may choose them. */
		ssrcs[i] = i % 2 ? (uint32_t)rng_next(&rng) : i;
		number_of[i] = -1;
	}
	for (unsigned step = 0; step < 100000; step++) {
		unsigned i = (unsigned)rng_below(&rng, 700);
		ck_assert_int_eq(ssrc_map_find(&m, ssrcs[i]), number_of[i]);
		if (number_of[i] >= 0) {
			ssrc_map_remove(&m, ssrcs[i]);
			number_of[i] = -1;
			count--;
		} else if (count < 513) {
			number_of[i] = (int)(step % 1025);
			ssrc_map_add(&m, ssrcs[i], step % 1025);
			count++;
		}
		if (step % 1000 == 0)
			ck_assert(ssrc_map_check(&m));
	}
	for (unsigned i = 0; i < 700; i++)
		ck_assert_int_eq(ssrc_map_find(&m, ssrcs[i]), number_of[i]);
	ck_assert(ssrc_map_check(&m));
	close_map();
}
END_TEST

SUITE("ssrc map", test_an_empty_map_finds_nothing, test_a_map_agrees_with_a_list_through_a_hundred_thousand_changes)
