/* consent.c: when a valid pair is asked again, and what its answers and silences mean. */
#include "ice/consent.h"

#include "base/arith.h"
#include "ice/events.h"
#include "ice/pair.h"
#include "ice/relayed.h"

#define SUSPECT_AFTER SLUICE_S /* without an answer to repeated requests: another pair may do better */
#define REPEAT_MIN (250 * SLUICE_MS)
#define REPEAT_MAX SLUICE_S
#define REPEAT_MAX_SPARE (3 * SLUICE_S)
#define SPARE_TIMEOUT (10 * SLUICE_S) /* of silence, after which a pair that is not in use fails */
#define SPARES 4                      /* how many valid pairs beside the selected one are kept alive */

static uint64_t clamp(uint64_t low, uint64_t v, uint64_t high) {
	if (v < low)
		v = low;
	return v < high ? v : high;
}

/* When is a check due that comes a period after `since`? RFC 7675, 5.1: each interval is drawn between 0.8 and 1.2 of the period,
 * so that the checks of many sessions do not coincide. But a process that wakes up for each single check of its sessions spends
 * more on waking up than on the checks. So checks are due at full fiftieths of the period, every 100 ms by default. What is drawn
 * is rounded down, and so the draw begins at 0.82. */
static uint64_t due_after(struct ice *ice, uint64_t since, uint64_t period) {
	uint64_t grid = period / 50 + 1;
	uint32_t drawn;
	env_nonce(ice->env, &drawn, sizeof drawn);
	uint64_t at = since + period / 100 * 82 + period / 100 * 38 / 1000 * (drawn % 1001);
	return at - at % grid;
}

bool consent_expired(const struct ice *ice, const struct pair *p, uint64_t now) {
	return p != ice->selected && p->unanswered_since != SLUICE_NEVER && now - p->unanswered_since >= SPARE_TIMEOUT;
}

/* Is the pair among the best SPARES that are not in use? A pair that fell silent does not count among them. */
static bool is_spare(const struct ice *ice, const struct pair *p) {
	unsigned better = 0;
	for (size_t i = 0; i < p->session->pair_count; i++) {
		const struct pair *q = p->session->pairs[i];
		better += q->state == ICE_PAIR_SUCCEEDED && q != ice->selected && q->priority > p->priority &&
		          consent_alive(ice, q, ice->latest);
	}
	return better < SPARES;
}

void consent_schedule(struct ice *ice, struct pair *p, uint64_t now) {
	uint64_t at;
	if (p->tries > 0) { /* a request is out */
		if (p->unanswered_since == SLUICE_NEVER)
			p->unanswered_since = now;
		uint64_t most = p == ice->selected ? REPEAT_MAX : REPEAT_MAX_SPARE;
		at = now + clamp(REPEAT_MIN << (p->tries < 12 ? p->tries / 3 : 4), 2 * p->rtt, most);
	} else if (p == ice->selected || p->nominated) {
		/* A pair that has just been selected was asked less often before, so it may be due at once. */
		at = due_after(ice, p->last_answer, ice->config.consent_interval);
	} else {
		at = is_spare(ice, p) ? due_after(ice, now, ice->config.keepalive) : SLUICE_NEVER;
	}
	heap_set(&p->session->timers, &p->timer, at);
}

bool consent_alive(const struct ice *ice, const struct pair *p, uint64_t now) {
	if (p->local->asleep)
		return false;
	if (ice->config.lite)
		return now - p->last_request < ice->config.failed_after;
	return p->unanswered_since == SLUICE_NEVER || now - p->unanswered_since < SUSPECT_AFTER;
}

/* ---- which pair is used ---- */

static bool better(const struct ice *ice, const struct pair *a, const struct pair *b, uint64_t now) {
	if (!b)
		return true;
	bool x = consent_alive(ice, a, now), y = consent_alive(ice, b, now);
	if (x != y)
		return x;
	if (a->nominated != b->nominated)
		return a->nominated;
	if (ice->config.lite && a->nominated) /* the controlling side nominated this one later */
		return a->nominated_at > b->nominated_at;
	return a->priority > b->priority;
}

/* While the selected pair is silent, an older success of another pair proves nothing: the whole network may be gone. When an
 * interface of ours stopped, the others are still there. */
static bool proven(const struct ice *ice, const struct pair *p, uint64_t now) {
	const struct pair *s = ice->selected;
	if (ice->config.lite || !s || s == p || s->local->asleep || consent_alive(ice, s, now))
		return true;
	return p->last_answer > s->unanswered_since;
}

static uint64_t last_sign(const struct ice *ice, const struct pair *p) {
	return ice->config.lite ? p->last_request : p->last_answer;
}

/* RFC 7675, 5.1: consent expires 30 s after the last valid answer. After that nothing more may be sent there. */
static bool has_consent(const struct ice *ice, const struct pair *p, uint64_t now) {
	return now - last_sign(ice, p) < ice->config.failed_after;
}

/* May the pair be used? When the consent of the pair in use has expired, consent_advance notices it. Whether a pair works that is
 * not asked because there are better ones is unknown, and only another check can show it. */
static bool is_usable(const struct ice *ice, const struct pair *p, uint64_t now) {
	return p->state == ICE_PAIR_SUCCEEDED && (p == ice->selected || has_consent(ice, p, now));
}

struct pair *consent_choose(struct ice *ice, uint64_t now) {
	struct session *s = ice->current;
	struct pair *best = NULL;
	for (size_t i = 0; i < s->pair_count; i++) {
		struct pair *p = s->pairs[i];
		if (is_usable(ice, p, now) && proven(ice, p, now) && better(ice, p, best, now))
			best = p;
	}
	if (best || !ice->before)
		return best;
	/* RFC 8445, 9: "during the restart, data can continue to be sent using existing data sessions". */
	if (ice->selected)
		return ice->selected;
	for (size_t i = 0; i < ice->before->pair_count; i++) {
		struct pair *p = ice->before->pairs[i];
		if (is_usable(ice, p, now) && better(ice, p, best, now))
			best = p;
	}
	return best;
}

/* ---- silence ---- */

/* If nothing comes, when will silence have lasted so long that the app has to know? While no check is overdue there is no
 * silence: several seconds lie between two checks of an idle session. */
static uint64_t silent_at(const struct ice *ice, const struct pair *p) {
	if (ice->config.lite) /* a lite agent asks nothing; a full one asks every few seconds */
		return max64(p->last_request, p->last_data) + 3 * ice->config.disconnected_after;
	if (p->unanswered_since == SLUICE_NEVER)
		return SLUICE_NEVER;
	uint64_t at = max64(p->unanswered_since, p->last_data) + ice->config.disconnected_after;
	return max64(at, p->unanswered_since + SUSPECT_AFTER);
}

bool consent_silent(const struct ice *ice, const struct pair *p, uint64_t now) {
	return now >= silent_at(ice, p);
}

void consent_doubt(struct ice *ice) {
	struct pair *p = ice->selected;
	if (!p || p->session != ice->current || p->tries > 0 || ice->config.lite)
		return;
	uint64_t soon = p->last_answer + REPEAT_MIN;
	if (p->timer.key > soon)
		heap_set(&p->session->timers, &p->timer, soon > ice->latest ? soon : ice->latest);
}

/* The selected pair of a socket that fell asleep is asked, so that its silence counts from now. All pairs of a socket that woke
 * up are asked, so that the connection goes on with the first answer. */
void consent_follow_sleep(struct ice *ice, struct session *s, const struct local *l) {
	for (size_t i = 0; i < s->pair_count; i++) {
		struct pair *p = s->pairs[i];
		if (p->local != l)
			continue;
		if (p->state == ICE_PAIR_SUCCEEDED && (!l->asleep || p == ice->selected) && !ice->config.lite)
			heap_set(&s->timers, &p->timer, ice->latest);
		else if (!l->asleep && p->state == ICE_PAIR_FAILED)
			pair_trigger(ice, p);
	}
}

/* The spares are asked at once when the selected pair becomes suspect. */
static void ask_spares(struct ice *ice, uint64_t now) {
	struct session *s = ice->selected->session;
	if (ice->selected->unanswered_since == SLUICE_NEVER)
		return;
	for (size_t i = 0; i < s->pair_count; i++) {
		struct pair *p = s->pairs[i];
		if (p->state == ICE_PAIR_SUCCEEDED && p != ice->selected && p->unanswered_since == SLUICE_NEVER &&
		    is_spare(ice, p) && p->last_answer <= ice->selected->unanswered_since)
			heap_set(&s->timers, &p->timer, now);
	}
}

void consent_advance(struct ice *ice, uint64_t now) {
	struct pair *p = ice->selected;
	if (!p)
		return;
	if (!has_consent(ice, p, now)) {
		pair_fail(ice, p);
		if (!consent_choose(ice, now))
			events_state(ice, ICE_FAILED);
		return;
	}
	if (!consent_alive(ice, p, now)) {
		relayed_doubt(ice, &p->path);
		if (!ice->config.lite)
			ask_spares(ice, now);
		ice->dirty = true;
	}
	if (consent_silent(ice, p, now) && ice->state != ICE_DISCONNECTED)
		events_state(ice, ICE_DISCONNECTED);
}

uint64_t consent_deadline(const struct ice *ice) {
	const struct pair *p = ice->selected;
	if (!p)
		return SLUICE_NEVER;
	uint64_t at = last_sign(ice, p) + ice->config.failed_after;
	if (ice->state == ICE_DISCONNECTED)
		return at;
	at = min64(at, silent_at(ice, p));
	if (ice->config.lite || p->unanswered_since == SLUICE_NEVER)
		return at;
	uint64_t suspect = p->unanswered_since + SUSPECT_AFTER;
	return suspect > ice->latest ? min64(at, suspect) : at;
}
