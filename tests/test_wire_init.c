/* Are INIT and INIT-ACK read by the rules for known and unknown parameters, and written as their RFCs draw them? */
#include "wire_kit.h"

/* What Chromium's stack opens with: a window of 5 MiB, all streams, FORWARD-TSN, and RE-CONFIG and FORWARD-TSN among its
 * extensions. RFC 9260, 3.3.2; RFC 3758, 3.1; RFC 5061, 4.2.7. The last parameter's padding is not in the chunk's length:
 * 0x1e. */
static const uint8_t init_bytes[] = {
	0x01, 0x00, 0x00, 0x1e, 0xa1, 0xb2, 0xc3, 0xd4, 0x00, 0x50, 0x00, 0x00, /* INIT, tag, a_rwnd */
	0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x30, 0x39,                         /* streams out and in, TSN */
	0xc0, 0x00, 0x00, 0x04,                                                 /* FORWARD-TSN supported */
	0x80, 0x08, 0x00, 0x06, 0x82, 0xc0, 0x00, 0x00,                         /* Supported Extensions */
};

START_TEST(test_init_is_read) {
	struct wire_chunk c = chunk_of(init_bytes, sizeof init_bytes);
	struct wire_init i;
	ck_assert_int_eq(wire_init_read(&c, &i), 0);
	ck_assert_uint_eq(i.tag, 0xa1b2c3d4);
	ck_assert_uint_eq(i.a_rwnd, 5242880);
	ck_assert_uint_eq(i.outbound_streams, 65535);
	ck_assert_uint_eq(i.inbound_streams, 65535);
	ck_assert_uint_eq(i.tsn, 12345);
	ck_assert(i.forward_tsn && i.reconfig);
	ck_assert(!i.i_data && !i.i_forward_tsn && !i.pad && !i.has_zero_checksum && !i.has_host_name && !i.stopped);
	ck_assert_ptr_null(i.cookie);
	ck_assert_uint_eq(i.unrecognized_count, 0);
}
END_TEST

START_TEST(test_init_is_written) {
	uint8_t buffer[64];
	struct writer w = dirty_writer(buffer);
	wire_init_write(&w, WIRE_INIT,
	                &(struct wire_init){
				.tag = 0xa1b2c3d4,
				.a_rwnd = 5242880,
				.outbound_streams = 65535,
				.inbound_streams = 65535,
				.tsn = 12345,
				.forward_tsn = true,
				.reconfig = true,
			});
	ck_assert_wrote(&w, init_bytes);
}
END_TEST

/* An INIT-ACK with every parameter that it can have: all five extensions, zero checksum (RFC 9653, 4), a cookie of five bytes
 * (RFC 9260, 3.3.3) and a report about parameter 0xc0de, which had one byte of value. */
static const uint8_t init_ack_bytes[] = {
	0x02, 0x00, 0x00, 0x41, 0x00, 0x00, 0x00, 0x01, 0x00, 0x02, 0x00, 0x00, /* INIT-ACK, tag, a_rwnd */
	0x00, 0x10, 0x00, 0x20, 0xff, 0xff, 0xff, 0xff,                         /* streams out and in, TSN */
	0xc0, 0x00, 0x00, 0x04,                                                 /* FORWARD-TSN supported */
	0x80, 0x08, 0x00, 0x09, 0x82, 0xc0, 0x40, 0xc2, 0x84, 0x00, 0x00, 0x00, /* Supported Extensions */
	0x80, 0x01, 0x00, 0x08, 0x00, 0x00, 0x00, 0x01,                         /* Zero Checksum Acceptable, DTLS */
	0x00, 0x07, 0x00, 0x09, 'b',  'i',  's',  'q',  'u',  0x00, 0x00, 0x00, /* State Cookie */
	0x00, 0x08, 0x00, 0x09, 0xc0, 0xde, 0x00, 0x05, 0x77, 0x00, 0x00, 0x00, /* Unrecognized Parameter */
};

static const uint8_t unknown_bytes[] = {0xc0, 0xde, 0x00, 0x05, 0x77};

static struct wire_init init_ack_struct(void) {
	return (struct wire_init){
		.tag = 1,
		.a_rwnd = 131072,
		.outbound_streams = 16,
		.inbound_streams = 32,
		.tsn = 0xffffffff,
		.forward_tsn = true,
		.reconfig = true,
		.i_data = true,
		.i_forward_tsn = true,
		.pad = true,
		.has_zero_checksum = true,
		.zero_checksum_method = WIRE_ZERO_CHECKSUM_DTLS,
		.cookie = (const uint8_t *)"bisqu",
		.cookie_len = 5,
		.unrecognized = {{.type = 0xc0de, .value = unknown_bytes + 4, .len = 1, .raw = unknown_bytes, .raw_len = 5}},
		.unrecognized_count = 1,
	};
}

START_TEST(test_init_ack_is_written) {
	uint8_t buffer[128];
	struct writer w = dirty_writer(buffer);
	struct wire_init i = init_ack_struct();
	wire_init_write(&w, WIRE_INIT_ACK, &i);
	ck_assert_wrote(&w, init_ack_bytes);
}
END_TEST

START_TEST(test_init_ack_is_read) {
	struct wire_chunk c = chunk_of(init_ack_bytes, sizeof init_ack_bytes);
	struct wire_init i;
	ck_assert_int_eq(wire_init_read(&c, &i), 0);
	ck_assert_uint_eq(i.tag, 1);
	ck_assert_uint_eq(i.outbound_streams, 16);
	ck_assert_uint_eq(i.inbound_streams, 32);
	ck_assert(i.forward_tsn && i.reconfig && i.i_data && i.i_forward_tsn && i.pad);
	ck_assert(i.has_zero_checksum);
	ck_assert_uint_eq(i.zero_checksum_method, WIRE_ZERO_CHECKSUM_DTLS);
	ck_assert_uint_eq(i.cookie_len, 5);
	ck_assert_mem_eq(i.cookie, "bisqu", 5);
	ck_assert_uint_eq(i.unrecognized_count, 0); /* what the peer reports about us is not itself reported */
}
END_TEST

START_TEST(test_a_bare_init_is_twenty_bytes) {
	static const uint8_t expected[] = {0x01, 0, 0, 0x14, 0, 0, 0, 5, 0, 0, 5, 0xdc, 0, 1, 0, 2, 0, 0, 0, 6};
	uint8_t buffer[64];
	struct writer w = dirty_writer(buffer);
	wire_init_write(&w, WIRE_INIT,
	                &(struct wire_init){.tag = 5, .a_rwnd = 1500, .outbound_streams = 1, .inbound_streams = 2, .tsn = 6});
	ck_assert_wrote(&w, expected);
}
END_TEST

START_TEST(test_an_init_has_a_cookie_preservative_but_no_cookie_and_no_reports) {
	static const uint8_t expected[] = {
		0x01, 0,  0,    0x1c, 0,    0,    0,    1,    0, 2, 0, 0, 0,    16,
		0,    32, 0xff, 0xff, 0xff, 0xff, 0x00, 0x09, 0, 8, 0, 0, 0x03, 0xe8,
	};
	struct wire_init i = init_ack_struct();
	i.forward_tsn = i.reconfig = i.i_data = i.i_forward_tsn = i.pad = i.has_zero_checksum = false;
	i.has_cookie_preservative = true;
	i.cookie_preservative = 1000;
	uint8_t buffer[64];
	struct writer w = dirty_writer(buffer);
	wire_init_write(&w, WIRE_INIT, &i);
	ck_assert_wrote(&w, expected);
}
END_TEST

/* ---- single parameters ---- */

/* An INIT with these bytes behind its fixed part, in a block of its exact size. */
static int read_with_params(const uint8_t *params, size_t len, struct wire_init *i) {
	uint8_t value[256];
	ck_assert_uint_le(16 + len, sizeof value);
	memcpy(value, init_bytes + 4, 16);
	memcpy(value + 16, params, len);
	uint8_t *exact = exact_copy(value, 16 + len);
	struct wire_chunk c = {.type = WIRE_INIT, .value = exact, .len = (uint16_t)(16 + len)};
	int result = wire_init_read(&c, i);
	free(exact);
	return result;
}

/* One parameter of `len` bytes of value 0. */
static int read_with_param(uint16_t type, size_t len, struct wire_init *i) {
	uint8_t param[64] = {0};
	put_be16(param, type);
	put_be16(param + 2, (uint16_t)(len + 4));
	return read_with_params(param, len + 4, i);
}

START_TEST(test_known_parameters_of_fixed_size_are_malformed_at_any_other) {
	static const struct {
		uint16_t type;
		size_t len;
	} fixed[] = {
		{WIRE_PARAM_IPV4, 4},          {WIRE_PARAM_IPV6, 16},       {WIRE_PARAM_COOKIE_PRESERVATIVE, 4},
		{WIRE_PARAM_ZERO_CHECKSUM, 4}, {WIRE_PARAM_FORWARD_TSN, 0},
	};
	for (size_t k = 0; k < COUNT_OF(fixed); k++) {
		for (size_t len = 0; len < 24; len++) {
			struct wire_init i;
			int expected = len == fixed[k].len ? 0 : WIRE_MALFORMED;
			ck_assert_msg(read_with_param(fixed[k].type, len, &i) == expected, "parameter %#x of %zu bytes",
			              fixed[k].type, len);
		}
	}
}
END_TEST

START_TEST(test_address_types_are_whole_numbers_of_two_bytes) {
	struct wire_init i;
	for (size_t len = 0; len < 10; len++)
		ck_assert_int_eq(read_with_param(WIRE_PARAM_ADDRESS_TYPES, len, &i), len % 2 ? WIRE_MALFORMED : 0);
}
END_TEST

START_TEST(test_known_parameters_of_any_size_are_not_reported) {
	static const uint16_t known[] = {WIRE_PARAM_RANDOM,    WIRE_PARAM_CHUNK_LIST,          WIRE_PARAM_HMAC_ALGO,
	                                 WIRE_PARAM_PAD,       WIRE_PARAM_UNRECOGNIZED,        WIRE_PARAM_STATE_COOKIE,
	                                 WIRE_PARAM_HOST_NAME, WIRE_PARAM_SUPPORTED_EXTENSIONS};
	for (size_t k = 0; k < COUNT_OF(known); k++) {
		for (size_t len = 0; len < 10; len++) {
			struct wire_init i;
			ck_assert_int_eq(read_with_param(known[k], len, &i), 0);
			ck_assert_uint_eq(i.unrecognized_count, 0);
			ck_assert(!i.stopped);
			ck_assert_int_eq(i.has_host_name, known[k] == WIRE_PARAM_HOST_NAME);
		}
	}
}
END_TEST

START_TEST(test_each_extension_sets_its_flag_and_no_other) {
	static const struct {
		uint8_t type;
		size_t flag;
	} extensions[] = {
		{192, offsetof(struct wire_init, forward_tsn)},
		{130, offsetof(struct wire_init, reconfig)},
		{64, offsetof(struct wire_init, i_data)},
		{194, offsetof(struct wire_init, i_forward_tsn)},
		{132, offsetof(struct wire_init, pad)},
		{15, SIZE_MAX}, /* AUTH: we have none */
		{193, SIZE_MAX},
		{255, SIZE_MAX},
	};
	for (size_t k = 0; k < COUNT_OF(extensions); k++) {
		const uint8_t param[] = {0x80, 0x08, 0x00, 0x05, extensions[k].type};
		struct wire_init i;
		ck_assert_int_eq(read_with_params(param, sizeof param, &i), 0);
		int set = i.forward_tsn + i.reconfig + i.i_data + i.i_forward_tsn + i.pad;
		ck_assert_int_eq(set, extensions[k].flag != SIZE_MAX);
		if (extensions[k].flag != SIZE_MAX)
			ck_assert(*(const bool *)((const char *)&i + extensions[k].flag));
	}
}
END_TEST

START_TEST(test_the_forward_tsn_parameter_alone_is_enough) {
	struct wire_init i;
	ck_assert_int_eq(read_with_param(WIRE_PARAM_FORWARD_TSN, 0, &i), 0);
	ck_assert(i.forward_tsn && !i.reconfig);
}
END_TEST

START_TEST(test_an_unknown_error_detection_method_is_passed_on) {
	static const uint8_t param[] = {0x80, 0x01, 0x00, 0x08, 0x12, 0x34, 0x56, 0x78};
	struct wire_init i;
	ck_assert_int_eq(read_with_params(param, sizeof param, &i), 0);
	ck_assert(i.has_zero_checksum);
	ck_assert_uint_eq(i.zero_checksum_method, 0x12345678);
}
END_TEST

START_TEST(test_a_cookie_preservative_is_read) {
	static const uint8_t param[] = {0x00, 0x09, 0x00, 0x08, 0x12, 0x34, 0x56, 0x78};
	struct wire_init i;
	ck_assert_int_eq(read_with_params(param, sizeof param, &i), 0);
	ck_assert(i.has_cookie_preservative && !i.has_zero_checksum);
	ck_assert_uint_eq(i.cookie_preservative, 0x12345678);
}
END_TEST

/* ---- unknown ones ---- */

/* RFC 9260, 3.2.1. Behind the unknown parameter stands FORWARD-TSN, which shows whether the reading went on. */
START_TEST(test_the_high_bits_of_an_unknown_parameter_decide_what_happens) {
	static const struct {
		uint16_t type;
		bool stops, reports;
	} unknown[] = {
		/* type  stops  reports */
		{0x0000, true, false},  {0x0001, true, false}, /* Heartbeat Info does not belong here */
		{0x000d, true, false},                         /* nor does a stream reset */
		{0x3fff, true, false},  {0x4000, true, true},  {0x7fff, true, true},  {0x8000, false, false}, /* ECN, of old */
		{0xbfff, false, false}, {0xc004, false, true}, {0xc006, false, true}, {0xffff, false, true},
	};
	for (size_t k = 0; k < COUNT_OF(unknown); k++) {
		uint8_t params[] = {0, 0, 0x00, 0x07, 1, 2, 3, 0, 0xc0, 0x00, 0x00, 0x04};
		put_be16(params, unknown[k].type);
		struct wire_init i;
		ck_assert_int_eq(read_with_params(params, sizeof params, &i), 0);
		ck_assert_msg(i.stopped == unknown[k].stops, "%#x", unknown[k].type);
		ck_assert_msg(i.forward_tsn == !unknown[k].stops, "%#x", unknown[k].type);
		ck_assert_msg(i.unrecognized_count == unknown[k].reports, "%#x", unknown[k].type);
		if (unknown[k].reports)
			ck_assert_uint_eq(i.unrecognized[0].type, unknown[k].type);
	}
}
END_TEST

START_TEST(test_a_reported_parameter_is_whole_and_without_its_padding) {
	static const uint8_t bytes[] = {
		0x01, 0x00, 0x00, 0x1c, 0, 0, 0, 1, 0, 0, 5, 0xdc, 0, 1, 0, 1, 0, 0, 0, 1, 0xc0, 0xde, 0x00, 0x05, 0x77, 0, 0, 0,
	};
	struct wire_chunk c = chunk_of(bytes, sizeof bytes);
	struct wire_init i;
	ck_assert_int_eq(wire_init_read(&c, &i), 0);
	ck_assert_uint_eq(i.unrecognized_count, 1);
	ck_assert_ptr_eq(i.unrecognized[0].raw, bytes + 20);
	ck_assert_uint_eq(i.unrecognized[0].raw_len, 5);
	ck_assert_uint_eq(i.unrecognized[0].len, 1);
}
END_TEST

START_TEST(test_reports_end_at_their_bound_and_the_reading_goes_on) {
	uint8_t params[4 * 20 + 4];
	for (size_t k = 0; k < 20; k++)
		memcpy(params + 4 * k, "\xc1\x00\x00\x04", 4);
	memcpy(params + 4 * 20, "\xc0\x00\x00\x04", 4);
	struct wire_init i;
	ck_assert_int_eq(read_with_params(params, sizeof params, &i), 0);
	ck_assert_uint_eq(i.unrecognized_count, WIRE_UNRECOGNIZED_MAX);
	ck_assert(i.forward_tsn);
}
END_TEST

START_TEST(test_nothing_behind_a_parameter_that_stops_is_looked_at) {
	static const uint8_t params[] = {0x00, 0x20, 0x00, 0x04, 0xc0, 0x00, 0xff, 0xff};
	struct wire_init i;
	ck_assert_int_eq(read_with_params(params, sizeof params, &i), 0);
	ck_assert(i.stopped && !i.forward_tsn);
}
END_TEST

/* ---- lengths ---- */

START_TEST(test_an_init_shorter_than_its_fixed_part_is_malformed) {
	for (uint16_t len = 0; len < 16; len++) {
		uint8_t *value = exact_copy(init_bytes + 4, len);
		struct wire_chunk c = {.type = WIRE_INIT, .value = value, .len = len};
		struct wire_init i;
		ck_assert_int_eq(wire_init_read(&c, &i), WIRE_MALFORMED);
		free(value);
	}
}
END_TEST

/* Where each parameter of init_ack_bytes ends, with and without its padding, counted in the chunk's value. */
static bool is_between_params(size_t len) {
	static const struct { size_t from, to; } ends[] = {{16, 16}, {20, 20}, {29, 32}, {40, 40}, {49, 52}, {61, 64}};
	for (size_t k = 0; k < COUNT_OF(ends); k++) {
		if (len >= ends[k].from && len <= ends[k].to)
			return true;
	}
	return false;
}

START_TEST(test_an_init_ack_cut_at_each_byte_is_malformed_but_between_parameters) {
	for (uint16_t len = 0; len <= 64; len++) {
		uint8_t *value = exact_copy(init_ack_bytes + 4, len);
		struct wire_chunk c = {.type = WIRE_INIT_ACK, .value = value, .len = len};
		struct wire_init i;
		ck_assert_msg(wire_init_read(&c, &i) == (is_between_params(len) ? 0 : WIRE_MALFORMED), "%u bytes", len);
		free(value);
	}
}
END_TEST

/* Each length field of a parameter in turn takes every value up to beyond the chunk. Below 4 and beyond the chunk it is
 * malformed; any other value gives another reading, which may be good or not, but must stay inside (ASan watches). */
START_TEST(test_each_parameter_length_may_lie_without_harm) {
	static const size_t fields[] = {22, 26, 38, 46, 58};
	for (size_t k = 0; k < COUNT_OF(fields); k++) {
		for (unsigned length = 0; length <= 300; length++) {
			uint8_t *bytes = exact_copy(init_ack_bytes, 4 + 61);
			put_be16(bytes + fields[k], (uint16_t)length);
			struct wire_chunk c = chunk_of(bytes, 4 + 61);
			struct wire_init i;
			int result = wire_init_read(&c, &i);
			if (length < 4 || fields[k] - 2 + length > 65)
				ck_assert_int_eq(result, WIRE_MALFORMED);
			free(bytes);
		}
	}
}
END_TEST

/* A parameter of fixed size shows a wrong length. After a list that lost a byte, the next parameter begins in the padding, which
 * shows too. Only a list that takes a byte of its own padding looks like one that had that byte. */
START_TEST(test_a_parameter_length_off_by_one_is_seen_wherever_it_can_be) {
	static const struct {
		const char *name;
		size_t field;
		int delta, result;
	} lies[] = {
		{"FORWARD-TSN", 22, -1, WIRE_MALFORMED},          {"FORWARD-TSN", 22, +1, WIRE_MALFORMED},
		{"Supported Extensions", 26, -1, WIRE_MALFORMED}, {"Supported Extensions", 26, +1, 0},
		{"Zero Checksum", 38, -1, WIRE_MALFORMED},        {"Zero Checksum", 38, +1, WIRE_MALFORMED},
		{"State Cookie", 46, -1, WIRE_MALFORMED},         {"State Cookie", 46, +1, 0},
		{"Unrecognized", 58, -1, WIRE_MALFORMED}, /* a byte is left that is no parameter */
		{"Unrecognized", 58, +1, WIRE_MALFORMED}, /* beyond the chunk */
	};
	for (size_t k = 0; k < COUNT_OF(lies); k++) {
		uint8_t *bytes = exact_copy(init_ack_bytes, 4 + 61);
		put_be16(bytes + lies[k].field, (uint16_t)(get_be16(bytes + lies[k].field) + lies[k].delta));
		struct wire_chunk c = chunk_of(bytes, 4 + 61);
		struct wire_init i;
		ck_assert_msg(wire_init_read(&c, &i) == lies[k].result, "%s %+d", lies[k].name, lies[k].delta);
		free(bytes);
	}
}
END_TEST

START_TEST(test_an_init_ack_without_room_fails_at_every_length) {
	struct wire_init i = init_ack_struct();
	for (size_t room = 0; room < sizeof init_ack_bytes; room++) {
		uint8_t *buffer = malloc(room ? room : 1);
		struct writer w = writer_of(buffer, room);
		wire_init_write(&w, WIRE_INIT_ACK, &i);
		ck_assert(w.failed);
		free(buffer);
	}
}
END_TEST

SUITE("wire init", test_init_is_read, test_init_is_written, test_init_ack_is_written, test_init_ack_is_read,
      test_a_bare_init_is_twenty_bytes, test_an_init_has_a_cookie_preservative_but_no_cookie_and_no_reports,
      test_known_parameters_of_fixed_size_are_malformed_at_any_other, test_address_types_are_whole_numbers_of_two_bytes,
      test_known_parameters_of_any_size_are_not_reported, test_each_extension_sets_its_flag_and_no_other,
      test_the_forward_tsn_parameter_alone_is_enough, test_an_unknown_error_detection_method_is_passed_on,
      test_a_cookie_preservative_is_read, test_the_high_bits_of_an_unknown_parameter_decide_what_happens,
      test_a_reported_parameter_is_whole_and_without_its_padding, test_reports_end_at_their_bound_and_the_reading_goes_on,
      test_nothing_behind_a_parameter_that_stops_is_looked_at, test_an_init_shorter_than_its_fixed_part_is_malformed,
      test_an_init_ack_cut_at_each_byte_is_malformed_but_between_parameters, test_each_parameter_length_may_lie_without_harm,
      test_a_parameter_length_off_by_one_is_seen_wherever_it_can_be, test_an_init_ack_without_room_fails_at_every_length)
