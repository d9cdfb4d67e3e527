/* bench_bare_echo: how long does a message of 1,024 bytes take there and back, with DTLS, epoll and nothing above them?
 *
 * The reference for sluice perf --ping: two pinned processes, each of which waits in epoll_wait for one connected UDP socket,
 * OpenSSL's DTLS 1.2 records (AES-128-GCM), one datagram a message. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "fork_pair.h"
#include "harness.h"
#include "openssl_pair.h"
#include "sim/sorted.h"

#define MESSAGE 1024
#define RUNS 5
#define ROUND_TRIPS 20000
#define FAST_ROUND_TRIPS 1000
#define WARM_UP 1000
#define LIMIT_S 30

struct shared {
	double p50, p99, p999; /* us */
};

struct echo_run {
	struct openssl_pair pair;
	int tx, rx;
	size_t round_trips;
	struct shared *shared;
};

/* One connected socket, its epoll, and the end of the DTLS connection behind it. */
struct side {
	int fd, epoll;
	struct openssl_end *end;
};

/* ---- one side ---------------------------------------------------------------------------------------------------- */

static struct side side_of(int fd, struct openssl_end *end) {
	struct side s = {.fd = fd, .epoll = epoll_create1(0), .end = end};
	struct epoll_event e = {.events = EPOLLIN};
	BENCH_MUST(s.epoll >= 0 && epoll_ctl(s.epoll, EPOLL_CTL_ADD, fd, &e) == 0);
	return s;
}

static void send_message(struct side *s, const uint8_t *message) {
	uint8_t record[MESSAGE + 128];
	size_t len = openssl_seal(s->end, message, MESSAGE, record, sizeof record);
	BENCH_MUST(send(s->fd, record, len, 0) == (ssize_t)len);
}

static void receive_message(struct side *s, uint8_t *message) {
	uint8_t record[2048];
	struct epoll_event e;
	BENCH_MUST(epoll_wait(s->epoll, &e, 1, 1000) == 1);
	ssize_t len = recv(s->fd, record, sizeof record, 0);
	BENCH_MUST(len > 0);
	BENCH_MUST(openssl_open(s->end, record, (size_t)len, message, MESSAGE) == MESSAGE);
}

/* ---- the two processes ------------------------------------------------------------------------------------------- */

static void echo_server(void *ctx) {
	struct echo_run *r = ctx;
	struct side s = side_of(r->rx, &r->pair.server);
	uint8_t message[MESSAGE];
	for (size_t i = 0; i < r->round_trips + WARM_UP; i++) {
		receive_message(&s, message);
		send_message(&s, message);
	}
}

static void echo_client(void *ctx) {
	struct echo_run *r = ctx;
	struct side s = side_of(r->tx, &r->pair.client);
	uint8_t message[MESSAGE] = {0}, back[MESSAGE];
	double *us = calloc(r->round_trips, sizeof *us);
	BENCH_MUST(us);
	for (size_t i = 0; i < r->round_trips + WARM_UP; i++) {
		uint64_t start = bench_now();
		memcpy(message, &i, sizeof i);
		send_message(&s, message);
		receive_message(&s, back);
		if (i >= WARM_UP)
			us[i - WARM_UP] = (double)(bench_now() - start) / 1e3;
		BENCH_MUST(memcmp(message, back, MESSAGE) == 0);
	}
	sorted_doubles(us, r->round_trips);
	r->shared->p50 = us[r->round_trips / 2];
	r->shared->p99 = us[r->round_trips * 99 / 100];
	r->shared->p999 = us[r->round_trips * 999 / 1000];
	free(us);
}

/* ---- runs -------------------------------------------------------------------------------------------------------- */

static int bound_socket(struct sockaddr_in *address) {
	socklen_t len = sizeof *address;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	*address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	BENCH_MUST(fd >= 0 && bind(fd, (struct sockaddr *)address, len) == 0);
	BENCH_MUST(getsockname(fd, (struct sockaddr *)address, &len) == 0);
	return fd;
}

static void run_once(struct shared *shared) {
	struct echo_run r = {.shared = shared, .round_trips = bench_is_fast() ? FAST_ROUND_TRIPS : ROUND_TRIPS};
	struct sockaddr_in tx, rx;
	openssl_pair_open(&r.pair, OPENSSL_AES128_GCM);
	r.tx = bound_socket(&tx);
	r.rx = bound_socket(&rx);
	BENCH_MUST(connect(r.tx, (struct sockaddr *)&rx, sizeof rx) == 0);
	BENCH_MUST(connect(r.rx, (struct sockaddr *)&tx, sizeof tx) == 0);
	fork_pair_run(echo_client, echo_server, &r, LIMIT_S);
	close(r.tx);
	close(r.rx);
	openssl_pair_close(&r.pair);
}

static double median(double *values, size_t count) {
	sorted_doubles(values, count);
	return values[count / 2];
}

int main(int argc, char **argv) {
	double p50[RUNS], p99[RUNS], p999[RUNS];
	char extra[160];
	bench_begin(argc, argv);
	size_t runs = bench_is_fast() ? 1 : RUNS;
	if (!bench_wants("bare_echo", "1024 bytes"))
		return bench_end();
	struct shared *shared = fork_pair_shared(sizeof *shared);
	for (size_t i = 0; i < runs; i++) {
		run_once(shared);
		p50[i] = shared->p50;
		p99[i] = shared->p99;
		p999[i] = shared->p999;
	}
	fork_pair_unshare(shared, sizeof *shared);
	snprintf(extra, sizeof extra, "\"p50_us\":%.2f,\"p99_us\":%.2f,\"p999_us\":%.2f", median(p50, runs), median(p99, runs),
	         median(p999, runs));
	bench_report(&(struct bench_figure){
		.bench = "bare_echo", .name = "1024 bytes", .unit = "us", .values = p50, .count = runs, .extra = extra});
	return bench_end();
}
