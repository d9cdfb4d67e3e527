/* unit: a frame, or a run of packets that are forwarded, on its way through the pacer and the history.
 *
 * A unit is one block of the pool: what is to be sent of it, and the bytes, unless these are lent or lie in slabs. It is the
 * rtp_source of its packets. So it lives until its last packet has left the history, or the layer is gone. Packets whose payload
 * lies in a slab have that for their owner, and their unit lives only until the last one has left: many watchers use the same few
 * blocks in turn.
 *
 * A frame is cut while it leaves: `piece` is what leaves next. What a packet is called in the stream is known when it leaves. A
 * forwarded packet has its number from the beginning.
 *
 *   packets == NULL and count == 0 for a frame; otherwise at <= count <= UNIT_PACKETS, and packets[at] leaves next */
#ifndef RTP_MEDIA_UNIT_H
#define RTP_MEDIA_UNIT_H

#include "pool/env.h"
#include "rtp/history.h"
#include "rtp/media/header.h"
#include "rtp/media/track.h"
#include "rtp/payload/payload.h"

#define UNIT_PACKETS 32

/* A packet that is forwarded. */
struct unit_packet {
	uint64_t number, captured;
	sluice_slab *slab; /* has the payload; NULL: the unit's source has it */
	uint32_t offset, timestamp;
	uint16_t len; /* of what stands behind the prefix */
	bool marker;
	uint8_t prefix_len;
	const uint8_t *prefix; /* in the block, as the descriptor is */
	struct header_elements elements;
};

struct unit {
	struct rtp_source source;
	sluice_env *env;
	struct out_layer *layer; /* NULL: it is gone */
	struct unit *next, **back;
	uint64_t queued_at;
	uint32_t bytes; /* of the run, that still wait */
	uint8_t payload_type;
	bool has_begun;

	/* ---- packets that are forwarded ---- */
	struct unit_packet *packets;
	uint16_t at, count;
	uint64_t reserves; /* no number of theirs is at it or above */

	/* ---- a frame ---- */
	const struct payload_format *format; /* NULL: it is one packet, which `piece` says */
	struct payload_split split;
	struct payload_piece piece;
	bool has_piece;
	uint32_t timestamp;
	uint64_t captured;
	sluice_release_fn release;
	void *release_ctx;
	_Alignas(struct unit_packet) uint8_t space[];
};

/* Makes a unit with room for so many bytes. NULL: no memory. It has one reference. */
struct unit *unit_new(sluice_env *env, struct out_layer *l, size_t room);
/* Puts the unit into the pacer. u->bytes is set already for packets that are forwarded. Takes over the reference: on an error it
 * is dropped, and release is not called. Returns 0, or
 *   SLUICE_MALFORMED    the codec's format cannot cut the frame
 *   SLUICE_WOULD_BLOCK  the pacer is full */
int unit_push(struct unit *u, uint64_t now);
/* Bytes of the next packet, without what SRTP adds; 0: there is none. */
size_t unit_next_size(struct unit *u);
/* The next packet is left out: nobody has room for it. */
void unit_skip(struct unit *u);
/* Writes the next packet. Returns its length or SLUICE_NO_SPACE. */
int unit_write(struct unit *u, uint32_t probe, uint8_t *space, size_t size, uint64_t now);
/* All packets have left, or the layer is gone. */
void unit_finish(struct unit *u);
/* A run that the pacer still has is given up; handle: its own, 0: that of a repair. */
void unit_drop(uint64_t handle);
/* The layer goes: its units stay in the pacer, and become nothing. */
void unit_forget_all(struct out_layer *l);

#endif
