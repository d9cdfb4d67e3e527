/* h264: which profile and level does the fmtp of an H.264 payload type name? RFC 6184, 8.1 and 8.2.2. */
#ifndef SDP_H264_H
#define SDP_H264_H

#include "sdp/slice.h"

enum sdp_h264_profile {
	SDP_H264_CONSTRAINED_BASELINE,
	SDP_H264_BASELINE,
	SDP_H264_MAIN,
	SDP_H264_CONSTRAINED_HIGH,
	SDP_H264_HIGH,
	SDP_H264_PREDICTIVE_HIGH_444,
};

#define SDP_H264_LEVEL_1B 0 /* between 1 and 1.1 (11) */

struct sdp_h264 {
	enum sdp_h264_profile profile;
	uint8_t level;         /* ten times the level: 31 is 3.1; SDP_H264_LEVEL_1B */
	bool level_asymmetry;  /* level-asymmetry-allowed=1 */
	uint8_t packetization; /* packetization-mode */
};

/* Reads what the fmtp of an H.264 payload type says. Without a profile-level-id it is 42e01f, constrained baseline at level 3.1,
 * as in libwebrtc; RFC 6184 says baseline at level 1. Returns false when the profile-level-id is not one that we know. */
bool sdp_h264_read(struct sdp_slice fmtp, struct sdp_h264 *out);
/* The level that an answer writes: ours where both allow asymmetry, otherwise the lower of both (RFC 6184, 8.2.2). */
uint8_t sdp_h264_answer_level(const struct sdp_h264 *ours, const struct sdp_h264 *theirs);
/* Writes six hexadecimal digits and a NUL. Level 1b exists for the baseline profiles and main. */
void sdp_h264_profile_level_id(enum sdp_h264_profile profile, uint8_t level, char text[7]);

#endif
