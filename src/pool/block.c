#include "pool/block.h"

void block_pool_init(struct block_pool *pool, sluice_allocator allocator, size_t limit) {
	*pool = (struct block_pool){.allocator = allocator, .limit = limit};
}

void block_pool_drain(struct block_pool *pool) {
	for (unsigned i = 0; i < BLOCK_CLASSES; i++) {
		while (pool->idle[i]) {
			struct block *b = pool->idle[i];
			pool->idle[i] = b->next;
			pool->allocator.free(pool->allocator.ctx, b);
		}
	}
	pool->idle_bytes = 0;
}

#define UNPOOLED UINT32_MAX

static void *fresh(struct block_pool *pool, size_t size, uint32_t class) {
	if (size > SIZE_MAX - sizeof(struct block))
		return NULL;
	struct block *b = pool->allocator.alloc(pool->allocator.ctx, sizeof *b + size);
	if (!b)
		return NULL;
	b->class = class;
	pool->live++;
	return b + 1;
}

#ifdef SLUICE_NOPOOL

void *block_alloc(struct block_pool *pool, size_t size) {
	return fresh(pool, size, UNPOOLED);
}

void block_free(struct block_pool *pool, void *p) {
	if (!p)
		return;
	pool->live--;
	pool->allocator.free(pool->allocator.ctx, (struct block *)p - 1);
}

#else

/* The class of a size: floor(log2) of it and the quarter above, so classes are 2^k * {4,5,6,7} / 4. */
static unsigned class_of(size_t size, size_t *rounded) {
	if (size <= 64) {
		*rounded = 64;
		return 0;
	}
	unsigned log = 63 - (unsigned)__builtin_clzl(size - 1);
	size_t quarter = (size_t)1 << (log - 2);
	size_t steps = (size - 1) / quarter + 1; /* 5..8 */
	*rounded = steps * quarter;
	return (log - 6) * 4 + (unsigned)(steps - 4);
}

/* The inverse of class_of. */
static size_t class_size(unsigned class) {
	return ((size_t)16 << (class / 4)) * (4 + class % 4);
}

void *block_alloc(struct block_pool *pool, size_t size) {
	if (size > BLOCK_POOLED_MAX)
		return fresh(pool, size, UNPOOLED);
	size_t rounded;
	unsigned class = class_of(size, &rounded);
	struct block *b = pool->idle[class];
	if (!b)
		return fresh(pool, rounded, class);
	pool->idle[class] = b->next;
	pool->idle_bytes -= rounded;
	pool->live++;
	return b + 1;
}

void block_free(struct block_pool *pool, void *p) {
	if (!p)
		return;
	struct block *b = (struct block *)p - 1;
	pool->live--;
	if (b->class == UNPOOLED || class_size(b->class) > pool->limit - pool->idle_bytes) {
		pool->allocator.free(pool->allocator.ctx, b);
		return;
	}
	b->next = pool->idle[b->class];
	pool->idle[b->class] = b;
	pool->idle_bytes += class_size(b->class);
}

#endif
