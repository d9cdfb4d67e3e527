/* counted: every allocation of OpenSSL and of an env is seen, and can be made to fail. For one test program: including it
 * replaces OpenSSL's allocator. */
#ifndef TESTS_COUNTED_H
#define TESTS_COUNTED_H

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdint.h>

#include "pool/env.h"
#include "suite.h"

/* Atomic for the test with threads. */
static _Atomic size_t allocations, live_bytes;
static size_t fail_at = SIZE_MAX; /* the allocation with this number fails, and only that */

static inline void *counted_alloc(size_t size) {
	if (allocations++ == fail_at)
		return NULL;
	void *m = malloc(size);
	live_bytes += malloc_usable_size(m);
	return m;
}

static inline void counted_free(void *m) {
	live_bytes -= malloc_usable_size(m);
	free(m);
}

static void *openssl_alloc(size_t size, const char *file, int line) {
	(void)file, (void)line;
	return counted_alloc(size);
}

static void *openssl_realloc(void *m, size_t size, const char *file, int line) {
	(void)file, (void)line;
	if (allocations++ == fail_at)
		return NULL;
	live_bytes -= malloc_usable_size(m);
	void *moved = realloc(m, size);
	live_bytes += malloc_usable_size(moved);
	return moved;
}

static void openssl_free(void *m, const char *file, int line) {
	(void)file, (void)line;
	counted_free(m);
}

/* OpenSSL takes other functions only before its first allocation. */
__attribute__((constructor)) static void count_openssl(void) {
	if (CRYPTO_set_mem_functions(openssl_alloc, openssl_realloc, openssl_free) != 1)
		abort();
}

static inline void *counted_env_alloc(void *ctx, size_t size) {
	(void)ctx;
	return counted_alloc(size);
}

static inline void counted_env_free(void *ctx, void *m) {
	(void)ctx;
	counted_free(m);
}

static const sluice_env_config counted_config = {.allocator = {.alloc = counted_env_alloc, .free = counted_env_free}};

static inline sluice_env *counted_env(void) {
	sluice_env *env;
	ck_assert_int_eq(sluice_env_new(&counted_config, &env), 0);
	return env;
}

#endif
