/* bench_open: how much longer than its public-key operations does a connection take to open, without ICE?
 *
 * Two pinned processes on loopback, each with one loop and a certificate that it keeps. The client makes a peer and a socket,
 * connects, and opens a channel; the time ends in on_open. The server's peer waits before that time begins. In turns with these
 * openings the client does the public-key operations of one handshake, those of both ends (public_keys.h), one after the other.
 * "ratio" is the median of the ratios of neighbouring turns. "cpu_us" in the JSON is the CPU time of both processes for an
 * opening, with its end.
 *
 * Each process has one more socket all the time: the kernel rewrites its own code for the first socket that asks for UDP_GRO, and
 * again when the last one is closed. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netinet/in.h>

#include "fork_pair.h"
#include "harness.h"
#include "public_keys.h"
#include "sluice.h"

#define TURNS 200
#define FAST_TURNS 5
#define WARM_UP 10
#define LIMIT_S 60

struct results {
	double open_us[TURNS], floor_us[TURNS], ratio[TURNS], longest_us;
	double cpu_us[2]; /* of an opening, in each process */
};

struct run {
	size_t turns;
	int line[2]; /* between the processes, one message each */
	struct results *results;
};

struct side {
	const struct run *run;
	int line;
	sluice_loop *loop;
	sluice_certificate *certificate;
	sluice_fingerprint fingerprint, other;
	sluice_socket *spare;
	sluice_peer *peer;
	uint64_t started, opened; /* of the client */
};

/* ---- both ends --------------------------------------------------------------------------------------------------- */

static void tell(int line, const void *message, size_t len) {
	BENCH_MUST(write(line, message, len) == (ssize_t)len);
}

static void hear(int line, void *message, size_t len) {
	BENCH_MUST(read(line, message, len) == (ssize_t)len);
}

static sluice_socket *open_socket(struct side *s) {
	struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	sluice_socket_config config = {.local = (struct sockaddr *)&local, .local_len = sizeof local};
	sluice_socket *socket;
	BENCH_MUST(sluice_socket_open(s->loop, &config, &socket) == 0);
	return socket;
}

static void open_side(struct side *s, const struct run *run, int number) {
	*s = (struct side){.run = run, .line = run->line[number]};
	BENCH_MUST(sluice_loop_new(bench_env(), NULL, &s->loop) == 0);
	BENCH_MUST(sluice_certificate_generate(&s->certificate) == 0);
	BENCH_MUST(sluice_certificate_fingerprint(s->certificate, SLUICE_SHA256, &s->fingerprint) == 0);
	tell(s->line, &s->fingerprint, sizeof s->fingerprint);
	hear(s->line, &s->other, sizeof s->other);
	s->spare = open_socket(s);
}

static void close_side(struct side *s) {
	sluice_socket_close(s->spare);
	sluice_loop_free(s->loop);
	sluice_certificate_release(s->certificate);
}

static void on_state(sluice_peer *p, enum sluice_peer_state state, void *user) {
	struct side *s = user;
	BENCH_MUST(state != SLUICE_PEER_FAILED);
	if (state != SLUICE_PEER_CLOSED)
		return;
	sluice_peer_free(p);
	sluice_loop_stop(s->loop);
}

static void connect_side(struct side *s, enum sluice_role role, const struct sockaddr_in *remote, sluice_socket *socket) {
	sluice_peer_config config;
	sluice_peer_config_init(&config);
	config.role = role;
	config.certificate = s->certificate;
	config.remote_fingerprint = s->other;
	config.on_state = on_state;
	config.user = s;
	if (remote) {
		memcpy(&config.path.remote, remote, sizeof *remote);
		config.path.remote_len = sizeof *remote;
	}
	BENCH_MUST(sluice_peer_new(bench_env(), &config, &s->peer) == 0);
	BENCH_MUST(sluice_loop_add_socket(s->loop, s->peer, socket) == 0);
	BENCH_MUST(sluice_peer_start(s->peer) == 0);
}

/* ---- the server -------------------------------------------------------------------------------------------------- */

static void await_one(struct side *s) {
	sluice_socket *socket = open_socket(s);
	struct sockaddr_storage local;
	socklen_t len = sizeof local;
	BENCH_MUST(sluice_socket_address(socket, &local, &len) == 0);
	connect_side(s, SLUICE_ROLE_SERVER, NULL, socket);
	tell(s->line, &local, sizeof(struct sockaddr_in));
	sluice_loop_run(s->loop);
}

static void serve(void *ctx) {
	struct run *r = ctx;
	struct side s;
	double cpu = 0;
	open_side(&s, r, 1);
	for (size_t turn = 0; turn < WARM_UP + r->turns; turn++) {
		if (turn == WARM_UP)
			cpu = fork_pair_cpu();
		await_one(&s);
	}
	r->results->cpu_us[1] = (fork_pair_cpu() - cpu) / (double)r->turns * 1e6;
	close_side(&s);
}

/* ---- the client -------------------------------------------------------------------------------------------------- */

static void on_open(sluice_channel *ch, void *user) {
	struct side *s = user;
	s->opened = bench_now();
	sluice_peer_close(sluice_channel_peer(ch));
}

static double open_once(struct side *s, double *cpu) {
	struct sockaddr_in remote;
	hear(s->line, &remote, sizeof remote);
	sluice_channel_config channel = {.label = "open", .callbacks = {.on_open = on_open}, .user = s};
	*cpu -= fork_pair_cpu();
	s->started = bench_now();
	connect_side(s, SLUICE_ROLE_CLIENT, &remote, open_socket(s));
	BENCH_MUST(sluice_peer_open_channel(s->peer, &channel, NULL) == 0);
	sluice_loop_run(s->loop);
	*cpu += fork_pair_cpu();
	return (double)(s->opened - s->started) / 1e3;
}

static double floor_once(const struct public_keys *keys) {
	uint64_t start = bench_now();
	public_keys_work(keys);
	return (double)(bench_now() - start) / 1e3;
}

static void ask(void *ctx) {
	struct run *r = ctx;
	struct results *to = r->results;
	struct public_keys keys;
	struct side s;
	double cpu = 0;
	open_side(&s, r, 0);
	public_keys_open(&keys);
	for (size_t i = 0; i < WARM_UP + r->turns; i++) {
		size_t turn = i < WARM_UP ? 0 : i - WARM_UP;
		if (i == WARM_UP)
			cpu = 0;
		to->open_us[turn] = open_once(&s, &cpu);
		to->floor_us[turn] = floor_once(&keys);
		to->ratio[turn] = to->open_us[turn] / to->floor_us[turn];
		if (i >= WARM_UP && to->open_us[turn] > to->longest_us)
			to->longest_us = to->open_us[turn];
	}
	to->cpu_us[0] = cpu / (double)r->turns * 1e6;
	public_keys_close(&keys);
	close_side(&s);
}

/* ---- the figures ------------------------------------------------------------------------------------------------- */

static void report(const char *name, const char *unit, const double *values, size_t count, const char *extra) {
	bench_report(&(struct bench_figure){
		.bench = "open", .name = name, .unit = unit, .values = values, .count = count, .extra = extra});
}

int main(int argc, char **argv) {
	bench_begin(argc, argv);
	size_t turns = bench_is_fast() ? FAST_TURNS : TURNS;
	struct results *to = fork_pair_shared(sizeof *to);
	struct run r = {.turns = turns, .results = to};
	char extra[64];
	if (bench_wants("open", "open channel")) {
		BENCH_MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, r.line) == 0);
		fork_pair_run(ask, serve, &r, LIMIT_S);
		snprintf(extra, sizeof extra, "\"cpu_us\":%.0f", to->cpu_us[0] + to->cpu_us[1]);
		report("open channel", "us", to->open_us, turns, extra);
		report("open channel, longest", "us", &to->longest_us, 1, NULL);
		report("public-key operations", "us", to->floor_us, turns, NULL);
		report("ratio", "times", to->ratio, turns, NULL);
	}
	fork_pair_unshare(to, sizeof *to);
	return bench_end();
}
