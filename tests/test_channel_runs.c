/* Many messages in one call: sluice_channel_send_many() out, on_messages in. What arrives, in which order, and what may an app do
 * in the middle of it? */
#include "channel_kit.h"

/* ---- an app that takes runs ------------------------------------------------------------------------------------------ */

#define CALLS 256

/* What one channel got, by call. */
struct taker {
	struct world *world;
	struct app *app;
	size_t calls, sizes[CALLS], total;
	bool closed;
	char text[4096]; /* the messages one after the other, each with its kind before it: t or b */
	sluice_message *kept[SLUICE_RUN_MAX];
	size_t kept_count;
	void (*then)(struct taker *t, sluice_channel *ch, sluice_message *const *run, size_t count);
};

static struct taker takers[2]; /* by the first letter of the label: x and y */

static void on_messages(sluice_channel *ch, sluice_message *const *run, size_t count, bool text, void *user) {
	struct taker *t = user;
	ck_assert(!t->closed && count >= 1 && count <= SLUICE_RUN_MAX && t->calls < CALLS);
	t->sizes[t->calls++] = count;
	t->total += count;
	for (size_t i = 0; i < count; i++) {
		const char *bytes = sluice_message_data(run[i]);
		size_t at = strlen(t->text);
		ck_assert_uint_lt(at + run[i]->len + 2, sizeof t->text);
		t->text[at] = text ? 't' : 'b';
		memcpy(t->text + at + 1, bytes, run[i]->len);
	}
	end_note(t->app->end, "run:%s:%zu", t->app->name, count);
	if (t->then)
		t->then(t, ch, run, count);
}

static void on_closed(sluice_channel *ch, int error, uint64_t lost, void *user) {
	struct taker *t = user;
	(void)ch, (void)error, (void)lost;
	end_note(t->app->end, "closed:%s", t->app->name);
	t->closed = true;
	t->app->ch = NULL;
}

static const sluice_channel_callbacks in_runs = {.on_messages = on_messages, .on_closed = on_closed};

static void take_runs(struct app *app) {
	struct taker *t = &takers[app->name[0] == 'y'];
	*t = (struct taker){.app = app, .then = t->then};
	sluice_channel_set_callbacks(app->ch, &in_runs, t);
}

/* Two ends; b takes runs. The channel x is open from a. */
static struct world *world_of_runs(struct app **x) {
	memset(takers, 0, sizeof takers);
	struct world *w = world_up(NULL);
	w->b.on_channel = take_runs;
	*x = end_open_label(&w->a, "x");
	world_run(w, SLUICE_S);
	takers[0].world = w;
	return w;
}

/* Messages "0", "1", ... of one character each, from the character `first` on. */
static int send_chars(struct app *a, char first, size_t count) {
	static char chars[256];
	struct iovec messages[256];
	for (size_t i = 0; i < count; i++) {
		chars[i] = (char)(first + (char)i);
		messages[i] = (struct iovec){&chars[i], 1};
	}
	return sluice_channel_send_many(a->ch, true, messages, count);
}

/* ---- sending --------------------------------------------------------------------------------------------------------- */

START_TEST(test_a_full_buffer_a_closed_channel_and_none_at_all_are_told_apart) {
	struct world *w = world_up(NULL);
	sluice_channel_config config = {.label = "x", .high_water = 100};
	struct app *a = end_open(&w->a, &config);
	static char digits[20][10];
	struct iovec messages[20];
	for (int i = 0; i < 20; i++) {
		memset(digits[i], '0' + i, 10);
		messages[i] = (struct iovec){digits[i], 10};
	}
	ck_assert_int_eq(sluice_channel_send_many(a->ch, false, messages, 20), SLUICE_WRONG_STATE);
	ck_assert_int_eq(sluice_channel_send_many(a->ch, false, NULL, 0), 0);
	world_run(w, SLUICE_S);
	ck_assert_int_eq(sluice_channel_send_many(a->ch, false, messages, 20), 10);
	ck_assert_uint_eq(sluice_channel_buffered_amount(a->ch), 100);
	ck_assert_int_eq(sluice_channel_send_many(a->ch, false, messages + 10, 10), SLUICE_WOULD_BLOCK);
	ck_assert_int_eq(sluice_channel_send_many(a->ch, false, NULL, 0), 0);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(a->writables, 1);
	ck_assert_int_eq(sluice_channel_send_many(a->ch, false, messages + 10, 10), 10);
	world_run(w, SLUICE_S);
	struct app *b = end_app(&w->b, "x");
	ck_assert_uint_eq(b->got_count, 20);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(b->got[i].data[9], '0' + i);
	sluice_channel_stats stats;
	sluice_channel_stats_get(a->ch, &stats);
	ck_assert_uint_eq(stats.messages_sent, 20);
	ck_assert_uint_eq(stats.bytes_sent, 200);
	sluice_channel_close(a->ch);
	ck_assert_int_eq(sluice_channel_send_many(a->ch, false, messages, 20), SLUICE_CLOSED);
	ck_assert_int_eq(sluice_channel_send_many(a->ch, false, NULL, 0), 0);
	world_free(w);
}
END_TEST

START_TEST(test_what_is_too_large_in_the_middle_ends_the_call_there_and_what_is_empty_does_not) {
	struct world *w = world_up(NULL);
	struct app *a = end_open_label(&w->a, "x");
	world_run(w, SLUICE_S);
	static char large[65537];
	struct iovec messages[] = {{"one", 3}, {NULL, 0}, {"two", 3}, {large, sizeof large}, {"three", 5}};
	ck_assert_int_eq(sluice_channel_send_many(a->ch, true, messages, 5), 3);
	ck_assert_int_eq(sluice_channel_send_many(a->ch, true, messages + 3, 2), SLUICE_TOO_LARGE);
	ck_assert_int_eq(sluice_channel_send_many(a->ch, true, messages + 4, 1), 1);
	ck_assert_uint_eq(sluice_channel_buffered_amount(a->ch), 11);
	world_run(w, SLUICE_S);
	static const char *const want[] = {"one", "", "two", "three"};
	struct app *b = end_app(&w->b, "x");
	ck_assert_uint_eq(b->got_count, 4);
	for (int i = 0; i < 4; i++) {
		ck_assert_str_eq(b->got[i].data, want[i]);
		ck_assert(b->got[i].text);
	}
	world_free(w);
}
END_TEST

/* On an empty channel a message is always taken, and its OPEN, which is under way, must not be in the way of that. */
START_TEST(test_the_first_of_many_is_taken_while_the_open_is_under_way) {
	struct world *w = world_up(NULL);
	sluice_channel_config config = {.label = "x", .high_water = 8};
	struct app *a = end_open(&w->a, &config);
	ck_assert(world_until(w, a->opens));
	ck_assert_int_eq(send_chars(a, '0', 20), 1);
	world_run(w, SLUICE_S);
	ck_assert_int_eq(send_chars(a, '1', 20), 8);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(end_app(&w->b, "x")->got_count, 9);
	world_free(w);
}
END_TEST

START_TEST(test_more_than_a_run_of_every_kind_of_channel_arrives_in_order) {
	enum { COUNT = 1000 };
	for (unsigned kind = SLUICE_RELIABLE; kind <= SLUICE_LIFETIME; kind++) {
		struct world *w = world_up(NULL);
		sluice_channel_config config = {
			.label = "x", .reliability = (enum sluice_reliability)kind, .reliability_value = 1000};
		struct app *a = end_open(&w->a, &config);
		world_run(w, SLUICE_S);
		static uint8_t bytes[COUNT][8];
		struct iovec messages[COUNT];
		for (uint32_t i = 0; i < COUNT; i++) {
			for (size_t at = 0; at < 8; at++)
				bytes[i][at] = (uint8_t)(at * 7 + i);
			put_be32(bytes[i], i);
			messages[i] = (struct iovec){bytes[i], 4 + i % 5};
		}
		ck_assert_int_eq(sluice_channel_send_many(a->ch, false, messages, COUNT), COUNT);
		world_run(w, 5 * SLUICE_S);
		struct app *b = end_app(&w->b, "x");
		ck_assert_uint_eq(b->got_count, COUNT);
		for (uint32_t i = 0; i < COUNT; i++)
			ck_assert(got_number(&b->got[i]) == i && b->got[i].len == 4 + i % 5);
		world_free(w);
	}
}
END_TEST

/* RFC 7496, 3.2: messages of a lower rank make room, also for one of many. */
START_TEST(test_many_messages_of_a_rank_make_room_for_each_other) {
	struct world_config c;
	world_config_init(&c);
	c.b_raw = true;
	struct world *w = world_up(&c);
	ck_assert_int_eq(sluice_sctp_set_high_water(w->b.sctp, 1, 100), 0);
	sluice_send_info low = {.stream = 1, .ppid = 53, .reliability = SLUICE_PRIORITY_DROP, .value = 7}, high = low;
	high.value = 2;
	static char bytes[2][10];
	struct iovec messages[10];
	for (int i = 0; i < 10; i++)
		messages[i] = (struct iovec){bytes[0], 10};
	ck_assert_int_eq(sluice_sctp_send_many(w->b.sctp, &low, messages, 10), 10);
	ck_assert_int_eq(sluice_sctp_send_many(w->b.sctp, &low, messages, 10), SLUICE_WOULD_BLOCK);
	ck_assert_int_eq(sluice_sctp_send_many(w->b.sctp, &high, messages, 4), 4);
	ck_assert_uint_eq(sluice_sctp_buffered(w->b.sctp, 1), 100);
	low.reliability = SLUICE_RELIABLE;
	ck_assert_int_eq(sluice_sctp_send_many(w->b.sctp, &low, messages, 10), 10);
	ck_assert_uint_eq(sluice_sctp_buffered_messages(w->b.sctp, 1), 10);
	messages[2].iov_len = 0;
	world_run(w, SLUICE_S);
	ck_assert_int_eq(sluice_sctp_send_many(w->b.sctp, &low, messages, 10), 2);
	ck_assert_int_eq(sluice_sctp_send_many(w->b.sctp, &low, messages + 2, 8), SLUICE_INVALID);
	ck_assert_int_eq(sluice_sctp_send_many(w->b.sctp, &low, NULL, 0), 0);
	low.stream = UINT16_MAX;
	ck_assert_int_eq(sluice_sctp_send_many(w->b.sctp, &low, messages, 2), SLUICE_INVALID);
	world_free(w);
}
END_TEST

/* The memory runs out at each message in turn. */
START_TEST(test_without_memory_the_messages_before_are_queued_and_the_rest_can_be_sent_again) {
	enum { COUNT = 8 };
	for (uint64_t n = 1; n <= COUNT; n++) {
		struct app *a;
		struct world *w = world_of_runs(&a);
		static char bytes[COUNT][50000]; /* more than the pool has idle */
		struct iovec messages[COUNT];
		for (int i = 0; i < COUNT; i++) {
			memset(bytes[i], '0' + i, sizeof bytes[i]);
			messages[i] = (struct iovec){bytes[i], sizeof bytes[i]};
		}
		w->b.on_channel = NULL;
		sluice_channel_set_callbacks(takers[0].app->ch, NULL, NULL);
		w->a.memory.fail_at = n;
		w->a.memory.fail_for = 2; /* the message at which a run ends is tried once more by itself */
		w->a.memory.failures = 0;
		int first = sluice_channel_send_many(a->ch, false, messages, COUNT);
		ck_assert_uint_eq(w->a.memory.failures, 2);
		ck_assert_int_eq(first, (n == 1 ? SLUICE_NO_MEMORY : (int)n - 1));
		int had = n == 1 ? 0 : first;
		ck_assert_uint_eq(sluice_channel_buffered_amount(a->ch), (uint64_t)had * sizeof bytes[0]);
		ck_assert_int_eq(sluice_channel_send_many(a->ch, false, messages + had, (size_t)(COUNT - had)), COUNT - had);
		world_run(w, 5 * SLUICE_S);
		sluice_channel_stats stats;
		sluice_channel_stats_get(takers[0].app->ch, &stats);
		ck_assert_uint_eq(stats.messages_received, COUNT);
		world_free(w);
	}
}
END_TEST

/* ---- receiving ------------------------------------------------------------------------------------------------------- */

START_TEST(test_messages_of_one_packet_come_in_one_call_in_order) {
	struct app *a;
	struct world *w = world_of_runs(&a);
	ck_assert_int_eq(send_chars(a, 'a', 10), 10);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(takers[0].calls, 1);
	ck_assert_uint_eq(takers[0].sizes[0], 10);
	ck_assert_str_eq(takers[0].text, "tatbtctdtetftgthtitj");
	ck_assert_int_eq(sluice_channel_send_text(a->ch, "alone", 5), 0);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(takers[0].calls, 2);
	ck_assert_uint_eq(takers[0].sizes[1], 1);
	sluice_channel_stats stats;
	sluice_channel_stats_get(takers[0].app->ch, &stats);
	ck_assert_uint_eq(stats.messages_received, 11);
	ck_assert_uint_eq(stats.bytes_received, 15);
	world_free(w);
}
END_TEST

START_TEST(test_text_binary_and_empty_messages_do_not_share_a_run) {
	struct app *a;
	struct world *w = world_of_runs(&a);
	send_chars(a, '1', 2);
	ck_assert_int_eq(sluice_channel_send(a->ch, "3", 1), 0);
	ck_assert_int_eq(sluice_channel_send(a->ch, "4", 1), 0);
	ck_assert_int_eq(sluice_channel_send_text(a->ch, "", 0), 0);
	ck_assert_int_eq(sluice_channel_send_text(a->ch, "", 0), 0);
	ck_assert_int_eq(sluice_channel_send(a->ch, "", 0), 0);
	send_chars(a, '5', 1);
	world_run(w, SLUICE_S);
	ck_assert_str_eq(takers[0].text, "t1t2b3b4ttbt5");
	static const size_t sizes[] = {2, 2, 2, 1, 1};
	ck_assert_uint_eq(takers[0].calls, 5);
	ck_assert_mem_eq(takers[0].sizes, sizes, sizeof sizes);
	world_free(w);
}
END_TEST

/* What comes between two messages of a channel ends the run: another channel's messages, and the end of a channel. */
START_TEST(test_the_order_between_channels_is_that_of_single_messages) {
	struct app *a;
	struct world *w = world_of_runs(&a);
	struct app *y = end_open_label(&w->a, "y");
	world_run(w, SLUICE_S);
	w->b.journal_len = 0;
	/* With equal weights the channels take turns by message. */
	ck_assert_int_eq(send_chars(a, '1', 3), 3);
	ck_assert_int_eq(send_chars(y, '1', 1), 1);
	world_run(w, SLUICE_S);
	ck_assert_journal(&w->b, "run:x:1 run:y:1 run:x:2");
	w->b.journal_len = 0;
	ck_assert_int_eq(send_chars(y, '2', 2), 2);
	sluice_channel_close(y->ch);
	ck_assert_int_eq(send_chars(a, '4', 2), 2);
	world_run(w, SLUICE_S);
	ck_assert_str_eq(takers[1].text, "t1t2t3");
	ck_assert_str_eq(takers[0].text, "t1t2t3t4t5");
	ck_assert_ptr_nonnull(strstr(w->b.journal, "closed:y"));
	world_free(w);
}
END_TEST

static void pause_now(struct taker *t, sluice_channel *ch, sluice_message *const *run, size_t count) {
	(void)t, (void)run, (void)count;
	sluice_channel_pause(ch);
}

/* 200 messages of one character take more than one packet. */
START_TEST(test_a_pause_in_a_run_holds_from_the_next_one_on) {
	struct app *a;
	struct world *w = world_of_runs(&a);
	struct taker *t = &takers[0];
	t->then = pause_now;
	ck_assert_int_eq(send_chars(a, 1, 200), 200);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(t->calls, 1);
	size_t first = t->sizes[0];
	ck_assert_uint_ge(first, 2);
	sluice_channel_resume(t->app->ch);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(t->calls, 2);
	ck_assert_uint_eq(t->sizes[1], SLUICE_RUN_MAX); /* of those that were held */
	t->then = NULL;
	sluice_channel_resume(t->app->ch);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(t->total, 200);
	ck_assert_uint_eq(t->calls, 2 + (200 - first - SLUICE_RUN_MAX + SLUICE_RUN_MAX - 1) / SLUICE_RUN_MAX);
	for (int i = 0; i < 200; i++)
		ck_assert_int_eq(t->text[2 * i + 1], (char)(1 + i));
	world_free(w);
}
END_TEST

static void close_now(struct taker *t, sluice_channel *ch, sluice_message *const *run, size_t count) {
	(void)t, (void)run, (void)count;
	sluice_channel_close(ch);
}

START_TEST(test_a_close_in_a_run_ends_the_channel_in_order) {
	struct app *a;
	struct world *w = world_of_runs(&a);
	takers[0].then = close_now;
	send_chars(a, 'a', 10);
	world_run(w, SLUICE_S);
	ck_assert_str_eq(takers[0].text, "tatbtctdtetftgthtitj");
	ck_assert(takers[0].closed && a->closes == 1);
	ck_assert_int_eq(a->error, 0);
	world_free(w);
}
END_TEST

static void free_set_now(struct taker *t, sluice_channel *ch, sluice_message *const *run, size_t count) {
	(void)ch;
	end_free_set(&t->world->b);
	/* The run is still there. */
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(*(const char *)sluice_message_data(run[i]), 'a' + (char)i);
}

static void free_all_now(struct taker *t, sluice_channel *ch, sluice_message *const *run, size_t count) {
	free_set_now(t, ch, run, count);
	sluice_sctp_abort(t->world->b.sctp, "gone");
}

START_TEST(test_the_channels_may_be_freed_in_a_run) {
	for (int abort = 0; abort < 2; abort++) {
		struct app *a;
		struct world *w = world_of_runs(&a);
		takers[0].then = abort ? free_all_now : free_set_now;
		send_chars(a, 'a', 10);
		world_run(w, SLUICE_S);
		ck_assert_uint_eq(takers[0].calls, 1);
		ck_assert_ptr_null(w->b.set);
		world_free(w);
	}
}
END_TEST

static void keep_odd(struct taker *t, sluice_channel *ch, sluice_message *const *run, size_t count) {
	(void)ch;
	for (size_t i = 1; i < count; i += 2) {
		sluice_message_retain(run[i]);
		t->kept[t->kept_count++] = run[i];
	}
}

START_TEST(test_single_messages_of_a_run_can_be_retained) {
	struct app *a;
	struct world *w = world_of_runs(&a);
	takers[0].then = keep_odd;
	send_chars(a, 'a', 10);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(takers[0].kept_count, 5);
	sluice_sctp_stats stats;
	sluice_sctp_stats_get(w->b.sctp, &stats);
	ck_assert_uint_gt(stats.held, 0);
	for (size_t i = 0; i < 5; i++) {
		ck_assert_int_eq(*(const char *)sluice_message_data(takers[0].kept[i]), 'b' + 2 * (char)i);
		sluice_message_release(takers[0].kept[i]);
	}
	sluice_sctp_stats after;
	sluice_sctp_stats_get(w->b.sctp, &after);
	ck_assert_uint_lt(after.held, stats.held);
	world_free(w);
}
END_TEST

static unsigned singles, parts;

static void on_single(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	(void)ch, (void)m, (void)text, (void)user;
	singles++;
}

static void on_part(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	(void)ch, (void)m, (void)text, (void)user;
	parts++;
}

static void go_single(struct taker *t, sluice_channel *ch, sluice_message *const *run, size_t count) {
	(void)run, (void)count;
	sluice_channel_set_callbacks(ch, &(sluice_channel_callbacks){.on_message = on_single}, t);
}

START_TEST(test_callbacks_may_be_replaced_in_a_run_and_parts_come_before_all_others) {
	struct app *a;
	struct world *w = world_of_runs(&a);
	struct taker *t = &takers[0];
	singles = parts = 0;
	t->then = go_single;
	ck_assert_int_eq(send_chars(a, 1, 200), 200);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(t->calls, 1);
	ck_assert_uint_eq(t->total + singles, 200);
	sluice_channel_callbacks both = {.on_messages = on_messages, .on_message = on_single};
	sluice_channel_set_callbacks(t->app->ch, &both, t);
	t->then = NULL;
	size_t before = singles;
	send_chars(a, 'a', 4);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(singles, before);
	ck_assert_uint_eq(t->calls, 2);
	both.on_message_part = on_part;
	sluice_channel_set_callbacks(t->app->ch, &both, t);
	send_chars(a, 'a', 4);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(parts, 4);
	ck_assert_uint_eq(t->calls, 2);
	world_free(w);
}
END_TEST

START_TEST(test_held_messages_come_in_runs_before_the_end_of_the_association) {
	struct app *a;
	struct world *w = world_of_runs(&a);
	sluice_channel_pause(takers[0].app->ch);
	send_chars(a, 1, 100);
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(takers[0].calls, 0);
	sluice_sctp_abort(w->a.sctp, "gone");
	world_run(w, SLUICE_S);
	ck_assert_uint_eq(takers[0].total, 100);
	ck_assert_uint_eq(takers[0].calls, 2);
	ck_assert(takers[0].closed);
	world_free(w);
}
END_TEST

SUITE("runs of messages", test_a_full_buffer_a_closed_channel_and_none_at_all_are_told_apart,
      test_what_is_too_large_in_the_middle_ends_the_call_there_and_what_is_empty_does_not,
      test_the_first_of_many_is_taken_while_the_open_is_under_way, test_more_than_a_run_of_every_kind_of_channel_arrives_in_order,
      test_many_messages_of_a_rank_make_room_for_each_other,
      test_without_memory_the_messages_before_are_queued_and_the_rest_can_be_sent_again,
      test_messages_of_one_packet_come_in_one_call_in_order, test_text_binary_and_empty_messages_do_not_share_a_run,
      test_the_order_between_channels_is_that_of_single_messages, test_a_pause_in_a_run_holds_from_the_next_one_on,
      test_a_close_in_a_run_ends_the_channel_in_order, test_the_channels_may_be_freed_in_a_run,
      test_single_messages_of_a_run_can_be_retained, test_callbacks_may_be_replaced_in_a_run_and_parts_come_before_all_others,
      test_held_messages_come_in_runs_before_the_end_of_the_association)
