/* Is a description of another peer read as it was meant, and is a wrong line named? */
#include "sdp_kit.h"

/* ---- real peers ---- */

static const struct real {
	const char *name, *ufrag, *pwd, *fingerprint, *session_id;
	enum sdp_setup setup;
	uint64_t max_message_size;
	size_t candidates, fingerprints;
	bool is_answer, trickle, end, sped;
} reals[] = {
	{"aiortc-1.16-offer.sdp", "FvP1", "8fJmwUhS0UjT0UkcR6cjvX",
         "sha-256 BD:29:BB:EC:69:8A:96:89:75:DB:D9:4B:F5:11:14:5D:91:5A:D6:A2:6A:E4:63:CB:B6:C8:B6:98:69:C4:5C:14", "4004522755",
         SDP_SETUP_ACTPASS, 262144, 2, 3, false, false, true, false},
	{"aiortc-1.16-answer.sdp", "M8xT", "Ck94YSjg3acCNwUwh7Q2w8",
         "sha-256 EA:F1:DD:FA:3B:C0:FC:30:D0:BF:49:BA:ED:01:41:45:FA:0B:75:BD:4B:C5:51:C7:2B:57:ED:14:CA:36:08:6D", "4004522755",
         SDP_SETUP_ACTIVE, 262144, 0, 3, true, false, false, false},
	{"aiortc-1.4-offer.sdp", "CsRn", "Xci8RhHnQOEQycJKIu0y1e",
         "sha-256 53:3F:25:74:46:F5:1B:33:88:2E:23:CC:E4:76:CD:8F:08:97:5C:C0:CD:AD:9A:7C:B8:60:69:A1:FA:79:02:57", "4004370329",
         SDP_SETUP_ACTPASS, 65536, 1, 1, false, false, true, false},
	{"chromium-156-answer.sdp", "eXNP", "YiyfEC54rWRPcil4SEZGDyVb",
         "sha-256 CD:03:AA:41:91:5A:94:AB:2B:18:FF:DC:88:03:98:34:4A:85:27:F5:EB:2F:AC:18:9F:82:01:68:53:8B:63:29",
         "4560437237335029406", SDP_SETUP_ACTIVE, 262144, 2, 1, true, true, false, false},
	{"chromium-156-offer.sdp", "yH6Y", "7clZGrngUxbrjFeDYSD+G+Q0",
         "sha-256 92:9D:5E:85:D1:67:2B:53:F6:66:12:05:CB:0D:25:A8:EB:54:BC:C8:7F:B2:ED:9E:42:5C:65:74:84:A4:56:69",
         "1038517983335439196", SDP_SETUP_ACTPASS, 262144, 4, 1, false, true, false, false},
	{"chromium-156-snap-sped-offer.sdp", "ntII", "sHQ1ixDbqJZkJfO3968oVUi6",
         "sha-256 31:13:4A:BA:FD:59:9F:A6:7F:6B:FD:0C:D1:31:3A:26:2D:BA:78:FD:39:C7:DD:D1:74:B8:5A:00:8D:85:96:C0",
         "4392897267753707952", SDP_SETUP_ACTPASS, 262144, 8, 1, false, true, false, true},
	{"firefox-153-answer.sdp", "852a63e9", "21f51e8fac8a20ae243111d9f0518bef",
         "sha-256 6C:BD:07:1D:E7:B3:C1:DF:5A:D0:EA:4C:E8:7A:79:C2:5D:71:5B:7E:6F:19:5B:2E:A9:73:6D:53:33:5C:77:48",
         "5685160629991236195", SDP_SETUP_ACTIVE, 1073741823, 2, 1, true, true, true, false},
	{"firefox-153-offer.sdp", "527560ad", "5a2424bf10f60c0c7b6d8711acc80b50",
         "sha-256 FA:E8:58:23:B7:65:BF:9C:A0:7D:8A:F0:67:F7:BD:32:42:D0:06:1C:4C:49:46:66:36:75:5C:1C:2B:FD:54:8D",
         "2946322632886974866", SDP_SETUP_ACTPASS, 1073741823, 2, 1, false, true, true, false},
	{"libdatachannel-offer.sdp", "Zk3d", "8vJr+QyT1mB/e5sWgN4cKx",
         "sha-256 5B:0E:61:A3:7C:92:F4:18:D5:2F:8E:43:B7:6A:90:1D:CC:35:E8:74:09:AB:56:FD:21:9F:C8:3E:70:14:D2:8B", "3401558219",
         SDP_SETUP_ACTPASS, 262144, 3, 1, false, true, true, false},
	{"libdatachannel-session-level-offer.sdp", "pW7c", "Hn0uXe/4dRf6yKqLb2+TzA",
         "sha-256 0C:A7:52:E9:1F:B4:68:3D:95:DE:27:70:4B:8C:F1:36:A9:03:5E:C2:87:1A:6F:D4:B8:2D:E5:49:90:73:FC:16", "2190477365",
         SDP_SETUP_ACTPASS, 262144, 0, 1, false, true, false, false},
	{"pion-3.1-offer.sdp", "HeGNUtOebkvMcFRT", "poTjDLrRzmWrNTCmIxtVPzdCfAAUUCbX",
         "sha-256 1E:17:E0:B1:B8:9B:4D:9B:45:E7:DB:E4:85:46:A3:94:43:2D:E1:6F:AD:EC:F2:A2:CD:75:80:31:D0:21:BB:76",
         "5013282320059035713", SDP_SETUP_ACTPASS, 65536, 2, 1, false, false, true, false},
};
#define REALS (int)(sizeof reals / sizeof *reals)

static void is_as_meant(const struct sdp *sdp, const struct real *real) {
	ck_assert_uint_eq(sdp->section_count, 1);
	ck_assert_int_eq(sdp_data_index(sdp), 0);
	ck_assert(sdp_data(sdp)->bundled && sdp->sections[0].kind == SDP_DATA && !sdp->sections[0].rejected && !sdp->ice_lite);
	sdp_slice_eq(sdp->sections[0].mid, "0");
	sdp_slice_eq(sdp->session_id, real->session_id);
	sdp_slice_eq(sdp_data(sdp)->transport.ufrag, real->ufrag);
	sdp_slice_eq(sdp_data(sdp)->transport.pwd, real->pwd);
	ck_assert_uint_eq(sdp_data(sdp)->transport.fingerprint_count, real->fingerprints);
	sdp_slice_eq(sdp_data(sdp)->transport.fingerprints[0], real->fingerprint);
	ck_assert_int_eq(sdp_data(sdp)->transport.setup, real->setup);
	ck_assert_uint_eq(sdp_data(sdp)->sctp_port, 5000);
	ck_assert_uint_eq(sdp_data(sdp)->max_message_size, real->max_message_size);
	ck_assert_uint_eq(sdp_data(sdp)->transport.candidate_count, real->candidates);
	ck_assert_uint_eq(sdp_data(sdp)->transport.candidates_skipped, 0);
	ck_assert(sdp_data(sdp)->transport.trickle == real->trickle && sdp_data(sdp)->transport.end_of_candidates == real->end &&
	          sdp_data(sdp)->transport.sped == real->sped);
	ck_assert((sdp_data(sdp)->sctp_init.s != NULL) == real->sped);
}

static void read_real(const struct real *real) {
	size_t len;
	char *text = sdp_load(real->name, &len);
	struct sdp *sdp;
	struct sdp_fault fault;
	ck_assert_msg(sdp_parse(sdp_env(), text, len, &sdp, &fault) == 0, "%s: line %u: %s", real->name, fault.line, fault.text);
	is_as_meant(sdp, real);
	ck_assert_msg(sdp_validate(sdp, real->is_answer, &fault) == 0, "%s: %s", real->name, fault.text);
	sdp_free(sdp_env(), sdp);
	free(text);
}

START_TEST(test_descriptions_of_real_peers_are_read_as_they_were_meant) {
	for (int i = 0; i < REALS; i++)
		read_real(&reals[i]);
}
END_TEST

START_TEST(test_the_details_of_chromiums_offer_with_snap_are_kept) {
	size_t len;
	char *text = sdp_load("chromium-156-snap-sped-offer.sdp", &len);
	struct sdp *sdp;
	ck_assert_int_eq(sdp_parse(sdp_env(), text, len, &sdp, NULL), 0);
	sdp_slice_eq(sdp_data(sdp)->sctp_init, "AQAAHiT7wMkAUAAA/////+fpg+vAAAAEgAgABoLA");
	sdp_slice_eq(sdp_data(sdp)->transport.candidates[2],
	             "candidate:2943498988 1 udp 2122267903 ::1 46670 typ host generation 0 network-id 4 network-cost 50");
	ck_assert(sdp_data(sdp)->has_max_message_size);
	ck_assert_uint_eq(sdp->sections[0].port, 37628);
	sdp_slice_eq(sdp->sections[0].media, "application");
	sdp_slice_eq(sdp->sections[0].proto, "UDP/DTLS/SCTP");
	sdp_slice_eq(sdp->sections[0].formats, "webrtc-datachannel");
	sdp_free(sdp_env(), sdp);
	free(text);
}
END_TEST

START_TEST(test_the_data_section_behind_audio_and_video_is_found_in_each_browsers_offer) {
	static const struct {
		const char *name, *ufrag, *mid;
		uint64_t max_message_size;
	} offers[] = {{"chromium-156-media-offer.sdp", "pBx9", "2", 262144},
	              {"chromium-156-media-simulcast-offer.sdp", "BQ7M", "2", 262144},
	              {"firefox-153-media-offer.sdp", "0cf2d994", "2", 1073741823},
	              {"firefox-153-media-simulcast-offer.sdp", "e7f4710c", "2", 1073741823}};
	for (size_t i = 0; i < sizeof offers / sizeof *offers; i++) {
		size_t len;
		char *text = sdp_load(offers[i].name, &len);
		struct sdp *sdp;
		struct sdp_fault fault;
		ck_assert_msg(sdp_parse(sdp_env(), text, len, &sdp, &fault) == 0, "%s: line %u: %s", offers[i].name, fault.line,
		              fault.text);
		ck_assert_int_eq(sdp_validate(sdp, false, NULL), 0);
		ck_assert_uint_eq(sdp->section_count, 3);
		ck_assert(sdp_data_index(sdp) >= 0 && sdp_data(sdp)->bundled &&
		          sdp->sections[sdp_data_index(sdp)].kind == SDP_DATA);
		sdp_slice_eq(sdp->sections[sdp_data_index(sdp)].mid, offers[i].mid);
		sdp_slice_eq(sdp_data(sdp)->transport.ufrag, offers[i].ufrag);
		ck_assert_uint_eq(sdp_data(sdp)->transport.fingerprint_count, 1);
		ck_assert_uint_eq(sdp_data(sdp)->max_message_size, offers[i].max_message_size);
		sdp_free(sdp_env(), sdp);
		free(text);
	}
}
END_TEST

START_TEST(test_the_data_section_behind_chromiums_audio_and_video_is_found) {
	size_t len;
	char *text = sdp_load("chromium-156-audio-video-data-offer.sdp", &len);
	struct sdp *sdp;
	ck_assert_int_eq(sdp_parse(sdp_env(), text, len, &sdp, NULL), 0);
	ck_assert_int_eq(sdp_validate(sdp, false, NULL), 0);
	ck_assert_uint_eq(sdp->section_count, 3);
	ck_assert(sdp_data_index(sdp) == 2 && sdp_data(sdp)->bundled && sdp->sections[0].kind != SDP_DATA &&
	          sdp->sections[1].kind != SDP_DATA);
	sdp_slice_eq(sdp->sections[0].formats, "111 63 9 0 8 13 110 126");
	sdp_slice_eq(sdp->sections[1].proto, "UDP/TLS/RTP/SAVPF");
	sdp_slice_eq(sdp->sections[2].mid, "2");
	sdp_slice_eq(sdp_data(sdp)->transport.ufrag, "FWNj");
	ck_assert_uint_eq(sdp_data(sdp)->max_message_size, 262144);
	sdp_free(sdp_env(), sdp);
	free(text);
}
END_TEST

static void cut_everywhere(const char *name) {
	size_t len;
	char *text = sdp_load(name, &len);
	for (size_t cut = 0; cut <= len; cut++) {
		char *part = malloc(cut ? cut : 1);
		struct sdp *sdp = NULL;
		struct sdp_fault fault;
		memcpy(part, text, cut);
		int error = sdp_parse(sdp_env(), part, cut, &sdp, &fault);
		ck_assert(error == 0 || (error == SLUICE_MALFORMED && fault.line > 0 && fault.text != NULL));
		sdp_free(sdp_env(), sdp);
		free(part);
	}
	free(text);
}

START_TEST(test_every_beginning_of_a_real_description_is_survived) {
	for (int i = 0; i < REALS; i++)
		cut_everywhere(reals[i].name);
}
END_TEST

/* Writes the vector with other line ends; the result has a NUL. */
static char *with_line_ends(const char *name, const char *end) {
	size_t len;
	char *text = sdp_load(name, &len), *other = malloc(2 * len + 1), *at = other;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			at = stpcpy(at, end);
		else if (text[i] != '\r')
			*at++ = text[i];
	}
	*at = 0;
	free(text);
	return other;
}

START_TEST(test_lines_may_end_with_lf_or_cr_alone_and_with_blanks_before) {
	static const char *const ends[] = {"\n", "\r", "\r\n", " \r\n", " \t\n"};
	for (size_t i = 0; i < REALS * sizeof ends / sizeof *ends; i++) {
		const struct real *real = &reals[i % REALS];
		char *text = with_line_ends(real->name, ends[i / REALS]);
		const struct sdp *sdp = sdp_parsed(text);
		is_as_meant(sdp, real);
		free(text);
	}
}
END_TEST

/* ---- wrong lines ---- */

#define O "o=- 1 2 IN IP4 0.0.0.0\n"
#define HEAD "v=0\n" O "s=-\nt=0 0\n"
#define M "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\n"

static const struct {
	const char *text;
	unsigned line;
	const char *says;
} wrongs[] = {
	{"", 1, "v=0"},
	{"\n\n", 1, "v=0"},
	{"v=1\n", 1, "v=0"},
	{O, 1, "v=0"},
	{"v=0\n", 2, "o="},
	{"v=0\ns=-\n" O "t=0 0\n", 2, "o="},
	{"v=0\no=- 1 2 IN IP4\ns=-\nt=0 0\n", 2, "six"},
	{"v=0\no=- 1 2 IN IP4 0.0.0.0 x\ns=-\nt=0 0\n", 2, "six"},
	{"v=0\no=- one 2 IN IP4 0.0.0.0\ns=-\nt=0 0\n", 2, "numbers"},
	{"v=0\no=- 1 -2 IN IP4 0.0.0.0\ns=-\nt=0 0\n", 2, "numbers"},
	{"v=0\n" O "t=0 0\n", 3, "s="},
	{"v=0\n" O "s=-\nt=0\n" M, 4, "t="},
	{"v=0\n" O "s=-\nt=0 0 0\n" M, 4, "t="},
	{"v=0\n" O "s=-\nt=a b\n" M, 4, "t="},
	{HEAD M "t=0 0\n", 6, "t="},
	{HEAD "v=0\n", 5, "once"},
	{HEAD M O, 6, "once"},
	{HEAD "hello\n", 5, "letter"},
	{HEAD "1=x\n", 5, "letter"},
	{HEAD "a\n", 5, "letter"},
	{HEAD " a=x\n", 5, "letter"},
	{HEAD "a = x\n", 5, "letter"},
	{HEAD M "c=IN IP4 0.0.0.0\nA=mid:0\n", 7, "letter"},
	{HEAD "m=\n", 5, "m="},
	{HEAD "m=application 9 UDP/DTLS/SCTP\n", 5, "format"},
	{HEAD "m=application 9\n", 5, "m="},
	{HEAD "m=application x UDP/DTLS/SCTP webrtc-datachannel\n", 5, "port"},
	{HEAD "m=application 65536 UDP/DTLS/SCTP webrtc-datachannel\n", 5, "port"},
	{HEAD "m=application -1 UDP/DTLS/SCTP webrtc-datachannel\n", 5, "port"},
	{HEAD M "a=mid:\n", 6, "mid"},
	{HEAD M "a=mid:a b\n", 6, "mid"},
	{HEAD M "a=mid\n", 6, "mid"},
	{HEAD "m=audio 9 RTP/SAVPF 0\na=mid:a b\n", 6, "mid"},
	{HEAD M "a=mid:0\na=ice-ufrag:abc\n", 7, "ice-ufrag"},
	{HEAD M "a=ice-ufrag:ab cd\n", 6, "ice-ufrag"},
	{HEAD M "a=ice-ufrag\n", 6, "value"},
	{HEAD "a=ice-ufrag:ab:cd\n" M, 5, "ice-ufrag"},
	{HEAD M "a=ice-pwd:short012345678901234\n", 6, "ice-pwd"},
	{HEAD M "a=fingerprint:sha-256\n", 6, "fingerprint"},
	{HEAD M "a=fingerprint:sha-256 AB:C\n", 6, "digest"},
	{HEAD M "a=fingerprint:sha-256 AB:\n", 6, "digest"},
	{HEAD M "a=fingerprint:sha-256 AB-CD\n", 6, "digest"},
	{HEAD M "a=fingerprint:sha-256 AB:CG\n", 6, "digest"},
	{HEAD M "a=fingerprint:sha-256 AB:CD x\n", 6, "fingerprint"},
	{HEAD "a=fingerprint:sha_256 AB:CD\n" M, 5, "fingerprint"},
	{HEAD M "a=setup:both\n", 6, "setup"},
	{HEAD M "a=setup:\n", 6, "setup"},
	{HEAD M "a=sctp-port:65536\n", 6, "sctp-port"},
	{HEAD M "a=sctp-port:5000x\n", 6, "sctp-port"},
	{HEAD M "a=sctp-port:\n", 6, "sctp-port"},
	{HEAD M "a=sctpmap:x webrtc-datachannel\n", 6, "sctpmap"},
	{HEAD M "a=sctpmap:5000\n", 6, "sctpmap"},
	{HEAD M "a=max-message-size:many\n", 6, "max-message-size"},
	{HEAD M "a=max-message-size:18446744073709551616\n", 6, "max-message-size"},
	{HEAD M "a=max-message-size:30000000000000000000\n", 6, "max-message-size"},
};
#define WRONGS (int)(sizeof wrongs / sizeof *wrongs)

START_TEST(test_a_wrong_line_is_named_with_its_number) {
	for (int i = 0; i < WRONGS; i++) {
		struct sdp *sdp;
		struct sdp_fault fault;
		const char *text = wrongs[i].text;
		ck_assert_msg(sdp_parse(sdp_env(), text, strlen(text), &sdp, &fault) == SLUICE_MALFORMED, "%s", text);
		ck_assert_msg(fault.line == wrongs[i].line, "line %u of\n%s", fault.line, text);
		ck_assert_msg(strstr(fault.text, wrongs[i].says) != NULL, "%s: %s", fault.text, text);
		ck_assert_int_eq(sdp_parse(sdp_env(), text, strlen(text), &sdp, NULL), SLUICE_MALFORMED);
	}
}
END_TEST

START_TEST(test_a_nul_in_a_line_is_a_fault) {
	static const char text[] = HEAD M "a=unknown\0\n";
	struct sdp *sdp;
	struct sdp_fault fault;
	ck_assert_int_eq(sdp_parse(sdp_env(), text, sizeof text - 1, &sdp, &fault), SLUICE_MALFORMED);
	ck_assert_uint_eq(fault.line, 6);
	ck_assert_int_eq(sdp_parse(sdp_env(), "v=0\0", 4, &sdp, &fault), SLUICE_MALFORMED);
	ck_assert_uint_eq(fault.line, 1);
}
END_TEST

START_TEST(test_more_sections_than_an_answer_can_mirror_are_beyond_the_limit) {
	static char text[8192];
	char *at = stpcpy(text, HEAD);
	for (int i = 0; i < SDP_SECTIONS_MAX; i++)
		at = stpcpy(at, "m=audio 9 RTP/SAVPF 0\n");
	const struct sdp *sdp = sdp_parsed(text);
	ck_assert_uint_eq(sdp->section_count, SDP_SECTIONS_MAX);
	stpcpy(at, M);
	struct sdp_fault fault;
	struct sdp *none;
	ck_assert_int_eq(sdp_parse(sdp_env(), text, strlen(text), &none, &fault), SLUICE_LIMIT);
	ck_assert_uint_eq(fault.line, 4 + SDP_SECTIONS_MAX + 1);
	ck_assert_str_eq(fault.text, "more than 128 sections");
}
END_TEST

/* ---- what is not known, and levels ---- */

START_TEST(test_what_is_not_known_is_passed_over) {
	const struct sdp *sdp = sdp_parsed(
		"v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns= \r\ni=x\r\nu=x\r\ne=x\r\np=x\r\nc=IN IP6 ::\r\nb=AS:1\r\nt=0 0\r\n"
		"r=1\r\nz=1\r\nk=x\r\na=x-new:?\r\na=\r\na=:\r\na=group:LS 0\r\nx=y\r\n"
		"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=setup:nonsense\r\na=fingerprint:?\r\na=sctp-port:none\r\n" SDP_DATA(
			"0") "a=ice-options:renomination x-new ice2\r\na=ice-mismatch\r\na=candidates:1\r\n");
	ck_assert_int_eq(sdp_data_index(sdp), 1);
	ck_assert(!sdp_data(sdp)->transport.trickle && !sdp_data(sdp)->transport.sped);
	ck_assert_uint_eq(sdp_data(sdp)->transport.candidate_count, 0);
	ck_assert_int_eq(sdp_validate(sdp, false, NULL), 0);
}
END_TEST

START_TEST(test_what_the_section_says_wins_over_the_session) {
	const struct sdp *sdp = sdp_parsed(
		SDP_OPENING "a=ice-ufrag:session\r\na=ice-pwd:sessionsessionsessionsession\r\na=ice-options:trickle\r\n"
			    "a=setup:passive\r\na=fingerprint:" SDP_FP_B "\r\na=fingerprint:sha-1 00:11\r\n"
			    "a=sctp-port:1\r\na=candidate:not here\r\na=ice-lite\r\na=tls-id:01234567890123456789\r\n" SDP_DATA(
				    "0") "a=ice-options:sped\r\n");
	sdp_slice_eq(sdp_data(sdp)->transport.ufrag, "yH6Y");
	sdp_slice_eq(sdp_data(sdp)->transport.pwd, SDP_PWD);
	ck_assert_int_eq(sdp_data(sdp)->transport.setup, SDP_SETUP_ACTPASS);
	ck_assert_uint_eq(sdp_data(sdp)->transport.fingerprint_count, 1);
	sdp_slice_eq(sdp_data(sdp)->transport.fingerprints[0], SDP_FP_A);
	ck_assert(sdp->ice_lite && sdp_data(sdp)->transport.trickle && sdp_data(sdp)->transport.sped);
	ck_assert_uint_eq(sdp_data(sdp)->sctp_port, 5000);
	ck_assert_uint_eq(sdp_data(sdp)->transport.candidate_count, 0);
}
END_TEST

START_TEST(test_what_the_session_says_alone_holds_for_the_section) {
	const struct sdp *sdp = sdp_parsed(SDP_OPENING SDP_CREDENTIALS SDP_DTLS "a=fingerprint:" SDP_FP_B
	                                                                        "\r\na=end-of-candidates\r\n" SDP_DATA_LINE);
	ck_assert_int_eq(sdp_validate(sdp, false, NULL), 0);
	sdp_slice_eq(sdp_data(sdp)->transport.ufrag, "yH6Y");
	ck_assert_uint_eq(sdp_data(sdp)->transport.fingerprint_count, 2);
	sdp_slice_eq(sdp_data(sdp)->transport.fingerprints[1], SDP_FP_B);
	ck_assert(sdp_data(sdp)->transport.end_of_candidates && !sdp_data(sdp)->bundled && !sdp->sections[0].mid.s);
}
END_TEST

START_TEST(test_of_an_attribute_that_comes_twice_the_first_counts) {
	const struct sdp *sdp = sdp_parsed(SDP_OPENING SDP_DATA(
		"0") "a=ice-ufrag:other\r\na=mid:1\r\na=setup:active\r\na=sctp-port:7\r\na=max-message-size:7\r\n"
	             "a=max-message-size:8\r\n");
	sdp_slice_eq(sdp_data(sdp)->transport.ufrag, "yH6Y");
	sdp_slice_eq(sdp->sections[0].mid, "0");
	ck_assert_int_eq(sdp_data(sdp)->transport.setup, SDP_SETUP_ACTPASS);
	ck_assert_uint_eq(sdp_data(sdp)->sctp_port, 5000);
	ck_assert_uint_eq(sdp_data(sdp)->max_message_size, 7);
}
END_TEST

START_TEST(test_candidates_and_fingerprints_beyond_the_bound_are_counted_or_left) {
	static char text[1 << 16];
	char *at = stpcpy(text, SDP_OPENING SDP_DATA("0"));
	for (int i = 0; i < SDP_CANDIDATES_MAX + 5; i++)
		at += sprintf(at, "a=candidate:%d 1 udp 1 192.0.2.1 %d typ host\r\na=fingerprint:%s\r\n", i, i + 1, SDP_FP_B);
	const struct sdp *sdp = sdp_parsed(text);
	ck_assert_uint_eq(sdp_data(sdp)->transport.candidate_count, SDP_CANDIDATES_MAX);
	ck_assert_uint_eq(sdp_data(sdp)->transport.candidates_skipped, 5);
	ck_assert_uint_eq(sdp_data(sdp)->transport.fingerprint_count, SDP_FINGERPRINTS_MAX);
	sdp_slice_eq(sdp_data(sdp)->transport.candidates[127], "candidate:127 1 udp 1 192.0.2.1 128 typ host");
}
END_TEST

START_TEST(test_numbers_that_are_not_said_have_their_defaults) {
	const struct sdp *sdp = sdp_parsed(SDP_OPENING SDP_DATA_LINE SDP_CREDENTIALS SDP_DTLS);
	ck_assert_uint_eq(sdp_data(sdp)->sctp_port, 5000);
	ck_assert(!sdp_data(sdp)->has_max_message_size);
	ck_assert_uint_eq(sdp_data(sdp)->max_message_size, 65536);
	sdp = sdp_parsed(SDP_OPENING SDP_DATA("0") "a=max-message-size:0\r\n");
	ck_assert(sdp_data(sdp)->has_max_message_size);
	ck_assert_uint_eq(sdp_data(sdp)->max_message_size, 0);
	sdp = sdp_parsed(SDP_OPENING SDP_DATA("0") "a=max-message-size:18446744073709551615\r\n");
	ck_assert_uint_eq(sdp_data(sdp)->max_message_size, UINT64_MAX);
}
END_TEST

/* ---- which section ---- */

START_TEST(test_the_first_usable_of_several_data_sections_is_taken) {
	const struct sdp *sdp = sdp_parsed(SDP_OPENING SDP_AUDIO("9", "a") SDP_DATA("1") SDP_DATA("2"));
	ck_assert_int_eq(sdp_data_index(sdp), 1);
	ck_assert(!sdp_data(sdp)->bundled && sdp->sections[2].kind == SDP_DATA && !sdp->sections[2].rejected &&
	          sdp->sections[0].kind != SDP_DATA);
	sdp = sdp_parsed(SDP_OPENING "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\n" SDP_DATA("2"));
	ck_assert_int_eq(sdp_data_index(sdp), 1);
	ck_assert(sdp->sections[0].kind == SDP_DATA && sdp->sections[0].rejected);
}
END_TEST

START_TEST(test_sections_that_are_not_for_data_channels_are_none) {
	static const char *const lines[] = {"m=audio 9 UDP/TLS/RTP/SAVPF 0",
	                                    "m=application 9 UDP/DTLS/SCTP something-else",
	                                    "m=application 9 UDP/BFCP *",
	                                    "m=application 9 DTLS/SCTP 5000",
	                                    "m=application 9 DTLS/SCTP 5000\r\na=sctpmap:5001 webrtc-datachannel 16",
	                                    "m=application 9 DTLS/SCTP 5000\r\na=sctpmap:5000 bfcp 16",
	                                    "m=audio 9 UDP/DTLS/SCTP webrtc-datachannel",
	                                    "m=application 0 UDP/DTLS/SCTP webrtc-datachannel"};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		char text[512];
		snprintf(text, sizeof text, "%s%s\r\n", SDP_OPENING, lines[i]);
		const struct sdp *sdp = sdp_parsed(text);
		ck_assert_msg(sdp_data_index(sdp) == -1, "%s", lines[i]);
		ck_assert_uint_eq(sdp->section_count, 1);
		ck_assert_int_eq(sdp_validate(sdp, false, NULL), 0);
	}
	const struct sdp *none = sdp_parsed(SDP_OPENING);
	ck_assert(sdp_data_index(none) == -1 && none->section_count == 0);
}
END_TEST

START_TEST(test_the_old_form_and_tcp_are_data_sections_too) {
	const struct sdp *sdp = sdp_parsed(
		SDP_OPENING
		"m=application 9 DTLS/SCTP 5001\r\na=sctpmap:5001 webrtc-datachannel 1024\r\n" SDP_CREDENTIALS SDP_DTLS);
	ck_assert_int_eq(sdp_data_index(sdp), 0);
	ck_assert_uint_eq(sdp_data(sdp)->sctp_port, 5001);
	sdp = sdp_parsed(SDP_OPENING "m=application 9/1 TCP/DTLS/SCTP  webrtc-datachannel x\r\n" SDP_CREDENTIALS SDP_DTLS);
	ck_assert_int_eq(sdp_data_index(sdp), 0);
	sdp_slice_eq(sdp->sections[0].formats, "webrtc-datachannel x");
}
END_TEST

#define BUNDLE "a=group:BUNDLE a d\r\n"
#define BUNDLED                                                                                                                  \
	"m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 "                                                          \
	"0.0.0.0\r\na=mid:d\r\na=bundle-only\r\na=sctp-port:5001\r\n"

START_TEST(test_port_0_with_bundle_only_is_no_refusal_in_a_group) {
	const struct sdp *sdp = sdp_parsed(SDP_OPENING BUNDLE SDP_AUDIO("9", "a") SDP_CREDENTIALS SDP_DTLS BUNDLED);
	ck_assert_int_eq(sdp_data_index(sdp), 1);
	ck_assert(sdp_data(sdp)->bundled && !sdp->sections[1].rejected);
	sdp = sdp_parsed(SDP_OPENING SDP_AUDIO("9", "a") SDP_CREDENTIALS SDP_DTLS BUNDLED);
	ck_assert_int_eq(sdp_data_index(sdp), -1);
	ck_assert(sdp->sections[1].rejected);
}
END_TEST

START_TEST(test_a_bundled_section_takes_what_it_does_not_say_from_the_first_of_its_group) {
	const struct sdp *sdp = sdp_parsed(SDP_OPENING BUNDLE "a=ice-ufrag:session\r\n" SDP_AUDIO("9", "a")
	                                           SDP_CREDENTIALS SDP_DTLS
	                                   "a=candidate:1 1 udp 1 192.0.2.1 5 typ "
	                                   "host\r\na=sctp-port:77\r\na=max-message-size:9\r\na=end-of-candidates\r\n" BUNDLED);
	ck_assert_int_eq(sdp_validate(sdp, false, NULL), 0);
	sdp_slice_eq(sdp_data(sdp)->transport.ufrag, "yH6Y");
	sdp_slice_eq(sdp_data(sdp)->transport.pwd, SDP_PWD);
	sdp_slice_eq(sdp_data(sdp)->transport.fingerprints[0], SDP_FP_A);
	ck_assert_int_eq(sdp_data(sdp)->transport.setup, SDP_SETUP_ACTPASS);
	ck_assert_uint_eq(sdp_data(sdp)->transport.candidate_count, 1);
	ck_assert(sdp_data(sdp)->transport.end_of_candidates);
	ck_assert_uint_eq(sdp_data(sdp)->sctp_port, 5001);
	ck_assert_uint_eq(sdp_data(sdp)->max_message_size, 65536);
}
END_TEST

START_TEST(test_candidates_of_the_group_hold_for_a_section_that_repeats_the_credentials_only) {
	static const char first[] = SDP_OPENING BUNDLE SDP_AUDIO("9", "a") SDP_CREDENTIALS
		"a=candidate:1 1 udp 1 192.0.2.1 5 typ host\r\n";
	char text[2048];
	snprintf(text, sizeof text, "%s%s", first, SDP_DATA("d"));
	ck_assert_uint_eq(sdp_data(sdp_parsed(text))->transport.candidate_count, 1);
	snprintf(text, sizeof text, "%s%sa=candidate:2 1 udp 1 192.0.2.2 5 typ host\r\n", first, SDP_DATA("d"));
	const struct sdp *sdp = sdp_parsed(text);
	ck_assert_uint_eq(sdp_data(sdp)->transport.candidate_count, 1);
	sdp_slice_eq(sdp_data(sdp)->transport.candidates[0], "candidate:2 1 udp 1 192.0.2.2 5 typ host");
}
END_TEST

START_TEST(test_a_section_with_other_credentials_takes_nothing_from_its_group) {
	const struct sdp *sdp = sdp_parsed(SDP_OPENING BUNDLE SDP_AUDIO(
		"9", "a") "a=ice-ufrag:other\r\na=ice-pwd:otherotherotherotherother\r\na=fingerprint:" SDP_FP_B
	                  "\r\na=candidate:1 1 udp 1 192.0.2.1 5 typ host\r\n" SDP_DATA_LINE "a=mid:d\r\n" SDP_CREDENTIALS);
	sdp_slice_eq(sdp_data(sdp)->transport.pwd, SDP_PWD);
	ck_assert_uint_eq(sdp_data(sdp)->transport.candidate_count, 0);
	ck_assert_uint_eq(sdp_data(sdp)->transport.fingerprint_count, 0);
}
END_TEST

START_TEST(test_the_first_of_a_group_is_the_first_that_is_not_refused) {
	const struct sdp *sdp = sdp_parsed(SDP_OPENING "a=group:BUNDLE x v a d\r\n" SDP_AUDIO(
		"9", "a") SDP_CREDENTIALS SDP_DTLS SDP_AUDIO("0", "v") "a=ice-ufrag:refused\r\n" BUNDLED);
	sdp_slice_eq(sdp_data(sdp)->transport.ufrag, "yH6Y");
	/* Of two groups of the kind the first counts, and a section of none takes nothing. */
	sdp = sdp_parsed(SDP_OPENING "a=group:BUNDLE a\r\na=group:BUNDLE a d\r\n" SDP_AUDIO("9", "a")
	                         SDP_CREDENTIALS SDP_DTLS SDP_DATA_LINE "a=mid:d\r\n");
	ck_assert(!sdp_data(sdp)->bundled && sdp_data_index(sdp) == 1 && !sdp_data(sdp)->transport.ufrag.s);
}
END_TEST

/* ---- sections beside each other ---- */

START_TEST(test_each_section_of_a_browsers_offer_has_its_kind_and_what_holds_for_it) {
	static const char *const names[] = {"chromium-156-media-offer.sdp", "firefox-153-media-offer.sdp",
	                                    "chromium-156-media-simulcast-offer.sdp", "firefox-153-media-simulcast-offer.sdp"};
	static const enum sdp_kind kinds[] = {SDP_AUDIO, SDP_VIDEO, SDP_DATA};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		size_t len;
		char *text = sdp_load(names[i], &len);
		struct sdp *sdp;
		ck_assert_int_eq(sdp_parse(sdp_env(), text, len, &sdp, NULL), 0);
		ck_assert_uint_eq(sdp->len, len);
		ck_assert_mem_eq(sdp->text, text, len);
		for (size_t k = 0; k < 3; k++) {
			const struct sdp_section *s = &sdp->sections[k];
			ck_assert_int_eq(s->kind, kinds[k]);
			ck_assert(s->bundled && !s->rejected && !s->fault.text && sdp_first(sdp, kinds[k]) == s);
			ck_assert(s->transport.ufrag.len == sdp_data(sdp)->transport.ufrag.len && s->transport.pwd.s);
			ck_assert(s->transport.fingerprint_count == 1 && s->transport.setup == SDP_SETUP_ACTPASS);
		}
		sdp_free(sdp_env(), sdp);
		free(text);
	}
}
END_TEST

START_TEST(test_a_wrong_value_in_a_section_that_nobody_uses_stays_with_the_section) {
	const struct sdp *sdp = sdp_parsed(
		SDP_OPENING SDP_AUDIO("9", "a") "a=setup:nonsense\r\na=fingerprint:?\r\n" SDP_DATA("d"));
	ck_assert_uint_eq(sdp->sections[0].fault.line, 8);
	ck_assert_ptr_nonnull(strstr(sdp->sections[0].fault.text, "setup"));
	ck_assert_ptr_null(sdp_data(sdp)->fault.text);
}
END_TEST

START_TEST(test_a_wrong_value_in_a_shared_transport_is_one_of_the_data_section) {
	static const char text[] = SDP_OPENING BUNDLE SDP_AUDIO("9", "a") SDP_CREDENTIALS "a=setup:nonsense\r\n" BUNDLED;
	struct sdp *sdp;
	struct sdp_fault fault;
	ck_assert_int_eq(sdp_parse(sdp_env(), text, sizeof text - 1, &sdp, &fault), SLUICE_MALFORMED);
	ck_assert_uint_eq(fault.line, 11);
}
END_TEST

START_TEST(test_the_transports_of_sections_without_a_group_are_their_own) {
	const struct sdp *sdp = sdp_parsed(SDP_OPENING SDP_AUDIO(
		"9", "a") "a=ice-ufrag:sound\r\na=candidate:1 1 udp 1 192.0.2.1 5 typ host\r\n"
	                  "a=setup:active\r\n" SDP_DATA("d") "a=candidate:2 1 udp 1 192.0.2.2 5 typ host\r\n");
	const struct sdp_transport *sound = &sdp->sections[0].transport, *data = &sdp_data(sdp)->transport;
	sdp_slice_eq(sound->ufrag, "sound");
	sdp_slice_eq(data->ufrag, "yH6Y");
	ck_assert(sound->candidate_count == 1 && data->candidate_count == 1);
	sdp_slice_eq(sound->candidates[0], "candidate:1 1 udp 1 192.0.2.1 5 typ host");
	sdp_slice_eq(data->candidates[0], "candidate:2 1 udp 1 192.0.2.2 5 typ host");
	ck_assert(sound->setup == SDP_SETUP_ACTIVE && data->setup == SDP_SETUP_ACTPASS && !sound->fingerprint_count);
}
END_TEST

/* The text that makes us keep the most for each of its bytes. */
static char *greedy(size_t *len) {
	char *text = malloc(1 << 20), *at = stpcpy(text, HEAD);
	for (int i = 0; i < SDP_SECTIONS_MAX; i++) {
		at = stpcpy(at, "m=a 0 b c\n");
		for (int k = 0; k <= SDP_CANDIDATES_MAX; k++)
			at = stpcpy(at, "a=candidate:x\n");
	}
	*len = (size_t)(at - text);
	return text;
}

START_TEST(test_what_is_kept_of_a_description_stays_within_its_bound_and_comes_back) {
	sluice_env *env;
	struct sdp *sdp;
	size_t len;
	char *text = greedy(&len);
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	ck_assert_int_eq(sdp_parse(env, text, len, &sdp, NULL), 0);
	ck_assert_uint_eq(sdp->sections[SDP_SECTIONS_MAX - 1].transport.candidate_count, SDP_CANDIDATES_MAX);
	ck_assert_uint_lt(env_cost(sdp), 22 * len / 10 + 28 * 1024);
	sdp_free(env, sdp);
	ck_assert_int_eq(sdp_parse(env, "v=1", 3, &sdp, NULL), SLUICE_MALFORMED);
	ck_assert_uint_eq(env->blocks.live, 0);
	sluice_env_free(env);
	free(text);
}
END_TEST

/* ---- what an offer and an answer need ---- */

#define VALID_ANSWER SDP_OPENING SDP_DATA_LINE SDP_CREDENTIALS "a=fingerprint:" SDP_FP_A "\r\n"

static const struct {
	const char *text, *says; /* NULL: nothing */
	bool is_answer;
} validities[] = {
	{SDP_OPENING SDP_DATA("0"), NULL, false},
	{SDP_OPENING SDP_DATA("0"), "actpass", true},
	{VALID_ANSWER "a=setup:active\r\n", NULL, true},
	{VALID_ANSWER "a=setup:passive\r\n", NULL, true},
	{VALID_ANSWER, NULL, true},
	{VALID_ANSWER "a=setup:holdconn\r\n", "holdconn", true},
	{VALID_ANSWER "a=setup:active\r\n", NULL, false},
	{VALID_ANSWER "a=setup:passive\r\n", NULL, false},
	{VALID_ANSWER, NULL, false},
	{VALID_ANSWER "a=setup:holdconn\r\n", "holdconn", false},
	{VALID_ANSWER "a=sctp-port:0\r\n", "sctp-port", false},
	{SDP_OPENING SDP_DATA_LINE SDP_CREDENTIALS, "fingerprint", false},
	{SDP_OPENING SDP_DATA_LINE SDP_DTLS, "ice-ufrag", false},
	{SDP_OPENING SDP_DATA_LINE SDP_DTLS "a=ice-ufrag:abcd\r\n", "ice-pwd", false},
	{SDP_OPENING SDP_AUDIO("9", "a"), NULL, false},
	{SDP_OPENING, NULL, false},
	{SDP_OPENING SDP_AUDIO("0", "a"), NULL, true},
	{SDP_OPENING, "no section", true},
	{SDP_OPENING "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n", NULL, true},
	{SDP_OPENING "m=application 0 DTLS/SCTP 5000\r\n", NULL, true},
};
#define VALIDITIES (int)(sizeof validities / sizeof *validities)

START_TEST(test_what_is_missing_for_an_offer_or_an_answer_is_said) {
	for (int i = 0; i < VALIDITIES; i++) {
		const char *says = validities[i].says;
		const struct sdp *sdp = sdp_parsed(validities[i].text);
		struct sdp_fault fault;
		ck_assert_int_eq(sdp_validate(sdp, validities[i].is_answer, &fault), says ? SLUICE_MALFORMED : 0);
		ck_assert_uint_eq(fault.line, 0);
		ck_assert((fault.text != NULL) == (says != NULL));
		ck_assert_msg(!says || strstr(fault.text, says) != NULL, "%s", fault.text);
	}
}
END_TEST

SUITE("sdp parse", test_descriptions_of_real_peers_are_read_as_they_were_meant,
      test_the_details_of_chromiums_offer_with_snap_are_kept,
      test_the_data_section_behind_audio_and_video_is_found_in_each_browsers_offer,
      test_the_data_section_behind_chromiums_audio_and_video_is_found, test_every_beginning_of_a_real_description_is_survived,
      test_lines_may_end_with_lf_or_cr_alone_and_with_blanks_before, test_a_wrong_line_is_named_with_its_number,
      test_a_nul_in_a_line_is_a_fault, test_more_sections_than_an_answer_can_mirror_are_beyond_the_limit,
      test_what_is_not_known_is_passed_over, test_what_the_section_says_wins_over_the_session,
      test_what_the_session_says_alone_holds_for_the_section, test_of_an_attribute_that_comes_twice_the_first_counts,
      test_candidates_and_fingerprints_beyond_the_bound_are_counted_or_left, test_numbers_that_are_not_said_have_their_defaults,
      test_the_first_usable_of_several_data_sections_is_taken, test_sections_that_are_not_for_data_channels_are_none,
      test_the_old_form_and_tcp_are_data_sections_too, test_port_0_with_bundle_only_is_no_refusal_in_a_group,
      test_a_bundled_section_takes_what_it_does_not_say_from_the_first_of_its_group,
      test_candidates_of_the_group_hold_for_a_section_that_repeats_the_credentials_only,
      test_a_section_with_other_credentials_takes_nothing_from_its_group,
      test_the_first_of_a_group_is_the_first_that_is_not_refused,
      test_each_section_of_a_browsers_offer_has_its_kind_and_what_holds_for_it,
      test_a_wrong_value_in_a_section_that_nobody_uses_stays_with_the_section,
      test_a_wrong_value_in_a_shared_transport_is_one_of_the_data_section,
      test_the_transports_of_sections_without_a_group_are_their_own,
      test_what_is_kept_of_a_description_stays_within_its_bound_and_comes_back,
      test_what_is_missing_for_an_offer_or_an_answer_is_said)
