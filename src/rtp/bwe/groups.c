#include "rtp/bwe/groups.h"

#define MS INT64_C(1000000)
#define SPAN (5 * MS)
#define BURST_MOST (100 * MS) /* a burst does not last longer, whatever arrives */
#define JUMP (3000 * MS)      /* the receiver's clock jumped, or nothing was sent for a long time */

/* Times are modulo 2^64: the difference is what has a sign. */
static int64_t since(uint64_t later, uint64_t earlier) {
	return (int64_t)(later - earlier);
}

static bool is_burst(const struct group *g, uint64_t sent, uint64_t arrived) {
	int64_t gap_sent = since(sent, g->last_sent), gap_arrived = since(arrived, g->last_arrival);
	return gap_arrived < gap_sent && gap_arrived <= SPAN && since(arrived, g->first_arrival) < BURST_MOST;
}

static bool belongs(const struct group *g, uint64_t sent, uint64_t arrived) {
	return since(sent, g->first_sent) <= SPAN || is_burst(g, sent, arrived);
}

static struct group group_of(uint64_t sent, uint64_t arrived) {
	return (struct group){sent, sent, arrived, arrived, true};
}

static void join(struct group *g, uint64_t sent, uint64_t arrived) {
	if (since(sent, g->last_sent) > 0)
		g->last_sent = sent;
	if (since(arrived, g->last_arrival) > 0)
		g->last_arrival = arrived;
}

static bool jumped(const struct group_delta *d) {
	int64_t change = since((uint64_t)d->arrived, (uint64_t)d->sent);
	return d->arrived > JUMP || d->arrived < -JUMP || change > JUMP || change < -JUMP;
}

/* False: the difference says nothing about a queue. After a jump everything begins anew. */
static bool usable(struct groups *g, const struct group_delta *d) {
	if (jumped(d))
		*g = (struct groups){.current = {.any = false}};
	return !jumped(d) && d->arrived >= 0;
}

static bool complete(struct groups *g, struct group_delta *out) {
	const struct group *a = &g->previous, *b = &g->current;
	if (!a->any)
		return true;
	*out = (struct group_delta){since(b->last_sent, a->last_sent), since(b->last_arrival, a->last_arrival), b->last_arrival};
	return usable(g, out);
}

bool groups_add(struct groups *g, uint64_t sent, uint64_t arrived, struct group_delta *out) {
	if (!g->current.any) {
		g->current = group_of(sent, arrived);
		return false;
	}
	if (since(sent, g->current.first_sent) < 0)
		return false; /* it belongs to a group that is over */
	if (belongs(&g->current, sent, arrived)) {
		join(&g->current, sent, arrived);
		return false;
	}
	bool had = g->previous.any, good = complete(g, out);
	g->previous = g->current;
	g->current = group_of(sent, arrived);
	return had && good;
}
