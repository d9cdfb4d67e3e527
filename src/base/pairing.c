#include "base/pairing.h"

#include <stddef.h>

static bool by_key(const struct pairing_node *x, const struct pairing_node *y) {
	return x->key < y->key;
}

/* Joins two trees, which are named by their roots. */
static struct pairing_node *meld(struct pairing_node *x, struct pairing_node *y, pairing_before_fn before) {
	if (!x || !y)
		return x ? x : y;
	struct pairing_node *least = before(y, x) ? y : x, *other = least == x ? y : x;
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

/* Joins siblings to one tree: in pairs from the left, then all pairs from the right. This order makes it O(log n). */
static struct pairing_node *meld_siblings(struct pairing_node *first, pairing_before_fn before) {
	struct pairing_node *pairs = NULL, *tree = NULL;
	while (first) {
		struct pairing_node *second = first->next, *rest = second ? second->next : NULL;
		detach(first);
		if (second)
			detach(second);
		struct pairing_node *pair = meld(first, second, before);
		pair->next = pairs;
		pairs = pair;
		first = rest;
	}
	while (pairs) {
		struct pairing_node *pair = pairs;
		pairs = pair->next;
		tree = meld(detach(pair), tree, before);
	}
	return tree;
}

void pairing_add_by(struct pairing_node **root, struct pairing_node *node, pairing_before_fn before) {
	node->below = node->next = node->prev = NULL;
	*root = meld(*root, node, before);
}

void pairing_remove_by(struct pairing_node **root, struct pairing_node *node, pairing_before_fn before) {
	struct pairing_node *below = meld_siblings(node->below, before);
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
	*root = meld(*root, below, before);
}

void pairing_add(struct pairing_node **root, struct pairing_node *node, uint64_t key) {
	node->key = key;
	pairing_add_by(root, node, by_key);
}

void pairing_remove(struct pairing_node **root, struct pairing_node *node) {
	pairing_remove_by(root, node, by_key);
}

struct pairing_node *pairing_take(struct pairing_node **root) {
	struct pairing_node *least = *root;
	if (least)
		pairing_remove(root, least);
	return least;
}
