/* bench_idle: what does a consent check and its answer cost two whole peers that have nothing else to do?
 *
 * Pairs of peers by offer and answer, each with one open channel, over a memory that loses nothing, in virtual time. A driver of
 * its own calls the verbs as the loop's does. So the sockets, the schedule of the loop and its demultiplexing are left out:
 * bench_endpoint has those, as shares of a core.
 *
 *   one pair      its memory is in the cache; for counting instructions
 *   1,000 pairs   in turn, so that most of a pair's memory has left the cache when its turn comes: the lines that a check touches
 *                 are what counts. BENCH_LARGE=1 has ten thousand
 *
 * A check by one end and its answer by the other are two datagrams, which both ends send and take. */
#include <stdlib.h>
#include <string.h>

#include "bench/harness.h"
#include "bench/landing.h"
#include "bench/mouth_to_mouth.h"
#include "sluice.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#define PAIRS 1000
#define PAIRS_LARGE 10000
#define CHECKS 1000 /* of one operation: what connecting takes differs from run to run, and has to be little beside them */
#define SPACE 16384
#define BATCH 16

struct end {
	sluice_peer *peer;
	struct sockaddr_storage addr;
	uint64_t due;
};

struct two {
	struct end ends[2];
	uint64_t now;    /* a pair's own */
	uint64_t checks; /* asked and answered */
	bool opened;
};

struct world {
	struct two *pairs;
	unsigned count, turn;
};

static void on_open(sluice_channel *ch, void *user) {
	struct two *t = user;
	(void)ch;
	t->opened = true;
}

/* ---- the driver ---- */

static void give(struct end *to, const struct end *from, sluice_batch *b, uint64_t now) {
	sluice_datagram datagrams[LANDING_MAX];
	sluice_slab *slab = landing_take(b, datagrams);
	sluice_path path = {.socket = 1, .remote = from->addr, .remote_len = sizeof(struct sockaddr_in)};
	sluice_peer_input(to->peer, &path, datagrams, b->count, now);
	sluice_slab_unref(slab);
}

/* Everything that the end has to say goes to the other one at once. Returns whether there was something. */
static bool serve(struct two *t, int i) {
	static uint8_t space[SPACE];
	struct end *e = &t->ends[i];
	bool spoke = false;
	sluice_peer_dispatch(e->peer);
	for (;;) {
		sluice_batch b = {.data = space, .capacity = sizeof space, .max_datagrams = BATCH};
		if (sluice_peer_output(e->peer, &b, t->now) <= 0)
			break;
		give(&t->ends[!i], e, &b, t->now);
		spoke = true;
	}
	e->due = sluice_peer_deadline(e->peer);
	return spoke;
}

static void settle(struct two *t) {
	for (bool spoke = true; spoke;) {
		spoke = serve(t, 0);
		spoke = serve(t, 1) || spoke;
	}
}

/* From one deadline of the pair to the next. */
static void turn(struct two *t) {
	uint64_t at = t->ends[0].due < t->ends[1].due ? t->ends[0].due : t->ends[1].due;
	BENCH_MUST(at != SLUICE_NEVER);
	t->now = at > t->now ? at : t->now; /* 0: at once */
	for (int i = 0; i < 2; i++) {
		if (t->ends[i].due > t->now)
			continue;
		sluice_peer_advance(t->ends[i].peer, t->now);
		if (!serve(t, i))
			continue;
		serve(t, !i); /* its answer */
		serve(t, i);  /* which is taken */
		t->checks++;
	}
}

/* ---- connecting ---- */

static void connect_pair(struct two *t, const sluice_peer_config *config) {
	sluice_channel_config channel = {.label = "idle", .callbacks = {.on_open = on_open}, .user = t};
	for (int i = 0; i < 2; i++) {
		struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(5000), .sin_addr.s_addr = htonl(0x0a000001 + i)};
		struct end *e = &t->ends[i];
		memcpy(&e->addr, &a, sizeof a);
		BENCH_MUST(sluice_peer_new(bench_env(), config, &e->peer) == 0);
		BENCH_MUST(sluice_peer_add_local_address(e->peer, SLUICE_UDP, 1, (struct sockaddr *)&a, sizeof a, 65535, NULL) ==
		           0);
	}
	BENCH_MUST(sluice_peer_open_channel(t->ends[0].peer, &channel, NULL) == 0);
	BENCH_MUST(mouth_negotiate(t->ends[0].peer, t->ends[1].peer) == 0);
	for (int i = 0; i < 100000 && !t->opened; i++) {
		settle(t);
		turn(t);
	}
	BENCH_MUST(t->opened);
}

/* Until nothing but consent is left. */
static void rest(struct two *t) {
	for (uint64_t until = t->now + 60 * SLUICE_S; t->now < until;)
		turn(t);
}

static struct world world_new(unsigned count, const sluice_peer_config *config) {
	struct world w = {.pairs = calloc(count, sizeof(struct two)), .count = count};
	BENCH_MUST(w.pairs);
	for (unsigned i = 0; i < count; i++) {
		w.pairs[i].now = SLUICE_S;
		connect_pair(&w.pairs[i], config);
		rest(&w.pairs[i]);
	}
	return w;
}

static void world_free(struct world *w) {
	for (unsigned i = 0; i < w->count; i++) {
		sluice_peer_free(w->pairs[i].ends[0].peer);
		sluice_peer_free(w->pairs[i].ends[1].peer);
	}
	free(w->pairs);
}

/* ---- the cases ---- */

static void check_once(struct two *t) {
	for (uint64_t want = t->checks + 1; t->checks < want;)
		turn(t);
}

static void run(void *ctx, uint64_t iterations) {
	struct world *w = ctx;
	for (uint64_t left = CHECKS * iterations; left > 0; left--) {
		check_once(&w->pairs[w->turn]);
		w->turn = w->turn + 1 < w->count ? w->turn + 1 : 0;
	}
}

static void measure(const char *name, unsigned count, const sluice_peer_config *config) {
	if (!bench_is_counting() && !bench_wants("idle", name))
		return;
	struct world w = world_new(count, config);
	bench_run(&(struct bench_case){.bench = "idle", .name = name, .run = run, .ctx = &w, .items = CHECKS});
	world_free(&w);
}

int main(int argc, char **argv) {
	sluice_peer_config config;
	bench_begin(argc, argv);
	sluice_peer_config_init(&config);
	BENCH_MUST(sluice_certificate_generate(&config.certificate) == 0);
	/* Of the association's HEARTBEATs there are none, so that each turn is a check. */
	config.sctp.heartbeat_interval = SLUICE_NEVER;
	measure("1,000 checks and their answers, one pair", 1, &config);
	if (bench_is_counting()) /* connecting many takes too long then */
		return bench_end();
	if (bench_is_large())
		measure("1,000 checks and their answers, 10,000 pairs", PAIRS_LARGE, &config);
	else
		measure("1,000 checks and their answers, 1,000 pairs", bench_is_fast() ? 10 : PAIRS, &config);
	sluice_certificate_release(config.certificate);
	return bench_end();
}
