#include "peer_node.h"

#include "peer/peer.h"

static sluice_peer *peer_of(void *node) {
	return *(sluice_peer **)node;
}

int peer_node_input(void *node, const sluice_path *from, sluice_datagram *datagrams, size_t count, uint64_t now) {
	return peer_of(node) ? sluice_peer_input(peer_of(node), from, datagrams, count, now) : 0;
}

void peer_node_advance(void *node, uint64_t now) {
	if (peer_of(node))
		sluice_peer_advance(peer_of(node), now);
}

int peer_node_output(void *node, sluice_batch *batch, uint64_t now) {
	return peer_of(node) ? sluice_peer_output(peer_of(node), batch, now) : 0;
}

uint64_t peer_node_deadline(void *node) {
	return peer_of(node) ? sluice_peer_deadline(peer_of(node)) : SLUICE_NEVER;
}

void peer_node_dispatch(void *node, uint64_t now) {
	(void)now;
	if (peer_of(node))
		sluice_peer_dispatch(peer_of(node));
}

bool peer_node_check(void *node) {
	return !peer_of(node) || peer_check(peer_of(node));
}
