/* Does a forwarded stream go on without a seam? First the numbers alone; then a source, a middle and watchers, simulated. */
#include "track_kit.h"

#include "rtp/media/forward.h"
#include "rtp/rtx.h"

/* ---- the numbers ---- */

static struct forward f;
static uint64_t highest, came; /* of the source, as a receiver keeps them */

static void source_begins(void) {
	f = (struct forward){0};
	highest = came = 0;
}

/* The packet comes from its source; returns what on_rtp would say of it. */
static sluice_rtp arrival(uint64_t number, uint32_t ssrc) {
	if (highest == 0) {
		came = UINT64_MAX;
		highest = number;
	} else if (number > highest) {
		came = number - highest < 64 ? came << (number - highest) : 0;
		highest = number;
	}
	came |= UINT64_C(1) << (highest - number);
	uint64_t back = highest - number + 1;
	return (sluice_rtp){
		.number = number,
		.missing = back < 64 ? ~came >> back : 0,
		.ssrc = ssrc,
		.timestamp = (uint32_t)number * 10,
		.keyframe = true,
		.begins = true,
	};
}

/* Forwards it; returns its number, or 0. */
static uint64_t pass(uint64_t number) {
	sluice_rtp p = arrival(number, 1);
	uint64_t out;
	uint32_t timestamp;
	if (forward_is_new(&f, &p))
		forward_begin(&f, &p, 1000, 500);
	return forward_place(&f, &p, &out, &timestamp) ? out : 0;
}

START_TEST(test_a_lost_packet_is_a_hole_and_its_repair_fills_it) {
	source_begins();
	ck_assert_uint_eq(pass(70), 1000);
	ck_assert_uint_eq(pass(71), 1001);
	ck_assert_uint_eq(pass(74), 1004);
	ck_assert_uint_eq(pass(73), 1003);
	ck_assert_uint_eq(pass(72), 1002);
	ck_assert_uint_eq(pass(75), 1005);
	ck_assert_uint_eq(pass(73), 0);
}
END_TEST

START_TEST(test_a_packet_that_is_left_out_makes_no_hole) {
	source_begins();
	ck_assert_uint_eq(pass(70), 1000);
	arrival(71, 1);
	arrival(72, 1);
	ck_assert_uint_eq(pass(73), 1001);
	ck_assert_uint_eq(pass(72), 0);
	arrival(74, 1);
	ck_assert_uint_eq(pass(76), 1003); /* 75 is lost, 74 left out */
	ck_assert_uint_eq(pass(75), 1002);
	ck_assert_uint_eq(pass(77), 1004);
}
END_TEST

START_TEST(test_two_holes_and_two_left_out_are_told_apart) {
	source_begins();
	ck_assert_uint_eq(pass(100), 1000);
	arrival(101, 1);
	arrival(104, 1);                    /* 102, 103 lost */
	ck_assert_uint_eq(pass(106), 1004); /* 105 lost; 101 and 104 left out */
	ck_assert_uint_eq(pass(102), 1001);
	ck_assert_uint_eq(pass(105), 1003);
	ck_assert_uint_eq(pass(103), 1002);
}
END_TEST

START_TEST(test_a_jump_beyond_64_leaves_the_old_ones_out) {
	source_begins();
	ck_assert_uint_eq(pass(100), 1000);
	for (uint64_t n = 101; n < 300; n++)
		arrival(n, 1);
	ck_assert_uint_eq(pass(300), 1001);
	ck_assert_uint_eq(pass(500), 1001 + 64); /* all lost; the last 63 keep their places */
}
END_TEST

START_TEST(test_a_segment_that_is_forgotten_takes_nothing) {
	source_begins();
	ck_assert_uint_eq(pass(100), 1000);
	ck_assert_uint_eq(pass(102), 1002);
	for (uint64_t n = 103; n < 300; n += 2) {
		arrival(n, 1);
		ck_assert_uint_ne(pass(n + 1), 0);
	}
	sluice_rtp late = {.number = 101, .ssrc = 1};
	uint64_t number;
	uint32_t timestamp;
	ck_assert(!forward_place(&f, &late, &number, &timestamp));
}
END_TEST

START_TEST(test_another_source_is_new) {
	source_begins();
	ck_assert_uint_eq(pass(70), 1000);
	sluice_rtp other = {.number = 7, .ssrc = 2};
	ck_assert(forward_is_new(&f, &other));
	sluice_rtp same = {.number = 71, .ssrc = 1};
	ck_assert(!forward_is_new(&f, &same));
	forward_replace(&f);
	ck_assert(forward_is_new(&f, &same));
}
END_TEST

/* ---- a middle ---- */

#define FRAMES 300

/* a sends to b. On b's machine the second session sends on to the watcher c; d is that session's end. */
struct middle {
	struct media_world *w;
	struct media_sink in;
	sluice_track *out;
	struct media_source sources[2];
	struct media_sink watcher;
	unsigned forwarded, refused, runs;
	unsigned layer;    /* that the watcher gets */
	unsigned switches; /* of layers */
	bool wants_switch;
};

static void forward_packet(struct media_sink *s, const sluice_rtp *packet) {
	struct middle *m = s->ctx;
	int error = sluice_track_send_rtp(m->out, packet);
	ck_assert(error == 0 || error == SLUICE_WOULD_BLOCK || error == SLUICE_WRONG_STATE);
	m->forwarded += error == 0;
	m->refused += error != 0;
}

static void ask_source(sluice_track *t, unsigned layer, void *user) {
	struct middle *m = user;
	(void)t;
	if (m->in.track)
		sluice_track_request_keyframe(m->in.track, layer);
}

/* a -> b over one link, c -> d over another; b and c are one machine: what b gets, c sends. */
static void middle_open(struct middle *m, const struct link_config *first, const struct link_config *second,
                        enum sluice_codec codec) {
	struct media_world *w = m->w = media_world_new(4, NULL);
	for (unsigned i = 0; i < 4; i++)
		media_end_extensions(&w->ends[i]);
	sim_join(&w->sim, w->ends[2].host, w->ends[3].host, second);
	sim_link(&w->sim, w->ends[0].host, w->ends[1].host)->config = *first;
	sim_link(&w->sim, w->ends[1].host, w->ends[0].host)->config = *first;
	w->ends[2].others[0] = &w->ends[3];
	w->ends[3].others[0] = &w->ends[2];
	media_end_keys(&w->ends[0], &w->ends[1], SLUICE_SRTP_AES128_CM_SHA1_80);
	media_end_keys(&w->ends[2], &w->ends[3], SLUICE_SRTP_AEAD_AES_128_GCM);
	sluice_track_config config = media_track(codec, "v");
	config.ssrcs[0] = 1001;
	config.rtx_ssrcs[0] = 1002;
	media_source_open(w, &m->sources[0], &w->ends[0], &config);
	m->in.on_rtp = forward_packet;
	m->in.ctx = m;
	media_sink_open(&m->in, &w->ends[1], &config);
	sluice_track_config out = media_track(codec, "w");
	out.ssrcs[0] = 2001;
	out.rtx_ssrcs[0] = 2002;
	media_sink_open(&m->watcher, &w->ends[3], &out);
	out.callbacks.on_keyframe_request = ask_source;
	out.user = m;
	ck_assert_int_eq(sluice_media_add_sender(w->ends[2].media, &out, &m->out), 0);
	media_world_run(w, 10 * SLUICE_MS);
}

START_TEST(test_each_frame_passes_a_middle) {
	for (int codec = SLUICE_CODEC_OPUS; codec <= (int)SLUICE_CODEC_AV1; codec++) {
		struct middle m = {0};
		const struct link_config link = {.delay = KIT_MEDIA_DELAY};
		middle_open(&m, &link, &link, (enum sluice_codec)codec);
		bool video = sluice_codec_kind((enum sluice_codec)codec) == SLUICE_VIDEO;
		media_source_run(m.w, &m.sources[0], FRAMES, 20 * SLUICE_MS, video ? 1500 : 80);
		media_world_run(m.w, FRAMES * 20 * SLUICE_MS + SLUICE_S);
		ck_assert_uint_eq(m.refused, 0);
		ck_assert_msg(m.watcher.got[0] == FRAMES, "%s: %u", sluice_codec_name((enum sluice_codec)codec),
		              m.watcher.got[0]);
		ck_assert_uint_eq(m.watcher.lost[0], 0);
		media_world_free(m.w);
	}
}
END_TEST

START_TEST(test_loss_on_both_sides_of_a_middle_is_repaired) {
	struct middle m = {0};
	const struct link_config first = {
		.delay = KIT_MEDIA_DELAY, .loss = 0.02, .reorder = 0.01, .reorder_delay = 5 * SLUICE_MS};
	const struct link_config second = {.delay = 10 * SLUICE_MS, .loss = 0.02};
	middle_open(&m, &first, &second, SLUICE_CODEC_VP8);
	media_source_run(m.w, &m.sources[0], 1000, 20 * SLUICE_MS, 1500);
	media_world_run(m.w, 1000 * 20 * SLUICE_MS + SLUICE_S);
	ck_assert_uint_ge(m.watcher.got[0], 950);
	media_world_free(m.w);
}
END_TEST

/* ---- runs ---- */

static void forward_run(sluice_track *t, const sluice_rtp *packets, size_t count, void *user) {
	struct middle *m = user;
	(void)t;
	int went = sluice_track_send_rtp_run(m->out, packets, count);
	ck_assert_int_eq(went, (int)count);
	m->forwarded += (unsigned)count;
	m->runs++;
}

/* Of a middle with this link before it and after it, which hands on what came together. */
static void pass_in_runs(enum sluice_codec codec, const struct link_config *link, unsigned least) {
	struct middle m = {0};
	middle_open(&m, link, link, codec);
	const sluice_track_callbacks runs = {.on_rtp_run = forward_run};
	sluice_track_set_callbacks(m.in.track, &runs, &m);
	bool video = sluice_codec_kind(codec) == SLUICE_VIDEO;
	media_source_run(m.w, &m.sources[0], FRAMES, 20 * SLUICE_MS, video ? 4000 : 80);
	media_world_run(m.w, FRAMES * 20 * SLUICE_MS + SLUICE_S);
	ck_assert_msg(m.watcher.got[0] >= least, "%s: %u", sluice_codec_name(codec), m.watcher.got[0]);
	ck_assert(!video || m.runs < m.forwarded);
	media_world_free(m.w);
}

START_TEST(test_runs_pass_a_middle) {
	const struct link_config clean = {.delay = KIT_MEDIA_DELAY};
	const struct link_config lossy = {.delay = KIT_MEDIA_DELAY, .loss = 0.02};
	for (int codec = SLUICE_CODEC_OPUS; codec <= (int)SLUICE_CODEC_AV1; codec++)
		pass_in_runs((enum sluice_codec)codec, &clean, FRAMES);
	pass_in_runs(SLUICE_CODEC_VP8, &lossy, FRAMES * 9 / 10);
}
END_TEST

/* So many packets of two sources, half of them each. */
#define RUN 100
static sluice_rtp run[RUN];

static void make_run(void) {
	static uint8_t payload[1000] = {0x10};
	for (unsigned i = 0; i < RUN; i++)
		run[i] = (sluice_rtp){
			.payload = payload,
			.len = sizeof payload,
			.number = 1000 * (1 + 2 * i / RUN) + i,
			.ssrc = 1 + 2 * i / RUN,
			.timestamp = 3000 * i,
			.codec = SLUICE_CODEC_VP8,
			.begins = true,
			.keyframe = true,
			.marker = true,
		};
}

/* Which numbers came, and how many? */
struct row {
	uint64_t last;
	unsigned count;
};

static void expect_next(sluice_track *t, const sluice_rtp *p, void *user) {
	struct row *r = user;
	(void)t;
	ck_assert(r->count == 0 || p->number == r->last + 1);
	r->last = p->number;
	r->count++;
}

START_TEST(test_a_run_of_two_sources_has_one_row_of_numbers) {
	struct middle m = {0};
	struct row row = {0};
	const struct link_config link = {.delay = KIT_MEDIA_DELAY};
	const sluice_track_callbacks counting = {.on_rtp = expect_next};
	middle_open(&m, &link, &link, SLUICE_CODEC_VP8);
	sluice_track_set_callbacks(m.watcher.track, &counting, &row);
	make_run();
	ck_assert_int_eq(sluice_track_send_rtp_run(m.out, run + RUN / 4, RUN / 2), RUN / 2);
	media_world_run(m.w, 5 * SLUICE_S);
	ck_assert_uint_eq(row.count, RUN / 2);
	media_world_free(m.w);
}
END_TEST

START_TEST(test_a_run_ends_where_a_packet_is_refused) {
	struct middle m = {0};
	const struct link_config link = {.delay = KIT_MEDIA_DELAY};
	sluice_outbound_rtp_stats out;
	middle_open(&m, &link, &link, SLUICE_CODEC_VP8);
	make_run();
	run[40].len = 0;
	ck_assert_int_eq(sluice_track_send_rtp_run(m.out, run, RUN), 40);
	ck_assert_int_eq(sluice_track_send_rtp_run(m.out, run + 40, RUN - 40), SLUICE_INVALID);
	run[45].codec = SLUICE_CODEC_OPUS;
	ck_assert_int_eq(sluice_track_send_rtp_run(m.out, run + 41, RUN - 41), 4);
	ck_assert_int_eq(sluice_track_send_rtp_run(m.out, run + 45, RUN - 45), SLUICE_UNSUPPORTED);
	int went = 46, n;
	while ((n = sluice_track_send_rtp_run(m.out, run + went, (size_t)(RUN - went))) > 0 && (went += n) < RUN)
		;
	/* A second of what leaves is 94 KB. */
	ck_assert_int_eq(n, SLUICE_WOULD_BLOCK);
	ck_assert_int_ge(went, 90);
	ck_assert_int_eq(sluice_track_outbound_stats(m.out, 0, &out), 0);
	ck_assert_uint_eq(out.frames_dropped, 1);
	media_world_free(m.w);
}
END_TEST

/* ---- sources change ---- */

static const sluice_encoding two[] = {{.rid = "q", .max_bitrate = 300000}, {.rid = "h", .max_bitrate = 600000}};

/* An SFU's choice: the layer changes where a keyframe of the other one begins. */
static void forward_layer(struct media_sink *s, const sluice_rtp *packet) {
	struct middle *m = s->ctx;
	if (m->wants_switch && packet->layer != m->layer && packet->begins && packet->keyframe) {
		m->layer = packet->layer;
		m->wants_switch = false;
		m->switches++;
	}
	if (packet->layer == m->layer)
		forward_packet(s, packet);
}

static void switch_layers(enum sluice_codec codec) {
	struct middle m = {0};
	const struct link_config link = {.delay = KIT_MEDIA_DELAY};
	middle_open(&m, &link, &link, codec);
	struct media_sink simulcast = {.on_rtp = forward_layer, .ctx = &m};
	sluice_track_config config = media_track(codec, "s");
	config.encodings = two;
	config.encoding_count = 2;
	media_source_open(m.w, &m.sources[0], &m.w->ends[0], &config);
	m.sources[1] = m.sources[0];
	m.sources[1].layer = 1;
	m.sources[1].next = 100000;
	media_sink_open(&simulcast, &m.w->ends[1], &config);
	m.watcher.jumps = true;
	media_source_run(m.w, &m.sources[0], 600, 20 * SLUICE_MS, 1300);
	media_source_run(m.w, &m.sources[1], 600, 20 * SLUICE_MS, 1500);
	for (unsigned i = 0; i < 5; i++) {
		media_world_run(m.w, 2 * SLUICE_S);
		m.wants_switch = true;
		m.sources[0].key_wanted = m.sources[1].key_wanted = true;
	}
	media_world_run(m.w, 4 * SLUICE_S);
	ck_assert_uint_eq(m.switches, 5);
	ck_assert_uint_eq(m.refused, 0);
	ck_assert_uint_ge(m.watcher.jumped, 5);
	ck_assert_uint_eq(m.watcher.lost[0], 0);
	ck_assert_uint_ge(m.watcher.got[0], 595);
	media_world_free(m.w);
}

START_TEST(test_a_switch_of_layers_is_no_seam) {
	switch_layers(SLUICE_CODEC_VP8);
	switch_layers(SLUICE_CODEC_H264);
}
END_TEST

/* First a source of our own, then a forwarded one, then our own once more. */
START_TEST(test_replace_goes_on_with_another_source) {
	struct middle m = {0};
	struct media_source own = {0};
	const struct link_config link = {.delay = KIT_MEDIA_DELAY};
	middle_open(&m, &link, &link, SLUICE_CODEC_VP8);
	m.watcher.jumps = true;
	own = (struct media_source){.end = &m.w->ends[2], .track = m.out, .codec = SLUICE_CODEC_VP8, .next = 50000};
	own.key_wanted = true;
	media_source_run(m.w, &own, 100, 20 * SLUICE_MS, 1500);
	media_world_run(m.w, 3 * SLUICE_S);
	ck_assert_uint_eq(m.watcher.got[0], 100);
	sluice_track_replace(m.out);
	media_source_run(m.w, &m.sources[0], 100, 20 * SLUICE_MS, 1500);
	media_world_run(m.w, 3 * SLUICE_S);
	ck_assert_uint_eq(m.watcher.got[0], 200);
	sluice_track_replace(m.out);
	own.key_wanted = true;
	media_source_run(m.w, &own, 100, 20 * SLUICE_MS, 1500);
	media_world_run(m.w, 3 * SLUICE_S);
	ck_assert_uint_eq(m.watcher.got[0], 300);
	ck_assert_uint_eq(m.watcher.lost[0], 0);
	media_world_free(m.w);
}
END_TEST

/* ---- sizes ---- */

static void note_largest(void *ctx, bool sent, const void *data, size_t len, uint64_t now) {
	size_t *largest = ctx;
	(void)data, (void)now;
	*largest = sent && len > *largest ? len : *largest;
}

/* With room for the tag of GCM, and for RTX, which sends it once more with two bytes. */
START_TEST(test_a_packet_is_refused_when_its_datagram_would_be_32_bytes_above_the_mtu) {
	static const uint8_t payload[1300] = {0x10}; /* VP8: a keyframe begins */
	struct media_world *w = media_world_up(2, SLUICE_SRTP_AEAD_AES_128_GCM, NULL);
	const sluice_track_config config = media_track(SLUICE_CODEC_VP8, "v");
	size_t largest = 0, len = sizeof payload;
	sluice_outbound_rtp_stats stats;
	sluice_track *t;
	ck_assert_int_eq(sluice_media_add_sender(w->ends[0].media, &config, &t), 0);
	sluice_media_set_packet_tap(w->ends[0].media, note_largest, &largest);
	media_world_run(w, 100 * SLUICE_MS);
	sluice_rtp p = {.payload = payload, .number = 1000, .ssrc = 5, .codec = SLUICE_CODEC_VP8, .marker = true};
	p.begins = p.keyframe = true;
	for (int error = -1; error; len--) {
		p.len = len;
		p.received = w->sim.now;
		error = sluice_track_send_rtp(t, &p);
		p.number++;
		ck_assert(error == 0 || error == SLUICE_TOO_LARGE);
	}
	media_world_run(w, SLUICE_S);
	ck_assert_uint_eq(largest + 16 + RTX_OSN, 1232);
	ck_assert_int_eq(sluice_track_outbound_stats(t, 0, &stats), 0);
	ck_assert_uint_eq(stats.packets_sent, 1);
	p.len = 0;
	ck_assert_int_eq(sluice_track_send_rtp(t, &p), SLUICE_INVALID);
	media_world_free(w);
}
END_TEST

SUITE("media_forward", test_a_lost_packet_is_a_hole_and_its_repair_fills_it, test_a_packet_that_is_left_out_makes_no_hole,
      test_two_holes_and_two_left_out_are_told_apart, test_a_jump_beyond_64_leaves_the_old_ones_out,
      test_a_segment_that_is_forgotten_takes_nothing, test_another_source_is_new, test_each_frame_passes_a_middle,
      test_loss_on_both_sides_of_a_middle_is_repaired, test_runs_pass_a_middle, test_a_run_of_two_sources_has_one_row_of_numbers,
      test_a_run_ends_where_a_packet_is_refused, test_a_switch_of_layers_is_no_seam, test_replace_goes_on_with_another_source,
      test_a_packet_is_refused_when_its_datagram_would_be_32_bytes_above_the_mtu)
