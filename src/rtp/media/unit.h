/* unit: a frame, or a packet that is forwarded, on its way through the pacer and the history.
 *
 * A unit is one block of the pool: what is to be sent of it, and the bytes, unless these are lent or lie in a slab. It is the
 * rtp_source of its packets. So it lives until its last packet has left the history, or the layer is gone.
 *
 * A frame is cut while it leaves: `piece` is what leaves next. What a packet is called in the stream is known when it leaves. A
 * forwarded packet has its number from the beginning. */
#ifndef RTP_MEDIA_UNIT_H
#define RTP_MEDIA_UNIT_H

#include "pool/env.h"
#include "rtp/history.h"
#include "rtp/media/track.h"
#include "rtp/payload/payload.h"

struct unit {
	struct rtp_source source;
	sluice_env *env;
	struct out_layer *layer; /* NULL: it is gone */
	struct unit *next, **back;
	const struct payload_format *format; /* NULL: it is one packet, which `piece` says */
	struct payload_split split;
	struct payload_piece piece;
	bool has_piece, has_begun;

	uint32_t timestamp;
	uint64_t captured, queued_at, number;
	uint32_t bytes; /* of the run, that still wait */
	uint8_t payload_type;

	/* Extension elements that this packet carries. */
	bool has_level, has_orientation;
	uint8_t level, orientation, descriptor_len;
	const uint8_t *descriptor; /* in the block */

	sluice_slab *slab;
	sluice_release_fn release;
	void *release_ctx;
	uint8_t space[];
};

/* Makes a unit with room for so many bytes. NULL: no memory. It has one reference. */
struct unit *unit_new(sluice_env *env, struct out_layer *l, size_t room);
/* Puts the unit into the pacer. Takes over the reference: on an error it is dropped, and release is not called. Returns 0, or
 *   SLUICE_MALFORMED    the codec's format cannot cut the frame
 *   SLUICE_WOULD_BLOCK  the pacer is full */
int unit_push(struct unit *u, uint64_t now);
/* Bytes of the next packet, without what SRTP adds; 0: there is none. */
size_t unit_next_size(struct unit *u);
/* Writes the next packet. Returns its length or SLUICE_NO_SPACE. */
int unit_write(struct unit *u, uint32_t probe, uint8_t *space, size_t size, uint64_t now);
/* All packets have left, or the layer is gone. */
void unit_finish(struct unit *u);
/* A run that the pacer still has is given up; handle: its own, 0: that of a repair. */
void unit_drop(uint64_t handle);
/* The layer goes: its units stay in the pacer, and become nothing. */
void unit_forget_all(struct out_layer *l);

#endif
