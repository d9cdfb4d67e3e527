/* udp: how are batches moved with few system calls, and what does each errno of the socket mean for them?
 *
 * It knows no peer, no protocol and no loop. Its caller waits for the socket. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* sendmmsg, recvmmsg */
#endif
#include "io/udp.h"

#include <errno.h>
#include <limits.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <unistd.h>

#include "pool/env.h"

#ifndef SOL_UDP
#define SOL_UDP 17
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

/* Linux takes 64 segments in one UDP_SEGMENT send (128 since 6.9). It handles all of them as one UDP datagram, so together they
 * may have IPv4's 65,535 bytes less the IP and UDP headers. */
#define SEGMENTS_MAX 64
#define SEND_BYTES_MAX 65507

/* Datagrams of one sendmmsg or recvmmsg. With a slab of 64 KiB a part is 2 KiB, more than any datagram of WebRTC. */
#define MMSG_MAX 32

#define DEFAULT_BUFFER (4 << 20)

/* How many reads of one call may fail with an ICMP error before the caller gets its turn again. */
#define RECEIVE_TRIES 4

struct held_datagram {
	size_t offset, len;
	struct sockaddr_storage source;
	socklen_t source_len;
};

struct udp_held {
	sluice_env *env; /* the slab's, where this lives */
	size_t next, count;
	struct held_datagram entries[MMSG_MAX];
	uint8_t bytes[];
};

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static void buffer_size(int fd, int forced, int plain, int bytes) {
	/* The forced option may exceed the system's limit but needs CAP_NET_ADMIN. The plain one is cut to the limit. The socket
	 * works without either. */
	if (setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof bytes) != 0)
		(void)setsockopt(fd, SOL_SOCKET, plain, &bytes, sizeof bytes);
}

void udp_set_receive_buffer(struct udp *u, uint64_t bytes) {
	int got = 0;
	socklen_t len = sizeof got;
	buffer_size(u->fd, SO_RCVBUFFORCE, SO_RCVBUF, bytes < INT_MAX / 2 ? (int)bytes : INT_MAX / 2);
	if (getsockopt(u->fd, SOL_SOCKET, SO_RCVBUF, &got, &len) == 0 && got > 0)
		u->receive_buffer = (uint64_t)got / 2; /* socket(7): "The kernel doubles this value" */
}

/* PROBE sets DF, and lets out any size up to the interface's MTU, whatever the kernel learnt by ICMP. RFC 8831, 5, wants path MTU
 * discovery without ICMP, and RFC 8899's probes must be larger than what is known to pass. With DO instead, a forged
 * "fragmentation needed" would stop all our sends. Without RECVERR an unconnected socket reports neither ICMP errors nor full
 * device queues, which are counted. */
static int path_options(int fd, int family) {
	int on = 1, probe4 = IP_PMTUDISC_PROBE, probe6 = IPV6_PMTUDISC_PROBE;
	if (family == AF_INET6) {
		if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0 ||
		    setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &probe6, sizeof probe6) != 0)
			return -1;
		return setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
	}
	if (setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &probe4, sizeof probe4) != 0)
		return -1;
	return setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
}

/* A kernel before 4.18 ignores the UDP_SEGMENT message and would send the whole batch as one datagram. So the option is asked for
 * when the socket is opened. */
static bool knows_segment(int fd) {
	int value;
	socklen_t len = sizeof value;
	return getsockopt(fd, SOL_UDP, UDP_SEGMENT, &value, &len) == 0;
}

/* A kernel without it counts nothing. */
static void report_overflow(int fd) {
	int on = 1;
	(void)setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
}

static bool enable_gro(int fd) {
	int on = 1;
	return setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof on) == 0;
}

int udp_open(struct udp *u, const struct udp_options *o) {
	*u = (struct udp){.fd = -1};
	if (!o->local || o->local_len < sizeof o->local->sa_family) {
		errno = EINVAL;
		return SLUICE_IO;
	}
	u->fd = socket(o->local->sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (u->fd < 0)
		return SLUICE_IO;
	udp_set_receive_buffer(u, o->receive_buffer > 0 ? (uint64_t)o->receive_buffer : DEFAULT_BUFFER);
	buffer_size(u->fd, SO_SNDBUFFORCE, SO_SNDBUF, o->send_buffer ? o->send_buffer : DEFAULT_BUFFER);
	if (path_options(u->fd, o->local->sa_family) != 0 || bind(u->fd, o->local, o->local_len) != 0) {
		int why = errno;
		udp_close(u);
		errno = why;
		return SLUICE_IO;
	}
	report_overflow(u->fd);
	u->gso = !o->no_gso && knows_segment(u->fd);
	u->gro = !o->no_gro && enable_gro(u->fd);
	u->mmsg = !o->no_mmsg;
	return 0;
}

static void free_held(struct udp *u) {
	if (u->held)
		env_free(u->held->env, u->held);
	u->held = NULL;
}

void udp_close(struct udp *u) {
	if (u->fd >= 0)
		close(u->fd);
	free_held(u);
	u->fd = -1;
}

/* ---- errors ------------------------------------------------------------------------------------------------------ */

static bool read_error(const struct cmsghdr *c, struct sock_extended_err *e) {
	bool error = (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
	             (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR);
	if (!error || c->cmsg_len < CMSG_LEN(sizeof *e))
		return false;
	memcpy(e, CMSG_DATA(c), sizeof *e);
	return true;
}

static bool is_icmp(const struct sock_extended_err *e) {
	return e->ee_origin == SO_EE_ORIGIN_ICMP || e->ee_origin == SO_EE_ORIGIN_ICMP6;
}

/* ip(7): "For EMSGSIZE errors ... the ee_info field is set to the known MTU". */
static void note_too_large(struct udp *u, const struct sock_extended_err *e, const struct msghdr *m) {
	if (e->ee_errno != EMSGSIZE || e->ee_info == 0 || m->msg_namelen == 0 || u->large_count == UDP_TOO_LARGE_MAX)
		return;
	struct udp_too_large *l = &u->large[u->large_count++];
	*l = (struct udp_too_large){.mtu = e->ee_info, .local = e->ee_origin == SO_EE_ORIGIN_LOCAL};
	l->to.remote_len = m->msg_namelen;
	memcpy(&l->to.remote, m->msg_name, m->msg_namelen);
}

/* Empties the queue of errors. A full queue takes room from the receive buffer and makes every poll report the socket. Returns
 * how many were ICMP errors. The others are the kernel's own, about datagrams whose send already failed. */
static uint64_t take_errors(struct udp *u) {
	_Alignas(struct cmsghdr) char control[512];
	struct sockaddr_storage to;
	struct sock_extended_err e;
	uint64_t icmp = 0;
	for (;;) {
		struct msghdr m = {
			.msg_name = &to, .msg_namelen = sizeof to, .msg_control = control, .msg_controllen = sizeof control};
		ssize_t n = recvmsg(u->fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
			if (!read_error(c, &e))
				continue;
			icmp += is_icmp(&e);
			note_too_large(u, &e, &m);
		}
	}
	u->stats.icmp_errors += icmp;
	return icmp;
}

/* After a send to `to`. In reports about the machine's own interfaces the kernel leaves out the port. */
static uint64_t take_errors_of(struct udp *u, const sluice_path *to) {
	size_t before = u->large_count;
	uint64_t icmp = take_errors(u);
	for (size_t i = before; i < u->large_count; i++)
		if (u->large[i].local)
			u->large[i].to = *to;
	return icmp;
}

/* This machine dropped the datagram itself: an output hook of the firewall (EPERM, which no ICMP error becomes), or the device's
 * queue, of which sendmsg(2) says: "The output queue for a network interface was full". That is a loss like any other. Another
 * try would hide the drop from congestion control, and the socket is writable all the time, so waiting for it would spin. */
static bool is_drop(int error) {
	return error == EPERM || error == ENOBUFS;
}

/* Errors that are about a destination and not about the socket: an ICMP error that an earlier datagram caused, no route, or an
 * address that cannot be sent to. Addresses come from strangers (candidates), so none of these errors
 * may end the socket. */
static bool is_unreachable(int error) {
	switch (error) {
	case ECONNREFUSED:
	case ECONNRESET:
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ENETUNREACH:
	case ENETDOWN:
	case ENONET:
	case ENOPROTOOPT:
	case EPROTO:
	case EOPNOTSUPP:
	case EACCES:
	case EADDRNOTAVAIL:
	case EDESTADDRREQ:
	case EAFNOSUPPORT:
		return true;
	default:
		return false;
	}
}

static void take_unreachable(struct udp *u) {
	if (take_errors(u) == 0)
		u->stats.icmp_errors++; /* there was no ICMP message, or the queue had no room for it */
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

static struct msghdr send_header(const sluice_batch *b, struct iovec *iov) {
	return (struct msghdr){
		.msg_name = b->path.remote_len ? (void *)&b->path.remote : NULL,
		.msg_namelen = b->path.remote_len,
		.msg_iov = iov,
		.msg_iovlen = 1,
	};
}

/* sendto spares the kernel two reads of our memory, the msghdr and the iovec: 2 % of a round trip between ends that do not
 * sleep. */
static int send_one(struct udp *u, const sluice_batch *b, size_t at) {
	const struct sockaddr *to = b->path.remote_len ? (const struct sockaddr *)&b->path.remote : NULL;
	const uint8_t *datagram = sluice_batch_slot(b, at);
	return sendto(u->fd, datagram, sluice_batch_slot_len(b, at), MSG_DONTWAIT, to, b->path.remote_len) < 0 ? -1 : 1;
}

static int send_segments(struct udp *u, const sluice_batch *b, size_t at, size_t count) {
	union {
		char bytes[CMSG_SPACE(sizeof(uint16_t))];
		struct cmsghdr align;
	} control = {.bytes = {0}};
	size_t end = at + count;
	uint16_t segment = (uint16_t)b->stride;
	struct iovec iov = {.iov_base = sluice_batch_slot(b, at)};
	iov.iov_len = (count - 1) * b->stride + sluice_batch_slot_len(b, end - 1);
	struct msghdr m = send_header(b, &iov);
	m.msg_control = control.bytes;
	m.msg_controllen = sizeof control.bytes;
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof segment);
	memcpy(CMSG_DATA(c), &segment, sizeof segment);
	return sendmsg(u->fd, &m, MSG_DONTWAIT) < 0 ? -1 : (int)count;
}

static int send_many(struct udp *u, const sluice_batch *b, size_t at, size_t count) {
	struct mmsghdr messages[MMSG_MAX];
	struct iovec iov[MMSG_MAX];
	for (size_t i = 0; i < count; i++) {
		iov[i] = (struct iovec){.iov_base = sluice_batch_slot(b, at + i), .iov_len = sluice_batch_slot_len(b, at + i)};
		messages[i] = (struct mmsghdr){.msg_hdr = send_header(b, &iov[i])};
	}
	return sendmmsg(u->fd, messages, (unsigned)count, MSG_DONTWAIT);
}

/* How far one udp_send() has come. */
struct sending {
	bool alone;   /* the last run was refused: send its first datagram alone, to learn the reason */
	bool blame;   /* UDP_SEGMENT may be the reason: if the single datagram passes, this socket cannot segment */
	bool retried; /* the datagram at *sent was already tried again after an ICMP error */
};

static size_t run_length(const struct udp *u, const sluice_batch *b, size_t at, const struct sending *s) {
	size_t left = b->count - at, most = 1;
	if (u->gso && b->stride > 0)
		most = SEND_BYTES_MAX / b->stride < SEGMENTS_MAX ? SEND_BYTES_MAX / b->stride : SEGMENTS_MAX;
	else if (u->mmsg)
		most = MMSG_MAX;
	if (s->alone || most == 0)
		most = 1;
	return left < most ? left : most;
}

/* Makes one system call for the datagrams at .. at + count - 1. Returns how many were sent, or -1. */
static int send_run(struct udp *u, const sluice_batch *b, size_t at, size_t count) {
	u->stats.send_calls++;
	if (count == 1)
		return send_one(u, b, at);
	return u->gso && b->stride > 0 ? send_segments(u, b, at, count) : send_many(u, b, at, count);
}

static void count_sent(struct udp *u, const sluice_batch *b, size_t at, size_t count) {
	u->stats.datagrams_sent += count;
	u->stats.bytes_sent += (count - 1) * b->stride + sluice_batch_slot_len(b, at + count - 1);
}

/* A run of several was refused as a whole. Returns false when the error says nothing about the way of sending. */
static bool run_refused(struct udp *u, struct sending *s, int error) {
	if (!u->gso && error == ENOSYS) {
		u->mmsg = false;
		return true;
	}
	/* A kernel that cannot segment says EINVAL, EIO (no checksum offload) or EOPNOTSUPP. But EINVAL or EMSGSIZE may also mean
	 * a segment above the interface's MTU, and EINVAL a bad address. Sending the first datagram alone shows which it is. */
	if (u->gso && (error == EINVAL || error == EIO || error == EOPNOTSUPP || error == EMSGSIZE)) {
		s->alone = true;
		s->blame = error != EMSGSIZE;
		return true;
	}
	return false;
}

/* How many datagrams an error of one call is about: the kernel handles a segmented run as one, and sendmmsg stops at its
 * first. */
static size_t lost_of(const struct udp *u, const sluice_batch *b, size_t count) {
	return u->gso && b->stride > 0 ? count : 1;
}

/* Decides what a failed send of `count` datagrams means. Returns 0 to go on; *sent has then passed what can never be sent. */
static int send_failed(struct udp *u, const sluice_batch *b, size_t *sent, size_t count, struct sending *s, int error) {
	if (error == EINTR)
		return 0;
	if (error == EAGAIN || error == EWOULDBLOCK) {
		u->stats.send_blocked++;
		return SLUICE_WOULD_BLOCK;
	}
	if (is_drop(error)) {
		u->stats.dropped += lost_of(u, b, count);
		*sent += lost_of(u, b, count);
		*s = (struct sending){0};
		return 0;
	}
	if (count > 1 && run_refused(u, s, error))
		return 0;
	/* EINVAL also comes for port 0, which is one more address that cannot be sent to. */
	if (error != EMSGSIZE && error != EINVAL && !is_unreachable(error)) {
		errno = error;
		return SLUICE_IO;
	}
	/* EMSGSIZE is about this datagram, unless an ICMP error was waiting: then it was about an earlier one. */
	bool about_earlier = true;
	if (error == EMSGSIZE)
		about_earlier = take_errors_of(u, &b->path) > 0;
	else
		take_unreachable(u);
	if (about_earlier && !s->retried) {
		s->retried = true;
		return 0;
	}
	if (error == EMSGSIZE)
		u->stats.too_large++;
	*sent += lost_of(u, b, count);
	*s = (struct sending){0};
	return 0;
}

int udp_send(struct udp *u, const sluice_batch *b, size_t *sent) {
	struct sending s = {0};
	while (*sent < b->count) {
		size_t count = run_length(u, b, *sent, &s);
		int gone = send_run(u, b, *sent, count);
		if (gone > 0) {
			count_sent(u, b, *sent, (size_t)gone);
			*sent += (size_t)gone;
			u->gso &= !s.blame;
			s = (struct sending){0};
			continue;
		}
		int result = send_failed(u, b, sent, count, &s, gone < 0 ? errno : EAGAIN);
		if (result != 0)
			return result;
	}
	return 0;
}

/* ---- receiving: one read, one source ----------------------------------------------------------------------------- */

/* What the kernel may say about one read: the size of the datagrams that it coalesced, and how many it has dropped so far. */
#define CONTROL_SIZE (CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(uint32_t)))

static void note_overflow(struct udp *u, const struct cmsghdr *c) {
	uint32_t dropped;
	memcpy(&dropped, CMSG_DATA(c), sizeof dropped);
	u->stats.overflowed += dropped - u->overflow_seen; /* the counter wraps */
	u->overflow_seen = dropped;
}

/* Returns the size of coalesced datagrams; 0: there is one. */
static size_t read_control(struct udp *u, struct msghdr *m) {
	size_t segment = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		int size = 0;
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL && c->cmsg_len >= CMSG_LEN(sizeof(uint32_t)))
			note_overflow(u, c);
		if (c->cmsg_level != SOL_UDP || c->cmsg_type != UDP_GRO || c->cmsg_len < CMSG_LEN(sizeof size))
			continue;
		memcpy(&size, CMSG_DATA(c), sizeof size);
		segment = size > 0 ? (size_t)size : 0;
	}
	return segment;
}

static void fill(struct udp *u, sluice_datagram *d, sluice_slab *slab, size_t offset, size_t len) {
	*d = (sluice_datagram){.data = sluice_slab_data(slab) + offset, .len = len, .slab = slab};
	u->stats.datagrams_received++;
	u->stats.bytes_received += len;
}

/* Splits `total` received bytes, of which `room` are in the slab, into datagrams of `segment` bytes; the last one may be shorter.
 * Datagrams that were cut, or have no place in `out`, are counted. */
static int split(struct udp *u, sluice_slab *slab, size_t total, size_t room, size_t segment, sluice_datagram *out,
                 size_t out_size) {
	size_t filled = 0, offset = 0;
	if (segment == 0)
		segment = total;
	do {
		size_t len = total - offset < segment ? total - offset : segment;
		if (offset + len > room || filled == out_size)
			u->stats.truncated++;
		else
			fill(u, &out[filled++], slab, offset, len);
		offset += len;
	} while (offset < total);
	return (int)filled;
}

/* Returns how many entries it filled, 0 when every datagram was cut, or -1. */
static int receive_one(struct udp *u, sluice_slab *slab, sluice_datagram *out, size_t out_size, sluice_path *from) {
	_Alignas(struct cmsghdr) char control[CONTROL_SIZE];
	struct iovec iov = {.iov_base = sluice_slab_data(slab), .iov_len = sluice_slab_size(slab)};
	struct msghdr m = {
		.msg_name = &from->remote,
		.msg_namelen = sizeof from->remote,
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof control,
	};
	/* MSG_TRUNC: "return the real length of the packet or datagram, even when it was longer than the passed buffer"
	 * (recv(2)). So the count of lost datagrams is exact. */
	ssize_t n = recvmsg(u->fd, &m, MSG_DONTWAIT | MSG_TRUNC);
	u->stats.receive_calls++;
	if (n < 0)
		return -1;
	from->remote_len = m.msg_namelen;
	return split(u, slab, (size_t)n, iov.iov_len, read_control(u, &m), out, out_size);
}

/* ---- receiving: recvmmsg ----------------------------------------------------------------------------------------- */

struct many {
	struct mmsghdr messages[MMSG_MAX];
	struct iovec iov[MMSG_MAX];
	struct sockaddr_storage sources[MMSG_MAX];
	struct {
		_Alignas(struct cmsghdr) char bytes[CMSG_SPACE(sizeof(uint32_t))];
	} control[MMSG_MAX];
};

static bool same_source(const struct sockaddr_storage *a, socklen_t a_len, const struct sockaddr_storage *b, socklen_t b_len) {
	return a_len == b_len && memcmp(a, b, a_len) == 0;
}

static void set_source(sluice_path *from, const struct sockaddr_storage *source, socklen_t len) {
	memcpy(&from->remote, source, sizeof *source);
	from->remote_len = len;
}

static void prepare(struct many *r, uint8_t *data, size_t part, size_t count) {
	for (size_t i = 0; i < count; i++) {
		struct msghdr *m = &r->messages[i].msg_hdr;
		r->iov[i] = (struct iovec){.iov_base = data + i * part, .iov_len = part};
		*m = (struct msghdr){.msg_iov = &r->iov[i], .msg_iovlen = 1};
		m->msg_name = &r->sources[i];
		m->msg_namelen = sizeof r->sources[i];
		m->msg_control = r->control[i].bytes;
		m->msg_controllen = sizeof r->control[i].bytes;
	}
}

/* Keeps messages[at ..] for the next call. The copy happens only when two sources interleave on a socket without GRO. */
static void hold(struct udp *u, sluice_env *env, const struct many *r, size_t at, size_t count) {
	struct udp_held *h = env_alloc(env, sizeof *h + (count - at) * u->part);
	if (!h) {
		u->stats.truncated += count - at;
		return;
	}
	h->env = env;
	h->next = h->count = 0;
	for (size_t i = at, offset = 0; i < count; i++) {
		size_t len = r->messages[i].msg_len;
		if (len > u->part)
			continue;
		memcpy(h->bytes + offset, r->iov[i].iov_base, len);
		struct held_datagram *d = &h->entries[h->count++];
		*d = (struct held_datagram){.offset = offset, .len = len, .source_len = r->messages[i].msg_hdr.msg_namelen};
		d->source = r->sources[i];
		offset += len;
	}
	u->held = h;
}

/* Returns the next run of datagrams of one source. */
static int receive_held(struct udp *u, sluice_slab *slab, sluice_datagram *out, size_t out_size, sluice_path *from) {
	struct udp_held *h = u->held;
	size_t filled = 0, used = 0, room = sluice_slab_size(slab);
	while (h->next < h->count && filled < out_size) {
		const struct held_datagram *d = &h->entries[h->next];
		if (filled > 0 && !same_source(&d->source, d->source_len, &from->remote, from->remote_len))
			break;
		if (d->len > room - used) {
			if (filled > 0)
				break;
			u->stats.truncated++;
			h->next++;
			continue;
		}
		set_source(from, &d->source, d->source_len);
		memcpy(sluice_slab_data(slab) + used, h->bytes + d->offset, d->len);
		fill(u, &out[filled++], slab, used, d->len);
		used += d->len;
		h->next++;
	}
	if (h->next == h->count)
		free_held(u);
	return (int)filled;
}

/* A datagram longer than its part is lost. The parts then grow, so that the next one of its size fits. */
static size_t count_cut(struct udp *u, const struct many *r, size_t count) {
	size_t longest = 0;
	for (size_t i = 0; i < count; i++) {
		if (r->messages[i].msg_len > u->part)
			u->stats.truncated++;
		if (r->messages[i].msg_len > longest)
			longest = r->messages[i].msg_len;
	}
	return longest;
}

static int receive_many(struct udp *u, sluice_slab *slab, sluice_datagram *out, size_t out_size, sluice_path *from) {
	struct many r;
	size_t room = sluice_slab_size(slab), filled = 0, i = 0;
	if (u->part < room / MMSG_MAX || u->part > room)
		u->part = room / MMSG_MAX;
	size_t most = room / u->part < MMSG_MAX ? room / u->part : MMSG_MAX;
	if (most > out_size)
		most = out_size;
	prepare(&r, sluice_slab_data(slab), u->part, most);
	int n = recvmmsg(u->fd, r.messages, (unsigned)most, MSG_DONTWAIT | MSG_TRUNC, NULL);
	u->stats.receive_calls++;
	if (n < 0)
		return -1;
	size_t count = (size_t)n, longest = count_cut(u, &r, count);
	if (count > 0)
		read_control(u, &r.messages[count - 1].msg_hdr);
	for (; i < count; i++) {
		size_t len = r.messages[i].msg_len;
		if (len > u->part)
			continue;
		socklen_t source_len = r.messages[i].msg_hdr.msg_namelen;
		if (filled > 0 && !same_source(&r.sources[i], source_len, &from->remote, from->remote_len))
			break;
		set_source(from, &r.sources[i], source_len);
		fill(u, &out[filled++], slab, i * u->part, len);
	}
	if (i < count)
		hold(u, slab->env, &r, i, count);
	while (u->part < longest && u->part < room)
		u->part = u->part * 2 < room ? u->part * 2 : room;
	return (int)filled;
}

/* ---- receiving --------------------------------------------------------------------------------------------------- */

int udp_receive(struct udp *u, sluice_slab *slab, sluice_datagram *out, size_t out_size, sluice_path *from) {
	if (out_size == 0)
		return 0;
	for (int tries = 0; tries < RECEIVE_TRIES;) {
		if (u->held) {
			int held = receive_held(u, slab, out, out_size, from);
			if (held > 0)
				return held;
		}
		bool many = !u->gro && u->mmsg;
		int n = many ? receive_many(u, slab, out, out_size, from) : receive_one(u, slab, out, out_size, from);
		if (n > 0)
			return n;
		if (n == 0 || errno == EINTR) {
			tries += n == 0; /* every datagram was cut; returning 0 would mean that nothing is left to read */
			continue;
		}
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return 0;
		if (many && errno == ENOSYS) {
			u->mmsg = false;
			continue;
		}
		if (errno != EMSGSIZE && !is_unreachable(errno))
			return SLUICE_IO;
		take_unreachable(u);
		tries++;
	}
	return 0;
}
