/* bench_dtls: what does it cost to seal and to open a record, beside the cipher call alone and beside OpenSSL's records, and what
 * does a handshake cost?
 *
 * Records are 1,200 bytes long, header and tag included, in batches of 40, as one GSO send or GRO read brings them; a batch
 * stays in the second-level cache. A record opens only once, so sealing and opening take turns, and each is timed by
 * itself, a batch at a time; a sample is the median of a hundred batches, so that a batch in which the processor did something
 * else does not count. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bare_cipher.h"
#include "dtls/dtls.h"
#include "harness.h"
#include "openssl_pair.h"

#define RECORD 1200
#define BATCH 40
#define SAMPLES 41
#define BATCHES_PER_SAMPLE 100

/* ---- two ends in memory ---------------------------------------------------------------------------------------------- */

struct ends {
	sluice_certificate *certificate[2];
	struct dtls *end[2];
};

/* Everything that one end has to say, to the other. */
static void carry(struct dtls *from, struct dtls *to) {
	uint8_t space[4096];
	sluice_batch b = {.data = space, .capacity = sizeof space};
	while (dtls_output(from, &b, 0) > 0)
		for (size_t i = 0; i < b.count; i++) {
			sluice_datagram in = {.data = sluice_batch_slot(&b, i), .len = sluice_batch_slot_len(&b, i)};
			dtls_open(to, &in, 1, NULL, 0, 0);
		}
}

static void connect_ends(struct ends *e, const char *ciphers) {
	for (int i = 0; i < 2; i++) {
		struct dtls_config config = {
			.client = i == 0, .certificate = e->certificate[i], .mtu = RECORD, .ciphers = ciphers};
		BENCH_MUST(sluice_certificate_fingerprint(e->certificate[1 - i], SLUICE_SHA256, &config.remote) == 0);
		BENCH_MUST(dtls_new(bench_env(), &config, &e->end[i]) == 0);
	}
	BENCH_MUST(dtls_start(e->end[1], 0) == 0 && dtls_start(e->end[0], 0) == 0);
	for (int round = 0; round < 2; round++) {
		carry(e->end[0], e->end[1]);
		carry(e->end[1], e->end[0]);
	}
	BENCH_MUST(dtls_state(e->end[0]) == DTLS_CONNECTED && dtls_state(e->end[1]) == DTLS_CONNECTED);
}

static void disconnect_ends(struct ends *e) {
	dtls_free(e->end[0]);
	dtls_free(e->end[1]);
}

/* ---- seal and open --------------------------------------------------------------------------------------------------- */

struct times {
	double seal[SAMPLES], open[SAMPLES]; /* ns a record */
	uint64_t allocs;
};

static uint8_t space[BATCH * RECORD];

static void seal_batch(struct dtls *d) {
	sluice_batch b = {.data = space, .capacity = sizeof space, .count = BATCH, .stride = RECORD, .last = RECORD};
	b.headroom = dtls_headroom(d);
	b.tailroom = dtls_tailroom(d);
	BENCH_MUST(dtls_seal(d, &b) == 0);
}

static void open_batch(struct dtls *d) {
	sluice_datagram in[BATCH], out[BATCH];
	for (size_t i = 0; i < BATCH; i++)
		in[i] = (sluice_datagram){.data = space + i * RECORD, .len = RECORD};
	BENCH_MUST(dtls_open(d, in, BATCH, out, BATCH, 0) == BATCH);
}

static void seal_with_sluice(void *end) {
	seal_batch(((struct ends *)end)->end[0]);
}
static void open_with_sluice(void *end) {
	open_batch(((struct ends *)end)->end[1]);
}

static size_t openssl_plaintext;

static void seal_with_openssl(void *pair) {
	for (size_t i = 0; i < BATCH; i++)
		BENCH_MUST(openssl_seal(&((struct openssl_pair *)pair)->client, space + i * RECORD, openssl_plaintext,
		                        space + i * RECORD, RECORD) == RECORD);
}
static void open_with_openssl(void *pair) {
	for (size_t i = 0; i < BATCH; i++)
		BENCH_MUST(openssl_open(&((struct openssl_pair *)pair)->server, space + i * RECORD, RECORD, space + i * RECORD,
		                        RECORD) == openssl_plaintext);
}

/* The cipher calls that a batch of records comes down to, with nothing else done to the records. */
#define RECORD_AAD 13

struct bare_pair {
	struct bare_key *sealer, *opener;
	size_t text_at;
};

static void seal_with_cipher(void *pair) {
	static const uint8_t aad[RECORD_AAD], nonce[BARE_NONCE];
	const struct bare_pair *p = pair;
	for (size_t i = 0; i < BATCH; i++)
		bare_seal(p->sealer, space + i * RECORD + p->text_at, RECORD - p->text_at - BARE_TAG, aad, sizeof aad, nonce);
}
static void open_with_cipher(void *pair) {
	static const uint8_t aad[RECORD_AAD], nonce[BARE_NONCE];
	const struct bare_pair *p = pair;
	for (size_t i = 0; i < BATCH; i++)
		BENCH_MUST(bare_open(p->opener, space + i * RECORD + p->text_at, RECORD - p->text_at - BARE_TAG, aad, sizeof aad,
		                     nonce));
}

static int by_time(const void *a, const void *b) {
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* ns a record. */
static double median_of(uint64_t *batches) {
	qsort(batches, BATCHES_PER_SAMPLE, sizeof *batches, by_time);
	return (double)batches[BATCHES_PER_SAMPLE / 2] / BATCH;
}

static void take_turns(struct times *t, size_t samples, void (*seal)(void *), void (*open)(void *), void *ctx) {
	seal(ctx);
	open(ctx);
	uint64_t allocs = bench_allocs();
	for (size_t s = 0; s < samples; s++) {
		uint64_t sealing[BATCHES_PER_SAMPLE], opening[BATCHES_PER_SAMPLE];
		for (int i = 0; i < BATCHES_PER_SAMPLE; i++) {
			uint64_t start = bench_now();
			seal(ctx);
			uint64_t sealed = bench_now();
			open(ctx);
			sealing[i] = sealed - start;
			opening[i] = bench_now() - sealed;
		}
		t->seal[s] = median_of(sealing);
		t->open[s] = median_of(opening);
	}
	t->allocs = bench_allocs() - allocs;
}

static void report(const char *suite, const char *who, const struct times *t, size_t samples) {
	static const char *const verbs[] = {"seal", "open"};
	char name[64], extra[64];
	snprintf(extra, sizeof extra, "\"allocs_per_record\":%.3f",
	         (double)t->allocs / (double)(samples * BATCHES_PER_SAMPLE * BATCH));
	for (int v = 0; v < 2; v++) {
		snprintf(name, sizeof name, "%s, %s, %s", verbs[v], suite, who);
		bench_report(&(struct bench_figure){.bench = "dtls",
		                                    .name = name,
		                                    .unit = "ns",
		                                    .values = v == 0 ? t->seal : t->open,
		                                    .count = samples,
		                                    .extra = extra});
	}
}

static bool wants_suite(const char *suite, const char *who) {
	char name[2][64];
	snprintf(name[0], sizeof name[0], "seal, %s, %s", suite, who);
	snprintf(name[1], sizeof name[1], "open, %s, %s", suite, who);
	bool seal = bench_wants("dtls", name[0]), open = bench_wants("dtls", name[1]);
	return seal || open;
}

/* For counting instructions: a batch sealed and opened again. */
static void there_and_back(void *ctx, uint64_t iterations) {
	while (iterations-- > 0) {
		seal_with_sluice(ctx);
		open_with_sluice(ctx);
	}
}

static void count_instructions(struct ends *e, const char *suite, const char *cipher) {
	char name[64];
	snprintf(name, sizeof name, "there and back, %s", suite);
	connect_ends(e, cipher);
	bench_run(&(struct bench_case){.bench = "dtls", .name = name, .run = there_and_back, .ctx = e, .items = BATCH});
	disconnect_ends(e);
}

/* The back end that crypto/aead.h prefers for the suite. */
static void bench_cipher(const char *suite, size_t text_at, struct times *t, size_t samples) {
	static const uint8_t key[32], nonce[BARE_NONCE];
	bool has_explicit_nonce = text_at > OPENSSL_GCM_OVERHEAD - 8 - BARE_TAG;
	struct bare_pair p = {.text_at = text_at};
	enum bare_library library = BARE_IPSEC_MB;
	if (!wants_suite(suite, "bare cipher"))
		return;
	p.sealer = bare_key_new(library, suite, true, key);
	if (!p.sealer)
		p.sealer = bare_key_new(library = BARE_EVP, suite, true, key);
	p.opener = bare_key_new(library, suite, false, key);
	BENCH_MUST(p.sealer && p.opener);
	if (has_explicit_nonce) {
		bare_expect_records(p.sealer, nonce);
		bare_expect_records(p.opener, nonce);
	}
	take_turns(t, samples, seal_with_cipher, open_with_cipher, &p);
	report(suite, "bare cipher", t, samples);
	bare_key_free(p.sealer);
	bare_key_free(p.opener);
}

static void bench_suite(struct ends *e, const char *suite, const char *cipher, size_t overhead) {
	static struct times t;
	size_t samples = bench_is_fast() ? 3 : SAMPLES;
	if (bench_is_counting())
		count_instructions(e, suite, cipher);
	if (wants_suite(suite, "sluice")) {
		connect_ends(e, cipher);
		take_turns(&t, samples, seal_with_sluice, open_with_sluice, e);
		report(suite, "sluice", &t, samples);
		disconnect_ends(e);
	}
	bench_cipher(suite, RECORD - BARE_TAG - (RECORD - overhead), &t, samples);
	if (wants_suite(suite, "OpenSSL alone")) {
		struct openssl_pair pair;
		openssl_pair_open(&pair, cipher);
		openssl_plaintext = RECORD - overhead;
		take_turns(&t, samples, seal_with_openssl, open_with_openssl, &pair);
		report(suite, "OpenSSL alone", &t, samples);
		openssl_pair_close(&pair);
	}
}

/* ---- handshakes ------------------------------------------------------------------------------------------------------ */

static void shake_hands(void *ctx, uint64_t iterations) {
	struct ends *e = ctx;
	while (iterations-- > 0) {
		connect_ends(e, NULL);
		disconnect_ends(e);
	}
}

static void generate(void *ctx, uint64_t iterations) {
	(void)ctx;
	while (iterations-- > 0) {
		sluice_certificate *c;
		BENCH_MUST(sluice_certificate_generate(&c) == 0);
		sluice_certificate_release(c);
	}
}

int main(int argc, char **argv) {
	static struct ends e;
	bench_begin(argc, argv);
	for (int i = 0; i < 2; i++)
		BENCH_MUST(sluice_certificate_generate(&e.certificate[i]) == 0);
	bench_suite(&e, "AES-128-GCM", OPENSSL_AES128_GCM, OPENSSL_GCM_OVERHEAD);
	bench_suite(&e, "ChaCha20-Poly1305", OPENSSL_CHACHA20_POLY1305, OPENSSL_GCM_OVERHEAD - 8);
	bench_run(&(struct bench_case){.bench = "dtls", .name = "handshake, both ends", .run = shake_hands, .ctx = &e});
	bench_run(&(struct bench_case){.bench = "dtls", .name = "certificate", .run = generate});
	for (int i = 0; i < 2; i++)
		sluice_certificate_release(e.certificate[i]);
	return bench_end();
}
