/* The libev driver over real sockets on loopback: does everything that a peer has to say leave, and does the loop let go of
 * peers that are gone? */
#include "loop/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loop/ev.h"
#include "pool/env.h"
#include "suite.h"

/* ---- a socket that is full ---- */

/* Loopback never is, so here stands the system call itself in front of libc's: while `full`, it says so. */
static unsigned full, refused;
static in_port_t broken_port; /* sends from here fail for good */

static bool is_broken(int fd) {
	struct sockaddr_in in = {0};
	socklen_t len = sizeof in;
	return broken_port && getsockname(fd, (struct sockaddr *)&in, &len) == 0 && in.sin_port == broken_port;
}

static bool refuses(int fd) {
	if (full) {
		full--;
		refused++;
		errno = EAGAIN;
		return true;
	}
	errno = EBADF;
	return is_broken(fd);
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags) {
	return refuses(fd) ? -1 : syscall(SYS_sendmsg, fd, m, flags);
}

ssize_t sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to, socklen_t to_len) {
	return refuses(fd) ? -1 : syscall(SYS_sendto, fd, data, len, flags, to, to_len);
}

/* ---- two peers ---- */

struct end {
	sluice_env *env;
	sluice_loop *loop;
	sluice_peer *peer;
	sluice_channel *ch;
	sluice_socket *socket;
	struct sockaddr_storage address;
	socklen_t address_len;
	sluice_certificate *certificate;
	struct end *other;
	bool echo, free_at_message, close_at_message, stop_at_message, free_when_over;
	unsigned connected, over, opened, messages;
	uint64_t bytes, expected;
};

static void on_message(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	struct end *e = user;
	(void)text;
	e->messages++;
	e->bytes += m->len;
	if (e->echo)
		ck_assert_int_eq(sluice_channel_send(ch, sluice_message_data(m), m->len), 0);
	if (e->close_at_message && e->bytes >= e->expected)
		sluice_peer_close(e->peer);
	if (e->stop_at_message && e->bytes >= e->expected)
		sluice_loop_stop(e->loop);
	if (e->free_at_message) {
		sluice_peer_free(e->peer);
		e->peer = NULL;
	}
}

static void on_open(sluice_channel *ch, void *user) {
	struct end *e = user;
	(void)ch;
	e->opened++;
}

static const sluice_channel_callbacks callbacks = {.on_open = on_open, .on_message = on_message};

static void on_channel(sluice_peer *p, sluice_channel *ch, void *user) {
	struct end *e = user;
	(void)p;
	e->ch = ch;
	sluice_channel_set_callbacks(ch, &callbacks, e);
}

static void on_state(sluice_peer *p, enum sluice_peer_state state, void *user) {
	struct end *e = user;
	if (state == SLUICE_PEER_CONNECTED)
		e->connected++;
	if (state < SLUICE_PEER_CLOSED)
		return;
	e->over++;
	if (e->free_when_over) {
		sluice_peer_free(p);
		e->peer = NULL;
	}
}

static void end_open(struct end *e, sluice_env *env, sluice_loop *loop, const sluice_socket_config *options) {
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	sluice_socket_config config = options ? *options : (sluice_socket_config){0};
	if (!config.local) {
		config.local = (const struct sockaddr *)&in;
		config.local_len = sizeof in;
	}
	*e = (struct end){.env = env, .loop = loop, .free_when_over = true};
	ck_assert_int_eq(sluice_socket_open(loop, &config, &e->socket), 0);
	ck_assert_int_eq(sluice_socket_address(e->socket, &e->address, &e->address_len), 0);
	ck_assert_int_eq(sluice_certificate_generate(&e->certificate), 0);
}

static void end_start(struct end *e, bool client) {
	sluice_peer_config c;
	sluice_peer_config_init(&c);
	c.role = client ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER;
	c.certificate = e->certificate;
	c.path.remote = e->other->address;
	c.path.remote_len = e->other->address_len;
	c.on_state = on_state;
	c.on_channel = on_channel;
	c.user = e;
	ck_assert_int_eq(sluice_certificate_fingerprint(e->other->certificate, SLUICE_SHA256, &c.remote_fingerprint), 0);
	ck_assert_int_eq(sluice_peer_new(e->env, &c, &e->peer), 0);
	ck_assert_int_eq(sluice_loop_add_socket(e->loop, e->peer, e->socket), 0);
	ck_assert_int_eq(sluice_peer_start(e->peer), 0);
}

struct couple {
	struct end a, b;
};

static void couple_start(struct couple *c, sluice_env *env, sluice_loop *loop_a, sluice_loop *loop_b,
                         const sluice_socket_config *options) {
	end_open(&c->a, env, loop_a, options);
	end_open(&c->b, env, loop_b, options);
	c->a.other = &c->b;
	c->b.other = &c->a;
	end_start(&c->b, false);
	end_start(&c->a, true);
	sluice_channel_config channel = {.label = "test", .id = -1, .callbacks = callbacks, .user = &c->a};
	ck_assert_int_eq(sluice_peer_open_channel(c->a.peer, &channel, &c->a.ch), 0);
}

static void couple_free(struct couple *c) {
	sluice_peer_free(c->a.peer);
	sluice_peer_free(c->b.peer);
	sluice_certificate_release(c->a.certificate);
	sluice_certificate_release(c->b.certificate);
}

/* One environment, one loop, one couple: what most tests want. */
struct world {
	sluice_env *env;
	sluice_loop *loop;
	struct couple c;
};

static void world_init(struct world *w, const sluice_socket_config *options) {
	ck_assert_int_eq(sluice_env_new(NULL, &w->env), 0);
	ck_assert_int_eq(sluice_loop_new(w->env, NULL, &w->loop), 0);
	couple_start(&w->c, w->env, w->loop, w->loop, options);
}

static void world_free(struct world *w) {
	couple_free(&w->c);
	ck_assert(loop_check(w->loop));
	sluice_loop_free(w->loop);
	ck_assert_uint_eq(w->env->blocks.live, 0);
	ck_assert_uint_eq(w->env->slabs_live, 0);
	sluice_env_free(w->env);
}

/* Runs until the condition holds; fails when it does not within a minute. */
#define RUN_UNTIL(loop, condition)                                                                                               \
	do {                                                                                                                     \
		uint64_t limit = sluice_now() + 60 * SLUICE_S;                                                                   \
		while (!(condition)) {                                                                                           \
			ck_assert_msg(sluice_now() < limit, "not within a minute: " #condition);                                 \
			ck_assert(ev_run(sluice_loop_ev(loop), EVRUN_ONCE) || (condition));                                      \
			ck_assert(loop_check(loop));                                                                             \
		}                                                                                                                \
	} while (0)

static void send_bytes(struct end *e, size_t count, size_t size) {
	static uint8_t bytes[65536];
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(sluice_channel_send(e->ch, bytes, size), 0);
}

/* ---- tests ---- */

START_TEST(test_the_clock_moves_forwards) {
	uint64_t before = sluice_now();
	usleep(2000);
	ck_assert_uint_ge(sluice_now(), before + 2 * SLUICE_MS);
}
END_TEST

START_TEST(test_two_peers_on_one_loop_talk_and_the_loop_ends_when_both_are_gone) {
	struct world w;
	world_init(&w, NULL);
	RUN_UNTIL(w.loop, w.c.a.opened && w.c.b.ch);
	w.c.b.echo = true;
	w.c.a.close_at_message = true;
	w.c.a.expected = 1000;
	send_bytes(&w.c.a, 1, 1000);
	sluice_loop_run(w.loop);
	ck_assert_uint_eq(w.c.a.messages, 1);
	ck_assert_uint_eq(w.c.b.messages, 1);
	ck_assert_uint_eq(w.c.a.over, 1);
	ck_assert_uint_eq(w.c.b.over, 1);
	world_free(&w);
}
END_TEST

START_TEST(test_a_loop_without_peers_ends_at_once) {
	sluice_env *env;
	sluice_loop *loop;
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	ck_assert_int_eq(sluice_loop_new(env, NULL, &loop), 0);
	sluice_loop_run(loop);
	sluice_loop_free(loop);
	sluice_env_free(env);
}
END_TEST

START_TEST(test_two_loops_share_the_ev_loop_of_the_app) {
	struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO);
	sluice_env *env;
	sluice_loop *one, *two;
	struct couple c;
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	ck_assert_int_eq(sluice_loop_new(env, ev, &one), 0);
	ck_assert_int_eq(sluice_loop_new(env, ev, &two), 0);
	ck_assert_ptr_eq(sluice_loop_ev(one), ev);
	couple_start(&c, env, one, two, NULL);
	RUN_UNTIL(one, c.a.opened && c.b.ch);
	c.b.close_at_message = true;
	send_bytes(&c.a, 1, 10);
	ev_run(ev, 0);
	ck_assert_uint_eq(c.a.over + c.b.over, 2);
	couple_free(&c);
	sluice_loop_free(one);
	sluice_loop_free(two);
	ev_loop_destroy(ev);
	ck_assert_uint_eq(env->blocks.live, 0);
	sluice_env_free(env);
}
END_TEST

static const sluice_socket_config plain[] = {
	{0},
	{.no_gso = true},
	{.no_gro = true},
	{.no_gso = true, .no_gro = true},
	{.no_gso = true, .no_gro = true, .no_mmsg = true},
};

START_TEST(test_megabytes_pass_with_and_without_offloads) {
	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
		struct world w;
		world_init(&w, &plain[i]);
		RUN_UNTIL(w.loop, w.c.a.opened && w.c.b.ch);
		sluice_channel_set_high_water(w.c.a.ch, 16 << 20);
		send_bytes(&w.c.a, 128, 65536);
		RUN_UNTIL(w.loop, w.c.b.bytes == 128 * 65536);
		sluice_peer_close(w.c.a.peer);
		sluice_loop_run(w.loop);
		world_free(&w);
	}
}
END_TEST

/* The socket holds several reads of four large datagrams, and each SACK is for as many of them as of small ones: sixteen. */
START_TEST(test_large_datagrams_that_wait_together_are_answered_together) {
	struct world w;
	sluice_peer_stats before, after;
	world_init(&w, NULL);
	RUN_UNTIL(w.loop, w.c.a.opened && w.c.b.ch);
	sluice_channel_set_high_water(w.c.a.ch, 16 << 20);
	uint64_t sent = 0;
	do { /* the search for the path's MTU needs a round trip or two, and the window grows meanwhile */
		send_bytes(&w.c.a, 32, 65536);
		sent += 32 * 65536;
		RUN_UNTIL(w.loop, w.c.b.bytes == sent);
		sluice_peer_stats_get(w.c.a.peer, &before);
	} while (before.sctp.mtu < 16000);
	sluice_peer_stats_get(w.c.b.peer, &before);
	send_bytes(&w.c.a, 128, 65536);
	RUN_UNTIL(w.loop, w.c.b.bytes == sent + 128 * 65536);
	sluice_peer_stats_get(w.c.b.peer, &after);
	uint64_t packets = after.sctp.packets_received - before.sctp.packets_received;
	uint64_t sacks = after.sctp.sacks_sent - before.sctp.sacks_sent;
	ck_assert_msg(sacks * 6 <= packets, "%u SACKs for %u packets", (unsigned)sacks, (unsigned)packets);
	world_free(&w);
}
END_TEST

START_TEST(test_a_full_socket_delays_and_loses_nothing) {
	struct world w;
	world_init(&w, NULL);
	RUN_UNTIL(w.loop, w.c.a.opened && w.c.b.ch);
	for (unsigned i = 1; i <= 20; i++) {
		full = i % 3 + 1;
		send_bytes(&w.c.a, 4, 65536);
		RUN_UNTIL(w.loop, w.c.b.bytes == i * 4 * 65536);
	}
	ck_assert_uint_gt(refused, 20);
	sluice_peer_stats s;
	sluice_peer_stats_get(w.c.a.peer, &s);
	ck_assert_uint_eq(s.sctp.timeouts, 0);
	full = 0;
	world_free(&w);
}
END_TEST

/* A negotiated channel opens by nothing but a callback, which needs no packet to leave. */
START_TEST(test_a_full_socket_does_not_hold_up_callbacks) {
	struct world w;
	world_init(&w, NULL);
	RUN_UNTIL(w.loop, w.c.a.opened && w.c.b.ch);
	full = UINT32_MAX;
	send_bytes(&w.c.a, 1, 100);
	ev_run(sluice_loop_ev(w.loop), EVRUN_NOWAIT);
	for (int i = 1; i <= 3; i++) {
		sluice_channel_config c = {.negotiated = true, .id = 100 + i, .callbacks = callbacks, .user = &w.c.a};
		ck_assert_int_eq(sluice_peer_open_channel(w.c.a.peer, &c, NULL), 0);
		ev_run(sluice_loop_ev(w.loop), EVRUN_NOWAIT);
		ck_assert_uint_eq(w.c.a.opened, 1 + (unsigned)i);
	}
	full = 0;
	world_free(&w);
}
END_TEST

START_TEST(test_a_peer_freed_while_its_socket_is_full_leaves_nothing_behind) {
	struct world w;
	world_init(&w, NULL);
	RUN_UNTIL(w.loop, w.c.a.opened && w.c.b.ch);
	full = 1000;
	send_bytes(&w.c.a, 4, 65536);
	ev_run(sluice_loop_ev(w.loop), EVRUN_NOWAIT);
	sluice_peer_free(w.c.a.peer);
	w.c.a.peer = NULL;
	full = 0;
	world_free(&w);
}
END_TEST

START_TEST(test_a_peer_may_be_freed_in_its_own_callback) {
	struct world w;
	world_init(&w, NULL);
	RUN_UNTIL(w.loop, w.c.a.opened && w.c.b.ch);
	w.c.b.free_at_message = true;
	send_bytes(&w.c.a, 20, 20000);
	RUN_UNTIL(w.loop, w.c.b.peer == NULL);
	ck_assert_uint_eq(w.c.b.messages, 1);
	world_free(&w);
}
END_TEST

static void free_other(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	(void)ch;
	(void)m;
	(void)text;
	struct end *e = user;
	e->messages++;
	sluice_peer_free(e->other->peer);
	e->other->peer = NULL;
}

START_TEST(test_a_peer_may_be_freed_in_a_callback_of_another) {
	struct world w;
	world_init(&w, NULL);
	RUN_UNTIL(w.loop, w.c.a.opened && w.c.b.ch);
	const sluice_channel_callbacks killer = {.on_message = free_other};
	sluice_channel_set_callbacks(w.c.b.ch, &killer, &w.c.b);
	send_bytes(&w.c.a, 20, 20000);
	RUN_UNTIL(w.loop, w.c.b.messages > 0 && !w.c.a.peer);
	world_free(&w);
}
END_TEST

static void free_and_run(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	(void)ch;
	(void)m;
	(void)text;
	struct end *e = user;
	e->messages++;
	sluice_peer_free(e->peer);
	e->peer = NULL;
	ev_run(sluice_loop_ev(e->loop), EVRUN_NOWAIT);
}

static void send_first(struct ev_loop *ev, ev_check *w, int events) {
	(void)ev;
	(void)events;
	struct end *e = w->data;
	if (e->peer)
		send_bytes(e, 1, 1);
}

/* What the peer had to send when it was freed would have left before the ev_loop sleeps, and a nested run comes to that point. */
START_TEST(test_a_peer_with_something_to_send_may_be_freed_by_a_callback_that_runs_the_loop) {
	struct world w;
	ev_check before;
	world_init(&w, NULL);
	RUN_UNTIL(w.loop, w.c.a.opened && w.c.b.ch);
	const sluice_channel_callbacks killer = {.on_message = free_and_run};
	sluice_channel_set_callbacks(w.c.b.ch, &killer, &w.c.b);
	ev_check_init(&before, send_first);
	ev_set_priority(&before, EV_MAXPRI);
	before.data = &w.c.b;
	send_bytes(&w.c.a, 1, 100);
	ev_check_start(sluice_loop_ev(w.loop), &before);
	while (!w.c.b.messages)
		ev_run(sluice_loop_ev(w.loop), EVRUN_ONCE);
	ev_check_stop(sluice_loop_ev(w.loop), &before);
	ck_assert_uint_eq(w.c.b.messages, 1);
	world_free(&w);
}
END_TEST

START_TEST(test_what_is_sent_outside_of_callbacks_leaves_before_the_loop_sleeps) {
	struct world w;
	unsigned late = 0;
	world_init(&w, NULL);
	RUN_UNTIL(w.loop, w.c.a.opened && w.c.b.ch);
	for (unsigned i = 1; i <= 100; i++) {
		uint64_t at = sluice_now();
		send_bytes(&w.c.a, 1, 100);
		RUN_UNTIL(w.loop, w.c.b.messages == i);
		late += sluice_now() - at >= 100 * SLUICE_MS;
	}
	ck_assert_uint_lt(late, 50); /* a message that waits for a timer is late each time; a busy machine is, now and then */
	world_free(&w);
}
END_TEST

static void send_later(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	send_bytes(w->data, 1, 100);
}

START_TEST(test_a_timer_of_the_app_may_send) {
	struct world w;
	world_init(&w, NULL);
	RUN_UNTIL(w.loop, w.c.a.opened && w.c.b.ch);
	ev_timer timer;
	ev_timer_init(&timer, send_later, 0.01, 0.);
	timer.data = &w.c.a;
	ev_timer_start(sluice_loop_ev(w.loop), &timer);
	w.c.b.close_at_message = true;
	sluice_loop_run(w.loop);
	ck_assert_uint_eq(w.c.b.messages, 1);
	world_free(&w);
}
END_TEST

START_TEST(test_stop_ends_run_and_it_can_be_run_again) {
	struct world w;
	world_init(&w, NULL);
	RUN_UNTIL(w.loop, w.c.a.opened && w.c.b.ch);
	w.c.b.stop_at_message = true;
	for (unsigned i = 1; i <= 3; i++) {
		send_bytes(&w.c.a, 1, 100);
		sluice_loop_run(w.loop);
		ck_assert_uint_eq(w.c.b.messages, i);
	}
	world_free(&w);
}
END_TEST

static void stop_loop(struct ev_loop *ev, ev_timer *w, int events) {
	(void)w;
	(void)events;
	ev_break(ev, EVBREAK_ONE);
}

static void send_while_preparing(struct ev_loop *ev, ev_prepare *w, int events) {
	(void)ev;
	(void)events;
	struct end *e = w->data;
	if (e)
		send_bytes(e, 1, 100);
	w->data = NULL;
}

/* libev calls the watchers of one kind in no order that is promised; ours has to be the last before the loop sleeps. */
START_TEST(test_a_prepare_watcher_of_the_app_may_send_whether_it_is_older_or_younger_than_the_loop) {
	for (int older = 0; older < 2; older++) {
		struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO);
		ev_prepare prepare;
		ev_prepare_init(&prepare, send_while_preparing);
		prepare.data = NULL;
		if (older)
			ev_prepare_start(ev, &prepare);
		struct world w;
		ck_assert_int_eq(sluice_env_new(NULL, &w.env), 0);
		ck_assert_int_eq(sluice_loop_new(w.env, ev, &w.loop), 0);
		couple_start(&w.c, w.env, w.loop, w.loop, NULL);
		if (!older)
			ev_prepare_start(ev, &prepare);
		RUN_UNTIL(w.loop, w.c.a.opened && w.c.b.ch);
		ev_timer timer;
		for (int i = 0; i < 2; i++) { /* first until no timer of the handshake runs, then with the message */
			ev_timer_init(&timer, stop_loop, i ? 0.2 : 1.1, 0.);
			ev_timer_start(ev, &timer);
			sluice_loop_run(w.loop);
			ck_assert_uint_eq(w.c.b.messages, (unsigned)i);
			prepare.data = &w.c.a;
		}
		ev_prepare_stop(ev, &prepare);
		world_free(&w);
		ev_loop_destroy(ev);
	}
}
END_TEST

/* The timer drives what no datagram does: the first flight is repeated after 50, 100, 200 ms. */
START_TEST(test_an_unanswered_flight_is_repeated_by_the_timer) {
	struct world w;
	world_init(&w, NULL);
	sluice_peer_free(w.c.b.peer);
	w.c.b.peer = NULL;
	ev_timer timer;
	ev_timer_init(&timer, stop_loop, 0.5, 0.);
	ev_timer_start(sluice_loop_ev(w.loop), &timer);
	sluice_loop_run(w.loop);
	sluice_peer_stats s;
	sluice_peer_stats_get(w.c.a.peer, &s);
	ck_assert_uint_ge(s.dtls.flights_repeated, 2);
	ck_assert_uint_le(s.dtls.flights_repeated, 4);
	world_free(&w);
}
END_TEST

START_TEST(test_an_idle_loop_sleeps) {
	struct world w;
	world_init(&w, NULL);
	RUN_UNTIL(w.loop, w.c.a.opened && w.c.b.ch);
	ev_timer timer;
	ev_timer_init(&timer, stop_loop, 0.3, 0.);
	ev_timer_start(sluice_loop_ev(w.loop), &timer);
	unsigned before = ev_iteration(sluice_loop_ev(w.loop));
	sluice_loop_run(w.loop);
	ck_assert_uint_lt(ev_iteration(sluice_loop_ev(w.loop)) - before, 60);
	world_free(&w);
}
END_TEST

START_TEST(test_peers_outlive_a_loop_that_is_freed) {
	struct world w;
	world_init(&w, NULL);
	RUN_UNTIL(w.loop, w.c.a.opened && w.c.b.ch);
	sluice_loop_free(w.loop);
	send_bytes(&w.c.a, 1, 100);
	ck_assert_int_eq(sluice_peer_state(w.c.a.peer), SLUICE_PEER_CONNECTED);
	couple_free(&w.c);
	sluice_env_free(w.env);
}
END_TEST

START_TEST(test_a_loop_knows_the_addresses_of_its_peers) {
	struct world w;
	struct sockaddr_storage addr;
	socklen_t len;
	world_init(&w, NULL);
	ck_assert_int_eq(sluice_loop_local_address(w.loop, w.c.a.peer, &addr, &len), 0);
	ck_assert_uint_eq(len, w.c.a.address_len);
	ck_assert_int_eq(memcmp(&addr, &w.c.a.address, len), 0);
	sluice_peer_config c;
	sluice_peer_config_init(&c);
	c.role = SLUICE_ROLE_SERVER;
	sluice_peer *stranger;
	ck_assert_int_eq(sluice_peer_new(w.env, &c, &stranger), 0);
	ck_assert_int_eq(sluice_loop_local_address(w.loop, stranger, &addr, &len), SLUICE_NOT_FOUND);
	sluice_peer_free(stranger);
	world_free(&w);
}
END_TEST

START_TEST(test_an_address_in_use_is_an_error_and_an_unused_reservation_can_be_closed) {
	struct world w;
	world_init(&w, NULL);
	sluice_socket_config taken = {.local = (const struct sockaddr *)&w.c.a.address, .local_len = w.c.a.address_len};
	sluice_socket *s;
	ck_assert_int_eq(sluice_socket_open(w.loop, &taken, &s), SLUICE_IO);
	ck_assert_int_eq(errno, EADDRINUSE);
	ck_assert_int_eq(sluice_socket_open(w.loop, NULL, &s), 0);
	ck_assert(loop_check(w.loop));
	sluice_socket_close(s);
	world_free(&w);
}
END_TEST

START_TEST(test_two_peers_talk_over_ipv6) {
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	sluice_socket_config config = {.local = (const struct sockaddr *)&in6, .local_len = sizeof in6};
	sluice_env *env;
	sluice_loop *loop;
	sluice_socket *s;
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	ck_assert_int_eq(sluice_loop_new(env, NULL, &loop), 0);
	if (sluice_socket_open(loop, &config, &s) == 0) { /* a machine may be without IPv6 */
		struct couple c;
		sluice_socket_close(s);
		couple_start(&c, env, loop, loop, &config);
		RUN_UNTIL(loop, c.a.opened && c.b.ch);
		c.b.close_at_message = true;
		send_bytes(&c.a, 1, 1000);
		sluice_loop_run(loop);
		ck_assert_uint_eq(c.b.bytes, 1000);
		couple_free(&c);
	}
	sluice_loop_free(loop);
	sluice_env_free(env);
}
END_TEST

START_TEST(test_a_broken_socket_is_given_up_and_the_others_live) {
	struct world w;
	struct couple other;
	world_init(&w, NULL);
	couple_start(&other, w.env, w.loop, w.loop, NULL);
	RUN_UNTIL(w.loop, w.c.a.opened && w.c.b.ch && other.a.opened && other.b.ch);
	broken_port = ((const struct sockaddr_in *)&w.c.a.address)->sin_port;
	send_bytes(&w.c.a, 1, 100);
	send_bytes(&other.a, 1, 100);
	RUN_UNTIL(w.loop, other.b.messages == 1);
	ck_assert_uint_eq(w.c.b.messages, 0);
	sluice_peer_abort(w.c.a.peer, NULL); /* what it says is lost, but it comes to its end */
	RUN_UNTIL(w.loop, w.c.a.over);
	broken_port = 0;
	couple_free(&other);
	world_free(&w);
}
END_TEST

/* Without GRO, one read brings datagrams of several sources; those behind a stranger's wait inside, where no event of the
 * socket tells of them. */
START_TEST(test_datagrams_behind_those_of_a_stranger_are_not_forgotten) {
	const sluice_socket_config config = {.no_gro = true};
	struct world w;
	world_init(&w, &config);
	RUN_UNTIL(w.loop, w.c.a.opened && w.c.b.ch);
	int strangers[2] = {socket(AF_INET, SOCK_DGRAM, 0), socket(AF_INET, SOCK_DGRAM, 0)};
	for (unsigned i = 1; i <= 20; i++) {
		for (int k = 0; k < 24; k++) { /* more runs than one turn takes, all in one read */
			const struct sockaddr *to = (const struct sockaddr *)&w.c.b.address;
			ck_assert_int_eq(sendto(strangers[k % 2], "?", 1, 0, to, w.c.b.address_len), 1);
		}
		send_bytes(&w.c.a, 1, 100);
		RUN_UNTIL(w.loop, w.c.b.messages == i);
	}
	sluice_peer_stats s;
	sluice_peer_stats_get(w.c.a.peer, &s);
	ck_assert_uint_eq(s.sctp.timeouts, 0);
	close(strangers[0]);
	close(strangers[1]);
	world_free(&w);
}
END_TEST

struct scarce {
	unsigned left;
};

static void *scarce_alloc(void *ctx, size_t size) {
	struct scarce *s = ctx;
	if (s->left == 0)
		return NULL;
	s->left--;
	return malloc(size);
}

static void scarce_free(void *ctx, void *p) {
	(void)ctx;
	free(p);
}

START_TEST(test_each_allocation_of_a_loop_and_its_sockets_may_fail) {
	int error = SLUICE_NO_MEMORY;
	for (unsigned left = 1; error; left++) {
		struct scarce s = {left};
		sluice_env_config config = {.allocator = {scarce_alloc, scarce_free, &s}};
		sluice_env *env;
		sluice_loop *loop = NULL;
		sluice_socket *sockets[20] = {0};
		ck_assert_int_eq(sluice_env_new(&config, &env), 0);
		error = sluice_loop_new(env, NULL, &loop);
		for (int i = 0; !error && i < 20; i++)
			error = sluice_socket_open(loop, NULL, &sockets[i]);
		ck_assert(!error || error == SLUICE_NO_MEMORY);
		ck_assert(!loop || loop_check(loop));
		sluice_loop_free(loop);
		ck_assert_uint_eq(env->blocks.live, 0);
		sluice_env_free(env);
		ck_assert_uint_lt(left, 100);
	}
}
END_TEST

START_TEST(test_a_peer_has_one_socket) {
	struct world w;
	world_init(&w, NULL);
	size_t blocks = w.env->blocks.live;
	sluice_socket *s;
	ck_assert_int_eq(sluice_loop_add(w.loop, w.c.a.peer, NULL), SLUICE_EXISTS);
	ck_assert_uint_eq(w.env->blocks.live, blocks);
	ck_assert_int_eq(sluice_socket_open(w.loop, NULL, &s), 0);
	ck_assert_int_eq(sluice_loop_add_socket(w.loop, w.c.a.peer, s), SLUICE_EXISTS);
	sluice_socket_close(s);
	RUN_UNTIL(w.loop, w.c.a.opened && w.c.b.ch);
	world_free(&w);
}
END_TEST

START_TEST(test_fifty_couples_share_a_loop) {
	enum { COUPLES = 50 };
	static struct couple couples[COUPLES];
	sluice_env *env;
	sluice_loop *loop;
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	ck_assert_int_eq(sluice_loop_new(env, NULL, &loop), 0);
	for (int i = 0; i < COUPLES; i++)
		couple_start(&couples[i], env, loop, loop, NULL);
	unsigned open = 0;
	RUN_UNTIL(loop, (open = 0, ({
				 for (int i = 0; i < COUPLES; i++)
					 open += couples[i].a.opened && couples[i].b.ch;
			 }),
	                 open == COUPLES));
	for (int i = 0; i < COUPLES; i++) {
		couples[i].b.close_at_message = true;
		couples[i].b.expected = 100000;
		send_bytes(&couples[i].a, 2, 50000);
	}
	sluice_loop_run(loop);
	for (int i = 0; i < COUPLES; i++) {
		ck_assert_uint_eq(couples[i].b.bytes, 100000);
		ck_assert_uint_eq(couples[i].a.over + couples[i].b.over, 2);
		couple_free(&couples[i]);
	}
	sluice_loop_free(loop);
	ck_assert_uint_eq(env->blocks.live, 0);
	sluice_env_free(env);
}
END_TEST

SUITE("loop", test_the_clock_moves_forwards, test_two_peers_on_one_loop_talk_and_the_loop_ends_when_both_are_gone,
      test_a_loop_without_peers_ends_at_once, test_two_loops_share_the_ev_loop_of_the_app,
      test_megabytes_pass_with_and_without_offloads, test_large_datagrams_that_wait_together_are_answered_together,
      test_a_full_socket_delays_and_loses_nothing, test_a_full_socket_does_not_hold_up_callbacks,
      test_a_peer_freed_while_its_socket_is_full_leaves_nothing_behind,
      test_a_peer_with_something_to_send_may_be_freed_by_a_callback_that_runs_the_loop,
      test_a_peer_may_be_freed_in_its_own_callback, test_a_peer_may_be_freed_in_a_callback_of_another,
      test_what_is_sent_outside_of_callbacks_leaves_before_the_loop_sleeps, test_a_timer_of_the_app_may_send,
      test_stop_ends_run_and_it_can_be_run_again, test_an_unanswered_flight_is_repeated_by_the_timer, test_an_idle_loop_sleeps,
      test_peers_outlive_a_loop_that_is_freed, test_a_loop_knows_the_addresses_of_its_peers,
      test_an_address_in_use_is_an_error_and_an_unused_reservation_can_be_closed, test_a_peer_has_one_socket,
      test_two_peers_talk_over_ipv6, test_a_broken_socket_is_given_up_and_the_others_live,
      test_datagrams_behind_those_of_a_stranger_are_not_forgotten, test_each_allocation_of_a_loop_and_its_sockets_may_fail,
      test_a_prepare_watcher_of_the_app_may_send_whether_it_is_older_or_younger_than_the_loop, test_fifty_couples_share_a_loop)
