/* emit.c: the way out of a STUN message. */
#include "ice/emit.h"

#include "ice/relayed.h"

int emit_message(struct ice *ice, sluice_batch *batch, const sluice_path *path, size_t len) {
	if (len == 0) /* the crypto library refused; whatever it was is repeated in its time */
		return 0;
	ice->stats.bytes_sent += len;
	if (relayed_send(ice, path, emit_place(batch), len))
		return 0;
	batch->count = 1;
	batch->stride = batch->last = batch->headroom + len + batch->tailroom;
	batch->path = *path;
	return 1;
}
