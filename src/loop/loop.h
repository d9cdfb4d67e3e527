/* loop: what the parts of the driver share: the schedule, the numbers of the sockets, and the buffers that serve all of them.
 *
 * Each file below calls those under it and none above; what goes up is an event (a function that was handed down) or a returned
 * value.
 *
 *   loop.c        life, and calls from other threads
 *   endpoint.c    sockets that many peers share; demux.c says whose a datagram is
 *   gather.c      sockets on the machine's addresses for one peer
 *   driver.c      one a peer: when is it served, and what does it ask for?
 *   listener.c    accepts TCP connections
 *   stream.c      TCP: connections to TURN servers, ICE-TCP; frame.c finds datagrams in them
 *   socket.c      a UDP socket: read in batches, written in batches, kept pending when full
 *   resolve.c     host names
 *   mdns.c        .local names, of others and our own; dns.c reads and writes the messages, onlink.c knows the neighbours
 *   interface.c   the machine's addresses, and when they change
 *   schedule.c    the clock's one timer, and the list of peers with something to say
 *   spin.c        looks for events before the ev_loop sleeps
 *   outlet.c      numbers of sockets and streams
 *   clock.c       the time */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <stdatomic.h>

#include "io/udp.h"
#include "loop/ev.h"
#include "loop/outlet.h"
#include "loop/schedule.h"
#include "sluice/loop.h"

/* Datagrams in one batch: what one GRO read can bring. */
#define LOOP_BATCH_MAX 64
#define LOOP_OUTPUT_SIZE 65536

struct driver;
struct post;

struct sluice_loop {
	sluice_env *env;
	struct ev_loop *ev;
	bool own_ev;
	struct schedule schedule;

	struct driver *drivers;
	size_t driver_count; /* the schedule has room for each */

	sluice_socket *sockets;
	sluice_endpoint *endpoints;
	struct outlets outlets;
	struct interface_watch *interface_watch; /* NULL until somebody follows the interfaces */
	struct interface_follower *followers;
	struct interface_follower *next_follower; /* while they are notified: whose turn is next */
	struct resolver *resolver;                /* NULL while nobody waits for a name */
	const char *dns_servers;                  /* NULL: the system's */
	struct mdns *mdns;                        /* NULL while nobody asks, and no name is ours */

	sluice_slab *slab; /* loop_slab()'s last one: given out again while nobody kept a part of it */
	uint8_t *output;   /* LOOP_OUTPUT_SIZE bytes, for one batch at a time */

	ev_async async;
	_Atomic(struct post *) posts; /* the newest first */
};

/* What the next read fills; nobody holds a part of it. NULL: no memory. */
static inline sluice_slab *loop_slab(sluice_loop *loop) {
	if (loop->slab && sluice_slab_is_unshared(loop->slab))
		return loop->slab;
	sluice_slab_unref(loop->slab);
	loop->slab = sluice_slab_get(loop->env);
	return loop->slab;
}

/* Recounts, between callbacks:
 *   driver_count == number of drivers listed, and the heap has at most one node of each
 *   the schedule's dirty list holds exactly the drivers that are marked dirty
 *   a driver has a peer and is not busy
 *   every socket is in the table of numbers, and what is pending in it has bytes */
bool loop_check(const sluice_loop *loop);

#endif
