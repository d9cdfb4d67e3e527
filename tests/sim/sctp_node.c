#include "sctp_node.h"

#include "sctp/association.h"

static sluice_sctp *sctp_of(void *node) {
	return *(sluice_sctp **)node;
}

int sctp_node_input(void *node, const sluice_path *from, sluice_datagram *datagrams, size_t count, uint64_t now) {
	(void)from;
	return sctp_of(node) ? sluice_sctp_input(sctp_of(node), datagrams, count, now) : 0;
}

void sctp_node_advance(void *node, uint64_t now) {
	if (sctp_of(node))
		sluice_sctp_advance(sctp_of(node), now);
}

int sctp_node_output(void *node, sluice_batch *batch, uint64_t now) {
	return sctp_of(node) ? sluice_sctp_output(sctp_of(node), batch, now) : 0;
}

uint64_t sctp_node_deadline(void *node) {
	return sctp_of(node) ? sluice_sctp_deadline(sctp_of(node)) : SLUICE_NEVER;
}

bool sctp_node_check(void *node) {
	return !sctp_of(node) || association_check(sctp_of(node));
}
