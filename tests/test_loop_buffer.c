/* The receive buffer of a socket: does a sender that is faster than the reader wait, instead of filling it until the kernel drops
 * datagrams? And are drops counted where there are some?
 *
 * Each end is on a loop of its own, so that one end can stand still while the other one sends what it was promised. */
#include <arpa/inet.h>
#include <stdio.h>

#include "loop/socket.h"
#include "loop_kit.h"
#include "pool/env.h"
#include "suite.h"

struct world {
	sluice_env *env;
	sluice_loop *fast, *slow;
	struct kit_end a, b; /* a sends, on the fast loop */
	uint64_t sent;
};

static unsigned warnings;

static void on_log(void *ctx, enum sluice_log_level level, const char *text) {
	(void)ctx;
	warnings += level == SLUICE_LOG_WARN && strstr(text, "receive buffer") != NULL;
}

static void gather(struct kit_end *e, int receive_buffer) {
	struct sockaddr_in localhost = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	sluice_gather_config config = {
		.size = sizeof config, .bind = (const struct sockaddr *)&localhost, .bind_len = sizeof localhost};
	config.socket.receive_buffer = receive_buffer;
	ck_assert_int_eq(sluice_loop_gather(e->loop, e->peer, &config), 0);
}

/* One turn of both loops. */
static void turn(struct world *w) {
	ev_run(sluice_loop_ev(w->fast), EVRUN_NOWAIT);
	ev_run(sluice_loop_ev(w->slow), EVRUN_NOWAIT);
}

#define TURN_UNTIL(w, condition)                                                                                                 \
	do {                                                                                                                     \
		uint64_t limit = sluice_now() + 60 * SLUICE_S;                                                                   \
		while (!(condition)) {                                                                                           \
			ck_assert_msg(sluice_now() < limit, "not within a minute: " #condition);                                 \
			turn(w);                                                                                                 \
		}                                                                                                                \
	} while (0)

static sluice_peer_stats stats(const struct kit_end *e) {
	sluice_peer_stats s;
	sluice_peer_stats_get(e->peer, &s);
	return s;
}

static void world_init(struct world *w, int receive_buffer, uint32_t receive_window) {
	sluice_env_config config = {.log = on_log, .log_level = SLUICE_LOG_WARN};
	sluice_peer_config peer;
	*w = (struct world){0};
	warnings = 0;
	ck_assert_int_eq(sluice_env_new(&config, &w->env), 0);
	ck_assert_int_eq(sluice_loop_new(w->env, ev_loop_new(0), &w->fast), 0);
	ck_assert_int_eq(sluice_loop_new(w->env, ev_loop_new(0), &w->slow), 0);
	sluice_peer_config_init(&peer);
	peer.sctp.receive_window = receive_window;
	kit_end_init(&w->a, w->env, w->fast, &peer);
	kit_end_init(&w->b, w->env, w->slow, &peer);
	gather(&w->a, 0);
	gather(&w->b, receive_buffer);
	kit_negotiate(&w->a, &w->b);
	TURN_UNTIL(w, kit_is_open(&w->a, &w->b));
	/* On a busy machine one sample of the round trip may be far too long, and the reader takes the path for a long one. */
	for (unsigned i = 1; i <= 50; i++) {
		kit_send(&w->b, 1, 100);
		TURN_UNTIL(w, w->a.messages == i && stats(&w->b).sctp.flight_size == 0);
	}
}

static void world_free(struct world *w) {
	struct ev_loop *fast = sluice_loop_ev(w->fast), *slow = sluice_loop_ev(w->slow);
	kit_end_free(&w->a);
	kit_end_free(&w->b);
	ck_assert(loop_check(w->fast) && loop_check(w->slow));
	sluice_loop_free(w->fast);
	sluice_loop_free(w->slow);
	ev_loop_destroy(fast);
	ev_loop_destroy(slow);
	ck_assert_uint_eq(w->env->blocks.live, 0);
	sluice_env_free(w->env);
}

/* Queues as much as is taken. */
static void fill(struct world *w) {
	static uint8_t bytes[16384];
	while (sluice_channel_send(w->a.ch, bytes, sizeof bytes) == 0)
		w->sent += sizeof bytes;
}

static void transfer(struct world *w, uint64_t bytes) {
	for (uint64_t until = w->sent + bytes; w->sent < until; turn(w))
		fill(w);
	TURN_UNTIL(w, w->b.bytes == w->sent);
}

/* The reader does something else while the sender sends all that it was promised. */
static void stand_still(struct world *w) {
	for (uint64_t until = sluice_now() + 100 * SLUICE_MS; sluice_now() < until;) {
		fill(w);
		ev_run(sluice_loop_ev(w->fast), EVRUN_NOWAIT);
	}
}

/* 208 KiB is what an unprivileged process gets on most systems. The window of 2 MiB is ten times that. */
START_TEST(test_a_reader_that_stands_still_loses_nothing) {
	struct world w;
	world_init(&w, 212992, 0);
	transfer(&w, 32 << 20);
	ck_assert_uint_gt(stats(&w.a).sctp.cwnd, 212992); /* else the congestion window alone would hold the sender back */
	for (int i = 0; i < 5; i++) {
		stand_still(&w);
		ck_assert_uint_gt(stats(&w.a).sctp.flight_size, 50000);
		transfer(&w, 4 << 20);
	}
	ck_assert_uint_eq(stats(&w.b).receive_room, 212992);
	ck_assert_uint_eq(stats(&w.b).socket_drops, 0);
	ck_assert_uint_eq(warnings, 0);
	world_free(&w);
}
END_TEST

START_TEST(test_what_the_buffer_has_no_room_for_is_in_the_statistics) {
	static char json[16384], expected[64];
	struct world w;
	world_init(&w, 8192, 0);
	transfer(&w, 4 << 20);
	for (int i = 0; i < 5; i++) {
		stand_still(&w);
		transfer(&w, 1 << 20);
	}
	ck_assert_uint_gt(stats(&w.b).socket_drops, 0);
	ck_assert_uint_eq(stats(&w.a).socket_drops, 0);
	ck_assert_uint_eq(warnings, 1);
	ck_assert_uint_lt(sluice_peer_stats_json(w.b.peer, json, sizeof json), sizeof json);
	snprintf(expected, sizeof expected, "\"socketDrops\":%llu,", (unsigned long long)stats(&w.b).socket_drops);
	ck_assert_msg(strstr(json, expected) != NULL, "%s", json);
	ck_assert_ptr_nonnull(strstr(json, "\"receiveRoom\":65536,"));
	world_free(&w);
}
END_TEST

static uint64_t buffer_of(const sluice_loop *loop) {
	return loop->sockets->udp.receive_buffer;
}

/* What this process may have, by the same request. */
static uint64_t allowed(uint64_t bytes) {
	struct sockaddr_in any = {.sin_family = AF_INET};
	struct udp_options o = {.local = (const struct sockaddr *)&any, .local_len = sizeof any};
	struct udp u;
	ck_assert_int_eq(udp_open(&u, &o), 0);
	udp_set_receive_buffer(&u, bytes);
	uint64_t got = u.receive_buffer;
	udp_close(&u);
	return got;
}

START_TEST(test_the_buffer_follows_the_window_unless_the_app_named_its_size) {
	struct world w;
	world_init(&w, 0, 24 << 20);
	ck_assert_uint_eq(buffer_of(w.slow), allowed(24 << 20));
	ck_assert_uint_eq(stats(&w.b).receive_room, buffer_of(w.slow));
	world_free(&w);
	world_init(&w, 300000, 24 << 20);
	transfer(&w, 1 << 20);
	ck_assert_uint_eq(buffer_of(w.slow), allowed(300000));
	world_free(&w);
	world_init(&w, 0, 0);
	ck_assert_uint_eq(buffer_of(w.slow), allowed(4 << 20));
	world_free(&w);
}
END_TEST

SUITE("loop_buffer", test_a_reader_that_stands_still_loses_nothing, test_what_the_buffer_has_no_room_for_is_in_the_statistics,
      test_the_buffer_follows_the_window_unless_the_app_named_its_size)
