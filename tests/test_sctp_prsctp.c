/* Messages that may be given up: RFC 3758 and 7496. */
#include "suite.h"

#include "sim/assert.h"
#include "sim/packets.h"
#include "sim/pair.h"
#include "sim/script.h"

static const sluice_send_info once = {.reliability = SLUICE_MAX_RETRANSMITS, .value = 0};

static void send_info(struct pair *p, sluice_send_info info, size_t len) {
	pair_send_as(p, p->a, info, len);
}

/* Everything is either delivered or given up. */
static void settle(struct pair *p, uint64_t within) {
	ck_assert(SIM_UNTIL(&p->sim, p->sim.now + within, sctp_host_stats(p->a).buffered == 0));
	sim_run(&p->sim, p->sim.now + 5 * SLUICE_S);
}

START_TEST(test_a_message_without_retransmissions_that_is_lost_is_skipped) {
	struct pair p;
	pair_start(&p, NULL);
	struct drop_chunk rule = {.type = WIRE_DATA, .count = 1};
	link_filter(p.ab, drop_chunk, &rule);
	send_info(&p, once, 1100);
	send_info(&p, once, 1100);
	pair_send(&p, p.a, 0, 1100);
	settle(&p, 10 * SLUICE_S);
	ck_assert(!p.to_b.entries[0].arrived && p.to_b.entries[1].arrived && p.to_b.entries[2].arrived);
	ck_assert_uint_eq(p.a->abandoned, 1);
	ck_assert_uint_eq(sctp_host_stats(p.a).messages_abandoned, 1);
	ck_assert_uint_eq(sctp_host_stats(p.a).retransmitted_chunks, 0);
	ck_assert_uint_ge(recorder_count(&p.recorder, true, WIRE_FORWARD_TSN), 1);
	pair_shutdown(&p, p.a, SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_message_is_retransmitted_as_often_as_allowed_and_no_more) {
	for (unsigned allowed = 0; allowed < 4; allowed++) {
		for (unsigned losses = 0; losses < 6; losses++) {
			struct pair p;
			pair_start(&p, NULL);
			struct drop_chunk rule = {.type = WIRE_DATA, .count = losses};
			if (losses)
				link_filter(p.ab, drop_chunk, &rule);
			send_info(&p, (sluice_send_info){.reliability = SLUICE_MAX_RETRANSMITS, .value = allowed}, 100);
			settle(&p, 60 * SLUICE_S);
			ck_assert_msg(p.to_b.entries[0].arrived == (losses <= allowed), "%u allowed, %u lost", allowed, losses);
			ck_assert_uint_eq(p.a->abandoned, losses > allowed);
			unsigned sent = losses > allowed ? allowed + 1 : losses + 1;
			ck_assert_uint_eq(recorder_count(&p.recorder, true, WIRE_DATA), sent);
			pair_send(&p, p.a, 0, 100);
			p.ab->filter_count = 1;
			pair_deliver(&p, 10 * SLUICE_S);
			pair_shutdown(&p, p.a, SLUICE_S);
			pair_free(&p);
		}
	}
}
END_TEST

START_TEST(test_a_message_is_given_up_when_its_lifetime_is_over) {
	struct pair p;
	pair_start(&p, NULL);
	p.ab->config.outage_from = p.sim.now;
	p.ab->config.outage_to = p.sim.now + 2 * SLUICE_S;
	send_info(&p, (sluice_send_info){.reliability = SLUICE_LIFETIME, .value = 100}, 1000);
	send_info(&p, (sluice_send_info){.reliability = SLUICE_LIFETIME, .value = 10000}, 1000);
	settle(&p, 10 * SLUICE_S);
	ck_assert(!p.to_b.entries[0].arrived);
	ck_assert(p.to_b.entries[1].arrived);
	ck_assert_uint_eq(p.a->abandoned, 1);
	pair_free(&p);
}
END_TEST

START_TEST(test_messages_whose_lifetime_ends_in_the_queue_are_never_sent) {
	struct pair_config c;
	pair_config_init(&c);
	c.ab.rate = 1000000; /* 8 ms a packet */
	struct pair p;
	pair_start(&p, &c);
	for (unsigned i = 0; i < 100; i++)
		send_info(&p, (sluice_send_info){.reliability = SLUICE_LIFETIME, .value = 200}, 1100);
	settle(&p, 20 * SLUICE_S);
	ck_assert_uint_lt(recorder_count(&p.recorder, true, WIRE_DATA), 60);
	ck_assert_uint_ge(p.to_b.arrived, 15);
	/* Some arrive in the very moment in which they are given up. */
	ck_assert_uint_ge(p.a->abandoned, 100 - p.to_b.arrived);
	pair_send(&p, p.a, 0, 100);
	pair_deliver(&p, 5 * SLUICE_S);
	pair_shutdown(&p, p.a, SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_half_a_message_that_is_given_up_is_forgotten_by_the_receiver) {
	/* A message of five fragments; each subset of them is lost, then it is given up, ordered and unordered. */
	for (uint64_t n = sim_first(1); n <= sim_last(63); n++) {
		struct pair p;
		pair_start(&p, NULL);
		p.b->keep = true;
		size_t before = sctp_host_stats(p.b).local_window;
		p.ab->config.mask = (n & 31) << p.ab->offered;
		send_info(&p, (sluice_send_info){.reliability = SLUICE_MAX_RETRANSMITS, .unordered = n >= 32}, 5 * 1160);
		send_info(&p, (sluice_send_info){.unordered = n >= 32}, 100);
		settle(&p, 20 * SLUICE_S);
		ck_assert(p.to_b.entries[0].arrived == ((n & 31) == 0));
		ck_assert(p.to_b.entries[1].arrived);
		ck_assert_uint_eq(p.a->abandoned, (n & 31) != 0);
		p.b->keep = false;
		sctp_host_release_all(p.b);
		ck_assert_uint_eq(sctp_host_stats(p.b).held, 0);
		ck_assert_uint_eq(sctp_host_stats(p.b).local_window, before);
		pair_shutdown(&p, p.a, 5 * SLUICE_S);
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_a_lost_forward_tsn_is_sent_again) {
	for (unsigned losses = 1; losses < 4; losses++) {
		struct pair p;
		pair_start(&p, NULL);
		struct drop_chunk data = {.type = WIRE_DATA, .count = 1}, forward = {.type = WIRE_FORWARD_TSN, .count = losses};
		link_filter(p.ab, drop_chunk, &data);
		link_filter(p.ab, drop_chunk, &forward);
		send_info(&p, once, 100);
		sim_run(&p.sim, p.sim.now + 20 * SLUICE_S);
		ck_assert_uint_eq(forward.dropped, losses);
		ck_assert_uint_gt(forward.seen, losses);
		pair_send(&p, p.a, 0, 100);
		pair_deliver(&p, 10 * SLUICE_S);
		pair_shutdown(&p, p.a, SLUICE_S);
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_a_peer_without_pr_sctp_gets_everything) {
	struct pair_config c;
	pair_config_init(&c);
	c.b.no_pr_sctp = true;
	struct pair p;
	pair_start(&p, &c);
	struct drop_chunk rule = {.type = WIRE_DATA, .count = 2};
	link_filter(p.ab, drop_chunk, &rule);
	send_info(&p, once, 100);
	send_info(&p, once, 100);
	settle(&p, 10 * SLUICE_S);
	ck_assert_uint_eq(p.to_b.arrived, 2);
	ck_assert_uint_eq(recorder_count(&p.recorder, true, WIRE_FORWARD_TSN), 0);
	ck_assert_uint_eq(p.a->abandoned, 0);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_forward_tsn_skips_what_is_missing_and_delivers_what_waited) {
	struct script s;
	script_init(&s, NULL);
	ck_assert(script_open_passive(&s));
	/* Stream 5: message 0 is missing, 1 is here; stream 6: half of message 0 is here, 1 is here. */
	script_give_data(&s, s.tsn + 1, 5, 1, 3, 11);
	script_give_data(&s, s.tsn + 2, 6, 0, WIRE_DATA_B, 12);
	script_give_data(&s, s.tsn + 4, 6, 1, 3, 13);
	ck_assert_uint_eq(s.message_count, 0);
	uint8_t space[200], streams[] = {0, 5, 0, 0, 0, 6, 0, 0};
	struct wire_forward f = {.cum_tsn = s.tsn + 3, .count = 2, .streams = streams};
	struct writer w = script_begin(&s, space, sizeof space);
	wire_forward_write(&w, &f);
	script_skip(&s);
	script_give(&s, &w);
	ck_assert_uint_eq(s.message_count, 2);
	ck_assert_uint_eq(s.messages[0].len + s.messages[1].len, 24);
	script_run(&s, s.now + SLUICE_S);
	struct wire_chunk c;
	struct wire_sack sack = {0};
	while (script_expect(&s, WIRE_SACK, &c))
		ck_assert_int_eq(wire_sack_read(&c, &sack), 0);
	ck_assert_uint_eq(sack.cum_tsn, s.tsn + 4);
	/* An old FORWARD-TSN changes nothing: RFC 3758, 3.6: it "might be out-of-date"; a SACK may follow. */
	f.cum_tsn = s.tsn + 1;
	w = script_begin(&s, space, sizeof space);
	wire_forward_write(&w, &f);
	script_give(&s, &w);
	script_give_data(&s, s.tsn + 5, 5, 2, 3, 14);
	ck_assert_uint_eq(s.message_count, 3);
	script_free(&s);
}
END_TEST

START_TEST(test_a_forward_tsn_ends_an_unordered_half) {
	struct script s;
	script_init(&s, NULL);
	ck_assert(script_open_passive(&s));
	script_give_data(&s, s.tsn, 5, 0, WIRE_DATA_U | WIRE_DATA_B, 1000);
	sluice_sctp_stats st;
	sluice_sctp_stats_get(s.sctp, &st);
	uint32_t window = st.local_window;
	uint8_t space[200];
	struct wire_forward f = {.cum_tsn = s.tsn + 1};
	struct writer w = script_begin(&s, space, sizeof space);
	wire_forward_write(&w, &f);
	script_give(&s, &w);
	sluice_sctp_stats_get(s.sctp, &st);
	ck_assert_uint_gt(st.local_window, window);
	/* The end of the message that was given up comes late, beyond the new point: it completes nothing. */
	script_give_data(&s, s.tsn + 2, 5, 0, WIRE_DATA_U | WIRE_DATA_E, 10);
	script_give_data(&s, s.tsn + 3, 5, 0, WIRE_DATA_U | 3, 10);
	ck_assert_uint_eq(s.message_count, 1);
	script_free(&s);
}
END_TEST

START_TEST(test_partial_reliability_on_bad_networks_neither_stalls_nor_garbles) {
	for (uint64_t n = sim_first(0); n <= sim_last(99); n++) {
		struct pair_config c;
		pair_config_init(&c);
		c.seed = n;
		c.ab.loss = 0.02 + 0.002 * (double)n;
		c.ba.loss = 0.05;
		c.ab.rate = 5000000;
		c.ab.reorder = 0.05;
		c.ab.reorder_delay = 15 * SLUICE_MS;
		c.b.receive_window = n % 3 ? 1 << 20 : 16384;
		struct pair p;
		pair_start(&p, &c);
		struct rng r = rng_of(n, 77);
		for (unsigned i = 0; i < 150; i++) {
			sluice_send_info info = {.stream = (uint16_t)rng_below(&r, 3), .unordered = rng_chance(&r, 0.4)};
			info.reliability = (enum sluice_reliability)rng_below(&r, 3);
			info.value = (uint32_t)(info.reliability == SLUICE_LIFETIME ? 1 + rng_below(&r, 500) : rng_below(&r, 3));
			pair_send_as(&p, p.a, info, 1 + rng_below(&r, rng_chance(&r, 0.3) ? 8000 : 300));
			if (rng_chance(&r, 0.1))
				sim_run(&p.sim, p.sim.now + rng_below(&r, 100 * SLUICE_MS));
		}
		pair_deliver(&p, 200 * SLUICE_S);
		/* What a has not given up is delivered; what it has, may be. */
		ck_assert_uint_ge(p.to_b.arrived + p.a->abandoned, 150);
		pair_shutdown(&p, p.a, 60 * SLUICE_S);
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_a_sack_that_was_overtaken_gives_up_nothing) {
	struct script s;
	sluice_sctp_config c;
	sluice_sctp_config_init(&c);
	c.recovery = SLUICE_RECOVERY_RFC9260; /* by time, one SACK would do */
	script_init(&s, &c);
	ck_assert(script_open_passive(&s));
	uint8_t message[1000] = {1};
	for (unsigned i = 0; i < 6; i++)
		ck_assert_int_eq(sluice_sctp_send(s.sctp, &once, message, sizeof message), 0);
	script_collect(&s);
	script_skip(&s);
	s.now += 10 * SLUICE_MS;
	script_give_sack(&s, s.remote_tsn - 1, s.rwnd, (uint16_t[]){2, 5}, 1);
	script_give_sack(&s, s.remote_tsn - 1, s.rwnd, (uint16_t[]){2, 3}, 1);
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_ABANDONED), 0);
	ck_assert_uint_eq(script_pending(&s, WIRE_DATA), 0);
	ck_assert_uint_eq(script_pending(&s, WIRE_FORWARD_TSN), 0);
	script_give_sack(&s, s.remote_tsn + 5, s.rwnd, NULL, 0);
	ck_assert_uint_eq(sluice_sctp_buffered(s.sctp, 0), 0);
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_ABANDONED), 0);
	script_free(&s);
}
END_TEST

START_TEST(test_a_sack_that_was_overtaken_gives_up_nothing_by_time_either) {
	sluice_sctp_config c;
	struct script s;
	sluice_sctp_config_init(&c);
	c.recovery = SLUICE_RECOVERY_RACK;
	script_init(&s, &c);
	ck_assert(script_open_passive(&s));
	uint8_t message[1000] = {1};
	for (unsigned i = 0; i < 4; i++)
		ck_assert_int_eq(sluice_sctp_send(s.sctp, &once, message, sizeof message), 0);
	script_collect(&s);
	script_skip(&s);
	s.now += 10 * SLUICE_MS;
	script_give_sack(&s, s.remote_tsn, s.rwnd, (uint16_t[]){2, 3}, 1);
	script_give_sack(&s, s.remote_tsn, s.rwnd, (uint16_t[]){2, 2}, 1);
	script_run(&s, s.now + SLUICE_MS);
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_ABANDONED), 0);
	script_give_sack(&s, s.remote_tsn + 3, s.rwnd, NULL, 0);
	ck_assert_uint_eq(sluice_sctp_buffered(s.sctp, 0), 0);
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_ABANDONED), 0);
	script_free(&s);
}
END_TEST

START_TEST(test_one_forward_tsn_passes_over_all_holes_and_what_the_peer_has_between_them) {
	struct pair p;
	struct pair_config config;
	pair_config_init(&config);
	config.a.recovery = SLUICE_RECOVERY_RACK; /* one SACK tells of all, and one is enough for it */
	pair_start(&p, &config);
	p.ab->config.mask = UINT64_C(0x2a) << p.ab->offered; /* the second, fourth and sixth */
	for (unsigned i = 0; i < 10; i++)
		send_info(&p, once, 1000);
	/* Two round trips and a reordering window: what is missing becomes known in the first, is passed over in the second. */
	sim_run(&p.sim, p.sim.now + 5 * PAIR_DELAY);
	ck_assert_uint_eq(sctp_host_stats(p.a).buffered, 0);
	ck_assert_uint_eq(p.to_b.arrived, 7);
	ck_assert_uint_eq(p.a->abandoned, 3);
	ck_assert_uint_eq(recorder_count(&p.recorder, true, WIRE_FORWARD_TSN), 1);
	pair_shutdown(&p, p.a, SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_forward_tsn_passes_over_nothing_that_may_be_sent_again) {
	struct pair p;
	pair_start(&p, NULL);
	p.ab->config.mask = UINT64_C(0x0a) << p.ab->offered; /* the second and fourth */
	const sluice_send_info reliable = {0};
	for (unsigned i = 0; i < 8; i++)
		send_info(&p, i == 2 ? reliable : once, 1000);
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + SLUICE_S, recorder_count(&p.recorder, true, WIRE_FORWARD_TSN) == 1));
	struct wire_chunk c;
	struct wire_forward f;
	const struct recorded *r = recorder_find(&p.recorder, true, WIRE_FORWARD_TSN, 0);
	ck_assert(packet_chunk(r->bytes, r->len, WIRE_FORWARD_TSN, 0, &c));
	ck_assert_int_eq(wire_forward_read(&c, &f), 0);
	const struct recorded *first = recorder_find(&p.recorder, true, WIRE_DATA, 0);
	struct wire_data d;
	ck_assert(packet_chunk(first->bytes, first->len, WIRE_DATA, 0, &c));
	ck_assert_int_eq(wire_data_read(&c, &d), 0);
	ck_assert_uint_eq(f.cum_tsn, d.tsn + 1);
	settle(&p, 10 * SLUICE_S);
	ck_assert_uint_eq(p.to_b.arrived, 6);
	pair_shutdown(&p, p.a, SLUICE_S);
	pair_free(&p);
}
END_TEST

static int send_with_priority(struct pair *p, uint32_t priority, size_t len) {
	static const uint8_t zeros[4000];
	sluice_send_info info = {.stream = 3, .reliability = SLUICE_PRIORITY_DROP, .value = priority};
	return sluice_sctp_send(p->a->sctp, &info, zeros, len);
}

START_TEST(test_a_full_buffer_gives_up_the_least_important_for_what_is_more_important) {
	/* RFC 7496, 3.2, the Priority Policy. */
	struct pair_config c;
	struct pair p;
	pair_config_init(&c);
	c.a.high_water = 10000;
	pair_start(&p, &c);
	p.b->host->down = true; /* nothing is acknowledged */
	ledger_forgive(&p.to_b);
	for (unsigned i = 0; i < 5; i++)
		ck_assert_int_eq(send_with_priority(&p, i, 2000), 0);
	ck_assert_uint_eq(sluice_sctp_buffered(p.a->sctp, 3), 10000);
	/* Of its own priority or a higher one nothing is given up ... */
	ck_assert_int_eq(send_with_priority(&p, 4, 2000), SLUICE_WOULD_BLOCK);
	ck_assert_uint_eq(sctp_host_stats(p.a).messages_abandoned, 0);
	/* ... else the least important first, as many as it takes, ... */
	ck_assert_int_eq(send_with_priority(&p, 2, 4000), 0);
	ck_assert_uint_eq(sctp_host_stats(p.a).messages_abandoned, 2);
	ck_assert_uint_eq(sluice_sctp_buffered(p.a->sctp, 3), 10000);
	/* ... and none where all would not do. */
	ck_assert_int_eq(send_with_priority(&p, 2, 4000), SLUICE_WOULD_BLOCK);
	ck_assert_uint_eq(sctp_host_stats(p.a).messages_abandoned, 2);
	/* What is reliable stands above all of them. */
	static const uint8_t zeros[10000];
	ck_assert_int_eq(sluice_sctp_send(p.a->sctp, &(sluice_send_info){.stream = 3}, zeros, sizeof zeros), 0);
	ck_assert_uint_eq(sctp_host_stats(p.a).messages_abandoned, 6);
	ck_assert_uint_eq(sluice_sctp_buffered(p.a->sctp, 3), 10000);
	pair_free(&p);
}
END_TEST

START_TEST(test_what_was_begun_is_not_given_up_for_something_more_important) {
	struct pair_config c;
	struct pair p;
	pair_config_init(&c);
	c.a.high_water = 10000;
	pair_start(&p, &c);
	ck_assert_int_eq(send_with_priority(&p, 9, 4000), 0);
	sim_settle(&p.sim);
	ck_assert_int_eq(send_with_priority(&p, 0, 4000), 0);
	sim_settle(&p.sim);
	ck_assert_int_eq(send_with_priority(&p, 0, 4000), SLUICE_WOULD_BLOCK);
	ck_assert_uint_eq(sctp_host_stats(p.a).messages_abandoned, 0);
	pair_free(&p);
}
END_TEST

/* With 2^32 - 1 retransmissions, and so many ns in an RTO, the product of the two has more than 64 bits. */
START_TEST(test_a_limit_that_is_nearly_none_gives_up_nothing_behind_an_outage) {
	static struct script s;
	sluice_sctp_config c;
	sluice_sctp_config_init(&c);
	c.rto_initial = UINT64_C(1) << 32;
	c.rto_max = 2 * c.rto_initial;
	script_init(&s, &c);
	ck_assert(script_open_passive(&s));
	for (int i = 0; i < 100; i++) {
		const sluice_send_info info = {.reliability = SLUICE_MAX_RETRANSMITS, .value = UINT32_MAX};
		static const uint8_t bytes[1000];
		ck_assert_int_eq(sluice_sctp_send(s.sctp, &info, bytes, sizeof bytes), 0);
	}
	script_run(&s, s.now + 10 * SLUICE_S);
	ck_assert_uint_gt(script_stats(&s).timeouts, 0);
	ck_assert_uint_eq(script_stats(&s).messages_abandoned, 0);
	script_free(&s);
}
END_TEST

SUITE("sctp partial reliability", test_a_limit_that_is_nearly_none_gives_up_nothing_behind_an_outage,
      test_a_full_buffer_gives_up_the_least_important_for_what_is_more_important,
      test_what_was_begun_is_not_given_up_for_something_more_important,
      test_a_message_without_retransmissions_that_is_lost_is_skipped,
      test_a_message_is_retransmitted_as_often_as_allowed_and_no_more, test_a_message_is_given_up_when_its_lifetime_is_over,
      test_messages_whose_lifetime_ends_in_the_queue_are_never_sent,
      test_half_a_message_that_is_given_up_is_forgotten_by_the_receiver, test_a_lost_forward_tsn_is_sent_again,
      test_a_peer_without_pr_sctp_gets_everything, test_a_forward_tsn_skips_what_is_missing_and_delivers_what_waited,
      test_a_forward_tsn_ends_an_unordered_half, test_partial_reliability_on_bad_networks_neither_stalls_nor_garbles,
      test_a_sack_that_was_overtaken_gives_up_nothing, test_a_sack_that_was_overtaken_gives_up_nothing_by_time_either,
      test_one_forward_tsn_passes_over_all_holes_and_what_the_peer_has_between_them,
      test_a_forward_tsn_passes_over_nothing_that_may_be_sent_again)
