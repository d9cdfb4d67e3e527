/* Random networks: whatever they do, every accepted message arrives once, in order where asked, and both sides close clean.
 *
 * A seed decides the links, both configurations, the messages, when they are sent, how fast the apps read, and which side
 * shuts down. SLUICE_SEEDS=n runs n seeds instead of the usual number. */
#include "suite.h"

#include "sim/assert.h"
#include "sim/pair.h"

#define PATIENCE (1800 * SLUICE_S) /* of virtual time: the worst lines carry a few kbit/s */

static void any_config(struct rng *r, sluice_sctp_config *c) {
	static const uint32_t mtus[] = {296, 576, 1188, 1188, 1500, 9000};
	c->mtu = mtus[rng_below(r, 6)];
	if (rng_chance(r, 0.5)) {
		c->receive_window = 4096u << rng_below(r, 7);
		c->max_message_size = c->receive_window / 2;
	}
	c->high_water = 4 << 20;
	if (rng_chance(r, 0.2))
		c->nagle = true;
	if (rng_chance(r, 0.2))
		c->sack_delay = rng_range(r, 1, 200) * SLUICE_MS;
	if (rng_chance(r, 0.2))
		c->heartbeat_interval = rng_range(r, 1, 60) * SLUICE_S;
	if (rng_chance(r, 0.2))
		c->max_burst = (uint32_t)rng_range(r, 1, 8);
	if (rng_chance(r, 0.1))
		c->max_outstanding_chunks = (uint32_t)rng_range(r, 4, 100);
	if (rng_chance(r, 0.1))
		c->initial_window = (uint32_t)rng_range(r, 1, 50) * 1188;
	c->init_max_retransmits = c->association_max_retransmits = 30;
}

static size_t any_size(struct rng *r) {
	switch (rng_below(r, 8)) {
	case 0:
		return 1;
	case 1:
		return rng_range(r, 1000, 1500);
	case 2:
		return rng_range(r, 1, 20000);
	case 3:
		return rng_chance(r, 0.1) ? rng_range(r, 20000, 200000) : 100;
	default:
		return rng_range(r, 1, 300);
	}
}

struct app {
	struct rng rng;
	struct sctp_host *host;
	unsigned left; /* messages to send */
	uint16_t streams;
	size_t largest; /* that the other side takes */
	bool partial;   /* some messages may be given up */
	bool slow;      /* reads slowly */
};

static sluice_send_info any_info(struct app *app) {
	sluice_send_info info = {.stream = (uint16_t)rng_below(&app->rng, app->streams), .unordered = rng_chance(&app->rng, 0.3)};
	if (app->partial && rng_chance(&app->rng, 0.3)) {
		info.reliability = rng_chance(&app->rng, 0.5) ? SLUICE_MAX_RETRANSMITS : SLUICE_LIFETIME;
		info.value = (uint32_t)rng_below(&app->rng, info.reliability == SLUICE_LIFETIME ? 2000 : 4);
	}
	return info;
}

/* Something that an app might do now; `ending` once everything has to come to an end. */
static void act(struct app *app, bool ending) {
	for (uint64_t n = rng_below(&app->rng, 12); n > 0 && app->left > 0 && app->host->connected; n--) {
		sluice_send_info info = any_info(app);
		size_t size = any_size(&app->rng);
		int rc = sctp_host_send(app->host, &info, size < app->largest ? size : app->largest);
		if (rc == SLUICE_WOULD_BLOCK)
			break;
		ck_assert_int_eq(rc, 0);
		app->left--;
	}
	app->host->keep = app->slow && !ending && app->left > 0;
	while (app->host->kept_count && (!app->host->keep || rng_chance(&app->rng, 0.5)))
		sctp_host_release_one(app->host);
}

static struct app any_app(const struct pair *p, struct sctp_host *host, struct rng *r, uint64_t number) {
	uint32_t largest = pair_other(p, host)->config.max_message_size;
	return (struct app){
		.rng = rng_of(p->sim.seed, 50 + number),
		.host = host,
		.left = (unsigned)rng_range(r, 0, 150),
		.streams = (uint16_t)rng_range(r, 1, 20),
		.largest = largest ? largest : 262144,
		.partial = rng_chance(r, 0.3),
		.slow = rng_chance(r, 0.3),
	};
}

static bool everything_arrived(const struct pair *p) {
	return ledger_complete(&p->to_a) && ledger_complete(&p->to_b);
}

static void live(struct pair *p, struct app *a, struct app *b, struct rng *r) {
	uint64_t limit = p->started + PATIENCE;
	while (a->left || b->left) {
		act(a, false);
		act(b, false);
		sim_run(&p->sim, p->sim.now + rng_below(r, 200 * SLUICE_MS));
		if (p->sim.now > limit)
			sim_fail(&p->sim, "messages cannot be sent: %u and %u left", a->left, b->left);
	}
	act(a, true);
	act(b, true);
}

static void one_world(uint64_t seed) {
	struct rng r = rng_of(seed, 9);
	struct pair_config c;
	pair_config_init(&c);
	c.seed = seed;
	c.no_record = true;
	link_config_bad(&r, &c.ab);
	link_config_bad(&r, &c.ba);
	any_config(&r, &c.a);
	any_config(&r, &c.b);
	c.batch_max = rng_chance(&r, 0.5) ? 64 : rng_range(&r, 1, 5);
	struct pair p;
	pair_init(&p, &c);
	ck_assert_int_eq(sluice_sctp_connect(p.a->sctp), 0);
	if (rng_chance(&r, 0.3)) {
		sim_run(&p.sim, p.sim.now + rng_below(&r, 300 * SLUICE_MS));
		sluice_sctp_connect(p.b->sctp); /* WRONG_STATE when it was faster */
	}
	ck_assert(SIM_UNTIL(&p.sim, p.started + PATIENCE, p.a->connected && p.b->connected));
	struct app a = any_app(&p, p.a, &r, 0), b = any_app(&p, p.b, &r, 1);
	live(&p, &a, &b, &r);
	bool wait = rng_chance(&r, 0.5);
	if (wait)
		ck_assert(SIM_UNTIL(&p.sim, p.started + PATIENCE, everything_arrived(&p)));
	unsigned who = (unsigned)rng_below(&r, 3);
	if (who != 1)
		ck_assert_int_eq(sluice_sctp_shutdown(p.a->sctp), 0);
	if (who != 0)
		sluice_sctp_shutdown(p.b->sctp);
	if (!SIM_UNTIL(&p.sim, p.started + PATIENCE, p.a->ended && p.b->ended))
		sim_fail(&p.sim, "no end: %s and %s, %u and %u missing", sluice_sctp_state_name(sctp_host_state(p.a)),
		         sluice_sctp_state_name(sctp_host_state(p.b)), p.to_a.missing, p.to_b.missing);
	ck_assert_int_eq(p.a->end_error, 0);
	ck_assert_int_eq(p.b->end_error, 0);
	ck_assert(everything_arrived(&p));
	ck_assert_uint_eq(p.a->restarted + p.b->restarted, 0);
	ck_assert_uint_eq(sctp_host_stats(p.a).held + sctp_host_stats(p.b).held, 0);
	ck_assert_uint_eq(sctp_host_stats(p.a).buffered + sctp_host_stats(p.b).buffered, 0);
	pair_free(&p);
}

START_TEST(test_every_accepted_message_arrives_over_random_networks) {
	for (uint64_t n = sim_first(1); n <= sim_last(sim_seeds(400)); n++)
		one_world(n);
}
END_TEST

START_TEST(test_a_run_can_be_replayed_from_its_seed) {
	uint64_t packets[2], bytes[2], now[2];
	for (unsigned i = 0; i < 2; i++) {
		struct pair_config c;
		pair_config_init(&c);
		c.seed = 42;
		c.ab.loss = c.ba.loss = 0.1;
		c.ab.rate = c.ba.rate = 1000000;
		struct pair p;
		pair_start(&p, &c);
		for (unsigned k = 0; k < 50; k++)
			pair_send(&p, p.a, 0, 3000);
		pair_deliver(&p, 100 * SLUICE_S);
		packets[i] = p.ab->offered;
		bytes[i] = p.ab->bytes_offered;
		now[i] = p.sim.now;
		pair_free(&p);
	}
	ck_assert_uint_eq(packets[0], packets[1]);
	ck_assert_uint_eq(bytes[0], bytes[1]);
	ck_assert_uint_eq(now[0], now[1]);
}
END_TEST

SUITE("world", test_every_accepted_message_arrives_over_random_networks, test_a_run_can_be_replayed_from_its_seed)
