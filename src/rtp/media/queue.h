/* queue: packets between input() and dispatch(), for on_rtp and on_rtp_run.
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

struct queue_ring {
	sluice_rtp packets[QUEUE_PACKETS];
	struct in_layer *layers[QUEUE_PACKETS]; /* of each packet; NULL: its track is gone */
};

struct queue {
	struct queue_ring *ring; /* NULL: nobody wants packets */
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
	uint32_t at = q->head++ % QUEUE_PACKETS;
	q->ring->layers[at] = layer;
	q->ring->packets[at] = *packet;
}
/* How many of the oldest packets lie in a row and are of one track? They begin at *packets, and stay there until they are
 * dropped. 0: the queue is empty. *track NULL: theirs is gone. */
size_t queue_front(const struct queue *q, const sluice_rtp **packets, sluice_track **track);
/* The oldest packets go, and their slabs' references. */
void queue_drop(struct queue *q, size_t count);
/* The layer is gone. */
void queue_forget(struct queue *q, const struct in_layer *layer);

#endif
