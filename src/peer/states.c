/* states: which state is the peer in, what is the app still to be notified of, and how does the peer end?
 *
 * tell.c runs the callbacks. Of the layers below only the channels are called, when they lose their association. */
#include "peer/connection.h"

const char *sluice_peer_state_name(enum sluice_peer_state state) {
	static const char *const names[] = {"new", "connecting", "connected", "closing", "closed", "failed", "disconnected"};
	return (size_t)state < sizeof names / sizeof *names ? names[state] : "unknown";
}

const char *sluice_ice_state_name(enum sluice_ice_state state) {
	static const char *const names[] = {"new", "checking", "connected", "completed", "disconnected", "failed", "closed"};
	return (size_t)state < sizeof names / sizeof *names ? names[state] : "unknown";
}

const char *sluice_gathering_state_name(enum sluice_gathering_state state) {
	static const char *const names[] = {"new", "gathering", "complete"};
	return (size_t)state < sizeof names / sizeof *names ? names[state] : "unknown";
}

const char *sluice_signaling_state_name(enum sluice_signaling_state state) {
	static const char *const names[] = {"stable", "have-local-offer", "have-remote-offer", "closed"};
	return (size_t)state < sizeof names / sizeof *names ? names[state] : "unknown";
}

enum sluice_peer_state sluice_peer_state(const sluice_peer *p) {
	if (p->state == SLUICE_PEER_CONNECTED || (p->state == SLUICE_PEER_CONNECTING && p->way == SLUICE_PEER_FAILED))
		return p->way;
	return p->state;
}

void peer_wake(sluice_peer *p) {
	peer_stir(p);
	if (p->woken || !p->wake)
		return;
	p->woken = true;
	p->wake(p->wake_ctx);
}

void peer_enter(sluice_peer *p, enum sluice_peer_state state) {
	p->state = state;
	p->untold |= (uint8_t)(1u << state);
	env_log(p->env, SLUICE_LOG_INFO, "peer: %s", sluice_peer_state_name(state));
	peer_wake(p);
}

void peer_notice(sluice_peer *p, enum notice_kind kind, unsigned value) {
	if (p->notice_count == NOTICES_MAX) {
		p->notice_first = (p->notice_first + 1) % NOTICES_MAX;
		p->notice_count--;
	}
	p->notices[(p->notice_first + p->notice_count) % NOTICES_MAX] = (struct notice){.kind = (uint8_t)kind,
	                                                                                .value = (uint8_t)value};
	p->notice_count++;
	peer_wake(p);
}

static void close_signaling(struct sluice_peer *p) {
	struct negotiation *n = &p->negotiation;
	if (peer_is_direct(p) || n->state == SLUICE_SIGNALING_CLOSED)
		return;
	n->state = SLUICE_SIGNALING_CLOSED;
	n->needed = false;
	peer_notice(p, NOTICE_SIGNALING, SLUICE_SIGNALING_CLOSED);
}

void peer_conclude(sluice_peer *p, int error, const char *text) {
	if (p->ends_as)
		return;
	p->ends_as = error ? SLUICE_PEER_FAILED : SLUICE_PEER_CLOSED;
	p->error = error;
	p->error_text = text;
	env_log(p->env, SLUICE_LOG_DEBUG, "peer: ends with %d (%s)", error, text);
	close_signaling(p);
	peer_wake(p);
}

void peer_end(sluice_peer *p, int error, const char *text) {
	channels_end(p->channels, error ? error : SLUICE_CLOSED);
	peer_conclude(p, error, text);
}
