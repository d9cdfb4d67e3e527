/* bench_pool: is taking memory from the pools cheaper than from the allocator below them, and does it stay off it? */
#include <stdio.h>

#include "harness.h"
#include "pool/env.h"

#define HELD 64 /* as many messages as are in flight on a short path */

struct pool_case {
	sluice_env *env;
	size_t size;
	void *held[HELD];
};

static void run_pool(void *ctx, uint64_t iterations) {
	struct pool_case *c = ctx;
	while (iterations-- > 0) {
		void *p = env_alloc(c->env, c->size);
		BENCH_KEEP(p);
		env_free(c->env, p);
	}
}

static void run_allocator(void *ctx, uint64_t iterations) {
	struct pool_case *c = ctx;
	sluice_allocator *a = &c->env->allocator;
	while (iterations-- > 0) {
		void *p = a->alloc(a->ctx, c->size);
		BENCH_KEEP(p);
		a->free(a->ctx, p);
	}
}

/* A queue: the block that comes back is the one that has been out longest. */
static void run_pool_queue(void *ctx, uint64_t iterations) {
	struct pool_case *c = ctx;
	for (uint64_t i = 0; i < iterations; i++) {
		env_free(c->env, c->held[i % HELD]);
		c->held[i % HELD] = env_alloc(c->env, c->size);
		BENCH_KEEP(c->held[i % HELD]);
	}
}

static void run_allocator_queue(void *ctx, uint64_t iterations) {
	struct pool_case *c = ctx;
	sluice_allocator *a = &c->env->allocator;
	for (uint64_t i = 0; i < iterations; i++) {
		a->free(a->ctx, c->held[i % HELD]);
		c->held[i % HELD] = a->alloc(a->ctx, c->size);
		BENCH_KEEP(c->held[i % HELD]);
	}
}

static void run_slab(void *ctx, uint64_t iterations) {
	struct pool_case *c = ctx;
	while (iterations-- > 0) {
		sluice_slab *s = sluice_slab_get(c->env);
		BENCH_KEEP(s);
		sluice_slab_unref(s);
	}
}

static void bench_one(struct pool_case *c, const char *what, void (*run)(void *, uint64_t)) {
	char name[64];
	snprintf(name, sizeof name, "%zu bytes, %s", c->size, what);
	bench_run(&(struct bench_case){.bench = "pool", .name = name, .run = run, .ctx = c});
}

static void bench_queue(struct pool_case *c) {
	bench_one(c, "pool, 64 held", run_pool_queue);
	for (size_t i = 0; i < HELD; i++) {
		env_free(c->env, c->held[i]);
		c->held[i] = NULL;
	}
	bench_one(c, "allocator, 64 held", run_allocator_queue);
	for (size_t i = 0; i < HELD; i++) {
		c->env->allocator.free(c->env->allocator.ctx, c->held[i]);
		c->held[i] = NULL;
	}
}

int main(int argc, char **argv) {
	static const size_t sizes[] = {64, 1200, 16384};
	bench_begin(argc, argv);
	static struct pool_case c;
	c.env = bench_env();
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		c.size = sizes[i];
		bench_one(&c, "pool", run_pool);
		bench_one(&c, "allocator", run_allocator);
		bench_queue(&c);
	}
	bench_run(&(struct bench_case){.bench = "pool", .name = "a slab", .run = run_slab, .ctx = &c});
	return bench_end();
}
