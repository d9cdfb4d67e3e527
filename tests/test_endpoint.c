/* One port for many peers: does every datagram reach its peer and no other, and does a stranger gain nothing? */
#include "base/address.h"
#include "loop/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ice/stun.h"
#include "loop/socket.h"
#include "loop_kit.h"
#include "pool/env.h"
#include "suite.h"

/* In front of the C library's: a socket that is full. */
static unsigned full, refused;

static bool refuses(void) {
	if (!full)
		return false;
	full--;
	refused++;
	errno = EAGAIN;
	return true;
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags) {
	return refuses() ? -1 : syscall(SYS_sendmsg, fd, m, flags);
}

ssize_t sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to, socklen_t to_len) {
	return refuses() ? -1 : syscall(SYS_sendto, fd, data, len, flags, to, to_len);
}

static const struct sockaddr_in localhost = {.sin_family = AF_INET, .sin_addr.s_addr = __builtin_bswap32(INADDR_LOOPBACK)};

/* Servers share an endpoint; clients gather on localhost. */
struct world {
	sluice_env *env;
	sluice_loop *loop;
	sluice_endpoint *e;
	sluice_certificate *certificate;
};

static sluice_endpoint_config on_localhost(void) {
	return (sluice_endpoint_config){
		.size = sizeof(sluice_endpoint_config),
		.socket = {.local = (const struct sockaddr *)&localhost, .local_len = sizeof localhost},
	};
}

static void world_init(struct world *w, const sluice_endpoint_config *config) {
	sluice_endpoint_config c = config ? *config : on_localhost();
	*w = (struct world){0};
	ck_assert_int_eq(sluice_env_new(NULL, &w->env), 0);
	ck_assert_int_eq(sluice_loop_new(w->env, NULL, &w->loop), 0);
	ck_assert_int_eq(sluice_endpoint_new(w->loop, &c, &w->e), 0);
	ck_assert_int_eq(sluice_certificate_generate(&w->certificate), 0);
}

static void world_free(struct world *w) {
	ck_assert(loop_check(w->loop));
	sluice_endpoint_free(w->e);
	sluice_loop_free(w->loop);
	sluice_certificate_release(w->certificate);
	ck_assert_uint_eq(w->env->blocks.live, 0);
	ck_assert_uint_eq(w->env->slabs_live, 0);
	sluice_env_free(w->env);
}

static void make_end(struct world *w, struct kit_end *e, bool lite) {
	sluice_peer_config c;
	sluice_peer_config_init(&c);
	c.certificate = w->certificate;
	c.ice.lite = lite;
	kit_end_init(e, w->env, w->loop, &c);
}

static void make_server(struct world *w, struct kit_end *e, bool lite) {
	make_end(w, e, lite);
	ck_assert_int_eq(sluice_endpoint_add(w->e, e->peer), 0);
}

static void make_client(struct world *w, struct kit_end *e) {
	const sluice_gather_config config = {
		.size = sizeof config, .bind = (const struct sockaddr *)&localhost, .bind_len = sizeof localhost};
	make_end(w, e, false);
	ck_assert_int_eq(sluice_loop_gather(w->loop, e->peer, &config), 0);
}

static sluice_endpoint_stats stats_of(const struct world *w) {
	sluice_endpoint_stats s;
	sluice_endpoint_stats_get(w->e, &s);
	return s;
}

static void make_two_couples(struct world *w, struct kit_end clients[2], struct kit_end servers[2]) {
	for (int i = 0; i < 2; i++) {
		make_server(w, &servers[i], false);
		make_client(w, &clients[i]);
		kit_negotiate(&clients[i], &servers[i]);
	}
	KIT_RUN_UNTIL(w->loop, kit_is_open(&clients[0], &servers[0]) && kit_is_open(&clients[1], &servers[1]));
}

static void couple_free(struct kit_end *client, struct kit_end *server) {
	kit_end_free(client);
	kit_end_free(server);
}

START_TEST(test_a_peer_on_an_endpoint_talks_whether_it_offers_or_answers_and_as_lite) {
	for (int kind = 0; kind < 3; kind++) {
		struct world w;
		struct kit_end client, server;
		world_init(&w, NULL);
		make_server(&w, &server, kind == 2);
		make_client(&w, &client);
		if (kind == 1)
			kit_negotiate(&server, &client);
		else
			kit_negotiate(&client, &server);
		KIT_RUN_UNTIL(w.loop, kit_is_open(&client, &server));
		server.echo = true;
		kit_send(&client, 10, 5000);
		KIT_RUN_UNTIL(w.loop, client.messages == 10);
		ck_assert_uint_eq(stats_of(&w).peers, 1);
		ck_assert_uint_ge(stats_of(&w).addresses, 1);
		couple_free(&client, &server);
		ck_assert_uint_eq(stats_of(&w).peers, 0);
		ck_assert_uint_eq(stats_of(&w).addresses, 0);
		world_free(&w);
	}
}
END_TEST

static uint64_t room_of(const struct kit_end *e) {
	sluice_peer_stats s;
	sluice_peer_stats_get(e->peer, &s);
	return s.receive_room;
}

START_TEST(test_peers_of_a_port_share_its_buffer_while_they_send) {
	enum { COUPLES = 4 };
	struct kit_end clients[COUPLES], servers[COUPLES];
	struct world w;
	sluice_endpoint_config config = on_localhost();
	config.socket.receive_buffer = 1 << 20;
	world_init(&w, &config);
	for (int i = 0; i < COUPLES; i++) {
		make_server(&w, &servers[i], false);
		ck_assert_uint_ge(room_of(&servers[i]), 1 << 20);
		make_client(&w, &clients[i]);
		kit_negotiate(&clients[i], &servers[i]);
	}
	for (int i = 0; i < COUPLES; i++)
		KIT_RUN_UNTIL(w.loop, kit_is_open(&clients[i], &servers[i]));
	uint64_t alone = w.e->sockets->udp.receive_buffer;
	/* All of them at once, and then one of them alone. */
	uint64_t until = sluice_now() + SLUICE_S;
	for (unsigned n = 1; sluice_now() < until || room_of(&servers[0]) != alone / COUPLES; n++) {
		for (int i = 0; i < COUPLES; i++)
			kit_send(&clients[i], 1, 1000);
		KIT_RUN_UNTIL(w.loop, servers[0].messages == n && servers[COUPLES - 1].messages == n);
		ck_assert_uint_lt(sluice_now(), until + 20 * SLUICE_S);
	}
	until = sluice_now() + SLUICE_S;
	for (unsigned before; sluice_now() < until || room_of(&servers[0]) != alone;) {
		before = servers[0].messages;
		kit_send(&clients[0], 1, 1000);
		KIT_RUN_UNTIL(w.loop, servers[0].messages > before);
		ck_assert_uint_lt(sluice_now(), until + 20 * SLUICE_S);
	}
	ck_assert_uint_eq(stats_of(&w).socket_drops, 0);
	for (int i = 0; i < COUPLES; i++)
		couple_free(&clients[i], &servers[i]);
	world_free(&w);
}
END_TEST

START_TEST(test_many_peers_share_a_port_and_each_hears_its_own) {
	enum { COUPLES = 50 };
	static struct kit_end clients[COUPLES], servers[COUPLES];
	struct world w;
	world_init(&w, NULL);
	for (int i = 0; i < COUPLES; i++) {
		make_server(&w, &servers[i], i % 2);
		make_client(&w, &clients[i]);
		kit_negotiate(&clients[i], &servers[i]);
	}
	for (int i = 0; i < COUPLES; i++)
		KIT_RUN_UNTIL(w.loop, kit_is_open(&clients[i], &servers[i]));
	for (int i = 0; i < COUPLES; i++) {
		kit_send(&clients[i], 1, 100 + (size_t)i);
		kit_send(&servers[i], 1, 1000 + (size_t)i);
	}
	for (int i = 0; i < COUPLES; i++) {
		KIT_RUN_UNTIL(w.loop, clients[i].messages == 1 && servers[i].messages == 1);
		ck_assert_uint_eq(clients[i].bytes, 1000 + (unsigned)i);
		ck_assert_uint_eq(servers[i].bytes, 100 + (unsigned)i);
	}
	ck_assert_uint_eq(stats_of(&w).peers, COUPLES);
	for (int i = 0; i < COUPLES; i++)
		couple_free(&clients[i], &servers[i]);
	world_free(&w);
}
END_TEST

#define BULK 128
#define BULK_MESSAGE 65536

/* The window and the packets grow before anything is counted. */
static void grow(struct world *w, struct kit_end *client, struct kit_end *server) {
	sluice_channel_set_high_water(client->ch, 16 << 20);
	for (unsigned i = 1; i <= 4; i++) {
		kit_send(client, BULK / 4, BULK_MESSAGE);
		KIT_RUN_UNTIL(w->loop, server->messages == i * BULK / 4);
	}
}

/* A read brings four of the large datagrams, and each SACK is for four reads. */
START_TEST(test_reads_of_one_member_that_follow_each_other_are_answered_together) {
	struct world w;
	struct kit_end client, server;
	sluice_peer_stats before, after;
	world_init(&w, NULL);
	make_server(&w, &server, false);
	make_client(&w, &client);
	kit_negotiate(&client, &server);
	KIT_RUN_UNTIL(w.loop, kit_is_open(&client, &server));
	grow(&w, &client, &server);
	sluice_peer_stats_get(server.peer, &before);
	kit_send(&client, BULK, BULK_MESSAGE);
	KIT_RUN_UNTIL(w.loop, server.messages == 2 * BULK);
	sluice_peer_stats_get(server.peer, &after);
	uint64_t packets = after.sctp.packets_received - before.sctp.packets_received;
	uint64_t sacks = after.sctp.sacks_sent - before.sctp.sacks_sent;
	ck_assert_msg(sacks * 6 <= packets, "%u SACKs for %u packets", (unsigned)sacks, (unsigned)packets);
	couple_free(&client, &server);
	world_free(&w);
}
END_TEST

struct bystander {
	struct kit_end *other;
	unsigned messages;
};

/* The other member goes while its answers wait, or this one's do. */
static void free_the_other(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	struct bystander *b = user;
	(void)ch, (void)m, (void)text;
	if (++b->messages < BULK / 2 || !b->other->peer)
		return;
	sluice_peer_free(b->other->peer);
	b->other->peer = NULL;
}

START_TEST(test_a_member_that_is_freed_by_another_one_s_callback_in_the_middle_of_bulk_takes_nothing_along) {
	const sluice_channel_callbacks killer = {.on_message = free_the_other};
	struct world w;
	struct kit_end clients[2], servers[2];
	struct bystander killing = {.other = &servers[1]};
	world_init(&w, NULL);
	make_two_couples(&w, clients, servers);
	for (int i = 0; i < 2; i++)
		grow(&w, &clients[i], &servers[i]);
	sluice_channel_set_callbacks(servers[0].ch, &killer, &killing);
	for (int i = 0; i < 2; i++)
		kit_send(&clients[i], BULK, BULK_MESSAGE);
	KIT_RUN_UNTIL(w.loop, killing.messages == BULK);
	ck_assert_ptr_null(servers[1].peer);
	ck_assert_uint_eq(stats_of(&w).peers, 1);
	for (int i = 0; i < 2; i++)
		couple_free(&clients[i], &servers[i]);
	world_free(&w);
}
END_TEST

START_TEST(test_a_peer_keeps_its_port_over_a_restart_of_ice) {
	struct world w;
	struct kit_end client, server;
	world_init(&w, NULL);
	make_server(&w, &server, false);
	make_client(&w, &client);
	kit_negotiate(&client, &server);
	KIT_RUN_UNTIL(w.loop, kit_is_open(&client, &server));
	for (unsigned round = 1; round <= 3; round++) {
		kit_restart(round % 2 ? &client : &server, round % 2 ? &server : &client);
		for (unsigned i = 1; i <= 20; i++) {
			kit_send(&client, 1, 1000);
			KIT_RUN_UNTIL(w.loop, server.messages == (round - 1) * 20 + i);
		}
	}
	couple_free(&client, &server);
	world_free(&w);
}
END_TEST

/* ---- strangers ---- */

static int stranger(const struct world *w) {
	struct sockaddr_storage addr;
	socklen_t len;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	ck_assert_int_eq(sluice_endpoint_address(w->e, &addr, &len), 0);
	ck_assert_int_eq(connect(fd, (const struct sockaddr *)&addr, len), 0);
	return fd;
}

static size_t request(uint8_t *out, size_t size, const char *username, const char *password) {
	struct stun_writer s;
	stun_begin(&s, out, size, STUN_REQUEST, STUN_BINDING, (const uint8_t *)"abcdefghijkl");
	stun_put(&s, STUN_ATTR_USERNAME, username, strlen(username));
	stun_put32(&s, STUN_ATTR_PRIORITY, 1);
	stun_put64(&s, STUN_ATTR_ICE_CONTROLLING, 1);
	return stun_end(&s, password, strlen(password), true);
}

START_TEST(test_what_is_nobody_s_is_counted) {
	struct world w;
	uint8_t bytes[200];
	world_init(&w, NULL);
	int fd = stranger(&w);
	size_t len = request(bytes, sizeof bytes, "nobody:me", "a password of someone");
	ck_assert_int_eq(send(fd, bytes, len, 0), (ssize_t)len);
	ck_assert_int_eq(send(fd, "\x16\xfe\xfd", 3, 0), 3);
	ck_assert_int_eq(send(fd, "", 0, 0), 0);
	KIT_RUN_UNTIL(w.loop, stats_of(&w).datagrams_received == 3);
	ck_assert_uint_eq(stats_of(&w).unknown_ufrags, 1);
	ck_assert_uint_eq(stats_of(&w).strays, 2);
	close(fd);
	world_free(&w);
}
END_TEST

START_TEST(test_who_knows_a_ufrag_but_no_password_becomes_nobody) {
	struct world w;
	struct kit_end client, server;
	uint8_t bytes[200];
	char username[300];
	world_init(&w, NULL);
	make_server(&w, &server, false);
	make_client(&w, &client);
	kit_negotiate(&client, &server);
	KIT_RUN_UNTIL(w.loop, kit_is_open(&client, &server));
	uint64_t addresses = stats_of(&w).addresses;
	int fd = stranger(&w);
	snprintf(username, sizeof username, "%s:%s", sluice_peer_ufrag(server.peer), sluice_peer_ufrag(client.peer));
	size_t len = request(bytes, sizeof bytes, username, "not the right password, surely");
	ck_assert_int_eq(send(fd, bytes, len, 0), (ssize_t)len);
	ck_assert_int_eq(send(fd, "\x17\xfe\xfd", 3, 0), 3);
	KIT_RUN_UNTIL(w.loop, stats_of(&w).strays == 1);
	ck_assert_uint_eq(stats_of(&w).unknown_ufrags, 0);
	ck_assert_uint_eq(stats_of(&w).addresses, addresses);
	close(fd);
	couple_free(&client, &server);
	world_free(&w);
}
END_TEST

static const char secret[] = "thisisthesecretofthesecond";

/* A peer on the endpoint whose credentials the test knows. */
static void make_known_server(struct world *w, struct kit_end *e, bool lite) {
	sluice_peer_config c;
	sluice_peer_config_init(&c);
	c.certificate = w->certificate;
	c.ice.lite = lite;
	c.ufrag = "thesecond";
	c.pwd = secret;
	kit_end_init(e, w->env, w->loop, &c);
	ck_assert_int_eq(sluice_endpoint_add(w->e, e->peer), 0);
}

static struct driver *driver_of(const struct world *w, const struct kit_end *e) {
	for (struct driver *d = w->loop->drivers; d; d = d->next)
		if (d->peer == e->peer)
			return d;
	ck_abort_msg("it has no driver");
	return NULL;
}

static const struct kit_end *owner_of(const struct world *w, const struct kit_end *client, const struct kit_end *servers) {
	struct sockaddr_storage addr;
	socklen_t len;
	ck_assert_int_eq(sluice_loop_local_address(w->loop, client->peer, &addr, &len), 0);
	struct demux_member *m = demux_by_address(&w->e->demux, &addr);
	for (int i = 0; m && i < 2; i++)
		if (m == &((struct member *)driver_of(w, &servers[i])->place_data)->demux)
			return &servers[i];
	return NULL;
}

/* Sends it from the client's own socket, as who forges its source address would. */
static void send_as(struct world *w, const struct kit_end *client, const uint8_t *bytes, size_t len) {
	struct sockaddr_storage addr;
	socklen_t addr_len;
	uint64_t strays = stats_of(w).strays;
	int fd = driver_of(w, client)->sockets->udp.fd, mark = stranger(w);
	ck_assert_int_eq(sluice_endpoint_address(w->e, &addr, &addr_len), 0);
	ck_assert_int_eq(sendto(fd, bytes, len, 0, (const struct sockaddr *)&addr, addr_len), (ssize_t)len);
	ck_assert_int_eq(send(mark, "?", 1, 0), 1);
	KIT_RUN_UNTIL(w->loop, stats_of(w).strays > strays); /* what was sent before it has been read then */
	close(mark);
}

START_TEST(test_a_forged_source_address_takes_no_traffic_from_whose_it_is) {
	for (int lite = 0; lite < 2; lite++) {
		struct world w;
		struct kit_end clients[2], servers[2];
		uint8_t bytes[200];
		char username[300];
		world_init(&w, NULL);
		make_server(&w, &servers[0], lite);
		make_known_server(&w, &servers[1], lite);
		for (int i = 0; i < 2; i++) {
			make_client(&w, &clients[i]);
			kit_negotiate(&clients[i], &servers[i]);
			KIT_RUN_UNTIL(w.loop, kit_is_open(&clients[i], &servers[i]));
		}
		ck_assert_ptr_eq(owner_of(&w, &clients[0], servers), &servers[0]);
		snprintf(username, sizeof username, "thesecond:%s", sluice_peer_ufrag(clients[1].peer));
		/* First by a stranger, then by one who has a connection of its own, and so a password. */
		send_as(&w, &clients[0], bytes, request(bytes, sizeof bytes, username, "not the right password, surely"));
		ck_assert_ptr_eq(owner_of(&w, &clients[0], servers), &servers[0]);
		send_as(&w, &clients[0], bytes, request(bytes, sizeof bytes, username, secret));
		ck_assert_ptr_eq(owner_of(&w, &clients[0], servers), &servers[0]);
		for (int i = 0; i < 2; i++) {
			kit_send(&clients[i], 10, 5000);
			kit_send(&servers[i], 10, 5000);
		}
		for (int i = 0; i < 2; i++)
			KIT_RUN_UNTIL(w.loop, clients[i].messages == 10 && servers[i].messages == 10);
		for (int i = 0; i < 2; i++)
			couple_free(&clients[i], &servers[i]);
		world_free(&w);
	}
}
END_TEST

/* A program that starts anew, with the port that it always has; its last connection is not over on this side yet. */
START_TEST(test_a_client_that_comes_again_from_the_same_port_is_connected_at_once) {
	struct world w;
	struct kit_end clients[2], servers[2];
	struct sockaddr_storage addr;
	socklen_t len;
	uint8_t bytes[200];
	char ufrag[257], username[600];
	world_init(&w, NULL);
	make_server(&w, &servers[0], false);
	make_server(&w, &servers[1], false);
	make_client(&w, &clients[0]);
	kit_negotiate(&clients[0], &servers[0]);
	KIT_RUN_UNTIL(w.loop, kit_is_open(&clients[0], &servers[0]));
	ck_assert_int_eq(sluice_loop_local_address(w.loop, clients[0].peer, &addr, &len), 0);
	snprintf(ufrag, sizeof ufrag, "%s", sluice_peer_ufrag(clients[0].peer));
	kit_end_free(&clients[0]);
	sluice_gather_config again = {.size = sizeof again, .bind = (const struct sockaddr *)&addr, .bind_len = len};
	make_end(&w, &clients[1], false);
	ck_assert_int_eq(sluice_loop_gather(w.loop, clients[1].peer, &again), 0);
	uint64_t begin = sluice_now();
	kit_negotiate(&clients[1], &servers[1]);
	KIT_RUN_UNTIL(w.loop, kit_is_open(&clients[1], &servers[1]));
	ck_assert_uint_lt(sluice_now() - begin, 20 * SLUICE_S);
	ck_assert_ptr_eq(owner_of(&w, &clients[1], servers), &servers[1]);
	ck_assert_uint_eq(servers[0].over, 0);
	/* Without its password nobody gets the address back for the first one, though it was the first one's. */
	snprintf(username, sizeof username, "%s:%s", sluice_peer_ufrag(servers[0].peer), ufrag);
	send_as(&w, &clients[1], bytes, request(bytes, sizeof bytes, username, "not the right password, surely"));
	ck_assert_ptr_eq(owner_of(&w, &clients[1], servers), &servers[1]);
	kit_send(&clients[1], 10, 5000);
	KIT_RUN_UNTIL(w.loop, servers[1].messages == 10);
	couple_free(&clients[1], &servers[1]);
	kit_end_free(&servers[0]);
	world_free(&w);
}
END_TEST

/* ---- the hook ---- */

struct doorman {
	struct kit_end *server; /* who is let in */
	unsigned asked, refused;
	char ufrag[300];
};

static bool let_in(sluice_endpoint *e, const char *ufrag, const char *remote_ufrag, const struct sockaddr *from, void *user) {
	struct doorman *d = user;
	ck_assert_int_eq(from->sa_family, AF_INET);
	ck_assert_uint_gt(strlen(remote_ufrag), 0);
	d->asked++;
	if (strcmp(ufrag, d->ufrag) != 0) {
		d->refused++;
		return false;
	}
	ck_assert_int_eq(sluice_endpoint_add(e, d->server->peer), 0);
	return true;
}

START_TEST(test_a_hook_lets_a_peer_in_at_the_first_request_that_names_it) {
	struct world w;
	struct doorman d = {0};
	struct kit_end client, server;
	uint8_t bytes[200];
	sluice_endpoint_config config = on_localhost();
	config.on_unknown_ufrag = let_in;
	config.user = &d;
	world_init(&w, &config);
	make_end(&w, &server, true);
	make_client(&w, &client);
	d.server = &server;
	snprintf(d.ufrag, sizeof d.ufrag, "%s", sluice_peer_ufrag(server.peer));
	int fd = stranger(&w);
	size_t len = request(bytes, sizeof bytes, "nobody:me", "a password of someone");
	ck_assert_int_eq(send(fd, bytes, len, 0), (ssize_t)len);
	KIT_RUN_UNTIL(w.loop, d.asked == 1);
	ck_assert_uint_eq(stats_of(&w).unknown_ufrags, 1);
	kit_negotiate(&client, &server);
	/* The server had no address to tell: the client learns it from the app. */
	struct sockaddr_storage addr;
	socklen_t addr_len;
	char candidate[200];
	ck_assert_int_eq(sluice_endpoint_address(w.e, &addr, &addr_len), 0);
	snprintf(candidate, sizeof candidate, "candidate:1 1 udp 2130706431 127.0.0.1 %u typ host", address_port(&addr));
	ck_assert_int_eq(sluice_peer_add_remote_candidate(client.peer, candidate), 0);
	KIT_RUN_UNTIL(w.loop, kit_is_open(&client, &server));
	ck_assert_uint_eq(d.refused, 1);
	ck_assert_uint_eq(d.asked, 2);
	close(fd);
	couple_free(&client, &server);
	world_free(&w);
}
END_TEST

/* ---- life ---- */

START_TEST(test_a_ufrag_is_on_an_endpoint_once_and_a_peer_has_one_driver) {
	struct world w;
	struct kit_end one, two;
	sluice_peer_config c;
	world_init(&w, NULL);
	sluice_peer_config_init(&c);
	c.certificate = w.certificate;
	c.ufrag = "samesame";
	c.pwd = "samesamesamesamesamesame";
	kit_end_init(&one, w.env, w.loop, &c);
	kit_end_init(&two, w.env, w.loop, &c);
	ck_assert_int_eq(sluice_endpoint_add(w.e, one.peer), 0);
	size_t live = w.env->blocks.live;
	ck_assert_int_eq(sluice_endpoint_add(w.e, one.peer), SLUICE_EXISTS);
	ck_assert_int_eq(sluice_endpoint_add(w.e, two.peer), SLUICE_EXISTS);
	ck_assert_uint_eq(w.env->blocks.live, live);
	kit_end_free(&one);
	ck_assert_int_eq(sluice_endpoint_add(w.e, two.peer), 0);
	c.ufrag = c.pwd = NULL;
	c.role = SLUICE_ROLE_SERVER;
	sluice_peer *direct;
	ck_assert_int_eq(sluice_peer_new(w.env, &c, &direct), 0);
	ck_assert_int_eq(sluice_endpoint_add(w.e, direct), SLUICE_INVALID);
	sluice_peer_free(direct);
	kit_end_free(&two);
	world_free(&w);
}
END_TEST

START_TEST(test_an_address_in_use_is_an_error) {
	struct world w;
	struct sockaddr_storage addr;
	sluice_endpoint *other;
	world_init(&w, NULL);
	sluice_endpoint_config c = on_localhost();
	ck_assert_int_eq(sluice_endpoint_address(w.e, &addr, &c.socket.local_len), 0);
	c.socket.local = (const struct sockaddr *)&addr;
	size_t live = w.env->blocks.live;
	ck_assert_int_eq(sluice_endpoint_new(w.loop, &c, &other), SLUICE_IO);
	ck_assert_int_eq(errno, EADDRINUSE);
	c.size = 0;
	ck_assert_int_eq(sluice_endpoint_new(w.loop, &c, &other), SLUICE_INVALID);
	ck_assert_uint_eq(w.env->blocks.live, live);
	world_free(&w);
}
END_TEST

START_TEST(test_an_any_address_is_a_socket_on_each_address_with_one_port) {
	struct world w;
	struct sockaddr_storage addr, bound;
	socklen_t len;
	struct kit_end client, server;
	const sluice_gather_config gather = {.size = sizeof gather, .loopback = true};
	sluice_endpoint_config config = {.size = sizeof config, .loopback = true};
	unsigned v4_loopback = 0;
	world_init(&w, &config);
	ck_assert_int_eq(sluice_endpoint_address(w.e, &addr, &len), 0);
	ck_assert_uint_ne(address_port(&addr), 0);
	for (sluice_socket *s = w.e->sockets; s; s = s->next_owned) {
		ck_assert_int_eq(sluice_socket_address(s, &bound, &len), 0);
		ck_assert_uint_eq(address_port(&bound), address_port(&addr));
		ck_assert(!address_is_any(&bound));
		v4_loopback += bound.ss_family == AF_INET && address_is_loopback(&bound);
	}
	ck_assert_uint_eq(v4_loopback, 1);
	make_server(&w, &server, false);
	make_end(&w, &client, false);
	ck_assert_int_eq(sluice_loop_gather(w.loop, client.peer, &gather), 0);
	kit_negotiate(&client, &server);
	KIT_RUN_UNTIL(w.loop, kit_is_open(&client, &server));
	couple_free(&client, &server);
	world_free(&w);
}
END_TEST

START_TEST(test_a_peer_may_be_freed_in_its_own_callback_and_the_others_go_on) {
	struct world w;
	struct kit_end clients[2], servers[2];
	world_init(&w, NULL);
	make_two_couples(&w, clients, servers);
	servers[0].free_at_message = true;
	kit_send(&clients[0], 20, 20000);
	KIT_RUN_UNTIL(w.loop, !servers[0].peer);
	kit_send(&clients[1], 20, 20000);
	KIT_RUN_UNTIL(w.loop, servers[1].messages == 20);
	for (int i = 0; i < 2; i++)
		couple_free(&clients[i], &servers[i]);
	world_free(&w);
}
END_TEST

START_TEST(test_a_peer_may_be_freed_in_each_of_its_callbacks_and_the_endpoint_forgets_it) {
	bool reached = true;
	for (unsigned n = 1; reached; n++) {
		struct world w;
		struct kit_end client, server;
		world_init(&w, NULL);
		make_server(&w, &server, n % 2);
		make_client(&w, &client);
		server.free_at_callback = n;
		kit_live(&client, &server, &server);
		reached = !server.peer;
		ck_assert(reached || server.callbacks < n);
		ck_assert(reached || n > 10);
		ck_assert_uint_eq(stats_of(&w).peers, !reached);
		couple_free(&client, &server);
		ck_assert_uint_eq(stats_of(&w).addresses, 0);
		world_free(&w);
	}
}
END_TEST

static sluice_endpoint *to_free;

static void free_endpoint(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	(void)ch;
	(void)m;
	(void)text;
	++*(unsigned *)user;
	sluice_endpoint_free(to_free);
}

START_TEST(test_an_endpoint_may_be_freed_in_a_callback_of_its_peer_and_its_peers_stay) {
	struct world w;
	struct kit_end client, server;
	unsigned freed = 0;
	world_init(&w, NULL);
	make_server(&w, &server, false);
	make_client(&w, &client);
	kit_negotiate(&client, &server);
	KIT_RUN_UNTIL(w.loop, kit_is_open(&client, &server));
	const sluice_channel_callbacks killer = {.on_message = free_endpoint};
	sluice_channel_set_callbacks(server.ch, &killer, &freed);
	to_free = w.e;
	kit_send(&client, 1, 100);
	KIT_RUN_UNTIL(w.loop, freed == 1);
	w.e = NULL;
	kit_send(&server, 1, 100); /* to nowhere */
	for (int i = 0; i < 10; i++)
		ev_run(sluice_loop_ev(w.loop), EVRUN_NOWAIT);
	couple_free(&client, &server);
	world_free(&w);
}
END_TEST

START_TEST(test_a_loop_is_freed_with_an_endpoint_and_peers_on_it) {
	struct world w;
	struct kit_end client, server;
	world_init(&w, NULL);
	make_server(&w, &server, false);
	make_client(&w, &client);
	kit_negotiate(&client, &server);
	for (int i = 0; i < 5; i++)
		ev_run(sluice_loop_ev(w.loop), EVRUN_NOWAIT);
	sluice_loop_free(w.loop);
	couple_free(&client, &server);
	sluice_certificate_release(w.certificate);
	ck_assert_uint_eq(w.env->blocks.live, 0);
	sluice_env_free(w.env);
}
END_TEST

START_TEST(test_peers_that_wait_for_a_full_socket_all_get_their_turn_and_nothing_is_lost) {
	enum { COUPLES = 5 };
	struct kit_end clients[COUPLES], servers[COUPLES];
	struct world w;
	world_init(&w, NULL);
	for (int i = 0; i < COUPLES; i++) {
		make_server(&w, &servers[i], true);
		make_client(&w, &clients[i]);
		kit_negotiate(&clients[i], &servers[i]);
	}
	for (int i = 0; i < COUPLES; i++)
		KIT_RUN_UNTIL(w.loop, kit_is_open(&clients[i], &servers[i]));
	for (unsigned round = 1; round <= 20; round++) {
		for (int i = 0; i < COUPLES; i++)
			kit_send(&servers[i], 2, 30000);
		full = round % 3 + 1;
		for (int i = 0; i < COUPLES; i++)
			KIT_RUN_UNTIL(w.loop, clients[i].messages == 2 * round);
	}
	ck_assert_uint_ge(refused, 20);
	for (int i = 0; i < COUPLES; i++) {
		sluice_peer_stats s;
		sluice_peer_stats_get(servers[i].peer, &s);
		ck_assert_uint_eq(s.sctp.timeouts, 0);
		couple_free(&clients[i], &servers[i]);
	}
	world_free(&w);
}
END_TEST

/* Beside the peer itself: its driver, its membership, its name. */
START_TEST(test_thousands_of_peers_stand_on_an_endpoint_at_little_cost) {
	enum { PEERS = 2000 };
	static struct kit_end servers[PEERS];
	struct world w;
	world_init(&w, NULL);
	for (int i = 0; i < PEERS; i++)
		make_server(&w, &servers[i], true);
	ck_assert_uint_eq(stats_of(&w).peers, PEERS);
	ck_assert_uint_lt(sizeof(struct driver) + sizeof(struct member), 400);
	for (int i = 0; i < PEERS; i++)
		kit_end_free(&servers[i]);
	world_free(&w);
}
END_TEST

SUITE("endpoint", test_a_peer_on_an_endpoint_talks_whether_it_offers_or_answers_and_as_lite,
      test_peers_of_a_port_share_its_buffer_while_they_send, test_many_peers_share_a_port_and_each_hears_its_own,
      test_reads_of_one_member_that_follow_each_other_are_answered_together,
      test_a_member_that_is_freed_by_another_one_s_callback_in_the_middle_of_bulk_takes_nothing_along,
      test_a_peer_keeps_its_port_over_a_restart_of_ice, test_what_is_nobody_s_is_counted,
      test_who_knows_a_ufrag_but_no_password_becomes_nobody, test_a_forged_source_address_takes_no_traffic_from_whose_it_is,
      test_a_client_that_comes_again_from_the_same_port_is_connected_at_once,
      test_a_hook_lets_a_peer_in_at_the_first_request_that_names_it,
      test_a_ufrag_is_on_an_endpoint_once_and_a_peer_has_one_driver, test_an_address_in_use_is_an_error,
      test_an_any_address_is_a_socket_on_each_address_with_one_port,
      test_a_peer_may_be_freed_in_its_own_callback_and_the_others_go_on,
      test_a_peer_may_be_freed_in_each_of_its_callbacks_and_the_endpoint_forgets_it,
      test_an_endpoint_may_be_freed_in_a_callback_of_its_peer_and_its_peers_stay,
      test_a_loop_is_freed_with_an_endpoint_and_peers_on_it,
      test_peers_that_wait_for_a_full_socket_all_get_their_turn_and_nothing_is_lost,
      test_thousands_of_peers_stand_on_an_endpoint_at_little_cost)
