/* bare_echo.c: two sockets, and the few calls that an echo needs. */
#include "bare_echo.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "harness.h"

#define LONGEST_WAIT 5000 /* ms */

static int bound_socket(struct sockaddr_in *address) {
	socklen_t len = sizeof *address;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	*address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	BENCH_MUST(fd >= 0 && bind(fd, (struct sockaddr *)address, len) == 0);
	BENCH_MUST(getsockname(fd, (struct sockaddr *)address, &len) == 0);
	return fd;
}

void bare_echo_sockets(int fds[2]) {
	struct sockaddr_in a, b;
	fds[0] = bound_socket(&a);
	fds[1] = bound_socket(&b);
	BENCH_MUST(connect(fds[0], (struct sockaddr *)&b, sizeof b) == 0);
	BENCH_MUST(connect(fds[1], (struct sockaddr *)&a, sizeof a) == 0);
}

void bare_echo_open(struct bare_echo *e, int fd, struct openssl_end *end, bool spins) {
	struct epoll_event in = {.events = EPOLLIN};
	*e = (struct bare_echo){.fd = fd, .epoll = epoll_create1(EPOLL_CLOEXEC), .spins = spins, .end = end};
	BENCH_MUST(e->epoll >= 0 && epoll_ctl(e->epoll, EPOLL_CTL_ADD, fd, &in) == 0);
}

void bare_echo_close(struct bare_echo *e) {
	close(e->epoll);
}

void bare_echo_send(struct bare_echo *e, const uint8_t *message) {
	uint8_t record[BARE_ECHO_MESSAGE + 128];
	size_t len = openssl_seal(e->end, message, BARE_ECHO_MESSAGE, record, sizeof record);
	BENCH_MUST(send(e->fd, record, len, 0) == (ssize_t)len);
}

static ssize_t wait_and_read(struct bare_echo *e, uint8_t *record, size_t room) {
	struct epoll_event in;
	ssize_t len;
	if (!e->spins) {
		BENCH_MUST(epoll_wait(e->epoll, &in, 1, LONGEST_WAIT) == 1);
		return recv(e->fd, record, room, 0);
	}
	do
		len = recv(e->fd, record, room, MSG_DONTWAIT);
	while (len < 0 && errno == EAGAIN);
	return len;
}

void bare_echo_receive(struct bare_echo *e, uint8_t *message) {
	uint8_t record[2048];
	ssize_t len = wait_and_read(e, record, sizeof record);
	BENCH_MUST(len > 0);
	BENCH_MUST(openssl_open(e->end, record, (size_t)len, message, BARE_ECHO_MESSAGE) == BARE_ECHO_MESSAGE);
}
