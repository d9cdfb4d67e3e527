/* A network that changes, and names that only neighbours know: followed addresses and multicast DNS, in a network namespace of the
 * test's own with a pair of virtual cables. */
#include "loop/mdns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "ice/candidate.h"
#include "loop/dns.h"
#include "loop/socket.h"
#include "loop_kit.h"
#include "netns.h"
#include "pool/env.h"
#include "suite.h"

static void run(const char *command) {
	ck_assert_msg(system(command) == 0, "%s", command);
}

struct world {
	sluice_env *env;
	sluice_loop *loop;
	struct kit_end a, b;
};

static void world_init(struct world *w) {
	*w = (struct world){0};
	ck_assert_int_eq(sluice_env_new(NULL, &w->env), 0);
	ck_assert_int_eq(sluice_loop_new(w->env, NULL, &w->loop), 0);
	kit_end_init(&w->a, w->env, w->loop, NULL);
	kit_end_init(&w->b, w->env, w->loop, NULL);
}

static void world_free(struct world *w) {
	kit_end_free(&w->a);
	kit_end_free(&w->b);
	ck_assert(loop_check(w->loop));
	ck_assert_ptr_null(w->loop->mdns);
	sluice_loop_run(w->loop); /* nothing is left to wait for */
	sluice_loop_free(w->loop);
	ck_assert_uint_eq(w->env->blocks.live, 0);
	sluice_env_free(w->env);
}

static void wait_ms(struct world *w, uint64_t ms) {
	uint64_t end = sluice_now() + ms * SLUICE_MS;
	while (sluice_now() < end) {
		ev_run(sluice_loop_ev(w->loop), EVRUN_NOWAIT);
		usleep(1000);
	}
}

/* ---- a neighbour who listens and asks ---- */

static int open_neighbour(uint16_t port) {
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), on = 1;
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct ip_mreqn group = {.imr_multiaddr.s_addr = inet_addr("224.0.0.251"), .imr_address.s_addr = inet_addr("10.77.0.1")};
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&in, sizeof in), 0);
	ck_assert_int_eq(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group), 0);
	ck_assert_int_eq(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &group, sizeof group), 0);
	return fd;
}

static void to_group(int fd, const void *message, size_t len) {
	struct sockaddr_in group = {.sin_family = AF_INET, .sin_port = htons(5353), .sin_addr.s_addr = inet_addr("224.0.0.251")};
	ck_assert_int_eq(sendto(fd, message, len, 0, (const struct sockaddr *)&group, sizeof group), (ssize_t)len);
}

/* Reads what came; counts questions for the name, and answers. */
static void hear(int fd, const char *name, unsigned *questions, unsigned *answers, uint16_t *id, struct dns_record *last) {
	static uint8_t m[9000];
	ssize_t n;
	while ((n = recv(fd, m, sizeof m, 0)) > 0) {
		struct dns_reader r;
		struct dns_record q;
		if (!dns_open(&r, m, (size_t)n))
			continue;
		while (dns_next(&r, &q)) {
			if (strcmp(q.name, name) != 0)
				continue;
			*questions += q.is_question && !r.is_response;
			*answers += !q.is_question;
			if (!q.is_question) {
				*id = r.id;
				*last = q;
			}
		}
	}
}

/* A peer that asks for a name: the remote candidate of an answer that has no other. */
static void ask_for(struct world *w, const char *name) {
	const sluice_gather_config gather = {.size = sizeof gather};
	char candidate[200];
	ck_assert_int_eq(sluice_loop_gather(w->loop, w->a.peer, &gather), 0);
	ck_assert_int_eq(sluice_loop_gather(w->loop, w->b.peer, &gather), 0);
	kit_negotiate(&w->a, &w->b);
	snprintf(candidate, sizeof candidate, "candidate:1 1 udp 2113937151 %s 50000 typ host", name);
	ck_assert_int_eq(sluice_peer_add_remote_candidate(w->a.peer, candidate), 0);
}

/* ---- names ---- */

static bool no_host(const char *candidate) {
	return strstr(candidate, ".local ") != NULL;
}

START_TEST(test_two_peers_that_tell_names_instead_of_addresses_find_each_other) {
	const sluice_gather_config gather = {.size = sizeof gather, .mdns_names = true};
	struct world w;
	world_init(&w);
	w.a.keep_candidate = w.b.keep_candidate = no_host;
	ck_assert_int_eq(sluice_loop_gather(w.loop, w.a.peer, &gather), 0);
	ck_assert_int_eq(sluice_loop_gather(w.loop, w.b.peer, &gather), 0);
	kit_negotiate(&w.a, &w.b);
	KIT_RUN_UNTIL(w.loop, kit_is_open(&w.a, &w.b));
	ck_assert_ptr_nonnull(strstr(w.a.last_candidate, ".local "));
	ck_assert_ptr_null(strstr(w.a.last_candidate, "10.77."));
	world_free(&w);
}
END_TEST

START_TEST(test_a_name_that_nobody_has_is_asked_for_three_times_and_given_up) {
	struct world w;
	unsigned questions = 0, answers = 0;
	uint16_t id;
	struct dns_record last;
	world_init(&w);
	int fd = open_neighbour(5353);
	ask_for(&w, "nobody-has-this.local");
	uint64_t begin = sluice_now();
	wait_ms(&w, 150);
	hear(fd, "nobody-has-this.local", &questions, &answers, &id, &last);
	ck_assert_uint_eq(questions, 2); /* A and AAAA */
	wait_ms(&w, 350);
	hear(fd, "nobody-has-this.local", &questions, &answers, &id, &last);
	ck_assert_uint_eq(questions, 4);
	KIT_RUN_UNTIL(w.loop, !w.loop->mdns);
	ck_assert_uint_ge(sluice_now() - begin, 2900 * SLUICE_MS);
	hear(fd, "nobody-has-this.local", &questions, &answers, &id, &last);
	ck_assert_uint_eq(questions, 6);
	close(fd);
	world_free(&w);
}
END_TEST

START_TEST(test_an_answer_ends_the_asking_and_wrong_ones_do_not) {
	struct world w;
	uint8_t m[DNS_MESSAGE_MAX];
	struct sockaddr_storage addr = {0};
	*(struct sockaddr_in *)&addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = inet_addr("10.77.0.9")};
	const struct dns_answer how = {.class = DNS_IN | DNS_TOP_BIT, .ttl = 120}, chaos = {.class = 3, .ttl = 120};
	world_init(&w);
	int fd = open_neighbour(5353), elsewhere = open_neighbour(0);
	ask_for(&w, "my-name.local");
	wait_ms(&w, 50);
	to_group(fd, m, dns_write_answer(m, "other-name.local", &addr, &how));
	to_group(fd, m, dns_write_answer(m, "my-name.local", &addr, &chaos));
	to_group(elsewhere, m, dns_write_answer(m, "my-name.local", &addr, &how)); /* not from port 5353 */
	to_group(fd, "\0\0\x84", 3);
	wait_ms(&w, 50);
	ck_assert_ptr_nonnull(w.loop->mdns);
	to_group(fd, m, dns_write_answer(m, "MY-name.local", &addr, &how));
	wait_ms(&w, 50);
	ck_assert_ptr_null(w.loop->mdns);
	close(fd);
	close(elsewhere);
	world_free(&w);
}
END_TEST

START_TEST(test_a_peer_that_is_freed_asks_no_more) {
	struct world w;
	world_init(&w);
	ask_for(&w, "my-name.local");
	wait_ms(&w, 50);
	ck_assert_ptr_nonnull(w.loop->mdns);
	uint64_t begin = sluice_now();
	world_free(&w);
	ck_assert_uint_lt(sluice_now() - begin, SLUICE_S);
}
END_TEST

START_TEST(test_no_mdns_asks_nobody) {
	struct world w;
	unsigned questions = 0, answers = 0;
	uint16_t id;
	struct dns_record last;
	const sluice_gather_config gather = {.size = sizeof gather, .no_mdns = true};
	world_init(&w);
	int fd = open_neighbour(5353);
	ck_assert_int_eq(sluice_loop_gather(w.loop, w.a.peer, &gather), 0);
	ck_assert_int_eq(sluice_loop_gather(w.loop, w.b.peer, &gather), 0);
	kit_negotiate(&w.a, &w.b);
	ck_assert_int_eq(sluice_peer_add_remote_candidate(w.a.peer, "candidate:1 1 udp 1 my-name.local 50000 typ host"), 0);
	wait_ms(&w, 400);
	hear(fd, "my-name.local", &questions, &answers, &id, &last);
	ck_assert_uint_eq(questions, 0);
	close(fd);
	world_free(&w);
}
END_TEST

/* RFC 6762, 6 and 6.7: at most one multicast answer a second; to who asks from another port, an answer for it alone. */
START_TEST(test_our_names_are_answered_for_to_all_at_most_once_a_second_and_to_simple_resolvers_directly) {
	const sluice_gather_config gather = {.size = sizeof gather, .mdns_names = true, .no_ipv6 = true};
	struct world w;
	unsigned questions = 0, answers = 0;
	uint16_t id = 1;
	struct dns_record last = {0};
	uint8_t m[DNS_MESSAGE_MAX];
	world_init(&w);
	int fd = open_neighbour(5353), simple = open_neighbour(0);
	ck_assert_int_eq(sluice_loop_gather(w.loop, w.a.peer, &gather), 0);
	sluice_channel_config channel = {.label = "x", .id = -1};
	ck_assert_int_eq(sluice_peer_open_channel(w.a.peer, &channel, NULL), 0);
	ck_assert_int_eq(sluice_peer_set_local_description(w.a.peer, SLUICE_SDP_OFFER, NULL), 0);
	KIT_RUN_UNTIL(w.loop, w.a.candidates > 0);
	char name[64];
	ck_assert_int_eq(sscanf(w.a.last_candidate, "candidate:%*s %*d %*s %*u %63s", name), 1);
	ck_assert_uint_eq(strlen(name), MDNS_NAME_SIZE - 1);
	for (int i = 0; i < 5; i++)
		to_group(fd, m, dns_write_query(m, name, DNS_A));
	to_group(fd, m, dns_write_query(m, name, DNS_AAAA)); /* there is none */
	to_group(fd, m, dns_write_query(m, "another.local", DNS_A));
	wait_ms(&w, 100);
	hear(fd, name, &questions, &answers, &id, &last);
	ck_assert_uint_eq(answers, 1);
	ck_assert_uint_eq(id, 0);
	ck_assert_uint_eq(last.type, DNS_A);
	ck_assert_uint_eq(last.class, DNS_IN | DNS_TOP_BIT);
	wait_ms(&w, 1000);
	to_group(fd, m, dns_write_query(m, name, DNS_ANY));
	wait_ms(&w, 100);
	hear(fd, name, &questions, &answers, &id, &last);
	ck_assert_uint_eq(answers, 2);
	size_t len = dns_write_query(m, name, DNS_A);
	m[1] = 77;
	to_group(simple, m, len);
	wait_ms(&w, 100);
	answers = 0;
	hear(fd, name, &questions, &answers, &id, &last);
	ck_assert_uint_eq(answers, 0);
	hear(simple, name, &questions, &answers, &id, &last);
	ck_assert_uint_eq(answers, 1);
	ck_assert_uint_eq(id, 77);
	ck_assert_uint_eq(last.class, DNS_IN);
	close(fd);
	close(simple);
	world_free(&w);
}
END_TEST

/* ---- changes ---- */

static unsigned sockets_of(const struct kit_end *e, const struct world *w) {
	for (struct driver *d = w->loop->drivers; d; d = d->next)
		if (d->peer == e->peer) {
			unsigned n = 0;
			for (sluice_socket *s = d->sockets; s; s = s->next_owned)
				n++;
			return n;
		}
	return 0;
}

START_TEST(test_addresses_that_come_and_go_are_followed_and_the_connection_lives) {
	const sluice_gather_config gather = {.size = sizeof gather, .no_ipv6 = true};
	struct world w;
	world_init(&w);
	ck_assert_int_eq(sluice_loop_gather(w.loop, w.a.peer, &gather), 0);
	ck_assert_int_eq(sluice_loop_gather(w.loop, w.b.peer, &gather), 0);
	kit_negotiate(&w.a, &w.b);
	KIT_RUN_UNTIL(w.loop, kit_is_open(&w.a, &w.b));
	ck_assert_uint_eq(sockets_of(&w.a, &w), 1);
	run("ip addr add 10.78.0.1/24 dev va");
	KIT_RUN_UNTIL(w.loop, sockets_of(&w.a, &w) == 2 && sockets_of(&w.b, &w) == 2);
	wait_ms(&w, 300); /* the new pairs are checked */
	run("ip addr del 10.77.0.1/24 dev va");
	KIT_RUN_UNTIL(w.loop, sockets_of(&w.a, &w) == 1 && sockets_of(&w.b, &w) == 1);
	kit_send(&w.a, 1, 100);
	KIT_RUN_UNTIL(w.loop, w.b.messages == 1);
	ck_assert_uint_eq(w.a.over + w.b.over, 0);
	world_free(&w);
}
END_TEST

START_TEST(test_an_endpoint_on_any_address_follows_too) {
	const sluice_endpoint_config config = {.size = sizeof config};
	struct world w;
	sluice_endpoint *e;
	world_init(&w);
	ck_assert_int_eq(sluice_endpoint_new(w.loop, &config, &e), 0);
	ck_assert_int_eq(sluice_endpoint_add(e, w.a.peer), 0);
	run("ip addr add 10.79.0.1/24 dev va");
	wait_ms(&w, 300);
	struct sockaddr_storage shared;
	socklen_t len;
	ck_assert_int_eq(sluice_endpoint_address(e, &shared, &len), 0);
	struct sockaddr_in in = {
		.sin_family = AF_INET, .sin_port = htons(address_port(&shared)), .sin_addr.s_addr = inet_addr("10.79.0.1")};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	ck_assert_int_eq(sendto(fd, "?", 1, 0, (const struct sockaddr *)&in, sizeof in), 1);
	wait_ms(&w, 50);
	sluice_endpoint_stats s;
	sluice_endpoint_stats_get(e, &s);
	ck_assert_uint_eq(s.strays, 1);
	close(fd);
	kit_end_free(&w.a);
	sluice_endpoint_free(e);
	world_free(&w);
}
END_TEST

/* Each test is a process of its own, and has a namespace of its own. */
static void setup(void) {
	ck_assert(netns_enter());
	run("ip link set lo up && ip link add va type veth peer name vb && ip link set va up && ip link set vb up && "
	    "ip addr add 10.77.0.1/24 dev va && ip route add default via 10.77.0.2");
}

static bool can_enter(void) {
	pid_t child = fork();
	int status = 1;
	if (child == 0)
		_exit(netns_enter() && system("ip link add va type veth peer name vb 2>/dev/null") == 0 ? 0 : 1);
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

int main(int argc, char **argv) {
	const TTest *tests[] = {test_two_peers_that_tell_names_instead_of_addresses_find_each_other,
	                        test_a_name_that_nobody_has_is_asked_for_three_times_and_given_up,
	                        test_an_answer_ends_the_asking_and_wrong_ones_do_not,
	                        test_a_peer_that_is_freed_asks_no_more,
	                        test_no_mdns_asks_nobody,
	                        test_our_names_are_answered_for_to_all_at_most_once_a_second_and_to_simple_resolvers_directly,
	                        test_addresses_that_come_and_go_are_followed_and_the_connection_lives,
	                        test_an_endpoint_on_any_address_follows_too};
	if (!can_enter()) {
		puts("no network namespaces with veth here (needs root or user namespaces, and ip)");
		return 77;
	}
	return suite_run_each("mdns", tests, sizeof tests / sizeof *tests, argc > 1 ? argv[1] : NULL, 300, setup);
}
