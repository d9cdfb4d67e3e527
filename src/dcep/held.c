/* held: see held.h. */
#include "dcep/held.h"

#define HELD_FIRST 8

static bool grow(struct held *h, sluice_env *env) {
	size_t capacity = h->capacity ? 2 * h->capacity : HELD_FIRST;
	sluice_message **ring = env_alloc(env, capacity * sizeof(*ring));
	if (!ring)
		return false;
	for (size_t i = 0; i < h->count; i++)
		ring[i] = h->ring[(h->first + i) & (h->capacity - 1)];
	env_free(env, h->ring);
	h->ring = ring;
	h->first = 0;
	h->capacity = capacity;
	return true;
}

bool held_push(struct held *h, sluice_env *env, sluice_message *m) {
	if (h->count == h->capacity && !grow(h, env))
		return false;
	h->ring[(h->first + h->count++) & (h->capacity - 1)] = m;
	return true;
}

sluice_message *held_pop(struct held *h, sluice_env *env) {
	if (h->count == 0)
		return NULL;
	sluice_message *m = h->ring[h->first];
	h->first = (h->first + 1) & (h->capacity - 1);
	if (--h->count == 0) {
		env_free(env, h->ring);
		*h = (struct held){0};
	}
	return m;
}

void held_clear(struct held *h, sluice_env *env) {
	for (sluice_message *m; (m = held_pop(h, env));)
		sluice_message_release(m);
}
