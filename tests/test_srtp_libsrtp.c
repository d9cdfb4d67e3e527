/* SRTP with libsrtp at the other end: each profile, each length, both directions, RTP and RTCP. */
#include <srtp2/srtp.h>

#include "srtp_kit.h"

static void set_policies(enum srtp_profile profile, srtp_policy_t *policy) {
	static void (*const rtp[])(srtp_crypto_policy_t *) = {
		srtp_crypto_policy_set_rtp_default, srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32,
		srtp_crypto_policy_set_aes_gcm_128_16_auth, srtp_crypto_policy_set_aes_gcm_256_16_auth};
	rtp[profile](&policy->rtp);
	/* RFC 5764, 4.1.2: SRTCP has 80 bits of tag with either. */
	(profile == SRTP_AES128_CM_SHA1_32 ? srtp_crypto_policy_set_rtp_default : rtp[profile])(&policy->rtcp);
}

/* libsrtp wants master key and salt in one piece. */
static srtp_t libsrtp_new(enum srtp_profile profile, srtp_ssrc_type_t direction) {
	const struct srtp_profile_info *info = srtp_cipher_profile(profile);
	struct srtp_master master = kit_master((uint8_t)profile);
	unsigned char key[SRTP_KEY_MAX + SRTP_SALT_MAX];
	srtp_policy_t policy = {.ssrc.type = direction, .key = key, .window_size = 1024};
	srtp_t session;
	memcpy(key, master.key, info->key);
	memcpy(key + info->key, master.salt, info->salt);
	set_policies(profile, &policy);
	ck_assert_int_eq(srtp_create(&session, &policy), srtp_err_status_ok);
	return session;
}

static void check_to_libsrtp(struct kit *k) {
	srtp_t in = libsrtp_new(k->config.profile, ssrc_any_inbound);
	uint8_t space[KIT_ROOM], plain[KIT_ROOM];
	for (size_t len = 0; len <= 1460; len++) {
		size_t plain_len = kit_rtp(plain, 1 + len % 3, (uint16_t)(65000 + len), len);
		struct srtp_packet p = kit_send(k, space, 1 + len % 3, (uint16_t)(65000 + len), len);
		int n = (int)p.len;
		ck_assert_int_eq(srtp_unprotect(in, space, &n), srtp_err_status_ok);
		ck_assert_int_eq(n, (int)plain_len);
		ck_assert_mem_eq(space, plain, plain_len);
		plain_len = kit_rtcp(plain, 7, len & ~(size_t)3);
		p = kit_protected(k, space, kit_rtcp(space, 7, len & ~(size_t)3));
		n = (int)p.len;
		ck_assert_int_eq(srtp_unprotect_rtcp(in, space, &n), srtp_err_status_ok);
		ck_assert_int_eq(n, (int)plain_len);
		ck_assert_mem_eq(space, plain, plain_len);
	}
	srtp_dealloc(in);
}

static void check_from_libsrtp(struct kit *k) {
	srtp_t out = libsrtp_new(k->config.profile, ssrc_any_outbound);
	uint8_t space[KIT_ROOM] __attribute__((aligned(8)));
	for (size_t len = 0; len <= 1460; len++) {
		int n = (int)kit_rtp(space, 1 + len % 3, (uint16_t)(65000 + len), len);
		ck_assert_int_eq(srtp_protect(out, space, &n), srtp_err_status_ok);
		struct srtp_packet p = {.data = space, .len = (size_t)n};
		kit_assert_take(k, &p, SRTP_OK);
		size_t plain_len = kit_rtcp(space, 7, len & ~(size_t)3);
		uint8_t plain[KIT_ROOM];
		memcpy(plain, space, plain_len);
		n = (int)plain_len;
		ck_assert_int_eq(srtp_protect_rtcp(out, space, &n), srtp_err_status_ok);
		p = (struct srtp_packet){.data = space, .len = (size_t)n};
		ck_assert_uint_eq(srtp_unprotect_batch(&k->in, &p, 1), 1);
		ck_assert_uint_eq(p.len, plain_len);
		ck_assert_mem_eq(space, plain, plain_len);
	}
	srtp_dealloc(out);
}

/* A wrap, then packets that come late or twice: both judge alike. */
static void check_numbers(struct kit *k) {
	static uint8_t bytes[1200][64];
	struct srtp_packet sent[1200];
	srtp_t in = libsrtp_new(k->config.profile, ssrc_any_inbound);
	for (size_t i = 0; i < 1200; i++)
		sent[i] = kit_send(k, bytes[i], 1, (uint16_t)(65000 + i), 20);
	uint32_t random = 9;
	size_t taken = 0, highest = 0;
	for (size_t i = 0; i < 3000; i++) {
		random = random * 1664525u + 1013904223u;
		size_t which = i < 3 ? 0 : i / 3 + (random >> 8) % 200;
		uint8_t copy[64];
		/* Their window ends where it says, ours up to 63 numbers later. */
		if (which + 1000 < highest)
			continue;
		highest = which > highest ? which : highest;
		memcpy(copy, bytes[which], sizeof copy);
		int n = (int)sent[which].len;
		bool theirs = srtp_unprotect(in, copy, &n) == srtp_err_status_ok;
		ck_assert_int_eq(kit_take(k, &sent[which]) == SRTP_OK, theirs);
		taken += theirs;
	}
	ck_assert_uint_gt(taken, 900);
	srtp_dealloc(in);
}

static void with_all(void (*check)(struct kit *k)) {
	sluice_env *env;
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	ck_assert_int_eq(srtp_init(), srtp_err_status_ok);
	kit_each(env, 8, check);
	srtp_shutdown();
	sluice_env_free(env);
}

START_TEST(test_libsrtp_opens_what_we_protect) {
	with_all(check_to_libsrtp);
}
END_TEST

START_TEST(test_we_open_what_libsrtp_protects) {
	with_all(check_from_libsrtp);
}
END_TEST

START_TEST(test_both_take_the_same_packets) {
	with_all(check_numbers);
}
END_TEST

SUITE("srtp_libsrtp", test_libsrtp_opens_what_we_protect, test_we_open_what_libsrtp_protects, test_both_take_the_same_packets)
