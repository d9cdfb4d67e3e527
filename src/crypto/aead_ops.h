/* aead_ops: what a back end of aead.h does. A back end is one file with const tables; aead.c says which suite has which.
 *
 * An idle connection has two objects, so each byte of one counts. They come straight from env's allocator and not from its pool,
 * whose blocks have a header of their own and are 64 bytes and more. */
#ifndef CRYPTO_AEAD_OPS_H
#define CRYPTO_AEAD_OPS_H

#include "crypto/aead.h"

/* The functions mean what those of aead.h with these names mean; `make` is aead_new(). */
struct aead_ops {
	const char *name;
	/* NULL: no memory, or this CPU cannot run it. */
	struct aead *(*make)(sluice_env *env, enum aead_suite suite, enum aead_use use, const uint8_t *key);
	void (*free)(struct aead *a);
	bool (*seal)(struct aead *a, struct aead_job *jobs, size_t count);
	size_t (*open)(struct aead *a, struct aead_job *jobs, size_t count);
	/* NULL: records are texts as others are. */
	void (*expect_records)(struct aead *a, const uint8_t *fixed);
};

/* The first member of every back end's object. */
struct aead {
	const struct aead_ops *ops;
	sluice_env *env;
};

extern const struct aead_ops aead_evp;
/* Only with -DSLUICE_IPSEC_MB. */
extern const struct aead_ops aead_ipsec_mb_128, aead_ipsec_mb_256;

#endif
