/* sha256: the hash of data that comes piece by piece. */
#include "crypto/crypto.h"

#include <openssl/evp.h>

/* The type in the header is OpenSSL's own object, so that nothing has to be allocated around it. */
static EVP_MD_CTX *context(crypto_sha256 *h) {
	return (EVP_MD_CTX *)h;
}

crypto_sha256 *crypto_sha256_new(void) {
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	if (ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL))
		return (crypto_sha256 *)ctx;
	EVP_MD_CTX_free(ctx);
	return NULL;
}

bool crypto_sha256_update(crypto_sha256 *h, const void *data, size_t len) {
	return EVP_DigestUpdate(context(h), data, len);
}

/* Finishing ends an OpenSSL context, so a copy is finished. */
bool crypto_sha256_final(const crypto_sha256 *h, uint8_t out[CRYPTO_SHA256_SIZE]) {
	unsigned int len = 0;
	EVP_MD_CTX *copy = EVP_MD_CTX_new();
	bool ok = copy && EVP_MD_CTX_copy_ex(copy, (const EVP_MD_CTX *)h) && EVP_DigestFinal_ex(copy, out, &len) &&
	          len == CRYPTO_SHA256_SIZE;
	EVP_MD_CTX_free(copy);
	return ok;
}

void crypto_sha256_free(crypto_sha256 *h) {
	EVP_MD_CTX_free(context(h));
}
