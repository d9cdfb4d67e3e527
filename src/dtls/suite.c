/* suite.c: the rows. */
#include "dtls/suite.h"

#include <openssl/obj_mac.h>

static const struct suite suites[] = {
	{NID_aes_128_gcm, AEAD_AES_128_GCM, CRYPTO_SHA256, 4, 8},
	{NID_aes_256_gcm, AEAD_AES_256_GCM, CRYPTO_SHA384, 4, 8},
	{NID_chacha20_poly1305, AEAD_CHACHA20_POLY1305, CRYPTO_SHA256, 12, 0},
};

const struct suite *suite_with(int cipher_nid) {
	for (size_t i = 0; i < sizeof suites / sizeof *suites; i++)
		if (suites[i].nid == cipher_nid)
			return &suites[i];
	return NULL;
}
