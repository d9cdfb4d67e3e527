/* gmac: AES-128-GMAC of data that comes piece by piece, a check under a key that is used once. */
#include "crypto/crypto.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

/* The type in the header is OpenSSL's own object, so that nothing has to be allocated around it. */
static EVP_MAC_CTX *context(crypto_gmac *m) {
	return (EVP_MAC_CTX *)m;
}

crypto_gmac *crypto_gmac_new(const uint8_t key[CRYPTO_GMAC_KEY_SIZE]) {
	static uint8_t iv[12]; /* all zeros: no key is used twice */
	char cipher[] = "AES-128-GCM";
	const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0),
	                             OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_IV, iv, sizeof iv), OSSL_PARAM_END};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "GMAC", NULL);
	EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
	EVP_MAC_free(mac);
	if (ctx && EVP_MAC_init(ctx, key, CRYPTO_GMAC_KEY_SIZE, params))
		return (crypto_gmac *)ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

bool crypto_gmac_update(crypto_gmac *m, const void *data, size_t len) {
	return EVP_MAC_update(context(m), data, len);
}

bool crypto_gmac_final(crypto_gmac *m, uint8_t out[CRYPTO_GMAC_SIZE]) {
	size_t written = 0;
	return EVP_MAC_final(context(m), out, &written, CRYPTO_GMAC_SIZE) && written == CRYPTO_GMAC_SIZE;
}

void crypto_gmac_free(crypto_gmac *m) {
	EVP_MAC_CTX_free(context(m));
}
