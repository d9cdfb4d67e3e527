/* prf: the pseudorandom function of TLS 1.2 by EVP_KDF. */
#include "crypto/prf.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

/* A label and the parts of a seed: two randoms, or both and a context with its length (RFC 5705, section 4). */
#define SEEDS_MAX 4

/* Kept for the life of the process, for any thread. NULL: the library refused, so each call looks the function up again. */
static EVP_KDF *fetched;

static void fetch(void) {
	fetched = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
}

static EVP_KDF_CTX *context_new(void) {
	static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
	EVP_KDF *kdf = NULL;
	if (CRYPTO_THREAD_run_once(&once, fetch) == 1 && fetched && EVP_KDF_up_ref(fetched))
		kdf = fetched;
	else
		kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	EVP_KDF_free(kdf);
	return ctx;
}

/* OpenSSL's parameters point to what may be changed, but it changes none of them. */
static OSSL_PARAM bytes_param(const char *name, const void *data, size_t len) {
	return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)data, len);
}

/* Seeds are one parameter each; OpenSSL puts them behind each other. */
bool crypto_tls12_prf(enum crypto_hash hash, const void *secret, size_t secret_len, const char *label, const struct iovec *seeds,
                      size_t seed_count, uint8_t *out, size_t out_len) {
	OSSL_PARAM params[3 + SEEDS_MAX + 1], *p = params;
	if (seed_count > SEEDS_MAX)
		return false;
	char digest[sizeof "SHA384"];
	OPENSSL_strlcpy(digest, crypto_hash_name(hash), sizeof digest);
	*p++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
	*p++ = bytes_param(OSSL_KDF_PARAM_SECRET, secret, secret_len);
	*p++ = bytes_param(OSSL_KDF_PARAM_SEED, label, strlen(label));
	for (size_t i = 0; i < seed_count; i++)
		*p++ = bytes_param(OSSL_KDF_PARAM_SEED, seeds[i].iov_base, seeds[i].iov_len);
	*p = OSSL_PARAM_construct_end();
	ERR_set_mark();
	EVP_KDF_CTX *ctx = context_new();
	bool done = ctx && EVP_KDF_derive(ctx, out, out_len, params) > 0;
	EVP_KDF_CTX_free(ctx);
	ERR_pop_to_mark();
	return done;
}
