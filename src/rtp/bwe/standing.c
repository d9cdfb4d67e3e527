#include "rtp/bwe/standing.h"

#include "sluice/env.h"

#define HALF (15 * SLUICE_S)

void standing_begin(struct standing *s, uint64_t now) {
	s->fresh = false;
	if (!s->any || now < s->half_end)
		return;
	s->earlier = s->half;
	s->half = s->now;
	s->half_end = now + HALF;
}

static void first(struct standing *s, int64_t delay, uint64_t sent) {
	s->now = s->half = s->earlier = delay;
	s->half_end = sent + HALF;
	s->any = true;
}

void standing_add(struct standing *s, uint64_t sent, uint64_t arrived) {
	int64_t delay = (int64_t)(arrived - sent);
	if (!s->any)
		first(s, delay, sent);
	if (!s->fresh || delay < s->now)
		s->now = delay;
	s->fresh = true;
	if (delay < s->half)
		s->half = delay;
}

int64_t standing_least(const struct standing *s) {
	return s->half < s->earlier ? s->half : s->earlier;
}

uint64_t standing_queue(const struct standing *s) {
	int64_t base = standing_least(s);
	return s->any && s->now > base ? (uint64_t)s->now - (uint64_t)base : 0;
}
