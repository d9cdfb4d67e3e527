/* From chunks to messages: fragments in any order, streams, giving up, and the books of the window. */
#include "base/serial.h"
#include "sctp/rx/reassembly.h"
#include "suite.h"

#include <stdio.h>

#define TSN(n) (SERIAL_ORIGIN + 1000 + (n))
enum { B = WIRE_DATA_B, E = WIRE_DATA_E, U = WIRE_DATA_U };

static sluice_env *env;
static struct window *window;
static struct event_queue events;
static struct reassembly r;

static void setup(void) {
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	window = message_window_new(env);
	events = (struct event_queue){0};
	reassembly_init(&r, env, window, &events, 10000, 0);
}

static void teardown(void) {
	for (struct event_node *n; (n = event_pop(&events));)
		if (n->type == SLUICE_SCTP_MESSAGE)
			sluice_message_release(&rx_message_of_event(n)->public);
	reassembly_free(&r);
	ck_assert_uint_eq(window->held, 0);
	message_window_unref(window);
	ck_assert_uint_eq(env->blocks.live, 0);
	ck_assert_uint_eq(env->slabs_live, 0);
	sluice_env_free(env);
}

static int add(uint64_t n, uint8_t flags, uint16_t stream, uint16_t ssn, const char *text) {
	struct wire_data d = {
		.flags = flags,
		.tsn = (uint32_t)TSN(n),
		.stream = stream,
		.ssn = ssn,
		.ppid = 51,
		.payload = (const uint8_t *)text,
		.len = (uint16_t)strlen(text),
	};
	int error = reassembly_add(&r, &d, TSN(n), NULL);
	ck_assert(reassembly_check(&r));
	return error;
}

/* The next message is this text. NULL: none waits. */
static void expect(const char *text) {
	struct event_node *n = event_pop(&events);
	if (!text) {
		ck_assert_ptr_null(n);
		return;
	}
	ck_assert_ptr_nonnull(n);
	ck_assert_int_eq(n->type, SLUICE_SCTP_MESSAGE);
	sluice_message *m = &rx_message_of_event(n)->public;
	ck_assert_uint_eq(m->len, strlen(text));
	ck_assert(memcmp(sluice_message_data(m), text, m->len) == 0);
	sluice_message_release(m);
}

START_TEST(test_fragments_make_a_message_in_every_order_of_arrival) {
	static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	for (int i = 0; i < 6; i++) {
		setup();
		static const char *const parts[3] = {"one ", "two ", "three"};
		static const uint8_t flags[3] = {B, 0, E};
		for (int k = 0; k < 3; k++) {
			expect(NULL);
			int n = orders[i][k];
			ck_assert_int_eq(add((uint64_t)n, flags[n], 1, 0, parts[n]), 0);
		}
		expect("one two three");
		expect(NULL);
		teardown();
	}
}
END_TEST

START_TEST(test_ordered_messages_wait_for_the_one_before) {
	setup();
	add(1, B | E, 1, 1, "second");
	add(2, B | E, 1, 2, "third");
	add(3, B | E, 2, 0, "elsewhere");
	expect("elsewhere");
	expect(NULL);
	add(0, B | E, 1, 0, "first");
	expect("first");
	expect("second");
	expect("third");
	teardown();
}
END_TEST

START_TEST(test_unordered_messages_wait_for_nothing) {
	setup();
	add(5, B | E | U, 1, 0, "early");
	expect("early");
	add(1, B | U, 1, 0, "in ");
	add(2, E | U, 1, 0, "parts");
	expect("in parts");
	teardown();
}
END_TEST

START_TEST(test_neighbours_of_other_messages_are_not_joined) {
	setup();
	add(0, B, 1, 0, "a");
	add(1, E, 2, 0, "of another stream");
	expect(NULL);
	add(2, B | U, 1, 0, "b");
	add(3, E, 1, 0, "ordered against unordered");
	expect(NULL);
	teardown();
}
END_TEST

START_TEST(test_a_message_beyond_the_limit_is_refused) {
	setup();
	char big[6001];
	memset(big, 'x', 6000);
	big[6000] = 0;
	ck_assert_int_eq(add(0, B, 1, 0, big), 0);
	ck_assert_int_eq(add(1, 0, 1, 0, big), SLUICE_TOO_LARGE);
	teardown();
}
END_TEST

START_TEST(test_forward_tsn_over_half_a_message_frees_its_fragments) {
	setup();
	add(0, B, 1, 0, "never ");
	add(1, 0, 1, 0, "whole ");
	add(3, B | E, 1, 1, "next");
	reassembly_forward_tsn(&r, TSN(2));
	ck_assert(reassembly_check(&r));
	ck_assert_uint_eq(r.fragments, 0);
	expect(NULL);
	ck_assert_int_eq(reassembly_skip(&r, 1, 0), 0);
	expect("next");
	teardown();
}
END_TEST

START_TEST(test_forward_tsn_into_the_middle_of_a_run_leaves_a_run) {
	setup();
	for (uint64_t n = 0; n < 6; n++)
		add(n, n == 0 ? B : 0, 1, 0, "x");
	reassembly_forward_tsn(&r, TSN(2));
	ck_assert(reassembly_check(&r));
	ck_assert_uint_eq(r.fragments, 3);
	add(6, E, 1, 0, "x");
	expect(NULL);
	reassembly_forward_tsn(&r, TSN(6));
	ck_assert_uint_eq(r.fragments, 0);
	teardown();
}
END_TEST

START_TEST(test_skip_delivers_what_is_whole_and_moves_on) {
	setup();
	add(1, B | E, 1, 1, "one");
	add(3, B | E, 1, 3, "three");
	ck_assert_int_eq(reassembly_skip(&r, 1, 2), 0);
	expect("one");
	expect("three");
	add(4, B | E, 1, 4, "four");
	expect("four");
	teardown();
}
END_TEST

START_TEST(test_a_reset_stream_begins_at_zero_again) {
	setup();
	add(0, B | E, 1, 0, "old");
	expect("old");
	ck_assert_int_eq(reassembly_reset_stream(&r, 1), 0);
	struct event_node *told = event_pop(&events);
	ck_assert_int_eq(told->type, SLUICE_SCTP_RESET_IN);
	delivery_reset_told(&r.to, told);
	add(1, B | E, 1, 0, "new");
	expect("new");
	teardown();
}
END_TEST

START_TEST(test_ssns_wrap_after_65535_messages) {
	setup();
	for (uint32_t n = 0; n < 70000; n++) {
		struct wire_data d = {.flags = B | E, .stream = 1, .ssn = (uint16_t)n, .payload = (const uint8_t *)"m", .len = 1};
		ck_assert_int_eq(reassembly_add(&r, &d, TSN(n), NULL), 0);
		expect("m");
	}
	teardown();
}
END_TEST

static sluice_slab *slab_with(size_t len) {
	sluice_slab *s = sluice_slab_get(env);
	memset(sluice_slab_data(s), 'p', len);
	return s;
}

static void add_from_slab(uint64_t n, uint8_t flags, sluice_slab *s, uint16_t len) {
	struct wire_data d = {.flags = flags, .stream = 1, .payload = sluice_slab_data(s), .len = len};
	ck_assert_int_eq(reassembly_add(&r, &d, TSN(n), s), 0);
}

START_TEST(test_a_large_payload_is_kept_by_reference_and_a_small_one_copied) {
	setup();
	sluice_slab *s = slab_with(2000);
	add_from_slab(0, B, s, 1000);
	ck_assert(!sluice_slab_is_unshared(s));
	add_from_slab(2, B, s, 10);
	reassembly_forward_tsn(&r, TSN(0));
	ck_assert_msg(sluice_slab_is_unshared(s), "ten bytes pin a slab");
	sluice_slab_unref(s);
	teardown();
}
END_TEST

START_TEST(test_beyond_the_slab_limit_payload_is_copied) {
	sluice_env_config c = {.slab_limit = 2};
	ck_assert_int_eq(sluice_env_new(&c, &env), 0);
	window = message_window_new(env);
	events = (struct event_queue){0};
	reassembly_init(&r, env, window, &events, 10000, 0);
	sluice_slab *s[3];
	for (uint64_t i = 0; i < 3; i++) {
		s[i] = slab_with(1000);
		add_from_slab(2 * i, B, s[i], 1000);
	}
	ck_assert(!sluice_slab_is_unshared(s[0]) && !sluice_slab_is_unshared(s[1]));
	ck_assert(sluice_slab_is_unshared(s[2]));
	for (int i = 0; i < 3; i++)
		sluice_slab_unref(s[i]);
	teardown();
}
END_TEST

START_TEST(test_a_message_outlives_the_reassembly_while_it_is_retained) {
	setup();
	add(0, B | E, 1, 0, "kept");
	sluice_message *m = &rx_message_of_event(event_pop(&events))->public;
	sluice_message_retain(m);
	sluice_message_release(m);
	ck_assert_uint_gt(window->held, 0);
	ck_assert(memcmp(sluice_message_data(m), "kept", 4) == 0);
	sluice_message_release(m);
	teardown();
}
END_TEST

START_TEST(test_a_whole_message_beyond_the_limit_is_refused_too) {
	setup();
	char big[10002];
	memset(big, 'x', 10001);
	big[10001] = 0;
	ck_assert_int_eq(add(0, B | E, 1, 0, big), SLUICE_TOO_LARGE);
	big[10000] = 0;
	ck_assert_int_eq(add(0, B | E, 1, 0, big), 0);
	teardown();
}
END_TEST

START_TEST(test_messages_that_wait_in_any_order_leave_in_order) {
	enum { COUNT = 500 };
	uint64_t random = 1;
	for (int round = 0; round < 20; round++) {
		setup();
		uint16_t order[COUNT];
		for (uint16_t i = 0; i < COUNT; i++)
			order[i] = i;
		for (unsigned i = COUNT - 1; i > 1; i--) {
			random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
			unsigned k = 1 + (unsigned)(random >> 33) % i;
			uint16_t swap = order[i];
			order[i] = order[k];
			order[k] = swap;
		}
		for (unsigned i = 1; i < COUNT; i++) {
			char text[8];
			snprintf(text, sizeof text, "%u", order[i]);
			ck_assert_int_eq(add(order[i], B | E, 1, order[i], text), 0);
			if (order[i] % 7 == 0) /* the same number once more, under another TSN */
				ck_assert_int_eq(add(COUNT + i, B | E, 1, order[i], text), 0);
		}
		expect(NULL);
		if (round % 2)
			ck_assert_int_eq(reassembly_skip(&r, 1, 0), 0);
		else
			add(0, B | E, 1, 0, "0");
		for (unsigned i = round % 2; i < COUNT; i++) {
			char text[8];
			snprintf(text, sizeof text, "%u", i);
			expect(text);
		}
		expect(NULL);
		teardown();
	}
}
END_TEST

START_TEST(test_fragments_far_apart_are_found_and_the_ring_is_given_back) {
	uint64_t random = 7;
	setup();
	ck_assert_int_eq(add(0, B | U, 9, 0, "the oldest"), 0);
	for (unsigned i = 0; i < 400; i++) {
		random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
		uint64_t n = 10 + (random >> 33) % 65000 / 2 * 2;
		uint8_t order = (random >> 20) & 1;
		ck_assert_int_eq(add(n + order, (order ? E : B) | U, 1, 0, order ? "er" : "togeth"), 0);
		if (i % 3)
			ck_assert_int_eq(add(n + 1 - order, (order ? B : E) | U, 1, 0, order ? "togeth" : "er"), 0);
		else
			reassembly_forward_tsn(&r, TSN(i / 3)); /* passes over nothing but the first */
		ck_assert(reassembly_check(&r));
	}
	for (struct event_node *n; (n = event_pop(&events));) {
		sluice_message *m = &rx_message_of_event(n)->public;
		ck_assert(m->len == 8 && memcmp(sluice_message_data(m), "together", 8) == 0);
		sluice_message_release(m);
	}
	reassembly_forward_tsn(&r, TSN(70000));
	ck_assert_uint_eq(r.fragments, 0);
	ck_assert_uint_gt(r.capacity, 4096);
	/* As many fragments as it has slots, and it goes. */
	for (uint64_t n = 80000; r.capacity > 4096 && n < 280000; n += 2) {
		ck_assert_int_eq(add(n, B | U, 1, 0, "bo"), 0);
		ck_assert_int_eq(add(n + 1, E | U, 1, 0, "th"), 0);
		expect("both");
	}
	ck_assert_uint_eq(r.capacity, 0);
	teardown();
}
END_TEST

/* As sluice_message_data() charges a message of 3 GB for a second time. */
START_TEST(test_a_message_of_more_than_4_gib_leaves_nothing_in_the_window) {
	setup();
	struct rx_message *m = rx_message_new(window, 0, 0, NULL);
	for (int i = 0; i < 2; i++)
		rx_message_charge(m, UINT64_C(3) << 30);
	ck_assert_uint_gt(window->held, UINT64_C(6) << 30);
	rx_message_delivered(m);
	ck_assert_uint_eq(window->with_app, window->held);
	sluice_message_release(&m->public);
	ck_assert_uint_eq(window->held, 0);
	ck_assert_uint_eq(window->with_app, 0);
	teardown();
}
END_TEST

SUITE("reassembly", test_a_message_of_more_than_4_gib_leaves_nothing_in_the_window,
      test_fragments_make_a_message_in_every_order_of_arrival, test_ordered_messages_wait_for_the_one_before,
      test_unordered_messages_wait_for_nothing, test_neighbours_of_other_messages_are_not_joined,
      test_a_message_beyond_the_limit_is_refused, test_forward_tsn_over_half_a_message_frees_its_fragments,
      test_forward_tsn_into_the_middle_of_a_run_leaves_a_run, test_skip_delivers_what_is_whole_and_moves_on,
      test_a_reset_stream_begins_at_zero_again, test_ssns_wrap_after_65535_messages,
      test_a_large_payload_is_kept_by_reference_and_a_small_one_copied, test_beyond_the_slab_limit_payload_is_copied,
      test_a_message_outlives_the_reassembly_while_it_is_retained, test_a_whole_message_beyond_the_limit_is_refused_too,
      test_messages_that_wait_in_any_order_leave_in_order, test_fragments_far_apart_are_found_and_the_ring_is_given_back)
