/* unit: see its header. */
#include "tools/media/unit.h"

#include "base/bytes.h"
#include "tools/media/bits.h"

/* ---- VP8: RFC 6386, 9.1 ---- */

static unsigned le14(const uint8_t *at) {
	return (at[0] | (unsigned)at[1] << 8) & 0x3FFF;
}

/* Three bytes of tag, whose lowest bit is 0 for a keyframe; then a start code and the size, each number with two bits of
 * scale. */
struct unit unit_vp8(const uint8_t *data, size_t len) {
	struct unit u = {.keyframe = len >= 3 && !(data[0] & 1)};
	if (u.keyframe && len >= 10 && get_be24(data + 3) == 0x9D012A) {
		u.width = le14(data + 6);
		u.height = le14(data + 8);
	}
	return u;
}

/* ---- VP9: "VP9 Bitstream & Decoding Process Specification", 6.2 and 7.2 ---- */

#define VP9_SYNC_CODE 0x498342
#define VP9_RGB 7

/* color_config() */
static void pass_vp9_color(struct bits *b, unsigned profile) {
	if (profile >= 2)
		bits_read(b, 1); /* 10 or 12 bits */
	if (bits_read(b, 3) == VP9_RGB)
		bits_read(b, profile & 1);
	else
		bits_read(b, profile & 1 ? 4 : 1); /* the range; subsampling and a reserved bit */
}

struct unit unit_vp9(const uint8_t *data, size_t len) {
	struct bits b = bits_of(data, len);
	struct unit u = {0};
	bool marker = bits_read(&b, 2) == 2;
	unsigned profile = bits_read(&b, 1);
	profile |= bits_read(&b, 1) << 1;
	if (profile == 3)
		bits_read(&b, 1);
	bool shows_existing = bits_flag(&b), predicted = bits_flag(&b);
	bits_read(&b, 2); /* show_frame, error_resilient_mode */
	if (b.failed || !marker || shows_existing || predicted || bits_read(&b, 24) != VP9_SYNC_CODE)
		return u;
	u.keyframe = true;
	pass_vp9_color(&b, profile);
	unsigned width = bits_read(&b, 16) + 1, height = bits_read(&b, 16) + 1;
	if (!b.failed) {
		u.width = width;
		u.height = height;
	}
	return u;
}

/* ---- AV1: "AV1 Bitstream & Decoding Process Specification", 5.3 to 5.9 ---- */

enum {
	SEQUENCE_HEADER = 1,
	FRAME_HEADER = 3,
	FRAME = 6,
};

/* timing_info() and decoder_model_info(). Returns the bits of a buffer's delay; 0: there is no decoder model. */
static unsigned read_av1_timing(struct bits *b) {
	bits_read(b, 32);
	bits_read(b, 32);
	if (bits_flag(b)) /* equal_picture_interval */
		bits_ue(b);
	if (!bits_flag(b)) /* decoder_model_info_present_flag */
		return 0;
	unsigned delay = bits_read(b, 5) + 1;
	bits_read(b, 32);
	bits_read(b, 10);
	return delay;
}

static void pass_av1_operating_points(struct bits *b) {
	unsigned delay = bits_flag(b) ? read_av1_timing(b) : 0;
	bool display_delay = bits_flag(b);
	unsigned count = bits_read(b, 5) + 1;
	for (unsigned i = 0; i < count; i++) {
		bits_read(b, 12);
		if (bits_read(b, 5) > 7) /* seq_level_idx */
			bits_read(b, 1);
		if (delay && bits_flag(b)) {
			bits_read(b, delay);
			bits_read(b, delay);
			bits_read(b, 1);
		}
		if (display_delay && bits_flag(b))
			bits_read(b, 4);
	}
}

/* sequence_header_obu(), up to the size. Returns reduced_still_picture_header. */
static bool read_av1_sequence(struct bits b, struct unit *u) {
	bits_read(&b, 4); /* seq_profile, still_picture */
	bool reduced = bits_flag(&b);
	if (reduced)
		bits_read(&b, 5);
	else
		pass_av1_operating_points(&b);
	unsigned width_bits = bits_read(&b, 4) + 1, height_bits = bits_read(&b, 4) + 1;
	unsigned width = bits_read(&b, width_bits) + 1, height = bits_read(&b, height_bits) + 1;
	if (!b.failed) {
		u->width = width;
		u->height = height;
	}
	return reduced;
}

static size_t read_leb128(struct reader *r) {
	uint64_t value = 0;
	for (int i = 0; i < 8; i++) {
		uint8_t byte = read_u8(r);
		value |= (uint64_t)(byte & 127) << 7 * i;
		if (!(byte & 128))
			return (size_t)value;
	}
	r->failed = true;
	return 0;
}

/* The next OBU's type and payload. False: there is none, or it is cut. */
static bool next_obu(struct reader *r, unsigned *type, struct bits *payload) {
	uint8_t header = read_u8(r);
	if (header & 0x04) /* obu_extension_flag */
		read_u8(r);
	size_t size = header & 0x02 ? read_leb128(r) : reader_left(r);
	const uint8_t *data = read_bytes(r, size);
	*type = header >> 3 & 15;
	*payload = bits_of(data, size);
	return !r->failed && data;
}

struct unit unit_av1(const uint8_t *data, size_t len) {
	struct reader r = reader_of(data, len);
	struct unit u = {0};
	unsigned type;
	bool has_sequence = false, reduced = false;
	struct bits b;
	while (next_obu(&r, &type, &b)) {
		if (type == SEQUENCE_HEADER) {
			has_sequence = true;
			reduced = read_av1_sequence(b, &u);
		} else if (type == FRAME_HEADER || type == FRAME) {
			/* show_existing_frame 0, frame_type KEY_FRAME; a reduced header leaves both out. */
			u.keyframe = has_sequence && (reduced || (bits_read(&b, 3) == 0 && !b.failed));
			break;
		}
	}
	return u.keyframe ? u : (struct unit){0};
}
