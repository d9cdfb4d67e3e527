/* Closing a peer: while its channels are paused and the other side still has something to say, and while it gathers. */
#include <netinet/in.h>

#include "sim/caller.h"
#include "suite.h"

#define MESSAGES 200
#define MESSAGE_SIZE 60000 /* 12 MB: several times the receive window */

struct call {
	struct sim sim;
	struct caller *a, *b;
};

/* b has much to say and a, paused, has let its window fill. */
static void full_window(struct call *c, const struct link_config *link) {
	static const uint8_t message[MESSAGE_SIZE];
	sluice_peer_config config;
	sluice_peer_config_init(&config);
	config.sctp.receive_window = config.sctp.receive_window_max = 1u << 20;
	sim_init(&c->sim, 1);
	c->a = caller_new(&c->sim, "a", &config);
	c->b = caller_new(&c->sim, "b", NULL);
	caller_join(c->a, c->b, link, 0);
	caller_open(c->a, "hello");
	ck_assert(SIM_UNTIL(&c->sim, 10 * SLUICE_S, c->b->received == 1));
	sluice_channel_pause(c->a->channel);
	sluice_channel_set_high_water(c->b->channel, UINT64_MAX);
	for (int i = 0; i < MESSAGES; i++)
		ck_assert_int_eq(sluice_channel_send(c->b->channel, message, sizeof message), 0);
	sim_run(&c->sim, c->sim.now + 20 * SLUICE_S);
	ck_assert_uint_eq(c->a->received, 0);
}

static void ck_closed_in_order(struct call *c) {
	ck_assert_int_eq(c->a->state, SLUICE_PEER_CLOSED);
	ck_assert_int_eq(c->b->state, SLUICE_PEER_CLOSED);
	ck_assert_int_eq(sluice_peer_error(c->a->peer, NULL), 0);
	ck_assert_int_eq(sluice_peer_error(c->b->peer, NULL), 0);
	ck_assert_uint_eq(c->a->received, MESSAGES);
}

START_TEST(test_a_close_ends_pauses_and_what_the_other_side_accepted_arrives) {
	static struct call c;
	full_window(&c, &(struct link_config){.delay = 10 * SLUICE_MS});
	sluice_peer_close(c.a->peer);
	SIM_UNTIL(&c.sim, c.sim.now + 20 * SLUICE_S, c.a->ended_at != SLUICE_NEVER && c.b->ended_at != SLUICE_NEVER);
	ck_closed_in_order(&c);
	sim_close(&c.sim);
}
END_TEST

START_TEST(test_no_pause_begins_behind_a_close) {
	static struct call c;
	full_window(&c, &(struct link_config){.delay = 10 * SLUICE_MS});
	sluice_peer_close(c.a->peer);
	sluice_channel_pause(c.a->channel);
	SIM_UNTIL(&c.sim, c.sim.now + 50 * SLUICE_MS, c.a->received > 0);
	ck_assert_uint_gt(c.a->received, 0);
	sluice_channel_pause(c.a->channel);
	SIM_UNTIL(&c.sim, c.sim.now + 20 * SLUICE_S, c.a->ended_at != SLUICE_NEVER && c.b->ended_at != SLUICE_NEVER);
	ck_closed_in_order(&c);
	sim_close(&c.sim);
}
END_TEST

START_TEST(test_a_close_by_the_other_side_leaves_a_pause_alone) {
	static struct call c;
	full_window(&c, &(struct link_config){.delay = 10 * SLUICE_MS});
	sluice_peer_close(c.b->peer);
	sim_run(&c.sim, c.sim.now + 60 * SLUICE_S);
	ck_assert_uint_eq(c.a->received, 0);
	ck_assert_int_eq(c.a->state, SLUICE_PEER_CONNECTED);
	ck_assert_int_eq(c.b->state, SLUICE_PEER_CLOSING);
	sluice_channel_resume(c.a->channel);
	SIM_UNTIL(&c.sim, c.sim.now + 20 * SLUICE_S, c.a->ended_at != SLUICE_NEVER && c.b->ended_at != SLUICE_NEVER);
	ck_closed_in_order(&c);
	sim_close(&c.sim);
}
END_TEST

struct heard {
	char text[512];
};

static void hear(struct heard *h, const char *what) {
	strcat(h->text, h->text[0] ? " " : "");
	strcat(h->text, what);
}

static void hear_state(sluice_peer *p, enum sluice_peer_state state, void *user) {
	(void)p;
	hear(user, sluice_peer_state_name(state));
}

static void hear_gathering(sluice_peer *p, enum sluice_gathering_state state, void *user) {
	(void)p;
	hear(user, state == SLUICE_GATHERING_COMPLETE ? "gathered" : "gathering");
}

static void hear_candidate(sluice_peer *p, const char *candidate, const char *mid, void *user) {
	(void)p;
	(void)mid;
	hear(user, candidate ? "candidate" : "end-of-candidates");
}

static void hear_ice(sluice_peer *p, enum sluice_ice_state state, void *user) {
	char text[32] = "ice:";
	(void)p;
	hear(user, strcat(text, sluice_ice_state_name(state)));
}

static void turn(sluice_peer *p, uint64_t now) {
	uint8_t space[4000];
	for (int n = 1; n > 0;) {
		sluice_batch b = {.data = space, .capacity = sizeof space, .max_datagrams = 1};
		sluice_peer_dispatch(p);
		n = sluice_peer_output(p, &b, now);
	}
	sluice_peer_dispatch(p);
}

/* The allocation at the TURN server is still under way, and ends with the peer. */
START_TEST(test_a_peer_that_closes_while_it_gathers_does_not_say_that_it_has_gathered) {
	struct heard h = {""};
	sluice_env *env;
	sluice_peer *p;
	sluice_ice_server server = {.url = "turn:192.0.2.1", .username = "u", .credential = "c"};
	struct sockaddr_in host = {.sin_family = AF_INET, .sin_port = 0x1234, .sin_addr.s_addr = 0x0100000a};
	sluice_peer_config config;
	sluice_peer_config_init(&config);
	config.ice.servers = &server;
	config.ice.server_count = 1;
	config.on_state = hear_state;
	config.on_ice_state = hear_ice;
	config.on_gathering_state = hear_gathering;
	config.on_candidate = hear_candidate;
	config.user = &h;
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	ck_assert_int_eq(sluice_peer_new(env, &config, &p), 0);
	ck_assert_int_eq(sluice_peer_add_local_address(p, SLUICE_UDP, 1, (struct sockaddr *)&host, sizeof host, 1, NULL), 0);
	ck_assert_int_eq(sluice_peer_set_local_description(p, SLUICE_SDP_OFFER, NULL), 0);
	turn(p, SLUICE_S);
	sluice_peer_close(p);
	turn(p, SLUICE_S);
	ck_assert_str_eq(h.text, "gathering candidate closing ice:closed closed");
	sluice_peer_free(p);
	sluice_env_free(env);
}
END_TEST

SUITE("close of a peer", test_a_close_ends_pauses_and_what_the_other_side_accepted_arrives, test_no_pause_begins_behind_a_close,
      test_a_close_by_the_other_side_leaves_a_pause_alone,
      test_a_peer_that_closes_while_it_gathers_does_not_say_that_it_has_gathered)
