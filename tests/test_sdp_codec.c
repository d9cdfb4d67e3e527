/* Are two payload types the same codec exactly when they are, and is fmtp read as libwebrtc reads it? */
#include "sdp_kit.h"

static struct sdp_codec h264(const char *fmtp) {
	return (struct sdp_codec){.name = SDP_CODEC_H264, .clock = 90000, .channels = 1, .fmtp = sdp_slice_of(fmtp)};
}

START_TEST(test_every_codec_is_found_by_its_name_in_any_case) {
	for (int i = 1; i < SDP_CODEC_NAMES; i++) {
		char text[32];
		const char *name = sdp_codec_text((enum sdp_codec_name)i);
		ck_assert_uint_gt(strlen(name), 0);
		ck_assert_int_eq(sdp_codec_of(sdp_slice_of(name)), i);
		for (size_t k = 0; k <= strlen(name); k++)
			text[k] = name[k] >= 'a' && name[k] <= 'z' ? (char)(name[k] - 32) : name[k];
		ck_assert_int_eq(sdp_codec_of(sdp_slice_of(text)), i);
	}
	ck_assert_int_eq(sdp_codec_of(sdp_slice_of("VP80")), SDP_CODEC_OTHER);
	ck_assert_int_eq(sdp_codec_of(sdp_slice_of("")), SDP_CODEC_OTHER);
	ck_assert_int_eq(sdp_codec_of(sdp_slice_of(NULL)), SDP_CODEC_OTHER);
}
END_TEST

START_TEST(test_every_feedback_is_found_by_its_text) {
	unsigned all = 0;
	for (unsigned bit = 1; bit < 1u << SDP_FEEDBACKS; bit <<= 1) {
		ck_assert_uint_eq(sdp_feedback_of(sdp_slice_of(sdp_feedback_text((enum sdp_feedback)bit))), bit);
		all |= bit;
	}
	ck_assert_uint_eq(all, SDP_FB_NACK | SDP_FB_NACK_PLI | SDP_FB_CCM_FIR | SDP_FB_REMB | SDP_FB_TRANSPORT_CC | SDP_FB_CCFB);
	ck_assert_uint_eq(sdp_feedback_of(sdp_slice_of("ack ccfb")), SDP_FB_CCFB);
	ck_assert_uint_eq(sdp_feedback_of(sdp_slice_of("nack sli")), 0);
	ck_assert_uint_eq(sdp_feedback_of(sdp_slice_of("")), 0);
}
END_TEST

static const struct {
	const char *fmtp, *name, *value; /* NULL: there is none */
} parameters[] = {
	{"level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f", "packetization-mode", "1"},
	{"level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f", "profile-level-id", "42001f"},
	{"level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f", "profile", NULL},
	{"Profile-ID = 2 ; x", "profile-id", "2"},
	{"; ;; apt=96;", "apt", "96"},
	{"apt=96;apt=97", "apt", "96"},
	{"apt", "apt", NULL},
	{"apt=", "apt", ""},
	{"sprop=a=b==;x=1", "sprop", "a=b=="},
	{"0-15", "0-15", NULL},
	{"", "apt", NULL},
	{NULL, "apt", NULL},
};

START_TEST(test_a_parameter_is_found_whole_or_not_at_all) {
	for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++) {
		struct sdp_slice value = {NULL, 0};
		bool found = sdp_fmtp_get(sdp_slice_of(parameters[i].fmtp), parameters[i].name, &value);
		ck_assert_msg(found == (parameters[i].value != NULL), "%zu", i);
		if (found)
			sdp_slice_eq(value, parameters[i].value);
	}
}
END_TEST

/* ---- H.264 ---- */

#define NONE (-1)

/* Each row of RFC 6184's table 5, bits that do not matter both ways, and what is none. */
static const struct {
	const char *id;
	int profile, level;
} ids[] = {
	{"42e01f", SDP_H264_CONSTRAINED_BASELINE, 31},
	{"42E01F", SDP_H264_CONSTRAINED_BASELINE, 31},
	{"42c01f", SDP_H264_CONSTRAINED_BASELINE, 31},
	{"42f00b", SDP_H264_CONSTRAINED_BASELINE, SDP_H264_LEVEL_1B},
	{"42e00b", SDP_H264_CONSTRAINED_BASELINE, 11},
	{"4d8015", SDP_H264_CONSTRAINED_BASELINE, 21},
	{"58c01f", SDP_H264_CONSTRAINED_BASELINE, 31},
	{"42001f", SDP_H264_BASELINE, 31},
	{"42a01f", SDP_H264_BASELINE, 31},
	{"42100b", SDP_H264_BASELINE, SDP_H264_LEVEL_1B},
	{"58801f", SDP_H264_BASELINE, 31},
	{"4d001f", SDP_H264_MAIN, 31},
	{"4d401f", SDP_H264_MAIN, 31},
	{"4d100b", SDP_H264_MAIN, SDP_H264_LEVEL_1B},
	{"64001f", SDP_H264_HIGH, 31},
	{"640c2a", SDP_H264_CONSTRAINED_HIGH, 42},
	{"f40034", SDP_H264_PREDICTIVE_HIGH_444, 52},
	{"42e11f", NONE, 0},
	{"58601f", NONE, 0},
	{"64e01f", NONE, 0},
	{"42e000", NONE, 0},
	{"42e00f", NONE, 0},
	{"42e0ff", NONE, 0},
	{"000000", NONE, 0},
	{"", NONE, 0},
	{"42e01", NONE, 0},
	{"42e01f1", NONE, 0},
	{"42e0gf", NONE, 0},
	{"gggggg", NONE, 0},
};

START_TEST(test_profiles_and_levels_are_read_as_table_5_of_rfc_6184_has_them) {
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		char fmtp[64];
		struct sdp_h264 h;
		snprintf(fmtp, sizeof fmtp, "packetization-mode=1;profile-level-id=%s", ids[i].id);
		bool known = sdp_h264_read(sdp_slice_of(fmtp), &h);
		ck_assert_msg(known == (ids[i].profile != NONE), "%s", ids[i].id);
		ck_assert_msg(!known || ((int)h.profile == ids[i].profile && h.level == ids[i].level), "%s: %d, %d", ids[i].id,
		              (int)h.profile, h.level);
		ck_assert(!known || (h.packetization == 1 && !h.level_asymmetry));
	}
}
END_TEST

START_TEST(test_without_parameters_h264_is_what_libwebrtc_takes_it_for) {
	struct sdp_h264 h;
	ck_assert(sdp_h264_read(sdp_slice_of(NULL), &h));
	ck_assert(h.profile == SDP_H264_CONSTRAINED_BASELINE && h.level == 31 && h.packetization == 0 && !h.level_asymmetry);
	ck_assert(sdp_h264_read(sdp_slice_of("level-asymmetry-allowed=1"), &h) && h.level_asymmetry);
	ck_assert(!sdp_h264_read(sdp_slice_of("packetization-mode=3"), &h));
	ck_assert(!sdp_h264_read(sdp_slice_of("packetization-mode=x"), &h));
}
END_TEST

START_TEST(test_a_profile_level_id_that_was_written_is_read_back) {
	static const uint8_t levels[] = {10, 11, 12, 13, 20, 21, 22, 30, 31, 32, 40, 41, 42, 50, 51, 52};
	for (int profile = 0; profile <= SDP_H264_PREDICTIVE_HIGH_444; profile++) {
		for (size_t i = 0; i <= sizeof levels; i++) {
			char id[7], fmtp[32];
			struct sdp_h264 h;
			uint8_t level = i < sizeof levels ? levels[i] : SDP_H264_LEVEL_1B;
			if (level == SDP_H264_LEVEL_1B && profile > SDP_H264_MAIN)
				continue;
			sdp_h264_profile_level_id((enum sdp_h264_profile)profile, level, id);
			snprintf(fmtp, sizeof fmtp, "profile-level-id=%s", id);
			ck_assert_msg(sdp_h264_read(sdp_slice_of(fmtp), &h), "%s", id);
			ck_assert_msg((int)h.profile == profile && h.level == level, "%s", id);
		}
	}
	char id[7];
	sdp_h264_profile_level_id(SDP_H264_CONSTRAINED_BASELINE, 31, id);
	ck_assert_str_eq(id, "42e01f");
}
END_TEST

START_TEST(test_an_answers_level_is_ours_with_asymmetry_and_the_lower_one_without) {
	struct sdp_h264 high = {.level = 52, .level_asymmetry = true}, low = {.level = 31, .level_asymmetry = true};
	ck_assert_uint_eq(sdp_h264_answer_level(&high, &low), 52);
	ck_assert_uint_eq(sdp_h264_answer_level(&low, &high), 31);
	low.level_asymmetry = false;
	ck_assert_uint_eq(sdp_h264_answer_level(&high, &low), 31);
	ck_assert_uint_eq(sdp_h264_answer_level(&low, &high), 31);
	struct sdp_h264 b = {.level = SDP_H264_LEVEL_1B}, one = {.level = 10}, two = {.level = 11};
	ck_assert_uint_eq(sdp_h264_answer_level(&b, &one), 10);
	ck_assert_uint_eq(sdp_h264_answer_level(&b, &two), SDP_H264_LEVEL_1B);
	ck_assert_uint_eq(sdp_h264_answer_level(&two, &b), SDP_H264_LEVEL_1B);
}
END_TEST

static const struct {
	const char *a, *b;
	bool match;
} pairs[] = {
	{"profile-level-id=42e01f;packetization-mode=1", "packetization-mode=1;profile-level-id=42e034", true},
	{"profile-level-id=42e01f;packetization-mode=1", "profile-level-id=42e01f", false},
	{"profile-level-id=42e01f;packetization-mode=0", "profile-level-id=42e01f", true},
	{"profile-level-id=42e01f", NULL, true},
	{"profile-level-id=42e01f", "profile-level-id=42001f", false},
	{"profile-level-id=42e01f", "profile-level-id=4d801f", true},
	{"profile-level-id=4d001f", "profile-level-id=64001f", false},
	{"profile-level-id=640c1f", "profile-level-id=64001f", false},
	{"profile-level-id=123456", "profile-level-id=123456", false},
};

START_TEST(test_h264_matches_by_profile_and_packetization_mode) {
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		struct sdp_codec a = h264(pairs[i].a), b = h264(pairs[i].b);
		ck_assert_msg(sdp_codecs_match(&a, &b) == pairs[i].match && sdp_codecs_match(&b, &a) == pairs[i].match, "%zu", i);
	}
}
END_TEST

/* ---- the others ---- */

START_TEST(test_codecs_match_by_name_clock_channels_and_profile) {
	struct sdp_codec a = {.name = SDP_CODEC_OPUS, .clock = 48000, .channels = 2, .type = 111}, b = a;
	b.type = 109;
	b.feedback = SDP_FB_TRANSPORT_CC;
	b.fmtp = sdp_slice_of("minptime=10");
	ck_assert(sdp_codecs_match(&a, &b));
	b.channels = 1;
	ck_assert(!sdp_codecs_match(&a, &b));
	b = a;
	b.clock = 16000;
	ck_assert(!sdp_codecs_match(&a, &b));
	b = a;
	b.name = SDP_CODEC_RED;
	ck_assert(!sdp_codecs_match(&a, &b));
	a = b = (struct sdp_codec){.name = SDP_CODEC_OTHER, .clock = 90000, .channels = 1};
	ck_assert(!sdp_codecs_match(&a, &b));
}
END_TEST

START_TEST(test_vp9_and_av1_match_by_their_profile_which_is_0_by_default) {
	static const struct {
		enum sdp_codec_name name;
		const char *a, *b;
		bool match;
	} all[] = {
		{SDP_CODEC_VP9, NULL, "profile-id=0", true},
		{SDP_CODEC_VP9, "profile-id=2", "profile-id=2;x=1", true},
		{SDP_CODEC_VP9, "profile-id=0", "profile-id=2", false},
		{SDP_CODEC_VP9, "max-fs=12288;max-fr=60", "profile-id=0", true},
		{SDP_CODEC_VP9, "profile-id=x", "profile-id=x", false},
		{SDP_CODEC_AV1, NULL, "level-idx=5;profile=0;tier=0", true},
		{SDP_CODEC_AV1, "profile=1", "profile=0", false},
		{SDP_CODEC_VP8, "max-fs=12288", NULL, true},
	};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct sdp_codec a = {.name = all[i].name, .clock = 90000, .channels = 1, .fmtp = sdp_slice_of(all[i].a)}, b = a;
		b.fmtp = sdp_slice_of(all[i].b);
		ck_assert_msg(sdp_codecs_match(&a, &b) == all[i].match && sdp_codecs_match(&b, &a) == all[i].match, "%zu", i);
	}
}
END_TEST

SUITE("sdp codec", test_every_codec_is_found_by_its_name_in_any_case, test_every_feedback_is_found_by_its_text,
      test_a_parameter_is_found_whole_or_not_at_all, test_profiles_and_levels_are_read_as_table_5_of_rfc_6184_has_them,
      test_without_parameters_h264_is_what_libwebrtc_takes_it_for, test_a_profile_level_id_that_was_written_is_read_back,
      test_an_answers_level_is_ours_with_asymmetry_and_the_lower_one_without, test_h264_matches_by_profile_and_packetization_mode,
      test_codecs_match_by_name_clock_channels_and_profile, test_vp9_and_av1_match_by_their_profile_which_is_0_by_default)
