/* Do blocks, slabs and the environment hand out what was asked for, recycle it, and give everything back? */
#include <stdint.h>
#include <string.h>

#include "pool/env.h"
#include "suite.h"

#ifdef SLUICE_NOPOOL
#define POOLED false
#else
#define POOLED true
#endif

/* An allocator that counts, and that fails from the fail_at-th call on. */
struct counter {
	size_t allocs, frees, fail_at;
};

static void *count_alloc(void *ctx, size_t size) {
	struct counter *c = ctx;
	if (++c->allocs >= c->fail_at)
		return NULL;
	return malloc(size);
}

static void count_free(void *ctx, void *p) {
	struct counter *c = ctx;
	c->frees += p != NULL;
	free(p);
}

static sluice_allocator counting(struct counter *c) {
	*c = (struct counter){.fail_at = SIZE_MAX};
	return (sluice_allocator){.alloc = count_alloc, .free = count_free, .ctx = c};
}

static struct block_pool pool_of(struct counter *c, size_t limit) {
	struct block_pool pool;
	block_pool_init(&pool, counting(c), limit, 4096);
	return pool;
}

/* Blocks that lie idle, counted one by one. */
static size_t idle_count(const struct block_pool *pool) {
	size_t count = 0;
	for (unsigned i = 0; i < BLOCK_CLASSES; i++) {
		for (const struct block *b = pool->classes[i].idle; b; b = b->next)
			count++;
	}
	return count;
}

#define LARGE (BLOCK_POOLED_MAX + 1)
#define HEADER sizeof(struct block)

START_TEST(test_a_block_holds_all_bytes_that_were_asked_for) {
	struct counter c;
	struct block_pool pool = pool_of(&c, 1 << 20);
	for (size_t size = 0; size < 3000; size += size < 600 ? 1 : 37) {
		uint8_t *p = block_alloc(&pool, size);
		ck_assert_ptr_nonnull(p);
		ck_assert_uint_eq((uintptr_t)p % _Alignof(max_align_t), 0);
		memset(p, 0xaa, size);
		block_free(&pool, p);
	}
	ck_assert_uint_eq(pool.live, 0);
	block_pool_drain(&pool);
	ck_assert_uint_eq(c.allocs, c.frees);
}
END_TEST

/* Both ends of each class, and a block of a class given back and taken again at the class's largest size. */
START_TEST(test_a_recycled_block_holds_the_largest_size_of_its_class) {
	struct counter c;
	struct block_pool pool = pool_of(&c, SIZE_MAX);
	for (size_t power = 64; power <= BLOCK_POOLED_MAX + HEADER; power *= 2) {
		for (size_t quarter = 4; quarter < 8; quarter++) {
			size_t low = power * quarter / 4 + 1 - HEADER, high = power * (quarter + 1) / 4 - HEADER;
			uint8_t *p = block_alloc(&pool, low);
			memset(p, 1, low);
			block_free(&pool, p);
			size_t before = c.allocs;
			p = block_alloc(&pool, high);
			memset(p, 2, high);
			ck_assert_uint_eq(c.allocs - before, POOLED && high <= BLOCK_POOLED_MAX ? 0 : 1);
			block_free(&pool, p);
		}
	}
	block_pool_drain(&pool);
	ck_assert_uint_eq(c.allocs, c.frees);
}
END_TEST

/* Allocators have classes of their own; a header on top of one of them would take the next one. */
START_TEST(test_a_block_asks_the_allocator_for_one_of_four_sizes_to_a_doubling) {
	struct counter c;
	struct block_pool pool = pool_of(&c, SIZE_MAX);
	for (size_t size = 1; size <= BLOCK_POOLED_MAX && POOLED; size += 1 + size / 300) {
		void *p = block_alloc(&pool, size);
		size_t quarter = ((size_t)1 << (63 - __builtin_clzl(block_cost(p)))) / 4;
		ck_assert_uint_ge(block_cost(p), size + HEADER);
		ck_assert_uint_eq(block_cost(p) % quarter, 0);
		block_free(&pool, p);
	}
	block_pool_drain(&pool);
}
END_TEST

START_TEST(test_at_most_a_quarter_of_a_block_is_wasted) {
	struct counter c;
	struct block_pool pool = pool_of(&c, SIZE_MAX);
	for (size_t size = 64; size <= BLOCK_POOLED_MAX && POOLED; size += 1 + size / 300) {
		block_free(&pool, block_alloc(&pool, size));
		ck_assert_uint_ge(pool.idle_bytes, size);
		ck_assert_uint_le(pool.idle_bytes, size + (size + HEADER) / 4);
		block_pool_drain(&pool);
		ck_assert_uint_eq(pool.idle_bytes, 0);
	}
}
END_TEST

START_TEST(test_blocks_come_back_last_in_first_out) {
	struct counter c;
	struct block_pool pool = pool_of(&c, 1 << 20);
	void *first = block_alloc(&pool, 100), *second = block_alloc(&pool, 100);
	block_free(&pool, first);
	block_free(&pool, second);
	void *again = block_alloc(&pool, 100), *then = block_alloc(&pool, 97);
	if (POOLED)
		ck_assert(again == second && then == first);
	ck_assert_uint_eq(c.allocs, POOLED ? 2 : 4);
	block_free(&pool, again);
	block_free(&pool, then);
	block_pool_drain(&pool);
	ck_assert_uint_eq(c.allocs, c.frees);
}
END_TEST

START_TEST(test_a_class_that_was_busy_makes_way_for_one_that_is) {
	struct counter c;
	struct block_pool pool = pool_of(&c, 64 * 64);
	void *small[64], *large[4];
	for (int i = 0; i < 64; i++)
		small[i] = block_alloc(&pool, 64);
	for (int i = 0; i < 64; i++)
		block_free(&pool, small[i]);
	ck_assert_uint_eq(pool.idle_bytes, POOLED ? 64 * 64 : 0);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 4; i++)
			large[i] = block_alloc(&pool, 448);
		for (int i = 0; i < 4; i++)
			block_free(&pool, large[i]);
	}
	ck_assert_uint_eq(c.allocs, POOLED ? 64 + 4 : 64 + 12);
	ck_assert_uint_le(pool.idle_bytes, 64 * 64);
	block_pool_drain(&pool);
	ck_assert_uint_eq(c.allocs, c.frees);
}
END_TEST

START_TEST(test_idle_blocks_beyond_the_limit_go_back_to_the_allocator) {
	struct counter c;
	struct block_pool pool = pool_of(&c, 960); /* room for four blocks of 240 */
	void *blocks[10];
	for (size_t i = 0; i < 10; i++)
		blocks[i] = block_alloc(&pool, 240);
	for (size_t i = 0; i < 10; i++) {
		block_free(&pool, blocks[i]);
		ck_assert_uint_le(pool.idle_bytes, 960);
		ck_assert_uint_eq(pool.idle_bytes, 240 * idle_count(&pool));
	}
	ck_assert_uint_eq(c.frees, POOLED ? 6 : 10);
	block_pool_drain(&pool);
	ck_assert_uint_eq(c.frees, 10);
}
END_TEST

START_TEST(test_a_pool_with_limit_zero_keeps_nothing) {
	struct counter c;
	struct block_pool pool = pool_of(&c, 0);
	block_free(&pool, block_alloc(&pool, 64));
	ck_assert_uint_eq(c.frees, 1);
	ck_assert_uint_eq(idle_count(&pool), 0);
}
END_TEST

/* However much the pool may keep, a block that has no class has no list either. */
START_TEST(test_a_block_above_the_classes_goes_back_even_to_an_unlimited_pool) {
	struct counter c;
	struct block_pool pool = pool_of(&c, SIZE_MAX);
	void *p = block_alloc(&pool, LARGE);
	memset(p, 3, LARGE);
	block_free(&pool, p);
	ck_assert_uint_eq(c.frees, 1);
	ck_assert_uint_eq(idle_count(&pool), 0);
	ck_assert_uint_eq(pool.live, 0);
}
END_TEST

START_TEST(test_a_size_that_cannot_be_is_refused) {
	struct counter c;
	struct block_pool pool = pool_of(&c, 1024);
	for (size_t less = 0; less < sizeof(struct block); less++)
		ck_assert_ptr_null(block_alloc(&pool, SIZE_MAX - less));
	ck_assert_uint_eq(c.allocs, 0); /* with its header, such a block would have wrapped around to a small one */
	ck_assert_uint_eq(pool.live, 0);
}
END_TEST

START_TEST(test_an_allocator_without_memory_shows_as_null_and_is_asked_again_later) {
	struct counter c;
	struct block_pool pool = pool_of(&c, 1024);
	c.fail_at = 1;
	ck_assert_ptr_null(block_alloc(&pool, 100));
	ck_assert_ptr_null(block_alloc(&pool, LARGE));
	ck_assert_uint_eq(pool.live, 0);
	c.fail_at = SIZE_MAX;
	void *p = block_alloc(&pool, 100);
	ck_assert_ptr_nonnull(p);
	block_free(&pool, p);
	block_pool_drain(&pool);
}
END_TEST

START_TEST(test_freeing_nothing_is_harmless) {
	struct counter c;
	struct block_pool pool = pool_of(&c, 1024);
	block_free(&pool, NULL);
	ck_assert_uint_eq(pool.live, 0);
}
END_TEST

#define HELD 64

/* One step of a random life: what is in the slot is freed, or something new is put there. */
static void random_step(struct block_pool *pool, uint8_t *held[HELD], size_t sizes[HELD], uint32_t r) {
	size_t i = r % HELD;
	if (held[i]) {
		for (size_t k = 0; k < sizes[i]; k += 61)
			ck_assert_uint_eq(held[i][k], i); /* nobody else wrote there */
		block_free(pool, held[i]);
		held[i] = NULL;
		return;
	}
	sizes[i] = (r >> 8) % (1u << (1 + (r >> 28)));
	held[i] = block_alloc(pool, sizes[i]);
	memset(held[i], (int)i, sizes[i]);
}

START_TEST(test_any_mix_of_sizes_keeps_blocks_apart_and_counted) {
	struct counter c;
	struct block_pool pool = pool_of(&c, 20000);
	uint8_t *held[HELD] = {0};
	size_t sizes[HELD];
	uint32_t r = 1;
	for (int step = 0; step < 50000; step++) {
		r = r * 1664525 + 1013904223;
		random_step(&pool, held, sizes, r ^ r >> 16);
		ck_assert_uint_le(pool.idle_bytes, 20000);
		ck_assert(step % 16 != 0 || block_pool_check(&pool));
		ck_assert_uint_eq(pool.live + idle_count(&pool), c.allocs - c.frees);
	}
	for (size_t i = 0; i < HELD; i++)
		block_free(&pool, held[i]);
	ck_assert_uint_eq(pool.live, 0);
	block_pool_drain(&pool);
	ck_assert_uint_eq(c.allocs, c.frees);
}
END_TEST

START_TEST(test_the_check_finds_a_wrong_count_and_a_block_in_the_wrong_class) {
	struct counter c;
	struct block_pool pool = pool_of(&c, 20000);
	if (!POOLED)
		return;
	struct block *b = block_alloc(&pool, 100);
	block_free(&pool, b);
	ck_assert(block_pool_check(&pool));
	pool.idle_bytes++;
	ck_assert(!block_pool_check(&pool));
	pool.idle_bytes--;
	(--b)->class ++;
	ck_assert(!block_pool_check(&pool));
	b->class --;
	ck_assert(block_pool_check(&pool));
	block_pool_drain(&pool);
}
END_TEST

/* ---- the environment ---- */

static sluice_env *env_of(const sluice_env_config *config) {
	sluice_env *env = NULL;
	ck_assert_int_eq(sluice_env_new(config, &env), 0);
	return env;
}

START_TEST(test_an_environment_without_configuration_works) {
	sluice_env *env = env_of(NULL);
	void *p = env_alloc(env, 1000);
	ck_assert_ptr_nonnull(p);
	env_free(env, p);
	sluice_slab *s = sluice_slab_get(env);
	ck_assert_uint_eq(sluice_slab_size(s), 65536);
	sluice_slab_unref(s);
	sluice_env_free(env);
	sluice_env_free(NULL);
}
END_TEST

START_TEST(test_an_environment_takes_all_memory_from_the_apps_allocator_and_gives_it_back) {
	struct counter c;
	sluice_env *env = env_of(&(sluice_env_config){.allocator = counting(&c)});
	env_free(env, env_alloc(env, 100));
	env_free(env, env_alloc(env, LARGE));
	sluice_slab_unref(sluice_slab_get(env));
	ck_assert_uint_ge(c.allocs, 4);
	sluice_env_free(env);
	ck_assert_uint_eq(c.allocs, c.frees);
}
END_TEST

START_TEST(test_no_memory_for_an_environment_is_an_error_value) {
	struct counter c;
	sluice_env_config config = {.allocator = counting(&c)};
	c.fail_at = 1;
	sluice_env *env = NULL;
	ck_assert_int_eq(sluice_env_new(&config, &env), SLUICE_NO_MEMORY);
	ck_assert_ptr_null(env);
}
END_TEST

START_TEST(test_zeroed_memory_is_zeroed_when_it_was_used_before_too) {
	sluice_env *env = env_of(NULL);
	uint8_t *p = env_alloc(env, 200);
	memset(p, 0xff, 200);
	env_free(env, p);
	p = env_zalloc(env, 200);
	for (size_t i = 0; i < 200; i++)
		ck_assert_uint_eq(p[i], 0);
	env_free(env, p);
	sluice_env_free(env);
}
END_TEST

START_TEST(test_a_copied_string_ends_in_a_nul) {
	sluice_env *env = env_of(NULL);
	char *s = env_strndup(env, "label and more", 5), *empty = env_strndup(env, NULL, 0);
	ck_assert_str_eq(s, "label");
	ck_assert_str_eq(empty, "");
	env_free(env, s);
	env_free(env, empty);
	sluice_env_free(env);
}
END_TEST

START_TEST(test_every_call_that_needs_memory_says_when_there_is_none) {
	struct counter c;
	sluice_env *env = env_of(&(sluice_env_config){.allocator = counting(&c)});
	c.fail_at = 0;
	ck_assert_ptr_null(env_alloc(env, 10));
	ck_assert_ptr_null(env_zalloc(env, 10));
	ck_assert_ptr_null(env_strndup(env, "x", 1));
	ck_assert_ptr_null(sluice_slab_get(env));
	ck_assert_uint_eq(env->slabs_live, 0);
	ck_assert_uint_eq(env->blocks.live, 0);
	sluice_env_free(env);
	ck_assert_uint_eq(c.frees, 1);
}
END_TEST

static void fill_with_sevens(void *ctx, void *buf, size_t len) {
	*(size_t *)ctx += len;
	memset(buf, 7, len);
}

START_TEST(test_entropy_is_the_apps_when_it_gives_some) {
	size_t taken = 0;
	sluice_env *env = env_of(&(sluice_env_config){.entropy = fill_with_sevens, .entropy_ctx = &taken});
	ck_assert_uint_eq(env_random32(env), 0x07070707);
	ck_assert_uint_eq(taken, 4);
	sluice_env_free(env);
}
END_TEST

/* More than the 256 bytes of one call. That two such blocks are equal, or one has a run of 32 zeros, does not happen. */
START_TEST(test_entropy_is_the_kernels_otherwise) {
	sluice_env *env = env_of(NULL);
	uint8_t a[1000] = {0}, b[1000] = {0}, zeros[32] = {0};
	env_entropy(env, a, sizeof a);
	env_entropy(env, b, sizeof b);
	ck_assert(memcmp(a, b, sizeof a) != 0);
	for (size_t i = 0; i + sizeof zeros <= sizeof a; i += sizeof zeros)
		ck_assert(memcmp(a + i, zeros, sizeof zeros) != 0);
	ck_assert(memcmp(a + sizeof a - 32, zeros, 32) != 0);
	sluice_env_free(env);
}
END_TEST

/* A kernel's block has room for 21 ids of twelve bytes. */
START_TEST(test_no_nonce_comes_twice) {
	sluice_env *env = env_of(NULL);
	uint8_t ids[100][12];
	for (size_t i = 0; i < 100; i++) {
		env_nonce(env, ids[i], sizeof ids[i]);
		for (size_t k = 0; k < i; k++)
			ck_assert_msg(memcmp(ids[i], ids[k], sizeof ids[i]) != 0, "%zu and %zu", k, i);
	}
	sluice_env_free(env);
}
END_TEST

START_TEST(test_nonces_are_the_apps_when_it_gives_entropy) {
	size_t taken = 0;
	sluice_env *env = env_of(&(sluice_env_config){.entropy = fill_with_sevens, .entropy_ctx = &taken});
	uint8_t id[12];
	env_nonce(env, id, sizeof id);
	ck_assert_uint_eq(taken, sizeof id);
	ck_assert_uint_eq(id[11], 7);
	sluice_env_free(env);
}
END_TEST

struct log_line {
	int count;
	enum sluice_log_level level;
	char text[600];
};

static void keep_line(void *ctx, enum sluice_log_level level, const char *line) {
	struct log_line *l = ctx;
	l->count++;
	l->level = level;
	ck_assert_uint_lt(strlen(line), sizeof l->text);
	strcpy(l->text, line);
}

START_TEST(test_log_lines_above_the_level_are_not_made) {
	struct log_line line = {0};
	sluice_env *env = env_of(&(sluice_env_config){.log = keep_line, .log_ctx = &line, .log_level = SLUICE_LOG_INFO});
	env_log(env, SLUICE_LOG_DEBUG, "%d", 1);
	ck_assert_int_eq(line.count, 0);
	env_log(env, SLUICE_LOG_INFO, "cwnd %d", 4380);
	ck_assert_int_eq(line.count, 1);
	ck_assert_str_eq(line.text, "cwnd 4380");
	ck_assert_int_eq(line.level, SLUICE_LOG_INFO);
	sluice_env_free(env);
}
END_TEST

START_TEST(test_a_long_log_line_is_cut) {
	struct log_line line = {0};
	char longer[1000];
	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = 0;
	sluice_env *env = env_of(&(sluice_env_config){.log = keep_line, .log_ctx = &line, .log_level = SLUICE_LOG_INFO});
	env_log(env, SLUICE_LOG_INFO, "%s", longer);
	ck_assert_uint_eq(strlen(line.text), 511);
	sluice_env_free(env);
	env = env_of(NULL);
	env_log(env, SLUICE_LOG_ERROR, "nobody listens");
	sluice_env_free(env);
}
END_TEST

/* ---- slabs ---- */

START_TEST(test_a_slab_lives_until_its_last_reference_is_gone) {
	struct counter c;
	sluice_env *env = env_of(&(sluice_env_config){.allocator = counting(&c), .slab_size = 2048});
	sluice_slab *s = sluice_slab_get(env);
	ck_assert_uint_eq(sluice_slab_size(s), 2048);
	ck_assert_uint_eq((uintptr_t)sluice_slab_data(s) % 16, 0);
	memset(sluice_slab_data(s), 1, 2048);
	ck_assert(sluice_slab_is_unshared(s));
	sluice_slab_ref(s);
	ck_assert(!sluice_slab_is_unshared(s));
	sluice_slab_unref(s);
	ck_assert(sluice_slab_is_unshared(s));
	ck_assert_uint_eq(env->slabs_live, 1);
	sluice_slab_unref(s);
	ck_assert_uint_eq(env->slabs_live, 0);
	sluice_slab_unref(NULL);
	sluice_env_free(env);
	ck_assert_uint_eq(c.allocs, c.frees);
}
END_TEST

START_TEST(test_a_released_slab_is_handed_out_again) {
	struct counter c;
	sluice_env *env = env_of(&(sluice_env_config){.allocator = counting(&c)});
	for (int i = 0; i < 100; i++)
		sluice_slab_unref(sluice_slab_get(env));
	ck_assert_uint_eq(c.allocs, POOLED ? 2 : 101); /* the environment, and one slab or each */
	sluice_env_free(env);
	ck_assert_uint_eq(c.allocs, c.frees);
}
END_TEST

/* A refilled slab forgets who it was: whether bytes may stay in it is decided when it is handed out. */
START_TEST(test_slabs_beyond_the_limit_are_for_copying_only) {
	sluice_env *env = env_of(&(sluice_env_config){.slab_limit = 2, .slab_size = 1024});
	sluice_slab *s[4];
	for (int i = 0; i < 4; i++) {
		s[i] = sluice_slab_get(env);
		ck_assert_int_eq(s[i]->copy_only, i >= 2);
	}
	for (int i = 0; i < 4; i++)
		sluice_slab_unref(s[i]);
	s[0] = sluice_slab_get(env);
	ck_assert(!s[0]->copy_only);
	sluice_slab_unref(s[0]);
	sluice_env_free(env);
}
END_TEST

/* The blocks fill the cache, then the slabs have their share. */
START_TEST(test_idle_slabs_and_blocks_share_one_bound) {
	struct counter c;
	sluice_env *env = env_of(&(sluice_env_config){.allocator = counting(&c), .slab_size = 4000, .cache_limit = 128 * 496});
	void *blocks[128];
	sluice_slab *s[50];
	for (int i = 0; i < 128; i++)
		blocks[i] = env_alloc(env, 496);
	for (int i = 0; i < 128; i++)
		env_free(env, blocks[i]);
	ck_assert_uint_eq(env->blocks.idle_bytes, POOLED ? 128 * 496 : 0);
	for (int i = 0; i < 50; i++)
		s[i] = sluice_slab_get(env);
	for (int i = 0; i < 50; i++)
		sluice_slab_unref(s[i]);
	ck_assert(env_check(env));
	ck_assert_uint_eq(env->blocks.classes[BLOCK_SLAB].bytes, POOLED ? 8 * (4000 + sizeof(sluice_slab)) : 0);
	size_t before = c.allocs;
	for (int i = 0; i < 8; i++)
		s[i] = sluice_slab_get(env);
	ck_assert_uint_eq(c.allocs - before, POOLED ? 0 : 8);
	for (int i = 0; i < 8; i++)
		sluice_slab_unref(s[i]);
	sluice_env_free(env);
	ck_assert_uint_eq(c.allocs, c.frees);
}
END_TEST

SUITE("pool", test_a_class_that_was_busy_makes_way_for_one_that_is, test_a_block_holds_all_bytes_that_were_asked_for,
      test_a_recycled_block_holds_the_largest_size_of_its_class, test_at_most_a_quarter_of_a_block_is_wasted,
      test_a_block_asks_the_allocator_for_one_of_four_sizes_to_a_doubling, test_blocks_come_back_last_in_first_out,
      test_idle_blocks_beyond_the_limit_go_back_to_the_allocator, test_a_pool_with_limit_zero_keeps_nothing,
      test_a_block_above_the_classes_goes_back_even_to_an_unlimited_pool, test_a_size_that_cannot_be_is_refused,
      test_an_allocator_without_memory_shows_as_null_and_is_asked_again_later, test_freeing_nothing_is_harmless,
      test_any_mix_of_sizes_keeps_blocks_apart_and_counted, test_the_check_finds_a_wrong_count_and_a_block_in_the_wrong_class,
      test_an_environment_without_configuration_works,
      test_an_environment_takes_all_memory_from_the_apps_allocator_and_gives_it_back,
      test_no_memory_for_an_environment_is_an_error_value, test_zeroed_memory_is_zeroed_when_it_was_used_before_too,
      test_a_copied_string_ends_in_a_nul, test_every_call_that_needs_memory_says_when_there_is_none,
      test_entropy_is_the_apps_when_it_gives_some, test_entropy_is_the_kernels_otherwise, test_no_nonce_comes_twice,
      test_nonces_are_the_apps_when_it_gives_entropy, test_log_lines_above_the_level_are_not_made, test_a_long_log_line_is_cut,
      test_a_slab_lives_until_its_last_reference_is_gone, test_a_released_slab_is_handed_out_again,
      test_slabs_beyond_the_limit_are_for_copying_only, test_idle_slabs_and_blocks_share_one_bound)
