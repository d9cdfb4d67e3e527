/* Are STUN messages read and written as RFC 8489 says: the vectors of RFC 5769, round trips, and what must be refused? */
#include "ice/stun.h"

#include <netinet/in.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/crc32.h"
#include "crypto/crypto.h"
#include "sluice/error.h"
#include "suite.h"

/* ---- RFC 5769 ---- */

#define PASSWORD "VOkJxbRl1RmTxUk/WvJxBt"

/* 2.1: an ICE check with SOFTWARE, PRIORITY, ICE-CONTROLLED, USERNAME (padded with spaces), integrity, fingerprint. */
static const uint8_t sample_request[] = {
	0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87,
	0xdf, 0xae, 0x80, 0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73, 0x74, 0x20, 0x63, 0x6c,
	0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff, 0x80, 0x29, 0x00, 0x08, 0x93, 0x2f,
	0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09, 0x65, 0x76, 0x74, 0x6a, 0x3a, 0x68, 0x36, 0x76,
	0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14, 0x9a, 0xea, 0xa7, 0x0c, 0xbf, 0xd8, 0xcb, 0x56, 0x78, 0x1e,
	0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49, 0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28, 0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf,
};

/* 2.2: 192.0.2.1:32853. */
static const uint8_t sample_ipv4_response[] = {
	0x01, 0x01, 0x00, 0x3c, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae,
	0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63, 0x74, 0x6f, 0x72, 0x20, 0x00, 0x20, 0x00, 0x08,
	0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43, 0x00, 0x08, 0x00, 0x14, 0x2b, 0x91, 0xf5, 0x99, 0xfd, 0x9e, 0x90, 0xc3,
	0x8c, 0x74, 0x89, 0xf9, 0x2a, 0xf9, 0xba, 0x53, 0xf0, 0x6b, 0xe7, 0xd7, 0x80, 0x28, 0x00, 0x04, 0xc0, 0x7d, 0x4c, 0x96,
};

/* 2.3: 2001:db8:1234:5678:11:2233:4455:6677, port 32853. */
static const uint8_t sample_ipv6_response[] = {
	0x01, 0x01, 0x00, 0x48, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf,
	0xae, 0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63, 0x74, 0x6f, 0x72, 0x20, 0x00, 0x20,
	0x00, 0x14, 0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5, 0xbe,
	0xd2, 0xb9, 0xd9, 0x00, 0x08, 0x00, 0x14, 0xa3, 0x82, 0x95, 0x4e, 0x4b, 0xe6, 0x7b, 0xf1, 0x17, 0x84, 0xc9, 0x7c,
	0x82, 0x92, 0xc2, 0x75, 0xbf, 0xe3, 0xed, 0x41, 0x80, 0x28, 0x00, 0x04, 0xc8, 0xfb, 0x0b, 0x4c,
};
static const uint8_t sample_ipv6_address[16] = {0x20, 0x01, 0x0d, 0xb8, 0x12, 0x34, 0x56, 0x78,
                                                0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77};

/* 2.4: long-term credentials, no fingerprint. */
static const uint8_t sample_long_term[] = {
	0x00, 0x01, 0x00, 0x60, 0x21, 0x12, 0xa4, 0x42, 0x78, 0xad, 0x34, 0x33, 0xc6, 0xad, 0x72, 0xc0, 0x29, 0xda, 0x41, 0x2e,
	0x00, 0x06, 0x00, 0x12, 0xe3, 0x83, 0x9e, 0xe3, 0x83, 0x88, 0xe3, 0x83, 0xaa, 0xe3, 0x83, 0x83, 0xe3, 0x82, 0xaf, 0xe3,
	0x82, 0xb9, 0x00, 0x00, 0x00, 0x15, 0x00, 0x1c, 0x66, 0x2f, 0x2f, 0x34, 0x39, 0x39, 0x6b, 0x39, 0x35, 0x34, 0x64, 0x36,
	0x4f, 0x4c, 0x33, 0x34, 0x6f, 0x4c, 0x39, 0x46, 0x53, 0x54, 0x76, 0x79, 0x36, 0x34, 0x73, 0x41, 0x00, 0x14, 0x00, 0x0b,
	0x65, 0x78, 0x61, 0x6d, 0x70, 0x6c, 0x65, 0x2e, 0x6f, 0x72, 0x67, 0x00, 0x00, 0x08, 0x00, 0x14, 0xf6, 0x70, 0x24, 0x65,
	0x6d, 0xd6, 0x4a, 0x3e, 0x02, 0xb8, 0xe0, 0x71, 0x2e, 0x85, 0xc9, 0xa2, 0x8c, 0xa8, 0x96, 0x66,
};

static void ck_assert_slice(struct stun_slice s, const char *expected) {
	ck_assert_ptr_nonnull(s.data);
	ck_assert_uint_eq(s.len, strlen(expected));
	ck_assert_mem_eq(s.data, expected, s.len);
}

static void ck_assert_ipv4(const struct sockaddr_storage *a, uint32_t address, uint16_t port) {
	const struct sockaddr_in *in = (const struct sockaddr_in *)a;
	ck_assert_int_eq(a->ss_family, AF_INET);
	ck_assert_uint_eq(get_be32((const uint8_t *)&in->sin_addr), address);
	ck_assert_uint_eq(get_be16((const uint8_t *)&in->sin_port), port);
}

START_TEST(test_the_sample_request_of_rfc_5769_is_read) {
	struct stun_message m;
	ck_assert_int_eq(stun_parse(sample_request, sizeof sample_request, &m), 0);
	ck_assert_int_eq(m.class, STUN_REQUEST);
	ck_assert_uint_eq(m.method, STUN_BINDING);
	ck_assert_slice(m.software, "STUN test client");
	ck_assert_slice(m.username, "evtj:h6vY");
	ck_assert(m.has_priority && m.priority == 0x6e0001ff);
	ck_assert(m.is_controlled && !m.is_controlling && m.tie_breaker == 0x932ff9b151263b36);
	ck_assert(m.has_fingerprint && !m.use_candidate);
	ck_assert_uint_eq(m.unknown_count, 0);
	ck_assert(stun_verify(&m, PASSWORD, strlen(PASSWORD)));
	ck_assert(!stun_verify(&m, PASSWORD, strlen(PASSWORD) - 1));
}
END_TEST

START_TEST(test_the_sample_responses_of_rfc_5769_are_read) {
	struct stun_message m;
	ck_assert_int_eq(stun_parse(sample_ipv4_response, sizeof sample_ipv4_response, &m), 0);
	ck_assert_int_eq(m.class, STUN_SUCCESS);
	ck_assert_slice(m.software, "test vector");
	ck_assert_ipv4(&m.mapped, 0xc0000201, 32853);
	ck_assert(stun_verify(&m, PASSWORD, strlen(PASSWORD)));

	ck_assert_int_eq(stun_parse(sample_ipv6_response, sizeof sample_ipv6_response, &m), 0);
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&m.mapped;
	ck_assert_int_eq(in6->sin6_family, AF_INET6);
	ck_assert_uint_eq(get_be16((const uint8_t *)&in6->sin6_port), 32853);
	ck_assert_mem_eq(&in6->sin6_addr, sample_ipv6_address, 16);
	ck_assert(stun_verify(&m, PASSWORD, strlen(PASSWORD)));
}
END_TEST

#define LONG_TERM_USER "\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9"
#define LONG_TERM_NONCE "f//499k954d6OL34oL9FSTvy64sA"

START_TEST(test_the_long_term_sample_of_rfc_5769_is_read_and_written_byte_by_byte) {
	struct stun_message m;
	uint8_t key[16], space[256];
	ck_assert_int_eq(stun_parse(sample_long_term, sizeof sample_long_term, &m), 0);
	ck_assert_slice(m.username, LONG_TERM_USER);
	ck_assert_slice(m.nonce, LONG_TERM_NONCE);
	ck_assert_slice(m.realm, "example.org");
	ck_assert(stun_long_term_key(LONG_TERM_USER, "example.org", 11, "TheMatrIX", key));
	ck_assert(stun_verify(&m, key, sizeof key));

	struct stun_writer w;
	stun_begin(&w, space, sizeof space, STUN_REQUEST, STUN_BINDING, m.id);
	stun_put(&w, STUN_ATTR_USERNAME, LONG_TERM_USER, strlen(LONG_TERM_USER));
	stun_put(&w, STUN_ATTR_NONCE, LONG_TERM_NONCE, strlen(LONG_TERM_NONCE));
	stun_put(&w, STUN_ATTR_REALM, "example.org", 11);
	ck_assert_uint_eq(stun_end(&w, key, sizeof key, false), sizeof sample_long_term);
	ck_assert_mem_eq(space, sample_long_term, sizeof sample_long_term);
}
END_TEST

START_TEST(test_a_key_of_credentials_beyond_all_measure_is_refused) {
	char password[4096];
	uint8_t key[16];
	memset(password, 'x', sizeof password - 1);
	password[sizeof password - 1] = 0;
	ck_assert(!stun_long_term_key("u", "r", 1, password, key));
}
END_TEST

/* ---- checksums ---- */

START_TEST(test_the_crc_table_is_what_the_polynomial_says) {
	for (unsigned b = 0; b < 256; b++) {
		uint8_t byte = (uint8_t)b;
		uint32_t state = 0xffffffff ^ b;
		for (int bit = 0; bit < 8; bit++)
			state = state >> 1 ^ (state & 1 ? 0xedb88320 : 0);
		ck_assert_uint_eq(crc32_ieee(&byte, 1), (uint32_t)~state);
	}
	ck_assert_uint_eq(crc32_ieee("123456789", 9), 0xcbf43926);
	ck_assert_uint_eq(crc32_ieee(NULL, 0), 0);
}
END_TEST

/* The way depends on the length, and on where the data lies if an access has to be aligned. */
START_TEST(test_the_crc_is_the_same_for_every_length_and_place) {
	uint8_t data[300];
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * i + 7 * i);
	for (size_t from = 0; from < 17; from++) {
		uint32_t state = 0xffffffff;
		for (size_t len = 0; from + len < sizeof data; len++) {
			ck_assert_msg(crc32_ieee(data + from, len) == (uint32_t)~state, "%zu bytes from %zu", len, from);
			state ^= data[from + len];
			for (int bit = 0; bit < 8; bit++)
				state = state >> 1 ^ (state & 1 ? 0xedb88320 : 0);
		}
	}
}
END_TEST

/* RFC 2202, 3: cases 1, 2 and 6, the data cut in two parts; RFC 1321, A.5 for MD5. */
START_TEST(test_the_vectors_of_rfc_2202_and_rfc_1321_come_out) {
	uint8_t key1[20], key6[80], mac[CRYPTO_SHA1_SIZE], digest[CRYPTO_MD5_SIZE];
	memset(key1, 0x0b, sizeof key1);
	memset(key6, 0xaa, sizeof key6);
	const struct {
		const void *key;
		size_t key_len;
		const char *data;
		uint8_t mac[4];
	} vectors[] = {
		{key1, 20, "Hi There", {0xb6, 0x17, 0x31, 0x86}},
		{"Jefe", 4, "what do ya want for nothing?", {0xef, 0xfc, 0xdf, 0x6a}},
		{key6, 80, "Test Using Larger Than Block-Size Key - Hash Key First", {0xaa, 0x4a, 0xe5, 0xe1}},
	};
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		char *data = (char *)vectors[i].data;
		const struct iovec parts[] = {{data, 3}, {NULL, 0}, {data + 3, strlen(data) - 3}};
		ck_assert(crypto_hmac(CRYPTO_SHA1, vectors[i].key, vectors[i].key_len, parts, 3, mac));
		ck_assert_mem_eq(mac, vectors[i].mac, 4);
	}
	ck_assert(crypto_hmac(CRYPTO_SHA1, NULL, 0, NULL, 0, mac));
	ck_assert_mem_eq(mac, ((const uint8_t[]){0xfb, 0xdb, 0x1d, 0x1b}), 4);
	ck_assert(crypto_md5("message digest", 14, digest));
	ck_assert_mem_eq(digest, ((const uint8_t[]){0xf9, 0x6b, 0x69, 0x7d}), 4);
}
END_TEST

/* ---- round trips ---- */

static const uint8_t id[STUN_ID_SIZE] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

static struct sockaddr_storage ipv4(uint32_t address, uint16_t port) {
	struct sockaddr_storage a = {0};
	struct sockaddr_in *in = (struct sockaddr_in *)&a;
	in->sin_family = AF_INET;
	put_be32((uint8_t *)&in->sin_addr, address);
	put_be16((uint8_t *)&in->sin_port, port);
	return a;
}

START_TEST(test_every_class_and_method_survives_the_header) {
	for (unsigned class = 0; class < 4; class ++) {
		for (uint16_t method = 0; method < 0x100; method++) {
			uint8_t space[STUN_HEADER];
			struct stun_writer w;
			struct stun_message m;
			stun_begin(&w, space, sizeof space, (enum stun_class) class, method, id);
			ck_assert_uint_eq(stun_end(&w, NULL, 0, false), STUN_HEADER);
			ck_assert_int_eq(stun_parse(space, sizeof space, &m), 0);
			ck_assert(m.class == (enum stun_class) class && m.method == method);
			ck_assert_mem_eq(m.id, id, STUN_ID_SIZE);
		}
	}
}
END_TEST

static size_t write_everything(uint8_t *space, size_t capacity) {
	struct stun_writer w;
	struct sockaddr_storage a = ipv4(0x0a000001, 1000), b = ipv4(0x0a000002, 2000), c = ipv4(0x0a000003, 3000),
				d = ipv4(0x0a000004, 4000);
	stun_begin(&w, space, capacity, STUN_ERROR, STUN_ALLOCATE, id);
	stun_put_error(&w, 438, "Stale Nonce");
	stun_put(&w, STUN_ATTR_USERNAME, "u", 1);
	stun_put(&w, STUN_ATTR_REALM, "realm", 5);
	stun_put(&w, STUN_ATTR_NONCE, "nonce7!", 7);
	stun_put(&w, STUN_ATTR_DATA, "some data", 9);
	stun_put(&w, STUN_ATTR_DTLS_IN_STUN, "", 0);
	stun_put(&w, STUN_ATTR_DTLS_IN_STUN_ACK, "12345678", 8);
	stun_put32(&w, STUN_ATTR_LIFETIME, 600);
	stun_put32(&w, STUN_ATTR_CHANNEL_NUMBER, 0x40010000);
	stun_put64(&w, STUN_ATTR_ICE_CONTROLLING, 0x0123456789abcdef);
	stun_put(&w, STUN_ATTR_USE_CANDIDATE, NULL, 0);
	stun_put_address(&w, STUN_ATTR_XOR_MAPPED_ADDRESS, &a);
	stun_put_address(&w, STUN_ATTR_XOR_RELAYED_ADDRESS, &b);
	stun_put_address(&w, STUN_ATTR_XOR_PEER_ADDRESS, &c);
	stun_put_address(&w, STUN_ATTR_ALTERNATE_SERVER, &d);
	stun_put32(&w, 0x7001, 0);
	stun_put32(&w, 0xf001, 0);
	return stun_end(&w, "key", 3, true);
}

START_TEST(test_every_attribute_comes_back_as_it_was_written) {
	uint8_t space[512];
	struct stun_message m;
	size_t len = write_everything(space, sizeof space);
	ck_assert_uint_gt(len, 0);
	ck_assert_int_eq(stun_parse(space, len, &m), 0);
	ck_assert(m.error_code == 438);
	ck_assert_slice(m.reason, "Stale Nonce");
	ck_assert_slice(m.username, "u");
	ck_assert_slice(m.realm, "realm");
	ck_assert_slice(m.nonce, "nonce7!");
	ck_assert_slice(m.data, "some data");
	ck_assert_slice(m.dtls, "");
	ck_assert_slice(m.dtls_ack, "12345678");
	ck_assert(m.has_lifetime && m.lifetime == 600 && m.has_channel && m.channel == 0x4001);
	ck_assert(m.is_controlling && !m.is_controlled && m.tie_breaker == 0x0123456789abcdef && m.use_candidate);
	ck_assert_ipv4(&m.mapped, 0x0a000001, 1000);
	ck_assert_ipv4(&m.relayed, 0x0a000002, 2000);
	ck_assert_ipv4(&m.peer, 0x0a000003, 3000);
	ck_assert_ipv4(&m.alternate, 0x0a000004, 4000);
	ck_assert(m.unknown_count == 1 && m.unknown[0] == 0x7001);
	ck_assert(m.has_fingerprint && stun_verify(&m, "key", 3) && !stun_verify(&m, "kez", 3));
}
END_TEST

START_TEST(test_the_plain_alternate_server_is_not_xored_and_the_peer_address_is) {
	uint8_t space[64];
	struct stun_writer w;
	struct sockaddr_storage a = ipv4(0x0a000001, 1000);
	stun_begin(&w, space, sizeof space, STUN_INDICATION, STUN_SEND, id);
	stun_put_address(&w, STUN_ATTR_ALTERNATE_SERVER, &a);
	stun_put_address(&w, STUN_ATTR_XOR_PEER_ADDRESS, &a);
	ck_assert_uint_eq(stun_end(&w, NULL, 0, false), 44);
	ck_assert_uint_eq(get_be32(space + 28), 0x0a000001);
	ck_assert_uint_eq(get_be32(space + 40), 0x0a000001 ^ STUN_MAGIC);
	ck_assert_uint_eq(get_be16(space + 38), 1000 ^ 0x2112);
}
END_TEST

START_TEST(test_a_message_that_does_not_fit_is_not_written_at_all) {
	uint8_t space[512];
	size_t whole = write_everything(space, sizeof space);
	for (size_t capacity = 0; capacity < whole; capacity++) {
		uint8_t *exact = malloc(capacity ? capacity : 1); /* so that a sanitizer sees one byte too many */
		ck_assert_uint_eq(write_everything(exact, capacity), 0);
		free(exact);
	}
	ck_assert_uint_eq(write_everything(space, whole), whole);
}
END_TEST

START_TEST(test_a_value_or_message_that_no_length_field_can_say_is_refused) {
	static uint8_t space[200000], value[65536];
	struct stun_writer w;
	stun_begin(&w, space, sizeof space, STUN_REQUEST, STUN_BINDING, id);
	stun_put(&w, STUN_ATTR_DATA, value, sizeof value);
	ck_assert_uint_eq(stun_end(&w, NULL, 0, false), 0);
	stun_begin(&w, space, sizeof space, STUN_REQUEST, STUN_BINDING, id);
	stun_put(&w, STUN_ATTR_DATA, value, 40000);
	stun_put(&w, STUN_ATTR_DATA, value, 30000);
	ck_assert_uint_eq(stun_end(&w, NULL, 0, false), 0);
}
END_TEST

START_TEST(test_an_address_of_no_family_is_not_written) {
	uint8_t space[64];
	struct stun_writer w;
	struct sockaddr_storage none = {0};
	stun_begin(&w, space, sizeof space, STUN_REQUEST, STUN_BINDING, id);
	stun_put_address(&w, STUN_ATTR_XOR_PEER_ADDRESS, &none);
	ck_assert_uint_eq(stun_end(&w, NULL, 0, false), 0);
}
END_TEST

/* ---- precedence ---- */

START_TEST(test_of_an_attribute_that_comes_twice_the_first_counts) {
	uint8_t space[256];
	struct stun_writer w;
	struct stun_message m;
	struct sockaddr_storage a = ipv4(1, 1), b = ipv4(2, 2);
	stun_begin(&w, space, sizeof space, STUN_REQUEST, STUN_BINDING, id);
	for (uint32_t i = 1; i <= 2; i++) {
		stun_put(&w, STUN_ATTR_USERNAME, i == 1 ? "" : "second", i == 1 ? 0 : 6);
		stun_put32(&w, STUN_ATTR_PRIORITY, i);
		stun_put64(&w, STUN_ATTR_ICE_CONTROLLING, i);
		stun_put_address(&w, STUN_ATTR_XOR_PEER_ADDRESS, i == 1 ? &a : &b);
	}
	stun_put64(&w, STUN_ATTR_ICE_CONTROLLED, 3);
	ck_assert_int_eq(stun_parse(space, stun_end(&w, NULL, 0, false), &m), 0);
	ck_assert_slice(m.username, "");
	ck_assert(m.priority == 1 && m.tie_breaker == 1 && m.is_controlling && m.is_controlled);
	ck_assert_ipv4(&m.peer, 1, 1);
}
END_TEST

START_TEST(test_the_xored_mapped_address_wins_in_either_order) {
	struct sockaddr_storage plain = ipv4(1, 1), xored = ipv4(2, 2);
	for (int first = 0; first < 2; first++) {
		uint8_t space[256];
		struct stun_writer w;
		struct stun_message m;
		stun_begin(&w, space, sizeof space, STUN_SUCCESS, STUN_BINDING, id);
		if (first)
			stun_put_address(&w, STUN_ATTR_XOR_MAPPED_ADDRESS, &xored);
		stun_put_address(&w, STUN_ATTR_MAPPED_ADDRESS, &plain);
		if (!first)
			stun_put_address(&w, STUN_ATTR_XOR_MAPPED_ADDRESS, &xored);
		ck_assert_int_eq(stun_parse(space, stun_end(&w, NULL, 0, false), &m), 0);
		ck_assert_ipv4(&m.mapped, 2, 2);
	}
}
END_TEST

START_TEST(test_what_stands_behind_the_integrity_is_ignored) {
	uint8_t space[256];
	struct stun_writer w;
	struct stun_message m;
	stun_begin(&w, space, sizeof space, STUN_REQUEST, STUN_BINDING, id);
	stun_put32(&w, STUN_ATTR_PRIORITY, 1);
	size_t signed_len = stun_end(&w, "key", 3, false);
	stun_put(&w, STUN_ATTR_USE_CANDIDATE, NULL, 0);
	stun_put(&w, STUN_ATTR_USERNAME, "mallory", 7);
	stun_put(&w, STUN_ATTR_PRIORITY, "?", 1);
	stun_put32(&w, 0x7001, 0);
	size_t len = stun_end(&w, NULL, 0, true);
	ck_assert_uint_gt(len, signed_len);
	ck_assert_int_eq(stun_parse(space, len, &m), 0);
	ck_assert(!m.use_candidate && !m.username.data && m.unknown_count == 0 && m.has_fingerprint);
	ck_assert(stun_verify(&m, "key", 3));
}
END_TEST

/* A message with both integrities: the SHA-256 one, made here by hand, is what counts. */
START_TEST(test_the_sha_256_integrity_is_verified_and_preferred) {
	uint8_t space[256], mac[CRYPTO_SHA256_SIZE];
	struct stun_writer w;
	struct stun_message m;
	stun_begin(&w, space, sizeof space, STUN_REQUEST, STUN_BINDING, id);
	size_t len = stun_end(&w, "other", 5, false);
	put_be16(space + 2, (uint16_t)(len - STUN_HEADER + 36));
	ck_assert(crypto_hmac_sha256("key", 3, space, len, mac));
	stun_put(&w, STUN_ATTR_MESSAGE_INTEGRITY_SHA256, mac, sizeof mac);
	len = stun_end(&w, NULL, 0, true);
	ck_assert_int_eq(stun_parse(space, len, &m), 0);
	ck_assert(m.integrity == STUN_HEADER && m.integrity_sha256 == STUN_HEADER + 24);
	ck_assert(stun_verify(&m, "key", 3));
	ck_assert(!stun_verify(&m, "other", 5));
}
END_TEST

START_TEST(test_a_message_without_integrity_never_verifies) {
	uint8_t space[64];
	struct stun_writer w;
	struct stun_message m;
	stun_begin(&w, space, sizeof space, STUN_REQUEST, STUN_BINDING, id);
	ck_assert_int_eq(stun_parse(space, stun_end(&w, NULL, 0, true), &m), 0);
	ck_assert(!stun_verify(&m, "", 0));
}
END_TEST

START_TEST(test_more_unknown_attributes_than_there_is_room_for_are_counted_no_further) {
	uint8_t space[256];
	struct stun_writer w;
	struct stun_message m;
	stun_begin(&w, space, sizeof space, STUN_REQUEST, STUN_BINDING, id);
	for (uint16_t i = 0; i < 20; i++)
		stun_put(&w, (uint16_t)(0x7000 + i), NULL, 0);
	ck_assert_int_eq(stun_parse(space, stun_end(&w, NULL, 0, false), &m), 0);
	ck_assert_uint_eq(m.unknown_count, 8);
	ck_assert_uint_eq(m.unknown[7], 0x7007);
}
END_TEST

/* ---- refusals ---- */

static int parse_with(uint16_t attribute, const void *value, size_t len) {
	uint8_t space[256];
	struct stun_writer w;
	struct stun_message m;
	stun_begin(&w, space, sizeof space, STUN_REQUEST, STUN_BINDING, id);
	stun_put(&w, attribute, value, len);
	size_t whole = stun_end(&w, NULL, 0, false);
	ck_assert_uint_gt(whole, 0);
	return stun_parse(space, whole, &m);
}

START_TEST(test_attributes_of_the_wrong_size_are_malformed) {
	static const struct {
		uint16_t attribute;
		size_t right; /* only this length, of 0..36 */
	} sizes[] = {
		{STUN_ATTR_PRIORITY, 4},           {STUN_ATTR_LIFETIME, 4},
		{STUN_ATTR_CHANNEL_NUMBER, 4},     {STUN_ATTR_USE_CANDIDATE, 0},
		{STUN_ATTR_ICE_CONTROLLED, 8},     {STUN_ATTR_ICE_CONTROLLING, 8},
		{STUN_ATTR_MESSAGE_INTEGRITY, 20}, {STUN_ATTR_MESSAGE_INTEGRITY_SHA256, 32},
	};
	uint8_t value[36] = {0};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		for (size_t len = 0; len <= sizeof value; len++)
			ck_assert_int_eq(parse_with(sizes[i].attribute, value, len),
			                 len == sizes[i].right ? 0 : SLUICE_MALFORMED);
	}
}
END_TEST

START_TEST(test_addresses_need_the_length_of_their_family) {
	static const uint16_t attributes[] = {STUN_ATTR_MAPPED_ADDRESS, STUN_ATTR_XOR_MAPPED_ADDRESS, STUN_ATTR_XOR_PEER_ADDRESS,
	                                      STUN_ATTR_XOR_RELAYED_ADDRESS, STUN_ATTR_ALTERNATE_SERVER};
	for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
		for (uint8_t family = 0; family < 4; family++) {
			for (size_t len = 0; len <= 24; len++) {
				uint8_t value[24] = {0, family};
				bool right = (family == 1 && len == 8) || (family == 2 && len == 20);
				ck_assert_int_eq(parse_with(attributes[i], value, len), right ? 0 : SLUICE_MALFORMED);
			}
		}
	}
}
END_TEST

START_TEST(test_error_codes_outside_300_to_699_are_malformed) {
	for (unsigned class = 0; class < 8; class ++) {
		for (unsigned number = 0; number < 256; number++) {
			uint8_t value[4] = {0, 0, (uint8_t) class, (uint8_t)number};
			bool right = class >= 3 && class <= 6 && number <= 99;
			ck_assert_int_eq(parse_with(STUN_ATTR_ERROR_CODE, value, 4), right ? 0 : SLUICE_MALFORMED);
		}
	}
	ck_assert_int_eq(parse_with(STUN_ATTR_ERROR_CODE, "\0\0\4", 3), SLUICE_MALFORMED);
}
END_TEST

START_TEST(test_no_cut_and_no_flipped_bit_of_a_fingerprinted_message_parses) {
	uint8_t space[512];
	struct stun_message m;
	size_t len = write_everything(space, sizeof space);
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *exact = malloc(cut ? cut : 1);
		memcpy(exact, space, cut);
		ck_assert_int_eq(stun_parse(exact, cut, &m), SLUICE_MALFORMED);
		free(exact);
	}
	for (size_t bit = 0; bit < 8 * len; bit++) {
		space[bit / 8] ^= (uint8_t)(1 << bit % 8);
		/* Flips that make the fingerprint something else leave only the integrity to judge. */
		if (stun_parse(space, len, &m) == 0)
			ck_assert(!m.has_fingerprint);
		space[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}
END_TEST

START_TEST(test_no_flipped_bit_before_the_integrity_verifies) {
	uint8_t space[512];
	struct stun_writer w;
	struct stun_message m;
	stun_begin(&w, space, sizeof space, STUN_REQUEST, STUN_BINDING, id);
	stun_put(&w, STUN_ATTR_USERNAME, "a:b", 3);
	size_t len = stun_end(&w, "key", 3, false);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		space[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_msg(stun_parse(space, len, &m) != 0 || !stun_verify(&m, "key", 3), "bit %zu", bit);
		space[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}
END_TEST

START_TEST(test_anything_behind_the_fingerprint_is_malformed) {
	uint8_t space[128];
	struct stun_writer w;
	struct stun_message m;
	stun_begin(&w, space, sizeof space, STUN_REQUEST, STUN_BINDING, id);
	stun_end(&w, NULL, 0, true);
	stun_put32(&w, STUN_ATTR_PRIORITY, 1);
	ck_assert_int_eq(stun_parse(space, stun_end(&w, NULL, 0, false), &m), SLUICE_MALFORMED);
}
END_TEST

START_TEST(test_other_protocols_of_the_port_do_not_look_like_stun) {
	uint8_t data[64] = {0};
	put_be16(data + 2, sizeof data - STUN_HEADER);
	put_be32(data + 4, STUN_MAGIC);
	ck_assert(stun_looks_like(data, sizeof data));
	for (unsigned first = 0; first < 256; first++) {
		data[0] = (uint8_t)first;
		ck_assert(stun_looks_like(data, sizeof data) == (first <= 3));
	}
	data[0] = 0;
	ck_assert(!stun_looks_like(data, sizeof data - 4));
	data[4] ^= 1;
	ck_assert(!stun_looks_like(data, sizeof data));
	ck_assert(!stun_looks_like(NULL, 0));
}
END_TEST

SUITE("stun", test_the_sample_request_of_rfc_5769_is_read, test_the_sample_responses_of_rfc_5769_are_read,
      test_the_long_term_sample_of_rfc_5769_is_read_and_written_byte_by_byte,
      test_a_key_of_credentials_beyond_all_measure_is_refused, test_the_crc_table_is_what_the_polynomial_says,
      test_the_crc_is_the_same_for_every_length_and_place, test_the_vectors_of_rfc_2202_and_rfc_1321_come_out,
      test_every_class_and_method_survives_the_header, test_every_attribute_comes_back_as_it_was_written,
      test_the_plain_alternate_server_is_not_xored_and_the_peer_address_is,
      test_a_message_that_does_not_fit_is_not_written_at_all, test_a_value_or_message_that_no_length_field_can_say_is_refused,
      test_an_address_of_no_family_is_not_written, test_of_an_attribute_that_comes_twice_the_first_counts,
      test_the_xored_mapped_address_wins_in_either_order, test_what_stands_behind_the_integrity_is_ignored,
      test_the_sha_256_integrity_is_verified_and_preferred, test_a_message_without_integrity_never_verifies,
      test_more_unknown_attributes_than_there_is_room_for_are_counted_no_further, test_attributes_of_the_wrong_size_are_malformed,
      test_addresses_need_the_length_of_their_family, test_error_codes_outside_300_to_699_are_malformed,
      test_no_cut_and_no_flipped_bit_of_a_fingerprinted_message_parses, test_no_flipped_bit_before_the_integrity_verifies,
      test_anything_behind_the_fingerprint_is_malformed, test_other_protocols_of_the_port_do_not_look_like_stun)
