/* Descriptions of audio and video that a peer must not be led astray by, and an app that is hard on its transceivers. */
#include <stdlib.h>
#include <string.h>

#include "peer/connection.h"
#include "peer_media_kit.h"

static struct av k; /* a test runs in a process of its own */

static sluice_peer *a(void) {
	return k.a.caller->peer;
}

static sluice_peer *b(void) {
	return k.b.caller->peer;
}

static unsigned count(const char *text, const char *part) {
	unsigned n = 0;
	for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part))
		n++;
	return n;
}

/* Both sides signal by hand. */
static void be_silent(void) {
	k.a.caller->silent = k.b.caller->silent = true;
}

static void offer(void) {
	ck_assert_int_eq(sluice_peer_set_local_description(a(), SLUICE_SDP_OFFER, NULL), 0);
	const char *sdp = av_local(&k.a);
	ck_assert_int_eq(sluice_peer_set_remote_description(b(), SLUICE_SDP_OFFER, sdp, strlen(sdp)), 0);
}

/* b's answer to it. */
static const char *answer(void) {
	offer();
	ck_assert_int_eq(sluice_peer_set_local_description(b(), SLUICE_SDP_ANSWER, NULL), 0);
	return av_local(&k.b);
}

static int take(const char *sdp) {
	return sluice_peer_set_remote_description(a(), SLUICE_SDP_ANSWER, sdp, strlen(sdp));
}

START_TEST(test_an_offer_made_twice_names_a_new_section_once) {
	av_begin(&k, NULL);
	be_silent();
	av_add(&k.a, SLUICE_AUDIO, SLUICE_SENDRECV);
	struct flow *gone = av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDRECV);
	ck_assert_int_eq(take(answer()), 0);
	sluice_transceiver_stop(gone->transceiver);
	ck_assert_int_eq(take(answer()), 0);
	av_run(&k, 100 * SLUICE_MS);
	av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDRECV);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(sluice_peer_set_local_description(a(), SLUICE_SDP_OFFER, NULL), 0);
		const char *sdp = av_local(&k.a);
		ck_assert_uint_eq(av_section_count(sdp), 2);
		ck_assert_uint_eq(count(sdp, "\na=mid:2\r"), 1);
	}
	ck_assert_int_eq(take(answer()), 0);
	av_end(&k);
}
END_TEST

START_TEST(test_preferences_that_change_while_an_answer_is_on_its_way_are_for_later) {
	av_begin(&k, NULL);
	be_silent();
	struct flow *f = av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDRECV);
	const sluice_codec_preference vp8 = {.codec = SLUICE_CODEC_VP8}, vp9 = {.codec = SLUICE_CODEC_VP9};
	ck_assert_int_eq(sluice_transceiver_set_codec_preferences(f->transceiver, &vp8, 1), 0);
	const char *sdp = answer();
	ck_assert_int_eq(sluice_transceiver_set_codec_preferences(f->transceiver, &vp9, 1), 0);
	ck_assert_int_eq(take(sdp), 0);
	const sluice_codec_config *c = sluice_track_codec(sluice_transceiver_sender(f->transceiver));
	ck_assert_ptr_nonnull(c);
	ck_assert_int_eq(c->codec, SLUICE_CODEC_VP8);
	av_end(&k);
}
END_TEST

START_TEST(test_an_answer_whose_sections_have_other_mids_is_malformed) {
	av_begin(&k, NULL);
	be_silent();
	av_add(&k.a, SLUICE_AUDIO, SLUICE_SENDRECV);
	av_add(&k.a, SLUICE_AUDIO, SLUICE_SENDRECV);
	char *sdp = strdup(answer());
	char *first = strstr(sdp, "\na=mid:0"), *second = strstr(sdp, "\na=mid:1");
	ck_assert(first && second);
	first[7] = '1';
	second[7] = '0';
	ck_assert_int_eq(take(sdp), SLUICE_MALFORMED);
	first[7] = '0';
	second[7] = '1';
	ck_assert_int_eq(take(sdp), 0);
	free(sdp);
	av_end(&k);
}
END_TEST

START_TEST(test_an_answer_adds_no_codec_to_what_was_offered) {
	av_begin(&k, NULL);
	be_silent();
	struct flow *f = av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDRECV);
	const sluice_codec_preference vp8 = {.codec = SLUICE_CODEC_VP8};
	ck_assert_int_eq(sluice_transceiver_set_codec_preferences(f->transceiver, &vp8, 1), 0);
	offer();
	ck_assert_int_eq(sluice_transceiver_set_codec_preferences(f->transceiver, NULL, 0), 0);
	ck_assert_int_eq(sluice_peer_set_local_description(b(), SLUICE_SDP_ANSWER, NULL), 0);
	static char sdp[SLUICE_SDP_MAX];
	const char *own = av_local(&k.b), *at = strstr(own, "a=rtpmap:96 VP8");
	ck_assert_ptr_nonnull(at);
	char *formats = strstr(strcpy(sdp, own), "UDP/TLS/RTP/SAVPF 96");
	ck_assert_ptr_nonnull(formats);
	size_t len = (size_t)(formats - sdp) + strlen("UDP/TLS/RTP/SAVPF ");
	strcpy(sdp + len, "98 ");
	strcpy(sdp + len + 3, own + len);
	size_t maps = (size_t)(at - own) + 3;
	strcpy(sdp + maps, "a=rtpmap:98 VP9/90000\r\na=fmtp:98 profile-id=0\r\n");
	strcat(sdp, at);
	ck_assert_int_eq(take(sdp), 0);
	const sluice_codec_config *c = sluice_track_codec(sluice_transceiver_sender(f->transceiver));
	ck_assert_ptr_nonnull(c);
	ck_assert_int_eq(c->codec, SLUICE_CODEC_VP8);
	av_end(&k);
}
END_TEST

START_TEST(test_thousands_of_transceivers_that_come_and_go_leave_nothing) {
	av_begin(&k, NULL);
	be_silent();
	size_t after[2] = {0, 0};
	for (unsigned half = 0; half < 2; half++) {
		for (unsigned i = 0; i < 2500; i++) {
			sluice_transceiver *t;
			ck_assert_int_eq(sluice_peer_add_transceiver(a(), i & 1 ? SLUICE_AUDIO : SLUICE_VIDEO, NULL, &t), 0);
			sluice_transceiver_stop(t);
			av_run(&k, SLUICE_MS);
		}
		after[half] = k.a.caller->memory.bytes;
	}
	ck_assert_uint_le(after[1], after[0] + 4096);
	av_end(&k);
}
END_TEST

/* Takes the lines with mids away, as of an old offer. */
static void drop_mids(char *sdp) {
	for (char *at; (at = strstr(sdp, "\na=mid:")) || (at = strstr(sdp, "\na=group:"));) {
		const char *end = strchr(at + 1, '\n');
		memmove(at, end, strlen(end) + 1);
	}
}

START_TEST(test_sections_without_a_mid_get_one_in_our_offer) {
	static char sdp[SLUICE_SDP_MAX];
	av_begin(&k, NULL);
	be_silent();
	ck_assert_int_eq(sluice_peer_create_offer(a(), sdp, sizeof sdp) > 0, 1);
	drop_mids(sdp);
	ck_assert_int_eq(sluice_peer_set_remote_description(b(), SLUICE_SDP_OFFER, sdp, strlen(sdp)), 0);
	ck_assert_int_eq(sluice_peer_set_local_description(b(), SLUICE_SDP_ANSWER, NULL), 0);
	ck_assert_int_gt(sluice_peer_create_offer(b(), sdp, sizeof sdp), 0);
	ck_assert_uint_eq(count(sdp, "\na=mid:\r"), 0);
	ck_assert_uint_eq(count(sdp, "\na=mid:"), 1);
	av_end(&k);
}
END_TEST

/* The app finds transceivers of an offer before on_track says that they are there. */
START_TEST(test_a_track_of_a_transceiver_that_was_stopped_is_not_announced) {
	av_begin(&k, NULL);
	be_silent();
	av_add(&k.a, SLUICE_AUDIO, SLUICE_SENDRECV);
	av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDRECV);
	offer();
	sluice_transceiver_stop(sluice_peer_transceiver(b(), 0));
	av_run(&k, 100 * SLUICE_MS);
	ck_assert_uint_eq(k.b.tracks, 1);
	ck_assert_int_eq(sluice_transceiver_kind(k.b.flows[0].transceiver), SLUICE_VIDEO);
	av_end(&k);
}
END_TEST

START_TEST(test_what_is_stopped_while_its_first_offer_waits_goes_with_the_offer) {
	for (unsigned how = 0; how < 2; how++) {
		av_begin(&k, NULL);
		be_silent();
		av_add(&k.a, SLUICE_AUDIO, SLUICE_SENDRECV);
		struct flow *gone = av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDRECV);
		offer();
		sluice_transceiver_stop(gone->transceiver);
		if (how == 0)
			ck_assert_int_eq(sluice_peer_set_local_description(a(), SLUICE_SDP_ROLLBACK, NULL), 0);
		ck_assert_int_eq(take(answer()), 0);
		ck_assert_uint_eq(av_section_count(av_local(&k.a)), 1);
		ck_assert_ptr_null(sluice_peer_transceiver(a(), 1));
		ck_assert(!a()->negotiation.needed && !b()->negotiation.needed);
		av_end(&k);
	}
}
END_TEST

START_TEST(test_a_created_offer_whose_transceiver_is_gone_is_not_set) {
	static char sdp[SLUICE_SDP_MAX];
	av_begin(&k, NULL);
	be_silent();
	av_add(&k.a, SLUICE_AUDIO, SLUICE_SENDRECV);
	struct flow *gone = av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDRECV);
	ck_assert_int_gt(sluice_peer_create_offer(a(), sdp, sizeof sdp), 0);
	sluice_transceiver_stop(gone->transceiver);
	ck_assert_int_eq(sluice_peer_set_local_description(a(), SLUICE_SDP_OFFER, sdp), SLUICE_INVALID);
	ck_assert_int_eq(sluice_peer_signaling_state(a()), SLUICE_SIGNALING_STABLE);
	ck_assert_int_eq(take(answer()), 0);
	ck_assert_uint_eq(av_section_count(av_local(&k.a)), 1);
	av_end(&k);
}
END_TEST

START_TEST(test_an_answer_that_rejects_all_media_stops_the_transceivers_and_not_the_peer) {
	av_begin(&k, NULL);
	k.a.caller->silent = k.b.caller->silent = true;
	for (unsigned round = 0; round < 3; round++) {
		av_add(&k.a, SLUICE_AUDIO, SLUICE_SENDRECV);
		offer();
		if (round != 1)
			sluice_transceiver_stop(sluice_peer_transceiver(b(), 0));
		ck_assert_int_eq(sluice_peer_set_local_description(b(), SLUICE_SDP_ANSWER, NULL), 0);
		ck_assert_int_eq(take(av_local(&k.b)), 0);
		av_run(&k, SLUICE_S);
		ck_assert_int_eq(sluice_peer_error(a(), NULL), 0);
		ck_assert(!a()->negotiation.needed && !b()->negotiation.needed);
		if (round == 1) {
			ck_assert_int_eq(sluice_peer_state(a()), SLUICE_PEER_CONNECTED);
			sluice_transceiver_stop(sluice_peer_transceiver(a(), 0));
			ck_assert_int_eq(take(answer()), 0);
		}
		ck_assert_ptr_null(sluice_peer_transceiver(a(), 0));
	}
	av_end(&k);
}
END_TEST

START_TEST(test_the_layers_of_a_simulcast_survive_an_offer_of_whoever_takes_them) {
	static const sluice_encoding layers[] = {{.rid = "l"}, {.rid = "h"}};
	av_begin(&k, NULL);
	const sluice_transceiver_config c = {.direction = SLUICE_SENDONLY, .encodings = layers, .encoding_count = 2};
	struct flow *f = av_add_with(&k.a, SLUICE_VIDEO, &c);
	f->layers = 2;
	av_send(f, 33 * SLUICE_MS);
	av_settle(&k);
	av_add(&k.b, SLUICE_AUDIO, SLUICE_SENDRECV);
	av_settle(&k);
	ck_assert(strstr(av_local(&k.b), "a=simulcast:recv l;h"));
	/* And a description without layers in between takes them away for as long as it holds. */
	ck_assert_int_eq(sluice_transceiver_set_direction(f->transceiver, SLUICE_INACTIVE), 0);
	av_settle(&k);
	ck_assert_int_eq(sluice_transceiver_set_direction(f->transceiver, SLUICE_SENDONLY), 0);
	av_settle(&k);
	const struct flow *taker = av_flow_of_mid(&k.b, sluice_transceiver_mid(f->transceiver));
	uint32_t before[2] = {taker->got_of[0], taker->got_of[1]};
	av_run(&k, 2 * SLUICE_S);
	ck_assert_uint_gt(taker->got_of[0], before[0] + 30);
	ck_assert_uint_gt(taker->got_of[1], before[1] + 30);
	av_end(&k);
}
END_TEST

START_TEST(test_a_wish_to_restart_what_is_not_there_asks_for_no_offer) {
	av_begin(&k, NULL);
	be_silent();
	ck_assert_int_eq(sluice_peer_restart_ice(a()), 0);
	ck_assert(!a()->negotiation.needed);
	av_add(&k.a, SLUICE_AUDIO, SLUICE_SENDRECV);
	ck_assert_int_eq(take(answer()), 0);
	ck_assert(a()->negotiation.needed);
	ck_assert_int_eq(take(answer()), 0);
	ck_assert(!a()->negotiation.needed);
	av_end(&k);
}
END_TEST

SUITE("peer, attacks with media", test_an_offer_made_twice_names_a_new_section_once,
      test_preferences_that_change_while_an_answer_is_on_its_way_are_for_later,
      test_an_answer_whose_sections_have_other_mids_is_malformed, test_an_answer_adds_no_codec_to_what_was_offered,
      test_thousands_of_transceivers_that_come_and_go_leave_nothing, test_sections_without_a_mid_get_one_in_our_offer,
      test_a_track_of_a_transceiver_that_was_stopped_is_not_announced,
      test_what_is_stopped_while_its_first_offer_waits_goes_with_the_offer,
      test_a_created_offer_whose_transceiver_is_gone_is_not_set,
      test_an_answer_that_rejects_all_media_stops_the_transceivers_and_not_the_peer,
      test_the_layers_of_a_simulcast_survive_an_offer_of_whoever_takes_them,
      test_a_wish_to_restart_what_is_not_there_asks_for_no_offer)
