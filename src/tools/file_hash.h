/* file_hash: the SHA-256 of an open file, up to where its owner says, on a thread of its own where there is somebody to wake.
 *
 *   at <= upto: the hash covers the first `at` bytes; it follows `upto`
 *
 * The bytes are read from the file (what was just read or written is in the page cache), so none has to cross between the
 * threads. With wake NULL there is no thread, and file_hash_step() does the work in slices. */
#ifndef TOOLS_FILE_HASH_H
#define TOOLS_FILE_HASH_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto/crypto.h"

struct file_hash;

/* fd stays the caller's, and is duplicated. wake(ctx) is called on the other thread. NULL when there is no memory. */
struct file_hash *file_hash_new(int fd, void (*wake)(void *ctx), void *ctx);
/* Waits for the slice under way. */
void file_hash_free(struct file_hash *h);

/* Never backwards. */
void file_hash_extend(struct file_hash *h, uint64_t upto);

enum file_hash_state {
	FILE_HASH_BEHIND, /* with a thread, wake() follows once when it is not behind any more; without one, file_hash_step() */
	FILE_HASH_THERE,
	FILE_HASH_FAILED, /* it cannot be read, or is shorter: errno, 0 for the latter */
};
enum file_hash_state file_hash_state(struct file_hash *h, int *error);
/* True when it did something, which is never with a thread. */
bool file_hash_step(struct file_hash *h);
/* Once it is THERE. False when the crypto library refuses. */
bool file_hash_get(struct file_hash *h, uint8_t out[CRYPTO_SHA256_SIZE]);

#endif
