/* Does each RTCP packet say what its RFC says, and what becomes of broken ones? */
#include "rtp/rtcp.h"

#include "suite.h"

/* The bytes lie in a block of just their length, so that a sanitizer sees each read beyond it. */
static uint8_t *block;
static struct rtcp_reader reader;
static struct rtcp_packet p;

static void open_bytes(const void *bytes, size_t len) {
	free(block);
	block = malloc(len ? len : 1);
	memcpy(block, bytes, len);
	reader = rtcp_reader_of(block, len);
	memset(&p, 0xA5, sizeof p);
}
#define OPEN(bytes) open_bytes(bytes, sizeof(bytes) - 1)

/* The datagram is one packet, and a good one. */
#define ONE(kind_wanted, bytes)                                                                                                  \
	do {                                                                                                                     \
		OPEN(bytes);                                                                                                     \
		ck_assert(rtcp_next(&reader, &p));                                                                               \
		ck_assert_int_eq(p.kind, kind_wanted);                                                                           \
	} while (0)

/* The datagram is one packet, and it is passed as a broken one; what follows is found all the same. */
#define BROKEN(bytes)                                                                                                            \
	do {                                                                                                                     \
		OPEN(bytes "\x81\xCE\x00\x02\0\0\0\1\0\0\0\2");                                                                  \
		ck_assert(rtcp_next(&reader, &p));                                                                               \
		ck_assert_int_eq(p.kind, RTCP_PLI);                                                                              \
		ck_assert_uint_eq(reader.malformed, 1);                                                                          \
		ck_assert(!rtcp_next(&reader, &p));                                                                              \
	} while (0)

#define SSRC1 "\0\0\0\1"
#define SSRC2 "\0\0\0\2"
#define REPORT_BLOCK "\0\0\0\x0A\x40\xFF\xFF\xFE\0\1\2\3\0\0\0\x05\xAA\xBB\xCC\xDD\0\1\0\0"
#define SENDER_INFO "\xE0\0\0\1\x80\0\0\0\0\0\x10\0\0\0\0\x07\0\0\x01\0"

START_TEST(test_a_sender_report_has_times_counts_and_blocks) {
	ONE(RTCP_SENDER_REPORT, "\x81\xC8\x00\x0C" SSRC1 SENDER_INFO REPORT_BLOCK);
	ck_assert_uint_eq(p.ssrc, 1);
	ck_assert_uint_eq(p.sender.ntp, UINT64_C(0xE000000180000000));
	ck_assert_uint_eq(p.sender.timestamp, 0x1000);
	ck_assert_uint_eq(p.sender.packets, 7);
	ck_assert_uint_eq(p.sender.octets, 256);
	ck_assert_uint_eq(rtcp_report_count(&p), 1);
	struct rtcp_report_block b = rtcp_report_at(&p, 0);
	ck_assert_uint_eq(b.ssrc, 10);
	ck_assert_uint_eq(b.fraction_lost, 64);
	ck_assert_int_eq(b.lost, -2);
	ck_assert_uint_eq(b.highest, 0x00010203);
	ck_assert_uint_eq(b.jitter, 5);
	ck_assert_uint_eq(b.last_sr, 0xAABBCCDD);
	ck_assert_uint_eq(b.delay_since_sr, 65536);
	ck_assert(!rtcp_next(&reader, &p));
	ck_assert_uint_eq(reader.packets, 1);
	ck_assert_uint_eq(reader.malformed, 0);
}
END_TEST

START_TEST(test_a_receiver_report_may_be_empty_or_have_an_extension) {
	ONE(RTCP_RECEIVER_REPORT, "\x80\xC9\x00\x01" SSRC1);
	ck_assert_uint_eq(rtcp_report_count(&p), 0);
	ONE(RTCP_RECEIVER_REPORT, "\x81\xC9\x00\x08" SSRC1 REPORT_BLOCK "prof");
	ck_assert_uint_eq(rtcp_report_count(&p), 1);
	ck_assert_uint_eq(p.body.len, 4);
}
END_TEST

START_TEST(test_reports_that_are_cut_short_are_broken) {
	BROKEN("\x80\xC9\x00\x00"); /* length 0: no SSRC */
	BROKEN("\x80\xC8\x00\x00");
	BROKEN("\x80\xC8\x00\x01" SSRC1);              /* no sender info */
	BROKEN("\x82\xC9\x00\x07" SSRC1 REPORT_BLOCK); /* two blocks are announced */
	BROKEN("\x81\xC8\x00\x06" SSRC1 SENDER_INFO);
}
END_TEST

START_TEST(test_sdes_gives_the_cname_of_each_chunk) {
	ONE(RTCP_SDES, "\x83\xCA\x00\x09" SSRC1 "\1\3abc\0\0\0" SSRC2 "\2\1x\1\0\0\0\0"
	               "\0\0\0\3"
	               "\3\1y\1\1z\0\0");
	struct rtcp_sdes_iterator it = rtcp_sdes_begin(&p);
	struct rtcp_cname c;
	ck_assert(rtcp_sdes_next(&it, &c));
	ck_assert_uint_eq(c.ssrc, 1);
	ck_assert_uint_eq(c.name.len, 3);
	ck_assert_mem_eq(c.name.data, "abc", 3);
	ck_assert(rtcp_sdes_next(&it, &c));
	ck_assert_uint_eq(c.ssrc, 2);
	ck_assert_uint_eq(c.name.len, 0);
	ck_assert(rtcp_sdes_next(&it, &c));
	ck_assert_uint_eq(c.ssrc, 3);
	ck_assert_mem_eq(c.name.data, "z", 1);
	ck_assert(!rtcp_sdes_next(&it, &c));
}
END_TEST

START_TEST(test_sdes_without_chunks_is_a_packet) {
	ONE(RTCP_SDES, "\x80\xCA\x00\x00"); /* length 0 is right here */
	struct rtcp_sdes_iterator it = rtcp_sdes_begin(&p);
	struct rtcp_cname c;
	ck_assert(!rtcp_sdes_next(&it, &c));
	ck_assert_uint_eq(reader.malformed, 0);
}
END_TEST

START_TEST(test_broken_sdes) {
	BROKEN("\x81\xCA\x00\x00");
	BROKEN("\x81\xCA\x00\x02" SSRC1 "\1\3ab");  /* the name runs over the end */
	BROKEN("\x81\xCA\x00\x02" SSRC1 "\1\2ab");  /* the list does not end */
	BROKEN("\x82\xCA\x00\x02" SSRC1 "\1\1a\0"); /* a second chunk is announced */
	BROKEN("\x81\xCA\x00\x02" SSRC1 "\1\xFF"
	       "ab");
}
END_TEST

START_TEST(test_bye_names_sources_and_may_give_a_reason) {
	ONE(RTCP_BYE, "\x82\xCB\x00\x03" SSRC1 SSRC2 "\3bye");
	ck_assert_uint_eq(rtcp_bye_count(&p), 2);
	ck_assert_uint_eq(rtcp_bye_ssrc(&p, 1), 2);
	ck_assert_uint_eq(p.reason.len, 3);
	ck_assert_mem_eq(p.reason.data, "bye", 3);
	ONE(RTCP_BYE, "\x81\xCB\x00\x01" SSRC1);
	ck_assert_ptr_null(p.reason.data);
	ck_assert_uint_eq(p.reason.len, 0);
	ONE(RTCP_BYE, "\x80\xCB\x00\x00");
	ck_assert_uint_eq(rtcp_bye_count(&p), 0);
	BROKEN("\x82\xCB\x00\x01" SSRC1);
	BROKEN("\x81\xCB\x00\x02" SSRC1 "\4bye");
}
END_TEST

START_TEST(test_app_has_a_name_and_data) {
	ONE(RTCP_APP, "\x85\xCC\x00\x03" SSRC1 "nameDATA");
	ck_assert_uint_eq(p.format, 5);
	ck_assert_mem_eq(p.name, "name", 4);
	ck_assert_uint_eq(p.body.len, 4);
	ck_assert_mem_eq(p.body.data, "DATA", 4);
	BROKEN("\x80\xCC\x00\x01" SSRC1);
}
END_TEST

START_TEST(test_nack_lists_each_lost_packet) {
	static const uint16_t lost[] = {0xFFFE, 0xFFFF, 0x000E, 100};
	ONE(RTCP_NACK, "\x81\xCD\x00\x04" SSRC1 SSRC2 "\xFF\xFE\x80\x01\0\x64\0\0");
	ck_assert_uint_eq(p.media, 2);
	struct rtcp_nack_iterator it = rtcp_nack_begin(&p);
	uint16_t sequence;
	for (size_t i = 0; i < 4; i++) {
		ck_assert(rtcp_nack_next(&it, &sequence));
		ck_assert_uint_eq(sequence, lost[i]);
	}
	ck_assert(!rtcp_nack_next(&it, &sequence));
	BROKEN("\x81\xCD\x00\x02" SSRC1 SSRC2); /* no entry */
	BROKEN("\x81\xCD\x00\x01" SSRC1);
}
END_TEST

START_TEST(test_keyframe_requests) {
	ONE(RTCP_PLI, "\x81\xCE\x00\x02" SSRC1 SSRC2);
	ck_assert_uint_eq(p.ssrc, 1);
	ck_assert_uint_eq(p.media, 2);
	ONE(RTCP_FIR, "\x84\xCE\x00\x06" SSRC1 "\0\0\0\0" SSRC2 "\7\0\0\0"
	              "\0\0\0\3"
	              "\xFF\0\0\0");
	ck_assert_uint_eq(rtcp_fir_count(&p), 2);
	ck_assert_uint_eq(rtcp_fir_at(&p, 0).sequence, 7);
	ck_assert_uint_eq(rtcp_fir_at(&p, 1).ssrc, 3);
	ck_assert_uint_eq(rtcp_fir_at(&p, 1).sequence, 255);
	BROKEN("\x84\xCE\x00\x02" SSRC1 SSRC2);
	BROKEN("\x84\xCE\x00\x03" SSRC1 SSRC2 SSRC2);
	BROKEN("\x81\xCE\x00\x01" SSRC1);
}
END_TEST

START_TEST(test_remb_is_a_float) {
	ONE(RTCP_REMB, "\x8F\xCE\x00\x06" SSRC1 "\0\0\0\0"
	               "REMB"
	               "\2\x1B\xFF\xFF" SSRC1 SSRC2);
	ck_assert_uint_eq(p.remb.bitrate, UINT64_C(0x3FFFF) << 6);
	ck_assert_uint_eq(p.remb.count, 2);
	ck_assert_uint_eq(rtcp_remb_ssrc(&p.remb, 1), 2);
	/* The largest that 64 bits hold, and one beyond. */
	ONE(RTCP_REMB, "\x8F\xCE\x00\x04" SSRC1 "\0\0\0\0"
	               "REMB"
	               "\0\xBB\xFF\xFF");
	ck_assert_uint_eq(p.remb.bitrate, UINT64_C(0x3FFFF) << 46);
	BROKEN("\x8F\xCE\x00\x04" SSRC1 "\0\0\0\0"
	       "REMB"
	       "\0\xFF\xFF\xFF");
	BROKEN("\x8F\xCE\x00\x05" SSRC1 "\0\0\0\0"
	       "REMB"
	       "\2\x1B\xFF\xFF" SSRC1); /* two SSRCs are announced */
	ONE(RTCP_OTHER, "\x8F\xCE\x00\x04" SSRC1 "\0\0\0\0"
	                "GONE"
	                "\0\0\0\0");
	ck_assert_uint_eq(p.body.len, 8);
}
END_TEST

/* ---- transport-wide feedback ---- */

static void expect_arrivals(const struct rtcp_arrival *wanted, size_t n) {
	struct rtcp_twcc_iterator it = rtcp_twcc_begin(&p.twcc);
	struct rtcp_arrival a;
	size_t received = 0;
	for (size_t i = 0; i < n; i++) {
		ck_assert(rtcp_twcc_next(&it, &a));
		ck_assert_uint_eq(a.sequence, wanted[i].sequence);
		ck_assert_int_eq(a.received, wanted[i].received);
		ck_assert_int_eq(a.delta, wanted[i].delta);
		if (a.received)
			ck_assert_int_eq(a.ticks, wanted[i].ticks);
		received += a.received;
	}
	ck_assert(!rtcp_twcc_next(&it, &a));
	ck_assert_uint_eq(received, p.twcc.received);
}

/* One packet, and one byte of padding with the P bit, as libwebrtc and Pion send it. */
START_TEST(test_twcc_with_a_run_and_a_byte_of_padding) {
	ONE(RTCP_TWCC, "\xAF\xCD\x00\x05\xFA\x17\xFA\x17\x43\x03\x2F\xA0\x00\x99\x00\x01\x3D\xE8\x02\x17\x20\x01\x94\x01");
	ck_assert_uint_eq(p.ssrc, 0xFA17FA17);
	ck_assert_uint_eq(p.media, 0x43032FA0);
	ck_assert_uint_eq(p.twcc.base, 153);
	ck_assert_uint_eq(p.twcc.count, 1);
	ck_assert_uint_eq(p.twcc.reference, 4057090);
	ck_assert_uint_eq(p.twcc.feedback, 23);
	expect_arrivals((struct rtcp_arrival[]){{153, true, 148, 148}}, 1);
}
END_TEST

/* A vector of two-bit symbols, one of one-bit symbols, and a run; a negative delta, over the edge of the numbers. */
START_TEST(test_twcc_with_every_kind_of_chunk) {
	/* 0xD9 0x40: 01 10 01 01 00 00 00; 0xA0 0x00: 1 0 ...; 0x00 0x02: two did not come. 24 = 7 + 14 + 2 + 1 of a last run. */
	ONE(RTCP_TWCC, "\x8F\xCD\x00\x08" SSRC1 SSRC2 "\xFF\xFD\x00\x18\x00\x00\x05\x09"
	               "\xD9\x40\xA0\x00\x00\x02\x20\x09"
	               "\x0A"
	               "\xFF\xF8"
	               "\x01\x02\x03\x04"
	               "\0");
	struct rtcp_arrival wanted[24];
	for (size_t i = 0; i < 24; i++)
		wanted[i] = (struct rtcp_arrival){.sequence = (uint16_t)(0xFFFD + i)};
	wanted[0] = (struct rtcp_arrival){0xFFFD, true, 10, 10};
	wanted[1] = (struct rtcp_arrival){0xFFFE, true, -8, 2};
	wanted[2] = (struct rtcp_arrival){0xFFFF, true, 1, 3};
	wanted[3] = (struct rtcp_arrival){0x0000, true, 2, 5};
	wanted[7] = (struct rtcp_arrival){0x0004, true, 3, 8};
	wanted[23] = (struct rtcp_arrival){0x0014, true, 4, 12};
	expect_arrivals(wanted, 24);
}
END_TEST

START_TEST(test_broken_twcc) {
	BROKEN("\x8F\xCD\x00\x03" SSRC1 SSRC2 "\0\1\0\1"); /* no room for the fixed part */
	BROKEN("\x8F\xCD\x00\x05" SSRC1 SSRC2 "\0\1\0\0\0\0\1\0"
	       "\x20\x01\x94\0"); /* reports nothing */
	BROKEN("\x8F\xCD\x00\x05" SSRC1 SSRC2 "\0\1\0\3\0\0\1\0"
	       "\x20\x03\x94\0"); /* three deltas, two bytes */
	BROKEN("\x8F\xCD\x00\x05" SSRC1 SSRC2 "\0\1\0\1\0\0\1\0"
	       "\x60\x01\x94\0"); /* a run of the reserved symbol */
	BROKEN("\x8F\xCD\x00\x05" SSRC1 SSRC2 "\0\1\0\1\0\0\1\0"
	       "\xF0\x00\x94\0"); /* one in a vector */
	BROKEN("\x8F\xCD\x00\x05" SSRC1 SSRC2 "\0\1\xFF\xFF\0\0\1\0"
	       "\x1F\xFF\x1F\xFF"); /* chunks for 16,382 of 65,535 */
	BROKEN("\x8F\xCD\x00\x05" SSRC1 SSRC2 "\0\1\0\2\0\0\1\0"
	       "\x00\x00\x00\x00"); /* runs of nothing */
}
END_TEST

/* ---- RFC 8888 ---- */

START_TEST(test_ccfb_reports_streams_with_words) {
	ONE(RTCP_CCFB, "\x8B\xCD\x00\x08" SSRC1 "\0\0\0\x07\xFF\xFF\0\3"
	               "\xA2\0\0\0\xFF\xFE\0\0"
	               "\0\0\0\x08\0\1\0\0"
	               "\x12\x34\x56\x78");
	ck_assert_uint_eq(p.ssrc, 1);
	ck_assert_uint_eq(p.ccfb.timestamp, 0x12345678);
	struct rtcp_ccfb_iterator it = rtcp_ccfb_begin(&p.ccfb);
	struct rtcp_ccfb_stream s;
	ck_assert(rtcp_ccfb_next(&it, &s));
	ck_assert_uint_eq(s.ssrc, 7);
	ck_assert_uint_eq(s.count, 3);
	struct rtcp_ccfb_word w = rtcp_ccfb_at(&s, 0);
	ck_assert(w.received && w.sequence == 0xFFFF && w.ecn == 1 && w.offset == 512);
	w = rtcp_ccfb_at(&s, 1);
	ck_assert(!w.received && w.sequence == 0);
	w = rtcp_ccfb_at(&s, 2);
	ck_assert(w.received && w.sequence == 1 && w.ecn == 3 && w.offset == RTCP_CCFB_OFFSET_OVER);
	ck_assert(rtcp_ccfb_next(&it, &s));
	ck_assert(s.ssrc == 8 && s.count == 0);
	ck_assert(!rtcp_ccfb_next(&it, &s));
}
END_TEST

START_TEST(test_broken_ccfb) {
	BROKEN("\x8B\xCD\x00\x01" SSRC1);                  /* no timestamp */
	BROKEN("\x8B\xCD\x00\x03" SSRC1 SSRC2 "\0\0\0\0"); /* half of a stream */
	BROKEN("\x8B\xCD\x00\x04" SSRC1 SSRC2 "\0\1\0\1"
	       "\0\0\0\0"); /* the word would be the timestamp */
}
END_TEST

/* "MUST NOT include more than 16384 packet metric blocks". */
START_TEST(test_ccfb_has_at_most_a_quarter_of_the_numbers) {
	static uint8_t data[20 + 2 * (RTCP_CCFB_MAX_WORDS + 2)];
	for (unsigned extra = 0; extra <= 2; extra += 2) {
		size_t words = RTCP_CCFB_MAX_WORDS + extra, len = 20 + 2 * words;
		memcpy(data, "\x8B\xCD", 2);
		put_be16(data + 2, (uint16_t)(len / 4 - 1));
		put_be16(data + 14, (uint16_t)words);
		open_bytes(data, len);
		ck_assert_int_eq(rtcp_next(&reader, &p), extra == 0);
		ck_assert_uint_eq(reader.malformed, extra / 2);
	}
}
END_TEST

/* ---- RFC 3611 ---- */

START_TEST(test_xr_blocks) {
	ONE(RTCP_XR, "\x80\xCF\x00\x0A" SSRC1 "\4\0\0\2\1\2\3\4\5\6\7\x08"
	             "\1\0\0\1skip"
	             "\5\0\0\3"
	             "\0\0\0\x09\0\0\0\x0A\0\0\0\x0B");
	struct rtcp_xr_iterator it = rtcp_xr_begin(&p);
	struct rtcp_xr_block b;
	ck_assert(rtcp_xr_next(&it, &b));
	ck_assert_uint_eq(b.type, RTCP_XR_RRTR);
	ck_assert_uint_eq(b.ntp, UINT64_C(0x0102030405060708));
	ck_assert_uint_eq(rtcp_dlrr_count(&b), 0);
	ck_assert(rtcp_xr_next(&it, &b));
	ck_assert_uint_eq(b.type, 1);
	ck_assert(rtcp_xr_next(&it, &b));
	ck_assert_uint_eq(rtcp_dlrr_count(&b), 1);
	ck_assert_uint_eq(rtcp_dlrr_at(&b, 0).ssrc, 9);
	ck_assert_uint_eq(rtcp_dlrr_at(&b, 0).last_rr, 10);
	ck_assert_uint_eq(rtcp_dlrr_at(&b, 0).delay_since_rr, 11);
	ck_assert(!rtcp_xr_next(&it, &b));
	BROKEN("\x80\xCF\x00\x02" SSRC1 "\4\0\0\2");
	BROKEN("\x80\xCF\x00\x03" SSRC1 "\4\0\0\1\0\0\0\0");
	BROKEN("\x80\xCF\x00\x04" SSRC1 "\5\0\0\2\0\0\0\0\0\0\0\0");
	BROKEN("\x80\xCF\x00\x00");
}
END_TEST

/* ---- the walk ---- */

START_TEST(test_a_compound_datagram_is_walked) {
	OPEN("\x80\xC9\x00\x01" SSRC1 "\x81\xCA\x00\x02" SSRC1 "\1\1a\0"
	     "\x81\xCD\x00\x03" SSRC1 SSRC2 "\0\1\0\0"
	     "\x80\xC8\x00\x00"
	     "\x81\xCB\x00\x01" SSRC1);
	static const enum rtcp_kind kinds[] = {RTCP_RECEIVER_REPORT, RTCP_SDES, RTCP_NACK, RTCP_BYE};
	for (size_t i = 0; i < 4; i++) {
		ck_assert(rtcp_next(&reader, &p));
		ck_assert_int_eq(p.kind, kinds[i]);
	}
	ck_assert(!rtcp_next(&reader, &p));
	ck_assert_uint_eq(reader.packets, 4);
	ck_assert_uint_eq(reader.malformed, 1);
}
END_TEST

START_TEST(test_unknown_types_and_formats_are_handed_out) {
	ONE(RTCP_OTHER, "\x80\xC0\x00\x01tail");
	ck_assert_uint_eq(p.type, 192);
	ck_assert_uint_eq(p.body.len, 4);
	ONE(RTCP_OTHER, "\x83\xCD\x00\x03" SSRC1 SSRC2 "tmbr"); /* TMMBR */
	ck_assert_uint_eq(p.media, 2);
	ck_assert_mem_eq(p.body.data, "tmbr", 4);
}
END_TEST

START_TEST(test_a_broken_header_ends_the_walk) {
	static const struct {
		const char *bytes;
		size_t len;
	} cases[] = {
		{"\x81\xCE\x00\x03" SSRC1 SSRC2, 12}, /* length past the end */
		{"\x81\xCE\xFF\xFF" SSRC1 SSRC2, 12},
		{"\x41\xCE\x00\x02" SSRC1 SSRC2, 12}, /* version 1 */
		{"\x81\xCE\x00", 3},                  /* no whole header */
		{"\x81", 1},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		open_bytes(cases[i].bytes, cases[i].len);
		ck_assert(!rtcp_next(&reader, &p));
		ck_assert_uint_eq(reader.malformed, 1);
		ck_assert(!rtcp_next(&reader, &p));
		ck_assert_uint_eq(reader.malformed, 1);
	}
	OPEN("");
	ck_assert(!rtcp_next(&reader, &p));
	ck_assert_uint_eq(reader.malformed, 0);
}
END_TEST

START_TEST(test_padding_is_taken_off) {
	ONE(RTCP_APP, "\xA0\xCC\x00\x04" SSRC1 "nameDATA\0\0\0\4");
	ck_assert_uint_eq(p.body.len, 4);
	BROKEN("\xA0\xCC\x00\x02" SSRC1 "nam\0");      /* a count of 0 */
	BROKEN("\xA0\xCC\x00\x02" SSRC1 "nam\x09");    /* more than there is */
	BROKEN("\xA0\xCB\x00\x00");                    /* no byte for the count */
	BROKEN("\xA1\xCE\x00\x02" SSRC1 "\0\0\0\x08"); /* padding as long as the packet */
}
END_TEST

SUITE("rtcp", test_a_sender_report_has_times_counts_and_blocks, test_a_receiver_report_may_be_empty_or_have_an_extension,
      test_reports_that_are_cut_short_are_broken, test_sdes_gives_the_cname_of_each_chunk, test_sdes_without_chunks_is_a_packet,
      test_broken_sdes, test_bye_names_sources_and_may_give_a_reason, test_app_has_a_name_and_data,
      test_nack_lists_each_lost_packet, test_keyframe_requests, test_remb_is_a_float, test_twcc_with_a_run_and_a_byte_of_padding,
      test_twcc_with_every_kind_of_chunk, test_broken_twcc, test_ccfb_reports_streams_with_words, test_broken_ccfb,
      test_ccfb_has_at_most_a_quarter_of_the_numbers, test_xr_blocks, test_a_compound_datagram_is_walked,
      test_unknown_types_and_formats_are_handed_out, test_a_broken_header_ends_the_walk, test_padding_is_taken_off)
