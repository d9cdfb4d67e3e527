/* container: see its header. What the formats call: times, and bytes into a file. */
#include "tools/media/container.h"

#include <errno.h>
#include <unistd.h>

#include "sluice/error.h"

/* ---- time ---- */

static uint64_t divided(unsigned __int128 product, uint64_t by) {
	unsigned __int128 result = (product + by / 2) / by;
	return result > UINT64_MAX ? UINT64_MAX : (uint64_t)result;
}

uint64_t container_time(uint64_t units, uint64_t per, uint64_t rate) {
	return divided((unsigned __int128)units * (per * SECOND), rate);
}

uint64_t container_units(uint64_t time, uint64_t rate) {
	return divided((unsigned __int128)time * rate, SECOND);
}

/* ---- bytes ---- */

/* Moves the parts past n bytes that were written. */
static void pass(struct iovec **parts, int *count, size_t n) {
	while (*count > 0 && n >= (*parts)->iov_len) {
		n -= (*parts)->iov_len;
		++*parts;
		--*count;
	}
	if (*count > 0) {
		(*parts)->iov_base = (uint8_t *)(*parts)->iov_base + n;
		(*parts)->iov_len -= n;
	}
}

/* Where it fails, the file ends in a part of a frame; readers pass over that. */
static void drop_part(struct media_writer *w) {
	int why = errno, ignored = ftruncate(w->fd, (off_t)w->size);
	(void)ignored;
	errno = why;
}

int container_append(struct media_writer *w, struct iovec *parts, int count) {
	uint64_t at = w->size;
	while (count > 0) {
		ssize_t n = pwritev(w->fd, parts, count, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			drop_part(w);
			w->error = SLUICE_IO;
			return SLUICE_IO;
		}
		at += (size_t)n;
		pass(&parts, &count, (size_t)n);
	}
	w->size = at;
	return 0;
}

int container_patch(struct media_writer *w, uint64_t offset, const void *data, size_t len) {
	return pwrite(w->fd, data, len, (off_t)offset) == (ssize_t)len ? 0 : SLUICE_IO;
}
