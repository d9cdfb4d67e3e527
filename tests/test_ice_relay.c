/* Where no direct way is, does the TURN server's do, and is a better one taken when it opens? */
#include "base/address.h"
#include "ice_kit.h"

#include "ice/agent.h"

static struct ice_server server_entry = {.turn = true, .host = "192.0.2.9", .username = "user", .password = "secret"};

static void behind(struct scene *s, enum nat_kind a, enum nat_kind b, struct ice_config config_a, struct ice_config config_b) {
	scene_init(s, config_a, config_b);
	ice_world_turn(&s->w, "192.0.2.9", 3478);
	scene_behind(s, a, b);
	scene_gather_all(s);
}

static struct ice_config with_turn(bool controlling) {
	return (struct ice_config){.controlling = controlling, .servers = &server_entry, .server_count = 1};
}

START_TEST(test_an_allocation_gives_a_relayed_and_a_reflexive_candidate_in_two_round_trips) {
	struct scene s;
	behind(&s, NAT_SYMMETRIC, NAT_SYMMETRIC, with_turn(true), with_turn(false));
	ck_assert_uint_eq(s.a->gathered_at, s.start + 2 * RTT); /* the challenge costs one */
	ck_assert_uint_eq(s.a->told_count, 3);
	ck_assert_int_eq(s.a->told[1].type, CANDIDATE_SRFLX);
	ck_assert_int_eq(s.a->told[2].type, CANDIDATE_RELAY);
	ck_assert(address_equal(&s.a->told[2].related, &s.a->told[1].addr));
	ck_assert_uint_lt(s.a->told[2].priority, s.a->told[1].priority);
	struct candidate relayed, preferred;
	ck_assert(ice_local(s.a->ice, 2, &relayed) && ice_default_candidate(s.a->ice, &preferred));
	ck_assert_str_eq(preferred.foundation, relayed.foundation);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_two_symmetric_nats_meet_at_the_relay) {
	struct scene s;
	behind(&s, NAT_SYMMETRIC, NAT_SYMMETRIC, with_turn(true), with_turn(false));
	scene_exchange(&s);
	uint64_t told = s.w.now;
	ck_assert(ICE_UNTIL(&s.w, told + 10 * SLUICE_S, scene_is_routed(&s)));
	ck_assert_uint_le(s.w.now, told + 6 * RTT);
	scene_talk(&s, 3);
	ice_world_run(&s.w, told + 20 * SLUICE_S);
	struct ice_pair_stats p;
	ck_assert(ice_selected(s.a->ice, &p) && p.nominated);
	ck_assert(p.local.type == CANDIDATE_RELAY || p.remote.type == CANDIDATE_RELAY);
	scene_talk(&s, 10);
	ck_assert_uint_gt(turn_server_stats(s.w.turn).by_channel, 10);
	/* An hour later permissions and channels are still there. */
	ice_world_run(&s.w, told + 3600 * SLUICE_S);
	ck_assert_uint_eq(s.a->state_at[ICE_DISCONNECTED], NEVER);
	scene_talk(&s, 2);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_relay_only_tells_and_uses_nothing_else) {
	struct scene s;
	struct ice_config config = with_turn(true);
	config.relay_only = true;
	behind(&s, NAT_FULL_CONE, NAT_FULL_CONE, config, with_turn(false));
	ck_assert_uint_eq(s.a->told_count, 1);
	ck_assert_int_eq(s.a->told[0].type, CANDIDATE_RELAY);
	ck_assert_int_eq(s.a->told[0].related.ss_family, 0);
	scene_exchange(&s);
	ck_assert(ICE_UNTIL(&s.w, s.w.now + 10 * SLUICE_S, scene_is_routed(&s)));
	ice_world_run(&s.w, s.w.now + 5 * SLUICE_S);
	struct ice_pair_stats p;
	ck_assert(ice_selected(s.a->ice, &p));
	ck_assert_int_eq(p.local.type, CANDIDATE_RELAY);
	ck_assert(s.a->route.socket & ICE_RELAY_SOCKET);
	/* What lies behind a server is unknown, whatever our interface carries. */
	ck_assert_uint_eq(ice_route_largest(s.a->ice), 1452);
	ice_set_local_mtu(s.a->ice, s.a->ice->bases[0].socket, 9000);
	ck_assert_uint_eq(ice_route_largest(s.a->ice), 1452);
	ice_set_local_mtu(s.a->ice, s.a->ice->bases[0].socket, 1280);
	ck_assert_uint_eq(ice_route_largest(s.a->ice), 1280 - 28);
	scene_talk(&s, 3);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_a_direct_way_is_preferred_to_the_relay) {
	struct scene s;
	behind(&s, NAT_PORT_RESTRICTED, NAT_PORT_RESTRICTED, with_turn(true), with_turn(false));
	scene_exchange(&s);
	ck_assert(ICE_UNTIL(&s.w, s.w.now + 10 * SLUICE_S, scene_is_routed(&s)));
	ice_world_run(&s.w, s.w.now + 5 * SLUICE_S);
	struct ice_pair_stats p;
	ck_assert(ice_selected(s.a->ice, &p) && p.nominated);
	ck_assert(p.local.type != CANDIDATE_RELAY && p.remote.type != CANDIDATE_RELAY);
	ck_assert(ice_selected(s.b->ice, &p) && p.nominated);
	ck_assert(p.local.type != CANDIDATE_RELAY && p.remote.type != CANDIDATE_RELAY);
	scene_talk(&s, 2);
	ice_world_close(&s.w);
}
END_TEST

static bool no_direct_way(struct ice_world *w, int from, const struct sockaddr_storage *to, uint8_t *data, size_t *len,
                          void *ctx) {
	(void)data, (void)len, (void)ctx;
	return from == w->turn_iface || turn_server_owns(w->turn, to);
}

START_TEST(test_a_direct_way_that_opens_later_takes_over_from_the_relay) {
	struct scene s;
	behind(&s, NAT_FULL_CONE, NAT_FULL_CONE, with_turn(true), with_turn(false));
	s.w.filter = no_direct_way;
	scene_exchange(&s);
	ice_world_run(&s.w, s.w.now + 4 * SLUICE_S);
	struct ice_pair_stats p;
	ck_assert(ice_selected(s.a->ice, &p) && p.nominated);
	ck_assert(p.local.type == CANDIDATE_RELAY || p.remote.type == CANDIDATE_RELAY);
	s.w.filter = NULL;
	ice_world_run(&s.w, s.w.now + 10 * SLUICE_S);
	ck_assert(ice_selected(s.a->ice, &p) && p.nominated);
	ck_assert(p.local.type != CANDIDATE_RELAY && p.remote.type != CANDIDATE_RELAY);
	ck_assert(ice_selected(s.b->ice, &p) && p.nominated);
	ck_assert(p.local.type != CANDIDATE_RELAY && p.remote.type != CANDIDATE_RELAY);
	scene_talk(&s, 2);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_a_stream_to_the_server_is_asked_for_and_closed_at_the_end) {
	struct scene s;
	struct ice_server server = server_entry;
	server.transport = SERVER_TCP;
	server.port = 3478;
	struct ice_config config = {.controlling = true, .relay_only = true, .servers = &server, .server_count = 1};
	behind(&s, NAT_SYMMETRIC, NAT_SYMMETRIC, config, with_turn(false));
	ck_assert_uint_eq(s.w.streams, 1);
	ck_assert_uint_eq(s.a->told_count, 1);
	ck_assert_uint_eq(s.a->told[0].priority, candidate_priority(CANDIDATE_RELAY, CANDIDATE_UDP, 65535 / 2));
	scene_exchange(&s);
	ck_assert(ICE_UNTIL(&s.w, s.w.now + 10 * SLUICE_S, scene_is_routed(&s)));
	ice_world_run(&s.w, s.w.now + 3 * SLUICE_S);
	scene_talk(&s, 3);
	ck_assert_uint_eq(ice_route_largest(s.a->ice), 0); /* a stream has no MTU */
	ck_assert_uint_eq(ice_route_largest(s.b->ice), 1452);
	ice_close(s.a->ice);
	ice_close(s.b->ice);
	ice_world_run(&s.w, s.w.now + 10 * SLUICE_S);
	ck_assert_uint_eq(s.w.streams_closed, 1);
	ck_assert_uint_eq(turn_server_stats(s.w.turn).allocations, 0);
	ck_assert_uint_eq(ice_deadline(s.a->ice), NEVER);
	ck_assert_uint_eq(ice_deadline(s.b->ice), NEVER);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_a_stream_that_goes_takes_its_candidate_with_it) {
	struct scene s;
	struct ice_server server = server_entry;
	server.transport = SERVER_TLS;
	server.port = 3478;
	struct ice_config config = {.controlling = true, .relay_only = true, .servers = &server, .server_count = 1};
	behind(&s, NAT_FULL_CONE, NAT_FULL_CONE, config, with_turn(false));
	scene_exchange(&s);
	ice_world_run(&s.w, s.w.now + 3 * SLUICE_S);
	ck_assert(ice_world_send(&s.w, s.a));
	ck_assert_uint_eq(ice_route_largest(s.a->ice), 0); /* nor has one with TLS */
	ice_stream_down(s.a->ice, s.a->ice->relays[0]->base, s.w.now);
	ice_world_run(&s.w, s.w.now + SLUICE_S);
	ck_assert_int_eq(ice_state(s.a->ice), ICE_DISCONNECTED);
	ck_assert_uint_eq(ice_local_count(s.a->ice), 0);
	ck_assert(!ice_world_send(&s.w, s.a));
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_a_restart_keeps_the_allocation) {
	struct scene s;
	behind(&s, NAT_SYMMETRIC, NAT_SYMMETRIC, with_turn(true), with_turn(false));
	scene_exchange(&s);
	ice_world_run(&s.w, s.w.now + 5 * SLUICE_S);
	scene_talk(&s, 1);
	uint64_t allocations = turn_server_stats(s.w.turn).allocate;
	s.a->trickled = s.a->told_count;
	s.b->trickled = s.b->told_count;
	ck_assert_int_eq(ice_restart(s.a->ice), 0);
	ck_assert_int_eq(ice_restart(s.b->ice), 0);
	ice_gather(s.a->ice, s.w.now);
	ice_gather(s.b->ice, s.w.now);
	ice_world_settle(&s.w);
	ck_assert_uint_eq(s.a->told_count, 6);
	scene_exchange(&s);
	unsigned routes = s.a->routes;
	ck_assert(ICE_UNTIL(&s.w, s.w.now + 10 * SLUICE_S, s.a->routes > routes));
	ice_world_run(&s.w, s.w.now + 10 * SLUICE_S);
	scene_talk(&s, 2);
	ck_assert_uint_eq(turn_server_stats(s.w.turn).allocate, allocations);
	ck_assert_uint_eq(s.a->state_at[ICE_DISCONNECTED], NEVER);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_wrong_credentials_end_gathering_without_a_relay) {
	struct scene s;
	struct ice_server server = server_entry;
	server.password = "wrong";
	struct ice_config config = {.controlling = true, .servers = &server, .server_count = 1};
	behind(&s, NAT_FULL_CONE, NAT_FULL_CONE, config, with_turn(false));
	ck_assert_uint_eq(s.a->told_count, 1);
	ck_assert_uint_le(s.a->gathered_at, s.start + 3 * RTT);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_the_allocation_dies_with_its_socket) {
	struct scene s;
	behind(&s, NAT_FULL_CONE, NAT_FULL_CONE, with_turn(true), with_turn(false));
	ice_world_unplug(&s.w, s.a, s.w.ifaces[1].socket);
	ice_world_run(&s.w, s.w.now + SLUICE_S);
	ck_assert_uint_eq(ice_local_count(s.a->ice), 0);
	ck_assert_uint_eq(s.a->ice->relay_count, 0);
	ice_world_close(&s.w);
}
END_TEST

SUITE("ice relay", test_an_allocation_gives_a_relayed_and_a_reflexive_candidate_in_two_round_trips,
      test_two_symmetric_nats_meet_at_the_relay, test_relay_only_tells_and_uses_nothing_else,
      test_a_direct_way_is_preferred_to_the_relay, test_a_direct_way_that_opens_later_takes_over_from_the_relay,
      test_a_stream_to_the_server_is_asked_for_and_closed_at_the_end, test_a_stream_that_goes_takes_its_candidate_with_it,
      test_a_restart_keeps_the_allocation, test_wrong_credentials_end_gathering_without_a_relay,
      test_the_allocation_dies_with_its_socket)
