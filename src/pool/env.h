/* env: what one thread's objects share: the app's hooks, and the pools behind them.
 *
 * Everything in and below `peer` takes its memory from here and from nowhere else:
 *   block_alloc / block_free   objects and message copies of any size, recycled by size class
 *   sluice_slab_get            receive buffers */
#ifndef POOL_ENV_H
#define POOL_ENV_H

#include "pool/block.h"
#include "sluice/env.h"

/*   slabs_free == slabs in the list free_slabs, and slabs_free <= 8
 *   the equations of block.h */
struct sluice_env {
	sluice_allocator allocator;
	void (*entropy)(void *ctx, void *buf, size_t len);
	void *entropy_ctx;
	sluice_log_fn log;
	void *log_ctx;
	enum sluice_log_level log_level;

	struct block_pool blocks;

	sluice_slab *free_slabs;
	size_t slab_size, slab_limit;
	size_t slabs_live; /* handed out and not yet back */
	size_t slabs_free;

	uint64_t window_budget, window_lent; /* bytes of receive windows beyond the initial ones: may be promised, are */
};

/* Objects and arrays. The memory is not zeroed. NULL when there is none. */
static inline void *env_alloc(sluice_env *env, size_t size) {
	return block_alloc(&env->blocks, size);
}
void *env_zalloc(sluice_env *env, size_t size);
static inline void env_free(sluice_env *env, void *p) {
	block_free(&env->blocks, p);
}
/* Bytes of the allocator's that an object takes: what an account that bounds memory is charged. 0 for NULL. */
static inline size_t env_cost(const void *p) {
	return p ? block_cost(p) : 0;
}
/* Gives it back to the allocator and not to the pool: for what is large and outgrown, which would lie idle uncounted. */
static inline void env_free_at_once(sluice_env *env, void *p) {
	block_free_at_once(&env->blocks, p);
}
/* A NUL-terminated copy of len bytes. */
char *env_strndup(sluice_env *env, const char *s, size_t len);
/* The memory at p holds a secret and is wiped when it is freed, by whichever call that is. p may be NULL. Returns p. */
static inline void *env_secret(void *p) {
	if (p)
		block_mark_secret(p);
	return p;
}
/* env_strndup for a password, or for a text with one in it. */
char *env_strndup_secret(sluice_env *env, const char *s, size_t len);

void env_entropy(sluice_env *env, void *buf, size_t len);
uint32_t env_random32(sluice_env *env);

__attribute__((format(printf, 3, 4))) void env_log(sluice_env *env, enum sluice_log_level level, const char *format, ...);

/* The invariants, recounted; it walks everything that lies idle. */
bool env_check(const sluice_env *env);

/* ---- slabs, for the engines ---- */

struct sluice_slab {
	sluice_env *env;
	sluice_slab *next_free;
	uint32_t refs;
	bool copy_only; /* handed out beyond slab_limit: who keeps bytes of it must copy them */
	_Alignas(16) uint8_t data[];
};

static inline void slab_ref(sluice_slab *s) {
	s->refs++;
}

#endif
