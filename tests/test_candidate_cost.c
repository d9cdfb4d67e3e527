/* What do candidates cost that trickle in, each with the generation that it belongs to? Not another reading of the
 * description. */
#include <stdio.h>
#include <string.h>

#include "cpu_time.h"
#include "sim/caller.h"
#include "suite.h"

/* The least of five times that 300 candidates of another generation take, after an offer with this many additional lines. */
static double cost(unsigned lines) {
	static char offer[SLUICE_REMOTE_SDP_MAX + 1];
	struct sim sim;
	double least = 1e9;
	sim_init(&sim, sim_seed(3));
	struct caller *a = caller_new(&sim, "a", NULL), *b = caller_new(&sim, "b", NULL);
	caller_join(a, b, &(struct link_config){.delay = SLUICE_MS}, SLUICE_MS);
	sluice_channel_config channel = {.label = "x", .id = -1};
	ck_assert_int_eq(sluice_peer_open_channel(a->peer, &channel, NULL), 0);
	int len = sluice_peer_create_offer(a->peer, offer, sizeof offer);
	ck_assert_int_gt(len, 0);
	size_t at = (size_t)len;
	for (unsigned i = 0; i < lines; i++)
		at += (size_t)snprintf(offer + at, sizeof offer - at, "a=x-nothing:%u\r\n", i);
	ck_assert_int_eq(sluice_peer_set_remote_description(b->peer, SLUICE_SDP_OFFER, offer, at), 0);
	for (int turn = 0; turn < 5; turn++) {
		double begin = cpu_ms();
		for (unsigned i = 0; i < 300; i++) {
			char text[120];
			snprintf(text, sizeof text, "candidate:1 1 udp %u 192.0.2.1 5000 typ host ufrag zzzz", i + 1);
			ck_assert_int_eq(sluice_peer_add_remote_candidate(b->peer, text), 0);
		}
		double took = cpu_ms() - begin;
		least = took < least ? took : least;
	}
	sim_close(&sim);
	return least;
}

START_TEST(test_a_candidate_that_says_its_generation_costs_the_same_behind_a_long_description) {
	double brief = cost(0), lengthy = cost(3000);
	ck_assert_msg(lengthy < 5 * brief + 1, "%.3f ms behind a long description, %.3f behind a short one", lengthy, brief);
}
END_TEST

SUITE("candidate_cost", test_a_candidate_that_says_its_generation_costs_the_same_behind_a_long_description)
