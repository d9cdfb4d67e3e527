/* fuzz_media: what can the other side of a media session do to it? Plain RTP, so that every byte reaches the demultiplexer, the
 * payload formats, RED, RTX, the jitter buffers, the forwarder and RTCP. Every invariant is recounted after each step.
 *
 * The input is a script: a byte whose lower three bits name a step, the others are its choices; then the step's own bytes. */
#include <string.h>

#include "base/bytes.h"
#include "fuzz/target.h"
#include "rtp/media/media.h"

#define MOST 4096 /* of an input */
#define CODECS 7

static sluice_env *env;
static sluice_media *media;
static sluice_track *receivers[3], *forwarded, *sender;
static const uint8_t *at, *end;
static uint64_t now;

static uint8_t next(void) {
	return at < end ? *at++ : 0;
}

static size_t take_bytes(uint8_t *space, size_t most) {
	size_t len = next();
	len = len < most ? len : most;
	len = len < (size_t)(end - at) ? len : (size_t)(end - at);
	memcpy(space, at, len);
	at += len;
	return len;
}

static void on_rtp(sluice_track *t, const sluice_rtp *packet, void *user) {
	(void)t, (void)user;
	if (forwarded)
		sluice_track_send_rtp(forwarded, packet);
}

static void on_frame(sluice_track *t, const sluice_frame *frame, void *user) {
	static volatile uint8_t last;
	(void)t, (void)user;
	MUST(frame->len > 0);
	last = frame->data[frame->len - 1];
	(void)last;
}

static void on_ended(sluice_track *t, void *user) {
	(void)user;
	for (unsigned i = 0; i < 3; i++)
		receivers[i] = receivers[i] == t ? NULL : receivers[i];
	forwarded = forwarded == t ? NULL : forwarded;
	sender = sender == t ? NULL : sender;
}

static sluice_codec_config codecs[CODECS];

static void make_codecs(void) {
	for (unsigned i = 0; i < CODECS; i++)
		codecs[i] = (sluice_codec_config){
			.codec = (enum sluice_codec)(i + 1),
			.payload_type = (uint8_t)(96 + 2 * i),
			.rtx_payload_type = (uint8_t)(i >= 3 ? 97 + 2 * i : 0),
			.red_payload_type = i == 0 ? 120 : 0,
			.packetization_mode = 1,
			.nack = true,
			.pli = true,
		};
}

static void add_tracks(void) {
	static const sluice_encoding encodings[] = {{.rid = "a"}, {.rid = "b"}};
	sluice_track_config audio = {.kind = SLUICE_AUDIO, .codecs = codecs, .codec_count = 3, .mid = "0"};
	sluice_track_config video = {.kind = SLUICE_VIDEO, .codecs = codecs + 3, .codec_count = 4, .mid = "1"};
	audio.callbacks = video.callbacks = (sluice_track_callbacks){
		.on_frame = on_frame, .on_rtp = on_rtp, .on_ended = on_ended};
	MUST(sluice_media_add_receiver(media, &audio, &receivers[0]) == 0);
	MUST(sluice_media_add_receiver(media, &video, &receivers[1]) == 0);
	video.mid = "2";
	video.encodings = encodings;
	video.encoding_count = 2;
	MUST(sluice_media_add_receiver(media, &video, &receivers[2]) == 0);
	video.encoding_count = 0;
	video.ssrcs[0] = 1;
	video.rtx_ssrcs[0] = 2;
	MUST(sluice_media_add_sender(media, &video, &forwarded) == 0);
	video.ssrcs[0] = 3;
	video.rtx_ssrcs[0] = 4;
	MUST(sluice_media_add_sender(media, &video, &sender) == 0);
}

static void input(uint8_t *packet, size_t len) {
	sluice_datagram d = {.data = packet, .len = len};
	MUST(sluice_media_input(media, &d, 1, now) == 0);
}

/* An RTP packet whose header the fuzzer chooses by small numbers, and whose payload is its own. */
static void step_rtp(unsigned choice) {
	uint8_t packet[400] = {0x90};
	size_t n = 12;
	packet[1] = (uint8_t)(96 + next() % 26 + (choice & 1 ? 0x80 : 0));
	put_be16(packet + 2, (uint16_t)(65500 + next()));
	put_be32(packet + 4, 90u * next());
	put_be32(packet + 8, 100u + next() % 16);
	put_be16(packet + n, 0xBEDE);
	put_be16(packet + n + 2, 2);
	n += 4;
	memcpy(packet + n, (uint8_t[]){0x10, (uint8_t)('0' + (choice >> 1 & 3)), 0x20, 'a', 0x30, 'b', 0, 0}, 8);
	if (choice & 8)
		packet[n] = 0;
	n += 8;
	n += take_bytes(packet + n, sizeof packet - n);
	input(packet, n);
}

static void step_raw(void) {
	uint8_t packet[256];
	input(packet, take_bytes(packet, sizeof packet));
}

static void step_rtcp(unsigned choice) {
	uint8_t packet[256] = {0x80, (uint8_t)(200 + (choice & 7))};
	packet[0] |= next() & 31;
	size_t n = 4 + take_bytes(packet + 4, 200) / 4 * 4;
	put_be16(packet + 2, (uint16_t)(n / 4 - 1));
	input(packet, n);
}

static void step_frame(unsigned choice) {
	uint8_t bytes[256];
	sluice_frame f = {.data = bytes, .len = take_bytes(bytes, sizeof bytes), .timestamp = now};
	f.codec = (enum sluice_codec)(SLUICE_CODEC_VP8 + (choice & 3));
	if (sender)
		sluice_track_send_frame(sender, &f);
}

static void step_change(unsigned choice) {
	sluice_track *gone;
	switch (choice & 7) {
	case 0:
		gone = receivers[next() % 3];
		if (gone)
			sluice_media_remove(media, gone);
		break;
	case 1:
		sluice_media_set_extension(media, "urn:ietf:params:rtp-hdrext:sdes:mid", 0);
		sluice_media_set_extension(media, "urn:ietf:params:rtp-hdrext:sdes:mid", 1);
		break;
	case 2:
		if (forwarded)
			sluice_track_replace(forwarded);
		break;
	case 3:
		if (receivers[1])
			sluice_track_request_keyframe(receivers[1], 0);
		break;
	default:
		break;
	}
}

static void output(void) {
	uint8_t space[20000];
	sluice_batch b = {.data = space, .capacity = sizeof space};
	for (unsigned i = 0; i < 50 && sluice_media_output(media, &b, now) > 0; i++)
		MUST(sluice_batch_len(&b) <= sizeof space && b.last <= b.stride);
}

static void step(void) {
	uint8_t head = next();
	unsigned choice = head >> 3;
	switch (head & 7) {
	case 0:
	case 1:
		step_rtp(choice);
		break;
	case 2:
		step_raw();
		break;
	case 3:
		step_rtcp(choice);
		break;
	case 4:
		step_frame(choice);
		break;
	case 5:
		step_change(choice);
		break;
	case 6:
		now += (uint64_t)(choice + 1) * 5 * SLUICE_MS;
		sluice_media_advance(media, now);
		break;
	default:
		output();
		break;
	}
	sluice_media_dispatch(media);
	MUST(media_check(media));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
	const sluice_media_config config = {.size = sizeof config, .cname = "fuzz"};
	static const char *const uris[] = {
		"urn:ietf:params:rtp-hdrext:sdes:mid",
		"urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
		"urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
		"http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
	};
	at = data;
	end = data + (len < MOST ? len : MOST);
	now = SLUICE_S;
	make_codecs();
	MUST(sluice_env_new(NULL, &env) == 0 && sluice_media_new(env, &config, &media) == 0);
	for (unsigned i = 0; i < 4; i++)
		MUST(sluice_media_set_extension(media, uris[i], i + 1) == 0);
	add_tracks();
	MUST(sluice_media_set_keys(media, SLUICE_SRTP_NONE, NULL, NULL) == 0);
	sluice_media_advance(media, now);
	while (at < end)
		step();
	forwarded = NULL;
	sluice_media_free(media);
	sluice_env_free(env);
	return 0;
}
