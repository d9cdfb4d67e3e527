/* The RTO's arithmetic and NewReno's window, rule by rule: RFC 9260, 6.3.1 and 7.2. */
#include "sctp/tx/cc.h"
#include "sctp/tx/rto.h"
#include "suite.h"

#define MS UINT64_C(1000000)
#define MTU 1000u

START_TEST(test_the_first_measurement_sets_srtt_and_half_of_it_as_rttvar) {
	struct rto r;
	rto_init(&r, 1000 * MS, 10 * MS, 60000 * MS);
	ck_assert_uint_eq(r.rto, 1000 * MS);
	rto_measure(&r, 100 * MS);
	ck_assert_uint_eq(r.srtt, 100 * MS);
	ck_assert_uint_eq(r.rttvar, 50 * MS);
	ck_assert_uint_eq(r.rto, 300 * MS);
}
END_TEST

START_TEST(test_later_measurements_move_an_eighth_and_a_quarter) {
	struct rto r;
	rto_init(&r, 1000 * MS, 10 * MS, 60000 * MS);
	rto_measure(&r, 100 * MS);
	rto_measure(&r, 180 * MS);
	ck_assert_uint_eq(r.rttvar, (3 * 50 * MS + 80 * MS) / 4);
	ck_assert_uint_eq(r.srtt, 110 * MS);
	ck_assert_uint_eq(r.min_rtt, 100 * MS);
}
END_TEST

START_TEST(test_the_rto_stays_between_its_bounds_and_doubles_when_backed_off) {
	struct rto r;
	rto_init(&r, 1000 * MS, 300 * MS, 3000 * MS);
	rto_measure(&r, 1 * MS);
	ck_assert_uint_eq(r.rto, 300 * MS);
	for (int i = 0; i < 3; i++)
		rto_back_off(&r);
	ck_assert_uint_eq(r.rto, 2400 * MS);
	rto_back_off(&r);
	ck_assert_uint_eq(r.rto, 3000 * MS);
	rto_measure(&r, 1 * MS);
	ck_assert_uint_eq(r.rto, 300 * MS);
}
END_TEST

static struct cc_view view(uint64_t ssthresh) {
	struct cc_view v = {.ssthresh = ssthresh,
	                    .mtu = MTU,
	                    .config = {.initial_window = 10 * MTU, .max_window = UINT64_MAX},
	                    .rto = 300 * MS};
	cc_newreno.init(&v);
	return v;
}

static void ack(struct cc_view *v, uint64_t bytes, uint64_t flight) {
	cc_newreno.ack(v, &(struct cc_ack){.bytes = bytes, .advanced = true, .cwnd_limited = flight + v->mtu > v->cwnd});
}

START_TEST(test_slow_start_grows_by_what_was_acknowledged) {
	struct cc_view v = view(100 * MTU);
	ck_assert_uint_eq(v.cwnd, 10 * MTU);
	ack(&v, 4 * MTU, 10 * MTU);
	ck_assert_uint_eq(v.cwnd, 14 * MTU);
}
END_TEST

START_TEST(test_a_window_that_is_not_used_does_not_grow) {
	struct cc_view v = view(100 * MTU);
	ack(&v, MTU, 5 * MTU);
	ck_assert_uint_eq(v.cwnd, 10 * MTU);
}
END_TEST

START_TEST(test_congestion_avoidance_adds_one_mtu_per_window) {
	struct cc_view v = view(5 * MTU);
	for (int i = 0; i < 10; i++) {
		ck_assert_uint_eq(v.cwnd, 10 * MTU);
		ack(&v, MTU, 10 * MTU);
	}
	ck_assert_uint_eq(v.cwnd, 11 * MTU);
}
END_TEST

START_TEST(test_loss_halves_and_a_timeout_leaves_one_mtu) {
	struct cc_view v = view(1000 * MTU);
	v.cwnd = 40 * MTU;
	cc_newreno.loss(&v);
	ck_assert_uint_eq(v.cwnd, 20 * MTU);
	ck_assert_uint_eq(v.ssthresh, 20 * MTU);
	cc_newreno.timeout(&v, false);
	ck_assert_uint_eq(v.cwnd, MTU);
	ck_assert_uint_eq(v.ssthresh, 10 * MTU);
	v.cwnd = 2 * MTU;
	cc_newreno.timeout(&v, false);
	ck_assert_uint_eq(v.ssthresh, 4 * MTU);
}
END_TEST

START_TEST(test_recovery_and_duplicate_sacks_do_not_grow_it) {
	struct cc_view v = view(1000 * MTU);
	v.in_recovery = true;
	ack(&v, 4 * MTU, 10 * MTU);
	ck_assert_uint_eq(v.cwnd, 10 * MTU);
	v.in_recovery = false;
	cc_newreno.ack(&v, &(struct cc_ack){.bytes = MTU});
	ck_assert_uint_eq(v.cwnd, 10 * MTU);
}
END_TEST

START_TEST(test_silence_halves_the_window_once_an_rto_down_to_the_initial_one) {
	struct cc_view v = view(1000 * MTU);
	v.cwnd = 100 * MTU;
	cc_newreno.idle(&v, 300 * MS);
	ck_assert_uint_eq(v.cwnd, 50 * MTU);
	cc_newreno.idle(&v, 3600000 * MS);
	ck_assert_uint_eq(v.cwnd, 10 * MTU);
}
END_TEST

SUITE("rto and cc", test_the_first_measurement_sets_srtt_and_half_of_it_as_rttvar,
      test_later_measurements_move_an_eighth_and_a_quarter, test_the_rto_stays_between_its_bounds_and_doubles_when_backed_off,
      test_slow_start_grows_by_what_was_acknowledged, test_a_window_that_is_not_used_does_not_grow,
      test_congestion_avoidance_adds_one_mtu_per_window, test_loss_halves_and_a_timeout_leaves_one_mtu,
      test_recovery_and_duplicate_sacks_do_not_grow_it, test_silence_halves_the_window_once_an_rto_down_to_the_initial_one)
