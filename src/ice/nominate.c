/* nominate.c: what a better pair could win, and how long it is waited for. */
#include "ice/nominate.h"

#include "base/arith.h"
#include "ice/consent.h"
#include "ice/events.h"
#include "ice/pair.h"

#define WAIT_MIN (20 * SLUICE_MS)
#define WAIT_MAX (200 * SLUICE_MS)

/* A shorter way is worth waiting and switching for, a higher local preference is not. */
enum worth { WORTH_RELAY, WORTH_TCP, WORTH_REFLEXIVE, WORTH_HOST };

static enum worth worth(const struct pair *p) {
	if (p->local->c.type == CANDIDATE_RELAY || p->remote->type == CANDIDATE_RELAY)
		return WORTH_RELAY;
	if (p->local->c.transport != CANDIDATE_UDP)
		return WORTH_TCP;
	return p->local->c.type == CANDIDATE_HOST && p->remote->type == CANDIDATE_HOST ? WORTH_HOST : WORTH_REFLEXIVE;
}

static bool may_succeed(const struct pair *p) {
	return p->state == ICE_PAIR_WAITING || p->state == ICE_PAIR_IN_PROGRESS || p->state == ICE_PAIR_FROZEN;
}

static bool may_be_bettered(const struct ice *ice, const struct pair *best) {
	const struct session *s = best->session;
	if (worth(best) == WORTH_HOST)
		return false;
	for (size_t i = 0; i < s->pair_count; i++)
		if (may_succeed(s->pairs[i]) && worth(s->pairs[i]) > worth(best))
			return true;
	return !s->remote_done || !ice->current->gathered;
}

static struct pair *best_valid(const struct ice *ice, uint64_t now) {
	const struct session *s = ice->current;
	struct pair *best = NULL;
	for (size_t i = 0; i < s->pair_count; i++) {
		struct pair *p = s->pairs[i];
		if (p->state == ICE_PAIR_SUCCEEDED && consent_alive(ice, p, now) && (!best || p->priority > best->priority))
			best = p;
	}
	return best;
}

static struct pair *decided(const struct ice *ice, uint64_t now) {
	const struct session *s = ice->current;
	struct pair *best = NULL;
	for (size_t i = 0; i < s->pair_count; i++) {
		struct pair *p = s->pairs[i];
		if ((p->nominated || p->nominating) && consent_alive(ice, p, now) && (!best || p->priority > best->priority))
			best = p;
	}
	return best;
}

static void nominate(struct ice *ice, struct pair *p) {
	p->nominating = true;
	p->session->nominate_at = SLUICE_NEVER;
	pair_trigger(ice, p);
}

/* RFC 8445, 8.1.1 lets the controlling agent nominate once in a session. We nominate a second time only where staying would be
 * worse: the nominated pair fell silent, or it was a relay and a direct way has opened since. */
void nominate_settle(struct ice *ice, uint64_t now) {
	struct session *s = ice->current;
	if (!ice->controlling || ice->config.lite || !s->remote_pwd)
		return;
	struct pair *best = best_valid(ice, now), *taken = decided(ice, now);
	if (!best || best == taken || (taken && worth(best) <= worth(taken))) {
		/* Nothing is left to decide. A time that has passed would keep the driver awake. */
		s->nominate_at = SLUICE_NEVER;
		return;
	}
	if (taken || !may_be_bettered(ice, best)) {
		nominate(ice, best);
		return;
	}
	if (s->nominate_at == SLUICE_NEVER) {
		uint64_t wait = best->rtt > WAIT_MIN ? best->rtt : WAIT_MIN;
		s->nominate_at = now + min64(wait, WAIT_MAX);
	} else if (s->nominate_at <= now) {
		nominate(ice, best);
	}
}

/* RFC 8445, 7.3.1.5: on a valid pair the flag is set at once, on another one when its check succeeds. */
void nominate_received(struct ice *ice, struct pair *p) {
	if (p->state == ICE_PAIR_SUCCEEDED)
		nominate_done(ice, p);
	else
		p->nominating = true;
}

void nominate_done(struct ice *ice, struct pair *p) {
	if (!p->nominated)
		events_open(ice, p);
	p->nominated = true;
}
