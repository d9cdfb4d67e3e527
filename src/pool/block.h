/* block: memory blocks of any size, recycled by size class, so that the established path never calls the allocator.
 *
 * Four classes to each doubling (64, 80, 96, 112, 128, 160, ...), so at most a quarter of a block is wasted. A freed block
 * goes to the list of its class and is handed out again last in, first out, while it is still warm in the cache. The
 * blocks that lie idle are bounded; beyond the bound the class that has the most gives way, so that a class that was busy
 * earlier does not keep one that is busy now from the pool. Above BLOCK_POOLED_MAX they go back to the allocator.
 *
 *   idle_bytes == sum over free blocks of their class's size, and idle_bytes <= limit
 *   idle_in[c] == the same sum over class c alone
 *
 * A block that was marked as secret is wiped when it is freed, before it lies idle or goes back to the allocator.
 *
 * With -DSLUICE_NOPOOL every call goes straight to the allocator, so that ASan sees each object. */
#ifndef POOL_BLOCK_H
#define POOL_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "sluice/env.h"

#define BLOCK_POOLED_MAX ((size_t)1 << 19)
#define BLOCK_CLASSES 53 /* 64 bytes .. 512 KiB in quarter steps */

struct block {
	union {
		struct block *next; /* while free */
		size_t cost;        /* while handed out: bytes that the allocator gave for it, this header among them */
	};
	uint32_t class;
	uint32_t secret; /* 1: wiped when it is freed; 0 in every idle block */
};

struct block_pool {
	sluice_allocator allocator;
	struct block *idle[BLOCK_CLASSES];
	size_t idle_in[BLOCK_CLASSES];
	size_t idle_bytes, limit;
	size_t live; /* blocks handed out: 0 when everything was given back */
};

void block_pool_init(struct block_pool *pool, sluice_allocator allocator, size_t limit);
/* Gives the idle blocks back. */
void block_pool_drain(struct block_pool *pool);

void *block_alloc(struct block_pool *pool, size_t size);
void block_free(struct block_pool *pool, void *p);
/* To the allocator, whatever may lie idle. */
void block_free_at_once(struct block_pool *pool, void *p);
/* All of the block at p, not NULL, is wiped when it is freed. */
static inline void block_mark_secret(void *p) {
	((struct block *)p - 1)->secret = 1;
}
/* What the block at p, not NULL, takes from the allocator. */
static inline size_t block_cost(const void *p) {
	return ((const struct block *)p - 1)->cost;
}

/* Recounts the equations above; it walks every idle block. */
bool block_pool_check(const struct block_pool *pool);

#endif
