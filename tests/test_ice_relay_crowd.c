/* More candidates come than a TURN client keeps peers for: does the one that carries the data stay? */
#include <stdio.h>

#include "sim/ice_world.h"
#include "suite.h"

#include "ice/agent.h"

#define RTT (100 * SLUICE_MS)
#define CROWD (2 * TURN_PEERS)

START_TEST(test_a_crowd_of_candidates_does_not_push_out_the_peer_in_use) {
	static struct ice_server server = {
		.turn = true, .host = "192.0.2.9", .port = 3478, .username = "user", .password = "secret"};
	const struct ice_config config_a = {.controlling = true, .servers = &server, .server_count = 1, .relay_only = true};
	const struct ice_config config_b = {0};
	struct memory memory = {0};
	struct ice_world w;
	ice_world_init(&w, 1, RTT / 2);
	ice_world_turn(&w, "192.0.2.9", 3478);
	struct ice_agent *a = ice_world_agent(&w, "a", &config_a, memory), *b = ice_world_agent(&w, "b", &config_b, memory);
	ice_world_socket(&w, a, "10.0.0.1", 5000, -1, 65535, NULL);
	ice_world_socket(&w, b, "10.1.0.1", 6000, -1, 65535, NULL);
	ice_gather(a->ice, w.now);
	ice_gather(b->ice, w.now);
	ice_world_run(&w, w.now + SLUICE_S);
	ice_world_give(a, b);
	ice_world_give(b, a);
	ice_world_run(&w, w.now + 10 * SLUICE_S); /* so that it is the one which was used longest ago */
	struct turn *turn = a->ice->relays[0]->turn;
	uint16_t channel = turn_channel(turn, &a->ice->selected->path.remote);
	ck_assert_uint_ne(channel, 0);
	for (int n = 0; n < CROWD; n++) {
		struct candidate c = {.type = CANDIDATE_HOST, .priority = 1000, .component = 1, .port = 7000};
		char text[32];
		snprintf(text, sizeof text, "10.9.%d.%d", n / 100, n % 100);
		c.addr = ice_world_address(text, c.port);
		snprintf(c.foundation, sizeof c.foundation, "%d", n);
		ck_assert_int_eq(ice_add_remote(a->ice, &c), 0);
	}
	ck_assert_uint_gt(turn_stats(turn)->forgotten, 0);
	for (int i = 0; i < 60; i++) {
		uint64_t at_a = a->data_received, at_b = b->data_received;
		ck_assert(ice_world_send(&w, a) && ice_world_send(&w, b));
		ice_world_run(&w, w.now + SLUICE_S);
		ck_assert_uint_gt(a->data_received, at_a);
		ck_assert_uint_gt(b->data_received, at_b);
	}
	ck_assert_uint_eq(turn_channel(turn, &a->ice->selected->path.remote), channel);
	ck_assert_uint_eq(a->state_at[ICE_DISCONNECTED], SLUICE_NEVER);
	ice_world_close(&w);
}
END_TEST

SUITE("ice relay crowd", test_a_crowd_of_candidates_does_not_push_out_the_peer_in_use)
