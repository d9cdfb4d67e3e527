/* Do earlier payloads travel with later packets as RFC 2198 says, and what is refused? */
#include "rtp/red.h"

#include "sluice/error.h"
#include "suite.h"

#define OPUS 111

static struct red_sender sender;
static uint8_t space[1400];
static struct red_block blocks[8];

static void setup(void) {
	red_sender_init(&sender, 2);
}

static int write_payload(uint32_t timestamp, const char *text, size_t size) {
	int len = red_write(&sender, OPUS, timestamp, (const uint8_t *)text, strlen(text), space, size);
	ck_assert(red_sender_check(&sender));
	return len;
}

static unsigned read_all(size_t len, uint32_t timestamp) {
	struct red_reader r;
	unsigned n = 0;
	ck_assert_int_eq(red_read(&r, space, len, timestamp), 0);
	while (red_next(&r, &blocks[n]))
		n++;
	return n;
}

static void expect(unsigned i, const char *text, uint32_t timestamp, unsigned back) {
	ck_assert_uint_eq(blocks[i].len, strlen(text));
	ck_assert_mem_eq(blocks[i].data, text, strlen(text));
	ck_assert_uint_eq(blocks[i].timestamp, timestamp);
	ck_assert_uint_eq(blocks[i].back, back);
	ck_assert_uint_eq(blocks[i].payload_type, OPUS);
}

START_TEST(test_the_first_packet_has_one_byte_more_than_its_payload) {
	ck_assert_int_eq(write_payload(960, "one", sizeof space), 4);
	ck_assert_uint_eq(space[0], OPUS);
	ck_assert_uint_eq(read_all(4, 960), 1);
	expect(0, "one", 960, 0);
}
END_TEST

START_TEST(test_the_bytes_are_those_of_the_rfc) {
	const uint8_t expected[] = {0x80 | OPUS, 960 >> 6, (960 & 63) << 2, 3, OPUS, 'o', 'n', 'e', 't', 'w', 'o'};
	write_payload(0xFFFFFF00, "one", sizeof space);
	ck_assert_int_eq(write_payload(0xFFFFFF00 + 960, "two", sizeof space), sizeof expected);
	ck_assert_mem_eq(space, expected, sizeof expected);
}
END_TEST

START_TEST(test_two_earlier_payloads_come_oldest_first) {
	write_payload(0, "one", sizeof space);
	write_payload(960, "twotwo", sizeof space);
	write_payload(1920, "", sizeof space);
	int len = write_payload(2880, "four", sizeof space);
	ck_assert_uint_eq(read_all((size_t)len, 2880), 3);
	expect(0, "twotwo", 960, 2);
	expect(1, "", 1920, 1);
	expect(2, "four", 2880, 0);
}
END_TEST

START_TEST(test_what_does_not_fit_is_left_out_from_the_oldest_on) {
	write_payload(0, "one", sizeof space);
	write_payload(960, "two", sizeof space);
	int len = write_payload(1920, "three", 5 + 1 + 4 + 3);
	ck_assert_uint_eq(read_all((size_t)len, 1920), 2);
	expect(0, "two", 960, 1);
	expect(1, "three", 1920, 0);
	ck_assert_uint_eq(sender.left_out, 1);
	ck_assert_int_eq(write_payload(2880, "three", 5), SLUICE_NO_SPACE);
}
END_TEST

START_TEST(test_silence_of_more_than_14_bits_ends_the_redundancy) {
	write_payload(0, "one", sizeof space);
	int len = write_payload(16383, "two", sizeof space);
	ck_assert_uint_eq(read_all((size_t)len, 16383), 2);
	len = write_payload(16383 + 16384, "three", sizeof space);
	ck_assert_uint_eq(read_all((size_t)len, 16383 + 16384), 1);
}
END_TEST

START_TEST(test_a_payload_above_10_bits_is_sent_once_and_breaks_the_row) {
	static char large[1100];
	memset(large, 'x', 1024);
	write_payload(0, "one", sizeof space);
	ck_assert_int_eq(write_payload(960, large, sizeof space), 1024 + 1 + 4 + 3);
	/* "one" is two packets back now, and must not be taken for the packet before. */
	int len = write_payload(1920, "three", sizeof space);
	ck_assert_uint_eq(read_all((size_t)len, 1920), 1);
	large[1023] = 0;
	write_payload(2880, large, sizeof space);
	len = write_payload(3840, "five", sizeof space);
	ck_assert_uint_eq(read_all((size_t)len, 3840), 3);
	expect(0, "three", 1920, 2);
	expect(1, large, 2880, 1);
}
END_TEST

START_TEST(test_depth_0_writes_the_new_payload_alone) {
	red_sender_init(&sender, 0);
	write_payload(0, "one", sizeof space);
	ck_assert_int_eq(write_payload(960, "two", sizeof space), 4);
}
END_TEST

START_TEST(test_depth_4_carries_four) {
	red_sender_init(&sender, 4);
	for (uint32_t i = 0; i < 9; i++) {
		const char text[] = {(char)('a' + i), 0};
		int len = write_payload(960 * i, text, sizeof space);
		unsigned n = read_all((size_t)len, 960 * i);
		ck_assert_uint_eq(n, i < 4 ? i + 1 : 5);
		for (unsigned k = 0; k < n; k++)
			ck_assert_uint_eq(blocks[k].data[0], 'a' + i - (n - 1 - k));
	}
}
END_TEST

START_TEST(test_every_cut_within_headers_and_earlier_blocks_is_refused) {
	struct red_reader r;
	write_payload(0, "one", sizeof space);
	write_payload(960, "two", sizeof space);
	int len = write_payload(1920, "xyz", sizeof space);
	for (int cut = 0; cut < len; cut++) {
		uint8_t *copy = malloc((size_t)cut + 1);
		memcpy(copy, space, (size_t)cut);
		/* 9 bytes of headers, 6 of earlier payloads. */
		ck_assert_int_eq(red_read(&r, copy, (size_t)cut, 1920), cut < 15 ? SLUICE_MALFORMED : 0);
		free(copy);
	}
}
END_TEST

/* ---- holes ---- */

static struct red_taker taker;

/* Sends packets 1 to n with 960 of timestamp each, and delivers those whose bit is set in `which`. Returns the payloads that were
 * news, as letters in the order in which they came: packet 1 is 'a'. */
static const char *news_of(unsigned n, uint32_t which, const unsigned *order) {
	static char news[64];
	static uint8_t packets[16][64];
	static int lens[16];
	size_t count = 0;
	memset(&taker, 0, sizeof taker);
	for (unsigned i = 0; i < n; i++) {
		const char text[] = {(char)('a' + i), 0};
		lens[i] = write_payload(960 * (i + 1), text, sizeof space);
		memcpy(packets[i], space, (size_t)lens[i]);
	}
	for (unsigned k = 0; k < n; k++) {
		unsigned i = order ? order[k] : k;
		struct red_reader r;
		struct red_block block;
		if (!(which >> i & 1))
			continue;
		ck_assert_int_eq(red_read(&r, packets[i], (size_t)lens[i], 960 * (i + 1)), 0);
		while (red_take(&taker, &r, 1000 + i, &block)) {
			ck_assert_uint_eq(block.timestamp, 960 * (i + 1 - block.back));
			ck_assert_uint_eq(block.data[0], 'a' + i - block.back);
			news[count++] = (char)block.data[0];
		}
	}
	news[count] = 0;
	return news;
}

START_TEST(test_without_loss_each_payload_is_news_once) {
	ck_assert_str_eq(news_of(6, 0x3F, NULL), "abcdef");
	ck_assert_uint_eq(taker.repaired + taker.refused, 0);
}
END_TEST

START_TEST(test_two_lost_packets_in_a_row_are_repaired_and_of_three_the_last_two) {
	ck_assert_str_eq(news_of(6, 0x39, NULL), "abcdef");
	ck_assert_uint_eq(taker.repaired, 2);
	ck_assert_str_eq(news_of(7, 0x71, NULL), "acdefg");
}
END_TEST

START_TEST(test_what_comes_behind_its_repair_is_no_news) {
	static const unsigned order[] = {0, 2, 1, 3, 3};
	ck_assert_str_eq(news_of(5, 0x1F, order), "abcd");
	ck_assert_uint_eq(taker.repaired, 1);
}
END_TEST

START_TEST(test_the_stream_begins_with_its_first_packet) {
	ck_assert_str_eq(news_of(5, 0x1C, NULL), "cde");
}
END_TEST

/* The sender left packets out of the redundancy: one place back is not the packet before. */
START_TEST(test_a_payload_whose_time_is_not_that_of_the_hole_is_not_used) {
	struct red_reader r;
	struct red_block block;
	memset(&taker, 0, sizeof taker);
	ck_assert(red_came(&taker, 10, 9600));
	ck_assert(!red_came(&taker, 10, 9600));
	write_payload(9600, "j", sizeof space);
	int len = write_payload(9600 + 1920, "l", sizeof space);
	/* Number 11 is missing. The earlier payload is that of 10. */
	ck_assert_int_eq(red_read(&r, space, (size_t)len, 9600 + 1920), 0);
	ck_assert(red_take(&taker, &r, 12, &block));
	ck_assert_uint_eq(block.back, 0);
	ck_assert(!red_take(&taker, &r, 12, &block));
	ck_assert_uint_eq(taker.refused, 1);
	ck_assert_uint_eq(taker.repaired, 0);
	/* The packet itself may still come; a jump leaves nothing behind it. */
	ck_assert(red_came(&taker, 11, 9600 + 960));
	ck_assert(red_came(&taker, 12 + RED_WINDOW, 1));
	ck_assert(!red_came(&taker, 12, 9600 + 1920));
	ck_assert(red_came(&taker, 13, 9600 + 2880));
}
END_TEST

START_TEST(test_what_goes_before_a_payload_needs_no_copy_of_it) {
	static uint8_t whole[100];
	static struct red_sender other;
	red_sender_init(&other, 2);
	for (unsigned i = 0; i < 5; i++) {
		const uint8_t payload[3] = {(uint8_t)i, 1, 2};
		int len = red_write(&sender, OPUS, 960 * i, payload, 3, whole, sizeof whole);
		int before = red_before(&other, OPUS, 960 * i, payload, 3, space, sizeof whole);
		ck_assert_int_eq(before + 3, len);
		ck_assert_mem_eq(space, whole, (size_t)before);
	}
}
END_TEST

int main(int argc, char **argv) {
	const TTest *tests[] = {
		test_the_first_packet_has_one_byte_more_than_its_payload,
		test_the_bytes_are_those_of_the_rfc,
		test_two_earlier_payloads_come_oldest_first,
		test_what_does_not_fit_is_left_out_from_the_oldest_on,
		test_silence_of_more_than_14_bits_ends_the_redundancy,
		test_a_payload_above_10_bits_is_sent_once_and_breaks_the_row,
		test_depth_0_writes_the_new_payload_alone,
		test_depth_4_carries_four,
		test_every_cut_within_headers_and_earlier_blocks_is_refused,
		test_without_loss_each_payload_is_news_once,
		test_two_lost_packets_in_a_row_are_repaired_and_of_three_the_last_two,
		test_what_comes_behind_its_repair_is_no_news,
		test_the_stream_begins_with_its_first_packet,
		test_a_payload_whose_time_is_not_that_of_the_hole_is_not_used,
		test_what_goes_before_a_payload_needs_no_copy_of_it,
	};
	return suite_run_each("red", tests, sizeof tests / sizeof *tests, argc > 1 ? argv[1] : NULL, 60, setup);
}
