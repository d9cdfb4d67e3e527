#include "rtp/frame.h"

#define LAYERS (7u << PAYLOAD_TEMPORAL_SHIFT | 7u << PAYLOAD_SPATIAL_SHIFT)

static inline void take(struct frame_scan *s, const struct frame_packet *p) {
	s->count++;
	s->bytes += p->len;
	s->last = p->bits;
	/* A picture's spatial layers come in rising order, and the unit decodes up to the last one. A packet that continues
	 * need not say its layer. */
	unsigned layers = p->bits & PAYLOAD_CONTINUES ? s->bits & LAYERS : p->bits & LAYERS;
	s->bits = ((s->bits | p->bits) & ~LAYERS) | layers;
	s->timestamp = p->timestamp;
}

static inline enum frame_step finish(struct frame_scan *s, const struct frame_packet *p) {
	if (!(p->bits & PAYLOAD_MARKER))
		return FRAME_MORE;
	return s->last & PAYLOAD_OPEN ? FRAME_BROKEN : FRAME_WHOLE;
}

static inline enum frame_step begin(struct frame_scan *s, const struct frame_packet *p) {
	if ((p->bits & PAYLOAD_BEGINS) || (s->synced && !(p->bits & PAYLOAD_CONTINUES))) {
		take(s, p);
		return finish(s, p);
	}
	return FRAME_BROKEN;
}

/* A filler has no bytes of a codec. Its marker is as good as another one: what comes before it is there. */
static enum frame_step add_filler(struct frame_scan *s, const struct frame_packet *p) {
	if (s->count == 0)
		return FRAME_PASS;
	s->count++;
	return finish(s, p);
}

static bool fits(const struct frame_scan *s, const struct payload_format *f, const struct frame_packet *p) {
	return !f->open_known || !(s->last & PAYLOAD_OPEN) == !(p->bits & PAYLOAD_CONTINUES);
}

void frame_scan_break(struct frame_scan *s, unsigned bits) {
	*s = (struct frame_scan){.synced = bits & PAYLOAD_MARKER};
}

enum frame_step frame_scan_add(struct frame_scan *s, const struct payload_format *f, const struct frame_packet *p) {
	if (p->len == 0)
		return add_filler(s, p);
	if (s->count == 0)
		return begin(s, p);
	if (p->timestamp != s->timestamp) {
		bool ended = !(s->last & PAYLOAD_OPEN) && !(p->bits & PAYLOAD_CONTINUES);
		return ended ? FRAME_WHOLE_BEFORE : FRAME_BROKEN_BEFORE;
	}
	bool good = fits(s, f, p);
	take(s, p);
	return good ? finish(s, p) : FRAME_BROKEN;
}
