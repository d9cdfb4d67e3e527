/* frame: where does a datagram begin and end in a stream of bytes?
 *
 * Two ways: a 16-bit length before each datagram (RFC 4571, for ICE-TCP), or only the lengths that STUN messages and ChannelData
 * have in their headers (RFC 8656, to a TURN server). It knows no connection. */
#ifndef LOOP_FRAME_H
#define LOOP_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_HEADER_MAX 4 /* this many bytes always show the size of a frame */
#define FRAME_EXTRA_MAX 3  /* bytes that framing adds to a datagram, at most: a length, or padding */

struct frame {
	size_t size;        /* of the whole frame in the stream */
	size_t offset, len; /* the datagram in it */
};

/* Looks at the frame that begins at p. Returns 1 when its size is known (it may not be complete yet), 0 when more bytes are
 * needed for that, -1 when no frame begins there: the stream cannot be read any further. */
int frame_look(const uint8_t *p, size_t len, bool turn, struct frame *f);

/* Writes the frame of a datagram; out has room for len + FRAME_EXTRA_MAX. Returns its size; 0 for one that cannot be framed. */
size_t frame_write(uint8_t *out, const uint8_t *datagram, size_t len, bool turn);

#endif
