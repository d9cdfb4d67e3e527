/* The hand-over of the receiver, module by module: every field of every struct is carried, or is listed here with the reason why
 * it is not. */
#include "sctp/rx/receiver.h"
#include "suite.h"
#include "walk_kit.h"

#include "base/serial.h"

static sluice_env *env;

static void env_open(void) {
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
}

/* ---- plain structs ---- */

static void walk_rwnd(void *object, struct walk *w) {
	rwnd_walk(object, w);
}

START_TEST(test_the_window_is_carried) {
	env_open();
	struct rwnd r;
	rwnd_init(&r, env, 4096, UINT64_MAX);
	r.size = 8192;
	WALK_KIT_CARRIES(
		struct rwnd, &r, walk_rwnd, LEFT_OUT(struct rwnd, env, "the new place's"),
		LEFT_OUT(struct rwnd, initial, "of the configuration"), LEFT_OUT(struct rwnd, max, "of the configuration"),
		LEFT_OUT(struct rwnd, room, "the new place's socket"), LEFT_OUT(struct rwnd, waited, "the new place's socket"));
	sluice_env_free(env);
}
END_TEST

START_TEST(test_a_window_that_is_read_takes_its_share_of_the_budget) {
	env_open();
	struct rwnd from, to;
	rwnd_init(&from, env, 4096, 65536);
	rwnd_init(&to, env, 4096, 65536);
	from.size = 16384;
	walk_kit_carry(&from, &to, walk_rwnd);
	ck_assert_uint_eq(env->window_lent, 16384 - 4096);
	rwnd_reset(&to);
	ck_assert_uint_eq(env->window_lent, 0);
	sluice_env_free(env);
}
END_TEST

static void walk_sack(void *object, struct walk *w) {
	sack_walk(object, w);
}

START_TEST(test_the_sack_policy_is_carried) {
	struct sack_policy s = {0};
	const char *early = "the pending SACK speaks for them";
	WALK_KIT_CARRIES(struct sack_policy, &s, walk_sack, LEFT_OUT(struct sack_policy, rule, "of the configuration"),
	                 LEFT_OUT(struct sack_policy, early, early), LEFT_OUT(struct sack_policy, early_count, early),
	                 LEFT_OUT(struct sack_policy, early_sent, early));
}
END_TEST

/* ---- the map of TSNs ---- */

static void walk_tsnmap(void *object, struct walk *w) {
	tsnmap_walk(object, w);
}

/* An empty one, whatever its cum. */
static void walk_empty_tsnmap(void *object, struct walk *w) {
	struct tsnmap *m = object;
	m->highest = m->cum;
	tsnmap_walk(m, w);
}

START_TEST(test_the_map_is_carried_with_its_blocks) {
	env_open();
	struct tsnmap from, to;
	const char *bits = "the blocks are put in again";
	tsnmap_init(&from, env, 3 * SERIAL_ORIGIN + 1000);
	WALK_KIT_CARRIES(struct tsnmap, &from, walk_empty_tsnmap, LEFT_OUT(struct tsnmap, env, "the new place's"),
	                 LEFT_OUT(struct tsnmap, words, bits), LEFT_OUT(struct tsnmap, capacity, bits),
	                 LEFT_OUT(struct tsnmap, highest, bits));
	tsnmap_init(&to, env, SERIAL_ORIGIN);
	for (uint64_t i = 2; i < 5000; i += 1 + i % 7)
		if (tsnmap_test(&from, from.cum + i) == TSNMAP_NEW)
			tsnmap_add(&from, from.cum + i);
	walk_kit_carry(&from, &to, walk_tsnmap);
	ck_assert(tsnmap_check(&to));
	ck_assert_uint_eq(to.highest, from.highest);
	for (uint64_t t = from.cum + 1; t <= from.highest; t++)
		ck_assert_int_eq(tsnmap_test(&to, t), tsnmap_test(&from, t));
	tsnmap_free(&from);
	tsnmap_free(&to);
	sluice_env_free(env);
}
END_TEST

/* ---- the receiver's own fields ---- */

static struct event_queue events;

static void nobody(void *owner) {
	(void)owner;
}

static void receiver_open(struct receiver *r) {
	sluice_sctp_config c = {.mtu = 1188,
	                        .receive_window = 1 << 20,
	                        .receive_window_max = 1 << 20,
	                        .max_message_size = 1 << 20,
	                        .sack_policy = SLUICE_SACK_ADAPTIVE};
	ck_assert_int_eq(receiver_init(r, env, &c, &events, nobody, NULL), 0);
}

static void receiver_begin(struct receiver *r, bool interleaving) {
	receiver_open(r);
	receiver_negotiate(r, interleaving, true);
	receiver_start(r, &(struct receiver_terms){.cum = 3 * SERIAL_ORIGIN, .streams = 100});
}

static void receiver_close(struct receiver *r) {
	for (struct event_node *n; (n = event_pop(&events));)
		receiver_drop_event(r, n);
	receiver_free(r);
}

static struct receiver kept; /* the modules, in the place where they belong */

/* The receiver's own fields go through a receiver whose modules are empty. */
static void walk_receiver_fields(void *object, struct walk *w) {
	struct receiver *r = object, own = kept;
	own.sack_due = r->sack_due, own.sack_at = r->sack_at, own.shut_since = r->shut_since;
	own.advertised = r->advertised, own.advertised_most = r->advertised_most;
	own.streams = r->streams;
	own.duplicate_count = r->duplicate_count, own.stats = r->stats;
	memcpy(own.duplicates, r->duplicates, sizeof own.duplicates);
	receiver_walk(&own, w);
	if (w->reading)
		*r = own;
}

START_TEST(test_the_fields_of_the_receiver_are_carried) {
	env_open();
	receiver_open(&kept);
	struct receiver valid = kept;
	const char *module = "has a walk of its own", *config = "of the configuration", *place = "the new place's";
	const char *batch = "of an input() under way";
	WALK_KIT_CARRIES(struct receiver, &valid, walk_receiver_fields, LEFT_OUT(struct receiver, env, place),
	                 LEFT_OUT(struct receiver, interleaving, "the association's walk has it"),
	                 LEFT_OUT(struct receiver, forward_tsn, "the association's walk has it"),
	                 LEFT_OUT(struct receiver, open, "what is handed over is open"),
	                 LEFT_OUT(struct receiver, duplicate_count, "more than there is room for is refused"),
	                 LEFT_OUT(struct receiver, packet, config), LEFT_OUT(struct receiver, sack_delay, config),
	                 LEFT_OUT(struct receiver, sack_rule, config), LEFT_OUT(struct receiver, batch_payload, batch),
	                 LEFT_OUT(struct receiver, now, batch), LEFT_OUT(struct receiver, report, batch),
	                 LEFT_OUT(struct receiver, window, place), LEFT_OUT(struct receiver, events, place),
	                 LEFT_OUT(struct receiver, opened, place), LEFT_OUT(struct receiver, owner, place),
	                 LEFT_OUT(struct receiver, reset_all, "an event"), LEFT_OUT(struct receiver, rwnd, module),
	                 LEFT_OUT(struct receiver, map, module), LEFT_OUT(struct receiver, acks, module),
	                 LEFT_OUT(struct receiver, in, module));
	receiver_close(&kept);
	sluice_env_free(env);
}
END_TEST

static void walk_whole(void *object, struct walk *w) {
	receiver_walk(object, w);
}

START_TEST(test_duplicates_and_a_waiting_early_sack_are_carried) {
	env_open();
	struct receiver from, to;
	receiver_begin(&from, false);
	receiver_open(&to);
	from.duplicate_count = RECEIVER_DUPLICATES_MAX;
	ck_assert_ptr_nonnull(sack_early(&from.acks, env));
	walk_kit_carry(&from, &to, walk_whole);
	ck_assert_uint_eq(to.duplicate_count, RECEIVER_DUPLICATES_MAX);
	ck_assert(to.sack_due && to.open);
	receiver_close(&from);
	receiver_close(&to);
	sluice_env_free(env);
}
END_TEST

/* ---- streams ---- */

static void walk_stream(void *object, struct walk *w) {
	struct rx_stream *s = object, *own;
	struct receiver r;
	receiver_begin(&r, true);
	if (!w->reading) {
		own = delivery_stream(&r.in.to, s->id);
		own->next = s->next, own->unordered_mid = s->unordered_mid;
		own->unordered_next = s->unordered_next, own->partial = s->partial;
	}
	delivery_walk(&r.in.to, r.window, w);
	uint32_t id = 0;
	own = idmap_next(&r.in.to.streams, &id);
	if (w->reading)
		*s = *own;
	receiver_close(&r);
}

START_TEST(test_a_stream_is_carried) {
	env_open();
	const struct rx_stream valid = {.next = 3 * SERIAL_ORIGIN, .unordered_mid = 3 * SERIAL_ORIGIN};
	const char *list = "messages are put in again";
	WALK_KIT_CARRIES(struct rx_stream, &valid, walk_stream, LEFT_OUT(struct rx_stream, pending, list),
	                 LEFT_OUT(struct rx_stream, under_way, list), LEFT_OUT(struct rx_stream, reset, "an event"),
	                 LEFT_OUT(struct rx_stream, fresh, "what the new stream costs is charged anew"));
	sluice_env_free(env);
}
END_TEST

/* ---- messages ---- */

static void walk_message(void *object, struct walk *w) {
	struct receiver r;
	receiver_begin(&r, true);
	struct rx_message *m = NULL;
	if (!w->reading) {
		m = rx_message_new(r.window, 0, 0, NULL);
		m->public = *(sluice_message *)object;
	}
	m = rx_message_walk(m, r.window, w);
	ck_assert_ptr_nonnull(m);
	*(sluice_message *)object = m->public;
	sluice_message_release(&m->public);
	receiver_close(&r);
}

START_TEST(test_a_message_is_carried) {
	env_open();
	const sluice_message valid = {0};
	const char *slices = "the bytes come in one slice; see below";
	WALK_KIT_CARRIES(sluice_message, &valid, walk_message, LEFT_OUT(sluice_message, iov, slices),
	                 LEFT_OUT(sluice_message, count, slices), LEFT_OUT(sluice_message, len, slices));
	sluice_env_free(env);
}
END_TEST

/* ---- what is under way ---- */

static void give(struct receiver *r, uint32_t tsn, uint8_t flags, uint16_t number, uint32_t fsn, const char *text) {
	struct wire_data d = {.flags = flags,
	                      .tsn = tsn,
	                      .stream = 7,
	                      .ssn = number,
	                      .mid = number,
	                      .fsn = fsn,
	                      .ppid = 0x01020304,
	                      .payload = (const uint8_t *)text,
	                      .len = (uint16_t)strlen(text)};
	uint8_t bytes[64] = {0};
	struct writer w = writer_of(bytes, sizeof bytes);
	size_t header = r->interleaving ? WIRE_I_DATA_HEADER : WIRE_DATA_HEADER;
	uint8_t *p = write_space(&w, header + d.len);
	if (r->interleaving)
		wire_i_data_header_put(p, &d);
	else
		wire_data_header_put(p, &d);
	memcpy(p + header, text, d.len);
	struct reader in = reader_of(bytes, header + pad4(d.len));
	struct wire_chunk c;
	ck_assert_int_eq(wire_chunk_next(&in, &c), 1);
	receiver_batch_begin(r, SLUICE_S);
	ck_assert_uint_eq(receiver_data(r, &c, NULL), RECEIVER_ACKNOWLEDGE);
}

/* The next message that the app gets. */
static void expect(struct receiver *r, uint8_t type, const char *text, bool unordered) {
	struct event_node *n = event_pop(&events);
	ck_assert_ptr_nonnull(n);
	ck_assert_uint_eq(n->type, type);
	sluice_message *m = receiver_take_event(r, n);
	ck_assert_uint_eq(m->stream, 7);
	ck_assert_uint_eq(m->ppid, 0x01020304);
	ck_assert_int_eq(m->unordered, unordered);
	ck_assert_uint_eq(m->len, strlen(text));
	ck_assert_mem_eq(sluice_message_data(m), text, m->len);
	sluice_message_release(m);
}

static const uint8_t B = WIRE_DATA_B, E = WIRE_DATA_E, U = WIRE_DATA_U;

/* Messages of which something is missing: a whole one behind a lost one, two halves, one in parts, one unordered. */
START_TEST(test_what_is_under_way_is_carried_and_goes_on) {
	for (int interleaving = 0; interleaving < 2; interleaving++) {
		env_open();
		struct receiver from, to;
		receiver_begin(&from, interleaving);
		receiver_open(&to);
		receiver_negotiate(&to, interleaving, true);
		ck_assert_int_eq(receiver_set_partial(&from, 7, 4), 0);
		give(&from, 1, B, 0, 0, "parts");
		expect(&from, SLUICE_SCTP_MESSAGE_PART, "parts", false);
		give(&from, 4, B | U, 9, 0, "un");
		give(&from, 7, B, 1, 0, "fi");
		give(&from, 9, E, 1, 2, "ed");
		give(&from, 11, B | E, 2, 0, "whole");
		walk_kit_carry(&from, &to, walk_whole);
		ck_assert(receiver_check(&to));
		ck_assert_uint_eq(to.window->payload, from.window->payload);
		give(&to, 2, E, 0, 1, "the end");
		expect(&to, SLUICE_SCTP_MESSAGE_PART, "the end", false);
		give(&to, 5, E | U, 9, 1, "ordered");
		expect(&to, SLUICE_SCTP_MESSAGE, "unordered", true);
		give(&to, 8, 0, 1, 1, "nish");
		expect(&to, SLUICE_SCTP_MESSAGE, "finished", false);
		expect(&to, SLUICE_SCTP_MESSAGE, "whole", false);
		ck_assert_uint_eq(to.in.to.messages, 4);
		ck_assert(receiver_check(&to));
		receiver_close(&from);
		receiver_close(&to);
		sluice_env_free(env);
	}
}
END_TEST

/* ---- events ---- */

static void walk_events(void *object, struct walk *w) {
	struct receiver *r = object;
	struct event_node *n = w->reading ? NULL : events.head;
	while (walk_more(w, n != NULL)) {
		uint8_t type = n ? n->type : 0;
		WALK(w, type);
		ck_assert(receiver_has_event(type));
		receiver_walk_event(r, type, n, w);
		n = n ? n->next : NULL;
	}
	if (!w->reading) /* the queue is the test's one; the new place's is empty */
		for (struct event_node *old; (old = event_pop(&events));)
			receiver_drop_event(r, old);
}

START_TEST(test_events_that_wait_are_carried_in_their_order) {
	env_open();
	struct receiver from, to;
	receiver_begin(&from, false);
	receiver_begin(&to, false);
	give(&from, 1, B | E, 0, 0, "one");
	ck_assert(receiver_reset_stream(&from, 7));
	ck_assert(receiver_reset_all(&from));
	give(&from, 2, B | E | U, 0, 0, "two");
	walk_kit_carry(&from, &to, walk_events);
	ck_assert_uint_eq(from.in.to.resets, 0);
	expect(&to, SLUICE_SCTP_MESSAGE, "one", false);
	struct event_node *n = event_pop(&events);
	ck_assert(n->type == SLUICE_SCTP_RESET_IN && n->stream == 7);
	receiver_drop_event(&to, n);
	n = event_pop(&events);
	ck_assert(n == &to.reset_all && n->stream == SLUICE_SCTP_ALL_STREAMS);
	expect(&to, SLUICE_SCTP_MESSAGE, "two", true);
	receiver_close(&from);
	receiver_close(&to);
	sluice_env_free(env);
}
END_TEST

SUITE("walk_rx", test_the_window_is_carried, test_a_window_that_is_read_takes_its_share_of_the_budget,
      test_the_sack_policy_is_carried, test_the_map_is_carried_with_its_blocks, test_the_fields_of_the_receiver_are_carried,
      test_duplicates_and_a_waiting_early_sack_are_carried, test_a_stream_is_carried, test_a_message_is_carried,
      test_what_is_under_way_is_carried_and_goes_on, test_events_that_wait_are_carried_in_their_order)
