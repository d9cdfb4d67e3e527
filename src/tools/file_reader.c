/* file_reader: see its header. */
#include "tools/file_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/crc32c.h"

#define READ_AHEAD 4

/* A ring of READ_AHEAD blocks. `taken` were given to the owner, `made` were given to the reader, ever.
 *
 *   taken <= filled <= made <= taken + READ_AHEAD
 *   at == offset behind block number filled - 1
 *
 * The worker's lock guards the fields above it; the owner alone writes taken and made, the thread alone filled and at. */
struct file_reader {
	struct block *ring[READ_AHEAD];
	unsigned taken, filled, made;
	uint64_t at;
	int error;
	struct worker worker;
	uint64_t size;
	int fd;
	uint32_t *crc;
	struct block_home *home;
	uint64_t promised; /* offset behind block number made - 1, when all goes well */
};

static bool has_work(void *owner) {
	const struct file_reader *r = owner;
	return r->filled != r->made && !r->error;
}

/* Without the lock. 0 or an error as of file_reader_next(). */
static int fill_block(struct file_reader *r, struct block *b, uint64_t at) {
	size_t len = r->size - at < BLOCK_SIZE ? (size_t)(r->size - at) : BLOCK_SIZE;
	while (b->len < len) {
		ssize_t n = pread(r->fd, b->bytes + b->len, len - b->len, (off_t)(at + b->len));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? errno : EOF;
		b->len += (size_t)n;
	}
	if (r->crc)
		*r->crc = crc32c_extend(*r->crc, b->bytes, len);
	return 0;
}

/* With the lock, which is let go meanwhile. */
static void step(void *owner) {
	struct file_reader *r = owner;
	struct block *b = r->ring[r->filled % READ_AHEAD];
	uint64_t at = r->at;
	worker_unlock(&r->worker);
	int error = fill_block(r, b, at);
	worker_lock(&r->worker);
	r->error = error;
	if (!error) {
		r->at += b->len;
		r->filled++;
	}
	worker_wake_awaiting(&r->worker);
}

/* Gives the thread blocks to fill, as far as there is file and memory. Without a thread it is one, so that the block that was
 * given back last, and stands in the cache, is filled next. With the lock. */
static void make_blocks(struct file_reader *r) {
	unsigned most = r->worker.has_thread ? READ_AHEAD : 1;
	while (r->made - r->taken < most && r->promised < r->size) {
		struct block *b = block_new(r->home);
		if (!b)
			break;
		r->ring[r->made++ % READ_AHEAD] = b;
		r->promised += r->size - r->promised < BLOCK_SIZE ? r->size - r->promised : BLOCK_SIZE;
	}
	if (has_work(r))
		worker_signal(&r->worker);
}

struct block *file_reader_next(struct file_reader *r, int *error) {
	struct block *b = NULL;
	worker_lock(&r->worker);
	make_blocks(r);
	worker_unlock(&r->worker);
	worker_step(&r->worker);
	worker_lock(&r->worker);
	if (r->taken != r->filled)
		b = r->ring[r->taken++ % READ_AHEAD];
	*error = b ? 0 : r->error;
	if (!b && !r->error && r->taken == r->made && r->promised < r->size)
		*error = ENOMEM;
	else if (!b && !r->error && r->taken != r->made)
		worker_await(&r->worker);
	worker_unlock(&r->worker);
	return b;
}

struct file_reader *file_reader_new(int fd, uint64_t at, uint64_t size, uint32_t *crc, struct block_home *home,
                                    enum worker_thread thread, void (*wake)(void *ctx), void *ctx) {
	struct file_reader *r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	*r = (struct file_reader){.at = at, .promised = at, .size = size, .crc = crc, .home = home};
	r->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	worker_start(&r->worker, thread, has_work, step, r, wake, ctx);
	if (r->fd >= 0)
		return r;
	file_reader_free(r);
	return NULL;
}

void file_reader_free(struct file_reader *r) {
	if (!r)
		return;
	worker_stop(&r->worker, false);
	while (r->taken != r->made)
		block_unref(r->ring[r->taken++ % READ_AHEAD]);
	if (r->fd >= 0)
		close(r->fd);
	free(r);
}
