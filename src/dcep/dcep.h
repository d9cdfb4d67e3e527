/* dcep: what the peer needs of a set of data channels beyond the public header. The sets themselves are opaque.
 *
 * The files of this folder call downwards:
 *   dispatch.c   the association's events in, callbacks out
 *   set.c        the life of the set: made, given a role, freed
 *   channel.c    one channel: open, send, pause, close, accessors
 *   channels.c   the table of channels by stream id, ids by role, limits, lists
 *   held.c       messages of a paused channel        codec.c   the bytes of OPEN and ACK */
#ifndef DCEP_DCEP_H
#define DCEP_DCEP_H

#include "sluice/channel.h"

void channels_set_owner(sluice_channels *set, void *owner);
void *channels_owner(const sluice_channels *set);
/* Channels in state OPEN. */
uint32_t channels_open_count(const sluice_channels *set);
/* The association cannot go on and will not say so by an ENDED event. What was received is still delivered. Then every channel
 * closes with the error and on_ended follows, in the coming dispatch. */
void channels_end(sluice_channels *set, int error);
/* Called when a callback became due outside dispatch without anything being sent (a negotiated channel was opened, one
 * was resumed). The hook must not call the set. */
void channels_set_wake(sluice_channels *set, void (*wake)(void *ctx), void *ctx);

/* What the peer sent that no channel could take. */
struct channels_counters {
	uint64_t unknown_ppid;    /* messages with a PPID that is no data channel's */
	uint64_t without_channel; /* user messages and ACKs on streams that are no channel */
	uint64_t malformed;       /* DCEP messages that do not parse or whose type is unknown */
	uint64_t refused;         /* OPENs answered by a reset: parity, stream in use, limits, nobody listens */
	uint64_t dropped;         /* for want of memory, or on a channel that had failed */
};
const struct channels_counters *channels_counters_of(const sluice_channels *set);

/* The channels that the app knows, one after the other. ch NULL: the first one. NULL: that was the last one. */
const sluice_channel *channels_next(const sluice_channels *set, const sluice_channel *ch);

/* The invariants of channels.h, recounted. */
bool channels_check(const sluice_channels *set);

#endif
