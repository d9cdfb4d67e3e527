/* A network that changes, and names that only neighbours know: followed addresses and multicast DNS, in a network namespace of
 * the test's own with a pair of virtual cables. */
#include "base/address.h"
#include "loop/mdns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "cpu_time.h"
#include "loop/dns.h"
#include "loop/driver.h"
#include "loop/socket.h"
#include "loop_kit.h"
#include "netns.h"
#include "pool/env.h"
#include "suite.h"

static void run(const char *command) {
	ck_assert_msg(system(command) == 0, "%s", command);
}

static void world_free(struct kit_world *w) {
	kit_end_free(&w->a);
	kit_end_free(&w->b);
	ck_assert_ptr_null(w->loop->mdns);
	sluice_loop_run(w->loop); /* nothing is left to wait for */
	kit_world_free(w);
}

/* As many turns of the loop as milliseconds, too: a machine that is busy with others takes longer for the same work. */
static void wait_ms(struct kit_world *w, uint64_t ms) {
	uint64_t end = sluice_now() + ms * SLUICE_MS;
	for (uint64_t turns = 0; turns < ms || sluice_now() < end; turns++) {
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
static void ask_for(struct kit_world *w, const char *name) {
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
	struct kit_world w;
	kit_world_init(&w, NULL);
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
	struct kit_world w;
	unsigned questions = 0, answers = 0;
	uint16_t id;
	struct dns_record last;
	kit_world_init(&w, NULL);
	int fd = open_neighbour(5353);
	ask_for(&w, "nobody-has-this.local");
	uint64_t begin = sluice_now();
	KIT_RUN_UNTIL(w.loop, w.loop->mdns);
	KIT_RUN_UNTIL(w.loop, !w.loop->mdns);
	ck_assert_uint_ge(sluice_now() - begin, 2900 * SLUICE_MS);
	hear(fd, "nobody-has-this.local", &questions, &answers, &id, &last);
	ck_assert_uint_eq(questions, 6); /* A and AAAA, three times */
	close(fd);
	world_free(&w);
}
END_TEST

START_TEST(test_an_answer_ends_the_asking_and_wrong_ones_do_not) {
	struct kit_world w;
	uint8_t m[DNS_MESSAGE_MAX];
	struct sockaddr_storage addr = {0};
	*(struct sockaddr_in *)&addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = inet_addr("10.77.0.9")};
	const struct dns_answer how = {.class = DNS_IN | DNS_TOP_BIT, .ttl = 120}, chaos = {.class = 3, .ttl = 120};
	kit_world_init(&w, NULL);
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
	struct kit_world w;
	kit_world_init(&w, NULL);
	ask_for(&w, "my-name.local");
	wait_ms(&w, 50);
	ck_assert_ptr_nonnull(w.loop->mdns);
	uint64_t begin = sluice_now();
	world_free(&w);
	ck_assert_uint_lt(sluice_now() - begin, SLUICE_S);
}
END_TEST

START_TEST(test_no_mdns_asks_nobody) {
	struct kit_world w;
	unsigned questions = 0, answers = 0;
	uint16_t id;
	struct dns_record last;
	const sluice_gather_config gather = {.size = sizeof gather, .no_mdns = true};
	kit_world_init(&w, NULL);
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
	struct kit_world w;
	unsigned questions = 0, answers = 0;
	uint16_t id = 1;
	struct dns_record last = {0};
	uint8_t m[DNS_MESSAGE_MAX];
	kit_world_init(&w, NULL);
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

/* ---- who asks too much, and from where ---- */

/* A peer that has one name, and the name. */
static void publish(struct kit_world *w, char name[64]) {
	const sluice_gather_config gather = {.size = sizeof gather, .mdns_names = true, .no_ipv6 = true};
	sluice_channel_config channel = {.label = "x", .id = -1};
	kit_world_init(w, NULL);
	ck_assert_int_eq(sluice_loop_gather(w->loop, w->a.peer, &gather), 0);
	ck_assert_int_eq(sluice_peer_open_channel(w->a.peer, &channel, NULL), 0);
	ck_assert_int_eq(sluice_peer_set_local_description(w->a.peer, SLUICE_SDP_OFFER, NULL), 0);
	KIT_RUN_UNTIL(w->loop, w->a.candidates > 0);
	ck_assert_int_eq(sscanf(w->a.last_candidate, "candidate:%*s %*d %*s %*u %63s", name), 1);
}

static unsigned answers_to(int fd, const char *name) {
	unsigned questions = 0, answers = 0;
	uint16_t id;
	struct dns_record last;
	hear(fd, name, &questions, &answers, &id, &last);
	return answers;
}

START_TEST(test_a_message_that_asks_for_a_name_1491_times_gets_one_answer) {
	static uint8_t m[9000];
	struct kit_world w;
	char name[64];
	publish(&w, name);
	int fd = open_neighbour(5353), simple = open_neighbour(0);
	size_t len = dns_write_query(m, name, DNS_A);
	for (unsigned i = 1; i < 1491; i++, len += 6)
		memcpy(m + len, "\xC0\x0C\0\1\0\1", 6);
	m[4] = 1491 >> 8;
	m[5] = 1491 & 255;
	to_group(fd, m, len);
	to_group(simple, m, len);
	wait_ms(&w, 200);
	ck_assert_uint_eq(answers_to(fd, name), 1);
	ck_assert_uint_eq(answers_to(simple, name), 1);
	close(fd);
	close(simple);
	world_free(&w);
}
END_TEST

/* A burst of eight, and eight a second behind it; those who hear the group get the rest there, once a second. */
START_TEST(test_single_askers_are_answered_at_a_limited_rate) {
	uint8_t m[DNS_MESSAGE_MAX];
	struct kit_world w;
	char name[64];
	publish(&w, name);
	int fd = open_neighbour(5353), simple = open_neighbour(0);
	size_t len = dns_write_query(m, name, DNS_A);
	uint64_t begin = sluice_now();
	for (unsigned i = 0; i < 100; i++)
		to_group(simple, m, len);
	wait_ms(&w, 200);
	unsigned most = 8 + (unsigned)((sluice_now() - begin) / (125 * SLUICE_MS)), answers = answers_to(simple, name);
	ck_assert_uint_ge(answers, 8);
	ck_assert_uint_le(answers, most);
	ck_assert_uint_eq(answers_to(fd, name), 0);
	m[len - 2] |= 0x80; /* "a unicast answer will do" */
	for (unsigned i = 0; i < 100; i++) {
		to_group(simple, m, len);
		to_group(fd, m, len);
	}
	wait_ms(&w, 50);
	ck_assert_uint_ge(answers_to(fd, name), 1);
	close(fd);
	close(simple);
	world_free(&w);
}
END_TEST

/* A frame from the other end of the cable. */
struct forged {
	const char *from, *to;
	uint16_t from_port;
};

static void forge(const struct forged *f, const void *message, size_t len) {
	uint8_t packet[1500] = {0x45, 0, 0, 0, 0, 0, 0, 0, 64, IPPROTO_UDP};
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_halen = 6};
	int fd = socket(AF_PACKET, SOCK_DGRAM, 0);
	in_addr_t from = inet_addr(f->from), dest = inet_addr(f->to);
	uint32_t sum = 0;
	to.sll_ifindex = (int)if_nametoindex("vb");
	memset(to.sll_addr, 0xFF, 6);
	packet[2] = (uint8_t)((28 + len) >> 8);
	packet[3] = (uint8_t)(28 + len);
	memcpy(packet + 12, &from, 4);
	memcpy(packet + 16, &dest, 4);
	for (int i = 0; i < 20; i += 2)
		sum += (unsigned)(packet[i] << 8 | packet[i + 1]);
	sum = ~((sum & 0xFFFF) + (sum >> 16));
	packet[10] = (uint8_t)(sum >> 8);
	packet[11] = (uint8_t)sum;
	packet[20] = (uint8_t)(f->from_port >> 8);
	packet[21] = (uint8_t)f->from_port;
	packet[22] = 5353 >> 8;
	packet[23] = 5353 & 255;
	packet[24] = (uint8_t)((8 + len) >> 8);
	packet[25] = (uint8_t)(8 + len); /* no UDP checksum */
	memcpy(packet + 28, message, len);
	ck_assert_int_eq(sendto(fd, packet, 28 + len, 0, (const struct sockaddr *)&to, sizeof to), (ssize_t)(28 + len));
	close(fd);
}

/* What came out at the other end: UDP to the address, and to the group. */
static void sniff(int sniffer, const char *address, unsigned *answers, unsigned *multicasts) {
	uint8_t packet[2000];
	in_addr_t to = inet_addr(address), group = inet_addr("224.0.0.251");
	*answers = *multicasts = 0;
	for (ssize_t n; (n = recv(sniffer, packet, sizeof packet, MSG_DONTWAIT)) > 0;) {
		if (n < 28 || packet[9] != IPPROTO_UDP)
			continue;
		*answers += memcmp(packet + 16, &to, 4) == 0;
		*multicasts += memcmp(packet + 16, &group, 4) == 0;
	}
}

static int open_sniffer(void) {
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP)};
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK, htons(ETH_P_IP));
	at.sll_ifindex = (int)if_nametoindex("vb");
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
	return fd;
}

/* RFC 6762, 5.5 and 11. Behind the router, 10.77.0.2, lies everything else. */
START_TEST(test_nothing_is_sent_to_who_is_no_neighbour) {
	static const struct {
		struct forged f;
		bool unicast_will_do;
		unsigned answers, multicasts;
	} rows[] = {
		{{"10.77.0.9", "224.0.0.251", 4000}, false, 1, 0}, {{"198.51.100.9", "224.0.0.251", 4000}, false, 0, 0},
		{{"10.77.0.9", "224.0.0.251", 5353}, true, 1, 0},  {{"198.51.100.9", "224.0.0.251", 5353}, true, 0, 1},
		{{"10.77.0.9", "10.77.0.1", 4000}, false, 1, 0},   {{"198.51.100.9", "10.77.0.1", 4000}, false, 0, 0},
		{{"198.51.100.9", "10.77.0.1", 5353}, true, 0, 0},
	};
	uint8_t m[DNS_MESSAGE_MAX];
	char name[64];
	run("ip neigh add 10.77.0.2 lladdr 02:00:00:00:00:02 dev va && ip neigh add 10.77.0.9 lladdr 02:00:00:00:00:09 dev va");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct kit_world w;
		publish(&w, name);
		/* A socket of the test's on this port would get some of what is sent to this machine alone. */
		int sniffer = open_sniffer();
		unsigned answers, multicasts;
		size_t len = dns_write_query(m, name, DNS_A);
		m[len - 2] |= rows[i].unicast_will_do ? 0x80 : 0;
		forge(&rows[i].f, m, len);
		wait_ms(&w, 50);
		sniff(sniffer, rows[i].f.from, &answers, &multicasts);
		ck_assert_msg(answers == rows[i].answers, "row %zu: %u answers", i, answers);
		ck_assert_msg(multicasts == rows[i].multicasts, "row %zu: %u multicasts", i, multicasts);
		close(sniffer);
		world_free(&w);
	}
}
END_TEST

START_TEST(test_answers_count_from_the_group_and_from_neighbours) {
	static const struct {
		struct forged f;
		bool counts;
	} rows[] = {{{"198.51.100.9", "10.77.0.1", 5353}, false},
	            {{"10.77.0.9", "10.77.0.1", 4000}, false},
	            {{"10.77.0.9", "10.77.0.1", 5353}, true},
	            {{"198.51.100.9", "224.0.0.251", 5353}, true}};
	uint8_t m[DNS_MESSAGE_MAX];
	struct sockaddr_storage addr = {0};
	const struct dns_answer how = {.class = DNS_IN | DNS_TOP_BIT, .ttl = 120};
	*(struct sockaddr_in *)&addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = inet_addr("10.77.0.9")};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct kit_world w;
		kit_world_init(&w, NULL);
		ask_for(&w, "My-Name.local");
		wait_ms(&w, 30);
		forge(&rows[i].f, m, dns_write_answer(m, "my-name.local", &addr, &how));
		wait_ms(&w, 50);
		ck_assert_msg((w.loop->mdns == NULL) == rows[i].counts, "row %zu", i);
		world_free(&w);
	}
}
END_TEST

/* 9,000 bytes that cost the most: each record's name is a chain of pointers, while 200 names are waited for. */
START_TEST(test_the_dearest_message_costs_little) {
	static uint8_t m[9000];
	struct kit_world w;
	size_t len = 12, chain;
	kit_world_init(&w, NULL);
	int fd = open_neighbour(5353);
	ask_for(&w, "name-0.local");
	for (unsigned i = 1; i < 60; i++) {
		char candidate[100];
		snprintf(candidate, sizeof candidate, "candidate:1 1 udp %u name-%u.local 50000 typ host", 1000 + i, i);
		(void)sluice_peer_add_remote_candidate(w.a.peer, candidate);
	}
	wait_ms(&w, 20);
	memcpy(m, "\0\0\x84\0\0\0\x01\x70", 8); /* 368 records */
	memcpy(m + len, "\0\0\x0A\0\1\0\0\0\0\x0A\xF1", 11);
	len += 11;
	chain = len;
	memcpy(m + len, "\1a\0", 3);
	len += 3;
	for (unsigned i = 0; i < 0xAF0 - 3; i += 2, len += 2) {
		size_t to = i ? len - 2 : chain;
		m[len] = (uint8_t)(0xC0 | to >> 8);
		m[len + 1] = (uint8_t)to;
	}
	for (size_t last = len - 2; len + 16 <= sizeof m; len += 16) {
		m[len] = (uint8_t)(0xC0 | last >> 8);
		m[len + 1] = (uint8_t)last;
		memcpy(m + len + 2, "\0\1\0\1\0\0\0\x78\0\4\1\2\3\4", 14);
	}
	double before = cpu_ms();
	for (unsigned i = 0; i < 10; i++) {
		to_group(fd, m, sizeof m);
		ev_run(sluice_loop_ev(w.loop), EVRUN_NOWAIT);
	}
	double ms = cpu_ms() - before;
	ck_assert_msg(ms < 200, "%.1f ms of CPU for ten messages", ms);
	close(fd);
	world_free(&w);
}
END_TEST

/* ---- changes ---- */

static unsigned sockets_of(const struct kit_end *e, const struct kit_world *w) {
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
	struct kit_world w;
	kit_world_init(&w, NULL);
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
	struct kit_world w;
	sluice_endpoint *e;
	kit_world_init(&w, NULL);
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
	                        test_a_message_that_asks_for_a_name_1491_times_gets_one_answer,
	                        test_single_askers_are_answered_at_a_limited_rate,
	                        test_nothing_is_sent_to_who_is_no_neighbour,
	                        test_answers_count_from_the_group_and_from_neighbours,
	                        test_the_dearest_message_costs_little,
	                        test_addresses_that_come_and_go_are_followed_and_the_connection_lives,
	                        test_an_endpoint_on_any_address_follows_too};
	if (!can_enter()) {
		puts("no network namespaces with veth here (needs root or user namespaces, and ip)");
		return 77;
	}
	return suite_run_each("mdns", tests, sizeof tests / sizeof *tests, argc > 1 ? argv[1] : NULL, 300, setup);
}
