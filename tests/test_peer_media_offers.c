/* Offers of browsers with audio and video, and offers that are wrong: what do we answer, line by line? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer/connection.h"
#include "peer_media_kit.h"
#include "sdp_kit.h"

static struct av k; /* a test runs in a process of its own */

static int offer_text(const char *text, size_t len) {
	return sluice_peer_set_remote_description(k.b.caller->peer, SLUICE_SDP_OFFER, text, len);
}

static int offer(const char *name) {
	size_t len;
	char *text = sdp_load(name, &len);
	av_begin(&k, NULL);
	k.b.caller->silent = true;
	int error = offer_text(text, len);
	free(text);
	return error;
}

/* The app's turn comes: on_track. */
static const char *answer(void) {
	sim_settle(&k.sim);
	ck_assert_int_eq(sluice_peer_set_local_description(k.b.caller->peer, SLUICE_SDP_ANSWER, NULL), 0);
	return av_local(&k.b);
}

static void assert_lines(const char *text, const char *const *lines) {
	for (; *lines; lines++)
		ck_assert_msg(av_has_line(text, *lines), "'%s' is missing in\n%s", *lines, text);
}

static void assert_no(const char *text, const char *const *parts) {
	for (; *parts; parts++)
		ck_assert_msg(!strstr(text, *parts), "'%s' is in\n%s", *parts, text);
}

#define LINES(...) ((const char *const[]){__VA_ARGS__, NULL})

static bool begins(const char *text, const char *with) {
	return strncmp(text, with, strlen(with)) == 0;
}

/* ---- browsers --------------------------------------------------------------------------------------------------------- */

static const char *const never[] = {
	"G722",    "telephone-event", "CN/8000",         "ulpfec", "flexfec", "toffset", "video-content-type",
	"rtcp-xr", "msid-semantic",   "transport-cc-02", "4d001f", NULL};

START_TEST(test_chromiums_offer_is_answered_with_what_both_have_by_its_numbers) {
	ck_assert_int_eq(offer("chromium-156-media-offer.sdp"), 0);
	k.b.answers = SLUICE_SENDRECV;
	const char *sdp = answer();
	assert_lines(sdp, LINES("a=group:BUNDLE 0 1 2", "a=extmap-allow-mixed"));
	assert_no(sdp, never);
	ck_assert_uint_eq(k.b.tracks, 2);
	ck_assert_str_eq(sluice_transceiver_remote_stream(k.b.flows[0].transceiver, 0), "e8ccac07-10f5-4135-ac0b-f316c5425d23");
	ck_assert_ptr_null(sluice_transceiver_remote_stream(k.b.flows[0].transceiver, 1));

	const char *audio = av_section(sdp, 0);
	ck_assert(strstr(audio, " UDP/TLS/RTP/SAVPF 111 0 8 63\r\n"));
	assert_lines(audio, LINES("a=mid:0", "a=sendrecv", "a=rtcp-mux", "a=rtcp-rsize", "a=rtpmap:111 opus/48000/2",
	                          "a=fmtp:111 minptime=10;useinbandfec=1", "a=rtcp-fb:111 transport-cc",
	                          "a=rtpmap:63 red/48000/2", "a=fmtp:63 111/111", "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000",
	                          "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
	                          "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
	                          "a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time", "a=setup:active"));
	assert_no(audio, LINES("a=rtcp-fb:111 nack", "rid", "simulcast", "ssrc-group"));
	ck_assert_ptr_nonnull(strstr(audio, "a=msid:- "));

	const char *video = av_section(sdp, 1);
	ck_assert(strstr(video, " UDP/TLS/RTP/SAVPF 96 97 102 103 104 107 108 109 114 115 45 46 98 99 100 101\r\n"));
	assert_lines(video, LINES("a=mid:1", "a=sendrecv", "a=rtpmap:96 VP8/90000", "a=fmtp:97 apt=96", "a=rtcp-fb:96 nack pli",
	                          "a=rtcp-fb:96 ccm fir", "a=rtcp-fb:96 goog-remb", "a=rtcp-fb:96 transport-cc",
	                          "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
	                          "a=fmtp:114 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f",
	                          "a=fmtp:45 level-idx=5;profile=0;tier=0", "a=fmtp:98 profile-id=0", "a=fmtp:100 profile-id=2",
	                          "a=extmap:13 urn:3gpp:video-orientation",
	                          "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"));
	ck_assert_ptr_nonnull(strstr(video, "a=ssrc-group:FID "));
	assert_lines(av_section(sdp, 2), LINES("a=mid:2", "a=sctp-port:5000"));
	av_end(&k);
}
END_TEST

START_TEST(test_simulcast_of_browsers_is_taken_layer_by_layer) {
	static const struct {
		const char *name, *audio, *video, *rid_line;
	} cases[] = {
		{"chromium-156-media-simulcast-offer.sdp", "111 0 8 63",
	         "96 97 102 103 104 107 108 109 114 115 45 46 98 99 100 101",
	         "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"},
		{"firefox-153-media-simulcast-offer.sdp", "109 0 8", "120 124 121 125 99 100",
	         "a=extmap:9/recvonly urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char formats[200];
		ck_assert_int_eq(offer(cases[i].name), 0);
		const char *sdp = answer();
		snprintf(formats, sizeof formats, " UDP/TLS/RTP/SAVPF %s\r\n", cases[i].audio);
		ck_assert_ptr_nonnull(strstr(av_section(sdp, 0), formats));
		snprintf(formats, sizeof formats, " UDP/TLS/RTP/SAVPF %s\r\n", cases[i].video);
		const char *video = av_section(sdp, 1);
		ck_assert_ptr_nonnull(strstr(video, formats));
		assert_lines(video, LINES("a=recvonly", "a=rid:q recv", "a=rid:h recv", "a=rid:f recv", "a=simulcast:recv q;h;f",
		                          cases[i].rid_line));
		assert_no(video, LINES("a=msid", "a=ssrc"));
		av_end(&k);
	}
}
END_TEST

START_TEST(test_firefoxs_offer_has_directions_of_extensions_and_audio_without_reduced_rtcp) {
	ck_assert_int_eq(offer("firefox-153-media-offer.sdp"), 0);
	const char *sdp = answer();
	const char *audio = av_section(sdp, 0);
	ck_assert_ptr_nonnull(strstr(audio, " UDP/TLS/RTP/SAVPF 109 0 8\r\n"));
	assert_no(audio, LINES("rtcp-rsize", "csrc-audio-level"));
	assert_lines(audio, LINES("a=extmap-allow-mixed"));
	const char *video = av_section(sdp, 1);
	assert_lines(video, LINES("a=rtcp-rsize", "a=rtpmap:120 VP8/90000", "a=fmtp:124 apt=120",
	                          "a=extmap:6/sendonly http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"));
	av_end(&k);
}
END_TEST

/* ---- the order of codecs ----------------------------------------------------------------------------------------------- */

START_TEST(test_preferences_choose_and_order_the_codecs_of_an_answer) {
	ck_assert_int_eq(offer("chromium-156-media-offer.sdp"), 0);
	sim_settle(&k.sim);
	const sluice_codec_preference wish[] = {{.codec = SLUICE_CODEC_AV1},
	                                        {.codec = SLUICE_CODEC_H264, .profile = "42e01f", .packetization_mode = 1}};
	sluice_transceiver *video = k.b.flows[1].transceiver;
	ck_assert_int_eq(sluice_transceiver_set_codec_preferences(video, wish, 2), 0);
	ck_assert_int_eq(sluice_transceiver_set_codec_preferences(k.b.flows[0].transceiver, wish, 2), SLUICE_INVALID);
	ck_assert_ptr_nonnull(strstr(av_section(answer(), 1), " UDP/TLS/RTP/SAVPF 45 46 108 109\r\n"));
	av_end(&k);
}
END_TEST

/* ---- wrong ones --------------------------------------------------------------------------------------------------------- */

#define SESSION "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
#define TRANSPORT                                                                                                                \
	"c=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:actpass\r\n"                      \
	"a=fingerprint:sha-256 "                                                                                                 \
	"00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n"
#define VP8 "a=rtpmap:96 VP8/90000\r\n"
#define VIDEO(mid) "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:" mid "\r\na=rtcp-mux\r\na=sendrecv\r\n" VP8 TRANSPORT
#define DATA(mid) "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:" mid "\r\na=sctp-port:5000\r\n" TRANSPORT

static int give(const char *text) {
	return offer_text(text, strlen(text));
}

START_TEST(test_a_section_that_cannot_be_used_is_rejected_and_the_others_are_not) {
	static const struct {
		const char *what, *video;
	} cases[] = {
		{"not bundled", SESSION "a=group:BUNDLE d\r\n" DATA("d") VIDEO("v")},
		{"no mux",
	         SESSION "a=group:BUNDLE d v\r\n" DATA("d") "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:v\r\n" VP8 TRANSPORT},
		{"no codec of ours", SESSION
	         "a=group:BUNDLE d v\r\n" DATA("d") "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:v\r\na=rtcp-mux\r\na=rtpmap:96 "
	                                            "H265/90000\r\n" TRANSPORT},
		{"no transport of the web",
	         SESSION "a=group:BUNDLE d v\r\n" DATA("d") "m=video 9 TCP/MSRP 96\r\na=mid:v\r\na=rtcp-mux\r\n" VP8 TRANSPORT},
		{"port 0",
	         SESSION "a=group:BUNDLE d\r\n" DATA("d") "m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:v\r\na=rtcp-mux\r\n" VP8},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		av_begin(&k, NULL);
		k.b.caller->silent = true;
		ck_assert_msg(give(cases[i].video) == 0, "%s", cases[i].what);
		const char *sdp = answer();
		ck_assert_msg(begins(av_section(sdp, 1), "m=video 0 "), "%s:\n%s", cases[i].what, sdp);
		ck_assert_msg(!begins(av_section(sdp, 0), "m=application 0 "), "%s:\n%s", cases[i].what, sdp);
		assert_lines(sdp, LINES("a=group:BUNDLE d"));
		ck_assert_ptr_null(sluice_peer_transceiver(k.b.caller->peer, 0));
		av_end(&k);
	}
}
END_TEST

START_TEST(test_an_offer_that_contradicts_itself_or_the_one_before_is_refused_and_changes_nothing) {
	const char *why;
	av_begin(&k, NULL);
	k.b.caller->silent = true;
	ck_assert_int_eq(give(SESSION "a=group:BUNDLE v\r\n" VIDEO("v") VIDEO("v")), SLUICE_MALFORMED);
	sluice_peer_description_error(k.b.caller->peer, &why);
	ck_assert_str_ne(why, "");
	ck_assert_ptr_null(sluice_peer_transceiver(k.b.caller->peer, 0));
	ck_assert_int_eq(give(SESSION "a=group:BUNDLE v\r\n" VIDEO("v")), 0);
	answer();
	ck_assert_int_eq(give(SESSION "a=group:BUNDLE w\r\n" VIDEO("w")), SLUICE_MALFORMED);
	ck_assert_int_eq(give(SESSION "a=group:BUNDLE d\r\n" DATA("d")), SLUICE_MALFORMED);
	ck_assert_int_eq(give(SESSION), SLUICE_MALFORMED);
	ck_assert_str_eq(sluice_transceiver_mid(sluice_peer_transceiver(k.b.caller->peer, 0)), "v");
	ck_assert_int_eq(sluice_peer_signaling_state(k.b.caller->peer), SLUICE_SIGNALING_STABLE);
	ck_assert_int_eq(give(SESSION "a=group:BUNDLE v w\r\n" VIDEO("v") VIDEO("w")), 0);
	answer();
	ck_assert_ptr_nonnull(sluice_peer_transceiver(k.b.caller->peer, 1));
	av_end(&k);
}
END_TEST

START_TEST(test_an_id_that_has_another_meaning_in_a_later_section_is_not_taken) {
	av_begin(&k, NULL);
	k.b.caller->silent = true;
	ck_assert_int_eq(
		give(SESSION "a=group:BUNDLE v w\r\n" VIDEO("v") "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid\r\n" VIDEO(
			"w") "a=extmap:3 urn:3gpp:video-orientation\r\na=extmap:5 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
	                     "a=extmap:6 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n"),
		0);
	const char *sdp = answer();
	assert_lines(av_section(sdp, 0), LINES("a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid"));
	const char *second = av_section(sdp, 1);
	assert_no(second, LINES("video-orientation", "sdes:mid"));
	assert_lines(second, LINES("a=extmap:6 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"));
	av_end(&k);
}
END_TEST

START_TEST(test_more_sections_than_transceivers_are_rejected) {
	static char text[200000];
	size_t at = (size_t)snprintf(text, sizeof text, SESSION "a=group:BUNDLE");
	for (int i = 0; i < 70; i++)
		at += (size_t)snprintf(text + at, sizeof text - at, " m%d", i);
	at += (size_t)snprintf(text + at, sizeof text - at, "\r\n");
	for (int i = 0; i < 70; i++) {
		char mid[20];
		snprintf(mid, sizeof mid, "a=mid:m%d\r\n", i);
		at += (size_t)snprintf(text + at, sizeof text - at,
		                       "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n%sa=rtcp-mux\r\n" VP8 TRANSPORT, mid);
	}
	av_begin(&k, NULL);
	k.b.caller->silent = true;
	k.b.caller->on_track = NULL;
	ck_assert_int_eq(offer_text(text, at), 0);
	const char *sdp = answer();
	ck_assert_ptr_nonnull(sluice_peer_transceiver(k.b.caller->peer, 63));
	ck_assert_ptr_null(sluice_peer_transceiver(k.b.caller->peer, 64));
	ck_assert(begins(av_section(sdp, 63), "m=video "));
	ck_assert(!begins(av_section(sdp, 63), "m=video 0 "));
	ck_assert(begins(av_section(sdp, 64), "m=video 0 "));
	av_end(&k);
}
END_TEST

SUITE("offers with media", test_chromiums_offer_is_answered_with_what_both_have_by_its_numbers,
      test_simulcast_of_browsers_is_taken_layer_by_layer,
      test_firefoxs_offer_has_directions_of_extensions_and_audio_without_reduced_rtcp,
      test_preferences_choose_and_order_the_codecs_of_an_answer,
      test_a_section_that_cannot_be_used_is_rejected_and_the_others_are_not,
      test_an_offer_that_contradicts_itself_or_the_one_before_is_refused_and_changes_nothing,
      test_an_id_that_has_another_meaning_in_a_later_section_is_not_taken, test_more_sections_than_transceivers_are_rejected)
