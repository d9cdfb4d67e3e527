#include "peer/plan.h"

#include <string.h>

struct plan *plan_new(sluice_env *env, size_t count) {
	struct plan *plan = env_zalloc(env, sizeof *plan + count * sizeof *plan->of);
	if (plan) {
		plan->refs = 1;
		plan->count = count;
	}
	return plan;
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
