/* sctp_node: the verbs of a host whose struct begins with a pointer to its association. While the pointer is NULL, the host is
 * silent and deaf. */
#ifndef TESTS_SIM_SCTP_NODE_H
#define TESTS_SIM_SCTP_NODE_H

#include "sim.h"

int sctp_node_input(void *node, const sluice_path *from, sluice_datagram *datagrams, size_t count, uint64_t now);
void sctp_node_advance(void *node, uint64_t now);
int sctp_node_output(void *node, sluice_batch *batch, uint64_t now);
uint64_t sctp_node_deadline(void *node);
bool sctp_node_check(void *node);

#endif
