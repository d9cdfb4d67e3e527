/* How often what came is acknowledged: the policies, and how they get to know the peer. */
#include "sctp/rx/sack.h"
#include "suite.h"

#include "sim/assert.h"
#include "sim/packets.h"
#include "sim/pair.h"
#include "sim/script.h"

#define PACKETS 64

static void started(struct script *s, enum sluice_sack_policy policy) {
	sluice_sctp_config c;
	sluice_sctp_config_init(&c);
	c.sack_policy = policy;
	script_init(s, &c);
	ck_assert(script_open_passive(s));
}

/* One input() of packets with one chunk each: TSNs s->tsn + which[i]. */
static void give(struct script *s, const unsigned *which, size_t count) {
	static uint8_t space[PACKETS][100];
	sluice_datagram d[PACKETS];
	for (size_t i = 0; i < count; i++) {
		struct writer w = script_begin(s, space[i], sizeof space[i]);
		script_data(&w, s->tsn + which[i], 0, (uint16_t)which[i], WIRE_DATA_B | WIRE_DATA_E, 20);
		wire_packet_seal(space[i], writer_len(&w));
		d[i] = (sluice_datagram){.data = space[i], .len = writer_len(&w)};
	}
	ck_assert_int_eq(sluice_sctp_input(s->sctp, d, count, s->now), 0);
	script_collect(s);
}

static void give_row(struct script *s, unsigned first, size_t count) {
	unsigned which[PACKETS];
	for (unsigned i = 0; i < count; i++)
		which[i] = first + i;
	give(s, which, count);
}

static struct wire_sack next_sack(struct script *s) {
	struct wire_chunk c;
	struct wire_sack sack;
	ck_assert_ptr_nonnull(script_expect(s, WIRE_SACK, &c));
	ck_assert_int_eq(wire_sack_read(&c, &sack), 0);
	return sack;
}

START_TEST(test_every_second_packet_of_a_batch_gets_a_sack_of_its_own) {
	struct script s;
	started(&s, SLUICE_SACK_EVERY_SECOND);
	give_row(&s, 0, 10);
	ck_assert_uint_eq(script_pending(&s, WIRE_SACK), 5);
	for (unsigned i = 0; i < 5; i++) {
		struct wire_sack sack = next_sack(&s);
		ck_assert_uint_eq(sack.cum_tsn, s.tsn + 2 * i + 1);
		ck_assert_uint_eq(sack.gap_count, 0);
	}
	script_free(&s);
}
END_TEST

START_TEST(test_the_odd_packet_of_a_batch_waits_for_the_delay) {
	struct script s;
	started(&s, SLUICE_SACK_EVERY_SECOND);
	give_row(&s, 0, 5);
	ck_assert_uint_eq(script_pending(&s, WIRE_SACK), 2);
	script_skip(&s);
	script_run(&s, s.now + 20 * SLUICE_MS);
	ck_assert_uint_eq(next_sack(&s).cum_tsn, s.tsn + 4);
	script_free(&s);
}
END_TEST

START_TEST(test_it_joins_the_first_packet_of_the_next_batch) {
	struct script s;
	started(&s, SLUICE_SACK_EVERY_SECOND);
	give_row(&s, 0, 3);
	script_skip(&s);
	give_row(&s, 3, 1);
	ck_assert_uint_eq(next_sack(&s).cum_tsn, s.tsn + 3);
	script_free(&s);
}
END_TEST

START_TEST(test_a_large_batch_gets_no_more_than_so_many_sacks_and_the_last_one_says_all) {
	struct script s;
	started(&s, SLUICE_SACK_EVERY_SECOND);
	const unsigned backwards[3] = {2, 1, 0};
	give(&s, backwards, 3);
	script_skip(&s);
	/* Each packet behind a hole is a reason for one: 64 of them. */
	give_row(&s, 4, PACKETS);
	ck_assert_uint_eq(script_pending(&s, WIRE_SACK), SACK_EARLY_MAX + 1);
	struct wire_sack sack = {0};
	while (script_pending(&s, WIRE_SACK))
		sack = next_sack(&s);
	ck_assert_uint_eq(sack.cum_tsn, s.tsn + 2);
	ck_assert_uint_eq(sack.gap_count, 1);
	uint16_t start, end;
	wire_sack_gap(&sack, 0, &start, &end);
	ck_assert_uint_eq(start, 2);
	ck_assert_uint_eq(end, PACKETS + 1);
	script_free(&s);
}
END_TEST

START_TEST(test_a_packet_behind_a_hole_is_reported_at_once_with_its_block) {
	struct script s;
	started(&s, SLUICE_SACK_EVERY_SECOND);
	const unsigned which[] = {1, 3, 5};
	give(&s, which, 3);
	for (unsigned i = 1; i <= 3; i++) {
		struct wire_sack sack = next_sack(&s);
		ck_assert_uint_eq(sack.cum_tsn, s.tsn - 1);
		ck_assert_uint_eq(sack.gap_count, i);
	}
	script_free(&s);
}
END_TEST

/* A SACK that names but some of the blocks would take back the others. */
START_TEST(test_no_sack_of_a_batch_leaves_out_blocks) {
	struct script s;
	started(&s, SLUICE_SACK_EVERY_SECOND);
	const unsigned which[] = {1, 3, 5, 7, 9, 11, 13, 15};
	give(&s, which, 8);
	unsigned before = 0, count = 0;
	while (script_pending(&s, WIRE_SACK)) {
		struct wire_sack sack = next_sack(&s);
		ck_assert_uint_gt(sack.gap_count, before);
		before = sack.gap_count;
		count++;
	}
	ck_assert_uint_eq(before, 8);
	ck_assert_uint_eq(count, SACK_EARLY_GAPS + 1);
	script_free(&s);
}
END_TEST

START_TEST(test_every_batch_gets_one) {
	struct script s;
	started(&s, SLUICE_SACK_EVERY_BATCH);
	give_row(&s, 0, 10);
	ck_assert_uint_eq(script_pending(&s, WIRE_SACK), 1);
	ck_assert_uint_eq(next_sack(&s).cum_tsn, s.tsn + 9);
	script_free(&s);
}
END_TEST

START_TEST(test_a_stranger_gets_one_for_every_second_packet_unless_told_otherwise) {
	struct script s;
	started(&s, SLUICE_SACK_DEFAULT);
	give_row(&s, 0, 10);
	ck_assert_uint_eq(script_pending(&s, WIRE_SACK), 5);
	script_free(&s);
}
END_TEST

/* Its INIT lists PAD among the extensions, as ours does. */
START_TEST(test_one_of_our_kind_gets_one_a_batch_from_the_start) {
	for (int passive = 0; passive < 2; passive++) {
		struct script s;
		script_init(&s, NULL);
		s.pad = true;
		ck_assert(passive ? script_open_passive(&s) : script_open_active(&s));
		give_row(&s, 0, 10);
		ck_assert_uint_eq(script_pending(&s, WIRE_SACK), 1);
		script_free(&s);
	}
}
END_TEST

START_TEST(test_two_of_us_exchange_one_a_batch) {
	struct pair_config c;
	pair_config_init(&c);
	c.a.high_water = UINT64_C(2) << 20;
	c.ab.coalesce = SLUICE_MS;
	c.ab.rate = 200000000;
	struct pair p;
	pair_start(&p, &c);
	for (unsigned i = 0; i < 100; i++)
		pair_send(&p, p.a, 1, 16384);
	pair_deliver(&p, 60 * SLUICE_S);
	sluice_sctp_stats s = sctp_host_stats(p.b);
	ck_assert_uint_gt(s.packets_received, 8 * s.sacks_sent);
	pair_free(&p);
}
END_TEST

/* ---- how it learns ---- */

static struct sack_policy stranger(void) {
	struct sack_policy p = {0};
	sack_reset(&p, SLUICE_SACK_ADAPTIVE, false);
	return p;
}

/* Gives a batch of this many packets every millisecond, until the rule changes or the time is over. Returns when that was. */
static uint64_t batches(struct sack_policy *p, uint32_t packets, uint64_t from, uint64_t duration) {
	bool was = p->apart;
	uint64_t now = from;
	for (; now < from + duration && p->apart == was; now += SLUICE_MS)
		sack_learn(p, packets, now);
	return now;
}

START_TEST(test_a_bulk_transfer_in_large_batches_brings_a_trial) {
	struct sack_policy p = stranger();
	ck_assert(p.apart);
	uint64_t at = batches(&p, 16, SLUICE_S, 100 * SLUICE_S);
	ck_assert(!p.apart);
	ck_assert(at > 2 * SLUICE_S && at < 4 * SLUICE_S);
}
END_TEST

START_TEST(test_small_batches_bring_none) {
	struct sack_policy p = stranger();
	batches(&p, 4, SLUICE_S, 100 * SLUICE_S);
	ck_assert(p.apart);
}
END_TEST

START_TEST(test_a_peer_that_keeps_its_batches_large_keeps_one_a_batch) {
	struct sack_policy p = stranger();
	uint64_t at = batches(&p, 16, SLUICE_S, 100 * SLUICE_S);
	batches(&p, 16, at, 100 * SLUICE_S);
	ck_assert(!p.apart);
}
END_TEST

START_TEST(test_a_peer_whose_batches_fall_to_five_fails_the_trial_at_once) {
	struct sack_policy p = stranger();
	uint64_t at = batches(&p, 16, SLUICE_S, 100 * SLUICE_S);
	uint64_t end = batches(&p, 5, at, 100 * SLUICE_S);
	ck_assert(p.apart);
	ck_assert(end - at < 10 * SLUICE_MS);
}
END_TEST

START_TEST(test_each_failed_trial_puts_the_next_one_off_for_twice_as_long) {
	struct sack_policy p = stranger();
	uint64_t at = SLUICE_S, failed = 0;
	static const uint64_t pauses[] = {0, 10, 20, 40, 80, 160, 320, 320, 320};
	for (unsigned i = 0; i < sizeof pauses / sizeof *pauses; i++) {
		at = batches(&p, 16, at, 1000 * SLUICE_S);
		ck_assert(!p.apart);
		if (failed)
			ck_assert_uint_eq((at - failed + 10 * SLUICE_MS) / SLUICE_S, pauses[i]);
		failed = at = batches(&p, 5, at, 100 * SLUICE_S);
		ck_assert(p.apart);
	}
}
END_TEST

START_TEST(test_the_other_policies_do_not_learn) {
	struct sack_policy p = {0};
	sack_reset(&p, SLUICE_SACK_EVERY_SECOND, true);
	batches(&p, 64, SLUICE_S, 10 * SLUICE_S);
	ck_assert(p.apart);
	sack_reset(&p, SLUICE_SACK_EVERY_BATCH, false);
	batches(&p, 2, SLUICE_S, 10 * SLUICE_S);
	ck_assert(!p.apart);
}
END_TEST

/* ---- the delay ---- */

START_TEST(test_the_delay_is_a_quarter_of_the_round_trip_from_1_to_20_ms) {
	ck_assert_uint_eq(sack_delay(0, 0), 20 * SLUICE_MS);
	ck_assert_uint_eq(sack_delay(0, 100 * SLUICE_US), SLUICE_MS);
	ck_assert_uint_eq(sack_delay(0, 40 * SLUICE_MS), 10 * SLUICE_MS);
	ck_assert_uint_eq(sack_delay(0, 300 * SLUICE_MS), 20 * SLUICE_MS);
	ck_assert_uint_eq(sack_delay(100 * SLUICE_MS, 40 * SLUICE_MS), 100 * SLUICE_MS);
}
END_TEST

SUITE("sctp sack", test_every_second_packet_of_a_batch_gets_a_sack_of_its_own, test_the_odd_packet_of_a_batch_waits_for_the_delay,
      test_it_joins_the_first_packet_of_the_next_batch,
      test_a_large_batch_gets_no_more_than_so_many_sacks_and_the_last_one_says_all,
      test_a_packet_behind_a_hole_is_reported_at_once_with_its_block, test_no_sack_of_a_batch_leaves_out_blocks,
      test_every_batch_gets_one, test_a_stranger_gets_one_for_every_second_packet_unless_told_otherwise,
      test_one_of_our_kind_gets_one_a_batch_from_the_start, test_two_of_us_exchange_one_a_batch,
      test_a_bulk_transfer_in_large_batches_brings_a_trial, test_small_batches_bring_none,
      test_a_peer_that_keeps_its_batches_large_keeps_one_a_batch, test_a_peer_whose_batches_fall_to_five_fails_the_trial_at_once,
      test_each_failed_trial_puts_the_next_one_off_for_twice_as_long, test_the_other_policies_do_not_learn,
      test_the_delay_is_a_quarter_of_the_round_trip_from_1_to_20_ms)
