/* Are RTP packets read and written as RFC 3550 says, and what is refused? */
#include "rtp/packet.h"

#include "base/serial.h"
#include "sluice/error.h"
#include "suite.h"

/* Two CSRCs, an extension of one word, a payload of three bytes and four of padding. */
static uint8_t full[] = {
	0xB2, 0xE0, 0x12, 0x34, 0x00, 0x01, 0x02, 0x03, 0xCA, 0xFE, 0xBA, 0xBE, /* header: P, X, CC 2, M, PT 96 */
	0x00, 0x00, 0x00, 0x01, 0xFF, 0xFF, 0xFF, 0xFE,                         /* CSRCs */
	0xBE, 0xDE, 0x00, 0x01, 0x10, 0xAA, 0x00, 0x00,                         /* extension */
	0x07, 0x08, 0x09, 0x00, 0x00, 0x00, 0x04,                               /* payload, padding */
};

static int parse(uint8_t *data, size_t len, struct rtp_packet *p) {
	memset(p, 0xA5, sizeof *p);
	return rtp_packet_parse(data, len, p);
}

/* The bytes lie in a block of just their length, so that a sanitizer sees each read beyond it. */
static int parse_copy(const uint8_t *data, size_t len, struct rtp_packet *p) {
	uint8_t *copy = malloc(len ? len : 1);
	memcpy(copy, data, len);
	int result = parse(copy, len, p);
	free(copy);
	return result;
}

START_TEST(test_every_field_is_read) {
	struct rtp_packet p;
	ck_assert_int_eq(parse(full, sizeof full, &p), 0);
	ck_assert_uint_eq(p.payload_type, 96);
	ck_assert(p.marker);
	ck_assert_uint_eq(p.sequence, 0x1234);
	ck_assert_uint_eq(p.timestamp, 0x00010203);
	ck_assert_uint_eq(p.ssrc, 0xCAFEBABE);
	ck_assert_uint_eq(p.csrc_count, 2);
	ck_assert_uint_eq(rtp_packet_csrc(&p, 0), 1);
	ck_assert_uint_eq(rtp_packet_csrc(&p, 1), 0xFFFFFFFE);
	ck_assert_uint_eq(p.extension_profile, 0xBEDE);
	ck_assert_uint_eq(p.extension_len, 4);
	ck_assert_ptr_eq(p.extension, full + 24);
	ck_assert_uint_eq(p.header_len, 28);
	ck_assert_ptr_eq(p.payload, full + 28);
	ck_assert_uint_eq(p.payload_len, 3);
	ck_assert_uint_eq(p.padding, 4);
}
END_TEST

START_TEST(test_the_bare_header_is_a_packet_with_an_empty_payload) {
	uint8_t data[RTP_HEADER] = {0x80, 111, 0, 1};
	struct rtp_packet p;
	ck_assert_int_eq(parse(data, sizeof data, &p), 0);
	ck_assert_uint_eq(p.payload_len, 0);
	ck_assert_uint_eq(p.padding, 0);
	ck_assert_uint_eq(p.header_len, RTP_HEADER);
	ck_assert_ptr_null(p.extension);
	ck_assert_uint_eq(p.extension_len, 0);
	ck_assert(!p.marker);
	ck_assert_uint_eq(p.payload_type, 111);
}
END_TEST

START_TEST(test_every_cut_before_the_payload_is_refused) {
	struct rtp_packet p;
	uint8_t data[sizeof full];
	memcpy(data, full, sizeof data);
	data[0] &= (uint8_t)~0x20;
	for (size_t len = 0; len < 28; len++)
		ck_assert_int_eq(parse_copy(data, len, &p), SLUICE_MALFORMED);
	ck_assert_int_eq(parse_copy(data, 28, &p), 0);
}
END_TEST

START_TEST(test_other_versions_are_refused) {
	struct rtp_packet p;
	uint8_t data[sizeof full];
	for (unsigned version = 0; version < 4; version++) {
		memcpy(data, full, sizeof data);
		data[0] = (uint8_t)((data[0] & 0x3F) | version << 6);
		ck_assert_int_eq(parse(data, sizeof data, &p), version == 2 ? 0 : SLUICE_MALFORMED);
	}
}
END_TEST

START_TEST(test_fifteen_csrcs_must_be_there) {
	struct rtp_packet p;
	uint8_t data[RTP_HEADER + 60] = {0x8F, 96};
	data[RTP_HEADER + 59] = 7;
	ck_assert_int_eq(parse_copy(data, sizeof data - 1, &p), SLUICE_MALFORMED);
	ck_assert_int_eq(parse(data, sizeof data, &p), 0);
	ck_assert_uint_eq(p.csrc_count, RTP_MAX_CSRCS);
	ck_assert_uint_eq(rtp_packet_csrc(&p, 14), 7);
	ck_assert_uint_eq(p.payload_len, 0);
}
END_TEST

START_TEST(test_an_extension_past_the_end_is_refused) {
	struct rtp_packet p;
	uint8_t data[RTP_HEADER + 8] = {0x90, 96};
	memcpy(data + RTP_HEADER, "\xBE\xDE\x00\x02", 4);
	ck_assert_int_eq(parse_copy(data, sizeof data, &p), SLUICE_MALFORMED);
	memcpy(data + RTP_HEADER, "\xBE\xDE\xFF\xFF", 4);
	ck_assert_int_eq(parse_copy(data, sizeof data, &p), SLUICE_MALFORMED);
	memcpy(data + RTP_HEADER, "\xBE\xDE\x00\x01", 4);
	ck_assert_int_eq(parse(data, sizeof data, &p), 0);
	ck_assert_uint_eq(p.extension_len, 4);
}
END_TEST

/* RFC 3550, 5.3.1: "therefore zero is a valid length". */
START_TEST(test_an_empty_extension_is_there) {
	struct rtp_packet p;
	uint8_t data[RTP_HEADER + 4] = {0x90, 96};
	ck_assert_int_eq(parse(data, sizeof data, &p), 0);
	ck_assert_ptr_nonnull(p.extension);
	ck_assert_uint_eq(p.extension_len, 0);
	ck_assert_uint_eq(p.header_len, RTP_HEADER + 4);
}
END_TEST

START_TEST(test_padding_fills_the_packet_but_not_more) {
	struct rtp_packet p;
	uint8_t data[RTP_HEADER + 4] = {0xA0, 96};
	static const struct {
		uint8_t count;
		int result;
	} cases[] = {{0, SLUICE_MALFORMED},  {1, 0}, {4, 0}, {5, SLUICE_MALFORMED}, {16, SLUICE_MALFORMED},
	             {255, SLUICE_MALFORMED}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		data[sizeof data - 1] = cases[i].count;
		ck_assert_int_eq(parse(data, sizeof data, &p), cases[i].result);
		if (cases[i].result == 0)
			ck_assert_uint_eq(p.payload_len, 4u - cases[i].count);
	}
	/* The P bit, and no byte behind the header that could be a count. */
	ck_assert_int_eq(parse_copy(data, RTP_HEADER, &p), SLUICE_MALFORMED);
}
END_TEST

START_TEST(test_what_was_read_is_written_alike) {
	struct rtp_packet p;
	uint8_t out[sizeof full + 8];
	ck_assert_int_eq(parse(full, sizeof full, &p), 0);
	ck_assert_uint_eq(rtp_packet_header_size(&p), p.header_len);
	ck_assert_int_eq(rtp_packet_write(&p, out, sizeof out), sizeof full);
	ck_assert_mem_eq(out, full, sizeof full);
	memset(out, 0, sizeof out);
	ck_assert_int_eq(rtp_packet_write_header(&p, out, sizeof out), 28);
	ck_assert_mem_eq(out, full, 28);
	ck_assert_uint_eq(out[28], 0);
}
END_TEST

START_TEST(test_a_buffer_that_is_too_small_is_left_alone) {
	struct rtp_packet p;
	uint8_t out[sizeof full];
	ck_assert_int_eq(parse(full, sizeof full, &p), 0);
	for (size_t size = 0; size < sizeof full; size++) {
		memset(out, 0x55, sizeof out);
		ck_assert_int_eq(rtp_packet_write(&p, out, size), SLUICE_NO_SPACE);
		ck_assert_int_eq(rtp_packet_write_header(&p, out, size), size < 28 ? SLUICE_NO_SPACE : 28);
		ck_assert_uint_eq(out[size], 0x55);
	}
	ck_assert_int_eq(rtp_packet_write(&p, out, sizeof full), sizeof full);
}
END_TEST

START_TEST(test_the_second_byte_tells_rtcp) {
	uint8_t data[] = {0x80, 0};
	for (unsigned byte = 0; byte < 256; byte++) {
		data[1] = (uint8_t)byte;
		ck_assert_int_eq(rtp_packet_is_rtcp(data, 2), byte >= 192 && byte <= 223);
		ck_assert(!rtp_packet_is_rtcp(data, 1));
	}
}
END_TEST

/* A stream's numbers, unwrapped over the edge of 16 and 32 bits, forwards and back. */
START_TEST(test_numbers_are_unwrapped_around_their_edges) {
	uint64_t sequence = SERIAL_ORIGIN + 0xFFFE, stamp = SERIAL_ORIGIN + 0xFFFFFF00;
	ck_assert_uint_eq(serial_unwrap16(0x0001, sequence), sequence + 3);
	ck_assert_uint_eq(serial_unwrap16(0xFFFE, sequence + 3), sequence);
	ck_assert_uint_eq(serial_unwrap16(0x7FFD, sequence), sequence + 0x7FFF);
	ck_assert_uint_eq(serial_unwrap16(0x7FFE, sequence), sequence - 0x8000);
	ck_assert_uint_eq(serial_unwrap(0x00000010, stamp), stamp + 0x110);
	ck_assert_uint_eq(serial_unwrap(0xFFFFFF00, stamp + 0x110), stamp);
	uint64_t ticks = SERIAL_ORIGIN + 0xFFFFFF;
	ck_assert_uint_eq(serial_unwrap24(0x000001, ticks), ticks + 2);
	ck_assert_uint_eq(serial_unwrap24(0xFFFFFF, ticks + 2), ticks);
	ck_assert_uint_eq(serial_unwrap24(0xAB000001, ticks), ticks + 2);
}
END_TEST

SUITE("rtp_packet", test_every_field_is_read, test_the_bare_header_is_a_packet_with_an_empty_payload,
      test_every_cut_before_the_payload_is_refused, test_other_versions_are_refused, test_fifteen_csrcs_must_be_there,
      test_an_extension_past_the_end_is_refused, test_an_empty_extension_is_there, test_padding_fills_the_packet_but_not_more,
      test_what_was_read_is_written_alike, test_a_buffer_that_is_too_small_is_left_alone, test_the_second_byte_tells_rtcp,
      test_numbers_are_unwrapped_around_their_edges)
