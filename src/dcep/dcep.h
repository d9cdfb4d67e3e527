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
/* The association cannot go on, and no ENDED event will come from it. The next dispatch delivers what was received, closes every
 * channel with the error, and calls on_ended. */
void channels_end(sluice_channels *set, int error);
/* Sets a hook that is called when a callback became due outside dispatch although nothing was sent: a negotiated channel was
 * opened, or a channel was resumed. The hook must not call the set. */
void channels_set_wake(sluice_channels *set, void (*wake)(void *ctx), void *ctx);

/* What the peer sent and no channel could take. */
struct channels_counters {
	uint64_t unknown_ppid;    /* messages with a PPID that data channels do not have */
	uint64_t without_channel; /* user messages and ACKs on streams without a channel */
	uint64_t malformed;       /* DCEP messages that do not parse or whose type is unknown */
	uint64_t refused;         /* OPENs answered by a reset: wrong parity, stream in use, limits, no on_channel */
	uint64_t dropped;         /* messages without memory for them, or on a channel that had failed */
};
const struct channels_counters *channels_counters_of(const sluice_channels *set);

/* Returns the channel after ch among those that the app knows; the first one for NULL. NULL: ch was the last one. */
const sluice_channel *channels_next(const sluice_channels *set, const sluice_channel *ch);

/* Recounts the invariants of channels.h. */
bool channels_check(const sluice_channels *set);

#endif
