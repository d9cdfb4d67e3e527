/* tell: what is the app notified of next, and in which order? Runs the callbacks of the peer's config.
 *
 * A callback may free the peer: after each one guard.dead is asked first, and then nothing is touched any more. */
#include "peer/connection.h"

static int tell_state(sluice_peer *p, enum sluice_peer_state state) {
	p->told = state;
	if (!p->config.on_state)
		return 0;
	p->config.on_state(p, state, p->config.user);
	return 1;
}

int tell_states(sluice_peer *p, enum sluice_peer_state last) {
	int ran = 0;
	while (!p->guard.dead && (p->untold & ((2u << last) - 1))) {
		unsigned state = (unsigned)__builtin_ctz(p->untold);
		p->untold &= (uint8_t)(p->untold - 1);
		ran += tell_state(p, (enum sluice_peer_state)state);
	}
	return ran;
}

static int tell_candidates(sluice_peer *p) {
	int ran = 0;
	char mid[MID_MAX];
	while (!p->guard.dead && p->candidates) {
		struct untold_candidate *c = p->candidates;
		p->candidates = c->next;
		if (!p->candidates)
			p->candidates_end = &p->candidates;
		if (p->config.on_candidate) {
			p->config.on_candidate(p, c->text, description_mid(p, mid), p->config.user);
			ran++;
		}
		env_free(p->env, c);
	}
	return ran;
}

/* W3C webrtc-pc, 4.4.4: the state becomes complete, and then the null candidate says that there are no more. */
static int tell_gathering(sluice_peer *p, enum sluice_gathering_state state) {
	char mid[MID_MAX];
	int ran = state == SLUICE_GATHERING_COMPLETE ? tell_candidates(p) : 0;
	if (!p->guard.dead && p->config.on_gathering_state)
		p->config.on_gathering_state(p, state, p->config.user), ran++;
	if (!p->guard.dead && state == SLUICE_GATHERING_COMPLETE && p->config.on_candidate)
		p->config.on_candidate(p, NULL, description_mid(p, mid), p->config.user), ran++;
	return ran;
}

static int tell_notice(sluice_peer *p, struct notice n) {
	const sluice_peer_config *c = &p->config;
	switch (n.kind) {
	case NOTICE_SIGNALING:
		if (c->on_signaling_state)
			c->on_signaling_state(p, (enum sluice_signaling_state)n.value, c->user);
		return c->on_signaling_state != NULL;
	case NOTICE_ICE:
		if (c->on_ice_state)
			c->on_ice_state(p, (enum sluice_ice_state)n.value, c->user);
		return c->on_ice_state != NULL;
	case NOTICE_NEGOTIATION:
		/* An offer may have been made in the meantime. */
		if (!p->negotiation.needed || p->negotiation.state != SLUICE_SIGNALING_STABLE || !c->on_negotiation_needed)
			return 0;
		c->on_negotiation_needed(p, c->user);
		return 1;
	default:
		return tell_gathering(p, (enum sluice_gathering_state)n.value);
	}
}

int tell_notices(sluice_peer *p) {
	int ran = 0;
	while (!p->guard.dead && p->notice_count) {
		struct notice n = p->notices[p->notice_first];
		p->notice_first = (p->notice_first + 1) % NOTICES_MAX;
		p->notice_count--;
		ran += tell_notice(p, n);
	}
	return p->guard.dead ? ran : ran + tell_candidates(p);
}

/* Does the way decide what the state is now? */
static bool is_under_way(const sluice_peer *p) {
	return p->state == SLUICE_PEER_CONNECTING || p->state == SLUICE_PEER_CONNECTED;
}

int tell_way(sluice_peer *p) {
	enum sluice_peer_state state = sluice_peer_state(p);
	return p->guard.dead || !is_under_way(p) || state == p->told ? 0 : tell_state(p, state);
}

bool tell_is_due(const sluice_peer *p) {
	return p->untold || p->notice_count || p->candidates || (is_under_way(p) && sluice_peer_state(p) != p->told);
}
