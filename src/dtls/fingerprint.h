/* fingerprint: what is the digest of a certificate, and how is it written in text and read back (RFC 8122, 5)?
 *
 * The text functions are public: sluice/peer.h declares them. It knows no connections and judges nobody; trust.h does. */
#ifndef DTLS_FINGERPRINT_H
#define DTLS_FINGERPRINT_H

#include <openssl/x509.h>

#include "sluice/peer.h"

/* Bytes of the hash's digest; 0 for a hash that is not one of enum sluice_hash. */
size_t fingerprint_size(enum sluice_hash hash);

/* The digest of any certificate, as an object or as DER. 0, SLUICE_INVALID (an unknown hash), SLUICE_CRYPTO. */
int fingerprint_of(const X509 *x509, enum sluice_hash hash, sluice_fingerprint *out);
int fingerprint_of_der(const uint8_t *der, size_t len, enum sluice_hash hash, sluice_fingerprint *out);

#endif
