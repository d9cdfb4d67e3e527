/* turn_client: the TURN client over real sockets of the loopback interface, against a server that somebody else wrote:
 *
 *     turn_client udp|tcp PORT USER PASSWORD [alternate]
 *     turn_client free-port
 *
 * allocates (IPv4, and IPv6 where there is a ::1), lets a peer in, sends by indication and by channel, gets its echo, renews
 * everything as though ten minutes had passed, meets a stale nonce, and gives the allocation back; then does it again, over UDP
 * from the same socket, and last with a wrong password. Each step has ten seconds, the server as many to come up. Exit status 0
 * when all of it worked. */
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

#include "base/address.h"
#include "ice/turn/turn.h"

#define PATIENCE (10 * SLUICE_S)

static struct turn *turn;
static bool stream;
static int server_fd, peer_fd;
static struct sockaddr_storage peer;
static uint64_t skipped; /* by which our clock is ahead of the real one */
static const char *stage = "start";

static uint8_t frames[70000]; /* what came on the stream and is no whole message yet */
static size_t frames_len;
static struct turn_data got;
static uint8_t got_data[4096];
static bool has_got;

static void die(const char *what) {
	fprintf(stderr, "turn_client: %s: %s (state %d, error %s, code %d, errno %s)\n", stage, what,
	        turn ? (int)turn_state(turn) : -1, turn ? sluice_error_name(turn_error(turn)) : "-",
	        turn ? turn_error_code(turn) : 0, strerror(errno));
	exit(1);
}

static uint64_t now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SLUICE_S + (uint64_t)t.tv_nsec + skipped;
}

static struct sockaddr_storage loopback(int family, uint16_t port) {
	struct sockaddr_storage a = {.ss_family = (sa_family_t)family};
	if (family == AF_INET)
		((struct sockaddr_in *)&a)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		((struct sockaddr_in6 *)&a)->sin6_addr = in6addr_loopback;
	address_set_port(&a, port);
	return a;
}

static void connect_to(const struct sockaddr_storage *server) {
	server_fd = socket(AF_INET, stream ? SOCK_STREAM : SOCK_DGRAM, 0);
	frames_len = 0;
	if (server_fd < 0 || connect(server_fd, (const struct sockaddr *)server, address_len(server)) < 0)
		die("no connection to the server");
}

/* It listens on TCP with the same port, and answers there when it is up. */
static void await_server(const struct sockaddr_storage *server) {
	stage = "waiting for the server";
	for (int tries = 0; tries < 200; tries++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		bool up = connect(fd, (const struct sockaddr *)server, address_len(server)) == 0;
		close(fd);
		if (up)
			return;
		usleep(50000);
	}
	die("it does not come up");
}

static int print_free_port(void) {
	struct sockaddr_storage a = loopback(AF_INET, 0);
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(fd, (struct sockaddr *)&a, address_len(&a)) < 0 || getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		die("no free port");
	printf("%u\n", address_port(&a));
	close(fd);
	return 0;
}

/* False where the family is not there. */
static bool open_peer(int family) {
	socklen_t len = sizeof peer;
	peer = loopback(family, 0);
	peer_fd = socket(family, SOCK_DGRAM, 0);
	if (peer_fd < 0 || bind(peer_fd, (struct sockaddr *)&peer, address_len(&peer)) < 0)
		return false;
	return getsockname(peer_fd, (struct sockaddr *)&peer, &len) == 0;
}

/* ---- moving messages ---- */

/* A message, or ChannelData with the padding that a stream wants (RFC 8656, 12.5). */
static void write_message(const uint8_t *message, size_t len) {
	static const uint8_t padding[4];
	size_t behind = stream ? turn_frame(message, len) - len : 0;
	if (send(server_fd, message, len, 0) != (ssize_t)len)
		die("cannot send");
	if (behind > 0 && send(server_fd, padding, behind, 0) != (ssize_t)behind)
		die("cannot send the padding");
}

static void take(uint8_t *message, size_t len) {
	if (turn_input(turn, message, len, now(), &got) != TURN_DATA)
		return;
	if (got.len > sizeof got_data)
		die("more than was sent");
	memcpy(got_data, got.data, got.len);
	has_got = true;
}

static void read_stream(void) {
	ssize_t n = recv(server_fd, frames + frames_len, sizeof frames - frames_len, 0);
	if (n <= 0)
		die("the server closed the stream");
	frames_len += (size_t)n;
	for (;;) {
		size_t frame = turn_frame(frames, frames_len);
		if (frame == SIZE_MAX)
			die("neither STUN nor ChannelData on the stream");
		if (frame == 0 || frame > frames_len)
			return;
		take(frames, frame);
		frames_len -= frame;
		memmove(frames, frames + frame, frames_len);
	}
}

static void read_server(void) {
	static uint8_t space[4096];
	if (stream) {
		read_stream();
		return;
	}
	ssize_t n = recv(server_fd, space, sizeof space, 0);
	if (n < 0)
		die("cannot receive");
	take(space, (size_t)n);
}

/* The peer sends back what it gets, to where it came from: the relayed address. */
static void echo(void) {
	uint8_t space[4096];
	struct sockaddr_storage from;
	socklen_t len = sizeof from;
	ssize_t n = recvfrom(peer_fd, space, sizeof space, 0, (struct sockaddr *)&from, &len);
	if (n < 0 || sendto(peer_fd, space, (size_t)n, 0, (struct sockaddr *)&from, len) != n)
		die("the peer cannot echo");
	if (!address_equal(&from, turn_relayed(turn)))
		die("the peer was reached from elsewhere than the relayed address");
}

static void flush(void) {
	static uint8_t space[4096];
	sluice_batch batch = {.data = space, .capacity = sizeof space};
	while (turn_output(turn, &batch, now()) > 0)
		write_message(space, batch.last);
}

/* One turn of the loop, at most 20 ms long. */
static void spin(void) {
	struct pollfd fds[] = {{.fd = server_fd, .events = POLLIN}, {.fd = peer_fd, .events = POLLIN}};
	flush();
	if (poll(fds, 2, 20) < 0)
		die("poll");
	if (fds[0].revents)
		read_server();
	if (fds[1].revents)
		echo();
	turn_advance(turn, now());
	flush();
}

/* ---- steps ---- */

#define UNTIL(name, condition)                                                                                                   \
	do {                                                                                                                     \
		stage = name;                                                                                                    \
		uint64_t end = now() + PATIENCE;                                                                                 \
		while (!(condition)) {                                                                                           \
			if (now() >= end)                                                                                        \
				die("nothing came of it in ten seconds");                                                        \
			if (turn_state(turn) == TURN_FAILED)                                                                     \
				die("failed");                                                                                   \
			spin();                                                                                                  \
		}                                                                                                                \
	} while (0)

#define MUST(condition)                                                                                                          \
	do {                                                                                                                     \
		if (!(condition))                                                                                                \
			die(#condition);                                                                                         \
	} while (0)

static bool echoed(const void *data, size_t len) {
	return has_got && got.len == len && memcmp(got_data, data, len) == 0 && address_equal(&got.peer, &peer);
}

static void echo_by_indication(void) {
	static const char text[] = "by indication";
	has_got = false;
	MUST(turn_send(turn, &peer, text, sizeof text) == 0);
	UNTIL("the echo by indication", echoed(text, sizeof text));
}

/* Lengths around the padding. */
static void echo_by_channel(void) {
	for (size_t len = 0; len < 9; len++) {
		uint8_t space[TURN_HEADROOM + 9] = {0};
		sluice_batch batch = {.data = space, .headroom = TURN_HEADROOM, .count = 1, .stride = TURN_HEADROOM + len};
		batch.last = batch.stride;
		memset(space + TURN_HEADROOM, 'a' + (int)len, len);
		has_got = false;
		MUST(turn_wrap(turn, &peer, &batch) == 0);
		MUST(batch.headroom == 0);
		write_message(space, batch.last);
		UNTIL("the echo by channel", echoed(space + TURN_HEADROOM, len));
	}
}

static bool is_idle(uint64_t requests) {
	return turn_stats(turn)->requests >= requests && turn_stats(turn)->responses >= turn_stats(turn)->requests;
}

/* The client's clock jumps by ten minutes in three; the server's does not. Allocation and channel come due, and are renewed. */
static void renew(void) {
	uint64_t requests = turn_stats(turn)->requests;
	for (int i = 0; i < 3; i++) {
		skipped += 200 * SLUICE_S;
		echo_by_indication();
	}
	UNTIL("renewal", is_idle(requests + 2));
	MUST(turn_channel(turn, &peer) != 0);
}

/* The server is configured with a lifetime of one second for nonces. */
static void outlive_the_nonce(void) {
	uint64_t errors = turn_stats(turn)->errors;
	struct sockaddr_storage other = peer;
	address_set_port(&other, (uint16_t)(address_port(&peer) ^ 1));
	usleep(2200000);
	stage = "a request with an old nonce";
	MUST(turn_bind(turn, &other) == 0);
	UNTIL("a binding with a new nonce", turn_channel(turn, &other) != 0);
	MUST(turn_stats(turn)->errors > errors);
}

static struct turn_config config;

static void allocate(void) {
	MUST(turn_state(turn) == TURN_ALLOCATING);
	UNTIL("allocation", turn_state(turn) != TURN_ALLOCATING);
	if (turn_state(turn) == TURN_MOVED) {
		close(server_fd);
		connect_to(turn_server(turn));
		turn_reconnected(turn);
		UNTIL("allocation at the alternate", turn_state(turn) == TURN_READY);
	}
	MUST(turn_relayed(turn) && turn_mapped(turn));
	struct sockaddr_storage own;
	socklen_t len = sizeof own;
	MUST(getsockname(server_fd, (struct sockaddr *)&own, &len) == 0);
	MUST(address_equal(&own, turn_mapped(turn)));
}

static void live_a_life(sluice_env *env, bool thorough) {
	MUST(turn_new(env, &config, &turn) == 0);
	allocate();
	MUST(turn_permit(turn, &peer) == 0);
	UNTIL("permission", turn_permitted(turn, &peer));
	echo_by_indication();
	MUST(turn_bind(turn, &peer) == 0);
	UNTIL("channel", turn_channel(turn, &peer) != 0);
	echo_by_channel();
	if (thorough) {
		renew();
		echo_by_channel();
		outlive_the_nonce();
	}
	turn_close(turn);
	UNTIL("giving back", turn_state(turn) == TURN_CLOSED);
	MUST(turn_check(turn));
	turn_free(turn);
	turn = NULL;
	if (stream) { /* which the server closes with the allocation */
		close(server_fd);
		connect_to(&config.server);
	}
}

/* An alternate over UDP is another address, to which the one socket speaks from here on. */
static void follow_an_alternate(sluice_env *env) {
	MUST(turn_new(env, &config, &turn) == 0);
	stage = "an alternate";
	uint64_t end = now() + PATIENCE;
	struct sockaddr_storage first = *turn_server(turn);
	while (turn_state(turn) == TURN_ALLOCATING && address_equal(&first, turn_server(turn)) && now() < end) {
		static uint8_t space[4096];
		sluice_batch batch = {.data = space, .capacity = sizeof space};
		if (turn_output(turn, &batch, now()) > 0)
			write_message(space, batch.last);
		struct pollfd fd = {.fd = server_fd, .events = POLLIN};
		if (poll(&fd, 1, 20) > 0)
			read_server();
		turn_advance(turn, now());
	}
	MUST(!address_equal(&first, turn_server(turn)));
	if (!stream)
		MUST(connect(server_fd, (const struct sockaddr *)turn_server(turn), address_len(turn_server(turn))) == 0);
	if (turn_state(turn) == TURN_MOVED) {
		close(server_fd);
		connect_to(turn_server(turn));
		turn_reconnected(turn);
	}
	allocate();
	echo_by_indication();
	turn_close(turn);
	UNTIL("giving back", turn_state(turn) == TURN_CLOSED);
	turn_free(turn);
	turn = NULL;
}

static void be_refused(sluice_env *env) {
	config.password = "not this one";
	MUST(turn_new(env, &config, &turn) == 0);
	stage = "a wrong password";
	uint64_t end = now() + PATIENCE;
	while (turn_state(turn) == TURN_ALLOCATING && now() < end)
		spin();
	MUST(turn_state(turn) == TURN_FAILED && turn_error(turn) == SLUICE_REFUSED && turn_error_code(turn) == 401);
	turn_free(turn);
	turn = NULL;
}

int main(int argc, char **argv) {
	sluice_env *env;
	if (argc == 2 && strcmp(argv[1], "free-port") == 0)
		return print_free_port();
	if (argc < 5)
		die("usage: turn_client udp|tcp PORT USER PASSWORD [alternate]");
	stream = strcmp(argv[1], "tcp") == 0;
	config = (struct turn_config){.server = loopback(AF_INET, (uint16_t)atoi(argv[2])),
	                              .transport = stream ? TURN_TCP : TURN_UDP,
	                              .username = argv[3],
	                              .password = argv[4],
	                              .family = AF_INET};
	MUST(sluice_env_new(NULL, &env) == 0);
	MUST(open_peer(AF_INET));
	await_server(&config.server);
	connect_to(&config.server);
	if (argc > 5) {
		follow_an_alternate(env);
	} else {
		live_a_life(env, true);
		live_a_life(env, false);
		close(peer_fd);
		if (open_peer(AF_INET6)) {
			config.family = AF_INET6;
			live_a_life(env, false);
			config.family = AF_INET;
		}
		be_refused(env);
	}
	close(peer_fd);
	close(server_fd);
	sluice_env_free(env);
	printf("%s%s: all of it worked\n", argv[1], argc > 5 ? ", alternate" : "");
	return 0;
}
