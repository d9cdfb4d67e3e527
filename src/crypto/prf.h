/* prf: the pseudorandom function of TLS 1.2, from which a connection's keys and exported secrets come. */
#ifndef CRYPTO_PRF_H
#define CRYPTO_PRF_H

#include "crypto/crypto.h"

/* PRF(secret, label, seed) = P_<hash>(secret, label + seed) of RFC 5246, section 5. The seed is the parts, one behind the other;
 * at most four of them.
 *
 * hash: CRYPTO_SHA256, or what the cipher suite names. Returns false when the library refuses; `out` is of no use then. OpenSSL
 * 3.0 takes at most 1,024 bytes of label and seed. */
bool crypto_tls12_prf(enum crypto_hash hash, const void *secret, size_t secret_len, const char *label, const struct iovec *seeds,
                      size_t seed_count, uint8_t *out, size_t out_len);

#endif
