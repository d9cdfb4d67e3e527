#include "base/pairing.h"

#include <stddef.h>

/* One tree of two; both are roots. */
static struct pairing_node *meld(struct pairing_node *x, struct pairing_node *y) {
	if (!x || !y)
		return x ? x : y;
	struct pairing_node *least = y->key < x->key ? y : x, *other = least == x ? y : x;
	other->next = least->below;
	if (other->next)
		other->next->prev = other;
	other->prev = least;
	least->below = other;
	return least;
}

static struct pairing_node *detach(struct pairing_node *n) {
	n->next = n->prev = NULL;
	return n;
}

/* One tree of siblings: in pairs from the left, then together from the right, which is what makes it O(log n). */
static struct pairing_node *meld_siblings(struct pairing_node *first) {
	struct pairing_node *pairs = NULL, *tree = NULL;
	while (first) {
		struct pairing_node *second = first->next, *rest = second ? second->next : NULL;
		detach(first);
		if (second)
			detach(second);
		struct pairing_node *pair = meld(first, second);
		pair->next = pairs;
		pairs = pair;
		first = rest;
	}
	while (pairs) {
		struct pairing_node *pair = pairs;
		pairs = pair->next;
		tree = meld(detach(pair), tree);
	}
	return tree;
}

void pairing_add(struct pairing_node **root, struct pairing_node *node, uint64_t key) {
	*node = (struct pairing_node){.key = key};
	*root = meld(*root, node);
}

void pairing_remove(struct pairing_node **root, struct pairing_node *node) {
	struct pairing_node *below = meld_siblings(node->below);
	node->below = NULL;
	if (node == *root) {
		*root = below;
		return;
	}
	if (node->prev->below == node)
		node->prev->below = node->next;
	else
		node->prev->next = node->next;
	if (node->next)
		node->next->prev = node->prev;
	detach(node);
	*root = meld(*root, below);
}

struct pairing_node *pairing_take(struct pairing_node **root) {
	struct pairing_node *least = *root;
	if (least)
		pairing_remove(root, least);
	return least;
}
