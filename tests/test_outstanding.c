/* What is in flight: SACKs in every shape against a model that recounts everything each time. */
#include "base/serial.h"
#include "sctp/tx/abandon.h"
#include "suite.h"

#define FIRST (SERIAL_ORIGIN + 500)

static sluice_env *env;
static struct event_queue events;
static struct outgoing out;
static struct outstanding sent;

static void setup(void) {
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	events = (struct event_queue){0};
	outgoing_init(&out, env, &events, UINT64_MAX, sched_by_number(SLUICE_SCHEDULER_ROUND_ROBIN));
	outstanding_init(&sent, env, &out, FIRST);
}

static void teardown(void) {
	outstanding_free(&sent);
	outgoing_free(&out);
	ck_assert_uint_eq(env->blocks.live, 0);
	sluice_env_free(env);
}

static void check(void) {
	ck_assert(outstanding_check(&sent));
	ck_assert(outgoing_check(&out));
}

static void queue(uint32_t len, enum sluice_reliability reliability, uint32_t value) {
	static const uint8_t zeros[5000];
	sluice_send_info info = {.stream = 1, .ppid = 53, .reliability = reliability, .value = value};
	ck_assert_int_eq(outgoing_copy(&out, &info, zeros, len), 0);
}

/* Cuts up to n chunks of at most 100 bytes. Returns how many. */
static int transmit(int n, uint64_t now) {
	int i = 0;
	for (struct tx_message *m; i < n && (m = outgoing_next(&out)); i++) {
		uint32_t left = m->len - m->cut, len = left < 100 ? left : 100;
		ck_assert(outstanding_reserve(&sent, OUTSTANDING_MAX));
		uint8_t flags = (uint8_t)((m->cut == 0 ? WIRE_DATA_B : 0) | (m->cut + len == m->len ? WIRE_DATA_E : 0));
		outstanding_append(&sent, m, len, flags, now);
	}
	return i;
}

static struct ack sack(uint64_t cum, const struct gap *gaps, size_t count, uint64_t now) {
	struct ack ack;
	outstanding_refresh(&sent);
	outstanding_sack(&sent, FIRST + cum - 1, gaps, count, false, now, &ack);
	check();
	return ack;
}

static struct gap block(uint64_t start, uint64_t end) {
	return (struct gap){FIRST + start, FIRST + end};
}

START_TEST(test_a_cumulative_ack_frees_messages_and_measures_the_rtt) {
	setup();
	queue(250, SLUICE_RELIABLE, 0);
	ck_assert_int_eq(transmit(10, 1000), 3);
	ck_assert_uint_eq(sent.flight, 250);
	struct ack ack = sack(2, NULL, 0, 5000);
	ck_assert(ack.advanced && ack.rtt_valid);
	ck_assert_uint_eq(ack.rtt, 4000);
	ck_assert_uint_eq(ack.bytes, 200);
	ck_assert_uint_eq(out.buffered, 50);
	ack = sack(3, NULL, 0, 6000);
	ck_assert_uint_eq(out.buffered, 0);
	ck_assert_uint_eq(outstanding_count(&sent), 0);
	teardown();
}
END_TEST

START_TEST(test_three_sacks_that_miss_a_tsn_mark_it_lost_once) {
	setup();
	for (int i = 0; i < 10; i++)
		queue(100, SLUICE_RELIABLE, 0);
	transmit(10, 0);
	struct gap g = block(1, 1);
	ck_assert(!sack(0, &g, 1, 1).lost_new);
	g = block(1, 2);
	ck_assert(!sack(0, &g, 1, 2).lost_new);
	g = block(1, 3);
	ck_assert(sack(0, &g, 1, 3).lost_new);
	ck_assert_uint_eq(outstanding_first_lost(&sent), FIRST);
	outstanding_resent(&sent, FIRST, 4);
	check();
	for (uint64_t i = 4; i < 9; i++) {
		g = block(1, i);
		ck_assert(!sack(0, &g, 1, i).lost_new);
	}
	teardown();
}
END_TEST

START_TEST(test_sacks_that_bring_nothing_new_are_no_miss) {
	setup();
	for (int i = 0; i < 10; i++)
		queue(100, SLUICE_RELIABLE, 0);
	transmit(10, 0);
	struct gap g = block(1, 1);
	for (int i = 0; i < 10; i++)
		ck_assert(!sack(0, &g, 1, 1).lost_new);
	teardown();
}
END_TEST

START_TEST(test_of_what_counted_as_lost_and_arrives_after_the_log_has_grown_nothing_is_made_up) {
	setup();
	queue(100, SLUICE_RELIABLE, 0);
	transmit(1, 1000);
	outstanding_all_lost(&sent);
	for (uint64_t i = 0; i < 100; i++) { /* each in a packet of its own: more than the log holds at first */
		queue(100, SLUICE_RELIABLE, 0);
		transmit(1, 2000 + i);
	}
	struct ack ack = sack(1, NULL, 0, 5000);
	ck_assert_uint_eq(ack.bytes, 100);
	ck_assert_uint_eq(ack.newest, 0); /* its record made room for a later one */
	teardown();
}
END_TEST

START_TEST(test_a_retransmitted_chunk_gives_no_rtt) {
	setup();
	queue(100, SLUICE_RELIABLE, 0);
	transmit(1, 0);
	outstanding_all_lost(&sent);
	outstanding_resent(&sent, FIRST, 100);
	ck_assert(!sack(1, NULL, 0, 200).rtt_valid);
	queue(100, SLUICE_RELIABLE, 0);
	transmit(1, 300);
	ck_assert(sack(2, NULL, 0, 400).rtt_valid);
	teardown();
}
END_TEST

START_TEST(test_a_block_that_is_taken_back_is_one_miss) {
	setup();
	for (int i = 0; i < 8; i++)
		queue(100, SLUICE_RELIABLE, 0);
	transmit(8, 0);
	struct gap g[2] = {block(1, 4)};
	sack(0, g, 1, 1);
	ck_assert_uint_eq(sent.flight, 400);
	g[0] = block(1, 2);
	sack(0, g, 1, 2);
	ck_assert_uint_eq(sent.lost, 0);
	ck_assert_uint_eq(sent.flight, 600);
	for (uint64_t i = 6; i < 8; i++) {
		g[1] = block(6, i);
		sack(0, g, 2, i);
	}
	ck_assert_uint_eq(sent.lost, 3);
	ck_assert_uint_eq(outstanding_first_lost(&sent), FIRST);
	ck_assert_uint_eq(outstanding_at(&sent, FIRST + 3)->state, CHUNK_LOST);
	ck_assert_uint_eq(outstanding_at(&sent, FIRST + 4)->state, CHUNK_LOST);
	ck_assert_uint_eq(out.buffered, 800);
	teardown();
}
END_TEST

START_TEST(test_an_overtaken_sack_gives_up_nothing) {
	setup();
	for (int i = 0; i < 6; i++)
		queue(100, SLUICE_MAX_RETRANSMITS, 0);
	transmit(6, 0);
	struct gap young = block(1, 4), old = block(1, 2);
	sack(0, &young, 1, 1);
	sack(0, &old, 1, 2);
	ck_assert_uint_eq(abandon_exhausted(&sent), 0);
	sack(0, &young, 1, 3);
	ck_assert_uint_eq(sent.flight, 200);
	ck_assert_uint_eq(abandon_exhausted(&sent), 0);
	ck_assert_uint_eq(out.buffered, 600);
	teardown();
}
END_TEST

/* Each chunk was sent once, so the peer can have dropped each once. */
START_TEST(test_no_more_is_taken_back_than_was_sent_until_t3_expires) {
	setup();
	for (int i = 0; i < 10; i++)
		queue(100, SLUICE_RELIABLE, 0);
	transmit(10, 0);
	struct gap all = block(1, 9), later = block(3, 9);
	sack(0, &all, 1, 1);
	sack(0, NULL, 0, 2);
	ck_assert_uint_eq(sent.flight, 1000);
	sack(0, &all, 1, 3);
	sack(0, NULL, 0, 4);
	ck_assert_uint_eq(sent.flight, 100);
	sack(0, &later, 1, 5);
	ck_assert_uint_eq(sent.flight, 100);
	outstanding_all_lost(&sent);
	outstanding_resent(&sent, FIRST, 6);
	sack(0, &later, 1, 7); /* what was sent again, and one of the ten, were left */
	ck_assert_uint_eq(sent.flight, 300);
	sack(0, NULL, 0, 8);
	ck_assert_uint_eq(sent.flight, 300);
	outstanding_allow_retractions(&sent);
	sack(0, NULL, 0, 9);
	ck_assert_uint_eq(sent.flight, 1000);
	teardown();
}
END_TEST

START_TEST(test_of_blocks_that_stand_the_chunk_next_to_the_cumulative_tsn_is_missing) {
	setup();
	for (int i = 0; i < 10; i++)
		queue(100, SLUICE_RELIABLE, 0);
	transmit(10, 0);
	struct gap all = block(1, 9);
	sack(0, &all, 1, 1);
	sack(0, NULL, 0, 2);
	sack(0, &all, 1, 3);
	sack(1, NULL, 0, 4);
	ck_assert_uint_eq(sent.flight, 100);
	ck_assert_int_eq(outstanding_at(&sent, FIRST + 1)->state, CHUNK_IN_FLIGHT);
	sack(10, NULL, 0, 5);
	ck_assert_uint_eq(out.buffered, 0);
	teardown();
}
END_TEST

START_TEST(test_a_message_given_up_half_cut_leaves_a_tsn_to_pass_over) {
	setup();
	queue(1000, SLUICE_MAX_RETRANSMITS, 0);
	transmit(3, 0);
	sack(3, NULL, 0, 1);
	ck_assert_uint_eq(outstanding_count(&sent), 0);
	abandon_message(&sent, out.begun);
	check();
	ck_assert_uint_eq(outstanding_count(&sent), 1);
	ck_assert_uint_eq(sent.advanced, sent.cum + 1);
	ck_assert_uint_eq(out.buffered, 0);
	ck_assert_ptr_null(outgoing_next(&out));
	teardown();
}
END_TEST

START_TEST(test_a_message_past_its_retransmissions_is_abandoned_and_another_is_not) {
	setup();
	queue(100, SLUICE_MAX_RETRANSMITS, 1);
	queue(100, SLUICE_RELIABLE, 0);
	transmit(2, 0);
	outstanding_all_lost(&sent);
	ck_assert_uint_eq(abandon_exhausted(&sent), 0);
	outstanding_resent(&sent, FIRST, 1);
	outstanding_resent(&sent, FIRST + 1, 1);
	outstanding_all_lost(&sent);
	ck_assert_uint_eq(abandon_exhausted(&sent), 1);
	check();
	ck_assert_uint_eq(sent.advanced, FIRST);
	ck_assert_uint_eq(out.buffered, 100);
	teardown();
}
END_TEST

/* ---- the model ---- */

#define CHUNKS 400

static uint64_t random_state;
static uint64_t random_below(uint64_t n) {
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 11) % n;
}

/* What a receiver has, in TSNs from FIRST. A test may make it renege. */
static bool has[CHUNKS];

static size_t describe(uint64_t cum, uint64_t next, struct gap *gaps) {
	size_t count = 0;
	for (uint64_t i = cum; i < next; i++) {
		if (!has[i])
			continue;
		if (i > cum && has[i - 1] && count)
			gaps[count - 1].end = FIRST + i;
		else
			gaps[count++] = block(i, i);
	}
	return count;
}

static void compare(uint64_t cum, uint64_t next) {
	for (uint64_t i = cum; i < next; i++) {
		const struct tx_chunk *c = outstanding_at(&sent, FIRST + i);
		ck_assert_msg((c->state == CHUNK_ACKED) == has[i], "tsn %d: state %d, receiver %d", (int)i, c->state, has[i]);
	}
	ck_assert_uint_eq(sent.cum, FIRST + cum - 1);
}

START_TEST(test_random_sacks_with_reneging_agree_with_the_receiver) {
	struct gap gaps[CHUNKS];
	for (uint64_t seed = 1; seed <= 60; seed++) {
		setup();
		random_state = seed * UINT64_C(0x9e3779b97f4a7c15);
		memset(has, 0, sizeof has);
		uint64_t cum = 0, next = 0, now = 0;
		for (int i = 0; i < 350; i++)
			queue((uint32_t)(1 + random_below(100)), SLUICE_RELIABLE, 0);
		while (cum < 350 && now < 4000) {
			next += (uint64_t)transmit((int)random_below(20), ++now);
			for (int i = 0; i < 8 && next > cum; i++)
				has[cum + random_below(next - cum)] = true;
			if (random_below(8) == 0 && next > cum)
				has[cum + random_below(next - cum)] = false;
			while (cum < next && has[cum])
				cum++;
			size_t count = describe(cum, next, gaps);
			struct ack ack;
			outstanding_sack(&sent, FIRST + cum - 1, gaps, count, random_below(2), now, &ack);
			check();
			compare(cum, next);
			for (uint64_t tsn; random_below(3) && (tsn = outstanding_first_lost(&sent));)
				outstanding_resent(&sent, tsn, now);
			if (random_below(50) == 0)
				outstanding_all_lost(&sent);
			check();
		}
		ck_assert_uint_eq(cum, 350);
		ck_assert_uint_eq(out.buffered, 0);
		teardown();
	}
}
END_TEST

/* The heap of lifetimes, the ring of chunks and that of packets double several times. */
START_TEST(test_what_was_outgrown_does_not_lie_idle) {
	setup();
	for (int i = 0; i < 200; i++)
		queue(100, SLUICE_LIFETIME, 60000);
	outgoing_stamp(&out, 0);
	ck_assert_uint_eq(env->blocks.idle_bytes, 0);
	for (int i = 0; i < 3000; i++)
		queue(100, SLUICE_RELIABLE, 0);
	for (; transmit(1, 1000); txlog_close(&sent.log))
		ck_assert_uint_eq(env->blocks.idle_bytes, 0);
	ck_assert_uint_eq(sent.next - FIRST, 3200);
	check();
	teardown();
}
END_TEST

SUITE("outstanding", test_what_was_outgrown_does_not_lie_idle, test_a_cumulative_ack_frees_messages_and_measures_the_rtt,
      test_three_sacks_that_miss_a_tsn_mark_it_lost_once, test_sacks_that_bring_nothing_new_are_no_miss,
      test_of_what_counted_as_lost_and_arrives_after_the_log_has_grown_nothing_is_made_up,
      test_a_retransmitted_chunk_gives_no_rtt, test_a_block_that_is_taken_back_is_one_miss,
      test_an_overtaken_sack_gives_up_nothing, test_no_more_is_taken_back_than_was_sent_until_t3_expires,
      test_of_blocks_that_stand_the_chunk_next_to_the_cumulative_tsn_is_missing,
      test_a_message_given_up_half_cut_leaves_a_tsn_to_pass_over,
      test_a_message_past_its_retransmissions_is_abandoned_and_another_is_not,
      test_random_sacks_with_reneging_agree_with_the_receiver)
