/* media_file: encoded frames in files. VP8, VP9 and AV1 are kept in IVF, H.264 as a byte stream of Annex B, Opus in Ogg.
 *
 * It decodes nothing, and knows no clock: the caller reads a frame when it is due. A reader holds one frame and its look-ahead,
 * so a file may have any length. A file that is being written can be read at any time, also when its writer was killed. Up to a
 * second of sound is not in it yet.
 *
 * Times are nanoseconds from the first frame of the file, rounded. They are exact enough for RTP: rounding them to a clock of
 * 90 kHz or 48 kHz gives the number that was written. */
#ifndef TOOLS_MEDIA_MEDIA_FILE_H
#define TOOLS_MEDIA_MEDIA_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A longer frame, or header of a file, is refused. */
#define MEDIA_MOST_BYTES ((size_t)16 << 20)

enum media_codec { MEDIA_VP8, MEDIA_VP9, MEDIA_AV1, MEDIA_H264, MEDIA_OPUS };

/* As SDP spells it. */
const char *media_codec_name(enum media_codec codec);
/* In any case. False: no file here holds it. */
bool media_codec_named(const char *name, enum media_codec *out);
/* What a file's name ends in: ".ivf", ".h264" or ".ogg". */
const char *media_codec_suffix(enum media_codec codec);

struct media_info {
	enum media_codec codec;
	/* Of the codec's RTP timestamps: 90,000 or 48,000. Writers do not read it. */
	uint32_t clock_rate;
	/* 0: not known. A writer of IVF takes them from the first keyframe then. */
	unsigned width, height;
	/* Opus: 1 or 2. Samples at 48 kHz that a player drops at the beginning, below 65,536. */
	unsigned channels, pre_skip;
};

struct media_frame {
	/* VP8, VP9: a frame or superframe. AV1: a temporal unit of OBUs with sizes. H.264: an access unit with start codes.
	 * Opus: a packet. */
	const uint8_t *data;
	size_t len;
	uint64_t timestamp;
	/* Until the next frame. Writers do not read it. */
	uint64_t duration;
	bool keyframe;
};

/* ---- reading ---- */

struct media_reader;

/* The file's first bytes say what it is, not its name. fps, 1 to 240, is for H.264 that does not say its own; 0: 30.
 *
 * Returns 0, or
 *   SLUICE_IO           errno says why
 *   SLUICE_UNSUPPORTED  it is no such file, or has another codec or more than two channels
 *   SLUICE_MALFORMED    its headers are broken, or it has no frame
 *   SLUICE_TOO_LARGE    as of media_reader_next()
 *   SLUICE_INVALID      fps
 *   SLUICE_NO_MEMORY */
int media_reader_open(const char *path, double fps, struct media_reader **out);
/* NULL is harmless. */
void media_reader_free(struct media_reader *r);
const struct media_info *media_reader_info(const struct media_reader *r);

/* The next frame; its bytes stay until the next call of any function. A frame that the file has only a part of is not given.
 * Damaged pages of Ogg are passed over, and their time with them.
 *
 * H.264 comes in decoding order, each frame one frame's time after the one before. Slices must be in order, as all profiles but
 * Baseline want it; redundant pictures are taken for pictures.
 *
 * Returns 1, 0 at the end, or, again and again until rewind or seek,
 *   SLUICE_IO         errno says why
 *   SLUICE_MALFORMED  it is no packet of Opus
 *   SLUICE_TOO_LARGE  the frame is longer than MEDIA_MOST_BYTES
 *   SLUICE_NO_MEMORY */
int media_reader_next(struct media_reader *r, struct media_frame *out);
/* The next frame is the first one. */
int media_reader_rewind(struct media_reader *r);
/* The next frame is the last keyframe that was read; the first frame when none was. Of H.264 it is the last IDR picture with its
 * parameter sets: a decoder that missed them can start there. Opus stays where it is: a decoder can start anywhere.
 *
 * rewind and seek return 0, or SLUICE_IO, SLUICE_MALFORMED when the file is not what it was. */
int media_reader_seek_keyframe(struct media_reader *r);

/* ---- writing ---- */

struct media_writer;

/* Returns 0, or
 *   SLUICE_EXISTS   there is something at path, which is not touched
 *   SLUICE_IO       errno says why
 *   SLUICE_INVALID  a field of info is outside its bounds
 *   SLUICE_NO_MEMORY */
int media_writer_create(const char *path, const struct media_info *info, struct media_writer **out);

/* Each timestamp is above the one before; the first becomes 0. When Opus leaves a gap of up to a minute, the file gets packets
 * that ask the decoder to conceal it; a longer one is taken for a clock that was set, and closed.
 *
 * Returns 0, or without writing anything
 *   SLUICE_INVALID    the timestamp is not above the one before
 *   SLUICE_MALFORMED  the bytes are not what the codec makes
 *   SLUICE_TOO_LARGE  more than MEDIA_MOST_BYTES
 *   SLUICE_NO_MEMORY
 *   SLUICE_IO         errno says why; the file keeps its whole frames and takes no more */
int media_writer_put(struct media_writer *w, const struct media_frame *frame);
/* Ends the file and frees the writer in any case. Returns 0, or SLUICE_IO when not all of it could be written. NULL is
 * harmless. */
int media_writer_close(struct media_writer *w);

#endif
