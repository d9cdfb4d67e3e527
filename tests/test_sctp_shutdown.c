/* The graceful end: RFC 9260, 9.2, in every collision and with every loss. */
#include "suite.h"

#include "sim/assert.h"
#include "sim/packets.h"
#include "sim/pair.h"
#include "sim/script.h"

START_TEST(test_an_idle_association_ends_after_one_and_a_half_round_trips) {
	struct pair p;
	pair_start(&p, NULL);
	uint64_t start = p.sim.now;
	pair_shutdown(&p, p.a, SLUICE_S);
	ck_assert_uint_eq(p.a->ended_at - start, 20 * SLUICE_MS);
	ck_assert_uint_eq(p.b->ended_at - start, 30 * SLUICE_MS);
	sim_run(&p.sim, p.sim.now + 100 * SLUICE_S);
	ck_assert_uint_eq(p.a->ended + p.b->ended, 2);
	ck_assert(sluice_sctp_deadline(p.a->sctp) == SLUICE_NEVER);
	ck_assert(sluice_sctp_deadline(p.b->sctp) == SLUICE_NEVER);
	pair_free(&p);
}
END_TEST

START_TEST(test_everything_accepted_is_delivered_before_the_end) {
	struct pair p;
	pair_start(&p, NULL);
	for (unsigned i = 0; i < 50; i++) {
		pair_send(&p, p.a, (uint16_t)i, 10000);
		pair_send(&p, p.b, (uint16_t)i, 10000);
	}
	pair_shutdown(&p, p.a, 20 * SLUICE_S);
	ck_assert(ledger_complete(&p.to_a));
	ck_assert(ledger_complete(&p.to_b));
	pair_free(&p);
}
END_TEST

START_TEST(test_nothing_is_taken_after_shutdown) {
	struct pair p;
	pair_start(&p, NULL);
	pair_send(&p, p.a, 0, 100000);
	ck_assert_int_eq(sluice_sctp_shutdown(p.a->sctp), 0);
	ck_assert_int_eq(sctp_host_send(p.a, &(sluice_send_info){0}, 10), SLUICE_CLOSED);
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + SLUICE_S,
	                    sctp_host_state(p.b) == SLUICE_SCTP_SHUTDOWN_RECEIVED ||
	                            sctp_host_state(p.b) == SLUICE_SCTP_SHUTDOWN_ACK_SENT));
	ck_assert_int_eq(sctp_host_send(p.b, &(sluice_send_info){0}, 10), SLUICE_CLOSED);
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + SLUICE_S, p.a->ended && p.b->ended));
	ck_assert(ledger_complete(&p.to_b));
	pair_free(&p);
}
END_TEST

START_TEST(test_a_message_sent_while_the_other_side_already_shuts_down_arrives) {
	struct pair p;
	pair_start(&p, NULL);
	ck_assert_int_eq(sluice_sctp_shutdown(p.a->sctp), 0);
	sim_run(&p.sim, p.sim.now + 5 * SLUICE_MS); /* the SHUTDOWN is under way */
	for (unsigned i = 0; i < 20; i++)
		pair_send(&p, p.b, 0, 5000);
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + 5 * SLUICE_S, p.a->ended && p.b->ended));
	ck_assert_int_eq(p.a->end_error, 0);
	ck_assert_int_eq(p.b->end_error, 0);
	ck_assert(ledger_complete(&p.to_a));
	pair_free(&p);
}
END_TEST

START_TEST(test_data_lost_in_shutdown_received_is_sent_again) {
	struct pair p;
	pair_start(&p, NULL);
	for (unsigned i = 0; i < 10; i++)
		pair_send(&p, p.b, 0, 5000);
	struct drop_chunk rule = {.type = WIRE_DATA, .from = 5, .count = 7};
	link_filter(p.ba, drop_chunk, &rule);
	pair_shutdown(&p, p.a, 20 * SLUICE_S);
	ck_assert(ledger_complete(&p.to_a));
	pair_free(&p);
}
END_TEST

START_TEST(test_both_sides_may_shut_down_at_once) {
	for (uint64_t ms = 0; ms < 35; ms++) {
		for (unsigned data = 0; data < 4; data++) {
			struct pair p;
			pair_start(&p, NULL);
			for (unsigned i = 0; i < 10; i++) {
				if (data & 1)
					pair_send(&p, p.a, 0, 3000);
				if (data & 2)
					pair_send(&p, p.b, 0, 3000);
			}
			ck_assert_int_eq(sluice_sctp_shutdown(p.a->sctp), 0);
			sim_run(&p.sim, p.sim.now + ms * SLUICE_MS);
			sluice_sctp_shutdown(p.b->sctp);
			ck_assert(SIM_UNTIL(&p.sim, p.sim.now + 5 * SLUICE_S, p.a->ended && p.b->ended));
			ck_assert_int_eq(p.a->end_error, 0);
			ck_assert_int_eq(p.b->end_error, 0);
			ck_assert(ledger_complete(&p.to_a) && ledger_complete(&p.to_b));
			ck_assert_uint_eq(recorder_count(&p.recorder, true, WIRE_ABORT), 0);
			ck_assert_uint_eq(recorder_count(&p.recorder, false, WIRE_ABORT), 0);
			pair_free(&p);
		}
	}
}
END_TEST

START_TEST(test_any_lost_chunk_of_the_shutdown_is_sent_again) {
	static const uint8_t types[] = {WIRE_SHUTDOWN, WIRE_SHUTDOWN_ACK, WIRE_SHUTDOWN_COMPLETE};
	for (unsigned t = 0; t < 3; t++) {
		for (unsigned losses = 1; losses < 4; losses++) {
			for (unsigned both = 0; both < 2; both++) {
				struct pair p;
				pair_start(&p, NULL);
				pair_send(&p, p.a, 0, 3000);
				pair_send(&p, p.b, 0, 3000);
				struct drop_chunk ab = {.type = types[t], .count = losses}, ba = ab;
				link_filter(p.ab, drop_chunk, &ab);
				link_filter(p.ba, drop_chunk, &ba);
				ck_assert_int_eq(sluice_sctp_shutdown(p.a->sctp), 0);
				if (both)
					ck_assert_int_eq(sluice_sctp_shutdown(p.b->sctp), 0);
				ck_assert(SIM_UNTIL(&p.sim, p.sim.now + 30 * SLUICE_S, p.a->ended && p.b->ended));
				ck_assert_int_eq(p.a->end_error, 0);
				ck_assert_int_eq(p.b->end_error, 0);
				ck_assert(ledger_complete(&p.to_a) && ledger_complete(&p.to_b));
				ck_assert_uint_ge(ab.dropped + ba.dropped, 1);
				pair_free(&p);
			}
		}
	}
}
END_TEST

START_TEST(test_a_shutdown_that_nobody_answers_is_given_up) {
	struct pair_config c;
	pair_config_init(&c);
	c.a.association_max_retransmits = 4;
	struct pair p;
	pair_start(&p, &c);
	pair_send(&p, p.a, 0, 10);
	pair_deliver(&p, SLUICE_S);
	p.b->host->down = true;
	ck_assert_int_eq(sluice_sctp_shutdown(p.a->sctp), 0);
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + 60 * SLUICE_S, p.a->ended));
	ck_assert_int_eq(p.a->end_error, SLUICE_TIMED_OUT);
	ck_assert_uint_eq(recorder_count(&p.recorder, true, WIRE_SHUTDOWN), 5);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_shutdown_before_the_handshake_is_done_ends_it_in_order) {
	for (uint64_t ms = 0; ms <= 45; ms += 5) {
		for (unsigned data = 0; data < 2; data++) {
			struct pair p;
			pair_init(&p, NULL);
			ck_assert_int_eq(sluice_sctp_connect(p.a->sctp), 0);
			if (data)
				pair_send(&p, p.a, 0, 3000);
			sim_run(&p.sim, p.started + ms * SLUICE_MS);
			ck_assert_int_eq(sluice_sctp_shutdown(p.a->sctp), 0);
			ck_assert(SIM_UNTIL(&p.sim, p.sim.now + 10 * SLUICE_S, p.a->ended));
			ck_assert_int_eq(p.a->end_error, 0);
			sim_run(&p.sim, p.sim.now + SLUICE_S);
			ck_assert_uint_eq(p.b->connected, p.b->ended);
			if (data)
				ck_assert(ledger_complete(&p.to_b));
			pair_free(&p);
		}
	}
}
END_TEST

/* ---- a peer that does odd things meanwhile ---- */

static void give(struct script *s, uint8_t type) {
	uint8_t space[100];
	struct writer w = script_begin(s, space, sizeof space);
	if (type == WIRE_SHUTDOWN)
		wire_shutdown_write(&w, s->remote_tsn - 1);
	else
		wire_chunk_write(&w, type, 0, NULL, 0);
	script_give(s, &w);
}

START_TEST(test_the_peers_shutdown_is_answered_and_completed) {
	struct script s;
	script_init(&s, NULL);
	ck_assert(script_open_passive(&s));
	give(&s, WIRE_SHUTDOWN);
	ck_assert_ptr_nonnull(script_expect(&s, WIRE_SHUTDOWN_ACK, NULL));
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_SHUTDOWN_ACK_SENT);
	give(&s, WIRE_SHUTDOWN_COMPLETE);
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_CLOSED);
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_ENDED), 1);
	ck_assert_int_eq(sluice_sctp_error(s.sctp, &(const char *){0}), 0);
	script_free(&s);
}
END_TEST

START_TEST(test_an_init_in_shutdown_ack_sent_is_answered_with_the_shutdown_ack) {
	/* RFC 9260, 9.2: "it SHOULD discard the INIT chunk and retransmit the SHUTDOWN ACK chunk". */
	struct script s;
	script_init(&s, NULL);
	ck_assert(script_open_passive(&s));
	give(&s, WIRE_SHUTDOWN);
	script_skip(&s);
	uint32_t tag = s.remote_tag;
	uint8_t space[1500];
	s.remote_tag = 0;
	struct writer w = script_begin(&s, space, sizeof space);
	script_init_chunk(&s, &w, WIRE_INIT, NULL, 0);
	script_give(&s, &w);
	ck_assert_uint_eq(script_pending(&s, WIRE_INIT_ACK), 0);
	ck_assert_uint_eq(script_pending(&s, WIRE_SHUTDOWN_ACK), 1);
	s.remote_tag = tag;
	give(&s, WIRE_SHUTDOWN_COMPLETE);
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_CLOSED);
	script_free(&s);
}
END_TEST

START_TEST(test_a_restart_in_shutdown_ack_sent_is_refused_with_the_shutdown_ack) {
	/* RFC 9260, 5.2.4, A: "it MUST NOT set up a new association but instead resend the SHUTDOWN ACK chunk and send an ERROR
	 * chunk with a "Cookie Received While Shutting Down" error cause to its peer". */
	struct script s;
	script_init(&s, NULL);
	ck_assert(script_open_passive(&s));
	uint32_t tag = s.remote_tag;
	s.tag = 0x55667788; /* the peer's next life */
	struct wire_chunk c;
	struct wire_init ack;
	ck_assert(script_open_half(&s, &ack));
	s.remote_tag = tag;
	give(&s, WIRE_SHUTDOWN);
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_SHUTDOWN_ACK_SENT);
	while (script_next(&s))
		;
	s.remote_tag = ack.tag;
	script_echo_cookie(&s, ack.cookie, ack.cookie_len);
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_SHUTDOWN_ACK_SENT);
	ck_assert_uint_eq(script_pending(&s, WIRE_COOKIE_ACK), 0);
	ck_assert_uint_eq(script_pending(&s, WIRE_SHUTDOWN_ACK), 1);
	ck_assert_ptr_nonnull(script_expect(&s, WIRE_ERROR, &c));
	ck_assert_uint_eq(get_be16(c.value), WIRE_CAUSE_COOKIE_WHILE_SHUTTING_DOWN);
	script_free(&s);
}
END_TEST

START_TEST(test_a_shutdown_in_cookie_echoed_is_ignored_and_a_shutdown_ack_is_completed) {
	struct script s;
	struct wire_chunk c;
	script_init(&s, NULL);
	ck_assert(script_open_until_init(&s));
	uint8_t space[1500];
	struct writer w = script_begin(&s, space, sizeof space);
	script_init_chunk(&s, &w, WIRE_INIT_ACK, (const uint8_t *)"cookie--", 8);
	script_give(&s, &w);
	script_skip(&s);
	give(&s, WIRE_SHUTDOWN);
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_COOKIE_ECHOED);
	ck_assert_uint_eq(script_pending(&s, WIRE_SHUTDOWN_ACK), 0);
	/* RFC 9260, 8.5.1, E: in COOKIE-WAIT or COOKIE-ECHOED "the procedures in Section 8.4 SHOULD be followed". */
	script_skip(&s);
	give(&s, WIRE_SHUTDOWN_ACK);
	ck_assert_ptr_nonnull(script_expect(&s, WIRE_SHUTDOWN_COMPLETE, &c));
	ck_assert_uint_eq(c.flags & WIRE_FLAG_T, WIRE_FLAG_T);
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_COOKIE_ECHOED);
	script_free(&s);
}
END_TEST

START_TEST(test_a_shutdown_that_acknowledges_what_was_never_sent_is_not_believed) {
	struct script s;
	script_init(&s, NULL);
	ck_assert(script_open_passive(&s));
	ck_assert_int_eq(sluice_sctp_send(s.sctp, &(sluice_send_info){0}, "hello", 5), 0);
	script_collect(&s);
	script_skip(&s);
	uint8_t space[100];
	struct writer w = script_begin(&s, space, sizeof space);
	wire_shutdown_write(&w, s.remote_tsn + 500);
	script_give(&s, &w);
	ck_assert_uint_eq(script_pending(&s, WIRE_SHUTDOWN_ACK), 0);
	script_free(&s);
}
END_TEST

START_TEST(test_the_peers_shutdown_waits_until_our_data_is_acknowledged) {
	struct script s;
	script_init(&s, NULL);
	ck_assert(script_open_passive(&s));
	ck_assert_int_eq(sluice_sctp_send(s.sctp, &(sluice_send_info){0}, "hello", 5), 0);
	script_collect(&s);
	script_skip(&s);
	give(&s, WIRE_SHUTDOWN);
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_SHUTDOWN_RECEIVED);
	ck_assert_uint_eq(script_pending(&s, WIRE_SHUTDOWN_ACK), 0);
	script_give_sack(&s, s.remote_tsn, 65536, NULL, 0);
	ck_assert_uint_eq(script_pending(&s, WIRE_SHUTDOWN_ACK), 1);
	script_free(&s);
}
END_TEST

START_TEST(test_in_shutdown_sent_data_is_acknowledged_at_once_with_the_shutdown) {
	/* RFC 9260, 9.2: "the SHUTDOWN sender MUST immediately respond to each received packet containing one or more DATA chunks
	 * with a SHUTDOWN chunk and restart the T2-shutdown timer". */
	struct script s;
	script_init(&s, NULL);
	ck_assert(script_open_passive(&s));
	ck_assert_int_eq(sluice_sctp_shutdown(s.sctp), 0);
	script_collect(&s);
	ck_assert_ptr_nonnull(script_expect(&s, WIRE_SHUTDOWN, NULL));
	script_give_data(&s, s.tsn, 0, 0, 3, 10);
	struct wire_chunk c;
	uint32_t cum = 0;
	ck_assert_ptr_nonnull(script_expect(&s, WIRE_SHUTDOWN, &c));
	ck_assert_int_eq(wire_shutdown_read(&c, &cum), 0);
	ck_assert_uint_eq(cum, s.tsn);
	ck_assert_uint_eq(s.message_count, 1);
	script_free(&s);
}
END_TEST

SUITE("sctp shutdown", test_an_idle_association_ends_after_one_and_a_half_round_trips,
      test_everything_accepted_is_delivered_before_the_end, test_nothing_is_taken_after_shutdown,
      test_a_message_sent_while_the_other_side_already_shuts_down_arrives, test_data_lost_in_shutdown_received_is_sent_again,
      test_both_sides_may_shut_down_at_once, test_any_lost_chunk_of_the_shutdown_is_sent_again,
      test_a_shutdown_that_nobody_answers_is_given_up, test_a_shutdown_before_the_handshake_is_done_ends_it_in_order,
      test_the_peers_shutdown_is_answered_and_completed, test_an_init_in_shutdown_ack_sent_is_answered_with_the_shutdown_ack,
      test_a_restart_in_shutdown_ack_sent_is_refused_with_the_shutdown_ack,
      test_a_shutdown_in_cookie_echoed_is_ignored_and_a_shutdown_ack_is_completed,
      test_a_shutdown_that_acknowledges_what_was_never_sent_is_not_believed,
      test_the_peers_shutdown_waits_until_our_data_is_acknowledged,
      test_in_shutdown_sent_data_is_acknowledged_at_once_with_the_shutdown)
