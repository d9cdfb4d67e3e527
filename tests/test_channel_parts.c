/* Channels whose messages come in parts: on_message_part. */
#include "channel_kit.h"

/* What came of the channel's messages, in the end's words. */
struct parts {
	unsigned parts, wholes, ended, cut_off;
	uint64_t bytes, at;
	bool taken, wrong;
};

static void on_part(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	struct parts *p = user;
	(void)ch;
	p->wrong |= text || m->offset != p->at || m->first != (p->at == 0);
	p->parts++;
	p->wholes += m->first && m->last;
	p->ended += m->last && !m->error;
	p->cut_off += m->error != 0;
	p->bytes += m->len;
	p->at = m->last ? 0 : p->at + m->len;
}

static struct parts parts;

static void take_in_parts(struct app *app) {
	sluice_channel_set_callbacks(app->ch, &(sluice_channel_callbacks){.on_message_part = on_part}, &parts);
	parts.taken = true;
}

/* b takes the channels that a opens in parts; the peer's limit is lifted. */
static struct world *world_of_parts(const char *label, struct app **app, bool data) {
	struct world_config c;
	world_config_init(&c);
	c.a_sctp.no_interleaving = data;
	struct world *w = world_new(&c);
	parts = (struct parts){0};
	w->b.on_channel = take_in_parts;
	world_connect(w);
	sluice_channels_set_max_message_size(w->a.set, UINT64_MAX);
	*app = end_open_label(&w->a, label);
	ck_assert(world_until(w, (*app)->opens && parts.taken));
	return w;
}

static uint8_t bytes[3 << 20];

START_TEST(test_a_message_beyond_the_receivers_limit_comes_in_parts) {
	for (int data = 0; data < 2; data++) {
		struct app *app;
		struct world *w = world_of_parts("large", &app, data);
		ck_assert_int_eq(sluice_channel_send(app->ch, bytes, sizeof bytes), 0);
		ck_assert(world_until(w, parts.ended == 1));
		ck_assert_int_eq(sluice_channel_send(app->ch, bytes, 100), 0);
		ck_assert(world_until(w, parts.ended == 2));
		ck_assert(!parts.wrong && parts.cut_off == 0 && parts.wholes == 1);
		ck_assert_uint_eq(parts.bytes, sizeof bytes + 100);
		ck_assert_uint_gt(parts.parts, 20);
		sluice_channel_stats st;
		sluice_channel_stats_get(channels_find(w->b.set, (uint16_t)sluice_channel_id(app->ch)), &st);
		ck_assert(st.messages_received == 2 && st.bytes_received == sizeof bytes + 100);
		world_free(w);
	}
}
END_TEST

START_TEST(test_a_negotiated_channel_takes_parts_from_its_start) {
	struct world *w = world_up(NULL);
	parts = (struct parts){0};
	sluice_channel_config c = {
		.label = "n", .negotiated = true, .id = 4, .callbacks.on_message_part = on_part, .user = &parts};
	ck_assert_int_eq(sluice_channel_open(w->b.set, &c, NULL), 0);
	c.callbacks = (sluice_channel_callbacks){0};
	sluice_channel *ch;
	ck_assert_int_eq(sluice_channel_open(w->a.set, &c, &ch), 0);
	sluice_channels_set_max_message_size(w->a.set, UINT64_MAX);
	world_run(w, 100 * SLUICE_MS);
	ck_assert_int_eq(sluice_channel_send(ch, bytes, 1 << 20), 0);
	ck_assert(world_until(w, parts.ended == 1));
	ck_assert(!parts.wrong && parts.bytes == 1 << 20 && parts.wholes == 0);
	world_free(w);
}
END_TEST

START_TEST(test_other_channels_of_the_same_association_get_whole_messages) {
	struct app *large;
	struct world *w = world_of_parts("large", &large, false);
	w->b.on_channel = NULL;
	struct app *small = end_open_label(&w->a, "small");
	ck_assert(world_until(w, small->opens));
	ck_assert_int_eq(sluice_channel_send(large->ch, bytes, 1 << 20), 0);
	ck_assert_int_eq(sluice_channel_send(small->ch, bytes, 200000), 0);
	ck_assert(world_until(w, parts.ended == 1 && end_app(&w->b, "small")->got_count == 1));
	ck_assert_uint_eq(end_app(&w->b, "small")->got[0].len, 200000);
	world_free(w);
}
END_TEST

START_TEST(test_a_pause_in_the_middle_of_a_message_makes_the_sender_wait) {
	struct app *app;
	struct world *w = world_of_parts("paused", &app, false);
	sluice_channel *there = channels_find(w->b.set, (uint16_t)sluice_channel_id(app->ch));
	sluice_channel_pause(there);
	ck_assert_int_eq(sluice_channel_send(app->ch, bytes, sizeof bytes), 0);
	ck_assert_int_eq(sluice_channel_send(app->ch, bytes, sizeof bytes), SLUICE_WOULD_BLOCK);
	world_run(w, 5 * SLUICE_S);
	ck_assert_uint_eq(parts.parts, 0);
	ck_assert_uint_gt(sluice_channel_buffered_amount(app->ch), 0);
	sluice_channel_resume(there);
	ck_assert(world_until(w, parts.ended == 1));
	ck_assert(!parts.wrong && parts.bytes == sizeof bytes);
	world_free(w);
}
END_TEST

START_TEST(test_the_next_channel_of_the_stream_gets_whole_messages_again) {
	struct app *app;
	struct world *w = world_of_parts("first", &app, false);
	int32_t id = sluice_channel_id(app->ch);
	ck_assert_int_eq(sluice_channel_send(app->ch, bytes, 200000), 0);
	ck_assert(world_until(w, parts.ended == 1));
	sluice_channel_close(app->ch);
	ck_assert(world_until(w, app->closes));
	w->b.on_channel = NULL;
	world_run(w, SLUICE_S);
	struct app *next = end_open_label(&w->a, "second");
	ck_assert(world_until(w, next->opens));
	ck_assert_int_eq(sluice_channel_id(next->ch), id);
	ck_assert_int_eq(sluice_channel_send(next->ch, bytes, 200000), 0);
	ck_assert(world_until(w, end_app(&w->b, "second") && end_app(&w->b, "second")->got_count == 1));
	ck_assert_uint_eq(end_app(&w->b, "second")->got[0].len, 200000);
	ck_assert_uint_eq(parts.ended, 1);
	world_free(w);
}
END_TEST

START_TEST(test_the_end_of_the_association_in_the_middle_of_a_message_is_told) {
	struct app *app;
	struct world *w = world_of_parts("short", &app, false);
	ck_assert_int_eq(sluice_channel_send(app->ch, bytes, sizeof bytes), 0);
	ck_assert(world_until(w, parts.parts > 2));
	sluice_sctp_abort(w->a.sctp, "enough");
	ck_assert(world_until(w, parts.cut_off == 1));
	ck_assert(!parts.wrong && parts.ended == 0);
	world_free(w);
}
END_TEST

SUITE("channel parts", test_a_message_beyond_the_receivers_limit_comes_in_parts,
      test_a_negotiated_channel_takes_parts_from_its_start, test_other_channels_of_the_same_association_get_whole_messages,
      test_a_pause_in_the_middle_of_a_message_makes_the_sender_wait,
      test_the_next_channel_of_the_stream_gets_whole_messages_again,
      test_the_end_of_the_association_in_the_middle_of_a_message_is_told)
