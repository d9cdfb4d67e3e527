/* The DCEP codec by vectors: every field of RFC 8832, 5, and every way in which a message can be wrong. */
#include "dcep/codec.h"

#include "sluice/error.h"
#include "suite.h"

static int read_hex(const uint8_t *data, size_t len, struct dcep_open *open) {
	/* A copy of exactly this size, so that the sanitizer sees a read beyond it. */
	uint8_t *copy = malloc(len ? len : 1);
	if (len)
		memcpy(copy, data, len);
	int result = dcep_read(copy, len, open);
	free(copy);
	return result;
}

static const struct {
	uint8_t type;
	bool unordered;
	enum sluice_reliability reliability;
	uint32_t wire_value, value;
} types[] = {
	{0x00, false, SLUICE_RELIABLE, 0, 0},
	{0x80, true, SLUICE_RELIABLE, 0, 0},
	{0x01, false, SLUICE_MAX_RETRANSMITS, 3, 3},
	{0x81, true, SLUICE_MAX_RETRANSMITS, 0, 0},
	{0x02, false, SLUICE_LIFETIME, 0xfffffffe, 0xfffffffe},
	{0x82, true, SLUICE_LIFETIME, 1500, 1500},
};
#define TYPE_COUNT (sizeof types / sizeof *types)

START_TEST(test_each_channel_type_is_written_as_the_rfc_numbers_it_and_read_back) {
	for (size_t i = 0; i < TYPE_COUNT; i++) {
		struct dcep_open open = {
			.unordered = types[i].unordered,
			.reliability = types[i].reliability,
			.value = types[i].value,
			.priority = 0x0102,
			.label = "abc",
			.label_len = 3,
			.protocol = "de",
			.protocol_len = 2,
		};
		uint8_t want[] = {3, types[i].type, 1, 2, 0, 0, 0, 0, 0, 3, 0, 2, 'a', 'b', 'c', 'd', 'e'};
		put_be32(want + 4, types[i].wire_value);
		uint8_t got[64];
		struct writer w = writer_of(got, sizeof got);
		dcep_open_write(&w, &open);
		ck_assert(!w.failed);
		ck_assert_uint_eq(writer_len(&w), dcep_open_size(&open));
		ck_assert_mem_eq(got, want, sizeof want);

		struct dcep_open back;
		ck_assert_int_eq(dcep_read(want, sizeof want, &back), DCEP_OPEN);
		ck_assert_int_eq(back.unordered, types[i].unordered);
		ck_assert_int_eq(back.reliability, types[i].reliability);
		ck_assert_uint_eq(back.value, types[i].value);
		ck_assert_uint_eq(back.priority, 0x0102);
		ck_assert_uint_eq(back.label_len, 3);
		ck_assert_mem_eq(back.label, "abc", 3);
		ck_assert_uint_eq(back.protocol_len, 2);
		ck_assert_mem_eq(back.protocol, "de", 2);
	}
}
END_TEST

START_TEST(test_the_parameter_of_a_reliable_channel_is_ignored_when_read_and_zero_when_written) {
	uint8_t wire[] = {3, 0x80, 0, 0, 0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 0};
	struct dcep_open open;
	ck_assert_int_eq(dcep_read(wire, sizeof wire, &open), DCEP_OPEN);
	ck_assert_uint_eq(open.value, 0);
	open.value = 7;
	uint8_t out[12];
	struct writer w = writer_of(out, sizeof out);
	dcep_open_write(&w, &open);
	ck_assert_uint_eq(get_be32(out + 4), 0);
}
END_TEST

START_TEST(test_every_truncation_of_an_open_is_malformed) {
	uint8_t wire[] = {3, 0, 1, 0, 0, 0, 0, 0, 0, 3, 0, 2, 'a', 'b', 'c', 'd', 'e'};
	struct dcep_open open;
	for (size_t len = 0; len < sizeof wire; len++)
		ck_assert_int_eq(read_hex(wire, len, &open), SLUICE_MALFORMED);
	ck_assert_int_eq(dcep_read(wire, sizeof wire, &open), DCEP_OPEN);
}
END_TEST

START_TEST(test_lengths_that_do_not_add_up_are_malformed) {
	static const struct {
		uint16_t label, protocol;
		size_t tail;
		int want;
	} rows[] = {
		{4, 4, 8, DCEP_OPEN},
		{4, 4, 9, SLUICE_MALFORMED},
		{4, 4, 7, SLUICE_MALFORMED},
		{0, 0, 1, SLUICE_MALFORMED},
		{0, 0, 0, DCEP_OPEN},
		{9, 0, 8, SLUICE_MALFORMED},
		{0, 9, 8, SLUICE_MALFORMED},
		{0xffff, 0, 8, SLUICE_MALFORMED},
		{0, 0xffff, 8, SLUICE_MALFORMED},
		{0xffff, 0xffff, 8, SLUICE_MALFORMED},
		{8, 0xffff, 8, SLUICE_MALFORMED},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint8_t wire[32] = {3};
		put_be16(wire + 8, rows[i].label);
		put_be16(wire + 10, rows[i].protocol);
		struct dcep_open open;
		ck_assert_int_eq(read_hex(wire, 12 + rows[i].tail, &open), rows[i].want);
	}
}
END_TEST

START_TEST(test_the_longest_label_and_protocol_pass_whole) {
	uint8_t *wire = calloc(1, DCEP_OPEN_MAX);
	char *label = malloc(UINT16_MAX), *protocol = malloc(UINT16_MAX);
	memset(label, 'l', UINT16_MAX);
	memset(protocol, 'p', UINT16_MAX);
	struct dcep_open open = {.label = label, .label_len = UINT16_MAX, .protocol = protocol, .protocol_len = UINT16_MAX};
	struct writer w = writer_of(wire, DCEP_OPEN_MAX);
	dcep_open_write(&w, &open);
	ck_assert(!w.failed);
	ck_assert_uint_eq(writer_len(&w), DCEP_OPEN_MAX);
	struct dcep_open back;
	ck_assert_int_eq(dcep_read(wire, DCEP_OPEN_MAX, &back), DCEP_OPEN);
	ck_assert_mem_eq(back.label, label, UINT16_MAX);
	ck_assert_mem_eq(back.protocol, protocol, UINT16_MAX);
	free(wire);
	free(label);
	free(protocol);
}
END_TEST

START_TEST(test_every_other_channel_type_is_malformed) {
	for (unsigned type = 0; type < 256; type++) {
		uint8_t wire[DCEP_OPEN_HEADER] = {3, (uint8_t)type};
		struct dcep_open open;
		bool known = (type & 0x7f) <= 2;
		ck_assert_int_eq(dcep_read(wire, sizeof wire, &open), known ? DCEP_OPEN : SLUICE_MALFORMED);
	}
}
END_TEST

START_TEST(test_an_ack_is_one_byte_and_read_from_more) {
	ck_assert_uint_eq(sizeof dcep_ack, 1);
	ck_assert_uint_eq(dcep_ack[0], 2);
	struct dcep_open open;
	ck_assert_int_eq(dcep_read(dcep_ack, sizeof dcep_ack, &open), DCEP_ACK);
	uint8_t wire[4] = {2, 0, 0, 0}; /* pion's */
	ck_assert_int_eq(dcep_read(wire, 4, &open), DCEP_ACK);
	ck_assert_int_eq(dcep_read(wire, 0, &open), SLUICE_MALFORMED);
}
END_TEST

START_TEST(test_every_other_message_type_is_unsupported_whatever_its_length) {
	for (unsigned type = 0; type < 256; type++) {
		uint8_t wire[40] = {(uint8_t)type};
		struct dcep_open open;
		if (type == DCEP_ACK || type == DCEP_OPEN)
			continue;
		for (size_t len = 1; len <= sizeof wire; len++)
			ck_assert_int_eq(dcep_read(wire, len, &open), SLUICE_UNSUPPORTED);
	}
}
END_TEST

START_TEST(test_an_open_is_not_written_beyond_its_buffer) {
	struct dcep_open open = {.label = "label", .label_len = 5};
	for (size_t size = 0; size < dcep_open_size(&open); size++) {
		uint8_t *buf = malloc(size ? size : 1);
		struct writer w = writer_of(buf, size);
		dcep_open_write(&w, &open);
		ck_assert(w.failed);
		free(buf);
	}
}
END_TEST

START_TEST(test_ppids_say_what_kind_of_message_it_is) {
	static const struct {
		uint32_t ppid;
		bool user, text, empty;
	} rows[] = {
		{0, false, false, false}, {50, false, false, false}, {51, true, true, false},           {52, true, false, false},
		{53, true, false, false}, {54, true, true, false},   {55, false, false, false},         {56, true, true, true},
		{57, true, false, true},  {58, false, false, false}, {UINT32_MAX, false, false, false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ck_assert_int_eq(dcep_ppid_is_user(rows[i].ppid), rows[i].user);
		ck_assert_int_eq(dcep_ppid_is_text(rows[i].ppid), rows[i].text);
		ck_assert_int_eq(dcep_ppid_is_empty(rows[i].ppid), rows[i].empty);
	}
}
END_TEST

SUITE("dcep codec", test_each_channel_type_is_written_as_the_rfc_numbers_it_and_read_back,
      test_the_parameter_of_a_reliable_channel_is_ignored_when_read_and_zero_when_written,
      test_every_truncation_of_an_open_is_malformed, test_lengths_that_do_not_add_up_are_malformed,
      test_the_longest_label_and_protocol_pass_whole, test_every_other_channel_type_is_malformed,
      test_an_ack_is_one_byte_and_read_from_more, test_every_other_message_type_is_unsupported_whatever_its_length,
      test_an_open_is_not_written_beyond_its_buffer, test_ppids_say_what_kind_of_message_it_is)
