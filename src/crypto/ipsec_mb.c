#include "crypto/ipsec_mb.h"

#include <cpuid.h>

bool ipsec_mb_cpu_has_aes(void) {
	return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
}

/* Leaf 7, EBX, bit 29. __builtin_cpu_supports() does not know it in every compiler. */
static bool cpu_has_sha(void) {
	unsigned int a, b = 0, c, d;
	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && b >> 29 & 1;
}

/* The library's header: "currently SHANI is only available for SSE". */
static void init(IMB_MGR *m, enum ipsec_mb_kind kind) {
	if (kind == IPSEC_MB_WIDE)
		init_mb_mgr_auto(m, NULL);
	else
		init_mb_mgr_sse(m);
}

IMB_MGR *ipsec_mb_manager(sluice_env *env, enum ipsec_mb_kind kind) {
	if (env->crypto_shared[kind])
		return ipsec_mb_of(env, kind);
	if (!ipsec_mb_cpu_has_aes() || (kind == IPSEC_MB_NARROW && !cpu_has_sha()))
		return NULL;
	void *memory = env->allocator.alloc(env->allocator.ctx, IPSEC_MB_SPACE(imb_get_mb_mgr_size()));
	if (!memory)
		return NULL;
	IMB_MGR *m = imb_set_pointers_mb_mgr(ipsec_mb_aligned(memory), 0, 1);
	if (m)
		init(m, kind);
	if (m && imb_get_errno(m) == 0) {
		env->crypto_shared[kind] = memory;
		return m;
	}
	env->allocator.free(env->allocator.ctx, memory);
	return NULL;
}
