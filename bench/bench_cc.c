/* bench_cc: what does congestion control cost a SACK? */
#include "harness.h"
#include "sctp/cc.h"

static void run(void *ctx, uint64_t iterations) {
	struct cc_view *v = ctx;
	for (uint64_t i = 0; i < iterations; i++) {
		cc_newreno.ack(
			v,
			&(struct cc_ack){
				.bytes = 2 * v->mtu, .flight_before = v->cwnd, .advanced = true, .cwnd_limited = true, .now = i});
		if (v->cwnd > 1000 * (uint64_t)v->mtu)
			cc_newreno.loss(v, &(struct cc_loss){.flight = 0});
	}
	BENCH_KEEP(v->cwnd);
}

int main(int argc, char **argv) {
	bench_begin(argc, argv);
	struct cc_view v = {
		.ssthresh = 100000, .mtu = 1132, .config = {.initial_window = 11320, .max_window = UINT64_MAX}, .rto = 300000000};
	cc_newreno.init(&v);
	bench_run(&(struct bench_case){.bench = "cc", .name = "newreno, one SACK", .run = run, .ctx = &v});
	return bench_end();
}
