/* Are our offers and answers what other peers take, and do they say nothing that they should not? */
#include "sdp_kit.h"
#include "sluice/peer.h"

#define PWD "0123456789abcdefghijklmn"

static const char *const candidates[] = {"candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host",
                                         "candidate:2 1 udp 1694498815 198.51.100.1 6000 typ srflx raddr 0.0.0.0 rport 9"};
static const char *const fingerprints[] = {SDP_FP_A, "sha-512 00:11:22"};

/* The section of ours in what everything() and answer_to() return. */
static struct sdp_own_section own;

/* Everything that can be said. */
static struct sdp_description everything(void) {
	own = (struct sdp_own_section){.mid = "data",
	                               .ufrag = "abcd",
	                               .pwd = PWD,
	                               .trickle = true,
	                               .sped = true,
	                               .fingerprints = fingerprints,
	                               .fingerprint_count = 2,
	                               .setup = SDP_SETUP_ACTPASS,
	                               .sctp_port = 5000,
	                               .max_message_size = 262144,
	                               .sctp_init = "AQAAHiT7wMkAUAAA/////+fpg+vAAAAEgAgABoLA",
	                               .candidates = candidates,
	                               .candidate_count = 2,
	                               .end_of_candidates = true,
	                               .address = "192.0.2.1",
	                               .port = 5000};
	return (struct sdp_description){
		.session_id = 4611686018427387904, .session_version = 3, .ice_lite = true, .sections = &own, .section_count = 1};
}

static struct sdp_description answer_to(const struct sdp *offer) {
	own = (struct sdp_own_section){.ufrag = "abcd",
	                               .pwd = PWD,
	                               .trickle = true,
	                               .fingerprints = fingerprints,
	                               .fingerprint_count = 1,
	                               .setup = SDP_SETUP_ACTIVE,
	                               .sctp_port = 5000,
	                               .max_message_size = 262144};
	if (sdp_data_index(offer) >= 0)
		own.answers = (size_t)sdp_data_index(offer);
	return (struct sdp_description){.session_id = 7,
	                                .session_version = 1,
	                                .offer = offer,
	                                .sections = &own,
	                                .section_count = sdp_data_index(offer) >= 0};
}

static char space[SDP_SECTIONS_MAX * 256];

static const char *written(const struct sdp_description *d) {
	int len = sdp_format(d, space, sizeof space);
	ck_assert_int_gt(len, 0);
	ck_assert_uint_eq(strlen(space), (size_t)len);
	return space;
}

/* ---- offers ---- */

START_TEST(test_an_offer_is_written_line_by_line_as_it_should) {
	struct sdp_description d = everything();
	ck_assert_str_eq(written(&d), "v=0\r\n"
	                              "o=- 4611686018427387904 3 IN IP4 0.0.0.0\r\n"
	                              "s=-\r\n"
	                              "t=0 0\r\n"
	                              "a=group:BUNDLE data\r\n"
	                              "a=ice-lite\r\n"
	                              "m=application 5000 UDP/DTLS/SCTP webrtc-datachannel\r\n"
	                              "c=IN IP4 192.0.2.1\r\n"
	                              "a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host\r\n"
	                              "a=candidate:2 1 udp 1694498815 198.51.100.1 6000 typ srflx raddr 0.0.0.0 rport 9\r\n"
	                              "a=end-of-candidates\r\n"
	                              "a=ice-ufrag:abcd\r\n"
	                              "a=ice-pwd:" PWD "\r\n"
	                              "a=ice-options:ice2 trickle sped\r\n"
	                              "a=fingerprint:" SDP_FP_A "\r\n"
	                              "a=fingerprint:sha-512 00:11:22\r\n"
	                              "a=setup:actpass\r\n"
	                              "a=mid:data\r\n"
	                              "a=sctp-port:5000\r\n"
	                              "a=max-message-size:262144\r\n"
	                              "a=sctp-init:AQAAHiT7wMkAUAAA/////+fpg+vAAAAEgAgABoLA\r\n");
}
END_TEST

START_TEST(test_what_an_offer_says_is_read_back) {
	struct sdp_description d = everything();
	const struct sdp *sdp = sdp_parsed(written(&d));
	ck_assert_int_eq(sdp_validate(sdp, false, NULL), 0);
	ck_assert(sdp_data_index(sdp) == 0 && sdp_data(sdp)->bundled && sdp->ice_lite && sdp_data(sdp)->transport.trickle &&
	          sdp_data(sdp)->transport.sped && sdp_data(sdp)->transport.end_of_candidates);
	sdp_slice_eq(sdp->session_id, "4611686018427387904");
	sdp_slice_eq(sdp->session_version, "3");
	sdp_slice_eq(sdp->sections[0].mid, "data");
	ck_assert_uint_eq(sdp->sections[0].port, 5000);
	sdp_slice_eq(sdp_data(sdp)->transport.ufrag, own.ufrag);
	sdp_slice_eq(sdp_data(sdp)->transport.pwd, own.pwd);
	ck_assert_uint_eq(sdp_data(sdp)->transport.fingerprint_count, 2);
	sdp_slice_eq(sdp_data(sdp)->transport.fingerprints[1], fingerprints[1]);
	ck_assert_uint_eq(sdp_data(sdp)->transport.candidate_count, 2);
	sdp_slice_eq(sdp_data(sdp)->transport.candidates[1], candidates[1]);
	sdp_slice_eq(sdp_data(sdp)->sctp_init, own.sctp_init);
	ck_assert_uint_eq(sdp_data(sdp)->max_message_size, 262144);
}
END_TEST

START_TEST(test_an_offer_without_an_address_names_port_9) {
	struct sdp_description d = everything();
	own.address = NULL;
	ck_assert_ptr_nonnull(
		strstr(written(&d), "\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n"));
}
END_TEST

START_TEST(test_an_ipv6_address_is_named_as_one) {
	struct sdp_description d = everything();
	own.address = "2001:db8::1";
	own.address_is_ipv6 = true;
	ck_assert_ptr_nonnull(strstr(written(&d), "\r\nc=IN IP6 2001:db8::1\r\n"));
	ck_assert_ptr_nonnull(strstr(space, " IN IP4 0.0.0.0\r\ns=-\r\n")); /* o= tells no address */
}
END_TEST

START_TEST(test_session_ids_stay_below_2_to_the_63) {
	struct sdp_description d = everything();
	d.session_id = UINT64_MAX;
	d.session_version = UINT64_C(1) << 63 | 5;
	ck_assert_ptr_nonnull(strstr(written(&d), "o=- 9223372036854775807 5 "));
}
END_TEST

START_TEST(test_a_space_that_is_too_small_is_said_and_not_left) {
	struct sdp_description d = everything();
	size_t len = strlen(written(&d));
	for (size_t size = 0; size <= len; size++) {
		char *small = malloc(size + 1);
		small[size] = 77;
		ck_assert_int_eq(sdp_format(&d, small, size), SLUICE_NO_SPACE);
		ck_assert_int_eq(small[size], 77);
		free(small);
	}
	ck_assert_int_eq(sdp_format(&d, space, len + 1), (int)len);
}
END_TEST

/* ---- answers ---- */

static const char *const offers[] = {
	"aiortc-1.16-offer.sdp",
	"aiortc-1.4-offer.sdp",
	"chromium-156-offer.sdp",
	"chromium-156-snap-sped-offer.sdp",
	"firefox-153-offer.sdp",
	"libdatachannel-offer.sdp",
	"libdatachannel-session-level-offer.sdp",
	"pion-3.1-offer.sdp",
};

/* No attribute of the offer may come back in the answer, except these. */
static void echoes_nothing(const char *answer, const char *offer, size_t len) {
	static const char *const both[] = {"group:BUNDLE 0",
	                                   "mid:0",
	                                   "sctp-port:5000",
	                                   "max-message-size:262144",
	                                   "sctpmap:5000 webrtc-datachannel 65535",
	                                   "ice-options:ice2 trickle"};
	char *text = strndup(offer, len);
	for (const char *at = answer; (at = strstr(at, "\na=")) != NULL; at++) {
		char line[512];
		snprintf(line, sizeof line, "%.*s", (int)strcspn(at + 3, "\r"), at + 3);
		bool allowed = !strstr(text, line);
		for (size_t i = 0; i < sizeof both / sizeof *both; i++)
			allowed |= strcmp(line, both[i]) == 0;
		ck_assert_msg(allowed, "echoed: %s", line);
	}
	free(text);
}

START_TEST(test_the_answer_to_every_real_offer_is_an_answer_and_echoes_nothing) {
	for (size_t i = 0; i < sizeof offers / sizeof *offers; i++) {
		size_t len;
		char *text = sdp_load(offers[i], &len);
		struct sdp *offer;
		ck_assert_int_eq(sdp_parse(sdp_env(), text, len, &offer, NULL), 0);
		struct sdp_description d = answer_to(offer);
		const struct sdp *answer = sdp_parsed(written(&d));
		ck_assert_int_eq(sdp_validate(answer, true, NULL), 0);
		ck_assert(answer->section_count == 1 && sdp_data_index(answer) == 0 && sdp_data(answer)->bundled);
		ck_assert(sdp_data(answer)->transport.setup == SDP_SETUP_ACTIVE && sdp_data(answer)->transport.trickle &&
		          !sdp_data(answer)->transport.sped && !sdp_data(answer)->sctp_init.s);
		sdp_slice_eq(answer->sections[0].mid, "0");
		bool old_form = strcmp(offers[i], "aiortc-1.4-offer.sdp") == 0;
		sdp_slice_eq(answer->sections[0].proto, old_form ? "DTLS/SCTP" : "UDP/DTLS/SCTP");
		sdp_slice_eq(answer->sections[0].formats, old_form ? "5000" : "webrtc-datachannel");
		echoes_nothing(space, text, len);
		sdp_free(sdp_env(), offer);
		free(text);
	}
}
END_TEST

START_TEST(test_an_old_offer_gets_our_port_in_the_old_form) {
	const struct sdp *offer = sdp_parsed(
		SDP_OPENING
		"m=application 9 DTLS/SCTP 5000\r\na=mid:data\r\na=sctpmap:5000 webrtc-datachannel 256\r\n" SDP_CREDENTIALS
			SDP_DTLS);
	struct sdp_description d = answer_to(offer);
	own.sctp_port = 5007;
	const struct sdp *answer = sdp_parsed(written(&d));
	ck_assert_ptr_nonnull(strstr(space, "m=application 9 DTLS/SCTP 5007\r\n"));
	ck_assert_ptr_nonnull(strstr(space, "a=sctpmap:5007 webrtc-datachannel 65535\r\n"));
	ck_assert_ptr_null(strstr(space, "sctp-port"));
	ck_assert_uint_eq(sdp_data(answer)->sctp_port, 5007);
}
END_TEST

START_TEST(test_audio_and_video_are_mirrored_as_rejected_and_stay_out_of_the_group) {
	const struct sdp *offer = sdp_parsed(
		SDP_OPENING
		"a=group:BUNDLE a d v\r\na=extmap-allow-mixed\r\n" SDP_AUDIO("9", "a") "a=rtcp-mux\r\na=x-new:1\r\n" SDP_DATA(
			"d") "m=video 0 UDP/TLS/RTP/SAVPF 96 97\r\na=bundle-only\r\na=mid:v\r\n");
	struct sdp_description d = answer_to(offer);
	const struct sdp *answer = sdp_parsed(written(&d));
	ck_assert_ptr_nonnull(
		strstr(space, "\r\na=group:BUNDLE d\r\nm=audio 0 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:a\r\n"));
	ck_assert_ptr_nonnull(strstr(space, "\r\nm=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:v\r\n"));
	ck_assert_ptr_null(strstr(space, "extmap"));
	ck_assert_ptr_null(strstr(space, "rtcp-mux"));
	ck_assert_ptr_null(strstr(space, "x-new"));
	ck_assert_int_eq(sdp_validate(answer, true, NULL), 0);
	ck_assert_uint_eq(answer->section_count, 3);
	ck_assert(sdp_data_index(answer) == 1 && answer->sections[0].rejected && !answer->sections[1].rejected &&
	          answer->sections[2].rejected);
}
END_TEST

START_TEST(test_chromiums_audio_and_video_are_rejected_beside_its_data) {
	size_t len;
	char *text = sdp_load("chromium-156-audio-video-data-offer.sdp", &len);
	struct sdp *offer;
	ck_assert_int_eq(sdp_parse(sdp_env(), text, len, &offer, NULL), 0);
	struct sdp_description d = answer_to(offer);
	const struct sdp *answer = sdp_parsed(written(&d));
	ck_assert_int_eq(sdp_validate(answer, true, NULL), 0);
	ck_assert(answer->section_count == 3 && sdp_data_index(answer) == 2 && answer->sections[0].rejected &&
	          answer->sections[1].rejected);
	ck_assert_ptr_nonnull(strstr(space, "a=group:BUNDLE 2\r\n"));
	sdp_slice_eq(answer->sections[1].mid, "1");
	ck_assert_uint_lt(strlen(space), 900);
	sdp_free(sdp_env(), offer);
	free(text);
}
END_TEST

START_TEST(test_a_bundle_only_section_is_accepted_with_a_port_of_its_own) {
	const struct sdp *offer = sdp_parsed(SDP_OPENING "a=group:BUNDLE a d\r\n" SDP_AUDIO("9", "a") SDP_CREDENTIALS SDP_DTLS
	                                     "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:d\r\na=bundle-only\r\n");
	struct sdp_description d = answer_to(offer);
	const struct sdp *answer = sdp_parsed(written(&d));
	ck_assert_int_eq(sdp_data_index(answer), 1);
	ck_assert_uint_eq(answer->sections[1].port, 9);
	ck_assert_ptr_null(strstr(space, "bundle-only"));
}
END_TEST

START_TEST(test_a_second_data_section_is_rejected) {
	const struct sdp *offer = sdp_parsed(SDP_OPENING SDP_DATA("1") SDP_DATA("2"));
	struct sdp_description d = answer_to(offer);
	const struct sdp *answer = sdp_parsed(written(&d));
	ck_assert(sdp_data_index(answer) == 0 && answer->sections[1].rejected);
	sdp_slice_eq(answer->sections[1].mid, "2");
	ck_assert_ptr_null(strstr(space, "BUNDLE")); /* none was offered */
}
END_TEST

START_TEST(test_each_section_of_ours_stands_where_the_one_that_it_answers_stood) {
	const struct sdp *offer = sdp_parsed(SDP_OPENING "a=group:BUNDLE 1 2\r\n" SDP_DATA("1") SDP_AUDIO("9", "a")
	                                             SDP_DATA("2"));
	struct sdp_description d = answer_to(offer);
	struct sdp_own_section both[2] = {own, own};
	both[0].answers = 2;
	both[0].ufrag = "second";
	both[1].answers = 0;
	d.sections = both;
	d.section_count = 2;
	const struct sdp *answer = sdp_parsed(written(&d));
	ck_assert_ptr_nonnull(strstr(space, "a=group:BUNDLE 2 1\r\n"));
	ck_assert(answer->sections[1].rejected && !answer->sections[0].rejected && !answer->sections[2].rejected);
	sdp_slice_eq(answer->sections[0].transport.ufrag, "abcd");
	sdp_slice_eq(answer->sections[2].transport.ufrag, "second");
}
END_TEST

START_TEST(test_an_answer_may_reject_the_data_section_too) {
	const struct sdp *offer = sdp_parsed(SDP_OPENING "a=group:BUNDLE 1\r\n" SDP_DATA("1"));
	struct sdp_description d = answer_to(offer);
	d.section_count = 0;
	const struct sdp *answer = sdp_parsed(written(&d));
	ck_assert_str_eq(space,
	                 "v=0\r\no=- 7 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
	                 "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=inactive\r\n");
	ck_assert_int_eq(sdp_data_index(answer), -1);
	ck_assert_int_eq(sdp_validate(answer, true, NULL), 0);
}
END_TEST

START_TEST(test_an_offer_without_data_is_answered_by_rejecting_all_of_it) {
	const struct sdp *offer = sdp_parsed(SDP_OPENING SDP_AUDIO("9", "a"));
	struct sdp_description d = answer_to(offer);
	const struct sdp *answer = sdp_parsed(written(&d));
	ck_assert(sdp_data_index(answer) == -1 && answer->section_count == 1 && answer->sections[0].rejected);
	ck_assert_ptr_null(strstr(space, "ice-"));
	const struct sdp *nothing = sdp_parsed(SDP_OPENING);
	d = answer_to(nothing);
	ck_assert_str_eq(written(&d), "v=0\r\no=- 7 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n");
}
END_TEST

START_TEST(test_an_offer_without_a_mid_gets_neither_mid_nor_group) {
	const struct sdp *offer = sdp_parsed(SDP_OPENING SDP_DATA_LINE SDP_CREDENTIALS SDP_DTLS);
	struct sdp_description d = answer_to(offer);
	written(&d);
	ck_assert_ptr_null(strstr(space, "mid"));
	ck_assert_ptr_null(strstr(space, "BUNDLE"));
}
END_TEST

START_TEST(test_the_answer_to_as_many_sections_as_there_may_be_fits_in_what_the_api_promises) {
	static char text[1 << 15];
	char *at = stpcpy(text, SDP_OPENING);
	for (int i = 0; i < SDP_SECTIONS_MAX - 1; i++)
		at += sprintf(at,
		              "m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99 100 101 102 103 104 105 106 107 108 109 110 111 112 "
		              "113\r\na=mid:video-%d\r\n",
		              i);
	stpcpy(at, SDP_DATA("d"));
	const struct sdp *offer = sdp_parsed(text);
	struct sdp_description d = answer_to(offer);
	const struct sdp *answer = sdp_parsed(written(&d));
	ck_assert_uint_lt(strlen(space), SLUICE_SDP_MAX / 2);
	ck_assert_uint_eq(answer->section_count, SDP_SECTIONS_MAX);
	ck_assert_int_eq(sdp_data_index(answer), SDP_SECTIONS_MAX - 1);
}
END_TEST

SUITE("sdp format", test_an_offer_is_written_line_by_line_as_it_should, test_what_an_offer_says_is_read_back,
      test_an_offer_without_an_address_names_port_9, test_an_ipv6_address_is_named_as_one,
      test_session_ids_stay_below_2_to_the_63, test_a_space_that_is_too_small_is_said_and_not_left,
      test_the_answer_to_every_real_offer_is_an_answer_and_echoes_nothing, test_an_old_offer_gets_our_port_in_the_old_form,
      test_audio_and_video_are_mirrored_as_rejected_and_stay_out_of_the_group,
      test_chromiums_audio_and_video_are_rejected_beside_its_data, test_a_bundle_only_section_is_accepted_with_a_port_of_its_own,
      test_a_second_data_section_is_rejected, test_each_section_of_ours_stands_where_the_one_that_it_answers_stood,
      test_an_answer_may_reject_the_data_section_too, test_an_offer_without_data_is_answered_by_rejecting_all_of_it,
      test_an_offer_without_a_mid_gets_neither_mid_nor_group,
      test_the_answer_to_as_many_sections_as_there_may_be_fits_in_what_the_api_promises)
