/* header: the extension of the packets that a layer sends, and its size.
 *
 * The session keeps an extension per stream, and overwrites abs-send-time and transport-cc in it. They and the RID have fixed
 * places at its beginning. Behind them stands what some packets have: the MID, until the other side's report shows that it took
 * the stream, and what a forwarded packet brings along. */
#ifndef RTP_MEDIA_HEADER_H
#define RTP_MEDIA_HEADER_H

#include "rtp/media/track.h"

#define HEADER_ITEMS 4

/* The elements that a packet brings along. All zeros: none. */
struct header_elements {
	bool has_level, has_orientation;
	uint8_t level, orientation, descriptor_len;
	const uint8_t *descriptor;
};

/* The fixed elements, for rtp_session_add_out(). items has HEADER_ITEMS places. Returns how many there are. */
size_t header_items(const struct out_layer *l, struct rtp_extension_item *items);
/* The stream was added. */
void header_open(struct out_layer *l);

/* A unit begins to leave: do its packets still name the MID? */
void header_begin(struct out_layer *l);
size_t header_size_with(const struct out_layer *l, const struct header_elements *e);
void header_lay_out(struct out_layer *l, const struct header_elements *e);

static inline bool header_is_bare(const struct header_elements *e) {
	return !e || (!e->has_level && !e->has_orientation && !e->descriptor_len);
}
/* Bytes of a packet's header. e NULL: it brings no elements. */
static inline size_t header_size(const struct out_layer *l, const struct header_elements *e) {
	return header_is_bare(e) ? l->bare_size : header_size_with(l, e);
}
/* Puts the elements of the next packet in place; those that stand there already cost nothing. */
static inline void header_write(struct out_layer *l, const struct header_elements *e) {
	if (!l->is_bare || !header_is_bare(e))
		header_lay_out(l, e);
}

#endif
