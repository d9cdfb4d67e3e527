/* Audio and video in a peer connection: do they travel beside data, and do sections, directions and transceivers follow the rules
 * of RFC 9429 and W3C's webrtc-pc? */
#include <stdio.h>
#include <string.h>

#include "peer/connection.h"
#include "peer_media_kit.h"

static struct av k; /* a test runs in a process of its own */

#define OWN(e, i) (&(e).flows[i])

static void assert_direction(const struct flow *f, enum sluice_direction direction, enum sluice_direction current) {
	ck_assert_str_eq(sluice_direction_name(sluice_transceiver_direction(f->transceiver)), sluice_direction_name(direction));
	ck_assert_str_eq(sluice_direction_name(sluice_transceiver_current_direction(f->transceiver)),
	                 sluice_direction_name(current));
}

/* ---- together --------------------------------------------------------------------------------------------------------- */

START_TEST(test_audio_video_and_data_travel_over_one_transport) {
	av_begin(&k, NULL);
	k.b.answers = SLUICE_SENDRECV;
	struct flow *audio = av_add(&k.a, SLUICE_AUDIO, SLUICE_SENDRECV);
	struct flow *video = av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDRECV);
	caller_open(k.a.caller, "hello");
	av_send(audio, 20 * SLUICE_MS);
	av_send(video, 33 * SLUICE_MS);
	av_settle(&k);
	av_run(&k, 2 * SLUICE_S);
	ck_assert_uint_eq(k.b.caller->received, 1);
	ck_assert_uint_eq(k.b.tracks, 2);
	ck_assert_uint_eq(k.a.tracks, 2);
	for (int i = 0; i < 2; i++) {
		assert_direction(OWN(k.a, i), SLUICE_SENDRECV, SLUICE_SENDRECV);
		assert_direction(OWN(k.b, i), SLUICE_SENDRECV, SLUICE_SENDRECV);
		uint32_t least = i ? 50 : 90;
		ck_assert_msg(OWN(k.b, i)->got > least && OWN(k.a, i)->got > least, "%u frames at b, %u at a", OWN(k.b, i)->got,
		              OWN(k.a, i)->got);
	}
	ck_assert_int_eq(OWN(k.b, 0)->codec, SLUICE_CODEC_OPUS);
	ck_assert_int_eq(OWN(k.b, 1)->codec, SLUICE_CODEC_VP8);
	for (int i = 0; i < 2; i++) {
		ck_assert_ptr_eq(sluice_transceiver_peer(OWN(k.a, i)->transceiver), k.a.caller->peer);
		ck_assert_ptr_eq(sluice_transceiver_peer(OWN(k.b, i)->transceiver), k.b.caller->peer);
	}
	ck_assert(av_has_line(av_local(&k.a), "a=group:BUNDLE 0 1 2"));
	ck_assert(av_has_line(av_local(&k.b), "a=group:BUNDLE 0 1 2"));
	av_end(&k);
}
END_TEST

START_TEST(test_media_alone_connects_without_an_association) {
	av_begin(&k, NULL);
	struct flow *audio = av_add(&k.a, SLUICE_AUDIO, SLUICE_SENDONLY);
	av_send(audio, 20 * SLUICE_MS);
	av_settle(&k);
	av_run(&k, SLUICE_S);
	sluice_peer_stats s;
	sluice_peer_stats_get(k.a.caller->peer, &s);
	ck_assert_uint_eq(s.sctp.packets_sent, 0);
	ck_assert_uint_gt(OWN(k.b, 0)->got, 45);
	ck_assert_uint_eq(av_section_count(av_local(&k.a)), 1);
	/* Data comes later. */
	caller_open(k.a.caller, "hello");
	ck_assert(SIM_UNTIL(&k.sim, k.sim.now + 5 * SLUICE_S, k.b.caller->received == 1));
	ck_assert_uint_eq(av_section_count(av_local(&k.a)), 2);
	ck_assert(av_has_line(av_local(&k.b), "a=group:BUNDLE 0 1"));
	av_end(&k);
}
END_TEST

START_TEST(test_media_joins_a_connection_of_data_from_either_side) {
	for (int by_answerer = 0; by_answerer < 2; by_answerer++) {
		av_begin(&k, NULL);
		caller_open(k.a.caller, "hello");
		av_settle(&k);
		struct av_end *from = by_answerer ? &k.b : &k.a, *to = by_answerer ? &k.a : &k.b;
		struct flow *video = av_add(from, SLUICE_VIDEO, SLUICE_SENDONLY);
		av_send(video, 33 * SLUICE_MS);
		av_settle(&k);
		av_run(&k, SLUICE_S);
		ck_assert_uint_eq(to->tracks, 1);
		ck_assert_uint_gt(OWN(*to, 0)->got, 25);
		ck_assert_str_eq(sluice_transceiver_mid(video->transceiver), "1");
		assert_direction(OWN(*to, 0), SLUICE_RECVONLY, SLUICE_RECVONLY);
		av_end(&k);
	}
}
END_TEST

START_TEST(test_the_estimate_keeps_the_bounds_of_the_configuration) {
	sluice_peer_config a, b;
	sluice_peer_config_init(&a);
	sluice_peer_config_init(&b);
	a.media_start_bitrate = 3000000;
	a.media_min_bitrate = 2900000;
	a.media_max_bitrate = 3100000;
	b.media_min_bitrate = 2;
	b.media_max_bitrate = 1;
	av_begin_with(&k, NULL, &a, &b);
	ck_assert_int_eq(sluice_peer_add_transceiver(k.b.caller->peer, SLUICE_VIDEO, NULL, NULL), SLUICE_INVALID);
	av_end(&k);
	av_begin_with(&k, NULL, &a, NULL);
	av_send(av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDONLY), 33 * SLUICE_MS);
	av_settle(&k);
	for (int i = 0; i < 20; i++) {
		sluice_media_stats m;
		av_run(&k, 250 * SLUICE_MS);
		sluice_peer_media_stats_get(k.a.caller->peer, &m);
		ck_assert_uint_ge(m.available_outgoing_bitrate, a.media_min_bitrate);
		ck_assert_uint_le(m.available_outgoing_bitrate, a.media_max_bitrate);
	}
	av_end(&k);
}
END_TEST

struct tapped {
	unsigned rtp, rtcp;
	uint64_t last;
};

static void count_packet(void *ctx, bool sent, const void *packet, size_t len, uint64_t now) {
	struct tapped *t = ctx;
	const uint8_t *p = packet;
	ck_assert_uint_ge(len, 8);
	ck_assert_uint_eq(p[0] >> 6, 2);
	ck_assert_uint_ge(now, t->last);
	t->last = now;
	bool rtcp = p[1] >= 192 && p[1] <= 223;
	t->rtcp += rtcp;
	t->rtp += !rtcp && sent;
}

/* One tap is set before there is an engine to tap, the other one later. */
START_TEST(test_a_tap_sees_each_packet_in_the_clear) {
	struct tapped early = {0}, late = {0};
	av_begin(&k, NULL);
	sluice_peer_set_media_tap(k.a.caller->peer, count_packet, &early);
	av_send(av_add(&k.a, SLUICE_AUDIO, SLUICE_SENDONLY), 20 * SLUICE_MS);
	av_settle(&k);
	sluice_peer_set_media_tap(k.b.caller->peer, count_packet, &late);
	av_run(&k, 3 * SLUICE_S);
	ck_assert_uint_gt(early.rtp, 150);
	ck_assert_uint_gt(early.rtcp, 3);
	ck_assert_uint_eq(late.rtp, 0);
	ck_assert_uint_gt(late.rtcp, 3);
	sluice_peer_set_media_tap(k.a.caller->peer, NULL, NULL);
	unsigned seen = early.rtp + early.rtcp;
	av_run(&k, SLUICE_S);
	ck_assert_uint_eq(early.rtp + early.rtcp, seen);
	av_end(&k);
}
END_TEST

struct traced {
	unsigned headers, lines;
	uint64_t last_estimate;
};

static void take_line(void *ctx, const char *line, size_t len) {
	static const char member[] = "\"target_bitrate\":";
	struct traced *t = ctx;
	char text[SLUICE_TRACE_LINE_MAX + 1];
	memcpy(text, line, len);
	text[len] = 0;
	const char *at = strstr(text, member);
	t->headers += strstr(text, "urn:sluice:qlog:events:media-1") != NULL;
	t->lines++;
	if (at)
		t->last_estimate = strtoull(at + strlen(member), NULL, 10);
}

/* One trace is asked for before there is an engine to trace, the other one later. */
START_TEST(test_a_trace_tells_what_the_estimate_is) {
	struct traced early = {0}, late = {0};
	sluice_media_stats stats;
	av_begin(&k, NULL);
	ck_assert_int_eq(sluice_peer_set_media_trace(k.a.caller->peer, take_line, &early), 0);
	ck_assert_uint_eq(early.lines, 0);
	av_send(av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDONLY), 33 * SLUICE_MS);
	ck_assert_uint_eq(early.headers, 1);
	av_settle(&k);
	ck_assert_int_eq(sluice_peer_set_media_trace(k.b.caller->peer, take_line, &late), 0);
	av_run(&k, 3 * SLUICE_S);
	sluice_peer_media_stats_get(k.a.caller->peer, &stats);
	ck_assert_uint_eq(early.last_estimate, stats.available_outgoing_bitrate);
	ck_assert_uint_gt(early.lines, 90);
	ck_assert(early.headers == 1 && late.headers == 1 && late.lines > 10);
	ck_assert_int_eq(sluice_peer_set_media_trace(k.a.caller->peer, NULL, NULL), 0);
	unsigned seen = early.lines;
	av_run(&k, SLUICE_S);
	ck_assert_uint_eq(early.lines, seen);
	av_end(&k);
}
END_TEST

/* ---- statistics ------------------------------------------------------------------------------------------------------- */

START_TEST(test_statistics_have_w3cs_entries_of_streams_and_codecs) {
	static char json[65536];
	static const char *const parts[] = {"\"type\":\"outbound-rtp\"",
	                                    "\"type\":\"inbound-rtp\"",
	                                    "\"type\":\"remote-inbound-rtp\"",
	                                    "\"type\":\"remote-outbound-rtp\"",
	                                    "\"mimeType\":\"audio/opus\"",
	                                    "\"mimeType\":\"video/VP8\"",
	                                    "\"codecId\":\"C111\"",
	                                    "\"kind\":\"video\"",
	                                    "\"roundTripTimeMeasurements\":",
	                                    "\"framesReceived\":",
	                                    "\"packetsLost\":0",
	                                    "\"mid\":\"1\""};
	av_begin(&k, NULL);
	k.b.answers = SLUICE_SENDRECV;
	av_send(av_add(&k.a, SLUICE_AUDIO, SLUICE_SENDRECV), 20 * SLUICE_MS);
	av_send(av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDRECV), 33 * SLUICE_MS);
	av_settle(&k);
	av_run(&k, 12 * SLUICE_S);
	ck_assert_uint_lt(sluice_peer_stats_json(k.a.caller->peer, json, sizeof json), sizeof json);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		ck_assert_msg(strstr(json, parts[i]) != NULL, "%s is missing in %s", parts[i], json);
	sluice_media_stats m;
	sluice_peer_media_stats_get(k.a.caller->peer, &m);
	ck_assert_uint_gt(m.packets_received, 500);
	ck_assert_uint_eq(m.forged + m.malformed + m.unknown_ssrc, 0);
	av_end(&k);
}
END_TEST

/* ---- directions ------------------------------------------------------------------------------------------------------- */

START_TEST(test_a_direction_that_changes_pauses_and_resumes_a_track) {
	av_begin(&k, NULL);
	struct flow *audio = av_add(&k.a, SLUICE_AUDIO, SLUICE_SENDRECV);
	av_send(audio, 20 * SLUICE_MS);
	av_settle(&k);
	assert_direction(audio, SLUICE_SENDRECV, SLUICE_SENDONLY);
	uint32_t before = OWN(k.b, 0)->got;
	ck_assert_uint_gt(before, 5);
	ck_assert_uint_eq(OWN(k.b, 0)->unmutes, 1);
	ck_assert_int_eq(sluice_transceiver_set_direction(audio->transceiver, SLUICE_INACTIVE), 0);
	av_settle(&k);
	before = OWN(k.b, 0)->got;
	av_run(&k, SLUICE_S);
	ck_assert_uint_eq(OWN(k.b, 0)->got, before);
	ck_assert_uint_eq(OWN(k.b, 0)->mutes, 1);
	assert_direction(audio, SLUICE_INACTIVE, SLUICE_INACTIVE);
	ck_assert_int_eq(sluice_transceiver_set_direction(audio->transceiver, SLUICE_SENDONLY), 0);
	av_settle(&k);
	av_run(&k, SLUICE_S);
	ck_assert_uint_gt(OWN(k.b, 0)->got, before + 40);
	ck_assert_uint_eq(OWN(k.b, 0)->unmutes, 2);
	ck_assert_uint_eq(k.b.tracks, 2); /* W3C: the event comes each time that the other side begins */
	av_end(&k);
}
END_TEST

/* What names our track, in the description that a has made: a=msid, a=ssrc-group, a=ssrc. */
static void names_of(char *names, size_t size) {
	char sdp[16384];
	enum sluice_sdp_type type;
	size_t used = 0;
	ck_assert_int_gt(sluice_peer_local_description(k.a.caller->peer, &type, sdp, sizeof sdp), 0);
	names[0] = 0;
	for (const char *at = sdp; *at; at += strcspn(at, "\n") + 1)
		if (strncmp(at, "a=msid:", 7) == 0 || strncmp(at, "a=ssrc", 6) == 0)
			used += (size_t)snprintf(names + used, size - used, "%.*s\n", (int)strcspn(at, "\r"), at);
	ck_assert_uint_lt(used, size);
}

START_TEST(test_what_names_a_track_stays_while_it_is_muted_and_unmuting_wants_a_keyframe) {
	char first[1024], muted[1024], back[1024];
	av_begin(&k, NULL);
	k.b.answers = SLUICE_SENDRECV;
	struct flow *video = av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDRECV);
	av_send(video, 40 * SLUICE_MS);
	av_settle(&k);
	names_of(first, sizeof first);
	ck_assert_ptr_nonnull(strstr(first, "a=msid:"));
	ck_assert_ptr_nonnull(strstr(first, "a=ssrc-group:FID "));
	ck_assert_int_eq(sluice_transceiver_set_direction(video->transceiver, SLUICE_RECVONLY), 0);
	av_settle(&k);
	av_run(&k, SLUICE_S);
	names_of(muted, sizeof muted);
	ck_assert_str_eq(muted, first);
	uint32_t keys = OWN(k.b, 0)->keys, requests = video->key_requests, got = OWN(k.b, 0)->got;
	ck_assert_int_eq(sluice_transceiver_set_direction(video->transceiver, SLUICE_SENDRECV), 0);
	av_settle(&k);
	av_run(&k, SLUICE_S);
	names_of(back, sizeof back);
	ck_assert_str_eq(back, first);
	ck_assert_uint_gt(video->key_requests, requests);
	ck_assert_uint_gt(OWN(k.b, 0)->keys, keys);
	ck_assert_uint_gt(OWN(k.b, 0)->got, got + 15);
	av_end(&k);
}
END_TEST

START_TEST(test_a_track_that_never_sent_is_not_named) {
	char names[1024];
	av_begin(&k, NULL);
	av_add(&k.a, SLUICE_VIDEO, SLUICE_RECVONLY);
	av_settle(&k);
	names_of(names, sizeof names);
	ck_assert_str_eq(names, "");
	av_end(&k);
}
END_TEST

/* ---- stopping --------------------------------------------------------------------------------------------------------- */

START_TEST(test_a_stopped_section_is_rejected_and_its_place_used_again) {
	av_begin(&k, NULL);
	struct flow *audio = av_add(&k.a, SLUICE_AUDIO, SLUICE_SENDRECV);
	av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDRECV);
	av_settle(&k);
	sluice_transceiver_stop(audio->transceiver);
	ck_assert_int_eq(sluice_transceiver_direction(audio->transceiver), SLUICE_STOPPED);
	av_settle(&k);
	ck_assert(audio->sender_ended && audio->receiver_ended);
	ck_assert(OWN(k.b, 0)->sender_ended && OWN(k.b, 0)->receiver_ended);
	ck_assert_ptr_eq(sluice_peer_transceiver(k.a.caller->peer, 0), OWN(k.a, 1)->transceiver);
	ck_assert_ptr_null(sluice_peer_transceiver(k.a.caller->peer, 1));
	ck_assert_ptr_null(sluice_peer_transceiver(k.b.caller->peer, 1));
	ck_assert_int_eq(strncmp(av_section(av_local(&k.a), 0), "m=audio 0 ", 10), 0);
	ck_assert(av_has_line(av_local(&k.a), "a=group:BUNDLE 1"));
	struct flow *again = av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDONLY);
	av_send(again, 33 * SLUICE_MS);
	av_settle(&k);
	av_run(&k, SLUICE_S);
	ck_assert_uint_eq(av_section_count(av_local(&k.a)), 2);
	ck_assert_int_eq(strncmp(av_section(av_local(&k.a), 0), "m=video 9 ", 8), 0);
	ck_assert_str_eq(sluice_transceiver_mid(again->transceiver), "2");
	ck_assert_uint_gt(av_flow_of_mid(&k.b, "2")->got, 25);
	av_end(&k);
}
END_TEST

START_TEST(test_one_that_is_stopped_before_it_was_offered_is_gone) {
	av_begin(&k, NULL);
	k.a.caller->silent = true;
	struct flow *audio = av_add(&k.a, SLUICE_AUDIO, SLUICE_SENDRECV);
	sluice_transceiver_stop(audio->transceiver);
	ck_assert_ptr_null(sluice_peer_transceiver(k.a.caller->peer, 0));
	sim_settle(&k.sim);
	ck_assert(audio->sender_ended && audio->receiver_ended);
	ck_assert_str_eq(caller_log(k.a.caller), "");
	av_end(&k);
}
END_TEST

/* ---- rollback and glare ------------------------------------------------------------------------------------------------ */

START_TEST(test_a_rollback_undoes_mids_and_transceivers) {
	av_begin(&k, NULL);
	k.a.caller->silent = k.b.caller->silent = true;
	struct flow *audio = av_add(&k.a, SLUICE_AUDIO, SLUICE_SENDRECV);
	caller_offer(k.a.caller);
	ck_assert_str_eq(sluice_transceiver_mid(audio->transceiver), "0");
	ck_assert_int_eq(caller_give(k.a.caller, k.b.caller), 0);
	ck_assert_ptr_nonnull(sluice_peer_transceiver(k.b.caller->peer, 0));
	sim_settle(&k.sim);
	ck_assert_uint_eq(k.b.tracks, 1);
	ck_assert_int_eq(sluice_peer_set_remote_description(k.b.caller->peer, SLUICE_SDP_ROLLBACK, NULL, 0), 0);
	ck_assert_ptr_null(sluice_peer_transceiver(k.b.caller->peer, 0));
	ck_assert_int_eq(sluice_peer_set_local_description(k.a.caller->peer, SLUICE_SDP_ROLLBACK, NULL), 0);
	ck_assert_ptr_null(sluice_transceiver_mid(audio->transceiver));
	ck_assert_ptr_eq(sluice_peer_transceiver(k.a.caller->peer, 0), audio->transceiver);
	sim_settle(&k.sim);
	ck_assert(OWN(k.b, 0)->receiver_ended && !audio->receiver_ended);
	k.a.caller->silent = k.b.caller->silent = false;
	caller_offer(k.a.caller);
	av_send(audio, 20 * SLUICE_MS);
	av_settle(&k);
	ck_assert_uint_gt(OWN(k.b, 1)->got, 5);
	av_end(&k);
}
END_TEST

START_TEST(test_colliding_offers_bring_the_transceivers_of_both_sides) {
	av_begin(&k, NULL);
	struct flow *audio = av_add(&k.a, SLUICE_AUDIO, SLUICE_SENDONLY);
	struct flow *video = av_add(&k.b, SLUICE_VIDEO, SLUICE_SENDONLY);
	av_send(audio, 20 * SLUICE_MS);
	av_send(video, 33 * SLUICE_MS);
	av_settle(&k);
	av_run(&k, 2 * SLUICE_S);
	ck_assert_uint_eq(k.a.tracks, 1);
	ck_assert_uint_eq(k.b.tracks, 1);
	ck_assert_str_ne(sluice_transceiver_mid(audio->transceiver), sluice_transceiver_mid(video->transceiver));
	ck_assert_uint_gt(OWN(k.a, 1)->got, 40);
	ck_assert_uint_gt(OWN(k.b, 1)->got, 70);
	av_end(&k);
}
END_TEST

/* ---- restarts ---------------------------------------------------------------------------------------------------------- */

START_TEST(test_a_restart_of_ice_does_not_end_media) {
	av_begin(&k, NULL);
	struct flow *audio = av_add(&k.a, SLUICE_AUDIO, SLUICE_SENDONLY);
	av_send(audio, 20 * SLUICE_MS);
	av_settle(&k);
	uint32_t before = OWN(k.b, 0)->got;
	ck_assert_int_eq(sluice_peer_restart_ice(k.a.caller->peer), 0);
	av_settle(&k);
	av_run(&k, SLUICE_S);
	ck_assert_uint_ge(OWN(k.b, 0)->got, before + 60);
	ck_assert_uint_eq(k.b.tracks, 1);
	av_end(&k);
}
END_TEST

/* ---- simulcast --------------------------------------------------------------------------------------------------------- */

static const sluice_encoding three[] = {{.rid = "q", .max_bitrate = 150000}, {.rid = "h", .max_bitrate = 400000}, {.rid = "f"}};

START_TEST(test_three_layers_are_offered_taken_and_told_apart) {
	av_begin(&k, NULL);
	struct flow *video = av_add_with(
		&k.a, SLUICE_VIDEO,
		&(sluice_transceiver_config){.direction = SLUICE_SENDONLY, .encodings = three, .encoding_count = 3});
	video->layers = 3;
	video->size = 1000;
	av_send(video, 33 * SLUICE_MS);
	av_settle(&k);
	ck_assert(av_has_line(av_local(&k.a), "a=simulcast:send q;h;f"));
	ck_assert(av_has_line(av_local(&k.b), "a=simulcast:recv q;h;f"));
	ck_assert(av_has_line(av_local(&k.b), "a=rid:h recv"));
	av_run(&k, 10 * SLUICE_S);
	for (int i = 0; i < 3; i++)
		ck_assert_msg(OWN(k.b, 0)->got_of[i] > 100, "layer %d: %u", i, OWN(k.b, 0)->got_of[i]);
	av_end(&k);
}
END_TEST

/* ---- callbacks that end everything -------------------------------------------------------------------------------------- */

static void free_peer(struct av_end *e, struct flow *f) {
	sluice_peer *p = e->caller->peer;
	(void)f;
	e->caller->peer = NULL;
	sluice_peer_free(p);
}

static void stop_it(struct av_end *e, struct flow *f) {
	(void)e;
	sluice_transceiver_stop(f->transceiver);
}

START_TEST(test_a_peer_may_be_freed_and_a_transceiver_stopped_in_on_track) {
	for (int stops = 0; stops < 2; stops++) {
		av_begin(&k, NULL);
		k.b.in_track = stops ? stop_it : free_peer;
		av_add(&k.a, SLUICE_AUDIO, SLUICE_SENDRECV);
		av_add(&k.a, SLUICE_VIDEO, SLUICE_SENDRECV);
		av_run(&k, 2 * SLUICE_S);
		ck_assert_uint_eq(k.b.tracks, stops ? 2 : 1);
		if (stops)
			ck_assert_ptr_null(sluice_peer_transceiver(k.b.caller->peer, 0));
		av_end(&k);
	}
}
END_TEST

START_TEST(test_closing_ends_the_tracks_of_both_sides) {
	for (int with_data = 0; with_data < 2; with_data++) {
		av_begin(&k, NULL);
		struct flow *audio = av_add(&k.a, SLUICE_AUDIO, SLUICE_SENDRECV);
		av_send(audio, 20 * SLUICE_MS);
		if (with_data)
			caller_open(k.a.caller, "hello");
		av_settle(&k);
		sluice_peer_close(k.a.caller->peer);
		av_run(&k, SLUICE_S);
		ck_assert(caller_is_over(k.a.caller) && caller_is_over(k.b.caller));
		ck_assert(audio->sender_ended && audio->receiver_ended);
		ck_assert(OWN(k.b, 0)->sender_ended && OWN(k.b, 0)->receiver_ended);
		av_end(&k);
	}
}
END_TEST

SUITE("media of a peer", test_audio_video_and_data_travel_over_one_transport, test_media_alone_connects_without_an_association,
      test_media_joins_a_connection_of_data_from_either_side, test_the_estimate_keeps_the_bounds_of_the_configuration,
      test_a_tap_sees_each_packet_in_the_clear, test_a_trace_tells_what_the_estimate_is,
      test_statistics_have_w3cs_entries_of_streams_and_codecs, test_a_direction_that_changes_pauses_and_resumes_a_track,
      test_a_stopped_section_is_rejected_and_its_place_used_again, test_one_that_is_stopped_before_it_was_offered_is_gone,
      test_a_rollback_undoes_mids_and_transceivers, test_colliding_offers_bring_the_transceivers_of_both_sides,
      test_a_restart_of_ice_does_not_end_media, test_three_layers_are_offered_taken_and_told_apart,
      test_a_peer_may_be_freed_and_a_transceiver_stopped_in_on_track, test_closing_ends_the_tracks_of_both_sides,
      test_what_names_a_track_stays_while_it_is_muted_and_unmuting_wants_a_keyframe, test_a_track_that_never_sent_is_not_named)
