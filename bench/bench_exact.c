/* bench_exact: how many system calls, copied bytes, datagrams for each send, round trips and bytes of memory does sluice need?
 *
 * Figures that a busy machine hardly moves, for scripts/bench-exact, which says what they may be.
 *
 *   round trips   two peers in the simulator, by offer and answer, from the offer to the open channel; signalling has the link's
 *                 delay
 *   copies        two associations in memory: bytes that memcpy, memmove and copy_long copied, both ends together, for each
 *                 byte of payload. Our own calls only: those that the compiler wrote in line and those of libraries are not seen
 *   system calls  two peers on one loop, on loopback, with datagrams of 1,200 bytes, traced by a process of their own: all system
 *                 calls of both ends, for each MB of payload; and the datagrams of each call that sends
 *   a round trip  the same two peers, and one message of 1,024 bytes that goes there and back: all system calls of both ends, and
 *                 the datagrams of both
 *   memory        the most resident memory of a process in which two such peers talk with default settings: that of both ends,
 *                 libraries included
 *
 * The Makefile links this program with wrappers around memcpy, memmove, copy_long, sendto, sendmsg and sendmmsg. */
#include <ev.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/fork_pair.h"
#include "bench/harness.h"
#include "bench/mouth_to_mouth.h"
#include "sim/caller.h"
#include "sim/direct.h"
#include "sluice.h"

#include <netinet/in.h>

/* ---- the wrappers ---- */

static uint64_t copied, send_calls, datagrams;

void *__real_memcpy(void *to, const void *from, size_t n);
void *__wrap_memcpy(void *to, const void *from, size_t n);
void *__real_memmove(void *to, const void *from, size_t n);
void *__wrap_memmove(void *to, const void *from, size_t n);
void __real_copy_long(void *to, const void *from, size_t n);
void __wrap_copy_long(void *to, const void *from, size_t n);
ssize_t __real_sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to, socklen_t to_len);
ssize_t __wrap_sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to, socklen_t to_len);
ssize_t __real_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags);
int __real_sendmmsg(int fd, struct mmsghdr *m, unsigned count, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *m, unsigned count, int flags);

void *__wrap_memcpy(void *to, const void *from, size_t n) {
	copied += n;
	return __real_memcpy(to, from, n);
}

void *__wrap_memmove(void *to, const void *from, size_t n) {
	copied += n;
	return __real_memmove(to, from, n);
}

/* Which copies a part of it by memcpy. */
void __wrap_copy_long(void *to, const void *from, size_t n) {
	uint64_t before = copied;
	__real_copy_long(to, from, n);
	copied = before + n;
}

/* The size of a datagram where the kernel cuts the bytes into datagrams, else 0. */
static size_t segment_of(const struct msghdr *m) {
	uint16_t size = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR((struct msghdr *)m, c))
		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_SEGMENT)
			__real_memcpy(&size, CMSG_DATA(c), sizeof size);
	return size;
}

ssize_t __wrap_sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to, socklen_t to_len) {
	ssize_t sent = __real_sendto(fd, data, len, flags, to, to_len);
	send_calls++;
	datagrams += sent > 0;
	return sent;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags) {
	ssize_t sent = __real_sendmsg(fd, m, flags);
	size_t segment = segment_of(m);
	send_calls++;
	if (sent > 0)
		datagrams += segment ? ((size_t)sent + segment - 1) / segment : 1;
	return sent;
}

int __wrap_sendmmsg(int fd, struct mmsghdr *m, unsigned count, int flags) {
	int sent = __real_sendmmsg(fd, m, count, flags);
	send_calls++;
	if (sent > 0)
		datagrams += (uint64_t)sent;
	return sent;
}

static void report(const char *name, const char *unit, double value) {
	bench_report(&(struct bench_figure){.bench = "exact", .name = name, .unit = unit, .values = &value, .count = 1});
}

/* ---- round trips ---- */

#define RTT (100 * SLUICE_MS)

static void round_trips(const char *name, bool snap, bool sped) {
	static const struct link_config far = {.delay = RTT / 2};
	sluice_peer_config config;
	struct sim sim;
	if (!bench_wants("exact", name))
		return;
	sluice_peer_config_init(&config);
	config.offer_snap = snap;
	config.offer_sped = sped;
	sim_init(&sim, sim_seed(7));
	struct caller *a = caller_new(&sim, "a", &config), *b = caller_new(&sim, "b", NULL);
	caller_join(a, b, &far, RTT / 2);
	caller_open(a, "hello");
	sim_run(&sim, sim.now + 5 * SLUICE_S);
	BENCH_MUST(a->open_at != SLUICE_NEVER);
	report(name, "round trips", (double)(a->open_at - a->offered_at) / (double)RTT);
	sim_close(&sim);
}

/* ---- copies ---- */

#define COPY_MESSAGES 1000

static uint64_t arrived;

static void on_event(struct direct *d, sluice_sctp *at, const sluice_sctp_event *e) {
	(void)d;
	(void)at;
	if (e->type != SLUICE_SCTP_MESSAGE)
		return;
	arrived++;
	sluice_message_release(e->message);
}

static void messages(struct direct *d, size_t size, bool lend, uint64_t count) {
	static uint8_t payload[65536];
	sluice_send_info info = {.stream = 1, .ppid = 53};
	struct iovec iov = {payload, size};
	uint64_t want = arrived + count, sent = 0;
	while (arrived < want) {
		while (sent < count && sluice_sctp_buffered(d->a, 1) < 256 << 10 &&
		       (lend ? sluice_sctp_sendv(d->a, &info, &iov, 1, NULL, NULL)
		             : sluice_sctp_send(d->a, &info, payload, size)) == 0)
			sent++;
		d->now += 10 * SLUICE_US;
		BENCH_MUST(direct_run(d, SLUICE_S));
	}
}

static void copies(const char *name, size_t size, bool lend) {
	struct direct d = {0};
	if (!bench_wants("exact", name))
		return;
	BENCH_MUST(direct_open(&d, bench_env(), NULL) == 0);
	d.on_event = on_event;
	messages(&d, size, lend, COPY_MESSAGES);
	copied = 0;
	messages(&d, size, lend, COPY_MESSAGES);
	report(name, "bytes/byte", (double)copied / (double)size / COPY_MESSAGES);
	direct_close(&d);
}

/* ---- system calls: the process that is traced ---- */

#define MESSAGE 16384
#define SMALL_MESSAGE 64
#define WARM_UP_BYTES (16 << 20)
#define COUNTED_BYTES (64 << 20)

#define PING 1024
#define WARM_UP_TRIPS 200
#define COUNTED_TRIPS 3000

struct counts {
	double allocs, sends, sent, bytes;
};

struct ends {
	sluice_loop *loop;
	sluice_channel *ch;
	size_t size;    /* of a message */
	size_t mtu_max; /* of the association's packets; 0: the default */
	uint64_t received, want;
	uint64_t trips; /* that are left */
	bool echo;
};

static void on_message(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	struct ends *e = user;
	(void)text;
	if (e->echo)
		BENCH_MUST(sluice_channel_send(ch, sluice_message_data(m), m->len) == 0);
	e->received += m->len;
	if (!e->echo && e->received >= e->want)
		sluice_loop_stop(e->loop);
}

static void fill(sluice_channel *ch, void *user) {
	static const uint8_t payload[MESSAGE];
	const struct ends *e = user;
	while (sluice_channel_send(ch, payload, e->size) == 0)
		;
}

static void ping(struct ends *e) {
	static const uint8_t payload[PING];
	BENCH_MUST(sluice_channel_send(e->ch, payload, sizeof payload) == 0);
}

/* Back where it was sent. */
static void on_echo(sluice_channel *ch, sluice_message *m, bool text, void *user) {
	struct ends *e = user;
	(void)ch;
	(void)text;
	BENCH_MUST(m->len == PING);
	if (--e->trips)
		ping(e);
	else
		sluice_loop_stop(e->loop);
}

static void on_open(sluice_channel *ch, void *user) {
	struct ends *e = user;
	(void)ch;
	sluice_loop_stop(e->loop);
}

static void on_channel(sluice_peer *p, sluice_channel *ch, void *user) {
	(void)p;
	sluice_channel_set_callbacks(ch, &(sluice_channel_callbacks){.on_message = on_message}, user);
}

static sluice_peer *make_peer(sluice_env *env, struct ends *e) {
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	sluice_gather_config gather = {
		.size = sizeof gather, .bind = (struct sockaddr *)&any, .bind_len = sizeof any, .loopback = true};
	sluice_peer_config config;
	sluice_peer *p;
	sluice_peer_config_init(&config);
	if (e->mtu_max)
		config.sctp.mtu_max = e->mtu_max;
	config.on_channel = on_channel;
	config.user = e;
	BENCH_MUST(sluice_peer_new(env, &config, &p) == 0 && sluice_loop_gather(e->loop, p, &gather) == 0);
	return p;
}

static void carry(struct ends *e, uint64_t bytes) {
	e->want = e->received + bytes;
	sluice_loop_run(e->loop);
}

static void ping_often(struct ends *e, uint64_t trips) {
	e->echo = true;
	e->trips = trips;
	ping(e);
	sluice_loop_run(e->loop);
}

static void open_ends(struct ends *e, sluice_channel_callbacks callbacks) {
	sluice_env *env = bench_env();
	BENCH_MUST(sluice_loop_new(env, NULL, &e->loop) == 0);
	sluice_peer *a = make_peer(env, e), *b = make_peer(env, e);
	callbacks.on_open = on_open;
	sluice_channel_config channel = {.label = "x", .high_water = 1 << 20, .callbacks = callbacks, .user = e};
	BENCH_MUST(sluice_peer_open_channel(a, &channel, &e->ch) == 0);
	BENCH_MUST(mouth_negotiate(a, b) == 0);
	sluice_loop_run(e->loop); /* until it is open */
}

static struct counts counts_now(const struct ends *e) {
	return (struct counts){(double)bench_allocs(), (double)send_calls, (double)datagrams, (double)e->received};
}

static struct counts difference(struct counts to, struct counts from) {
	return (struct counts){to.allocs - from.allocs, to.sends - from.sends, to.sent - from.sent, to.bytes - from.bytes};
}

#define SMALL_PACKET 1144 /* with DTLS around it, 1,200 bytes and less */

/* These stop before and behind what is counted, so that the tracer knows where that is. */

static void bulk(struct counts *c) {
	struct ends e = {.size = MESSAGE, .mtu_max = SMALL_PACKET};
	open_ends(&e, (sluice_channel_callbacks){.on_writable = fill});
	fill(e.ch, &e);
	carry(&e, WARM_UP_BYTES);
	struct counts before = counts_now(&e);
	raise(SIGSTOP);
	carry(&e, COUNTED_BYTES);
	raise(SIGSTOP);
	*c = difference(counts_now(&e), before);
}

static void pings(struct counts *c) {
	struct ends e = {.mtu_max = SMALL_PACKET};
	open_ends(&e, (sluice_channel_callbacks){.on_message = on_echo});
	ping_often(&e, WARM_UP_TRIPS);
	struct counts before = counts_now(&e);
	raise(SIGSTOP);
	ping_often(&e, COUNTED_TRIPS);
	raise(SIGSTOP);
	*c = difference(counts_now(&e), before);
}

/* ---- system calls: the process that traces ---- */

/* Lets the child run until it stops by itself. Returns how many system calls it made if it is to be stopped at each of them. */
static uint64_t run_until_stopped(pid_t child, bool at_each_call) {
	uint64_t stops = 0;
	int status;
	for (;; stops++) {
		BENCH_MUST(ptrace(at_each_call ? PTRACE_SYSCALL : PTRACE_CONT, child, NULL, NULL) == 0);
		BENCH_MUST(waitpid(child, &status, 0) == child && WIFSTOPPED(status));
		if (WSTOPSIG(status) == SIGSTOP)
			return stops / 2; /* a stop before and one behind each */
		BENCH_MUST(WSTOPSIG(status) == (SIGTRAP | 0x80));
	}
}

/* Runs the work in a process of its own, which says what it counted in *c. Returns its system calls. */
static double trace(void (*work)(struct counts *c), struct counts *c) {
	struct counts *shared = fork_pair_shared(sizeof *shared);
	pid_t child = fork();
	BENCH_MUST(child >= 0);
	if (child == 0) {
		BENCH_MUST(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
		raise(SIGSTOP);
		work(shared);
		_exit(0);
	}
	int status;
	BENCH_MUST(waitpid(child, &status, 0) == child && WIFSTOPPED(status));
	BENCH_MUST(ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) == 0);
	run_until_stopped(child, false);
	uint64_t calls = run_until_stopped(child, true);
	BENCH_MUST(ptrace(PTRACE_CONT, child, NULL, NULL) == 0);
	BENCH_MUST(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
	*c = *shared;
	fork_pair_unshare(shared, sizeof *shared);
	return (double)calls;
}

static void system_calls(void) {
	struct counts c;
	if (!bench_wants("exact", "system calls"))
		return;
	double calls = trace(bulk, &c);
	report("system calls", "per MB", calls / c.bytes * 1e6);
	report("datagrams in each call that sends", "datagrams", c.sent / c.sends);
	report("allocations while two peers talk", "per MB", c.allocs / c.bytes * 1e6);
}

static void round_trip(void) {
	struct counts c;
	if (!bench_wants("exact", "system calls of a round trip"))
		return;
	double calls = trace(pings, &c);
	report("system calls of a round trip", "calls", calls / COUNTED_TRIPS);
	report("datagrams of a round trip", "datagrams", c.sent / COUNTED_TRIPS);
	report("allocations of a round trip", "allocations", c.allocs / COUNTED_TRIPS);
}

/* ---- memory ---- */

/* In a process of its own, so that nothing but this is in its peak. */
static void memory(const char *name, size_t size) {
	if (!bench_wants("exact", name))
		return;
	double *mib = fork_pair_shared(sizeof *mib);
	pid_t child = fork();
	BENCH_MUST(child >= 0);
	if (child == 0) {
		struct ends e = {.size = size};
		open_ends(&e, (sluice_channel_callbacks){.on_writable = fill});
		fill(e.ch, &e);
		carry(&e, COUNTED_BYTES);
		*mib = (double)bench_peak_memory_kb() / 1024;
		_exit(0);
	}
	int status;
	BENCH_MUST(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
	report(name, "MiB", *mib);
	fork_pair_unshare(mib, sizeof *mib);
}

int main(int argc, char **argv) {
	bench_begin(argc, argv);
	memory("peak memory, 16384 bytes", MESSAGE); /* first: a fork has its parent's memory */
	memory("peak memory, 64 bytes", SMALL_MESSAGE);
	round_trips("offer to open channel", false, false);
	round_trips("offer to open channel, SNAP", true, false);
	round_trips("offer to open channel, SNAP and SPED", true, true);
	copies("copies of 64 bytes", 64, false);
	copies("copies of 16384 bytes", 16384, false);
	copies("copies of 16384 bytes, lent", 16384, true);
	system_calls();
	round_trip();
	return bench_end();
}
