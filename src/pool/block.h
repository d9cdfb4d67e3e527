/* block: memory blocks of any size, recycled by size class, so that the established path never calls the allocator.
 *
 * There are four size classes to each doubling, so at most a quarter of a block is wasted. With the block's header in front they
 * ask the allocator for 64, 80, 96, 112, 128, 160, ... bytes. Allocators have these classes too: the header behind a class of 128
 * would take their next one, 160.
 *
 * A freed block goes to the list of its class, and the last one in is the first one out, while it is still in the CPU's cache.
 * The idle blocks are bounded. Beyond the bound, the class with the most idle bytes gives blocks back to the allocator: so a
 * class that was busy earlier makes room for one that is busy now. Blocks above BLOCK_POOLED_MAX are never kept. Slabs, all of
 * one size, are a class of their own: so whatever keeps slabs for a while, as a forwarder does, finds them here again.
 *
 *   idle_bytes == sum over free blocks of their class's size, and idle_bytes <= limit
 *   classes[c].bytes == the same sum over class c
 *
 * What taking a block or freeing one touches: its header, its class (24 bytes) and the sums of the pool.
 *
 * A block that is marked as secret is wiped when it is freed.
 *
 * With -DSLUICE_NOPOOL every call goes straight to the allocator, so that ASan sees each object. */
#ifndef POOL_BLOCK_H
#define POOL_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "sluice/env.h"

#define BLOCK_POOLED_MAX (((size_t)1 << 19) - sizeof(struct block))
#define BLOCK_SIZES 53 /* 64 bytes .. 512 KiB in quarter steps, each without its header */
#define BLOCK_SLAB BLOCK_SIZES
#define BLOCK_CLASSES (BLOCK_SIZES + 1)
#define BLOCK_UNPOOLED BLOCK_CLASSES /* the class of blocks that are never kept */

struct block {
	union {
		struct block *next; /* while free */
		size_t cost;        /* while handed out: bytes that the allocator gave for it, this header among them */
	};
	uint32_t class;
	uint32_t secret; /* 1: wiped when it is freed; 0 in every idle block */
};

struct block_class {
	struct block *idle;
	size_t bytes; /* of its idle blocks */
	size_t size;  /* of one block */
};

struct block_pool {
	size_t idle_bytes, limit;
	size_t live; /* blocks handed out: 0 when everything was given back */
	sluice_allocator allocator;
	struct block_class classes[BLOCK_CLASSES + 1];
};

void block_pool_init(struct block_pool *pool, sluice_allocator allocator, size_t limit, size_t slab_size);
/* Gives all idle blocks back to the allocator. */
void block_pool_drain(struct block_pool *pool);

void *block_alloc(struct block_pool *pool, size_t size);
/* A block of slab_size bytes. */
void *block_alloc_slab(struct block_pool *pool);
void block_free(struct block_pool *pool, void *p);
/* Gives the block back to the allocator, also when it could be kept. */
void block_free_at_once(struct block_pool *pool, void *p);
/* Marks the block at p as secret: all of it is wiped when it is freed. p is not NULL. */
static inline void block_mark_secret(void *p) {
	((struct block *)p - 1)->secret = 1;
}
/* Bytes of the allocator that the block at p takes. p is not NULL. */
static inline size_t block_cost(const void *p) {
	return ((const struct block *)p - 1)->cost;
}

/* Recounts the equations above; it walks every idle block. */
bool block_pool_check(const struct block_pool *pool);

#endif
