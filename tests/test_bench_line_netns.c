/* Does a real line, between two network namespaces, carry as it says? Only what no busy machine can break is asserted: a packet
 * never comes early, no more comes than the rate and the queue allow, and the dice lose the same packets in each run. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "line/carry.h"
#include "suite.h"

#define MS UINT64_C(1000000)
#define PAYLOAD 1222 /* with the headers of UDP and IP: 1250 bytes, 1 ms at 10 Mbit/s */
#define LIMIT_MS 20000

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

static struct line_ends ends;
static struct line *line; /* shared with the process that carries */
static int sockets[2], stop;
static pid_t carrier;
static struct line_counters counted; /* of A to B, once the line is finished */

static uint64_t now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 * MS + (uint64_t)t.tv_nsec;
}

/* ---- a line, and a socket at each end that talks to the other ---- */

static int socket_at(int end) {
	int buffer = 1 << 20, fd;
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(5000)};
	ck_assert(line_ends_enter(&ends, end));
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	inet_pton(AF_INET, line_addresses[end], &a.sin_addr);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	inet_pton(AF_INET, line_addresses[!end], &a.sin_addr);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
	return fd;
}

static void begin(struct line_config config) {
	int pipe_ends[2];
	ck_assert_ptr_null(line_ends_open(&ends, true));
	line = mmap(NULL, sizeof *line, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert(line != MAP_FAILED && line_open(line, &ends, &config));
	ck_assert_int_eq(pipe(pipe_ends), 0);
	for (int i = 0; i < 2; i++)
		sockets[i] = socket_at(i);
	carrier = fork();
	ck_assert_int_ge(carrier, 0);
	if (carrier == 0) {
		close(pipe_ends[1]);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		line_hurry(LINE_ITSELF);
		_exit(line_carry(line, pipe_ends[0], now() + 120000 * MS) ? 0 : 1);
	}
	close(pipe_ends[0]);
	stop = pipe_ends[1];
}

static void finish(void) {
	int status;
	close(stop);
	ck_assert_int_eq(waitpid(carrier, &status, 0), carrier);
	ck_assert_int_eq(status, 0);
	for (int i = 0; i < 2; i++)
		close(sockets[i]);
	counted = line->ways[LINE_A].counters;
	line_close(line);
	munmap(line, sizeof *line);
	line_ends_close(&ends);
}

static void send_number(uint32_t number) {
	uint8_t packet[PAYLOAD] = {0};
	memcpy(packet, &number, sizeof number);
	ck_assert_int_eq(send(sockets[LINE_A], packet, sizeof packet, 0), (ssize_t)sizeof packet);
}

/* The number of the next packet that comes to B; false: none came for so long. */
static bool receive_number(uint32_t *number, int patience_ms) {
	uint8_t packet[2048];
	struct pollfd fd = {sockets[LINE_B], POLLIN, 0};
	if (poll(&fd, 1, patience_ms) != 1)
		return false;
	ck_assert_int_eq(recv(sockets[LINE_B], packet, sizeof packet, 0), PAYLOAD);
	memcpy(number, packet, sizeof *number);
	return true;
}

/* As long as some of what was sent is under way. What the line counts is written to the socket at once. */
static bool receive_next(uint32_t *number, uint64_t sent) {
	const struct line_counters *c = &line->ways[LINE_A].counters;
	while (c->carried + c->lost + c->dropped < sent)
		if (receive_number(number, 5))
			return true;
	return receive_number(number, 300);
}

/* ---- tests ---- */

START_TEST(test_a_round_trip_takes_the_round_trip_time) {
	char byte = 'x';
	struct pollfd back = {0};
	begin((struct line_config){.rate = 100000000, .delay = 30 * MS});
	for (int i = 0; i < 3; i++) {
		uint64_t sent = now();
		ck_assert_int_eq(send(sockets[LINE_A], &byte, 1, 0), 1);
		ck_assert_int_eq(recv(sockets[LINE_B], &byte, 1, 0), 1);
		ck_assert_uint_ge(now() - sent, 30 * MS);
		ck_assert_int_eq(send(sockets[LINE_B], &byte, 1, 0), 1);
		back = (struct pollfd){sockets[LINE_A], POLLIN, 0};
		ck_assert_int_eq(poll(&back, 1, LIMIT_MS), 1);
		ck_assert_int_eq(recv(sockets[LINE_A], &byte, 1, 0), 1);
		ck_assert_uint_ge(now() - sent, 60 * MS);
	}
	finish();
}
END_TEST

START_TEST(test_packets_come_no_faster_than_the_rate_and_in_order) {
	uint32_t number;
	begin((struct line_config){.rate = 10000000, .delay = MS, .queue = 1000000});
	uint64_t sent = now();
	for (uint32_t i = 0; i < 200; i++)
		send_number(i);
	for (uint32_t i = 0; i < 200; i++) {
		ck_assert(receive_number(&number, LIMIT_MS));
		ck_assert_uint_eq(number, i);
		ck_assert_uint_ge(now() - sent, (i + 2) * MS);
	}
	finish();
	ck_assert_uint_eq(counted.dropped, 0);
}
END_TEST

/* Fewer than a device holds for a user who may not make it hold more. */
START_TEST(test_the_queue_holds_what_it_holds) {
	uint32_t number, came = 0;
	begin((struct line_config){.rate = 10000000, .delay = 20 * MS, .queue = 20 * 1250});
	uint64_t begun = now(), last = begun;
	for (uint32_t i = 0; i < 400; i++)
		send_number(i);
	for (; receive_next(&number, 400); came++)
		last = now();
	finish();
	/* One leaves each millisecond. */
	ck_assert_uint_ge(came, 20);
	ck_assert_uint_le(came, 21 + (last - begun) / MS);
	ck_assert_uint_le(counted.longest_queue, 20 * 1250);
	ck_assert_uint_eq(counted.carried, came);
	ck_assert_uint_eq(counted.offered, 400);
	ck_assert_uint_eq(counted.dropped, 400 - came);
}
END_TEST

/* Which of 1,000 packets come. */
static void play(uint64_t seed, uint8_t came[1000]) {
	uint32_t number;
	memset(came, 0, 1000);
	begin((struct line_config){.rate = 1000000000, .queue = 10000000, .loss = 0.1, .seed = seed});
	for (uint32_t i = 0; i < 1000; i++) {
		send_number(i);
		/* The socket has room for some hundreds. */
		while (receive_number(&number, i % 50 == 49 ? 10 : 0))
			came[number] = 1;
	}
	while (receive_next(&number, 1000))
		came[number] = 1;
	finish();
}

START_TEST(test_the_dice_lose_the_same_packets_in_each_run) {
	static uint8_t first[1000], again[1000], other[1000];
	unsigned lost = 0;
	play(3, first);
	play(3, again);
	play(4, other);
	for (int i = 0; i < 1000; i++)
		lost += !first[i];
	ck_assert_uint_ge(lost, 60);
	ck_assert_uint_le(lost, 140);
	ck_assert_mem_eq(first, again, sizeof first);
	ck_assert_mem_ne(first, other, sizeof first);
}
END_TEST

/* Sixteen packets by one call, of which some are lost: the others come one by one, each whole. */
START_TEST(test_a_train_comes_as_its_packets) {
	static uint8_t train[16 * PAYLOAD];
	uint32_t number, count = 0;
	int size = PAYLOAD;
	begin((struct line_config){.rate = 10000000, .delay = MS, .queue = 1000000, .loss = 0.2, .seed = 5});
	if (setsockopt(sockets[LINE_A], IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size) == 0) {
		for (uint32_t i = 0; i < 16; i++)
			memcpy(train + i * PAYLOAD, &i, sizeof i);
		uint64_t sent = now();
		ck_assert_int_eq(send(sockets[LINE_A], train, sizeof train, 0), (ssize_t)sizeof train);
		for (; receive_next(&number, 16); count++) {
			ck_assert_uint_ge(number, count);
			ck_assert_uint_lt(number, 16);
			ck_assert_uint_ge(now() - sent, (number + 2) * MS);
		}
	}
	finish();
	ck_assert_uint_eq(counted.lost + count, counted.offered);
	ck_assert(counted.offered == 0 || (counted.offered == 16 && counted.lost > 0));
}
END_TEST

/* ---- */

static const char *why_not(void) {
	static char text[256];
	int pipe_ends[2];
	ssize_t n;
	if (pipe(pipe_ends))
		return strerror(errno);
	if (fork() == 0) {
		const char *wrong = line_ends_open(&ends, true);
		_exit(wrong && write(pipe_ends[1], wrong, strlen(wrong)) > 0);
	}
	close(pipe_ends[1]);
	wait(NULL);
	n = read(pipe_ends[0], text, sizeof text - 1);
	close(pipe_ends[0]);
	return n > 0 ? text : NULL;
}

int main(int argc, char **argv) {
	const TTest *tests[] = {test_a_round_trip_takes_the_round_trip_time,
	                        test_packets_come_no_faster_than_the_rate_and_in_order, test_the_queue_holds_what_it_holds,
	                        test_the_dice_lose_the_same_packets_in_each_run, test_a_train_comes_as_its_packets};
	const char *wrong = why_not();
	if (wrong) {
		puts(wrong);
		return 77;
	}
	return suite_run("bench_line_netns", tests, sizeof tests / sizeof *tests, argc > 1 ? argv[1] : NULL, 300);
}
