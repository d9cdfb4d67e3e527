/* test_udp: do batches arrive as they were sent, in every way of sending and receiving, and does a socket survive what a
 * network and a kernel answer?
 *
 * Real sockets on loopback. The kernel's refusals that cannot be had on any machine at will (a full device, a kernel without
 * UDP_SEGMENT) are put in front of the real calls: this program's sendmsg and its kin come before the C library's. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/udp.h"
#include "pool/env.h"
#include "suite.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

/* ---- faults ------------------------------------------------------------------------------------------------------ */

/* Makes the calls number `after` .. `after + times - 1` of one kind fail; 0 times: none. */
struct fault {
	int error, after, times;
};

static struct fault fault_sendto, fault_segment, fault_sendmmsg, fault_recvmsg, fault_recvmmsg;

ssize_t sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to, socklen_t to_len);
int sendmmsg(int fd, struct mmsghdr *v, unsigned n, int flags);
ssize_t recvmsg(int fd, struct msghdr *m, int flags);
int recvmmsg(int fd, struct mmsghdr *v, unsigned n, int flags, struct timespec *timeout);

static bool fails(struct fault *f) {
	if (f->times == 0 || f->after-- > 0)
		return false;
	f->after = 0;
	f->times--;
	errno = f->error;
	return true;
}

__attribute__((visibility("default"))) ssize_t sendmsg(int fd, const struct msghdr *m, int flags) {
	return fails(&fault_segment) ? -1 : syscall(SYS_sendmsg, fd, m, flags);
}

__attribute__((visibility("default"))) ssize_t sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to,
                                                      socklen_t to_len) {
	return fails(&fault_sendto) ? -1 : syscall(SYS_sendto, fd, data, len, flags, to, to_len);
}

__attribute__((visibility("default"))) int sendmmsg(int fd, struct mmsghdr *v, unsigned n, int flags) {
	return fails(&fault_sendmmsg) ? -1 : (int)syscall(SYS_sendmmsg, fd, v, n, flags);
}

__attribute__((visibility("default"))) ssize_t recvmsg(int fd, struct msghdr *m, int flags) {
	if (!(flags & MSG_ERRQUEUE) && fails(&fault_recvmsg))
		return -1;
	return syscall(SYS_recvmsg, fd, m, flags);
}

__attribute__((visibility("default"))) int recvmmsg(int fd, struct mmsghdr *v, unsigned n, int flags, struct timespec *timeout) {
	return fails(&fault_recvmmsg) ? -1 : (int)syscall(SYS_recvmmsg, fd, v, n, flags, timeout);
}

/* ---- sockets ----------------------------------------------------------------------------------------------------- */

#define SPACE (160 * 1300)

static uint8_t space[SPACE];

static void loopback(int family, sluice_path *path) {
	*path = (sluice_path){0};
	if (family == AF_INET6) {
		struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
		memcpy(&path->remote, &a, sizeof a);
		path->remote_len = sizeof a;
	} else {
		struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		memcpy(&path->remote, &a, sizeof a);
		path->remote_len = sizeof a;
	}
}

/* Opens a socket on loopback and learns its address. */
static int open_local(struct udp *u, int family, struct udp_options o, sluice_path *address) {
	loopback(family, address);
	o.local = (const struct sockaddr *)&address->remote;
	o.local_len = address->remote_len;
	int result = udp_open(u, &o);
	if (result == 0)
		ck_assert_int_eq(getsockname(u->fd, (struct sockaddr *)&address->remote, &address->remote_len), 0);
	return result;
}

/* A sender, a receiver, and where the receiver lives. */
struct pair {
	struct udp tx, rx;
	sluice_path tx_address, rx_address;
	sluice_env *env;
};

static void pair_open(struct pair *p, int family, struct udp_options tx, struct udp_options rx, size_t slab_size) {
	sluice_env_config config = {.slab_size = slab_size};
	ck_assert_int_eq(sluice_env_new(&config, &p->env), 0);
	ck_assert_int_eq(open_local(&p->tx, family, tx, &p->tx_address), 0);
	ck_assert_int_eq(open_local(&p->rx, family, rx, &p->rx_address), 0);
}

static void pair_close(struct pair *p) {
	udp_close(&p->tx);
	udp_close(&p->rx);
	sluice_env_free(p->env);
}

static uint8_t pattern(size_t datagram, size_t byte) {
	return (uint8_t)(datagram * 31 + byte * 7 + (byte >> 8));
}

/* Each byte says which datagram it belongs to, counted from `first`, and where. */
static sluice_batch make_batch(const sluice_path *to, size_t count, size_t stride, size_t last, size_t first) {
	sluice_batch b = {.data = space, .capacity = sizeof space, .count = count, .stride = stride, .last = last, .path = *to};
	ck_assert_uint_le(sluice_batch_len(&b), sizeof space);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < sluice_batch_slot_len(&b, i); k++)
			sluice_batch_slot(&b, i)[k] = pattern(first + i, k);
	return b;
}

static void send_all(struct pair *p, const sluice_batch *b) {
	size_t sent = 0;
	ck_assert_int_eq(udp_send(&p->tx, b, &sent), 0);
	ck_assert_uint_eq(sent, b->count);
}

/* Loopback delivers inside the send, so what does not come within a moment does not come. */
static bool is_readable(const struct udp *u, int ms) {
	struct pollfd f = {.fd = u->fd, .events = POLLIN};
	return u->held || poll(&f, 1, ms) > 0;
}

static void expect_datagram(const sluice_datagram *d, size_t len, size_t number) {
	ck_assert_uint_eq(d->len, len);
	size_t k = 0; /* each ck_assert writes to a file: one a datagram, not one a byte */
	while (k < len && d->data[k] == pattern(number, k))
		k++;
	ck_assert_uint_eq(k, len);
}

static void expect_source(const sluice_path *from, const sluice_path *sender) {
	ck_assert_uint_eq(from->remote_len, sender->remote_len);
	ck_assert_mem_eq(&from->remote, &sender->remote, sender->remote_len);
}

/* Reads everything and holds it against the batch's datagrams from number `at` on. Returns the number of the next one. */
static size_t receive_and_compare(struct pair *p, const sluice_batch *b, size_t at, size_t first) {
	sluice_slab *slab = sluice_slab_get(p->env);
	sluice_datagram out[64];
	sluice_path from = {.socket = 77};
	while (at < b->count && is_readable(&p->rx, 200)) {
		int n = udp_receive(&p->rx, slab, out, 64, &from);
		ck_assert_int_ge(n, 0);
		ck_assert_uint_le(at + (size_t)n, b->count);
		if (n > 0)
			expect_source(&from, &p->tx_address);
		for (int i = 0; i < n; i++, at++) {
			ck_assert_ptr_eq(out[i].slab, slab);
			expect_datagram(&out[i], sluice_batch_slot_len(b, at), first + at);
		}
	}
	ck_assert_uint_eq(from.socket, 77);
	sluice_slab_unref(slab);
	return at;
}

static void expect_nothing_left(struct pair *p) {
	sluice_slab *slab = sluice_slab_get(p->env);
	sluice_datagram out[64];
	sluice_path from;
	ck_assert_int_eq(udp_receive(&p->rx, slab, out, 64, &from), 0);
	sluice_slab_unref(slab);
}

static bool have_family(int family) {
	struct udp u;
	sluice_path address;
	bool have = open_local(&u, family, (struct udp_options){0}, &address) == 0;
	udp_close(&u);
	if (!have)
		printf("skipped: this machine has no ::1\n");
	return have;
}

/* ---- every way to every way -------------------------------------------------------------------------------------- */

static const struct {
	size_t count, stride, last;
} shapes[] = {
	{1, 1200, 1200}, {1, 0, 0},       {1, 1, 1},       {2, 1200, 1200}, {2, 1200, 1},
	{10, 1, 1},      {50, 1200, 700}, {64, 1000, 999}, {65, 900, 900},  {130, 1200, 5},
};

static struct udp_options ways(unsigned bits) {
	return (struct udp_options){.no_gso = bits & 1, .no_gro = bits & 2, .no_mmsg = bits & 4};
}

static void try_ways(int family, unsigned tx, unsigned rx) {
	struct pair p;
	pair_open(&p, family, ways(tx), ways(rx), 0);
	uint64_t datagrams = 0, bytes = 0;
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		sluice_batch b = make_batch(&p.rx_address, shapes[i].count, shapes[i].stride, shapes[i].last, i * 1000);
		send_all(&p, &b);
		ck_assert_uint_eq(receive_and_compare(&p, &b, 0, i * 1000), b.count);
		expect_nothing_left(&p);
		datagrams += b.count;
		bytes += sluice_batch_len(&b);
	}
	ck_assert_uint_eq(p.tx.stats.datagrams_sent, datagrams);
	ck_assert_uint_eq(p.tx.stats.bytes_sent, bytes);
	ck_assert_uint_eq(p.rx.stats.datagrams_received, datagrams);
	ck_assert_uint_eq(p.rx.stats.bytes_received, bytes);
	ck_assert_uint_eq(p.rx.stats.truncated, 0);
	pair_close(&p);
}

static void try_all_ways(int family) {
	for (unsigned tx = 0; tx < 8; tx++)
		for (unsigned rx = 0; rx < 8; rx++)
			try_ways(family, tx, rx);
}

START_TEST(test_every_way_of_sending_reaches_every_way_of_receiving_over_ipv4) {
	try_all_ways(AF_INET);
}
END_TEST

START_TEST(test_every_way_of_sending_reaches_every_way_of_receiving_over_ipv6) {
	if (have_family(AF_INET6))
		try_all_ways(AF_INET6);
}
END_TEST

START_TEST(test_a_batch_is_one_system_call_on_each_side_where_the_kernel_has_gso_and_gro) {
	struct pair p;
	pair_open(&p, AF_INET, ways(0), ways(0), 0);
	if (p.tx.gso && p.rx.gro) {
		sluice_batch b = make_batch(&p.rx_address, 50, 1200, 700, 0);
		send_all(&p, &b);
		ck_assert_uint_eq(receive_and_compare(&p, &b, 0, 0), 50);
		ck_assert_uint_eq(p.tx.stats.send_calls, 1);
		ck_assert_uint_eq(p.rx.stats.receive_calls, 1);
	} else {
		printf("skipped: this kernel has no UDP_SEGMENT or no UDP_GRO\n");
	}
	pair_close(&p);
}
END_TEST

START_TEST(test_without_gso_and_gro_32_datagrams_are_one_system_call) {
	struct pair p;
	pair_open(&p, AF_INET, ways(3), ways(3), 0);
	sluice_batch b = make_batch(&p.rx_address, 32, 1200, 1200, 0);
	send_all(&p, &b);
	ck_assert_uint_eq(receive_and_compare(&p, &b, 0, 0), 32);
	ck_assert_uint_eq(p.tx.stats.send_calls, 1);
	ck_assert_uint_eq(p.rx.stats.receive_calls, 1);
	pair_close(&p);
}
END_TEST

START_TEST(test_a_batch_of_large_datagrams_is_split_at_the_limit_of_one_udp_send) {
	struct pair p;
	pair_open(&p, AF_INET, ways(0), ways(0), 0);
	sluice_batch b = make_batch(&p.rx_address, 9, 20000, 19999, 0);
	send_all(&p, &b);
	ck_assert_uint_eq(receive_and_compare(&p, &b, 0, 0), 9);
	pair_close(&p);
}
END_TEST

/* ---- full sockets ------------------------------------------------------------------------------------------------ */

/* Loopback takes everything at once, so a full socket is had from a pair of UNIX datagram sockets, whose
 * sender pays for what the receiver has not read. */
static void fill_and_drain(bool mmsg) {
	int fds[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds), 0);
	int small = 20000;
	ck_assert_int_eq(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
	struct udp u = {.fd = fds[0], .mmsg = mmsg};
	sluice_batch b = make_batch(&(sluice_path){0}, 130, 1200, 77, 0);
	size_t sent = 0, at = 0, blocked = 0;
	uint8_t got[2048];
	int result;
	do {
		result = udp_send(&u, &b, &sent);
		ck_assert(result == 0 || result == SLUICE_WOULD_BLOCK);
		blocked += result != 0;
		for (ssize_t n; (n = recv(fds[1], got, sizeof got, 0)) >= 0; at++)
			expect_datagram(&(sluice_datagram){.data = got, .len = (size_t)n}, sluice_batch_slot_len(&b, at), at);
		ck_assert_uint_eq(at, sent);
	} while (result != 0);
	ck_assert_uint_eq(at, 130);
	ck_assert_uint_gt(blocked, 1);
	ck_assert_uint_eq(u.stats.send_blocked, blocked);
	ck_assert_uint_eq(u.stats.datagrams_sent, 130);
	udp_close(&u);
	close(fds[1]);
}

START_TEST(test_a_full_socket_blocks_and_goes_on_at_the_right_datagram) {
	fill_and_drain(true);
	fill_and_drain(false);
}
END_TEST

static void block_second_segment_run(int error) {
	struct pair p;
	pair_open(&p, AF_INET, ways(0), ways(0), 0);
	sluice_batch b = make_batch(&p.rx_address, 130, 1200, 5, 0);
	size_t sent = 0;
	fault_segment = (struct fault){.error = error, .after = 1, .times = 1};
	ck_assert_int_eq(udp_send(&p.tx, &b, &sent), p.tx.gso ? SLUICE_WOULD_BLOCK : 0);
	if (p.tx.gso) {
		ck_assert_uint_eq(sent, 54); /* 65,507 / 1,200 */
		ck_assert_uint_eq(p.tx.stats.send_blocked, 1);
		ck_assert_int_eq(udp_send(&p.tx, &b, &sent), 0);
		ck_assert(p.tx.gso);
	}
	ck_assert_uint_eq(receive_and_compare(&p, &b, 0, 0), 130);
	pair_close(&p);
	fault_segment = (struct fault){0};
}

START_TEST(test_a_segmented_send_that_would_block_goes_on_behind_the_run_that_went) {
	block_second_segment_run(EAGAIN);
}
END_TEST

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

START_TEST(test_a_kernel_that_refuses_segments_gets_every_datagram_once_by_sendmmsg) {
	static const int errors[] = {EINVAL, EIO, EOPNOTSUPP};
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
		struct pair p;
		pair_open(&p, AF_INET, ways(0), ways(0), 0);
		sluice_batch b = make_batch(&p.rx_address, 130, 1200, 5, 0);
		fault_segment = (struct fault){.error = errors[i], .times = 1000};
		send_all(&p, &b);
		ck_assert(!p.tx.gso);
		ck_assert_uint_eq(receive_and_compare(&p, &b, 0, 0), 130);
		ck_assert_uint_eq(p.tx.stats.icmp_errors, 0);
		ck_assert_uint_le(p.tx.stats.send_calls, 8);
		pair_close(&p);
		fault_segment = (struct fault){0};
	}
}
END_TEST

START_TEST(test_segments_above_the_interface_mtu_are_dropped_and_segmenting_stays_on) {
	struct pair p;
	pair_open(&p, AF_INET, ways(0), ways(0), 0);
	if (p.tx.gso) {
		sluice_batch b = make_batch(&p.rx_address, 2, 1200, 5, 0);
		size_t sent = 0;
		fault_segment = (struct fault){.error = EINVAL, .times = 1};
		fault_sendto = (struct fault){.error = EMSGSIZE, .times = 1};
		ck_assert_int_eq(udp_send(&p.tx, &b, &sent), 0);
		ck_assert_uint_eq(sent, 2);
		ck_assert_uint_eq(p.tx.stats.too_large, 1);
		ck_assert_uint_eq(p.tx.stats.datagrams_sent, 1);
		ck_assert(p.tx.gso);
		ck_assert_uint_eq(receive_and_compare(&p, &b, 1, 0), 2);
	}
	pair_close(&p);
}
END_TEST

START_TEST(test_a_segmented_send_that_was_too_large_does_not_turn_segmenting_off) {
	struct pair p;
	pair_open(&p, AF_INET, ways(0), ways(0), 0);
	bool gso = p.tx.gso;
	sluice_batch b = make_batch(&p.rx_address, 20, 1200, 5, 0);
	fault_segment = (struct fault){.error = EMSGSIZE, .times = 1};
	send_all(&p, &b);
	ck_assert(p.tx.gso == gso);
	ck_assert_uint_eq(p.tx.stats.too_large, 0);
	ck_assert_uint_eq(receive_and_compare(&p, &b, 0, 0), 20);
	pair_close(&p);
}
END_TEST

START_TEST(test_a_kernel_without_sendmmsg_and_recvmmsg_is_served_one_by_one) {
	struct pair p;
	pair_open(&p, AF_INET, ways(3), ways(3), 0);
	sluice_batch b = make_batch(&p.rx_address, 20, 1200, 5, 0);
	fault_sendmmsg = (struct fault){.error = ENOSYS, .times = 1};
	fault_recvmmsg = (struct fault){.error = ENOSYS, .times = 1};
	send_all(&p, &b);
	ck_assert(!p.tx.mmsg);
	ck_assert_uint_eq(receive_and_compare(&p, &b, 0, 0), 20);
	ck_assert(!p.rx.mmsg);
	pair_close(&p);
}
END_TEST

START_TEST(test_an_interrupted_call_is_made_again) {
	for (unsigned way = 0; way < 8; way++) {
		struct pair p;
		pair_open(&p, AF_INET, ways(way), ways(way), 0);
		sluice_batch b = make_batch(&p.rx_address, 20, 1200, 5, 0);
		fault_sendto = fault_segment = fault_sendmmsg = fault_recvmsg = fault_recvmmsg = (struct fault){.error = EINTR,
		                                                                                                .times = 2};
		send_all(&p, &b);
		ck_assert_uint_eq(receive_and_compare(&p, &b, 0, 0), 20);
		pair_close(&p);
	}
	fault_sendto = fault_segment = fault_sendmmsg = fault_recvmsg = fault_recvmmsg = (struct fault){0};
}
END_TEST

START_TEST(test_a_broken_socket_is_an_io_error) {
	struct pair p;
	pair_open(&p, AF_INET, ways(0), ways(0), 0);
	sluice_batch b = make_batch(&p.rx_address, 3, 1200, 5, 0);
	sluice_slab *slab = sluice_slab_get(p.env);
	sluice_datagram out[64];
	sluice_path from;
	size_t sent = 0;
	struct udp closed = p.tx;
	closed.fd = dup(p.tx.fd);
	close(closed.fd);
	ck_assert_int_eq(udp_send(&closed, &b, &sent), SLUICE_IO);
	ck_assert_int_eq(errno, EBADF);
	ck_assert_uint_eq(sent, 0);
	ck_assert_int_eq(udp_receive(&closed, slab, out, 64, &from), SLUICE_IO);
	sluice_slab_unref(slab);
	pair_close(&p);
}
END_TEST

START_TEST(test_an_address_in_use_cannot_be_opened) {
	struct udp first, second;
	sluice_path address;
	ck_assert_int_eq(open_local(&first, AF_INET, (struct udp_options){0}, &address), 0);
	struct udp_options o = {.local = (const struct sockaddr *)&address.remote, .local_len = address.remote_len};
	ck_assert_int_eq(udp_open(&second, &o), SLUICE_IO);
	ck_assert_int_eq(errno, EADDRINUSE);
	ck_assert_int_eq(second.fd, -1);
	o = (struct udp_options){0};
	ck_assert_int_eq(udp_open(&second, &o), SLUICE_IO);
	udp_close(&first);
}
END_TEST

/* ---- ICMP and addresses ------------------------------------------------------------------------------------------ */

static bool has_poll_error(const struct udp *u) {
	struct pollfd f = {.fd = u->fd};
	return poll(&f, 1, 0) > 0 && (f.revents & POLLERR);
}

static void send_to_closed_port(int family, unsigned way) {
	struct pair p;
	struct udp gone;
	sluice_path nowhere;
	pair_open(&p, family, ways(way), ways(0), 0);
	ck_assert_int_eq(open_local(&gone, family, (struct udp_options){0}, &nowhere), 0);
	udp_close(&gone);
	for (int i = 0; i < 3; i++) {
		sluice_batch lost = make_batch(&nowhere, 3, 500, 20, 0);
		send_all(&p, &lost);
	}
	sluice_batch b = make_batch(&p.rx_address, 20, 1200, 5, 0);
	send_all(&p, &b);
	ck_assert_uint_gt(p.tx.stats.icmp_errors, 0);
	ck_assert_uint_eq(receive_and_compare(&p, &b, 0, 0), 20);
	ck_assert(!has_poll_error(&p.tx));
	pair_close(&p);
}

START_TEST(test_a_closed_port_counts_an_icmp_error_and_the_socket_lives) {
	for (unsigned way = 0; way < 8; way++) {
		send_to_closed_port(AF_INET, way);
		if (have_family(AF_INET6))
			send_to_closed_port(AF_INET6, way);
	}
}
END_TEST

START_TEST(test_an_icmp_error_does_not_hide_a_datagram_from_the_reader) {
	for (unsigned way = 0; way < 8; way++) {
		struct pair p;
		struct udp gone;
		sluice_path nowhere;
		pair_open(&p, AF_INET, ways(0), ways(way), 0);
		ck_assert_int_eq(open_local(&gone, AF_INET, (struct udp_options){0}, &nowhere), 0);
		udp_close(&gone);
		size_t sent = 0;
		sluice_batch lost = make_batch(&nowhere, 1, 500, 500, 0);
		ck_assert_int_eq(udp_send(&p.rx, &lost, &sent), 0);
		sluice_batch b = make_batch(&p.rx_address, 20, 1200, 5, 0);
		send_all(&p, &b);
		ck_assert_uint_eq(receive_and_compare(&p, &b, 0, 0), 20);
		ck_assert_uint_eq(p.rx.stats.icmp_errors, 1);
		ck_assert(!has_poll_error(&p.rx));
		pair_close(&p);
	}
}
END_TEST

START_TEST(test_an_address_that_cannot_be_sent_to_counts_and_the_socket_lives) {
	for (unsigned way = 0; way < 8; way++) {
		struct pair p;
		pair_open(&p, AF_INET, ways(way), ways(0), 0);
		sluice_path port_zero, other_family;
		loopback(AF_INET, &port_zero);
		loopback(AF_INET6, &other_family);
		sluice_batch lost = make_batch(&port_zero, 3, 500, 500, 0);
		send_all(&p, &lost);
		ck_assert_uint_ge(p.tx.stats.icmp_errors, 3);
		lost.path = other_family;
		send_all(&p, &lost);
		lost.path = (sluice_path){0}; /* nobody knows yet where the other side is */
		send_all(&p, &lost);
		ck_assert_uint_eq(p.tx.stats.datagrams_sent, 0);
		sluice_batch b = make_batch(&p.rx_address, 20, 1200, 5, 0);
		send_all(&p, &b);
		ck_assert_uint_eq(receive_and_compare(&p, &b, 0, 0), 20);
		pair_close(&p);
	}
}
END_TEST

/* What a firewall's output hook or a full device queue drops is lost: it is not sent again, and no call is made for it again. */
static void drop_second(unsigned way, int error, struct fault *fault) {
	struct pair p;
	pair_open(&p, AF_INET, ways(way), ways(0), 0);
	sluice_batch b = make_batch(&p.rx_address, 130, 1200, 5, 0);
	*fault = (struct fault){.error = error, .after = 1, .times = 1};
	send_all(&p, &b);
	*fault = (struct fault){0};
	unsigned run = p.tx.gso ? 54 : 1, calls = p.tx.gso ? 3 : p.tx.mmsg ? 6 : 130;
	ck_assert_uint_eq(p.tx.stats.dropped, run);
	ck_assert_uint_eq(p.tx.stats.datagrams_sent, 130 - run);
	ck_assert_uint_eq(p.tx.stats.send_calls, calls);
	ck_assert_uint_eq(p.tx.stats.send_blocked, 0);
	ck_assert_uint_eq(p.tx.stats.icmp_errors, 0);
	pair_close(&p);
}

START_TEST(test_what_this_machine_drops_is_lost_and_not_tried_again) {
	static const int errors[] = {EPERM, ENOBUFS};
	for (size_t i = 0; i < 2; i++) {
		drop_second(0, errors[i], &fault_segment);
		drop_second(1, errors[i], &fault_sendmmsg);
		drop_second(5, errors[i], &fault_sendto);
	}
}
END_TEST

START_TEST(test_a_firewall_that_refuses_all_costs_one_call_for_a_run) {
	struct pair p;
	pair_open(&p, AF_INET, ways(0), ways(0), 0);
	sluice_batch b = make_batch(&p.rx_address, 130, 1200, 5, 0);
	fault_segment = fault_sendto = (struct fault){.error = EPERM, .times = 1000};
	send_all(&p, &b);
	fault_segment = fault_sendto = (struct fault){0};
	ck_assert_uint_eq(p.tx.stats.dropped, 130);
	ck_assert_uint_eq(p.tx.stats.send_calls, p.tx.gso ? 3 : 130);
	send_all(&p, &b);
	ck_assert_uint_eq(receive_and_compare(&p, &b, 0, 0), 130);
	pair_close(&p);
}
END_TEST

START_TEST(test_a_run_to_where_no_route_leads_is_tried_twice) {
	struct pair p;
	pair_open(&p, AF_INET, ways(0), ways(0), 0);
	sluice_batch b = make_batch(&p.rx_address, 130, 1200, 5, 0);
	fault_segment = fault_sendto = (struct fault){.error = ENETUNREACH, .times = 1000};
	send_all(&p, &b);
	fault_segment = fault_sendto = (struct fault){0};
	ck_assert_uint_eq(p.tx.stats.datagrams_sent, 0);
	ck_assert_uint_eq(p.tx.stats.send_calls, p.tx.gso ? 6 : 260);
	pair_close(&p);
}
END_TEST

/* ---- sizes ------------------------------------------------------------------------------------------------------- */

START_TEST(test_a_datagram_that_is_too_large_is_dropped_and_counted_and_the_next_one_goes) {
	for (unsigned way = 0; way < 8; way++) {
		struct pair p;
		pair_open(&p, AF_INET, ways(way), ways(0), 0);
		sluice_batch b = make_batch(&p.rx_address, 3, 65508, 900, 0);
		send_all(&p, &b);
		ck_assert_uint_eq(p.tx.stats.too_large, 2);
		ck_assert_uint_eq(p.tx.stats.datagrams_sent, 1);
		ck_assert_uint_eq(receive_and_compare(&p, &b, 2, 0), 3);
		ck_assert(!has_poll_error(&p.tx));
		pair_close(&p);
	}
}
END_TEST

START_TEST(test_a_datagram_larger_than_the_slab_is_counted_and_the_next_one_comes) {
	for (unsigned way = 0; way < 8; way++) {
		struct pair p;
		pair_open(&p, AF_INET, ways(0), ways(way), 4096);
		sluice_batch large = make_batch(&p.rx_address, 1, 5000, 5000, 0);
		send_all(&p, &large);
		expect_nothing_left(&p);
		ck_assert_uint_eq(p.rx.stats.truncated, 1);
		sluice_batch b = make_batch(&p.rx_address, 1, 900, 900, 7);
		send_all(&p, &b);
		ck_assert_uint_eq(receive_and_compare(&p, &b, 0, 7), 1);
		pair_close(&p);
	}
}
END_TEST

START_TEST(test_a_gro_read_that_outgrows_the_slab_gives_the_whole_datagrams_and_counts_the_rest) {
	struct pair p;
	pair_open(&p, AF_INET, ways(0), ways(0), 4096);
	sluice_batch b = make_batch(&p.rx_address, 10, 1200, 100, 0);
	send_all(&p, &b);
	if (p.tx.gso && p.rx.gro) {
		ck_assert_uint_eq(receive_and_compare(&p, &b, 0, 0), 3);
		ck_assert_uint_eq(p.rx.stats.truncated, 7);
	}
	pair_close(&p);
}
END_TEST

START_TEST(test_the_parts_of_the_slab_grow_after_a_datagram_that_did_not_fit) {
	struct pair p;
	pair_open(&p, AF_INET, ways(0), ways(2), 0);
	sluice_batch b = make_batch(&p.rx_address, 1, 9000, 9000, 0);
	send_all(&p, &b);
	expect_nothing_left(&p);
	ck_assert_uint_eq(p.rx.stats.truncated, 1);
	b = make_batch(&p.rx_address, 10, 9000, 8000, 0);
	send_all(&p, &b);
	ck_assert_uint_eq(receive_and_compare(&p, &b, 0, 0), 10);
	ck_assert_uint_eq(p.rx.stats.truncated, 1);
	pair_close(&p);
}
END_TEST

START_TEST(test_more_segments_than_entries_are_counted) {
	struct pair p;
	sluice_datagram out[4];
	sluice_path from;
	pair_open(&p, AF_INET, ways(0), ways(0), 0);
	sluice_slab *slab = sluice_slab_get(p.env);
	sluice_batch b = make_batch(&p.rx_address, 10, 100, 100, 0);
	send_all(&p, &b);
	ck_assert_int_eq(udp_receive(&p.rx, slab, out, p.rx.gro && p.tx.gso ? 4 : 1, &from), p.rx.gro && p.tx.gso ? 4 : 1);
	ck_assert_uint_eq(p.rx.stats.truncated, p.rx.gro && p.tx.gso ? 6 : 0);
	sluice_slab_unref(slab);
	pair_close(&p);
}
END_TEST

START_TEST(test_fewer_entries_than_waiting_datagrams_lose_nothing_without_gro) {
	struct pair p;
	sluice_datagram out[3];
	sluice_path from;
	size_t at = 0;
	pair_open(&p, AF_INET, ways(0), ways(2), 0);
	sluice_slab *slab = sluice_slab_get(p.env);
	sluice_batch b = make_batch(&p.rx_address, 10, 100, 100, 0);
	send_all(&p, &b);
	for (int n; (n = udp_receive(&p.rx, slab, out, 3, &from)) > 0;)
		for (int i = 0; i < n; i++, at++)
			expect_datagram(&out[i], 100, at);
	ck_assert_uint_eq(at, 10);
	sluice_slab_unref(slab);
	pair_close(&p);
}
END_TEST

START_TEST(test_the_buffers_have_the_size_that_was_asked_for) {
	struct udp u;
	sluice_path address;
	int size = 0;
	socklen_t len = sizeof size;
	struct udp_options o = {.receive_buffer = 100000, .send_buffer = 50000};
	ck_assert_int_eq(open_local(&u, AF_INET, o, &address), 0);
	/* socket(7): "The kernel doubles this value". */
	ck_assert_int_eq(getsockopt(u.fd, SOL_SOCKET, SO_RCVBUF, &size, &len), 0);
	ck_assert_int_eq(size, 200000);
	ck_assert_int_eq(getsockopt(u.fd, SOL_SOCKET, SO_SNDBUF, &size, &len), 0);
	ck_assert_int_eq(size, 100000);
	udp_close(&u);
}
END_TEST

/* The kernel says how many it has dropped with what comes after the drops. */
START_TEST(test_what_the_receive_buffer_has_no_room_for_is_counted) {
	for (unsigned way = 0; way < 8; way++) {
		struct pair p;
		sluice_path from;
		sluice_datagram out[64];
		struct udp_options small = ways(way);
		small.receive_buffer = 20000;
		pair_open(&p, AF_INET, ways(7), small, 0);
		sluice_slab *slab = sluice_slab_get(p.env);
		uint64_t came = 0;
		for (unsigned round = 1; round <= 2; round++) {
			for (unsigned i = 0; i < 100; i++) {
				sluice_batch b = make_batch(&p.rx_address, 1, 1200, 1200, i);
				send_all(&p, &b);
			}
			for (int n; (n = udp_receive(&p.rx, slab, out, 64, &from)) > 0;)
				came += (uint64_t)n;
			sluice_batch last = make_batch(&p.rx_address, 1, 100, 100, 0);
			send_all(&p, &last);
			ck_assert_int_eq(udp_receive(&p.rx, slab, out, 64, &from), 1);
			ck_assert_uint_lt(came, 100 * round);
			ck_assert_uint_eq(p.rx.stats.overflowed, 100 * round - came);
		}
		sluice_slab_unref(slab);
		pair_close(&p);
	}
}
END_TEST

START_TEST(test_a_receive_buffer_can_grow_and_its_size_is_what_the_kernel_gave) {
	struct udp u;
	sluice_path address;
	struct udp_options o = {.receive_buffer = 100000};
	ck_assert_int_eq(open_local(&u, AF_INET, o, &address), 0);
	ck_assert_uint_eq(u.receive_buffer, 100000);
	udp_set_receive_buffer(&u, 150000);
	ck_assert_uint_eq(u.receive_buffer, 150000);
	udp_set_receive_buffer(&u, UINT64_MAX);
	ck_assert_uint_ge(u.receive_buffer, 150000);
	ck_assert_uint_le(u.receive_buffer, INT_MAX / 2);
	udp_close(&u);
}
END_TEST

/* ---- two sources ------------------------------------------------------------------------------------------------- */

START_TEST(test_a_second_source_ends_the_run_and_nothing_of_it_is_lost) {
	struct pair p;
	struct udp other;
	sluice_path other_address, from;
	sluice_datagram out[64];
	pair_open(&p, AF_INET, ways(1), ways(2), 0);
	ck_assert_int_eq(open_local(&other, AF_INET, ways(1), &other_address), 0);
	sluice_slab *slab = sluice_slab_get(p.env);
	/* a a b a b b */
	static const int order[] = {0, 0, 1, 0, 1, 1}, runs[] = {2, 1, 1, 2};
	for (size_t i = 0; i < 6; i++) {
		size_t sent = 0;
		sluice_batch b = make_batch(&p.rx_address, 1, 100 + i, 100 + i, i);
		ck_assert_int_eq(udp_send(order[i] ? &other : &p.tx, &b, &sent), 0);
	}
	size_t at = 0;
	for (size_t run = 0; run < 4; run++) {
		int n = udp_receive(&p.rx, slab, out, 64, &from);
		ck_assert_int_eq(n, runs[run]);
		expect_source(&from, run % 2 ? &other_address : &p.tx_address);
		for (int i = 0; i < n; i++, at++)
			expect_datagram(&out[i], 100 + at, at);
	}
	ck_assert_uint_eq(at, 6);
	ck_assert_uint_eq(p.rx.stats.receive_calls, 1);
	ck_assert_ptr_null(p.rx.held);
	expect_nothing_left(&p);
	sluice_slab_unref(slab);
	udp_close(&other);
	pair_close(&p);
}
END_TEST

START_TEST(test_closing_a_socket_that_holds_datagrams_frees_them) {
	struct pair p;
	struct udp other;
	sluice_path other_address, from;
	sluice_datagram out[64];
	pair_open(&p, AF_INET, ways(0), ways(2), 0);
	ck_assert_int_eq(open_local(&other, AF_INET, ways(0), &other_address), 0);
	sluice_slab *slab = sluice_slab_get(p.env);
	sluice_batch b = make_batch(&p.rx_address, 2, 100, 100, 0);
	send_all(&p, &b);
	size_t sent = 0;
	ck_assert_int_eq(udp_send(&other, &b, &sent), 0);
	ck_assert_int_eq(udp_receive(&p.rx, slab, out, 64, &from), 2);
	ck_assert_ptr_nonnull(p.rx.held);
	ck_assert_uint_eq(p.env->blocks.live, 2); /* the slab, and room for what is held, of the app's allocator */
	sluice_slab_unref(slab);
	udp_close(&other);
	udp_close(&p.rx);
	ck_assert_uint_eq(p.env->blocks.live, 0);
	pair_close(&p);
}
END_TEST

SUITE("udp", test_every_way_of_sending_reaches_every_way_of_receiving_over_ipv4,
      test_every_way_of_sending_reaches_every_way_of_receiving_over_ipv6,
      test_a_batch_is_one_system_call_on_each_side_where_the_kernel_has_gso_and_gro,
      test_without_gso_and_gro_32_datagrams_are_one_system_call,
      test_a_batch_of_large_datagrams_is_split_at_the_limit_of_one_udp_send,
      test_a_full_socket_blocks_and_goes_on_at_the_right_datagram,
      test_a_segmented_send_that_would_block_goes_on_behind_the_run_that_went,
      test_a_kernel_that_refuses_segments_gets_every_datagram_once_by_sendmmsg,
      test_segments_above_the_interface_mtu_are_dropped_and_segmenting_stays_on,
      test_a_segmented_send_that_was_too_large_does_not_turn_segmenting_off,
      test_a_kernel_without_sendmmsg_and_recvmmsg_is_served_one_by_one, test_an_interrupted_call_is_made_again,
      test_a_broken_socket_is_an_io_error, test_an_address_in_use_cannot_be_opened,
      test_what_this_machine_drops_is_lost_and_not_tried_again, test_a_firewall_that_refuses_all_costs_one_call_for_a_run,
      test_a_run_to_where_no_route_leads_is_tried_twice, test_a_closed_port_counts_an_icmp_error_and_the_socket_lives,
      test_an_icmp_error_does_not_hide_a_datagram_from_the_reader,
      test_an_address_that_cannot_be_sent_to_counts_and_the_socket_lives,
      test_a_datagram_that_is_too_large_is_dropped_and_counted_and_the_next_one_goes,
      test_a_datagram_larger_than_the_slab_is_counted_and_the_next_one_comes,
      test_a_gro_read_that_outgrows_the_slab_gives_the_whole_datagrams_and_counts_the_rest,
      test_the_parts_of_the_slab_grow_after_a_datagram_that_did_not_fit, test_more_segments_than_entries_are_counted,
      test_fewer_entries_than_waiting_datagrams_lose_nothing_without_gro, test_the_buffers_have_the_size_that_was_asked_for,
      test_what_the_receive_buffer_has_no_room_for_is_counted,
      test_a_receive_buffer_can_grow_and_its_size_is_what_the_kernel_gave,
      test_a_second_source_ends_the_run_and_nothing_of_it_is_lost, test_closing_a_socket_that_holds_datagrams_frees_them)
