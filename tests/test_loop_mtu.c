/* Do packets grow and shrink with the path, over real sockets? On loopback, and, where that is allowed, over cables and a router
 * in network namespaces: each end's socket is opened in a namespace of its own, and one loop drives both. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>

#include "loop/loop.h"
#include "loop/socket.h"
#include "loop_kit.h"
#include "netns.h"
#include "pool/env.h"
#include "suite.h"

struct end {
	sluice_env *env;
	sluice_loop *loop;
	sluice_peer *peer;
	sluice_channel *ch;
	sluice_socket *socket;
	sluice_certificate *certificate;
	struct sockaddr_storage address;
	socklen_t address_len;
	unsigned opened, messages, mtu_events;
	uint64_t bytes;
	uint32_t mtu_told;
	bool writable;
};

struct world {
	sluice_env *env;
	sluice_loop *loop;
	struct end a, b;
};

static void on_message(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	struct end *e = user;
	(void)ch, (void)text;
	e->messages++;
	e->bytes += m->len;
}

static void on_open(sluice_channel *ch, void *user) {
	struct end *e = user;
	e->ch = ch;
	e->opened++;
}

static void on_writable(sluice_channel *ch, void *user) {
	struct end *e = user;
	(void)ch;
	e->writable = true;
}

static const sluice_channel_callbacks callbacks = {.on_open = on_open, .on_message = on_message, .on_writable = on_writable};

static void on_channel(sluice_peer *p, sluice_channel *ch, void *user) {
	(void)p;
	sluice_channel_set_callbacks(ch, &callbacks, user);
}

static void on_mtu(sluice_peer *p, uint32_t mtu, void *user) {
	struct end *e = user;
	(void)p;
	e->mtu_events++;
	e->mtu_told = mtu;
}

static void end_open(struct world *w, struct end *e, const char *address, const sluice_socket_config *options) {
	struct sockaddr_in in = {.sin_family = AF_INET};
	sluice_socket_config config = options ? *options : (sluice_socket_config){0};
	*e = (struct end){.env = w->env, .loop = w->loop};
	ck_assert_int_eq(inet_pton(AF_INET, address, &in.sin_addr), 1);
	config.local = (const struct sockaddr *)&in;
	config.local_len = sizeof in;
	ck_assert_int_eq(sluice_socket_open(w->loop, &config, &e->socket), 0);
	ck_assert_int_eq(sluice_socket_address(e->socket, &e->address, &e->address_len), 0);
	ck_assert_int_eq(sluice_certificate_generate(&e->certificate), 0);
}

static void end_start(struct end *e, const struct end *other, enum sluice_role role, uint32_t mtu_max) {
	sluice_peer_config c;
	sluice_peer_config_init(&c);
	c.role = role;
	c.certificate = e->certificate;
	c.path.remote = other->address;
	c.path.remote_len = other->address_len;
	c.sctp.mtu_max = mtu_max;
	c.on_channel = on_channel;
	c.on_mtu = on_mtu;
	c.user = e;
	ck_assert_int_eq(sluice_certificate_fingerprint(other->certificate, SLUICE_SHA256, &c.remote_fingerprint), 0);
	ck_assert_int_eq(sluice_peer_new(e->env, &c, &e->peer), 0);
	ck_assert_int_eq(sluice_loop_add_socket(e->loop, e->peer, e->socket), 0);
	ck_assert_int_eq(sluice_peer_start(e->peer), 0);
}

static void world_make(struct world *w) {
	*w = (struct world){0};
	ck_assert_int_eq(sluice_env_new(NULL, &w->env), 0);
	ck_assert_int_eq(sluice_loop_new(w->env, NULL, &w->loop), 0);
}

/* Both sockets are open. */
static void world_start(struct world *w, uint32_t mtu_max) {
	end_start(&w->b, &w->a, SLUICE_ROLE_SERVER, mtu_max);
	end_start(&w->a, &w->b, SLUICE_ROLE_CLIENT, mtu_max);
	sluice_channel_config channel = {.label = "test", .id = -1, .callbacks = callbacks, .user = &w->a};
	ck_assert_int_eq(sluice_peer_open_channel(w->a.peer, &channel, &w->a.ch), 0);
}

static void world_free(struct world *w) {
	sluice_peer_free(w->a.peer);
	sluice_peer_free(w->b.peer);
	sluice_certificate_release(w->a.certificate);
	sluice_certificate_release(w->b.certificate);
	ck_assert(loop_check(w->loop));
	sluice_loop_free(w->loop);
	ck_assert_uint_eq(w->env->blocks.live, 0);
	sluice_env_free(w->env);
}

static void wake_up(struct ev_loop *ev, ev_timer *t, int events) {
	(void)ev, (void)t, (void)events;
}

/* Runs until the condition holds; fails when it does not within a minute. The timer lets conditions on time come true. */
#define RUN_UNTIL(w, condition)                                                                                                  \
	do {                                                                                                                     \
		uint64_t limit = sluice_now() + 60 * SLUICE_S;                                                                   \
		ev_timer tick;                                                                                                   \
		ev_timer_init(&tick, wake_up, 0.02, 0.02);                                                                       \
		ev_timer_start(sluice_loop_ev((w)->loop), &tick);                                                                \
		while (!(condition)) {                                                                                           \
			ck_assert_msg(sluice_now() < limit, "not within a minute: " #condition);                                 \
			ev_run(sluice_loop_ev((w)->loop), EVRUN_ONCE);                                                           \
		}                                                                                                                \
		ev_timer_stop(sluice_loop_ev((w)->loop), &tick);                                                                 \
	} while (0)

static sluice_sctp_stats stats(const struct end *e) {
	sluice_peer_stats s;
	sluice_peer_stats_get(e->peer, &s);
	return s.sctp;
}

static void run_for(struct world *w, uint64_t ns) {
	uint64_t until = sluice_now() + ns;
	RUN_UNTIL(w, sluice_now() >= until);
}

static void transfer(struct world *w, size_t messages) {
	static uint8_t bytes[65536];
	uint64_t expected = w->b.bytes + messages * sizeof bytes;
	for (size_t sent = 0; sent < messages;) {
		w->a.writable = false;
		int error = sluice_channel_send(w->a.ch, bytes, sizeof bytes);
		if (error == SLUICE_WOULD_BLOCK)
			RUN_UNTIL(w, w->a.writable);
		else
			ck_assert_int_eq(error, 0);
		sent += error == 0;
	}
	RUN_UNTIL(w, w->b.bytes >= expected);
}

/* ---- loopback ---- */

START_TEST(test_over_loopback_packets_grow_to_a_record_of_dtls_and_arrive_whole) {
	static const sluice_socket_config ways[] = {
		{0}, {.no_gso = true}, {.no_gro = true}, {.no_gso = true, .no_gro = true, .no_mmsg = true}};
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		struct world w;
		world_make(&w);
		end_open(&w, &w.a, "127.0.0.1", &ways[i]);
		end_open(&w, &w.b, "127.0.0.1", &ways[i]);
		world_start(&w, 0);
		RUN_UNTIL(&w, w.a.opened && stats(&w.a).mtu > 15000);
		ck_assert_uint_eq(w.a.mtu_told, stats(&w.a).mtu);
		transfer(&w, 100);
		ck_assert_uint_le(w.b.socket->udp.stats.truncated, 2); /* the parts of recvmmsg grow behind the first large one */
		ck_assert_uint_eq(stats(&w.a).mtu_black_holes, 0);
		world_free(&w);
	}
}
END_TEST

START_TEST(test_an_app_may_forbid_or_limit_it) {
	struct world w;
	world_make(&w);
	end_open(&w, &w.a, "127.0.0.1", NULL);
	end_open(&w, &w.b, "127.0.0.1", NULL);
	world_start(&w, 1);
	RUN_UNTIL(&w, w.a.opened);
	run_for(&w, 100 * SLUICE_MS);
	ck_assert_uint_eq(stats(&w.a).mtu_probes_sent, 0);
	ck_assert_uint_lt(stats(&w.a).mtu, 1200);
	world_free(&w);

	world_make(&w);
	end_open(&w, &w.a, "127.0.0.1", NULL);
	end_open(&w, &w.b, "127.0.0.1", NULL);
	world_start(&w, 3000);
	RUN_UNTIL(&w, w.a.opened && stats(&w.a).mtu > 2800);
	ck_assert_uint_le(stats(&w.a).mtu, 3000);
	world_free(&w);
}
END_TEST

/* The socket holds several reads of 54 datagrams, and each SACK is for four of them. */
START_TEST(test_datagrams_that_wait_together_are_answered_together) {
	struct world w;
	world_make(&w);
	end_open(&w, &w.a, "127.0.0.1", NULL);
	end_open(&w, &w.b, "127.0.0.1", NULL);
	world_start(&w, 1);
	RUN_UNTIL(&w, w.a.opened && w.b.ch);
	transfer(&w, 128); /* the window grows */
	sluice_sctp_stats before = stats(&w.b);
	transfer(&w, 512);
	sluice_sctp_stats after = stats(&w.b);
	uint64_t packets = after.packets_received - before.packets_received, sacks = after.sacks_sent - before.sacks_sent;
	ck_assert_msg(sacks * 100 <= packets, "%u SACKs for %u packets", (unsigned)sacks, (unsigned)packets);
	world_free(&w);
}
END_TEST

/* ---- a, a router, b ---- */

enum { A, ROUTER, B, PLACES };
static int places[PLACES];

static void go(int place) {
	ck_assert_int_eq(setns(places[place], CLONE_NEWNET), 0);
}

__attribute__((format(printf, 2, 3))) static void run_at(int place, const char *format, ...) {
	char command[300];
	va_list args;
	va_start(args, format);
	vsnprintf(command, sizeof command, format, args);
	va_end(args);
	go(place);
	ck_assert_msg(system(command) == 0, "%s", command);
}

static bool build(void) {
	if (!netns_enter())
		return false;
	for (int i = 0; i < PLACES; i++) {
		if (i > 0 && unshare(CLONE_NEWNET) != 0)
			return false;
		places[i] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	}
	char command[300];
	snprintf(command, sizeof command,
	         "ip link add ra type veth peer name va netns /proc/%d/fd/%d 2>/dev/null && "
	         "ip link add rb type veth peer name vb netns /proc/%d/fd/%d 2>/dev/null && "
	         "echo 1 >/proc/sys/net/ipv4/ip_forward",
	         (int)getpid(), places[A], (int)getpid(), places[B]);
	return setns(places[ROUTER], CLONE_NEWNET) == 0 && system(command) == 0;
}

static void cable_up(int place, const char *name, const char *address, unsigned mtu) {
	run_at(place, "ip link set %s mtu %u up && ip addr add %s/24 dev %s", name, mtu, address, name);
}

/* Makes cables with this MTU, and a world over them. */
static void over_cables(struct world *w, unsigned near, unsigned far, const sluice_socket_config *options) {
	ck_assert(build());
	cable_up(A, "va", "10.77.1.1", near);
	cable_up(ROUTER, "ra", "10.77.1.2", near);
	cable_up(ROUTER, "rb", "10.77.2.2", far);
	cable_up(B, "vb", "10.77.2.1", far);
	run_at(A, "ip route add default via 10.77.1.2");
	run_at(B, "ip route add default via 10.77.2.2");
	world_make(w);
	go(A);
	end_open(w, &w->a, "10.77.1.1", options);
	go(B);
	end_open(w, &w->b, "10.77.2.1", options);
	go(ROUTER);
	world_start(w, 0);
	RUN_UNTIL(w, w->a.opened);
}

/* IP, UDP, DTLS */
#define WITHOUT_HEADERS(mtu) (((mtu)-20u - 8u - 37u) & ~3u)

START_TEST(test_packets_grow_to_what_the_own_cable_takes_and_the_machine_says_how_much_that_is) {
	static const unsigned mtus[] = {9000, 4000, 1500, 1400, 1280};
	for (size_t i = 0; i < sizeof mtus / sizeof *mtus; i++) {
		struct world w;
		over_cables(&w, mtus[i], mtus[i], NULL);
		uint32_t most = WITHOUT_HEADERS(mtus[i]), least = most - most / 16;
		run_for(&w, 500 * SLUICE_MS);
		ck_assert_uint_ge(stats(&w.a).mtu, least);
		ck_assert_uint_le(stats(&w.a).mtu, most);
		ck_assert_uint_ge(stats(&w.b).mtu, least);
		ck_assert_uint_le(stats(&w.a).mtu_probes_sent, 4);
		transfer(&w, 50);
		ck_assert_uint_eq(w.a.socket->udp.stats.too_large, 1);
		ck_assert_uint_eq(stats(&w.a).mtu_black_holes, 0);
		world_free(&w);
	}
}
END_TEST

START_TEST(test_a_router_with_a_narrower_cable_behind_it_says_so_and_is_believed_once_it_was_tried) {
	struct world w;
	over_cables(&w, 9000, 1500, NULL);
	RUN_UNTIL(&w, stats(&w.a).mtu > 1400);
	ck_assert_uint_eq(stats(&w.a).mtu, WITHOUT_HEADERS(1500));
	ck_assert_uint_ge(w.a.socket->udp.stats.icmp_errors, 1);
	transfer(&w, 50);
	/* Where the machine is busy, an ack may be late, and a chunk is sent twice; of 2,000 that are lost, all would be. */
	ck_assert_uint_lt(stats(&w.a).retransmitted_chunks, 50);
	ck_assert_uint_eq(stats(&w.a).mtu_black_holes, 0);
	world_free(&w);
}
END_TEST

START_TEST(test_a_cable_that_begins_to_swallow_large_packets_in_the_middle_of_a_transfer) {
	/* A cable between namespaces lets a send of several segments through, whatever its MTU: it is cut up by nobody. */
	static const sluice_socket_config no_gso = {.no_gso = true};
	struct world w;
	over_cables(&w, 9000, 9000, &no_gso);
	RUN_UNTIL(&w, stats(&w.a).mtu > 8000);
	transfer(&w, 20);
	/* The receiver's end of the cable: what is larger is dropped there, without a word. */
	run_at(B, "ip link set vb mtu 1500");
	uint64_t start = sluice_now();
	transfer(&w, 50);
	ck_assert_uint_le(sluice_now() - start, 30 * SLUICE_S);
	ck_assert_uint_ge(stats(&w.a).mtu_black_holes, 1);
	ck_assert_uint_lt(stats(&w.a).mtu, 1500);
	world_free(&w);
}
END_TEST

START_TEST(test_the_own_interface_is_set_to_less_in_the_middle_of_a_transfer) {
	struct world w;
	over_cables(&w, 9000, 9000, NULL);
	RUN_UNTIL(&w, stats(&w.a).mtu > 8000);
	transfer(&w, 20);
	run_at(A, "ip link set va mtu 1400");
	uint64_t start = sluice_now();
	transfer(&w, 50);
	ck_assert_uint_le(sluice_now() - start, 30 * SLUICE_S);
	ck_assert_uint_ge(w.a.socket->udp.stats.too_large, 2);
	RUN_UNTIL(&w, stats(&w.a).mtu == WITHOUT_HEADERS(1400));
	world_free(&w);
}
END_TEST

/* Both ends by offer and answer on one machine whose only address outside of loopback is that of an Ethernet card. What they say
 * to each other never sees the card. */
START_TEST(test_between_two_addresses_of_one_machine_the_interfaces_bound_nothing) {
	static const sluice_gather_config gather = {.size = sizeof gather};
	struct kit_world w;
	sluice_peer_stats s = {0};
	ck_assert(build());
	cable_up(A, "va", "10.77.1.1", 1500);
	run_at(A, "ip link set lo up");
	run_at(ROUTER, "ip link set ra up"); /* else the cable has no carrier */
	go(A);
	kit_world_init(&w, NULL);
	ck_assert_int_eq(sluice_loop_gather(w.loop, w.a.peer, &gather), 0);
	ck_assert_int_eq(sluice_loop_gather(w.loop, w.b.peer, &gather), 0);
	kit_negotiate(&w.a, &w.b);
	KIT_RUN_UNTIL(w.loop, (sluice_peer_stats_get(w.a.peer, &s), s.sctp.mtu > 15000));
	ck_assert_str_eq(s.selected.remote_address, "10.77.1.1");
	ck_assert_uint_eq(s.sctp.mtu_black_holes, 0);
	kit_world_free(&w);
}
END_TEST

static bool can_build(void) {
	pid_t child = fork();
	int status = 1;
	if (child == 0)
		_exit(build() ? 0 : 1);
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

int main(int argc, char **argv) {
	const TTest *tests[] = {test_over_loopback_packets_grow_to_a_record_of_dtls_and_arrive_whole,
	                        test_an_app_may_forbid_or_limit_it,
	                        test_datagrams_that_wait_together_are_answered_together,
	                        test_packets_grow_to_what_the_own_cable_takes_and_the_machine_says_how_much_that_is,
	                        test_a_router_with_a_narrower_cable_behind_it_says_so_and_is_believed_once_it_was_tried,
	                        test_a_cable_that_begins_to_swallow_large_packets_in_the_middle_of_a_transfer,
	                        test_the_own_interface_is_set_to_less_in_the_middle_of_a_transfer,
	                        test_between_two_addresses_of_one_machine_the_interfaces_bound_nothing};
	size_t count = sizeof tests / sizeof *tests;
	if (!can_build()) {
		puts("only over loopback: no network namespaces with veth here (needs root or user namespaces, and ip)");
		count = 3;
	}
	return suite_run("loop_mtu", tests, count, argc > 1 ? argv[1] : NULL, 300);
}
