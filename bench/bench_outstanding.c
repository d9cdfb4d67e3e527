/* bench_outstanding: what does a chunk cost from its TSN to its acknowledgement, straight and around a hole? */
#include "harness.h"
#include "sctp/tx/outstanding.h"

#define WINDOW 1024

struct sent_case {
	struct event_queue events;
	struct outgoing out;
	struct outstanding sent;
	uint64_t step; /* TSNs that each SACK acknowledges */
	bool hole;     /* the first of each window is missing until the end */
};

static void transmit(struct sent_case *c) {
	static const uint8_t payload[1024];
	sluice_send_info info = {.stream = 1, .ppid = 53};
	for (int i = 0; i < WINDOW; i++) {
		BENCH_MUST(outgoing_copy(&c->out, &info, payload, sizeof payload) == 0);
		struct tx_message *m = outgoing_next(&c->out);
		BENCH_MUST(outstanding_reserve(&c->sent, OUTSTANDING_MAX));
		outstanding_append(&c->sent, m, m->len, WIRE_DATA_B | WIRE_DATA_E, 1);
	}
}

static void acknowledge(struct sent_case *c) {
	struct ack ack;
	uint64_t base = c->sent.cum;
	for (uint64_t t = c->step; t <= WINDOW; t += c->step) {
		struct gap g = {base + 2, base + t};
		if (c->hole && t < WINDOW)
			outstanding_sack(&c->sent, base, &g, 1, false, 2, &ack);
		else
			outstanding_sack(&c->sent, base + t, NULL, 0, false, 2, &ack);
	}
}

static void run(void *ctx, uint64_t iterations) {
	struct sent_case *c = ctx;
	while (iterations-- > 0) {
		transmit(c);
		acknowledge(c);
		struct event_node *n;
		while ((n = event_pop(&c->events)))
			BENCH_KEEP(n);
	}
}

static void measure(const char *name, uint64_t step, bool hole) {
	struct sent_case c = {.step = step, .hole = hole};
	outgoing_init(&c.out, bench_env(), &c.events, UINT64_MAX, sched_by_number(SLUICE_SCHEDULER_ROUND_ROBIN));
	outstanding_init(&c.sent, bench_env(), &c.out, (UINT64_C(1) << 32) + 1);
	bench_run(&(struct bench_case){.bench = "outstanding", .name = name, .run = run, .ctx = &c, .items = WINDOW});
	outstanding_free(&c.sent);
	outgoing_free(&c.out);
}

int main(int argc, char **argv) {
	bench_begin(argc, argv);
	measure("1024 bytes, a SACK for 2 chunks", 2, false);
	measure("1024 bytes, a SACK for 64 chunks", 64, false);
	measure("1024 bytes, a SACK for 2 chunks behind a hole", 2, true);
	measure("1024 bytes, a SACK for 64 chunks behind a hole", 64, true);
	return bench_end();
}
