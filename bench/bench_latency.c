/* bench_latency: how long does a message of 1,024 bytes take, alone and under load, in each percentile?
 *
 *   ping               there and back, one due each 200 us
 *   load of 10 %, ...  one way, at that part of the rate which the same two processes reach just before
 *
 * Times count from when a message was due by a schedule that waits for nothing (latency_pair.h), so a moment in which an end
 * stands still makes each message late that was due in it. A test that waits for one message before it sends the next leaves
 * those out. Each figure is the median of the runs; "curve" is the histogram of all runs together. A percentile for which a run
 * has too few messages is left out.
 *
 * On one CPU the sender, which does not sleep, is in the receiver's way: there the figures say little. */
#include <stdio.h>

#include "harness.h"
#include "histogram_json.h"
#include "latency_pair.h"
#include "sim/sorted.h"

#define MESSAGE 1024
#define PINGS_A_SECOND 5000
#define RUNS 5

static const struct percentile {
	const char *name;
	double share;
} percentiles[] = {{"p50", .5}, {"p90", .9}, {"p99", .99}, {"p99.9", .999}, {"p99.99", .9999}, {"max", 1}};

#define PERCENTILES (sizeof percentiles / sizeof *percentiles)

static struct latency_result result;
static struct histogram together;

static size_t runs(void) {
	return bench_is_fast() ? 1 : RUNS;
}

static double seconds(void) {
	return bench_is_fast() ? .1 : 1;
}

/* ---- one case ---------------------------------------------------------------------------------------------------- */

static void report(const char *name, size_t i, const double *values) {
	char whole[64], extra[HISTOGRAM_JSON_MAX + 128], curve[HISTOGRAM_JSON_MAX];
	int n = snprintf(extra, sizeof extra, "\"of\":\"%s\",\"metric\":\"%s\"", name, percentiles[i].name);
	if (i == 0) {
		histogram_json(&together, curve);
		snprintf(extra + n, sizeof extra - (size_t)n, ",\"curve\":%s", curve);
	}
	snprintf(whole, sizeof whole, "%s, %s", name, percentiles[i].name);
	bench_report(&(struct bench_figure){
		.bench = "latency", .name = whole, .unit = "us", .values = values, .count = runs(), .extra = extra});
}

static void measure(const char *name, struct latency_run run) {
	double values[PERCENTILES][RUNS];
	together = (struct histogram){0};
	for (size_t r = 0; r < runs(); r++) {
		latency_pair_run(&run, &result);
		for (size_t i = 0; i < PERCENTILES; i++)
			values[i][r] = histogram_quantile(&result.times, percentiles[i].share) / 1e3;
		histogram_merge(&together, &result.times);
	}
	for (size_t i = 0; i < PERCENTILES; i++)
		if (percentiles[i].share == 1 || (1 - percentiles[i].share) * (double)result.times.count >= 1)
			report(name, i, values[i]);
}

/* ---- the rate to take a part of ---------------------------------------------------------------------------------- */

static double throughput(void) {
	double values[RUNS];
	for (size_t r = 0; r < runs(); r++) {
		latency_pair_run(&(struct latency_run){.size = MESSAGE, .seconds = seconds()}, &result);
		values[r] = (double)(result.times.count - 1) / ((double)(result.last - result.first) / 1e9);
	}
	bench_report(&(struct bench_figure){.bench = "latency",
	                                    .name = "throughput",
	                                    .unit = "messages/s",
	                                    .values = values,
	                                    .count = runs(),
	                                    .more_is_better = true});
	sorted_doubles(values, runs());
	return values[runs() / 2];
}

int main(int argc, char **argv) {
	static const struct {
		const char *name;
		double part;
	} loads[] = {{"load of 10 %", .1}, {"load of 50 %", .5}, {"load of 90 %", .9}};
	double most = 0;
	bench_begin(argc, argv);
	if (bench_wants("latency", "ping"))
		measure("ping",
		        (struct latency_run){.size = MESSAGE, .rate = PINGS_A_SECOND, .seconds = 2.5 * seconds(), .echo = true});
	for (size_t i = 0; i < sizeof loads / sizeof *loads; i++) {
		if (!bench_wants("latency", loads[i].name))
			continue;
		if (most == 0)
			most = throughput();
		measure(loads[i].name, (struct latency_run){.size = MESSAGE, .rate = most * loads[i].part, .seconds = seconds()});
	}
	return bench_end();
}
