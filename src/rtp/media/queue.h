/* queue: packets between input() and dispatch(), for on_rtp.
 *
 * A ring of fixed size, made when a track first asks for packets. What comes when it is full is dropped: the app does not
 * dispatch often enough.
 *
 *   head - tail <= QUEUE_PACKETS; each entry holds a reference to its slab */
#ifndef RTP_MEDIA_QUEUE_H
#define RTP_MEDIA_QUEUE_H

#include "pool/env.h"
#include "sluice/media.h"

#define QUEUE_PACKETS 512

struct in_layer;

struct queue_entry {
	struct in_layer *layer; /* NULL: its track is gone */
	sluice_rtp packet;
};

struct queue {
	struct queue_entry *ring; /* NULL: nobody wants packets */
	uint32_t head, tail;
};

/* Returns 0 or SLUICE_NO_MEMORY. Called again it does nothing. */
int queue_open(struct queue *q, sluice_env *env);
void queue_close(struct queue *q, sluice_env *env);
static inline bool queue_is_full(const struct queue *q) {
	return q->head - q->tail == QUEUE_PACKETS;
}
/* The queue is open and not full. The slab's reference becomes the queue's. */
static inline void queue_push(struct queue *q, struct in_layer *layer, const sluice_rtp *packet) {
	q->ring[q->head++ % QUEUE_PACKETS] = (struct queue_entry){layer, *packet};
}
/* False: it is empty. The slab's reference becomes the caller's. */
static inline bool queue_pop(struct queue *q, struct queue_entry *out) {
	if (q->head == q->tail)
		return false;
	*out = q->ring[q->tail++ % QUEUE_PACKETS];
	return true;
}
/* The layer is gone. */
void queue_forget(struct queue *q, const struct in_layer *layer);

#endif
