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

/* The check reads all that is queued. With thousands of chunks it follows one verb in several, or a run would do little else. The
 * number is odd, so that each of two hosts has its turn. */
bool sctp_node_check(void *node) {
	static uint64_t verbs;
	const sluice_sctp *a = sctp_of(node);
	uint64_t queued = a ? outstanding_count(&a->tx.sent) + a->tx.out.buffered / 1024 : 0;
	return !a || ++verbs % (1 + 2 * (queued / 2048)) != 0 || association_check(a);
}
