/* owner: whose is this socket or stream? A driver's, or an endpoint's. What comes goes up to it by these functions, so that
 * socket.c and stream.c know neither.
 *
 * enter() and leave() stand around every event. A callback of the app may free the owner in between; is_gone() says so. */
#ifndef LOOP_OWNER_H
#define LOOP_OWNER_H

#include "sluice/peer.h"

struct owner_ops {
	void (*enter)(void *owner);
	/* False: the owner was destroyed, and the socket with it. */
	bool (*leave)(void *owner);
	bool (*is_gone)(const void *owner);
	/* A batch from one source. Callbacks run, and answers are sent. more: the next batch or serve() follows at once, and
	 * answers may wait for it. */
	void (*input)(void *owner, const sluice_path *from, sluice_datagram *datagrams, size_t count, bool more, uint64_t now);
	/* There is room again, or something may have become due. Callbacks run, and what is due is sent. */
	void (*serve)(void *owner, uint64_t now);
	/* The peer that talks to that address; NULL: there is none. */
	sluice_peer *(*whose)(void *owner, const sluice_path *to);
};

#endif
