/* harness.c: the measuring, the statistics and the two outputs of harness.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* sched_setaffinity */
#endif
#include "harness.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sim/rng.h"
#include "sim/sorted.h"

#ifdef SLUICE_MIMALLOC
#include <mimalloc.h>
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif

#define RESAMPLES 1000
#define SAMPLES 41
#define FAST_SAMPLES 5
#define SAMPLE_NS (5 * SLUICE_MS)
#define FAST_SAMPLE_NS (SLUICE_MS / 5)
#define WARM_UP_NS (20 * SLUICE_MS)

struct earlier {
	char bench[64], name[128], unit[32];
	double low, high;
};

struct options {
	bool fast, list, allocs;
	const char *filter, *exact, *out;
	uint64_t iterations;
};

struct estimate {
	double median, low, high;
};

static struct options options;
static FILE *json, *people;
static struct earlier *earlier;
static size_t earlier_count;
static sluice_env *env;
static _Thread_local uint64_t allocs;

/* ---- allocations ------------------------------------------------------------------------------------------------- */

/* The program's own malloc comes before every library's (ELF symbol lookup), so OpenSSL's allocations are counted too. With
 * mimalloc all of them must go there: what is not defined here (strdup, memalign) is mimalloc's, and free serves both. */
#if defined(SLUICE_MIMALLOC)
#define COUNTED 1
#define real_malloc mi_malloc
#define real_calloc mi_calloc
#define real_realloc mi_realloc
#define real_memalign(alignment, size) mi_malloc_aligned(size, alignment)
#define real_free mi_free
#elif defined(__GLIBC__) && !defined(SANITIZED)
#define COUNTED 1
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *p, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *p);
#define real_malloc __libc_malloc
#define real_calloc __libc_calloc
#define real_realloc __libc_realloc
#define real_memalign __libc_memalign
#define real_free __libc_free
#endif

#ifdef COUNTED
#define EXPORTED __attribute__((visibility("default")))

EXPORTED void *malloc(size_t size) {
	allocs++;
	return real_malloc(size);
}

EXPORTED void *calloc(size_t count, size_t size) {
	allocs++;
	return real_calloc(count, size);
}

EXPORTED void *realloc(void *p, size_t size) {
	allocs++;
	return real_realloc(p, size);
}

EXPORTED void *aligned_alloc(size_t alignment, size_t size) {
	allocs++;
	return real_memalign(alignment, size);
}

EXPORTED int posix_memalign(void **out, size_t alignment, size_t size) {
	allocs++;
	*out = real_memalign(alignment, size);
	return *out ? 0 : ENOMEM;
}

EXPORTED void free(void *p) {
	real_free(p);
}
#endif

/* The library's default, mimalloc, is what malloc is here too when it is built with it. */
static void *counted_alloc(void *ctx, size_t size) {
	(void)ctx;
	return malloc(size);
}

static void counted_free(void *ctx, void *p) {
	(void)ctx;
	free(p);
}

sluice_env *bench_env(void) {
	static struct rng dice;
	if (env)
		return env;
	sluice_env_config config = {.allocator = {.alloc = counted_alloc, .free = counted_free}};
	if (bench_is_counting()) {
		/* A count that follows the draws (when is a check due?) would not repeat with others. */
		dice = rng_of(1, 0);
		config.entropy = rng_entropy;
		config.entropy_ctx = &dice;
	}
	BENCH_MUST(sluice_env_new(&config, &env) == 0);
	return env;
}

uint64_t bench_allocs(void) {
	return allocs;
}

/* ---- the machine ------------------------------------------------------------------------------------------------- */

uint64_t bench_now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SLUICE_S + (uint64_t)t.tv_nsec;
}

bool bench_pin(int cpu) {
	cpu_set_t allowed, one;
	if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
		return false;
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &allowed) || cpu-- > 0)
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		return sched_setaffinity(0, sizeof one, &one) == 0;
	}
	return false;
}

void bench_fail(const char *file, int line, const char *what) {
	fprintf(stderr, "%s:%d: failed: %s (errno: %s)\n", file, line, what, strerror(errno));
	exit(1);
}

/* proc(5): writing 5 to clear_refs sets the peak of the resident memory back to what is resident now. */
static void peak_memory_reset(void) {
	FILE *f = fopen("/proc/self/clear_refs", "w");
	if (!f)
		return;
	fputs("5", f);
	fclose(f);
}

long bench_peak_memory_kb(void) {
	char line[256];
	long kb = 0;
	FILE *f = fopen("/proc/self/status", "r");
	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "VmHWM: %ld", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb;
}

/* ---- statistics -------------------------------------------------------------------------------------------------- */

static double median_of(double *values, size_t count) {
	sorted_doubles(values, count);
	return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static struct estimate estimate(const double *values, size_t count) {
	double *drawn = calloc(count, sizeof *drawn);
	double *medians = calloc(RESAMPLES, sizeof *medians);
	struct rng dice = rng_of(1, 1); /* the same resamples in each run: an interval changes only when the samples do */
	BENCH_MUST(count > 0 && drawn && medians);
	for (size_t r = 0; r < RESAMPLES; r++) {
		for (size_t i = 0; i < count; i++)
			drawn[i] = values[rng_below(&dice, count)];
		medians[r] = median_of(drawn, count);
	}
	sorted_doubles(medians, RESAMPLES);
	memcpy(drawn, values, count * sizeof *drawn);
	struct estimate e = {
		.median = median_of(drawn, count),
		.low = medians[RESAMPLES * 25 / 1000],
		.high = medians[RESAMPLES * 975 / 1000 - 1],
	};
	free(drawn);
	free(medians);
	return e;
}

/* ---- earlier runs ------------------------------------------------------------------------------------------------ */

/* Copies the member's string out of a line that this harness wrote (no nesting, no escapes but \" and \\). */
static bool json_string(const char *line, const char *member, char *out, size_t size) {
	char key[64];
	snprintf(key, sizeof key, "\"%s\":\"", member);
	const char *p = strstr(line, key);
	if (!p)
		return false;
	size_t n = 0;
	for (p += strlen(key); *p && *p != '"' && n + 1 < size; p++) {
		if (*p == '\\' && p[1])
			p++;
		out[n++] = *p;
	}
	out[n] = 0;
	return true;
}

static bool json_number(const char *line, const char *member, double *out) {
	char key[64];
	snprintf(key, sizeof key, "\"%s\":", member);
	const char *p = strstr(line, key);
	return p && sscanf(p + strlen(key), "%lf", out) == 1;
}

static void earlier_read(const char *path) {
	char line[4096];
	FILE *f = fopen(path, "r");
	if (!f) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(2);
	}
	while (fgets(line, sizeof line, f)) {
		struct earlier e;
		if (!json_string(line, "bench", e.bench, sizeof e.bench) || !json_string(line, "case", e.name, sizeof e.name) ||
		    !json_string(line, "unit", e.unit, sizeof e.unit) || !json_number(line, "low", &e.low) ||
		    !json_number(line, "high", &e.high))
			continue;
		struct earlier *grown = realloc(earlier, (earlier_count + 1) * sizeof *earlier);
		BENCH_MUST(grown);
		earlier = grown;
		earlier[earlier_count++] = e;
	}
	fclose(f);
}

static const char *compared(const struct bench_figure *f, const struct estimate *now) {
	for (size_t i = 0; i < earlier_count; i++) {
		const struct earlier *e = &earlier[i];
		if (strcmp(e->bench, f->bench) != 0 || strcmp(e->name, f->name) != 0 || strcmp(e->unit, f->unit) != 0)
			continue;
		/* A smoke run has too few samples to tell, and no two builds lay their code out alike: 2 % is that, not news. */
		bool below = now->high < e->low * 0.98;
		bool above = now->low * 0.98 > e->high;
		if (options.fast || (!below && !above))
			return "unsure";
		return below == !f->more_is_better ? "faster" : "slower";
	}
	return earlier_count ? "new" : NULL;
}

/* ---- output ------------------------------------------------------------------------------------------------------ */

static void print_escaped(FILE *out, const char *s) {
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', out);
		fputc(*s, out);
	}
}

static void print_json(const struct bench_figure *f, const struct estimate *e, const char *verdict) {
	fputs("{\"bench\":\"", json);
	print_escaped(json, f->bench);
	fputs("\",\"case\":\"", json);
	print_escaped(json, f->name);
	fprintf(json, "\",\"unit\":\"%s\",\"median\":%.6g,\"low\":%.6g,\"high\":%.6g,\"samples\":%zu", f->unit, e->median, e->low,
	        e->high, f->count);
	if (f->extra && *f->extra)
		fprintf(json, ",%s", f->extra);
	if (f->more_is_better)
		fputs(",\"better\":\"more\"", json);
	if (verdict)
		fprintf(json, ",\"compared\":\"%s\"", verdict);
	fputs("}\n", json);
	fflush(json);
}

static void print_line(const struct bench_figure *f, const struct estimate *e, const char *rest, const char *verdict) {
	fprintf(people, "%-14s %-44s %11.6g %s  [%.6g .. %.6g]%s%s%s\n", f->bench, f->name, e->median, f->unit, e->low, e->high,
	        rest, verdict ? "  " : "", verdict ? verdict : "");
	fflush(people);
}

static void report(const struct bench_figure *f, const struct estimate *e, const char *rest) {
	const char *verdict = compared(f, e);
	print_json(f, e, verdict);
	print_line(f, e, rest, verdict);
}

void bench_report(const struct bench_figure *f) {
	struct estimate e = estimate(f->values, f->count);
	report(f, &e, "");
}

/* ---- one case ---------------------------------------------------------------------------------------------------- */

static uint64_t sample(const struct bench_case *c, uint64_t iterations, uint64_t *allocated) {
	if (c->before)
		c->before(c->ctx);
	uint64_t allocs_before = allocs;
	uint64_t start = bench_now();
	c->run(c->ctx, iterations);
	uint64_t took = bench_now() - start;
	*allocated += allocs - allocs_before;
	return took ? took : 1;
}

/* Doubles the iterations until a sample is long compared with the clock's noise, then scales them. All of it warms the case
 * up. */
static uint64_t calibrate(const struct bench_case *c) {
	uint64_t goal = options.fast ? FAST_SAMPLE_NS : SAMPLE_NS, ignored = 0, iterations = 1;
	uint64_t warm_until = bench_now() + (options.fast ? 0 : WARM_UP_NS);
	uint64_t took = sample(c, iterations, &ignored);
	while (took < goal / 4 && iterations < UINT64_C(1) << 40) {
		iterations *= 2;
		took = sample(c, iterations, &ignored);
	}
	iterations = (uint64_t)((double)iterations * (double)goal / (double)took);
	if (iterations == 0)
		iterations = 1;
	while (bench_now() < warm_until)
		sample(c, iterations, &ignored);
	return iterations;
}

static void report_case(const struct bench_case *c, const double *values, size_t count, double allocs_each, long peak_kb) {
	char extra[256], rest[128];
	struct estimate e = estimate(values, count);
	size_t items = c->items ? c->items : 1;
	double gbps = (double)c->bytes * 8 / e.median; /* bits a ns are Gbit a second */
	int n = snprintf(extra, sizeof extra, "\"allocs\":%.4g,\"peak_kb\":%ld,\"items\":%zu,\"per_item\":%.6g", allocs_each,
	                 peak_kb, items, e.median / (double)items);
	int m = snprintf(rest, sizeof rest, "  %.4g allocs", allocs_each);
	if (c->bytes) {
		snprintf(extra + n, sizeof extra - (size_t)n, ",\"gbps\":%.5g", gbps);
		m += snprintf(rest + m, sizeof rest - (size_t)m, "  %.4g Gbit/s", gbps);
	}
	if (c->items)
		snprintf(rest + m, sizeof rest - (size_t)m, "  %.4g ns each", e.median / (double)items);
	report(&(struct bench_figure){.bench = c->bench, .name = c->name, .unit = "ns", .count = count, .extra = extra}, &e,
	       rest);
}

static void measure(const struct bench_case *c) {
	double values[SAMPLES];
	size_t count = options.fast ? FAST_SAMPLES : SAMPLES;
	uint64_t allocated = 0;
	peak_memory_reset();
	uint64_t iterations = calibrate(c);
	for (size_t i = 0; i < count; i++)
		values[i] = (double)sample(c, iterations, &allocated) / (double)iterations;
	report_case(c, values, count, (double)allocated / (double)count / (double)iterations, bench_peak_memory_kb());
}

/* What a case allocates behind a warm-up of ten times as many iterations. */
static void count_allocs(const struct bench_case *c) {
	uint64_t ignored = 0, allocated = 0;
	sample(c, options.iterations * 10, &ignored);
	sample(c, options.iterations, &allocated);
	double each = (double)allocated / (double)options.iterations;
	bench_report(&(struct bench_figure){.bench = c->bench, .name = c->name, .unit = "allocs", .values = &each, .count = 1});
}

static bool selected(const char *bench, const char *name) {
	char whole[256];
	snprintf(whole, sizeof whole, "%s %s", bench, name);
	if ((options.exact && strcmp(options.exact, name) != 0) || (options.filter && !strstr(whole, options.filter)))
		return false;
	if (options.list)
		puts(name);
	return !options.list;
}

bool bench_wants(const char *bench, const char *name) {
	return !options.iterations && selected(bench, name);
}

void bench_run(const struct bench_case *c) {
	if (!selected(c->bench, c->name))
		return;
	if (!options.iterations) {
		measure(c);
		return;
	}
	if (options.allocs) {
		count_allocs(c);
		return;
	}
	if (c->before)
		c->before(c->ctx);
	c->run(c->ctx, options.iterations);
}

bool bench_is_fast(void) {
	return options.fast;
}

bool bench_is_large(void) {
	const char *large = getenv("BENCH_LARGE");
	return large && *large;
}

bool bench_is_counting(void) {
	return options.iterations > 0;
}

/* ---- the program ------------------------------------------------------------------------------------------------- */

__attribute__((noreturn)) static void usage(const char *program) {
	fprintf(stderr,
	        "usage: %s [--out FILE] [--fast] [--filter TEXT] [--case NAME] [--list] [--iterations N | --allocs N] "
	        "[--compare FILE]\n",
	        program);
	exit(2);
}

static bool take_flag(const char *arg) {
	if (strcmp(arg, "--fast") == 0)
		options.fast = true;
	else if (strcmp(arg, "--list") == 0)
		options.list = true;
	else
		return false;
	return true;
}

static bool take_value(const char *arg, const char *value) {
	if (!value)
		return false;
	if (strcmp(arg, "--out") == 0)
		options.out = value;
	else if (strcmp(arg, "--filter") == 0)
		options.filter = value;
	else if (strcmp(arg, "--case") == 0)
		options.exact = value;
	else if (strcmp(arg, "--compare") == 0)
		earlier_read(value);
	else if (strcmp(arg, "--iterations") == 0 || strcmp(arg, "--allocs") == 0) {
		options.allocs = strcmp(arg, "--allocs") == 0;
		return (options.iterations = strtoull(value, NULL, 10)) > 0;
	} else
		return false;
	return true;
}

void bench_begin(int argc, char **argv) {
	options.out = getenv("BENCH_OUT");
	for (int i = 1; i < argc; i++) {
		if (take_flag(argv[i]))
			continue;
		if (!take_value(argv[i], argv[i + 1]))
			usage(argv[0]);
		i++;
	}
	json = stdout;
	people = stderr;
	/* Listing and counting report nothing, and must not empty the file of a run that did. */
	if (!options.out || !*options.out || options.list || (options.iterations && !options.allocs))
		return;
	json = fopen(options.out, "w");
	people = stdout;
	if (!json) {
		fprintf(stderr, "%s: %s\n", options.out, strerror(errno));
		exit(2);
	}
}

int bench_end(void) {
	sluice_env_free(env);
	env = NULL;
	free(earlier);
	earlier = NULL;
	earlier_count = 0;
	bool bad = fflush(json) != 0 || ferror(json);
	if (json != stdout)
		bad |= fclose(json) != 0;
	return bad ? 1 : 0;
}
