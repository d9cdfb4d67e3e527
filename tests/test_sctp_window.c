/* The receive window: it closes, it is honoured, it opens again, and nothing gets stuck. RFC 9260, 6.1, 6.2.1. */
#include "suite.h"

#include "sim/assert.h"
#include "sim/packets.h"
#include "sim/pair.h"
#include "sim/script.h"

#define WINDOW 32768

static struct pair_config small_window(void) {
	struct pair_config c;
	pair_config_init(&c);
	c.b.receive_window = WINDOW;
	c.b.max_message_size = WINDOW / 2;
	c.ab.rate = c.ba.rate = 20000000;
	return c;
}

static void send_many(struct pair *p, unsigned count, size_t len) {
	for (unsigned i = 0; i < count; i++)
		pair_send(p, p->a, 0, len);
}

/* What the last recorded SACK of b promised. */
static uint32_t last_promise(const struct pair *p) {
	for (size_t i = p->recorder.count; i-- > 0;) {
		const struct recorded *r = &p->recorder.packets[i];
		struct wire_chunk c;
		struct wire_sack sack;
		if (!r->forward && packet_chunk(r->bytes, r->len, WIRE_SACK, 0, &c) && wire_sack_read(&c, &sack) == 0)
			return sack.a_rwnd;
	}
	return 0;
}

START_TEST(test_messages_that_the_app_keeps_close_the_window_and_releasing_them_opens_it) {
	struct pair_config c = small_window();
	struct pair p;
	pair_start(&p, &c);
	p.b->keep = true;
	send_many(&p, 100, 1000);
	sim_run(&p.sim, p.sim.now + 5 * SLUICE_S);
	ck_assert(!ledger_complete(&p.to_b));
	ck_assert_uint_le(p.to_b.bytes_arrived, WINDOW + 1188);
	ck_assert_uint_ge(p.to_b.bytes_arrived, WINDOW - 2 * 1188);
	ck_assert_uint_lt(last_promise(&p), 1188);
	ck_assert_uint_ge(sctp_host_stats(p.b).held, p.to_b.bytes_arrived);
	ck_assert_uint_eq(p.a->ended, 0);
	p.b->keep = false;
	uint64_t start = p.sim.now;
	sctp_host_release_all(p.b);
	pair_deliver(&p, 10 * SLUICE_S);
	/* The window update tells the sender at once; it does not wait for its probe. */
	ck_assert_uint_le(p.sim.now - start, 300 * SLUICE_MS);
	pair_shutdown(&p, p.a, SLUICE_S);
	pair_free(&p);
}
END_TEST

/* Over a short round trip, where what is under way beside the socket does not count. A SACK may go before the app has the message
 * of 1,000 bytes. */
START_TEST(test_no_more_is_promised_than_the_drivers_socket_holds) {
	struct pair_config c = small_window();
	c.ab.delay = c.ba.delay = 500 * SLUICE_US;
	struct pair p;
	pair_start(&p, &c);
	static const struct {
		uint64_t room;
		uint32_t least, most;
	} rows[] = {{UINT64_MAX, WINDOW - 1000, WINDOW}, {8000, 8000, 8000}, {2 * WINDOW, WINDOW - 1000, WINDOW}, {50, 50, 50}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		sluice_sctp_set_receive_room(p.b->sctp, rows[i].room, 0);
		pair_send(&p, p.a, 0, 1000);
		pair_deliver(&p, SLUICE_S);
		ck_assert_uint_ge(last_promise(&p), rows[i].least);
		ck_assert_uint_le(last_promise(&p), rows[i].most);
	}
	pair_shutdown(&p, p.a, SLUICE_S);
	pair_free(&p);
}
END_TEST

/* What is over the room is under way already when the room becomes smaller. */
START_TEST(test_packets_beyond_the_sockets_room_are_taken_all_the_same) {
	struct pair_config c = small_window();
	struct pair p;
	pair_start(&p, &c);
	send_many(&p, 10, 1000);
	sluice_sctp_set_receive_room(p.b->sctp, 1000, 1000);
	pair_deliver(&p, 10 * SLUICE_S);
	ck_assert_uint_eq(sctp_host_stats(p.b).window_drops, 0);
	pair_shutdown(&p, p.a, SLUICE_S);
	pair_free(&p);
}
END_TEST

/* The INIT promises what is left of the window, and the app makes room before the INIT-ACK is back. */
START_TEST(test_room_that_is_made_during_the_handshake_is_promised_with_its_end) {
	struct pair_config c = small_window();
	struct pair p;
	pair_start(&p, &c);
	p.b->keep = true;
	send_many(&p, 100, 1000);
	sim_run(&p.sim, p.sim.now + 5 * SLUICE_S);
	sluice_sctp_abort(p.a->sctp, NULL);
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + SLUICE_S, p.b->ended));
	p.b->connected = 0;
	p.b->receives = NULL;
	p.b->keep = false;
	ck_assert_int_eq(sluice_sctp_connect(p.b->sctp), 0);
	sim_run(&p.sim, p.sim.now + PAIR_DELAY);
	ck_assert_int_eq(sctp_host_state(p.b), SLUICE_SCTP_COOKIE_WAIT);
	sctp_host_release_all(p.b);
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + SLUICE_S, p.b->connected));
	uint64_t start = p.sim.now, before = p.b->messages, probes = sctp_host_stats(p.a).window_probes;
	uint8_t bytes[1000] = {0};
	ck_assert(SIM_UNTIL(&p.sim, start + SLUICE_S,
	                    sluice_sctp_send(p.a->sctp, &(sluice_send_info){0}, bytes, sizeof bytes) == 0));
	ck_assert(SIM_UNTIL(&p.sim, start + SLUICE_S, p.b->messages > before));
	/* The sender has heard of the room; it does not wait for its probe. */
	ck_assert_uint_le(p.sim.now - start, 300 * SLUICE_MS);
	ck_assert_uint_eq(sctp_host_stats(p.a).window_probes, probes);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_lost_window_update_is_made_good_by_a_probe) {
	struct pair_config c = small_window();
	struct pair p;
	pair_start(&p, &c);
	p.b->keep = true;
	send_many(&p, 100, 1000);
	sim_run(&p.sim, p.sim.now + 5 * SLUICE_S);
	p.b->keep = false;
	struct drop_chunk rule = {.type = WIRE_SACK, .count = 1};
	link_filter(p.ba, drop_chunk, &rule);
	sctp_host_release_all(p.b);
	pair_deliver(&p, 20 * SLUICE_S);
	ck_assert_uint_eq(rule.dropped, 1);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_closed_window_never_ends_the_association) {
	/* RFC 9260, 6.1, A: while the receiver answers the probes, "the sender MUST NOT increment the error counter". */
	struct pair_config c = small_window();
	struct pair p;
	pair_start(&p, &c);
	p.b->keep = true;
	send_many(&p, 100, 1000);
	sim_run(&p.sim, p.sim.now + 600 * SLUICE_S);
	ck_assert_uint_eq(p.a->ended, 0);
	ck_assert_uint_eq(p.b->ended, 0);
	/* The probe is refused, and sent again and again. */
	sluice_sctp_stats sent = sctp_host_stats(p.a);
	ck_assert_uint_ge(sent.window_probes + sent.retransmitted_chunks, 10);
	ck_assert_uint_le(p.to_b.bytes_arrived, WINDOW + 1188);
	p.b->keep = false;
	sctp_host_release_all(p.b);
	pair_deliver(&p, 20 * SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_the_sender_never_passes_the_window) {
	static const size_t sizes[] = {100, 700, 1000, 1171, 5000, 16000};
	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct pair_config c = small_window();
		struct pair p;
		pair_start(&p, &c);
		p.b->keep = true;
		send_many(&p, (unsigned)(100000 / (sizes[i] + 30)), sizes[i]);
		uint64_t end = p.sim.now + 20 * SLUICE_S;
		while (!ledger_complete(&p.to_b) && sim_step(&p.sim, end)) {
			/* The receiver charges something for each message beside its bytes, so the last flight may land
			 * beyond. */
			ck_assert_uint_le(sctp_host_stats(p.b).held, 2 * WINDOW);
			if (p.sim.now > p.started + 3 * SLUICE_S && p.b->kept_count)
				sctp_host_release_one(p.b);
		}
		/* Probes of a window that is shut are refused, and nothing else is. */
		sluice_sctp_stats sent = sctp_host_stats(p.a);
		ck_assert_uint_le(sctp_host_stats(p.b).window_drops, sent.window_probes + sent.retransmitted_chunks);
		p.b->keep = false;
		sctp_host_release_all(p.b);
		pair_deliver(&p, 60 * SLUICE_S);
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_any_packet_lost_while_the_window_closes_never_deadlocks) {
	/* The hole holds everything above it in reassembly, the window is full of what cannot be delivered, and the sender's
	 * retransmission has to pass although the window is closed. */
	for (uint64_t n = sim_first(0); n <= sim_last(2 * 36 - 1); n++) {
		struct pair_config c = small_window();
		c.seed = n;
		struct pair p;
		pair_start(&p, &c);
		struct drop_chunk lost = {.type = WIRE_DATA, .from = (unsigned)n / 2, .count = 1};
		struct drop_chunk updates = {.type = WIRE_SACK, .from = 1000, .count = 1000};
		link_filter(p.ab, drop_chunk, &lost);
		link_filter(p.ba, drop_chunk, &updates);
		p.b->keep = true;
		send_many(&p, 60, 1171);
		sim_run(&p.sim, p.sim.now + 4 * SLUICE_S);
		ck_assert(!ledger_complete(&p.to_b));
		/* Every second run loses the two window updates as well. */
		if (n % 2) {
			updates.from = updates.seen;
			updates.count = 2;
		}
		p.b->keep = false;
		sctp_host_release_all(p.b);
		pair_deliver(&p, 30 * SLUICE_S);
		ck_assert_uint_eq(lost.dropped, 1);
		pair_shutdown(&p, p.a, 5 * SLUICE_S);
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_a_window_smaller_than_a_message_is_raised_to_hold_one) {
	struct pair_config c = small_window();
	c.b.receive_window = 8192;
	c.b.max_message_size = 100000;
	struct pair p;
	pair_start(&p, &c);
	for (unsigned i = 0; i < 5; i++)
		pair_send(&p, p.a, 0, 100000);
	pair_deliver(&p, 60 * SLUICE_S);
	ck_assert_uint_eq(sctp_host_stats(p.b).local_window, 125000);
	pair_shutdown(&p, p.a, SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_messages_of_the_size_of_the_window_get_through_with_loss) {
	for (uint64_t n = sim_first(0); n <= sim_last(19); n++) {
		struct pair_config c = small_window();
		c.seed = n;
		c.ab.loss = c.ba.loss = 0.05;
		struct pair p;
		pair_start(&p, &c);
		for (unsigned i = 0; i < 9; i++)
			pair_send_as(&p, p.a, (sluice_send_info){.stream = (uint16_t)(i % 3), .unordered = i % 3 == 1},
			             WINDOW / 2);
		pair_deliver(&p, 120 * SLUICE_S);
		pair_shutdown(&p, p.a, 20 * SLUICE_S);
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_a_zero_window_is_probed_with_one_chunk_at_a_time) {
	struct script s;
	script_init(&s, NULL);
	s.rwnd = 1500;
	ck_assert(script_open_passive(&s));
	uint8_t message[1000] = {1};
	for (unsigned i = 0; i < 5; i++)
		ck_assert_int_eq(sluice_sctp_send(s.sctp, &(sluice_send_info){0}, message, sizeof message), 0);
	script_collect(&s);
	ck_assert_uint_eq(script_pending(&s, WIRE_DATA), 1);
	script_skip(&s);
	script_give_sack(&s, s.remote_tsn, 0, NULL, 0);
	/* RFC 9260, 6.1, A: "the data sender can always have one DATA chunk in flight to the receiver if allowed by cwnd".
	 * Whether at once or after an RTO, it is one. */
	script_run(&s, s.now + SLUICE_S);
	struct wire_chunk c;
	struct wire_data d;
	uint32_t highest = s.remote_tsn;
	while (script_expect(&s, WIRE_DATA, &c)) {
		ck_assert_int_eq(wire_data_read(&c, &d), 0);
		highest = d.tsn > highest ? d.tsn : highest;
	}
	ck_assert_uint_eq(highest, s.remote_tsn + 1);
	/* The window opens: the rest flows. */
	script_give_sack(&s, s.remote_tsn + 1, 100000, NULL, 0);
	ck_assert_uint_eq(script_pending(&s, WIRE_DATA), 3);
	script_free(&s);
}
END_TEST

START_TEST(test_a_flood_beyond_the_window_is_dropped_and_counted) {
	sluice_sctp_config c;
	sluice_sctp_config_init(&c);
	c.receive_window = 8192;
	c.max_message_size = 4096;
	struct script s;
	script_init(&s, &c);
	ck_assert(script_open_passive(&s));
	s.keep = true;
	size_t live = s.memory.bytes;
	for (uint32_t i = 0; i < 1000; i++) {
		script_give_data(&s, s.tsn + 1 + i, 0, (uint16_t)(1 + i), 3, 1000);
		script_skip(&s);
	}
	sluice_sctp_stats st;
	sluice_sctp_stats_get(s.sctp, &st);
	ck_assert_uint_ge(st.window_drops, 900);
	ck_assert_uint_lt(s.memory.bytes - live, 1 << 20);
	script_free(&s);
}
END_TEST

START_TEST(test_tsns_far_ahead_do_not_grow_anything) {
	struct script s;
	script_init(&s, NULL);
	ck_assert(script_open_passive(&s));
	size_t before = s.memory.bytes;
	for (uint32_t i = 1; i < 31; i++) {
		script_give_data(&s, s.tsn + (1u << i), 0, 0, WIRE_DATA_U | 3, 1);
		script_skip(&s);
	}
	ck_assert_uint_lt(s.memory.bytes - before, 256 << 10);
	script_give_data(&s, s.tsn, 0, 0, 3, 1);
	ck_assert_uint_ge(s.message_count, 1);
	script_free(&s);
}
END_TEST

START_TEST(test_a_slow_reader_slows_the_sender_and_loses_nothing) {
	struct pair_config c = small_window();
	struct pair p;
	pair_start(&p, &c);
	p.b->keep = true;
	send_many(&p, 200, 1500);
	uint64_t next = p.sim.now;
	while (!ledger_complete(&p.to_b)) {
		next += 5 * SLUICE_MS;
		sim_run(&p.sim, next);
		sctp_host_release_one(p.b);
		ck_assert_uint_lt(p.sim.now, p.started + 60 * SLUICE_S);
	}
	ck_assert_uint_eq(sctp_host_stats(p.b).window_drops, 0);
	/* 200 messages at one in 5 ms: a second, not a timer's worth each. */
	ck_assert_uint_lt(p.sim.now - p.started, 3 * SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_message_of_more_fragments_than_can_be_kept_ends_the_association) {
	enum { FRAGMENTS = 65537, PER_PACKET = 3000 };
	sluice_sctp_config c;
	sluice_sctp_config_init(&c);
	c.receive_window = 16 << 20;
	struct script s;
	script_init(&s, &c);
	ck_assert(script_open_passive(&s));
	uint8_t *space = malloc(65536);
	for (uint32_t n = 0; n < FRAGMENTS && sluice_sctp_state(s.sctp) == SLUICE_SCTP_ESTABLISHED;) {
		struct writer w = script_begin(&s, space, 65536);
		for (uint32_t i = 0; i < PER_PACKET && n < FRAGMENTS; i++, n++)
			script_data(&w, s.tsn + n, 0, 0, n == 0 ? WIRE_DATA_B : 0, 1);
		script_give(&s, &w);
	}
	free(space);
	const char *text;
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_CLOSED);
	ck_assert_int_eq(sluice_sctp_error(s.sctp, &text), SLUICE_PROTOCOL);
	ck_assert_ptr_nonnull(strstr(text, "fragments"));
	ck_assert_uint_eq(script_pending(&s, WIRE_ABORT), 1);
	script_free(&s);
}
END_TEST

SUITE("sctp window", test_messages_that_the_app_keeps_close_the_window_and_releasing_them_opens_it,
      test_no_more_is_promised_than_the_drivers_socket_holds, test_packets_beyond_the_sockets_room_are_taken_all_the_same,
      test_room_that_is_made_during_the_handshake_is_promised_with_its_end, test_a_lost_window_update_is_made_good_by_a_probe,
      test_a_closed_window_never_ends_the_association, test_the_sender_never_passes_the_window,
      test_any_packet_lost_while_the_window_closes_never_deadlocks, test_a_window_smaller_than_a_message_is_raised_to_hold_one,
      test_messages_of_the_size_of_the_window_get_through_with_loss, test_a_zero_window_is_probed_with_one_chunk_at_a_time,
      test_a_flood_beyond_the_window_is_dropped_and_counted, test_tsns_far_ahead_do_not_grow_anything,
      test_a_slow_reader_slows_the_sender_and_loses_nothing,
      test_a_message_of_more_fragments_than_can_be_kept_ends_the_association)
