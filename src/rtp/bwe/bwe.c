#include "rtp/bwe/bwe.h"

#include <stddef.h>

#include "base/arith.h"
#include "base/clock.h"
#include "base/prefetch.h"
#include "base/serial.h"
#include "pool/env.h"
#include "rtp/bwe/app_limit.h"
#include "rtp/bwe/delivered.h"
#include "rtp/bwe/probing.h"
#include "sluice/error.h"

#define SILENCE_LEAST (1000 * SLUICE_MS)
#define RTT_UNKNOWN (200 * SLUICE_MS)

/* What each packet that leaves needs stands first. */
struct bwe {
	uint64_t clock;
	uint64_t target;
	uint64_t waiting; /* when the first packet left that no feedback has followed; SLUICE_NEVER: there is none */
	uint64_t rtt;     /* ns; 0: not known */
	bool silent;      /* a silence was noticed and lasts: a probe would have no answer, so none has a time */
	struct app_limit app;
	struct sent sent;
	struct probing probing;
	sluice_env *env;
	const struct controller_ops *control;
	struct controller_view view;
	struct feedback feedback;
	struct delivered delivered;
	struct clusters clusters;
	uint64_t remb; /* bit/s; UINT64_MAX: none came */
	struct bwe_stats stats;
	struct feedback_packet *news; /* of one feedback: sent.capacity entries */
	size_t arrivals;              /* entries of `news` that bwe_arrival() made */
};

/* ---- creation ---- */

static struct bwe_config complete(const struct bwe_config *given) {
	struct bwe_config c = given ? *given : (struct bwe_config){.history = 0};
	c.control = c.control ? c.control : &controller_gcc;
	c.min_rate = c.min_rate ? c.min_rate : 30000;
	c.max_rate = c.max_rate ? c.max_rate : 100000000;
	c.start_rate = c.start_rate ? c.start_rate : max64(c.min_rate, min64(300000, c.max_rate));
	c.history = c.history ? c.history : 4096;
	return c;
}

static bool is_valid(const struct bwe_config *c) {
	return c->min_rate <= c->start_rate && c->start_rate <= c->max_rate && c->max_rate <= BWE_RATE_MOST &&
	       c->history <= 32768 && (c->history & (c->history - 1)) == 0;
}

static int memory(struct bwe *b, sluice_env *env, size_t history) {
	b->env = env;
	b->news = env_alloc(env, history * sizeof *b->news);
	return b->news ? sent_open(&b->sent, env, history) : SLUICE_NO_MEMORY;
}

int bwe_new(sluice_env *env, const struct bwe_config *config, uint64_t now, struct bwe **out) {
	struct bwe_config c = complete(config);
	if (!is_valid(&c))
		return SLUICE_INVALID;
	struct bwe *b = env_zalloc(env, sizeof *b);
	if (!b)
		return SLUICE_NO_MEMORY;
	if (memory(b, env, c.history) < 0) {
		env_free(env, b->news);
		env_free(env, b);
		return SLUICE_NO_MEMORY;
	}
	b->control = c.control;
	b->clock = b->app.stamp = now;
	b->remb = UINT64_MAX;
	b->waiting = SLUICE_NEVER;
	b->target = c.start_rate;
	b->view = (struct controller_view){
		.target = c.start_rate, .min_rate = c.min_rate, .max_rate = c.max_rate, .ceiling = c.start_rate};
	b->control->init(&b->view, c.start_rate, now);
	probing_init(&b->probing, c.start_rate, c.max_rate);
	*out = b;
	return 0;
}

void bwe_free(struct bwe *b) {
	if (!b)
		return;
	sent_close(&b->sent);
	env_free(b->env, b->news);
	env_free(b->env, b);
}

/* ---- the target ---- */

static uint64_t bounded(const struct bwe *b, uint64_t rate) {
	return max64(min64(min64(rate, b->view.max_rate), b->remb), b->view.min_rate);
}

/* The view's target is the control's own; what leaves here is within the bounds. probe: bit/s that one has just shown, or 0. */
static void publish(struct bwe *b, uint64_t probe) {
	b->target = bounded(b, min64(b->view.target, max64(b->view.ceiling, probe)));
	probing_target(&b->probing, b->target, b->clock);
}

static void view_update(struct bwe *b) {
	app_limit_update(&b->app, b->target, b->clock);
	b->view.delivered = delivered_rate(&b->delivered);
	b->view.ceiling = max64(b->target, b->view.delivered + b->view.delivered / 2);
	b->view.rtt = b->rtt ? b->rtt : RTT_UNKNOWN;
	b->view.app_limited = b->app.limited;
}

/* ---- sending ---- */

void bwe_prefetch(const struct bwe *b) {
	prefetch(b, offsetof(struct bwe, env));
}

void bwe_prefetch_packets(const struct bwe *b) {
	sent_prefetch(&b->sent);
}

int bwe_sent(struct bwe *b, uint64_t number, uint32_t size, uint32_t probe, uint64_t now) {
	now = clock_forward(&b->clock, now);
	int error = sent_add(&b->sent, number, size, probe, now);
	if (error)
		return error;
	app_limit_update(&b->app, b->target, now);
	app_limit_sent(&b->app, size);
	probing_start(&b->probing, now);
	if (b->waiting == SLUICE_NEVER)
		b->waiting = now;
	return 0;
}

bool bwe_take_probe(struct bwe *b, struct bwe_probe *out) {
	if (!probing_take(&b->probing, out))
		return false;
	cluster_begin(&b->clusters, out);
	b->stats.probes++;
	return true;
}

/* ---- feedback ---- */

/* Returns the rate of a probe that has a result now and may raise the target; 0: none. */
static uint64_t measure(struct bwe *b, size_t count) {
	struct cluster_result r = {.id = 0}, last = {.id = 0};
	for (size_t i = 0; i < count; i++) {
		const struct feedback_packet *p = &b->news[i];
		b->stats.packets += !p->lost;
		b->stats.lost += p->lost;
		if (p->lost)
			continue;
		delivered_add(&b->delivered, p->arrived, p->size);
		if (p->probe && cluster_add(&b->clusters, p->probe, p->sent, p->arrived, p->size, &r))
			last = r;
	}
	/* Packets of a probe come together, and the last one's result is the best founded. */
	return last.id && probing_result(&b->probing, &last, b->clock) ? last.rate : 0;
}

/* Of the packet sent last: those before it have waited for the feedback. */
static void measure_rtt(struct bwe *b, size_t count) {
	uint64_t latest = 0;
	for (size_t i = 0; i < count; i++)
		if (!b->news[i].lost)
			latest = max64(latest, b->news[i].sent);
	if (latest == 0)
		return;
	uint64_t sample = max64(b->clock - latest, 1);
	b->rtt = b->rtt ? b->rtt - b->rtt / 8 + sample / 8 : sample;
}

static void take_news(struct bwe *b, size_t count, uint64_t now) {
	b->stats.feedbacks++;
	if (count == 0) {
		b->stats.stale++;
		return;
	}
	b->waiting = SLUICE_NEVER;
	b->silent = false;
	if (b->feedback.gap)
		delivered_gap(&b->delivered);
	uint64_t probe = measure(b, count);
	measure_rtt(b, count);
	if (probe) {
		delivered_raise(&b->delivered, probe);
		b->stats.results++;
	}
	view_update(b);
	/* A probe never lowers the target: its packets may have met the bursts of others. */
	probe = probe > b->target ? probe : 0;
	b->control->feedback(&b->view, &(struct controller_news){b->news, count, probe, now});
	publish(b, probe);
}

void bwe_feedback(struct bwe *b, const struct rtcp_twcc *t, uint64_t now) {
	now = clock_forward(&b->clock, now);
	if (!feedback_may_read(&b->feedback, t->count, now)) {
		b->stats.refused++;
		return;
	}
	take_news(b, feedback_read(&b->feedback, &b->sent, t, b->news), now);
}

void bwe_arrival(struct bwe *b, uint64_t number, bool came, uint64_t arrived) {
	if (b->arrivals < b->sent.capacity)
		b->arrivals += feedback_note(&b->sent, number, came, arrived, &b->news[b->arrivals]);
}

void bwe_reported(struct bwe *b, uint64_t now) {
	size_t count = b->arrivals;
	now = clock_forward(&b->clock, now);
	feedback_order(&b->feedback, &b->sent, b->news, count);
	b->arrivals = 0;
	take_news(b, count, now);
}

void bwe_remb(struct bwe *b, uint64_t bitrate, uint64_t now) {
	clock_forward(&b->clock, now);
	b->remb = bitrate;
	probing_bound(&b->probing, bounded(b, UINT64_MAX));
	view_update(b);
	b->target = bounded(b, min64(b->view.target, b->view.ceiling));
}

void bwe_room(struct bwe *b, uint64_t rate, uint64_t now) {
	now = clock_forward(&b->clock, now);
	probing_room(&b->probing, bounded(b, rate), b->target, now);
}

/* ---- timers ---- */

static uint64_t silence_at(const struct bwe *b) {
	return b->waiting == SLUICE_NEVER ? SLUICE_NEVER : b->waiting + max64(SILENCE_LEAST, 3 * b->rtt);
}

void bwe_advance(struct bwe *b, uint64_t now) {
	now = clock_forward(&b->clock, now);
	view_update(b);
	if (now >= silence_at(b)) {
		b->stats.silences++;
		b->silent = true;
		b->waiting = SLUICE_NEVER; /* until the next packet leaves: an app that sends nothing is no outage */
		b->control->silence(&b->view, now);
		publish(b, 0);
	}
	if (!b->silent)
		probing_advance(&b->probing, b->target, b->app.limited, b->view.congested, now);
}

uint64_t bwe_deadline(const struct bwe *b) {
	return b->silent ? silence_at(b) : min64(silence_at(b), probing_deadline(&b->probing, b->app.limited));
}

/* ---- questions ---- */

uint64_t bwe_target(const struct bwe *b) {
	return b->target;
}

uint64_t bwe_most(const struct bwe *b) {
	return bounded(b, UINT64_MAX);
}

bool bwe_is_congested(const struct bwe *b) {
	return b->view.congested;
}

uint64_t bwe_delivered(const struct bwe *b) {
	return delivered_rate(&b->delivered);
}

uint64_t bwe_rtt(const struct bwe *b) {
	return b->rtt;
}

struct bwe_stats bwe_stats(const struct bwe *b) {
	return b->stats;
}

bool bwe_check(const struct bwe *b) {
	return sent_check(&b->sent) && probing_check(&b->probing) && b->target >= b->view.min_rate &&
	       b->target <= b->view.max_rate && b->target <= max64(b->remb, b->view.min_rate) &&
	       (!b->control->check || b->control->check(&b->view));
}
