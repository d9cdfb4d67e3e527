/* bench_bare_idle: what do the datagrams of idle peers cost a process that does nothing else with them?
 *
 * The limit of bench_endpoint's figure: as many datagrams of the same lengths, between one socket here and one for each peer in
 * another process, and no STUN in them. Each peer is asked once in 5 s, all that are due in 100 ms at once, and each asks once in
 * 5 s at a time of its own.
 *
 *   one call each      epoll_wait, recvfrom and sendto for each datagram, as the loop does
 *   many in one call   sendmmsg and recvmmsg for whatever there is
 *
 * CPU of this process in percent of a core: 1,000 peers, 10,000 with BENCH_LARGE=1. */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/harness.h"

#define PEERS 1000
#define PEERS_LARGE 10000
#define PERIOD_S 5
#define TICKS (10 * PERIOD_S) /* of 100 ms, in a period */
#define CHECK_LEN 108
#define ANSWER_LEN 88
#define RUN_S 10.
#define FAST_S 1.
#define MANY 64

enum { CHECK = 'R', ANSWER = 'A' };

static int udp_new(struct sockaddr_in *at) {
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof *at;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	BENCH_MUST(fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof any) == 0);
	BENCH_MUST(getsockname(fd, (struct sockaddr *)at, &len) == 0);
	return fd;
}

static void watch(int epoll, int fd, uint32_t number) {
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = number};
	BENCH_MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) == 0);
}

static int timer_new(uint64_t ns) {
	struct itimerspec every = {{(time_t)(ns / 1000000000), (long)(ns % 1000000000)},
	                           {(time_t)(ns / 1000000000), (long)(ns % 1000000000)}};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	BENCH_MUST(fd >= 0 && timerfd_settime(fd, 0, &every, NULL) == 0);
	return fd;
}

/* ---- the peers ---- */

static void peers(const int *fds, unsigned count, const struct sockaddr_in *server) {
	int epoll = epoll_create1(0), timer = timer_new(PERIOD_S * UINT64_C(1000000000) / count);
	unsigned next = 0;
	char bytes[2048] = {0};
	for (unsigned i = 0; i < count; i++) {
		BENCH_MUST(connect(fds[i], (const struct sockaddr *)server, sizeof *server) == 0);
		watch(epoll, fds[i], i);
	}
	watch(epoll, timer, count);
	for (;;) {
		struct epoll_event events[MANY];
		int n = epoll_wait(epoll, events, MANY, -1);
		for (int i = 0; i < n; i++) {
			uint64_t due = 0;
			if (events[i].data.u32 == count && read(timer, &due, sizeof due) == sizeof due) {
				for (bytes[0] = CHECK; due > 0; due--, next = (next + 1) % count)
					(void)!send(fds[next], bytes, CHECK_LEN, 0);
			} else if (events[i].data.u32 < count && recv(fds[events[i].data.u32], bytes, sizeof bytes, 0) > 0 &&
			           bytes[0] == CHECK) {
				bytes[0] = ANSWER;
				(void)!send(fds[events[i].data.u32], bytes, ANSWER_LEN, 0);
			}
		}
	}
}

/* ---- the server ---- */

struct server {
	int fd;
	unsigned count, next;
	const struct sockaddr_in *peers;
	struct mmsghdr messages[MANY];
	struct iovec iov[MANY];
	struct sockaddr_in from[MANY];
	char bytes[MANY][2048];
	uint64_t received;
};

static void put(struct server *s, unsigned i, char *bytes, size_t len, const struct sockaddr_in *addr) {
	s->iov[i] = (struct iovec){bytes, len};
	s->messages[i].msg_hdr = (struct msghdr){
		.msg_name = (void *)addr, .msg_namelen = sizeof *addr, .msg_iov = &s->iov[i], .msg_iovlen = 1};
}

static void send_all(struct server *s, unsigned n, bool many) {
	if (many && n)
		(void)!sendmmsg(s->fd, s->messages, n, 0);
	for (unsigned i = 0; !many && i < n; i++)
		(void)!sendto(s->fd, s->iov[i].iov_base, s->iov[i].iov_len, 0, s->messages[i].msg_hdr.msg_name,
		              sizeof(struct sockaddr_in));
}

static void ask(struct server *s, bool many) {
	for (unsigned left = s->count / TICKS; left > 0;) {
		unsigned n = left < MANY ? left : MANY;
		for (unsigned i = 0; i < n; i++, s->next = (s->next + 1) % s->count) {
			s->bytes[i][0] = CHECK;
			put(s, i, s->bytes[i], CHECK_LEN, &s->peers[s->next]);
		}
		send_all(s, n, many);
		left -= n;
	}
}

static int receive(struct server *s, bool many) {
	socklen_t len = sizeof *s->from;
	if (!many)
		return recvfrom(s->fd, s->bytes[0], sizeof s->bytes[0], 0, (struct sockaddr *)s->from, &len) > 0;
	for (unsigned i = 0; i < MANY; i++)
		put(s, i, s->bytes[i], sizeof s->bytes[i], &s->from[i]);
	return recvmmsg(s->fd, s->messages, MANY, 0, NULL);
}

static void answer(struct server *s, bool many) {
	int got = receive(s, many);
	unsigned n = 0;
	for (int i = 0; i < got; i++) {
		if (s->bytes[i][0] != CHECK)
			continue;
		s->bytes[i][0] = ANSWER;
		put(s, n++, s->bytes[i], ANSWER_LEN, &s->from[i]);
	}
	s->received += got > 0 ? (uint64_t)got : 0;
	send_all(s, n, many);
}

static double cpu_s(void) {
	struct rusage u;
	BENCH_MUST(getrusage(RUSAGE_SELF, &u) == 0);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double serve(struct server *s, bool many, double seconds) {
	int epoll = epoll_create1(0), timer = timer_new(100000000);
	watch(epoll, s->fd, 0);
	watch(epoll, timer, 1);
	double before = cpu_s();
	uint64_t end = bench_now() + (uint64_t)(seconds * 1e9), received = s->received;
	while (bench_now() < end) {
		struct epoll_event events[2];
		uint64_t due;
		int n = epoll_wait(epoll, events, 2, 100);
		for (int i = 0; i < n; i++) {
			if (events[i].data.u32 == 0)
				answer(s, many);
			else if (read(timer, &due, sizeof due) == sizeof due)
				ask(s, many);
		}
	}
	BENCH_MUST((double)(s->received - received) > s->count / (double)PERIOD_S * seconds); /* answers and checks came */
	close(epoll);
	close(timer);
	return (cpu_s() - before) / seconds * 100;
}

static void measure(struct server *s, const char *way, bool many) {
	char name[96];
	snprintf(name, sizeof name, "CPU, %s%s", way, s->count == PEERS_LARGE ? ", 10,000 peers" : "");
	double value = serve(s, many, bench_is_fast() ? FAST_S : RUN_S);
	bench_report(&(struct bench_figure){.bench = "bare_idle", .name = name, .unit = "%", .values = &value, .count = 1});
}

int main(int argc, char **argv) {
	bench_begin(argc, argv);
	if (!bench_wants("bare_idle", "CPU, one call each"))
		return bench_end();
	unsigned count = bench_is_fast() ? 100 : bench_is_large() ? PEERS_LARGE : PEERS;
	struct rlimit files = {count + 64, count + 64};
	BENCH_MUST(setrlimit(RLIMIT_NOFILE, &files) == 0);
	struct sockaddr_in at, *addrs = calloc(count, sizeof *addrs);
	int *fds = calloc(count, sizeof *fds);
	struct server *s = calloc(1, sizeof *s);
	BENCH_MUST(addrs && fds && s);
	*s = (struct server){.fd = udp_new(&at), .count = count, .peers = addrs};
	for (unsigned i = 0; i < count; i++)
		fds[i] = udp_new(&addrs[i]);
	pid_t child = fork();
	BENCH_MUST(child >= 0);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		peers(fds, count, &at);
	}
	for (unsigned i = 0; i < count; i++)
		close(fds[i]);
	measure(s, "one call each", false);
	measure(s, "many in one call", true);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	free(s);
	free(fds);
	free(addrs);
	return bench_end();
}
