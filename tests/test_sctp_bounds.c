/* Bounds at their edges: windows smaller than what one chunk takes, and what a peer can make us remember while the app asks for
 * nothing. */
#include "suite.h"

#include "sctp/association.h"
#include "sim/assert.h"
#include "sim/packets.h"
#include "sim/pair.h"
#include "sim/script.h"

/* ---- windows ---- */

/* The first message of a stream takes the stream's memory too: thousands of bytes for one of payload. */
START_TEST(test_small_messages_on_many_streams_do_not_shut_a_small_window) {
	static const uint32_t windows[] = {4096, 8192, 32768};
	for (unsigned i = 0; i < sizeof windows / sizeof *windows; i++) {
		struct pair_config c;
		pair_config_init(&c);
		c.no_record = true;
		c.b.receive_window = windows[i];
		c.b.max_message_size = 1000;
		struct pair p;
		pair_start(&p, &c);
		for (unsigned n = 0; n < 100; n++) {
			pair_send(&p, p.a, (uint16_t)(33 * n), 1);
			sim_run(&p.sim, p.sim.now + 50 * SLUICE_MS);
			ck_assert_uint_gt(sctp_host_stats(p.b).local_window, 0);
		}
		pair_deliver(&p, SLUICE_S);
		ck_assert_uint_eq(sctp_host_stats(p.a).window_probes, 0);
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_an_association_that_ended_gives_the_budget_back_before_it_is_freed) {
	struct pair_config c;
	pair_config_init(&c);
	c.no_record = true;
	c.a.high_water = UINT64_C(2) << 20;
	c.ab.delay = c.ba.delay = 50 * SLUICE_MS;
	struct pair p;
	pair_start(&p, &c);
	for (unsigned i = 0; i < 400; i++) {
		sluice_send_info info = {.stream = (uint16_t)(i % 32)};
		ck_assert_int_eq(sctp_host_send(p.a, &info, 100000), 0);
	}
	pair_deliver(&p, 60 * SLUICE_S);
	ck_assert_uint_gt(p.b->env->window_lent, 0);
	sluice_sctp_abort(p.a->sctp, NULL);
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + SLUICE_S, p.b->ended));
	ck_assert_uint_eq(p.b->env->window_lent, 0);
	pair_free(&p);
}
END_TEST

/* ---- what nobody polls ---- */

static void give_unpolled(struct script *s, struct writer *w) {
	wire_packet_seal(w->start, writer_len(w));
	sluice_datagram d = {.data = w->start, .len = writer_len(w)};
	(void)sluice_sctp_input(s->sctp, &d, 1, s->now);
	static uint8_t space[65536];
	sluice_batch b = {.data = space, .capacity = sizeof space};
	while (sluice_sctp_output(s->sctp, &b, s->now) > 0)
		;
}

/* A FORWARD-TSN that skips one TSN and names streams of which nothing came. */
static void name_streams(struct script *s, uint16_t first, uint16_t count) {
	static uint8_t space[2048];
	struct writer w = script_begin(s, space, sizeof space);
	uint8_t *c = wire_chunk_begin(&w, WIRE_FORWARD_TSN, 0);
	write_be32(&w, s->tsn++);
	for (uint16_t i = 0; i < count; i++) {
		write_be16(&w, (uint16_t)(first + i));
		write_be16(&w, 0);
	}
	wire_chunk_end(&w, c);
	give_unpolled(s, &w);
}

static void reset_all(struct script *s, uint32_t seq) {
	uint8_t space[64];
	struct writer w = script_begin(s, space, sizeof space);
	uint8_t *c = wire_chunk_begin(&w, WIRE_RE_CONFIG, 0);
	wire_reconfig_write(
		&w, &(struct wire_reconfig){.type = WIRE_PARAM_OUTGOING_RESET, .request_seq = seq, .last_tsn = s->tsn - 1});
	wire_chunk_end(&w, c);
	give_unpolled(s, &w);
}

static void poll_all(struct script *s) {
	sluice_sctp_event e;
	while (sluice_sctp_poll(s->sctp, &e))
		ck_assert_ptr_null(e.message);
	ck_assert_uint_eq(s->sctp->rx.in.to.resets, 0);
}

START_TEST(test_resets_of_streams_that_were_only_named_are_bounded_while_nobody_polls) {
	struct script s;
	script_init(&s, NULL);
	ck_assert(script_open_passive(&s));
	uint32_t seq = s.tsn;
	for (unsigned round = 0; round < 200; round++) {
		name_streams(&s, 0, 250);
		reset_all(&s, seq++);
	}
	ck_assert_uint_lt(s.sctp->rx.in.to.resets, 5000);
	ck_assert_uint_lt(s.memory.bytes, 4 << 20);
	/* What waited is done once the app asks. */
	ck_assert_uint_ne(s.sctp->rx.in.to.streams.count, 0);
	poll_all(&s);
	reset_all(&s, seq - 1);
	poll_all(&s);
	ck_assert_uint_eq(s.sctp->rx.in.to.streams.count, 0);
	script_free(&s);
}
END_TEST

/* ---- numbers that a peer gives twice ---- */

START_TEST(test_a_message_whose_number_came_again_as_a_whole_one_is_given_up_and_the_association_handed_over) {
	static uint8_t bytes[1 << 16];
	for (unsigned parts = 0; parts < 2; parts++) {
		struct script s;
		script_init(&s, NULL);
		s.i_data = s.i_forward_tsn = true;
		ck_assert(script_open_passive(&s));
		ck_assert_int_eq(sluice_sctp_set_partial_delivery(s.sctp, 3, parts ? 50 : 0), 0);
		script_give_i_data(&s, s.tsn, 3, 0, 0, WIRE_DATA_B, 100);
		script_give_i_data(&s, s.tsn + 1, 3, 0, 0, WIRE_DATA_B | WIRE_DATA_E, 20);
		ck_assert_uint_eq(s.message_count, parts ? 3 : 1);
		ck_assert_int_eq(s.messages[s.message_count - 1].error, parts ? SLUICE_ABANDONED : 0);
		ck_assert_uint_eq(s.sctp->rx.in.interleaved.count, 0);
		ck_assert_uint_eq(s.sctp->rx.window->held, 0);
		size_t len;
		sluice_sctp *b;
		ck_assert_int_eq(sluice_sctp_export(s.sctp, bytes, sizeof bytes, &len), 0);
		ck_assert_int_eq(sluice_sctp_import(s.env, bytes, len, s.now, &b), 0);
		sluice_sctp_free(s.sctp);
		s.sctp = b;
		script_give_i_data(&s, s.tsn + 2, 3, 1, 0, WIRE_DATA_B | WIRE_DATA_E, 30);
		ck_assert_uint_eq(s.messages[s.message_count - 1].len, 30);
		script_free(&s);
	}
}
END_TEST

SUITE("sctp bounds", test_an_association_that_ended_gives_the_budget_back_before_it_is_freed,
      test_a_message_whose_number_came_again_as_a_whole_one_is_given_up_and_the_association_handed_over,
      test_small_messages_on_many_streams_do_not_shut_a_small_window,
      test_resets_of_streams_that_were_only_named_are_bounded_while_nobody_polls)
