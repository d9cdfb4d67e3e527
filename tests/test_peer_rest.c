/* Between checks a peer by offer and answer leaves everything above ICE alone. What ends that rest? */
#include "peer/peer.h"
#include "sim/caller.h"
#include "suite.h"

static struct sim sim;
static struct caller *a, *b;

static void begin(void) {
	sim_init(&sim, sim_seed(1));
	a = caller_new(&sim, "a", NULL);
	b = caller_new(&sim, "b", NULL);
	caller_join(a, b, &(struct link_config){.delay = 5 * SLUICE_MS}, 0);
	caller_open(a, "hello");
	ck_assert(SIM_UNTIL(&sim, 5 * SLUICE_S, b->received == 1));
	ck_assert(SIM_UNTIL(&sim, 60 * SLUICE_S, peer_is_at_rest(a->peer) && peer_is_at_rest(b->peer)));
}

static uint64_t heartbeats(const struct caller *c) {
	sluice_peer_stats stats;
	sluice_peer_stats_get(c->peer, &stats);
	return stats.sctp.heartbeats_sent;
}

START_TEST(test_a_message_ends_the_rest_of_both_sides) {
	begin();
	ck_assert_int_eq(sluice_channel_send_text(a->channel, "again", 5), 0);
	ck_assert(!peer_is_at_rest(a->peer));
	uint64_t sent = sim.now;
	ck_assert(SIM_UNTIL(&sim, sim.now + SLUICE_S, b->received == 2));
	ck_assert_uint_le(sim.now - sent, 10 * SLUICE_MS); /* time goes in steps of so much */
	sim_close(&sim);
}
END_TEST

/* They are the association's, and no call and no datagram announces them. */
START_TEST(test_heartbeats_come_in_their_time) {
	begin();
	uint64_t before = heartbeats(a);
	sim_run(&sim, sim.now + 200 * SLUICE_S);
	ck_assert_uint_ge(heartbeats(a) - before, 5);
	ck_assert_uint_le(heartbeats(a) - before, 8);
	ck_assert_int_eq(a->state, SLUICE_PEER_CONNECTED);
	sim_close(&sim);
}
END_TEST

START_TEST(test_a_peer_at_rest_closes_and_is_heard) {
	begin();
	sluice_peer_close(a->peer);
	ck_assert(SIM_UNTIL(&sim, sim.now + SLUICE_S, caller_is_over(a) && caller_is_over(b)));
	ck_assert_int_eq(b->state, SLUICE_PEER_CLOSED);
	sim_close(&sim);
}
END_TEST

START_TEST(test_a_peer_at_rest_hears_that_the_other_side_is_gone) {
	begin();
	b->host->down = true;
	ck_assert(SIM_UNTIL(&sim, sim.now + 30 * SLUICE_S, a->state == SLUICE_PEER_DISCONNECTED));
	ck_assert(SIM_UNTIL(&sim, sim.now + 60 * SLUICE_S, a->state == SLUICE_PEER_FAILED));
	sim_close(&sim);
}
END_TEST

/* Not for good: the check behind it lets it rest again. */
START_TEST(test_it_rests_again) {
	begin();
	ck_assert_int_eq(sluice_channel_send_text(a->channel, "again", 5), 0);
	ck_assert(SIM_UNTIL(&sim, sim.now + 20 * SLUICE_S, peer_is_at_rest(a->peer) && b->received == 2));
	sim_close(&sim);
}
END_TEST

static void on_low(sluice_channel *ch, void *user) {
	(void)ch;
	++*(unsigned *)user;
}

/* Without a route the association keeps what it has to say, and wakes nobody a second time. */
START_TEST(test_what_an_app_does_while_there_is_no_route_has_its_callback_at_once) {
	unsigned low = 0;
	begin();
	sim_link(&sim, a->host, b->host)->config.loss = 1;
	ck_assert(SIM_UNTIL(&sim, sim.now + 90 * SLUICE_S, a->state == SLUICE_PEER_FAILED && b->state == SLUICE_PEER_FAILED));
	ck_assert_int_eq(sluice_peer_restart_ice(b->peer), 0); /* its checks come to a, whose answers are lost */
	sim_run(&sim, sim.now + SLUICE_S);
	sluice_channel_set_callbacks(a->channel, &(sluice_channel_callbacks){.on_buffered_low = on_low}, &low);
	ck_assert_int_eq(sluice_channel_send_begin(a->channel, false), 0);
	ck_assert_int_eq(sluice_channel_send_part(a->channel, "a part", 6), 0);
	sim_run(&sim, sim.now + 2 * SLUICE_S);
	ck_assert_int_eq(sluice_channel_send_cancel(a->channel), 0);
	sim_run(&sim, sim.now + 100 * SLUICE_MS);
	ck_assert_uint_eq(low, 1);
	sim_close(&sim);
}
END_TEST

#define BURST 100

/* As many as do not fit the first window, and the first of them are lost. What waits behind those is as old as the send. */
START_TEST(test_what_is_sent_behind_a_long_rest_is_no_older_than_that) {
	static const uint8_t bytes[1000];
	sluice_channel_config config = {.reliability = SLUICE_MAX_RETRANSMITS, .reliability_value = 3};
	sluice_channel *ch;
	struct iovec v[BURST];
	begin();
	ck_assert_int_eq(sluice_peer_open_channel(a->peer, &config, &ch), 0);
	ck_assert(SIM_UNTIL(&sim, sim.now + SLUICE_S, sluice_channel_state(ch) == SLUICE_CHANNEL_OPEN));
	ck_assert(SIM_UNTIL(&sim, sim.now + 60 * SLUICE_S, peer_is_at_rest(a->peer)));
	sim_run(&sim, sim.now + 15 * SLUICE_S);
	ck_assert(peer_is_at_rest(a->peer));
	for (size_t i = 0; i < BURST; i++)
		v[i] = (struct iovec){(void *)bytes, sizeof bytes};
	struct sim_link *link = sim_link(&sim, a->host, b->host);
	link->config.outage_from = sim.now;
	link->config.outage_to = sim.now + 100 * SLUICE_MS;
	ck_assert_int_eq(sluice_channel_send_many(ch, false, v, BURST), BURST);
	sim_run(&sim, sim.now + 10 * SLUICE_S);
	ck_assert_uint_eq(b->received, 1 + BURST);
	sim_close(&sim);
}
END_TEST

SUITE("peer rest", test_a_message_ends_the_rest_of_both_sides, test_heartbeats_come_in_their_time,
      test_a_peer_at_rest_closes_and_is_heard, test_a_peer_at_rest_hears_that_the_other_side_is_gone, test_it_rests_again,
      test_what_an_app_does_while_there_is_no_route_has_its_callback_at_once,
      test_what_is_sent_behind_a_long_rest_is_no_older_than_that)
