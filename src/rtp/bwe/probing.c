#include "rtp/bwe/probing.h"

#include "base/arith.h"
#include "sluice/env.h"

#define PACKETS 5
#define SPAN (15 * SLUICE_MS)
#define ANSWER (1000 * SLUICE_MS) /* a result that is not there by then does not come */
#define REPEATS 8
#define POSTPONED (100 * SLUICE_MS)
#define RETRY_FIRST (2000 * SLUICE_MS)
#define RETRY_MOST (4000 * SLUICE_MS)
#define IDLE (5000 * SLUICE_MS)
/* What the app does not send itself is padding: on a path without a limit, doubling to the largest rate would cost 375 KB of it.
 * Beyond this, the rate rises with what is sent. */
#define PADDED_MOST 5000000

void probing_init(struct probing *p, uint64_t start_rate, uint64_t max_rate) {
	*p = (struct probing){.next_id = 1, .start_rate = start_rate, .max_rate = max_rate, .retry_at = SLUICE_NEVER};
}

void probing_bound(struct probing *p, uint64_t max_rate) {
	p->max_rate = max_rate;
}

/* How fast is a probe at most? After a drop, as fast as the path was. */
static uint64_t most_of(const struct probing *p) {
	uint64_t most = max64(PADDED_MOST, 6 * p->start_rate);
	return min64(p->recovering ? max64(most, p->high) : most, p->max_rate);
}

static void add(struct probing *p, uint64_t rate) {
	if (p->count == PROBING_QUEUE)
		return;
	rate = min64(rate, most_of(p));
	uint64_t bytes = mul_div64(rate, SPAN, 8 * SLUICE_S);
	p->queue[p->count++] = (struct bwe_probe){p->next_id++, PACKETS, (uint32_t)min64(bytes, UINT32_MAX / 8), rate};
	p->next_id += p->next_id == 0; /* 0 says "no probe" */
	p->wanted = rate / 10 * 7;
	p->last_rate = rate;
}

void probing_start(struct probing *p, uint64_t now) {
	if (p->started)
		return;
	p->started = true;
	add(p, 3 * p->start_rate);
	add(p, 6 * p->start_rate);
	p->quiet_until = now + ANSWER;
	p->again = REPEATS;
}

/* ---- after a drop ---- */

static bool is_drop(uint64_t high, uint64_t target) {
	return target < high / 3 * 2;
}
static bool is_back(uint64_t high, uint64_t target) {
	return target >= high / 20 * 17;
}

void probing_target(struct probing *p, uint64_t target, uint64_t now) {
	if (p->retry_at == SLUICE_NEVER && is_drop(p->high, target)) {
		p->wait = RETRY_FIRST;
		p->retry_at = now + p->wait;
	} else if (p->retry_at == SLUICE_NEVER || is_back(p->high, target)) {
		/* A slow fall is no drop: what is remembered follows it. */
		p->high = max64(target, p->high - p->high / 64);
		p->retry_at = SLUICE_NEVER;
	}
}

void probing_room(struct probing *p, uint64_t rate, uint64_t target, uint64_t now) {
	if (is_back(rate, target))
		return;
	p->high = rate;
	p->wait = RETRY_FIRST;
	p->retry_at = now;
}

/* The path carries no more than it does now. The memory of the old rate fades, so that the probes end one day. */
static void recovery_failed(struct probing *p) {
	p->wait = min64(p->wait + p->wait / 2, RETRY_MOST);
	p->high -= p->high / 100;
}

/* ---- results ---- */

bool probing_result(struct probing *p, const struct cluster_result *r, uint64_t now) {
	bool may_raise = !(p->recovering && r->saturated);
	if (r->id + 1 != p->next_id)
		return may_raise; /* another one is under way */
	bool fastest = p->last_rate >= most_of(p);
	p->last_rate = 0;
	if (r->saturated && p->recovering)
		recovery_failed(p);
	bool ends = r->saturated || r->rate < p->wanted || p->wanted == 0 || fastest;
	p->wanted = 0;
	if (ends)
		return may_raise;
	p->recovering = false; /* the path has room, so the next one's limit is the path's */
	if (r->rate >= most_of(p))
		return may_raise;
	p->quiet_until = now + ANSWER;
	p->again = REPEATS;
	add(p, 2 * r->rate);
	return may_raise;
}

/* Its packets were lost; the start would take long without it. */
static bool is_unanswered(const struct probing *p) {
	return p->last_rate && p->again;
}

void probing_advance(struct probing *p, uint64_t target, bool app_limited, bool congested, uint64_t now) {
	bool retry = now >= p->retry_at, repeat = is_unanswered(p);
	if (!p->started || p->count || now < p->quiet_until || !(repeat || retry || (app_limited && now >= p->idle_at)))
		return;
	p->quiet_until = now + (congested ? POSTPONED : ANSWER);
	if (congested)
		return;
	if (repeat) {
		p->again--;
		add(p, p->last_rate);
		return;
	}
	p->recovering = retry;
	if (target < most_of(p))
		add(p, 2 * target);
	p->idle_at = now + IDLE;
	if (retry)
		p->retry_at = now + p->wait;
}

uint64_t probing_deadline(const struct probing *p, bool app_limited) {
	if (!p->started || p->count)
		return SLUICE_NEVER;
	uint64_t at = is_unanswered(p) ? p->quiet_until : min64(p->retry_at, app_limited ? p->idle_at : SLUICE_NEVER);
	return at == SLUICE_NEVER ? at : max64(at, p->quiet_until);
}

bool probing_take(struct probing *p, struct bwe_probe *out) {
	if (p->count == 0)
		return false;
	*out = p->queue[0];
	out->rate = min64(out->rate, p->max_rate);
	p->queue[0] = p->queue[1];
	p->count--;
	return true;
}

bool probing_check(const struct probing *p) {
	return p->count <= PROBING_QUEUE && p->next_id > 0 && (p->count == 0 || p->queue[0].id < p->next_id);
}
