/* SRTP: are packets what the standards say, in place and in batches, through every back end? What do limits, broken packets and
 * failing allocations do? test_srtp_numbers.c has what sequence numbers do. */
#include "base/arith.h"
#include "counted.h"
#include "crypto/crypto.h"
#include "srtp_kit.h"

static sluice_env *env;

static void with_all(uint32_t streams, void (*check)(struct kit *k)) {
	env = counted_env();
	kit_each(env, streams, check);
	sluice_env_free(env);
}

/* ---- published vectors ------------------------------------------------------------------------------------------- */

START_TEST(test_the_keys_of_rfc_3711_b_3_come_out) {
	struct srtp_master master = {.key = {0}};
	struct srtp_session_keys keys;
	uint8_t expected[20];
	kit_unhex("E1F97A0D3E018BE0D64FA32C06DE4139", master.key);
	kit_unhex("0EC675AD498AFEEBB6960B3AABE6", master.salt);
	ck_assert(srtp_kdf_derive(SRTP_AES128_CM_SHA1_80, SRTP_RTP, &master, &keys));
	ck_assert_mem_eq(keys.key, expected, kit_unhex("C61E7A93744F39EE10734AFE3FF7A087", expected));
	ck_assert_mem_eq(keys.salt, expected, kit_unhex("30CBBC08863D8C85D49DB34A9AE1", expected));
	ck_assert_mem_eq(keys.auth_key, expected, kit_unhex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4", expected));
}
END_TEST

/* RFC 3711, B.2: the stream of blocks 0 to 2, and that of blocks 0xFEFF to 0xFF01. */
#define B2_START "E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB41E95B3BB0A2E8DD477901E4FCA894C0"
#define B2_END "EC8CDF7398607CB0F2D21675EA9EA1E4362B7C3C6773516318A077D7FC5073AE6A2CC3787889374FBEB4C81B17BA6C44"
#define B2_LEN ((size_t)1044512)

static uint8_t b2[12 + B2_LEN + SRTP_TAIL];

static void check_b2(struct kit *k) {
	struct srtp_session_keys keys[2] = {0};
	uint8_t expected[48];
	if (k->out.aead)
		return;
	for (int i = 0; i < 2; i++) {
		kit_unhex("2B7E151628AED2A6ABF7158809CF4F3C", keys[i].key);
		kit_unhex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD", keys[i].salt);
	}
	srtp_close(&k->out);
	k->config.use = AEAD_SEAL;
	ck_assert_int_eq(srtp_open_with(&k->out, k->env, &k->config, keys), 0);
	memset(b2, 0, sizeof b2);
	b2[0] = 0x80;
	kit_protected(k, b2, 12 + B2_LEN);
	ck_assert_mem_eq(b2 + 12, expected, kit_unhex(B2_START, expected));
	ck_assert_mem_eq(b2 + 12 + B2_LEN - 48, expected, kit_unhex(B2_END, expected));
}

START_TEST(test_the_key_stream_of_rfc_3711_b_2_comes_out) {
	with_all(4, check_b2);
}
END_TEST

/* RFC 7714, 16 and 17. The salt is "Quid pro quo". */
#define GCM_RTP "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e69732064697669736120696e207061727465732074726573"
#define GCM_RTCP "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef"

static const struct gcm_vector {
	enum srtp_profile profile;
	const char *plain, *protected;
	bool tag_only; /* E is 0, as no sender of ours has it */
} gcm_vectors[] = {
	{SRTP_AEAD_AES_128_GCM, GCM_RTP,
         "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a915"
         "2cf765ee4390cce",
         false},
	{SRTP_AEAD_AES_256_GCM, GCM_RTP,
         "8040f17b8041f8d35501a0b232b1de78a822fe12ef9f78fa332e33aab18012389a58e2f3b50b2a0276ffae0f1ba63799b87b7aa3db36dfffd6b0f"
         "9bb7878d7a76c13",
         false},
	{SRTP_AEAD_AES_128_GCM, GCM_RTCP,
         "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b4686303ded0bb9275bc84aa45896cf4"
         "d2fc5abf87245d9eade800005d4",
         false},
	{SRTP_AEAD_AES_256_GCM, GCM_RTCP,
         "81c8000d4d617273d50ae4d1f5ce5d304ba297e47d470c282c3ece5dbffe0a50a2eaa5c1110555be8415f658c61de0476f1b6fad1d1eb30c44468"
         "39f57ff6f6cb26ac3be800005d4",
         false},
	{SRTP_AEAD_AES_128_GCM, GCM_RTCP,
         "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef841dd9683dd78"
         "ec92ae58790125f62b3000005d4",
         true},
};

static void check_gcm_vector(const struct gcm_vector *v, enum aead_backend backend) {
	struct srtp_session_keys keys[2] = {0};
	struct srtp_config config = {.profile = v->profile, .use = AEAD_SEAL, .backend = backend};
	struct srtp out, in;
	uint8_t space[256], plain[256], expected[256];
	size_t plain_len = kit_unhex(v->plain, plain), len = kit_unhex(v->protected, expected);
	for (int i = 0; i < 2; i++) {
		for (uint8_t n = 0; n < 32; n++)
			keys[i].key[n] = n;
		kit_unhex("517569642070726f2071756f", keys[i].salt);
	}
	ck_assert_int_eq(srtp_open_with(&out, env, &config, keys), 0);
	out.flow[SRTP_RTCP].sealed = 0x5d4;
	config.use = AEAD_OPEN;
	ck_assert_int_eq(srtp_open_with(&in, env, &config, keys), 0);
	struct srtp_packet p = {.data = space, .len = plain_len};
	memcpy(space, plain, plain_len);
	if (!v->tag_only) {
		ck_assert_int_eq(srtp_protect_batch(&out, &p, 1), 0);
		ck_assert_uint_eq(p.len, len);
		ck_assert_mem_eq(space, expected, len);
	}
	memcpy(space, expected, len);
	p.len = len;
	ck_assert_uint_eq(srtp_unprotect_batch(&in, &p, 1), 1);
	ck_assert_uint_eq(p.len, plain_len);
	ck_assert_mem_eq(space, plain, plain_len);
	memcpy(space, expected, len);
	p.len = len;
	ck_assert_uint_eq(srtp_unprotect_batch(&in, &p, 1), 0);
	ck_assert_int_eq(p.result, SRTP_REPLAYED);
	srtp_close(&out);
	srtp_close(&in);
}

START_TEST(test_the_packets_of_rfc_7714_come_out) {
	env = counted_env();
	for (size_t i = 0; i < sizeof gcm_vectors / sizeof *gcm_vectors; i++) {
		check_gcm_vector(&gcm_vectors[i], AEAD_EVP);
		if (kit_has_ipsec_mb(gcm_vectors[i].profile))
			check_gcm_vector(&gcm_vectors[i], AEAD_IPSEC_MB);
	}
	sluice_env_free(env);
}
END_TEST

/* RFC 5764, 4.2. */
START_TEST(test_dtls_exports_client_key_server_key_client_salt_server_salt) {
	for (int profile = 0; profile < SRTP_PROFILES; profile++) {
		const struct srtp_profile_info *p = srtp_cipher_profile((enum srtp_profile)profile);
		uint8_t material[2 * (SRTP_KEY_MAX + SRTP_SALT_MAX)];
		struct srtp_master client, server;
		size_t size = srtp_kdf_material_size((enum srtp_profile)profile);
		ck_assert_uint_eq(size, 2u * p->key + 2u * p->salt);
		for (size_t i = 0; i < size; i++)
			material[i] = (uint8_t)i;
		srtp_kdf_split((enum srtp_profile)profile, material, &client, &server);
		ck_assert_mem_eq(client.key, material, p->key);
		ck_assert_mem_eq(server.key, material + p->key, p->key);
		ck_assert_mem_eq(client.salt, material + 2 * p->key, p->salt);
		ck_assert_mem_eq(server.salt, material + 2 * p->key + p->salt, p->salt);
	}
}
END_TEST

/* ---- every length ------------------------------------------------------------------------------------------------- */

/* With CSRCs and an extension, whose bytes stay in the clear. */
static size_t long_header(uint8_t *p, uint16_t sequence, size_t csrcs, size_t words, size_t len) {
	size_t header = 12 + 4 * csrcs + 4 + 4 * words;
	memset(p, 0x11, header);
	p[0] = (uint8_t)(0xb0 | csrcs); /* padding too: its count is payload here */
	p[1] = 0x80 | 111;
	put_be16(p + 2, sequence);
	put_be16(p + 12 + 4 * csrcs, 0xbede);
	put_be16(p + 14 + 4 * csrcs, (uint16_t)words);
	memset(p + header, 0x22, len);
	return header + len;
}

static void check_length(struct kit *k, uint16_t sequence, size_t len) {
	uint8_t space[KIT_ROOM], plain[KIT_ROOM];
	size_t csrcs = sequence % 16, words = sequence % 5;
	size_t plain_len = long_header(space, sequence, csrcs, words, len);
	memcpy(plain, space, plain_len);
	memset(space + plain_len, 0x5a, sizeof space - plain_len);
	struct srtp_packet p = kit_protected(k, space, plain_len);
	ck_assert_uint_eq(p.len, plain_len + srtp_cipher_profile(k->config.profile)->tag[SRTP_RTP]);
	ck_assert_mem_eq(space, plain, plain_len - len);
	ck_assert_uint_eq(space[p.len], 0x5a);
	ck_assert(len < 16 || memcmp(space + plain_len - len, plain + plain_len - len, len) != 0);
	ck_assert_uint_eq(srtp_unprotect_batch(&k->in, &p, 1), 1);
	ck_assert_uint_eq(p.len, plain_len);
	ck_assert_mem_eq(space, plain, plain_len);
}

static void check_rtcp_length(struct kit *k, size_t len) {
	uint8_t space[KIT_ROOM], plain[KIT_ROOM];
	size_t plain_len = kit_rtcp(space, 77, len);
	memcpy(plain, space, plain_len);
	memset(space + plain_len, 0x5a, sizeof space - plain_len);
	struct srtp_packet p = kit_protected(k, space, plain_len);
	ck_assert(p.rtcp);
	ck_assert_uint_eq(p.len, plain_len + 4 + srtp_cipher_profile(k->config.profile)->tag[SRTP_RTCP]);
	ck_assert_mem_eq(space, plain, 8);
	ck_assert_uint_eq(space[p.len], 0x5a);
	ck_assert_uint_eq(srtp_unprotect_batch(&k->in, &p, 1), 1);
	ck_assert(p.rtcp);
	ck_assert_uint_eq(p.len, plain_len);
	ck_assert_mem_eq(space, plain, plain_len);
}

static void check_lengths(struct kit *k) {
	for (size_t len = 0; len <= 1460; len++) {
		check_length(k, (uint16_t)len, len);
		check_rtcp_length(k, len);
	}
}

START_TEST(test_packets_of_every_length_come_back) {
	with_all(4, check_lengths);
}
END_TEST

/* ---- batches ------------------------------------------------------------------------------------------------------ */

#define MIX 2000

/* A batch gives what its packets give one by one: kinds and SSRCs mixed, some twice, some broken, some far ahead. */
struct mixed {
	uint8_t bytes[MIX][128];
	size_t len[MIX];
	enum srtp_result alone[MIX];
};

static void make_mix(struct kit *k, struct mixed *m) {
	uint32_t random = 11;
	uint16_t sequence[5] = {65000, 0, 30000, 4, 65535};
	for (size_t i = 0; i < MIX; i++) {
		random = random * 1664525u + 1013904223u;
		uint32_t who = random >> 8 & 7, how = random >> 16 & 63;
		if (how == 1 && i > 0) {
			memcpy(m->bytes[i], m->bytes[i - 1], sizeof *m->bytes);
			m->len[i] = m->len[i - 1];
			continue;
		}
		if (who < 5)
			sequence[who] = (uint16_t)(sequence[who] + (how == 2 ? 20000 : 1 + (how == 4)));
		size_t len = who < 5 ? kit_rtp(m->bytes[i], who, sequence[who], 8 + how) : kit_rtcp(m->bytes[i], who, how);
		m->len[i] = kit_protected(k, m->bytes[i], len).len;
		if (how == 3)
			m->bytes[i][13] ^= 1;
	}
}

static void check_batches(struct kit *k) {
	static struct mixed m;
	static uint8_t copy[MIX][128];
	static struct srtp_packet packets[MIX];
	size_t good = 0;
	make_mix(k, &m);
	for (size_t i = 0; i < MIX; i++) {
		struct srtp_packet p = {.data = copy[i], .len = m.len[i]};
		memcpy(copy[i], m.bytes[i], sizeof copy[i]);
		good += srtp_unprotect_batch(&k->in, &p, 1);
		m.alone[i] = p.result;
	}
	ck_assert_uint_gt(good, MIX / 10 * 9);
	ck_assert_uint_eq(k->in.counts[SRTP_OK], good);
	ck_assert_uint_gt(k->in.counts[SRTP_FORGED], 5);
	ck_assert_uint_gt(k->in.counts[SRTP_REPLAYED], 5);
	for (size_t batch = 2; batch <= 128; batch = batch * 2 + 1) {
		srtp_close(&k->in);
		struct srtp_master master = kit_master((uint8_t)k->config.profile);
		ck_assert_int_eq(srtp_open(&k->in, k->env, &k->config, &master), 0);
		memcpy(copy, m.bytes, sizeof copy);
		for (size_t i = 0; i < MIX; i++)
			packets[i] = (struct srtp_packet){.data = copy[i], .len = m.len[i]};
		for (size_t i = 0; i < MIX; i += batch)
			srtp_unprotect_batch(&k->in, packets + i, min64(batch, MIX - i));
		for (size_t i = 0; i < MIX; i++)
			ck_assert_msg(packets[i].result == m.alone[i], "packet %d of batches of %d: %s, alone %s", (int)i,
			              (int)batch, srtp_result_name(packets[i].result), srtp_result_name(m.alone[i]));
		ck_assert(srtp_check(&k->in));
	}
}

START_TEST(test_a_batch_is_its_packets_one_by_one) {
	with_all(16, check_batches);
}
END_TEST

#define RUN 70

/* Of two senders with the same keys, one protects packets one by one and the other all at once. */
static void check_protect_batch(struct kit *k) {
	static uint8_t at_once[RUN][128], alone[RUN][128];
	struct srtp_packet packets[RUN];
	struct kit other;
	kit_open(&other, k->env, k->config.profile, k->config.backend, 0);
	for (size_t i = 0; i < RUN; i++) {
		size_t len = i % 9 == 8 ? kit_rtcp(at_once[i], 7, i) : kit_rtp(at_once[i], 5 + i % 2, (uint16_t)i, i);
		memcpy(alone[i], at_once[i], len);
		packets[i] = (struct srtp_packet){.data = at_once[i], .len = len};
		struct srtp_packet p = kit_protected(&other, alone[i], len);
		packets[i].rtcp = !p.rtcp;
	}
	ck_assert_int_eq(srtp_protect_batch(&k->out, packets, RUN), 0);
	for (size_t i = 0; i < RUN; i++) {
		ck_assert_int_eq(packets[i].result, SRTP_OK);
		ck_assert_int_eq(packets[i].rtcp, i % 9 == 8);
		ck_assert_mem_eq(at_once[i], alone[i], packets[i].len);
	}
	ck_assert_uint_eq(srtp_unprotect_batch(&k->in, packets, RUN), RUN);
	kit_close(&other);
}

START_TEST(test_packets_protected_at_once_are_those_protected_one_by_one) {
	with_all(16, check_protect_batch);
}
END_TEST

/* ---- broken packets ----------------------------------------------------------------------------------------------- */

/* Flips each bit of the packet at `space` and sees it refused, before and behind the good one. */
static void check_flips_of(struct kit *k, const struct srtp_packet *sent) {
	for (size_t bit = 0; bit < 8 * sent->len; bit++) {
		sent->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		enum srtp_result r = kit_take(k, sent);
		ck_assert_msg(r != SRTP_OK, "bit %d", (int)bit);
		sent->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	ck_assert_uint_eq(k->in.counts[SRTP_OK], sent->rtcp);
	ck_assert_uint_eq(k->in.flow[sent->rtcp].streams.count, 0);
	kit_assert_take(k, sent, SRTP_OK);
	ck_assert_uint_eq(k->in.flow[sent->rtcp].streams.count, 1);
	for (size_t bit = 0; bit < 8 * sent->len; bit++) {
		sent->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_ne(kit_take(k, sent), SRTP_OK);
		sent->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	kit_assert_take(k, sent, SRTP_REPLAYED);
	ck_assert_uint_eq(k->in.flow[sent->rtcp].streams.count, 1);
}

static void check_flips(struct kit *k) {
	uint8_t space[KIT_ROOM];
	struct srtp_packet p = kit_send(k, space, 0x12345678, 100, 40);
	check_flips_of(k, &p);
	p = kit_protected(k, space, kit_rtcp(space, 0x12345678, 24));
	check_flips_of(k, &p);
}

START_TEST(test_any_flipped_bit_is_refused_and_a_stranger_makes_no_entry) {
	with_all(4, check_flips);
}
END_TEST

/* Also shorter than the tag, and what is said to be there and is not. */
static void check_malformed(struct kit *k) {
	static const struct {
		const char *hex;
		bool ours; /* a sender cannot make sense of it either */
	} broken[] = {
		{"", true},
		{"80", true},
		{"8060000100000002000000", true},
		{"0060000100000002000000030000000000000000000000000000000000000000000000000000", true},
		{"4060000100000002000000030000000000000000000000000000000000000000000000000000", true},
		{"8f6000010000000200000003000000000000000000000000", true},
		{"9060000100000002000000030000", true},
		{"906000010000000200000003bede00040000000000000000", true},
		{"906000010000000200000003bedeffff0000000000000000000000000000000000000000", true},
		{"8060000100000002000000030000", false},
		{"80c90001000000", true},
		{"40c9000100000001000000000000000000000000000000000000000000000000", true},
		{"80c90001000000018000000000000000", false},
	};
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		uint8_t space[128] = {0};
		struct srtp_packet p = {.data = space, .len = kit_unhex(broken[i].hex, space)};
		/* A tag of 4 bytes fits into the one packet that is too short for the others. */
		bool fits = i == 9 && k->in.flow[SRTP_RTP].tag == 4;
		p.len -= fits ? 2 : 0;
		ck_assert_uint_eq(srtp_unprotect_batch(&k->in, &p, 1), 0);
		ck_assert_msg(p.result == SRTP_MALFORMED, "packet %d: %s", (int)i, srtp_result_name(p.result));
		if (!broken[i].ours)
			continue;
		ck_assert_int_eq(srtp_protect_batch(&k->out, &p, 1), 0);
		ck_assert_msg(p.result == SRTP_MALFORMED, "packet %d: %s", (int)i, srtp_result_name(p.result));
	}
	ck_assert_uint_eq(k->in.counts[SRTP_MALFORMED], sizeof broken / sizeof *broken);
	ck_assert_uint_eq(k->in.flow[SRTP_RTP].streams.count + k->in.flow[SRTP_RTCP].streams.count, 0);
}

START_TEST(test_what_cannot_be_a_packet_is_malformed) {
	with_all(4, check_malformed);
}
END_TEST

/* RFC 3711, 3.4: SRTCP may come without encryption, and is authentic all the same. RFC 7714's is among the vectors. */
static void check_clear_rtcp(struct kit *k) {
	struct srtp_session_keys keys;
	struct srtp_master master = kit_master((uint8_t)k->config.profile);
	uint8_t space[128], mac[CRYPTO_SHA1_SIZE];
	if (k->in.aead)
		return;
	ck_assert(srtp_kdf_derive(k->config.profile, SRTP_RTCP, &master, &keys));
	size_t len = kit_rtcp(space, 9, 20);
	put_be32(space + len, 5);
	struct iovec part = {.iov_base = space, .iov_len = len + 4};
	ck_assert(crypto_hmac(CRYPTO_SHA1, keys.auth_key, 20, &part, 1, mac));
	memcpy(space + len + 4, mac, 10);
	struct srtp_packet p = {.data = space, .len = len + 14};
	uint8_t copy[128];
	memcpy(copy, space, sizeof copy);
	ck_assert_uint_eq(srtp_unprotect_batch(&k->in, &p, 1), 1);
	ck_assert_uint_eq(p.len, len);
	ck_assert_mem_eq(space, copy, len);
	p.len = len + 14;
	space[len] ^= 0x80;
	ck_assert_uint_eq(srtp_unprotect_batch(&k->in, &p, 1), 0);
}

START_TEST(test_rtcp_without_encryption_is_taken) {
	with_all(4, check_clear_rtcp);
}
END_TEST

/* ---- limits ------------------------------------------------------------------------------------------------------- */

/* Protects a packet, whatever comes of it. */
static int try_protect(struct kit *k, size_t len, uint8_t *space, enum srtp_result *result) {
	struct srtp_packet p = {.data = space, .len = len};
	int error = srtp_protect_batch(&k->out, &p, 1);
	*result = p.result;
	return error;
}

static void check_ended(struct kit *k) {
	uint8_t space[KIT_ROOM];
	enum srtp_result result;
	ck_assert_int_eq(try_protect(k, kit_rtp(space, 1, 9, 10), space, &result), SLUICE_LIMIT);
	ck_assert_int_eq(result, SRTP_REFUSED);
	ck_assert_int_eq(try_protect(k, kit_rtcp(space, 1, 4), space, &result), SLUICE_LIMIT);
	ck_assert_int_eq(result, SRTP_REFUSED);
}

/* RFC 3711, 9.2. */
static void check_rtp_limit(struct kit *k) {
	uint8_t space[KIT_ROOM];
	k->out.flow[SRTP_RTP].sealed = (UINT64_C(1) << 48) - 2;
	kit_send(k, space, 1, 1, 10);
	kit_send(k, space, 1, 2, 10);
	check_ended(k);
}

static void check_rtcp_limit(struct kit *k) {
	uint8_t space[KIT_ROOM];
	k->out.flow[SRTP_RTCP].sealed = (UINT64_C(1) << 31) - 2;
	kit_protected(k, space, kit_rtcp(space, 1, 4));
	struct srtp_packet last = kit_protected(k, space, kit_rtcp(space, 1, 4));
	ck_assert_uint_eq(srtp_unprotect_batch(&k->in, &last, 1), 1);
	check_ended(k);
}

/* The last number of one SSRC, for the sender and for the receiver. */
static void check_number_limit(struct kit *k) {
	uint8_t space[KIT_ROOM];
	struct srtp_packet p = kit_send(k, space, 1, 0xfffd, 10);
	kit_assert_take(k, &p, SRTP_OK);
	struct ssrc_stream *out = ssrc_table_find(&k->out.flow[SRTP_RTP].streams, 1);
	struct ssrc_stream *in = ssrc_table_find(&k->in.flow[SRTP_RTP].streams, 1);
	out->window = in->window = (struct replay){.any = true, .highest = (UINT64_C(1) << 48) - 3};
	p = kit_send(k, space, 1, 0xffff, 10);
	kit_assert_take(k, &p, SRTP_OK);
	put_be16(space + 2, 0);
	kit_assert_take(k, &p, SRTP_FORGED);
	enum srtp_result result;
	ck_assert_int_eq(try_protect(k, kit_rtp(space, 1, 0, 10), space, &result), SLUICE_LIMIT);
	check_ended(k);
}

START_TEST(test_a_key_ends_after_2_to_the_48_rtp_packets) {
	with_all(4, check_rtp_limit);
	with_all(4, check_number_limit);
}
END_TEST

START_TEST(test_a_key_ends_after_2_to_the_31_rtcp_packets) {
	with_all(4, check_rtcp_limit);
}
END_TEST

START_TEST(test_a_table_can_be_too_large) {
	struct srtp s;
	struct srtp_master master = kit_master(0);
	struct srtp_config config = {.streams = SSRC_TABLE_MAX + 1};
	env = counted_env();
	ck_assert_int_eq(srtp_open(&s, env, &config, &master), SLUICE_INVALID);
	sluice_env_free(env);
}
END_TEST

/* ---- memory ------------------------------------------------------------------------------------------------------- */

/* What OpenSSL before 3.5 allocates when it copies the two states of an HMAC. */
static size_t allocations_of_openssl(const struct kit *k, size_t packets) {
	bool copies = !k->in.aead && k->config.backend == AEAD_EVP && OpenSSL_version_num() < 0x30500000;
	return copies ? 2 * packets : 0;
}

#define STEADY 40

static void check_no_allocation(struct kit *k) {
	static uint8_t bytes[STEADY][128];
	struct srtp_packet packets[STEADY];
	size_t before = 0;
	for (uint16_t round = 0; round < 100; round++) {
		for (uint16_t i = 0; i < STEADY; i++) {
			size_t len = i == 20 ? kit_rtcp(bytes[i], 3, 20) : kit_rtp(bytes[i], i % 3, round * STEADY + i, 60);
			packets[i] = (struct srtp_packet){.data = bytes[i], .len = len};
		}
		if (round == 1)
			before = allocations;
		ck_assert_int_eq(srtp_protect_batch(&k->out, packets, STEADY), 0);
		bytes[7][20] ^= 1;
		ck_assert_uint_eq(srtp_unprotect_batch(&k->in, packets, STEADY), STEADY - 1);
	}
	ck_assert_uint_eq(allocations - before, allocations_of_openssl(k, 99 * STEADY * 2));
}

START_TEST(test_packets_allocate_nothing_forged_ones_neither) {
	with_all(4, check_no_allocation);
}
END_TEST

/* Opens a context whose n-th allocation fails. Returns whether it needs that many. */
static bool open_with_a_failure(enum srtp_profile profile, enum aead_backend backend, enum aead_use use, size_t n) {
	struct srtp s;
	struct srtp_master master = kit_master(1);
	struct srtp_config config = {.profile = profile, .use = use, .backend = backend};
	size_t before = live_bytes;
	sluice_env *e = counted_env();
	fail_at = allocations + n;
	int error = srtp_open(&s, e, &config, &master);
	bool failed = allocations > fail_at;
	fail_at = SIZE_MAX;
	ck_assert(error == 0 || failed);
	if (error == 0)
		srtp_close(&s);
	else
		ck_assert(error == SLUICE_NO_MEMORY || error == SLUICE_CRYPTO);
	ck_assert_uint_eq(e->blocks.live, 0);
	sluice_env_free(e);
	ck_assert_uint_eq(live_bytes, before);
	return failed;
}

START_TEST(test_an_allocation_that_fails_leaves_nothing) {
	with_all(4, check_no_allocation); /* looks up all algorithms */
	for (int profile = 0; profile < SRTP_PROFILES; profile++)
		for (int backend = AEAD_BEST; backend <= AEAD_IPSEC_MB; backend++)
			for (int use = AEAD_SEAL; use <= AEAD_OPEN; use++) {
				if (backend == AEAD_IPSEC_MB && !kit_has_ipsec_mb((enum srtp_profile)profile))
					continue;
				size_t n = 0;
				while (open_with_a_failure((enum srtp_profile)profile, (enum aead_backend)backend,
				                           (enum aead_use)use, n))
					ck_assert_uint_lt(n++, 500);
				ck_assert_uint_gt(n, 6);
			}
}
END_TEST

START_TEST(test_a_closed_context_has_no_key) {
	env = counted_env();
	struct kit k;
	kit_open(&k, env, SRTP_AES128_CM_SHA1_80, AEAD_BEST, 4);
	srtp_close(&k.in);
	srtp_close(&k.in);
	static const struct srtp nothing;
	ck_assert_mem_eq(&k.in, &nothing, sizeof nothing);
	srtp_close(&k.out);
	sluice_env_free(env);
}
END_TEST

SUITE("srtp", test_the_keys_of_rfc_3711_b_3_come_out, test_the_key_stream_of_rfc_3711_b_2_comes_out,
      test_the_packets_of_rfc_7714_come_out, test_dtls_exports_client_key_server_key_client_salt_server_salt,
      test_packets_of_every_length_come_back, test_a_batch_is_its_packets_one_by_one,
      test_packets_protected_at_once_are_those_protected_one_by_one,
      test_any_flipped_bit_is_refused_and_a_stranger_makes_no_entry, test_what_cannot_be_a_packet_is_malformed,
      test_rtcp_without_encryption_is_taken, test_a_key_ends_after_2_to_the_48_rtp_packets,
      test_a_key_ends_after_2_to_the_31_rtcp_packets, test_a_table_can_be_too_large,
      test_packets_allocate_nothing_forged_ones_neither, test_an_allocation_that_fails_leaves_nothing,
      test_a_closed_context_has_no_key)
