/* How much do associations hold that was given to them for sending, and how much memory do both ends of a transfer take? */
#include "pool/env.h"
#include "sctp/association.h"
#include "sim/caller.h"
#include "sim/pair.h"
#include "suite.h"

#define MESSAGE 16384
#define LEAST (UINT64_C(1) << 20)

/* Gives all that is taken, for so long. Returns the most that was buffered. */
static uint64_t fill(struct pair *p, uint64_t duration) {
	uint64_t most = 0;
	sluice_send_info info = {.stream = 1};
	for (uint64_t until = p->sim.now + duration; p->sim.now < until; sim_run(&p->sim, p->sim.now + SLUICE_MS)) {
		while (sctp_host_send(p->a, &info, MESSAGE) == 0)
			;
		uint64_t held = sctp_host_stats(p->a).buffered;
		most = held > most ? held : most;
		ck_assert_uint_eq(p->a->env->send_held, held);
	}
	return most;
}

static uint64_t most_buffered(uint64_t delay, uint64_t rate, enum sluice_cc control, uint64_t budget) {
	struct pair_config c;
	struct pair p;
	pair_config_init(&c);
	c.no_record = true;
	c.ab.delay = c.ba.delay = delay;
	c.ab.rate = rate;
	c.a.congestion_control = control;
	pair_init(&p, &c);
	if (budget)
		p.a->env->send_budget = budget;
	pair_connect(&p, 60 * SLUICE_S);
	uint64_t most = fill(&p, 4 * SLUICE_S);
	pair_deliver(&p, 600 * SLUICE_S);
	ck_assert_uint_eq(p.a->env->send_held, 0);
	pair_free(&p);
	return most;
}

START_TEST(test_the_buffer_grows_with_what_a_long_path_carries) {
	ck_assert_uint_gt(most_buffered(50 * SLUICE_MS, 200000000, SLUICE_CC_CUBIC, 0), 3 * LEAST);
}
END_TEST

START_TEST(test_all_of_an_environment_grow_within_its_budget) {
	ck_assert_uint_le(most_buffered(50 * SLUICE_MS, 200000000, SLUICE_CC_CUBIC, 5 << 20), (5 << 20) + MESSAGE);
	/* The least is everybody's. */
	ck_assert_uint_le(most_buffered(50 * SLUICE_MS, 200000000, SLUICE_CC_CUBIC, 1), LEAST + MESSAGE);
	ck_assert_uint_ge(most_buffered(50 * SLUICE_MS, 200000000, SLUICE_CC_CUBIC, 1), LEAST - MESSAGE);
}
END_TEST

/* 10 Mbit/s and 10 ms are 12 KB. The queue before that line takes all that the peer's window allows, and NewReno fills it. */
START_TEST(test_a_queue_on_the_way_is_no_reason_to_grow) {
	ck_assert_uint_le(most_buffered(5 * SLUICE_MS, 10000000, SLUICE_CC_NEWRENO, 0), LEAST + MESSAGE);
}
END_TEST

/* Fills a buffer of 8 MiB, is refused a message of `refused` bytes, and returns how much is buffered when the app is called for
 * more. */
static uint64_t buffered_when_called(uint32_t refused) {
	struct pair_config c;
	struct pair p;
	pair_config_init(&c);
	c.no_record = true;
	c.ab.delay = c.ba.delay = SLUICE_MS;
	c.ab.rate = 100000000;
	c.a.high_water = UINT64_C(8) << 20;
	pair_start(&p, &c);
	sluice_send_info info = {.stream = 1};
	while (sctp_host_send(p.a, &info, MESSAGE) == 0)
		;
	ck_assert_int_eq(sctp_host_send(p.a, &info, refused), SLUICE_WOULD_BLOCK);
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + 10 * SLUICE_S, p.a->writable > 0));
	uint64_t buffered = sctp_host_stats(p.a).buffered;
	pair_free(&p);
	return buffered;
}

/* An acknowledgement on this path makes room for some ten packets at most. A length that was refused counts in 64 KiB. */
#define ABOUT (128u << 10)

/* To fill half of a long path's buffer takes longer than the path waits for. */
START_TEST(test_an_app_is_called_for_more_before_much_is_missing) {
	uint64_t buffered = buffered_when_called(MESSAGE);
	ck_assert_uint_le(buffered, 7 << 20);
	ck_assert_uint_gt(buffered, (7 << 20) - ABOUT);
}
END_TEST

START_TEST(test_an_app_is_called_when_what_was_refused_fits) {
	uint64_t buffered = buffered_when_called(3 << 20);
	ck_assert_uint_le(buffered, 5 << 20);
	ck_assert_uint_gt(buffered, (5 << 20) - ABOUT);
	/* Half of the mark is enough for any. */
	buffered = buffered_when_called(6 << 20);
	ck_assert_uint_le(buffered, 4 << 20);
	ck_assert_uint_gt(buffered, (4 << 20) - ABOUT);
}
END_TEST

/* ---- both ends of a transfer by offer and answer, with default settings --------------------------------------------------- */

/* On a LAN, as fast as it goes. The sender holds its 1 MiB and what blocks take beside them. The receiver may hold messages in 64
 * slabs of 64 KiB; the network of this test fills one with each arrival. */
START_TEST(test_the_memory_of_both_ends_of_a_transfer_is_bounded) {
	static struct sim sim;
	static uint8_t bytes[MESSAGE];
	struct link_config lan = {.delay = 100 * SLUICE_US, .rate = 1000000000, .queue = 1 << 20};
	sim_init(&sim, 1);
	struct caller *a = caller_new(&sim, "a", NULL), *b = caller_new(&sim, "b", NULL);
	for (struct caller *c = a; c; c = c == a ? b : NULL) {
		sluice_peer_discover_mtu(c->peer);
		sluice_peer_set_local_address_mtu(c->peer, 0, 1500);
	}
	caller_join(a, b, &lan, SLUICE_MS);
	caller_open(a, "hello");
	caller_offer(a);
	ck_assert(SIM_UNTIL(&sim, sim.now + 10 * SLUICE_S, b->received == 1));
	for (uint64_t until = sim.now + SLUICE_S; sim.now < until; sim_run(&sim, sim.now + SLUICE_MS))
		while (sluice_channel_send(a->channel, bytes, sizeof bytes) == 0)
			;
	ck_assert_uint_gt(b->received_bytes, 60000000); /* half of what a gigabit carries */
	ck_assert_msg(a->memory.peak < 3 << 20, "the sender took %zu bytes", a->memory.peak);
	ck_assert_msg(b->memory.peak < 8 << 20, "the receiver took %zu bytes", b->memory.peak);
	sim_close(&sim);
}
END_TEST

SUITE("send_buffer", test_the_buffer_grows_with_what_a_long_path_carries, test_all_of_an_environment_grow_within_its_budget,
      test_a_queue_on_the_way_is_no_reason_to_grow, test_an_app_is_called_for_more_before_much_is_missing,
      test_an_app_is_called_when_what_was_refused_fits, test_the_memory_of_both_ends_of_a_transfer_is_bounded)
