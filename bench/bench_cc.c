/* bench_cc: what does congestion control cost for each SACK? A SACK acknowledges two packets, and a hundred come in a round
 * trip. */
#include <stdio.h>

#include "harness.h"
#include "sctp/tx/cc.h"

#define MTU 1132u
#define RTT UINT64_C(50000000)

struct run {
	const struct cc_ops *cc;
	struct cc_view v;
	uint64_t sacks;
};

static void run(void *ctx, uint64_t iterations) {
	struct run *r = ctx;
	for (uint64_t i = 0; i < iterations; i++) {
		uint64_t n = ++r->sacks, delivered = n * 2 * MTU, flight = 200 * (uint64_t)MTU;
		r->cc->ack(&r->v, &(struct cc_ack){
					  .now = n * RTT / 100,
					  .bytes = 2 * MTU,
					  .flight = flight - 2 * MTU,
					  .advanced = true,
					  .cwnd_limited = true,
					  .round_start = n % 100 == 0,
					  .rtt = RTT + n % 1000 * 1000,
					  .rate = 200 * MTU * 20,
					  .delivered = delivered,
					  .prior_delivered = delivered > flight ? delivered - flight : 0,
					  .tx_in_flight = flight,
				  });
		if (r->v.cwnd > 1000 * (uint64_t)MTU)
			r->cc->loss(&r->v);
	}
	BENCH_KEEP(r->v.cwnd);
}

static void bench(const struct cc_ops *cc, const char *name) {
	struct run r = {
		.cc = cc,
		.v = {.ssthresh = 100000,
	              .mtu = MTU,
	              .config = {.initial_window = 10 * MTU, .min_window = 4 * MTU, .max_window = UINT64_MAX, .pacing = true},
	              .rto = 300000000,
	              .srtt = RTT,
	              .min_rtt = RTT},
	};
	cc->init(&r.v);
	bench_run(&(struct bench_case){.bench = "cc", .name = name, .run = run, .ctx = &r});
}

int main(int argc, char **argv) {
	bench_begin(argc, argv);
	for (unsigned n = 1; n <= cc_count(); n++) {
		char name[64];
		snprintf(name, sizeof name, "%s, one SACK", cc_by_number(n)->name);
		bench(cc_by_number(n), name);
	}
	return bench_end();
}
