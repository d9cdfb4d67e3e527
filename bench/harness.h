/* harness: how long does one operation take, how sure is that, and what does it allocate?
 *
 *     static void checksum(void *ctx, uint64_t iterations) {
 *             for (uint64_t i = 0; i < iterations; i++)
 *                     BENCH_KEEP(crc32c(0, ctx, 1200));
 *     }
 *     int main(int argc, char **argv) {
 *             bench_begin(argc, argv);
 *             struct bench_case c = {.bench = "crc32c", .name = "1200 bytes", .bytes = 1200, .run = checksum, .ctx = buf};
 *             bench_run(&c);
 *             return bench_end();
 *     }
 *
 * A case is warmed up. Then its iteration count is chosen so that one sample lasts about 5 ms, and 41 samples are taken. The
 * harness reports the median time of one iteration, and the 95 % interval of that median (bootstrap, 1,000 resamples).
 *
 * For each case one line of JSON goes to --out FILE, to the file that BENCH_OUT names, or to standard output. A line for people
 * goes to standard output, or to standard error when the JSON goes there. Options of every bench program:
 *   --out FILE        where the JSON lines go (the file is written anew)
 *   --fast            few and short samples: does it run at all?
 *   --filter TEXT     only cases whose "bench name" holds TEXT
 *   --case NAME       only the case of exactly this name
 *   --list            names of the cases, nothing is run
 *   --iterations N    run each case N times and measure nothing, for counting instructions (scripts/bench-instructions);
 *                     figures that a program measures by itself are left out
 *   --allocs N        run each of these cases 10 N times, then N times, and report the allocations of the latter
 *   --compare FILE    JSON lines of an earlier run: says faster or slower when the intervals lie more than 2 % apart, else
 *                     unsure. It cannot know that the machine was busier then or now: compare runs of one quiet session
 *
 * One thread: allocations of other threads are not counted. */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/env.h"

struct bench_case {
	const char *bench;                           /* the program's question, "crc32c"; the JSON line's "bench" */
	const char *name;                            /* "1200 bytes, interleaved"; the JSON line's "case" */
	void (*run)(void *ctx, uint64_t iterations); /* does the work `iterations` times */
	void (*before)(void *ctx);                   /* may be NULL: called before each sample, outside the time */
	void *ctx;
	size_t bytes; /* payload bytes of one iteration, 0: no Gbit/s is given */
	size_t items; /* things (packets, messages) that one iteration handles, 0: one; "per_item" is median / items */
};

/* A figure that a program measured by itself, in its own unit. */
struct bench_figure {
	const char *bench, *name;
	const char *unit;     /* "us", "Gbit/s" */
	const double *values; /* one per run; the median is reported, the interval is that of bench_run */
	size_t count;
	bool more_is_better; /* for --compare and for the history; JSON's "better":"more" */
	const char *extra;   /* further JSON members, "\"cpu_tx_s_per_gb\":0.9", or NULL */
};

/* Reads the options. Exits with a usage line when they make no sense. */
void bench_begin(int argc, char **argv);
/* Measures one case and reports it. */
void bench_run(const struct bench_case *c);
/* Reports a figure; ask bench_wants() beforehand whether the options select it (it lists the name under --list). */
void bench_report(const struct bench_figure *f);
bool bench_wants(const char *bench, const char *name);
/* Closes the output and frees the environment. Returns main's value: 1 when the output could not be written. */
int bench_end(void);

/* True under --fast: a program with runs of its own makes them short. */
bool bench_is_fast(void);
/* Does BENCH_LARGE ask for all cases, or for the largest ones? Empty says no, as it does for make. */
bool bench_is_large(void);
/* True under --iterations: a program that measures by itself runs its work as cases of bench_run instead. */
bool bench_is_counting(void);

/* The environment for what is measured; its allocator is mimalloc where the library's is, and its calls count as allocations.
 * While instructions are counted, it draws the same random bytes in each run. Made at the first call; freed by bench_end. Never
 * NULL. */
sluice_env *bench_env(void);

/* Monotonic ns. */
uint64_t bench_now(void);
/* Calls of malloc and its kin, and of bench_env's allocator, by this thread so far. 0 for malloc where the C library is not glibc
 * or a sanitizer owns malloc. */
uint64_t bench_allocs(void);
/* The most resident memory of this process so far, or since the last case of bench_run began. */
long bench_peak_memory_kb(void);
/* Pins the process to the cpu-th CPU that it may use, if there are that many. Returns whether it did. */
bool bench_pin(int cpu);

/* Makes the compiler believe that the value is used, or that the memory behind the pointer was read and written. */
#define BENCH_KEEP(value)                                                                                                        \
	do {                                                                                                                     \
		__typeof__(value) bench_kept = (value);                                                                          \
		__asm__ volatile("" : : "r,m"(bench_kept) : "memory");                                                           \
	} while (0)

/* For a step of a bench's own setting-up that must not fail: prints the expression and exits. */
#define BENCH_MUST(condition)                                                                                                    \
	do {                                                                                                                     \
		if (!(condition))                                                                                                \
			bench_fail(__FILE__, __LINE__, #condition);                                                              \
	} while (0)
__attribute__((noreturn)) void bench_fail(const char *file, int line, const char *what);

#endif
