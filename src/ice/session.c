/* session.c: making and freeing a generation. */
#include "ice/session.h"

#include <string.h>

#include "base/wipe.h"
#include "ice/answers.h"
#include "ice/checklist.h"
#include "ice/early.h"
#include "ice/pair.h"
#include "ice/remote.h"

/* RFC 8839, 5.4: at least 4 characters for the ufrag and 22 for the password, of the 64 ice-chars; 6 bits each. A ufrag of 4 is
 * too short where thousands of agents share a port, which only the ufrag distinguishes: among 2,000, two are equal with a chance
 * of 11 %. */
#define UFRAG_LEN 8
#define PWD_LEN 24

static void random_text(sluice_env *env, char *text, size_t len) {
	static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	env_entropy(env, text, len);
	for (size_t i = 0; i < len; i++)
		text[i] = chars[(uint8_t)text[i] & 63];
	text[len] = 0;
}

char *session_credentials(sluice_env *env, const char *ufrag, const char *pwd, char **copied_pwd) {
	size_t first = strlen(ufrag) + 1, second = strlen(pwd) + 1;
	char *copy = env_secret(env_alloc(env, first + second));
	if (!copy)
		return NULL;
	memcpy(copy, ufrag, first);
	*copied_pwd = memcpy(copy + first, pwd, second);
	return copy;
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
	s->ufrag = session_credentials(ice->env, ufrag, pwd, &s->pwd);
	wipe(random_pwd, sizeof random_pwd);
	s->locals_end = &s->locals;
	s->remotes_end = &s->remotes;
	s->triggered_end = &s->triggered;
	s->burst_left = ice->config.burst;
	s->nominate_at = s->end_at = SLUICE_NEVER;
	if (s->ufrag)
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
	early_forget(ice, s);
	while (s->locals) {
		struct local *next = s->locals->next;
		env_free(ice->env, s->locals->c.name);
		env_free(ice->env, s->locals);
		s->locals = next;
	}
	env_free(ice->env, s->ufrag);
	env_free(ice->env, s->remote_ufrag);
	env_free(ice->env, s);
}

bool session_check(const struct ice *ice, const struct session *s) {
	size_t locals = 0, remotes = 0, early = 0;
	for (const struct local *l = s->locals; l; l = l->next)
		locals++;
	for (const struct remote *r = s->remotes; r; r = r->next)
		remotes++;
	for (const struct early *e = s->early; e; e = e->next)
		early++;
	return locals == s->local_count && locals <= ICE_LOCAL_MAX && remotes == s->remote_count && remotes <= ICE_REMOTE_MAX &&
	       early == s->early_count && early <= ICE_EARLY_MAX && checklist_check(ice, s);
}
