/* crowd.c: the standing of candidates and pairs, and the comparison. */
#include "ice/crowd.h"

#include "ice/pair.h"

/* How many candidates that a NAT's rebinding left behind are kept: a check from there may still be on its way. Not more, because
 * each of them would be tried again when the path is lost, before everything of lower priority. */
#define REFLEXIVE_KEPT 8

/* The standing of a candidate is that of its best pair. The lowest goes first. */
enum standing { STANDING_NO_PAIR, STANDING_FAILED, STANDING_HOPE, STANDING_ALIVE, STANDING_IN_USE };

static enum standing standing_of(const struct ice *ice, const struct pair *p) {
	if (p == ice->selected)
		return STANDING_IN_USE;
	if (p->triggered || p->state == ICE_PAIR_SUCCEEDED || p->state == ICE_PAIR_IN_PROGRESS)
		return STANDING_ALIVE;
	return p->state == ICE_PAIR_FAILED ? STANDING_FAILED : STANDING_HOPE;
}

/* ---- remote candidates ---- */

static unsigned kind_of(const struct remote *r) {
	return candidate_kind(r->transport, &r->addr);
}

static void note_standings(const struct ice *ice, const struct session *s) {
	for (struct remote *r = s->remotes; r; r = r->next)
		r->standing = STANDING_NO_PAIR;
	for (size_t i = 0; i < s->pair_count; i++) {
		struct remote *r = s->pairs[i]->remote;
		uint8_t standing = standing_of(ice, s->pairs[i]);
		if (standing > r->standing)
			r->standing = standing;
	}
}

/* A peer-reflexive candidate is alive: its check came. */
static struct remote newcomer_of(const struct session *s, const struct candidate *c) {
	struct remote r = {.type = c->type, .transport = c->transport, .priority = c->priority, .addr = c->addr};
	if (c->type == CANDIDATE_PRFLX)
		r.standing = STANDING_ALIVE;
	for (const struct local *l = s->locals; l && r.standing == STANDING_NO_PAIR; l = l->next)
		if (pair_fits(l, &r))
			r.standing = STANDING_HOPE;
	return r;
}

static bool is_worse(const struct remote *a, const struct remote *b, const unsigned *numbers) {
	if (a->standing != b->standing)
		return a->standing < b->standing;
	unsigned x = numbers[kind_of(a)], y = numbers[kind_of(b)];
	if (a->standing == STANDING_NO_PAIR && x != y)
		return x > y;
	return a->priority < b->priority;
}

/* The list is ordered by age, so of equals the oldest goes. */
static struct remote *worst_of(const struct session *s, const unsigned *numbers) {
	struct remote *worst = s->remotes;
	for (struct remote *r = s->remotes; r; r = r->next)
		if (is_worse(r, worst, numbers))
			worst = r;
	return worst;
}

bool crowd_admit_remote(const struct ice *ice, const struct session *s, const struct candidate *c, struct remote **goes) {
	unsigned numbers[CANDIDATE_KINDS] = {0}; /* how many candidates of each kind have no pair */
	*goes = NULL;
	if (s->remote_count < ICE_REMOTE_MAX)
		return true;
	note_standings(ice, s);
	struct remote newcomer = newcomer_of(s, c);
	for (const struct remote *r = s->remotes; r; r = r->next)
		numbers[kind_of(r)] += r->standing == STANDING_NO_PAIR;
	numbers[kind_of(&newcomer)] += newcomer.standing == STANDING_NO_PAIR;
	struct remote *worst = worst_of(s, numbers);
	/* The newest peer-reflexive candidate is where the other side sends from now. */
	bool worse = newcomer.standing == STANDING_ALIVE ? worst->standing <= STANDING_ALIVE
	                                                 : is_worse(worst, &newcomer, numbers);
	if (worse)
		*goes = worst;
	return worse;
}

struct remote *crowd_stale_reflexive(const struct ice *ice, const struct session *s) {
	struct remote *oldest = NULL;
	size_t count = 0;
	note_standings(ice, s);
	for (struct remote *r = s->remotes; r; r = r->next) {
		if (r->type != CANDIDATE_PRFLX || r->standing > STANDING_FAILED)
			continue;
		count++;
		if (!oldest)
			oldest = r;
	}
	return count > REFLEXIVE_KEPT ? oldest : NULL;
}

/* ---- pairs ---- */

static uint64_t last_heard(const struct pair *p) {
	return p->last_answer > p->last_request ? p->last_answer : p->last_request;
}

static bool pair_is_worse(const struct ice *ice, const struct pair *a, const struct pair *b) {
	enum standing x = standing_of(ice, a), y = standing_of(ice, b);
	if (x != y)
		return x < y;
	return x == STANDING_ALIVE ? last_heard(a) < last_heard(b) : a->priority < b->priority;
}

bool crowd_admit_pair(const struct ice *ice, const struct session *s, uint64_t priority, bool heard, struct pair **goes) {
	struct pair *worst = NULL;
	*goes = NULL;
	if (s->pair_count < ice->config.max_pairs)
		return true;
	for (size_t i = 0; i < s->pair_count; i++)
		if (!worst || pair_is_worse(ice, s->pairs[i], worst))
			worst = s->pairs[i];
	enum standing standing = worst ? standing_of(ice, worst) : STANDING_IN_USE;
	bool worse = heard ? standing < STANDING_IN_USE
	                   : standing < STANDING_HOPE || (standing == STANDING_HOPE && worst->priority < priority);
	if (worse)
		*goes = worst;
	return worse;
}

/* ---- local candidates ---- */

static bool is_shown(const struct session *s, const struct local *l) {
	for (size_t i = 0; i < s->pair_count; i++)
		if (s->pairs[i]->shown == l || s->pairs[i]->local == l)
			return true;
	return false;
}

bool crowd_admit_local(const struct session *s, struct local **goes) {
	*goes = NULL;
	if (s->local_count < ICE_LOCAL_MAX)
		return true;
	for (struct local *l = s->locals; l && !*goes; l = l->next)
		if (!l->listed && !l->paired && !is_shown(s, l))
			*goes = l;
	return *goes;
}
