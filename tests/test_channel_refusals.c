/* What a peer may not do with data channels: too many, too large, malformed or on the wrong stream. */
#include "channel_kit.h"

START_TEST(test_beyond_the_limit_the_peers_channels_are_refused_and_the_rest_lives) {
	struct world_config c;
	world_config_init(&c);
	c.b.max_channels = 4;
	struct world *w = world_up(&c);
	struct app *apps[10];
	for (int i = 0; i < 10; i++) {
		char label[2] = {(char)('0' + i), 0};
		apps[i] = end_open_label(&w->a, label);
		apps[i]->on_open = app_send_hello;
	}
	world_run(w, 5 * SLUICE_S);
	ck_assert_uint_eq(w->b.app_count, 4);
	for (int i = 0; i < 10; i++) {
		ck_assert_uint_eq(apps[i]->closes, i >= 4);
		ck_assert_int_eq(apps[i]->error, i < 4 ? 0 : SLUICE_REFUSED);
		ck_assert_uint_eq(apps[i]->lost, i >= 4);
	}
	ck_assert_uint_eq(end_counters(&w->b)->refused, 6);
	ck_assert_uint_eq(w->b.set->silent, 0);
	/* A place that becomes free is taken by the next one, under a refused id. */
	sluice_channel_close(apps[0]->ch);
	world_run(w, SLUICE_S);
	struct app *again = end_open_label(&w->a, "again");
	ck_assert_int_eq(sluice_channel_id(again->ch), 0);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(again->closes, 0);
	ck_assert_ptr_nonnull(end_app(&w->b, "again"));
	world_free(w);
}
END_TEST

START_TEST(test_long_labels_cannot_fill_the_memory) {
	struct world_config c;
	world_config_init(&c);
	c.b.max_channels = 8;
	struct world *w = world_up(&c);
	char *label = malloc(60001);
	memset(label, 'x', 60000);
	label[60000] = 0;
	for (int i = 0; i < 5; i++)
		end_open_label(&w->a, label);
	world_run(w, 10 * SLUICE_S);
	ck_assert_uint_eq(w->b.app_count, 2);
	ck_assert_uint_eq(end_counters(&w->b)->refused, 3);
	free(label);
	world_free(w);
}
END_TEST

START_TEST(test_without_a_listener_every_channel_of_the_peers_is_refused) {
	struct world_config c;
	world_config_init(&c);
	c.b_deaf = true;
	struct world *w = world_up(&c);
	struct app *a = end_open_label(&w->a, "x");
	world_run(w, SLUICE_S);
	ck_assert_journal(&w->a, "connected open:x closed:x:REFUSED:0");
	ck_assert_uint_eq(a->closes, 1);
	struct app *b = end_open_label(&w->b, "y");
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(b->opens, 1);
	ck_assert_uint_eq(b->closes, 0);
	world_free(w);
}
END_TEST

/* A raw peer (the DTLS server, so odd ids) does something that is wrong; the stream must be reset and the rest live. */
static void wrong_open(uint16_t stream, const void *bytes, size_t len, bool counted_malformed) {
	struct world_config c;
	world_config_init(&c);
	c.b_raw = true;
	struct world *w = world_up(&c);
	end_raw_send(&w->b, stream, DCEP_PPID_CONTROL, bytes, len);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(w->a.app_count, 0);
	ck_assert_uint_eq(end_counters(&w->a)->malformed, counted_malformed);
	ck_assert_uint_eq(end_counters(&w->a)->refused, !counted_malformed);
	ck_assert_uint_eq(end_saw(&w->b, SLUICE_SCTP_RESET_IN, stream), 1);
	ck_assert_uint_eq(w->b.apps[0].got_count, 0); /* no ACK */
	ck_assert_uint_eq(w->a.set->silent, 1);
	/* The id is in use until the peer has reset it too. */
	if (stream == 0)
		ck_assert_int_eq(sluice_channel_id(end_open_label(&w->a, "not 0")->ch), 2);
	ck_assert_int_eq(sluice_sctp_reset_stream(w->b.sctp, stream), 0);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(w->a.set->silent, 0);
	ck_assert_uint_eq(end_saw(&w->b, SLUICE_SCTP_RESET_IN, stream), 1); /* and not again */
	if (stream == 0)
		ck_assert_int_eq(sluice_channel_id(end_open_label(&w->a, "0")->ch), 0);
	end_raw_open(&w->b, 7, "good");
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(end_app(&w->a, "good")->opens, 1);
	world_free(w);
}

START_TEST(test_a_malformed_open_is_answered_by_a_reset) {
	wrong_open(1, "\3\0\0\0\0\0\0\0\0\1\0\0", 12, true); /* label beyond the end */
	wrong_open(3, "\3\7\0\0\0\0\0\0\0\0\0\0", 12, true); /* no such channel type */
	wrong_open(0, "\3", 1, true);
	wrong_open(5, "\3\0", 2, true);
}
END_TEST

START_TEST(test_an_open_on_an_id_of_ours_is_answered_by_a_reset) {
	wrong_open(0, "\3\0\0\0\0\0\0\0\0\0\0\0", 12, false);
}
END_TEST

START_TEST(test_an_open_on_a_stream_that_we_cannot_answer_on_is_forgotten) {
	struct world_config c;
	world_config_init(&c);
	c.b_raw = true;
	c.b_sctp.inbound_streams = 4;
	struct world *w = world_up(&c);
	end_raw_open(&w->b, 5, "x");
	end_raw_open(&w->b, 3, "good");
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(end_counters(&w->a)->refused, 1);
	ck_assert_uint_eq(w->a.set->silent, 0);
	ck_assert_journal(&w->a, "connected channel:good open:good");
	world_free(w);
}
END_TEST

START_TEST(test_an_open_on_a_stream_in_use_closes_that_channel_only) {
	struct world_config c;
	world_config_init(&c);
	c.b_raw = true;
	struct world *w = world_up(&c);
	end_raw_open(&w->b, 1, "one");
	end_raw_open(&w->b, 3, "other");
	world_run(w, SLUICE_S);
	struct app *one = end_app(&w->a, "one");
	end_raw_open(&w->b, 1, "two");
	world_run(w, SLUICE_S);
	ck_assert_int_eq(sluice_channel_state(one->ch), SLUICE_CHANNEL_CLOSING);
	ck_assert_uint_eq(end_saw(&w->b, SLUICE_SCTP_RESET_IN, 1), 1);
	ck_assert_int_eq(sluice_sctp_reset_stream(w->b.sctp, 1), 0);
	world_run(w, SLUICE_S);
	ck_assert_int_eq(one->error, SLUICE_PROTOCOL);
	ck_assert_ptr_null(end_app(&w->a, "two"));
	ck_assert_int_eq(sluice_channel_state(end_app(&w->a, "other")->ch), SLUICE_CHANNEL_OPEN);
	ck_assert_int_eq(sluice_sctp_state(w->a.sctp), SLUICE_SCTP_ESTABLISHED);
	world_free(w);
}
END_TEST

static enum link_verdict drop_reconfig(void *ctx, struct sim_link *link, uint8_t *packet, size_t *len, uint64_t now) {
	struct reader chunks = reader_of(packet + WIRE_HEADER_SIZE, *len - WIRE_HEADER_SIZE);
	struct wire_chunk c;
	(void)ctx, (void)link, (void)now;
	while (wire_chunk_next(&chunks, &c) == 1)
		if (c.type == WIRE_RE_CONFIG)
			return LINK_DROP;
	return LINK_PASS;
}

/* A peer that opens a channel on each stream, and answers no reset. */
START_TEST(test_opens_on_all_streams_take_so_many_bytes) {
	struct world_config c;
	world_config_init(&c);
	c.b_raw = c.a_deaf = true;
	struct world *w = world_up(&c);
	size_t before = w->a.memory.bytes;
	link_filter(w->ba, drop_reconfig, NULL);
	w->a.memory.peak = before;
	for (uint32_t id = 0; id < 65534; id++) {
		end_raw_open(&w->b, (uint16_t)id, "x");
		if (id % 2048 == 2047)
			world_run(w, 100 * SLUICE_MS);
	}
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(end_counters(&w->a)->refused, 65534);
	/* What SCTP knows of a stream that came, of one that is to be reset, the silent channels, and blocks kept for reuse. */
	ck_assert_uint_le(w->a.memory.peak - before, 65534 * 120 + 4096 * 300 + (1 << 20));
	world_free(w);
}
END_TEST

START_TEST(test_what_belongs_to_no_channel_is_dropped_and_counted) {
	struct world_config c;
	world_config_init(&c);
	c.b_raw = true;
	struct world *w = world_up(&c);
	end_raw_send(&w->b, 9, DCEP_PPID_STRING, "early", 5);
	end_raw_send(&w->b, 9, 1234, "odd", 3);
	end_raw_send(&w->b, 9, DCEP_PPID_CONTROL, "\2", 1);
	end_raw_send(&w->b, 9, DCEP_PPID_CONTROL, "\x77 what", 6);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(end_counters(&w->a)->without_channel, 3);
	ck_assert_uint_eq(end_counters(&w->a)->malformed, 1);
	ck_assert_uint_eq(end_saw(&w->b, SLUICE_SCTP_RESET_IN, 9), 0);
	/* A negotiated channel may be opened on it still. */
	sluice_channel_config config = {.label = "n", .negotiated = true, .id = 9};
	struct app *n = end_open(&w->a, &config);
	world_run(w, SLUICE_S);
	end_raw_send(&w->b, 9, DCEP_PPID_STRING, "late", 4);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(n->got_count, 1);
	world_free(w);
}
END_TEST

SUITE("channel refusals", test_beyond_the_limit_the_peers_channels_are_refused_and_the_rest_lives,
      test_long_labels_cannot_fill_the_memory, test_without_a_listener_every_channel_of_the_peers_is_refused,
      test_a_malformed_open_is_answered_by_a_reset, test_an_open_on_an_id_of_ours_is_answered_by_a_reset,
      test_an_open_on_a_stream_that_we_cannot_answer_on_is_forgotten, test_an_open_on_a_stream_in_use_closes_that_channel_only,
      test_opens_on_all_streams_take_so_many_bytes, test_what_belongs_to_no_channel_is_dropped_and_counted)
