/* bench_fair: how does a congestion control share a line, and what does it keep of a line that loses?
 *
 * 100 Mbit/s in the simulator, so the figures are the same on any machine. Three questions:
 *
 *   N flows     flows of the control that begin at random times within five seconds. Figure: the lowest of Jain's indices over
 *               the seeds.
 *   beside X    one flow of the control and one of X. Figure: what the weaker one had, in percent of its fair share (half of
 *               the payload rate), the lowest over the seeds.
 *   alone       one flow; packets are lost at random. Figure: its payload in Mbit/s.
 *
 * The first two measure seconds 30 to 60. Queues are what packets waited, in round trips of the empty path. One control takes
 * some two minutes: `--filter bbr:` takes that one alone. BENCH_LARGE=1 takes every control, else those that can be the default.
 */
#include <math.h>
#include <stdio.h>

#include "bench/harness.h"
#include "sctp/tx/cc.h"
#include "sim/shares.h"

#define RATE UINT64_C(100000000)
#define SEEDS 3
#define MBIT(bytes_per_s) ((bytes_per_s)*8 / 1e6)
#define COUNT(array) (sizeof(array) / sizeof *(array))

static const unsigned rtts_ms[] = {20, 50};
static const unsigned queues_tenths[] = {5, 10, 40};
static const unsigned flow_counts[] = {2, 4, 8};
static const double losses[] = {0, 0.001, 0.01};
static const enum sluice_cc rivals[] = {SLUICE_CC_RFC9438, SLUICE_CC_NEWRENO};

/* What the runs with all seeds had: means, but the lowest of `jain` and `weakest`. */
static struct shares over_seeds(struct shares_case *c, unsigned seeds) {
	struct shares all = {.jain = 1, .weakest = HUGE_VAL};
	for (c->seed = 0; c->seed < seeds; c->seed++) {
		struct shares s;
		shares_measure(c, &s);
		for (unsigned i = 0; i < c->flows; i++)
			all.goodput[i] += s.goodput[i] / seeds;
		all.jain = s.jain < all.jain ? s.jain : all.jain;
		all.weakest = s.weakest < all.weakest ? s.weakest : all.weakest;
		all.used += s.used / seeds;
		all.mean_wait += s.mean_wait / seeds;
		all.p95_wait += s.p95_wait / seeds;
	}
	return all;
}

static struct shares_case sharing(unsigned rtt_ms, unsigned queue_tenths, unsigned flows, enum sluice_cc control) {
	struct shares_case c = {.rate = RATE,
	                        .rtt = rtt_ms * SLUICE_MS,
	                        .queue_tenths = queue_tenths,
	                        .flows = flows,
	                        .stagger = 5 * SLUICE_S,
	                        .from = (bench_is_fast() ? 6 : 30) * SLUICE_S,
	                        .until = (bench_is_fast() ? 7 : 60) * SLUICE_S};
	for (unsigned i = 0; i < flows; i++)
		c.controls[i] = control;
	return c;
}

static unsigned seeds(void) {
	return bench_is_fast() ? 1 : SEEDS;
}

static void report(const char *name, const char *unit, double value, const struct shares *s, const char *more) {
	char extra[256];
	snprintf(extra, sizeof extra, "\"used\":%.4g,\"queue_mean\":%.3g,\"queue_p95\":%.3g%s", 100 * s->used, s->mean_wait,
	         s->p95_wait, more);
	bench_report(&(struct bench_figure){.bench = "fair",
	                                    .name = name,
	                                    .unit = unit,
	                                    .values = &value,
	                                    .count = 1,
	                                    .more_is_better = true,
	                                    .extra = extra});
}

static void name_network(char *name, size_t size, const struct cc_ops *cc, const char *who, unsigned rtt_ms,
                         unsigned queue_tenths) {
	snprintf(name, size, "%s: %s, %u ms, queue of %.1f BDP", cc->name, who, rtt_ms, queue_tenths / 10.0);
}

static void own_kind(enum sluice_cc control, unsigned rtt_ms, unsigned queue_tenths) {
	for (size_t i = 0; i < COUNT(flow_counts); i++) {
		char who[32], name[128];
		snprintf(who, sizeof who, "%u flows", flow_counts[i]);
		name_network(name, sizeof name, cc_by_number(control), who, rtt_ms, queue_tenths);
		if (!bench_wants("fair", name))
			continue;
		struct shares_case c = sharing(rtt_ms, queue_tenths, flow_counts[i], control);
		struct shares s = over_seeds(&c, seeds());
		report(name, "Jain", s.jain, &s, "");
	}
}

/* The mean of two flows of the same kind. */
static double alike(enum sluice_cc control, unsigned rtt_ms, unsigned queue_tenths, double *queue) {
	struct shares_case c = sharing(rtt_ms, queue_tenths, 2, control);
	struct shares s = over_seeds(&c, 1);
	*queue = s.mean_wait;
	return (s.goodput[0] + s.goodput[1]) / 2;
}

static void beside(enum sluice_cc control, enum sluice_cc rival, unsigned rtt_ms, unsigned queue_tenths) {
	char who[32], name[128], more[160];
	snprintf(who, sizeof who, "beside %s", cc_by_number(rival)->name);
	name_network(name, sizeof name, cc_by_number(control), who, rtt_ms, queue_tenths);
	if (control == rival || !bench_wants("fair", name))
		return;
	struct shares_case c = sharing(rtt_ms, queue_tenths, 2, control);
	c.controls[1] = rival;
	struct shares s = over_seeds(&c, seeds());
	double queue, usual = alike(rival, rtt_ms, queue_tenths, &queue);
	snprintf(more, sizeof more, ",\"own\":%.4g,\"rival\":%.4g,\"rival_alike\":%.4g,\"queue_alike\":%.3g", MBIT(s.goodput[0]),
	         MBIT(s.goodput[1]), MBIT(usual), queue);
	report(name, "%", 100 * s.weakest, &s, more);
}

static void alone(enum sluice_cc control, double loss, unsigned rtt_ms, unsigned queue_tenths) {
	char who[32], name[128];
	snprintf(who, sizeof who, "alone, loss %g %%", 100 * loss);
	name_network(name, sizeof name, cc_by_number(control), who, rtt_ms, queue_tenths);
	if (!bench_wants("fair", name))
		return;
	struct shares_case c = sharing(rtt_ms, queue_tenths, 1, control);
	c.stagger = 0;
	c.loss = loss;
	c.from = (bench_is_fast() ? 1 : 5) * SLUICE_S;
	c.until = (bench_is_fast() ? 2 : 30) * SLUICE_S;
	struct shares s = over_seeds(&c, 1);
	report(name, "Mbit/s", MBIT(s.goodput[0]), &s, "");
}

static void network(enum sluice_cc control, unsigned rtt_ms, unsigned queue_tenths) {
	own_kind(control, rtt_ms, queue_tenths);
	for (size_t i = 0; i < COUNT(rivals); i++)
		beside(control, rivals[i], rtt_ms, queue_tenths);
	for (size_t i = 0; i < COUNT(losses); i++)
		alone(control, losses[i], rtt_ms, queue_tenths);
}

static bool is_taken(enum sluice_cc control) {
	return bench_is_large() || control == SLUICE_CC_CUBIC || control == SLUICE_CC_BBR;
}

int main(int argc, char **argv) {
	bench_begin(argc, argv);
	for (unsigned control = 1; control <= cc_count(); control++)
		for (size_t i = 0; is_taken((enum sluice_cc)control) && i < COUNT(rtts_ms); i++)
			for (size_t j = 0; j < COUNT(queues_tenths); j++)
				network((enum sluice_cc)control, rtts_ms[i], queues_tenths[j]);
	return bench_end();
}
