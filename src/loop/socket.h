/* socket: one UDP socket: when is it read, and what happens to a batch that it does not take?
 *
 *   pending.count > 0  =>  pending.data is ours, and pending_sent < pending.count
 *   its owner's `full` counts it exactly while something is pending */
#ifndef LOOP_SOCKET_H
#define LOOP_SOCKET_H

#include "loop/loop.h"
#include "loop/owner.h"

struct sluice_socket {
	struct outlet outlet; /* first: the table of numbers knows it by this */
	sluice_loop *loop;
	void *owner; /* NULL: a reservation */
	const struct owner_ops *ops;
	unsigned *full; /* its owner's count */
	struct udp udp;
	ev_io io;
	sluice_socket *next, **back;             /* all of the loop */
	sluice_socket *next_owned, **back_owned; /* all of its owner */
	struct sockaddr_storage host;            /* gathered: its address with port 0 */
	uint16_t preference;
	uint32_t mtu; /* gathered: of its interface; 0: not known */
	bool asleep;  /* gathered: its interface does not run; the peer knows */
	bool broken;
	bool buffer_follows;   /* the receive buffer grows with the window of its peers */
	uint64_t buffer_asked; /* bytes asked of the kernel */
	uint64_t waited;       /* bytes read since it was last found empty */
	uint64_t drops_told;   /* of udp.stats.overflowed: what the owner has heard of */
	sluice_batch pending;  /* what the socket did not take; data is ours. count 0: nothing */
	size_t pending_sent;
};

/* Gives it to its owner, into the owner's list, and starts to read. */
void socket_own(sluice_socket *s, void *owner, const struct owner_ops *ops, sluice_socket **list, unsigned *full);
void socket_destroy(sluice_socket *s);
/* Stops reading: its owner is going. */
void socket_silence(sluice_socket *s);
/* Sends the batch, or keeps what the kernel did not take. A broken socket drops the batch. */
void socket_send(sluice_socket *s, const sluice_batch *batch);
/* The peer gets datagrams through the socket, as one of `sharers` that do so at present. The buffer grows to the peer's window,
 * and the peer promises no more than its share of the buffer. */
void socket_fit(sluice_socket *s, sluice_peer *peer, unsigned sharers);
/* What the kernel has dropped since the last call, because the buffer was full. */
uint64_t socket_take_drops(sluice_socket *s);
bool socket_check(const sluice_socket *s);

#endif
