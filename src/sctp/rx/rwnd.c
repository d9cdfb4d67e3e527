#include "sctp/rx/rwnd.h"

#include "base/arith.h"

void rwnd_init(struct rwnd *r, sluice_env *env, uint64_t initial, uint64_t max) {
	/* Until something else is known, chunks cost their payload. */
	*r = (struct rwnd){.env = env, .size = initial, .initial = initial, .max = max, .room = UINT64_MAX};
	r->recent_cost = r->recent_payload = initial / 8;
}

void rwnd_reset(struct rwnd *r) {
	r->env->window_lent -= r->size - r->initial;
	uint64_t room = r->room; /* the socket stays */
	rwnd_init(r, r->env, r->initial, r->max);
	r->room = room;
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

#define PATH_SHORT (2 * SLUICE_MS)

static void note_path(struct rwnd *r, uint64_t rtt, uint64_t lasted) {
	uint64_t came = rtt < PATH_SHORT ? 0 : r->straight * (rtt / 1024) / (lasted / 1024 + 1); /* the payload has 33 bits */
	r->path = max64(r->path - r->path / 8, came);
}

/* The round's need of the path: what came in it and was read in it. */
static bool round_over(struct rwnd *r, uint64_t rtt, uint64_t now) {
	uint64_t used = min64(r->taken, r->consumed);
	uint64_t lasted = now - r->round_began;
	/* A round that lasted longer than a round trip (data came again after a silence) says nothing. */
	bool is_round = r->round_began && rtt && lasted < 2 * rtt;
	bool grown = is_round && grow(r, 4 * used);
	note_path(r, rtt, lasted);
	r->round_began = now;
	r->taken = r->consumed = r->straight = 0;
	return grown;
}

bool rwnd_received(struct rwnd *r, uint64_t payload, uint64_t cost, uint64_t consumed, uint64_t rtt, uint64_t now) {
	r->taken += payload;
	if (r->waited <= r->room / 4)
		r->straight += payload;
	r->consumed += consumed;
	r->recent_payload += payload;
	r->recent_cost += cost;
	/* One chunk may take more than a quarter of a small window has; rounded down, its payload would be none, and the promise
	 * too. */
	while (r->recent_cost > max64(r->size, RWND_SMALL) / 4) {
		r->recent_cost /= 2;
		r->recent_payload = (r->recent_payload + 1) / 2;
	}
	return (!r->round_began || now - r->round_began >= rtt) && round_over(r, rtt, now);
}

/* What the app and memory leave. */
static uint64_t window_left(const struct rwnd *r, uint64_t payload, uint64_t held, uint64_t unread) {
	uint64_t left = r->size - min64(payload, r->size),
		 memory = rwnd_memory(r, unread <= r->size / 4 ? RWND_NEW : RWND_PROMISED);
	uint64_t room = memory - min64(held, memory);
	/* Bulk: no division. */
	if (2 * room >= 3 * left && 2 * r->recent_cost <= 3 * r->recent_payload)
		return left;
	if (r->recent_cost > r->recent_payload) /* memory has 33 bits, a quarter of the window 30 */
		room = room * r->recent_payload / r->recent_cost;
	return min64(room, left);
}

uint64_t rwnd_free(const struct rwnd *r, uint64_t payload, uint64_t held, uint64_t unread) {
	uint64_t left = window_left(r, payload, held, unread);
	return left <= r->room ? left : min64(left, r->room + 2 * r->path);
}

void rwnd_walk(struct rwnd *r, struct walk *w) {
	uint64_t size = r->size;
	WALK(w, size);
	WALK(w, r->taken), WALK(w, r->consumed), WALK(w, r->round_began);
	WALK(w, r->recent_cost), WALK(w, r->recent_payload), WALK(w, r->path), WALK(w, r->straight);
	walk_refuse(w, size < r->initial || size > r->max);
	if (!w->reading || w->failed)
		return;
	r->env->window_lent += size - r->size;
	r->size = size;
}
