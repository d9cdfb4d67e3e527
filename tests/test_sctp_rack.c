/* Loss by time, tail loss probes, PRR and undoing: RFC 8985, 6937, 5682. In virtual time, so the times are asserted. */
#include "suite.h"

#include "sctp/tx/prr.h"
#include "sctp/tx/txlog.h"
#include "sim/assert.h"
#include "sim/pair.h"
#include "sim/script.h"

#define RTT (2 * PAIR_DELAY)

static void by_time(sluice_sctp_config *c) {
	c->recovery = SLUICE_RECOVERY_RACK;
	c->congestion_control = SLUICE_CC_NEWRENO;
	c->pacing = SLUICE_PACING_OFF;
}

/* A round trip of 20 ms, measured. */
static void measured(struct pair *p, const struct pair_config *c) {
	pair_start(p, c);
	for (unsigned i = 0; i < 20; i++) {
		pair_send(p, p->a, 0, 3000);
		pair_deliver(p, SLUICE_S);
	}
	sim_run(&p->sim, p->sim.now + SLUICE_S);
}

static void start(struct pair *p, struct pair_config *c) {
	by_time(&c->a);
	measured(p, c);
}

/* The same with a control that forgives, and with a window of so many packets. */
static void start_forgiving(struct pair *p, uint32_t window) {
	struct pair_config c;
	pair_config_init(&c);
	by_time(&c.a);
	c.a.congestion_control = SLUICE_CC_CUBIC;
	c.a.initial_window = window * 1200;
	measured(p, &c);
}

/* Messages that fill a packet each. */
static void send_packets(struct pair *p, unsigned count) {
	while (count-- > 0)
		pair_send(p, p->a, 0, 1100);
}

START_TEST(test_one_sack_is_enough_to_find_a_loss) {
	struct pair_config c;
	struct pair p;
	pair_config_init(&c);
	start(&p, &c);
	struct drop_chunk rule = {.type = WIRE_DATA, .from = 1, .count = 1};
	link_filter(p.ab, drop_chunk, &rule);
	uint64_t at = p.sim.now;
	pair_send(&p, p.a, 0, 6000);
	pair_deliver(&p, SLUICE_S);
	sluice_sctp_stats st = sctp_host_stats(p.a);
	ck_assert_uint_eq(rule.dropped, 1);
	ck_assert_uint_eq(st.rack_losses, 1);
	ck_assert_uint_eq(st.retransmitted_chunks, 1);
	ck_assert_uint_eq(st.recoveries, 1);
	ck_assert_uint_eq(st.timeouts, 0);
	/* Half a round trip, one until the SACK came, half for what was sent again; and at most the reordering window. */
	ck_assert_uint_le(p.b->last_message_at - at, RTT + RTT / 2 + RTT / 2);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_lost_retransmission_is_found_without_t3) {
	struct pair_config c;
	struct pair p;
	pair_config_init(&c);
	start(&p, &c);
	struct drop_chunk rule = {.type = WIRE_DATA, .from = 0, .count = 1}, again = {.type = WIRE_DATA, .from = 5, .count = 1};
	link_filter(p.ab, drop_chunk, &rule);
	link_filter(p.ab, drop_chunk, &again); /* sees what the first lets pass: 1 to 5, then what is sent again */
	pair_send(&p, p.a, 0, 6900);
	for (unsigned i = 0; i < 20; i++) {
		sim_run(&p.sim, p.sim.now + 5 * SLUICE_MS);
		pair_send(&p, p.a, 0, 100);
	}
	pair_deliver(&p, SLUICE_S);
	ck_assert_uint_eq(again.dropped, 1);
	ck_assert_uint_ge(sctp_host_stats(p.a).retransmitted_chunks, 2);
	ck_assert_uint_eq(sctp_host_stats(p.a).timeouts, 0);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_lost_tail_is_probed_and_t3_does_not_expire) {
	struct pair_config c;
	struct pair p;
	pair_config_init(&c);
	start(&p, &c);
	struct drop_chunk rule = {.type = WIRE_DATA, .from = 4, .count = 1};
	link_filter(p.ab, drop_chunk, &rule);
	uint64_t at = p.sim.now;
	pair_send(&p, p.a, 0, 5 * 1100);
	pair_deliver(&p, SLUICE_S);
	sluice_sctp_stats st = sctp_host_stats(p.a);
	ck_assert_uint_eq(rule.dropped, 1);
	ck_assert_uint_eq(st.tail_probes, 1);
	ck_assert_uint_eq(st.timeouts, 0);
	ck_assert_uint_le(p.b->last_message_at - at, 3 * RTT);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_tail_that_may_not_be_sent_again_is_not_given_up_by_a_probe) {
	struct pair_config c;
	struct pair p;
	pair_config_init(&c);
	start(&p, &c);
	p.ab->config.delay = PAIR_DELAY + 150 * SLUICE_MS; /* late, not lost */
	sluice_send_info once = {.reliability = SLUICE_MAX_RETRANSMITS};
	pair_send_as(&p, p.a, once, 100);
	sim_run(&p.sim, p.sim.now + SLUICE_S);
	ck_assert_uint_eq(p.a->abandoned, 0);
	ck_assert_uint_eq(sctp_host_stats(p.a).messages_abandoned, 0);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_timeout_for_packets_that_were_only_late_is_taken_back) {
	struct pair_config c;
	struct pair p;
	pair_config_init(&c);
	start(&p, &c);
	uint64_t cwnd = sctp_host_stats(p.a).cwnd;
	p.ab->config.delay = PAIR_DELAY + 500 * SLUICE_MS;
	send_packets(&p, 6);
	sim_run(&p.sim, p.sim.now + 100 * SLUICE_MS);
	pair_deliver(&p, 5 * SLUICE_S);
	sim_run(&p.sim, p.sim.now + SLUICE_S);
	sluice_sctp_stats st = sctp_host_stats(p.a);
	ck_assert_uint_ge(st.timeouts, 1);
	ck_assert_uint_ge(st.reductions_undone, 1);
	ck_assert_uint_ge(st.cwnd, cwnd);
	pair_free(&p);
}
END_TEST

START_TEST(test_reordering_leaves_no_reduction_standing) {
	struct pair_config c;
	struct pair p;
	pair_config_init(&c);
	c.a.high_water = UINT64_C(2) << 20;
	c.ab.rate = c.ba.rate = 10000000;
	c.ab.reorder = 0.05;
	c.ab.reorder_delay = 0;
	c.ab.reorder_jitter = 10 * SLUICE_MS;
	start(&p, &c);
	uint64_t at = p.sim.now;
	for (unsigned i = 0; i < 150; i++)
		pair_send(&p, p.a, 0, 10000);
	pair_deliver(&p, 20 * SLUICE_S);
	double rate = 150 * 10000 * 8e9 / (double)(p.b->last_message_at - at);
	sluice_sctp_stats st = sctp_host_stats(p.a);
	ck_assert_uint_ge(st.reordering_seen, 1);
	ck_assert_uint_le(st.recoveries, st.reductions_undone + 1);
	ck_assert_double_ge(rate, 8.5e6);
	pair_free(&p);
}
END_TEST

START_TEST(test_an_outage_of_two_seconds_is_over_a_second_after_the_line_is_back) {
	struct pair_config c;
	struct pair p;
	pair_config_init(&c);
	start(&p, &c);
	pair_send(&p, p.a, 0, 5000);
	p.ab->config.outage_from = p.ba->config.outage_from = p.sim.now;
	uint64_t back = p.ab->config.outage_to = p.ba->config.outage_to = p.sim.now + 2 * SLUICE_S;
	pair_deliver(&p, 20 * SLUICE_S);
	ck_assert_uint_ge(p.b->last_message_at, back);
	ck_assert_uint_le(p.b->last_message_at - back, SLUICE_S);
	pair_free(&p);
}
END_TEST

/* Until the peer that is gone is given up. */
static uint64_t given_up_after(enum sluice_recovery recovery, unsigned *packets) {
	struct pair_config c;
	struct pair p;
	pair_config_init(&c);
	c.a.recovery = recovery;
	c.a.association_max_retransmits = 5;
	pair_start(&p, &c);
	pair_send(&p, p.a, 0, 100);
	pair_deliver(&p, SLUICE_S);
	p.b->host->down = true;
	ledger_forgive(&p.to_b);
	unsigned before = recorder_count(&p.recorder, true, WIRE_DATA);
	uint64_t at = p.sim.now;
	pair_send(&p, p.a, 0, 100);
	ck_assert(SIM_UNTIL(&p.sim, at + 100 * SLUICE_S, p.a->ended));
	ck_assert_int_eq(p.a->end_error, SLUICE_TIMED_OUT);
	*packets = recorder_count(&p.recorder, true, WIRE_DATA) - before;
	uint64_t after = p.a->ended_at - at;
	pair_free(&p);
	return after;
}

START_TEST(test_probes_of_a_silent_path_neither_hasten_nor_put_off_its_end) {
	unsigned packets, probing;
	uint64_t classic = given_up_after(SLUICE_RECOVERY_RFC9260, &packets);
	uint64_t rack = given_up_after(SLUICE_RECOVERY_RACK, &probing);
	ck_assert_uint_ge(rack, classic);
	ck_assert_uint_le(rack, classic + SLUICE_S); /* the tail loss probe starts T3 anew, once */
	ck_assert_uint_gt(probing, packets);
	ck_assert_uint_le(probing, 3 + rack / (400 * SLUICE_MS) + packets);
}
END_TEST

START_TEST(test_what_a_peer_takes_back_and_never_gets_is_sent_again) {
	sluice_sctp_config c;
	struct script s;
	sluice_sctp_config_init(&c);
	by_time(&c);
	script_init(&s, &c);
	ck_assert(script_open_passive(&s));
	uint8_t message[1000] = {1};
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(sluice_sctp_send(s.sctp, &(sluice_send_info){0}, message, sizeof message), 0);
	script_collect(&s);
	script_skip(&s);
	s.now += 10 * SLUICE_MS;
	script_give_sack(&s, s.remote_tsn, s.rwnd, (uint16_t[]){2, 2}, 1);
	script_give_sack(&s, s.remote_tsn + 1, s.rwnd, NULL, 0); /* the third is taken back */
	script_skip(&s);
	script_run(&s, s.now + 5 * SLUICE_S);
	struct wire_chunk chunk;
	struct wire_data d;
	ck_assert_ptr_nonnull(script_expect(&s, WIRE_DATA, &chunk));
	ck_assert_int_eq(wire_data_read(&chunk, &d), 0);
	ck_assert_uint_eq(d.tsn, s.remote_tsn + 2);
	script_free(&s);
}
END_TEST

START_TEST(test_prr_sends_a_share_of_what_is_delivered_and_ends_at_ssthresh) {
	struct prr p;
	uint64_t flight = 100000, sent = 0;
	prr_begin(&p, flight);
	flight -= 5000; /* lost */
	for (unsigned i = 0; i < 95; i++) {
		flight -= 1000;
		prr_ack(&p, 1000, flight, 50000, 1000);
		ck_assert_uint_le(p.allowed, 2000); /* no burst */
		uint64_t now = p.allowed;
		prr_sent(&p, now);
		flight += now;
		sent += now;
	}
	ck_assert_uint_ge(flight, 48000);
	ck_assert_uint_le(flight, 50000);
	ck_assert_uint_gt(sent, 40000);
}
END_TEST

START_TEST(test_the_delivery_rate_is_the_slower_of_sending_and_acknowledging) {
	sluice_env *env;
	struct txlog l;
	struct tx_rate rate;
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	txlog_init(&l, env);
	ck_assert(txlog_reserve(&l));
	uint64_t first = txlog_put(&l, 1, 1000, 0, false, SLUICE_S);
	txlog_close(&l);
	ck_assert(txlog_reserve(&l));
	uint64_t second = txlog_put(&l, 2, 1000, 1000, false, SLUICE_S + 10 * SLUICE_MS);
	txlog_close(&l);
	l.delivered = 1000;
	txlog_sample(&l, txlog_record(&l, first), 20 * SLUICE_MS, SLUICE_S + 20 * SLUICE_MS, &rate);
	ck_assert_uint_eq(rate.rate, 50000); /* 1000 bytes in 20 ms */
	txlog_take(&l, (uint32_t)first);
	l.delivered = 2000;
	txlog_sample(&l, txlog_record(&l, second), 20 * SLUICE_MS, SLUICE_S + 40 * SLUICE_MS, &rate);
	ck_assert_uint_eq(rate.rate, 50000); /* 2000 in 40 */
	ck_assert_uint_eq(rate.tx_in_flight, 2000);
	txlog_take(&l, (uint32_t)second);
	ck_assert(txlog_check(&l));
	txlog_free(&l);
	sluice_env_free(env);
}
END_TEST

START_TEST(test_a_loss_by_chance_is_forgiven_and_counted) {
	struct pair p;
	start_forgiving(&p, 60);
	struct drop_chunk rule = {.type = WIRE_DATA, .from = 10, .count = 1};
	link_filter(p.ab, drop_chunk, &rule);
	uint32_t cwnd = sctp_host_stats(p.a).cwnd;
	send_packets(&p, 40);
	pair_deliver(&p, SLUICE_S);
	sluice_sctp_stats st = sctp_host_stats(p.a);
	ck_assert_uint_eq(rule.dropped, 1);
	ck_assert_uint_eq(st.rack_losses, 1);
	ck_assert_uint_eq(st.losses_forgiven, 1);
	ck_assert_uint_eq(st.recoveries, 0);
	ck_assert_uint_ge(st.cwnd, cwnd);
	pair_free(&p);
}
END_TEST

/* The two packets behind the burst arrive: too few to prove a loss, so the timer of RACK finds all of it at once. */
START_TEST(test_a_burst_that_a_timer_finds_is_not_forgiven) {
	struct pair p;
	start_forgiving(&p, 60);
	struct drop_chunk rule = {.type = WIRE_DATA, .from = 0, .count = 38};
	link_filter(p.ab, drop_chunk, &rule);
	send_packets(&p, 40);
	pair_deliver(&p, SLUICE_S);
	sluice_sctp_stats st = sctp_host_stats(p.a);
	ck_assert_uint_eq(rule.dropped, 38);
	ck_assert_uint_eq(st.timeouts, 0);
	ck_assert_uint_eq(st.losses_forgiven, 0);
	ck_assert_uint_eq(st.recoveries, 1);
	pair_free(&p);
}
END_TEST

/* A window of eight packets forgives nothing: one packet is more than a twelfth of it. */
START_TEST(test_a_loss_that_a_probe_mended_is_counted_before_it_is_judged) {
	struct pair p;
	start_forgiving(&p, 8);
	struct drop_chunk rule = {.type = WIRE_DATA, .from = 4, .count = 1};
	link_filter(p.ab, drop_chunk, &rule);
	uint32_t cwnd = sctp_host_stats(p.a).cwnd;
	pair_send(&p, p.a, 0, 5 * 1100);
	pair_deliver(&p, SLUICE_S);
	pair_send(&p, p.a, 0, 100); /* with its SACK the peer would report the tail as a duplicate */
	pair_deliver(&p, SLUICE_S);
	sluice_sctp_stats st = sctp_host_stats(p.a);
	ck_assert_uint_eq(rule.dropped, 1);
	ck_assert_uint_eq(st.tail_probes, 1);
	ck_assert_uint_eq(st.losses_forgiven, 0);
	ck_assert_uint_lt(st.cwnd, cwnd);
	pair_free(&p);
}
END_TEST

/* An outage takes a whole window. That is no sign of too much: the window was reduced for it, and the next loss by chance is
 * forgiven. */
START_TEST(test_what_t3_found_is_not_held_against_the_next_loss) {
	struct pair p;
	start_forgiving(&p, 60);
	uint64_t at = p.sim.now;
	p.ab->config.outage_from = at;
	p.ab->config.outage_to = at + 100 * SLUICE_MS;
	send_packets(&p, 50);
	pair_deliver(&p, 10 * SLUICE_S);
	ck_assert_uint_eq(sctp_host_stats(p.a).timeouts, 1);
	send_packets(&p, 50);
	pair_deliver(&p, 10 * SLUICE_S);
	ck_assert_uint_eq(sctp_host_stats(p.a).losses_forgiven, 0);
	struct drop_chunk rule = {.type = WIRE_DATA, .from = 5, .count = 1};
	link_filter(p.ab, drop_chunk, &rule);
	send_packets(&p, 20);
	pair_deliver(&p, SLUICE_S);
	sluice_sctp_stats st = sctp_host_stats(p.a);
	ck_assert_uint_eq(rule.dropped, 1);
	ck_assert_uint_eq(st.losses_forgiven, 1);
	pair_free(&p);
}
END_TEST

/* The second acknowledgement proves that T3 was wrong, after the first one has reported what T3 had taken for lost. */
START_TEST(test_what_was_not_lost_after_all_is_no_huge_loss) {
	struct pair_config c;
	struct pair p;
	pair_config_init(&c);
	by_time(&c.a);
	c.a.congestion_control = SLUICE_CC_BBR;
	c.a.initial_window = 60 * 1200;
	measured(&p, &c);
	uint32_t cwnd = sctp_host_stats(p.a).cwnd;
	p.ab->config.delay = PAIR_DELAY + 500 * SLUICE_MS;
	p.ba->config.coalesce = 10 * SLUICE_MS; /* so the two come before anything more is sent again */
	for (unsigned i = 0; i < 40; i++) {
		pair_send(&p, p.a, 0, 1100);
		sim_run(&p.sim, p.sim.now + SLUICE_MS);
	}
	pair_deliver(&p, 5 * SLUICE_S);
	sluice_sctp_stats st = sctp_host_stats(p.a);
	ck_assert_uint_ge(st.spurious_timeouts, 1);
	ck_assert_uint_ge(st.cwnd, cwnd / 2);
	pair_free(&p);
}
END_TEST

SUITE("sctp rack", test_one_sack_is_enough_to_find_a_loss, test_a_lost_retransmission_is_found_without_t3,
      test_a_lost_tail_is_probed_and_t3_does_not_expire, test_a_tail_that_may_not_be_sent_again_is_not_given_up_by_a_probe,
      test_a_timeout_for_packets_that_were_only_late_is_taken_back, test_reordering_leaves_no_reduction_standing,
      test_an_outage_of_two_seconds_is_over_a_second_after_the_line_is_back,
      test_probes_of_a_silent_path_neither_hasten_nor_put_off_its_end, test_what_a_peer_takes_back_and_never_gets_is_sent_again,
      test_prr_sends_a_share_of_what_is_delivered_and_ends_at_ssthresh,
      test_the_delivery_rate_is_the_slower_of_sending_and_acknowledging, test_a_loss_by_chance_is_forgiven_and_counted,
      test_a_burst_that_a_timer_finds_is_not_forgiven, test_a_loss_that_a_probe_mended_is_counted_before_it_is_judged,
      test_what_t3_found_is_not_held_against_the_next_loss, test_what_was_not_lost_after_all_is_no_huge_loss)
