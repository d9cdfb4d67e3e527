/* Resetting and adding streams: RFC 6525. */
#include "suite.h"

#include "sim/assert.h"
#include "sim/packets.h"
#include "sim/pair.h"
#include "sim/script.h"

static uint16_t ssn_of(const struct recorded *r) {
	struct wire_chunk c;
	struct wire_data d;
	ck_assert(packet_chunk(r->bytes, r->len, WIRE_DATA, 0, &c));
	ck_assert_int_eq(wire_data_read(&c, &d), 0);
	return d.ssn;
}

START_TEST(test_an_outgoing_reset_comes_after_the_messages_and_restarts_the_counter) {
	struct pair p;
	pair_start(&p, NULL);
	for (unsigned i = 0; i < 5; i++)
		pair_send(&p, p.a, 7, 1000);
	ck_assert_int_eq(sluice_sctp_reset_stream(p.a->sctp, 7), 0);
	ck_assert_int_ne(sctp_host_send(p.a, &(sluice_send_info){.stream = 7}, 10), 0);
	ck_assert_int_eq(sctp_host_send(p.a, &(sluice_send_info){.stream = 8}, 10), 0);
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + SLUICE_S, p.a->reset_out && p.b->reset_in));
	ck_assert(ledger_complete(&p.to_b));
	ck_assert_int_eq(p.a->reset_out_error, 0);
	ck_assert_uint_eq(p.a->last_reset_out, 7);
	ck_assert_uint_eq(p.b->last_reset_in, 7);
	unsigned before = recorder_count(&p.recorder, true, WIRE_DATA);
	pair_send(&p, p.a, 7, 1000);
	pair_deliver(&p, SLUICE_S);
	ck_assert_uint_eq(ssn_of(recorder_find(&p.recorder, true, WIRE_DATA, before)), 0);
	ck_assert_uint_eq(p.a->reset_out, 1);
	ck_assert_uint_eq(p.b->reset_in, 1);
	pair_shutdown(&p, p.a, SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_reset_waits_for_data_that_has_to_be_sent_again) {
	struct pair p;
	pair_start(&p, NULL);
	struct drop_chunk rule = {.type = WIRE_DATA, .count = 3};
	link_filter(p.ab, drop_chunk, &rule);
	for (unsigned i = 0; i < 3; i++)
		pair_send(&p, p.a, 1, 1100);
	ck_assert_int_eq(sluice_sctp_reset_stream(p.a->sctp, 1), 0);
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + 5 * SLUICE_S, p.b->reset_in));
	ck_assert_uint_eq(p.to_b.arrived, 3);
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + 5 * SLUICE_S, p.a->reset_out));
	pair_free(&p);
}
END_TEST

START_TEST(test_a_reset_of_a_stream_with_data_does_not_hold_up_the_others) {
	struct pair_config c;
	pair_config_init(&c);
	c.ab.rate = 1000000;
	struct pair p;
	pair_start(&p, &c);
	for (unsigned i = 0; i < 20; i++)
		pair_send(&p, p.a, 2, 10000);
	ck_assert_int_eq(sluice_sctp_reset_stream(p.a->sctp, 1), 0);
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + 30 * SLUICE_S, p.a->reset_out));
	ck_assert(!ledger_complete(&p.to_b));
	ck_assert_uint_eq(p.a->last_reset_out, 1);
	pair_deliver(&p, 30 * SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_an_incoming_request_makes_the_peer_reset_its_direction) {
	struct pair p;
	pair_start(&p, NULL);
	pair_send(&p, p.b, 9, 5000);
	ck_assert_int_eq(sluice_sctp_request_reset(p.a->sctp, 9), 0);
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + 5 * SLUICE_S, p.a->reset_in && p.b->reset_out));
	ck_assert_uint_eq(p.a->last_reset_in, 9);
	ck_assert_uint_eq(p.b->last_reset_out, 9);
	ck_assert(ledger_complete(&p.to_a));
	pair_send(&p, p.b, 9, 100);
	pair_deliver(&p, SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_both_sides_may_reset_the_same_stream_at_once) {
	for (uint64_t ms = 0; ms < 30; ms++) {
		struct pair p;
		pair_start(&p, NULL);
		pair_send(&p, p.a, 4, 3000);
		pair_send(&p, p.b, 4, 3000);
		ck_assert_int_eq(sluice_sctp_reset_stream(p.a->sctp, 4), 0);
		sim_run(&p.sim, p.sim.now + ms * SLUICE_MS);
		ck_assert_int_eq(sluice_sctp_reset_stream(p.b->sctp, 4), 0);
		ck_assert(SIM_UNTIL(&p.sim, p.sim.now + 5 * SLUICE_S,
		                    p.a->reset_in && p.b->reset_in && p.a->reset_out && p.b->reset_out));
		ck_assert_int_eq(p.a->reset_out_error, 0);
		ck_assert_int_eq(p.b->reset_out_error, 0);
		pair_send(&p, p.a, 4, 3000);
		pair_send(&p, p.b, 4, 3000);
		pair_deliver(&p, SLUICE_S);
		pair_shutdown(&p, p.a, SLUICE_S);
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_a_lost_request_or_response_is_made_good) {
	for (unsigned from_a = 0; from_a < 2; from_a++) {
		for (unsigned losses = 1; losses < 4; losses++) {
			struct pair p;
			pair_start(&p, NULL);
			struct drop_chunk rule = {.type = WIRE_RE_CONFIG, .count = losses};
			link_filter(from_a ? p.ab : p.ba, drop_chunk, &rule);
			pair_send(&p, p.a, 4, 3000);
			ck_assert_int_eq(sluice_sctp_reset_stream(p.a->sctp, 4), 0);
			ck_assert(SIM_UNTIL(&p.sim, p.sim.now + 30 * SLUICE_S, p.a->reset_out && p.b->reset_in));
			ck_assert_int_eq(p.a->reset_out_error, 0);
			sim_run(&p.sim, p.sim.now + 10 * SLUICE_S);
			ck_assert_uint_eq(p.b->reset_in, 1);
			ck_assert_uint_eq(p.a->reset_out, 1);
			ck_assert_uint_eq(rule.dropped, losses);
			pair_send(&p, p.a, 4, 100);
			pair_deliver(&p, SLUICE_S);
			pair_free(&p);
		}
	}
}
END_TEST

START_TEST(test_many_streams_are_reset_one_after_the_other) {
	for (uint64_t n = sim_first(0); n <= sim_last(9); n++) {
		struct pair_config c;
		pair_config_init(&c);
		c.seed = n;
		c.ab.loss = c.ba.loss = n ? 0.1 : 0;
		struct pair p;
		pair_start(&p, &c);
		for (uint16_t i = 0; i < 50; i++) {
			pair_send(&p, p.a, i, 500);
			ck_assert_int_eq(sluice_sctp_reset_stream(p.a->sctp, i), 0);
		}
		ck_assert(SIM_UNTIL(&p.sim, p.sim.now + 120 * SLUICE_S, p.a->reset_out == 50 && p.b->reset_in == 50));
		ck_assert(ledger_complete(&p.to_b));
		for (uint16_t i = 0; i < 50; i++)
			pair_send(&p, p.a, i, 500);
		pair_deliver(&p, 60 * SLUICE_S);
		pair_shutdown(&p, p.a, 20 * SLUICE_S);
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_a_reset_while_shutting_down_does_not_hang) {
	struct pair p;
	pair_start(&p, NULL);
	pair_send(&p, p.a, 4, 3000);
	ck_assert_int_eq(sluice_sctp_reset_stream(p.a->sctp, 4), 0);
	pair_shutdown(&p, p.b, 10 * SLUICE_S);
	ck_assert(ledger_complete(&p.to_b));
	pair_free(&p);
}
END_TEST

START_TEST(test_streams_can_be_added_both_ways) {
	struct pair_config c;
	pair_config_init(&c);
	c.a.outbound_streams = c.a.inbound_streams = 10;
	struct pair p;
	pair_start(&p, &c);
	ck_assert_int_eq(sctp_host_send(p.a, &(sluice_send_info){.stream = 12}, 10), SLUICE_INVALID);
	ck_assert_int_eq(sluice_sctp_add_streams(p.a->sctp, 5, 0), 0);
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + 5 * SLUICE_S, p.a->streams_added));
	ck_assert_int_eq(p.a->streams_added_error, 0);
	ck_assert_uint_eq(sctp_host_stats(p.a).outbound_streams, 15);
	ck_assert_uint_eq(sctp_host_stats(p.b).inbound_streams, 15);
	pair_send(&p, p.a, 14, 10);
	ck_assert_int_eq(sctp_host_send(p.a, &(sluice_send_info){.stream = 15}, 10), SLUICE_INVALID);
	pair_deliver(&p, SLUICE_S);
	ck_assert_int_eq(sluice_sctp_add_streams(p.a->sctp, 0, 7), 0);
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + 5 * SLUICE_S, sctp_host_stats(p.b).outbound_streams == 17));
	sim_run(&p.sim, p.sim.now + SLUICE_S);
	pair_send(&p, p.b, 16, 10);
	pair_deliver(&p, SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_peer_without_re_config_is_not_asked) {
	struct pair_config c;
	pair_config_init(&c);
	c.b.no_reconfig = true;
	struct pair p;
	pair_start(&p, &c);
	ck_assert_int_eq(sluice_sctp_reset_stream(p.a->sctp, 1), 0);
	ck_assert_int_eq(sluice_sctp_request_reset(p.a->sctp, 1), SLUICE_UNSUPPORTED);
	ck_assert_int_eq(sluice_sctp_add_streams(p.a->sctp, 1, 0), SLUICE_UNSUPPORTED);
	sim_run(&p.sim, p.sim.now + SLUICE_S);
	ck_assert_uint_eq(p.a->reset_out, 1);
	ck_assert_int_eq(p.a->reset_out_error, SLUICE_UNSUPPORTED);
	ck_assert_uint_eq(recorder_count(&p.recorder, true, WIRE_RE_CONFIG), 0);
	pair_free(&p);
}
END_TEST

/* ---- by hand ---- */

static void started(struct script *s) {
	script_init(s, NULL);
	ck_assert(script_open_passive(s));
}

START_TEST(test_in_progress_is_asked_again_with_the_same_number) {
	struct script s;
	started(&s);
	ck_assert_int_eq(sluice_sctp_reset_stream(s.sctp, 3), 0);
	script_collect(&s);
	struct wire_reconfig first, again;
	ck_assert(script_next_reconfig(&s, &first));
	ck_assert_uint_eq(first.type, WIRE_PARAM_OUTGOING_RESET);
	ck_assert_uint_eq(first.stream_count, 1);
	ck_assert_uint_eq(wire_reconfig_stream(&first, 0), 3);
	ck_assert_uint_eq(first.last_tsn, s.remote_tsn - 1);
	for (unsigned i = 0; i < 3; i++) {
		script_give_response(&s, first.request_seq, WIRE_RESULT_IN_PROGRESS);
		ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_RESET_OUT), 0);
		script_run(&s, s.now + 3 * SLUICE_S);
		ck_assert(script_next_reconfig(&s, &again));
		ck_assert_uint_eq(again.request_seq, first.request_seq);
		script_skip(&s);
	}
	script_give_response(&s, first.request_seq, WIRE_RESULT_PERFORMED);
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_RESET_OUT), 1);
	script_run(&s, s.now + 10 * SLUICE_S);
	ck_assert_uint_eq(script_pending(&s, WIRE_RE_CONFIG), 0);
	script_free(&s);
}
END_TEST

START_TEST(test_a_denied_reset_is_told_to_the_app) {
	struct script s;
	started(&s);
	ck_assert_int_eq(sluice_sctp_reset_stream(s.sctp, 3), 0);
	script_collect(&s);
	struct wire_reconfig r;
	ck_assert(script_next_reconfig(&s, &r));
	script_give_response(&s, r.request_seq, WIRE_RESULT_DENIED);
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_RESET_OUT), 1);
	ck_assert_int_eq(s.events[s.event_count - 1].error, SLUICE_REFUSED);
	ck_assert_uint_eq(s.events[s.event_count - 1].stream, 3);
	ck_assert_int_eq(sluice_sctp_send(s.sctp, &(sluice_send_info){.stream = 3}, "x", 1), 0);
	script_free(&s);
}
END_TEST

START_TEST(test_denied_streams_are_told_to_the_app) {
	sluice_sctp_config c;
	sluice_sctp_config_init(&c);
	c.outbound_streams = 10;
	struct script s;
	script_init(&s, &c);
	ck_assert(script_open_passive(&s));
	ck_assert_int_eq(sluice_sctp_add_streams(s.sctp, 4, 0), 0);
	script_collect(&s);
	struct wire_reconfig r;
	ck_assert(script_next_reconfig(&s, &r));
	ck_assert_uint_eq(r.type, WIRE_PARAM_ADD_OUTGOING);
	ck_assert_uint_eq(r.new_streams, 4);
	script_give_response(&s, r.request_seq, WIRE_RESULT_DENIED);
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_STREAMS_ADDED), 1);
	ck_assert_int_eq(s.events[s.event_count - 1].error, SLUICE_REFUSED);
	sluice_sctp_stats st;
	sluice_sctp_stats_get(s.sctp, &st);
	ck_assert_uint_eq(st.outbound_streams, 10);
	script_free(&s);
}
END_TEST

START_TEST(test_the_peers_reset_waits_until_everything_up_to_its_last_tsn_is_here) {
	struct script s;
	started(&s);
	uint8_t streams[2] = {0, 5};
	struct wire_reconfig request = {.type = WIRE_PARAM_OUTGOING_RESET,
	                                .request_seq = s.tsn,
	                                .response_seq = s.remote_tsn - 1,
	                                .last_tsn = s.tsn + 1,
	                                .stream_count = 1,
	                                .streams = streams};
	script_give_data(&s, s.tsn + 1, 5, 1, 3, 20);
	script_skip(&s);
	script_give_reconfig(&s, &request);
	struct wire_reconfig r;
	ck_assert(script_next_reconfig(&s, &r));
	ck_assert_uint_eq(r.type, WIRE_PARAM_RECONFIG_RESPONSE);
	ck_assert_uint_eq(r.response_seq, request.request_seq);
	ck_assert_uint_eq(r.result, WIRE_RESULT_IN_PROGRESS);
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_RESET_IN), 0);
	script_give_data(&s, s.tsn, 5, 0, 3, 10);
	ck_assert_uint_eq(s.message_count, 2);
	script_skip(&s);
	script_give_reconfig(&s, &request);
	ck_assert(script_next_reconfig(&s, &r));
	ck_assert_uint_eq(r.result, WIRE_RESULT_PERFORMED);
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_RESET_IN), 1);
	/* The same request again is answered again and done once. */
	script_give_reconfig(&s, &request);
	ck_assert(script_next_reconfig(&s, &r));
	ck_assert_uint_eq(r.result, WIRE_RESULT_PERFORMED);
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_RESET_IN), 1);
	script_give_data(&s, s.tsn + 2, 5, 0, 3, 30);
	ck_assert_uint_eq(s.message_count, 3);
	script_free(&s);
}
END_TEST

START_TEST(test_a_request_with_a_wrong_number_is_refused) {
	struct script s;
	started(&s);
	uint8_t streams[2] = {0, 5};
	struct wire_reconfig request = {.type = WIRE_PARAM_OUTGOING_RESET,
	                                .request_seq = s.tsn + 77,
	                                .last_tsn = s.tsn - 1,
	                                .stream_count = 1,
	                                .streams = streams};
	script_give_reconfig(&s, &request);
	struct wire_reconfig r;
	ck_assert(script_next_reconfig(&s, &r));
	ck_assert_uint_eq(r.response_seq, request.request_seq);
	ck_assert_uint_eq(r.result, WIRE_RESULT_BAD_SEQUENCE);
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_RESET_IN), 0);
	script_free(&s);
}
END_TEST

START_TEST(test_a_response_to_nothing_is_ignored) {
	struct script s;
	started(&s);
	for (uint32_t i = 0; i < 10; i++)
		script_give_response(&s, s.remote_tsn + i - 5, WIRE_RESULT_PERFORMED);
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_RESET_OUT), 0);
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_ESTABLISHED);
	script_free(&s);
}
END_TEST

START_TEST(test_the_peer_may_reset_all_its_streams_at_once) {
	struct script s;
	started(&s);
	script_give_data(&s, s.tsn, 5, 0, 3, 10);
	script_give_data(&s, s.tsn + 1, 6, 0, 3, 10);
	struct wire_reconfig request = {
		.type = WIRE_PARAM_OUTGOING_RESET, .request_seq = s.tsn, .response_seq = s.remote_tsn - 1, .last_tsn = s.tsn + 1};
	script_give_reconfig(&s, &request);
	struct wire_reconfig r;
	ck_assert(script_next_reconfig(&s, &r));
	ck_assert_uint_eq(r.result, WIRE_RESULT_PERFORMED);
	script_give_data(&s, s.tsn + 2, 5, 0, 3, 10);
	script_give_data(&s, s.tsn + 3, 6, 0, 3, 10);
	ck_assert_uint_eq(s.message_count, 4);
	script_free(&s);
}
END_TEST

static void write_request(struct writer *w, const struct wire_reconfig *requests, size_t count) {
	uint8_t *c = wire_chunk_begin(w, WIRE_RE_CONFIG, 0);
	for (size_t i = 0; i < count; i++)
		wire_reconfig_write(w, &requests[i]);
	wire_chunk_end(w, c);
}

/* The answers in the next RE-CONFIG chunk; how many. */
static size_t next_answers(struct script *s, struct wire_reconfig *answers, size_t max) {
	struct wire_chunk c;
	struct wire_param param;
	if (!script_expect(s, WIRE_RE_CONFIG, &c))
		return 0;
	struct reader r = reader_of(c.value, c.len);
	size_t n = 0;
	while (n < max && wire_param_next(&r, &param) == 1)
		ck_assert_int_eq(wire_reconfig_read(&param, &answers[n++]), 0);
	return n;
}

START_TEST(test_two_requests_in_one_chunk_get_two_answers_and_get_them_again) {
	struct script s;
	started(&s);
	script_give_data(&s, s.tsn, 5, 0, 3, 10);
	script_skip(&s);
	uint8_t five[2] = {0, 5};
	struct wire_reconfig requests[2] = {
		{.type = WIRE_PARAM_OUTGOING_RESET, .request_seq = s.tsn, .last_tsn = s.tsn, .stream_count = 1, .streams = five},
		{.type = WIRE_PARAM_ADD_INCOMING, .request_seq = s.tsn + 1, .new_streams = 1000},
	};
	for (unsigned round = 0; round < 3; round++) {
		uint8_t space[200];
		struct writer w = script_begin(&s, space, sizeof space);
		write_request(&w, requests, 2);
		script_give(&s, &w);
		struct wire_reconfig answers[3];
		ck_assert_uint_eq(next_answers(&s, answers, 3), 2);
		ck_assert_uint_eq(answers[0].response_seq, s.tsn);
		ck_assert_uint_eq(answers[0].result, WIRE_RESULT_PERFORMED);
		ck_assert_uint_eq(answers[1].response_seq, s.tsn + 1);
		ck_assert_uint_eq(answers[1].result, WIRE_RESULT_DENIED); /* there are 65535 already */
		script_skip(&s);
	}
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_RESET_IN), 1);
	script_free(&s);
}
END_TEST

START_TEST(test_more_requests_than_a_peer_may_have_out_are_not_taken_at_once) {
	struct script s;
	started(&s);
	uint8_t space[1500];
	struct writer w = script_begin(&s, space, sizeof space);
	for (uint32_t i = 0; i < 3; i++) {
		struct wire_reconfig all = {.type = WIRE_PARAM_OUTGOING_RESET, .request_seq = s.tsn + i, .last_tsn = s.tsn - 1};
		write_request(&w, &all, 1);
	}
	script_give(&s, &w);
	struct wire_reconfig answers[3];
	ck_assert_uint_eq(next_answers(&s, answers, 3), 2);
	ck_assert_uint_eq(answers[1].response_seq, s.tsn + 1);
	struct wire_reconfig third = {.type = WIRE_PARAM_OUTGOING_RESET, .request_seq = s.tsn + 2, .last_tsn = s.tsn - 1};
	script_skip(&s);
	script_give_reconfig(&s, &third);
	ck_assert_uint_eq(next_answers(&s, answers, 3), 1);
	ck_assert_uint_eq(answers[0].response_seq, s.tsn + 2);
	ck_assert_uint_eq(answers[0].result, WIRE_RESULT_PERFORMED);
	script_free(&s);
}
END_TEST

START_TEST(test_streams_that_are_being_asked_for_count_against_the_most_there_can_be) {
	sluice_sctp_config c;
	sluice_sctp_config_init(&c);
	c.outbound_streams = 40000;
	struct script s;
	script_init(&s, &c);
	ck_assert(script_open_passive(&s));
	ck_assert_int_eq(sluice_sctp_add_streams(s.sctp, 20000, 0), 0);
	ck_assert_int_eq(sluice_sctp_add_streams(s.sctp, 20000, 0), SLUICE_INVALID);
	ck_assert_int_eq(sluice_sctp_add_streams(s.sctp, 5535, 0), 0);
	script_free(&s);
}
END_TEST

SUITE("sctp re-config", test_an_outgoing_reset_comes_after_the_messages_and_restarts_the_counter,
      test_a_reset_waits_for_data_that_has_to_be_sent_again, test_a_reset_of_a_stream_with_data_does_not_hold_up_the_others,
      test_an_incoming_request_makes_the_peer_reset_its_direction, test_both_sides_may_reset_the_same_stream_at_once,
      test_a_lost_request_or_response_is_made_good, test_many_streams_are_reset_one_after_the_other,
      test_a_reset_while_shutting_down_does_not_hang, test_streams_can_be_added_both_ways,
      test_a_peer_without_re_config_is_not_asked, test_in_progress_is_asked_again_with_the_same_number,
      test_a_denied_reset_is_told_to_the_app, test_denied_streams_are_told_to_the_app,
      test_the_peers_reset_waits_until_everything_up_to_its_last_tsn_is_here, test_a_request_with_a_wrong_number_is_refused,
      test_a_response_to_nothing_is_ignored, test_the_peer_may_reset_all_its_streams_at_once,
      test_two_requests_in_one_chunk_get_two_answers_and_get_them_again,
      test_more_requests_than_a_peer_may_have_out_are_not_taken_at_once,
      test_streams_that_are_being_asked_for_count_against_the_most_there_can_be)
