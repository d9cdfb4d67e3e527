/* One short exchange, and every way to lose its first ten packets in either direction: it always completes.
 *
 * a connects; each sends three messages when it is connected; when all have arrived, a shuts down. */
#include "suite.h"

#include "sim/assert.h"
#include "sim/pair.h"

#define BITS 10
/* Ten losses of the one packet that matters, with timers that double up to 3 s, and some more for the rest. */
#define BOUND (90 * SLUICE_S)

static void on_event(struct sctp_host *h, const sluice_sctp_event *e, void *user) {
	static const size_t sizes[] = {10, 3000, 500};
	struct pair *p = user;
	if (e->type != SLUICE_SCTP_CONNECTED)
		return;
	for (uint16_t i = 0; i < 3; i++)
		pair_send_as(p, h, (sluice_send_info){.stream = i, .unordered = i == 2}, sizes[i]);
}

static bool all_there(const struct pair *p) {
	return p->to_a.arrived == 3 && p->to_b.arrived == 3;
}

/* Returns how long it took. */
static uint64_t exchange(uint64_t seed, uint64_t mask_ab, uint64_t mask_ba) {
	struct pair_config c;
	pair_config_init(&c);
	c.seed = seed;
	c.ab.mask = mask_ab;
	c.ba.mask = mask_ba;
	c.a.init_max_retransmits = c.a.association_max_retransmits = c.b.association_max_retransmits = 2 * BITS;
	c.no_record = true;
	struct pair p;
	pair_init(&p, &c);
	p.a->on_event = p.b->on_event = on_event;
	p.a->user = p.b->user = &p;
	ck_assert_int_eq(sluice_sctp_connect(p.a->sctp), 0);
	ck_assert(SIM_UNTIL(&p.sim, p.started + BOUND, all_there(&p)));
	ck_assert_int_eq(sluice_sctp_shutdown(p.a->sctp), 0);
	ck_assert(SIM_UNTIL(&p.sim, p.started + BOUND, p.a->ended && p.b->ended));
	ck_assert_int_eq(p.a->end_error, 0);
	ck_assert_int_eq(p.b->end_error, 0);
	ck_assert_uint_eq(p.a->connected + p.b->connected, 2);
	uint64_t took = pair_clock(&p);
	pair_free(&p);
	return took;
}

START_TEST(test_without_loss_the_exchange_takes_a_few_round_trips) {
	ck_assert_uint_le(exchange(1, 0, 0), 110 * SLUICE_MS);
}
END_TEST

START_TEST(test_every_mask_of_the_first_packets_from_the_client_completes) {
	for (uint64_t n = sim_first(0); n <= sim_last((1 << BITS) - 1); n++)
		exchange(n, n, 0);
}
END_TEST

START_TEST(test_every_mask_of_the_first_packets_from_the_server_completes) {
	for (uint64_t n = sim_first(0); n <= sim_last((1 << BITS) - 1); n++)
		exchange(n, 0, n);
}
END_TEST

START_TEST(test_masks_in_both_directions_complete) {
	for (uint64_t n = sim_first(0); n <= sim_last(1999); n++) {
		struct rng r = rng_of(n, 5);
		/* Sparse and dense masks alike. */
		uint64_t ab = rng_next(&r) & (n % 2 ? rng_next(&r) : UINT64_MAX);
		uint64_t ba = rng_next(&r) & (n % 2 ? rng_next(&r) : UINT64_MAX);
		exchange(n, ab & ((1 << BITS) - 1), ba & ((1 << BITS) - 1));
	}
}
END_TEST

SUITE("sctp masks", test_without_loss_the_exchange_takes_a_few_round_trips,
      test_every_mask_of_the_first_packets_from_the_client_completes,
      test_every_mask_of_the_first_packets_from_the_server_completes, test_masks_in_both_directions_complete)
