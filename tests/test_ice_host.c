/* Do two agents whose host candidates reach each other find a pair, in how many round trips, and who nominates it? */
#include "sim/ice_world.h"
#include "suite.h"

#define RTT (100 * SLUICE_MS)

struct scene {
	struct ice_world w;
	struct ice_agent *a, *b;
};

static void scene_init(struct scene *s, bool a_controls, bool b_controls) {
	struct memory memory = {0};
	ice_world_init(&s->w, 1, RTT / 2);
	s->a = ice_world_agent(&s->w, "a", &(struct ice_config){.controlling = a_controls}, memory);
	s->b = ice_world_agent(&s->w, "b", &(struct ice_config){.controlling = b_controls}, memory);
	ice_world_socket(&s->w, s->a, "10.0.0.1", 5000, -1, 65535, NULL);
	ice_world_socket(&s->w, s->b, "10.0.0.2", 6000, -1, 65535, NULL);
}

START_TEST(test_the_first_pair_is_valid_one_round_trip_after_the_first_check) {
	struct scene s;
	scene_init(&s, true, false);
	uint64_t start = s.w.now;
	ice_world_introduce(&s.w, s.a, s.b);
	ck_assert(ICE_UNTIL(&s.w, start + 5 * SLUICE_S, s.a->route_at != SLUICE_NEVER && s.b->route_at != SLUICE_NEVER));
	ck_assert_uint_eq(s.a->first_check_at, start);
	ck_assert_uint_eq(s.a->route_at, start + RTT);
	ck_assert_uint_eq(s.b->route_at, start + RTT);
	ck_assert_uint_eq(s.a->state_at[ICE_CONNECTED], start + RTT);
	ice_world_run(&s.w, start + SLUICE_S);
	struct ice_pair_stats p;
	ck_assert(ice_selected(s.a->ice, &p) && p.nominated && p.rtt == RTT);
	ck_assert(ice_selected(s.b->ice, &p) && p.nominated);
	ck_assert_int_eq(ice_state(s.a->ice), ICE_COMPLETED);
	ck_assert_int_eq(ice_state(s.b->ice), ICE_COMPLETED);
	ck_assert_uint_eq(s.a->routes, 1);
	ice_world_close(&s.w);
}
END_TEST

SUITE("ice host", test_the_first_pair_is_valid_one_round_trip_after_the_first_check)
