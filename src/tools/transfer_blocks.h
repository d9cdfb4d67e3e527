/* transfer_blocks: pieces of a file that are read once, lent to the channel, and filled again when it has given them back. It may
 * do that after the sender is gone. How many there are, the channel's high-water mark bounds. */
#ifndef TOOLS_TRANSFER_BLOCKS_H
#define TOOLS_TRANSFER_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#define BLOCK_SIZE (256 << 10)

struct block_home;

struct block {
	struct block_home *home;
	struct block *next; /* while idle */
	unsigned refs;
	size_t len;
	uint8_t bytes[BLOCK_SIZE];
};

struct block_home *block_home_new(void);
/* Its owner leaves; it goes with the last block. NULL is harmless. */
void block_home_leave(struct block_home *home);

/* One with one reference, or NULL when there is no memory. */
struct block *block_new(struct block_home *home);
void block_ref(struct block *b);
/* Takes a struct block; NULL is harmless. */
void block_unref(void *b);

#endif
