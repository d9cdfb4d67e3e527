/* file_hash: see its header. */
#include "tools/file_hash.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* Bytes read at once: within a core's cache. */
#define SLICE (256 << 10)
/* The thread is not woken for less, unless somebody waits for it. */
#define WORTH_WAKING (1 << 20)

/* The lock guards the fields above it; the hash and the buffer belong to whoever hashes. */
struct file_hash {
	uint64_t at, upto;
	int error;
	bool failed, awaited, stop, idle;
	pthread_mutex_t lock;
	pthread_cond_t work;
	pthread_t thread;
	bool has_thread;
	int fd;
	crypto_sha256 *hash;
	void (*wake)(void *ctx);
	void *ctx;
	uint8_t buffer[SLICE];
};

/* ---- the work -------------------------------------------------------------------------------------------------------- */

static bool is_behind(const struct file_hash *h) {
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
static void advance(struct file_hash *h) {
	uint64_t at = h->at, upto = h->upto;
	pthread_mutex_unlock(&h->lock);
	ssize_t n = hash_slice(h, at, upto);
	int error = errno;
	pthread_mutex_lock(&h->lock);
	if (n > 0) {
		h->at += (uint64_t)n;
	} else if (!(n < 0 && error == EINTR)) {
		h->failed = true;
		h->error = n < 0 ? error : 0;
	}
}

static void *run(void *arg) {
	struct file_hash *h = arg;
	pthread_mutex_lock(&h->lock);
	while (!h->stop) {
		if (is_behind(h)) {
			advance(h);
			continue;
		}
		if (h->awaited) {
			h->awaited = false;
			h->wake(h->ctx);
		}
		h->idle = true;
		pthread_cond_wait(&h->work, &h->lock);
		h->idle = false;
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

/* Signals are for the thread that runs the loop. */
static bool start_thread(struct file_hash *h) {
	sigset_t all, before;
	sigfillset(&all);
	if (pthread_sigmask(SIG_SETMASK, &all, &before))
		return false;
	bool started = pthread_create(&h->thread, NULL, run, h) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return started;
}

/* ---- the owner's side ------------------------------------------------------------------------------------------------ */

struct file_hash *file_hash_new(int fd, void (*wake)(void *ctx), void *ctx) {
	struct file_hash *h = calloc(1, sizeof *h);
	if (!h)
		return NULL;
	h->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	h->hash = crypto_sha256_new();
	h->wake = wake;
	h->ctx = ctx;
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->work, NULL);
	if (h->fd < 0 || !h->hash) {
		file_hash_free(h);
		return NULL;
	}
	h->has_thread = wake && start_thread(h);
	return h;
}

void file_hash_free(struct file_hash *h) {
	if (!h)
		return;
	if (h->has_thread) {
		pthread_mutex_lock(&h->lock);
		h->stop = true;
		pthread_cond_signal(&h->work);
		pthread_mutex_unlock(&h->lock);
		pthread_join(h->thread, NULL);
	}
	pthread_cond_destroy(&h->work);
	pthread_mutex_destroy(&h->lock);
	if (h->fd >= 0)
		close(h->fd);
	crypto_sha256_free(h->hash);
	free(h);
}

void file_hash_extend(struct file_hash *h, uint64_t upto) {
	pthread_mutex_lock(&h->lock);
	if (upto > h->upto)
		h->upto = upto;
	if (h->idle && h->upto - h->at >= WORTH_WAKING)
		pthread_cond_signal(&h->work);
	pthread_mutex_unlock(&h->lock);
}

uint64_t file_hash_at(struct file_hash *h) {
	pthread_mutex_lock(&h->lock);
	uint64_t at = h->at;
	pthread_mutex_unlock(&h->lock);
	return at;
}

enum file_hash_state file_hash_state(struct file_hash *h, int *error) {
	pthread_mutex_lock(&h->lock);
	enum file_hash_state state = h->failed ? FILE_HASH_FAILED : is_behind(h) ? FILE_HASH_BEHIND : FILE_HASH_THERE;
	*error = h->error;
	if (state == FILE_HASH_BEHIND && h->has_thread) {
		h->awaited = true;
		pthread_cond_signal(&h->work);
	}
	pthread_mutex_unlock(&h->lock);
	return state;
}

bool file_hash_step(struct file_hash *h) {
	if (h->has_thread || !is_behind(h))
		return false;
	pthread_mutex_lock(&h->lock);
	advance(h);
	pthread_mutex_unlock(&h->lock);
	return true;
}

bool file_hash_get(struct file_hash *h, uint8_t out[CRYPTO_SHA256_SIZE]) {
	return crypto_sha256_final(h->hash, out);
}
