/* aead_evp: AEAD by OpenSSL's EVP, on every CPU and for every suite.
 *
 * The cipher is fetched once in a process, and each object sets its key once. A text then costs four or five calls: the nonce,
 * the AAD, the text, the end, and the tag, which goes through parameters that are laid out once for a run. A record of TLS costs
 * two: the AAD and the record. None of these calls allocates. */
#include "crypto/aead_ops.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "base/bytes.h"
#include "pool/env.h"

/* 32 bytes, and 1,152 to 1,216 of OpenSSL's. */
struct evp_aead {
	struct aead base;
	/* OpenSSL's own memory, which holds the key. EVP_CIPHER_CTX_free() wipes it. */
	EVP_CIPHER_CTX *ctx;
	/* The explicit nonce that OpenSSL gives the next record it seals. Unused where texts are no records. */
	uint64_t next;
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

/* ---- any text --------------------------------------------------------------------------------------------------- */

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

/* ---- records ---------------------------------------------------------------------------------------------------- */

/* The layout of RFC 5288, 3, and the AAD of RFC 5246, 6.2.3.3. */
#define EXPLICIT 8
#define AAD_SIZE 13
#define AAD_LENGTH 11

/* The AAD of a record as OpenSSL wants it, and the parameter that hands it over. */
struct record_aad {
	uint8_t bytes[AAD_SIZE];
	OSSL_PARAM params[2];
};

static void record_aad_init(struct record_aad *aad) {
	aad->params[0] = (OSSL_PARAM){.key = OSSL_CIPHER_PARAM_AEAD_TLS1_AAD,
	                              .data_type = OSSL_PARAM_OCTET_STRING,
	                              .data = aad->bytes,
	                              .data_size = AAD_SIZE};
	aad->params[1] = OSSL_PARAM_construct_end();
}

/* OpenSSL takes the length of the record as it is at first, and makes that of the text: `around` is what it takes away. The call
 * that does the rest is EVP_Cipher(), because only that leaves nothing in the error queue when a tag is wrong. */
static bool crypt_record(EVP_CIPHER_CTX *ctx, const struct aead_job *j, struct record_aad *aad, size_t around) {
	uint8_t *record = j->text - EXPLICIT;
	size_t len = EXPLICIT + j->len + AEAD_TAG_SIZE;
	memcpy(aad->bytes, j->aad, AAD_LENGTH);
	put_be16(aad->bytes + AAD_LENGTH, (uint16_t)(j->len + around));
	return EVP_CIPHER_CTX_set_params(ctx, aad->params) && EVP_Cipher(ctx, record, record, (unsigned)len) == (int)len;
}

/* OpenSSL counts the explicit nonces itself and writes them. The job has the last word: a record with another nonce fails. `next`
 * grows only behind a record that is good, so after a failure the place is set anew. */
static bool seal_record(struct evp_aead *a, const struct aead_job *j, struct record_aad *aad) {
	uint64_t explicit = get_be64(j->nonce + AEAD_NONCE_SIZE - EXPLICIT);
	if (explicit != a->next && !EVP_EncryptInit_ex2(a->ctx, NULL, NULL, j->nonce, NULL))
		return false;
	if (!crypt_record(a->ctx, j, aad, EXPLICIT) || get_be64(j->text - EXPLICIT) != explicit)
		return false;
	a->next = explicit + 1;
	return true;
}

static bool open_record(struct evp_aead *a, const struct aead_job *j, struct record_aad *aad) {
	return crypt_record(a->ctx, j, aad, EXPLICIT + AEAD_TAG_SIZE);
}

static bool seal_records(struct aead *base, struct aead_job *jobs, size_t count) {
	struct record_aad aad;
	size_t i = 0;
	record_aad_init(&aad);
	while (i < count && seal_record((struct evp_aead *)base, &jobs[i], &aad))
		i++;
	return i == count;
}

static size_t open_records(struct aead *base, struct aead_job *jobs, size_t count) {
	struct record_aad aad;
	size_t failed = 0;
	record_aad_init(&aad);
	for (size_t i = 0; i < count; i++)
		failed += jobs[i].failed = !open_record((struct evp_aead *)base, &jobs[i], &aad);
	return failed;
}

/* Tells OpenSSL that records come, which gives the explicit nonce a random beginning, and sets that to 0. */
static bool begin_records(struct evp_aead *a, const uint8_t *fixed) {
	uint8_t nonce[AEAD_NONCE_SIZE] = {0};
	memcpy(nonce, fixed, AEAD_FIXED_SIZE);
	OSSL_PARAM params[] = {{.key = OSSL_CIPHER_PARAM_AEAD_TLS1_IV_FIXED,
	                        .data_type = OSSL_PARAM_OCTET_STRING,
	                        .data = nonce,
	                        .data_size = AEAD_FIXED_SIZE},
	                       OSSL_PARAM_END};
	a->next = 0;
	return EVP_CIPHER_CTX_set_params(a->ctx, params) && EVP_CipherInit_ex2(a->ctx, NULL, NULL, nonce, -1, NULL);
}

/* ---- does this library know records? ------------------------------------------------------------------------------ */

/* A cipher of another provider may ignore a parameter that it does not know, and check no tag then. So a suite has records only
 * after two of them: one that the general calls open as well, and one with a wrong tag. */
#define TRIED 40

static bool try_right(struct evp_aead *seal, struct evp_aead *open, struct aead_job *j, struct record_aad *aad) {
	uint8_t sealed[TRIED + AEAD_TAG_SIZE], zeros[TRIED] = {0};
	OSSL_PARAM tag[] = {tag_param(), OSSL_PARAM_END};
	if (!seal_record(seal, j, aad))
		return false;
	memcpy(sealed, j->text, sizeof sealed);
	if (!open_one(open->ctx, j, tag) || memcmp(j->text, zeros, TRIED) != 0)
		return false;
	memcpy(j->text, sealed, sizeof sealed);
	return open_record(open, j, aad) && memcmp(j->text, zeros, TRIED) == 0;
}

static bool try_wrong(struct evp_aead *seal, struct evp_aead *open, struct aead_job *j, struct record_aad *aad) {
	j->nonce[AEAD_NONCE_SIZE - 1]++;
	if (!seal_record(seal, j, aad))
		return false;
	j->text[TRIED] ^= 1;
	return !open_record(open, j, aad);
}

static bool try_records(enum aead_suite suite) {
	static const uint8_t key[AEAD_KEY_MAX] = {1, 2, 3}, number[AAD_SIZE] = {[7] = 4, [AAD_LENGTH + 1] = TRIED};
	uint8_t record[EXPLICIT + TRIED + AEAD_TAG_SIZE] = {0};
	struct evp_aead seal = {.ctx = context_new(suite, AEAD_SEAL, key)}, open = {.ctx = context_new(suite, AEAD_OPEN, key)};
	struct aead_job j = {
		.text = record + EXPLICIT, .len = TRIED, .aad = number, .aad_len = AAD_SIZE, .nonce = {5, 6, 7, 8, [11] = 9}};
	struct record_aad aad;
	record_aad_init(&aad);
	bool good = seal.ctx && open.ctx && begin_records(&seal, j.nonce) && begin_records(&open, j.nonce) &&
	            try_right(&seal, &open, &j, &aad) && try_wrong(&seal, &open, &j, &aad);
	EVP_CIPHER_CTX_free(seal.ctx);
	EVP_CIPHER_CTX_free(open.ctx);
	return good;
}

static bool has_records[SUITES];

static void try_all(void) {
	has_records[AEAD_AES_128_GCM] = try_records(AEAD_AES_128_GCM);
	has_records[AEAD_AES_256_GCM] = try_records(AEAD_AES_256_GCM);
}

/* Only for the cipher that was tried. */
static bool knows_records(const struct evp_aead *a) {
	static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
	const EVP_CIPHER *cipher = EVP_CIPHER_CTX_get0_cipher(a->ctx);
	if (CRYPTO_THREAD_run_once(&once, try_all) != 1)
		return false;
	for (size_t i = 0; i < SUITES; i++)
		if (has_records[i] && cipher == fetched[i])
			return true;
	return false;
}

/* ---- the back end ------------------------------------------------------------------------------------------------- */

static const struct aead_ops with_records = {
	.name = "EVP", .make = evp_make, .free = evp_free, .seal = seal_records, .open = open_records};

static void evp_expect_records(struct aead *base, const uint8_t *fixed) {
	struct evp_aead *a = (struct evp_aead *)base;
	ERR_set_mark();
	if (knows_records(a) && begin_records(a, fixed))
		base->ops = &with_records;
	ERR_pop_to_mark();
}

const struct aead_ops aead_evp = {.name = "EVP",
                                  .make = evp_make,
                                  .free = evp_free,
                                  .seal = evp_seal,
                                  .open = evp_open,
                                  .expect_records = evp_expect_records};
