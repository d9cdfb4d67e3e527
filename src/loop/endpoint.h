/* endpoint: sockets that many peers share: which peer gets a datagram, and who waits while they are full?
 *
 * demux.c says whose a datagram is; this file acts on it. A request that names a member's ufrag goes to that member. The source
 * address is learnt only when the member's ICE agent finds the request authentic, which takes the password. A peer costs its
 * driver, a struct member and the entries in the tables of demux.c.
 *
 *   full == number of its sockets with something pending
 *   waiting holds each member at most once, and only while full > 0 or they are being served */
#ifndef LOOP_ENDPOINT_H
#define LOOP_ENDPOINT_H

#include "base/guard.h"
#include "loop/demux.h"
#include "loop/driver.h"
#include "loop/interface.h"
#include "loop/stream.h"

struct member {
	struct demux_member demux; /* first: demux.c knows it by this */
	sluice_endpoint *endpoint;
	struct driver *driver;
	struct member *next, **back;
	struct member *next_waiting, **back_waiting; /* back_waiting NULL: it does not wait */
	uint64_t period;                             /* in which it sent something last */
};

struct sluice_endpoint {
	sluice_loop *loop;
	sluice_endpoint_config config;
	struct sockaddr_storage local; /* as configured, with the port that it became */
	bool any, any_v4, any_v6;
	sluice_endpoint *next, **back;      /* all of the loop */
	struct interface_follower follower; /* with an any-address */
	sluice_socket *sockets;
	struct demux demux;
	struct stream_trust trust;
	struct member *members;
	struct member *waiting, **waiting_end;
	size_t waiting_count;
	struct member *unanswered; /* what came for it was given to it, and its answers wait for the end of the reads; or NULL */
	unsigned full;
	struct guard guard;
	uint64_t unknown_ufrags, strays, member_count;
	uint64_t gone_received, gone_sent, gone_drops; /* datagrams of sockets that were closed */
	/* Who shares the receive buffers: members that sent something in this period of time, and in the one before. */
	uint64_t period;
	unsigned active, active_before;
};

bool endpoint_check(const sluice_endpoint *e);

#endif
