/* end: an association ends, whatever the reason. */
#include "sctp/association.h"

#include "base/text.h"
#include "sctp/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void end_drop_events(sluice_sctp *a) {
	for (struct event_node *n; (n = event_pop(&a->events));)
		receiver_drop_event(&a->rx, n);
}

static void set_error(sluice_sctp *a, int error, const char *format, va_list args) {
	char text[2 * sizeof a->error_text];
	a->error = error;
	vsnprintf(text, sizeof text, format, args);
	/* The app's words or the peer's may stand in it, and it goes to logs and, in an ABORT, to the peer. */
	text_valid(text, strlen(text), a->error_text, sizeof a->error_text);
	a->ended.error = error;
}

void end_silently(sluice_sctp *a) {
	state_enter(a, SLUICE_SCTP_CLOSED);
	a->pending = 0;
	a->shutdown_wanted = a->heartbeat_unscheduled = a->dirty = false;
	for (int t = 0; t < TIMER_COUNT; t++)
		timer_stop(a, t);
	sender_clear(&a->tx);
	reconfig_clear(a);
	replies_drop(a);
	receiver_end(&a->rx, 0);
	end_drop_events(a);
}

static void close_now(sluice_sctp *a) {
	state_enter(a, SLUICE_SCTP_CLOSED);
	a->pending = 0;
	a->shutdown_wanted = a->heartbeat_unscheduled = false;
	for (int t = 0; t < TIMER_COUNT; t++)
		timer_stop(a, t);
	receiver_end(&a->rx, a->error ? a->error : SLUICE_CLOSED); /* parts end before the association does */
	event_push(&a->events, &a->ended);                         /* before those that the dropping brings, as in a restart */
	sender_clear(&a->tx);
	reconfig_clear(a);
	env_log(a->env, SLUICE_LOG_INFO, "sctp: ended: %s", a->error ? a->error_text : "in order");
	association_touch(a);
}

void end_association(sluice_sctp *a, int error, const char *format, ...) {
	va_list args;
	va_start(args, format);
	set_error(a, error, format, args);
	va_end(args);
	close_now(a);
}

/* RFC 9260, 9.1: "An endpoint MUST NOT respond to any received packet that contains an ABORT chunk"; the peer's tag tells
 * which association is meant; before the peer's tag is known there is nobody to tell. */
static void send_abort(sluice_sctp *a, uint16_t cause, const char *text) {
	if (a->peer_tag != 0)
		replies_add_cause(a, a->peer_tag, WIRE_ABORT, cause, text, text ? strlen(text) : 0);
}

void end_with_abort(sluice_sctp *a, int error, uint16_t cause, bool with_text, const char *format, ...) {
	va_list args;
	va_start(args, format);
	set_error(a, error, format, args);
	va_end(args);
	send_abort(a, cause, with_text ? a->error_text : NULL);
	close_now(a);
}

/* Without a limit of its own an association lasts until the app wants its end, and then it does not wait for ever. */
static uint32_t errors_allowed(const sluice_sctp *a) {
	bool ending = a->shutdown_wanted || a->state >= SLUICE_SCTP_SHUTDOWN_PENDING;
	bool unlimited = a->config.association_max_retransmits == UINT32_MAX;
	return ending && unlimited ? CONFIG_MAX_RETRANSMITS : a->config.association_max_retransmits;
}

bool end_count_error(sluice_sctp *a) {
	/* RFC 9260, 8.1: beyond Association.Max.Retrans errors in a row the peer endpoint counts as unreachable, and the
	 * association enters the CLOSED state. The path may be broken in one direction only: the ABORT spares the peer the same
	 * wait. Its cause is not 12, which says that the app wanted the end: the peer's app is not to take this for a goodbye. */
	if (++a->error_count <= errors_allowed(a))
		return false;
	end_with_abort(a, SLUICE_TIMED_OUT, WIRE_CAUSE_PROTOCOL_VIOLATION, true,
	               "no answer from the peer after %u retransmissions", (unsigned)a->error_count - 1);
	return true;
}
