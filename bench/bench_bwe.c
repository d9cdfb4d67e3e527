/* bench_bwe: what does it cost a sender of media to know its rate and to keep its pace?
 *
 * "sent" is the record of one packet. "sent and reported" adds its share of a TWCC packet about 64 of them, read and judged: the
 * difference between both is the feedback. Packets leave each 1.5 ms, as 6 Mb/s do. "paced" is a frame of 10 packets, queued and
 * granted. */
#include <string.h>

#include "base/serial.h"
#include "harness.h"
#include "rtp/bwe/bwe.h"
#include "rtp/pacer.h"
#include "rtp/rtcp_write.h"

#define BATCH 64     /* packets in one feedback */
#define REPORTS 1024 /* BATCH * REPORTS == 2^16, so that the numbers begin anew when the reports do */
#define STEP (1500 * SLUICE_US)
#define SIZE 1200
#define FRAME 10

struct sender {
	struct bwe *bwe;
	uint64_t number, now;
	struct {
		uint8_t bytes[256];
		size_t len;
	} reports[REPORTS];
};

static void send_batch(struct sender *s) {
	for (unsigned i = 0; i < BATCH; i++, s->now += STEP)
		BENCH_MUST(bwe_sent(s->bwe, s->number++, SIZE, 0, s->now) == 0);
}

static void run_sent(void *ctx, uint64_t iterations) {
	struct sender *s = ctx;
	while (iterations-- > 0)
		send_batch(s);
}

/* The reports repeat; only their time goes on. */
static void run_reported(void *ctx, uint64_t iterations) {
	struct sender *s = ctx;
	while (iterations-- > 0) {
		unsigned i = (unsigned)(s->number / BATCH % REPORTS);
		uint64_t turns = (s->number - SERIAL_ORIGIN) / (BATCH * REPORTS);
		send_batch(s);
		struct rtcp_reader r = rtcp_reader_of(s->reports[i].bytes, s->reports[i].len);
		struct rtcp_packet p;
		BENCH_MUST(rtcp_next(&r, &p) && p.kind == RTCP_TWCC);
		p.twcc.reference = (uint32_t)(p.twcc.reference + turns * BATCH * REPORTS * STEP / (64 * SLUICE_MS)) & 0xffffff;
		bwe_feedback(s->bwe, &p.twcc, s->now);
	}
	BENCH_KEEP(bwe_target(s->bwe));
}

static void write_reports(struct sender *s) {
	for (uint64_t i = 0; i < REPORTS; i++) {
		uint64_t arrivals[BATCH];
		for (uint64_t k = 0; k < BATCH; k++)
			arrivals[k] = 40 * SLUICE_MS + (i * BATCH + k) * STEP + (k * 7 + i) % 5 * 250 * SLUICE_US;
		struct rtcp_writer w = rtcp_writer_of(s->reports[i].bytes, sizeof s->reports[i].bytes);
		BENCH_MUST(rtcp_write_twcc(&w, 1, 2, (uint8_t)i, i * BATCH, arrivals, BATCH) == BATCH);
		s->reports[i].len = w.len;
	}
}

static void run_paced(void *ctx, uint64_t iterations) {
	struct pacer *p = ctx;
	const struct pacer_run run = {.count = FRAME, .size = SIZE, .last = SIZE - 100};
	struct pacer_grant g;
	uint64_t now = p->clock;
	while (iterations-- > 0) {
		BENCH_MUST(pacer_push(p, PACER_VIDEO, &run, now) == 0);
		while (pacer_queued(p) > 0) {
			while (pacer_next(p, FRAME, now, &g))
				BENCH_KEEP(&g);
			now = pacer_queued(p) > 0 ? pacer_deadline(p) : now + 33 * SLUICE_MS;
		}
	}
}

static void measure(const char *name, void (*run)(void *, uint64_t), void *ctx, size_t items) {
	bench_run(&(struct bench_case){.bench = "bwe", .name = name, .run = run, .ctx = ctx, .items = items});
}

int main(int argc, char **argv) {
	static struct sender s = {.number = SERIAL_ORIGIN, .now = SLUICE_S};
	struct pacer pacer;
	bench_begin(argc, argv);
	write_reports(&s);
	BENCH_MUST(bwe_new(bench_env(), NULL, s.now, &s.bwe) == 0);
	measure("sent and reported, 64 packets a feedback", run_reported, &s, BATCH);
	measure("sent", run_sent, &s, BATCH);
	bwe_free(s.bwe);
	BENCH_MUST(pacer_open(&pacer, bench_env(), 64, 255) == 0);
	pacer_set_target(&pacer, 3000000);
	measure("paced, a frame of 10 packets", run_paced, &pacer, FRAME);
	pacer_close(&pacer);
	return bench_end();
}
