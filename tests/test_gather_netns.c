/* Two machines with two cables between them, of which any may be pulled and any address may change: does the connection move?
 * Each machine is a process in a network namespace that the test made; descriptions and candidates cross a socket pair. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "loop_kit.h"
#include "netns.h"
#include "pool/env.h"
#include "suite.h"

struct machine {
	sluice_env *env;
	sluice_loop *loop;
	struct kit_end end;
	ev_io signal;
	bool answers;
};

static pid_t neighbour;    /* the other machine */
static int signal_fd = -1; /* to the other machine; a packet is a kind (o, a, c, m) and the text */
static bool muted;         /* candidates are kept to oneself */

__attribute__((format(printf, 1, 2))) static void run(const char *format, ...) {
	char command[400];
	va_list args;
	va_start(args, format);
	vsnprintf(command, sizeof command, format, args);
	va_end(args);
	ck_assert_msg(system(command) == 0, "%s", command);
}

/* ---- both machines ---- */

static void tell(char kind, const char *text, size_t len) {
	static char packet[SLUICE_SDP_MAX + 1];
	packet[0] = kind;
	memcpy(packet + 1, text, len);
	ck_assert_int_eq(send(signal_fd, packet, len + 1, MSG_NOSIGNAL), (ssize_t)len + 1);
}

static bool tell_candidate(const char *candidate) {
	if (!muted)
		tell('c', candidate, strlen(candidate));
	return false;
}

static void tell_description(struct machine *m, char kind) {
	static char sdp[SLUICE_SDP_MAX];
	ck_assert_int_eq(sluice_peer_set_local_description(m->end.peer, 0, NULL), 0);
	int len = sluice_peer_local_description(m->end.peer, NULL, sdp, sizeof sdp);
	ck_assert_int_gt(len, 0);
	tell(kind, sdp, (size_t)len);
}

static void on_signal(struct ev_loop *ev, ev_io *w, int events) {
	static char packet[SLUICE_SDP_MAX + 1];
	struct machine *m = w->data;
	(void)events;
	ssize_t n = recv(w->fd, packet, sizeof packet - 1, MSG_DONTWAIT);
	if (n < 0)
		return;
	if (n == 0) { /* the test is over */
		ev_io_stop(ev, w);
		ev_break(ev, EVBREAK_ALL);
		return;
	}
	packet[n] = 0;
	if (packet[0] == 'm') {
		muted = true;
		return;
	}
	if (packet[0] == 'c') {
		ck_assert_int_eq(sluice_peer_add_remote_candidate(m->end.peer, packet + 1), 0);
		return;
	}
	enum sluice_sdp_type type = packet[0] == 'o' ? SLUICE_SDP_OFFER : SLUICE_SDP_ANSWER;
	ck_assert_int_eq(sluice_peer_set_remote_description(m->end.peer, type, packet + 1, (size_t)n - 1), 0);
	if (m->answers)
		tell_description(m, 'a');
}

static void machine_init(struct machine *m, bool answers, const sluice_gather_config *gather) {
	*m = (struct machine){.answers = answers};
	ck_assert_int_eq(sluice_env_new(NULL, &m->env), 0);
	ck_assert_int_eq(sluice_loop_new(m->env, NULL, &m->loop), 0);
	kit_end_init(&m->end, m->env, m->loop, NULL);
	m->end.keep_candidate = tell_candidate;
	m->end.echo = answers;
	ck_assert_int_eq(sluice_loop_gather(m->loop, m->end.peer, gather), 0);
	ev_io_init(&m->signal, on_signal, signal_fd, EV_READ);
	m->signal.data = m;
	ev_io_start(sluice_loop_ev(m->loop), &m->signal);
}

static void machine_free(struct machine *m) {
	ev_io_stop(sluice_loop_ev(m->loop), &m->signal);
	kit_end_free(&m->end);
	ck_assert(loop_check(m->loop));
	sluice_loop_free(m->loop);
	ck_assert_uint_eq(m->env->blocks.live, 0);
	sluice_env_free(m->env);
}

/* ---- the other machine, which answers and echoes ---- */

/* Its cables are there when the first byte comes. */
static void be_neighbour(void) {
	static const sluice_gather_config all = {.size = sizeof all};
	struct machine m;
	char byte = 0;
	if (unshare(CLONE_NEWNET) != 0 || write(signal_fd, "n", 1) != 1 || read(signal_fd, &byte, 1) != 1)
		_exit(1);
	machine_init(&m, true, &all);
	sluice_loop_run(m.loop);
	machine_free(&m);
	exit(m.end.over ? 2 : 0);
}

static void there(const char *command) {
	run("nsenter -t %d -n %s", (int)neighbour, command);
}

static void setup(void) {
	int fds[2];
	char byte;
	ck_assert(netns_enter());
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	neighbour = fork();
	ck_assert_int_ge(neighbour, 0);
	signal_fd = fds[neighbour == 0];
	close(fds[neighbour != 0]);
	if (neighbour == 0)
		be_neighbour();
	ck_assert_int_eq(read(signal_fd, &byte, 1), 1);
	run("ip link set lo up");
	there("ip link set lo up");
	for (int i = 1; i <= 2; i++)
		run("ip link add va%d type veth peer name vb%d netns %d", i, i, (int)neighbour);
}

/* Both ends of a cable get an address of this network. */
static void plug(int cable, bool v6) {
	char command[200];
	for (int end = 1; end <= 2; end++) {
		char name = end == 1 ? 'a' : 'b';
		if (v6)
			snprintf(command, sizeof command, "ip -6 addr add fd00:%d::%d/64 dev v%c%d nodad", cable, end, name,
			         cable);
		else
			snprintf(command, sizeof command, "ip addr add 10.77.%d.%d/24 dev v%c%d", cable, end, name, cable);
		end == 1 ? run("%s", command) : there(command);
		snprintf(command, sizeof command, "ip link set v%c%d up", name, cable);
		end == 1 ? run("%s", command) : there(command);
	}
}

/* ---- this one ---- */

static void call(struct machine *m, const sluice_gather_config *gather) {
	ck_assert_int_eq(write(signal_fd, "g", 1), 1);
	machine_init(m, false, gather);
	kit_open_channel(&m->end);
	tell_description(m, 'o');
	KIT_RUN_UNTIL(m->loop, m->end.opened);
}

static void hang_up(struct machine *m) {
	int status;
	ck_assert_uint_eq(m->end.over, 0);
	machine_free(m);
	close(signal_fd);
	ck_assert_int_eq(waitpid(neighbour, &status, 0), neighbour);
	ck_assert_int_eq(status, 0);
}

/* A message goes there and comes back. */
static void converse(struct machine *m) {
	unsigned messages = m->end.messages;
	kit_send(&m->end, 1, 2000);
	KIT_RUN_UNTIL(m->loop, m->end.messages > messages);
}

/* Is the path in use one from such an address to such a one? */
static bool goes(const struct machine *m, const char *from, const char *to) {
	sluice_peer_stats s;
	sluice_peer_stats_get(m->end.peer, &s);
	return strncmp(s.selected.local_address, from, strlen(from)) == 0 &&
	       strncmp(s.selected.remote_address, to, strlen(to)) == 0;
}

/* Talks until it goes that way. */
static void talk_until(struct machine *m, const char *from, const char *to) {
	uint64_t limit = sluice_now() + 20 * SLUICE_S;
	do {
		converse(m);
		ck_assert_msg(sluice_now() < limit, "it does not go from %s to %s", from, to);
		usleep(10000);
	} while (!goes(m, from, to));
}

static const sluice_gather_config everything = {.size = sizeof everything};

START_TEST(test_an_address_that_is_exchanged_for_another_takes_the_connection_along) {
	struct machine m;
	plug(1, false);
	call(&m, &everything);
	talk_until(&m, "10.77.1.1", "10.77.1.2");
	run("ip addr add 10.77.1.11/24 dev va1 && sleep 0.3");
	converse(&m);
	run("ip addr del 10.77.1.1/24 dev va1"); /* takes the other one of its network along, as secondary */
	run("ip addr replace 10.77.1.11/24 dev va1");
	talk_until(&m, "10.77.1.11", "10.77.1.2");
	hang_up(&m);
}
END_TEST

START_TEST(test_an_address_of_the_other_side_may_be_exchanged_too) {
	struct machine m;
	plug(1, false);
	call(&m, &everything);
	talk_until(&m, "10.77.1.1", "10.77.1.2");
	there("ip addr add 10.77.1.12/24 dev vb1");
	talk_until(&m, "10.77.1.1", "10.77.1."); /* it talks meanwhile */
	there("ip addr del 10.77.1.2/24 dev vb1");
	there("ip addr replace 10.77.1.12/24 dev vb1");
	talk_until(&m, "10.77.1.1", "10.77.1.12");
	hang_up(&m);
}
END_TEST

START_TEST(test_a_cable_that_is_pulled_leaves_the_connection_to_the_other_one) {
	struct machine m;
	plug(1, false);
	plug(2, false);
	call(&m, &everything);
	converse(&m);
	run("ip link set va1 down");
	talk_until(&m, "10.77.2.1", "10.77.2.2");
	run("ip link set va1 up && sleep 0.5");
	converse(&m);
	run("ip link set va2 down");
	talk_until(&m, "10.77.1.1", "10.77.1.2");
	hang_up(&m);
}
END_TEST

START_TEST(test_a_second_interface_that_appears_later_is_used_when_the_first_goes) {
	struct machine m;
	plug(1, false);
	call(&m, &everything);
	converse(&m);
	plug(2, false);
	run("sleep 0.5");
	converse(&m);
	run("ip link set va1 down");
	talk_until(&m, "10.77.2.1", "10.77.2.2");
	hang_up(&m);
}
END_TEST

/* Datagrams to the neighbour go to a machine that is not there, and no error comes back. */
START_TEST(test_a_path_that_falls_silent_is_left_for_one_that_answers) {
	struct machine m;
	plug(1, false);
	plug(2, false);
	call(&m, &everything);
	converse(&m);
	/* Which cable it is, the destination alone says; the source may be either address, and the choice may change once more
	 * until every pair was checked. */
	for (uint64_t settled = sluice_now() + SLUICE_S; sluice_now() < settled;)
		converse(&m);
	int cable = goes(&m, "10.77.", "10.77.1.2") ? 1 : 2;
	const char *other = cable == 1 ? "10.77.2.2" : "10.77.1.2";
	run("ip neigh replace 10.77.%d.2 lladdr 02:00:00:00:00:99 dev va%d nud permanent", cable, cable);
	kit_send(&m.end, 1, 100);
	uint64_t begin = sluice_now();
	KIT_RUN_UNTIL(m.loop, goes(&m, "10.77.", other));
	ck_assert_uint_lt(sluice_now() - begin, 25 * SLUICE_S);
	converse(&m);
	hang_up(&m);
}
END_TEST

START_TEST(test_a_machine_that_was_cut_off_for_a_moment_goes_on) {
	struct machine m;
	plug(1, false);
	call(&m, &everything);
	converse(&m);
	run("ip link set va1 down");
	uint64_t end = sluice_now() + 3 * SLUICE_S;
	kit_send(&m.end, 1, 100);
	while (sluice_now() < end) {
		ev_run(sluice_loop_ev(m.loop), EVRUN_NOWAIT);
		usleep(1000);
	}
	ck_assert_uint_eq(m.end.messages, 1);
	run("ip link set va1 up");
	KIT_RUN_UNTIL(m.loop, m.end.messages == 2);
	converse(&m);
	hang_up(&m);
}
END_TEST

/* ---- interruptions, with signalling long closed ---- */

/* From here on neither machine learns an address of the other but from its checks. */
static void mute(void) {
	tell('m', "", 0);
	muted = true;
}

static void rest(struct machine *m, uint64_t ns) {
	for (uint64_t end = sluice_now() + ns; sluice_now() < end; usleep(1000))
		ev_run(sluice_loop_ev(m->loop), EVRUN_NOWAIT);
}

/* An end of the cable that is down takes the carrier of the other end away. */
START_TEST(test_a_carrier_that_is_lost_at_both_ends_for_a_moment_ends_nothing) {
	static const uint64_t moments[] = {300 * SLUICE_MS, 50 * SLUICE_MS, 3 * SLUICE_S};
	struct machine m;
	plug(1, false);
	call(&m, &everything);
	converse(&m);
	mute();
	unsigned candidates = m.end.candidates;
	for (int i = 0; i < 3; i++) {
		run("ip link set va1 down");
		rest(&m, moments[i]);
		run("ip link set va1 up");
		converse(&m);
		there("ip link set vb1 down");
		rest(&m, moments[i]);
		there("ip link set vb1 up");
		converse(&m);
	}
	ck_assert_uint_eq(m.end.candidates, candidates);
	hang_up(&m);
}
END_TEST

START_TEST(test_addresses_that_go_and_come_at_both_ends_have_their_ports_again) {
	struct machine m;
	plug(1, false);
	call(&m, &everything);
	converse(&m);
	mute();
	for (int i = 0; i < 2; i++) {
		run("ip addr del 10.77.1.1/24 dev va1");
		there("ip addr del 10.77.1.2/24 dev vb1");
		rest(&m, 300 * SLUICE_MS);
		run("ip addr add 10.77.1.1/24 dev va1");
		there("ip addr add 10.77.1.2/24 dev vb1");
		converse(&m);
	}
	ck_assert(goes(&m, "10.77.1.1", "10.77.1.2"));
	hang_up(&m);
}
END_TEST

static bool has_ipv6(void) {
	return system("ip -6 addr add fd00:9::9/64 dev lo nodad 2>/dev/null && ip -6 addr del fd00:9::9/64 dev lo") == 0;
}

START_TEST(test_the_families_stand_in_for_each_other) {
	struct machine m;
	if (!has_ipv6())
		return;
	plug(1, false);
	plug(1, true);
	call(&m, &everything);
	ck_assert_uint_eq(m.end.candidates, 2);
	converse(&m);
	run("ip addr del fd00:1::1/64 dev va1");
	talk_until(&m, "10.77.1.1", "10.77.1.2");
	run("ip -6 addr add fd00:1::1/64 dev va1 nodad && sleep 0.5");
	converse(&m);
	run("ip addr del 10.77.1.1/24 dev va1");
	talk_until(&m, "fd00:1::1", "fd00:1::2");
	hang_up(&m);
}
END_TEST

/* Addresses of IPv6 go with the interface, and are tentative when they come. */
START_TEST(test_a_carrier_of_ipv6_that_is_lost_for_a_moment_ends_nothing) {
	const sluice_gather_config v6 = {.size = sizeof v6, .no_ipv4 = true};
	struct machine m;
	if (!has_ipv6())
		return;
	plug(1, true);
	call(&m, &v6);
	converse(&m);
	mute();
	run("ip link set va1 down");
	rest(&m, 300 * SLUICE_MS);
	run("ip link set va1 up && ip -6 addr replace fd00:1::1/64 dev va1");
	converse(&m);
	hang_up(&m);
}
END_TEST

START_TEST(test_a_family_alone_is_enough) {
	const sluice_gather_config v6 = {.size = sizeof v6, .no_ipv4 = true};
	struct machine m;
	if (!has_ipv6())
		return;
	plug(1, false);
	plug(1, true);
	call(&m, &v6);
	ck_assert_uint_eq(m.end.candidates, 1);
	talk_until(&m, "fd00:1::1", "fd00:1::2");
	hang_up(&m);
}
END_TEST

static bool only_second(const char *interface, const struct sockaddr *addr, void *user) {
	(void)addr;
	(void)user;
	return strcmp(interface, "va2") == 0;
}

START_TEST(test_a_filter_keeps_an_interface_out) {
	const sluice_gather_config second = {.size = sizeof second, .filter = only_second};
	struct machine m;
	plug(1, false);
	plug(2, false);
	call(&m, &second);
	ck_assert_uint_eq(m.end.candidates, 1);
	talk_until(&m, "10.77.2.1", "10.77."); /* to either address of the other side, as the routes have it */
	hang_up(&m);
}
END_TEST

static bool can_enter(void) {
	pid_t child = fork();
	int status = 1;
	if (child == 0)
		_exit(system("command -v nsenter >/dev/null") == 0 && netns_enter() &&
		                      system("ip link add va type veth peer name vb 2>/dev/null") == 0
		              ? 0
		              : 1);
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

int main(int argc, char **argv) {
	const TTest *tests[] = {test_an_address_that_is_exchanged_for_another_takes_the_connection_along,
	                        test_an_address_of_the_other_side_may_be_exchanged_too,
	                        test_a_cable_that_is_pulled_leaves_the_connection_to_the_other_one,
	                        test_a_second_interface_that_appears_later_is_used_when_the_first_goes,
	                        test_a_path_that_falls_silent_is_left_for_one_that_answers,
	                        test_a_machine_that_was_cut_off_for_a_moment_goes_on,
	                        test_a_carrier_that_is_lost_at_both_ends_for_a_moment_ends_nothing,
	                        test_addresses_that_go_and_come_at_both_ends_have_their_ports_again,
	                        test_a_carrier_of_ipv6_that_is_lost_for_a_moment_ends_nothing,
	                        test_the_families_stand_in_for_each_other,
	                        test_a_family_alone_is_enough,
	                        test_a_filter_keeps_an_interface_out};
	if (!can_enter()) {
		puts("no network namespaces with veth here (needs root or user namespaces, ip and nsenter)");
		return 77;
	}
	return suite_run_each("gather_netns", tests, sizeof tests / sizeof *tests, argc > 1 ? argv[1] : NULL, 300, setup);
}
