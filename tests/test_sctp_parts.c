/* Messages that are delivered in parts: sluice_sctp_set_partial_delivery(). */
#include "suite.h"

#include "sim/assert.h"
#include "sim/direct.h"
#include "sim/pair.h"
#include "sim/script.h"

enum { B = WIRE_DATA_B, E = WIRE_DATA_E, U = WIRE_DATA_U };

static void open_script(struct script *s, uint32_t partial, bool interleaving) {
	sluice_sctp_config c;
	sluice_sctp_config_init(&c);
	c.partial_delivery = partial;
	script_init(s, &c);
	s->i_data = s->i_forward_tsn = interleaving;
	ck_assert(script_open_passive(s));
}

/* Fragment n of message 0 of the stream, either kind. */
static void give(struct script *s, bool interleaving, uint32_t tsn, uint16_t stream, uint32_t n, uint8_t flags, size_t len) {
	if (interleaving)
		script_give_i_data(s, s->tsn + tsn, stream, 0, n, flags, len);
	else
		script_give_data(s, s->tsn + tsn, stream, 0, flags, len);
}

static bool part(const struct script *s, size_t i, uint16_t stream, size_t len, uint64_t offset, bool first, bool last) {
	return i < s->message_count && s->messages[i].stream == stream && s->messages[i].len == len &&
	       s->messages[i].offset == offset && s->messages[i].first == first && s->messages[i].last == last &&
	       s->messages[i].error == 0;
}

/* The message's end is a word that there will be none, after `offset` bytes. */
static bool cut_off(const struct script *s, size_t i, uint64_t offset, int error) {
	return i < s->message_count && s->messages[i].len == 0 && s->messages[i].offset == offset && !s->messages[i].first &&
	       s->messages[i].last && s->messages[i].error == error;
}

static uint64_t held(const struct script *s) {
	sluice_sctp_stats st;
	sluice_sctp_stats_get(s->sctp, &st);
	return st.held;
}

START_TEST(test_a_message_comes_in_parts_of_the_size_that_was_asked_for) {
	for (int i = 0; i < 2; i++) {
		struct script s;
		open_script(&s, 2000, i);
		give(&s, i, 0, 1, 0, B, 1000);
		ck_assert_uint_eq(s.message_count, 0);
		give(&s, i, 1, 1, 1, 0, 1000);
		ck_assert(part(&s, 0, 1, 2000, 0, true, false));
		give(&s, i, 2, 1, 2, 0, 600);
		give(&s, i, 4, 1, 4, 0, 600);
		ck_assert_uint_eq(s.message_count, 1);
		give(&s, i, 3, 1, 3, 0, 800);
		ck_assert(part(&s, 1, 1, 2000, 2000, false, false));
		give(&s, i, 5, 1, 5, E, 3);
		ck_assert(part(&s, 2, 1, 3, 4000, false, true));
		ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_MESSAGE_PART), 3);
		ck_assert_uint_eq(s.messages[2].ppid, s.messages[0].ppid);
		ck_assert_uint_eq(held(&s), 0);
		sluice_sctp_stats st;
		sluice_sctp_stats_get(s.sctp, &st);
		ck_assert(st.messages_received == 1 && st.payload_received == 4003);
		script_free(&s);
	}
}
END_TEST

START_TEST(test_a_message_that_is_whole_before_is_a_message) {
	for (int i = 0; i < 2; i++) {
		struct script s;
		open_script(&s, 2000, i);
		give(&s, i, 0, 1, 0, B, 900);
		give(&s, i, 1, 1, 1, E, 900);
		ck_assert(part(&s, 0, 1, 1800, 0, true, true));
		ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_MESSAGE), 1);
		script_free(&s);
	}
}
END_TEST

START_TEST(test_parts_of_an_ordered_message_wait_for_the_messages_before_it) {
	for (int i = 0; i < 2; i++) {
		struct script s;
		open_script(&s, 500, i);
		for (uint32_t n = 0; n < 3; n++) {
			uint8_t flags = n == 0 ? B : 0;
			if (i)
				script_give_i_data(&s, s.tsn + 1 + n, 1, 1, n, flags, 600);
			else
				script_give_data(&s, s.tsn + 1 + n, 1, 1, flags, 600);
		}
		ck_assert_uint_eq(s.message_count, 0);
		give(&s, i, 0, 1, 0, B | E, 10);
		ck_assert(part(&s, 0, 1, 10, 0, true, true));
		if (i) /* DATA: with the next fragment */
			ck_assert(part(&s, 1, 1, 1800, 0, true, false));
		if (i)
			script_give_i_data(&s, s.tsn + 4, 1, 1, 3, E, 600);
		else
			script_give_data(&s, s.tsn + 4, 1, 1, E, 600);
		ck_assert(part(&s, i ? 2 : 1, 1, i ? 600 : 2400, i ? 1800 : 0, !i, true));
		/* And the stream goes on. */
		if (i)
			script_give_i_data(&s, s.tsn + 5, 1, 2, 0, B | E, 20);
		else
			script_give_data(&s, s.tsn + 5, 1, 2, B | E, 20);
		ck_assert_uint_eq(s.messages[s.message_count - 1].len, 20);
		script_free(&s);
	}
}
END_TEST

START_TEST(test_messages_behind_one_that_comes_in_parts_wait_for_its_end) {
	for (int i = 0; i < 2; i++) {
		struct script s;
		open_script(&s, 500, i);
		give(&s, i, 0, 1, 0, B, 600);
		if (i)
			script_give_i_data(&s, s.tsn + 2, 1, 1, 0, B | E, 20);
		else
			script_give_data(&s, s.tsn + 2, 1, 1, B | E, 20);
		ck_assert_uint_eq(s.message_count, 1);
		give(&s, i, 1, 1, 1, E, 100);
		ck_assert_uint_eq(s.message_count, 3);
		ck_assert(part(&s, 1, 1, 100, 600, false, true) && part(&s, 2, 1, 20, 0, true, true));
		script_free(&s);
	}
}
END_TEST

START_TEST(test_with_i_data_many_messages_come_in_parts_at_once) {
	struct script s;
	open_script(&s, 1000, true);
	uint32_t tsn = s.tsn;
	for (uint32_t n = 0; n < 5; n++)
		for (uint16_t stream = 0; stream < 10; stream++)
			for (int unordered = 0; unordered < 2; unordered++)
				script_give_i_data(&s, tsn++, stream, 0, n,
				                   (uint8_t)((n == 0 ? B : 0) | (n == 4 ? E : 0) | (unordered ? U : 0)), 1000);
	ck_assert_uint_eq(s.message_count, 100);
	ck_assert_uint_eq(held(&s), 0);
	script_free(&s);
}
END_TEST

START_TEST(test_only_the_streams_that_were_asked_for_deliver_parts) {
	for (int i = 0; i < 2; i++) {
		struct script s;
		open_script(&s, 0, i);
		ck_assert_int_eq(sluice_sctp_set_partial_delivery(s.sctp, 2, 100), 0);
		give(&s, i, 0, 1, 0, B, 1000);
		give(&s, i, 1, 1, 1, E, 1000);
		give(&s, i, 2, 2, 0, B, 1000);
		give(&s, i, 3, 2, 1, E, 1000);
		ck_assert_uint_eq(s.message_count, 3);
		ck_assert(part(&s, 0, 1, 2000, 0, true, true));
		ck_assert(part(&s, 1, 2, 1000, 0, true, false) && part(&s, 2, 2, 1000, 1000, false, true));
		script_free(&s);
	}
}
END_TEST

START_TEST(test_a_message_that_is_given_up_ends_with_an_error) {
	for (int i = 0; i < 4; i++) {
		bool interleaving = i & 1, unordered = i & 2;
		struct script s;
		open_script(&s, 1000, interleaving);
		give(&s, interleaving, 0, 5, 0, (uint8_t)(B | (unordered ? U : 0)), 1000);
		ck_assert_uint_eq(s.message_count, 1);
		uint8_t space[100], entry[8] = {0, 5, 0, unordered && interleaving};
		struct writer w = script_begin(&s, space, sizeof space);
		struct wire_forward f = {.cum_tsn = s.tsn + 1, .count = interleaving || !unordered, .streams = entry};
		if (interleaving)
			wire_i_forward_write(&w, &f);
		else
			wire_forward_write(&w, &f);
		script_give(&s, &w);
		ck_assert(cut_off(&s, 1, 1000, SLUICE_ABANDONED));
		/* The next one is whole again. */
		if (interleaving)
			script_give_i_data(&s, s.tsn + 2, 5, 1, 0, (uint8_t)(B | E | (unordered ? U : 0)), 20);
		else
			script_give_data(&s, s.tsn + 2, 5, 1, (uint8_t)(B | E | (unordered ? U : 0)), 20);
		ck_assert(part(&s, 2, 5, 20, 0, true, true));
		ck_assert_uint_eq(held(&s), 0);
		script_free(&s);
	}
}
END_TEST

START_TEST(test_the_end_of_the_association_ends_what_came_in_part_first) {
	for (int i = 0; i < 2; i++) {
		struct script s;
		open_script(&s, 1000, i);
		give(&s, i, 0, 5, 0, B, 1000);
		sluice_sctp_abort(s.sctp, "enough");
		script_collect(&s);
		ck_assert(cut_off(&s, 1, 1000, SLUICE_CLOSED));
		ck_assert_int_eq(s.events[s.event_count - 2].type, SLUICE_SCTP_MESSAGE_PART);
		ck_assert_int_eq(s.events[s.event_count - 1].type, SLUICE_SCTP_ENDED);
		script_free(&s);
	}
}
END_TEST

START_TEST(test_an_association_that_is_freed_in_the_middle_tells_nobody) {
	for (int i = 0; i < 2; i++) {
		struct script s;
		open_script(&s, 1000, i);
		give(&s, i, 0, 5, 0, B, 1000);
		give(&s, i, 1, 5, 1, 0, 900);
		give(&s, i, 3, 5, 3, 0, 900);
		script_free(&s); /* which looks for leaks */
	}
}
END_TEST

START_TEST(test_a_restart_ends_what_came_in_part) {
	for (int i = 0; i < 2; i++) {
		struct pair_config c;
		pair_config_init(&c);
		c.b.partial_delivery = 10000;
		c.a.no_interleaving = i == 0;
		c.ab.rate = 8000000;
		struct pair p;
		pair_start(&p, &c);
		pair_send(&p, p.a, 1, 200000);
		ck_assert(SIM_UNTIL(&p.sim, p.sim.now + SLUICE_S, p.to_b.entries[0].got > 50000));
		ledger_forgive(&p.to_b);
		ledger_forgive(&p.to_a);
		sctp_host_reboot(p.a);
		ck_assert_int_eq(sluice_sctp_connect(p.a->sctp), 0);
		ck_assert(SIM_UNTIL(&p.sim, p.sim.now + 10 * SLUICE_S, p.b->restarted));
		ck_assert(p.to_b.entries[0].cut_off);
		ck_assert(SIM_UNTIL(&p.sim, p.sim.now + SLUICE_S, sctp_host_state(p.a) == SLUICE_SCTP_ESTABLISHED));
		pair_send(&p, p.a, 1, 20000);
		pair_deliver(&p, 5 * SLUICE_S);
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_a_data_message_that_does_not_go_on_ends_the_association) {
	/* RFC 9260, 6.9: the fragments of a message have consecutive TSNs. */
	struct script s;
	open_script(&s, 1000, false);
	give(&s, false, 0, 1, 0, B, 1000);
	give(&s, false, 1, 1, 0, B, 1000);
	ck_assert_int_eq(sluice_sctp_error(s.sctp, NULL), SLUICE_PROTOCOL);
	script_free(&s);
}
END_TEST

START_TEST(test_parts_that_nobody_releases_shut_the_window) {
	for (int i = 0; i < 2; i++) {
		struct pair_config c;
		pair_config_init(&c);
		c.b.partial_delivery = 1000;
		c.b.receive_window = c.b.max_message_size = 65536;
		c.a.no_interleaving = i == 0;
		c.a.high_water = 4 << 20;
		struct pair p;
		pair_start(&p, &c);
		p.b->keep = true;
		pair_send(&p, p.a, 1, 1000000);
		sim_run(&p.sim, p.sim.now + 5 * SLUICE_S);
		ck_assert_uint_le(sctp_host_stats(p.b).held, 2 * 82000);
		ck_assert_uint_lt(p.to_b.bytes_arrived, 164000);
		ck_assert_uint_gt(p.to_b.bytes_arrived, 50000);
		p.b->keep = false;
		sctp_host_release_all(p.b);
		pair_deliver(&p, 60 * SLUICE_S);
		pair_shutdown(&p, p.a, 5 * SLUICE_S);
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_more_messages_than_the_window_holds_parts_of_still_get_through) {
	/* Every one of them has less than a part's size in the window when it is full. */
	struct pair_config c;
	pair_config_init(&c);
	c.b.partial_delivery = 60000;
	c.b.receive_window = c.b.max_message_size = 65536;
	struct pair p;
	pair_start(&p, &c);
	for (uint16_t stream = 0; stream < 20; stream++)
		pair_send(&p, p.a, stream, 100000);
	pair_deliver(&p, 60 * SLUICE_S);
	pair_shutdown(&p, p.a, 5 * SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_parts_cross_bad_networks) {
	for (uint64_t n = sim_first(0); n <= sim_last(59); n++) {
		struct pair_config c;
		pair_config_init(&c);
		c.seed = n;
		c.a.no_interleaving = n % 3 == 0;
		c.b.partial_delivery = 1 + 500 * (uint32_t)(n % 20);
		c.b.receive_window = c.b.max_message_size = 100000;
		c.ab.loss = 0.002 * (double)(n % 30);
		c.ba.loss = 0.03;
		c.ab.rate = 20000000;
		c.ab.reorder = 0.1;
		c.ab.reorder_delay = 20 * SLUICE_MS;
		c.ab.duplicate = 0.02;
		struct pair p;
		pair_start(&p, &c);
		struct rng r = rng_of(n, 79);
		for (unsigned i = 0; i < 60; i++) {
			sluice_send_info info = {.stream = (uint16_t)rng_below(&r, 5), .unordered = rng_chance(&r, 0.4)};
			info.reliability = (enum sluice_reliability)rng_below(&r, 3);
			info.value = (uint32_t)(info.reliability == SLUICE_LIFETIME ? 1 + rng_below(&r, 500) : rng_below(&r, 3));
			pair_send_as(&p, p.a, info, 1 + rng_below(&r, rng_chance(&r, 0.3) ? 150000 : 3000));
			if (rng_chance(&r, 0.1))
				sim_run(&p.sim, p.sim.now + rng_below(&r, 100 * SLUICE_MS));
		}
		pair_deliver(&p, 300 * SLUICE_S);
		sim_run(&p.sim, p.sim.now + 10 * SLUICE_S);
		ck_assert_uint_eq(sctp_host_stats(p.b).held, 0);
		pair_shutdown(&p, p.a, 60 * SLUICE_S);
		pair_free(&p);
	}
}
END_TEST

/* ---- a message larger than memory ---- */

#define BLOCK ((size_t)1 << 20)

struct flood {
	uint64_t got, parts;
	bool over, wrong;
	uint64_t most_held;
};

static void on_flood(struct direct *d, sluice_sctp *at, const sluice_sctp_event *e) {
	struct flood *f = d->user;
	if (!e->message || at != d->b)
		return;
	const sluice_message *m = e->message;
	f->wrong |= m->offset != f->got || m->first != (f->got == 0) || m->error;
	uint64_t offset = m->offset;
	for (size_t i = 0; i < m->count; offset += m->iov[i++].iov_len) /* the block holds its offset every eight bytes */
		f->wrong |= ((const uint8_t *)m->iov[i].iov_base)[0] != (uint8_t)((offset % BLOCK / 8) >> (8 * (offset % 8)));
	f->got += m->len;
	f->parts++;
	f->over = m->last;
	sluice_sctp_stats st;
	sluice_sctp_stats_get(at, &st);
	if (st.held > f->most_held)
		f->most_held = st.held;
	sluice_message_release(e->message);
}

START_TEST(test_a_message_of_a_gigabyte_passes_through_two_megabytes) {
	struct memory memory = {0};
	sluice_env_config ec = {.allocator = memory_allocator(&memory)};
	sluice_env *env;
	ck_assert_int_eq(sluice_env_new(&ec, &env), 0);
	sluice_sctp_config c;
	sluice_sctp_config_init(&c);
	c.partial_delivery = 65536;
	struct direct d;
	struct flood f = {0};
	ck_assert_int_eq(direct_open(&d, env, &c), 0);
	d.on_event = on_flood;
	d.user = &f;
	uint64_t *block = malloc(BLOCK);
	for (size_t i = 0; i < BLOCK / 8; i++)
		block[i] = i;
	/* The same bytes a thousand times: lent, so that the sender needs no memory for them either. */
	const size_t blocks = sim_seeds(8) < 8 ? 64 : 1024;
	struct iovec *iov = malloc(blocks * sizeof *iov);
	for (size_t i = 0; i < blocks; i++)
		iov[i] = (struct iovec){block, BLOCK};
	ck_assert_int_eq(sluice_sctp_sendv(d.a, &(sluice_send_info){.stream = 1}, iov, blocks, NULL, NULL), 0);
	while (!f.over && !f.wrong) {
		d.now += 10 * SLUICE_US;
		ck_assert(direct_run(&d, SLUICE_S));
	}
	ck_assert(!f.wrong);
	ck_assert_uint_eq(f.got, blocks * BLOCK);
	ck_assert_uint_gt(f.parts, blocks * BLOCK / 200000);
	ck_assert_uint_lt(f.most_held, 2u << 20);
	ck_assert_uint_lt(memory.peak, 8u << 20); /* both ends, their pools and slabs included */
	direct_close(&d);
	sluice_env_free(env);
	ck_assert_uint_eq(memory.live, 0);
	free(iov);
	free(block);
}
END_TEST

SUITE("sctp partial delivery", test_a_message_comes_in_parts_of_the_size_that_was_asked_for,
      test_a_message_that_is_whole_before_is_a_message, test_parts_of_an_ordered_message_wait_for_the_messages_before_it,
      test_messages_behind_one_that_comes_in_parts_wait_for_its_end, test_with_i_data_many_messages_come_in_parts_at_once,
      test_only_the_streams_that_were_asked_for_deliver_parts, test_a_message_that_is_given_up_ends_with_an_error,
      test_the_end_of_the_association_ends_what_came_in_part_first, test_an_association_that_is_freed_in_the_middle_tells_nobody,
      test_a_restart_ends_what_came_in_part, test_a_data_message_that_does_not_go_on_ends_the_association,
      test_parts_that_nobody_releases_shut_the_window, test_more_messages_than_the_window_holds_parts_of_still_get_through,
      test_parts_cross_bad_networks, test_a_message_of_a_gigabyte_passes_through_two_megabytes)
