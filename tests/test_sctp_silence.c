/* A peer that says nothing, and one that has no room: how much is sent to them, and how soon data flows again. RFC 9260, 6.1 A,
 * 6.3.3 and 8.1. */
#include <limits.h>

#include "suite.h"

#include "sctp/association.h"
#include "sim/assert.h"
#include "sim/pair.h"
#include "sim/script.h"

/* ---- silence in every scene ---- */

/* Each brings the pair to where a has something to say; then b is gone. */
static void one_message(struct pair *p) {
	pair_send(p, p->a, 0, 100);
}
static void many_messages(struct pair *p) {
	for (unsigned i = 0; i < 100; i++)
		pair_send(p, p->a, (uint16_t)(i % 7), 5000);
}
static void none_twice(struct pair *p) {
	for (unsigned i = 0; i < 20; i++)
		pair_send_as(p, p->a, (sluice_send_info){.reliability = SLUICE_MAX_RETRANSMITS, .value = i % 3}, 1000);
}
static void short_lived(struct pair *p) {
	for (unsigned i = 0; i < 20; i++)
		pair_send_as(p, p->a, (sluice_send_info){.reliability = SLUICE_LIFETIME, .value = 100 * i + 1}, 1000);
}
static void reset(struct pair *p) {
	ck_assert_int_eq(sluice_sctp_reset_stream(p->a->sctp, 0), 0);
}
static void end_of_all(struct pair *p) {
	ck_assert_int_eq(sluice_sctp_shutdown(p->a->sctp), 0);
}
static void data_and_shutdown(struct pair *p) {
	one_message(p);
	end_of_all(p);
}
static void all_at_once(struct pair *p) {
	sluice_sctp_path_changed(p->a->sctp);
	many_messages(p);
	ck_assert_int_eq(sluice_sctp_reset_stream(p->a->sctp, 9), 0);
}
static void shutdown_of_the_other(struct pair *p) {
	ck_assert_int_eq(sluice_sctp_shutdown(p->b->sctp), 0);
	ck_assert(SIM_UNTIL(&p->sim, p->sim.now + SLUICE_S, sctp_host_state(p->a) == SLUICE_SCTP_SHUTDOWN_ACK_SENT));
}

static const struct scene {
	const char *name;
	void (*begin)(struct pair *p);
	size_t fresh; /* packets that are sent beside the retransmissions of one, before the path is known to be silent */
} scenes[] = {
	{"one message", one_message, 0},
	{"many messages", many_messages, 0},
	{"messages of few retransmissions", none_twice, 1},
	/* Each message that expires before the first T3 lets another one out, and a FORWARD-TSN for itself. */
	{"messages of short lives", short_lived, 11},
	{"a reset", reset, 2}, /* its last errors are heartbeats' */
	{"a shutdown", end_of_all, 0},
	{"data, then a shutdown", data_and_shutdown, 0},
	{"everything at once", all_at_once, 2},
	{"a shutdown of the other side", shutdown_of_the_other, 0},
};

/* Packets to a silent peer until it is given up. */
static size_t packets_to_nobody(const struct scene *scene, const sluice_sctp_config *config, uint64_t delay) {
	struct pair_config c;
	struct pair p;
	pair_config_init(&c);
	c.a = *config;
	c.ab.delay = c.ba.delay = delay;
	pair_start(&p, &c);
	pair_send(&p, p.a, 0, 100);
	pair_deliver(&p, 10 * SLUICE_S);
	sim_run(&p.sim, p.sim.now + 10 * SLUICE_S);
	scene->begin(&p);
	p.b->host->down = true;
	sim_settle(&p.sim);
	size_t before = p.recorder.count;
	ck_assert_msg(SIM_UNTIL(&p.sim, p.sim.now + 3600 * SLUICE_S, p.a->ended), "%s: no end", scene->name);
	size_t packets = p.recorder.count - before;
	ledger_forgive(&p.to_b);
	pair_free(&p);
	return packets;
}

START_TEST(test_a_silent_peer_gets_little_more_than_the_back_off_of_the_rfc_gives) {
	static const uint64_t delays[] = {5 * SLUICE_MS, 50 * SLUICE_MS, 400 * SLUICE_MS}, rto_max[] = {0, 60 * SLUICE_S};
	for (size_t i = 0; i < 6; i++)
		for (size_t s = 0; s < sizeof scenes / sizeof *scenes; s++) {
			sluice_sctp_config config;
			sluice_sctp_config_init(&config);
			config.rto_max = rto_max[i % 2];
			config.recovery = SLUICE_RECOVERY_RFC9260;
			size_t classic = packets_to_nobody(&scenes[s], &config, delays[i / 2]);
			config.recovery = SLUICE_RECOVERY_RACK;
			size_t rack = packets_to_nobody(&scenes[s], &config, delays[i / 2]);
			/* The retransmissions that RFC 9260 allows and the ABORT, what was sent new before the first T3, a tail
			 * loss probe and the path's probes. */
			ck_assert_msg(classic <= 11 + scenes[s].fresh, "%s: %zu", scenes[s].name, classic);
			ck_assert_msg(rack <= 11 + scenes[s].fresh + 2 + RECOVERY_SILENT_PROBES, "%s: %zu", scenes[s].name, rack);
		}
}
END_TEST

/* ---- messages with a lifetime, one after the other ---- */

START_TEST(test_messages_that_expire_on_a_silent_path_let_no_others_out) {
	struct pair p;
	pair_start(&p, NULL);
	pair_send(&p, p.a, 0, 100);
	pair_deliver(&p, SLUICE_S);
	p.b->host->down = true;
	sim_run(&p.sim, p.sim.now + SLUICE_S);
	uint64_t end = p.sim.now + 10 * SLUICE_S;
	size_t before = 0;
	for (unsigned i = 0; p.sim.now < end; i++) {
		pair_send_as(&p, p.a, (sluice_send_info){.reliability = SLUICE_LIFETIME, .value = 30}, 1000);
		sim_run(&p.sim, p.sim.now + 20 * SLUICE_MS);
		if (i == 50)
			before = p.recorder.count; /* T3 has expired */
	}
	ck_assert_uint_eq(p.a->ended, 0);
	ck_assert_uint_le(p.recorder.count - before, 5 + RECOVERY_SILENT_PROBES);
	p.b->host->down = false;
	uint64_t back = p.sim.now;
	while (p.b->last_message_at < back && p.sim.now < back + 5 * SLUICE_S) {
		pair_send_as(&p, p.a, (sluice_send_info){.reliability = SLUICE_LIFETIME, .value = 30}, 1000);
		sim_run(&p.sim, p.sim.now + 20 * SLUICE_MS);
	}
	ck_assert_uint_ge(p.b->last_message_at, back);
	ck_assert_uint_le(p.b->last_message_at, back + 3 * SLUICE_S + 100 * SLUICE_MS); /* T3 at RTO.Max */
	uint64_t messages = p.b->messages;
	for (unsigned i = 0; i < 50; i++) {
		pair_send_as(&p, p.a, (sluice_send_info){.reliability = SLUICE_LIFETIME, .value = 30}, 1000);
		sim_run(&p.sim, p.sim.now + 20 * SLUICE_MS);
	}
	ck_assert_uint_ge(p.b->messages, messages + 48);
	ledger_forgive(&p.to_b);
	pair_free(&p);
}
END_TEST

/* ---- outages ---- */

START_TEST(test_after_an_outage_of_two_seconds_data_flows_again_within_one) {
	static const uint64_t delays[] = {1, 10, 25, 75, 150};
	for (size_t d = 0; d < sizeof delays / sizeof *delays; d++)
		for (uint64_t longer = 0; longer < 500; longer += 50) {
			struct pair_config c;
			struct pair p;
			pair_config_init(&c);
			c.a.high_water = UINT64_C(2) << 20;
			c.ab.delay = c.ba.delay = delays[d] * SLUICE_MS;
			c.ab.rate = c.ba.rate = 20000000;
			pair_start(&p, &c);
			for (unsigned i = 0; i < 100; i++)
				pair_send(&p, p.a, 0, 20000);
			sim_run(&p.sim, p.sim.now + 400 * SLUICE_MS);
			ck_assert(!ledger_complete(&p.to_b));
			p.ab->config.outage_from = p.ba->config.outage_from = p.sim.now;
			uint64_t back = p.sim.now + 2 * SLUICE_S + longer * SLUICE_MS;
			p.ab->config.outage_to = p.ba->config.outage_to = back;
			ck_assert(SIM_UNTIL(&p.sim, back + 10 * SLUICE_S, p.sim.now >= back && p.b->last_message_at >= back));
			ck_assert_msg(p.sim.now <= back + SLUICE_S + 4 * c.ab.delay, "%u ms, outage of %u ms: %u ms",
			              (unsigned)delays[d], (unsigned)(2000 + longer), (unsigned)((p.sim.now - back) / SLUICE_MS));
			pair_deliver(&p, 60 * SLUICE_S);
			pair_free(&p);
		}
}
END_TEST

/* ---- a peer without room ---- */

struct times {
	uint64_t at[256];
	unsigned count;
};

/* A peer whose window is closed answers each packet with data for `ns`. It takes the first ones all the same. */
static void no_room(struct script *s, unsigned takes, uint64_t ns, struct times *t) {
	uint64_t end = s->now + ns;
	uint32_t cum = s->remote_tsn - 1;
	*t = (struct times){0};
	while (s->now < end) {
		uint64_t next = sluice_sctp_deadline(s->sctp);
		script_run(s, next < end ? next : end);
		struct wire_chunk c;
		struct wire_data d;
		while (script_expect(s, WIRE_DATA, &c)) {
			ck_assert_int_eq(wire_data_read(&c, &d), 0);
			if (takes > 0 && d.tsn == cum + 1)
				cum++, takes--;
			if (t->count < 256)
				t->at[t->count++] = s->now;
			s->now += 5 * SLUICE_MS;
			script_give_sack(s, cum, 0, NULL, 0);
		}
		script_skip(s);
	}
}

static void without_room(struct script *s, enum sluice_recovery recovery, uint64_t rto_max) {
	sluice_sctp_config c;
	sluice_sctp_config_init(&c);
	c.recovery = recovery;
	c.rto_max = rto_max;
	c.heartbeat_interval = SLUICE_NEVER;
	script_init(s, &c);
	ck_assert(script_open_passive(s));
	for (unsigned i = 0; i < 400; i++)
		ck_assert_int_eq(sluice_sctp_send(s->sctp, &(sluice_send_info){0}, s, 1000), 0);
}

START_TEST(test_the_probes_of_a_closed_window_double_their_interval_up_to_the_largest_rto) {
	static const unsigned takes[] = {0, 5, 10, 12, UINT_MAX};
	for (unsigned i = 0; i < 20; i++) {
		uint64_t rto_max = i & 1 ? 3 * SLUICE_S : 60 * SLUICE_S;
		struct script s;
		struct times t;
		without_room(&s, i & 2 ? SLUICE_RECOVERY_RFC9260 : SLUICE_RECOVERY_RACK, rto_max);
		no_room(&s, takes[i / 4], 600 * SLUICE_S, &t);
		ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_ESTABLISHED);
		/* The first packets, then one an interval; from the largest on they go evenly. */
		unsigned doubled = 0;
		for (unsigned n = 1; n < t.count; n++) {
			uint64_t gap = t.at[n] - t.at[n - 1];
			ck_assert_msg(gap <= rto_max + SLUICE_S, "%u: %u ms", i, (unsigned)(gap / SLUICE_MS));
			doubled += gap > SLUICE_S && gap < rto_max - 100 * SLUICE_MS;
		}
		ck_assert_msg(t.count <= 25 + 600 * SLUICE_S / rto_max, "%u: %u", i, t.count);
		ck_assert_uint_ge(t.count, 600 * SLUICE_S / rto_max - 10);
		ck_assert_uint_le(doubled, 8);
		ck_assert_uint_ge(t.at[t.count - 1] - t.at[t.count - 2], rto_max - 100 * SLUICE_MS);
		script_free(&s);
	}
}
END_TEST

START_TEST(test_a_window_that_opens_lets_data_go_at_once_though_t3_is_seconds_away) {
	static const unsigned takes[] = {0, 5, 10, 12, UINT_MAX};
	for (unsigned i = 0; i < 10; i++) {
		struct script s;
		struct times t;
		without_room(&s, i & 1 ? SLUICE_RECOVERY_RFC9260 : SLUICE_RECOVERY_RACK, 60 * SLUICE_S);
		no_room(&s, takes[i / 2], 100 * SLUICE_S, &t);
		script_run(&s, s.now + SLUICE_S);
		script_skip(&s);
		uint32_t cum = (uint32_t)s.sctp->tx.sent.cum;
		script_give_sack(&s, cum, 1 << 20, NULL, 0);
		struct wire_chunk c;
		struct wire_data d;
		ck_assert_ptr_nonnull(script_expect(&s, WIRE_DATA, &c));
		ck_assert_int_eq(wire_data_read(&c, &d), 0);
		ck_assert_uint_eq(d.tsn, cum + 1);
		script_free(&s);
	}
}
END_TEST

SUITE("sctp_silence", test_a_silent_peer_gets_little_more_than_the_back_off_of_the_rfc_gives,
      test_messages_that_expire_on_a_silent_path_let_no_others_out,
      test_after_an_outage_of_two_seconds_data_flows_again_within_one,
      test_the_probes_of_a_closed_window_double_their_interval_up_to_the_largest_rto,
      test_a_window_that_opens_lets_data_go_at_once_though_t3_is_seconds_away)
