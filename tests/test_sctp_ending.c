/* How an association ends that cannot end in order: given up after silence, or by the guard of its shutdown. RFC 9260, 8.1 and
 * 9.2. */
#include "suite.h"

#include "sim/assert.h"
#include "sim/packets.h"
#include "sim/pair.h"
#include "sim/script.h"

/* ---- a peer that hears nothing of us, or of whom we hear nothing ---- */

/* The packets that hold an ABORT and went from a to b after `from`; the last one's reason. */
static unsigned aborts(const struct pair *p, uint64_t from, struct wire_param *cause) {
	unsigned n = 0;
	for (size_t i = 0; i < p->recorder.count; i++) {
		const struct recorded *r = &p->recorder.packets[i];
		struct wire_chunk c;
		if (!r->forward || r->at < from || !packet_chunk(r->bytes, r->len, WIRE_ABORT, 0, &c))
			continue;
		struct reader causes = reader_of(c.value, c.len);
		ck_assert_int_eq(wire_param_next(&causes, cause), 1);
		n++;
	}
	return n;
}

START_TEST(test_who_gives_up_on_a_silent_peer_tells_it_in_an_abort) {
	struct pair p;
	struct wire_param cause;
	pair_start(&p, NULL);
	p.ba->config.loss = 1;
	uint64_t deaf = p.sim.now;
	ck_assert_int_eq(sctp_host_send(p.a, &(sluice_send_info){0}, 100), 0);
	ck_assert(SIM_UNTIL(&p.sim, deaf + 100 * SLUICE_S, p.a->ended && p.b->ended));
	ck_assert_int_eq(p.a->end_error, SLUICE_TIMED_OUT);
	ck_assert_int_eq(p.b->end_error, SLUICE_ABORTED);
	ck_assert_ptr_nonnull(strstr(p.b->end_text, "no answer from the peer after 10 retransmissions"));
	ck_assert_uint_eq(aborts(&p, deaf, &cause), 1);
	ck_assert_uint_eq(cause.type, WIRE_CAUSE_PROTOCOL_VIOLATION); /* nobody wanted this end */
	pair_free(&p);
}
END_TEST

START_TEST(test_unanswered_heartbeats_end_in_an_abort_too) {
	struct pair_config c;
	struct wire_param cause;
	struct pair p;
	pair_config_init(&c);
	c.a.heartbeat_interval = SLUICE_S;
	c.b.heartbeat_interval = SLUICE_NEVER;
	pair_start(&p, &c);
	p.ba->config.loss = 1;
	uint64_t deaf = p.sim.now;
	ck_assert(SIM_UNTIL(&p.sim, deaf + 100 * SLUICE_S, p.a->ended && p.b->ended));
	ck_assert_int_eq(p.b->end_error, SLUICE_ABORTED);
	ck_assert_uint_eq(aborts(&p, deaf, &cause), 1);
	pair_free(&p);
}
END_TEST

START_TEST(test_cookies_given_up_end_the_peers_association_too) {
	struct pair p;
	struct wire_param cause;
	pair_init(&p, NULL);
	struct drop_chunk rule = {.type = WIRE_COOKIE_ACK};
	link_filter(p.ba, drop_chunk, &rule);
	ck_assert_int_eq(sluice_sctp_connect(p.a->sctp), 0);
	ck_assert(SIM_UNTIL(&p.sim, p.started + 100 * SLUICE_S, p.a->ended && p.b->ended));
	ck_assert_int_eq(p.a->end_error, SLUICE_TIMED_OUT);
	ck_assert_int_eq(p.b->end_error, SLUICE_ABORTED);
	ck_assert_uint_eq(aborts(&p, p.started, &cause), 1);
	pair_free(&p);
}
END_TEST

START_TEST(test_inits_given_up_end_without_a_word) {
	/* Nobody is there who has a tag. */
	struct pair p;
	struct wire_param cause;
	pair_init(&p, NULL);
	p.ab->config.loss = 1;
	ck_assert_int_eq(sluice_sctp_connect(p.a->sctp), 0);
	ck_assert(SIM_UNTIL(&p.sim, p.started + 100 * SLUICE_S, p.a->ended));
	sim_run(&p.sim, p.sim.now + SLUICE_S);
	ck_assert_uint_eq(aborts(&p, p.started, &cause), 0);
	pair_free(&p);
}
END_TEST

/* ---- the shutdown ---- */

static void begin_shutdown(struct script *s, const sluice_sctp_config *config) {
	script_init(s, config);
	ck_assert(script_open_passive(s));
	/* Long after the last packet: the guard counts from the SHUTDOWN. */
	s->now += 25 * SLUICE_S;
	ck_assert_int_eq(sluice_sctp_shutdown(s->sctp), 0);
	script_collect(s);
	ck_assert_int_eq(sluice_sctp_state(s->sctp), SLUICE_SCTP_SHUTDOWN_SENT);
	script_skip(s);
}

/* The peer sends a message each `every` until it is over or `until` is there; the time at the end. */
static uint64_t data_for_ever(struct script *s, uint64_t every, uint64_t until) {
	for (uint16_t ssn = 0; s->now < until && sluice_sctp_state(s->sctp) != SLUICE_SCTP_CLOSED; ssn++) {
		script_give_data(s, s->tsn++, 0, ssn, WIRE_DATA_B | WIRE_DATA_E, 10);
		ck_assert(script_pending(s, WIRE_SHUTDOWN) > 0 || sluice_sctp_state(s->sctp) == SLUICE_SCTP_CLOSED);
		s->read = s->count = s->event_count = s->message_count = 0;
		uint64_t next = s->now + every, deadline;
		while (sluice_sctp_state(s->sctp) != SLUICE_SCTP_CLOSED && (deadline = sluice_sctp_deadline(s->sctp)) <= next)
			script_run(s, deadline);
		if (sluice_sctp_state(s->sctp) != SLUICE_SCTP_CLOSED)
			s->now = next;
	}
	return s->now;
}

START_TEST(test_data_for_ever_after_our_shutdown_ends_at_the_guard) {
	/* RFC 9260, 9.2: "at the expiration of this timer, the sender SHOULD abort the association by sending an ABORT chunk".
	 * Also with more time between messages than T2 gives. */
	static const uint64_t gaps[] = {20 * SLUICE_MS, 400 * SLUICE_MS, 2900 * SLUICE_MS};
	for (size_t i = 0; i < sizeof gaps / sizeof *gaps; i++) {
		struct script s;
		begin_shutdown(&s, NULL);
		uint64_t start = s.now;
		ck_assert_uint_eq(data_for_ever(&s, gaps[i], start + 400 * SLUICE_S) - start, 300 * SLUICE_S);
		ck_assert_int_eq(sluice_sctp_error(s.sctp, &(const char *){0}), SLUICE_TIMED_OUT);
		ck_assert_uint_eq(script_pending(&s, WIRE_ABORT), 1);
		script_free(&s);
	}
}
END_TEST

START_TEST(test_the_guard_of_a_shutdown_can_be_chosen_or_left_out) {
	sluice_sctp_config config;
	struct script s;
	sluice_sctp_config_init(&config);
	config.shutdown_guard = 40 * SLUICE_S;
	begin_shutdown(&s, &config);
	uint64_t start = s.now;
	ck_assert_uint_eq(data_for_ever(&s, 400 * SLUICE_MS, start + 100 * SLUICE_S) - start, 40 * SLUICE_S);
	script_free(&s);
	config.shutdown_guard = SLUICE_NEVER;
	begin_shutdown(&s, &config);
	start = s.now;
	ck_assert_uint_ge(data_for_ever(&s, 400 * SLUICE_MS, start + 100 * SLUICE_S) - start, 100 * SLUICE_S);
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_SHUTDOWN_SENT);
	script_free(&s);
}
END_TEST

START_TEST(test_a_peer_that_still_sends_is_not_counted_as_silent) {
	/* Two retransmissions are allowed, and two go out before each message comes. */
	sluice_sctp_config config;
	struct script s;
	sluice_sctp_config_init(&config);
	config.association_max_retransmits = 2;
	config.shutdown_guard = SLUICE_NEVER;
	begin_shutdown(&s, &config);
	uint64_t start = s.now;
	ck_assert_uint_ge(data_for_ever(&s, 2900 * SLUICE_MS, start + 60 * SLUICE_S) - start, 60 * SLUICE_S);
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_SHUTDOWN_SENT);
	/* Then it falls silent. */
	script_run(&s, s.now + 20 * SLUICE_S);
	ck_assert_int_eq(sluice_sctp_error(s.sctp, &(const char *){0}), SLUICE_TIMED_OUT);
	script_free(&s);
}
END_TEST

START_TEST(test_a_peer_with_much_to_say_is_heard_out_within_the_guard) {
	struct pair_config c;
	struct pair p;
	pair_config_init(&c);
	c.ba.rate = 2000000; /* bits: 12 MB take 48 s */
	c.a.association_max_retransmits = 1;
	pair_start(&p, &c);
	ck_assert_int_eq(sluice_sctp_set_high_water(p.b->sctp, 0, 64 << 20), 0);
	for (unsigned i = 0; i < 120; i++)
		pair_send(&p, p.b, 0, 100000);
	pair_shutdown(&p, p.a, 60 * SLUICE_S);
	ck_assert(ledger_complete(&p.to_a));
	pair_free(&p);
}
END_TEST

START_TEST(test_shutdowns_for_ever_end_at_the_guard_too) {
	/* Each is answered with a SHUTDOWN ACK, which starts T2 anew, so that T2 alone would never count. */
	struct script s;
	uint8_t space[100];
	script_init(&s, NULL);
	ck_assert(script_open_passive(&s));
	uint64_t start = s.now;
	while (sluice_sctp_state(s.sctp) != SLUICE_SCTP_CLOSED && s.now < start + 400 * SLUICE_S) {
		struct writer w = script_begin(&s, space, sizeof space);
		wire_shutdown_write(&w, s.remote_tsn - 1);
		script_give(&s, &w);
		ck_assert_uint_eq(script_pending(&s, WIRE_SHUTDOWN_ACK), 1);
		s.read = s.count = 0;
		script_run(&s, s.now + 100 * SLUICE_MS);
	}
	ck_assert_uint_eq(s.now - start, 300 * SLUICE_S);
	ck_assert_uint_eq(script_pending(&s, WIRE_ABORT), 1);
	script_free(&s);
}
END_TEST

START_TEST(test_a_guard_that_is_no_duration_is_refused) {
	sluice_sctp_config config;
	sluice_sctp *a;
	sluice_env *env;
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	sluice_sctp_config_init(&config);
	config.shutdown_guard = SLUICE_NEVER - 1;
	ck_assert_int_eq(sluice_sctp_new(env, &config, &a), SLUICE_INVALID);
	sluice_env_free(env);
}
END_TEST

START_TEST(test_the_shutdown_complete_travels_alone) {
	/* RFC 9260, 6.10. DATA that came with the SHUTDOWN ACK wants a SACK, and nobody is there any more who would send it. */
	struct pair p;
	pair_start(&p, NULL);
	for (unsigned i = 0; i < 5; i++) {
		pair_send(&p, p.a, 0, 3000);
		pair_send(&p, p.b, 0, 3000);
	}
	pair_shutdown(&p, p.a, SLUICE_S);
	const struct recorded *r = recorder_find(&p.recorder, true, WIRE_SHUTDOWN_COMPLETE, 0);
	ck_assert_ptr_nonnull(r);
	ck_assert_uint_eq(r->len, WIRE_HEADER_SIZE + 4);
	ck_assert_uint_eq(r->bytes[WIRE_HEADER_SIZE + 1] & WIRE_FLAG_T, 0);
	pair_free(&p);
}
END_TEST

SUITE("sctp ending", test_who_gives_up_on_a_silent_peer_tells_it_in_an_abort, test_unanswered_heartbeats_end_in_an_abort_too,
      test_cookies_given_up_end_the_peers_association_too, test_inits_given_up_end_without_a_word,
      test_data_for_ever_after_our_shutdown_ends_at_the_guard, test_the_guard_of_a_shutdown_can_be_chosen_or_left_out,
      test_a_peer_that_still_sends_is_not_counted_as_silent, test_a_peer_with_much_to_say_is_heard_out_within_the_guard,
      test_shutdowns_for_ever_end_at_the_guard_too, test_a_guard_that_is_no_duration_is_refused,
      test_the_shutdown_complete_travels_alone)
