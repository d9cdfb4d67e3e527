/* media_file: see its header. What every format has in common; the formats know what the bytes mean. */
#include "tools/media/media_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "sluice/error.h"
#include "tools/media/container.h"

/* ---- codecs ---- */

static const struct {
	const char *name;
	uint32_t clock_rate;
	const struct container *container;
} codecs[] = {
	[MEDIA_VP8] = {"VP8", 90000, &container_ivf},   [MEDIA_VP9] = {"VP9", 90000, &container_ivf},
	[MEDIA_AV1] = {"AV1", 90000, &container_ivf},   [MEDIA_H264] = {"H264", 90000, &container_annex_b},
	[MEDIA_OPUS] = {"opus", 48000, &container_ogg},
};

#define CODECS (sizeof codecs / sizeof *codecs)

const char *media_codec_name(enum media_codec codec) {
	return codecs[codec].name;
}

bool media_codec_named(const char *name, enum media_codec *out) {
	for (size_t i = 0; i < CODECS; i++)
		if (strcasecmp(name, codecs[i].name) == 0) {
			*out = (enum media_codec)i;
			return true;
		}
	return false;
}

const char *media_codec_suffix(enum media_codec codec) {
	return codecs[codec].container->suffix;
}

/* ---- reading ---- */

static const struct container *const containers[] = {&container_ivf, &container_ogg, &container_annex_b};

#define HEAD 64 /* bytes that tell the formats apart */

static const struct container *recognize(struct source *s, int *error) {
	int len = source_fill(s, HEAD);
	*error = len < 0 ? len : SLUICE_UNSUPPORTED;
	for (size_t i = 0; len > 0 && i < sizeof containers / sizeof *containers; i++)
		if (containers[i]->is_it(source_data(s), (size_t)len))
			return containers[i];
	return NULL;
}

static int open_source(struct source *s, double fps, struct media_reader **out) {
	int error;
	const struct container *c = recognize(s, &error);
	if (!c)
		return error;
	struct media_reader *r = calloc(1, c->reader_size);
	if (!r)
		return SLUICE_NO_MEMORY;
	r->container = c;
	r->fps = fps;
	r->source = *s;
	error = c->open(r);
	r->info.clock_rate = codecs[r->info.codec].clock_rate;
	r->entry = r->first;
	*s = r->source;
	if (!error) {
		*out = r;
		return 0;
	}
	if (c->close_reader)
		c->close_reader(r);
	free(r);
	return error;
}

int media_reader_open(const char *path, double fps, struct media_reader **out) {
	if (fps != 0 && !(fps >= 1 && fps <= 240))
		return SLUICE_INVALID;
	struct source s;
	int error = source_open(&s, path);
	if (error)
		return error;
	error = open_source(&s, fps != 0 ? fps : 30, out);
	if (error)
		source_close(&s);
	return error;
}

void media_reader_free(struct media_reader *r) {
	if (!r)
		return;
	if (r->container->close_reader)
		r->container->close_reader(r);
	source_close(&r->source);
	free(r);
}

const struct media_info *media_reader_info(const struct media_reader *r) {
	return &r->info;
}

int media_reader_next(struct media_reader *r, struct media_frame *out) {
	if (r->error)
		return r->error;
	int result = r->container->next(r, out);
	if (result < 0)
		r->error = result;
	return result;
}

static int seek(struct media_reader *r, struct place to) {
	r->error = r->container->seek(r, &to);
	return r->error;
}

int media_reader_rewind(struct media_reader *r) {
	r->entry = r->first;
	return seek(r, r->first);
}

int media_reader_seek_keyframe(struct media_reader *r) {
	return r->container->audio ? 0 : seek(r, r->entry);
}

/* ---- writing ---- */

static bool info_is_valid(const struct media_info *info) {
	if ((size_t)info->codec >= CODECS)
		return false;
	if (info->codec == MEDIA_OPUS)
		return (info->channels == 1 || info->channels == 2) && info->pre_skip <= UINT16_MAX;
	return info->width <= UINT16_MAX && info->height <= UINT16_MAX;
}

static void free_writer(struct media_writer *w) {
	if (w->container->close_writer)
		w->container->close_writer(w);
	free(w);
}

int media_writer_create(const char *path, const struct media_info *info, struct media_writer **out) {
	if (!info_is_valid(info))
		return SLUICE_INVALID;
	const struct container *c = codecs[info->codec].container;
	struct media_writer *w = calloc(1, c->writer_size);
	if (!w)
		return SLUICE_NO_MEMORY;
	w->container = c;
	w->info = *info;
	w->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	int error = w->fd < 0 ? (errno == EEXIST ? SLUICE_EXISTS : SLUICE_IO) : c->create(w);
	if (!error) {
		*out = w;
		return 0;
	}
	int why = errno;
	if (w->fd >= 0) {
		close(w->fd);
		unlink(path);
	}
	free_writer(w);
	errno = why;
	return error;
}

int media_writer_put(struct media_writer *w, const struct media_frame *frame) {
	if (w->error)
		return w->error;
	if (frame->len > MEDIA_MOST_BYTES)
		return SLUICE_TOO_LARGE;
	if (frame->len == 0)
		return SLUICE_MALFORMED;
	if (w->frames && frame->timestamp <= w->last)
		return SLUICE_INVALID;
	if (!w->frames)
		w->first = frame->timestamp;
	int error = w->container->put(w, frame);
	if (error)
		return error;
	w->last = frame->timestamp;
	w->frames++;
	return 0;
}

int media_writer_close(struct media_writer *w) {
	if (!w)
		return 0;
	int error = w->error;
	if (w->container->finish && w->container->finish(w))
		error = SLUICE_IO;
	if (close(w->fd))
		error = SLUICE_IO;
	free_writer(w);
	return error;
}
