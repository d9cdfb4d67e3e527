/* env: what the objects of one thread share: the app's hooks and the pools.
 *
 * Everything in and below `peer` takes its memory from here:
 *   block_alloc / block_free   objects and message copies of any size, recycled by size class
 *   sluice_slab_get            receive buffers, from the same pool */
#ifndef POOL_ENV_H
#define POOL_ENV_H

#include "pool/block.h"
#include "sluice/env.h"

/* The equations of block.h hold for `blocks`. */
struct sluice_env {
	sluice_allocator allocator;
	void (*entropy)(void *ctx, void *buf, size_t len);
	void *entropy_ctx;
	sluice_log_fn log;
	void *log_ctx;
	enum sluice_log_level log_level;

	struct block_pool blocks;

	size_t slab_size, slab_limit;
	size_t slabs_live; /* in use */

	/* Bytes of receive windows beyond the initial ones: how many may be promised, how many are. */
	uint64_t window_budget, window_lent;
	/* Bytes that associations hold for sending: from how many on their marks are the least ones, how many there are. */
	uint64_t send_budget, send_held;

	/* What a library of ciphers needs once for all its objects of this env: memory of the allocator, made by src/crypto and
	 * freed with the env. NULL: nothing has needed it yet. */
	void *crypto_shared[4];

	/* Of env_nonce(): the last nonce_left bytes are unused. */
	uint8_t nonces[256];
	size_t nonce_left;
};

/* Returns memory for an object or an array, not zeroed; NULL when there is none. */
static inline void *env_alloc(sluice_env *env, size_t size) {
	return block_alloc(&env->blocks, size);
}
void *env_zalloc(sluice_env *env, size_t size);
static inline void env_free(sluice_env *env, void *p) {
	block_free(&env->blocks, p);
}
/* Bytes of the allocator that an object takes. Accounts that bound memory are charged this. 0 for NULL. */
static inline size_t env_cost(const void *p) {
	return p ? block_cost(p) : 0;
}
/* Gives the object back to the allocator, not to the pool: for a large array that was outgrown, which would lie idle and
 * uncounted. */
static inline void env_free_at_once(sluice_env *env, void *p) {
	block_free_at_once(&env->blocks, p);
}
/* Returns a copy of len bytes with a NUL behind them. */
char *env_strndup(sluice_env *env, const char *s, size_t len);
/* Marks the memory at p as secret, so that it is wiped when any of these calls frees it. p may be NULL. Returns p. */
static inline void *env_secret(void *p) {
	if (p)
		block_mark_secret(p);
	return p;
}
/* The same for a password, or for a text that contains one. */
char *env_strndup_secret(sluice_env *env, const char *s, size_t len);

void env_entropy(sluice_env *env, void *buf, size_t len);
uint32_t env_random32(sluice_env *env);
/* Bytes that nobody can foresee and everybody may see when they are used: transaction ids, and what spreads checks in time. The
 * kernel is asked for many of them at once, since a system call for each would cost more than what it is for. A process that
 * forks has the same ones on both sides, so keys, passwords and tags come from env_entropy(). len <= 256. */
void env_nonce(sluice_env *env, void *buf, size_t len);

__attribute__((format(printf, 3, 4))) void env_log(sluice_env *env, enum sluice_log_level level, const char *format, ...);

/* Recounts the invariants; it walks all idle blocks. */
bool env_check(const sluice_env *env);

/* ---- slabs, for the engines ---- */

struct sluice_slab {
	sluice_env *env;
	uint32_t refs;
	bool copy_only; /* taken beyond slab_limit: to keep bytes of it, copy them */
	_Alignas(16) uint8_t data[];
};

void env_slab_free(sluice_slab *s);
static inline void slab_ref(sluice_slab *s) {
	s->refs++;
}
static inline void slab_unref(sluice_slab *s) {
	if (--s->refs == 0)
		env_slab_free(s);
}

#endif
