/* The pacer's bucket: bursts fit for one GSO send, no more than that at once after a silence, and a late timer made up for. */
#include "sctp/tx/pace.h"
#include "suite.h"

#define MS UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)
#define MTU 1188u

/* Sends packets while it may, for so long, with a timer that comes `late` ns after the time it was set to. Returns bytes sent;
 * *burst is the most that left at one instant. */
static uint64_t send_for(struct pace *p, uint64_t rate, uint64_t from, uint64_t until, uint64_t late, uint64_t *burst) {
	uint64_t sent = 0;
	*burst = 0;
	for (uint64_t now = from; now < until;) {
		uint64_t here = 0;
		pace_refill(p, rate, MTU, now);
		while (pace_allows(p)) {
			pace_sent(p, MTU);
			here += MTU;
		}
		sent += here;
		if (here > *burst)
			*burst = here;
		now = pace_release(p, MTU) + late;
	}
	return sent;
}

START_TEST(test_a_quantum_is_a_millisecond_of_the_rate_two_packets_at_least_and_one_send_at_most) {
	ck_assert_uint_eq(pace_quantum(10000000, MTU), 10000);
	ck_assert_uint_eq(pace_quantum(100000, MTU), 2 * MTU);
	ck_assert_uint_eq(pace_quantum(UINT64_C(10000000000), MTU), 65536);
	ck_assert_uint_eq(pace_quantum(UINT64_C(10000000000), 40000), 80000); /* but two packets in any case */
}
END_TEST

START_TEST(test_without_a_rate_everything_may_go) {
	struct pace p = {0};
	pace_refill(&p, 0, MTU, SECOND);
	for (int i = 0; i < 100000; i++) {
		ck_assert(pace_allows(&p));
		pace_sent(&p, MTU);
	}
}
END_TEST

START_TEST(test_over_a_second_the_rate_is_kept_in_bursts_of_a_quantum) {
	static const uint64_t rates[] = {125000, 1250000, 12500000, 125000000};
	for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
		struct pace p = {0};
		uint64_t burst, sent = send_for(&p, rates[i], SECOND, 2 * SECOND, 0, &burst);
		ck_assert_uint_ge(sent * 100, rates[i] * 99);
		ck_assert_uint_le(sent, rates[i] + 10 * MTU + pace_quantum(rates[i], MTU));
		ck_assert_uint_le(burst, 10 * MTU + pace_quantum(rates[i], MTU));
	}
}
END_TEST

START_TEST(test_a_timer_that_is_two_milliseconds_late_costs_nothing) {
	struct pace p = {0};
	uint64_t burst, sent = send_for(&p, 125000000, SECOND, 2 * SECOND, 2 * MS, &burst);
	ck_assert_uint_ge(sent * 100, UINT64_C(125000000) * 98);
}
END_TEST

START_TEST(test_after_a_silence_no_more_goes_at_once_than_the_bucket_holds) {
	struct pace p = {0};
	uint64_t rate = 12500000, burst;
	send_for(&p, rate, SECOND, 2 * SECOND, 0, &burst);
	send_for(&p, rate, 3600 * SECOND, 3600 * SECOND + 1, 0, &burst);
	/* A quantum and three milliseconds, or the initial window. */
	ck_assert_uint_le(burst, pace_quantum(rate, MTU) + rate * 3 / 1000 + MTU);
	ck_assert_uint_gt(burst, 0);
}
END_TEST

START_TEST(test_an_empty_bucket_waits_for_a_quantum_and_not_for_a_packet) {
	struct pace p = {0};
	uint64_t rate = 12500000;
	pace_refill(&p, rate, MTU, SECOND);
	while (pace_allows(&p))
		pace_sent(&p, MTU);
	uint64_t release = pace_release(&p, MTU);
	ck_assert_uint_ge(release, SECOND + MS);
	pace_refill(&p, rate, MTU, release - 10000);
	ck_assert(!pace_allows(&p));
	pace_refill(&p, rate, MTU, release);
	ck_assert(pace_allows(&p));
}
END_TEST

SUITE("pace", test_a_quantum_is_a_millisecond_of_the_rate_two_packets_at_least_and_one_send_at_most,
      test_without_a_rate_everything_may_go, test_over_a_second_the_rate_is_kept_in_bursts_of_a_quantum,
      test_a_timer_that_is_two_milliseconds_late_costs_nothing, test_after_a_silence_no_more_goes_at_once_than_the_bucket_holds,
      test_an_empty_bucket_waits_for_a_quantum_and_not_for_a_packet)
