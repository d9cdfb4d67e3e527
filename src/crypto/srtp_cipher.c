/* srtp_cipher: which profiles are there, and which back end does a profile have? */
#include "crypto/srtp_cipher_ops.h"

#ifdef SLUICE_IPSEC_MB
#define CM_IPSEC_MB (&srtp_cipher_cm_ipsec_mb)
#define GCM_IPSEC_MB (&srtp_cipher_gcm_ipsec_mb)
#else
#define CM_IPSEC_MB NULL
#define GCM_IPSEC_MB NULL
#endif

/* NULL: there is no such back end in this build. */
static const struct profile {
	struct srtp_profile_info info;
	enum aead_suite suite; /* of an AEAD */
	const struct srtp_cipher_ops *ipsec_mb, *evp;
} profiles[SRTP_PROFILES] = {
	/*                          name                     id  aead  key auth salt  tags */
	[SRTP_AES128_CM_SHA1_80] = {{"SRTP_AES128_CM_SHA1_80", 1, false, 16, 20, 14, {10, 10}},
                                    0,
                                    CM_IPSEC_MB,
                                    &srtp_cipher_cm_evp},
	[SRTP_AES128_CM_SHA1_32] = {{"SRTP_AES128_CM_SHA1_32", 2, false, 16, 20, 14, {4, 10}},
                                    0,
                                    CM_IPSEC_MB,
                                    &srtp_cipher_cm_evp},
	[SRTP_AEAD_AES_128_GCM] = {{"SRTP_AEAD_AES_128_GCM", 7, true, 16, 0, 12, {16, 16}},
                                   AEAD_AES_128_GCM,
                                   GCM_IPSEC_MB,
                                   &srtp_cipher_gcm_evp},
	[SRTP_AEAD_AES_256_GCM] = {{"SRTP_AEAD_AES_256_GCM", 8, true, 32, 0, 12, {16, 16}},
                                   AEAD_AES_256_GCM,
                                   GCM_IPSEC_MB,
                                   &srtp_cipher_gcm_evp},
};

const struct srtp_profile_info *srtp_cipher_profile(enum srtp_profile profile) {
	return &profiles[profile].info;
}

struct srtp_cipher *srtp_cipher_new(sluice_env *env, enum srtp_profile profile, enum srtp_kind kind, enum aead_use use,
                                    enum aead_backend backend, const uint8_t *key, const uint8_t *auth_key) {
	const struct profile *p = &profiles[profile];
	struct srtp_cipher_args args = {
		.profile = &p->info, .suite = p->suite, .use = use, .tag = p->info.tag[kind], .key = key, .auth_key = auth_key};
	struct srtp_cipher *c = NULL;
	args.backend = AEAD_IPSEC_MB;
	if (backend != AEAD_EVP && p->ipsec_mb)
		c = p->ipsec_mb->make(env, args);
	args.backend = AEAD_EVP;
	if (!c && backend != AEAD_IPSEC_MB)
		c = p->evp->make(env, args);
	return c;
}

void srtp_cipher_free(struct srtp_cipher *c) {
	if (c)
		c->ops->free(c);
}

void srtp_cipher_prefetch(const struct srtp_cipher *c) {
	if (c->ops->prefetch)
		c->ops->prefetch(c);
}

bool srtp_cipher_seal(struct srtp_cipher *c, union srtp_run *run, size_t count) {
	return c->ops->seal(c, run, count);
}

size_t srtp_cipher_open(struct srtp_cipher *c, union srtp_run *run, size_t count) {
	return c->ops->open(c, run, count);
}

const char *srtp_cipher_backend_name(const struct srtp_cipher *c) {
	return c->ops->name;
}
