/* events.c: the states and events that wait to be polled. */
#include "ice/events.h"

#include <stdio.h>
#include <string.h>

void events_state(struct ice *ice, enum ice_state state) {
	if (ice->state == state || ice->state == ICE_CLOSED)
		return;
	ice->state = state;
	/* When more changes come between two polls than fit, the last ones are kept. */
	if (ice->event_state_count == ICE_STATES_KEPT)
		memmove(ice->event_states, ice->event_states + 1, --ice->event_state_count * sizeof *ice->event_states);
	ice->event_states[ice->event_state_count++] = state;
	ice->dirty = true;
}

void events_open(struct ice *ice, const struct pair *p) {
	ice->event_open |= p == ice->selected;
}

enum ice_state ice_state(const struct ice *ice) {
	return ice->state;
}

enum ice_gathering ice_gathering(const struct ice *ice) {
	const struct session *s = ice->current;
	if (!s->gathering)
		return ICE_GATHERING_NEW;
	return s->gathered ? ICE_GATHERING_COMPLETE : ICE_GATHERING_RUNNING;
}

void events_candidate(const struct session *s, const struct local *l, struct candidate *out) {
	const struct own_candidate *c = &l->c;
	*out = (struct candidate){
		.type = c->type,
		.transport = c->transport,
		.priority = c->priority,
		.component = 1,
		.addr = c->addr,
		.related = c->related,
		.port = c->port,
	};
	memcpy(out->foundation, c->foundation, sizeof out->foundation);
	snprintf(out->name, sizeof out->name, "%s", c->name ? c->name : "");
	snprintf(out->ufrag, sizeof out->ufrag, "%s", s->ufrag);
}

static bool poll_candidate(struct ice *ice, struct ice_event *e) {
	if (!ice->current->unannounced)
		return false;
	for (struct local *l = ice->current->locals; l; l = l->next) {
		if (!l->listed || l->announced)
			continue;
		l->announced = true;
		e->kind = ICE_EVENT_CANDIDATE;
		events_candidate(ice->current, l, &e->candidate);
		return true;
	}
	ice->current->unannounced = false;
	return false;
}

static bool take_flag(bool *flag) {
	bool was = *flag;
	*flag = false;
	return was;
}

bool ice_poll(struct ice *ice, struct ice_event *e) {
	e->state = ice->state;
	e->gathering = ice_gathering(ice);
	if (poll_candidate(ice, e))
		return true;
	if (take_flag(&ice->event_gathering)) {
		ice->gathering_polled = e->gathering;
		e->kind = ICE_EVENT_GATHERING;
	} else if (take_flag(&ice->event_route)) {
		e->kind = ICE_EVENT_ROUTE;
	} else if (take_flag(&ice->event_open)) {
		e->kind = ICE_EVENT_OPEN;
	} else if (ice->event_state_count) {
		e->kind = ICE_EVENT_STATE;
		e->state = ice->event_states[0];
		memmove(ice->event_states, ice->event_states + 1, --ice->event_state_count * sizeof *ice->event_states);
	} else {
		return false;
	}
	return true;
}
