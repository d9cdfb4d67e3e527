/* Are the audio and video sections of other peers read as they were meant, and is what is wrong in them left out or named? */
#include "sdp_kit.h"

#define MID_URI "urn:ietf:params:rtp-hdrext:sdes:mid"
#define RID_URI "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
#define DD_URI "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
#define TRANSPORT_CC_URI "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
#define FULL_FEEDBACK (SDP_FB_REMB | SDP_FB_TRANSPORT_CC | SDP_FB_CCM_FIR | SDP_FB_NACK | SDP_FB_NACK_PLI)

static struct sdp *load(const char *name) {
	size_t len;
	char *text = sdp_load(name, &len);
	struct sdp *sdp;
	struct sdp_fault fault;
	ck_assert_msg(sdp_parse(sdp_env(), text, len, &sdp, &fault) == 0, "%s: line %u: %s", name, fault.line, fault.text);
	ck_assert_int_eq(sdp_validate(sdp, false, NULL), 0);
	free(text);
	return sdp;
}

/* ---- browsers ---- */

static void has_types(const struct sdp_rtp *rtp, const uint8_t *types, size_t count) {
	ck_assert_uint_eq(rtp->codec_count, count);
	for (size_t i = 0; i < count; i++)
		ck_assert_uint_eq(rtp->codecs[i].type, types[i]);
}

static void is_codec(const struct sdp_rtp *rtp, uint8_t type, enum sdp_codec_name name, uint32_t clock, uint8_t channels,
                     unsigned feedback) {
	const struct sdp_codec *c = sdp_rtp_codec(rtp, type);
	ck_assert_ptr_nonnull(c);
	ck_assert_msg(c->name == name && c->clock == clock && c->channels == channels && c->feedback == feedback,
	              "%u: %s %u %u %x", type, sdp_codec_text(c->name), c->clock, c->channels, c->feedback);
}

static void is_extension(const struct sdp_rtp *rtp, const char *uri, uint8_t id, enum sdp_direction direction) {
	const struct sdp_extension *e = sdp_rtp_extension(rtp, uri);
	ck_assert_ptr_nonnull(e);
	ck_assert(e->id == id && e->direction == direction);
}

static void is_chromiums_audio(const struct sdp_section *s) {
	static const uint8_t types[] = {111, 63, 9, 0, 8, 13, 110, 126};
	const struct sdp_rtp *rtp = &s->rtp;
	ck_assert(s->kind == SDP_AUDIO && !s->rejected && s->bundled && !sdp_section_fault(s, false).text);
	ck_assert(rtp->direction == SDP_SENDRECV && rtp->rtcp_mux && rtp->rtcp_rsize && rtp->extmap_allow_mixed &&
	          !rtp->rtcp_mux_only && rtp->skipped == 0);
	has_types(rtp, types, sizeof types);
	is_codec(rtp, 111, SDP_CODEC_OPUS, 48000, 2, SDP_FB_TRANSPORT_CC);
	is_codec(rtp, 63, SDP_CODEC_RED, 48000, 2, 0);
	ck_assert(sdp_rtp_codec(rtp, 63)->has_apt && sdp_rtp_codec(rtp, 63)->apt == 111);
	is_codec(rtp, 9, SDP_CODEC_G722, 8000, 1, 0);
	is_codec(rtp, 13, SDP_CODEC_CN, 8000, 1, 0);
	is_codec(rtp, 110, SDP_CODEC_TELEPHONE_EVENT, 48000, 1, 0);
	sdp_slice_eq(sdp_rtp_codec(rtp, 111)->fmtp, "minptime=10;useinbandfec=1");
	ck_assert_uint_eq(rtp->extension_count, 4);
	is_extension(rtp, MID_URI, 4, SDP_SENDRECV);
	ck_assert_uint_eq(rtp->msid_count, 1);
	sdp_slice_eq(rtp->msids[0].stream, "e8ccac07-10f5-4135-ac0b-f316c5425d23");
	sdp_slice_eq(rtp->msids[0].track, "c3a72cc1-5d83-4e58-b76b-f53194a176c4");
	ck_assert(rtp->ssrc_count == 1 && rtp->group_count == 0 && rtp->rid_count == 0);
}

static void has_chromiums_video_codecs(const struct sdp_section *s) {
	static const uint8_t types[] = {96, 97, 102, 103, 104, 107, 108, 109, 114, 115, 116, 117,
	                                39, 40, 45,  46,  98,  99,  100, 101, 118, 119, 120};
	const struct sdp_rtp *rtp = &s->rtp;
	struct sdp_h264 h;
	ck_assert(s->kind == SDP_VIDEO && !sdp_section_fault(s, false).text && rtp->skipped == 0);
	has_types(rtp, types, sizeof types);
	is_codec(rtp, 96, SDP_CODEC_VP8, 90000, 1, FULL_FEEDBACK);
	is_codec(rtp, 45, SDP_CODEC_AV1, 90000, 1, FULL_FEEDBACK);
	is_codec(rtp, 97, SDP_CODEC_RTX, 90000, 1, 0);
	is_codec(rtp, 118, SDP_CODEC_RED, 90000, 1, 0);
	is_codec(rtp, 120, SDP_CODEC_ULPFEC, 90000, 1, 0);
	ck_assert(!sdp_rtp_codec(rtp, 118)->has_apt);
	ck_assert_ptr_eq(sdp_rtp_rtx(rtp, 96), sdp_rtp_codec(rtp, 97));
	ck_assert_ptr_eq(sdp_rtp_rtx(rtp, 100), sdp_rtp_codec(rtp, 101));
	ck_assert_ptr_null(sdp_rtp_rtx(rtp, 120));
	ck_assert(sdp_h264_read(sdp_rtp_codec(rtp, 108)->fmtp, &h) && h.profile == SDP_H264_CONSTRAINED_BASELINE &&
	          h.packetization == 1 && h.level_asymmetry);
	ck_assert(!sdp_codecs_match(sdp_rtp_codec(rtp, 102), sdp_rtp_codec(rtp, 108)));
	ck_assert(!sdp_codecs_match(sdp_rtp_codec(rtp, 98), sdp_rtp_codec(rtp, 100)));
	is_extension(rtp, MID_URI, 4, SDP_SENDRECV);
	is_extension(rtp, RID_URI, 10, SDP_SENDRECV);
}

START_TEST(test_chromiums_audio_and_video_are_read) {
	struct sdp *sdp = load("chromium-156-media-offer.sdp");
	uint32_t repair;
	is_chromiums_audio(&sdp->sections[0]);
	has_chromiums_video_codecs(&sdp->sections[1]);
	const struct sdp_rtp *rtp = &sdp->sections[1].rtp;
	ck_assert(rtp->direction == SDP_SENDRECV && rtp->extension_count == 11 && rtp->ssrc_count == 2 && rtp->group_count == 1);
	ck_assert(sdp_rtp_repair_ssrc(rtp, 1448278650, &repair) && repair == 3888247532);
	ck_assert(!sdp_rtp_repair_ssrc(rtp, 3888247532, &repair));
	sdp_slice_eq(rtp->ssrcs[1].cname, "JyXgnovJ2pbY7p1p");
	ck_assert_uint_eq(rtp->ssrcs[1].ssrc, 3888247532);
	ck_assert(sdp->bundle_count == 3 && sdp->bundle[0] == 0 && sdp->bundle[1] == 1 && sdp->bundle[2] == 2);
	ck_assert(sdp->extmap_allow_mixed && sdp->direction == SDP_SENDRECV);
	sdp_free(sdp_env(), sdp);
}
END_TEST

static void has_three_layers(const struct sdp_rtp *rtp) {
	static const char *const ids[] = {"q", "h", "f"};
	ck_assert_uint_eq(rtp->rid_count, 3);
	for (uint8_t i = 0; i < 3; i++) {
		const struct sdp_rid *rid = &rtp->rids[i];
		sdp_slice_eq(rid->id, ids[i]);
		ck_assert(rid->send && !rid->paused && rid->layer == i + 1 && rid->alternative == 0 && !rid->restrictions.s);
		ck_assert(sdp_rid_allows(rid, 96));
	}
}

START_TEST(test_chromiums_simulcast_is_read) {
	struct sdp *sdp = load("chromium-156-media-simulcast-offer.sdp");
	is_chromiums_audio(&sdp->sections[0]);
	has_chromiums_video_codecs(&sdp->sections[1]);
	const struct sdp_rtp *rtp = &sdp->sections[1].rtp;
	ck_assert(rtp->direction == SDP_SENDONLY && rtp->extension_count == 13 && rtp->ssrc_count == 0);
	is_extension(rtp, DD_URI, 12, SDP_SENDRECV);
	has_three_layers(rtp);
	sdp_free(sdp_env(), sdp);
}
END_TEST

START_TEST(test_the_older_chromium_offer_has_usable_sections_too) {
	struct sdp *sdp = load("chromium-156-audio-video-data-offer.sdp");
	for (size_t i = 0; i < sdp->section_count; i++)
		ck_assert_ptr_null(sdp_section_fault(&sdp->sections[i], false).text);
	ck_assert(sdp_rtp_codec(&sdp->sections[0].rtp, 111) && sdp->sections[1].rtp.codec_count > 10);
	sdp_free(sdp_env(), sdp);
}
END_TEST

static void is_firefoxs_audio(const struct sdp_section *s) {
	static const uint8_t types[] = {109, 9, 0, 8, 101};
	const struct sdp_rtp *rtp = &s->rtp;
	ck_assert(s->kind == SDP_AUDIO && !sdp_section_fault(s, false).text && rtp->skipped == 0);
	ck_assert(rtp->direction == SDP_SENDRECV && rtp->rtcp_mux && !rtp->rtcp_rsize && rtp->extmap_allow_mixed);
	has_types(rtp, types, sizeof types);
	is_codec(rtp, 109, SDP_CODEC_OPUS, 48000, 2, SDP_FB_TRANSPORT_CC);
	is_codec(rtp, 9, SDP_CODEC_G722, 8000, 1, SDP_FB_TRANSPORT_CC);
	sdp_slice_eq(sdp_rtp_codec(rtp, 101)->fmtp, "0-15");
	ck_assert_uint_eq(rtp->extension_count, 4);
	is_extension(rtp, "urn:ietf:params:rtp-hdrext:csrc-audio-level", 2, SDP_RECVONLY);
	is_extension(rtp, MID_URI, 3, SDP_SENDRECV);
	sdp_slice_eq(rtp->msids[0].stream, "{1a1c77af-42dc-4589-bccf-a9a02862d761}");
}

static void has_firefoxs_video_codecs(const struct sdp_section *s) {
	static const uint8_t types[] = {120, 124, 121, 125, 99, 100, 123, 122, 119};
	const struct sdp_rtp *rtp = &s->rtp;
	ck_assert(s->kind == SDP_VIDEO && !sdp_section_fault(s, false).text && rtp->skipped == 0 && rtp->rtcp_rsize);
	has_types(rtp, types, sizeof types);
	is_codec(rtp, 120, SDP_CODEC_VP8, 90000, 1, FULL_FEEDBACK);
	is_codec(rtp, 121, SDP_CODEC_VP9, 90000, 1, FULL_FEEDBACK);
	is_codec(rtp, 99, SDP_CODEC_AV1, 90000, 1, FULL_FEEDBACK);
	ck_assert_uint_eq(sdp_rtp_rtx(rtp, 99)->type, 100);
	is_extension(rtp, "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay", 6, SDP_RECVONLY);
	is_extension(rtp, TRANSPORT_CC_URI, 7, SDP_SENDRECV);
}

START_TEST(test_firefoxs_audio_and_video_are_read) {
	struct sdp *sdp = load("firefox-153-media-offer.sdp");
	uint32_t repair;
	is_firefoxs_audio(&sdp->sections[0]);
	has_firefoxs_video_codecs(&sdp->sections[1]);
	const struct sdp_rtp *rtp = &sdp->sections[1].rtp;
	ck_assert(rtp->direction == SDP_SENDRECV && rtp->extension_count == 5 && rtp->rid_count == 0);
	ck_assert(sdp_rtp_repair_ssrc(rtp, 4001625306, &repair) && repair == 1911571811);
	sdp_free(sdp_env(), sdp);
}
END_TEST

START_TEST(test_firefoxs_simulcast_is_read_though_its_lines_come_in_alphabetical_order) {
	struct sdp *sdp = load("firefox-153-media-simulcast-offer.sdp");
	uint32_t repair;
	is_firefoxs_audio(&sdp->sections[0]);
	has_firefoxs_video_codecs(&sdp->sections[1]);
	const struct sdp_rtp *rtp = &sdp->sections[1].rtp;
	ck_assert(rtp->direction == SDP_SENDONLY && rtp->extension_count == 8 && rtp->ssrc_count == 6 && rtp->group_count == 3);
	is_extension(rtp, RID_URI, 9, SDP_SENDONLY);
	is_extension(rtp, DD_URI, 8, SDP_SENDONLY);
	has_three_layers(rtp);
	ck_assert(sdp_rtp_repair_ssrc(rtp, 1276133704, &repair) && repair == 2787044111);
	ck_assert(sdp_rtp_repair_ssrc(rtp, 2254569736, &repair) && repair == 1610994967);
	ck_assert(sdp_rtp_repair_ssrc(rtp, 1764669511, &repair) && repair == 2173510832);
	sdp_free(sdp_env(), sdp);
}
END_TEST

/* ---- one section after another ---- */

#define TRANSPORT SDP_CREDENTIALS SDP_DTLS "a=rtcp-mux\r\n"
#define AUDIO_LINE "m=audio 9 UDP/TLS/RTP/SAVPF 111 0 8 9 13\r\nc=IN IP4 0.0.0.0\r\n"
#define VIDEO_LINE "m=video 9 UDP/TLS/RTP/SAVPF 96 97 0\r\nc=IN IP4 0.0.0.0\r\n"

/* The first section of a description with these lines. */
static const struct sdp_section *audio(const char *lines) {
	char text[4096];
	snprintf(text, sizeof text, SDP_OPENING AUDIO_LINE TRANSPORT "%s", lines);
	return &sdp_parsed(text)->sections[0];
}

static const struct sdp_section *video(const char *lines) {
	char text[4096];
	snprintf(text, sizeof text, SDP_OPENING VIDEO_LINE TRANSPORT "%s", lines);
	return &sdp_parsed(text)->sections[0];
}

START_TEST(test_static_payload_types_need_no_rtpmap_in_audio_alone) {
	static const uint8_t types[] = {0, 8, 9, 13};
	const struct sdp_section *s = audio("");
	has_types(&s->rtp, types, sizeof types);
	is_codec(&s->rtp, 0, SDP_CODEC_PCMU, 8000, 1, 0);
	is_codec(&s->rtp, 8, SDP_CODEC_PCMA, 8000, 1, 0);
	is_codec(&s->rtp, 9, SDP_CODEC_G722, 8000, 1, 0);
	ck_assert_uint_eq(video("")->rtp.codec_count, 0);
	/* A map of its own wins, and a blank before the medium changes nothing. */
	is_codec(&audio("a=rtpmap:0 opus/48000/2\r\n")->rtp, 0, SDP_CODEC_OPUS, 48000, 2, 0);
	const struct sdp *sdp = sdp_parsed(SDP_OPENING "m= audio 9 RTP/AVP 0 8 9 13\r\na=rtpmap:0 PCMU/8000\r\n");
	ck_assert_uint_eq(sdp->sections[0].rtp.codec_count, 4);
}
END_TEST

START_TEST(test_payload_types_outside_the_m_line_do_not_exist) {
	const struct sdp_section *s = video("a=rtpmap:96 VP8/90000\r\na=rtpmap:98 VP9/90000\r\na=rtcp-fb:98 nack\r\n");
	ck_assert(s->rtp.codec_count == 1 && s->rtp.codecs[0].type == 96 && s->rtp.skipped == 0);
}
END_TEST

START_TEST(test_feedback_for_all_reaches_every_codec_wherever_its_line_stands) {
	const struct sdp_section *s = video("a=rtcp-fb:* ccm fir\r\na=rtcp-fb:96 nack\r\na=rtpmap:96 VP8/90000\r\n"
	                                    "a=rtpmap:97 VP9/90000\r\na=rtcp-fb:* ack ccfb\r\na=rtcp-fb:96 x-new thing\r\n");
	is_codec(&s->rtp, 96, SDP_CODEC_VP8, 90000, 1, SDP_FB_CCM_FIR | SDP_FB_NACK | SDP_FB_CCFB);
	is_codec(&s->rtp, 97, SDP_CODEC_VP9, 90000, 1, SDP_FB_CCM_FIR | SDP_FB_CCFB);
}
END_TEST

START_TEST(test_the_session_says_direction_and_mixed_extensions_for_those_who_do_not) {
	const struct sdp *sdp = sdp_parsed(SDP_OPENING "a=recvonly\r\na=sendonly\r\na=extmap-allow-mixed\r\n" VIDEO_LINE
	                                               "a=inactive\r\na=sendrecv\r\n" VIDEO_LINE AUDIO_LINE "a=sendonly\r\n");
	ck_assert(sdp->direction == SDP_RECVONLY && sdp->sections[0].rtp.direction == SDP_INACTIVE &&
	          sdp->sections[1].rtp.direction == SDP_RECVONLY && sdp->sections[2].rtp.direction == SDP_SENDONLY);
	for (size_t i = 0; i < 3; i++)
		ck_assert(sdp->sections[i].rtp.extmap_allow_mixed);
	ck_assert_int_eq(video("")->rtp.direction, SDP_SENDRECV);
	ck_assert(!video("")->rtp.extmap_allow_mixed && video("a=extmap-allow-mixed\r\n")->rtp.extmap_allow_mixed);
	ck_assert_int_eq(sdp_direction_reversed(SDP_SENDONLY), SDP_RECVONLY);
	ck_assert_int_eq(sdp_direction_reversed(SDP_RECVONLY), SDP_SENDONLY);
	ck_assert_int_eq(sdp_direction_reversed(SDP_SENDRECV), SDP_SENDRECV);
	ck_assert_int_eq(sdp_direction_reversed(SDP_INACTIVE), SDP_INACTIVE);
}
END_TEST

START_TEST(test_streams_and_tracks_are_read_in_each_form) {
	const struct sdp_rtp *rtp = &video("a=msid:s1 t\r\na=msid:- t2\r\na=msid:only\r\na=ssrc:1 msid:old x\r\n")->rtp;
	ck_assert_uint_eq(rtp->msid_count, 3);
	sdp_slice_eq(rtp->msids[0].stream, "s1");
	sdp_slice_eq(rtp->msids[0].track, "t");
	ck_assert_ptr_null(rtp->msids[1].stream.s);
	sdp_slice_eq(rtp->msids[1].track, "t2");
	sdp_slice_eq(rtp->msids[2].stream, "only");
	ck_assert_ptr_null(rtp->msids[2].track.s);
	rtp = &video("a=ssrc:1 cname:c\r\na=ssrc:1 msid:old x\r\na=ssrc:2 msid:old y\r\na=ssrc:2 cname:d\r\na=ssrc:2 cname:e\r\n")
	               ->rtp;
	ck_assert_uint_eq(rtp->msid_count, 1);
	sdp_slice_eq(rtp->msids[0].stream, "old");
	sdp_slice_eq(rtp->msids[0].track, "x");
	ck_assert(rtp->ssrc_count == 2 && rtp->ssrcs[0].ssrc == 1 && rtp->ssrcs[1].ssrc == 2 && rtp->skipped == 0);
	sdp_slice_eq(rtp->ssrcs[1].cname, "d");
}
END_TEST

START_TEST(test_groups_of_sources_are_read_by_their_semantics) {
	const struct sdp_rtp *rtp = &video("a=ssrc-group:FID 1 2\r\na=ssrc-group:SIM 1 3 5\r\na=ssrc-group:FEC-FR 1 "
	                                   "4294967295\r\na=ssrc-group:NEW 1 2\r\n")
	                                     ->rtp;
	ck_assert(rtp->group_count == 3 && rtp->skipped == 0);
	ck_assert(rtp->groups[0].semantics == SDP_FID && rtp->groups[0].ssrcs[1] == 2);
	ck_assert(rtp->groups[1].semantics == SDP_SIM && rtp->groups[1].count == 3 && rtp->groups[1].ssrcs[2] == 5);
	ck_assert(rtp->groups[2].semantics == SDP_FEC_FR && rtp->groups[2].ssrcs[1] == UINT32_MAX);
}
END_TEST

static void is_rid(const struct sdp_rid *r, const char *id, bool send, unsigned layer, unsigned alternative, bool paused) {
	sdp_slice_eq(r->id, id);
	ck_assert_msg(r->send == send && r->layer == layer && r->alternative == alternative && r->paused == paused,
	              "%s: %d %u %u %d", id, r->send, r->layer, r->alternative, r->paused);
}

START_TEST(test_simulcast_has_layers_alternatives_and_pauses_in_both_directions) {
	/* With one rid that is not there, and one of the other direction. */
	const struct sdp_rtp *rtp =
		&video("a=simulcast:send 1,2;~3,none;none;back;4 recv back,~other\r\na=rid:1 send pt=97;max-width=1280\r\n"
	               "a=rid:2 send pt=98,96\r\na=rid:3 send\r\na=rid:4 send max-fps=15\r\na=rid:back recv\r\na=rid:other "
	               "recv\r\n"
	               "a=rid:unused recv\r\n")
			 ->rtp;
	ck_assert(rtp->rid_count == 7 && rtp->skipped == 0);
	is_rid(&rtp->rids[0], "1", true, 1, 0, false);
	is_rid(&rtp->rids[1], "2", true, 1, 1, false);
	is_rid(&rtp->rids[2], "3", true, 2, 0, true);
	is_rid(&rtp->rids[3], "4", true, 3, 0, false);
	is_rid(&rtp->rids[4], "back", false, 1, 0, false);
	is_rid(&rtp->rids[5], "other", false, 1, 1, true);
	is_rid(&rtp->rids[6], "unused", false, 0, 0, false);
	sdp_slice_eq(rtp->rids[0].restrictions, "pt=97;max-width=1280");
	ck_assert(sdp_rid_allows(&rtp->rids[0], 97) && !sdp_rid_allows(&rtp->rids[0], 96) && sdp_rid_allows(&rtp->rids[1], 96) &&
	          sdp_rid_allows(&rtp->rids[3], 96));
}
END_TEST

START_TEST(test_times_and_bandwidths_are_read) {
	const struct sdp_rtp *rtp = &audio("b=AS:500\r\nb=TIAS:480000\r\nb=RS:1\r\na=ptime:20\r\na=maxptime:120\r\n")->rtp;
	ck_assert(rtp->bandwidth_as == 500 && rtp->bandwidth_tias == 480000 && rtp->ptime == 20 && rtp->maxptime == 120);
	ck_assert_uint_eq(rtp->skipped, 0);
}
END_TEST

START_TEST(test_the_profiles_of_rfc_9429_are_taken_and_others_are_not) {
	static const char *const taken[] = {"UDP/TLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF", "RTP/SAVPF",
	                                    "RTP/AVP",           "RTP/AVPF",           "RTP/SAVP",          "UDP/TLS/RTP/SAVP",
	                                    "TCP/DTLS/RTP/SAVP"};
	static const char *const others[] = {"udp", "RTP", "UDP/DTLS/SCTP", "RTP/SAVPFX", "rtp/savpf"};
	char text[512];
	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
		snprintf(text, sizeof text, SDP_OPENING "m=audio 9 %s 0\r\n", taken[i]);
		ck_assert_int_eq(sdp_parsed(text)->sections[0].kind, SDP_AUDIO);
	}
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		snprintf(text, sizeof text, SDP_OPENING "m=video 9 %s 0\r\na=rtpmap:0 VP8/90000\r\n", others[i]);
		const struct sdp_section *s = &sdp_parsed(text)->sections[0];
		ck_assert(s->kind == SDP_OTHER && s->rtp.codec_count == 0);
	}
}
END_TEST

START_TEST(test_bundled_sections_share_rtcp_mux_as_they_share_the_transport) {
	const struct sdp *sdp = sdp_parsed(SDP_OPENING "a=group:LS v a\r\na=group:BUNDLE v nobody a\r\n" SDP_AUDIO("9", "a")
	                                           VIDEO_LINE TRANSPORT "a=mid:v\r\na=rtcp-rsize\r\na=rtpmap:96 VP8/90000\r\n");
	ck_assert(sdp->bundle_count == 2 && sdp->bundle[0] == 1 && sdp->bundle[1] == 0);
	ck_assert(sdp->sections[0].rtp.rtcp_mux && sdp->sections[0].rtp.rtcp_rsize);
	sdp_slice_eq(sdp->sections[0].transport.ufrag, "yH6Y");
	ck_assert_ptr_null(sdp_section_fault(&sdp->sections[0], false).text);
}
END_TEST

/* ---- RFC 9429, 7 ---- */

#define A1_FINGERPRINT "sha-256 19:E2:1C:3B:4B:9F:81:E6:B8:5C:F4:A5:A8:D8:73:04:BB:05:2F:70:9F:04:A9:0E:05:E9:26:33:E8:70:88:A2"
#define A2_FINGERPRINT "sha-256 6B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08"

/* The answer of 7.1: the second section has no transport of its own, and no rtcp-mux. */
static const char answer_a1[] =
	"v=0\r\no=- 6729291447651054566 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-options:trickle ice2\r\na=group:BUNDLE a1 "
	"v1\r\n"
	"a=group:LS a1 v1\r\n"
	"m=audio 10200 UDP/TLS/RTP/SAVPF 96 0 8 97 98\r\nc=IN IP4 203.0.113.200\r\na=mid:a1\r\na=sendrecv\r\n"
	"a=rtpmap:96 opus/48000/2\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:97 telephone-event/8000\r\n"
	"a=rtpmap:98 telephone-event/48000\r\na=fmtp:97 0-15\r\na=fmtp:98 0-15\r\na=maxptime:120\r\n"
	"a=extmap:1 " MID_URI "\r\na=extmap:2 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
	"a=msid:61317484-2ed4-49d7-9eb7-1414322a7aae 5a7b57b8-f043-4bd1-a45d-09d4dfa31226\r\n"
	"a=ice-ufrag:6sFv\r\na=ice-pwd:cOTZKZNVlO9RSGsEGM63JXT2\r\na=fingerprint:" A2_FINGERPRINT "\r\na=setup:active\r\n"
	"a=tls-id:eec3392ab83e11ceb6a0990c903fbb19\r\na=rtcp-mux\r\na=rtcp-rsize\r\n"
	"a=candidate:1 1 udp 2113929471 203.0.113.200 10200 typ host\r\na=end-of-candidates\r\n"
	"m=video 10200 UDP/TLS/RTP/SAVPF 100 101 102 103\r\nc=IN IP4 203.0.113.200\r\na=mid:v1\r\na=sendrecv\r\n"
	"a=rtpmap:100 VP8/90000\r\na=rtpmap:101 H264/90000\r\na=fmtp:101 packetization-mode=1;profile-level-id=42e01f\r\n"
	"a=rtpmap:102 rtx/90000\r\na=fmtp:102 apt=100\r\na=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=101\r\n"
	"a=extmap:1 " MID_URI "\r\na=extmap:3 " RID_URI
	"\r\na=rtcp-fb:100 ccm fir\r\na=rtcp-fb:100 nack\r\na=rtcp-fb:100 nack pli\r\n"
	"a=msid:61317484-2ed4-49d7-9eb7-1414322a7aae 4ea4d4a1-2fda-4511-a9cc-1b32c2e59552\r\n";

START_TEST(test_the_simple_example_of_rfc_9429_is_read) {
	const struct sdp *sdp = sdp_parsed(answer_a1);
	ck_assert_int_eq(sdp_validate(sdp, true, NULL), 0);
	ck_assert(sdp->section_count == 2 && sdp->sections[0].kind == SDP_AUDIO && sdp->sections[1].kind == SDP_VIDEO);
	const struct sdp_rtp *rtp = &sdp->sections[1].rtp;
	ck_assert(rtp->rtcp_mux && rtp->rtcp_rsize && rtp->codec_count == 4 && sdp->sections[0].rtp.maxptime == 120);
	ck_assert_uint_eq(sdp_rtp_rtx(rtp, 101)->type, 103);
	sdp_slice_eq(sdp->sections[1].transport.ufrag, "6sFv");
	sdp_slice_eq(sdp->sections[1].transport.fingerprints[0], A2_FINGERPRINT);
	ck_assert_int_eq(sdp->sections[1].transport.setup, SDP_SETUP_ACTIVE);
	ck_assert_uint_eq(sdp->sections[1].transport.candidate_count, 1);
}
END_TEST

/* What the offers of 7.2 have besides: sections that are only for the bundle, simulcast, FEC, and no LS for one track. */
static const char offer_b2[] =
	"v=0\r\no=- 4962303333179871723 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-options:trickle ice2\r\n"
	"a=group:BUNDLE a1 d1 v1 v2\r\na=group:LS a1 v1\r\n"
	"m=audio 12100 UDP/TLS/RTP/SAVPF 96 0 8 97 98\r\nc=IN IP4 192.0.2.100\r\na=mid:a1\r\na=sendrecv\r\n"
	"a=rtpmap:96 opus/48000/2\r\na=msid:57017fee-b6c1-4162-929c-a25110252400 e83006c5-a0ff-4e0a-9ed9-d3e6747be7d9\r\n"
	"a=ice-ufrag:ATEn\r\na=ice-pwd:AtSK0WpNtpUjkY4+86js7ZQl\r\na=fingerprint:" A1_FINGERPRINT "\r\na=setup:actpass\r\n"
	"a=rtcp-mux\r\na=rtcp-mux-only\r\na=rtcp-rsize\r\n"
	"m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:d1\r\na=sctp-port:5000\r\n"
	"a=max-message-size:65536\r\na=bundle-only\r\n"
	"m=video 0 UDP/TLS/RTP/SAVPF 100 101 102 103 104\r\nc=IN IP4 0.0.0.0\r\na=mid:v1\r\na=sendrecv\r\n"
	"a=rtpmap:100 VP8/90000\r\na=rtpmap:104 flexfec/90000\r\na=imageattr:100 recv [x=[48:1920],y=[48:1080],q=1.0]\r\n"
	"a=msid:71317484-2ed4-49d7-9eb7-1414322a7aae 5ea4d4a1-2fda-4511-a9cc-1b32c2e59552\r\n"
	"a=rid:1 send\r\na=rid:2 send\r\na=rid:3 send\r\na=simulcast:send 1;2;3\r\na=bundle-only\r\n"
	"m=video 0 UDP/TLS/RTP/SAVPF 100\r\nc=IN IP4 0.0.0.0\r\na=mid:v2\r\na=recvonly\r\na=rtpmap:100 "
	"VP8/90000\r\na=bundle-only\r\n";

START_TEST(test_the_detailed_example_of_rfc_9429_is_read) {
	const struct sdp *sdp = sdp_parsed(offer_b2);
	ck_assert_int_eq(sdp_validate(sdp, false, NULL), 0);
	ck_assert_uint_eq(sdp->section_count, 4);
	for (size_t i = 0; i < 4; i++) {
		ck_assert(!sdp->sections[i].rejected && !sdp_section_fault(&sdp->sections[i], false).text);
		sdp_slice_eq(sdp->sections[i].transport.ufrag, "ATEn");
	}
	ck_assert(sdp->sections[0].rtp.rtcp_mux_only && sdp->sections[2].rtp.rid_count == 3 &&
	          sdp->sections[2].rtp.rids[2].layer == 3);
	/* flexfec of RFC 8627 is a codec that we do not know. */
	is_codec(&sdp->sections[2].rtp, 104, SDP_CODEC_OTHER, 90000, 1, 0);
	ck_assert_int_eq(sdp->sections[3].rtp.direction, SDP_RECVONLY);
}
END_TEST

/* ---- what is wrong ---- */

/* Lines that are left out and counted; the section stays usable. */
static const char *const left_out[] = {
	"a=fmtp\r\n",
	"a=fmtp:96\r\n",
	"a=fmtp:x y=1\r\n",
	"a=fmtp:128 y=1\r\n",
	"a=fmtp:97 a=1\r\na=fmtp:97 a=2\r\n",
	"a=rtpmap:96 H264/90000\r\n",
	"a=rtcp-fb\r\n",
	"a=rtcp-fb:x nack\r\n",
	"a=rtcp-fb:200 nack\r\n",
	"a=extmap\r\n",
	"a=extmap:1\r\n",
	"a=extmap:0 u\r\n",
	"a=extmap:15 u\r\n",
	"a=extmap:256 u\r\n",
	"a=extmap:4096 u\r\n",
	"a=extmap:x u\r\n",
	"a=extmap:1/never u\r\n",
	"a=extmap:1 u\r\na=extmap:1 v\r\n",
	"a=msid\r\n",
	"a=msid:\r\n",
	"a=msid:a b c\r\n",
	"a=ssrc\r\n",
	"a=ssrc:1\r\n",
	"a=ssrc:x cname:a\r\n",
	"a=ssrc:4294967296 cname:a\r\n",
	"a=ssrc-group:FID\r\n",
	"a=ssrc-group:FID 1\r\n",
	"a=ssrc-group:FID 1 2 3\r\n",
	"a=ssrc-group:FEC-FR 1\r\n",
	"a=ssrc-group:FID 1 x\r\n",
	"a=ssrc-group:SIM\r\n",
	"a=ssrc-group:SIM 1 2 3 4 5\r\n",
	"a=rid\r\n",
	"a=rid:1\r\n",
	"a=rid:1 both\r\n",
	"a=rid:a.b send\r\n",
	"a=rid:12345678901234567 send\r\n",
	"a=rid:1 send\r\na=rid:1 recv\r\n",
	"a=simulcast\r\n",
	"a=simulcast:1;2\r\n",
	"a=simulcast:send\r\n",
	"a=simulcast:send 1 send 2\r\n",
	"a=simulcast:send ~\r\n",
	"a=simulcast:send 1 both 2\r\n",
	"a=ptime:x\r\n",
	"a=maxptime\r\n",
	"b=AS:x\r\n",
	"b=TIAS:4294967296\r\n",
};

START_TEST(test_a_line_that_is_malformed_is_left_out_and_counted) {
	for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++) {
		char lines[512];
		snprintf(lines, sizeof lines, "a=rtpmap:96 VP8/90000\r\n%s", left_out[i]);
		const struct sdp_section *s = video(lines);
		ck_assert_msg(s->rtp.skipped == 1, "%s: %u", left_out[i], s->rtp.skipped);
		ck_assert_msg(!s->fault.text && !sdp_section_fault(s, false).text, "%s", left_out[i]);
		is_codec(&s->rtp, 96, SDP_CODEC_VP8, 90000, 1, 0);
	}
}
END_TEST

START_TEST(test_a_malformed_simulcast_leaves_no_layer_behind) {
	const struct sdp_rtp *rtp = &video("a=rid:1 send\r\na=rid:2 send\r\na=simulcast:send 1;~2 recv !\r\n")->rtp;
	ck_assert(rtp->rid_count == 2 && rtp->skipped == 1);
	is_rid(&rtp->rids[0], "1", true, 0, 0, false);
	is_rid(&rtp->rids[1], "2", true, 0, 0, false);
}
END_TEST

static const char *const broken_maps[] = {
	"a=rtpmap\r\n",
	"a=rtpmap:\r\n",
	"a=rtpmap:96\r\n",
	"a=rtpmap:96 VP8\r\n",
	"a=rtpmap:96 VP8/\r\n",
	"a=rtpmap:96 VP8/x\r\n",
	"a=rtpmap:96 VP8/0\r\n",
	"a=rtpmap:128 VP8/90000\r\n",
	"a=rtpmap:x VP8/1\r\n",
	"a=rtpmap:96 A/1/x\r\n",
	"a=rtpmap:96 A/1/0\r\n",
	"a=rtpmap:96 A/1/256\r\n",
	"a=rtpmap:96 A/1/2/3\r\n",
};

START_TEST(test_a_malformed_rtpmap_refuses_its_section_alone_and_is_named) {
	for (size_t i = 0; i < sizeof broken_maps / sizeof *broken_maps; i++) {
		char text[2048];
		struct sdp_fault fault;
		snprintf(text, sizeof text, SDP_OPENING VIDEO_LINE TRANSPORT "%s" AUDIO_LINE TRANSPORT, broken_maps[i]);
		const struct sdp *sdp = sdp_parsed(text);
		fault = sdp_section_fault(&sdp->sections[0], false);
		ck_assert_msg(fault.text && fault.line == 12, "%s: %u", broken_maps[i], fault.line);
		ck_assert_ptr_null(sdp_section_fault(&sdp->sections[1], false).text);
		ck_assert_int_eq(sdp_validate(sdp, false, &fault), 0);
		ck_assert(sdp_validate(sdp, true, &fault) == SLUICE_MALFORMED && fault.line == 12);
	}
}
END_TEST

/* ---- what a section needs ---- */

#define FINGERPRINT "a=fingerprint:" SDP_FP_A "\r\n"
#define VP8 "a=rtpmap:96 VP8/90000\r\n"
#define GOOD SDP_CREDENTIALS FINGERPRINT "a=setup:active\r\na=rtcp-mux\r\n" VP8

static const struct {
	const char *text, *says; /* of the first section; NULL: it is usable */
	bool valid;              /* as an answer */
} needs[] = {
	{VIDEO_LINE GOOD, NULL, true},
	{VIDEO_LINE SDP_CREDENTIALS FINGERPRINT "a=setup:active\r\n" VP8, "rtcp-mux", false},
	{VIDEO_LINE SDP_CREDENTIALS FINGERPRINT "a=rtcp-mux\r\n", "codec", false},
	{VIDEO_LINE SDP_CREDENTIALS "a=rtcp-mux\r\n" VP8, "fingerprint", false},
	{VIDEO_LINE FINGERPRINT "a=rtcp-mux\r\n" VP8, "ice-ufrag", false},
	{VIDEO_LINE FINGERPRINT "a=rtcp-mux\r\na=ice-ufrag:abcd\r\n" VP8, "ice-pwd", false},
	{VIDEO_LINE SDP_CREDENTIALS FINGERPRINT "a=rtcp-mux\r\na=setup:actpass\r\n" VP8, "actpass", false},
	{VIDEO_LINE "a=ice-ufrag:a\r\n" GOOD, "ice-ufrag", false},
	{"m=video 0 UDP/TLS/RTP/SAVPF 96\r\n" VIDEO_LINE GOOD, "rtcp-mux", true},
	{"m=video 0 UDP/TLS/RTP/SAVPF 96\r\nm=audio 0 UDP/TLS/RTP/SAVPF 0\r\n", "rtcp-mux", true},
	{"m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n" VIDEO_LINE GOOD, "ice-ufrag", true},
	{"m=text 9 UDP/TLS/RTP/SAVPF 96\r\n", "ice-ufrag", false},
	{"m=text 9 UDP/TLS/RTP/SAVPF 96\r\n" VIDEO_LINE GOOD, "ice-ufrag", true},
};

START_TEST(test_what_a_media_section_lacks_is_said_and_makes_an_answer_wrong) {
	for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
		char text[2048];
		snprintf(text, sizeof text, SDP_OPENING "%s", needs[i].text);
		const struct sdp *sdp = sdp_parsed(text);
		struct sdp_fault fault = sdp_section_fault(&sdp->sections[0], true);
		ck_assert_msg((fault.text != NULL) == (needs[i].says != NULL), "%zu: %s", i, fault.text);
		ck_assert_msg(!fault.text || strstr(fault.text, needs[i].says), "%zu: %s", i, fault.text);
		ck_assert_msg((sdp_validate(sdp, true, &fault) == 0) == needs[i].valid, "%zu: %s", i, fault.text);
		ck_assert_int_eq(sdp_validate(sdp, false, NULL), 0);
	}
}
END_TEST

/* ---- limits ---- */

static char *repeat(char *at, int count, const char *line) {
	for (int i = 0; i < count; i++)
		at += sprintf(at, line, i);
	return at;
}

/* One section with `over` more of everything than it may have. */
static const struct sdp_rtp *crowded(int over, char *text) {
	char *at = text + sprintf(text, SDP_OPENING "m=video 9 UDP/TLS/RTP/SAVPF");
	at = repeat(at, SDP_CODECS_MAX + over, " %d");
	at += sprintf(at, "\r\n");
	at = repeat(at, SDP_CODECS_MAX + over, "a=rtpmap:%d A/1\r\n");
	at = repeat(at, 15, "a=extmap:1%02d u\r\n");
	at = repeat(at, SDP_EXTENSIONS_MAX - 15 + over, "a=extmap:2%02d u\r\n");
	at = repeat(at, SDP_MSIDS_MAX + over, "a=msid:%d\r\n");
	at = repeat(at, SDP_SSRCS_MAX + over, "a=ssrc:%d a\r\n");
	at = repeat(at, SDP_SSRC_GROUPS_MAX + over, "a=ssrc-group:SIM %d\r\n");
	repeat(at, SDP_RIDS_MAX + over, "a=rid:%d send\r\n");
	return &sdp_parsed(text)->sections[0].rtp;
}

START_TEST(test_a_section_keeps_as_many_as_it_may_and_counts_the_rest) {
	static char text[1 << 15];
	for (int over = 0; over < 3; over++) {
		const struct sdp_rtp *rtp = crowded(over, text);
		ck_assert(rtp->codec_count == SDP_CODECS_MAX && rtp->extension_count == SDP_EXTENSIONS_MAX &&
		          rtp->msid_count == SDP_MSIDS_MAX && rtp->ssrc_count == SDP_SSRCS_MAX &&
		          rtp->group_count == SDP_SSRC_GROUPS_MAX && rtp->rid_count == SDP_RIDS_MAX);
		ck_assert_uint_eq(rtp->skipped, 6u * (unsigned)over);
		ck_assert_uint_eq(rtp->codecs[SDP_CODECS_MAX - 1].type, SDP_CODECS_MAX - 1);
		ck_assert_uint_eq(rtp->ssrcs[SDP_SSRCS_MAX - 1].ssrc, SDP_SSRCS_MAX - 1);
		sdp_slice_eq(rtp->rids[SDP_RIDS_MAX - 1].id, "15");
	}
}
END_TEST

static char *copies(char *at, int count, const char *line) {
	for (int i = 0; i < count; i++)
		at = stpcpy(at, line);
	return at;
}

/* As many sections as there may be, full of the shortest lines that cost something. */
static size_t dearest(char *text) {
	char *at = stpcpy(text, SDP_OPENING);
	for (int i = 0; i < SDP_SECTIONS_MAX; i++) {
		at = stpcpy(at, "m=audio 9 RTP/AVP 0\n");
		at = copies(at, SDP_RIDS_MAX, "a=rid:\n");
		at = copies(at, SDP_MSIDS_MAX, "a=msid:\n");
		at = copies(at, SDP_CODECS_MAX, "a=rtpmap:\n");
		at = copies(at, SDP_SSRCS_MAX, "a=ssrc:\n");
		at = copies(at, SDP_EXTENSIONS_MAX, "a=extmap:\n");
		at = copies(at, SDP_SSRC_GROUPS_MAX, "a=ssrc-group:\n");
	}
	return (size_t)(at - text);
}

START_TEST(test_the_memory_of_a_description_is_what_the_header_says) {
	static char text[1 << 18];
	size_t len = dearest(text);
	struct sdp *sdp;
	ck_assert_int_eq(sdp_parse(sdp_env(), text, len, &sdp, NULL), 0);
	ck_assert_uint_eq(sdp->section_count, SDP_SECTIONS_MAX);
	ck_assert_uint_lt(env_cost(sdp), 7 * len + 64 * 1024);
	ck_assert_uint_lt(env_cost(sdp), 1100000);
	sdp_free(sdp_env(), sdp);
	sdp = load("chromium-156-media-simulcast-offer.sdp");
	ck_assert_uint_lt(env_cost(sdp), 2 * sdp->len);
	sdp_free(sdp_env(), sdp);
}
END_TEST

SUITE("sdp media", test_chromiums_audio_and_video_are_read, test_chromiums_simulcast_is_read,
      test_the_older_chromium_offer_has_usable_sections_too, test_firefoxs_audio_and_video_are_read,
      test_firefoxs_simulcast_is_read_though_its_lines_come_in_alphabetical_order,
      test_static_payload_types_need_no_rtpmap_in_audio_alone, test_payload_types_outside_the_m_line_do_not_exist,
      test_feedback_for_all_reaches_every_codec_wherever_its_line_stands,
      test_the_session_says_direction_and_mixed_extensions_for_those_who_do_not, test_streams_and_tracks_are_read_in_each_form,
      test_groups_of_sources_are_read_by_their_semantics, test_simulcast_has_layers_alternatives_and_pauses_in_both_directions,
      test_times_and_bandwidths_are_read, test_the_profiles_of_rfc_9429_are_taken_and_others_are_not,
      test_bundled_sections_share_rtcp_mux_as_they_share_the_transport, test_the_simple_example_of_rfc_9429_is_read,
      test_the_detailed_example_of_rfc_9429_is_read, test_a_line_that_is_malformed_is_left_out_and_counted,
      test_a_malformed_simulcast_leaves_no_layer_behind, test_a_malformed_rtpmap_refuses_its_section_alone_and_is_named,
      test_what_a_media_section_lacks_is_said_and_makes_an_answer_wrong,
      test_a_section_keeps_as_many_as_it_may_and_counts_the_rest, test_the_memory_of_a_description_is_what_the_header_says)
