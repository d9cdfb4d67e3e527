/* memory: an allocator for sluice_env_config that counts, fails on demand, and fills memory with bytes that show misuse.
 *
 * Fresh memory is filled with 0xa5 and freed memory with 0xdd, so that reading either shows. Everything is counted:
 *
 *   live == allocations - frees, bytes == their sizes
 *
 * With `graveyard` everything that is freed is copied there first, so that a test can look for what must not be in it.
 *
 * With `fail_at` n the nth allocation from now on fails (1: the next one). With fail_for m the m - 1 allocations after it fail
 * too. */
#ifndef TESTS_SIM_MEMORY_H
#define TESTS_SIM_MEMORY_H

#include "sluice/env.h"

/* Starts empty; the owner frees `bytes`. */
struct graveyard {
	unsigned char *bytes;
	size_t len, capacity;
};

struct memory {
	size_t live, bytes, peak; /* blocks and bytes now; the most bytes at once */
	uint64_t allocations, frees, failures;
	uint64_t fail_at, fail_for;  /* 0: never; how many in a row (0 as 1) */
	bool plain;                  /* do not fill: for benches */
	struct graveyard *graveyard; /* NULL: none */
};

sluice_allocator memory_allocator(struct memory *m);
void graveyard_add(struct graveyard *g, const void *p, size_t size);

#endif
