/* udp: batches of opaque datagrams in and out of one UDP socket, with as few system calls as the kernel allows.
 *
 * Sending: one sendmsg with UDP_SEGMENT for each batch, sendto for one datagram. If the kernel refuses UDP_SEGMENT: sendmmsg, or
 * one datagram after the other.
 * Receiving: one recvmsg with UDP_GRO into a slab. If the kernel has no GRO: recvmmsg into parts of the slab. It knows no peer
 * and no protocol. */
#ifndef IO_UDP_H
#define IO_UDP_H

#include "sluice/env.h"

struct udp_options {
	const struct sockaddr *local;
	socklen_t local_len;
	/* Bytes to ask the kernel for, by SO_*BUFFORCE if that is allowed. 0: 4 MiB */
	int receive_buffer, send_buffer;
	bool no_gso, no_gro, no_mmsg;
};

struct udp_stats {
	uint64_t send_calls, datagrams_sent, bytes_sent;
	uint64_t receive_calls, datagrams_received, bytes_received;
	uint64_t send_blocked; /* EAGAIN */
	uint64_t dropped;      /* datagrams that this machine lost: a firewall's refusal (EPERM), a full device queue (ENOBUFS) */
	uint64_t too_large;    /* EMSGSIZE: dropped */
	uint64_t icmp_errors;  /* ECONNREFUSED and the like, about an earlier datagram or because there is no route */
	uint64_t truncated;    /* datagrams that did not fit into the slab, its part or `out`, and are lost */
	/* What the kernel dropped because the receive buffer was full (SO_RXQ_OVFL). It says so with a datagram that came later,
	 * and counts datagrams that it had coalesced as one. */
	uint64_t overflowed;
};

/* A datagram to `to` was too large for a link on its way. */
struct udp_too_large {
	sluice_path to;
	uint32_t mtu; /* the largest IP packet that the link takes */
	bool local;   /* the link is the machine's own, and the datagram never left. Otherwise a router said so by ICMP */
};

#define UDP_TOO_LARGE_MAX 8

struct udp_held;

struct udp {
	int fd;
	bool gso, gro, mmsg; /* what works here: cleared when the kernel refuses */
	size_t part;         /* recvmmsg: bytes of the slab for each datagram */
	/* The receive buffer, without the half that the kernel adds for its own overhead: roughly the payload that fits. */
	uint64_t receive_buffer;
	uint32_t overflow_seen; /* the kernel's counter, as it was last read */
	/* Datagrams that recvmmsg brought from a second source and that no call has returned yet. Allocated from the slab's
	 * environment. NULL: none */
	struct udp_held *held;
	/* Reports since the caller took the last ones. Reports beyond the array are dropped. */
	struct udp_too_large large[UDP_TOO_LARGE_MAX];
	size_t large_count;
	struct udp_stats stats;
};

/* Opens a non-blocking socket that is bound to options->local; an IPv6 socket is for IPv6 only. Its datagrams are never
 * fragmented: DF is set, and the kernel's opinion of the path MTU is ignored. Returns 0, or SLUICE_IO with errno. */
int udp_open(struct udp *u, const struct udp_options *options);
void udp_close(struct udp *u);

/* Asks for a receive buffer of so many bytes. u->receive_buffer is what the kernel gave. */
void udp_set_receive_buffer(struct udp *u, uint64_t bytes);

/* Sends the datagrams of the batch from number *sent on, and advances *sent. A datagram that is too large to be sent (EMSGSIZE)
 * is dropped and counts as sent; so is one that this machine's firewall or device queue dropped. ICMP errors are counted, and the
 * send is tried again once.
 *
 * Returns 0 when all are sent, or
 *   SLUICE_WOULD_BLOCK  the socket is full: call again when it is writable
 *   SLUICE_IO           the socket is broken */
int udp_send(struct udp *u, const sluice_batch *batch, size_t *sent);

/* Reads the datagrams of one system call into the slab, from offset 0 on, and describes them in `out`. All come from one address,
 * which `from` gets; from->socket is not changed. 64 entries are enough for one GRO read of what udp_send() sends.
 *
 * recvmmsg may bring datagrams of several sources. Those from the second source on wait for the next call. So call this function
 * until it returns 0 before you wait for the socket to become readable.
 *
 * Returns how many entries it filled, 0 when there is nothing to read, or
 *   SLUICE_IO  the socket is broken */
int udp_receive(struct udp *u, sluice_slab *slab, sluice_datagram *out, size_t out_size, sluice_path *from);

#endif
