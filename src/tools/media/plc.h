/* plc: packets of Opus without sound that ask the decoder for packet loss concealment. RFC 7845, 4.1; RFC 6716, 3. */
#ifndef TOOLS_MEDIA_PLC_H
#define TOOLS_MEDIA_PLC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plc_packet {
	uint8_t bytes[2];
	size_t len;
};

/* The next packet for a gap of so many samples at 48 kHz behind a packet that began with `toc`; as long as fits, at most 120 ms.
 * False: the gap is shorter than any frame. */
bool plc_next(uint8_t toc, uint64_t gap, struct plc_packet *out);

#endif
