/* aead_evp: AEAD by OpenSSL's EVP, on every CPU and for every suite.
 *
 * The cipher is fetched once in a process, and each object sets its key once. A record then costs four or five calls: the nonce,
 * the AAD, the text, the end, and the tag, which goes through parameters that are laid out once for a run. None of these calls
 * allocates. */
#include "crypto/aead_ops.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "pool/env.h"

/* 24 bytes, and 1,152 to 1,216 of OpenSSL's. */
struct evp_aead {
	struct aead base;
	/* OpenSSL's own memory, which holds the key. EVP_CIPHER_CTX_free() wipes it. */
	EVP_CIPHER_CTX *ctx;
};

/* ---- making one ------------------------------------------------------------------------------------------------- */

static const char *const names[] = {
	[AEAD_AES_128_GCM] = "AES-128-GCM",
	[AEAD_AES_256_GCM] = "AES-256-GCM",
	[AEAD_CHACHA20_POLY1305] = "ChaCha20-Poly1305",
};

#define SUITES (sizeof names / sizeof *names)

/* Kept for the life of the process, for any thread. NULL: the library refused, so each object looks its cipher up again. */
static EVP_CIPHER *fetched[SUITES];

static void fetch_all(void) {
	for (size_t i = 0; i < SUITES; i++)
		fetched[i] = EVP_CIPHER_fetch(NULL, names[i], NULL);
}

static EVP_CIPHER *cipher_get(enum aead_suite suite) {
	static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
	if (CRYPTO_THREAD_run_once(&once, fetch_all) == 1 && fetched[suite] && EVP_CIPHER_up_ref(fetched[suite]))
		return fetched[suite];
	return EVP_CIPHER_fetch(NULL, names[suite], NULL);
}

static EVP_CIPHER_CTX *context_new(enum aead_suite suite, enum aead_use use, const uint8_t *key) {
	EVP_CIPHER *cipher = cipher_get(suite);
	EVP_CIPHER_CTX *ctx = cipher ? EVP_CIPHER_CTX_new() : NULL;
	bool keyed = ctx && EVP_CipherInit_ex2(ctx, cipher, key, NULL, use == AEAD_SEAL, NULL);
	EVP_CIPHER_free(cipher);
	if (keyed)
		return ctx;
	EVP_CIPHER_CTX_free(ctx);
	return NULL;
}

static struct aead *evp_make(sluice_env *env, enum aead_suite suite, enum aead_use use, const uint8_t *key) {
	struct evp_aead *a = env->allocator.alloc(env->allocator.ctx, sizeof *a);
	if (!a)
		return NULL;
	ERR_set_mark();
	*a = (struct evp_aead){.base = {.ops = &aead_evp, .env = env}, .ctx = context_new(suite, use, key)};
	ERR_pop_to_mark();
	if (a->ctx)
		return &a->base;
	env->allocator.free(env->allocator.ctx, a);
	return NULL;
}

static void evp_free(struct aead *base) {
	sluice_env *env = base->env;
	EVP_CIPHER_CTX_free(((struct evp_aead *)base)->ctx);
	env->allocator.free(env->allocator.ctx, base);
}

/* ---- records ---------------------------------------------------------------------------------------------------- */

static OSSL_PARAM tag_param(void) {
	return (OSSL_PARAM){.key = OSSL_CIPHER_PARAM_AEAD_TAG, .data_type = OSSL_PARAM_OCTET_STRING, .data_size = AEAD_TAG_SIZE};
}

/* tag: two parameters, of which the first gets the tag's place. */
static bool seal_one(EVP_CIPHER_CTX *ctx, const struct aead_job *j, OSSL_PARAM *tag) {
	int n;
	tag->data = j->text + j->len;
	return EVP_EncryptInit_ex2(ctx, NULL, NULL, j->nonce, NULL) &&
	       (j->aad_len == 0 || EVP_EncryptUpdate(ctx, NULL, &n, j->aad, (int)j->aad_len)) &&
	       (j->len == 0 || EVP_EncryptUpdate(ctx, j->text, &n, j->text, (int)j->len)) &&
	       EVP_EncryptFinal_ex(ctx, tag->data, &n) && EVP_CIPHER_CTX_get_params(ctx, tag);
}

static bool open_one(EVP_CIPHER_CTX *ctx, const struct aead_job *j, OSSL_PARAM *tag) {
	int n;
	tag->data = j->text + j->len;
	return EVP_DecryptInit_ex2(ctx, NULL, NULL, j->nonce, NULL) && EVP_CIPHER_CTX_set_params(ctx, tag) &&
	       (j->aad_len == 0 || EVP_DecryptUpdate(ctx, NULL, &n, j->aad, (int)j->aad_len)) &&
	       (j->len == 0 || EVP_DecryptUpdate(ctx, j->text, &n, j->text, (int)j->len)) &&
	       EVP_DecryptFinal_ex(ctx, tag->data, &n);
}

static bool evp_seal(struct aead *base, struct aead_job *jobs, size_t count) {
	EVP_CIPHER_CTX *ctx = ((struct evp_aead *)base)->ctx;
	OSSL_PARAM tag[] = {tag_param(), OSSL_PARAM_END};
	size_t i = 0;
	while (i < count && seal_one(ctx, &jobs[i], tag))
		i++;
	return i == count;
}

/* A wrong tag puts nothing into the error queue, from OpenSSL 3.0 to 4.0; tests/test_aead.c checks it. So no mark is set there,
 * which would take 20 to 35 ns for each run. */
static size_t evp_open(struct aead *base, struct aead_job *jobs, size_t count) {
	EVP_CIPHER_CTX *ctx = ((struct evp_aead *)base)->ctx;
	OSSL_PARAM tag[] = {tag_param(), OSSL_PARAM_END};
	size_t failed = 0;
	for (size_t i = 0; i < count; i++)
		failed += jobs[i].failed = !open_one(ctx, &jobs[i], tag);
	return failed;
}

const struct aead_ops aead_evp = {.name = "EVP", .make = evp_make, .free = evp_free, .seal = evp_seal, .open = evp_open};
