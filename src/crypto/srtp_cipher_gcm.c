/* srtp_cipher_gcm: the AEAD profiles of SRTP, which are aead.h's AES-GCM with nothing added. */
#include "crypto/srtp_cipher_ops.h"

#include "base/prefetch.h"
#include "pool/env.h"

struct gcm_cipher {
	struct srtp_cipher base;
	struct aead *aead;
};

static struct srtp_cipher *make(sluice_env *env, struct srtp_cipher_args args, const struct srtp_cipher_ops *ops) {
	struct gcm_cipher *c = env_alloc(env, sizeof *c);
	if (!c)
		return NULL;
	*c = (struct gcm_cipher){.base = {.ops = ops, .env = env},
	                         .aead = aead_new(env, args.suite, args.use, args.backend, args.key)};
	if (c->aead)
		return &c->base;
	env_free(env, c);
	return NULL;
}

static void gcm_free(struct srtp_cipher *base) {
	aead_free(((struct gcm_cipher *)base)->aead);
	env_free(base->env, base);
}

static bool gcm_seal(struct srtp_cipher *base, union srtp_run *run, size_t count) {
	return aead_seal(((struct gcm_cipher *)base)->aead, run->aead, count);
}

static size_t gcm_open(struct srtp_cipher *base, union srtp_run *run, size_t count) {
	return aead_open(((struct gcm_cipher *)base)->aead, run->aead, count);
}

static struct srtp_cipher *evp_make(sluice_env *env, struct srtp_cipher_args args) {
	return make(env, args, &srtp_cipher_gcm_evp);
}

const struct srtp_cipher_ops srtp_cipher_gcm_evp = {
	.name = "EVP", .make = evp_make, .free = gcm_free, .seal = gcm_seal, .open = gcm_open};

#ifdef SLUICE_IPSEC_MB
/* AES-GCM's round keys and the first powers of its hash key; a packet of 1,200 bytes hides the way of the others. */
#define KEY_BYTES 320

static void gcm_prefetch(const struct srtp_cipher *base) {
	prefetch(((const struct gcm_cipher *)base)->aead, KEY_BYTES);
}

static struct srtp_cipher *mb_make(sluice_env *env, struct srtp_cipher_args args) {
	return make(env, args, &srtp_cipher_gcm_ipsec_mb);
}

const struct srtp_cipher_ops srtp_cipher_gcm_ipsec_mb = {
	.name = "ipsec-mb", .make = mb_make, .free = gcm_free, .seal = gcm_seal, .open = gcm_open, .prefetch = gcm_prefetch};
#endif
