/* message: a received message on its way to the app, and the account of bytes that it holds.
 *
 * The slices of a message point into slabs (referenced) or into blocks of their own (small payloads are copied, so that
 * ten bytes never pin a slab). Every message charges the window account of its association until its last reference is
 * gone; the account outlives the association while messages do. */
#ifndef SCTP_MESSAGE_H
#define SCTP_MESSAGE_H

#include "base/pairing.h"
#include "pool/env.h"
#include "sctp/events.h"

/* What one held chunk or message costs beyond its payload: it is charged too, so that a flood of one-byte messages cannot
 * hold a hundred times the window in headers. */
#define HELD_OVERHEAD 64

/* Payload below this is copied out of its slab: a copy of 512 bytes costs about as much as the reference would. */
#define COPY_BELOW 512

struct window {
	sluice_env *env;
	uint64_t held;               /* payload + HELD_OVERHEAD of everything received and not yet released */
	uint32_t refs;               /* the association and every message */
	void (*opened)(void *owner); /* called when held shrinks by a release; NULL once the association is gone */
	void *owner;
};

struct window *window_new(sluice_env *env);
void window_unref(struct window *w);

/* The memory behind one slice. */
struct backing {
	sluice_slab *slab; /* a reference, or */
	void *block;       /* a block of ours, or neither: the bytes stand in the message itself */
};

/* Makes the bytes last: by a reference to their slab when that is worth it, else by a copy. Where they lie then, or NULL when there
 * is no memory. */
const uint8_t *backing_hold(sluice_env *env, struct backing *b, sluice_slab *slab, const uint8_t *data, size_t len);

/* Would the bytes be copied? */
static inline bool backing_copies(const sluice_slab *slab, size_t len) {
	return !slab || slab->copy_only || len < COPY_BELOW;
}

static inline void backing_release(sluice_env *env, struct backing b) {
	if (b.slab)
		sluice_slab_unref(b.slab);
	else
		env_free(env, b.block);
}

struct rx_message {
	sluice_message public; /* first: the app holds a pointer to it */
	struct event_node event;
	struct pairing_node pending; /* in its stream by number, while an earlier one is missing */
	struct window *window;
	void *flat;
	uint32_t refs, charge;
	struct iovec *iov;
	struct backing *backing;
};

/* A message with room for `slices`, and `inline_bytes` behind it; refs 1, nothing charged. NULL when there is no memory. */
struct rx_message *rx_message_new(struct window *w, size_t slices, size_t inline_bytes, uint8_t **inline_data);
/* The same message with room for more slices, or a new one when m is NULL. The slices that it has no use for yet are zero. NULL when
 * there is no memory: then m is as it was. */
struct rx_message *rx_message_grow(struct window *w, struct rx_message *m, size_t slices);
/* Charges the account with what it costs. */
void rx_message_charge(struct rx_message *m, uint32_t bytes);

static inline struct rx_message *rx_message_of_event(struct event_node *n) {
	return (struct rx_message *)((char *)n - offsetof(struct rx_message, event));
}

#endif
