/* More pairs are valid than are asked again and again: does the connection live on over the others when those are gone? */
#include <stdio.h>

#include "sim/ice_world.h"
#include "suite.h"

#include "ice/agent.h"

#define RTT (100 * SLUICE_MS)
#define NEVER SLUICE_NEVER

struct scene {
	struct ice_world w;
	struct ice_agent *a, *b;
	uint32_t first, second; /* a's sockets; eight pairs on each, and all those of the first are better */
};

static void many_valid(struct scene *s, bool lite) {
	const struct ice_config config_a = {.controlling = true}, config_b = {.lite = lite};
	struct memory memory = {0};
	ice_world_init(&s->w, 1, RTT / 2);
	s->a = ice_world_agent(&s->w, "a", &config_a, memory);
	s->b = ice_world_agent(&s->w, "b", &config_b, memory);
	s->first = ice_world_socket(&s->w, s->a, "10.0.0.1", 5000, -1, 65535, NULL);
	s->second = ice_world_socket(&s->w, s->a, "10.0.0.2", 5001, -1, 65000, NULL);
	for (int i = 0; i < 8; i++) {
		char text[32];
		snprintf(text, sizeof text, "10.0.1.%d", i + 1);
		ice_world_socket(&s->w, s->b, text, (uint16_t)(6000 + i), -1, (uint16_t)(65535 - i), NULL);
	}
	ice_world_introduce(&s->w, s->a, s->b);
	ice_set_remote(s->a->ice, ice_ufrag(s->b->ice), ice_pwd(s->b->ice), lite);
	ice_world_run(&s->w, s->w.now + 100 * SLUICE_S); /* the second socket's pairs are not asked any more */
	ck_assert_int_eq(ice_state(s->a->ice), ICE_COMPLETED);
	ck_assert_uint_eq(s->a->ice->selected->path.socket, s->first);
}

static void ck_assert_over_second(struct scene *s, uint64_t within) {
	uint64_t begin = s->w.now;
	ck_assert(ICE_UNTIL(&s->w, begin + within, ice_route(s->a->ice, &s->a->route) && s->a->route.socket == s->second));
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
	ice_world_unplug(&s.w, s.a, s.first);
	ck_assert_over_second(&s, 3 * RTT);
}
END_TEST

START_TEST(test_they_take_over_when_the_better_ones_sleep) {
	struct scene s;
	many_valid(&s, false);
	s.w.ifaces[0].down = true;
	ice_set_local_running(s.a->ice, s.first, false);
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
	const struct ice_config config_a = {.controlling = true, .servers = &server, .server_count = 1, .relay_only = true};
	const struct ice_config config_b = {0};
	struct memory memory = {0};
	struct ice_world w;
	ice_world_init(&w, 1, RTT / 2);
	ice_world_turn(&w, "192.0.2.9", 3478);
	struct ice_agent *a = ice_world_agent(&w, "a", &config_a, memory), *b = ice_world_agent(&w, "b", &config_b, memory);
	ice_world_socket(&w, a, "10.0.0.1", 5000, -1, 65535, NULL);
	ice_world_socket(&w, b, "10.0.1.1", 6000, -1, 65535, NULL);
	ice_gather(a->ice, w.now);
	ice_gather(b->ice, w.now);
	ice_world_run(&w, w.now + SLUICE_S);
	ice_world_give(a, b);
	ice_world_give(b, a);
	a->ice->current->remote_done = false; /* a better one may come, so that it waits before it nominates */
	ck_assert(ICE_UNTIL(&w, w.now + 2 * SLUICE_S, a->ice->current->nominate_at != NEVER));
	w.now += 40 * SLUICE_S;
	ice_world_run(&w, w.now + SLUICE_S);
	ck_assert_int_eq(ice_state(a->ice), ICE_FAILED);
	ck_assert_uint_gt(ice_deadline(a->ice), w.now);
	ice_world_close(&w);
}
END_TEST

SUITE("ice spares", test_pairs_that_were_not_asked_for_long_take_over_when_all_better_ones_vanish,
      test_they_take_over_when_the_better_ones_sleep, test_they_are_asked_when_the_better_ones_fall_silent,
      test_an_agent_that_failed_after_a_long_pause_has_nothing_left_to_do)
