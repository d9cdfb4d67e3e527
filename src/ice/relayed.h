/* relayed: how does a datagram travel whose path leads through a TURN server?
 *
 * Checks travel in Send indications, data in ChannelData. This file knows the allocations that relay.c made, and turn.h, which
 * speaks with the servers. It knows no candidates and no pairs. The public functions ice_wrap() and ice_headroom() are here, too.
 * */
#ifndef ICE_RELAYED_H
#define ICE_RELAYED_H

#include "ice/agent.h"

static inline bool relayed_is(uint32_t socket) {
	return socket != ICE_NO_SOCKET && socket & ICE_RELAY_SOCKET;
}

/* A pair over this path was made: its datagrams may come in. channel: data will follow. Nothing for paths that are not relayed.
 * */
void relayed_permit(struct ice *ice, const sluice_path *path, bool channel);
/* The path is silent: asks the server whether the allocation is still there, unless it was asked a moment ago. Nothing for paths
 * that are not relayed. */
void relayed_doubt(struct ice *ice, const sluice_path *path);
/* A STUN message over this path; relayed_output brings it out. False: the path is not relayed. */
bool relayed_send(struct ice *ice, const sluice_path *path, const void *data, size_t len);
/* True: the message was for the TURN client; relay_update() has to follow. Data of a peer is unwrapped: path and d name it, and
 * it goes on as if it had come directly. */
bool relayed_input(struct ice *ice, sluice_path *path, sluice_datagram *d, uint64_t now);
/* One message to a TURN server. Returns 1, 0 when none is due, or SLUICE_NO_SPACE. */
int relayed_output(struct ice *ice, sluice_batch *batch, uint64_t now);

#endif
