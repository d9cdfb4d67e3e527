/* bench_endpoint: what does an idle peer cost a server that has a thousand of them on one UDP port?
 *
 * The clients live in a process of their own, so that memory and CPU of this one are the server's. Each connects over loopback by
 * offer and answer, opens one channel and sends one message. Then nothing happens but what keeps a connection: consent checks
 * every 5 s from both sides, and a HEARTBEAT every 30 s from both. Everything is as it is by default.
 *
 *   memory   the growth of the resident memory over the number of peers. The first peers do not count: with them libraries
 *            make what a process has once
 *   CPU      what the process used in the 20 s after that, all of it and without the kernel's part, in percent of a core
 *
 * BENCH_LARGE=1 has ten thousand. */
#include <ev.h>
#include <malloc.h>
#ifdef SLUICE_MIMALLOC
#include <mimalloc.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/harness.h"
#include "sluice.h"

#include <netinet/in.h>

#define PEERS 1000
#define PEERS_LARGE 10000
#define FIRST_PEERS 20
#define SETTLE_S 4.
#define CPU_S 20.
#define CPU_FAST_S 1.

static double resident_kib(void) {
	long pages = 0, ignored;
	FILE *f = fopen("/proc/self/statm", "r");
	BENCH_MUST(f && fscanf(f, "%ld %ld", &ignored, &pages) == 2);
	fclose(f);
	return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1024;
}

/* Descriptions cross two pipes: four bytes of length, then the text. */
struct pipes {
	int in, out;
};

static void put_text(const struct pipes *p, const char *text, uint32_t len) {
	BENCH_MUST(write(p->out, &len, sizeof len) == sizeof len && write(p->out, text, len) == (ssize_t)len);
}

static uint32_t get_text(const struct pipes *p, char *text, size_t size) {
	uint32_t len, at = 0;
	if (read(p->in, &len, sizeof len) != sizeof len)
		return 0;
	BENCH_MUST(len < size);
	while (at < len) {
		ssize_t n = read(p->in, text + at, len - at);
		BENCH_MUST(n > 0);
		at += (uint32_t)n;
	}
	return len;
}

/* ---- the clients ---- */

static void on_open(sluice_channel *ch, void *user) {
	sluice_channel_send_text(ch, "hello", 5);
	sluice_loop_stop(user);
}

static void on_pipe(struct ev_loop *ev, ev_io *w, int events) {
	(void)ev;
	(void)events;
	sluice_loop_stop(w->data);
}

/* The loop goes on meanwhile: the server may still wait for the last client's message, which was lost and has to be repeated. */
static void wait_for_pipe(sluice_loop *loop, const struct pipes *p) {
	ev_io io;
	ev_io_init(&io, on_pipe, p->in, EV_READ);
	io.data = loop;
	ev_io_start(sluice_loop_ev(loop), &io);
	sluice_loop_run(loop);
	ev_io_stop(sluice_loop_ev(loop), &io);
}

static void call(sluice_env *env, sluice_loop *loop, const sluice_peer_config *config, const struct pipes *p) {
	static char sdp[SLUICE_SDP_MAX];
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	sluice_gather_config gather = {
		.size = sizeof gather, .bind = (struct sockaddr *)&any, .bind_len = sizeof any, .loopback = true};
	gather.socket.receive_buffer = gather.socket.send_buffer = 65536;
	sluice_channel_config channel = {.label = "idle", .callbacks = {.on_open = on_open}, .user = loop};
	sluice_peer *peer;
	BENCH_MUST(sluice_peer_new(env, config, &peer) == 0 && sluice_loop_gather(loop, peer, &gather) == 0);
	BENCH_MUST(sluice_peer_open_channel(peer, &channel, NULL) == 0 && sluice_peer_set_local_description(peer, 0, NULL) == 0);
	int len = sluice_peer_local_description(peer, NULL, sdp, sizeof sdp);
	BENCH_MUST(len > 0);
	put_text(p, sdp, (uint32_t)len);
	wait_for_pipe(loop, p);
	uint32_t got = get_text(p, sdp, sizeof sdp);
	BENCH_MUST(got && sluice_peer_set_remote_description(peer, SLUICE_SDP_ANSWER, sdp, got) == 0);
	sluice_loop_run(loop);
}

static void clients(const struct pipes *p, unsigned count) {
	struct rlimit files = {count + 64, count + 64}; /* a socket for each */
	BENCH_MUST(setrlimit(RLIMIT_NOFILE, &files) == 0);
	sluice_env *env;
	sluice_loop *loop;
	sluice_peer_config config;
	sluice_peer_config_init(&config);
	BENCH_MUST(sluice_env_new(NULL, &env) == 0 && sluice_loop_new(env, NULL, &loop) == 0);
	BENCH_MUST(sluice_certificate_generate(&config.certificate) == 0);
	for (unsigned i = 0; i < count; i++) {
		/* As clients of a process each have: their checks fall together no more than by chance. */
		config.ice.consent_interval = 5 * SLUICE_S + i % 1000 * 100 * SLUICE_US;
		call(env, loop, &config, p);
	}
	wait_for_pipe(loop, p); /* until the server has measured, and closes it */
}

/* ---- the server ---- */

static sluice_endpoint *endpoint_new(sluice_loop *loop) {
	struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	sluice_endpoint_config config = {.size = sizeof config, .loopback = true};
	sluice_endpoint *endpoint;
	config.socket.local = (struct sockaddr *)&local;
	config.socket.local_len = sizeof local;
	BENCH_MUST(sluice_endpoint_new(loop, &config, &endpoint) == 0);
	return endpoint;
}

struct server {
	sluice_env *env;
	sluice_loop *loop;
	sluice_endpoint *endpoint;
	sluice_peer_config config;
	unsigned heard, lost;
};

static void on_message(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	struct server *s = user;
	(void)ch;
	(void)m;
	(void)text;
	s->heard++;
	sluice_loop_stop(s->loop);
}

static void on_channel(sluice_peer *p, sluice_channel *ch, void *user) {
	(void)p;
	sluice_channel_set_callbacks(ch, &(sluice_channel_callbacks){.on_message = on_message}, user);
}

static void on_state(sluice_peer *p, enum sluice_peer_state state, void *user) {
	(void)p;
	((struct server *)user)->lost += state > SLUICE_PEER_CONNECTED;
}

static void answer(struct server *s, const struct pipes *p) {
	static char sdp[SLUICE_SDP_MAX];
	sluice_peer *peer;
	uint32_t got = get_text(p, sdp, sizeof sdp);
	BENCH_MUST(got && sluice_peer_new(s->env, &s->config, &peer) == 0);
	BENCH_MUST(sluice_endpoint_add(s->endpoint, peer) == 0);
	BENCH_MUST(sluice_peer_set_remote_description(peer, SLUICE_SDP_OFFER, sdp, got) == 0);
	BENCH_MUST(sluice_peer_set_local_description(peer, 0, NULL) == 0);
	int len = sluice_peer_local_description(peer, NULL, sdp, sizeof sdp);
	BENCH_MUST(len > 0);
	put_text(p, sdp, (uint32_t)len);
}

static void connect_all(struct server *s, const struct pipes *p, unsigned count) {
	for (unsigned want = s->heard + count; s->heard < want;) {
		unsigned before = s->heard;
		answer(s, p);
		while (s->heard == before)
			sluice_loop_run(s->loop);
	}
}

/* Gives free memory back to the system: the allocator may keep it, but it does not belong to the peers. */
static double settled_kib(void) {
#ifdef SLUICE_MIMALLOC
	mi_collect(true);
#endif
	malloc_trim(0);
	return resident_kib();
}

static void on_time(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	sluice_loop_stop(w->data);
}

static void run_for(sluice_loop *loop, double seconds) {
	ev_timer timer;
	ev_timer_init(&timer, on_time, seconds, 0.);
	timer.data = loop;
	ev_now_update(sluice_loop_ev(loop));
	ev_timer_start(sluice_loop_ev(loop), &timer);
	sluice_loop_run(loop);
}

static void report(const char *name, unsigned count, const char *unit, double value) {
	char text[96];
	snprintf(text, sizeof text, "%s%s", name, count == PEERS_LARGE ? ", 10,000 of them" : "");
	bench_report(&(struct bench_figure){.bench = "endpoint", .name = text, .unit = unit, .values = &value, .count = 1});
}

static double seconds_of(struct timeval t) {
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void measure_cpu(const struct server *s, unsigned count) {
	struct rusage before, after;
	double seconds = bench_is_fast() ? CPU_FAST_S : CPU_S;
	BENCH_MUST(getrusage(RUSAGE_SELF, &before) == 0);
	run_for(s->loop, seconds);
	BENCH_MUST(getrusage(RUSAGE_SELF, &after) == 0);
	double user = seconds_of(after.ru_utime) - seconds_of(before.ru_utime);
	double kernel = seconds_of(after.ru_stime) - seconds_of(before.ru_stime);
	report("CPU of idle peers", count, "%", (user + kernel) / seconds * 100);
	report("CPU of idle peers without the kernel", count, "%", user / seconds * 100);
}

static void serve(const struct pipes *p, unsigned count) {
	struct server s = {0};
	sluice_peer_config_init(&s.config);
	s.config.on_channel = on_channel;
	s.config.on_state = on_state;
	s.config.user = &s;
	BENCH_MUST(sluice_certificate_generate(&s.config.certificate) == 0);
	BENCH_MUST(sluice_env_new(NULL, &s.env) == 0 && sluice_loop_new(s.env, NULL, &s.loop) == 0);
	s.endpoint = endpoint_new(s.loop);
	connect_all(&s, p, FIRST_PEERS);
	double before = settled_kib();
	uint64_t begin = bench_now();
	connect_all(&s, p, count);
	double ms = (double)(bench_now() - begin) / 1e6 / count;
	/* Wait until the last peer is idle too, so that its DTLS connection gives its buffers back. */
	run_for(s.loop, SETTLE_S);
	report("resident memory of an idle peer", count, "KiB", (settled_kib() - before) / count);
	measure_cpu(&s, count);
	report("connecting one, both ends on loopback", count, "ms", ms);
	BENCH_MUST(s.lost == 0);
}

int main(int argc, char **argv) {
	int up[2], down[2];
	bench_begin(argc, argv);
	if (!bench_wants("endpoint", "resident memory of an idle peer"))
		return bench_end();
	unsigned count = bench_is_fast() ? 20 : bench_is_large() ? PEERS_LARGE : PEERS;
	BENCH_MUST(pipe(up) == 0 && pipe(down) == 0);
	pid_t child = fork();
	BENCH_MUST(child >= 0);
	if (child == 0) {
		close(down[1]);
		close(up[0]);
		clients(&(struct pipes){.in = down[0], .out = up[1]}, count + FIRST_PEERS);
		_exit(0);
	}
	close(down[0]);
	close(up[1]);
	serve(&(struct pipes){.in = up[0], .out = down[1]}, count);
	close(down[1]);
	int status;
	BENCH_MUST(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return bench_end();
}
