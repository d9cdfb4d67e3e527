/* follow: what do the events of the underlay mean for the peer?
 *
 * A direct peer's underlay has none. The events of ICE say where data goes, which candidates there are, and whether there is a
 * way to the other side. */
#include <string.h>

#include "peer/connection.h"

static enum sluice_peer_state way_of(const sluice_peer *p) {
	switch (underlay_ice_state(&p->below)) {
	case SLUICE_ICE_FAILED: /* a restart that is under way may still find a path */
		return p->negotiation.state == SLUICE_SIGNALING_STABLE || p->way == SLUICE_PEER_FAILED ? SLUICE_PEER_FAILED
		                                                                                       : SLUICE_PEER_DISCONNECTED;
	case SLUICE_ICE_DISCONNECTED:
		return SLUICE_PEER_DISCONNECTED;
	case SLUICE_ICE_CHECKING:
		return SLUICE_PEER_CONNECTING;
	default:
		return SLUICE_PEER_CONNECTED;
	}
}

/* As W3C has it (webrtc-pc, RTCIceTransportState), DTLS, the association and the channels survive that ICE has failed, since a
 * restart may bring the path back. Who waits for no restart closes or frees the peer. */
void follow_judge(sluice_peer *p) {
	const char *text = p->ice_after == SLUICE_NEVER ? "no candidate pair worked"
	                                                : "the path is dead: no answer to consent checks";
	enum sluice_peer_state way = way_of(p);
	if (p->ends_as || way == p->way)
		return;
	if (way == SLUICE_PEER_FAILED && p->state == SLUICE_PEER_CLOSING) {
		peer_end(p, SLUICE_TIMED_OUT, text); /* what was still to be delivered has no way, and none is wanted */
		return;
	}
	p->way = way;
	p->error = way == SLUICE_PEER_FAILED ? SLUICE_TIMED_OUT : 0;
	p->error_text = p->error ? text : "";
	peer_wake(p);
}

/* Notes when a phase ended, the first time. */
static void note_time(const sluice_peer *p, uint64_t *after) {
	if (*after == SLUICE_NEVER)
		*after = p->has_origin ? p->now - p->origin : 0;
}

static void on_state(sluice_peer *p, enum sluice_ice_state state) {
	if (state == SLUICE_ICE_CHECKING)
		note_time(p, &p->checking_after);
	peer_notice(p, NOTICE_ICE, state);
	if (state == SLUICE_ICE_CHECKING && p->state == SLUICE_PEER_NEW)
		peer_enter(p, SLUICE_PEER_CONNECTING);
	follow_judge(p);
}

/* Firefox drops records that come before its own check was answered, others before the pair is nominated. A ClientHello that was
 * too early is worth more now than when its time has come, which is two round trips later at the least. */
static void say_hello_again(sluice_peer *p) {
	if (p->dtls && !p->dtls_up && !underlay_embeds(&p->below))
		dtls_repeat_hello(p->dtls, p->now);
}

static void on_route(sluice_peer *p, const struct underlay_event *e) {
	if (!p->below.routed)
		return;
	if (e->moved || e->largest > p->route_largest) {
		p->route_largest = e->largest;
		peer_search_mtu(p);
	}
	if (e->moved)
		say_hello_again(p);
	note_time(p, &p->ice_after);
	/* Over a path whose round trip is known, a flight is repeated when its answer is late and not before. */
	if (p->dtls && !p->dtls_up)
		dtls_raise_first_timeout(p->dtls, 2 * e->rtt);
	role_try_start(p);
}

void follow_drop_candidates(sluice_peer *p) {
	while (p->candidates) {
		struct untold_candidate *c = p->candidates;
		p->candidates = c->next;
		env_free(p->env, c);
	}
	p->candidates_end = &p->candidates;
}

/* Without memory the app is not notified of this one; the description still names it. */
static void keep_candidate(sluice_peer *p, const struct candidate *candidate) {
	char text[CANDIDATE_TEXT_MAX];
	int len = candidate_format(candidate, text, sizeof text);
	struct untold_candidate *c = len < 0 ? NULL : env_alloc(p->env, sizeof *c + (size_t)len + 1);
	if (!c)
		return;
	c->next = NULL;
	memcpy(c->text, text, (size_t)len + 1);
	*p->candidates_end = c;
	p->candidates_end = &c->next;
	peer_wake(p);
}

/* Not inlined, since there is rarely an event, and each datagram asks. */
__attribute__((noinline)) static void on_event(sluice_peer *p, const struct underlay_event *e) {
	switch (e->kind) {
	case UNDERLAY_CANDIDATE:
		keep_candidate(p, &e->candidate);
		break;
	case UNDERLAY_GATHERED:
		if (p->said_goodbye) /* gathering was given up, with the peer */
			break;
		note_time(p, &p->gathered_after);
		peer_notice(p, NOTICE_GATHERING, SLUICE_GATHERING_COMPLETE);
		break;
	case UNDERLAY_STATE:
		on_state(p, e->state);
		break;
	case UNDERLAY_ROUTE:
		on_route(p, e);
		break;
	case UNDERLAY_OPEN:
		say_hello_again(p);
		break;
	}
}

void follow_underlay(sluice_peer *p) {
	struct underlay_event e;
	while (underlay_poll(&p->below, &e)) {
		peer_stir(p);
		on_event(p, &e);
	}
}
