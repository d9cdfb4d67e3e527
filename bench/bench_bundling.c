/* bench_bundling: what does a small message cost, and how many of them share a packet?
 *
 * Two associations in memory on one thread, as in bench_association; but the sender queues bursts of a thousand messages,
 * as a game or a log shipper does. One iteration is one message, both sides together; the second figure of each size is the
 * number of messages in a packet that carries data. */
#include <stdio.h>

#include "bench/harness.h"
#include "sim/direct.h"

#define BURST 1000

struct line {
	struct direct d;
	size_t size;
	uint16_t streams;
	uint64_t arrived;
};

static uint8_t payload[1200];

static void on_event(struct direct *d, sluice_sctp *at, const sluice_sctp_event *e) {
	struct line *l = d->user;
	(void)at;
	if (e->type != SLUICE_SCTP_MESSAGE)
		return;
	l->arrived++;
	sluice_message_release(e->message);
}

static void run(void *ctx, uint64_t iterations) {
	struct line *l = ctx;
	uint64_t target = l->arrived + iterations;
	for (uint64_t sent = 0; l->arrived < target;) {
		for (unsigned i = 0; i < BURST && sent < iterations; i++, sent++) {
			sluice_send_info info = {.stream = (uint16_t)(sent % l->streams), .ppid = 53};
			BENCH_MUST(sluice_sctp_send(l->d.a, &info, payload, l->size) == 0);
		}
		l->d.now += 10 * SLUICE_US;
		BENCH_MUST(direct_run(&l->d, SLUICE_S));
	}
}

static void report_sharing(struct line *l, const char *name) {
	if (!bench_wants("bundling", name))
		return;
	sluice_sctp_stats before, after;
	sluice_sctp_stats_get(l->d.a, &before);
	run(l, 10 * BURST);
	sluice_sctp_stats_get(l->d.a, &after);
	double shared = (double)(after.data_chunks_sent - before.data_chunks_sent) /
	                (double)(after.packets_sent - before.packets_sent);
	struct bench_figure f = {.bench = "bundling",
	                         .name = name,
	                         .unit = "messages/packet",
	                         .values = &shared,
	                         .count = 1,
	                         .more_is_better = true};
	bench_report(&f);
}

static void bench_size(size_t size, uint16_t streams, const char *name, const char *sharing) {
	struct line l = {.size = size, .streams = streams};
	BENCH_MUST(direct_open(&l.d, bench_env(), NULL) == 0);
	l.d.on_event = on_event;
	l.d.user = &l;
	struct bench_case c = {.bench = "bundling", .name = name, .run = run, .ctx = &l, .bytes = size, .items = 1};
	bench_run(&c);
	report_sharing(&l, sharing);
	direct_close(&l.d);
}

int main(int argc, char **argv) {
	bench_begin(argc, argv);
	bench_size(8, 1, "8 bytes, one stream", "8 bytes, one stream: sharing");
	bench_size(64, 1, "64 bytes, one stream", "64 bytes, one stream: sharing");
	bench_size(64, 100, "64 bytes, 100 streams", "64 bytes, 100 streams: sharing");
	bench_size(256, 1, "256 bytes, one stream", "256 bytes, one stream: sharing");
	bench_size(700, 1, "700 bytes, one stream", "700 bytes, one stream: sharing");
	return bench_end();
}
