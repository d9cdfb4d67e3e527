/* events: what waits for the app, oldest first.
 *
 * A node lives inside the object that it is about (a message, a stream, the association), so queueing it needs no memory and
 * cannot fail. A node that is queued already is not queued again; its contents are updated. */
#ifndef SCTP_EVENTS_H
#define SCTP_EVENTS_H

#include "sluice/sctp.h"

struct event_node {
	struct event_node *next;
	uint8_t type; /* enum sluice_sctp_event_type */
	bool queued;
	uint16_t stream;
	int error;
	uint32_t count;
};

struct event_queue {
	struct event_node *head, *tail;
};

static inline void event_push(struct event_queue *q, struct event_node *n) {
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

/* Removes and returns the oldest event; NULL when there is none. */
static inline struct event_node *event_pop(struct event_queue *q) {
	struct event_node *n = q->head;
	if (!n)
		return NULL;
	q->head = n->next;
	if (!q->head)
		q->tail = NULL;
	n->queued = false;
	return n;
}

#endif
