/* Random networks with whole calls: offers, answers and candidates on a signalling channel of its own speed, shortcuts offered or
 * not, glare, renegotiations and restarts in the middle, over bad lines. Whatever happens, they connect, every message arrives,
 * in order and once, and they close. SLUICE_SEEDS=n runs n seeds. */
#include <stdio.h>

#include "sim/caller.h"
#include "suite.h"

#define PATIENCE (600 * SLUICE_S)

struct world {
	struct sim sim;
	struct caller *a, *b;
	struct rng rng;
	unsigned sent_a, sent_b;
};

static struct caller *some_caller(struct world *w, const char *name) {
	sluice_peer_config c;
	sluice_peer_config_init(&c);
	c.offer_snap = rng_chance(&w->rng, 0.3);
	c.offer_sped = rng_chance(&w->rng, 0.3);
	c.refuse_snap = rng_chance(&w->rng, 0.2);
	c.refuse_sped = rng_chance(&w->rng, 0.2);
	c.passive = rng_chance(&w->rng, 0.2);
	/* An outage of some seconds must not end the call: that is another test's question. */
	c.ice.check_timeout = c.ice.failed_after = 300 * SLUICE_S;
	c.sctp.association_max_retransmits = c.sctp.init_max_retransmits = 60;
	struct caller *made = caller_new(&w->sim, name, &c);
	made->trickle = rng_chance(&w->rng, 0.5);
	return made;
}

static void world_init(struct world *w, uint64_t seed) {
	struct link_config out, back;
	*w = (struct world){.rng = rng_of(seed, 77)};
	sim_init(&w->sim, seed);
	w->a = some_caller(w, "a");
	w->b = some_caller(w, "b");
	link_config_bad(&w->rng, &out);
	link_config_bad(&w->rng, &back);
	/* UDP's checksum turns flipped bits into losses; a handshake that got them would rightly fail. */
	out.loss += out.corrupt;
	back.loss += back.corrupt;
	out.corrupt = back.corrupt = 0;
	out.mtu = back.mtu = 0;
	caller_join(w->a, w->b, &out, rng_below(&w->rng, 300 * SLUICE_MS));
	sim_link(&w->sim, w->b->host, w->a->host)->config = back;
}

static bool has_channel(const struct caller *c) {
	return c->channel && sluice_channel_state(c->channel) == SLUICE_CHANNEL_OPEN;
}

static void send_next(struct caller *c, unsigned *sent) {
	char text[32];
	int len = snprintf(text, sizeof text, "message %u", *sent + 1);
	int rc = sluice_channel_send_text(c->channel, text, (size_t)len);
	ck_assert(rc == 0 || rc == SLUICE_WOULD_BLOCK);
	*sent += rc == 0;
}

/* Something that signalling can do in the middle of a call, when this side may. */
static void disturb(struct world *w, struct caller *c) {
	if (sluice_peer_signaling_state(c->peer) != SLUICE_SIGNALING_STABLE)
		return;
	if (rng_chance(&w->rng, 0.5))
		ck_assert_int_eq(sluice_peer_restart_ice(c->peer), 0);
	else
		caller_offer(c);
}

static bool all_arrived(const struct world *w) {
	return w->b->received == w->sent_a && w->a->received == w->sent_b;
}

static void report(struct world *w, const char *what) {
	sim_fail(&w->sim, "%s; a: %s; b: %s; a sent %u, b %u; a heard %u, b %u", what, w->a->log, w->b->log, w->sent_a, w->sent_b,
	         w->a->received, w->b->received);
}

static void talk(struct world *w) {
	unsigned left = (unsigned)rng_below(&w->rng, 200);
	for (unsigned rounds = 0; rounds < 400 && left; rounds++) {
		bool at_a = rng_chance(&w->rng, 0.5);
		send_next(at_a ? w->a : w->b, at_a ? &w->sent_a : &w->sent_b);
		left--;
		w->a->log[0] = w->b->log[0] = 0;
		if (rng_chance(&w->rng, 0.02))
			disturb(w, rng_chance(&w->rng, 0.5) ? w->a : w->b);
		sim_run(&w->sim, w->sim.now + rng_below(&w->rng, 100 * SLUICE_MS));
	}
}

static void one_world(uint64_t seed) {
	struct world w;
	world_init(&w, seed);
	caller_open(w.a, NULL);
	if (rng_chance(&w.rng, 0.3)) /* glare: both offer, and both channels come about */
		caller_open(w.b, NULL);
	if (!SIM_UNTIL(&w.sim, PATIENCE, has_channel(w.a) && has_channel(w.b)))
		report(&w, "no channel");
	talk(&w);
	if (!SIM_UNTIL(&w.sim, w.sim.now + PATIENCE, all_arrived(&w)))
		report(&w, "messages are missing");
	struct caller *first = rng_chance(&w.rng, 0.5) ? w.a : w.b, *other = first == w.a ? w.b : w.a;
	sluice_peer_close(first->peer);
	if (!SIM_UNTIL(&w.sim, w.sim.now + PATIENCE, caller_is_over(w.a) && caller_is_over(w.b)))
		report(&w, "not closed");
	/* Who closed hears of it; the other one as well, unless the last words were lost. */
	if (first->state != SLUICE_PEER_CLOSED && other->state != SLUICE_PEER_CLOSED)
		report(&w, "closed badly");
	if (w.a->refused + w.b->refused)
		report(&w, "a description or candidate was refused");
	sim_close(&w.sim);
}

START_TEST(test_calls_over_random_networks_connect_deliver_and_close) {
	for (uint64_t n = sim_first(1); n <= sim_last(sim_seeds(60)); n++)
		one_world(n);
}
END_TEST

SUITE("world of calls", test_calls_over_random_networks_connect_deliver_and_close)
