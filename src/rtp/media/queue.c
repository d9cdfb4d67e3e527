#include "rtp/media/queue.h"

#include "rtp/media/track.h"

int queue_open(struct queue *q, sluice_env *env) {
	if (!q->ring)
		q->ring = env_alloc(env, sizeof *q->ring);
	return q->ring ? 0 : SLUICE_NO_MEMORY;
}

void queue_close(struct queue *q, sluice_env *env) {
	queue_drop(q, q->head - q->tail);
	env_free(env, q->ring);
	q->ring = NULL;
}

void queue_forget(struct queue *q, const struct in_layer *layer) {
	for (uint32_t i = q->tail; i != q->head; i++)
		if (q->ring->layers[i % QUEUE_PACKETS] == layer)
			q->ring->layers[i % QUEUE_PACKETS] = NULL;
}

static sluice_track *track_at(const struct queue *q, uint32_t i) {
	const struct in_layer *l = q->ring->layers[i % QUEUE_PACKETS];
	return l ? l->track : NULL;
}

size_t queue_front(const struct queue *q, const sluice_rtp **packets, sluice_track **track) {
	uint32_t i = q->tail;
	if (i == q->head)
		return 0;
	*packets = &q->ring->packets[i % QUEUE_PACKETS];
	*track = track_at(q, i);
	do
		i++;
	while (i != q->head && i % QUEUE_PACKETS && track_at(q, i) == *track);
	return i - q->tail;
}

void queue_drop(struct queue *q, size_t count) {
	for (; count; count--)
		sluice_slab_unref(q->ring->packets[q->tail++ % QUEUE_PACKETS].slab);
}
