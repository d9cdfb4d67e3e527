/* events: what waits for the app, oldest first.
 *
 * Nodes live inside the objects that they speak of (a message, a stream, the association), so queueing one needs no
 * memory and cannot fail. A node that is queued already is not queued twice: its contents are brought up to date. */
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

void event_push(struct event_queue *q, struct event_node *n);
struct event_node *event_pop(struct event_queue *q); /* NULL when empty */

#endif
