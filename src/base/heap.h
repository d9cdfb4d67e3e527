/* heap: a heap of nodes that live inside other objects, least key first.
 *
 * The loop keeps one node for each peer in it, whose key is the peer's deadline. Moving a deadline is one sift, O(log n). With
 * thousands of peers the nodes are not in the cache, so the keys stand in the array as well: comparing reads no node, and the
 * four children of a slot lie side by side. Only the array is allocated; it grows by doubling and never shrinks.
 *
 *   for every i > 0: slots[(i - 1) / HEAP_ARITY].key <= slots[i].key
 *   for every node in the heap: slots[node->index] is { node->key, node }; a node outside has index HEAP_OUT */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAP_OUT SIZE_MAX
#define HEAP_ARITY 4

struct heap_node {
	uint64_t key;
	size_t index;
};

struct heap_slot {
	uint64_t key;
	struct heap_node *node;
};

struct heap {
	struct heap_slot *slots;
	size_t count, capacity;
};

/* Adds the node or changes its key. The owner must have made room for a new node before, so that this cannot fail. */
void heap_set(struct heap *h, struct heap_node *node, uint64_t key);
/* Removes the node. Does nothing when it is not in the heap. */
void heap_remove(struct heap *h, struct heap_node *node);
static inline struct heap_node *heap_min(const struct heap *h) {
	return h->count ? h->slots[0].node : NULL;
}
bool heap_check(const struct heap *h);

#endif
