#include "sctp/events.h"

void event_push(struct event_queue *q, struct event_node *n) {
	if (n->queued)
		return;
	n->queued = true;
	n->next = NULL;
	if (q->tail)
		q->tail->next = n;
	else
		q->head = n;
	q->tail = n;
}

struct event_node *event_pop(struct event_queue *q) {
	struct event_node *n = q->head;
	if (!n)
		return NULL;
	q->head = n->next;
	if (!q->head)
		q->tail = NULL;
	n->queued = false;
	return n;
}
