/* Gathering on real sockets of loopback: does a peer get the sockets that it asked for, do two peers find each other over them,
 * and what is said when there are none? */
#include "base/address.h"
#include "loop/gather.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "loop/socket.h"
#include "loop_kit.h"
#include "pool/env.h"
#include "suite.h"

static const struct sockaddr_in localhost = {.sin_family = AF_INET, .sin_addr.s_addr = __builtin_bswap32(INADDR_LOOPBACK)};

static sluice_gather_config on_localhost(void) {
	return (sluice_gather_config){
		.size = sizeof(sluice_gather_config), .bind = (const struct sockaddr *)&localhost, .bind_len = sizeof localhost};
}

static void connect_both(struct kit_world *w, const sluice_gather_config *config) {
	ck_assert_int_eq(sluice_loop_gather(w->loop, w->a.peer, config), 0);
	ck_assert_int_eq(sluice_loop_gather(w->loop, w->b.peer, config), 0);
	kit_negotiate(&w->a, &w->b);
	KIT_RUN_UNTIL(w->loop, kit_is_open(&w->a, &w->b));
}

START_TEST(test_two_peers_find_each_other_and_the_loop_ends_when_both_are_gone) {
	struct kit_world w;
	sluice_gather_config config = on_localhost();
	kit_world_init(&w, NULL);
	connect_both(&w, &config);
	w.b.echo = true;
	kit_send(&w.a, 10, 5000);
	KIT_RUN_UNTIL(w.loop, w.a.messages == 10);
	w.a.free_when_over = w.b.free_when_over = true;
	sluice_peer_close(w.a.peer);
	sluice_loop_run(w.loop);
	ck_assert_uint_eq(w.a.over + w.b.over, 2);
	kit_world_free(&w);
}
END_TEST

START_TEST(test_two_peers_find_each_other_over_what_the_machine_has) {
	const sluice_gather_config all = {.size = sizeof all, .loopback = true};
	struct kit_world w;
	kit_world_init(&w, NULL);
	connect_both(&w, &all);
	ck_assert_uint_ge(w.a.candidates, 1);
	kit_send(&w.a, 1, 100);
	KIT_RUN_UNTIL(w.loop, w.b.messages == 1);
	kit_world_free(&w);
}
END_TEST

START_TEST(test_candidates_end_when_the_sockets_are_all) {
	struct kit_world w;
	sluice_gather_config config = on_localhost();
	kit_world_init(&w, NULL);
	connect_both(&w, &config);
	KIT_RUN_UNTIL(w.loop, w.a.end_of_candidates && w.b.end_of_candidates);
	ck_assert_uint_eq(w.a.candidates, 1);
	ck_assert_ptr_nonnull(strstr(w.a.last_candidate, " 127.0.0.1 "));
	kit_world_free(&w);
}
END_TEST

START_TEST(test_megabytes_pass) {
	struct kit_world w;
	sluice_gather_config config = on_localhost();
	kit_world_init(&w, NULL);
	connect_both(&w, &config);
	sluice_channel_set_high_water(w.a.ch, 16 << 20);
	kit_send(&w.a, 128, 65536);
	KIT_RUN_UNTIL(w.loop, w.b.bytes == 128 * 65536);
	kit_world_free(&w);
}
END_TEST

START_TEST(test_a_restart_of_ice_keeps_the_channel) {
	struct kit_world w;
	sluice_gather_config config = on_localhost();
	kit_world_init(&w, NULL);
	connect_both(&w, &config);
	kit_restart(&w.a, &w.b);
	for (unsigned i = 1; i <= 50; i++) {
		kit_send(&w.a, 1, 1000);
		KIT_RUN_UNTIL(w.loop, w.b.messages == i);
	}
	ck_assert_uint_eq(w.a.over + w.b.over, 0);
	kit_world_free(&w);
}
END_TEST

static uint16_t port_of(const struct kit_world *w, const struct kit_end *e) {
	struct sockaddr_storage addr;
	socklen_t len;
	ck_assert_int_eq(sluice_loop_local_address(w->loop, e->peer, &addr, &len), 0);
	return address_port(&addr);
}

/* Three free ports in a row, as far as can be known. */
static uint16_t free_range(void) {
	for (uint16_t base = 40000; base < 60000; base += 7) {
		int fds[3], taken = 0;
		for (uint16_t i = 0; i < 3; i++) {
			struct sockaddr_in in = localhost;
			in.sin_port = htons(base + i);
			fds[i] = socket(AF_INET, SOCK_DGRAM, 0);
			taken += bind(fds[i], (const struct sockaddr *)&in, sizeof in) != 0;
		}
		for (int i = 0; i < 3; i++)
			close(fds[i]);
		if (!taken)
			return base;
	}
	ck_abort_msg("no free ports");
	return 0;
}

START_TEST(test_a_port_range_is_kept_and_an_exhausted_one_is_an_error_that_says_so) {
	struct kit_world w;
	struct kit_end more[2];
	kit_world_init(&w, NULL);
	sluice_gather_config config = on_localhost();
	config.port_min = free_range();
	config.port_max = (uint16_t)(config.port_min + 2);
	ck_assert_int_eq(sluice_loop_gather(w.loop, w.a.peer, &config), 0);
	ck_assert_int_eq(sluice_loop_gather(w.loop, w.b.peer, &config), 0);
	kit_end_init(&more[0], w.env, w.loop, NULL);
	kit_end_init(&more[1], w.env, w.loop, NULL);
	ck_assert_int_eq(sluice_loop_gather(w.loop, more[0].peer, &config), 0);
	uint16_t a = port_of(&w, &w.a), b = port_of(&w, &w.b), c = port_of(&w, &more[0]);
	ck_assert_uint_eq(a + b + c, 3 * config.port_min + 3);
	ck_assert(a != b && b != c && a != c);
	size_t live = w.env->blocks.live;
	ck_assert_int_eq(sluice_loop_gather(w.loop, more[1].peer, &config), SLUICE_IO);
	ck_assert_int_eq(errno, EADDRINUSE);
	ck_assert_uint_eq(w.env->blocks.live, live);
	sluice_peer_free(more[0].peer);
	ck_assert_int_eq(sluice_loop_gather(w.loop, more[1].peer, &config),
	                 0); /* a port is free, and the peer can be tried again */
	kit_end_free(&more[1]);
	kit_world_free(&w);
}
END_TEST

START_TEST(test_a_port_to_bind_is_the_socket_s) {
	struct kit_world w;
	struct sockaddr_in in = localhost;
	kit_world_init(&w, NULL);
	sluice_gather_config config = on_localhost();
	in.sin_port = htons(free_range());
	config.bind = (const struct sockaddr *)&in;
	ck_assert_int_eq(sluice_loop_gather(w.loop, w.a.peer, &config), 0);
	ck_assert_uint_eq(port_of(&w, &w.a), ntohs(in.sin_port));
	kit_world_free(&w);
}
END_TEST

static bool refuse(const char *interface, const struct sockaddr *addr, void *user) {
	ck_assert_uint_gt(strlen(interface), 0);
	++*(unsigned *)user;
	return addr->sa_family != AF_INET && addr->sa_family != AF_INET6;
}

START_TEST(test_a_filter_that_refuses_everything_leaves_nothing_to_bind) {
	struct kit_world w;
	unsigned asked = 0;
	kit_world_init(&w, NULL);
	sluice_gather_config config = {.size = sizeof config, .filter = refuse, .user = &asked};
	ck_assert_int_eq(sluice_loop_gather(w.loop, w.a.peer, &config), SLUICE_IO);
	ck_assert_int_eq(errno, EADDRNOTAVAIL);
	ck_assert_uint_gt(asked, 0);
	kit_world_free(&w);
}
END_TEST

START_TEST(test_without_file_descriptors_the_error_says_so) {
	struct kit_world w;
	struct rlimit old, none;
	kit_world_init(&w, NULL);
	sluice_gather_config config = on_localhost();
	int next = dup(0);
	close(next);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = old.rlim_max};
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ck_assert_int_eq(sluice_loop_gather(w.loop, w.a.peer, &config), SLUICE_IO);
	ck_assert_int_eq(errno, EMFILE);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	ck_assert_int_eq(sluice_loop_gather(w.loop, w.a.peer, &config), 0);
	kit_world_free(&w);
}
END_TEST

START_TEST(test_what_cannot_be_is_refused_and_leaves_nothing) {
	struct kit_world w;
	sluice_peer *direct;
	sluice_peer_config c;
	kit_world_init(&w, NULL);
	sluice_gather_config config = on_localhost();
	sluice_peer_config_init(&c);
	c.role = SLUICE_ROLE_CLIENT;
	ck_assert_int_eq(sluice_peer_new(w.env, &c, &direct), 0);
	ck_assert_int_eq(sluice_loop_gather(w.loop, direct, &config), SLUICE_INVALID);
	size_t live = w.env->blocks.live; /* with the loop's tables */
	config.port_min = 2000;
	config.port_max = 1000;
	ck_assert_int_eq(sluice_loop_gather(w.loop, w.a.peer, &config), SLUICE_INVALID);
	config = on_localhost();
	config.bind_len = 2;
	ck_assert_int_eq(sluice_loop_gather(w.loop, w.a.peer, &config), SLUICE_INVALID);
	config = on_localhost();
	config.size = sizeof config + 1;
	ck_assert_int_eq(sluice_loop_gather(w.loop, w.a.peer, &config), SLUICE_INVALID);
	ck_assert_uint_eq(w.env->blocks.live, live);
	config = on_localhost();
	ck_assert_int_eq(sluice_loop_gather(w.loop, w.a.peer, &config), 0);
	ck_assert_int_eq(sluice_loop_gather(w.loop, w.a.peer, &config), SLUICE_EXISTS);
	sluice_peer_free(direct);
	kit_world_free(&w);
}
END_TEST

START_TEST(test_a_peer_may_be_freed_in_its_own_callback) {
	struct kit_world w;
	sluice_gather_config config = on_localhost();
	kit_world_init(&w, NULL);
	connect_both(&w, &config);
	w.b.free_at_message = true;
	kit_send(&w.a, 20, 20000);
	KIT_RUN_UNTIL(w.loop, w.b.peer == NULL);
	ck_assert_uint_eq(w.b.messages, 1);
	kit_world_free(&w);
}
END_TEST

START_TEST(test_a_peer_may_be_freed_in_each_of_its_callbacks_whichever_it_is) {
	for (int offers = 0; offers < 2; offers++) {
		bool reached = true;
		unsigned n = 0;
		while (reached) {
			struct kit_world w;
			sluice_gather_config config = on_localhost();
			kit_world_init(&w, NULL);
			struct kit_end *victim = offers ? &w.a : &w.b;
			victim->free_at_callback = ++n;
			ck_assert_int_eq(sluice_loop_gather(w.loop, w.a.peer, &config), 0);
			ck_assert_int_eq(sluice_loop_gather(w.loop, w.b.peer, &config), 0);
			kit_live(&w.a, &w.b, victim);
			reached = !victim->peer;
			ck_assert(reached || victim->callbacks < n);
			kit_world_free(&w);
		}
		ck_assert_uint_ge(n, 15);
	}
}
END_TEST

START_TEST(test_a_loop_is_freed_with_peers_on_it_at_any_moment) {
	for (int turns = 0; turns < 60; turns += 3) {
		struct kit_world w;
		sluice_gather_config config = on_localhost();
		kit_world_init(&w, NULL);
		ck_assert_int_eq(sluice_loop_gather(w.loop, w.a.peer, &config), 0);
		ck_assert_int_eq(sluice_loop_gather(w.loop, w.b.peer, &config), 0);
		kit_negotiate(&w.a, &w.b);
		for (int i = 0; i < turns; i++)
			ev_run(sluice_loop_ev(w.loop), EVRUN_NOWAIT);
		sluice_loop_free(w.loop);
		kit_end_free(&w.a);
		kit_end_free(&w.b);
		ck_assert_uint_eq(w.env->blocks.live, 0);
		sluice_env_free(w.env);
	}
}
END_TEST

/* ---- without memory ---- */

static size_t allocations_left = SIZE_MAX;

static void *scarce_alloc(void *ctx, size_t size) {
	(void)ctx;
	if (allocations_left == 0)
		return NULL;
	if (allocations_left != SIZE_MAX)
		allocations_left--;
	return malloc(size);
}

static void scarce_free(void *ctx, void *p) {
	(void)ctx;
	free(p);
}

static uint32_t packet_of(const struct kit_end *e) {
	sluice_peer_stats s;
	sluice_peer_stats_get(e->peer, &s);
	return s.sctp.mtu;
}

/* Who learnt the other side's candidate before its check came sees two hosts. Between them the loopback interface carries all. */
START_TEST(test_packets_grow_between_gathered_sockets_and_to_an_endpoint) {
	for (int shared = 0; shared < 2; shared++) {
		const sluice_endpoint_config endpoint = {
			.size = sizeof endpoint,
			.socket = {.local = (const struct sockaddr *)&localhost, .local_len = sizeof localhost}};
		sluice_gather_config config = on_localhost();
		sluice_endpoint *e;
		struct kit_world w;
		kit_world_init(&w, NULL);
		ck_assert_int_eq(sluice_loop_gather(w.loop, w.a.peer, &config), 0);
		ck_assert_int_eq(sluice_endpoint_new(w.loop, &endpoint, &e), 0);
		ck_assert_int_eq(shared ? sluice_endpoint_add(e, w.b.peer) : sluice_loop_gather(w.loop, w.b.peer, &config), 0);
		kit_negotiate(&w.a, &w.b);
		KIT_RUN_UNTIL(w.loop, kit_is_open(&w.a, &w.b));
		KIT_RUN_UNTIL(w.loop, packet_of(&w.a) >= 1400 && packet_of(&w.b) >= 1400);
		KIT_RUN_UNTIL(w.loop, packet_of(&w.a) > 15000 || packet_of(&w.b) > 15000);
		kit_send(&w.a, 10, 60000);
		KIT_RUN_UNTIL(w.loop, w.b.messages == 10);
		kit_world_free(&w);
	}
}
END_TEST

START_TEST(test_each_allocation_of_gathering_and_of_an_endpoint_may_fail) {
	bool gathered = false, shared = false;
	for (size_t left = 0; !gathered || !shared; left++) {
		const sluice_env_config env_config = {.allocator = {scarce_alloc, scarce_free, NULL}};
		const sluice_endpoint_config shared_config = {
			.size = sizeof shared_config,
			.socket = {.local = (const struct sockaddr *)&localhost, .local_len = sizeof localhost}};
		sluice_gather_config config = on_localhost();
		sluice_endpoint *e = NULL;
		struct kit_world w;
		ck_assert_uint_lt(left, 200);
		ck_assert_int_eq(sluice_env_new(&env_config, &w.env), 0);
		ck_assert_int_eq(sluice_loop_new(w.env, NULL, &w.loop), 0);
		kit_end_init(&w.a, w.env, w.loop, NULL);
		kit_end_init(&w.b, w.env, w.loop, NULL);
		config.tcp = true;
		allocations_left = left;
		int error = sluice_loop_gather(w.loop, w.a.peer, &config);
		gathered = !error;
		ck_assert_msg(!error || error == SLUICE_NO_MEMORY, "%s", sluice_error_name(error));
		allocations_left = left;
		error = sluice_endpoint_new(w.loop, &shared_config, &e);
		ck_assert(!error || error == SLUICE_NO_MEMORY);
		if (!error)
			error = sluice_endpoint_add(e, w.b.peer);
		shared = !error;
		ck_assert(!error || error == SLUICE_NO_MEMORY);
		allocations_left = SIZE_MAX;
		ck_assert(loop_check(w.loop));
		if (gathered && shared) {
			kit_negotiate(&w.a, &w.b);
			KIT_RUN_UNTIL(w.loop, kit_is_open(&w.a, &w.b));
		}
		kit_world_free(&w);
	}
}
END_TEST

/* Whatever is missing when: no crash, no leak, and with memory again the two go on, or fail in order. */
START_TEST(test_a_connection_that_is_short_of_memory_now_and_then_does_no_harm) {
	for (size_t left = 0; left < 40; left++) {
		const sluice_env_config env_config = {.allocator = {scarce_alloc, scarce_free, NULL}};
		sluice_gather_config config = on_localhost();
		struct kit_world w;
		ck_assert_int_eq(sluice_env_new(&env_config, &w.env), 0);
		ck_assert_int_eq(sluice_loop_new(w.env, NULL, &w.loop), 0);
		kit_end_init(&w.a, w.env, w.loop, NULL);
		kit_end_init(&w.b, w.env, w.loop, NULL);
		ck_assert_int_eq(sluice_loop_gather(w.loop, w.a.peer, &config), 0);
		ck_assert_int_eq(sluice_loop_gather(w.loop, w.b.peer, &config), 0);
		kit_negotiate(&w.a, &w.b);
		allocations_left = left;
		for (int i = 0; i < 30; i++) {
			ev_run(sluice_loop_ev(w.loop), EVRUN_NOWAIT);
			ck_assert(loop_check(w.loop));
		}
		allocations_left = SIZE_MAX;
		for (int i = 0; i < 30; i++)
			ev_run(sluice_loop_ev(w.loop), EVRUN_NOWAIT);
		kit_world_free(&w);
	}
}
END_TEST

/* A socket that broke is taken back from the peer and opened anew, a second later. */
START_TEST(test_a_broken_socket_is_replaced) {
	struct kit_world w;
	sluice_gather_config config = on_localhost();
	kit_world_init(&w, NULL);
	connect_both(&w, &config);
	uint32_t number = w.loop->drivers->sockets->outlet.number;
	w.loop->drivers->sockets->broken = true;
	interface_look_again(w.loop);
	KIT_RUN_UNTIL(w.loop, w.loop->drivers->sockets && w.loop->drivers->sockets->outlet.number != number);
	ck_assert(!w.loop->drivers->sockets->broken);
	kit_world_free(&w);
}
END_TEST

SUITE("gather", test_two_peers_find_each_other_and_the_loop_ends_when_both_are_gone,
      test_two_peers_find_each_other_over_what_the_machine_has, test_candidates_end_when_the_sockets_are_all, test_megabytes_pass,
      test_packets_grow_between_gathered_sockets_and_to_an_endpoint, test_a_restart_of_ice_keeps_the_channel,
      test_a_port_range_is_kept_and_an_exhausted_one_is_an_error_that_says_so, test_a_port_to_bind_is_the_socket_s,
      test_a_filter_that_refuses_everything_leaves_nothing_to_bind, test_without_file_descriptors_the_error_says_so,
      test_what_cannot_be_is_refused_and_leaves_nothing, test_a_peer_may_be_freed_in_its_own_callback,
      test_a_peer_may_be_freed_in_each_of_its_callbacks_whichever_it_is, test_a_loop_is_freed_with_peers_on_it_at_any_moment,
      test_a_broken_socket_is_replaced, test_each_allocation_of_gathering_and_of_an_endpoint_may_fail,
      test_a_connection_that_is_short_of_memory_now_and_then_does_no_harm)
