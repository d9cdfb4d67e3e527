/* list, grow: elements stay in order whatever is added and removed, and arrays keep what they hold when they grow. */
#include <stdlib.h>

#include "base/container.h"
#include "base/list.h"
#include "pool/grow.h"
#include "sluice/env.h"
#include "suite.h"

struct element {
	int number;
	struct element *next, **back;
	struct heap_node node;
};

/* The numbers in order, one digit each. */
static int digits(const struct element *e) {
	int n = 0;
	for (; e; e = e->next)
		n = n * 10 + e->number;
	return n;
}

static void number(struct element e[3]) {
	for (int i = 0; i < 3; i++)
		e[i] = (struct element){.number = i + 1};
}

START_TEST(test_a_list_is_pushed_in_front_and_loses_any_element) {
	static const int without[] = {32, 31, 21};
	for (int out = 0; out < 3; out++) {
		struct element e[3], *first = NULL;
		number(e);
		for (int i = 0; i < 3; i++)
			LIST_PUSH(first, &e[i], next, back);
		ck_assert_int_eq(digits(first), 321);
		LIST_REMOVE(&e[out], next, back);
		ck_assert_int_eq(digits(first), without[out]);
		for (struct element **at = &first; *at; at = &(*at)->next)
			ck_assert_ptr_eq((*at)->back, at);
	}
}
END_TEST

START_TEST(test_a_chain_loses_any_element_and_goes_on_behind) {
	static const int then[] = {231, 132, 123};
	for (int out = 0; out < 3; out++) {
		struct element e[3], *first = NULL, **end = &first;
		number(e);
		for (int i = 0; i < 3; i++)
			CHAIN_APPEND(end, &e[i], next, back);
		CHAIN_REMOVE(end, &e[out], next, back);
		CHAIN_APPEND(end, &e[out], next, back);
		ck_assert_int_eq(digits(first), then[out]);
		for (int i = 0; i < 3; i++)
			CHAIN_REMOVE(end, &e[i], next, back);
		ck_assert_ptr_null(first);
		ck_assert_ptr_eq(end, &first);
	}
}
END_TEST

START_TEST(test_a_queue_gives_its_first_and_loses_any_element) {
	static const int then[] = {231, 132, 123};
	for (int out = 0; out < 3; out++) {
		struct element e[3], *first = NULL, **end = &first;
		number(e);
		for (int i = 0; i < 3; i++)
			QUEUE_APPEND(end, &e[i], next);
		QUEUE_REMOVE(first, end, &e[out], next);
		QUEUE_APPEND(end, &e[out], next);
		ck_assert_int_eq(digits(first), then[out]);
		int shifted = 0;
		for (; first; shifted++)
			QUEUE_SHIFT(first, end, next);
		ck_assert_int_eq(shifted, 3);
		ck_assert_ptr_eq(end, &first);
	}
}
END_TEST

START_TEST(test_an_object_is_found_by_its_node) {
	struct element e = {.number = 7};
	ck_assert_int_eq(CONTAINER_OF(&e.node, struct element, node)->number, 7);
}
END_TEST

/* ---- growing ----------------------------------------------------------------------------------------------------- */

static bool refuses;

static void *allocate(void *ctx, size_t size) {
	(void)ctx;
	return refuses ? NULL : malloc(size);
}

static void release(void *ctx, void *p) {
	(void)ctx;
	free(p);
}

static sluice_env *new_env(void) {
	sluice_env *env;
	sluice_env_config config = {.allocator = {.alloc = allocate, .free = release}};
	refuses = false;
	ck_assert_int_eq(sluice_env_new(&config, &env), 0);
	return env;
}

START_TEST(test_an_array_doubles_when_it_is_full_and_keeps_its_elements) {
	sluice_env *env = new_env();
	uint16_t *numbers = NULL;
	uint32_t capacity = 0;
	for (uint16_t i = 0; i < 100; i++) {
		ck_assert(GROW(env, numbers, i, capacity, 3) && numbers);
		numbers[i] = i;
	}
	ck_assert_uint_eq(capacity, 192);
	for (uint16_t i = 0; i < 100 && numbers; i++)
		ck_assert_uint_eq(numbers[i], i);
	env_free(env, numbers);
	sluice_env_free(env);
}
END_TEST

START_TEST(test_without_memory_an_array_and_a_heap_stay_as_they_were) {
	sluice_env *env = new_env();
	uint64_t *numbers = NULL, *before;
	size_t capacity = 0;
	struct heap heap = {0};
	ck_assert(GROW(env, numbers, 0u, capacity, 1000));
	ck_assert(grow_heap(env, &heap, 1000, 1000));
	before = numbers;
	refuses = true;
	ck_assert(!GROW(env, numbers, capacity, capacity, 1000));
	ck_assert(!grow_heap(env, &heap, 1001, 1000));
	ck_assert_ptr_eq(numbers, before);
	ck_assert_uint_eq(capacity, 1000);
	ck_assert_uint_eq(heap.capacity, 1000);
	env_free(env, numbers);
	env_free(env, heap.slots);
	sluice_env_free(env);
}
END_TEST

START_TEST(test_a_heap_has_room_for_as_many_as_are_wanted) {
	sluice_env *env = new_env();
	struct heap heap = {0};
	struct heap_node nodes[9];
	for (size_t i = 0; i < 9; i++) {
		nodes[i].index = HEAP_OUT;
		ck_assert(grow_heap(env, &heap, i + 1, 4));
		ck_assert_uint_eq(heap.capacity, i < 4 ? 4 : i < 8 ? 8 : 16);
		heap_set(&heap, &nodes[i], 9 - i);
	}
	ck_assert(heap_check(&heap));
	ck_assert_ptr_eq(heap_min(&heap), &nodes[8]);
	env_free(env, heap.slots);
	sluice_env_free(env);
}
END_TEST

SUITE("list", test_a_list_is_pushed_in_front_and_loses_any_element, test_a_chain_loses_any_element_and_goes_on_behind,
      test_a_queue_gives_its_first_and_loses_any_element, test_an_object_is_found_by_its_node,
      test_an_array_doubles_when_it_is_full_and_keeps_its_elements, test_without_memory_an_array_and_a_heap_stay_as_they_were,
      test_a_heap_has_room_for_as_many_as_are_wanted)
