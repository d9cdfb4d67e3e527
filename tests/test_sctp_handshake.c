/* The association's handshake, RFC 9260, 5: every way in which it can begin, and every way in which it must not. */
#include "suite.h"

#include "sim/assert.h"
#include "sim/pair.h"
#include "sim/script.h"

/* Half a round trip of slack around a time that is otherwise exact. */
#define ck_assert_about(time, expected)                                                                                          \
	do {                                                                                                                     \
		ck_assert_uint_ge(time, expected);                                                                               \
		ck_assert_uint_le(time, (expected) + 15 * SLUICE_MS);                                                            \
	} while (0)

START_TEST(test_who_opens_may_send_after_one_round_trip_and_both_are_established_after_two) {
	struct pair p;
	pair_start(&p, NULL);
	ck_assert_uint_eq(p.a->connected_at - p.started, 20 * SLUICE_MS);
	ck_assert_uint_eq(p.b->connected_at - p.started, 30 * SLUICE_MS);
	ck_assert_uint_eq(p.sim.now - p.started, 40 * SLUICE_MS);
	ck_assert_int_eq(sctp_host_state(p.a), SLUICE_SCTP_ESTABLISHED);
	ck_assert_int_eq(sctp_host_state(p.b), SLUICE_SCTP_ESTABLISHED);
	ck_assert_uint_eq(p.a->connected, 1);
	ck_assert_uint_eq(p.b->connected, 1);
	pair_shutdown(&p, p.a, SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_data_that_waits_for_the_handshake_rides_on_the_cookie_echo) {
	struct pair p;
	pair_init(&p, NULL);
	ck_assert_int_eq(sluice_sctp_connect(p.a->sctp), 0);
	pair_send(&p, p.a, 0, 500);
	pair_deliver(&p, SLUICE_S);
	/* RFC 9260, 5.1, C: "The COOKIE ECHO chunk MAY be bundled with any pending outbound DATA chunks". */
	ck_assert_uint_eq(p.b->first_message_at - p.started, 30 * SLUICE_MS);
	pair_free(&p);
}
END_TEST

static void lost_once(bool from_a, uint8_t type, uint64_t both_up_at) {
	struct pair p;
	pair_init(&p, NULL);
	struct drop_chunk rule = {.type = type, .count = 1};
	link_filter(from_a ? p.ab : p.ba, drop_chunk, &rule);
	pair_connect(&p, 10 * SLUICE_S);
	ck_assert_uint_eq(rule.dropped, 1);
	ck_assert_uint_eq(rule.seen, 2);
	ck_assert_about(p.sim.now - p.started, both_up_at);
	pair_send(&p, p.a, 0, 3000);
	pair_send(&p, p.b, 0, 3000);
	pair_deliver(&p, SLUICE_S);
	ck_assert_uint_eq(p.a->connected, 1);
	ck_assert_uint_eq(p.b->connected, 1);
	ck_assert_uint_eq(p.a->restarted + p.b->restarted, 0);
	pair_shutdown(&p, p.b, SLUICE_S);
	pair_free(&p);
}

START_TEST(test_a_lost_init_is_sent_again) {
	lost_once(true, WIRE_INIT, 540 * SLUICE_MS);
}
END_TEST

START_TEST(test_a_lost_init_ack_is_sent_again) {
	lost_once(false, WIRE_INIT_ACK, 540 * SLUICE_MS);
}
END_TEST

START_TEST(test_a_lost_cookie_echo_is_sent_again) {
	/* The second timer may know the round trip from the first exchange; it is 300 ms then, not 500. */
	struct pair p;
	pair_init(&p, NULL);
	struct drop_chunk rule = {.type = WIRE_COOKIE_ECHO, .count = 1};
	link_filter(p.ab, drop_chunk, &rule);
	pair_connect(&p, 10 * SLUICE_S);
	ck_assert_uint_eq(rule.seen, 2);
	ck_assert_uint_ge(p.sim.now - p.started, 340 * SLUICE_MS);
	ck_assert_uint_le(p.sim.now - p.started, 560 * SLUICE_MS);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_lost_cookie_ack_is_sent_again) {
	struct pair p;
	pair_init(&p, NULL);
	struct drop_chunk rule = {.type = WIRE_COOKIE_ACK, .count = 1};
	link_filter(p.ba, drop_chunk, &rule);
	pair_connect(&p, 10 * SLUICE_S);
	ck_assert_uint_eq(rule.seen, 2);
	ck_assert_uint_le(p.sim.now - p.started, 560 * SLUICE_MS);
	/* The second COOKIE-ECHO is no restart: RFC 9260, 5.2.4, action D. */
	ck_assert_uint_eq(p.b->connected, 1);
	ck_assert_uint_eq(p.b->restarted, 0);
	pair_send(&p, p.b, 0, 10);
	pair_deliver(&p, SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_the_handshake_survives_when_everything_comes_twice) {
	struct pair_config c;
	pair_config_init(&c);
	c.ab.duplicate = c.ba.duplicate = 1;
	struct pair p;
	pair_start(&p, &c);
	for (unsigned i = 0; i < 20; i++) {
		pair_send(&p, p.a, 0, 2000);
		pair_send(&p, p.b, 1, 2000);
	}
	pair_deliver(&p, 10 * SLUICE_S);
	ck_assert_uint_eq(p.a->restarted + p.b->restarted, 0);
	ck_assert_uint_eq(p.a->connected, 1);
	ck_assert_uint_eq(p.b->connected, 1);
	ck_assert_uint_gt(sctp_host_stats(p.b).duplicate_tsns_received, 0);
	pair_shutdown(&p, p.a, 10 * SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_both_sides_may_open_at_once) {
	struct pair p;
	pair_init(&p, NULL);
	ck_assert_int_eq(sluice_sctp_connect(p.a->sctp), 0);
	ck_assert_int_eq(sluice_sctp_connect(p.b->sctp), 0);
	ck_assert(SIM_UNTIL(&p.sim, p.started + 5 * SLUICE_S, p.a->connected && p.b->connected));
	ck_assert_uint_le(p.sim.now - p.started, 60 * SLUICE_MS);
	for (unsigned i = 0; i < 5; i++) {
		pair_send(&p, p.a, 0, 3000);
		pair_send(&p, p.b, 0, 3000);
	}
	pair_deliver(&p, SLUICE_S);
	ck_assert_uint_eq(p.a->restarted + p.b->restarted, 0);
	ck_assert_uint_eq(p.a->connected, 1);
	ck_assert_uint_eq(p.b->connected, 1);
	pair_shutdown(&p, p.a, SLUICE_S);
	pair_free(&p);
}
END_TEST

static void connect_it(void *ctx) {
	sluice_sctp_connect(((struct sctp_host *)ctx)->sctp);
}

START_TEST(test_openings_that_cross_in_any_phase_end_in_one_association) {
	/* b opens t ms after a: its INIT meets a's INIT, INIT-ACK, COOKIE-ECHO or nothing, and with losses all of these again. */
	for (uint64_t n = sim_first(0); n <= sim_last(299); n++) {
		struct pair_config c;
		pair_config_init(&c);
		c.seed = n;
		c.ab.loss = c.ba.loss = n < 45 ? 0 : 0.2;
		c.ab.duplicate = c.ba.duplicate = n % 3 == 2 ? 0.3 : 0;
		struct pair p;
		pair_init(&p, &c);
		connect_it(p.a);
		sim_at(&p.sim, p.started + n % 45 * SLUICE_MS, connect_it, p.b);
		ck_assert(SIM_UNTIL(&p.sim, p.started + 60 * SLUICE_S, p.a->connected && p.b->connected));
		pair_send(&p, p.a, 0, 3000);
		pair_send(&p, p.b, 0, 3000);
		pair_deliver(&p, 60 * SLUICE_S);
		pair_shutdown(&p, n % 2 ? p.a : p.b, 60 * SLUICE_S);
		ck_assert_uint_eq(p.a->restarted + p.b->restarted, 0);
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_a_peer_that_forgot_and_connects_again_is_a_restart) {
	struct pair p;
	pair_start(&p, NULL);
	pair_send(&p, p.a, 0, 1000);
	pair_send(&p, p.b, 0, 1000);
	pair_deliver(&p, SLUICE_S);
	sctp_host_reboot(p.b);
	p.b->connected = 0;
	ledger_forgive(&p.to_a);
	ledger_forgive(&p.to_b);
	ck_assert_int_eq(sluice_sctp_connect(p.b->sctp), 0);
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + SLUICE_S, p.b->connected && p.a->restarted));
	ck_assert_uint_eq(p.a->ended, 0);
	ck_assert_uint_eq(sctp_host_stats(p.a).restarts, 1);
	for (unsigned i = 0; i < 10; i++) {
		pair_send(&p, p.a, 0, 3000);
		pair_send(&p, p.b, 3, 3000);
	}
	pair_deliver(&p, SLUICE_S);
	pair_shutdown(&p, p.a, SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_restart_with_data_in_flight_loses_it_and_goes_on) {
	struct pair p;
	pair_start(&p, NULL);
	for (unsigned i = 0; i < 50; i++) {
		pair_send(&p, p.a, 0, 5000);
		pair_send(&p, p.b, 0, 5000);
	}
	sim_run(&p.sim, p.sim.now + 15 * SLUICE_MS);
	sctp_host_reboot(p.b);
	p.b->connected = 0;
	ck_assert_int_eq(sluice_sctp_connect(p.b->sctp), 0);
	/* What is under way from b's first life may still arrive at a before the restart does. */
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + SLUICE_S, p.b->connected && p.a->restarted));
	ck_assert_uint_eq(sctp_host_stats(p.a).flight_size, 0);
	pair_send(&p, p.a, 0, 3000);
	pair_send(&p, p.b, 0, 3000);
	pair_deliver(&p, SLUICE_S);
	pair_shutdown(&p, p.b, SLUICE_S);
	pair_free(&p);
}
END_TEST

/* ---- cookies ---- */

/* Our INIT is answered; returns the INIT-ACK's contents. */
static struct wire_init open_half(struct script *s) {
	struct wire_init ack;
	ck_assert(script_open_half(s, &ack));
	return ack;
}

/* Some stacks discard a packet for a parameter that they do not know; their own INIT tells what they know. */
START_TEST(test_an_init_without_zero_checksum_is_answered_without_it) {
	sluice_sctp_config c;
	sluice_sctp_config_init(&c);
	c.checksum = SLUICE_CHECKSUM_DTLS;
	struct script s;
	script_init(&s, &c);
	ck_assert(!open_half(&s).has_zero_checksum);
	script_free(&s);
}
END_TEST

/* The first error cause in the next packet with that chunk; 0 when there is none. */
static uint16_t next_cause(struct script *s, uint8_t type) {
	struct wire_chunk c;
	struct wire_param cause;
	if (!script_expect(s, type, &c))
		return 0;
	struct reader r = reader_of(c.value, c.len);
	return wire_param_next(&r, &cause) == 1 ? cause.type : 0;
}

START_TEST(test_a_scripted_peer_opens_both_ways) {
	struct script s;
	script_init(&s, NULL);
	ck_assert(script_open_passive(&s));
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_CONNECTED), 1);
	script_free(&s);
	script_init(&s, NULL);
	ck_assert(script_open_active(&s));
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_CONNECTED), 1);
	script_free(&s);
}
END_TEST

START_TEST(test_a_cookie_older_than_its_lifetime_is_answered_with_stale_cookie) {
	struct script s;
	script_init(&s, NULL);
	struct wire_init ack = open_half(&s);
	script_run(&s, s.now + 61 * SLUICE_S);
	script_echo_cookie(&s, ack.cookie, ack.cookie_len);
	ck_assert_uint_eq(next_cause(&s, WIRE_ERROR), WIRE_CAUSE_STALE_COOKIE);
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_CLOSED);
	script_free(&s);
}
END_TEST

START_TEST(test_a_cookie_just_within_its_lifetime_is_good) {
	struct script s;
	script_init(&s, NULL);
	struct wire_init ack = open_half(&s);
	script_run(&s, s.now + 59 * SLUICE_S);
	script_echo_cookie(&s, ack.cookie, ack.cookie_len);
	ck_assert_ptr_nonnull(script_expect(&s, WIRE_COOKIE_ACK, NULL));
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_ESTABLISHED);
	script_free(&s);
}
END_TEST

START_TEST(test_a_client_told_that_its_cookie_is_stale_starts_again_or_gives_up) {
	struct script s;
	script_init(&s, NULL);
	ck_assert(script_open_until_init(&s));
	uint8_t space[1500], measure[4] = {0, 0, 1, 0};
	struct writer w = script_begin(&s, space, sizeof space);
	script_init_chunk(&s, &w, WIRE_INIT_ACK, (const uint8_t *)"cookie--", 8);
	script_give(&s, &w);
	ck_assert_ptr_nonnull(script_expect(&s, WIRE_COOKIE_ECHO, NULL));
	w = script_begin(&s, space, sizeof space);
	uint8_t *error = wire_chunk_begin(&w, WIRE_ERROR, 0);
	wire_param_write(&w, WIRE_CAUSE_STALE_COOKIE, measure, sizeof measure);
	wire_chunk_end(&w, error);
	script_give(&s, &w);
	script_run(&s, s.now + SLUICE_S);
	ck_assert(script_pending(&s, WIRE_INIT) || script_events(&s, SLUICE_SCTP_ENDED) == 1);
	ck_assert_uint_eq(script_pending(&s, WIRE_COOKIE_ECHO), 0);
	script_free(&s);
}
END_TEST

START_TEST(test_a_forged_cookie_opens_nothing) {
	struct script s;
	script_init(&s, NULL);
	struct wire_init ack = open_half(&s);
	uint8_t cookie[1024];
	ck_assert_uint_le(ack.cookie_len, sizeof cookie);
	memcpy(cookie, ack.cookie, ack.cookie_len);
	uint64_t discarded = 0;
	for (size_t i = 0; i < ack.cookie_len; i++) {
		cookie[i] ^= 0x40;
		script_echo_cookie(&s, cookie, ack.cookie_len);
		cookie[i] ^= 0x40;
		ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_CLOSED);
		ck_assert_ptr_null(script_next(&s));
	}
	for (size_t len = 0; len < ack.cookie_len; len++) {
		script_echo_cookie(&s, cookie, len);
		ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_CLOSED);
	}
	sluice_sctp_stats st;
	sluice_sctp_stats_get(s.sctp, &st);
	discarded = st.packets_discarded + st.chunks_discarded;
	ck_assert_uint_ge(discarded, 2u * ack.cookie_len);
	script_skip(&s);
	script_echo_cookie(&s, cookie, ack.cookie_len);
	ck_assert_ptr_nonnull(script_expect(&s, WIRE_COOKIE_ACK, NULL));
	script_free(&s);
}
END_TEST

START_TEST(test_a_cookie_under_another_tag_is_discarded) {
	struct script s;
	script_init(&s, NULL);
	struct wire_init ack = open_half(&s);
	s.remote_tag ^= 1;
	script_echo_cookie(&s, ack.cookie, ack.cookie_len);
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_CLOSED);
	script_free(&s);
}
END_TEST

START_TEST(test_another_associations_cookie_opens_nothing) {
	struct script s, other;
	script_init_seeded(&other, NULL, 99);
	struct wire_init foreign = open_half(&other);
	script_init(&s, NULL);
	open_half(&s);
	s.remote_tag = foreign.tag;
	script_echo_cookie(&s, foreign.cookie, foreign.cookie_len);
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_CLOSED);
	script_free(&s);
	script_free(&other);
}
END_TEST

START_TEST(test_inits_leave_no_state_behind) {
	struct script s;
	script_init(&s, NULL);
	open_half(&s);
	script_skip(&s);
	size_t live = s.memory.live, bytes = s.memory.bytes;
	for (unsigned i = 0; i < 2000; i++) {
		s.tag = 0x1000 + i * 7919;
		s.tsn = i * 104729;
		open_half(&s);
		script_skip(&s);
	}
	ck_assert_uint_eq(s.memory.live, live);
	ck_assert_uint_eq(s.memory.bytes, bytes);
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_CLOSED);
	ck_assert(sluice_sctp_deadline(s.sctp) == SLUICE_NEVER);
	script_free(&s);
}
END_TEST

/* ---- an INIT that must not open ---- */

START_TEST(test_an_init_with_a_zero_tag_is_not_answered) {
	struct script s;
	script_init(&s, NULL);
	uint8_t space[1500];
	s.tag = 0;
	struct writer w = script_begin(&s, space, sizeof space);
	script_init_chunk(&s, &w, WIRE_INIT, NULL, 0);
	script_give(&s, &w);
	ck_assert_uint_eq(script_pending(&s, WIRE_INIT_ACK), 0);
	script_free(&s);
}
END_TEST

START_TEST(test_an_init_without_streams_is_refused) {
	struct script s;
	script_init(&s, NULL);
	uint8_t space[1500];
	s.streams = 0;
	struct writer w = script_begin(&s, space, sizeof space);
	script_init_chunk(&s, &w, WIRE_INIT, NULL, 0);
	script_give(&s, &w);
	ck_assert_uint_eq(script_pending(&s, WIRE_INIT_ACK), 0);
	/* RFC 9260, 3.3.2: the answer, if any, is an ABORT that uses "the Initiate Tag as the Verification Tag". */
	const struct script_packet *p = script_expect(&s, WIRE_ABORT, NULL);
	if (p)
		ck_assert_uint_eq(get_be32(p->bytes + 4), s.tag);
	script_free(&s);
}
END_TEST

START_TEST(test_an_init_under_a_tag_is_not_answered) {
	/* RFC 9260, 8.5.1, A: "When an endpoint receives a packet with a Verification Tag set to 0, it SHOULD verify that the
	 * packet contains only an INIT chunk"; and an INIT has the tag 0. */
	struct script s;
	script_init(&s, NULL);
	uint8_t space[1500];
	s.remote_tag = 5;
	struct writer w = script_begin(&s, space, sizeof space);
	script_init_chunk(&s, &w, WIRE_INIT, NULL, 0);
	script_give(&s, &w);
	ck_assert_uint_eq(script_pending(&s, WIRE_INIT_ACK), 0);
	script_free(&s);
}
END_TEST

START_TEST(test_an_init_that_is_bundled_is_not_answered) {
	struct script s;
	script_init(&s, NULL);
	uint8_t space[1500];
	struct writer w = script_begin(&s, space, sizeof space);
	script_init_chunk(&s, &w, WIRE_INIT, NULL, 0);
	script_data(&w, 1, 0, 0, 3, 10);
	script_give(&s, &w);
	ck_assert_uint_eq(script_pending(&s, WIRE_INIT_ACK), 0);
	script_free(&s);
}
END_TEST

START_TEST(test_an_init_with_a_bad_checksum_or_port_is_discarded) {
	struct script s;
	script_init(&s, NULL);
	uint8_t space[1500];
	struct writer w = script_begin(&s, space, sizeof space);
	script_init_chunk(&s, &w, WIRE_INIT, NULL, 0);
	wire_packet_seal(w.start, writer_len(&w));
	space[8] ^= 1;
	script_give_raw(&s, space, writer_len(&w));
	ck_assert_ptr_null(script_next(&s));
	memset(space + 8, 0, 4); /* a zero checksum was never agreed upon */
	script_give_raw(&s, space, writer_len(&w));
	ck_assert_ptr_null(script_next(&s));
	s.remote_port = 5001;
	w = script_begin(&s, space, sizeof space);
	script_init_chunk(&s, &w, WIRE_INIT, NULL, 0);
	script_give(&s, &w);
	ck_assert_ptr_null(script_next(&s));
	sluice_sctp_stats st;
	sluice_sctp_stats_get(s.sctp, &st);
	ck_assert_uint_eq(st.packets_discarded, 3);
	script_free(&s);
}
END_TEST

START_TEST(test_a_refusing_association_answers_no_init) {
	struct script s;
	script_init(&s, NULL);
	sluice_sctp_refuse(s.sctp, true);
	uint8_t space[1500];
	struct writer w = script_begin(&s, space, sizeof space);
	script_init_chunk(&s, &w, WIRE_INIT, NULL, 0);
	script_give(&s, &w);
	ck_assert_uint_eq(script_pending(&s, WIRE_INIT_ACK), 0);
	sluice_sctp_refuse(s.sctp, false);
	script_skip(&s);
	ck_assert(script_open_passive(&s));
	script_free(&s);
}
END_TEST

static void unknown_parameter(uint16_t type, bool reported, bool rest_read) {
	struct script s;
	script_init(&s, NULL);
	uint8_t space[1500];
	s.remote_tag = 0;
	s.forward_tsn = s.reconfig = false;
	struct writer w = script_begin(&s, space, sizeof space);
	/* An INIT by hand: the unknown parameter, then another that is always reported, to see whether reading went on. */
	uint8_t *c = wire_chunk_begin(&w, WIRE_INIT, 0);
	write_be32(&w, s.tag);
	write_be32(&w, 65536);
	write_be16(&w, 10);
	write_be16(&w, 10);
	write_be32(&w, s.tsn);
	wire_param_write(&w, type, "what", 4);
	wire_param_write(&w, 0xc0ff, "rest", 4);
	wire_chunk_end(&w, c);
	script_give(&s, &w);
	struct wire_chunk ack;
	ck_assert_ptr_nonnull(script_expect(&s, WIRE_INIT_ACK, &ack));
	bool saw_it = false, saw_rest = false;
	struct reader r = reader_of(ack.value + 16, ack.len - 16u);
	struct wire_param p;
	while (wire_param_next(&r, &p) == 1) {
		if (p.type != WIRE_PARAM_UNRECOGNIZED)
			continue;
		ck_assert_uint_eq(p.len, 8);
		saw_it |= get_be16(p.value) == type && memcmp(p.value + 4, "what", 4) == 0;
		saw_rest |= get_be16(p.value) == 0xc0ff;
	}
	ck_assert(saw_it == reported);
	ck_assert(saw_rest == rest_read);
	script_free(&s);
}

START_TEST(test_unknown_parameters_are_treated_as_their_high_bits_say) {
	unknown_parameter(0x0123, false, false);
	unknown_parameter(0x4123, true, false);
	unknown_parameter(0x8123, false, true);
	unknown_parameter(0xc123, true, true);
}
END_TEST

/* ---- nobody there ---- */

START_TEST(test_connecting_to_nobody_gives_up_after_the_configured_tries) {
	struct pair p;
	pair_init(&p, NULL);
	p.ab->config.loss = 1;
	ck_assert_int_eq(sluice_sctp_connect(p.a->sctp), 0);
	ck_assert(SIM_UNTIL(&p.sim, p.started + 300 * SLUICE_S, p.a->ended));
	ck_assert_int_eq(p.a->end_error, SLUICE_TIMED_OUT);
	ck_assert_uint_eq(recorder_count(&p.recorder, true, WIRE_INIT), 9);
	/* 0.5 + 1 + 2 + 6 times 3 s: doubled each time, up to rto_max. */
	ck_assert_about(p.a->ended_at - p.started, 21500 * SLUICE_MS);
	ck_assert_int_eq(sctp_host_state(p.a), SLUICE_SCTP_CLOSED);
	ck_assert_int_eq(sluice_sctp_error(p.a->sctp, &(const char *){0}), SLUICE_TIMED_OUT);
	ck_assert(sluice_sctp_deadline(p.a->sctp) == SLUICE_NEVER);
	pair_free(&p);
}
END_TEST

START_TEST(test_cookies_that_are_never_acknowledged_are_given_up) {
	struct pair_config c;
	pair_config_init(&c);
	c.a.init_max_retransmits = 3;
	struct pair p;
	pair_init(&p, &c);
	struct drop_chunk rule = {.type = WIRE_COOKIE_ACK};
	link_filter(p.ba, drop_chunk, &rule);
	ck_assert_int_eq(sluice_sctp_connect(p.a->sctp), 0);
	ck_assert(SIM_UNTIL(&p.sim, p.started + 300 * SLUICE_S, p.a->ended));
	ck_assert_int_eq(p.a->end_error, SLUICE_TIMED_OUT);
	ck_assert_uint_eq(recorder_count(&p.recorder, true, WIRE_COOKIE_ECHO), 4);
	pair_free(&p);
}
END_TEST

START_TEST(test_an_association_can_connect_again_after_it_ended) {
	struct pair p;
	pair_start(&p, NULL);
	pair_send(&p, p.a, 0, 100);
	pair_deliver(&p, SLUICE_S);
	pair_shutdown(&p, p.a, SLUICE_S);
	p.a->connected = p.b->connected = p.a->ended = p.b->ended = 0;
	pair_connect(&p, SLUICE_S);
	pair_send(&p, p.a, 0, 100);
	pair_send(&p, p.b, 0, 100);
	pair_deliver(&p, SLUICE_S);
	pair_shutdown(&p, p.b, SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_connect_is_refused_outside_closed) {
	struct pair p;
	pair_init(&p, NULL);
	ck_assert_int_eq(sluice_sctp_shutdown(p.a->sctp), SLUICE_WRONG_STATE);
	ck_assert_int_eq(sluice_sctp_connect(p.a->sctp), 0);
	ck_assert_int_eq(sluice_sctp_connect(p.a->sctp), SLUICE_WRONG_STATE);
	ck_assert(SIM_UNTIL(&p.sim, p.started + SLUICE_S, p.a->connected));
	ck_assert_int_eq(sluice_sctp_connect(p.a->sctp), SLUICE_WRONG_STATE);
	ck_assert(SIM_UNTIL(&p.sim, p.started + SLUICE_S, p.b->connected));
	ck_assert_int_eq(sluice_sctp_connect(p.b->sctp), SLUICE_WRONG_STATE);
	pair_free(&p);
}
END_TEST

START_TEST(test_the_smaller_stream_counts_win) {
	struct pair_config c;
	pair_config_init(&c);
	c.a.outbound_streams = 10;
	c.a.inbound_streams = 20;
	c.b.outbound_streams = 30;
	c.b.inbound_streams = 5;
	struct pair p;
	pair_start(&p, &c);
	ck_assert_uint_eq(sctp_host_stats(p.a).outbound_streams, 5);
	ck_assert_uint_eq(sctp_host_stats(p.b).outbound_streams, 20);
	ck_assert_int_eq(sctp_host_send(p.a, &(sluice_send_info){.stream = 5}, 1), SLUICE_INVALID);
	ck_assert_int_eq(sctp_host_send(p.a, &(sluice_send_info){.stream = 4}, 1), 0);
	ck_assert_int_eq(sctp_host_send(p.b, &(sluice_send_info){.stream = 20}, 1), SLUICE_INVALID);
	ck_assert_int_eq(sctp_host_send(p.b, &(sluice_send_info){.stream = 19}, 1), 0);
	pair_deliver(&p, SLUICE_S);
	pair_free(&p);
}
END_TEST

/* ---- zero checksum: RFC 9653 ---- */

static unsigned zero_checksums(const struct pair *p, bool forward) {
	unsigned n = 0;
	for (size_t i = 0; i < p->recorder.count; i++)
		n += p->recorder.packets[i].forward == forward && get_be32(p->recorder.packets[i].bytes + 8) == 0;
	return n;
}

START_TEST(test_the_checksum_is_left_out_when_both_sides_accept_that) {
	struct pair_config c;
	pair_config_init(&c);
	c.a.checksum = c.b.checksum = SLUICE_CHECKSUM_DTLS;
	struct pair p;
	pair_start(&p, &c);
	/* RFC 9653, 5.2: packets with INIT and COOKIE-ECHO carry it all the same. */
	ck_assert_uint_ne(get_be32(recorder_find(&p.recorder, true, WIRE_INIT, 0)->bytes + 8), 0);
	ck_assert_uint_ne(get_be32(recorder_find(&p.recorder, true, WIRE_COOKIE_ECHO, 0)->bytes + 8), 0);
	for (unsigned i = 0; i < 10; i++) {
		pair_send(&p, p.a, 0, 3000);
		pair_send(&p, p.b, 0, 3000);
	}
	pair_deliver(&p, SLUICE_S);
	ck_assert_uint_ge(zero_checksums(&p, true), 20);
	ck_assert_uint_ge(zero_checksums(&p, false), 20);
	pair_shutdown(&p, p.a, SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_the_checksum_stays_when_one_side_wants_it) {
	for (unsigned i = 0; i < 2; i++) {
		struct pair_config c;
		pair_config_init(&c);
		(i ? &c.a : &c.b)->checksum = SLUICE_CHECKSUM_DTLS;
		struct pair p;
		pair_start(&p, &c);
		pair_send(&p, p.a, 0, 3000);
		pair_send(&p, p.b, 0, 3000);
		pair_deliver(&p, SLUICE_S);
		ck_assert_uint_eq(zero_checksums(&p, true) + zero_checksums(&p, false), 0);
		pair_shutdown(&p, p.a, SLUICE_S);
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_messages_for_streams_that_the_peer_does_not_take_are_given_up) {
	struct pair_config c;
	pair_config_init(&c);
	c.b.inbound_streams = 5;
	struct pair p;
	pair_init(&p, &c);
	ck_assert_int_eq(sluice_sctp_connect(p.a->sctp), 0);
	pair_send(&p, p.a, 4, 3000);
	ck_assert_int_eq(sluice_sctp_send(p.a->sctp, &(sluice_send_info){.stream = 5}, "none", 4), 0);
	ck_assert_int_eq(sluice_sctp_send(p.a->sctp, &(sluice_send_info){.stream = 9}, "takes", 5), 0);
	pair_send(&p, p.a, 0, 3000);
	ck_assert(SIM_UNTIL(&p.sim, p.started + SLUICE_S, p.a->connected && p.b->connected));
	pair_deliver(&p, SLUICE_S);
	ck_assert_uint_eq(sctp_host_stats(p.a).messages_abandoned, 2);
	ck_assert_uint_eq(p.a->abandoned, 2);
	ck_assert_uint_eq(recorder_count(&p.recorder, false, WIRE_ERROR), 0);
	pair_shutdown(&p, p.a, SLUICE_S);
	pair_free(&p);
}
END_TEST

/* One batch of `from` into `to`, a copy of its last packet, and nobody looks at events. */
static size_t pass(sluice_sctp *from, sluice_sctp *to, uint8_t *last) {
	uint8_t space[8192];
	sluice_batch b = {.data = space, .capacity = sizeof space};
	size_t len = 0;
	while (sluice_sctp_output(from, &b, SLUICE_S) > 0) {
		for (size_t i = 0; i < b.count; i++) {
			len = sluice_batch_slot_len(&b, i);
			memcpy(last, sluice_batch_slot(&b, i), len);
			sluice_sctp_input(to, &(sluice_datagram){.data = sluice_batch_slot(&b, i), .len = len}, 1, SLUICE_S);
		}
	}
	return len;
}

START_TEST(test_a_cookie_that_comes_again_waits_until_the_app_heard_of_the_end) {
	sluice_env *env;
	sluice_sctp *a, *b;
	uint8_t packet[2048], echo[2048];
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	ck_assert_int_eq(sluice_sctp_new(env, NULL, &a), 0);
	ck_assert_int_eq(sluice_sctp_new(env, NULL, &b), 0);
	ck_assert_int_eq(sluice_sctp_connect(a), 0);
	pass(a, b, packet);
	pass(b, a, packet);
	sluice_datagram again = {.data = echo, .len = pass(a, b, echo)};
	ck_assert_int_eq(sluice_sctp_state(b), SLUICE_SCTP_ESTABLISHED);
	sluice_sctp_abort(a, NULL);
	pass(a, b, packet);
	sluice_sctp_input(b, &again, 1, SLUICE_S);
	ck_assert_int_eq(sluice_sctp_state(b), SLUICE_SCTP_CLOSED);
	sluice_sctp_event e;
	ck_assert(sluice_sctp_poll(b, &e) && e.type == SLUICE_SCTP_CONNECTED);
	ck_assert(sluice_sctp_poll(b, &e) && e.type == SLUICE_SCTP_ENDED);
	ck_assert(!sluice_sctp_poll(b, &e));
	sluice_sctp_input(b, &again, 1, SLUICE_S);
	ck_assert_int_eq(sluice_sctp_state(b), SLUICE_SCTP_ESTABLISHED);
	ck_assert(sluice_sctp_poll(b, &e) && e.type == SLUICE_SCTP_CONNECTED);
	sluice_sctp_free(a);
	sluice_sctp_free(b);
	sluice_env_free(env);
}
END_TEST

SUITE("sctp handshake", test_the_checksum_is_left_out_when_both_sides_accept_that, test_the_checksum_stays_when_one_side_wants_it,
      test_an_init_without_zero_checksum_is_answered_without_it,
      test_who_opens_may_send_after_one_round_trip_and_both_are_established_after_two,
      test_data_that_waits_for_the_handshake_rides_on_the_cookie_echo, test_a_lost_init_is_sent_again,
      test_a_lost_init_ack_is_sent_again, test_a_lost_cookie_echo_is_sent_again, test_a_lost_cookie_ack_is_sent_again,
      test_the_handshake_survives_when_everything_comes_twice, test_both_sides_may_open_at_once,
      test_openings_that_cross_in_any_phase_end_in_one_association, test_a_peer_that_forgot_and_connects_again_is_a_restart,
      test_a_restart_with_data_in_flight_loses_it_and_goes_on, test_a_scripted_peer_opens_both_ways,
      test_a_cookie_older_than_its_lifetime_is_answered_with_stale_cookie, test_a_cookie_just_within_its_lifetime_is_good,
      test_a_client_told_that_its_cookie_is_stale_starts_again_or_gives_up, test_a_forged_cookie_opens_nothing,
      test_a_cookie_under_another_tag_is_discarded, test_another_associations_cookie_opens_nothing,
      test_inits_leave_no_state_behind, test_an_init_with_a_zero_tag_is_not_answered, test_an_init_without_streams_is_refused,
      test_an_init_under_a_tag_is_not_answered, test_an_init_that_is_bundled_is_not_answered,
      test_an_init_with_a_bad_checksum_or_port_is_discarded, test_a_refusing_association_answers_no_init,
      test_unknown_parameters_are_treated_as_their_high_bits_say, test_connecting_to_nobody_gives_up_after_the_configured_tries,
      test_cookies_that_are_never_acknowledged_are_given_up, test_an_association_can_connect_again_after_it_ended,
      test_connect_is_refused_outside_closed, test_the_smaller_stream_counts_win,
      test_messages_for_streams_that_the_peer_does_not_take_are_given_up,
      test_a_cookie_that_comes_again_waits_until_the_app_heard_of_the_end)
