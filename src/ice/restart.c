/* restart: how does one generation of credentials follow another? RFC 8445, 9.
 *
 * The functions of this file are public: ice_restart(), ice_restart_undo(), ice_set_remote() and ice_remote_is(). */
#include <string.h>

#include "ice/agent.h"
#include "ice/checks.h"
#include "ice/early.h"
#include "ice/events.h"
#include "ice/gather.h"
#include "ice/role.h"
#include "ice/session.h"

/* ---- new credentials of this side ---- */

int ice_restart(struct ice *ice) {
	struct session *fresh = session_new(ice, NULL, NULL);
	if (!fresh)
		return SLUICE_NO_MEMORY;
	/* A second restart in a row: the session in between has not achieved anything. The one that carries data is kept, or at
	 * least one that knows the other side. */
	if (ice->before && (ice->selected ? ice->selected->session == ice->before : !ice->current->remote_pwd)) {
		session_free(ice, ice->current);
	} else {
		session_free(ice, ice->before);
		ice->before = ice->current;
	}
	ice->before->end_at = SLUICE_NEVER;
	ice->current = fresh;
	gather_update(ice);
	return 0;
}

void ice_restart_undo(struct ice *ice) {
	if (!ice->before || ice->current->remote_pwd || ice->before->end_at != SLUICE_NEVER)
		return;
	session_free(ice, ice->current);
	ice->current = ice->before;
	ice->before = NULL;
	ice->dirty = true;
	gather_update(ice);
}

/* ---- the credentials of the other side ---- */

static bool is_credential(const char *text) {
	size_t len = text ? strlen(text) : 0;
	return len > 0 && len < ICE_UFRAG_MAX;
}

/* RFC 8445, 9: new credentials mean that the other side restarts, and then so do we. */
static int restart_with_it(struct ice *ice) {
	bool gathers = ice->current->gathering;
	int rc = ice_restart(ice);
	if (rc == 0 && gathers)
		ice_gather(ice, ice->latest);
	return rc;
}

/* Checks whose sender is known now. After a restart they may have come with our credentials from before; see adopt_late() in
 * checks.c. */
static void replay_early(struct ice *ice, struct session *s, const struct session *from) {
	for (const struct early *e = from ? from->early : NULL; e; e = e->next)
		if (strcmp(e->ufrag, s->remote_ufrag) == 0)
			checks_arrived(ice, s, &e->path, e->priority, e->nominate);
}

static bool is_text(const char *text, const char *s, size_t len) {
	return text && s && strlen(text) == len && memcmp(text, s, len) == 0;
}

bool ice_remote_is(const struct ice *ice, const char *ufrag, size_t ufrag_len, const char *pwd, size_t pwd_len) {
	const struct session *s = ice->current;
	return is_text(s->remote_ufrag, ufrag, ufrag_len) && is_text(s->remote_pwd, pwd, pwd_len);
}

int ice_set_remote(struct ice *ice, const char *ufrag, const char *pwd, bool lite) {
	if (!is_credential(ufrag) || !is_credential(pwd))
		return SLUICE_INVALID;
	struct session *s = ice->current;
	if (s->remote_pwd && strcmp(s->remote_ufrag, ufrag) == 0 && strcmp(s->remote_pwd, pwd) == 0)
		return 0;
	char *p, *u = session_credentials(ice->env, ufrag, pwd, &p);
	if (!u || (s->remote_pwd && restart_with_it(ice) < 0)) {
		env_free(ice->env, u);
		return SLUICE_NO_MEMORY;
	}
	s = ice->current;
	s->remote_ufrag = u;
	s->remote_pwd = p;
	s->remote_lite = lite;
	/* RFC 8445, 6.1.1: when one agent is full and the other lite, the full one takes the controlling role. */
	if (lite && !ice->config.lite)
		ice_role_set(ice, true);
	replay_early(ice, s, s);
	replay_early(ice, s, ice->before);
	early_forget(ice, s);
	if (ice->state == ICE_NEW || ice->state == ICE_FAILED || (ice->state == ICE_DISCONNECTED && !ice->selected))
		events_state(ice, ICE_CHECKING);
	if (!ice->selected)
		ice->lost_since = SLUICE_NEVER;
	ice->dirty = true;
	return 0;
}
