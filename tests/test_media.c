/* Do two sluice_media understand each other? Frames of every codec go over the simulator's links, with all that goes wrong. */
#include "track_kit.h"

#include "base/bytes.h"
#include "rtp/media/media.h"

#define LOSSY                                                                                                                    \
	{ .delay = KIT_MEDIA_DELAY, .loss = 0.03, .duplicate = 0.02, .reorder = 0.02, .reorder_delay = 10 * SLUICE_MS }

static void one_way(enum sluice_codec codec, enum sluice_srtp_profile profile, const struct link_config *link, uint32_t frames,
                    size_t size, struct media_sink *sink, struct media_source *source) {
	struct media_world *w = media_world_up(2, profile, link);
	const sluice_track_config config = media_track(codec, "v");
	media_source_open(w, source, &w->ends[0], &config);
	media_sink_open(sink, &w->ends[1], &config);
	media_source_run(w, source, frames, 20 * SLUICE_MS, size);
	media_world_run(w, frames * 20 * SLUICE_MS + 3 * SLUICE_S);
	media_world_free(w);
}

START_TEST(test_frames_of_each_codec_arrive_whole_and_in_order) {
	for (int codec = SLUICE_CODEC_OPUS; codec <= (int)SLUICE_CODEC_AV1; codec++) {
		bool video = sluice_codec_kind((enum sluice_codec)codec) == SLUICE_VIDEO;
		struct media_source source;
		struct media_sink sink = {0};
		one_way((enum sluice_codec)codec, SLUICE_SRTP_AES128_CM_SHA1_80, NULL, 200, video ? 1500 : 100, &sink, &source);
		ck_assert_uint_eq(source.blocked, 0);
		ck_assert_msg(sink.got[0] == 200, "%s: %u frames", sluice_codec_name((enum sluice_codec)codec), sink.got[0]);
		ck_assert_uint_eq(sink.lost[0], 0);
	}
}
END_TEST

START_TEST(test_each_codec_has_a_name_a_kind_and_a_clock_and_no_other_number_has) {
	static const struct {
		const char *name;
		enum sluice_media_kind kind;
		uint32_t rate;
	} rows[] = {
		[SLUICE_CODEC_OPUS] = {"opus", SLUICE_AUDIO, 48000}, [SLUICE_CODEC_PCMU] = {"PCMU", SLUICE_AUDIO, 8000},
		[SLUICE_CODEC_PCMA] = {"PCMA", SLUICE_AUDIO, 8000},  [SLUICE_CODEC_VP8] = {"VP8", SLUICE_VIDEO, 90000},
		[SLUICE_CODEC_VP9] = {"VP9", SLUICE_VIDEO, 90000},   [SLUICE_CODEC_H264] = {"H264", SLUICE_VIDEO, 90000},
		[SLUICE_CODEC_AV1] = {"AV1", SLUICE_VIDEO, 90000},
	};
	for (size_t i = SLUICE_CODEC_OPUS; i < sizeof rows / sizeof *rows; i++) {
		ck_assert_str_eq(sluice_codec_name((enum sluice_codec)i), rows[i].name);
		ck_assert_int_eq(sluice_codec_kind((enum sluice_codec)i), rows[i].kind);
		ck_assert_uint_eq(sluice_codec_clock_rate((enum sluice_codec)i), rows[i].rate);
	}
	static const int none[] = {-1, SLUICE_CODEC_NONE, SLUICE_CODEC_AV1 + 1, 1000};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		ck_assert_str_eq(sluice_codec_name((enum sluice_codec)none[i]), "");
		ck_assert_int_eq(sluice_codec_kind((enum sluice_codec)none[i]), 0);
		ck_assert_uint_eq(sluice_codec_clock_rate((enum sluice_codec)none[i]), 0);
	}
}
END_TEST

START_TEST(test_each_srtp_profile_carries_frames) {
	for (int profile = SLUICE_SRTP_NONE; profile <= (int)SLUICE_SRTP_AEAD_AES_256_GCM; profile++) {
		struct media_source source;
		struct media_sink sink = {0};
		one_way(SLUICE_CODEC_VP8, (enum sluice_srtp_profile)profile, NULL, 50, 1500, &sink, &source);
		ck_assert_uint_eq(sink.got[0], 50);
	}
}
END_TEST

START_TEST(test_lost_packets_are_repaired) {
	for (int codec = SLUICE_CODEC_OPUS; codec <= (int)SLUICE_CODEC_AV1; codec++) {
		bool video = sluice_codec_kind((enum sluice_codec)codec) == SLUICE_VIDEO;
		struct media_source source;
		struct media_sink sink = {0};
		const struct link_config link = LOSSY;
		one_way((enum sluice_codec)codec, SLUICE_SRTP_AEAD_AES_128_GCM, &link, 500, video ? 2500 : 100, &sink, &source);
		if (video)
			ck_assert_msg(sink.got[0] + source.blocked >= 450, "%s: %u frames, %u blocked",
			              sluice_codec_name((enum sluice_codec)codec), sink.got[0], source.blocked);
	}
}
END_TEST

/* RFC 3711, 9.2: "the master key MUST be changed" after 2^48 packets. */
START_TEST(test_nothing_leaves_when_the_key_is_used_up) {
	struct media_world *w = media_world_up(2, SLUICE_SRTP_AEAD_AES_128_GCM, NULL);
	struct media_source source;
	struct media_sink sink = {0};
	const sluice_track_config config = media_track(SLUICE_CODEC_OPUS, "v");
	media_source_open(w, &source, &w->ends[0], &config);
	media_sink_open(&sink, &w->ends[1], &config);
	w->ends[0].media->seal.flow[SRTP_RTP].sealed = (UINT64_C(1) << 48) - 10;
	media_source_run(w, &source, 50, 20 * SLUICE_MS, 80);
	media_world_run(w, 2 * SLUICE_S);
	ck_assert_uint_eq(sink.got[0], 10);
	sluice_media_stats stats;
	sluice_media_stats_get(w->ends[1].media, &stats);
	ck_assert_uint_eq(stats.forged + stats.malformed, 0);
	media_world_free(w);
}
END_TEST

static enum link_verdict flip(void *ctx, struct sim_link *link, uint8_t *packet, size_t *len, uint64_t now) {
	unsigned *n = ctx;
	(void)link, (void)now;
	if (++*n % 10 == 0)
		packet[*len / 2] ^= 1;
	return LINK_PASS;
}

/* A bit that flips on the way is seen by SRTP, counted, and its packet is repaired. */
START_TEST(test_forged_and_repeated_packets_are_counted) {
	const struct link_config link = {.delay = KIT_MEDIA_DELAY, .duplicate = 0.1};
	struct media_world *w = media_world_up(2, SLUICE_SRTP_AES128_CM_SHA1_80, &link);
	struct media_source source;
	struct media_sink sink = {0};
	unsigned n = 0;
	const sluice_track_config config = media_track(SLUICE_CODEC_VP8, "v");
	media_source_open(w, &source, &w->ends[0], &config);
	media_sink_open(&sink, &w->ends[1], &config);
	link_filter(sim_link(&w->sim, w->ends[0].host, w->ends[1].host), flip, &n);
	media_source_run(w, &source, 300, 20 * SLUICE_MS, 1500);
	media_world_run(w, 8 * SLUICE_S);
	sluice_media_stats stats;
	sluice_media_stats_get(w->ends[1].media, &stats);
	ck_assert_uint_gt(stats.forged, 30);
	ck_assert_uint_gt(stats.replayed, 30);
	ck_assert_uint_gt(sink.got[0], 250);
	media_world_free(w);
}
END_TEST

/* With seconds of nothing, the picture comes back by one keyframe. */
START_TEST(test_an_outage_ends_with_a_keyframe) {
	struct media_world *w = media_world_up(2, SLUICE_SRTP_AES128_CM_SHA1_80, NULL);
	struct media_source source;
	struct media_sink sink = {0};
	const sluice_track_config config = media_track(SLUICE_CODEC_H264, "v");
	struct sim_link *link = sim_link(&w->sim, w->ends[0].host, w->ends[1].host);
	media_source_open(w, &source, &w->ends[0], &config);
	media_sink_open(&sink, &w->ends[1], &config);
	link->config.outage_from = w->sim.now + SLUICE_S;
	link->config.outage_to = w->sim.now + 4 * SLUICE_S;
	media_source_run(w, &source, 400, 20 * SLUICE_MS, 1000);
	media_world_run(w, 12 * SLUICE_S);
	ck_assert_uint_ge(source.key_requests, 1);
	ck_assert_uint_le(source.key_requests, 4);
	ck_assert_uint_eq(sink.last[0], 399);
	ck_assert_uint_ge(sink.got[0], 200);
	media_world_free(w);
}
END_TEST

/* A packet has the payload of the one before it, so only two losses in a row leave a gap, and only these are asked for. */
START_TEST(test_lost_sound_comes_in_red_without_being_asked_for) {
	const struct link_config link = {.delay = KIT_MEDIA_DELAY, .loss = 0.05};
	struct media_world *w = media_world_up(2, SLUICE_SRTP_AES128_CM_SHA1_80, &link);
	struct media_source source;
	struct media_sink sink = {0};
	sluice_inbound_rtp_stats stats;
	sluice_codec_config codec = media_codec(SLUICE_CODEC_OPUS);
	codec.red_payload_type = 63;
	sluice_track_config config = media_track(SLUICE_CODEC_OPUS, "a");
	config.codecs = &codec;
	media_source_open(w, &source, &w->ends[0], &config);
	media_sink_open(&sink, &w->ends[1], &config);
	media_source_run(w, &source, 2000, 20 * SLUICE_MS, 80);
	media_world_run(w, 42 * SLUICE_S);
	sluice_track_inbound_stats(sink.track, 0, &stats);
	ck_assert_uint_ge(stats.fec_packets_received, 70);
	ck_assert_uint_le(stats.nack_count, stats.fec_packets_received / 5);
	ck_assert_uint_ge(sink.got[0], 1980);
	media_world_free(w);
}
END_TEST

/* Opus packets of two bytes: number, timestamp; in RED with one earlier payload, whose timestamp is so much earlier. */
static void give_red(struct media_end *e, uint16_t number, uint32_t timestamp, uint16_t earlier, uint64_t now) {
	uint8_t packet[12 + 5 + 4] = {0x80, 63};
	put_be16(packet + 2, number);
	put_be32(packet + 4, timestamp);
	put_be32(packet + 8, 77);
	packet[12] = 0x80 | media_codec(SLUICE_CODEC_OPUS).payload_type;
	packet[13] = (uint8_t)(earlier >> 6);
	packet[14] = (uint8_t)(earlier << 2);
	packet[15] = 2;
	packet[16] = media_codec(SLUICE_CODEC_OPUS).payload_type;
	memcpy(packet + 17, "\xf8\x01\xf8\x02", 4);
	sluice_datagram d = {packet, sizeof packet, NULL};
	ck_assert_int_eq(sluice_media_input(e->media, &d, 1, now), 0);
	sluice_media_dispatch(e->media);
}

static void note_number(struct media_sink *s, const sluice_rtp *p) {
	s->last[0] = (uint32_t)p->number & 0xFFFF;
	*(uint32_t *)s->ctx = p->timestamp;
}

/* Numbers 101 and 103 are missing. The sender left one out before 104, so its earlier payload is that of 102. */
START_TEST(test_an_earlier_payload_that_does_not_fit_its_hole_is_not_used) {
	struct media_world *w = media_world_up(2, SLUICE_SRTP_NONE, NULL);
	struct media_end *e = &w->ends[1];
	uint32_t timestamp = 0;
	struct media_sink sink = {.on_rtp = note_number, .ctx = &timestamp};
	sluice_inbound_rtp_stats stats;
	sluice_codec_config codec = media_codec(SLUICE_CODEC_OPUS);
	codec.red_payload_type = 63;
	sluice_track_config config = media_track(SLUICE_CODEC_OPUS, "a");
	config.codecs = &codec;
	config.ssrcs[0] = 77;
	media_sink_open(&sink, e, &config);
	give_red(e, 100, 96000, 960, w->sim.now);
	ck_assert_uint_eq(sink.packets, 1);
	give_red(e, 102, 97920, 960, w->sim.now);
	ck_assert_uint_eq(sink.packets, 3);
	give_red(e, 104, 99840, 1920, w->sim.now);
	ck_assert_uint_eq(sink.packets, 4);
	ck_assert_uint_eq(sink.last[0], 104);
	ck_assert_uint_eq(timestamp, 99840);
	sluice_track_inbound_stats(sink.track, 0, &stats);
	ck_assert_uint_eq(stats.fec_packets_received, 1);
	media_world_free(w);
}
END_TEST

SUITE("media", test_frames_of_each_codec_arrive_whole_and_in_order,
      test_each_codec_has_a_name_a_kind_and_a_clock_and_no_other_number_has, test_each_srtp_profile_carries_frames,
      test_lost_packets_are_repaired, test_nothing_leaves_when_the_key_is_used_up, test_forged_and_repeated_packets_are_counted,
      test_an_outage_ends_with_a_keyframe, test_lost_sound_comes_in_red_without_being_asked_for,
      test_an_earlier_payload_that_does_not_fit_its_hole_is_not_used)
