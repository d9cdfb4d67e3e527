/* Who is the DTLS client when a description does not say it. RFC 4145, 4.1; RFC 5763, 5; RFC 8842, 5. */
#include "sim/caller.h"
#include "suite.h"

struct call {
	struct sim sim;
	struct caller *a, *b; /* offerer, answerer */
	char text[SLUICE_SDP_MAX];
};

static void make_call(struct call *c, bool b_is_passive, bool sped) {
	sluice_peer_config config;
	sluice_peer_config_init(&config);
	config.passive = b_is_passive;
	config.offer_sped = sped;
	sim_init(&c->sim, 1);
	c->a = caller_new(&c->sim, "a", &config);
	c->b = caller_new(&c->sim, "b", &config);
	caller_join(c->a, c->b, &(struct link_config){.delay = 20 * SLUICE_MS}, 0);
	c->a->silent = c->b->silent = true;
	caller_open(c->a, "hello");
	caller_offer(c->a);
	sim_run(&c->sim, c->sim.now + SLUICE_MS);
}

/* The description of `from` without its line of a=setup is given to `to`. */
static void give_without_setup(struct call *c, struct caller *from, struct caller *to) {
	enum sluice_sdp_type type;
	int len = sluice_peer_local_description(from->peer, &type, c->text, sizeof c->text);
	ck_assert_int_gt(len, 0);
	char *line = strstr(c->text, "a=setup:");
	ck_assert_ptr_nonnull(line);
	char *next = strstr(line, "\r\n") + 2;
	memmove(line, next, strlen(next) + 1);
	ck_assert_int_eq(sluice_peer_set_remote_description(to->peer, type, c->text, strlen(c->text)), 0);
}

static void answer_without_setup(bool passive, bool sped, uint64_t within) {
	static struct call c;
	make_call(&c, passive, sped);
	ck_assert_int_eq(caller_give(c.a, c.b), 0);
	ck_assert_int_eq(sluice_peer_set_local_description(c.b->peer, 0, NULL), 0);
	sim_run(&c.sim, c.sim.now + SLUICE_MS);
	give_without_setup(&c, c.b, c.a);
	uint64_t start = c.sim.now;
	ck_assert(SIM_UNTIL(&c.sim, start + 10 * SLUICE_S, c.b->received == 1));
	ck_assert_uint_le(c.sim.now - start, within);
	sim_close(&c.sim);
}

START_TEST(test_an_answer_without_setup_connects_whoever_is_the_client) {
	answer_without_setup(false, false, 500 * SLUICE_MS); /* the answerer speaks, as libwebrtc would understand it */
	answer_without_setup(false, true, 500 * SLUICE_MS);
	answer_without_setup(true, false, 2500 * SLUICE_MS); /* it waits, as RFC 4145 has it */
	answer_without_setup(true, true, 2500 * SLUICE_MS);
}
END_TEST

static enum link_verdict drop_dtls(void *ctx, struct sim_link *link, uint8_t *packet, size_t *len, uint64_t now) {
	(void)link;
	bool embedded = *len > 1 && packet[0] == 0 && *len > 300; /* a check with a record in it */
	bool plain = *len && packet[0] >= 20 && packet[0] <= 63;
	return (embedded || plain) && now < *(uint64_t *)ctx ? LINK_DROP : LINK_PASS;
}

/* What the client says is lost for longer than we wait for it. Two clients would never hear each other. */
START_TEST(test_a_client_that_was_not_heard_in_time_is_answered_all_the_same) {
	for (int sped = 0; sped < 2; sped++) {
		static struct call c;
		static uint64_t until;
		make_call(&c, false, sped);
		ck_assert_int_eq(caller_give(c.a, c.b), 0);
		ck_assert_int_eq(sluice_peer_set_local_description(c.b->peer, 0, NULL), 0);
		sim_run(&c.sim, c.sim.now + SLUICE_MS);
		until = c.sim.now + 4 * SLUICE_S;
		link_filter(sim_link(&c.sim, c.b->host, c.a->host), drop_dtls, &until);
		give_without_setup(&c, c.b, c.a);
		ck_assert(SIM_UNTIL(&c.sim, until + 4 * SLUICE_S, c.b->received == 1));
		sluice_channel *more = NULL;
		ck_assert_int_eq(sluice_peer_open_channel(c.a->peer, &(sluice_channel_config){.label = "more"}, &more), 0);
		ck_assert_int_eq(sluice_channel_id(more) % 2, 1); /* a server's */
		sim_close(&c.sim);
	}
}
END_TEST

START_TEST(test_an_offer_without_setup_is_answered_passively) {
	static struct call c;
	make_call(&c, false, false);
	give_without_setup(&c, c.a, c.b);
	ck_assert_int_eq(sluice_peer_set_local_description(c.b->peer, 0, NULL), 0);
	ck_assert_int_gt(sluice_peer_local_description(c.b->peer, NULL, c.text, sizeof c.text), 0);
	ck_assert_ptr_nonnull(strstr(c.text, "a=setup:passive\r\n"));
	sim_run(&c.sim, c.sim.now + SLUICE_MS);
	ck_assert_int_eq(caller_give(c.b, c.a), 0);
	ck_assert(SIM_UNTIL(&c.sim, c.sim.now + SLUICE_S, c.b->received == 1));
	sim_close(&c.sim);
}
END_TEST

START_TEST(test_a_later_answer_without_setup_changes_no_role) {
	static struct call c;
	make_call(&c, true, false);
	for (int round = 0; round < 3; round++) {
		ck_assert_int_eq(caller_give(c.a, c.b), 0);
		ck_assert_int_eq(sluice_peer_set_local_description(c.b->peer, 0, NULL), 0);
		sim_run(&c.sim, c.sim.now + SLUICE_MS);
		give_without_setup(&c, c.b, c.a);
		sim_run(&c.sim, c.sim.now + 5 * SLUICE_S);
		ck_assert_int_eq(c.a->state, SLUICE_PEER_CONNECTED);
		ck_assert_int_eq(c.b->state, SLUICE_PEER_CONNECTED);
		ck_assert_int_eq(sluice_peer_restart_ice(c.a->peer), 0);
		sim_run(&c.sim, c.sim.now + SLUICE_MS);
		caller_offer(c.a);
	}
	sim_close(&c.sim);
}
END_TEST

SUITE("setup of a peer", test_an_answer_without_setup_connects_whoever_is_the_client,
      test_a_client_that_was_not_heard_in_time_is_answered_all_the_same, test_an_offer_without_setup_is_answered_passively,
      test_a_later_answer_without_setup_changes_no_role)
