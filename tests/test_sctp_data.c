/* Messages: fragmentation, bundling, ordering, acknowledgement. RFC 9260, 6. */
#include "suite.h"

#include "sim/assert.h"
#include "sim/packets.h"
#include "sim/pair.h"
#include "sim/script.h"

static void started(struct script *s) {
	script_init(s, NULL);
	ck_assert(script_open_passive(s));
}

static unsigned data_packets(const struct pair *p, bool forward) {
	return recorder_count(&p->recorder, forward, WIRE_DATA);
}

START_TEST(test_messages_of_every_size_arrive_intact) {
	struct pair p;
	pair_start(&p, NULL);
	for (size_t len = 1; len <= 5000; len++) {
		pair_send(&p, p.a, (uint16_t)(len % 7), len);
		if (len % 100 == 0)
			pair_deliver(&p, 60 * SLUICE_S);
	}
	pair_deliver(&p, 60 * SLUICE_S);
	ck_assert_uint_eq(p.to_b.arrived, 5000);
	ck_assert_uint_eq(sctp_host_stats(p.b).messages_received, 5000);
	ck_assert_uint_eq(sctp_host_stats(p.b).payload_received, p.to_b.bytes_sent);
	pair_free(&p);
}
END_TEST

START_TEST(test_large_messages_arrive_intact) {
	struct pair p;
	pair_start(&p, NULL);
	static const size_t sizes[] = {65535, 65536, 65537, 100000, 131072, 262143, 262144};
	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		pair_send(&p, p.a, 1, sizes[i]);
		pair_send(&p, p.b, 1, sizes[i]);
		pair_deliver(&p, 60 * SLUICE_S);
	}
	pair_shutdown(&p, p.a, SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_no_packet_is_larger_than_the_mtu) {
	static const uint32_t mtus[] = {296, 297, 298, 299, 576, 1188, 1500, 9000};
	for (unsigned i = 0; i < sizeof mtus / sizeof *mtus; i++) {
		struct pair_config c;
		pair_config_init(&c);
		c.a.mtu = c.b.mtu = mtus[i];
		c.ab.mtu = c.ba.mtu = mtus[i];
		struct pair p;
		pair_start(&p, &c);
		for (size_t len = 1; len < 40; len++)
			pair_send(&p, p.a, 0, len * 97);
		pair_deliver(&p, 60 * SLUICE_S);
		for (size_t k = 0; k < p.recorder.count; k++)
			ck_assert_uint_le(p.recorder.packets[k].len, mtus[i]);
		ck_assert_uint_eq(sctp_host_stats(p.a).retransmitted_chunks, 0);
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_the_rooms_of_a_slot_are_left_alone) {
	struct pair_config c;
	pair_config_init(&c);
	c.headroom = 13 + 8;
	c.tailroom = 16;
	struct pair p;
	pair_start(&p, &c);
	for (size_t len = 1; len < 100; len++)
		pair_send(&p, p.a, 0, len * 97);
	pair_deliver(&p, 60 * SLUICE_S);
	pair_shutdown(&p, p.a, SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_output_says_when_there_is_no_space_for_a_packet) {
	struct script s;
	started(&s);
	ck_assert_int_eq(sluice_sctp_send(s.sctp, &(sluice_send_info){0}, "hello", 5), 0);
	uint8_t space[2000];
	sluice_batch b = {.data = space, .capacity = 1187};
	ck_assert_int_eq(sluice_sctp_output(s.sctp, &b, s.now), SLUICE_NO_SPACE);
	b = (sluice_batch){.data = space, .capacity = 1200, .headroom = 8, .tailroom = 5};
	ck_assert_int_eq(sluice_sctp_output(s.sctp, &b, s.now), SLUICE_NO_SPACE);
	b = (sluice_batch){.data = space, .capacity = 1201, .headroom = 8, .tailroom = 5};
	ck_assert_int_eq(sluice_sctp_output(s.sctp, &b, s.now), 1);
	script_free(&s);
}
END_TEST

START_TEST(test_small_messages_share_a_packet) {
	struct pair p;
	pair_start(&p, NULL);
	for (unsigned i = 0; i < 30; i++)
		pair_send(&p, p.a, (uint16_t)(i % 3), 10);
	pair_deliver(&p, SLUICE_S);
	ck_assert_uint_eq(data_packets(&p, true), 1);
	pair_free(&p);
}
END_TEST

START_TEST(test_small_messages_fill_packets_to_the_mtu) {
	struct pair p;
	pair_start(&p, NULL);
	for (unsigned i = 0; i < 110; i++)
		pair_send(&p, p.a, 0, 96);
	pair_deliver(&p, SLUICE_S);
	/* 116 bytes each with the header of I-DATA, (1188 - 12) / 116 = 10 a packet, and the initial window takes them all. */
	ck_assert_uint_eq(data_packets(&p, true), 11);
	pair_free(&p);
}
END_TEST

START_TEST(test_with_nagle_small_messages_wait_for_company_while_data_is_in_flight) {
	for (unsigned nagle = 0; nagle < 2; nagle++) {
		struct pair_config c;
		pair_config_init(&c);
		c.a.nagle = nagle;
		struct pair p;
		pair_start(&p, &c);
		for (unsigned i = 0; i < 10; i++) {
			pair_send(&p, p.a, 0, 10);
			sim_run(&p.sim, p.sim.now + SLUICE_MS);
		}
		pair_deliver(&p, SLUICE_S);
		/* One at once, the rest when it is acknowledged; or each at once. */
		ck_assert_uint_eq(data_packets(&p, true), nagle ? 2 : 10);
		pair_free(&p);
	}
}
END_TEST

/* With a packet in flight, `count` messages of `len` bytes: how many packets go before it is acknowledged? */
static unsigned beside_a_flight(bool i_data, uint32_t mtu_max, unsigned count, size_t len) {
	sluice_sctp_config c;
	struct script s;
	sluice_sctp_config_init(&c);
	c.nagle = true;
	c.mtu_max = mtu_max;
	script_init(&s, &c);
	s.i_data = i_data;
	ck_assert(script_open_passive(&s));
	static const uint8_t bytes[4096];
	ck_assert_int_eq(sluice_sctp_send(s.sctp, &(sluice_send_info){0}, bytes, 1), 0);
	script_collect(&s);
	script_skip(&s);
	for (unsigned i = 0; i < count; i++) {
		ck_assert_int_eq(sluice_sctp_send(s.sctp, &(sluice_send_info){.stream = (uint16_t)i}, bytes, len), 0);
		script_collect(&s);
	}
	unsigned packets = script_pending(&s, i_data ? WIRE_I_DATA : WIRE_DATA);
	script_free(&s);
	return packets;
}

START_TEST(test_nagle_never_holds_a_full_packet) {
	for (uint32_t mtu_max = 1188; mtu_max < 4000; mtu_max += 1000)
		for (unsigned i_data = 0; i_data < 2; i_data++) {
			size_t full = 1188 - WIRE_HEADER_SIZE - (i_data ? WIRE_I_DATA_HEADER : WIRE_DATA_HEADER);
			ck_assert_uint_eq(beside_a_flight(i_data, mtu_max, 1, full - 4), 0);
			for (size_t len = full - 3; len <= full; len++) /* the padding fills it */
				ck_assert_uint_eq(beside_a_flight(i_data, mtu_max, 1, len), 1);
			ck_assert_uint_eq(beside_a_flight(i_data, mtu_max, 1, full + 1), 1);
			/* 96 bytes and their header: ten share a packet, and the eleventh shows that it is full. */
			ck_assert_uint_eq(beside_a_flight(i_data, mtu_max, 10, 96), 0);
			ck_assert_uint_eq(beside_a_flight(i_data, mtu_max, 11, 96), 1);
			ck_assert_uint_eq(beside_a_flight(i_data, mtu_max, 20, 96), 1);
		}
}
END_TEST

START_TEST(test_a_batch_has_slots_of_one_size) {
	struct pair_config c;
	pair_config_init(&c);
	c.batch_max = 3;
	struct pair p;
	pair_start(&p, &c);
	for (unsigned i = 0; i < 20; i++)
		pair_send(&p, p.a, 0, 700 + 37 * i);
	pair_deliver(&p, SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_lost_message_holds_up_its_own_stream_only) {
	struct pair p;
	pair_start(&p, NULL);
	struct drop_chunk rule = {.type = WIRE_DATA, .count = 1};
	link_filter(p.ab, drop_chunk, &rule);
	uint64_t start = p.sim.now;
	pair_send(&p, p.a, 0, 1100);
	pair_send(&p, p.a, 1, 1100);
	pair_send(&p, p.a, 0, 1100);
	pair_send_as(&p, p.a, (sluice_send_info){.stream = 0, .unordered = true}, 1100);
	sim_run(&p.sim, start + 15 * SLUICE_MS);
	ck_assert(!p.to_b.entries[0].arrived && p.to_b.entries[1].arrived);
	ck_assert(!p.to_b.entries[2].arrived && p.to_b.entries[3].arrived);
	pair_deliver(&p, SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_messages_on_many_streams_keep_their_order) {
	struct pair_config c;
	pair_config_init(&c);
	c.ab.loss = c.ba.loss = 0.05;
	c.ab.rate = c.ba.rate = 20000000;
	struct pair p;
	pair_start(&p, &c);
	for (unsigned i = 0; i < 1000; i++) {
		pair_send_as(&p, p.a, (sluice_send_info){.stream = (uint16_t)(i % 100 * 600), .unordered = i % 5 == 4},
		             50 + i % 3000);
		if (i % 100 == 99)
			pair_deliver(&p, 60 * SLUICE_S);
	}
	pair_shutdown(&p, p.a, 60 * SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_the_ppid_and_stream_of_a_message_are_kept) {
	struct script s;
	started(&s);
	script_give_data(&s, s.tsn, 65534, 0, 3, 10);
	ck_assert_uint_eq(s.message_count, 1);
	ck_assert_uint_eq(s.messages[0].stream, 65534);
	ck_assert_uint_eq(s.messages[0].ppid, s.tsn);
	ck_assert_uint_eq(s.messages[0].len, 10);
	script_free(&s);
}
END_TEST

/* Takes messages of a stream and PPID, and releases them. Returns how many there were. */
static size_t take(struct script *s, uint16_t stream, uint32_t ppid, size_t max) {
	sluice_message *m[16];
	size_t count = sluice_sctp_poll_messages(s->sctp, stream, ppid, m, max);
	for (size_t i = 0; i < count; i++) {
		ck_assert_uint_eq(m[i]->stream, stream);
		ck_assert_uint_eq(m[i]->ppid, ppid);
		sluice_message_release(m[i]);
	}
	return count;
}

START_TEST(test_messages_of_one_stream_and_ppid_are_taken_at_once_and_whatever_else_came_ends_that) {
	static const struct {
		uint16_t stream, ssn;
		uint32_t ppid;
	} sent[] = {{1, 0, 50}, {1, 1, 50}, {1, 2, 50}, {1, 3, 51}, {2, 0, 51}, {1, 4, 51}};
	struct script s;
	uint8_t space[SCRIPT_PACKET_MAX];
	sluice_sctp_event e;
	started(&s);
	struct writer w = script_begin(&s, space, sizeof space);
	for (size_t i = 0; i < sizeof sent / sizeof *sent; i++) {
		const struct wire_data d = {.flags = WIRE_DATA_B | WIRE_DATA_E,
		                            .tsn = s.tsn++,
		                            .stream = sent[i].stream,
		                            .ssn = sent[i].ssn,
		                            .ppid = sent[i].ppid,
		                            .payload = (const uint8_t *)"m",
		                            .len = 1};
		wire_data_write(&w, &d);
	}
	wire_packet_seal(space, writer_len(&w));
	ck_assert_int_eq(sluice_sctp_input(s.sctp, &(sluice_datagram){.data = space, .len = writer_len(&w)}, 1, s.now), 0);
	sluice_sctp_abort(s.sctp, NULL);
	ck_assert_uint_eq(take(&s, 2, 50, 16), 0);
	ck_assert_uint_eq(take(&s, 1, 51, 16), 0);
	ck_assert_uint_eq(take(&s, 1, 50, 0), 0);
	ck_assert_uint_eq(take(&s, 1, 50, 2), 2);
	ck_assert_uint_eq(take(&s, 1, 50, 16), 1);
	ck_assert_uint_eq(take(&s, 1, 51, 16), 1);
	ck_assert(sluice_sctp_poll(s.sctp, &e) && e.type == SLUICE_SCTP_MESSAGE && e.stream == 2);
	sluice_message_release(e.message);
	ck_assert_uint_eq(take(&s, 1, 51, 16), 1);
	ck_assert_uint_eq(take(&s, 1, 51, 16), 0);
	ck_assert(sluice_sctp_poll(s.sctp, &e) && e.type == SLUICE_SCTP_ENDED);
	ck_assert_uint_eq(take(&s, 1, 51, 16), 0);
	ck_assert(!sluice_sctp_poll(s.sctp, &e));
	script_free(&s);
}
END_TEST

START_TEST(test_ordered_messages_that_come_in_the_wrong_order_are_put_right) {
	struct script s;
	started(&s);
	script_give_data(&s, s.tsn + 2, 5, 2, 3, 30);
	script_give_data(&s, s.tsn + 1, 5, 1, 3, 20);
	ck_assert_uint_eq(s.message_count, 0);
	script_give_data(&s, s.tsn, 5, 0, 3, 10);
	ck_assert_uint_eq(s.message_count, 3);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_uint_eq(s.messages[i].len, 10 * (i + 1));
	script_free(&s);
}
END_TEST

START_TEST(test_fragments_that_come_in_the_wrong_order_are_put_together) {
	static const uint8_t orders[][4] = {{3, 2, 1, 0}, {1, 0, 3, 2}, {2, 0, 3, 1}, {0, 3, 1, 2}};
	for (unsigned o = 0; o < 4; o++) {
		for (unsigned unordered = 0; unordered < 2; unordered++) {
			struct script s;
			started(&s);
			for (unsigned i = 0; i < 4; i++) {
				unsigned k = orders[o][i];
				uint8_t flags = (uint8_t)((k == 0 ? WIRE_DATA_B : 0) | (k == 3 ? WIRE_DATA_E : 0) |
				                          (unordered ? WIRE_DATA_U : 0));
				ck_assert_uint_eq(s.message_count, 0);
				script_give_data(&s, s.tsn + k, 5, 0, flags, 100 + k);
			}
			ck_assert_uint_eq(s.message_count, 1);
			ck_assert_uint_eq(s.messages[0].len, 406);
			script_free(&s);
		}
	}
}
END_TEST

START_TEST(test_tsns_and_ssns_may_wrap) {
	struct script s;
	script_init(&s, NULL);
	s.tsn = 0xffffff00;
	ck_assert(script_open_passive(&s));
	for (uint32_t i = 0; i < 70000; i++) {
		script_give_data(&s, s.tsn + i, 5, (uint16_t)i, 3, 4);
		ck_assert_uint_eq(s.message_count, 1);
		s.message_count = s.event_count = 0;
		script_skip(&s);
	}
	script_free(&s);
}
END_TEST

START_TEST(test_our_tsns_and_ssns_may_wrap) {
	/* Each message has a TSN and an SSN of its own: 70,000 of them wrap the SSN. The TSN starts anywhere; seeds spread it. */
	struct pair_config c;
	pair_config_init(&c);
	c.no_record = true;
	c.ab.loss = 0.01;
	struct pair p;
	pair_start(&p, &c);
	for (unsigned i = 0; i < 70000; i++) {
		pair_send(&p, p.a, 0, 4);
		if (i % 1000 == 999)
			pair_deliver(&p, 60 * SLUICE_S);
	}
	ck_assert_uint_eq(p.to_b.arrived, 70000);
	pair_free(&p);
}
END_TEST

/* ---- acknowledgement ---- */

static bool last_sack(struct script *s, struct wire_sack *sack) {
	struct wire_chunk c, last;
	bool any = false;
	while (script_expect(s, WIRE_SACK, &c)) {
		last = c;
		any = true;
	}
	return any && wire_sack_read(&last, sack) == 0;
}

START_TEST(test_gaps_are_reported_as_blocks) {
	struct script s;
	started(&s);
	static const uint8_t offsets[] = {0, 2, 3, 5, 9};
	for (unsigned i = 0; i < sizeof offsets; i++)
		script_give_data(&s, s.tsn + offsets[i], 0, 0, WIRE_DATA_U | 3, 10);
	struct wire_sack sack;
	ck_assert(last_sack(&s, &sack));
	ck_assert_uint_eq(sack.cum_tsn, s.tsn);
	ck_assert_uint_eq(sack.gap_count, 3);
	static const uint16_t expected[][2] = {{2, 3}, {5, 5}, {9, 9}};
	for (unsigned i = 0; i < 3; i++) {
		uint16_t start, end;
		wire_sack_gap(&sack, i, &start, &end);
		ck_assert_uint_eq(start, expected[i][0]);
		ck_assert_uint_eq(end, expected[i][1]);
	}
	script_free(&s);
}
END_TEST

START_TEST(test_out_of_order_data_is_acknowledged_at_once) {
	struct script s;
	started(&s);
	for (unsigned i = 0; i < 20; i++)
		script_give_data(&s, s.tsn++, 0, (uint16_t)i, 3, 10);
	script_run(&s, s.now + SLUICE_S);
	script_skip(&s);
	script_give_data(&s, s.tsn + 1, 0, 0, WIRE_DATA_U | 3, 10);
	ck_assert_uint_eq(script_pending(&s, WIRE_SACK), 1);
	script_skip(&s);
	/* And so is what fills the gap: RFC 9260, 6.7 asks for a SACK on "each packet" while gaps are there. */
	script_give_data(&s, s.tsn, 0, 0, WIRE_DATA_U | 3, 10);
	ck_assert_uint_eq(script_pending(&s, WIRE_SACK), 1);
	script_free(&s);
}
END_TEST

START_TEST(test_duplicates_are_reported_at_once_and_delivered_once) {
	struct script s;
	started(&s);
	script_give_data(&s, s.tsn, 0, 0, 3, 10);
	script_give_data(&s, s.tsn + 2, 0, 0, WIRE_DATA_U | 3, 10);
	script_run(&s, s.now + SLUICE_S);
	script_skip(&s);
	uint8_t space[1500];
	struct writer w = script_begin(&s, space, sizeof space);
	script_data(&w, s.tsn, 0, 0, 3, 10);
	script_data(&w, s.tsn + 2, 0, 0, WIRE_DATA_U | 3, 10);
	script_give(&s, &w);
	struct wire_sack sack;
	ck_assert(last_sack(&s, &sack));
	ck_assert_uint_eq(sack.duplicate_count, 2);
	ck_assert_uint_eq(wire_sack_duplicate(&sack, 0), s.tsn);
	ck_assert_uint_eq(wire_sack_duplicate(&sack, 1), s.tsn + 2);
	ck_assert_uint_eq(s.message_count, 2);
	/* Each is reported once. */
	script_give_data(&s, s.tsn + 4, 0, 0, WIRE_DATA_U | 3, 10);
	ck_assert(last_sack(&s, &sack));
	ck_assert_uint_eq(sack.duplicate_count, 0);
	script_free(&s);
}
END_TEST

/* Past the first packets, which may be acknowledged eagerly. */
static void warm_up(struct script *s) {
	for (unsigned i = 0; i < 64; i++)
		script_give_data(s, s->tsn++, 9, (uint16_t)i, 3, 10);
	script_run(s, s->now + SLUICE_S);
	script_skip(s);
}

START_TEST(test_one_packet_alone_is_acknowledged_after_the_delay) {
	struct script s;
	started(&s);
	warm_up(&s);
	uint64_t start = s.now;
	script_give_data(&s, s.tsn, 0, 0, 3, 10);
	script_run(&s, start + 19 * SLUICE_MS);
	ck_assert_uint_eq(script_pending(&s, WIRE_SACK), 0);
	script_run(&s, start + 20 * SLUICE_MS);
	ck_assert_uint_eq(script_pending(&s, WIRE_SACK), 1);
	script_free(&s);
}
END_TEST

START_TEST(test_the_second_packet_is_acknowledged_at_once) {
	/* RFC 9260, 6.2: "an acknowledgement SHOULD be generated for at least every second packet (not every second DATA chunk)
	 * received". */
	struct script s;
	started(&s);
	warm_up(&s);
	script_give_data(&s, s.tsn, 0, 0, 3, 10);
	script_give_data(&s, s.tsn + 1, 0, 1, 3, 10);
	struct wire_sack sack;
	ck_assert(last_sack(&s, &sack));
	ck_assert_uint_eq(sack.cum_tsn, s.tsn + 1);
	script_free(&s);
}
END_TEST

START_TEST(test_the_i_bit_is_answered_at_once) {
	struct script s;
	started(&s);
	warm_up(&s);
	script_give_data(&s, s.tsn, 0, 0, 3 | WIRE_DATA_I, 10);
	ck_assert_uint_eq(script_pending(&s, WIRE_SACK), 1);
	script_free(&s);
}
END_TEST

START_TEST(test_one_input_call_gives_one_sack_where_each_batch_gets_one) {
	struct script s;
	sluice_sctp_config c;
	sluice_sctp_config_init(&c);
	c.sack_policy = SLUICE_SACK_EVERY_BATCH;
	script_init(&s, &c);
	ck_assert(script_open_passive(&s));
	uint8_t space[10][100];
	sluice_datagram d[10];
	for (unsigned i = 0; i < 10; i++) {
		struct writer w = script_begin(&s, space[i], sizeof space[i]);
		script_data(&w, s.tsn + i, 0, (uint16_t)i, 3, 20);
		wire_packet_seal(space[i], writer_len(&w));
		d[i] = (sluice_datagram){.data = space[i], .len = writer_len(&w)};
	}
	ck_assert_int_eq(sluice_sctp_input(s.sctp, d, 10, s.now), 0);
	script_collect(&s);
	ck_assert_uint_eq(script_pending(&s, WIRE_SACK), 1);
	ck_assert_uint_eq(s.message_count, 10);
	script_free(&s);
}
END_TEST

START_TEST(test_a_sack_rides_with_data_that_goes_the_other_way) {
	struct script s;
	started(&s);
	warm_up(&s);
	script_give_data(&s, s.tsn, 0, 0, 3, 10);
	ck_assert_uint_eq(script_pending(&s, WIRE_SACK), 0);
	ck_assert_int_eq(sluice_sctp_send(s.sctp, &(sluice_send_info){0}, "hello", 5), 0);
	script_collect(&s);
	const struct script_packet *p = script_expect(&s, WIRE_SACK, NULL);
	ck_assert_ptr_nonnull(p);
	ck_assert(packet_has(p->bytes, p->len, WIRE_DATA));
	script_run(&s, s.now + 100 * SLUICE_MS);
	ck_assert_uint_eq(script_pending(&s, WIRE_SACK), 0);
	script_free(&s);
}
END_TEST

/* ---- sending, seen by the app ---- */

START_TEST(test_buffered_counts_until_the_acknowledgement) {
	struct pair p;
	pair_start(&p, NULL);
	pair_send(&p, p.a, 3, 1000);
	pair_send(&p, p.a, 3, 500);
	pair_send(&p, p.a, 4, 70);
	ck_assert_uint_eq(sluice_sctp_buffered(p.a->sctp, 3), 1500);
	ck_assert_uint_eq(sluice_sctp_buffered(p.a->sctp, 4), 70);
	ck_assert_uint_eq(sluice_sctp_buffered(p.a->sctp, 5), 0);
	sim_run(&p.sim, p.sim.now + 15 * SLUICE_MS);
	ck_assert_uint_eq(p.to_b.arrived, 3);
	ck_assert_uint_eq(sluice_sctp_buffered(p.a->sctp, 3), 1500);
	sim_run(&p.sim, p.sim.now + 60 * SLUICE_MS);
	ck_assert_uint_eq(sluice_sctp_buffered(p.a->sctp, 3), 0);
	ck_assert_uint_eq(sctp_host_stats(p.a).buffered, 0);
	pair_free(&p);
}
END_TEST

START_TEST(test_send_blocks_at_the_high_water_mark_and_tells_when_it_may_go_on) {
	struct pair_config c;
	pair_config_init(&c);
	c.a.high_water = 50000;
	struct pair p;
	pair_start(&p, &c);
	sluice_send_info info = {.stream = 2};
	ck_assert_int_eq(sctp_host_send(p.a, &info, 60000), 0); /* an empty stream takes any message */
	ck_assert_int_eq(sctp_host_send(p.a, &info, 1), SLUICE_WOULD_BLOCK);
	ck_assert_int_eq(sctp_host_send(p.a, &(sluice_send_info){.stream = 3}, 1), 0); /* the mark is each stream's own */
	pair_deliver(&p, SLUICE_S);
	ck_assert_uint_eq(p.a->writable, 1);
	ck_assert_int_eq(sctp_host_send(p.a, &info, 25000), 0);
	ck_assert_int_eq(sctp_host_send(p.a, &info, 25000), 0);
	ck_assert_int_eq(sctp_host_send(p.a, &info, 1), SLUICE_WOULD_BLOCK);
	pair_deliver(&p, SLUICE_S);
	ck_assert_uint_eq(p.a->writable, 2);
	pair_free(&p);
}
END_TEST

/* What the sender buffers at most while it sends for a fifth of a second over 800 Mbit/s, through a queue without end. */
static uint64_t most_buffered(uint64_t delay) {
	struct pair_config c;
	pair_config_init(&c);
	c.no_record = true;
	c.ab.delay = c.ba.delay = delay;
	c.ab.rate = 800000000;
	struct pair p;
	uint64_t most = 0;
	pair_start(&p, &c);
	for (uint64_t end = p.sim.now + SLUICE_S / 5; p.sim.now < end; sim_run(&p.sim, p.sim.now + SLUICE_MS)) {
		while (sctp_host_send(p.a, &(sluice_send_info){.stream = 1}, 60000) == 0)
			;
		uint64_t buffered = sctp_host_stats(p.a).buffered;
		most = buffered > most ? buffered : most;
	}
	pair_deliver(&p, 60 * SLUICE_S);
	pair_free(&p);
	return most;
}

START_TEST(test_the_send_buffer_grows_with_the_path_and_not_with_the_queue_of_a_short_one) {
	uint64_t least = 2 << 20;
	ck_assert_uint_le(most_buffered(SLUICE_MS / 10), least);
	ck_assert_uint_gt(most_buffered(5 * SLUICE_MS), 2 * least);
}
END_TEST

START_TEST(test_buffered_low_comes_once_each_time_the_threshold_is_passed) {
	struct pair p;
	pair_start(&p, NULL);
	ck_assert_int_eq(sluice_sctp_set_buffered_low(p.a->sctp, 2, 5000), 0);
	pair_send(&p, p.a, 2, 5000);
	pair_deliver(&p, SLUICE_S);
	ck_assert_uint_eq(p.a->buffered_low, 0); /* never above it */
	for (unsigned i = 1; i < 4; i++) {
		for (unsigned k = 0; k < 20; k++)
			pair_send(&p, p.a, 2, 1000);
		pair_deliver(&p, SLUICE_S);
		ck_assert_uint_eq(p.a->buffered_low, i);
	}
	pair_free(&p);
}
END_TEST

START_TEST(test_times_that_would_run_over_the_clock_are_refused) {
	sluice_env *env;
	sluice_sctp *a;
	sluice_sctp_config good, bad;
	sluice_sctp_config_init(&good);
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	bad = good;
	bad.heartbeat_interval = SLUICE_NEVER - 1;
	ck_assert_int_eq(sluice_sctp_new(env, &bad, &a), SLUICE_INVALID);
	bad = good;
	bad.rto_max = UINT64_MAX;
	ck_assert_int_eq(sluice_sctp_new(env, &bad, &a), SLUICE_INVALID);
	bad = good;
	bad.cookie_lifetime = UINT64_MAX;
	ck_assert_int_eq(sluice_sctp_new(env, &bad, &a), SLUICE_INVALID);
	good.heartbeat_interval = SLUICE_NEVER;
	ck_assert_int_eq(sluice_sctp_new(env, &good, &a), 0);
	sluice_sctp_free(a);
	sluice_env_free(env);
}
END_TEST

START_TEST(test_bad_arguments_are_refused) {
	struct pair p;
	pair_init(&p, NULL);
	ck_assert_int_eq(sluice_sctp_send(p.a->sctp, &(sluice_send_info){0}, "x", 1), SLUICE_CLOSED);
	pair_connect(&p, SLUICE_S);
	p.b->receives = NULL;
	ck_assert_int_eq(sluice_sctp_send(p.a->sctp, &(sluice_send_info){0}, "", 0), SLUICE_INVALID);
	ck_assert_int_eq(sluice_sctp_send(p.a->sctp, &(sluice_send_info){.stream = 65535}, "x", 1), SLUICE_INVALID);
	ck_assert_int_eq(sluice_sctp_send(p.a->sctp, &(sluice_send_info){.stream = 65534}, "x", 1), 0);
	sim_run(&p.sim, p.sim.now + SLUICE_S);
	pair_free(&p);
}
END_TEST

static void woken(void *ctx) {
	(*(unsigned *)ctx)++;
}

START_TEST(test_the_wake_hook_is_called_once_for_many_sends) {
	struct pair p;
	pair_start(&p, NULL);
	sim_run(&p.sim, p.sim.now + SLUICE_S);
	unsigned calls = 0;
	sluice_sctp_set_wake(p.a->sctp, woken, &calls);
	for (unsigned i = 0; i < 10; i++)
		pair_send(&p, p.a, 0, 100);
	ck_assert_uint_eq(calls, 1);
	pair_deliver(&p, SLUICE_S);
	pair_send(&p, p.a, 0, 100);
	ck_assert_uint_eq(calls, 2);
	pair_deliver(&p, SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_message_kept_by_the_app_outlives_the_association) {
	struct pair p;
	pair_start(&p, NULL);
	p.b->keep = true;
	pair_send(&p, p.a, 0, 100);
	pair_send(&p, p.a, 0, 100000);
	pair_deliver(&p, SLUICE_S);
	ck_assert_uint_ge(sctp_host_stats(p.b).held, 100100);
	sluice_sctp_free(p.b->sctp);
	ck_assert_int_eq(sluice_sctp_new(p.b->env, NULL, &p.b->sctp), 0);
	sluice_message *m = p.b->kept[1];
	uint8_t *expected = malloc(m->len);
	ledger_fill(&p.to_b, m->ppid, expected, m->len);
	const void *data = sluice_message_data(m);
	ck_assert_ptr_nonnull(data);
	ck_assert(memcmp(data, expected, m->len) == 0);
	free(expected);
	pair_free(&p);
}
END_TEST

START_TEST(test_small_messages_that_are_kept_do_not_pin_slabs) {
	struct pair_config c;
	pair_config_init(&c);
	c.b.receive_window = 8 << 20;
	struct pair p;
	pair_start(&p, &c);
	p.b->keep = true;
	for (unsigned i = 0; i < 500; i++) {
		pair_send(&p, p.a, 0, 10);
		sim_run(&p.sim, p.sim.now + 30 * SLUICE_MS);
	}
	pair_deliver(&p, SLUICE_S);
	ck_assert_uint_eq(p.b->kept_count, 500);
	/* 500 slabs of 64 KiB would be 32 MB. */
	ck_assert_uint_lt(p.b->memory.bytes, 2u << 20);
	pair_free(&p);
}
END_TEST

SUITE("sctp data", test_messages_of_every_size_arrive_intact, test_large_messages_arrive_intact,
      test_no_packet_is_larger_than_the_mtu, test_the_rooms_of_a_slot_are_left_alone,
      test_output_says_when_there_is_no_space_for_a_packet, test_small_messages_share_a_packet,
      test_small_messages_fill_packets_to_the_mtu, test_with_nagle_small_messages_wait_for_company_while_data_is_in_flight,
      test_nagle_never_holds_a_full_packet, test_a_batch_has_slots_of_one_size, test_a_lost_message_holds_up_its_own_stream_only,
      test_messages_on_many_streams_keep_their_order, test_the_ppid_and_stream_of_a_message_are_kept,
      test_messages_of_one_stream_and_ppid_are_taken_at_once_and_whatever_else_came_ends_that,
      test_ordered_messages_that_come_in_the_wrong_order_are_put_right,
      test_fragments_that_come_in_the_wrong_order_are_put_together, test_tsns_and_ssns_may_wrap, test_our_tsns_and_ssns_may_wrap,
      test_gaps_are_reported_as_blocks, test_out_of_order_data_is_acknowledged_at_once,
      test_duplicates_are_reported_at_once_and_delivered_once, test_one_packet_alone_is_acknowledged_after_the_delay,
      test_the_second_packet_is_acknowledged_at_once, test_the_i_bit_is_answered_at_once,
      test_one_input_call_gives_one_sack_where_each_batch_gets_one, test_a_sack_rides_with_data_that_goes_the_other_way,
      test_buffered_counts_until_the_acknowledgement, test_send_blocks_at_the_high_water_mark_and_tells_when_it_may_go_on,
      test_the_send_buffer_grows_with_the_path_and_not_with_the_queue_of_a_short_one,
      test_buffered_low_comes_once_each_time_the_threshold_is_passed, test_times_that_would_run_over_the_clock_are_refused,
      test_bad_arguments_are_refused, test_the_wake_hook_is_called_once_for_many_sends,
      test_a_message_kept_by_the_app_outlives_the_association, test_small_messages_that_are_kept_do_not_pin_slabs)
