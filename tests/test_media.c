/* Do two sluice_media understand each other? Frames of every codec go over the simulator's links, with what can go wrong there. */
#include "track_kit.h"

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

SUITE("media", test_frames_of_each_codec_arrive_whole_and_in_order, test_each_srtp_profile_carries_frames,
      test_lost_packets_are_repaired)
