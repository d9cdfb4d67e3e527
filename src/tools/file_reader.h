/* file_reader: reads a file ahead of its owner, block by block, and makes the CRC32c of it; on a thread of its own where there is
 * somebody to wake.
 *
 *   the owner makes and drops the blocks: their home belongs to its thread
 *   READ_AHEAD blocks at most are empty, under way or ready */
#ifndef TOOLS_FILE_READER_H
#define TOOLS_FILE_READER_H

#include <stdint.h>

#include "tools/transfer_blocks.h"
#include "tools/worker.h"

struct file_reader;

/* Reads from `at` up to `size`. fd stays the caller's, and is duplicated. crc (or NULL) is extended by what is read; it is the
 * caller's too, and must not be touched before the reader goes. wake(ctx) is called on the other thread. NULL when there is no
 * memory. */
struct file_reader *file_reader_new(int fd, uint64_t at, uint64_t size, uint32_t *crc, struct block_home *home,
                                    enum worker_thread thread, void (*wake)(void *ctx), void *ctx);
/* Waits for the block under way. NULL is harmless. */
void file_reader_free(struct file_reader *r);

/* The next bytes, with one reference that becomes the caller's. NULL with *error 0: not yet, and wake() follows; also at the end.
 * Else *error is errno, or EOF when the file is shorter than it was. */
struct block *file_reader_next(struct file_reader *r, int *error);

#endif
