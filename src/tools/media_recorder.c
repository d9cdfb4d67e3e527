/* media_recorder: see its header. */
#include "tools/media_recorder.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sluice/error.h"
#include "tools/media_codec.h"
#include "tools/tools.h"

#define SAME_NAMES_MAX 9999
/* A name with a mid has so many characters at most. */
#define MID_ROOM 30

/* ---- names ---- */

void recorder_track_name(enum sluice_media_kind kind, const char *mid, char name[MEDIA_NAME_MAX]) {
	char *at = name + snprintf(name, MEDIA_NAME_MAX, "%s-", kind == SLUICE_VIDEO ? "video" : "audio");
	for (; *mid && at < name + MID_ROOM; mid++)
		*at++ = isalnum((unsigned char)*mid) ? *mid : '_';
	*at = 0;
}

static bool set_path(struct recorder *r, enum media_codec codec, unsigned n) {
	char number[16] = "";
	if (n > 1)
		snprintf(number, sizeof number, "-%u", n);
	int len = snprintf(r->path, sizeof r->path, "%s/%s-%s%s%s", r->folder, r->name, media_codec_name(codec), number,
	                   media_codec_suffix(codec));
	return len < (int)sizeof r->path;
}

/* ---- files ---- */

void recorder_init(struct recorder *r, const char *folder, const char *name, unsigned layer) {
	*r = (struct recorder){.folder = folder};
	if (layer)
		snprintf(r->name, sizeof r->name, "%.30s-layer%u", name, layer);
	else
		snprintf(r->name, sizeof r->name, "%s", name);
}

static bool fail(struct recorder *r, int error) {
	complain("media: cannot write %s: %s", r->path, error == SLUICE_IO ? strerror(errno) : sluice_error_text(error));
	r->failed = true;
	return false;
}

/* RFC 6716, 3.1: the bit "s" of the first byte says that the packet is stereo. Packets of both kinds may come; a decoder makes of
 * each what the file says. */
static unsigned channels_of(const sluice_frame *f) {
	return f->len && f->data[0] & 4 ? 2 : 1;
}

static bool begin_file(struct recorder *r, const sluice_frame *f) {
	enum media_codec codec;
	if (!media_codec_for_file(f->codec, &codec))
		return true;
	struct media_info info = {.codec = codec, .channels = codec == MEDIA_OPUS ? channels_of(f) : 0};
	int error = SLUICE_EXISTS;
	for (unsigned n = 1; error == SLUICE_EXISTS && n <= SAME_NAMES_MAX; n++)
		error = set_path(r, codec, n) ? media_writer_create(r->path, &info, &r->writer) : SLUICE_TOO_LARGE;
	if (error)
		return fail(r, error);
	r->codec = f->codec;
	r->rtp_last = f->rtp_timestamp;
	r->last = r->frames = r->keyframes = r->bytes = 0;
	return true;
}

/* The timestamp counts on from the last frame's, in either direction. Units are rounded once: the file's time in units is
 * exact. */
static uint64_t time_of(const struct recorder *r, const sluice_frame *f) {
	const uint32_t rate = sluice_codec_clock_rate(f->codec);
	const int64_t since = (int32_t)(f->rtp_timestamp - r->rtp_last);
	const int64_t units = (int64_t)((r->last * rate + SLUICE_S / 2) / SLUICE_S) + since;
	return units < 0 ? 0 : (uint64_t)units * SLUICE_S / rate;
}

static bool put(struct recorder *r, const sluice_frame *f) {
	const struct media_frame frame = {
		.data = f->data, .len = f->len, .timestamp = time_of(r, f), .duration = f->duration, .keyframe = f->keyframe};
	int error = media_writer_put(r->writer, &frame);
	if (error == SLUICE_IO || error == SLUICE_NO_MEMORY)
		return fail(r, error);
	if (error) {
		r->left_out++; /* the other side's mistake: bytes that the codec does not make, or a time that goes back */
		return true;
	}
	r->last = frame.timestamp;
	r->rtp_last = f->rtp_timestamp;
	r->frames++;
	r->keyframes += f->keyframe;
	r->bytes += f->len;
	return true;
}

bool recorder_put(struct recorder *r, const sluice_frame *f) {
	if (r->failed)
		return true;
	if (r->writer && r->codec != f->codec && !recorder_close(r))
		return false;
	bool can_begin = f->keyframe || sluice_codec_kind(f->codec) == SLUICE_AUDIO;
	if (!r->writer && can_begin && !begin_file(r, f))
		return false;
	if (!r->writer) {
		r->left_out++;
		return true;
	}
	return put(r, f);
}

static void print_file(const struct recorder *r) {
	double seconds = (double)r->last / 1e9;
	if (sluice_codec_kind(r->codec) == SLUICE_VIDEO)
		print_line("%s: %llu frames, %llu keyframes, %llu bytes, %.2f s", r->path, (unsigned long long)r->frames,
		           (unsigned long long)r->keyframes, (unsigned long long)r->bytes, seconds);
	else
		print_line("%s: %llu packets, %llu bytes, %.2f s", r->path, (unsigned long long)r->frames,
		           (unsigned long long)r->bytes, seconds);
}

bool recorder_close(struct recorder *r) {
	if (!r->writer)
		return true;
	print_file(r);
	int error = media_writer_close(r->writer);
	r->writer = NULL;
	if (!error || r->failed)
		return !error;
	complain("media: %s is not complete: %s", r->path, strerror(errno));
	r->failed = true;
	return false;
}
