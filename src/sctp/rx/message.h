/* message: a received message on its way to the app, and the account of bytes that it holds.
 *
 * The slices of a message point into slabs (referenced) or into blocks of their own (small payloads are copied, so that
 * ten bytes never pin a slab). Every message charges the window account of its association until its last reference is
 * gone; the account outlives the association while messages do.
 *
 *   message->charge == env_cost(message) + env_cost(message->flat) + sum over slices of backing_cost,
 *                      and what its stream takes when it is the first of the stream
 *   window->held == sum of the charges of what is under way, waits for its turn, or is with the app
 *   window->with_app == the part of it that is with the app: delivered and not released
 *   window->payload == the payload of all these */
#ifndef SCTP_RX_MESSAGE_H
#define SCTP_RX_MESSAGE_H

#include "base/pairing.h"
#include "base/walk.h"
#include "pool/env.h"
#include "sctp/events.h"

/* Payload below this is copied out of its slab: a copy of 512 bytes costs about as much as the reference would. */
#define COPY_BELOW 512

struct window {
	sluice_env *env;
	uint64_t held;               /* bytes of memory that everything received and not yet released takes */
	uint64_t with_app;           /* of them, those of messages that were delivered */
	uint64_t payload;            /* bytes of the peer's in all of it */
	uint64_t charged;            /* sum of all charges since the owner set it to 0 */
	uint64_t consumed;           /* payload that the app has released since the owner set it to 0 */
	uint64_t limit;              /* of `held` now; the receiver sets it for each chunk */
	uint32_t refs;               /* the association and every message */
	void (*opened)(void *owner); /* called when held shrinks by a release; NULL once the association is gone */
	void *owner;
};

struct window *message_window_new(sluice_env *env);
void message_window_unref(struct window *w);
static inline void window_charge(struct window *w, uint64_t bytes) {
	w->held += bytes;
	w->charged += bytes;
}
static inline void window_discharge(struct window *w, uint64_t bytes) {
	w->held -= bytes;
}
/* May an array that grows take so much more? */
static inline bool window_allows(const struct window *w, uint64_t bytes) {
	return w->held + bytes <= w->limit;
}

/* The memory behind one slice. */
struct backing {
	sluice_slab *slab; /* a reference, or */
	void *block;       /* a block of ours, or neither: the bytes stand in the message itself */
};

/* Makes the bytes last: by a reference to their slab when that is worth it, else by a copy. Where they lie then, or NULL when
 * there is no memory. */
const uint8_t *message_backing_hold(sluice_env *env, struct backing *b, sluice_slab *slab, const uint8_t *data, size_t len);

/* Would the bytes be copied? */
static inline bool backing_copies(const sluice_slab *slab, size_t len) {
	return !slab || slab->copy_only || len < COPY_BELOW;
}

/* What a message takes for each slice beside its bytes. */
#define SLICE_COST (sizeof(struct iovec) + sizeof(struct backing))

/* What holding the slice takes beside the message. Bytes in a slab count as themselves: how many slabs may be pinned is bounded
 * by sluice_env_config.slab_limit. */
static inline uint32_t backing_cost(struct backing b, uint32_t len) {
	return b.slab ? len : (uint32_t)env_cost(b.block);
}

static inline void backing_release(sluice_env *env, struct backing b) {
	if (b.slab)
		slab_unref(b.slab);
	else if (b.block)
		env_free(env, b.block);
}

#define MESSAGE_DELIVERED 1u
#define MESSAGE_REF 2u

struct rx_message {
	sluice_message public; /* first: the app holds a pointer to it */
	struct event_node event;
	struct pairing_node pending; /* in its stream by number, while an earlier one is missing */
	struct window *window;
	void *flat;
	/* 64 bits: a message may have 3.4 GB, and sluice_message_data() takes as much again. */
	uint64_t charge;
	uint32_t refs;   /* MESSAGE_REF for each reference, and MESSAGE_DELIVERED */
	uint32_t slices; /* that there is room for behind it */
	struct backing *backing;
	struct iovec iov[];
};

/* Makes m a message with room for `slices` behind it, refs 1, its own memory charged. `pending` is left as it is. */
static inline void rx_message_init(struct rx_message *m, struct window *w, size_t slices) {
	m->public = (sluice_message){.count = slices, .first = true, .last = true, .iov = m->iov};
	m->event = (struct event_node){.type = SLUICE_SCTP_MESSAGE};
	m->window = w;
	m->flat = NULL;
	m->refs = MESSAGE_REF;
	m->charge = env_cost(m);
	m->slices = (uint32_t)slices;
	m->backing = (struct backing *)(m->iov + slices);
	window_charge(w, m->charge);
	w->refs++;
}

/* A message with room for `slices`, and `inline_bytes` behind it; refs 1, its own memory charged. NULL when there is no
 * memory. */
struct rx_message *rx_message_new(struct window *w, size_t slices, size_t inline_bytes, uint8_t **inline_data);
/* The same message with room for more slices, or a new one when m is NULL. The slices that it has no use for yet are zero. NULL
 * when there is no memory: then m is as it was. */
struct rx_message *rx_message_grow(struct window *w, struct rx_message *m, size_t slices);
/* Takes the bytes of a message that was delivered out of it. The memory remains until it is released. */
void rx_message_empty(struct rx_message *m);
/* Charges the account with what the message holds beside its own memory. */
static inline void rx_message_charge(struct rx_message *m, uint64_t bytes) {
	m->charge += bytes;
	window_charge(m->window, bytes);
}
/* The message goes to the app: from now on only the app's release of it makes room. */
static inline void rx_message_delivered(struct rx_message *m) {
	m->refs |= MESSAGE_DELIVERED;
	m->window->with_app += m->charge;
}

/* A hand-over: writes the message, or makes the one that is read. Returns it; NULL: the walk has failed. */
struct rx_message *rx_message_walk(struct rx_message *m, struct window *window, struct walk *w);

static inline struct rx_message *rx_message_of_event(struct event_node *n) {
	return (struct rx_message *)((char *)n - offsetof(struct rx_message, event));
}

#endif
