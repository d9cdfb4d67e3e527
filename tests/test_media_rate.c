/* What does it cost to learn the path's rate, and what may wait until it is known? Padding stays a small share of what is sent,
 * and a first keyframe does not stop the frames behind it. */
#include "track_kit.h"

#define FRAME (33 * SLUICE_MS)

/* ---- padding ---- */

struct bytes {
	uint64_t all, padding;
};

/* RFC 3550, 5.1: the padding bit stands in the first byte, the version above it; the payload type of RTCP is 192 or more. */
static void count(void *ctx, bool out, const void *packet, size_t len, uint64_t now) {
	struct bytes *b = ctx;
	const uint8_t *data = packet;
	(void)now;
	if (!out || (data[1] >= 192 && data[1] <= 223))
		return;
	b->all += len;
	b->padding += data[0] & 0x20 ? len : 0;
}

static void run_for_10_s(struct media_world *w, struct media_source *s, size_t size, struct bytes *b) {
	*b = (struct bytes){.all = 0};
	media_source_run(w, s, 303, FRAME, size);
	media_world_run(w, 10 * SLUICE_S);
	ck_assert_uint_le(b->padding * 100, b->all * 15);
}

/* The start, the time behind it, and what follows a pause: 300 kb/s over a path that carries far more, or 1.5 Mb/s. */
static void measure(const struct link_config *link) {
	struct media_world *w = media_world_up(2, SLUICE_SRTP_AES128_CM_SHA1_80, link);
	sluice_track_config config = media_track(SLUICE_CODEC_VP8, "v");
	struct media_source source;
	struct media_sink sink = {0};
	struct bytes bytes;
	sluice_media_stats stats;
	media_source_open(w, &source, &w->ends[0], &config);
	media_sink_open(&sink, &w->ends[1], &config);
	sluice_media_set_packet_tap(w->ends[0].media, count, &bytes);
	run_for_10_s(w, &source, 1250, &bytes);
	ck_assert_uint_gt(bytes.padding, 0);
	run_for_10_s(w, &source, 1250, &bytes);
	for (unsigned i = 0; i < 3; i++) {
		media_world_run(w, 2 * SLUICE_S);
		run_for_10_s(w, &source, 1250, &bytes);
	}
	sluice_media_stats_get(w->ends[0].media, &stats);
	ck_assert_uint_ge(stats.available_outgoing_bitrate, 1000000); /* the probes were worth it */
	ck_assert_uint_ge(sink.got[0], 5 * 303 - 30);
	media_world_free(w);
}

START_TEST(test_padding_is_a_small_share_of_what_is_sent) {
	measure(&(struct link_config){.delay = KIT_MEDIA_DELAY});
	measure(&(struct link_config){.delay = SLUICE_MS / 10});
	measure(&(struct link_config){.delay = KIT_MEDIA_DELAY, .rate = 1500000, .queue = 60000});
}
END_TEST

/* ---- the first keyframe ---- */

START_TEST(test_a_first_keyframe_of_60_kb_lets_the_frames_behind_it_wait) {
	struct media_world *w = media_world_up(2, SLUICE_SRTP_AES128_CM_SHA1_80, NULL);
	sluice_track_config voice = media_track(SLUICE_CODEC_OPUS, "a"), picture = media_track(SLUICE_CODEC_VP8, "v");
	struct media_source audio, video;
	struct media_sink heard = {0}, seen = {0};
	media_source_open(w, &audio, &w->ends[0], &voice);
	media_sink_open(&heard, &w->ends[1], &voice);
	media_source_run(w, &audio, 1000, 20 * SLUICE_MS, 80);
	media_world_run(w, 12 * SLUICE_S);
	media_source_open(w, &video, &w->ends[0], &picture);
	media_sink_open(&seen, &w->ends[1], &picture);
	media_world_run(w, SLUICE_MS); /* a verb gives the layer its rate */
	media_source_run(w, &video, 1, FRAME, 60000);
	media_world_run(w, FRAME);
	media_source_run(w, &video, 60, FRAME, 1000);
	media_world_run(w, 5 * SLUICE_S);
	ck_assert_uint_eq(video.blocked, 0);
	ck_assert_uint_eq(seen.got[0], 61);
	media_world_free(w);
}
END_TEST

SUITE("media_rate", test_padding_is_a_small_share_of_what_is_sent, test_a_first_keyframe_of_60_kb_lets_the_frames_behind_it_wait)
