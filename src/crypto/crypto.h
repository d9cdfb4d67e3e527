/* crypto: the thin wrappers over OpenSSL's EVP that the layers above may use. Only this folder and src/dtls include
 * <openssl/...>. */
#ifndef CRYPTO_CRYPTO_H
#define CRYPTO_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define CRYPTO_SHA384_SIZE 48
#define CRYPTO_SHA256_SIZE 32
#define CRYPTO_SHA1_SIZE 20
#define CRYPTO_MD5_SIZE 16

/* HMAC-SHA-256. Returns false when the library refuses (no memory). */
bool crypto_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len, uint8_t out[CRYPTO_SHA256_SIZE]);

/* SHA-256 of data that comes piece by piece. new returns NULL when the library has no memory; update and final return false when
 * it refuses. final gives the hash of the data so far. It may be called at any time, and more data may follow. */
typedef struct crypto_sha256 crypto_sha256;
crypto_sha256 *crypto_sha256_new(void);
bool crypto_sha256_update(crypto_sha256 *h, const void *data, size_t len);
bool crypto_sha256_final(const crypto_sha256 *h, uint8_t out[CRYPTO_SHA256_SIZE]);
void crypto_sha256_free(crypto_sha256 *h);

/* HMAC of the parts, one behind the other; out has room for crypto_hash_size() bytes. False when the library refuses. */
enum crypto_hash { CRYPTO_SHA1, CRYPTO_SHA256, CRYPTO_SHA384 };
bool crypto_hmac(enum crypto_hash hash, const void *key, size_t key_len, const struct iovec *parts, size_t count, uint8_t *out);
size_t crypto_hash_size(enum crypto_hash hash);
/* OpenSSL's name for it, "SHA256". */
const char *crypto_hash_name(enum crypto_hash hash);

/* XORs data with the key stream of AES in counter mode, in place; iv is the first counter. key_len is 16 or 32. False when the
 * library refuses. It sets the key anew each time, so it is for the derivation of keys and not for packets. */
#define CRYPTO_AES_BLOCK 16
bool crypto_aes_ctr(const uint8_t *key, size_t key_len, const uint8_t iv[CRYPTO_AES_BLOCK], uint8_t *data, size_t len);

/* MD5, for STUN's long-term keys. False when the library refuses, as one in FIPS mode does. */
bool crypto_md5(const void *data, size_t len, uint8_t out[CRYPTO_MD5_SIZE]);

/* Compares in constant time: how long it takes does not depend on where the two differ. */
bool crypto_equal(const void *a, const void *b, size_t len);

#endif
