/* plc: see its header. */
#include "tools/media/plc.h"

#include "base/arith.h"
#include "rtp/payload/payload.h"

#define LONGEST 5760 /* samples of a packet */
#define SHORTEST 120 /* of a frame */
#define MANY 3       /* the code of a packet whose second byte counts its frames */

/* A frame of 2.5 ms with the same bandwidth and channels, which only CELT has. CELT has no medium band; RFC 7845, 4.1, takes the
 * next wider one. */
static uint8_t shortest_like(uint8_t toc) {
	static const uint8_t celt_of_silk[] = {16, 20, 20};
	unsigned config = toc >> 3;
	if (config < 12)
		config = celt_of_silk[config / 4];
	else if (config < 16)
		config = config < 14 ? 24 : 28;
	return (uint8_t)((config & ~3u) << 3 | (toc & 4));
}

/* The frames' own length first: a decoder conceals best what continues. */
bool plc_next(uint8_t toc, uint64_t gap, struct plc_packet *out) {
	uint8_t one = toc & (uint8_t)~MANY;
	unsigned frame = payload_opus_samples(&one, 1);
	if (gap < frame) {
		one = shortest_like(toc);
		frame = SHORTEST;
	}
	if (gap < frame)
		return false;
	unsigned frames = (unsigned)(min64(gap, LONGEST) / frame);
	*out = (struct plc_packet){{one, 0}, 1};
	if (frames > 1)
		*out = (struct plc_packet){{one | MANY, (uint8_t)frames}, 2};
	return true;
}
