/* The clock that the verbs of an association are given stands still, repeats itself and steps back: nothing ends, nothing expires
 * early, nothing waits for ever. */
#include "suite.h"

#include "sctp/association.h"
#include "sim/assert.h"
#include "sim/clocks.h"
#include "sim/pair.h"
#include "sim/script.h"

static uint64_t right(struct rng *rng, uint64_t last, uint64_t now) {
	(void)rng, (void)last;
	return now;
}
static uint64_t falls_to_zero(struct rng *rng, uint64_t last, uint64_t now) {
	(void)last;
	return rng_chance(rng, 0.4) ? 0 : now;
}

static const clock_fn clocks[] = {right, clock_repeats, clock_steps_back_1ns, clock_steps_back_1s, falls_to_zero};

/* How long a whole life takes by such clocks: both ways, with loss, lifetimes, heartbeats, a search for the MTU and a
 * hand-over. */
static uint64_t a_life_by(clock_fn kind, enum sluice_cc control, uint64_t seed) {
	struct watch watches[2];
	struct pair_config c;
	struct pair p;
	pair_config_init(&c);
	c.seed = seed;
	c.no_record = true;
	c.ab.loss = c.ba.loss = 0.02;
	c.ab.rate = c.ba.rate = 20000000;
	c.a.congestion_control = c.b.congestion_control = control;
	c.a.mtu_max = 4000;
	c.a.heartbeat_interval = c.b.heartbeat_interval = SLUICE_S;
	pair_init(&p, &c);
	struct sctp_host *hosts[] = {p.a, p.b};
	for (unsigned i = 0; i < 2; i++) {
		watches[i] = (struct watch){.kind = kind, .rng = rng_of(seed, 900 + i)};
		hosts[i]->host->clock = watch_read;
		hosts[i]->host->clock_ctx = &watches[i];
	}
	pair_connect(&p, 10 * SLUICE_S);
	for (unsigned i = 0; i < 60; i++) {
		pair_send(&p, p.a, (uint16_t)(i % 5), 20000);
		pair_send(&p, p.b, (uint16_t)(i % 5), 5000);
		pair_send_as(&p, p.a, (sluice_send_info){.stream = 7, .reliability = SLUICE_LIFETIME, .value = 60000}, 500);
	}
	uint64_t start = p.sim.now;
	pair_deliver(&p, 60 * SLUICE_S);
	uint64_t took = p.sim.now - start;
	ck_assert_uint_eq(p.a->abandoned, 0); /* no lifetime of a minute has ended */
	sim_run(&p.sim, p.sim.now + 20 * SLUICE_S);
	ck_assert_uint_le(sctp_host_stats(p.a).rto, 3 * SLUICE_S);
	ck_assert_uint_le(sctp_host_stats(p.a).srtt, 500 * SLUICE_MS);
	ck_assert_uint_le(sctp_host_stats(p.a).error_count, 2);
	pair_shutdown(&p, p.a, 10 * SLUICE_S);
	pair_free(&p);
	return took;
}

START_TEST(test_a_whole_life_goes_well_by_a_clock_that_repeats_and_steps_back) {
	for (unsigned control = 1; control <= cc_count(); control++)
		for (uint64_t seed = sim_first(1); seed <= sim_last(sim_seeds(4)); seed++) {
			uint64_t usual = a_life_by(right, (enum sluice_cc)control, seed);
			for (size_t i = 1; i < sizeof clocks / sizeof *clocks; i++)
				ck_assert_uint_le(a_life_by(clocks[i], (enum sluice_cc)control, seed), 3 * usual + 3 * SLUICE_S);
		}
}
END_TEST

/* ---- verb by verb ---- */

static void input_at(struct script *s, uint64_t now) {
	sluice_sctp_input(s->sctp, NULL, 0, now);
}
static void advance_at(struct script *s, uint64_t now) {
	sluice_sctp_advance(s->sctp, now);
}
static void output_at(struct script *s, uint64_t now) {
	uint8_t space[4096];
	sluice_batch b = {.data = space, .capacity = sizeof space};
	while (sluice_sctp_output(s->sctp, &b, now) > 0)
		;
}
static void (*const verbs[])(struct script *s, uint64_t now) = {input_at, advance_at, output_at};

/* Each verb with each older time: the association's own time stays where it was, and no timer is nearer. */
static void turn_back(struct script *s) {
	const uint64_t steps[] = {1, SLUICE_MS, SLUICE_S, s->now};
	for (size_t v = 0; v < sizeof verbs / sizeof *verbs; v++)
		for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
			uint64_t was = s->sctp->now;
			verbs[v](s, steps[i] < s->now ? s->now - steps[i] : 0);
			ck_assert_uint_eq(s->sctp->now, was);
			output_at(s, s->now);
			ck_assert_uint_ge(sluice_sctp_deadline(s->sctp), s->now);
			ck_assert(association_check(s->sctp));
		}
}

START_TEST(test_an_older_time_counts_as_the_latest_in_every_verb) {
	struct script s;
	script_init(&s, NULL);
	ck_assert(script_open_passive(&s));
	ck_assert_int_eq(sluice_sctp_send(s.sctp, &(sluice_send_info){.reliability = SLUICE_LIFETIME, .value = 100}, "a", 1), 0);
	script_collect(&s);
	turn_back(&s);
	ck_assert_uint_eq(s.sctp->tx.counters.timeouts, 0);
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_ABANDONED), 0);
	uint64_t sent_at = s.now;
	s.now += 30 * SLUICE_MS;
	script_give_sack(&s, s.remote_tsn, s.rwnd, NULL, 0);
	turn_back(&s);
	sluice_sctp_stats stats;
	sluice_sctp_stats_get(s.sctp, &stats);
	ck_assert_uint_eq(stats.srtt, s.now - sent_at);
	script_free(&s);
}
END_TEST

START_TEST(test_behind_a_hand_over_too_time_may_step_back_behind_its_beginning) {
	static uint8_t bytes[1 << 20];
	static const uint64_t starts[] = {0, 5 * SLUICE_MS, 1000000 * SLUICE_S};
	for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
		struct script s;
		sluice_sctp *b;
		size_t len;
		script_init(&s, NULL);
		ck_assert(script_open_passive(&s));
		ck_assert_int_eq(sluice_sctp_send(s.sctp, &(sluice_send_info){0}, "hello", 5), 0);
		script_collect(&s);
		ck_assert_int_eq(sluice_sctp_export(s.sctp, bytes, sizeof bytes, &len), 0);
		s.now = starts[i];
		ck_assert_int_eq(sluice_sctp_import(s.env, bytes, len, s.now, &b), 0);
		sluice_sctp_free(s.sctp);
		s.sctp = b;
		turn_back(&s);
		ck_assert_uint_eq(s.sctp->tx.counters.timeouts, 0);
		ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_ESTABLISHED);
		script_free(&s);
	}
}
END_TEST

SUITE("sctp_clock", test_a_whole_life_goes_well_by_a_clock_that_repeats_and_steps_back,
      test_an_older_time_counts_as_the_latest_in_every_verb, test_behind_a_hand_over_too_time_may_step_back_behind_its_beginning)
