/* bench_association: how fast are two associations in one memory, without DTLS, sockets or a wire between them?
 *
 * One thread does everything: it queues messages at one side, lets that side write batches of packets with their CRC into the
 * slab that the other side reads, takes the messages out, and carries the SACKs back. So the figure is the cost of a message on
 * both sides together. One iteration is one message; bytes are its payload. */
#include <stdio.h>

#include "bench/harness.h"
#include "sim/direct.h"

struct line {
	struct direct d;
	size_t size;
	bool lend;
	uint16_t streams; /* the messages go to them in turn */
	uint16_t at;      /* the stream of the last message, from 1 */
	uint64_t arrived;
};

static uint8_t payload[65536];

static void on_event(struct direct *d, sluice_sctp *at, const sluice_sctp_event *e) {
	struct line *l = d->user;
	(void)at;
	if (e->type != SLUICE_SCTP_MESSAGE)
		return;
	BENCH_KEEP(e->message->len);
	l->arrived++;
	sluice_message_release(e->message);
}

static bool queue_one(struct line *l) {
	l->at = l->at < l->streams ? l->at + 1 : 1;
	sluice_send_info info = {.stream = l->at, .ppid = 53};
	if (!l->lend)
		return sluice_sctp_send(l->d.a, &info, payload, l->size) == 0;
	struct iovec iov = {payload, l->size};
	return sluice_sctp_sendv(l->d.a, &info, &iov, 1, NULL, NULL) == 0;
}

/* The sender keeps about a quarter of a megabyte queued, as an app does that writes when it may. */
#define QUEUED ((uint64_t)256 << 10)

/* Each stream has its share, and the first one speaks for all of them. */
static bool wants_more(const struct line *l) {
	return sluice_sctp_buffered(l->d.a, 1) < QUEUED / l->streams;
}

static void run(void *ctx, uint64_t iterations) {
	struct line *l = ctx;
	uint64_t target = l->arrived + iterations, sent = 0;
	while (l->arrived < target) {
		while (sent < iterations && wants_more(l) && queue_one(l))
			sent++;
		l->d.now += 10 * SLUICE_US;
		BENCH_MUST(direct_run(&l->d, SLUICE_S));
	}
}

static void bench_size(size_t size, bool lend, uint16_t streams, const char *name) {
	sluice_sctp_config config;
	sluice_sctp_config_init(&config);
	struct line l = {.size = size, .lend = lend, .streams = streams};
	BENCH_MUST(direct_open(&l.d, bench_env(), &config) == 0);
	l.d.on_event = on_event;
	l.d.user = &l;
	struct bench_case c = {.bench = "association", .name = name, .run = run, .ctx = &l, .bytes = size, .items = 1};
	bench_run(&c);
	direct_close(&l.d);
}

/* An app that sends until the queue is full meets that answer once a turn, with a thousand small messages queued. */
static void send_into_full(void *ctx, uint64_t iterations) {
	struct line *l = ctx;
	while (queue_one(l))
		;
	for (uint64_t i = 0; i < iterations; i++)
		BENCH_MUST(!queue_one(l));
}

static void bench_full(void) {
	sluice_sctp_config config;
	sluice_sctp_config_init(&config);
	config.high_water = 65536;
	struct line l = {.size = 64, .streams = 1};
	BENCH_MUST(direct_open(&l.d, bench_env(), &config) == 0);
	l.d.on_event = on_event;
	l.d.user = &l;
	struct bench_case c = {.bench = "association", .name = "64 bytes, the queue is full", .run = send_into_full, .ctx = &l};
	bench_run(&c);
	direct_close(&l.d);
}

int main(int argc, char **argv) {
	bench_begin(argc, argv);
	bench_size(64, false, 1, "64 bytes, copied");
	bench_size(1024, false, 1, "1024 bytes, copied");
	bench_size(16384, false, 1, "16384 bytes, copied");
	bench_size(65536, false, 1, "65536 bytes, copied");
	bench_size(16384, true, 1, "16384 bytes, lent");
	bench_size(65536, true, 1, "65536 bytes, lent");
	bench_size(64, false, 64, "64 bytes, copied, 64 streams");
	bench_size(1024, false, 64, "1024 bytes, copied, 64 streams");
	bench_full();
	return bench_end();
}
