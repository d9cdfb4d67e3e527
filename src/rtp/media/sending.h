/* sending: what frames and forwarded packets have in common: may the layer send, and where do its timestamps go on? */
#ifndef RTP_MEDIA_SENDING_H
#define RTP_MEDIA_SENDING_H

#include "rtp/media/track.h"

/* May this layer send now? Returns 0 or the error of sluice_track_send_frame(). */
int sending_check(const sluice_track *t, unsigned layer);
/* More waits than leaves within a second; more: bytes that are about to. */
bool sending_is_full(const struct out_layer *l, uint64_t more);
/* The number of a codec that was agreed on; -1: there is none. */
int sending_find_codec(const sluice_track *t, enum sluice_codec codec);

uint32_t sending_ticks(uint64_t ns, uint32_t clock_rate);
/* Timestamps of a new source go on as far behind the last one as time has passed. */
uint32_t sending_next_timestamp(const struct out_layer *l, uint32_t clock_rate, uint64_t now);
/* The layer's newest timestamp. */
void sending_note(struct out_layer *l, uint32_t timestamp, uint64_t now);

#endif
