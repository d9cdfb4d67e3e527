/* Timers, retransmission and congestion: RFC 9260, 6.3, 7 and 8. In virtual time, so the times are asserted. */
#include "suite.h"

#include "sim/assert.h"
#include "sim/direct.h"
#include "sim/pair.h"
#include "sim/script.h"

/* The rules of RFC 9260 alone. */
static const sluice_sctp_config *by_the_book(sluice_sctp_config *c) {
	c->recovery = SLUICE_RECOVERY_RFC9260;
	c->congestion_control = SLUICE_CC_NEWRENO;
	c->pacing = SLUICE_PACING_OFF;
	return c;
}

static const sluice_sctp_config *book(void) {
	static sluice_sctp_config c;
	sluice_sctp_config_init(&c);
	return by_the_book(&c);
}

static void pair_by_the_book(struct pair_config *c) {
	pair_config_init(c);
	by_the_book(&c->a);
	by_the_book(&c->b);
}

/* A link on which packets come one after the other, as on a real line: a millisecond for 1250 bytes. */
static struct pair_config line(void) {
	struct pair_config c;
	pair_by_the_book(&c);
	c.ab.rate = c.ba.rate = 10000000;
	return c;
}

START_TEST(test_a_hole_in_a_burst_is_mended_without_waiting_for_t3) {
	struct pair_config c = line();
	struct pair p;
	pair_start(&p, &c);
	for (unsigned i = 0; i < 4; i++)
		pair_send(&p, p.a, 0, 1000);
	pair_deliver(&p, SLUICE_S);
	struct drop_chunk rule = {.type = WIRE_DATA, .from = 2, .count = 1};
	link_filter(p.ab, drop_chunk, &rule);
	uint64_t start = p.sim.now;
	for (unsigned i = 0; i < 10; i++)
		pair_send(&p, p.a, 0, 1100);
	pair_deliver(&p, SLUICE_S);
	ck_assert_uint_eq(rule.dropped, 1);
	ck_assert_uint_ge(sctp_host_stats(p.a).fast_retransmits, 1);
	ck_assert_uint_eq(sctp_host_stats(p.a).timeouts, 0);
	ck_assert_uint_eq(sctp_host_stats(p.a).retransmitted_chunks, 1);
	ck_assert_uint_le(p.b->last_message_at - start, 60 * SLUICE_MS);
	pair_free(&p);
}
END_TEST

START_TEST(test_three_miss_indications_make_a_fast_retransmit_and_two_do_not) {
	struct script s;
	script_init(&s, book());
	ck_assert(script_open_passive(&s));
	uint8_t message[1000] = {1};
	for (unsigned i = 0; i < 6; i++)
		ck_assert_int_eq(sluice_sctp_send(s.sctp, &(sluice_send_info){0}, message, sizeof message), 0);
	script_collect(&s);
	ck_assert_uint_eq(script_pending(&s, WIRE_DATA), 6);
	script_skip(&s);
	uint32_t before = s.remote_tsn - 1;
	s.now += 10 * SLUICE_MS;
	script_give_sack(&s, before, s.rwnd, (uint16_t[]){2, 2}, 1);
	script_give_sack(&s, before, s.rwnd, (uint16_t[]){2, 3}, 1);
	ck_assert_uint_eq(script_pending(&s, WIRE_DATA), 0);
	script_give_sack(&s, before, s.rwnd, (uint16_t[]){2, 4}, 1);
	struct wire_chunk c;
	struct wire_data d;
	ck_assert_ptr_nonnull(script_expect(&s, WIRE_DATA, &c));
	ck_assert_int_eq(wire_data_read(&c, &d), 0);
	ck_assert_uint_eq(d.tsn, s.remote_tsn);
	script_free(&s);
}
END_TEST

START_TEST(test_the_first_two_sacks_of_a_hole_let_new_data_out_one_for_one) {
	/* RFC 3042, limited transmit: on the first two such acknowledgements new data is sent, if the peer's window allows it, so
	 * that there will be a third. What a gap block acknowledges is in flight no more, so here the window itself sees to
	 * that. */
	struct script s;
	script_init(&s, book());
	ck_assert(script_open_passive(&s));
	uint8_t message[1000] = {1};
	for (unsigned i = 0; i < 20; i++)
		ck_assert_int_eq(sluice_sctp_send(s.sctp, &(sluice_send_info){0}, message, sizeof message), 0);
	script_collect(&s);
	unsigned sent = script_pending(&s, WIRE_DATA);
	ck_assert_uint_lt(sent, 18); /* cwnd is full */
	script_skip(&s);
	s.now += 10 * SLUICE_MS;
	for (uint16_t last = 2; last <= 3; last++) {
		script_give_sack(&s, s.remote_tsn - 1, s.rwnd, (uint16_t[]){2, last}, 1);
		struct wire_chunk c;
		struct wire_data d;
		ck_assert_uint_eq(script_pending(&s, WIRE_DATA), 1);
		ck_assert_ptr_nonnull(script_expect(&s, WIRE_DATA, &c));
		ck_assert_int_eq(wire_data_read(&c, &d), 0);
		ck_assert_uint_eq(d.tsn, s.remote_tsn + sent++);
	}
	sluice_sctp_stats stats;
	sluice_sctp_stats_get(s.sctp, &stats);
	ck_assert_uint_eq(stats.retransmitted_chunks, 0);
	script_free(&s);
}
END_TEST

START_TEST(test_a_repeated_sack_is_no_miss_indication) {
	/* RFC 9260, 7.2.4: "miss indications SHOULD follow the HTNA (Highest TSN Newly Acknowledged) algorithm". */
	struct script s;
	script_init(&s, book());
	ck_assert(script_open_passive(&s));
	uint8_t message[1000] = {1};
	for (unsigned i = 0; i < 6; i++)
		ck_assert_int_eq(sluice_sctp_send(s.sctp, &(sluice_send_info){0}, message, sizeof message), 0);
	script_collect(&s);
	script_skip(&s);
	s.now += 10 * SLUICE_MS;
	for (unsigned i = 0; i < 10; i++)
		script_give_sack(&s, s.remote_tsn - 1, s.rwnd, (uint16_t[]){2, 2}, 1);
	ck_assert_uint_eq(script_pending(&s, WIRE_DATA), 0);
	script_free(&s);
}
END_TEST

START_TEST(test_a_lost_tail_is_sent_again_when_t3_expires) {
	struct pair_config c = line();
	struct pair p;
	pair_start(&p, &c);
	pair_send(&p, p.a, 0, 1000);
	pair_deliver(&p, SLUICE_S);
	struct drop_chunk rule = {.type = WIRE_DATA, .count = 1};
	link_filter(p.ab, drop_chunk, &rule);
	uint64_t start = p.sim.now;
	pair_send(&p, p.a, 0, 1000);
	pair_deliver(&p, 5 * SLUICE_S);
	ck_assert_uint_eq(sctp_host_stats(p.a).timeouts, 1);
	ck_assert_uint_ge(p.b->last_message_at - start, 300 * SLUICE_MS); /* rto_min */
	ck_assert_uint_le(p.b->last_message_at - start, 350 * SLUICE_MS);
	pair_free(&p);
}
END_TEST

START_TEST(test_t3_backs_off_and_the_peer_that_is_gone_is_given_up) {
	struct pair_config c;
	pair_by_the_book(&c);
	c.a.association_max_retransmits = 5;
	struct pair p;
	pair_start(&p, &c);
	pair_send(&p, p.a, 0, 100);
	pair_deliver(&p, SLUICE_S);
	p.b->host->down = true;
	ledger_forgive(&p.to_b);
	unsigned before = recorder_count(&p.recorder, true, WIRE_DATA);
	uint64_t start = p.sim.now;
	pair_send(&p, p.a, 0, 100);
	ck_assert(SIM_UNTIL(&p.sim, start + 100 * SLUICE_S, p.a->ended));
	ck_assert_int_eq(p.a->end_error, SLUICE_TIMED_OUT);
	ck_assert_int_eq(sctp_host_state(p.a), SLUICE_SCTP_CLOSED);
	/* One and five more, 0.3, 0.6, 1.2, 2.4 and 3 s apart, and 3 s more to give up. */
	ck_assert_uint_eq(recorder_count(&p.recorder, true, WIRE_DATA) - before, 6);
	uint64_t expected = 300 * SLUICE_MS;
	for (unsigned i = 1; i < 6; i++) {
		uint64_t gap = recorder_find(&p.recorder, true, WIRE_DATA, before + i)->at -
		               recorder_find(&p.recorder, true, WIRE_DATA, before + i - 1)->at;
		ck_assert_uint_eq(gap, expected);
		expected = 2 * expected < 3 * SLUICE_S ? 2 * expected : 3 * SLUICE_S;
	}
	ck_assert_uint_eq(p.a->ended_at - start, 10500 * SLUICE_MS);
	pair_free(&p);
}
END_TEST

START_TEST(test_an_answer_resets_the_error_count) {
	struct pair_config c;
	pair_by_the_book(&c);
	c.a.association_max_retransmits = 3;
	struct pair p;
	pair_start(&p, &c);
	for (unsigned i = 0; i < 10; i++) {
		struct drop_chunk rule = {.type = WIRE_DATA, .count = 2};
		link_filter(p.ab, drop_chunk, &rule);
		pair_send(&p, p.a, 0, 100);
		pair_deliver(&p, 10 * SLUICE_S);
		ck_assert_uint_eq(sctp_host_stats(p.a).error_count, 0);
		p.ab->filter_count--;
	}
	pair_free(&p);
}
END_TEST

START_TEST(test_a_peer_that_vanished_while_idle_is_noticed_by_heartbeats) {
	struct pair_config c;
	pair_by_the_book(&c);
	c.a.heartbeat_interval = SLUICE_S;
	c.a.association_max_retransmits = 4;
	struct pair p;
	pair_start(&p, &c);
	sim_run(&p.sim, p.sim.now + 30 * SLUICE_S);
	ck_assert_uint_eq(p.a->ended, 0);
	ck_assert_uint_ge(sctp_host_stats(p.a).heartbeat_acks_received, 10);
	ck_assert_uint_le(sctp_host_stats(p.a).heartbeats_sent, 31);
	p.b->host->down = true;
	uint64_t start = p.sim.now;
	ck_assert(SIM_UNTIL(&p.sim, start + 100 * SLUICE_S, p.a->ended));
	ck_assert_int_eq(p.a->end_error, SLUICE_TIMED_OUT);
	ck_assert_uint_ge(p.a->ended_at - start, 4 * SLUICE_S);
	ck_assert_uint_le(p.a->ended_at - start, 30 * SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_without_heartbeats_an_idle_association_is_silent_and_never_wakes) {
	struct pair_config c;
	pair_by_the_book(&c);
	c.a.heartbeat_interval = c.b.heartbeat_interval = SLUICE_NEVER;
	struct pair p;
	pair_start(&p, &c);
	pair_send(&p, p.a, 0, 100);
	pair_deliver(&p, SLUICE_S);
	sim_run(&p.sim, p.sim.now + SLUICE_S);
	ck_assert(sluice_sctp_deadline(p.a->sctp) == SLUICE_NEVER);
	ck_assert(sluice_sctp_deadline(p.b->sctp) == SLUICE_NEVER);
	size_t packets = p.recorder.count;
	sim_run(&p.sim, p.sim.now + 1000 * SLUICE_S);
	ck_assert_uint_eq(p.recorder.count, packets);
	pair_free(&p);
}
END_TEST

START_TEST(test_the_round_trip_time_is_measured) {
	struct pair_config c;
	pair_by_the_book(&c);
	c.ab.delay = 60 * SLUICE_MS;
	c.ba.delay = 40 * SLUICE_MS;
	struct pair p;
	pair_start(&p, &c);
	for (unsigned i = 0; i < 200; i++) {
		pair_send(&p, p.a, 0, 3000);
		pair_deliver(&p, SLUICE_S);
	}
	sluice_sctp_stats st = sctp_host_stats(p.a);
	ck_assert_uint_ge(st.srtt, 100 * SLUICE_MS);
	ck_assert_uint_le(st.srtt, 121 * SLUICE_MS); /* the delayed acknowledgement counts in */
	ck_assert_uint_eq(st.min_rtt, 100 * SLUICE_MS);
	ck_assert_uint_eq(st.rto, 300 * SLUICE_MS);
	pair_free(&p);
}
END_TEST

START_TEST(test_an_outage_is_survived) {
	struct pair_config c = line();
	struct pair p;
	pair_start(&p, &c);
	p.ab->config.outage_from = p.ba->config.outage_from = p.sim.now + 50 * SLUICE_MS;
	p.ab->config.outage_to = p.ba->config.outage_to = p.sim.now + 5 * SLUICE_S;
	uint64_t start = p.sim.now;
	for (unsigned i = 0; i < 100; i++) {
		pair_send(&p, p.a, 0, 2000);
		pair_send(&p, p.b, 0, 2000);
	}
	pair_deliver(&p, 20 * SLUICE_S);
	/* The worst case: a timer of 3 s that was set just before the line came back. */
	ck_assert_uint_le(p.sim.now - start, 9 * SLUICE_S);
	pair_free(&p);
}
END_TEST

/* Sends `count` messages of 10,000 bytes from a; returns the goodput in bit/s of virtual time. */
static double goodput(struct pair_config *c, unsigned count, uint64_t within) {
	struct pair p;
	c->no_record = true;
	c->a.high_water = 1 << 30;
	pair_start(&p, c);
	uint64_t start = p.sim.now;
	for (unsigned i = 0; i < count; i++)
		pair_send(&p, p.a, 0, 10000);
	pair_deliver(&p, within);
	double rate = (double)p.to_b.bytes_arrived * 8e9 / (double)(p.b->last_message_at - start);
	pair_shutdown(&p, p.a, 10 * SLUICE_S);
	pair_free(&p);
	return rate;
}

START_TEST(test_a_clean_line_is_filled) {
	struct pair_config c = line();
	ck_assert_double_ge(goodput(&c, 1000, 60 * SLUICE_S), 9.0e6);
}
END_TEST

START_TEST(test_a_line_with_a_short_queue_is_used_well) {
	struct pair_config c = line();
	c.ab.queue = 25000; /* one bandwidth-delay product */
	ck_assert_double_ge(goodput(&c, 1000, 60 * SLUICE_S), 7.0e6);
}
END_TEST

START_TEST(test_one_loss_in_a_hundred_does_not_stop_it) {
	struct pair_config c = line();
	c.ab.loss = 0.01;
	ck_assert_double_ge(goodput(&c, 500, 120 * SLUICE_S), 2.0e6);
}
END_TEST

START_TEST(test_the_window_in_flight_never_passes_cwnd) {
	struct pair_config c = line();
	c.ab.queue = 25000;
	c.a.high_water = UINT64_C(2) << 20;
	struct pair p;
	pair_start(&p, &c);
	for (unsigned i = 0; i < 200; i++)
		pair_send(&p, p.a, 0, 10000);
	while (!ledger_complete(&p.to_b) && sim_step(&p.sim, p.sim.now + 60 * SLUICE_S)) {
		sluice_sctp_stats st = sctp_host_stats(p.a);
		/* RFC 9260, 6.1, B: it may pass cwnd by less than one packet; after a loss it has to shrink to it first. */
		if (st.retransmitted_chunks == 0)
			ck_assert_uint_lt(st.flight_size, st.cwnd + 1188);
		ck_assert_uint_ge(st.cwnd, 1188);
	}
	ck_assert(ledger_complete(&p.to_b));
	pair_free(&p);
}
END_TEST

/* DATA packets of one output run with an open window and a megabyte to send. */
static int first_burst(uint32_t max_burst) {
	sluice_env *env;
	struct direct d;
	sluice_sctp_config c;
	sluice_sctp_config_init(&c);
	by_the_book(&c);
	c.max_burst = max_burst;
	c.initial_window = 20000;
	c.checksum = SLUICE_CHECKSUM_CRC32C;
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	ck_assert_int_eq(direct_open(&d, env, &c), 0);
	while (direct_run(&d, SLUICE_S))
		;
	static uint8_t message[100000], space[65536];
	ck_assert_int_eq(sluice_sctp_send(d.a, &(sluice_send_info){.ppid = 53}, message, sizeof message), 0);
	int packets = 0, n;
	do {
		sluice_batch b = {.data = space, .capacity = sizeof space};
		n = sluice_sctp_output(d.a, &b, d.now);
		packets += n;
	} while (n > 0);
	direct_close(&d);
	sluice_env_free(env);
	return packets;
}

START_TEST(test_max_burst_limits_what_one_arrival_lets_out) {
	ck_assert_int_eq(first_burst(4), 4);
	ck_assert_int_eq(first_burst(9), 9);
	ck_assert_int_eq(first_burst(0), 20000 / 1160 + 1);
}
END_TEST

START_TEST(test_with_max_burst_everything_still_arrives) {
	struct pair_config c;
	pair_by_the_book(&c);
	c.a.max_burst = c.b.max_burst = 4;
	c.ab.loss = 0.02;
	struct pair p;
	pair_start(&p, &c);
	for (unsigned i = 0; i < 20; i++)
		pair_send(&p, p.a, 0, 50000);
	pair_deliver(&p, 120 * SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_heavy_loss_both_ways_is_survived) {
	for (uint64_t n = sim_first(0); n <= sim_last(9); n++) {
		struct pair_config c;
		pair_by_the_book(&c);
		c.seed = n;
		c.ab.loss = c.ba.loss = 0.3;
		c.a.association_max_retransmits = c.b.association_max_retransmits = 30;
		c.a.init_max_retransmits = 30;
		struct pair p;
		pair_start(&p, &c);
		for (unsigned i = 0; i < 20; i++) {
			pair_send(&p, p.a, 0, 2000);
			pair_send(&p, p.b, 0, 2000);
		}
		pair_deliver(&p, 600 * SLUICE_S);
		pair_shutdown(&p, p.a, 100 * SLUICE_S);
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_a_fast_retransmit_of_the_first_chunk_starts_t3_anew) {
	struct script s;
	script_init(&s, book());
	ck_assert(script_open_passive(&s));
	uint8_t message[1000] = {1};
	for (unsigned i = 0; i < 6; i++)
		ck_assert_int_eq(sluice_sctp_send(s.sctp, &(sluice_send_info){0}, message, sizeof message), 0);
	script_collect(&s);
	script_skip(&s);
	uint64_t sent = s.now;
	s.now += 450 * SLUICE_MS;
	for (uint16_t end = 2; end <= 4; end++)
		script_give_sack(&s, s.remote_tsn - 1, s.rwnd, (uint16_t[]){2, end}, 1);
	ck_assert_uint_eq(script_pending(&s, WIRE_DATA), 1);
	sluice_sctp_stats st;
	script_run(&s, sent + 949 * SLUICE_MS);
	sluice_sctp_stats_get(s.sctp, &st);
	ck_assert_uint_eq(st.timeouts, 0);
	script_run(&s, sent + 951 * SLUICE_MS);
	sluice_sctp_stats_get(s.sctp, &st);
	ck_assert_uint_eq(st.timeouts, 1);
	script_free(&s);
}
END_TEST

START_TEST(test_a_sender_that_found_no_memory_tries_again) {
	struct script s;
	script_init(&s, book());
	ck_assert(script_open_passive(&s));
	uint8_t message[1000] = {1};
	ck_assert_int_eq(sluice_sctp_send(s.sctp, &(sluice_send_info){0}, message, sizeof message), 0);
	s.memory.fail_at = 1;
	s.memory.fail_for = 100;
	script_collect(&s);
	ck_assert_uint_eq(script_pending(&s, WIRE_DATA), 0);
	s.memory.fail_at = 0;
	ck_assert_uint_le(sluice_sctp_deadline(s.sctp), s.now + SLUICE_S);
	script_run(&s, s.now + SLUICE_S);
	ck_assert_uint_ge(script_pending(&s, WIRE_DATA), 1);
	script_free(&s);
}
END_TEST

START_TEST(test_one_heartbeat_at_a_time_however_short_the_interval) {
	sluice_sctp_config c;
	sluice_sctp_config_init(&c);
	by_the_book(&c);
	c.heartbeat_interval = 1;
	struct script s;
	script_init(&s, &c);
	ck_assert(script_open_passive(&s));
	script_run(&s, s.now + 60 * SLUICE_S);
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_CLOSED);
	uint64_t last = 0;
	for (const struct script_packet *p; (p = script_next(&s));) {
		ck_assert_uint_ge(p->at, last + 500 * SLUICE_MS);
		last = p->at;
	}
	ck_assert_uint_ne(last, 0);
	script_free(&s);
}
END_TEST

SUITE("sctp loss", test_a_hole_in_a_burst_is_mended_without_waiting_for_t3,
      test_three_miss_indications_make_a_fast_retransmit_and_two_do_not, test_a_repeated_sack_is_no_miss_indication,
      test_the_first_two_sacks_of_a_hole_let_new_data_out_one_for_one, test_a_lost_tail_is_sent_again_when_t3_expires,
      test_t3_backs_off_and_the_peer_that_is_gone_is_given_up, test_an_answer_resets_the_error_count,
      test_a_peer_that_vanished_while_idle_is_noticed_by_heartbeats,
      test_without_heartbeats_an_idle_association_is_silent_and_never_wakes, test_the_round_trip_time_is_measured,
      test_an_outage_is_survived, test_a_clean_line_is_filled, test_a_line_with_a_short_queue_is_used_well,
      test_one_loss_in_a_hundred_does_not_stop_it, test_the_window_in_flight_never_passes_cwnd,
      test_max_burst_limits_what_one_arrival_lets_out, test_with_max_burst_everything_still_arrives,
      test_heavy_loss_both_ways_is_survived, test_a_fast_retransmit_of_the_first_chunk_starts_t3_anew,
      test_a_sender_that_found_no_memory_tries_again, test_one_heartbeat_at_a_time_however_short_the_interval)
