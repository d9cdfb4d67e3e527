/* choice: see its header. */
#include "tools/forward/choice.h"

/* A layer's rate is measured and goes up and down; so much above the budget is no reason to leave it. */
#define SLACK 10
/* A higher layer has to leave a fifth of the budget free. */
#define SPARE 5

void choice_init(struct choice *c) {
	*c = (struct choice){.layer = -1, .fits_since = SLUICE_NEVER, .climbed_at = SLUICE_NEVER, .hold = CHOICE_HOLD};
}

/* The layer with the highest rate up to `bound`, or -1. */
static int highest_within(const struct choice_layers *l, uint64_t bound) {
	int best = -1;
	for (unsigned i = 0; i < l->count; i++)
		if (l->rates[i] && l->rates[i] <= bound && (best < 0 || l->rates[i] > l->rates[best]))
			best = (int)i;
	return best;
}

static int lowest(const struct choice_layers *l) {
	int best = -1;
	for (unsigned i = 0; i < l->count; i++)
		if (l->rates[i] && (best < 0 || l->rates[i] < l->rates[best]))
			best = (int)i;
	return best;
}

static int take(struct choice *c, int layer) {
	c->layer = layer;
	c->fits_since = SLUICE_NEVER;
	return layer;
}

static int best_for(const struct choice_layers *l, uint64_t budget) {
	int best = highest_within(l, budget);
	return best < 0 ? lowest(l) : best;
}

/* May it go up? */
static int climb(struct choice *c, const struct choice_layers *l, uint64_t budget, uint64_t now) {
	int higher = highest_within(l, budget - budget / SPARE);
	if (higher < 0 || l->rates[higher] <= l->rates[c->layer]) {
		c->fits_since = SLUICE_NEVER;
		return c->layer;
	}
	if (c->fits_since == SLUICE_NEVER)
		c->fits_since = now;
	if (now - c->fits_since < c->hold)
		return c->layer;
	c->climbed_at = now;
	return take(c, higher);
}

/* Did the last climb hold? */
static void judge(struct choice *c, bool falls, uint64_t now) {
	if (c->climbed_at == SLUICE_NEVER)
		return;
	bool held = now - c->climbed_at >= CHOICE_SUCCESS;
	if (held)
		c->hold = CHOICE_HOLD;
	else if (falls && c->hold < CHOICE_HOLD_MAX)
		c->hold *= 2;
	if (held || falls)
		c->climbed_at = SLUICE_NEVER;
}

int choice_make(struct choice *c, const struct choice_layers *l, uint64_t budget, uint64_t now) {
	if (l->count <= 1 || lowest(l) < 0)
		return c->layer < 0 ? take(c, 0) : c->layer;
	bool falls = c->layer >= 0 && l->rates[c->layer] > budget + budget / SLACK;
	judge(c, falls, now);
	if (c->layer < 0 || !l->rates[c->layer] || falls)
		return take(c, best_for(l, budget));
	return climb(c, l, budget, now);
}
