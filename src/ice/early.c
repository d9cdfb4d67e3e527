/* early.c: the list of early checks. */
#include "ice/early.h"

#include <string.h>

#include "ice/pair.h"

/* The one that came first goes: its sender repeats the check if it still wants to be heard. */
static void early_forget_oldest(struct ice *ice, struct session *s) {
	struct early **at = &s->early;
	while ((*at)->next)
		at = &(*at)->next;
	env_free(ice->env, *at);
	*at = NULL;
	s->early_count--;
}

bool early_remember(struct ice *ice, struct session *s, const sluice_path *path, const struct stun_message *m, const char *ufrag,
                    size_t ufrag_len) {
	struct early *e;
	for (e = s->early; e; e = e->next)
		if (pair_same_path(&e->path, path) && strlen(e->ufrag) == ufrag_len && memcmp(e->ufrag, ufrag, ufrag_len) == 0)
			break;
	if (!e) {
		e = env_zalloc(ice->env, sizeof *e + ufrag_len + 1);
		if (!e)
			return false;
		if (s->early_count == ICE_EARLY_MAX)
			early_forget_oldest(ice, s);
		memcpy(e->ufrag, ufrag, ufrag_len);
		e->path = *path;
		e->next = s->early;
		s->early = e;
		s->early_count++;
	}
	e->priority = m->priority;
	e->nominate |= m->use_candidate;
	return true;
}

void early_forget(struct ice *ice, struct session *s) {
	while (s->early) {
		struct early *next = s->early->next;
		env_free(ice->env, s->early);
		s->early = next;
	}
	s->early_count = 0;
}

bool early_knows(const struct session *s, const sluice_path *path) {
	for (const struct early *e = s->early; e; e = e->next)
		if (pair_same_path(&e->path, path))
			return true;
	return false;
}
