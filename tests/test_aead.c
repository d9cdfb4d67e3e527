/* AEADs: are they what the standards say, through every back end, what does a wrong tag do, and what do they allocate? */
#include <malloc.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/aead.h"
#include "pool/env.h"
#include "suite.h"

#ifdef SLUICE_IPSEC_MB
#include "crypto/ipsec_mb.h"
#endif

/* ---- every allocation is seen, and can be made to fail --------------------------------------------------------------- */

/* Atomic for the test with threads. */
static _Atomic size_t allocations, live_bytes;
static size_t fail_at = SIZE_MAX; /* the allocation with this number fails, and only that */

/* While a test watches: the blocks allocated so far that are not free, and how many of those freed contained the key. */
#define WATCHED 64
static bool watching;
static void *watched[WATCHED];
static size_t freed_with_key;

static bool has_key(const void *m);

static void watch(void *m) {
	for (size_t i = 0; watching && i < WATCHED; i++) {
		if (!watched[i]) {
			watched[i] = m;
			return;
		}
	}
}

static void unwatch(const void *m) {
	for (size_t i = 0; watching && i < WATCHED; i++) {
		if (m && watched[i] == m) {
			watched[i] = NULL;
			freed_with_key += has_key(m);
		}
	}
}

static void *counted_alloc(size_t size) {
	if (allocations++ == fail_at)
		return NULL;
	void *m = watching ? calloc(1, size) : malloc(size);
	live_bytes += malloc_usable_size(m);
	watch(m);
	return m;
}

static void counted_free(void *m) {
	unwatch(m);
	live_bytes -= malloc_usable_size(m);
	free(m);
}

static void *openssl_alloc(size_t size, const char *file, int line) {
	(void)file, (void)line;
	return counted_alloc(size);
}

static void *openssl_realloc(void *m, size_t size, const char *file, int line) {
	(void)file, (void)line;
	if (allocations++ == fail_at)
		return NULL;
	unwatch(m);
	live_bytes -= malloc_usable_size(m);
	void *moved = realloc(m, size);
	live_bytes += malloc_usable_size(moved);
	watch(moved);
	return moved;
}

static void openssl_free(void *m, const char *file, int line) {
	(void)file, (void)line;
	counted_free(m);
}

/* OpenSSL takes other functions only before its first allocation. */
__attribute__((constructor)) static void count_openssl(void) {
	if (CRYPTO_set_mem_functions(openssl_alloc, openssl_realloc, openssl_free) != 1)
		abort();
}

static void *env_counted_alloc(void *ctx, size_t size) {
	(void)ctx;
	return counted_alloc(size);
}

static void env_counted_free(void *ctx, void *m) {
	(void)ctx;
	counted_free(m);
}

static sluice_env *env_new(void) {
	static const sluice_env_config config = {.allocator = {.alloc = env_counted_alloc, .free = env_counted_free}};
	sluice_env *env;
	ck_assert_int_eq(sluice_env_new(&config, &env), 0);
	return env;
}

/* ---- suites and back ends ------------------------------------------------------------------------------------------ */

static const uint8_t key[AEAD_KEY_MAX] = {9, 8, 7, [15] = 6, [16] = 5, [31] = 4};

/* The expanded key of AES begins with the key, and so does the state of ChaCha20 behind its constants. */
static bool has_key(const void *m) {
	return memmem(m, malloc_usable_size((void *)(uintptr_t)m), key, 16) != NULL;
}

/* OpenSSL's. */
static const char *const names[] = {"AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305"};

static bool has_ipsec_mb(enum aead_suite suite) {
#ifdef SLUICE_IPSEC_MB
	return suite != AEAD_CHACHA20_POLY1305 && __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
#else
	(void)suite;
	return false;
#endif
}

static bool is_there(enum aead_suite suite, enum aead_backend backend) {
	return backend != AEAD_IPSEC_MB || has_ipsec_mb(suite);
}

/* Both directions under `key`. */
struct both {
	struct aead *seal, *open;
};

static struct both both_new(sluice_env *env, int suite, int backend) {
	struct both b = {
		.seal = aead_new(env, (enum aead_suite)suite, AEAD_SEAL, (enum aead_backend)backend, key),
		.open = aead_new(env, (enum aead_suite)suite, AEAD_OPEN, (enum aead_backend)backend, key),
	};
	ck_assert_ptr_nonnull(b.seal);
	ck_assert_ptr_nonnull(b.open);
	return b;
}

static void both_free(struct both *b) {
	aead_free(b->seal);
	aead_free(b->open);
}

/* Calls `check` for every suite and every back end that is there. */
static void check_all(void (*check)(sluice_env *env, int suite, const struct both *b)) {
	sluice_env *env = env_new();
	for (int suite = AEAD_AES_128_GCM; suite <= AEAD_CHACHA20_POLY1305; suite++) {
		for (int backend = AEAD_EVP; backend <= AEAD_IPSEC_MB; backend++) {
			if (!is_there((enum aead_suite)suite, (enum aead_backend)backend))
				continue;
			struct both b = both_new(env, suite, backend);
			check(env, suite, &b);
			both_free(&b);
		}
	}
	sluice_env_free(env);
}

START_TEST(test_the_best_back_end_is_ipsec_mb_where_it_is_there) {
	sluice_env *env = env_new();
	for (int suite = AEAD_AES_128_GCM; suite <= AEAD_CHACHA20_POLY1305; suite++) {
		bool mb = has_ipsec_mb((enum aead_suite)suite);
		struct both best = both_new(env, suite, AEAD_BEST), evp = both_new(env, suite, AEAD_EVP);
		struct aead *named = aead_new(env, (enum aead_suite)suite, AEAD_SEAL, AEAD_IPSEC_MB, key);
		ck_assert_int_eq(named != NULL, mb);
		ck_assert_str_eq(aead_backend_name(best.seal), mb ? "ipsec-mb" : "EVP");
		ck_assert_str_eq(aead_backend_name(evp.open), "EVP");
		aead_free(named);
		both_free(&best);
		both_free(&evp);
	}
	aead_free(NULL);
	sluice_env_free(env);
}
END_TEST

/* ---- published vectors ------------------------------------------------------------------------------------------ */

/* GCM: McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B, test cases 1-4 and 13-16, in hexadecimal digits.
 * ChaCha20-Poly1305: RFC 8439, section 2.8.2. */
#define GCM_KEY "feffe9928665731c6d6a8f9467308308"
#define GCM_NONCE "cafebabefacedbaddecaf888"
#define GCM_AAD "feedfacedeadbeeffeedfacedeadbeefabaddad2"
#define GCM_TEXT                                                                                                                 \
	"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"                                                       \
	"1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
#define GCM_128                                                                                                                  \
	"42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"                                                       \
	"21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091"
#define GCM_256                                                                                                                  \
	"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"                                                       \
	"8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
#define ZERO_12 "000000000000000000000000"
#define ZERO_16 "00000000000000000000000000000000"

static const struct {
	enum aead_suite suite;
	const char *key, *nonce, *aad, *text, *sealed, *tag;
} vectors[] = {
	{AEAD_AES_128_GCM, ZERO_16, ZERO_12, "", "", "", "58e2fccefa7e3061367f1d57a4e7455a"},
	{AEAD_AES_128_GCM, ZERO_16, ZERO_12, "", ZERO_16, "0388dace60b6a392f328c2b971b2fe78", "ab6e47d42cec13bdf53a67b21257bddf"},
	{AEAD_AES_128_GCM, GCM_KEY, GCM_NONCE, "", GCM_TEXT "1aafd255", GCM_128 "473f5985", "4d5c2af327cd64a62cf35abd2ba6fab4"},
	{AEAD_AES_128_GCM, GCM_KEY, GCM_NONCE, GCM_AAD, GCM_TEXT, GCM_128, "5bc94fbc3221a5db94fae95ae7121a47"},
	{AEAD_AES_256_GCM, ZERO_16 ZERO_16, ZERO_12, "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
	{AEAD_AES_256_GCM, ZERO_16 ZERO_16, ZERO_12, "", ZERO_16, "cea7403d4d606b6e074ec5d3baf39d18",
         "d0d1c8a799996bf0265b98b5d48ab919"},
	{AEAD_AES_256_GCM, GCM_KEY GCM_KEY, GCM_NONCE, "", GCM_TEXT "1aafd255", GCM_256 "898015ad",
         "b094dac5d93471bdec1a502270e3cc6c"},
	{AEAD_AES_256_GCM, GCM_KEY GCM_KEY, GCM_NONCE, GCM_AAD, GCM_TEXT, GCM_256, "76fc6ece0f4e1768cddf8853bb2d551b"},
	{AEAD_CHACHA20_POLY1305, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f", "070000004041424344454647",
         "50515253c0c1c2c3c4c5c6c7",
         "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966204920636f756c64206f66666572207"
         "96f"
         "75206f6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73637265656e20776f756c642062652069742e",
         "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b"
         "67e"
         "cd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116",
         "1ae10b594f09e26a7e902ecbd0600691"},
};

static size_t unhex(const char *hex, uint8_t *out) {
	size_t len = strlen(hex) / 2;
	for (size_t i = 0; i < len; i++) {
		const char digits[] = {hex[2 * i], hex[2 * i + 1], 0};
		out[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return len;
}

static void check_vector(sluice_env *env, size_t i, enum aead_backend backend) {
	uint8_t vector_key[AEAD_KEY_MAX], aad[64], text[256], sealed[256];
	struct aead_job job = {.text = text, .aad = aad};
	ck_assert_uint_eq(unhex(vectors[i].key, vector_key), aead_key_size(vectors[i].suite));
	ck_assert_uint_eq(unhex(vectors[i].nonce, job.nonce), AEAD_NONCE_SIZE);
	job.aad_len = unhex(vectors[i].aad, aad);
	job.len = unhex(vectors[i].text, text);
	ck_assert_uint_eq(unhex(vectors[i].sealed, sealed), job.len);
	ck_assert_uint_eq(unhex(vectors[i].tag, sealed + job.len), AEAD_TAG_SIZE);
	struct aead *seal = aead_new(env, vectors[i].suite, AEAD_SEAL, backend, vector_key);
	struct aead *open = aead_new(env, vectors[i].suite, AEAD_OPEN, backend, vector_key);
	ck_assert_ptr_nonnull(seal);
	ck_assert_ptr_nonnull(open);
	ck_assert(aead_seal(seal, &job, 1));
	ck_assert_mem_eq(text, sealed, job.len + AEAD_TAG_SIZE);
	job.failed = true;
	ck_assert_uint_eq(aead_open(open, &job, 1), 0);
	ck_assert(!job.failed);
	unhex(vectors[i].text, sealed);
	ck_assert_mem_eq(text, sealed, job.len);
	aead_free(seal);
	aead_free(open);
}

/* With one function in the place of another one thing is wrong: the key, the tag, or the tag of what was opened. */
START_TEST(test_functions_of_ipsec_mb_that_are_wrong_are_found) {
#ifdef SLUICE_IPSEC_MB
	sluice_env *env = env_new();
	for (int kind = IPSEC_MB_GCM_128; has_ipsec_mb(AEAD_AES_128_GCM) && kind <= IPSEC_MB_GCM_256; kind++) {
		enum ipsec_mb_kind this = (enum ipsec_mb_kind)kind, other = IPSEC_MB_GCM_128 + IPSEC_MB_GCM_256 - this;
		const struct ipsec_mb_gcm *f = ipsec_mb_gcm(env, this), *g = ipsec_mb_gcm(env, other);
		ck_assert(f && g);
		ck_assert(ipsec_mb_gcm_test(f, this));
		ck_assert(!ipsec_mb_gcm_test(&(struct ipsec_mb_gcm){g->expand, f->seal, f->open}, this));
		ck_assert(!ipsec_mb_gcm_test(&(struct ipsec_mb_gcm){f->expand, f->open, f->open}, this));
		ck_assert(!ipsec_mb_gcm_test(&(struct ipsec_mb_gcm){f->expand, f->seal, f->seal}, this));
	}
	sluice_env_free(env);
#endif
}
END_TEST

START_TEST(test_the_published_vectors_come_out) {
	sluice_env *env = env_new();
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		check_vector(env, i, AEAD_BEST);
		check_vector(env, i, AEAD_EVP);
		if (has_ipsec_mb(vectors[i].suite))
			check_vector(env, i, AEAD_IPSEC_MB);
	}
	sluice_env_free(env);
}
END_TEST

/* ---- wrong tags ------------------------------------------------------------------------------------------------- */

#define RUN 5
#define ROOM 80

/* A run of records of different lengths in `space`, under numbered nonces. */
static void make_run(struct aead_job *jobs, uint8_t space[RUN][ROOM], uint8_t *aad) {
	for (size_t i = 0; i < RUN; i++) {
		jobs[i] = (struct aead_job){.text = space[i], .len = 13 * i, .aad = aad, .aad_len = 13, .nonce = {(uint8_t)i}};
		memset(space[i], (int)i, ROOM);
	}
}

/* One bit is wrong in the text or the tag of the record in the middle, and then in its AAD or its nonce. */
static void check_flips(sluice_env *env, int suite, const struct both *b) {
	(void)env, (void)suite;
	uint8_t space[RUN][ROOM], sealed[RUN][ROOM], aad[13] = {1, 2, 3}, aad_of_2[13] = {1, 2, 3};
	struct aead_job jobs[RUN];
	make_run(jobs, space, aad);
	jobs[2].aad = aad_of_2;
	ck_assert(aead_seal(b->seal, jobs, RUN));
	memcpy(sealed, space, sizeof space);
	size_t bits[] = {8 * (jobs[2].len + AEAD_TAG_SIZE), 8 * sizeof aad_of_2, 8 * AEAD_NONCE_SIZE};
	uint8_t *flipped[] = {space[2], aad_of_2, jobs[2].nonce};
	for (size_t f = 0; f < 3; f++) {
		for (size_t bit = 0; bit < bits[f]; bit++) {
			memcpy(space, sealed, sizeof space);
			flipped[f][bit / 8] ^= (uint8_t)(1 << bit % 8);
			ck_assert_uint_eq(aead_open(b->open, jobs, RUN), 1);
			for (size_t i = 0; i < RUN; i++) {
				ck_assert_int_eq(jobs[i].failed, i == 2);
				for (size_t k = 0; i != 2 && k < jobs[i].len; k++)
					ck_assert_uint_eq(space[i][k], i);
			}
			ck_assert_uint_eq(ERR_peek_error(), 0);
			flipped[f][bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
	memcpy(space, sealed, sizeof space);
	ck_assert_uint_eq(aead_open(b->open, jobs, RUN), 0);
}

START_TEST(test_any_wrong_bit_fails_its_record_and_no_other) {
	check_all(check_flips);
}
END_TEST

/* ---- every length ------------------------------------------------------------------------------------------------ */

#define TEXT_MAX 1500
#define AAD_MAX 80

/* The same record by OpenSSL with nothing kept from record to record. */
static void reference_seal(int suite, const struct aead_job *j, uint8_t *out) {
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, names[suite], NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;
	ck_assert(EVP_EncryptInit_ex2(ctx, cipher, key, j->nonce, NULL));
	ck_assert(j->aad_len == 0 || EVP_EncryptUpdate(ctx, NULL, &n, j->aad, (int)j->aad_len));
	ck_assert(j->len == 0 || EVP_EncryptUpdate(ctx, out, &n, j->text, (int)j->len));
	ck_assert(EVP_EncryptFinal_ex(ctx, out + j->len, &n));
	ck_assert(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_SIZE, out + j->len));
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(cipher);
}

static void check_record(int suite, const struct both *b, size_t len, size_t aad_len) {
	static uint8_t text[TEXT_MAX + AEAD_TAG_SIZE + 1], plain[TEXT_MAX], expected[TEXT_MAX + AEAD_TAG_SIZE], aad[AAD_MAX];
	struct aead_job j = {.text = text, .len = len, .aad = aad_len ? aad : NULL, .aad_len = aad_len};
	for (size_t i = 0; i < AEAD_NONCE_SIZE; i++)
		j.nonce[i] = (uint8_t)(len * 31 + aad_len * 7 + i);
	for (size_t i = 0; i < len; i++)
		plain[i] = text[i] = (uint8_t)(i * i + len);
	for (size_t i = 0; i < aad_len; i++)
		aad[i] = (uint8_t)(i + len);
	text[len + AEAD_TAG_SIZE] = 0x5a;
	reference_seal(suite, &j, expected);
	ck_assert(aead_seal(b->seal, &j, 1));
	ck_assert_mem_eq(text, expected, len + AEAD_TAG_SIZE);
	ck_assert_uint_eq(aead_open(b->open, &j, 1), 0);
	ck_assert_mem_eq(text, plain, len);
	ck_assert_mem_eq(text + len, expected + len, AEAD_TAG_SIZE);
	ck_assert_uint_eq(text[len + AEAD_TAG_SIZE], 0x5a);
}

static void check_lengths(sluice_env *env, int suite, const struct both *b) {
	(void)env;
	for (size_t len = 0; len <= TEXT_MAX; len++)
		check_record(suite, b, len, len * 7 % (AAD_MAX + 1));
	for (size_t aad_len = 0; aad_len <= AAD_MAX; aad_len++)
		for (size_t len = 0; len < 70; len += 13)
			check_record(suite, b, len, aad_len);
}

START_TEST(test_every_length_of_text_and_aad_is_byte_for_byte_the_reference) {
	check_all(check_lengths);
}
END_TEST

/* A run gives what its records give one by one; an empty run is allowed. */
static void check_runs(sluice_env *env, int suite, const struct both *b) {
	(void)env, (void)suite;
	uint8_t run[RUN][ROOM], single[RUN][ROOM], plain[RUN][ROOM], aad[13] = {4, 5};
	struct aead_job in_run[RUN], alone[RUN];
	make_run(in_run, plain, aad);
	for (size_t count = 0; count <= RUN; count++) {
		make_run(in_run, run, aad);
		make_run(alone, single, aad);
		ck_assert(aead_seal(b->seal, in_run, count));
		for (size_t i = 0; i < count; i++)
			ck_assert(aead_seal(b->seal, &alone[i], 1));
		ck_assert_mem_eq(run, single, sizeof run);
		ck_assert_uint_eq(aead_open(b->open, in_run, count), 0);
		for (size_t i = 0; i < RUN; i++)
			ck_assert_mem_eq(run[i], plain[i], in_run[i].len);
	}
}

START_TEST(test_a_run_is_its_records_one_by_one) {
	check_all(check_runs);
}
END_TEST

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static void check_no_allocation(sluice_env *env, int suite, const struct both *b) {
	(void)env, (void)suite;
	uint8_t space[RUN][ROOM], aad[13] = {0};
	struct aead_job jobs[RUN];
	make_run(jobs, space, aad);
	size_t before = allocations;
	for (int i = 0; i < 100; i++) {
		ck_assert(aead_seal(b->seal, jobs, RUN));
		space[i % RUN][jobs[i % RUN].len] ^= 1;
		ck_assert_uint_eq(aead_open(b->open, jobs, RUN), 1);
	}
	ck_assert_uint_eq(allocations, before);
}

START_TEST(test_records_allocate_nothing_forged_ones_neither) {
	check_all(check_no_allocation);
}
END_TEST

/* Two of these and the rest of an idle DTLS connection have 4 KiB together. */
START_TEST(test_an_object_is_small) {
	sluice_env *env = env_new();
	for (int suite = AEAD_AES_128_GCM; suite <= AEAD_CHACHA20_POLY1305; suite++) {
		for (int backend = AEAD_EVP; backend <= AEAD_IPSEC_MB; backend++) {
			if (!is_there((enum aead_suite)suite, (enum aead_backend)backend))
				continue;
			struct both b = both_new(env, suite, backend); /* what the process or env keeps is there now */
			size_t before = live_bytes;
			struct aead *a = aead_new(env, (enum aead_suite)suite, AEAD_SEAL, (enum aead_backend)backend, key);
			ck_assert_uint_le(live_bytes - before, 1280);
			aead_free(a);
			both_free(&b);
		}
	}
	sluice_env_free(env);
}
END_TEST

static void check_wiping(sluice_env *env, int suite, const struct both *b) {
	(void)env;
	size_t with_key = 0;
	enum aead_backend backend = strcmp(aead_backend_name(b->seal), "EVP") == 0 ? AEAD_EVP : AEAD_IPSEC_MB;
	sluice_env *own = env_new();
	watching = true;
	struct aead *a = aead_new(own, (enum aead_suite)suite, AEAD_SEAL, backend, key);
	for (size_t i = 0; i < WATCHED; i++)
		with_key += watched[i] && has_key(watched[i]);
	ck_assert_uint_eq(with_key, 1);
	aead_free(a);
	sluice_env_free(own);
	watching = false;
	ck_assert_uint_eq(freed_with_key, 0);
	for (size_t i = 0; i < WATCHED; i++)
		ck_assert_ptr_null(watched[i]);
}

START_TEST(test_a_key_is_gone_from_memory_that_is_freed) {
	check_all(check_wiping);
}
END_TEST

/* BEST makes do with EVP when there is no memory for ipsec-mb. */
START_TEST(test_an_allocation_that_fails_leaves_nothing) {
	sluice_env *warm = env_new();
	struct both b = both_new(warm, AEAD_AES_128_GCM, AEAD_EVP); /* looks up all ciphers */
	both_free(&b);
	sluice_env_free(warm);
	for (int suite = AEAD_AES_128_GCM; suite <= AEAD_CHACHA20_POLY1305; suite++) {
		for (int backend = AEAD_BEST; backend <= AEAD_IPSEC_MB; backend++) {
			if (!is_there((enum aead_suite)suite, (enum aead_backend)backend))
				continue;
			bool failed = true;
			for (size_t n = 0; failed; n++) {
				ck_assert_uint_lt(n, 100);
				size_t before = live_bytes;
				sluice_env *env = env_new();
				fail_at = allocations + n;
				struct aead *a = aead_new(env, (enum aead_suite)suite, AEAD_SEAL, (enum aead_backend)backend,
				                          key);
				failed = allocations > fail_at;
				fail_at = SIZE_MAX;
				ck_assert(a || failed);
				aead_free(a);
				ck_assert_uint_eq(env->blocks.live, 0);
				sluice_env_free(env);
				ck_assert_uint_eq(live_bytes, before);
				ck_assert_uint_eq(ERR_peek_error(), 0);
			}
		}
	}
}
END_TEST

/* ---- once in a process ------------------------------------------------------------------------------------------ */

static void *seal_in_a_thread(void *unused) {
	sluice_env *env = env_new();
	for (int i = 0; i < 20; i++)
		for (size_t v = 0; v < sizeof vectors / sizeof *vectors; v++)
			check_vector(env, v, AEAD_BEST);
	sluice_env_free(env);
	return unused;
}

START_TEST(test_threads_may_begin_at_once) {
	pthread_t threads[4];
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, seal_in_a_thread, NULL), 0);
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
}
END_TEST

/* OpenSSL remembers that it does not have a cipher when memory failed at the wrong moment. Nothing public mends that. */
static bool openssl_has(enum aead_suite suite) {
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, names[suite], NULL);
	EVP_CIPHER_free(cipher);
	return cipher != NULL;
}

/* Runs the vectors after a first object whose n-th allocation failed. Returns whether it needs that many. */
static bool begin_with_a_failure(size_t n) {
	uint8_t hash[EVP_MAX_MD_SIZE];
	ck_assert(EVP_Q_digest(NULL, "SHA256", NULL, "", 0, hash, NULL)); /* OpenSSL itself is up */
	sluice_env *env = env_new();
	fail_at = allocations + n;
	aead_free(aead_new(env, AEAD_AES_128_GCM, AEAD_SEAL, AEAD_EVP, key));
	bool failed = allocations > fail_at;
	fail_at = SIZE_MAX;
	for (size_t v = 0; v < sizeof vectors / sizeof *vectors; v++)
		if (openssl_has(vectors[v].suite))
			check_vector(env, v, AEAD_EVP);
	sluice_env_free(env);
	return failed;
}

/* The ciphers are looked up at the first use, each time in a process of its own here. That takes some 2,500 allocations, most of
 * them for all ciphers that OpenSSL knows, so only every seventh fails. */
START_TEST(test_a_first_use_without_memory_does_not_spoil_the_next) {
	int status = 1;
	for (size_t n = 0; status != 0; n += 7) {
		ck_assert_uint_lt(n, 10000);
		pid_t child = fork();
		ck_assert_int_ge(child, 0);
		if (child == 0)
			_exit(begin_with_a_failure(n) ? 2 : 0);
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		ck_assert(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 2));
	}
}
END_TEST

SUITE("aead", test_the_best_back_end_is_ipsec_mb_where_it_is_there, test_functions_of_ipsec_mb_that_are_wrong_are_found,
      test_the_published_vectors_come_out, test_any_wrong_bit_fails_its_record_and_no_other,
      test_every_length_of_text_and_aad_is_byte_for_byte_the_reference, test_a_run_is_its_records_one_by_one,
      test_records_allocate_nothing_forged_ones_neither, test_an_object_is_small, test_a_key_is_gone_from_memory_that_is_freed,
      test_an_allocation_that_fails_leaves_nothing, test_threads_may_begin_at_once,
      test_a_first_use_without_memory_does_not_spoil_the_next)
