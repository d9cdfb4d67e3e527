/* role.c: changing it, and the conflict. */
#include "ice/role.h"

#include "ice/pair.h"

#define ROLE(ice) ((ice)->controlling ? "controlling" : "controlled")

void ice_role_set(struct ice *ice, bool controlling) {
	if (ice->controlling == controlling)
		return;
	ice->controlling = controlling;
	env_log(ice->env, SLUICE_LOG_DEBUG, "ice: now %s", ROLE(ice));
	struct session *sessions[] = {ice->current, ice->before};
	for (size_t i = 0; i < 2; i++) {
		if (!sessions[i])
			continue;
		for (size_t k = 0; k < sessions[i]->pair_count; k++)
			sessions[i]->pairs[k]->nominating = false;
		sessions[i]->nominate_at = SLUICE_NEVER;
		pair_prioritise_all(ice, sessions[i]);
	}
	ice->dirty = true;
}

/* RFC 8445, 7.3.1.1: of two agents in one role the one with the larger tie-breaker becomes, or stays, controlling. */
bool ice_role_conflicts(struct ice *ice, const struct stun_message *m) {
	if (ice->config.lite) /* always controlled */
		return m->is_controlled;
	if (ice->controlling && m->is_controlling) {
		if (ice->tie_breaker >= m->tie_breaker)
			return true;
		ice_role_set(ice, false);
	} else if (!ice->controlling && m->is_controlled) {
		if (ice->tie_breaker < m->tie_breaker)
			return true;
		ice_role_set(ice, true);
	}
	return false;
}

void ice_set_controlling(struct ice *ice, bool controlling) {
	if (!ice->role_fixed && !ice->config.lite)
		ice_role_set(ice, controlling);
}

bool ice_is_controlling(const struct ice *ice) {
	return ice->controlling;
}
