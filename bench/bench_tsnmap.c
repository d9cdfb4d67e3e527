/* bench_tsnmap: what does it cost to note a TSN, in order and around holes, and to list the blocks for a SACK? */
#include "harness.h"
#include "sctp/rx/tsnmap.h"

#define WINDOW 1024 /* TSNs of a megabyte window of full packets */

struct map_case {
	struct tsnmap map;
	uint64_t hole; /* every hole-th TSN comes last; 0: none is missing */
};

static void in_order(void *ctx, uint64_t iterations) {
	struct map_case *c = ctx;
	while (iterations-- > 0)
		for (int i = 0; i < WINDOW; i++)
			if (tsnmap_test(&c->map, c->map.cum + 1) == TSNMAP_NEW)
				tsnmap_add(&c->map, c->map.cum + 1);
}

static void fill(struct map_case *c, uint64_t base, bool holes) {
	for (uint64_t i = 1; i <= WINDOW; i++)
		if ((i % c->hole == 1) == holes && tsnmap_test(&c->map, base + i) == TSNMAP_NEW)
			tsnmap_add(&c->map, base + i);
}

static void with_holes(void *ctx, uint64_t iterations) {
	struct map_case *c = ctx;
	while (iterations-- > 0) {
		uint64_t base = c->map.cum;
		fill(c, base, false);
		fill(c, base, true);
	}
}

static void list_blocks(void *ctx, uint64_t iterations) {
	struct map_case *c = ctx;
	while (iterations-- > 0) {
		uint64_t start = 0, end, total = 0;
		for (; tsnmap_block(&c->map, &start, &end); start = end + 1)
			total += end - start + 1;
		BENCH_KEEP(total);
	}
}

int main(int argc, char **argv) {
	bench_begin(argc, argv);
	static struct map_case straight, holes, blocks = {.hole = 64};
	tsnmap_init(&straight.map, bench_env(), UINT64_C(1) << 32);
	tsnmap_init(&holes.map, bench_env(), UINT64_C(1) << 32);
	tsnmap_init(&blocks.map, bench_env(), UINT64_C(1) << 32);
	holes.hole = 16;
	fill(&blocks, UINT64_C(1) << 32, false);
	bench_run(
		&(struct bench_case){.bench = "tsnmap", .name = "in order", .run = in_order, .ctx = &straight, .items = WINDOW});
	bench_run(&(struct bench_case){
		.bench = "tsnmap", .name = "every 16th late", .run = with_holes, .ctx = &holes, .items = WINDOW});
	bench_run(&(struct bench_case){
		.bench = "tsnmap", .name = "16 blocks of 63 listed", .run = list_blocks, .ctx = &blocks, .items = 16});
	tsnmap_free(&straight.map);
	tsnmap_free(&holes.map);
	tsnmap_free(&blocks.map);
	return bench_end();
}
