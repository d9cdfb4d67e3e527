/* pairing: a pairing heap of nodes that live inside other objects, least key first.
 *
 * Adding is O(1) and removing any node is O(log n) amortised, in whatever order they come. Nothing is allocated. It is for things
 * whose order a stranger decides: in a sorted list, a stranger could make each new node walk past all the others.
 *
 *   a node's key is never less than that of the node above it
 *   among siblings, node->next->prev == node; the first one's prev is the node above; the root has neither prev nor next */
#ifndef BASE_PAIRING_H
#define BASE_PAIRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pairing_node {
	struct pairing_node *below, *next, *prev;
	uint64_t key;
};

/* Adds a node under `key`. Equal keys are allowed; they come out in any order. */
void pairing_add(struct pairing_node **root, struct pairing_node *node, uint64_t key);
/* Removes the node, which must be in the heap. */
void pairing_remove(struct pairing_node **root, struct pairing_node *node);

/* The same two for an order other than that of plain keys: is x before y? The caller sets the node's key, and gives the same
 * order to all calls for one heap. */
typedef bool (*pairing_before_fn)(const struct pairing_node *x, const struct pairing_node *y);
void pairing_add_by(struct pairing_node **root, struct pairing_node *node, pairing_before_fn before);
void pairing_remove_by(struct pairing_node **root, struct pairing_node *node, pairing_before_fn before);

/* Removes and returns the least node; NULL when there is none. */
struct pairing_node *pairing_take(struct pairing_node **root);

/* Returns the node after n in a walk that begins at the root and visits all nodes, in no useful order. NULL: n was the last one.
 * O(1) amortised. */
static inline const struct pairing_node *pairing_next(const struct pairing_node *n) {
	if (n->below)
		return n->below;
	while (!n->next) {
		while (n->prev && n->prev->below != n)
			n = n->prev;
		n = n->prev;
		if (!n)
			return NULL;
	}
	return n->next;
}

#endif
