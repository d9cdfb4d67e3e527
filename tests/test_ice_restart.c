/* A path is lost: what does the app see, and does a restart of ICE bring the connection back, from DISCONNECTED and from FAILED,
 * by either side? W3C webrtc-pc, 4.3.3 and 5.6; RFC 8445, 9. */
#include "sim/caller.h"
#include "suite.h"

#define RTT (100 * SLUICE_MS)

struct call {
	struct sim sim;
	struct caller *a, *b; /* a offered first */
};

static void cut(struct call *w, bool is_cut) {
	uint64_t to = is_cut ? SLUICE_NEVER : 0;
	sim_link(&w->sim, w->a->host, w->b->host)->config.outage_to = to;
	sim_link(&w->sim, w->b->host, w->a->host)->config.outage_to = to;
}

static void begin(struct call *w, const sluice_peer_config *a, const sluice_peer_config *b) {
	static const struct link_config link = {.delay = RTT / 2};
	memset(w, 0, sizeof *w);
	sim_init(&w->sim, sim_seed(3));
	w->a = caller_new(&w->sim, "a", a);
	w->b = caller_new(&w->sim, "b", b);
	caller_join(w->a, w->b, &link, RTT / 2);
	caller_open(w->a, "hello");
}

static void connect_both(struct call *w, const sluice_peer_config *a, const sluice_peer_config *b) {
	begin(w, a, b);
	ck_assert(SIM_UNTIL(&w->sim, 10 * SLUICE_S, w->b->received == 1));
	sim_run(&w->sim, w->sim.now + SLUICE_S);
	caller_log(w->a);
	caller_log(w->b);
}

static bool both(const struct call *w, enum sluice_peer_state state) {
	return w->a->state == state && w->b->state == state;
}

/* The states of the peer alone, of what was noted. */
static const char *states_of(struct caller *c) {
	static char states[256];
	char log[CALLER_LOG];
	strcpy(log, caller_log(c));
	states[0] = 0;
	for (char *word = strtok(log, " "); word; word = strtok(NULL, " "))
		for (int s = 0; s <= SLUICE_PEER_DISCONNECTED; s++)
			if (strcmp(word, sluice_peer_state_name((enum sluice_peer_state)s)) == 0)
				strcat(strcat(states, *states ? " " : ""), word);
	return states;
}

static void send_both(struct call *w) {
	ck_assert_int_eq(sluice_channel_send_text(w->a->channel, "a in the dark", 13), 0);
	ck_assert_int_eq(sluice_channel_send_text(w->b->channel, "b in the dark", 13), 0);
}

static void arrived_both(struct call *w, uint64_t within) {
	uint64_t limit = w->sim.now + within;
	ck_assert_msg(SIM_UNTIL(&w->sim, limit, w->b->received == 2 && w->a->received == 1), "a: %s; b: %s", w->a->log,
	              w->b->log);
	ck_assert_str_eq(w->b->last_message, "a in the dark");
	ck_assert_str_eq(w->a->last_message, "b in the dark");
	ck_assert_uint_eq(w->a->closed + w->b->closed, 0);
}

/* A lite agent may find the way within the call that brings the answer, when a check came first. */
static void is_back(struct caller *c, bool lite) {
	const char *states = states_of(c);
	ck_assert_msg(strcmp(states, "connecting connected") == 0 || (lite && strcmp(states, "connected") == 0), "%s", states);
	ck_assert_int_eq(sluice_peer_error(c->peer, NULL), 0);
}

static void fails_and_comes_back(const sluice_peer_config *a, const sluice_peer_config *b, bool a_restarts, uint64_t later) {
	struct call w;
	connect_both(&w, a, b);
	cut(&w, true);
	send_both(&w);
	uint64_t lost = w.sim.now;
	ck_assert(SIM_UNTIL(&w.sim, lost + 90 * SLUICE_S, both(&w, SLUICE_PEER_FAILED)));
	ck_assert_int_eq(sluice_peer_error(w.a->peer, NULL), SLUICE_TIMED_OUT);
	sim_run(&w.sim, w.sim.now + later);
	cut(&w, false);
	ck_assert_str_eq(states_of(w.a), "disconnected failed");
	ck_assert_str_eq(states_of(w.b), "disconnected failed");
	ck_assert_int_eq(sluice_peer_restart_ice(a_restarts ? w.a->peer : w.b->peer), 0);
	uint64_t restarted = w.sim.now;
	ck_assert_msg(SIM_UNTIL(&w.sim, restarted + 4 * RTT, both(&w, SLUICE_PEER_CONNECTED)), "a: %s; b: %s", w.a->log,
	              w.b->log);
	arrived_both(&w, 5 * SLUICE_S);
	is_back(w.a, a && a->ice.lite);
	is_back(w.b, b && b->ice.lite);
	sim_close(&w.sim);
}

START_TEST(test_a_peer_whose_ice_failed_is_brought_back_by_a_restart_of_either_side) {
	for (int i = 0; i < 4; i++) {
		sluice_peer_config b;
		sluice_peer_config_init(&b);
		b.passive = i & 2; /* whoever is DTLS client */
		fails_and_comes_back(NULL, &b, i & 1, 0);
		fails_and_comes_back(NULL, &b, i & 1, 600 * SLUICE_S);
	}
}
END_TEST

START_TEST(test_a_lite_peer_is_brought_back_too) {
	for (int i = 0; i < 2; i++) {
		sluice_peer_config lite;
		sluice_peer_config_init(&lite);
		lite.ice.lite = true;
		fails_and_comes_back(NULL, &lite, i, SLUICE_S);
		fails_and_comes_back(&lite, NULL, i, SLUICE_S);
	}
}
END_TEST

/* RFC 7675, 5.1: without consent nothing may be sent; and nothing is to be waited for. */
START_TEST(test_a_peer_whose_ice_failed_sends_nothing_and_sleeps) {
	struct call w;
	sluice_peer_stats before, after;
	connect_both(&w, NULL, NULL);
	cut(&w, true);
	send_both(&w);
	ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 90 * SLUICE_S, both(&w, SLUICE_PEER_FAILED)));
	sluice_peer_stats_get(w.a->peer, &before);
	ck_assert_int_eq(sluice_channel_send_text(w.a->channel, "more", 4), 0);
	sim_run(&w.sim, w.sim.now + 600 * SLUICE_S);
	sluice_peer_stats_get(w.a->peer, &after);
	ck_assert_uint_eq(after.datagrams_sent, before.datagrams_sent);
	ck_assert_uint_eq(sluice_peer_deadline(w.a->peer), SLUICE_NEVER);
	sim_close(&w.sim);
}
END_TEST

/* Only one side has failed, whose checks may not be answered by the other, and whose restart the other takes. */
START_TEST(test_a_side_that_failed_alone_answers_no_check_of_the_old_generation) {
	struct call w;
	sluice_peer_config b;
	sluice_peer_config_init(&b);
	b.ice.failed_after = 300 * SLUICE_S;
	connect_both(&w, NULL, &b);
	cut(&w, true);
	ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 90 * SLUICE_S, w.a->state == SLUICE_PEER_FAILED));
	cut(&w, false);
	sim_run(&w.sim, w.sim.now + 20 * SLUICE_S);
	ck_assert_int_eq(w.b->state, SLUICE_PEER_DISCONNECTED);
	ck_assert_int_eq(w.a->state, SLUICE_PEER_FAILED);
	ck_assert_int_eq(sluice_peer_restart_ice(w.a->peer), 0);
	ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 4 * RTT, both(&w, SLUICE_PEER_CONNECTED)));
	sim_close(&w.sim);
}
END_TEST

START_TEST(test_a_call_that_never_connected_may_be_restarted) {
	struct call w;
	begin(&w, NULL, NULL);
	cut(&w, true);
	ck_assert(SIM_UNTIL(&w.sim, 90 * SLUICE_S, both(&w, SLUICE_PEER_FAILED)));
	ck_assert_str_eq(states_of(w.a), "connecting failed");
	sim_run(&w.sim, w.sim.now + 10 * SLUICE_S);
	cut(&w, false);
	ck_assert_int_eq(sluice_peer_restart_ice(w.b->peer), 0);
	ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 10 * SLUICE_S, w.b->received == 1));
	ck_assert_str_eq(states_of(w.a), "connecting connected");
	sim_close(&w.sim);
}
END_TEST

/* The old path would come back by itself only when its next check is due. */
START_TEST(test_a_restart_while_disconnected_connects_at_once) {
	for (int a_restarts = 0; a_restarts < 2; a_restarts++) {
		struct call w;
		connect_both(&w, NULL, NULL);
		cut(&w, true);
		ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 30 * SLUICE_S, both(&w, SLUICE_PEER_DISCONNECTED)));
		send_both(&w);
		sim_run(&w.sim, w.sim.now + 5 * SLUICE_S);
		cut(&w, false);
		ck_assert_int_eq(sluice_peer_restart_ice(a_restarts ? w.a->peer : w.b->peer), 0);
		ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 4 * RTT, both(&w, SLUICE_PEER_CONNECTED)));
		arrived_both(&w, 5 * SLUICE_S);
		ck_assert_ptr_null(strstr(states_of(w.a), "failed"));
		sim_close(&w.sim);
	}
}
END_TEST

/* ICE fails while the restart is under way: the app, which knows of it, hears FAILED only when nothing more is under way. */
START_TEST(test_a_restart_that_takes_longer_than_ice_lives_goes_on) {
	struct call w;
	connect_both(&w, NULL, NULL);
	cut(&w, true);
	ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 30 * SLUICE_S, both(&w, SLUICE_PEER_DISCONNECTED)));
	w.a->signal_delay = 60 * SLUICE_S;
	ck_assert_int_eq(sluice_peer_restart_ice(w.a->peer), 0);
	sim_run(&w.sim, w.sim.now + 50 * SLUICE_S);
	ck_assert_int_eq(sluice_peer_ice_state(w.a->peer), SLUICE_ICE_FAILED);
	cut(&w, false);
	ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 12 * SLUICE_S, both(&w, SLUICE_PEER_CONNECTED)));
	ck_assert_str_eq(states_of(w.a), "disconnected connecting connected");
	ck_assert_str_eq(states_of(w.b), "disconnected failed connecting connected");
	sim_close(&w.sim);
}
END_TEST

/* Both offered a restart; b's gives way to a's, and takes its time to answer. */
START_TEST(test_a_glare_of_restarts_over_a_dead_path_is_no_failure) {
	struct call w;
	connect_both(&w, NULL, NULL);
	cut(&w, true);
	ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 30 * SLUICE_S, both(&w, SLUICE_PEER_DISCONNECTED)));
	w.a->silent = w.b->silent = true;
	ck_assert_int_eq(sluice_peer_restart_ice(w.a->peer), 0);
	ck_assert_int_eq(sluice_peer_restart_ice(w.b->peer), 0);
	caller_offer(w.a);
	caller_offer(w.b);
	sim_run(&w.sim, w.sim.now + 60 * SLUICE_S);
	ck_assert_int_eq(sluice_peer_ice_state(w.b->peer), SLUICE_ICE_FAILED);
	cut(&w, false);
	ck_assert_int_eq(caller_give(w.a, w.b), 0);
	sim_run(&w.sim, w.sim.now + SLUICE_S);
	ck_assert_int_eq(sluice_peer_set_local_description(w.b->peer, 0, NULL), 0);
	ck_assert_int_eq(caller_give(w.b, w.a), 0);
	ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 4 * RTT, both(&w, SLUICE_PEER_CONNECTED)));
	ck_assert_str_eq(states_of(w.a), "disconnected connecting connected");
	ck_assert_str_eq(states_of(w.b), "disconnected connecting connected");
	sim_close(&w.sim);
}
END_TEST

START_TEST(test_an_offer_without_a_restart_brings_nothing_back_and_says_so) {
	struct call w;
	connect_both(&w, NULL, NULL);
	cut(&w, true);
	ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 90 * SLUICE_S, both(&w, SLUICE_PEER_FAILED)));
	caller_log(w.a);
	caller_offer(w.a);
	sim_run(&w.sim, w.sim.now + 10 * SLUICE_S);
	ck_assert_str_eq(states_of(w.a), "");
	ck_assert_int_eq(sluice_peer_state(w.a->peer), SLUICE_PEER_FAILED);
	ck_assert_int_eq(sluice_peer_signaling_state(w.a->peer), SLUICE_SIGNALING_STABLE);
	sim_close(&w.sim);
}
END_TEST

START_TEST(test_a_peer_whose_ice_failed_is_closed_at_once) {
	struct call w;
	connect_both(&w, NULL, NULL);
	cut(&w, true);
	send_both(&w);
	ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 90 * SLUICE_S, both(&w, SLUICE_PEER_FAILED)));
	sluice_peer_close(w.a->peer);
	sim_run(&w.sim, w.sim.now + 1);
	ck_assert_str_eq(states_of(w.a), "disconnected failed closing closed");
	ck_assert_uint_eq(w.a->closed, 1);
	ck_assert_int_eq(sluice_peer_restart_ice(w.a->peer), SLUICE_CLOSED);
	sim_close(&w.sim);
}
END_TEST

/* Nobody waits for a restart any more: what was to be delivered before the end is lost, and the peer is over. */
START_TEST(test_a_path_that_is_lost_while_the_peer_closes_ends_it) {
	struct call w;
	connect_both(&w, NULL, NULL);
	cut(&w, true);
	send_both(&w);
	sluice_peer_close(w.a->peer);
	ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 90 * SLUICE_S, w.a->state == SLUICE_PEER_FAILED));
	ck_assert_str_eq(states_of(w.a), "closing failed");
	ck_assert_uint_eq(w.a->closed, 1);
	ck_assert_int_eq(sluice_peer_signaling_state(w.a->peer), SLUICE_SIGNALING_CLOSED);
	sim_close(&w.sim);
}
END_TEST

SUITE("ice_restart", test_a_peer_whose_ice_failed_is_brought_back_by_a_restart_of_either_side,
      test_a_lite_peer_is_brought_back_too, test_a_peer_whose_ice_failed_sends_nothing_and_sleeps,
      test_a_side_that_failed_alone_answers_no_check_of_the_old_generation, test_a_call_that_never_connected_may_be_restarted,
      test_a_restart_while_disconnected_connects_at_once, test_a_restart_that_takes_longer_than_ice_lives_goes_on,
      test_a_glare_of_restarts_over_a_dead_path_is_no_failure, test_an_offer_without_a_restart_brings_nothing_back_and_says_so,
      test_a_peer_whose_ice_failed_is_closed_at_once, test_a_path_that_is_lost_while_the_peer_closes_ends_it)
