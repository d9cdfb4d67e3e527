/* memory: an allocator for sluice_env_config that counts, fails on demand, and never hands out or takes back kind memory.
 *
 * Fresh memory is filled with 0xa5 and freed memory with 0xdd, so that reading either shows. Everything is counted:
 *
 *   live == allocations - frees, bytes == their sizes
 *
 * `fail_at` n makes the nth allocation from then on fail (1: the next one), and with fail_for m the m - 1 behind it too. */
#ifndef TESTS_SIM_MEMORY_H
#define TESTS_SIM_MEMORY_H

#include "sluice/env.h"

struct memory {
	size_t live, bytes, peak; /* blocks and bytes now; the most bytes at once */
	uint64_t allocations, frees, failures;
	uint64_t fail_at, fail_for; /* 0: never; how many in a row (0 as 1) */
	bool plain;                 /* do not fill: for benches */
};

sluice_allocator memory_allocator(struct memory *m);

#endif
