#include "track_kit.h"

#include "rtp/media/media.h"
#include "sim/must.h"

/* ---- frames ---- */

/* No byte of these is 0 or 1, so nothing looks like a start code. */
static void fill(uint8_t *at, size_t len, uint32_t number) {
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(2 + (number * 31 + i * 7 + (i >> 8)) % 251);
}

/* Four bytes, none of them 0. */
static void put_number(uint8_t *at, uint32_t number) {
	for (unsigned i = 0; i < 4; i++)
		at[i] = (uint8_t)(0x80 | (number >> 7 * (3 - i) & 0x7F));
}

static uint32_t get_number(const uint8_t *at) {
	uint32_t number = 0;
	for (unsigned i = 0; i < 4; i++)
		number = number << 7 | (at[i] & 0x7F);
	return number;
}

static const uint8_t sps[] = {0, 0, 0, 1, 0x67, 0x42, 0xC0, 0x1F, 0xDA, 2}, pps[] = {0, 0, 0, 1, 0x68, 0xCE, 0x3C, 0x80};
static const uint8_t sequence_header[] = {0x0A, 4, 2, 3, 4, 5};

/* What stands before the number. */
static size_t put_head(enum sluice_codec codec, bool key, size_t body, uint8_t *at) {
	size_t n = 0;
	switch (codec) {
	case SLUICE_CODEC_VP8:
		at[n++] = key ? 0x10 : 0x11;
		return n;
	case SLUICE_CODEC_VP9:
		at[n++] = key ? 0x82 : 0x86;
		return n;
	case SLUICE_CODEC_H264:
		if (key) {
			memcpy(at, sps, sizeof sps);
			memcpy(at + sizeof sps, pps, sizeof pps);
			n = sizeof sps + sizeof pps;
		}
		memcpy(at + n, (uint8_t[]){0, 0, 0, 1, key ? 0x65 : 0x41, 0x88}, 6);
		return n + 6;
	case SLUICE_CODEC_AV1:
		if (key) {
			memcpy(at, sequence_header, sizeof sequence_header);
			n = sizeof sequence_header;
		}
		at[n++] = 0x32; /* a frame, with a size of two or three bytes of leb128 */
		for (size_t left = body;; left >>= 7) {
			at[n++] = (uint8_t)((left & 0x7F) | (left > 0x7F ? 0x80 : 0));
			if (left <= 0x7F)
				return n;
		}
	case SLUICE_CODEC_OPUS:
		at[n++] = 0xF8; /* CELT, 20 ms, one frame */
		return n;
	default:
		return 0;
	}
}

size_t media_frame(enum sluice_codec codec, uint32_t number, bool key, size_t size, uint8_t *space) {
	size_t body = size < 8 ? 8 : size, n = put_head(codec, key, body, space);
	put_number(space + n, number);
	fill(space + n + 4, body - 4, number);
	return n + body;
}

/* Finds the number: it stands behind one of the two heads. */
uint32_t media_frame_check(enum sluice_codec codec, const uint8_t *data, size_t len, bool *key) {
	static uint8_t expected[KIT_FRAME_MAX + 64];
	for (int is_key = 0; is_key < 2; is_key++)
		for (size_t prefix = 0; prefix < 40; prefix++) {
			if (prefix + 8 > len)
				break;
			uint32_t number = get_number(data + prefix);
			size_t n = media_frame(codec, number, is_key, len - prefix, expected);
			if (n == len && memcmp(expected, data, len) == 0) {
				*key = is_key;
				return number;
			}
		}
	ck_abort_msg("a frame of %s with %zu bytes is not what was sent", sluice_codec_name(codec), len);
	return 0;
}

/* ---- ends ---- */

static int end_input(void *node, const sluice_path *from, sluice_datagram *d, size_t count, uint64_t now) {
	struct media_end *e = node;
	(void)from;
	int error = e->media ? sluice_media_input(e->media, d, count, now) : 0;
	return error == SLUICE_WRONG_STATE ? 0 : error;
}

static void end_advance(void *node, uint64_t now) {
	struct media_end *e = node;
	if (e->media)
		sluice_media_advance(e->media, now);
}

static int end_output(void *node, sluice_batch *batch, uint64_t now) {
	struct media_end *e = node;
	batch->path = (sluice_path){0};
	if (!e->media) {
		batch->count = 0;
		return 0;
	}
	int n = sluice_media_output(e->media, batch, now);
	if (n > 0 && e->others[0])
		batch->path = sim_path(e->others[0]->host);
	return n;
}

static uint64_t end_deadline(void *node) {
	struct media_end *e = node;
	return e->media ? sluice_media_deadline(e->media) : SLUICE_NEVER;
}

static void end_dispatch(void *node, uint64_t now) {
	struct media_end *e = node;
	(void)now;
	if (e->media)
		sluice_media_dispatch(e->media);
}

static bool end_check(void *node) {
	struct media_end *e = node;
	return !e->media || media_check(e->media);
}

static const struct sim_node_ops end_ops = {
	.input = end_input,
	.advance = end_advance,
	.output = end_output,
	.deadline = end_deadline,
	.dispatch = end_dispatch,
	.check = end_check,
};

static void end_entropy(void *ctx, void *buf, size_t len) {
	struct media_end *e = ctx;
	uint8_t *at = buf;
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)rng_next(&e->entropy);
}

static void on_unknown(sluice_media *m, uint32_t ssrc, uint8_t payload_type, void *user) {
	struct media_end *e = user;
	(void)m, (void)payload_type;
	e->unknown++;
	e->unknown_ssrc = ssrc;
	if (e->on_unknown)
		e->on_unknown(e, ssrc);
}

static void end_open(struct media_world *w, struct media_end *e, unsigned number) {
	static const char *const names[KIT_ENDS] = {"a", "b", "c", "d"};
	e->memory.plain = true;
	e->name = names[number];
	e->entropy = rng_of(w->sim.seed, 50 + number);
	const sluice_env_config env = {.allocator = memory_allocator(&e->memory), .entropy = end_entropy, .entropy_ctx = e};
	ck_assert_int_eq(sluice_env_new(&env, &e->env), 0);
	const sluice_media_config config = {.size = sizeof config, .user = e, .on_unknown_ssrc = on_unknown};
	ck_assert_int_eq(sluice_media_new(e->env, &config, &e->media), 0);
	e->host = sim_add_host(&w->sim, e->name, &end_ops, e, e->env);
}

struct media_world *media_world_new(unsigned ends, const struct link_config *link) {
	const struct link_config usual = {.delay = KIT_MEDIA_DELAY};
	struct media_world *w = calloc(1, sizeof *w);
	MUST(w && ends <= KIT_ENDS);
	sim_init(&w->sim, sim_seed(1));
	w->sim.now = 5 * SLUICE_S;
	w->count = ends;
	for (unsigned i = 0; i < ends; i++)
		end_open(w, &w->ends[i], i);
	for (unsigned i = 1; i < ends; i++)
		sim_join(&w->sim, w->ends[0].host, w->ends[i].host, link ? link : &usual);
	if (ends > 1) {
		w->ends[0].others[0] = &w->ends[1];
		for (unsigned i = 1; i < ends; i++)
			w->ends[i].others[0] = &w->ends[0];
	}
	return w;
}

void media_end_keys(struct media_end *a, struct media_end *b, enum sluice_srtp_profile profile) {
	sluice_srtp_key one, two;
	memset(&one, 0x11, sizeof one);
	memset(&two, 0x22, sizeof two);
	ck_assert_int_eq(sluice_media_set_keys(a->media, profile, &one, &two), 0);
	ck_assert_int_eq(sluice_media_set_keys(b->media, profile, &two, &one), 0);
}

void media_end_extensions(struct media_end *e) {
	static const char *const uris[] = {
		"http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
		"http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
		"urn:ietf:params:rtp-hdrext:sdes:mid",
		"urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
		"urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
		"urn:ietf:params:rtp-hdrext:ssrc-audio-level",
	};
	for (unsigned i = 0; i < sizeof uris / sizeof *uris; i++)
		ck_assert_int_eq(sluice_media_set_extension(e->media, uris[i], i + 1), 0);
}

struct media_world *media_world_up(unsigned ends, enum sluice_srtp_profile profile, const struct link_config *link) {
	struct media_world *w = media_world_new(ends, link);
	for (unsigned i = 0; i < ends; i++)
		media_end_extensions(&w->ends[i]);
	if (ends == 2)
		media_end_keys(&w->ends[0], &w->ends[1], profile);
	return w;
}

void media_end_free(struct media_end *e) {
	sluice_media_free(e->media);
	e->media = NULL;
}

void media_world_free(struct media_world *w) {
	sim_close(&w->sim);
	/* Forwarded packets of one end may lie in slabs of another. */
	for (unsigned i = 0; i < w->count; i++)
		media_end_free(&w->ends[i]);
	for (unsigned i = 0; i < w->count; i++) {
		sluice_env_free(w->ends[i].env);
		ck_assert_uint_eq(w->ends[i].memory.live, 0);
	}
	for (unsigned i = 0; i < w->source_count; i++)
		ck_assert_uint_eq(w->sources[i]->released, w->sources[i]->lent);
	free(w);
}

/* ---- tracks ---- */

#define TYPE(codec) (96 + 4 * (unsigned)(codec))

sluice_codec_config media_codec(enum sluice_codec codec) {
	bool video = sluice_codec_kind(codec) == SLUICE_VIDEO;
	return (sluice_codec_config){
		.codec = codec,
		.payload_type = (uint8_t)TYPE(codec),
		.rtx_payload_type = (uint8_t)(video ? TYPE(codec) + 1 : 0),
		.packetization_mode = codec == SLUICE_CODEC_H264,
		.nack = true,
		.pli = video,
		.transport_cc = true,
	};
}

sluice_track_config media_track(enum sluice_codec codec, const char *mid) {
	static sluice_codec_config codecs[SLUICE_CODEC_AV1 + 1];
	codecs[codec] = media_codec(codec);
	return (sluice_track_config){.kind = sluice_codec_kind(codec), .codecs = &codecs[codec], .codec_count = 1, .mid = mid};
}

static void on_keyframe_request(sluice_track *t, unsigned layer, void *user) {
	struct media_source *s = user;
	(void)t;
	if (layer != s->layer)
		return;
	s->key_requests++;
	s->key_wanted = true;
}

static void on_bitrate(sluice_track *t, unsigned layer, uint64_t bits, void *user) {
	struct media_source *s = user;
	(void)t;
	if (layer != s->layer)
		return;
	s->told++;
	s->bitrate = bits;
}

void media_source_open(struct media_world *w, struct media_source *s, struct media_end *e, const sluice_track_config *config) {
	sluice_track_config c = *config;
	*s = (struct media_source){.end = e, .codec = c.codecs[0].codec, .due = SLUICE_NEVER};
	c.callbacks.on_keyframe_request = on_keyframe_request;
	c.callbacks.on_bitrate = on_bitrate;
	c.user = s;
	ck_assert_int_eq(sluice_media_add_sender(e->media, &c, &s->track), 0);
	w->sources[w->source_count++] = s;
}

static void release_lent(void *ctx) {
	struct media_source *s = *(struct media_source **)ctx;
	s->released++;
	free(ctx);
}

static int send_lent(struct media_source *s, const sluice_frame *f) {
	struct media_source **copy = malloc(sizeof s + f->len);
	*copy = s;
	sluice_frame lent = *f;
	memcpy(copy + 1, f->data, f->len);
	lent.data = (uint8_t *)(copy + 1);
	int error = sluice_track_lend_frame(s->track, &lent, release_lent, copy);
	s->lent += error == 0;
	if (error)
		free(copy);
	return error;
}

static void source_send(struct media_source *s, uint64_t now) {
	static uint8_t space[KIT_FRAME_MAX + 64];
	bool key = sluice_codec_kind(s->codec) == SLUICE_AUDIO || s->next == 0 || s->key_wanted;
	size_t len = media_frame(s->codec, s->next, key, s->size, space);
	const sluice_frame f = {
		.data = space,
		.len = len,
		.timestamp = now - s->begun,
		.layer = (uint8_t)s->layer,
		.codec = s->codec,
	};
	int error = s->lends ? send_lent(s, &f) : sluice_track_send_frame(s->track, &f);
	if (error == SLUICE_WOULD_BLOCK) {
		s->blocked++;
		s->key_wanted = true;
	} else {
		ck_assert_int_eq(error, 0);
		s->key_wanted = false;
		if (key)
			s->last_key = s->next;
		s->keys += key;
	}
	s->next++;
}

static void source_tick(void *ctx) {
	struct media_source *s = ctx;
	struct sim *sim = s->end->host->sim;
	if (s->next == s->count || !s->end->media || !s->track)
		return;
	source_send(s, sim->now);
	sim_at(sim, sim->now + s->interval, source_tick, s);
}

void media_source_run(struct media_world *w, struct media_source *s, uint32_t count, uint64_t interval, size_t size) {
	s->interval = interval;
	s->size = size;
	s->count = s->next + count;
	s->begun = s->begun ? s->begun : w->sim.now;
	sim_at(&w->sim, w->sim.now, source_tick, s);
}

static void on_frame(sluice_track *t, const sluice_frame *f, void *user) {
	struct media_sink *s = user;
	bool key;
	uint32_t number = media_frame_check(f->codec, f->data, f->len, &key);
	ck_assert_ptr_eq(t, s->track);
	if (sluice_track_kind(t) == SLUICE_VIDEO)
		ck_assert_int_eq(key, f->keyframe);
	bool first = s->got[f->layer] == 0, in_order = number == s->last[f->layer] + 1;
	ck_assert(s->jumps || first || number > s->last[f->layer]);
	ck_assert(s->jumps || first || f->lost || in_order);
	if (!first && !in_order)
		s->jumped++;
	/* Media time goes on, whatever the source is. */
	ck_assert(first || f->timestamp > s->timestamp[f->layer]);
	s->timestamp[f->layer] = f->timestamp;
	s->last[f->layer] = number;
	s->got[f->layer]++;
	s->keys[f->layer] += key;
	s->lost[f->layer] += f->lost;
	s->last_at = s->end->host->sim->now;
}

static void on_rtp(sluice_track *t, const sluice_rtp *packet, void *user) {
	struct media_sink *s = user;
	ck_assert_ptr_eq(t, s->track);
	s->packets++;
	if (s->on_rtp)
		s->on_rtp(s, packet);
}

static void on_mute(sluice_track *t, bool muted, void *user) {
	struct media_sink *s = user;
	(void)t;
	*(muted ? &s->mutes : &s->unmutes) += 1;
}

static void on_ended(sluice_track *t, void *user) {
	struct media_sink *s = user;
	ck_assert_ptr_eq(t, s->track);
	s->ended++;
	s->track = NULL;
}

void media_sink_open(struct media_sink *s, struct media_end *e, const sluice_track_config *config) {
	sluice_track_config c = *config;
	*s = (struct media_sink){.end = e, .on_rtp = s->on_rtp, .ctx = s->ctx, .jumps = s->jumps};
	c.callbacks.on_frame = c.callbacks.on_frame || s->on_rtp ? c.callbacks.on_frame : on_frame;
	c.callbacks.on_rtp = s->on_rtp ? on_rtp : NULL;
	c.callbacks.on_mute = on_mute;
	c.callbacks.on_ended = on_ended;
	c.user = s;
	ck_assert_int_eq(sluice_media_add_receiver(e->media, &c, &s->track), 0);
}

void media_world_run(struct media_world *w, uint64_t ns) {
	sim_run(&w->sim, w->sim.now + ns);
}
