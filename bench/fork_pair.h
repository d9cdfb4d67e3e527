/* fork_pair: runs a sender and a receiver in two processes, pinned to two CPUs where there are two.
 *
 * The two and the bench exchange values through memory from fork_pair_shared(). */
#ifndef BENCH_FORK_PAIR_H
#define BENCH_FORK_PAIR_H

#include <stddef.h>

/* Zeroed memory that all processes forked from here on share. Ends the program when there is none. */
void *fork_pair_shared(size_t size);
void fork_pair_unshare(void *p, size_t size);

/* Runs tx(ctx) and rx(ctx), each in a process of its own, and waits for both; no longer than `seconds`. Ends the program when one
 * of them failed. */
void fork_pair_run(void (*tx)(void *ctx), void (*rx)(void *ctx), void *ctx, unsigned seconds);

/* CPU time of this process so far, user and system, in seconds. */
double fork_pair_cpu(void);

#endif
