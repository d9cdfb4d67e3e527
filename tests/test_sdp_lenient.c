/* Is what other stacks write against the RFCs, and read of each other, read here too? And do we never write it? */
#include "sdp_kit.h"

#include "ice/candidate.h"
#include "sim/caller.h"

#define BOM "\xef\xbb\xbf"
#define OPENING "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\n"

/* Each is SDP_OPENING SDP_DATA("0") in other words. */
static const char *const same[] = {
	SDP_OPENING SDP_DATA("0"),
	BOM SDP_OPENING SDP_DATA("0"),
	"\r\n" SDP_OPENING SDP_DATA("0"),
	BOM "\n\r\n \t\r\n" SDP_OPENING SDP_DATA("0") "\r\n\r\n \n",
	"v=0\r\n\r\no=- 1 2 IN IP4 127.0.0.1\r\n \r\ns=-\r\n\n\nt=0 0\r\n\r\n" SDP_DATA("0"),
	SDP_OPENING SDP_DATA_LINE "\r\n" SDP_CREDENTIALS "\n" SDP_DTLS "\r\r\n"
				  "a=mid:0\r\n\r\na=sctp-port:5000\r\n",
	OPENING SDP_DATA("0"),
	OPENING "a=x-first:1\r\nt=0 0\r\n" SDP_DATA("0"),
	SDP_OPENING SDP_DATA_LINE "a=ice-ufrag: yH6Y\r\na=ice-pwd:\t" SDP_PWD "\r\na=fingerprint: " SDP_FP_A
				  "\r\na=setup:  actpass\r\na=mid: 0\r\na=sctp-port: 5000 \r\n",
	SDP_OPENING SDP_DATA(
		"0") "a=ice-options\r\na=ice-options:\r\na=tls-id\r\na=tls-id:short\r\na=sctp-init\r\na=sctp-init:\r\n"
		     "a=sctp-init:*\r\na=end-of-candidate\r\n",
};

START_TEST(test_a_description_in_other_words_is_read_as_the_same) {
	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		struct sdp *sdp;
		struct sdp_fault fault;
		ck_assert_msg(sdp_parse(sdp_env(), same[i], strlen(same[i]), &sdp, &fault) == 0, "%zu: line %u: %s", i,
		              fault.line, fault.text);
		ck_assert_int_eq(sdp_validate(sdp, false, NULL), 0);
		ck_assert_int_eq(sdp_data_index(sdp), 0);
		sdp_slice_eq(sdp->sections[0].mid, "0");
		sdp_slice_eq(sdp_data(sdp)->transport.ufrag, "yH6Y");
		sdp_slice_eq(sdp_data(sdp)->transport.pwd, SDP_PWD);
		sdp_slice_eq(sdp_data(sdp)->transport.fingerprints[0], SDP_FP_A);
		ck_assert_int_eq(sdp_data(sdp)->transport.setup, SDP_SETUP_ACTPASS);
		ck_assert_uint_eq(sdp_data(sdp)->sctp_port, 5000);
		ck_assert(!sdp_data(sdp)->sctp_init.s && sdp_data(sdp)->transport.candidates_skipped == 0);
		sdp_free(sdp_env(), sdp);
	}
}
END_TEST

START_TEST(test_lines_are_counted_with_the_empty_ones) {
	static const char text[] = BOM "\r\n" OPENING "\r\n\r\nt=0\r\n";
	struct sdp *sdp;
	struct sdp_fault fault;
	ck_assert_int_eq(sdp_parse(sdp_env(), text, sizeof text - 1, &sdp, &fault), SLUICE_MALFORMED);
	ck_assert_uint_eq(fault.line, 7);
	ck_assert_int_eq(sdp_parse(sdp_env(), BOM, 3, &sdp, &fault), SLUICE_MALFORMED);
	ck_assert_uint_eq(fault.line, 1);
	ck_assert_int_eq(sdp_parse(sdp_env(), BOM BOM "v=0", 9, &sdp, &fault), SLUICE_MALFORMED); /* one is a mark, two are not */
}
END_TEST

START_TEST(test_a_candidate_without_a_value_is_skipped_and_counted) {
	const struct sdp *sdp = sdp_parsed(SDP_OPENING SDP_DATA("0") "a=candidate:\r\na=candidate\r\na=candidate: \r\n"
	                                                             "a=candidate: 7 1 udp 1 192.0.2.1 5 typ host\r\n"
	                                                             "a=candidate:8 1 udp 1 192.0.2.1 6 typ host\r\n");
	struct candidate c;
	ck_assert_uint_eq(sdp_data(sdp)->transport.candidates_skipped, 3);
	ck_assert_uint_eq(sdp_data(sdp)->transport.candidate_count, 2);
	sdp_slice_eq(sdp_data(sdp)->transport.candidates[0], "candidate: 7 1 udp 1 192.0.2.1 5 typ host");
	ck_assert_int_eq(
		candidate_parse(sdp_data(sdp)->transport.candidates[0].s, sdp_data(sdp)->transport.candidates[0].len, &c), 0);
	ck_assert(strcmp(c.foundation, "7") == 0 && c.port == 5);
}
END_TEST

START_TEST(test_credentials_may_hold_what_libwebrtc_takes) {
	static const char ufrag[] = "a-b_c=d#", pwd[] = "-_=#+/0123456789abcdefgh";
	char text[1024];
	struct candidate c;
	snprintf(text, sizeof text, "%s%sa=ice-ufrag:%s\r\na=ice-pwd:%s\r\n%s", SDP_OPENING, SDP_DATA_LINE, ufrag, pwd, SDP_DTLS);
	const struct sdp *sdp = sdp_parsed(text);
	sdp_slice_eq(sdp_data(sdp)->transport.ufrag, ufrag);
	sdp_slice_eq(sdp_data(sdp)->transport.pwd, pwd);
	snprintf(text, sizeof text, "candidate:1 1 udp 1 192.0.2.1 5 typ host ufrag %s", ufrag);
	ck_assert_int_eq(candidate_parse(text, strlen(text), &c), 0);
	ck_assert_str_eq(c.ufrag, ufrag);
}
END_TEST

/* ---- a peer ---- */

struct call {
	struct sim sim;
	struct caller *a, *b;
	char offer[SLUICE_SDP_MAX];
};

/* b waits for a's offer, which stands in `offer`. */
static void begin(struct call *w) {
	sim_init(&w->sim, sim_seed(31));
	w->a = caller_new(&w->sim, "a", NULL);
	w->b = caller_new(&w->sim, "b", NULL);
	caller_join(w->a, w->b, &(struct link_config){.delay = 5 * SLUICE_MS}, 5 * SLUICE_MS);
	w->a->silent = w->b->silent = true;
	caller_offer(w->a);
	sim_run(&w->sim, w->sim.now + SLUICE_S); /* everything is gathered */
	ck_assert_int_gt(sluice_peer_local_description(w->a->peer, NULL, w->offer, sizeof w->offer), 0);
}

static int give(struct call *w, const char *text, size_t len) {
	return sluice_peer_set_remote_description(w->b->peer, SLUICE_SDP_OFFER, text, len);
}

static void fault_is(struct call *w, unsigned line, const char *says) {
	const char *text;
	ck_assert_uint_eq(sluice_peer_description_error(w->b->peer, &text), line);
	ck_assert_msg(*says ? strstr(text, says) != NULL : !*text, "\"%s\" is not \"%s\"", text, says);
}

START_TEST(test_each_call_tells_its_own_fault_and_no_earlier_one) {
	struct call w;
	begin(&w);
	static char huge[SLUICE_REMOTE_SDP_MAX + 1];
	memset(huge, 'x', sizeof huge);
	fault_is(&w, 0, "");
	ck_assert_int_eq(give(&w, "v=1\n", 4), SLUICE_MALFORMED);
	fault_is(&w, 1, "v=0");
	ck_assert_int_eq(give(&w, huge, sizeof huge), SLUICE_LIMIT);
	fault_is(&w, 0, "longer");
	ck_assert_int_eq(give(&w, huge, sizeof huge - 1), SLUICE_MALFORMED);
	fault_is(&w, 1, "letter");
	ck_assert_int_eq(sluice_peer_set_remote_description(w.b->peer, SLUICE_SDP_ANSWER, "v=1", 3), SLUICE_WRONG_STATE);
	fault_is(&w, 0, "");
	ck_assert_int_eq(give(&w, "v=1\n", 4), SLUICE_MALFORMED);
	ck_assert_int_eq(sluice_peer_set_local_description(w.b->peer, SLUICE_SDP_ANSWER, NULL), SLUICE_WRONG_STATE);
	fault_is(&w, 0, "");
	ck_assert_int_eq(give(&w, "v=1\n", 4), SLUICE_MALFORMED);
	ck_assert_int_eq(give(&w, w.offer, strlen(w.offer)), 0);
	fault_is(&w, 0, "");
	sim_close(&w.sim);
}
END_TEST

/* The offer with sections in front of its own; the answer is made when the offer is taken. */
static int give_behind(struct call *w, const char *section, unsigned count) {
	static char text[SLUICE_REMOTE_SDP_MAX];
	const char *data = strstr(w->offer, "m=application");
	char *at = text + snprintf(text, sizeof text, "%.*s", (int)(data - w->offer), w->offer);
	for (unsigned i = 0; i < count; i++)
		at += snprintf(at, (size_t)(text + sizeof text - at), section, i);
	at = stpcpy(at, data);
	return give(w, text, (size_t)(at - text));
}

#define SOUND "m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\nc=IN IP4 0.0.0.0\r\na=mid:a%u\r\na=rtpmap:111 opus/48000/2\r\n"

START_TEST(test_a_data_section_behind_many_others_is_answered_up_to_the_bound) {
	static const unsigned counts[] = {1, 64, 127};
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
		struct call w;
		static char answer[SLUICE_SDP_MAX];
		begin(&w);
		ck_assert_int_eq(give_behind(&w, SOUND, counts[i]), 0);
		ck_assert_int_eq(sluice_peer_set_local_description(w.b->peer, 0, NULL), 0);
		ck_assert_int_gt(sluice_peer_local_description(w.b->peer, NULL, answer, sizeof answer), 0);
		const struct sdp *sdp = sdp_parsed(answer);
		ck_assert_uint_eq(sdp->section_count, counts[i] + 1);
		ck_assert_int_eq(sdp_data_index(sdp), (int)counts[i]);
		sim_close(&w.sim);
	}
}
END_TEST

START_TEST(test_more_sections_than_the_bound_and_longer_names_than_an_answer_holds_are_limits) {
	struct call w;
	char section[1024];
	begin(&w);
	ck_assert_int_eq(give_behind(&w, SOUND, 128), SLUICE_LIMIT);
	fault_is(&w, 5 + 4 * 128 + 1, "more than 128 sections");
	snprintf(section, sizeof section, "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:%0500d%%u\r\n", 7);
	ck_assert_int_eq(give_behind(&w, section, 40), SLUICE_LIMIT);
	fault_is(&w, 0, "an answer can repeat");
	ck_assert_int_eq(sluice_peer_signaling_state(w.b->peer), SLUICE_SIGNALING_STABLE);
	ck_assert_int_eq(give_behind(&w, section, 20), 0);
	ck_assert_int_eq(sluice_peer_set_local_description(w.b->peer, 0, NULL), 0);
	sim_close(&w.sim);
}
END_TEST

START_TEST(test_a_call_connects_though_its_offer_has_candidates_that_are_none) {
	struct call w;
	begin(&w);
	char text[SLUICE_SDP_MAX], mangled[2 * SLUICE_SDP_MAX];
	/* An editor was at it: a BOM, empty lines, no t=, blanks; and a candidate that lost its value. */
	char *at = stpcpy(mangled, BOM);
	for (char *line = strtok(w.offer, "\r\n"); line; line = strtok(NULL, "\r\n"))
		if (strncmp(line, "t=", 2))
			at += sprintf(at, "%s\n\n", line);
	stpcpy(at, "a=candidate:\na=candidate:nonsense\na=candidate:1 1 udp 1 10.0.0.1\n");
	ck_assert_int_eq(give(&w, mangled, strlen(mangled)), 0);
	ck_assert_int_eq(sluice_peer_set_local_description(w.b->peer, 0, NULL), 0);
	sim_run(&w.sim, w.sim.now + SLUICE_S);
	int len = sluice_peer_local_description(w.b->peer, NULL, text, sizeof text);
	ck_assert_int_eq(sluice_peer_set_remote_description(w.a->peer, SLUICE_SDP_ANSWER, text, (size_t)len), 0);
	ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 10 * SLUICE_S, w.b->state == SLUICE_PEER_CONNECTED));
	sluice_peer_stats stats;
	sluice_peer_stats_get(w.b->peer, &stats);
	ck_assert_uint_eq(stats.candidates_skipped, 3);
	sim_close(&w.sim);
}
END_TEST

/* The longest group and mids that fit, as a stranger would send them: reading takes no time that anybody notices, because a group
 * has no more members than there may be sections. */
START_TEST(test_a_group_has_no_more_members_than_there_may_be_sections) {
	static char text[SLUICE_REMOTE_SDP_MAX];
	char *at = stpcpy(text, OPENING "a=group:BUNDLE");
	for (unsigned i = 0; i < 60000; i++)
		at = stpcpy(at, " x");
	at = stpcpy(at, " d\r\n");
	stpcpy(at, SDP_DATA("d"));
	const struct sdp *sdp = sdp_parsed(text);
	ck_assert(sdp_data_index(sdp) == 0 && !sdp_data(sdp)->bundled);
}
END_TEST

/* The second data section is the first of the group: the first one shares its transport, and none of its SCTP. */
START_TEST(test_a_fault_in_what_sections_do_not_share_is_of_no_matter_to_another) {
	const struct sdp *sdp = sdp_parsed(OPENING "a=group:BUNDLE 1 0\r\n" SDP_DATA_LINE
	                                           "a=mid:0\r\na=sctp-port:5001\r\n" SDP_DATA("1") "a=max-message-size:many\r\n");
	ck_assert_int_eq(sdp_data_index(sdp), 0);
	ck_assert_uint_eq(sdp_data(sdp)->sctp_port, 5001);
	ck_assert_ptr_nonnull(sdp_data(sdp)->transport.ufrag.s);
	ck_assert_ptr_null(sdp_data(sdp)->fault.text);
	ck_assert_ptr_nonnull(sdp->sections[1].fault.text);
}
END_TEST

SUITE("sdp lenient", test_a_description_in_other_words_is_read_as_the_same, test_lines_are_counted_with_the_empty_ones,
      test_a_candidate_without_a_value_is_skipped_and_counted, test_credentials_may_hold_what_libwebrtc_takes,
      test_each_call_tells_its_own_fault_and_no_earlier_one, test_a_data_section_behind_many_others_is_answered_up_to_the_bound,
      test_more_sections_than_the_bound_and_longer_names_than_an_answer_holds_are_limits,
      test_a_call_connects_though_its_offer_has_candidates_that_are_none,
      test_a_group_has_no_more_members_than_there_may_be_sections,
      test_a_fault_in_what_sections_do_not_share_is_of_no_matter_to_another)
