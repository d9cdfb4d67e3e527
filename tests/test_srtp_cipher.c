/* The CM ciphers of SRTP: are they AES-CTR and HMAC-SHA1 byte for byte, through every back end and for every length of a run? Is
 * nothing decrypted whose tag is wrong? (The AEAD ones are test_aead.c's.) */
#include <openssl/err.h>

#include "counted.h"
#include "crypto/crypto.h"
#include "srtp_kit.h"

static const uint8_t key[SRTP_KEY_MAX] = {9, 8, 7, [15] = 6}, auth_key[SRTP_AUTH_KEY_MAX] = {5, 4, [19] = 3};

/* Both directions. */
struct both {
	struct srtp_cipher *seal, *open;
	size_t tag;
};

static struct both both_new(sluice_env *env, enum srtp_profile profile, enum srtp_kind kind, enum aead_backend backend) {
	struct both b = {
		.seal = srtp_cipher_new(env, profile, kind, AEAD_SEAL, backend, key, auth_key),
		.open = srtp_cipher_new(env, profile, kind, AEAD_OPEN, backend, key, auth_key),
		.tag = srtp_cipher_profile(profile)->tag[kind],
	};
	ck_assert_ptr_nonnull(b.seal);
	ck_assert_ptr_nonnull(b.open);
	return b;
}

static void check_all(void (*check)(const struct both *b)) {
	sluice_env *env = counted_env();
	for (int profile = SRTP_AES128_CM_SHA1_80; profile <= SRTP_AES128_CM_SHA1_32; profile++)
		for (int backend = AEAD_EVP; backend <= AEAD_IPSEC_MB; backend++) {
			if (backend == AEAD_IPSEC_MB && !kit_has_ipsec_mb((enum srtp_profile)profile))
				continue;
			struct both b = both_new(env, (enum srtp_profile)profile, SRTP_RTP, (enum aead_backend)backend);
			check(&b);
			srtp_cipher_free(b.seal);
			srtp_cipher_free(b.open);
		}
	sluice_env_free(env);
}

START_TEST(test_the_best_back_end_is_ipsec_mb_where_it_is_there) {
	sluice_env *env = counted_env();
	for (int i = 0; i < SRTP_PROFILES; i++) {
		enum srtp_profile profile = (enum srtp_profile)i;
		bool mb = kit_has_ipsec_mb(profile);
		struct both best = both_new(env, profile, SRTP_RTCP, AEAD_BEST),
			    evp = both_new(env, profile, SRTP_RTCP, AEAD_EVP);
		struct srtp_cipher *named = srtp_cipher_new(env, profile, SRTP_RTP, AEAD_SEAL, AEAD_IPSEC_MB, key, auth_key);
		ck_assert_int_eq(named != NULL, mb);
		ck_assert_str_eq(srtp_cipher_backend_name(best.seal), mb ? "ipsec-mb" : "EVP");
		ck_assert_str_eq(srtp_cipher_backend_name(evp.open), "EVP");
		srtp_cipher_free(named);
		srtp_cipher_free(best.seal);
		srtp_cipher_free(best.open);
		srtp_cipher_free(evp.seal);
		srtp_cipher_free(evp.open);
	}
	srtp_cipher_free(NULL);
	sluice_env_free(env);
}
END_TEST

/* RFC 5764, 4.1.2, and RFC 7714, 14.2. */
START_TEST(test_the_profiles_are_those_of_the_rfcs) {
	static const struct {
		int id, key, salt, auth_key, rtp_tag, rtcp_tag;
	} expected[SRTP_PROFILES] = {
		{1, 16, 14, 20, 10, 10}, {2, 16, 14, 20, 4, 10}, {7, 16, 12, 0, 16, 16}, {8, 32, 12, 0, 16, 16}};
	for (int i = 0; i < SRTP_PROFILES; i++) {
		const struct srtp_profile_info *p = srtp_cipher_profile((enum srtp_profile)i);
		ck_assert(p->dtls_id == expected[i].id && p->key == expected[i].key && p->salt == expected[i].salt);
		ck_assert(p->auth_key == expected[i].auth_key && p->aead == (p->auth_key == 0));
		ck_assert(p->tag[SRTP_RTP] == expected[i].rtp_tag && p->tag[SRTP_RTCP] == expected[i].rtcp_tag);
	}
}
END_TEST

/* ---- runs --------------------------------------------------------------------------------------------------------- */

#define CLEAR 20
#define ROOM 1560

/* The packets of a run: CLEAR bytes, a text, and 4 bytes more that are authenticated. */
struct packets {
	uint8_t bytes[SRTP_RUN][ROOM];
	union srtp_run run;
};

static struct packets p, expected;

static void make_packet(struct packets *to, size_t i, size_t len) {
	struct srtp_cm_job *j = &to->run.cm[i];
	memset(to->bytes[i], 0x5a, ROOM);
	for (size_t k = 0; k < CLEAR + len + 4; k++)
		to->bytes[i][k] = (uint8_t)(k * k + i + len);
	*j = (struct srtp_cm_job){
		.text = to->bytes[i] + CLEAR, .len = len, .auth = to->bytes[i], .auth_len = CLEAR + len + 4, .failed = true};
	for (size_t k = 0; k < 14; k++)
		j->iv[k] = (uint8_t)(len + k * 3 + i);
}

/* The same by OpenSSL with nothing kept from packet to packet. */
static void reference_seal(struct srtp_cm_job *j) {
	uint8_t mac[CRYPTO_SHA1_SIZE];
	struct iovec part = {.iov_base = j->auth, .iov_len = j->auth_len};
	ck_assert(crypto_aes_ctr(key, 16, j->iv, j->text, j->len));
	ck_assert(crypto_hmac(CRYPTO_SHA1, auth_key, sizeof auth_key, &part, 1, mac));
	memcpy(j->tag, mac, sizeof j->tag);
}

static void check_run(const struct both *b, size_t count, size_t len, size_t step) {
	for (size_t i = 0; i < count; i++) {
		make_packet(&p, i, (len + i * step) % 1500);
		make_packet(&expected, i, (len + i * step) % 1500);
		reference_seal(&expected.run.cm[i]);
	}
	ck_assert(srtp_cipher_seal(b->seal, &p.run, count));
	for (size_t i = 0; i < count; i++) {
		ck_assert_mem_eq(p.bytes[i], expected.bytes[i], ROOM);
		ck_assert_mem_eq(p.run.cm[i].tag, expected.run.cm[i].tag, b->tag);
		make_packet(&expected, i, p.run.cm[i].len);
		p.run.cm[i].failed = true;
	}
	ck_assert_uint_eq(srtp_cipher_open(b->open, &p.run, count), 0);
	for (size_t i = 0; i < count; i++) {
		ck_assert(!p.run.cm[i].failed);
		ck_assert_mem_eq(p.bytes[i], expected.bytes[i], ROOM);
	}
}

static void check_lengths(const struct both *b) {
	for (size_t len = 0; len < 1500; len++)
		check_run(b, 1, len, 0);
	for (size_t count = 0; count <= SRTP_RUN; count++)
		check_run(b, count, count * 11, 0);
	for (size_t count = 2; count <= SRTP_RUN; count++)
		check_run(b, count, count % 2 ? 0 : 1400, 97 + count);
}

START_TEST(test_every_length_and_every_run_is_byte_for_byte_the_reference) {
	check_all(check_lengths);
}
END_TEST

/* Each packet of a run fails alone, and in one run all of them but one do. Texts of no bytes are in between. */
static void check_failures(const struct both *b) {
	for (size_t count = 1; count <= SRTP_RUN; count += 5)
		for (size_t bad = 0; bad < count; bad++)
			for (int others = 0; others <= 1; others++) {
				for (size_t i = 0; i < count; i++)
					make_packet(&p, i, i % 4 == 3 ? 0 : 30 + i);
				ck_assert(srtp_cipher_seal(b->seal, &p.run, count));
				size_t failed = 0;
				for (size_t i = 0; i < count; i++)
					if ((i == bad) != others) {
						p.run.cm[i].tag[(i + bad) % b->tag] ^= (uint8_t)(1 << bad % 8);
						failed++;
					}
				memcpy(expected.bytes, p.bytes, sizeof p.bytes);
				ck_assert_uint_eq(srtp_cipher_open(b->open, &p.run, count), failed);
				for (size_t i = 0; i < count; i++) {
					bool should = (i == bad) != others;
					ck_assert_int_eq(p.run.cm[i].failed, should);
					if (!should)
						make_packet(&expected, i, p.run.cm[i].len);
					ck_assert_mem_eq(p.bytes[i], expected.bytes[i], ROOM);
				}
			}
	ck_assert_uint_eq(ERR_peek_error(), 0);
}

START_TEST(test_what_fails_is_not_decrypted_and_the_others_are) {
	check_all(check_failures);
}
END_TEST

/* After an AEAD's job failed, opening it once more under the same nonce gives the ciphertext back. */
START_TEST(test_a_failed_aead_job_can_be_turned_back) {
	sluice_env *env = counted_env();
	for (int profile = SRTP_AEAD_AES_128_GCM; profile <= SRTP_AEAD_AES_256_GCM; profile++)
		for (int backend = AEAD_EVP; backend <= AEAD_IPSEC_MB; backend++) {
			uint8_t text[200], sealed[200];
			if (backend == AEAD_IPSEC_MB && !kit_has_ipsec_mb((enum srtp_profile)profile))
				continue;
			struct both b = both_new(env, (enum srtp_profile)profile, SRTP_RTP, (enum aead_backend)backend);
			for (size_t len = 0; len + AEAD_TAG_SIZE <= sizeof text; len++) {
				memset(text, 0x33, sizeof text);
				p.run.aead[0] = (struct aead_job){.text = text, .len = len, .nonce = {1}};
				ck_assert(srtp_cipher_seal(b.seal, &p.run, 1));
				memcpy(sealed, text, sizeof text);
				p.run.aead[0].nonce[0] = 2;
				ck_assert_uint_eq(srtp_cipher_open(b.open, &p.run, 1), 1);
				ck_assert_uint_eq(srtp_cipher_open(b.open, &p.run, 1), 1);
				ck_assert_mem_eq(text, sealed, sizeof text);
				p.run.aead[0].nonce[0] = 1;
				ck_assert_uint_eq(srtp_cipher_open(b.open, &p.run, 1), 0);
			}
			srtp_cipher_free(b.seal);
			srtp_cipher_free(b.open);
		}
	sluice_env_free(env);
}
END_TEST

/* ---- memory ------------------------------------------------------------------------------------------------------- */

START_TEST(test_an_allocation_that_fails_leaves_nothing) {
	sluice_env *warm = counted_env();
	srtp_cipher_free(srtp_cipher_new(warm, SRTP_AES128_CM_SHA1_80, SRTP_RTP, AEAD_SEAL, AEAD_EVP, key, auth_key));
	sluice_env_free(warm);
	for (int backend = AEAD_BEST; backend <= AEAD_IPSEC_MB; backend++) {
		bool failed = backend != AEAD_IPSEC_MB || kit_has_ipsec_mb(SRTP_AES128_CM_SHA1_80);
		for (size_t n = 0; failed; n++) {
			ck_assert_uint_lt(n, 100);
			size_t before = live_bytes;
			sluice_env *env = counted_env();
			fail_at = allocations + n;
			struct srtp_cipher *c = srtp_cipher_new(env, SRTP_AES128_CM_SHA1_80, SRTP_RTP, AEAD_SEAL,
			                                        (enum aead_backend)backend, key, auth_key);
			failed = allocations > fail_at;
			fail_at = SIZE_MAX;
			ck_assert(c || failed);
			srtp_cipher_free(c);
			ck_assert_uint_eq(env->blocks.live, 0);
			sluice_env_free(env);
			ck_assert_uint_eq(live_bytes, before);
			ck_assert_uint_eq(ERR_peek_error(), 0);
		}
	}
}
END_TEST

START_TEST(test_a_key_stream_of_another_key_size_is_refused) {
	uint8_t iv[CRYPTO_AES_BLOCK] = {0}, data[4] = {1};
	ck_assert(!crypto_aes_ctr(key, 24, iv, data, sizeof data));
	ck_assert_uint_eq(data[0], 1);
}
END_TEST

SUITE("srtp_cipher", test_the_best_back_end_is_ipsec_mb_where_it_is_there, test_the_profiles_are_those_of_the_rfcs,
      test_every_length_and_every_run_is_byte_for_byte_the_reference, test_what_fails_is_not_decrypted_and_the_others_are,
      test_a_failed_aead_job_can_be_turned_back, test_an_allocation_that_fails_leaves_nothing,
      test_a_key_stream_of_another_key_size_is_refused)
