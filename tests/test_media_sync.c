/* Have audio and video of one source the same time when they were captured at the same moment, whatever their ways take?
 *
 * The link is a queue: audio takes 20 ms through it, video 200 ms. */
#include "track_kit.h"

#define AUDIO_DELAY (20 * SLUICE_MS)
#define VIDEO_DELAY (200 * SLUICE_MS)
#define INTERVAL (20 * SLUICE_MS)
#define FRAMES 1000
#define QUEUE 256

struct late {
	uint64_t at; /* 0: none */
	size_t len;
	uint8_t bytes[1500];
};

struct half {
	sluice_track *out, *in;
	enum sluice_codec codec;
	uint64_t times[FRAMES]; /* by number, as received; 0: not received */
	uint64_t last;
};

struct call {
	struct memory memory;
	sluice_env *env;
	sluice_media *a, *b;
	struct half audio, video;
	struct late queue[QUEUE];
	uint64_t now;
	size_t reports; /* datagrams of RTCP that came */
	bool withholds; /* RTCP does not come */
};

static void on_frame(sluice_track *t, const sluice_frame *f, void *user) {
	struct call *c = user;
	struct half *h = t == c->audio.in ? &c->audio : &c->video;
	bool key;
	uint32_t number = media_frame_check(h->codec, f->data, f->len, &key);
	ck_assert_uint_lt(number, FRAMES);
	ck_assert_uint_gt(f->timestamp, h->last);
	h->last = h->times[number] = f->timestamp;
}

static void open_half(struct call *c, struct half *h, enum sluice_codec codec, uint32_t ssrc, const char *mid) {
	sluice_track_config config = media_track(codec, mid);
	config.ssrcs[0] = ssrc;
	config.rtx_ssrcs[0] = codec == SLUICE_CODEC_VP8 ? ssrc + 1 : 0;
	config.user = c;
	h->codec = codec;
	ck_assert_int_eq(sluice_media_add_sender(c->a, &config, &h->out), 0);
	config.callbacks.on_frame = on_frame;
	ck_assert_int_eq(sluice_media_add_receiver(c->b, &config, &h->in), 0);
}

static void call_open(struct call *c) {
	const sluice_media_config config = {.size = sizeof config, .ntp_offset = UINT64_C(3900000000) * SLUICE_S};
	c->memory.plain = true;
	c->now = 100 * SLUICE_S;
	ck_assert_int_eq(sluice_env_new(&(sluice_env_config){.allocator = memory_allocator(&c->memory)}, &c->env), 0);
	ck_assert_int_eq(sluice_media_new(c->env, &config, &c->a), 0);
	ck_assert_int_eq(sluice_media_new(c->env, NULL, &c->b), 0);
	ck_assert_int_eq(sluice_media_set_keys(c->a, SLUICE_SRTP_NONE, NULL, NULL), 0);
	ck_assert_int_eq(sluice_media_set_keys(c->b, SLUICE_SRTP_NONE, NULL, NULL), 0);
	open_half(c, &c->audio, SLUICE_CODEC_OPUS, 10, "a");
	open_half(c, &c->video, SLUICE_CODEC_VP8, 20, "v");
	sluice_media_advance(c->a, c->now);
	sluice_media_advance(c->b, c->now);
}

static void call_close(struct call *c) {
	sluice_media_free(c->a);
	sluice_media_free(c->b);
	sluice_env_free(c->env);
	ck_assert_uint_eq(c->memory.live, 0);
}

static bool is_rtcp(const uint8_t *packet) {
	return packet[1] >= 192 && packet[1] <= 223;
}

/* RTCP takes the way of audio. */
static void send_late(struct call *c, const uint8_t *packet, size_t len) {
	bool is_video = (packet[1] & 127) == media_codec(SLUICE_CODEC_VP8).payload_type;
	struct late *l = c->queue;
	while (l->at)
		l++;
	ck_assert(l < c->queue + QUEUE && len <= sizeof l->bytes);
	memcpy(l->bytes, packet, len);
	l->len = len;
	l->at = c->now + (is_video && !is_rtcp(packet) ? VIDEO_DELAY : AUDIO_DELAY);
}

static void leave(struct call *c) {
	static uint8_t space[65536];
	sluice_batch b = {.data = space, .capacity = sizeof space};
	while (sluice_media_output(c->a, &b, c->now) > 0)
		for (size_t i = 0; i < b.count; i++)
			send_late(c, sluice_batch_slot(&b, i), sluice_batch_slot_len(&b, i));
	while (sluice_media_output(c->b, &b, c->now) > 0)
		;
}

static void come(struct call *c) {
	for (struct late *l = c->queue; l < c->queue + QUEUE; l++) {
		if (l->at == 0 || l->at > c->now)
			continue;
		sluice_datagram d = {l->bytes, l->len, NULL};
		bool report = is_rtcp(l->bytes);
		l->at = 0;
		c->reports += report && !c->withholds;
		if (!report || !c->withholds)
			ck_assert_int_eq(sluice_media_input(c->b, &d, 1, c->now), 0);
	}
	sluice_media_advance(c->b, c->now);
	sluice_media_dispatch(c->b);
}

static void capture(struct half *h, uint32_t number) {
	static uint8_t space[1024];
	size_t len = media_frame(h->codec, number, number == 0, 200, space);
	const sluice_frame f = {.data = space, .len = len, .timestamp = number * INTERVAL};
	ck_assert_int_eq(sluice_track_send_frame(h->out, &f), 0);
}

/* Sends frames from number `from` on, up to `to`, and what is under way then. */
static void run(struct call *c, uint32_t from, uint32_t to) {
	uint64_t begun = c->now;
	uint32_t next = from;
	while (c->now < begun + (to - from) * INTERVAL + SLUICE_S) {
		sluice_media_advance(c->a, c->now);
		if (next < to && c->now == begun + (next - from) * INTERVAL) {
			capture(&c->audio, next);
			capture(&c->video, next++);
		}
		leave(c);
		c->now += SLUICE_MS;
		come(c);
	}
}

/* How much later video is than audio of the same moment, in ms. */
static int64_t apart(const struct call *c, uint32_t number) {
	ck_assert_uint_ne(c->audio.times[number], 0);
	ck_assert_uint_ne(c->video.times[number], 0);
	int64_t ns = (int64_t)c->video.times[number] - (int64_t)c->audio.times[number];
	return (ns + (ns < 0 ? -500000 : 500000)) / (int64_t)SLUICE_MS;
}

START_TEST(test_sender_reports_put_audio_and_video_on_one_line) {
	static struct call c;
	call_open(&c);
	run(&c, 0, FRAMES);
	ck_assert_uint_gt(c.reports, 5);
	ck_assert_int_eq(apart(&c, 0), 180);
	for (uint32_t n = 300; n < FRAMES; n++)
		ck_assert_int_eq(apart(&c, n), 0);
	/* The earlier one has stepped: video is where it was. */
	ck_assert_uint_eq((c.video.times[FRAMES - 1] - c.video.times[0] + 500000) / SLUICE_MS, (FRAMES - 1) * 20);
	call_close(&c);
}
END_TEST

START_TEST(test_without_reports_times_are_those_of_arrival) {
	static struct call c;
	c.withholds = true;
	call_open(&c);
	run(&c, 0, 300);
	ck_assert_int_eq(apart(&c, 0), 180);
	ck_assert_int_eq(apart(&c, 299), 180);
	call_close(&c);
}
END_TEST

SUITE("media_sync", test_sender_reports_put_audio_and_video_on_one_line, test_without_reports_times_are_those_of_arrival)
