/* bench_handshake: what does a whole connection cost, from offer to open channel, without a network?
 *
 * Both sides run in one thread: descriptions are made and read, checks go both ways, DTLS and SCTP shake hands, a channel opens,
 * and everything is freed. One iteration is one connection, so its time is that of two handshakes; "handshakes per second and
 * core" is 2 / median. Certificates are made beforehand, as a server does. */
#include "bench/harness.h"
#include "bench/mouth_to_mouth.h"

struct work {
	sluice_certificate *certificate;
	sluice_peer_config config;
};

static void run(void *ctx, uint64_t iterations) {
	struct work *w = ctx;
	for (uint64_t i = 0; i < iterations; i++) {
		struct mouth m;
		BENCH_MUST(mouth_connect(&m, bench_env(), w->certificate, &w->config) == 0);
		mouth_close(&m);
	}
}

static void measure(const char *name, bool snap, bool sped) {
	struct work w;
	sluice_peer_config_init(&w.config);
	w.config.offer_snap = snap;
	w.config.offer_sped = sped;
	BENCH_MUST(sluice_certificate_generate(&w.certificate) == 0);
	struct bench_case c = {.bench = "handshake", .name = name, .run = run, .ctx = &w, .items = 2};
	bench_run(&c);
	sluice_certificate_release(w.certificate);
}

int main(int argc, char **argv) {
	bench_begin(argc, argv);
	measure("offer to open channel, both sides", false, false);
	measure("the same with SNAP and SPED", true, true);
	return bench_end();
}
