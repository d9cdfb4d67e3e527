/* Certificates: who a DTLS endpoint is, and the fingerprints by which the other side recognises it. */
#ifndef SLUICE_CERTIFICATE_H
#define SLUICE_CERTIFICATE_H

#include <stddef.h>
#include <stdint.h>

#include "sluice/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An X.509 certificate and its private key. One certificate may serve many peers, on several threads. It is reference-counted:
 * whoever makes one owns the first reference, and each peer that uses it holds one of its own. */
typedef struct sluice_certificate sluice_certificate;

/* ---- making and keeping one ------------------------------------------------------------------------------------- */

/* Makes a self-signed certificate with a fresh ECDSA P-256 key. It is valid from one day ago until 30 days from now.
 *
 * Returns 0, or
 *   SLUICE_CRYPTO     OpenSSL could not make it
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_certificate_generate(sluice_certificate **out);

/* Reads a certificate and its private key from PEM text. Either may stand in either string. The key is ECDSA on P-256, P-384 or
 * P-521, or RSA of 2048 bits or more.
 *
 * Returns 0, or
 *   SLUICE_MALFORMED    a part is missing, the key is encrypted, or the two do not belong together
 *   SLUICE_UNSUPPORTED  another kind of key (secp256k1, Ed25519, shorter RSA), or the certificate's key usage lacks
 *                       digitalSignature; no other side could connect to either
 *   SLUICE_INVALID      the certificate has expired
 *   SLUICE_CRYPTO       OpenSSL refused the pair
 *   SLUICE_NO_MEMORY */
SLUICE_API int sluice_certificate_from_pem(const char *cert_pem, const char *key_pem, sluice_certificate **out);

/* Writes certificate and key as PEM text with a NUL, for sluice_certificate_from_pem() to read again. Either buffer may be NULL.
 * The library keeps no copy of the text. Wipe the key's buffer when you are done with it.
 *
 * Returns 0, or
 *   SLUICE_NO_SPACE  a buffer is too small; 4096 bytes hold the certificate or the key of ECDSA
 *   SLUICE_CRYPTO    OpenSSL could not write it */
SLUICE_API int sluice_certificate_to_pem(const sluice_certificate *c, char *cert_pem, size_t cert_size, char *key_pem,
                                         size_t key_size);

/* Adds a reference. Any thread. */
SLUICE_API void sluice_certificate_retain(sluice_certificate *c);
/* Drops a reference; the last one frees the certificate. Any thread. */
SLUICE_API void sluice_certificate_release(sluice_certificate *c);

/* ---- fingerprints ----------------------------------------------------------------------------------------------- */

/* The hash function of a fingerprint. */
enum sluice_hash { SLUICE_SHA256 = 1, SLUICE_SHA384, SLUICE_SHA512 };

/* Bytes that hold any fingerprint as text, NUL included. */
#define SLUICE_FINGERPRINT_MAX 200

/* The digest of a certificate. RFC 8122 writes it as "sha-256 AB:CD:...". */
typedef struct sluice_fingerprint {
	enum sluice_hash hash;
	/* Its first 32, 48 or 64 bytes are used, as the hash has it. */
	uint8_t digest[64];
} sluice_fingerprint;

/* Computes the certificate's fingerprint, which the other side has to learn.
 *
 * Returns 0, or
 *   SLUICE_INVALID  the hash is none of enum sluice_hash
 *   SLUICE_CRYPTO   OpenSSL could not compute it */
SLUICE_API int sluice_certificate_fingerprint(const sluice_certificate *c, enum sluice_hash hash, sluice_fingerprint *out);

/* Writes a fingerprint as text, "sha-256 AB:CD:...".
 *
 * Returns the length without the NUL, or
 *   SLUICE_NO_SPACE  the buffer is too small; SLUICE_FINGERPRINT_MAX bytes are enough
 *   SLUICE_INVALID   the hash is none of enum sluice_hash */
SLUICE_API int sluice_fingerprint_format(const sluice_fingerprint *f, char *text, size_t size);

/* Reads such a text. Upper and lower case mean the same.
 *
 * Returns 0, or
 *   SLUICE_MALFORMED    the text is no fingerprint
 *   SLUICE_UNSUPPORTED  it names another hash */
SLUICE_API int sluice_fingerprint_parse(const char *text, sluice_fingerprint *out);

#ifdef __cplusplus
}
#endif
#endif
