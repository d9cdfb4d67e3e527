/* audio: Opus (RFC 7587) and G.711 (RFC 3551, 4.5.14). A payload is a unit. */
#include "rtp/payload/whole.h"

static int assemble(const struct payload_slice *pieces, size_t n, enum payload_form form, uint8_t *space, size_t size) {
	(void)form;
	return whole_assemble(pieces, n, NULL, space, size);
}

static int split(struct payload_split *s, struct payload_piece *out) {
	if (s->len > s->room)
		return SLUICE_TOO_LARGE;
	return whole_split(s, 0, out);
}

/* ---- Opus ---- */

#define LONGEST 5760 /* 120 ms */

/* RFC 6716, 3.1: the samples of a frame, by the TOC byte's configuration. */
static unsigned samples_of_frame(uint8_t toc) {
	static const uint16_t silk[] = {480, 960, 1920, 2880}, hybrid[] = {480, 960}, celt[] = {120, 240, 480, 960};
	unsigned config = toc >> 3;
	if (config < 12)
		return silk[config & 3];
	return config < 16 ? hybrid[config & 1] : celt[config & 3];
}

/* RFC 6716, 3.2.1: the length of a frame is one byte up to 251, else two. Passes it. False: it is cut, or the frame is. */
static bool frame_length_fits(const uint8_t *at, size_t len) {
	if (len < 1 || (at[0] >= 252 && len < 2))
		return false;
	return at[0] < 252 ? at[0] <= len - 1 : at[0] + 4u * at[1] <= len - 2;
}

/* RFC 6716, 3.2: how many frames. 0: the packet breaks a rule of 3.4. */
static unsigned frames_of(const uint8_t *payload, size_t len) {
	switch (payload[0] & 3) {
	case 0:
		return 1;
	case 1:
		return len % 2 == 1 ? 2 : 0;
	case 2:
		return frame_length_fits(payload + 1, len - 1) ? 2 : 0;
	default:
		return len >= 2 ? payload[1] & 63 : 0;
	}
}

unsigned payload_opus_samples(const uint8_t *payload, size_t len) {
	if (len == 0)
		return 0;
	unsigned samples = frames_of(payload, len) * samples_of_frame(payload[0]);
	return samples <= LONGEST ? samples : 0;
}

/* One frame is at most 60 ms long and is valid, whatever its bytes are. */
static int opus_parse(const uint8_t *payload, size_t len) {
	if ((payload[0] & 3) == 0)
		return PAYLOAD_BEGINS | PAYLOAD_KEYFRAME;
	return payload_opus_samples(payload, len) ? PAYLOAD_BEGINS | PAYLOAD_KEYFRAME : SLUICE_MALFORMED;
}

const struct payload_format payload_opus = {
	.name = "opus",
	.clock_rate = 48000,
	.audio = true,
	.open_known = true,
	.parse = opus_parse,
	.assemble = assemble,
	.split = split,
};

/* ---- G.711: a byte is a sample ---- */

static int pcm_parse(const uint8_t *payload, size_t len) {
	(void)payload;
	(void)len;
	return PAYLOAD_BEGINS | PAYLOAD_KEYFRAME;
}

#define PCM(law)                                                                                                                 \
	{                                                                                                                        \
		.name = law, .clock_rate = 8000, .audio = true, .open_known = true, .parse = pcm_parse, .assemble = assemble,    \
		.split = split,                                                                                                  \
	}

const struct payload_format payload_pcmu = PCM("PCMU");
const struct payload_format payload_pcma = PCM("PCMA");
