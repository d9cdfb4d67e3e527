/* Answers that take less than was offered, media that comes before the keys, and the tap. */
#include <string.h>

#include "base/packet_kind.h"
#include "peer/connection.h"
#include "peer_media_kit.h"
#include "sluice/error.h"

static struct av k; /* a test runs in a process of its own */

static const sluice_encoding three[] = {{.rid = "q"}, {.rid = "h"}, {.rid = "f"}};

static void reject_data(char *sdp) {
	char *at = strstr(sdp, "m=application ");
	ck_assert(at != NULL);
	at += strlen("m=application ");
	memmove(at + 1, strchr(at, ' '), strlen(strchr(at, ' ')) + 1);
	*at = '0';
}

/* a offers, and both connect. */
static void negotiate(av_edit offer, av_edit answer) {
	av_exchange(&k.a, &k.b, offer, answer);
	av_run(&k, 5 * SLUICE_S);
	ck_assert_int_eq(sluice_peer_state(k.a.caller->peer), SLUICE_PEER_CONNECTED);
}

/* ---- an answer that sends ----------------------------------------------------------------------------------------------- */

static const char *answer_of_b(void) {
	ck_assert_int_eq(sluice_peer_set_local_description(k.b.caller->peer, SLUICE_SDP_ANSWER, NULL), 0);
	return av_local(&k.b);
}

/* on_track runs in the next dispatch. An app that answers at once sets its direction before. */
START_TEST(test_a_direction_set_behind_the_offer_is_in_the_answer_and_one_set_in_on_track_is_too_late_for_it) {
	for (int early = 0; early < 2; early++) {
		av_begin(&k, NULL);
		k.b.answers = SLUICE_SENDRECV;
		k.a.caller->silent = k.b.caller->silent = true;
		av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDRECV);
		ck_assert_int_eq(sluice_peer_set_local_description(k.a.caller->peer, SLUICE_SDP_OFFER, NULL), 0);
		ck_assert_int_eq(caller_give(k.a.caller, k.b.caller), 0);
		sluice_transceiver *t = sluice_peer_transceiver(k.b.caller->peer, 0);
		ck_assert_int_eq(sluice_transceiver_direction(t), SLUICE_RECVONLY);
		ck_assert_uint_eq(k.b.tracks, 0);
		if (early)
			ck_assert_int_eq(sluice_transceiver_set_direction(t, SLUICE_SENDRECV), 0);
		ck_assert(av_has_line(answer_of_b(), early ? "a=sendrecv" : "a=recvonly"));
		ck_assert_int_eq(caller_give(k.b.caller, k.a.caller), 0);
		caller_log(k.b.caller);
		av_run(&k, 5 * SLUICE_S);
		ck_assert_uint_eq(k.b.tracks, 1);
		ck_assert_int_eq(sluice_transceiver_direction(t), SLUICE_SENDRECV);
		ck_assert_int_eq(sluice_transceiver_current_direction(t), early ? SLUICE_SENDRECV : SLUICE_RECVONLY);
		ck_assert_int_eq(strstr(caller_log(k.b.caller), "negotiation") == NULL, early);
		av_end(&k);
	}
}
END_TEST

/* ---- simulcast -------------------------------------------------------------------------------------------------------- */

static struct flow *offer_three(av_edit answer) {
	av_begin(&k, NULL);
	struct flow *video = av_add_with(
		&k.a, SLUICE_VIDEO,
		&(sluice_transceiver_config){.direction = SLUICE_SENDONLY, .encodings = three, .encoding_count = 3});
	video->layers = 3;
	video->size = 1000;
	negotiate(NULL, answer);
	return video;
}

static uint64_t sent_of(const struct flow *f, unsigned layer) {
	sluice_outbound_rtp_stats s;
	ck_assert_int_eq(sluice_track_outbound_stats(sluice_transceiver_sender(f->transceiver), layer, &s), 0);
	return s.frames_sent;
}

static void take_no_layers(char *sdp) {
	av_cut(sdp, "a=simulcast:");
	av_cut(sdp, "a=rid:");
}

START_TEST(test_an_answer_without_simulcast_gets_one_stream_without_a_rid) {
	struct flow *video = offer_three(take_no_layers);
	av_send(video, 33 * SLUICE_MS);
	av_run(&k, 5 * SLUICE_S);
	ck_assert_uint_gt(sent_of(video, 0), 100);
	ck_assert_uint_eq(sent_of(video, 1), 0);
	ck_assert_uint_eq(sent_of(video, 2), 0);
	av_end(&k);
}
END_TEST

static void take_two_layers(char *sdp) {
	av_change(sdp, "a=simulcast:recv q;h;f", "a=simulcast:recv q;f");
	av_cut(sdp, "a=rid:h ");
}

START_TEST(test_an_answer_may_take_two_of_three_layers) {
	struct flow *video = offer_three(take_two_layers);
	av_send(video, 33 * SLUICE_MS);
	av_run(&k, 10 * SLUICE_S);
	ck_assert_uint_gt(k.b.flows[0].got_of[0], 100);
	ck_assert_uint_eq(sent_of(video, 1), 0);
	ck_assert_uint_gt(k.b.flows[0].got_of[2], 100);
	av_end(&k);
}
END_TEST

/* ---- the tap ---------------------------------------------------------------------------------------------------------- */

struct tapped {
	unsigned rtp[2], rtcp[2]; /* received, sent */
};

static void on_packet(void *ctx, bool sent, const void *data, size_t len, uint64_t now) {
	struct tapped *t = ctx;
	const uint8_t *packet = data;
	(void)now;
	ck_assert_uint_ge(len, 8);
	ck_assert_uint_eq(packet[0] >> 6, 2);
	if (packet[1] >= 192 && packet[1] <= 223)
		t->rtcp[sent]++;
	else
		t->rtp[sent]++;
}

START_TEST(test_the_tap_has_each_packet_of_both_sides) {
	struct tapped a = {{0}, {0}}, b = {{0}, {0}};
	sluice_media_stats sent;
	av_begin(&k, NULL);
	sluice_peer_set_media_tap(k.a.caller->peer, on_packet, &a);
	struct flow *video = av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDONLY);
	sluice_peer_set_media_tap(k.b.caller->peer, on_packet, &b);
	av_settle(&k);
	av_send(video, 33 * SLUICE_MS);
	av_run(&k, 3 * SLUICE_S);
	av_send(video, 0);
	av_run(&k, SLUICE_S);
	ck_assert_uint_gt(a.rtp[1], 200);
	ck_assert_uint_eq(a.rtp[1], b.rtp[0]);
	ck_assert_uint_gt(b.rtcp[1], 10);
	ck_assert_uint_eq(b.rtcp[1], a.rtcp[0]);
	sluice_peer_media_stats_get(k.a.caller->peer, &sent);
	ck_assert_uint_eq(sent.packets_sent, a.rtp[1] + a.rtcp[1]);
	sluice_peer_set_media_tap(k.a.caller->peer, NULL, NULL);
	unsigned before = a.rtp[1];
	av_send(video, 33 * SLUICE_MS);
	av_run(&k, SLUICE_S);
	ck_assert_uint_eq(a.rtp[1], before);
	av_end(&k);
}
END_TEST

/* ---- data that is rejected -------------------------------------------------------------------------------------------- */

START_TEST(test_a_first_answer_that_rejects_data_closes_the_channels_and_media_travels) {
	av_begin(&k, NULL);
	struct flow *video = av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDONLY);
	caller_open(k.a.caller, "hello");
	negotiate(reject_data, NULL);
	ck_assert_uint_eq(k.a.caller->closed, 1);
	av_send(video, 33 * SLUICE_MS);
	av_run(&k, 3 * SLUICE_S);
	ck_assert_uint_gt(k.b.flows[0].got, 60);
	ck_assert_int_eq(k.a.caller->state, SLUICE_PEER_CONNECTED);
	sluice_peer_close(k.a.caller->peer);
	av_run(&k, 5 * SLUICE_S);
	ck_assert_int_eq(k.a.caller->state, SLUICE_PEER_CLOSED);
	av_end(&k);
}
END_TEST

START_TEST(test_data_that_is_rejected_later_ends_in_order_and_media_goes_on) {
	av_begin(&k, NULL);
	struct flow *video = av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDONLY);
	caller_open(k.a.caller, "hello");
	av_send(video, 33 * SLUICE_MS);
	av_settle(&k);
	ck_assert_uint_eq(k.a.caller->opened, 1);
	negotiate(reject_data, NULL);
	ck_assert_uint_eq(k.a.caller->closed, 1);
	ck_assert_uint_eq(k.b.caller->closed, 1);
	unsigned got = k.b.flows[0].got;
	av_run(&k, 3 * SLUICE_S);
	ck_assert_uint_gt(k.b.flows[0].got, got + 60);
	ck_assert_int_eq(k.a.caller->state, SLUICE_PEER_CONNECTED);
	sluice_peer_close(k.a.caller->peer);
	av_run(&k, 5 * SLUICE_S);
	ck_assert_int_eq(k.a.caller->state, SLUICE_PEER_CLOSED);
	av_end(&k);
}
END_TEST

START_TEST(test_data_that_was_rejected_comes_back_in_its_place_from_either_side) {
	av_begin(&k, NULL);
	struct flow *video = av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDONLY);
	caller_open(k.a.caller, "hello");
	av_send(video, 33 * SLUICE_MS);
	av_settle(&k);
	ck_assert_uint_eq(k.b.caller->received, 1);
	for (unsigned round = 1; round < 5; round++) {
		negotiate(reject_data, NULL);
		ck_assert_uint_eq(k.a.caller->closed, round);
		ck_assert_uint_eq(k.b.caller->closed, round);
		struct av_end *from = round % 2 ? &k.a : &k.b, *to = round % 2 ? &k.b : &k.a;
		unsigned received = to->caller->received;
		caller_open(from->caller, "again");
		av_exchange(from, to, NULL, NULL);
		av_run(&k, 3 * SLUICE_S);
		ck_assert_uint_eq(to->caller->received, received + 1);
		ck_assert_str_eq(to->caller->last_message, "again");
		ck_assert_uint_eq(av_section_count(av_local(&k.a)), 2);
		ck_assert_int_eq(k.a.caller->state, SLUICE_PEER_CONNECTED);
		ck_assert_int_eq(k.b.caller->state, SLUICE_PEER_CONNECTED);
	}
	uint32_t got = k.b.flows[0].got;
	av_run(&k, SLUICE_S);
	ck_assert_uint_gt(k.b.flows[0].got, got + 25);
	sluice_peer_close(k.a.caller->peer);
	av_run(&k, 5 * SLUICE_S);
	ck_assert_int_eq(k.a.caller->state, SLUICE_PEER_CLOSED);
	ck_assert_int_eq(k.b.caller->state, SLUICE_PEER_CLOSED);
	av_end(&k);
}
END_TEST

static enum link_verdict drop_records(void *ctx, struct sim_link *link, uint8_t *packet, size_t *len, uint64_t now) {
	(void)link, (void)now;
	return packet_kind_of(packet, *len) == PACKET_DTLS && *(const bool *)ctx ? LINK_DROP : LINK_PASS;
}

/* b sees data rejected by an offerer that has forgotten its association. */
START_TEST(test_channels_end_where_an_offer_rejects_data_and_nothing_more_comes_of_it) {
	bool is_silent = false;
	av_begin(&k, NULL);
	struct flow *video = av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDONLY);
	caller_open(k.a.caller, "hello");
	av_send(video, 33 * SLUICE_MS);
	av_settle(&k);
	link_filter(sim_link(&k.sim, k.a.caller->host, k.b.caller->host), drop_records, &is_silent);
	is_silent = true;
	av_exchange(&k.a, &k.b, reject_data, NULL);
	ck_assert_uint_eq(k.b.caller->closed, 0);
	ck_assert(SIM_UNTIL(&k.sim, k.sim.now + 5 * 60 * SLUICE_S, k.b.caller->closed == 1));
	uint32_t got = k.b.flows[0].got;
	av_run(&k, SLUICE_S);
	ck_assert_uint_gt(k.b.flows[0].got, got + 25);
	ck_assert_int_eq(k.b.caller->state, SLUICE_PEER_CONNECTED);
	av_end(&k);
}
END_TEST

/* ---- before the keys --------------------------------------------------------------------------------------------------- */

/* a's last flight is lost until media has come that b cannot open yet. */
static enum link_verdict drop_flight(void *ctx, struct sim_link *link, uint8_t *packet, size_t *len, uint64_t now) {
	(void)ctx, (void)link, (void)now;
	const sluice_peer *a = k.a.caller->peer, *b = k.b.caller->peer;
	bool is_full = b->media_early && k.a.flows[0].sent > 10;
	return packet_kind_of(packet, *len) == PACKET_DTLS && a->dtls_up && !is_full ? LINK_DROP : LINK_PASS;
}

START_TEST(test_media_that_overtakes_the_keys_is_held) {
	av_begin(&k, NULL);
	struct flow *video = av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDONLY);
	link_filter(sim_link(&k.sim, k.a.caller->host, k.b.caller->host), drop_flight, NULL);
	sim_settle(&k.sim);
	ck_assert(SIM_UNTIL(&k.sim, k.sim.now + 5 * SLUICE_S, k.a.caller->peer->media_keyed));
	ck_assert(!k.b.caller->peer->dtls_up);
	av_send(video, 33 * SLUICE_MS);
	ck_assert(SIM_UNTIL(&k.sim, k.sim.now + 10 * SLUICE_S, k.b.caller->peer->media_early));
	ck_assert(!k.b.caller->peer->dtls_up);
	ck_assert(SIM_UNTIL(&k.sim, k.sim.now + 10 * SLUICE_S, k.b.caller->peer->media_keyed));
	ck_assert(k.b.caller->peer->media_early == NULL);
	sluice_media_stats s;
	sluice_peer_media_stats_get(k.b.caller->peer, &s);
	ck_assert_uint_eq(s.packets_received, 16);
	ck_assert_uint_eq(s.forged + s.malformed, 0);
	av_run(&k, SLUICE_S);
	ck_assert_uint_gt(k.b.flows[0].got, 10);
	av_end(&k);
}
END_TEST

SUITE("answers with media", test_a_direction_set_behind_the_offer_is_in_the_answer_and_one_set_in_on_track_is_too_late_for_it,
      test_an_answer_without_simulcast_gets_one_stream_without_a_rid, test_an_answer_may_take_two_of_three_layers,
      test_the_tap_has_each_packet_of_both_sides, test_a_first_answer_that_rejects_data_closes_the_channels_and_media_travels,
      test_data_that_is_rejected_later_ends_in_order_and_media_goes_on,
      test_data_that_was_rejected_comes_back_in_its_place_from_either_side,
      test_channels_end_where_an_offer_rejects_data_and_nothing_more_comes_of_it, test_media_that_overtakes_the_keys_is_held)
