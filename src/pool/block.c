#include "pool/block.h"

#include "base/wipe.h"

void block_pool_init(struct block_pool *pool, sluice_allocator allocator, size_t limit, size_t slab_size) {
	*pool = (struct block_pool){.allocator = allocator, .limit = limit, .slab_size = slab_size};
}

void block_pool_drain(struct block_pool *pool) {
	for (unsigned i = 0; i < BLOCK_CLASSES; i++) {
		while (pool->idle[i]) {
			struct block *b = pool->idle[i];
			pool->idle[i] = b->next;
			pool->allocator.free(pool->allocator.ctx, b);
		}
		pool->idle_in[i] = 0;
	}
	pool->idle_bytes = 0;
}

#define UNPOOLED UINT32_MAX

static void wipe_secret(struct block *b) {
	if (__builtin_expect(b->secret != 0, 0)) {
		wipe(b + 1, b->cost - sizeof *b);
		b->secret = 0;
	}
}

void block_free_at_once(struct block_pool *pool, void *p) {
	if (!p)
		return;
	struct block *b = (struct block *)p - 1;
	pool->live--;
	wipe_secret(b);
	pool->allocator.free(pool->allocator.ctx, b);
}

static void *fresh(struct block_pool *pool, size_t size, uint32_t class) {
	if (size > SIZE_MAX - sizeof(struct block))
		return NULL;
	struct block *b = pool->allocator.alloc(pool->allocator.ctx, sizeof *b + size);
	if (!b)
		return NULL;
	b->class = class;
	b->secret = 0;
	b->cost = sizeof *b + size;
	pool->live++;
	return b + 1;
}

/* The block size of a class. */
static size_t class_size(const struct block_pool *pool, unsigned class) {
	return class == BLOCK_SLAB ? pool->slab_size : ((size_t)16 << (class / 4)) * (4 + class % 4);
}

bool block_pool_check(const struct block_pool *pool) {
	size_t all = 0;
	for (unsigned i = 0; i < BLOCK_CLASSES; i++) {
		size_t in = 0;
		for (const struct block *b = pool->idle[i]; b; b = b->next, in += class_size(pool, i))
			if (b->class != i)
				return false;
		if (in != pool->idle_in[i])
			return false;
		all += in;
	}
	return all == pool->idle_bytes && (all == 0 || all <= pool->limit);
}

#ifdef SLUICE_NOPOOL

void *block_alloc(struct block_pool *pool, size_t size) {
	return fresh(pool, size, UNPOOLED);
}

void *block_alloc_slab(struct block_pool *pool) {
	return fresh(pool, pool->slab_size, UNPOOLED);
}

void block_free(struct block_pool *pool, void *p) {
	block_free_at_once(pool, p);
}

#else

/* The class for a size, the inverse of class_size: floor(log2) of the size, and the quarter above that. */
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

static struct block *idle_pop(struct block_pool *pool, unsigned class, size_t size) {
	struct block *b = pool->idle[class];
	if (b) {
		pool->idle[class] = b->next;
		pool->idle_in[class] -= size;
		pool->idle_bytes -= size;
	}
	return b;
}

static void idle_push(struct block_pool *pool, struct block *b, size_t size) {
	b->next = pool->idle[b->class];
	pool->idle[b->class] = b;
	pool->idle_in[b->class] += size;
	pool->idle_bytes += size;
}

/* size: that of the class. */
static void *take(struct block_pool *pool, unsigned class, size_t size) {
	struct block *b = idle_pop(pool, class, size);
	if (!b)
		return fresh(pool, size, class);
	b->cost = sizeof *b + size;
	pool->live++;
	return b + 1;
}

void *block_alloc(struct block_pool *pool, size_t size) {
	if (size > BLOCK_POOLED_MAX)
		return fresh(pool, size, UNPOOLED);
	size_t rounded;
	unsigned class = class_of(size, &rounded);
	return take(pool, class, rounded);
}

void *block_alloc_slab(struct block_pool *pool) {
	return take(pool, BLOCK_SLAB, pool->slab_size);
}

/* Gives back blocks of the class with the most idle bytes, until `size` more bytes may lie idle. Returns false when that is the
 * class which wants the room: it has its share. */
static bool make_room(struct block_pool *pool, uint32_t class, size_t size) {
	while (size > pool->limit - pool->idle_bytes) {
		unsigned most = class;
		for (unsigned i = 0; i < BLOCK_CLASSES; i++)
			if (pool->idle_in[i] > pool->idle_in[most])
				most = i;
		if (most == class || size > pool->limit)
			return false;
		pool->allocator.free(pool->allocator.ctx, idle_pop(pool, most, class_size(pool, most)));
	}
	return true;
}

void block_free(struct block_pool *pool, void *p) {
	if (!p)
		return;
	struct block *b = (struct block *)p - 1;
	pool->live--;
	wipe_secret(b);
	size_t size = b->class == UNPOOLED ? 0 : class_size(pool, b->class);
	if (size == 0 || !make_room(pool, b->class, size))
		pool->allocator.free(pool->allocator.ctx, b);
	else
		idle_push(pool, b, size);
}

#endif
