/* Are the six parameters of RE-CONFIG read and written as RFC 6525, 4, draws them? */
#include "wire_kit.h"

static const uint8_t stream_ids[] = {0x00, 0x01, 0x00, 0x02, 0x03, 0xff};

struct vector {
	const char *name;
	uint8_t bytes[40];
	size_t size; /* with the padding behind it */
	struct wire_reconfig r;
	struct lengths good; /* of the parameter's value */
};

static const struct vector vectors[] = {
	{
		"Outgoing SSN Reset Request of three streams (4.1)",
		{0x82, 0x00, 0x00, 0x1a, 0x00, 0x0d, 0x00, 0x16, 0x00, 0x00, 0x00, 0x0a, 0x00, 0x00,
                 0x00, 0x0b, 0x00, 0x00, 0x00, 0x0c, 0x00, 0x01, 0x00, 0x02, 0x03, 0xff, 0x00, 0x00},
		28,
		{.type = 13, .request_seq = 10, .response_seq = 11, .last_tsn = 12, .stream_count = 3, .streams = stream_ids},
		{12, 2},
	},
	{
		"Outgoing SSN Reset Request of all streams",
		{0x82, 0x00, 0x00, 0x14, 0x00, 0x0d, 0x00, 0x10, 0xff, 0xff,
                 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01},
		20,
		{.type = 13, .request_seq = 0xffffffff, .response_seq = 0x80000000, .last_tsn = 1},
		{12, 2},
	},
	{
		"Incoming SSN Reset Request of one stream (4.2)",
		{0x82, 0x00, 0x00, 0x0e, 0x00, 0x0e, 0x00, 0x0a, 0x01, 0x02, 0x03, 0x04, 0x00, 0x01, 0x00, 0x00},
		16,
		{.type = 14, .request_seq = 0x01020304, .stream_count = 1, .streams = stream_ids},
		{4, 2},
	},
	{
		"SSN/TSN Reset Request (4.3)",
		{0x82, 0x00, 0x00, 0x0c, 0x00, 0x0f, 0x00, 0x08, 0x01, 0x02, 0x03, 0x04},
		12,
		{.type = 15, .request_seq = 0x01020304},
		{0, 0},
	},
	{
		"Re-configuration Response, In progress (4.4)",
		{0x82, 0x00, 0x00, 0x10, 0x00, 0x10, 0x00, 0x0c, 0x00, 0x00, 0x00, 0x63, 0x00, 0x00, 0x00, 0x06},
		16,
		{.type = 16, .response_seq = 99, .result = WIRE_RESULT_IN_PROGRESS},
		{8, 8}, /* with both TSNs or without; the table goes no further */
	},
	{
		"Re-configuration Response to a TSN reset",
		{0x82, 0x00, 0x00, 0x18, 0x00, 0x10, 0x00, 0x14, 0x00, 0x00, 0x00, 0x63,
                 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x01, 0x00, 0x00, 0x02, 0x00, 0x00},
		24,
		{.type = 16,
                 .response_seq = 99,
                 .result = WIRE_RESULT_PERFORMED,
                 .has_tsns = true,
                 .sender_next_tsn = 256,
                 .receiver_next_tsn = 131072},
		{8, 8},
	},
	{
		"Add Outgoing Streams Request (4.5)",
		{0x82, 0x00, 0x00, 0x10, 0x00, 0x11, 0x00, 0x0c, 0x00, 0x00, 0x00, 0x07, 0x04, 0x00, 0x00, 0x00},
		16,
		{.type = 17, .request_seq = 7, .new_streams = 1024},
		{0, 0},
	},
	{
		"Add Incoming Streams Request (4.6)",
		{0x82, 0x00, 0x00, 0x10, 0x00, 0x12, 0x00, 0x0c, 0x00, 0x00, 0x00, 0x07, 0xff, 0xff, 0x00, 0x00},
		16,
		{.type = 18, .request_seq = 7, .new_streams = 65535},
		{0, 0},
	},
};

/* The only parameter in a chunk. */
static struct wire_param param_of(const uint8_t *bytes, size_t size) {
	struct wire_chunk c = chunk_of(bytes, size);
	struct reader r = reader_of(c.value, c.len);
	struct wire_param p, none;
	ck_assert_uint_eq(c.type, WIRE_RE_CONFIG);
	ck_assert_int_eq(wire_param_next(&r, &p), 1);
	ck_assert_int_eq(wire_param_next(&r, &none), 0);
	return p;
}

static void ck_assert_same(const char *name, const struct wire_reconfig *a, const struct wire_reconfig *b) {
	ck_assert_msg(a->type == b->type, "%s", name);
	ck_assert_msg(a->request_seq == b->request_seq, "%s", name);
	ck_assert_msg(a->response_seq == b->response_seq, "%s", name);
	ck_assert_msg(a->last_tsn == b->last_tsn, "%s", name);
	ck_assert_msg(a->result == b->result, "%s", name);
	ck_assert_msg(a->has_tsns == b->has_tsns, "%s", name);
	ck_assert_msg(a->sender_next_tsn == b->sender_next_tsn, "%s", name);
	ck_assert_msg(a->receiver_next_tsn == b->receiver_next_tsn, "%s", name);
	ck_assert_msg(a->new_streams == b->new_streams, "%s", name);
	ck_assert_msg(a->stream_count == b->stream_count, "%s", name);
	for (size_t i = 0; i < a->stream_count; i++)
		ck_assert_msg(wire_reconfig_stream(a, i) == wire_reconfig_stream(b, i), "%s", name);
}

START_TEST(test_each_parameter_is_read) {
	for (size_t k = 0; k < COUNT_OF(vectors); k++) {
		struct wire_param p = param_of(vectors[k].bytes, vectors[k].size);
		struct wire_reconfig r;
		ck_assert_int_eq(wire_reconfig_read(&p, &r), 0);
		ck_assert_same(vectors[k].name, &r, &vectors[k].r);
	}
}
END_TEST

START_TEST(test_each_parameter_is_written) {
	for (size_t k = 0; k < COUNT_OF(vectors); k++) {
		uint8_t buffer[64];
		struct writer w = dirty_writer(buffer);
		uint8_t *begin = wire_chunk_begin(&w, WIRE_RE_CONFIG, 0);
		wire_reconfig_write(&w, &vectors[k].r);
		wire_chunk_end(&w, begin);
		ck_assert(!w.failed);
		ck_assert_msg(writer_len(&w) == vectors[k].size, "%s", vectors[k].name);
		ck_assert_msg(memcmp(buffer, vectors[k].bytes, vectors[k].size) == 0, "%s", vectors[k].name);
	}
}
END_TEST

START_TEST(test_stream_numbers_are_read_one_by_one) {
	struct wire_param p = param_of(vectors[0].bytes, vectors[0].size);
	struct wire_reconfig r;
	ck_assert_int_eq(wire_reconfig_read(&p, &r), 0);
	ck_assert_uint_eq(wire_reconfig_stream(&r, 0), 1);
	ck_assert_uint_eq(wire_reconfig_stream(&r, 1), 2);
	ck_assert_uint_eq(wire_reconfig_stream(&r, 2), 1023);
}
END_TEST

/* Values of every length from nothing to twenty bytes, which is more than any that is not a list has. */
START_TEST(test_each_parameter_is_taken_only_at_the_lengths_that_the_rfc_allows) {
	for (size_t k = 0; k < COUNT_OF(vectors); k++) {
		struct wire_param whole = param_of(vectors[k].bytes, vectors[k].size);
		for (uint16_t len = 0; len <= 20; len++) {
			uint8_t padded[32] = {0};
			memcpy(padded, whole.value, whole.len);
			uint8_t *value = exact_copy(padded, len);
			struct wire_param p = {.type = whole.type, .value = value, .len = len};
			struct wire_reconfig r;
			int expected = length_is_good(&vectors[k].good, len, whole.len) ? 0 : WIRE_MALFORMED;
			ck_assert_msg(wire_reconfig_read(&p, &r) == expected, "%s with %u bytes", vectors[k].name, len);
			free(value);
		}
	}
}
END_TEST

START_TEST(test_a_response_longer_than_both_tsns_is_malformed) {
	uint8_t value[24] = {0};
	struct wire_param p = {.type = WIRE_PARAM_RECONFIG_RESPONSE, .value = value, .len = 24};
	struct wire_reconfig r;
	ck_assert_int_eq(wire_reconfig_read(&p, &r), WIRE_MALFORMED);
}
END_TEST

START_TEST(test_a_parameter_of_another_type_is_malformed) {
	uint8_t value[12] = {0};
	static const uint16_t types[] = {0, 1, 7, 12, 19, 0x800d, 0xffff};
	for (size_t k = 0; k < COUNT_OF(types); k++) {
		struct wire_param p = {.type = types[k], .value = value, .len = sizeof value};
		struct wire_reconfig r;
		ck_assert_int_eq(wire_reconfig_read(&p, &r), WIRE_MALFORMED);
	}
}
END_TEST

/* RFC 6525, 3.1: an outgoing reset and a response go together; only the one in front is padded inside the chunk's length. */
START_TEST(test_two_parameters_share_a_chunk) {
	static const uint8_t expected[] = {
		0x82, 0x00, 0x00, 0x24, /* RE-CONFIG */
		0x00, 0x0d, 0x00, 0x12, 0,    0,    0,    1,    0, 0, 0, 2,
		0,    0,    0,    3,    0x00, 0x01, 0x00, 0x00,             /* reset of stream 1, padding */
		0x00, 0x10, 0x00, 0x0c, 0,    0,    0,    2,    0, 0, 0, 1, /* response: performed */
	};
	uint8_t buffer[64];
	struct writer w = dirty_writer(buffer);
	uint8_t *begin = wire_chunk_begin(&w, WIRE_RE_CONFIG, 0);
	wire_reconfig_write(&w, &(struct wire_reconfig){.type = 13,
	                                                .request_seq = 1,
	                                                .response_seq = 2,
	                                                .last_tsn = 3,
	                                                .stream_count = 1,
	                                                .streams = stream_ids});
	wire_reconfig_write(&w, &(struct wire_reconfig){.type = 16, .response_seq = 2, .result = WIRE_RESULT_PERFORMED});
	wire_chunk_end(&w, begin);
	ck_assert_wrote(&w, expected);

	struct wire_chunk c = chunk_of(expected, sizeof expected);
	struct reader r = reader_of(c.value, c.len);
	struct wire_param p;
	struct wire_reconfig first, second;
	ck_assert_int_eq(wire_param_next(&r, &p), 1);
	ck_assert_int_eq(wire_reconfig_read(&p, &first), 0);
	ck_assert_int_eq(wire_param_next(&r, &p), 1);
	ck_assert_int_eq(wire_reconfig_read(&p, &second), 0);
	ck_assert_int_eq(wire_param_next(&r, &p), 0);
	ck_assert(first.stream_count == 1 && second.result == WIRE_RESULT_PERFORMED);
}
END_TEST

START_TEST(test_a_parameter_without_room_fails_at_every_length) {
	for (size_t k = 0; k < COUNT_OF(vectors); k++) {
		for (size_t room = 0; room < vectors[k].size; room++) {
			uint8_t *buffer = malloc(room ? room : 1);
			struct writer w = writer_of(buffer, room);
			uint8_t *begin = wire_chunk_begin(&w, WIRE_RE_CONFIG, 0);
			wire_reconfig_write(&w, &vectors[k].r);
			wire_chunk_end(&w, begin);
			ck_assert(w.failed);
			free(buffer);
		}
	}
}
END_TEST

SUITE("wire reconfig", test_each_parameter_is_read, test_each_parameter_is_written, test_stream_numbers_are_read_one_by_one,
      test_each_parameter_is_taken_only_at_the_lengths_that_the_rfc_allows, test_a_response_longer_than_both_tsns_is_malformed,
      test_a_parameter_of_another_type_is_malformed, test_two_parameters_share_a_chunk,
      test_a_parameter_without_room_fails_at_every_length)
