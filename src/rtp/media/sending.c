#include "rtp/media/sending.h"

#include "rtp/pacer.h"

#define QUEUE_MIN 20000 /* bytes that may wait at the lowest rates, too */

int sending_check(const sluice_track *t, unsigned layer) {
	if (t->ended)
		return SLUICE_CLOSED;
	if (!t->is_sender)
		return SLUICE_WRONG_STATE;
	if (layer >= t->layer_count)
		return SLUICE_INVALID;
	const struct out_layer *l = &t->out[layer];
	return t->paused || l->paused || l->is_refused || l->stream < 0 || t->codec == TRACK_NO_CODEC ? SLUICE_WRONG_STATE : 0;
}

/* A second of what leaves, not of what the encoder may make: a first keyframe of 60 KB is 1.6 s of the rate that an estimate
 * begins with, and none of the frames that refer to it may be refused because of it. On an empty queue, a frame of any size is
 * taken. */
bool sending_is_full(const struct out_layer *l, uint64_t more) {
	uint64_t second = pacer_rate(l->target) / 8;
	return l->queued + more > (second > QUEUE_MIN ? second : QUEUE_MIN);
}

int sending_find_codec(const sluice_track *t, enum sluice_codec codec) {
	for (unsigned i = 0; i < t->codec_count; i++)
		if (t->codecs[i].codec == codec)
			return (int)i;
	return -1;
}

uint32_t sending_ticks(uint64_t ns, uint32_t clock_rate) {
	return (uint32_t)((unsigned __int128)ns * clock_rate / SLUICE_S);
}

uint32_t sending_next_timestamp(const struct out_layer *l, uint32_t clock_rate, uint64_t now) {
	uint32_t passed = sending_ticks(now - l->sent_at, clock_rate);
	return l->timestamp + (passed ? passed : 1);
}

void sending_note(struct out_layer *l, uint32_t timestamp, uint64_t now) {
	l->timestamp = timestamp;
	l->sent_at = now;
	l->any = true;
}
