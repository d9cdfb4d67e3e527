/* srtp_kit: packets, keys and both directions of an SRTP session, for every profile and back end that is there. */
#ifndef TESTS_SRTP_KIT_H
#define TESTS_SRTP_KIT_H

#ifdef SLUICE_IPSEC_MB
#include <cpuid.h>
#endif

#include "base/bytes.h"
#include "pool/env.h"
#include "rtp/srtp.h"
#include "suite.h"

#define KIT_ROOM 1600

/* The CPUs that crypto/ipsec_mb.h names, asked in another way. */
static inline bool kit_has_ipsec_mb(enum srtp_profile profile) {
#ifdef SLUICE_IPSEC_MB
	unsigned int a, b = 0, c, d;
	bool aes = __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
	return aes && (srtp_cipher_profile(profile)->aead || (__get_cpuid_count(7, 0, &a, &b, &c, &d) && b & 1u << 29));
#else
	(void)profile;
	return false;
#endif
}

static inline size_t kit_unhex(const char *hex, uint8_t *out) {
	size_t len = strlen(hex) / 2;
	for (size_t i = 0; i < len; i++) {
		const char digits[] = {hex[2 * i], hex[2 * i + 1], 0};
		out[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return len;
}

static inline struct srtp_master kit_master(uint8_t seed) {
	struct srtp_master m;
	for (size_t i = 0; i < sizeof m; i++)
		((uint8_t *)&m)[i] = (uint8_t)(seed + i * 37);
	return m;
}

/* A sender and its receiver. */
struct kit {
	sluice_env *env;
	struct srtp_config config;
	struct srtp out, in;
};

static inline void kit_open(struct kit *k, sluice_env *env, enum srtp_profile profile, enum aead_backend backend,
                            uint32_t streams) {
	struct srtp_master master = kit_master((uint8_t)profile);
	k->env = env;
	k->config = (struct srtp_config){.profile = profile, .use = AEAD_SEAL, .backend = backend, .streams = streams};
	ck_assert_int_eq(srtp_open(&k->out, env, &k->config, &master), 0);
	k->config.use = AEAD_OPEN;
	ck_assert_int_eq(srtp_open(&k->in, env, &k->config, &master), 0);
}

static inline void kit_close(struct kit *k) {
	ck_assert(srtp_check(&k->out) && srtp_check(&k->in));
	srtp_close(&k->out);
	srtp_close(&k->in);
}

static inline void kit_each(sluice_env *env, uint32_t streams, void (*check)(struct kit *k)) {
	for (int profile = 0; profile < SRTP_PROFILES; profile++) {
		for (int backend = AEAD_EVP; backend <= AEAD_IPSEC_MB; backend++) {
			struct kit k;
			if (backend == AEAD_IPSEC_MB && !kit_has_ipsec_mb((enum srtp_profile)profile))
				continue;
			kit_open(&k, env, (enum srtp_profile)profile, (enum aead_backend)backend, streams);
			check(&k);
			kit_close(&k);
		}
	}
}

/* An RTP packet with a payload of `len` bytes that depend on its number. Returns its length. */
static inline size_t kit_rtp(uint8_t *p, uint32_t ssrc, uint16_t sequence, size_t len) {
	p[0] = 0x80;
	p[1] = 96;
	put_be16(p + 2, sequence);
	put_be32(p + 4, sequence * 3000u);
	put_be32(p + 8, ssrc);
	for (size_t i = 0; i < len; i++)
		p[12 + i] = (uint8_t)(sequence * 7 + i * 3 + ssrc);
	return 12 + len;
}

/* A receiver report with `len` bytes behind its SSRC. */
static inline size_t kit_rtcp(uint8_t *p, uint32_t ssrc, size_t len) {
	p[0] = 0x80;
	p[1] = 201;
	put_be16(p + 2, (uint16_t)(1 + len / 4));
	put_be32(p + 4, ssrc);
	for (size_t i = 0; i < len; i++)
		p[8 + i] = (uint8_t)(i * 5 + ssrc);
	return 8 + len;
}

static inline struct srtp_packet kit_protected(struct kit *k, uint8_t *space, size_t len) {
	struct srtp_packet p = {.data = space, .len = len};
	ck_assert_int_eq(srtp_protect_batch(&k->out, &p, 1), 0);
	ck_assert_int_eq(p.result, SRTP_OK);
	return p;
}

/* Protects one RTP packet in `space`. */
static inline struct srtp_packet kit_send(struct kit *k, uint8_t *space, uint32_t ssrc, uint16_t sequence, size_t len) {
	return kit_protected(k, space, kit_rtp(space, ssrc, sequence, len));
}

/* Unprotects one packet, which stays as it is. A good one must be what was sent. */
static inline enum srtp_result kit_take(struct kit *k, const struct srtp_packet *sent) {
	uint8_t copy[KIT_ROOM], expected[KIT_ROOM];
	struct srtp_packet p = {.data = copy, .len = sent->len};
	memcpy(copy, sent->data, sent->len);
	size_t good = srtp_unprotect_batch(&k->in, &p, 1);
	ck_assert(good == (p.result == SRTP_OK));
	if (good && !p.rtcp) {
		ck_assert_uint_eq(kit_rtp(expected, get_be32(copy + 8), get_be16(copy + 2), p.len - 12), p.len);
		ck_assert_mem_eq(copy, expected, p.len);
	}
	return p.result;
}

#define kit_assert_take(k, p, expected) ck_assert_str_eq(srtp_result_name(kit_take(k, p)), srtp_result_name(expected))

#endif
