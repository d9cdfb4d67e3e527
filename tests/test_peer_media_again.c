/* What a later negotiation changes while tracks send: header extensions, payload types, codecs, SSRCs, directions. */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "peer/connection.h"
#include "peer_media_kit.h"
#include "rtp/media/media.h"
#include "rtp/media/negotiate.h"
#include "rtp/packet.h"

static struct av k; /* a test runs in a process of its own */

#define ABS_SEND_TIME "a=extmap:2 "
#define TRANSPORT_CC "a=extmap:3 "

/* ---- what packets say ------------------------------------------------------------------------------------------------- */

/* Packets of a tap, by [was it sent?] and payload type; and elements in them, by id. */
struct tapped {
	unsigned types[2][128], elements[2][128][16];
};

static void count_elements(unsigned *counts, const uint8_t *packet) {
	bool is_two_byte = get_be16(packet + 12) == RTP_EXTENSION_TWO_BYTE;
	const uint8_t *at = packet + 16, *end = at + (size_t)4 * get_be16(packet + 14);
	while (at < end) {
		unsigned id = is_two_byte ? *at : *at >> 4;
		if (id && id < 16)
			counts[id]++;
		at += !id ? 1u : is_two_byte ? 2u + at[1] : 2u + (*at & 15);
	}
}

static void on_packet(void *ctx, bool sent, const void *data, size_t len, uint64_t now) {
	struct tapped *t = ctx;
	const uint8_t *packet = data;
	(void)now;
	if (rtp_packet_is_rtcp(packet, len))
		return;
	t->types[sent][packet[1] & 127]++;
	if (packet[0] & 0x10)
		count_elements(t->elements[sent][packet[1] & 127], packet);
}

/* Taps a for a second. */
static void look(struct tapped *t) {
	memset(t, 0, sizeof *t);
	sluice_peer_set_media_tap(k.a.caller->peer, on_packet, t);
	av_run(&k, SLUICE_S);
	sluice_peer_set_media_tap(k.a.caller->peer, NULL, NULL);
}

static void connect_both(av_edit offer, av_edit answer) {
	av_exchange(&k.a, &k.b, offer, answer);
	av_run(&k, 3 * SLUICE_S);
	ck_assert_int_eq(sluice_peer_state(k.a.caller->peer), SLUICE_PEER_CONNECTED);
}

/* ---- header extensions ------------------------------------------------------------------------------------------------ */

static void cut_abs_send_time(char *sdp) {
	av_cut(sdp, ABS_SEND_TIME);
}

static void assert_element(const struct tapped *t, unsigned type, unsigned id, bool is_there) {
	for (int sent = 0; sent < 2; sent++) {
		ck_assert_uint_gt(t->types[sent][type], 20);
		ck_assert_uint_eq(t->elements[sent][type][id], is_there ? t->types[sent][type] : 0);
	}
}

START_TEST(test_an_extension_that_a_later_answer_leaves_out_is_off_both_ways_and_may_come_back) {
	struct tapped t;
	av_begin(&k, NULL);
	k.b.answers = SLUICE_SENDRECV;
	av_send(av_add(&k.a, SLUICE_AUDIO, SLUICE_SENDRECV), 20 * SLUICE_MS);
	av_send(av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDRECV), 33 * SLUICE_MS);
	connect_both(NULL, NULL);
	look(&t);
	assert_element(&t, 96, 2, true);
	assert_element(&t, 96, 3, true);
	uint32_t refused = k.a.flows[0].refused + k.a.flows[1].refused;
	av_exchange(&k.a, &k.b, cut_abs_send_time, NULL);
	look(&t);
	assert_element(&t, 96, 2, false);
	assert_element(&t, 63, 2, false);
	assert_element(&t, 96, 3, true);
	ck_assert_uint_eq(k.a.caller->peer->media->extensions.id_of[RTP_EXT_ABS_SEND_TIME], 0);
	ck_assert_uint_eq(k.b.caller->peer->media->extensions.id_of[RTP_EXT_ABS_SEND_TIME], 0);
	av_exchange(&k.a, &k.b, NULL, NULL);
	look(&t);
	assert_element(&t, 96, 2, true);
	assert_element(&t, 63, 2, true);
	ck_assert_uint_eq(k.a.flows[0].refused + k.a.flows[1].refused, refused);
	av_end(&k);
}
END_TEST

/* Of the section for video alone. */
static void cut_of_video(char *sdp) {
	av_cut(strstr(sdp, "m=video "), TRANSPORT_CC);
}

START_TEST(test_an_extension_of_one_section_is_not_in_the_packets_of_another) {
	struct tapped t;
	av_begin(&k, NULL);
	k.b.answers = SLUICE_SENDRECV;
	av_send(av_add(&k.a, SLUICE_AUDIO, SLUICE_SENDRECV), 20 * SLUICE_MS);
	av_send(av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDRECV), 33 * SLUICE_MS);
	connect_both(cut_of_video, NULL);
	look(&t);
	assert_element(&t, 63, 3, true);
	assert_element(&t, 96, 3, false);
	av_end(&k);
}
END_TEST

static void only_receive(char *sdp) {
	av_change(sdp, ABS_SEND_TIME, "a=extmap:2/recvonly http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time");
}

START_TEST(test_the_direction_of_an_extension_says_who_sends_it) {
	struct tapped t;
	av_begin(&k, NULL);
	k.b.answers = SLUICE_SENDRECV;
	av_send(av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDRECV), 33 * SLUICE_MS);
	connect_both(only_receive, NULL);
	look(&t);
	ck_assert_uint_gt(t.elements[0][96][2], 20);
	ck_assert_uint_eq(t.elements[1][96][2], 0);
	av_end(&k);
}
END_TEST

/* ---- payload types ---------------------------------------------------------------------------------------------------- */

static bool is_word(char c) {
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* In the lines that name payload types, x and y of two digits or three change places. */
static void swap_types(char *sdp, const char *x, const char *y) {
	static char out[SLUICE_SDP_MAX];
	size_t used = 0;
	bool names = false;
	for (const char *at = sdp; *at;) {
		bool begins = at == sdp || !is_word(at[-1]);
		const char *from = begins && strncmp(at, x, strlen(x)) == 0   ? x
		                   : begins && strncmp(at, y, strlen(y)) == 0 ? y
		                                                              : NULL;
		if (at == sdp || at[-1] == '\n')
			names = !strncmp(at, "m=", 2) || !strncmp(at, "a=rtpmap:", 9) || !strncmp(at, "a=fmtp:", 7) ||
			        !strncmp(at, "a=rtcp-fb:", 10);
		if (names && from && !is_word(at[strlen(from)])) {
			used += (size_t)snprintf(out + used, sizeof out - used, "%s", from == x ? y : x);
			at += strlen(from);
		} else {
			out[used++] = *at++;
		}
	}
	out[used] = 0;
	strcpy(sdp, out);
}

/* An answer whose numbers are the offer's the other way round. */
static void cross_types(char *sdp) {
	swap_types(sdp, "96", "97");
	swap_types(sdp, "111", "63");
}

/* b becomes an answerer that has such numbers: it sends with the offer's, as it must, and receives by its own. */
static void cross_receiver(struct flow *f) {
	sluice_track *t = sluice_transceiver_receiver(f->transceiver);
	sluice_codec_config c = t->codecs[0];
	if (f->kind == SLUICE_AUDIO) {
		c.payload_type = 63;
		c.red_payload_type = 111;
	} else {
		c.payload_type = 97;
		c.rtx_payload_type = 96;
	}
	ck_assert_int_eq(negotiate_codecs(t, &c, 1, t->is_sender), 0);
}

static uint64_t repaired(const struct flow *f) {
	sluice_inbound_rtp_stats s;
	ck_assert_int_eq(sluice_track_inbound_stats(sluice_transceiver_receiver(f->transceiver), 0, &s), 0);
	return s.retransmitted_packets_received;
}

static void prefer(struct flow *f, enum sluice_codec codec) {
	const sluice_codec_preference wish = {.codec = codec};
	ck_assert_int_eq(sluice_transceiver_set_codec_preferences(f->transceiver, &wish, 1), 0);
}

START_TEST(test_an_answer_with_numbers_of_its_own_is_sent_by_these_and_received_by_ours) {
	struct tapped t;
	av_begin(&k, &(struct link_config){.delay = 10 * SLUICE_MS, .loss = 0.02});
	k.b.answers = SLUICE_SENDRECV;
	struct flow *audio = av_add(&k.a, SLUICE_AUDIO, SLUICE_SENDRECV), *video = av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDRECV);
	prefer(audio, SLUICE_CODEC_OPUS);
	prefer(video, SLUICE_CODEC_VP8);
	connect_both(NULL, cross_types);
	cross_receiver(&k.b.flows[0]);
	cross_receiver(&k.b.flows[1]);
	av_send(audio, 20 * SLUICE_MS);
	av_send(video, 33 * SLUICE_MS);
	av_run(&k, SLUICE_S);
	look(&t);
	ck_assert_uint_gt(t.types[1][111], 40); /* RED, sent */
	ck_assert_uint_gt(t.types[0][63], 40);
	ck_assert_uint_gt(t.types[1][97], 40);
	ck_assert_uint_gt(t.types[0][96], 40);
	ck_assert_uint_lt(t.types[1][96], t.types[1][97] / 2); /* RTX */
	ck_assert_uint_lt(t.types[0][97], t.types[0][96] / 2);
	ck_assert_uint_eq(t.types[1][63] + t.types[0][111], 0);
	av_run(&k, 6 * SLUICE_S);
	for (int i = 0; i < 2; i++) {
		uint32_t least = i ? 220 : 380;
		ck_assert_msg(k.a.flows[i].got > least && k.b.flows[i].got > least, "%u, %u", k.a.flows[i].got, k.b.flows[i].got);
	}
	ck_assert_uint_gt(repaired(&k.a.flows[1]), 5);
	ck_assert_uint_gt(repaired(&k.b.flows[1]), 5);
	/* RFC 3264, 8.3.2: what a number of ours means does not change. */
	sluice_peer_restart_ice(k.a.caller->peer);
	ck_assert_int_eq(sluice_peer_set_local_description(k.a.caller->peer, SLUICE_SDP_OFFER, NULL), 0);
	const char *sdp = av_local(&k.a);
	ck_assert(av_has_line(sdp, "a=rtpmap:96 VP8/90000") && av_has_line(sdp, "a=fmtp:97 apt=96"));
	ck_assert(av_has_line(sdp, "a=rtpmap:111 opus/48000/2") && av_has_line(sdp, "a=rtpmap:63 red/48000/2"));
	av_end(&k);
}
END_TEST

/* ---- codecs ------------------------------------------------------------------------------------------------------------ */

/* Ends sending, and what is under way arrives. */
static void stop(struct flow *f) {
	av_send(f, 0);
	av_run(&k, 500 * SLUICE_MS);
}

static void send_as(struct flow *f, enum sluice_codec codec) {
	f->sends = codec;
	f->key_wanted = 1;
}

START_TEST(test_a_sender_changes_between_negotiated_codecs_without_a_negotiation) {
	av_begin(&k, NULL);
	struct flow *video = av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDONLY);
	connect_both(NULL, NULL);
	av_send(video, 33 * SLUICE_MS);
	av_run(&k, SLUICE_S);
	for (int i = 0; i < 4; i++) {
		struct flow *f = &k.b.flows[0];
		uint32_t got = f->got, keys = f->keys;
		send_as(video, i % 2 ? SLUICE_CODEC_VP8 : SLUICE_CODEC_VP9);
		av_run(&k, SLUICE_S);
		ck_assert_int_eq(f->codec, video->sends);
		ck_assert_uint_ge(f->got, got + 29);
		ck_assert_uint_eq(f->keys, keys + 1);
	}
	stop(video);
	ck_assert_uint_eq(video->refused, 0);
	ck_assert_uint_eq(k.b.flows[0].got, video->sent);
	av_end(&k);
}
END_TEST

/* What leaves between b's answer and its arrival is still VP8. */
START_TEST(test_a_negotiation_changes_the_codec_and_no_frame_is_lost) {
	av_begin(&k, NULL);
	struct flow *video = av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDONLY);
	connect_both(NULL, NULL);
	av_send(video, 33 * SLUICE_MS);
	av_run(&k, SLUICE_S);
	ck_assert_int_eq(k.b.flows[0].codec, SLUICE_CODEC_VP8);
	prefer(video, SLUICE_CODEC_VP9);
	av_exchange(&k.a, &k.b, NULL, NULL);
	ck_assert_ptr_null(strstr(av_local(&k.b), "VP8"));
	send_as(video, SLUICE_CODEC_VP9);
	av_run(&k, SLUICE_S);
	stop(video);
	ck_assert_int_eq(k.b.flows[0].codec, SLUICE_CODEC_VP9);
	ck_assert_uint_eq(video->refused, 0);
	ck_assert_uint_eq(k.b.flows[0].got, video->sent);
	ck_assert_uint_eq(k.b.flows[0].keys, 2);
	av_send(video, 33 * SLUICE_MS);
	send_as(video, SLUICE_CODEC_VP8);
	av_run(&k, SLUICE_S);
	ck_assert_uint_ge(video->refused, 29);
	ck_assert_int_eq(k.b.flows[0].codec, SLUICE_CODEC_VP9);
	av_end(&k);
}
END_TEST

/* ---- SSRCs ------------------------------------------------------------------------------------------------------------- */

static struct out_layer *layer_of(const struct flow *f) {
	return &sluice_transceiver_sender(f->transceiver)->out[0];
}

/* As a browser does whose sender is replaced: numbers begin anew, too, and below the last ones. */
static void take_other_ssrcs(const struct flow *f) {
	struct sluice_media *m = f->end->caller->peer->media;
	streams_change_ssrcs(m, layer_of(f)->stream);
}

START_TEST(test_a_player_begins_anew_when_a_negotiation_names_another_ssrc) {
	av_begin(&k, NULL);
	struct flow *video = av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDONLY);
	connect_both(NULL, NULL);
	for (int i = 0; i < 6; i++) {
		av_send(video, 33 * SLUICE_MS);
		av_run(&k, SLUICE_S);
		stop(video);
		uint32_t got = k.b.flows[0].got, sent = video->sent;
		take_other_ssrcs(video);
		av_exchange(&k.a, &k.b, NULL, NULL);
		ck_assert_uint_eq(sluice_transceiver_receiver(k.b.flows[0].transceiver)->in[0].ssrc, layer_of(video)->ssrc);
		video->key_wanted = 1;
		av_send(video, 33 * SLUICE_MS);
		av_run(&k, SLUICE_S);
		stop(video);
		ck_assert_uint_eq(k.b.flows[0].got - got, video->sent - sent);
	}
	av_end(&k);
}
END_TEST

START_TEST(test_the_description_after_a_collision_names_the_new_ssrcs) {
	char line[64], group[64];
	av_begin(&k, NULL);
	struct flow *video = av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDONLY);
	connect_both(NULL, NULL);
	av_send(video, 33 * SLUICE_MS);
	av_run(&k, SLUICE_S);
	uint32_t before = layer_of(video)->ssrc;
	snprintf(line, sizeof line, "a=ssrc:%u cname:%s", before, k.a.caller->peer->cname);
	ck_assert(av_has_line(av_local(&k.a), line));
	/* A packet of b's with a's SSRC. */
	struct flow *other = av_add(&k.b, SLUICE_VIDEO, SLUICE_SENDONLY);
	av_exchange(&k.b, &k.a, NULL, NULL);
	struct rtp_out_ssrcs same = {.ssrc = before, .rtx_ssrc = 4711, .first = 1, .rtx_first = 1};
	struct sluice_media *m = k.b.caller->peer->media;
	rtp_session_remove_in(m->session, sluice_transceiver_receiver(k.b.flows[0].transceiver)->in[0].stream);
	m->in[sluice_transceiver_receiver(k.b.flows[0].transceiver)->in[0].stream] = NULL;
	sluice_transceiver_receiver(k.b.flows[0].transceiver)->in[0].stream = -1;
	ck_assert_int_eq(rtp_session_change_ssrcs(m->session, layer_of(other)->stream, &same), 0);
	av_send(other, 33 * SLUICE_MS);
	ck_assert(SIM_UNTIL(&k.sim, k.sim.now + 2 * SLUICE_S, layer_of(video)->ssrc != before));
	av_send(other, 0);
	sluice_outbound_rtp_stats s;
	ck_assert_int_eq(sluice_track_outbound_stats(sluice_transceiver_sender(video->transceiver), 0, &s), 0);
	ck_assert_uint_eq(s.ssrc, layer_of(video)->ssrc);
	ck_assert(av_has_line(av_local(&k.a), line)); /* the description in force stays as it was given */
	av_exchange(&k.a, &k.b, NULL, NULL);
	ck_assert(!av_has_line(av_local(&k.a), line));
	snprintf(line, sizeof line, "a=ssrc:%u cname:%s", s.ssrc, k.a.caller->peer->cname);
	snprintf(group, sizeof group, "a=ssrc-group:FID %u %u", s.ssrc, layer_of(video)->rtx_ssrc);
	ck_assert(av_has_line(av_local(&k.a), line) && av_has_line(av_local(&k.a), group));
	av_end(&k);
}
END_TEST

/* ---- streams ----------------------------------------------------------------------------------------------------------- */

static bool is_in_streams(const struct flow *f, const char *first, const char *second) {
	const char *a = sluice_transceiver_remote_stream(f->transceiver, 0);
	const char *b = a ? sluice_transceiver_remote_stream(f->transceiver, 1) : NULL;
	return (first ? a && strcmp(a, first) == 0 : !a) && (second ? b && strcmp(b, second) == 0 : !b);
}

static void name_streams(struct av_end *e, struct flow *f) {
	static const char *const ids[] = {"room", "screen"};
	(void)e;
	ck_assert_int_eq(sluice_transceiver_set_streams(f->transceiver, ids, 2), 0);
}

START_TEST(test_the_answerer_of_an_offer_puts_its_track_into_streams_and_changes_them_later) {
	static const char *const other = "other";
	av_begin(&k, NULL);
	k.b.answers = SLUICE_SENDRECV;
	k.b.in_track = name_streams;
	struct flow *video = av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDRECV);
	av_settle(&k);
	struct flow *answers = &k.b.flows[0];
	ck_assert(is_in_streams(video, "room", "screen"));
	ck_assert(is_in_streams(answers, NULL, NULL));
	/* The description in force stays as it was given, and a negotiation follows. */
	k.a.caller->silent = k.b.caller->silent = true;
	ck_assert_int_eq(sluice_transceiver_set_streams(answers->transceiver, &other, 1), 0);
	ck_assert_ptr_null(strstr(av_local(&k.b), "a=msid:other "));
	ck_assert_ptr_nonnull(strstr(av_local(&k.b), "a=msid:screen "));
	k.a.caller->silent = k.b.caller->silent = false;
	av_settle(&k);
	ck_assert_ptr_nonnull(strstr(av_local(&k.b), "a=msid:other "));
	ck_assert(is_in_streams(video, "other", NULL));
	ck_assert_int_eq(sluice_transceiver_set_streams(video->transceiver, &other, 1), 0);
	av_settle(&k);
	ck_assert(is_in_streams(answers, "other", NULL));
	ck_assert_int_eq(sluice_transceiver_set_streams(video->transceiver, NULL, 0), 0);
	av_settle(&k);
	ck_assert(is_in_streams(answers, NULL, NULL));
	ck_assert_uint_eq(k.a.tracks + k.b.tracks, 2);
	av_end(&k);
}
END_TEST

START_TEST(test_streams_that_cannot_be_written_are_refused) {
	static const char *const many[] = {"a", "b", "c", "d", "e"};
	static const char *const wrong[] = {"", "with space", "\r\n",
	                                    "0123456789012345678901234567890123456789012345678901234567890123x"};
	av_begin(&k, NULL);
	struct flow *video = av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDRECV);
	ck_assert_int_eq(sluice_transceiver_set_streams(video->transceiver, many, 5), SLUICE_INVALID);
	ck_assert_int_eq(sluice_transceiver_set_streams(video->transceiver, NULL, 1), SLUICE_INVALID);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ck_assert_int_eq(sluice_transceiver_set_streams(video->transceiver, &wrong[i], 1), SLUICE_INVALID);
	ck_assert_int_eq(sluice_transceiver_set_streams(video->transceiver, many, 4), 0);
	av_settle(&k);
	sluice_transceiver_stop(video->transceiver);
	ck_assert_int_eq(sluice_transceiver_set_streams(video->transceiver, many, 4), SLUICE_WRONG_STATE);
	av_end(&k);
}
END_TEST

/* ---- directions -------------------------------------------------------------------------------------------------------- */

START_TEST(test_video_that_was_inactive_is_active_again_both_ways) {
	av_begin(&k, NULL);
	k.b.answers = SLUICE_SENDRECV;
	struct flow *video = av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDRECV);
	av_send(video, 33 * SLUICE_MS);
	av_settle(&k);
	av_run(&k, SLUICE_S);
	for (int by_answerer = 0; by_answerer < 2; by_answerer++) {
		struct flow *from = by_answerer ? &k.b.flows[0] : video, *to = by_answerer ? video : &k.b.flows[0];
		ck_assert_int_eq(sluice_transceiver_set_direction(from->transceiver, SLUICE_INACTIVE), 0);
		av_settle(&k);
		uint32_t got = from->got + to->got;
		av_run(&k, SLUICE_S);
		ck_assert_uint_eq(from->got + to->got, got);
		ck_assert(from->muted && to->muted);
		ck_assert(av_has_line(av_local(&k.a), "a=inactive") && av_has_line(av_local(&k.b), "a=inactive"));
		uint32_t keys[] = {from->keys, to->keys}, gots[] = {from->got, to->got};
		ck_assert_int_eq(sluice_transceiver_set_direction(from->transceiver, SLUICE_SENDRECV), 0);
		av_settle(&k);
		av_run(&k, SLUICE_S);
		ck_assert(!from->muted && !to->muted);
		ck_assert(from->keys > keys[0] && to->keys > keys[1]);
		ck_assert_uint_ge(from->got, gots[0] + 28);
		ck_assert_uint_ge(to->got, gots[1] + 28);
	}
	av_end(&k);
}
END_TEST

SUITE("later negotiations", test_an_extension_that_a_later_answer_leaves_out_is_off_both_ways_and_may_come_back,
      test_an_extension_of_one_section_is_not_in_the_packets_of_another, test_the_direction_of_an_extension_says_who_sends_it,
      test_an_answer_with_numbers_of_its_own_is_sent_by_these_and_received_by_ours,
      test_a_sender_changes_between_negotiated_codecs_without_a_negotiation,
      test_a_negotiation_changes_the_codec_and_no_frame_is_lost, test_a_player_begins_anew_when_a_negotiation_names_another_ssrc,
      test_the_description_after_a_collision_names_the_new_ssrcs,
      test_the_answerer_of_an_offer_puts_its_track_into_streams_and_changes_them_later,
      test_streams_that_cannot_be_written_are_refused, test_video_that_was_inactive_is_active_again_both_ways)
