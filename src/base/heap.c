#include "base/heap.h"

static size_t parent(size_t i) {
	return (i - 1) / HEAP_ARITY;
}

static void place(struct heap *h, struct heap_slot s, size_t i) {
	h->slots[i] = s;
	s.node->index = i;
}

static void sift_up(struct heap *h, struct heap_slot s, size_t i) {
	for (; i > 0 && h->slots[parent(i)].key > s.key; i = parent(i))
		place(h, h->slots[parent(i)], i);
	place(h, s, i);
}

/* The child of i with the least key; count: there is none. */
static size_t least_child(const struct heap *h, size_t i) {
	size_t first = HEAP_ARITY * i + 1, least = first;
	if (first >= h->count)
		return h->count;
	size_t end = first + HEAP_ARITY < h->count ? first + HEAP_ARITY : h->count;
	for (size_t c = first + 1; c < end; c++)
		least = h->slots[c].key < h->slots[least].key ? c : least;
	return least;
}

static void sift_down(struct heap *h, struct heap_slot s, size_t i) {
	for (;;) {
		size_t child = least_child(h, i);
		if (child == h->count || h->slots[child].key >= s.key)
			break;
		place(h, h->slots[child], i);
		i = child;
	}
	place(h, s, i);
}

static void settle(struct heap *h, struct heap_slot s, size_t i) {
	if (i > 0 && h->slots[parent(i)].key > s.key)
		sift_up(h, s, i);
	else
		sift_down(h, s, i);
}

void heap_set(struct heap *h, struct heap_node *node, uint64_t key) {
	struct heap_slot s = {key, node};
	node->key = key;
	if (node->index == HEAP_OUT)
		sift_up(h, s, h->count++);
	else
		settle(h, s, node->index);
}

void heap_remove(struct heap *h, struct heap_node *node) {
	if (node->index == HEAP_OUT)
		return;
	size_t hole = node->index;
	struct heap_slot last = h->slots[--h->count];
	node->index = HEAP_OUT;
	if (last.node != node)
		settle(h, last, hole);
}

bool heap_check(const struct heap *h) {
	for (size_t i = 0; i < h->count; i++) {
		if (h->slots[i].node->index != i || h->slots[i].node->key != h->slots[i].key)
			return false;
		if (i > 0 && h->slots[parent(i)].key > h->slots[i].key)
			return false;
	}
	return true;
}
