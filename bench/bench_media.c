/* What does a packet cost in the whole media engine, beside SRTP alone?
 *
 *   receive   a batch of SRTP packets to on_frame: SRTP, session, demultiplexer, jitter buffer, frame
 *   send      sluice_track_send_frame() to a sealed batch: split, pacer, session, SRTP
 *   forward   what on_rtp gave, to a sealed batch of one watcher
 *   srtp      the same packets, protected or unprotected and nothing else
 *
 * A frame is 20 packets of 1,200 bytes. Time is virtual; the rate is high enough that the pacer does not hold anything back. */
#include <string.h>

#include "bench/harness.h"
#include "rtp/srtp.h"
#include "sluice/media.h"

#define PACKETS 20
#define FRAME_LEN (PACKETS * 1150)
#define STEP (10 * SLUICE_MS)

static uint64_t now = 1000 * SLUICE_S;
static sluice_media *source, *sink, *watcher;
static sluice_track *out, *in, *onward;
static uint8_t frame[FRAME_LEN], space[65536];
static uint64_t frames;
static sluice_slab *slab;
static struct srtp seal, open_;

static sluice_media *make(enum sluice_srtp_profile profile, uint8_t send, uint8_t receive) {
	const sluice_media_config config = {
		.size = sizeof config, .start_bitrate = 90000000, .min_bitrate = 90000000, .max_bitrate = 95000000};
	sluice_srtp_key keys[2];
	sluice_media *m;
	memset(&keys[0], send, sizeof keys[0]);
	memset(&keys[1], receive, sizeof keys[1]);
	BENCH_MUST(sluice_media_new(bench_env(), &config, &m) == 0);
	BENCH_MUST(sluice_media_set_extension(m, "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time", 1) == 0);
	BENCH_MUST(sluice_media_set_extension(m, "urn:ietf:params:rtp-hdrext:sdes:mid", 2) == 0);
	BENCH_MUST(sluice_media_set_keys(m, profile, &keys[0], &keys[1]) == 0);
	return m;
}

static void on_frame(sluice_track *t, const sluice_frame *f, void *user) {
	(void)t, (void)f, (void)user;
	frames++;
}

static void on_rtp(sluice_track *t, const sluice_rtp *p, void *user) {
	(void)t, (void)user;
	BENCH_MUST(sluice_track_send_rtp(onward, p) == 0);
}

static const sluice_codec_config codec = {
	.codec = SLUICE_CODEC_VP8, .payload_type = 96, .rtx_payload_type = 97, .nack = true, .pli = true};

static void open_all(bool forwards) {
	sluice_track_config config = {.kind = SLUICE_VIDEO, .codecs = &codec, .codec_count = 1, .mid = "0"};
	config.ssrcs[0] = 11;
	config.rtx_ssrcs[0] = 12;
	source = make(SLUICE_SRTP_AEAD_AES_128_GCM, 1, 2);
	sink = make(SLUICE_SRTP_AEAD_AES_128_GCM, 2, 1);
	BENCH_MUST(sluice_media_add_sender(source, &config, &out) == 0);
	config.callbacks = (sluice_track_callbacks){.on_frame = forwards ? NULL : on_frame, .on_rtp = forwards ? on_rtp : NULL};
	BENCH_MUST(sluice_media_add_receiver(sink, &config, &in) == 0);
	BENCH_MUST(sluice_track_set_delay(in, 0) == 0);
	watcher = make(SLUICE_SRTP_AEAD_AES_128_GCM, 3, 4);
	config.callbacks = (sluice_track_callbacks){0};
	BENCH_MUST(sluice_media_add_sender(watcher, &config, &onward) == 0);
	frame[0] = 0x10;
	sluice_media_advance(source, now);
	sluice_media_advance(sink, now);
	sluice_media_advance(watcher, now);
}

static void close_all(void) {
	sluice_media_free(source);
	sluice_media_free(watcher);
	sluice_media_free(sink);
}

static void send_frame(void) {
	const sluice_frame f = {.data = frame, .len = sizeof frame, .timestamp = now};
	now += STEP;
	sluice_media_advance(source, now);
	BENCH_MUST(sluice_track_send_frame(out, &f) == 0);
}

/* RTCP goes along now and then. */
static size_t drain(sluice_media *m, void (*take)(sluice_batch *b)) {
	sluice_batch b = {.data = space, .capacity = sizeof space};
	size_t n = 0;
	while (sluice_media_output(m, &b, now) > 0) {
		n += b.count;
		if (take)
			take(&b);
	}
	return n;
}

static void deliver(sluice_batch *b) {
	sluice_datagram d[64];
	if (!sluice_slab_is_unshared(slab)) {
		sluice_slab_unref(slab);
		slab = sluice_slab_get(bench_env());
	}
	memcpy(sluice_slab_data(slab), b->data, sluice_batch_len(b));
	for (size_t i = 0; i < b->count; i++)
		d[i] = (sluice_datagram){sluice_slab_data(slab) + i * b->stride, sluice_batch_slot_len(b, i), slab};
	BENCH_MUST(sluice_media_input(sink, d, b->count, now) == 0);
	sluice_media_dispatch(sink);
}

static void run_send(void *ctx, uint64_t iterations) {
	(void)ctx;
	for (uint64_t i = 0; i < iterations; i++) {
		send_frame();
		BENCH_MUST(drain(source, NULL) >= PACKETS);
	}
}

static void run_both(void *ctx, uint64_t iterations) {
	(void)ctx;
	for (uint64_t i = 0; i < iterations; i++) {
		send_frame();
		BENCH_MUST(drain(source, deliver) >= PACKETS);
		sluice_media_advance(sink, now);
		drain(sink, NULL);
	}
	BENCH_MUST(frames > 0 || iterations < 10);
}

static void run_forward(void *ctx, uint64_t iterations) {
	(void)ctx;
	for (uint64_t i = 0; i < iterations; i++) {
		send_frame();
		drain(source, deliver);
		sluice_media_advance(watcher, now);
		BENCH_MUST(drain(watcher, NULL) >= PACKETS);
		drain(sink, NULL);
	}
}

/* ---- SRTP alone ---- */

static uint64_t sequence;

static void fill(struct srtp_packet *p) {
	for (unsigned i = 0; i < PACKETS; i++, sequence++) {
		uint8_t *at = space + i * 1300;
		memset(at, 0, 12);
		at[0] = 0x80;
		at[1] = 96;
		at[2] = (uint8_t)(sequence >> 8);
		at[3] = (uint8_t)sequence;
		at[11] = 5;
		p[i] = (struct srtp_packet){.data = at, .len = 1184};
	}
}

static void run_protect(void *ctx, uint64_t iterations) {
	(void)ctx;
	struct srtp_packet p[PACKETS];
	for (uint64_t i = 0; i < iterations; i++) {
		fill(p);
		BENCH_MUST(srtp_protect_batch(&seal, p, PACKETS) == 0);
	}
}

static void run_protect_unprotect(void *ctx, uint64_t iterations) {
	(void)ctx;
	struct srtp_packet p[PACKETS];
	for (uint64_t i = 0; i < iterations; i++) {
		fill(p);
		BENCH_MUST(srtp_protect_batch(&seal, p, PACKETS) == 0);
		BENCH_MUST(srtp_unprotect_batch(&open_, p, PACKETS) == PACKETS);
	}
}

static void srtp_alone(void) {
	struct srtp_config config = {.profile = SRTP_AEAD_AES_128_GCM, .use = AEAD_SEAL};
	struct srtp_master master = {{1}, {2}};
	BENCH_MUST(srtp_open(&seal, bench_env(), &config, &master) == 0);
	config.use = AEAD_OPEN;
	BENCH_MUST(srtp_open(&open_, bench_env(), &config, &master) == 0);
	const struct bench_case cases[] = {
		{.bench = "media", .name = "srtp: protect", .run = run_protect, .bytes = PACKETS * 1200, .items = PACKETS},
		{.bench = "media",
	         .name = "srtp: protect, unprotect",
	         .run = run_protect_unprotect,
	         .bytes = PACKETS * 1200,
	         .items = PACKETS},
	};
	for (unsigned i = 0; i < 2; i++)
		bench_run(&cases[i]);
	srtp_close(&seal);
	srtp_close(&open_);
}

int main(int argc, char **argv) {
	bench_begin(argc, argv);
	slab = sluice_slab_get(bench_env());
	BENCH_MUST(slab);
	srtp_alone();
	const struct bench_case cases[] = {
		{.bench = "media", .name = "send", .run = run_send, .bytes = FRAME_LEN, .items = PACKETS},
		{.bench = "media", .name = "send, receive", .run = run_both, .bytes = FRAME_LEN, .items = PACKETS},
		{.bench = "media", .name = "send, receive, forward", .run = run_forward, .bytes = FRAME_LEN, .items = PACKETS},
	};
	for (unsigned i = 0; i < 3; i++) {
		open_all(i == 2);
		bench_run(&cases[i]);
		close_all();
	}
	sluice_slab_unref(slab);
	return bench_end();
}
