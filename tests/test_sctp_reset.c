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

/* The next RE-CONFIG's first parameter; false when none came. */
static bool next_reconfig(struct script *s, struct wire_reconfig *r) {
	struct wire_chunk c;
	struct wire_param p;
	if (!script_expect(s, WIRE_RE_CONFIG, &c))
		return false;
	struct reader reader = reader_of(c.value, c.len);
	return wire_param_next(&reader, &p) == 1 && wire_reconfig_read(&p, r) == 0;
}

static void give_reconfig(struct script *s, const struct wire_reconfig *r) {
	static uint8_t space[8000];
	struct writer w = script_begin(s, space, sizeof space);
	uint8_t *c = wire_chunk_begin(&w, WIRE_RE_CONFIG, 0);
	wire_reconfig_write(&w, r);
	wire_chunk_end(&w, c);
	script_give(s, &w);
}

/* The peer's request with the next number, and the result that it gets. */
static uint32_t result_of(struct script *s, struct wire_reconfig r, uint32_t *seq) {
	struct wire_reconfig answer;
	r.request_seq = (*seq)++;
	script_skip(s);
	give_reconfig(s, &r);
	ck_assert(next_reconfig(s, &answer));
	ck_assert_uint_eq(answer.type, WIRE_PARAM_RECONFIG_RESPONSE);
	ck_assert_uint_eq(answer.response_seq, r.request_seq);
	return answer.result;
}

/* ---- what the peer's resets cost ---- */

START_TEST(test_a_reset_of_all_streams_leaves_nothing_of_them_and_the_next_one_costs_nothing) {
	struct script s;
	started(&s);
	uint32_t seq = s.tsn, tsn = s.tsn;
	size_t blocks = 0; /* what the pools keep, from the second round on */
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 200; i++)
			script_give_data(&s, tsn++, (uint16_t)(i * 327), 0, 3, 10);
		ck_assert_uint_eq(s.message_count, 200);
		ck_assert_uint_eq(s.sctp->in.to.streams.count, 200);
		s.message_count = s.event_count = 0;
		struct wire_reconfig all = {.type = WIRE_PARAM_OUTGOING_RESET, .last_tsn = tsn - 1};
		ck_assert_uint_eq(result_of(&s, all, &seq), WIRE_RESULT_PERFORMED);
		ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_RESET_IN), 201);
		ck_assert_uint_eq(s.events[0].stream, 0);
		ck_assert_uint_eq(s.events[199].stream, 199 * 327);
		ck_assert_uint_eq(s.events[200].stream, SLUICE_SCTP_ALL_STREAMS);
		ck_assert_uint_eq(s.sctp->in.to.streams.count, 0);
		ck_assert_uint_eq(s.sctp->in.to.streams.page_count, 0);
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
	ck_assert_uint_ne(s.sctp->window->held, 0);
	struct wire_reconfig all = {.type = WIRE_PARAM_OUTGOING_RESET, .last_tsn = s.tsn};
	ck_assert_uint_eq(result_of(&s, all, &seq), WIRE_RESULT_PERFORMED);
	ck_assert_uint_eq(s.sctp->window->held, 0);
	ck_assert_uint_eq(s.sctp->in.to.streams.count, 0);
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
	ck_assert_uint_eq(s.sctp->in.to.resets, 4096);
	ck_assert(s.sctp->reconfig.deferred);
	sluice_sctp_event e;
	while (sluice_sctp_poll(s.sctp, &e))
		;
	ck_assert_uint_eq(s.sctp->in.to.resets, 0);
	script_run(&s, s.now + SLUICE_S);
	struct wire_reconfig again = {.type = WIRE_PARAM_OUTGOING_RESET,
	                              .request_seq = seq - 1,
	                              .last_tsn = last,
	                              .stream_count = 1000,
	                              .streams = ids};
	struct wire_reconfig answer;
	script_skip(&s);
	give_reconfig(&s, &again);
	ck_assert(next_reconfig(&s, &answer));
	ck_assert_uint_eq(answer.response_seq, seq - 1);
	ck_assert_uint_eq(answer.result, WIRE_RESULT_PERFORMED);
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_RESET_IN), 1000);
	script_free(&s);
}
END_TEST

SUITE("sctp reset", test_a_reset_of_all_streams_leaves_nothing_of_them_and_the_next_one_costs_nothing,
      test_what_waited_for_a_missing_message_goes_with_a_reset, test_each_reset_has_an_event_of_its_own_in_its_place,
      test_unpolled_resets_are_bounded_and_the_rest_is_in_progress)
