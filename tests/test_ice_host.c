/* Do two agents whose host candidates reach each other find a pair, in how many round trips, and who nominates it? */
#include <stdio.h>

#include "base/address.h"
#include "ice_kit.h"

#include "ice/agent.h"

static void begin(struct scene *s, bool a_controls, bool b_controls) {
	struct ice_config a = {.controlling = a_controls}, b = {.controlling = b_controls};
	scene_init(s, a, b);
	scene_side_by_side(s);
}

START_TEST(test_the_first_pair_is_valid_one_round_trip_after_the_first_check) {
	struct scene s;
	begin(&s, true, false);
	ice_world_introduce(&s.w, s.a, s.b);
	ck_assert(ICE_UNTIL(&s.w, s.start + 5 * SLUICE_S, scene_is_routed(&s)));
	ck_assert_uint_eq(s.a->first_check_at, s.start);
	ck_assert_uint_eq(s.a->route_at, s.start + RTT);
	ck_assert_uint_eq(s.b->route_at, s.start + RTT);
	ck_assert_uint_eq(s.a->state_at[ICE_CONNECTED], s.start + RTT);
	ice_world_run(&s.w, s.start + SLUICE_S);
	struct ice_pair_stats p;
	ck_assert(ice_selected(s.a->ice, &p) && p.nominated && p.rtt == RTT);
	ck_assert(ice_selected(s.b->ice, &p) && p.nominated);
	ck_assert_int_eq(ice_state(s.a->ice), ICE_COMPLETED);
	ck_assert_int_eq(ice_state(s.b->ice), ICE_COMPLETED);
	ck_assert_uint_eq(s.a->routes, 1);
	struct ice_stats stats;
	ice_stats_get(s.a->ice, &stats);
	ck_assert_uint_eq(stats.checking_after, 0);
	ck_assert_uint_eq(stats.connected_after, RTT);
	ck_assert_uint_eq(stats.nominated_after, 2 * RTT);
	ck_assert_uint_eq(stats.discarded, 0);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_a_check_that_comes_triggers_one_at_once) {
	struct scene s;
	begin(&s, true, false);
	scene_gather(&s);
	ice_world_give(s.a, s.b);
	ice_set_remote(s.a->ice, ice_ufrag(s.b->ice), ice_pwd(s.b->ice), false); /* no candidates: a learns b from its check */
	ck_assert(ICE_UNTIL(&s.w, s.start + 5 * SLUICE_S, scene_is_routed(&s)));
	ck_assert_uint_eq(s.b->first_check_at, s.start);
	ck_assert_uint_eq(s.a->first_check_at, s.start + RTT / 2);
	ck_assert_uint_eq(s.b->route_at, s.start + RTT);
	ck_assert_uint_eq(s.a->route_at, s.start + RTT / 2 + RTT);
	struct ice_pair_stats p;
	ck_assert(ice_selected(s.a->ice, &p));
	ck_assert_int_eq(p.remote.type, CANDIDATE_PRFLX);
	ice_add_remote(s.a->ice, &s.b->told[0]);
	ck_assert(ice_selected(s.a->ice, &p));
	ck_assert_int_eq(p.remote.type, CANDIDATE_HOST);
	ck_assert_uint_eq(ice_pair_count(s.a->ice), 1);
	ice_world_close(&s.w);
}
END_TEST

/* The offerer is checked before the answer with the password reaches it. */
START_TEST(test_a_check_before_the_password_is_answered_and_remembered) {
	struct scene s;
	begin(&s, true, false);
	scene_gather(&s);
	ice_world_give(s.a, s.b);
	ck_assert(ICE_UNTIL(&s.w, s.start + 5 * SLUICE_S, s.b->route_at != NEVER));
	ck_assert_uint_eq(s.b->route_at, s.start + RTT);
	ck_assert_uint_eq(s.a->authentic_at, s.start + RTT / 2);
	ck_assert_uint_eq(s.a->requests, 0);
	ck_assert(ice_world_send(&s.w, s.b));
	ice_world_run(&s.w, s.start + 2 * RTT);
	ck_assert_uint_eq(s.a->data_received, 1);
	uint64_t answer = s.w.now;
	ice_set_remote(s.a->ice, ice_ufrag(s.b->ice), ice_pwd(s.b->ice), false);
	ck_assert(ICE_UNTIL(&s.w, answer + 5 * SLUICE_S, scene_is_routed(&s)));
	ck_assert_uint_eq(s.a->first_check_at, answer);
	ck_assert_uint_eq(s.a->route_at, answer + RTT);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_early_checks_are_remembered_up_to_a_bound) {
	struct scene s;
	begin(&s, true, false);
	for (int i = 0; i < 13; i++) {
		char address[16];
		snprintf(address, sizeof address, "10.0.1.%d", i + 1);
		ice_world_socket(&s.w, s.a, address, 7000, -1, (uint16_t)(65000 - i), NULL);
	}
	ice_world_socket(&s.w, s.b, "10.0.2.1", 7001, -1, 60000, NULL);
	scene_gather(&s);
	ice_world_give(s.a, s.b); /* 2 x 14 pairs */
	ice_world_run(&s.w, s.start + 5 * SLUICE_S);
	ck_assert_uint_eq(s.a->ice->current->early_count, ICE_EARLY_MAX);
	ck_assert_uint_ge(s.a->responses, 28);
	ice_set_remote(s.a->ice, ice_ufrag(s.b->ice), ice_pwd(s.b->ice), false);
	ck_assert_uint_eq(s.a->ice->current->early_count, 0);
	ck_assert_uint_eq(ice_pair_count(s.a->ice), ICE_EARLY_MAX);
	ice_world_close(&s.w);
}
END_TEST

static void conflict(bool role) {
	struct scene s;
	begin(&s, role, role);
	ice_world_introduce(&s.w, s.a, s.b);
	ck_assert(ICE_UNTIL(&s.w, s.start + 5 * SLUICE_S, scene_is_routed(&s)));
	ck_assert_uint_le(s.a->route_at, s.start + 2 * RTT);
	ck_assert_uint_le(s.b->route_at, s.start + 2 * RTT);
	ice_world_run(&s.w, s.start + SLUICE_S);
	ck_assert(ice_is_controlling(s.a->ice) != ice_is_controlling(s.b->ice));
	ck_assert(ice_is_controlling(s.a->ice) == (s.a->ice->tie_breaker > s.b->ice->tie_breaker));
	ck_assert_int_eq(ice_state(s.a->ice), ICE_COMPLETED);
	ck_assert_int_eq(ice_state(s.b->ice), ICE_COMPLETED);
	ice_world_close(&s.w);
}

START_TEST(test_of_two_controlling_agents_one_gives_way) {
	conflict(true);
}
END_TEST

START_TEST(test_of_two_controlled_agents_one_takes_control) {
	conflict(false);
}
END_TEST

START_TEST(test_candidates_that_trickle_late_are_checked_as_they_come) {
	struct scene s;
	begin(&s, true, false);
	ice_set_remote(s.a->ice, ice_ufrag(s.b->ice), ice_pwd(s.b->ice), false);
	ice_set_remote(s.b->ice, ice_ufrag(s.a->ice), ice_pwd(s.a->ice), false);
	ice_world_run(&s.w, s.start + 10 * SLUICE_S);
	ck_assert_int_eq(ice_state(s.a->ice), ICE_CHECKING);
	scene_gather(&s);
	ice_world_trickle(s.a, s.b);
	uint64_t told = s.w.now;
	ck_assert(ICE_UNTIL(&s.w, told + 5 * SLUICE_S, scene_is_routed(&s)));
	ck_assert_uint_eq(s.b->route_at, told + RTT);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_a_name_that_nobody_knows_is_no_failure_while_checks_come) {
	struct scene s;
	struct memory memory = {0};
	ice_world_init(&s.w, 1, RTT / 2);
	s.start = s.w.now;
	s.a = ice_world_agent(&s.w, "a", &(struct ice_config){.controlling = true}, memory);
	s.b = ice_world_agent(&s.w, "b", &(struct ice_config){0}, memory);
	s.a->names_unknown = s.b->names_unknown = true;
	ice_world_socket(&s.w, s.a, "10.0.0.1", 5000, -1, 65535, NULL);
	ice_world_socket(&s.w, s.b, "10.0.0.2", 6000, -1, 65535, "b0b.local");
	ice_world_introduce(&s.w, s.a, s.b);
	ck_assert_str_eq(s.b->told[0].name, "b0b.local");
	ck_assert(ICE_UNTIL(&s.w, s.start + 5 * SLUICE_S, scene_is_routed(&s)));
	ck_assert_uint_eq(s.b->route_at, s.start + RTT);
	ck_assert_uint_eq(s.a->route_at, s.start + RTT / 2 + RTT);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_a_name_that_resolves_is_checked_like_an_address) {
	struct scene s;
	struct memory memory = {0};
	ice_world_init(&s.w, 1, RTT / 2);
	s.start = s.w.now;
	s.a = ice_world_agent(&s.w, "a", &(struct ice_config){.controlling = true}, memory);
	s.b = ice_world_agent(&s.w, "b", &(struct ice_config){0}, memory);
	ice_world_socket(&s.w, s.a, "10.0.0.1", 5000, -1, 65535, NULL);
	ice_world_socket(&s.w, s.b, "10.0.0.2", 6000, -1, 65535, "b0b.local");
	s.a->names = ice_world_address("10.0.0.2", 0);
	ice_world_introduce(&s.w, s.a, s.b);
	ck_assert(ICE_UNTIL(&s.w, s.start + 5 * SLUICE_S, scene_is_routed(&s)));
	ck_assert_uint_eq(s.a->first_check_at, s.start);
	ck_assert_uint_eq(s.a->route_at, s.start + RTT);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_a_lost_check_is_sent_again_after_the_rto) {
	struct scene s;
	begin(&s, true, false);
	s.w.loss = 1;
	ice_world_introduce(&s.w, s.a, s.b);
	ice_world_settle(&s.w);
	s.w.loss = 0;
	ck_assert(ICE_UNTIL(&s.w, s.start + 5 * SLUICE_S, scene_is_routed(&s)));
	ck_assert_uint_eq(s.a->route_at, s.start + 250 * SLUICE_MS + RTT);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_checks_beyond_the_burst_are_paced) {
	struct scene s;
	struct memory memory = {0};
	ice_world_init(&s.w, 1, RTT / 2);
	s.a = ice_world_agent(&s.w, "a", &(struct ice_config){.controlling = true}, memory);
	s.b = ice_world_agent(&s.w, "b", &(struct ice_config){0}, memory);
	ice_world_socket(&s.w, s.a, "10.0.0.1", 5000, -1, 65535, NULL);
	for (int i = 0; i < 8; i++) {
		char address[16];
		snprintf(address, sizeof address, "10.0.1.%d", i + 1);
		ice_world_socket(&s.w, s.b, address, 7000, -1, (uint16_t)(65000 - i), NULL);
	}
	s.start = s.w.now;
	s.w.loss = 1;
	ice_world_introduce(&s.w, s.a, s.b);
	ice_world_settle(&s.w);
	ck_assert_uint_eq(s.a->requests, 5);
	ice_world_run(&s.w, s.start + 49 * SLUICE_MS);
	ck_assert_uint_eq(s.a->requests, 5);
	ice_world_run(&s.w, s.start + 50 * SLUICE_MS);
	ck_assert_uint_eq(s.a->requests, 6);
	ice_world_run(&s.w, s.start + 150 * SLUICE_MS);
	ck_assert_uint_eq(s.a->requests, 8);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_families_loopback_and_link_local_keep_to_themselves) {
	struct scene s;
	struct memory memory = {0};
	ice_world_init(&s.w, 1, RTT / 2);
	s.a = ice_world_agent(&s.w, "a", &(struct ice_config){.controlling = true}, memory);
	s.b = ice_world_agent(&s.w, "b", &(struct ice_config){0}, memory);
	static const char *const mine[] = {"10.0.0.1", "127.0.0.1", "2001:db8::1", "fe80::1", "::1"};
	static const char *const theirs[] = {"10.0.0.2", "127.0.0.2", "2001:db8::2", "fe80::2", "::1"};
	for (int i = 0; i < 5; i++) {
		ice_world_socket(&s.w, s.a, mine[i], 5000, -1, (uint16_t)(65535 - i), NULL);
		ice_world_socket(&s.w, s.b, theirs[i], 6000, -1, (uint16_t)(65535 - i), NULL);
	}
	ice_world_introduce(&s.w, s.a, s.b);
	ck_assert_uint_eq(ice_pair_count(s.a->ice), 5);
	ck_assert_uint_eq(ice_pair_count(s.b->ice), 5);
	for (size_t i = 0; i < 5; i++) {
		struct ice_pair_stats p;
		ice_pair_get(s.a->ice, i, &p);
		ck_assert_int_eq(p.local.addr.ss_family, p.remote.addr.ss_family);
		ck_assert(address_is_loopback(&p.local.addr) == address_is_loopback(&p.remote.addr));
		ck_assert(address_is_link_local(&p.local.addr) == address_is_link_local(&p.remote.addr));
	}
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_the_better_of_two_ways_is_used_and_nominated) {
	struct scene s;
	begin(&s, true, false);
	ice_world_socket(&s.w, s.a, "2001:db8::1", 5000, -1, 65534, NULL);
	ice_world_socket(&s.w, s.b, "2001:db8::2", 6000, -1, 65534, NULL);
	ice_world_introduce(&s.w, s.a, s.b);
	ice_world_run(&s.w, s.start + 2 * SLUICE_S);
	struct ice_pair_stats p;
	ck_assert(ice_selected(s.a->ice, &p) && p.nominated);
	ck_assert_int_eq(p.local.addr.ss_family, AF_INET);
	ck_assert(ice_selected(s.b->ice, &p) && p.nominated);
	ck_assert_int_eq(p.local.addr.ss_family, AF_INET);
	ice_world_close(&s.w);
}
END_TEST

static bool no_ipv4(void *ctx, const struct candidate *c, bool local) {
	(void)ctx, (void)local;
	return c->addr.ss_family != AF_INET;
}

START_TEST(test_the_filter_keeps_candidates_out) {
	struct scene s;
	scene_init(&s, (struct ice_config){.controlling = true, .filter = no_ipv4}, (struct ice_config){0});
	scene_side_by_side(&s);
	ice_world_socket(&s.w, s.a, "2001:db8::1", 5000, -1, 1, NULL);
	ice_world_socket(&s.w, s.b, "2001:db8::2", 6000, -1, 1, NULL);
	ice_world_introduce(&s.w, s.a, s.b);
	ck_assert_uint_eq(s.a->told_count, 1);
	ck_assert_uint_eq(ice_local_count(s.a->ice), 1);
	ck_assert_uint_eq(ice_pair_count(s.a->ice), 1);
	ck_assert(ICE_UNTIL(&s.w, s.start + SLUICE_S, scene_is_routed(&s)));
	ck_assert_int_eq(s.a->route.remote.ss_family, AF_INET6);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_checks_that_nobody_answers_fail_in_the_end) {
	struct scene s;
	begin(&s, true, false);
	s.w.loss = 1;
	ice_world_introduce(&s.w, s.a, s.b);
	ck_assert(ICE_UNTIL(&s.w, s.start + 60 * SLUICE_S, s.a->state_at[ICE_FAILED] != NEVER));
	ck_assert_uint_ge(s.a->state_at[ICE_FAILED], s.start + 5 * SLUICE_S);
	ck_assert_uint_le(s.a->state_at[ICE_FAILED], s.start + 15 * SLUICE_S);
	ck_assert_uint_eq(ice_deadline(s.a->ice), NEVER);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_without_the_end_of_candidates_the_timeout_decides) {
	struct scene s;
	begin(&s, true, false);
	ice_set_remote(s.a->ice, "abcd", "0123456789012345678901", false);
	ck_assert(ICE_UNTIL(&s.w, s.start + 60 * SLUICE_S, s.a->state_at[ICE_FAILED] != NEVER));
	ck_assert_uint_eq(s.a->state_at[ICE_FAILED], s.start + 30 * SLUICE_S);
	ice_world_close(&s.w);
}
END_TEST

static bool wrong_source(struct ice_world *w, int from, const struct sockaddr_storage *to, uint8_t *data, size_t *len,
                         void *ctx) {
	(void)w, (void)from, (void)to, (void)len, (void)ctx;
	if (data[0] == 0 && data[1] == 1)
		data[21] ^= 1; /* the username's attribute type: the integrity no longer holds */
	return true;
}

START_TEST(test_a_forged_check_is_counted_and_not_answered) {
	struct scene s;
	begin(&s, true, false);
	s.w.filter = wrong_source;
	ice_world_introduce(&s.w, s.a, s.b);
	ice_world_run(&s.w, s.start + SLUICE_S);
	ck_assert_uint_eq(s.a->responses + s.b->responses, 0);
	struct ice_stats stats;
	ice_stats_get(s.a->ice, &stats);
	ck_assert_uint_gt(stats.discarded, 0);
	ck_assert_uint_eq(s.a->authentic_at, NEVER);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_loss_only_delays) {
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct scene s;
		begin(&s, seed & 1, seed & 2);
		s.w.rng = rng_of(seed, 7);
		s.w.loss = 0.3;
		ice_world_socket(&s.w, s.a, "2001:db8::1", 5000, -1, 65534, NULL);
		ice_world_socket(&s.w, s.b, "2001:db8::2", 6000, -1, 65534, NULL);
		ice_world_introduce(&s.w, s.a, s.b);
		ck_assert_msg(ICE_UNTIL(&s.w, s.start + 10 * SLUICE_S, scene_is_routed(&s)), "seed %d", (int)seed);
		ice_world_run(&s.w, s.start + 20 * SLUICE_S);
		s.w.loss = 0;
		ice_world_run(&s.w, s.start + 40 * SLUICE_S);
		struct ice_pair_stats p, q;
		ck_assert_msg(ice_selected(s.a->ice, &p) && ice_selected(s.b->ice, &q), "seed %d", (int)seed);
		ck_assert_msg(p.nominated && q.nominated && address_equal(&p.local.addr, &q.remote.addr), "seed %d", (int)seed);
		ice_world_close(&s.w);
	}
}
END_TEST

SUITE("ice host", test_the_first_pair_is_valid_one_round_trip_after_the_first_check, test_a_check_that_comes_triggers_one_at_once,
      test_a_check_before_the_password_is_answered_and_remembered, test_early_checks_are_remembered_up_to_a_bound,
      test_of_two_controlling_agents_one_gives_way, test_of_two_controlled_agents_one_takes_control,
      test_candidates_that_trickle_late_are_checked_as_they_come, test_a_name_that_nobody_knows_is_no_failure_while_checks_come,
      test_a_name_that_resolves_is_checked_like_an_address, test_a_lost_check_is_sent_again_after_the_rto,
      test_checks_beyond_the_burst_are_paced, test_families_loopback_and_link_local_keep_to_themselves,
      test_the_better_of_two_ways_is_used_and_nominated, test_the_filter_keeps_candidates_out,
      test_checks_that_nobody_answers_fail_in_the_end, test_without_the_end_of_candidates_the_timeout_decides,
      test_a_forged_check_is_counted_and_not_answered, test_loss_only_delays)
