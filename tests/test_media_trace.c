/* The trace of media: is every line JSON that says what happened, is the estimate in it the one of the statistics, and does a
 * traced session do what it does untraced? */
#include <jansson.h>

#include "track_kit.h"

#define FRAME (33 * SLUICE_MS)

/* ---- keeping what was told ---- */

struct told {
	unsigned lines, events;
	uint64_t last_at; /* ns */
	json_t *metrics;  /* each one's last value */
	json_t *counts;   /* of each name: the sum of "count", or how often it came */
	char state[16];
};

static void add(json_t *object, const char *name, json_int_t value) {
	json_object_set_new(object, name, json_integer(json_integer_value(json_object_get(object, name)) + value));
}

static void take_header(struct told *t, json_t *line) {
	const char *schema, *events;
	ck_assert_int_eq(json_unpack(line, "{s:s, s:{s:[s]}}", "file_schema", &schema, "trace", "event_schemas", &events), 0);
	ck_assert_str_eq(schema, "urn:ietf:params:qlog:file:sequential");
	ck_assert_str_eq(events, "urn:sluice:qlog:events:media-1");
	t->metrics = json_object();
	t->counts = json_object();
}

static void take_state(struct told *t, json_t *data) {
	const char *from, *to;
	ck_assert_int_eq(json_unpack(data, "{s:s, s:s}", "old", &from, "new", &to), 0);
	ck_assert(!*t->state || strcmp(t->state, from) == 0);
	ck_assert_str_ne(from, to);
	snprintf(t->state, sizeof t->state, "%s", to);
}

static void take_event(struct told *t, json_t *line) {
	const char *name;
	double at;
	json_t *data;
	ck_assert_int_eq(json_unpack(line, "{s:F, s:s, s:o!}", "time", &at, "name", &name, "data", &data), 0);
	ck_assert_int_eq(strncmp(name, "media:", 6), 0);
	ck_assert_uint_ge((uint64_t)(at * 1e6 + 0.5), t->last_at);
	t->last_at = (uint64_t)(at * 1e6 + 0.5);
	ck_assert_uint_gt(json_object_size(data), 0);
	if (strcmp(name, "media:metrics_updated") == 0)
		json_object_update(t->metrics, data);
	else if (strcmp(name, "media:congestion_state_updated") == 0)
		take_state(t, data);
	json_t *count = json_object_get(data, "count");
	add(t->counts, name, count ? json_integer_value(count) : 1);
	t->events++;
}

static void keep(void *ctx, const char *text, size_t len) {
	struct told *t = ctx;
	ck_assert_uint_le(len, SLUICE_TRACE_LINE_MAX);
	ck_assert_ptr_eq(memchr(text, '\n', len), text + len - 1);
	json_error_t error;
	json_t *line = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	ck_assert_msg(line != NULL, "%s in %.*s", error.text, (int)len, text);
	if (t->lines++ == 0)
		take_header(t, line);
	else
		take_event(t, line);
	json_decref(line);
}

static void told_free(struct told *t) {
	json_decref(t->metrics);
	json_decref(t->counts);
}

static uint64_t metric(const struct told *t, const char *name) {
	json_t *value = json_object_get(t->metrics, name);
	ck_assert_msg(value != NULL, "%s was never told", name);
	return (uint64_t)json_integer_value(value);
}

static uint64_t count_of(const struct told *t, const char *name) {
	return (uint64_t)json_integer_value(json_object_get(t->counts, name));
}

/* ---- a video over a line of 1 Mb/s that loses packets ---- */

static const struct link_config line = {.delay = KIT_MEDIA_DELAY, .rate = 1000000, .queue = 30000, .loss = 0.01};

struct scene {
	struct media_world *w;
	struct media_source source;
	struct media_sink sink;
	sluice_track_config config;
};

static void scene_begin(struct scene *s) {
	*s = (struct scene){.w = media_world_up(2, SLUICE_SRTP_AES128_CM_SHA1_80, &line),
	                    .config = media_track(SLUICE_CODEC_VP8, "v")};
	media_source_open(s->w, &s->source, &s->w->ends[0], &s->config);
	media_sink_open(&s->sink, &s->w->ends[1], &s->config);
}

/* 1.2 Mb/s: more than the line carries. */
static void scene_run(struct scene *s) {
	media_source_run(s->w, &s->source, 300, FRAME, 5000);
	media_world_run(s->w, 12 * SLUICE_S);
}

static void check_sender(const struct scene *s, const struct told *t) {
	sluice_media_stats stats;
	sluice_outbound_rtp_stats out;
	sluice_media_stats_get(s->w->ends[0].media, &stats);
	ck_assert_int_eq(sluice_track_outbound_stats(s->source.track, 0, &out), 0);
	ck_assert_uint_eq(metric(t, "target_bitrate"), stats.available_outgoing_bitrate);
	ck_assert_uint_eq(metric(t, "delivered_bitrate"), stats.delivered_bitrate);
	ck_assert_uint_eq(metric(t, "pacing_rate"), stats.available_outgoing_bitrate * 5 / 2);
	ck_assert_uint_eq(metric(t, "pacer_queue"), stats.pacer_queue);
	ck_assert_uint_eq(metric(t, "packets_sent"), stats.packets_sent);
	ck_assert_uint_eq(metric(t, "bytes_sent"), stats.bytes_sent);
	ck_assert_uint_eq(metric(t, "packets_received"), stats.packets_received);
	ck_assert_uint_eq(metric(t, "bytes_received"), stats.bytes_received);
	ck_assert_uint_eq(count_of(t, "media:packets_resent"), out.retransmitted_packets_sent);
	ck_assert_uint_gt(count_of(t, "media:packets_resent"), 0);
	ck_assert_uint_ge(count_of(t, "media:packets_lost"), count_of(t, "media:packets_resent") / 2);
	ck_assert_uint_ge(count_of(t, "media:probe_begun"), 2);
	ck_assert_uint_ge(count_of(t, "media:probes_answered"), 1);
	ck_assert_uint_ge(count_of(t, "media:congestion_state_updated"), 2);
}

START_TEST(test_every_line_is_json_and_says_what_the_statistics_say) {
	struct scene s;
	struct told sender = {0}, receiver = {0};
	sluice_inbound_rtp_stats in;
	scene_begin(&s);
	ck_assert_int_eq(sluice_media_set_trace(s.w->ends[0].media, keep, &sender), 0);
	ck_assert_int_eq(sluice_media_set_trace(s.w->ends[1].media, keep, &receiver), 0);
	ck_assert_uint_eq(sender.lines, 1);
	scene_run(&s);
	check_sender(&s, &sender);
	ck_assert_int_eq(sluice_track_inbound_stats(s.sink.track, 0, &in), 0);
	ck_assert_uint_ge(count_of(&receiver, "media:packets_asked"), in.nack_count); /* a NACK asks for several */
	ck_assert_uint_gt(in.nack_count, 0);
	media_world_free(s.w);
	told_free(&sender);
	told_free(&receiver);
}
END_TEST

START_TEST(test_a_traced_session_does_and_allocates_what_it_does_untraced) {
	struct scene a, b;
	struct told told = {0};
	sluice_media_stats with, without;
	scene_begin(&a);
	ck_assert_int_eq(sluice_media_set_trace(a.w->ends[0].media, keep, &told), 0);
	scene_run(&a);
	sluice_media_stats_get(a.w->ends[0].media, &with);
	uint64_t allocations = a.w->ends[0].memory.allocations;
	media_world_free(a.w);
	scene_begin(&b);
	scene_run(&b);
	sluice_media_stats_get(b.w->ends[0].media, &without);
	ck_assert_mem_eq(&with, &without, sizeof with);
	ck_assert_uint_eq(allocations, b.w->ends[0].memory.allocations + 1); /* the trace; none for a line */
	media_world_free(b.w);
	told_free(&told);
}
END_TEST

START_TEST(test_a_trace_begun_late_counts_from_there_and_one_that_ended_says_no_more) {
	struct scene s;
	struct told first = {0}, second = {0};
	scene_begin(&s);
	sluice_media *m = s.w->ends[0].media;
	ck_assert_int_eq(sluice_media_set_trace(m, NULL, NULL), 0); /* there is none */
	scene_run(&s);
	ck_assert_int_eq(sluice_media_set_trace(m, keep, &first), 0);
	media_world_run(s.w, SLUICE_S);
	ck_assert_uint_eq(count_of(&first, "media:packets_lost"), 0);
	ck_assert_uint_gt(metric(&first, "packets_sent"), 100); /* of the whole session */
	/* Another one listens instead. */
	ck_assert_int_eq(sluice_media_set_trace(m, keep, &second), 0);
	unsigned lines = first.lines;
	media_source_run(s.w, &s.source, 30, FRAME, 1000);
	media_world_run(s.w, 2 * SLUICE_S);
	ck_assert_uint_eq(first.lines, lines);
	ck_assert_uint_gt(second.events, 10);
	ck_assert_int_eq(sluice_media_set_trace(m, NULL, NULL), 0);
	lines = second.lines;
	media_source_run(s.w, &s.source, 30, FRAME, 1000);
	media_world_run(s.w, 2 * SLUICE_S);
	ck_assert_uint_eq(second.lines, lines);
	media_world_free(s.w);
	told_free(&first);
	told_free(&second);
}
END_TEST

START_TEST(test_without_memory_there_is_no_trace) {
	struct scene s;
	struct told told = {0};
	scene_begin(&s);
	scene_run(&s);
	struct memory *memory = &s.w->ends[0].memory;
	sluice_media *m = s.w->ends[0].media;
	memory->fail_at = 1;
	ck_assert_int_eq(sluice_media_set_trace(m, keep, &told), SLUICE_NO_MEMORY);
	ck_assert_uint_eq(told.lines, 0);
	memory->fail_at = 0;
	ck_assert_int_eq(sluice_media_set_trace(m, keep, &told), 0);
	media_world_run(s.w, 3 * SLUICE_S);
	ck_assert_uint_gt(told.events, 0);
	media_world_free(s.w);
	told_free(&told);
}
END_TEST

SUITE("media_trace", test_every_line_is_json_and_says_what_the_statistics_say,
      test_a_traced_session_does_and_allocates_what_it_does_untraced,
      test_a_trace_begun_late_counts_from_there_and_one_that_ended_says_no_more, test_without_memory_there_is_no_trace)
