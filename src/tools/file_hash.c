/* file_hash: see its header. */
#include "tools/file_hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/worker.h"

/* Bytes read at once: within a core's cache. */
#define SLICE (256 << 10)
/* The thread is not woken for less, unless somebody waits for it. */
#define WORTH_WAKING (1 << 20)

/* The worker's lock guards the fields above it; the hash and the buffer belong to whoever hashes. */
struct file_hash {
	uint64_t at, upto;
	int error;
	bool failed;
	struct worker worker;
	int fd;
	crypto_sha256 *hash;
	uint8_t buffer[SLICE];
};

/* ---- the work -------------------------------------------------------------------------------------------------------- */

static bool is_behind(void *owner) {
	const struct file_hash *h = owner;
	return h->at < h->upto && !h->failed;
}

/* Without the lock. Returns the bytes hashed; 0 or less: errno is why. */
static ssize_t hash_slice(struct file_hash *h, uint64_t at, uint64_t upto) {
	size_t len = upto - at < SLICE ? (size_t)(upto - at) : SLICE;
	errno = 0;
	ssize_t n = pread(h->fd, h->buffer, len, (off_t)at);
	if (n > 0 && !crypto_sha256_update(h->hash, h->buffer, (size_t)n)) {
		errno = EIO;
		return -1;
	}
	return n;
}

/* With the lock, which is let go meanwhile. */
static void advance(void *owner) {
	struct file_hash *h = owner;
	uint64_t at = h->at, upto = h->upto;
	worker_unlock(&h->worker);
	ssize_t n = hash_slice(h, at, upto);
	int error = errno;
	worker_lock(&h->worker);
	if (n > 0) {
		h->at += (uint64_t)n;
	} else if (!(n < 0 && error == EINTR)) {
		h->failed = true;
		h->error = n < 0 ? error : 0;
	}
}

/* ---- the owner's side ------------------------------------------------------------------------------------------------ */

struct file_hash *file_hash_new(int fd, void (*wake)(void *ctx), void *ctx) {
	struct file_hash *h = calloc(1, sizeof *h);
	if (!h)
		return NULL;
	h->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	h->hash = crypto_sha256_new();
	worker_start(&h->worker, WORKER_AT_ONCE, is_behind, advance, h, wake, ctx);
	if (h->fd >= 0 && h->hash)
		return h;
	file_hash_free(h);
	return NULL;
}

void file_hash_free(struct file_hash *h) {
	if (!h)
		return;
	worker_stop(&h->worker, false);
	if (h->fd >= 0)
		close(h->fd);
	crypto_sha256_free(h->hash);
	free(h);
}

void file_hash_extend(struct file_hash *h, uint64_t upto) {
	worker_lock(&h->worker);
	if (upto > h->upto)
		h->upto = upto;
	if (h->upto - h->at >= WORTH_WAKING)
		worker_signal(&h->worker);
	worker_unlock(&h->worker);
}

enum file_hash_state file_hash_state(struct file_hash *h, int *error) {
	worker_lock(&h->worker);
	enum file_hash_state state = h->failed ? FILE_HASH_FAILED : is_behind(h) ? FILE_HASH_BEHIND : FILE_HASH_THERE;
	*error = h->error;
	if (state == FILE_HASH_BEHIND)
		worker_await(&h->worker);
	worker_unlock(&h->worker);
	return state;
}

bool file_hash_step(struct file_hash *h) {
	return worker_step(&h->worker);
}

bool file_hash_get(struct file_hash *h, uint8_t out[CRYPTO_SHA256_SIZE]) {
	return crypto_sha256_final(h->hash, out);
}
