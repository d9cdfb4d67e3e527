#include "loop/outlet.h"

#include "pool/grow.h"

#define FIRST_CAPACITY 8

void outlets_init(struct outlets *t) {
	*t = (struct outlets){.first_free = OUTLET_NONE, .last_free = OUTLET_NONE};
}

void outlets_deinit(sluice_env *env, struct outlets *t) {
	env_free(env, t->slots);
	outlets_init(t);
}

static void append_free(struct outlets *t, uint32_t number) {
	t->slots[number] = (struct outlet_slot){.next_free = OUTLET_NONE};
	if (t->first_free == OUTLET_NONE)
		t->first_free = number;
	else
		t->slots[t->last_free].next_free = number;
	t->last_free = number;
}

static bool add_slots(sluice_env *env, struct outlets *t) {
	uint32_t at = t->capacity;
	if (!GROW(env, t->slots, at, t->capacity, FIRST_CAPACITY))
		return false;
	while (at < t->capacity)
		append_free(t, at++);
	return true;
}

bool outlets_add(sluice_env *env, struct outlets *t, struct outlet *o, enum outlet_kind kind) {
	if (t->first_free == OUTLET_NONE && !add_slots(env, t))
		return false;
	uint32_t number = t->first_free;
	t->first_free = t->slots[number].next_free;
	if (t->first_free == OUTLET_NONE)
		t->last_free = OUTLET_NONE;
	*o = (struct outlet){.kind = kind, .number = number};
	t->slots[number].outlet = o;
	t->count++;
	return true;
}

void outlets_remove(struct outlets *t, struct outlet *o) {
	append_free(t, o->number);
	t->count--;
}

bool outlets_check(const struct outlets *t) {
	uint32_t used = 0, free = 0;
	for (uint32_t n = 0; n < t->capacity; n++) {
		if (t->slots[n].outlet && t->slots[n].outlet->number != n)
			return false;
		used += t->slots[n].outlet != NULL;
	}
	for (uint32_t n = t->first_free; n != OUTLET_NONE; n = t->slots[n].next_free) {
		if (t->slots[n].outlet || ++free > t->capacity)
			return false;
	}
	return used == t->count && used + free == t->capacity;
}
