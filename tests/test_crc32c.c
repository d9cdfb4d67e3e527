/* Is the checksum right: against the vectors of RFC 3720, against a definition written bit by bit, and each implementation
 * against the others? */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/crc32c.h"
#include "base/crc32c_tables.h"
#include "suite.h"

#define POLYNOMIAL 0x82f63b78u /* RFC 9260, Appendix A: 0x1EDC6F41, reflected */

/* One step of the division: the state times x. */
static uint32_t times_x(uint32_t state) {
	return state >> 1 ^ (state & 1 ? POLYNOMIAL : 0);
}

/* The definition. */
static uint32_t bitwise_extend(uint32_t state, const uint8_t *p, size_t len) {
	for (size_t i = 0; i < len; i++) {
		state ^= p[i];
		for (int bit = 0; bit < 8; bit++)
			state = times_x(state);
	}
	return state;
}

static void fill(uint8_t *p, size_t len) {
	uint32_t v = 12345;
	for (size_t i = 0; i < len; i++) {
		v = v * 1664525 + 1013904223;
		p[i] = (uint8_t)(v >> 24);
	}
}

/* RFC 3720, B.4, in the order of the text; there the CRC stands byte by byte, least significant first. */
static const uint8_t iscsi_read_command[48] = {
	0x01, 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x18,
	0x28, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};

struct vector {
	const char *name;
	uint8_t data[48];
	size_t len;
	uint32_t crc;
};

static void make_vectors(struct vector v[6]) {
	memset(v, 0, 6 * sizeof *v);
	v[0] = (struct vector){.name = "32 bytes of zeroes", .len = 32, .crc = 0x8a9136aa};
	v[1] = (struct vector){.name = "32 bytes of ones", .len = 32, .crc = 0x62a8ab43};
	v[2] = (struct vector){.name = "32 bytes of incrementing 00..1f", .len = 32, .crc = 0x46dd794e};
	v[3] = (struct vector){.name = "32 bytes of decrementing 1f..00", .len = 32, .crc = 0x113fdb5c};
	v[4] = (struct vector){.name = "an iSCSI SCSI Read (10) command PDU", .len = 48, .crc = 0xd9963a56};
	v[5] = (struct vector){.name = "the digits 1 to 9", .data = "123456789", .len = 9, .crc = 0xe3069283};
	memset(v[1].data, 0xff, 32);
	for (uint8_t i = 0; i < 32; i++) {
		v[2].data[i] = i;
		v[3].data[i] = (uint8_t)(31 - i);
	}
	memcpy(v[4].data, iscsi_read_command, sizeof iscsi_read_command);
}

START_TEST(test_the_vectors_of_rfc_3720_come_out) {
	struct vector v[6];
	make_vectors(v);
	for (size_t i = 0; i < 6; i++) {
		ck_assert_msg(crc32c(v[i].data, v[i].len) == v[i].crc, "%s", v[i].name);
		for (int which = 0; which < CRC32C_IMPLEMENTATIONS; which++) {
			crc32c_fn fn = crc32c_implementation(which);
			if (fn)
				ck_assert_msg(crc32c_finish(fn(CRC32C_INIT, v[i].data, v[i].len)) == v[i].crc, "%s by %d",
				              v[i].name, which);
		}
	}
	ck_assert_uint_eq(crc32c(NULL, 0), 0);
}
END_TEST

START_TEST(test_the_byte_tables_are_what_the_polynomial_says) {
	for (unsigned b = 0; b < 256; b++) {
		uint8_t data[8] = {(uint8_t)b};
		for (size_t k = 0; k < 8; k++)
			ck_assert_uint_eq(crc32c_bytes[k][b], bitwise_extend(0, data, k + 1));
	}
}
END_TEST

START_TEST(test_the_power_table_is_what_the_polynomial_says) {
	uint32_t power = 0x80000000; /* x^0, reflected */
	for (int i = 0; i < 64 - 33; i++)
		power = times_x(power);
	for (size_t m = 1; m <= CRC32C_POWERS; m++) {
		ck_assert_uint_eq(crc32c_powers[m], power);
		for (int i = 0; i < 64; i++)
			power = times_x(power);
	}
}
END_TEST

#define LONGEST 4096
#define ALIGNMENTS 9 /* 0..7 and a start that is odd against the words before it */

START_TEST(test_every_length_and_alignment_is_the_same_in_all_implementations) {
	static uint8_t data[LONGEST + ALIGNMENTS];
	fill(data, sizeof data);
	for (size_t start = 0; start < ALIGNMENTS; start++) {
		uint32_t expected = 0x9bd3e10f; /* any state: not the initial one, so that a lost state shows */
		for (size_t len = 0; len <= LONGEST; len++) {
			for (int which = 0; which < CRC32C_IMPLEMENTATIONS; which++) {
				crc32c_fn fn = crc32c_implementation(which);
				if (fn && fn(0x9bd3e10f, data + start, len) != expected)
					ck_abort_msg("implementation %d, length %zu at %zu", which, len, start);
			}
			expected = bitwise_extend(expected, data + start + len, len < LONGEST ? 1 : 0);
		}
	}
}
END_TEST

START_TEST(test_lengths_around_several_blocks_of_streams_agree) {
	static uint8_t data[70000];
	fill(data, sizeof data);
	static const size_t lengths[] = {3071, 3072, 3073, 6143, 6144, 6145, 6216, 9217, 65535, 65536, 70000};
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		uint32_t expected = bitwise_extend(CRC32C_INIT, data, lengths[i]);
		for (int which = 0; which < CRC32C_IMPLEMENTATIONS; which++) {
			crc32c_fn fn = crc32c_implementation(which);
			if (fn)
				ck_assert_uint_eq(fn(CRC32C_INIT, data, lengths[i]), expected);
		}
	}
}
END_TEST

START_TEST(test_pieces_give_the_crc_of_the_whole) {
	uint8_t data[1200];
	fill(data, sizeof data);
	uint32_t whole = crc32c(data, sizeof data);
	for (size_t cut = 0; cut <= sizeof data; cut++) {
		uint32_t state = crc32c_extend(CRC32C_INIT, data, cut);
		state = crc32c_extend(state, data + cut, sizeof data - cut);
		ck_assert_uint_eq(crc32c_finish(state), whole);
	}
}
END_TEST

START_TEST(test_a_packets_checksum_field_counts_as_zero_and_is_left_alone) {
	uint8_t packet[1300], zeroed[1300], before[1300];
	for (size_t len = 12; len <= sizeof packet; len++) {
		fill(packet, len);
		memcpy(before, packet, len);
		memcpy(zeroed, packet, len);
		memset(zeroed + 8, 0, 4);
		uint32_t expected = crc32c_finish(bitwise_extend(CRC32C_INIT, zeroed, len));
		uint32_t stored = crc32c_packet(packet, len);
		uint8_t field[4];
		memcpy(field, &stored, 4);
		for (int i = 0; i < 4; i++) /* RFC 9260, Appendix A: the least significant byte goes first */
			ck_assert_uint_eq(field[i], expected >> (8 * i) & 255);
		ck_assert_mem_eq(packet, before, len);
		for (int which = 0; len >= 16 && which < CRC32C_IMPLEMENTATIONS; which++) {
			crc32c_packet_fn fn = crc32c_packet_implementation(which);
			if (fn)
				ck_assert_msg(crc32c_finish(fn(packet, len)) == expected, "by %d, %zu bytes", which, len);
		}
	}
}
END_TEST

START_TEST(test_any_flipped_bit_changes_the_checksum) {
	uint8_t packet[64];
	fill(packet, sizeof packet);
	uint32_t good = crc32c_packet(packet, sizeof packet);
	for (size_t bit = 0; bit < 8 * sizeof packet; bit++) {
		packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
		bool in_field = bit / 8 >= 8 && bit / 8 < 12;
		ck_assert_int_eq(crc32c_packet(packet, sizeof packet) == good, in_field);
		packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}
END_TEST

static void *first_use(void *out) {
	*(uint32_t *)out = crc32c("123456789", 9);
	return NULL;
}

/* The choice is made at first use; a build with SAN=thread looks at how. */
START_TEST(test_threads_may_make_the_first_call_together) {
	pthread_t threads[4];
	uint32_t crc[4];
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, first_use, &crc[i]), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_uint_eq(crc[i], 0xe3069283);
	}
}
END_TEST

START_TEST(test_the_portable_implementation_is_always_there_and_no_fifth_one_is) {
	ck_assert_ptr_nonnull(crc32c_implementation(0));
	ck_assert_ptr_null(crc32c_implementation(CRC32C_IMPLEMENTATIONS));
	ck_assert_ptr_null(crc32c_implementation(-1));
}
END_TEST

#ifdef __x86_64__
START_TEST(test_a_cpu_with_the_instructions_has_different_implementations) {
	if (!__builtin_cpu_supports("sse4.2") || !__builtin_cpu_supports("pclmul"))
		return;
	crc32c_fn tables = crc32c_implementation(0), instruction = crc32c_implementation(1),
		  interleaved = crc32c_implementation(2);
	ck_assert(instruction && interleaved);
	ck_assert(tables != instruction && tables != interleaved && instruction != interleaved);
	if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("vpclmulqdq"))
		return;
	ck_assert_ptr_nonnull(crc32c_implementation(3));
	ck_assert_ptr_ne(crc32c_implementation(3), interleaved);
}
END_TEST
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>

START_TEST(test_a_cpu_with_the_instructions_has_different_implementations) {
	bool instruction = getauxval(AT_HWCAP) >> 7 & 1, products = getauxval(AT_HWCAP) >> 4 & 1;
	ck_assert_int_eq(crc32c_implementation(1) != NULL, instruction);
	ck_assert_int_eq(crc32c_implementation(2) != NULL, instruction && products);
	ck_assert_ptr_eq(crc32c_packet_implementation(1), NULL);
	ck_assert_int_eq(crc32c_packet_implementation(2) != NULL, instruction && products);
	ck_assert_ptr_null(crc32c_implementation(3));
}
END_TEST
#else
START_TEST(test_a_cpu_with_the_instructions_has_different_implementations) {
	ck_assert_ptr_null(crc32c_implementation(1));
	ck_assert_ptr_null(crc32c_implementation(2));
	ck_assert_ptr_null(crc32c_implementation(3));
}
END_TEST
#endif

SUITE("crc32c", test_the_vectors_of_rfc_3720_come_out, test_the_byte_tables_are_what_the_polynomial_says,
      test_the_power_table_is_what_the_polynomial_says, test_every_length_and_alignment_is_the_same_in_all_implementations,
      test_lengths_around_several_blocks_of_streams_agree, test_pieces_give_the_crc_of_the_whole,
      test_a_packets_checksum_field_counts_as_zero_and_is_left_alone, test_any_flipped_bit_changes_the_checksum,
      test_threads_may_make_the_first_call_together, test_the_portable_implementation_is_always_there_and_no_fifth_one_is,
      test_a_cpu_with_the_instructions_has_different_implementations)
