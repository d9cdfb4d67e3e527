/* A loop that looks for events before it sleeps: for how long, what is served meanwhile, and does it end? */
#include <netinet/in.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "loop/spin.h"
#include "loop_kit.h"
#include "suite.h"

/* In front of the C library's: which waits may block? */
static unsigned polls, sleeps;
static uint64_t slept_at; /* the first time since forget_waits() */

__attribute__((visibility("default"))) int epoll_wait(int fd, struct epoll_event *events, int max, int timeout) {
	if (timeout == 0)
		polls++;
	else if (sleeps++ == 0)
		slept_at = sluice_now();
	return epoll_pwait(fd, events, max, timeout, NULL);
}

static void forget_waits(void) {
	polls = sleeps = 0;
	slept_at = 0;
}

/* ---- the spin alone, on an ev_loop with one timer ---- */

#define FAR 10. /* s; no test waits for it */

struct world {
	struct ev_loop *ev;
	struct spin spin;
	ev_timer timer;
	uint64_t began_at;
};

static void prolong(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	spin_prolong(w->data);
}

static void world_init(struct world *w, uint64_t ns, double timer) {
	*w = (struct world){.ev = ev_loop_new(EVBACKEND_EPOLL)};
	spin_init(&w->spin, w->ev);
	spin_set(&w->spin, ns);
	ev_timer_init(&w->timer, prolong, timer, 0.);
	w->timer.data = &w->spin;
	ev_timer_start(w->ev, &w->timer);
	forget_waits();
	w->began_at = sluice_now();
}

static void world_free(struct world *w) {
	spin_deinit(&w->spin);
	ev_timer_stop(w->ev, &w->timer);
	ev_run(w->ev, 0); /* nothing is left that would keep it running, and nothing is missing */
	ev_loop_destroy(w->ev);
}

static void awake(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)w;
	(void)events;
}

static void run_until_asleep(struct world *w) {
	ev_timer wake;
	ev_timer_init(&wake, awake, 0.3, 0.); /* behind each spin of these tests */
	ev_timer_start(w->ev, &wake);
	while (!sleeps)
		ev_run(w->ev, EVRUN_ONCE);
	ev_timer_stop(w->ev, &wake);
}

START_TEST(test_without_a_time_the_loop_sleeps_at_once) {
	struct world w;
	world_init(&w, 0, FAR);
	spin_prolong(&w.spin);
	run_until_asleep(&w);
	ck_assert_uint_eq(polls, 0);
	ck_assert_uint_eq(sleeps, 1);
	world_free(&w);
}
END_TEST

START_TEST(test_the_loop_polls_for_the_time_that_was_set_and_then_sleeps) {
	struct world w;
	world_init(&w, 50 * SLUICE_MS, FAR);
	spin_prolong(&w.spin);
	run_until_asleep(&w);
	ck_assert_uint_ge(slept_at - w.began_at, 50 * SLUICE_MS);
	ck_assert_uint_ge(polls, 2);
	ck_assert(!ev_is_active(&w.spin.idle));
	world_free(&w);
}
END_TEST

START_TEST(test_an_event_during_a_spin_begins_it_anew) {
	struct world w;
	world_init(&w, 100 * SLUICE_MS, 0.05);
	spin_prolong(&w.spin);
	run_until_asleep(&w);
	ck_assert_uint_ge(slept_at - w.began_at, 149 * SLUICE_MS); /* ev_loop's clock of the turn is a bit behind */
	world_free(&w);
}
END_TEST

START_TEST(test_setting_0_ends_the_spin_under_way) {
	struct world w;
	world_init(&w, 10 * SLUICE_S, FAR);
	spin_prolong(&w.spin);
	for (int i = 0; i < 10; i++)
		ev_run(w.ev, EVRUN_ONCE);
	ck_assert_uint_eq(polls, 10);
	ck_assert_uint_eq(sleeps, 0);
	spin_set(&w.spin, 0);
	run_until_asleep(&w);
	ck_assert_uint_eq(polls, 10);
	world_free(&w);
}
END_TEST

START_TEST(test_a_spin_alone_is_no_reason_for_the_loop_to_go_on) {
	struct world w;
	world_init(&w, 10 * SLUICE_S, FAR);
	ev_timer_stop(w.ev, &w.timer);
	spin_prolong(&w.spin);
	ev_run(w.ev, 0);
	ck_assert_uint_lt(sluice_now() - w.began_at, 5 * SLUICE_S);
	world_free(&w);
}
END_TEST

/* ---- a loop with two peers ---- */

static void connect_ends(struct kit_world *w) {
	const struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const sluice_gather_config gather = {
		.size = sizeof gather, .bind = (const struct sockaddr *)&local, .bind_len = sizeof local, .loopback = true};
	kit_world_init(w, NULL);
	ck_assert_int_eq(sluice_loop_gather(w->loop, w->a.peer, &gather), 0);
	ck_assert_int_eq(sluice_loop_gather(w->loop, w->b.peer, &gather), 0);
	kit_negotiate(&w->a, &w->b);
	KIT_RUN_UNTIL(w->loop, kit_is_open(&w->a, &w->b));
}

static void count(void *ctx) {
	++*(unsigned *)ctx;
}

static void *post_later(void *ctx) {
	void **post = ctx; /* the loop and the counter */
	usleep(5000);
	ck_assert_int_eq(sluice_loop_post(post[0], count, post[1]), 0);
	return NULL;
}

static void on_timer(struct ev_loop *ev, ev_timer *w, int events) {
	(void)ev;
	(void)events;
	count(w->data);
}

START_TEST(test_messages_timers_and_posts_are_served_while_the_loop_spins) {
	struct kit_world w;
	unsigned posted = 0, expired = 0;
	pthread_t thread;
	ev_timer timer;
	connect_ends(&w);
	sluice_loop_set_busy_poll(w.loop, 30000000);
	kit_send(&w.a, 1, 100);
	KIT_RUN_UNTIL(w.loop, w.b.messages == 1);
	forget_waits();
	uint64_t began_at = sluice_now();
	void *post[] = {w.loop, &posted};
	ck_assert_int_eq(pthread_create(&thread, NULL, post_later, post), 0);
	ev_timer_init(&timer, on_timer, 0.01, 0.);
	timer.data = &expired;
	ev_timer_start(sluice_loop_ev(w.loop), &timer);
	KIT_RUN_UNTIL(w.loop, posted && expired);
	kit_send(&w.b, 1, 100);
	KIT_RUN_UNTIL(w.loop, w.a.messages == 1);
	pthread_join(thread, NULL);
	ck_assert_uint_lt(sluice_now() - began_at, 20 * SLUICE_S);
	ck_assert_uint_eq(sleeps, 0);
	ck_assert_uint_gt(polls, 0);
	kit_world_free(&w);
}
END_TEST

START_TEST(test_a_loop_polls_only_when_it_was_told_to) {
	struct kit_world w;
	connect_ends(&w);
	w.b.echo = true;
	for (unsigned i = 1; i <= 20; i++) {
		kit_send(&w.a, 1, 100);
		KIT_RUN_UNTIL(w.loop, w.a.messages == i);
		ck_assert(!ev_is_active(&w.loop->schedule.spin.idle));
	}
	sluice_loop_set_busy_poll(w.loop, 1000);
	kit_send(&w.a, 1, 100);
	KIT_RUN_UNTIL(w.loop, w.a.messages == 21);
	ck_assert(ev_is_active(&w.loop->schedule.spin.idle));
	forget_waits();
	KIT_RUN_UNTIL(w.loop, sleeps); /* at the latest when nothing more is in flight */
	kit_world_free(&w);
}
END_TEST

START_TEST(test_a_loop_that_spins_leaves_the_apps_ev_loop_as_it_was) {
	struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO);
	sluice_env *env;
	sluice_loop *loop;
	ck_assert_int_eq(sluice_env_new(NULL, &env), 0);
	ck_assert_int_eq(sluice_loop_new(env, ev, &loop), 0);
	sluice_loop_set_busy_poll(loop, 30000000);
	spin_prolong(&loop->schedule.spin);
	ev_run(ev, EVRUN_NOWAIT);
	ck_assert(ev_is_active(&loop->schedule.spin.idle));
	sluice_loop_free(loop);
	forget_waits();
	ck_assert(!ev_run(ev, 0)); /* no watcher is left, and none too few */
	ck_assert_uint_eq(sleeps, 0);
	sluice_env_free(env);
	ev_loop_destroy(ev);
}
END_TEST

SUITE("loop_spin", test_without_a_time_the_loop_sleeps_at_once, test_the_loop_polls_for_the_time_that_was_set_and_then_sleeps,
      test_an_event_during_a_spin_begins_it_anew, test_setting_0_ends_the_spin_under_way,
      test_a_spin_alone_is_no_reason_for_the_loop_to_go_on, test_messages_timers_and_posts_are_served_while_the_loop_spins,
      test_a_loop_polls_only_when_it_was_told_to, test_a_loop_that_spins_leaves_the_apps_ev_loop_as_it_was)
