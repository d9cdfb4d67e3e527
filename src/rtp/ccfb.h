/* ccfb: which transport-wide number had the packet that a congestion control feedback message (RFC 8888) tells of?
 *
 * The message names packets by SSRC and sequence number. The estimator knows them by one row of numbers for the whole transport.
 * A ring for each SSRC keeps which was which, for the last packets that it sent. It knows no times and no rates.
 *
 *   an entry whose number is n is at n % capacity; a number that was overwritten, or never sent, is not found
 *
 * Memory: 8 bytes a packet. */
#ifndef RTP_CCFB_H
#define RTP_CCFB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/serial.h"
#include "sluice/env.h"

#define CCFB_PACKETS 4096 /* as many as the estimator remembers */
#define CCFB_RTX_PACKETS 1024

/* Both are cut to 32 bits: the ring is far shorter than 2^32 packets. */
struct ccfb_entry {
	uint32_t number, transport;
};

struct ccfb_sent {
	struct ccfb_entry *entries; /* NULL: closed */
	uint64_t capacity;          /* a power of two, at most 2^15 */
};

/* Returns 0, or
 *   SLUICE_NO_MEMORY */
int ccfb_sent_open(struct ccfb_sent *c, sluice_env *env, size_t capacity);
/* Also for a ring of zeros. */
void ccfb_sent_close(struct ccfb_sent *c, sluice_env *env);

/* A packet left: its number in its stream, unwrapped, and the transport's. */
static inline void ccfb_sent_put(struct ccfb_sent *c, uint64_t number, uint64_t transport) {
	c->entries[number & (c->capacity - 1)] = (struct ccfb_entry){(uint32_t)number, (uint32_t)transport};
}

/* next: the stream's next number; transport_next: the transport's. Returns the transport's number of the packet, 0: not known. */
static inline uint64_t ccfb_sent_find(const struct ccfb_sent *c, uint16_t sequence, uint64_t next, uint64_t transport_next) {
	uint64_t number = serial_unwrap16(sequence, next);
	const struct ccfb_entry *e = &c->entries[number & (c->capacity - 1)];
	if (number >= next || e->number != (uint32_t)number)
		return 0;
	uint64_t transport = serial_unwrap(e->transport, transport_next);
	return transport < transport_next ? transport : 0;
}

#endif
