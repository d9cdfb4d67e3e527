/* What must not be believed, and how it is answered: RFC 9260, 8.4, 8.5, 3.2 and 9.1. */
#include "suite.h"

#include "sim/assert.h"
#include "sim/packets.h"
#include "sim/pair.h"
#include "sim/script.h"

static void started(struct script *s) {
	script_init(s, NULL);
	ck_assert(script_open_passive(s));
}

/* A packet with one chunk that has a four-byte value or none. */
static void give_chunk(struct script *s, uint8_t type, uint8_t flags, const void *value, size_t len) {
	uint8_t space[1500];
	struct writer w = script_begin(s, space, sizeof space);
	wire_chunk_write(&w, type, flags, value, len);
	script_give(s, &w);
}

START_TEST(test_a_wrong_tag_port_or_checksum_is_discarded_and_counted) {
	struct script s;
	started(&s);
	uint64_t before = script_stats(&s).packets_discarded;
	s.remote_tag ^= 4;
	script_give_data(&s, s.tsn, 0, 0, 3, 10);
	ck_assert_uint_eq(script_stats(&s).packets_discarded, before + 1);
	s.remote_tag ^= 4;
	s.port = 4999;
	script_give_data(&s, s.tsn, 0, 0, 3, 10);
	ck_assert_uint_eq(script_stats(&s).packets_discarded, before + 2);
	s.port = 5000;
	uint8_t space[1500];
	struct writer w = script_begin(&s, space, sizeof space);
	script_data(&w, s.tsn, 0, 0, 3, 10);
	wire_packet_seal(space, writer_len(&w));
	space[20] ^= 1;
	script_give_raw(&s, space, writer_len(&w));
	ck_assert_uint_eq(script_stats(&s).packets_discarded, before + 3);
	for (size_t len = 0; len < WIRE_HEADER_SIZE; len++)
		script_give_raw(&s, space, len);
	ck_assert_uint_eq(script_stats(&s).packets_discarded, before + 3 + WIRE_HEADER_SIZE);
	script_run(&s, s.now + SLUICE_S);
	ck_assert_uint_eq(s.message_count, 0);
	ck_assert_uint_eq(script_pending(&s, WIRE_SACK), 0);
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_ESTABLISHED);
	script_free(&s);
}
END_TEST

START_TEST(test_an_abort_ends_it_and_tells_who_wanted_that_and_why) {
	static const struct {
		uint16_t cause; /* 0: none */
		const char *reason;
		uint8_t flags;
		int error;
		const char *text;
	} table[] = {
		{WIRE_CAUSE_USER_ABORT, "Close called", 0, SLUICE_CLOSED, "closed by the peer: Close called"}, /* Chromium */
		{WIRE_CAUSE_USER_ABORT, "", 0, SLUICE_CLOSED, "closed by the peer"},                           /* usrsctp */
		{WIRE_CAUSE_PROTOCOL_VIOLATION, "no", 0, SLUICE_ABORTED, "aborted by the peer (Protocol Violation: no)"},
		{WIRE_CAUSE_OUT_OF_RESOURCE, "", 0, SLUICE_ABORTED, "aborted by the peer (Out of Resource)"},
		{0, "", 0, SLUICE_ABORTED, "aborted by the peer (no cause given)"},
		{0, "", WIRE_FLAG_T, SLUICE_ABORTED, "aborted by the peer (no cause given)"},
	};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct script s;
		started(&s);
		uint8_t space[200];
		const char *text;
		if (table[i].flags & WIRE_FLAG_T)
			s.remote_tag = s.tag;
		struct writer w = script_begin(&s, space, sizeof space);
		uint8_t *abort_chunk = wire_chunk_begin(&w, WIRE_ABORT, table[i].flags);
		if (table[i].cause)
			wire_param_write(&w, table[i].cause, table[i].reason, strlen(table[i].reason));
		wire_chunk_end(&w, abort_chunk);
		script_give(&s, &w);
		ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_CLOSED);
		ck_assert_int_eq(sluice_sctp_error(s.sctp, &text), table[i].error);
		ck_assert_str_eq(text, table[i].text);
		ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_ENDED), 1);
		ck_assert_ptr_null(script_next(&s));
		script_free(&s);
	}
}
END_TEST

START_TEST(test_our_abort_reaches_the_peer_with_its_reason) {
	struct pair p;
	pair_start(&p, NULL);
	for (unsigned i = 0; i < 30; i++)
		pair_send(&p, p.a, 0, 5000);
	sim_run(&p.sim, p.sim.now + 5 * SLUICE_MS);
	sluice_sctp_abort(p.a->sctp, "the building is on fire");
	ck_assert_int_eq(sctp_host_state(p.a), SLUICE_SCTP_CLOSED);
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + SLUICE_S, p.b->ended));
	ck_assert_int_eq(p.b->end_error, SLUICE_CLOSED);
	ck_assert_str_eq(p.b->end_text, "closed by the peer: the building is on fire");
	ck_assert_uint_eq(recorder_count(&p.recorder, true, WIRE_ABORT), 1);
	sim_run(&p.sim, p.sim.now + SLUICE_S);
	ck_assert_uint_eq(p.a->ended, 1);
	ck_assert(ledger_released(&p.to_b));
	ck_assert_int_eq(sctp_host_send(p.a, &(sluice_send_info){0}, 5), SLUICE_CLOSED);
	ck_assert_int_eq(sctp_host_send(p.b, &(sluice_send_info){0}, 5), SLUICE_CLOSED);
	pair_free(&p);
}
END_TEST

START_TEST(test_an_abort_during_the_handshake_ends_both) {
	for (uint64_t ms = 0; ms < 45; ms += 5) {
		struct pair p;
		pair_init(&p, NULL);
		ck_assert_int_eq(sluice_sctp_connect(p.a->sctp), 0);
		sim_run(&p.sim, p.started + ms * SLUICE_MS);
		sluice_sctp_abort(p.a->sctp, NULL);
		sim_run(&p.sim, p.started + 5 * SLUICE_S);
		ck_assert_int_eq(sctp_host_state(p.a), SLUICE_SCTP_CLOSED);
		ck_assert_uint_eq(p.a->ended, 1);
		ck_assert_int_eq(sctp_host_state(p.b), SLUICE_SCTP_CLOSED);
		ck_assert_uint_eq(p.b->ended, p.b->connected);
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_an_abort_with_the_t_bit_carries_our_own_tag_back) {
	/* RFC 9260, 8.5.1, B: accepted "if the Verification Tag field of the packet matches its own tag and the T bit is not set
	 * OR if it is set to its Peer's Tag and the T bit is set". */
	static const struct {
		bool own, t, ends;
	} cases[] = {{true, false, true}, {false, true, true}, {true, true, false}, {false, false, false}};
	for (unsigned i = 0; i < 4; i++) {
		struct script s;
		started(&s);
		if (!cases[i].own)
			s.remote_tag = s.tag;
		give_chunk(&s, WIRE_ABORT, cases[i].t ? WIRE_FLAG_T : 0, NULL, 0);
		ck_assert_msg((sluice_sctp_state(s.sctp) == SLUICE_SCTP_CLOSED) == cases[i].ends, "case %u", i);
		ck_assert_ptr_null(script_next(&s));
		script_free(&s);
	}
}
END_TEST

/* ---- out of the blue: RFC 9260, 8.4 ---- */

START_TEST(test_a_packet_out_of_the_blue_is_answered_with_an_abort_that_reflects_its_tag) {
	struct script s;
	script_init(&s, NULL);
	s.remote_tag = 0xcafe0001;
	script_give_data(&s, 1, 0, 0, 3, 10);
	struct wire_chunk c;
	const struct script_packet *p = script_expect(&s, WIRE_ABORT, &c);
	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(c.flags & WIRE_FLAG_T, WIRE_FLAG_T);
	ck_assert_uint_eq(get_be32(p->bytes + 4), 0xcafe0001);
	script_free(&s);
}
END_TEST

START_TEST(test_a_shutdown_ack_out_of_the_blue_is_answered_with_shutdown_complete) {
	struct script s;
	script_init(&s, NULL);
	s.remote_tag = 0xcafe0002;
	give_chunk(&s, WIRE_SHUTDOWN_ACK, 0, NULL, 0);
	struct wire_chunk c;
	const struct script_packet *p = script_expect(&s, WIRE_SHUTDOWN_COMPLETE, &c);
	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq(c.flags & WIRE_FLAG_T, WIRE_FLAG_T);
	ck_assert_uint_eq(get_be32(p->bytes + 4), 0xcafe0002);
	script_free(&s);
}
END_TEST

START_TEST(test_some_packets_out_of_the_blue_are_never_answered) {
	static const uint8_t silent[] = {WIRE_ABORT, WIRE_SHUTDOWN_COMPLETE, WIRE_COOKIE_ACK};
	for (unsigned i = 0; i < sizeof silent; i++) {
		struct script s;
		script_init(&s, NULL);
		s.remote_tag = 0xcafe0003;
		give_chunk(&s, silent[i], 0, NULL, 0);
		ck_assert_msg(script_next(&s) == NULL, "chunk type %u", silent[i]);
		script_free(&s);
	}
	struct script s;
	script_init(&s, NULL);
	s.remote_tag = 0xcafe0004;
	uint8_t stale[8] = {0, WIRE_CAUSE_STALE_COOKIE, 0, 8, 0, 0, 0, 1};
	give_chunk(&s, WIRE_ERROR, 0, stale, sizeof stale);
	ck_assert_ptr_null(script_next(&s));
	script_free(&s);
}
END_TEST

START_TEST(test_a_peer_whose_other_end_is_gone_learns_it_from_the_abort) {
	struct pair p;
	pair_start(&p, NULL);
	sctp_host_reboot(p.b);
	ledger_forgive(&p.to_b);
	uint64_t sent = p.sim.now;
	pair_send(&p, p.a, 0, 100);
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + SLUICE_S, p.a->ended));
	ck_assert_int_eq(p.a->end_error, SLUICE_ABORTED);
	ck_assert_uint_eq(p.a->ended_at - sent, 20 * SLUICE_MS);
	pair_free(&p);
}
END_TEST

/* ---- chunks nobody knows: RFC 9260, 3.2 ---- */

static void unknown_chunk(uint8_t type, bool reported, bool rest_read) {
	struct script s;
	started(&s);
	uint8_t space[1500];
	struct writer w = script_begin(&s, space, sizeof space);
	wire_chunk_write(&w, type, 0, "mystery", 7);
	script_data(&w, s.tsn, 0, 0, 3, 10);
	script_give(&s, &w);
	ck_assert_uint_eq(s.message_count, rest_read);
	struct wire_chunk c;
	struct wire_param cause;
	if (script_expect(&s, WIRE_ERROR, &c)) {
		ck_assert(reported);
		struct reader r = reader_of(c.value, c.len);
		ck_assert_int_eq(wire_param_next(&r, &cause), 1);
		ck_assert_uint_eq(cause.type, WIRE_CAUSE_UNRECOGNIZED_CHUNK);
		ck_assert_uint_ge(cause.len, 11);
		ck_assert_uint_eq(cause.value[0], type);
		ck_assert_mem_eq(cause.value + 4, "mystery", 7);
	} else {
		ck_assert(!reported);
	}
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_ESTABLISHED);
	script_free(&s);
}

START_TEST(test_unknown_chunks_are_treated_as_their_high_bits_say) {
	unknown_chunk(0x3e, false, false);
	unknown_chunk(0x7e, true, false);
	unknown_chunk(0xbd, false, true);
	unknown_chunk(0xfe, true, true);
}
END_TEST

START_TEST(test_a_pad_chunk_is_passed_over) {
	unknown_chunk(WIRE_PAD, false, true);
}
END_TEST

START_TEST(test_chunks_of_every_malformed_length_do_no_harm) {
	for (unsigned type = 0; type < 256; type++) {
		struct script s;
		started(&s);
		for (uint16_t claimed = 0; claimed < 40; claimed++) {
			uint8_t space[64];
			struct writer w = script_begin(&s, space, sizeof space);
			write_u8(&w, (uint8_t)type);
			write_u8(&w, 0);
			write_be16(&w, claimed);
			uint32_t room = 0x01010101u * (claimed & 0xf);
			for (unsigned i = 0; i < 6; i++)
				write_be32(&w, room);
			script_give(&s, &w);
			script_skip(&s);
		}
		script_run(&s, s.now + SLUICE_S);
		script_free(&s);
	}
}
END_TEST

START_TEST(test_data_without_bytes_is_a_protocol_error) {
	struct script s;
	started(&s);
	script_give_data(&s, s.tsn, 0, 0, 3, 0);
	/* RFC 9260, 6.2: "it MUST send an ABORT chunk with a "No User Data" error cause". */
	struct wire_chunk c;
	struct wire_param cause;
	ck_assert_ptr_nonnull(script_expect(&s, WIRE_ABORT, &c));
	struct reader r = reader_of(c.value, c.len);
	ck_assert_int_eq(wire_param_next(&r, &cause), 1);
	ck_assert_uint_eq(cause.type, WIRE_CAUSE_NO_USER_DATA);
	ck_assert_uint_eq(get_be32(cause.value), s.tsn);
	ck_assert_int_eq(sluice_sctp_error(s.sctp, &(const char *){0}), SLUICE_PROTOCOL);
	script_free(&s);
}
END_TEST

START_TEST(test_data_on_a_stream_that_does_not_exist_is_reported_and_acknowledged) {
	sluice_sctp_config c;
	sluice_sctp_config_init(&c);
	c.inbound_streams = 4;
	struct script s;
	script_init(&s, &c);
	ck_assert(script_open_passive(&s));
	script_give_data(&s, s.tsn, 4, 0, 3, 10);
	script_run(&s, s.now + SLUICE_S);
	/* RFC 9260, 6.5: the chunk is acknowledged as usual and an ERROR "Invalid Stream Identifier" is sent. */
	bool acked = false, reported = false;
	const struct script_packet *p;
	while ((p = script_next(&s))) {
		struct wire_chunk chunk;
		struct wire_sack sack;
		reported |= packet_chunk(p->bytes, p->len, WIRE_ERROR, 0, &chunk) &&
		            get_be16(chunk.value) == WIRE_CAUSE_INVALID_STREAM;
		if (packet_chunk(p->bytes, p->len, WIRE_SACK, 0, &chunk) && wire_sack_read(&chunk, &sack) == 0)
			acked |= sack.cum_tsn == s.tsn;
	}
	ck_assert(acked);
	ck_assert(reported);
	ck_assert_uint_eq(s.message_count, 0);
	script_free(&s);
}
END_TEST

START_TEST(test_a_sack_for_what_was_never_sent_changes_nothing) {
	struct script s;
	started(&s);
	ck_assert_int_eq(sluice_sctp_send(s.sctp, &(sluice_send_info){0}, "hello", 5), 0);
	script_collect(&s);
	ck_assert_ptr_nonnull(script_expect(&s, WIRE_DATA, NULL));
	script_give_sack(&s, s.remote_tsn + 1000, 65536, NULL, 0);
	if (sluice_sctp_state(s.sctp) != SLUICE_SCTP_CLOSED) {
		/* Ignored, or answered with an ABORT; but not believed. */
		ck_assert_uint_eq(script_stats(&s).buffered, 5);
		script_give_sack(&s, s.remote_tsn, 65536, NULL, 0);
		ck_assert_uint_eq(script_stats(&s).buffered, 0);
	}
	script_free(&s);
}
END_TEST

START_TEST(test_an_old_sack_changes_nothing) {
	struct script s;
	started(&s);
	for (unsigned i = 0; i < 4; i++) {
		ck_assert_int_eq(sluice_sctp_send(s.sctp, &(sluice_send_info){0}, "hello", 5), 0);
		script_collect(&s);
	}
	script_give_sack(&s, s.remote_tsn + 3, 65536, NULL, 0);
	ck_assert_uint_eq(script_stats(&s).buffered, 0);
	uint32_t window = script_stats(&s).peer_window;
	script_give_sack(&s, s.remote_tsn + 1, 100, NULL, 0);
	ck_assert_uint_eq(script_stats(&s).buffered, 0);
	ck_assert_uint_eq(script_stats(&s).peer_window, window);
	script_free(&s);
}
END_TEST

START_TEST(test_an_error_chunk_alone_ends_nothing) {
	struct script s;
	started(&s);
	uint8_t cause[8] = {0, WIRE_CAUSE_UNRECOGNIZED_CHUNK, 0, 8, 0xff, 0, 0, 4};
	give_chunk(&s, WIRE_ERROR, 0, cause, sizeof cause);
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_ESTABLISHED);
	script_free(&s);
}
END_TEST

START_TEST(test_a_heartbeat_is_answered_with_its_own_bytes) {
	struct script s;
	started(&s);
	uint8_t space[300], info[37];
	for (unsigned i = 0; i < sizeof info; i++)
		info[i] = (uint8_t)(i * 3);
	struct writer w = script_begin(&s, space, sizeof space);
	wire_heartbeat_write(&w, WIRE_HEARTBEAT, info, sizeof info);
	script_give(&s, &w);
	struct wire_chunk c;
	const uint8_t *back;
	uint16_t len;
	ck_assert_ptr_nonnull(script_expect(&s, WIRE_HEARTBEAT_ACK, &c));
	ck_assert_int_eq(wire_heartbeat_read(&c, &back, &len), 0);
	ck_assert_uint_eq(len, sizeof info);
	ck_assert_mem_eq(back, info, sizeof info);
	script_free(&s);
}
END_TEST

START_TEST(test_a_heartbeat_ack_that_nobody_asked_for_is_ignored) {
	struct script s;
	started(&s);
	uint8_t space[300], info[64] = {1, 2, 3};
	for (size_t len = 0; len <= sizeof info; len++) {
		struct writer w = script_begin(&s, space, sizeof space);
		wire_heartbeat_write(&w, WIRE_HEARTBEAT_ACK, info, len);
		script_give(&s, &w);
	}
	ck_assert_uint_eq(script_stats(&s).heartbeat_acks_received, 0);
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_ESTABLISHED);
	script_free(&s);
}
END_TEST

START_TEST(test_a_message_above_the_limit_ends_the_association) {
	struct pair_config c;
	pair_config_init(&c);
	c.b.max_message_size = 10000;
	struct pair p;
	pair_start(&p, &c);
	pair_send(&p, p.a, 0, 10000);
	pair_deliver(&p, SLUICE_S);
	pair_send(&p, p.a, 0, 10001);
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + 5 * SLUICE_S, p.a->ended && p.b->ended));
	ck_assert_int_eq(p.a->end_error, SLUICE_ABORTED);
	ck_assert_int_ne(p.b->end_error, 0);
	pair_free(&p);
}
END_TEST

SUITE("sctp errors", test_a_wrong_tag_port_or_checksum_is_discarded_and_counted,
      test_an_abort_ends_it_and_tells_who_wanted_that_and_why, test_our_abort_reaches_the_peer_with_its_reason,
      test_an_abort_during_the_handshake_ends_both, test_an_abort_with_the_t_bit_carries_our_own_tag_back,
      test_a_packet_out_of_the_blue_is_answered_with_an_abort_that_reflects_its_tag,
      test_a_shutdown_ack_out_of_the_blue_is_answered_with_shutdown_complete,
      test_some_packets_out_of_the_blue_are_never_answered, test_a_peer_whose_other_end_is_gone_learns_it_from_the_abort,
      test_unknown_chunks_are_treated_as_their_high_bits_say, test_a_pad_chunk_is_passed_over,
      test_chunks_of_every_malformed_length_do_no_harm, test_data_without_bytes_is_a_protocol_error,
      test_data_on_a_stream_that_does_not_exist_is_reported_and_acknowledged, test_a_sack_for_what_was_never_sent_changes_nothing,
      test_an_old_sack_changes_nothing, test_an_error_chunk_alone_ends_nothing, test_a_heartbeat_is_answered_with_its_own_bytes,
      test_a_heartbeat_ack_that_nobody_asked_for_is_ignored, test_a_message_above_the_limit_ends_the_association)
