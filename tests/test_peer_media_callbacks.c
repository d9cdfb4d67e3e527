/* Whatever an app does inside a callback of a peer's media, from a verb of a track to the end of the peer, is safe: nothing is
 * touched that is gone, nothing leaks, and where the connection lives on, frames travel. */
#include <stdio.h>

#include "peer/connection.h"
#include "peer/peer.h"
#include "rtp/media/media.h"
#include "sim/assert.h"
#include "sim/caller.h"
#include "suite.h"

/* ---- the callbacks --------------------------------------------------------------------------------------------------- */

enum moment { ON_TRACK, ON_FRAME, ON_RTP, ON_MUTE, ON_KEYFRAME_REQUEST, ON_BITRATE, ON_ENDED, MOMENTS };
static const char *const moment_names[] = {"on_track",   "on_frame", "on_rtp", "on_mute", "on_keyframe_request",
                                           "on_bitrate", "on_ended"};

static struct sim sim;
static struct caller *ends[2];
static unsigned frames[2];
/* The deed is done once, by this end, when the moment has come `left` times more. */
static unsigned doer, left, done;
static enum moment moment;
static void (*deed)(struct caller *c, sluice_transceiver *t, sluice_track *track);

static unsigned index_of(const struct caller *c) {
	return c == ends[1];
}

static void come(enum moment m, struct caller *c, sluice_transceiver *t, sluice_track *track) {
	if (m != moment || index_of(c) != doer || done || --left)
		return;
	done = 1;
	deed(c, t, track);
}

static void on_frame(sluice_track *t, const sluice_frame *frame, void *user) {
	(void)frame;
	frames[index_of(user)]++;
	come(ON_FRAME, user, sluice_track_transceiver(t), t);
}

static void on_rtp(sluice_track *t, const sluice_rtp *packet, void *user) {
	(void)packet;
	come(ON_RTP, user, sluice_track_transceiver(t), t);
}

static void on_mute(sluice_track *t, bool muted, void *user) {
	(void)muted;
	come(ON_MUTE, user, sluice_track_transceiver(t), t);
}

static void on_keyframe_request(sluice_track *t, unsigned layer, void *user) {
	(void)layer;
	come(ON_KEYFRAME_REQUEST, user, sluice_track_transceiver(t), t);
}

static void on_bitrate(sluice_track *t, unsigned layer, uint64_t rate, void *user) {
	(void)layer, (void)rate;
	come(ON_BITRATE, user, sluice_track_transceiver(t), t);
}

static void on_ended(sluice_track *t, void *user) {
	come(ON_ENDED, user, sluice_track_transceiver(t), t);
}

static const sluice_track_callbacks sending = {
	.on_keyframe_request = on_keyframe_request, .on_bitrate = on_bitrate, .on_ended = on_ended};
static const sluice_track_callbacks receiving = {
	.on_frame = on_frame, .on_rtp = on_rtp, .on_mute = on_mute, .on_ended = on_ended};

static void on_track(struct caller *c, sluice_transceiver *t) {
	sluice_track_set_callbacks(sluice_transceiver_receiver(t), &receiving, c);
	sluice_track_set_callbacks(sluice_transceiver_sender(t), &sending, c);
	ck_assert_int_eq(sluice_transceiver_set_direction(t, SLUICE_SENDRECV), 0);
	come(ON_TRACK, c, t, sluice_transceiver_receiver(t));
}

/* ---- what an app does in them ---------------------------------------------------------------------------------------- */

static void free_peer(struct caller *c, sluice_transceiver *t, sluice_track *track) {
	(void)t, (void)track;
	sluice_peer_free(c->peer);
	c->peer = NULL;
}

static void close_peer(struct caller *c, sluice_transceiver *t, sluice_track *track) {
	(void)t, (void)track;
	sluice_peer_close(c->peer);
}

static void abort_peer(struct caller *c, sluice_transceiver *t, sluice_track *track) {
	(void)t, (void)track;
	sluice_peer_abort(c->peer, "enough");
	sluice_peer_close(c->peer);
}

static void abort_and_free(struct caller *c, sluice_transceiver *t, sluice_track *track) {
	abort_peer(c, t, track);
	free_peer(c, t, track);
}

static void stop_this(struct caller *c, sluice_transceiver *t, sluice_track *track) {
	(void)c, (void)track;
	sluice_transceiver_stop(t);
	sluice_transceiver_stop(t);
}

static void stop_all(struct caller *c, sluice_transceiver *t, sluice_track *track) {
	(void)track, (void)t;
	sluice_transceiver *o;
	for (size_t i = 0; (o = sluice_peer_transceiver(c->peer, i)) != NULL; i++)
		sluice_transceiver_stop(o);
}

static void add_and_stop(struct caller *c, sluice_transceiver *t, sluice_track *track) {
	(void)track, (void)t;
	for (unsigned i = 0; i < 20; i++) {
		sluice_transceiver *o;
		ck_assert_int_eq(sluice_peer_add_transceiver(c->peer, SLUICE_VIDEO, NULL, &o), 0);
		sluice_transceiver_stop(o);
	}
}

static void add_some(struct caller *c, sluice_transceiver *t, sluice_track *track) {
	(void)track, (void)t;
	for (unsigned i = 0; i < 10; i++)
		ck_assert_int_eq(sluice_peer_add_transceiver(c->peer, SLUICE_AUDIO + (i & 1), NULL, NULL), 0);
}

static void want_nothing(struct caller *c, sluice_transceiver *t, sluice_track *track) {
	static const sluice_track_callbacks none = {.on_frame = NULL};
	(void)c, (void)t;
	sluice_track_set_callbacks(track, &none, NULL);
}

static void take_player(struct caller *c, sluice_transceiver *t, sluice_track *track) {
	sluice_player *p;
	(void)c;
	sluice_track *r = sluice_transceiver_receiver(t);
	(void)track;
	if (!r)
		return;
	ck_assert_int_eq(sluice_track_open_player(r, 0, &p), 0);
	ck_assert_int_eq(sluice_track_open_player(r, 0, &p), SLUICE_EXISTS);
	sluice_player_close(p);
	ck_assert_int_eq(sluice_track_open_player(r, 0, &p), 0);
	sluice_player_close(p);
}

/* What the offer had made goes, the transceiver of this callback perhaps among it. */
static void roll_back(struct caller *c, sluice_transceiver *t, sluice_track *track) {
	(void)t, (void)track;
	sluice_peer_set_remote_description(c->peer, SLUICE_SDP_ROLLBACK, NULL, 0);
	sluice_peer_set_local_description(c->peer, SLUICE_SDP_ROLLBACK, NULL);
}

static void every_verb(struct caller *c, sluice_transceiver *t, sluice_track *track) {
	static char sdp[SLUICE_SDP_MAX], json[65536];
	static const sluice_codec_preference vp9 = {.codec = SLUICE_CODEC_VP9}, opus = {.codec = SLUICE_CODEC_OPUS};
	static const uint8_t vp8[20] = {0x10, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0};
	sluice_media_stats stats;
	sluice_inbound_rtp_stats in;
	sluice_outbound_rtp_stats out;
	sluice_track_user(track);
	sluice_track_kind(track);
	sluice_track_codec(track);
	sluice_track_send_frame(track, &(sluice_frame){.data = vp8, .len = sizeof vp8, .timestamp = sim.now, .keyframe = true});
	sluice_track_replace(track);
	sluice_track_set_encoding(track, 0, &(sluice_encoding){.paused = true});
	sluice_track_set_encoding(track, 0, &(sluice_encoding){.max_bitrate = 500000});
	sluice_track_bitrate(track, 0);
	sluice_track_request_keyframe(track, 0);
	sluice_track_set_delay(track, SLUICE_S);
	sluice_track_set_delay(track, SLUICE_NEVER);
	sluice_track_inbound_stats(track, 0, &in);
	sluice_track_outbound_stats(track, 0, &out);
	sluice_transceiver_set_direction(t, SLUICE_INACTIVE);
	sluice_transceiver_set_direction(t, SLUICE_SENDRECV);
	sluice_transceiver_set_codec_preferences(t, sluice_transceiver_kind(t) == SLUICE_AUDIO ? &opus : &vp9, 1);
	sluice_transceiver_set_codec_preferences(t, NULL, 0);
	sluice_transceiver_remote_stream(t, 0);
	sluice_transceiver_mid(t);
	sluice_peer_media_stats_get(c->peer, &stats);
	sluice_peer_stats_json(c->peer, json, sizeof json);
	sluice_peer_dispatch(c->peer);
	sluice_peer_advance(c->peer, sim.now);
	sluice_peer_deadline(c->peer);
	if (sluice_peer_create_offer(c->peer, sdp, sizeof sdp) > 0 &&
	    sluice_peer_signaling_state(c->peer) == SLUICE_SIGNALING_STABLE) {
		ck_assert_int_eq(sluice_peer_set_local_description(c->peer, SLUICE_SDP_OFFER, sdp), 0);
		ck_assert_int_eq(sluice_peer_set_local_description(c->peer, SLUICE_SDP_ROLLBACK, NULL), 0);
	}
	sluice_peer_restart_ice(c->peer);
}

static const struct {
	const char *name;
	void (*deed)(struct caller *c, sluice_transceiver *t, sluice_track *track);
	bool ends;
} deeds[] = {
	{"free", free_peer, true},
	{"close", close_peer, true},
	{"abort", abort_peer, true},
	{"abort, free", abort_and_free, true},
	{"stop", stop_this, false},
	{"stop all", stop_all, true},
	{"add, stop", add_and_stop, false},
	{"add", add_some, false},
	{"want nothing", want_nothing, false},
	{"player", take_player, false},
	{"every verb", every_verb, false},
	{"roll back", roll_back, true},
};

/* ---- the call -------------------------------------------------------------------------------------------------------- */

static void send_frames(const struct caller *c) {
	static const uint8_t vp8[3000] = {0x10, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0};
	sluice_transceiver *t;
	for (size_t i = 0; c->peer && (t = sluice_peer_transceiver(c->peer, i)) != NULL; i++) {
		sluice_track *s = sluice_transceiver_sender(t);
		size_t len = sluice_transceiver_kind(t) == SLUICE_AUDIO ? 100 : sizeof vp8;
		if (s)
			sluice_track_send_frame(s,
			                        &(sluice_frame){.data = vp8, .len = len, .timestamp = sim.now, .keyframe = true});
	}
}

static void request_keyframes(const struct caller *c) {
	sluice_transceiver *t;
	for (size_t i = 0; c->peer && (t = sluice_peer_transceiver(c->peer, i)) != NULL; i++)
		if (sluice_transceiver_receiver(t))
			sluice_track_request_keyframe(sluice_transceiver_receiver(t), 0);
}

static void run(uint64_t ns) {
	for (uint64_t end = sim.now + ns; sim.now < end;) {
		for (unsigned i = 0; i < 2; i++)
			send_frames(ends[i]);
		sim_run(&sim, sim.now + 20 * SLUICE_MS);
		for (unsigned i = 0; i < 2; i++)
			ck_assert(!ends[i]->peer ||
			          (peer_check(ends[i]->peer) && (!ends[i]->peer->media || media_check(ends[i]->peer->media))));
	}
}

static void turn(const struct caller *c, size_t i, enum sluice_direction d) {
	sluice_transceiver *t = c->peer ? sluice_peer_transceiver(c->peer, i) : NULL;
	if (t)
		sluice_transceiver_set_direction(t, d);
}

static void begin(void) {
	memset(&sim, 0, sizeof sim);
	sim_init(&sim, sim_seed(5));
	frames[0] = frames[1] = done = 0;
	for (unsigned i = 0; i < 2; i++) {
		ends[i] = caller_new(&sim, i ? "b" : "a", NULL);
		ends[i]->ctx = ends[i];
		ends[i]->on_track = on_track;
		ends[i]->tolerant = true;
	}
	caller_join(ends[0], ends[1], &(struct link_config){.delay = 5 * SLUICE_MS}, SLUICE_MS);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(sluice_peer_add_transceiver(
					 ends[0]->peer, i ? SLUICE_VIDEO : SLUICE_AUDIO,
					 &(sluice_transceiver_config){.sender = sending, .receiver = receiving, .user = ends[0]},
					 NULL),
		                 0);
}

/* Every callback comes: all of it at least twice at each end. */
static void call(void) {
	begin();
	run(SLUICE_S);
	request_keyframes(ends[0]);
	request_keyframes(ends[1]);
	run(SLUICE_S / 2);
	turn(ends[0], 0, SLUICE_INACTIVE);
	turn(ends[0], 1, SLUICE_INACTIVE);
	run(SLUICE_S / 2);
	turn(ends[0], 0, SLUICE_SENDRECV);
	turn(ends[0], 1, SLUICE_SENDRECV);
	run(SLUICE_S / 2);
	for (unsigned i = 0; i < 2 && ends[0]->peer; i++)
		if (sluice_peer_transceiver(ends[0]->peer, 1))
			sluice_transceiver_stop(sluice_peer_transceiver(ends[0]->peer, 1));
	run(SLUICE_S);
}

static void each_deed(enum moment m) {
	moment = m;
	for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++)
		for (doer = 0; doer < 2; doer++)
			for (unsigned nth = 1; nth <= 2; nth++) {
				left = nth;
				deed = deeds[i].deed;
				call();
				bool may_miss = m == ON_TRACK && nth > 1;
				ck_assert_msg(done || may_miss, "%s did not come %u times to %u", moment_names[m], nth, doer);
				unsigned before = frames[1 - doer];
				run(SLUICE_S);
				ck_assert_msg(deeds[i].ends || frames[1 - doer] > before, "%s in %s: no frames", deeds[i].name,
				              moment_names[m]);
				sim_close(&sim);
			}
}

START_TEST(test_the_app_may_do_anything_in_a_callback) {
	each_deed((enum moment)_i);
}
END_TEST

int main(int argc, char **argv) {
	const TTest *tests[] = {test_the_app_may_do_anything_in_a_callback};
	return suite_run_rounds("peer, callbacks of media", tests, 1, argc > 1 ? argv[1] : NULL, 300, NULL, MOMENTS);
}
