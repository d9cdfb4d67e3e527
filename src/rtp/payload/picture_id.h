/* picture_id: the picture ids of VP8 and VP9, which have 7 or 15 bits behind one that says which. */
#ifndef RTP_PAYLOAD_PICTURE_ID_H
#define RTP_PAYLOAD_PICTURE_ID_H

#include "base/bytes.h"

#define PICTURE_ID_LONG 0x80

static inline unsigned payload_picture_id(const uint8_t *at, unsigned *bits) {
	*bits = at[0] & PICTURE_ID_LONG ? 15 : 7;
	return *bits == 15 ? get_be16(at) & 0x7FFFu : at[0];
}

/* In the width that is there. */
static inline void payload_put_picture_id(uint8_t *at, unsigned id) {
	if (at[0] & PICTURE_ID_LONG)
		put_be16(at, (uint16_t)(PICTURE_ID_LONG << 8 | (id & 0x7FFF)));
	else
		at[0] = id & 0x7F;
}

#endif
