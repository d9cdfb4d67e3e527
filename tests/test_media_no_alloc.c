/* Is nothing allocated once media runs? 10,000 packets and more go each way with 5% of loss, with NACK, RTX, TWCC, keyframes and
 * frames; and a middle forwards. Sanitizers see each object, so there the pools are off and there is nothing to count. */
#include "track_kit.h"

#ifdef SLUICE_NOPOOL
#define IS_COUNTED false
#else
#define IS_COUNTED true
#endif

START_TEST(test_10000_packets_each_way_allocate_nothing) {
	const struct link_config link = {.delay = KIT_MEDIA_DELAY, .loss = 0.05};
	struct media_world *w = media_world_up(2, SLUICE_SRTP_AES128_CM_SHA1_80, &link);
	struct media_source sources[4];
	struct media_sink sinks[4] = {{0}};
	for (unsigned i = 0; i < 2; i++) {
		sluice_track_config video = media_track(SLUICE_CODEC_VP8, "v"), audio = media_track(SLUICE_CODEC_OPUS, "a");
		media_source_open(w, &sources[2 * i], &w->ends[i], &video);
		media_source_open(w, &sources[2 * i + 1], &w->ends[i], &audio);
		media_sink_open(&sinks[2 * i], &w->ends[1 - i], &video);
		media_sink_open(&sinks[2 * i + 1], &w->ends[1 - i], &audio);
	}
	/* The pools fill up: for some time there is more under way than later. */
	for (unsigned i = 0; i < 4; i++)
		media_source_run(w, &sources[i], 1000, 10 * SLUICE_MS, i % 2 ? 80 : 1500);
	media_world_run(w, 12 * SLUICE_S);
	for (unsigned i = 0; i < 4; i++)
		media_source_run(w, &sources[i], 6000, 20 * SLUICE_MS, i % 2 ? 80 : 1500);
	media_world_run(w, 40 * SLUICE_S);
	uint64_t before[2] = {w->ends[0].memory.allocations, w->ends[1].memory.allocations};
	sluice_media_stats stats[2];
	for (unsigned i = 0; i < 2; i++)
		sluice_media_stats_get(w->ends[i].media, &stats[i]);
	media_world_run(w, 75 * SLUICE_S);
	for (unsigned i = 0; i < 2; i++) {
		sluice_media_stats now;
		sluice_media_stats_get(w->ends[i].media, &now);
		ck_assert_uint_ge(now.packets_sent - stats[i].packets_sent, 10000);
		ck_assert_uint_ge(now.packets_received - stats[i].packets_received, 9000);
		if (IS_COUNTED)
			ck_assert_uint_eq(w->ends[i].memory.allocations, before[i]);
	}
	ck_assert_uint_gt(sinks[0].got[0], 4000);
	media_world_free(w);
}
END_TEST

SUITE("media_no_alloc", test_10000_packets_each_way_allocate_nothing)
