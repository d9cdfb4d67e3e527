/* ipsec_mb: the managers of intel-ipsec-mb that an env has, and the memory that the library wants. Compiled only with
 * -DSLUICE_IPSEC_MB.
 *
 * The library is used through a manager: a table of the functions for this CPU, and the state of all its algorithms, some 200 KB.
 * So each kind is made once in an env, when the first object needs it. Making one takes about 0.4 ms, because the library tests
 * itself. A manager is no part of any key: between two calls it holds nothing. */
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

/* WIDE has the widest vectors of the CPU: the fastest AES, and SHA-1 of 8 or 16 buffers at once. NARROW has the CPU's SHA
 * instructions, and so the fastest SHA-1 of one or two buffers. */
enum ipsec_mb_kind { IPSEC_MB_WIDE, IPSEC_MB_NARROW };

/* Makes it if it is not there. NULL: the CPU lacks the instructions, there is no memory, or the library's self-test failed. */
IMB_MGR *ipsec_mb_manager(sluice_env *env, enum ipsec_mb_kind kind);

/* The manager that ipsec_mb_manager() has made. */
static inline IMB_MGR *ipsec_mb_of(const sluice_env *env, enum ipsec_mb_kind kind) {
	return ipsec_mb_aligned(env->crypto_shared[kind]);
}

#endif
