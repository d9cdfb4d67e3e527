/* Do the rooms of `sluice forward` carry what one publishes to all who watch: every picture, to each in the size that its line
 * carries, with few requests for keyframes? What happens when publishers and watchers come and go?
 *
 * Real peers over lines in virtual time (forward_kit.h). */
#include "forward_kit.h"

static struct stage s; /* a test runs in a process of its own */

static const size_t one_size[] = {1500};
/* 137, 411 and 1,505 kb/s. */
static const size_t three_sizes[] = {520, 1560, 5700};

/* ---- one to many --------------------------------------------------------------------------------------------------- */

START_TEST(test_twenty_watchers_get_every_picture_and_sound) {
	stage_begin(&s, 0);
	struct guest *p = stage_publish(&s, one_size, 1, NULL);
	stage_until_connected(&s);
	stage_run(&s, SLUICE_S);
	for (int i = 0; i < 20; i++)
		ck_assert_ptr_nonnull(stage_watch(&s, NULL));
	stage_until_connected(&s);
	stage_run(&s, 5 * SLUICE_S);
	for (unsigned i = 1; i < s.count; i++) {
		const struct guest *g = &s.guests[i];
		ck_assert_msg(g->frames > 135 && g->gaps == 0, "watcher %u: %u pictures, %u gaps", i, g->frames, g->gaps);
		ck_assert_msg(g->sounds > 40, "watcher %u: %u sounds", i, g->sounds);
		ck_assert_uint_ge(g->last, p->number - 4);
	}
	/* All of them came at once, and each needed a keyframe. */
	ck_assert_msg(p->key_requests[0] >= 1 && p->key_requests[0] <= 3, "%u requests", p->key_requests[0]);
	struct forward_stats stats;
	ck_assert(forward_stats_get(s.forward, 0, &stats));
	ck_assert_str_eq(stats.name, "stage");
	ck_assert(stats.has_publisher && stats.watchers == 20 && stats.dropped == 0);
	ck_assert_uint_gt(stats.rate_in, 300000);
	stage_end(&s);
}
END_TEST

START_TEST(test_a_watchers_tracks_are_in_the_publishers_stream) {
	stage_begin(&s, 0);
	ck_assert_ptr_nonnull(stage_publish(&s, one_size, 1, NULL));
	stage_until_connected(&s);
	struct guest *g = stage_watch(&s, NULL);
	ck_assert_ptr_nonnull(g);
	stage_until_connected(&s);
	ck_assert_str_eq(sluice_transceiver_remote_stream(g->video, 0), STAGE_STREAM);
	ck_assert_str_eq(sluice_transceiver_remote_stream(g->audio, 0), STAGE_STREAM);
	stage_end(&s);
}
END_TEST

START_TEST(test_keyframes_that_many_need_are_asked_for_twice_a_second_at_most) {
	stage_begin(&s, 0);
	struct guest *p = stage_publish(&s, one_size, 1, NULL);
	stage_until_connected(&s);
	for (int i = 0; i < 12; i++)
		stage_watch(&s, NULL);
	stage_until_connected(&s);
	stage_run(&s, 2 * SLUICE_S);
	uint32_t before = p->key_requests[0], keys = s.guests[1].keys;
	/* A different one every 100 ms. */
	for (unsigned i = 1; i < 13; i++) {
		sluice_track_request_keyframe(sluice_transceiver_receiver(s.guests[i].video), 0);
		stage_run(&s, 100 * SLUICE_MS);
	}
	stage_run(&s, SLUICE_S);
	uint32_t asked = p->key_requests[0] - before;
	ck_assert_msg(asked >= 2 && asked <= 4, "%u requests in 1.2 s", asked);
	ck_assert_uint_ge(s.guests[1].keys, keys + 2);
	stage_end(&s);
}
END_TEST

/* ---- layers -------------------------------------------------------------------------------------------------------- */

START_TEST(test_each_watcher_gets_the_layer_that_its_line_carries) {
	const struct link_config narrow = {.rate = 300000, .delay = 20 * SLUICE_MS, .queue = 20000};
	const struct link_config medium = {.rate = 700000, .delay = 20 * SLUICE_MS, .queue = 35000};
	stage_begin(&s, 0);
	stage_publish(&s, three_sizes, 3, NULL);
	stage_until_connected(&s);
	struct guest *fast = stage_watch(&s, NULL), *slow = stage_watch(&s, &narrow), *middle = stage_watch(&s, &medium);
	stage_until_connected(&s);
	stage_run(&s, 12 * SLUICE_S);
	ck_assert_int_eq(fast->layer, 2);
	ck_assert_uint_eq(slow->frames_of[1] + slow->frames_of[2] + middle->frames_of[2], 0);
	fast->frames_of[2] = fast->gaps = slow->frames_of[0] = middle->frames = middle->frames_of[1] = 0;
	stage_run(&s, 10 * SLUICE_S);
	ck_assert_msg(fast->frames_of[2] > 280 && fast->gaps <= 1, "%u pictures, %u gaps", fast->frames_of[2], fast->gaps);
	ck_assert_msg(slow->frames_of[0] > 280, "%u pictures", slow->frames_of[0]);
	ck_assert_msg(middle->frames > 270 && middle->frames_of[1] > 200, "%u pictures, %u of the middle layer", middle->frames,
	              middle->frames_of[1]);
	ck_assert_uint_eq(slow->frames_of[2] + middle->frames_of[2], 0);
	stage_end(&s);
}
END_TEST

START_TEST(test_a_line_that_gets_narrow_gets_less_soon_and_more_when_it_is_wide_again) {
	const struct link_config wide = {.rate = 4000000, .delay = 20 * SLUICE_MS, .queue = 60000};
	stage_begin(&s, 0);
	stage_publish(&s, three_sizes, 3, NULL);
	stage_until_connected(&s);
	struct guest *g = stage_watch(&s, &wide), *other = stage_watch(&s, &wide);
	stage_until_connected(&s);
	stage_run(&s, 12 * SLUICE_S);
	ck_assert_int_eq(g->layer, 2);
	struct sim_link *line = sim_link(&s.sim, g->server->host, g->far->host);
	line->config.rate = 300000;
	stage_run(&s, 4 * SLUICE_S);
	ck_assert_msg(g->layer < 2, "it still gets the highest layer after 4 s");
	ck_assert_int_eq(other->layer, 2);
	g->frames = 0;
	stage_run(&s, 8 * SLUICE_S);
	ck_assert_int_eq(g->layer, 0);
	ck_assert_msg(g->frames > 150, "%u pictures in 8 s", g->frames);
	line->config.rate = 4000000;
	stage_run(&s, 30 * SLUICE_S);
	ck_assert_int_eq(g->layer, 2);
	stage_end(&s);
}
END_TEST

START_TEST(test_a_layer_that_is_not_sent_any_more_is_left) {
	stage_begin(&s, 0);
	struct guest *p = stage_publish(&s, three_sizes, 3, NULL);
	stage_until_connected(&s);
	struct guest *g = stage_watch(&s, NULL);
	stage_until_connected(&s);
	stage_run(&s, 12 * SLUICE_S);
	ck_assert_int_eq(g->layer, 2);
	p->layers = 2;
	stage_run(&s, 3 * SLUICE_S);
	ck_assert_int_eq(g->layer, 1);
	ck_assert_uint_lt(g->longest_wait, 2 * SLUICE_S);
	stage_end(&s);
}
END_TEST

/* ---- choosing ------------------------------------------------------------------------------------------------------ */

START_TEST(test_a_choice_falls_at_once_and_climbs_when_there_was_room_for_a_while) {
	const struct choice_layers l = {.rates = {100000, 400000, 1500000}, .count = 3};
	static const struct {
		uint64_t at, budget; /* ms, bit/s */
		int layer;
	} steps[] = {
		{0, 300000, 0},      {100, 500000, 0},    {1099, 500000, 0},   {1100, 500000, 1}, /* 400,000 and a quarter fit */
		{1200, 499999, 1},   {2500, 499999, 1},   {2600, 364000, 1},   {2700, 363000, 0}, /* a tenth too much */
		{2800, 3000000, 0},  {4799, 3000000, 0},  {4800, 3000000, 2},  {4900, 150000, 0}, /* twice as long */
		{5000, 3000000, 0},  {8999, 3000000, 0},  {9000, 3000000, 2},  {19000, 3000000, 2}, /* it held */
		{19100, 1000, 0},    {19200, 3000000, 0}, {20199, 3000000, 0}, {20200, 3000000, 2},
		{20300, 1900000, 2}, {20400, 1400000, 2}, {20500, 1300000, 1},
	};
	struct choice c;
	choice_init(&c);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		int layer = choice_make(&c, &l, steps[i].budget, steps[i].at * SLUICE_MS);
		ck_assert_msg(layer == steps[i].layer, "after %llu ms: layer %d", (unsigned long long)steps[i].at, layer);
	}
}
END_TEST

/* ---- coming and going ---------------------------------------------------------------------------------------------- */

START_TEST(test_another_publisher_goes_on_in_the_watchers_tracks) {
	stage_begin(&s, 0);
	struct guest *p = stage_publish(&s, one_size, 1, NULL);
	stage_until_connected(&s);
	struct guest *g = stage_watch(&s, NULL);
	stage_until_connected(&s);
	stage_run(&s, 2 * SLUICE_S);
	/* Crashes: its session is there, and nothing comes. */
	p->is_sending = false;
	stage_run(&s, SLUICE_S);
	ck_assert_ptr_null(stage_publish(&s, one_size, 1, NULL));
	ck_assert_uint_eq(s.guests[s.count - 1].why.status, 409);
	ck_assert_uint_gt(s.guests[s.count - 1].why.retry_after, 0);
	stage_run(&s, 3 * SLUICE_S);
	uint32_t before = g->frames;
	struct guest *again = stage_publish(&s, one_size, 1, NULL);
	ck_assert_ptr_nonnull(again);
	again->first = again->number = 5000;
	stage_until_connected(&s);
	stage_run(&s, 2 * SLUICE_S);
	ck_assert_ptr_nonnull(p->over);
	ck_assert_ptr_null(g->over);
	ck_assert_msg(g->frames > before + 50 && g->last > 5050, "%u pictures more, the last is number %u", g->frames - before,
	              g->last);
	ck_assert_uint_eq(g->gaps, 1);
	/* Leaves in order; the place is free at once. */
	stage_leave(again);
	struct guest *third = stage_publish(&s, one_size, 1, NULL);
	ck_assert_ptr_nonnull(third);
	stage_until_connected(&s);
	before = g->frames;
	stage_run(&s, 2 * SLUICE_S);
	ck_assert_uint_gt(g->frames, before + 50);
	ck_assert_uint_eq(sluice_track_is_sender(sluice_transceiver_receiver(g->video)), false);
	stage_end(&s);
}
END_TEST

START_TEST(test_watchers_wait_half_a_minute_for_a_publisher) {
	stage_begin(&s, 0);
	ck_assert_ptr_null(stage_watch(&s, NULL));
	ck_assert_uint_eq(s.guests[0].why.status, 409);
	ck_assert_uint_gt(s.guests[0].why.retry_after, 0);
	struct guest *p = stage_publish(&s, one_size, 1, NULL);
	stage_until_connected(&s);
	struct guest *g = stage_watch(&s, NULL);
	stage_until_connected(&s);
	stage_leave(p);
	ck_assert_ptr_null(stage_watch(&s, NULL));
	stage_run(&s, 29 * SLUICE_S);
	ck_assert_ptr_null(g->over);
	stage_run(&s, 2 * SLUICE_S);
	ck_assert_ptr_nonnull(g->over);
	struct forward_stats stats;
	ck_assert(!forward_stats_get(s.forward, 0, &stats));
	stage_end(&s);
}
END_TEST

START_TEST(test_a_room_takes_so_many_watchers_and_no_more) {
	stage_begin(&s, 2);
	stage_publish(&s, one_size, 1, NULL);
	stage_until_connected(&s);
	struct guest *g = stage_watch(&s, NULL);
	ck_assert_ptr_nonnull(stage_watch(&s, NULL));
	ck_assert_ptr_null(stage_watch(&s, NULL));
	ck_assert_uint_eq(s.guests[s.count - 1].why.status, 503);
	stage_leave(g);
	ck_assert_ptr_nonnull(stage_watch(&s, NULL));
	stage_end(&s);
}
END_TEST

START_TEST(test_watchers_that_leave_in_the_middle_cost_the_others_nothing_and_leave_nothing_behind) {
	stage_begin(&s, 0);
	stage_publish(&s, one_size, 1, NULL);
	stage_until_connected(&s);
	struct guest *stays = stage_watch(&s, NULL);
	stage_until_connected(&s);
	stage_run(&s, 2 * SLUICE_S);
	size_t after_first = 0;
	for (int round = 0; round < 5; round++) {
		struct guest *g[8];
		for (int i = 0; i < 8; i++)
			ck_assert_ptr_nonnull(g[i] = stage_watch(&s, NULL));
		stage_until_connected(&s);
		stage_run(&s, SLUICE_S);
		for (int i = 0; i < 8; i++) {
			ck_assert_uint_gt(g[i]->frames, 5);
			stage_leave(g[i]);
			stage_run(&s, 5 * SLUICE_MS);
		}
		stage_run(&s, SLUICE_S);
		after_first = round == 0 ? s.memory.bytes : after_first;
	}
	/* What is kept for the next ones was there after the first. */
	ck_assert_msg(s.memory.bytes <= after_first + after_first / 10, "%zu bytes, and %zu after the first", s.memory.bytes,
	              after_first);
	ck_assert_uint_eq(stays->gaps, 0);
	ck_assert_uint_ge(stays->last, s.guests[0].number - 4);
	stage_end(&s);
}
END_TEST

/* ---- codecs -------------------------------------------------------------------------------------------------------- */

START_TEST(test_a_watcher_without_the_codec_that_is_sent_is_refused_with_its_name) {
	stage_begin(&s, 0);
	stage_publish_codec(&s, SLUICE_CODEC_VP8);
	ck_assert_ptr_null(stage_watch_codec(&s, SLUICE_CODEC_H264));
	const struct refusal *why = &s.guests[1].why;
	ck_assert_uint_eq(why->status, 422);
	ck_assert_msg(strstr(why->text, "VP8") != NULL, "%s", why->text);
	/* Before and behind the first packet. */
	stage_until_connected(&s);
	stage_run(&s, SLUICE_S);
	ck_assert_ptr_null(stage_watch_codec(&s, SLUICE_CODEC_AV1));
	ck_assert_ptr_nonnull(stage_watch_codec(&s, SLUICE_CODEC_VP8));
	stage_end(&s);
}
END_TEST

START_TEST(test_a_publisher_of_another_codec_ends_those_that_cannot_take_it) {
	stage_begin(&s, 0);
	struct guest *p = stage_publish_codec(&s, SLUICE_CODEC_VP8);
	stage_until_connected(&s);
	struct guest *g = stage_watch_codec(&s, SLUICE_CODEC_VP8);
	stage_until_connected(&s);
	stage_leave(p);
	ck_assert_ptr_nonnull(stage_publish_codec(&s, SLUICE_CODEC_VP9));
	stage_run(&s, SLUICE_S);
	ck_assert_ptr_nonnull(g->over);
	stage_end(&s);
}
END_TEST

SUITE("forward", test_a_choice_falls_at_once_and_climbs_when_there_was_room_for_a_while,
      test_twenty_watchers_get_every_picture_and_sound, test_keyframes_that_many_need_are_asked_for_twice_a_second_at_most,
      test_each_watcher_gets_the_layer_that_its_line_carries,
      test_a_line_that_gets_narrow_gets_less_soon_and_more_when_it_is_wide_again, test_a_layer_that_is_not_sent_any_more_is_left,
      test_another_publisher_goes_on_in_the_watchers_tracks, test_watchers_wait_half_a_minute_for_a_publisher,
      test_a_room_takes_so_many_watchers_and_no_more,
      test_watchers_that_leave_in_the_middle_cost_the_others_nothing_and_leave_nothing_behind,
      test_a_watcher_without_the_codec_that_is_sent_is_refused_with_its_name,
      test_a_publisher_of_another_codec_ends_those_that_cannot_take_it, test_a_watchers_tracks_are_in_the_publishers_stream)
