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
	uint64_t timestamp;
	uint32_t count; /* packets of the unit so far */
	unsigned bits;  /* of the unit: keyframe if any packet says so; layers of the highest packet */
	unsigned last;  /* bits of the last packet that is no filler */
	bool synced;    /* what comes next directly follows the end of a unit */
	size_t bytes;   /* payload bytes */
};

enum frame_step {
	FRAME_MORE,         /* taken; the unit is not whole yet */
	FRAME_WHOLE,        /* taken; it is the unit's last packet */
	FRAME_WHOLE_BEFORE, /* not taken: the unit is whole without it. After frame_scan_next(), add it again */
	FRAME_PASS,         /* the packet belongs to no unit and is passed */
	FRAME_BROKEN,       /* the unit is broken: all packets up to this one are passed */
	FRAME_BROKEN_BEFORE /* not taken: the unit before it is broken. After frame_scan_break(), add it again */
};

#define FRAME_LAYERS (7u << PAYLOAD_TEMPORAL_SHIFT | 7u << PAYLOAD_SPATIAL_SHIFT)

/* A picture's spatial layers come in rising order, and the unit decodes up to the last one. A packet that continues need not say
 * its layer. */
static inline enum frame_step frame_scan_take(struct frame_scan *s, const struct frame_packet *p) {
	s->count++;
	s->bytes += p->len;
	s->last = p->bits;
	if (p->bits & PAYLOAD_CONTINUES)
		s->bits |= p->bits & ~FRAME_LAYERS;
	else
		s->bits = (s->bits & ~FRAME_LAYERS) | p->bits;
	if (!(p->bits & PAYLOAD_MARKER))
		return FRAME_MORE;
	return p->bits & PAYLOAD_OPEN ? FRAME_BROKEN : FRAME_WHOLE;
}

/* What a payload leaves open and what the next one continues say the same, where the format says both. */
static inline bool frame_scan_fits(const struct frame_scan *s, const struct payload_format *f, const struct frame_packet *p) {
	return !f->open_known || !(s->last & PAYLOAD_OPEN) == !(p->bits & PAYLOAD_CONTINUES);
}

static inline bool frame_scan_begins(const struct frame_scan *s, const struct frame_packet *p) {
	return (p->bits & PAYLOAD_BEGINS) || (s->synced && !(p->bits & PAYLOAD_CONTINUES));
}

/* A filler, or a packet that neither begins the unit nor goes on with it. */
enum frame_step frame_scan_add_other(struct frame_scan *s, uint64_t timestamp, unsigned bits, size_t len);

/* Adds the packet that directly follows the last one. */
static inline enum frame_step frame_scan_add(struct frame_scan *s, const struct payload_format *f, const struct frame_packet *p) {
	bool usual = s->count ? p->timestamp == s->timestamp && frame_scan_fits(s, f, p) : frame_scan_begins(s, p);
	if (!usual || p->len == 0)
		return frame_scan_add_other(s, p->timestamp, p->bits, p->len);
	if (s->count == 0)
		s->timestamp = p->timestamp;
	return frame_scan_take(s, p);
}

/* The unit was whole and is taken: the next packet begins one. */
static inline void frame_scan_next(struct frame_scan *s) {
	*s = (struct frame_scan){.synced = true};
}
/* The unit is broken; bits are those of the last packet that was passed, 0 before a gap. Unless that one has the marker, only a
 * packet that proves to be a first one begins the next unit. */
void frame_scan_break(struct frame_scan *s, unsigned bits);

#endif
