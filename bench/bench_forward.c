/* What does it cost to forward one stream to many watchers, beside SRTP and the system calls that nobody can leave out?
 *
 * One stream of 2.5 Mb/s, 30 pictures a second, comes in once and goes to 200 watchers: 10 packets of a picture go through
 * sluice_track_send_rtp_run(), a pacer, a session and SRTP of each watcher, and leave with GSO through a socket. The bare loop
 * protects the same runs with 200 contexts of SRTP and sends them in the same way; it reads no packet, and copies none.
 *
 * The two take turns, a picture at a time. "ratio" is ours to the bare loop's, each by the CPU time of its fastest picture:
 * whatever else the machine does can only make one slower. It is to stay at or below 1.3. "lost" counts packets that did not
 * leave, and "allocations" those of a packet. Time is virtual. No feedback comes back: what reports of the watchers cost is not
 * in it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "harness.h"
#include "io/udp.h"
#include "rtp/srtp.h"
#include "sluice/media.h"

#define WATCHERS 200
#define PICTURE 10416 /* bytes: 2.5 Mb/s */
#define INTERVAL (SLUICE_S / 30)
#define RUNS_MAX 32
#define ROOM 1280

static uint64_t now = 1000 * SLUICE_S;
static sluice_media *source, *sink, *watchers[WATCHERS];
static sluice_track *out, *in, *onward[WATCHERS];
static struct srtp bare[WATCHERS];
static uint16_t bare_number;
static sluice_slab *slab;
static struct udp udp;
static int receiver;
static sluice_path to;
static uint8_t picture[PICTURE], space[65536], bare_space[65536];

/* What the first watcher sends of a picture: so many packets in one run, of so many bytes. */
static struct { size_t count, stride, last; } runs[RUNS_MAX];
static size_t run_count;
static uint64_t forwarded, left;
static uint64_t due[WATCHERS];
static bool is_dirty[WATCHERS]; /* packets were given to it */

/* ---- setting up ----------------------------------------------------------------------------------------------------- */

static const sluice_codec_config codec = {
	.codec = SLUICE_CODEC_VP8, .payload_type = 96, .rtx_payload_type = 97, .nack = true, .pli = true, .transport_cc = true};

/* probes: packets carry numbers by which the path is judged, so it is probed, too. */
static sluice_media *make(uint8_t send, uint8_t receive, bool probes) {
	const sluice_media_config config = {
		.size = sizeof config, .start_bitrate = 10000000, .min_bitrate = 10000000, .max_bitrate = 10000000};
	sluice_srtp_key keys[2];
	sluice_media *m;
	memset(&keys[0], send, sizeof keys[0]);
	memset(&keys[1], receive, sizeof keys[1]);
	BENCH_MUST(sluice_media_new(bench_env(), &config, &m) == 0);
	BENCH_MUST(sluice_media_set_extension(m, "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time", 1) == 0);
	BENCH_MUST(!probes || sluice_media_set_extension(
				      m, "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01", 3) == 0);
	BENCH_MUST(sluice_media_set_extension(m, "urn:ietf:params:rtp-hdrext:sdes:mid", 2) == 0);
	BENCH_MUST(sluice_media_set_keys(m, SLUICE_SRTP_AEAD_AES_128_GCM, &keys[0], &keys[1]) == 0);
	sluice_media_advance(m, now);
	return m;
}

static void on_rtp_run(sluice_track *t, const sluice_rtp *packets, size_t count, void *user) {
	(void)t, (void)user;
	for (size_t i = 0; i < WATCHERS; i++) {
		if (i + 2 < WATCHERS)
			sluice_track_prefetch(onward[i + 2]);
		int went = sluice_track_send_rtp_run(onward[i], packets, count);
		left += count - (size_t)(went > 0 ? went : 0);
	}
	forwarded += WATCHERS * count;
}

static void open_media(void) {
	sluice_track_config config = {.kind = SLUICE_VIDEO, .codecs = &codec, .codec_count = 1, .mid = "0"};
	config.ssrcs[0] = 11;
	config.rtx_ssrcs[0] = 12;
	source = make(1, 2, false);
	sink = make(2, 1, false);
	BENCH_MUST(sluice_media_add_sender(source, &config, &out) == 0);
	config.callbacks = (sluice_track_callbacks){.on_rtp_run = on_rtp_run};
	BENCH_MUST(sluice_media_add_receiver(sink, &config, &in) == 0);
	config.callbacks = (sluice_track_callbacks){0};
	for (size_t i = 0; i < WATCHERS; i++) {
		watchers[i] = make((uint8_t)(3 + i), 2, true);
		BENCH_MUST(sluice_media_add_sender(watchers[i], &config, &onward[i]) == 0);
	}
}

static void open_bare(void) {
	const struct srtp_config config = {.profile = SRTP_AEAD_AES_128_GCM, .use = AEAD_SEAL};
	for (size_t i = 0; i < WATCHERS; i++) {
		const struct srtp_master master = {{(uint8_t)i}, {2}};
		BENCH_MUST(srtp_open(&bare[i], bench_env(), &config, &master) == 0);
	}
}

/* Nobody reads at the other end: what comes there is dropped by the kernel, for both. */
static void open_sockets(void) {
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct udp_options options = {.local = (const struct sockaddr *)&any, .local_len = sizeof any};
	socklen_t len = sizeof any;
	BENCH_MUST(udp_open(&udp, &options) == 0);
	receiver = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	BENCH_MUST(receiver >= 0 && bind(receiver, (const struct sockaddr *)&any, sizeof any) == 0);
	BENCH_MUST(getsockname(receiver, (struct sockaddr *)&any, &len) == 0);
	to = (sluice_path){.remote_len = sizeof any};
	memcpy(&to.remote, &any, sizeof any);
}

static void close_all(void) {
	sluice_media_free(source);
	sluice_media_free(sink);
	for (size_t i = 0; i < WATCHERS; i++) {
		sluice_media_free(watchers[i]);
		srtp_close(&bare[i]);
	}
	sluice_slab_unref(slab);
	udp_close(&udp);
	close(receiver);
}

/* ---- a picture ------------------------------------------------------------------------------------------------------ */

static void leave(sluice_batch *b) {
	size_t sent = 0;
	b->path = to;
	while (sent < b->count)
		BENCH_MUST(udp_send(&udp, b, &sent) >= 0);
}

/* The packets of a picture, in the slab. */
static size_t come(sluice_datagram d[64]) {
	const sluice_frame f = {.data = picture, .len = sizeof picture, .timestamp = now, .keyframe = true};
	size_t n = 0, at = 0;
	sluice_media_advance(source, now);
	BENCH_MUST(sluice_track_send_frame(out, &f) == 0);
	if (!sluice_slab_is_unshared(slab)) {
		sluice_slab_unref(slab);
		slab = sluice_slab_get(bench_env());
	}
	for (uint64_t end = now + INTERVAL; now < end;) {
		sluice_batch b = {.data = space, .capacity = sizeof space};
		if (sluice_media_output(source, &b, now) == 0) {
			uint64_t next = sluice_media_deadline(source);
			now = next < end ? (next > now ? next : now + 1) : end;
			sluice_media_advance(source, now);
			continue;
		}
		BENCH_MUST(n + b.count <= 64 && at + sluice_batch_len(&b) <= sluice_slab_size(slab));
		memcpy(sluice_slab_data(slab) + at, b.data, sluice_batch_len(&b));
		for (size_t i = 0; i < b.count; i++)
			d[n++] = (sluice_datagram){sluice_slab_data(slab) + at + i * b.stride, sluice_batch_slot_len(&b, i),
			                           slab};
		at += sluice_batch_len(&b);
	}
	return n;
}

static void note_run(const sluice_batch *b) {
	if (run_count == RUNS_MAX)
		return;
	runs[run_count].count = b->count;
	runs[run_count].stride = b->stride;
	runs[run_count++].last = b->last;
}

static uint64_t leave_watcher(size_t i) {
	for (;;) {
		sluice_batch b = {.data = space, .capacity = sizeof space};
		if (sluice_media_output(watchers[i], &b, now) == 0)
			return sluice_media_deadline(watchers[i]);
		if (i == 0)
			note_run(&b);
		leave(&b);
	}
}

static bool has_turn(size_t i) {
	return due[i] <= now || is_dirty[i];
}

static void serve(size_t i) {
	for (size_t turns = 5; turns > 0; turns--)
		if (i + turns < WATCHERS && has_turn(i + turns))
			sluice_media_prefetch(watchers[i + turns], (unsigned)turns);
	if (due[i] <= now)
		sluice_media_advance(watchers[i], now);
	due[i] = leave_watcher(i);
	is_dirty[i] = false;
}

/* Those that are due now, or have got something. As in the loop, timers run when they are due. When is the next one? */
static uint64_t leave_due(void) {
	uint64_t next = SLUICE_NEVER;
	for (size_t i = 0; i < WATCHERS; i++) {
		if (has_turn(i))
			serve(i);
		next = due[i] < next ? due[i] : next;
	}
	return next;
}

/* Takes a picture in and sends it to all, as their pacers allow. */
static void forward(sluice_datagram *d, size_t n) {
	uint64_t end = now + INTERVAL;
	run_count = 0;
	BENCH_MUST(sluice_media_input(sink, d, n, now) == 0);
	sluice_media_dispatch(sink);
	memset(is_dirty, true, sizeof is_dirty);
	for (uint64_t next; (next = leave_due()) < end;)
		now = next > now ? next : now + 1;
}

/* ---- the same without us --------------------------------------------------------------------------------------------- */

static void send_bare(size_t i, size_t run, uint16_t number) {
	struct srtp_packet p[64];
	size_t count = runs[run].count, stride = runs[run].stride;
	size_t tag = SRTP_TAIL - 4;
	for (size_t k = 0; k < count; k++) {
		uint8_t *at = bare_space + k * stride;
		put_be16(at, 0x8060);
		put_be16(at + 2, (uint16_t)(number + k));
		put_be32(at + 8, 5);
		p[k] = (struct srtp_packet){.data = at, .len = (k + 1 == count ? runs[run].last : stride) - tag};
	}
	BENCH_MUST(srtp_protect_batch(&bare[i], p, count) == 0);
	sluice_batch b = {
		.data = bare_space, .capacity = sizeof bare_space, .count = count, .stride = stride, .last = runs[run].last};
	leave(&b);
}

static size_t run_bare(void) {
	size_t packets = 0;
	for (size_t run = 0; run < run_count; run++) {
		for (size_t i = 0; i < WATCHERS; i++)
			send_bare(i, run, (uint16_t)(bare_number + packets));
		packets += runs[run].count;
	}
	bare_number = (uint16_t)(bare_number + packets);
	return packets * WATCHERS;
}

/* ---- figures ---------------------------------------------------------------------------------------------------------- */

struct least {
	double ours, bare; /* ns a packet */
};

/* Of this thread, in ns: other work on the machine is not in it. */
static uint64_t cpu_now(void) {
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * SLUICE_S + (uint64_t)t.tv_nsec;
}

static void take_turn(struct least *l, uint64_t *allocs) {
	sluice_datagram d[64];
	size_t n = come(d);
	uint64_t before = bench_allocs(), start = cpu_now();
	forward(d, n);
	double ours = (double)(cpu_now() - start) / (double)(n * WATCHERS);
	*allocs += bench_allocs() - before;
	sluice_batch b = {.data = space, .capacity = sizeof space};
	while (sluice_media_output(sink, &b, now) > 0)
		;
	start = cpu_now();
	size_t packets = run_bare();
	double one = (double)(cpu_now() - start) / (double)packets;
	l->ours = l->ours == 0 || ours < l->ours ? ours : l->ours;
	l->bare = l->bare == 0 || one < l->bare ? one : l->bare;
}

static void report(const char *name, const char *unit, double value, const char *extra) {
	const struct bench_figure f = {
		.bench = "forward", .name = name, .unit = unit, .values = &value, .count = 1, .extra = extra};
	bench_report(&f);
}

static void measure(void) {
	struct least l = {0, 0};
	uint64_t allocs = 0, unused = 0;
	int turns = bench_is_fast() ? 20 : 1000;
	/* Until pools and histories are full: two seconds; and until a picture has come in two runs, whose units have sizes of
	 * their own. The hundredth one does. */
	for (int i = 0; i < 60 || (i < 200 && !bench_is_fast()); i++)
		take_turn(&l, &unused);
	l = (struct least){0, 0};
	uint64_t before = forwarded, sent = udp.stats.datagrams_sent;
	left = 0;
	for (int i = 0; i < turns; i++)
		take_turn(&l, &allocs);
	char extra[160];
	sluice_media_stats s;
	uint64_t waiting = 0;
	for (size_t i = 0; i < WATCHERS; i++) {
		sluice_media_stats_get(watchers[i], &s);
		waiting += s.pacer_queue;
	}
	snprintf(extra, sizeof extra, "\"packets\":%llu,\"datagrams\":%llu,\"waiting_bytes\":%llu",
	         (unsigned long long)(forwarded - before), (unsigned long long)(udp.stats.datagrams_sent - sent),
	         (unsigned long long)waiting);
	report("200 watchers", "ns", l.ours, extra);
	report("200 watchers: SRTP and GSO alone", "ns", l.bare, NULL);
	report("200 watchers: ratio", "times", l.ours / l.bare, NULL);
	report("200 watchers: lost", "packets", (double)left, NULL);
	report("200 watchers: allocations", "a packet", (double)allocs / (double)(forwarded - before), NULL);
}

int main(int argc, char **argv) {
	bench_begin(argc, argv);
	if (bench_wants("forward", "200 watchers")) {
		picture[0] = 0x10;
		slab = sluice_slab_get(bench_env());
		BENCH_MUST(slab);
		bench_pin(0);
		open_sockets();
		open_media();
		open_bare();
		measure();
		close_all();
	}
	return bench_end();
}
