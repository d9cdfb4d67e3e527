/* Is every packet of the transport reported, when it is due, and with the time at which it came? */
#include "rtp/twcc.h"

#include "sluice/error.h"
#include "suite.h"

#define MS SLUICE_MS

static struct twcc t;
static uint8_t space[1200];
static struct rtcp_writer w;

static void setup(void) {
	twcc_init(&t);
}

static void take(unsigned sequence, uint64_t now) {
	twcc_take(&t, (uint16_t)sequence, 1200, now);
	ck_assert(twcc_check(&t));
}

/* Returns the number of feedback packets; their statuses are added to the lists. */
static uint16_t numbers[8192];
static uint64_t times[8192]; /* SLUICE_NEVER: did not come */
static size_t statuses;

static unsigned output(uint64_t now) {
	unsigned packets = 0;
	for (int result = SLUICE_NO_SPACE; result == SLUICE_NO_SPACE;) {
		w = rtcp_writer_of(space, sizeof space);
		result = twcc_output(&t, &w, 1, 2, now);
		ck_assert(twcc_check(&t));
		struct rtcp_reader r = rtcp_reader_of(space, w.len);
		struct rtcp_packet p;
		for (; rtcp_next(&r, &p); packets++) {
			ck_assert_int_eq(p.kind, RTCP_TWCC);
			ck_assert_uint_eq(p.media, 2);
			struct rtcp_twcc_iterator it = rtcp_twcc_begin(&p.twcc);
			struct rtcp_arrival a;
			while (rtcp_twcc_next(&it, &a)) {
				numbers[statuses] = a.sequence;
				times[statuses++] = a.received ? p.twcc.reference * 64 * MS + (uint64_t)a.ticks * 250000
				                               : SLUICE_NEVER;
			}
		}
		ck_assert_uint_eq(r.malformed, 0);
	}
	return packets;
}

START_TEST(test_arrivals_are_reported_50_ms_after_the_first) {
	take(65534, 1000 * MS);
	take(65535, 1010 * MS);
	take(1, 1020 * MS);
	ck_assert_uint_eq(twcc_deadline(&t), 1050 * MS);
	ck_assert_uint_eq(output(1049 * MS), 0);
	/* The ring's edge lies at the wrap: one packet before it, one behind. */
	ck_assert_uint_eq(output(1050 * MS), 2);
	ck_assert_uint_eq(statuses, 4);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_uint_eq(numbers[i], (uint16_t)(65534 + i));
	ck_assert_uint_eq(times[0], 1000 * MS);
	ck_assert_uint_eq(times[1], 1010 * MS);
	ck_assert_uint_eq(times[2], SLUICE_NEVER);
	ck_assert_uint_eq(times[3], 1020 * MS);
	ck_assert_uint_eq(twcc_deadline(&t), SLUICE_NEVER);
}
END_TEST

START_TEST(test_feedback_numbers_count_up) {
	for (unsigned i = 0; i < 3; i++) {
		take(i, 1000 * MS + i * 300 * MS);
		ck_assert_uint_eq(output(1250 * MS + i * 300 * MS), 1);
		struct rtcp_reader r = rtcp_reader_of(space, w.len);
		struct rtcp_packet p;
		ck_assert(rtcp_next(&r, &p));
		ck_assert_uint_eq(p.twcc.feedback, i);
	}
}
END_TEST

/* A twentieth of the rate: 544 bits each 50 ms at 217.6 kb/s and above, each 250 ms at 43.5 kb/s and below. */
START_TEST(test_the_interval_follows_the_rate) {
	const struct {
		uint64_t every, interval;
	} rows[] = {{10 * MS, 50 * MS}, {96 * MS, 108800 * SLUICE_US}, {400 * MS, 250 * MS}};
	for (unsigned row = 0; row < 3; row++) {
		twcc_init(&t);
		uint64_t now = 1000 * MS, due = 0;
		for (unsigned i = 0; i < 400; i++, now += rows[row].every) {
			while (twcc_deadline(&t) <= now) {
				due = twcc_deadline(&t);
				statuses = 0;
				output(due);
			}
			take(i, now);
		}
		ck_assert_uint_ge(t.interval, rows[row].interval * 7 / 10);
		ck_assert_uint_le(t.interval, rows[row].interval * 13 / 10);
	}
}
END_TEST

START_TEST(test_a_packet_behind_its_report_is_reported_with_what_follows) {
	take(10, 1000 * MS);
	take(12, 1001 * MS);
	take(13, 1002 * MS);
	output(1050 * MS);
	ck_assert_uint_eq(statuses, 4);
	take(11, 1100 * MS);
	ck_assert_uint_lt(twcc_deadline(&t), SLUICE_NEVER);
	statuses = 0;
	output(1400 * MS);
	ck_assert_uint_eq(statuses, 3);
	ck_assert_uint_eq(numbers[0], 11);
	ck_assert_uint_eq(times[0], 1100 * MS);
	ck_assert_uint_eq(times[1], 1001 * MS);
}
END_TEST

START_TEST(test_a_duplicate_keeps_its_first_time) {
	take(10, 1000 * MS);
	take(11, 1001 * MS);
	take(10, 1020 * MS);
	take(11, 1020 * MS);
	output(1050 * MS);
	ck_assert_uint_eq(times[0], 1000 * MS);
	ck_assert_uint_eq(times[1], 1001 * MS);
	ck_assert_uint_eq(t.duplicates, 2);
}
END_TEST

START_TEST(test_half_a_ring_without_report_is_due_at_once) {
	for (unsigned i = 0; i < TWCC_RING / 2; i++)
		take(i, 1000 * MS);
	ck_assert_uint_eq(twcc_deadline(&t), 1050 * MS);
	take(TWCC_RING / 2, 1001 * MS);
	take(TWCC_RING / 2 + 1, 1001 * MS);
	ck_assert_uint_eq(twcc_deadline(&t), 1001 * MS);
	output(1001 * MS);
	ck_assert_uint_eq(statuses, TWCC_RING / 2 + 2);
}
END_TEST

START_TEST(test_without_any_report_the_oldest_of_the_ring_are_forgotten) {
	for (unsigned i = 0; i < 3 * TWCC_RING + 100; i++)
		take(i, 1000 * MS);
	output(1050 * MS);
	ck_assert_uint_eq(statuses, TWCC_RING);
	ck_assert_uint_eq(numbers[0], 2 * TWCC_RING + 100);
}
END_TEST

START_TEST(test_a_jump_beyond_the_ring_begins_anew) {
	take(0, 1000 * MS);
	take(5000, 1001 * MS);
	output(1050 * MS);
	ck_assert_uint_eq(statuses, 1);
	ck_assert_uint_eq(numbers[0], 5000);
	ck_assert_uint_eq(t.restarts, 1);
	take(1, 1060 * MS);
	ck_assert_uint_eq(t.late, 1);
}
END_TEST

START_TEST(test_a_report_over_the_edge_of_the_ring_misses_nothing) {
	for (unsigned i = 4000; i < 4200; i++)
		if (i % 3 != 0)
			take(i, 1000 * MS + i * SLUICE_US);
	ck_assert_uint_eq(output(1100 * MS), 2);
	ck_assert_uint_eq(statuses, 200);
	for (unsigned i = 0; i < statuses; i++) {
		ck_assert_uint_eq(numbers[i], 4000 + i);
		ck_assert((times[i] == SLUICE_NEVER) == ((4000 + i) % 3 == 0));
	}
}
END_TEST

START_TEST(test_a_small_datagram_takes_a_part_and_the_next_one_the_rest) {
	for (unsigned i = 0; i < 1500; i++)
		take(i, 1000 * MS + i * MS / 4 * 3);
	ck_assert_uint_ge(output(3000 * MS), 2);
	ck_assert_uint_eq(statuses, 1500);
	for (unsigned i = 0; i < 1500; i++)
		ck_assert_uint_eq(numbers[i], i);
}
END_TEST

int main(int argc, char **argv) {
	const TTest *tests[] = {
		test_arrivals_are_reported_50_ms_after_the_first,
		test_feedback_numbers_count_up,
		test_the_interval_follows_the_rate,
		test_a_packet_behind_its_report_is_reported_with_what_follows,
		test_a_duplicate_keeps_its_first_time,
		test_half_a_ring_without_report_is_due_at_once,
		test_without_any_report_the_oldest_of_the_ring_are_forgotten,
		test_a_jump_beyond_the_ring_begins_anew,
		test_a_report_over_the_edge_of_the_ring_misses_nothing,
		test_a_small_datagram_takes_a_part_and_the_next_one_the_rest,
	};
	return suite_run_each("twcc", tests, sizeof tests / sizeof *tests, argc > 1 ? argv[1] : NULL, 60, setup);
}
