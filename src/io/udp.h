/* udp: batches of opaque datagrams in and out of one UDP socket, with as few system calls as the kernel allows.
 *
 * Sending: one sendmsg with UDP_SEGMENT per batch; where the kernel refuses that, sendmmsg; else one by one. Receiving: one
 * recvmsg with UDP_GRO into a slab; where there is no GRO, recvmmsg into the slab's parts. It knows no peer and no
 * protocol. */
#ifndef IO_UDP_H
#define IO_UDP_H

#include "sluice/env.h"

struct udp_options {
	const struct sockaddr *local;
	socklen_t local_len;
	int receive_buffer, send_buffer; /* asked for; 0: 4 MiB. SO_*BUFFORCE is tried first */
	bool no_gso, no_gro, no_mmsg;
};

struct udp_stats {
	uint64_t send_calls, datagrams_sent, bytes_sent;
	uint64_t receive_calls, datagrams_received, bytes_received;
	uint64_t send_blocked; /* EAGAIN, ENOBUFS */
	uint64_t too_large;    /* EMSGSIZE: dropped */
	uint64_t icmp_errors;  /* ECONNREFUSED and its kin, reported by an earlier datagram or because there is no route */
	uint64_t truncated;    /* datagrams lost because they did not fit into the slab, its part or `out` */
};

/* A datagram to `to` was larger than a link on its way takes: an IP packet there may have `mtu` bytes. */
struct udp_too_large {
	sluice_path to;
	uint32_t mtu;
	bool local; /* the link is the machine's own, and the datagram never left; else a router says so by ICMP */
};

#define UDP_TOO_LARGE_MAX 8

struct udp_held;

struct udp {
	int fd;
	bool gso, gro, mmsg;   /* what works here: cleared when the kernel refuses */
	size_t part;           /* recvmmsg: bytes of the slab for each datagram */
	struct udp_held *held; /* read already, not yet given out: what recvmmsg brought behind a second source, kept in the
	                        * slab's environment; NULL: nothing */
	struct udp_too_large large[UDP_TOO_LARGE_MAX]; /* since the caller took them; more than these are forgotten */
	size_t large_count;
	struct udp_stats stats;
};

/* Opens a non-blocking socket bound to options->local (IPv6: IPv6 only). It never fragments (DF is set, the kernel's own
 * path MTU is ignored). Returns 0 or SLUICE_IO with errno. */
int udp_open(struct udp *u, const struct udp_options *options);
void udp_close(struct udp *u);

/* Sends the datagrams of the batch from number *sent on, and moves *sent. Returns 0 when all are gone (datagrams that can
 * never go, EMSGSIZE, are dropped and counted as gone), SLUICE_WOULD_BLOCK when the socket is full (wait until it is
 * writable, call again), SLUICE_IO when the socket is broken. ICMP errors are counted and the send is tried again. */
int udp_send(struct udp *u, const sluice_batch *batch, size_t *sent);

/* Reads what one system call gives into the slab, from offset 0 on. All datagrams are from one address, except with
 * recvmmsg, where a second source ends the run. Returns the number of entries filled in `out` (at most out_size; 64 is
 * enough for one GRO read of what udp_send sends), 0 when nothing is there, SLUICE_IO when the socket is broken. `from` is
 * the source; its `socket` is left alone. Call it until it returns 0 before waiting for the socket to become readable:
 * datagrams of a second source may wait inside. */
int udp_receive(struct udp *u, sluice_slab *slab, sluice_datagram *out, size_t out_size, sluice_path *from);

#endif
