/* phases.c: the five calls, and the time between them. */
#include "phases.h"

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"
#include "sim/sorted.h"

#define VISIBLE __attribute__((visibility("default")))

static struct phases *into;
static uint64_t woken_at, read_at; /* 0: that has been counted */

void phases_into(struct phases *p) {
	into = p;
	woken_at = read_at = 0;
}

double phases_median(struct phases *p, enum phase phase) {
	size_t count = p->count[phase];
	if (!count)
		return 0;
	sorted_doubles(p->us[phase], count);
	return p->us[phase][count / 2];
}

static void add(enum phase phase, uint64_t from, uint64_t to) {
	if (from && into->count[phase] < PHASES_MAX)
		into->us[phase][into->count[phase]++] = (double)(to - from) / 1e3;
}

static uint64_t clock_of_ours(void) {
	return into ? bench_now() : 0;
}

/* A call that began at `from` brought `bytes`. */
static ssize_t after_read(uint64_t from, ssize_t bytes) {
	if (!into || bytes < 0)
		return bytes;
	read_at = bench_now();
	add(PHASE_WOKEN, woken_at, from);
	add(PHASE_READ, from, read_at);
	woken_at = 0;
	return bytes;
}

static ssize_t after_send(uint64_t from, ssize_t bytes) {
	if (!into)
		return bytes;
	add(PHASE_WORK, read_at, from);
	add(PHASE_SEND, from, bench_now());
	read_at = 0;
	return bytes;
}

VISIBLE int epoll_wait(int fd, struct epoll_event *events, int max, int timeout) {
	int count = (int)syscall(SYS_epoll_wait, fd, events, max, timeout);
	woken_at = clock_of_ours();
	return count;
}

VISIBLE ssize_t recv(int fd, void *data, size_t room, int flags) {
	uint64_t from = clock_of_ours();
	return after_read(from, syscall(SYS_recvfrom, fd, data, room, flags, NULL, NULL));
}

VISIBLE ssize_t recvmsg(int fd, struct msghdr *m, int flags) {
	uint64_t from = clock_of_ours();
	return after_read(from, syscall(SYS_recvmsg, fd, m, flags));
}

VISIBLE ssize_t send(int fd, const void *data, size_t len, int flags) {
	uint64_t from = clock_of_ours();
	return after_send(from, syscall(SYS_sendto, fd, data, len, flags, NULL, 0));
}

VISIBLE ssize_t sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to, socklen_t to_len) {
	uint64_t from = clock_of_ours();
	return after_send(from, syscall(SYS_sendto, fd, data, len, flags, to, to_len));
}
