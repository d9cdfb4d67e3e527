/* emit: how does a STUN message of the agent leave? It is composed in the batch, and then goes as it is, or through a relay. */
#ifndef ICE_EMIT_H
#define ICE_EMIT_H

#include "ice/agent.h"

#define ICE_MESSAGE_MAX 1200 /* bytes of a STUN message: this many pass everywhere */

/* Where a message is composed. ICE_MESSAGE_MAX bytes have room there. */
static inline uint8_t *emit_place(const sluice_batch *batch) {
	return batch->data + batch->headroom;
}

/* Sends the message of len bytes that was composed there. Returns 1, or 0 when nothing leaves with this batch: the path is
 * relayed, or len is 0 because the crypto library refused. */
int emit_message(struct ice *ice, sluice_batch *batch, const sluice_path *path, size_t len);

#endif
