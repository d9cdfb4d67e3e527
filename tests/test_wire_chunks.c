/* Is each chunk but INIT and RE-CONFIG read from, and written as, exactly the bytes that its RFC draws? */
#include "wire_kit.h"

/* RFC 9260, 3.3.1: flags I, B and E; TSN, stream, SSN, PPID, seven bytes of text and one of padding. */
static const uint8_t data_bytes[] = {
	0x00, 0x0b, 0x00, 0x17, 0x01, 0x02, 0x03, 0x04, 0x00, 0x07, 0x00, 0x09,
	0x00, 0x00, 0x00, 0x33, 's',  'l',  'u',  'i',  'c',  'e',  '!',  0x00,
};

START_TEST(test_data_is_read) {
	struct wire_chunk c = chunk_of(data_bytes, sizeof data_bytes);
	struct wire_data d;
	ck_assert_int_eq(wire_data_read(&c, &d), 0);
	ck_assert_uint_eq(d.flags, WIRE_DATA_I | WIRE_DATA_B | WIRE_DATA_E);
	ck_assert_uint_eq(d.tsn, 0x01020304);
	ck_assert_uint_eq(d.stream, 7);
	ck_assert_uint_eq(d.ssn, 9);
	ck_assert_uint_eq(d.ppid, 51);
	ck_assert_uint_eq(d.len, 7);
	ck_assert_ptr_eq(d.payload, data_bytes + WIRE_DATA_HEADER);
	ck_assert_uint_eq(d.mid, 0);
	ck_assert_uint_eq(d.fsn, 0);
}
END_TEST

static const struct wire_data data_struct = {
	.flags = WIRE_DATA_I | WIRE_DATA_B | WIRE_DATA_E,
	.tsn = 0x01020304,
	.stream = 7,
	.ssn = 9,
	.ppid = 51,
	.payload = (const uint8_t *)"sluice!",
	.len = 7,
};

START_TEST(test_data_is_written) {
	uint8_t buffer[64];
	struct writer w = dirty_writer(buffer);
	wire_data_write(&w, &data_struct);
	ck_assert_wrote(&w, data_bytes);
}
END_TEST

START_TEST(test_the_header_of_data_alone_is_the_same_sixteen_bytes) {
	uint8_t header[WIRE_DATA_HEADER];
	wire_data_header_put(header, &data_struct);
	ck_assert_mem_eq(header, data_bytes, sizeof header);
}
END_TEST

START_TEST(test_data_without_payload_is_read_as_length_zero) {
	static const uint8_t bytes[] = {0x00, 0x03, 0x00, 0x10, 0, 0, 0, 1, 0, 2, 0, 3, 0, 0, 0, 4};
	struct wire_chunk c = chunk_of(bytes, sizeof bytes);
	struct wire_data d;
	ck_assert_int_eq(wire_data_read(&c, &d), 0);
	ck_assert_uint_eq(d.len, 0);
	ck_assert_uint_eq(d.tsn, 1);
}
END_TEST

/* RFC 8260, 2.1: U and B; TSN, stream, reserved, MID, PPID. */
static const uint8_t i_data_first_bytes[] = {
	0x40, 0x06, 0x00, 0x15, 0x80, 0x00, 0x00, 0x01, 0x03, 0xff, 0x00, 0x00,
	0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x35, 0xaa, 0x00, 0x00, 0x00,
};
/* The same message's last fragment (E), where the FSN stands in the PPID's place. */
static const uint8_t i_data_last_bytes[] = {
	0x40, 0x05, 0x00, 0x16, 0x80, 0x00, 0x00, 0x02, 0x03, 0xff, 0x00, 0x00,
	0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0xbb, 0xcc, 0x00, 0x00,
};

START_TEST(test_the_first_fragment_of_i_data_has_a_ppid_and_fsn_zero) {
	struct wire_chunk c = chunk_of(i_data_first_bytes, sizeof i_data_first_bytes);
	struct wire_data d;
	ck_assert_int_eq(wire_i_data_read(&c, &d), 0);
	ck_assert_uint_eq(d.flags, WIRE_DATA_U | WIRE_DATA_B);
	ck_assert_uint_eq(d.tsn, 0x80000001);
	ck_assert_uint_eq(d.stream, 1023);
	ck_assert_uint_eq(d.mid, 65536);
	ck_assert_uint_eq(d.ppid, 53);
	ck_assert_uint_eq(d.fsn, 0);
	ck_assert_uint_eq(d.len, 1);
	ck_assert_uint_eq(d.payload[0], 0xaa);
}
END_TEST

START_TEST(test_a_later_fragment_of_i_data_has_an_fsn_and_no_ppid) {
	struct wire_chunk c = chunk_of(i_data_last_bytes, sizeof i_data_last_bytes);
	struct wire_data d;
	ck_assert_int_eq(wire_i_data_read(&c, &d), 0);
	ck_assert_uint_eq(d.flags, WIRE_DATA_U | WIRE_DATA_E);
	ck_assert_uint_eq(d.fsn, 1);
	ck_assert_uint_eq(d.ppid, 0);
	ck_assert_uint_eq(d.len, 2);
}
END_TEST

START_TEST(test_i_data_is_written) {
	uint8_t buffer[64];
	struct writer w = dirty_writer(buffer);
	struct wire_data d = {
		.flags = WIRE_DATA_U | WIRE_DATA_B,
		.tsn = 0x80000001,
		.stream = 1023,
		.mid = 65536,
		.ppid = 53,
		.payload = (const uint8_t *)"\xaa",
		.len = 1,
	};
	wire_i_data_write(&w, &d);
	ck_assert_wrote(&w, i_data_first_bytes);

	w = dirty_writer(buffer);
	d.flags = WIRE_DATA_U | WIRE_DATA_E;
	d.tsn++;
	d.fsn = 1;
	d.payload = (const uint8_t *)"\xbb\xcc";
	d.len = 2;
	wire_i_data_write(&w, &d);
	ck_assert_wrote(&w, i_data_last_bytes);
}
END_TEST

/* RFC 9260, 3.3.4: two gap blocks and three duplicates. */
static const uint8_t sack_bytes[] = {
	0x03, 0x00, 0x00, 0x24, 0xff, 0xff, 0xff, 0xfe, 0x00, 0x10, 0x00, 0x00, 0x00, 0x02, 0x00, 0x03, /* cum, a_rwnd, counts */
	0x00, 0x02, 0x00, 0x03, 0x00, 0x05, 0xff, 0xff,                                                 /* gaps */
	0x00, 0x00, 0x00, 0x01, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x02,                         /* duplicates */
};

START_TEST(test_sack_is_read) {
	struct wire_chunk c = chunk_of(sack_bytes, sizeof sack_bytes);
	struct wire_sack s;
	uint16_t start, end;
	ck_assert_int_eq(wire_sack_read(&c, &s), 0);
	ck_assert_uint_eq(s.cum_tsn, 0xfffffffe);
	ck_assert_uint_eq(s.a_rwnd, 1048576);
	ck_assert_uint_eq(s.gap_count, 2);
	ck_assert_uint_eq(s.duplicate_count, 3);
	wire_sack_gap(&s, 0, &start, &end);
	ck_assert(start == 2 && end == 3);
	wire_sack_gap(&s, 1, &start, &end);
	ck_assert(start == 5 && end == 65535);
	ck_assert_uint_eq(wire_sack_duplicate(&s, 0), 1);
	ck_assert_uint_eq(wire_sack_duplicate(&s, 1), 0xffffffff);
	ck_assert_uint_eq(wire_sack_duplicate(&s, 2), 2);
}
END_TEST

START_TEST(test_sack_is_written) {
	uint8_t buffer[64];
	struct writer w = dirty_writer(buffer);
	wire_sack_write(&w, &(struct wire_sack){
				    .cum_tsn = 0xfffffffe,
				    .a_rwnd = 1048576,
				    .gap_count = 2,
				    .duplicate_count = 3,
				    .gaps = sack_bytes + 16,
				    .duplicates = sack_bytes + 24,
			    });
	ck_assert_wrote(&w, sack_bytes);
}
END_TEST

START_TEST(test_a_sack_without_blocks_is_sixteen_bytes) {
	static const uint8_t expected[] = {3, 0, 0, 16, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0};
	uint8_t buffer[64];
	struct writer w = dirty_writer(buffer);
	wire_sack_write(&w, &(struct wire_sack){.cum_tsn = 7});
	ck_assert_wrote(&w, expected);
	struct wire_chunk c = chunk_of(expected, sizeof expected);
	struct wire_sack s;
	ck_assert_int_eq(wire_sack_read(&c, &s), 0);
	ck_assert(s.gap_count == 0 && s.duplicate_count == 0);
}
END_TEST

/* Both counts, each alone off by one in both directions, and as large as they go. */
START_TEST(test_a_sack_whose_counts_do_not_fit_its_length_is_malformed) {
	static const struct {
		uint16_t gaps, duplicates;
		int result;
	} counts[] = {
		{2, 3, 0},
		{1, 3, WIRE_MALFORMED},
		{3, 3, WIRE_MALFORMED},
		{2, 2, WIRE_MALFORMED},
		{2, 4, WIRE_MALFORMED},
		{3, 2, 0}, /* the same sum: another reading of the same bytes, and a valid one */
		{0, 0, WIRE_MALFORMED},
		{65535, 3, WIRE_MALFORMED},
		{2, 65535, WIRE_MALFORMED},
		{65535, 65535, WIRE_MALFORMED},
	};
	for (size_t i = 0; i < COUNT_OF(counts); i++) {
		uint8_t *bytes = exact_copy(sack_bytes, sizeof sack_bytes);
		put_be16(bytes + 12, counts[i].gaps);
		put_be16(bytes + 14, counts[i].duplicates);
		struct wire_chunk c = chunk_of(bytes, sizeof sack_bytes);
		struct wire_sack s;
		ck_assert_int_eq(wire_sack_read(&c, &s), counts[i].result);
		free(bytes);
	}
}
END_TEST

/* RFC 3758, 3.2: two streams and their last SSNs. */
static const uint8_t forward_bytes[] = {
	0xc0, 0x00, 0x00, 0x10, 0x00, 0x00, 0x01, 0x00, 0x00, 0x01, 0x00, 0x0a, 0xff, 0xfe, 0xff, 0xff,
};
/* RFC 8260, 2.3.1: stream 1 ordered up to MID 10, stream 2 unordered up to MID 0xffffffff. */
static const uint8_t i_forward_bytes[] = {
	0xc2, 0x00, 0x00, 0x18, 0x00, 0x00, 0x01, 0x00, 0x00, 0x01, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x0a, 0x00, 0x02, 0x00, 0x01, 0xff, 0xff, 0xff, 0xff,
};

START_TEST(test_forward_tsn_is_read_and_written) {
	struct wire_chunk c = chunk_of(forward_bytes, sizeof forward_bytes);
	struct wire_forward f;
	uint16_t stream, ssn;
	ck_assert_int_eq(wire_forward_read(&c, &f), 0);
	ck_assert_uint_eq(f.cum_tsn, 256);
	ck_assert_uint_eq(f.count, 2);
	wire_forward_stream(&f, 0, &stream, &ssn);
	ck_assert(stream == 1 && ssn == 10);
	wire_forward_stream(&f, 1, &stream, &ssn);
	ck_assert(stream == 65534 && ssn == 65535);

	uint8_t buffer[64];
	struct writer w = dirty_writer(buffer);
	wire_forward_write(&w, &(struct wire_forward){.cum_tsn = 256, .count = 2, .streams = forward_bytes + 8});
	ck_assert_wrote(&w, forward_bytes);
}
END_TEST

START_TEST(test_i_forward_tsn_is_read_and_written) {
	struct wire_chunk c = chunk_of(i_forward_bytes, sizeof i_forward_bytes);
	struct wire_forward f;
	uint16_t stream;
	uint32_t mid;
	bool unordered;
	ck_assert_int_eq(wire_i_forward_read(&c, &f), 0);
	ck_assert_uint_eq(f.cum_tsn, 256);
	ck_assert_uint_eq(f.count, 2);
	wire_i_forward_stream(&f, 0, &stream, &unordered, &mid);
	ck_assert(stream == 1 && !unordered && mid == 10);
	wire_i_forward_stream(&f, 1, &stream, &unordered, &mid);
	ck_assert(stream == 2 && unordered && mid == 0xffffffff);

	uint8_t buffer[64];
	struct writer w = dirty_writer(buffer);
	wire_i_forward_write(&w, &(struct wire_forward){.cum_tsn = 256, .count = 2, .streams = i_forward_bytes + 8});
	ck_assert_wrote(&w, i_forward_bytes);
}
END_TEST

START_TEST(test_a_forward_tsn_without_streams_is_eight_bytes) {
	static const uint8_t expected[] = {0xc0, 0, 0, 8, 0, 0, 0, 9, 0xc2, 0, 0, 8, 0, 0, 0, 9};
	uint8_t buffer[64];
	struct writer w = dirty_writer(buffer);
	wire_forward_write(&w, &(struct wire_forward){.cum_tsn = 9});
	wire_i_forward_write(&w, &(struct wire_forward){.cum_tsn = 9});
	ck_assert_wrote(&w, expected);
	struct wire_chunk c = chunk_of(expected, 8);
	struct wire_forward f;
	ck_assert_int_eq(wire_forward_read(&c, &f), 0);
	ck_assert_uint_eq(f.count, 0);
}
END_TEST

static const uint8_t shutdown_bytes[] = {0x07, 0x00, 0x00, 0x08, 0x89, 0xab, 0xcd, 0xef};

START_TEST(test_shutdown_is_read_and_written) {
	struct wire_chunk c = chunk_of(shutdown_bytes, sizeof shutdown_bytes);
	uint32_t cum_tsn;
	ck_assert_int_eq(wire_shutdown_read(&c, &cum_tsn), 0);
	ck_assert_uint_eq(cum_tsn, 0x89abcdef);
	uint8_t buffer[16];
	struct writer w = dirty_writer(buffer);
	wire_shutdown_write(&w, 0x89abcdef);
	ck_assert_wrote(&w, shutdown_bytes);
}
END_TEST

/* RFC 9260, 3.3.5: the chunk's length counts the parameter without its padding, since the parameter is the last one. */
static const uint8_t heartbeat_bytes[] = {0x04, 0x00, 0x00, 0x0d, 0x00, 0x01, 0x00, 0x09, 'p', 'r', 'o', 'b', 'e', 0, 0, 0};

START_TEST(test_heartbeat_is_read_and_written) {
	struct wire_chunk c = chunk_of(heartbeat_bytes, sizeof heartbeat_bytes);
	const uint8_t *info;
	uint16_t len;
	ck_assert_int_eq(wire_heartbeat_read(&c, &info, &len), 0);
	ck_assert_uint_eq(len, 5);
	ck_assert_mem_eq(info, "probe", 5);
	uint8_t buffer[32];
	struct writer w = dirty_writer(buffer);
	wire_heartbeat_write(&w, WIRE_HEARTBEAT, "probe", 5);
	ck_assert_wrote(&w, heartbeat_bytes);
}
END_TEST

START_TEST(test_a_heartbeat_ack_is_the_same_under_another_type) {
	uint8_t expected[sizeof heartbeat_bytes];
	memcpy(expected, heartbeat_bytes, sizeof expected);
	expected[0] = 0x05;
	uint8_t buffer[32];
	struct writer w = dirty_writer(buffer);
	wire_heartbeat_write(&w, WIRE_HEARTBEAT_ACK, "probe", 5);
	ck_assert_wrote(&w, expected);
}
END_TEST

START_TEST(test_a_heartbeat_whose_parameter_is_not_its_info_is_malformed) {
	static const struct {
		uint8_t type, length;
		int result;
	} params[] = {
		{1, 9, 0},
		{1, 8, WIRE_MALFORMED}, /* a byte is left that is no parameter */
		{1, 10, WIRE_MALFORMED},
		{1, 4, WIRE_MALFORMED},
		{1, 3, WIRE_MALFORMED},
		{1, 0, WIRE_MALFORMED},
		{1, 255, WIRE_MALFORMED},
		{2, 9, WIRE_MALFORMED},
	};
	for (size_t i = 0; i < COUNT_OF(params); i++) {
		uint8_t *bytes = exact_copy(heartbeat_bytes, sizeof heartbeat_bytes);
		bytes[5] = params[i].type;
		bytes[7] = params[i].length;
		struct wire_chunk c = chunk_of(bytes, sizeof heartbeat_bytes);
		const uint8_t *info;
		uint16_t len;
		ck_assert_int_eq(wire_heartbeat_read(&c, &info, &len), params[i].result);
		free(bytes);
	}
}
END_TEST

START_TEST(test_pad_has_the_length_that_was_asked_for) {
	for (size_t len = 4; len <= 40; len++) {
		uint8_t buffer[64], expected[64] = {0x84, 0x00, 0x00, (uint8_t)len};
		struct writer w = dirty_writer(buffer);
		wire_pad_write(&w, len);
		ck_assert(!w.failed);
		ck_assert_uint_eq(writer_len(&w), pad4(len));
		ck_assert_mem_eq(buffer, expected, pad4(len));
		ck_assert_uint_eq(buffer[pad4(len)], 0xee);
	}
}
END_TEST

START_TEST(test_pad_shorter_than_its_header_or_longer_than_its_length_field_fails) {
	static uint8_t buffer[80000];
	static const struct {
		size_t len;
		bool failed;
	} pads[] = {{0, true}, {3, true}, {4, false}, {65535, false}, {65536, true}};
	for (size_t i = 0; i < COUNT_OF(pads); i++) {
		struct writer w = writer_of(buffer, sizeof buffer);
		wire_pad_write(&w, pads[i].len);
		ck_assert_int_eq(w.failed, pads[i].failed);
	}
}
END_TEST

/* RFC 9260, 3.3.10: an ABORT with the causes User-Initiated Abort ("bye", padded as it is not the last) and No User Data. */
static const uint8_t abort_bytes[] = {
	0x06, 0x01, 0x00, 0x14, 0x00, 0x0c, 0x00, 0x07, 'b', 'y', 'e', 0x00, 0x00, 0x09, 0x00, 0x08, 0x00, 0x00, 0x00, 0x05,
};

START_TEST(test_causes_are_written_in_the_form_of_parameters) {
	uint8_t buffer[64];
	struct writer w = dirty_writer(buffer);
	uint8_t *begin = wire_chunk_begin(&w, WIRE_ABORT, WIRE_FLAG_T);
	wire_param_write(&w, WIRE_CAUSE_USER_ABORT, "bye", 3);
	wire_param_write(&w, WIRE_CAUSE_NO_USER_DATA, "\0\0\0\5", 4);
	wire_chunk_end(&w, begin);
	ck_assert_wrote(&w, abort_bytes);
}
END_TEST

START_TEST(test_causes_are_walked_in_the_form_of_parameters) {
	struct wire_chunk c = chunk_of(abort_bytes, sizeof abort_bytes);
	ck_assert_uint_eq(c.flags, WIRE_FLAG_T);
	struct reader r = reader_of(c.value, c.len);
	struct wire_param p;
	ck_assert_int_eq(wire_param_next(&r, &p), 1);
	ck_assert_uint_eq(p.type, WIRE_CAUSE_USER_ABORT);
	ck_assert_uint_eq(p.len, 3);
	ck_assert_mem_eq(p.value, "bye", 3);
	ck_assert_ptr_eq(p.raw, abort_bytes + 4);
	ck_assert_uint_eq(p.raw_len, 7);
	ck_assert_int_eq(wire_param_next(&r, &p), 1);
	ck_assert_uint_eq(p.type, WIRE_CAUSE_NO_USER_DATA);
	ck_assert_uint_eq(get_be32(p.value), 5);
	ck_assert_int_eq(wire_param_next(&r, &p), 0);
}
END_TEST

START_TEST(test_every_parameter_length_is_either_in_the_chunk_or_malformed) {
	for (unsigned length = 0; length <= UINT16_MAX; length++) {
		uint8_t bytes[22] = {0x80, 0x05};
		put_be16(bytes + 2, (uint16_t)length);
		uint8_t *value = exact_copy(bytes, sizeof bytes);
		struct reader r = reader_of(value, sizeof bytes);
		struct wire_param p;
		bool good = length >= 4 && length <= sizeof bytes;
		ck_assert_int_eq(wire_param_next(&r, &p), good ? 1 : WIRE_MALFORMED);
		if (good)
			ck_assert_uint_eq(p.len, length - 4);
		free(value);
	}
}
END_TEST

static int read_data(const struct wire_chunk *c) {
	struct wire_data d;
	return wire_data_read(c, &d);
}
static int read_i_data(const struct wire_chunk *c) {
	struct wire_data d;
	return wire_i_data_read(c, &d);
}
static int read_sack(const struct wire_chunk *c) {
	struct wire_sack s;
	return wire_sack_read(c, &s);
}
static int read_forward(const struct wire_chunk *c) {
	struct wire_forward f;
	return wire_forward_read(c, &f);
}
static int read_i_forward(const struct wire_chunk *c) {
	struct wire_forward f;
	return wire_i_forward_read(c, &f);
}
static int read_shutdown(const struct wire_chunk *c) {
	uint32_t cum_tsn;
	return wire_shutdown_read(c, &cum_tsn);
}
static int read_heartbeat(const struct wire_chunk *c) {
	const uint8_t *info;
	uint16_t len;
	return wire_heartbeat_read(c, &info, &len);
}

START_TEST(test_each_chunk_is_taken_only_at_the_lengths_that_its_rfc_allows) {
	static const struct {
		const char *name;
		const uint8_t *bytes;
		size_t size;
		chunk_read_fn read;
		struct lengths good;
	} chunks[] = {
		/* name            bytes               size                       reader          least, step */
		{"DATA", data_bytes, sizeof data_bytes, read_data, {12, 1}},
		{"I-DATA", i_data_first_bytes, sizeof i_data_first_bytes, read_i_data, {16, 1}},
		{"I-DATA", i_data_last_bytes, sizeof i_data_last_bytes, read_i_data, {16, 1}},
		{"SACK", sack_bytes, sizeof sack_bytes, read_sack, {0, 0}},
		{"FORWARD-TSN", forward_bytes, sizeof forward_bytes, read_forward, {4, 4}},
		{"I-FORWARD-TSN", i_forward_bytes, sizeof i_forward_bytes, read_i_forward, {4, 8}},
		{"SHUTDOWN", shutdown_bytes, sizeof shutdown_bytes, read_shutdown, {0, 0}},
	};
	for (size_t i = 0; i < COUNT_OF(chunks); i++)
		read_at_every_length(chunks[i].name, chunks[i].bytes, chunks[i].size, chunks[i].read, &chunks[i].good);
}
END_TEST

/* Its parameter may be followed by the padding that a sender counted, so it has up to three good lengths more. */
START_TEST(test_a_heartbeat_may_count_its_padding_and_nothing_else) {
	uint8_t longer[32] = {0};
	memcpy(longer, heartbeat_bytes + 4, 9);
	for (uint16_t len = 0; len <= 16; len++) {
		uint8_t *value = exact_copy(longer, len);
		struct wire_chunk c = {.type = WIRE_HEARTBEAT, .value = value, .len = len};
		ck_assert_int_eq(read_heartbeat(&c), len >= 9 && len <= 12 ? 0 : WIRE_MALFORMED);
		free(value);
	}
}
END_TEST

static void write_all_chunks(struct writer *w) {
	wire_data_write(w, &data_struct);
	wire_i_data_write(w, &data_struct);
	wire_sack_write(w, &(struct wire_sack){.gap_count = 2, .gaps = sack_bytes + 16});
	wire_forward_write(w, &(struct wire_forward){.count = 2, .streams = forward_bytes + 8});
	wire_i_forward_write(w, &(struct wire_forward){.count = 2, .streams = i_forward_bytes + 8});
	wire_shutdown_write(w, 1);
	wire_heartbeat_write(w, WIRE_HEARTBEAT, "probe", 5);
	wire_pad_write(w, 20);
}

START_TEST(test_a_writer_without_room_fails_at_every_length_and_stays_inside) {
	uint8_t whole[512];
	struct writer w = writer_of(whole, sizeof whole);
	write_all_chunks(&w);
	ck_assert(!w.failed);
	for (size_t room = 0; room < writer_len(&w); room++) {
		uint8_t *buffer = malloc(room ? room : 1);
		struct writer small = writer_of(buffer, room);
		write_all_chunks(&small);
		ck_assert(small.failed);
		ck_assert_uint_le(writer_len(&small), room);
		free(buffer);
	}
}
END_TEST

SUITE("wire chunks", test_data_is_read, test_data_is_written, test_the_header_of_data_alone_is_the_same_sixteen_bytes,
      test_data_without_payload_is_read_as_length_zero, test_the_first_fragment_of_i_data_has_a_ppid_and_fsn_zero,
      test_a_later_fragment_of_i_data_has_an_fsn_and_no_ppid, test_i_data_is_written, test_sack_is_read, test_sack_is_written,
      test_a_sack_without_blocks_is_sixteen_bytes, test_a_sack_whose_counts_do_not_fit_its_length_is_malformed,
      test_forward_tsn_is_read_and_written, test_i_forward_tsn_is_read_and_written,
      test_a_forward_tsn_without_streams_is_eight_bytes, test_shutdown_is_read_and_written, test_heartbeat_is_read_and_written,
      test_a_heartbeat_ack_is_the_same_under_another_type, test_a_heartbeat_whose_parameter_is_not_its_info_is_malformed,
      test_pad_has_the_length_that_was_asked_for, test_pad_shorter_than_its_header_or_longer_than_its_length_field_fails,
      test_causes_are_written_in_the_form_of_parameters, test_causes_are_walked_in_the_form_of_parameters,
      test_every_parameter_length_is_either_in_the_chunk_or_malformed,
      test_each_chunk_is_taken_only_at_the_lengths_that_its_rfc_allows, test_a_heartbeat_may_count_its_padding_and_nothing_else,
      test_a_writer_without_room_fails_at_every_length_and_stays_inside)
