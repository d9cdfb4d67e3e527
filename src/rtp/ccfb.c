#include "rtp/ccfb.h"

#include "pool/env.h"
#include "sluice/error.h"

/* The ring begins with numbers that cannot be at their places, so that none is found. */
int ccfb_sent_open(struct ccfb_sent *c, sluice_env *env, size_t capacity) {
	c->entries = env_alloc(env, capacity * sizeof *c->entries);
	if (!c->entries)
		return SLUICE_NO_MEMORY;
	c->capacity = capacity;
	for (size_t i = 0; i < capacity; i++)
		c->entries[i] = (struct ccfb_entry){.number = (uint32_t)i + 1};
	return 0;
}

void ccfb_sent_close(struct ccfb_sent *c, sluice_env *env) {
	env_free(env, c->entries);
	*c = (struct ccfb_sent){0};
}
