/* bench_sched: what does it cost to choose the next stream and to charge it for a chunk? One iteration is one choice. */
#include <stdio.h>
#include <stdlib.h>

#include "harness.h"
#include "sctp/tx/sched.h"
#include "sluice/sctp.h"

struct streams {
	struct sched sched;
	struct sched_entry *entries;
};

static void choose(void *ctx, uint64_t iterations) {
	struct streams *s = ctx;
	while (iterations-- > 0)
		sched_charge(&s->sched, sched_first(&s->sched), 1156, 0);
	BENCH_KEEP(s->sched.turn);
}

static void bench(enum sluice_scheduler number, unsigned count) {
	struct streams s = {.sched.ops = sched_by_number(number), .entries = calloc(count, sizeof *s.entries)};
	char name[64];
	BENCH_MUST(s.entries != NULL);
	for (unsigned i = 0; i < count; i++) {
		s.entries[i].weight = s.entries[i].priority = (uint16_t)(128u << i % 4);
		sched_enter(&s.sched, &s.entries[i], i);
	}
	snprintf(name, sizeof name, "%s, %u stream%s", s.sched.ops->name, count, count == 1 ? "" : "s");
	bench_run(&(struct bench_case){.bench = "sched", .name = name, .run = choose, .ctx = &s});
	free(s.entries);
}

int main(int argc, char **argv) {
	static const unsigned counts[] = {1, 100, 10000};
	bench_begin(argc, argv);
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		bench(SLUICE_SCHEDULER_WEIGHTED_FAIR, counts[i]);
		bench(SLUICE_SCHEDULER_ROUND_ROBIN, counts[i]);
	}
	return bench_end();
}
