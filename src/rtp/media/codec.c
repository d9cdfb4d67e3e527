/* codec: the codecs of media.h: names, kinds, clock rates, and the payload format of each. */
#include "rtp/media/codec.h"

#include "base/bytes.h"

static const struct {
	const char *name;
	enum sluice_media_kind kind;
	const struct payload_format *format;
} codecs[] = {
	[SLUICE_CODEC_OPUS] = {"opus", SLUICE_AUDIO, &payload_opus}, [SLUICE_CODEC_PCMU] = {"PCMU", SLUICE_AUDIO, &payload_pcmu},
	[SLUICE_CODEC_PCMA] = {"PCMA", SLUICE_AUDIO, &payload_pcma}, [SLUICE_CODEC_VP8] = {"VP8", SLUICE_VIDEO, &payload_vp8},
	[SLUICE_CODEC_VP9] = {"VP9", SLUICE_VIDEO, &payload_vp9},    [SLUICE_CODEC_H264] = {"H264", SLUICE_VIDEO, &payload_h264},
	[SLUICE_CODEC_AV1] = {"AV1", SLUICE_VIDEO, &payload_av1},
};

static bool is_known(enum sluice_codec codec) {
	return codec > SLUICE_CODEC_NONE && (size_t)codec < sizeof codecs / sizeof *codecs;
}

const char *sluice_codec_name(enum sluice_codec codec) {
	return is_known(codec) ? codecs[codec].name : "";
}

enum sluice_media_kind sluice_codec_kind(enum sluice_codec codec) {
	return is_known(codec) ? codecs[codec].kind : 0;
}

uint32_t sluice_codec_clock_rate(enum sluice_codec codec) {
	return is_known(codec) ? codecs[codec].format->clock_rate : 0;
}

const struct payload_format *codec_format(enum sluice_codec codec) {
	return is_known(codec) ? codecs[codec].format : NULL;
}

/* ---- keyframes ---- */

/* RFC 6386, 9.1: the lowest bit of the first byte is 0 in a key frame. */
static bool is_vp8_key(const uint8_t *data, size_t len) {
	return len > 0 && !(data[0] & 1);
}

/* VP9 bitstream, 6.2: frame_marker (2 bits), profile (2, low bit first; a reserved bit behind profile 3), show_existing_frame,
 * and frame_type, which is 0 in a key frame. */
static bool is_vp9_key(const uint8_t *data, size_t len) {
	if (len == 0 || data[0] >> 6 != 2)
		return false;
	unsigned shift = (data[0] >> 4 & 3) == 3 ? 2 : 3;
	bool shows_existing = data[0] >> shift & 1, is_inter = data[0] >> (shift - 1) & 1;
	return !shows_existing && !is_inter;
}

/* Annex B: is the first slice one of an IDR picture (type 5)? */
static bool is_h264_key(const uint8_t *data, size_t len) {
	for (size_t i = 0; i + 3 < len; i++) {
		if (data[i] || data[i + 1] || data[i + 2] != 1)
			continue;
		unsigned type = data[i + 3] & 31;
		if (type >= 1 && type <= 5)
			return type == 5;
	}
	return false;
}

/* AV1, 7.5: a key frame has a sequence header (type 1) in its temporal unit, and encoders send one nowhere else. */
static bool is_av1_key(const uint8_t *data, size_t len) {
	struct reader r = reader_of(data, len);
	while (reader_left(&r) > 0) {
		uint8_t header = read_u8(&r);
		if ((header >> 3 & 15) == 1)
			return true;
		if (header & 4)
			read_u8(&r);
		if (!(header & 2))
			return false;
		uint64_t size = 0;
		for (unsigned i = 0, more = 1; more && i < 8 && !r.failed; i++) {
			uint8_t byte = read_u8(&r);
			size |= (uint64_t)(byte & 127) << 7 * i;
			more = byte >> 7;
		}
		if (size > reader_left(&r) || r.failed)
			return false;
		read_bytes(&r, size);
	}
	return false;
}

/* RFC 6184: a NAL unit by itself, or the first two of a STAP-A (24), where an access unit delimiter (9) may stand before. An IDR
 * picture has its parameter sets (7) before it. */
static bool begins_h264_key(const uint8_t *payload, size_t len) {
	struct reader r = reader_of(payload + 1, len - 1);
	if ((payload[0] & 31) != 24)
		return (payload[0] & 31) == 7;
	for (unsigned i = 0; i < 2; i++) {
		const uint8_t *nal = read_bytes(&r, read_be16(&r));
		if (!nal || r.failed)
			return false;
		if ((nal[0] & 31) != 9)
			return (nal[0] & 31) == 7;
	}
	return false;
}

bool codec_begins_key(enum sluice_codec codec, const uint8_t *payload, size_t len, unsigned bits) {
	if (!(bits & PAYLOAD_BEGINS))
		return false;
	return bits & PAYLOAD_KEYFRAME || (codec == SLUICE_CODEC_H264 && begins_h264_key(payload, len));
}

bool codec_frame_is_key(enum sluice_codec codec, const uint8_t *data, size_t len) {
	switch (codec) {
	case SLUICE_CODEC_VP8:
		return is_vp8_key(data, len);
	case SLUICE_CODEC_VP9:
		return is_vp9_key(data, len);
	case SLUICE_CODEC_H264:
		return is_h264_key(data, len);
	case SLUICE_CODEC_AV1:
		return is_av1_key(data, len);
	default:
		return true;
	}
}
