#include "rtp/media/queue.h"

int queue_open(struct queue *q, sluice_env *env) {
	if (!q->ring)
		q->ring = env_alloc(env, QUEUE_PACKETS * sizeof *q->ring);
	return q->ring ? 0 : SLUICE_NO_MEMORY;
}

void queue_close(struct queue *q, sluice_env *env) {
	struct queue_entry e;
	while (queue_pop(q, &e))
		sluice_slab_unref(e.packet.slab);
	env_free(env, q->ring);
	q->ring = NULL;
}

void queue_forget(struct queue *q, const struct in_layer *layer) {
	for (uint32_t i = q->tail; i != q->head; i++)
		if (q->ring[i % QUEUE_PACKETS].layer == layer)
			q->ring[i % QUEUE_PACKETS].layer = NULL;
}
