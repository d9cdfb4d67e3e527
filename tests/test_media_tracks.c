/* Tracks of a sluice_media: how they find their streams, what they refuse, how they end. */
#include "track_kit.h"

#include <stdio.h>

#include "base/bytes.h"
#include "rtp/media/media.h"

/* ---- refused arguments ---- */

START_TEST(test_a_session_refuses_what_is_out_of_range) {
	struct media_world *w = media_world_new(1, NULL);
	sluice_env *env = w->ends[0].env;
	sluice_media *m;
	char long_name[80];
	memset(long_name, 'x', sizeof long_name - 1);
	long_name[sizeof long_name - 1] = 0;
	const sluice_media_config bad[] = {
		{.size = 1},
		{.size = sizeof *bad, .cname = long_name},
		{.size = sizeof *bad, .mtu = 100},
		{.size = sizeof *bad, .mtu = 70000},
		{.size = sizeof *bad, .min_bitrate = 500000},
		{.size = sizeof *bad, .max_bitrate = 200000},
		{.size = sizeof *bad, .start_bitrate = UINT64_MAX},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_int_eq(sluice_media_new(env, &bad[i], &m), SLUICE_INVALID);
	ck_assert_int_eq(sluice_media_new(env, NULL, &m), 0);
	ck_assert_int_eq(sluice_media_set_extension(m, "urn:ietf:params:rtp-hdrext:sdes:mid", 15), SLUICE_INVALID);
	ck_assert_int_eq(sluice_media_set_extension(m, "urn:ietf:params:rtp-hdrext:sdes:mid", 256), SLUICE_INVALID);
	ck_assert_int_eq(sluice_media_set_extension(m, "urn:of:nobody", 3), 0);
	ck_assert_int_eq(sluice_media_set_extension(m, "urn:ietf:params:rtp-hdrext:sdes:mid", 3), 0);
	ck_assert_int_eq(sluice_media_set_extension(m, "urn:ietf:params:rtp-hdrext:sdes:mid", 4), SLUICE_INVALID);
	ck_assert_int_eq(sluice_media_set_extension(m, "urn:ietf:params:rtp-hdrext:toffset", 3), SLUICE_INVALID);
	ck_assert_int_eq(sluice_media_set_extension(m, "urn:ietf:params:rtp-hdrext:sdes:mid", 0), 0);
	ck_assert_int_eq(sluice_media_set_extension(m, "urn:ietf:params:rtp-hdrext:toffset", 3), 0);
	ck_assert_int_eq(sluice_media_set_keys(m, SLUICE_SRTP_AES128_CM_SHA1_80, NULL, NULL), SLUICE_INVALID);
	ck_assert_int_eq(sluice_media_set_keys(m, (enum sluice_srtp_profile)9, NULL, NULL), SLUICE_INVALID);
	ck_assert_int_eq(sluice_media_input(m, NULL, 0, 1), SLUICE_WRONG_STATE);
	ck_assert_uint_eq(sluice_media_deadline(m), SLUICE_NEVER);
	ck_assert_int_eq(sluice_media_set_keys(m, SLUICE_SRTP_NONE, NULL, NULL), 0);
	ck_assert_int_eq(sluice_media_set_keys(m, SLUICE_SRTP_NONE, NULL, NULL), SLUICE_WRONG_STATE);
	sluice_media_free(m);
	sluice_media_free(NULL);
	media_world_free(w);
}
END_TEST

static sluice_media *m;
static sluice_track_config base;
static sluice_codec_config codecs[SLUICE_TRACK_CODECS_MAX + 1];

static void expect_refused(int error) {
	sluice_track *t;
	ck_assert_int_eq(sluice_media_add_sender(m, &base, &t), error);
	ck_assert_int_eq(sluice_media_add_receiver(m, &base, &t), error);
	base = media_track(SLUICE_CODEC_VP8, "v");
	codecs[0] = codecs[1] = media_codec(SLUICE_CODEC_VP8);
	base.codecs = codecs;
}

START_TEST(test_a_track_refuses_what_is_out_of_range) {
	struct media_world *w = media_world_up(2, SLUICE_SRTP_NONE, NULL);
	sluice_encoding encodings[SLUICE_LAYERS_MAX + 1] = {{.rid = "a"}, {.rid = "b"}, {.rid = "c"}, {.rid = "d"}, {.rid = "e"}};
	m = w->ends[0].media;
	base = media_track(SLUICE_CODEC_VP8, "v");
	base.kind = 0;
	expect_refused(SLUICE_INVALID);
	base.kind = SLUICE_AUDIO;
	expect_refused(SLUICE_INVALID);
	base.codec_count = 0;
	expect_refused(SLUICE_INVALID);
	base.codec_count = SLUICE_TRACK_CODECS_MAX + 1;
	expect_refused(SLUICE_INVALID);
	codecs[0].payload_type = 128;
	expect_refused(SLUICE_INVALID);
	codecs[0].codec = (enum sluice_codec)99;
	expect_refused(SLUICE_INVALID);
	codecs[0].rtx_payload_type = codecs[0].payload_type;
	expect_refused(SLUICE_INVALID);
	codecs[0].red_payload_type = 120;
	expect_refused(SLUICE_INVALID);
	codecs[0].packetization_mode = 2;
	expect_refused(SLUICE_INVALID);
	codecs[1].rtx_payload_type = 120;
	base.codec_count = 2;
	expect_refused(SLUICE_INVALID);
	base.mid = "seventeen letters";
	expect_refused(SLUICE_INVALID);
	base.encodings = encodings;
	base.encoding_count = SLUICE_LAYERS_MAX + 1;
	expect_refused(SLUICE_INVALID);
	base.encodings = (sluice_encoding[]){{.rid = "a"}, {.rid = "a"}};
	base.encoding_count = 2;
	expect_refused(SLUICE_INVALID);
	base.encodings = (sluice_encoding[]){{.rid = "a"}, {.rid = ""}};
	base.encoding_count = 2;
	expect_refused(SLUICE_INVALID);
	base.encodings = (sluice_encoding[]){{.rid = "a-b"}};
	base.encoding_count = 1;
	expect_refused(SLUICE_INVALID);
	base.ssrcs[0] = base.rtx_ssrcs[0] = 5;
	expect_refused(SLUICE_EXISTS);
	media_world_free(w);
}
END_TEST

START_TEST(test_ssrcs_and_mids_are_used_once) {
	struct media_world *w = media_world_up(2, SLUICE_SRTP_NONE, NULL);
	sluice_track *t;
	m = w->ends[0].media;
	base = media_track(SLUICE_CODEC_VP8, "v");
	base.ssrcs[0] = 7;
	ck_assert_int_eq(sluice_media_add_receiver(m, &base, &t), 0);
	base.mid = "w";
	ck_assert_int_eq(sluice_media_add_receiver(m, &base, &t), SLUICE_EXISTS);
	ck_assert_int_eq(sluice_media_add_sender(m, &base, &t), SLUICE_EXISTS);
	base.ssrcs[0] = 8;
	base.mid = "v";
	ck_assert_int_eq(sluice_media_add_receiver(m, &base, &t), SLUICE_EXISTS);
	ck_assert_int_eq(sluice_media_add_sender(m, &base, &t), 0);
	media_world_free(w);
}
END_TEST

/* Firefox numbers its formats in its own offers otherwise than in its answers. */
START_TEST(test_payload_types_of_an_ended_track_may_mean_something_else) {
	struct media_world *w = media_world_up(2, SLUICE_SRTP_NONE, NULL);
	sluice_track *t;
	m = w->ends[0].media;
	base = media_track(SLUICE_CODEC_VP8, "v");
	codecs[0] = media_codec(SLUICE_CODEC_VP8);
	codecs[0].payload_type = 98;
	codecs[0].rtx_payload_type = 99;
	base.codecs = codecs;
	ck_assert_int_eq(sluice_media_add_sender(m, &base, &t), 0);
	ck_assert_uint_eq(m->rtx_out.media_of[99], 98);
	sluice_media_remove(m, t);
	codecs[0].payload_type = 99;
	codecs[0].rtx_payload_type = 100;
	ck_assert_int_eq(sluice_media_add_sender(m, &base, &t), 0);
	ck_assert_uint_eq(m->rtx_out.media_of[100], 99);
	ck_assert_uint_eq(m->rtx_out.media_of[99], RTX_NO_TYPE);
	media_world_free(w);
}
END_TEST

START_TEST(test_there_are_256_streams_each_way) {
	struct media_world *w = media_world_up(2, SLUICE_SRTP_NONE, NULL);
	static struct media_source sources[8];
	static struct media_sink sinks[8];
	sluice_track *t, *first = NULL;
	char mid[8];
	for (unsigned i = 0; i < 248; i++) {
		base = media_track(SLUICE_CODEC_OPUS, mid);
		snprintf(mid, sizeof mid, "m%u", i);
		ck_assert_int_eq(sluice_media_add_sender(w->ends[0].media, &base, &t), 0);
		ck_assert_int_eq(sluice_media_add_receiver(w->ends[1].media, &base, &t), 0);
		first = first ? first : t;
	}
	for (unsigned i = 0; i < 8; i++) {
		snprintf(mid, sizeof mid, "s%u", i);
		base = media_track(SLUICE_CODEC_OPUS, mid);
		media_source_open(w, &sources[i], &w->ends[0], &base);
		media_sink_open(&sinks[i], &w->ends[1], &base);
		media_source_run(w, &sources[i], 50, 20 * SLUICE_MS, 80);
	}
	base.mid = "more";
	ck_assert_int_eq(sluice_media_add_sender(w->ends[0].media, &base, &t), SLUICE_LIMIT);
	ck_assert_int_eq(sluice_media_add_receiver(w->ends[1].media, &base, &t), SLUICE_LIMIT);
	media_world_run(w, 2 * SLUICE_S);
	for (unsigned i = 0; i < 8; i++)
		ck_assert_uint_eq(sinks[i].got[0], 50);
	sluice_media_remove(w->ends[1].media, first);
	ck_assert_int_eq(sluice_media_add_receiver(w->ends[1].media, &base, &t), 0);
	media_world_free(w);
}
END_TEST

/* ---- calls in a wrong state ---- */

START_TEST(test_a_sender_says_why_it_does_not_send) {
	struct media_world *w = media_world_up(2, SLUICE_SRTP_NONE, NULL);
	uint8_t bytes[2000];
	sluice_frame f = {.data = bytes, .len = media_frame(SLUICE_CODEC_VP8, 1, true, 1000, bytes)};
	sluice_track *out, *in;
	sluice_rtp packet = {.payload = bytes, .len = 100, .codec = SLUICE_CODEC_VP9, .begins = true, .keyframe = true};
	base = media_track(SLUICE_CODEC_VP8, "v");
	ck_assert_int_eq(sluice_media_add_sender(w->ends[0].media, &base, &out), 0);
	ck_assert_int_eq(sluice_media_add_receiver(w->ends[0].media, &base, &in), 0);
	ck_assert_int_eq(sluice_track_send_frame(out, &f), SLUICE_WRONG_STATE); /* no verb has run */
	media_world_run(w, SLUICE_MS);
	ck_assert_int_eq(sluice_track_send_frame(in, &f), SLUICE_WRONG_STATE);
	ck_assert_int_eq(sluice_track_send_rtp(out, &packet), SLUICE_UNSUPPORTED);
	packet.codec = SLUICE_CODEC_VP8;
	packet.len = 0;
	ck_assert_int_eq(sluice_track_send_rtp(out, &packet), SLUICE_INVALID);
	f.layer = 1;
	ck_assert_int_eq(sluice_track_send_frame(out, &f), SLUICE_INVALID);
	f.layer = 0;
	f.temporal = 8;
	ck_assert_int_eq(sluice_track_send_frame(out, &f), SLUICE_INVALID);
	f.temporal = 0;
	f.codec = SLUICE_CODEC_VP9;
	ck_assert_int_eq(sluice_track_send_frame(out, &f), SLUICE_INVALID);
	f.codec = 0;
	f.len = 0;
	ck_assert_int_eq(sluice_track_send_frame(out, &f), SLUICE_MALFORMED);
	f.len = 1000;
	ck_assert_int_eq(sluice_track_set_encoding(out, 1, &(sluice_encoding){.paused = true}), SLUICE_INVALID);
	ck_assert_int_eq(sluice_track_set_encoding(out, 0, &(sluice_encoding){.paused = true}), 0);
	ck_assert_int_eq(sluice_track_send_frame(out, &f), SLUICE_WRONG_STATE);
	ck_assert_int_eq(sluice_track_set_encoding(out, 0, &(sluice_encoding){.paused = false}), 0);
	unsigned sent = 0;
	while (sluice_track_send_frame(out, &f) == 0)
		sent++;
	ck_assert_uint_ge(sent, 20);
	ck_assert_int_eq(sluice_track_send_frame(out, &f), SLUICE_WOULD_BLOCK);
	ck_assert_int_eq(sluice_track_set_delay(out, 0), SLUICE_INVALID);
	ck_assert_int_eq(sluice_track_set_delay(in, 3 * SLUICE_S), SLUICE_INVALID);
	ck_assert_int_eq(sluice_track_set_delay(in, SLUICE_S), 0);
	sluice_inbound_rtp_stats is;
	sluice_outbound_rtp_stats os;
	ck_assert_int_eq(sluice_track_inbound_stats(out, 0, &is), SLUICE_INVALID);
	ck_assert_int_eq(sluice_track_outbound_stats(in, 0, &os), SLUICE_INVALID);
	ck_assert_int_eq(sluice_track_inbound_stats(in, 1, &is), SLUICE_INVALID);
	ck_assert_int_eq(sluice_track_outbound_stats(out, 0, &os), 0);
	ck_assert_uint_eq(os.frames_sent, sent);
	ck_assert_uint_eq(os.frames_dropped, 1 + 1);
	sluice_media_remove(w->ends[0].media, out);
	ck_assert_int_eq(sluice_track_send_frame(out, &f), SLUICE_CLOSED);
	media_world_free(w);
}
END_TEST

/* H.264 needs start codes; a frame of AV1 has to be made of OBUs. */
START_TEST(test_bytes_that_are_no_frame_are_refused) {
	struct media_world *w = media_world_up(2, SLUICE_SRTP_NONE, NULL);
	sluice_track *h264, *av1;
	uint8_t bytes[200];
	memset(bytes, 0xFF, sizeof bytes);
	const sluice_frame f = {.data = bytes, .len = sizeof bytes};
	base = media_track(SLUICE_CODEC_H264, "h");
	ck_assert_int_eq(sluice_media_add_sender(w->ends[0].media, &base, &h264), 0);
	base = media_track(SLUICE_CODEC_AV1, "a");
	ck_assert_int_eq(sluice_media_add_sender(w->ends[0].media, &base, &av1), 0);
	media_world_run(w, SLUICE_MS);
	ck_assert_int_eq(sluice_track_send_frame(h264, &f), SLUICE_MALFORMED);
	ck_assert_int_eq(sluice_track_send_frame(av1, &f), SLUICE_MALFORMED);
	media_world_free(w);
}
END_TEST

/* ---- which stream is whose? ---- */

struct demux_case {
	const char *name;
	const char *mid;    /* of the receivers' mids; NULL: no MID in the packets */
	bool announced;     /* the receiver knows the SSRC */
	unsigned receivers; /* with the same payload type */
	int found;          /* which receiver gets it; -1: none */
};

static const struct demux_case demux_cases[] = {
	{"an announced SSRC", NULL, true, 2, 0},
	{"a MID", "m1", false, 2, 1},
	{"a payload type of one receiver", NULL, false, 1, 0},
	{"a payload type of two receivers", NULL, false, 2, -1},
	{"a MID that nobody has", "zz", false, 1, -1},
};

static void run_demux(const struct demux_case *c) {
	struct media_world *w = media_world_up(2, SLUICE_SRTP_AES128_CM_SHA1_80, NULL);
	struct media_source source;
	struct media_sink sinks[2] = {{0}};
	static const char *const mids[] = {"m0", "m1"};
	sluice_track_config out = media_track(SLUICE_CODEC_VP8, c->mid), in = out;
	out.ssrcs[0] = 77;
	out.rtx_ssrcs[0] = 78;
	media_source_open(w, &source, &w->ends[0], &out);
	for (unsigned i = 0; i < c->receivers; i++) {
		in.mid = mids[i];
		in.ssrcs[0] = c->announced && i == 0 ? 77 : 0;
		in.rtx_ssrcs[0] = c->announced && i == 0 ? 78 : 0;
		media_sink_open(&sinks[i], &w->ends[1], &in);
	}
	media_source_run(w, &source, 20, 20 * SLUICE_MS, 1500);
	media_world_run(w, SLUICE_S);
	for (int i = 0; i < 2; i++)
		ck_assert_msg(sinks[i].got[0] == (i == c->found ? 20u : 0u), "%s: receiver %d got %u", c->name, i,
		              sinks[i].got[0]);
	/* The RTX stream with its padding is another SSRC. */
	ck_assert_msg(c->found >= 0 ? w->ends[1].unknown == 0 : w->ends[1].unknown >= 1, "%s: %u", c->name, w->ends[1].unknown);
	media_world_free(w);
}

START_TEST(test_a_stream_is_found_by_ssrc_then_mid_then_payload_type) {
	for (size_t i = 0; i < sizeof demux_cases / sizeof *demux_cases; i++)
		run_demux(&demux_cases[i]);
}
END_TEST

static void add_for_unknown(struct media_end *e, uint32_t ssrc) {
	struct media_sink *sink = e->ctx;
	sluice_track_config in = media_track(SLUICE_CODEC_OPUS, "late");
	if (sink->track)
		return;
	in.ssrcs[0] = ssrc;
	media_sink_open(sink, e, &in);
}

START_TEST(test_packets_of_an_unknown_ssrc_wait_for_their_track) {
	struct media_world *w = media_world_up(2, SLUICE_SRTP_AES128_CM_SHA1_80, NULL);
	struct media_source source;
	struct media_sink sink = {0};
	sluice_track_config out = media_track(SLUICE_CODEC_OPUS, NULL);
	w->ends[1].on_unknown = add_for_unknown;
	w->ends[1].ctx = &sink;
	media_source_open(w, &source, &w->ends[0], &out);
	media_source_run(w, &source, 20, 20 * SLUICE_MS, 80);
	media_world_run(w, SLUICE_S);
	ck_assert_uint_eq(w->ends[1].unknown, 1);
	ck_assert_uint_eq(sink.got[0], 20);
	ck_assert_uint_eq(sink.lost[0], 0);
	media_world_free(w);
}
END_TEST

static void count_frame(sluice_track *t, const sluice_frame *f, void *user) {
	(void)t, (void)f;
	++*(unsigned *)user;
}

/* A peer that changes its SSRC with every packet: bounded memory, and each SSRC is told once. */
START_TEST(test_ssrcs_that_change_all_the_time_are_bounded) {
	struct media_world *w = media_world_up(2, SLUICE_SRTP_NONE, NULL);
	struct media_end *e = &w->ends[1];
	unsigned frames = 0;
	sluice_track *t;
	sluice_track_config in = media_track(SLUICE_CODEC_OPUS, "m");
	in.callbacks.on_frame = count_frame;
	in.user = &frames;
	ck_assert_int_eq(sluice_media_add_receiver(e->media, &in, &t), 0);
	media_world_run(w, SLUICE_MS);
	size_t peak = 0;
	for (uint32_t i = 0; i < 20000; i++) {
		uint8_t packet[60] = {0x80, media_codec(SLUICE_CODEC_OPUS).payload_type};
		if (i % 2)
			packet[1] = 99; /* nobody's */
		put_be32(packet + 8, 1000 + i);
		sluice_datagram d = {.data = packet, .len = sizeof packet};
		ck_assert_int_eq(sluice_media_input(e->media, &d, 1, w->sim.now + i * SLUICE_MS), 0);
		sluice_media_dispatch(e->media);
		ck_assert(media_check(e->media));
		if (i == 1000)
			peak = e->memory.peak;
	}
	ck_assert_uint_le(e->memory.peak, peak + 1000);
	ck_assert_uint_gt(frames, 50);
	ck_assert_uint_gt(e->unknown, 1000);
	media_world_free(w);
}
END_TEST

/* ---- simulcast ---- */

static const sluice_encoding three[] = {
	{.rid = "q", .max_bitrate = 100000}, {.rid = "h", .max_bitrate = 300000}, {.rid = "f", .max_bitrate = 1000000}};

START_TEST(test_three_layers_are_told_apart_by_their_rids) {
	const struct link_config links[] = {{.delay = KIT_MEDIA_DELAY}, {.delay = KIT_MEDIA_DELAY, .loss = 0.02}};
	for (unsigned i = 0; i < 2; i++) {
		struct media_world *w = media_world_up(2, SLUICE_SRTP_AES128_CM_SHA1_80, &links[i]);
		struct media_source sources[3];
		struct media_sink sink = {0};
		sluice_track_config config = media_track(SLUICE_CODEC_VP8, "v");
		config.encodings = three;
		config.encoding_count = 3;
		media_source_open(w, &sources[0], &w->ends[0], &config);
		for (unsigned k = 1; k < 3; k++) {
			sources[k] = sources[0];
			sources[k].layer = k;
		}
		media_sink_open(&sink, &w->ends[1], &config);
		for (unsigned k = 0; k < 3; k++)
			media_source_run(w, &sources[k], 200, 33 * SLUICE_MS, 300 + 500 * k);
		media_world_run(w, 9 * SLUICE_S);
		for (unsigned k = 0; k < 3; k++) {
			ck_assert_uint_eq(sources[k].blocked, 0);
			ck_assert_msg(sink.got[k] >= (i ? 190u : 200u), "layer %u: %u", k, sink.got[k]);
		}
		ck_assert_uint_le(sources[0].bitrate, 100000);
		sluice_outbound_rtp_stats stats;
		ck_assert_int_eq(sluice_track_outbound_stats(sources[0].track, 0, &stats), 0);
		ck_assert_uint_eq(stats.target_bitrate, 100000);
		media_world_free(w);
	}
}
END_TEST

/* ---- rate ---- */

START_TEST(test_the_target_is_shared_from_the_lowest_layer_up) {
	struct media_world *w = media_world_up(2, SLUICE_SRTP_NONE, NULL);
	struct media_source audio, video;
	base = media_track(SLUICE_CODEC_OPUS, "a");
	media_source_open(w, &audio, &w->ends[0], &base);
	base = media_track(SLUICE_CODEC_VP8, "v");
	base.encodings = three;
	base.encoding_count = 3;
	media_source_open(w, &video, &w->ends[0], &base);
	media_world_run(w, 10 * SLUICE_MS);
	uint64_t target = 300000; /* where the estimator begins */
	ck_assert_uint_eq(sluice_track_bitrate(audio.track, 0), 64000);
	ck_assert_uint_eq(sluice_track_bitrate(video.track, 0), 100000);
	ck_assert_uint_eq(sluice_track_bitrate(video.track, 1), target - 164000);
	ck_assert_uint_eq(sluice_track_bitrate(video.track, 2), 0);
	sluice_encoding paused = three[1];
	paused.paused = true;
	ck_assert_int_eq(sluice_track_set_encoding(video.track, 1, &paused), 0);
	media_world_run(w, 10 * SLUICE_MS);
	ck_assert_uint_eq(sluice_track_bitrate(video.track, 1), 0);
	ck_assert_uint_eq(sluice_track_bitrate(audio.track, 1), 0);
	media_world_free(w);
}
END_TEST

START_TEST(test_the_rate_rises_to_what_the_path_carries) {
	const struct link_config link = {.delay = KIT_MEDIA_DELAY, .rate = 1500000, .queue = 60000};
	struct media_world *w = media_world_up(2, SLUICE_SRTP_AES128_CM_SHA1_80, &link);
	struct media_source source;
	struct media_sink sink = {0};
	base = media_track(SLUICE_CODEC_VP8, "v");
	media_source_open(w, &source, &w->ends[0], &base);
	media_sink_open(&sink, &w->ends[1], &base);
	for (unsigned i = 0; i < 300; i++) {
		source.size = source.bitrate / 8 / 30;
		media_source_run(w, &source, 1, 33 * SLUICE_MS, source.size ? source.size : 1000);
		media_world_run(w, 33 * SLUICE_MS);
	}
	sluice_media_stats stats;
	sluice_media_stats_get(w->ends[0].media, &stats);
	ck_assert_uint_ge(stats.available_outgoing_bitrate, 1000000);
	ck_assert_uint_le(stats.available_outgoing_bitrate, 1700000);
	ck_assert_uint_ge(stats.delivered_bitrate, 800000);
	ck_assert_uint_ge(stats.round_trip_time, 2 * KIT_MEDIA_DELAY);
	media_world_run(w, SLUICE_S);
	ck_assert_uint_ge(sink.got[0], 280);
	media_world_free(w);
}
END_TEST

/* ---- keyframes, ends ---- */

START_TEST(test_a_keyframe_is_asked_for_where_a_decoder_cannot_begin) {
	struct media_world *w = media_world_up(2, SLUICE_SRTP_AES128_CM_SHA1_80, NULL);
	struct media_source source;
	struct media_sink sink = {0};
	base = media_track(SLUICE_CODEC_VP8, "v");
	base.ssrcs[0] = 9;
	media_source_open(w, &source, &w->ends[0], &base);
	sim_link(&w->sim, w->ends[0].host, w->ends[1].host)->config.outage_from = 0;
	sim_link(&w->sim, w->ends[0].host, w->ends[1].host)->config.outage_to = w->sim.now + 500 * SLUICE_MS;
	media_sink_open(&sink, &w->ends[1], &base);
	media_source_run(w, &source, 100, 20 * SLUICE_MS, 1500);
	media_world_run(w, 3 * SLUICE_S);
	ck_assert_uint_eq(source.key_requests, 1);
	ck_assert_uint_eq(source.keys, 2);
	ck_assert_uint_eq(sink.keys[0], 1);
	ck_assert_uint_ge(sink.got[0], 60);
	sluice_track_request_keyframe(sink.track, 0);
	media_source_run(w, &source, 20, 20 * SLUICE_MS, 1500);
	media_world_run(w, SLUICE_S);
	ck_assert_uint_eq(source.keys, 3);
	media_world_free(w);
}
END_TEST

START_TEST(test_a_removed_sender_mutes_its_receiver) {
	struct media_world *w = media_world_up(2, SLUICE_SRTP_AES128_CM_SHA1_80, NULL);
	struct media_source source, again;
	struct media_sink sink = {0};
	base = media_track(SLUICE_CODEC_OPUS, "v");
	media_source_open(w, &source, &w->ends[0], &base);
	media_sink_open(&sink, &w->ends[1], &base);
	media_source_run(w, &source, 20, 20 * SLUICE_MS, 80);
	media_world_run(w, SLUICE_S);
	sluice_media_remove(w->ends[0].media, source.track);
	source.track = NULL;
	media_world_run(w, SLUICE_S);
	ck_assert_uint_eq(sink.mutes, 1);
	ck_assert_uint_eq(sink.got[0], 20);
	/* Another SSRC of the same section takes its place. */
	media_source_open(w, &again, &w->ends[0], &base);
	again.next = 20;
	media_source_run(w, &again, 20, 20 * SLUICE_MS, 80);
	media_world_run(w, SLUICE_S);
	ck_assert_uint_eq(sink.unmutes, 1);
	ck_assert_uint_ge(sink.got[0], 39);
	sluice_media_remove(w->ends[1].media, sink.track);
	ck_assert_uint_eq(sink.ended, 0);
	media_world_run(w, SLUICE_MS);
	sluice_media_dispatch(w->ends[1].media);
	ck_assert_uint_eq(sink.ended, 1);
	media_world_free(w);
}
END_TEST

static void drop_frame(sluice_track *t, const sluice_frame *f, void *user) {
	(void)t, (void)f, (void)user;
}

static sluice_inbound_rtp_stats last_in;
static sluice_outbound_rtp_stats last_out;

static void read_last(sluice_track *t, void *user) {
	(void)user;
	ck_assert_int_eq(sluice_track_is_sender(t) ? sluice_track_outbound_stats(t, 0, &last_out)
	                                           : sluice_track_inbound_stats(t, 0, &last_in),
	                 0);
}

START_TEST(test_the_last_statistics_can_be_read_when_a_track_ends) {
	struct media_world *w = media_world_up(2, SLUICE_SRTP_AES128_CM_SHA1_80, NULL);
	struct media_source source;
	struct media_sink sink = {0};
	base = media_track(SLUICE_CODEC_OPUS, "v");
	media_source_open(w, &source, &w->ends[0], &base);
	media_sink_open(&sink, &w->ends[1], &base);
	media_source_run(w, &source, 20, 20 * SLUICE_MS, 80);
	media_world_run(w, SLUICE_S);
	sluice_track_set_callbacks(sink.track, &(sluice_track_callbacks){.on_frame = drop_frame, .on_ended = read_last}, NULL);
	sluice_track_set_callbacks(source.track, &(sluice_track_callbacks){.on_ended = read_last}, NULL);
	sluice_media_remove(w->ends[0].media, source.track);
	sluice_media_remove(w->ends[1].media, sink.track);
	sluice_media_dispatch(w->ends[0].media);
	sluice_media_dispatch(w->ends[1].media);
	ck_assert_uint_eq(last_in.frames_received, 20);
	ck_assert_uint_gt(last_out.bytes_sent, 20 * 80 - 1);
	media_world_free(w);
}
END_TEST

static void free_session(sluice_track *t, const sluice_frame *f, void *user) {
	struct media_sink *s = user;
	(void)t, (void)f;
	s->got[0]++;
	media_end_free(s->end);
}

static void remove_track(sluice_track *t, const sluice_frame *f, void *user) {
	struct media_sink *s = user;
	(void)f;
	s->got[0]++;
	sluice_media_remove(s->end->media, t);
}

static void end_inside(void (*on_frame)(sluice_track *, const sluice_frame *, void *), unsigned ended) {
	struct media_world *w = media_world_up(2, SLUICE_SRTP_AES128_CM_SHA1_80, NULL);
	struct media_source source;
	struct media_sink sink = {0};
	base = media_track(SLUICE_CODEC_VP8, "v");
	media_source_open(w, &source, &w->ends[0], &base);
	sluice_track_config in = base;
	in.callbacks.on_frame = on_frame;
	media_sink_open(&sink, &w->ends[1], &in);
	media_source_run(w, &source, 30, 20 * SLUICE_MS, 1500);
	media_world_run(w, SLUICE_S);
	ck_assert_uint_eq(sink.got[0], 1);
	ck_assert_uint_eq(sink.ended, ended);
	media_world_free(w);
}

START_TEST(test_a_callback_may_free_everything) {
	end_inside(free_session, 0);
	end_inside(remove_track, 1);
}
END_TEST

START_TEST(test_lent_frames_come_back) {
	const struct link_config link = {.delay = KIT_MEDIA_DELAY, .loss = 0.02};
	struct media_world *w = media_world_up(2, SLUICE_SRTP_AES128_CM_SHA1_80, &link);
	struct media_source source;
	struct media_sink sink = {0};
	base = media_track(SLUICE_CODEC_VP8, "v");
	media_source_open(w, &source, &w->ends[0], &base);
	source.lends = true;
	media_sink_open(&sink, &w->ends[1], &base);
	media_source_run(w, &source, 200, 20 * SLUICE_MS, 1500);
	media_world_run(w, 6 * SLUICE_S);
	ck_assert_uint_ge(sink.got[0], 190);
	ck_assert_uint_gt(source.released, 100);
	media_world_free(w);
}
END_TEST

static void expect_memory(int error) {
	ck_assert(error == 0 || error == SLUICE_NO_MEMORY);
}

/* What comes out of one session goes into the other one; either may lack memory for it. */
static void pass_packets(sluice_media *from, sluice_media *to, uint64_t now) {
	uint8_t bytes[4000];
	sluice_batch b = {.data = bytes, .capacity = sizeof bytes};
	for (unsigned i = 0; i < 20 && sluice_media_output(from, &b, now) > 0; i++)
		for (size_t k = 0; k < b.count; k++) {
			sluice_datagram d = {.data = sluice_batch_slot(&b, k), .len = sluice_batch_slot_len(&b, k)};
			expect_memory(sluice_media_input(to, &d, 1, now));
		}
}

/* Everything that needs memory once, with one allocation that fails. Returns whether it did. */
static bool try_without(uint64_t fail_at) {
	struct memory memory = {.fail_at = fail_at};
	const sluice_env_config ec = {.allocator = memory_allocator(&memory)};
	sluice_env *env;
	sluice_media *media[2] = {NULL, NULL};
	sluice_track *track[2] = {NULL, NULL};
	unsigned frames = 0;
	sluice_srtp_key key = {{1}, {2}};
	uint8_t bytes[3000];
	if (sluice_env_new(&ec, &env))
		return true;
	base = media_track(SLUICE_CODEC_VP8, "v");
	base.callbacks.on_frame = count_frame;
	base.user = &frames;
	bool ready = true;
	for (unsigned i = 0; i < 2; i++) {
		int error = sluice_media_new(env, NULL, &media[i]);
		expect_memory(error);
		if (!error)
			error = sluice_media_set_keys(media[i], SLUICE_SRTP_AEAD_AES_128_GCM, &key, &key);
		ck_assert(error == 0 || error == SLUICE_NO_MEMORY || error == SLUICE_CRYPTO);
		if (!error)
			error = i ? sluice_media_add_receiver(media[i], &base, &track[i])
			          : sluice_media_add_sender(media[i], &base, &track[i]);
		ready = ready && error == 0;
	}
	const sluice_frame f = {.data = bytes, .len = media_frame(SLUICE_CODEC_VP8, 1, true, 2000, bytes)};
	for (uint64_t now = SLUICE_S; ready && now < 2 * SLUICE_S; now += 20 * SLUICE_MS) {
		for (unsigned i = 0; i < 2; i++)
			sluice_media_advance(media[i], now);
		int error = sluice_track_send_frame(track[0], &f);
		ck_assert(error == 0 || error == SLUICE_NO_MEMORY || error == SLUICE_WRONG_STATE || error == SLUICE_WOULD_BLOCK);
		pass_packets(media[0], media[1], now);
		pass_packets(media[1], media[0], now);
		sluice_media_dispatch(media[1]);
	}
	ck_assert(!ready || frames > 10);
	sluice_media_free(media[0]);
	sluice_media_free(media[1]);
	sluice_env_free(env);
	ck_assert_uint_eq(memory.live, 0);
	return memory.failures > 0;
}

START_TEST(test_each_allocation_may_fail) {
	uint64_t n = 1;
	while (try_without(n))
		n++;
	ck_assert_uint_gt(n, 20);
}
END_TEST

#define IDLE 16

/* Whatever a stream needs from its first packet on: its part of the session, the repair window, the jitter buffer, the frame that
 * is put together, and what waits. Each has had frames, and then a pause. */
START_TEST(test_an_idle_received_stream_takes_at_most_64_kib) {
	struct media_world *w = media_world_up(2, SLUICE_SRTP_AES128_CM_SHA1_80, NULL);
	static struct media_source sources[IDLE + 1];
	static struct media_sink sinks[IDLE + 1];
	size_t before = 0;
	char mids[IDLE + 1][8];
	for (unsigned i = 0; i <= IDLE; i++) {
		snprintf(mids[i], sizeof mids[i], "m%u", i);
		base = media_track(SLUICE_CODEC_VP8, mids[i]);
		media_source_open(w, &sources[i], &w->ends[0], &base);
		media_sink_open(&sinks[i], &w->ends[1], &base);
		media_source_run(w, &sources[i], 20, 30 * SLUICE_MS, 1500);
		media_world_run(w, 5 * SLUICE_S);
		ck_assert_uint_eq(sinks[i].got[0], 20);
		/* The first one also brings what the session itself needs. */
		before = i ? before : w->ends[1].memory.bytes;
	}
	ck_assert_uint_le((w->ends[1].memory.bytes - before) / IDLE, 64 * 1024);
	media_world_free(w);
}
END_TEST

SUITE("media_tracks", test_a_session_refuses_what_is_out_of_range, test_a_track_refuses_what_is_out_of_range,
      test_ssrcs_and_mids_are_used_once, test_payload_types_of_an_ended_track_may_mean_something_else,
      test_there_are_256_streams_each_way, test_a_sender_says_why_it_does_not_send, test_bytes_that_are_no_frame_are_refused,
      test_a_stream_is_found_by_ssrc_then_mid_then_payload_type, test_packets_of_an_unknown_ssrc_wait_for_their_track,
      test_ssrcs_that_change_all_the_time_are_bounded, test_three_layers_are_told_apart_by_their_rids,
      test_the_target_is_shared_from_the_lowest_layer_up, test_the_rate_rises_to_what_the_path_carries,
      test_a_keyframe_is_asked_for_where_a_decoder_cannot_begin, test_a_removed_sender_mutes_its_receiver,
      test_the_last_statistics_can_be_read_when_a_track_ends, test_a_callback_may_free_everything, test_lent_frames_come_back,
      test_each_allocation_may_fail, test_an_idle_received_stream_takes_at_most_64_kib)
