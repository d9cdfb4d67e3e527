/* srtp_cipher: sealing and opening of runs of packets by the four profiles of DTLS-SRTP, in place, behind one const table
 * {profile} x {back end}.
 *
 * Two kinds of profile. The AEAD ones are AES-GCM (RFC 7714), and their jobs are those of aead.h. The CM ones are AES in counter
 * mode and an HMAC-SHA1 over what may be read and what was encrypted (RFC 3711, sections 4.1.1 and 4.2.1). Opening checks the
 * HMAC first, and a packet that fails is not decrypted.
 *
 * An object has the keys of one direction, and either of SRTP or of SRTCP. It knows no packets: the caller makes each IV and says
 * which bytes are authenticated. The caller never seals two texts under one IV.
 *
 * Sealing and opening allocate nothing of the env's. OpenSSL 3.0 copies the state of a hash into new memory, twice for a packet
 * of a CM profile; since 3.5 the copies stay in place. A wrong tag leaves nothing in OpenSSL's error queue. One object is used
 * by one thread at a time. */
#ifndef CRYPTO_SRTP_CIPHER_H
#define CRYPTO_SRTP_CIPHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/aead.h"
#include "sluice/env.h"

/* RFC 5764, section 4.1.2, and RFC 7714, section 14.2. */
enum srtp_profile {
	SRTP_AES128_CM_SHA1_80,
	SRTP_AES128_CM_SHA1_32,
	SRTP_AEAD_AES_128_GCM,
	SRTP_AEAD_AES_256_GCM,
};
#define SRTP_PROFILES 4

enum srtp_kind { SRTP_RTP, SRTP_RTCP };

#define SRTP_KEY_MAX 32
#define SRTP_AUTH_KEY_MAX 20
#define SRTP_SALT_MAX 14
#define SRTP_TAG_MAX 16
#define SRTP_CM_TAG_MAX 10

struct srtp_profile_info {
	const char *name;
	/* The profile's number in DTLS's use_srtp extension. */
	uint16_t dtls_id;
	bool aead;
	/* The sizes of keys and salts are those of the master's and of the sessions' alike. auth_key: 0 with an AEAD. */
	uint8_t key, auth_key, salt;
	/* Of SRTP and SRTCP. RFC 5764, 4.1.2, and RFC 3711, 5.2: SRTCP's tag has 80 bits where SRTP's has 32. */
	uint8_t tag[2];
};
const struct srtp_profile_info *srtp_cipher_profile(enum srtp_profile profile);

/* A packet of a CM profile. Jobs of a run may not overlap. */
struct srtp_cm_job {
	/* Plaintext or ciphertext, replaced in place. It lies inside what is authenticated. */
	uint8_t *text;
	size_t len;
	uint8_t *auth;
	size_t auth_len;
	/* The last two bytes count blocks of 16 bytes and are zero (RFC 3711, 4.1.1). */
	uint8_t iv[16];
	/* Sealing writes it; opening compares with it. Only the profile's size of it. */
	uint8_t tag[SRTP_CM_TAG_MAX];
	/* Opening sets it on every job. True: the tag is wrong, and the text is as it was. */
	bool failed;
};

/* The profile says which of the two a run has. After an AEAD's job failed, its text is garbage; opened once more under the same
 * nonce it is the ciphertext again, because the cipher is a XOR with the key's stream. */
#define SRTP_RUN 32
union srtp_run {
	struct aead_job aead[SRTP_RUN];
	struct srtp_cm_job cm[SRTP_RUN];
};

struct srtp_cipher;

/* Makes the object for the keys of one direction and kind. `key` and `auth_key` have the sizes of the profile's info and are not
 * kept.
 *
 * The memory is env's, except for what OpenSSL allocates for itself. Returns NULL when there is no memory, or when the named back
 * end is not there: not built in, or not for this CPU. AEAD_EVP is always there. */
struct srtp_cipher *srtp_cipher_new(sluice_env *env, enum srtp_profile profile, enum srtp_kind kind, enum aead_use use,
                                    enum aead_backend backend, const uint8_t *key, const uint8_t *auth_key);
/* Wipes the keys and frees the object. c may be NULL. */
void srtp_cipher_free(struct srtp_cipher *c);

/* The object is used soon: asks for the memory of its key. */
void srtp_cipher_prefetch(const struct srtp_cipher *c);
/* Seals every job of the run, up to SRTP_RUN. Returns false when the library refused: then no packet of the run may leave. */
bool srtp_cipher_seal(struct srtp_cipher *c, union srtp_run *run, size_t count);
/* Opens every job, also behind one that fails. Returns how many failed. */
size_t srtp_cipher_open(struct srtp_cipher *c, union srtp_run *run, size_t count);

/* "EVP" or "ipsec-mb". */
const char *srtp_cipher_backend_name(const struct srtp_cipher *c);

#endif
