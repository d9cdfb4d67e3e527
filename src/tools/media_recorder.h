/* media_recorder: which file does a received frame go into?
 *
 * Each track has a file in a folder, named by its kind, its mid and its codec: "video-1-VP8.ivf". A frame of another codec
 * begins another file; so does video only at a keyframe. A name that is taken gets a number: "video-1-VP8-2.ivf". The mid may be
 * the other side's, so what is not a letter or a digit becomes '_'. It knows no connection.
 *
 * The times of a file are those of the stream's own timestamps. The time line that tracks share moves while it is learnt, which a
 * player of the track should follow, and a file should not. */
#ifndef TOOLS_MEDIA_RECORDER_H
#define TOOLS_MEDIA_RECORDER_H

#include "sluice/media.h"
#include "tools/media/media_file.h"

/* "video-", a mid, and "-layer3". */
#define MEDIA_NAME_MAX 48
#define MEDIA_PATH_MAX 4096

struct recorder {
	const char *folder;        /* lives as long as the recorder */
	char name[MEDIA_NAME_MAX]; /* of the track */
	struct media_writer *writer;
	enum sluice_codec codec;
	char path[MEDIA_PATH_MAX];
	uint64_t last;     /* time of the file's newest frame, ns from its first one */
	uint32_t rtp_last; /* its timestamp as it came */
	uint64_t frames, keyframes, bytes;
	uint64_t left_out; /* of all files: frames that they could not take */
	bool failed;       /* a file could not be written, and stderr says why */
};

/* "video-1": fit for the name of a file. */
void recorder_track_name(enum sluice_media_kind kind, const char *mid, char name[MEDIA_NAME_MAX]);
/* Of a layer that is not the first one, the name says so: "video-1-layer2". Nothing is made before the first frame. */
void recorder_init(struct recorder *r, const char *folder, const char *name, unsigned layer);
/* False when it failed now, after it said why. */
bool recorder_put(struct recorder *r, const sluice_frame *frame);
/* Ends the file, if there is one, and prints a line about it. False: it is not complete, and stderr says so. */
bool recorder_close(struct recorder *r);

#endif
