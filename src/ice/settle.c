/* settle.c: what follows from what happened. */
#include "ice/settle.h"

#include "base/arith.h"
#include "ice/consent.h"
#include "ice/events.h"
#include "ice/nominate.h"
#include "ice/pair.h"
#include "ice/relayed.h"

#define LINGER (3 * SLUICE_S) /* how long the session before a restart stays when the new one carries data */
/* Every pair failed and no candidates will come. For this long a check of the other side may still show a way in. */
#define EARLY_FAILURE (5 * SLUICE_S)

void settle_note_figure(uint64_t *figure, const struct ice *ice, uint64_t now) {
	if (*figure == SLUICE_NEVER)
		*figure = now > ice->epoch ? now - ice->epoch : 0;
}

static bool all_checked(const struct session *s) {
	for (size_t i = 0; i < s->pair_count; i++) {
		int state = s->pairs[i]->state;
		if (state != ICE_PAIR_SUCCEEDED && state != ICE_PAIR_FAILED)
			return false;
	}
	return true;
}

static bool completed(const struct ice *ice) {
	const struct session *s = ice->current;
	return ice->selected->session == s && ice->selected->nominated && s->remote_done && s->gathered && all_checked(s);
}

/* No pair is left that works: all are tried again, the failed ones too, and those whose consent expired while better ones were
 * asked in their place. */
static void start_over(struct ice *ice, uint64_t now) {
	struct session *s = ice->current;
	for (size_t i = 0; i < s->pair_count; i++) {
		struct pair *p = s->pairs[i];
		if (p->state == ICE_PAIR_SUCCEEDED)
			pair_fail(ice, p);
		if (p->state == ICE_PAIR_FAILED || p->state == ICE_PAIR_FROZEN)
			pair_state(p, ICE_PAIR_WAITING);
	}
	s->burst_left = ice->config.burst;
	ice->lost_since = now;
}

static void select_pair(struct ice *ice, struct pair *p, uint64_t now) {
	ice->selected = p;
	ice->event_route = true;
	if (!p)
		return;
	ice->stats.selected_changes++;
	ice->lost_since = SLUICE_NEVER;
	settle_note_figure(&ice->stats.connected_after, ice, now);
	ice->last_traffic = now;
	relayed_permit(ice, &p->path, true);
	if (!ice->config.lite && p->tries == 0)
		consent_schedule(ice, p, now);
	if (ice->before && p->session == ice->current && ice->before->end_at == SLUICE_NEVER)
		ice->before->end_at = now + LINGER;
}

static void settle_state(struct ice *ice, uint64_t now) {
	struct pair *p = ice->selected;
	if (!p) {
		bool was = ice->state == ICE_CONNECTED || ice->state == ICE_COMPLETED || ice->state == ICE_DISCONNECTED;
		if (was && ice->lost_since == SLUICE_NEVER) {
			start_over(ice, now);
			events_state(ice, ICE_DISCONNECTED);
		}
		return;
	}
	if (p->nominated)
		settle_note_figure(&ice->stats.nominated_after, ice, now);
	if (consent_silent(ice, p, now))
		return;
	enum ice_state state = completed(ice) ? ICE_COMPLETED : ICE_CONNECTED;
	if (state != ice->state)
		events_state(ice, state);
}

void settle_all(struct ice *ice, uint64_t now) {
	for (int rounds = 0; ice->dirty && rounds < 4; rounds++) {
		ice->dirty = false;
		if (ice->state == ICE_CLOSED || ice->state == ICE_FAILED) {
			/* A time that has passed and is not acted on would keep the driver awake. */
			ice->current->nominate_at = SLUICE_NEVER;
			return;
		}
		struct pair *p = consent_choose(ice, now);
		if (p != ice->selected)
			select_pair(ice, p, now);
		nominate_settle(ice, now);
		settle_state(ice, now);
	}
}

/* ---- giving up ---- */

static bool nothing_left(const struct ice *ice) {
	const struct session *s = ice->current;
	for (size_t i = 0; i < s->pair_count; i++)
		if (s->pairs[i]->state != ICE_PAIR_FAILED)
			return false;
	return s->remote_done && s->gathered;
}

/* When checks that never brought a pair, or brought none back, are given up. */
uint64_t settle_deadline(const struct ice *ice) {
	const struct session *s = ice->current;
	if (ice->selected || !s->has_remote_since || ice->state == ICE_FAILED || ice->state == ICE_CLOSED)
		return SLUICE_NEVER;
	/* Where a way was found before another one may come: an address, a restart. */
	if (ice->lost_since != SLUICE_NEVER)
		return ice->lost_since + ice->config.failed_after;
	return s->remote_since + (nothing_left(ice) && !ice->config.lite ? EARLY_FAILURE : ice->config.check_timeout);
}

void settle_advance(struct ice *ice, uint64_t now) {
	struct session *s = ice->current;
	if (s->remote_pwd && !s->has_remote_since) {
		s->has_remote_since = true;
		s->remote_since = now;
	}
	if (now >= settle_deadline(ice))
		events_state(ice, ICE_FAILED);
}
