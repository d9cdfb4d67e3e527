/* Is the HMAC that of RFC 4231, and does the comparison compare? */
#include <pthread.h>
#include <stdio.h>

#include "crypto/crypto.h"
#include "suite.h"

/* RFC 4231, 4: cases 1, 2, 3 and 6. A key or data without text is one byte repeated. */
static const struct {
	const char *key_text, *data_text;
	size_t key_len, data_len;
	uint8_t key_fill, data_fill;
	const char *mac;
} vectors[] = {
	{NULL, "Hi There", 20, 8, 0x0b, 0, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
	{"Jefe", "what do ya want for nothing?", 4, 28, 0, 0, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
	{NULL, NULL, 20, 50, 0xaa, 0xdd, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
	{NULL, "Test Using Larger Than Block-Size Key - Hash Key First", 131, 54, 0xaa, 0,
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
};

static void ck_assert_mac(const uint8_t mac[CRYPTO_SHA256_SIZE], const char *expected) {
	char hex[2 * CRYPTO_SHA256_SIZE + 1];
	for (size_t i = 0; i < CRYPTO_SHA256_SIZE; i++)
		snprintf(hex + 2 * i, 3, "%02x", mac[i]);
	ck_assert_str_eq(hex, expected);
}

static void input_fill(uint8_t *to, const char *text, uint8_t fill, size_t len) {
	if (text)
		memcpy(to, text, len);
	else
		memset(to, fill, len);
}

START_TEST(test_the_vectors_of_rfc_4231_come_out) {
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		uint8_t key[131], data[64], mac[CRYPTO_SHA256_SIZE];
		input_fill(key, vectors[i].key_text, vectors[i].key_fill, vectors[i].key_len);
		input_fill(data, vectors[i].data_text, vectors[i].data_fill, vectors[i].data_len);
		ck_assert(crypto_hmac_sha256(key, vectors[i].key_len, data, vectors[i].data_len, mac));
		ck_assert_mac(mac, vectors[i].mac);
	}
}
END_TEST

/* HMAC-SHA-256 of nothing under no key, as every implementation gives it. */
START_TEST(test_no_key_and_no_data_are_allowed) {
	uint8_t mac[CRYPTO_SHA256_SIZE];
	ck_assert(crypto_hmac_sha256(NULL, 0, NULL, 0, mac));
	ck_assert_mac(mac, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}
END_TEST

/* The MAC of the text, given in two parts, in hexadecimal digits. */
static void ck_assert_parts(enum crypto_hash hash, const char *key, char *text, const char *expected) {
	uint8_t mac[CRYPTO_SHA256_SIZE];
	char hex[2 * CRYPTO_SHA256_SIZE + 1] = "";
	size_t len = strlen(text), half = len / 2;
	struct iovec parts[] = {{.iov_base = text, .iov_len = half}, {.iov_base = text + half, .iov_len = len - half}};
	ck_assert(crypto_hmac(hash, key, strlen(key), parts, 2, mac));
	for (size_t i = 0; i < (hash == CRYPTO_SHA1 ? CRYPTO_SHA1_SIZE : CRYPTO_SHA256_SIZE); i++)
		snprintf(hex + 2 * i, 3, "%02x", mac[i]);
	ck_assert_str_eq(hex, expected);
}

/* RFC 2202, 3, case 2, and RFC 4231, 4.3; without key and data as every implementation gives it. No call leaves anything for the
 * next. */
START_TEST(test_an_hmac_of_parts_depends_on_nothing_that_came_before) {
	char nothing[] = "", text[] = "what do ya want for nothing?";
	for (int i = 0; i < 2; i++) {
		ck_assert_parts(CRYPTO_SHA1, "Jefe", text, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
		ck_assert_parts(CRYPTO_SHA1, "", nothing, "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d");
		ck_assert_parts(CRYPTO_SHA256, "Jefe", text, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
		ck_assert_parts(CRYPTO_SHA256, "", nothing, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
	}
}
END_TEST

/* RFC 2202, 3, case 6, and RFC 4231, 4.7; and a key of exactly a block, by another implementation. */
START_TEST(test_a_key_longer_than_a_block_is_hashed_first) {
	char text[] = "Test Using Larger Than Block-Size Key - Hash Key First", key[132];
	memset(key, 0xaa, sizeof key);
	key[131] = 0;
	ck_assert_parts(CRYPTO_SHA256, key, text, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	key[80] = 0;
	ck_assert_parts(CRYPTO_SHA1, key, text, "aa4ae5e15272d00e95705637ce8a3b55ed402112");
	key[64] = 0;
	ck_assert_parts(CRYPTO_SHA1, key, text, "070a98992c4c1a83474cb780fc564608df3cf503");
}
END_TEST

static void *sign_often(void *unused) {
	static const uint8_t expected[] = {0xef, 0xfc, 0xdf, 0x6a};
	(void)unused;
	char text[] = "what do ya want for nothing?";
	const struct iovec part = {.iov_base = text, .iov_len = sizeof text - 1};
	uint8_t mac[CRYPTO_SHA1_SIZE];
	for (int i = 0; i < 200; i++)
		if (!crypto_hmac(CRYPTO_SHA1, "Jefe", 4, &part, 1, mac) || memcmp(mac, expected, sizeof expected) != 0)
			return unused;
	return NULL;
}

START_TEST(test_threads_may_sign_at_once) {
	pthread_t threads[4];
	void *failed = NULL;
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, sign_often, &threads), 0);
	for (size_t i = 0; i < 4; i++) {
		ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
		ck_assert_ptr_null(failed);
	}
}
END_TEST

START_TEST(test_any_differing_bit_makes_bytes_unequal) {
	uint8_t a[32] = {1, 2, 3}, b[32] = {1, 2, 3};
	ck_assert(crypto_equal(a, b, sizeof a));
	ck_assert(crypto_equal(a, b, 0));
	for (size_t bit = 0; bit < 8 * sizeof a; bit++) {
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert(!crypto_equal(a, b, sizeof a));
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}
END_TEST

/* FIPS 180-2, B.2, and the hash of nothing, in pieces of every size. */
START_TEST(test_sha256_is_the_same_in_pieces_and_may_be_asked_on_the_way) {
	static const char text[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	for (size_t piece = 1; piece <= sizeof text; piece++) {
		uint8_t hash[CRYPTO_SHA256_SIZE];
		crypto_sha256 *h = crypto_sha256_new();
		ck_assert_ptr_nonnull(h);
		ck_assert(crypto_sha256_final(h, hash));
		ck_assert_mac(hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
		for (size_t at = 0; at < sizeof text - 1; at += piece)
			ck_assert(
				crypto_sha256_update(h, text + at, at + piece < sizeof text - 1 ? piece : sizeof text - 1 - at));
		ck_assert(crypto_sha256_final(h, hash));
		ck_assert_mac(hash, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
		crypto_sha256_free(h);
	}
}
END_TEST

SUITE("crypto", test_the_vectors_of_rfc_4231_come_out, test_no_key_and_no_data_are_allowed,
      test_an_hmac_of_parts_depends_on_nothing_that_came_before, test_a_key_longer_than_a_block_is_hashed_first,
      test_threads_may_sign_at_once, test_any_differing_bit_makes_bytes_unequal,
      test_sha256_is_the_same_in_pieces_and_may_be_asked_on_the_way)
