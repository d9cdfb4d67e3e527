/* ipsec_mb: what an env has of intel-ipsec-mb, and the memory that the library wants. Compiled only with -DSLUICE_IPSEC_MB.
 *
 * The library is used through a manager: a table of the functions for this CPU, and the state of all its algorithms, some 200 KB.
 * Each kind is made once in an env, when the first object needs it. Making one takes about 0.4 ms, because the library tests all
 * its algorithms. That also brings 3 MB of code into the process, most of which never runs again. A manager is no part of any
 * key: between two calls it holds nothing.
 *
 * AES-GCM needs no state but its key. So an env keeps the addresses of its functions and no manager, and gcm_ipsec_mb.c tests
 * those. */
#ifndef CRYPTO_IPSEC_MB_H
#define CRYPTO_IPSEC_MB_H

#include <intel-ipsec-mb.h>
#include <stdbool.h>

#include "pool/env.h"

/* Of the manager and of the keys. Inside the library their types are aligned like this; the header hides it from a program. */
#define IPSEC_MB_ALIGNMENT 64

/* Room for `size` bytes at the next aligned address of a block of this many. */
#define IPSEC_MB_SPACE(size) ((size) + IPSEC_MB_ALIGNMENT - 1)

static inline void *ipsec_mb_aligned(void *p) {
	return (void *)(((uintptr_t)p + IPSEC_MB_ALIGNMENT - 1) & ~(uintptr_t)(IPSEC_MB_ALIGNMENT - 1));
}

/* Managers: WIDE has the widest vectors of the CPU: the fastest AES, and SHA-1 of 8 or 16 buffers at once. NARROW has the CPU's
 * SHA instructions, and so the fastest SHA-1 of one or two buffers. The others are functions of AES-GCM. */
enum ipsec_mb_kind { IPSEC_MB_WIDE, IPSEC_MB_NARROW, IPSEC_MB_GCM_128, IPSEC_MB_GCM_256 };

/* Without AES instructions the library computes what they do, and takes longer than EVP. */
bool ipsec_mb_cpu_has_aes(void);

/* Makes it if it is not there. NULL: the CPU lacks the instructions, there is no memory, or the library's self-test failed. */
IMB_MGR *ipsec_mb_manager(sluice_env *env, enum ipsec_mb_kind kind);

/* The manager that ipsec_mb_manager() has made. */
static inline IMB_MGR *ipsec_mb_of(const sluice_env *env, enum ipsec_mb_kind kind) {
	return ipsec_mb_aligned(env->crypto_shared[kind]);
}

/* AES-GCM under a key of one size: what expands the key, and what seals and opens one text. */
struct ipsec_mb_gcm {
	aes_gcm_pre_t expand;
	aes_gcm_enc_dec_t seal, open;
};

/* Finds and tests them if they are not there. `kind` is one of GCM. NULL: the CPU lacks the instructions, there is no memory, or
 * the test failed. */
const struct ipsec_mb_gcm *ipsec_mb_gcm(sluice_env *env, enum ipsec_mb_kind kind);
/* Do the functions compute what AES-GCM is? */
bool ipsec_mb_gcm_test(const struct ipsec_mb_gcm *f, enum ipsec_mb_kind kind);

/* The functions that ipsec_mb_gcm() has found. */
static inline const struct ipsec_mb_gcm *ipsec_mb_gcm_of(const sluice_env *env, enum ipsec_mb_kind kind) {
	return env->crypto_shared[kind];
}

#endif
