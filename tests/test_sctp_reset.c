/* What resets cost and what they leave behind: floods of them, lists of many streams, peers that take few at a time. RFC 6525. */
#include "suite.h"

#include "sctp/association.h"
#include "sim/assert.h"
#include "sim/packets.h"
#include "sim/pair.h"
#include "sim/script.h"

static void started(struct script *s) {
	script_init(s, NULL);
	ck_assert(script_open_passive(s));
}

/* The peer's request with the next number, and the result that it gets. */
static uint32_t result_of(struct script *s, struct wire_reconfig r, uint32_t *seq) {
	struct wire_reconfig answer;
	r.request_seq = (*seq)++;
	script_skip(s);
	script_give_reconfig(s, &r);
	ck_assert(script_next_reconfig(s, &answer));
	ck_assert_uint_eq(answer.type, WIRE_PARAM_RECONFIG_RESPONSE);
	ck_assert_uint_eq(answer.response_seq, r.request_seq);
	return answer.result;
}

/* ---- what the peer's resets cost ---- */

START_TEST(test_a_reset_of_all_streams_leaves_nothing_of_them_and_the_next_one_costs_nothing) {
	struct script s;
	started(&s);
	uint32_t tsn = s.tsn, seq = tsn;
	size_t blocks = 0; /* what the pools keep, from the second round on */
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 200; i++)
			script_give_data(&s, tsn++, (uint16_t)(i * 327), 0, 3, 10);
		ck_assert_uint_eq(s.message_count, 200);
		ck_assert_uint_eq(s.sctp->rx.in.to.streams.count, 200);
		s.message_count = s.event_count = 0;
		struct wire_reconfig all = {.type = WIRE_PARAM_OUTGOING_RESET, .last_tsn = tsn - 1};
		ck_assert_uint_eq(result_of(&s, all, &seq), WIRE_RESULT_PERFORMED);
		ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_RESET_IN), 201);
		ck_assert_uint_eq(s.events[0].stream, 0);
		ck_assert_uint_eq(s.events[199].stream, 199 * 327);
		ck_assert_uint_eq(s.events[200].stream, SLUICE_SCTP_ALL_STREAMS);
		ck_assert_uint_eq(s.sctp->rx.in.to.streams.count, 0);
		ck_assert_uint_eq(s.sctp->rx.in.to.streams.page_count, 0);
		ck_assert(round == 0 || s.memory.live == blocks);
		blocks = s.memory.live;
		uint64_t allocations = s.memory.allocations;
		for (uint32_t i = 0; i < 100; i++) {
			s.event_count = 0;
			ck_assert_uint_eq(result_of(&s, all, &seq), WIRE_RESULT_PERFORMED);
			ck_assert_uint_eq(s.event_count, 1);
		}
		ck_assert_uint_eq(s.memory.allocations, allocations);
		s.event_count = 0;
	}
	script_free(&s);
}
END_TEST

START_TEST(test_what_waited_for_a_missing_message_goes_with_a_reset) {
	struct script s;
	started(&s);
	uint32_t seq = s.tsn;
	script_give_data(&s, s.tsn, 9, 3, 3, 500);
	ck_assert_uint_eq(s.message_count, 0);
	ck_assert_uint_ne(s.sctp->rx.window->held, 0);
	struct wire_reconfig all = {.type = WIRE_PARAM_OUTGOING_RESET, .last_tsn = s.tsn};
	ck_assert_uint_eq(result_of(&s, all, &seq), WIRE_RESULT_PERFORMED);
	ck_assert_uint_eq(s.sctp->rx.window->held, 0);
	ck_assert_uint_eq(s.sctp->rx.in.to.streams.count, 0);
	script_give_data(&s, s.tsn + 1, 9, 0, 3, 7);
	ck_assert_uint_eq(s.message_count, 1);
	script_free(&s);
}
END_TEST

/* Two lives of a stream end in one batch of packets: the app sees both ends, in order. */
START_TEST(test_each_reset_has_an_event_of_its_own_in_its_place) {
	struct script s;
	started(&s);
	static uint8_t space[2][2048];
	uint8_t five[2] = {0, 5};
	sluice_datagram packets[2];
	for (uint32_t i = 0; i < 2; i++) {
		struct wire_reconfig r = {.type = WIRE_PARAM_OUTGOING_RESET,
		                          .request_seq = s.tsn + i,
		                          .last_tsn = s.tsn + i,
		                          .stream_count = 1,
		                          .streams = five};
		struct writer w = script_begin(&s, space[i], sizeof space[i]);
		script_data(&w, s.tsn + i, 5, 0, 3, 10 + i);
		uint8_t *c = wire_chunk_begin(&w, WIRE_RE_CONFIG, 0);
		wire_reconfig_write(&w, &r);
		wire_chunk_end(&w, c);
		wire_packet_seal(space[i], writer_len(&w));
		packets[i] = (sluice_datagram){.data = space[i], .len = writer_len(&w)};
	}
	s.event_count = 0;
	ck_assert_int_eq(sluice_sctp_input(s.sctp, packets, 2, s.now), 0);
	script_collect(&s);
	static const enum sluice_sctp_event_type order[] = {SLUICE_SCTP_MESSAGE, SLUICE_SCTP_RESET_IN, SLUICE_SCTP_MESSAGE,
	                                                    SLUICE_SCTP_RESET_IN};
	ck_assert_uint_eq(s.event_count, 4);
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(s.events[i].type, order[i]);
	script_free(&s);
}
END_TEST

/* An app that does not poll: the resets of streams that were never used wait, and cost no more than so much. */
START_TEST(test_unpolled_resets_are_bounded_and_the_rest_is_in_progress) {
	struct script s;
	started(&s);
	static uint8_t ids[2 * 1000], space[4096];
	uint32_t seq = s.tsn, last = s.tsn - 1;
	for (uint32_t round = 0; round < 40; round++) {
		for (uint32_t i = 0; i < 1000; i++)
			put_be16(ids + 2 * i, (uint16_t)(round * 1000 + i));
		struct wire_reconfig r = {.type = WIRE_PARAM_OUTGOING_RESET,
		                          .request_seq = seq++,
		                          .last_tsn = last,
		                          .stream_count = 1000,
		                          .streams = ids};
		struct writer w = script_begin(&s, space, sizeof space);
		uint8_t *c = wire_chunk_begin(&w, WIRE_RE_CONFIG, 0);
		wire_reconfig_write(&w, &r);
		wire_chunk_end(&w, c);
		wire_packet_seal(space, writer_len(&w));
		sluice_datagram d = {.data = space, .len = writer_len(&w)};
		sluice_sctp_input(s.sctp, &d, 1, s.now);
		ck_assert_uint_le(s.memory.live, 5000);
	}
	ck_assert_uint_eq(s.sctp->rx.in.to.resets, 4096);
	ck_assert(s.sctp->reconfig.deferred);
	sluice_sctp_event e;
	while (sluice_sctp_poll(s.sctp, &e))
		;
	ck_assert_uint_eq(s.sctp->rx.in.to.resets, 0);
	script_run(&s, s.now + SLUICE_S);
	struct wire_reconfig again = {.type = WIRE_PARAM_OUTGOING_RESET,
	                              .request_seq = seq - 1,
	                              .last_tsn = last,
	                              .stream_count = 1000,
	                              .streams = ids};
	struct wire_reconfig answer;
	script_skip(&s);
	script_give_reconfig(&s, &again);
	ck_assert(script_next_reconfig(&s, &answer));
	ck_assert_uint_eq(answer.response_seq, seq - 1);
	ck_assert_uint_eq(answer.result, WIRE_RESULT_PERFORMED);
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_RESET_IN), 1000);
	script_free(&s);
}
END_TEST

/* ---- many streams in one request ---- */

/* The request that is under way, whole: its type, number and streams. */
struct asked {
	uint16_t type;
	uint32_t seq;
	size_t count;
	uint16_t ids[1000];
};

static struct asked asked_for(const struct wire_reconfig *r) {
	ck_assert_uint_ne(r->type, WIRE_PARAM_RECONFIG_RESPONSE);
	struct asked a = {.type = r->type, .seq = r->request_seq, .count = r->stream_count};
	for (size_t i = 0; i < a.count; i++)
		a.ids[i] = wire_reconfig_stream(r, i);
	return a;
}

static struct asked next_request(struct script *s) {
	struct wire_reconfig r;
	ck_assert_msg(script_next_reconfig(s, &r), "no request came");
	return asked_for(&r);
}

/* In the packet that was looked at last, a chunk further. */
static struct asked request_behind_an_answer(struct script *s) {
	const struct script_packet *p = &s->packets[s->read - 1];
	struct wire_chunk c;
	struct wire_param param;
	struct wire_reconfig r;
	ck_assert(packet_chunk(p->bytes, p->len, WIRE_RE_CONFIG, 1, &c));
	struct reader reader = reader_of(c.value, c.len);
	ck_assert_int_eq(wire_param_next(&reader, &param), 1);
	ck_assert_int_eq(wire_reconfig_read(&param, &r), 0);
	return asked_for(&r);
}

static void reset_streams(struct script *s, uint16_t first, uint16_t count) {
	for (uint16_t i = 0; i < count; i++)
		ck_assert_int_eq(sluice_sctp_reset_stream(s->sctp, (uint16_t)(first + i)), 0);
	script_collect(s);
}

static unsigned refused(const struct script *s) {
	unsigned n = 0;
	for (size_t i = 0; i < s->event_count; i++)
		n += s->events[i].type == SLUICE_SCTP_RESET_OUT && s->events[i].error == SLUICE_REFUSED;
	return n;
}

START_TEST(test_streams_that_are_reset_one_after_the_other_go_in_one_request) {
	struct script s;
	started(&s);
	reset_streams(&s, 10, 1000);
	unsigned requests = 0, listed = 0;
	while (listed < 1000) {
		struct asked a = next_request(&s);
		ck_assert_uint_eq(a.type, WIRE_PARAM_OUTGOING_RESET);
		for (size_t i = 0; i < a.count; i++)
			ck_assert_uint_eq(a.ids[i], 10 + listed++);
		requests++;
		script_skip(&s);
		s.event_count = 0;
		script_give_response(&s, a.seq, WIRE_RESULT_PERFORMED);
		ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_RESET_OUT), a.count);
	}
	ck_assert_uint_le(requests, 5);
	script_run(&s, s.now + 5 * SLUICE_S);
	ck_assert_uint_eq(script_pending(&s, WIRE_RE_CONFIG), 0);
	ck_assert_uint_eq(s.sctp->tx.out.streams.count, 0); /* nothing was ever sent on them, so nothing is left of them */
	script_free(&s);
}
END_TEST

/* A request is sent again as it was, so it has to fit the smallest packets there are. */
START_TEST(test_a_list_fits_the_smallest_packets) {
	sluice_sctp_config c;
	sluice_sctp_config_init(&c);
	c.mtu = 296;
	struct script s;
	script_init(&s, &c);
	ck_assert(script_open_passive(&s));
	reset_streams(&s, 0, 500);
	struct asked a = next_request(&s);
	ck_assert_uint_gt(a.count, 100);
	script_give_response(&s, a.seq, WIRE_RESULT_PERFORMED);
	ck_assert_uint_gt(next_request(&s).count, 100);
	script_free(&s);
}
END_TEST

/* Linux and others refuse the list whole when one stream of it is beyond their count. */
START_TEST(test_a_stream_that_a_peer_refuses_is_found_in_its_list_and_the_others_are_reset) {
	for (uint16_t wrong = 0; wrong < 200; wrong = (uint16_t)(wrong + 1 + wrong / 3)) {
		struct script s;
		started(&s);
		reset_streams(&s, 0, 200);
		unsigned requests = 0;
		while (script_events(&s, SLUICE_SCTP_RESET_OUT) < 200) {
			struct asked a = next_request(&s);
			bool bad = false;
			for (size_t i = 0; i < a.count; i++)
				bad |= a.ids[i] == wrong;
			ck_assert_uint_lt(++requests, 20);
			script_skip(&s);
			script_give_response(&s, a.seq, bad ? WIRE_RESULT_WRONG_SSN : WIRE_RESULT_PERFORMED);
		}
		ck_assert_uint_eq(refused(&s), 1);
		/* Lists are whole again. */
		s.event_count = 0;
		script_skip(&s);
		reset_streams(&s, 300, 200);
		ck_assert_uint_eq(next_request(&s).count, 200);
		script_free(&s);
	}
}
END_TEST

START_TEST(test_a_peer_that_takes_no_lists_gets_one_stream_at_a_time_from_then_on) {
	struct script s;
	started(&s);
	reset_streams(&s, 0, 64);
	unsigned lists = 0;
	while (script_events(&s, SLUICE_SCTP_RESET_OUT) < 64) {
		struct asked a = next_request(&s);
		lists += a.count > 1;
		script_skip(&s);
		script_give_response(&s, a.seq, a.count > 1 ? WIRE_RESULT_DENIED : WIRE_RESULT_PERFORMED);
	}
	ck_assert_uint_eq(refused(&s), 0);
	ck_assert_uint_eq(lists, 6); /* 64, 32, 16, 8, 4, 2 */
	script_skip(&s);
	reset_streams(&s, 100, 10);
	ck_assert_uint_eq(next_request(&s).count, 1);
	script_free(&s);
}
END_TEST

/* dcSCTP says that it was performed, and the application above it stops at the first stream that it does not know. */
START_TEST(test_a_stream_that_the_peer_may_not_know_stands_last_and_alone_of_its_kind) {
	struct script s;
	started(&s);
	for (uint16_t i = 0; i < 30; i++) {
		ck_assert_int_eq(sluice_sctp_set_doubtful(s.sctp, i, i % 3 == 0), 0);
		ck_assert_int_eq(sluice_sctp_reset_stream(s.sctp, i), 0);
	}
	script_collect(&s);
	struct asked a = next_request(&s);
	ck_assert_uint_eq(a.count, 21);
	for (size_t i = 0; i < 20; i++)
		ck_assert_uint_ne(a.ids[i] % 3, 0);
	ck_assert_uint_eq(a.ids[20], 0);
	ck_assert_int_eq(sluice_sctp_set_doubtful(s.sctp, 15, false), 0); /* something came from the peer */
	for (uint16_t i = 3; i < 30; i = (uint16_t)(i + (i == 12 ? 6 : 3))) {
		script_skip(&s);
		script_give_response(&s, a.seq, WIRE_RESULT_PERFORMED);
		a = next_request(&s);
		ck_assert_uint_eq(a.count, i == 3 ? 2 : 1);
		ck_assert_uint_eq(a.ids[a.count - 1], i);
	}
	script_give_response(&s, a.seq, WIRE_RESULT_PERFORMED);
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_RESET_OUT), 30);
	script_free(&s);
}
END_TEST

START_TEST(test_a_stream_with_data_waits_and_the_others_do_not_wait_for_it) {
	struct script s;
	started(&s);
	ck_assert_int_eq(sluice_sctp_send(s.sctp, &(sluice_send_info){.stream = 1}, "x", 1), 0);
	reset_streams(&s, 0, 4);
	struct asked a = next_request(&s);
	ck_assert_uint_eq(a.count, 3);
	ck_assert_uint_eq(a.ids[1], 2);
	script_give_response(&s, a.seq, WIRE_RESULT_PERFORMED);
	ck_assert_uint_eq(script_pending(&s, WIRE_RE_CONFIG), 0);
	script_give_sack(&s, s.remote_tsn, 100000, NULL, 0);
	a = next_request(&s);
	ck_assert_uint_eq(a.count, 1);
	ck_assert_uint_eq(a.ids[0], 1);
	script_free(&s);
}
END_TEST

START_TEST(test_resets_that_the_peer_is_asked_for_go_in_lists_too) {
	struct script s;
	started(&s);
	for (uint16_t i = 0; i < 300; i++)
		ck_assert_int_eq(sluice_sctp_request_reset(s.sctp, i), 0);
	script_collect(&s);
	size_t listed = 0;
	bool refuse = true;
	while (listed < 300) {
		struct asked a = next_request(&s);
		ck_assert_uint_eq(a.type, WIRE_PARAM_INCOMING_RESET);
		ck_assert_uint_eq(a.ids[0], listed);
		listed += refuse ? 0 : a.count;
		script_skip(&s);
		script_give_response(&s, a.seq, refuse ? WIRE_RESULT_DENIED : WIRE_RESULT_PERFORMED);
		refuse = false;
	}
	script_run(&s, s.now + 5 * SLUICE_S);
	ck_assert_uint_eq(script_pending(&s, WIRE_RE_CONFIG), 0);
	script_free(&s);
}
END_TEST

/* Linux takes none of our requests while one of its own waits for our answer. */
START_TEST(test_a_peer_that_is_busy_with_a_request_of_its_own_is_asked_again_with_the_next_number) {
	struct script s;
	started(&s);
	reset_streams(&s, 3, 2);
	struct asked a = next_request(&s);
	for (unsigned i = 0; i < 3; i++) {
		script_give_response(&s, a.seq, WIRE_RESULT_IN_PROGRESS_OTHER);
		ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_RESET_OUT), 0);
		ck_assert_uint_eq(script_pending(&s, WIRE_RE_CONFIG), 0);
		script_run(&s, s.now + 2 * SLUICE_S);
		struct asked again = next_request(&s);
		ck_assert_uint_eq(again.seq, a.seq + 1);
		ck_assert_uint_eq(again.count, 2);
		a = again;
		script_skip(&s);
	}
	script_give_response(&s, a.seq, WIRE_RESULT_PERFORMED);
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_RESET_OUT), 2);
	/* And one that never comes to an end is as good as a refusal. */
	reset_streams(&s, 7, 1);
	for (unsigned i = 0; i < 20 && script_events(&s, SLUICE_SCTP_RESET_OUT) == 2; i++) {
		script_give_response(&s, next_request(&s).seq, WIRE_RESULT_IN_PROGRESS_OTHER);
		script_run(&s, s.now + 2 * SLUICE_S);
	}
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_RESET_OUT), 3);
	ck_assert_uint_eq(refused(&s), 1);
	script_free(&s);
}
END_TEST

/* RFC 6525, 5.2.2, E1. Linux sends nothing else. */
START_TEST(test_the_peers_outgoing_reset_answers_our_request_for_it) {
	struct script s;
	started(&s);
	ck_assert_int_eq(sluice_sctp_request_reset(s.sctp, 5), 0);
	script_collect(&s);
	struct asked a = next_request(&s);
	uint8_t five[2] = {0, 5};
	struct wire_reconfig r = {.type = WIRE_PARAM_OUTGOING_RESET,
	                          .request_seq = s.tsn,
	                          .response_seq = a.seq,
	                          .last_tsn = s.tsn - 1,
	                          .stream_count = 1,
	                          .streams = five};
	script_give_reconfig(&s, &r);
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_RESET_IN), 1);
	script_skip(&s);
	script_run(&s, s.now + 10 * SLUICE_S);
	ck_assert_uint_eq(script_pending(&s, WIRE_RE_CONFIG), 0);
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_ESTABLISHED);
	script_free(&s);
}
END_TEST

START_TEST(test_many_streams_of_two_ends_are_reset_in_few_round_trips) {
	struct pair_config c;
	pair_config_init(&c);
	c.ab.delay = c.ba.delay = 50 * SLUICE_MS;
	struct pair p;
	pair_start(&p, &c);
	for (uint16_t i = 0; i < 1000; i++) {
		pair_send(&p, p.a, i, 20);
		pair_send(&p, p.b, i, 20);
	}
	pair_deliver(&p, 5 * SLUICE_S);
	uint64_t begun = p.sim.now;
	for (uint16_t i = 0; i < 1000; i++) {
		ck_assert_int_eq(sluice_sctp_reset_stream(p.a->sctp, i), 0);
		ck_assert_int_eq(sluice_sctp_reset_stream(p.b->sctp, i), 0);
	}
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + 10 * SLUICE_S, p.a->reset_out == 1000 && p.b->reset_out == 1000));
	ck_assert_uint_le(p.sim.now - begun, 600 * SLUICE_MS);
	ck_assert_uint_eq(p.a->reset_in, 1000);
	for (uint16_t i = 0; i < 1000; i++)
		pair_send(&p, p.a, i, 20);
	pair_deliver(&p, 5 * SLUICE_S);
	pair_shutdown(&p, p.a, 5 * SLUICE_S);
	pair_free(&p);
}
END_TEST

/* The association goes on as another one, from bytes. */
static void hand_over(struct script *s) {
	size_t len;
	ck_assert_int_eq(sluice_sctp_export(s->sctp, NULL, 0, &len), SLUICE_NO_SPACE);
	uint8_t *blob = malloc(len);
	ck_assert_int_eq(sluice_sctp_export(s->sctp, blob, len, &len), 0);
	sluice_sctp_free(s->sctp);
	ck_assert_int_eq(sluice_sctp_import(s->env, blob, len, s->now, &s->sctp), 0);
	free(blob);
}

START_TEST(test_resets_in_line_and_under_way_are_handed_over) {
	struct script s;
	started(&s);
	ck_assert_int_eq(sluice_sctp_send(s.sctp, &(sluice_send_info){.stream = 1}, "x", 1), 0);
	reset_streams(&s, 0, 300); /* in one request, except the last ones and stream 1, which waits for its data */
	for (uint16_t i = 0; i < 5; i++)
		ck_assert_int_eq(sluice_sctp_request_reset(s.sctp, i), 0);
	ck_assert_int_eq(sluice_sctp_request_reset(s.sctp, SLUICE_SCTP_ALL_STREAMS), 0);
	ck_assert_int_eq(sluice_sctp_reset_stream(s.sctp, SLUICE_SCTP_ALL_STREAMS), 0);
	struct asked a = next_request(&s);
	hand_over(&s);
	script_give_sack(&s, s.remote_tsn, 100000, NULL, 0);
	script_give_response(&s, a.seq, WIRE_RESULT_PERFORMED);
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_RESET_OUT), a.count);
	static const struct {
		uint16_t type;
		int count; /* -1: those that are left */
	} rest[] = {{WIRE_PARAM_OUTGOING_RESET, -1},
	            {WIRE_PARAM_OUTGOING_RESET, 0},
	            {WIRE_PARAM_INCOMING_RESET, 5},
	            {WIRE_PARAM_INCOMING_RESET, 0}};
	for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) {
		struct asked next = next_request(&s);
		ck_assert_uint_eq(next.seq, a.seq + 1 + i);
		ck_assert_uint_eq(next.type, rest[i].type);
		ck_assert_uint_eq(next.count, rest[i].count < 0 ? 300 - a.count : (size_t)rest[i].count);
		hand_over(&s);
		script_skip(&s);
		script_give_response(&s, next.seq, WIRE_RESULT_PERFORMED);
	}
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_RESET_OUT), 301);
	ck_assert_uint_eq(script_pending(&s, WIRE_RE_CONFIG), 0);
	script_free(&s);
}
END_TEST

/* ---- all at once, RFC 6525, 5.1.2 and 5.1.3 ---- */

static int send_on(struct script *s, uint16_t stream) {
	return sluice_sctp_send(s->sctp, &(sluice_send_info){.stream = stream}, "x", 1);
}

/* The SSN of the next DATA chunk. */
static uint16_t next_ssn(struct script *s) {
	struct wire_chunk c;
	struct wire_data d;
	ck_assert(script_expect(s, WIRE_DATA, &c));
	ck_assert_int_eq(wire_data_read(&c, &d), 0);
	return d.ssn;
}

START_TEST(test_all_streams_are_reset_with_one_request_when_nothing_is_buffered_on_any) {
	struct script s;
	started(&s);
	ck_assert_int_eq(send_on(&s, 1), 0);
	ck_assert_int_eq(send_on(&s, 60000), 0);
	script_collect(&s);
	ck_assert_int_eq(sluice_sctp_reset_stream(s.sctp, SLUICE_SCTP_ALL_STREAMS), 0);
	ck_assert_int_eq(sluice_sctp_reset_stream(s.sctp, SLUICE_SCTP_ALL_STREAMS), 0);
	ck_assert_int_eq(send_on(&s, 2), SLUICE_CLOSED);
	script_collect(&s);
	ck_assert_uint_eq(script_pending(&s, WIRE_RE_CONFIG), 0);
	script_give_sack(&s, s.remote_tsn + 1, 100000, NULL, 0);
	struct asked a = next_request(&s);
	ck_assert_uint_eq(a.type, WIRE_PARAM_OUTGOING_RESET);
	ck_assert_uint_eq(a.count, 0);
	s.event_count = 0;
	script_give_response(&s, a.seq, WIRE_RESULT_PERFORMED);
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_RESET_OUT), 3);
	ck_assert_uint_eq(s.events[s.event_count - 1].stream, SLUICE_SCTP_ALL_STREAMS);
	script_skip(&s);
	ck_assert_int_eq(send_on(&s, 60000), 0);
	script_collect(&s);
	ck_assert_uint_eq(next_ssn(&s), 0);
	script_free(&s);
}
END_TEST

START_TEST(test_a_refused_reset_of_all_streams_leaves_them_as_they_were) {
	struct script s;
	started(&s);
	ck_assert_int_eq(send_on(&s, 1), 0);
	script_collect(&s);
	script_give_sack(&s, s.remote_tsn, 100000, NULL, 0);
	ck_assert_int_eq(sluice_sctp_reset_stream(s.sctp, SLUICE_SCTP_ALL_STREAMS), 0);
	script_collect(&s);
	s.event_count = 0;
	script_give_response(&s, next_request(&s).seq, WIRE_RESULT_DENIED);
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_RESET_OUT), 1);
	ck_assert_int_eq(s.events[0].error, SLUICE_REFUSED);
	ck_assert_uint_eq(s.events[0].stream, SLUICE_SCTP_ALL_STREAMS);
	script_skip(&s);
	ck_assert_int_eq(send_on(&s, 1), 0);
	script_collect(&s);
	ck_assert_uint_eq(next_ssn(&s), 1);
	script_free(&s);
}
END_TEST

START_TEST(test_a_flood_of_wishes_that_we_reset_all_streams_costs_what_was_used_since) {
	struct script s;
	started(&s);
	uint32_t seq = s.tsn, sent = 0;
	struct wire_reconfig wish = {.type = WIRE_PARAM_INCOMING_RESET};
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 200; i++, sent++)
			ck_assert_int_eq(send_on(&s, (uint16_t)(i * 327)), 0);
		script_collect(&s);
		script_give_sack(&s, s.remote_tsn + sent - 1, 100000, NULL, 0);
		for (uint32_t i = 0; i < 50; i++) {
			s.event_count = 0;
			ck_assert_uint_eq(result_of(&s, wish, &seq), WIRE_RESULT_PERFORMED);
			struct asked a = request_behind_an_answer(&s);
			ck_assert_uint_eq(a.type, WIRE_PARAM_OUTGOING_RESET);
			ck_assert_uint_eq(a.count, 0);
			script_give_response(&s, a.seq, WIRE_RESULT_PERFORMED);
			ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_RESET_OUT), i == 0 ? 201 : 1);
			ck_assert_ptr_null(s.sctp->tx.out.used);
		}
	}
	script_free(&s);
}
END_TEST

/* Each costs the peer two bytes. */
START_TEST(test_wishes_for_streams_that_were_never_used_are_met_and_bounded) {
	struct script s;
	started(&s);
	static uint8_t ids[2 * 1000];
	uint32_t seq = s.tsn;
	for (uint32_t round = 0; round < 20; round++) {
		for (uint32_t i = 0; i < 1000; i++)
			put_be16(ids + 2 * i, (uint16_t)(round * 1000 + i));
		struct wire_reconfig wish = {.type = WIRE_PARAM_INCOMING_RESET, .stream_count = 1000, .streams = ids};
		ck_assert_uint_eq(result_of(&s, wish, &seq), round == 0 ? WIRE_RESULT_PERFORMED : WIRE_RESULT_DENIED);
		ck_assert_uint_le(s.sctp->tx.out.streams.count, RECONFIG_STREAMS_MAX);
	}
	unsigned done = 0;
	script_run(&s, s.now + 3 * SLUICE_S);
	while (script_pending(&s, WIRE_RE_CONFIG)) {
		struct asked a = next_request(&s);
		done += (unsigned)a.count;
		script_skip(&s);
		s.event_count = 0;
		script_give_response(&s, a.seq, WIRE_RESULT_PERFORMED);
	}
	ck_assert_uint_eq(done, RECONFIG_STREAMS_MAX);
	ck_assert_uint_eq(s.sctp->tx.out.streams.count, 0);
	script_free(&s);
}
END_TEST

/* ---- results, RFC 6525, 4.4 ---- */

START_TEST(test_each_request_beyond_what_there_is_gets_its_result) {
	static const struct {
		uint16_t type, count; /* of streams listed, the last one `stream`, or to be added */
		uint16_t stream;
		uint32_t result;
	} vectors[] = {
		{WIRE_PARAM_OUTGOING_RESET, 1, 9, WIRE_RESULT_PERFORMED},
		{WIRE_PARAM_OUTGOING_RESET, 1, 10, WIRE_RESULT_WRONG_SSN},
		{WIRE_PARAM_OUTGOING_RESET, 3, 10, WIRE_RESULT_WRONG_SSN},
		{WIRE_PARAM_OUTGOING_RESET, 1, 65535, WIRE_RESULT_WRONG_SSN},
		{WIRE_PARAM_OUTGOING_RESET, 0, 0, WIRE_RESULT_PERFORMED},
		{WIRE_PARAM_OUTGOING_RESET, 1024, 9, WIRE_RESULT_PERFORMED},
		{WIRE_PARAM_OUTGOING_RESET, 1025, 9, WIRE_RESULT_DENIED},
		{WIRE_PARAM_OUTGOING_RESET, 1025, 10, WIRE_RESULT_WRONG_SSN},
		{WIRE_PARAM_INCOMING_RESET, 1, 19, WIRE_RESULT_PERFORMED},
		{WIRE_PARAM_INCOMING_RESET, 1, 20, WIRE_RESULT_WRONG_SSN},
		{WIRE_PARAM_INCOMING_RESET, 3, 20, WIRE_RESULT_WRONG_SSN},
		{WIRE_PARAM_INCOMING_RESET, 1, 65535, WIRE_RESULT_WRONG_SSN},
		{WIRE_PARAM_INCOMING_RESET, 0, 0, WIRE_RESULT_PERFORMED},
		{WIRE_PARAM_INCOMING_RESET, 1025, 19, WIRE_RESULT_DENIED},
		{WIRE_PARAM_ADD_OUTGOING, 1, 0, WIRE_RESULT_DENIED}, /* we said that we take 10 */
		{WIRE_PARAM_ADD_OUTGOING, 0, 0, WIRE_RESULT_NOTHING_TO_DO},
		{WIRE_PARAM_ADD_INCOMING, 65515, 0, WIRE_RESULT_PERFORMED},
		{WIRE_PARAM_ADD_INCOMING, 65516, 0, WIRE_RESULT_DENIED},
	};
	for (size_t k = 0; k < sizeof vectors / sizeof *vectors; k++) {
		sluice_sctp_config c;
		sluice_sctp_config_init(&c);
		c.inbound_streams = 10;
		c.outbound_streams = 20;
		struct script s;
		script_init(&s, &c);
		ck_assert(script_open_passive(&s));
		static uint8_t ids[2 * 1025];
		memset(ids, 0, sizeof ids);
		struct wire_reconfig r = {.type = vectors[k].type, .last_tsn = s.tsn - 1, .streams = ids};
		if (r.type == WIRE_PARAM_OUTGOING_RESET || r.type == WIRE_PARAM_INCOMING_RESET) {
			r.stream_count = vectors[k].count;
			if (r.stream_count)
				put_be16(ids + 2 * (r.stream_count - 1), vectors[k].stream);
		}
		r.new_streams = vectors[k].count;
		s.event_count = 0;
		uint32_t seq = s.tsn, result = result_of(&s, r, &seq);
		ck_assert_msg(result == vectors[k].result, "vector %zu: %u", k, result);
		script_free(&s);
	}
}
END_TEST

/* ---- SSN/TSN reset, RFC 6525, 5.2.4 ---- */

#define HALF (UINT32_C(1) << 31)

static struct wire_reconfig give_tsn_reset(struct script *s, uint32_t seq) {
	struct wire_reconfig r = {.type = WIRE_PARAM_TSN_RESET, .request_seq = seq}, answer;
	script_skip(s);
	script_give_reconfig(s, &r);
	ck_assert(script_next_reconfig(s, &answer));
	ck_assert_uint_eq(answer.response_seq, seq);
	return answer;
}

static void ck_assert_next_tsns(const struct wire_reconfig *answer, uint32_t sender, uint32_t receiver) {
	ck_assert_uint_eq(answer->result, WIRE_RESULT_PERFORMED);
	ck_assert(answer->has_tsns);
	ck_assert_uint_eq(answer->sender_next_tsn, sender);
	ck_assert_uint_eq(answer->receiver_next_tsn, receiver);
}

/* The TSN and the SSN of the next DATA chunk. */
static void ck_assert_next_data(struct script *s, uint32_t tsn, uint16_t ssn) {
	struct wire_chunk c;
	struct wire_data d;
	ck_assert(script_expect(s, WIRE_DATA, &c));
	ck_assert_int_eq(wire_data_read(&c, &d), 0);
	ck_assert_uint_eq(d.tsn, tsn);
	ck_assert_uint_eq(d.ssn, ssn);
}

START_TEST(test_an_ssn_tsn_reset_is_answered_with_both_next_tsns_and_both_sides_go_on_from_them) {
	struct script s;
	started(&s);
	for (uint32_t i = 0; i < 3; i++) {
		ck_assert_int_eq(send_on(&s, 4), 0);
		script_give_data(&s, s.tsn + i, 6, (uint16_t)i, 3, 10);
	}
	script_give_sack(&s, s.remote_tsn + 2, 100000, NULL, 0);
	script_run(&s, s.now + SLUICE_S);
	/* A message behind one that is missing, and the beginning of one: the one goes up, the other never will. */
	script_give_data(&s, s.tsn + 4, 6, 4, 3, 99);
	script_give_data(&s, s.tsn + 6, 7, 0, WIRE_DATA_B, 50);
	ck_assert_uint_eq(s.message_count, 3);
	uint32_t theirs = s.tsn + 3 + HALF, ours = s.remote_tsn + 3;
	struct wire_reconfig answer = give_tsn_reset(&s, s.tsn);
	ck_assert_next_tsns(&answer, ours, theirs);
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_RENUMBERED), 1);
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_RESET_IN), 0);
	ck_assert_uint_eq(s.message_count, 4);
	ck_assert_uint_eq(s.messages[3].len, 99);
	ck_assert_uint_eq(s.sctp->rx.window->held, 0);
	/* The answer was lost: the same once more, and nothing is done twice. */
	ck_assert_int_eq(send_on(&s, 4), 0);
	script_run(&s, s.now + 500 * SLUICE_MS);
	answer = give_tsn_reset(&s, s.tsn);
	ck_assert_next_tsns(&answer, ours, theirs);
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_RENUMBERED), 1);
	/* Before the peer has heard of it nothing goes that could be taken for the old numbering. */
	ck_assert_uint_eq(script_pending(&s, WIRE_DATA) + script_pending(&s, WIRE_SACK), 0);
	script_give_data(&s, theirs, 6, 0, 3, 21);
	ck_assert_uint_eq(s.message_count, 5);
	ck_assert_uint_eq(s.messages[4].len, 21);
	ck_assert_next_data(&s, ours, 0);
	script_give_data(&s, theirs + 1, 6, 1, 3, 22);
	ck_assert_uint_eq(s.message_count, 6);
	script_give_sack(&s, ours, 100000, NULL, 0);
	script_run(&s, s.now + SLUICE_S);
	ck_assert_uint_eq(sluice_sctp_buffered(s.sctp, 4), 0);
	ck_assert(association_check(s.sctp));
	script_free(&s);
}
END_TEST

START_TEST(test_an_ssn_tsn_reset_waits_until_what_was_begun_is_acknowledged_and_no_longer) {
	struct script s;
	started(&s);
	static const uint8_t large[5000];
	sluice_send_info info = {.stream = 4};
	ck_assert_int_eq(sluice_sctp_send(s.sctp, &info, large, sizeof large), 0);
	for (unsigned i = 0; i < 40; i++)
		ck_assert_int_eq(sluice_sctp_send(s.sctp, &info, large, 1000), 0);
	script_collect(&s);
	unsigned begun = script_pending(&s, WIRE_DATA);
	ck_assert_uint_gt(begun, 0);
	struct wire_reconfig answer = give_tsn_reset(&s, s.tsn);
	ck_assert_uint_eq(answer.result, WIRE_RESULT_IN_PROGRESS);
	ck_assert(!answer.has_tsns);
	/* As long as the peer acknowledges, what was begun goes to its end. */
	uint64_t sent = 0;
	for (unsigned i = 0; i < 10 && sent != s.sctp->tx.sent.next; i++) {
		sent = s.sctp->tx.sent.next;
		script_give_sack(&s, (uint32_t)sent - 1, 100000, NULL, 0);
	}
	struct wire_reconfig performed = give_tsn_reset(&s, s.tsn);
	ck_assert_next_tsns(&performed, (uint32_t)sent, s.tsn + HALF);
	ck_assert_uint_eq(sluice_sctp_buffered_messages(s.sctp, 4) % 41 != 0, 1);
	/* A peer that has nothing to send shows nothing; after a while it must have heard. */
	script_skip(&s);
	script_run(&s, s.now + 7 * SLUICE_S);
	ck_assert_next_data(&s, (uint32_t)sent, 0);
	script_free(&s);
}
END_TEST

static void answer_heartbeat(struct script *s) {
	struct wire_chunk c;
	uint8_t space[200];
	ck_assert(script_expect(s, WIRE_HEARTBEAT, &c));
	struct writer w = script_begin(s, space, sizeof space);
	wire_chunk_write(&w, WIRE_HEARTBEAT_ACK, 0, c.value, c.len);
	script_give(s, &w);
}

/* Data with new numbers would be taken for the old ones: usrsctp ends the association. */
START_TEST(test_an_answer_to_an_ssn_tsn_reset_goes_again_until_the_peer_shows_that_it_came) {
	struct script s;
	started(&s);
	for (unsigned i = 0; i < 4; i++) { /* it is lost each time, and the peer repeats its request late */
		ck_assert_uint_eq(give_tsn_reset(&s, s.tsn).result, WIRE_RESULT_PERFORMED);
		ck_assert(i > 0 || send_on(&s, 4) == 0);
		script_run(&s, s.now + 5 * SLUICE_S);
		ck_assert_uint_gt(script_pending(&s, WIRE_HEARTBEAT), 0);
		ck_assert_uint_eq(script_pending(&s, WIRE_HEARTBEAT), script_pending(&s, WIRE_RE_CONFIG));
		ck_assert_uint_eq(script_pending(&s, WIRE_DATA), 0);
	}
	struct wire_reconfig answer = give_tsn_reset(&s, s.tsn);
	ck_assert_next_tsns(&answer, s.remote_tsn, s.tsn + HALF);
	s.read--; /* the HEARTBEAT stands in the same packet */
	answer_heartbeat(&s);
	ck_assert_next_data(&s, s.remote_tsn, 0);
	script_free(&s);
}
END_TEST

START_TEST(test_an_ssn_tsn_reset_is_refused_while_it_cannot_be) {
	sluice_sctp_config c;
	sluice_sctp_config_init(&c);
	struct script s;
	script_init(&s, &c);
	s.i_data = s.i_forward_tsn = true;
	ck_assert(script_open_passive(&s));
	/* A request of ours is under way: two would wait for each other. */
	ck_assert_int_eq(sluice_sctp_reset_stream(s.sctp, 3), 0);
	script_collect(&s);
	uint32_t ours = next_request(&s).seq;
	ck_assert_uint_eq(give_tsn_reset(&s, s.tsn).result, WIRE_RESULT_IN_PROGRESS_OTHER);
	script_give_response(&s, ours, WIRE_RESULT_PERFORMED);
	/* A message that the app gives piece by piece: it may go on for ever. */
	ck_assert_int_eq(sluice_sctp_send_begin(s.sctp, &(sluice_send_info){.stream = 3}), 0);
	ck_assert_uint_eq(give_tsn_reset(&s, s.tsn + 1).result, WIRE_RESULT_DENIED);
	ck_assert_int_eq(sluice_sctp_send_cancel(s.sctp, 3), 0);
	ck_assert_uint_eq(give_tsn_reset(&s, s.tsn + 2).result, WIRE_RESULT_PERFORMED);
	script_free(&s);
}
END_TEST

START_TEST(test_an_ssn_tsn_reset_is_handed_over) {
	struct script s;
	started(&s);
	ck_assert_int_eq(send_on(&s, 4), 0);
	script_collect(&s);
	ck_assert_uint_eq(give_tsn_reset(&s, s.tsn).result, WIRE_RESULT_IN_PROGRESS);
	hand_over(&s);
	script_give_sack(&s, s.remote_tsn, 100000, NULL, 0);
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_RENUMBERED), 1);
	hand_over(&s);
	ck_assert_int_eq(send_on(&s, 4), 0);
	struct wire_reconfig answer = give_tsn_reset(&s, s.tsn);
	ck_assert_next_tsns(&answer, s.remote_tsn + 1, s.tsn + HALF);
	ck_assert_uint_eq(script_pending(&s, WIRE_DATA), 0);
	script_give_data(&s, s.tsn + HALF, 6, 0, 3, 21);
	ck_assert_next_data(&s, s.remote_tsn + 1, 0);
	script_free(&s);
}
END_TEST

/* The SACK for the end of the stream's past was lost. */
START_TEST(test_a_forward_tsn_behind_a_reset_does_not_name_what_the_stream_gave_up_before) {
	struct script s;
	struct wire_chunk c;
	struct wire_forward f;
	struct wire_reconfig r;
	script_init(&s, NULL);
	ck_assert(script_open_passive(&s));
	for (uint16_t stream = 1; stream <= 2; stream++) {
		sluice_send_info info = {.stream = stream, .reliability = SLUICE_LIFETIME, .value = 10};
		ck_assert_int_eq(sluice_sctp_send(s.sctp, &info, "late", 4), 0);
		script_run(&s, s.now + 50 * SLUICE_MS);
		ck_assert_ptr_nonnull(script_expect(&s, WIRE_FORWARD_TSN, &c));
		ck_assert_int_eq(wire_forward_read(&c, &f), 0);
		ck_assert_uint_eq(f.count, 1);
		uint16_t named, ssn;
		wire_forward_stream(&f, 0, &named, &ssn);
		ck_assert_uint_eq(named, stream);
		if (stream == 2)
			break;
		ck_assert_int_eq(sluice_sctp_reset_stream(s.sctp, 1), 0);
		script_collect(&s);
		ck_assert(script_next_reconfig(&s, &r));
		ck_assert_uint_eq(r.last_tsn, s.remote_tsn);
		script_give_response(&s, r.request_seq, WIRE_RESULT_PERFORMED);
		script_skip(&s);
	}
	script_free(&s);
}
END_TEST

SUITE("sctp reset", test_a_reset_of_all_streams_leaves_nothing_of_them_and_the_next_one_costs_nothing,
      test_what_waited_for_a_missing_message_goes_with_a_reset, test_each_reset_has_an_event_of_its_own_in_its_place,
      test_unpolled_resets_are_bounded_and_the_rest_is_in_progress,
      test_streams_that_are_reset_one_after_the_other_go_in_one_request, test_a_list_fits_the_smallest_packets,
      test_a_stream_that_a_peer_refuses_is_found_in_its_list_and_the_others_are_reset,
      test_a_peer_that_takes_no_lists_gets_one_stream_at_a_time_from_then_on,
      test_a_stream_that_the_peer_may_not_know_stands_last_and_alone_of_its_kind,
      test_a_stream_with_data_waits_and_the_others_do_not_wait_for_it, test_resets_that_the_peer_is_asked_for_go_in_lists_too,
      test_a_peer_that_is_busy_with_a_request_of_its_own_is_asked_again_with_the_next_number,
      test_the_peers_outgoing_reset_answers_our_request_for_it, test_many_streams_of_two_ends_are_reset_in_few_round_trips,
      test_resets_in_line_and_under_way_are_handed_over,
      test_all_streams_are_reset_with_one_request_when_nothing_is_buffered_on_any,
      test_a_refused_reset_of_all_streams_leaves_them_as_they_were,
      test_a_flood_of_wishes_that_we_reset_all_streams_costs_what_was_used_since,
      test_wishes_for_streams_that_were_never_used_are_met_and_bounded, test_each_request_beyond_what_there_is_gets_its_result,
      test_an_ssn_tsn_reset_is_answered_with_both_next_tsns_and_both_sides_go_on_from_them,
      test_an_ssn_tsn_reset_waits_until_what_was_begun_is_acknowledged_and_no_longer,
      test_an_answer_to_an_ssn_tsn_reset_goes_again_until_the_peer_shows_that_it_came,
      test_an_ssn_tsn_reset_is_refused_while_it_cannot_be, test_an_ssn_tsn_reset_is_handed_over,
      test_a_forward_tsn_behind_a_reset_does_not_name_what_the_stream_gave_up_before)
