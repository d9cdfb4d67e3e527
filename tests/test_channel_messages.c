/* What do data channels carry, whole and once, and who waits when it is too much? */
#include "channel_kit.h"

/* ---- messages ------------------------------------------------------------------------------------------------------ */

START_TEST(test_empty_messages_are_one_zero_byte_on_the_wire) {
	struct world_config c;
	world_config_init(&c);
	c.b_raw = true;
	struct world *w = world_up(&c);
	struct app *a = end_open_label(&w->a, "x");
	world_run(w, SLUICE_S);
	ck_assert_int_eq(sluice_channel_send(a->ch, NULL, 0), 0);
	ck_assert_int_eq(sluice_channel_send_text(a->ch, "", 0), 0);
	ck_assert_uint_eq(sluice_channel_buffered_amount(a->ch), 0);
	world_run(w, SLUICE_S);
	const struct got *got = w->b.apps[0].got;
	ck_assert_uint_eq(w->b.apps[0].got_count, 3);
	ck_assert_uint_eq(got[1].ppid, 57);
	ck_assert_uint_eq(got[1].len, 1);
	ck_assert_int_eq(got[1].data[0], 0);
	ck_assert_uint_eq(got[2].ppid, 56);
	ck_assert_uint_eq(got[2].len, 1);
	ck_assert_int_eq(got[2].data[0], 0);
	world_free(w);
}
END_TEST

static void count_release(void *ctx) {
	++*(unsigned *)ctx;
}

START_TEST(test_empty_messages_arrive_empty_and_in_order) {
	struct world *w = world_up(NULL);
	struct app *a = end_open_label(&w->a, "x");
	world_run(w, SLUICE_S);
	unsigned released = 0;
	struct iovec nothing = {NULL, 0};
	ck_assert_int_eq(sluice_channel_send_text(a->ch, "1", 1), 0);
	ck_assert_int_eq(sluice_channel_send_text(a->ch, "", 0), 0);
	ck_assert_int_eq(sluice_channel_sendv(a->ch, false, &nothing, 1, count_release, &released), 0);
	ck_assert_int_eq(sluice_channel_sendv(a->ch, true, NULL, 0, count_release, &released), 0);
	ck_assert_int_eq(sluice_channel_send(a->ch, "2", 1), 0);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(released, 2);
	static const struct {
		size_t len;
		bool text;
	} want[] = {{1, true}, {0, true}, {0, false}, {0, true}, {1, false}};
	struct app *b = end_app(&w->b, "x");
	ck_assert_uint_eq(b->got_count, 5);
	for (size_t i = 0; i < 5; i++) {
		ck_assert_uint_eq(b->got[i].len, want[i].len);
		ck_assert_int_eq(b->got[i].text, want[i].text);
	}
	sluice_channel_stats stats;
	sluice_channel_stats_get(b->ch, &stats);
	ck_assert_uint_eq(stats.messages_received, 5);
	ck_assert_uint_eq(stats.bytes_received, 2);
	sluice_channel_stats_get(a->ch, &stats);
	ck_assert_uint_eq(stats.messages_sent, 5);
	ck_assert_uint_eq(stats.bytes_sent, 2);
	ck_assert_uint_eq(stats.messages_lost, 0);
	world_free(w);
}
END_TEST

/* Whatever the peer wrote into them: RFC 8831, 6.6. */
START_TEST(test_empty_messages_take_nothing_from_the_window_once_they_are_released) {
	static const uint8_t bytes[1000];
	struct world_config c;
	world_config_init(&c);
	c.b_raw = true;
	struct world *w = world_up(&c);
	end_raw_open(&w->b, 1, "x");
	world_run(w, SLUICE_S);
	sluice_sctp_stats before, after;
	sluice_sctp_stats_get(w->a.sctp, &before);
	for (int i = 0; i < 100; i++)
		end_raw_send(&w->b, 1, i % 2 ? DCEP_PPID_STRING_EMPTY : DCEP_PPID_BINARY_EMPTY, bytes, sizeof bytes);
	world_run(w, SLUICE_S);
	struct app *a = end_app(&w->a, "x");
	ck_assert_uint_eq(a->got_count, 100);
	ck_assert_uint_eq(a->got_bytes, 0);
	sluice_sctp_stats_get(w->a.sctp, &after);
	ck_assert_uint_eq(after.local_window, before.local_window);
	world_free(w);
}
END_TEST

START_TEST(test_messages_of_every_size_up_to_the_peers_limit_arrive_whole) {
	static const size_t sizes[] = {4, 5, 1100, 1150, 1159, 1160, 1161, 1162, 1188, 2320, 2321, 16384, 65535, 65536};
	struct world *w = world_up(NULL);
	struct app *a = end_open_label(&w->a, "x");
	world_run(w, SLUICE_S);
	uint32_t count = sizeof sizes / sizeof *sizes;
	for (uint32_t i = 0; i < count; i++)
		ck_assert_int_eq(app_send_number(a, i, sizes[i]), 0);
	ck_assert_int_eq(app_send_number(a, 0, 65537), SLUICE_TOO_LARGE);
	world_run(w, 10 * SLUICE_S);
	struct app *b = end_app(&w->b, "x");
	ck_assert_uint_eq(b->got_count, count);
	for (uint32_t i = 0; i < count; i++) {
		ck_assert_uint_eq(b->got[i].len, sizes[i]);
		ck_assert_uint_eq(got_number(&b->got[i]), i);
	}
	world_free(w);
}
END_TEST

START_TEST(test_the_peers_limit_may_be_set_and_lifted) {
	struct world *w = world_up(NULL);
	struct app *a = end_open_label(&w->a, "x");
	world_run(w, SLUICE_S);
	sluice_channels_set_max_message_size(w->a.set, 10);
	struct iovec halves[] = {{"0123", 4}, {"456789-", 7}};
	ck_assert_int_eq(sluice_channel_send(a->ch, "0123456789", 10), 0);
	ck_assert_int_eq(sluice_channel_send(a->ch, "0123456789-", 11), SLUICE_TOO_LARGE);
	ck_assert_int_eq(sluice_channel_sendv(a->ch, true, halves, 2, NULL, NULL), SLUICE_TOO_LARGE);
	sluice_channels_set_max_message_size(w->a.set, UINT64_MAX);
	ck_assert_int_eq(app_send_number(a, 1, 200000), 0);
	sluice_channels_set_max_message_size(w->a.set, 0);
	ck_assert_uint_eq(sluice_channel_max_message_size(a->ch), 65536);
	world_run(w, 10 * SLUICE_S);
	ck_assert_uint_eq(end_app(&w->b, "x")->got_count, 2);
	world_free(w);
}
END_TEST

START_TEST(test_lent_bytes_are_released_once_when_they_are_acknowledged) {
	struct world *w = world_up(NULL);
	struct app *a = end_open_label(&w->a, "x");
	world_run(w, SLUICE_S);
	unsigned released = 0;
	struct iovec parts[] = {{"one ", 4}, {"two ", 4}, {"three", 5}};
	ck_assert_int_eq(sluice_channel_sendv(a->ch, true, parts, 3, count_release, &released), 0);
	ck_assert_uint_eq(sluice_channel_buffered_amount(a->ch), 13);
	ck_assert_uint_eq(released, 0);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(released, 1);
	ck_assert_uint_eq(sluice_channel_buffered_amount(a->ch), 0);
	ck_assert_str_eq(end_app(&w->b, "x")->got[0].data, "one two three");
	world_free(w);
}
END_TEST

START_TEST(test_deprecated_partial_messages_are_taken_whole_and_unknown_ones_dropped) {
	struct world_config c;
	world_config_init(&c);
	c.b_raw = true;
	struct world *w = world_up(&c);
	end_raw_open(&w->b, 1, "x");
	world_run(w, SLUICE_S);
	static const uint32_t ppids[] = {51, 52, 53, 54, 55, 0, 58, 56, 57};
	for (size_t i = 0; i < sizeof ppids / sizeof *ppids; i++)
		end_raw_send(&w->b, 1, ppids[i], "abc", 3);
	world_run(w, SLUICE_S);
	static const struct {
		uint32_t ppid;
		size_t len;
		bool text;
	} want[] = {{51, 3, true}, {52, 3, false}, {53, 3, false}, {54, 3, true}, {56, 0, true}, {57, 0, false}};
	struct app *a = end_app(&w->a, "x");
	ck_assert_uint_eq(a->got_count, 6);
	for (size_t i = 0; i < 6; i++) {
		ck_assert_uint_eq(a->got[i].ppid, want[i].ppid);
		ck_assert_uint_eq(a->got[i].len, want[i].len);
		ck_assert_int_eq(a->got[i].text, want[i].text);
	}
	ck_assert_uint_eq(end_counters(&w->a)->unknown_ppid, 3);
	world_free(w);
}
END_TEST

START_TEST(test_a_message_may_be_sent_piece_by_piece_up_to_the_peers_limit) {
	struct world_config c;
	world_config_init(&c);
	struct world *w = world_up(&c);
	struct app *mine = end_open(&w->a, &(sluice_channel_config){.label = "pieces"});
	world_run(w, SLUICE_S);
	sluice_channels_set_max_message_size(w->a.set, 1000);
	ck_assert_int_eq(sluice_channel_send_part(mine->ch, "x", 1), SLUICE_WRONG_STATE);
	ck_assert_int_eq(sluice_channel_send_begin(mine->ch, true), 0);
	ck_assert_int_eq(sluice_channel_send(mine->ch, "x", 1), SLUICE_WRONG_STATE);
	static const char part[600];
	ck_assert_int_eq(sluice_channel_send_part(mine->ch, part, 600), 0);
	ck_assert_int_eq(sluice_channel_send_part(mine->ch, part, 401), SLUICE_TOO_LARGE);
	world_run(w, SLUICE_S);
	struct app *theirs = end_app(&w->b, "pieces");
	ck_assert_uint_eq(theirs->got_count, 0);
	ck_assert_int_eq(sluice_channel_send_part(mine->ch, part, 400), 0);
	ck_assert_int_eq(sluice_channel_send_end(mine->ch), 0);
	/* One without a piece is an empty message; one that is cancelled is none. */
	ck_assert_int_eq(sluice_channel_send_begin(mine->ch, false), 0);
	ck_assert_int_eq(sluice_channel_send_end(mine->ch), 0);
	ck_assert_int_eq(sluice_channel_send_begin(mine->ch, false), 0);
	ck_assert_int_eq(sluice_channel_send_part(mine->ch, part, 400), 0);
	ck_assert_int_eq(sluice_channel_send_cancel(mine->ch), 0);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(theirs->got_count, 2);
	ck_assert(theirs->got[0].text && theirs->got[0].len == 1000);
	ck_assert(!theirs->got[1].text && theirs->got[1].len == 0);
	/* Open at the close: given up. */
	ck_assert_int_eq(sluice_channel_send_begin(mine->ch, false), 0);
	ck_assert_int_eq(sluice_channel_send_part(mine->ch, part, 400), 0);
	sluice_channel_close(mine->ch);
	world_run(w, 2 * SLUICE_S);
	ck_assert_uint_eq(mine->closes, 1);
	ck_assert_uint_eq(theirs->got_count, 2);
	world_free(w);
}
END_TEST

/* Their sum is 0, as an empty message's. */
START_TEST(test_slices_longer_than_a_size_can_say_are_refused) {
	struct world *w = world_up(NULL);
	struct app *a = end_open_label(&w->a, "x");
	world_run(w, SLUICE_S);
	unsigned released = 0;
	static uint8_t byte;
	const struct iovec slices[] = {{&byte, SIZE_MAX}, {&byte, 1}};
	ck_assert_int_eq(sluice_channel_sendv(a->ch, false, slices, 2, count_release, &released), SLUICE_INVALID);
	ck_assert_int_eq(sluice_sctp_sendv(w->a.sctp, &(sluice_send_info){0}, slices, 2, count_release, &released),
	                 SLUICE_INVALID);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(released, 0);
	ck_assert_uint_eq(end_app(&w->b, "x")->got_count, 0);
	world_free(w);
}
END_TEST

START_TEST(test_an_end_without_a_piece_that_would_block_may_be_tried_again) {
	struct world *w = world_up(NULL);
	struct app *mine = end_open(&w->a, &(sluice_channel_config){.label = "pieces", .high_water = 400});
	world_run(w, SLUICE_S);
	static const char full[400];
	ck_assert_int_eq(sluice_channel_send(mine->ch, full, sizeof full), 0);
	ck_assert_int_eq(sluice_channel_send_begin(mine->ch, true), 0);
	ck_assert_int_eq(sluice_channel_send_end(mine->ch), SLUICE_WOULD_BLOCK);
	ck_assert_int_eq(sluice_channel_send(mine->ch, full, 1), SLUICE_WRONG_STATE); /* it is still open */
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(mine->writables, 1);
	ck_assert_int_eq(sluice_channel_send_end(mine->ch), 0);
	world_run(w, SLUICE_S);
	struct app *theirs = end_app(&w->b, "pieces");
	ck_assert_uint_eq(theirs->got_count, 2);
	ck_assert(theirs->got[1].text && theirs->got[1].len == 0);
	world_free(w);
}
END_TEST

/* ---- how much is buffered ------------------------------------------------------------------------------------------ */

START_TEST(test_the_buffered_amount_counts_the_apps_bytes_and_nothing_else) {
	struct world *w = world_up(NULL);
	struct app *a = end_open_label(&w->a, "label");
	ck_assert_uint_eq(sluice_sctp_buffered(w->a.sctp, 0), 17);
	ck_assert_uint_eq(sluice_channel_buffered_amount(a->ch), 0);
	while (a->opens == 0)
		sluice_channels_dispatch(w->a.set);
	ck_assert_int_eq(sluice_channel_send(a->ch, "abc", 3), 0);
	ck_assert_int_eq(sluice_channel_send(a->ch, "", 0), 0);
	ck_assert_int_eq(sluice_channel_send(a->ch, "defg", 4), 0);
	ck_assert_uint_eq(sluice_channel_buffered_amount(a->ch), 7);
	world_run(w, 3 * KIT_DELAY / 2); /* under way, but not acknowledged */
	ck_assert_uint_eq(sluice_channel_buffered_amount(a->ch), 7);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(sluice_channel_buffered_amount(a->ch), 0);
	ck_assert_uint_eq(sluice_channel_buffered_amount(end_app(&w->b, "label")->ch), 0);
	world_free(w);
}
END_TEST

START_TEST(test_a_full_channel_blocks_and_says_when_it_is_writable_again) {
	struct world *w = world_up(NULL);
	sluice_channel_config config = {.label = "x", .high_water = 10000};
	struct app *a = end_open(&w->a, &config);
	world_run(w, SLUICE_S);
	uint32_t sent = 0;
	for (int round = 0; round < 5; round++) {
		unsigned before = a->writables;
		while (app_send_number(a, sent, 3000) == 0)
			sent++;
		ck_assert_uint_eq(sluice_channel_buffered_amount(a->ch), 9000);
		ck_assert_uint_eq(a->writables, before);
		ck_assert(world_until(w, a->writables > before));
		ck_assert_uint_lt(sluice_channel_buffered_amount(a->ch), 10000);
		world_run(w, SLUICE_S);
		ck_assert_uint_eq(a->writables, before + 1);
	}
	ck_assert_uint_eq(end_app(&w->b, "x")->got_count, sent);
	world_free(w);
}
END_TEST

static void send_large(struct app *app) {
	ck_assert_int_eq(app_send_number(app, 1, 5000), 0);
	ck_assert_int_eq(app_send_number(app, 2, 5000), SLUICE_WOULD_BLOCK);
}

static void send_one(struct app *app) {
	ck_assert_int_eq(app_send_number(app, 1, 5000), 0);
}

START_TEST(test_a_message_on_an_empty_channel_is_always_taken_although_its_open_is_under_way) {
	struct world *w = world_up(NULL);
	sluice_channel_config config = {.label = "x", .high_water = 100};
	struct app *a = end_open(&w->a, &config), *quiet = end_open(&w->a, &config);
	a->on_open = send_large;
	quiet->on_open = send_one;
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(quiet->writables, 0); /* none of its sends would have blocked */
	ck_assert_uint_eq(a->writables, 1);
	ck_assert_uint_eq(end_app(&w->b, "x")->got_count, 1);
	/* The mark is where it was. */
	ck_assert_int_eq(app_send_number(a, 3, 60), 0);
	ck_assert_int_eq(app_send_number(a, 4, 60), SLUICE_WOULD_BLOCK);
	sluice_channel_set_high_water(a->ch, 120);
	ck_assert_int_eq(app_send_number(a, 4, 60), 0);
	ck_assert_int_eq(app_send_number(a, 5, 60), SLUICE_WOULD_BLOCK);
	sluice_channel_set_high_water(a->ch, 0); /* the association's */
	ck_assert_int_eq(app_send_number(a, 5, 60), 0);
	world_free(w);
}
END_TEST

static void note_amount(struct app *app) {
	*(uint64_t *)app->ctx = sluice_channel_buffered_amount(app->ch);
}

START_TEST(test_on_buffered_low_comes_when_the_amount_falls_to_the_threshold) {
	struct world *w = world_up(NULL);
	sluice_channel_config config = {.label = "x", .buffered_low = 4000};
	struct app *a = end_open(&w->a, &config);
	uint64_t amount = 0;
	a->on_low = note_amount;
	a->ctx = &amount;
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(a->lows, 0); /* not for the OPEN */
	ck_assert_int_eq(app_send_number(a, 0, 4000), 0);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(a->lows, 0); /* never above it */
	for (uint32_t i = 1; i <= 5; i++)
		ck_assert_int_eq(app_send_number(a, i, 3000), 0);
	ck_assert(world_until(w, a->lows == 1));
	ck_assert_uint_le(amount, 4000);
	ck_assert_uint_gt(amount, 0);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(a->lows, 1);
	sluice_channel_set_buffered_low(a->ch, 0);
	ck_assert_int_eq(sluice_channel_send(a->ch, "", 0), 0);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(a->lows, 1); /* an empty message is no byte */
	ck_assert_int_eq(sluice_channel_send(a->ch, "x", 1), 0);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(a->lows, 2);
	world_free(w);
}
END_TEST

START_TEST(test_the_default_threshold_is_zero_and_the_open_does_not_trip_it) {
	struct world *w = world_up(NULL);
	struct app *a = end_open_label(&w->a, "x");
	world_run(w, SLUICE_S);
	ck_assert_journal(&w->a, "connected open:x");
	ck_assert_int_eq(sluice_channel_send(a->ch, "x", 1), 0);
	world_run(w, SLUICE_S);
	ck_assert_journal(&w->a, "connected open:x low:x");
	world_free(w);
}
END_TEST

/* ---- pausing ------------------------------------------------------------------------------------------------------- */

START_TEST(test_a_paused_channel_makes_the_sender_wait_and_loses_nothing) {
	struct world_config c;
	world_config_init(&c);
	c.b_sctp.receive_window = 400000;
	c.a_sctp.high_water = UINT64_C(16) << 20;
	struct world *w = world_up(&c);
	struct app *a = end_open_label(&w->a, "x");
	world_run(w, SLUICE_S);
	struct app *b = end_app(&w->b, "x");
	sluice_sctp_stats stats;
	sluice_sctp_stats_get(w->b.sctp, &stats);
	uint64_t window = stats.local_window;
	sluice_channel_pause(b->ch);
	for (uint32_t i = 0; i < 200; i++)
		ck_assert_int_eq(app_send_number(a, i, 10000), 0);
	world_run(w, 60 * SLUICE_S);
	ck_assert_uint_eq(b->got_count, 0);
	/* The window is closed, and the sender has the rest; probes may fill it up to twice what was promised, and no more. */
	sluice_sctp_stats_get(w->b.sctp, &stats);
	ck_assert_uint_eq(stats.local_window, 0);
	world_run(w, 300 * SLUICE_S);
	ck_assert_uint_ge(sluice_channel_buffered_amount(a->ch), 2000000 - 2 * window);
	sluice_channel_resume(b->ch);
	ck_assert_uint_eq(b->got_count, 0); /* not within resume */
	ck_assert(world_until(w, b->got_count == 200));
	for (uint32_t i = 0; i < 200; i++)
		ck_assert_uint_eq(got_number(&b->got[i]), i);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(sluice_channel_buffered_amount(a->ch), 0);
	world_free(w);
}
END_TEST

static void pause_again(struct app *app, sluice_message *m) {
	(void)m;
	if (app->got_count % 3 == 0)
		sluice_channel_pause(app->ch);
}

START_TEST(test_a_channel_may_be_paused_again_while_it_delivers_what_was_held) {
	struct world *w = world_up(NULL);
	struct app *a = end_open_label(&w->a, "x"), *other = end_open_label(&w->a, "y");
	world_run(w, SLUICE_S);
	struct app *b = end_app(&w->b, "x");
	b->on_message = pause_again;
	uint32_t sent = 0;
	while (sent < 10)
		ck_assert_int_eq(app_send_number(a, sent++, 100), 0);
	ck_assert_int_eq(app_send_number(other, 0, 100), 0);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(end_app(&w->b, "y")->got_count, 1); /* the other channel goes on */
	for (size_t n = 3; n < 30; n += 3) {
		ck_assert_uint_eq(b->got_count, n);
		sluice_channel_resume(b->ch);
		world_run(w, SLUICE_S);
		while (sent < 30) /* behind what is held still */
			ck_assert_int_eq(app_send_number(a, sent++, 100), 0);
		world_run(w, SLUICE_S);
	}
	for (uint32_t i = 0; i < 30; i++)
		ck_assert_uint_eq(got_number(&b->got[i]), i);
	world_free(w);
}
END_TEST

static sluice_message *kept[100];
static size_t kept_count;

static void keep(struct app *app, sluice_message *m) {
	(void)app;
	sluice_message_retain(m);
	kept[kept_count++] = m;
}

START_TEST(test_a_retained_message_outlives_its_channel_and_association) {
	kept_count = 0;
	struct world *w = world_up(NULL);
	struct app *a = end_open_label(&w->a, "x");
	world_run(w, SLUICE_S);
	end_app(&w->b, "x")->on_message = keep;
	for (uint32_t i = 0; i < 10; i++)
		ck_assert_int_eq(app_send_number(a, i, i * 1000 + 4), 0);
	ck_assert_int_eq(sluice_channel_send(a->ch, "", 0), 0);
	world_run(w, SLUICE_S);
	end_free_set(&w->b);
	end_free_sctp(&w->b);
	ck_assert_uint_eq(kept_count, 11);
	for (uint32_t i = 0; i < 11; i++) {
		ck_assert_uint_eq(kept[i]->len, i < 10 ? i * 1000 + 4 : 0);
		if (i < 10)
			ck_assert_uint_eq(get_be32(sluice_message_data(kept[i])), i);
		sluice_message_release(kept[i]);
	}
	world_free(w);
}
END_TEST

/* ---- shares ---- */

static void fill(struct app *app) {
	static const char zeros[1000];
	while (sluice_channel_send(app->ch, zeros, sizeof zeros) == 0)
		;
}

/* Bytes of two channels that arrive within five seconds, the second's in per cent of the first's. */
static unsigned second_in_percent(struct world *w) {
	size_t before[2], since[2];
	for (unsigned i = 0; i < 2; i++)
		before[i] = w->b.apps[i].got_bytes;
	world_run(w, 5 * SLUICE_S);
	for (unsigned i = 0; i < 2; i++)
		since[i] = w->b.apps[i].got_bytes - before[i];
	ck_assert_uint_gt(since[0], 0);
	return (unsigned)(100 * since[1] / since[0]);
}

START_TEST(test_a_priority_that_is_set_later_changes_the_share_of_a_channel) {
	struct world_config c;
	world_config_init(&c);
	c.link.rate = 4000000;
	c.link.queue = 20000;
	struct world *w = world_up(&c);
	struct app *a[2];
	for (unsigned i = 0; i < 2; i++) {
		sluice_channel_config config = {.label = i ? "second" : "first", .high_water = 300000};
		a[i] = end_open(&w->a, &config);
		a[i]->on_open = a[i]->on_writable = fill;
	}
	ck_assert_int_eq(sluice_channel_set_priority(a[1]->ch, SLUICE_PRIORITY_EXTRA_HIGH), 0); /* while it is being opened */
	world_run(w, 2 * SLUICE_S);
	for (unsigned i = 0; i < 2; i++)
		w->b.apps[i].forget = true;
	unsigned percent = second_in_percent(w);
	ck_assert_msg(percent >= 380 && percent <= 420, "%u", percent);

	ck_assert_int_eq(sluice_channel_set_priority(a[1]->ch, SLUICE_PRIORITY_BELOW_NORMAL), 0);
	ck_assert_uint_eq(sluice_channel_priority(a[1]->ch), SLUICE_PRIORITY_BELOW_NORMAL);
	world_run(w, SLUICE_S);
	percent = second_in_percent(w);
	ck_assert_msg(percent >= 45 && percent <= 55, "%u", percent);

	ck_assert_int_eq(sluice_channel_set_priority(a[1]->ch, 0), 0);
	ck_assert_uint_eq(sluice_channel_priority(a[1]->ch), SLUICE_PRIORITY_NORMAL);
	world_run(w, SLUICE_S);
	percent = second_in_percent(w);
	ck_assert_msg(percent >= 95 && percent <= 105, "%u", percent);
	world_free(w);
}
END_TEST

SUITE("channel messages", test_empty_messages_are_one_zero_byte_on_the_wire, test_empty_messages_arrive_empty_and_in_order,
      test_empty_messages_take_nothing_from_the_window_once_they_are_released,
      test_messages_of_every_size_up_to_the_peers_limit_arrive_whole, test_the_peers_limit_may_be_set_and_lifted,
      test_lent_bytes_are_released_once_when_they_are_acknowledged,
      test_deprecated_partial_messages_are_taken_whole_and_unknown_ones_dropped,
      test_a_message_may_be_sent_piece_by_piece_up_to_the_peers_limit,
      test_an_end_without_a_piece_that_would_block_may_be_tried_again, test_slices_longer_than_a_size_can_say_are_refused,
      test_the_buffered_amount_counts_the_apps_bytes_and_nothing_else,
      test_a_full_channel_blocks_and_says_when_it_is_writable_again,
      test_a_message_on_an_empty_channel_is_always_taken_although_its_open_is_under_way,
      test_on_buffered_low_comes_when_the_amount_falls_to_the_threshold,
      test_the_default_threshold_is_zero_and_the_open_does_not_trip_it,
      test_a_paused_channel_makes_the_sender_wait_and_loses_nothing,
      test_a_channel_may_be_paused_again_while_it_delivers_what_was_held,
      test_a_retained_message_outlives_its_channel_and_association,
      test_a_priority_that_is_set_later_changes_the_share_of_a_channel)
