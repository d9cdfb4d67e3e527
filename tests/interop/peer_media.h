/* peer_media: what the commands about media share with the files that they send and write. */
#ifndef INTEROP_PEER_MEDIA_H
#define INTEROP_PEER_MEDIA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sluice.h"

/* A file of frames.py in memory. */
struct clip {
	uint8_t *bytes;
	size_t len;
	const uint8_t **frames; /* each behind its 12 bytes of IVF */
	size_t count;
	uint64_t period; /* ns from one frame to the next */
};

/* Video: one frame in so many is a keyframe. */
#define CLIP_KEYFRAMES 15

/* Reads $INTEROP_OUT/interop/media/CODEC-SOURCE.ivf. Returns false where there is none. */
bool clip_open(struct clip *clip, enum sluice_codec codec, long long source);
void clip_close(struct clip *clip);
size_t clip_frame(const struct clip *clip, size_t index, const uint8_t **data);

/* Writes a file that frames.py reads. */
FILE *ivf_create(const char *path, enum sluice_codec codec);
void ivf_add(FILE *file, const uint8_t *data, size_t len, uint64_t number);

#endif
