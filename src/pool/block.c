#include "pool/block.h"

#include "base/wipe.h"

#include <stdbool.h>

/* What a block of the class has room for. */
static size_t class_size(unsigned class, size_t slab_size) {
	return class == BLOCK_UNPOOLED ? SIZE_MAX
	       : class == BLOCK_SLAB   ? slab_size
	                               : ((size_t)16 << (class / 4)) * (4 + class % 4) - sizeof(struct block);
}

void block_pool_init(struct block_pool *pool, sluice_allocator allocator, size_t limit, size_t slab_size) {
	/* Less than the size of BLOCK_UNPOOLED, for which there is never room. */
	*pool = (struct block_pool){.allocator = allocator, .limit = limit < SIZE_MAX / 2 ? limit : SIZE_MAX / 2};
	for (unsigned i = 0; i <= BLOCK_UNPOOLED; i++)
		pool->classes[i].size = class_size(i, slab_size);
}

void block_pool_drain(struct block_pool *pool) {
	for (unsigned i = 0; i < BLOCK_CLASSES; i++) {
		struct block_class *c = &pool->classes[i];
		while (c->idle) {
			struct block *b = c->idle;
			c->idle = b->next;
			pool->allocator.free(pool->allocator.ctx, b);
		}
		c->bytes = 0;
	}
	pool->idle_bytes = 0;
}

static void wipe_secret(struct block *b) {
	if (!b->secret)
		return;
	wipe(b + 1, b->cost - sizeof *b);
	b->secret = 0;
}

void block_free_at_once(struct block_pool *pool, void *p) {
	if (!p)
		return;
	struct block *b = (struct block *)p - 1;
	pool->live--;
	wipe_secret(b);
	pool->allocator.free(pool->allocator.ctx, b);
}

/* Out of line, as all that is rare: so the common way through the functions below saves no registers. */
__attribute__((noinline)) static void *fresh(struct block_pool *pool, size_t size, uint32_t class) {
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

bool block_pool_check(const struct block_pool *pool) {
	size_t all = 0;
	for (unsigned i = 0; i < BLOCK_CLASSES; i++) {
		size_t in = 0;
		for (const struct block *b = pool->classes[i].idle; b; b = b->next, in += pool->classes[i].size)
			if (b->class != i)
				return false;
		if (in != pool->classes[i].bytes)
			return false;
		all += in;
	}
	return all == pool->idle_bytes && (all == 0 || all <= pool->limit);
}

#ifdef SLUICE_NOPOOL

void *block_alloc(struct block_pool *pool, size_t size) {
	return fresh(pool, size, BLOCK_UNPOOLED);
}

void *block_alloc_slab(struct block_pool *pool) {
	return fresh(pool, pool->classes[BLOCK_SLAB].size, BLOCK_UNPOOLED);
}

void block_free(struct block_pool *pool, void *p) {
	block_free_at_once(pool, p);
}

#else

/* The class for a size, the inverse of class_size: floor(log2) of the size with its header, and the quarter above that. */
static inline unsigned class_of(size_t size) {
	size_t last = size + sizeof(struct block) - 1;
	if (last < 64)
		return 0;
	unsigned log = 63 ^ (unsigned)__builtin_clzl(last);
	return 4 * log - 27 + (unsigned)(last >> (log - 2)); /* the last term: 4..7 */
}

static inline void *take(struct block_pool *pool, unsigned class) {
	struct block_class *c = &pool->classes[class];
	struct block *b = c->idle;
	if (__builtin_expect(!b, 0))
		return fresh(pool, c->size, class);
	c->idle = b->next;
	__builtin_prefetch(c->idle, 1); /* the next one of its size is often taken soon */
	c->bytes -= c->size;
	pool->idle_bytes -= c->size;
	pool->live++;
	b->cost = sizeof *b + c->size;
	return b + 1;
}

void *block_alloc(struct block_pool *pool, size_t size) {
	if (__builtin_expect(size > BLOCK_POOLED_MAX, 0))
		return fresh(pool, size, BLOCK_UNPOOLED);
	return take(pool, class_of(size));
}

void *block_alloc_slab(struct block_pool *pool) {
	return take(pool, BLOCK_SLAB);
}

static void give_back(struct block_pool *pool, struct block_class *c) {
	struct block *b = c->idle;
	c->idle = b->next;
	c->bytes -= c->size;
	pool->idle_bytes -= c->size;
	pool->allocator.free(pool->allocator.ctx, b);
}

/* Gives back blocks of the class with the most idle bytes, until one more of `class` may lie idle. Returns false when that is the
 * class which wants the room: it has its share. */
static bool make_room(struct block_pool *pool, const struct block_class *class) {
	while (class->size > pool->limit - pool->idle_bytes) {
		struct block_class *most = NULL;
		size_t bytes = class->bytes;
		for (unsigned i = 0; i < BLOCK_CLASSES; i++)
			if (pool->classes[i].bytes > bytes) {
				most = &pool->classes[i];
				bytes = most->bytes;
			}
		if (!most || class->size > pool->limit)
			return false;
		give_back(pool, most);
	}
	return true;
}

static inline void keep(struct block_pool *pool, struct block_class *c, struct block *b) {
	b->next = c->idle;
	c->idle = b;
	c->bytes += c->size;
	pool->idle_bytes += c->size;
}

__attribute__((noinline)) static void free_rarely(struct block_pool *pool, struct block_class *c, struct block *b) {
	wipe_secret(b);
	if (make_room(pool, c))
		keep(pool, c, b);
	else
		pool->allocator.free(pool->allocator.ctx, b);
}

void block_free(struct block_pool *pool, void *p) {
	if (!p)
		return;
	struct block *b = (struct block *)p - 1;
	struct block_class *c = &pool->classes[b->class];
	pool->live--;
	if (__builtin_expect(b->secret || c->size > pool->limit - pool->idle_bytes, 0))
		free_rarely(pool, c, b);
	else
		keep(pool, c, b);
}

#endif
