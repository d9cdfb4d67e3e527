/* How data channels end: by either side or both, with everything delivered or with a true account of what was not; and how
 * their ids come back. */
#include "channel_kit.h"

#include <stdio.h>

/* A world with a channel "x" open at both ends. */
static struct world *with_channel(const struct world_config *c, struct app **a, struct app **b) {
	struct world *w = world_up(c);
	*a = end_open_label(&w->a, "x");
	world_run(w, SLUICE_S);
	*b = end_app(&w->b, "x");
	ck_assert_uint_eq((*a)->opens, 1);
	ck_assert_uint_eq((*b)->opens, 1);
	return w;
}

/* ---- in order ------------------------------------------------------------------------------------------------------ */

START_TEST(test_a_close_is_seen_at_both_ends_and_frees_the_id) {
	struct app *a, *b;
	struct world *w = with_channel(NULL, &a, &b);
	ck_assert_int_eq(sluice_channel_send(a->ch, "last", 4), 0);
	sluice_channel_close(a->ch);
	sluice_channel_close(a->ch);
	ck_assert_int_eq(sluice_channel_state(a->ch), SLUICE_CHANNEL_CLOSING);
	ck_assert_int_eq(sluice_channel_send(a->ch, "more", 4), SLUICE_CLOSED);
	world_run(w, SLUICE_S);
	ck_assert_journal(&w->a, "connected open:x low:x closed:x:0:0");
	ck_assert_journal(&w->b, "connected channel:x open:x message:x:4 closed:x:0:0");
	ck_assert_uint_eq(w->a.set->ids + w->b.set->ids, 0);
	ck_assert_int_eq(sluice_channel_id(end_open_label(&w->a, "y")->ch), 0);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(end_app(&w->b, "y")->opens, 1);
	world_free(w);
}
END_TEST

START_TEST(test_ten_megabytes_that_send_accepted_arrive_before_the_close) {
	struct world_config c;
	world_config_init(&c);
	c.a_sctp.high_water = UINT64_C(16) << 20;
	c.link.rate = 100000000;
	c.link.loss = 0.01;
	struct app *a, *b;
	struct world *w = with_channel(&c, &a, &b);
	b->forget = true;
	for (uint32_t i = 0; i < 160; i++)
		ck_assert_int_eq(app_send_number(a, i, 65536), 0);
	sluice_channel_close(a->ch);
	ck_assert_uint_eq(sluice_channel_buffered_amount(a->ch), 160 * 65536);
	ck_assert(world_until(w, a->closes && b->closes));
	ck_assert_uint_eq(b->got_bytes, 160 * 65536);
	ck_assert_int_eq(a->error, 0);
	ck_assert_uint_eq(a->lost, 0);
	ck_assert_int_eq(b->error, 0);
	world_free(w);
}
END_TEST

START_TEST(test_the_other_side_flushes_too_before_it_closes) {
	struct app *a, *b;
	struct world *w = with_channel(NULL, &a, &b);
	for (uint32_t i = 0; i < 15; i++)
		ck_assert_int_eq(app_send_number(b, i, 60000), 0);
	sluice_channel_close(a->ch);
	ck_assert(world_until(w, a->closes && b->closes));
	ck_assert_uint_eq(a->got_count, 15);
	ck_assert_uint_eq(b->lost, 0);
	world_free(w);
}
END_TEST

START_TEST(test_both_sides_may_close_at_once) {
	struct app *a, *b;
	struct world *w = with_channel(NULL, &a, &b);
	ck_assert_int_eq(sluice_channel_send(a->ch, "a", 1), 0);
	ck_assert_int_eq(sluice_channel_send(b->ch, "bb", 2), 0);
	sluice_channel_close(a->ch);
	sluice_channel_close(b->ch);
	world_run(w, 5 * SLUICE_S);
	ck_assert_uint_eq(a->got_count, 1);
	ck_assert_uint_eq(b->got_count, 1);
	ck_assert(a->closes && !a->error && !a->lost);
	ck_assert(b->closes && !b->error && !b->lost);
	ck_assert_uint_eq(w->a.set->ids + w->b.set->ids, 0);
	world_free(w);
}
END_TEST

START_TEST(test_a_channel_that_never_began_closes_without_a_packet) {
	struct world *w = world_new(NULL);
	struct app *a = end_open_label(&w->a, "x");
	sluice_channel_close(a->ch);
	ck_assert_uint_eq(a->closes, 0);
	world_run(w, SLUICE_MS);
	ck_assert_journal(&w->a, "closed:x:0:0");
	world_connect(w);
	world_run(w, SLUICE_S);
	ck_assert_journal(&w->b, "connected");
	world_free(w);
}
END_TEST

START_TEST(test_a_channel_closed_before_its_on_open_opens_at_neither_app_but_closes_at_both) {
	struct world *w = world_up(NULL);
	struct app *a = end_open_label(&w->a, "x");
	sluice_channel_close(a->ch);
	world_run(w, SLUICE_S);
	ck_assert_journal(&w->a, "connected closed:x:0:0");
	ck_assert_journal(&w->b, "connected channel:x open:x closed:x:0:0");
	world_free(w);
}
END_TEST

START_TEST(test_a_negotiated_channel_closes_by_reset_as_well) {
	struct world *w = world_up(NULL);
	sluice_channel_config config = {.label = "n", .negotiated = true, .id = 7};
	struct app *a = end_open(&w->a, &config), *b = end_open(&w->b, &config);
	world_run(w, SLUICE_S);
	sluice_channel_close(b->ch);
	world_run(w, SLUICE_S);
	ck_assert(a->closes && b->closes && !a->error && !b->error);
	end_open(&w->a, &config);
	world_free(w);
}
END_TEST

/* ---- ids ----------------------------------------------------------------------------------------------------------- */

START_TEST(test_an_id_is_not_free_before_both_directions_were_reset) {
	struct world_config c;
	world_config_init(&c);
	c.b_raw = true;
	struct world *w = world_up(&c);
	struct app *a = end_open_label(&w->a, "x");
	world_run(w, SLUICE_S);
	end_raw_send(&w->b, 0, DCEP_PPID_CONTROL, "\2", 1);
	sluice_channel_close(a->ch);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(end_saw(&w->b, SLUICE_SCTP_RESET_IN, 0), 1);
	ck_assert_uint_eq(a->closes, 0);
	struct app *second = end_open_label(&w->a, "second");
	ck_assert_int_eq(sluice_channel_id(second->ch), 2);
	/* What the peer sent before it reset its side still arrives. */
	end_raw_send(&w->b, 0, DCEP_PPID_STRING, "late", 4);
	ck_assert_int_eq(sluice_sctp_reset_stream(w->b.sctp, 0), 0);
	world_run(w, SLUICE_S);
	ck_assert_journal(&w->a, "connected open:x open:second message:x:4 closed:x:0:0");
	ck_assert_int_eq(sluice_channel_id(end_open_label(&w->a, "third")->ch), 0);
	ck_assert_int_eq(sluice_channel_id(end_open_label(&w->a, "fourth")->ch), 4);
	world_free(w);
}
END_TEST

struct drop_all {
	uint8_t type;
	bool on;
	unsigned dropped;
};

static enum link_verdict drop_type(void *ctx, struct sim_link *link, uint8_t *packet, size_t *len, uint64_t now) {
	struct drop_all *d = ctx;
	(void)link;
	(void)now;
	if (!d->on || *len < 13 || packet[12] != d->type)
		return LINK_PASS;
	d->dropped++;
	return LINK_DROP;
}

#define RE_CONFIG 130

START_TEST(test_an_open_that_comes_before_we_know_that_our_reset_was_done_waits_for_it) {
	struct world_config c;
	world_config_init(&c);
	c.b_raw = true;
	struct world *w = world_up(&c);
	end_raw_open(&w->b, 1, "x");
	world_run(w, SLUICE_S);
	struct app *first = end_app(&w->a, "x");
	/* The peer resets its direction; we reset ours; from here on the peer's RE-CONFIGs, so its response, are lost. */
	ck_assert_int_eq(sluice_sctp_reset_stream(w->b.sctp, 1), 0);
	struct drop_all rule = {.type = RE_CONFIG};
	link_filter(w->ba, drop_type, &rule);
	world_run(w, 15 * SLUICE_MS);
	ck_assert_int_eq(sluice_channel_state(first->ch), SLUICE_CHANNEL_CLOSING);
	rule.on = true;
	world_run(w, 20 * SLUICE_MS);
	ck_assert_uint_eq(end_saw(&w->b, SLUICE_SCTP_RESET_OUT, 1), 1);
	ck_assert_uint_eq(end_saw(&w->b, SLUICE_SCTP_RESET_IN, 1), 1);
	end_raw_open(&w->b, 1, "y");
	end_raw_send(&w->b, 1, DCEP_PPID_STRING, "early", 5);
	world_run(w, 100 * SLUICE_MS);
	ck_assert_uint_gt(rule.dropped, 0);
	ck_assert_uint_eq(first->closes, 0);
	rule.on = false;
	world_run(w, 10 * SLUICE_S);
	ck_assert_journal(&w->a, "connected channel:x open:x closed:x:0:0 channel:y open:y message:y:5");
	ck_assert_uint_eq(w->b.apps[0].got_count, 2); /* two ACKs */
	/* It is a channel like any other. */
	sluice_channel_close(end_app(&w->a, "y")->ch);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(end_saw(&w->b, SLUICE_SCTP_RESET_IN, 1), 2);
	world_free(w);
}
END_TEST

START_TEST(test_a_whole_next_life_of_a_stream_may_wait_for_the_end_of_the_first) {
	struct world_config c;
	world_config_init(&c);
	c.b_raw = true;
	struct world *w = world_up(&c);
	end_raw_open(&w->b, 1, "x");
	world_run(w, SLUICE_S);
	sluice_channel_pause(end_app(&w->a, "x")->ch);
	end_raw_send(&w->b, 1, DCEP_PPID_STRING, "held", 4);
	world_run(w, SLUICE_S);
	ck_assert_int_eq(sluice_sctp_reset_stream(w->b.sctp, 1), 0);
	world_run(w, SLUICE_S);
	/* Both directions are reset, so the peer may use the stream again, and close it again, before our app resumes. */
	end_raw_open(&w->b, 1, "y");
	end_raw_send(&w->b, 1, DCEP_PPID_STRING, "again", 5);
	world_run(w, SLUICE_S);
	ck_assert_int_eq(sluice_sctp_reset_stream(w->b.sctp, 1), 0);
	world_run(w, SLUICE_S);
	ck_assert_journal(&w->a, "connected channel:x open:x");
	sluice_channel_resume(end_app(&w->a, "x")->ch);
	world_run(w, SLUICE_S);
	ck_assert_journal(&w->a, "connected channel:x open:x message:x:4 closed:x:0:0 channel:y open:y message:y:5 closed:y:0:0");
	ck_assert_uint_eq(w->a.set->ids, 0);
	world_free(w);
}
END_TEST

static void close_after_three(struct app *app, sluice_message *m) {
	(void)m;
	if (app->got_count == 3)
		sluice_channel_close(app->ch);
}

static void listen_for_three(struct app *app) {
	app->on_message = close_after_three;
}

static void send_three(struct app *app) {
	for (uint32_t i = 0; i < 3; i++)
		ck_assert_int_eq(app_send_number(app, i, 2000), 0);
}

START_TEST(test_ids_come_back_again_and_again_over_a_bad_line) {
	for (uint64_t seed = sim_first(1); seed <= sim_last(8); seed++) {
		struct world_config c;
		world_config_init(&c);
		c.seed = seed;
		c.link.loss = 0.15;
		c.link.jitter = 5 * SLUICE_MS;
		c.link.reorder = 0.05;
		c.link.reorder_delay = 15 * SLUICE_MS;
		c.link.duplicate = 0.05;
		struct world *w = world_up(&c);
		w->a.on_channel = w->b.on_channel = listen_for_three;
		for (int cycle = 0; cycle < 25; cycle++) {
			struct app *a = end_open_label(&w->a, "a"), *b = end_open_label(&w->b, "b");
			a->on_open = b->on_open = send_three;
			ck_assert_int_le(sluice_channel_id(a->ch), 3);
			ck_assert_int_le(sluice_channel_id(b->ch), 3);
			if (cycle % 3 == 1) {
				world_run(w, 15 * SLUICE_MS);
				sluice_channel_close(b->ch); /* against the other side's close, now and then */
			}
			ck_assert(world_until(w, a->closes && b->closes));
			ck_assert(!a->error && !b->error && !a->lost && !b->lost);
		}
		world_run(w, 30 * SLUICE_S);
		ck_assert_uint_eq(w->a.app_count, 50);
		ck_assert_uint_eq(w->b.app_count, 50);
		for (size_t i = 0; i < 50; i++) { /* at each end by turns: its own channel, the peer's */
			ck_assert_uint_eq(w->a.apps[i].closes, 1);
			ck_assert_uint_eq(w->b.apps[i].closes, 1);
			ck_assert_uint_eq(w->a.apps[i].got_count, i % 2 ? 3 : 0);
			ck_assert_uint_eq(w->b.apps[i].got_count, i % 2 ? 3 : 0);
		}
		ck_assert_uint_eq(w->a.set->ids + w->b.set->ids, 0);
		ck_assert_uint_eq(end_counters(&w->a)->refused + end_counters(&w->b)->refused, 0);
		world_free(w);
	}
}
END_TEST

START_TEST(test_a_peer_that_cannot_reset_streams_costs_the_id_but_not_the_close) {
	struct world_config c;
	world_config_init(&c);
	c.b_sctp.no_reconfig = true;
	struct app *a, *b;
	struct world *w = with_channel(&c, &a, &b);
	for (uint32_t i = 0; i < 15; i++)
		ck_assert_int_eq(app_send_number(a, i, 60000), 0);
	sluice_channel_close(a->ch);
	ck_assert(world_until(w, a->closes));
	ck_assert_uint_eq(b->got_count, 15);
	ck_assert_int_eq(a->error, SLUICE_UNSUPPORTED);
	ck_assert_uint_eq(a->lost, 0);
	ck_assert_int_eq(sluice_channel_id(end_open_label(&w->a, "y")->ch), 2);
	world_free(w);
}
END_TEST

/* ---- paused -------------------------------------------------------------------------------------------------------- */

START_TEST(test_a_paused_channel_delivers_what_it_held_before_it_tells_of_the_close) {
	struct app *a, *b;
	struct world *w = with_channel(NULL, &a, &b);
	sluice_channel_pause(b->ch);
	for (uint32_t i = 0; i < 5; i++)
		ck_assert_int_eq(app_send_number(a, i, 10), 0);
	sluice_channel_close(a->ch);
	world_run(w, SLUICE_S);
	/* The peer need not wait for our app. */
	ck_assert_uint_eq(a->closes, 1);
	ck_assert_uint_eq(b->closes, 0);
	ck_assert_int_eq(sluice_channel_state(b->ch), SLUICE_CHANNEL_CLOSING);
	sluice_channel_resume(b->ch);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(b->got_count, 5);
	ck_assert_uint_eq(b->closes, 1);
	world_free(w);
}
END_TEST

START_TEST(test_closing_a_paused_channel_delivers_what_it_held_first) {
	struct app *a, *b;
	struct world *w = with_channel(NULL, &a, &b);
	sluice_channel_pause(b->ch);
	ck_assert_int_eq(app_send_number(a, 0, 10), 0);
	world_run(w, SLUICE_S);
	sluice_channel_close(b->ch);
	world_run(w, SLUICE_S);
	ck_assert_journal(&w->b, "connected channel:x open:x message:x:10 closed:x:0:0");
	world_free(w);
}
END_TEST

START_TEST(test_the_end_of_the_association_ends_every_pause) {
	struct app *a, *b;
	struct world *w = with_channel(NULL, &a, &b);
	sluice_channel_pause(b->ch);
	ck_assert_int_eq(app_send_number(a, 0, 10), 0);
	world_run(w, SLUICE_S);
	sluice_sctp_abort(w->a.sctp, "enough");
	world_run(w, SLUICE_S);
	ck_assert_journal(&w->b, "connected channel:x open:x message:x:10 closed:x:CLOSED:0 ended:CLOSED");
	world_free(w);
}
END_TEST

/* ---- not in order -------------------------------------------------------------------------------------------------- */

START_TEST(test_an_abort_closes_every_channel_and_tells_what_was_lost) {
	struct app *a, *b;
	struct world *w = with_channel(NULL, &a, &b);
	struct app *idle = end_open_label(&w->a, "idle");
	world_run(w, SLUICE_S);
	w->ab->config.loss = 1;
	for (uint32_t i = 0; i < 7; i++)
		ck_assert_int_eq(app_send_number(a, i, 500), 0);
	ck_assert_int_eq(sluice_channel_send(a->ch, "", 0), 0);
	ck_assert_int_eq(app_send_number(b, 0, 500), 0);
	world_run(w, 50 * SLUICE_MS);
	struct app *fresh = end_open_label(&w->a, "fresh");
	world_run(w, 50 * SLUICE_MS);
	w->ab->config.loss = 0;
	sluice_sctp_abort(w->a.sctp, "enough");
	ck_assert_int_eq(sluice_channel_send(a->ch, "x", 1), SLUICE_CLOSED);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(a->lost, 8);
	ck_assert_int_eq(a->error, SLUICE_CLOSED);
	ck_assert_uint_eq(idle->lost, 0);
	ck_assert_uint_eq(fresh->lost, 0); /* its OPEN is no message of the app's */
	ck_assert_int_eq(idle->error, SLUICE_CLOSED);
	ck_assert_int_eq(b->error, SLUICE_CLOSED);
	ck_assert_uint_eq(b->lost, 1); /* its acknowledgement was lost, so nobody knows better */
	ck_assert_uint_eq(w->a.ended, 1);
	ck_assert_uint_eq(w->b.ended, 1);
	ck_assert_int_eq(w->b.end_error, SLUICE_CLOSED);
	sluice_channel_config config = {.label = "late"};
	ck_assert_int_eq(end_try_open(&w->a, &config), SLUICE_CLOSED);
	world_free(w);
}
END_TEST

START_TEST(test_a_silent_peer_closes_the_channels_as_timed_out) {
	struct world_config c;
	world_config_init(&c);
	c.a_sctp.association_max_retransmits = 3;
	struct app *a, *b;
	struct world *w = with_channel(&c, &a, &b);
	w->ab->config.loss = w->ba->config.loss = 1;
	ck_assert_int_eq(sluice_channel_send(a->ch, "x", 1), 0);
	sluice_channel_close(a->ch);
	ck_assert(world_until(w, a->closes));
	ck_assert_int_eq(a->error, SLUICE_TIMED_OUT);
	ck_assert_uint_eq(a->lost, 1);
	world_free(w);
}
END_TEST

START_TEST(test_a_graceful_shutdown_delivers_everything_and_closes_without_an_error) {
	struct app *a, *b;
	struct world *w = with_channel(NULL, &a, &b);
	for (uint32_t i = 0; i < 20; i++)
		ck_assert_int_eq(app_send_number(a, i, 50000), 0);
	ck_assert_int_eq(sluice_sctp_shutdown(w->a.sctp), 0);
	sluice_channel_close(a->ch); /* too late for a reset; the end will do */
	ck_assert(world_until(w, a->closes && b->closes));
	ck_assert_uint_eq(b->got_count, 20);
	ck_assert(!a->error && !b->error && !a->lost && !b->lost);
	world_run(w, SLUICE_S);
	ck_assert_int_eq(w->a.end_error, 0);
	ck_assert_uint_eq(w->a.ended, 1);
	world_free(w);
}
END_TEST

START_TEST(test_a_restart_closes_the_channels_and_connects_again) {
	struct app *a, *b;
	struct world *w = with_channel(NULL, &a, &b);
	w->ab->config.loss = 1;
	for (uint32_t i = 0; i < 3; i++)
		ck_assert_int_eq(app_send_number(a, i, 100), 0);
	world_run(w, 20 * SLUICE_MS);
	w->ab->config.loss = 0;
	end_reboot(&w->b);
	ck_assert_int_eq(sluice_sctp_connect(w->b.sctp), 0);
	ck_assert(world_until(w, w->b.connected && w->a.connected == 2));
	ck_assert_int_eq(a->error, SLUICE_RESTARTED);
	ck_assert_uint_eq(a->lost, 3);
	ck_assert_str_eq(strstr(w->a.journal, "closed"), "closed:x:RESTARTED:3 connected");
	struct app *again = end_open_label(&w->a, "y");
	ck_assert_int_eq(sluice_channel_id(again->ch), 0);
	world_run(w, SLUICE_S);
	ck_assert_int_eq(app_send_number(again, 0, 100), 0);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(end_app(&w->b, "y")->got_count, 1);
	world_free(w);
}
END_TEST

static void open_y(struct app *app) {
	end_open_label(app->end, "y");
}

START_TEST(test_a_channel_opened_while_the_old_ones_close_belongs_to_the_new_association) {
	struct app *a, *b;
	struct world *w = with_channel(NULL, &a, &b);
	a->on_closed = open_y;
	end_reboot(&w->b);
	ck_assert_int_eq(sluice_sctp_connect(w->b.sctp), 0);
	ck_assert(world_until(w, w->b.connected && w->a.connected == 2));
	world_run(w, SLUICE_S);
	ck_assert_journal(&w->a, "connected open:x closed:x:RESTARTED:0 connected open:y");
	ck_assert_uint_eq(end_app(&w->b, "y")->opens, 1);
	world_free(w);
}
END_TEST

START_TEST(test_what_the_reliability_limit_gave_up_is_counted_as_lost) {
	struct world *w = world_up(NULL);
	sluice_channel_config config = {.label = "x", .reliability = SLUICE_MAX_RETRANSMITS, .reliability_value = 0};
	struct app *a = end_open(&w->a, &config);
	world_run(w, SLUICE_S);
	struct app *b = end_app(&w->b, "x");
	w->ab->config.loss = 0.2;
	for (uint32_t i = 0; i < 200; i++) {
		ck_assert_int_eq(app_send_number(a, i, 1000), 0);
		world_run(w, 5 * SLUICE_MS);
	}
	sluice_channel_close(a->ch);
	ck_assert(world_until(w, a->closes && b->closes));
	ck_assert_int_eq(a->error, 0);
	ck_assert_uint_gt(a->lost, 0);
	/* A message whose acknowledgement came too late was given up and arrived. */
	ck_assert_uint_ge(a->lost + b->got_count, 200);
	ck_assert_uint_lt(a->lost, 120);
	world_free(w);
}
END_TEST

START_TEST(test_when_the_ground_goes_what_was_received_is_delivered_and_the_channels_end) {
	struct app *a, *b;
	struct world *w = with_channel(NULL, &a, &b);
	ck_assert_int_eq(sluice_channel_send(a->ch, "x", 1), 0);
	ck_assert_int_eq(sluice_channel_send(b->ch, "y", 1), 0);
	channels_end(w->a.set, SLUICE_FINGERPRINT);
	sluice_channel_config config = {.label = "late"};
	ck_assert_int_eq(end_try_open(&w->a, &config), SLUICE_CLOSED);
	world_run(w, SLUICE_S);
	ck_assert_journal(&w->a, "connected open:x closed:x:FINGERPRINT:1 ended:FINGERPRINT");
	channels_end(w->a.set, SLUICE_CLOSED);
	sluice_sctp_abort(w->a.sctp, NULL);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(w->a.ended, 1);
	world_free(w);
}
END_TEST

/* ---- from callbacks ------------------------------------------------------------------------------------------------ */

static void close_it(struct app *app) {
	sluice_channel_close(app->ch);
	sluice_channel_close(app->ch);
}

static void close_on_message(struct app *app, sluice_message *m) {
	(void)m;
	close_it(app);
}

static void hello(struct app *app) {
	ck_assert_int_eq(sluice_channel_send(app->ch, "hello", 5), 0);
}

START_TEST(test_a_channel_may_be_closed_in_each_of_its_callbacks) {
	struct world *w = world_up(NULL);
	w->b.on_channel = close_it; /* before on_open, which then does not come */
	struct app *a = end_open_label(&w->a, "x");
	world_run(w, SLUICE_S);
	ck_assert_journal(&w->b, "connected channel:x closed:x:0:0");
	ck_assert(a->closes && !a->error);

	w->b.on_channel = NULL;
	a = end_open_label(&w->a, "y");
	a->on_open = close_it;
	a->on_closed = close_it;
	world_run(w, SLUICE_S);
	ck_assert(a->closes && !a->error && end_app(&w->b, "y")->closes);

	a = end_open_label(&w->a, "z");
	a->on_open = hello;
	world_run(w, SLUICE_S);
	a->on_message = close_on_message;
	hello(end_app(&w->b, "z"));
	hello(end_app(&w->b, "z"));
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(a->got_count, 2); /* both were sent before the close was known */
	ck_assert(a->closes && end_app(&w->b, "z")->closes);
	ck_assert_uint_eq(w->a.set->ids + w->b.set->ids, 0);
	world_free(w);
}
END_TEST

static void open_another(struct app *app) {
	if (!end_app(app->end, "another"))
		end_open_label(app->end, "another");
}

static void open_another_on_message(struct app *app, sluice_message *m) {
	(void)m;
	open_another(app);
}

static void open_another_at(struct end *end) {
	end_open_label(end, "another");
}

static void hello_twice(struct app *app) {
	hello(app);
	hello(app);
}

START_TEST(test_a_channel_may_be_opened_in_each_callback) {
	for (int where = 0; where <= 6; where++) {
		struct world *w = world_new(NULL);
		struct app *a = end_open_label(&w->a, "x");
		a->on_open = where == 0 ? open_another : hello_twice;
		a->on_low = where == 1 ? open_another : NULL;
		a->on_closed = where == 2 ? open_another : NULL;
		w->a.on_connected = where == 3 ? open_another_at : NULL;
		w->b.on_channel = where == 4 ? open_another : NULL;
		world_connect(w);
		ck_assert(world_until(w, end_app(&w->b, "x")));
		struct app *b = end_app(&w->b, "x");
		b->on_message = where == 5 ? open_another_on_message : NULL;
		b->on_closed = where == 6 ? open_another : NULL;
		hello(a);
		world_run(w, SLUICE_S);
		sluice_channel_close(a->ch);
		world_run(w, SLUICE_S);
		struct app *at_a = end_app(&w->a, "another"), *at_b = end_app(&w->b, "another");
		ck_assert_msg(at_a && at_b && at_a->opens == 1 && at_b->opens == 1, "callback %d", where);
		ck_assert(a->closes == 1 && b->closes == 1);
		world_free(w);
	}
}
END_TEST

/* Frees the whole end: set first, then the association, as a peer would. */
static void free_all(struct app *app) {
	struct end *end = app->end;
	end_free_set(end);
	end_free_sctp(end);
}

static void free_on_message(struct app *app, sluice_message *m) {
	(void)m;
	free_all(app);
}

static void free_end(struct end *end) {
	end_free_set(end);
	end_free_sctp(end);
}

static void play_until_freed(int where) {
	struct world *w = world_new(NULL);
	if (where == 0)
		w->b.on_connected = free_end;
	if (where == 1)
		w->b.on_channel = free_all;
	if (where == 2)
		w->b.on_ended = free_end;
	struct app *a = end_open_label(&w->a, "x");
	end_open_label(&w->a, "y");
	a->on_open = hello;
	if (where == 3)
		a->on_open = free_all;
	ck_assert_int_eq(sluice_sctp_connect(w->a.sctp), 0);
	world_run(w, SLUICE_S);
	struct app *b = end_app(&w->b, "x");
	if (where == 4)
		b->on_message = free_on_message;
	if (where == 5)
		b->on_closed = free_all;
	if (where == 6) { /* with messages held, and more behind */
		sluice_channel_pause(b->ch);
		b->on_message = free_on_message;
	}
	if (where == 7)
		a->on_low = free_all;
	if (where >= 4) {
		hello(a);
		hello(a);
		world_run(w, 5 * SLUICE_MS);
	}
	if (where == 5)
		sluice_channel_close(a->ch);
	if (where == 2)
		sluice_sctp_abort(w->a.sctp, NULL);
	world_run(w, SLUICE_S);
	if (where == 6) {
		sluice_channel_resume(b->ch);
		world_run(w, SLUICE_S);
	}
	ck_assert(!w->b.set || !w->a.set);
	world_free(w);
}

START_TEST(test_everything_may_be_freed_in_each_callback) {
	for (int where = 0; where <= 7; where++)
		play_until_freed(where);
}
END_TEST

START_TEST(test_everything_may_be_freed_while_resets_wait_for_their_turn) {
	struct app *a, *b;
	struct world *w = with_channel(NULL, &a, &b);
	struct app *y = end_open_label(&w->a, "y");
	world_run(w, SLUICE_S);
	w->ab->config.loss = 1;
	hello(a);
	hello(y);
	sluice_channel_close(a->ch);
	sluice_channel_close(y->ch);
	world_run(w, SLUICE_MS);
	world_free(w);
}
END_TEST

static void dispatch_again(struct app *app) {
	ck_assert_int_eq(sluice_channels_dispatch(app->end->set), 0);
}

START_TEST(test_dispatch_within_a_callback_does_nothing_and_the_count_is_of_callbacks) {
	struct world *w = world_new(NULL);
	sluice_channel_config config = {.label = "n", .negotiated = true, .id = 1};
	struct app *a = end_open(&w->a, &config), *b = end_open(&w->a, &(sluice_channel_config){.negotiated = true, .id = 2});
	sluice_channel_close(b->ch);
	a->on_open = dispatch_again;
	ck_assert_int_eq(sluice_channels_dispatch(w->a.set), 1);
	ck_assert_int_eq(sluice_channels_dispatch(w->a.set), 0);
	world_connect(w);
	ck_assert_uint_eq(a->opens, 1);
	world_free(w);
}
END_TEST

/* ---- without memory ------------------------------------------------------------------------------------------------ */

/* A short life of two sets; whatever it cannot do for want of memory, it must leave nothing behind and break nothing. */
static bool live_with_failure(uint64_t nth) {
	struct world *w = world_up(NULL);
	w->a.memory.fail_at = nth;
	w->b.memory.fail_at = nth;
	for (int i = 0; i < 3; i++) {
		sluice_channel_config config = {.label = "x", .unordered = i == 1, .negotiated = i == 2, .id = i == 2 ? 9 : 0};
		end_try_open(&w->a, &config);
		if (i == 2)
			end_try_open(&w->b, &config);
	}
	for (int round = 0; round < 4; round++) {
		world_run(w, SLUICE_S);
		for (size_t i = 0; i < w->a.app_count; i++) {
			struct app *app = &w->a.apps[i];
			if (!app->ch)
				continue;
			sluice_channel_send(app->ch, "text", 4);
			sluice_channel_send(app->ch, "", 0);
			sluice_channel_sendv(app->ch, true, NULL, 0, NULL, NULL);
			if (round == 2)
				sluice_channel_close(app->ch);
		}
		for (size_t i = 0; i < w->b.app_count && round == 0; i++) {
			if (w->b.apps[i].ch)
				sluice_channel_pause(w->b.apps[i].ch);
		}
		for (size_t i = 0; i < w->b.app_count && round == 1; i++) {
			if (w->b.apps[i].ch)
				sluice_channel_resume(w->b.apps[i].ch);
		}
	}
	world_run(w, 10 * SLUICE_S);
	bool failed = w->a.memory.failures || w->b.memory.failures;
	world_free(w);
	return failed;
}

START_TEST(test_every_nth_allocation_may_fail) {
	uint64_t n = sim_first(1), last = sim_last(100000);
	while (n <= last && live_with_failure(n))
		n++;
	ck_assert_uint_gt(n, 20);
}
END_TEST

SUITE("channel close", test_a_close_is_seen_at_both_ends_and_frees_the_id,
      test_ten_megabytes_that_send_accepted_arrive_before_the_close, test_the_other_side_flushes_too_before_it_closes,
      test_both_sides_may_close_at_once, test_a_channel_that_never_began_closes_without_a_packet,
      test_a_channel_closed_before_its_on_open_opens_at_neither_app_but_closes_at_both,
      test_a_negotiated_channel_closes_by_reset_as_well, test_an_id_is_not_free_before_both_directions_were_reset,
      test_an_open_that_comes_before_we_know_that_our_reset_was_done_waits_for_it,
      test_a_whole_next_life_of_a_stream_may_wait_for_the_end_of_the_first, test_ids_come_back_again_and_again_over_a_bad_line,
      test_a_peer_that_cannot_reset_streams_costs_the_id_but_not_the_close,
      test_a_paused_channel_delivers_what_it_held_before_it_tells_of_the_close,
      test_closing_a_paused_channel_delivers_what_it_held_first, test_the_end_of_the_association_ends_every_pause,
      test_an_abort_closes_every_channel_and_tells_what_was_lost, test_a_silent_peer_closes_the_channels_as_timed_out,
      test_a_graceful_shutdown_delivers_everything_and_closes_without_an_error,
      test_a_restart_closes_the_channels_and_connects_again,
      test_a_channel_opened_while_the_old_ones_close_belongs_to_the_new_association,
      test_what_the_reliability_limit_gave_up_is_counted_as_lost,
      test_when_the_ground_goes_what_was_received_is_delivered_and_the_channels_end,
      test_a_channel_may_be_closed_in_each_of_its_callbacks, test_a_channel_may_be_opened_in_each_callback,
      test_everything_may_be_freed_in_each_callback, test_everything_may_be_freed_while_resets_wait_for_their_turn,
      test_dispatch_within_a_callback_does_nothing_and_the_count_is_of_callbacks, test_every_nth_allocation_may_fail)
