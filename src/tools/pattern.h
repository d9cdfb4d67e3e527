/* pattern: payload that the receiver can check without having seen it.
 *
 * One block of pseudo-random bytes comes of a key. A message is a slice of it that starts where (channel, sequence number)
 * says, under a header of 16 bytes with channel, length and sequence number, where it is long enough for one. Checking
 * is a memcmp against the same block on the other side, several times faster than anything that a network brings. Both
 * sides must have the same byte order.
 *
 * Messages shorter than the header have none: their sequence number is the one that the caller expects (reliable ordered
 * channels) or 0 (all others, where it cannot be known). */
#ifndef TOOLS_PATTERN_H
#define TOOLS_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define PATTERN_HEADER 16

struct pattern {
	uint8_t *block;
	size_t size;                   /* of the messages */
	uint8_t *lent;                 /* where a header stands in the block, or NULL */
	uint8_t saved[PATTERN_HEADER]; /* what was there */
};

/* False when there is no memory. */
bool pattern_init(struct pattern *p, uint64_t key, size_t size);
void pattern_free(struct pattern *p);

static inline bool pattern_has_header(const struct pattern *p) {
	return p->size >= PATTERN_HEADER;
}

/* The message, without a copy: valid until the next call, or until it is taken back. While it is lent, its header stands in
 * the block, so nothing can be checked against it. */
const uint8_t *pattern_lend(struct pattern *p, uint32_t channel, uint64_t sequence);
void pattern_take_back(struct pattern *p);
/* The message into `to`, of size bytes. */
void pattern_write(struct pattern *p, uint8_t *to, uint32_t channel, uint64_t sequence);

/* Is it a message of that channel? *sequence: in, the number to take for a message without a header; out, its number. */
bool pattern_check(const struct pattern *p, const struct iovec *iov, size_t count, size_t len, uint32_t channel,
                   uint64_t *sequence);

#endif
