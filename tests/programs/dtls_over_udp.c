/* dtls_over_udp: our DTLS over a real socket of the loopback interface, against a program that somebody else wrote:
 *
 *     dtls_over_udp client PORT OWN.pem OTHER.pem SEED
 *     dtls_over_udp server FILE OWN.pem OTHER.pem SEED      writes the port that it took into FILE
 *     dtls_over_udp free-port
 *
 * Of the first datagrams, a third is lost in each direction, by dice. When the connection is up, a line goes out five times a
 * second until a line of the other end has come; both are "word". Then it is closed. Exit status 0 when all of it worked within
 * 30 seconds. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dtls/dtls.h"
#include "sim/rng.h"

#define PATIENCE (30 * SLUICE_S)
#define LOSSY_DATAGRAMS 20
#define LOSS 0.33
#define BETWEEN_WORDS (200 * SLUICE_MS)

static int fd;
static sluice_env *env;
static struct dtls *dtls;
static sluice_certificate *certificate;
static struct rng rng;
static unsigned datagrams, lost;
static bool has_word;

static void die(const char *what) {
	const char *text = "";
	int error = dtls ? dtls_error(dtls, &text) : 0;
	fprintf(stderr, "dtls_over_udp: %s (state %d, error %d: %s; %u datagrams, %u lost; errno %s)\n", what,
	        dtls ? (int)dtls_state(dtls) : -1, error, text, datagrams, lost, strerror(errno));
	exit(1);
}

static uint64_t now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SLUICE_S + (uint64_t)t.tv_nsec;
}

/* ---- the socket ------------------------------------------------------------------------------------------------- */

static uint16_t open_socket(void) {
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof a;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		die("no socket");
	return ntohs(a.sin_port);
}

static void connect_to(struct sockaddr_in *a) {
	if (connect(fd, (struct sockaddr *)a, sizeof *a) < 0)
		die("connect");
}

/* The first who speaks is the other end; its datagram stays in the socket. */
static void wait_for_client(void) {
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct sockaddr_in a;
	socklen_t len = sizeof a;
	uint8_t byte;
	if (poll(&p, 1, (int)(PATIENCE / SLUICE_MS)) <= 0 || recvfrom(fd, &byte, 1, MSG_PEEK, (struct sockaddr *)&a, &len) < 0)
		die("no client came");
	connect_to(&a);
}

static bool is_lost(void) {
	bool yes = datagrams++ < LOSSY_DATAGRAMS && rng_chance(&rng, LOSS);
	lost += yes;
	return yes;
}

/* A server that has gone refuses datagrams; that is no error here. */
static void send_datagram(const uint8_t *data, size_t len) {
	if (!is_lost() && send(fd, data, len, 0) < 0 && errno != ECONNREFUSED)
		die("send");
}

/* ---- the connection --------------------------------------------------------------------------------------------- */

static sluice_certificate *read_pem(const char *path) {
	static char text[32768];
	sluice_certificate *c;
	FILE *f = fopen(path, "r");
	if (!f)
		die(path);
	text[fread(text, 1, sizeof text - 1, f)] = 0;
	fclose(f);
	if (sluice_certificate_from_pem(text, text, &c) < 0)
		die("a certificate that cannot be used");
	return c;
}

static void open_dtls(bool client, const char *own, const char *other) {
	struct dtls_config c = {.client = client, .mtu = 1200};
	sluice_certificate *theirs = read_pem(other);
	certificate = c.certificate = read_pem(own);
	if (sluice_env_new(NULL, &env) < 0 || sluice_certificate_fingerprint(theirs, SLUICE_SHA256, &c.remote) < 0 ||
	    dtls_new(env, &c, &dtls) < 0 || dtls_start(dtls, now()) < 0)
		die("the connection cannot be opened");
	sluice_certificate_release(theirs);
}

static void flush(void) {
	uint8_t space[8192];
	for (;;) {
		sluice_batch b = {.data = space, .capacity = sizeof space};
		int n = dtls_output(dtls, &b, now());
		if (n < 0)
			die("dtls_output");
		if (n == 0)
			return;
		for (size_t i = 0; i < b.count; i++)
			send_datagram(sluice_batch_slot(&b, i), sluice_batch_slot_len(&b, i));
	}
}

static void say_word(void) {
	static const char word[] = "word\n";
	uint8_t record[100];
	size_t head = dtls_headroom(dtls), tail = dtls_tailroom(dtls);
	memcpy(record + head, word, sizeof word - 1);
	sluice_batch b = {.data = record, .capacity = sizeof record, .headroom = head, .tailroom = tail, .count = 1};
	b.stride = b.last = head + sizeof word - 1 + tail;
	if (dtls_seal(dtls, &b) < 0)
		die("dtls_seal");
	send_datagram(record, b.last);
}

static void receive(void) {
	uint8_t data[2048];
	for (ssize_t len; (len = recv(fd, data, sizeof data, 0)) >= 0;) {
		sluice_datagram in = {.data = data, .len = (size_t)len}, out[8];
		if (is_lost())
			continue;
		size_t n = dtls_open(dtls, &in, 1, out, 8, now());
		for (size_t i = 0; i < n; i++)
			has_word |= out[i].len >= 4 && memcmp(out[i].data, "word", 4) == 0;
	}
}

static void wait_until(uint64_t at) {
	uint64_t t = now();
	struct pollfd p = {.fd = fd, .events = POLLIN};
	poll(&p, 1, at <= t ? 0 : (int)((at - t) / SLUICE_MS) + 1);
}

static void run(void) {
	uint64_t end = now() + PATIENCE, next_word = 0;
	while (!has_word) {
		if (now() > end || dtls_state(dtls) == DTLS_FAILED || dtls_state(dtls) == DTLS_CLOSED)
			die("it did not work");
		if (dtls_state(dtls) == DTLS_CONNECTED && now() >= next_word) {
			say_word();
			next_word = now() + BETWEEN_WORDS;
		}
		if (dtls_deadline(dtls) <= now())
			dtls_advance(dtls, now());
		flush();
		uint64_t at = dtls_deadline(dtls), poll_at = now() + BETWEEN_WORDS / 2;
		wait_until(at < poll_at ? at : poll_at);
		receive();
	}
}

static void finish(void) {
	for (int i = 0; i < 3; i++) /* once more, should all before have been lost */
		say_word();
	dtls_close(dtls);
	flush();
	dtls_free(dtls);
	sluice_certificate_release(certificate);
	sluice_env_free(env);
	close(fd);
	printf("%u datagrams, %u lost\n", datagrams, lost);
}

static void write_port(const char *path, uint16_t port) {
	char whole[4096];
	snprintf(whole, sizeof whole, "%s.new", path);
	FILE *f = fopen(whole, "w");
	if (!f || fprintf(f, "%u\n", port) < 0 || fclose(f) != 0 || rename(whole, path) < 0)
		die(path);
}

int main(int argc, char **argv) {
	uint16_t port = open_socket();
	if (argc == 2 && strcmp(argv[1], "free-port") == 0) {
		printf("%u\n", port);
		return 0;
	}
	if (argc != 6)
		die("usage: see the head of its source");
	bool client = strcmp(argv[1], "client") == 0;
	rng = rng_of(strtoull(argv[5], NULL, 10), 1);
	if (client) {
		struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		to.sin_port = htons((uint16_t)atoi(argv[2]));
		connect_to(&to);
	} else {
		write_port(argv[2], port);
		wait_for_client();
	}
	open_dtls(client, argv[3], argv[4]);
	run();
	finish();
	return 0;
}
