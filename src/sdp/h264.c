/* h264: which profile and level does the fmtp of an H.264 payload type name? */
#include "sdp/h264.h"

#include <stdio.h>

#include "sdp/fmtp.h"

/* constraint_set3_flag in profile_iop: with level_idc 11 it means level 1b. */
#define CONSTRAINT_SET3 0x10
#define LEVEL_1_1 11

/* RFC 6184, 8.1, table 5: profile_idc and profile_iop together name a sub-profile. Bits of profile_iop outside the mask may be
 * anything. */
static const struct {
	uint8_t idc, mask, iop;
	enum sdp_h264_profile profile;
} patterns[] = {
	{0x42, 0x4f, 0x40, SDP_H264_CONSTRAINED_BASELINE}, /* x1xx0000 */
	{0x4d, 0x8f, 0x80, SDP_H264_CONSTRAINED_BASELINE}, /* 1xxx0000 */
	{0x58, 0xcf, 0xc0, SDP_H264_CONSTRAINED_BASELINE}, /* 11xx0000 */
	{0x42, 0x4f, 0x00, SDP_H264_BASELINE},             /* x0xx0000 */
	{0x58, 0xcf, 0x80, SDP_H264_BASELINE},             /* 10xx0000 */
	{0x4d, 0xaf, 0x00, SDP_H264_MAIN},                 /* 0x0x0000 */
	{0x64, 0xff, 0x00, SDP_H264_HIGH},                 /* 00000000 */
	{0x64, 0xff, 0x0c, SDP_H264_CONSTRAINED_HIGH},     /* 00001100 */
	{0xf4, 0xff, 0x00, SDP_H264_PREDICTIVE_HIGH_444},  /* 00000000 */
};

static bool is_level(uint8_t level) {
	static const uint8_t levels[] = {10, 11, 12, 13, 20, 21, 22, 30, 31, 32, 40, 41, 42, 50, 51, 52, 60, 61, 62};
	return memchr(levels, level, sizeof levels) != NULL;
}

static int digit_of(char c) {
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_bytes(struct sdp_slice text, uint8_t out[3]) {
	if (text.len != 6)
		return false;
	for (size_t i = 0; i < 3; i++) {
		int high = digit_of(text.s[2 * i]), low = digit_of(text.s[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool read_profile_level_id(struct sdp_slice text, struct sdp_h264 *out) {
	uint8_t id[3];
	if (!read_bytes(text, id) || !is_level(id[2]))
		return false;
	out->level = id[2] == LEVEL_1_1 && id[1] & CONSTRAINT_SET3 ? SDP_H264_LEVEL_1B : id[2];
	for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
		if (id[0] == patterns[i].idc && (id[1] & patterns[i].mask) == patterns[i].iop) {
			out->profile = patterns[i].profile;
			return true;
		}
	}
	return false;
}

bool sdp_h264_read(struct sdp_slice fmtp, struct sdp_h264 *out) {
	struct sdp_slice value;
	uint64_t mode = 0;
	*out = (struct sdp_h264){.profile = SDP_H264_CONSTRAINED_BASELINE, .level = 31};
	if (sdp_fmtp_get(fmtp, "packetization-mode", &value) && !sdp_number(value, 2, &mode))
		return false;
	out->packetization = (uint8_t)mode;
	out->level_asymmetry = sdp_fmtp_get(fmtp, "level-asymmetry-allowed", &value) && sdp_slice_is(value, "1");
	return !sdp_fmtp_get(fmtp, "profile-level-id", &value) || read_profile_level_id(value, out);
}

/* Level 1b stands between 1 and 1.1. */
static unsigned rank(uint8_t level) {
	return level == SDP_H264_LEVEL_1B ? 2 * LEVEL_1_1 - 1 : 2u * level;
}

uint8_t sdp_h264_answer_level(const struct sdp_h264 *ours, const struct sdp_h264 *theirs) {
	bool own = (ours->level_asymmetry && theirs->level_asymmetry) || rank(ours->level) <= rank(theirs->level);
	return own ? ours->level : theirs->level;
}

void sdp_h264_profile_level_id(enum sdp_h264_profile profile, uint8_t level, char text[7]) {
	static const uint16_t starts[] = {
		[SDP_H264_CONSTRAINED_BASELINE] = 0x42e0, [SDP_H264_BASELINE] = 0x4200, [SDP_H264_MAIN] = 0x4d00,
		[SDP_H264_CONSTRAINED_HIGH] = 0x640c,     [SDP_H264_HIGH] = 0x6400,     [SDP_H264_PREDICTIVE_HIGH_444] = 0xf400};
	bool is_1b = level == SDP_H264_LEVEL_1B;
	unsigned start = starts[profile] | (is_1b ? CONSTRAINT_SET3 : 0u);
	snprintf(text, 7, "%04x%02x", start, is_1b ? LEVEL_1_1 : level);
}
