/* trace: reports what happens in an association to the app: as lines of JSON (qlog), and as the packets themselves.
 *
 * The engine calls the hooks below where something happens. Without a trace each costs one predictable branch. States, windows,
 * times and counts need no hook where they change: trace_sync() compares them with the last values. Lines are written into the
 * trace's own space. Nothing is allocated after sluice_sctp_set_trace(), and the engine behaves the same with and without a
 * trace. */
#ifndef SCTP_TRACE_H
#define SCTP_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trace; /* NULL: there is no trace */

void trace_on_look(struct trace *t);
void trace_on_packet(struct trace *t, bool sent, const uint8_t *packet, size_t len);
void trace_on_dropped(struct trace *t, size_t len);
void trace_on_timer(struct trace *t, const char *name);
void trace_on_lost(struct trace *t, uint64_t tsn, uint32_t len);

#define TRACE_OFF(t) __builtin_expect((t) == NULL, 1)

/* Call it after a verb or a timer, when states may have changed. */
static inline void trace_sync(struct trace *t) {
	if (!TRACE_OFF(t))
		trace_on_look(t);
}
/* A packet that goes to the layer below, or that came from there and was not looked at yet. */
static inline void trace_packet(struct trace *t, bool sent, const uint8_t *packet, size_t len) {
	if (!TRACE_OFF(t))
		trace_on_packet(t, sent, packet, len);
}
/* The last received packet was discarded unread. */
static inline void trace_dropped(struct trace *t, size_t len) {
	if (!TRACE_OFF(t))
		trace_on_dropped(t, len);
}
/* A timer has expired and will be handled now. */
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
