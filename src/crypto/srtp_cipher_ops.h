/* srtp_cipher_ops: what a back end of srtp_cipher.h does. A back end is one file with one const table; srtp_cipher.c has the list
 * of them. */
#ifndef CRYPTO_SRTP_CIPHER_OPS_H
#define CRYPTO_SRTP_CIPHER_OPS_H

#include "crypto/srtp_cipher.h"

/* What an object is made of. */
struct srtp_cipher_args {
	const struct srtp_profile_info *profile;
	enum aead_suite suite; /* of an AEAD profile */
	enum aead_use use;
	enum aead_backend backend; /* EVP or IPSEC_MB */
	size_t tag;
	const uint8_t *key, *auth_key;
};

/* The functions mean what those of srtp_cipher.h with these names mean; `make` is srtp_cipher_new(). */
struct srtp_cipher_ops {
	const char *name;
	/* NULL: no memory, or this CPU cannot run it. */
	struct srtp_cipher *(*make)(sluice_env *env, struct srtp_cipher_args args);
	void (*free)(struct srtp_cipher *c);
	bool (*seal)(struct srtp_cipher *c, union srtp_run *run, size_t count);
	size_t (*open)(struct srtp_cipher *c, union srtp_run *run, size_t count);
	void (*prefetch)(const struct srtp_cipher *c); /* NULL: the library does not show its memory */
};

/* The first member of every back end's object. */
struct srtp_cipher {
	const struct srtp_cipher_ops *ops;
	sluice_env *env;
};

extern const struct srtp_cipher_ops srtp_cipher_cm_evp;
/* AES-GCM of aead.h, by the back end of aead.h with the same name. */
extern const struct srtp_cipher_ops srtp_cipher_gcm_evp;
/* Only with -DSLUICE_IPSEC_MB. */
extern const struct srtp_cipher_ops srtp_cipher_cm_ipsec_mb, srtp_cipher_gcm_ipsec_mb;

#endif
