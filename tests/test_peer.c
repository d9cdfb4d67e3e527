/* Whole peers (DTLS, association, channels) in the simulator: do they come up, carry messages, and end as the header says? */
#include "direct_kit.h"

#include "peer/peer.h"

/* ---- coming up ---- */

START_TEST(test_two_peers_connect_and_tell_their_states_in_order) {
	struct world w = {0};
	world_init(&w, sim_seed(1), &near);
	world_start(&w);
	ck_assert(WITHIN(w.sim, SLUICE_S, both_connected(&w)));
	ck_assert_str_eq(w.a.states, "connecting connected");
	ck_assert_str_eq(w.b.states, "connecting connected");
	ck_assert_str_ne(sluice_peer_cipher(w.a.peer), "");
	ck_assert_str_eq(sluice_peer_cipher(w.a.peer), sluice_peer_cipher(w.b.peer));
	world_free(&w);
}
END_TEST

/* ClientHello, HelloVerify or not, two flights of DTLS, then INIT to COOKIE-ACK: no more round trips than the protocols have. */
START_TEST(test_connecting_takes_at_most_five_round_trips) {
	struct world w = {0};
	world_init(&w, sim_seed(1), &near);
	uint64_t at = w.sim.now;
	world_start(&w);
	ck_assert(WITHIN(w.sim, SLUICE_S, both_connected(&w)));
	ck_assert_uint_le(w.a.connected_at, at + 5 * 20 * SLUICE_MS);
	ck_assert_uint_le(w.b.connected_at, at + 5 * 20 * SLUICE_MS);
	world_free(&w);
}
END_TEST

START_TEST(test_the_end_of_each_phase_is_in_the_statistics) {
	struct world w = {0};
	connected_world(&w, &near);
	sluice_peer_stats s;
	sluice_peer_stats_get(w.a.peer, &s);
	ck_assert_uint_gt(s.dtls_connected_after, 0);
	ck_assert_uint_gt(s.sctp_connected_after, s.dtls_connected_after);
	ck_assert_uint_ge(s.channel_open_after, s.sctp_connected_after);
	ck_assert_uint_ne(s.channel_open_after, SLUICE_NEVER);
	ck_assert_uint_eq(s.channels_open, 1);
	ck_assert_uint_gt(s.datagrams_sent, 0);
	ck_assert_uint_gt(s.bytes_received, s.datagrams_received);
	world_free(&w);
}
END_TEST

START_TEST(test_each_lost_datagram_of_the_handshake_is_survived) {
	struct world w = {0};
	for (unsigned side = 0; side < 2; side++) {
		for (unsigned n = 0; n < 12; n++) {
			world_init(&w, sim_seed(1), &near);
			struct end *from = side ? &w.b : &w.a;
			sim_link(&w.sim, from->host, NULL)->config.mask = UINT64_C(1) << n;
			world_start(&w);
			open_channel(&w.a, 0);
			bool up = WITHIN(w.sim, 3 * SLUICE_S, both_connected(&w) && w.a.opened && w.b.channels);
			ck_assert_msg(up, "datagram %u of %s lost: a %s, b %s", n, side ? "the server" : "the client", w.a.states,
			              w.b.states);
			world_close(&w);
		}
	}
	world_init(&w, 1, NULL);
	world_free(&w);
}
END_TEST

START_TEST(test_any_two_lost_datagrams_of_the_handshake_are_survived) {
	struct world w = {0};
	for (unsigned n = 0; n < 8; n++) {
		for (unsigned m = 0; m < 8; m++) {
			world_init(&w, sim_seed(1), &near);
			sim_link(&w.sim, w.a.host, NULL)->config.mask = UINT64_C(1) << n;
			sim_link(&w.sim, w.b.host, NULL)->config.mask = UINT64_C(1) << m;
			world_start(&w);
			bool up = WITHIN(w.sim, 5 * SLUICE_S, both_connected(&w));
			ck_assert_msg(up, "datagrams %u and %u lost: a %s, b %s", n, m, w.a.states, w.b.states);
			world_close(&w);
		}
	}
	world_init(&w, 1, NULL);
	world_free(&w);
}
END_TEST

START_TEST(test_peers_connect_over_bad_networks) {
	struct world w = {0};
	struct link_config bad = {
		.delay = 20 * SLUICE_MS,
		.jitter = 10 * SLUICE_MS,
		/* UDP's checksum turns flipped bits into losses; a ClientHello with such bits would rightly be refused. */
		.loss = 0.12,
		.duplicate = 0.05,
		.reorder = 0.05,
		.reorder_delay = 15 * SLUICE_MS,
	};
	for (uint64_t seed = sim_first(1); seed <= sim_last(40); seed++) {
		world_init(&w, seed, &bad);
		world_start(&w);
		ck_assert_msg(WITHIN(w.sim, 30 * SLUICE_S, both_connected(&w)), "a %s, b %s", w.a.states, w.b.states);
		world_close(&w);
	}
	world_init(&w, 1, NULL);
	world_free(&w);
}
END_TEST

START_TEST(test_a_wrong_fingerprint_fails_both_sides) {
	struct world w = {0};
	world_init(&w, sim_seed(1), &near);
	w.a.config.remote_fingerprint.digest[7] ^= 1;
	world_start(&w);
	open_channel(&w.a, 0);
	ck_assert(WITHIN(w.sim, SLUICE_S, both_over(&w)));
	ck_assert_str_eq(w.a.states, "connecting failed");
	ck_assert_str_eq(w.b.states, "connecting failed");
	const char *text;
	ck_assert_int_eq(sluice_peer_error(w.a.peer, &text), SLUICE_FINGERPRINT);
	ck_assert_str_ne(text, "");
	ck_assert_int_eq(sluice_peer_error(w.b.peer, &text), SLUICE_ABORTED);
	ck_assert_uint_eq(w.a.closed, 1);
	ck_assert_int_eq(w.a.close_error, SLUICE_FINGERPRINT);
	ck_assert(w.a.closed_before_over);
	world_free(&w);
}
END_TEST

START_TEST(test_nothing_passes_before_a_late_fingerprint_and_everything_after) {
	struct world w = {0};
	sluice_fingerprint late = world_start_without_fingerprint(&w);
	ck_assert_str_eq(w.b.states, "connecting");
	ck_assert_str_eq(w.a.states, "connecting");
	ck_assert_int_eq(sluice_peer_set_remote_fingerprint(w.b.peer, &late), 0);
	ck_assert(WITHIN(w.sim, 600 * SLUICE_MS, both_connected(&w)));
	world_free(&w);
}
END_TEST

START_TEST(test_a_late_fingerprint_that_is_wrong_fails) {
	struct world w = {0};
	sluice_fingerprint late = world_start_without_fingerprint(&w);
	late.digest[0] ^= 0x80;
	ck_assert_int_eq(sluice_peer_set_remote_fingerprint(w.b.peer, &late), SLUICE_FINGERPRINT);
	ck_assert(WITHIN(w.sim, 2 * SLUICE_S, both_over(&w)));
	ck_assert_str_eq(w.b.states, "connecting failed");
	world_free(&w);
}
END_TEST

START_TEST(test_an_unanswered_handshake_times_out) {
	struct world w = {0};
	world_init(&w, sim_seed(1), &near);
	w.b.host->down = true;
	end_start(&w.a);
	ck_assert(WITHIN(w.sim, 120 * SLUICE_S, w.a.over_at != SLUICE_NEVER));
	ck_assert_str_eq(w.a.states, "connecting failed");
	ck_assert_int_eq(sluice_peer_error(w.a.peer, NULL), SLUICE_TIMED_OUT);
	world_free(&w);
}
END_TEST

START_TEST(test_the_same_seed_gives_the_same_run) {
	struct world w = {0};
	struct link_config bad = {.delay = 20 * SLUICE_MS, .loss = 0.1};
	uint64_t at[2], sent[2];
	for (int i = 0; i < 2; i++) {
		world_init(&w, sim_seed(7), &bad);
		world_start(&w);
		ck_assert(WITHIN(w.sim, 30 * SLUICE_S, both_connected(&w)));
		at[i] = w.sim.now;
		sent[i] = sim_link(&w.sim, w.a.host, NULL)->offered;
		world_close(&w);
	}
	ck_assert_uint_eq(at[0], at[1]);
	ck_assert_uint_eq(sent[0], sent[1]);
	world_init(&w, 1, NULL);
	world_free(&w);
}
END_TEST

/* ---- carrying messages ---- */

START_TEST(test_messages_pass_both_ways) {
	struct world w = {0};
	connected_world(&w, &near);
	w.b.echo = true;
	ck_assert_int_eq(sluice_channel_send(w.a.ch, "there and back", 14), 0);
	ck_assert(WITHIN(w.sim, SLUICE_S, w.a.messages == 1));
	ck_assert_int_eq(memcmp(w.b.last, "there and back", 14), 0);
	ck_assert_int_eq(memcmp(w.a.last, "there and back", 14), 0);
	world_free(&w);
}
END_TEST

START_TEST(test_a_message_of_the_largest_size_passes) {
	struct world w = {0};
	static uint8_t big[65536];
	connected_world(&w, &near);
	ck_assert_int_eq(sluice_channel_send(w.a.ch, big, sizeof big), 0);
	ck_assert_int_eq(sluice_channel_send(w.a.ch, big, sizeof big + 1), SLUICE_TOO_LARGE);
	ck_assert(WITHIN(w.sim, 5 * SLUICE_S, w.b.messages == 1));
	ck_assert_uint_eq(w.b.bytes, sizeof big);
	world_free(&w);
}
END_TEST

START_TEST(test_no_datagram_is_larger_than_the_mtu_and_full_ones_are_equal) {
	struct world w = {0};
	static uint8_t bytes[65536];
	connected_world(&w, &near);
	struct sim_link *link = sim_link(&w.sim, w.a.host, NULL);
	link->config.mtu = 1200;
	uint64_t dropped = link->dropped;
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(sluice_channel_send(w.a.ch, bytes, sizeof bytes), 0);
	ck_assert(WITHIN(w.sim, 10 * SLUICE_S, w.b.messages == 8));
	ck_assert_uint_eq(link->dropped, dropped);
	world_free(&w);
}
END_TEST

START_TEST(test_both_sides_export_the_same_keys) {
	struct world w = {0};
	uint8_t a[32], b[32];
	world_init(&w, sim_seed(1), &near);
	world_start(&w);
	ck_assert_int_eq(sluice_peer_export(w.a.peer, "EXPORTER-test", a, sizeof a), SLUICE_WRONG_STATE);
	ck_assert(WITHIN(w.sim, SLUICE_S, both_connected(&w)));
	ck_assert_int_eq(sluice_peer_export(w.a.peer, "EXPORTER-test", a, sizeof a), 0);
	ck_assert_int_eq(sluice_peer_export(w.b.peer, "EXPORTER-test", b, sizeof b), 0);
	ck_assert_int_eq(memcmp(a, b, sizeof a), 0);
	world_free(&w);
}
END_TEST

/* ---- ending ---- */

START_TEST(test_close_delivers_what_was_accepted) {
	struct world w = {0};
	static uint8_t bytes[16384];
	struct link_config slow = {.delay = 10 * SLUICE_MS, .rate = 20 * 1000 * 1000};
	connected_world(&w, &slow);
	for (int i = 0; i < 48; i++)
		ck_assert_int_eq(sluice_channel_send(w.a.ch, bytes, sizeof bytes), 0);
	sluice_peer_close(w.a.peer);
	ck_assert_int_ne(sluice_channel_send(w.a.ch, bytes, 1), 0);
	ck_assert(WITHIN(w.sim, 20 * SLUICE_S, both_over(&w)));
	ck_assert_uint_eq(w.b.messages, 48);
	ck_assert_uint_eq(w.b.bytes, 48 * sizeof bytes);
	ck_assert_str_eq(w.a.states, "connecting connected closing closed");
	ck_assert_str_eq(w.b.states, "connecting connected closed");
	ck_assert_uint_eq(w.a.closed, 1);
	ck_assert_int_eq(w.a.close_error, 0);
	ck_assert_uint_eq(w.a.lost, 0);
	ck_assert_uint_eq(w.b.closed, 1);
	ck_assert_int_eq(w.b.close_error, 0);
	ck_assert(w.a.closed_before_over && w.b.closed_before_over);
	world_free(&w);
}
END_TEST

START_TEST(test_both_may_close_at_once) {
	struct world w = {0};
	connected_world(&w, &near);
	sluice_peer_close(w.a.peer);
	sluice_peer_close(w.b.peer);
	sluice_peer_close(w.b.peer);
	ck_assert(WITHIN(w.sim, 5 * SLUICE_S, both_over(&w)));
	ck_assert_str_eq(w.a.states, "connecting connected closing closed");
	ck_assert_str_eq(w.b.states, "connecting connected closing closed");
	ck_assert_uint_eq(sluice_peer_deadline(w.a.peer), SLUICE_NEVER);
	ck_assert_uint_eq(sluice_peer_deadline(w.b.peer), SLUICE_NEVER);
	world_free(&w);
}
END_TEST

START_TEST(test_each_lost_datagram_of_the_close_is_survived) {
	struct world w = {0};
	for (unsigned side = 0; side < 2; side++) {
		for (unsigned n = 0; n < 4; n++) {
			connected_world(&w, &near);
			pass(&w, SLUICE_S);
			struct sim_link *link = sim_link(&w.sim, side ? w.b.host : w.a.host, NULL);
			link->config.drop_from = link->offered + n;
			link->config.drop_to = link->offered + n + 1;
			sluice_peer_close(w.a.peer);
			bool over = WITHIN(w.sim, 30 * SLUICE_S, both_over(&w));
			ck_assert_msg(over, "datagram %u of %s lost: a %s, b %s", n, side ? "b" : "a", w.a.states, w.b.states);
			ck_assert_int_eq(w.a.close_error, 0);
			ck_assert_int_eq(w.b.close_error, 0);
			world_close(&w);
		}
	}
	world_init(&w, 1, NULL);
	world_free(&w);
}
END_TEST

START_TEST(test_abort_ends_both_sides_at_once) {
	struct world w = {0};
	static uint8_t bytes[16384];
	connected_world(&w, &near);
	for (int i = 0; i < 48; i++)
		ck_assert_int_eq(sluice_channel_send(w.a.ch, bytes, sizeof bytes), 0);
	uint64_t at = w.sim.now;
	sluice_peer_abort(w.a.peer, "enough");
	ck_assert(WITHIN(w.sim, SLUICE_S, both_over(&w)));
	ck_assert_uint_le(w.b.over_at, at + 11 * SLUICE_MS);
	ck_assert_str_eq(w.a.states, "connecting connected closing closed");
	ck_assert_str_eq(w.b.states, "connecting connected closed");
	const char *text;
	ck_assert_int_eq(sluice_peer_error(w.b.peer, &text), 0);
	ck_assert_str_eq(text, "closed by the peer: enough");
	ck_assert_int_eq(w.b.close_error, SLUICE_CLOSED);
	ck_assert_uint_eq(w.a.closed, 1);
	ck_assert_int_ne(w.a.close_error, 0);
	ck_assert_uint_eq(w.a.lost, 48);
	ck_assert(w.a.closed_before_over && w.b.closed_before_over);
	world_free(&w);
}
END_TEST

START_TEST(test_a_close_notify_without_shutdown_closes_and_says_what_was_lost) {
	struct world w = {0};
	connected_world(&w, &near);
	pass(&w, SLUICE_S);
	ck_assert_int_eq(sluice_channel_send(w.b.ch, "lost", 4), 0);
	struct sim_link *a = sim_link(&w.sim, w.a.host, NULL), *b = sim_link(&w.sim, w.b.host, NULL);
	b->config.drop_from = b->offered;
	b->config.drop_to = UINT64_MAX;
	a->config.drop_from = a->offered; /* the ABORT */
	a->config.drop_to = a->offered + 1;
	sluice_peer_abort(w.a.peer, NULL);
	ck_assert(WITHIN(w.sim, SLUICE_S, both_over(&w)));
	ck_assert_str_eq(w.b.states, "connecting connected closed");
	ck_assert_int_eq(w.b.close_error, SLUICE_CLOSED);
	ck_assert_uint_eq(w.b.lost, 1);
	world_free(&w);
}
END_TEST

START_TEST(test_a_peer_may_be_closed_before_it_is_connected) {
	struct world w = {0};
	for (unsigned ms = 0; ms <= 100; ms += 5) {
		world_init(&w, sim_seed(1), &near);
		world_start(&w);
		open_channel(&w.a, 0);
		pass(&w, ms * SLUICE_MS);
		sluice_peer_close(w.a.peer);
		ck_assert(WITHIN(w.sim, 5 * SLUICE_S, w.a.over_at != SLUICE_NEVER));
		ck_assert_int_eq(sluice_peer_state(w.a.peer), SLUICE_PEER_CLOSED);
		ck_assert_uint_eq(w.a.closed, 1);
		ck_assert(w.a.closed_before_over);
		world_close(&w);
	}
	world_init(&w, 1, NULL);
	world_free(&w);
}
END_TEST

START_TEST(test_a_peer_that_was_never_started_closes) {
	struct world w = {0};
	world_init(&w, sim_seed(1), &near);
	ck_assert_int_eq(sluice_peer_new(w.a.env, &w.a.config, &w.a.peer), 0);
	sluice_peer_close(w.a.peer);
	pass(&w, SLUICE_S);
	ck_assert_str_eq(w.a.states, "closing closed");
	ck_assert_int_eq(sluice_peer_start(w.a.peer), SLUICE_WRONG_STATE);
	world_free(&w);
}
END_TEST

START_TEST(test_a_vanished_peer_is_noticed_when_there_is_data_for_it) {
	struct world w = {0};
	connected_world(&w, &near);
	w.b.host->down = true;
	ck_assert_int_eq(sluice_channel_send(w.a.ch, "hello?", 6), 0);
	ck_assert(WITHIN(w.sim, 60 * SLUICE_S, w.a.over_at != SLUICE_NEVER));
	ck_assert_str_eq(w.a.states, "connecting connected failed");
	ck_assert_int_eq(sluice_peer_error(w.a.peer, NULL), SLUICE_TIMED_OUT);
	ck_assert_uint_eq(w.a.lost, 1);
	world_free(&w);
}
END_TEST

/* The life of two peers. e passes all spots, except that only the answering side gets on_channel, and acts at one of them. */
static void live_through(struct world *w, struct end *e, enum spot spot) {
	static uint8_t bytes[16384];
	struct end *other = e == &w->a ? &w->b : &w->a;
	e->free_at = spot;
	world_start(w);
	open_channel(&w->a, 0);
	WITHIN(w->sim, SLUICE_S, w->a.opened && w->b.ch);
	if (e->ch)
		sluice_channel_set_high_water(e->ch, 65536);
	for (int i = 0; e->ch && i < 100; i++)
		if (sluice_channel_send(e->ch, bytes, sizeof bytes) == SLUICE_WOULD_BLOCK)
			break;
	if (e->ch)
		sluice_channel_set_buffered_low(e->ch, 1000);
	if (other->ch)
		sluice_channel_send(other->ch, bytes, 100);
	pass(w, 3 * SLUICE_S);
	if (other->peer)
		sluice_peer_close(other->peer);
	pass(w, 60 * SLUICE_S);
}

/* Whatever happens at that spot, no callback follows and everything is given back (node_free looks). */
START_TEST(test_a_peer_may_be_freed_in_each_callback) {
	struct world w = {0};
	for (int side = 0; side < 2; side++) {
		for (enum spot spot = AT_CONNECTING; spot < SPOTS; spot++) {
			world_init(&w, sim_seed(1), &near);
			struct end *e = side ? &w.b : &w.a;
			live_through(&w, e, spot);
			bool passed = side == 1 || spot != AT_CHANNEL; /* a opened the only channel itself */
			ck_assert_msg((e->peer == NULL) == passed, "side %d, spot %d: a %s, b %s", side, spot, w.a.states,
			              w.b.states);
			world_close(&w);
		}
	}
	world_init(&w, 1, NULL);
	world_free(&w);
}
END_TEST

static void abort_it(sluice_peer *p) {
	sluice_peer_abort(p, "enough");
}

static void open_and_close_channels(sluice_peer *p) {
	sluice_channel_config c = {.label = "more", .id = -1};
	sluice_channel *one, *two;
	if (sluice_peer_open_channel(p, &c, &one) == 0 && sluice_peer_open_channel(p, &c, &two) == 0)
		sluice_channel_close(one);
}

START_TEST(test_a_peer_may_be_closed_aborted_or_given_channels_in_each_callback) {
	static void (*const deeds[])(sluice_peer * p) = {sluice_peer_close, abort_it, open_and_close_channels};
	struct world w = {0};
	for (size_t deed = 0; deed < sizeof deeds / sizeof *deeds; deed++) {
		for (int side = 0; side < 2; side++) {
			for (enum spot spot = AT_CONNECTING; spot < SPOTS; spot++) {
				world_init(&w, sim_seed(1), &near);
				struct end *e = side ? &w.b : &w.a;
				e->instead = deeds[deed];
				live_through(&w, e, spot);
				ck_assert_msg(both_over(&w), "deed %zu, side %d, spot %d: a %s, b %s", deed, side, spot,
				              w.a.states, w.b.states);
				ck_assert_uint_ge(w.a.closed, 1);
				world_close(&w);
			}
		}
	}
	world_init(&w, 1, NULL);
	world_free(&w);
}
END_TEST

/* ---- the driver's side ---- */

static void count_wake(void *ctx) {
	++*(unsigned *)ctx;
}

START_TEST(test_wake_is_called_once_until_the_next_output) {
	struct world w = {0};
	unsigned wakes = 0;
	connected_world(&w, &near);
	pass(&w, SLUICE_S);
	sluice_peer_set_wake(w.a.peer, count_wake, &wakes);
	ck_assert_int_eq(sluice_channel_send(w.a.ch, "1", 1), 0);
	ck_assert_int_eq(sluice_channel_send(w.a.ch, "2", 1), 0);
	ck_assert_uint_eq(wakes, 1);
	pass(&w, SLUICE_S);
	ck_assert_int_eq(sluice_channel_send(w.a.ch, "3", 1), 0);
	ck_assert_uint_eq(wakes, 2);
	world_free(&w);
}
END_TEST

static void note_free(void *ctx) {
	++*(unsigned *)ctx;
}

START_TEST(test_the_driver_hears_of_a_free) {
	struct world w = {0};
	unsigned freed = 0;
	world_init(&w, sim_seed(1), &near);
	end_start(&w.a);
	peer_on_free(w.a.peer, note_free, &freed);
	w.a.free_at = AT_CONNECTING;
	pass(&w, SLUICE_MS);
	ck_assert_uint_eq(freed, 1);
	world_free(&w);
}
END_TEST

START_TEST(test_an_output_without_room_says_so_and_loses_nothing) {
	struct world w = {0};
	uint8_t space[64];
	sluice_batch b = {.data = space, .capacity = sizeof space};
	world_init(&w, sim_seed(1), &near);
	world_start(&w);
	ck_assert_int_eq(sluice_peer_output(w.a.peer, &b, 0), SLUICE_NO_SPACE); /* a ClientHello */
	open_channel(&w.a, 0);
	ck_assert(WITHIN(w.sim, SLUICE_S, w.b.channels == 1));
	pass(&w, SLUICE_S);
	ck_assert_int_eq(sluice_channel_send(w.a.ch, "patience", 8), 0);
	b = (sluice_batch){.data = space, .capacity = sizeof space};
	ck_assert_int_eq(sluice_peer_output(w.a.peer, &b, w.sim.now), SLUICE_NO_SPACE);
	ck_assert(WITHIN(w.sim, SLUICE_S, w.b.messages == 1));
	world_free(&w);
}
END_TEST

START_TEST(test_wrong_configurations_are_refused) {
	struct world w = {0};
	world_init(&w, sim_seed(1), &near);
	sluice_peer *p;
	sluice_peer_config c = w.a.config;
	c.size = 0;
	ck_assert_int_eq(sluice_peer_new(w.a.env, &c, &p), SLUICE_INVALID);
	c = w.a.config;
	c.role = (enum sluice_role)3;
	ck_assert_int_eq(sluice_peer_new(w.a.env, &c, &p), SLUICE_INVALID);
	c = w.a.config;
	c.mtu = 399;
	ck_assert_int_eq(sluice_peer_new(w.a.env, &c, &p), SLUICE_INVALID);
	c.mtu = 16385;
	ck_assert_int_eq(sluice_peer_new(w.a.env, &c, &p), SLUICE_INVALID);
	c = w.a.config;
	c.dtls_ciphers = "no such suite";
	ck_assert_int_lt(sluice_peer_new(w.a.env, &c, &p), 0);
	world_free(&w);
}
END_TEST

START_TEST(test_each_failed_allocation_of_a_new_peer_leaves_nothing_behind) {
	struct world w = {0};
	world_init(&w, sim_seed(1), &near);
	for (unsigned n = 1;; n++) {
		/* A fresh environment each time, since the pool of another would serve what the allocator refuses. */
		struct memory memory = {0};
		sluice_env_config config = {.allocator = memory_allocator(&memory)};
		sluice_env *env;
		ck_assert_int_eq(sluice_env_new(&config, &env), 0);
		memory.fail_at = n;
		sluice_peer *p;
		int error = sluice_peer_new(env, &w.a.config, &p);
		bool failed = memory.failures > 0;
		memory.fail_at = 0;
		if (failed)
			ck_assert_int_eq(error, SLUICE_NO_MEMORY);
		else
			sluice_peer_free(p);
		ck_assert_uint_eq(env->blocks.live, 0);
		sluice_env_free(env);
		ck_assert_uint_eq(memory.live, 0);
		if (!failed)
			break;
	}
	world_free(&w);
}
END_TEST

/* Memory that is short for a moment costs time, never the connection's integrity: both sides connect, or fail in words. */
START_TEST(test_each_failed_allocation_of_a_connection_is_survived_or_told) {
	struct world w = {0};
	for (unsigned n = 1; n < 200; n++) {
		world_init(&w, sim_seed(1), &near);
		world_start(&w);
		struct end *e = n % 2 ? &w.a : &w.b;
		e->memory.fail_at = (n + 1) / 2;
		WITHIN(w.sim, 40 * SLUICE_S, both_connected(&w) || both_over(&w));
		bool failed = e->memory.failures > 0;
		ck_assert_msg(both_connected(&w) || both_over(&w), "allocation %u: a %s, b %s", n, w.a.states, w.b.states);
		world_close(&w);
		if (!failed && n > 2)
			break;
	}
	world_init(&w, 1, NULL);
	world_free(&w);
}
END_TEST

SUITE("peer", test_two_peers_connect_and_tell_their_states_in_order, test_connecting_takes_at_most_five_round_trips,
      test_the_end_of_each_phase_is_in_the_statistics, test_each_lost_datagram_of_the_handshake_is_survived,
      test_any_two_lost_datagrams_of_the_handshake_are_survived, test_peers_connect_over_bad_networks,
      test_a_wrong_fingerprint_fails_both_sides, test_nothing_passes_before_a_late_fingerprint_and_everything_after,
      test_a_late_fingerprint_that_is_wrong_fails, test_an_unanswered_handshake_times_out, test_the_same_seed_gives_the_same_run,
      test_messages_pass_both_ways, test_a_message_of_the_largest_size_passes,
      test_no_datagram_is_larger_than_the_mtu_and_full_ones_are_equal, test_both_sides_export_the_same_keys,
      test_close_delivers_what_was_accepted, test_both_may_close_at_once, test_each_lost_datagram_of_the_close_is_survived,
      test_abort_ends_both_sides_at_once, test_a_close_notify_without_shutdown_closes_and_says_what_was_lost,
      test_a_peer_may_be_closed_before_it_is_connected, test_a_peer_that_was_never_started_closes,
      test_a_vanished_peer_is_noticed_when_there_is_data_for_it, test_a_peer_may_be_freed_in_each_callback,
      test_a_peer_may_be_closed_aborted_or_given_channels_in_each_callback, test_wake_is_called_once_until_the_next_output,
      test_the_driver_hears_of_a_free, test_an_output_without_room_says_so_and_loses_nothing,
      test_wrong_configurations_are_refused, test_each_failed_allocation_of_a_new_peer_leaves_nothing_behind,
      test_each_failed_allocation_of_a_connection_is_survived_or_told)
