/* aead: which back end does a suite have? */
#include "crypto/aead_ops.h"

static const struct suite {
	size_t key_size;
	const struct aead_ops *backend[AEAD_IPSEC_MB + 1]; /* NULL: it is not there */
} suites[] = {
	/* suite                   key  best       EVP */
	[AEAD_AES_128_GCM] = {16, {&aead_evp, &aead_evp}},
	[AEAD_AES_256_GCM] = {32, {&aead_evp, &aead_evp}},
	[AEAD_CHACHA20_POLY1305] = {32, {&aead_evp, &aead_evp}},
};

size_t aead_key_size(enum aead_suite suite) {
	return suites[suite].key_size;
}

struct aead *aead_new(sluice_env *env, enum aead_suite suite, enum aead_use use, enum aead_backend backend, const uint8_t *key) {
	const struct aead_ops *ops = suites[suite].backend[backend];
	return ops ? ops->new (env, suite, use, key) : NULL;
}

void aead_free(struct aead *a) {
	if (a)
		a->ops->free(a);
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
