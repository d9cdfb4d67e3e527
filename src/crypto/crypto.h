/* crypto: the thin wrappers over OpenSSL's EVP that the layers above may use. Besides src/dtls, nothing else includes
 * <openssl/...>. */
#ifndef CRYPTO_CRYPTO_H
#define CRYPTO_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRYPTO_SHA256_SIZE 32

/* HMAC-SHA-256. Returns false when the library refuses (no memory). */
bool crypto_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len, uint8_t out[CRYPTO_SHA256_SIZE]);

/* SHA-256 of what comes piece by piece. new gives NULL when the library has no memory; update and final say false when it refuses.
 * final may be asked at any time, and more may follow: it tells the hash of what came so far. */
typedef struct crypto_sha256 crypto_sha256;
crypto_sha256 *crypto_sha256_new(void);
bool crypto_sha256_update(crypto_sha256 *h, const void *data, size_t len);
bool crypto_sha256_final(const crypto_sha256 *h, uint8_t out[CRYPTO_SHA256_SIZE]);
void crypto_sha256_free(crypto_sha256 *h);

/* Equal without telling by its time where they differ. */
bool crypto_equal(const void *a, const void *b, size_t len);

#endif
