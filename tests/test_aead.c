/* AEADs: are they what the standards say, through every back end, and what does a wrong tag do? */
#include <openssl/err.h>

#include "crypto/aead.h"
#include "suite.h"

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

static sluice_env *env_new(void) {
	sluice_env *env;
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	return env;
}

static void check_vector(sluice_env *env, size_t i, enum aead_backend backend) {
	uint8_t key[AEAD_KEY_MAX], aad[64], text[256], sealed[256];
	struct aead_job job = {.text = text, .aad = aad};
	ck_assert_uint_eq(unhex(vectors[i].key, key), aead_key_size(vectors[i].suite));
	ck_assert_uint_eq(unhex(vectors[i].nonce, job.nonce), AEAD_NONCE_SIZE);
	job.aad_len = unhex(vectors[i].aad, aad);
	job.len = unhex(vectors[i].text, text);
	ck_assert_uint_eq(unhex(vectors[i].sealed, sealed), job.len);
	ck_assert_uint_eq(unhex(vectors[i].tag, sealed + job.len), AEAD_TAG_SIZE);
	struct aead *seal = aead_new(env, vectors[i].suite, AEAD_SEAL, backend, key);
	struct aead *open = aead_new(env, vectors[i].suite, AEAD_OPEN, backend, key);
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

START_TEST(test_the_published_vectors_come_out) {
	sluice_env *env = env_new();
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		check_vector(env, i, AEAD_EVP);
		check_vector(env, i, AEAD_BEST);
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
static void check_flips(struct aead *seal, struct aead *open) {
	uint8_t space[RUN][ROOM], sealed[RUN][ROOM], aad[13] = {1, 2, 3}, aad_of_2[13] = {1, 2, 3};
	struct aead_job jobs[RUN];
	make_run(jobs, space, aad);
	jobs[2].aad = aad_of_2;
	ck_assert(aead_seal(seal, jobs, RUN));
	memcpy(sealed, space, sizeof space);
	size_t bits[] = {8 * (jobs[2].len + AEAD_TAG_SIZE), 8 * sizeof aad_of_2, 8 * AEAD_NONCE_SIZE};
	uint8_t *flipped[] = {space[2], aad_of_2, jobs[2].nonce};
	for (size_t f = 0; f < 3; f++) {
		for (size_t bit = 0; bit < bits[f]; bit++) {
			memcpy(space, sealed, sizeof space);
			flipped[f][bit / 8] ^= (uint8_t)(1 << bit % 8);
			ck_assert_uint_eq(aead_open(open, jobs, RUN), 1);
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
	ck_assert_uint_eq(aead_open(open, jobs, RUN), 0);
}

START_TEST(test_any_wrong_bit_fails_its_record_and_no_other) {
	static const uint8_t key[AEAD_KEY_MAX] = {9, 8, 7};
	sluice_env *env = env_new();
	for (int suite = AEAD_AES_128_GCM; suite <= AEAD_CHACHA20_POLY1305; suite++) {
		struct aead *seal = aead_new(env, (enum aead_suite)suite, AEAD_SEAL, AEAD_EVP, key);
		struct aead *open = aead_new(env, (enum aead_suite)suite, AEAD_OPEN, AEAD_EVP, key);
		check_flips(seal, open);
		aead_free(seal);
		aead_free(open);
	}
	sluice_env_free(env);
}
END_TEST

SUITE("aead", test_the_published_vectors_come_out, test_any_wrong_bit_fails_its_record_and_no_other)
