/* Does the heap always give the least key, whatever is added, moved and taken out? */
#include "base/heap.h"
#include "suite.h"

#define NODES 200

struct world {
	struct heap_node nodes[NODES];
	struct heap_slot slots[NODES];
	struct heap heap;
};

static void world_init(struct world *w) {
	w->heap = (struct heap){.slots = w->slots, .capacity = NODES};
	for (size_t i = 0; i < NODES; i++)
		w->nodes[i] = (struct heap_node){.index = HEAP_OUT};
}

/* The least key among the nodes that are in, by looking at each. */
static uint64_t least_key(const struct world *w) {
	uint64_t least = UINT64_MAX;
	for (size_t i = 0; i < NODES; i++) {
		if (w->nodes[i].index != HEAP_OUT && w->nodes[i].key < least)
			least = w->nodes[i].key;
	}
	return least;
}

static size_t count_in(const struct world *w) {
	size_t count = 0;
	for (size_t i = 0; i < NODES; i++)
		count += w->nodes[i].index != HEAP_OUT;
	return count;
}

START_TEST(test_an_empty_heap_has_no_least) {
	struct world w;
	world_init(&w);
	ck_assert_ptr_null(heap_min(&w.heap));
	ck_assert(heap_check(&w.heap));
}
END_TEST

START_TEST(test_nodes_come_out_in_order_of_their_keys) {
	struct world w;
	world_init(&w);
	for (size_t i = 0; i < NODES; i++) {
		heap_set(&w.heap, &w.nodes[i], i * 7919 % NODES);
		ck_assert(heap_check(&w.heap));
	}
	for (uint64_t key = 0; key < NODES; key++) {
		struct heap_node *least = heap_min(&w.heap);
		ck_assert_uint_eq(least->key, key);
		heap_remove(&w.heap, least);
		ck_assert_uint_eq(least->index, HEAP_OUT);
		ck_assert(heap_check(&w.heap));
	}
	ck_assert_ptr_null(heap_min(&w.heap));
}
END_TEST

START_TEST(test_a_node_may_move_to_an_earlier_and_to_a_later_key) {
	struct world w;
	world_init(&w);
	for (size_t i = 0; i < 10; i++)
		heap_set(&w.heap, &w.nodes[i], 100 + i);
	heap_set(&w.heap, &w.nodes[9], 1);
	ck_assert_ptr_eq(heap_min(&w.heap), &w.nodes[9]);
	heap_set(&w.heap, &w.nodes[9], 1000);
	ck_assert_ptr_eq(heap_min(&w.heap), &w.nodes[0]);
	heap_set(&w.heap, &w.nodes[0], 100); /* to where it is */
	ck_assert_ptr_eq(heap_min(&w.heap), &w.nodes[0]);
	ck_assert_uint_eq(w.heap.count, 10);
	ck_assert(heap_check(&w.heap));
}
END_TEST

START_TEST(test_equal_keys_and_the_largest_key_are_keys_like_others) {
	struct world w;
	world_init(&w);
	heap_set(&w.heap, &w.nodes[0], UINT64_MAX);
	for (size_t i = 1; i < 50; i++)
		heap_set(&w.heap, &w.nodes[i], 5);
	for (size_t i = 1; i < 50; i++) {
		ck_assert_uint_eq(heap_min(&w.heap)->key, 5);
		heap_remove(&w.heap, heap_min(&w.heap));
		ck_assert(heap_check(&w.heap));
	}
	ck_assert_ptr_eq(heap_min(&w.heap), &w.nodes[0]);
}
END_TEST

START_TEST(test_taking_out_a_node_that_is_out_is_harmless) {
	struct world w;
	world_init(&w);
	heap_set(&w.heap, &w.nodes[0], 1);
	heap_remove(&w.heap, &w.nodes[1]);
	heap_remove(&w.heap, &w.nodes[0]);
	heap_remove(&w.heap, &w.nodes[0]);
	ck_assert_uint_eq(w.heap.count, 0);
}
END_TEST

/* The node that fills the hole may belong above it as well as below: the hole is in another branch. */
START_TEST(test_a_hole_may_be_filled_by_a_node_that_has_to_rise) {
	struct world w;
	world_init(&w);
	/*                  0
	 *        50        1   2   3
	 *   60 70 80 90    4               taking out 60 puts 4 below 50 */
	static const uint64_t keys[] = {0, 50, 1, 2, 3, 60, 70, 80, 90, 4};
	for (size_t i = 0; i < 10; i++)
		heap_set(&w.heap, &w.nodes[i], keys[i]);
	heap_remove(&w.heap, &w.nodes[5]);
	ck_assert(heap_check(&w.heap));
	ck_assert_uint_eq(w.nodes[9].index, 1);
}
END_TEST

START_TEST(test_the_check_finds_a_key_out_of_order_and_a_wrong_index) {
	struct world w;
	world_init(&w);
	for (size_t i = 0; i < 7; i++)
		heap_set(&w.heap, &w.nodes[i], i);
	w.nodes[6].key = 0; /* not what the slot says */
	ck_assert(!heap_check(&w.heap));
	w.nodes[6].key = 6;
	w.nodes[0].key = w.slots[0].key = 3;
	ck_assert(!heap_check(&w.heap));
	w.nodes[0].key = w.slots[0].key = 0;
	ck_assert(heap_check(&w.heap));
	w.nodes[4].index = 5;
	ck_assert(!heap_check(&w.heap));
}
END_TEST

static uint64_t next_random(uint64_t *state) {
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void random_step(struct world *w, uint64_t *state) {
	struct heap_node *node = &w->nodes[next_random(state) % NODES];
	if (next_random(state) % 3 == 0)
		heap_remove(&w->heap, node);
	else
		heap_set(&w->heap, node, next_random(state) % 1000);
}

START_TEST(test_any_mix_of_steps_keeps_the_least_in_front) {
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct world w;
		world_init(&w);
		uint64_t state = seed;
		for (int step = 0; step < 3000; step++) {
			random_step(&w, &state);
			ck_assert_msg(heap_check(&w.heap), "seed %d, step %d", (int)seed, step);
			ck_assert_uint_eq(w.heap.count, count_in(&w));
			if (w.heap.count)
				ck_assert_uint_eq(heap_min(&w.heap)->key, least_key(&w));
		}
	}
}
END_TEST

SUITE("heap", test_an_empty_heap_has_no_least, test_nodes_come_out_in_order_of_their_keys,
      test_a_node_may_move_to_an_earlier_and_to_a_later_key, test_equal_keys_and_the_largest_key_are_keys_like_others,
      test_taking_out_a_node_that_is_out_is_harmless, test_a_hole_may_be_filled_by_a_node_that_has_to_rise,
      test_the_check_finds_a_key_out_of_order_and_a_wrong_index, test_any_mix_of_steps_keeps_the_least_in_front)
