/* peer_node: the verbs of a host whose struct begins with a pointer to its peer. While the pointer is NULL, the host is silent
 * and deaf. */
#ifndef TESTS_SIM_PEER_NODE_H
#define TESTS_SIM_PEER_NODE_H

#include "sim.h"

int peer_node_input(void *node, const sluice_path *from, sluice_datagram *datagrams, size_t count, uint64_t now);
void peer_node_advance(void *node, uint64_t now);
int peer_node_output(void *node, sluice_batch *batch, uint64_t now);
uint64_t peer_node_deadline(void *node);
void peer_node_dispatch(void *node, uint64_t now);
bool peer_node_check(void *node);

/* All of them, and the host's own way to be freed. */
#define PEER_NODE_OPS(free_node)                                                                                                 \
	{                                                                                                                        \
		.input = peer_node_input, .advance = peer_node_advance, .output = peer_node_output,                              \
		.deadline = peer_node_deadline, .dispatch = peer_node_dispatch, .check = peer_node_check, .free = free_node,     \
	}

#endif
