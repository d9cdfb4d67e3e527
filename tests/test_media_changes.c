/* What changes while a track sends: its SSRC, because somebody else has it, and the ids of header extensions. */
#include "track_kit.h"

#include "base/bytes.h"
#include "rtp/media/media.h"

#define ABS_SEND_TIME "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
#define SSRC 77

/* ---- collisions ---- */

START_TEST(test_a_stream_whose_ssrc_somebody_else_has_goes_on_with_another) {
	struct media_world *w = media_world_up(2, SLUICE_SRTP_NONE, NULL);
	struct media_source source;
	struct media_sink sink = {.jumps = true};
	sluice_track_config config = media_track(SLUICE_CODEC_VP8, "v");
	sluice_outbound_rtp_stats out;
	sluice_inbound_rtp_stats in;
	uint8_t stray[16] = {0x80, 96};
	config.ssrcs[0] = SSRC;
	media_source_open(w, &source, &w->ends[0], &config);
	config.ssrcs[0] = 0;
	media_sink_open(&sink, &w->ends[1], &config);
	media_source_run(w, &source, 300, 20 * SLUICE_MS, 1500);
	media_world_run(w, 2 * SLUICE_S);
	sluice_track_outbound_stats(source.track, 0, &out);
	ck_assert_uint_eq(out.ssrc, SSRC);
	ck_assert_uint_ge(sink.got[0], 90);
	put_be32(stray + 8, SSRC);
	sim_inject(&w->sim, w->ends[0].host, stray, sizeof stray, w->sim.now);
	media_world_run(w, 6 * SLUICE_S);
	sluice_track_outbound_stats(source.track, 0, &out);
	sluice_track_inbound_stats(sink.track, 0, &in);
	ck_assert_uint_ne(out.ssrc, SSRC);
	ck_assert_uint_eq(in.ssrc, out.ssrc);
	ck_assert_uint_eq(sink.last[0], 299);
	ck_assert_uint_ge(sink.got[0], 280);
	media_world_free(w);
}
END_TEST

/* ---- ids ---- */

struct seen {
	unsigned id[16]; /* packets of media that have an element with this id */
	unsigned packets;
};

/* Elements of the one-byte form (RFC 8285, 4.2). */
static void look(void *ctx, bool sent, const void *data, size_t len, uint64_t now) {
	struct seen *seen = ctx;
	const uint8_t *packet = data;
	(void)now;
	if (!sent || rtp_packet_is_rtcp(packet, len) || packet[1] % 128 != media_codec(SLUICE_CODEC_VP8).payload_type)
		return;
	seen->packets++;
	if (!(packet[0] & 0x10))
		return;
	ck_assert_uint_eq(get_be16(packet + 12), 0xBEDE);
	const uint8_t *at = packet + 16, *end = at + 4 * get_be16(packet + 14);
	while (at < end) {
		seen->id[*at >> 4]++;
		at += *at >> 4 ? 2 + (*at & 15) : 1;
	}
}

START_TEST(test_ids_of_extensions_may_change_while_a_track_sends) {
	struct media_world *w = media_world_up(2, SLUICE_SRTP_AEAD_AES_128_GCM, NULL);
	struct media_source source;
	struct media_sink sink = {0};
	const sluice_track_config config = media_track(SLUICE_CODEC_VP8, "v");
	struct seen before = {.packets = 0}, after = {.packets = 0};
	media_source_open(w, &source, &w->ends[0], &config);
	media_sink_open(&sink, &w->ends[1], &config);
	sluice_media_set_packet_tap(w->ends[0].media, look, &before);
	media_source_run(w, &source, 200, 20 * SLUICE_MS, 1500);
	media_world_run(w, 2 * SLUICE_S + 5 * SLUICE_MS);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(sluice_media_set_extension(w->ends[i].media, ABS_SEND_TIME, 0), 0);
		ck_assert_int_eq(sluice_media_set_extension(w->ends[i].media, ABS_SEND_TIME, 9), 0);
	}
	sluice_media_set_packet_tap(w->ends[0].media, look, &after);
	media_world_run(w, 4 * SLUICE_S);
	ck_assert_uint_ge(before.packets, 150);
	ck_assert_uint_eq(before.id[1], before.packets);
	ck_assert_uint_eq(before.id[9], 0);
	ck_assert_uint_ge(after.packets, 150);
	ck_assert_uint_eq(after.id[1], 0);
	ck_assert_uint_eq(after.id[9], after.packets);
	ck_assert_uint_eq(after.id[2], after.packets); /* transport-cc stays where it was */
	ck_assert_uint_eq(sink.got[0] + source.blocked, 200);
	ck_assert_uint_eq(sink.lost[0], 0);
	media_world_free(w);
}
END_TEST

SUITE("media_changes", test_a_stream_whose_ssrc_somebody_else_has_goes_on_with_another,
      test_ids_of_extensions_may_change_while_a_track_sends)
