/* aead: which back end does a suite have? */
#include "crypto/aead_ops.h"

#ifdef SLUICE_IPSEC_MB
#define IPSEC_MB_128 (&aead_ipsec_mb_128)
#define IPSEC_MB_256 (&aead_ipsec_mb_256)
#else
#define IPSEC_MB_128 NULL
#define IPSEC_MB_256 NULL
#endif

/* NULL: the suite has no such back end. ipsec-mb is the faster one wherever it runs: 83 ns beside 165 (OpenSSL 3.5) or 350 (3.0)
 * for 1,200 bytes of AES-128-GCM. */
static const struct suite {
	size_t key_size;
	const struct aead_ops *ipsec_mb, *evp;
} suites[] = {
	[AEAD_AES_128_GCM] = {16, IPSEC_MB_128, &aead_evp},
	[AEAD_AES_256_GCM] = {32, IPSEC_MB_256, &aead_evp},
	[AEAD_CHACHA20_POLY1305] = {32, NULL, &aead_evp},
};

size_t aead_key_size(enum aead_suite suite) {
	return suites[suite].key_size;
}

struct aead *aead_new(sluice_env *env, enum aead_suite suite, enum aead_use use, enum aead_backend backend, const uint8_t *key) {
	const struct suite *s = &suites[suite];
	struct aead *a = NULL;
	if (backend != AEAD_EVP && s->ipsec_mb)
		a = s->ipsec_mb->make(env, suite, use, key);
	if (!a && backend != AEAD_IPSEC_MB)
		a = s->evp->make(env, suite, use, key);
	return a;
}

void aead_free(struct aead *a) {
	if (a)
		a->ops->free(a);
}

void aead_expect_records(struct aead *a, const uint8_t fixed[AEAD_FIXED_SIZE]) {
	if (a->ops->expect_records)
		a->ops->expect_records(a, fixed);
}

bool aead_seal(struct aead *a, struct aead_job *jobs, size_t count) {
	return a->ops->seal(a, jobs, count);
}

size_t aead_open(struct aead *a, struct aead_job *jobs, size_t count) {
	return a->ops->open(a, jobs, count);
}

const char *aead_backend_name(const struct aead *a) {
	return a->ops->name;
}
