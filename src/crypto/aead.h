/* aead: seals and opens a run of records in place, under one key in one direction.
 *
 * A suite is the algorithm that a protocol names. A back end is the library that computes it; all back ends of a suite give the
 * same bytes. Nothing here knows a protocol: the caller makes each nonce and each AAD (DTLS 1.2: RFC 5288, section 3; RFC 7905,
 * section 2; SRTP: RFC 7714, section 8).
 *
 * The caller never seals two texts under the same nonce. With GCM, one repetition gives away the XOR of the texts and the key of
 * the authentication (NIST SP 800-38D, appendix A).
 *
 * aead_seal() and aead_open() allocate nothing. A wrong tag leaves nothing in OpenSSL's error queue. One object is used by one
 * thread at a time. */
#ifndef CRYPTO_AEAD_H
#define CRYPTO_AEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/env.h"

enum aead_suite { AEAD_AES_128_GCM, AEAD_AES_256_GCM, AEAD_CHACHA20_POLY1305 };
enum aead_use { AEAD_SEAL, AEAD_OPEN };
/* AEAD_BEST: the fastest one that this build has for the suite and that this CPU can run. */
enum aead_backend { AEAD_BEST, AEAD_EVP, AEAD_IPSEC_MB };

#define AEAD_NONCE_SIZE 12
#define AEAD_TAG_SIZE 16
#define AEAD_KEY_MAX 32
/* The bytes of a nonce that do not change while records of TLS have an explicit one. */
#define AEAD_FIXED_SIZE 4

/* One record. Jobs of a run may not overlap. */
struct aead_job {
	/* Plaintext or ciphertext, replaced in place. The tag stands at text + len; sealing writes it there. */
	uint8_t *text;
	/* Bytes of the text, without the tag. May be 0. Below 2 GiB, like aad_len. */
	size_t len;
	const uint8_t *aad;
	size_t aad_len;
	uint8_t nonce[AEAD_NONCE_SIZE];
	/* aead_open() sets it on every job. True: the tag is wrong, and the bytes at text are garbage. */
	bool failed;
};

struct aead;

size_t aead_key_size(enum aead_suite suite);

/* Makes the object for one key and one direction. `key` has aead_key_size() bytes and is not kept.
 *
 * The memory is env's, except for what OpenSSL allocates for itself. Returns NULL when there is no memory, or when the named back
 * end is not there: not built in, not for this suite or not for this CPU. AEAD_EVP is always there. */
struct aead *aead_new(sluice_env *env, enum aead_suite suite, enum aead_use use, enum aead_backend backend, const uint8_t *key);
/* Wipes the key and frees the object. a may be NULL. */
void aead_free(struct aead *a);

/* Promises that each job from here on is a record of TLS 1.2 with an explicit nonce (RFC 5288, 3):
 *   nonce  begins with the bytes `fixed`; its other 8 stand before the text as well, where aead_seal() may write them
 *   aad    has 13 bytes; the last two are len (RFC 5246, 6.2.3.3)
 * Only for AES-GCM. A back end may have fewer calls for these: EVP of OpenSSL 3.0 takes 345 ns instead of 411 for 1,200 bytes. */
void aead_expect_records(struct aead *a, const uint8_t fixed[AEAD_FIXED_SIZE]);

/* Seals every job. Returns false when the library refused: then no job of the run may leave the process. */
bool aead_seal(struct aead *a, struct aead_job *jobs, size_t count);
/* Opens every job, also behind one that fails. Returns how many failed. */
size_t aead_open(struct aead *a, struct aead_job *jobs, size_t count);

/* "EVP" or "ipsec-mb". */
const char *aead_backend_name(const struct aead *a);

#endif
