/* Are packets walked chunk by chunk, and written so that they can be? */
#include "base/crc32c.h"
#include "wire_kit.h"

/* COOKIE-ACK behind a SACK, from port 5000 to 5001. The checksum is not a real one. */
static const uint8_t two_chunks[] = {
	0x13, 0x88, 0x13, 0x89, 0x12, 0x34, 0x56, 0x78, 0xde, 0xad, 0xbe, 0xef,                         /* ports, tag, checksum */
	0x03, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00, 0x0a, 0x00, 0x50, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, /* SACK */
	0x0b, 0x00, 0x00, 0x04,                                                                         /* COOKIE-ACK */
};

START_TEST(test_a_header_is_read) {
	struct reader r = reader_of(two_chunks, sizeof two_chunks);
	struct wire_header h;
	ck_assert_int_eq(wire_packet_read(&r, &h), 0);
	ck_assert_uint_eq(h.src_port, 5000);
	ck_assert_uint_eq(h.dst_port, 5001);
	ck_assert_uint_eq(h.tag, 0x12345678);
	ck_assert_mem_eq(&h.checksum, two_chunks + 8, 4);
	ck_assert_ptr_eq(r.at, two_chunks + 12);
}
END_TEST

START_TEST(test_a_packet_shorter_than_its_header_is_malformed) {
	for (size_t len = 0; len < WIRE_HEADER_SIZE; len++) {
		uint8_t *packet = exact_copy(two_chunks, len);
		struct reader r = reader_of(packet, len);
		struct wire_header h;
		ck_assert_int_eq(wire_packet_read(&r, &h), WIRE_MALFORMED);
		free(packet);
	}
}
END_TEST

START_TEST(test_a_header_is_written_with_a_zero_checksum) {
	static const uint8_t expected[] = {0x13, 0x88, 0x13, 0x89, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0};
	uint8_t buffer[12];
	struct writer w = dirty_writer(buffer);
	wire_header_write(&w, &(struct wire_header){.src_port = 5000, .dst_port = 5001, .tag = 0x12345678, .checksum = 7});
	ck_assert_wrote(&w, expected);
}
END_TEST

START_TEST(test_a_sealed_packet_holds_its_crc_least_significant_byte_first) {
	uint8_t packet[sizeof two_chunks], zeroed[sizeof two_chunks];
	memcpy(packet, two_chunks, sizeof packet);
	memcpy(zeroed, two_chunks, sizeof zeroed);
	memset(zeroed + 8, 0, 4);
	wire_packet_seal(packet, sizeof packet);
	uint32_t crc = crc32c(zeroed, sizeof zeroed);
	for (int i = 0; i < 4; i++)
		ck_assert_uint_eq(packet[8 + i], crc >> (8 * i) & 255);
	ck_assert_mem_eq(packet + 12, two_chunks + 12, sizeof packet - 12);

	struct reader r = reader_of(packet, sizeof packet);
	struct wire_header h;
	ck_assert_int_eq(wire_packet_read(&r, &h), 0);
	ck_assert_uint_eq(h.checksum, crc32c_packet(packet, sizeof packet));
}
END_TEST

START_TEST(test_chunks_are_walked_in_order) {
	struct reader r = reader_of(two_chunks + 12, sizeof two_chunks - 12);
	struct wire_chunk c;
	ck_assert_int_eq(wire_chunk_next(&r, &c), 1);
	ck_assert_uint_eq(c.type, WIRE_SACK);
	ck_assert_uint_eq(c.len, 12);
	ck_assert_ptr_eq(c.value, two_chunks + 16);
	ck_assert_int_eq(wire_chunk_next(&r, &c), 1);
	ck_assert_uint_eq(c.type, WIRE_COOKIE_ACK);
	ck_assert_uint_eq(c.len, 0);
	ck_assert_int_eq(wire_chunk_next(&r, &c), 0);
	ck_assert_int_eq(wire_chunk_next(&r, &c), 0);
}
END_TEST

/* How many chunks come before the end, and how it ends. */
static int walk(const uint8_t *chunks, size_t len, int *end) {
	struct reader r = reader_of(chunks, len);
	struct wire_chunk c;
	int count = 0;
	while ((*end = wire_chunk_next(&r, &c)) == 1) {
		ck_assert(c.value + c.len <= chunks + len);
		count++;
	}
	return count;
}

START_TEST(test_chunks_cut_at_each_byte_end_the_walk_with_an_error) {
	for (size_t len = 0; len <= 20; len++) {
		uint8_t *chunks = exact_copy(two_chunks + 12, len);
		int end, count = walk(chunks, len, &end);
		ck_assert_int_eq(count, (len >= 16) + (len >= 20));
		ck_assert_int_eq(end, len == 0 || len == 16 || len == 20 ? 0 : WIRE_MALFORMED);
		free(chunks);
	}
}
END_TEST

/* RFC 9260, 3.2: the length counts the four bytes of type, flags and length and not the padding. */
START_TEST(test_every_chunk_length_is_either_in_the_packet_or_malformed) {
	for (unsigned length = 0; length <= UINT16_MAX; length++) {
		uint8_t bytes[24] = {WIRE_HEARTBEAT};
		put_be16(bytes + 2, (uint16_t)length);
		uint8_t *chunks = exact_copy(bytes, sizeof bytes);
		struct reader r = reader_of(chunks, sizeof bytes);
		struct wire_chunk c;
		bool good = length >= 4 && length <= sizeof bytes;
		ck_assert_int_eq(wire_chunk_next(&r, &c), good ? 1 : WIRE_MALFORMED);
		if (good) {
			ck_assert_uint_eq(c.len, length - 4);
			ck_assert_ptr_eq(r.at, chunks + pad4(length));
		}
		free(chunks);
	}
}
END_TEST

START_TEST(test_the_last_chunks_padding_may_be_missing) {
	static const uint8_t bytes[] = {WIRE_COOKIE_ECHO, 0, 0, 5, 0xab, 0, 0, 0};
	for (size_t len = 5; len <= 8; len++) {
		uint8_t *chunks = exact_copy(bytes, len);
		struct reader r = reader_of(chunks, len);
		struct wire_chunk c;
		ck_assert_int_eq(wire_chunk_next(&r, &c), 1);
		ck_assert_uint_eq(c.len, 1);
		ck_assert_uint_eq(c.value[0], 0xab);
		ck_assert_int_eq(wire_chunk_next(&r, &c), 0);
		free(chunks);
	}
}
END_TEST

/* RFC 9260, 3.2, has these four rows for chunks, and 3.2.1 the same for parameters. */
static const struct {
	uint8_t chunk;
	uint16_t param;
	bool stops, reports;
} unknown_types[] = {
	/* chunk  param    stops  reports */
	{0x10, 0x0010, true, false},  {0x3f, 0x3fff, true, false},  {0x41, 0x4000, true, true},  {0x7f, 0x7fff, true, true},
	{0x81, 0x8000, false, false}, {0xbf, 0xbfff, false, false}, {0xc5, 0xc006, false, true}, {0xff, 0xffff, false, true},
};

START_TEST(test_the_two_high_bits_say_what_to_do_with_an_unknown_type) {
	for (size_t i = 0; i < COUNT_OF(unknown_types); i++) {
		ck_assert_int_eq(wire_unknown_stops(unknown_types[i].chunk), unknown_types[i].stops);
		ck_assert_int_eq(wire_unknown_reports(unknown_types[i].chunk), unknown_types[i].reports);
		ck_assert_int_eq(wire_unknown_param_stops(unknown_types[i].param), unknown_types[i].stops);
		ck_assert_int_eq(wire_unknown_param_reports(unknown_types[i].param), unknown_types[i].reports);
	}
}
END_TEST

START_TEST(test_a_chunk_is_padded_with_zeros_that_its_length_does_not_count) {
	static const uint8_t expected[4][8] = {
		{0x0a, 0x01, 0, 4},
		{0x0a, 0x01, 0, 5, 1, 0, 0, 0},
		{0x0a, 0x01, 0, 6, 1, 2, 0, 0},
		{0x0a, 0x01, 0, 7, 1, 2, 3, 0},
	};
	for (size_t len = 0; len < 4; len++) {
		uint8_t buffer[8];
		struct writer w = dirty_writer(buffer);
		wire_chunk_write(&w, WIRE_COOKIE_ECHO, 1, "\1\2\3", len);
		ck_assert(!w.failed);
		ck_assert_uint_eq(writer_len(&w), 4 + pad4(len));
		ck_assert_mem_eq(buffer, expected[len], 4 + pad4(len));
	}
}
END_TEST

START_TEST(test_a_chunk_without_a_value_is_four_bytes) {
	static const uint8_t expected[] = {0x0b, 0, 0, 4, 0x08, 0, 0, 4, 0x0e, 0x01, 0, 4};
	uint8_t buffer[32];
	struct writer w = dirty_writer(buffer);
	wire_chunk_write(&w, WIRE_COOKIE_ACK, 0, NULL, 0);
	wire_chunk_write(&w, WIRE_SHUTDOWN_ACK, 0, NULL, 0);
	wire_chunk_write(&w, WIRE_SHUTDOWN_COMPLETE, WIRE_FLAG_T, NULL, 0);
	ck_assert_wrote(&w, expected);
}
END_TEST

START_TEST(test_a_chunk_that_does_not_fit_fails_the_writer_and_nothing_is_written_beyond) {
	for (size_t room = 0; room < 12; room++) {
		uint8_t *buffer = malloc(room ? room : 1);
		struct writer w = writer_of(buffer, room);
		wire_chunk_write(&w, WIRE_COOKIE_ECHO, 0, "12345", 5);
		ck_assert(w.failed);
		ck_assert_uint_le(writer_len(&w), room);
		free(buffer);
	}
}
END_TEST

START_TEST(test_a_chunk_that_could_not_be_ended_is_an_empty_one) {
	static const uint8_t expected[] = {0x06, 0x01, 0, 4};
	uint8_t buffer[8];
	struct writer w = dirty_writer(buffer);
	uint8_t *begin = wire_chunk_begin(&w, WIRE_ABORT, WIRE_FLAG_T);
	write_bytes(&w, "12345", 5);
	wire_chunk_end(&w, begin);
	ck_assert(w.failed);
	ck_assert_mem_eq(buffer, expected, sizeof expected);
}
END_TEST

/* The length field ends at 65535. */
START_TEST(test_a_chunk_longer_than_its_length_field_can_say_fails_the_writer) {
	static uint8_t value[70000], buffer[80000];
	for (size_t len = 65530; len <= 65533; len++) {
		struct writer w = writer_of(buffer, sizeof buffer);
		wire_chunk_write(&w, WIRE_COOKIE_ECHO, 0, value, len);
		ck_assert_int_eq(w.failed, len > 65531);
		w = writer_of(buffer, sizeof buffer);
		wire_param_write(&w, 7, value, len);
		ck_assert_int_eq(w.failed, len > 65531);
	}
}
END_TEST

START_TEST(test_every_chunk_type_has_its_name) {
	static const struct {
		uint8_t type;
		const char *name;
	} names[] = {
		{0, "DATA"},          {1, "INIT"},        {2, "INIT-ACK"},        {3, "SACK"},         {4, "HEARTBEAT"},
		{5, "HEARTBEAT-ACK"}, {6, "ABORT"},       {7, "SHUTDOWN"},        {8, "SHUTDOWN-ACK"}, {9, "ERROR"},
		{10, "COOKIE-ECHO"},  {11, "COOKIE-ACK"}, {12, "ECNE"},           {13, "CWR"},         {14, "SHUTDOWN-COMPLETE"},
		{15, "AUTH"},         {64, "I-DATA"},     {128, "ASCONF-ACK"},    {130, "RE-CONFIG"},  {132, "PAD"},
		{192, "FORWARD-TSN"}, {193, "ASCONF"},    {194, "I-FORWARD-TSN"}, {16, "UNKNOWN"},     {255, "UNKNOWN"},
	};
	for (size_t i = 0; i < COUNT_OF(names); i++)
		ck_assert_str_eq(wire_chunk_name(names[i].type), names[i].name);
}
END_TEST

START_TEST(test_every_cause_has_its_name) {
	static const char *const names[] = {
		"Unknown Cause",
		"Invalid Stream Identifier",
		"Missing Mandatory Parameter",
		"Stale Cookie",
		"Out of Resource",
		"Unresolvable Address",
		"Unrecognized Chunk Type",
		"Invalid Mandatory Parameter",
		"Unrecognized Parameters",
		"No User Data",
		"Cookie Received While Shutting Down",
		"Restart of an Association with New Addresses",
		"User-Initiated Abort",
		"Protocol Violation",
		"Unknown Cause",
	};
	for (uint16_t i = 0; i < COUNT_OF(names); i++)
		ck_assert_str_eq(wire_cause_name(i), names[i]);
	ck_assert_str_eq(wire_cause_name(65535), "Unknown Cause");
}
END_TEST

SUITE("wire packet", test_a_header_is_read, test_a_packet_shorter_than_its_header_is_malformed,
      test_a_header_is_written_with_a_zero_checksum, test_a_sealed_packet_holds_its_crc_least_significant_byte_first,
      test_chunks_are_walked_in_order, test_chunks_cut_at_each_byte_end_the_walk_with_an_error,
      test_every_chunk_length_is_either_in_the_packet_or_malformed, test_the_last_chunks_padding_may_be_missing,
      test_the_two_high_bits_say_what_to_do_with_an_unknown_type,
      test_a_chunk_is_padded_with_zeros_that_its_length_does_not_count, test_a_chunk_without_a_value_is_four_bytes,
      test_a_chunk_that_does_not_fit_fails_the_writer_and_nothing_is_written_beyond,
      test_a_chunk_that_could_not_be_ended_is_an_empty_one, test_a_chunk_longer_than_its_length_field_can_say_fails_the_writer,
      test_every_chunk_type_has_its_name, test_every_cause_has_its_name)
