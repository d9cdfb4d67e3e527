/* sps: what does a sequence parameter set of H.264 say of the picture's size and rate? */
#ifndef TOOLS_MEDIA_SPS_H
#define TOOLS_MEDIA_SPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sps {
	unsigned width, height;
	/* A frame takes ticks / time_scale seconds; 0: it does not say. */
	uint64_t ticks, time_scale;
};

/* The NAL unit, header included. False: it is cut or breaks a rule. */
bool sps_read(const uint8_t *nal, size_t len, struct sps *out);

#endif
