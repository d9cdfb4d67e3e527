/* Behind which NATs do agents find each other, and what keeps a path alive when the network or the session changes? */
#include <stdio.h>

#include "base/address.h"
#include "ice_kit.h"

#include "ice/agent.h"

static const struct ice_server stun_servers[] = {{.host = "192.0.2.1"}, {.host = "192.0.2.2", .port = 3479}};

static void hosts(struct scene *s, struct ice_config a, struct ice_config b) {
	scene_init(s, a, b);
	scene_side_by_side(s);
}

static void connected_hosts(struct scene *s) {
	hosts(s, (struct ice_config){.controlling = true}, (struct ice_config){0});
	ice_world_introduce(&s->w, s->a, s->b);
	ice_world_run(&s->w, s->start + SLUICE_S);
	ck_assert_int_eq(ice_state(s->a->ice), ICE_COMPLETED);
	ck_assert_int_eq(ice_state(s->b->ice), ICE_COMPLETED);
}

/* ---- NATs ---- */

static void behind(struct scene *s, enum nat_kind a, enum nat_kind b) {
	struct ice_config config = {.servers = stun_servers, .server_count = 2};
	scene_init(s, config, config);
	ice_world_stun(&s->w, "192.0.2.1", 3478);
	ice_world_stun(&s->w, "192.0.2.2", 3479);
	ice_set_controlling(s->a->ice, true);
	scene_behind(s, a, b);
	scene_gather_all(s);
}

START_TEST(test_servers_are_asked_in_parallel_and_one_round_trip_is_all_it_takes) {
	struct scene s;
	behind(&s, NAT_SYMMETRIC, NAT_FULL_CONE);
	ck_assert_uint_eq(s.a->gathered_at, s.start + RTT);
	ck_assert_uint_eq(s.a->told_count, 3); /* host, and one from each server: it is symmetric */
	ck_assert_uint_eq(s.b->told_count, 2); /* both servers saw the same */
	ck_assert_int_eq(s.b->told[0].type, CANDIDATE_HOST);
	ck_assert_int_eq(s.b->told[1].type, CANDIDATE_SRFLX);
	ck_assert(address_equal(&s.b->told[1].related, &s.b->told[0].addr));
	ck_assert_str_ne(s.b->told[0].foundation, s.b->told[1].foundation);
	struct candidate reflexive, preferred;
	ck_assert(ice_local(s.b->ice, 1, &reflexive) && ice_default_candidate(s.b->ice, &preferred));
	ck_assert_str_eq(preferred.foundation, reflexive.foundation);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_the_nats_that_can_be_crossed_are_crossed) {
	static const bool works[4][4] = {
		[NAT_FULL_CONE] = {true, true, true, true},
		[NAT_ADDRESS_RESTRICTED] = {true, true, true, true},
		[NAT_PORT_RESTRICTED] = {true, true, true, false},
		[NAT_SYMMETRIC] = {true, true, false, false},
	};
	for (int a = 0; a < 4; a++) {
		for (int b = 0; b < 4; b++) {
			struct scene s;
			behind(&s, (enum nat_kind)a, (enum nat_kind)b);
			scene_exchange(&s);
			uint64_t told = s.w.now;
			bool found = ICE_UNTIL(&s.w, told + 20 * SLUICE_S, scene_is_routed(&s));
			ck_assert_msg(found == works[a][b], "%d %d", a, b);
			if (found) {
				ice_world_run(&s.w, s.w.now + SLUICE_S);
				struct ice_pair_stats p;
				ck_assert(ice_selected(s.a->ice, &p) && p.nominated);
				ck_assert_int_ne(p.local.type, CANDIDATE_HOST);
				ck_assert_uint_le(s.a->route_at, told + 5 * RTT);
			}
			ice_world_close(&s.w);
		}
	}
}
END_TEST

START_TEST(test_two_behind_one_nat_use_their_host_candidates) {
	struct scene s;
	struct ice_config config = {.servers = stun_servers, .server_count = 1};
	scene_init(&s, config, config);
	ice_set_controlling(s.a->ice, true);
	ice_world_stun(&s.w, "192.0.2.1", 3478);
	int nat = ice_world_nat(&s.w, NAT_PORT_RESTRICTED, "198.51.100.1", true);
	ice_world_socket(&s.w, s.a, "10.0.0.1", 5000, nat, 65535, NULL);
	ice_world_socket(&s.w, s.b, "10.0.0.2", 6000, nat, 65535, NULL);
	ice_world_introduce(&s.w, s.a, s.b);
	ice_world_run(&s.w, s.start + 3 * SLUICE_S);
	ck_assert(address_equal(&s.a->route.remote, &s.b->told[0].addr));
	ck_assert(address_equal(&s.b->route.remote, &s.a->told[0].addr));
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_a_silent_server_is_given_up_and_others_count) {
	struct scene s;
	struct ice_config config = {.servers = stun_servers, .server_count = 2};
	scene_init(&s, config, config);
	ice_world_stun(&s.w, "192.0.2.2", 3479);
	int nat = ice_world_nat(&s.w, NAT_FULL_CONE, "198.51.100.1", false);
	ice_world_socket(&s.w, s.a, "10.0.0.1", 5000, nat, 65535, NULL);
	ice_gather(s.a->ice, s.w.now);
	ck_assert(ICE_UNTIL(&s.w, s.start + SLUICE_S, s.a->told_count == 2));
	ck_assert_uint_eq(s.w.now, s.start + RTT);
	ck_assert(ICE_UNTIL(&s.w, s.start + 20 * SLUICE_S, s.a->gathered_at != NEVER));
	ck_assert_uint_eq(s.a->gathered_at, s.start + 9500 * SLUICE_MS);
	/* While nobody uses it, the binding is kept open. */
	uint64_t requests = s.a->requests;
	ice_world_run(&s.w, s.start + 60 * SLUICE_S);
	ck_assert_uint_eq(s.a->requests, requests + 3);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_a_server_by_name_is_asked_when_the_name_is_known) {
	struct scene s;
	struct ice_server named = {.host = "stun.example.org"};
	scene_init(&s, (struct ice_config){.servers = &named, .server_count = 1},
	           (struct ice_config){.servers = &named, .server_count = 1});
	ice_world_stun(&s.w, "192.0.2.1", 3478);
	int nat = ice_world_nat(&s.w, NAT_FULL_CONE, "198.51.100.1", false);
	ice_world_socket(&s.w, s.a, "10.0.0.1", 5000, nat, 65535, NULL);
	ice_world_socket(&s.w, s.b, "10.0.0.2", 5000, nat, 65535, NULL);
	s.a->names = ice_world_address("192.0.2.1", 0);
	ice_gather(s.a->ice, s.w.now);
	ice_gather(s.b->ice, s.w.now); /* the name is unknown to b */
	ice_world_run(&s.w, s.start + RTT);
	ck_assert_uint_eq(s.a->told_count, 2);
	ck_assert_uint_eq(s.a->gathered_at, s.start + RTT);
	ck_assert_uint_eq(s.b->told_count, 1);
	ck_assert_uint_eq(s.b->gathered_at, s.start);
	ice_world_close(&s.w);
}
END_TEST

/* ---- consent ---- */

START_TEST(test_silence_is_told_after_seconds_and_ends_in_failure) {
	struct scene s;
	connected_hosts(&s);
	ice_world_run(&s.w, s.start + 60 * SLUICE_S);
	ck_assert_int_eq(ice_state(s.a->ice), ICE_COMPLETED);
	uint64_t cut = s.w.now;
	s.w.loss = 1;
	ck_assert(ICE_UNTIL(&s.w, cut + 60 * SLUICE_S, s.a->state_at[ICE_DISCONNECTED] != NEVER));
	ck_assert_uint_ge(s.w.now, cut + SLUICE_S);
	ck_assert_uint_le(s.w.now, cut + 11 * SLUICE_S); /* a check may be 6 s away */
	ck_assert(ICE_UNTIL(&s.w, cut + 60 * SLUICE_S, s.a->state_at[ICE_FAILED] != NEVER));
	ck_assert_uint_ge(s.w.now, cut + 24 * SLUICE_S);
	ck_assert_uint_le(s.w.now, cut + 30 * SLUICE_S);
	sluice_path path;
	ck_assert(!ice_route(s.a->ice, &path));
	ice_world_run(&s.w, cut + 60 * SLUICE_S);
	uint64_t requests = s.a->requests;
	ice_world_run(&s.w, cut + 120 * SLUICE_S);
	ck_assert_uint_eq(s.a->requests, requests); /* RFC 7675: nothing more is sent */
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_consent_is_asked_for_every_five_seconds_or_so) {
	struct scene s;
	connected_hosts(&s);
	uint64_t before = s.a->requests;
	ice_world_run(&s.w, s.w.now + 1000 * SLUICE_S);
	ck_assert_uint_ge(s.a->requests - before, 1000 / 6);
	ck_assert_uint_le(s.a->requests - before, 1000 / 4);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_a_short_outage_is_survived) {
	struct scene s;
	connected_hosts(&s);
	uint64_t cut = s.w.now;
	s.w.loss = 1;
	ice_world_run(&s.w, cut + 15 * SLUICE_S);
	ck_assert_int_eq(ice_state(s.a->ice), ICE_DISCONNECTED);
	ck_assert(ice_world_send(&s.w, s.a)); /* consent still holds */
	s.w.loss = 0;
	ck_assert(ICE_UNTIL(&s.w, cut + 30 * SLUICE_S, ice_state(s.a->ice) == ICE_COMPLETED));
	ck_assert_uint_le(s.w.now, cut + 15 * SLUICE_S + SLUICE_S + RTT);
	ice_world_close(&s.w);
}
END_TEST

/* ---- a changed network ---- */

static void two_ways(struct scene *s, uint32_t *first) {
	hosts(s, (struct ice_config){.controlling = true}, (struct ice_config){0});
	ice_world_socket(&s->w, s->a, "10.0.5.1", 5001, -1, 60000, NULL);
	*first = s->w.ifaces[0].socket;
	ice_world_introduce(&s->w, s->a, s->b);
	ice_world_run(&s->w, s->start + SLUICE_S);
	ck_assert_uint_eq(s->a->route.socket, *first);
}

START_TEST(test_when_a_socket_goes_another_valid_pair_takes_over_at_once) {
	struct scene s;
	uint32_t first;
	two_ways(&s, &first);
	uint64_t cut = s.w.now;
	ice_world_unplug(&s.w, s.a, first);
	ice_world_settle(&s.w);
	ice_advance(s.a->ice, s.w.now);
	ice_world_settle(&s.w);
	sluice_path path;
	ck_assert(ice_route(s.a->ice, &path) && path.socket != first);
	ck_assert(ICE_UNTIL(&s.w, cut + 5 * SLUICE_S, address_equal(&s.b->route.remote, &s.a->told[1].addr)));
	ck_assert_uint_eq(s.a->state_at[ICE_DISCONNECTED], NEVER);
	ice_world_run(&s.w, cut + 20 * SLUICE_S);
	struct ice_pair_stats p;
	ck_assert(ice_selected(s.a->ice, &p) && p.nominated);
	ck_assert(ice_selected(s.b->ice, &p) && p.nominated);
	ice_world_close(&s.w);
}
END_TEST

static bool drop_first(struct ice_world *w, int from, const struct sockaddr_storage *to, uint8_t *data, size_t *len, void *ctx) {
	(void)data, (void)len, (void)ctx;
	return from != 0 && !address_equal(to, &w->ifaces[0].addr);
}

START_TEST(test_when_a_pair_falls_silent_another_valid_one_takes_over) {
	struct scene s;
	uint32_t first;
	two_ways(&s, &first);
	uint64_t cut = s.w.now;
	s.w.filter = drop_first;
	ck_assert(ICE_UNTIL(&s.w, cut + 20 * SLUICE_S,
	                    s.a->route.socket != first && address_equal(&s.b->route.remote, &s.a->told[1].addr)));
	ck_assert_uint_le(s.w.now, cut + 8 * SLUICE_S);
	ice_world_run(&s.w, cut + 60 * SLUICE_S);
	ck_assert_uint_eq(s.a->state_at[ICE_FAILED], NEVER);
	struct ice_pair_stats p;
	ck_assert(ice_selected(s.a->ice, &p) && p.nominated && p.selected);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_a_new_network_after_the_only_one_went_brings_the_session_back) {
	struct scene s;
	connected_hosts(&s);
	ice_world_unplug(&s.w, s.a, s.w.ifaces[0].socket);
	ice_world_run(&s.w, s.w.now + 2 * SLUICE_S);
	ck_assert_int_eq(ice_state(s.a->ice), ICE_DISCONNECTED);
	ck_assert(!ice_world_send(&s.w, s.a));
	uint64_t back = s.w.now;
	ice_world_socket(&s.w, s.a, "10.0.7.7", 7000, -1, 65535, NULL);
	ck_assert(ICE_UNTIL(&s.w, back + 5 * SLUICE_S, ice_world_send(&s.w, s.a)));
	ck_assert_uint_eq(s.w.now, back + RTT);
	ck_assert(ICE_UNTIL(&s.w, back + 10 * SLUICE_S, address_port(&s.b->route.remote) == 7000));
	ice_world_run(&s.w, back + 20 * SLUICE_S);
	ck_assert_int_eq(ice_state(s.a->ice), ICE_COMPLETED);
	ck_assert_uint_eq(s.b->state_at[ICE_FAILED], NEVER);
	ice_world_close(&s.w);
}
END_TEST

static void set_running(struct scene *s, struct ice_agent *a, size_t iface, bool running) {
	s->w.ifaces[iface].down = !running;
	ice_set_local_running(a->ice, s->w.ifaces[iface].socket, running);
}

START_TEST(test_while_a_socket_sleeps_another_pair_is_used_and_nothing_is_forgotten) {
	struct scene s;
	uint32_t first;
	two_ways(&s, &first);
	uint64_t cut = s.w.now;
	size_t pairs = ice_pair_count(s.a->ice);
	set_running(&s, s.a, 0, false);
	ice_world_settle(&s.w);
	ice_advance(s.a->ice, s.w.now);
	ice_world_settle(&s.w);
	ck_assert_uint_ne(s.a->route.socket, first);
	ck_assert(ICE_UNTIL(&s.w, cut + 5 * SLUICE_S, address_equal(&s.b->route.remote, &s.a->told[1].addr)));
	ice_world_run(&s.w, cut + 60 * SLUICE_S);
	ck_assert_uint_eq(ice_pair_count(s.a->ice), pairs);
	set_running(&s, s.a, 0, true);
	set_running(&s, s.a, 2, false);
	cut = s.w.now;
	ck_assert(ICE_UNTIL(&s.w, cut + 5 * SLUICE_S, s.a->route.socket == first));
	ck_assert_uint_le(s.w.now, cut + 2 * RTT);
	ck_assert_uint_eq(s.a->state_at[ICE_DISCONNECTED], NEVER);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_the_only_sockets_of_both_sides_may_sleep_for_a_moment) {
	for (uint64_t moment = 100 * SLUICE_MS; moment < 25 * SLUICE_S; moment += 700 * SLUICE_MS) {
		struct scene s;
		connected_hosts(&s);
		ice_world_run(&s.w, s.w.now + 100 * SLUICE_S);
		set_running(&s, s.a, 0, false);
		set_running(&s, s.b, 1, false);
		ck_assert(ice_world_send(&s.w, s.a)); /* into the void; the route stays */
		ice_world_run(&s.w, s.w.now + moment);
		set_running(&s, s.a, 0, true);
		set_running(&s, s.b, 1, true);
		ice_world_run(&s.w, s.w.now + 2 * RTT);
		ck_assert_int_eq(ice_state(s.a->ice), ICE_COMPLETED);
		ck_assert_int_eq(ice_state(s.b->ice), ICE_COMPLETED);
		if (moment < 5 * SLUICE_S - 2 * RTT)
			ck_assert_uint_eq(s.a->state_at[ICE_DISCONNECTED], NEVER);
		ck_assert(ice_world_send(&s.w, s.a) && ice_world_send(&s.w, s.b));
		ice_world_close(&s.w);
	}
}
END_TEST

START_TEST(test_a_session_without_any_socket_waits_for_one_until_consent_expires) {
	for (int comes_back = 0; comes_back < 2; comes_back++) {
		struct scene s;
		connected_hosts(&s);
		ice_world_run(&s.w, s.w.now + 100 * SLUICE_S);
		uint64_t cut = s.w.now;
		ice_world_unplug(&s.w, s.a, s.w.ifaces[0].socket);
		ice_world_run(&s.w, cut + 23 * SLUICE_S); /* b has had its last answer up to six seconds before */
		ck_assert_int_eq(ice_state(s.a->ice), ICE_DISCONNECTED);
		if (comes_back)
			ice_world_socket(&s.w, s.a, "10.0.7.7", 7000, -1, 65535, NULL);
		ice_world_run(&s.w, cut + 31 * SLUICE_S);
		ck_assert_int_eq(ice_state(s.a->ice), comes_back ? ICE_COMPLETED : ICE_FAILED);
		ck_assert_int_eq(ice_state(s.b->ice), comes_back ? ICE_COMPLETED : ICE_FAILED);
		ice_world_close(&s.w);
	}
}
END_TEST

/* ---- restart ---- */

static void give_restart(struct scene *s) {
	ice_gather(s->a->ice, s->w.now);
	ice_gather(s->b->ice, s->w.now);
	s->a->trickled = s->a->told_count;
	s->b->trickled = s->b->told_count;
	ice_world_settle(&s->w);
	scene_exchange(s);
}

START_TEST(test_a_restart_keeps_data_flowing_until_the_new_pair_is_valid) {
	struct scene s;
	connected_hosts(&s);
	char ufrag[ICE_UFRAG_MAX];
	strcpy(ufrag, ice_ufrag(s.a->ice));
	unsigned routes = s.a->routes;
	ck_assert_int_eq(ice_restart(s.a->ice), 0);
	ck_assert_str_ne(ufrag, ice_ufrag(s.a->ice));
	ck_assert_int_eq(ice_gathering(s.a->ice), ICE_GATHERING_NEW);
	ice_world_run(&s.w, s.w.now + 20 * SLUICE_S); /* the answer takes its time; consent goes on */
	ck_assert(ice_world_send(&s.w, s.a) && ice_world_send(&s.w, s.b));
	ck_assert_uint_eq(s.a->routes, routes);
	ck_assert_int_eq(ice_restart(s.b->ice), 0);
	give_restart(&s);
	uint64_t told = s.w.now;
	ck_assert(ice_world_send(&s.w, s.a) && ice_world_send(&s.w, s.b));
	ck_assert(ICE_UNTIL(&s.w, told + 5 * SLUICE_S, s.a->routes > routes && s.b->routes > routes));
	ck_assert_uint_eq(s.w.now, told + RTT);
	ck_assert(ice_world_send(&s.w, s.a) && ice_world_send(&s.w, s.b));
	ice_world_run(&s.w, told + 10 * SLUICE_S);
	ck_assert_uint_eq(s.a->data_received, 3);
	ck_assert_uint_eq(s.b->data_received, 3);
	ck_assert_ptr_null(s.a->ice->before);
	ck_assert_int_eq(ice_state(s.a->ice), ICE_COMPLETED);
	ck_assert_uint_eq(s.a->state_at[ICE_DISCONNECTED], NEVER);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_new_credentials_of_the_other_side_are_a_restart_here_too) {
	struct scene s;
	connected_hosts(&s);
	char ufrag[ICE_UFRAG_MAX];
	strcpy(ufrag, ice_ufrag(s.b->ice));
	ck_assert_int_eq(ice_restart(s.a->ice), 0);
	ice_gather(s.a->ice, s.w.now);
	s.a->trickled = s.a->told_count;
	s.b->trickled = s.b->told_count;
	ice_world_settle(&s.w);
	ice_world_give(s.a, s.b);
	ice_world_settle(&s.w);
	ck_assert_str_ne(ufrag, ice_ufrag(s.b->ice));
	ck_assert_uint_eq(s.b->told_count, 2);
	ice_world_give(s.b, s.a);
	unsigned routes = s.a->routes;
	ck_assert(ICE_UNTIL(&s.w, s.w.now + SLUICE_S, s.a->routes > routes));
	ice_world_run(&s.w, s.w.now + 10 * SLUICE_S);
	ck_assert_int_eq(ice_state(s.a->ice), ICE_COMPLETED);
	ck_assert_int_eq(ice_state(s.b->ice), ICE_COMPLETED);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_a_restart_can_be_taken_back) {
	struct scene s;
	connected_hosts(&s);
	char ufrag[ICE_UFRAG_MAX];
	strcpy(ufrag, ice_ufrag(s.a->ice));
	ck_assert_int_eq(ice_restart(s.a->ice), 0);
	ice_gather(s.a->ice, s.w.now);
	ice_world_run(&s.w, s.w.now + 10 * SLUICE_S);
	ice_restart_undo(s.a->ice);
	ck_assert_str_eq(ufrag, ice_ufrag(s.a->ice));
	ck_assert_uint_eq(ice_local_count(s.a->ice), 1);
	ice_world_run(&s.w, s.w.now + 60 * SLUICE_S);
	ck_assert_int_eq(ice_state(s.a->ice), ICE_COMPLETED);
	ck_assert(ice_world_send(&s.w, s.a));
	/* Once the other side's password is set there is no way back. */
	ck_assert_int_eq(ice_restart(s.a->ice), 0);
	ck_assert_int_eq(ice_restart(s.b->ice), 0);
	give_restart(&s);
	ice_restart_undo(s.a->ice);
	ck_assert_str_ne(ufrag, ice_ufrag(s.a->ice));
	ice_world_close(&s.w);
}
END_TEST

/* Sends b a check by the named credentials of b's, as a's new generation from a new port of a. */
static void check_by(struct scene *s, const char *b_ufrag, const char *b_pwd, const sluice_path *path) {
	uint8_t space[512], id[STUN_ID_SIZE] = {1, 2, 3};
	char username[2 * ICE_UFRAG_MAX];
	struct stun_writer w;
	snprintf(username, sizeof username, "%s:%s", b_ufrag, ice_ufrag(s->a->ice));
	stun_begin(&w, space, sizeof space, STUN_REQUEST, STUN_BINDING, id);
	stun_put(&w, STUN_ATTR_USERNAME, username, strlen(username));
	stun_put32(&w, STUN_ATTR_PRIORITY, 1853824767);
	stun_put64(&w, STUN_ATTR_ICE_CONTROLLING, 1);
	sluice_datagram d = {.data = space, .len = stun_end(&w, b_pwd, strlen(b_pwd), true)};
	sluice_path from = *path;
	ck_assert_int_eq(ice_input(s->b->ice, &from, &d, s->w.now), ICE_TAKEN);
	ice_world_settle(&s->w);
}

/* Browsers do so while the answer is under way, and Chromium goes on with it afterwards. `early`: the first such check is there
 * before the offer of the restart. */
static void restart_checked_by_old_credentials(bool early) {
	struct scene s;
	char ufrag[ICE_UFRAG_MAX], pwd[ICE_UFRAG_MAX];
	connected_hosts(&s);
	strcpy(ufrag, ice_ufrag(s.b->ice));
	strcpy(pwd, ice_pwd(s.b->ice));
	ice_world_socket(&s.w, s.a, "10.0.0.1", 5050, -1, 65535, NULL);
	sluice_path path = {.remote = ice_world_address("10.0.0.1", 5050), .remote_len = s.b->route.remote_len};
	path.socket = s.b->route.socket;
	ck_assert_int_eq(ice_restart(s.a->ice), 0);
	ice_gather(s.a->ice, s.w.now);
	if (early)
		check_by(&s, ufrag, pwd, &path);
	ice_set_remote(s.b->ice, ice_ufrag(s.a->ice), ice_pwd(s.a->ice), false);
	ice_world_settle(&s.w);
	if (!early)
		check_by(&s, ufrag, pwd, &path);
	ck_assert(ice_admits(s.b->ice, &path));
	ice_set_remote(s.a->ice, ice_ufrag(s.b->ice), ice_pwd(s.b->ice), false);
	uint64_t told = s.w.now;
	ck_assert(ICE_UNTIL(&s.w, told + 5 * SLUICE_S, address_equal(&s.b->route.remote, &path.remote)));
	ck_assert_uint_eq(s.w.now, told + RTT); /* b's own checks went there at once */
	/* Answered as long as they come. */
	for (int i = 0; i < 60; i++) {
		uint64_t discarded = s.b->ice->stats.discarded;
		ice_world_run(&s.w, s.w.now + SLUICE_S);
		check_by(&s, ufrag, pwd, &path);
		ck_assert_uint_eq(s.b->ice->stats.discarded, discarded);
	}
	ice_world_run(&s.w, s.w.now + 40 * SLUICE_S);
	ck_assert_ptr_null(s.b->ice->before);
	ck_assert_uint_eq(s.b->state_at[ICE_DISCONNECTED], NEVER);
	ck_assert(ice_world_send(&s.w, s.a) && ice_world_send(&s.w, s.b));
	ice_world_close(&s.w);
}

START_TEST(test_checks_of_a_restart_that_use_our_credentials_before_it_are_of_the_new_session) {
	restart_checked_by_old_credentials(false);
	restart_checked_by_old_credentials(true);
}
END_TEST

START_TEST(test_a_restart_revives_a_failed_agent) {
	struct scene s;
	connected_hosts(&s);
	s.w.loss = 1;
	ice_world_run(&s.w, s.w.now + 60 * SLUICE_S);
	ck_assert_int_eq(ice_state(s.a->ice), ICE_FAILED);
	ck_assert_int_eq(ice_state(s.b->ice), ICE_FAILED);
	s.w.loss = 0;
	ck_assert_int_eq(ice_restart(s.a->ice), 0);
	ck_assert_int_eq(ice_restart(s.b->ice), 0);
	give_restart(&s);
	uint64_t told = s.w.now;
	ck_assert(ICE_UNTIL(&s.w, told + 5 * SLUICE_S,
	                    ice_state(s.a->ice) == ICE_CONNECTED && ice_state(s.b->ice) == ICE_CONNECTED));
	ck_assert_uint_eq(s.w.now, told + RTT);
	ck_assert(ice_world_send(&s.w, s.a));
	ice_world_close(&s.w);
}
END_TEST

/* ---- lite ---- */

static void lite(struct scene *s) {
	hosts(s, (struct ice_config){0}, (struct ice_config){.lite = true});
	scene_gather(s);
	ice_world_give(s->a, s->b);
	ice_set_remote(s->a->ice, ice_ufrag(s->b->ice), ice_pwd(s->b->ice), true);
	ice_world_trickle(s->b, s->a);
}

START_TEST(test_a_lite_agent_answers_and_sends_where_it_was_checked) {
	struct scene s;
	lite(&s);
	ck_assert(ice_is_controlling(s.a->ice));
	ck_assert(ICE_UNTIL(&s.w, s.start + 5 * SLUICE_S, scene_is_routed(&s)));
	ck_assert_uint_eq(s.b->route_at, s.start + RTT / 2);
	ck_assert_uint_eq(s.a->route_at, s.start + RTT);
	ice_world_run(&s.w, s.start + 100 * SLUICE_S);
	ck_assert_int_eq(ice_state(s.a->ice), ICE_COMPLETED);
	ck_assert_int_eq(ice_state(s.b->ice), ICE_COMPLETED);
	ck_assert_uint_eq(s.b->requests, 0);
	struct ice_pair_stats p;
	ck_assert(ice_selected(s.b->ice, &p) && p.nominated);
	ck_assert(ice_selected(s.a->ice, &p) && p.nominated);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_a_lite_agent_notices_silence_by_the_checks_that_do_not_come) {
	struct scene s;
	lite(&s);
	ice_world_run(&s.w, s.start + 10 * SLUICE_S);
	uint64_t cut = s.w.now;
	s.w.loss = 1;
	ck_assert(ICE_UNTIL(&s.w, cut + 60 * SLUICE_S, s.b->state_at[ICE_DISCONNECTED] != NEVER));
	ck_assert_uint_le(s.w.now, cut + 15 * SLUICE_S);
	ck_assert(ICE_UNTIL(&s.w, cut + 60 * SLUICE_S, s.b->state_at[ICE_FAILED] != NEVER));
	ck_assert_uint_le(s.w.now, cut + 30 * SLUICE_S);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_a_closed_agent_is_silent) {
	struct scene s;
	connected_hosts(&s);
	ice_close(s.b->ice);
	uint64_t responses = s.b->responses, requests = s.b->requests;
	ice_world_run(&s.w, s.w.now + 60 * SLUICE_S);
	ck_assert_int_eq(ice_state(s.b->ice), ICE_CLOSED);
	ck_assert_uint_eq(s.b->responses, responses);
	ck_assert_uint_eq(s.b->requests, requests);
	ck_assert_uint_eq(ice_deadline(s.b->ice), NEVER);
	ck_assert_int_eq(ice_state(s.a->ice), ICE_FAILED);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_an_agent_sleeps_when_the_pair_it_was_about_to_nominate_is_gone) {
	struct scene s;
	behind(&s, NAT_FULL_CONE, NAT_FULL_CONE);
	ice_world_introduce(&s.w, s.a, s.b);
	ck_assert(ICE_UNTIL(&s.w, s.w.now + 5 * SLUICE_S,
	                    s.a->ice->current->nominate_at != NEVER)); /* a reflexive pair; a better may come */
	ice_world_unplug(&s.w, s.a, s.w.ifaces[0].socket);
	ice_world_run(&s.w, s.w.now + SLUICE_S);
	ck_assert_uint_gt(ice_deadline(s.a->ice), s.w.now);
	ice_world_close(&s.w);
}
END_TEST

SUITE("ice paths", test_an_agent_sleeps_when_the_pair_it_was_about_to_nominate_is_gone,
      test_servers_are_asked_in_parallel_and_one_round_trip_is_all_it_takes, test_the_nats_that_can_be_crossed_are_crossed,
      test_two_behind_one_nat_use_their_host_candidates, test_a_silent_server_is_given_up_and_others_count,
      test_a_server_by_name_is_asked_when_the_name_is_known, test_silence_is_told_after_seconds_and_ends_in_failure,
      test_consent_is_asked_for_every_five_seconds_or_so, test_a_short_outage_is_survived,
      test_when_a_socket_goes_another_valid_pair_takes_over_at_once, test_when_a_pair_falls_silent_another_valid_one_takes_over,
      test_a_new_network_after_the_only_one_went_brings_the_session_back,
      test_while_a_socket_sleeps_another_pair_is_used_and_nothing_is_forgotten,
      test_the_only_sockets_of_both_sides_may_sleep_for_a_moment,
      test_a_session_without_any_socket_waits_for_one_until_consent_expires,
      test_a_restart_keeps_data_flowing_until_the_new_pair_is_valid,
      test_new_credentials_of_the_other_side_are_a_restart_here_too, test_a_restart_can_be_taken_back,
      test_checks_of_a_restart_that_use_our_credentials_before_it_are_of_the_new_session, test_a_restart_revives_a_failed_agent,
      test_a_lite_agent_answers_and_sends_where_it_was_checked, test_a_lite_agent_notices_silence_by_the_checks_that_do_not_come,
      test_a_closed_agent_is_silent)
