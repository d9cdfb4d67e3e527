/* pairing: a pairing heap of nodes that live inside other objects, least key first.
 *
 * Adding is O(1), taking any node out O(log n) amortised, whatever the order of arrival, and nothing is allocated. For what
 * a stranger orders: in a sorted list he could make each newcomer walk past all the others.
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

/* Adds a node under `key`; equal keys may stand beside each other, and any of them comes first. */
void pairing_add(struct pairing_node **root, struct pairing_node *node, uint64_t key);
/* Takes the node out, which is in. */
void pairing_remove(struct pairing_node **root, struct pairing_node *node);

/* The same two under another order than that of plain keys: is x before y? The node's key is the caller's; all calls for one heap name
 * the same order. */
typedef bool (*pairing_before_fn)(const struct pairing_node *x, const struct pairing_node *y);
void pairing_add_by(struct pairing_node **root, struct pairing_node *node, pairing_before_fn before);
void pairing_remove_by(struct pairing_node **root, struct pairing_node *node, pairing_before_fn before);

/* Takes the least one out; NULL when there is none. */
struct pairing_node *pairing_take(struct pairing_node **root);

/* The one after n in a walk over all of them, in no useful order, that begins at the root; NULL: that was the last. O(1) amortised. */
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
