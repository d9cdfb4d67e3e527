/* relay: which allocations do we have at TURN servers, and which candidates come of them? Allocations come and go here; relayed.h
 * moves the datagrams.
 *
 * There is one allocation for each server and each base that reaches it. Over TCP and TLS there is one for each server, on a
 * stream that the driver connects. Its relayed candidate has a socket number of the agent's own.
 *
 * A restart keeps the allocations, announces their candidates again, and asks the servers whether the allocations are still
 * there. A relayed pair that falls silent does the same. A server that has forgotten one gives another (turn.h), whose candidate
 * takes the place of the old one. An allocation that stood once and is gone, with its stream or because its server was silent for
 * too long, is made anew after a pause that doubles.
 *
 * After every call that may change how far gathering is, gather_update() has to follow: relay_gather, relay_make_all,
 * relay_update, relay_forget_base, relay_close_all, relay_stream_up, relay_stream_down. */
#ifndef ICE_RELAY_H
#define ICE_RELAY_H

#include "ice/agent.h"

/* A new session: candidates of allocations that stand are announced at once, though gathering waits until it is known whether
 * they still do. Allocations that failed are tried again. */
void relay_gather(struct ice *ice);
/* Makes the allocations for servers and bases that have none. */
void relay_make_all(struct ice *ice);
/* Follows what became of the allocations. */
void relay_update(struct ice *ice);
/* Does gathering wait for an allocation? */
bool relay_waits(const struct ice *ice);
/* This socket fell asleep or woke up: so do the allocations whose messages travel over it. */
void relay_set_asleep(struct ice *ice, uint32_t base, bool asleep);
/* The socket is gone. */
void relay_forget_base(struct ice *ice, uint32_t socket);
/* Gives the allocations back; the verbs have to go on for that. */
void relay_close_all(struct ice *ice);
void relay_free_all(struct ice *ice);

/* The socket over which the messages of a relayed candidate's allocation travel; ICE_NO_SOCKET: a stream, or there is no such
 * candidate. `socket` is the candidate's number. */
uint32_t relay_base_socket(const struct ice *ice, uint32_t socket);

/* A stream to be connected or closed. */
bool relay_poll_request(struct ice *ice, struct ice_request *q);
/* ICE_NO_SOCKET: the stream could not be connected. */
void relay_stream_up(struct ice *ice, uint32_t id, uint32_t socket);
void relay_stream_down(struct ice *ice, uint32_t socket);

/* True: gather_update() has to follow. */
bool relay_advance(struct ice *ice, uint64_t now);
uint64_t relay_deadline(const struct ice *ice);
bool relay_check(const struct ice *ice);

#endif
