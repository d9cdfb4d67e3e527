/* held: received messages that a channel keeps because its app paused it, oldest first.
 *
 * A ring of references that grows by doubling. Every message in it counts against the receive window, so the window bounds it. It
 * knows no channel.
 *
 *   count <= capacity, capacity is 0 or a power of two
 *   the messages are ring[(first + i) & (capacity - 1)] for 0 <= i < count
 *
 * Cost: 8 bytes for each message, and nothing while it is empty: the ring is freed then. */
#ifndef DCEP_HELD_H
#define DCEP_HELD_H

#include "pool/env.h"

struct held {
	sluice_message **ring;
	size_t first, count, capacity;
};

/* Appends a message and takes over the caller's reference. Returns false when there is no memory; the caller then keeps the
 * reference. */
bool held_push(struct held *h, sluice_env *env, sluice_message *m);
/* Removes the oldest message and gives its reference to the caller; NULL when there is none. */
sluice_message *held_pop(struct held *h, sluice_env *env);
/* The oldest message, or NULL. */
static inline sluice_message *held_first(const struct held *h) {
	return h->count ? h->ring[h->first] : NULL;
}
/* Releases all messages. */
void held_clear(struct held *h, sluice_env *env);

static inline bool held_check(const struct held *h) {
	return h->count <= h->capacity && (h->capacity & (h->capacity - 1)) == 0 && (h->ring != NULL) == (h->capacity != 0);
}

#endif
