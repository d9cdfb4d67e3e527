/* unit: what do the first bits of an encoded picture say? Is it a keyframe, and then, how large? It knows no files, and nothing
 * of the pictures before. */
#ifndef TOOLS_MEDIA_UNIT_H
#define TOOLS_MEDIA_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct unit {
	bool keyframe;
	unsigned width, height; /* of a keyframe; 0: it does not say */
};

struct unit unit_vp8(const uint8_t *data, size_t len);
/* Of several spatial layers, the lowest one's size. */
struct unit unit_vp9(const uint8_t *data, size_t len);
/* A temporal unit is a keyframe when it has a sequence header before a key frame. */
struct unit unit_av1(const uint8_t *data, size_t len);

#endif
