/* How soon channels open and messages arrive: behind the COOKIE-ECHO, one round trip after the INIT, and what becomes of all that
 * when the handshake does not go on. A round trip of the kit is 20 ms. */
#include "channel_kit.h"

#define TRIP (2 * KIT_DELAY)

/* What happened when, at one end. */
struct times {
	uint64_t opened, message;
};

static void note_open(struct app *app) {
	struct times *t = app->ctx;
	if (t && !t->opened)
		t->opened = app->end->sim->now;
	ck_assert_int_eq(sluice_channel_send_text(app->ch, "first", 5), 0);
}

static void note_message(struct app *app, sluice_message *m) {
	struct times *t = app->end->ctx;
	ck_assert_uint_eq(m->len, 5);
	if (!t->message)
		t->message = app->end->sim->now;
}

static void note_channel(struct app *app) {
	app->on_message = note_message;
}

static struct app *open_noting(struct end *end, struct times *t, const char *label) {
	struct app *app = end_open_label(end, label);
	app->on_open = note_open;
	app->on_message = note_message;
	app->ctx = t;
	end->on_channel = note_channel;
	end->ctx = t;
	return app;
}

START_TEST(test_one_side_connects_opens_after_one_trip_and_is_heard_after_one_and_a_half) {
	struct world *w = world_new(NULL);
	struct times a = {0}, b = {0};
	open_noting(&w->a, &a, "from a");
	open_noting(&w->b, &b, "from b");
	uint64_t start = w->sim.now;
	ck_assert_int_eq(sluice_sctp_connect(w->a.sctp), 0);
	world_run(w, 3 * TRIP);
	ck_assert_uint_eq(a.opened - start, TRIP);
	ck_assert_uint_eq(b.message - start, TRIP + KIT_DELAY);
	/* The passive side is established by the COOKIE-ECHO, and its own channel's first message comes with the COOKIE-ACK. */
	ck_assert_uint_eq(b.opened - start, TRIP + KIT_DELAY);
	ck_assert_uint_eq(a.message - start, 2 * TRIP);
	ck_assert_journal(&w->b, "connected open:from b channel:from a open:from a message:from a:5 low:from b");
	world_free(w);
}
END_TEST

START_TEST(test_both_connect_open_after_one_trip_and_are_heard_after_one_and_a_half) {
	struct world *w = world_new(NULL);
	struct times a = {0}, b = {0};
	open_noting(&w->a, &a, "from a");
	open_noting(&w->b, &b, "from b");
	uint64_t start = w->sim.now;
	ck_assert_int_eq(sluice_sctp_connect(w->a.sctp), 0);
	ck_assert_int_eq(sluice_sctp_connect(w->b.sctp), 0);
	world_run(w, 3 * TRIP);
	ck_assert_uint_eq(a.opened - start, TRIP);
	ck_assert_uint_eq(b.opened - start, TRIP);
	ck_assert_uint_eq(a.message - start, TRIP + KIT_DELAY);
	ck_assert_uint_eq(b.message - start, TRIP + KIT_DELAY);
	ck_assert_uint_eq(w->a.connected, 1);
	ck_assert_uint_eq(w->b.connected, 1);
	ck_assert_int_eq(sluice_sctp_state(w->a.sctp), SLUICE_SCTP_ESTABLISHED);
	ck_assert_int_eq(sluice_sctp_state(w->b.sctp), SLUICE_SCTP_ESTABLISHED);
	world_free(w);
}
END_TEST

/* RFC 9260, 5.1, C: "until the COOKIE ACK chunk is returned, the sender MUST NOT send any other packets to the peer." */
START_TEST(test_only_what_fits_behind_the_cookie_echo_goes_before_the_cookie_ack) {
	struct world *w = world_new(NULL);
	struct times a = {0};
	open_noting(&w->a, &a, "x");
	ck_assert_int_eq(sluice_sctp_connect(w->a.sctp), 0);
	world_run(w, TRIP);
	sluice_sctp_stats before, after;
	sluice_sctp_stats_get(w->a.sctp, &before);
	ck_assert_uint_eq(before.packets_sent, 2);
	ck_assert_uint_eq(before.data_chunks_sent, 2); /* OPEN and the first message */
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(sluice_channel_send_text(end_app(&w->a, "x")->ch, "later", 5), 0);
	world_run(w, TRIP - SLUICE_MS);
	sluice_sctp_stats_get(w->a.sctp, &after);
	ck_assert_uint_eq(after.packets_sent, 2);
	world_run(w, TRIP);
	ck_assert_uint_eq(end_app(&w->b, "x")->got_count, 11);
	world_free(w);
}
END_TEST

/* ---- the handshake does not go on ---------------------------------------------------------------------------------- */

START_TEST(test_what_rode_on_a_lost_cookie_echo_rides_on_the_next) {
	struct world *w = world_new(NULL);
	struct times a = {0}, b = {0};
	open_noting(&w->a, &a, "x");
	w->b.on_channel = note_channel;
	w->b.ctx = &b;
	struct drop_chunk rule = {.type = WIRE_COOKIE_ECHO, .count = 1};
	link_filter(w->ab, drop_chunk, &rule);
	uint64_t start = w->sim.now;
	ck_assert_int_eq(sluice_sctp_connect(w->a.sctp), 0);
	world_run(w, 2 * SLUICE_S);
	ck_assert_uint_eq(rule.dropped, 1);
	ck_assert_uint_eq(a.opened - start, TRIP);
	ck_assert_uint_eq(b.message - start, TRIP + 500 * SLUICE_MS + KIT_DELAY); /* RTO.Initial */
	ck_assert_uint_eq(end_app(&w->b, "x")->got_count, 1);
	ck_assert_uint_eq(w->a.connected, 1);
	ck_assert_journal(&w->b, "connected channel:x open:x message:x:5");
	world_free(w);
}
END_TEST

START_TEST(test_a_lost_cookie_ack_loses_and_repeats_nothing) {
	struct world *w = world_new(NULL);
	struct times a = {0}, b = {0};
	open_noting(&w->a, &a, "x");
	open_noting(&w->b, &b, "y");
	struct drop_chunk rule = {.type = WIRE_COOKIE_ACK, .count = 1};
	link_filter(w->ba, drop_chunk, &rule);
	ck_assert_int_eq(sluice_sctp_connect(w->a.sctp), 0);
	world_run(w, 5 * SLUICE_S);
	ck_assert_uint_eq(rule.dropped, 1);
	ck_assert_uint_eq(end_app(&w->b, "x")->got_count, 1);
	ck_assert_uint_eq(end_app(&w->a, "y")->got_count, 1);
	ck_assert_uint_eq(w->a.connected, 1);
	ck_assert_uint_eq(w->b.connected, 1);
	ck_assert_int_eq(sluice_sctp_state(w->a.sctp), SLUICE_SCTP_ESTABLISHED);
	world_free(w);
}
END_TEST

START_TEST(test_who_gets_no_cookie_ack_at_all_loses_its_channels_with_an_error) {
	struct world *w = world_new(NULL);
	struct times a = {0};
	struct app *app = open_noting(&w->a, &a, "x");
	struct drop_chunk rule = {.type = WIRE_COOKIE_ECHO};
	link_filter(w->ab, drop_chunk, &rule);
	ck_assert_int_eq(sluice_sctp_connect(w->a.sctp), 0);
	ck_assert(world_until(w, w->a.ended));
	ck_assert_int_eq(w->a.end_error, SLUICE_TIMED_OUT);
	ck_assert_uint_eq(app->closes, 1);
	ck_assert_int_eq(app->error, SLUICE_TIMED_OUT);
	ck_assert_uint_eq(app->lost, 1);
	ck_assert_journal(&w->a, "connected open:x closed:x:TIMED_OUT:1 ended:TIMED_OUT");
	world_free(w);
}
END_TEST

/* The other side's cookies are dead on arrival, so that it sends Stale Cookie errors, until the Preservative lengthens them. */
START_TEST(test_a_stale_cookie_starts_the_handshake_again_under_open_channels) {
	struct world_config c;
	world_config_init(&c);
	c.b_sctp.cookie_lifetime = 10 * SLUICE_MS; /* less than the trip between INIT-ACK and COOKIE-ECHO */
	struct world *w = world_new(&c);
	struct times a = {0}, b = {0};
	open_noting(&w->a, &a, "x");
	open_noting(&w->b, &b, "y");
	uint64_t start = w->sim.now;
	ck_assert_int_eq(sluice_sctp_connect(w->a.sctp), 0);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(a.opened - start, TRIP);
	ck_assert_int_eq(sluice_sctp_state(w->a.sctp), SLUICE_SCTP_ESTABLISHED);
	ck_assert_uint_eq(b.message - start, 2 * TRIP + TRIP + KIT_DELAY);
	ck_assert_uint_eq(w->a.connected, 1);
	ck_assert_uint_eq(end_app(&w->b, "x")->got_count, 1);
	ck_assert_uint_eq(end_app(&w->a, "y")->got_count, 1);
	ck_assert_uint_eq(w->a.ended + w->b.ended, 0);
	world_free(w);
}
END_TEST

static void close_it(struct app *app) {
	note_open(app);
	sluice_channel_close(app->ch);
}

START_TEST(test_a_channel_that_closes_as_it_opens_delivers_and_is_reset_once_established) {
	for (int stale = 0; stale < 2; stale++) {
		struct world_config c;
		world_config_init(&c);
		if (stale)
			c.b_sctp.cookie_lifetime = 10 * SLUICE_MS;
		struct world *w = world_new(&c);
		struct times a = {0}, b = {0};
		struct app *app = open_noting(&w->a, &a, "x");
		app->on_open = close_it;
		w->b.on_channel = note_channel;
		w->b.ctx = &b;
		ck_assert_int_eq(sluice_sctp_connect(w->a.sctp), 0);
		world_run(w, SLUICE_S);
		ck_assert_journal(&w->b, "connected channel:x open:x message:x:5 closed:x:0:0");
		ck_assert_uint_eq(app->closes, 1);
		ck_assert_int_eq(app->error, 0);
		world_free(w);
	}
}
END_TEST

START_TEST(test_a_shutdown_before_the_cookie_ack_still_delivers_what_was_sent) {
	struct world *w = world_new(NULL);
	struct times a = {0}, b = {0};
	open_noting(&w->a, &a, "x");
	w->b.on_channel = note_channel;
	w->b.ctx = &b;
	ck_assert_int_eq(sluice_sctp_connect(w->a.sctp), 0);
	world_run(w, TRIP);
	ck_assert_int_eq(sluice_sctp_state(w->a.sctp), SLUICE_SCTP_COOKIE_ECHOED);
	ck_assert_int_eq(sluice_sctp_shutdown(w->a.sctp), 0);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(end_app(&w->b, "x")->got_count, 1);
	ck_assert_uint_eq(w->a.ended, 1);
	ck_assert_int_eq(w->a.end_error, 0);
	ck_assert_uint_eq(w->b.ended, 1);
	ck_assert_int_eq(w->b.end_error, 0);
	world_free(w);
}
END_TEST

START_TEST(test_an_abort_before_the_cookie_ack_ends_both_sides) {
	struct world *w = world_new(NULL);
	struct times a = {0};
	struct app *app = open_noting(&w->a, &a, "x");
	ck_assert_int_eq(sluice_sctp_connect(w->a.sctp), 0);
	world_run(w, TRIP);
	sluice_sctp_abort(w->a.sctp, "enough");
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(app->closes, 1);
	ck_assert_uint_eq(w->a.ended, 1);
	ck_assert_uint_eq(w->b.ended, 1);
	ck_assert_int_eq(sluice_sctp_state(w->b.sctp), SLUICE_SCTP_CLOSED);
	world_free(w);
}
END_TEST

START_TEST(test_every_loss_of_the_first_packets_is_repaired_and_every_message_comes_once) {
	for (unsigned mask = 0; mask < 256; mask++) {
		struct world_config c;
		world_config_init(&c);
		c.seed = mask + 1;
		c.link.loss = 0.15 + 0.05 * (mask % 4);
		c.link.duplicate = mask & 8 ? 0.3 : 0;
		struct world *w = world_new(&c);
		struct times a = {0}, b = {0};
		open_noting(&w->a, &a, "x");
		open_noting(&w->b, &b, "y");
		ck_assert_int_eq(sluice_sctp_connect(w->a.sctp), 0);
		if (mask & 16)
			world_run(w, (mask >> 5) * SLUICE_MS * 5);
		if (mask & 1)
			sluice_sctp_connect(w->b.sctp); /* or it is up already */
		ck_assert(world_until(w, end_app(&w->b, "x") && end_app(&w->b, "x")->got_count && end_app(&w->a, "y") &&
		                                 end_app(&w->a, "y")->got_count));
		world_run(w, 10 * SLUICE_S);
		ck_assert_uint_eq(end_app(&w->b, "x")->got_count, 1);
		ck_assert_uint_eq(end_app(&w->a, "y")->got_count, 1);
		ck_assert_uint_eq(w->a.connected, 1);
		ck_assert_uint_eq(w->b.connected, 1);
		ck_assert_uint_eq(w->a.ended + w->b.ended, 0);
		world_free(w);
	}
}
END_TEST

SUITE("early open", test_one_side_connects_opens_after_one_trip_and_is_heard_after_one_and_a_half,
      test_both_connect_open_after_one_trip_and_are_heard_after_one_and_a_half,
      test_only_what_fits_behind_the_cookie_echo_goes_before_the_cookie_ack,
      test_what_rode_on_a_lost_cookie_echo_rides_on_the_next, test_a_lost_cookie_ack_loses_and_repeats_nothing,
      test_who_gets_no_cookie_ack_at_all_loses_its_channels_with_an_error,
      test_a_stale_cookie_starts_the_handshake_again_under_open_channels,
      test_a_channel_that_closes_as_it_opens_delivers_and_is_reset_once_established,
      test_a_shutdown_before_the_cookie_ack_still_delivers_what_was_sent, test_an_abort_before_the_cookie_ack_ends_both_sides,
      test_every_loss_of_the_first_packets_is_repaired_and_every_message_comes_once)
