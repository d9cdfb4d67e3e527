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

#endif
