/* TCP under a peer: a TURN server that is reached by a stream, and ICE's own connections (RFC 6544). */
#include "base/address.h"
#include "loop/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "loop/driver.h"
#include "loop/frame.h"
#include "loop_kit.h"
#include "pool/env.h"
#include "sim/turn_server.h"
#include "suite.h"

static const struct sockaddr_in localhost = {.sin_family = AF_INET, .sin_addr.s_addr = __builtin_bswap32(INADDR_LOOPBACK)};

/* ---- a TURN server on TCP, in a thread of its own ---- */

#define CONNECTIONS_MAX 8

enum manner { HONEST, DEAF, RUDE, HASTY }; /* reads nothing; speaks HTTP; closes after the first frame */
/* How the first connections end that have TLS, without the end of TCP: by close_notify, by a record that is none. */
enum farewell { STAYS, SAYS_GOODBYE, SPEAKS_NONSENSE };

struct connection {
	int fd;
	SSL *ssl; /* NULL: plain TCP */
	struct sockaddr_storage remote;
	uint8_t bytes[1 << 17];
	size_t len;
	bool is_over; /* nothing more is read or written */
};

struct server {
	pthread_t thread;
	int fd, stop[2];
	enum manner manner;
	struct sockaddr_storage addr;
	struct turn_server *turn;
	struct connection *connections[CONNECTIONS_MAX];
	_Atomic unsigned accepted;
	_Atomic enum farewell farewell;
	unsigned first_frames;
	SSL_CTX *tls; /* NULL: plain TCP */
	char ca[64];  /* the file to trust it by */
};

static ssize_t put(struct connection *c, const void *data, size_t len) {
	return c->ssl ? SSL_write(c->ssl, data, (int)len) : send(c->fd, data, len, MSG_NOSIGNAL);
}

static ssize_t get(struct connection *c, void *data, size_t len) {
	return c->ssl ? SSL_read(c->ssl, data, (int)len) : recv(c->fd, data, len, 0);
}

static void server_send(void *ctx, const struct sockaddr_storage *from, const struct sockaddr_storage *to, const uint8_t *data,
                        size_t len) {
	struct server *s = ctx;
	static uint8_t frame[1 << 16];
	if (turn_server_owns(s->turn, to)) { /* from one relayed address to another */
		turn_server_input(s->turn, from, to, data, len, sluice_now());
		return;
	}
	for (int i = 0; i < CONNECTIONS_MAX; i++)
		if (s->connections[i] && !s->connections[i]->is_over && address_equal(&s->connections[i]->remote, to)) {
			size_t size = frame_write(frame, data, len, true);
			for (size_t at = 0; at < size;) {
				ssize_t n = put(s->connections[i], frame + at, size - at);
				if (n <= 0)
					return;
				at += (size_t)n;
			}
		}
}

static void drop(struct server *s, int i) {
	SSL_free(s->connections[i]->ssl);
	close(s->connections[i]->fd);
	free(s->connections[i]);
	s->connections[i] = NULL;
}

static void part(struct connection *c, enum farewell farewell) {
	static const uint8_t nonsense[] = {23, 3, 3, 0, 20, 'n', 'o', 'n', 's', 'e', 'n', 's', 'e'};
	uint8_t record[25] = {0};
	memcpy(record, nonsense, sizeof nonsense);
	c->is_over = true;
	if (farewell == SAYS_GOODBYE)
		SSL_shutdown(c->ssl);
	else
		(void)send(c->fd, record, sizeof record, MSG_NOSIGNAL);
}

static void serve(struct server *s, int i) {
	struct connection *c = s->connections[i];
	struct frame f;
	if (s->farewell && s->accepted <= 2) {
		part(c, s->farewell);
		return;
	}
	ssize_t n = get(c, c->bytes + c->len, sizeof c->bytes - c->len);
	if (n <= 0) {
		drop(s, i);
		return;
	}
	c->len += (size_t)n;
	if (s->manner == RUDE)
		(void)put(c, "\xffHTTP/1.1 400 Bad Request\r\n\r\n", 29);
	size_t at = 0;
	while (frame_look(c->bytes + at, c->len - at, true, &f) > 0 && f.size <= c->len - at) {
		s->first_frames += c->bytes[at] == 0 && c->bytes[at + 1] == 3; /* an Allocate request */
		if (s->manner == HONEST)
			turn_server_input(s->turn, &c->remote, &s->addr, c->bytes + at + f.offset, f.len, sluice_now());
		at += f.size;
	}
	memmove(c->bytes, c->bytes + at, c->len - at);
	c->len -= at;
	if (s->manner == HASTY && at)
		drop(s, i);
}

static void accept_one(struct server *s) {
	struct sockaddr_storage remote = {0};
	socklen_t len = sizeof remote;
	int fd = accept(s->fd, (struct sockaddr *)&remote, &len), i = 0;
	while (i < CONNECTIONS_MAX && s->connections[i])
		i++;
	ck_assert(fd >= 0 && i < CONNECTIONS_MAX);
	s->connections[i] = calloc(1, sizeof(struct connection));
	s->connections[i]->fd = fd;
	s->connections[i]->remote = remote;
	s->accepted++;
	if (!s->tls)
		return;
	s->connections[i]->ssl = SSL_new(s->tls);
	SSL_set_fd(s->connections[i]->ssl, fd);
	if (SSL_accept(s->connections[i]->ssl) != 1)
		drop(s, i);
}

static bool is_read(const struct server *s, int i) {
	return s->connections[i] && !s->connections[i]->is_over && s->manner != DEAF;
}

static void *server_run(void *ctx) {
	struct server *s = ctx;
	for (;;) {
		struct pollfd fds[2 + CONNECTIONS_MAX] = {{s->stop[0], POLLIN, 0}, {s->fd, POLLIN, 0}};
		for (int i = 0; i < CONNECTIONS_MAX; i++)
			fds[2 + i] = (struct pollfd){is_read(s, i) ? s->connections[i]->fd : -1, POLLIN, 0};
		poll(fds, 2 + CONNECTIONS_MAX, -1);
		if (fds[0].revents)
			break;
		if (fds[1].revents)
			accept_one(s);
		for (int i = 0; i < CONNECTIONS_MAX; i++)
			if (fds[2 + i].revents)
				do
					serve(s, i);
				while (is_read(s, i) && s->connections[i]->ssl && SSL_pending(s->connections[i]->ssl));
	}
	for (int i = 0; i < CONNECTIONS_MAX; i++)
		if (s->connections[i])
			drop(s, i);
	return NULL;
}

/* A certificate for 127.0.0.1 that signs itself. */
static void make_tls(struct server *s) {
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -7200);
	X509_gmtime_adj(X509_getm_notAfter(x), 7200);
	X509_set_pubkey(x, key);
	X509_NAME *name = X509_NAME_new();
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
	X509_set_subject_name(x, name);
	X509_set_issuer_name(x, name);
	X509_NAME_free(name);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
	ck_assert(e && X509_add_ext(x, e, -1) == 1);
	X509_EXTENSION_free(e);
	ck_assert_int_gt(X509_sign(x, key, EVP_sha256()), 0);
	strcpy(s->ca, "/tmp/test_stream.XXXXXX");
	FILE *f = fdopen(mkstemp(s->ca), "w");
	ck_assert(f && PEM_write_X509(f, x) == 1);
	fclose(f);
	s->tls = SSL_CTX_new(TLS_server_method());
	SSL_CTX_use_certificate(s->tls, x);
	SSL_CTX_use_PrivateKey(s->tls, key);
	X509_free(x);
	EVP_PKEY_free(key);
}

static void server_start(struct server *s, enum manner manner, bool tls) {
	socklen_t len = sizeof s->addr;
	signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
	*s = (struct server){.manner = manner, .fd = socket(AF_INET, SOCK_STREAM, 0)};
	if (tls)
		make_tls(s);
	ck_assert_int_eq(bind(s->fd, (const struct sockaddr *)&localhost, sizeof localhost), 0);
	ck_assert_int_eq(listen(s->fd, 8), 0);
	ck_assert_int_eq(getsockname(s->fd, (struct sockaddr *)&s->addr, &len), 0);
	ck_assert_int_eq(pipe(s->stop), 0);
	struct turn_server_config config = {.addr = s->addr,
	                                    .relay4 = s->addr,
	                                    .username = "user",
	                                    .password = "secret",
	                                    .realm = "test",
	                                    .send = server_send,
	                                    .ctx = s};
	s->turn = turn_server_new(&config);
	ck_assert_int_eq(pthread_create(&s->thread, NULL, server_run, s), 0);
}

static void server_stop(struct server *s) {
	ck_assert_int_eq(write(s->stop[1], "x", 1), 1);
	pthread_join(s->thread, NULL);
	turn_server_free(s->turn);
	SSL_CTX_free(s->tls);
	if (s->ca[0])
		unlink(s->ca);
	close(s->fd);
	close(s->stop[0]);
	close(s->stop[1]);
}

/* ---- peers ---- */

/* Both gather on localhost; server_port 0: no TURN server. */
static const char *scheme = "turn";
static const char *trust; /* who is to be trusted, when not the system's authorities */
static bool no_verify;

static void world_init(struct kit_world *w, uint16_t server_port, bool relay_only, bool tcp,
                       bool (*filter)(const sluice_candidate *c, bool local, void *user)) {
	char url[64];
	sluice_peer_config c;
	sluice_gather_config gather = {
		.size = sizeof gather, .bind = (const struct sockaddr *)&localhost, .bind_len = sizeof localhost, .tcp = tcp};
	snprintf(url, sizeof url, "%s:127.0.0.1:%u?transport=tcp", scheme, server_port);
	const sluice_ice_server server = {.url = url, .username = "user", .credential = "secret"};
	gather.tls_ca_file = trust;
	gather.tls_no_verify = no_verify;
	sluice_peer_config_init(&c);
	c.ice.servers = &server;
	c.ice.server_count = server_port != 0;
	c.ice.relay_only = relay_only;
	c.ice.filter = filter;
	kit_world_init(w, &c);
	ck_assert_int_eq(sluice_loop_gather(w->loop, w->a.peer, &gather), 0);
	ck_assert_int_eq(sluice_loop_gather(w->loop, w->b.peer, &gather), 0);
}

/* A stream has no MTU to be searched for. */
static void expect_no_probes(const struct kit_end *e) {
	sluice_peer_stats s;
	sluice_peer_stats_get(e->peer, &s);
	ck_assert_uint_eq(s.sctp.mtu_probes_sent, 0);
	ck_assert_uint_le(s.sctp.mtu, 1200);
}

START_TEST(test_two_peers_talk_through_a_turn_server_over_tcp) {
	static struct server s;
	struct kit_world w;
	server_start(&s, HONEST, false);
	world_init(&w, address_port(&s.addr), true, false, NULL);
	kit_negotiate(&w.a, &w.b);
	KIT_RUN_UNTIL(w.loop, kit_is_open(&w.a, &w.b));
	ck_assert_ptr_nonnull(strstr(w.a.last_candidate, "typ relay"));
	w.b.echo = true;
	kit_send(&w.a, 10, 5000);
	KIT_RUN_UNTIL(w.loop, w.a.messages == 10);
	sluice_channel_set_high_water(w.a.ch, 4 << 20);
	w.b.echo = false;
	kit_send(&w.a, 16, 65536);
	KIT_RUN_UNTIL(w.loop, w.b.bytes == 10 * 5000 + 16 * 65536);
	expect_no_probes(&w.a);
	expect_no_probes(&w.b);
	kit_world_free(&w);
	server_stop(&s);
	ck_assert_uint_eq(s.accepted, 2);
}
END_TEST

static void talk_over_tls(struct server *s, struct kit_world *w) {
	server_start(s, HONEST, true);
	scheme = "turns";
	trust = s->ca;
	world_init(w, address_port(&s->addr), true, false, NULL);
	kit_negotiate(&w->a, &w->b);
	KIT_RUN_UNTIL(w->loop, kit_is_open(&w->a, &w->b));
}

START_TEST(test_two_peers_talk_through_a_turn_server_over_tls) {
	static struct server s;
	struct kit_world w;
	talk_over_tls(&s, &w);
	sluice_channel_set_high_water(w.a.ch, 4 << 20);
	kit_send(&w.a, 32, 65536);
	KIT_RUN_UNTIL(w.loop, w.b.bytes == 32 * 65536);
	expect_no_probes(&w.a);
	expect_no_probes(&w.b);
	kit_world_free(&w);
	server_stop(&s);
}
END_TEST

/* The server keeps the TCP connection and is silent. Both peers notice, and connect again. */
START_TEST(test_the_end_of_tls_alone_is_noticed) {
	for (enum farewell farewell = SAYS_GOODBYE; farewell <= SPEAKS_NONSENSE; farewell++) {
		static struct server s;
		struct kit_world w;
		talk_over_tls(&s, &w);
		ck_assert_uint_eq(s.accepted, 2);
		s.farewell = farewell;
		kit_send(&w.a, 1, 100);
		uint64_t from = sluice_now();
		KIT_RUN_UNTIL(w.loop, s.accepted >= 3);
		ck_assert_uint_lt(sluice_now() - from, 5 * SLUICE_S);
		kit_world_free(&w);
		server_stop(&s);
	}
}
END_TEST

START_TEST(test_a_server_that_nobody_vouches_for_is_not_used) {
	static struct server s;
	struct kit_world w;
	server_start(&s, HONEST, true);
	scheme = "turns";
	trust = NULL;
	world_init(&w, address_port(&s.addr), false, false, NULL);
	kit_negotiate(&w.a, &w.b);
	KIT_RUN_UNTIL(w.loop, kit_is_open(&w.a, &w.b) && w.a.end_of_candidates && w.b.end_of_candidates);
	ck_assert_uint_eq(w.a.candidates, 1);
	kit_world_free(&w);
	server_stop(&s);
	ck_assert_uint_ge(s.accepted, 2);
	ck_assert_uint_eq(s.first_frames, 0);
}
END_TEST

START_TEST(test_any_server_is_used_by_who_does_not_care) {
	static struct server s;
	struct kit_world w;
	server_start(&s, HONEST, true);
	scheme = "turns";
	no_verify = true;
	world_init(&w, address_port(&s.addr), true, false, NULL);
	kit_negotiate(&w.a, &w.b);
	KIT_RUN_UNTIL(w.loop, kit_is_open(&w.a, &w.b));
	kit_world_free(&w);
	server_stop(&s);
}
END_TEST

START_TEST(test_a_file_of_authorities_that_is_not_there_is_said_at_once_and_one_of_none_trusts_nobody) {
	static struct server s;
	struct kit_world w;
	char file[] = "/tmp/test_stream.XXXXXX";
	const sluice_gather_config gather = {.size = sizeof gather,
	                                     .bind = (const struct sockaddr *)&localhost,
	                                     .bind_len = sizeof localhost,
	                                     .tls_ca_file = "/nonexistent/authorities"};
	const sluice_endpoint_config shared = {
		.size = sizeof shared, .loopback = true, .tls_ca_file = "/nonexistent/authorities"};
	struct kit_end another;
	sluice_endpoint *e;
	close(mkstemp(file));
	server_start(&s, HONEST, true);
	scheme = "turns";
	trust = file;
	world_init(&w, address_port(&s.addr), false, false, NULL);
	kit_end_init(&another, w.env, w.loop, NULL);
	size_t live = w.env->blocks.live;
	ck_assert_int_eq(sluice_loop_gather(w.loop, another.peer, &gather), SLUICE_IO);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(sluice_endpoint_new(w.loop, &shared, &e), SLUICE_IO);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_uint_eq(w.env->blocks.live, live);
	kit_end_free(&another);
	kit_negotiate(&w.a, &w.b);
	KIT_RUN_UNTIL(w.loop, kit_is_open(&w.a, &w.b) && w.a.end_of_candidates && w.b.end_of_candidates);
	ck_assert_uint_eq(w.a.candidates, 1);
	kit_world_free(&w);
	server_stop(&s);
	unlink(file);
	ck_assert_uint_eq(s.first_frames, 0);
}
END_TEST

/* RFC 8656, 2.2: one allocation for one five-tuple, so whoever shares a UDP socket reaches the relay by TCP or TLS. */
START_TEST(test_a_peer_on_an_endpoint_talks_through_a_turn_server_over_tls) {
	static struct server s;
	struct kit_world w;
	struct kit_end shared;
	sluice_endpoint *e;
	sluice_peer_config c;
	char url[64], file[64];
	server_start(&s, HONEST, true);
	scheme = "turns";
	trust = s.ca;
	world_init(&w, address_port(&s.addr), true, false, NULL);
	strcpy(file, s.ca);
	sluice_endpoint_config config = {
		.size = sizeof config,
		.socket = {.local = (const struct sockaddr *)&localhost, .local_len = sizeof localhost},
		.tls_ca_file = file,
	};
	ck_assert_int_eq(sluice_endpoint_new(w.loop, &config, &e), 0);
	memset(file, 'x', sizeof file - 1); /* it was copied */
	snprintf(url, sizeof url, "turns:127.0.0.1:%u?transport=tcp", address_port(&s.addr));
	const sluice_ice_server server = {.url = url, .username = "user", .credential = "secret"};
	sluice_peer_config_init(&c);
	c.ice.servers = &server;
	c.ice.server_count = 1;
	c.ice.relay_only = true;
	kit_end_init(&shared, w.env, w.loop, &c);
	ck_assert_int_eq(sluice_endpoint_add(e, shared.peer), 0);
	kit_negotiate(&w.a, &shared);
	KIT_RUN_UNTIL(w.loop, kit_is_open(&w.a, &shared));
	ck_assert_ptr_nonnull(strstr(shared.last_candidate, "typ relay"));
	kit_send(&w.a, 10, 5000);
	KIT_RUN_UNTIL(w.loop, shared.messages == 10);
	sluice_endpoint_free(e);
	kit_end_free(&shared);
	kit_world_free(&w);
	server_stop(&s);
}
END_TEST

/* Whatever the server does, gathering ends and the peers find each other without it. */
START_TEST(test_a_server_that_is_of_no_use_holds_nobody_up) {
	static const enum manner manners[] = {RUDE, HASTY, DEAF};
	for (size_t i = 0; i < sizeof manners / sizeof *manners; i++) {
		static struct server s;
		struct kit_world w;
		server_start(&s, manners[i], false);
		world_init(&w, address_port(&s.addr), false, false, NULL);
		kit_negotiate(&w.a, &w.b);
		KIT_RUN_UNTIL(w.loop, kit_is_open(&w.a, &w.b));
		if (manners[i] != DEAF)
			KIT_RUN_UNTIL(w.loop, w.a.end_of_candidates && w.b.end_of_candidates);
		kit_send(&w.a, 20, 50000);
		KIT_RUN_UNTIL(w.loop, w.b.messages == 20);
		while (s.accepted < 2) /* nobody waited for a deaf one, and its thread may be slower than the peers were */
			sched_yield();
		kit_world_free(&w);
		server_stop(&s);
		ck_assert_uint_eq(s.accepted, 2);
	}
}
END_TEST

START_TEST(test_a_refused_connection_is_no_candidate) {
	struct kit_world w;
	struct sockaddr_in in = localhost;
	socklen_t len = sizeof in;
	int fd = socket(AF_INET, SOCK_STREAM, 0); /* bound, but nobody listens */
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&in, sizeof in), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	world_init(&w, ntohs(in.sin_port), false, false, NULL);
	kit_negotiate(&w.a, &w.b);
	KIT_RUN_UNTIL(w.loop, kit_is_open(&w.a, &w.b) && w.a.end_of_candidates && w.b.end_of_candidates);
	ck_assert_uint_eq(w.a.candidates, 1);
	kit_world_free(&w);
	close(fd);
}
END_TEST

START_TEST(test_a_peer_is_freed_while_its_stream_comes_up) {
	for (int turns = 0; turns < 12; turns++) {
		static struct server s;
		struct kit_world w;
		server_start(&s, HONEST, false);
		world_init(&w, address_port(&s.addr), true, false, NULL);
		kit_negotiate(&w.a, &w.b);
		for (int i = 0; i < turns; i++) {
			ev_run(sluice_loop_ev(w.loop), EVRUN_NOWAIT);
			usleep(500);
		}
		kit_end_free(&w.a);
		sluice_loop_free(w.loop);
		kit_end_free(&w.b);
		ck_assert_uint_eq(w.env->blocks.live, 0);
		sluice_env_free(w.env);
		server_stop(&s);
	}
}
END_TEST

/* ---- ICE over TCP ---- */

static bool tcp_alone(const sluice_candidate *c, bool local, void *user) {
	(void)local;
	(void)user;
	return strcmp(c->protocol, "tcp") == 0;
}

START_TEST(test_two_peers_talk_over_tcp_alone) {
	struct kit_world w;
	world_init(&w, 0, false, true, tcp_alone);
	kit_negotiate(&w.a, &w.b);
	KIT_RUN_UNTIL(w.loop, kit_is_open(&w.a, &w.b));
	w.b.echo = true;
	kit_send(&w.a, 10, 5000);
	KIT_RUN_UNTIL(w.loop, w.a.messages == 10);
	sluice_channel_set_high_water(w.a.ch, 16 << 20);
	w.b.echo = false;
	kit_send(&w.a, 64, 65536);
	KIT_RUN_UNTIL(w.loop, w.b.bytes == 10 * 5000 + 64 * 65536);
	expect_no_probes(&w.a);
	expect_no_probes(&w.b);
	kit_world_free(&w);
}
END_TEST

START_TEST(test_udp_and_tcp_live_side_by_side) {
	struct kit_world w;
	world_init(&w, 0, false, true, NULL);
	kit_negotiate(&w.a, &w.b);
	KIT_RUN_UNTIL(w.loop, kit_is_open(&w.a, &w.b) && w.a.end_of_candidates);
	ck_assert_uint_eq(w.a.candidates, 3); /* UDP, TCP passive, TCP active */
	kit_send(&w.a, 10, 5000);
	KIT_RUN_UNTIL(w.loop, w.b.messages == 10);
	kit_world_free(&w);
}
END_TEST

static struct listener *passive_of(const struct kit_world *w) {
	for (struct driver *d = w->loop->drivers; d; d = d->next)
		for (struct listener *l = d->streams.listeners; l; l = l->next)
			if (l->fd >= 0)
				return l;
	ck_abort_msg("nobody listens");
	return NULL;
}

START_TEST(test_strangers_connections_are_bounded_and_nonsense_ends_them) {
	struct kit_world w;
	struct sockaddr_storage addr;
	int fds[40];
	world_init(&w, 0, false, true, NULL);
	struct listener *l = passive_of(&w);
	listener_address(l, &addr);
	for (int i = 0; i < 40; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM, 0);
		ck_assert_int_eq(connect(fds[i], (const struct sockaddr *)&addr, address_len(&addr)), 0);
		ev_run(sluice_loop_ev(w.loop), EVRUN_NOWAIT);
		ck_assert(loop_check(w.loop));
	}
	ck_assert_uint_ge(l->connections, 8);
	ck_assert_uint_le(l->connections, 16);
	for (int i = 0; i < 40; i++) { /* a frame of nothing, one of noise, and the beginning of one that never ends */
		(void)!send(fds[i], "\0\0\0\5noise\xff\xff rest", 16, MSG_NOSIGNAL);
		ev_run(sluice_loop_ev(w.loop), EVRUN_NOWAIT);
	}
	for (int i = 0; i < 40; i++)
		close(fds[i]);
	KIT_RUN_UNTIL(w.loop, l->connections == 0);
	kit_negotiate(&w.a, &w.b);
	KIT_RUN_UNTIL(w.loop, kit_is_open(&w.a, &w.b));
	kit_world_free(&w);
}
END_TEST

/* All places are taken by strangers who just wait, on the listening sockets of both sides. */
START_TEST(test_strangers_keep_nobody_out) {
	struct kit_world w;
	int fds[80], count = 0;
	world_init(&w, 0, false, true, tcp_alone);
	for (struct driver *d = w.loop->drivers; d; d = d->next) {
		for (struct listener *l = d->streams.listeners; l; l = l->next) {
			struct sockaddr_storage addr;
			listener_address(l, &addr);
			for (int i = 0; l->fd >= 0 && i < 40; i++) {
				fds[count] = socket(AF_INET, SOCK_STREAM, 0);
				ck_assert_int_eq(connect(fds[count++], (const struct sockaddr *)&addr, address_len(&addr)), 0);
				ev_run(sluice_loop_ev(w.loop), EVRUN_NOWAIT);
			}
		}
	}
	ck_assert_int_eq(count, 80);
	kit_negotiate(&w.a, &w.b);
	KIT_RUN_UNTIL(w.loop, kit_is_open(&w.a, &w.b));
	for (int i = 0; i < count; i++)
		close(fds[i]);
	kit_world_free(&w);
}
END_TEST

/* RFC 4571's length, then one byte at a time: what one byte costs does not depend on how many came before. */
static void *counting_alloc(void *ctx, size_t size) {
	*(size_t *)ctx += size;
	return malloc(size);
}
static void counting_free(void *ctx, void *p) {
	(void)ctx;
	free(p);
}

START_TEST(test_a_frame_that_drips_in_byte_by_byte_is_not_copied_for_each) {
	enum { LEN = 20000 };
	static uint8_t frame[2 + LEN];
	size_t allocated = 0;
	const sluice_env_config config = {.allocator = {counting_alloc, counting_free, &allocated}, .cache_limit = 1};
	const sluice_gather_config gather = {
		.size = sizeof gather, .bind = (const struct sockaddr *)&localhost, .bind_len = sizeof localhost, .tcp = true};
	struct kit_world w;
	struct sockaddr_storage addr;
	ck_assert_int_eq(sluice_env_new(&config, &w.env), 0);
	ck_assert_int_eq(sluice_loop_new(w.env, NULL, &w.loop), 0);
	kit_end_init(&w.a, w.env, w.loop, NULL);
	kit_end_init(&w.b, w.env, w.loop, NULL);
	ck_assert_int_eq(sluice_loop_gather(w.loop, w.a.peer, &gather), 0);
	struct listener *l = passive_of(&w);
	listener_address(l, &addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	ck_assert_int_eq(connect(fd, (const struct sockaddr *)&addr, address_len(&addr)), 0);
	ck_assert_int_eq(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
	KIT_RUN_UNTIL(w.loop, l->connections == 1);
	const struct stream *s = l->streams->first;
	frame[0] = LEN >> 8;
	frame[1] = LEN & 255;
	ck_assert_int_eq(send(fd, frame, 3, 0), 3);
	KIT_RUN_UNTIL(w.loop, s->partial_len == 3);
	size_t before = allocated;
	for (size_t i = 3; i < LEN + 1; i++) {
		ck_assert_int_eq(send(fd, frame + i, 1, 0), 1);
		while (s->partial_len == i)
			ev_run(sluice_loop_ev(w.loop), EVRUN_ONCE);
	}
	ck_assert_msg(allocated - before < 6 * LEN, "%zu bytes allocated for %d", allocated - before, LEN);
	ck_assert_uint_eq(s->partial_len, LEN + 1);
	ck_assert_int_eq(send(fd, frame + LEN + 1, 1, 0), 1);
	KIT_RUN_UNTIL(w.loop, s->partial_len == 0);
	ck_assert(loop_check(w.loop));
	close(fd);
	kit_world_free(&w);
}
END_TEST

SUITE("stream", test_a_frame_that_drips_in_byte_by_byte_is_not_copied_for_each, test_strangers_keep_nobody_out,
      test_two_peers_talk_through_a_turn_server_over_tcp, test_two_peers_talk_through_a_turn_server_over_tls,
      test_the_end_of_tls_alone_is_noticed, test_a_server_that_nobody_vouches_for_is_not_used,
      test_any_server_is_used_by_who_does_not_care,
      test_a_file_of_authorities_that_is_not_there_is_said_at_once_and_one_of_none_trusts_nobody,
      test_a_peer_on_an_endpoint_talks_through_a_turn_server_over_tls, test_a_server_that_is_of_no_use_holds_nobody_up,
      test_a_refused_connection_is_no_candidate, test_a_peer_is_freed_while_its_stream_comes_up,
      test_two_peers_talk_over_tcp_alone, test_udp_and_tcp_live_side_by_side,
      test_strangers_connections_are_bounded_and_nonsense_ends_them)
