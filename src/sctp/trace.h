/* trace: what happened in an association, told to the app: lines of JSON (qlog), and the packets themselves.
 *
 * The engine calls the hooks below at the places where something happens; each costs one predictable branch while nobody
 * listens, and nothing else. What can be told by comparing with the last look (states, windows, times, counts) needs no hook
 * where it changes: trace_sync() compares. Lines are put together in the trace's own space; nothing is allocated after
 * sluice_sctp_set_trace(), and the engine behaves the same with and without it. */
#ifndef SCTP_TRACE_H
#define SCTP_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trace; /* NULL: nobody listens */

void trace_on_look(struct trace *t);
void trace_on_packet(struct trace *t, bool sent, const uint8_t *packet, size_t len);
void trace_on_dropped(struct trace *t, size_t len);
void trace_on_timer(struct trace *t, const char *name);
void trace_on_lost(struct trace *t, uint64_t tsn, uint32_t len);

#define TRACE_OFF(t) __builtin_expect((t) == NULL, 1)

/* State may have changed: after a verb, a timer. */
static inline void trace_sync(struct trace *t) {
	if (!TRACE_OFF(t))
		trace_on_look(t);
}
/* A packet as it goes to the layer below, or as it came from there, before anything was looked at. */
static inline void trace_packet(struct trace *t, bool sent, const uint8_t *packet, size_t len) {
	if (!TRACE_OFF(t))
		trace_on_packet(t, sent, packet, len);
}
/* The packet received last was discarded unread. */
static inline void trace_dropped(struct trace *t, size_t len) {
	if (!TRACE_OFF(t))
		trace_on_dropped(t, len);
}
/* A timer has expired and is about to be acted upon. */
static inline void trace_timer(struct trace *t, const char *name) {
	if (!TRACE_OFF(t))
		trace_on_timer(t, name);
}
/* A chunk in flight was found lost. */
static inline void trace_lost(struct trace *t, uint64_t tsn, uint32_t len) {
	if (!TRACE_OFF(t))
		trace_on_lost(t, tsn, len);
}

void trace_free(struct trace *t);

#endif
