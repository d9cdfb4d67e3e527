/* Data channels between two associations: how they open, what they carry, and what a peer may not do with them. How they
 * close is in test_channel_close.c. */
#include "channel_kit.h"

#include <stdio.h>

/* ---- opening ------------------------------------------------------------------------------------------------------- */

START_TEST(test_a_channel_opened_before_the_association_is_up_opens_at_both_ends) {
	struct world *w = world_new(NULL);
	sluice_channel_config config = {.label = "chat", .protocol = "irc"};
	struct app *a = end_open(&w->a, &config);
	ck_assert_int_eq(sluice_channel_state(a->ch), SLUICE_CHANNEL_CONNECTING);
	ck_assert_int_eq(sluice_channel_send(a->ch, "x", 1), SLUICE_WRONG_STATE);
	ck_assert_int_eq(sluice_channel_id(a->ch), 0);
	world_connect(w);
	world_run(w, SLUICE_S);
	ck_assert_journal(&w->a, "connected open:chat");
	ck_assert_journal(&w->b, "connected channel:chat open:chat");
	sluice_channel *b = end_app(&w->b, "chat")->ch;
	size_t len;
	ck_assert_str_eq(sluice_channel_label(b, &len), "chat");
	ck_assert_uint_eq(len, 4);
	ck_assert_str_eq(sluice_channel_protocol(b, &len), "irc");
	ck_assert_uint_eq(len, 3);
	ck_assert_int_eq(sluice_channel_id(b), 0);
	ck_assert_uint_eq(sluice_channel_priority(b), SLUICE_PRIORITY_NORMAL);
	ck_assert(!sluice_channel_is_negotiated(b) && !sluice_channel_is_unordered(b));
	ck_assert_int_eq(sluice_channel_reliability(b, NULL), SLUICE_RELIABLE);
	ck_assert_uint_eq(sluice_channel_max_message_size(b), 65536);
	ck_assert_uint_eq(channels_open_count(w->a.set), 1);
	world_free(w);
}
END_TEST

static void send_hello(struct app *app) {
	ck_assert_int_eq(sluice_channel_send_text(app->ch, "hello", 5), 0);
}

START_TEST(test_on_open_waits_for_no_ack_and_messages_ride_behind_the_open) {
	struct world *w = world_up(NULL);
	struct app *a = end_open_label(&w->a, "x");
	a->on_open = send_hello;
	uint64_t start = w->sim.now;
	ck_assert(world_until(w, w->b.app_count && end_app(&w->b, "x")->got_count));
	ck_assert_uint_eq(w->sim.now - start, KIT_DELAY);
	ck_assert_journal(&w->b, "connected channel:x open:x message:x:5");
	ck_assert_str_eq(end_app(&w->b, "x")->got[0].data, "hello");
	ck_assert(end_app(&w->b, "x")->got[0].text);
	world_free(w);
}
END_TEST

START_TEST(test_an_app_may_answer_within_on_channel_and_on_open_follows) {
	struct world *w = world_up(NULL);
	w->b.on_channel = send_hello;
	struct app *a = end_open_label(&w->a, "x");
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(a->got_count, 1);
	ck_assert_journal(&w->b, "connected channel:x open:x low:x");
	world_free(w);
}
END_TEST

START_TEST(test_messages_of_an_unordered_channel_go_ordered_until_the_peer_has_spoken) {
	struct world_config c;
	world_config_init(&c);
	c.b_raw = true;
	for (int by_ack = 0; by_ack < 2; by_ack++) {
		struct world *w = world_up(&c);
		sluice_channel_config config = {.label = "u", .unordered = true};
		struct app *a = end_open(&w->a, &config);
		a->on_open = send_hello;
		world_run(w, 100 * SLUICE_MS);
		if (by_ack)
			end_raw_send(&w->b, 0, DCEP_PPID_CONTROL, "\x02", 1);
		else
			end_raw_send(&w->b, 0, DCEP_PPID_BINARY, "data", 4);
		world_run(w, 100 * SLUICE_MS);
		send_hello(a);
		world_run(w, 100 * SLUICE_MS);
		struct app *raw = &w->b.apps[0];
		ck_assert_uint_eq(raw->got_count, 3);
		ck_assert_uint_eq(raw->got[0].ppid, 50);
		ck_assert(!raw->got[0].unordered);
		ck_assert(!raw->got[1].unordered);
		ck_assert(raw->got[2].unordered);
		ck_assert_uint_eq(a->got_count, !by_ack);
		world_free(w);
	}
}
END_TEST

static const struct {
	bool unordered;
	enum sluice_reliability reliability;
	uint32_t value;
	uint16_t priority;
	uint8_t wire[8];
} kinds[] = {
	{false, SLUICE_RELIABLE, 0, 0, {3, 0x00, 1, 0, 0, 0, 0, 0}},
	{true, SLUICE_RELIABLE, 0, SLUICE_PRIORITY_BELOW_NORMAL, {3, 0x80, 0, 128, 0, 0, 0, 0}},
	{false, SLUICE_MAX_RETRANSMITS, 0, SLUICE_PRIORITY_NORMAL, {3, 0x01, 1, 0, 0, 0, 0, 0}},
	{true, SLUICE_MAX_RETRANSMITS, 65537, SLUICE_PRIORITY_HIGH, {3, 0x81, 2, 0, 0, 1, 0, 1}},
	{false, SLUICE_LIFETIME, 1500, SLUICE_PRIORITY_EXTRA_HIGH, {3, 0x02, 4, 0, 0, 0, 5, 0xdc}},
	{true, SLUICE_LIFETIME, UINT32_MAX, 7, {3, 0x82, 0, 7, 255, 255, 255, 255}},
};
#define KINDS (sizeof kinds / sizeof *kinds)

static sluice_channel_config kind_config(size_t i, const char *label) {
	return (sluice_channel_config){
		.label = label,
		.unordered = kinds[i].unordered,
		.reliability = kinds[i].reliability,
		.reliability_value = kinds[i].value,
		.priority = kinds[i].priority,
	};
}

START_TEST(test_all_six_kinds_of_channel_stand_on_the_wire_as_the_rfc_wants) {
	struct world_config c;
	world_config_init(&c);
	c.b_raw = true;
	struct world *w = world_up(&c);
	for (size_t i = 0; i < KINDS; i++) {
		sluice_channel_config config = kind_config(i, "l");
		end_open(&w->a, &config);
	}
	world_run(w, SLUICE_S);
	struct app *raw = &w->b.apps[0];
	ck_assert_uint_eq(raw->got_count, KINDS);
	for (size_t i = 0; i < KINDS; i++) {
		ck_assert_uint_eq(raw->got[i].len, 13);
		ck_assert_uint_eq(raw->got[i].stream, 2 * i);
		ck_assert_mem_eq(raw->got[i].data, kinds[i].wire, 8);
		ck_assert_mem_eq(raw->got[i].data + 8, "\0\1\0\0l", 5);
	}
	world_free(w);
}
END_TEST

START_TEST(test_all_six_kinds_of_channel_arrive_as_they_were_opened) {
	struct world *w = world_up(NULL);
	for (size_t i = 0; i < KINDS; i++) {
		char label[2] = {(char)('0' + i), 0};
		sluice_channel_config config = kind_config(i, label);
		end_open(&w->a, &config)->on_open = send_hello;
	}
	world_run(w, SLUICE_S);
	for (size_t i = 0; i < KINDS; i++) {
		char label[2] = {(char)('0' + i), 0};
		struct app *b = end_app(&w->b, label);
		uint32_t value;
		ck_assert_int_eq(sluice_channel_reliability(b->ch, &value), kinds[i].reliability);
		ck_assert_uint_eq(value, kinds[i].value);
		ck_assert_int_eq(sluice_channel_is_unordered(b->ch), kinds[i].unordered);
		ck_assert_uint_eq(sluice_channel_priority(b->ch), kinds[i].priority ? kinds[i].priority : SLUICE_PRIORITY_NORMAL);
		ck_assert_uint_eq(b->got_count, 1);
	}
	world_free(w);
}
END_TEST

START_TEST(test_a_negotiated_channel_sends_nothing_to_open) {
	struct world_config c;
	world_config_init(&c);
	c.b_raw = true;
	struct world *w = world_new(&c);
	sluice_channel_config config = {.label = "n", .negotiated = true, .id = 5, .unordered = true};
	struct app *a = end_open(&w->a, &config);
	ck_assert_int_eq(end_try_open(&w->a, &config), SLUICE_EXISTS);
	a->on_open = send_hello;
	world_connect(w);
	world_run(w, SLUICE_S);
	ck_assert_journal(&w->a, "connected open:n low:n");
	ck_assert_uint_eq(w->b.apps[0].got_count, 1);
	ck_assert_uint_eq(w->b.apps[0].got[0].ppid, DCEP_PPID_STRING);
	ck_assert_uint_eq(w->b.apps[0].got[0].stream, 5);
	/* No OPEN that it could overtake. */
	ck_assert(w->b.apps[0].got[0].unordered);
	world_free(w);
}
END_TEST

START_TEST(test_both_ends_of_a_negotiated_channel_talk) {
	struct world *w = world_up(NULL);
	sluice_channel_config config = {.label = "n", .negotiated = true, .id = 0};
	struct app *a = end_open(&w->a, &config), *b = end_open(&w->b, &config);
	a->on_open = b->on_open = send_hello;
	/* Opened outside of a dispatch and without a packet: on_open still comes. */
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(a->got_count, 1);
	ck_assert_uint_eq(b->got_count, 1);
	ck_assert(sluice_channel_is_negotiated(b->ch));
	/* Its id is in use: our own choice goes past it. */
	ck_assert_int_eq(sluice_channel_id(end_open_label(&w->a, "next")->ch), 2);
	world_free(w);
}
END_TEST

START_TEST(test_the_client_takes_even_ids_and_the_server_odd_ones_at_the_same_time) {
	struct world *w = world_up(NULL);
	for (int i = 0; i < 50; i++) {
		char label[16];
		snprintf(label, sizeof label, "a%d", i);
		ck_assert_int_eq(sluice_channel_id(end_open_label(&w->a, label)->ch), 2 * i);
		snprintf(label, sizeof label, "b%d", i);
		ck_assert_int_eq(sluice_channel_id(end_open_label(&w->b, label)->ch), 2 * i + 1);
	}
	world_run(w, SLUICE_S);
	for (int i = 0; i < 50; i++) {
		char label[16];
		snprintf(label, sizeof label, "a%d", i);
		ck_assert_int_eq(sluice_channel_id(end_app(&w->b, label)->ch), 2 * i);
		snprintf(label, sizeof label, "b%d", i);
		ck_assert_int_eq(sluice_channel_id(end_app(&w->a, label)->ch), 2 * i + 1);
	}
	ck_assert_uint_eq(end_counters(&w->a)->refused + end_counters(&w->b)->refused, 0);
	world_free(w);
}
END_TEST

START_TEST(test_without_a_role_a_channel_waits_for_its_id) {
	struct world_config c;
	world_config_init(&c);
	c.a.role = SLUICE_ROLE_UNKNOWN;
	struct world *w = world_up(&c);
	struct app *first = end_open_label(&w->a, "first"), *second = end_open_label(&w->a, "second");
	world_run(w, SLUICE_S);
	ck_assert_int_eq(sluice_channel_id(first->ch), -1);
	ck_assert_uint_eq(sluice_channel_buffered_amount(first->ch), 0);
	ck_assert_journal(&w->a, "connected");
	sluice_channels_set_role(w->a.set, SLUICE_ROLE_CLIENT);
	ck_assert_int_eq(sluice_channel_id(first->ch), 0);
	ck_assert_int_eq(sluice_channel_id(second->ch), 2);
	world_run(w, SLUICE_S);
	ck_assert_journal(&w->a, "connected open:first open:second");
	ck_assert_journal(&w->b, "connected channel:first open:first channel:second open:second");
	world_free(w);
}
END_TEST

START_TEST(test_labels_and_protocols_are_bytes_up_to_65535_of_them) {
	struct world_config c;
	world_config_init(&c);
	c.a.max_message_size = c.b.max_message_size = 262144;
	struct world *w = world_up(&c);
	char *label = malloc(65536), *protocol = malloc(65536);
	memset(label, 'l', 65535);
	memset(protocol, 'p', 65535);
	label[65535] = protocol[65535] = 0;
	memcpy(label, "\xc3\xa4\xf0\x9f\x8c\x8a", 6);
	sluice_channel_config config = {.label = label, .protocol = protocol};
	struct app *a = end_open(&w->a, &config);
	/* An OPEN that goes in pieces counts as buffered, for nobody could tell how much of it is left. */
	ck_assert_uint_eq(sluice_channel_buffered_amount(a->ch), 12 + 2 * 65535);
	world_run(w, 10 * SLUICE_S);
	ck_assert_uint_eq(sluice_channel_buffered_amount(a->ch), 0);
	ck_assert_uint_eq(w->b.app_count, 1);
	size_t len;
	ck_assert_str_eq(sluice_channel_label(w->b.apps[0].ch, &len), label);
	ck_assert_uint_eq(len, 65535);
	ck_assert_str_eq(sluice_channel_protocol(w->b.apps[0].ch, &len), protocol);
	ck_assert_uint_eq(len, 65535);
	free(label);
	free(protocol);
	world_free(w);
}
END_TEST

START_TEST(test_a_label_may_hold_a_nul) {
	struct world_config c;
	world_config_init(&c);
	c.b_raw = true;
	struct world *w = world_up(&c);
	end_raw_send(&w->b, 1, 50, "\3\0\0\0\0\0\0\0\0\3\0\2a\0bc\0", 17);
	world_run(w, SLUICE_S);
	size_t len;
	ck_assert_mem_eq(sluice_channel_label(w->a.apps[0].ch, &len), "a\0b", 4);
	ck_assert_uint_eq(len, 3);
	ck_assert_mem_eq(sluice_channel_protocol(w->a.apps[0].ch, &len), "c\0", 3);
	ck_assert_uint_eq(len, 2);
	world_free(w);
}
END_TEST

START_TEST(test_what_cannot_be_opened_says_why) {
	struct world_config c;
	world_config_init(&c);
	c.a.max_channels = 3;
	c.b_sctp.inbound_streams = 4;
	struct world *w = world_new(&c);
	char *long_label = malloc(65537);
	memset(long_label, 'x', 65536);
	long_label[65536] = 0;
	const struct {
		sluice_channel_config config;
		int want;
	} rows[] = {
		{{.label = long_label}, SLUICE_INVALID},
		{{.protocol = long_label}, SLUICE_INVALID},
		{{.negotiated = true, .id = -1}, SLUICE_INVALID},
		{{.negotiated = true, .id = 65535}, SLUICE_INVALID},
		{{.id = 4}, SLUICE_INVALID},
		{{.id = -2}, SLUICE_INVALID},
		{{.reliability = (enum sluice_reliability)3}, SLUICE_INVALID},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		ck_assert_int_eq(end_try_open(&w->a, &rows[i].config), rows[i].want);
	sluice_channel_config far = {.label = "far", .negotiated = true, .id = 4};
	struct app *early = end_open(&w->a, &far);
	world_connect(w);
	world_run(w, SLUICE_S);
	/* The peer takes four streams, which nobody knew before. */
	ck_assert_int_eq(early->error, SLUICE_LIMIT);
	ck_assert_int_eq(end_try_open(&w->a, &far), SLUICE_LIMIT);
	end_open_label(&w->a, "0");
	end_open_label(&w->a, "2");
	sluice_channel_config near = {.label = "near"};
	ck_assert_int_eq(end_try_open(&w->a, &near), SLUICE_LIMIT); /* no even id below 4 is left */
	near.negotiated = true;
	near.id = 1;
	end_open(&w->a, &near);
	near.id = 3;
	ck_assert_int_eq(end_try_open(&w->a, &near), SLUICE_LIMIT); /* three channels */
	free(long_label);
	world_free(w);
}
END_TEST

static void open_another(struct app *app) {
	if (app->end->app_count < 10)
		end_open_label(app->end, "back");
}

START_TEST(test_ids_run_out_behind_the_last_even_one) {
	struct world_config c;
	world_config_init(&c);
	c.a.max_channels = 65535;
	struct world *w = world_new(&c);
	sluice_channel_config config = {0};
	sluice_channel *ch = NULL;
	for (int i = 0; i < 32768; i++)
		ck_assert_int_eq(sluice_channel_open(w->a.set, &config, &ch), 0);
	ck_assert_int_eq(sluice_channel_id(ch), 65534);
	ck_assert_int_eq(sluice_channel_open(w->a.set, &config, NULL), SLUICE_LIMIT);
	sluice_channel_close(ch);
	world_run(w, SLUICE_MS);
	ck_assert_int_eq(sluice_channel_open(w->a.set, &config, &ch), 0);
	ck_assert_int_eq(sluice_channel_id(ch), 65534);
	world_free(w);
}
END_TEST

START_TEST(test_a_channel_may_be_opened_within_on_channel) {
	struct world *w = world_up(NULL);
	w->a.on_channel = w->b.on_channel = open_another;
	end_open_label(&w->a, "there");
	world_run(w, SLUICE_S);
	for (size_t i = 0; i < 10; i++) {
		ck_assert_uint_eq(w->a.apps[i].opens, 1);
		ck_assert_uint_eq(w->b.apps[i].opens, 1);
	}
	world_free(w);
}
END_TEST

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

START_TEST(test_a_batch_says_how_many_were_queued) {
	struct world *w = world_up(NULL);
	sluice_channel_config config = {.label = "x", .high_water = 100};
	struct app *a = end_open(&w->a, &config);
	struct iovec messages[20];
	char digits[20][10];
	for (int i = 0; i < 20; i++) {
		memset(digits[i], '0' + i, 10);
		messages[i] = (struct iovec){digits[i], 10};
	}
	ck_assert_int_eq(sluice_channel_send_batch(a->ch, false, messages, 20), SLUICE_WRONG_STATE);
	world_run(w, SLUICE_S);
	ck_assert_int_eq(sluice_channel_send_batch(a->ch, false, messages, 20), 10);
	ck_assert_int_eq(sluice_channel_send_batch(a->ch, false, messages + 10, 10), SLUICE_WOULD_BLOCK);
	ck_assert_int_eq(sluice_channel_send_batch(a->ch, false, messages, 0), 0);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(a->writables, 1);
	ck_assert_int_eq(sluice_channel_send_batch(a->ch, false, messages + 10, 10), 10);
	messages[3].iov_len = 70000;
	ck_assert_int_eq(sluice_channel_send_batch(a->ch, false, messages + 3, 1), SLUICE_TOO_LARGE);
	world_run(w, SLUICE_S);
	struct app *b = end_app(&w->b, "x");
	ck_assert_uint_eq(b->got_count, 20);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(b->got[i].data[9], '0' + i);
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

/* ---- what a peer may not do ---------------------------------------------------------------------------------------- */

START_TEST(test_beyond_the_limit_the_peers_channels_are_refused_and_the_rest_lives) {
	struct world_config c;
	world_config_init(&c);
	c.b.max_channels = 4;
	struct world *w = world_up(&c);
	struct app *apps[10];
	for (int i = 0; i < 10; i++) {
		char label[2] = {(char)('0' + i), 0};
		apps[i] = end_open_label(&w->a, label);
		apps[i]->on_open = send_hello;
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

START_TEST(test_a_set_costs_the_same_whatever_ids_its_channels_have) {
	struct world_config c;
	world_config_init(&c);
	c.b_raw = true;
	struct world *w = world_up(&c);
	end_raw_open(&w->b, 65533, "high");
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(end_app(&w->a, "high")->opens, 1);
	ck_assert_uint_eq(w->a.set->bucket_count, 16);
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

SUITE("channel", test_a_message_may_be_sent_piece_by_piece_up_to_the_peers_limit,
      test_a_channel_opened_before_the_association_is_up_opens_at_both_ends,
      test_on_open_waits_for_no_ack_and_messages_ride_behind_the_open,
      test_an_app_may_answer_within_on_channel_and_on_open_follows,
      test_messages_of_an_unordered_channel_go_ordered_until_the_peer_has_spoken,
      test_all_six_kinds_of_channel_stand_on_the_wire_as_the_rfc_wants, test_all_six_kinds_of_channel_arrive_as_they_were_opened,
      test_a_negotiated_channel_sends_nothing_to_open, test_both_ends_of_a_negotiated_channel_talk,
      test_the_client_takes_even_ids_and_the_server_odd_ones_at_the_same_time, test_without_a_role_a_channel_waits_for_its_id,
      test_labels_and_protocols_are_bytes_up_to_65535_of_them, test_a_label_may_hold_a_nul, test_what_cannot_be_opened_says_why,
      test_ids_run_out_behind_the_last_even_one, test_a_channel_may_be_opened_within_on_channel,
      test_empty_messages_are_one_zero_byte_on_the_wire, test_empty_messages_arrive_empty_and_in_order,
      test_messages_of_every_size_up_to_the_peers_limit_arrive_whole, test_the_peers_limit_may_be_set_and_lifted,
      test_lent_bytes_are_released_once_when_they_are_acknowledged, test_a_batch_says_how_many_were_queued,
      test_deprecated_partial_messages_are_taken_whole_and_unknown_ones_dropped,
      test_the_buffered_amount_counts_the_apps_bytes_and_nothing_else,
      test_a_full_channel_blocks_and_says_when_it_is_writable_again,
      test_a_message_on_an_empty_channel_is_always_taken_although_its_open_is_under_way,
      test_on_buffered_low_comes_when_the_amount_falls_to_the_threshold,
      test_the_default_threshold_is_zero_and_the_open_does_not_trip_it,
      test_a_paused_channel_makes_the_sender_wait_and_loses_nothing,
      test_a_channel_may_be_paused_again_while_it_delivers_what_was_held,
      test_a_retained_message_outlives_its_channel_and_association,
      test_beyond_the_limit_the_peers_channels_are_refused_and_the_rest_lives, test_long_labels_cannot_fill_the_memory,
      test_without_a_listener_every_channel_of_the_peers_is_refused, test_a_malformed_open_is_answered_by_a_reset,
      test_an_open_on_an_id_of_ours_is_answered_by_a_reset, test_an_open_on_a_stream_that_we_cannot_answer_on_is_forgotten,
      test_an_open_on_a_stream_in_use_closes_that_channel_only, test_what_belongs_to_no_channel_is_dropped_and_counted,
      test_a_set_costs_the_same_whatever_ids_its_channels_have)
