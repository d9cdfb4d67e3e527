#include "sctp/rwnd.h"

void rwnd_init(struct rwnd *r, sluice_env *env, uint64_t initial, uint64_t max) {
	*r = (struct rwnd){.env = env, .size = initial, .initial = initial, .max = max};
}

void rwnd_reset(struct rwnd *r) {
	r->env->window_lent -= r->size - r->initial;
	rwnd_init(r, r->env, r->initial, r->max);
}

static uint64_t budget_left(const struct rwnd *r) {
	return r->env->window_budget > r->env->window_lent ? r->env->window_budget - r->env->window_lent : 0;
}

static bool grow(struct rwnd *r, uint64_t wanted) {
	if (wanted > r->max)
		wanted = r->max;
	if (wanted <= r->size)
		return false;
	uint64_t more = wanted - r->size, left = budget_left(r);
	if (more > left)
		more = left;
	r->size += more;
	r->env->window_lent += more;
	return more > 0;
}

bool rwnd_received(struct rwnd *r, uint64_t bytes, uint64_t held, uint64_t rtt, uint64_t now) {
	r->taken += bytes;
	if (r->round_began && now - r->round_began < rtt)
		return false;
	/* What the app left lying is no need of the path. */
	uint64_t piled = held > r->held_before ? held - r->held_before : 0;
	uint64_t used = r->taken > piled ? r->taken - piled : 0;
	/* A round that lasted longer than a round trip (data came again after a silence) says nothing. */
	bool grown = r->round_began && rtt && now - r->round_began < 2 * rtt && grow(r, 4 * used);
	r->round_began = now;
	r->taken = 0;
	r->held_before = held;
	return grown;
}

bool rwnd_grow(struct rwnd *r) {
	return grow(r, 2 * r->size);
}
