/* source: see its header. */
#include "tools/media/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sluice/error.h"

#define CHUNK 65536 /* of one read, at least */

int source_open(struct source *s, const char *path) {
	/* Without O_NONBLOCK, a pipe would hold us until somebody writes; as it is, reading it fails. */
	*s = (struct source){.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
	return s->fd < 0 ? SLUICE_IO : 0;
}

void source_close(struct source *s) {
	int why = errno;
	close(s->fd);
	free(s->space);
	errno = why;
}

/* Moves what is ready to the front, and makes room for n bytes and a read behind them. */
static int make_room(struct source *s, size_t n) {
	size_t want = s->size;
	if (s->from < s->to)
		memmove(s->space, s->space + s->from, s->to - s->from);
	s->to -= s->from;
	s->from = 0;
	while (want < n || want - s->to < CHUNK)
		want = want ? 2 * want : 2 * CHUNK;
	want = want < SOURCE_MOST ? want : SOURCE_MOST;
	if (want <= s->size)
		return 0;
	uint8_t *space = realloc(s->space, want);
	if (!space)
		return SLUICE_NO_MEMORY;
	s->space = space;
	s->size = want;
	return 0;
}

int source_fill(struct source *s, size_t n) {
	if (n > SOURCE_MOST)
		return SLUICE_TOO_LARGE;
	if (s->to - s->from >= n)
		return (int)(s->to - s->from);
	if (s->size == 0 || s->size - s->from < n || s->size - s->to < CHUNK) {
		int error = make_room(s, n);
		if (error)
			return error;
	}
	while (s->to - s->from < n) {
		ssize_t got = pread(s->fd, s->space + s->to, s->size - s->to, (off_t)(s->at + (s->to - s->from)));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return SLUICE_IO;
		if (got == 0)
			break;
		s->to += (size_t)got;
	}
	return (int)(s->to - s->from);
}

void source_seek(struct source *s, uint64_t offset) {
	s->at = offset;
	s->from = s->to = 0;
}
