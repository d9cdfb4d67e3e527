/* Are our audio and video sections written as RFC 9429 writes them, read back equal, and free of what the other side said? */
#include "sdp_kit.h"
#include "sluice/peer.h"

#define PWD "0123456789abcdefghijklmn"
#define S(text)                                                                                                                  \
	{ text, sizeof(text) - 1 }

static const char *const fingerprints[] = {SDP_FP_A};
static const char *const candidates[] = {"candidate:1 1 udp 2113929471 203.0.113.100 10100 typ host"};

static const struct sdp_codec audio_codecs[] = {
	{.type = 96, .name = SDP_CODEC_OPUS, .clock = 48000, .channels = 2, .fmtp = S("minptime=10;useinbandfec=1")},
	{.type = 63, .name = SDP_CODEC_RED, .clock = 48000, .channels = 2, .has_apt = true, .apt = 96},
	{.type = 0, .name = SDP_CODEC_PCMU, .clock = 8000, .channels = 1},
	{.type = 97, .name = SDP_CODEC_TELEPHONE_EVENT, .clock = 8000, .channels = 1, .fmtp = S("0-15")},
};

static const struct sdp_codec video_codecs[] = {
	{.type = 100, .name = SDP_CODEC_VP8, .clock = 90000, .channels = 1, .feedback = 63},
	{.type = 102, .name = SDP_CODEC_RTX, .clock = 90000, .channels = 1, .has_apt = true, .apt = 100},
	{.type = 101,
         .name = SDP_CODEC_H264,
         .clock = 90000,
         .channels = 1,
         .fmtp = S("packetization-mode=1;profile-level-id=42e01f"),
         .feedback = SDP_FB_NACK},
};

static const struct sdp_extension extensions[] = {
	{.id = 1, .uri = S("urn:ietf:params:rtp-hdrext:sdes:mid"), .direction = SDP_SENDRECV},
	{.id = 2, .uri = S("urn:ietf:params:rtp-hdrext:csrc-audio-level"), .direction = SDP_RECVONLY},
	{.id = 16, .uri = S("urn:x"), .direction = SDP_SENDONLY},
	{.id = 255, .uri = S("urn:y"), .direction = SDP_INACTIVE},
};

static const struct sdp_msid msids[] = {
	{.stream = S("stream"), .track = S("track")}, {.track = S("alone")}, {.stream = S("only")}};
static const struct sdp_ssrc ssrcs[] = {{.ssrc = 1, .cname = S("c")}, {.ssrc = 4294967295, .cname = S("c")}};
static const struct sdp_ssrc_group groups[] = {{.semantics = SDP_FID, .count = 2, .ssrcs = {1, 4294967295}},
                                               {.semantics = SDP_SIM, .count = 3, .ssrcs = {1, 3, 5}}};
static const struct sdp_rid rids[] = {
	{.id = S("q"), .send = true, .layer = 1},
	{.id = S("h"), .send = true, .layer = 2, .paused = true, .restrictions = S("max-width=640")},
	{.id = S("f"), .send = true, .layer = 3, .restrictions = S("pt=100,101;max-fps=30")},
	{.id = S("f2"), .send = true, .layer = 3, .alternative = 1},
	{.id = S("in"), .layer = 1},
	{.id = S("free")},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct sdp_own_section transport_of(enum sdp_kind kind, const char *mid) {
	return (struct sdp_own_section){.kind = kind,
	                                .mid = mid,
	                                .ufrag = "ETEn",
	                                .pwd = PWD,
	                                .trickle = true,
	                                .fingerprints = fingerprints,
	                                .fingerprint_count = 1,
	                                .setup = SDP_SETUP_ACTPASS};
}

static struct sdp_own_section audio(const char *mid) {
	struct sdp_own_section own = transport_of(SDP_AUDIO, mid);
	own.rtp = (struct sdp_rtp){.codecs = audio_codecs,
	                           .codec_count = COUNT(audio_codecs),
	                           .direction = SDP_SENDRECV,
	                           .rtcp_mux = true,
	                           .extensions = extensions,
	                           .extension_count = 1,
	                           .maxptime = 120,
	                           .msids = msids,
	                           .msid_count = 1};
	return own;
}

/* With everything that can be said. */
static struct sdp_own_section video(const char *mid) {
	struct sdp_own_section own = transport_of(SDP_VIDEO, mid);
	own.candidates = candidates;
	own.candidate_count = 1;
	own.end_of_candidates = true;
	own.address = "203.0.113.100";
	own.port = 10100;
	own.rtp = (struct sdp_rtp){.codecs = video_codecs,
	                           .codec_count = COUNT(video_codecs),
	                           .direction = SDP_SENDONLY,
	                           .rtcp_mux = true,
	                           .rtcp_mux_only = true,
	                           .rtcp_rsize = true,
	                           .extmap_allow_mixed = true,
	                           .extensions = extensions,
	                           .extension_count = COUNT(extensions),
	                           .msids = msids,
	                           .msid_count = COUNT(msids),
	                           .ssrcs = ssrcs,
	                           .ssrc_count = COUNT(ssrcs),
	                           .groups = groups,
	                           .group_count = COUNT(groups),
	                           .rids = rids,
	                           .rid_count = COUNT(rids),
	                           .ptime = 20,
	                           .maxptime = 60,
	                           .bandwidth_as = 500,
	                           .bandwidth_tias = 480000};
	return own;
}

static struct sdp_own_section data(const char *mid) {
	struct sdp_own_section own = transport_of(SDP_DATA, mid);
	own.sctp_port = 5000;
	own.max_message_size = 262144;
	return own;
}

static char space[1 << 19];

static const char *written(const struct sdp_description *d) {
	int len = sdp_format(d, space, sizeof space);
	ck_assert_int_gt(len, 0);
	ck_assert_uint_eq(strlen(space), (size_t)len);
	return space;
}

static const char *offered(const struct sdp_own_section *sections, size_t count) {
	struct sdp_description d = {.session_id = 1, .session_version = 2, .sections = sections, .section_count = count};
	return written(&d);
}

/* ---- offers ---- */

#define DTLS "a=ice-options:ice2 trickle\r\na=fingerprint:" SDP_FP_A "\r\na=setup:actpass\r\n"

START_TEST(test_an_audio_section_is_written_line_by_line_in_the_order_of_rfc_9429) {
	struct sdp_own_section own = audio("a1");
	ck_assert_str_eq(offered(&own, 1),
	                 "v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE a1\r\n"
	                 "m=audio 9 UDP/TLS/RTP/SAVPF 96 63 0 97\r\nc=IN IP4 0.0.0.0\r\na=mid:a1\r\na=sendrecv\r\n"
	                 "a=rtpmap:96 opus/48000/2\r\na=rtpmap:63 red/48000/2\r\na=rtpmap:0 PCMU/8000\r\n"
	                 "a=rtpmap:97 telephone-event/8000\r\na=fmtp:96 minptime=10;useinbandfec=1\r\na=fmtp:63 96/96\r\n"
	                 "a=fmtp:97 0-15\r\na=maxptime:120\r\na=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
	                 "a=msid:stream track\r\na=ice-ufrag:ETEn\r\na=ice-pwd:" PWD "\r\n" DTLS "a=rtcp-mux\r\n");
}
END_TEST

START_TEST(test_a_video_section_with_everything_is_written_line_by_line) {
	struct sdp_own_section own = video("v1");
	const char *text = strstr(offered(&own, 1), "m=");
	ck_assert_str_eq(
		text, "m=video 10100 UDP/TLS/RTP/SAVPF 100 102 101\r\nc=IN IP4 203.0.113.100\r\nb=AS:500\r\nb=TIAS:480000\r\n"
		      "a=mid:v1\r\na=sendonly\r\na=rtpmap:100 VP8/90000\r\na=rtpmap:102 rtx/90000\r\na=rtpmap:101 H264/90000\r\n"
		      "a=fmtp:102 apt=100\r\na=fmtp:101 packetization-mode=1;profile-level-id=42e01f\r\na=ptime:20\r\n"
		      "a=maxptime:60\r\na=extmap-allow-mixed\r\na=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
		      "a=extmap:2/recvonly urn:ietf:params:rtp-hdrext:csrc-audio-level\r\na=extmap:16/sendonly urn:x\r\n"
		      "a=extmap:255/inactive urn:y\r\na=rtcp-fb:100 nack\r\na=rtcp-fb:100 nack pli\r\na=rtcp-fb:100 ccm fir\r\n"
		      "a=rtcp-fb:100 goog-remb\r\na=rtcp-fb:100 transport-cc\r\na=rtcp-fb:101 nack\r\na=rtcp-fb:* ack ccfb\r\n"
		      "a=msid:stream track\r\na=msid:- alone\r\na=msid:only\r\na=ssrc-group:FID 1 4294967295\r\n"
		      "a=ssrc-group:SIM 1 3 5\r\na=ssrc:1 cname:c\r\na=ssrc:4294967295 cname:c\r\na=rid:q send\r\n"
		      "a=rid:h send max-width=640\r\na=rid:f send pt=100,101;max-fps=30\r\na=rid:f2 send\r\na=rid:in recv\r\n"
		      "a=rid:free recv\r\na=simulcast:send q;~h;f,f2 recv in\r\na=ice-ufrag:ETEn\r\na=ice-pwd:" PWD "\r\n" DTLS
		      "a=rtcp-mux\r\na=rtcp-mux-only\r\na=rtcp-rsize\r\n"
		      "a=candidate:1 1 udp 2113929471 203.0.113.100 10100 typ host\r\na=end-of-candidates\r\n");
}
END_TEST

static void same_slice(struct sdp_slice a, struct sdp_slice b) {
	ck_assert((a.s != NULL) == (b.s != NULL) && a.len == b.len && (a.len == 0 || memcmp(a.s, b.s, a.len) == 0));
}

/* RFC 8888, 6: it is said of all payload types. */
static unsigned ccfb_of(const struct sdp_rtp *rtp) {
	unsigned bits = 0;
	for (size_t i = 0; i < rtp->codec_count; i++)
		bits |= rtp->codecs[i].feedback;
	return bits & SDP_FB_CCFB;
}

static void same_codecs(const struct sdp_rtp *a, const struct sdp_rtp *b) {
	unsigned of_all = ccfb_of(b);
	ck_assert_uint_eq(a->codec_count, b->codec_count);
	for (size_t i = 0; i < a->codec_count; i++) {
		const struct sdp_codec *x = &a->codecs[i], *y = &b->codecs[i];
		ck_assert(x->type == y->type && x->name == y->name && x->clock == y->clock && x->channels == y->channels &&
		          x->feedback == (y->feedback | of_all) && x->has_apt == y->has_apt && x->apt == y->apt);
		if (y->fmtp.s)
			same_slice(x->fmtp, y->fmtp);
	}
}

static void same_sources(const struct sdp_rtp *a, const struct sdp_rtp *b) {
	ck_assert(a->msid_count == b->msid_count && a->ssrc_count == b->ssrc_count && a->group_count == b->group_count);
	for (size_t i = 0; i < a->msid_count; i++) {
		same_slice(a->msids[i].stream, b->msids[i].stream);
		same_slice(a->msids[i].track, b->msids[i].track);
	}
	for (size_t i = 0; i < a->ssrc_count; i++) {
		ck_assert_uint_eq(a->ssrcs[i].ssrc, b->ssrcs[i].ssrc);
		same_slice(a->ssrcs[i].cname, b->ssrcs[i].cname);
	}
	for (size_t i = 0; i < a->group_count; i++)
		ck_assert(memcmp(&a->groups[i], &b->groups[i], sizeof a->groups[i]) == 0);
}

static void same_rest(const struct sdp_rtp *a, const struct sdp_rtp *b) {
	ck_assert(a->extension_count == b->extension_count && a->rid_count == b->rid_count);
	for (size_t i = 0; i < a->extension_count; i++) {
		same_slice(a->extensions[i].uri, b->extensions[i].uri);
		ck_assert(a->extensions[i].id == b->extensions[i].id && a->extensions[i].direction == b->extensions[i].direction);
	}
	for (size_t i = 0; i < a->rid_count; i++) {
		const struct sdp_rid *x = &a->rids[i], *y = &b->rids[i];
		same_slice(x->id, y->id);
		same_slice(x->restrictions, y->restrictions);
		ck_assert(x->send == y->send && x->paused == y->paused && x->layer == y->layer &&
		          x->alternative == y->alternative);
	}
	ck_assert(a->direction == b->direction && a->rtcp_mux == b->rtcp_mux && a->rtcp_mux_only == b->rtcp_mux_only &&
	          a->rtcp_rsize == b->rtcp_rsize && a->extmap_allow_mixed == b->extmap_allow_mixed && a->ptime == b->ptime &&
	          a->maxptime == b->maxptime && a->bandwidth_as == b->bandwidth_as && a->bandwidth_tias == b->bandwidth_tias);
}

static void same_rtp(const struct sdp_rtp *read, const struct sdp_rtp *own) {
	ck_assert_uint_eq(read->skipped, 0);
	same_codecs(read, own);
	same_sources(read, own);
	same_rest(read, own);
}

START_TEST(test_what_a_media_offer_says_is_read_back_equal) {
	struct sdp_own_section sections[] = {data("d"), video("v"), audio("a")};
	const struct sdp *sdp = sdp_parsed(offered(sections, 3));
	ck_assert_int_eq(sdp_validate(sdp, false, NULL), 0);
	ck_assert(sdp->section_count == 3 && sdp->bundle_count == 3 && sdp_data_index(sdp) == 0);
	for (size_t i = 0; i < 3; i++) {
		ck_assert(sdp->sections[i].kind == sections[i].kind && !sdp_section_fault(&sdp->sections[i], false).text);
		sdp_slice_eq(sdp->sections[i].mid, sections[i].mid);
		sdp_slice_eq(sdp->sections[i].transport.ufrag, "ETEn");
	}
	same_rtp(&sdp->sections[1].rtp, &sections[1].rtp);
	same_rtp(&sdp->sections[2].rtp, &sections[2].rtp);
	ck_assert(sdp->sections[1].transport.candidate_count == 1 && sdp->sections[1].transport.end_of_candidates);
}
END_TEST

START_TEST(test_what_browsers_offered_is_the_same_when_we_offer_it) {
	static const char *const names[] = {"chromium-156-media-offer.sdp", "chromium-156-media-simulcast-offer.sdp",
	                                    "firefox-153-media-offer.sdp", "firefox-153-media-simulcast-offer.sdp"};
	for (size_t i = 0; i < COUNT(names); i++) {
		size_t len;
		char *text = sdp_load(names[i], &len);
		struct sdp *theirs;
		ck_assert_int_eq(sdp_parse(sdp_env(), text, len, &theirs, NULL), 0);
		struct sdp_own_section sections[] = {transport_of(SDP_AUDIO, "0"), transport_of(SDP_VIDEO, "1")};
		sections[0].rtp = theirs->sections[0].rtp;
		sections[1].rtp = theirs->sections[1].rtp;
		const struct sdp *sdp = sdp_parsed(offered(sections, 2));
		same_rtp(&sdp->sections[0].rtp, &theirs->sections[0].rtp);
		same_rtp(&sdp->sections[1].rtp, &theirs->sections[1].rtp);
		sdp_free(sdp_env(), theirs);
		free(text);
	}
}
END_TEST

START_TEST(test_mixed_extensions_can_be_allowed_for_the_whole_session) {
	struct sdp_own_section own = audio("a");
	struct sdp_description d = {.extmap_allow_mixed = true, .sections = &own, .section_count = 1};
	const struct sdp *sdp = sdp_parsed(written(&d));
	ck_assert(sdp->extmap_allow_mixed && sdp->sections[0].rtp.extmap_allow_mixed);
	ck_assert_ptr_nonnull(strstr(space, "a=group:BUNDLE a\r\na=extmap-allow-mixed\r\nm=audio"));
}
END_TEST

START_TEST(test_a_section_may_leave_the_transport_to_the_bundle_or_be_only_for_it) {
	struct sdp_own_section sections[] = {audio("a"), video("v"), data("d")};
	sections[1].no_transport = true;
	sections[2].bundle_only = true;
	const struct sdp *sdp = sdp_parsed(offered(sections, 3));
	ck_assert_ptr_null(strstr(strstr(space, "m=video"), "ice-ufrag"));
	ck_assert_ptr_null(strstr(strstr(space, "m=video"), "candidate"));
	ck_assert_ptr_null(strstr(strstr(space, "m=video"), "fingerprint"));
	ck_assert_ptr_nonnull(strstr(space, "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"));
	ck_assert_ptr_nonnull(strstr(space, "a=bundle-only\r\n"));
	for (size_t i = 0; i < 3; i++) {
		ck_assert(!sdp->sections[i].rejected && !sdp_section_fault(&sdp->sections[i], false).text);
		sdp_slice_eq(sdp->sections[i].transport.ufrag, "ETEn");
	}
}
END_TEST

START_TEST(test_a_stopped_section_keeps_its_place_and_can_be_used_again) {
	struct sdp_own_section sections[] = {audio("a"), video("v"), data("d")};
	sections[0].rejected = true;
	sections[2].rejected = true;
	const struct sdp *sdp = sdp_parsed(offered(sections, 3));
	ck_assert(sdp->sections[0].rejected && !sdp->sections[1].rejected && sdp->sections[2].rejected);
	ck_assert_ptr_nonnull(strstr(space, "a=group:BUNDLE v\r\nm=audio 0 UDP/TLS/RTP/SAVPF 96 63 0 97\r\nc=IN IP4 0.0.0.0\r\n"
	                                    "a=mid:a\r\na=inactive\r\nm=video 10100 "));
	ck_assert_ptr_nonnull(strstr(space, "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n"
	                                    "a=mid:d\r\na=inactive\r\n"));
	ck_assert_int_eq(sdp->sections[0].rtp.direction, SDP_INACTIVE);
	/* A section that was never more than refused needs no codec. */
	sections[0].rtp = (struct sdp_rtp){0};
	ck_assert_ptr_nonnull(strstr(offered(sections, 3), "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\n"));
	/* RFC 9429, 5.2.2: the place is recycled for another transceiver, with a mid of its own. */
	sections[0] = video("w");
	sdp = sdp_parsed(offered(sections, 3));
	ck_assert(sdp->sections[0].kind == SDP_VIDEO && !sdp->sections[0].rejected && sdp->section_count == 3);
	sdp_slice_eq(sdp->sections[0].mid, "w");
}
END_TEST

START_TEST(test_a_space_that_is_too_small_for_media_is_said_and_not_left) {
	struct sdp_own_section sections[] = {audio("a"), video("v")};
	size_t len = strlen(offered(sections, 2));
	struct sdp_description d = {.session_id = 1, .session_version = 2, .sections = sections, .section_count = 2};
	for (size_t size = 0; size <= len; size++) {
		char *small = malloc(size + 1);
		small[size] = 77;
		ck_assert_int_eq(sdp_format(&d, small, size), SLUICE_NO_SPACE);
		ck_assert_int_eq(small[size], 77);
		free(small);
	}
}
END_TEST

START_TEST(test_a_codec_that_we_do_not_know_is_not_written) {
	static const struct sdp_codec codecs[] = {
		{.type = 99, .name = SDP_CODEC_OTHER, .clock = 90000, .channels = 1, .fmtp = S("secret=1"), .feedback = 63},
		{.type = 98, .name = SDP_CODEC_VP8, .clock = 90000, .channels = 1}};
	struct sdp_own_section own = video("v");
	own.rtp.codecs = codecs;
	own.rtp.codec_count = 2;
	const char *text = offered(&own, 1);
	ck_assert_ptr_nonnull(strstr(text, "SAVPF 98\r\n"));
	ck_assert_ptr_null(strstr(text, ":99"));
	own.rtp.codec_count = 1;
	ck_assert_ptr_nonnull(strstr(offered(&own, 1), "SAVPF 0\r\n"));
}
END_TEST

/* ---- answers ---- */

/* An answer to this offer that takes each audio and video section which can be used. */
static const struct sdp *answer_all(const struct sdp *offer, struct sdp_own_section *sections) {
	struct sdp_description d = {.session_id = 7, .session_version = 1, .offer = offer, .sections = sections};
	for (size_t i = 0; i < offer->section_count; i++) {
		const struct sdp_section *s = &offer->sections[i];
		if (s->rejected || s->kind == SDP_OTHER || sdp_section_fault(s, false).text)
			continue;
		struct sdp_own_section own = s->kind == SDP_DATA ? data(NULL) : s->kind == SDP_AUDIO ? audio(NULL) : video(NULL);
		own.answers = i;
		own.setup = SDP_SETUP_ACTIVE;
		own.address = NULL;
		sections[d.section_count++] = own;
	}
	return sdp_parsed(written(&d));
}

START_TEST(test_each_browsers_offer_is_answered_in_its_order_and_nothing_unknown_is_echoed) {
	static const char *const names[] = {"chromium-156-media-offer.sdp", "chromium-156-media-simulcast-offer.sdp",
	                                    "firefox-153-media-offer.sdp", "firefox-153-media-simulcast-offer.sdp",
	                                    "chromium-156-audio-video-data-offer.sdp"};
	for (size_t i = 0; i < COUNT(names); i++) {
		size_t len;
		char *text = sdp_load(names[i], &len);
		struct sdp *offer;
		struct sdp_own_section sections[3];
		struct sdp_fault fault;
		ck_assert_int_eq(sdp_parse(sdp_env(), text, len, &offer, NULL), 0);
		const struct sdp *answer = answer_all(offer, sections);
		ck_assert_msg(sdp_validate(answer, true, &fault) == 0, "%s", fault.text);
		ck_assert(answer->section_count == 3 && answer->bundle_count == 3);
		for (size_t k = 0; k < 3; k++) {
			same_slice(answer->sections[k].mid, offer->sections[k].mid);
			same_slice(answer->sections[k].proto, offer->sections[k].proto);
			ck_assert(!answer->sections[k].rejected && answer->sections[k].kind == offer->sections[k].kind);
		}
		same_rtp(&answer->sections[0].rtp, &sections[0].rtp);
		same_rtp(&answer->sections[1].rtp, &sections[1].rtp);
		ck_assert_ptr_null(strstr(space, "rtcp-xr"));
		ck_assert_ptr_null(strstr(space, "msid-semantic"));
		ck_assert_ptr_null(strstr(space, "transport-wide-cc-extensions"));
		sdp_free(sdp_env(), offer);
		free(text);
	}
}
END_TEST

START_TEST(test_an_answer_keeps_the_profile_of_the_offer_and_rejects_any_section) {
	const struct sdp *offer = sdp_parsed(
		SDP_OPENING "a=group:BUNDLE 0 1 2\r\nm=video 9 RTP/AVP 100\r\na=mid:0\r\na=rtpmap:100 VP8/90000\r\n"
			    "a=rtcp-mux\r\na=x-new:1\r\n" SDP_CREDENTIALS SDP_DTLS "m=audio 9 TCP/DTLS/RTP/SAVPF 0\r\n"
			    "a=mid:1\r\n" SDP_DATA("2"));
	struct sdp_own_section own = video(NULL);
	struct sdp_description d = {.offer = offer, .sections = &own, .section_count = 1};
	own.setup = SDP_SETUP_PASSIVE;
	const struct sdp *answer = sdp_parsed(written(&d));
	ck_assert_int_eq(sdp_validate(answer, true, NULL), 0);
	sdp_slice_eq(answer->sections[0].proto, "RTP/AVP");
	ck_assert(!answer->sections[0].rejected && answer->sections[1].rejected && answer->sections[2].rejected);
	ck_assert_ptr_nonnull(strstr(space, "a=group:BUNDLE 0\r\n"));
	ck_assert_ptr_nonnull(strstr(space, "m=audio 0 TCP/DTLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=inactive\r\n"));
	ck_assert_ptr_null(strstr(space, "x-new"));
}
END_TEST

/* ---- sizes ---- */

/* An offer of 20 audio sections with mids of this length, and the length of the answer that takes them all. */
static const struct sdp *named(int mid_len, size_t *answer_len) {
	static char text[1 << 16];
	struct sdp_own_section sections[20];
	char *at = stpcpy(text, SDP_OPENING "a=group:BUNDLE");
	for (int i = 0; i < 20; i++)
		at += sprintf(at, " %0*d", mid_len, i);
	at = stpcpy(at, "\r\n");
	for (int i = 0; i < 20; i++)
		at += sprintf(at, "m=audio 9 RTP/AVP 0\r\na=mid:%0*d\r\na=rtcp-mux\r\n" SDP_CREDENTIALS SDP_DTLS, mid_len, i);
	const struct sdp *offer = sdp_parsed(text);
	answer_all(offer, sections);
	*answer_len = strlen(space);
	return offer;
}

START_TEST(test_an_answer_grows_with_the_offer_by_no_more_than_the_mirror_size) {
	size_t short_len, long_len;
	size_t small = sdp_mirror_size(named(2, &short_len)), large = sdp_mirror_size(named(500, &long_len));
	ck_assert_uint_eq(long_len - short_len, large - small);
	ck_assert_uint_eq(large - small, 20 * 498 * 2);
}
END_TEST

/* A section as a peer would write it: five codecs with RTX, eight extensions, simulcast. */
static struct sdp_own_section typical_video(const char *mid) {
	static struct sdp_codec codecs[14];
	static const enum sdp_codec_name names[] = {SDP_CODEC_VP8,  SDP_CODEC_VP9,  SDP_CODEC_VP9, SDP_CODEC_H264,
	                                            SDP_CODEC_H264, SDP_CODEC_H264, SDP_CODEC_AV1};
	static struct sdp_extension eight[8];
	struct sdp_own_section own = transport_of(SDP_VIDEO, mid);
	for (uint8_t i = 0; i < 14; i++) {
		codecs[i] = (struct sdp_codec){.type = (uint8_t)(96 + i), .clock = 90000, .channels = 1};
		codecs[i].name = i % 2 ? SDP_CODEC_RTX : names[i / 2];
		codecs[i].feedback = i % 2 ? 0 : 63;
		if (i % 2 == 0)
			codecs[i].fmtp = sdp_slice_of("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f");
		codecs[i].has_apt = i % 2;
		codecs[i].apt = (uint8_t)(95 + i);
	}
	for (uint8_t i = 0; i < 8; i++)
		eight[i] = (struct sdp_extension){
			sdp_slice_of("http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"),
			(uint8_t)(i + 1), SDP_SENDRECV};
	own.rtp = video(mid).rtp;
	own.rtp.codecs = codecs;
	own.rtp.codec_count = 14;
	own.rtp.extensions = eight;
	own.rtp.extension_count = 8;
	return own;
}

START_TEST(test_a_typical_video_section_is_as_long_as_the_header_says) {
	struct sdp_own_section one = typical_video("v"), two[2] = {typical_video("v"), typical_video("w")};
	size_t len = strlen(offered(&one, 1));
	len = strlen(offered(two, 2)) - len;
	ck_assert_msg(len > 3000 && len < 3900, "%zu", len);
}
END_TEST

SUITE("sdp media format", test_an_audio_section_is_written_line_by_line_in_the_order_of_rfc_9429,
      test_a_video_section_with_everything_is_written_line_by_line, test_what_a_media_offer_says_is_read_back_equal,
      test_what_browsers_offered_is_the_same_when_we_offer_it, test_mixed_extensions_can_be_allowed_for_the_whole_session,
      test_a_section_may_leave_the_transport_to_the_bundle_or_be_only_for_it,
      test_a_stopped_section_keeps_its_place_and_can_be_used_again, test_a_space_that_is_too_small_for_media_is_said_and_not_left,
      test_a_codec_that_we_do_not_know_is_not_written,
      test_each_browsers_offer_is_answered_in_its_order_and_nothing_unknown_is_echoed,
      test_an_answer_keeps_the_profile_of_the_offer_and_rejects_any_section,
      test_an_answer_grows_with_the_offer_by_no_more_than_the_mirror_size,
      test_a_typical_video_section_is_as_long_as_the_header_says)
