#include "base/heap.h"

static void place(struct heap *h, struct heap_node *node, size_t i) {
	h->slots[i] = node;
	node->index = i;
}

static void sift_up(struct heap *h, struct heap_node *node, size_t i) {
	while (i > 0 && h->slots[(i - 1) / 2]->key > node->key) {
		place(h, h->slots[(i - 1) / 2], i);
		i = (i - 1) / 2;
	}
	place(h, node, i);
}

static void sift_down(struct heap *h, struct heap_node *node, size_t i) {
	for (;;) {
		size_t child = 2 * i + 1;
		if (child >= h->count)
			break;
		if (child + 1 < h->count && h->slots[child + 1]->key < h->slots[child]->key)
			child++;
		if (h->slots[child]->key >= node->key)
			break;
		place(h, h->slots[child], i);
		i = child;
	}
	place(h, node, i);
}

void heap_set(struct heap *h, struct heap_node *node, uint64_t key) {
	if (node->index == HEAP_OUT) {
		node->key = key;
		sift_up(h, node, h->count++);
		return;
	}
	bool earlier = key < node->key;
	node->key = key;
	if (earlier)
		sift_up(h, node, node->index);
	else
		sift_down(h, node, node->index);
}

void heap_remove(struct heap *h, struct heap_node *node) {
	if (node->index == HEAP_OUT)
		return;
	size_t hole = node->index;
	struct heap_node *last = h->slots[--h->count];
	node->index = HEAP_OUT;
	if (last == node)
		return;
	if (hole > 0 && h->slots[(hole - 1) / 2]->key > last->key)
		sift_up(h, last, hole);
	else
		sift_down(h, last, hole);
}

bool heap_check(const struct heap *h) {
	for (size_t i = 0; i < h->count; i++) {
		if (h->slots[i]->index != i)
			return false;
		if (i > 0 && h->slots[(i - 1) / 2]->key > h->slots[i]->key)
			return false;
	}
	return true;
}
