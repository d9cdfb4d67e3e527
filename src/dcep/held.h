/* held: received messages that a channel keeps because its app paused it, oldest first.
 *
 * A ring of references, grown by doubling; every message in it still counts against the receive window, which is what
 * bounds it. It knows no channel: whoever owns it says when messages go in and come out.
 *
 *   count <= capacity, capacity is 0 or a power of two
 *   the messages are ring[(first + i) & (capacity - 1)] for 0 <= i < count
 *
 * Cost: 8 bytes a message; nothing while it was never used. The ring is given back when it runs empty. */
#ifndef DCEP_HELD_H
#define DCEP_HELD_H

#include "pool/env.h"

struct held {
	sluice_message **ring;
	size_t first, count, capacity;
};

/* Takes over the caller's reference. False: no memory, and the reference stays the caller's. */
bool held_push(struct held *h, sluice_env *env, sluice_message *m);
/* Gives the oldest one's reference to the caller; NULL when there is none. */
sluice_message *held_pop(struct held *h, sluice_env *env);
/* Releases all of them. */
void held_clear(struct held *h, sluice_env *env);

static inline bool held_check(const struct held *h) {
	return h->count <= h->capacity && (h->capacity & (h->capacity - 1)) == 0 && (h->ring != NULL) == (h->capacity != 0);
}

#endif
