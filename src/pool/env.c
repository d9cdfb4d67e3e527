#include "pool/env.h"

#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#ifdef SLUICE_MIMALLOC
#include <mimalloc.h>
static void *default_alloc(void *ctx, size_t size) {
	(void)ctx;
	return mi_malloc(size);
}
static void default_free(void *ctx, void *p) {
	(void)ctx;
	mi_free(p);
}
#else
static void *default_alloc(void *ctx, size_t size) {
	(void)ctx;
	return malloc(size);
}
static void default_free(void *ctx, void *p) {
	(void)ctx;
	free(p);
}
#endif

static void kernel_entropy(void *ctx, void *buf, size_t len) {
	(void)ctx;
	for (size_t done = 0; done < len;) {
		/* Calls of up to 256 bytes are never interrupted once the kernel's pool is ready (getrandom(2)). After a failure
		 * tags and cookies could be guessed, so the process ends. */
		ssize_t n = getrandom((uint8_t *)buf + done, len - done < 256 ? len - done : 256, 0);
		if (n < 0 && errno != EINTR)
			abort();
		done += n > 0 ? (size_t)n : 0;
	}
}

int sluice_env_new(const sluice_env_config *config, sluice_env **out) {
	static const sluice_env_config defaults;
	const sluice_env_config *c = config ? config : &defaults;
	sluice_allocator allocator = c->allocator;
	if (!allocator.alloc || !allocator.free)
		allocator = (sluice_allocator){.alloc = default_alloc, .free = default_free};
	sluice_env *env = allocator.alloc(allocator.ctx, sizeof *env);
	if (!env)
		return SLUICE_NO_MEMORY;
	*env = (sluice_env){
		.allocator = allocator,
		.entropy = c->entropy ? c->entropy : kernel_entropy,
		.entropy_ctx = c->entropy_ctx,
		.log = c->log,
		.log_ctx = c->log_ctx,
		.log_level = c->log_level,
		.slab_size = c->slab_size ? c->slab_size : 65536,
		.slab_limit = c->slab_limit ? c->slab_limit : 64,
		.window_budget = c->window_budget ? c->window_budget : (uint64_t)256 << 20,
		.send_budget = c->send_budget ? c->send_budget : (uint64_t)256 << 20,
	};
	block_pool_init(&env->blocks, allocator, c->cache_limit ? c->cache_limit : (size_t)4 << 20,
	                sizeof(sluice_slab) + env->slab_size);
	*out = env;
	return 0;
}

void sluice_env_free(sluice_env *env) {
	if (!env)
		return;
	block_pool_drain(&env->blocks);
	for (size_t i = 0; i < sizeof env->crypto_shared / sizeof *env->crypto_shared; i++)
		if (env->crypto_shared[i])
			env->allocator.free(env->allocator.ctx, env->crypto_shared[i]);
	env->allocator.free(env->allocator.ctx, env);
}

void *env_zalloc(sluice_env *env, size_t size) {
	void *p = env_alloc(env, size);
	if (p)
		memset(p, 0, size);
	return p;
}

char *env_strndup(sluice_env *env, const char *s, size_t len) {
	char *copy = env_alloc(env, len + 1);
	if (!copy)
		return NULL;
	if (len)
		memcpy(copy, s, len);
	copy[len] = 0;
	return copy;
}

char *env_strndup_secret(sluice_env *env, const char *s, size_t len) {
	return env_secret(env_strndup(env, s, len));
}

void env_entropy(sluice_env *env, void *buf, size_t len) {
	env->entropy(env->entropy_ctx, buf, len);
}

uint32_t env_random32(sluice_env *env) {
	uint32_t v;
	env_entropy(env, &v, sizeof v);
	return v;
}

void env_nonce(sluice_env *env, void *buf, size_t len) {
	if (env->entropy != kernel_entropy) { /* the app's bytes go to where they are asked for, so that a run can be repeated */
		env_entropy(env, buf, len);
		return;
	}
	if (env->nonce_left < len) {
		env_entropy(env, env->nonces, sizeof env->nonces);
		env->nonce_left = sizeof env->nonces;
	}
	memcpy(buf, env->nonces + sizeof env->nonces - env->nonce_left, len);
	env->nonce_left -= len;
}

void env_log(sluice_env *env, enum sluice_log_level level, const char *format, ...) {
	if (!env->log || level > env->log_level)
		return;
	char said[512], line[sizeof said];
	va_list args;
	va_start(args, format);
	vsnprintf(said, sizeof said, format, args);
	va_end(args);
	/* The line may contain words of a peer. */
	text_line(said, strlen(said), line, sizeof line);
	env->log(env->log_ctx, level, line);
}

/* ---- slabs ---- */

sluice_slab *sluice_slab_get(sluice_env *env) {
	sluice_slab *s = block_alloc_slab(&env->blocks);
	if (!s)
		return NULL;
	s->env = env;
	s->refs = 1;
	s->copy_only = env->slabs_live++ >= env->slab_limit;
	return s;
}

void sluice_slab_ref(sluice_slab *s) {
	s->refs++;
}

void env_slab_free(sluice_slab *s) {
	sluice_env *env = s->env;
	env->slabs_live--;
	env_free(env, s);
}

void sluice_slab_unref(sluice_slab *s) {
	if (s)
		slab_unref(s);
}

uint8_t *sluice_slab_data(sluice_slab *s) {
	return s->data;
}

size_t sluice_slab_size(const sluice_slab *s) {
	return s->env->slab_size;
}

bool sluice_slab_is_unshared(const sluice_slab *s) {
	return s->refs == 1;
}

bool env_check(const sluice_env *env) {
	return block_pool_check(&env->blocks);
}
