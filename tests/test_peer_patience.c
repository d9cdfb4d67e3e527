/* How long does a peer wait for the other side: by offer and answer as long as the path lives, directly for dtls_timeout. */
#include "sim/caller.h"
#include "sim/peer_host.h"
#include "suite.h"

#define LUNCH (1800 * SLUICE_S)

/* A person carries the answer to the offerer and takes half an hour. */
static void late_answer(bool passive, bool sped) {
	static struct sim sim;
	sluice_peer_config c;
	sluice_peer_config_init(&c);
	c.passive = passive;
	c.offer_sped = sped;
	sim_init(&sim, 1);
	struct caller *a = caller_new(&sim, "a", &c), *b = caller_new(&sim, "b", &c);
	caller_join(a, b, NULL, 0);
	a->silent = b->silent = true;
	caller_open(a, "hello");
	caller_offer(a);
	sim_run(&sim, SLUICE_S);
	ck_assert_int_eq(caller_give(a, b), 0);
	ck_assert_int_eq(sluice_peer_set_local_description(b->peer, 0, NULL), 0);
	sim_run(&sim, LUNCH);
	ck_assert_int_eq(sluice_peer_state(b->peer), SLUICE_PEER_CONNECTING);
	ck_assert_int_eq(caller_give(b, a), 0);
	ck_assert(SIM_UNTIL(&sim, LUNCH + 10 * SLUICE_S, b->received == 1));
	sim_close(&sim);
}

START_TEST(test_an_answer_may_take_half_an_hour) {
	late_answer(false, false);
	late_answer(true, false);
	late_answer(false, true);
	late_answer(true, true);
}
END_TEST

/* ---- directly ------------------------------------------------------------------------------------------------------- */

static void nobody_speaks(bool timeout_set, uint64_t expected) {
	static struct sim sim;
	struct link_config dead = {.loss = 1};
	sluice_peer_config c;
	sluice_peer_config_init(&c);
	if (timeout_set)
		c.dtls_timeout = expected;
	sim_init(&sim, 1);
	struct peer_host *a = peer_host_new(&sim, "a", SLUICE_ROLE_CLIENT, &c);
	struct peer_host *b = peer_host_new(&sim, "b", SLUICE_ROLE_SERVER, &c);
	sim_join(&sim, a->host, b->host, &dead);
	uint64_t start = sim.now;
	peer_host_start(a, b);
	sim_run(&sim, 3600 * SLUICE_S);
	for (struct peer_host *h = a; h; h = h == a ? b : NULL) {
		ck_assert_int_eq(h->state, expected == SLUICE_NEVER ? SLUICE_PEER_CONNECTING : SLUICE_PEER_FAILED);
		if (expected == SLUICE_NEVER)
			continue;
		ck_assert_int_eq(sluice_peer_error(h->peer, NULL), SLUICE_TIMED_OUT);
		ck_assert_uint_eq(h->ended_at - start, expected);
	}
	sim_close(&sim);
}

START_TEST(test_a_direct_peer_gives_up_after_dtls_timeout_in_either_role) {
	nobody_speaks(false, 30 * SLUICE_S);
	nobody_speaks(true, 5 * SLUICE_S);
	nobody_speaks(true, SLUICE_NEVER);
}
END_TEST

SUITE("patience of a peer", test_an_answer_may_take_half_an_hour, test_a_direct_peer_gives_up_after_dtls_timeout_in_either_role)
