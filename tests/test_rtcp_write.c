/* Does the reader understand what the writer says, and does no packet outgrow its datagram? */
#include "rtp/rtcp_write.h"

#include "sluice/env.h"
#include "sluice/error.h"
#include "suite.h"

/* The datagram ends where the writer must, so that a sanitizer sees each byte beyond it. */
static uint8_t *space;
static struct rtcp_writer w;

static void begin(size_t size) {
	free(space);
	space = malloc(size ? size : 1);
	memset(space, 0xEE, size);
	w = rtcp_writer_of(space, size);
}

/* Reads the only packet of the datagram. */
static struct rtcp_packet only(enum rtcp_kind kind) {
	struct rtcp_reader r = rtcp_reader_of(space, w.len);
	struct rtcp_packet p, other;
	ck_assert_uint_le(w.len, w.size);
	ck_assert_uint_eq(w.len % 4, 0);
	ck_assert(rtcp_next(&r, &p));
	ck_assert_int_eq(p.kind, kind);
	ck_assert(!rtcp_next(&r, &other));
	ck_assert_uint_eq(r.malformed, 0);
	return p;
}

static struct rtcp_report_block block_of(uint32_t i) {
	return (struct rtcp_report_block){i, (uint8_t)i, -(int32_t)i, i << 8, i + 1, i + 2, i + 3};
}

static void same_block(struct rtcp_report_block a, struct rtcp_report_block b) {
	ck_assert(a.ssrc == b.ssrc && a.fraction_lost == b.fraction_lost && a.lost == b.lost && a.highest == b.highest);
	ck_assert(a.jitter == b.jitter && a.last_sr == b.last_sr && a.delay_since_sr == b.delay_since_sr);
}

START_TEST(test_report_blocks_above_31_go_into_more_packets) {
	struct rtcp_report_block blocks[70];
	struct rtcp_sender_info info = {UINT64_C(0x0102030405060708), 1, 2, 3};
	for (uint32_t i = 0; i < 70; i++)
		blocks[i] = block_of(i);
	begin(2000);
	ck_assert_int_eq(rtcp_write_sender_report(&w, 5, &info, blocks, 70), 70);
	struct rtcp_reader r = rtcp_reader_of(space, w.len);
	struct rtcp_packet p;
	uint32_t seen = 0;
	for (size_t i = 0; i < 3; i++) {
		ck_assert(rtcp_next(&r, &p));
		ck_assert_int_eq(p.kind, i == 0 ? RTCP_SENDER_REPORT : RTCP_RECEIVER_REPORT);
		ck_assert_uint_eq(p.ssrc, 5);
		ck_assert_uint_eq(rtcp_report_count(&p), i == 2 ? 8 : 31);
		for (size_t k = 0; k < rtcp_report_count(&p); k++)
			same_block(rtcp_report_at(&p, k), blocks[seen++]);
		if (i == 0)
			ck_assert(p.sender.ntp == info.ntp && p.sender.timestamp == 1 && p.sender.packets == 2 &&
			          p.sender.octets == 3);
	}
	ck_assert(!rtcp_next(&r, &p));
}
END_TEST

START_TEST(test_report_blocks_end_with_the_datagram) {
	struct rtcp_report_block blocks[70];
	struct rtcp_sender_info info = {0};
	for (uint32_t i = 0; i < 70; i++)
		blocks[i] = block_of(i);
	begin(8 + 24 * 31 + 8 + 24 * 2 + 23);
	ck_assert_int_eq(rtcp_write_receiver_report(&w, 5, blocks, 70), 33);
	ck_assert_uint_eq(w.len, w.size - 23);
	ck_assert_int_eq(rtcp_write_receiver_report(&w, 5, blocks, 70), SLUICE_NO_SPACE);
	ck_assert_int_eq(rtcp_write_receiver_report(&w, 5, NULL, 0), 0);
	begin(28 + 20);
	ck_assert_int_eq(rtcp_write_sender_report(&w, 5, &info, blocks, 2), 0); /* the report itself fits, no block does */
	struct rtcp_packet p = only(RTCP_SENDER_REPORT);
	ck_assert_uint_eq(rtcp_report_count(&p), 0);
	begin(28);
	ck_assert_int_eq(rtcp_write_sender_report(&w, 5, &info, NULL, 0), 0);
	only(RTCP_SENDER_REPORT);
}
END_TEST

/* 24 bits. */
START_TEST(test_the_cumulative_loss_is_clamped) {
	static const int32_t cases[][2] = {{INT32_MAX, 0x7FFFFF},  {0x800000, 0x7FFFFF},   {0x7FFFFF, 0x7FFFFF},  {-1, -1},
	                                   {-0x800000, -0x800000}, {-0x800001, -0x800000}, {INT32_MIN, -0x800000}};
	for (size_t i = 0; i < 7; i++) {
		struct rtcp_report_block block = {.lost = cases[i][0]};
		begin(32);
		ck_assert_int_eq(rtcp_write_receiver_report(&w, 1, &block, 1), 1);
		struct rtcp_packet p = only(RTCP_RECEIVER_REPORT);
		ck_assert_int_eq(rtcp_report_at(&p, 0).lost, cases[i][1]);
		ck_assert_uint_eq(rtcp_report_at(&p, 0).fraction_lost, 0);
	}
}
END_TEST

START_TEST(test_cnames_of_each_length) {
	char name[256];
	memset(name, 'n', sizeof name);
	for (size_t len = 0; len <= 255; len++) {
		begin(4 + pad4(4 + 2 + len + 1));
		ck_assert_int_eq(rtcp_write_cname(&w, 9, name, len), 0);
		ck_assert_uint_eq(w.len, w.size);
		struct rtcp_packet p = only(RTCP_SDES);
		struct rtcp_sdes_iterator it = rtcp_sdes_begin(&p);
		struct rtcp_cname c;
		ck_assert(rtcp_sdes_next(&it, &c));
		ck_assert_uint_eq(c.ssrc, 9);
		ck_assert_uint_eq(c.name.len, len);
		ck_assert_mem_eq(c.name.data, name, len);
		begin(w.size - 1);
		ck_assert_int_eq(rtcp_write_cname(&w, 9, name, len), SLUICE_NO_SPACE);
		ck_assert_uint_eq(w.len, 0);
	}
	ck_assert_int_eq(rtcp_write_cname(&w, 9, name, 256), SLUICE_INVALID);
}
END_TEST

START_TEST(test_bye_and_its_reason) {
	uint32_t ssrcs[40];
	for (uint32_t i = 0; i < 40; i++)
		ssrcs[i] = i;
	begin(300);
	ck_assert_int_eq(rtcp_write_bye(&w, ssrcs, 40, "done"), 40);
	struct rtcp_reader r = rtcp_reader_of(space, w.len);
	struct rtcp_packet p;
	ck_assert(rtcp_next(&r, &p));
	ck_assert_uint_eq(rtcp_bye_count(&p), 31);
	ck_assert_uint_eq(p.reason.len, 4);
	ck_assert_mem_eq(p.reason.data, "done", 4);
	ck_assert(rtcp_next(&r, &p));
	ck_assert_uint_eq(rtcp_bye_count(&p), 9);
	ck_assert_uint_eq(rtcp_bye_ssrc(&p, 8), 39);
	ck_assert_uint_eq(p.reason.len, 0);
	begin(15);
	ck_assert_int_eq(rtcp_write_bye(&w, ssrcs, 40, "done"), SLUICE_NO_SPACE);
	ck_assert_int_eq(rtcp_write_bye(&w, ssrcs, 40, NULL), 2);
	ck_assert_int_eq(rtcp_write_bye(&w, ssrcs, 0, NULL), SLUICE_INVALID);
}
END_TEST

START_TEST(test_app_and_the_short_feedback) {
	begin(16);
	ck_assert_int_eq(rtcp_write_app(&w, 5, 1, "name", "DATA", 4), 0);
	struct rtcp_packet p = only(RTCP_APP);
	ck_assert(p.format == 5 && p.ssrc == 1 && memcmp(p.name, "name", 4) == 0 && memcmp(p.body.data, "DATA", 4) == 0);
	ck_assert_int_eq(rtcp_write_app(&w, 5, 1, "name", NULL, 0), SLUICE_NO_SPACE);
	ck_assert_int_eq(rtcp_write_app(&w, 5, 1, "name", "DAT", 3), SLUICE_INVALID);
	ck_assert_int_eq(rtcp_write_app(&w, 32, 1, "name", NULL, 0), SLUICE_INVALID);

	begin(12);
	ck_assert_int_eq(rtcp_write_pli(&w, 1, 2), 0);
	p = only(RTCP_PLI);
	ck_assert(p.ssrc == 1 && p.media == 2);
	ck_assert_int_eq(rtcp_write_pli(&w, 1, 2), SLUICE_NO_SPACE);

	const struct rtcp_fir_entry entries[] = {{7, 1}, {8, 255}, {9, 0}};
	begin(12 + 16 + 7);
	ck_assert_int_eq(rtcp_write_fir(&w, 1, entries, 3), 2);
	p = only(RTCP_FIR);
	ck_assert(rtcp_fir_count(&p) == 2 && rtcp_fir_at(&p, 1).ssrc == 8 && rtcp_fir_at(&p, 1).sequence == 255);
	ck_assert_int_eq(rtcp_write_fir(&w, 1, entries, 0), SLUICE_INVALID);
}
END_TEST

START_TEST(test_remb_rounds_down) {
	static const uint64_t cases[][2] = {
		{0, 0}, {0x3FFFF, 0x3FFFF}, {0x7FFFF, 0x7FFFE}, {1000000, 1000000}, {UINT64_MAX, UINT64_C(0x3FFFF) << 46}};
	const uint32_t ssrcs[] = {3, 4};
	for (size_t i = 0; i < 5; i++) {
		begin(28);
		ck_assert_int_eq(rtcp_write_remb(&w, 1, cases[i][0], ssrcs, 2), 0);
		struct rtcp_packet p = only(RTCP_REMB);
		ck_assert_uint_eq(p.remb.bitrate, cases[i][1]);
		ck_assert_uint_eq(rtcp_remb_ssrc(&p.remb, 1), 4);
	}
	ck_assert_int_eq(rtcp_write_remb(&w, 1, 1, ssrcs, 256), SLUICE_INVALID);
}
END_TEST

START_TEST(test_xr_goes_and_comes) {
	begin(20);
	ck_assert_int_eq(rtcp_write_rrtr(&w, 1, UINT64_C(0x0102030405060708)), 0);
	struct rtcp_packet p = only(RTCP_XR);
	struct rtcp_xr_iterator it = rtcp_xr_begin(&p);
	struct rtcp_xr_block b;
	ck_assert(rtcp_xr_next(&it, &b) && b.type == RTCP_XR_RRTR && b.ntp == UINT64_C(0x0102030405060708));
	const struct rtcp_dlrr entries[] = {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}};
	begin(12 + 24 + 11);
	ck_assert_int_eq(rtcp_write_dlrr(&w, 1, entries, 3), 2);
	p = only(RTCP_XR);
	it = rtcp_xr_begin(&p);
	ck_assert(rtcp_xr_next(&it, &b) && rtcp_dlrr_count(&b) == 2);
	struct rtcp_dlrr d = rtcp_dlrr_at(&b, 1);
	ck_assert(d.ssrc == 4 && d.last_rr == 5 && d.delay_since_rr == 6);
	ck_assert_int_eq(rtcp_write_dlrr(&w, 1, entries, 0), SLUICE_INVALID);
}
END_TEST

/* ---- lists that are longer than a datagram ---- */

/* 3,000 numbers over two edges of 16 bits, in gaps that grow: dense ones share entries, sparse ones do not. */
START_TEST(test_a_long_nack_list_is_split) {
	uint64_t lost[3000];
	for (size_t i = 0; i < 3000; i++)
		lost[i] = (i ? lost[i - 1] : UINT64_C(0x1FFF0)) + 1 + i / 40;
	size_t done = 0, datagrams = 0, seen = 0;
	while (done < 3000) {
		begin(1200);
		int count = rtcp_write_nack(&w, 1, 2, lost + done, 3000 - done);
		ck_assert_int_gt(count, 0);
		done += (size_t)count;
		datagrams++;
		struct rtcp_packet p = only(RTCP_NACK);
		ck_assert(p.ssrc == 1 && p.media == 2);
		struct rtcp_nack_iterator it = rtcp_nack_begin(&p);
		for (uint16_t sequence; rtcp_nack_next(&it, &sequence); seen++)
			ck_assert_uint_eq(sequence, (uint16_t)lost[seen]);
		ck_assert_uint_eq(seen, done);
		if (done < 3000)
			ck_assert_uint_eq(w.len, 1200);
	}
	ck_assert_uint_ge(datagrams, 8);
	begin(15);
	ck_assert_int_eq(rtcp_write_nack(&w, 1, 2, lost, 3000), SLUICE_NO_SPACE);
	ck_assert_int_eq(rtcp_write_nack(&w, 1, 2, lost, 0), SLUICE_INVALID);
}
END_TEST

START_TEST(test_seventeen_numbers_in_a_row_are_one_entry) {
	uint64_t lost[18];
	for (size_t i = 0; i < 18; i++)
		lost[i] = 0x1FFF8 + i;
	begin(16);
	ck_assert_int_eq(rtcp_write_nack(&w, 1, 2, lost, 18), 17);
	struct rtcp_packet p = only(RTCP_NACK);
	ck_assert_mem_eq(p.list.data, "\xFF\xF8\xFF\xFF", 4);
}
END_TEST

/* ---- TWCC ---- */

static uint64_t seed;
static uint32_t draw(uint32_t below) {
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(seed >> 33) % below;
}

/* Writes all arrivals into datagrams of `size` and reads them back. Returns the number of datagrams, their bytes in *bytes. */
static size_t round_trip(const uint64_t *arrivals, size_t n, size_t size, size_t *bytes) {
	size_t datagrams = 0;
	uint64_t base = UINT64_C(0x1FF00);
	*bytes = 0;
	for (size_t done = 0; done < n;) {
		begin(size);
		int count = rtcp_write_twcc(&w, 1, 2, (uint8_t)datagrams, base + done, arrivals + done, n - done);
		if (count == SLUICE_INVALID) /* none of the rest came */
			break;
		ck_assert_int_gt(count, 0);
		struct rtcp_packet p = only(RTCP_TWCC);
		ck_assert_uint_eq(p.twcc.count, (unsigned)count);
		ck_assert_uint_eq(p.twcc.feedback, (uint8_t)datagrams);
		struct rtcp_twcc_iterator it = rtcp_twcc_begin(&p.twcc);
		struct rtcp_arrival a;
		for (int i = 0; i < count; i++, done++) {
			ck_assert(rtcp_twcc_next(&it, &a));
			ck_assert_uint_eq(a.sequence, (uint16_t)(base + done));
			ck_assert_int_eq(a.received, arrivals[done] != SLUICE_NEVER);
			if (a.received) /* the times of these tests stay below 2^24 times 64 ms */
				ck_assert_uint_eq(p.twcc.reference * UINT64_C(256) + (uint64_t)a.ticks,
				                  arrivals[done] / RTCP_TWCC_TICK_NS);
		}
		ck_assert(!rtcp_twcc_next(&it, &a));
		datagrams++;
		*bytes += w.len;
	}
	return datagrams;
}

/* Byte for byte, zeros at the end included. */
START_TEST(test_twcc_bytes) {
	static const uint8_t wanted[] = {0x8F, 0xCD, 0x00, 0x05, 0xFA, 0x17, 0xFA, 0x17, 0x43, 0x03, 0x2F, 0xA0,
	                                 0x00, 0x99, 0x00, 0x01, 0x3D, 0xE8, 0x02, 0x17, 0x20, 0x01, 0x94, 0x00};
	uint64_t arrival = (UINT64_C(4057090) * RTCP_TWCC_REFERENCE_TICKS + 148) * RTCP_TWCC_TICK_NS;
	begin(1200);
	ck_assert_int_eq(rtcp_write_twcc(&w, 0xFA17FA17, 0x43032FA0, 23, 0x10099, &arrival, 1), 1);
	ck_assert_uint_eq(w.len, sizeof wanted);
	ck_assert_mem_eq(space, wanted, sizeof wanted);
}
END_TEST

START_TEST(test_arrivals_in_order_take_a_byte_each) {
	static uint64_t arrivals[2000];
	size_t bytes;
	for (size_t i = 0; i < 2000; i++)
		arrivals[i] = UINT64_C(1000000000) + i * 1000000;
	ck_assert_uint_eq(round_trip(arrivals, 1000, 1200, &bytes), 1);
	ck_assert_uint_eq(bytes, 4 + 16 + pad4(2 + 1000));
	ck_assert_uint_eq(round_trip(arrivals, 2000, 1200, &bytes), 2);
}
END_TEST

/* Seven in a row, one lost, six more: one vector of 14 says that, a run of 7 would need a vector behind it. */
START_TEST(test_a_vector_is_preferred_to_a_short_run) {
	uint64_t arrivals[14];
	size_t bytes;
	for (size_t i = 0; i < 14; i++)
		arrivals[i] = i == 7 ? SLUICE_NEVER : UINT64_C(1000000000) + i * 1000000;
	ck_assert_uint_eq(round_trip(arrivals, 14, 1200, &bytes), 1);
	ck_assert_uint_eq(bytes, 20 + pad4(2 + 13));
}
END_TEST

START_TEST(test_long_silence_takes_two_bytes) {
	static uint64_t arrivals[20002];
	size_t bytes;
	for (size_t i = 0; i < 20002; i++)
		arrivals[i] = SLUICE_NEVER;
	arrivals[0] = arrivals[20001] = UINT64_C(77000000000);
	/* A vector of 14, runs of 8,191, 8,191 and 3,605, the last one, and two deltas. */
	ck_assert_uint_eq(round_trip(arrivals, 20002, 100, &bytes), 1);
	ck_assert_uint_eq(bytes, 20 + pad4(5 * 2 + 2));
}
END_TEST

/* 16 bits of 250 us reach 8.19 s; what is further away begins a packet of its own. */
START_TEST(test_an_arrival_too_far_away_begins_a_new_packet) {
	uint64_t second = UINT64_C(1000000000);
	uint64_t near[] = {100 * second, 108 * second, 100 * second}, far[] = {100 * second, 109 * second},
		 back[] = {100 * second, 91 * second};
	size_t bytes;
	ck_assert_uint_eq(round_trip(near, 3, 1200, &bytes), 1);
	ck_assert_uint_eq(round_trip(far, 2, 1200, &bytes), 2);
	ck_assert_uint_eq(round_trip(back, 2, 1200, &bytes), 2);
}
END_TEST

START_TEST(test_random_arrivals_come_back) {
	static uint64_t arrivals[3000];
	size_t bytes;
	for (uint32_t round = 0; round < 400; round++) {
		seed = round;
		uint32_t loss = draw(100), jitter = 1 + draw(1u << draw(20)), size = 36 + draw(1200);
		size_t n = 1 + draw(3000);
		uint64_t now = UINT64_C(5000000000) + draw(1000000000);
		for (size_t i = 0; i < n; i++) {
			now += draw(2000000);
			if (draw(1000) == 0)
				now += draw(2000000000) * UINT64_C(6);
			arrivals[i] = draw(100) < loss ? SLUICE_NEVER : now + draw(jitter) * UINT64_C(1000);
		}
		round_trip(arrivals, n, size, &bytes);
	}
}
END_TEST

START_TEST(test_twcc_needs_an_arrival_and_room) {
	uint64_t none[] = {SLUICE_NEVER, SLUICE_NEVER}, one[] = {SLUICE_NEVER, 1000};
	begin(100);
	ck_assert_int_eq(rtcp_write_twcc(&w, 1, 2, 0, 5, none, 2), SLUICE_INVALID);
	ck_assert_int_eq(rtcp_write_twcc(&w, 1, 2, 0, 5, one, 0), SLUICE_INVALID);
	ck_assert_uint_eq(w.len, 0);
	begin(35);
	ck_assert_int_eq(rtcp_write_twcc(&w, 1, 2, 0, 5, one, 2), SLUICE_NO_SPACE);
	begin(36);
	ck_assert_int_eq(rtcp_write_twcc(&w, 1, 2, 0, 5, one, 2), 2);
}
END_TEST

/* ---- RFC 8888 ---- */

START_TEST(test_ccfb_is_split_within_a_stream) {
	static struct rtcp_ccfb_word words[1000];
	for (uint32_t i = 0; i < 1000; i++)
		words[i] = (struct rtcp_ccfb_word){
			.received = i % 3 != 0, .ecn = i % 3 ? i & 3 : 0, .offset = i % 3 ? (uint16_t)i : 0};
	struct rtcp_ccfb_run runs[] = {{7, 0xFFF0, 3, words}, {8, 0, 0, NULL}, {9, 0xFF00, 997, words + 3}};
	size_t first = 0, seen = 0, datagrams = 0;
	while (first < 3) {
		begin(503);
		int whole = rtcp_write_ccfb(&w, 1, 0x12345678, runs + first, 3 - first);
		ck_assert_int_ge(whole, 0);
		first += (size_t)whole;
		datagrams++;
		struct rtcp_packet p = only(RTCP_CCFB);
		ck_assert(p.ssrc == 1 && p.ccfb.timestamp == 0x12345678);
		struct rtcp_ccfb_iterator it = rtcp_ccfb_begin(&p.ccfb);
		for (struct rtcp_ccfb_stream s; rtcp_ccfb_next(&it, &s);) {
			if (s.count % 2)
				ck_assert_mem_eq(s.words + 2 * s.count, "\0", 2);
			for (size_t i = 0; i < s.count; i++, seen++) {
				struct rtcp_ccfb_word got = rtcp_ccfb_at(&s, i);
				ck_assert_uint_eq(got.sequence, (uint16_t)(seen < 3 ? 0xFFF0 + seen : 0xFF00 + seen - 3));
				ck_assert(got.received == words[seen].received && got.ecn == words[seen].ecn &&
				          got.offset == words[seen].offset);
			}
		}
	}
	ck_assert_uint_eq(seen, 1000);
	ck_assert_uint_eq(datagrams, 5);
	begin(19);
	struct rtcp_ccfb_run one = {7, 0, 1, words};
	ck_assert_int_eq(rtcp_write_ccfb(&w, 1, 0, &one, 1), SLUICE_NO_SPACE);
	ck_assert_uint_eq(w.len, 0);
}
END_TEST

START_TEST(test_packets_follow_each_other_in_one_datagram) {
	const uint64_t lost[] = {1, 2, 3};
	begin(100);
	ck_assert_int_eq(rtcp_write_receiver_report(&w, 1, NULL, 0), 0);
	ck_assert_int_eq(rtcp_write_cname(&w, 1, "me", 2), 0);
	ck_assert_int_eq(rtcp_write_nack(&w, 1, 2, lost, 3), 3);
	ck_assert_int_eq(rtcp_write_pli(&w, 1, 2), 0);
	static const enum rtcp_kind kinds[] = {RTCP_RECEIVER_REPORT, RTCP_SDES, RTCP_NACK, RTCP_PLI};
	struct rtcp_reader r = rtcp_reader_of(space, w.len);
	struct rtcp_packet p;
	for (size_t i = 0; i < 4; i++)
		ck_assert(rtcp_next(&r, &p) && p.kind == kinds[i]);
	ck_assert(!rtcp_next(&r, &p) && r.malformed == 0);
}
END_TEST

SUITE("rtcp_write", test_report_blocks_above_31_go_into_more_packets, test_report_blocks_end_with_the_datagram,
      test_the_cumulative_loss_is_clamped, test_cnames_of_each_length, test_bye_and_its_reason, test_app_and_the_short_feedback,
      test_remb_rounds_down, test_xr_goes_and_comes, test_a_long_nack_list_is_split,
      test_seventeen_numbers_in_a_row_are_one_entry, test_twcc_bytes, test_arrivals_in_order_take_a_byte_each,
      test_a_vector_is_preferred_to_a_short_run, test_long_silence_takes_two_bytes,
      test_an_arrival_too_far_away_begins_a_new_packet, test_random_arrivals_come_back, test_twcc_needs_an_arrival_and_room,
      test_ccfb_is_split_within_a_stream, test_packets_follow_each_other_in_one_datagram)
