/* events: what has happened that the app has to hear of? ice_poll() takes the events out of here; ice_state() and ice_gathering()
 * answer without events.
 *
 * This file stands below all others of the agent: it calls none of them. */
#ifndef ICE_EVENTS_H
#define ICE_EVENTS_H

#include "ice/agent.h"

/* The agent is in this state from now on. Nothing when it is already, or when it is CLOSED. */
void events_state(struct ice *ice, enum ice_state state);
/* A candidate of ours as others see it. */
void events_candidate(const struct session *s, const struct local *l, struct candidate *out);
/* The pair was nominated, or its first check came; see ICE_EVENT_OPEN. */
void events_open(struct ice *ice, const struct pair *p);

#endif
