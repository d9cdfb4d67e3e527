/* Google congestion control, draft-ietf-rmcat-gcc-02, as libwebrtc has developed it further. */
#include "base/arith.h"
#include "rtp/bwe/aimd.h"
#include "rtp/bwe/busy.h"
#include "rtp/bwe/controller.h"
#include "rtp/bwe/groups.h"
#include "rtp/bwe/loss.h"
#include "rtp/bwe/standing.h"
#include "rtp/bwe/trendline.h"

#define LONG_QUEUE (60 * SLUICE_MS)

struct gcc {
	struct groups groups;
	struct trendline trendline;
	struct aimd aimd;
	struct loss loss;
	struct standing standing;
	struct busy busy;
};

_Static_assert(sizeof(struct gcc) <= CONTROLLER_STATE, "the view has too little room for it");

static struct gcc *own(struct controller_view *v) {
	return (struct gcc *)v->state;
}

static void gcc_init(struct controller_view *v, uint64_t start_rate, uint64_t now) {
	struct gcc *g = own(v);
	*g = (struct gcc){.groups = {.current = {.any = false}}};
	trendline_init(&g->trendline);
	aimd_init(&g->aimd, start_rate, v->min_rate, now);
	loss_init(&g->loss, now);
	v->target = start_rate;
}

static void take_packets(struct gcc *g, const struct controller_news *news) {
	struct group_delta d;
	standing_begin(&g->standing, news->now);
	for (size_t i = 0; i < news->count; i++) {
		const struct feedback_packet *p = &news->packets[i];
		loss_add(&g->loss, p->sent, p->lost, p->late);
		if (p->lost)
			continue;
		standing_add(&g->standing, p->sent, p->arrived);
		busy_add(&g->busy, p->sent, p->arrived, p->size, standing_least(&g->standing));
		if (groups_add(&g->groups, p->sent, p->arrived, &d))
			trendline_add(&g->trendline, &d);
	}
}

static void decide(struct controller_view *v) {
	struct gcc *g = own(v);
	v->target = min64((uint64_t)g->aimd.estimate, loss_limit(&g->loss));
	v->congested = g->trendline.usage == USAGE_OVER || g->loss.testing;
}

/* A full queue cannot grow, but it loses packets. */
static enum usage usage_of(const struct gcc *g, bool long_queue) {
	return long_queue && loss_is_high(&g->loss) ? USAGE_OVER : g->trendline.usage;
}

/* What the path carried, the packets included that it loses at any rate: sending so much would deliver what is delivered. */
static uint64_t carried(const struct controller_view *v, const struct gcc *g) {
	return max64((uint64_t)((double)v->delivered / (1 - g->loss.own)), g->loss.carried);
}

/* When the queue grows: an app that sends little now and then a large frame has delivered less than the path can carry. */
static uint64_t carried_when_busy(const struct controller_view *v, const struct gcc *g) {
	return max64(carried(v, g), (uint64_t)((double)busy_rate(&g->busy) / (1 - g->loss.own)));
}

static void gcc_feedback(struct controller_view *v, const struct controller_news *news) {
	struct gcc *g = own(v);
	take_packets(g, news);
	bool long_queue = standing_queue(&g->standing) > LONG_QUEUE;
	enum usage usage = usage_of(g, long_queue);
	if (news->probe && usage != USAGE_OVER)
		aimd_set(&g->aimd, news->probe, news->now);
	else
		aimd_update(&g->aimd, &(struct aimd_input){
					      .usage = usage,
					      .carried = carried_when_busy(v, g),
					      .ceiling = v->ceiling,
					      .rtt = v->rtt,
					      .may_rise = !v->app_limited && g->aimd.estimate <= (double)g->loss.cap,
					      .now = news->now,
				      });
	loss_update(&g->loss, &(struct loss_input){v->target, carried(v, g), v->rtt, long_queue, news->now});
	decide(v);
}

static void gcc_silence(struct controller_view *v, uint64_t now) {
	struct gcc *g = own(v);
	aimd_set(&g->aimd, (uint64_t)g->aimd.estimate / 2, now);
	decide(v);
}

static bool gcc_check(const struct controller_view *v) {
	const struct gcc *g = (const struct gcc *)v->state;
	return trendline_check(&g->trendline) && aimd_check(&g->aimd) && loss_check(&g->loss);
}

const struct controller_ops controller_gcc = {
	.name = "gcc",
	.init = gcc_init,
	.feedback = gcc_feedback,
	.silence = gcc_silence,
	.check = gcc_check,
};
