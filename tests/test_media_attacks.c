/* What may the other side of a media session do to it, and what an app that is hard on it? One session, packets by hand, and a
 * clock that the test moves. */
#include "track_kit.h"

#include <stdio.h>

#include "base/bytes.h"
#include "cpu_time.h"
#include "rtp/media/media.h"

/* ---- a session that is attacked ---- */

#define SENT_MOST 65536

/* An RTP packet that left, in the clear. */
struct departed {
	uint32_t ssrc, hash;
	uint16_t sequence;
};

static struct media_world *w;
static sluice_media *m;
static uint64_t now;
static struct departed sent[SENT_MOST];
static size_t sent_count, rtcp_count;
static uint64_t sent_bytes;

static uint32_t hash_of(const uint8_t *data, size_t len) {
	uint32_t h = 2166136261u;
	for (size_t i = 0; i < len; i++)
		h = (h ^ data[i]) * 16777619u;
	return h;
}

static void on_packet(void *ctx, bool is_sent, const void *packet, size_t len, uint64_t at) {
	static uint8_t data[2048];
	struct rtp_packet p;
	(void)ctx, (void)at;
	if (!is_sent)
		return;
	sent_bytes += len;
	ck_assert_uint_le(len, sizeof data);
	memcpy(data, packet, len);
	if (rtp_packet_is_rtcp(data, len)) {
		rtcp_count++;
		return;
	}
	ck_assert_int_eq(rtp_packet_parse(data, len, &p), 0);
	ck_assert_uint_lt(sent_count, SENT_MOST);
	sent[sent_count++] = (struct departed){p.ssrc, hash_of(p.payload, p.payload_len), p.sequence};
}

static void begin(enum sluice_srtp_profile profile) {
	static const sluice_srtp_key one = {.key = {1}}, two = {.key = {2}};
	w = media_world_new(1, NULL);
	m = w->ends[0].media;
	ck_assert_int_eq(sluice_media_set_extension(m, "urn:ietf:params:rtp-hdrext:sdes:mid", 3), 0);
	now = SLUICE_S;
	sent_count = rtcp_count = 0;
	sent_bytes = 0;
	sluice_media_set_packet_tap(m, on_packet, NULL);
	ck_assert_int_eq(sluice_media_set_keys(m, profile, &one, &two), 0);
	sluice_media_advance(m, now);
}

static void finish(void) {
	media_world_free(w);
}

/* All that can leave now leaves. */
static void drain(void) {
	static uint8_t space[65536];
	sluice_batch batch = {.data = space, .capacity = sizeof space};
	while (sluice_media_output(m, &batch, now) > 0)
		continue;
	ck_assert(media_check(m));
}

/* Until nothing is due. A deadline that is never met would be a loop that never sleeps. */
static void settle(void) {
	unsigned turns = 0;
	do {
		sluice_media_advance(m, now);
		sluice_media_dispatch(m);
		drain();
		ck_assert_uint_lt(turns++, 50);
	} while (sluice_media_deadline(m) <= now);
}

static void run(uint64_t ns) {
	for (uint64_t end = now + ns; now < end;) {
		uint64_t due = sluice_media_deadline(m);
		now = due < end ? (due > now ? due : now) : end;
		settle();
	}
}

static void input(uint8_t *data, size_t len) {
	sluice_datagram d = {.data = data, .len = len};
	ck_assert_int_eq(sluice_media_input(m, &d, 1, now), 0);
	ck_assert(media_check(m));
}

/* A packet with a mid, unless that is NULL. */
static void arrive(uint32_t ssrc, uint16_t sequence, unsigned type, const char *mid, const void *payload, size_t len) {
	uint8_t packet[1500] = {mid ? 0x90 : 0x80, (uint8_t)type};
	size_t n = 12;
	put_be16(packet + 2, sequence);
	put_be32(packet + 4, sequence * 3000u);
	put_be32(packet + 8, ssrc);
	if (mid) {
		size_t words = (1 + strlen(mid) + 3) / 4;
		put_be16(packet + n, 0xBEDE);
		put_be16(packet + n + 2, (uint16_t)words);
		packet[n + 4] = (uint8_t)(3 << 4 | (strlen(mid) - 1));
		memcpy(packet + n + 5, mid, strlen(mid));
		n += 4 + 4 * words;
	}
	memcpy(packet + n, payload, len);
	input(packet, n + len);
}

/* RFC 3711, 9.1: the same number of the same SSRC under the same key is the same key stream. */
static bool is_any_number_used_twice(void) {
	for (size_t i = 0; i < sent_count; i++)
		for (size_t k = 0; k < i; k++)
			if (sent[i].ssrc == sent[k].ssrc && sent[i].sequence == sent[k].sequence && sent[i].hash != sent[k].hash)
				return true;
	return false;
}

static sluice_track *add_sender(enum sluice_codec codec, uint32_t ssrc) {
	sluice_track_config c = media_track(codec, "s");
	sluice_track *t;
	c.ssrcs[0] = ssrc;
	c.rtx_ssrcs[0] = ssrc ? ssrc + 1 : 0;
	ck_assert_int_eq(sluice_media_add_sender(m, &c, &t), 0);
	return t;
}

static int push_frame(sluice_track *t, uint32_t number) {
	uint8_t space[4096];
	size_t len = media_frame(SLUICE_CODEC_VP8, number, true, 900, space);
	return sluice_track_send_frame(t, &(sluice_frame){.data = space, .len = len, .timestamp = now, .keyframe = true});
}

/* A packet as on_rtp would give it: VP8, the beginning of a keyframe. */
static int forward(sluice_track *t, uint32_t ssrc, uint64_t number, uint64_t missing) {
	uint8_t payload[200] = {0x10};
	memset(payload + 1, (int)(number * 7 + ssrc), sizeof payload - 1);
	return sluice_track_send_rtp(t, &(sluice_rtp){.payload = payload,
	                                              .len = sizeof payload,
	                                              .number = number,
	                                              .missing = missing,
	                                              .ssrc = ssrc,
	                                              .timestamp = (uint32_t)number * 3000,
	                                              .marker = true,
	                                              .codec = SLUICE_CODEC_VP8,
	                                              .begins = true,
	                                              .keyframe = true,
	                                              .received = now});
}

/* ---- numbers under a key ---- */

START_TEST(test_frames_behind_forwarded_packets_take_no_number_of_theirs) {
	begin(SLUICE_SRTP_AES128_CM_SHA1_80);
	sluice_track *t = add_sender(SLUICE_CODEC_VP8, 50);
	for (uint64_t n = 100; n < 104; n++)
		ck_assert_int_eq(forward(t, 7, n, 0), 0);
	run(100 * SLUICE_MS);
	for (uint32_t i = 0; i < 3; i++)
		ck_assert_int_eq(push_frame(t, i), 0);
	run(100 * SLUICE_MS);
	for (uint64_t n = 104; n < 110; n++)
		ck_assert_int_eq(forward(t, 7, n, 0), 0);
	run(SLUICE_S);
	ck_assert_uint_ge(sent_count, 12);
	ck_assert(!is_any_number_used_twice());
	finish();
}
END_TEST

START_TEST(test_a_new_source_begins_behind_the_holes_that_wait) {
	begin(SLUICE_SRTP_AES128_CM_SHA1_80);
	sluice_track *t = add_sender(SLUICE_CODEC_VP8, 50);
	ck_assert_int_eq(forward(t, 7, 100, 0), 0);
	run(100 * SLUICE_MS);
	/* 101 to 110 are lost; nothing leaves before the next source begins. */
	ck_assert_int_eq(forward(t, 7, 111, 0x3FF), 0);
	ck_assert_int_eq(forward(t, 7, 112, 0x7FE), 0);
	for (uint64_t n = 500; n < 520; n++)
		ck_assert_int_eq(forward(t, 8, n, 0), 0);
	run(SLUICE_S);
	ck_assert_uint_ge(sent_count, 23);
	ck_assert(!is_any_number_used_twice());
	finish();
}
END_TEST

START_TEST(test_a_packet_that_comes_again_long_after_is_not_forwarded_again) {
	begin(SLUICE_SRTP_AES128_CM_SHA1_80);
	sluice_track *t = add_sender(SLUICE_CODEC_VP8, 50);
	for (uint64_t n = 1000; n < 1200; n++) {
		ck_assert_int_eq(forward(t, 7, n, 0), 0);
		run(10 * SLUICE_MS);
	}
	size_t before = sent_count;
	for (uint64_t n = 1000; n < 1200; n++) {
		forward(t, 7, n, 0);
		run(10 * SLUICE_MS);
	}
	ck_assert_uint_eq(sent_count, before);
	finish();
}
END_TEST

START_TEST(test_a_track_with_the_ssrc_of_one_that_went_continues_its_numbers) {
	begin(SLUICE_SRTP_AES128_CM_SHA1_80);
	for (unsigned round = 0; round < 40; round++) {
		sluice_track *t = add_sender(SLUICE_CODEC_VP8, 50);
		for (uint32_t i = 0; i < 20; i++) {
			ck_assert_int_eq(push_frame(t, round * 100 + i), 0);
			run(50 * SLUICE_MS);
		}
		sluice_media_remove(m, t);
		settle();
	}
	ck_assert_uint_ge(sent_count, 800);
	ck_assert(!is_any_number_used_twice());
	finish();
}
END_TEST

START_TEST(test_the_last_of_thousands_of_tracks_still_sends) {
	begin(SLUICE_SRTP_AEAD_AES_128_GCM);
	for (unsigned round = 0; round < 600; round++) {
		sluice_track *t = add_sender(SLUICE_CODEC_VP8, 0);
		ck_assert_int_eq(push_frame(t, round), 0);
		run(50 * SLUICE_MS);
		sluice_media_remove(m, t);
		settle();
	}
	ck_assert_uint_eq(sent_count, 600);
	ck_assert_uint_eq(m->seal.counts[SRTP_REFUSED], 0);
	finish();
}
END_TEST

/* ---- demultiplexing ---- */

START_TEST(test_a_receiver_for_repairs_alone_takes_what_waits_once) {
	begin(SLUICE_SRTP_NONE);
	sluice_track_config c = media_track(SLUICE_CODEC_VP8, "v");
	sluice_track *t;
	for (uint16_t i = 0; i < 4; i++)
		arrive(900, i, 77, "other", "\x10", 1);
	c.rtx_ssrcs[0] = 900;
	ck_assert_int_eq(sluice_media_add_receiver(m, &c, &t), 0);
	settle();
	finish();
}
END_TEST

START_TEST(test_repairs_with_the_ssrc_of_media_do_not_close_a_section_for_good) {
	for (unsigned how = 0; how < 2; how++) {
		static struct media_sink sinks[2];
		begin(SLUICE_SRTP_NONE);
		sluice_track_config a = media_track(SLUICE_CODEC_VP8, "a"), b = media_track(SLUICE_CODEC_VP8, "b");
		sluice_codec_config vp8 = media_codec(SLUICE_CODEC_VP8);
		memset(sinks, 0, sizeof sinks);
		media_sink_open(&sinks[0], &w->ends[0], &a);
		media_sink_open(&sinks[1], &w->ends[0], &b);
		/* A repair names section a. Then its SSRC is that of media: of another section, or of the same one. */
		arrive(900, 1, vp8.rtx_payload_type, "a", "\0\1\x10", 3);
		arrive(900, 2, vp8.payload_type, how ? "a" : "b", "\x10\x11", 2);
		run(SLUICE_S);
		arrive(901, 1, vp8.payload_type, "a", "\x10\x11", 2);
		ck_assert_int_ge(sinks[0].track->in[0].stream, 0);
		ck_assert_uint_eq(sinks[0].track->in[0].ssrc, 901);
		finish();
	}
}
END_TEST

START_TEST(test_floods_of_ssrcs_and_names_need_no_memory) {
	static struct media_sink sinks[2];
	begin(SLUICE_SRTP_NONE);
	sluice_track_config a = media_track(SLUICE_CODEC_VP8, "a"), o = media_track(SLUICE_CODEC_OPUS, "o");
	sluice_codec_config vp8 = media_codec(SLUICE_CODEC_VP8);
	memset(sinks, 0, sizeof sinks);
	media_sink_open(&sinks[0], &w->ends[0], &a);
	media_sink_open(&sinks[1], &w->ends[0], &o);
	size_t after[2] = {0, 0};
	for (unsigned half = 0; half < 2; half++) {
		for (uint32_t i = 0; i < 20000; i++) {
			char mid[8];
			snprintf(mid, sizeof mid, i % 3 ? "m%u" : "a", i % 1000);
			uint8_t payload[1000] = {0x10, 0x10};
			arrive(half * 20000 + 1000 + i, (uint16_t)(i * 77), i & 1 ? vp8.payload_type : vp8.rtx_payload_type, mid,
			       payload, sizeof payload);
			if (i % 16 == 0)
				run(5 * SLUICE_MS);
		}
		run(5 * SLUICE_S);
		after[half] = w->ends[0].memory.bytes;
	}
	ck_assert_uint_le(after[1], after[0] + 2 * 65536);
	ck_assert_uint_lt(w->ends[0].memory.peak, 16u << 20);
	finish();
}
END_TEST

/* ---- frames that are nothing ---- */

START_TEST(test_a_frame_without_a_packet_is_malformed) {
	static const struct {
		enum sluice_codec codec;
		const char *data;
		size_t len;
	} frames[] = {
		{SLUICE_CODEC_H264, "\0\0\0\1", 4}, {SLUICE_CODEC_H264, "\0\0\1\0\0\1", 6}, {SLUICE_CODEC_H264, "\0\0\0\0\0", 5},
		{SLUICE_CODEC_AV1, "\x12\0", 2},    {SLUICE_CODEC_AV1, "\x12\0\x12\0", 4},  {SLUICE_CODEC_AV1, "\x7a\0", 2},
	};
	for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
		begin(SLUICE_SRTP_NONE);
		sluice_track *t = add_sender(frames[i].codec, 50);
		const sluice_frame f = {.data = (const uint8_t *)frames[i].data, .len = frames[i].len, .timestamp = now};
		int result = sluice_track_send_frame(t, &f);
		ck_assert_msg(result == 0 || result == SLUICE_MALFORMED, "frame %zu: %d", i, result);
		run(SLUICE_S);
		finish();
	}
}
END_TEST

/* ---- RTCP ---- */

static void arrive_rtcp(unsigned type, unsigned format, uint32_t media, const uint8_t *body, size_t len) {
	uint8_t packet[1500] = {(uint8_t)(0x80 | format), (uint8_t)type};
	put_be16(packet + 2, (uint16_t)(2 + len / 4));
	put_be32(packet + 4, 12345);
	put_be32(packet + 8, media);
	if (len)
		memcpy(packet + 12, body, len);
	input(packet, 12 + len);
}

static unsigned key_requests;

static void on_keyframe_request(sluice_track *t, unsigned layer, void *user) {
	(void)t, (void)layer, (void)user;
	key_requests++;
}

START_TEST(test_ten_thousand_requests_for_keyframes_are_ten_a_second) {
	begin(SLUICE_SRTP_NONE);
	sluice_track *t = add_sender(SLUICE_CODEC_VP8, 50);
	uint8_t fir[8] = {0, 0, 0, 50};
	sluice_track_set_callbacks(t, &(sluice_track_callbacks){.on_keyframe_request = on_keyframe_request}, NULL);
	for (unsigned i = 0; i < 10000; i++) {
		fir[4] = (uint8_t)i;
		if (i & 1)
			arrive_rtcp(206, 1, 50, NULL, 0);
		else
			arrive_rtcp(206, 4, 0, fir, sizeof fir);
		run(100000);
	}
	ck_assert_uint_ge(key_requests, 9);
	ck_assert_uint_le(key_requests, 11);
	finish();
}
END_TEST

/* NACKs during five seconds; each of 12 + 4 n bytes asks for 17 n packets. Returns how many bytes they drew. */
static uint64_t flood_with_nacks(void) {
	uint64_t before = sent_bytes;
	for (unsigned ms = 0; ms < 5000; ms += 5) {
		uint8_t body[64 * 4];
		for (unsigned i = 0; i < 64; i++) {
			put_be16(body + 4 * i, (uint16_t)(sent[0].sequence + i));
			put_be16(body + 4 * i + 2, 0xFFFF);
		}
		arrive_rtcp(205, 1, 50, body, sizeof body);
		run(5 * SLUICE_MS);
	}
	return sent_bytes - before;
}

/* A fifth of the rate during five seconds, a second's share at once, and our own RTCP. */
static uint64_t most_repair(uint64_t rate) {
	return rate / 8 / 5 * 6 + 20000;
}

START_TEST(test_nacks_draw_no_more_than_a_share_of_the_rate) {
	begin(SLUICE_SRTP_NONE);
	sluice_track *t = add_sender(SLUICE_CODEC_VP8, 50);
	for (uint32_t i = 0; i < 60; i++) {
		ck_assert_int_eq(push_frame(t, i), 0);
		run(40 * SLUICE_MS);
	}
	uint64_t drawn = flood_with_nacks();
	ck_assert_uint_gt(drawn, 300000 / 8 / 5);
	ck_assert_uint_le(drawn, most_repair(300000));
	finish();
}
END_TEST

/* A layer without a rate, because the app or a REMB paused it. */
START_TEST(test_nacks_to_a_layer_that_pauses_draw_hardly_anything) {
	begin(SLUICE_SRTP_NONE);
	sluice_track *t = add_sender(SLUICE_CODEC_VP8, 50);
	for (uint32_t i = 0; i < 60; i++) {
		ck_assert_int_eq(push_frame(t, i), 0);
		run(10 * SLUICE_MS);
	}
	ck_assert_int_eq(sluice_track_set_encoding(t, 0, &(sluice_encoding){.paused = true}), 0);
	ck_assert_uint_le(flood_with_nacks(), most_repair(30000));
	finish();
}
END_TEST

START_TEST(test_remb_of_nothing_and_of_everything_changes_no_bound) {
	begin(SLUICE_SRTP_NONE);
	sluice_track *t = add_sender(SLUICE_CODEC_VP8, 50);
	sluice_media_stats stats;
	for (unsigned i = 0; i < 64; i++) {
		uint8_t body[12] = {'R', 'E', 'M', 'B', 1, (uint8_t)(i << 2 | 3), 0xFF, 0xFF, 0, 0, 0, 50};
		arrive_rtcp(206, 15, 0, body, sizeof body);
		memset(body + 5, 0, 3);
		arrive_rtcp(206, 15, 0, body, sizeof body);
		push_frame(t, i);
		run(200 * SLUICE_MS);
		sluice_media_stats_get(m, &stats);
		ck_assert_uint_ge(stats.available_outgoing_bitrate, 30000);
		ck_assert_uint_le(stats.available_outgoing_bitrate, 100000000);
	}
	finish();
}
END_TEST

/* Reports that say the round trip was 18 hours. */
START_TEST(test_absurd_round_trips_keep_frames_no_longer_than_the_history_is) {
	begin(SLUICE_SRTP_NONE);
	sluice_track *t = add_sender(SLUICE_CODEC_VP8, 50);
	for (uint32_t i = 0; i < 3000; i++) {
		uint8_t block[24] = {0, 0, 0, 50};
		put_be32(block + 16, i % 2 ? 1 : 0xFFFFFFFF);
		put_be32(block + 20, i % 3 ? 0 : 0xFFFFFFFF);
		uint8_t packet[32] = {0x81, 201, 0, 7};
		memcpy(packet + 8, block, sizeof block);
		input(packet, sizeof packet);
		push_frame(t, i);
		run(40 * SLUICE_MS);
	}
	ck_assert_uint_lt(w->ends[0].memory.peak, 8u << 20);
	finish();
}
END_TEST

/* Each names 65,535 packets, of which none was sent, or all. */
START_TEST(test_a_flood_of_feedback_is_read_within_a_bound) {
	begin(SLUICE_SRTP_NONE);
	ck_assert_int_eq(
		sluice_media_set_extension(m, "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01", 5), 0);
	sluice_track *t = add_sender(SLUICE_CODEC_VP8, 50);
	for (unsigned i = 0; i < 10000; i++) {
		uint8_t body[28] = {(uint8_t)(i >> 8), (uint8_t)i, 0xFF, 0xFF, 0, 0, (uint8_t)i, (uint8_t)i};
		for (unsigned n = 0; n < 8; n++)
			put_be16(body + 8 + 2 * n, 8191);
		put_be16(body + 8 + 16, 7);
		if (i % 100 == 0)
			push_frame(t, i);
		arrive_rtcp(205, 15, 50, body, sizeof body);
		run(100000);
	}
	struct bwe_stats s = bwe_stats(m->bwe);
	ck_assert_uint_ge(s.feedbacks, 9);
	ck_assert_uint_le(s.feedbacks, 11);
	ck_assert_uint_eq(s.feedbacks + s.refused, 10000);
	finish();
}
END_TEST

/* ---- what a packet may cost ---- */

/* Sequence numbers and timestamps of the i-th packet, as no encoder gives them. */
struct walk_of_numbers {
	uint32_t sequence, timestamp; /* steps */
	unsigned wobble;              /* every other packet is so much ahead */
};

/* The us that one of 20,000 packets takes. */
static double cost_of_numbers(const struct walk_of_numbers *n, size_t *grown) {
	static struct media_sink sink;
	begin(SLUICE_SRTP_NONE);
	sluice_track_config c = media_track(SLUICE_CODEC_VP8, "v");
	memset(&sink, 0, sizeof sink);
	media_sink_open(&sink, &w->ends[0], &c);
	size_t before = w->ends[0].memory.bytes;
	double from = cpu_ms();
	for (uint32_t i = 0; i < 20000; i++) {
		uint8_t packet[1200] = {0x90, media_codec(SLUICE_CODEC_VP8).payload_type};
		put_be16(packet + 2, (uint16_t)(i * n->sequence + i % 2 * n->wobble));
		put_be32(packet + 4, i * n->timestamp);
		put_be32(packet + 8, 900);
		memcpy(packet + 12, "\xBE\xDE\0\1\x30v\0\0\x00\x10", 10); /* the middle of a frame */
		input(packet, sizeof packet);
		now += 100000;
		settle();
	}
	*grown = w->ends[0].memory.peak - before;
	double took = (cpu_ms() - from) * 1e3 / 20000;
	finish();
	return took;
}

/* Steps at the wraps of 16 and 32 bits, at what the jitter buffer and the session take for a restart, and below. */
START_TEST(test_whatever_the_numbers_of_its_packets_a_stream_costs_so_much) {
	static const struct walk_of_numbers walks[] = {
		{1, 3000, 0},       {0x8000, 3000, 0},  {0x7FFF, 3000, 0},       {0x8001, 3000, 1}, {0xFFFF, 3000, 0},
		{0, 3000, 0},       {999, 3000, 0},     {511, 3000, 0},          {2047, 3000, 0},   {2999, 3000, 0},
		{1, 0x80000000, 0}, {1, 0x7FFFFFFF, 0}, {1, 0xFFFFF000, 0},      {1, 0, 0},         {1, 3000, 0x8000},
		{1, 3000, 2048},    {1, 3000, 11},      {0xFFF5, 0x7FFFFFFF, 3},
	};
	size_t grown;
	double usual = cost_of_numbers(&walks[0], &grown);
	for (size_t i = 0; i < sizeof walks / sizeof *walks; i++) {
		double took = cost_of_numbers(&walks[i], &grown);
		ck_assert_msg(took < 20 * usual + 20, "walk %zu: %.1f us, usually %.1f", i, took, usual);
		ck_assert_uint_lt(grown, 2 << 20);
	}
}
END_TEST

static uint64_t latest_timestamp;
static unsigned frames;

static void note_timestamp(sluice_track *t, const sluice_frame *frame, void *user) {
	(void)t, (void)user;
	latest_timestamp = frame->timestamp > latest_timestamp ? frame->timestamp : latest_timestamp;
	frames++;
}

/* Each step is three days, ahead or back; 34,000 of them would not fit into 63 bits of ns. */
static void step_timestamps(uint32_t step) {
	static struct media_sink sink;
	begin(SLUICE_SRTP_NONE);
	sluice_track_config c = media_track(SLUICE_CODEC_PCMU, "v");
	memset(&sink, 0, sizeof sink);
	media_sink_open(&sink, &w->ends[0], &c);
	sluice_track_set_callbacks(sink.track, &(sluice_track_callbacks){.on_frame = note_timestamp}, NULL);
	for (uint32_t i = 0; i < 40000; i++) {
		uint8_t packet[40] = {0x90, c.codecs[0].payload_type};
		put_be16(packet + 2, (uint16_t)i);
		put_be32(packet + 4, i * step);
		put_be32(packet + 8, 900);
		memcpy(packet + 12, "\xBE\xDE\0\1\x30v\0\0", 8);
		input(packet, sizeof packet);
		run(SLUICE_MS);
	}
	finish();
}

START_TEST(test_timestamps_that_only_ever_jump_stay_within_what_ns_can_say) {
	step_timestamps(0x7FFFFFFF);
	step_timestamps(0x80000001);
	ck_assert_uint_gt(frames, 60000);
	ck_assert_uint_lt(latest_timestamp, UINT64_C(1) << 62);
}
END_TEST

/* ---- waking ---- */

static void count_wake(void *ctx) {
	++*(unsigned *)ctx;
}

START_TEST(test_an_app_that_calls_a_hundred_times_wakes_its_loop_once) {
	unsigned wakes = 0;
	begin(SLUICE_SRTP_NONE);
	sluice_track *t = add_sender(SLUICE_CODEC_VP8, 50);
	settle();
	sluice_media_set_wake(m, count_wake, &wakes);
	for (unsigned turn = 1; turn <= 3; turn++) {
		for (uint32_t i = 0; i < 100; i++)
			ck_assert_int_eq(push_frame(t, i), 0);
		ck_assert_uint_eq(wakes, turn);
		run(5 * SLUICE_S);
		ck_assert_uint_eq(wakes, turn); /* what comes of a verb is for its caller to see */
	}
	sluice_media_set_wake(m, NULL, NULL);
	ck_assert_int_eq(push_frame(t, 100), 0);
	ck_assert_uint_eq(wakes, 3);
	run(SLUICE_S);
	finish();
}
END_TEST

/* ---- frames that never end, and RED of many blocks ---- */

START_TEST(test_frames_that_never_end_hold_a_window_of_packets) {
	static struct media_sink sink;
	begin(SLUICE_SRTP_NONE);
	sluice_track_config v = media_track(SLUICE_CODEC_VP8, "v");
	sluice_codec_config vp8 = media_codec(SLUICE_CODEC_VP8);
	memset(&sink, 0, sizeof sink);
	media_sink_open(&sink, &w->ends[0], &v);
	for (uint32_t i = 0; i < 20000; i++) {
		uint8_t payload[1100] = {i ? 0x00 : 0x10, 0x10};
		uint8_t packet[1200] = {0x90, vp8.payload_type};
		put_be16(packet + 2, (uint16_t)i);
		put_be32(packet + 8, 900);
		put_be16(packet + 12, 0xBEDE);
		put_be16(packet + 14, 1);
		memcpy(packet + 16, "\x30v\0\0", 4);
		memcpy(packet + 20, payload, sizeof payload);
		input(packet, 20 + sizeof payload);
		if (i % 10 == 0)
			run(SLUICE_MS);
	}
	sluice_inbound_rtp_stats stats;
	ck_assert_int_eq(sluice_track_inbound_stats(sink.track, 0, &stats), 0);
	ck_assert_uint_eq(stats.packets_received, 20000);
	ck_assert_uint_eq(sink.got[0], 0);
	ck_assert_uint_lt(w->ends[0].memory.peak, 4u << 20);
	finish();
}
END_TEST

SUITE("media, attacks", test_frames_behind_forwarded_packets_take_no_number_of_theirs,
      test_a_new_source_begins_behind_the_holes_that_wait, test_a_packet_that_comes_again_long_after_is_not_forwarded_again,
      test_a_track_with_the_ssrc_of_one_that_went_continues_its_numbers, test_the_last_of_thousands_of_tracks_still_sends,
      test_a_receiver_for_repairs_alone_takes_what_waits_once,
      test_repairs_with_the_ssrc_of_media_do_not_close_a_section_for_good, test_floods_of_ssrcs_and_names_need_no_memory,
      test_a_frame_without_a_packet_is_malformed, test_ten_thousand_requests_for_keyframes_are_ten_a_second,
      test_nacks_draw_no_more_than_a_share_of_the_rate, test_nacks_to_a_layer_that_pauses_draw_hardly_anything,
      test_remb_of_nothing_and_of_everything_changes_no_bound, test_absurd_round_trips_keep_frames_no_longer_than_the_history_is,
      test_frames_that_never_end_hold_a_window_of_packets, test_a_flood_of_feedback_is_read_within_a_bound,
      test_whatever_the_numbers_of_its_packets_a_stream_costs_so_much,
      test_timestamps_that_only_ever_jump_stay_within_what_ns_can_say, test_an_app_that_calls_a_hundred_times_wakes_its_loop_once)
