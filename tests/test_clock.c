/* The caller's clock stands still, repeats itself and steps back between the verbs: nothing ends, nothing waits for ever. */
#include <stdio.h>

#include "base/address.h"
#include "sim/caller.h"
#include "sim/clocks.h"
#include "sim/ice_world.h"
#include "suite.h"

#include "ice/agent.h"

#define RTT (100 * SLUICE_MS)

/* ---- whole connections ---- */

static uint64_t does_all_of_it(struct rng *rng, uint64_t last, uint64_t now) {
	static const clock_fn kinds[] = {clock_repeats, clock_steps_back_1ns, clock_steps_back_1s};
	return kinds[rng_below(rng, 3)](rng, last, now);
}

static const clock_fn clocks[] = {clock_repeats, clock_steps_back_1ns, clock_steps_back_1s, does_all_of_it};

struct call {
	struct sim sim;
	struct caller *a, *b;
	struct watch watches[2];
};

static void send_one(struct caller *c, unsigned number) {
	char text[32];
	int len = snprintf(text, sizeof text, "message %u", number);
	ck_assert_int_eq(sluice_channel_send_text(c->channel, text, (size_t)len), 0);
}

static void whole_call(clock_fn kind, uint64_t seed) {
	struct call w;
	sim_init(&w.sim, seed);
	w.a = caller_new(&w.sim, "a", NULL);
	w.b = caller_new(&w.sim, "b", NULL);
	struct caller *both[] = {w.a, w.b};
	for (int i = 0; i < 2; i++) {
		w.watches[i] = (struct watch){.kind = kind, .rng = rng_of(seed, 900 + (uint64_t)i)};
		both[i]->host->clock = watch_read;
		both[i]->host->clock_ctx = &w.watches[i];
	}
	caller_join(w.a, w.b, &(struct link_config){.delay = 20 * SLUICE_MS, .loss = 0.1}, 5 * SLUICE_MS);
	caller_open(w.a, "hello");
	ck_assert_msg(SIM_UNTIL(&w.sim, 20 * SLUICE_S, w.b->received == 1), "a: %s; b: %s", w.a->log, w.b->log);
	/* Longer than any timer of ICE that could be mistaken for over. */
	for (unsigned n = 1; n <= 60; n++) {
		send_one(w.a, n);
		sim_run(&w.sim, w.sim.now + SLUICE_S);
	}
	ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 10 * SLUICE_S, w.b->received == 61));
	ck_assert_int_eq(w.a->state, SLUICE_PEER_CONNECTED);
	ck_assert_int_eq(w.b->state, SLUICE_PEER_CONNECTED);
	ck_assert_ptr_null(strstr(w.a->log, "failed"));
	sluice_peer_stats stats;
	sluice_peer_stats_get(w.a->peer, &stats);
	ck_assert_uint_lt(stats.dtls_connected_after, 20 * SLUICE_S);
	sluice_peer_close(w.a->peer);
	ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 30 * SLUICE_S, caller_is_over(w.a) && caller_is_over(w.b)));
	ck_assert_int_eq(w.a->state, SLUICE_PEER_CLOSED);
	sim_close(&w.sim);
}

START_TEST(test_a_connection_lives_by_a_clock_that_repeats_and_steps_back) {
	for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++)
		for (uint64_t seed = sim_first(1); seed <= sim_last(sim_seeds(5)); seed++)
			whole_call(clocks[i], seed);
}
END_TEST

/* ---- the ICE agent, verb by verb ---- */

static const uint64_t steps[] = {0, 1, SLUICE_S};

static void speak_at(struct ice_agent *a, uint64_t now) {
	uint8_t space[2048];
	sluice_batch b = {.data = space, .capacity = sizeof space};
	for (int n = 1; n > 0;) { /* what leaves here is lost on the way */
		n = ice_output(a->ice, &b, now);
		ck_assert_int_ge(n, 0);
	}
	ck_assert(ice_check(a->ice));
}

static void hear_at(struct ice_agent *a, uint64_t now) {
	uint8_t record[] = {0x17, 0xfe, 0xfd, 0}, stun[20] = {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42};
	sluice_path path = {.socket = a->ice->bases[0].socket, .remote = ice_world_address("192.0.2.9", 3478)};
	path.remote_len = address_len(&path.remote);
	sluice_datagram d = {.data = record, .len = sizeof record};
	ice_input(a->ice, &path, &d, now);
	d = (sluice_datagram){.data = stun, .len = sizeof stun};
	ice_input(a->ice, &path, &d, now);
	ice_note_traffic(a->ice, now);
	ck_assert(ice_check(a->ice));
}

/* Each verb once with every older time. */
static void turn_back(struct ice_world *w, struct ice_agent *a) {
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		uint64_t then = w->now - steps[i];
		ice_advance(a->ice, then);
		hear_at(a, then);
		speak_at(a, then);
		ice_gather(a->ice, then);
		ice_resolved(a->ice, 12345, NULL, 0, then);
		ice_stream_up(a->ice, 12345, ICE_NO_SOCKET, then);
		ice_stream_down(a->ice, 12345, then);
		ck_assert(ice_check(a->ice));
	}
}

static void session_by(bool lite) {
	static const struct ice_server servers[] = {
		{.turn = true, .host = "192.0.2.9", .username = "user", .password = "secret"},
		{.host = "192.0.2.77"}, /* silent */
	};
	const struct ice_config config = {.servers = servers, .server_count = 2};
	struct ice_world w;
	struct memory memory = {0};
	ice_world_init(&w, 1, RTT / 2);
	ice_world_turn(&w, "192.0.2.9", 3478);
	w.now = 5 * SLUICE_S;
	struct ice_agent *a = ice_world_agent(&w, "a", &config, memory), *b = ice_world_agent(&w, "b", &config, memory);
	ice_set_controlling(a->ice, true);
	b->ice->config.lite = lite;
	ice_world_socket(&w, a, "10.0.0.1", 5000, -1, 65535, NULL);
	ice_world_socket(&w, b, "10.0.0.2", 6000, -1, 65535, NULL);
	ice_world_introduce(&w, a, b);
	uint64_t end = w.now + 100 * SLUICE_S, gathered = w.now + 9 * SLUICE_S;
	while (w.now < end) {
		ice_world_run(&w, w.now + 500 * SLUICE_MS);
		turn_back(&w, a);
		turn_back(&w, b);
		ck_assert(w.now >= gathered || a->gathered_at == SLUICE_NEVER);
	}
	ck_assert_uint_eq(a->state_at[ICE_FAILED], SLUICE_NEVER);
	ck_assert_uint_eq(b->state_at[ICE_FAILED], SLUICE_NEVER);
	ck_assert_uint_eq(a->state_at[ICE_DISCONNECTED], SLUICE_NEVER);
	ck_assert_uint_eq(b->state_at[ICE_DISCONNECTED], SLUICE_NEVER);
	ck_assert(ice_world_send(&w, a) && ice_world_send(&w, b));
	ck_assert_int_eq(turn_state(a->ice->relays[0]->turn), TURN_READY);
	ice_world_close(&w);
}

START_TEST(test_every_verb_of_the_ice_agent_takes_an_older_time) {
	session_by(false);
	session_by(true);
}
END_TEST

SUITE("clock", test_a_connection_lives_by_a_clock_that_repeats_and_steps_back,
      test_every_verb_of_the_ice_agent_takes_an_older_time)
