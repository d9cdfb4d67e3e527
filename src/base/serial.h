/* serial: 32-, 24- and 16-bit serial numbers of the wire (TSN, SSN, MID, RTP's sequence numbers, timestamps and send times) as
 * 64-bit numbers inside.
 *
 * RFC 9260, 1.7: "Comparisons and arithmetic on TSNs in this document SHOULD use Serial Number Arithmetic". Instead, each number
 * is unwrapped once, where it comes in: it becomes the 64-bit number that is nearest to a known one. Inside, plain integers are
 * compared, and they never wrap. */
#ifndef BASE_SERIAL_H
#define BASE_SERIAL_H

#include <stdint.h>

/* Returns the 64-bit number nearest to `near` whose low 32 bits are `wire`. `near` must be at least 2^32, so that the result is
 * not below zero. So every sequence starts at SERIAL_ORIGIN + its first number. */
#define SERIAL_ORIGIN (UINT64_C(1) << 32)

static inline uint64_t serial_unwrap(uint32_t wire, uint64_t near) {
	return near + (uint64_t)(int64_t)(int32_t)(wire - (uint32_t)near);
}
static inline uint64_t serial_unwrap16(uint16_t wire, uint64_t near) {
	return near + (uint64_t)(int64_t)(int16_t)(uint16_t)(wire - (uint16_t)near);
}
/* The top byte of wire is not read. */
static inline uint64_t serial_unwrap24(uint32_t wire, uint64_t near) {
	return near + (uint64_t)(int64_t)((int32_t)((wire - (uint32_t)near) << 8) >> 8);
}

#endif
