/* What does it cost to learn the path's rate, and what may wait until it is known? Padding stays a small share of what is sent
 * and is no packet of the stream, and a first keyframe does not stop the frames behind it. */
#include "base/bytes.h"
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

/* ---- padding is nobody's packet ---- */

#define MEDIA_SSRC 77
#define RTX_SSRC 78

struct arrivals {
	uint64_t media, repairs, padding;
};

static void note_arrival(void *ctx, bool out, const void *packet, size_t len, uint64_t now) {
	struct arrivals *a = ctx;
	const uint8_t *data = packet;
	(void)now;
	if (out || len < 12 || (data[1] >= 192 && data[1] <= 223))
		return;
	uint32_t ssrc = get_be32(data + 8);
	a->media += ssrc == MEDIA_SSRC;
	a->repairs += ssrc == RTX_SSRC && !(data[0] & 0x20);
	a->padding += ssrc == RTX_SSRC && data[0] & 0x20;
}

START_TEST(test_the_receiver_counts_repairs_and_no_padding_of_rtx) {
	struct link_config link = {.delay = KIT_MEDIA_DELAY, .loss = 0.03};
	struct media_world *w = media_world_up(2, SLUICE_SRTP_AES128_CM_SHA1_80, &link);
	sluice_track_config config = media_track(SLUICE_CODEC_VP8, "v");
	struct media_source source;
	struct media_sink sink = {0};
	struct arrivals came = {0};
	sluice_inbound_rtp_stats stats;
	config.ssrcs[0] = MEDIA_SSRC;
	config.rtx_ssrcs[0] = RTX_SSRC;
	media_source_open(w, &source, &w->ends[0], &config);
	media_sink_open(&sink, &w->ends[1], &config);
	sluice_media_set_packet_tap(w->ends[1].media, note_arrival, &came);
	media_source_run(w, &source, 303, FRAME, 5000);
	media_world_run(w, 11 * SLUICE_S);
	ck_assert_int_eq(sluice_track_inbound_stats(sink.track, 0, &stats), 0);
	ck_assert_uint_gt(came.repairs, 10);
	ck_assert_uint_gt(came.padding, 10);
	ck_assert_uint_eq(stats.packets_received, came.media + came.repairs);
	ck_assert_uint_eq(stats.retransmitted_packets_received, came.repairs);
	media_world_free(w);
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

SUITE("media_rate", test_padding_is_a_small_share_of_what_is_sent, test_the_receiver_counts_repairs_and_no_padding_of_rtx,
      test_a_first_keyframe_of_60_kb_lets_the_frames_behind_it_wait)
