/* heap: a binary heap of nodes that live inside other objects, least key first.
 *
 * The loop keeps one node for each peer in it, whose key is the peer's deadline. Moving a deadline is one sift, O(log n). Only
 * the array of pointers is allocated; it grows by doubling and never shrinks.
 *
 *   for every i > 0: slots[(i - 1) / 2]->key <= slots[i]->key
 *   for every node in the heap: slots[node->index] == node; a node outside has index HEAP_OUT */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAP_OUT SIZE_MAX

struct heap_node {
	uint64_t key;
	size_t index;
};

struct heap {
	struct heap_node **slots;
	size_t count, capacity;
};

/* Adds the node or changes its key. The owner must have made room for a new node before, so that this cannot fail. */
void heap_set(struct heap *h, struct heap_node *node, uint64_t key);
/* Removes the node. Does nothing when it is not in the heap. */
void heap_remove(struct heap *h, struct heap_node *node);
static inline struct heap_node *heap_min(const struct heap *h) {
	return h->count ? h->slots[0] : NULL;
}
bool heap_check(const struct heap *h);

#endif
