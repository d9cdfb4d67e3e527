/* bench_srtp: what does SRTP cost a packet, beside its bare cipher, by each back end?
 *
 * Packets of 1,200 and of 200 bytes, header included, in batches of 32 as they leave in one GSO send, and alone, by a call each.
 * The bare cipher is the same object of crypto/srtp_cipher.h, given the same bytes, with a new IV for each packet and nothing
 * else: no header is read, no SSRC is looked up, no number is judged.
 *
 * A packet opens only once, so the four take turns 32 packets at a time: encrypt, decrypt, and both of the bare cipher. A sample
 * is the median of fifty turns. "ratio" in the JSON is ours to the bare cipher's, each by its fastest turn: whatever else the
 * machine does can only make a turn slower. It is to stay at or below 1.10 for 1,200 bytes; with --gate RATIO the program fails
 * if a batch of those takes more. What other work does to a machine is then given more turns to go away, up to twenty times as
 * many: the fastest batches stay, so turns can only bring the ratio nearer to what it is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "pool/env.h"
#include "rtp/srtp.h"
#include "rtp/srtp_layout.h"

#define SAMPLES 21
#define TURNS 50
#define ROUNDS 20 /* of samples, before a ratio above the gate is believed */
#define HEADER 12
#define ROOM 1280

enum { ENCRYPT, DECRYPT, BARE_ENCRYPT, BARE_DECRYPT, STEPS };

struct bench {
	enum srtp_profile profile;
	enum aead_backend backend;
	size_t size, batch;
	struct srtp out, in;
	struct srtp_cipher *seal, *open;
	uint64_t number;
	struct srtp_packet packets[SRTP_RUN];
	/* Of the bare cipher, one for each call of a turn: from sealing to opening a job keeps its tag. */
	union srtp_run runs[SRTP_RUN];
	uint8_t bytes[SRTP_RUN][ROOM], bare[SRTP_RUN][ROOM];
};

/* ---- steps ---------------------------------------------------------------------------------------------------------- */

static void encrypt(struct bench *b) {
	for (size_t first = 0; first < SRTP_RUN; first += b->batch)
		BENCH_MUST(srtp_protect_batch(&b->out, b->packets + first, b->batch) == 0);
}

static void decrypt(struct bench *b) {
	for (size_t first = 0; first < SRTP_RUN; first += b->batch)
		BENCH_MUST(srtp_unprotect_batch(&b->in, b->packets + first, b->batch) == b->batch);
}

/* What whoever calls the cipher has to say about each packet of the call that begins with this one. */
static union srtp_run *fill(struct bench *b, size_t first) {
	union srtp_run *run = &b->runs[first];
	for (size_t i = 0; i < b->batch; i++) {
		uint8_t *p = b->bare[first + i];
		uint64_t number = b->number + first + i;
		if (b->out.aead) {
			struct aead_job *j = &run->aead[i];
			j->text = p + HEADER;
			j->len = b->size - HEADER;
			j->aad = p;
			j->aad_len = HEADER;
			srtp_layout_aead_nonce(j->nonce, b->out.flow[SRTP_RTP].salt, 1, number);
		} else {
			struct srtp_cm_job *j = &run->cm[i];
			j->text = p + HEADER;
			j->len = b->size - HEADER;
			j->auth = p;
			j->auth_len = b->size + SRTP_ROC_SIZE;
			srtp_layout_cm_iv(j->iv, b->out.flow[SRTP_RTP].salt, 1, number);
		}
	}
	return run;
}

static void bare_encrypt(struct bench *b) {
	for (size_t first = 0; first < SRTP_RUN; first += b->batch) {
		union srtp_run *run = fill(b, first);
		BENCH_MUST(srtp_cipher_seal(b->seal, run, b->batch));
	}
}

static void bare_decrypt(struct bench *b) {
	for (size_t first = 0; first < SRTP_RUN; first += b->batch) {
		union srtp_run *run = fill(b, first);
		BENCH_MUST(srtp_cipher_open(b->open, run, b->batch) == 0);
	}
}

/* New numbers for the packets, which are plaintext again. */
static void renew(struct bench *b) {
	b->number += SRTP_RUN;
	for (size_t i = 0; i < SRTP_RUN; i++) {
		b->packets[i] = (struct srtp_packet){.data = b->bytes[i], .len = b->size};
		put_be16(b->bytes[i] + 2, (uint16_t)(b->number + i));
	}
}

static void (*const steps[STEPS])(struct bench *b) = {encrypt, decrypt, bare_encrypt, bare_decrypt};

/* ---- times ---------------------------------------------------------------------------------------------------------- */

/* ns a packet. */
struct times {
	double samples[STEPS][SAMPLES], least[STEPS];
	uint64_t allocs;
};

static int by_value(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void take_turn(struct bench *b, struct times *t, double *into[STEPS]) {
	renew(b);
	for (int step = 0; step < STEPS; step++) {
		uint64_t start = bench_now();
		steps[step](b);
		double each = (double)(bench_now() - start) / SRTP_RUN;
		*into[step] = each;
		if (t->least[step] == 0 || each < t->least[step])
			t->least[step] = each;
	}
}

static void measure(struct bench *b, struct times *t, size_t samples) {
	static double turns[STEPS][TURNS];
	uint64_t allocs = bench_allocs();
	for (size_t s = 0; s < samples; s++) {
		for (int turn = 0; turn < TURNS; turn++)
			take_turn(b, t, (double *[]){&turns[0][turn], &turns[1][turn], &turns[2][turn], &turns[3][turn]});
		for (int step = 0; step < STEPS; step++) {
			qsort(turns[step], TURNS, sizeof turns[step][0], by_value);
			t->samples[step][s] = turns[step][TURNS / 2];
		}
	}
	t->allocs = bench_allocs() - allocs;
}

static double ratio_of(const struct times *t, int step) {
	return t->least[step] / t->least[BARE_ENCRYPT + step % 2];
}

/* ---- cases ---------------------------------------------------------------------------------------------------------- */

static double gate;
static int too_slow;

static const char *const verbs[STEPS] = {"encrypt", "decrypt", "bare encrypt", "bare decrypt"};

static void name_of(const struct bench *b, int step, char name[96]) {
	snprintf(name, 96, "%s, %s, %s, %zu bytes%s", verbs[step], srtp_cipher_profile(b->profile)->name + strlen("SRTP_"),
	         srtp_cipher_backend_name(b->seal), b->size, b->batch == 1 ? ", alone" : "");
}

static bool is_above_gate(const struct bench *b, double ratio) {
	return gate > 0 && b->size >= 1200 && b->batch > 1 && ratio > gate;
}

static void measure_for_gate(struct bench *b, struct times *t, size_t samples) {
	memset(t, 0, sizeof *t);
	for (int round = 0; round < ROUNDS; round++) {
		measure(b, t, samples);
		if (!is_above_gate(b, ratio_of(t, ENCRYPT)) && !is_above_gate(b, ratio_of(t, DECRYPT)))
			return;
	}
}

static void report(const struct bench *b, const struct times *t, size_t samples) {
	for (int step = 0; step < STEPS; step++) {
		char name[96], extra[128];
		double ratio = ratio_of(t, step);
		name_of(b, step, name);
		snprintf(extra, sizeof extra, "\"ratio\":%.3f,\"least\":%.1f,\"allocs_per_packet\":%.3f", ratio, t->least[step],
		         (double)t->allocs / (double)(samples * TURNS * SRTP_RUN * STEPS));
		bench_report(&(struct bench_figure){.bench = "srtp",
		                                    .name = name,
		                                    .unit = "ns",
		                                    .values = t->samples[step],
		                                    .count = samples,
		                                    .extra = extra});
		if (is_above_gate(b, ratio)) {
			fprintf(stderr, "bench_srtp: %s takes %.3f of the bare cipher, more than %.2f\n", name, ratio, gate);
			too_slow = 1;
		}
	}
}

static bool wanted(const struct bench *b) {
	bool any = false;
	for (int step = 0; step < STEPS; step++) {
		char name[96];
		name_of(b, step, name);
		any |= bench_wants("srtp", name);
	}
	return any;
}

static void begin(struct bench *b) {
	struct srtp_master master = {.key = {1, 2, 3}, .salt = {4, 5, 6}};
	struct srtp_session_keys keys;
	struct srtp_config config = {.profile = b->profile, .use = AEAD_SEAL, .backend = b->backend};
	BENCH_MUST(srtp_open(&b->out, bench_env(), &config, &master) == 0);
	config.use = AEAD_OPEN;
	BENCH_MUST(srtp_open(&b->in, bench_env(), &config, &master) == 0);
	BENCH_MUST(srtp_kdf_derive(b->profile, SRTP_RTP, &master, &keys));
	b->seal = srtp_cipher_new(bench_env(), b->profile, SRTP_RTP, AEAD_SEAL, b->backend, keys.key, keys.auth_key);
	b->open = srtp_cipher_new(bench_env(), b->profile, SRTP_RTP, AEAD_OPEN, b->backend, keys.key, keys.auth_key);
	BENCH_MUST(b->seal && b->open);
	for (size_t i = 0; i < SRTP_RUN; i++) {
		b->bytes[i][0] = b->bare[i][0] = 0x80;
		put_be32(b->bytes[i] + 8, 1);
	}
}

static void end(struct bench *b) {
	srtp_close(&b->out);
	srtp_close(&b->in);
	srtp_cipher_free(b->seal);
	srtp_cipher_free(b->open);
}

/* For counting instructions: a batch there and back, by SRTP and by the bare cipher. */
static void there_and_back(void *ctx, uint64_t iterations) {
	while (iterations-- > 0) {
		renew(ctx);
		encrypt(ctx);
		decrypt(ctx);
	}
}

static void bare_there_and_back(void *ctx, uint64_t iterations) {
	while (iterations-- > 0) {
		renew(ctx);
		bare_encrypt(ctx);
		bare_decrypt(ctx);
	}
}

static void run_both(struct bench *b) {
	char name[2][128], tail[96];
	name_of(b, ENCRYPT, tail);
	snprintf(name[0], sizeof name[0], "there and back%s", tail + strlen(verbs[ENCRYPT]));
	snprintf(name[1], sizeof name[1], "bare there and back%s", tail + strlen(verbs[ENCRYPT]));
	bench_run(&(struct bench_case){.bench = "srtp", .name = name[0], .run = there_and_back, .ctx = b, .items = b->batch});
	bench_run(
		&(struct bench_case){.bench = "srtp", .name = name[1], .run = bare_there_and_back, .ctx = b, .items = b->batch});
}

static void bench_one(enum srtp_profile profile, enum aead_backend backend, size_t size, size_t batch) {
	static struct bench b;
	static struct times t;
	b = (struct bench){.profile = profile, .backend = backend, .size = size, .batch = batch};
	begin(&b);
	size_t samples = bench_is_fast() ? 3 : SAMPLES;
	if (wanted(&b)) {
		measure_for_gate(&b, &t, samples);
		report(&b, &t, samples);
	}
	if (batch > 1)
		run_both(&b);
	end(&b);
}

/* The back end is there when a cipher of it can be made. */
static bool has(enum srtp_profile profile, enum aead_backend backend) {
	static const uint8_t key[SRTP_KEY_MAX];
	struct srtp_cipher *c = srtp_cipher_new(bench_env(), profile, SRTP_RTP, AEAD_SEAL, backend, key, key);
	srtp_cipher_free(c);
	return c != NULL;
}

static int take_gate(int argc, char **argv) {
	if (argc < 3 || strcmp(argv[1], "--gate") != 0)
		return 0;
	gate = strtod(argv[2], NULL);
	return 2;
}

int main(int argc, char **argv) {
	static const size_t sizes[] = {1200, 200}, batches[] = {SRTP_RUN, 1};
	int taken = take_gate(argc, argv);
	argv[taken] = argv[0];
	bench_begin(argc - taken, argv + taken);
	for (int profile = 0; profile < SRTP_PROFILES; profile++)
		for (int backend = AEAD_EVP; backend <= AEAD_IPSEC_MB; backend++)
			for (size_t i = 0; i < 4 && has((enum srtp_profile)profile, (enum aead_backend)backend); i++)
				bench_one((enum srtp_profile)profile, (enum aead_backend)backend, sizes[i / 2], batches[i % 2]);
	return bench_end() || too_slow;
}
