/* More candidates come than a TURN client keeps peers for: does the one that carries the data stay? */
#include <stdio.h>

#include "ice_kit.h"

#include "ice/agent.h"

#define CROWD (2 * TURN_PEERS)

START_TEST(test_a_crowd_of_candidates_does_not_push_out_the_peer_in_use) {
	static struct ice_server server = {
		.turn = true, .host = "192.0.2.9", .port = 3478, .username = "user", .password = "secret"};
	const struct ice_config relayed = {.controlling = true, .servers = &server, .server_count = 1, .relay_only = true};
	struct scene s;
	scene_init(&s, relayed, (struct ice_config){0});
	ice_world_turn(&s.w, "192.0.2.9", 3478);
	scene_side_by_side(&s);
	scene_gather(&s);
	ice_world_run(&s.w, s.w.now + SLUICE_S);
	scene_exchange(&s);
	ice_world_run(&s.w, s.w.now + 10 * SLUICE_S); /* so that it is the one which was used longest ago */
	struct turn *turn = s.a->ice->relays[0]->turn;
	uint16_t channel = turn_channel(turn, &s.a->ice->selected->path.remote);
	ck_assert_uint_ne(channel, 0);
	for (int n = 0; n < CROWD; n++) {
		struct candidate c = {.type = CANDIDATE_HOST, .priority = 1000, .component = 1, .port = 7000};
		char text[32];
		snprintf(text, sizeof text, "10.9.%d.%d", n / 100, n % 100);
		c.addr = ice_world_address(text, c.port);
		snprintf(c.foundation, sizeof c.foundation, "%d", n);
		ck_assert_int_eq(ice_add_remote(s.a->ice, &c), 0);
	}
	ck_assert_uint_gt(turn_stats(turn)->forgotten, 0);
	for (int i = 0; i < 60; i++) {
		uint64_t at_a = s.a->data_received, at_b = s.b->data_received;
		ck_assert(ice_world_send(&s.w, s.a) && ice_world_send(&s.w, s.b));
		ice_world_run(&s.w, s.w.now + SLUICE_S);
		ck_assert_uint_gt(s.a->data_received, at_a);
		ck_assert_uint_gt(s.b->data_received, at_b);
	}
	ck_assert_uint_eq(turn_channel(turn, &s.a->ice->selected->path.remote), channel);
	ck_assert_uint_eq(s.a->state_at[ICE_DISCONNECTED], SLUICE_NEVER);
	ice_world_close(&s.w);
}
END_TEST

SUITE("ice relay crowd", test_a_crowd_of_candidates_does_not_push_out_the_peer_in_use)
