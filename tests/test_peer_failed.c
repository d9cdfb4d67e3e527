/* ICE fails while offers and answers are under way: what mends it is waited for, and what mends nothing ends the peer. */
#include "sim/caller.h"
#include "suite.h"

struct call {
	struct sim sim;
	struct caller *a, *b;
	char text[SLUICE_SDP_MAX];
};

static void connected(struct call *c) {
	sim_init(&c->sim, 1);
	c->a = caller_new(&c->sim, "a", NULL);
	c->b = caller_new(&c->sim, "b", NULL);
	caller_join(c->a, c->b, &(struct link_config){.delay = 20 * SLUICE_MS}, 5 * SLUICE_MS);
	c->b->echo = true;
	caller_open(c->a, "hello");
	ck_assert(SIM_UNTIL(&c->sim, c->sim.now + 10 * SLUICE_S, c->a->received == 1));
	sim_run(&c->sim, c->sim.now + 5 * SLUICE_S);
	c->a->silent = c->b->silent = true; /* the test signals */
}

static void set_loss(struct call *c, double loss) {
	sim_link(&c->sim, c->a->host, c->b->host)->config.loss = loss;
	sim_link(&c->sim, c->b->host, c->a->host)->config.loss = loss;
}

static void offer(struct caller *from) {
	ck_assert_int_eq(sluice_peer_set_local_description(from->peer, SLUICE_SDP_OFFER, NULL), 0);
}

/* The present description of `from`. */
static size_t text_of(struct call *c, struct caller *from, enum sluice_sdp_type *type) {
	int len = sluice_peer_local_description(from->peer, type, c->text, sizeof c->text);
	ck_assert_int_gt(len, 0);
	return (size_t)len;
}

static void ck_assert_failed_and_waiting(struct caller *c) {
	ck_assert_int_eq(sluice_peer_ice_state(c->peer), SLUICE_ICE_FAILED);
	ck_assert_int_eq(sluice_peer_state(c->peer), SLUICE_PEER_DISCONNECTED);
}

START_TEST(test_an_answer_that_mends_nothing_ends_a_peer_whose_path_is_dead) {
	static struct call c;
	enum sluice_sdp_type type;
	connected(&c);
	offer(c.a);
	ck_assert_int_eq(caller_give(c.a, c.b), 0);
	ck_assert_int_eq(sluice_peer_set_local_description(c.b->peer, 0, NULL), 0);
	size_t len = text_of(&c, c.b, &type);
	set_loss(&c, 1);
	sim_run(&c.sim, c.sim.now + 60 * SLUICE_S);
	ck_assert_failed_and_waiting(c.a);
	ck_assert_int_eq(sluice_peer_set_remote_description(c.a->peer, type, c.text, len), 0);
	sim_run(&c.sim, c.sim.now + SLUICE_S);
	ck_assert_int_eq(sluice_peer_state(c.a->peer), SLUICE_PEER_FAILED);
	ck_assert_int_eq(sluice_peer_error(c.a->peer, NULL), SLUICE_TIMED_OUT);
	sim_close(&c.sim);
}
END_TEST

/* Both sides offer a restart while the path is dead, and the offers cross: ours gives way to the other side's, which mends it. */
START_TEST(test_a_restart_of_the_other_side_is_taken_in_place_of_ours_after_the_path_died) {
	static struct call c;
	connected(&c);
	ck_assert_int_eq(sluice_peer_restart_ice(c.a->peer), 0);
	ck_assert_int_eq(sluice_peer_restart_ice(c.b->peer), 0);
	offer(c.a);
	offer(c.b);
	set_loss(&c, 1);
	sim_run(&c.sim, c.sim.now + 60 * SLUICE_S);
	ck_assert_failed_and_waiting(c.a);
	ck_assert_failed_and_waiting(c.b);
	set_loss(&c, 0);
	ck_assert_int_eq(caller_give(c.b, c.a), 0);
	ck_assert_int_eq(sluice_peer_signaling_state(c.a->peer), SLUICE_SIGNALING_HAVE_REMOTE_OFFER);
	ck_assert_int_eq(sluice_peer_set_local_description(c.a->peer, 0, NULL), 0);
	sim_run(&c.sim, c.sim.now + SLUICE_MS);
	ck_assert_int_eq(caller_give(c.a, c.b), 0);
	ck_assert_int_eq(sluice_channel_send_text(c.a->channel, "hello", 5), 0);
	ck_assert(SIM_UNTIL(&c.sim, c.sim.now + 10 * SLUICE_S, c.a->received == 2));
	ck_assert_int_eq(sluice_peer_state(c.a->peer), SLUICE_PEER_CONNECTED);
	ck_assert_int_eq(sluice_peer_state(c.b->peer), SLUICE_PEER_CONNECTED);
	sim_close(&c.sim);
}
END_TEST

/* Nothing is left that could mend it once ours is taken back. */
START_TEST(test_a_rollback_ends_a_peer_whose_path_is_dead) {
	static struct call c;
	connected(&c);
	ck_assert_int_eq(sluice_peer_restart_ice(c.a->peer), 0);
	offer(c.a);
	set_loss(&c, 1);
	sim_run(&c.sim, c.sim.now + 60 * SLUICE_S);
	ck_assert_failed_and_waiting(c.a);
	ck_assert_int_eq(sluice_peer_set_local_description(c.a->peer, SLUICE_SDP_ROLLBACK, NULL), 0);
	sim_run(&c.sim, c.sim.now + SLUICE_S);
	ck_assert_int_eq(sluice_peer_state(c.a->peer), SLUICE_PEER_FAILED);
	sim_close(&c.sim);
}
END_TEST

SUITE("peer failed", test_an_answer_that_mends_nothing_ends_a_peer_whose_path_is_dead,
      test_a_restart_of_the_other_side_is_taken_in_place_of_ours_after_the_path_died,
      test_a_rollback_ends_a_peer_whose_path_is_dead)
