/* The TURN server was started again, or a NAT gave us another port: do relayed connections come back? */
#include "ice_kit.h"

#include "ice/agent.h"

static struct ice_server server_entry = {.turn = true, .host = "192.0.2.9", .username = "user", .password = "secret"};

static const struct ice_config with_relay = {.servers = &server_entry, .server_count = 1, .relay_only = true};

/* Both behind NATs and by the relay alone, connected and talking. */
static void relayed(struct scene *s, enum server_transport transport) {
	server_entry.transport = transport;
	server_entry.port = 3478;
	scene_init(s, with_relay, with_relay);
	ice_world_turn(&s->w, "192.0.2.9", 3478);
	ice_set_controlling(s->a->ice, true);
	scene_behind(s, NAT_PORT_RESTRICTED, NAT_PORT_RESTRICTED);
	scene_gather(s);
	ice_world_run(&s->w, s->w.now + SLUICE_S);
	scene_exchange(s);
	ice_world_run(&s->w, s->w.now + 20 * SLUICE_S);
	ck_assert_int_eq(ice_state(s->a->ice), ICE_COMPLETED);
	ck_assert_int_eq(ice_state(s->b->ice), ICE_COMPLETED);
}

/* Candidates cross as they come. */
static bool talks_before(struct scene *s, uint64_t limit) {
	uint64_t a = s->a->data_received, b = s->b->data_received;
	for (uint64_t next = s->w.now; s->w.now < limit; next += 200 * SLUICE_MS) {
		ice_world_trickle(s->a, s->b);
		ice_world_trickle(s->b, s->a);
		ice_world_send(&s->w, s->a);
		ice_world_send(&s->w, s->b);
		ice_world_run(&s->w, next);
		if (s->a->data_received > a && s->b->data_received > b)
			return true;
	}
	return false;
}

static void ck_assert_alive(struct scene *s) {
	ck_assert_uint_eq(s->a->state_at[ICE_FAILED], NEVER);
	ck_assert_uint_eq(s->b->state_at[ICE_FAILED], NEVER);
	ck_assert(talks_before(s, s->w.now + 2 * SLUICE_S));
	ck_assert_uint_eq(turn_server_stats(s->w.turn).allocations, 2);
	ck_assert(ice_check(s->a->ice) && ice_check(s->b->ice));
}

static void let_nat_rebind(struct scene *s, int i) {
	s->w.nats[s->nats[i]].mapping_count = 0;
}

static void restart(struct scene *s) {
	ck_assert_int_eq(ice_restart(s->a->ice), 0);
	ck_assert_int_eq(ice_restart(s->b->ice), 0);
	s->a->trickled = s->a->told_count;
	s->b->trickled = s->b->told_count;
	s->a->gathered_at = s->b->gathered_at = NEVER;
	scene_gather(s);
}

START_TEST(test_a_restart_behind_a_server_that_forgot_brings_the_relay_back) {
	for (int transport = SERVER_UDP; transport <= SERVER_TLS; transport++) {
		struct scene s;
		relayed(&s, (enum server_transport)transport);
		turn_server_forget(s.w.turn);
		uint64_t begin = s.w.now;
		restart(&s);
		scene_exchange(&s);
		ck_assert(talks_before(&s, begin + 3 * SLUICE_S));
		ck_assert_alive(&s);
		ice_world_close(&s.w);
	}
}
END_TEST

/* Who signals no candidates one by one waits for the end of gathering, and then the description has to name what works. */
START_TEST(test_gathering_of_a_restart_is_complete_when_the_allocations_are_known_to_stand) {
	struct scene s;
	relayed(&s, SERVER_UDP);
	turn_server_forget(s.w.turn);
	restart(&s);
	ck_assert_uint_eq(s.a->gathered_at, NEVER);
	uint64_t begin = s.w.now;
	ck_assert(ICE_UNTIL(&s.w, begin + SLUICE_S, s.a->gathered_at != NEVER && s.b->gathered_at != NEVER));
	ck_assert_uint_le(s.w.now, begin + 3 * RTT);
	ck_assert_uint_eq(ice_local_count(s.a->ice), 1);
	struct candidate only;
	ck_assert(ice_local(s.a->ice, 0, &only) && turn_server_owns(s.w.turn, &only.addr));
	s.a->trickled = s.a->told_count - 1;
	s.b->trickled = s.b->told_count - 1;
	scene_exchange(&s);
	ck_assert(talks_before(&s, s.w.now + SLUICE_S));
	ck_assert_alive(&s);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_gathering_that_was_complete_does_not_begin_again_because_a_server_is_doubted) {
	struct scene s;
	relayed(&s, SERVER_UDP);
	restart(&s);
	scene_exchange(&s);
	ck_assert(ICE_UNTIL(&s.w, s.w.now + SLUICE_S, s.a->gathered_at != NEVER && s.b->gathered_at != NEVER));
	for (int running = 0; running < 2; running++) {
		s.w.ifaces[1].down = !running;
		ice_set_local_running(s.a->ice, s.w.ifaces[1].socket, running);
		ck_assert(!ICE_UNTIL(&s.w, s.w.now + SLUICE_S, ice_gathering(s.a->ice) != ICE_GATHERING_COMPLETE));
	}
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_gathering_of_a_restart_does_not_wait_for_a_silent_server_for_ever) {
	struct scene s;
	relayed(&s, SERVER_UDP);
	s.w.loss = 1;
	restart(&s);
	uint64_t begin = s.w.now;
	ck_assert(ICE_UNTIL(&s.w, begin + 60 * SLUICE_S, s.a->gathered_at != NEVER));
	ck_assert_uint_le(s.w.now, begin + 9500 * SLUICE_MS);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_a_server_that_forgot_is_noticed_by_the_silence_of_the_pair) {
	struct scene s;
	relayed(&s, SERVER_UDP);
	turn_server_forget(s.w.turn);
	ck_assert(talks_before(&s, s.w.now + 15 * SLUICE_S));
	ck_assert_alive(&s);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_a_rebinding_of_the_nat_towards_the_server_is_noticed_too) {
	for (int which = 0; which < 2; which++) {
		struct scene s;
		relayed(&s, SERVER_UDP);
		let_nat_rebind(&s, which);
		ck_assert(talks_before(&s, s.w.now + 15 * SLUICE_S));
		ck_assert_uint_eq(s.a->state_at[ICE_FAILED], NEVER);
		ck_assert_uint_eq(s.b->state_at[ICE_FAILED], NEVER);
		ice_world_close(&s.w);
	}
}
END_TEST

START_TEST(test_an_outage_on_the_way_to_the_server_keeps_the_relayed_addresses) {
	struct scene s;
	relayed(&s, SERVER_UDP);
	size_t told = s.a->told_count + s.b->told_count;
	s.w.loss = 1;
	ice_world_run(&s.w, s.w.now + 20 * SLUICE_S);
	s.w.loss = 0;
	ck_assert(talks_before(&s, s.w.now + 2 * SLUICE_S));
	ck_assert_alive(&s);
	ck_assert_uint_eq(s.a->told_count + s.b->told_count, told);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_relayed_addresses_survive_the_sleep_of_both_sockets) {
	struct scene s;
	relayed(&s, SERVER_UDP);
	size_t told = s.a->told_count + s.b->told_count;
	for (int running = 0; running < 2; running++) {
		for (int i = 1; i <= 2; i++) { /* 0 is the server's */
			s.w.ifaces[i].down = !running;
			ice_set_local_running((i == 1 ? s.a : s.b)->ice, s.w.ifaces[i].socket, running);
		}
		if (!running)
			ice_world_run(&s.w, s.w.now + 15 * SLUICE_S);
	}
	ck_assert(talks_before(&s, s.w.now + SLUICE_S));
	ck_assert_alive(&s);
	ck_assert_uint_eq(s.a->told_count + s.b->told_count, told);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_a_stream_that_went_down_is_connected_again) {
	struct scene s;
	relayed(&s, SERVER_TLS);
	unsigned streams = s.w.streams;
	turn_server_forget(s.w.turn);
	ice_stream_down(s.a->ice, s.a->ice->relays[0]->base, s.w.now);
	ice_stream_down(s.b->ice, s.b->ice->relays[0]->base, s.w.now);
	ck_assert_uint_eq(ice_local_count(s.a->ice), 0);
	ck_assert(talks_before(&s, s.w.now + 5 * SLUICE_S));
	ck_assert_uint_eq(s.w.streams, streams + 2);
	ck_assert_alive(&s);
	ice_world_close(&s.w);
}
END_TEST

START_TEST(test_allocations_that_cannot_be_made_anew_are_tried_less_and_less) {
	struct scene s;
	relayed(&s, SERVER_TLS);
	s.w.loss = 1;
	unsigned streams = s.w.streams;
	for (int i = 0; i < 120; i++) {
		struct relay *r = s.a->ice->relays[0];
		if (r->base != ICE_NO_SOCKET)
			ice_stream_down(s.a->ice, r->base, s.w.now);
		ice_world_run(&s.w, s.w.now + SLUICE_S);
	}
	ck_assert_uint_le(s.w.streams, streams + 12);
	ice_world_close(&s.w);
}
END_TEST

SUITE("ice relay lost", test_relayed_addresses_survive_the_sleep_of_both_sockets,
      test_a_restart_behind_a_server_that_forgot_brings_the_relay_back,
      test_gathering_of_a_restart_is_complete_when_the_allocations_are_known_to_stand,
      test_gathering_of_a_restart_does_not_wait_for_a_silent_server_for_ever,
      test_gathering_that_was_complete_does_not_begin_again_because_a_server_is_doubted,
      test_a_server_that_forgot_is_noticed_by_the_silence_of_the_pair,
      test_a_rebinding_of_the_nat_towards_the_server_is_noticed_too,
      test_an_outage_on_the_way_to_the_server_keeps_the_relayed_addresses, test_a_stream_that_went_down_is_connected_again,
      test_allocations_that_cannot_be_made_anew_are_tried_less_and_less)
