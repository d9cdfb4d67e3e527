/* AEADs whose texts are records of TLS 1.2: are the bytes those of the general calls, which nonces are used, what does a wrong
 * bit do, and what about a library that does not know records? */
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "counted.h"
#include "crypto/aead.h"
#include "pool/env.h"
#include "suite.h"

/* ---- records ----------------------------------------------------------------------------------------------------------- */

#define EXPLICIT 8
#define AAD 13
#define TEXT_MAX 16384
#define UNTOUCHED 0xa5

static const uint8_t key[AEAD_KEY_MAX] = {9, 8, 7, [15] = 6, [16] = 5, [31] = 4}, fixed[AEAD_FIXED_SIZE] = {1, 2, 3, 4};
static const char *const names[] = {"AES-128-GCM", "AES-256-GCM"};

struct record {
	struct aead_job job;
	uint8_t aad[AAD];
	uint8_t bytes[EXPLICIT + TEXT_MAX + AEAD_TAG_SIZE + 1];
};

static uint8_t text_byte(size_t len, size_t i) {
	return (uint8_t)(i * i + len);
}

/* Plaintext. Nothing stands before and behind it yet. */
static void record_make(struct record *r, uint64_t number, size_t len) {
	r->job = (struct aead_job){.text = r->bytes + EXPLICIT, .len = len, .aad = r->aad, .aad_len = AAD};
	memcpy(r->job.nonce, fixed, sizeof fixed);
	put_be64(r->job.nonce + sizeof fixed, number);
	put_be64(r->aad, number + 77);
	memcpy(r->aad + 8, (const uint8_t[]){23, 0xfe, 0xfd, (uint8_t)(len >> 8), (uint8_t)len}, 5);
	memset(r->bytes, UNTOUCHED, EXPLICIT);
	for (size_t i = 0; i < len; i++)
		r->job.text[i] = text_byte(len, i);
	memset(r->job.text + len, UNTOUCHED, AEAD_TAG_SIZE + 1);
}

static bool text_is_plain(const struct record *r) {
	for (size_t i = 0; i < r->job.len; i++)
		if (r->job.text[i] != text_byte(r->job.len, i))
			return false;
	return true;
}

struct both {
	struct aead *seal, *open;
};

static sluice_env *env_new(void) {
	sluice_env *env;
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	return env;
}

static struct both both_new(sluice_env *env, int suite, int backend) {
	return (struct both){.seal = aead_new(env, (enum aead_suite)suite, AEAD_SEAL, (enum aead_backend)backend, key),
	                     .open = aead_new(env, (enum aead_suite)suite, AEAD_OPEN, (enum aead_backend)backend, key)};
}

static void both_expect_records(const struct both *b) {
	aead_expect_records(b->seal, fixed);
	aead_expect_records(b->open, fixed);
	ck_assert_uint_eq(ERR_peek_error(), 0);
}

static void both_free(const struct both *b) {
	aead_free(b->seal);
	aead_free(b->open);
}

/* With AES-GCM of both sizes, by EVP and by the best back end. */
static void check_all(void (*check)(int suite, const struct both *b)) {
	sluice_env *env = env_new();
	for (int suite = AEAD_AES_128_GCM; suite <= AEAD_AES_256_GCM; suite++) {
		for (int backend = AEAD_BEST; backend <= AEAD_EVP; backend++) {
			struct both b = both_new(env, suite, backend);
			both_expect_records(&b);
			check(suite, &b);
			both_free(&b);
		}
	}
	sluice_env_free(env);
}

/* ---- the bytes --------------------------------------------------------------------------------------------------------- */

/* The same record by OpenSSL's general calls, in a context of its own. */
static void reference_seal(int suite, const struct aead_job *j, uint8_t *out) {
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, names[suite], NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;
	ck_assert(EVP_EncryptInit_ex2(ctx, cipher, key, j->nonce, NULL));
	ck_assert(EVP_EncryptUpdate(ctx, NULL, &n, j->aad, (int)j->aad_len));
	ck_assert(j->len == 0 || EVP_EncryptUpdate(ctx, out, &n, j->text, (int)j->len));
	ck_assert(EVP_EncryptFinal_ex(ctx, out + j->len, &n));
	ck_assert(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_SIZE, out + j->len));
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(cipher);
}

static void put_explicit(struct record *r) {
	memcpy(r->bytes, r->job.nonce + sizeof fixed, EXPLICIT);
}

static void check_record(int suite, const struct both *b, uint64_t number, size_t len) {
	static uint8_t expected[TEXT_MAX + AEAD_TAG_SIZE];
	static struct record r;
	record_make(&r, number, len);
	reference_seal(suite, &r.job, expected);
	ck_assert(aead_seal(b->seal, &r.job, 1));
	ck_assert_mem_eq(r.job.text, expected, len + AEAD_TAG_SIZE);
	put_explicit(&r);
	ck_assert_uint_eq(aead_open(b->open, &r.job, 1), 0);
	ck_assert(!r.job.failed && text_is_plain(&r));
	ck_assert_mem_eq(r.job.text + len, expected + len, AEAD_TAG_SIZE);
	ck_assert_uint_eq(r.job.text[len + AEAD_TAG_SIZE], UNTOUCHED);
}

static void check_lengths(int suite, const struct both *b) {
	uint64_t number = 5;
	for (size_t len = 0; len <= 1500; len++)
		check_record(suite, b, number++, len);
	check_record(suite, b, number, TEXT_MAX);
}

START_TEST(test_records_of_every_length_are_byte_for_byte_the_reference) {
	check_all(check_lengths);
}
END_TEST

/* OpenSSL counts the nonces itself. Where the caller's are others, those of the caller are used. */
static void check_nonces(int suite, const struct both *b) {
	static const uint64_t numbers[] = {1, 2, 3, 7, 8, 6, UINT64_MAX - 1, UINT64_MAX, 0, 255, 256, (uint64_t)1 << 48, 9};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		check_record(suite, b, numbers[i], 100);
}

START_TEST(test_the_nonces_are_those_of_the_caller) {
	check_all(check_nonces);
}
END_TEST

/* Only where the short calls are used, the library writes the explicit nonce. */
static bool writes_nonces(const struct both *b) {
	static struct record r;
	record_make(&r, 3, 20);
	ck_assert(aead_seal(b->seal, &r.job, 1));
	return get_be64(r.bytes) == 3;
}

START_TEST(test_evp_has_short_calls_once_records_are_promised) {
	sluice_env *env = env_new();
	for (int suite = AEAD_AES_128_GCM; suite <= AEAD_AES_256_GCM; suite++) {
		struct both b = both_new(env, suite, AEAD_EVP);
		ck_assert(!writes_nonces(&b));
		both_expect_records(&b);
		ck_assert(writes_nonces(&b));
		both_free(&b);
	}
	sluice_env_free(env);
}
END_TEST

/* ---- wrong bits -------------------------------------------------------------------------------------------------------- */

#define RUN 3
#define SHORT 37

static void check_run_with_flip(const struct both *b, const struct record *sealed, size_t bit) {
	static struct record run[RUN];
	struct aead_job jobs[RUN];
	memcpy(run, sealed, sizeof run);
	size_t in_record = 8 * (EXPLICIT + SHORT + AEAD_TAG_SIZE);
	if (bit < in_record)
		run[1].bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	else
		run[1].aad[(bit - in_record) / 8] ^= (uint8_t)(1 << bit % 8);
	for (size_t i = 0; i < RUN; i++) {
		run[i].job.text = run[i].bytes + EXPLICIT;
		run[i].job.aad = run[i].aad;
		memcpy(run[i].job.nonce + sizeof fixed, run[i].bytes, EXPLICIT);
		jobs[i] = run[i].job;
	}
	ck_assert_uint_eq(aead_open(b->open, jobs, RUN), 1);
	for (size_t i = 0; i < RUN; i++)
		ck_assert(i == 1 ? jobs[i].failed : !jobs[i].failed && text_is_plain(&run[i]));
	ck_assert_uint_eq(ERR_peek_error(), 0);
}

/* Of the AAD all bytes but the last two, which the promise is about. */
static void check_flips(int suite, const struct both *b) {
	static struct record sealed[RUN];
	(void)suite;
	for (size_t i = 0; i < RUN; i++) {
		record_make(&sealed[i], 40 + i, SHORT);
		ck_assert(aead_seal(b->seal, &sealed[i].job, 1));
		put_explicit(&sealed[i]);
	}
	for (size_t bit = 0; bit < 8 * (EXPLICIT + SHORT + AEAD_TAG_SIZE + AAD - 2); bit++)
		check_run_with_flip(b, sealed, bit);
}

START_TEST(test_any_wrong_bit_fails_its_record_and_no_other) {
	check_all(check_flips);
}
END_TEST

static void check_no_allocation(int suite, const struct both *b) {
	static struct record r;
	(void)suite;
	size_t before = allocations;
	for (size_t i = 0; i < 100; i++) {
		record_make(&r, i + i / 10, 1200); /* some numbers are left out */
		ck_assert(aead_seal(b->seal, &r.job, 1));
		put_explicit(&r);
		r.job.text[5] ^= i % 3 == 0;
		ck_assert_uint_eq(aead_open(b->open, &r.job, 1), i % 3 == 0);
	}
	ck_assert_uint_eq(allocations, before);
}

START_TEST(test_records_allocate_nothing_forged_ones_neither) {
	check_all(check_no_allocation);
}
END_TEST

/* ---- libraries that do not know records, or have no memory ------------------------------------------------------------ */

/* Whether expecting records needs more than n allocations, of which the n-th fails. Records work in either case. */
static bool begins_with_a_failure(size_t n) {
	sluice_env *env = env_new();
	struct both b = both_new(env, AEAD_AES_128_GCM, AEAD_EVP);
	fail_at = allocations + n;
	both_expect_records(&b);
	bool failed = allocations > fail_at;
	fail_at = SIZE_MAX;
	check_record(AEAD_AES_128_GCM, &b, 4, 200);
	check_record(AEAD_AES_128_GCM, &b, 5, 200);
	both_free(&b);
	sluice_env_free(env);
	return failed;
}

/* The library is tried at the first promise, each time in a process of its own here. */
START_TEST(test_records_work_when_memory_failed_at_the_first_promise) {
	int status = 1;
	for (size_t n = 0; status != 0; n++) {
		ck_assert_uint_lt(n, 500);
		pid_t child = fork();
		ck_assert_int_ge(child, 0);
		if (child == 0)
			_exit(begins_with_a_failure(n) ? 2 : 0);
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		ck_assert(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 2));
	}
}
END_TEST

/* A provider whose "AES-128-GCM" ignores parameters that it does not know, as a provider may. It copies each text, and every tag
 * is of zeros. Its call for a record checks no tag. */
struct odd {
	uint8_t tag[AEAD_TAG_SIZE], nonce[AEAD_NONCE_SIZE];
	bool seals;
};

/* That call writes nonces and tags, as if the records were sealed. */
static bool odd_pretends;

static void *odd_new(void *provider) {
	(void)provider;
	return calloc(1, sizeof(struct odd));
}

static void odd_free(void *ctx) {
	free(ctx);
}

static int odd_set(void *ctx, const OSSL_PARAM params[]) {
	struct odd *o = ctx;
	const OSSL_PARAM *tag = OSSL_PARAM_locate_const(params, OSSL_CIPHER_PARAM_AEAD_TAG);
	void *to = o->tag;
	return !tag || OSSL_PARAM_get_octet_string(tag, &to, sizeof o->tag, NULL);
}

static int odd_get(void *ctx, OSSL_PARAM params[]) {
	static const uint8_t zeros[AEAD_TAG_SIZE];
	(void)ctx;
	OSSL_PARAM *tag = OSSL_PARAM_locate(params, OSSL_CIPHER_PARAM_AEAD_TAG);
	OSSL_PARAM *iv = OSSL_PARAM_locate(params, OSSL_CIPHER_PARAM_IVLEN);
	OSSL_PARAM *key_len = OSSL_PARAM_locate(params, OSSL_CIPHER_PARAM_KEYLEN);
	return (!tag || OSSL_PARAM_set_octet_string(tag, zeros, sizeof zeros)) &&
	       (!iv || OSSL_PARAM_set_size_t(iv, AEAD_NONCE_SIZE)) && (!key_len || OSSL_PARAM_set_size_t(key_len, 16));
}

static int odd_get_of_cipher(OSSL_PARAM params[]) {
	static const struct {
		const char *name;
		size_t value;
	} sizes[] = {
		{OSSL_CIPHER_PARAM_IVLEN, AEAD_NONCE_SIZE}, {OSSL_CIPHER_PARAM_KEYLEN, 16}, {OSSL_CIPHER_PARAM_BLOCK_SIZE, 1}};
	static const char *const flags[] = {OSSL_CIPHER_PARAM_AEAD, OSSL_CIPHER_PARAM_CUSTOM_IV};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		OSSL_PARAM *p = OSSL_PARAM_locate(params, sizes[i].name);
		if (p && !OSSL_PARAM_set_size_t(p, sizes[i].value))
			return 0;
	}
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		OSSL_PARAM *p = OSSL_PARAM_locate(params, flags[i]);
		if (p && !OSSL_PARAM_set_int(p, 1))
			return 0;
	}
	return 1;
}

static int odd_init(struct odd *o, bool seals, const uint8_t *nonce, const OSSL_PARAM params[]) {
	o->seals = seals;
	if (nonce)
		memcpy(o->nonce, nonce, sizeof o->nonce);
	return !params || odd_set(o, params);
}

static int odd_seal(void *ctx, const unsigned char *k, size_t k_len, const unsigned char *iv, size_t iv_len,
                    const OSSL_PARAM params[]) {
	(void)k, (void)k_len, (void)iv_len;
	return odd_init(ctx, true, iv, params);
}

static int odd_open(void *ctx, const unsigned char *k, size_t k_len, const unsigned char *iv, size_t iv_len,
                    const OSSL_PARAM params[]) {
	(void)k, (void)k_len, (void)iv_len;
	return odd_init(ctx, false, iv, params);
}

static int odd_update(void *ctx, unsigned char *out, size_t *done, size_t room, const unsigned char *in, size_t len) {
	(void)ctx, (void)room;
	if (out && out != in)
		memcpy(out, in, len);
	*done = len;
	return 1;
}

static int odd_record(void *ctx, unsigned char *out, size_t *done, size_t room, const unsigned char *in, size_t len) {
	struct odd *o = ctx;
	if (odd_pretends && o->seals) {
		memcpy(out, o->nonce + sizeof fixed, EXPLICIT);
		memset(out + len - AEAD_TAG_SIZE, 0, AEAD_TAG_SIZE);
		o->nonce[AEAD_NONCE_SIZE - 1]++;
	}
	return odd_update(ctx, out, done, room, in, len);
}

static int odd_final(void *ctx, unsigned char *out, size_t *done, size_t room) {
	static const uint8_t zeros[AEAD_TAG_SIZE];
	const struct odd *o = ctx;
	(void)out, (void)room;
	*done = 0;
	return o->seals || memcmp(o->tag, zeros, sizeof zeros) == 0;
}

#define FUNCTION(id, f)                                                                                                          \
	{ OSSL_FUNC_CIPHER_##id, (void (*)(void))(f) }

static const OSSL_DISPATCH odd_cipher[] = {
	FUNCTION(NEWCTX, odd_new),
	FUNCTION(FREECTX, odd_free),
	FUNCTION(ENCRYPT_INIT, odd_seal),
	FUNCTION(DECRYPT_INIT, odd_open),
	FUNCTION(UPDATE, odd_update),
	FUNCTION(FINAL, odd_final),
	FUNCTION(CIPHER, odd_record),
	FUNCTION(GET_PARAMS, odd_get_of_cipher),
	FUNCTION(GET_CTX_PARAMS, odd_get),
	FUNCTION(SET_CTX_PARAMS, odd_set),
	{0, NULL},
};

static const OSSL_ALGORITHM *odd_query(void *provider, int operation, int *no_cache) {
	static const OSSL_ALGORITHM ciphers[] = {{"AES-128-GCM", "provider=odd", odd_cipher, NULL}, {NULL, NULL, NULL, NULL}};
	(void)provider;
	*no_cache = 0;
	return operation == OSSL_OP_CIPHER ? ciphers : NULL;
}

static int odd_begin(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out, void **provider) {
	static const OSSL_DISPATCH functions[] = {{OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))odd_query}, {0, NULL}};
	(void)in;
	*out = functions;
	*provider = (void *)(uintptr_t)handle;
	return 1;
}

static void check_with_odd_provider(void) {
	static struct record r;
	ck_assert(OSSL_PROVIDER_add_builtin(NULL, "odd", odd_begin));
	ck_assert(OSSL_PROVIDER_load(NULL, "default") && OSSL_PROVIDER_load(NULL, "odd"));
	ck_assert(EVP_set_default_properties(NULL, "?provider=odd"));
	sluice_env *env = env_new();
	struct both b = both_new(env, AEAD_AES_128_GCM, AEAD_EVP), other = both_new(env, AEAD_AES_256_GCM, AEAD_EVP);
	both_expect_records(&b);
	both_expect_records(&other);
	record_make(&r, 3, 20);
	ck_assert(aead_seal(b.seal, &r.job, 1) && text_is_plain(&r)); /* it is that provider */
	ck_assert_uint_eq(r.bytes[0], UNTOUCHED);
	r.job.text[20] ^= 1;
	ck_assert_uint_eq(aead_open(b.open, &r.job, 1), 1);
	ck_assert(writes_nonces(&other));
	both_free(&b);
	both_free(&other);
	sluice_env_free(env);
}

START_TEST(test_a_library_that_ignores_records_is_not_asked_for_them) {
	check_with_odd_provider();
}
END_TEST

START_TEST(test_a_library_that_checks_no_tag_of_records_is_not_asked_for_them) {
	odd_pretends = true;
	check_with_odd_provider();
}
END_TEST

SUITE("aead_records", test_records_of_every_length_are_byte_for_byte_the_reference, test_the_nonces_are_those_of_the_caller,
      test_evp_has_short_calls_once_records_are_promised, test_any_wrong_bit_fails_its_record_and_no_other,
      test_records_allocate_nothing_forged_ones_neither, test_records_work_when_memory_failed_at_the_first_promise,
      test_a_library_that_ignores_records_is_not_asked_for_them,
      test_a_library_that_checks_no_tag_of_records_is_not_asked_for_them)
