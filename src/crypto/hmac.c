/* hmac: the HMACs that sign state cookies and STUN messages, the comparison that goes with them, and MD5 for STUN's keys. */
#include "crypto/crypto.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>

/* The one-shot call: OpenSSL allocates a context for the length of the call and nothing else. It runs once or twice for each
 * handshake, so keeping a context alive would gain nothing. */
bool crypto_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len, uint8_t out[CRYPTO_SHA256_SIZE]) {
	unsigned int written = 0;
	if (key_len > INT_MAX)
		return false;
	/* To OpenSSL, NULL means the key of the call before, and there was none. */
	return HMAC(EVP_sha256(), key_len ? key : "", (int)key_len, data, len, out, &written) && written == CRYPTO_SHA256_SIZE;
}

/* ---- HMAC of parts ---- */

static const struct {
	const char *name;
	size_t size;
} hashes[] = {
	[CRYPTO_SHA1] = {"SHA1", CRYPTO_SHA1_SIZE},
	[CRYPTO_SHA256] = {"SHA256", CRYPTO_SHA256_SIZE},
	[CRYPTO_SHA384] = {"SHA384", CRYPTO_SHA384_SIZE},
};

#define HASHES (sizeof hashes / sizeof *hashes)

size_t crypto_hash_size(enum crypto_hash hash) {
	return hashes[hash].size;
}

const char *crypto_hash_name(enum crypto_hash hash) {
	return hashes[hash].name;
}

static EVP_MAC_CTX *make_context(enum crypto_hash hash) {
	char name[sizeof "SHA384"];
	OPENSSL_strlcpy(name, hashes[hash].name, sizeof name);
	const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0), OSSL_PARAM_END};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
	EVP_MAC_free(mac);
	if (ctx && EVP_MAC_init(ctx, (const void *)"", 1, params))
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

/* The algorithms are looked up once, and each HMAC copies the result: the lookup takes longer than hashing a STUN message. Kept
 * for the life of the process, for any thread. NULL: the library refused, so each HMAC looks them up again. */
static EVP_MAC_CTX *models[HASHES];

static void make_models(void) {
	for (size_t i = 0; i < HASHES; i++)
		models[i] = make_context((enum crypto_hash)i);
}

static EVP_MAC_CTX *context_for(enum crypto_hash hash) {
	static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
	if (CRYPTO_THREAD_run_once(&once, make_models) == 1 && models[hash])
		return EVP_MAC_CTX_dup(models[hash]);
	return make_context(hash);
}

static bool hmac_run(EVP_MAC_CTX *ctx, const void *key, size_t key_len, const struct iovec *parts, size_t count, uint8_t *out,
                     size_t size) {
	if (!EVP_MAC_init(ctx, key_len ? key : (const void *)"", key_len, NULL))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!EVP_MAC_update(ctx, parts[i].iov_base, parts[i].iov_len))
			return false;
	}
	size_t written = 0;
	return EVP_MAC_final(ctx, out, &written, size) && written == size;
}

bool crypto_hmac(enum crypto_hash hash, const void *key, size_t key_len, const struct iovec *parts, size_t count, uint8_t *out) {
	EVP_MAC_CTX *ctx = context_for(hash);
	bool done = ctx && hmac_run(ctx, key, key_len, parts, count, out, hashes[hash].size);
	EVP_MAC_CTX_free(ctx);
	return done;
}

bool crypto_md5(const void *data, size_t len, uint8_t out[CRYPTO_MD5_SIZE]) {
	size_t written = 0;
	return EVP_Q_digest(NULL, "MD5", NULL, data, len, out, &written) && written == CRYPTO_MD5_SIZE;
}

bool crypto_equal(const void *a, const void *b, size_t len) {
	return CRYPTO_memcmp(a, b, len) == 0;
}
