/* Path MTU discovery (RFC 8899) over lines that carry so much and no more, in virtual time. */
#include "suite.h"

#include "sctp/association.h"
#include "sim/assert.h"
#include "sim/pair.h"
#include "sim/script.h"

#define BASE 1188u

/* a searches up to max; the line carries `line` bytes. */
static struct pair_config path(uint32_t max, size_t line) {
	struct pair_config c;
	pair_config_init(&c);
	c.a.mtu_max = max;
	c.a.high_water = UINT64_C(2) << 20;
	c.ab.mtu = c.ba.mtu = line;
	return c;
}

static uint32_t mtu(const struct pair *p) {
	return sctp_host_stats(p->a).mtu;
}

static void run_for(struct pair *p, uint64_t ns) {
	sim_run(&p->sim, p->sim.now + ns);
}

/* The largest packet with data of those recorded from number `from` on. */
static size_t largest_data(const struct pair *p, size_t from) {
	size_t largest = 0;
	for (size_t i = from; i < p->recorder.count; i++) {
		const struct recorded *r = &p->recorder.packets[i];
		if (r->forward && packet_has(r->bytes, r->len, WIRE_DATA) && r->len > largest)
			largest = r->len;
	}
	return largest;
}

static void send_much(struct pair *p, unsigned messages) {
	for (unsigned i = 0; i < messages; i++)
		pair_send(p, p->a, 0, 60000);
}

static void check_world(struct pair *p) {
	ck_assert(association_check(p->a->sctp) && association_check(p->b->sctp));
}

/* ---- growing ---- */

START_TEST(test_packets_grow_to_the_limit_within_two_round_trips_where_everything_passes) {
	struct pair_config c = path(16332, 0);
	struct pair p;
	pair_start(&p, &c);
	run_for(&p, 4 * PAIR_DELAY + 1);
	ck_assert_uint_ge(mtu(&p), 16000);
	ck_assert_uint_le(mtu(&p), 16332);
	ck_assert_uint_eq(sctp_host_stats(p.a).mtu_probes_sent, 2); /* of the base size, and of the largest */
	size_t from = p.recorder.count;
	send_much(&p, 10);
	pair_deliver(&p, 5 * SLUICE_S);
	ck_assert_uint_eq(largest_data(&p, from), mtu(&p));
	check_world(&p);
	pair_free(&p);
}
END_TEST

START_TEST(test_the_size_found_is_one_that_the_path_carries_and_hardly_less) {
	static const size_t lines[] = {1200, 1232, 1280, 1408, 1432, 1463, 1960,  2048,
	                               4096, 4260, 6000, 8892, 8932, 9000, 12345, 16000};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct pair_config c = path(16332, lines[i]);
		struct pair p;
		pair_start(&p, &c);
		run_for(&p, 100 * SLUICE_S);
		const struct pmtu *found = &p.a->sctp->tx.discovery.pmtu;
		ck_assert_int_eq(found->phase, PMTU_COMPLETE);
		ck_assert_uint_le(found->passed, lines[i]);
		ck_assert_uint_ge(found->passed + found->passed / 32 + 24, lines[i]);
		ck_assert_uint_le(mtu(&p), found->passed);
		ck_assert_uint_ge(mtu(&p), found->passed - found->passed / 16);
		ck_assert_uint_le(sctp_host_stats(p.a).mtu_probes_sent, 45);
		size_t from = p.recorder.count;
		send_much(&p, 5);
		pair_deliver(&p, 5 * SLUICE_S);
		ck_assert_uint_eq(largest_data(&p, from), mtu(&p));
		ck_assert_uint_eq(sctp_host_stats(p.a).retransmitted_chunks, 0);
		check_world(&p);
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_full_packets_come_out_equal_so_that_they_share_one_send) {
	struct pair_config c = path(16332, 0);
	struct pair p;
	c.no_record = false;
	pair_start(&p, &c);
	run_for(&p, SLUICE_S);
	size_t from = p.recorder.count, full = 0, all = 0;
	for (unsigned i = 0; i < 100; i++)
		pair_send(&p, p.a, 0, 16384);
	pair_deliver(&p, 10 * SLUICE_S);
	for (size_t i = from; i < p.recorder.count; i++) {
		const struct recorded *r = &p.recorder.packets[i];
		if (!r->forward || !packet_has(r->bytes, r->len, WIRE_DATA))
			continue;
		all++;
		full += r->len == mtu(&p);
	}
	ck_assert_uint_ge(full * 10, all * 7); /* but where cwnd ends */
	pair_free(&p);
}
END_TEST

START_TEST(test_an_event_tells_the_new_size) {
	struct script s;
	sluice_sctp_config config;
	sluice_sctp_config_init(&config);
	config.mtu_max = 1600;
	script_init(&s, &config);
	ck_assert(script_open_passive(&s));
	ck_assert_uint_eq(script_events(&s, SLUICE_SCTP_MTU), 0);
	script_free(&s);

	struct pair_config c = path(16332, 0);
	struct pair p;
	pair_start(&p, &c);
	ck_assert_uint_eq(p.a->mtu_events, 0);
	run_for(&p, SLUICE_S);
	ck_assert_uint_eq(p.a->mtu_events, 1);
	ck_assert_uint_eq(p.a->last_mtu, mtu(&p));
	ck_assert_uint_eq(p.b->mtu_events, 0);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_bare_association_does_not_search_and_without_room_in_its_driver_none_does) {
	struct pair p;
	pair_start(&p, NULL);
	run_for(&p, 10 * SLUICE_S);
	ck_assert_uint_eq(mtu(&p), BASE);
	ck_assert_uint_eq(sctp_host_stats(p.a).mtu_probes_sent, 0);
	pair_free(&p);

	struct pair_config c = path(16332, 0);
	pair_init(&p, &c);
	p.a->host->batch_size = 3000;
	pair_connect(&p, SLUICE_S);
	run_for(&p, 60 * SLUICE_S);
	ck_assert_uint_gt(mtu(&p), 2800);
	ck_assert_uint_le(mtu(&p), 3000);
	/* A driver that has less room afterwards gets smaller packets. */
	p.a->host->batch_size = 1500;
	size_t from = p.recorder.count;
	send_much(&p, 1);
	pair_deliver(&p, SLUICE_S);
	ck_assert_uint_le(largest_data(&p, from), 1500);
	pair_free(&p);
}
END_TEST

/* ---- probes ---- */

START_TEST(test_a_probe_is_a_heartbeat_and_padding_alone_in_a_packet) {
	struct pair_config c = path(9000, 0);
	struct pair p;
	pair_start(&p, &c);
	run_for(&p, SLUICE_S);
	unsigned probes = 0;
	for (size_t i = 0; i < p.recorder.count; i++) {
		const struct recorded *r = &p.recorder.packets[i];
		struct wire_chunk chunk;
		if (!packet_has(r->bytes, r->len, WIRE_PAD))
			continue;
		probes++;
		ck_assert(r->forward);
		ck_assert_uint_eq(r->len, probes == 1 ? BASE : 9000);
		ck_assert(packet_chunk(r->bytes, r->len, WIRE_HEARTBEAT, 0, &chunk));
		ck_assert_uint_eq(packet_count(r->bytes, r->len, WIRE_DATA) + packet_count(r->bytes, r->len, WIRE_SACK), 0);
	}
	ck_assert_uint_eq(probes, 2);
	/* RFC 4820: the padding stays behind, so the answer is small. */
	const struct recorded *answer = recorder_find(&p.recorder, false, WIRE_HEARTBEAT_ACK, 1);
	ck_assert_ptr_nonnull(answer);
	ck_assert_uint_le(answer->len, 100);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_lost_probe_is_no_sign_of_congestion) {
	struct pair_config c = path(16332, 1500);
	struct pair p;
	c.ab.rate = c.ba.rate = 100000000;
	pair_start(&p, &c);
	uint64_t end = p.sim.now + 20 * SLUICE_S, cwnd = 0;
	while (p.sim.now < end) {
		if (sctp_host_stats(p.a).buffered < 100000)
			send_much(&p, 2);
		run_for(&p, 20 * SLUICE_MS);
		ck_assert_uint_ge(sctp_host_stats(p.a).cwnd, cwnd);
		cwnd = sctp_host_stats(p.a).cwnd;
	}
	sluice_sctp_stats s = sctp_host_stats(p.a);
	ck_assert_uint_ge(s.mtu_probes_sent, 6);
	ck_assert_uint_lt(s.mtu_probes_acked, s.mtu_probes_sent);
	ck_assert_uint_eq(s.recoveries + s.timeouts + s.retransmitted_chunks, 0);
	pair_free(&p);
}
END_TEST

START_TEST(test_at_most_one_probe_is_out_and_a_second_passes_before_it_counts_as_lost) {
	struct pair_config c = path(16332, 1500);
	struct pair p;
	uint64_t last = 0;
	size_t last_len = 0;
	pair_start(&p, &c);
	run_for(&p, 60 * SLUICE_S);
	for (size_t i = 0; i < p.recorder.count; i++) {
		const struct recorded *r = &p.recorder.packets[i];
		if (!packet_has(r->bytes, r->len, WIRE_PAD))
			continue;
		if (last_len > 1500)
			ck_assert_uint_ge(r->at - last, SLUICE_S);
		last = r->at;
		last_len = r->len;
	}
	pair_free(&p);
}
END_TEST

static enum link_verdict swallow_probes(void *ctx, struct sim_link *link, uint8_t *packet, size_t *len, uint64_t now) {
	(void)link, (void)now, (void)ctx;
	return packet_has(packet, *len, WIRE_PAD) ? LINK_DROP : LINK_PASS;
}

START_TEST(test_a_peer_that_answers_no_probes_is_left_at_the_base_size_and_gets_no_more_of_them) {
	struct pair_config c = path(16332, 0);
	struct pair p;
	pair_init(&p, &c);
	link_filter(p.ab, swallow_probes, NULL);
	pair_connect(&p, SLUICE_S);
	run_for(&p, 2000 * SLUICE_S);
	ck_assert_uint_eq(mtu(&p), BASE);
	ck_assert_uint_eq(sctp_host_stats(p.a).mtu_probes_sent, 2 * PMTU_MAX_PROBES);
	send_much(&p, 5);
	pair_deliver(&p, 5 * SLUICE_S);
	ck_assert_uint_eq(p.a->mtu_events, 0);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_silent_path_is_no_answer_and_probes_are_bounded) {
	/* RFC 8899, 4.3: a black hole is one of large packets; nothing at all says nothing of sizes. */
	struct pair_config c = path(16332, 0);
	struct pair p;
	c.a.heartbeat_interval = c.b.heartbeat_interval = SLUICE_NEVER;
	pair_start(&p, &c);
	p.ab->config.outage_from = p.sim.now;
	p.ab->config.outage_to = p.sim.now + 20 * SLUICE_S;
	run_for(&p, 20 * SLUICE_S);
	ck_assert_uint_eq(mtu(&p), BASE);
	ck_assert_uint_le(sctp_host_stats(p.a).mtu_probes_sent, 5);
	run_for(&p, 20 * SLUICE_S);
	ck_assert_uint_ge(mtu(&p), 16000);
	pair_free(&p);

	pair_start(&p, &c);
	p.ab->config.outage_from = p.sim.now;
	p.ab->config.outage_to = SLUICE_NEVER;
	run_for(&p, 599 * SLUICE_S);
	ck_assert_uint_le(sctp_host_stats(p.a).mtu_probes_sent, 10);
	pair_free(&p);
}
END_TEST

START_TEST(test_an_answer_with_another_nonce_is_not_believed) {
	struct script s;
	sluice_sctp_config config;
	sluice_sctp_config_init(&config);
	config.mtu_max = 1600;
	script_init(&s, &config);
	ck_assert(script_open_passive(&s));
	uint8_t space[200], info[16] = {0};
	for (int i = 0; i < 3; i++) {
		struct writer w = script_begin(&s, space, sizeof space);
		info[15] = (uint8_t)i; /* no nonce is 0 */
		wire_heartbeat_write(&w, WIRE_HEARTBEAT_ACK, info, sizeof info);
		script_give(&s, &w);
	}
	sluice_sctp_stats stats;
	sluice_sctp_stats_get(s.sctp, &stats);
	ck_assert_uint_eq(stats.mtu_probes_acked, 0);
	ck_assert_uint_eq(stats.chunks_discarded, 3);
	script_free(&s);
}
END_TEST

START_TEST(test_the_raise_timer_searches_again_but_not_for_an_association_that_is_idle) {
	struct pair_config c = path(16332, 1500);
	struct pair p;
	c.no_record = true;
	pair_start(&p, &c);
	run_for(&p, 60 * SLUICE_S);
	uint64_t probes = sctp_host_stats(p.a).mtu_probes_sent;
	p.ab->config.mtu = 0;
	run_for(&p, 1300 * SLUICE_S);
	ck_assert_uint_eq(sctp_host_stats(p.a).mtu_probes_sent, probes);
	ck_assert_uint_lt(mtu(&p), 1500);
	send_much(&p, 1);
	run_for(&p, 601 * SLUICE_S);
	ck_assert_uint_ge(mtu(&p), 16000);
	pair_free(&p);
}
END_TEST

/* ---- black holes ---- */

START_TEST(test_a_black_hole_in_the_middle_of_a_transfer_costs_a_second_and_no_message) {
	static const enum sluice_recovery recoveries[] = {SLUICE_RECOVERY_RACK, SLUICE_RECOVERY_RFC9260};
	for (int i = 0; i < 2; i++) {
		struct pair_config c = path(16332, 0);
		struct pair p;
		c.a.recovery = recoveries[i];
		c.ab.rate = c.ba.rate = 100000000;
		pair_start(&p, &c);
		run_for(&p, SLUICE_S);
		ck_assert_uint_ge(mtu(&p), 16000);
		send_much(&p, 30);
		run_for(&p, 60 * SLUICE_MS);
		p.ab->config.mtu = 1500;
		uint64_t start = p.sim.now;
		pair_deliver(&p, 10 * SLUICE_S);
		ck_assert_uint_le(p.sim.now - start, 2500 * SLUICE_MS);
		ck_assert_uint_ge(sctp_host_stats(p.a).mtu_black_holes, 1);
		ck_assert_uint_le(mtu(&p), 1500);
		check_world(&p);
		run_for(&p, 60 * SLUICE_S);
		ck_assert_uint_ge(mtu(&p), 1400); /* and what the path does carry is found */
		ck_assert_uint_le(mtu(&p), 1500);
		pair_free(&p);
	}
}
END_TEST

START_TEST(test_small_messages_that_pass_do_not_hide_a_black_hole) {
	struct pair_config c = path(16332, 0);
	struct pair p;
	c.a.recovery = SLUICE_RECOVERY_RACK;
	pair_start(&p, &c);
	run_for(&p, SLUICE_S);
	p.ab->config.mtu = 1500;
	send_much(&p, 4);
	for (int i = 0; i < 200; i++) {
		pair_send(&p, p.a, 1, 64);
		run_for(&p, 10 * SLUICE_MS);
	}
	pair_deliver(&p, 2 * SLUICE_S);
	ck_assert_uint_le(mtu(&p), 1500);
	check_world(&p);
	pair_free(&p);
}
END_TEST

START_TEST(test_an_outage_makes_packets_small_for_no_longer_than_a_probe_takes) {
	struct pair_config c = path(16332, 0);
	struct pair p;
	pair_start(&p, &c);
	run_for(&p, SLUICE_S);
	send_much(&p, 20);
	run_for(&p, 30 * SLUICE_MS);
	p.ab->config.outage_from = p.sim.now;
	p.ab->config.outage_to = p.sim.now + 2 * SLUICE_S;
	pair_deliver(&p, 10 * SLUICE_S);
	run_for(&p, 4 * SLUICE_S);
	ck_assert_uint_ge(sctp_host_stats(p.a).mtu_black_holes, 1);
	ck_assert_uint_ge(mtu(&p), 16000);
	pair_free(&p);
}
END_TEST

START_TEST(test_random_loss_is_no_black_hole) {
	struct pair_config c = path(16332, 0);
	struct pair p;
	c.a.recovery = SLUICE_RECOVERY_RACK;
	c.ab.loss = c.ba.loss = 0.02;
	c.ab.rate = c.ba.rate = 100000000;
	c.no_record = true;
	pair_start(&p, &c);
	uint64_t end = p.sim.now + 20 * SLUICE_S, large = 0, all = 0;
	while (p.sim.now < end) {
		if (sctp_host_stats(p.a).buffered < 1000000)
			send_much(&p, 2);
		run_for(&p, 20 * SLUICE_MS);
		all++;
		large += mtu(&p) >= 16000;
	}
	ck_assert_uint_ge(large * 10, all * 8);
	pair_deliver(&p, 60 * SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_what_was_in_flight_in_large_packets_goes_again_in_small_ones_with_the_same_tsns) {
	struct pair_config c = path(16332, 0);
	struct pair p;
	pair_start(&p, &c);
	run_for(&p, SLUICE_S);
	size_t from = p.recorder.count;
	p.ab->config.mtu = 1300;
	pair_send(&p, p.a, 0, 10000);
	pair_deliver(&p, 5 * SLUICE_S);
	/* Each TSN always carries the same bytes. */
	struct wire_chunk first, again;
	size_t repeated = 0;
	for (size_t i = from; i < p.recorder.count; i++) {
		const struct recorded *r = &p.recorder.packets[i];
		for (unsigned n = 0; r->forward && r->len <= 1300 && packet_chunk(r->bytes, r->len, WIRE_DATA, n, &again); n++)
			for (unsigned k = 0;
			     packet_chunk(p.recorder.packets[from].bytes, p.recorder.packets[from].len, WIRE_DATA, k, &first);
			     k++)
				if (memcmp(first.value, again.value, 4) == 0) {
					repeated++;
					ck_assert_uint_eq(first.len, again.len);
					ck_assert_mem_eq(first.value, again.value, first.len);
				}
	}
	ck_assert_uint_ge(repeated, 8);
	pair_free(&p);
}
END_TEST

/* ---- below the base size ---- */

START_TEST(test_over_a_path_of_1000_bytes_new_messages_are_cut_smaller) {
	struct pair_config c = path(16332, 1000);
	struct pair p;
	pair_start(&p, &c);
	run_for(&p, 60 * SLUICE_S);
	ck_assert_uint_le(mtu(&p), 1000);
	ck_assert_uint_ge(mtu(&p), 900);
	send_much(&p, 3);
	pair_send(&p, p.a, 1, 100);
	pair_deliver(&p, 5 * SLUICE_S);
	ck_assert_uint_eq(sctp_host_stats(p.a).retransmitted_chunks, 0);
	check_world(&p);
	/* And it is seen when the path becomes better. */
	p.ab->config.mtu = 0;
	run_for(&p, 700 * SLUICE_S);
	ck_assert_uint_ge(mtu(&p), 16000);
	pair_free(&p);
}
END_TEST

/* ---- hints ---- */

START_TEST(test_a_routers_word_names_the_size_that_is_probed_next) {
	struct pair_config c = path(16332, 1432);
	struct pair p;
	pair_start(&p, &c);
	run_for(&p, 50 * SLUICE_MS);
	sluice_sctp_mtu_hint(p.a->sctp, 1432, false);
	run_for(&p, 100 * SLUICE_MS);
	ck_assert_uint_eq(mtu(&p), 1432);
	run_for(&p, 10 * SLUICE_S);
	ck_assert_uint_eq(mtu(&p), 1432);
	ck_assert_uint_le(sctp_host_stats(p.a).mtu_probes_sent, 12);
	pair_free(&p);
}
END_TEST

START_TEST(test_the_own_machines_word_ends_the_search_at_once) {
	struct pair_config c = path(16332, 1432);
	struct pair p;
	pair_start(&p, &c);
	run_for(&p, 50 * SLUICE_MS);
	sluice_sctp_mtu_hint(p.a->sctp, 1432, true);
	run_for(&p, 100 * SLUICE_MS);
	ck_assert_uint_eq(mtu(&p), 1432);
	ck_assert_int_eq(p.a->sctp->tx.discovery.pmtu.phase, PMTU_COMPLETE);
	ck_assert_uint_eq(sctp_host_stats(p.a).mtu_probes_sent, 3);
	pair_free(&p);
}
END_TEST

START_TEST(test_lies_make_no_packet_smaller_for_longer_than_a_probe_takes) {
	/* RFC 8899, 4.6.2: what a PTB message says has to be verified; anybody can send one. */
	struct pair_config c = path(16332, 0);
	struct pair p;
	c.no_record = true;
	pair_start(&p, &c);
	run_for(&p, SLUICE_S);
	uint32_t found = mtu(&p);
	uint64_t probes = sctp_host_stats(p.a).mtu_probes_sent;
	for (unsigned i = 0; i < 1000; i++) {
		sluice_sctp_mtu_hint(p.a->sctp, i * 17, false);
		run_for(&p, SLUICE_MS);
	}
	run_for(&p, SLUICE_S);
	ck_assert_uint_eq(mtu(&p), found);
	ck_assert_uint_eq(p.a->mtu_events, 1);
	ck_assert_uint_le(sctp_host_stats(p.a).mtu_probes_sent - probes, 60);
	ck_assert_uint_eq(sctp_host_stats(p.a).mtu_black_holes, 0);
	check_world(&p);
	pair_free(&p);
}
END_TEST

START_TEST(test_lies_during_the_search_do_not_end_it_below_what_the_path_carries) {
	struct pair_config c = path(16332, 0);
	struct pair p;
	pair_start(&p, &c);
	run_for(&p, 50 * SLUICE_MS); /* the largest is under probe */
	sluice_sctp_mtu_hint(p.a->sctp, 1300, false);
	run_for(&p, SLUICE_S);
	ck_assert_uint_ge(mtu(&p), 16000);
	pair_free(&p);
}
END_TEST

/* ---- the life of an association ---- */

START_TEST(test_a_new_path_begins_at_the_base_size_and_is_searched) {
	struct pair_config c = path(16332, 0);
	struct pair p;
	pair_start(&p, &c);
	run_for(&p, SLUICE_S);
	sluice_sctp_path_changed(p.a->sctp);
	ck_assert_uint_eq(mtu(&p), BASE);
	run_for(&p, SLUICE_S);
	ck_assert_uint_ge(mtu(&p), 16000);
	ck_assert_uint_eq(p.a->mtu_events, 3);
	sluice_sctp_set_mtu_max(p.a->sctp, 2000);
	run_for(&p, SLUICE_S);
	ck_assert_uint_eq(mtu(&p), 2000);
	sluice_sctp_set_mtu_max(p.a->sctp, 1);
	run_for(&p, SLUICE_S);
	ck_assert_uint_eq(mtu(&p), BASE);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_restarted_peer_finds_packets_of_the_base_size_first) {
	struct pair_config c = path(16332, 0);
	struct pair p;
	pair_start(&p, &c);
	run_for(&p, SLUICE_S);
	ck_assert_uint_ge(mtu(&p), 16000);
	sctp_host_reboot(p.b);
	ck_assert_int_eq(sluice_sctp_connect(p.b->sctp), 0);
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + 10 * SLUICE_S, p.a->restarted == 1));
	ck_assert_uint_eq(mtu(&p), BASE);
	run_for(&p, SLUICE_S);
	ck_assert_uint_ge(mtu(&p), 16000);
	pair_free(&p);
}
END_TEST

START_TEST(test_shutdown_ends_the_probing) {
	struct pair_config c = path(16332, 1500);
	struct pair p;
	pair_start(&p, &c);
	pair_shutdown(&p, p.a, 5 * SLUICE_S);
	uint64_t probes = sctp_host_stats(p.a).mtu_probes_sent;
	run_for(&p, 100 * SLUICE_S);
	ck_assert_uint_eq(sctp_host_stats(p.a).mtu_probes_sent, probes);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_heartbeat_as_large_as_our_packets_is_answered_and_a_larger_one_is_not) {
	struct script s;
	script_init(&s, NULL);
	ck_assert(script_open_passive(&s));
	uint8_t space[4000], info[3000] = {1};
	for (size_t len = BASE - WIRE_HEADER_SIZE - 8; len <= BASE - WIRE_HEADER_SIZE - 7; len++) {
		struct writer w = script_begin(&s, space, sizeof space);
		wire_heartbeat_write(&w, WIRE_HEARTBEAT, info, len);
		script_give(&s, &w);
		struct wire_chunk c;
		ck_assert(!script_expect(&s, WIRE_HEARTBEAT_ACK, &c) == (len > BASE - WIRE_HEADER_SIZE - 8));
	}
	script_free(&s);
}
END_TEST

SUITE("sctp_pmtu", test_packets_grow_to_the_limit_within_two_round_trips_where_everything_passes,
      test_the_size_found_is_one_that_the_path_carries_and_hardly_less,
      test_full_packets_come_out_equal_so_that_they_share_one_send, test_an_event_tells_the_new_size,
      test_a_bare_association_does_not_search_and_without_room_in_its_driver_none_does,
      test_a_probe_is_a_heartbeat_and_padding_alone_in_a_packet, test_a_lost_probe_is_no_sign_of_congestion,
      test_at_most_one_probe_is_out_and_a_second_passes_before_it_counts_as_lost,
      test_a_peer_that_answers_no_probes_is_left_at_the_base_size_and_gets_no_more_of_them,
      test_a_silent_path_is_no_answer_and_probes_are_bounded, test_an_answer_with_another_nonce_is_not_believed,
      test_the_raise_timer_searches_again_but_not_for_an_association_that_is_idle,
      test_a_black_hole_in_the_middle_of_a_transfer_costs_a_second_and_no_message,
      test_small_messages_that_pass_do_not_hide_a_black_hole, test_an_outage_makes_packets_small_for_no_longer_than_a_probe_takes,
      test_random_loss_is_no_black_hole, test_what_was_in_flight_in_large_packets_goes_again_in_small_ones_with_the_same_tsns,
      test_over_a_path_of_1000_bytes_new_messages_are_cut_smaller, test_a_routers_word_names_the_size_that_is_probed_next,
      test_the_own_machines_word_ends_the_search_at_once, test_lies_make_no_packet_smaller_for_longer_than_a_probe_takes,
      test_lies_during_the_search_do_not_end_it_below_what_the_path_carries,
      test_a_new_path_begins_at_the_base_size_and_is_searched, test_a_restarted_peer_finds_packets_of_the_base_size_first,
      test_shutdown_ends_the_probing, test_a_heartbeat_as_large_as_our_packets_is_answered_and_a_larger_one_is_not)
