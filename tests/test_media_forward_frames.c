/* Do the dependency descriptors of a forwarded stream go on when the forwarder turns to another source? */
#include "track_kit.h"

#include "base/bytes.h"
#include "rtp/dependency.h"
#include "rtp/extensions.h"
#include "rtp/packet.h"

#define ID 12
#define TEMPLATES 3
#define SEEN 64

/* The descriptors that left. */
struct watched {
	uint8_t payload_type;
	struct rtp_extension_map map;
	struct dependency_structure structure;
	struct dependency seen[SEEN];
	uint8_t offsets[SEEN]; /* of the structure by then */
	size_t count;
};

static void watch(void *ctx, bool sent, const void *data, size_t len, uint64_t now) {
	struct watched *w = ctx;
	static uint8_t copy[1500];
	struct rtp_packet p;
	struct rtp_extensions e;
	(void)now;
	if (!sent || len > sizeof copy)
		return;
	memcpy(copy, data, len);
	if (rtp_packet_parse(copy, len, &p) || p.payload_type != w->payload_type)
		return;
	ck_assert_int_eq(rtp_extensions_read(&p, &w->map, &e), 0);
	const uint8_t *d = rtp_extension_get(&e, RTP_EXT_DEPENDENCY_DESCRIPTOR, DEPENDENCY_LEAST);
	ck_assert_ptr_nonnull(d);
	ck_assert_uint_lt(w->count, SEEN);
	ck_assert_int_eq(dependency_read(&w->structure, d, e.len[RTP_EXT_DEPENDENCY_DESCRIPTOR], &w->seen[w->count]), 0);
	w->offsets[w->count++] = w->structure.offset;
}

/* L1T2 from template `offset` on; frame, number: as the source says. Returns the length. */
static size_t describe(uint8_t *at, unsigned offset, unsigned template, uint16_t number, bool with_structure) {
	/* Flags 10000 and the structure of test_dependency.c behind the offset: 2 targets, a chain, 3 templates. */
	static const char bits[] = "00001"
				   "00"
				   "01"
				   "11"
				   "1010"
				   "1110"
				   "0001"
				   "0"
				   "1"
				   "0001"
				   "0"
				   "1"
				   "0000"
				   "0"
				   "10"
				   "0000"
				   "0010"
				   "0001"
				   "0";
	at[0] = (uint8_t)(0xC0 | ((offset + template) & 63));
	put_be16(at + 1, number);
	if (!with_structure)
		return 3;
	size_t n = 3 * 8;
	memset(at + 3, 0, 32);
	at[3] = 0x80;
	n += 5;
	for (unsigned i = 0; i < 6; i++, n++)
		at[n / 8] |= (uint8_t)((offset >> (5 - i) & 1) << (7 - n % 8));
	for (const char *b = bits; *b; b++, n++)
		at[n / 8] |= (uint8_t)((*b == '1') << (7 - n % 8));
	return (n + 7) / 8;
}

struct forwarded {
	uint32_t ssrc;
	uint64_t packet;
	uint16_t frame;
	unsigned offset;
};

/* A keyframe, then T1 and T0 in turn. */
static void forward_frames(struct media_world *w, sluice_track *t, struct forwarded *from, unsigned frames) {
	static const uint8_t payload[100] = {0x80};
	for (unsigned i = 0; i < frames; i++) {
		uint8_t descriptor[64];
		const bool key = i == 0;
		sluice_rtp p = {.payload = payload,
		                .len = sizeof payload,
		                .number = from->packet++,
		                .ssrc = from->ssrc,
		                .timestamp = i * 3000,
		                .codec = SLUICE_CODEC_VP8,
		                .marker = true,
		                .begins = true,
		                .keyframe = key,
		                .received = w->sim.now,
		                .dependency_descriptor = descriptor};
		p.dependency_descriptor_len = (uint8_t)describe(descriptor, from->offset, key ? 0 : 1 + i % 2, from->frame++,
		                                                key);
		ck_assert_int_eq(sluice_track_send_rtp(t, &p), 0);
		media_world_run(w, 33 * SLUICE_MS);
	}
}

START_TEST(test_frames_are_numbered_on_behind_those_of_the_source_before) {
	struct media_world *w = media_world_up(2, SLUICE_SRTP_AEAD_AES_128_GCM, NULL);
	const sluice_track_config config = media_track(SLUICE_CODEC_VP8, "v");
	struct watched seen = {.payload_type = config.codecs->payload_type};
	struct forwarded low = {.ssrc = 5, .packet = 1000, .frame = 65530, .offset = 60}, high = {6, 70, 300, 61};
	sluice_track *t;
	rtp_extension_map_init(&seen.map);
	ck_assert_int_eq(rtp_extension_map_add(&seen.map, RTP_EXT_DEPENDENCY_DESCRIPTOR, ID), 0);
	ck_assert_int_eq(sluice_media_set_extension(w->ends[0].media, rtp_extension_uri(RTP_EXT_DEPENDENCY_DESCRIPTOR), ID), 0);
	ck_assert_int_eq(sluice_media_add_sender(w->ends[0].media, &config, &t), 0);
	sluice_media_set_packet_tap(w->ends[0].media, watch, &seen);
	media_world_run(w, 100 * SLUICE_MS);
	forward_frames(w, t, &low, 10);
	forward_frames(w, t, &high, 10);
	forward_frames(w, t, &low, 5);
	media_world_run(w, SLUICE_S);
	ck_assert_uint_eq(seen.count, 25);
	for (size_t i = 0; i < seen.count; i++) {
		const struct dependency *d = &seen.seen[i];
		bool begins = i == 0 || i == 10 || i == 20;
		ck_assert_uint_eq(d->number, i + 1);
		ck_assert_uint_eq(d->keyframe, begins);
		ck_assert_uint_eq(d->attached, begins);
		if (!begins)
			ck_assert_uint_eq(d->frame.temporal, (i % 10) % 2 == 1);
	}
	/* A structure's ids begin where those of the one before end. Those of the first source wrapped behind 63. */
	ck_assert_uint_eq(seen.offsets[0], 0);
	ck_assert_uint_eq(seen.offsets[10], TEMPLATES);
	ck_assert_uint_eq(seen.offsets[20], 2 * TEMPLATES);
	media_world_free(w);
}
END_TEST

SUITE("media_forward_frames", test_frames_are_numbered_on_behind_those_of_the_source_before)
