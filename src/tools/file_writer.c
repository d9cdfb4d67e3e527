/* file_writer: see its header. */
#include "tools/file_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/list.h"

/* Pieces of one pwritev; IOV_MAX of Linux. */
#define PIECES_MAX 1024
/* The thread is not woken for less, unless somebody waits for the end: a wake-up costs the owner as much as a message does. It is
 * an eighth of the smallest window, so the sender does not wait for its release. */
#define WORTH_WAKING (256 << 10)
/* The owner is woken to release so much, so that the sender's window opens again. */
#define WORTH_RELEASING (1 << 20)

struct job {
	struct job *next;
	void (*release)(void *arg);
	void *arg;
	size_t len, count;
	struct iovec iov[]; /* behind them the bytes, where they were copied */
};

/* One queue of jobs, in order: those from `first` up to `todo` are written and wait for their release, those from `todo` on are
 * to be written. `todo` moves behind a job only when the job is written, so the owner never frees what the thread reads.
 *
 *   todo == NULL: all is written, and the thread touches neither the jobs nor the CRC
 *   done_len == bytes of the jobs from `first` up to `todo`, todo_len == of those from `todo` on
 *
 * The worker's lock guards the fields above it. */
struct file_writer {
	struct job *first, **end, *todo;
	uint64_t done_len, todo_len, at;
	int error; /* errno; nothing is written any more */
	struct worker worker;
	int fd;
	uint32_t *crc;
	struct iovec pieces[PIECES_MAX];
};

/* ---- jobs ------------------------------------------------------------------------------------------------------------ */

/* Gives back the jobs from `j` up to `end`. */
static void release_jobs(struct job *j, const struct job *end) {
	while (j != end) {
		struct job *next = j->next;
		if (j->release)
			j->release(j->arg);
		free(j);
		j = next;
	}
}

static struct job *new_job(const struct iovec *iov, size_t count, size_t len, size_t copied) {
	struct job *j = malloc(sizeof *j + count * sizeof *iov + copied);
	if (!j)
		return NULL;
	*j = (struct job){.len = len, .count = count};
	memcpy(j->iov, iov, count * sizeof *iov);
	uint8_t *to = (uint8_t *)(j->iov + count);
	for (size_t i = 0; copied && i < count; to += iov[i++].iov_len) {
		memcpy(to, iov[i].iov_base, iov[i].iov_len);
		j->iov[i].iov_base = to;
	}
	return j;
}

/* ---- the work -------------------------------------------------------------------------------------------------------- */

static bool has_work(void *owner) {
	const struct file_writer *w = owner;
	return w->todo != NULL;
}

/* How many jobs one pwritev takes: at least one. With the lock. */
static size_t count_jobs(const struct job *j) {
	size_t jobs = 1, pieces = j->count;
	for (; j->next && pieces + j->next->count <= PIECES_MAX; jobs++) {
		j = j->next;
		pieces += j->count;
	}
	return jobs;
}

static void add_to_crc(uint32_t *crc, const struct iovec *iov, size_t count) {
	for (size_t i = 0; i < count && crc; i++)
		*crc = crc32c_extend(*crc, iov[i].iov_base, iov[i].iov_len);
}

/* Leaves out the first n bytes. */
static void skip_bytes(struct iovec **iov, size_t *count, size_t n) {
	for (; *count && n >= (*iov)->iov_len; ++*iov, --*count)
		n -= (*iov)->iov_len;
	if (*count) {
		(*iov)->iov_base = (uint8_t *)(*iov)->iov_base + n;
		(*iov)->iov_len -= n;
	}
}

/* 0 or errno. */
static int write_pieces(int fd, struct iovec *iov, size_t count, uint64_t at) {
	while (count) {
		ssize_t n = pwritev(fd, iov, (int)(count < PIECES_MAX ? count : PIECES_MAX), (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? errno : ENOSPC;
		at += (uint64_t)n;
		skip_bytes(&iov, &count, (size_t)n);
	}
	return 0;
}

/* Without the lock, under which the owner appends: the last job's `next` is not looked at. 0 or errno. */
static int write_jobs(struct file_writer *w, struct job *j, size_t jobs, uint64_t at) {
	size_t count = 0;
	/* A message of more pieces than that is alone. */
	struct iovec *iov = j->count > PIECES_MAX ? j->iov : w->pieces;
	for (;; j = j->next) {
		add_to_crc(w->crc, j->iov, j->count);
		if (iov == w->pieces)
			memcpy(w->pieces + count, j->iov, j->count * sizeof *j->iov);
		count += j->count;
		if (--jobs == 0)
			return write_pieces(w->fd, iov, count, at);
	}
}

/* With the lock, which is let go meanwhile. After an error jobs are not written any more, and released all the same. */
static void step(void *owner) {
	struct file_writer *w = owner;
	size_t jobs = count_jobs(w->todo);
	if (!w->error) {
		struct job *first = w->todo;
		uint64_t at = w->at;
		worker_unlock(&w->worker);
		int error = write_jobs(w, first, jobs, at);
		worker_lock(&w->worker);
		w->error = error;
	}
	uint64_t before = w->done_len;
	for (; jobs; jobs--, w->todo = w->todo->next) {
		w->done_len += w->todo->len;
		w->todo_len -= w->todo->len;
		w->at += w->error ? 0 : w->todo->len;
	}
	if (w->worker.has_thread && before < WORTH_RELEASING && (w->done_len >= WORTH_RELEASING || w->error))
		w->worker.wake(w->worker.ctx);
}

/* ---- the owner's side ------------------------------------------------------------------------------------------------ */

struct file_writer *file_writer_new(int fd, uint64_t at, uint32_t *crc, enum worker_thread thread, void (*wake)(void *ctx),
                                    void *ctx) {
	struct file_writer *w = calloc(1, sizeof *w);
	if (!w)
		return NULL;
	w->end = &w->first;
	w->at = at;
	w->crc = crc;
	w->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	worker_start(&w->worker, thread, has_work, step, w, wake, ctx);
	if (w->fd >= 0)
		return w;
	file_writer_free(w);
	return NULL;
}

void file_writer_free(struct file_writer *w) {
	if (!w)
		return;
	worker_stop(&w->worker, true);
	release_jobs(w->first, NULL);
	if (w->fd >= 0)
		close(w->fd);
	free(w);
}

bool file_writer_put(struct file_writer *w, const struct iovec *iov, size_t count, void (*release)(void *arg), void *arg) {
	size_t len = 0;
	for (size_t i = 0; i < count; i++)
		len += iov[i].iov_len;
	struct job *j = new_job(iov, count, len, release ? 0 : len);
	if (!j)
		return false;
	j->release = release;
	j->arg = arg;
	worker_lock(&w->worker);
	QUEUE_APPEND(w->end, j, next);
	if (!w->todo)
		w->todo = j;
	w->todo_len += len;
	if (w->todo_len >= WORTH_WAKING)
		worker_signal(&w->worker);
	worker_unlock(&w->worker);
	return true;
}

bool file_writer_collect(struct file_writer *w, int *error) {
	bool stepped = worker_step(&w->worker);
	worker_lock(&w->worker);
	struct job *done = w->first, *todo = w->todo;
	w->first = todo;
	if (!todo)
		w->end = &w->first;
	w->done_len = 0;
	*error = w->error;
	worker_unlock(&w->worker);
	release_jobs(done, todo);
	return stepped;
}

uint64_t file_writer_at(struct file_writer *w) {
	worker_lock(&w->worker);
	uint64_t at = w->at;
	worker_unlock(&w->worker);
	return at;
}

enum file_writer_state file_writer_state(struct file_writer *w, int *error) {
	worker_lock(&w->worker);
	enum file_writer_state state = w->error ? FILE_WRITER_FAILED : w->todo ? FILE_WRITER_BUSY : FILE_WRITER_IDLE;
	*error = w->error;
	if (state == FILE_WRITER_BUSY)
		worker_await(&w->worker);
	worker_unlock(&w->worker);
	return state;
}
