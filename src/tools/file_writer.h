/* file_writer: writes to a file, in order, what its owner lends it, and makes the CRC32c of it; on a thread of its own where
 * there is somebody to wake.
 *
 *   at == offset behind what is written; the bytes behind it wait in jobs, in order
 *   a job's release() is called on the owner's thread: by file_writer_collect() or file_writer_free()
 *
 * Writing costs as much as receiving does: the kernel copies each byte, and finds a page for it. What waits is bounded by the
 * owner's lender: the window of the association. */
#ifndef TOOLS_FILE_WRITER_H
#define TOOLS_FILE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/uio.h>

#include "tools/worker.h"

struct file_writer;

/* fd stays the caller's, and is duplicated. crc (or NULL) is extended by what is written; it is the caller's too, and must not be
 * touched while the writer is BUSY. wake(ctx) is called on the other thread. NULL when there is no memory. */
struct file_writer *file_writer_new(int fd, uint64_t at, uint32_t *crc, enum worker_thread thread, void (*wake)(void *ctx),
                                    void *ctx);
/* Writes what waits, releases it, and goes. NULL is harmless. */
void file_writer_free(struct file_writer *w);

/* Takes the pieces of one message; the bytes stay where they are until release(arg). release NULL: the bytes are copied. False
 * when there is no memory; then nothing was taken. */
bool file_writer_put(struct file_writer *w, const struct iovec *iov, size_t count, void (*release)(void *arg), void *arg);
/* Releases what was written since. *error: 0, or errno, and then nothing is written any
 * more. True when it did something: without a thread, it writes what one pwritev takes. */
bool file_writer_collect(struct file_writer *w, int *error);
uint64_t file_writer_at(struct file_writer *w);

enum file_writer_state {
	FILE_WRITER_BUSY, /* with a thread, wake() follows once when nothing waits any more */
	FILE_WRITER_IDLE,
	FILE_WRITER_FAILED, /* the error is that of file_writer_collect() */
};
enum file_writer_state file_writer_state(struct file_writer *w, int *error);

#endif
