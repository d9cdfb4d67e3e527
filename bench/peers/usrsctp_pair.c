/* usrsctp: the work of bench/peers on libusrsctp over UDP sockets, without DTLS and without ICE: what its SCTP alone can do. Each
 * end is a process; a thread of each reads its socket, and usrsctp's own thread has the timers. The sockets are on 127.0.0.1, or
 * on PEER_HERE and PEER_THERE where there is a line. The answering end is this program again, called with "--answer FD ECHO".
 *
 *   usrsctp_pair bulk SIZE SECONDS [unreliable] | ping SIZE SECONDS
 *
 * Prints one line of JSON, as bench/peers/README.md says. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <usrsctp.h>

#include "peer_exec.h"

#define PORT 5000
#define PACKET 1188 /* as browsers send */
#define MESSAGE_MAX 65536
#define TRIPS_MAX 4000000

struct totals {
	uint64_t received, bytes, first, last;
};

static int wire = -1;

static void must(bool good, const char *what) {
	if (good)
		return;
	perror(what);
	exit(1);
}

static uint64_t now_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int to_wire(void *address, void *packet, size_t len, uint8_t tos, uint8_t df) {
	(void)address, (void)tos, (void)df;
	return send(wire, packet, len, 0) < 0 ? errno : 0;
}

static void *from_wire(void *address) {
	static uint8_t packet[65536];
	for (ssize_t got; (got = recv(wire, packet, sizeof packet, 0)) >= 0 || errno == ECONNREFUSED || errno == EINTR;)
		if (got > 0)
			usrsctp_conninput(address, packet, (size_t)got, 0);
	return NULL;
}

/* The CRC stays on: there is no DTLS below that would check the bytes. */
static struct socket *start(int fd) {
	static pthread_t reader;
	wire = fd;
	usrsctp_init(0, to_wire, NULL);
	usrsctp_sysctl_set_sctp_ecn_enable(0);
	usrsctp_sysctl_set_sctp_asconf_enable(0);
	usrsctp_sysctl_set_sctp_auth_enable(0);
	usrsctp_register_address(&wire);
	struct socket *s = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);
	must(s, "usrsctp_socket");
	int on = 1, buffer = 1 << 20;
	must(usrsctp_setsockopt(s, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof on) == 0, "SCTP_NODELAY");
	must(usrsctp_setsockopt(s, IPPROTO_SCTP, SCTP_EXPLICIT_EOR, &on, sizeof on) == 0, "SCTP_EXPLICIT_EOR");
	must(usrsctp_setsockopt(s, IPPROTO_SCTP, SCTP_RECVRCVINFO, &on, sizeof on) == 0, "SCTP_RECVRCVINFO");
	must(usrsctp_setsockopt(s, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer) == 0, "SO_SNDBUF");
	must(usrsctp_setsockopt(s, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer) == 0, "SO_RCVBUF");
	struct sctp_paddrparams path = {.spp_address.ss_family = AF_CONN, .spp_flags = SPP_PMTUD_DISABLE, .spp_pathmtu = PACKET};
	must(usrsctp_setsockopt(s, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &path, sizeof path) == 0, "SCTP_PEER_ADDR_PARAMS");
	must(pthread_create(&reader, NULL, from_wire, &wire) == 0, "pthread_create");
	struct sockaddr_conn here = {.sconn_family = AF_CONN, .sconn_port = htons(PORT), .sconn_addr = &wire};
	must(usrsctp_bind(s, (struct sockaddr *)&here, sizeof here) == 0, "usrsctp_bind");
	return s;
}

static struct socket *offerer_open(int fd) {
	struct socket *s = start(fd);
	struct sockaddr_conn there = {.sconn_family = AF_CONN, .sconn_port = htons(PORT), .sconn_addr = &wire};
	must(usrsctp_connect(s, (struct sockaddr *)&there, sizeof there) == 0, "usrsctp_connect");
	return s;
}

static void message_send(struct socket *s, const void *data, size_t len, bool unreliable) {
	struct sctp_sendv_spa spa = {.sendv_flags = SCTP_SEND_SNDINFO_VALID, .sendv_sndinfo.snd_flags = SCTP_EOR};
	if (unreliable) {
		spa.sendv_flags |= SCTP_SEND_PRINFO_VALID;
		spa.sendv_sndinfo.snd_flags |= SCTP_UNORDERED;
		spa.sendv_prinfo.pr_policy = SCTP_PR_SCTP_RTX;
	}
	for (size_t done = 0; done < len;) {
		ssize_t took = usrsctp_sendv(s, (const char *)data + done, len - done, NULL, 0, &spa, sizeof spa, SCTP_SENDV_SPA,
		                             0);
		must(took > 0, "usrsctp_sendv");
		done += (size_t)took;
	}
}

/* One whole message; its length, 0 at the end. */
static size_t message_receive(struct socket *s, uint8_t *into) {
	size_t len = 0;
	for (int flags = 0; !(flags & MSG_EOR); flags = flags & MSG_EOR) {
		struct sctp_rcvinfo info;
		socklen_t info_len = sizeof info, from_len = 0;
		unsigned kind;
		ssize_t got = usrsctp_recvv(s, into + len, MESSAGE_MAX - len, NULL, &from_len, &info, &info_len, &kind, &flags);
		if (got <= 0)
			return 0;
		len += (size_t)got;
		if (flags & MSG_EOR)
			return len;
	}
	return len;
}

/* ---- UDP: each end has a socket, and tells the other its port over the line between the processes ---- */

static struct sockaddr_in address_of(const char *variable, uint16_t port) {
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = port};
	const char *text = getenv(variable);
	must(inet_pton(AF_INET, text ? text : "127.0.0.1", &a.sin_addr) == 1, variable);
	return a;
}

static int udp_socket(int line, const char *here, const char *there) {
	int fd = socket(AF_INET, SOCK_DGRAM, 0), buffer = 4 << 20;
	struct sockaddr_in own = address_of(here, 0);
	socklen_t len = sizeof own;
	uint16_t port;
	must(fd >= 0 && bind(fd, (struct sockaddr *)&own, sizeof own) == 0, "bind");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
	must(getsockname(fd, (struct sockaddr *)&own, &len) == 0, "getsockname");
	must(write(line, &own.sin_port, sizeof port) == sizeof port && read(line, &port, sizeof port) == sizeof port, "line");
	struct sockaddr_in other = address_of(there, port);
	must(connect(fd, (struct sockaddr *)&other, sizeof other) == 0, "connect");
	return fd;
}

/* ---- the two ends ---- */

/* Takes what comes until the offerer closes the association, and writes what came to the line. */
static void answerer(int line, bool echo) {
	static uint8_t message[MESSAGE_MAX];
	struct socket *listener = start(udp_socket(line, "PEER_THERE", "PEER_HERE"));
	must(usrsctp_listen(listener, 1) == 0, "usrsctp_listen");
	must(write(line, "r", 1) == 1, "line");
	struct socket *s = usrsctp_accept(listener, NULL, NULL);
	must(s, "usrsctp_accept");
	struct totals t = {0};
	for (size_t len; (len = message_receive(s, message)) > 0;) {
		if (echo)
			message_send(s, message, len, false);
		t.last = now_ns();
		t.first = t.first ? t.first : t.last;
		t.received++;
		t.bytes += len;
	}
	must(write(line, &t, sizeof t) == sizeof t, "line");
	_exit(0);
}

struct pair {
	pid_t child;
	int line; /* to the child */
	struct socket *s;
};

static pid_t answerer_start(int line, int own, bool echo) {
	char number[12];
	pid_t child = fork();
	must(child >= 0, "fork");
	if (child > 0)
		return child;
	close(own);
	snprintf(number, sizeof number, "%d", line);
	peer_exec((char *[]){"--answer", number, echo ? "1" : "0", NULL});
}

static struct pair pair_open(bool echo) {
	struct pair p;
	int line[2];
	char ready;
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, line) == 0, "socketpair");
	p.child = answerer_start(line[1], line[0], echo);
	close(line[1]);
	p.line = line[0];
	int fd = udp_socket(p.line, "PEER_HERE", "PEER_THERE");
	must(read(p.line, &ready, 1) == 1, "line");
	p.s = offerer_open(fd);
	return p;
}

static struct totals pair_close(struct pair *p) {
	struct totals t = {0};
	usrsctp_shutdown(p->s, SHUT_WR);
	must(read(p->line, &t, sizeof t) == sizeof t, "line");
	waitpid(p->child, NULL, 0);
	return t;
}

static void say(const char *mode, const char *more) {
	printf("{\"stack\":\"usrsctp (no DTLS)\",\"version\":\"%s\",\"mode\":\"%s\",%s}\n", USRSCTP_VERSION, mode, more);
}

static void bulk(size_t size, double seconds, bool unreliable) {
	static uint8_t message[MESSAGE_MAX];
	struct pair p = pair_open(false);
	uint64_t sent = 0, end = now_ns() + (uint64_t)(seconds * 1e9);
	for (; now_ns() < end; sent++)
		message_send(p.s, message, size, unreliable);
	struct totals t = pair_close(&p);
	char line[256];
	snprintf(line, sizeof line,
	         "\"size\":%zu,\"reliable\":%s,\"sent\":%llu,\"received\":%llu,\"bytes\":%llu,\"seconds\":%.6f", size,
	         unreliable ? "false" : "true", (unsigned long long)sent, (unsigned long long)t.received,
	         (unsigned long long)t.bytes, (double)(t.last - t.first) / 1e9);
	say("bulk", line);
}

static int by_time(const void *a, const void *b) {
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static void ping(size_t size, double seconds) {
	static uint8_t message[MESSAGE_MAX];
	static uint64_t trips[TRIPS_MAX];
	struct pair p = pair_open(true);
	size_t count = 0;
	for (uint64_t end = now_ns() + (uint64_t)(seconds * 1e9), begin; (begin = now_ns()) < end && count < TRIPS_MAX; count++) {
		message_send(p.s, message, size, false);
		must(message_receive(p.s, message) == size, "echo");
		trips[count] = now_ns() - begin;
	}
	pair_close(&p);
	qsort(trips, count, sizeof *trips, by_time);
	char line[256];
	snprintf(line, sizeof line, "\"size\":%zu,\"count\":%zu,\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f", size, count,
	         (double)trips[count / 2] / 1e3, (double)trips[count * 99 / 100] / 1e3, (double)trips[count * 999 / 1000] / 1e3);
	say("ping", line);
}

/* SIZE is a message of 1 to MESSAGE_MAX bytes. */
int main(int argc, char **argv) {
	signal(SIGPIPE, SIG_IGN);
	size_t size = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	double seconds = argc > 3 ? strtod(argv[3], NULL) : 0;
	bool good = size >= 1 && size <= MESSAGE_MAX && seconds > 0;
	if (argc == 4 && strcmp(argv[1], "--answer") == 0)
		answerer(atoi(argv[2]), *argv[3] == '1');
	else if (good && strcmp(argv[1], "bulk") == 0)
		bulk(size, seconds, argc > 4);
	else if (good && strcmp(argv[1], "ping") == 0)
		ping(size, seconds);
	else if (argc > 1 && strcmp(argv[1], "open") == 0)
		return 3; /* an association alone is no channel */
	else
		return fprintf(stderr, "usage: usrsctp_pair bulk SIZE SECONDS [unreliable] | ping SIZE SECONDS\n"), 2;
	fflush(stdout);
	_exit(0);
}
