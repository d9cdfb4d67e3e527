/* Associations whose INITs were exchanged by somebody else (draft-hancke-tsvwg-snap). */
#include "suite.h"

#include "sctp/association.h"
#include "sim/assert.h"
#include "sim/pair.h"
#include "sim/script.h"

/* ---- opening ------------------------------------------------------------------------------------------------------- */

struct inits {
	uint8_t a[SLUICE_SCTP_INIT_MAX], b[SLUICE_SCTP_INIT_MAX];
	size_t a_len, b_len;
};

static size_t describe(struct sctp_host *h, uint8_t *init) {
	int len = sluice_sctp_describe(h->sctp, init, SLUICE_SCTP_INIT_MAX);
	ck_assert_int_ge(len, 20);
	ck_assert_int_eq(sluice_sctp_check_init(init, (size_t)len), 0);
	return (size_t)len;
}

static void exchange(struct pair *p, struct inits *i) {
	i->a_len = describe(p->a, i->a);
	i->b_len = describe(p->b, i->b);
}

static void open_at(struct sctp_host *h, const uint8_t *init, size_t len) {
	ck_assert_int_eq(sluice_sctp_connect_described(h->sctp, init, len), 0);
	ck_assert_int_eq(sctp_host_state(h), SLUICE_SCTP_ESTABLISHED);
	ck_assert(association_check(h->sctp));
}

static void pair_snap(struct pair *p, const struct pair_config *config) {
	struct inits i;
	pair_init(p, config);
	exchange(p, &i);
	open_at(p->a, i.b, i.b_len);
	open_at(p->b, i.a, i.a_len);
}

/* No handshake happened, from either side. */
static void assert_silent_handshake(const struct pair *p) {
	static const uint8_t types[] = {WIRE_INIT, WIRE_INIT_ACK, WIRE_COOKIE_ECHO, WIRE_COOKIE_ACK, WIRE_ABORT};
	for (size_t t = 0; t < sizeof types; t++)
		for (int forward = 0; forward < 2; forward++)
			ck_assert_uint_eq(recorder_count(&p->recorder, forward, types[t]), 0);
}

START_TEST(test_both_sides_are_established_without_a_packet) {
	struct pair p;
	pair_snap(&p, NULL);
	sim_settle(&p.sim);
	ck_assert_uint_eq(p.a->connected, 1);
	ck_assert_uint_eq(p.b->connected, 1);
	ck_assert_uint_eq(p.a->connected_at, p.started);
	ck_assert_uint_eq(p.b->connected_at, p.started);
	ck_assert_uint_eq(sctp_host_stats(p.a).packets_sent + sctp_host_stats(p.b).packets_sent, 0);
	pair_shutdown(&p, p.a, SLUICE_S);
	assert_silent_handshake(&p);
	pair_free(&p);
}
END_TEST

START_TEST(test_data_in_both_first_packets_arrives_after_half_a_round_trip) {
	struct pair p;
	pair_snap(&p, NULL);
	for (unsigned i = 0; i < 20; i++) {
		pair_send(&p, p.a, 0, 3000);
		pair_send(&p, p.b, 1, 300);
	}
	pair_deliver(&p, SLUICE_S);
	ck_assert_uint_eq(p.b->first_message_at - p.started, PAIR_DELAY);
	ck_assert_uint_eq(p.a->first_message_at - p.started, PAIR_DELAY);
	assert_silent_handshake(&p);
	pair_shutdown(&p, p.b, SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_everything_arrives_over_bad_networks) {
	for (uint64_t n = sim_first(0); n <= sim_last(59); n++) {
		struct pair_config c;
		pair_config_init(&c);
		c.seed = n;
		c.ab.loss = c.ba.loss = 0.1 + 0.2 * (double)(n % 2);
		c.ab.duplicate = c.ba.duplicate = 0.2;
		c.ab.jitter = c.ba.jitter = n % 3 * 5 * SLUICE_MS;
		struct pair p;
		pair_snap(&p, &c);
		for (unsigned i = 0; i < 10; i++) {
			pair_send(&p, p.a, 0, 2000 + i);
			pair_send(&p, p.b, 0, 2000 + i);
		}
		pair_deliver(&p, 60 * SLUICE_S);
		pair_shutdown(&p, n % 2 ? p.a : p.b, 60 * SLUICE_S);
		ck_assert_uint_eq(p.a->restarted + p.b->restarted, 0);
		assert_silent_handshake(&p);
		pair_free(&p);
	}
}
END_TEST

/* The answer reaches one side later than the other's first packets. */
START_TEST(test_packets_for_a_side_that_has_no_init_yet_are_dropped_quietly_and_come_again) {
	struct pair p;
	struct inits i;
	pair_init(&p, NULL);
	exchange(&p, &i);
	open_at(p.a, i.b, i.b_len);
	pair_send(&p, p.a, 0, 5000);
	sim_run(&p.sim, p.sim.now + 200 * SLUICE_MS);
	ck_assert_int_eq(sctp_host_state(p.b), SLUICE_SCTP_CLOSED);
	ck_assert_uint_gt(sctp_host_stats(p.b).packets_discarded, 0);
	ck_assert_uint_eq(sctp_host_stats(p.b).packets_sent, 0); /* above all no ABORT */
	open_at(p.b, i.a, i.a_len);
	pair_send(&p, p.b, 0, 5000);
	pair_deliver(&p, 2 * SLUICE_S);
	assert_silent_handshake(&p);
	pair_shutdown(&p, p.a, SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_clock_that_shows_days_brings_no_heartbeat_at_once) {
	struct pair p;
	struct inits i;
	pair_init(&p, NULL);
	sim_run(&p.sim, p.sim.now + 86400 * SLUICE_S);
	exchange(&p, &i);
	open_at(p.a, i.b, i.b_len);
	open_at(p.b, i.a, i.a_len);
	uint64_t opened = p.sim.now;
	sim_run(&p.sim, opened + 29 * SLUICE_S);
	ck_assert_uint_eq(sctp_host_stats(p.a).heartbeats_sent + sctp_host_stats(p.b).heartbeats_sent, 0);
	sim_run(&p.sim, opened + 32 * SLUICE_S);
	ck_assert_uint_eq(sctp_host_stats(p.a).heartbeats_sent, 1);
	ck_assert_uint_eq(sctp_host_stats(p.b).heartbeats_sent, 1);
	pair_free(&p);
}
END_TEST

/* ---- what is negotiated -------------------------------------------------------------------------------------------- */

/* The two ways to open must settle the same things. */
static void compare_with_handshake(const sluice_sctp_config *a, const sluice_sctp_config *b) {
	struct pair_config c;
	struct pair p[2];
	pair_config_init(&c);
	c.a = *a;
	c.b = *b;
	for (int snap = 0; snap < 2; snap++) {
		if (snap)
			pair_snap(&p[snap], &c);
		else
			pair_start(&p[snap], &c);
		pair_send(&p[snap], p[snap].a, 0, 100);
		pair_send(&p[snap], p[snap].b, 0, 100);
		pair_deliver(&p[snap], SLUICE_S);
	}
	for (int end = 0; end < 2; end++) {
		const sluice_sctp *x = end ? p[0].a->sctp : p[0].b->sctp, *y = end ? p[1].a->sctp : p[1].b->sctp;
		ck_assert_uint_eq(x->rx.streams, y->rx.streams);
		ck_assert_uint_eq(x->outbound, y->outbound);
		ck_assert_uint_eq(x->can, y->can);
		ck_assert_uint_eq(x->tx.view.ssthresh, y->tx.view.ssthresh);
		ck_assert_uint_eq(x->tx.peer_a_rwnd, y->tx.peer_a_rwnd);
	}
	pair_free(&p[0]);
	pair_free(&p[1]);
}

START_TEST(test_differences_are_settled_as_a_handshake_settles_them) {
	for (unsigned bits = 0; bits < 64; bits++) {
		sluice_sctp_config c[2];
		for (unsigned i = 0; i < 2; i++) {
			sluice_sctp_config_init(&c[i]);
			c[i].no_pr_sctp = bits >> i & 1;
			c[i].no_reconfig = bits >> (i + 2) & 1;
			c[i].checksum = bits >> (i + 4) & 1 ? SLUICE_CHECKSUM_DTLS : SLUICE_CHECKSUM_CRC32C;
			c[i].outbound_streams = (uint16_t)(100 + 50 * i);
			c[i].inbound_streams = (uint16_t)(120 - 90 * i);
			c[i].receive_window = 400000 + i * 100000;
		}
		compare_with_handshake(&c[0], &c[1]);
	}
}
END_TEST

START_TEST(test_streams_are_reset_and_messages_abandoned_as_ever) {
	struct pair p;
	pair_snap(&p, NULL);
	pair_send(&p, p.a, 3, 1000);
	pair_deliver(&p, SLUICE_S);
	ck_assert_int_eq(sluice_sctp_reset_stream(p.a->sctp, 3), 0);
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + SLUICE_S, p.a->reset_out && p.b->reset_in));
	ck_assert_int_eq(p.a->reset_out_error, 0);
	struct drop_chunk rule = {.type = WIRE_DATA};
	link_filter(p.ab, drop_chunk, &rule);
	ck_assert_int_eq(sluice_sctp_send(p.a->sctp,
	                                  &(sluice_send_info){.stream = 4, .reliability = SLUICE_LIFETIME, .value = 50}, "x", 1),
	                 0);
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + 5 * SLUICE_S, p.a->abandoned == 1));
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + 5 * SLUICE_S, recorder_count(&p.recorder, true, WIRE_FORWARD_TSN) > 0));
	pair_free(&p);
}
END_TEST

/* ---- the chunk ----------------------------------------------------------------------------------------------------- */

/* What Chromium 156 wrote into an offer: 30 bytes, of which the last extension is not padded. */
static const uint8_t chromium[] = {0x01, 0x00, 0x00, 0x1e, 0x24, 0xfb, 0xc0, 0xc9, 0x00, 0x50, 0x00, 0x00, 0xff, 0xff, 0xff,
                                   0xff, 0xe7, 0xe9, 0x83, 0xeb, 0xc0, 0x00, 0x00, 0x04, 0x80, 0x08, 0x00, 0x06, 0x82, 0xc0};

START_TEST(test_a_browsers_chunk_is_taken) {
	struct script s;
	uint8_t ours[SLUICE_SCTP_INIT_MAX];
	script_init(&s, NULL);
	ck_assert_int_gt(sluice_sctp_describe(s.sctp, ours, sizeof ours), 0);
	ck_assert_int_eq(sluice_sctp_check_init(chromium, sizeof chromium), 0);
	ck_assert_int_eq(sluice_sctp_connect_described(s.sctp, chromium, sizeof chromium), 0);
	ck_assert_uint_eq(s.sctp->peer_tag, 0x24fbc0c9);
	ck_assert_uint_eq(s.sctp->tx.peer_a_rwnd, 0x500000);
	ck_assert(s.sctp->can & CAN_FORWARD_TSN && s.sctp->can & CAN_RECONFIG && !(s.sctp->can & CAN_ZERO_CHECKSUM));
	s.remote_tag = s.sctp->local_tag;
	script_give_data(&s, 0xe7e983eb, 0, 0, WIRE_DATA_B | WIRE_DATA_E, 10);
	ck_assert_uint_eq(s.message_count, 1);
	script_free(&s);
}
END_TEST

START_TEST(test_a_description_is_what_connect_would_send_and_stays_the_same) {
	struct script s;
	uint8_t init[SLUICE_SCTP_INIT_MAX], again[SLUICE_SCTP_INIT_MAX];
	struct wire_chunk c;
	script_init(&s, NULL);
	int len = sluice_sctp_describe(s.sctp, init, sizeof init);
	ck_assert_int_eq(sluice_sctp_describe(s.sctp, again, sizeof again), len);
	ck_assert_mem_eq(init, again, (size_t)len);
	ck_assert_int_eq(sluice_sctp_describe(s.sctp, again, (size_t)len), len);
	ck_assert_int_eq(sluice_sctp_describe(s.sctp, again, (size_t)len - 1), SLUICE_NO_SPACE);
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_CLOSED);
	ck_assert(sluice_sctp_deadline(s.sctp) == SLUICE_NEVER);
	/* Nobody answered to it, so the handshake runs, with the same chunk. */
	ck_assert_int_eq(sluice_sctp_connect(s.sctp), 0);
	ck_assert_int_eq(sluice_sctp_describe(s.sctp, again, sizeof again), SLUICE_WRONG_STATE);
	script_collect(&s);
	ck_assert_ptr_nonnull(script_expect(&s, WIRE_INIT, &c));
	ck_assert_int_eq(c.len + 4, len);
	ck_assert_mem_eq(c.value - 4, init, (size_t)len);
	script_free(&s);
}
END_TEST

START_TEST(test_who_was_described_still_answers_an_init) {
	struct pair p;
	struct inits i;
	pair_init(&p, NULL);
	exchange(&p, &i);
	pair_connect(&p, SLUICE_S);
	pair_send(&p, p.a, 0, 100);
	pair_send(&p, p.b, 0, 100);
	pair_deliver(&p, SLUICE_S);
	/* The next association is another one, under another tag. */
	uint32_t tag = p.a->sctp->local_tag;
	pair_shutdown(&p, p.a, SLUICE_S);
	describe(p.a, i.a);
	ck_assert_uint_ne(get_be32(i.a + 4), tag);
	pair_free(&p);
}
END_TEST

START_TEST(test_each_call_has_its_state) {
	struct pair p;
	struct inits i;
	pair_init(&p, NULL);
	ck_assert_int_eq(sluice_sctp_connect_described(p.a->sctp, chromium, sizeof chromium), SLUICE_WRONG_STATE);
	exchange(&p, &i);
	open_at(p.a, i.b, i.b_len);
	ck_assert_int_eq(sluice_sctp_connect_described(p.a->sctp, i.b, i.b_len), SLUICE_WRONG_STATE);
	ck_assert_int_eq(sluice_sctp_connect(p.a->sctp), SLUICE_WRONG_STATE);
	sluice_sctp_abort(p.a->sctp, NULL);
	/* CONNECTED and ENDED wait to be polled. */
	ck_assert_int_gt(sluice_sctp_describe(p.a->sctp, i.a, sizeof i.a), 0);
	ck_assert_int_eq(sluice_sctp_connect_described(p.a->sctp, i.b, i.b_len), SLUICE_WRONG_STATE);
	sim_settle(&p.sim);
	ck_assert_uint_eq(p.a->connected, 1);
	ck_assert_uint_eq(p.a->ended, 1);
	open_at(p.a, i.b, i.b_len);
	pair_free(&p);
}
END_TEST

/* Everything that is not exactly one good INIT; of each nothing may change. */
static void refused(const void *init, size_t len) {
	struct script s;
	uint8_t ours[SLUICE_SCTP_INIT_MAX], again[SLUICE_SCTP_INIT_MAX];
	uint8_t *copy = malloc(len ? len : 1); /* exactly sized, so that a sanitizer sees a read behind it */
	memcpy(copy, init, len);
	script_init(&s, NULL);
	int n = sluice_sctp_describe(s.sctp, ours, sizeof ours);
	ck_assert_int_eq(sluice_sctp_check_init(copy, len), SLUICE_MALFORMED);
	ck_assert_int_eq(sluice_sctp_connect_described(s.sctp, copy, len), SLUICE_MALFORMED);
	ck_assert_int_eq(sluice_sctp_state(s.sctp), SLUICE_SCTP_CLOSED);
	ck_assert_int_eq(sluice_sctp_describe(s.sctp, again, sizeof again), n);
	ck_assert_mem_eq(ours, again, (size_t)n);
	ck_assert(sluice_sctp_deadline(s.sctp) == SLUICE_NEVER);
	ck_assert_uint_eq(s.event_count, 0);
	free(copy);
	script_free(&s);
}

static const struct {
	size_t at, len;
	uint8_t bytes[8];
} wrongs[] = {
	{0, 1, {2}},              /* an INIT-ACK */
	{2, 2, {0, 0}},           /* no length */
	{2, 2, {0, 3}},           /* a length below its own header */
	{2, 2, {0, 19}},          /* shorter than an INIT is */
	{2, 2, {0, 29}},          /* the last parameter reaches behind the chunk */
	{2, 2, {0, 31}},          /* longer than what is there */
	{2, 2, {0xff, 0xff}},     /* by far */
	{4, 4, {0, 0, 0, 0}},     /* tag 0 */
	{12, 2, {0, 0}},          /* no streams out */
	{14, 2, {0, 0}},          /* no streams in */
	{22, 2, {0, 3}},          /* a parameter shorter than its header */
	{20, 4, {0xc0, 0, 0, 5}}, /* FORWARD-TSN with a value */
	{26, 2, {0, 7}},          /* a parameter that reaches behind the chunk */
};

START_TEST(test_what_is_no_init_changes_nothing) {
	uint8_t init[64];
	for (size_t len = 0; len < sizeof chromium; len++)
		refused(chromium, len);
	for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
		memcpy(init, chromium, sizeof chromium);
		memcpy(init + wrongs[i].at, wrongs[i].bytes, wrongs[i].len);
		refused(init, sizeof chromium);
	}
	/* Two chunks, and one with more behind it than padding. */
	memcpy(init, chromium, sizeof chromium);
	memset(init + sizeof chromium, 0, 8);
	ck_assert_int_eq(sluice_sctp_check_init(init, sizeof chromium + 2), 0);
	refused(init, sizeof chromium + 3);
	refused(init, sizeof chromium + 6);
	/* A host name. */
	memcpy(init, chromium, 20);
	memcpy(init + 20, (uint8_t[]){0, 11, 0, 8, 'a', '.', 'b', 0}, 8);
	init[3] = 28;
	refused(init, 28);
}
END_TEST

/* ---- what follows -------------------------------------------------------------------------------------------------- */

START_TEST(test_a_peer_that_forgot_and_connects_by_init_is_a_restart) {
	struct pair p;
	pair_snap(&p, NULL);
	pair_send(&p, p.a, 0, 1000);
	pair_deliver(&p, SLUICE_S);
	sctp_host_reboot(p.b);
	p.b->connected = 0;
	ledger_forgive(&p.to_a);
	ledger_forgive(&p.to_b);
	ck_assert_int_eq(sluice_sctp_connect(p.b->sctp), 0);
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + SLUICE_S, p.b->connected && p.a->restarted));
	pair_send(&p, p.a, 0, 1000);
	pair_send(&p, p.b, 0, 1000);
	pair_deliver(&p, SLUICE_S);
	pair_shutdown(&p, p.a, SLUICE_S);
	pair_free(&p);
}
END_TEST

START_TEST(test_a_silent_peer_is_given_up) {
	struct pair p;
	struct inits i;
	pair_init(&p, NULL);
	exchange(&p, &i);
	p.b->host->down = true;
	open_at(p.a, i.b, i.b_len);
	pair_send(&p, p.a, 0, 1000);
	ck_assert(SIM_UNTIL(&p.sim, p.sim.now + 120 * SLUICE_S, p.a->ended));
	ck_assert_int_eq(p.a->end_error, SLUICE_TIMED_OUT);
	ledger_forgive(&p.to_b);
	pair_free(&p);
}
END_TEST

SUITE("sctp snap", test_both_sides_are_established_without_a_packet,
      test_data_in_both_first_packets_arrives_after_half_a_round_trip, test_everything_arrives_over_bad_networks,
      test_packets_for_a_side_that_has_no_init_yet_are_dropped_quietly_and_come_again,
      test_a_clock_that_shows_days_brings_no_heartbeat_at_once, test_differences_are_settled_as_a_handshake_settles_them,
      test_streams_are_reset_and_messages_abandoned_as_ever, test_a_browsers_chunk_is_taken,
      test_a_description_is_what_connect_would_send_and_stays_the_same, test_who_was_described_still_answers_an_init,
      test_each_call_has_its_state, test_what_is_no_init_changes_nothing,
      test_a_peer_that_forgot_and_connects_by_init_is_a_restart, test_a_silent_peer_is_given_up)
