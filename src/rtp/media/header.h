/* header: the extension of the packets that a layer sends, and its size.
 *
 * The session keeps an extension per stream, and overwrites abs-send-time and transport-cc in it. They and the RID have fixed
 * places at its beginning. Behind them stands what some packets have: the MID, until the other side's report shows that it took
 * the stream, and what a forwarded packet brings along. */
#ifndef RTP_MEDIA_HEADER_H
#define RTP_MEDIA_HEADER_H

#include "rtp/media/unit.h"
#include "rtp/session.h"

#define HEADER_ITEMS 4

/* The fixed elements, for rtp_session_add_out(). items has HEADER_ITEMS places. Returns how many there are. */
size_t header_items(const struct out_layer *l, struct rtp_extension_item *items);
/* The stream was added. */
void header_open(struct out_layer *l);

/* The unit begins to leave: does its first packet still name the MID? */
void header_begin(struct out_layer *l, const struct unit *u);
/* Bytes of a packet's header. */
size_t header_size(const struct out_layer *l, const struct unit *u);
/* Puts the elements of the next packet in place. */
void header_write(struct out_layer *l, const struct unit *u);

#endif
