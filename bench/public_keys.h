/* public_keys: the public-key operations of one DTLS handshake, both ends', with nothing else of it.
 *
 * As our handshakes have them: each end makes an X25519 key and derives the secret, signs with its certificate's P-256 key and
 * verifies the other's signature. The calls are those that OpenSSL's libssl makes, on keys that were read before. It uses nothing
 * of src/. */
#ifndef BENCH_PUBLIC_KEYS_H
#define BENCH_PUBLIC_KEYS_H

#include <openssl/evp.h>

struct public_keys {
	EVP_PKEY *certificate[2]; /* of each end; only its key counts here */
};

void public_keys_open(struct public_keys *p);
void public_keys_close(struct public_keys *p);

/* All operations of one handshake, one after the other. */
void public_keys_work(const struct public_keys *p);

#endif
