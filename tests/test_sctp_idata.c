/* User message interleaving: I-DATA and I-FORWARD-TSN (RFC 8260). */
#include "suite.h"

#include "sim/assert.h"
#include "sim/pair.h"
#include "sim/script.h"

enum { B = WIRE_DATA_B, E = WIRE_DATA_E, U = WIRE_DATA_U };

/* An association with a peer that offers both chunks. */
static void open_script(struct script *s, const sluice_sctp_config *config, bool passive) {
	script_init(s, config);
	s->i_data = s->i_forward_tsn = true;
	ck_assert(passive ? script_open_passive(s) : script_open_active(s));
}

/* Reads the INIT or INIT-ACK in the last packet with such a chunk. Returns false when there is none. */
static bool offered(const struct pair *p, bool forward, uint8_t type, struct wire_init *i) {
	const struct recorded *r = recorder_find(&p->recorder, forward, type, 0);
	struct wire_chunk c;
	return r && packet_chunk(r->bytes, r->len, type, 0, &c) && wire_init_read(&c, i) == 0;
}

/* Chunks of exactly this type, both ways. */
static unsigned chunks(const struct pair *p, uint8_t type) {
	unsigned n = 0;
	for (size_t i = 0; i < p->recorder.count; i++) {
		struct reader r = reader_of(p->recorder.packets[i].bytes, p->recorder.packets[i].len);
		struct wire_header h;
		struct wire_chunk c;
		ck_assert_int_eq(wire_packet_read(&r, &h), 0);
		while (wire_chunk_next(&r, &c) == 1)
			n += c.type == type;
	}
	return n;
}

static bool ended_by_protocol(struct script *s) {
	struct wire_chunk c;
	struct wire_param cause;
	if (!script_expect(s, WIRE_ABORT, &c))
		return false;
	struct reader r = reader_of(c.value, c.len);
	return wire_param_next(&r, &cause) == 1 && cause.type == WIRE_CAUSE_PROTOCOL_VIOLATION &&
	       sluice_sctp_state(s->sctp) == SLUICE_SCTP_CLOSED && sluice_sctp_error(s->sctp, NULL) == SLUICE_PROTOCOL;
}

static uint32_t last_cum(struct script *s) {
	struct wire_chunk c;
	struct wire_sack sack = {0};
	while (script_expect(s, WIRE_SACK, &c))
		ck_assert_int_eq(wire_sack_read(&c, &sack), 0);
	return sack.cum_tsn;
}

static void give_i_forward(struct script *s, uint32_t cum, const uint8_t *entries, size_t count) {
	uint8_t space[400];
	struct writer w = script_begin(s, space, sizeof space);
	wire_i_forward_write(&w, &(struct wire_forward){.cum_tsn = cum, .count = count, .streams = entries});
	script_give(s, &w);
}

/* ---- negotiation ---- */

START_TEST(test_both_ends_list_i_data_and_i_forward_tsn_and_then_use_nothing_else) {
	struct pair p;
	pair_start(&p, NULL);
	struct wire_init i, answer;
	ck_assert(offered(&p, true, WIRE_INIT, &i) && offered(&p, false, WIRE_INIT_ACK, &answer));
	ck_assert(i.i_data && i.i_forward_tsn && answer.i_data && answer.i_forward_tsn);
	struct drop_chunk rule = {.type = WIRE_I_DATA, .from = 2, .count = 6}; /* of every stream: they take turns */
	link_filter(p.ab, drop_chunk, &rule);
	for (unsigned n = 0; n < 20; n++) {
		pair_send(&p, p.a, (uint16_t)(n % 3), 4000);
		pair_send(&p, p.b, (uint16_t)(n % 3), 100);
		pair_send_as(&p, p.a, (sluice_send_info){.stream = 4, .reliability = SLUICE_MAX_RETRANSMITS}, 3000);
	}
	pair_deliver(&p, 20 * SLUICE_S);
	ck_assert_uint_gt(chunks(&p, WIRE_I_DATA), 100);
	ck_assert_uint_gt(chunks(&p, WIRE_I_FORWARD_TSN), 0);
	ck_assert_uint_eq(chunks(&p, WIRE_DATA), 0);
	ck_assert_uint_eq(chunks(&p, WIRE_FORWARD_TSN), 0);
	pair_shutdown(&p, p.a, 5 * SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_where_one_end_does_not_offer_it_data_is_used) {
	for (int at_b = 0; at_b < 2; at_b++) {
		struct pair_config c;
		pair_config_init(&c);
		(at_b ? &c.b : &c.a)->no_interleaving = true;
		struct pair p;
		pair_start(&p, &c);
		struct wire_init i;
		ck_assert(offered(&p, true, WIRE_INIT, &i));
		ck_assert(i.i_data == at_b && i.i_forward_tsn == at_b);
		for (unsigned n = 0; n < 5; n++) {
			pair_send(&p, p.a, 0, 4000);
			pair_send(&p, p.b, 0, 4000);
		}
		pair_deliver(&p, 5 * SLUICE_S);
		ck_assert_uint_gt(chunks(&p, WIRE_DATA), 0);
		ck_assert_uint_eq(chunks(&p, WIRE_I_DATA), 0);
		pair_shutdown(&p, p.a, SLUICE_S);
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_without_partial_reliability_neither_chunk_is_offered) {
	struct pair_config c;
	pair_config_init(&c);
	c.a.no_pr_sctp = true;
	struct pair p;
	pair_start(&p, &c);
	struct wire_init i;
	ck_assert(offered(&p, true, WIRE_INIT, &i));
	ck_assert(!i.i_data && !i.i_forward_tsn && !i.forward_tsn);
	pair_send(&p, p.a, 0, 4000);
	pair_deliver(&p, SLUICE_S);
	ck_assert_uint_eq(chunks(&p, WIRE_I_DATA), 0);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_peer_with_i_data_and_without_i_forward_tsn_gets_everything) {
	for (int passive = 0; passive < 2; passive++) {
		struct script s;
		script_init(&s, NULL);
		s.i_data = true;
		ck_assert(passive ? script_open_passive(&s) : script_open_active(&s));
		sluice_send_info once = {.reliability = SLUICE_MAX_RETRANSMITS};
		ck_assert_int_eq(sluice_sctp_send(s.sctp, &once, "never mind", 10), 0);
		script_run(&s, s.now + 5 * SLUICE_S);
		ck_assert_uint_gt(script_pending(&s, WIRE_I_DATA), 2);
		ck_assert_uint_eq(script_pending(&s, WIRE_FORWARD_TSN), 0); /* either kind */
		script_give_sack(&s, s.remote_tsn, s.rwnd, NULL, 0);
		ck_assert_uint_eq(sluice_sctp_buffered(s.sctp, 0), 0);
		ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_ABANDONED), 0);
		script_free(&s);
	}
}
END_TEST

START_TEST(test_data_where_i_data_was_negotiated_ends_the_association) {
	/* RFC 8260, 2.2.3. */
	for (int passive = 0; passive < 2; passive++) {
		struct script s;
		open_script(&s, NULL, passive);
		script_give_data(&s, s.tsn, 0, 0, B | E, 10);
		ck_assert(ended_by_protocol(&s));
		ck_assert_uint_eq(s.message_count, 0);
		script_free(&s);
	}
}
END_TEST

START_TEST(test_i_data_where_it_was_not_negotiated_ends_the_association) {
	for (int passive = 0; passive < 2; passive++) {
		struct script s;
		script_init(&s, NULL);
		ck_assert(passive ? script_open_passive(&s) : script_open_active(&s));
		script_give_i_data(&s, s.tsn, 0, 0, 0, B | E, 10);
		ck_assert(ended_by_protocol(&s));
		script_free(&s);
	}
}
END_TEST

START_TEST(test_the_other_forward_tsn_ends_the_association) {
	uint8_t space[100];
	struct script s;
	open_script(&s, NULL, true);
	struct writer w = script_begin(&s, space, sizeof space);
	wire_forward_write(&w, &(struct wire_forward){.cum_tsn = s.tsn});
	script_give(&s, &w);
	ck_assert(ended_by_protocol(&s));
	script_free(&s);
	script_init(&s, NULL);
	ck_assert(script_open_passive(&s));
	give_i_forward(&s, s.tsn, NULL, 0);
	ck_assert(ended_by_protocol(&s));
	script_free(&s);
}
END_TEST

START_TEST(test_a_restarted_peer_may_change_its_mind) {
	struct pair_config c;
	pair_config_init(&c);
	struct pair p;
	pair_start(&p, &c);
	for (int round = 0; round < 2; round++) {
		p.b->config.no_interleaving = round == 0;
		ledger_forgive(&p.to_a);
		ledger_forgive(&p.to_b);
		sctp_host_reboot(p.b);
		ck_assert_int_eq(sluice_sctp_connect(p.b->sctp), 0);
		unsigned restarts = p.a->restarted;
		ck_assert(SIM_UNTIL(&p.sim, p.sim.now + 10 * SLUICE_S, p.a->restarted > restarts));
		ck_assert(SIM_UNTIL(&p.sim, p.sim.now + SLUICE_S, sctp_host_state(p.b) == SLUICE_SCTP_ESTABLISHED));
		unsigned data = chunks(&p, WIRE_DATA), i_data = chunks(&p, WIRE_I_DATA);
		pair_send(&p, p.a, 1, 5000);
		pair_send(&p, p.b, 1, 5000);
		pair_deliver(&p, 5 * SLUICE_S);
		ck_assert((chunks(&p, WIRE_DATA) > data) == (round == 0));
		ck_assert((chunks(&p, WIRE_I_DATA) > i_data) == (round == 1));
	}
	pair_free(&p);
}
END_TEST

/* ---- what is sent ---- */

START_TEST(test_ordered_and_unordered_messages_are_counted_apart_from_zero_on_every_stream) {
	/* RFC 8260, 2.1. */
	struct script s;
	open_script(&s, NULL, true);
	for (unsigned i = 0; i < 12; i++) {
		sluice_send_info info = {.stream = (uint16_t)(i % 2), .unordered = i % 3 == 0};
		ck_assert_int_eq(sluice_sctp_send(s.sctp, &info, "message", 7), 0);
	}
	script_collect(&s);
	uint32_t next[2][2] = {{0}};
	unsigned seen = 0;
	for (const struct script_packet *packet; (packet = script_next(&s));) {
		struct wire_chunk c;
		struct wire_data d;
		for (unsigned n = 0; packet_chunk(packet->bytes, packet->len, WIRE_I_DATA, n, &c); n++, seen++) {
			ck_assert_int_eq(wire_i_data_read(&c, &d), 0);
			ck_assert_uint_lt(d.stream, 2);
			ck_assert_uint_eq(d.mid, next[d.stream][(d.flags & U) != 0]++);
		}
	}
	ck_assert_uint_eq(seen, 12);
	script_free(&s);
}
END_TEST

START_TEST(test_fragments_are_numbered_and_the_first_one_carries_the_ppid) {
	struct script s;
	open_script(&s, NULL, true);
	static uint8_t message[6000];
	sluice_send_info info = {.stream = 7, .ppid = 0x01020304};
	ck_assert_int_eq(sluice_sctp_send(s.sctp, &info, message, sizeof message), 0);
	ck_assert_int_eq(sluice_sctp_send(s.sctp, &info, message, sizeof message), 0);
	script_collect(&s);
	uint32_t fsn = 0, mid = 0;
	size_t bytes = 0;
	for (const struct script_packet *packet; (packet = script_next(&s));) {
		struct wire_chunk c;
		struct wire_data d;
		for (unsigned n = 0; packet_chunk(packet->bytes, packet->len, WIRE_I_DATA, n, &c); n++) {
			ck_assert_int_eq(wire_i_data_read(&c, &d), 0);
			ck_assert_uint_eq(get_be16(c.value + 6), 0); /* reserved */
			ck_assert_uint_eq(d.mid, mid);
			ck_assert(((d.flags & B) != 0) == (fsn == 0));
			ck_assert_uint_eq(get_be32(c.value + 12), fsn == 0 ? 0x01020304 : fsn);
			fsn = d.flags & E ? 0 : fsn + 1;
			mid += (d.flags & E) != 0;
			bytes += d.len;
		}
		/* Full packets are equally long: 1188, also with four bytes more of header. */
		ck_assert(packet->len == 1188 || s.read == s.count);
	}
	ck_assert_uint_eq(bytes, 2 * sizeof message);
	script_free(&s);
}
END_TEST

START_TEST(test_a_retransmission_has_the_number_that_it_had) {
	struct script s;
	sluice_sctp_config c0;
	sluice_sctp_config_init(&c0);
	c0.recovery = SLUICE_RECOVERY_RFC9260; /* a tail loss probe repeats the last one first */
	open_script(&s, &c0, true);
	static uint8_t message[5000];
	ck_assert_int_eq(sluice_sctp_send(s.sctp, &(sluice_send_info){.stream = 1}, message, sizeof message), 0);
	script_collect(&s);
	script_skip(&s);
	script_run(&s, s.now + 2 * SLUICE_S);
	struct wire_chunk c;
	struct wire_data d;
	ck_assert(script_expect(&s, WIRE_I_DATA, &c));
	ck_assert_int_eq(wire_i_data_read(&c, &d), 0);
	ck_assert_uint_eq(d.tsn, s.remote_tsn);
	ck_assert(d.flags & B);
	script_give_sack(&s, s.remote_tsn + 1, s.rwnd, NULL, 0);
	script_run(&s, s.now + 5 * SLUICE_S);
	while (script_expect(&s, WIRE_I_DATA, &c)) {
		ck_assert_int_eq(wire_i_data_read(&c, &d), 0);
		ck_assert_uint_eq(d.tsn - s.remote_tsn, d.fsn);
	}
	script_free(&s);
}
END_TEST

START_TEST(test_an_i_forward_tsn_lists_unordered_messages_too) {
	struct script s;
	sluice_sctp_config c0;
	sluice_sctp_config_init(&c0);
	c0.recovery = SLUICE_RECOVERY_RFC9260; /* all four are given up at once, by T3 */
	open_script(&s, &c0, true);
	for (int unordered = 0; unordered < 2; unordered++) {
		sluice_send_info once = {.stream = 9, .unordered = unordered, .reliability = SLUICE_MAX_RETRANSMITS};
		ck_assert_int_eq(sluice_sctp_send(s.sctp, &once, "one", 3), 0);
		ck_assert_int_eq(sluice_sctp_send(s.sctp, &once, "two", 3), 0);
	}
	script_run(&s, s.now + 3 * SLUICE_S);
	struct wire_chunk c;
	struct wire_forward f;
	ck_assert(script_expect(&s, WIRE_I_FORWARD_TSN, &c));
	ck_assert_int_eq(wire_i_forward_read(&c, &f), 0);
	ck_assert_uint_eq(f.cum_tsn, s.remote_tsn + 3);
	ck_assert_uint_eq(f.count, 2);
	for (unsigned i = 0; i < 2; i++) {
		uint16_t stream;
		bool unordered;
		uint32_t mid;
		wire_i_forward_stream(&f, i, &stream, &unordered, &mid);
		ck_assert(stream == 9 && unordered == (i == 1) && mid == 1);
	}
	script_free(&s);
}
END_TEST

START_TEST(test_messages_of_many_streams_that_are_given_up_are_all_told) {
	struct pair p;
	pair_start(&p, NULL);
	/* More streams than one I-FORWARD-TSN lists. */
	p.ab->config.outage_from = p.sim.now;
	p.ab->config.outage_to = p.sim.now + 100 * SLUICE_MS;
	for (unsigned i = 0; i < 100; i++)
		pair_send_as(&p, p.a, (sluice_send_info){.stream = (uint16_t)i, .reliability = SLUICE_MAX_RETRANSMITS}, 20);
	sim_run(&p.sim, p.sim.now + 5 * SLUICE_S);
	for (unsigned i = 0; i < 100; i++)
		pair_send(&p, p.a, (uint16_t)i, 20);
	pair_deliver(&p, 20 * SLUICE_S);
	ck_assert_uint_eq(p.a->abandoned, 100);
	pair_shutdown(&p, p.a, 5 * SLUICE_S);
	pair_free(&p);
}
END_TEST

/* ---- what is received ---- */

START_TEST(test_fragments_of_several_messages_may_come_mixed) {
	struct script s;
	open_script(&s, NULL, true);
	uint32_t t = s.tsn;
	script_give_i_data(&s, t++, 1, 0, 0, B, 100);
	script_give_i_data(&s, t++, 2, 0, 0, B, 200);
	script_give_i_data(&s, t++, 1, 0, 0, B | U, 300);
	script_give_i_data(&s, t++, 2, 0, 1, E, 201);
	ck_assert_uint_eq(s.message_count, 1);
	script_give_i_data(&s, t++, 1, 0, 1, E | U, 301);
	script_give_i_data(&s, t++, 3, 0, 0, B | E, 7);
	script_give_i_data(&s, t++, 1, 0, 1, E, 101);
	ck_assert_uint_eq(s.message_count, 4);
	ck_assert_uint_eq(s.messages[0].len, 401);
	ck_assert_uint_eq(s.messages[1].len, 601);
	ck_assert_uint_eq(s.messages[2].len, 7);
	ck_assert_uint_eq(s.messages[3].len, 201);
	ck_assert_uint_eq(s.messages[0].ppid, s.tsn + 1); /* that of the first fragment */
	script_run(&s, s.now + SLUICE_S);
	ck_assert_uint_eq(last_cum(&s), t - 1);
	script_free(&s);
}
END_TEST

START_TEST(test_the_fsn_and_not_the_tsn_says_where_a_fragment_belongs) {
	/* RFC 8260, 2.2.3: "The receiver MUST NOT make any assumption about the TSN assignments of the sender." */
	struct script s;
	open_script(&s, NULL, true);
	s.keep = true;
	static const uint32_t fsn[] = {3, 1, 0, 2};
	for (uint32_t i = 0; i < 4; i++) {
		ck_assert_uint_eq(s.message_count, 0);
		script_give_i_data(&s, s.tsn + i, 1, 0, fsn[i], (uint8_t)((fsn[i] == 0 ? B : 0) | (fsn[i] == 3 ? E : 0)), 600);
	}
	ck_assert_uint_eq(s.message_count, 1);
	ck_assert_uint_eq(s.messages[0].len, 2400);
	const uint8_t *data = sluice_message_data(s.kept[0]);
	for (uint32_t i = 0; i < 4; i++)
		ck_assert_uint_eq(data[600 * fsn[i]], (uint8_t)(s.tsn + i));
	script_free(&s);
}
END_TEST

START_TEST(test_ordered_messages_wait_for_their_turn_and_unordered_ones_do_not) {
	struct script s;
	open_script(&s, NULL, true);
	script_give_i_data(&s, s.tsn, 1, 1, 0, B | E, 11);
	script_give_i_data(&s, s.tsn + 1, 1, 1, 0, B | E | U, 21);
	script_give_i_data(&s, s.tsn + 2, 1, 2, 0, B, 12);
	script_give_i_data(&s, s.tsn + 3, 1, 2, 1, E, 12);
	ck_assert_uint_eq(s.message_count, 1);
	ck_assert_uint_eq(s.messages[0].len, 21);
	script_give_i_data(&s, s.tsn + 4, 1, 0, 0, B | E, 10);
	ck_assert_uint_eq(s.message_count, 4);
	ck_assert(s.messages[1].len == 10 && s.messages[2].len == 11 && s.messages[3].len == 24);
	script_free(&s);
}
END_TEST

START_TEST(test_an_i_forward_tsn_drops_what_it_skips_and_delivers_what_waited) {
	struct script s;
	open_script(&s, NULL, true);
	sluice_sctp_stats before, after;
	sluice_sctp_stats_get(s.sctp, &before);
	script_give_i_data(&s, s.tsn + 1, 5, 1, 0, B | E, 11); /* waits for message 0 of its stream */
	script_give_i_data(&s, s.tsn + 2, 6, 0, 0, B, 12);     /* half of it */
	script_give_i_data(&s, s.tsn + 3, 6, 0, 0, B | U, 13); /* half of an unordered one */
	script_give_i_data(&s, s.tsn + 5, 6, 1, 0, B | E, 14);
	ck_assert_uint_eq(s.message_count, 0);
	static const uint8_t entries[] = {0, 5, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 6, 0, 1, 0, 0, 0, 0};
	give_i_forward(&s, s.tsn + 4, entries, 3);
	ck_assert_uint_eq(s.message_count, 2);
	ck_assert_uint_eq(s.messages[0].len + s.messages[1].len, 25);
	sluice_sctp_stats_get(s.sctp, &after);
	ck_assert_uint_eq(after.held, 0);
	ck_assert_uint_eq(after.local_window, before.local_window);
	script_run(&s, s.now + SLUICE_S);
	ck_assert_uint_eq(last_cum(&s), s.tsn + 5);
	/* Fragments of the skipped messages that were on their way are acknowledged, and nothing is kept of them. */
	script_give_i_data(&s, s.tsn + 6, 6, 0, 1, 0, 100);
	script_give_i_data(&s, s.tsn + 7, 6, 0, 1, U, 100);
	script_run(&s, s.now + SLUICE_S);
	ck_assert_uint_eq(last_cum(&s), s.tsn + 7);
	sluice_sctp_stats_get(s.sctp, &after);
	ck_assert_uint_eq(after.held, 0);
	script_free(&s);
}
END_TEST

START_TEST(test_mids_and_fsns_wrap) {
	struct script s;
	open_script(&s, NULL, true);
	/* The stream is brought to the end of its numbers by skipping: at most 2^31 - 1 at once. */
	uint32_t tsn = s.tsn, at = 0x7fffffff;
	for (int i = 0; i < 2; i++, at = 0xfffffffe) {
		uint8_t entry[8] = {0, 1, 0, 0};
		put_be32(entry + 4, at);
		give_i_forward(&s, tsn++, entry, 1);
	}
	script_give_i_data(&s, tsn++, 1, 0, 0, B | E, 20);
	ck_assert_uint_eq(s.message_count, 0);
	script_give_i_data(&s, tsn++, 1, 0xffffffff, 0, B | E, 10);
	ck_assert_uint_eq(s.message_count, 2);
	ck_assert(s.messages[0].len == 10 && s.messages[1].len == 20);
	script_free(&s);
}
END_TEST

START_TEST(test_one_fragment_twice_under_two_tsns_counts_once) {
	struct script s;
	open_script(&s, NULL, true);
	script_give_i_data(&s, s.tsn, 1, 0, 2, 0, 30);
	script_give_i_data(&s, s.tsn + 1, 1, 0, 2, 0, 30);
	script_give_i_data(&s, s.tsn + 2, 1, 0, 0, B, 10);
	script_give_i_data(&s, s.tsn + 3, 1, 0, 0, B, 10);
	script_give_i_data(&s, s.tsn + 4, 1, 0, 1, 0, 20);
	script_give_i_data(&s, s.tsn + 5, 1, 0, 2, 0, 30);
	script_give_i_data(&s, s.tsn + 6, 1, 0, 3, E, 40);
	ck_assert_uint_eq(s.message_count, 1);
	ck_assert_uint_eq(s.messages[0].len, 100);
	/* And once more when it is delivered already. */
	script_give_i_data(&s, s.tsn + 7, 1, 0, 0, B, 10);
	sluice_sctp_stats st;
	sluice_sctp_stats_get(s.sctp, &st);
	ck_assert_uint_eq(st.held, 0);
	script_free(&s);
}
END_TEST

START_TEST(test_a_message_beyond_the_limit_ends_the_association) {
	sluice_sctp_config c;
	sluice_sctp_config_init(&c);
	c.max_message_size = 3000;
	for (int late = 0; late < 2; late++) {
		struct script s;
		open_script(&s, &c, true);
		for (uint32_t i = 0; i < 4; i++)
			script_give_i_data(&s, s.tsn + i, 1, 0, i + (uint32_t)late, i + (uint32_t)late ? 0 : B, 1000);
		ck_assert(ended_by_protocol(&s));
		script_free(&s);
	}
}
END_TEST

START_TEST(test_a_stream_that_is_reset_begins_at_mid_zero_both_ways) {
	struct pair p;
	pair_start(&p, NULL);
	for (unsigned i = 0; i < 3; i++) {
		pair_send(&p, p.a, 2, 3000);
		pair_send_as(&p, p.a, (sluice_send_info){.stream = 2, .unordered = true}, 3000);
	}
	pair_deliver(&p, SLUICE_S);
	ck_assert_int_eq(sluice_sctp_reset_stream(p.a->sctp, 2), 0);
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + 2 * SLUICE_S, p.a->reset_out == 1));
	ledger_forgive(&p.to_b);
	size_t from = p.recorder.count;
	pair_send(&p, p.a, 2, 3000);
	pair_send_as(&p, p.a, (sluice_send_info){.stream = 2, .unordered = true}, 3000);
	pair_deliver(&p, SLUICE_S);
	for (size_t i = from; i < p.recorder.count; i++) {
		struct wire_chunk c;
		struct wire_data d;
		for (unsigned n = 0; packet_chunk(p.recorder.packets[i].bytes, p.recorder.packets[i].len, WIRE_I_DATA, n, &c);
		     n++) {
			ck_assert_int_eq(wire_i_data_read(&c, &d), 0);
			ck_assert_uint_eq(d.mid, 0);
		}
	}
	pair_shutdown(&p, p.a, SLUICE_S);
	pair_free(&p);
}
END_TEST

/* ---- on bad networks ---- */

START_TEST(test_mixed_messages_cross_bad_networks) {
	for (uint64_t n = sim_first(0); n <= sim_last(59); n++) {
		struct pair_config c;
		pair_config_init(&c);
		c.seed = n;
		c.ab.loss = 0.003 * (double)(n % 30);
		c.ba.loss = 0.03;
		c.ab.rate = 8000000;
		c.ab.reorder = 0.1;
		c.ab.reorder_delay = 20 * SLUICE_MS;
		c.ab.duplicate = 0.02;
		struct pair p;
		pair_start(&p, &c);
		struct rng r = rng_of(n, 78);
		for (unsigned i = 0; i < 120; i++) {
			sluice_send_info info = {.stream = (uint16_t)rng_below(&r, 6), .unordered = rng_chance(&r, 0.4)};
			info.reliability = (enum sluice_reliability)rng_below(&r, 3);
			info.value = (uint32_t)(info.reliability == SLUICE_LIFETIME ? 1 + rng_below(&r, 500) : rng_below(&r, 3));
			pair_send_as(&p, p.a, info, 1 + rng_below(&r, rng_chance(&r, 0.3) ? 60000 : 300));
			if (rng_chance(&r, 0.1))
				sim_run(&p.sim, p.sim.now + rng_below(&r, 100 * SLUICE_MS));
		}
		pair_deliver(&p, 300 * SLUICE_S);
		ck_assert_uint_ge(p.to_b.arrived + p.a->abandoned, 120);
		/* What was given up has left the receiver's memory. */
		sim_run(&p.sim, p.sim.now + 10 * SLUICE_S);
		ck_assert_uint_eq(sctp_host_stats(p.b).held, 0);
		pair_shutdown(&p, p.a, 60 * SLUICE_S);
		pair_free(&p);
	}
}
END_TEST

SUITE("sctp interleaving", test_both_ends_list_i_data_and_i_forward_tsn_and_then_use_nothing_else,
      test_where_one_end_does_not_offer_it_data_is_used, test_without_partial_reliability_neither_chunk_is_offered,
      test_a_peer_with_i_data_and_without_i_forward_tsn_gets_everything,
      test_data_where_i_data_was_negotiated_ends_the_association, test_i_data_where_it_was_not_negotiated_ends_the_association,
      test_the_other_forward_tsn_ends_the_association, test_a_restarted_peer_may_change_its_mind,
      test_ordered_and_unordered_messages_are_counted_apart_from_zero_on_every_stream,
      test_fragments_are_numbered_and_the_first_one_carries_the_ppid, test_a_retransmission_has_the_number_that_it_had,
      test_an_i_forward_tsn_lists_unordered_messages_too, test_messages_of_many_streams_that_are_given_up_are_all_told,
      test_fragments_of_several_messages_may_come_mixed, test_the_fsn_and_not_the_tsn_says_where_a_fragment_belongs,
      test_ordered_messages_wait_for_their_turn_and_unordered_ones_do_not,
      test_an_i_forward_tsn_drops_what_it_skips_and_delivers_what_waited, test_mids_and_fsns_wrap,
      test_one_fragment_twice_under_two_tsns_counts_once, test_a_message_beyond_the_limit_ends_the_association,
      test_a_stream_that_is_reset_begins_at_mid_zero_both_ways, test_mixed_messages_cross_bad_networks)
