/* bench_aead: what does crypto/aead.h cost beside the bare cipher call of the same library?
 *
 * Runs of 40 records of 1,200 or 200 bytes with the AAD of DTLS 1.2, sealed and opened in place. The four kinds of run take turns
 * on the same records: sealed and opened by an aead, then by the bare call. So whatever else the machine does hits all of them
 * alike. A sample is the median of a hundred runs. "of_bare" is the aead's median over the bare one's; the goal is at most
 * 1.10. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bare_cipher.h"
#include "crypto/aead.h"
#include "harness.h"

#define RUN 40
#define AAD 13
#define ROOM 1280
#define SAMPLES 41
#define RUNS_PER_SAMPLE 100

enum { SEAL, OPEN, BARE_SEAL, BARE_OPEN, KINDS };

struct contest {
	struct aead *seal, *open;
	struct bare_key *bare_seal, *bare_open;
	size_t len;
};

static uint8_t space[RUN][ROOM], aad[RUN][AAD];
static struct aead_job jobs[RUN];

/* ---- one run of records ---------------------------------------------------------------------------------------------- */

static void run_seal(struct contest *c) {
	BENCH_MUST(aead_seal(c->seal, jobs, RUN));
}

static void run_open(struct contest *c) {
	BENCH_MUST(aead_open(c->open, jobs, RUN) == 0);
}

static void run_bare_seal(struct contest *c) {
	for (size_t i = 0; i < RUN; i++)
		bare_seal(c->bare_seal, jobs[i].text, c->len, aad[i], AAD, jobs[i].nonce);
}

static void run_bare_open(struct contest *c) {
	for (size_t i = 0; i < RUN; i++)
		BENCH_MUST(bare_open(c->bare_open, jobs[i].text, c->len, aad[i], AAD, jobs[i].nonce));
}

static void (*const run[KINDS])(struct contest *c) = {run_seal, run_open, run_bare_seal, run_bare_open};

/* ---- samples --------------------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median_of(double *values, size_t count) {
	qsort(values, count, sizeof *values, by_value);
	return values[count / 2];
}

/* ns a record. */
static void take_sample(struct contest *c, double sample[KINDS]) {
	static double took[KINDS][RUNS_PER_SAMPLE];
	for (size_t i = 0; i < RUNS_PER_SAMPLE; i++) {
		for (int kind = 0; kind < KINDS; kind++) {
			uint64_t start = bench_now();
			run[kind](c);
			took[kind][i] = (double)(bench_now() - start) / RUN;
		}
	}
	for (int kind = 0; kind < KINDS; kind++)
		sample[kind] = median_of(took[kind], RUNS_PER_SAMPLE);
}

static void report(const char *name, double *values, size_t samples, double bare) {
	double sorted[SAMPLES];
	char extra[64] = "";
	memcpy(sorted, values, samples * sizeof *values);
	if (bare > 0)
		snprintf(extra, sizeof extra, "\"of_bare\":%.3f", median_of(sorted, samples) / bare);
	bench_report(&(struct bench_figure){.bench = "aead",
	                                    .name = name,
	                                    .unit = "ns",
	                                    .values = values,
	                                    .count = samples,
	                                    .extra = extra[0] ? extra : NULL});
}

/* ---- cases ----------------------------------------------------------------------------------------------------------- */

struct combination {
	enum aead_suite suite;
	const char *cipher;
	enum aead_backend backend;
	enum bare_library library;
	const char *name;
};

static const struct combination combinations[] = {
	{AEAD_AES_128_GCM, "AES-128-GCM", AEAD_IPSEC_MB, BARE_IPSEC_MB, "ipsec-mb"},
	{AEAD_AES_128_GCM, "AES-128-GCM", AEAD_EVP, BARE_EVP, "EVP"},
	{AEAD_AES_256_GCM, "AES-256-GCM", AEAD_IPSEC_MB, BARE_IPSEC_MB, "ipsec-mb"},
	{AEAD_AES_256_GCM, "AES-256-GCM", AEAD_EVP, BARE_EVP, "EVP"},
	{AEAD_CHACHA20_POLY1305, "ChaCha20-Poly1305", AEAD_EVP, BARE_EVP, "EVP"},
};

/* For counting instructions: a run of records sealed and opened again. */
static void there_and_back(void *ctx, uint64_t iterations) {
	while (iterations-- > 0) {
		run_seal(ctx);
		run_open(ctx);
	}
}

static void count_instructions(const struct combination *o, struct contest *c) {
	char name[80];
	snprintf(name, sizeof name, "there and back %zu, %s, %s", c->len, o->cipher, o->name);
	bench_run(&(struct bench_case){.bench = "aead", .name = name, .run = there_and_back, .ctx = c, .items = RUN});
}

static bool name_cases(const struct combination *o, size_t len, char name[KINDS][80]) {
	static const char *const verbs[] = {"seal", "open"};
	bool wanted = false;
	for (int kind = 0; kind < KINDS; kind++) {
		snprintf(name[kind], sizeof name[kind], "%s %zu, %s, %s%s", verbs[kind % 2], len, o->cipher,
		         kind < BARE_SEAL ? "" : "bare ", o->name);
		wanted |= bench_wants("aead", name[kind]);
	}
	return wanted;
}

static void make_jobs(size_t len) {
	for (size_t i = 0; i < RUN; i++) {
		jobs[i] = (struct aead_job){
			.text = space[i], .len = len, .aad = aad[i], .aad_len = AAD, .nonce = {[11] = (uint8_t)i}};
		aad[i][7] = (uint8_t)i;
	}
}

static void measure(struct contest *c, char name[KINDS][80]) {
	static double sample[KINDS], values[KINDS][SAMPLES];
	size_t samples = bench_is_fast() ? 3 : SAMPLES;
	for (size_t s = 0; s < samples; s++) {
		take_sample(c, sample);
		for (int kind = 0; kind < KINDS; kind++)
			values[kind][s] = sample[kind];
	}
	for (int kind = 0; kind < KINDS; kind++)
		report(name[kind], values[kind], samples, kind < BARE_SEAL ? median_of(values[kind + BARE_SEAL], samples) : 0);
}

static void bench_combination(const struct combination *o, size_t len) {
	static const uint8_t key[AEAD_KEY_MAX] = {1, 2, 3};
	char name[KINDS][80];
	struct contest c = {.len = len, .bare_seal = bare_key_new(o->library, o->cipher, true, key)};
	if (!c.bare_seal)
		return;
	c.bare_open = bare_key_new(o->library, o->cipher, false, key);
	c.seal = aead_new(bench_env(), o->suite, AEAD_SEAL, o->backend, key);
	c.open = aead_new(bench_env(), o->suite, AEAD_OPEN, o->backend, key);
	BENCH_MUST(c.seal && c.open && c.bare_open);
	make_jobs(len);
	if (name_cases(o, len, name))
		measure(&c, name);
	if (bench_is_counting())
		count_instructions(o, &c);
	aead_free(c.seal);
	aead_free(c.open);
	bare_key_free(c.bare_open);
	bare_key_free(c.bare_seal);
}

int main(int argc, char **argv) {
	bench_begin(argc, argv);
	for (size_t i = 0; i < sizeof combinations / sizeof *combinations; i++) {
		bench_combination(&combinations[i], 1200);
		bench_combination(&combinations[i], 200);
	}
	return bench_end();
}
