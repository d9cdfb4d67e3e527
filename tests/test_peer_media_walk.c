/* Two peers with media, and two apps that call whatever the state allows, in any order: transceivers come, stop and turn around,
 * offers collide, are rolled back and made again, ICE restarts. After each step the invariants of both peers hold, and so does
 * what the two say of each other whenever both are stable. In the end everything that was agreed on carries frames.
 *
 * A step is drawn from a seed. SLUICE_SEED names one walk. Signalling is reliable and in order, as W3C's perfect negotiation
 * wants it: a is impolite and b polite. */
#include <stdio.h>

#include "peer/connection.h"
#include "peer/peer.h"
#include "rtp/media/media.h"
#include "sim/assert.h"
#include "sim/caller.h"
#include "suite.h"

#define STEPS 60
#define MOST 7 /* transceivers that an app has at once */

struct walker {
	struct caller *caller;
	struct walker *other;
	bool polite;
	/* The description that is on its way to the other side; 0: none. */
	enum sluice_sdp_type sent;
	char text[SLUICE_SDP_MAX];
	/* An offer was taken by the other side, and no answer of it was taken yet. */
	bool delivered;
	/* An offer of the other side was ignored: ours has to reach it. */
	bool ignored;
	unsigned got[256]; /* frames, by the transceiver's number */
};

static struct sim sim;
static struct walker ends[2];
static struct rng dice;
static uint64_t seed;
static unsigned step;

static unsigned roll(unsigned n) {
	return (unsigned)rng_below(&dice, n);
}

static sluice_peer *peer(const struct walker *w) {
	return w->caller->peer;
}

static enum sluice_signaling_state state(const struct walker *w) {
	return sluice_peer_signaling_state(peer(w));
}

#define MUST_BE(w, error, wanted)                                                                                                \
	ck_assert_msg((error) == (wanted), "seed %llu, step %u, %s: %d, not %d", (unsigned long long)seed, step,                 \
	              (w)->polite ? "b" : "a", (error), (wanted))

/* ---- frames ---------------------------------------------------------------------------------------------------------- */

static void on_frame(sluice_track *t, const sluice_frame *frame, void *user) {
	struct walker *w = user;
	(void)frame;
	w->got[sluice_track_transceiver(t)->number % 256]++;
}

static const sluice_track_callbacks receiving = {.on_frame = on_frame};

static void on_track(struct caller *c, sluice_transceiver *t) {
	sluice_track_set_callbacks(sluice_transceiver_receiver(t), &receiving, c->ctx);
}

static bool sends(const sluice_transceiver *t) {
	enum sluice_direction d = sluice_transceiver_current_direction(t);
	return d == SLUICE_SENDRECV || d == SLUICE_SENDONLY;
}

static bool receives(const sluice_transceiver *t) {
	enum sluice_direction d = sluice_transceiver_current_direction(t);
	return d == SLUICE_SENDRECV || d == SLUICE_RECVONLY;
}

static void send_frames(const struct walker *w) {
	static const uint8_t vp8[400] = {0x10, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0};
	static const uint8_t h264[] = {0, 0, 0, 1, 0x67, 66, 0, 31, 0, 0, 0, 1, 0x68, 1, 2, 0, 0, 0, 1, 0x65, 1, 2, 3, 4, 5, 6};
	static const uint8_t vp9[100] = {0x82, 0x49, 0x83, 0x42, 0};
	sluice_transceiver *t;
	for (size_t i = 0; (t = sluice_peer_transceiver(peer(w), i)) != NULL; i++) {
		sluice_track *s = sluice_transceiver_sender(t);
		const sluice_codec_config *c = s ? sluice_track_codec(s) : NULL;
		if (!c || !sends(t))
			continue;
		bool is_h264 = c->codec == SLUICE_CODEC_H264, is_vp9 = c->codec == SLUICE_CODEC_VP9;
		for (unsigned layer = 0; layer < t->encoding_count; layer++) {
			const sluice_frame f = {.data = is_h264  ? h264
			                                : is_vp9 ? vp9
			                                         : vp8,
			                        .len = is_h264  ? sizeof h264
			                               : is_vp9 ? sizeof vp9
			                                        : sizeof vp8,
			                        .timestamp = sim.now,
			                        .keyframe = true,
			                        .layer = (uint8_t)layer};
			sluice_track_send_frame(s, &f);
		}
	}
}

static void run(uint64_t ns) {
	for (uint64_t end = sim.now + ns; sim.now < end;) {
		send_frames(&ends[0]);
		send_frames(&ends[1]);
		sim_run(&sim, sim.now + 20 * SLUICE_MS < end ? sim.now + 20 * SLUICE_MS : end);
	}
}

/* ---- what has to hold ------------------------------------------------------------------------------------------------ */

static bool is_quiet(void) {
	return !ends[0].sent && !ends[1].sent && state(&ends[0]) == SLUICE_SIGNALING_STABLE &&
	       state(&ends[1]) == SLUICE_SIGNALING_STABLE;
}

static sluice_transceiver *by_mid(const struct walker *w, const char *mid) {
	sluice_transceiver *t;
	for (size_t i = 0; (t = sluice_peer_transceiver(peer(w), i)) != NULL; i++)
		if (sluice_transceiver_mid(t) && strcmp(sluice_transceiver_mid(t), mid) == 0)
			return t;
	return NULL;
}

/* RFC 9429, 4.2.5: the current direction is what was agreed on. */
static void check_pair(const struct walker *w, const sluice_transceiver *t) {
	const char *mid = sluice_transceiver_mid(t);
	if (!mid || sluice_transceiver_direction(t) == SLUICE_STOPPED)
		return;
	const sluice_transceiver *o = by_mid(w->other, mid);
	ck_assert_msg(o != NULL, "seed %llu, step %u: nobody has mid %s beside %s", (unsigned long long)seed, step, mid,
	              w->polite ? "b" : "a");
	if (sluice_transceiver_direction(o) == SLUICE_STOPPED)
		return;
	ck_assert_msg(sends(t) == receives(o) && receives(t) == sends(o), "seed %llu, step %u: mid %s: %s, %s",
	              (unsigned long long)seed, step, mid, sluice_direction_name(sluice_transceiver_current_direction(t)),
	              sluice_direction_name(sluice_transceiver_current_direction(o)));
	ck_assert_int_eq(sluice_transceiver_kind(t), sluice_transceiver_kind(o));
}

static void check(void) {
	for (unsigned i = 0; i < 2; i++) {
		const struct walker *w = &ends[i];
		sluice_transceiver *t;
		ck_assert_msg(peer_check(peer(w)), "seed %llu, step %u", (unsigned long long)seed, step);
		if (peer(w)->media)
			ck_assert_msg(media_check(peer(w)->media), "seed %llu, step %u", (unsigned long long)seed, step);
		for (size_t k = 0; (t = sluice_peer_transceiver(peer(w), k)) != NULL; k++)
			if (is_quiet())
				check_pair(w, t);
	}
}

/* ---- signalling ------------------------------------------------------------------------------------------------------ */

static void post(struct walker *w) {
	int len = sluice_peer_local_description(peer(w), &w->sent, w->text, sizeof w->text);
	ck_assert_int_gt(len, 0);
	if (w->sent == SLUICE_SDP_OFFER)
		w->delivered = false;
}

static void stop(struct walker *w);
static void turn(struct walker *w);
static void add(struct walker *w);

/* What is created is out of date before it is set. */
static void interfere(struct walker *w) {
	static void (*const verbs[])(struct walker * w) = {stop, turn, add};
	if (step < STEPS && roll(4) == 0)
		verbs[roll(3)](w);
}

static void offer(struct walker *w) {
	static char text[SLUICE_SDP_MAX];
	const struct walker *o = w->other;
	/* An offer that the other side answers is not made again. */
	if (state(w) == SLUICE_SIGNALING_HAVE_REMOTE_OFFER || o->sent == SLUICE_SDP_ANSWER || w->sent == SLUICE_SDP_ANSWER)
		return;
	if (roll(2)) {
		int len = sluice_peer_create_offer(peer(w), text, sizeof text);
		ck_assert_int_gt(len, 0);
		interfere(w);
		int error = sluice_peer_set_local_description(peer(w), SLUICE_SDP_OFFER, text);
		if (error) {
			MUST_BE(w, error, SLUICE_INVALID);
			return;
		}
	} else {
		int error = sluice_peer_set_local_description(peer(w), SLUICE_SDP_OFFER, NULL);
		MUST_BE(w, error, 0);
	}
	post(w);
}

static void answer(struct walker *w) {
	static char text[SLUICE_SDP_MAX];
	if (state(w) != SLUICE_SIGNALING_HAVE_REMOTE_OFFER || w->other->sent)
		return;
	if (roll(2))
		ck_assert_int_gt(sluice_peer_create_answer(peer(w), text, sizeof text), 0);
	int error = sluice_peer_set_local_description(peer(w), SLUICE_SDP_ANSWER, NULL);
	MUST_BE(w, error, 0);
	post(w);
}

static void deliver(struct walker *w) {
	struct walker *o = w->other;
	enum sluice_sdp_type type = w->sent;
	bool collides = type == SLUICE_SDP_OFFER && state(o) == SLUICE_SIGNALING_HAVE_LOCAL_OFFER;
	if (!type)
		return;
	w->sent = 0;
	if (collides && !o->polite) {
		o->ignored = true;
		return;
	}
	w->ignored = false;
	if (collides) {
		o->sent = 0;
		o->delivered = false;
	}
	int error = sluice_peer_set_remote_description(peer(o), type, w->text, strlen(w->text));
	const char *why;
	sluice_peer_description_error(peer(o), &why);
	ck_assert_msg(error == 0, "seed %llu, step %u: %s refuses: %d, %s: %s", (unsigned long long)seed, step,
	              o->polite ? "b" : "a", error, why, w->text);
	w->delivered = type == SLUICE_SDP_OFFER;
	if (type == SLUICE_SDP_ANSWER)
		o->delivered = false;
}

/* Only where the other side has not answered. */
static void roll_back(struct walker *w) {
	struct walker *o = w->other;
	if (state(w) != SLUICE_SIGNALING_HAVE_LOCAL_OFFER || o->sent == SLUICE_SDP_ANSWER || w->ignored)
		return;
	int error = sluice_peer_set_local_description(peer(w), SLUICE_SDP_ROLLBACK, NULL);
	MUST_BE(w, error, 0);
	if (state(o) == SLUICE_SIGNALING_HAVE_REMOTE_OFFER) {
		error = sluice_peer_set_remote_description(peer(o), SLUICE_SDP_ROLLBACK, NULL, 0);
		MUST_BE(o, error, 0);
	}
	w->sent = 0;
	w->delivered = false;
}

/* What the state does not allow is refused, and changes nothing. */
static void offend(struct walker *w) {
	static char text[SLUICE_SDP_MAX];
	enum sluice_signaling_state s = state(w);
	if (s != SLUICE_SIGNALING_HAVE_REMOTE_OFFER) {
		MUST_BE(w, sluice_peer_create_answer(peer(w), text, sizeof text), SLUICE_WRONG_STATE);
		MUST_BE(w, sluice_peer_set_local_description(peer(w), SLUICE_SDP_ANSWER, NULL), SLUICE_WRONG_STATE);
		MUST_BE(w, sluice_peer_set_remote_description(peer(w), SLUICE_SDP_ROLLBACK, NULL, 0), SLUICE_WRONG_STATE);
	} else {
		MUST_BE(w, sluice_peer_create_offer(peer(w), text, sizeof text), SLUICE_WRONG_STATE);
		MUST_BE(w, sluice_peer_set_local_description(peer(w), SLUICE_SDP_OFFER, NULL), SLUICE_WRONG_STATE);
	}
	if (s != SLUICE_SIGNALING_HAVE_LOCAL_OFFER)
		MUST_BE(w, sluice_peer_set_local_description(peer(w), SLUICE_SDP_ROLLBACK, NULL), SLUICE_WRONG_STATE);
	MUST_BE(w, sluice_peer_set_local_description(peer(w), 0, "v=0\r\n"), SLUICE_INVALID);
	MUST_BE(w, state(w), s);
}

/* ---- the app's verbs ------------------------------------------------------------------------------------------------- */

static size_t count(const struct walker *w) {
	size_t n = 0;
	while (sluice_peer_transceiver(peer(w), n))
		n++;
	return n;
}

static sluice_transceiver *any(const struct walker *w) {
	size_t n = count(w);
	return n ? sluice_peer_transceiver(peer(w), roll((unsigned)n)) : NULL;
}

static void add(struct walker *w) {
	static const sluice_encoding layers[] = {{.rid = "l"}, {.rid = "m"}, {.rid = "h"}};
	static const char *const streams[] = {"one", "two"};
	enum sluice_media_kind kind = roll(2) ? SLUICE_AUDIO : SLUICE_VIDEO;
	const sluice_transceiver_config c = {.direction = (enum sluice_direction)roll(4),
	                                     .streams = streams,
	                                     .stream_count = roll(3),
	                                     .encodings = layers,
	                                     .encoding_count = kind == SLUICE_AUDIO ? 0 : roll(4),
	                                     .receiver = receiving,
	                                     .user = w};
	if (count(w) >= MOST)
		return;
	int error = sluice_peer_add_transceiver(peer(w), kind, &c, NULL);
	MUST_BE(w, error, 0);
}

static void prefer(struct walker *w) {
	static const sluice_codec_preference video[] = {
		{.codec = SLUICE_CODEC_VP9}, {.codec = SLUICE_CODEC_VP8}, {.codec = SLUICE_CODEC_H264, .packetization_mode = 1}};
	static const sluice_codec_preference audio[] = {{.codec = SLUICE_CODEC_PCMU}, {.codec = SLUICE_CODEC_OPUS}};
	sluice_transceiver *t = any(w);
	if (!t)
		return;
	bool is_audio = sluice_transceiver_kind(t) == SLUICE_AUDIO;
	size_t first = roll(2);
	int error = sluice_transceiver_set_codec_preferences(t, (is_audio ? audio : video) + (is_audio ? 0 : first),
	                                                     roll(3) ? 2 : 0);
	MUST_BE(w, error, 0);
}

static void turn(struct walker *w) {
	sluice_transceiver *t = any(w);
	if (!t)
		return;
	bool stopped = sluice_transceiver_direction(t) == SLUICE_STOPPED;
	int error = sluice_transceiver_set_direction(t, (enum sluice_direction)roll(4));
	MUST_BE(w, error, stopped ? SLUICE_WRONG_STATE : 0);
}

static void stop(struct walker *w) {
	sluice_transceiver *t = any(w);
	if (t)
		sluice_transceiver_stop(t);
}

static void touch_tracks(struct walker *w) {
	sluice_transceiver *t = any(w);
	if (!t || !sluice_transceiver_sender(t))
		return;
	sluice_track_replace(sluice_transceiver_sender(t));
	sluice_track_request_keyframe(sluice_transceiver_receiver(t), roll(4));
	sluice_track_set_encoding(sluice_transceiver_sender(t), roll(4), &(sluice_encoding){.max_bitrate = roll(2) * 100000});
}

static void restart(struct walker *w) {
	int error = sluice_peer_restart_ice(peer(w));
	MUST_BE(w, error, 0);
}

static void open_channel(struct walker *w) {
	caller_open(w->caller, "hello");
}

static void wait_a_bit(struct walker *w) {
	(void)w;
	run(roll(80) * SLUICE_MS);
}

static void (*const verbs[])(struct walker *w) = {
	add,     add,     stop,    turn,   turn,   turn,      prefer, touch_tracks, offer,      offer,   offer,        deliver,
	deliver, deliver, deliver, answer, answer, roll_back, offend, wait_a_bit,   wait_a_bit, restart, open_channel,
};

/* ---- the walk -------------------------------------------------------------------------------------------------------- */

static void make_end(struct walker *w, const char *name, struct walker *other) {
	*w = (struct walker){.other = other, .polite = other == &ends[0]};
	w->caller = caller_new(&sim, name, NULL);
	w->caller->ctx = w;
	w->caller->on_track = on_track;
	w->caller->silent = true;
}

static void begin(void) {
	dice = rng_of(seed, 4242);
	step = 0;
	memset(&sim, 0, sizeof sim);
	sim_init(&sim, seed);
	make_end(&ends[0], "a", &ends[1]);
	make_end(&ends[1], "b", &ends[0]);
	caller_join(ends[0].caller, ends[1].caller, &(struct link_config){.delay = 5 * SLUICE_MS}, SLUICE_MS);
}

static void finish_negotiation(void) {
	for (unsigned i = 0; i < 4 && !is_quiet(); i++)
		for (unsigned k = 0; k < 2; k++) {
			deliver(&ends[k]);
			answer(ends[k].other);
			deliver(ends[k].other);
		}
	ck_assert_msg(is_quiet(), "seed %llu: %d, %d", (unsigned long long)seed, state(&ends[0]), state(&ends[1]));
}

/* W3C: the event would come again until nothing is left to negotiate. */
static void negotiate_until_done(void) {
	finish_negotiation();
	for (unsigned i = 0; i < 6; i++) {
		struct walker *w = &ends[i % 2];
		check();
		offer(w);
		finish_negotiation();
		run(20 * SLUICE_MS);
	}
	check();
	for (unsigned i = 0; i < 2; i++)
		ck_assert_msg(!peer(&ends[i])->negotiation.needed, "seed %llu: %s wants one more offer", (unsigned long long)seed,
		              i ? "b" : "a");
}

static void check_flow(void) {
	run(2 * SLUICE_S);
	memset(ends[0].got, 0, sizeof ends[0].got);
	memset(ends[1].got, 0, sizeof ends[1].got);
	run(3 * SLUICE_S);
	for (unsigned i = 0; i < 2; i++) {
		const struct walker *w = &ends[i];
		sluice_transceiver *t;
		for (size_t k = 0; (t = sluice_peer_transceiver(peer(w), k)) != NULL; k++) {
			const char *mid = sluice_transceiver_mid(t);
			bool flows = w->got[t->number % 256] > 0;
			ck_assert_msg(mid != NULL || t->stopping, "seed %llu: a transceiver without a section",
			              (unsigned long long)seed);
			ck_assert_msg(flows == receives(t), "seed %llu: mid %s of %s: %s, %u frames", (unsigned long long)seed,
			              mid ? mid : "-", i ? "b" : "a",
			              sluice_direction_name(sluice_transceiver_current_direction(t)), w->got[t->number % 256]);
		}
	}
}

static void walk(void) {
	begin();
	for (step = 0; step < STEPS; step++) {
		struct walker *w = &ends[roll(2)];
		verbs[roll(sizeof verbs / sizeof *verbs)](w);
		check();
	}
	if (count(&ends[0]) == 0)
		add(&ends[0]);
	if (roll(2))
		open_channel(&ends[roll(2)]);
	negotiate_until_done();
	check_flow();
	sim_close(&sim);
}

START_TEST(test_walks_through_negotiations_end_in_agreement) {
	unsigned n = sim_seeds(25);
	uint64_t first = sim_seed(1 + n * (uint64_t)_i), last = sim_last(first + n - 1);
	for (seed = first; seed <= last; seed++)
		walk();
}
END_TEST

int main(int argc, char **argv) {
	const TTest *tests[] = {test_walks_through_negotiations_end_in_agreement};
	return suite_run_rounds("peer, walks with media", tests, 1, argc > 1 ? argv[1] : NULL, 300, NULL, 4);
}
