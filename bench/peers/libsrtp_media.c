/* libsrtp_media: what does libsrtp cost a packet? The cases are those of bench_srtp: packets of 1,200 and of 200 bytes, header
 * included, in turns of 32, encrypted and decrypted where they lie. libsrtp has no batches, so each packet is a call. The
 * cipher is that of the library as it was built: Debian's libsrtp2 calls NSS. CIPHERS says it in the version. A line of JSON a
 * case. */
#include <srtp2/srtp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifndef CIPHERS
#define CIPHERS "unknown ciphers"
#endif

#define RUN 32
#define TURNS 50
#define BATCHES 15
#define BATCHES_FAST 9

struct pair {
	srtp_t out, in;
	int size, len[RUN];
	uint16_t number;
	uint8_t packets[RUN][1200 + SRTP_MAX_TRAILER_LEN] __attribute__((aligned(8)));
};

struct step {
	const char *verb;
	void (*run)(struct pair *p);
	double samples[BATCHES];
	uint64_t allocs;
};

/* ---- allocations: those of the libraries come by here, too ---- */

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
static uint64_t allocs;

void *malloc(size_t size) {
	allocs++;
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
	allocs++;
	return __libc_calloc(count, size);
}

void *realloc(void *at, size_t size) {
	allocs++;
	return __libc_realloc(at, size);
}

/* ---- steps ---- */

static void must(srtp_err_status_t status) {
	if (status == srtp_err_status_ok)
		return;
	fprintf(stderr, "libsrtp_media: status %d\n", (int)status);
	exit(1);
}

static void renew(struct pair *p) {
	for (int i = 0; i < RUN; i++, p->number++) {
		p->packets[i][2] = (uint8_t)(p->number >> 8);
		p->packets[i][3] = (uint8_t)p->number;
		p->len[i] = p->size;
	}
}

static void encrypt(struct pair *p) {
	for (int i = 0; i < RUN; i++)
		must(srtp_protect(p->out, p->packets[i], &p->len[i]));
}

static void decrypt(struct pair *p) {
	for (int i = 0; i < RUN; i++)
		must(srtp_unprotect(p->in, p->packets[i], &p->len[i]));
}

static struct step steps[] = {{.verb = "encrypt", .run = encrypt}, {.verb = "decrypt", .run = decrypt}};

/* ---- times ---- */

static int by_value(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* The median of the turns. */
static void take_sample(struct pair *p, int sample) {
	double took[2][TURNS];
	for (int turn = 0; turn < TURNS; turn++) {
		renew(p);
		for (int s = 0; s < 2; s++) {
			uint64_t before = allocs;
			double start = now();
			steps[s].run(p);
			took[s][turn] = (now() - start) / RUN;
			steps[s].allocs += allocs - before;
		}
	}
	for (int s = 0; s < 2; s++) {
		qsort(took[s], TURNS, sizeof took[s][0], by_value);
		steps[s].samples[sample] = took[s][TURNS / 2];
	}
}

static void report(struct step *s, const char *profile, int size, int count) {
	const char *version = strrchr(srtp_get_version_string(), ' ');
	qsort(s->samples, (size_t)count, sizeof s->samples[0], by_value);
	printf("{\"stack\":\"libsrtp\",\"version\":\"%s by " CIPHERS "\",", version ? version + 1 : "");
	printf("\"case\":\"srtp: %s, %s, %d bytes\",", s->verb, profile, size);
	printf("\"ns\":%.3f,\"low\":%.3f,\"high\":%.3f,", s->samples[count / 2], s->samples[0], s->samples[count - 1]);
	printf("\"n\":%d,\"allocs\":%.3f}\n", count, (double)s->allocs / (count * TURNS * RUN));
}

static void begin(struct pair *p, srtp_profile_t profile, int size) {
	static uint8_t key[SRTP_MAX_KEY_LEN] = {1, 2, 3};
	srtp_policy_t policy = {.ssrc = {.type = ssrc_any_outbound}, .key = key, .window_size = 1024};
	memset(p, 0, sizeof *p);
	must(srtp_crypto_policy_set_from_profile_for_rtp(&policy.rtp, profile));
	must(srtp_crypto_policy_set_from_profile_for_rtcp(&policy.rtcp, profile));
	must(srtp_create(&p->out, &policy));
	policy.ssrc.type = ssrc_any_inbound;
	must(srtp_create(&p->in, &policy));
	p->size = size;
	for (int i = 0; i < RUN; i++) {
		p->packets[i][0] = 0x80;
		p->packets[i][11] = 1;
	}
}

static void measure(srtp_profile_t profile, const char *name, int size, int count) {
	static struct pair p;
	begin(&p, profile, size);
	take_sample(&p, 0);
	steps[0].allocs = steps[1].allocs = 0;
	for (int i = 0; i < count; i++)
		take_sample(&p, i);
	for (int s = 0; s < 2; s++)
		report(&steps[s], name, size, count);
	must(srtp_dealloc(p.out));
	must(srtp_dealloc(p.in));
}

int main(int argc, char **argv) {
	int count = argc > 1 && strcmp(argv[1], "--fast") == 0 ? BATCHES_FAST : BATCHES;
	static const int sizes[] = {1200, 200};
	must(srtp_init());
	for (int i = 0; i < 2; i++) {
		measure(srtp_profile_aes128_cm_sha1_80, "AES128_CM_SHA1_80", sizes[i], count);
		measure(srtp_profile_aead_aes_128_gcm, "AEAD_AES_128_GCM", sizes[i], count);
	}
	must(srtp_shutdown());
	return 0;
}
