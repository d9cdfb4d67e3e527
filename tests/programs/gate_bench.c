/* gate_bench: a bench with one case for tests/test_bench_gates.sh. With -DMORE it does two per cent more. */
#include "bench/harness.h"

#ifdef MORE
#define ROUNDS 1020
#else
#define ROUNDS 1000
#endif

__attribute__((noinline)) static uint64_t busy_function(uint64_t x) {
	for (int i = 0; i < ROUNDS; i++) {
		x = x * 3 + 1;
		BENCH_KEEP(x);
	}
	return x;
}

static void run(void *ctx, uint64_t iterations) {
	(void)ctx;
	while (iterations-- > 0)
		BENCH_KEEP(busy_function(iterations));
}

int main(int argc, char **argv) {
	bench_begin(argc, argv);
	bench_run(&(struct bench_case){.bench = "gate", .name = "a loop", .run = run});
	return bench_end();
}
