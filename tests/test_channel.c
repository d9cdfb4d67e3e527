/* Data channels between two associations: how do they open? What they carry is in test_channel_messages.c, what a peer may not do
 * with them in test_channel_refusals.c, how they close in test_channel_close.c. */
#include "channel_kit.h"

#include <stdio.h>

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

START_TEST(test_on_open_waits_for_no_ack_and_messages_ride_behind_the_open) {
	struct world *w = world_up(NULL);
	struct app *a = end_open_label(&w->a, "x");
	a->on_open = app_send_hello;
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
	w->b.on_channel = app_send_hello;
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
		a->on_open = app_send_hello;
		world_run(w, 100 * SLUICE_MS);
		if (by_ack)
			end_raw_send(&w->b, 0, DCEP_PPID_CONTROL, "\x02", 1);
		else
			end_raw_send(&w->b, 0, DCEP_PPID_BINARY, "data", 4);
		world_run(w, 100 * SLUICE_MS);
		app_send_hello(a);
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
		end_open(&w->a, &config)->on_open = app_send_hello;
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
	a->on_open = app_send_hello;
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
	a->on_open = b->on_open = app_send_hello;
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

START_TEST(test_the_states_of_a_channel_have_w3cs_names) {
	static const char *const names[] = {"connecting", "open", "closing", "closed"};
	for (int i = -1; i < 6; i++)
		ck_assert_str_eq(sluice_channel_state_name((enum sluice_channel_state)i), i >= 0 && i < 4 ? names[i] : "unknown");
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

SUITE("channel", test_a_channel_opened_before_the_association_is_up_opens_at_both_ends,
      test_on_open_waits_for_no_ack_and_messages_ride_behind_the_open,
      test_an_app_may_answer_within_on_channel_and_on_open_follows,
      test_messages_of_an_unordered_channel_go_ordered_until_the_peer_has_spoken,
      test_all_six_kinds_of_channel_stand_on_the_wire_as_the_rfc_wants, test_all_six_kinds_of_channel_arrive_as_they_were_opened,
      test_a_negotiated_channel_sends_nothing_to_open, test_both_ends_of_a_negotiated_channel_talk,
      test_the_client_takes_even_ids_and_the_server_odd_ones_at_the_same_time, test_without_a_role_a_channel_waits_for_its_id,
      test_labels_and_protocols_are_bytes_up_to_65535_of_them, test_a_label_may_hold_a_nul, test_what_cannot_be_opened_says_why,
      test_ids_run_out_behind_the_last_even_one, test_the_states_of_a_channel_have_w3cs_names,
      test_a_channel_may_be_opened_within_on_channel, test_a_set_costs_the_same_whatever_ids_its_channels_have)
