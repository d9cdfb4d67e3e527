/* frame: where does a unit begin and end in a stream of packets?
 *
 * Packets without a gap between them are added in order. A unit is whole when its first packet proves to be the first, nothing is
 * missing, and its last one has the marker, or the next packet begins another unit. A changed timestamp alone proves nothing:
 * a packet may be missing, or a sender may be wrong; the codec's bits must agree with it. RFC 6184, 5.1 on the marker: decoders
 * "MUST NOT rely on this property".
 *
 * A unit that is broken is passed up to a packet which proves to be a first one: by the codec's bits, or because it directly
 * follows a marker. It knows no buffer and no time; the formats are those of payload/.
 *
 *   count == 0: no unit has begun
 *   fillers (empty payloads, sent as probes) in a unit count as packets; between units they are passed */
#ifndef RTP_FRAME_H
#define RTP_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rtp/payload/payload.h"

struct frame_packet {
	uint64_t timestamp; /* unwrapped */
	unsigned bits;      /* of payload.h, PAYLOAD_MARKER among them */
	size_t len;         /* 0: a filler */
};

struct frame_scan {
	uint32_t count; /* packets of the unit so far */
	unsigned bits;  /* of the unit: keyframe if any packet says so; layers of the highest packet */
	unsigned last;  /* bits of the last packet that is no filler */
	bool synced;    /* what comes next directly follows the end of a unit */
	size_t bytes;   /* payload bytes */
	uint64_t timestamp;
};

enum frame_step {
	FRAME_MORE,         /* taken; the unit is not whole yet */
	FRAME_WHOLE,        /* taken; it is the unit's last packet */
	FRAME_WHOLE_BEFORE, /* not taken: the unit is whole without it. After frame_scan_next(), add it again */
	FRAME_PASS,         /* the packet belongs to no unit and is passed */
	FRAME_BROKEN,       /* the unit is broken: all packets up to this one are passed */
	FRAME_BROKEN_BEFORE /* not taken: the unit before it is broken. After frame_scan_break(), add it again */
};

/* Adds the packet that directly follows the last one. */
enum frame_step frame_scan_add(struct frame_scan *s, const struct payload_format *f, const struct frame_packet *p);

/* The unit was whole and is taken: the next packet begins one. */
static inline void frame_scan_next(struct frame_scan *s) {
	*s = (struct frame_scan){.synced = true};
}
/* The unit is broken; bits are those of the last packet that was passed, 0 before a gap. Unless that one has the marker, only a
 * packet that proves to be a first one begins the next unit. */
void frame_scan_break(struct frame_scan *s, unsigned bits);

#endif
