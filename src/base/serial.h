/* serial: 32- and 16-bit serial numbers of the wire (TSN, SSN, MID, request numbers) as 64-bit numbers inside.
 *
 * RFC 9260, 1.7: "Comparisons and arithmetic on TSNs in this document SHOULD use Serial Number Arithmetic". Instead, each
 * number is unwrapped once, where it enters, to the 64-bit number nearest to one that is known; from there on plain
 * integers compare correctly for ever. */
#ifndef BASE_SERIAL_H
#define BASE_SERIAL_H

#include <stdint.h>

/* The 64-bit number nearest to `near` whose low 32 bits are `wire`. `near` >= 2^32 keeps it from going below zero, so
 * every sequence starts at SERIAL_ORIGIN + its first number. */
#define SERIAL_ORIGIN (UINT64_C(1) << 32)

static inline uint64_t serial_unwrap(uint32_t wire, uint64_t near) {
	return near + (uint64_t)(int64_t)(int32_t)(wire - (uint32_t)near);
}
static inline uint64_t serial_unwrap16(uint16_t wire, uint64_t near) {
	return near + (uint64_t)(int64_t)(int16_t)(uint16_t)(wire - (uint16_t)near);
}

#endif
