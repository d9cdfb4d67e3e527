/* restart: how does one generation of credentials follow another? RFC 8445, 9. */
#include <string.h>

#include "base/wipe.h"
#include "ice/agent.h"

/* RFC 8839, 5.4: ufrag at least 4, password at least 22 characters of the 64 ice-chars; 6 bits each. For the ufrag that is too
 * few where thousands of agents share a port and are told apart by it: of 2,000, two are the same with a chance of 11 %. */
#define UFRAG_LEN 8
#define PWD_LEN 24

static void random_text(sluice_env *env, char *text, size_t len) {
	static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	env_entropy(env, text, len);
	for (size_t i = 0; i < len; i++)
		text[i] = chars[(uint8_t)text[i] & 63];
	text[len] = 0;
}

struct session *session_new(struct ice *ice, const char *ufrag, const char *pwd) {
	char random_ufrag[UFRAG_LEN + 1], random_pwd[PWD_LEN + 1];
	struct session *s = env_zalloc(ice->env, sizeof *s);
	if (!s)
		return NULL;
	random_text(ice->env, random_ufrag, UFRAG_LEN);
	random_text(ice->env, random_pwd, PWD_LEN);
	if (!ufrag)
		ufrag = random_ufrag;
	if (!pwd)
		pwd = random_pwd;
	s->ufrag = env_strndup(ice->env, ufrag, strlen(ufrag));
	s->pwd = env_strndup_secret(ice->env, pwd, strlen(pwd));
	wipe(random_pwd, sizeof random_pwd);
	s->triggered_end = &s->triggered;
	s->burst_left = ice->config.burst;
	s->nominate_at = s->end_at = SLUICE_NEVER;
	if (s->ufrag && s->pwd)
		return s;
	session_free(ice, s);
	return NULL;
}

void session_free(struct ice *ice, struct session *s) {
	if (!s)
		return;
	answers_forget(ice, s);
	while (s->pair_count)
		pair_remove(ice, s->pairs[s->pair_count - 1]);
	env_free(ice->env, s->pairs);
	env_free(ice->env, s->waiting.slots);
	env_free(ice->env, s->timers.slots);
	remote_free_all(ice, s);
	while (s->locals) {
		struct local *next = s->locals->next;
		env_free(ice->env, s->locals);
		s->locals = next;
	}
	env_free(ice->env, s->ufrag);
	env_free(ice->env, s->pwd);
	env_free(ice->env, s->remote_ufrag);
	env_free(ice->env, s->remote_pwd);
	env_free(ice->env, s);
}

int ice_restart(struct ice *ice) {
	struct session *fresh = session_new(ice, NULL, NULL);
	if (!fresh)
		return SLUICE_NO_MEMORY;
	/* Of two restarts in a row the first never got anywhere: what carries data is kept, or at least what talked to
	 * somebody. */
	if (ice->before && (ice->selected ? ice->selected->session == ice->before : !ice->current->remote_pwd)) {
		session_free(ice, ice->current);
	} else {
		session_free(ice, ice->before);
		ice->before = ice->current;
	}
	ice->before->end_at = SLUICE_NEVER;
	ice->current = fresh;
	gathering_update(ice);
	return 0;
}

void ice_restart_undo(struct ice *ice) {
	if (!ice->before || ice->current->remote_pwd || ice->before->end_at != SLUICE_NEVER)
		return;
	session_free(ice, ice->current);
	ice->current = ice->before;
	ice->before = NULL;
	ice->dirty = true;
	gathering_update(ice);
}
