/* Calls from other threads: does everything posted run on the loop's thread, once and in order, and can a peer be freed from
 * anywhere without a wait? */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <unistd.h>

#include "loop/loop.h"
#include "pool/env.h"
#include "suite.h"

struct world {
	sluice_env *env;
	sluice_loop *loop;
};

static void world_init(struct world *w) {
	ck_assert_int_eq(sluice_env_new(NULL, &w->env), 0);
	ck_assert_int_eq(sluice_loop_new(w->env, NULL, &w->loop), 0);
}

static void world_free(struct world *w) {
	ck_assert(loop_check(w->loop));
	sluice_loop_free(w->loop);
	ck_assert_uint_eq(w->env->blocks.live, 0);
	sluice_env_free(w->env);
}

/* ---- who calls ---- */

#define THREADS 4
#define CALLS 5000

struct caller {
	struct meeting *meeting;
	pthread_t thread;
	unsigned posted, seen;
	struct call {
		struct caller *caller;
		unsigned number;
	} calls[CALLS];
};

struct meeting {
	sluice_loop *loop;
	pthread_t thread; /* the loop's */
	unsigned total;
	struct caller callers[THREADS];
};

static void arrive(void *ctx) {
	struct call *call = ctx;
	struct caller *c = call->caller;
	ck_assert(pthread_equal(pthread_self(), c->meeting->thread));
	ck_assert_uint_eq(call->number, c->seen);
	c->seen++;
	if (++c->meeting->total == THREADS * CALLS)
		sluice_loop_stop(c->meeting->loop);
}

static void *call_often(void *ctx) {
	struct caller *c = ctx;
	for (unsigned i = 0; i < CALLS; i++) {
		c->calls[i] = (struct call){c, i};
		ck_assert_int_eq(sluice_loop_post(c->meeting->loop, arrive, &c->calls[i]), 0);
	}
	return NULL;
}

static void keep_alive(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)w;
	(void)events;
	ck_abort_msg("not all that was posted came within 60 seconds");
}

START_TEST(test_what_several_threads_post_runs_once_each_in_the_order_of_each_on_the_loops_thread) {
	static struct meeting m;
	struct world w;
	world_init(&w);
	m = (struct meeting){.loop = w.loop, .thread = pthread_self()};
	ev_timer limit;
	ev_timer_init(&limit, keep_alive, 60., 0.);
	ev_timer_start(sluice_loop_ev(w.loop), &limit);
	for (int i = 0; i < THREADS; i++) {
		m.callers[i].meeting = &m;
		ck_assert_int_eq(pthread_create(&m.callers[i].thread, NULL, call_often, &m.callers[i]), 0);
	}
	sluice_loop_run(w.loop);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(m.callers[i].thread, NULL);
		ck_assert_uint_eq(m.callers[i].seen, CALLS);
	}
	ev_timer_stop(sluice_loop_ev(w.loop), &limit);
	world_free(&w);
}
END_TEST

static void count(void *ctx) {
	++*(unsigned *)ctx;
}

START_TEST(test_what_is_posted_before_the_loop_runs_is_run_though_nothing_else_waits) {
	struct world w;
	unsigned ran = 0;
	world_init(&w);
	ck_assert_int_eq(sluice_loop_post(w.loop, count, &ran), 0);
	ck_assert_int_eq(sluice_loop_post(w.loop, count, &ran), 0);
	ck_assert_uint_eq(ran, 0);
	sluice_loop_run(w.loop);
	ck_assert_uint_eq(ran, 2);
	world_free(&w);
}
END_TEST

struct chain {
	sluice_loop *loop;
	unsigned left;
};

static void post_again(void *ctx) {
	struct chain *c = ctx;
	if (c->left-- > 1)
		ck_assert_int_eq(sluice_loop_post(c->loop, post_again, c), 0);
}

START_TEST(test_what_is_still_queued_runs_when_the_loop_is_freed_with_what_that_posts) {
	struct world w;
	world_init(&w);
	struct chain c = {w.loop, 5};
	ck_assert_int_eq(sluice_loop_post(w.loop, post_again, &c), 0);
	world_free(&w);
	ck_assert_uint_eq(c.left, 0);
}
END_TEST

START_TEST(test_a_posted_function_that_posts_itself_leaves_the_others_their_turn) {
	struct world w;
	world_init(&w);
	struct chain c = {w.loop, 1000};
	unsigned before = ev_iteration(sluice_loop_ev(w.loop));
	ck_assert_int_eq(sluice_loop_post(w.loop, post_again, &c), 0);
	while (c.left)
		ev_run(sluice_loop_ev(w.loop), EVRUN_NOWAIT);
	ck_assert_uint_ge(ev_iteration(sluice_loop_ev(w.loop)) - before, 1000);
	world_free(&w);
}
END_TEST

/* ---- peers ---- */

static sluice_peer *make_peer(struct world *w, enum sluice_role role) {
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	sluice_socket_config socket = {.local = (const struct sockaddr *)&in, .local_len = sizeof in};
	struct sockaddr_in nobody = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(9)};
	sluice_peer_config c;
	sluice_peer *p;
	sluice_peer_config_init(&c);
	c.role = role;
	memcpy(&c.path.remote, &nobody, sizeof nobody);
	c.path.remote_len = sizeof nobody;
	ck_assert_int_eq(sluice_peer_new(w->env, &c, &p), 0);
	ck_assert_int_eq(sluice_loop_add(w->loop, p, &socket), 0);
	ck_assert_int_eq(sluice_peer_start(p), 0);
	return p;
}

static void free_peer(void *ctx) {
	sluice_peer_free(ctx);
}

struct undertaker {
	sluice_loop *loop;
	sluice_peer *peers[8];
};

static void *free_from_here(void *ctx) {
	struct undertaker *u = ctx;
	for (size_t i = 0; i < sizeof u->peers / sizeof *u->peers; i++) {
		usleep(1000);
		ck_assert_int_eq(sluice_loop_post(u->loop, free_peer, u->peers[i]), 0);
	}
	return NULL;
}

/* The loop ends by itself when the last peer is gone. */
START_TEST(test_another_thread_frees_peers_while_the_loop_drives_them) {
	struct world w;
	struct undertaker u;
	pthread_t thread;
	world_init(&w);
	u.loop = w.loop;
	for (size_t i = 0; i < sizeof u.peers / sizeof *u.peers; i++)
		u.peers[i] = make_peer(&w, i % 2 ? SLUICE_ROLE_CLIENT : SLUICE_ROLE_SERVER);
	ck_assert_int_eq(pthread_create(&thread, NULL, free_from_here, &u), 0);
	sluice_loop_run(w.loop);
	pthread_join(thread, NULL);
	world_free(&w);
}
END_TEST

START_TEST(test_a_peer_whose_freeing_is_queued_when_the_loop_is_freed_is_freed) {
	struct world w;
	world_init(&w);
	sluice_peer *p = make_peer(&w, SLUICE_ROLE_CLIENT);
	ck_assert_int_eq(sluice_loop_post(w.loop, free_peer, p), 0);
	world_free(&w);
}
END_TEST

SUITE("loop_post", test_what_several_threads_post_runs_once_each_in_the_order_of_each_on_the_loops_thread,
      test_what_is_posted_before_the_loop_runs_is_run_though_nothing_else_waits,
      test_what_is_still_queued_runs_when_the_loop_is_freed_with_what_that_posts,
      test_a_posted_function_that_posts_itself_leaves_the_others_their_turn,
      test_another_thread_frees_peers_while_the_loop_drives_them,
      test_a_peer_whose_freeing_is_queued_when_the_loop_is_freed_is_freed)
