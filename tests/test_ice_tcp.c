/* Do agents that reach each other by TCP alone find a pair, and do they leave it for UDP? */
#include <stdio.h>

#include "ice_kit.h"

/* a connects, b listens. */
static void begin(struct scene *s, bool active_controls) {
	struct ice_config a = {.controlling = active_controls}, b = {.controlling = !active_controls};
	scene_init(s, a, b);
	ice_world_tcp(&s->w, s->a, "10.0.0.1", 40001, false);
	ice_world_tcp(&s->w, s->b, "10.0.0.2", 4000, true);
}

static void connects(bool active_controls) {
	struct scene s;
	begin(&s, active_controls);
	ice_world_introduce(&s.w, s.a, s.b);
	ck_assert_uint_eq(s.a->told[0].port, 9);
	ck_assert_uint_eq(s.b->told[0].port, 4000);
	ck_assert_uint_eq(ice_pair_count(s.a->ice), 1);
	ck_assert_uint_eq(ice_pair_count(s.b->ice), 0); /* it has nobody to connect to */
	ck_assert(ICE_UNTIL(&s.w, s.start + 5 * SLUICE_S, scene_is_routed(&s)));
	ck_assert_uint_eq(s.a->route_at, s.start + RTT);
	ck_assert_uint_eq(s.b->route_at, s.start + RTT / 2 + RTT);
	ice_world_run(&s.w, s.start + 60 * SLUICE_S);
	struct ice_pair_stats p, q;
	ck_assert(ice_selected(s.a->ice, &p) && p.nominated && ice_selected(s.b->ice, &q) && q.nominated);
	ck_assert_int_eq(p.local.transport, CANDIDATE_TCP_ACTIVE);
	ck_assert_int_eq(q.remote.transport, CANDIDATE_TCP_ACTIVE);
	ck_assert_int_eq(q.remote.type, CANDIDATE_PRFLX);
	ck_assert_int_eq(ice_state(s.a->ice), ICE_COMPLETED);
	ck_assert_int_eq(ice_state(s.b->ice), ICE_COMPLETED);
	ck_assert(ice_world_send(&s.w, s.a) && ice_world_send(&s.w, s.b));
	ice_world_run(&s.w, s.w.now + RTT);
	ck_assert_uint_eq(s.a->data_received + s.b->data_received, 2);
	ice_world_close(&s.w);
}

START_TEST(test_the_active_side_checks_and_the_passive_one_answers) {
	connects(true);
}
END_TEST

START_TEST(test_the_passive_side_may_control) {
	connects(false);
}
END_TEST

START_TEST(test_udp_is_preferred_and_taken_when_it_opens_later) {
	struct scene s;
	begin(&s, true);
	ice_world_introduce(&s.w, s.a, s.b);
	ice_world_run(&s.w, s.start + 2 * SLUICE_S);
	ice_world_socket(&s.w, s.a, "10.0.0.1", 5000, -1, 65535, NULL);
	ice_world_socket(&s.w, s.b, "10.0.0.2", 6000, -1, 65535, NULL);
	ice_world_settle(&s.w);
	ice_world_trickle(s.a, s.b);
	ice_world_trickle(s.b, s.a);
	ice_world_run(&s.w, s.w.now + 2 * SLUICE_S);
	struct ice_pair_stats p, q;
	ck_assert(ice_selected(s.a->ice, &p) && p.nominated && ice_selected(s.b->ice, &q) && q.nominated);
	ck_assert_int_eq(p.local.transport, CANDIDATE_UDP);
	ck_assert_int_eq(q.local.transport, CANDIDATE_UDP);
	ck_assert_uint_eq(s.a->state_at[ICE_DISCONNECTED], NEVER);
	ice_world_close(&s.w);
}
END_TEST

SUITE("ice tcp", test_the_active_side_checks_and_the_passive_one_answers, test_the_passive_side_may_control,
      test_udp_is_preferred_and_taken_when_it_opens_later)
