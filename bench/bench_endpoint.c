/* bench_endpoint: what does an idle peer cost a server that has a thousand of them on one UDP port?
 *
 * The clients live in a process of their own, so that the resident memory of this one is the server's. Each connects over
 * loopback, opens one channel and sends one message; then nothing happens. Reported: memory for each idle peer (resident growth
 * over the number of peers), and how long the thousand took to connect, one after the other. */
#include <ev.h>
#include <malloc.h>
#ifdef SLUICE_MIMALLOC
#include <mimalloc.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/harness.h"
#include "sluice.h"

#include <netinet/in.h>

#define PEERS 1000
#define SETTLE_S 4.

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
	uint32_t got = get_text(p, sdp, sizeof sdp);
	BENCH_MUST(got && sluice_peer_set_remote_description(peer, SLUICE_SDP_ANSWER, sdp, got) == 0);
	sluice_loop_run(loop);
}

static void clients(const struct pipes *p, unsigned count) {
	sluice_env *env;
	sluice_loop *loop;
	sluice_peer_config config;
	sluice_peer_config_init(&config);
	config.ice.consent_interval = 1000 * SLUICE_S; /* idle means idle */
	config.ice.disconnected_after = config.ice.failed_after = 3000 * SLUICE_S;
	BENCH_MUST(sluice_env_new(NULL, &env) == 0 && sluice_loop_new(env, NULL, &loop) == 0);
	BENCH_MUST(sluice_certificate_generate(&config.certificate) == 0);
	for (unsigned i = 0; i < count; i++)
		call(env, loop, &config, p);
	char byte;
	BENCH_MUST(read(p->in, &byte, 1) == 0); /* until the server has measured */
}

/* ---- the server ---- */

struct server {
	sluice_loop *loop;
	unsigned heard;
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

static void answer(sluice_env *env, sluice_endpoint *endpoint, const sluice_peer_config *config, const struct pipes *p) {
	static char sdp[SLUICE_SDP_MAX];
	sluice_peer *peer;
	uint32_t got = get_text(p, sdp, sizeof sdp);
	BENCH_MUST(got && sluice_peer_new(env, config, &peer) == 0 && sluice_endpoint_add(endpoint, peer) == 0);
	BENCH_MUST(sluice_peer_set_remote_description(peer, SLUICE_SDP_OFFER, sdp, got) == 0);
	BENCH_MUST(sluice_peer_set_local_description(peer, 0, NULL) == 0);
	int len = sluice_peer_local_description(peer, NULL, sdp, sizeof sdp);
	BENCH_MUST(len > 0);
	put_text(p, sdp, (uint32_t)len);
}

/* Gives free memory back to the system: the allocator may keep it, but it does not belong to the peers. */
static void give_back_what_is_free(void) {
#ifdef SLUICE_MIMALLOC
	mi_collect(true);
#endif
	malloc_trim(0);
}

static void on_time(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	sluice_loop_stop(w->data);
}

static void serve(const struct pipes *p, unsigned count) {
	struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	sluice_endpoint_config endpoint_config = {.size = sizeof endpoint_config, .loopback = true};
	sluice_peer_config config;
	sluice_endpoint *endpoint;
	sluice_env *env;
	struct server s = {0};
	endpoint_config.socket.local = (struct sockaddr *)&local;
	endpoint_config.socket.local_len = sizeof local;
	sluice_peer_config_init(&config);
	config.on_channel = on_channel;
	config.user = &s;
	config.ice.consent_interval = 1000 * SLUICE_S;
	config.ice.disconnected_after = config.ice.failed_after = 3000 * SLUICE_S;
	BENCH_MUST(sluice_certificate_generate(&config.certificate) == 0);
	BENCH_MUST(sluice_env_new(NULL, &env) == 0 && sluice_loop_new(env, NULL, &s.loop) == 0);
	BENCH_MUST(sluice_endpoint_new(s.loop, &endpoint_config, &endpoint) == 0);
	double before = resident_kib();
	uint64_t begin = bench_now();
	for (unsigned i = 0; i < count; i++) {
		answer(env, endpoint, &config, p);
		while (s.heard <= i)
			sluice_loop_run(s.loop);
	}
	double ms = (double)(bench_now() - begin) / 1e6 / count;
	/* Wait until the last peer is idle too, so that its DTLS connection gives its buffers back. */
	ev_timer timer;
	ev_timer_init(&timer, on_time, SETTLE_S, 0.);
	timer.data = s.loop;
	ev_timer_start(sluice_loop_ev(s.loop), &timer);
	sluice_loop_run(s.loop);
	give_back_what_is_free();
	double each = (resident_kib() - before) / count;
	bench_report(&(struct bench_figure){
		.bench = "endpoint", .name = "resident memory of an idle peer", .unit = "KiB", .values = &each, .count = 1});
	bench_report(&(struct bench_figure){
		.bench = "endpoint", .name = "connecting one, both ends on loopback", .unit = "ms", .values = &ms, .count = 1});
}

int main(int argc, char **argv) {
	int up[2], down[2];
	bench_begin(argc, argv);
	if (!bench_wants("endpoint", "resident memory of an idle peer"))
		return bench_end();
	unsigned count = bench_is_fast() ? 20 : PEERS;
	BENCH_MUST(pipe(up) == 0 && pipe(down) == 0);
	pid_t child = fork();
	BENCH_MUST(child >= 0);
	if (child == 0) {
		close(down[1]);
		close(up[0]);
		clients(&(struct pipes){.in = down[0], .out = up[1]}, count);
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
