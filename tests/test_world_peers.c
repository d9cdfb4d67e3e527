/* Random networks again, this time with whole peers: DTLS, association and channels on both sides of bad lines. They come up,
 * every message that a channel accepted arrives once (in order where asked) unless its channel may give it up, and they close
 * clean. SLUICE_SEEDS=n runs n seeds. */
#include "suite.h"

#include "sim/assert.h"
#include "sim/peer_host.h"

#define PATIENCE (900 * SLUICE_S)

struct world {
	struct sim sim;
	struct peer_host *client, *server;
	struct ledger to_client, to_server;
	struct rng rng;
};

static void world_init(struct world *w, uint64_t seed, const struct link_config *out, const struct link_config *back) {
	*w = (struct world){.rng = rng_of(seed, 33)};
	sim_init(&w->sim, seed);
	sluice_peer_config config;
	sluice_peer_config_init(&config);
	config.sctp.association_max_retransmits = config.sctp.init_max_retransmits = 30;
	w->client = peer_host_new(&w->sim, "client", SLUICE_ROLE_CLIENT, &config);
	w->server = peer_host_new(&w->sim, "server", SLUICE_ROLE_SERVER, &config);
	ledger_init(&w->to_client, seed * 2);
	ledger_init(&w->to_server, seed * 2 + 1);
	w->client->sends = w->server->receives = &w->to_server;
	w->server->sends = w->client->receives = &w->to_client;
	sim_join(&w->sim, w->client->host, w->server->host, out);
	if (back)
		sim_link(&w->sim, w->server->host, w->client->host)->config = *back;
	peer_host_start(w->client, w->server);
}

static void world_free(struct world *w) {
	sim_close(&w->sim);
	ledger_free(&w->to_client);
	ledger_free(&w->to_server);
}

static bool both(const struct world *w, enum sluice_peer_state state) {
	return w->client->state == state && w->server->state == state;
}

static void connect_them(struct world *w, uint64_t within) {
	if (!SIM_UNTIL(&w->sim, w->sim.now + within, both(w, SLUICE_PEER_CONNECTED)))
		sim_fail(&w->sim, "not connected: %s and %s", sluice_peer_state_name(w->client->state),
		         sluice_peer_state_name(w->server->state));
}

static bool ended(const struct peer_host *h) {
	return h->state == SLUICE_PEER_CLOSED || h->state == SLUICE_PEER_FAILED;
}

/* Closed, or the other side's last words (SHUTDOWN-COMPLETE and close_notify) were lost: then nobody is left who could repeat
 * them, and the timer ends it. RFC 9260, 9.2. */
static bool ended_well(const struct peer_host *h, const struct peer_host *other) {
	return h->state == SLUICE_PEER_CLOSED ||
	       (other->state == SLUICE_PEER_CLOSED && sluice_peer_error(h->peer, &(const char *){0}) == SLUICE_TIMED_OUT);
}

static void close_them(struct world *w, struct peer_host *first) {
	sluice_peer_close(first->peer);
	SIM_UNTIL(&w->sim, w->sim.now + PATIENCE, ended(w->client) && ended(w->server));
	if (!ended_well(w->client, w->server) || !ended_well(w->server, w->client))
		sim_fail(&w->sim, "not closed: %s and %s", sluice_peer_state_name(w->client->state),
		         sluice_peer_state_name(w->server->state));
}

START_TEST(test_two_peers_are_up_after_the_round_trips_of_their_handshakes) {
	struct link_config link = {.delay = 10 * SLUICE_MS};
	struct world w;
	world_init(&w, sim_seed(1), &link, NULL);
	uint64_t start = w.sim.now;
	connect_them(&w, 5 * SLUICE_S);
	/* DTLS 1.2 with a cookie takes three round trips, SCTP two; each side is up when its own last packet came. */
	ck_assert_uint_le(w.sim.now - start, 120 * SLUICE_MS);
	close_them(&w, w.client);
	world_free(&w);
}
END_TEST

START_TEST(test_a_large_transfer_over_dtls_fills_the_line) {
	struct link_config link = {.delay = 10 * SLUICE_MS, .rate = 20000000};
	struct world w;
	world_init(&w, sim_seed(1), &link, NULL);
	connect_them(&w, 5 * SLUICE_S);
	ck_assert_int_eq(peer_host_open(w.client, &(sluice_channel_config){.label = "bulk", .high_water = 16 << 20}), 0);
	ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 5 * SLUICE_S, w.client->open == 1));
	uint64_t start = w.sim.now;
	for (unsigned i = 0; i < 200; i++)
		ck_assert_int_eq(peer_host_send(w.client, 0, 50000), 0);
	ck_assert(SIM_UNTIL(&w.sim, start + 60 * SLUICE_S, ledger_complete(&w.to_server)));
	/* 10 MB at 20 Mbit/s take 4 s and what the headers cost. */
	ck_assert_uint_le(w.sim.now - start, 5 * SLUICE_S);
	close_them(&w, w.server);
	world_free(&w);
}
END_TEST

/* ---- random ---- */

static void open_some(struct world *w, struct peer_host *h) {
	for (uint64_t n = rng_below(&w->rng, 5); n > 0; n--) {
		sluice_channel_config c = {.label = "random", .unordered = rng_chance(&w->rng, 0.4)};
		if (rng_chance(&w->rng, 0.3)) {
			c.reliability = rng_chance(&w->rng, 0.5) ? SLUICE_MAX_RETRANSMITS : SLUICE_LIFETIME;
			c.reliability_value = (uint32_t)rng_below(&w->rng, c.reliability == SLUICE_LIFETIME ? 2000 : 4);
		}
		ck_assert_int_eq(peer_host_open(h, &c), 0);
	}
}

static size_t any_size(struct rng *r) {
	return rng_chance(r, 0.2) ? rng_range(r, 4, 30000) : rng_range(r, 4, 1500);
}

static void send_some(struct world *w, struct peer_host *h, unsigned *left) {
	for (uint64_t n = rng_below(&w->rng, 10); n > 0 && *left > 0 && h->channel_count > 0; n--) {
		unsigned channel = (unsigned)rng_below(&w->rng, h->channel_count);
		int rc = peer_host_send(h, channel, any_size(&w->rng));
		ck_assert(rc == 0 || rc == SLUICE_WOULD_BLOCK || rc == SLUICE_WRONG_STATE);
		*left -= rc == 0;
	}
}

static void one_world(uint64_t seed) {
	struct rng r = rng_of(seed, 9);
	struct link_config out, back;
	link_config_bad(&r, &out);
	link_config_bad(&r, &back);
	/* UDP's checksum turns flipped bits into losses; a handshake that got them would rightly fail. */
	out.loss += out.corrupt;
	back.loss += back.corrupt;
	out.corrupt = back.corrupt = 0;
	struct world w;
	world_init(&w, seed, &out, &back);
	if (rng_chance(&r, 0.5))
		open_some(&w, w.client); /* before there is anything to open them on */
	connect_them(&w, PATIENCE);
	open_some(&w, w.client);
	open_some(&w, w.server);
	unsigned from_client = (unsigned)rng_below(&r, 100), from_server = (unsigned)rng_below(&r, 100);
	/* Channels may be none: then nothing is sent. */
	for (unsigned rounds = 0; rounds < 300 && (from_client || from_server); rounds++) {
		send_some(&w, w.client, &from_client);
		send_some(&w, w.server, &from_server);
		sim_run(&w.sim, w.sim.now + rng_below(&r, 200 * SLUICE_MS));
	}
	if (!SIM_UNTIL(&w.sim, w.sim.now + PATIENCE, ledger_complete(&w.to_client) && ledger_complete(&w.to_server)))
		sim_fail(&w.sim, "%u and %u messages are missing", w.to_client.missing, w.to_server.missing);
	close_them(&w, rng_chance(&r, 0.5) ? w.client : w.server);
	ck_assert_uint_eq(w.client->closed, w.client->channel_count);
	ck_assert_uint_eq(w.server->closed, w.server->channel_count);
	world_free(&w);
}

START_TEST(test_every_message_that_a_channel_accepted_arrives_over_random_networks) {
	for (uint64_t n = sim_first(1); n <= sim_last(sim_seeds(100)); n++)
		one_world(n);
}
END_TEST

SUITE("world of peers", test_two_peers_are_up_after_the_round_trips_of_their_handshakes,
      test_a_large_transfer_over_dtls_fills_the_line, test_every_message_that_a_channel_accepted_arrives_over_random_networks)
