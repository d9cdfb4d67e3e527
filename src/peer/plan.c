#include "peer/plan.h"

#include <string.h>

/* What stands behind the sections has to be aligned too. */
_Static_assert(sizeof(struct plan_section) % _Alignof(struct plan_media) == 0, "media may stand behind sections");

struct plan *plan_new(sluice_env *env, size_t count, bool media) {
	size_t each = sizeof(struct plan_section) + (media ? sizeof(struct plan_media) : 0);
	struct plan *plan = env_zalloc(env, sizeof *plan + count * each);
	if (!plan)
		return NULL;
	plan->refs = 1;
	plan->count = count;
	struct plan_media *of = (struct plan_media *)&plan->of[count];
	for (size_t i = 0; media && i < count; i++)
		plan->of[i].media = &of[i];
	return plan;
}

void plan_clear(struct plan_section *s) {
	*s = (struct plan_section){.media = s->media};
	if (s->media)
		memset(s->media, 0, sizeof *s->media);
}

void plan_unref(sluice_env *env, struct plan *plan) {
	if (plan && --plan->refs == 0)
		env_free(env, plan);
}

const struct plan_section *plan_find(const struct plan *plan, const char *mid) {
	for (size_t i = 0; plan && i < plan->count; i++)
		if (strcmp(plan->of[i].mid, mid) == 0)
			return &plan->of[i];
	return NULL;
}

bool plan_has(const struct plan *plan, enum sdp_kind kind) {
	for (size_t i = 0; plan && i < plan->count; i++)
		if (plan->of[i].kind == kind && !plan->of[i].rejected)
			return true;
	return false;
}

const struct plan_section *plan_main(const struct plan *plan) {
	for (size_t i = 0; plan && i < plan->count; i++)
		if (!plan->of[i].rejected)
			return &plan->of[i];
	return NULL;
}
