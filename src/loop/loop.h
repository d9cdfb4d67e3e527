/* loop: what the parts of the driver share: the clock's one timer, the list of peers with something to say, the numbers of
 * the sockets, and the buffers that serve all of them.
 *
 *   loop.c        life, timer, dirty list, calls from other threads
 *   driver.c      one a peer: when is it served, and what does it ask for?
 *   socket.c      a UDP socket: read in batches, written in batches, kept pending when full
 *   outlet.c      numbers of sockets and streams
 *   interface.c   the machine's addresses, and when they change
 *   gather.c      sockets on them for one peer
 *   endpoint.c    sockets that many peers share; demux.c tells whose a datagram is
 *   stream.c      TCP: connections to TURN servers, ICE-TCP; listener.c accepts them, frame.c finds datagrams in them
 *   resolve.c     host names
 *   mdns.c        .local names, of others and our own; dns.c reads and writes the messages */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <stdatomic.h>

#include "base/heap.h"
#include "io/udp.h"
#include "loop/ev.h"
#include "loop/outlet.h"
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
	ev_prepare prepare;
	ev_timer timer;
	uint64_t timer_at; /* SLUICE_NEVER while it is not running */
	struct heap heap;  /* of driver.deadline */

	struct driver *drivers;
	size_t driver_count; /* the heap has room for each */
	struct driver *dirty, **dirty_end;

	sluice_socket *sockets;
	sluice_endpoint *endpoints;
	struct outlets outlets;
	struct interface_watch *interface_watch; /* NULL until somebody follows the interfaces */
	struct resolver *resolver;               /* NULL while nobody waits for a name */
	const char *dns_servers;                 /* NULL: the system's */
	struct mdns *mdns;                       /* NULL while nobody asks, and no name is ours */

	sluice_slab *slab; /* what the next read fills: the last one again while nobody kept a part of it */
	uint8_t *output;   /* LOOP_OUTPUT_SIZE bytes, for one batch at a time */

	ev_async async;
	_Atomic(struct post *) posts; /* the newest first */
};

/* The timer stands at the earliest deadline or before it; see loop.c. */
void loop_hasten_timer(sluice_loop *loop);
/* Nobody has a deadline: a timer for nobody would keep the ev_loop running. */
void loop_rest_timer(sluice_loop *loop);

/* Those who follow the interfaces look at them anew. Not from inside a callback. */
void loop_interfaces_changed(sluice_loop *loop);

/* NULL: no memory. Nobody holds a part of it. */
sluice_slab *loop_slab(sluice_loop *loop);

/* Recounts, between callbacks:
 *   driver_count == number of drivers listed, and the heap has at most one node of each
 *   the dirty list holds exactly the drivers that are marked dirty
 *   a driver has a peer and is not busy
 *   every socket is in the table of numbers, and what is pending in it has bytes */
bool loop_check(const sluice_loop *loop);

#endif
