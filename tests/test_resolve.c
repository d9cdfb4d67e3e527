/* Host names: are the name servers asked, without blocking, and does a peer live with whatever they say? */
#include "base/address.h"
#include "loop/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/bytes.h"
#include "loop/dns.h"
#include "loop_kit.h"
#include "pool/env.h"
#include "sim/turn_server.h"
#include "suite.h"

static const struct sockaddr_in localhost = {.sin_family = AF_INET, .sin_addr.s_addr = __builtin_bswap32(INADDR_LOOPBACK)};

/* ---- a name server and a STUN server, on one thread ---- */

enum manner { ANSWERS, KNOWS_NOTHING, SILENT, BABBLES };

struct server {
	pthread_t thread;
	int dns, stun, stop[2];
	enum manner manner;
	struct sockaddr_storage dns_addr, stun_addr;
	struct turn_server *turn;
	_Atomic unsigned asked, bindings;
	char name[DNS_NAME_MAX];
};

static void stun_send(void *ctx, const struct sockaddr_storage *from, const struct sockaddr_storage *to, const uint8_t *data,
                      size_t len) {
	struct server *s = ctx;
	(void)from;
	s->bindings++;
	sendto(s->stun, data, len, 0, (const struct sockaddr *)to, address_len(to));
}

/* The question, and behind it 127.0.0.1 for an A, nothing for anything else. */
static size_t reply(const struct server *s, uint8_t *m, size_t len, uint16_t type) {
	m[2] |= 0x84;
	m[3] = s->manner == KNOWS_NOTHING ? 0x83 : 0x80;
	memset(m + 6, 0, 6);
	if (s->manner != ANSWERS || type != DNS_A)
		return len;
	m[7] = 1;
	memcpy(m + len, "\xC0\x0C\0\1\0\1\0\0\0\x3C\0\4\x7F\0\0\1", 16);
	return len + 16;
}

static void serve_dns(struct server *s) {
	uint8_t m[1024];
	struct sockaddr_storage from;
	socklen_t from_len = sizeof from;
	struct dns_reader r;
	struct dns_record q;
	ssize_t n = recvfrom(s->dns, m, 512, 0, (struct sockaddr *)&from, &from_len);
	if (n < 0 || !dns_open(&r, m, (size_t)n) || !dns_next(&r, &q))
		return;
	memcpy(s->name, q.name, sizeof s->name);
	s->asked++;
	if (s->manner == SILENT)
		return;
	size_t len = 12 + strlen(q.name) + 2 + 4; /* without the additional records */
	len = s->manner == BABBLES ? (size_t)n : reply(s, m, len, q.type);
	if (s->manner == BABBLES)
		memset(m + 2, 0xFF, len - 2);
	sendto(s->dns, m, len, 0, (const struct sockaddr *)&from, from_len);
}

static void serve_stun(struct server *s) {
	uint8_t m[2048];
	struct sockaddr_storage from = {0};
	socklen_t from_len = sizeof from;
	ssize_t n = recvfrom(s->stun, m, sizeof m, 0, (struct sockaddr *)&from, &from_len);
	if (n > 0)
		turn_server_input(s->turn, &from, &s->stun_addr, m, (size_t)n, sluice_now());
}

static void *server_run(void *ctx) {
	struct server *s = ctx;
	for (;;) {
		struct pollfd fds[] = {{s->stop[0], POLLIN, 0}, {s->dns, POLLIN, 0}, {s->stun, POLLIN, 0}};
		poll(fds, 3, -1);
		if (fds[0].revents)
			return NULL;
		if (fds[1].revents)
			serve_dns(s);
		if (fds[2].revents)
			serve_stun(s);
	}
}

static int open_socket(struct sockaddr_storage *addr) {
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t len = sizeof *addr;
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&localhost, sizeof localhost), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)addr, &len), 0);
	return fd;
}

static void server_start(struct server *s, enum manner manner) {
	memset(s, 0, sizeof *s);
	s->manner = manner;
	s->dns = open_socket(&s->dns_addr);
	s->stun = open_socket(&s->stun_addr);
	ck_assert_int_eq(pipe(s->stop), 0);
	struct turn_server_config config = {.addr = s->stun_addr, .send = stun_send, .ctx = s};
	s->turn = turn_server_new(&config);
	ck_assert_int_eq(pthread_create(&s->thread, NULL, server_run, s), 0);
}

static void server_stop(struct server *s) {
	ck_assert_int_eq(write(s->stop[1], "x", 1), 1);
	pthread_join(s->thread, NULL);
	turn_server_free(s->turn);
	close(s->dns);
	close(s->stun);
	close(s->stop[0]);
	close(s->stop[1]);
}

/* ---- a peer that has to look a STUN server up ---- */

struct world {
	sluice_env *env;
	sluice_loop *loop;
	struct kit_end a;
	char servers[64];
};

static void world_init(struct world *w, const struct server *s, const char *host) {
	char url[300];
	*w = (struct world){0};
	sluice_peer_config c;
	const sluice_gather_config gather = {
		.size = sizeof gather, .bind = (const struct sockaddr *)&localhost, .bind_len = sizeof localhost};
	snprintf(url, sizeof url, "stun:%s:%u", host, address_port(&s->stun_addr));
	snprintf(w->servers, sizeof w->servers, "127.0.0.1:%u", address_port(&s->dns_addr));
	const sluice_ice_server server = {.url = url};
	ck_assert_int_eq(sluice_env_new(NULL, &w->env), 0);
	ck_assert_int_eq(sluice_loop_new(w->env, NULL, &w->loop), 0);
	resolve_set_servers(w->loop, w->servers);
	sluice_peer_config_init(&c);
	c.ice.servers = &server;
	c.ice.server_count = 1;
	c.ice.gather_timeout = 20 * SLUICE_S; /* the resolver is to be the one that gives up */
	kit_end_init(&w->a, w->env, w->loop, &c);
	ck_assert_int_eq(sluice_loop_gather(w->loop, w->a.peer, &gather), 0);
	sluice_channel_config channel = {.label = "x", .id = -1};
	ck_assert_int_eq(sluice_peer_open_channel(w->a.peer, &channel, NULL), 0);
	ck_assert_int_eq(sluice_peer_set_local_description(w->a.peer, SLUICE_SDP_OFFER, NULL), 0);
}

static void world_free(struct world *w) {
	kit_end_free(&w->a);
	ck_assert(loop_check(w->loop));
	sluice_loop_run(w->loop); /* nothing is left to wait for */
	ck_assert_ptr_null(w->loop->resolver);
	sluice_loop_free(w->loop);
	ck_assert_uint_eq(w->env->blocks.live, 0);
	sluice_env_free(w->env);
}

START_TEST(test_a_stun_server_s_name_is_looked_up_and_the_server_asked) {
	static struct server s;
	struct world w;
	server_start(&s, ANSWERS);
	world_init(&w, &s, "stun.example.test");
	KIT_RUN_UNTIL(w.loop, w.a.end_of_candidates);
	ck_assert_uint_ge(s.bindings, 1);
	ck_assert_str_eq(s.name, "stun.example.test");
	ck_assert_ptr_null(w.loop->resolver); /* it goes with the last lookup */
	world_free(&w);
	server_stop(&s);
}
END_TEST

START_TEST(test_a_numeric_name_asks_nobody) {
	static struct server s;
	struct world w;
	server_start(&s, ANSWERS);
	world_init(&w, &s, "127.0.0.1");
	KIT_RUN_UNTIL(w.loop, w.a.end_of_candidates);
	ck_assert_uint_ge(s.bindings, 1);
	ck_assert_uint_eq(s.asked, 0);
	world_free(&w);
	server_stop(&s);
}
END_TEST

START_TEST(test_a_name_that_does_not_exist_ends_gathering_without_its_server) {
	static struct server s;
	struct world w;
	server_start(&s, KNOWS_NOTHING);
	world_init(&w, &s, "nowhere.example.test");
	KIT_RUN_UNTIL(w.loop, w.a.end_of_candidates);
	ck_assert_uint_ge(s.asked, 1);
	ck_assert_uint_eq(s.bindings, 0);
	ck_assert_uint_eq(w.a.candidates, 1);
	world_free(&w);
	server_stop(&s);
}
END_TEST

START_TEST(test_names_that_are_none_end_gathering_too) {
	static const char *const names[] = {"a..b", "-",
	                                    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.test"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		static struct server s;
		struct world w;
		server_start(&s, KNOWS_NOTHING);
		world_init(&w, &s, names[i]);
		KIT_RUN_UNTIL(w.loop, w.a.end_of_candidates);
		world_free(&w);
		server_stop(&s);
	}
}
END_TEST

START_TEST(test_a_silent_name_server_is_asked_again_and_a_freed_peer_waits_for_nothing) {
	static struct server s;
	struct world w;
	server_start(&s, SILENT);
	world_init(&w, &s, "stun.example.test");
	KIT_RUN_UNTIL(w.loop, s.asked >= 4); /* A and AAAA, twice */
	ck_assert_ptr_nonnull(w.loop->resolver);
	uint64_t before = sluice_now();
	world_free(&w); /* runs the loop until it ends */
	ck_assert_uint_lt(sluice_now() - before, SLUICE_S);
	server_stop(&s);
}
END_TEST

START_TEST(test_a_name_server_s_noise_is_no_answer) {
	static struct server s;
	struct world w;
	server_start(&s, BABBLES);
	world_init(&w, &s, "stun.example.test");
	KIT_RUN_UNTIL(w.loop, s.asked >= 2);
	for (int i = 0; i < 20; i++) {
		usleep(2000);
		ev_run(sluice_loop_ev(w.loop), EVRUN_NOWAIT);
	}
	ck_assert_uint_eq(s.bindings, 0);
	world_free(&w);
	server_stop(&s);
}
END_TEST

START_TEST(test_a_loop_is_freed_while_a_name_is_looked_up) {
	static struct server s;
	struct world w;
	server_start(&s, SILENT);
	world_init(&w, &s, "stun.example.test");
	KIT_RUN_UNTIL(w.loop, s.asked >= 1);
	sluice_loop_free(w.loop);
	kit_end_free(&w.a);
	ck_assert_uint_eq(w.env->blocks.live, 0);
	sluice_env_free(w.env);
	server_stop(&s);
}
END_TEST

SUITE("resolve", test_a_stun_server_s_name_is_looked_up_and_the_server_asked, test_a_numeric_name_asks_nobody,
      test_a_name_that_does_not_exist_ends_gathering_without_its_server, test_names_that_are_none_end_gathering_too,
      test_a_silent_name_server_is_asked_again_and_a_freed_peer_waits_for_nothing, test_a_name_server_s_noise_is_no_answer,
      test_a_loop_is_freed_while_a_name_is_looked_up)
