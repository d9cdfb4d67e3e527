#include "forward_kit.h"

#include <stdio.h>

#include "base/bytes.h"

#define TICK (100 * SLUICE_MS)
#define HEAD 10 /* of a VP8 keyframe */

/* ---- pictures ------------------------------------------------------------------------------------------------------ */

/* RFC 6386, 9.1: the frame tag, and a keyframe's start code and size. Behind it our number and layer. */
static void write_picture(uint8_t *p, size_t len, bool key, uint32_t number, unsigned layer) {
	static const uint8_t begin[HEAD] = {0x10, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0};
	memset(p, 0x55, len);
	memcpy(p, begin, sizeof begin);
	p[0] = key ? 0x10 : 0x11;
	put_be32(p + HEAD, number);
	p[HEAD + 4] = (uint8_t)layer;
}

static void send_picture(struct guest *g, unsigned layer) {
	static uint8_t bytes[65536];
	bool key = g->number == g->first || g->key_wanted >> layer & 1;
	size_t len = key ? g->sizes[layer] * 3 : g->sizes[layer];
	write_picture(bytes, len, key, g->number, layer);
	const sluice_frame frame = {.data = bytes,
	                            .len = len,
	                            .timestamp = g->stage->sim.now,
	                            .duration = PICTURE_INTERVAL,
	                            .keyframe = key,
	                            .layer = (uint8_t)layer};
	int error = sluice_track_send_frame(sluice_transceiver_sender(g->video), &frame);
	g->refused += error != 0;
	if (error)
		g->key_wanted |= 1u << layer;
	else
		g->key_wanted &= ~(1u << layer);
}

static void send_sound(const struct guest *g) {
	static const uint8_t bytes[80] = {0xF8};
	const sluice_frame frame = {
		.data = bytes, .len = sizeof bytes, .timestamp = g->stage->sim.now, .duration = 20 * SLUICE_MS};
	sluice_track_send_frame(sluice_transceiver_sender(g->audio), &frame);
}

static void next_picture(void *ctx) {
	struct guest *g = ctx;
	if (!g->is_sending || !g->far->peer)
		return;
	for (unsigned i = 0; i < g->layers; i++)
		if (!g->off[i])
			send_picture(g, i);
	if (g->audio && g->number % 3 == 0)
		send_sound(g);
	g->number++;
	sim_at(&g->stage->sim, g->stage->sim.now + PICTURE_INTERVAL, next_picture, g);
}

static void on_keyframe_request(sluice_track *t, unsigned layer, void *user) {
	struct guest *g = user;
	(void)t;
	g->key_wanted |= 1u << layer;
	g->key_requests[layer]++;
}

static void on_bitrate(sluice_track *t, unsigned layer, uint64_t bits_per_second, void *user) {
	struct guest *g = user;
	(void)t;
	if (g->off[layer] && bits_per_second)
		g->key_wanted |= 1u << layer;
	g->off[layer] = bits_per_second == 0;
}

/* As a decoder would be: without a keyframe it shows nothing, and asks for one. */
static bool can_be_shown(sluice_track *t, struct guest *g, const sluice_frame *frame) {
	g->is_decoding = frame->keyframe || (g->is_decoding && !frame->lost);
	if (!g->is_decoding)
		sluice_track_request_keyframe(t, 0);
	g->hidden += !g->is_decoding;
	return g->is_decoding;
}

static void on_picture(sluice_track *t, const sluice_frame *frame, void *user) {
	struct guest *g = user;
	ck_assert_uint_ge(frame->len, HEAD + 5);
	if (!can_be_shown(t, g, frame))
		return;
	uint32_t number = get_be32(frame->data + HEAD);
	int layer = frame->data[HEAD + 4];
	uint64_t now = g->stage->sim.now;
	if (g->frames) {
		ck_assert_uint_gt(frame->timestamp, g->last_timestamp);
		g->gaps += number != g->last + 1;
		g->switches += layer != g->layer;
		ck_assert_msg(layer == g->layer || frame->keyframe, "another layer begins without a keyframe");
		g->longest_wait = now - g->last_at > g->longest_wait ? now - g->last_at : g->longest_wait;
	}
	g->frames++;
	g->frames_of[layer]++;
	g->keys += frame->keyframe;
	g->last = number;
	g->layer = layer;
	g->last_at = now;
	g->last_timestamp = frame->timestamp;
}

static void on_sound(sluice_track *t, const sluice_frame *frame, void *user) {
	(void)t;
	(void)frame;
	((struct guest *)user)->sounds++;
}

/* ---- joining ------------------------------------------------------------------------------------------------------- */

static void add_video(struct guest *g, enum sluice_codec codec) {
	static const char *const rids[] = {"q", "h", "f"}, *const stream = STAGE_STREAM;
	sluice_encoding encodings[3] = {{.paused = false}};
	for (unsigned i = 0; i < g->layers && g->layers > 1; i++) {
		snprintf(encodings[i].rid, sizeof encodings[i].rid, "%s", rids[i]);
		encodings[i].max_bitrate = g->sizes[i] * 8 * 36;
	}
	const sluice_transceiver_config config = {
		.direction = g->publishes ? SLUICE_SENDONLY : SLUICE_RECVONLY,
		.streams = &stream,
		.stream_count = 1,
		.encodings = encodings,
		.encoding_count = g->layers > 1 ? g->layers : 0,
		.sender = {.on_keyframe_request = on_keyframe_request, .on_bitrate = g->layers > 1 ? on_bitrate : NULL},
		.receiver = {.on_frame = on_picture},
		.user = g,
	};
	ck_assert_int_eq(sluice_peer_add_transceiver(g->far->peer, SLUICE_VIDEO, &config, &g->video), 0);
	const sluice_codec_preference wanted = {.codec = codec, .packetization_mode = 1};
	ck_assert_int_eq(sluice_transceiver_set_codec_preferences(g->video, &wanted, 1), 0);
}

static void add_audio(struct guest *g) {
	static const char *const stream = STAGE_STREAM;
	const sluice_transceiver_config config = {.direction = g->publishes ? SLUICE_SENDONLY : SLUICE_RECVONLY,
	                                          .streams = &stream,
	                                          .stream_count = 1,
	                                          .receiver = {.on_frame = on_sound},
	                                          .user = g};
	ck_assert_int_eq(sluice_peer_add_transceiver(g->far->peer, SLUICE_AUDIO, &config, &g->audio), 0);
}

static struct guest *new_guest(struct stage *s, bool publishes) {
	ck_assert_uint_lt(s->count, GUESTS_MAX);
	struct guest *g = &s->guests[s->count++];
	*g = (struct guest){.stage = s, .publishes = publishes, .layers = 1, .layer = -1};
	g->far = caller_new(&s->sim, publishes ? "publisher" : "watcher", NULL);
	g->server = caller_new_in(&s->sim, "server", NULL, s->env);
	g->far->silent = g->server->silent = true;
	return g;
}

/* The offer, and the answer as the server makes it. False: refused. */
static bool negotiate(struct guest *g) {
	struct forward *f = g->stage->forward;
	caller_offer(g->far);
	ck_assert_int_eq(caller_give(g->far, g->server), 0);
	g->member = g->publishes ? forward_publish(f, "stage", g->server->peer, g, &g->why)
	                         : forward_watch(f, "stage", g->server->peer, g, &g->why);
	if (!g->member)
		return false;
	ck_assert_int_eq(sluice_peer_set_local_description(g->server->peer, SLUICE_SDP_ANSWER, NULL), 0);
	if (!forward_settle(g->member, &g->why))
		return false;
	ck_assert_int_eq(caller_give(g->server, g->far), 0);
	return true;
}

static struct guest *join(struct guest *g, enum sluice_codec codec, const struct link_config *link) {
	caller_join(g->far, g->server, link ? link : &(struct link_config){.delay = 10 * SLUICE_MS}, 0);
	add_audio(g);
	add_video(g, codec);
	if (!negotiate(g)) {
		stage_leave(g);
		return NULL;
	}
	return g;
}

struct guest *stage_publish(struct stage *s, const size_t sizes[], unsigned layers, const struct link_config *link) {
	struct guest *g = new_guest(s, true);
	g->layers = layers;
	memcpy(g->sizes, sizes, layers * sizeof *sizes);
	return join(g, SLUICE_CODEC_VP8, link);
}

struct guest *stage_watch(struct stage *s, const struct link_config *link) {
	return join(new_guest(s, false), SLUICE_CODEC_VP8, link);
}

struct guest *stage_publish_codec(struct stage *s, enum sluice_codec codec) {
	struct guest *g = new_guest(s, true);
	g->sizes[0] = 1000;
	return join(g, codec, NULL);
}

struct guest *stage_watch_codec(struct stage *s, enum sluice_codec codec) {
	return join(new_guest(s, false), codec, NULL);
}

static void free_peer(struct caller *c) {
	sluice_peer_free(c->peer);
	c->peer = NULL;
}

void stage_leave(struct guest *g) {
	g->is_sending = false;
	if (g->member)
		forward_leave(g->member);
	g->member = NULL;
	free_peer(g->server);
	free_peer(g->far);
}

/* ---- life ---------------------------------------------------------------------------------------------------------- */

static void on_over(void *ctx, void *user, const char *why) {
	struct guest *g = user;
	ck_assert_ptr_eq(ctx, g->stage);
	ck_assert_ptr_null(g->over);
	g->over = why;
	forward_leave(g->member);
	g->member = NULL;
	free_peer(g->server);
}

static void look_for_connected(struct guest *g) {
	if (g->is_connected || !g->member || g->server->state != SLUICE_PEER_CONNECTED || g->far->state != SLUICE_PEER_CONNECTED)
		return;
	g->is_connected = true;
	forward_connected(g->member);
	if (!g->publishes)
		return;
	g->is_sending = true;
	next_picture(g);
}

static void tick(void *ctx) {
	struct stage *s = ctx;
	for (unsigned i = 0; i < s->count; i++)
		look_for_connected(&s->guests[i]);
	forward_tick(s->forward, s->sim.now);
	sim_at(&s->sim, s->sim.now + TICK, tick, s);
}

void stage_begin(struct stage *s, uint64_t watchers_max) {
	memset(s, 0, sizeof *s);
	sim_init(&s->sim, sim_seed(14));
	s->entropy = rng_of(s->sim.seed, 1);
	const sluice_env_config env = {
		.allocator = memory_allocator(&s->memory), .entropy = rng_entropy, .entropy_ctx = &s->entropy};
	ck_assert_int_eq(sluice_env_new(&env, &s->env), 0);
	s->forward = forward_new(
		&(struct forward_config){.watchers_max = watchers_max ? watchers_max : GUESTS_MAX, .over = on_over, .ctx = s});
	sim_at(&s->sim, 0, tick, s);
}

void stage_end(struct stage *s) {
	struct forward_stats stats;
	for (unsigned i = 0; i < s->count; i++) {
		s->guests[i].is_sending = false;
		if (s->guests[i].member)
			forward_leave(s->guests[i].member);
	}
	ck_assert(!forward_stats_get(s->forward, 0, &stats));
	forward_free(s->forward);
	sim_close(&s->sim);
	sluice_env_free(s->env);
	ck_assert_uint_eq(s->memory.live, 0);
}

void stage_run(struct stage *s, uint64_t ns) {
	sim_run(&s->sim, s->sim.now + ns);
}

static bool are_connected(const struct stage *s) {
	for (unsigned i = 0; i < s->count; i++)
		if (s->guests[i].member && !s->guests[i].is_connected)
			return false;
	return true;
}

void stage_until_connected(struct stage *s) {
	for (int i = 0; i < 100 && !are_connected(s); i++)
		stage_run(s, 100 * SLUICE_MS);
	ck_assert(are_connected(s));
}
