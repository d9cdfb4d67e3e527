/* idmap: every id finds what was put under it, in order, and little memory does for few ids. */
#include "pool/idmap.h"
#include "sim/memory.h"
#include "sim/rng.h"
#include "suite.h"

static struct memory memory;
static sluice_env *env;

static struct idmap make(void) {
	memory = (struct memory){0};
	sluice_env_config config = {.allocator = memory_allocator(&memory)};
	ck_assert_int_eq(sluice_env_new(&config, &env), 0);
	return (struct idmap){.env = env};
}

static void unmake(struct idmap *m) {
	idmap_free(m);
	sluice_env_free(env);
	ck_assert_uint_eq(memory.live, 0);
}

START_TEST(test_an_empty_map_has_nothing) {
	struct idmap m = make();
	uint32_t id = 0;
	ck_assert_ptr_null(idmap_get(&m, 0));
	ck_assert_ptr_null(idmap_get(&m, 65535));
	ck_assert_ptr_null(idmap_next(&m, &id));
	unmake(&m);
}
END_TEST

START_TEST(test_first_and_last_ids_are_ids_like_others) {
	static const uint16_t ids[] = {65535, 0, 31, 32, 1023, 65504, 1};
	struct idmap m = make();
	static int entries[8];
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		ck_assert(idmap_set(&m, ids[i], &entries[i]));
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		ck_assert_ptr_eq(idmap_get(&m, ids[i]), &entries[i]);
	static const uint16_t order[] = {0, 1, 31, 32, 1023, 65504, 65535};
	uint32_t id = 0;
	for (size_t i = 0; i < sizeof order / sizeof *order; i++, id++) {
		ck_assert_ptr_nonnull(idmap_next(&m, &id));
		ck_assert_uint_eq(id, order[i]);
	}
	ck_assert_ptr_null(idmap_next(&m, &id));
	unmake(&m);
}
END_TEST

START_TEST(test_any_set_of_ids_is_listed_in_order) {
	struct rng r = rng_of(1, 1);
	for (int round = 0; round < 50; round++) {
		static uint8_t there[65536];
		struct idmap m = make();
		memset(there, 0, sizeof there);
		for (uint64_t n = rng_below(&r, 300); n > 0; n--) {
			uint16_t id = (uint16_t)rng_below(&r, rng_chance(&r, 0.5) ? 65536 : 100);
			there[id] = 1;
			ck_assert(idmap_set(&m, id, &there[id]));
		}
		uint32_t id = 0;
		for (uint32_t want = 0; want < 65536; want++) {
			ck_assert_ptr_eq(idmap_get(&m, (uint16_t)want), there[want] ? &there[want] : NULL);
			if (!there[want])
				continue;
			ck_assert_ptr_eq(idmap_next(&m, &id), &there[want]);
			ck_assert_uint_eq(id++, want);
		}
		ck_assert_ptr_null(idmap_next(&m, &id));
		unmake(&m);
	}
}
END_TEST

START_TEST(test_what_is_taken_out_costs_nothing_any_more) {
	struct idmap m = make();
	static int entries[65536];
	for (uint32_t id = 0; id < 65536; id += 13)
		ck_assert(idmap_set(&m, (uint16_t)id, &entries[id]));
	ck_assert(idmap_set(&m, 13, &entries[14])); /* in place of another */
	ck_assert_uint_eq(m.count, 5042);
	idmap_remove(&m, 12); /* not there */
	for (uint32_t id = 13; id < 65536; id += 13)
		idmap_remove(&m, (uint16_t)id);
	ck_assert_uint_eq(m.count, 1);
	for (uint32_t page = 0; page < m.page_count; page++)
		ck_assert_int_eq(m.pages[page] != NULL, page == 0);
	uint32_t id = 0;
	ck_assert_ptr_eq(idmap_next(&m, &id), &entries[0]);
	ck_assert_ptr_null(idmap_next(&m, &(uint32_t){1}));
	idmap_remove(&m, 0);
	ck_assert_ptr_null(m.pages);
	ck_assert_uint_eq(m.page_count, 0);
	ck_assert_ptr_null(idmap_get(&m, 0));
	ck_assert(idmap_set(&m, 77, &entries[7]));
	ck_assert_ptr_eq(idmap_get(&m, 77), &entries[7]);
	unmake(&m);
}
END_TEST

START_TEST(test_each_allocation_may_fail) {
	struct idmap m = make();
	for (uint32_t id = 0; id < 65536; id += 777) {
		int entry;
		memory.fail_at = 1;
		memory.fail_for = 1;
		bool taken = idmap_set(&m, (uint16_t)id, &entry);
		memory.fail_at = 0;
		ck_assert_ptr_eq(idmap_get(&m, (uint16_t)id), taken ? &entry : NULL);
		ck_assert(idmap_set(&m, (uint16_t)id, &entry));
		ck_assert_ptr_eq(idmap_get(&m, (uint16_t)id), &entry);
	}
	unmake(&m);
}
END_TEST

SUITE("idmap", test_an_empty_map_has_nothing, test_first_and_last_ids_are_ids_like_others, test_any_set_of_ids_is_listed_in_order,
      test_what_is_taken_out_costs_nothing_any_more, test_each_allocation_may_fail)
