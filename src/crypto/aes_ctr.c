/* aes_ctr: the key stream of AES in counter mode, for the derivation of keys. */
#include "crypto/crypto.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>

static bool xor_stream(const EVP_CIPHER *cipher, const uint8_t *key, const uint8_t *iv, uint8_t *data, size_t len) {
	int n;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	bool done = ctx && EVP_EncryptInit_ex2(ctx, cipher, key, iv, NULL) && EVP_EncryptUpdate(ctx, data, &n, data, (int)len);
	EVP_CIPHER_CTX_free(ctx);
	return done;
}

bool crypto_aes_ctr(const uint8_t *key, size_t key_len, const uint8_t iv[CRYPTO_AES_BLOCK], uint8_t *data, size_t len) {
	if (len > INT_MAX || (key_len != 16 && key_len != 32))
		return false;
	ERR_set_mark();
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, key_len == 16 ? "AES-128-CTR" : "AES-256-CTR", NULL);
	bool done = cipher && xor_stream(cipher, key, iv, data, len);
	EVP_CIPHER_free(cipher);
	ERR_pop_to_mark();
	return done;
}
