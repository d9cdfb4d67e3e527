/* The receive window that grows: with what comes in a round trip, within its bounds, and never back. */
#include "sctp/rx/rwnd.h"
#include "suite.h"

#include "sim/assert.h"
#include "sim/packets.h"
#include "sim/pair.h"

#define INITIAL (UINT64_C(1) << 21)
#define MAX (UINT64_C(64) << 20)
#define RTT (100 * SLUICE_MS)

static sluice_env *env_with(uint64_t budget) {
	sluice_env_config c = {.window_budget = budget};
	sluice_env *env;
	ck_assert_int_eq(sluice_env_new(&c, &env), 0);
	return env;
}

/* In each of `count` round trips `bytes` bytes come, and the app reads `read` bytes. */
static uint64_t rounds(struct rwnd *r, unsigned count, uint64_t bytes, uint64_t read, uint64_t now) {
	for (unsigned i = 0; i < count; i++, now += RTT)
		for (unsigned part = 0; part < 10; part++)
			rwnd_received(r, bytes / 10, bytes / 10, read / 10, RTT, now + part * RTT / 10);
	return now;
}

START_TEST(test_it_grows_to_four_times_what_comes_in_a_round_trip) {
	sluice_env *env = env_with(0);
	struct rwnd r;
	rwnd_init(&r, env, INITIAL, MAX);
	uint64_t now = rounds(&r, 3, INITIAL, INITIAL, SLUICE_S);
	ck_assert_uint_ge(r.size, 4 * INITIAL * 9 / 10);
	ck_assert_uint_le(r.size, 4 * INITIAL * 11 / 10);
	uint64_t size = r.size;
	now = rounds(&r, 20, INITIAL / 100, INITIAL / 100, now);
	ck_assert_uint_eq(r.size, size);
	rounds(&r, 10, MAX, MAX, now);
	ck_assert_uint_eq(r.size, MAX);
	rwnd_reset(&r);
	sluice_env_free(env);
}
END_TEST

START_TEST(test_what_lies_unread_is_no_reason_to_grow) {
	sluice_env *env = env_with(0);
	struct rwnd r;
	rwnd_init(&r, env, INITIAL, MAX);
	uint64_t now = rounds(&r, 20, INITIAL / 8, 0, SLUICE_S);
	/* Nor is it when all of it is read at last. */
	rounds(&r, 3, INITIAL / 8, 10 * INITIAL, now);
	ck_assert_uint_eq(r.size, INITIAL);
	rwnd_reset(&r);
	sluice_env_free(env);
}
END_TEST

START_TEST(test_without_a_round_trip_it_does_not_grow) {
	sluice_env *env = env_with(0);
	struct rwnd r;
	rwnd_init(&r, env, INITIAL, MAX);
	for (unsigned i = 0; i < 100; i++)
		ck_assert(!rwnd_received(&r, INITIAL, INITIAL, INITIAL, 0, SLUICE_S + i * SLUICE_MS));
	ck_assert_uint_eq(r.size, INITIAL);
	rwnd_reset(&r);
	sluice_env_free(env);
}
END_TEST

START_TEST(test_all_of_an_environment_promise_no_more_than_its_budget) {
	sluice_env *env = env_with(10 << 20);
	struct rwnd r[3];
	for (unsigned i = 0; i < 3; i++) {
		rwnd_init(&r[i], env, INITIAL, MAX);
		rounds(&r[i], 5, 4 << 20, 4 << 20, SLUICE_S);
	}
	uint64_t promised = r[0].size + r[1].size + r[2].size - 3 * INITIAL;
	ck_assert_uint_eq(promised, 10 << 20);
	ck_assert_uint_eq(env->window_lent, promised);
	/* What one gives back another may have. */
	rwnd_reset(&r[0]);
	rounds(&r[2], 5, 4 << 20, 4 << 20, SLUICE_S);
	ck_assert_uint_gt(r[2].size, INITIAL);
	rwnd_reset(&r[1]);
	rwnd_reset(&r[2]);
	ck_assert_uint_eq(env->window_lent, 0);
	sluice_env_free(env);
}
END_TEST

START_TEST(test_bulk_has_all_of_the_window_and_small_messages_what_their_memory_leaves) {
	sluice_env *env = env_with(0);
	struct rwnd r;
	rwnd_init(&r, env, INITIAL, INITIAL);
	ck_assert_uint_eq(rwnd_free(&r, 0, 0, 0), INITIAL);
	ck_assert_uint_eq(rwnd_free(&r, 1000, 208000, 208000), INITIAL - 1000); /* some small messages are no reason to shut it */
	for (unsigned i = 0; i < 10000; i++)
		rwnd_received(&r, 1156, 1360, 1156, 0, SLUICE_S);
	for (uint64_t n = 0; n < INITIAL / 1156; n++)
		ck_assert_uint_eq(rwnd_free(&r, n * 1156, n * 1360, n * 1360), INITIAL - n * 1156);
	ck_assert_uint_eq(rwnd_free(&r, INITIAL, INITIAL * 5 / 4, INITIAL), 0);
	for (unsigned i = 0; i < 100000; i++)
		rwnd_received(&r, 1, 208, 1, 0, SLUICE_S);
	ck_assert_uint_le(rwnd_free(&r, 0, 0, 0), INITIAL * 3 / 2 / 200);
	ck_assert_uint_ge(rwnd_free(&r, 0, 0, 0), INITIAL * 3 / 2 / 220);
	ck_assert_uint_le(rwnd_free(&r, 3000, INITIAL / 4 + 208, INITIAL / 4 + 208), INITIAL / 200);
	ck_assert_uint_ge(rwnd_free(&r, 3000, INITIAL / 4 + 208, INITIAL / 4 + 208), INITIAL / 220);
	ck_assert_uint_eq(rwnd_free(&r, 15000, INITIAL * 5 / 4, INITIAL), 0);
	rwnd_reset(&r);
	sluice_env_free(env);
}
END_TEST

START_TEST(test_no_more_is_promised_than_the_socket_holds_and_the_path_carries) {
	sluice_env *env = env_with(0);
	struct rwnd r;
	rwnd_init(&r, env, INITIAL, MAX);
	rwnd_set_room(&r, 200000, 0);
	ck_assert_uint_eq(rwnd_free(&r, 0, 0, 0), 200000);
	ck_assert_uint_eq(rwnd_free(&r, INITIAL - 1000, INITIAL, 0), 1000);
	/* 100,000 bytes in a round trip. */
	uint64_t now = rounds(&r, 3, 100000, 100000, SLUICE_S);
	ck_assert_uint_ge(rwnd_free(&r, 0, 0, 0), 200000 + 2 * 95000);
	ck_assert_uint_le(rwnd_free(&r, 0, 0, 0), 200000 + 2 * 100000);
	/* What waited in the socket was not under way. */
	for (unsigned i = 0; i < 40; i++) {
		rwnd_set_room(&r, 200000, 60000);
		now = rounds(&r, 1, 100000, 100000, now);
	}
	ck_assert_uint_le(rwnd_free(&r, 0, 0, 0), 202000);
	rwnd_set_room(&r, 200000, 40000);
	/* A sender who takes all that he is offered gets to the whole window in a few round trips. */
	for (unsigned i = 0; i < 10; i++) {
		uint64_t offered = rwnd_free(&r, 0, 0, 0);
		now = rounds(&r, 1, offered, offered, now);
	}
	ck_assert_uint_ge(rwnd_free(&r, 0, 0, 0), 4 * INITIAL);
	/* What the path carried once is forgotten, and the socket stays. */
	rounds(&r, 100, 1000, 1000, now);
	ck_assert_uint_le(rwnd_free(&r, 0, 0, 0), 203000);
	rwnd_reset(&r);
	ck_assert_uint_eq(rwnd_free(&r, 0, 0, 0), 200000);
	sluice_env_free(env);
}
END_TEST

/* ---- in the simulator ---- */

/* What a SACK promised counts from its cumulative TSN on, which with chunks of one size is bytes. The edge moves back by nothing:
 * what bulk costs beside its payload has room of its own. */
struct edge {
	uint64_t highest;
	uint32_t largest, first_cum;
	bool any;
	unsigned sacks;
};

static enum link_verdict watch(void *user, struct sim_link *link, uint8_t *data, size_t *len, uint64_t now) {
	(void)link, (void)now;
	struct edge *e = user;
	struct reader r = reader_of(data, *len);
	struct wire_header h;
	struct wire_chunk c;
	struct wire_sack s;
	if (wire_packet_read(&r, &h))
		return LINK_PASS;
	while (wire_chunk_next(&r, &c) == 1) {
		if (c.type != WIRE_SACK || wire_sack_read(&c, &s))
			continue;
		if (!e->any)
			e->first_cum = s.cum_tsn;
		e->any = true;
		uint64_t edge = (uint64_t)(s.cum_tsn - e->first_cum) * 1156 + s.a_rwnd;
		if (s.gap_count == 0) {
			ck_assert_uint_ge(edge, e->highest);
			e->highest = edge > e->highest ? edge : e->highest;
		}
		if (s.a_rwnd > e->largest)
			e->largest = s.a_rwnd;
		e->sacks++;
	}
	return LINK_PASS;
}

static uint32_t largest_promise(uint64_t delay, uint64_t rate, double loss, const sluice_sctp_config *config) {
	struct pair_config c;
	pair_config_init(&c);
	c.no_record = true;
	c.ab.delay = c.ba.delay = delay;
	c.ab.rate = rate;
	c.ab.loss = loss;
	if (config)
		c.b = *config;
	struct pair p;
	struct edge e = {0};
	pair_init(&p, &c);
	link_filter(p.ba, watch, &e);
	pair_connect(&p, 60 * SLUICE_S);
	for (unsigned i = 0; i < 3000; i++) {
		while (sctp_host_stats(p.a).buffered > 24 << 20)
			sim_run(&p.sim, p.sim.now + SLUICE_MS);
		sluice_send_info info = {.stream = (uint16_t)(1 + i % 32)};
		int rc = sctp_host_send(p.a, &info, 10 * 1156);
		if (rc == SLUICE_WOULD_BLOCK)
			sim_run(&p.sim, p.sim.now + SLUICE_MS);
		else
			ck_assert_int_eq(rc, 0);
	}
	pair_deliver(&p, 600 * SLUICE_S);
	ck_assert_uint_gt(e.sacks, 20);
	pair_free(&p);
	return e.largest;
}

START_TEST(test_a_long_fast_line_gets_its_window_and_the_edge_never_moves_back) {
	ck_assert_uint_gt(largest_promise(50 * SLUICE_MS, 1000000000, 0, NULL), 8 << 20);
}
END_TEST

START_TEST(test_the_edge_does_not_move_back_under_loss_either) {
	ck_assert_uint_ge(largest_promise(50 * SLUICE_MS, 1000000000, 0.001, NULL), INITIAL);
}
END_TEST

START_TEST(test_a_short_line_keeps_the_window_it_has) {
	ck_assert_uint_le(largest_promise(20 * SLUICE_US, 10000000000, 0, NULL), INITIAL);
}
END_TEST

START_TEST(test_a_window_that_the_app_named_stays) {
	sluice_sctp_config config;
	sluice_sctp_config_init(&config);
	config.receive_window = INITIAL;
	ck_assert_uint_le(largest_promise(50 * SLUICE_MS, 1000000000, 0, &config), INITIAL);
}
END_TEST

SUITE("rwnd", test_it_grows_to_four_times_what_comes_in_a_round_trip, test_what_lies_unread_is_no_reason_to_grow,
      test_without_a_round_trip_it_does_not_grow, test_bulk_has_all_of_the_window_and_small_messages_what_their_memory_leaves,
      test_all_of_an_environment_promise_no_more_than_its_budget,
      test_no_more_is_promised_than_the_socket_holds_and_the_path_carries,
      test_a_long_fast_line_gets_its_window_and_the_edge_never_moves_back, test_the_edge_does_not_move_back_under_loss_either,
      test_a_short_line_keeps_the_window_it_has, test_a_window_that_the_app_named_stays)
