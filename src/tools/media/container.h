/* container: what media_file.c and the formats of files share. A format is a const table; its readers and writers begin with the
 * structs here. */
#ifndef TOOLS_MEDIA_CONTAINER_H
#define TOOLS_MEDIA_CONTAINER_H

#include <sys/uio.h>

#include "tools/media/media_file.h"
#include "tools/media/source.h"

#define SECOND UINT64_C(1000000000)

/* Where a frame begins, and how many stand before it. */
struct place {
	uint64_t offset, number;
};

struct media_reader {
	const struct container *container;
	struct source source;
	struct media_info info;
	double fps; /* what the caller gave */
	/* Of the next frame, of the first one, and where a decoder can start last. */
	struct place here, first, entry;
	int error;
};

/* size: bytes of the file that are whole */
struct media_writer {
	const struct container *container;
	int fd;
	int error;
	struct media_info info;
	uint64_t size;
	uint64_t first, last; /* timestamps */
	uint64_t frames;
};

struct container {
	const char *suffix;
	bool audio;
	size_t reader_size, writer_size;

	bool (*is_it)(const uint8_t *head, size_t len);
	/* Reads the headers and sets info, first and here. What it took is given back by close_reader, also when it fails. */
	int (*open)(struct media_reader *r);
	/* Reads the frame at `here`, moves that, and sets entry when a decoder can start with this frame. */
	int (*next)(struct media_reader *r, struct media_frame *out);
	/* `to` is a place that `here` was. */
	int (*seek)(struct media_reader *r, const struct place *to);
	/* These two may be NULL. */
	void (*close_reader)(struct media_reader *r);
	void (*close_writer)(struct media_writer *w);

	/* They write by container_append(). */
	int (*create)(struct media_writer *w);
	int (*put)(struct media_writer *w, const struct media_frame *f);
	/* May be NULL. */
	int (*finish)(struct media_writer *w);
};

extern const struct container container_ivf, container_annex_b, container_ogg;

/* Behind the file's last whole byte: all of it, or nothing and SLUICE_IO. The parts are changed. */
int container_append(struct media_writer *w, struct iovec *parts, int count);
/* Over bytes that were written. */
int container_patch(struct media_writer *w, uint64_t offset, const void *data, size_t len);

/* units * per / rate, rounded, as nanoseconds: a time base of per / rate seconds. The largest number when it is too large. */
uint64_t container_time(uint64_t units, uint64_t per, uint64_t rate);
/* The reverse, for a clock of `rate`. */
uint64_t container_units(uint64_t time, uint64_t rate);

#endif
