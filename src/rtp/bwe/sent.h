/* sent: what left under which transport-wide sequence number, and what do we know of its fate?
 *
 * A ring by sequence number of the last `capacity` packets. An older packet is overwritten; what a feedback says about it is then
 * ignored. It knows no rates and no delays.
 *
 *   next - first <= capacity
 *
 * Memory: 16 bytes a packet, taken at sent_open(). */
#ifndef RTP_BWE_SENT_H
#define RTP_BWE_SENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/env.h"

enum sent_fate {
	SENT_UNKNOWN,
	SENT_LOST, /* a feedback said that it had not come by then; a later one may say that it came */
	SENT_ARRIVED,
	SENT_NEVER, /* the number was passed over: no packet has it */
};

struct sent_packet {
	uint64_t at;
	uint32_t size : 24; /* bytes, with all that counts against the rate */
	uint32_t fate : 8;
	uint32_t probe; /* 0: none */
};

#define SENT_SIZE_MAX 0xFFFFFF

struct sent {
	sluice_env *env;
	struct sent_packet *ring;
	uint64_t first, next;
	size_t capacity; /* a power of two */
};

/* capacity is a power of two, at most 2^15, so that 16 bits name a packet. Returns 0 or SLUICE_NO_MEMORY. */
int sent_open(struct sent *s, sluice_env *env, size_t capacity);
void sent_close(struct sent *s);
/* sequence is unwrapped, at least SERIAL_ORIGIN and above all before; numbers in between are marked as passed over. Returns 0 or
 *   SLUICE_INVALID  it is not above the last one */
int sent_add(struct sent *s, uint64_t sequence, uint32_t size, uint32_t probe, uint64_t now);
/* Asks for the memory of the next packets. */
void sent_prefetch(const struct sent *s);
/* NULL: no packet that is remembered has the number. */
struct sent_packet *sent_find(const struct sent *s, uint64_t sequence);
bool sent_check(const struct sent *s);

#endif
