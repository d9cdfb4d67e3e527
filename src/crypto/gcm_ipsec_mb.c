/* gcm_ipsec_mb: the functions of AES-GCM in intel-ipsec-mb, and are they right? Compiled only with -DSLUICE_IPSEC_MB.
 *
 * The library chooses functions for a CPU when it makes a manager, and then it tests all its algorithms. A manager that another
 * process has made needs neither: imb_set_pointers_mb_mgr() gives it the functions for the kind of CPU that is written in it. So
 * an empty manager with that number gets its functions. They are tested here with a text as long as a packet. The manager is
 * freed at once.
 *
 * So 0.9 MB of the library's code and tables are in memory, and not 3.5. */
#include "crypto/ipsec_mb.h"

#include <string.h>

/* ---- which functions? ------------------------------------------------------------------------------------------- */

static bool has_all(uint64_t features, uint64_t needed) {
	return (features & needed) == needed;
}

/* Fills the empty manager. The library knows kinds of CPU that have no number in each of its versions. It chooses for those
 * itself, and where a number did not help. */
static void choose(IMB_MGR *m) {
	m->features = imb_get_feature_flags();
	m->used_arch = has_all(m->features, IMB_CPUFLAGS_AVX512) ? IMB_ARCH_AVX512
	               : has_all(m->features, IMB_CPUFLAGS_AVX2) ? IMB_ARCH_AVX2
	                                                         : IMB_ARCH_NONE;
	imb_set_pointers_mb_mgr(m, 0, 0);
	if (!m->gcm128_enc)
		init_mb_mgr_auto(m, NULL);
}

static struct ipsec_mb_gcm functions_of(const IMB_MGR *m, enum ipsec_mb_kind kind) {
	return kind == IPSEC_MB_GCM_128 ? (struct ipsec_mb_gcm){m->gcm128_pre, m->gcm128_enc, m->gcm128_dec}
	                                : (struct ipsec_mb_gcm){m->gcm256_pre, m->gcm256_enc, m->gcm256_dec};
}

static bool find(sluice_env *env, enum ipsec_mb_kind kind, struct ipsec_mb_gcm *f) {
	void *memory = env->allocator.alloc(env->allocator.ctx, IPSEC_MB_SPACE(imb_get_mb_mgr_size()));
	if (!memory)
		return false;
	IMB_MGR *m = ipsec_mb_aligned(memory);
	memset(m, 0, sizeof *m);
	choose(m);
	*f = functions_of(m, kind);
	env->allocator.free(env->allocator.ctx, memory);
	return f->expand && f->seal && f->open;
}

/* ---- are they right? -------------------------------------------------------------------------------------------- */

#define TAG_SIZE 16
/* Longer than what the widest functions do in one step, and no multiple of it. */
#define TEXT_SIZE 1200

/* By OpenSSL: the tags of the bytes 0, 1, 2, ... as key, nonce, 13 bytes of AAD, and text. */
static const uint8_t tag_128[TAG_SIZE] = {0x5f, 0xb0, 0x9a, 0x4e, 0xe4, 0xc4, 0xd1, 0xd3,
                                          0x00, 0xb7, 0x05, 0x4a, 0xcb, 0xf9, 0xf2, 0x8e};
static const uint8_t tag_256[TAG_SIZE] = {0xbb, 0x65, 0xa5, 0x36, 0x3b, 0xc8, 0xe3, 0x1e,
                                          0x45, 0xac, 0xe2, 0x48, 0x53, 0x22, 0xdc, 0x3e};

static void count_up(uint8_t *bytes, size_t n) {
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)i;
}

/* The tag is one of the ciphertext. So a right tag, and the plaintext after opening, leave no room for a wrong ciphertext. */
bool ipsec_mb_gcm_test(const struct ipsec_mb_gcm *f, enum ipsec_mb_kind kind) {
	const uint8_t *right = kind == IPSEC_MB_GCM_128 ? tag_128 : tag_256;
	uint8_t counted[TEXT_SIZE], text[TEXT_SIZE], sealed[TAG_SIZE], opened[TAG_SIZE];
	struct gcm_key_data key;
	struct gcm_context_data state;
	count_up(counted, sizeof counted);
	f->expand(counted, &key);
	f->seal(&key, &state, text, counted, sizeof text, counted, counted, 13, sealed, sizeof sealed);
	f->open(&key, &state, text, text, sizeof text, counted, counted, 13, opened, sizeof opened);
	return !memcmp(sealed, right, sizeof sealed) && !memcmp(opened, right, sizeof opened) &&
	       !memcmp(text, counted, sizeof text);
}

const struct ipsec_mb_gcm *ipsec_mb_gcm(sluice_env *env, enum ipsec_mb_kind kind) {
	if (env->crypto_shared[kind])
		return ipsec_mb_gcm_of(env, kind);
	struct ipsec_mb_gcm found, *f;
	if (!ipsec_mb_cpu_has_aes() || !find(env, kind, &found) || !ipsec_mb_gcm_test(&found, kind))
		return NULL;
	f = env->allocator.alloc(env->allocator.ctx, sizeof *f);
	if (f)
		*f = found;
	return env->crypto_shared[kind] = f;
}
