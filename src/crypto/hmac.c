/* hmac: HMAC-SHA-256, with which state cookies are signed, and the comparison that goes with it. */
#include "crypto/crypto.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

/* The one-shot call: its context is all that is allocated, by OpenSSL and for the length of the call. It runs once or twice
 * a handshake, so a context that is kept alive would have to be owned and freed by somebody for no gain. */
bool crypto_hmac_sha256(const void *key, size_t key_len, const void *data, size_t len, uint8_t out[CRYPTO_SHA256_SIZE]) {
	unsigned int written = 0;
	if (key_len > INT_MAX)
		return false;
	/* OpenSSL takes NULL for "the key of the call before", of which there is none. */
	return HMAC(EVP_sha256(), key_len ? key : "", (int)key_len, data, len, out, &written) && written == CRYPTO_SHA256_SIZE;
}

bool crypto_equal(const void *a, const void *b, size_t len) {
	return CRYPTO_memcmp(a, b, len) == 0;
}
