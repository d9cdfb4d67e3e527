/* Offer and answer: which description may come when, what the events say, glare, rollback, restarts, and texts that are wrong. */
#include <stdio.h>
#include <string.h>

#include "sim/caller.h"
#include "suite.h"

#include "peer/connection.h"

struct call {
	struct sim sim;
	struct caller *a, *b;
};

static void begin_with(struct call *w, const sluice_peer_config *a, const sluice_peer_config *b) {
	sim_init(&w->sim, sim_seed(11));
	w->a = caller_new(&w->sim, "a", a);
	w->b = caller_new(&w->sim, "b", b);
	caller_join(w->a, w->b, &(struct link_config){.delay = 5 * SLUICE_MS}, 5 * SLUICE_MS);
}

static void begin(struct call *w) {
	begin_with(w, NULL, NULL);
}

static void end(struct call *w) {
	sim_close(&w->sim);
}

static bool connected(const struct call *w) {
	return w->a->state == SLUICE_PEER_CONNECTED && w->b->state == SLUICE_PEER_CONNECTED;
}

static void connect_both(struct call *w) {
	caller_open(w->a, "hello");
	ck_assert_msg(SIM_UNTIL(&w->sim, 10 * SLUICE_S, connected(w) && w->b->received == 1), "a: %s; b: %s", w->a->log,
	              w->b->log);
	sim_run(&w->sim, w->sim.now + 200 * SLUICE_MS);
}

static enum sluice_signaling_state signaling(const struct caller *c) {
	return sluice_peer_signaling_state(c->peer);
}

static char text[SLUICE_SDP_MAX];

static int offer(struct caller *c) {
	return sluice_peer_create_offer(c->peer, text, sizeof text);
}

/* ---- order ---- */

START_TEST(test_the_events_of_a_call_come_in_the_order_of_w3c) {
	struct call w;
	begin(&w);
	connect_both(&w);
	ck_assert_str_eq(caller_log(w.a),
	                 "negotiationneeded signaling:have-local-offer gathering:gathering candidate gathering:complete "
	                 "end-of-candidates signaling:stable ice:checking connecting ice:connected ice:completed connected");
	const char *b = caller_log(w.b);
	ck_assert_msg(strncmp(b, "signaling:have-remote-offer gathering:gathering signaling:stable candidate", 74) == 0, "%s", b);
	ck_assert_ptr_nonnull(strstr(b, "signaling:stable"));
	ck_assert_ptr_nonnull(strstr(b, "ice:completed"));
	end(&w);
}
END_TEST

START_TEST(test_a_first_channel_needs_negotiation_and_a_second_does_not) {
	struct call w;
	begin(&w);
	w.a->silent = true;
	caller_open(w.a, NULL);
	sim_settle(&w.sim);
	ck_assert_str_eq(caller_log(w.a), "negotiationneeded");
	caller_open(w.a, NULL);
	sim_settle(&w.sim);
	ck_assert_str_eq(caller_log(w.a), "");
	w.a->silent = false;
	caller_offer(w.a);
	ck_assert(SIM_UNTIL(&w.sim, 10 * SLUICE_S, w.a->opened == 2));
	caller_log(w.a);
	caller_open(w.a, NULL);
	sim_run(&w.sim, w.sim.now + SLUICE_S);
	ck_assert_uint_eq(w.a->opened, 3);
	ck_assert_str_eq(caller_log(w.a), "");
	end(&w);
}
END_TEST

START_TEST(test_what_does_not_fit_the_signaling_state_is_refused) {
	struct call w;
	begin(&w);
	w.a->silent = w.b->silent = true;
	ck_assert_int_eq(sluice_peer_create_answer(w.a->peer, text, sizeof text), SLUICE_WRONG_STATE);
	ck_assert_int_eq(sluice_peer_set_local_description(w.a->peer, SLUICE_SDP_ANSWER, NULL), SLUICE_WRONG_STATE);
	ck_assert_int_eq(sluice_peer_set_local_description(w.a->peer, SLUICE_SDP_ROLLBACK, NULL), SLUICE_WRONG_STATE);
	ck_assert_int_eq(sluice_peer_set_remote_description(w.a->peer, SLUICE_SDP_ROLLBACK, NULL, 0), SLUICE_WRONG_STATE);
	ck_assert_int_eq(sluice_peer_add_remote_candidate(w.a->peer, ""), SLUICE_WRONG_STATE);
	caller_offer(w.a);
	ck_assert_int_eq(caller_give(w.a, w.b), 0);
	ck_assert_int_eq(signaling(w.a), SLUICE_SIGNALING_HAVE_LOCAL_OFFER);
	ck_assert_int_eq(signaling(w.b), SLUICE_SIGNALING_HAVE_REMOTE_OFFER);
	ck_assert_int_eq(offer(w.b), SLUICE_WRONG_STATE);
	ck_assert_int_eq(sluice_peer_set_local_description(w.b->peer, SLUICE_SDP_OFFER, NULL), SLUICE_WRONG_STATE);
	int len = sluice_peer_remote_description(w.b->peer, NULL, text, sizeof text);
	ck_assert_int_gt(len, 0);
	ck_assert_int_eq(sluice_peer_set_remote_description(w.b->peer, SLUICE_SDP_ANSWER, text, (size_t)len), SLUICE_WRONG_STATE);
	end(&w);
}
END_TEST

START_TEST(test_a_description_may_be_created_first_and_set_later_but_not_changed) {
	struct call w;
	begin(&w);
	w.a->silent = true;
	ck_assert_int_gt(offer(w.a), 0);
	ck_assert_int_eq(signaling(w.a), SLUICE_SIGNALING_STABLE);
	char *port = strstr(text, "a=sctp-port:5000");
	ck_assert_ptr_nonnull(port);
	port[12] = '4';
	ck_assert_int_eq(sluice_peer_set_local_description(w.a->peer, SLUICE_SDP_OFFER, text), SLUICE_INVALID);
	port[12] = '5';
	ck_assert_int_eq(sluice_peer_set_local_description(w.a->peer, SLUICE_SDP_OFFER, text), 0);
	ck_assert_int_eq(signaling(w.a), SLUICE_SIGNALING_HAVE_LOCAL_OFFER);
	end(&w);
}
END_TEST

START_TEST(test_a_local_description_names_the_candidates_gathered_since) {
	struct call w;
	begin(&w);
	w.a->silent = true;
	ck_assert_int_gt(offer(w.a), 0);
	ck_assert_ptr_null(strstr(text, "a=candidate"));
	ck_assert_int_eq(sluice_peer_set_local_description(w.a->peer, SLUICE_SDP_OFFER, NULL), 0);
	enum sluice_sdp_type type;
	ck_assert_int_gt(sluice_peer_local_description(w.a->peer, &type, text, sizeof text), 0);
	ck_assert_int_eq(type, SLUICE_SDP_OFFER);
	ck_assert_ptr_nonnull(strstr(text, "a=candidate:"));
	ck_assert_ptr_nonnull(strstr(text, "typ host"));
	end(&w);
}
END_TEST

/* ---- wrong texts ---- */

START_TEST(test_a_malformed_line_is_told_by_its_number_and_changes_nothing) {
	struct call w;
	begin(&w);
	w.a->silent = w.b->silent = true;
	caller_offer(w.a);
	int len = sluice_peer_local_description(w.a->peer, NULL, text, sizeof text);
	ck_assert_int_gt(len, 0);
	char *line = strstr(text, "a=sctp-port:");
	unsigned number = 1;
	for (char *p = text; p < line; p++)
		number += *p == '\n';
	memcpy(line, "a=sctp-port:x000", 16);
	const char *why;
	ck_assert_int_eq(sluice_peer_set_remote_description(w.b->peer, SLUICE_SDP_OFFER, text, (size_t)len), SLUICE_MALFORMED);
	ck_assert_uint_eq(sluice_peer_description_error(w.b->peer, &why), number);
	ck_assert_int_gt((int)strlen(why), 0);
	ck_assert_int_eq(signaling(w.b), SLUICE_SIGNALING_STABLE);
	ck_assert_int_eq(sluice_peer_remote_description(w.b->peer, NULL, text, sizeof text), 0);
	end(&w);
}
END_TEST

START_TEST(test_audio_and_video_of_an_offer_are_answered_as_rejected) {
	struct call w;
	begin(&w);
	w.a->silent = w.b->silent = true;
	caller_offer(w.a);
	ck_assert_int_gt(sluice_peer_local_description(w.a->peer, NULL, text, sizeof text), 0);
	char *data = strstr(text, "m=application");
	ck_assert_ptr_nonnull(data);
	static char with_audio[SLUICE_SDP_MAX];
	snprintf(with_audio, sizeof with_audio,
	         "%.*sm=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:sound\r\na=rtpmap:111 opus/48000/2\r\n%s",
	         (int)(data - text), text, data);
	ck_assert_int_eq(sluice_peer_set_remote_description(w.b->peer, SLUICE_SDP_OFFER, with_audio, strlen(with_audio)), 0);
	ck_assert_int_gt(sluice_peer_create_answer(w.b->peer, text, sizeof text), 0);
	ck_assert_ptr_nonnull(strstr(text, "m=audio 0 UDP/TLS/RTP/SAVPF"));
	ck_assert_ptr_null(strstr(text, "opus"));
	ck_assert_ptr_nonnull(strstr(text, "webrtc-datachannel"));
	end(&w);
}
END_TEST

START_TEST(test_an_answer_that_rejects_the_data_section_ends_the_peer_and_its_signaling) {
	static const char answer[] = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
				     "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n";
	struct call w;
	begin(&w);
	w.a->silent = w.b->silent = true;
	caller_open(w.a, NULL);
	caller_offer(w.a);
	ck_assert_int_eq(sluice_peer_set_remote_description(w.a->peer, SLUICE_SDP_ANSWER, answer, sizeof answer - 1), 0);
	sim_settle(&w.sim);
	ck_assert_int_eq(sluice_peer_error(w.a->peer, NULL), SLUICE_REFUSED);
	ck_assert_int_eq(signaling(w.a), SLUICE_SIGNALING_CLOSED);
	ck_assert_ptr_null(strstr(caller_log(w.a), "signaling:stable"));
	ck_assert_int_eq(offer(w.a), SLUICE_CLOSED);
	end(&w);
}
END_TEST

START_TEST(test_another_certificate_than_the_announced_one_fails_the_peer) {
	struct call w;
	begin(&w);
	w.a->silent = w.b->silent = true;
	caller_open(w.a, NULL);
	caller_offer(w.a);
	int len = sluice_peer_local_description(w.a->peer, NULL, text, sizeof text);
	char *digit = strstr(text, "a=fingerprint:sha-256 ") + 22;
	*digit = *digit == '0' ? '1' : '0';
	ck_assert_int_eq(sluice_peer_set_remote_description(w.b->peer, SLUICE_SDP_OFFER, text, (size_t)len), 0);
	ck_assert_int_eq(sluice_peer_set_local_description(w.b->peer, 0, NULL), 0);
	ck_assert_int_eq(caller_give(w.b, w.a), 0);
	ck_assert(SIM_UNTIL(&w.sim, 10 * SLUICE_S, w.b->state == SLUICE_PEER_FAILED));
	ck_assert_int_eq(sluice_peer_error(w.b->peer, NULL), SLUICE_FINGERPRINT);
	ck_assert_uint_eq(w.a->opened, 0);
	end(&w);
}
END_TEST

/* ---- glare and rollback ---- */

START_TEST(test_of_two_colliding_offers_the_impolite_one_wins) {
	struct call w;
	begin(&w);
	caller_open(w.a, "from a");
	caller_open(w.b, "from b");
	ck_assert_msg(SIM_UNTIL(&w.sim, 10 * SLUICE_S, w.a->received == 1 && w.b->received == 1), "a: %s; b: %s", w.a->log,
	              w.b->log);
	ck_assert_ptr_nonnull(strstr(w.b->log, "signaling:stable signaling:have-remote-offer"));
	ck_assert_int_eq(signaling(w.a), SLUICE_SIGNALING_STABLE);
	ck_assert_int_eq(signaling(w.b), SLUICE_SIGNALING_STABLE);
	end(&w);
}
END_TEST

START_TEST(test_a_rolled_back_offer_can_be_made_again) {
	struct call w;
	begin(&w);
	w.a->silent = true;
	caller_open(w.a, "hello");
	caller_offer(w.a);
	ck_assert_int_eq(sluice_peer_set_local_description(w.a->peer, SLUICE_SDP_ROLLBACK, NULL), 0);
	ck_assert_int_eq(signaling(w.a), SLUICE_SIGNALING_STABLE);
	ck_assert_int_eq(sluice_peer_local_description(w.a->peer, NULL, text, sizeof text), 0);
	w.a->silent = false;
	caller_offer(w.a);
	ck_assert(SIM_UNTIL(&w.sim, 10 * SLUICE_S, w.b->received == 1));
	end(&w);
}
END_TEST

/* ---- later negotiations ---- */

START_TEST(test_an_offer_of_the_other_side_later_changes_nothing) {
	struct call w;
	begin(&w);
	connect_both(&w);
	caller_log(w.a);
	caller_offer(w.b);
	sim_run(&w.sim, w.sim.now + SLUICE_S);
	ck_assert_uint_eq(w.a->refused + w.b->refused, 0);
	ck_assert_str_eq(caller_log(w.a), "signaling:have-remote-offer signaling:stable");
	ck_assert_int_eq(sluice_channel_send_text(w.a->channel, "still here", 10), 0);
	sim_run(&w.sim, w.sim.now + SLUICE_S);
	ck_assert_str_eq(w.b->last_message, "still here");
	end(&w);
}
END_TEST

START_TEST(test_a_restart_changes_the_credentials_and_loses_nothing) {
	for (int who = 0; who < 2; who++) {
		struct call w;
		begin(&w);
		connect_both(&w);
		char before[64];
		snprintf(before, sizeof before, "%s", sluice_peer_ufrag(w.a->peer));
		caller_log(w.a);
		ck_assert_int_eq(sluice_peer_restart_ice((who ? w.b : w.a)->peer), 0);
		for (int i = 0; i < 100; i++) {
			ck_assert_int_eq(sluice_channel_send_text(w.a->channel, "tick", 4), 0);
			sim_run(&w.sim, w.sim.now + 5 * SLUICE_MS);
		}
		sim_run(&w.sim, w.sim.now + SLUICE_S);
		ck_assert_uint_eq(w.a->refused + w.b->refused, 0);
		ck_assert_uint_eq(w.b->received, 101);
		ck_assert_str_ne(sluice_peer_ufrag(w.a->peer), before);
		ck_assert_int_eq(sluice_peer_state(w.a->peer), SLUICE_PEER_CONNECTED);
		ck_assert_int_eq(sluice_peer_state(w.b->peer), SLUICE_PEER_CONNECTED);
		end(&w);
	}
}
END_TEST

/* An answer to b's later offer, up to the point where b is to take it. */
static char *later_answer(struct call *w) {
	w->a->silent = w->b->silent = true;
	ck_assert_int_eq(sluice_peer_set_local_description(w->b->peer, 0, NULL), 0);
	ck_assert_int_gt(sluice_peer_local_description(w->b->peer, NULL, text, sizeof text), 0);
	ck_assert_int_eq(sluice_peer_set_remote_description(w->a->peer, SLUICE_SDP_OFFER, text, strlen(text)), 0);
	ck_assert_int_eq(sluice_peer_set_local_description(w->a->peer, 0, NULL), 0);
	ck_assert_int_gt(sluice_peer_local_description(w->a->peer, NULL, text, sizeof text), 0);
	return text;
}

START_TEST(test_a_restarting_offer_that_was_never_set_leaves_no_trace_in_an_answer) {
	struct call w;
	char before[64];
	begin(&w);
	connect_both(&w);
	snprintf(before, sizeof before, "a=ice-ufrag:%s\r\n", sluice_peer_ufrag(w.a->peer));
	ck_assert_int_eq(sluice_peer_restart_ice(w.a->peer), 0);
	ck_assert_int_gt(offer(w.a), 0);
	ck_assert_ptr_null(strstr(text, before));
	int len = offer(w.b);
	ck_assert_int_eq(sluice_peer_set_remote_description(w.a->peer, SLUICE_SDP_OFFER, text, (size_t)len), 0);
	ck_assert_int_gt(sluice_peer_create_answer(w.a->peer, text, sizeof text), 0);
	ck_assert_ptr_nonnull(strstr(text, before));
	end(&w);
}
END_TEST

START_TEST(test_a_later_answer_with_the_other_dtls_role_and_the_same_certificate_changes_nothing) {
	struct call w;
	begin(&w);
	connect_both(&w);
	char *role = strstr(later_answer(&w), "setup:passive");
	ck_assert_ptr_nonnull(role);
	memmove(role + strlen("setup:active"), role + strlen("setup:passive"), strlen(role + strlen("setup:passive")) + 1);
	memcpy(role, "setup:active", strlen("setup:active"));
	ck_assert_int_eq(sluice_peer_set_remote_description(w.b->peer, SLUICE_SDP_ANSWER, text, strlen(text)), 0);
	ck_assert_int_eq(sluice_channel_send_text(w.a->channel, "still here", 10), 0);
	sim_run(&w.sim, w.sim.now + SLUICE_S);
	ck_assert_uint_eq(w.b->received, 2);
	ck_assert_int_eq(sluice_peer_state(w.b->peer), SLUICE_PEER_CONNECTED);
	end(&w);
}
END_TEST

START_TEST(test_a_later_answer_with_another_certificate_is_refused_with_the_reason) {
	struct call w;
	begin(&w);
	connect_both(&w);
	char *digit = strstr(later_answer(&w), "sha-256 ");
	ck_assert_ptr_nonnull(digit);
	digit += strlen("sha-256 ");
	*digit = *digit == '0' ? '1' : '0';
	ck_assert_int_eq(sluice_peer_set_remote_description(w.b->peer, SLUICE_SDP_ANSWER, text, strlen(text)),
	                 SLUICE_UNSUPPORTED);
	const char *reason;
	ck_assert_uint_eq(sluice_peer_description_error(w.b->peer, &reason), 0);
	ck_assert_ptr_nonnull(strstr(reason, "certificate"));
	end(&w);
}
END_TEST

START_TEST(test_late_candidates_of_the_old_generation_do_not_end_the_new_one) {
	struct call w;
	begin(&w);
	connect_both(&w);
	w.a->silent = true;
	ck_assert_int_eq(sluice_peer_restart_ice(w.a->peer), 0);
	caller_offer(w.a);
	sluice_peer_stats s;
	ck_assert_int_eq(sluice_peer_add_remote_candidate(w.a->peer, "candidate:9 1 udp 5 127.0.0.9 9 typ host"), 0);
	ck_assert_int_eq(sluice_peer_add_remote_candidate(w.a->peer, NULL), 0);
	sluice_peer_stats_get(w.a->peer, &s);
	ck_assert_uint_eq(s.remote_candidates, 0); /* the new generation's, of which none came yet */
	ck_assert_int_eq(caller_give(w.a, w.b), 0);
	ck_assert_int_eq(sluice_peer_set_local_description(w.b->peer, 0, NULL), 0);
	ck_assert_int_eq(caller_give(w.b, w.a), 0);
	sim_run(&w.sim, w.sim.now + 10 * SLUICE_S);
	ck_assert_int_eq(sluice_peer_state(w.a->peer), SLUICE_PEER_CONNECTED);
	ck_assert_int_eq(sluice_channel_send_text(w.a->channel, "on the new path", 15), 0);
	sim_run(&w.sim, w.sim.now + SLUICE_S);
	ck_assert_str_eq(w.b->last_message, "on the new path");
	end(&w);
}
END_TEST

START_TEST(test_a_silent_path_is_told_and_its_return_too) {
	struct call w;
	begin(&w);
	connect_both(&w);
	caller_log(w.a);
	uint64_t from = w.sim.now, to = from + 12 * SLUICE_S;
	struct sim_link *there = sim_link(&w.sim, w.a->host, w.b->host), *back = sim_link(&w.sim, w.b->host, w.a->host);
	there->config.outage_from = back->config.outage_from = from;
	there->config.outage_to = back->config.outage_to = to;
	sim_run(&w.sim, from + 11 * SLUICE_S);
	ck_assert_int_eq(sluice_peer_state(w.a->peer), SLUICE_PEER_DISCONNECTED);
	sim_run(&w.sim, to + 3 * SLUICE_S);
	ck_assert_int_eq(sluice_peer_state(w.a->peer), SLUICE_PEER_CONNECTED);
	const char *log = caller_log(w.a);
	ck_assert_ptr_nonnull(strstr(log, "disconnected"));
	ck_assert_ptr_nonnull(strstr(log, " connected"));
	end(&w);
}
END_TEST

START_TEST(test_a_dead_path_fails_the_peer_when_consent_expires) {
	struct call w;
	begin(&w);
	connect_both(&w);
	sim_link(&w.sim, w.a->host, w.b->host)->config.outage_to = SLUICE_NEVER;
	sim_link(&w.sim, w.b->host, w.a->host)->config.outage_to = SLUICE_NEVER;
	uint64_t from = w.sim.now;
	ck_assert(SIM_UNTIL(&w.sim, from + 60 * SLUICE_S, w.a->state == SLUICE_PEER_FAILED && w.b->state == SLUICE_PEER_FAILED));
	ck_assert_uint_le(w.a->ended_at - from, 40 * SLUICE_S);
	ck_assert_uint_ge(w.a->ended_at - from, 25 * SLUICE_S);
	ck_assert_int_eq(sluice_peer_error(w.a->peer, NULL), SLUICE_TIMED_OUT);
	ck_assert_int_eq(signaling(w.a), SLUICE_SIGNALING_STABLE); /* a restart may bring it back */
	end(&w);
}
END_TEST

START_TEST(test_a_dead_path_waits_for_a_restart_that_is_under_way_and_no_longer) {
	struct call w;
	begin(&w);
	connect_both(&w);
	sim_link(&w.sim, w.a->host, w.b->host)->config.outage_to = SLUICE_NEVER;
	sim_link(&w.sim, w.b->host, w.a->host)->config.outage_to = SLUICE_NEVER;
	w.a->silent = true;
	ck_assert_int_eq(sluice_peer_restart_ice(w.a->peer), 0);
	caller_offer(w.a);
	sim_run(&w.sim, w.sim.now + 60 * SLUICE_S);
	ck_assert_int_eq(w.b->state, SLUICE_PEER_FAILED);
	ck_assert_int_eq(sluice_peer_state(w.a->peer), SLUICE_PEER_DISCONNECTED);
	ck_assert_int_eq(sluice_peer_set_local_description(w.a->peer, SLUICE_SDP_ROLLBACK, NULL), 0);
	sim_run(&w.sim, w.sim.now + 60 * SLUICE_S);
	ck_assert_int_eq(w.a->state, SLUICE_PEER_FAILED);
	end(&w);
}
END_TEST

START_TEST(test_nobody_at_the_other_end_is_a_timeout) {
	struct call w;
	begin(&w);
	sim_link(&w.sim, w.a->host, w.b->host)->config.outage_to = SLUICE_NEVER;
	sim_link(&w.sim, w.b->host, w.a->host)->config.outage_to = SLUICE_NEVER;
	caller_open(w.a, NULL);
	ck_assert(SIM_UNTIL(&w.sim, 60 * SLUICE_S, w.a->state == SLUICE_PEER_FAILED));
	ck_assert_int_eq(sluice_peer_error(w.a->peer, NULL), SLUICE_TIMED_OUT);
	ck_assert_uint_eq(w.a->closed, 0);
	sluice_peer_close(w.a->peer);
	sim_run(&w.sim, w.sim.now + SLUICE_S);
	ck_assert_int_eq(w.a->state, SLUICE_PEER_CLOSED);
	ck_assert_uint_eq(w.a->closed, 1);
	end(&w);
}
END_TEST

START_TEST(test_closing_delivers_first_and_tells_both_sides) {
	struct call w;
	begin(&w);
	connect_both(&w);
	for (int i = 0; i < 50; i++)
		ck_assert_int_eq(sluice_channel_send_text(w.a->channel, "last words", 10), 0);
	sluice_peer_close(w.a->peer);
	ck_assert(SIM_UNTIL(&w.sim, w.sim.now + 10 * SLUICE_S,
	                    w.a->state == SLUICE_PEER_CLOSED && w.b->state == SLUICE_PEER_CLOSED));
	ck_assert_uint_eq(w.b->received, 51);
	ck_assert_uint_eq(w.b->closed, 1);
	ck_assert_int_eq(signaling(w.b), SLUICE_SIGNALING_CLOSED);
	ck_assert_int_eq(sluice_peer_ice_state(w.a->peer), SLUICE_ICE_CLOSED);
	ck_assert_int_eq(offer(w.a), SLUICE_CLOSED);
	end(&w);
}
END_TEST

START_TEST(test_closing_before_anything_was_said_is_the_end_at_once) {
	struct call w;
	begin(&w);
	sluice_peer_close(w.a->peer);
	sim_run(&w.sim, SLUICE_S + SLUICE_MS);
	ck_assert_int_eq(w.a->state, SLUICE_PEER_CLOSED);
	w.b->silent = true;
	caller_offer(w.b);
	sluice_peer_close(w.b->peer);
	sim_run(&w.sim, SLUICE_S + 2 * SLUICE_MS);
	ck_assert_int_eq(w.b->state, SLUICE_PEER_CLOSED);
	end(&w);
}
END_TEST

/* ---- candidates ---- */

START_TEST(test_candidates_may_come_before_the_answer_is_made) {
	struct call w;
	begin(&w);
	w.a->trickle = w.b->trickle = true;
	connect_both(&w);
	ck_assert_uint_eq(w.a->refused + w.b->refused, 0);
	end(&w);
}
END_TEST

/* 150 of a family that nobody has, and they claim to be the best. */
START_TEST(test_candidates_before_the_answer_that_are_of_no_use_keep_no_other_out) {
	struct call w;
	char line[200];
	begin(&w);
	w.a->silent = w.b->silent = true;
	caller_open(w.a, NULL);
	caller_offer(w.a);
	ck_assert_int_eq(caller_give(w.a, w.b), 0);
	for (int i = 0; i < 150; i++) {
		snprintf(line, sizeof line, "candidate:%d 1 udp 4294967295 fd00::%x 7000 typ host", i, (unsigned)i + 1);
		ck_assert_int_eq(sluice_peer_add_remote_candidate(w.b->peer, line), i < EARLY_CANDIDATES_MAX ? 0 : SLUICE_LIMIT);
	}
	ck_assert_int_eq(sluice_peer_add_remote_candidate(w.b->peer, "candidate:1 1 udp 1 10.0.0.9 7000 typ host"), 0);
	ck_assert_uint_eq(w.b->peer->negotiation.early_count, EARLY_CANDIDATES_MAX);
	const struct early_candidate *e = w.b->peer->negotiation.early;
	while (e && e->candidate.addr.ss_family != AF_INET)
		e = e->next;
	ck_assert_ptr_nonnull(e);
	end(&w);
}
END_TEST

START_TEST(test_a_candidate_of_another_generation_or_of_no_use_is_ignored_and_a_malformed_one_refused) {
	struct call w;
	begin(&w);
	connect_both(&w);
	static const char tail[] = "candidate:1 1 udp 1 192.0.2.1 5 typ host ufrag zzzz";
	sluice_peer_stats before, after;
	sluice_peer_stats_get(w.a->peer, &before);
	ck_assert_int_eq(sluice_peer_add_remote_candidate(w.a->peer, tail), 0);
	ck_assert_int_eq(sluice_peer_add_remote_candidate(w.a->peer, "candidate:1 1 sctp 1 192.0.2.1 5 typ host"), 0);
	ck_assert_int_eq(sluice_peer_add_remote_candidate(w.a->peer, "candidate:1 2 udp 1 192.0.2.1 5 typ host"), 0);
	ck_assert_int_eq(sluice_peer_add_remote_candidate(w.a->peer, "candidate:1 1 udp one 192.0.2.1 5 typ host"),
	                 SLUICE_MALFORMED);
	sluice_peer_stats_get(w.a->peer, &after);
	ck_assert_uint_eq(after.remote_candidates, before.remote_candidates);
	end(&w);
}
END_TEST

static bool no_host(const sluice_candidate *c, bool local, void *user) {
	(void)user;
	return !local || strcmp(c->type, "host") != 0;
}

START_TEST(test_a_filtered_candidate_is_not_told) {
	struct call w;
	sluice_peer_config a;
	sluice_peer_config_init(&a);
	a.ice.filter = no_host;
	begin_with(&w, &a, NULL);
	w.a->silent = true;
	caller_offer(w.a);
	sim_settle(&w.sim);
	ck_assert_int_gt(sluice_peer_local_description(w.a->peer, NULL, text, sizeof text), 0);
	ck_assert_ptr_null(strstr(text, "a=candidate"));
	end(&w);
}
END_TEST

/* ---- configuration ---- */

START_TEST(test_server_urls_are_read_as_rfc_7064_and_7065_have_them) {
	static const struct {
		const char *url;
		int result;
	} rows[] = {
		{"stun:stun.example.org", 0},
		{"STUN:192.0.2.1:3479", 0},
		{"stun:[2001:db8::1]:3478", 0},
		{"turn:turn.example.org?transport=udp", 0},
		{"turn:turn.example.org:80?transport=tcp", 0},
		{"turns:turn.example.org", 0},
		{"turns:turn.example.org?transport=tcp", 0},
		{"turns:turn.example.org?transport=udp", SLUICE_INVALID},
		{"turn:x?transport=sctp", SLUICE_INVALID},
		{"stun:", SLUICE_INVALID},
		{"stun:x:0", SLUICE_INVALID},
		{"stun:x:65536", SLUICE_INVALID},
		{"stun:x:12y", SLUICE_INVALID},
		{"stun:[::1", SLUICE_INVALID},
		{"http://x", SLUICE_INVALID},
		{"", SLUICE_INVALID},
	};
	sluice_env *env;
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		sluice_ice_server server = {.url = rows[i].url, .username = "u", .credential = "p"};
		sluice_peer_config c;
		sluice_peer *p = NULL;
		sluice_peer_config_init(&c);
		c.ice.servers = &server;
		c.ice.server_count = 1;
		ck_assert_msg(sluice_peer_new(env, &c, &p) == rows[i].result, "%s", rows[i].url);
		sluice_peer_free(p);
	}
	sluice_env_free(env);
}
END_TEST

START_TEST(test_a_direct_peer_has_no_descriptions) {
	sluice_env *env;
	sluice_peer *p;
	sluice_peer_config c;
	sluice_peer_config_init(&c);
	c.role = SLUICE_ROLE_CLIENT;
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	ck_assert_int_eq(sluice_peer_new(env, &c, &p), 0);
	ck_assert_int_eq(sluice_peer_create_offer(p, text, sizeof text), SLUICE_WRONG_STATE);
	ck_assert_int_eq(sluice_peer_set_local_description(p, 0, NULL), SLUICE_WRONG_STATE);
	ck_assert_int_eq(sluice_peer_restart_ice(p), SLUICE_WRONG_STATE);
	ck_assert_int_eq(sluice_peer_local_description(p, NULL, text, sizeof text), 0);
	sluice_peer_free(p);
	sluice_env_free(env);
}
END_TEST

/* ---- what can be known ---- */

START_TEST(test_the_certificate_that_the_other_side_showed_can_be_read) {
	struct call w;
	begin(&w);
	sluice_fingerprint shown, own;
	ck_assert_int_eq(sluice_peer_remote_fingerprint(w.a->peer, SLUICE_SHA256, &shown), SLUICE_WRONG_STATE);
	connect_both(&w);
	ck_assert_int_eq(sluice_peer_remote_fingerprint(w.a->peer, SLUICE_SHA256, &shown), 0);
	ck_assert_int_eq(sluice_peer_local_fingerprint(w.b->peer, SLUICE_SHA256, &own), 0);
	ck_assert_mem_eq(shown.digest, own.digest, 32);
	uint8_t der[2048];
	ck_assert_int_gt(sluice_peer_remote_certificate(w.a->peer, der, sizeof der), 100);
	end(&w);
}
END_TEST

START_TEST(test_statistics_in_json_are_complete_and_say_how_long_they_are) {
	struct call w;
	begin(&w);
	connect_both(&w);
	static char json[16384];
	size_t len = sluice_peer_stats_json(w.a->peer, json, sizeof json);
	ck_assert_uint_eq(len, strlen(json));
	ck_assert_uint_eq(sluice_peer_stats_json(w.a->peer, NULL, 0), len);
	static const char *const parts[] = {
		"\"type\":\"peer-connection\"", "\"type\":\"transport\"",        "\"type\":\"candidate-pair\"",
		"\"type\":\"local-candidate\"", "\"type\":\"remote-candidate\"", "\"type\":\"certificate\"",
		"\"type\":\"data-channel\"",    "\"type\":\"sctp-association\"", "\"label\":\"chat\"",
		"\"dtlsState\":\"connected\"",  "\"congestionControl\":\"",      "\"tailProbes\":0"};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		ck_assert_msg(strstr(json, parts[i]) != NULL, "no %s in %s", parts[i], json);
	char small[10];
	ck_assert_uint_eq(sluice_peer_stats_json(w.a->peer, small, sizeof small), len);
	ck_assert_uint_eq(strlen(small), 9);
	end(&w);
}
END_TEST

SUITE("negotiation", test_the_events_of_a_call_come_in_the_order_of_w3c,
      test_a_first_channel_needs_negotiation_and_a_second_does_not, test_what_does_not_fit_the_signaling_state_is_refused,
      test_a_description_may_be_created_first_and_set_later_but_not_changed,
      test_a_local_description_names_the_candidates_gathered_since,
      test_a_malformed_line_is_told_by_its_number_and_changes_nothing, test_audio_and_video_of_an_offer_are_answered_as_rejected,
      test_an_answer_that_rejects_the_data_section_ends_the_peer_and_its_signaling,
      test_another_certificate_than_the_announced_one_fails_the_peer, test_of_two_colliding_offers_the_impolite_one_wins,
      test_a_rolled_back_offer_can_be_made_again, test_an_offer_of_the_other_side_later_changes_nothing,
      test_a_restart_changes_the_credentials_and_loses_nothing,
      test_a_restarting_offer_that_was_never_set_leaves_no_trace_in_an_answer,
      test_a_later_answer_with_the_other_dtls_role_and_the_same_certificate_changes_nothing,
      test_a_later_answer_with_another_certificate_is_refused_with_the_reason,
      test_late_candidates_of_the_old_generation_do_not_end_the_new_one, test_a_silent_path_is_told_and_its_return_too,
      test_a_dead_path_fails_the_peer_when_consent_expires, test_a_dead_path_waits_for_a_restart_that_is_under_way_and_no_longer,
      test_nobody_at_the_other_end_is_a_timeout, test_closing_delivers_first_and_tells_both_sides,
      test_closing_before_anything_was_said_is_the_end_at_once, test_candidates_may_come_before_the_answer_is_made,
      test_candidates_before_the_answer_that_are_of_no_use_keep_no_other_out,
      test_a_candidate_of_another_generation_or_of_no_use_is_ignored_and_a_malformed_one_refused,
      test_a_filtered_candidate_is_not_told, test_server_urls_are_read_as_rfc_7064_and_7065_have_them,
      test_a_direct_peer_has_no_descriptions, test_the_certificate_that_the_other_side_showed_can_be_read,
      test_statistics_in_json_are_complete_and_say_how_long_they_are)
