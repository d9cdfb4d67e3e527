/* bench_jitter: what does a packet cost on its way through the jitter buffer, in order?
 *
 * One thread parses a payload, pushes the packet, and pulls when a unit is whole. The slab is released as well. Audio is
 * one packet a unit; a video frame has eight. The time of the stream is virtual. */
#include "harness.h"
#include "rtp/jitter.h"

#define MS UINT64_C(1000000)
#define FRAME 8

struct stream {
	struct jitter *jitter;
	const struct payload_format *format;
	struct rtp_packet packet;
	uint64_t now, released;
	uint8_t payload[200];
};

static void release(void *ctx, void *owner) {
	struct stream *s = ctx;
	BENCH_KEEP(owner);
	s->released++;
}

static void stream_make(struct stream *s, const struct payload_format *format) {
	s->jitter = jitter_new(bench_env(), &(struct jitter_config){.format = format, .release = release, .ctx = s});
	BENCH_MUST(s->jitter);
	s->format = format;
	s->now = 1000 * MS;
	s->packet.payload = s->payload;
	s->packet.payload_len = sizeof s->payload;
}

/* Inlined, as a call would be 5 % of what is measured. */
__attribute__((always_inline)) static inline void push(struct stream *s) {
	int said = s->format->parse(s->packet.payload, s->packet.payload_len);
	BENCH_MUST(jitter_push(s->jitter, &s->packet, said, s, s->now) == JITTER_TAKEN);
	s->packet.sequence++;
}

static void pull(struct stream *s) {
	struct jitter_unit unit;
	BENCH_MUST(jitter_pull(s->jitter, s->now + 100 * MS, &unit) == JITTER_UNIT);
	BENCH_KEEP(&unit);
}

static void run_audio(void *ctx, uint64_t iterations) {
	struct stream *s = ctx;
	while (iterations-- > 0) {
		push(s);
		pull(s);
		s->packet.timestamp += 960;
		s->now += 20 * MS;
	}
}

/* An iteration is a packet. */
static void run_video(void *ctx, uint64_t iterations) {
	struct stream *s = ctx;
	while (iterations-- > 0) {
		unsigned place = s->packet.sequence % FRAME;
		s->payload[0] = place == 0 ? 0x10 : 0;
		s->packet.marker = place == FRAME - 1;
		push(s);
		if (place < FRAME - 1)
			continue;
		pull(s);
		s->packet.timestamp += 33 * 90;
		s->now += 33 * MS;
	}
}

static void measure(const char *name, void (*run)(void *, uint64_t), void *ctx) {
	bench_run(&(struct bench_case){.bench = "jitter", .name = name, .run = run, .ctx = ctx});
}

int main(int argc, char **argv) {
	static struct stream audio, video;
	bench_begin(argc, argv);
	stream_make(&audio, &payload_opus);
	stream_make(&video, &payload_vp8);
	audio.payload[0] = 0x78;
	measure("Opus, push and pull in order", run_audio, &audio);
	measure("VP8, frames of 8 packets, a packet", run_video, &video);
	jitter_free(audio.jitter);
	jitter_free(video.jitter);
	return bench_end();
}
