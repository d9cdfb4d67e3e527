/* source: a window on a file, from the present position onwards. It holds what the caller asked for and what came with it; a
 * window grows up to SOURCE_MOST. It knows no format. */
#ifndef TOOLS_MEDIA_SOURCE_H
#define TOOLS_MEDIA_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "tools/media/media_file.h"

#define SOURCE_MOST (MEDIA_MOST_BYTES + 4096) /* a frame, and the look at what follows */

/*   at == offset in the file of space[from]
 *   from <= to <= size <= SOURCE_MOST */
struct source {
	int fd;
	uint64_t at;
	uint8_t *space;
	size_t size, from, to;
};

/* Returns 0 or SLUICE_IO. */
int source_open(struct source *s, const char *path);
void source_close(struct source *s);

/* Makes n bytes at least ready, where the file has as many. Bytes that were ready may move. Returns how many are ready, or
 *   SLUICE_IO         errno says why
 *   SLUICE_TOO_LARGE  n is above SOURCE_MOST
 *   SLUICE_NO_MEMORY */
int source_fill(struct source *s, size_t n);

static inline const uint8_t *source_data(const struct source *s) {
	return s->space + s->from;
}
/* Passes n bytes that are ready. They stay where they are until source_fill(). */
static inline void source_skip(struct source *s, size_t n) {
	s->from += n;
	s->at += n;
}
void source_seek(struct source *s, uint64_t offset);

#endif
