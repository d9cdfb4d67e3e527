/* More pairs are valid than are asked again and again: does the connection live on over the others when those are gone? */
#include <stdio.h>

#include "ice_kit.h"

#include "ice/agent.h"

/* a's sockets: eight pairs on each, and all those of the first are better. */
static uint32_t first, second;

static void many_valid(struct scene *s, bool lite) {
	scene_init(s, (struct ice_config){.controlling = true}, (struct ice_config){.lite = lite});
	first = ice_world_socket(&s->w, s->a, "10.0.0.1", 5000, -1, 65535, NULL);
	second = ice_world_socket(&s->w, s->a, "10.0.0.2", 5001, -1, 65000, NULL);
	for (int i = 0; i < 8; i++) {
		char text[32];
		snprintf(text, sizeof text, "10.0.1.%d", i + 1);
		ice_world_socket(&s->w, s->b, text, (uint16_t)(6000 + i), -1, (uint16_t)(65535 - i), NULL);
	}
	ice_world_introduce(&s->w, s->a, s->b);
	ice_set_remote(s->a->ice, ice_ufrag(s->b->ice), ice_pwd(s->b->ice), lite);
	ice_world_run(&s->w, s->w.now + 100 * SLUICE_S); /* the second socket's pairs are not asked any more */
	ck_assert_int_eq(ice_state(s->a->ice), ICE_COMPLETED);
	ck_assert_uint_eq(s->a->ice->selected->path.socket, first);
}

static void ck_assert_over_second(struct scene *s, uint64_t within) {
	uint64_t begin = s->w.now;
	ck_assert(ICE_UNTIL(&s->w, begin + within, ice_route(s->a->ice, &s->a->route) && s->a->route.socket == second));
	ice_world_run(&s->w, s->w.now + 40 * SLUICE_S);
	ck_assert_int_eq(ice_state(s->a->ice), ICE_COMPLETED);
	ck_assert_uint_eq(s->a->state_at[ICE_FAILED], NEVER);
	ck_assert_uint_eq(s->b->state_at[ICE_FAILED], NEVER);
	ck_assert(ice_world_send(&s->w, s->a) && ice_world_send(&s->w, s->b));
	ice_world_run(&s->w, s->w.now + RTT);
	ck_assert_uint_gt(s->a->data_received, 0);
	ck_assert_uint_gt(s->b->data_received, 0);
	ck_assert(ice_check(s->a->ice) && ice_check(s->b->ice));
	ice_world_close(&s->w);
}

START_TEST(test_pairs_that_were_not_asked_for_long_take_over_when_all_better_ones_vanish) {
	struct scene s;
	many_valid(&s, false);
	ice_world_unplug(&s.w, s.a, first);
	ck_assert_over_second(&s, 3 * RTT);
}
END_TEST

START_TEST(test_they_take_over_when_the_better_ones_sleep) {
	struct scene s;
	many_valid(&s, false);
	s.w.ifaces[0].down = true;
	ice_set_local_running(s.a->ice, first, false);
	ck_assert_over_second(&s, 4 * SLUICE_S);
}
END_TEST

START_TEST(test_they_are_asked_when_the_better_ones_fall_silent) {
	struct scene s;
	many_valid(&s, false);
	s.w.ifaces[0].down = true;
	ck_assert_over_second(&s, 10 * SLUICE_S);
}
END_TEST

/* A process that is stopped for longer than consent holds, while a nomination is due. */
START_TEST(test_an_agent_that_failed_after_a_long_pause_has_nothing_left_to_do) {
	static struct ice_server server = {.turn = true, .host = "192.0.2.9", .username = "user", .password = "secret"};
	const struct ice_config relayed = {.controlling = true, .servers = &server, .server_count = 1, .relay_only = true};
	struct scene s;
	scene_init(&s, relayed, (struct ice_config){0});
	ice_world_turn(&s.w, "192.0.2.9", 3478);
	ice_world_socket(&s.w, s.a, "10.0.0.1", 5000, -1, 65535, NULL);
	ice_world_socket(&s.w, s.b, "10.0.1.1", 6000, -1, 65535, NULL);
	scene_gather(&s);
	ice_world_run(&s.w, s.w.now + SLUICE_S);
	scene_exchange(&s);
	s.a->ice->current->remote_done = false; /* a better one may come, so that it waits before it nominates */
	ck_assert(ICE_UNTIL(&s.w, s.w.now + 2 * SLUICE_S, s.a->ice->current->nominate_at != NEVER));
	s.w.now += 40 * SLUICE_S;
	ice_world_run(&s.w, s.w.now + SLUICE_S);
	ck_assert_int_eq(ice_state(s.a->ice), ICE_FAILED);
	ck_assert_uint_gt(ice_deadline(s.a->ice), s.w.now);
	ice_world_close(&s.w);
}
END_TEST

SUITE("ice spares", test_pairs_that_were_not_asked_for_long_take_over_when_all_better_ones_vanish,
      test_they_take_over_when_the_better_ones_sleep, test_they_are_asked_when_the_better_ones_fall_silent,
      test_an_agent_that_failed_after_a_long_pause_has_nothing_left_to_do)
