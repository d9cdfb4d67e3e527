/* driver: what does the loop do for one peer?
 *
 * It calls the four verbs, dispatches, does what the peer asks for (names, streams), and sets the peer's deadline in the
 * loop's schedule. A callback may free the peer; the driver is destroyed with it, or when the function that called back leaves.
 *
 *   full == number of its own sockets with something pending
 *   its turn has a deadline once it was served, unless the peer is gone */
#ifndef LOOP_DRIVER_H
#define LOOP_DRIVER_H

#include "base/guard.h"
#include "loop/loop.h"
#include "loop/owner.h"
#include "loop/stream.h"

/* Where a negotiating peer has its sockets: gather.c and endpoint.c. A function that is NULL has nothing to do. */
struct place_ops {
	/* Is this one of the shared sockets? */
	bool (*shares)(const struct driver *d, const sluice_socket *s);
	/* Shared sockets are full: nobody may send. */
	bool (*is_full)(const struct driver *d);
	/* The peer has something to send, and the sockets are full: serve it later. */
	void (*wait)(struct driver *d);
	/* The peer is about to send this through a shared socket. */
	void (*note_output)(struct driver *d, const sluice_batch *batch);
	/* After each use of the peer: its ufrag may have changed. */
	void (*follow_name)(struct driver *d);
	/* The peer is gone or leaves the loop. Nothing of the place is asked any more. */
	void (*forget)(struct driver *d);
};

struct driver {
	sluice_loop *loop;
	sluice_peer *peer; /* NULL after it was freed */
	struct schedule_node turn;
	struct driver *next, **back; /* all of the loop */
	sluice_socket *sockets;      /* its own */
	sluice_socket *only;         /* of a direct peer: whatever path it names goes there */
	unsigned full;
	struct streams streams;
	const struct place_ops *place; /* NULL: none, or the peer is gone */
	void *place_data;
	bool no_mdns;    /* names of other machines are not asked for */
	bool negotiates; /* by offer and answer: it may ask for names and streams */
	struct guard guard;
	bool woken; /* something was queued while it was entered, after the last dispatch */
	bool calm;  /* since it was entered, nothing above ICE was touched: the place need not follow */
};

/* 0, SLUICE_EXISTS, SLUICE_NO_MEMORY. The peer gets its wake and free hooks. */
int driver_new(sluice_loop *loop, sluice_peer *peer, struct driver **out);
/* Takes the driver away from its peer. Not while it is entered. */
void driver_detach(struct driver *d);

/* Stand around every use of a peer. driver_leave() returns false when the peer was freed; the driver is then destroyed too. */
static inline void driver_enter(struct driver *d) {
	guard_enter(&d->guard);
}
bool driver_leave(struct driver *d);

/* Runs callbacks and sends what they caused. Only while entered. */
void driver_serve(struct driver *d, uint64_t now);
/* The place is gone, or the peer: calls place->forget, once. */
void driver_forget_place(struct driver *d);
/* Something was queued: the driver gets a turn before the ev_loop blocks, unless whoever has entered it serves it. */
void driver_mark_dirty(struct driver *d);
/* What the loop's schedule calls, and what the driver's sockets and streams do. */
extern const struct schedule_ops driver_turns;
extern const struct owner_ops driver_owner;

bool driver_check(const struct driver *d);

#endif
