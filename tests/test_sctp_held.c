/* What a peer can make us hold: memory as the environment's allocator counts it, against the window that was promised. */
#include "suite.h"

#include "sim/assert.h"
#include "sim/packets.h"
#include "sim/pair.h"
#include "sim/script.h"

enum { B = WIRE_DATA_B, E = WIRE_DATA_E, U = WIRE_DATA_U };
#define WINDOW (2u << 20)
#define PACKET 1180

/* A peer that floods, whatever it is promised, an app that reads nothing, and what is seen of it. */
struct flood {
	struct script s;
	struct writer w;
	uint8_t space[SCRIPT_PACKET_MAX];
	size_t before; /* bytes of memory before the first chunk */
	uint32_t tsn;  /* of the next chunk */
	uint32_t cum;  /* of the last SACK */
	uint32_t most; /* the largest a_rwnd */
	uint32_t last; /* the last a_rwnd */
	bool fast;     /* time stands still between packets */
	bool ended;
};

static void flood_begin(struct flood *f, const sluice_sctp_config *config, bool interleaving) {
	*f = (struct flood){0};
	script_init(&f->s, config);
	f->s.i_data = f->s.i_forward_tsn = interleaving;
	ck_assert(script_open_passive(&f->s));
	f->tsn = f->s.tsn;
	f->cum = f->tsn - 1;
	f->before = f->s.memory.bytes;
	f->s.memory.peak = f->s.memory.bytes;
	f->w = script_begin(&f->s, f->space, sizeof f->space);
}

static void look(struct flood *f, const uint8_t *packet, size_t len) {
	struct wire_chunk c;
	struct wire_sack sack;
	f->ended |= packet_chunk(packet, len, WIRE_ABORT, 0, &c);
	if (!packet_chunk(packet, len, WIRE_SACK, 0, &c) || wire_sack_read(&c, &sack))
		return;
	f->cum = sack.cum_tsn;
	f->last = sack.a_rwnd;
	f->most = sack.a_rwnd > f->most ? sack.a_rwnd : f->most;
}

/* Gives what is written so far; events stay where they are. */
static void flush(struct flood *f) {
	static uint8_t space[65536];
	size_t len = writer_len(&f->w);
	wire_packet_seal(f->space, len);
	f->s.now += f->fast ? 0 : SLUICE_MS;
	sluice_sctp_input(f->s.sctp, &(sluice_datagram){.data = f->space, .len = len}, 1, f->s.now);
	for (int n = 1; n > 0;) {
		sluice_batch b = {.data = space, .capacity = sizeof space};
		n = sluice_sctp_output(f->s.sctp, &b, f->s.now);
		for (size_t i = 0; n > 0 && i < b.count; i++)
			look(f, sluice_batch_slot(&b, i), sluice_batch_slot_len(&b, i));
	}
	f->w = script_begin(&f->s, f->space, sizeof f->space);
}

static void room_for(struct flood *f, size_t len) {
	if (writer_len(&f->w) + WIRE_I_DATA_HEADER + len > PACKET)
		flush(f);
}

static void give_data(struct flood *f, uint16_t stream, uint16_t ssn, uint8_t flags, size_t len) {
	room_for(f, len);
	script_data(&f->w, f->tsn++, stream, ssn, flags, len);
}

static void give_i_data(struct flood *f, uint16_t stream, uint32_t mid, uint32_t fsn, uint8_t flags, size_t len) {
	room_for(f, len);
	script_i_data(&f->w, f->tsn++, stream, mid, fsn, flags, len);
}

static size_t heap(const struct flood *f) {
	return f->s.memory.peak - f->before;
}

static sluice_sctp_stats stats(const struct flood *f) {
	sluice_sctp_stats st;
	sluice_sctp_stats_get(f->s.sctp, &st);
	return st;
}

static void flood_end(struct flood *f) {
	script_free(&f->s);
}

/* ---- fragments of messages that never end ---- */

static void assert_no_more_than_twice(struct flood *f, const char *what, size_t len, uint32_t window) {
	flush(f);
	ck_assert_msg(heap(f) <= 2 * (size_t)window, "%s of %zu bytes: %zu bytes of memory for a window of %u", what, len,
	              heap(f), window);
	ck_assert_msg(f->most <= window, "%s of %zu bytes: a_rwnd %u", what, len, f->most);
	ck_assert_msg(heap(f) >= window / 2, "%s of %zu bytes: only %zu bytes are held", what, len, heap(f));
}

static const size_t lengths[] = {1, 10, 100, 300, 511, 512, 600, 1000, 1156};
static const uint32_t windows[] = {1u << 18, WINDOW, 8u << 20};

START_TEST(test_unfinished_i_data_messages_never_take_more_than_twice_the_window) {
	for (unsigned i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		for (unsigned way = 0; way < 6; way++) {
			struct flood f;
			sluice_sctp_config c;
			sluice_sctp_config_init(&c);
			uint32_t window = windows[way % 3];
			c.max_message_size = window / 2;
			c.receive_window = window == WINDOW ? 0 : window; /* by default it grows, and must not here */
			flood_begin(&f, &c, true);
			/* A message each, of one stream or of many; their beginnings, or what comes behind a beginning that is
			 * missing. */
			for (uint32_t n = 0; n < 2 * window / lengths[i] && n < 60000 && !f.ended; n++)
				give_i_data(&f, way < 3 ? 1 : (uint16_t)(n * 7), n, way % 2, way % 2 ? U : B, lengths[i]);
			assert_no_more_than_twice(&f, "I-DATA", lengths[i], window);
			flood_end(&f);
		}
	}
}
END_TEST

START_TEST(test_one_i_data_message_without_an_end_takes_no_more_either) {
	for (unsigned i = 0; i < 2 * (sizeof lengths / sizeof *lengths); i++) {
		struct flood f;
		sluice_sctp_config c;
		sluice_sctp_config_init(&c);
		c.receive_window = windows[i % 2];
		c.max_message_size = c.receive_window / 5 * 4;
		flood_begin(&f, &c, true);
		for (uint32_t n = 0; n < 60000 && !f.ended; n++)
			give_i_data(&f, 1, 0, n, n ? 0 : B, lengths[i / 2]);
		flush(&f);
		ck_assert_uint_le(heap(&f), 2 * c.receive_window);
		flood_end(&f);
	}
}
END_TEST

START_TEST(test_unfinished_data_messages_never_take_more_than_twice_the_window) {
	for (unsigned i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		for (unsigned way = 0; way < 4; way++) {
			struct flood f;
			sluice_sctp_config c;
			sluice_sctp_config_init(&c);
			c.receive_window = way == 3 ? 1u << 18 : WINDOW;
			c.max_message_size = c.receive_window / 5 * 4;
			flood_begin(&f, &c, false);
			/* The first is missing, and so is every second, or the fragments stand far apart. */
			for (uint32_t n = 0; n < 60000 && !f.ended; n++) {
				f.tsn += way == 1 ? 2 : way == 2 ? 1 + (n % 64 == 0) * 64 : 1;
				give_data(&f, 1, (uint16_t)n, B | (way ? 0 : U), way ? lengths[i] : 1 + n % 2);
				f.tsn += 1;
			}
			flush(&f);
			ck_assert_msg(heap(&f) <= 2 * (size_t)c.receive_window, "way %u, %zu bytes: %zu", way, lengths[i],
			              heap(&f));
			flood_end(&f);
		}
	}
}
END_TEST

START_TEST(test_two_fragments_far_apart_do_not_make_more_ring_than_there_is_window) {
	struct flood f;
	sluice_sctp_config c;
	sluice_sctp_config_init(&c);
	c.receive_window = 1u << 18;
	c.max_message_size = 1u << 17;
	flood_begin(&f, &c, false);
	give_data(&f, 1, 0, B, 100);
	f.tsn += 65000;
	give_data(&f, 1, 1, B, 100);
	flush(&f);
	ck_assert_uint_le(heap(&f), 2u << 18);
	ck_assert_uint_eq(stats(&f).window_drops, 1);
	/* And the first is completed all the same. */
	f.tsn = f.s.tsn + 1;
	give_data(&f, 1, 0, E, 100);
	give_data(&f, 1, 1, B | E, 1100); /* a second packet is acknowledged at once */
	flush(&f);
	ck_assert_uint_eq(f.cum - 1, f.s.tsn + 1);
	sluice_sctp_event e;
	ck_assert(sluice_sctp_poll(f.s.sctp, &e));
	while (e.type != SLUICE_SCTP_MESSAGE)
		ck_assert(sluice_sctp_poll(f.s.sctp, &e));
	ck_assert_uint_eq(e.message->len, 200);
	sluice_message_release(e.message);
	flood_end(&f);
}
END_TEST

/* ---- messages that nobody reads ---- */

START_TEST(test_unread_messages_of_one_byte_take_four_times_the_window_at_most) {
	for (unsigned way = 0; way < 12; way++) {
		struct flood f;
		sluice_sctp_config c;
		sluice_sctp_config_init(&c);
		bool interleaving = way & 1, many = way & 2;
		c.receive_window = windows[way / 4] > WINDOW ? 65536 : windows[way / 4];
		c.max_message_size = c.receive_window / 2;
		flood_begin(&f, &c, interleaving);
		for (uint32_t n = 0; n < 65535; n++) {
			uint16_t stream = many ? (uint16_t)(n * 32749u % 65535u) : 3;
			if (interleaving)
				give_i_data(&f, stream, many ? 0 : n, 0, B | E, 1);
			else
				give_data(&f, stream, many ? 0 : (uint16_t)n, B | E, 1);
		}
		flush(&f);
		ck_assert_msg(heap(&f) <= 4 * (size_t)c.receive_window, "way %u: %zu bytes of memory for a window of %u", way,
		              heap(&f), c.receive_window);
		ck_assert_uint_ge(heap(&f), c.receive_window);
		flood_end(&f);
	}
}
END_TEST

START_TEST(test_tsns_beyond_the_window_are_not_taken) {
	for (unsigned way = 0; way < 4; way++) {
		struct flood f;
		sluice_sctp_config c;
		sluice_sctp_config_init(&c);
		c.receive_window = WINDOW;
		flood_begin(&f, &c, way & 1);
		uint32_t count = 2 * WINDOW / 1000, first = f.tsn;
		for (uint32_t n = 0; n < count; n++) {
			if (way & 1)
				give_i_data(&f, 0, n, 0, B | E | (way & 2 ? U : 0), 1000);
			else
				give_data(&f, 0, (uint16_t)n, B | E | (way & 2 ? U : 0), 1000);
		}
		flush(&f);
		/* All that was promised, and the chunk that the edge stands in. */
		ck_assert_uint_eq(f.cum + 1 - first, WINDOW / 1000 + 1);
		ck_assert_uint_eq(f.last, 0);
		ck_assert_uint_eq(stats(&f).window_drops, count - (WINDOW / 1000 + 1));
		flood_end(&f);
	}
}
END_TEST

START_TEST(test_behind_a_hole_no_more_is_taken_than_lets_the_hole_be_filled) {
	struct flood f;
	sluice_sctp_config c;
	sluice_sctp_config_init(&c);
	c.receive_window = WINDOW;
	flood_begin(&f, &c, false);
	uint32_t first = f.tsn;
	f.tsn++;
	for (uint32_t n = 1; n < 60000; n++)
		give_data(&f, 0, (uint16_t)n, B | E, n < 1000 ? 1000 : 1);
	flush(&f);
	ck_assert_uint_gt(stats(&f).window_drops, 0);
	ck_assert_uint_eq(f.cum, first - 1);
	f.tsn = first;
	give_data(&f, 0, 0, B | E, 1000);
	flush(&f);
	ck_assert_uint_ge(f.cum, first + 1000);
	ck_assert_uint_le(heap(&f), 2 * WINDOW);
	flood_end(&f);
}
END_TEST

/* ---- what the window grows by ---- */

/* A round trip of 100 ms is known; then floods that the app gets nothing of. */
START_TEST(test_what_the_app_does_not_read_never_makes_the_window_grow) {
	for (unsigned way = 0; way < 4; way++) {
		struct pair_config c;
		pair_config_init(&c);
		c.no_record = true;
		c.a.no_interleaving = way == 3;
		c.ab.delay = c.ba.delay = 50 * SLUICE_MS;
		c.a.high_water = 64u << 20;
		struct pair p;
		pair_start(&p, &c);
		pair_send(&p, p.a, 0, 200000);
		pair_deliver(&p, 10 * SLUICE_S);
		uint32_t before = sctp_host_stats(p.b).local_window;
		p.b->keep = true;
		for (unsigned n = 0; n < 400; n++)
			pair_send_as(&p, p.a, (sluice_send_info){.stream = (uint16_t)(n % 9), .unordered = way == 2},
			             way ? 100000 : 1000);
		sim_run(&p.sim, p.sim.now + 30 * SLUICE_S);
		p.b->keep = false;
		ck_assert_uint_le(sctp_host_stats(p.b).held, 2 * before);
		sctp_host_release_all(p.b);
		ck_assert_uint_le(sctp_host_stats(p.b).local_window, before);
		ck_assert_uint_ge(sctp_host_stats(p.b).local_window, before - 9 * 100000);
		pair_deliver(&p, 60 * SLUICE_S);
		pair_free(&p);
	}
}
END_TEST

/* ---- honest peers ---- */

START_TEST(test_small_messages_to_a_slow_reader_all_arrive) {
	static const size_t sizes[] = {1, 5, 20, 100, 250};
	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		for (unsigned lossy = 0; lossy < 2; lossy++) {
			struct pair_config c;
			pair_config_init(&c);
			c.seed = i;
			c.no_record = true;
			c.b.receive_window = 32768;
			c.b.max_message_size = 16384;
			c.a.no_interleaving = i % 2;
			c.ab.loss = c.ba.loss = lossy ? 0.05 : 0;
			c.a.high_water = 4u << 20;
			struct pair p;
			pair_start(&p, &c);
			p.b->keep = true;
			for (unsigned n = 0; n < 2000; n++)
				pair_send(&p, p.a, (uint16_t)(n % 3), sizes[i]);
			pair_send(&p, p.a, 4, 16384);
			for (unsigned n = 0; n < 100000 && !ledger_complete(&p.to_b); n++) {
				sim_run(&p.sim, p.sim.now + SLUICE_MS);
				ck_assert_uint_le(sctp_host_stats(p.b).held, 2 * 32768);
				if (p.b->kept_count)
					sctp_host_release_one(p.b);
			}
			ck_assert(ledger_complete(&p.to_b));
			/* Even of one byte each, when the window has memory for 200 of them: not one in each RTO. */
			ck_assert_uint_le(p.sim.now - p.started, 30 * SLUICE_S);
			p.b->keep = false;
			sctp_host_release_all(p.b);
			pair_shutdown(&p, p.a, 20 * SLUICE_S);
			pair_free(&p);
		}
	}
}
END_TEST

START_TEST(test_a_message_of_the_largest_size_fits_every_window_in_fragments_of_every_size) {
	static const uint32_t sizes[] = {4096, 5000, 16384, 65536, WINDOW};
	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		for (unsigned way = 0; way < 4; way++) {
			struct pair_config c;
			pair_config_init(&c);
			c.no_record = true;
			c.b.receive_window = sizes[i];
			c.b.max_message_size = sizes[i] / 5 * 4;
			c.a.mtu = way & 1 ? 296 : 1188;
			c.a.no_interleaving = way & 2;
			c.a.high_water = 8u << 20;
			c.ab.loss = 0.01;
			struct pair p;
			pair_start(&p, &c);
			for (unsigned n = 0; n < 4; n++)
				pair_send(&p, p.a, (uint16_t)n, sizes[i] / 5 * 4);
			pair_deliver(&p, 120 * SLUICE_S);
			ck_assert_uint_eq(sctp_host_stats(p.b).held, 0);
			ck_assert_uint_ge(sctp_host_stats(p.b).local_window, sizes[i] / 2);
			pair_shutdown(&p, p.a, 5 * SLUICE_S);
			pair_free(&p);
		}
	}
}
END_TEST

START_TEST(test_messages_that_our_sender_mixes_never_fill_a_window) {
	static const size_t sizes[] = {270, 300, 600, 1200, 2048};
	for (uint64_t n = sim_first(0); n <= sim_last(79); n++) {
		struct pair_config c;
		pair_config_init(&c);
		c.seed = n;
		c.no_record = true;
		c.b.receive_window = 4096u << (n % 4);
		c.b.max_message_size = c.b.receive_window / 2;
		c.a.mtu = n % 2 ? 296 : 1188;
		c.a.high_water = 8u << 20;
		c.ab.loss = n % 3 ? 0.05 : 0;
		struct pair p;
		pair_start(&p, &c);
		for (uint16_t i = 0; i < 400; i++)
			pair_send_as(&p, p.a, (sluice_send_info){.stream = i, .unordered = i % 5 == 0}, sizes[(n + i / 200) % 5]);
		pair_deliver(&p, 600 * SLUICE_S);
		pair_shutdown(&p, p.a, 20 * SLUICE_S);
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_the_window_opens_by_a_packet_or_not_at_all) {
	struct pair_config c;
	pair_config_init(&c);
	c.b.receive_window = 32768;
	c.b.max_message_size = 16384;
	struct pair p;
	pair_start(&p, &c);
	p.b->keep = true;
	for (unsigned n = 0; n < 300; n++)
		pair_send(&p, p.a, 0, 500);
	for (unsigned n = 0; n < 20000 && !ledger_complete(&p.to_b); n++) {
		sim_run(&p.sim, p.sim.now + SLUICE_MS);
		if (n % 5 == 0 && p.b->kept_count)
			sctp_host_release_one(p.b);
	}
	ck_assert(ledger_complete(&p.to_b));
	/* The edge, in bytes, moves on by a packet at least. */
	uint64_t edge = 0;
	uint32_t first = 0;
	for (size_t i = 0; i < p.recorder.count; i++) {
		const struct recorded *r = &p.recorder.packets[i];
		struct wire_chunk ch;
		struct wire_sack sack;
		if (r->forward || !packet_chunk(r->bytes, r->len, WIRE_SACK, 0, &ch) || wire_sack_read(&ch, &sack))
			continue;
		first = first ? first : sack.cum_tsn;
		uint64_t now = (uint64_t)(sack.cum_tsn - first) * 500 + sack.a_rwnd;
		ck_assert(edge == 0 || now <= edge || now >= edge + 1188);
		edge = now > edge ? now : edge;
	}
	p.b->keep = false;
	sctp_host_release_all(p.b);
	pair_free(&p);
}
END_TEST

/* ---- when nothing can go on ---- */

/* 24 messages at once, a fragment of each in turn, more than the window holds. */
static void mix_too_many(struct flood *f) {
	sluice_sctp_config c;
	sluice_sctp_config_init(&c);
	flood_begin(f, &c, true);
	for (uint32_t fsn = 0; fsn < 199; fsn++)
		for (uint16_t stream = 0; stream < 24; stream++)
			give_i_data(f, stream, 0, fsn, fsn == 0 ? B : 0, 1000);
	flush(f);
	ck_assert_uint_le(f->most, WINDOW);
	ck_assert_uint_eq(f->last, 0);
	ck_assert(!f->ended);
}

START_TEST(test_a_window_full_of_unfinished_messages_ends_the_association_in_the_end) {
	struct flood f;
	mix_too_many(&f);
	uint32_t next = f.cum + 1;
	for (unsigned n = 0; n < 40 && !f.ended; n++) {
		ck_assert_uint_eq(sluice_sctp_state(f.s.sctp), SLUICE_SCTP_ESTABLISHED);
		f.s.now += SLUICE_S;
		f.tsn = next;
		for (unsigned k = 0; k < 3 && !f.ended; k++)
			give_i_data(&f, (uint16_t)((f.tsn - f.s.tsn) % 24), 0, (f.tsn - f.s.tsn) / 24, 0, 1000);
		flush(&f);
		ck_assert(n >= 24 || !f.ended); /* the flood itself took some seconds */
	}
	ck_assert(f.ended);
	const char *text;
	ck_assert_int_eq(sluice_sctp_error(f.s.sctp, &text), SLUICE_LIMIT);
	ck_assert_ptr_nonnull(strstr(text, "unfinished"));
	flood_end(&f);
}
END_TEST

START_TEST(test_a_peer_that_gives_some_of_them_up_goes_on) {
	struct flood f;
	mix_too_many(&f);
	f.s.now += 20 * SLUICE_S;
	uint8_t entries[12 * 8] = {0};
	for (uint8_t i = 0; i < 12; i++)
		entries[8 * i + 1] = i;
	wire_i_forward_write(&f.w, &(struct wire_forward){.cum_tsn = f.cum + 1, .count = 12, .streams = entries});
	flush(&f);
	ck_assert_uint_gt(f.last, WINDOW / 3);
	f.tsn = f.cum + 1;
	f.s.now += 20 * SLUICE_S;
	for (uint16_t stream = 12; stream < 24; stream++)
		give_i_data(&f, stream, 0, 198, E, 1000);
	flush(&f);
	ck_assert(!f.ended);
	flood_end(&f);
}
END_TEST

START_TEST(test_a_full_window_with_messages_for_the_app_waits_for_ever) {
	struct flood f;
	flood_begin(&f, NULL, true);
	for (uint32_t n = 0; n < 2500; n++)
		give_i_data(&f, 0, n, 0, B | E, 1000);
	flush(&f);
	uint32_t next = f.cum + 1;
	for (unsigned n = 0; n < 100; n++) {
		f.s.now += 10 * SLUICE_S;
		f.tsn = next;
		give_i_data(&f, 0, next - f.s.tsn, 0, B | E, 1000);
		flush(&f);
	}
	ck_assert(!f.ended);
	flood_end(&f);
}
END_TEST

SUITE("sctp held", test_unfinished_i_data_messages_never_take_more_than_twice_the_window,
      test_one_i_data_message_without_an_end_takes_no_more_either,
      test_unfinished_data_messages_never_take_more_than_twice_the_window,
      test_two_fragments_far_apart_do_not_make_more_ring_than_there_is_window,
      test_unread_messages_of_one_byte_take_four_times_the_window_at_most, test_tsns_beyond_the_window_are_not_taken,
      test_behind_a_hole_no_more_is_taken_than_lets_the_hole_be_filled,
      test_what_the_app_does_not_read_never_makes_the_window_grow, test_small_messages_to_a_slow_reader_all_arrive,
      test_a_message_of_the_largest_size_fits_every_window_in_fragments_of_every_size,
      test_messages_that_our_sender_mixes_never_fill_a_window, test_the_window_opens_by_a_packet_or_not_at_all,
      test_a_window_full_of_unfinished_messages_ends_the_association_in_the_end, test_a_peer_that_gives_some_of_them_up_goes_on,
      test_a_full_window_with_messages_for_the_app_waits_for_ever)
