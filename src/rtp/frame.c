#include "rtp/frame.h"

static enum frame_step finish(const struct frame_scan *s, unsigned bits) {
	if (!(bits & PAYLOAD_MARKER))
		return FRAME_MORE;
	return s->last & PAYLOAD_OPEN ? FRAME_BROKEN : FRAME_WHOLE;
}

/* A filler has no bytes of a codec. Its marker is as good as another one: what comes before it is there. */
static enum frame_step add_filler(struct frame_scan *s, unsigned bits) {
	if (s->count == 0)
		return FRAME_PASS;
	s->count++;
	return finish(s, bits);
}

enum frame_step frame_scan_add_other(struct frame_scan *s, uint64_t timestamp, unsigned bits, size_t len) {
	if (len == 0)
		return add_filler(s, bits);
	if (s->count == 0 || timestamp == s->timestamp)
		return FRAME_BROKEN;
	bool ended = !(s->last & PAYLOAD_OPEN) && !(bits & PAYLOAD_CONTINUES);
	return ended ? FRAME_WHOLE_BEFORE : FRAME_BROKEN_BEFORE;
}

void frame_scan_break(struct frame_scan *s, unsigned bits) {
	*s = (struct frame_scan){.synced = bits & PAYLOAD_MARKER};
}
