/* Closing a peer while its channels are paused and the other side still has something to say. */
#include "sim/caller.h"
#include "suite.h"

#define MESSAGES 200
#define MESSAGE_SIZE 60000 /* 12 MB: several times the receive window */

struct call {
	struct sim sim;
	struct caller *a, *b;
};

/* b has much to say and a, paused, has let its window fill. */
static void full_window(struct call *c, const struct link_config *link) {
	static const uint8_t message[MESSAGE_SIZE];
	sluice_peer_config config;
	sluice_peer_config_init(&config);
	config.sctp.receive_window = config.sctp.receive_window_max = 1u << 20;
	sim_init(&c->sim, 1);
	c->a = caller_new(&c->sim, "a", &config);
	c->b = caller_new(&c->sim, "b", NULL);
	caller_join(c->a, c->b, link, 0);
	caller_open(c->a, "hello");
	ck_assert(SIM_UNTIL(&c->sim, 10 * SLUICE_S, c->b->received == 1));
	sluice_channel_pause(c->a->channel);
	sluice_channel_set_high_water(c->b->channel, UINT64_MAX);
	for (int i = 0; i < MESSAGES; i++)
		ck_assert_int_eq(sluice_channel_send(c->b->channel, message, sizeof message), 0);
	sim_run(&c->sim, c->sim.now + 20 * SLUICE_S);
	ck_assert_uint_eq(c->a->received, 0);
}

static void ck_closed_in_order(struct call *c) {
	ck_assert_int_eq(c->a->state, SLUICE_PEER_CLOSED);
	ck_assert_int_eq(c->b->state, SLUICE_PEER_CLOSED);
	ck_assert_int_eq(sluice_peer_error(c->a->peer, NULL), 0);
	ck_assert_int_eq(sluice_peer_error(c->b->peer, NULL), 0);
	ck_assert_uint_eq(c->a->received, MESSAGES);
}

START_TEST(test_a_close_ends_pauses_and_what_the_other_side_accepted_arrives) {
	static struct call c;
	full_window(&c, &(struct link_config){.delay = 10 * SLUICE_MS});
	sluice_peer_close(c.a->peer);
	SIM_UNTIL(&c.sim, c.sim.now + 20 * SLUICE_S, c.a->ended_at != SLUICE_NEVER && c.b->ended_at != SLUICE_NEVER);
	ck_closed_in_order(&c);
	sim_close(&c.sim);
}
END_TEST

START_TEST(test_no_pause_begins_behind_a_close) {
	static struct call c;
	full_window(&c, &(struct link_config){.delay = 10 * SLUICE_MS});
	sluice_peer_close(c.a->peer);
	sluice_channel_pause(c.a->channel);
	SIM_UNTIL(&c.sim, c.sim.now + 50 * SLUICE_MS, c.a->received > 0);
	ck_assert_uint_gt(c.a->received, 0);
	sluice_channel_pause(c.a->channel);
	SIM_UNTIL(&c.sim, c.sim.now + 20 * SLUICE_S, c.a->ended_at != SLUICE_NEVER && c.b->ended_at != SLUICE_NEVER);
	ck_closed_in_order(&c);
	sim_close(&c.sim);
}
END_TEST

START_TEST(test_a_close_by_the_other_side_leaves_a_pause_alone) {
	static struct call c;
	full_window(&c, &(struct link_config){.delay = 10 * SLUICE_MS});
	sluice_peer_close(c.b->peer);
	sim_run(&c.sim, c.sim.now + 60 * SLUICE_S);
	ck_assert_uint_eq(c.a->received, 0);
	ck_assert_int_eq(c.a->state, SLUICE_PEER_CONNECTED);
	ck_assert_int_eq(c.b->state, SLUICE_PEER_CLOSING);
	sluice_channel_resume(c.a->channel);
	SIM_UNTIL(&c.sim, c.sim.now + 20 * SLUICE_S, c.a->ended_at != SLUICE_NEVER && c.b->ended_at != SLUICE_NEVER);
	ck_closed_in_order(&c);
	sim_close(&c.sim);
}
END_TEST

SUITE("close of a peer", test_a_close_ends_pauses_and_what_the_other_side_accepted_arrives, test_no_pause_begins_behind_a_close,
      test_a_close_by_the_other_side_leaves_a_pause_alone)
